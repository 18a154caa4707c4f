// SPDX-License-Identifier: GPL-2.0
/*
 * Packet taps at a port's netdev: who captures there sees what takes the short way, too, as copies with the
 * headers that these packets would have there. The packets themselves go on by the short way.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/checksum.h>
#include <net/net_namespace.h>

#include <virtuoso/compat.h>

#include "packet.h"
#include "segment.h"
#include "tap.h"

/* ---- from the guest: received by the netdev ---- */

/* RCU read side. */
static void vho_tap_deliver(struct sk_buff *skb, struct list_head *taps)
{
	struct packet_type *tap;
	struct sk_buff *clone;

	list_for_each_entry_rcu(tap, taps, list) {
		clone = skb_clone(skb, GFP_ATOMIC);
		if (clone)
			tap->func(clone, skb->dev, tap, skb->dev);
	}
}

/**
 * vho_tap_out() - show a segment that was sent by a path
 * @flow: flow, owned by the caller
 * @seg: segment
 * @id: its IPv4 identification
 *
 * Without memory it is not shown.
 *
 * Context: FP or SP.
 */
void vho_tap_out(struct vho_flow *flow, const struct vho_tx_seg *seg, u16 id)
{
	struct net_device *dev = flow->port->netdev;
	struct sk_buff *skb = vho_segment_make(flow, seg, id);

	if (IS_ERR(skb))
		return;
	skb->protocol = eth_type_trans(skb, dev);
	skb_reset_network_header(skb);
	skb_reset_mac_len(skb);
	__net_timestamp(skb);
	local_bh_disable();
	/* A tap may keep it: it must not refer to guest memory. */
	if (!skb_orphan_frags_rx(skb, GFP_ATOMIC)) {
		rcu_read_lock();
		vho_tap_deliver(skb, virtuoso_taps_everywhere(dev_net(dev)));
		vho_tap_deliver(skb, &dev->ptype_all);
		rcu_read_unlock();
	}
	local_bh_enable();
	consume_skb(skb);
}

/* ---- to the guest: transmitted by the netdev ---- */

static void vho_tap_replace_addr(struct sk_buff *skb, struct tcphdr *th, __be32 *addr, __be32 now)
{
	struct iphdr *iph = ip_hdr(skb);

	if (*addr == now)
		return;
	inet_proto_csum_replace4(&th->check, skb, *addr, now, true);
	csum_replace4(&iph->check, *addr, now);
	*addr = now;
}

static void vho_tap_replace_port(struct sk_buff *skb, struct tcphdr *th, __be16 *port, __be16 now)
{
	inet_proto_csum_replace2(&th->check, skb, *port, now, false);
	*port = now;
}

/* The addresses and ports that it has at the port; on the wire NAT may have given it others. */
static void vho_tap_translate(struct sk_buff *skb, const struct vho_flow_key *key)
{
	struct tcphdr *th = tcp_hdr(skb);
	struct iphdr *iph = ip_hdr(skb);

	vho_tap_replace_addr(skb, th, &iph->saddr, key->raddr.s6_addr32[3]);
	vho_tap_replace_addr(skb, th, &iph->daddr, key->laddr.s6_addr32[3]);
	vho_tap_replace_port(skb, th, &th->source, key->rport);
	vho_tap_replace_port(skb, th, &th->dest, key->lport);
}

/**
 * vho_tap_in() - show a segment that was taken off an uplink
 * @flow: whose it is
 * @skb: segment, vho_packet() filled, the room of an Ethernet header in front of IPv4; it is left as it is
 *
 * Without memory it is not shown. Its TTL is what it was at the uplink.
 *
 * Context: SOFT.
 */
void vho_tap_in(const struct vho_flow *flow, struct sk_buff *skb)
{
	struct sk_buff *copy = pskb_copy(skb, GFP_ATOMIC);
	struct ethhdr *eth;

	if (!copy)
		return;
	eth = (struct ethhdr *)copy->data;
	ether_addr_copy(eth->h_dest, flow->smac);
	vho_flow_dmac(flow, eth->h_source);
	eth->h_proto = htons(ETH_P_IP);
	copy->protocol = htons(ETH_P_IP);
	skb_set_network_header(copy, ETH_HLEN);
	skb_set_transport_header(copy, vho_packet(copy)->tcp_off);
	vho_tap_translate(copy, &flow->key);
	dev_queue_xmit_nit(copy, flow->port->netdev);
	consume_skb(copy);
}
