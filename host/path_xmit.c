// SPDX-License-Identifier: GPL-2.0
/*
 * Sending by a path: TCP, network virtualisation and switching in one step.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/sch_generic.h>
#include <net/tcp.h>
#include <net/udp.h>

#include "flow.h"
#include "path.h"
#include "path_nf.h"
#include "path_probe.h"
#include "port.h"
#include "segment.h"
#include "tap.h"
#include "trace.h"

/* Room for what devices below the uplink (a bond's, a VLAN's) may put in front. */
#define VHO_PATH_HEADROOM	32
#define VHO_GRE_CSUM_OFF	4

/* ---- back-pressure ---- */

/*
 * Would a packet wait for long, or be dropped, at the queue that the uplink would choose? One queue is
 * looked at without a lock: others may fill it meanwhile.
 */
static bool vho_path_queue_full(struct net_device *dev, struct sk_buff *skb)
{
	u16 index = dev->real_num_tx_queues > 1 ? netdev_pick_tx(dev, skb, NULL) : 0;
	struct netdev_queue *txq = netdev_get_tx_queue(dev, index);
	struct Qdisc *q = rcu_dereference(txq->qdisc);

	if (!q || !q->enqueue)
		return netif_xmit_frozen_or_drv_stopped(txq);
	return q->limit && READ_ONCE(q->q.qlen) >= q->limit;
}

/* ---- headers ---- */

/* Outer ECN field by RFC 6040: that of the inner header, but congestion met so far is not told again. */
static u8 vho_path_outer_ecn(u8 ecn)
{
	return ecn == INET_ECN_CE ? INET_ECN_ECT_0 : ecn;
}

static void vho_path_fix_ip4(struct iphdr *iph, u32 len, u16 id, u8 ecn)
{
	iph->tot_len = htons(len);
	iph->id = htons(id);
	iph->tos = (iph->tos & ~INET_ECN_MASK) | ecn;
	ip_send_check(iph);
}

static void vho_path_fix_ip6(struct ipv6hdr *ip6h, u32 len, u8 ecn)
{
	ip6h->payload_len = htons(len - sizeof(*ip6h));
	ipv6_change_dsfield(ip6h, (u8)~INET_ECN_MASK, ecn);
}

/* The IP header at offset @off. */
static void vho_path_fix_ip(struct sk_buff *skb, u16 off, u16 id, u8 ecn)
{
	u8 *ip = skb->data + off;
	u32 len = skb->len - off;

	if (ip[0] >> 4 == 4)
		vho_path_fix_ip4((struct iphdr *)ip, len, id, ecn);
	else
		vho_path_fix_ip6((struct ipv6hdr *)ip, len, ecn);
}

/* Pseudo-header checksum: the device, or software below us, does the rest. */
static void vho_path_tcp_check(struct sk_buff *skb, const struct vho_path *path)
{
	const u8 *ip = skb->data + path->h.inner_ip;
	struct tcphdr *th = (struct tcphdr *)(skb->data + path->len);
	u32 len = skb->len - path->len;

	if (ip[0] >> 4 == 4) {
		const struct iphdr *iph = (const struct iphdr *)ip;

		th->check = ~tcp_v4_check(len, iph->saddr, iph->daddr, 0);
	} else {
		const struct ipv6hdr *ip6h = (const struct ipv6hdr *)ip;

		th->check = ~tcp_v6_check(len, &ip6h->saddr, &ip6h->daddr, 0);
	}
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb) + path->len;
	skb->csum_offset = offsetof(struct tcphdr, check);
}

static void vho_path_fix_udp(struct sk_buff *skb, const struct vho_path *path)
{
	const u8 *ip = skb->data + path->h.outer_ip;
	struct udphdr *uh = udp_hdr(skb);
	u32 len = skb->len - path->h.outer_l4;
	bool nocheck = !(path->h.flags & VHO_HEADERS_UDP_CSUM);

	uh->source = path->outer_sport;
	uh->len = htons(len);
	if (ip[0] >> 4 == 4) {
		const struct iphdr *iph = (const struct iphdr *)ip;

		udp_set_csum(nocheck, skb, iph->saddr, iph->daddr, len);
	} else {
		const struct ipv6hdr *ip6h = (const struct ipv6hdr *)ip;

		udp6_set_csum(nocheck, skb, &ip6h->saddr, &ip6h->daddr, len);
	}
}

/* Checksums of the tunnel, after all below it is right. */
static void vho_path_fix_tunnel(struct sk_buff *skb, const struct vho_path *path)
{
	const struct vho_headers *h = &path->h;

	skb->encapsulation = 1;
	skb_set_inner_transport_header(skb, path->len);
	skb_set_inner_network_header(skb, h->inner_ip);
	skb_set_inner_mac_header(skb, h->inner_eth ?: h->inner_ip);
	if (h->inner_eth)
		skb_set_inner_protocol(skb, htons(ETH_P_TEB));
	else
		skb_set_inner_protocol(skb, skb->data[h->inner_ip] >> 4 == 4 ? htons(ETH_P_IP) :
									       htons(ETH_P_IPV6));
	if (h->tunnel != VHO_LAYER_GRE)
		vho_path_fix_udp(skb, path);
	else if ((h->flags & VHO_HEADERS_GRE_CSUM) && !skb_is_gso(skb))
		*(__sum16 *)(skb->data + h->outer_l4 + VHO_GRE_CSUM_OFF) = csum_fold(lco_csum(skb));
}

static void vho_path_headers(struct sk_buff *skb, struct vho_flow *flow, struct vho_path *path,
			     const struct vho_tx_seg *seg, unsigned int segs)
{
	const struct vho_headers *h = &path->h;

	memcpy(skb_push(skb, path->len), path->bytes, path->len);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, h->outer_ip);
	skb_set_transport_header(skb, h->outer_l4);
	vho_path_fix_ip(skb, h->inner_ip, flow->ip_id, seg->ecn);
	flow->ip_id += segs;
	vho_path_tcp_check(skb, path);
	if (vho_headers_tunneled(h)) {
		vho_path_fix_ip(skb, h->outer_ip, path->outer_id, vho_path_outer_ecn(seg->ecn));
		path->outer_id += segs;
		vho_path_fix_tunnel(skb, path);
	}
	skb->protocol = path->protocol;
	if (path->vlan_proto)
		__vlan_hwaccel_put_tag(skb, path->vlan_proto, path->vlan_tci);
}

/* ---- sending ---- */

static struct sk_buff *vho_path_skb(struct vho_flow *flow, struct vho_path *path,
				    const struct vho_tx_seg *seg, unsigned int segs)
{
	unsigned int room = VHO_PATH_HEADROOM + READ_ONCE(path->dev->needed_headroom) + path->len +
			    sizeof(struct tcphdr) + seg->optlen;
	struct sk_buff *skb;
	int err;

	skb = alloc_skb(room, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return ERR_PTR(-ENOMEM);
	skb_reserve(skb, room);
	skb->dev = path->dev;
	err = vho_segment_payload(skb, flow, seg, segs);
	if (err) {
		kfree_skb(skb);
		return ERR_PTR(err);
	}
	skb_shinfo(skb)->gso_type |= segs > 1 ? path->gso_type : 0;
	vho_segment_tcp_header(skb, path->sport, path->dport, seg);
	vho_path_headers(skb, flow, path, seg, segs);
	return skb;
}

/* What the port's netdev would have counted. */
static void vho_path_count(struct vho_port *port, unsigned int bytes)
{
	local_bh_disable();
	dev_sw_netstats_rx_add(port->netdev, bytes);
	local_bh_enable();
	vho_port_stat_inc(port, VHO_STAT_path_tx);
}

int vho_path_xmit(struct vho_flow *flow, struct vho_path *path, const struct vho_tx_seg *seg)
{
	unsigned int segs = vho_segment_count(seg);
	unsigned int bytes = ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr) + seg->optlen + seg->len;
	u16 id = flow->ip_id;
	struct sk_buff *skb;
	int err;

	if (unlikely(flow->tos != path->tos)) {
		vho_path_probe_flow(flow);
		return -EAGAIN;
	}
	if (unlikely(min_t(u32, seg->len, seg->mss) + seg->optlen > path->mss_limit)) {
		vho_port_stat_inc(flow->port, VHO_STAT_path_tx_mtu);
		return -EAGAIN;
	}
	skb = vho_path_skb(flow, path, seg, segs);
	if (IS_ERR(skb))
		return PTR_ERR(skb);
	if (unlikely(vho_path_queue_full(path->dev, skb))) {
		kfree_skb(skb);
		goto busy;
	}
	vho_path_nf_skip(skb);
	err = dev_queue_xmit(skb);
	if (unlikely(net_xmit_eval(err)))
		goto busy;
	WRITE_ONCE(path->hits, path->hits + 1);
	vho_path_count(flow->port, bytes);
	trace_vho_path_xmit(flow, path->dev, seg->len);
	if (unlikely(vho_tap_active(flow->port)))
		vho_tap_out(flow, seg, id);
	return 0;
busy:
	vho_port_stat_inc(flow->port, VHO_STAT_path_tx_busy);
	return -ENOBUFS;
}
