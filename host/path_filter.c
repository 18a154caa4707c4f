// SPDX-License-Identifier: GPL-2.0
/*
 * Filters in the switch that a one-shot path would go past.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <net/geneve.h>
#include <net/gre.h>
#include <net/sch_generic.h>
#include <net/tcx.h>
#include <net/vxlan.h>

#include "headers.h"
#include "path_filter.h"
#include "port.h"

/* Programs or classifiers at a device's tc hook? A qdisc that holds none does not count. */
static bool vho_filter_tc(struct bpf_mprog_entry *entry)
{
	struct mini_Qdisc *miniq;

	if (!entry)
		return false;
	miniq = rcu_dereference(tcx_entry(entry)->miniq);
	return bpf_mprog_total(entry) || (miniq && READ_ONCE(miniq->filter_list));
}

/* A queueing discipline that somebody has chosen; the kernel's own choice has no handle. */
static bool vho_filter_qdisc(const struct net_device *dev)
{
	const struct Qdisc *q = rcu_dereference(dev->qdisc);

	return q && q->handle;
}

/* What is sent passes it in one direction, what is received in the other. */
static bool vho_filter_at(const struct net_device *dev)
{
	return vho_filter_tc(rcu_dereference(dev->tcx_ingress)) ||
	       vho_filter_tc(rcu_dereference(dev->tcx_egress)) ||
	       rcu_access_pointer(dev->nf_hooks_ingress) || rcu_access_pointer(dev->nf_hooks_egress) ||
	       vho_filter_qdisc(dev);
}

struct vho_filter_walk {
	const struct net_device *uplink;
	bool tunneled;
};

/* A device that wraps packets, as the path's headers say that some did? Other ports are not in the way. */
static bool vho_filter_in_the_way(const struct vho_filter_walk *walk, const struct net_device *dev)
{
	if (dev == walk->uplink)
		return false;
	if (is_vlan_dev(dev))
		return true;
	return walk->tunneled &&
	       (netif_is_vxlan(dev) || netif_is_geneve(dev) || netif_is_gretap(dev));
}

static int vho_filter_lower(struct net_device *dev, struct netdev_nested_priv *priv)
{
	const struct vho_filter_walk *walk = priv->data;

	return vho_filter_in_the_way(walk, dev) && vho_filter_at(dev);
}

/**
 * vho_path_filtered() - would a path go past filters?
 * @port: whose packets
 * @uplink: where they leave
 * @h: headers that they have there
 *
 * Context: RCU read side.
 * Return: there are classifiers, programs, netdev chains or chosen queueing disciplines at the port's netdev,
 * at its master, or at a tunnel or VLAN device among the master's ports. Those at the uplink are not gone past.
 */
bool vho_path_filtered(const struct vho_port *port, const struct net_device *uplink,
		       const struct vho_headers *h)
{
	struct vho_filter_walk walk = { .uplink = uplink, .tunneled = vho_headers_tunneled(h) };
	struct netdev_nested_priv priv = { .data = &walk };
	struct net_device *master;

	if (vho_filter_at(port->netdev))
		return true;
	master = netdev_master_upper_dev_get_rcu(port->netdev);
	if (!master)
		return false;
	return vho_filter_at(master) || netdev_walk_all_lower_dev_rcu(master, vho_filter_lower, &priv);
}
