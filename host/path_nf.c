// SPDX-License-Identifier: GPL-2.0
/*
 * What paths have to do with netfilter, hooks of uplinks aside.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/netdevice.h>
#include <linux/netfilter_netdev.h>
#include <linux/skbuff.h>

#include "path_nf.h"

/*
 * Ours is the first hook, and would look for a handshake in every packet. Chains of others at the device are not gone
 * past: then the packet passes all of them.
 */
void vho_path_nf_skip(struct sk_buff *skb)
{
	const struct nf_hook_entries *e = rcu_dereference(skb->dev->nf_hooks_egress);

	nf_skip_egress(skb, e && e->num_hook_entries == 1);
}
