// SPDX-License-Identifier: GPL-2.0
/*
 * Paths, receiving: a frozen segment of the peer comes in by the uplink again and again, travels the switch, and is
 * eaten at the port. So the switch keeps what it knows about the peer, and may say no at any time.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/unaligned.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "flow.h"
#include "packet.h"
#include "path.h"
#include "path_rx.h"
#include "path_rx_int.h"
#include "port.h"
#include "tcp_opt.h"
#include "uplink.h"

/* What our own probe answers: the mirror of it. */
static void vho_rx_probe_tcp(const struct vho_path_track *track, struct tcphdr *th, unsigned int len)
{
	th->source = track->rx.key.sport;
	th->dest = track->rx.key.dport;
	th->seq = htonl(track->probe.ack);
	th->ack_seq = htonl(track->probe.seq);
	th->doff = len / 4;
	th->ack = 1;
	th->psh = 1;
	th->window = htons(track->probe_wnd);
	if (track->probe.has_ts) {
		const struct vho_tcp_opt opt = {
			.has = VHO_OPT_TS,
			.tsval = track->probe_tsecr,
			.tsecr = track->probe.tsval,
		};

		vho_tcp_opt_write((u8 *)(th + 1), &opt);
	}
}

/* The lengths of a header, and its checksum. What is in it has been filled. */
static void vho_rx_probe_finish(const struct vho_path_rx *t, enum vho_layer_kind kind, u8 *p, u32 len)
{
	switch (kind) {
	case VHO_LAYER_IP4:
		((struct iphdr *)p)->tot_len = htons(len);
		ip_send_check((struct iphdr *)p);
		break;
	case VHO_LAYER_IP6:
		((struct ipv6hdr *)p)->payload_len = htons(len - sizeof(struct ipv6hdr));
		break;
	case VHO_LAYER_UDP:
		((struct udphdr *)p)->source = t->outer_sport;
		((struct udphdr *)p)->len = htons(len);
		/* It is there, and known to be right: see ip_summed. */
		if (t->h.flags & VHO_HEADERS_UDP_CSUM)
			((struct udphdr *)p)->check = CSUM_MANGLED_0;
		break;
	default:
		break;
	}
}

static void vho_rx_probe_fill(const struct vho_path_track *track, const struct vho_path_rx *t, u8 *data,
			      u32 len)
{
	struct tcphdr *th = (struct tcphdr *)(data + t->h.tcp);
	struct iphdr *iph = (struct iphdr *)(data + t->h.inner_ip);
	u32 tcp_len = len - t->h.tcp, i;

	/* The last word's end is zero; the TCP header comes after it. */
	for (i = 0; i < t->nr; i++)
		put_unaligned(t->word[i].bytes, (u64 *)data + i);
	vho_rx_probe_tcp(track, th, tcp_len);
	th->check = tcp_v4_check(tcp_len, iph->saddr, iph->daddr, csum_partial(th, tcp_len, 0));
	for (i = 0; i + 1 < t->h.nr; i++)
		vho_rx_probe_finish(t, t->h.layer[i].kind, data + t->h.layer[i].off,
				    len - t->h.layer[i].off);
}

struct sk_buff *vho_rx_probe_make(const struct vho_path_track *track, const struct vho_path_rx *t)
{
	u32 len = t->h.tcp + sizeof(struct tcphdr) + (track->probe.has_ts ? TCPOLEN_TSTAMP_ALIGNED : 0);
	struct sk_buff *skb = alloc_skb(NET_SKB_PAD + NET_IP_ALIGN + len, GFP_ATOMIC | __GFP_NOWARN);

	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	vho_rx_probe_fill(track, t, skb_put_zero(skb, len), len);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = !!(t->h.flags & (VHO_HEADERS_UDP_CSUM | VHO_HEADERS_GRE_CSUM));
	skb->vlan_all = t->vlan_all;
	return skb;
}

bool vho_rx_probe_is(const struct vho_path_track *track, const struct sk_buff *skb)
{
	const struct vho_packet *pkt = (const struct vho_packet *)skb->cb;
	const struct tcphdr *th = (const struct tcphdr *)(skb->data + pkt->tcp_off);
	struct vho_tcp_opt opt;

	if (!track->probe.flags || pkt->len || ((const u8 *)th)[13] != (VHO_TCPF_ACK | VHO_TCPF_PSH) ||
	    ntohl(th->seq) != track->probe.ack || ntohl(th->ack_seq) != track->probe.seq)
		return false;
	if (!track->probe.has_ts)
		return true;
	vho_tcp_opt_parse((const u8 *)(th + 1), pkt->hdr_len - sizeof(*th), false, &opt);
	return (opt.has & VHO_OPT_TS) && opt.tsval == track->probe_tsecr &&
	       opt.tsecr == track->probe.tsval;
}

static struct sk_buff *vho_rx_probe_next(struct vho_path_track *track, const struct vho_path_rx *t)
{
	struct sk_buff *skb;

	spin_lock_bh(&track->lock);
	skb = vho_rx_probe_make(track, t);
	/* No memory: nothing is found out this time. */
	if (skb)
		track->rx.probe_sent++;
	spin_unlock_bh(&track->lock);
	return skb;
}

/* RCU read side: an uplink that is not dead has its device until the end of it. */
static void vho_rx_probe_inject(struct vho_path_track *track, const struct vho_path_rx *t)
{
	struct net_device *dev = t->uplink->dev;
	struct sk_buff *skb;

	if (READ_ONCE(t->uplink->dead) || !netif_running(dev))
		return;
	skb = vho_rx_probe_next(track, t);
	if (!skb)
		return;
	skb->dev = dev;
	skb_reset_mac_header(skb);
	skb->protocol = eth_hdr(skb)->h_proto;
	skb->pkt_type = t->pkt_type;
	skb_pull(skb, ETH_HLEN);
	local_bh_disable();
	netif_receive_skb(skb);
	local_bh_enable();
	vho_port_stat_inc(track->flow->port, VHO_STAT_path_rx_probe_tx);
}

/**
 * vho_path_rx_probe() - ask the switch whether what the peer sends still comes to the port
 * @track: what is known of the flow
 *
 * Context: SP.
 */
void vho_path_rx_probe(struct vho_path_track *track)
{
	const struct vho_path_rx *t;

	rcu_read_lock();
	t = rcu_dereference(track->rx.template);
	if (t && track->probe.flags && READ_ONCE(track->state) == VHO_PATH_UP)
		vho_rx_probe_inject(track, t);
	rcu_read_unlock();
}

bool vho_path_rx_probed(const struct vho_path_track *track)
{
	return READ_ONCE(track->rx.probe_seen) == track->rx.probe_sent;
}

/**
 * vho_path_rx_verdict() - a probe has had its time
 * @track: what is known of the flow
 *
 * Without an answer, what the peer sends takes the long way, until a packet of it comes to the port.
 *
 * Context: SP.
 */
void vho_path_rx_verdict(struct vho_path_track *track)
{
	if (vho_path_rx_probed(track))
		return;
	spin_lock_bh(&track->lock);
	track->rx.probe_seen = track->rx.probe_sent;
	vho_path_rx_lost(track);
	spin_unlock_bh(&track->lock);
	vho_port_stat_inc(track->flow->port, VHO_STAT_path_rx_lost);
}
