// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: CPU-time budgets and other limits in what ports and cores say and are told.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/virtuoso.h>
#include <net/genetlink.h>

#include "budget.h"
#include "core.h"
#include "nl.h"
#include "nl_budget.h"
#include "port.h"

static int vho_nl_budget_put_cfg(struct sk_buff *skb, struct vho_port *port)
{
	struct vho_budget_cfg cfg;

	vho_budget_get(port, &cfg);
	if (nla_put_u32(skb, VIRTUOSO_A_PORT_WEIGHT, cfg.weight) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_GUARANTEE_PERMILLE, cfg.guarantee_permille) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_LIMIT_PERMILLE, cfg.limit_permille) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_BURST_US, cfg.burst_us))
		return -EMSGSIZE;
	return 0;
}

static int vho_nl_budget_put_work(struct sk_buff *skb, enum vho_work work, u64 ns)
{
	struct nlattr *nest = nla_nest_start(skb, VIRTUOSO_A_PORT_WORK);

	if (!nest ||
	    nla_put_string(skb, VIRTUOSO_A_COUNTER_NAME, vho_work_names[work]) ||
	    nla_put_uint(skb, VIRTUOSO_A_COUNTER_VALUE, ns))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int vho_nl_budget_port_fill(struct sk_buff *skb, struct vho_port *port)
{
	struct vho_budget_stats stats;
	unsigned int i;
	int err;

	vho_budget_stats(port, &stats);
	err = vho_nl_budget_put_cfg(skb, port);
	for (i = 0; i < VHO_WORK_NR && !err; i++)
		err = vho_nl_budget_put_work(skb, i, stats.work_ns[i]);
	for (i = 0; i < VHO_BUDGET_DELAYS && !err; i++)
		err = nla_put_uint(skb, VIRTUOSO_A_PORT_DELAY, stats.delays[i]);
	if (err ||
	    nla_put_uint(skb, VIRTUOSO_A_PORT_THROTTLED_NS, stats.throttled_ns) ||
	    nla_put_uint(skb, VIRTUOSO_A_PORT_THROTTLED, stats.throttled) ||
	    nla_put_uint(skb, VIRTUOSO_A_PORT_TURNS, stats.turns) ||
	    nla_put_uint(skb, VIRTUOSO_A_PORT_YIELDS, stats.yields))
		return -EMSGSIZE;
	return 0;
}

bool vho_nl_budget_port_given(const struct genl_info *info)
{
	return info->attrs[VIRTUOSO_A_PORT_WEIGHT] ||
	       info->attrs[VIRTUOSO_A_PORT_GUARANTEE_PERMILLE] ||
	       info->attrs[VIRTUOSO_A_PORT_LIMIT_PERMILLE] ||
	       info->attrs[VIRTUOSO_A_PORT_BURST_US];
}

static void vho_nl_budget_take(u32 *value, const struct nlattr *attr)
{
	if (attr)
		*value = nla_get_u32(attr);
}

int vho_nl_budget_port_set(struct genl_info *info, struct vho_port *port)
{
	struct nlattr **attrs = info->attrs;
	struct vho_budget_cfg cfg;

	vho_budget_get(port, &cfg);
	vho_nl_budget_take(&cfg.weight, attrs[VIRTUOSO_A_PORT_WEIGHT]);
	vho_nl_budget_take(&cfg.guarantee_permille, attrs[VIRTUOSO_A_PORT_GUARANTEE_PERMILLE]);
	vho_nl_budget_take(&cfg.limit_permille, attrs[VIRTUOSO_A_PORT_LIMIT_PERMILLE]);
	vho_nl_budget_take(&cfg.burst_us, attrs[VIRTUOSO_A_PORT_BURST_US]);
	return vho_budget_set(port, &cfg, info->extack);
}

/* ---- other limits of ports ---- */

int vho_nl_limit_port_fill(struct sk_buff *skb, struct vho_port *port)
{
	struct vho_limit_cfg cfg;

	vho_limit_get(port, &cfg);
	if (nla_put_u32(skb, VIRTUOSO_A_PORT_MAX_LISTENERS, cfg.max_listeners) ||
	    nla_put_uint(skb, VIRTUOSO_A_PORT_MAX_REGION_BYTES, cfg.max_region_bytes) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_CONN_RATE, cfg.conn_rate) ||
	    nla_put_uint(skb, VIRTUOSO_A_PORT_BIT_RATE, cfg.bit_rate) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_PACKET_RATE, cfg.packet_rate))
		return -EMSGSIZE;
	return 0;
}

bool vho_nl_limit_port_given(const struct genl_info *info)
{
	return info->attrs[VIRTUOSO_A_PORT_MAX_LISTENERS] ||
	       info->attrs[VIRTUOSO_A_PORT_MAX_REGION_BYTES] ||
	       info->attrs[VIRTUOSO_A_PORT_CONN_RATE] ||
	       info->attrs[VIRTUOSO_A_PORT_BIT_RATE] ||
	       info->attrs[VIRTUOSO_A_PORT_PACKET_RATE];
}

int vho_nl_limit_port_take(struct genl_info *info, struct vho_port *port, struct vho_limit_cfg *cfg)
{
	struct nlattr **attrs = info->attrs;

	vho_limit_get(port, cfg);
	vho_nl_budget_take(&cfg->max_listeners, attrs[VIRTUOSO_A_PORT_MAX_LISTENERS]);
	vho_nl_budget_take(&cfg->conn_rate, attrs[VIRTUOSO_A_PORT_CONN_RATE]);
	vho_nl_budget_take(&cfg->packet_rate, attrs[VIRTUOSO_A_PORT_PACKET_RATE]);
	if (attrs[VIRTUOSO_A_PORT_MAX_REGION_BYTES])
		cfg->max_region_bytes = nla_get_uint(attrs[VIRTUOSO_A_PORT_MAX_REGION_BYTES]);
	if (attrs[VIRTUOSO_A_PORT_BIT_RATE])
		cfg->bit_rate = nla_get_uint(attrs[VIRTUOSO_A_PORT_BIT_RATE]);
	return vho_limit_check(cfg, info->extack);
}

/* ---- cores ---- */

int vho_nl_budget_core_fill(struct sk_buff *skb, struct vho_core *core)
{
	struct vho_sched_params params;

	vho_budget_core_get(core, &params);
	if (nla_put_u32(skb, VIRTUOSO_A_CORE_PIECE_BYTES, params.piece_bytes) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORE_TURN_US, params.turn_ns / NSEC_PER_USEC) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORE_BURST_US, params.burst_ns / NSEC_PER_USEC) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORE_DEBT_US, params.debt_ns / NSEC_PER_USEC) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORE_ORDER,
			params.fifo ? VIRTUOSO_CORE_ORDER_FIFO : VIRTUOSO_CORE_ORDER_FAIR))
		return -EMSGSIZE;
	return 0;
}

bool vho_nl_budget_core_given(const struct genl_info *info)
{
	return info->attrs[VIRTUOSO_A_CORE_PIECE_BYTES] || info->attrs[VIRTUOSO_A_CORE_TURN_US] ||
	       info->attrs[VIRTUOSO_A_CORE_BURST_US] || info->attrs[VIRTUOSO_A_CORE_DEBT_US] ||
	       info->attrs[VIRTUOSO_A_CORE_ORDER];
}

/* @attr is in microseconds, of which the policy allows no more than fit. */
static void vho_nl_budget_take_us(u32 *ns, const struct nlattr *attr)
{
	if (attr)
		*ns = nla_get_u32(attr) * NSEC_PER_USEC;
}

int vho_nl_budget_core_set(struct genl_info *info, struct vho_core *core)
{
	struct nlattr **attrs = info->attrs;
	struct vho_sched_params params;

	vho_budget_core_get(core, &params);
	vho_nl_budget_take(&params.piece_bytes, attrs[VIRTUOSO_A_CORE_PIECE_BYTES]);
	vho_nl_budget_take_us(&params.turn_ns, attrs[VIRTUOSO_A_CORE_TURN_US]);
	vho_nl_budget_take_us(&params.burst_ns, attrs[VIRTUOSO_A_CORE_BURST_US]);
	vho_nl_budget_take_us(&params.debt_ns, attrs[VIRTUOSO_A_CORE_DEBT_US]);
	if (attrs[VIRTUOSO_A_CORE_ORDER])
		params.fifo = nla_get_u32(attrs[VIRTUOSO_A_CORE_ORDER]) == VIRTUOSO_CORE_ORDER_FIFO;
	return vho_budget_core_set(core, &params, info->extack);
}
