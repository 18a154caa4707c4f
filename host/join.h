/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Joined flows: two ports of this machine that reach each other through a switch. Payload goes from
 * the sender's ring to the receiver's, by no packets (Documentation/join.rst).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_JOIN_H
#define _VHO_JOIN_H

#include <linux/cache.h>
#include <linux/refcount.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "payload.h"
#include "stats.h"
#include "tcp.h"

struct sk_buff;
struct vho_flow;
struct vho_port;

/* What a pair is; vho_join.state. */
enum vho_join_state {
	VHO_JOIN_PROVING,	/* not known (any more) to be one connection: packets */
	VHO_JOIN_UP,		/* joined, as soon as each side has seen it */
	VHO_JOIN_PARTING,	/* to be separated, as soon as each side has seen it */
	VHO_JOIN_OVER,		/* likewise, and for good: one of the two has ended */
};

/* What a side does; vho_join_side.phase. */
enum vho_join_phase {
	VHO_JOIN_OUT,		/* packets; the peer must not look into its ring */
	VHO_JOIN_IN,		/* takes data from the peer's ring, sends none by packets */
	VHO_JOIN_WAITING,	/* takes none any more, waits for the peer to do likewise */
};

/* A peer may be copying by a description while two later ones are given, see vho_join_ring(). */
#define VHO_JOIN_RINGS	4

/**
 * struct vho_join_side - one flow of a pair, as the other one sees it
 * @tx_end: end of the data in its ring; store-release after it is there
 * @rcv_nxt: first byte that it has not taken from the peer's ring; store-release after they were
 *	copied. Counts FIN
 * @una: what it knows the peer to have taken
 * @edge: how far it would take data
 * @phase: enum vho_join_phase
 * @fin: its stream ends at @tx_end; after @tx_end
 * @reset: its guest, or its host's timers, have reset the connection
 * @ready: a core owns it and its rings are attached; release
 * @ring: its transmit ring, as it was told last, and before that
 * @ring_nr: how often that was; release
 * @probe_nr: number of the probe sent last; release after @probe
 * @probe: the frozen acknowledgment: what the switch has seen last of the connection
 * @probes_seen: number of the last one that arrived at the peer's netdev
 * @tx_bytes: of its data, taken by the peer while joined
 * @rx_bytes: of the peer's, taken
 * @verified_ns: when the last probe was found to have arrived
 * @probe_ns: when the last one was sent
 * @up_ns: when it was joined
 * @interval_ns: until the next probe
 * @again_ns: until the next attempt to join
 * @moved: data was moved since the last probe
 * @sure: it was joined after @phase had said so: the peer knows that this side may look into its
 *	ring
 * @flow: its flow, NULL: it has ended; RCU
 * @port: name of its port; const, as the following ones
 * @iss: its initial sequence number
 * @ts_offset: of its timestamps
 */
struct vho_join_side {
	/* --- written by the core that owns the flow; the other one reads --- */
	u32 tx_end;
	u32 rcv_nxt;
	u32 una;
	u32 edge;
	u8 phase;
	bool fin;
	bool reset;
	bool ready;
	struct vho_payload_ring ring[VHO_JOIN_RINGS];
	u32 ring_nr;
	u32 probe_nr;
	struct vho_tx_seg probe;
	u64 tx_bytes;
	u64 rx_bytes;
	u64 verified_ns;
	/* --- its core --- */
	u64 probe_ns;
	u64 up_ns;
	u64 interval_ns;
	u64 again_ns;
	bool moved;
	bool sure;
	/* --- written by the slow path, or in softirq, where the peer's packets arrive --- */
	u32 probes_seen;
	/* --- set once; cleared by its owner --- */
	struct vho_flow *flow;
	/* --- const --- */
	char port[16];
	u32 iss;
	u32 ts_offset;
} ____cacheline_aligned_in_smp;

/**
 * struct vho_join - a pair
 * @side: [0] the one that has connected, [1] the one that has accepted
 * @state: enum vho_join_state; changed by cmpxchg(), from any context
 * @reason: why it was separated last, enum vho_stat; 0: it never was
 * @parted: how often
 * @ref: one for each vho_flow.join
 * @rcu: readers in softirq and netlink
 */
struct vho_join {
	struct vho_join_side side[2];
	int state;
	u16 reason;
	u32 parted;
	refcount_t ref;
	struct rcu_head rcu;
};

/* --- join_pair.c: finding pairs; context of all: SP --- */

/* @flow has sent its SYN; it may be seen to arrive at another port. */
void vho_join_offer(struct vho_flow *flow);
/* It does not wait for that any more. */
void vho_join_withdraw(struct vho_flow *flow);
/* @syn has made @flow, which has not answered yet, or has just now. */
void vho_join_accept(struct vho_flow *flow, const struct vho_rx_seg *syn, u64 now_ns);
/* A segment for @flow, which may be part of the handshake that proves the pair. */
void vho_join_handshake(struct vho_flow *flow, const struct vho_rx_seg *seg, u64 now_ns);
/* @flow leaves the table, in the slow path's hands. */
void vho_join_leave(struct vho_flow *flow);

/* --- join.c; context of all: FP, the flow's owner --- */

/* The core owns @flow and its rings are attached. */
void vho_join_ready(struct vho_flow *flow, u64 now_ns);
/* A larger ring takes the place of the flow's transmit ring, or has taken it altogether. */
void vho_join_ring_changed(struct vho_flow *flow);
/* In the place of vho_tcp_output() for a flow of a pair, joined or not. */
bool vho_join_output(struct vho_flow *flow, u32 bytes, u64 now_ns);
/* The connection has ended (CLOSED or TIME-WAIT). */
void vho_join_over(struct vho_flow *flow, u64 now_ns);
/* The flow's rings go away, at once: the driver is reset. */
void vho_join_cut(struct vho_flow *flow);
/* May the peer still look into the flow's rings? */
bool vho_join_holds(const struct vho_flow *flow);
/* To be separated because of @reason (enum vho_stat), unless they are already. */
void vho_join_part(struct vho_flow *flow, enum vho_stat reason);
/* Has the owner of the other side look. Any context. */
void vho_join_poke(struct vho_join *join, unsigned int side);
/* Joins the pair if both sides are ready and proven. */
void vho_join_try(struct vho_flow *flow);

/* --- join_probe.c --- */

/* FP, the flow's owner: vho_flow.join_at_ns has come. */
void vho_join_timer(struct vho_flow *flow, u64 now_ns);
/* FP, the flow's owner: it was joined now; it has moved data. */
void vho_join_probe_start(struct vho_flow *flow, u64 now_ns);
void vho_join_probe_moved(struct vho_flow *flow, u64 now_ns);
/* FP, the flow's owner: separated, to be proven again. */
void vho_join_probe_again(struct vho_flow *flow, u64 now_ns);
/* SOFT: a segment for @flow at its port's netdev. Return: it was a probe, and has done its duty. */
bool vho_join_probe_rx(struct vho_flow *flow, struct sk_buff *skb);

/* --- port_netdev.c --- */

/* May flows of @port be joined now? If not, why. Any context. */
enum vho_stat vho_port_join_refused(const struct vho_port *port);

#endif /* _VHO_JOIN_H */
