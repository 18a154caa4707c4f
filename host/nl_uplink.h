/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netlink: the paths of flows.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_NL_UPLINK_H
#define _VHO_NL_UPLINK_H

struct sk_buff;
struct vho_flow;

/* What is known of the path of @flow; nothing when it has none and learns none. 0 or -EMSGSIZE. Context: NL. */
int vho_nl_path_fill(struct sk_buff *skb, const struct vho_flow *flow);

#endif /* _VHO_NL_UPLINK_H */
