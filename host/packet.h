/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading the headers of a received packet.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PACKET_H
#define _VHO_PACKET_H

#include <linux/skbuff.h>

#include "flow.h"
#include "tcp.h"

/**
 * struct vho_packet - a TCP segment found in an skb, or an ICMP error about one; lives in skb->cb
 * @flow: flow it belongs to, with a reference; NULL: none (a SYN for a listener)
 * @tcp_off: offset of the TCP header from skb->data
 * @hdr_len: length of the TCP header in bytes
 * @len: bytes of payload (link-layer padding excluded)
 * @off: bytes of the payload that were taken already, in an earlier piece
 * @icmp_seq: sequence number of the segment that an ICMP error quotes
 * @icmp_mtu: next-hop MTU that it tells, with ICMP_FRAG_NEEDED
 * @icmp_code: ICMP code of a "destination unreachable"
 * @icmp: it is an ICMP error; tcp_off, hdr_len and len mean nothing
 */
struct vho_packet {
	struct vho_flow *flow;
	u16 tcp_off;
	u16 hdr_len;
	u32 len;
	u32 off;
	u32 icmp_seq;
	u16 icmp_mtu;
	u8 icmp_code;
	bool icmp;
};

static inline struct vho_packet *vho_packet(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct vho_packet) > sizeof(skb->cb));
	return (struct vho_packet *)skb->cb;
}

/* What a frame is to a port. */
enum vho_packet_kind {
	VHO_PACKET_OTHER,	/* not TCP that we can read: a frame for the guest */
	VHO_PACKET_TCP,		/* a TCP segment, vho_packet() and @key are filled */
	VHO_PACKET_ICMP,	/* an ICMP error about a segment of the guest, likewise */
	VHO_PACKET_FRAGMENT,	/* an IPv4 fragment of TCP */
	VHO_PACKET_BAD,		/* TCP with inconsistent headers */
};

/*
 * Looks at the frame @skb (data at the Ethernet header, addressed to the guest) and fills
 * vho_packet(@skb) and @key (but for port_index). Headers become linear. Any context.
 */
enum vho_packet_kind vho_packet_parse(struct sk_buff *skb, struct vho_flow_key *key);
/*
 * Fills @seg from a frame that vho_packet_parse() called TCP: from what was not taken yet, as much as
 * @bytes of payload. Return: that is all. Otherwise it is called again. Any context.
 */
bool vho_packet_segment(struct sk_buff *skb, u32 bytes, struct vho_rx_seg *seg,
			struct vho_rx_payload *payload);
/* Is the TCP checksum right? Any context. */
bool vho_packet_csum_ok(struct sk_buff *skb);

#endif /* _VHO_PACKET_H */
