// SPDX-License-Identifier: GPL-2.0
/*
 * CPU-time budgets of ports: configuration and counters.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/bitops.h>
#include <linux/math64.h>
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

static void vho_budget_sched_cfg(const struct vho_budget_cfg *cfg, struct vho_sched_cfg *out)
{
	*out = (struct vho_sched_cfg) {
		.weight = cfg->weight,
		.guarantee_permille = cfg->guarantee_permille,
		.limit_permille = cfg->limit_permille,
		.burst_ns = cfg->burst_us * NSEC_PER_USEC,
	};
}

void vho_budget_init(struct vho_port *port)
{
	struct vho_sched_cfg cfg;
	unsigned int i;

	for (i = 0; i < VHO_WORK_NR; i++)
		port->budget.est_ns[i] = VHO_BUDGET_EST_NS;
	port->budget.cfg = (struct vho_budget_cfg) VHO_BUDGET_CFG_DEFAULT;
	vho_budget_sched_cfg(&port->budget.cfg, &cfg);
	vho_sched_ent_init(&port->budget.ent, &cfg, ktime_get_ns());
	atomic64_set(&port->budget.drop_ns, 0);
}

static int vho_budget_check(const struct vho_budget_cfg *cfg, struct netlink_ext_ack *extack)
{
	if (cfg->weight < VHO_SCHED_WEIGHT_MIN || cfg->weight > VHO_SCHED_WEIGHT_MAX) {
		NL_SET_ERR_MSG(extack, "weight is out of range (1 to 10000)");
		return -ERANGE;
	}
	if (cfg->guarantee_permille > VHO_BUDGET_GUARANTEES_MAX) {
		NL_SET_ERR_MSG(extack, "a guarantee is at most 900 permille of a core");
		return -ERANGE;
	}
	if (cfg->limit_permille > 1000) {
		NL_SET_ERR_MSG(extack, "a limit is at most 1000 permille of a core");
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

static void vho_budget_apply_fn(void *arg)
{
	struct vho_port *port = arg;
	struct vho_sched_cfg cfg;

	vho_budget_sched_cfg(&port->budget.cfg, &cfg);
	vho_sched_configure(&port->core->sched, &port->budget.ent, &cfg, ktime_get_ns());
}

/**
 * vho_budget_set() - change what a port is entitled to
 * @port: port
 * @cfg: all of it, copied
 * @extack: says what is wrong
 *
 * In force when it returns, work that waits included. A port whose core cannot give the guarantee
 * moves to one that can, but for one that the operator has placed.
 * Context: NL, process context. Takes vho_ports_lock, waits for the core.
 * Return: 0; -ERANGE, -EINVAL; -ENOSPC: no core can give the guarantee; -ENODEV.
 */
int vho_budget_set(struct vho_port *port, const struct vho_budget_cfg *cfg,
		   struct netlink_ext_ack *extack)
{
	int err;

	err = vho_budget_check(cfg, extack);
	if (err)
		return err;
	mutex_lock(&vho_ports_lock);
	err = vho_cores_guarantee(port, cfg->guarantee_permille, extack);
	if (!err) {
		port->budget.cfg = *cfg;
		vho_port_call(port, vho_budget_apply_fn, port);
	}
	mutex_unlock(&vho_ports_lock);
	return err;
}

void vho_budget_get(struct vho_port *port, struct vho_budget_cfg *cfg)
{
	const struct vho_budget_cfg *from = &port->budget.cfg;

	cfg->weight = READ_ONCE(from->weight);
	cfg->guarantee_permille = READ_ONCE(from->guarantee_permille);
	cfg->limit_permille = READ_ONCE(from->limit_permille);
	cfg->burst_us = READ_ONCE(from->burst_us);
}

void vho_budget_stats(struct vho_port *port, struct vho_budget_stats *out)
{
	const struct vho_budget_stats *from = &port->budget.stats;
	unsigned int i;

	for (i = 0; i < VHO_WORK_NR; i++)
		out->work_ns[i] = READ_ONCE(from->work_ns[i]);
	for (i = 0; i < VHO_BUDGET_DELAYS; i++)
		out->delays[i] = READ_ONCE(from->delays[i]);
	out->throttled_ns = READ_ONCE(port->budget.ent.throttled_ns);
	out->throttled = READ_ONCE(port->budget.ent.throttled);
	out->turns = READ_ONCE(from->turns);
	out->yields = READ_ONCE(from->yields);
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

void vho_budget_count(struct vho_port *port, enum vho_work work, u64 ns)
{
	vho_budget_add(&port->budget.stats.work_ns[work], ns);
}

void vho_budget_count_turn(struct vho_port *port)
{
	struct vho_budget_stats *stats = &port->budget.stats;
	unsigned int n = min_t(unsigned int, fls64(port->budget.ent.delay_ns >> 10),
			       VHO_BUDGET_DELAYS - 1);

	vho_budget_add(&stats->turns, 1);
	vho_budget_add(&stats->delays[n], 1);
}

void vho_budget_count_yield(struct vho_port *port)
{
	vho_budget_add(&port->budget.stats.yields, 1);
}

void vho_budget_charge(struct vho_port *port, enum vho_work work, u64 ns)
{
	vho_sched_charge(&port->core->sched, &port->budget.ent, ns);
	vho_budget_count(port, work, ns);
	vho_budget_add(&port->busy_ns, ns);
}

u64 vho_budget_take_drops(struct vho_port *port)
{
	u64 ns;

	if (likely(!atomic64_read(&port->budget.drop_ns)))
		return 0;
	ns = atomic64_xchg(&port->budget.drop_ns, 0);
	vho_budget_count(port, VHO_WORK_drops, ns);
	return ns;
}
