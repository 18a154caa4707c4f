/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Order of service by virtual time: who may use a thread's CPU time next.
 *
 * Pure logic. The caller owns the scheduler and its entities, passes the clock in, serves what
 * vho_sched_pick() returns piece by piece, and says what it cost (Documentation/budgets.rst).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_SCHED_H
#define _VHO_SCHED_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/time64.h>
#include <linux/types.h>

#define VHO_SCHED_WEIGHT_MIN		1
#define VHO_SCHED_WEIGHT_DEFAULT	100
#define VHO_SCHED_WEIGHT_MAX		10000
#define VHO_SCHED_PERMILLE_MAX		1000000

#define VHO_SCHED_PIECE_BYTES_MIN	1024
#define VHO_SCHED_PIECE_BYTES_DEFAULT	8192
#define VHO_SCHED_PIECE_BYTES_MAX	65536
#define VHO_SCHED_TURN_NS_DEFAULT	(20 * NSEC_PER_USEC)
#define VHO_SCHED_TURN_NS_MAX		(1 * NSEC_PER_MSEC)
#define VHO_SCHED_BURST_NS_DEFAULT	(100 * NSEC_PER_USEC)
#define VHO_SCHED_BURST_NS_MAX		(1 * NSEC_PER_SEC)
#define VHO_SCHED_DEBT_NS_DEFAULT	(10 * NSEC_PER_MSEC)
#define VHO_SCHED_DEBT_NS_MAX		(1 * NSEC_PER_SEC)

/* One nanosecond of an entity of the default weight, in units of virtual time. */
#define VHO_SCHED_VT_SHIFT		10

/**
 * struct vho_sched_params - parameters of one scheduler
 * @piece_bytes: payload in one piece of work, at most; for the caller
 * @turn_ns: consecutive pieces of one entity, at most (predicted)
 * @burst_ns: unused share that is kept, for entities that set none of their own
 * @debt_ns: time used ahead of one's share that is remembered, at most
 * @fifo: serve in order of arrival, whole turns, no weights, guarantees or limits
 */
struct vho_sched_params {
	u32 piece_bytes;
	u32 turn_ns;
	u32 burst_ns;
	u32 debt_ns;
	bool fifo;
};

#define VHO_SCHED_PARAMS_DEFAULT { \
	.piece_bytes = VHO_SCHED_PIECE_BYTES_DEFAULT, \
	.turn_ns = VHO_SCHED_TURN_NS_DEFAULT, \
	.burst_ns = VHO_SCHED_BURST_NS_DEFAULT, \
	.debt_ns = VHO_SCHED_DEBT_NS_DEFAULT, \
}

/**
 * struct vho_sched_cfg - what an entity is entitled to
 * @weight: share of what is wanted, VHO_SCHED_WEIGHT_MIN to VHO_SCHED_WEIGHT_MAX
 * @guarantee_permille: part of the thread's time in which it is first in line; 0: none
 * @limit_permille: part of the thread's time that it cannot exceed; 0: none
 * @burst_ns: unused share that is kept; 0: as the scheduler's parameters say
 */
struct vho_sched_cfg {
	u32 weight;
	u32 guarantee_permille;
	u32 limit_permille;
	u32 burst_ns;
};

enum vho_sched_state {
	VHO_SCHED_OUT,		/* no work */
	VHO_SCHED_TREE,		/* waits in order of virtual time */
	VHO_SCHED_FIRST,	/* waits, inside its guarantee */
	VHO_SCHED_PARKED,	/* waits for its limit, or is held back */
	VHO_SCHED_SERVED,	/* picked */
};

/**
 * struct vho_sched_ent - somebody who is served
 * @node: in sched->tree
 * @due_node: in sched->due: parked, or in the tree and waiting for its guarantee, too
 * @first_node: in sched->first
 * @cfg: weight, guarantee, limit
 * @state: where it is
 * @woken: it came with work after having had none, and was not served since
 * @guaranteed: it was picked inside its guarantee
 * @vt: virtual time: what it used, by weight
 * @key: its place: virtual time at which its next piece would end
 * @due_ns: when its guarantee, or its limit, lets it go on
 * @hold_ns: it is not served before this time (vho_sched_hold())
 * @seq: order of arrival, for equal keys
 * @est_ns: what a piece of its work costs
 * @guarantee_tokens: time left in which it is first, 1/1000 ns; negative: used in advance
 * @limit_tokens: time left until it is parked, 1/1000 ns
 * @tokens_ns: when both were refilled last
 * @since_ns: when it entered @state
 * @delay_ns: how long it had waited when it was picked last, time parked not counted
 * @throttled_ns: time parked; READ_ONCE for others
 * @throttled: times parked; READ_ONCE for others
 */
struct vho_sched_ent {
	struct rb_node node;
	struct rb_node due_node;
	struct list_head first_node;
	struct vho_sched_cfg cfg;
	u8 state;
	bool woken;
	bool guaranteed;
	u64 vt;
	u64 key;
	u64 due_ns;
	u64 hold_ns;
	u64 seq;
	u32 est_ns;
	s64 guarantee_tokens;
	s64 limit_tokens;
	u64 tokens_ns;
	u64 since_ns;
	u64 delay_ns;
	u64 throttled_ns;
	u64 throttled;
};

/**
 * struct vho_sched - one thread's order of service
 * @params: see there; vho_sched_set_params()
 * @v: virtual time of the thread
 * @seq: next vho_sched_ent.seq
 * @tree: entities that wait, by (key, seq)
 * @due: entities over their limit or their guarantee, by the time at which that changes
 * @first: entities inside their guarantee, oldest first
 * @nr_woken: of those in @tree, freshly woken
 * @idle: nobody waits, since @idle_ns
 * @idle_ns: up to when idle time is in @v
 */
struct vho_sched {
	struct vho_sched_params params;
	u64 v;
	u64 seq;
	struct rb_root_cached tree;
	struct rb_root_cached due;
	struct list_head first;
	unsigned int nr_woken;
	bool idle;
	u64 idle_ns;
};

void vho_sched_init(struct vho_sched *s, const struct vho_sched_params *params, u64 now_ns);
void vho_sched_set_params(struct vho_sched *s, const struct vho_sched_params *params, u64 now_ns);
void vho_sched_ent_init(struct vho_sched_ent *e, const struct vho_sched_cfg *cfg, u64 now_ns);
void vho_sched_configure(struct vho_sched *s, struct vho_sched_ent *e,
			 const struct vho_sched_cfg *cfg, u64 now_ns);

bool vho_sched_wake(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns);
struct vho_sched_ent *vho_sched_pick(struct vho_sched *s, u64 now_ns);
bool vho_sched_must_yield(const struct vho_sched *s, const struct vho_sched_ent *e, u64 pred_ns);
void vho_sched_charge(struct vho_sched *s, struct vho_sched_ent *e, u64 cost_ns);
/* The estimate of what a piece costs, @est_ns so far, after some took @piece_ns. */
u32 vho_sched_average(u32 est_ns, u64 piece_ns);
/* For the caller's own limits: @e, served or without work, is parked with work until @until_ns. */
void vho_sched_hold(struct vho_sched_ent *e, u64 until_ns);
bool vho_sched_renew(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns);
void vho_sched_put(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns);
void vho_sched_remove(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns);
u64 vho_sched_due_ns(const struct vho_sched *s);

s64 vho_sched_export(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns);
void vho_sched_import(struct vho_sched *s, struct vho_sched_ent *e, s64 lag, u64 now_ns);

/* Does somebody wait who may be served now? (Of those parked, only pick finds who is due.) */
static inline bool vho_sched_waiting(const struct vho_sched *s)
{
	return !RB_EMPTY_ROOT(&s->tree.rb_root) || !list_empty(&s->first);
}

static inline bool vho_sched_queued(const struct vho_sched_ent *e)
{
	return e->state != VHO_SCHED_OUT && e->state != VHO_SCHED_SERVED;
}

/* May @e go on, having used @pred_ns of its turn, with a piece of @next_ns? */
static inline bool vho_sched_more(const struct vho_sched *s, const struct vho_sched_ent *e,
				  u64 pred_ns, u64 next_ns)
{
	return pred_ns + next_ns <= s->params.turn_ns && !vho_sched_must_yield(s, e, pred_ns);
}

#endif /* _VHO_SCHED_H */
