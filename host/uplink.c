// SPDX-License-Identifier: GPL-2.0
/*
 * Uplinks: adding and removing them, their hooks.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/netlink.h>

#include "path.h"
#include "path_event.h"
#include "path_probe.h"
#include "slow.h"
#include "uplink.h"

/* Entries of vho_uplink.ops */
#define VHO_UPLINK_EGRESS	0
#define VHO_UPLINK_INGRESS	1

static LIST_HEAD(vho_uplinks);		/* RTNL */
static unsigned int vho_uplinks_nr;	/* RTNL; READ_ONCE */

bool vho_uplinks_any(void)
{
	return READ_ONCE(vho_uplinks_nr);
}

struct vho_uplink *vho_uplink_next(struct vho_uplink *prev)
{
	ASSERT_RTNL();
	if (!prev)
		return list_first_entry_or_null(&vho_uplinks, struct vho_uplink, list);
	return list_is_last(&prev->list, &vho_uplinks) ? NULL : list_next_entry(prev, list);
}

struct vho_uplink *vho_uplink_find(const struct net_device *dev)
{
	struct vho_uplink *uplink;

	list_for_each_entry(uplink, &vho_uplinks, list)
		if (uplink->dev == dev)
			return uplink;
	return NULL;
}

void vho_uplink_get(struct vho_uplink *uplink)
{
	kref_get(&uplink->ref);
}

static void vho_uplink_release(struct kref *ref)
{
	kfree_rcu(container_of(ref, struct vho_uplink, ref), rcu);
}

void vho_uplink_put(struct vho_uplink *uplink)
{
	kref_put(&uplink->ref, vho_uplink_release);
}

/*
 * Our egress hook comes first, so that it sees the packet as the switch made it. The ingress hook comes
 * last: what others at this device would drop is not taken past them.
 */
static void vho_uplink_hooks_init(struct vho_uplink *uplink)
{
	uplink->ops[VHO_UPLINK_EGRESS] = (struct nf_hook_ops) {
		.hook = vho_path_egress,
		.dev = uplink->dev,
		.priv = uplink,
		.pf = NFPROTO_NETDEV,
		.hooknum = NF_NETDEV_EGRESS,
		.priority = INT_MIN,
	};
	uplink->ops[VHO_UPLINK_INGRESS] = (struct nf_hook_ops) {
		.hook = vho_path_ingress,
		.dev = uplink->dev,
		.priv = uplink,
		.pf = NFPROTO_NETDEV,
		.hooknum = NF_NETDEV_INGRESS,
		.priority = INT_MAX,
	};
}

static struct vho_uplink *vho_uplink_new(struct net_device *dev, bool bypass)
{
	struct vho_uplink *uplink = kzalloc(sizeof(*uplink), GFP_KERNEL);

	if (!uplink)
		return NULL;
	uplink->dev = dev;
	uplink->bypass = bypass;
	kref_init(&uplink->ref);
	vho_uplink_hooks_init(uplink);
	return uplink;
}

static int vho_uplink_check(const struct net_device *dev, struct netlink_ext_ack *extack)
{
	if (dev->type != ARPHRD_ETHER || dev->hard_header_len < ETH_HLEN || (dev->flags & IFF_LOOPBACK)) {
		NL_SET_ERR_MSG(extack, "an uplink is an Ethernet device");
		return -EINVAL;
	}
	if (vho_uplink_find(dev)) {
		NL_SET_ERR_MSG(extack, "it is an uplink already");
		return -EEXIST;
	}
	return 0;
}

static int vho_uplink_add_dev(struct net_device *dev, bool bypass, struct netlink_ext_ack *extack)
{
	struct vho_uplink *uplink;
	int err;

	err = vho_uplink_check(dev, extack);
	if (err)
		return err;
	uplink = vho_uplink_new(dev, bypass);
	if (!uplink)
		return -ENOMEM;
	err = nf_register_net_hooks(dev_net(dev), uplink->ops, ARRAY_SIZE(uplink->ops));
	if (err) {
		NL_SET_ERR_MSG(extack, "hooks cannot be registered at the device");
		kfree(uplink);
		return err;
	}
	netdev_hold(dev, &uplink->tracker, GFP_KERNEL);
	list_add_tail(&uplink->list, &vho_uplinks);
	WRITE_ONCE(vho_uplinks_nr, vho_uplinks_nr + 1);
	/* Flows that were too early for it learn their path now. */
	vho_path_probe_all();
	return 0;
}

static struct net_device *vho_uplink_dev(struct net *net, const char *name,
					 struct netlink_ext_ack *extack)
{
	struct net_device *dev = __dev_get_by_name(net, name);

	if (!dev)
		NL_SET_ERR_MSG_FMT(extack, "there is no network interface named %s", name);
	return dev;
}

/**
 * vho_uplink_add() - let packets take the one-shot path through a device
 * @net: where the device is, with a reference
 * @name: its name
 * @bypass: paths may go past filters on the way to it
 * @extack: why not
 *
 * Context: NL, RTNL not held.
 * Return: 0, -ENODEV, -EINVAL: not an Ethernet device, -EEXIST, -ENOMEM.
 */
int vho_uplink_add(struct net *net, const char *name, bool bypass, struct netlink_ext_ack *extack)
{
	struct net_device *dev;
	int err = -ENODEV;

	vho_path_events_listen(net);
	rtnl_lock();
	dev = vho_uplink_dev(net, name, extack);
	if (dev)
		err = vho_uplink_add_dev(dev, bypass, extack);
	rtnl_unlock();
	return err;
}

/* RTNL is held. Nobody sends or learns by it when this returns. */
static void vho_uplink_remove(struct vho_uplink *uplink)
{
	WRITE_ONCE(uplink->dead, true);
	nf_unregister_net_hooks(dev_net(uplink->dev), uplink->ops, ARRAY_SIZE(uplink->ops));
	list_del(&uplink->list);
	WRITE_ONCE(vho_uplinks_nr, vho_uplinks_nr - 1);
	/* Who was in a hook has learned what he learned; then who sends by it has ended. */
	synchronize_net();
	vho_path_lose_uplink(uplink);
	synchronize_net();
	netdev_put(uplink->dev, &uplink->tracker);
	vho_uplink_put(uplink);
}

/**
 * vho_uplink_del() - flows take no path through a device any more
 * @net: where the device is
 * @name: its name
 * @extack: why not
 *
 * Context: NL, RTNL not held.
 * Return: 0, -ENODEV, -ENOENT: it is no uplink.
 */
int vho_uplink_del(struct net *net, const char *name, struct netlink_ext_ack *extack)
{
	struct vho_uplink *uplink;
	struct net_device *dev;
	int err = -ENODEV;

	rtnl_lock();
	dev = vho_uplink_dev(net, name, extack);
	if (dev) {
		uplink = vho_uplink_find(dev);
		err = uplink ? 0 : -ENOENT;
		if (uplink)
			vho_uplink_remove(uplink);
		else
			NL_SET_ERR_MSG(extack, "it is not an uplink");
	}
	rtnl_unlock();
	return err;
}

/* RTNL. A device goes away, or moves to another namespace. */
static int vho_uplink_netdev_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct vho_uplink *uplink = vho_uplink_find(netdev_notifier_info_to_dev(ptr));

	if (!uplink)
		return NOTIFY_DONE;
	if (event == NETDEV_UNREGISTER)
		vho_uplink_remove(uplink);
	else if (event == NETDEV_GOING_DOWN)
		vho_path_lose_uplink(uplink);
	return NOTIFY_DONE;
}

static struct notifier_block vho_uplink_netdev_nb = {
	.notifier_call = vho_uplink_netdev_event,
};

static int vho_uplinks_init_paths(void)
{
	int err = vho_paths_init();

	if (err)
		return err;
	err = vho_path_rx_init();
	if (err)
		vho_paths_exit();
	return err;
}

/**
 * vho_uplinks_init() - get ready for uplinks
 *
 * Context: INIT, after the slow path has started.
 * Return: 0 or an error.
 */
int vho_uplinks_init(void)
{
	int err = vho_uplinks_init_paths();

	if (err)
		return err;
	err = register_netdevice_notifier(&vho_uplink_netdev_nb);
	if (err)
		goto out_paths;
	err = vho_path_events_init();
	if (err)
		goto out_notifier;
	return 0;

out_notifier:
	unregister_netdevice_notifier(&vho_uplink_netdev_nb);
out_paths:
	vho_path_rx_exit();
	vho_paths_exit();
	return err;
}

/**
 * vho_uplinks_exit() - remove all uplinks
 *
 * Context: INIT; no flow has a track any more.
 */
void vho_uplinks_exit(void)
{
	struct vho_uplink *uplink, *next;

	vho_path_events_exit();
	unregister_netdevice_notifier(&vho_uplink_netdev_nb);
	rtnl_lock();
	list_for_each_entry_safe(uplink, next, &vho_uplinks, list)
		vho_uplink_remove(uplink);
	rtnl_unlock();
	vho_worker_call(&vho_slow, vho_path_probes_flush, NULL);
	vho_path_rx_exit();
	vho_paths_exit();
}
