/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Paths, receiving: what its units share.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_RX_INT_H
#define _VHO_PATH_RX_INT_H

#include <linux/rcupdate.h>
#include <linux/types.h>

#include "headers.h"

struct net_device;
struct sk_buff;
struct vho_path_track;
struct vho_uplink;

/* Of a TCP header, what is the same at the uplink and at the port: sequence numbers, first options. */
#define VHO_RX_MARK_OPTS	12

/**
 * struct vho_rx_mark - by what a packet is known again at the port
 * @seq: sequence number and acknowledgment, network order
 * @opt: the first bytes of its options, zeros behind their end
 *
 * Ports, window and flags may be changed on the way, by NAT or by merging packets.
 */
struct vho_rx_mark {
	__be32 seq[2];
	u8 opt[VHO_RX_MARK_OPTS];
};

/**
 * struct vho_rx_word - eight bytes of headers
 * @mask: bits that are compared
 * @bytes: what they are, the others zero
 */
struct vho_rx_word {
	u64 mask;
	u64 bytes;
};

/**
 * struct vho_path_rx - headers of the packets that come in for a flow; const once published
 * @rcu: freed after a grace period
 * @uplink: by whose hook it was made; without a reference: vho_path_rx_lose_uplink() comes before its end
 * @dev: of @uplink
 * @vlan_all: the tag that is not in the data
 * @pkt_type: to whom the link layer says they are
 * @outer_sport: UDP source port of the tunnel
 * @h: where they are
 * @mark: of the packet they were learned from
 * @seen: when that was, jiffies
 * @nr: entries of @word
 * @word: the headers
 */
struct vho_path_rx {
	struct rcu_head rcu;
	struct vho_uplink *uplink;
	const struct net_device *dev;
	u32 vlan_all;
	u8 pkt_type;
	__be16 outer_sport;
	struct vho_headers h;
	struct vho_rx_mark mark;
	unsigned long seen;
	u32 nr;
	struct vho_rx_word word[] __counted_by(nr);
};

/* --- path_rx_probe.c --- */

/* The probe as it would come in by the uplink, data at its Ethernet header, no device. NULL: no memory. */
struct sk_buff *vho_rx_probe_make(const struct vho_path_track *track, const struct vho_path_rx *t);
/* Is @skb, vho_packet() filled, the probe of @track? */
bool vho_rx_probe_is(const struct vho_path_track *track, const struct sk_buff *skb);

#endif /* _VHO_PATH_RX_INT_H */
