// SPDX-License-Identifier: GPL-2.0
/*
 * Paths and the switch's connection tracking.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "path_ct.h"

/**
 * vho_path_conntrack() - prepare the tracker of a connection for a path
 * @skb: segment that the switch has handled
 *
 * Conntrack does not see what takes the short way: when the flow goes the long way again, its sequence numbers
 * have moved on, and must not be called invalid for that.
 *
 * Context: any.
 */
void vho_path_conntrack(const struct sk_buff *skb)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);

	if (ct && nf_ct_protonum(ct) == IPPROTO_TCP)
		nf_ct_set_tcp_be_liberal(ct);
}
