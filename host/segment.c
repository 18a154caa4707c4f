// SPDX-License-Identifier: GPL-2.0
/*
 * From a segment that TCP wants to send to a packet: headers from validated state,
 * payload as page fragments of the guest's transmit ring.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "flow.h"
#include "path.h"
#include "port.h"
#include "segment.h"
#include "trace.h"

/* Room in front for whatever the switch puts there (tunnel headers). */
#define VHO_SEGMENT_HEADROOM	128

/* For so long after the last copy more of them are expected. */
#define VHO_SEGMENT_COPIED_JIFFIES	(HZ / 10)

/*
 * Every packet that refers to guest memory holds a count of its group's ubuf, so that the
 * port, and with it this code, stays until the last of them is gone.
 */
static void vho_segment_ubuf_complete(struct sk_buff *skb, struct ubuf_info *uarg, bool success)
{
	struct vho_group *group = container_of(uarg, struct vho_group, ubuf);

	if (!success) {
		WRITE_ONCE(group->copied_at, jiffies);
		vho_port_stat_inc(group->port, VHO_STAT_tx_copied);
	}
	if (refcount_dec_and_test(&uarg->refcnt))
		vho_port_put(group->port);
}

static const struct ubuf_info_ops vho_segment_ubuf_ops = {
	.complete = vho_segment_ubuf_complete,
};

/*
 * The flags mark fragments as guest memory: whoever would keep them (a local socket) copies
 * them first (skb_orphan_frags_rx()), devices send them as they are.
 */
void vho_segment_group_init(struct vho_group *group)
{
	group->ubuf.ops = &vho_segment_ubuf_ops;
	group->ubuf.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	refcount_set(&group->ubuf.refcnt, 1);
	group->copied_at = jiffies - VHO_SEGMENT_COPIED_JIFFIES;
	vho_port_get(group->port);
}

/**
 * vho_segment_copied() - is payload copied by whom it reaches?
 * @group: sender
 *
 * Receivers on this machine copy a packet as a whole, in softirq, mostly on the CPU that has sent it.
 *
 * Context: FP.
 * Return: true: it was, lately.
 */
bool vho_segment_copied(const struct vho_group *group)
{
	return time_before(jiffies, READ_ONCE(group->copied_at) + VHO_SEGMENT_COPIED_JIFFIES);
}

void vho_segment_group_exit(struct vho_group *group)
{
	vho_segment_ubuf_complete(NULL, &group->ubuf, true);
}

/* May @page be added to the fragment that ends with @prev? One reference covers both then. */
static bool vho_segment_joins(struct page *prev, struct page *page)
{
	return prev && page_to_pfn(page) == page_to_pfn(prev) + 1 &&
	       compound_head(page) == compound_head(prev);
}

/* The fragments of a packet so far. */
struct vho_segment_frags {
	struct sk_buff *skb;
	struct page *prev;	/* the last page */
	unsigned int nr;
};

/* Appends @len bytes at @pos of @mem, one fragment per contiguous run of pages. */
static int vho_segment_fill_run(struct vho_segment_frags *frags, const struct vho_payload_mem *mem,
				u32 pos, u32 len)
{
	while (len) {
		u32 n = min_t(u32, len, PAGE_SIZE - offset_in_page(pos));
		struct page *page = mem->pages[pos >> PAGE_SHIFT];

		if (vho_segment_joins(frags->prev, page)) {
			skb_frag_size_add(&skb_shinfo(frags->skb)->frags[frags->nr - 1], n);
		} else {
			if (frags->nr == MAX_SKB_FRAGS)
				return -ENOBUFS;
			get_page(page);
			skb_fill_page_desc(frags->skb, frags->nr++, page, offset_in_page(pos), n);
		}
		frags->prev = page;
		pos += n;
		len -= n;
	}
	return 0;
}

/*
 * Appends ring bytes [seq, seq + len). Rings begin and end with a page, so these are no more fragments than
 * pages, and one more where a larger ring has replaced another one.
 */
static int vho_segment_fill(struct sk_buff *skb, struct vho_flow *flow, u32 seq, u32 len)
{
	const struct vho_payload_ring *ring = &flow->tx;
	struct vho_segment_frags frags = { .skb = skb };
	int err;

	if (len > ring->size)
		return -EINVAL;
	skb->len += len;
	skb->data_len += len;
	skb->truesize += len;
	while (len) {
		const struct vho_payload_mem *mem;
		u32 n = len, pos;

		mem = vho_payload_find(ring, seq, &pos, &n);
		/* The run before may have ended within a page. */
		frags.prev = NULL;
		err = vho_segment_fill_run(&frags, mem, pos, n);
		if (err)
			return err;
		seq += n;
		len -= n;
	}
	refcount_inc(&flow->group->ubuf.refcnt);
	skb_zcopy_init(skb, &flow->group->ubuf);
	return 0;
}

/**
 * vho_segment_payload() - add a segment's payload
 * @skb: empty packet
 * @flow: whose transmit ring it is taken from
 * @seg: segment
 * @segs: number of segments that it will be cut into
 *
 * Context: the flow's owner.
 * Return: 0, -EINVAL, -ENOBUFS: more pages than a packet can have.
 */
int vho_segment_payload(struct sk_buff *skb, struct vho_flow *flow, const struct vho_tx_seg *seg,
			unsigned int segs)
{
	if (segs > 1) {
		skb_shinfo(skb)->gso_size = seg->mss;
		skb_shinfo(skb)->gso_segs = segs;
		skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
		/* CWR is for the first of them only. */
		if (seg->flags & VHO_TCPF_CWR)
			skb_shinfo(skb)->gso_type |= SKB_GSO_TCP_ECN;
	}
	return seg->len ? vho_segment_fill(skb, flow, seg->seq, seg->len) : 0;
}

/**
 * vho_segment_tcp_header() - put the TCP header in front; its checksum is the caller's
 * @skb: packet
 * @sport: source port
 * @dport: destination port
 * @seg: segment
 *
 * Context: any.
 */
void vho_segment_tcp_header(struct sk_buff *skb, __be16 sport, __be16 dport, const struct vho_tx_seg *seg)
{
	unsigned int len = sizeof(struct tcphdr) + seg->optlen;
	struct tcphdr *th = skb_push(skb, len);

	memset(th, 0, sizeof(*th));
	th->source = sport;
	th->dest = dport;
	th->seq = htonl(seg->seq);
	th->ack_seq = htonl(seg->ack);
	th->doff = len / 4;
	((u8 *)th)[13] = seg->flags;
	th->window = htons(seg->wnd);
	memcpy(th + 1, seg->opt, seg->optlen);
	skb_reset_transport_header(skb);
}

static void vho_segment_tcp_check(struct sk_buff *skb, const struct vho_flow_key *key)
{
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	tcp_hdr(skb)->check = ~tcp_v4_check(skb->len, key->laddr.s6_addr32[3],
					    key->raddr.s6_addr32[3], 0);
}

static void vho_segment_ip_header(struct sk_buff *skb, const struct vho_flow *flow, u8 ecn, u16 id)
{
	struct iphdr *iph = skb_push(skb, sizeof(*iph));

	iph->version = 4;
	iph->ihl = 5;
	iph->tos = (READ_ONCE(flow->tos) & ~INET_ECN_MASK) | ecn;
	iph->tot_len = htons(skb->len);
	iph->id = htons(id);
	iph->frag_off = htons(IP_DF);
	iph->ttl = flow->ttl;
	iph->protocol = IPPROTO_TCP;
	iph->saddr = flow->key.laddr.s6_addr32[3];
	iph->daddr = flow->key.raddr.s6_addr32[3];
	ip_send_check(iph);
	skb_reset_network_header(skb);
}

static void vho_segment_eth_header(struct sk_buff *skb, const struct vho_flow *flow)
{
	struct ethhdr *eth = skb_push(skb, ETH_HLEN);

	vho_flow_dmac(flow, eth->h_dest);
	ether_addr_copy(eth->h_source, flow->smac);
	eth->h_proto = htons(ETH_P_IP);
}

/* Headers as they are between the port's netdev and the switch. */
static void vho_segment_headers(struct sk_buff *skb, const struct vho_flow *flow,
				const struct vho_tx_seg *seg, u16 id)
{
	vho_segment_tcp_header(skb, flow->key.lport, flow->key.rport, seg);
	vho_segment_tcp_check(skb, &flow->key);
	vho_segment_ip_header(skb, flow, seg->ecn, id);
	vho_segment_eth_header(skb, flow);
}

static struct sk_buff *vho_segment_alloc(const struct vho_tx_seg *seg)
{
	unsigned int room = VHO_SEGMENT_HEADROOM + ETH_HLEN + sizeof(struct iphdr) +
			    sizeof(struct tcphdr) + seg->optlen;
	struct sk_buff *skb = alloc_skb(room, GFP_ATOMIC | __GFP_NOWARN);

	if (skb)
		skb_reserve(skb, room);
	return skb;
}

/**
 * vho_segment_inject() - send a segment without payload that is not the connection's own
 * @flow: flow, whoever owns it
 * @seg: segment
 * @id: IPv4 identification
 *
 * For probes: it enters the switch as the flow's packets do, and leaves the flow's state alone.
 *
 * Context: SP.
 * Return: 0, -ENOMEM.
 */
int vho_segment_inject(const struct vho_flow *flow, const struct vho_tx_seg *seg, u16 id)
{
	struct sk_buff *skb = vho_segment_alloc(seg);

	if (!skb)
		return -ENOMEM;
	vho_segment_headers(skb, flow, seg, id);
	vho_port_netdev_rx(flow->port, skb);
	return 0;
}

/**
 * vho_segment_make() - a segment as it is between the port's netdev and the switch
 * @flow: flow
 * @seg: segment; payload is taken from the flow's transmit ring
 * @id: IPv4 identification
 *
 * Context: the flow's owner.
 * Return: packet, data at its Ethernet header, or error pointer.
 */
struct sk_buff *vho_segment_make(struct vho_flow *flow, const struct vho_tx_seg *seg, u16 id)
{
	struct sk_buff *skb = vho_segment_alloc(seg);
	int err;

	if (!skb)
		return ERR_PTR(-ENOMEM);
	err = vho_segment_payload(skb, flow, seg, vho_segment_count(seg));
	if (err) {
		kfree_skb(skb);
		return ERR_PTR(err);
	}
	vho_segment_headers(skb, flow, seg, id);
	return skb;
}

/* The long way: through the switch. */
static int vho_segment_xmit_long(struct vho_flow *flow, const struct vho_tx_seg *seg, unsigned int segs)
{
	struct sk_buff *skb = vho_segment_make(flow, seg, flow->ip_id);

	if (IS_ERR(skb))
		return PTR_ERR(skb);
	flow->ip_id += segs;
	vho_port_netdev_rx(flow->port, skb);
	return 0;
}

/* By the flow's path if it has one. Return: as vho_path_xmit(). */
static int vho_segment_xmit_path(struct vho_flow *flow, const struct vho_tx_seg *seg)
{
	struct vho_path *path;
	int err = -EAGAIN;

	rcu_read_lock();
	path = rcu_dereference(flow->path);
	if (path)
		err = vho_path_xmit(flow, path, seg);
	rcu_read_unlock();
	return err;
}

/* A flow that is tracked sends its handshake the long way, and for the time being what a path does not take. */
static void vho_segment_goes_long(struct vho_flow *flow, const struct vho_tx_seg *seg)
{
	if (seg->flags & VHO_TCPF_SYN)
		vho_path_expect_shake(flow, seg);
	else
		vho_port_stat_inc(flow->port, VHO_STAT_path_tx_long);
}

/**
 * vho_segment_xmit() - send a segment of a flow
 * @flow: flow, owned by the caller
 * @seg: segment; payload is taken from the flow's transmit ring
 *
 * Context: FP or SP.
 * Return: 0, sent, or lost by the operator's will (vho_flow.muted); -ENOMEM, -ENOBUFS: not sent.
 */
int vho_segment_xmit(struct vho_flow *flow, const struct vho_tx_seg *seg)
{
	unsigned int segs = vho_segment_count(seg);
	int err = -EAGAIN;

	if (unlikely(flow->muted))
		return 0;
	if (rcu_access_pointer(flow->path))
		err = vho_segment_xmit_path(flow, seg);
	if (err == -EAGAIN) {
		if (unlikely(rcu_access_pointer(flow->track)))
			vho_segment_goes_long(flow, seg);
		err = vho_segment_xmit_long(flow, seg, segs);
	}
	if (err)
		return err;
	trace_vho_tcp_out(flow, seg->seq, seg->ack, seg->flags, seg->wnd, seg->len);
	vho_port_stat_add(flow->port, VHO_STAT_fp_tx_segs, segs);
	vho_port_stat_add(flow->port, VHO_STAT_fp_tx_bytes, seg->len);
	return 0;
}
