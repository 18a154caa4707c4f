/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many cores are needed, and which of them serves which group.
 *
 * Pure logic on what was measured. The caller (elastic.c) measures, starts and stops cores and moves
 * groups, and passes the clock in. Loads are in permille of one core.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_SCALE_H
#define _VHO_SCALE_H

#include <linux/list.h>
#include <linux/types.h>

#define VHO_SCALE_ONE		1000	/* all of a core's time */
/* A group that uses less than this is no reason to add a core or to move it. */
#define VHO_SCALE_GROUP_BUSY	50
/* What a move must bring the busier core of two, or half of the group's load if that is less. */
#define VHO_SCALE_MOVE_GAIN	100

/**
 * struct vho_scale_rules - when to change the number of cores
 * @min: at least so many, 1 or more
 * @max: at most so many
 * @add_idle_permille: add a core when all of them together have less time left than this
 * @remove_idle_permille: remove one when they have more left than this
 * @guarantees_max: all guarantees of one core together, at most
 * @holdoff_ns: between two changes
 */
struct vho_scale_rules {
	unsigned int min;
	unsigned int max;
	u32 add_idle_permille;
	u32 remove_idle_permille;
	u32 guarantees_max;
	u64 holdoff_ns;
};

/**
 * struct vho_scale_core - a core as seen by the decision
 * @node: in scale->cores
 * @groups: placed on it
 * @nr_groups: their number
 * @busy_permille: load, averaged
 * @guarantee_permille: guaranteed to its groups
 * @promised_permille: scratch
 * @numa: node, NUMA_NO_NODE: unknown
 */
struct vho_scale_core {
	struct list_head node;
	struct list_head groups;
	unsigned int nr_groups;
	u32 busy_permille;
	u32 guarantee_permille;
	u32 promised_permille;
	int numa;
};

/**
 * struct vho_scale_group - a group as seen by the decision
 * @node: in core->groups
 * @owner: the same for groups that should have different cores
 * @core: where it is placed
 * @busy_permille: load, averaged
 * @guarantee_permille: guaranteed to it
 * @numa: node of its guest's memory, NUMA_NO_NODE: unknown; any context writes, a hint
 * @pinned: the operator has placed it
 */
struct vho_scale_group {
	struct list_head node;
	const void *owner;
	struct vho_scale_core *core;
	u32 busy_permille;
	u32 guarantee_permille;
	int numa;
	bool pinned;
};

/**
 * struct vho_scale - cores and groups
 * @cores: oldest first
 * @nr_cores: their number
 * @rules: see there
 * @changed_ns: when something was changed last
 */
struct vho_scale {
	struct list_head cores;
	unsigned int nr_cores;
	struct vho_scale_rules rules;
	u64 changed_ns;
};

enum vho_scale_verdict {
	VHO_SCALE_KEEP,
	VHO_SCALE_ADD,
	VHO_SCALE_REMOVE,
};

void vho_scale_init(struct vho_scale *s, const struct vho_scale_rules *rules);
void vho_scale_core_add(struct vho_scale *s, struct vho_scale_core *core, int numa);
/* No group is on it. */
void vho_scale_core_del(struct vho_scale *s, struct vho_scale_core *core);
/* @group is zeroed memory but for what is known of it. */
void vho_scale_group_add(struct vho_scale_group *group, struct vho_scale_core *core);
void vho_scale_group_del(struct vho_scale_group *group);
/* Its load and its guarantee go with it. */
void vho_scale_group_move(struct vho_scale_group *group, struct vho_scale_core *to);
void vho_scale_group_guarantee(struct vho_scale_group *group, u32 permille);

u32 vho_scale_average(u32 old_permille, u64 busy_ns, u64 elapsed_ns, u64 period_ns);
u32 vho_scale_idle(const struct vho_scale *s);
struct vho_scale_core *vho_scale_pick(struct vho_scale *s, const struct vho_scale_group *group,
				      const struct vho_scale_core *except, bool fits);
u32 vho_scale_left(const struct vho_scale *s, const struct vho_scale_core *core,
		   const struct vho_scale_group *group);
struct vho_scale_core *vho_scale_room(struct vho_scale *s, const struct vho_scale_group *group,
				      u32 permille);
enum vho_scale_verdict vho_scale_decide(struct vho_scale *s, u64 now_ns,
					struct vho_scale_core **victim);
struct vho_scale_core *vho_scale_pick_victim(struct vho_scale *s);
struct vho_scale_group *vho_scale_pick_leaver(const struct vho_scale_core *core);
struct vho_scale_group *vho_scale_pick_move(struct vho_scale *s, struct vho_scale_core **to,
					   bool going);

#endif /* _VHO_SCALE_H */
