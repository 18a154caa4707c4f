// SPDX-License-Identifier: GPL-2.0
/*
 * How many cores are needed, and which of them serves which group.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/numa.h>

#include "scale.h"

/* A group counts as so much dearer on a core that is far from its memory. */
#define VHO_SCALE_FAR_PERMILLE	250
/* The same on a core that has another group of its owner: it would be served beside itself. */
#define VHO_SCALE_SIBLING_PERMILLE	250
/* Loads that differ by less are taken as equal when a group is placed. */
#define VHO_SCALE_GRAIN		100

void vho_scale_init(struct vho_scale *s, const struct vho_scale_rules *rules)
{
	INIT_LIST_HEAD(&s->cores);
	s->nr_cores = 0;
	s->rules = *rules;
	s->changed_ns = 0;
}

void vho_scale_core_add(struct vho_scale *s, struct vho_scale_core *core, int numa)
{
	INIT_LIST_HEAD(&core->groups);
	core->nr_groups = 0;
	core->busy_permille = 0;
	core->guarantee_permille = 0;
	core->numa = numa;
	list_add_tail(&core->node, &s->cores);
	s->nr_cores++;
}

void vho_scale_core_del(struct vho_scale *s, struct vho_scale_core *core)
{
	list_del_init(&core->node);
	s->nr_cores--;
}

void vho_scale_group_add(struct vho_scale_group *group, struct vho_scale_core *core)
{
	group->core = core;
	list_add_tail(&group->node, &core->groups);
	core->nr_groups++;
	core->guarantee_permille += group->guarantee_permille;
}

void vho_scale_group_del(struct vho_scale_group *group)
{
	struct vho_scale_core *core = group->core;

	list_del_init(&group->node);
	core->nr_groups--;
	core->guarantee_permille -= group->guarantee_permille;
	group->core = NULL;
}

void vho_scale_group_move(struct vho_scale_group *group, struct vho_scale_core *to)
{
	struct vho_scale_core *from = group->core;

	vho_scale_group_del(group);
	from->busy_permille -= min(from->busy_permille, group->busy_permille);
	vho_scale_group_add(group, to);
	to->busy_permille = min(to->busy_permille + group->busy_permille, VHO_SCALE_ONE);
}

void vho_scale_group_guarantee(struct vho_scale_group *group, u32 permille)
{
	group->core->guarantee_permille += permille - group->guarantee_permille;
	group->guarantee_permille = permille;
}

/**
 * vho_scale_average() - exponentially weighted moving average of a load
 * @old_permille: average until now
 * @busy_ns: time used since the last look
 * @elapsed_ns: time since the last look
 * @period_ns: time between two looks when there is something to see
 *
 * A look that comes on time has a weight of one fourth, a late one more: what happened since
 * then is all in it.
 *
 * Context: any.
 * Return: average, permille of one core.
 */
u32 vho_scale_average(u32 old_permille, u64 busy_ns, u64 elapsed_ns, u64 period_ns)
{
	s64 sample, weight, change;

	if (!elapsed_ns)
		return old_permille;
	busy_ns = min(busy_ns, elapsed_ns);
	sample = div64_u64(busy_ns * VHO_SCALE_ONE, elapsed_ns);
	weight = div64_u64(elapsed_ns * 1024, elapsed_ns + 3 * period_ns);
	change = (sample - old_permille) * weight;
	/* Away from zero: small differences do not stay for ever. */
	change += change < 0 ? -1023 : 1023;
	return old_permille + (s32)div_s64(change, 1024);
}

/* Time that all cores together have left, permille of one core. */
u32 vho_scale_idle(const struct vho_scale *s)
{
	const struct vho_scale_core *core;
	u32 idle = 0;

	list_for_each_entry(core, &s->cores, node)
		idle += VHO_SCALE_ONE - min(core->busy_permille, VHO_SCALE_ONE);
	return idle;
}

static bool vho_scale_far(const struct vho_scale_core *core, const struct vho_scale_group *group)
{
	int numa = READ_ONCE(group->numa);

	return core->numa != NUMA_NO_NODE && numa != NUMA_NO_NODE && core->numa != numa;
}

/* Other groups of the same owner on @core. */
static unsigned int vho_scale_siblings(const struct vho_scale_core *core,
				       const struct vho_scale_group *group)
{
	const struct vho_scale_group *other;
	unsigned int n = 0;

	list_for_each_entry(other, &core->groups, node)
		n += other != group && other->owner && other->owner == group->owner;
	return n;
}

/* How bad a place @core is for @group: load, then number of groups. */
static u64 vho_scale_cost(const struct vho_scale_core *core, const struct vho_scale_group *group)
{
	u32 load = core->busy_permille;

	if (vho_scale_far(core, group))
		load += VHO_SCALE_FAR_PERMILLE;
	load += vho_scale_siblings(core, group) * VHO_SCALE_SIBLING_PERMILLE;
	return (u64)(load / VHO_SCALE_GRAIN) << 32 | core->nr_groups;
}

/* Can so much more be guaranteed on @core? */
static bool vho_scale_fits(const struct vho_scale *s, const struct vho_scale_core *core,
			   u32 permille)
{
	return !permille || core->guarantee_permille + permille <= s->rules.guarantees_max;
}

static struct vho_scale_core *vho_scale_cheapest(struct vho_scale *s,
						 const struct vho_scale_group *group,
						 const struct vho_scale_core *except, u32 permille)
{
	struct vho_scale_core *core, *best = NULL;
	u64 cost, best_cost = U64_MAX;

	list_for_each_entry(core, &s->cores, node) {
		if (core == except || !vho_scale_fits(s, core, permille))
			continue;
		cost = vho_scale_cost(core, group);
		if (cost < best_cost) {
			best_cost = cost;
			best = core;
		}
	}
	return best;
}

/**
 * vho_scale_pick() - choose a core for a group
 * @s: cores
 * @group: group
 * @except: not this one, NULL: any
 * @fits: only cores that can give what is guaranteed to the group
 *
 * Context: any.
 * Return: the core, NULL: none.
 */
struct vho_scale_core *vho_scale_pick(struct vho_scale *s, const struct vho_scale_group *group,
				      const struct vho_scale_core *except, bool fits)
{
	return vho_scale_cheapest(s, group, except, fits ? group->guarantee_permille : 0);
}

/* What @core has left to guarantee to @group, with what the group has already, permille. */
u32 vho_scale_left(const struct vho_scale *s, const struct vho_scale_core *core,
		   const struct vho_scale_group *group)
{
	u32 others = core->guarantee_permille;

	if (group->core == core)
		others -= group->guarantee_permille;
	return s->rules.guarantees_max - min(others, s->rules.guarantees_max);
}

/**
 * vho_scale_room() - choose a core that can guarantee so much to a group
 * @s: cores
 * @group: group, placed
 * @permille: its guarantee-to-be
 *
 * Less than it has is never refused: there may be more guarantees on a core than it can give, when the
 * others had to go.
 *
 * Context: any.
 * Return: the group's own core if that can, or else, unless the operator has placed the group, the
 * best other one; NULL: none can.
 */
struct vho_scale_core *vho_scale_room(struct vho_scale *s, const struct vho_scale_group *group,
				      u32 permille)
{
	if (permille <= group->guarantee_permille ||
	    permille <= vho_scale_left(s, group->core, group))
		return group->core;
	return group->pinned ? NULL : vho_scale_cheapest(s, group, group->core, permille);
}

static bool vho_scale_overloaded(const struct vho_scale *s, const struct vho_scale_core *core)
{
	return core->busy_permille + s->rules.add_idle_permille > VHO_SCALE_ONE;
}

/* Is there a core with more than it can do, and groups that could go elsewhere? */
static bool vho_scale_divisible(const struct vho_scale *s)
{
	const struct vho_scale_core *core;
	const struct vho_scale_group *group;
	unsigned int busy, movable;

	list_for_each_entry(core, &s->cores, node) {
		if (!vho_scale_overloaded(s, core))
			continue;
		busy = 0;
		movable = 0;
		list_for_each_entry(group, &core->groups, node) {
			if (group->busy_permille < VHO_SCALE_GROUP_BUSY)
				continue;
			busy++;
			movable += !group->pinned;
		}
		if (busy > 1 && movable)
			return true;
	}
	return false;
}

/* Can what is guaranteed to the groups of @leaving be given by the others? First fit. */
static bool vho_scale_can_leave(struct vho_scale *s, const struct vho_scale_core *leaving)
{
	const struct vho_scale_group *group;
	struct vho_scale_core *core;

	list_for_each_entry(core, &s->cores, node)
		core->promised_permille = core->guarantee_permille;
	list_for_each_entry(group, &leaving->groups, node) {
		bool found = !group->guarantee_permille;

		list_for_each_entry(core, &s->cores, node) {
			if (found)
				break;
			if (core == leaving || core->promised_permille + group->guarantee_permille >
					       s->rules.guarantees_max)
				continue;
			core->promised_permille += group->guarantee_permille;
			found = true;
		}
		if (!found)
			return false;
	}
	return true;
}

static bool vho_scale_has_pinned(const struct vho_scale_core *core)
{
	const struct vho_scale_group *group;

	list_for_each_entry(group, &core->groups, node)
		if (group->pinned)
			return true;
	return false;
}

/**
 * vho_scale_pick_victim() - choose the core that is missed least
 * @s: cores
 *
 * Context: any.
 * Return: the least busy core that holds no group of the operator's placing and whose guarantees the
 * others can give, the youngest of equals; NULL: none.
 */
struct vho_scale_core *vho_scale_pick_victim(struct vho_scale *s)
{
	struct vho_scale_core *core, *best = NULL;

	list_for_each_entry(core, &s->cores, node) {
		if (best && core->busy_permille > best->busy_permille)
			continue;
		if (!vho_scale_has_pinned(core) && vho_scale_can_leave(s, core))
			best = core;
	}
	return best;
}

/**
 * vho_scale_decide() - is the number of cores right?
 * @s: cores and groups, loads up to date
 * @now_ns: clock
 * @victim: which to remove
 *
 * A core is added only where that helps: a group is served by one core, so a single group that
 * wants more than one core has to offer is no reason.
 *
 * Context: any.
 * Return: what to do.
 */
enum vho_scale_verdict vho_scale_decide(struct vho_scale *s, u64 now_ns,
					struct vho_scale_core **victim)
{
	u32 idle = vho_scale_idle(s);

	if (s->nr_cores < s->rules.min)
		return VHO_SCALE_ADD;
	if (now_ns - s->changed_ns < s->rules.holdoff_ns)
		return VHO_SCALE_KEEP;
	if (s->nr_cores < s->rules.max && idle < s->rules.add_idle_permille &&
	    vho_scale_divisible(s))
		return VHO_SCALE_ADD;
	if (s->nr_cores > s->rules.min && idle > s->rules.remove_idle_permille) {
		*victim = vho_scale_pick_victim(s);
		if (*victim)
			return VHO_SCALE_REMOVE;
	}
	return VHO_SCALE_KEEP;
}

/**
 * vho_scale_pick_leaver() - choose the next group of a core that has to be emptied
 * @core: core
 *
 * Context: any.
 * Return: the group with the largest guarantee, the heaviest of equals; NULL: none is left.
 */
struct vho_scale_group *vho_scale_pick_leaver(const struct vho_scale_core *core)
{
	struct vho_scale_group *group, *best = NULL;

	list_for_each_entry(group, &core->groups, node) {
		if (!best || group->guarantee_permille > best->guarantee_permille ||
		    (group->guarantee_permille == best->guarantee_permille &&
		     group->busy_permille > best->busy_permille))
			best = group;
	}
	return best;
}

/* Would the busier one of the two cores be clearly less busy afterwards? */
static bool vho_scale_gains(const struct vho_scale_group *group, const struct vho_scale_core *to)
{
	u32 before = group->core->busy_permille;
	u32 from_after = before - min(before, group->busy_permille);
	u32 to_after = to->busy_permille + group->busy_permille;
	u32 gain = min(group->busy_permille / 2, VHO_SCALE_MOVE_GAIN);

	return max(from_after, to_after) + gain <= before;
}

/**
 * vho_scale_pick_move() - choose a group that should be served elsewhere
 * @s: cores and groups, loads up to date
 * @to: where
 * @going: groups have been moved just now: until loads are even, not only until no core has too much
 *
 * What is measured of an overloaded core is less than what its groups want, so half measures would
 * leave it overloaded.
 *
 * Context: any.
 * Return: the heaviest group of the busiest overloaded core that has a better place; NULL: none.
 */
struct vho_scale_group *vho_scale_pick_move(struct vho_scale *s, struct vho_scale_core **to,
					   bool going)
{
	struct vho_scale_core *core, *from = NULL;
	struct vho_scale_group *group, *best = NULL;

	list_for_each_entry(core, &s->cores, node)
		if ((going || vho_scale_overloaded(s, core)) &&
		    (!from || core->busy_permille > from->busy_permille))
			from = core;
	if (!from)
		return NULL;
	list_for_each_entry(group, &from->groups, node) {
		if (group->pinned || group->busy_permille < VHO_SCALE_GROUP_BUSY ||
		    (best && group->busy_permille <= best->busy_permille))
			continue;
		core = vho_scale_pick(s, group, from, true);
		if (core && vho_scale_gains(group, core)) {
			best = group;
			*to = core;
		}
	}
	return best;
}
