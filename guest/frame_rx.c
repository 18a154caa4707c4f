// SPDX-License-Identifier: GPL-2.0
/*
 * Frames from the device: copied out of slots of registered memory, which are posted
 * again at once.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/bottom_half.h>
#include <linux/dev_printk.h>
#include <linux/errno.h>
#include <linux/etherdevice.h>
#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_virtuoso.h>

#include <virtuoso/compat.h>

#include "conn.h"
#include "dev.h"
#include "frame.h"
#include "priv.h"
#include "stats.h"

/* Up to this size a frame goes into one linear skb, which comes from a page fragment. */
#define VGU_RX_LINEAR_BYTES	2048

/* Linear part of larger ones: all headers that GRO and the stack look at. */
#define VGU_RX_HEAD_BYTES	128

#define VGU_RX_FRAG_ORDER	3	/* PAGE_ALLOC_COSTLY_ORDER */

static struct vgu_frame_rx *vgu_rx(const struct vgu_dev *dev)
{
	return &dev->priv->frames->rx;
}

/* Fails when the device is broken only: then the slot is not needed again. */
static int vgu_rx_post(struct vgu_frame_rx *rx, struct vgu_slot *slot)
{
	struct scatterlist sg;

	sg_init_table(&sg, 1);
	vgu_slot_to_sg(slot, &sg, VGU_FRAME_SLOT_BYTES);
	return virtuoso_vq_add_inbuf(rx->vq, &sg, 1, slot);
}

static void vgu_rx_post_frame(struct vgu_frame_rx *rx)
{
	u32 i;

	for (i = 0; i < rx->nr; i++)
		vgu_rx_post(rx, rx->slot[i]);
	rx->nr = 0;
}

static void vgu_rx_kick(struct vgu_dev *dev)
{
	struct virtqueue *vq = vgu_rx(dev)->vq;

	if (virtqueue_kick_prepare(vq) && virtqueue_notify(vq))
		vgu_count(dev, rx_kicks);
}

/*
 * Takes the other buffers of the frame whose first is in rx->slot. If lengths make no
 * sense, they are taken all the same: they cannot be the start of another frame.
 * Return: the bytes in all of them, 0 when something is wrong.
 */
static u32 vgu_rx_gather(struct vgu_frame_rx *rx, u32 nr)
{
	u32 total = rx->len[0];
	bool ok = nr && total <= VGU_FRAME_SLOT_BYTES;
	struct vgu_slot *slot;
	unsigned int len;
	u32 i;

	for (i = 1; i < nr; i++) {
		slot = virtqueue_get_buf(rx->vq, &len);
		if (!slot)
			return 0;
		if (rx->nr == VGU_FRAME_SLOTS) {
			vgu_rx_post(rx, slot);
			ok = false;
			continue;
		}
		ok &= len && len <= VGU_FRAME_SLOT_BYTES;
		rx->slot[rx->nr] = slot;
		rx->len[rx->nr++] = len;
		total += len;
	}
	return ok ? total : 0;
}

static struct sk_buff *vgu_rx_alloc(struct vgu_frame_rx *rx, u32 len)
{
	struct sk_buff *skb;
	int err;

	if (len <= VGU_RX_LINEAR_BYTES) {
		skb = napi_alloc_skb(&rx->napi, len);
		if (skb)
			skb_put(skb, len);
		return skb;
	}
	skb = alloc_skb_with_frags(NET_SKB_PAD + NET_IP_ALIGN + VGU_RX_HEAD_BYTES,
				   len - VGU_RX_HEAD_BYTES, VGU_RX_FRAG_ORDER, &err,
				   GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb_put(skb, VGU_RX_HEAD_BYTES);
	skb->data_len = len - VGU_RX_HEAD_BYTES;
	skb->len = len;
	skb->dev = rx->napi.dev;
	return skb;
}

static int vgu_rx_copy(const struct vgu_frame_rx *rx, struct sk_buff *skb)
{
	u32 skip = sizeof(struct virtio_net_hdr_v1), done = 0, i;

	for (i = 0; i < rx->nr; i++) {
		u32 chunk = rx->len[i] - skip;

		if (skb_store_bits(skb, done, rx->slot[i]->vaddr + skip, chunk))
			return -EFAULT;
		done += chunk;
		skip = 0;
	}
	return 0;
}

static bool vgu_rx_gso_ok(const struct vgu_frames *frames, u8 gso_type)
{
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return gso_type == VIRTIO_NET_HDR_GSO_NONE;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return frames->guest_tso;
	default:
		return false;
	}
}

/* Only what was negotiated; the kernel's own function looks at the details. */
static int vgu_rx_apply_hdr(const struct vgu_frames *frames, struct sk_buff *skb,
			    const struct virtio_net_hdr_v1 *hdr)
{
	u8 csum = hdr->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);

	if (!vgu_rx_gso_ok(frames, hdr->gso_type) || (csum && !frames->guest_csum))
		return -EINVAL;
	if (csum & VIRTIO_NET_HDR_F_DATA_VALID)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	return virtio_net_hdr_to_skb(skb, (const struct virtio_net_hdr *)hdr, true);
}

/* Return: skb ready for the stack, NULL: counted why not. */
static struct sk_buff *vgu_rx_build(struct vgu_dev *dev, const struct virtio_net_hdr_v1 *hdr,
				    u32 len)
{
	struct vgu_frame_rx *rx = vgu_rx(dev);
	struct sk_buff *skb = vgu_rx_alloc(rx, len);

	if (!skb) {
		vgu_count(dev, rx_nomem);
		dev_core_stats_rx_dropped_inc(dev->netdev);
		return NULL;
	}
	if (vgu_rx_copy(rx, skb) || vgu_rx_apply_hdr(dev->priv->frames, skb, hdr)) {
		vgu_count(dev, rx_bad_hdr);
		DEV_STATS_INC(dev->netdev, rx_errors);
		DEV_STATS_INC(dev->netdev, rx_frame_errors);
		kfree_skb(skb);
		return NULL;
	}
	skb->protocol = eth_type_trans(skb, dev->netdev);
	skb_reset_network_header(skb);
	skb_record_rx_queue(skb, 0);
	return skb;
}

static void vgu_rx_deliver(struct vgu_dev *dev, struct sk_buff *skb, u32 len)
{
	if (dev->sock && !vgu_conn_rx_allowed(dev, skb)) {
		vgu_count(dev, rx_refused);
		dev_core_stats_rx_dropped_inc(dev->netdev);
		kfree_skb(skb);
		return;
	}
	dev_sw_netstats_rx_add(dev->netdev, len);
	napi_gro_receive(&vgu_rx(dev)->napi, skb);
}

/* Return: false when there was none. */
static bool vgu_rx_frame(struct vgu_dev *dev)
{
	struct vgu_frame_rx *rx = vgu_rx(dev);
	struct virtio_net_hdr_v1 hdr;
	struct sk_buff *skb = NULL;
	u32 total, nr;

	rx->slot[0] = virtqueue_get_buf(rx->vq, &rx->len[0]);
	if (!rx->slot[0])
		return false;
	rx->nr = 1;
	memcpy(&hdr, rx->slot[0]->vaddr, sizeof(hdr));
	nr = dev->priv->frames->mergeable ? virtio16_to_cpu(dev->vdev, hdr.num_buffers) : 1;
	total = rx->len[0] < sizeof(hdr) ? 0 : vgu_rx_gather(rx, nr);
	if (total >= sizeof(hdr) + ETH_HLEN) {
		skb = vgu_rx_build(dev, &hdr, total - sizeof(hdr));
	} else {
		vgu_count(dev, rx_bad_len);
		DEV_STATS_INC(dev->netdev, rx_errors);
		DEV_STATS_INC(dev->netdev, rx_length_errors);
	}
	vgu_rx_post_frame(rx);
	if (skb)
		vgu_rx_deliver(dev, skb, total - sizeof(hdr));
	return true;
}

static void vgu_rx_schedule(struct vgu_frame_rx *rx)
{
	if (napi_schedule_prep(&rx->napi)) {
		virtqueue_disable_cb(rx->vq);
		__napi_schedule(&rx->napi);
	}
}

/**
 * vgu_frame_rx_poll() - NAPI poll function
 * @napi: &struct vgu_frame_rx.napi
 * @budget: most frames to take
 *
 * Context: softirq.
 * Return: frames taken.
 */
int vgu_frame_rx_poll(struct napi_struct *napi, int budget)
{
	struct vgu_frame_rx *rx = container_of(napi, struct vgu_frame_rx, napi);
	struct vgu_dev *dev = netdev_priv(napi->dev);
	unsigned int state;
	int done = 0;

	if (!budget)
		return 0;
	while (done < budget && vgu_rx_frame(dev))
		done++;
	if (done)
		vgu_rx_kick(dev);
	if (done == budget)
		return done;

	state = virtqueue_enable_cb_prepare(rx->vq);
	if (!napi_complete_done(napi, done))
		virtqueue_disable_cb(rx->vq);
	else if (virtqueue_poll(rx->vq, state))
		vgu_rx_schedule(rx);
	return done;
}

/**
 * vgu_frame_rx_ready() - callback of the queue: frames are there
 * @vq: the queue
 *
 * Context: interrupt.
 */
void vgu_frame_rx_ready(struct virtqueue *vq)
{
	struct vgu_dev *dev = vq->vdev->priv;

	vgu_rx_schedule(vgu_rx(dev));
}

/**
 * vgu_frame_rx_open() - drop what came while the netdev was down, then receive
 * @dev: device
 *
 * Context: process, RTNL held.
 */
void vgu_frame_rx_open(struct vgu_dev *dev)
{
	struct vgu_frame_rx *rx = vgu_rx(dev);
	struct vgu_slot *slot;
	unsigned int len;
	u32 i;

	for (i = 0; i < rx->slots.nr && (slot = virtqueue_get_buf(rx->vq, &len)); i++) {
		vgu_count(dev, rx_stale);
		vgu_rx_post(rx, slot);
	}
	if (i)
		vgu_rx_kick(dev);
	napi_enable(&rx->napi);
	local_bh_disable();
	vgu_rx_schedule(rx);
	local_bh_enable();
}

/**
 * vgu_frame_rx_start() - give the receive queue its memory and its buffers
 * @dev: device; may use its queues
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int vgu_frame_rx_start(struct vgu_dev *dev)
{
	struct vgu_frame_rx *rx = vgu_rx(dev);
	struct vgu_slot *slot;
	int err;
	u32 nr;

	rx->vq = dev->priv->vqs[VIRTUOSO_VQ_FRAME_RX];
	nr = min_t(u32, virtqueue_get_vring_size(rx->vq), VGU_FRAME_SLOTS_MAX);
	if (nr < VGU_FRAME_SLOTS_MIN) {
		dev_err(&dev->vdev->dev, "frame rx queue of %u is too small\n", nr);
		return -EINVAL;
	}
	err = vgu_slots_init(dev, &rx->slots, nr, VGU_FRAME_SLOT_BYTES);
	while (!err && (slot = vgu_slot_get(&rx->slots)))
		err = vgu_rx_post(rx, slot);
	if (!err)
		virtqueue_kick(rx->vq);
	return err;
}
