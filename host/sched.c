// SPDX-License-Identifier: GPL-2.0
/*
 * Order of service by virtual time.
 *
 * Everybody's use of the thread, divided by his weight, is his virtual time; whoever would finish
 * his next piece first in it is served next. Guarantees go before, limits wait apart. There is no
 * refill, no timer, and no state shared with other threads.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/math64.h>
#include <linux/minmax.h>

#include "sched.h"

/* Tokens are kept in 1/1000 ns, so that a permille of a short time is not lost. */
#define VHO_SCHED_TOKENS_PER_NS	1000
/* Longer times are as good as this one: all that is kept is full by then. */
#define VHO_SCHED_LONG_NS	(1ULL << 40)
/* A piece, until its cost is known. Bounds of what is believed. */
#define VHO_SCHED_EST_NS	1000
#define VHO_SCHED_EST_NS_MIN	50U
#define VHO_SCHED_EST_NS_MAX	50000U
/* Who was away for so long has the full burst; signed comparison with its old time may be wrong. */
#define VHO_SCHED_FORGET_NS	(3600ULL * NSEC_PER_SEC)

static bool vho_sched_before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/* @ns of CPU time in units of virtual time. */
static u64 vho_sched_scale(const struct vho_sched_ent *e, u64 ns)
{
	ns = min(ns, VHO_SCHED_LONG_NS) << VHO_SCHED_VT_SHIFT;
	return div_u64(ns * VHO_SCHED_WEIGHT_DEFAULT, e->cfg.weight);
}

static u32 vho_sched_burst_ns(const struct vho_sched *s, const struct vho_sched_ent *e)
{
	return e->cfg.burst_ns ?: s->params.burst_ns;
}

static s64 vho_sched_burst_tokens(const struct vho_sched *s, const struct vho_sched_ent *e)
{
	return (s64)vho_sched_burst_ns(s, e) * VHO_SCHED_TOKENS_PER_NS;
}

static bool vho_sched_less(struct rb_node *a, const struct rb_node *b)
{
	const struct vho_sched_ent *x = rb_entry(a, struct vho_sched_ent, node);
	const struct vho_sched_ent *y = rb_entry(b, struct vho_sched_ent, node);

	if (x->key != y->key)
		return vho_sched_before(x->key, y->key);
	return vho_sched_before(x->seq, y->seq);
}

static bool vho_sched_due_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct vho_sched_ent, due_node)->due_ns <
	       rb_entry(b, struct vho_sched_ent, due_node)->due_ns;
}

static struct vho_sched_ent *vho_sched_leftmost(const struct vho_sched *s)
{
	return rb_entry_safe(rb_first_cached(&s->tree), struct vho_sched_ent, node);
}

static struct vho_sched_ent *vho_sched_first_due(const struct vho_sched *s)
{
	return rb_entry_safe(rb_first_cached(&s->due), struct vho_sched_ent, due_node);
}

/* Idle time is free for all: the clock runs on. */
static void vho_sched_advance(struct vho_sched *s, u64 now_ns)
{
	if (!s->idle || !vho_sched_before(s->idle_ns, now_ns))
		return;
	s->v += (now_ns - s->idle_ns) << VHO_SCHED_VT_SHIFT;
	s->idle_ns = now_ns;
}

static void vho_sched_refill(const struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns)
{
	s64 burst = vho_sched_burst_tokens(s, e), more, elapsed_ns;

	if (!vho_sched_before(e->tokens_ns, now_ns))
		return;
	elapsed_ns = min(now_ns - e->tokens_ns, VHO_SCHED_LONG_NS);
	e->tokens_ns = now_ns;
	more = e->cfg.guarantee_permille * elapsed_ns;
	e->guarantee_tokens = min(burst, e->guarantee_tokens + more);
	more = e->cfg.limit_permille * elapsed_ns;
	e->limit_tokens = min(burst, e->limit_tokens + more);
}

/* Unused share is kept up to the burst, debt up to the limit of debt. */
static void vho_sched_clip(const struct vho_sched *s, struct vho_sched_ent *e)
{
	u64 first = s->v - vho_sched_scale(e, vho_sched_burst_ns(s, e));
	u64 last = s->v + vho_sched_scale(e, s->params.debt_ns);

	if (vho_sched_before(e->vt, first))
		e->vt = first;
	else if (vho_sched_before(last, e->vt))
		e->vt = last;
}

/* When @tokens, none now, will be more than none. */
static u64 vho_sched_refilled_ns(const struct vho_sched_ent *e, s64 tokens, u32 permille)
{
	return e->tokens_ns + DIV64_U64_ROUND_UP((u64)(1 - tokens), permille);
}

static void vho_sched_wait(struct vho_sched *s, struct vho_sched_ent *e, u64 due_ns)
{
	e->due_ns = due_ns;
	rb_add_cached(&e->due_node, &s->due, vho_sched_due_less);
}

/* As of its last refill: over its limit, held back. */

static bool vho_sched_spent(const struct vho_sched_ent *e)
{
	return e->cfg.limit_permille && e->limit_tokens <= 0;
}

static bool vho_sched_held(const struct vho_sched_ent *e)
{
	return vho_sched_before(e->tokens_ns, e->hold_ns);
}

static void vho_sched_park(struct vho_sched *s, struct vho_sched_ent *e)
{
	u64 due_ns = vho_sched_held(e) ? e->hold_ns : 0;

	if (e->state != VHO_SCHED_PARKED) {
		e->since_ns = e->tokens_ns;
		WRITE_ONCE(e->throttled, e->throttled + 1);
	}
	e->state = VHO_SCHED_PARKED;
	if (vho_sched_spent(e))
		due_ns = max(due_ns, vho_sched_refilled_ns(e, e->limit_tokens,
							   e->cfg.limit_permille));
	vho_sched_wait(s, e, due_ns);
}

static void vho_sched_link_first(struct vho_sched *s, struct vho_sched_ent *e)
{
	e->state = VHO_SCHED_FIRST;
	list_add_tail(&e->first_node, &s->first);
}

static void vho_sched_link(struct vho_sched *s, struct vho_sched_ent *e)
{
	bool fifo = s->params.fifo;

	if (!fifo && (vho_sched_spent(e) || vho_sched_held(e))) {
		vho_sched_park(s, e);
		return;
	}
	s->idle = false;
	if (!fifo && e->cfg.guarantee_permille) {
		if (e->guarantee_tokens > 0) {
			vho_sched_link_first(s, e);
			return;
		}
		vho_sched_wait(s, e, vho_sched_refilled_ns(e, e->guarantee_tokens,
							   e->cfg.guarantee_permille));
	}
	e->state = VHO_SCHED_TREE;
	e->key = fifo ? 0 : e->vt + vho_sched_scale(e, e->est_ns);
	rb_add_cached(&e->node, &s->tree, vho_sched_less);
	s->nr_woken += e->woken;
}

static void vho_sched_unlink(struct vho_sched *s, struct vho_sched_ent *e)
{
	if (!RB_EMPTY_NODE(&e->due_node)) {
		rb_erase_cached(&e->due_node, &s->due);
		RB_CLEAR_NODE(&e->due_node);
	}
	if (e->state == VHO_SCHED_TREE) {
		rb_erase_cached(&e->node, &s->tree);
		s->nr_woken -= e->woken;
	} else if (e->state == VHO_SCHED_FIRST) {
		list_del_init(&e->first_node);
	}
}

/* @e was parked and is not any more. */
static void vho_sched_throttled(struct vho_sched_ent *e, u64 now_ns)
{
	if (vho_sched_before(e->since_ns, now_ns))
		WRITE_ONCE(e->throttled_ns, e->throttled_ns + (now_ns - e->since_ns));
	e->state = VHO_SCHED_OUT;
	e->since_ns = now_ns;
}

static void vho_sched_insert(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns)
{
	vho_sched_advance(s, now_ns);
	vho_sched_refill(s, e, now_ns);
	vho_sched_clip(s, e);
	e->seq = s->seq++;
	e->since_ns = now_ns;
	vho_sched_link(s, e);
}

/**
 * vho_sched_init() - make an empty scheduler
 * @s: scheduler
 * @params: parameters, copied
 * @now_ns: clock
 *
 * Context: any.
 */
void vho_sched_init(struct vho_sched *s, const struct vho_sched_params *params, u64 now_ns)
{
	memset(s, 0, sizeof(*s));
	s->params = *params;
	s->tree = RB_ROOT_CACHED;
	s->due = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&s->first);
	s->idle = true;
	s->idle_ns = now_ns;
}

/**
 * vho_sched_ent_init() - make an entity without work
 * @e: entity
 * @cfg: what it is entitled to, copied; within the bounds of struct vho_sched_cfg
 * @now_ns: clock
 *
 * It starts with a full burst, or as vho_sched_import() says.
 * Context: any.
 */
void vho_sched_ent_init(struct vho_sched_ent *e, const struct vho_sched_cfg *cfg, u64 now_ns)
{
	memset(e, 0, sizeof(*e));
	RB_CLEAR_NODE(&e->node);
	RB_CLEAR_NODE(&e->due_node);
	INIT_LIST_HEAD(&e->first_node);
	e->cfg = *cfg;
	e->tokens_ns = now_ns;
	e->limit_tokens = VHO_SCHED_BURST_NS_MAX * VHO_SCHED_TOKENS_PER_NS;
	e->est_ns = VHO_SCHED_EST_NS;
	e->since_ns = now_ns - VHO_SCHED_FORGET_NS;
}

/* Its place among those inside their guarantees is not lost by a charge that leaves it inside. */
static bool vho_sched_stays_first(const struct vho_sched_ent *e)
{
	return e->state == VHO_SCHED_FIRST && e->guarantee_tokens > 0 && !vho_sched_spent(e);
}

/* Places @e anew, at its old place among equals. */
static void vho_sched_relink(struct vho_sched *s, struct vho_sched_ent *e)
{
	vho_sched_unlink(s, e);
	vho_sched_link(s, e);
}

/**
 * vho_sched_configure() - change what an entity is entitled to
 * @s: scheduler
 * @e: entity, in any state
 * @cfg: copied; within the bounds of struct vho_sched_cfg
 * @now_ns: clock
 *
 * A guarantee begins empty and a limit full. What was used before stays used.
 * Context: the thread that owns @s.
 */
void vho_sched_configure(struct vho_sched *s, struct vho_sched_ent *e,
			 const struct vho_sched_cfg *cfg, u64 now_ns)
{
	bool had_guarantee = e->cfg.guarantee_permille, had_limit = e->cfg.limit_permille;
	bool queued = vho_sched_queued(e);
	s64 burst;

	vho_sched_advance(s, now_ns);
	vho_sched_refill(s, e, now_ns);
	if (queued)
		vho_sched_unlink(s, e);
	if (e->state == VHO_SCHED_PARKED)
		vho_sched_throttled(e, now_ns);
	e->cfg = *cfg;
	burst = vho_sched_burst_tokens(s, e);
	e->guarantee_tokens = had_guarantee ? min(e->guarantee_tokens, burst) : 0;
	e->limit_tokens = had_limit ? min(e->limit_tokens, burst) : burst;
	vho_sched_clip(s, e);
	if (queued)
		vho_sched_link(s, e);
}

/* All that wait are placed anew, in their order. */
void vho_sched_set_params(struct vho_sched *s, const struct vho_sched_params *params, u64 now_ns)
{
	struct vho_sched_ent *e;
	LIST_HEAD(list);

	while ((e = vho_sched_leftmost(s))) {
		vho_sched_unlink(s, e);
		list_add_tail(&e->first_node, &list);
	}
	s->params = *params;
	while ((e = list_first_entry_or_null(&list, struct vho_sched_ent, first_node))) {
		list_del_init(&e->first_node);
		vho_sched_insert(s, e, now_ns);
	}
}

/**
 * vho_sched_wake() - an entity has work
 * @s: scheduler
 * @e: entity
 * @now_ns: clock
 *
 * Context: the thread that owns @s.
 * Return: false when that was known.
 */
bool vho_sched_wake(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns)
{
	if (e->state != VHO_SCHED_OUT)
		return false;
	vho_sched_advance(s, now_ns);
	if ((s64)(now_ns - e->since_ns) >= (s64)VHO_SCHED_FORGET_NS)
		e->vt = s->v - vho_sched_scale(e, vho_sched_burst_ns(s, e));
	e->woken = true;
	vho_sched_insert(s, e, now_ns);
	return true;
}

/*
 * Those whose limit allows it again come back as if they had just got work; those whose guarantee
 * has grown while they waited go to the front.
 */
static void vho_sched_run_due(struct vho_sched *s, u64 now_ns)
{
	struct vho_sched_ent *e;

	while ((e = vho_sched_first_due(s)) && e->due_ns <= now_ns) {
		vho_sched_unlink(s, e);
		if (e->state == VHO_SCHED_PARKED) {
			vho_sched_throttled(e, now_ns);
			e->woken = true;
			vho_sched_insert(s, e, now_ns);
		} else {
			vho_sched_refill(s, e, now_ns);
			vho_sched_link(s, e);
		}
	}
}

/**
 * vho_sched_pick() - whom to serve next
 * @s: scheduler
 * @now_ns: clock
 *
 * The entity leaves the order; vho_sched_put() or vho_sched_remove() ends its turn.
 * Context: the thread that owns @s.
 * Return: the entity, NULL: nobody may be served now (vho_sched_due_ns() tells when).
 */
struct vho_sched_ent *vho_sched_pick(struct vho_sched *s, u64 now_ns)
{
	struct vho_sched_ent *e;

	vho_sched_run_due(s, now_ns);
	e = list_first_entry_or_null(&s->first, struct vho_sched_ent, first_node);
	if (e) {
		e->guaranteed = true;
	} else {
		e = vho_sched_leftmost(s);
		if (!e) {
			vho_sched_advance(s, now_ns);
			if (!s->idle)
				s->idle_ns = now_ns;
			s->idle = true;
			return NULL;
		}
		e->guaranteed = false;
		if (vho_sched_before(s->v, e->vt))
			s->v = e->vt;
	}
	vho_sched_unlink(s, e);
	e->state = VHO_SCHED_SERVED;
	e->woken = false;
	/* Work may have been announced with a time that was predicted. */
	e->delay_ns = vho_sched_before(e->since_ns, now_ns) ? now_ns - e->since_ns : 0;
	e->since_ns = now_ns;
	return e;
}

/**
 * vho_sched_must_yield() - does somebody else come first now?
 * @s: scheduler
 * @e: the entity that is served
 * @pred_ns: what its turn has taken so far, measured or predicted
 *
 * Who was waiting already when the turn began goes on waiting: only the freshly woken end a turn.
 * Context: the thread that owns @s.
 */
bool vho_sched_must_yield(const struct vho_sched *s, const struct vho_sched_ent *e, u64 pred_ns)
{
	const struct vho_sched_ent *other;

	if (s->params.fifo)
		return false;
	if (!list_empty(&s->first))
		return true;
	if (e->guaranteed && (s64)(pred_ns * VHO_SCHED_TOKENS_PER_NS) < e->guarantee_tokens)
		return false;
	if (!s->nr_woken)
		return false;
	other = vho_sched_leftmost(s);
	return vho_sched_before(other->key, e->vt + vho_sched_scale(e, e->est_ns + pred_ns));
}

/**
 * vho_sched_charge() - CPU time was spent for an entity
 * @s: scheduler
 * @e: entity, in any state: work may have been done for it outside its turn
 * @cost_ns: how much
 *
 * Context: the thread that owns @s.
 */
void vho_sched_charge(struct vho_sched *s, struct vho_sched_ent *e, u64 cost_ns)
{
	s64 tokens = min(cost_ns, VHO_SCHED_LONG_NS) * VHO_SCHED_TOKENS_PER_NS;
	s64 debt = (s64)s->params.debt_ns * VHO_SCHED_TOKENS_PER_NS;
	s64 first = clamp(e->guarantee_tokens, 0, tokens);

	/* A turn inside the guarantee may use some of it in advance. */
	if (e->state == VHO_SCHED_SERVED && e->guaranteed)
		first = clamp(e->guarantee_tokens + vho_sched_burst_tokens(s, e), 0, tokens);
	e->limit_tokens = max(e->limit_tokens - tokens, -debt);
	e->guarantee_tokens -= first;
	e->vt += vho_sched_scale(e, div_u64(tokens - first, VHO_SCHED_TOKENS_PER_NS));
	vho_sched_clip(s, e);
	if (vho_sched_queued(e) && !vho_sched_stays_first(e))
		vho_sched_relink(s, e);
}

/*
 * Rises quickly, but not by one interrupt that came in between; falls slowly. What is dearer than a
 * turn may be is as dear as any.
 */
u32 vho_sched_average(u32 est_ns, u64 piece_ns)
{
	u32 ns = clamp_t(u64, piece_ns, VHO_SCHED_EST_NS_MIN, VHO_SCHED_EST_NS_MAX);

	if (ns >= est_ns)
		return min(ns, max(2 * est_ns, VHO_SCHED_EST_NS_MIN));
	return est_ns - DIV_ROUND_UP(est_ns - ns, 8);
}

/* Context: the thread that owns the scheduler of @e. */
void vho_sched_hold(struct vho_sched_ent *e, u64 until_ns)
{
	e->hold_ns = until_ns;
}

/**
 * vho_sched_renew() - the turn of an entity is over, charged, and it has more work: is the next one its own, too?
 * @s: scheduler
 * @e: the entity that is served
 * @now_ns: clock
 *
 * The same as putting it back and picking somebody, but only while nobody else is in the way.
 * Context: the thread that owns @s.
 * Return: its next turn has begun. false: as before, vho_sched_put() is to be called.
 */
bool vho_sched_renew(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns)
{
	vho_sched_run_due(s, now_ns);
	if (vho_sched_waiting(s))
		return false;
	vho_sched_refill(s, e, now_ns);
	if (vho_sched_spent(e) || vho_sched_held(e))
		return false;
	vho_sched_insert(s, e, now_ns);
	return vho_sched_pick(s, now_ns) == e;
}

/* The turn of @e is over, it has more work. Context: the thread that owns @s. */
void vho_sched_put(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns)
{
	vho_sched_insert(s, e, now_ns);
}

/* @e has no work any more, wherever it was. Context: the thread that owns @s. */
void vho_sched_remove(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns)
{
	if (e->state == VHO_SCHED_OUT)
		return;
	vho_sched_unlink(s, e);
	if (e->state == VHO_SCHED_PARKED)
		vho_sched_throttled(e, now_ns);
	e->state = VHO_SCHED_OUT;
	e->woken = false;
	e->guaranteed = false;
	e->since_ns = now_ns;
}

/* When the first of those parked may be served again, if nobody else waits; U64_MAX: never. */
u64 vho_sched_due_ns(const struct vho_sched *s)
{
	const struct vho_sched_ent *e = vho_sched_first_due(s);

	return e ? e->due_ns : U64_MAX;
}

/**
 * vho_sched_export() - take an entity out, to be moved to another scheduler
 * @s: its scheduler
 * @e: entity, in any state; without work afterwards
 * @now_ns: clock
 *
 * Context: the thread that owns @s.
 * Return: the entity's unused share (negative: its debt), for vho_sched_import().
 */
s64 vho_sched_export(struct vho_sched *s, struct vho_sched_ent *e, u64 now_ns)
{
	vho_sched_remove(s, e, now_ns);
	vho_sched_advance(s, now_ns);
	vho_sched_clip(s, e);
	return s->v - e->vt;
}

/* Places @e, which has no work, with what it brings. Context: the thread that owns @s. */
void vho_sched_import(struct vho_sched *s, struct vho_sched_ent *e, s64 lag, u64 now_ns)
{
	vho_sched_advance(s, now_ns);
	e->vt = s->v - lag;
	e->since_ns = now_ns;
	vho_sched_clip(s, e);
}
