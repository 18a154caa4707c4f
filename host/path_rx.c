// SPDX-License-Identifier: GPL-2.0
/*
 * Paths, receiving: segments of known flows are taken off an uplink, below all that the network put in front of
 * them, if every header is the one that this flow's packets have. Whatever else there is takes the long way.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <linux/rhashtable.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/unaligned.h>
#include <net/dsfield.h>
#include <net/dst.h>
#include <net/inet_ecn.h>
#include <net/ipv6.h>

#include "conntrack.h"
#include "flow.h"
#include "packet.h"
#include "path.h"
#include "path_rx.h"
#include "path_rx_int.h"
#include "port.h"
#include "slow.h"
#include "tap.h"
#include "trace.h"

/* Bytes that have to be linear at most to read the headers: in front of TCP, and TCP with all options. */
#define VHO_RX_LINEAR_BYTES	(VHO_HEADERS_MAX_BYTES + 60)
/* A candidate waits so long for its packet to reach the port before another may take its place. */
#define VHO_RX_CANDIDATE_MS	20
/* A packet at an uplink. */
struct vho_rx_packet {
	struct vho_uplink *uplink;
	struct sk_buff *skb;
	u8 *data;		/* its Ethernet header */
	struct vho_headers h;
};

static struct rhltable vho_rx_table;
static atomic_t vho_rx_nr = ATOMIC_INIT(0);	/* flows in it */

/* Of IPv4 addresses, what differs. */
static u32 vho_rx_key_hash(const void *data, u32 len, u32 seed)
{
	const struct vho_wire_key *key = data;
	u32 ports = (__force u32)key->sport << 16 | (__force u32)key->dport;

	if (likely(ipv6_addr_v4mapped(&key->saddr)))
		return jhash_3words((__force u32)key->saddr.s6_addr32[3],
				    (__force u32)key->daddr.s6_addr32[3], ports, seed);
	return jhash2(data, len / sizeof(u32), seed);
}

/* Return: 0, the keys are equal. */
static int vho_rx_key_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct vho_wire_key *a = arg->key;
	const struct vho_wire_key *b = &((const struct vho_path_track *)obj)->rx.key;

	return a->sport != b->sport || a->dport != b->dport ||
	       !ipv6_addr_equal(&a->saddr, &b->saddr) || !ipv6_addr_equal(&a->daddr, &b->daddr);
}

static const struct rhashtable_params vho_rx_params = {
	.key_len = sizeof(struct vho_wire_key),
	.hashfn = vho_rx_key_hash,
	.obj_cmpfn = vho_rx_key_cmp,
	.key_offset = offsetof(struct vho_path_track, rx.key),
	.head_offset = offsetof(struct vho_path_track, rx.node),
	.automatic_shrinking = true,
	/* As the table of flows. */
	.min_size = 1024,
};

int vho_path_rx_init(void)
{
	return rhltable_init(&vho_rx_table, &vho_rx_params);
}

void vho_path_rx_exit(void)
{
	rhltable_destroy(&vho_rx_table);
}

/* ---- templates ---- */

static void vho_rx_mark(const struct tcphdr *th, struct vho_rx_mark *mark)
{
	unsigned int len = min(th->doff * 4 - sizeof(*th), sizeof(mark->opt));

	mark->seq[0] = th->seq;
	mark->seq[1] = th->ack_seq;
	memset(mark->opt, 0, sizeof(mark->opt));
	memcpy(mark->opt, th + 1, len);
}

/* The headers of @p. NULL: no memory. */
static struct vho_path_rx *vho_rx_template(const struct vho_rx_packet *p)
{
	/* The last word may reach into the TCP header; its mask does not. */
	u8 mask[round_up(VHO_HEADERS_MAX_BYTES, sizeof(u64))] = { };
	u32 nr = DIV_ROUND_UP(p->h.tcp, sizeof(u64)), i;
	struct vho_path_rx *t;

	t = kmalloc(struct_size(t, word, nr), GFP_ATOMIC | __GFP_NOWARN);
	if (!t)
		return NULL;
	t->uplink = p->uplink;
	t->dev = p->skb->dev;
	t->vlan_all = p->skb->vlan_all;
	t->pkt_type = p->skb->pkt_type;
	t->outer_sport = ((const struct udphdr *)(p->data + p->h.outer_l4))->source;
	t->h = p->h;
	t->seen = jiffies;
	t->nr = nr;
	vho_rx_mark((const struct tcphdr *)(p->data + p->h.tcp), &t->mark);
	vho_headers_mask(p->data, &p->h, mask);
	for (i = 0; i < nr; i++) {
		t->word[i].mask = get_unaligned((const u64 *)mask + i);
		t->word[i].bytes = get_unaligned((const u64 *)p->data + i) & t->word[i].mask;
	}
	return t;
}

/* Does @p have the headers of @t? Nothing behind its TCP header is read. */
static bool vho_rx_matches(const struct vho_path_rx *t, const struct vho_rx_packet *p)
{
	const struct sk_buff *skb = p->skb;
	u64 differ = 0;
	u32 i;

	if (t->dev != skb->dev || t->vlan_all != skb->vlan_all ||
	    t->pkt_type != skb->pkt_type || t->h.tcp != p->h.tcp || t->h.flags != p->h.flags ||
	    t->h.tunnel != p->h.tunnel)
		return false;
	for (i = 0; i < t->nr; i++)
		differ |= (get_unaligned((const u64 *)p->data + i) & t->word[i].mask) ^
			  t->word[i].bytes;
	return !differ;
}

/* ---- learning ---- */

/* May packets with such headers be taken at all? */
static bool vho_rx_acceptable(const struct vho_rx_packet *p)
{
	return !(p->h.flags & VHO_HEADERS_GRE_SEQ) && p->data[p->h.inner_ip] >> 4 == 4 &&
	       p->skb->pkt_type != PACKET_BROADCAST && p->skb->pkt_type != PACKET_MULTICAST;
}

/* If @p reaches the port, its headers are the flow's. */
static void vho_rx_propose(struct vho_path_track *track, const struct vho_rx_packet *p)
{
	struct vho_path_rx_track *rx = &track->rx;

	if (!vho_rx_acceptable(p))
		return;
	spin_lock_bh(&track->lock);
	/* As long as it is in the table, the flow is there, and so is its port. */
	if (!rx->hashed)
		goto out;
	vho_port_stat_inc(track->flow->port, VHO_STAT_path_rx_differ);
	if (rx->candidate && time_before(jiffies, rx->candidate->seen +
						  msecs_to_jiffies(VHO_RX_CANDIDATE_MS)))
		goto out;
	kfree(rx->candidate);
	WRITE_ONCE(rx->candidate, vho_rx_template(p));
out:
	spin_unlock_bh(&track->lock);
}

/* track->lock is held. */
static void vho_rx_publish(struct vho_path_track *track, struct vho_path_rx *t)
{
	struct vho_path_rx *old = rcu_dereference_protected(track->rx.template,
							    lockdep_is_held(&track->lock));

	rcu_assign_pointer(track->rx.template, t);
	kfree_rcu(old, rcu);
}

/* track->lock is held: the candidate was the packet @skb that has come to the port. */
static void vho_rx_confirm(struct vho_path_track *track, struct sk_buff *skb)
{
	const struct tcphdr *th = (const struct tcphdr *)(skb->data + vho_packet(skb)->tcp_off);
	struct vho_path_rx *t = track->rx.candidate;
	struct vho_rx_mark mark;

	vho_rx_mark(th, &mark);
	if (!t || memcmp(&mark, &t->mark, sizeof(mark)))
		return;
	WRITE_ONCE(track->rx.candidate, NULL);
	vho_rx_publish(track, t);
	vho_conntrack_be_liberal(skb);
	vho_port_stat_inc(track->flow->port, VHO_STAT_path_rx_learned);
}

/* Return: it was the probe. */
static bool vho_rx_arrived(struct vho_path_track *track, struct sk_buff *skb)
{
	bool probe;

	spin_lock_bh(&track->lock);
	probe = vho_rx_probe_is(track, skb);
	if (probe) {
		WRITE_ONCE(track->rx.probe_seen, track->rx.probe_sent);
		vho_port_stat_inc(track->flow->port, VHO_STAT_path_rx_probe_rx);
	} else {
		vho_rx_confirm(track, skb);
	}
	spin_unlock_bh(&track->lock);
	return probe;
}

/**
 * vho_path_rx_arrived() - a segment of a flow has come to its port the long way
 * @flow: flow
 * @skb: segment, vho_packet() filled
 *
 * If it is the one whose headers were kept at the uplink, the switch itself has shown that packets with these
 * headers are the flow's.
 *
 * Context: SOFT.
 * Return: it is a probe, not for the flow.
 */
bool vho_path_rx_arrived(struct vho_flow *flow, struct sk_buff *skb)
{
	const struct tcphdr *th = (const struct tcphdr *)(skb->data + vho_packet(skb)->tcp_off);
	struct vho_path_track *track;
	bool probe = false;

	rcu_read_lock();
	track = rcu_dereference(flow->track);
	if (unlikely(track && (READ_ONCE(track->rx.candidate) || (th->psh && !vho_packet(skb)->len))))
		probe = vho_rx_arrived(track, skb);
	rcu_read_unlock();
	return probe;
}

/* ---- what path.c tells, track->lock held ---- */

static void vho_rx_unhash(struct vho_path_track *track)
{
	if (!track->rx.hashed)
		return;
	track->rx.hashed = false;
	atomic_dec(&vho_rx_nr);
	rhltable_remove(&vho_rx_table, &track->rx.node, vho_rx_params);
}

/* The addresses and ports in what answers packets of @path. */
static void vho_rx_answer_key(const struct vho_path *path, struct vho_wire_key *key)
{
	vho_headers_addrs(path->bytes, &path->h, &key->daddr, &key->saddr);
	key->sport = path->dport;
	key->dport = path->sport;
}

/**
 * vho_path_rx_follow() - packets that answer those of a path belong to its flow
 * @track: what is known of the flow
 * @path: the path, learned now
 *
 * Without memory the flow receives the long way.
 *
 * Context: any, track->lock held.
 */
void vho_path_rx_follow(struct vho_path_track *track, const struct vho_path *path)
{
	struct vho_wire_key key = { };

	vho_rx_answer_key(path, &key);
	if (track->rx.hashed && !memcmp(&key, &track->rx.key, sizeof(key)))
		return;
	vho_rx_unhash(track);
	track->rx.key = key;
	if (rhltable_insert(&vho_rx_table, &track->rx.node, vho_rx_params))
		return;
	track->rx.hashed = true;
	atomic_inc(&vho_rx_nr);
}

static void vho_rx_drop_candidate(struct vho_path_track *track)
{
	kfree(track->rx.candidate);
	WRITE_ONCE(track->rx.candidate, NULL);
}

void vho_path_rx_lost(struct vho_path_track *track)
{
	vho_rx_drop_candidate(track);
	vho_rx_publish(track, NULL);
}

void vho_path_rx_lose_uplink(struct vho_path_track *track, const struct vho_uplink *uplink)
{
	struct vho_path_rx *t = rcu_dereference_protected(track->rx.template,
							  lockdep_is_held(&track->lock));

	if (track->rx.candidate && track->rx.candidate->uplink == uplink)
		vho_rx_drop_candidate(track);
	if (t && t->uplink == uplink)
		vho_rx_publish(track, NULL);
}

void vho_path_rx_end(struct vho_path_track *track)
{
	vho_rx_unhash(track);
	vho_path_rx_lost(track);
}

/* ---- taking ---- */

/*
 * Is the checksum of the TCP segment known to be right, or can the core verify it? What a device or GRO has
 * verified counts only if it was this one, not one of the tunnel.
 */
static bool vho_rx_csum(const struct vho_rx_packet *p)
{
	struct sk_buff *skb = p->skb;
	u8 level = !!(p->h.flags & (VHO_HEADERS_UDP_CSUM | VHO_HEADERS_GRE_CSUM));

	switch (skb->ip_summed) {
	case CHECKSUM_PARTIAL:
		if (skb->head + skb->csum_start != p->data + p->h.tcp)
			return false;
		break;
	case CHECKSUM_UNNECESSARY:
		if (skb->csum_level < level)
			skb->ip_summed = CHECKSUM_NONE;
		break;
	default:
		skb->ip_summed = CHECKSUM_NONE;
	}
	return vho_headers_csum_ok(p->data, &p->h, skb->ip_summed != CHECKSUM_PARTIAL);
}

/* Cuts off what the network put in front; an Ethernet header stays, or as many bytes. */
static void vho_rx_strip(const struct vho_rx_packet *p, struct vho_flow *flow)
{
	struct sk_buff *skb = p->skb;
	struct vho_packet *pkt = vho_packet(skb);

	memset(pkt, 0, sizeof(*pkt));
	pkt->flow = flow;
	pkt->tcp_off = ETH_HLEN + p->h.tcp - p->h.inner_ip;
	pkt->hdr_len = p->h.tcp_len;
	pkt->len = p->h.len - p->h.tcp - p->h.tcp_len;

	__skb_push(skb, skb->data - p->data);
	__skb_pull(skb, p->h.inner_ip - ETH_HLEN);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb_set_transport_header(skb, pkt->tcp_off);
	__vlan_hwaccel_clear_tag(skb);
	skb_dst_drop(skb);
	skb->dev = flow->port->netdev;
	skb->encapsulation = 0;
	skb->csum_level = 0;
}

/* What the tunnel's header says about congestion becomes the inner header's. Return: VHO_STAT_NR, or why not. */
static enum vho_stat vho_rx_ecn(struct sk_buff *skb, int ecn)
{
	const struct iphdr *iph = (const struct iphdr *)(skb->data + ETH_HLEN);

	if (ecn == (iph->tos & INET_ECN_MASK))
		return VHO_STAT_NR;
	if (ecn < 0)
		return VHO_STAT_drop_path_ecn;
	if (skb_ensure_writable(skb, ETH_HLEN + sizeof(*iph)))
		return VHO_STAT_drop_nomem;
	ipv4_change_dsfield((struct iphdr *)(skb->data + ETH_HLEN), (u8)~INET_ECN_MASK, ecn);
	return VHO_STAT_NR;
}

static int vho_rx_ecn_of(const struct vho_rx_packet *p)
{
	u8 inner = vho_headers_ecn(p->data + p->h.inner_ip);

	if (!vho_headers_tunneled(&p->h))
		return inner;
	return vho_headers_ecn_decap(vho_headers_ecn(p->data + p->h.outer_ip), inner);
}

/* The flow with a reference, if its core takes segments by this path. NULL: not now. */
static struct vho_flow *vho_rx_flow(struct vho_path_track *track)
{
	struct vho_flow *flow = track->flow;

	/* Pairs with the release in vho_sp_hand_to_core(): the flow's group is what it stays. */
	if (READ_ONCE(track->state) != VHO_PATH_UP || smp_load_acquire(&flow->owner) == &vho_slow ||
	    !vho_flow_get_unless_zero(flow))
		return NULL;
	/* Unregistering waits for whoever saw the flag; then nothing enters the port's queues. */
	if (READ_ONCE(flow->port->netdev->flags) & IFF_UP)
		return flow;
	vho_flow_put(flow);
	return NULL;
}

/* What begins or ends connections, what IPsec has let in, and probes, are for the switch to see. */
static bool vho_rx_odd(const struct vho_rx_packet *p)
{
	const struct tcphdr *th = (const struct tcphdr *)(p->data + p->h.tcp);

	return (((const u8 *)th)[13] & (VHO_TCPF_SYN | VHO_TCPF_FIN | VHO_TCPF_RST)) ||
	       (th->psh && p->h.len == p->h.tcp + p->h.tcp_len) || secpath_exists(p->skb);
}

static void vho_rx_deliver(struct vho_flow *flow, struct sk_buff *skb, const struct net_device *uplink)
{
	struct vho_port *port = flow->port;

	vho_port_stat_add(port, VHO_STAT_path_rx_segs, max_t(u16, skb_shinfo(skb)->gso_segs, 1));
	vho_port_stat_add(port, VHO_STAT_path_rx_bytes, vho_packet(skb)->len);
	trace_vho_path_rx(flow, uplink, vho_packet(skb)->len);
	if (unlikely(vho_tap_active(port)))
		vho_tap_in(flow, skb);
	vho_port_netdev_take(port, skb);
}

/* The headers of @p are those of @track's flow. Return: the hook's verdict. */
static unsigned int vho_rx_take(struct vho_path_track *track, const struct vho_rx_packet *p)
{
	const struct net_device *uplink = p->skb->dev;
	struct sk_buff *skb = p->skb;
	struct vho_flow *flow;
	enum vho_stat drop;
	int ecn;

	if (vho_rx_odd(p) || !vho_rx_csum(p))
		return NF_ACCEPT;
	flow = vho_rx_flow(track);
	if (!flow)
		return NF_ACCEPT;
	/* A hint for who wonders whether the flow is in use. */
	WRITE_ONCE(track->rx.hits, track->rx.hits + 1);
	ecn = vho_rx_ecn_of(p);
	vho_rx_strip(p, flow);
	drop = vho_rx_ecn(skb, ecn);
	if (likely(drop == VHO_STAT_NR)) {
		vho_rx_deliver(flow, skb, uplink);
	} else {
		vho_port_stat_inc(flow->port, drop);
		vho_flow_put(flow);
		kfree_skb(skb);
	}
	return NF_STOLEN;
}

/* ---- the hook ---- */

/* Reads the headers. Return: it is TCP, alone with itself. */
static bool vho_rx_read(struct vho_rx_packet *p)
{
	struct sk_buff *skb = p->skb;
	u32 mac_len;
	int err;

	if (skb_shared(skb) || !skb_mac_header_was_set(skb))
		return false;
	p->data = skb_mac_header(skb);
	mac_len = skb->data - p->data;
	err = vho_headers_parse(p->data, mac_len + skb_headlen(skb), mac_len + skb->len, &p->h);
	if (err != -EAGAIN)
		return !err;
	if (!pskb_may_pull(skb, min(skb->len, VHO_RX_LINEAR_BYTES)))
		return false;
	p->data = skb_mac_header(skb);
	return !vho_headers_parse(p->data, mac_len + skb_headlen(skb), mac_len + skb->len, &p->h);
}

static void vho_rx_key(const struct vho_rx_packet *p, struct vho_wire_key *key)
{
	const struct tcphdr *th = (const struct tcphdr *)(p->data + p->h.tcp);

	vho_headers_addrs(p->data, &p->h, &key->saddr, &key->daddr);
	key->sport = th->source;
	key->dport = th->dest;
}

/**
 * vho_path_ingress() - look at a packet that has come in by an uplink
 * @priv: the uplink
 * @skb: packet, behind its Ethernet header
 * @state: not used
 *
 * What passes is left as it is.
 *
 * Context: SOFT, RCU read side.
 * Return: NF_ACCEPT; NF_STOLEN: it is on its way to the flow's core.
 */
unsigned int vho_path_ingress(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct vho_rx_packet p = { .uplink = priv, .skb = skb };
	const struct vho_path_rx *t;
	struct vho_path_track *track;
	struct rhlist_head *list, *pos;
	struct vho_wire_key key;

	if (!atomic_read(&vho_rx_nr) || !vho_rx_read(&p))
		return NF_ACCEPT;
	vho_rx_key(&p, &key);
	list = rhltable_lookup(&vho_rx_table, &key, vho_rx_params);
	rhl_for_each_entry_rcu(track, pos, list, rx.node) {
		t = rcu_dereference(track->rx.template);
		if (t && vho_rx_matches(t, &p))
			return vho_rx_take(track, &p);
	}
	rhl_for_each_entry_rcu(track, pos, list, rx.node)
		vho_rx_propose(track, &p);
	return NF_ACCEPT;
}
