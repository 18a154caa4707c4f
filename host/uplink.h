/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Uplinks: netdevs by which packets leave the machine and come in.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_UPLINK_H
#define _VHO_UPLINK_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>

struct netlink_ext_ack;

/**
 * struct vho_uplink - a netdev at whose hooks paths are learned and flows are found
 * @dev: the netdev, held until the uplink is removed; const
 * @bypass: paths may go past filters and policers on the way to it; const
 * @dead: it is being removed: nothing is learned here any more, READ_ONCE
 * @ops: egress hook (vho_path_egress()) and ingress hook (vho_path_ingress()), priv is the uplink
 * @list: in the list of uplinks; RTNL
 * @tracker: of the reference to @dev
 * @ref: the list's, and one of each path through it
 * @rcu: it is freed after a grace period
 * @learned: templates learned here
 * @probes: probes that arrived here
 */
struct vho_uplink {
	struct net_device *dev;
	bool bypass;
	bool dead;
	struct nf_hook_ops ops[2];
	struct list_head list;
	netdevice_tracker tracker;
	struct kref ref;
	struct rcu_head rcu;
	atomic64_t learned;
	atomic64_t probes;
};

/* Are there uplinks? Any context, a hint. */
bool vho_uplinks_any(void);
/* Process context, RTNL not held. -EEXIST, -EINVAL, -ENOMEM, -ENODEV. */
int vho_uplink_add(struct net *net, const char *name, bool bypass, struct netlink_ext_ack *extack);
int vho_uplink_del(struct net *net, const char *name, struct netlink_ext_ack *extack);
/* Caller holds RTNL. The first uplink, or the one after @prev; NULL: none. */
struct vho_uplink *vho_uplink_next(struct vho_uplink *prev);
/* Caller holds RTNL. */
struct vho_uplink *vho_uplink_find(const struct net_device *dev);
void vho_uplink_get(struct vho_uplink *uplink);
void vho_uplink_put(struct vho_uplink *uplink);

int vho_uplinks_init(void);
void vho_uplinks_exit(void);

#endif /* _VHO_UPLINK_H */
