// SPDX-License-Identifier: GPL-2.0
/*
 * Frames: everything of a guest that is not an offloaded connection.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include <net/gso.h>

#include "fp.h"
#include "guard.h"
#include "guest_state.h"
#include "port.h"

#define VHO_FRAME_HDR_BYTES	sizeof(struct virtio_net_hdr_v1)
#define VHO_FRAME_BYTES_MAX	(65536 + 256)
/* Bytes of a frame kept linear, room for the headers that the stack looks at. */
#define VHO_FRAME_LINEAR_BYTES	256
/* Pieces that a GSO frame is cut into at most. */
#define VHO_FRAME_SEGS_MAX	256

static void vho_frame_ring_broken(struct vho_port *port)
{
	vho_port_stat_inc(port, VHO_STAT_guest_bad_ring);
	vho_vdev_needs_reset(&port->vdev);
}

/* ---- guest to network ---- */

/* Copies the chain's bytes from @off on into @skb (its whole length). */
static int vho_frame_copy_in(struct vho_guest_state *guest, const struct vho_chain *chain,
			     u32 skip, struct sk_buff *skb)
{
	u32 done = 0;
	unsigned int i;

	for (i = 0; i < chain->nr_out && done < skb->len; i++) {
		u32 len = chain->buf[i].len;
		u8 *ptr;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		ptr = vho_region_ptr(guest, &guest->frame_recent, chain->buf[i].addr, len);
		if (!ptr)
			return -EFAULT;
		len = min(len - skip, skb->len - done);
		if (skb_store_bits(skb, done, ptr + skip, len))
			return -EFAULT;
		done += len;
		skip = 0;
	}
	return done == skb->len ? 0 : -EFAULT;
}

static struct sk_buff *vho_frame_build(struct vho_port *port, struct vho_guest_state *guest,
				       const struct vho_chain *chain)
{
	struct virtio_net_hdr_v1 hdr;
	struct sk_buff *skb;
	u64 len = 0;
	u32 linear;
	unsigned int i;
	void *ptr;
	int err;

	if (!chain->nr_out || chain->nr_in || chain->buf[0].len < VHO_FRAME_HDR_BYTES)
		return NULL;
	for (i = 0; i < chain->nr_out; i++)
		len += chain->buf[i].len;
	if (len < VHO_FRAME_HDR_BYTES + ETH_HLEN || len > VHO_FRAME_HDR_BYTES + VHO_FRAME_BYTES_MAX)
		return NULL;
	len -= VHO_FRAME_HDR_BYTES;
	ptr = vho_region_ptr(guest, &guest->frame_recent, chain->buf[0].addr, VHO_FRAME_HDR_BYTES);
	if (!ptr)
		return NULL;
	memcpy(&hdr, ptr, sizeof(hdr));

	linear = min_t(u32, len, VHO_FRAME_LINEAR_BYTES);
	skb = alloc_skb_with_frags(NET_SKB_PAD + NET_IP_ALIGN + linear, len - linear,
				   PAGE_ALLOC_COSTLY_ORDER, &err, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb) {
		vho_port_stat_inc(port, VHO_STAT_drop_nomem);
		return NULL;
	}
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb_put(skb, linear);
	skb->data_len = len - linear;
	skb->len += len - linear;
	if (vho_frame_copy_in(guest, chain, VHO_FRAME_HDR_BYTES, skb))
		goto bad;
	skb->dev = port->netdev;
	skb_reset_mac_header(skb);
	skb->protocol = eth_hdr(skb)->h_proto;
	/* The header's offsets count from the frame's first byte. */
	if (virtio_net_hdr_to_skb(skb, (struct virtio_net_hdr *)&hdr, true))
		goto bad;
	return skb;
bad:
	kfree_skb(skb);
	return NULL;
}

unsigned int vho_frame_tx(struct vho_port *port, struct vho_guest_state *guest, unsigned int max)
{
	struct vho_ring *ring = guest->frame_tx;
	struct vho_chain chain __uninitialized;
	unsigned int n;
	int ret = 0;

	if (!ring)
		return 0;
	for (n = 0; n < max; n++) {
		struct sk_buff *skb;

		ret = vho_ring_pop(ring, &chain);
		if (ret <= 0)
			break;
		skb = vho_frame_build(port, guest, &chain);
		vho_ring_push(ring, chain.head, 0);
		if (!skb) {
			vho_port_stat_inc(port, VHO_STAT_guest_bad_frame);
			continue;
		}
		if (unlikely(!vho_guard_tx(port, skb))) {
			kfree_skb(skb);
			continue;
		}
		vho_port_stat_inc(port, VHO_STAT_frame_tx);
		vho_port_stat_add(port, VHO_STAT_frame_tx_bytes, skb->len);
		vho_port_netdev_rx(port, skb);
	}
	if (ret < 0)
		vho_frame_ring_broken(port);
	return n;
}

/* ---- network to guest ---- */

/* Buffers collected for one frame. */
struct vho_frame_dest {
	u16 heads[VHO_CHAIN_MAX];
	u32 lens[VHO_CHAIN_MAX];	/* bytes written into each */
	unsigned int nr;
};

/* Writes skb bytes [off, ...) into the buffers of one chain, whose first @skip bytes are taken. */
static int vho_frame_fill(struct vho_guest_state *guest, const struct vho_chain *chain, u32 skip,
			  const struct sk_buff *skb, u32 *off, u32 *written)
{
	unsigned int i;

	for (i = 0; i < chain->nr_in && *off < skb->len; i++) {
		u32 len = chain->buf[i].len;
		u8 *ptr;

		if (skip >= len)
			return -EFAULT;
		ptr = vho_region_ptr(guest, &guest->frame_recent, chain->buf[i].addr, len);
		if (!ptr)
			return -EFAULT;
		len = min(len - skip, skb->len - *off);
		if (skb_copy_bits(skb, *off, ptr + skip, len))
			return -EFAULT;
		*off += len;
		*written += len;
		skip = 0;
	}
	return 0;
}

/*
 * Return: 1 delivered, 0 not enough buffers now, -EPROTO the driver broke the ring, -EFAULT a buffer is
 * no good, -EMSGSIZE the frame cannot fit.
 */
static int vho_frame_deliver(struct vho_guest_state *guest, const struct sk_buff *skb)
{
	bool mergeable = guest->features & BIT_ULL(VIRTIO_VIRTUOSO_F_MRG_RXBUF);
	struct virtio_net_hdr_v1 hdr = { };
	struct vho_ring *ring = guest->frame_rx;
	struct vho_frame_dest dest = { };
	struct vho_chain chain __uninitialized;
	u8 *hdr_ptr = NULL;
	u32 off = 0;
	int ret;

	if (virtio_net_hdr_from_skb(skb, (struct virtio_net_hdr *)&hdr, true, false, 0))
		return -EMSGSIZE;
	do {
		u32 skip = dest.nr ? 0 : VHO_FRAME_HDR_BYTES;

		if (dest.nr == VHO_CHAIN_MAX || (dest.nr && !mergeable)) {
			ret = -EMSGSIZE;
			goto undo;
		}
		ret = vho_ring_pop(ring, &chain);
		if (ret <= 0)
			goto undo;
		dest.heads[dest.nr] = chain.head;
		dest.lens[dest.nr] = skip;
		dest.nr++;
		ret = -EFAULT;
		if (chain.nr_out || chain.buf[0].len <= VHO_FRAME_HDR_BYTES)
			goto undo;
		if (!hdr_ptr) {
			hdr_ptr = vho_region_ptr(guest, &guest->frame_recent, chain.buf[0].addr, VHO_FRAME_HDR_BYTES);
			if (!hdr_ptr)
				goto undo;
		}
		ret = vho_frame_fill(guest, &chain, skip, skb, &off, &dest.lens[dest.nr - 1]);
		if (ret)
			goto undo;
	} while (off < skb->len);

	hdr.num_buffers = (__force __virtio16)cpu_to_le16(dest.nr);
	memcpy(hdr_ptr, &hdr, sizeof(hdr));
	vho_ring_push_n(ring, dest.heads, dest.lens, dest.nr);
	return 1;
undo:
	vho_ring_unpop(ring, dest.nr);
	return ret;
}

/*
 * Cuts a GSO frame for a driver that does not take such. What would be more pieces than any
 * honest sender makes of 64 KiB is dropped: all are made at once.
 * Return: the pieces, linked and in order, or @skb as it is, or NULL: dropped.
 */
static struct sk_buff *vho_frame_cut(struct vho_port *port, struct vho_guest_state *guest,
				     struct sk_buff *skb)
{
	struct sk_buff *segs;

	if (!skb_is_gso(skb) || (guest->features & BIT_ULL(VIRTIO_VIRTUOSO_F_GUEST_TSO)))
		return skb;
	if (DIV_ROUND_UP(skb->len, skb_shinfo(skb)->gso_size) > VHO_FRAME_SEGS_MAX) {
		vho_port_stat_inc(port, VHO_STAT_drop_malformed);
		kfree_skb(skb);
		return NULL;
	}
	segs = skb_gso_segment(skb, NETIF_F_SG);
	if (!segs)
		return skb;
	if (IS_ERR(segs)) {
		vho_port_stat_inc(port, segs == ERR_PTR(-ENOMEM) ? VHO_STAT_drop_nomem :
								   VHO_STAT_drop_malformed);
		kfree_skb(skb);
		return NULL;
	}
	consume_skb(skb);
	return segs;
}

/* The next frame in order, as the driver takes it. NULL: it was dropped. */
static struct sk_buff *vho_frame_next(struct vho_port *port, struct vho_guest_state *guest)
{
	struct sk_buff *skb = guest->frame_head;

	if (!skb) {
		skb = __ptr_ring_consume(&port->frameq);
		if (skb)
			skb = vho_frame_cut(port, guest, skb);
		if (!skb)
			return NULL;
	}
	guest->frame_head = skb->next;
	skb_mark_not_on_list(skb);
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    !(guest->features & BIT_ULL(VIRTIO_VIRTUOSO_F_GUEST_CSUM)) && skb_checksum_help(skb)) {
		vho_port_stat_inc(port, VHO_STAT_drop_nomem);
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

bool vho_frame_waiting(struct vho_port *port, struct vho_guest_state *guest)
{
	return guest->frame_head || !__ptr_ring_empty(&port->frameq);
}

unsigned int vho_frame_rx(struct vho_port *port, struct vho_guest_state *guest, unsigned int max)
{
	unsigned int n;

	if (!guest->frame_rx)
		return 0;
	for (n = 0; n < max; n++) {
		struct sk_buff *skb;
		int ret;

		if (!vho_frame_waiting(port, guest))
			break;
		skb = vho_frame_next(port, guest);
		if (!skb)
			continue;
		ret = vho_frame_deliver(guest, skb);
		if (!ret) {
			skb->next = guest->frame_head;
			guest->frame_head = skb;
			break;
		}
		if (ret > 0) {
			vho_port_stat_inc(port, VHO_STAT_frame_rx);
			vho_port_stat_add(port, VHO_STAT_frame_rx_bytes, skb->len);
			consume_skb(skb);
			continue;
		}
		if (ret != -EMSGSIZE) {
			guest->frame_rx->broken = true;
			vho_frame_ring_broken(port);
		}
		vho_port_stat_inc(port, VHO_STAT_drop_no_buffer);
		kfree_skb(skb);
	}
	return n;
}
