// SPDX-License-Identifier: GPL-2.0
/*
 * The work that follows the load: measures, adds and removes cores, moves groups.
 *
 * It looks once in a period as long as a core has something to do, and then goes dormant: an idle
 * machine has no timer of it. The first turn of any core wakes it (vho_elastic_poke()).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "core.h"
#include "cores.h"
#include "elastic.h"
#include "move.h"
#include "nl_event.h"
#include "port.h"

/* Groups moved at one look. */
#define VHO_ELASTIC_MOVES_MAX	16
/* A load that counts as none. */
#define VHO_ELASTIC_IDLE	10
/* Where load has nothing to change, partitions of cpusets may all the same: so often is enough. */
#define VHO_ELASTIC_CPUS_NS	(100 * NSEC_PER_MSEC)

bool vho_elastic_dormant;

static void vho_elastic_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(vho_elastic_work, vho_elastic_work_fn);

static struct vho_core *vho_elastic_core(struct vho_scale_core *core)
{
	return container_of(core, struct vho_core, scale);
}

static void vho_elastic_measure_groups(struct vho_core *core, u64 elapsed_ns)
{
	struct vho_scale_group *scale;

	list_for_each_entry(scale, &core->scale.groups, node) {
		struct vho_group *group = container_of(scale, struct vho_group, scale);
		u64 busy_ns = READ_ONCE(group->busy_ns);

		scale->busy_permille = vho_scale_average(scale->busy_permille,
							 busy_ns - group->seen_busy_ns, elapsed_ns,
							 vho_cores_period_ns());
		group->seen_busy_ns = busy_ns;
	}
}

/* Return: @core has had a turn since the last look, or has still load in its average. */
static bool vho_elastic_measure(struct vho_core *core)
{
	u64 now_ns = ktime_get_ns(), busy_ns = READ_ONCE(core->busy_ns);
	u64 turns = READ_ONCE(core->turns), elapsed_ns = now_ns - core->seen_ns;
	bool active;

	core->scale.busy_permille = vho_scale_average(core->scale.busy_permille,
						      busy_ns - core->seen_busy_ns, elapsed_ns,
						      vho_cores_period_ns());
	vho_elastic_measure_groups(core, elapsed_ns);
	active = turns != core->seen_turns || core->scale.busy_permille > VHO_ELASTIC_IDLE;
	core->seen_ns = now_ns;
	core->seen_busy_ns = busy_ns;
	core->seen_turns = turns;
	return active;
}

static bool vho_elastic_measure_all(void)
{
	struct vho_scale_core *core;
	bool active = false;

	list_for_each_entry(core, &vho_cores_scale.cores, node)
		active |= vho_elastic_measure(vho_elastic_core(core));
	return active;
}

/* Groups of overloaded cores go where there is room, heaviest first. Return: some did. */
static bool vho_elastic_balance(void)
{
	struct vho_scale_group *group;
	struct vho_scale_core *to;
	unsigned int n;

	group = vho_scale_pick_move(&vho_cores_scale, &to, false);
	if (!group)
		return false;
	vho_moves_begin();
	for (n = 0; group && n < VHO_ELASTIC_MOVES_MAX; n++) {
		vho_cores_move(container_of(group, struct vho_group, scale), vho_elastic_core(to));
		group = vho_scale_pick_move(&vho_cores_scale, &to, true);
	}
	vho_moves_end();
	return true;
}

static void vho_elastic_change(void)
{
	struct vho_scale *s = &vho_cores_scale;
	struct vho_scale_core *victim;
	u64 now_ns = ktime_get_ns();
	bool changed = false;

	switch (vho_scale_decide(s, now_ns, &victim)) {
	case VHO_SCALE_ADD:
		changed = !vho_cores_add();
		break;
	case VHO_SCALE_REMOVE:
		vho_cores_remove(vho_elastic_core(victim));
		changed = true;
		break;
	case VHO_SCALE_KEEP:
		break;
	}
	if (changed || now_ns - s->changed_ns >= s->rules.holdoff_ns)
		changed |= vho_elastic_balance();
	if (changed)
		s->changed_ns = ktime_get_ns();
}

/* Has load anything to change at all? */
static bool vho_elastic_needed(void)
{
	return vho_cores_scale.rules.max > 1;
}

/* Return: there is a core too many, and the hold-off is not over. */
static bool vho_elastic_waits(void)
{
	return vho_core_nr() > vho_cores_scale.rules.min &&
	       vho_scale_idle(&vho_cores_scale) > vho_cores_scale.rules.remove_idle_permille &&
	       vho_scale_pick_victim(&vho_cores_scale);
}

static void vho_elastic_work_fn(struct work_struct *work)
{
	u64 next_ns = VHO_ELASTIC_CPUS_NS;
	unsigned int before;
	bool active;

	mutex_lock(&vho_ports_lock);
	before = vho_core_nr();
	vho_cores_follow();
	active = vho_elastic_measure_all();
	if (vho_elastic_needed()) {
		next_ns = vho_cores_period_ns();
		vho_elastic_change();
		active |= vho_core_nr() != before || vho_elastic_waits();
	}
	/* A turn that comes just now either finds this set or is seen by the look that it asks for. */
	WRITE_ONCE(vho_elastic_dormant, !active);
	if (active)
		queue_delayed_work(system_unbound_wq, &vho_elastic_work,
				   max(nsecs_to_jiffies(next_ns), 1UL));
	if (vho_core_nr() != before)
		vho_nl_event_cores_scaled(vho_core_nr(), before);
	mutex_unlock(&vho_ports_lock);
}

void vho_elastic_look(void)
{
	mod_delayed_work(system_unbound_wq, &vho_elastic_work, 0);
}

void vho_elastic_wake(void)
{
	if (xchg(&vho_elastic_dormant, false))
		vho_elastic_look();
}

void vho_elastic_exit(void)
{
	WRITE_ONCE(vho_elastic_dormant, false);
	cancel_delayed_work_sync(&vho_elastic_work);
}
