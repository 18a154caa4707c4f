/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netlink: CPU-time budgets and other limits in what ports and cores say and are told.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_NL_BUDGET_H
#define _VHO_NL_BUDGET_H

#include <linux/types.h>

struct genl_info;
struct sk_buff;
struct vho_core;
struct vho_limit_cfg;
struct vho_port;

/* Any context. 0 or -EMSGSIZE. */
int vho_nl_budget_port_fill(struct sk_buff *skb, struct vho_port *port);
int vho_nl_limit_port_fill(struct sk_buff *skb, struct vho_port *port);
int vho_nl_budget_core_fill(struct sk_buff *skb, struct vho_core *core);
/* Does the request say anything about it? */
bool vho_nl_budget_port_given(const struct genl_info *info);
bool vho_nl_limit_port_given(const struct genl_info *info);
bool vho_nl_budget_core_given(const struct genl_info *info);
/* What the request does not name stays as it is. Process context. 0 or an error with a message. */
int vho_nl_budget_port_set(struct genl_info *info, struct vho_port *port);
/* Only checks: vho_limit_set() is the caller's. */
int vho_nl_limit_port_take(struct genl_info *info, struct vho_port *port, struct vho_limit_cfg *cfg);
int vho_nl_budget_core_set(struct genl_info *info, struct vho_core *core);

#endif /* _VHO_NL_BUDGET_H */
