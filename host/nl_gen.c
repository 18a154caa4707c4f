// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/virtuoso.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "nl_gen.h"

#include <uapi/linux/virtuoso.h>

/* Integer value ranges */
static const struct netlink_range_validation virtuoso_a_port_max_flows_range = {
	.min	= 1ULL,
	.max	= 1048576ULL,
};

static const struct netlink_range_validation virtuoso_a_port_mtu_range = {
	.min	= 68ULL,
	.max	= 65521ULL,
};

static const struct netlink_range_validation virtuoso_a_port_burst_us_range = {
	.max	= 1000000ULL,
};

static const struct netlink_range_validation virtuoso_a_core_piece_bytes_range = {
	.min	= 1024ULL,
	.max	= 65536ULL,
};

static const struct netlink_range_validation virtuoso_a_core_burst_us_range = {
	.min	= 1ULL,
	.max	= 1000000ULL,
};

static const struct netlink_range_validation virtuoso_a_core_debt_us_range = {
	.min	= 1ULL,
	.max	= 1000000ULL,
};

/* Common nested types */
const struct nla_policy virtuoso_policy_rule_nl_policy[VIRTUOSO_A_POLICY_RULE_REFUSED + 1] = {
	[VIRTUOSO_A_POLICY_RULE_NUMBER] = { .type = NLA_U32, },
	[VIRTUOSO_A_POLICY_RULE_ACTION] = NLA_POLICY_RANGE(NLA_U32, 1, 3),
	[VIRTUOSO_A_POLICY_RULE_DIRECTION] = NLA_POLICY_RANGE(NLA_U32, 1, 3),
	[VIRTUOSO_A_POLICY_RULE_REMOTE] = NLA_POLICY_EXACT_LEN(16),
	[VIRTUOSO_A_POLICY_RULE_PREFIX_LEN] = { .type = NLA_U32, },
	[VIRTUOSO_A_POLICY_RULE_RPORT_MIN] = { .type = NLA_U16, },
	[VIRTUOSO_A_POLICY_RULE_RPORT_MAX] = { .type = NLA_U16, },
	[VIRTUOSO_A_POLICY_RULE_LPORT_MIN] = { .type = NLA_U16, },
	[VIRTUOSO_A_POLICY_RULE_LPORT_MAX] = { .type = NLA_U16, },
	[VIRTUOSO_A_POLICY_RULE_DSCP] = { .type = NLA_U32, },
	[VIRTUOSO_A_POLICY_RULE_BUFFER_BYTES] = { .type = NLA_U32, },
	[VIRTUOSO_A_POLICY_RULE_MATCHED] = { .type = NLA_UINT, },
	[VIRTUOSO_A_POLICY_RULE_REFUSED] = { .type = NLA_UINT, },
};

/* VIRTUOSO_CMD_PORT_NEW - do */
static const struct nla_policy virtuoso_port_new_nl_policy[VIRTUOSO_A_PORT_CORES + 1] = {
	[VIRTUOSO_A_PORT_NAME] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_PORT_TYPE] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
	[VIRTUOSO_A_PORT_MAC] = NLA_POLICY_EXACT_LEN(6),
	[VIRTUOSO_A_PORT_MAX_FLOWS] = NLA_POLICY_FULL_RANGE(NLA_U32, &virtuoso_a_port_max_flows_range),
	[VIRTUOSO_A_PORT_MTU] = NLA_POLICY_FULL_RANGE(NLA_U32, &virtuoso_a_port_mtu_range),
	[VIRTUOSO_A_PORT_UUID] = NLA_POLICY_EXACT_LEN(16),
	[VIRTUOSO_A_PORT_WEIGHT] = NLA_POLICY_RANGE(NLA_U32, 1, 10000),
	[VIRTUOSO_A_PORT_GUARANTEE_PERMILLE] = NLA_POLICY_MAX(NLA_U32, 7200),
	[VIRTUOSO_A_PORT_LIMIT_PERMILLE] = NLA_POLICY_MAX(NLA_U32, 8000),
	[VIRTUOSO_A_PORT_BURST_US] = NLA_POLICY_FULL_RANGE(NLA_U32, &virtuoso_a_port_burst_us_range),
	[VIRTUOSO_A_PORT_JOIN] = NLA_POLICY_MAX(NLA_U32, 1),
	[VIRTUOSO_A_PORT_MAX_LISTENERS] = NLA_POLICY_MAX(NLA_U32, 1024),
	[VIRTUOSO_A_PORT_MAX_REGION_BYTES] = { .type = NLA_UINT, },
	[VIRTUOSO_A_PORT_CONN_RATE] = { .type = NLA_U32, },
	[VIRTUOSO_A_PORT_BIT_RATE] = { .type = NLA_UINT, },
	[VIRTUOSO_A_PORT_PACKET_RATE] = { .type = NLA_U32, },
	[VIRTUOSO_A_PORT_CORE] = { .type = NLA_U32, },
	[VIRTUOSO_A_PORT_CORE_AUTO] = { .type = NLA_FLAG, },
	[VIRTUOSO_A_PORT_CORES] = NLA_POLICY_RANGE(NLA_U32, 1, 8),
};

/* VIRTUOSO_CMD_PORT_DEL - do */
static const struct nla_policy virtuoso_port_del_nl_policy[VIRTUOSO_A_PORT_FORCE + 1] = {
	[VIRTUOSO_A_PORT_NAME] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_PORT_FORCE] = { .type = NLA_FLAG, },
};

/* VIRTUOSO_CMD_PORT_SET - do */
static const struct nla_policy virtuoso_port_set_nl_policy[VIRTUOSO_A_PORT_CORES + 1] = {
	[VIRTUOSO_A_PORT_NAME] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_PORT_MAX_FLOWS] = NLA_POLICY_FULL_RANGE(NLA_U32, &virtuoso_a_port_max_flows_range),
	[VIRTUOSO_A_PORT_WEIGHT] = NLA_POLICY_RANGE(NLA_U32, 1, 10000),
	[VIRTUOSO_A_PORT_GUARANTEE_PERMILLE] = NLA_POLICY_MAX(NLA_U32, 7200),
	[VIRTUOSO_A_PORT_LIMIT_PERMILLE] = NLA_POLICY_MAX(NLA_U32, 8000),
	[VIRTUOSO_A_PORT_BURST_US] = NLA_POLICY_FULL_RANGE(NLA_U32, &virtuoso_a_port_burst_us_range),
	[VIRTUOSO_A_PORT_CORE] = { .type = NLA_U32, },
	[VIRTUOSO_A_PORT_CORE_AUTO] = { .type = NLA_FLAG, },
	[VIRTUOSO_A_PORT_JOIN] = NLA_POLICY_MAX(NLA_U32, 1),
	[VIRTUOSO_A_PORT_MAX_LISTENERS] = NLA_POLICY_MAX(NLA_U32, 1024),
	[VIRTUOSO_A_PORT_MAX_REGION_BYTES] = { .type = NLA_UINT, },
	[VIRTUOSO_A_PORT_CONN_RATE] = { .type = NLA_U32, },
	[VIRTUOSO_A_PORT_BIT_RATE] = { .type = NLA_UINT, },
	[VIRTUOSO_A_PORT_PACKET_RATE] = { .type = NLA_U32, },
	[VIRTUOSO_A_PORT_CORES] = NLA_POLICY_RANGE(NLA_U32, 1, 8),
};

/* VIRTUOSO_CMD_PORT_GET - do */
static const struct nla_policy virtuoso_port_get_do_nl_policy[VIRTUOSO_A_PORT_NAME + 1] = {
	[VIRTUOSO_A_PORT_NAME] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
};

/* VIRTUOSO_CMD_PORT_GET - dump */
static const struct nla_policy virtuoso_port_get_dump_nl_policy[VIRTUOSO_A_PORT_RUNNING + 1] = {
	[VIRTUOSO_A_PORT_NAME] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_PORT_TYPE] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
	[VIRTUOSO_A_PORT_RUNNING] = { .type = NLA_FLAG, },
};

/* VIRTUOSO_CMD_FLOW_GET - do */
static const struct nla_policy virtuoso_flow_get_do_nl_policy[VIRTUOSO_A_FLOW_RPORT + 1] = {
	[VIRTUOSO_A_FLOW_PORT] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_FLOW_LADDR] = NLA_POLICY_EXACT_LEN(16),
	[VIRTUOSO_A_FLOW_RADDR] = NLA_POLICY_EXACT_LEN(16),
	[VIRTUOSO_A_FLOW_LPORT] = { .type = NLA_U16, },
	[VIRTUOSO_A_FLOW_RPORT] = { .type = NLA_U16, },
};

/* VIRTUOSO_CMD_FLOW_GET - dump */
static const struct nla_policy virtuoso_flow_get_dump_nl_policy[VIRTUOSO_A_FLOW_STATE + 1] = {
	[VIRTUOSO_A_FLOW_PORT] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_FLOW_DIRECTION] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
	[VIRTUOSO_A_FLOW_LADDR] = NLA_POLICY_EXACT_LEN(16),
	[VIRTUOSO_A_FLOW_RADDR] = NLA_POLICY_EXACT_LEN(16),
	[VIRTUOSO_A_FLOW_LPORT] = { .type = NLA_U16, },
	[VIRTUOSO_A_FLOW_RPORT] = { .type = NLA_U16, },
	[VIRTUOSO_A_FLOW_STATE] = NLA_POLICY_RANGE(NLA_U32, 1, 11),
};

/* VIRTUOSO_CMD_CORE_GET - do */
static const struct nla_policy virtuoso_core_get_nl_policy[VIRTUOSO_A_CORE_INDEX + 1] = {
	[VIRTUOSO_A_CORE_INDEX] = { .type = NLA_U32, },
};

/* VIRTUOSO_CMD_CORE_SET - do */
static const struct nla_policy virtuoso_core_set_nl_policy[VIRTUOSO_A_CORE_ORDER + 1] = {
	[VIRTUOSO_A_CORE_INDEX] = { .type = NLA_U32, },
	[VIRTUOSO_A_CORE_POLL_US] = NLA_POLICY_MAX(NLA_U32, 10000),
	[VIRTUOSO_A_CORE_PIECE_BYTES] = NLA_POLICY_FULL_RANGE(NLA_U32, &virtuoso_a_core_piece_bytes_range),
	[VIRTUOSO_A_CORE_TURN_US] = NLA_POLICY_MAX(NLA_U32, 1000),
	[VIRTUOSO_A_CORE_BURST_US] = NLA_POLICY_FULL_RANGE(NLA_U32, &virtuoso_a_core_burst_us_range),
	[VIRTUOSO_A_CORE_DEBT_US] = NLA_POLICY_FULL_RANGE(NLA_U32, &virtuoso_a_core_debt_us_range),
	[VIRTUOSO_A_CORE_ORDER] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
};

/* VIRTUOSO_CMD_STATS_GET - do */
static const struct nla_policy virtuoso_stats_get_do_nl_policy[VIRTUOSO_A_STAT_EXPLAIN + 1] = {
	[VIRTUOSO_A_STAT_PORT] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_STAT_EXPLAIN] = { .type = NLA_FLAG, },
};

/* VIRTUOSO_CMD_STATS_GET - dump */
static const struct nla_policy virtuoso_stats_get_dump_nl_policy[VIRTUOSO_A_STAT_EXPLAIN + 1] = {
	[VIRTUOSO_A_STAT_PORT] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_STAT_EXPLAIN] = { .type = NLA_FLAG, },
};

/* VIRTUOSO_CMD_LISTENER_GET - dump */
static const struct nla_policy virtuoso_listener_get_nl_policy[VIRTUOSO_A_LISTENER_LPORT + 1] = {
	[VIRTUOSO_A_LISTENER_PORT] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_LISTENER_LPORT] = { .type = NLA_U16, },
};

/* VIRTUOSO_CMD_POLICY_GET - do */
static const struct nla_policy virtuoso_policy_get_do_nl_policy[VIRTUOSO_A_POLICY_DEFAULT + 1] = {
	[VIRTUOSO_A_POLICY_PORT] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_POLICY_DEFAULT] = { .type = NLA_FLAG, },
};

/* VIRTUOSO_CMD_POLICY_GET - dump */
static const struct nla_policy virtuoso_policy_get_dump_nl_policy[VIRTUOSO_A_POLICY_DEFAULT + 1] = {
	[VIRTUOSO_A_POLICY_PORT] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_POLICY_DEFAULT] = { .type = NLA_FLAG, },
};

/* VIRTUOSO_CMD_POLICY_SET - do */
static const struct nla_policy virtuoso_policy_set_nl_policy[VIRTUOSO_A_POLICY_RULE + 1] = {
	[VIRTUOSO_A_POLICY_PORT] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_POLICY_DEFAULT] = { .type = NLA_FLAG, },
	[VIRTUOSO_A_POLICY_DEFAULT_ACTION] = NLA_POLICY_RANGE(NLA_U32, 1, 3),
	[VIRTUOSO_A_POLICY_SOURCES] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
	[VIRTUOSO_A_POLICY_SOURCE] = NLA_POLICY_EXACT_LEN(16),
	[VIRTUOSO_A_POLICY_RULE] = NLA_POLICY_NESTED(virtuoso_policy_rule_nl_policy),
};

/* VIRTUOSO_CMD_CORES_SET - do */
static const struct nla_policy virtuoso_cores_set_nl_policy[VIRTUOSO_A_CORES_HOLDOFF_US + 1] = {
	[VIRTUOSO_A_CORES_POOL] = { .type = NLA_NUL_STRING, .len = 4095, },
	[VIRTUOSO_A_CORES_MIN_CORES] = { .type = NLA_U32, },
	[VIRTUOSO_A_CORES_MAX_CORES] = { .type = NLA_U32, },
	[VIRTUOSO_A_CORES_ADD_IDLE_PERMILLE] = { .type = NLA_U32, },
	[VIRTUOSO_A_CORES_REMOVE_IDLE_PERMILLE] = { .type = NLA_U32, },
	[VIRTUOSO_A_CORES_PERIOD_US] = { .type = NLA_U32, },
	[VIRTUOSO_A_CORES_HOLDOFF_US] = { .type = NLA_U32, },
};

/* VIRTUOSO_CMD_UPLINK_ADD - do */
static const struct nla_policy virtuoso_uplink_add_nl_policy[VIRTUOSO_A_UPLINK_NETNS_FD + 1] = {
	[VIRTUOSO_A_UPLINK_DEV] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_UPLINK_BYPASS] = NLA_POLICY_MAX(NLA_U8, 1),
	[VIRTUOSO_A_UPLINK_NETNS_FD] = { .type = NLA_U32, },
};

/* VIRTUOSO_CMD_UPLINK_DEL - do */
static const struct nla_policy virtuoso_uplink_del_nl_policy[VIRTUOSO_A_UPLINK_NETNS_FD + 1] = {
	[VIRTUOSO_A_UPLINK_DEV] = { .type = NLA_NUL_STRING, .len = VIRTUOSO_PORT_NAME_LEN, },
	[VIRTUOSO_A_UPLINK_NETNS_FD] = { .type = NLA_U32, },
};

/* Ops table for virtuoso */
static const struct genl_split_ops virtuoso_nl_ops[] = {
	{
		.cmd		= VIRTUOSO_CMD_PORT_NEW,
		.doit		= virtuoso_nl_port_new_doit,
		.policy		= virtuoso_port_new_nl_policy,
		.maxattr	= VIRTUOSO_A_PORT_CORES,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_PORT_DEL,
		.doit		= virtuoso_nl_port_del_doit,
		.policy		= virtuoso_port_del_nl_policy,
		.maxattr	= VIRTUOSO_A_PORT_FORCE,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_PORT_SET,
		.doit		= virtuoso_nl_port_set_doit,
		.policy		= virtuoso_port_set_nl_policy,
		.maxattr	= VIRTUOSO_A_PORT_CORES,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_PORT_GET,
		.doit		= virtuoso_nl_port_get_doit,
		.policy		= virtuoso_port_get_do_nl_policy,
		.maxattr	= VIRTUOSO_A_PORT_NAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_PORT_GET,
		.dumpit		= virtuoso_nl_port_get_dumpit,
		.policy		= virtuoso_port_get_dump_nl_policy,
		.maxattr	= VIRTUOSO_A_PORT_RUNNING,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VIRTUOSO_CMD_FLOW_GET,
		.doit		= virtuoso_nl_flow_get_doit,
		.policy		= virtuoso_flow_get_do_nl_policy,
		.maxattr	= VIRTUOSO_A_FLOW_RPORT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_FLOW_GET,
		.start		= virtuoso_nl_flow_get_start,
		.dumpit		= virtuoso_nl_flow_get_dumpit,
		.done		= virtuoso_nl_flow_get_done,
		.policy		= virtuoso_flow_get_dump_nl_policy,
		.maxattr	= VIRTUOSO_A_FLOW_STATE,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VIRTUOSO_CMD_CORE_GET,
		.doit		= virtuoso_nl_core_get_doit,
		.policy		= virtuoso_core_get_nl_policy,
		.maxattr	= VIRTUOSO_A_CORE_INDEX,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= VIRTUOSO_CMD_CORE_GET,
		.dumpit	= virtuoso_nl_core_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VIRTUOSO_CMD_CORE_SET,
		.doit		= virtuoso_nl_core_set_doit,
		.policy		= virtuoso_core_set_nl_policy,
		.maxattr	= VIRTUOSO_A_CORE_ORDER,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_STATS_GET,
		.doit		= virtuoso_nl_stats_get_doit,
		.policy		= virtuoso_stats_get_do_nl_policy,
		.maxattr	= VIRTUOSO_A_STAT_EXPLAIN,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_STATS_GET,
		.start		= virtuoso_nl_stats_get_start,
		.dumpit		= virtuoso_nl_stats_get_dumpit,
		.policy		= virtuoso_stats_get_dump_nl_policy,
		.maxattr	= VIRTUOSO_A_STAT_EXPLAIN,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VIRTUOSO_CMD_LISTENER_GET,
		.start		= virtuoso_nl_listener_get_start,
		.dumpit		= virtuoso_nl_listener_get_dumpit,
		.policy		= virtuoso_listener_get_nl_policy,
		.maxattr	= VIRTUOSO_A_LISTENER_LPORT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VIRTUOSO_CMD_POLICY_GET,
		.doit		= virtuoso_nl_policy_get_doit,
		.policy		= virtuoso_policy_get_do_nl_policy,
		.maxattr	= VIRTUOSO_A_POLICY_DEFAULT,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_POLICY_GET,
		.start		= virtuoso_nl_policy_get_start,
		.dumpit		= virtuoso_nl_policy_get_dumpit,
		.done		= virtuoso_nl_policy_get_done,
		.policy		= virtuoso_policy_get_dump_nl_policy,
		.maxattr	= VIRTUOSO_A_POLICY_DEFAULT,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VIRTUOSO_CMD_POLICY_SET,
		.doit		= virtuoso_nl_policy_set_doit,
		.policy		= virtuoso_policy_set_nl_policy,
		.maxattr	= VIRTUOSO_A_POLICY_RULE,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= VIRTUOSO_CMD_CORES_GET,
		.doit	= virtuoso_nl_cores_get_doit,
		.flags	= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_CORES_SET,
		.doit		= virtuoso_nl_cores_set_doit,
		.policy		= virtuoso_cores_set_nl_policy,
		.maxattr	= VIRTUOSO_A_CORES_HOLDOFF_US,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= VIRTUOSO_CMD_UPLINK_GET,
		.dumpit	= virtuoso_nl_uplink_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VIRTUOSO_CMD_UPLINK_ADD,
		.doit		= virtuoso_nl_uplink_add_doit,
		.policy		= virtuoso_uplink_add_nl_policy,
		.maxattr	= VIRTUOSO_A_UPLINK_NETNS_FD,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VIRTUOSO_CMD_UPLINK_DEL,
		.doit		= virtuoso_nl_uplink_del_doit,
		.policy		= virtuoso_uplink_del_nl_policy,
		.maxattr	= VIRTUOSO_A_UPLINK_NETNS_FD,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group virtuoso_nl_mcgrps[] = {
	[VIRTUOSO_NLGRP_PORTS] = { "ports", },
	[VIRTUOSO_NLGRP_GUESTS] = { "guests", },
	[VIRTUOSO_NLGRP_CORES] = { "cores", },
};

struct genl_family virtuoso_nl_family __ro_after_init = {
	.name		= VIRTUOSO_FAMILY_NAME,
	.version	= VIRTUOSO_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= virtuoso_nl_ops,
	.n_split_ops	= ARRAY_SIZE(virtuoso_nl_ops),
	.mcgrps		= virtuoso_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(virtuoso_nl_mcgrps),
};
