/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The headers in front of a TCP segment on an uplink: Ethernet, VLAN tags, and at most one tunnel.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_HEADERS_H
#define _VHO_HEADERS_H

#include <linux/in6.h>
#include <linux/types.h>

/* Most bytes in front of the TCP header, and layers, that are understood. */
#define VHO_HEADERS_MAX_BYTES	256
#define VHO_HEADERS_MAX_LAYERS	12

enum vho_layer_kind {
	VHO_LAYER_NONE,
	VHO_LAYER_ETH,
	VHO_LAYER_VLAN,		/* a tag that is in the data */
	VHO_LAYER_IP4,
	VHO_LAYER_IP6,
	VHO_LAYER_UDP,
	VHO_LAYER_VXLAN,
	VHO_LAYER_GENEVE,
	VHO_LAYER_GRE,
	VHO_LAYER_LIMIT,	/* destination options with a tunnel encapsulation limit, in front of GRE */
	VHO_LAYER_TCP,
};

/* Bits of vho_headers.flags */
#define VHO_HEADERS_UDP_CSUM	0x01	/* the tunnel's UDP checksum is in use */
#define VHO_HEADERS_GRE_CSUM	0x02	/* GRE with checksum */
#define VHO_HEADERS_GRE_KEY	0x04
#define VHO_HEADERS_GRE_SEQ	0x08	/* GRE with sequence numbers */

/**
 * struct vho_layer - one header
 * @kind: enum vho_layer_kind
 * @off: its offset from the Ethernet header, bytes
 */
struct vho_layer {
	u8 kind;
	u16 off;
};

/**
 * struct vho_headers - what stands in front of a TCP segment; offsets are from the Ethernet header
 * @nr: entries of @layer, the last is TCP
 * @tunnel: VHO_LAYER_VXLAN, _GENEVE, _GRE; VHO_LAYER_NONE: no tunnel
 * @flags: VHO_HEADERS_*
 * @outer_ip: offset of the outermost IP header; @inner_ip without a tunnel
 * @outer_l4: with a tunnel: offset of its UDP or GRE header; otherwise @tcp
 * @inner_eth: with a tunnel for frames: offset of the Ethernet header in it; otherwise 0
 * @inner_ip: offset of the IP header in front of TCP
 * @tcp: offset of the TCP header: length of the headers
 * @tcp_len: length of the TCP header, options included
 * @len: bytes of the frame up to the end of the innermost IP packet: padding excluded
 * @layer: all of them, outermost first
 */
struct vho_headers {
	u8 nr;
	u8 tunnel;
	u8 flags;
	u16 outer_ip;
	u16 outer_l4;
	u16 inner_eth;
	u16 inner_ip;
	u16 tcp;
	u16 tcp_len;
	u32 len;
	struct vho_layer layer[VHO_HEADERS_MAX_LAYERS];
};

static inline bool vho_headers_tunneled(const struct vho_headers *h)
{
	return h->tunnel != VHO_LAYER_NONE;
}

/* Names of the layers, by enum vho_layer_kind. */
extern const char *const vho_layer_names[VHO_LAYER_TCP + 1];

/*
 * Any context. Return: 0, @h is filled, and all of the TCP header is within @linear; -EAGAIN: more has to be
 * linear; -ENOMSG, -EOPNOTSUPP, -EINVAL, see headers.c.
 */
int vho_headers_parse(const u8 *data, u32 linear, u32 len, struct vho_headers *h);
/*
 * Writes h->tcp bytes to @mask: the bits that are the same in all packets of a flow. Not so: lengths, IP
 * identifications, checksums, ECN fields, IPv6 flow labels, the tunnel's UDP source port. Any context.
 */
void vho_headers_mask(const u8 *data, const struct vho_headers *h, u8 *mask);
/* Are the header checksums of IPv4 right, the inner one's only if @inner? Any context. */
bool vho_headers_csum_ok(const u8 *data, const struct vho_headers *h, bool inner);
/* Addresses of the inner packet, IPv4 ones mapped. Any context. */
void vho_headers_addrs(const u8 *data, const struct vho_headers *h, struct in6_addr *saddr,
		       struct in6_addr *daddr);
/* The ECN field of the IP header at @ip. */
u8 vho_headers_ecn(const u8 *ip);
/*
 * The ECN field of a packet that leaves a tunnel, RFC 6040 section 4.2, from those of its outer and inner
 * header. Negative: it is to be dropped.
 */
int vho_headers_ecn_decap(u8 outer, u8 inner);

#endif /* _VHO_HEADERS_H */
