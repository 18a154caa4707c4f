// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path: a turn of one group, top to bottom.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/skbuff.h>

#include "chan.h"
#include "core.h"
#include "flow.h"
#include "fp.h"
#include "guest_state.h"
#include "group.h"
#include "move.h"
#include "packet.h"
#include "port.h"
#include "segment.h"

/* The running driver, NULL: none, or none that is served any more. */
static struct vho_guest_state *vho_fp_guest(struct vho_group *group)
{
	struct vho_guest_state *guest = group->guest;

	return guest && !group->stopping ? guest : NULL;
}

/* ---- pieces: the smallest parts of a turn. Return: there was something to do ---- */

static bool vho_fp_piece_events(struct vho_group *group, u64 now_ns)
{
	return vho_fp_event(group, now_ns);
}

static bool vho_fp_piece_submit(struct vho_group *group, u64 now_ns)
{
	struct vho_guest_state *guest = vho_fp_guest(group);

	return guest && vho_chan_submit(group, guest, now_ns);
}

static bool vho_fp_piece_rx(struct vho_group *group, u64 now_ns)
{
	/* One consumer, the core; the queue is resized by nobody. */
	struct sk_buff *skb = __ptr_ring_peek(&group->rxq);

	if (!skb)
		return false;
	/* A long one is copied in pieces, and keeps its place until the last. */
	if (vho_fp_rx(group, skb, group->core->sched.params.piece_bytes, now_ns))
		__ptr_ring_discard_one(&group->rxq);
	return true;
}

static bool vho_fp_piece_frame_tx(struct vho_group *group, u64 now_ns)
{
	struct vho_guest_state *guest = vho_fp_guest(group);

	return guest && !group->index && vho_frame_tx(group->port, guest, 1);
}

/* Frames wait for no driver that does not run. */
static bool vho_fp_drop_frame(struct vho_group *group)
{
	struct sk_buff *skb = __ptr_ring_consume(&group->port->frameq);

	kfree_skb(skb);
	return skb;
}

static bool vho_fp_piece_frame_rx(struct vho_group *group, u64 now_ns)
{
	struct vho_guest_state *guest = vho_fp_guest(group);

	if (group->index)
		return false;
	return guest ? vho_frame_rx(group->port, guest, 1) : vho_fp_drop_frame(group);
}

/* Who was served so long ago may come again at any moment. */
#define VHO_MIXED_NS		(10 * NSEC_PER_MSEC)

/*
 * Payload to send in one piece. While nobody else waits a packet may be as long as packets get: what it
 * costs does not grow with its length by much. Unless it is copied on this CPU: then somebody who may
 * come at any moment would wait for that.
 */
static u32 vho_fp_output_bytes(const struct vho_group *group, u64 now_ns)
{
	const struct vho_core *core = group->core;

	if (vho_sched_waiting(&core->sched) ||
	    (vho_segment_copied(group) && now_ns < core->mixed_ns + VHO_MIXED_NS))
		return core->sched.params.piece_bytes;
	return VHO_TX_SEG_MAX_BYTES;
}

static bool vho_fp_piece_output(struct vho_group *group, u64 now_ns)
{
	struct vho_guest_state *guest = vho_fp_guest(group);

	return guest && vho_fp_output(group, vho_fp_output_bytes(group, now_ns), now_ns);
}

/* In this order within a turn. */
static const enum vho_work vho_fp_works[] = {
	VHO_WORK_events, VHO_WORK_submit, VHO_WORK_frames, VHO_WORK_rx, VHO_WORK_frames,
	VHO_WORK_output,
};

/* By position in that list; direct calls, since most of them find nothing to do. */
static bool vho_fp_piece(struct vho_group *group, unsigned int i, u64 now_ns)
{
	switch (i) {
	case 0:
		return vho_fp_piece_events(group, now_ns);
	case 1:
		return vho_fp_piece_submit(group, now_ns);
	case 2:
		return vho_fp_piece_frame_tx(group, now_ns);
	case 3:
		return vho_fp_piece_rx(group, now_ns);
	case 4:
		return vho_fp_piece_frame_rx(group, now_ns);
	default:
		return vho_fp_piece_output(group, now_ns);
	}
}

/* ---- a turn ---- */

/* Turns in a row of a group, while nobody else waits, before its guest is answered. */
#define VHO_TURN_ROW		4
/* Pieces of one kind before the next kind. */
#define VHO_TURN_RUN		8
/* Predicted time after which the clock is read in the middle of a turn. */
#define VHO_TURN_METER_NS	5000
/* Of so many turns, one has its clock read after every run, for what each kind costs. */
#define VHO_TURN_SAMPLE		16

/**
 * struct vho_fp_turn - a turn of one group
 * @core: who serves
 * @group: who is served
 * @start_ns: when it began, or was renewed, CPU time
 * @charged_ns: CPU time before that
 * @now_ns: when the clock was last read
 * @cpu_ns: CPU time then
 * @pred_ns: what was done since then, predicted
 * @kinds: of work that was done since then
 * @nr: pieces since then, by kind of work
 * @pieces: pieces of the whole turn
 * @row: how often it was renewed
 * @sampled: the clock is read after every run
 * @ended: somebody else comes first, or it has been long enough
 */
struct vho_fp_turn {
	struct vho_core *core;
	struct vho_group *group;
	u64 start_ns;
	u64 charged_ns;
	u64 now_ns;
	u64 cpu_ns;
	u64 pred_ns;
	unsigned long kinds;
	u32 nr[VHO_WORK_NR];
	u32 pieces;
	u32 row;
	bool sampled;
	bool ended;
};

static void vho_fp_did(struct vho_fp_turn *turn, enum vho_work work, unsigned int n)
{
	if (!n)
		return;
	turn->kinds |= BIT(work);
	turn->nr[work] += n;
	turn->pred_ns += n * turn->group->budget.est_ns[work];
}

/* What one kind of work took by itself is remembered. */
static void vho_fp_meter_one(struct vho_fp_turn *turn, enum vho_work work, u64 cost_ns)
{
	u32 *est_ns = &turn->group->budget.est_ns[work];

	*est_ns = vho_sched_average(*est_ns, div_u64(cost_ns, turn->nr[work]));
	vho_budget_count(turn->group, work, cost_ns);
	turn->nr[work] = 0;
}

/* What several took together is told apart by what they usually cost. */
static void vho_fp_meter_all(struct vho_fp_turn *turn, u64 cost_ns)
{
	const u32 *est_ns = turn->group->budget.est_ns;
	unsigned int work;

	for_each_set_bit(work, &turn->kinds, VHO_WORK_NR) {
		u64 pred_ns = (u64)turn->nr[work] * est_ns[work];

		vho_budget_count(turn->group, work,
				 mul_u64_u64_div_u64(cost_ns, pred_ns, turn->pred_ns));
		turn->nr[work] = 0;
	}
}

/* Reads the clock. */
static void vho_fp_meter(struct vho_fp_turn *turn)
{
	u64 now_ns = ktime_get_ns(), cpu_ns = max(turn->cpu_ns, vho_worker_cpu_ns(now_ns));
	u64 cost_ns = cpu_ns - turn->cpu_ns;

	if (is_power_of_2(turn->kinds))
		vho_fp_meter_one(turn, __ffs(turn->kinds), cost_ns);
	else if (turn->kinds)
		vho_fp_meter_all(turn, cost_ns);
	else
		/* Looking for work that was not there. */
		vho_budget_count(turn->group, VHO_WORK_submit, cost_ns);
	turn->now_ns = now_ns;
	turn->cpu_ns = cpu_ns;
	turn->pred_ns = 0;
	turn->kinds = 0;
}

static void vho_fp_charge(struct vho_fp_turn *turn)
{
	u64 cost_ns = turn->cpu_ns - turn->start_ns;

	vho_sched_charge(&turn->core->sched, &turn->group->budget.ent, cost_ns);
	turn->charged_ns += cost_ns;
	turn->start_ns = turn->cpu_ns;
}

/*
 * The turn was long enough. If nobody waits for its end, neither another group, nor the core's thread,
 * nor anybody else who wants the CPU, the next one follows at once, and the guest is answered once
 * for both: an interrupt costs as much as many small pieces.
 */
static bool vho_fp_renew(struct vho_fp_turn *turn)
{
	struct vho_core *core = turn->core;

	if (++turn->row == VHO_TURN_ROW || vho_sched_waiting(&core->sched))
		return false;
	vho_fp_meter(turn);
	vho_core_look(core, turn->now_ns);
	if (need_resched() || vho_worker_pending(&core->worker, turn->now_ns))
		return false;
	vho_fp_charge(turn);
	return vho_sched_renew(&core->sched, &turn->group->budget.ent, turn->now_ns);
}

/* After a piece: may another one of about @next_ns follow? */
static bool vho_fp_goes_on(struct vho_fp_turn *turn, u64 next_ns)
{
	struct vho_sched *sched = &turn->core->sched;
	u64 used_ns;

	if (turn->pred_ns >= VHO_TURN_METER_NS) {
		vho_fp_meter(turn);
		vho_core_look(turn->core, turn->now_ns);
	} else {
		vho_core_take_woken(turn->core, turn->now_ns + turn->pred_ns);
	}
	used_ns = turn->cpu_ns - turn->start_ns + turn->pred_ns;
	if (vho_sched_must_yield(sched, &turn->group->budget.ent, used_ns)) {
		vho_budget_count_yield(turn->group);
		return false;
	}
	return used_ns + next_ns <= sched->params.turn_ns || vho_fp_renew(turn);
}

/* A few pieces of one kind. Return: how many there were. */
static unsigned int vho_fp_run(struct vho_fp_turn *turn, unsigned int i)
{
	struct vho_group *group = turn->group;
	enum vho_work work = vho_fp_works[i];
	unsigned int n;

	for (n = 0; n < VHO_TURN_RUN && !turn->ended; n++) {
		if (!vho_fp_piece(group, i, turn->now_ns))
			break;
		vho_fp_did(turn, work, 1);
		turn->pieces++;
		turn->ended = !vho_fp_goes_on(turn, group->budget.est_ns[work]);
	}
	if (n && turn->sampled)
		vho_fp_meter(turn);
	return n;
}

/* The answers to the guest, once for the whole turn. Return: some are left. */
static bool vho_fp_answer(struct vho_fp_turn *turn)
{
	struct vho_guest_state *guest = vho_fp_guest(turn->group);
	unsigned int n;

	if (!guest)
		return false;
	n = vho_chan_complete(turn->group, guest, VHO_TURN_COMPLETES);
	if (n || turn->pieces)
		vho_chan_signal(turn->group, guest);
	vho_fp_did(turn, VHO_WORK_complete, n);
	return n == VHO_TURN_COMPLETES;
}

/**
 * vho_fp_turn() - serve one group
 * @core: the core that serves it
 * @group: group
 * @now_ns: clock
 * @more: set: the turn ended before all was done
 * @cost_ns: set: the CPU time it took, which is charged to the group
 *
 * Consecutive pieces, each one packet, record or frame, of all kinds of work in turn, until nothing
 * is left, somebody else comes first, or the turn was long enough. Several turns in a row are one if
 * nobody else waits.
 *
 * Context: FP.
 * Return: clock at its end.
 */
u64 vho_fp_turn(struct vho_core *core, struct vho_group *group, u64 now_ns, bool *more, u64 *cost_ns)
{
	u64 start_ns = vho_worker_cpu_ns(now_ns);
	struct vho_fp_turn turn = {
		.core = core,
		.group = group,
		.start_ns = start_ns,
		.now_ns = now_ns,
		.cpu_ns = start_ns,
		.sampled = !(READ_ONCE(group->budget.stats.turns) % VHO_TURN_SAMPLE),
	};
	struct vho_sched_ent *ent = &group->budget.ent;
	unsigned int i = group->budget.next, idle = 0;

	while (idle < ARRAY_SIZE(vho_fp_works) && !turn.ended) {
		unsigned int n = vho_fp_run(&turn, i);

		/* A run that was not cut short has already found nothing more. */
		if (n)
			idle = n < VHO_TURN_RUN;
		else
			idle++;
		i = (i + 1) % ARRAY_SIZE(vho_fp_works);
	}
	group->budget.next = i;
	*more = vho_fp_answer(&turn) || turn.ended;
	vho_fp_meter(&turn);
	vho_fp_charge(&turn);
	*cost_ns = turn.charged_ns;
	ent->est_ns = vho_sched_average(ent->est_ns, div_u64(*cost_ns, max(turn.pieces, 1U)));
	return turn.now_ns;
}

/* ---- polling, parking ---- */

static bool vho_fp_pending_frames(struct vho_port *port, struct vho_guest_state *guest)
{
	if (guest->frame_tx && vho_ring_pending(guest->frame_tx))
		return true;
	return guest->frame_rx && vho_frame_waiting(port, guest) &&
	       vho_ring_pending(guest->frame_rx);
}

/* Frames that came while no driver runs are dropped in a turn. */
static bool vho_fp_stray_frames(const struct vho_group *group)
{
	return !group->index && !__ptr_ring_empty(&group->port->frameq);
}

static bool vho_fp_pending_guest(struct vho_group *group, struct vho_guest_state *guest)
{
	unsigned int i;

	for (i = 0; i < group->nr_channels; i++) {
		struct vho_channel *ch = vho_group_channel(group, guest, i);

		if (!ch->stalled && vho_ring_pending(ch->submit))
			return true;
		if ((!list_empty(&ch->news) || ch->stalled) && vho_ring_pending(ch->complete))
			return true;
	}
	if (!group->index && vho_fp_pending_frames(group->port, guest))
		return true;
	return !list_empty(&group->tx_flows);
}

bool vho_fp_pending(struct vho_group *group)
{
	struct vho_guest_state *guest = vho_fp_guest(group);

	if (!__ptr_ring_empty(&group->rxq) || !list_empty(&group->msgs))
		return true;
	return guest ? vho_fp_pending_guest(group, guest) : vho_fp_stray_frames(group);
}

void vho_fp_unpark(struct vho_group *group)
{
	struct vho_guest_state *guest = vho_fp_guest(group);
	unsigned int i;

	if (!guest)
		return;
	for (i = 0; i < group->nr_channels; i++) {
		struct vho_channel *ch = vho_group_channel(group, guest, i);

		vho_ring_kick_disable(ch->submit);
		vho_ring_kick_disable(ch->complete);
	}
	if (group->index)
		return;
	if (guest->frame_tx)
		vho_ring_kick_disable(guest->frame_tx);
	if (guest->frame_rx)
		vho_ring_kick_disable(guest->frame_rx);
}

/* Buffers for the guest's side matter only while something waits for them. */
static bool vho_fp_park_frames(struct vho_port *port, struct vho_guest_state *guest)
{
	bool work = false;

	if (guest->frame_tx)
		work |= vho_ring_kick_enable(guest->frame_tx);
	if (guest->frame_rx && vho_frame_waiting(port, guest))
		work |= vho_ring_kick_enable(guest->frame_rx);
	return work;
}

static bool vho_fp_park_guest(struct vho_group *group, struct vho_guest_state *guest)
{
	bool work = !list_empty(&group->tx_flows);
	unsigned int i;

	for (i = 0; i < group->nr_channels; i++) {
		struct vho_channel *ch = vho_group_channel(group, guest, i);

		/* What is stalled goes on when there is room for the answer, not before. */
		if (!ch->stalled)
			work |= vho_ring_kick_enable(ch->submit);
		if (!list_empty(&ch->news) || ch->stalled)
			work |= vho_ring_kick_enable(ch->complete);
	}
	if (!group->index)
		work |= vho_fp_park_frames(group->port, guest);
	return work;
}

bool vho_fp_park(struct vho_group *group)
{
	struct vho_guest_state *guest = vho_fp_guest(group);
	bool work = !__ptr_ring_empty(&group->rxq) || !list_empty(&group->msgs);

	if (guest)
		work |= vho_fp_park_guest(group, guest);
	else
		work |= vho_fp_stray_frames(group);
	return work;
}

/* ---- start and stop, called from process context, run on the cores ---- */

struct vho_fp_guest_call {
	struct vho_group *group;
	struct vho_guest_state *guest;
	bool more;
};

static void vho_fp_guest_start_fn(void *arg)
{
	struct vho_fp_guest_call *call = arg;

	vho_group_guest_set(call->group, call->guest);
	vho_group_wake(call->group);
}

void vho_fp_guest_start(struct vho_port *port, struct vho_guest_state *guest)
{
	struct vho_fp_guest_call call = { .guest = guest };
	unsigned int i;

	for (i = 0; i < guest->nr_groups; i++) {
		call.group = port->group[i];
		vho_group_call(call.group, vho_fp_guest_start_fn, &call);
	}
}

static void vho_fp_guest_stop_fn(void *arg)
{
	struct vho_fp_guest_call *call = arg;
	struct vho_group *group = call->group;
	struct vho_guest_state *guest = group->guest;
	u64 now_ns = ktime_get_ns();

	call->guest = guest;
	group->stopping = true;
	call->more = vho_fp_flows_stop(group, guest, now_ns);
	if (!call->more) {
		if (!group->index) {
			kfree_skb_list(guest->frame_head);
			guest->frame_head = NULL;
		}
		vho_group_guest_clear(group);
	}
	vho_budget_charge(group, VHO_WORK_events, ktime_get_ns() - now_ns);
}

/* What groups without a driver have posted to each other before has been handled. */
static void vho_fp_guest_stopped_fn(void *arg)
{
}

static struct vho_guest_state *vho_fp_guest_stop_all(struct vho_port *port)
{
	struct vho_fp_guest_call call = { };
	unsigned int i = 0, nr;

	do {
		call.group = port->group[i];
		/* In pieces: other groups of the core are served in between. */
		do {
			vho_group_call(call.group, vho_fp_guest_stop_fn, &call);
		} while (call.more);
		nr = call.guest->nr_groups;
	} while (++i < nr);
	for (i = 0; i < nr && nr > 1; i++)
		vho_group_call(port->group[i], vho_fp_guest_stopped_fn, NULL);
	return call.guest;
}

struct vho_guest_state *vho_fp_guest_stop(struct vho_port *port)
{
	struct vho_guest_state *guest;

	/* What the slow path posted before comes first, wherever it was posted to. */
	vho_moves_hold();
	guest = vho_fp_guest_stop_all(port);
	vho_moves_allow();
	/* Rings that the other side of a pair may be copying from (vho_join_cut()). */
	if (port->join_cut) {
		port->join_cut = false;
		synchronize_rcu();
	}
	return guest;
}

static void vho_fp_group_detach_fn(void *arg)
{
	struct vho_group *group = arg;
	u64 now_ns = ktime_get_ns();

	group->detached = true;
	vho_core_release(group->core, group);
	while (vho_fp_piece_rx(group, now_ns))
		;
}

void vho_fp_port_detach(struct vho_port *port)
{
	unsigned int i;

	vho_moves_hold();
	for (i = 0; i < port->nr_made; i++)
		vho_group_call(port->group[i], vho_fp_group_detach_fn, port->group[i]);
	vho_moves_allow();
}
