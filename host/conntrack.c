// SPDX-License-Identifier: GPL-2.0
/*
 * Connection tracking of the host, on the way of our packets.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/skbuff.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "conntrack.h"

void vho_conntrack_be_liberal(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	/* Both flags are set in one direction as in the other. */
	if (!ct || nf_ct_protonum(ct) != IPPROTO_TCP ||
	    (ct->proto.tcp.seen[0].flags & IP_CT_TCP_FLAG_BE_LIBERAL))
		return;
	spin_lock_bh(&ct->lock);
	nf_ct_set_tcp_be_liberal(ct);
	spin_unlock_bh(&ct->lock);
}
