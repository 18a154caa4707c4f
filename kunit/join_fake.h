/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suite of joined flows stands on: two ports with a guest each, one connection between
 * them, and a switch that may lose everything.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_JOIN_FAKE_H
#define _VHO_JOIN_FAKE_H

#include "../host/join.h"
#include "host_fake.h"

#define VHO_PAIR_RING_BYTES	4096u

/**
 * struct vho_pair_ring - a payload ring, as the guest sees it
 * @mem: ring
 * @bytes: its size
 * @old: the one before; NULL: none, or empty
 * @old_bytes: its size
 * @old_end: bytes before it are in @old
 */
struct vho_pair_ring {
	u8 *mem;
	u32 bytes;
	u8 *old;
	u32 old_bytes;
	u32 old_end;
};

/**
 * struct vho_pair_end - a port, its guest, its flow
 * @port: port
 * @guest: its driver, without queues
 * @flow: its flow, with a reference; NULL: none yet
 * @tx: transmit ring
 * @rx: receive ring
 * @to_send: bytes that the guest sends in all
 * @written: of these, those that are in the ring or beyond
 * @read: bytes read and compared
 * @chunk: most bytes written, read at a time
 * @no_read: it does not read
 * @flags: VIRTUOSO_SF_* once all is written
 * @stopped: its driver was reset
 */
struct vho_pair_end {
	struct vho_port *port;
	struct vho_guest_state *guest;
	struct vho_flow *flow;
	struct vho_pair_ring tx;
	struct vho_pair_ring rx;
	u64 to_send;
	u64 written;
	u64 read;
	u32 chunk;
	bool no_read;
	u16 flags;
	bool stopped;
};

/**
 * struct vho_pair - the whole
 * @f: the fake that it all lives in; port 0 is its own
 * @end: [0] connects
 * @net: segments under way, struct vho_pair_seg
 * @cut: the switch loses everything
 * @carried_bytes: payload that went through the switch
 * @carried: segments that did
 * @probes: of these, those that were eaten as probes
 * @steps: of vho_pair_step() so far
 */
struct vho_pair {
	struct vho_fake *f;
	struct vho_pair_end end[2];
	struct list_head net;
	bool cut;
	u64 carried_bytes;
	unsigned int carried;
	unsigned int probes;
	unsigned int steps;
};

int vho_pair_init(struct kunit *test);
void vho_pair_exit(struct kunit *test);

u64 vho_pair_now(struct vho_pair *p);
/* The connection is made, up to where both cores own it; not yet seen to be joined. */
void vho_pair_establish(struct vho_pair *p);
/* One thing happens. Return: something did. */
bool vho_pair_step(struct vho_pair *p);
/* Until nothing does. */
void vho_pair_settle(struct vho_pair *p);
/* The clock moves by @ms, in small steps, and what is due happens. */
void vho_pair_advance(struct vho_pair *p, u32 ms);
/* The guest of end @i tells what it has written and read, with @flags. */
void vho_pair_app(struct vho_pair *p, unsigned int i, u16 flags);
/* The guests read what is in their rings, and tell nobody. */
void vho_pair_drain(struct vho_pair *p);
/* The guest of end @i gets larger rings, in which nothing is lost. Return: it had none that are being replaced. */
bool vho_pair_grow(struct vho_pair *p, unsigned int i);
/* The driver of end @i is reset. */
void vho_pair_stop(struct vho_pair *p, unsigned int i);

static inline struct vho_join *vho_pair_join(struct vho_pair *p, unsigned int i)
{
	return rcu_dereference_protected(p->end[i].flow->join, true);
}

static inline struct vho_tcb *vho_pair_tcb(struct vho_pair *p, unsigned int i)
{
	return &p->end[i].flow->tcb;
}

bool vho_pair_is_up(struct vho_pair *p);
u64 vho_pair_stat(struct vho_pair *p, unsigned int i, enum vho_stat stat);

#endif /* _VHO_JOIN_FAKE_H */
