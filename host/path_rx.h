/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Paths, receiving: flows are found at the ingress hook of an uplink, below outer headers.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_RX_H
#define _VHO_PATH_RX_H

#include <linux/in6.h>
#include <linux/netfilter.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>

struct sk_buff;
struct vho_flow;
struct vho_path;
struct vho_path_rx;
struct vho_path_track;
struct vho_uplink;

/* The addresses and ports of a flow as they stand in packets from the wire, IPv4 mapped. */
struct vho_wire_key {
	struct in6_addr saddr;		/* the peer's */
	struct in6_addr daddr;
	__be16 sport;
	__be16 dport;
};

/**
 * struct vho_path_rx_track - a flow as the ingress hook sees it; part of struct vho_path_track
 * @node: in the table by @key, where several flows may have one key (tenants)
 * @key: changed only while @hashed is not set
 * @hashed: it is in the table; vho_path_track.lock
 * @template: reverse template, NULL: none; RCU, written under vho_path_track.lock. Packets are taken only while
 *	the track's state is VHO_PATH_UP
 * @candidate: made of a packet that came in, and has not reached the port yet; vho_path_track.lock
 * @hits: packets taken
 * @probe_sent: number of the probe injected last; vho_path_track.lock
 * @probe_seen: number of the one that came to the port last; vho_path_track.lock
 */
struct vho_path_rx_track {
	struct rhlist_head node;
	struct vho_wire_key key;
	bool hashed;
	struct vho_path_rx __rcu *template;
	struct vho_path_rx *candidate;
	u64 hits;
	u32 probe_sent;
	u32 probe_seen;
};

int vho_path_rx_init(void);
void vho_path_rx_exit(void);

/* Ingress hook of an uplink; @priv is the struct vho_uplink. SOFT. */
unsigned int vho_path_ingress(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

/*
 * A packet of @flow, data at its Ethernet header, reached the port the long way: its headers at the uplink are those
 * of the flow. SOFT; the caller has a reference to the flow. Return: it was a probe, which ends here.
 */
bool vho_path_rx_arrived(struct vho_flow *flow, struct sk_buff *skb);

/*
 * The following are called with track->lock held.
 * vho_path_rx_follow(): @path was learned, for the first time or anew: what comes back has its addresses reversed.
 * May be called by an egress hook before the handshake's first packet has left the machine.
 */
void vho_path_rx_follow(struct vho_path_track *track, const struct vho_path *path);
/* The path was lost: a reverse template, too, has to be learned again. */
void vho_path_rx_lost(struct vho_path_track *track);
/* @uplink goes away, or down: what was learned there is not known any more. */
void vho_path_rx_lose_uplink(struct vho_path_track *track, const struct vho_uplink *uplink);
/* The flow leaves the lookup table; the track is freed after a grace period. */
void vho_path_rx_end(struct vho_path_track *track);

/* --- path_rx_probe.c --- */

/*
 * The slow path, as it sends its own probe: one of the peer's comes in by the uplink, if it is known how they look.
 * vho_path_rx_probed(): it has come to the port. vho_path_rx_verdict(): its time is over.
 */
void vho_path_rx_probe(struct vho_path_track *track);
bool vho_path_rx_probed(const struct vho_path_track *track);
void vho_path_rx_verdict(struct vho_path_track *track);

#endif /* _VHO_PATH_RX_H */
