/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The set of fast-path cores: which CPUs they may use, how many there are, which port is where.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_CORES_H
#define _VHO_CORES_H

#include <linux/cpumask.h>
#include <linux/types.h>

#include "scale.h"

struct netlink_ext_ack;
struct vho_budget_cfg;
struct vho_core;
struct vho_group;
struct vho_port;

#define VHO_CORES_ADD_IDLE_DEFAULT	200
#define VHO_CORES_REMOVE_IDLE_DEFAULT	1250
#define VHO_CORES_PERIOD_US_DEFAULT	10000
#define VHO_CORES_PERIOD_US_MIN		1000
#define VHO_CORES_PERIOD_US_MAX		1000000
#define VHO_CORES_HOLDOFF_US_DEFAULT	100000
#define VHO_CORES_HOLDOFF_US_MAX	60000000

/**
 * struct vho_cores_config - the set as the operator wants it
 * @pool: CPUs that cores may be bound to, at most one core each
 * @isolated: those of them that were isolated when the operator gave them, and have been since
 * @min: cores kept running, 1 or more
 * @max: cores running at most, not more than CPUs in @pool
 * @add_idle_permille: a core is added when less than this part of one core is left idle
 * @remove_idle_permille: one is removed when more than this is idle, at least 1000 more than that
 * @period_us: how often loads are looked at while cores are at work
 * @holdoff_us: between two changes
 */
struct vho_cores_config {
	struct cpumask pool;
	struct cpumask isolated;
	u32 min;
	u32 max;
	u32 add_idle_permille;
	u32 remove_idle_permille;
	u32 period_us;
	u32 holdoff_us;
};

int vho_cores_init(void);
void vho_cores_exit(void);

/* NL, process context; take vho_ports_lock. */
void vho_cores_config_get(struct vho_cores_config *cfg);
/* In force when it returns, or nothing has changed. -EINVAL, -ERANGE, -ENOMEM. */
int vho_cores_config_set(const struct vho_cores_config *cfg, struct netlink_ext_ack *extack);

#define VHO_CORE_AUTO	U32_MAX
/*
 * Has core @index serve @port, all its groups, until the core ends or the operator says otherwise. VHO_CORE_AUTO: scaling may
 * move it again. -ENOENT: no such core, -ENOSPC: guarantees, -ENODEV: the port is being deleted.
 */
int vho_port_move(struct vho_port *port, u32 index, struct netlink_ext_ack *extack);
/*
 * Notes what is guaranteed to the groups of @port, of which @nr are used, and moves those whose core
 * cannot give that. Caller holds vho_ports_lock. -ENOSPC: no core can, nothing is noted then; -ENODEV: the
 * port is being deleted.
 */
int vho_cores_guarantee(struct vho_port *port, const struct vho_budget_cfg *cfg, unsigned int nr,
			struct netlink_ext_ack *extack);
/* Ports of which a group is placed on @core. Caller holds vho_ports_lock. */
unsigned int vho_core_nr_ports(const struct vho_core *core);
/* Has the operator placed it? Caller holds vho_ports_lock or takes it as a hint. */
bool vho_port_pinned(const struct vho_port *port);

/*
 * Lookup. A core lives, and keeps its index, as long as the caller holds vho_ports_lock or is in an
 * RCU read-side section.
 */
unsigned int vho_core_nr(void);
/* NULL: there is no such core (any more). */
struct vho_core *vho_core_get(unsigned int index);
/* The core with the smallest index >= @index, NULL: none. */
struct vho_core *vho_core_next(unsigned int index);

/* Any context, a hint: is a core bound to @cpu? */
bool vho_core_on_cpu(int cpu);

/* --- port.c, vho_ports_lock held --- */
/* Memory node of the core that the next group of @port, NULL: of a new one, will be placed on. */
int vho_cores_next_node(const struct vho_port *port);
/* Sets @group->core; another one than its port's other groups have, where load allows. */
void vho_cores_place(struct vho_group *group);
/* The port is being deleted, with all groups that were placed. */
void vho_cores_unplace(struct vho_port *port);
/* The port is being freed; takes vho_ports_lock. */
void vho_cores_forget(struct vho_port *port);

/* --- elastic.c, vho_ports_lock held --- */
extern struct vho_scale vho_cores_scale;
/* Brings the set to what the configuration and the CPUs online ask for. Return: the first error. */
int vho_cores_follow(void);
int vho_cores_add(void);
void vho_cores_remove(struct vho_core *core);
u64 vho_cores_period_ns(void);
/* Between vho_moves_begin() and vho_moves_end(). */
void vho_cores_move(struct vho_group *group, struct vho_core *to);

#endif /* _VHO_CORES_H */
