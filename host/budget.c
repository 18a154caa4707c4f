// SPDX-License-Identifier: GPL-2.0
/*
 * CPU-time budgets of ports: configuration and counters.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/bitops.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/netlink.h>

#include "budget.h"
#include "core.h"
#include "cores.h"
#include "move.h"
#include "port.h"

/* What a piece is taken to cost until it was measured. */
#define VHO_BUDGET_EST_NS	500

const char *const vho_work_names[VHO_WORK_NR] = {
#define X(name, doc) #name,
	VHO_WORKS(X)
#undef X
};

/* A group that is used has some of whatever the port has any of. */
static u32 vho_budget_part(u32 whole, unsigned int nr)
{
	return whole ? max(whole / nr, 1U) : 0;
}

void vho_budget_share(const struct vho_budget_cfg *cfg, unsigned int index, unsigned int nr,
		      struct vho_sched_cfg *out)
{
	*out = (struct vho_sched_cfg) {
		.weight = vho_budget_part(cfg->weight, nr),
		.guarantee_permille = index < nr ? vho_budget_part(cfg->guarantee_permille, nr) : 0,
		.limit_permille = vho_budget_part(cfg->limit_permille, nr),
		.burst_ns = cfg->burst_us * NSEC_PER_USEC,
	};
}

void vho_budget_init(struct vho_budget *budget)
{
	const struct vho_budget_cfg cfg = VHO_BUDGET_CFG_DEFAULT;
	struct vho_sched_cfg share;
	unsigned int i;

	for (i = 0; i < VHO_WORK_NR; i++)
		budget->est_ns[i] = VHO_BUDGET_EST_NS;
	vho_budget_share(&cfg, 0, 1, &share);
	vho_sched_ent_init(&budget->ent, &share, ktime_get_ns());
	atomic64_set(&budget->drop_ns, 0);
}

/* @nr: groups, each of which has one core at a time at most. */
static int vho_budget_check(const struct vho_budget_cfg *cfg, unsigned int nr,
			    struct netlink_ext_ack *extack)
{
	if (cfg->weight < VHO_SCHED_WEIGHT_MIN || cfg->weight > VHO_SCHED_WEIGHT_MAX) {
		NL_SET_ERR_MSG(extack, "weight is out of range (1 to 10000)");
		return -ERANGE;
	}
	if (cfg->guarantee_permille > VHO_BUDGET_GUARANTEES_MAX * nr) {
		NL_SET_ERR_MSG_FMT(extack,
				   "a guarantee of %u permille needs %u cores, the port may have %u",
				   cfg->guarantee_permille,
				   DIV_ROUND_UP(cfg->guarantee_permille, VHO_BUDGET_GUARANTEES_MAX), nr);
		return -ERANGE;
	}
	if (cfg->limit_permille > VHO_SCALE_ONE * nr) {
		NL_SET_ERR_MSG_FMT(extack,
				   "a limit of %u permille needs %u cores, the port may have %u",
				   cfg->limit_permille,
				   DIV_ROUND_UP(cfg->limit_permille, VHO_SCALE_ONE), nr);
		return -ERANGE;
	}
	if (cfg->limit_permille && cfg->limit_permille < cfg->guarantee_permille) {
		NL_SET_ERR_MSG(extack, "the limit is below the guarantee");
		return -EINVAL;
	}
	if (cfg->burst_us > VHO_BUDGET_BURST_US_MAX) {
		NL_SET_ERR_MSG(extack, "burst is out of range (at most 1000000 us)");
		return -ERANGE;
	}
	return 0;
}

struct vho_budget_call {
	struct vho_group *group;
	struct vho_sched_cfg share;
};

static void vho_budget_apply_fn(void *arg)
{
	const struct vho_budget_call *call = arg;
	struct vho_group *group = call->group;

	vho_sched_configure(&group->core->sched, &group->budget.ent, &call->share, ktime_get_ns());
}

/* vho_ports_lock is held. */
static int vho_budget_divide(struct vho_port *port, const struct vho_budget_cfg *cfg,
			     unsigned int nr, struct netlink_ext_ack *extack)
{
	struct vho_budget_call call;
	unsigned int i;
	int err;

	err = vho_budget_check(cfg, nr, extack) ?: vho_cores_guarantee(port, cfg, nr, extack);
	for (i = 0; i < port->nr_made && !err; i++) {
		call.group = port->group[i];
		vho_budget_share(cfg, i, nr, &call.share);
		vho_group_call(call.group, vho_budget_apply_fn, &call);
	}
	return err;
}

/**
 * vho_budget_set() - change what a port is entitled to
 * @port: port
 * @cfg: all of it, copied
 * @extack: says what is wrong
 *
 * In force when it returns, work that waits included. A group of the port whose core cannot give its
 * part of the guarantee moves to one that can, but for one that the operator has placed.
 * Context: NL, process context. Takes vho_ports_lock, waits for the cores.
 * Return: 0; -ERANGE, -EINVAL; -ENOSPC: no core can give the guarantee; -ENODEV.
 */
int vho_budget_set(struct vho_port *port, const struct vho_budget_cfg *cfg,
		   struct netlink_ext_ack *extack)
{
	int err;

	mutex_lock(&vho_ports_lock);
	err = vho_budget_divide(port, cfg, port->nr_groups, extack);
	if (!err)
		port->budget = *cfg;
	mutex_unlock(&vho_ports_lock);
	return err;
}

int vho_budget_regroup(struct vho_port *port, unsigned int nr, struct netlink_ext_ack *extack)
{
	return vho_budget_divide(port, &port->budget, nr, extack);
}

void vho_budget_get(struct vho_port *port, struct vho_budget_cfg *cfg)
{
	const struct vho_budget_cfg *from = &port->budget;

	cfg->weight = READ_ONCE(from->weight);
	cfg->guarantee_permille = READ_ONCE(from->guarantee_permille);
	cfg->limit_permille = READ_ONCE(from->limit_permille);
	cfg->burst_us = READ_ONCE(from->burst_us);
}

static void vho_budget_stats_add(const struct vho_budget *budget, struct vho_budget_stats *out)
{
	const struct vho_budget_stats *from = &budget->stats;
	unsigned int i;

	for (i = 0; i < VHO_WORK_NR; i++)
		out->work_ns[i] += READ_ONCE(from->work_ns[i]);
	for (i = 0; i < VHO_BUDGET_DELAYS; i++)
		out->delays[i] += READ_ONCE(from->delays[i]);
	out->throttled_ns += READ_ONCE(budget->ent.throttled_ns);
	out->throttled += READ_ONCE(budget->ent.throttled);
	out->turns += READ_ONCE(from->turns);
	out->yields += READ_ONCE(from->yields);
}

void vho_budget_stats(struct vho_port *port, struct vho_budget_stats *out)
{
	unsigned int i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < VHO_GROUPS_MAX && READ_ONCE(port->group[i]); i++)
		vho_budget_stats_add(&port->group[i]->budget, out);
}

/* ---- cores ---- */

static int vho_budget_params_check(const struct vho_sched_params *params,
				   struct netlink_ext_ack *extack)
{
	if (params->piece_bytes < VHO_SCHED_PIECE_BYTES_MIN ||
	    params->piece_bytes > VHO_SCHED_PIECE_BYTES_MAX) {
		NL_SET_ERR_MSG(extack, "piece is out of range (1024 to 65536 bytes)");
		return -ERANGE;
	}
	if (params->turn_ns > VHO_SCHED_TURN_NS_MAX) {
		NL_SET_ERR_MSG(extack, "turn is out of range (at most 1000 us)");
		return -ERANGE;
	}
	if (!params->burst_ns || params->burst_ns > VHO_SCHED_BURST_NS_MAX) {
		NL_SET_ERR_MSG(extack, "burst is out of range (1 to 1000000 us)");
		return -ERANGE;
	}
	if (!params->debt_ns || params->debt_ns > VHO_SCHED_DEBT_NS_MAX) {
		NL_SET_ERR_MSG(extack, "debt is out of range (1 to 1000000 us)");
		return -ERANGE;
	}
	return 0;
}

struct vho_budget_core_call {
	struct vho_core *core;
	const struct vho_sched_params *params;
};

static void vho_budget_core_set_fn(void *arg)
{
	const struct vho_budget_core_call *call = arg;

	vho_sched_set_params(&call->core->sched, call->params, ktime_get_ns());
}

/**
 * vho_budget_core_set() - change the parameters of a core's order of service
 * @core: core
 * @params: all of them, copied
 * @extack: says what is wrong
 *
 * Context: NL, process context. Waits for the core.
 * Return: 0, -ERANGE.
 */
int vho_budget_core_set(struct vho_core *core, const struct vho_sched_params *params,
			struct netlink_ext_ack *extack)
{
	struct vho_budget_core_call call = { .core = core, .params = params };
	int err;

	err = vho_budget_params_check(params, extack);
	if (!err)
		vho_worker_call(&core->worker, vho_budget_core_set_fn, &call);
	return err;
}

void vho_budget_core_get(struct vho_core *core, struct vho_sched_params *params)
{
	const struct vho_sched_params *from = &core->sched.params;

	params->piece_bytes = READ_ONCE(from->piece_bytes);
	params->turn_ns = READ_ONCE(from->turn_ns);
	params->burst_ns = READ_ONCE(from->burst_ns);
	params->debt_ns = READ_ONCE(from->debt_ns);
	params->fifo = READ_ONCE(from->fifo);
}

/* ---- owner core ---- */

static void vho_budget_add(u64 *counter, u64 n)
{
	WRITE_ONCE(*counter, *counter + n);
}

void vho_budget_count(struct vho_group *group, enum vho_work work, u64 ns)
{
	vho_budget_add(&group->budget.stats.work_ns[work], ns);
}

void vho_budget_count_turn(struct vho_group *group)
{
	struct vho_budget_stats *stats = &group->budget.stats;
	unsigned int n = min_t(unsigned int, fls64(group->budget.ent.delay_ns >> 10),
			       VHO_BUDGET_DELAYS - 1);

	vho_budget_add(&stats->turns, 1);
	vho_budget_add(&stats->delays[n], 1);
}

void vho_budget_count_yield(struct vho_group *group)
{
	vho_budget_add(&group->budget.stats.yields, 1);
}

void vho_budget_charge(struct vho_group *group, enum vho_work work, u64 ns)
{
	vho_sched_charge(&group->core->sched, &group->budget.ent, ns);
	vho_budget_count(group, work, ns);
	vho_budget_add(&group->busy_ns, ns);
}

u64 vho_budget_take_drops(struct vho_group *group)
{
	u64 ns;

	if (likely(!atomic64_read(&group->budget.drop_ns)))
		return 0;
	ns = atomic64_xchg(&group->budget.drop_ns, 0);
	vho_budget_count(group, VHO_WORK_drops, ns);
	return ns;
}
