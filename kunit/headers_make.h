/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Makes packets for suites: stacks of headers from a word.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_HEADERS_MAKE_H
#define _VHO_HEADERS_MAKE_H

#include <kunit/test.h>
#include <linux/types.h>

#include "../host/headers.h"

#define VHO_MAKE_BYTES_MAX	2048
#define VHO_MAKE_LAYERS_MAX	16
/* Addresses of the outermost IP header; of the one in it, one more. */
#define VHO_MAKE_SADDR		0xc0000202
#define VHO_MAKE_DADDR		0xc0000201
#define VHO_MAKE_SPORT		5001
#define VHO_MAKE_DPORT		40000
#define VHO_MAKE_SEQ		0x11111111
#define VHO_MAKE_ACK		0x22222222

/**
 * struct vho_headers_make - a packet
 * @bytes: from the Ethernet header on
 * @len: its bytes
 * @layer: its headers
 * @nr: how many
 * @ip: offsets of IP headers
 * @nr_ip: how many
 * @l4: offsets of what is behind each
 * @eth: offsets of Ethernet headers
 * @nr_eth: how many
 * @varies: bits in front of the TCP header that may differ between two packets of a flow
 */
struct vho_headers_make {
	u8 bytes[VHO_MAKE_BYTES_MAX];
	u32 len;
	struct vho_layer layer[VHO_MAKE_LAYERS_MAX];
	unsigned int nr;
	unsigned int ip[VHO_MAKE_LAYERS_MAX];
	unsigned int nr_ip;
	unsigned int l4[VHO_MAKE_LAYERS_MAX];
	unsigned int eth[VHO_MAKE_LAYERS_MAX];
	unsigned int nr_eth;
	unsigned int varies;
};

/*
 * The packet of @stack with @payload bytes behind the last header. One letter a header: E Ethernet, V VLAN,
 * 4 IPv4, 6 IPv6, U UDP, u UDP with checksum, X VXLAN, G Geneve, g Geneve with 8 bytes of options,
 * R GRE, C GRE with checksum, K with key, A with both, S with sequence number, T TCP with timestamps.
 * In front of an IP header: o options (IPv6: an extension header), m first, f last fragment.
 */
struct vho_headers_make *vho_headers_make(struct kunit *test, const char *stack, u32 payload);
/* Changes all that may differ between packets of a flow, but for lengths. */
void vho_headers_make_vary(struct vho_headers_make *m);

#endif /* _VHO_HEADERS_MAKE_H */
