// SPDX-License-Identifier: GPL-2.0
/*
 * The set of fast-path cores: which CPUs they may use, how many there are, which group is where.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "budget.h"
#include "core.h"
#include "cores.h"
#include "cpus.h"
#include "elastic.h"
#include "move.h"
#include "nl_event.h"
#include "port.h"

static char *cpus;
module_param(cpus, charp, 0444);
MODULE_PARM_DESC(cpus, "CPUs of the fast-path cores, a list such as 2-3 (default: the last CPU)");

struct vho_scale vho_cores_scale;		/* vho_ports_lock */

static struct vho_cores_config vho_cores_cfg = {	/* vho_ports_lock */
	.min = 1,
	.max = 1,
	.add_idle_permille = VHO_CORES_ADD_IDLE_DEFAULT,
	.remove_idle_permille = VHO_CORES_REMOVE_IDLE_DEFAULT,
	.period_us = VHO_CORES_PERIOD_US_DEFAULT,
	.holdoff_us = VHO_CORES_HOLDOFF_US_DEFAULT,
};

/* By index, nr_cpu_ids of them. vho_ports_lock writes; entries are freed after a grace period. */
static struct vho_core __rcu **vho_cores;
static struct cpumask vho_cores_allowed;	/* of the pool, those to be used; vho_ports_lock */
static struct cpumask vho_cores_elsewhere;	/* scratch; vho_ports_lock */
static struct cpumask vho_cores_cpus;		/* CPUs that cores are bound to; vho_ports_lock writes */

static struct vho_core *vho_core_at(unsigned int index)
{
	return rcu_dereference_check(vho_cores[index], lockdep_is_held(&vho_ports_lock));
}

struct vho_core *vho_core_next(unsigned int index)
{
	for (; index < nr_cpu_ids; index++) {
		struct vho_core *core = vho_core_at(index);

		if (core)
			return core;
	}
	return NULL;
}

struct vho_core *vho_core_get(unsigned int index)
{
	return index < nr_cpu_ids ? vho_core_at(index) : NULL;
}

unsigned int vho_core_nr(void)
{
	return READ_ONCE(vho_cores_scale.nr_cores);
}

bool vho_core_on_cpu(int cpu)
{
	return cpumask_test_cpu(cpu, &vho_cores_cpus);
}

u64 vho_cores_period_ns(void)
{
	return vho_cores_cfg.period_us * (u64)NSEC_PER_USEC;
}

/* ---- starting and ending cores, vho_ports_lock held ---- */

/* A free CPU, near the busiest core's memory if there is one. Return: >= nr_cpu_ids: none. */
static unsigned int vho_cores_free_cpu(void)
{
	struct vho_scale_core *core, *busiest = NULL;
	unsigned int cpu, found = nr_cpu_ids;

	list_for_each_entry(core, &vho_cores_scale.cores, node)
		if (!busiest || core->busy_permille > busiest->busy_permille)
			busiest = core;
	for_each_cpu(cpu, &vho_cores_allowed) {
		if (vho_core_on_cpu(cpu))
			continue;
		if (busiest && cpu_to_node(cpu) == busiest->numa)
			return cpu;
		if (found >= nr_cpu_ids)
			found = cpu;
	}
	return found;
}

/* What was set at the others is true of a new core, too. */
static int vho_cores_inherit(struct vho_core *core)
{
	struct vho_core *first = vho_core_next(0);
	struct vho_sched_params params;

	if (!first)
		return 0;
	core->poll_ns = READ_ONCE(first->poll_ns);
	vho_budget_core_get(first, &params);
	return vho_budget_core_set(core, &params, NULL);
}

static int vho_cores_start(int cpu)
{
	unsigned int index = 0;
	struct vho_core *core;
	int err;

	core = kzalloc_node(sizeof(*core), GFP_KERNEL, cpu_to_node(cpu));
	if (!core)
		return -ENOMEM;
	while (vho_core_at(index))
		index++;
	err = vho_core_start(core, index, cpu);
	if (err) {
		kfree(core);
		return err;
	}
	err = vho_cores_inherit(core);
	if (err) {
		vho_core_stop(core);
		kfree(core);
		return err;
	}
	core->seen_ns = ktime_get_ns();
	vho_scale_core_add(&vho_cores_scale, &core->scale, cpu_to_node(cpu));
	rcu_assign_pointer(vho_cores[index], core);
	cpumask_set_cpu(cpu, &vho_cores_cpus);
	vho_nl_event_core_added(core);
	return 0;
}

/* Adds one core. Return: -ENOENT: no CPU is left. */
int vho_cores_add(void)
{
	unsigned int cpu = vho_cores_free_cpu();

	return cpu < nr_cpu_ids ? vho_cores_start(cpu) : -ENOENT;
}

void vho_cores_move(struct vho_group *group, struct vho_core *to)
{
	struct vho_core *from = group->core;

	lockdep_assert_held(&vho_ports_lock);
	vho_move_group(group, to);
	vho_scale_group_move(&group->scale, &to->scale);
	group->scale.pinned = false;
	if (list_empty(&group->port->list))
		return;		/* being deleted: counted no more */
	from->nr_groups--;
	to->nr_groups++;
	vho_nl_event_port_changed(group->port);
}

static void vho_cores_move_one(struct vho_group *group, struct vho_core *to)
{
	vho_moves_begin();
	vho_cores_move(group, to);
	vho_moves_end();
}

/* No group is on @core. */
static void vho_cores_end(struct vho_core *core)
{
	vho_scale_core_del(&vho_cores_scale, &core->scale);
	RCU_INIT_POINTER(vho_cores[core->index], NULL);
	cpumask_clear_cpu(core->cpu, &vho_cores_cpus);
	/* Readers may still see it. */
	synchronize_rcu();
	vho_core_stop(core);
	kfree(core);
}

/* Moves the groups of @core to the others and ends it. There is another one. */
void vho_cores_remove(struct vho_core *core)
{
	struct vho_scale_group *group;
	struct vho_scale_core *to;

	vho_moves_begin();
	while ((group = vho_scale_pick_leaver(&core->scale))) {
		to = vho_scale_pick(&vho_cores_scale, group, &core->scale, true);
		/* Guarantees that fit nowhere: the group is served all the same. */
		if (!to)
			to = vho_scale_pick(&vho_cores_scale, group, &core->scale, false);
		vho_cores_move(container_of(group, struct vho_group, scale),
			       container_of(to, struct vho_core, scale));
	}
	vho_moves_end();
	vho_nl_event_core_removed(core);
	vho_cores_end(core);
}

/* ---- following configuration and CPUs ---- */

static bool vho_cores_astray(const struct vho_core *core)
{
	return !cpumask_test_cpu(core->cpu, &vho_cores_allowed);
}

static void vho_cores_bind(struct vho_core *core, const struct cpumask *mask)
{
	if (!cpumask_equal(core->worker.task->cpus_ptr, mask))
		set_cpus_allowed_ptr(core->worker.task, mask);
}

/* A thread whose CPU went away and came back runs elsewhere: bind it again. */
static void vho_cores_rebind(void)
{
	struct vho_core *core;
	unsigned int i;

	for (i = 0; (core = vho_core_next(i)); i = core->index + 1)
		if (!vho_cores_astray(core))
			vho_cores_bind(core, cpumask_of(core->cpu));
}

/* No CPU of the pool is left: cores go on wherever the scheduler finds room for them. */
static void vho_cores_unbind(void)
{
	struct vho_core *core;
	unsigned int i;

	vho_cpus_elsewhere(&vho_cores_elsewhere);
	for (i = 0; (core = vho_core_next(i)); i = core->index + 1)
		vho_cores_bind(core, &vho_cores_elsewhere);
}

static unsigned int vho_cores_count_good(struct vho_core **astray)
{
	struct vho_core *core;
	unsigned int i, n = 0;

	*astray = NULL;
	for (i = 0; (core = vho_core_next(i)); i = core->index + 1) {
		if (vho_cores_astray(core))
			*astray = core;
		else
			n++;
	}
	return n;
}

int vho_cores_follow(void)
{
	unsigned int good, want;
	struct vho_core *astray;
	int err = 0;

	lockdep_assert_held(&vho_ports_lock);
	vho_cpus_allowed(&vho_cores_allowed, &vho_cores_cfg.pool, &vho_cores_cfg.isolated);
	if (cpumask_empty(&vho_cores_allowed)) {
		vho_cores_unbind();
		return 0;
	}
	vho_cores_rebind();
	want = clamp(vho_core_nr(), vho_cores_cfg.min, vho_cores_cfg.max);
	want = min(want, cpumask_weight(&vho_cores_allowed));
	good = vho_cores_count_good(&astray);
	while (good < want && !err) {
		err = vho_cores_add();
		good += !err;
	}
	while (astray && good) {
		vho_cores_remove(astray);
		good = vho_cores_count_good(&astray);
	}
	for (; good > want; good--)
		vho_cores_remove(container_of(vho_scale_pick_victim(&vho_cores_scale) ?:
					      list_last_entry(&vho_cores_scale.cores,
							      struct vho_scale_core, node),
					      struct vho_core, scale));
	return err;
}

/* ---- configuration ---- */

static void vho_cores_rules(const struct vho_cores_config *cfg, struct vho_scale_rules *rules)
{
	*rules = (struct vho_scale_rules) {
		.min = cfg->min,
		.max = cfg->max,
		.add_idle_permille = cfg->add_idle_permille,
		.remove_idle_permille = cfg->remove_idle_permille,
		.guarantees_max = VHO_BUDGET_GUARANTEES_MAX,
		.holdoff_ns = cfg->holdoff_us * (u64)NSEC_PER_USEC,
	};
}

static int vho_cores_check(const struct vho_cores_config *cfg, struct netlink_ext_ack *extack)
{
	if (!vho_cpus_online(&cfg->pool)) {
		NL_SET_ERR_MSG(extack, "no CPU of the pool is online");
		return -EINVAL;
	}
	if (!cpumask_subset(&cfg->pool, cpu_possible_mask)) {
		NL_SET_ERR_MSG(extack, "the pool has CPUs that this machine does not have");
		return -EINVAL;
	}
	if (!cfg->min || cfg->min > cfg->max) {
		NL_SET_ERR_MSG(extack, "min is out of range (1 to max)");
		return -ERANGE;
	}
	if (cfg->max > cpumask_weight(&cfg->pool)) {
		NL_SET_ERR_MSG_FMT(extack, "max is out of range (the pool has %u CPUs)",
				   cpumask_weight(&cfg->pool));
		return -ERANGE;
	}
	if (cfg->add_idle_permille > VHO_SCALE_ONE) {
		NL_SET_ERR_MSG(extack, "add-idle is out of range (at most 1000 permille)");
		return -ERANGE;
	}
	if (cfg->remove_idle_permille < cfg->add_idle_permille + VHO_SCALE_ONE) {
		NL_SET_ERR_MSG(extack, "remove-idle must be at least 1000 permille above add-idle");
		return -ERANGE;
	}
	if (cfg->period_us < VHO_CORES_PERIOD_US_MIN || cfg->period_us > VHO_CORES_PERIOD_US_MAX) {
		NL_SET_ERR_MSG(extack, "period is out of range (1000 to 1000000 us)");
		return -ERANGE;
	}
	if (cfg->holdoff_us > VHO_CORES_HOLDOFF_US_MAX) {
		NL_SET_ERR_MSG(extack, "holdoff is out of range (at most 60000000 us)");
		return -ERANGE;
	}
	return 0;
}

void vho_cores_config_get(struct vho_cores_config *cfg)
{
	mutex_lock(&vho_ports_lock);
	*cfg = vho_cores_cfg;
	mutex_unlock(&vho_ports_lock);
}

static int vho_cores_apply(const struct vho_cores_config *cfg)
{
	vho_cores_cfg = *cfg;
	vho_cores_rules(cfg, &vho_cores_scale.rules);
	return vho_cores_follow();
}

/**
 * vho_cores_config_set() - change the set of cores
 * @cfg: all of it, copied
 * @extack: says what is wrong
 *
 * Context: NL, process context. Takes vho_ports_lock, waits for the cores.
 * Return: 0; -EINVAL, -ERANGE, -ENOMEM: nothing has changed.
 */
int vho_cores_config_set(const struct vho_cores_config *cfg, struct netlink_ext_ack *extack)
{
	struct vho_cores_config *old = kmalloc(sizeof(*old), GFP_KERNEL);
	unsigned int before;
	int err;

	if (!old)
		return -ENOMEM;
	mutex_lock(&vho_ports_lock);
	err = vho_cores_check(cfg, extack);
	if (err)
		goto out;
	*old = vho_cores_cfg;
	before = vho_core_nr();
	err = vho_cores_apply(cfg);
	if (err) {
		NL_SET_ERR_MSG(extack, "a core cannot be started");
		vho_cores_apply(old);
	}
	if (vho_core_nr() != before)
		vho_nl_event_cores_scaled(vho_core_nr(), before);
out:
	mutex_unlock(&vho_ports_lock);
	kfree(old);
	vho_elastic_look();
	return err;
}

/* ---- ports and their groups ---- */

/* Nothing is known of its guest's memory yet. */
static struct vho_scale_group vho_cores_new_group(const struct vho_port *port)
{
	return (struct vho_scale_group) { .owner = port, .numa = NUMA_NO_NODE };
}

int vho_cores_next_node(const struct vho_port *port)
{
	struct vho_scale_group next = vho_cores_new_group(port);

	lockdep_assert_held(&vho_ports_lock);
	return vho_scale_pick(&vho_cores_scale, &next, NULL, false)->numa;
}

void vho_cores_place(struct vho_group *group)
{
	struct vho_scale_core *core;

	lockdep_assert_held(&vho_ports_lock);
	group->scale = vho_cores_new_group(group->port);
	core = vho_scale_pick(&vho_cores_scale, &group->scale, NULL, false);
	group->core = container_of(core, struct vho_core, scale);
	group->seen_busy_ns = 0;
	vho_scale_group_add(&group->scale, core);
	group->core->nr_groups++;
}

void vho_cores_unplace(struct vho_port *port)
{
	unsigned int i;

	lockdep_assert_held(&vho_ports_lock);
	for (i = 0; i < port->nr_made; i++) {
		port->group[i]->core->nr_groups--;
		vho_scale_group_guarantee(&port->group[i]->scale, 0);
	}
}

void vho_cores_forget(struct vho_port *port)
{
	unsigned int i;

	mutex_lock(&vho_ports_lock);
	for (i = 0; i < port->nr_made; i++)
		if (port->group[i]->scale.core)
			vho_scale_group_del(&port->group[i]->scale);
	mutex_unlock(&vho_ports_lock);
}

unsigned int vho_core_nr_ports(const struct vho_core *core)
{
	struct vho_group *group;
	unsigned int i, n = 0;

	lockdep_assert_held(&vho_ports_lock);
	list_for_each_entry(group, &core->scale.groups, scale.node) {
		if (list_empty(&group->port->list))
			continue;
		/* Of several groups of one port, the first counts. */
		for (i = 0; group->port->group[i]->core != core; i++)
			;
		n += i == group->index;
	}
	return n;
}

bool vho_port_pinned(const struct vho_port *port)
{
	return READ_ONCE(port->group[0]->scale.pinned);
}

/* A core that can guarantee so much to @group, a new one if need be. NULL: there is none. */
static struct vho_scale_core *vho_cores_room(struct vho_group *group, u32 permille)
{
	struct vho_scale_core *core = vho_scale_room(&vho_cores_scale, &group->scale, permille);
	unsigned int nr = vho_core_nr();

	if (core || group->scale.pinned || nr >= vho_cores_cfg.max || vho_cores_add())
		return core;
	vho_nl_event_cores_scaled(nr + 1, nr);
	return vho_scale_room(&vho_cores_scale, &group->scale, permille);
}

static int vho_cores_guarantee_one(struct vho_group *group, u32 permille,
				   struct netlink_ext_ack *extack)
{
	struct vho_scale_group *scale = &group->scale;
	struct vho_scale_core *core = vho_cores_room(group, permille);

	if (!core) {
		NL_SET_ERR_MSG_FMT(extack, "core %u has %u permille left to guarantee%s",
				   group->core->index,
				   vho_scale_left(&vho_cores_scale, scale->core, scale),
				   scale->pinned ? ", and the port was placed there" :
				   vho_core_nr() == 1 ? "" : ", and no other has enough");
		return -ENOSPC;
	}
	if (core != scale->core)
		vho_cores_move_one(group, container_of(core, struct vho_core, scale));
	if (permille < scale->guarantee_permille)
		vho_elastic_look();	/* a core may have become one too many */
	vho_scale_group_guarantee(scale, permille);
	return 0;
}

int vho_cores_guarantee(struct vho_port *port, const struct vho_budget_cfg *cfg, unsigned int nr,
			struct netlink_ext_ack *extack)
{
	u32 old[VHO_GROUPS_MAX];
	struct vho_sched_cfg share;
	unsigned int i, n, first;
	int err = 0;

	lockdep_assert_held(&vho_ports_lock);
	if (list_empty(&port->list)) {
		NL_SET_ERR_MSG(extack, "the port is being deleted");
		return -ENODEV;
	}
	for (i = 0; i < port->nr_made; i++)
		old[i] = port->group[i]->scale.guarantee_permille;
	/* Those that get less come first: the last ones, if fewer are used from now on. */
	first = nr < port->nr_groups ? port->nr_made - 1 : 0;
	for (n = 0; n < port->nr_made && !err; n++) {
		i = first ? first - n : n;
		vho_budget_share(cfg, i, nr, &share);
		err = vho_cores_guarantee_one(port->group[i], share.guarantee_permille, extack);
	}
	for (i = 0; i < port->nr_made && err; i++)
		vho_scale_group_guarantee(&port->group[i]->scale, old[i]);
	return err;
}

/* Can @core give what is guaranteed to those groups of @port that are not there yet? */
static int vho_cores_check_move(struct vho_port *port, struct vho_core *core,
				struct netlink_ext_ack *extack)
{
	u32 left = 0, wanted = 0;
	unsigned int i;

	for (i = 0; i < port->nr_made; i++) {
		const struct vho_scale_group *scale = &port->group[i]->scale;

		if (scale->core == &core->scale)
			continue;
		wanted += scale->guarantee_permille;
		left = vho_scale_left(&vho_cores_scale, &core->scale, scale);
	}
	if (wanted <= left)
		return 0;
	NL_SET_ERR_MSG_FMT(extack, "core %u has %u permille left to guarantee", core->index, left);
	return -ENOSPC;
}

static void vho_cores_pin(struct vho_port *port, bool pinned)
{
	unsigned int i;

	for (i = 0; i < port->nr_made; i++)
		port->group[i]->scale.pinned = pinned;
}

static void vho_cores_move_all(struct vho_port *port, struct vho_core *to)
{
	unsigned int i;

	vho_moves_begin();
	for (i = 0; i < port->nr_made; i++)
		if (port->group[i]->core != to)
			vho_cores_move(port->group[i], to);
	vho_moves_end();
}

static int vho_port_move_locked(struct vho_port *port, u32 index, struct netlink_ext_ack *extack)
{
	struct vho_core *core;
	int err;

	if (list_empty(&port->list)) {
		NL_SET_ERR_MSG(extack, "the port is being deleted");
		return -ENODEV;
	}
	if (index == VHO_CORE_AUTO) {
		vho_cores_pin(port, false);
		vho_elastic_look();
		return 0;
	}
	core = vho_core_get(index);
	if (!core) {
		NL_SET_ERR_MSG_FMT(extack, "there is no core %u", index);
		return -ENOENT;
	}
	err = vho_cores_check_move(port, core, extack);
	if (err)
		return err;
	vho_cores_move_all(port, core);
	vho_cores_pin(port, true);
	return 0;
}

/**
 * vho_port_move() - have the operator's choice of core serve a port
 * @port: port
 * @index: of the core; VHO_CORE_AUTO: whatever scaling chooses
 * @extack: says what is wrong
 *
 * Context: NL, process context. Takes vho_ports_lock, waits for the cores.
 * Return: 0; -ENOENT, -ENOSPC, -ENODEV.
 */
int vho_port_move(struct vho_port *port, u32 index, struct netlink_ext_ack *extack)
{
	int err;

	mutex_lock(&vho_ports_lock);
	err = vho_port_move_locked(port, index, extack);
	mutex_unlock(&vho_ports_lock);
	return err;
}

/* ---- module ---- */

/* Without cpus= one core on the last CPU; with it a core on each of them. */
static int vho_cores_parse(void)
{
	struct vho_cores_config *cfg = &vho_cores_cfg;
	int err;

	if (!cpus) {
		cpumask_copy(&cfg->pool, cpumask_of(cpumask_last(cpu_online_mask)));
		vho_cpus_isolated(&cfg->isolated, &cfg->pool);
		return 0;
	}
	err = cpulist_parse(cpus, &cfg->pool);
	if (!err && (cpumask_empty(&cfg->pool) || !cpumask_subset(&cfg->pool, cpu_online_mask)))
		err = -EINVAL;
	if (err) {
		pr_err("cpus=%s is not a list of online CPUs\n", cpus);
		return err;
	}
	cfg->min = cpumask_weight(&cfg->pool);
	cfg->max = cfg->min;
	vho_cpus_isolated(&cfg->isolated, &cfg->pool);
	return 0;
}

int vho_cores_init(void)
{
	struct vho_scale_rules rules;
	int err;

	err = vho_cores_parse();
	if (err)
		return err;
	vho_cores = kcalloc(nr_cpu_ids, sizeof(*vho_cores), GFP_KERNEL);
	if (!vho_cores)
		return -ENOMEM;
	vho_cores_rules(&vho_cores_cfg, &rules);
	vho_scale_init(&vho_cores_scale, &rules);
	err = vho_cpus_init();
	if (err)
		goto err_exit;
	mutex_lock(&vho_ports_lock);
	err = vho_cores_follow();
	mutex_unlock(&vho_ports_lock);
	if (err)
		goto err_exit;
	vho_elastic_look();
	return 0;

err_exit:
	vho_cores_exit();
	return err;
}

void vho_cores_exit(void)
{
	struct vho_core *core;

	vho_cpus_exit();
	vho_elastic_exit();
	mutex_lock(&vho_ports_lock);
	while ((core = vho_core_next(0)))
		vho_cores_end(core);
	mutex_unlock(&vho_ports_lock);
	kfree(vho_cores);
	vho_cores = NULL;
}
