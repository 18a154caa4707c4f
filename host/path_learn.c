// SPDX-License-Identifier: GPL-2.0
/*
 * Learning paths: the egress hook of an uplink recognises what flows sent through the switch.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/unaligned.h>

#include "conntrack.h"
#include "flow.h"
#include "path.h"
#include "path_filter.h"
#include "port.h"
#include "tcp_opt.h"
#include "uplink.h"

/* The longest frame that can be a handshake's or a probe: headers, and a TCP header with all options. */
#define VHO_LEARN_MAX_BYTES	(VHO_HEADERS_MAX_BYTES + 60)

/* A checksum field of a GRE header follows the four bytes that every one has. */
#define VHO_GRE_CSUM_OFF	4

/* ---- what was seen ---- */

static void vho_learn_expect(const u8 *data, const struct vho_headers *h, struct vho_path_expect *seen)
{
	const struct tcphdr *th = (const struct tcphdr *)(data + h->tcp);
	struct vho_tcp_opt opt;

	vho_tcp_opt_parse((const u8 *)(th + 1), h->tcp_len - sizeof(*th), th->syn, &opt);
	*seen = (struct vho_path_expect) {
		.seq = get_unaligned_be32(&th->seq),
		.ack = get_unaligned_be32(&th->ack_seq),
		.flags = ((const u8 *)th)[13],
		.has_ts = opt.has & VHO_OPT_TS,
		.tsval = opt.has & VHO_OPT_TS ? opt.tsval : 0,
	};
}

/* ---- a template of it ---- */

static void vho_learn_clear_layer(struct vho_path *path, const struct vho_layer *layer)
{
	u8 *p = path->bytes + layer->off;

	switch (layer->kind) {
	case VHO_LAYER_IP4: {
		struct iphdr *iph = (struct iphdr *)p;

		iph->tot_len = 0;
		iph->id = 0;
		iph->check = 0;
		break;
	}
	case VHO_LAYER_IP6:
		((struct ipv6hdr *)p)->payload_len = 0;
		break;
	case VHO_LAYER_UDP: {
		struct udphdr *uh = (struct udphdr *)p;

		path->outer_sport = uh->source;
		uh->source = 0;
		uh->len = 0;
		uh->check = 0;
		break;
	}
	case VHO_LAYER_GRE:
		if (path->h.flags & VHO_HEADERS_GRE_CSUM)
			put_unaligned_be16(0, p + VHO_GRE_CSUM_OFF);
		break;
	}
}

/* What differs from packet to packet is written for each. */
static void vho_learn_clear(struct vho_path *path)
{
	unsigned int i;

	if (vho_headers_tunneled(&path->h) && path->bytes[path->h.outer_ip] >> 4 == 4)
		path->outer_id = ntohs(((struct iphdr *)(path->bytes + path->h.outer_ip))->id) + 1;
	for (i = 0; i < path->h.nr; i++)
		vho_learn_clear_layer(path, &path->h.layer[i]);
}

static u32 vho_learn_gso_type(const struct vho_headers *h)
{
	switch (h->tunnel) {
	case VHO_LAYER_VXLAN:
	case VHO_LAYER_GENEVE:
		return h->flags & VHO_HEADERS_UDP_CSUM ? SKB_GSO_UDP_TUNNEL_CSUM : SKB_GSO_UDP_TUNNEL;
	case VHO_LAYER_GRE:
		return h->flags & VHO_HEADERS_GRE_CSUM ? SKB_GSO_GRE_CSUM : SKB_GSO_GRE;
	}
	return 0;
}

/* The device's MTU counts from the outermost IP header on. */
static u16 vho_learn_mss_limit(const struct net_device *dev, const struct vho_headers *h)
{
	u32 overhead = h->tcp - h->outer_ip + sizeof(struct tcphdr);
	u32 mtu = READ_ONCE(dev->mtu);

	return mtu > overhead ? min_t(u32, mtu - overhead, U16_MAX) : 0;
}

static struct vho_path *vho_learn_path(struct vho_uplink *uplink, const struct sk_buff *skb, const u8 *data,
				       const struct vho_headers *h, u8 tos)
{
	const struct tcphdr *th = (const struct tcphdr *)(data + h->tcp);
	struct vho_path *path;

	path = kzalloc(sizeof(*path), GFP_ATOMIC | __GFP_NOWARN);
	if (!path)
		return NULL;
	vho_uplink_get(uplink);
	path->uplink = uplink;
	path->dev = uplink->dev;
	path->mss_limit = vho_learn_mss_limit(uplink->dev, h);
	path->h = *h;
	path->len = h->tcp;
	path->protocol = skb->protocol;
	if (skb_vlan_tag_present(skb)) {
		path->vlan_proto = skb->vlan_proto;
		path->vlan_tci = skb_vlan_tag_get(skb);
	}
	path->tos = tos;
	path->gso_type = vho_learn_gso_type(h);
	path->sport = th->source;
	path->dport = th->dest;
	path->learned_ns = ktime_get_ns();
	memcpy(path->bytes, data, h->tcp);
	vho_learn_clear(path);
	return path;
}

static bool vho_learn_same(const struct vho_path *a, const struct vho_path *b)
{
	return a->uplink == b->uplink && a->len == b->len && a->protocol == b->protocol &&
	       a->vlan_proto == b->vlan_proto && a->vlan_tci == b->vlan_tci && a->tos == b->tos &&
	       a->mss_limit == b->mss_limit && a->sport == b->sport && a->dport == b->dport &&
	       a->h.flags == b->h.flags && a->h.tunnel == b->h.tunnel &&
	       !memcmp(a->bytes, b->bytes, a->len);
}

/* ---- verdict ---- */

static enum vho_path_reason vho_learn_refuse(const struct vho_path_track *track,
					     const struct vho_uplink *uplink, const struct vho_headers *h)
{
	if (h->flags & VHO_HEADERS_GRE_SEQ)
		return VHO_PATH_REFUSED_GRE_SEQ;
	if (!uplink->bypass && vho_path_filtered(track->flow->port, uplink->dev, h))
		return VHO_PATH_REFUSED_FILTER;
	return VHO_PATH_OK;
}

/* track->lock is held; @path is taken. */
static void vho_learn_take(struct vho_path_track *track, struct vho_path *path, bool again)
{
	struct vho_path *old = rcu_dereference_protected(track->path, lockdep_is_held(&track->lock));
	bool same = old && vho_learn_same(old, path);

	if (again && !same) {
		/* The switch did not know where to send it and asked everywhere. */
		vho_path_free(path);
		__vho_path_lose(track, VHO_PATH_REFUSED_FLOOD);
		return;
	}
	if (same) {
		vho_path_free(path);
	} else {
		__vho_path_take(track, path);
		atomic64_inc(&path->uplink->learned);
	}
	WRITE_ONCE(track->reason, VHO_PATH_OK);
	WRITE_ONCE(track->verified_ns, ktime_get_ns());
}

/* The segment is what @track expects; track->lock is held, and the flow is there. */
static void vho_learn_from(struct vho_path_track *track, struct vho_uplink *uplink, const struct sk_buff *skb,
			   const u8 *data, const struct vho_headers *h, bool again)
{
	enum vho_path_reason reason = vho_learn_refuse(track, uplink, h);
	struct vho_path *path;

	if (reason != VHO_PATH_OK) {
		__vho_path_lose(track, reason);
		return;
	}
	path = vho_learn_path(uplink, skb, data, h, READ_ONCE(track->flow->tos));
	if (path)
		vho_learn_take(track, path, again);
}

/* Return: it is a probe, which ends here. */
static bool vho_learn_seen(struct vho_path_track *track, struct vho_uplink *uplink, const struct sk_buff *skb,
			   const u8 *data, const struct vho_headers *h, const struct vho_path_expect *seen)
{
	bool probe, shake, again;

	spin_lock_bh(&track->lock);
	probe = vho_path_expects(&track->probe, seen);
	shake = !probe && vho_path_expects(&track->shake, seen);
	again = probe ? track->probe_seen == track->probe_sent : track->shake_seen;
	if (track->state != VHO_PATH_OVER && !READ_ONCE(uplink->dead) && (probe || shake) &&
	    !(seen->flags & VHO_TCPF_RST)) {
		if (probe) {
			WRITE_ONCE(track->probe_seen, track->probe_sent);
			vho_port_stat_inc(track->flow->port, VHO_STAT_path_probe_rx);
		} else {
			track->shake_seen = true;
		}
		vho_conntrack_be_liberal(skb);
		/* tc filters, which may track connections as well, make no path unless this is so. */
		track->untold = !uplink->bypass && vho_conntrack_missed(skb, track->flow->port->netdev,
									uplink->dev);
		vho_learn_from(track, uplink, skb, data, h, again);
	}
	spin_unlock_bh(&track->lock);
	if (probe)
		atomic64_inc(&uplink->probes);
	return probe;
}

/**
 * vho_path_egress() - look at a packet that leaves by an uplink
 * @priv: the uplink
 * @skb: packet, at its Ethernet header
 * @state: not used
 *
 * What is sent by a path does not come here (vho_path_xmit()).
 *
 * Context: SOFT; or process context with softirqs off.
 * Return: NF_ACCEPT; NF_STOLEN: it was a probe.
 */
unsigned int vho_path_egress(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct vho_path_track *track;
	struct vho_path_expect seen;
	struct vho_headers h;
	u8 buf[VHO_LEARN_MAX_BYTES];
	const u8 *data;

	if (skb->len > VHO_LEARN_MAX_BYTES || !vho_path_any())
		return NF_ACCEPT;
	data = skb_header_pointer(skb, 0, skb->len, buf);
	if (!data || vho_headers_parse(data, skb->len, skb->len, &h) || h.len != h.tcp + h.tcp_len)
		return NF_ACCEPT;
	vho_learn_expect(data, &h, &seen);
	track = vho_path_find_rcu(&seen);
	if (!track || !vho_learn_seen(track, priv, skb, data, &h, &seen))
		return NF_ACCEPT;
	consume_skb(skb);
	return NF_STOLEN;
}
