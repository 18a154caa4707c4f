/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPU-time budgets of ports: configuration, and what was spent on what.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_BUDGET_H
#define _VHO_BUDGET_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/sched/clock.h>
#include <linux/types.h>

#include "sched.h"

struct netlink_ext_ack;
struct vho_core;
struct vho_group;
struct vho_port;

/* All guarantees of one core together, at most: the rest is for those without. */
#define VHO_BUDGET_GUARANTEES_MAX	900
#define VHO_BUDGET_BURST_US_DEFAULT	100
#define VHO_BUDGET_BURST_US_MAX		1000000

/*
 * Kinds of work that a core does for a port. X(name, "meaning"); the name in lower case is also
 * the exported one.
 */
#define VHO_WORKS(X) \
	X(rx, "segments received: TCP, copies into the guest's rings") \
	X(output, "segments sent") \
	X(submit, "records taken from the guest") \
	X(complete, "records given to the guest, interrupts") \
	X(frames, "frames in both directions") \
	X(events, "timers of connections, messages of the slow path") \
	X(drops, "packets classified and then dropped at a full queue, on the CPU that did so")

enum vho_work {
#define X(name, doc) VHO_WORK_##name,
	VHO_WORKS(X)
#undef X
	VHO_WORK_NR
};

extern const char *const vho_work_names[VHO_WORK_NR];

/* Queue delay: entry 0 counts turns that waited below 1 us, n below 2^n us, the last more. */
#define VHO_BUDGET_DELAYS	20

/**
 * struct vho_budget_cfg - what a port is entitled to, all its groups together
 * @weight: share of what is wanted, 1..10000; VHO_SCHED_WEIGHT_DEFAULT
 * @guarantee_permille: part of the core in which the port is served before others; 0: none
 * @limit_permille: part of the core that the port cannot exceed; 0: none
 * @burst_us: unused share that is kept, 1..VHO_BUDGET_BURST_US_MAX; 0: the core's
 */
struct vho_budget_cfg {
	u32 weight;
	u32 guarantee_permille;
	u32 limit_permille;
	u32 burst_us;
};

#define VHO_BUDGET_CFG_DEFAULT { .weight = VHO_SCHED_WEIGHT_DEFAULT }

/**
 * struct vho_budget_stats - what a port has used; free-running
 * @work_ns: CPU time by kind of work
 * @throttled_ns: time for which the port had work and its limit did not let it run
 * @throttled: how often that began
 * @turns: turns it was given
 * @yields: of these, ended early for somebody else
 * @delays: turns by how long the port had waited for them (VHO_BUDGET_DELAYS), not throttled
 */
struct vho_budget_stats {
	u64 work_ns[VHO_WORK_NR];
	u64 throttled_ns;
	u64 throttled;
	u64 turns;
	u64 yields;
	u64 delays[VHO_BUDGET_DELAYS];
};

/**
 * struct vho_budget - a group's place in its core's order of service
 * @ent: owner core
 * @stats: owner core writes, READ_ONCE; throttled_ns and throttled are in @ent
 * @lag: unused share or debt that the group brings along to another core, owner core
 * @moved: @lag was not taken into account yet, owner core
 * @est_ns: what a piece of each kind costs, owner core
 * @next: kind of work that the next turn begins with, owner core
 * @sample: counts packets, any CPU, racy on purpose
 * @drop_ns: spent by other CPUs on packets that were dropped, not yet charged; atomic
 */
struct vho_budget {
	struct vho_sched_ent ent;
	struct vho_budget_stats stats;
	u32 est_ns[VHO_WORK_NR];
	u8 next;
	bool moved;
	s64 lag;
	/* --- written by CPUs that classify packets --- */
	u8 sample ____cacheline_aligned_in_smp;
	atomic64_t drop_ns;
};

/* A group is made, nobody else knows it. */
void vho_budget_init(struct vho_budget *budget);
/* What the @index-th of @nr groups has of @cfg. Of one group: all of it. */
void vho_budget_share(const struct vho_budget_cfg *cfg, unsigned int index, unsigned int nr,
		      struct vho_sched_cfg *out);

/* Process context; vho_budget_set() and the core's take vho_ports_lock and wait for the core. */
int vho_budget_set(struct vho_port *port, const struct vho_budget_cfg *cfg,
		   struct netlink_ext_ack *extack);
void vho_budget_get(struct vho_port *port, struct vho_budget_cfg *cfg);
/*
 * Every group has its share of what the port is entitled to, of which @nr are used. Caller holds
 * vho_ports_lock.
 */
int vho_budget_regroup(struct vho_port *port, unsigned int nr, struct netlink_ext_ack *extack);
/* A snapshot, each value by itself; all groups together. */
void vho_budget_stats(struct vho_port *port, struct vho_budget_stats *out);
int vho_budget_core_set(struct vho_core *core, const struct vho_sched_params *params,
			struct netlink_ext_ack *extack);
void vho_budget_core_get(struct vho_core *core, struct vho_sched_params *params);

/* --- softirq: packets that are dropped are charged. One in so many is timed, for all. --- */

#define VHO_BUDGET_SAMPLE	16

/* A packet comes. Return: clock, 0: it is not timed. */
static inline u64 vho_budget_packet(struct vho_budget *budget)
{
	u8 n = READ_ONCE(budget->sample) + 1;

	/* CPUs may lose each other's counts: that changes nothing on average. */
	WRITE_ONCE(budget->sample, n);
	return n % VHO_BUDGET_SAMPLE ? 0 : local_clock();
}

/* The packet was dropped. @start_ns: what vho_budget_packet() returned. */
static inline void vho_budget_dropped(struct vho_budget *budget, u64 start_ns)
{
	if (start_ns)
		atomic64_add((local_clock() - start_ns) * VHO_BUDGET_SAMPLE, &budget->drop_ns);
}

/* --- owner core --- */

/* Time spent for @group outside its turns: charged like a turn's. */
void vho_budget_charge(struct vho_group *group, enum vho_work work, u64 ns);
/* What was spent on dropped packets since the last call, to be charged. */
u64 vho_budget_take_drops(struct vho_group *group);
/* The group was picked. */
void vho_budget_count_turn(struct vho_group *group);
void vho_budget_count_yield(struct vho_group *group);
void vho_budget_count(struct vho_group *group, enum vho_work work, u64 ns);

#endif /* _VHO_BUDGET_H */
