// SPDX-License-Identifier: GPL-2.0
/*
 * Fast-path cores: whom they serve when, polling, parking.
 *
 * A group that has work waits in the core's order of service (sched.h). One that has none is polled
 * for a while, since its guest does not kick, and parked with kicks enabled after that.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "core.h"
#include "elastic.h"
#include "fp.h"
#include "nl_event.h"
#include "port.h"
#include "trace.h"

#define VHO_CORE_POLL_NS_DEFAULT	(50 * NSEC_PER_USEC)
/* Groups polled at a time: more would be found late. Those polled longest are parked. */
#define VHO_CORE_POLLED_MAX		32
/* Polled groups looked at while others are served. */
#define VHO_CORE_POLL_STEP		4
/* Turns before messages and timers are looked at again, if none are known to wait. */
#define VHO_CORE_TURNS			16

static struct vho_group *vho_core_group(struct vho_sched_ent *ent)
{
	return container_of(ent, struct vho_group, budget.ent);
}

/* ---- polling, parking ---- */

static void vho_core_unpoll(struct vho_core *core, struct vho_group *group)
{
	if (list_empty(&group->run_node))
		return;
	list_del_init(&group->run_node);
	core->nr_polled--;
}

/* Into the woken list of the core that serves @group. The mark VHO_GROUP_QUEUED is the caller's. */
static void vho_core_list_woken(struct vho_group *group)
{
	struct vho_core *core;

	/* The core may let the group go at any time; it lives on until the wake-up has reached it. */
	rcu_read_lock();
	core = READ_ONCE(group->core);
	llist_add(&group->woken_node, &core->woken);
	vho_worker_wake(&core->worker);
	rcu_read_unlock();
}

/* A group that has just come brings along what it has coming, or owes. */
static void vho_core_import(struct vho_core *core, struct vho_group *group, u64 now_ns)
{
	if (likely(!group->budget.moved))
		return;
	group->budget.moved = false;
	vho_sched_import(&core->sched, &group->budget.ent, group->budget.lag, now_ns);
}

/* The wake-up of a group that has gone on to another core follows it there. */
void vho_core_take_woken(struct vho_core *core, u64 now_ns)
{
	struct vho_group *group, *next;
	struct llist_node *list;

	if (likely(llist_empty(&core->woken)))
		return;
	list = llist_reverse_order(llist_del_all(&core->woken));
	llist_for_each_entry_safe(group, next, list, woken_node) {
		/* Pairs with the release in vho_move_release(). */
		if (unlikely(smp_load_acquire(&group->core) != core)) {
			vho_core_list_woken(group);
			continue;
		}
		vho_core_import(core, group, now_ns);
		vho_core_unpoll(core, group);
		if (group->parked) {
			group->parked = false;
			vho_fp_unpark(group);
		}
		vho_sched_wake(&core->sched, &group->budget.ent, now_ns);
	}
}

static void vho_core_park(struct vho_core *core, struct vho_group *group)
{
	vho_core_unpoll(core, group);
	group->parked = true;
	if (vho_fp_park(group))
		vho_group_wake(group);
}

static void vho_core_poll(struct vho_core *core, unsigned int max, u64 now_ns)
{
	u64 poll_ns = READ_ONCE(core->poll_ns);
	unsigned int n;

	for (n = min(max, core->nr_polled); n; n--) {
		struct vho_group *group = list_first_entry(&core->polled, struct vho_group, run_node);

		list_move_tail(&group->run_node, &core->polled);
		if (vho_fp_pending(group))
			vho_group_wake(group);
		else if ((s64)(now_ns - group->last_work_ns) >= (s64)poll_ns)
			vho_core_park(core, group);
	}
}

/* @group has nothing to do. Whoever gives it work from now on wakes it, but for its guest. */
static void vho_core_rest(struct vho_core *core, struct vho_group *group, u64 now_ns)
{
	vho_sched_remove(&core->sched, &group->budget.ent, now_ns);
	group->last_work_ns = now_ns;
	clear_bit(VHO_GROUP_QUEUED, &group->work_flags);
	/* Pairs with test_and_set_bit() in vho_group_wake(): work is seen here, or the group is listed. */
	smp_mb__after_atomic();
	if (!READ_ONCE(core->poll_ns)) {
		vho_core_park(core, group);
		return;
	}
	if (vho_fp_pending(group)) {
		vho_group_wake(group);
		return;
	}
	if (core->nr_polled == VHO_CORE_POLLED_MAX)
		vho_core_park(core, list_first_entry(&core->polled, struct vho_group, run_node));
	list_add_tail(&group->run_node, &core->polled);
	core->nr_polled++;
}

void vho_core_look(struct vho_core *core, u64 now_ns)
{
	if (core->nr_polled)
		vho_core_poll(core, VHO_CORE_POLL_STEP, now_ns);
	vho_core_take_woken(core, now_ns);
}

/* ---- turns ---- */

/* Return: when it ended. */
static u64 vho_core_turn(struct vho_core *core, struct vho_group *group, u64 now_ns)
{
	struct vho_sched_ent *ent = &group->budget.ent;
	bool shaped = vho_limit_shaped(group->port);
	struct vho_limit_used used;
	u64 cost_ns, end_ns;
	bool more;

	vho_elastic_poke();
	if (core->served != group) {
		core->served = group;
		core->mixed_ns = now_ns;
	}
	vho_budget_count_turn(group);
	if (unlikely(shaped))
		vho_limit_turn_begin(group->port, &used);
	end_ns = vho_fp_turn(core, group, now_ns, &more, &cost_ns);
	vho_sched_charge(&core->sched, ent, vho_budget_take_drops(group));
	WRITE_ONCE(group->busy_ns, group->busy_ns + cost_ns);
	WRITE_ONCE(core->busy_ns, core->busy_ns + cost_ns);
	WRITE_ONCE(core->turns, core->turns + 1);
	vho_port_stat_inc(group->port, VHO_STAT_fp_turns);
	trace_vho_port_turn(group->port, core, cost_ns);
	if (unlikely(shaped))
		vho_limit_turn_end(group, &used, end_ns);
	if (more)
		vho_sched_put(&core->sched, ent, end_ns);
	else
		vho_core_rest(core, group, end_ns);
	if (unlikely(ent->state == VHO_SCHED_PARKED))
		vho_nl_event_throttled(group->port);
	return end_ns;
}

/* Nobody has work. Return: somebody may, whose guest does not kick. */
static bool vho_core_idle(struct vho_core *core, u64 now_ns)
{
	u64 due_ns = vho_sched_due_ns(&core->sched);

	if (core->nr_polled) {
		vho_core_poll(core, VHO_CORE_POLLED_MAX, now_ns);
		WRITE_ONCE(core->poll_idle_ns, core->poll_idle_ns + (ktime_get_ns() - now_ns));
		cpu_relax();
		return true;
	}
	if (due_ns != U64_MAX)
		vho_timer_arm(&core->worker, &core->due, due_ns);
	return !llist_empty(&core->woken);
}

/* Context: FP. */
static bool vho_core_serve(struct vho_worker *worker, u64 now_ns)
{
	struct vho_core *core = vho_core_of(worker);
	struct vho_sched_ent *ent;
	unsigned int n;

	for (n = 0; n < VHO_CORE_TURNS; n++) {
		vho_core_look(core, now_ns);
		ent = vho_sched_pick(&core->sched, now_ns);
		if (!ent)
			break;
		now_ns = vho_core_turn(core, vho_core_group(ent), now_ns);
		if (vho_worker_pending(worker, now_ns) || need_resched())
			return true;
	}
	return n || vho_core_idle(core, now_ns);
}

/* The thread is awake, that is all: the order of service knows who is due. */
static void vho_core_due(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns)
{
}

/* ---- coming and going ---- */

void vho_group_wake(struct vho_group *group)
{
	if (!test_and_set_bit(VHO_GROUP_QUEUED, &group->work_flags))
		vho_core_list_woken(group);
}

void vho_core_release(struct vho_core *core, struct vho_group *group)
{
	u64 now_ns = ktime_get_ns();
	bool queued;

	vho_core_take_woken(core, now_ns);
	vho_core_unpoll(core, group);
	queued = vho_sched_queued(&group->budget.ent);
	group->budget.lag = vho_sched_export(&core->sched, &group->budget.ent, now_ns);
	group->budget.moved = true;
	if (queued) {
		clear_bit(VHO_GROUP_QUEUED, &group->work_flags);
		/* Whoever has the mark set now has the group listed where it goes on. */
		smp_mb__after_atomic();
	}
	vho_timer_disarm(&core->worker, &group->timer);
}

void vho_core_adopt(struct vho_core *core, struct vho_group *group)
{
	vho_core_import(core, group, ktime_get_ns());
	if (group->detached)
		return;
	vho_fp_arm(group);
	vho_group_wake(group);
}

void vho_core_init(struct vho_core *core, u64 now_ns)
{
	const struct vho_sched_params params = VHO_SCHED_PARAMS_DEFAULT;

	core->poll_ns = VHO_CORE_POLL_NS_DEFAULT;
	init_llist_head(&core->woken);
	INIT_LIST_HEAD(&core->polled);
	vho_sched_init(&core->sched, &params, now_ns);
	vho_timer_init(&core->due, vho_core_due);
}

int vho_core_start(struct vho_core *core, unsigned int index, int cpu)
{
	char name[TASK_COMM_LEN];

	core->index = index;
	core->cpu = cpu;
	INIT_LIST_HEAD(&core->left_node);
	vho_core_init(core, ktime_get_ns());
	snprintf(name, sizeof(name), "vho_core/%d", cpu);
	return vho_worker_start(&core->worker, cpu, name, vho_core_serve);
}

void vho_core_stop(struct vho_core *core)
{
	vho_worker_stop(&core->worker);
	/* What was woken here shortly before it went on to another core. */
	vho_core_take_woken(core, ktime_get_ns());
}
