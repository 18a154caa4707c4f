/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fast-path core: one kthread bound to one CPU that serves groups of ports in turn.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_CORE_H
#define _VHO_CORE_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/types.h>

#include "scale.h"
#include "sched.h"
#include "worker.h"

struct vho_group;

/**
 * struct vho_core - one fast-path core
 * @worker: the thread; every member without a note belongs to it
 * @index: its place in the set of cores (cores.h)
 * @cpu: CPU it is bound to
 * @woken: groups that somebody gave work (lockless list, any context)
 * @sched: groups that have work, in order of service
 * @polled: groups that had none when last looked at, and whose guests do not kick
 * @nr_polled: entries of @polled
 * @due: wakes the thread when the limit of a group lets it go on
 * @poll_ns: how long a group without work is polled before kicks are enabled; by netlink, READ_ONCE
 * @left_node: in the list of cores that groups have just left (move.c)
 * @nr_groups: groups placed on this core, of ports that are not being deleted; guarded by
 *	vho_ports_lock
 * @scale: the same for the decision on scaling, guarded by vho_ports_lock
 * @seen_ns: when elastic.c looked last; with it @busy_ns and @turns at that time
 * @seen_busy_ns: see @seen_ns
 * @seen_turns: see @seen_ns
 * @busy_ns: time spent in turns, written by the thread, READ_ONCE
 * @poll_idle_ns: time spent polling while no group had work
 * @turns: turns served
 * @served: group that had the last turn, for comparison only
 * @mixed_ns: when a turn followed one of another group last
 */
struct vho_core {
	struct vho_worker worker;
	unsigned int index;
	int cpu;
	struct llist_head woken;
	struct vho_sched sched;
	struct list_head polled;
	unsigned int nr_polled;
	struct vho_timer due;
	u64 poll_ns;
	struct list_head left_node;
	unsigned int nr_groups;
	struct vho_scale_core scale;
	u64 seen_ns;
	u64 seen_busy_ns;
	u64 seen_turns;
	u64 busy_ns;
	u64 poll_idle_ns;
	u64 turns;
	const struct vho_group *served;
	u64 mixed_ns;
};

/* Process context. @core is zeroed memory. */
int vho_core_start(struct vho_core *core, unsigned int index, int cpu);
/* No group is placed on @core any more. */
void vho_core_stop(struct vho_core *core);
/* Gives @group a place in its core's order of service. Any context. */
void vho_group_wake(struct vho_group *group);

/*
 * Context: FP of @core, between turns. @group leaves the order of service, parked or not, and
 * nothing of @core refers to it any more but perhaps a wake-up under way, which is forwarded.
 */
void vho_core_release(struct vho_core *core, struct vho_group *group);
/* Context: FP of @core, which serves @group from now on: its timers run, and it has a turn. */
void vho_core_adopt(struct vho_core *core, struct vho_group *group);

/* --- Context: FP, the thread of @core --- */

/* An empty order of service. For vho_core_start(). */
void vho_core_init(struct vho_core *core, u64 now_ns);
/* Groups that were woken join the order of service. */
void vho_core_take_woken(struct vho_core *core, u64 now_ns);
/* The same, and looks at some of the polled groups. */
void vho_core_look(struct vho_core *core, u64 now_ns);

static inline struct vho_core *vho_core_of(struct vho_worker *worker)
{
	return container_of(worker, struct vho_core, worker);
}

#endif /* _VHO_CORE_H */
