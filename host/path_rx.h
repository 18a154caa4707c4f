/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Paths, receiving: flows are found at the ingress hook of an uplink, below outer headers.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_RX_H
#define _VHO_PATH_RX_H

#include <linux/netfilter.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>

struct sk_buff;
struct vho_path;
struct vho_path_rx;
struct vho_path_track;

/**
 * struct vho_path_rx_track - a flow as the ingress hook sees it; part of struct vho_path_track
 * @node: in the table by vho_wire_key, where several flows may have one key (tenants)
 * @hashed: it is in the table; vho_path_track.lock
 * @template: reverse template, NULL: none; RCU, written under vho_path_track.lock. Packets are taken only while
 *	the track's state is VHO_PATH_UP
 * @candidate: made of a packet that came in, and has not reached the port yet; vho_path_track.lock
 * @hits: packets taken
 */
struct vho_path_rx_track {
	struct rhlist_head node;
	bool hashed;
	struct vho_path_rx __rcu *template;
	struct vho_path_rx *candidate;
	u64 hits;
};

int vho_path_rx_init(void);
void vho_path_rx_exit(void);

/* Ingress hook of an uplink; @priv is the struct vho_uplink. SOFT. */
unsigned int vho_path_ingress(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

/*
 * The following are called with track->lock held.
 * vho_path_rx_follow(): @path was learned, for the first time or anew: what comes back has its addresses reversed.
 * May be called by an egress hook before the handshake's first packet has left the machine.
 */
void vho_path_rx_follow(struct vho_path_track *track, const struct vho_path *path);
/* The handshake is complete: what answered it came by the port. */
void vho_path_rx_established(struct vho_path_track *track);
/* The path was lost: a reverse template, too, has to be learned again. */
void vho_path_rx_lost(struct vho_path_track *track);
/* The flow leaves the lookup table; the track is freed after a grace period. */
void vho_path_rx_end(struct vho_path_track *track);

#endif /* _VHO_PATH_RX_H */
