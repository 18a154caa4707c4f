/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Paths: the headers and the device that a flow's packets need on the wire, learned from packets that
 * the switch itself has handled (Documentation/path.rst).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_H
#define _VHO_PATH_H

#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "headers.h"
#include "path_rx.h"

struct sk_buff;
struct vho_flow;
struct vho_tx_seg;
struct vho_uplink;

/*
 * struct vho_path - how a flow's packets are sent: a template of all in front of the TCP header
 *
 * Made by whoever saw the packet, published in vho_flow.path under vho_path_track.lock, replaced as a
 * whole, freed after a grace period. The owner of the flow reads it under rcu_read_lock().
 */
struct vho_path {
	/* --- const after publication --- */
	struct net_device *dev;		/* of @uplink */
	struct vho_uplink *uplink;	/* holds a reference */
	u16 mss_limit;			/* largest TCP segment that fits, TCP options not deducted */
	u16 len;			/* bytes in @bytes: h.tcp */
	__be16 protocol;		/* skb->protocol */
	__be16 vlan_proto;		/* tag that is not in @bytes; 0: none */
	u16 vlan_tci;
	u8 tos;				/* vho_flow.tos that the packet was sent with */
	u32 gso_type;			/* SKB_GSO_* of the tunnel */
	__be16 outer_sport;		/* of the tunnel's UDP header */
	__be16 sport;			/* TCP ports as on the wire */
	__be16 dport;
	u64 learned_ns;
	struct vho_headers h;
	/* --- the flow's owner; READ_ONCE --- */
	u16 outer_id;			/* next IPv4 identification of the outer header */
	u64 hits;			/* packets sent with it */
	/* --- */
	struct rcu_head rcu;
	/* Lengths, identifications, checksums and the tunnel's UDP source port are zero. */
	u8 bytes[VHO_HEADERS_MAX_BYTES];
};

/* What a flow's path is. */
enum vho_path_state {
	VHO_PATH_LEARNING,	/* handshake: nothing may be sent by it yet */
	VHO_PATH_UP,		/* packets are sent and received by it */
	VHO_PATH_LOST,		/* the long way, until a probe arrives again */
	VHO_PATH_OVER,		/* the flow has left the table */
};

/* Why a path is not used any more, or was not taken; also the name in tracepoint and netlink. */
enum vho_path_reason {
	VHO_PATH_OK,
	VHO_PATH_NO_PROBE,	/* a probe did not arrive */
	VHO_PATH_UPLINK_GONE,
	VHO_PATH_REFUSED_HEADERS,	/* headers that we do not know */
	VHO_PATH_REFUSED_GRE_SEQ,
	VHO_PATH_REFUSED_FILTER,	/* filters on a device in between would be bypassed */
	VHO_PATH_REFUSED_FLOOD,		/* the packet left by several uplinks */
	VHO_PATH_ENDED,
	VHO_PATH_NEXT_HOP,	/* the guest's next hop has another address */
};

/* A segment that is recognised at an uplink. */
struct vho_path_expect {
	u32 seq;
	u32 ack;
	u32 tsval;	/* valid with has_ts */
	u8 flags;	/* VHO_TCPF_*: SYN, SYN-ACK, or ACK and PSH of a probe */
	bool has_ts;
};

/*
 * What is known of a flow's path, apart from what sending and receiving need: made by the slow path when
 * uplinks exist and the flow enters the table (vho_path_track_start()). When the flow leaves it
 * (vho_path_track_end()), the track stays for a moment, to eat the last probe, and is freed after a grace period.
 * vho_flow.track leads to it.
 */
struct vho_path_track {
	/* --- const; not to be followed once @state is OVER --- */
	struct vho_flow *flow;		/* no reference */

	/* --- @lock --- */
	spinlock_t lock;		/* BH; leaf: nothing but RCU and the table of path_rx.c below it */
	u8 state;			/* enum vho_path_state; READ_ONCE */
	u8 reason;			/* enum vho_path_reason of the last loss or refusal; READ_ONCE */
	bool shake_seen;		/* @shake has come by an uplink */
	bool untold;			/* no connection tracking knows of the newest of these or @probe */
	struct vho_path __rcu *path;	/* what vho_flow.path becomes, or is, when UP */
	struct vho_path_expect shake;	/* the newest SYN or SYN-ACK of ours */
	struct vho_path_expect probe;	/* the frozen ACK, or at the end RST; flags 0: not known yet */
	u32 probe_sent;			/* number of the probe sent last, 0: none */
	u32 probe_seen;			/* number of the probe that arrived last */
	u64 verified_ns;		/* when that was, or the handshake's packet */
	u32 changes;			/* templates that replaced another one; READ_ONCE */
	u16 path_mss;			/* vho_path.mss_limit that the owner was told; owner core */
	u32 losses;			/* times it was lost; READ_ONCE */

	/* --- slow path --- */
	struct hlist_node learn_node;	/* in the hash by @iss; RCU readers */
	u32 iss;			/* const while in the hash */
	bool learns;			/* it is in the hash */
	bool closed;			/* the switch was told of the end */
	u8 slot;			/* its place in the wheel */
	u16 mss_limit;			/* vho_tcb.mss_limit before a path was known */
	u8 idle;			/* visits without traffic since the last probe */
	u8 skips;			/* visits to pass over before a lost path is probed again */
	u8 backoff;			/* of these, doubled each time */
	u16 probe_wnd;			/* the frozen ACK's window and echoed timestamp */
	u32 probe_tsecr;
	u64 hits_seen;			/* packets of the path when it was visited last */
	struct list_head wheel_node;	/* in the wheel of probes, or among those that end */
	struct list_head verdict_node;	/* a probe was sent, the verdict is due at @verdict_at_ns */
	u64 verdict_at_ns;

	/* --- path_rx.c --- */
	struct vho_path_rx_track rx;

	struct rcu_head rcu;
};

/* --- path.c --- */

int vho_paths_init(void);
void vho_paths_exit(void);
/*
 * Slow path, as the flow enters the lookup table, leaves it. Nothing happens without uplinks, or
 * without memory.
 */
void vho_path_track_start(struct vho_flow *flow);
void vho_path_track_end(struct vho_flow *flow);
/* Slow path: the owner is about to send a SYN or SYN-ACK by the port's netdev. */
void vho_path_expect_shake(struct vho_flow *flow, const struct vho_tx_seg *seg);
/* Slow path, the flow's owner: the handshake is complete. From now on the path that was learned is used. */
void vho_path_established(struct vho_flow *flow, u64 now_ns);
/* The owner core: the path may have another MTU. */
void vho_path_follow_mtu(struct vho_flow *flow, u64 now_ns);
/* The core: packets go to another address from now on, the template does not know. */
void vho_path_next_hop_changed(struct vho_flow *flow);
/* Slow path: the connection is over, TIME-WAIT perhaps excepted: tells connection tracking, if it knows of it. */
void vho_path_close(struct vho_flow *flow);
/* Any context, track->lock not held: back to the long way. */
void vho_path_lose(struct vho_path_track *track, enum vho_path_reason reason);
void __vho_path_lose(struct vho_path_track *track, enum vho_path_reason reason);
/* Process context: no path goes through @uplink any more, but for who is sending by one right now. */
void vho_path_lose_uplink(struct vho_uplink *uplink);
/* track->lock is held: @path, just made, becomes the track's. */
void __vho_path_take(struct vho_path_track *track, struct vho_path *path);
void vho_path_free(struct vho_path *path);
/* Slow path: @track has no flow any more. */
void vho_path_track_free(struct vho_path_track *track);
/* RCU read side: the flow that expects such a segment, and whether as part of the handshake. */
struct vho_path_track *vho_path_find_rcu(const struct vho_path_expect *seen);
bool vho_path_expects(const struct vho_path_expect *want, const struct vho_path_expect *seen);
/* Does any flow learn? A hint. */
bool vho_path_any(void);

/* --- path_learn.c --- */

/* Egress hook of an uplink; @priv is the uplink. SOFT. */
unsigned int vho_path_egress(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

/* --- path_xmit.c --- */

/*
 * The flow's owner: sends @seg by @path. RCU read side. Return: 0: done; -EAGAIN: not by this path, take
 * the long way; -ENOBUFS, -ENOMEM: not sent, try again later.
 */
int vho_path_xmit(struct vho_flow *flow, struct vho_path *path, const struct vho_tx_seg *seg);

#endif /* _VHO_PATH_H */
