/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/virtuoso.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_VIRTUOSO_GEN_H
#define _LINUX_VIRTUOSO_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/virtuoso.h>

/* Common nested types */
extern const struct nla_policy virtuoso_policy_rule_nl_policy[VIRTUOSO_A_POLICY_RULE_REFUSED + 1];

int virtuoso_nl_flow_get_start(struct netlink_callback *cb);
int virtuoso_nl_stats_get_start(struct netlink_callback *cb);
int virtuoso_nl_listener_get_start(struct netlink_callback *cb);
int virtuoso_nl_policy_get_start(struct netlink_callback *cb);
int virtuoso_nl_flow_get_done(struct netlink_callback *cb);
int virtuoso_nl_policy_get_done(struct netlink_callback *cb);

int virtuoso_nl_port_new_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_port_del_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_port_set_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_port_get_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_port_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int virtuoso_nl_flow_get_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_flow_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int virtuoso_nl_core_get_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_core_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int virtuoso_nl_core_set_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_stats_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int virtuoso_nl_listener_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb);
int virtuoso_nl_policy_get_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_policy_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);
int virtuoso_nl_policy_set_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_cores_get_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_cores_set_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_uplink_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);
int virtuoso_nl_uplink_add_doit(struct sk_buff *skb, struct genl_info *info);
int virtuoso_nl_uplink_del_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	VIRTUOSO_NLGRP_PORTS,
	VIRTUOSO_NLGRP_GUESTS,
	VIRTUOSO_NLGRP_CORES,
};

extern struct genl_family virtuoso_nl_family;

#endif /* _LINUX_VIRTUOSO_GEN_H */
