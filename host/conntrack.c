// SPDX-License-Identifier: GPL-2.0
/*
 * Connection tracking of the host, on the way of our packets.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/netdevice.h>
#include <linux/netfilter.h>
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

/* Every user of connection tracking, Open vSwitch and IPVS among them, has its module there, which sets this. */
bool vho_conntrack_any(void)
{
	return rcu_access_pointer(nf_ct_hook);
}

/*
 * A packet loses its entry where one device hands it to another, in a tunnel, and by Open vSwitch's will. It has done
 * neither of the first two if the device that received it last is the port's, by its number in this namespace.
 */
bool vho_conntrack_missed(const struct sk_buff *skb, const struct net_device *port,
			  const struct net_device *out)
{
	return !vho_conntrack_any() ||
	       (!skb->_nfct && skb->skb_iif == port->ifindex && net_eq(dev_net(port), dev_net(out)) &&
		!netif_is_ovs_port(port));
}
