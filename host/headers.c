// SPDX-License-Identifier: GPL-2.0
/*
 * The headers in front of a TCP segment on an uplink. All of it may come from an attacker: nothing is read
 * that is not within the length given, and no byte is believed before it is checked.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ip6_tunnel.h>
#include <linux/ipv6.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/unaligned.h>
#include <net/inet_ecn.h>
#include <net/ip.h>

#include "headers.h"

/* VLAN tags in a row, in the data. */
#define VHO_HEADERS_TAGS_MAX	2

#define VHO_VXLAN_BYTES		8
#define VHO_GENEVE_BYTES	8
#define VHO_GRE_BYTES		4

#define VHO_LIMIT_BYTES		8

/* First word of a VXLAN header (RFC 7348): a VNI follows, none of the extensions. */
#define VHO_VXLAN_WORD		0x08000000
/* First bytes of a Geneve header (RFC 8926): version, length of the options; flag of control packets. */
#define VHO_GENEVE_VERSION(b)	((b) >> 6)
#define VHO_GENEVE_OPTS(b)	(((b) & 0x3f) * 4)
#define VHO_GENEVE_CONTROL	0x80
/* First two bytes of a GRE header (RFC 2784, RFC 2890). */
#define VHO_GRE_CSUM		0x8000
#define VHO_GRE_KEY		0x2000
#define VHO_GRE_SEQ		0x1000

const char *const vho_layer_names[VHO_LAYER_TCP + 1] = {
	[VHO_LAYER_NONE] = "none",
	[VHO_LAYER_ETH] = "eth",
	[VHO_LAYER_VLAN] = "vlan",
	[VHO_LAYER_IP4] = "ip4",
	[VHO_LAYER_IP6] = "ip6",
	[VHO_LAYER_UDP] = "udp",
	[VHO_LAYER_VXLAN] = "vxlan",
	[VHO_LAYER_GENEVE] = "geneve",
	[VHO_LAYER_GRE] = "gre",
	[VHO_LAYER_LIMIT] = "limit",
	[VHO_LAYER_TCP] = "tcp",
};

/* Where the reader stands. */
struct vho_headers_walk {
	struct vho_headers *h;
	const u8 *data;
	u32 linear;
	u32 len;
	u32 off;
	__be16 proto;	/* EtherType of what is at @off */
	u8 next;	/* IP protocol of what is at @off */
};

/* Can @bytes be read at the walk's place? Return: 0, or what to say of the packet. */
static int vho_headers_need(const struct vho_headers_walk *w, u32 bytes)
{
	if (w->off + bytes > w->len)
		return -EINVAL;
	return w->off + bytes > w->linear ? -EAGAIN : 0;
}

/* The header of @bytes at the walk's place is a layer; goes on behind it. */
static int vho_headers_take(struct vho_headers_walk *w, enum vho_layer_kind kind, u32 bytes)
{
	int err = vho_headers_need(w, bytes);
	struct vho_layer *layer;

	if (err)
		return err;
	layer = &w->h->layer[w->h->nr++];
	layer->kind = kind;
	layer->off = w->off;
	w->off += bytes;
	return 0;
}

static int vho_headers_ether(struct vho_headers_walk *w)
{
	const struct ethhdr *eth = (const struct ethhdr *)(w->data + w->off);
	const struct vlan_hdr *vlan;
	unsigned int n;
	int err;

	err = vho_headers_take(w, VHO_LAYER_ETH, ETH_HLEN);
	if (err)
		return err;
	w->proto = eth->h_proto;
	for (n = 0; eth_type_vlan(w->proto); n++) {
		if (n == VHO_HEADERS_TAGS_MAX)
			return -EOPNOTSUPP;
		vlan = (const struct vlan_hdr *)(w->data + w->off);
		err = vho_headers_take(w, VHO_LAYER_VLAN, VLAN_HLEN);
		if (err)
			return err;
		w->proto = vlan->h_vlan_encapsulated_proto;
	}
	return 0;
}

/* An IP packet says that it has @bytes: what is behind them is not read. None: a GSO packet above 64 KiB. */
static int vho_headers_end(struct vho_headers_walk *w, u32 off, u32 bytes)
{
	if (!bytes)
		return w->len > U16_MAX ? 0 : -EINVAL;
	if (off + bytes > w->len || off + bytes < w->off)
		return -EINVAL;
	w->len = off + bytes;
	return 0;
}

static int vho_headers_ip4(struct vho_headers_walk *w)
{
	const struct iphdr *iph = (const struct iphdr *)(w->data + w->off);
	u32 off = w->off;
	int err;

	err = vho_headers_take(w, VHO_LAYER_IP4, sizeof(*iph));
	if (err)
		return err;
	if (iph->version != 4 || iph->ihl < 5)
		return -EINVAL;
	if (iph->ihl != 5 || ip_is_fragment(iph))
		return -EOPNOTSUPP;
	w->next = iph->protocol;
	return vho_headers_end(w, off, ntohs(iph->tot_len));
}

static int vho_headers_ip6(struct vho_headers_walk *w)
{
	const struct ipv6hdr *ip6h = (const struct ipv6hdr *)(w->data + w->off);
	u32 off = w->off;
	u16 bytes;
	int err;

	err = vho_headers_take(w, VHO_LAYER_IP6, sizeof(*ip6h));
	if (err)
		return err;
	if (ip6h->version != 6)
		return -EINVAL;
	switch (ip6h->nexthdr) {
	case NEXTHDR_HOP:
	case NEXTHDR_ROUTING:
	case NEXTHDR_FRAGMENT:
	case NEXTHDR_AUTH:
		return -EOPNOTSUPP;
	}
	w->next = ip6h->nexthdr;
	bytes = ntohs(ip6h->payload_len);
	return vho_headers_end(w, off, bytes ? sizeof(*ip6h) + bytes : 0);
}

static int vho_headers_ip(struct vho_headers_walk *w)
{
	w->h->inner_ip = w->off;
	switch (w->proto) {
	case htons(ETH_P_IP):
		return vho_headers_ip4(w);
	case htons(ETH_P_IPV6):
		return vho_headers_ip6(w);
	default:
		return -ENOMSG;
	}
}

/*
 * Destination options that hold a tunnel encapsulation limit (RFC 2473 section 4.1.1) and nothing else: what Linux
 * puts in front of GRE unless it is told not to.
 */
static int vho_headers_limit(struct vho_headers_walk *w)
{
	const struct ipv6_opt_hdr *opt = (const struct ipv6_opt_hdr *)(w->data + w->off);
	int err = vho_headers_need(w, VHO_LIMIT_BYTES);

	if (err)
		return err;
	if (opt->nexthdr != IPPROTO_GRE || opt->hdrlen ||
	    w->data[w->off + sizeof(*opt)] != IPV6_TLV_TNL_ENCAP_LIMIT)
		return -EOPNOTSUPP;
	w->next = opt->nexthdr;
	return vho_headers_take(w, VHO_LAYER_LIMIT, VHO_LIMIT_BYTES);
}

static int vho_headers_vxlan(struct vho_headers_walk *w)
{
	/* Reserved. */
	if (w->data[w->off + VHO_VXLAN_BYTES - 1])
		return -ENOMSG;
	w->h->tunnel = VHO_LAYER_VXLAN;
	w->proto = htons(ETH_P_TEB);
	return vho_headers_take(w, VHO_LAYER_VXLAN, VHO_VXLAN_BYTES);
}

static int vho_headers_geneve(struct vho_headers_walk *w)
{
	const u8 *p = w->data + w->off;

	if (VHO_GENEVE_VERSION(p[0]) || (p[1] & VHO_GENEVE_CONTROL))
		return -ENOMSG;
	w->h->tunnel = VHO_LAYER_GENEVE;
	w->proto = htons(get_unaligned_be16(p + 2));
	return vho_headers_take(w, VHO_LAYER_GENEVE, VHO_GENEVE_BYTES + VHO_GENEVE_OPTS(p[0]));
}

/*
 * UDP, and a tunnel in it. The operator may choose any port for it, so form tells what it is: no VXLAN
 * header is one of Geneve.
 */
static int vho_headers_udp(struct vho_headers_walk *w)
{
	const struct udphdr *uh = (const struct udphdr *)(w->data + w->off);
	u32 off = w->off, bytes;
	int err;

	err = vho_headers_take(w, VHO_LAYER_UDP, sizeof(*uh));
	if (!err)
		err = vho_headers_need(w, VHO_VXLAN_BYTES);
	/* Too short for a tunnel. */
	if (err)
		return err == -EAGAIN ? err : -ENOMSG;
	bytes = ntohs(uh->len);
	if (off + bytes != w->len && (bytes || w->len <= U16_MAX))
		return -EINVAL;
	if (uh->check)
		w->h->flags |= VHO_HEADERS_UDP_CSUM;
	if (get_unaligned_be32(w->data + w->off) == VHO_VXLAN_WORD)
		return vho_headers_vxlan(w);
	return vho_headers_geneve(w);
}

static int vho_headers_gre(struct vho_headers_walk *w)
{
	u32 bytes = VHO_GRE_BYTES;
	u16 flags;
	int err;

	err = vho_headers_need(w, bytes);
	if (err)
		return err;
	flags = get_unaligned_be16(w->data + w->off);
	/* Routing, another version. */
	if (flags & ~(VHO_GRE_CSUM | VHO_GRE_KEY | VHO_GRE_SEQ))
		return -ENOMSG;
	if (flags & VHO_GRE_CSUM) {
		w->h->flags |= VHO_HEADERS_GRE_CSUM;
		bytes += 4;
	}
	if (flags & VHO_GRE_KEY) {
		w->h->flags |= VHO_HEADERS_GRE_KEY;
		bytes += 4;
	}
	if (flags & VHO_GRE_SEQ) {
		w->h->flags |= VHO_HEADERS_GRE_SEQ;
		bytes += 4;
	}
	w->h->tunnel = VHO_LAYER_GRE;
	w->proto = htons(get_unaligned_be16(w->data + w->off + 2));
	return vho_headers_take(w, VHO_LAYER_GRE, bytes);
}

/* A tunnel, up to the IP header in it. */
static int vho_headers_tunnel(struct vho_headers_walk *w)
{
	int err = -ENOMSG;

	if (w->next == NEXTHDR_DEST) {
		err = vho_headers_limit(w);
		if (err)
			return err;
	}
	w->h->outer_l4 = w->off;
	if (w->next == IPPROTO_UDP)
		err = vho_headers_udp(w);
	else if (w->next == IPPROTO_GRE)
		err = vho_headers_gre(w);
	if (err)
		return err;
	if (w->proto == htons(ETH_P_TEB)) {
		w->h->inner_eth = w->off;
		err = vho_headers_ether(w);
		if (err)
			return err;
	}
	return vho_headers_ip(w);
}

static int vho_headers_tcp(struct vho_headers_walk *w)
{
	const struct tcphdr *th = (const struct tcphdr *)(w->data + w->off);
	u32 off = w->off;
	int err;

	if (off > VHO_HEADERS_MAX_BYTES)
		return -EOPNOTSUPP;
	err = vho_headers_take(w, VHO_LAYER_TCP, sizeof(*th));
	if (err)
		return err;
	if (th->doff * 4 < sizeof(*th))
		return -EINVAL;
	err = vho_headers_need(w, th->doff * 4 - sizeof(*th));
	w->h->tcp = off;
	w->h->tcp_len = th->doff * 4;
	w->h->len = w->len;
	return err;
}

/**
 * vho_headers_parse() - find the headers in front of a TCP segment
 * @data: the frame, from its Ethernet header on; a tag that is not in the data is no layer
 * @linear: bytes that can be read at @data
 * @len: bytes of the frame, GSO or not
 * @h: result
 *
 * Who relies on the result compares it with what is known of a flow: whether UDP is a tunnel is told by what
 * follows. The length of every IP and UDP header is checked against that of what it is in. Nothing here loops longer
 * than over two tags.
 *
 * Context: any.
 * Return: 0; -ENOMSG: not TCP that we can read; -EOPNOTSUPP: a fragment, IP options or
 * extension headers, or more layers than are understood; -EINVAL: truncated or inconsistent; -EAGAIN: more than
 * @linear has to be read to tell.
 */
int vho_headers_parse(const u8 *data, u32 linear, u32 len, struct vho_headers *h)
{
	struct vho_headers_walk w = { .h = h, .data = data, .linear = min(linear, len), .len = len };
	int err;

	memset(h, 0, sizeof(*h));
	err = vho_headers_ether(&w);
	if (!err)
		err = vho_headers_ip(&w);
	if (err)
		return err;
	h->outer_ip = h->inner_ip;
	h->outer_l4 = w.off;
	if (w.next != IPPROTO_TCP) {
		err = vho_headers_tunnel(&w);
		if (err)
			return err;
	}
	/* A tunnel in a tunnel, or something else in it. */
	if (w.next != IPPROTO_TCP)
		return w.next == NEXTHDR_DEST ? -EOPNOTSUPP : -ENOMSG;
	return vho_headers_tcp(&w);
}

static void vho_headers_mask_layer(enum vho_layer_kind kind, const u8 *p, u8 *m)
{
	switch (kind) {
	case VHO_LAYER_IP4:
		m[offsetof(struct iphdr, tos)] = (u8)~INET_ECN_MASK;
		memset(m + offsetof(struct iphdr, tot_len), 0, 4);	/* and id */
		memset(m + offsetof(struct iphdr, check), 0, 2);
		break;
	case VHO_LAYER_IP6:
		/* Of the second byte, the DSCP's end is compared; then the flow label, the length. */
		m[1] = 0xc0;
		memset(m + 2, 0, 4);
		break;
	case VHO_LAYER_UDP:
		memset(m + offsetof(struct udphdr, source), 0, 2);
		memset(m + offsetof(struct udphdr, len), 0, 4);		/* and check */
		break;
	case VHO_LAYER_GRE:
		if (get_unaligned_be16(p) & VHO_GRE_CSUM)
			memset(m + VHO_GRE_BYTES, 0, 2);
		break;
	default:
		break;
	}
}

void vho_headers_mask(const u8 *data, const struct vho_headers *h, u8 *mask)
{
	unsigned int i;

	memset(mask, 0xff, h->tcp);
	for (i = 0; i + 1 < h->nr; i++)
		vho_headers_mask_layer(h->layer[i].kind, data + h->layer[i].off,
				       mask + h->layer[i].off);
}

static bool vho_headers_ip_csum_ok(const u8 *ip)
{
	return ip[0] >> 4 != 4 || !ip_fast_csum(ip, 5);
}

bool vho_headers_csum_ok(const u8 *data, const struct vho_headers *h, bool inner)
{
	if (vho_headers_tunneled(h) && !vho_headers_ip_csum_ok(data + h->outer_ip))
		return false;
	return !inner || vho_headers_ip_csum_ok(data + h->inner_ip);
}

void vho_headers_addrs(const u8 *data, const struct vho_headers *h, struct in6_addr *saddr,
		       struct in6_addr *daddr)
{
	const u8 *ip = data + h->inner_ip;

	if (ip[0] >> 4 == 4) {
		ipv6_addr_set_v4mapped(((const struct iphdr *)ip)->saddr, saddr);
		ipv6_addr_set_v4mapped(((const struct iphdr *)ip)->daddr, daddr);
	} else {
		memcpy(saddr, ip + offsetof(struct ipv6hdr, saddr), sizeof(*saddr));
		memcpy(daddr, ip + offsetof(struct ipv6hdr, daddr), sizeof(*daddr));
	}
}

u8 vho_headers_ecn(const u8 *ip)
{
	return (ip[0] >> 4 == 4 ? ip[1] : ip[1] >> 4) & INET_ECN_MASK;
}

int vho_headers_ecn_decap(u8 outer, u8 inner)
{
	if (outer == INET_ECN_CE)
		return inner == INET_ECN_NOT_ECT ? -EINVAL : INET_ECN_CE;
	if (outer == INET_ECN_ECT_1 && inner == INET_ECN_ECT_0)
		return INET_ECN_ECT_1;
	return inner;
}
