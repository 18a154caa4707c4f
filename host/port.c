// SPDX-License-Identifier: GPL-2.0
/*
 * Ports: creation, lookup, deletion.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <uapi/linux/virtuoso.h>

#include "core.h"
#include "cores.h"
#include "flow.h"
#include "fp.h"
#include "nl_event.h"
#include "packet.h"
#include "policy.h"
#include "port.h"
#include "port_mdev.h"
#include "segment.h"
#include "slow.h"

DEFINE_MUTEX(vho_ports_lock);

/* For so long a VMM may take to let go of a device. A guest that ignores its button is given 5 s by itself. */
#define VHO_PORT_LET_GO_S	20

static LIST_HEAD(vho_ports);			/* by index; vho_ports_lock */
static u32 vho_port_next_index = 1;		/* vho_ports_lock; never used twice */
static atomic_t vho_port_objects;		/* struct vho_port not yet freed */
static DECLARE_WAIT_QUEUE_HEAD(vho_port_objects_wait);
static struct workqueue_struct *vho_port_wq;	/* frees ports */

static void vho_port_drop_skb(void *skb)
{
	struct vho_flow *flow = vho_packet(skb)->flow;

	if (flow)
		vho_flow_put(flow);
	kfree_skb(skb);
}

static void vho_port_free(struct vho_port *port)
{
	unsigned int i;

	if (port->netdev)
		vho_port_netdev_free(port);
	for (i = 0; i < port->nr_made; i++)
		vho_group_free(port->group[i]);
	ptr_ring_cleanup(&port->frameq, vho_port_drop_skb);
	ptr_ring_cleanup(&port->spq, vho_port_drop_skb);
	vho_policy_port_exit(port);
	free_percpu(port->stats);
	kfree(port);
	if (atomic_dec_and_test(&vho_port_objects))
		wake_up(&vho_port_objects_wait);
}

static void vho_port_free_work(struct work_struct *work)
{
	struct vho_port *port = container_of(work, struct vho_port, free_work);

	vho_cores_forget(port);
	vho_port_free(port);
}

/* The last reference may go in softirq (a packet's): freeing needs process context. */
static void vho_port_release(struct kref *ref)
{
	struct vho_port *port = container_of(ref, struct vho_port, ref);

	INIT_WORK(&port->free_work, vho_port_free_work);
	queue_work(vho_port_wq, &port->free_work);
}

void vho_port_get(struct vho_port *port)
{
	kref_get(&port->ref);
}

void vho_port_put(struct vho_port *port)
{
	kref_put(&port->ref, vho_port_release);
}

/*
 * Makes groups until there are @nr of them, each with a place on a core. vho_ports_lock is held. Those of
 * a failed attempt stay, unused.
 */
static int vho_port_make_groups(struct vho_port *port, unsigned int nr)
{
	struct vho_group *group;
	unsigned int i;

	for (i = port->nr_made; i < nr; i++) {
		group = vho_group_alloc(port, i, vho_cores_next_node(port));
		if (!group)
			return -ENOMEM;
		vho_cores_place(group);
		vho_segment_group_init(group);
		/* Readers without the lock find it complete. */
		smp_store_release(&port->group[i], group);
		port->nr_made++;
	}
	return 0;
}

/* Nobody has seen the port. Drops what its groups hold. */
static void vho_port_abandon(struct vho_port *port)
{
	unsigned int i;

	vho_cores_unplace(port);
	for (i = 0; i < port->nr_made; i++)
		vho_segment_group_exit(port->group[i]);
	vho_port_put(port);
}

/* vho_ports_lock is held. */
static struct vho_port *vho_port_alloc(const struct vho_port_config *cfg)
{
	const struct vho_budget_cfg budget = VHO_BUDGET_CFG_DEFAULT;
	int node = vho_cores_next_node(NULL);
	struct vho_port *port = kzalloc_node(sizeof(*port), GFP_KERNEL, node);

	if (!port)
		return NULL;
	atomic_inc(&vho_port_objects);
	kref_init(&port->ref);
	strscpy(port->name, cfg->name, sizeof(port->name));
	port->type = cfg->type;
	port->max_flows = cfg->max_flows ?: VHO_PORT_FLOWS_DEFAULT;
	port->nr_groups = cfg->nr_groups ?: 1;
	port->budget = budget;
	if (is_zero_ether_addr(cfg->mac))
		eth_random_addr(port->mac);
	else
		ether_addr_copy(port->mac, cfg->mac);
	if (guid_is_null(&cfg->uuid))
		guid_gen(&port->uuid);
	else
		guid_copy(&port->uuid, &cfg->uuid);
	INIT_LIST_HEAD(&port->list);
	INIT_LIST_HEAD(&port->flows);
	INIT_LIST_HEAD(&port->listeners);
	spin_lock_init(&port->flows_lock);
	vho_limit_init(port);
	vho_ctrl_init(&port->ctrl);
	vho_slow_port_init(port);
	port->stats = alloc_percpu(struct vho_stats);
	if (!port->stats || vho_policy_port_init(port) ||
	    vho_group_queue_init(&port->frameq, VHO_PORT_FRAMEQ_PACKETS, node) ||
	    vho_group_queue_init(&port->spq, VHO_PORT_SPQ_PACKETS, node)) {
		vho_port_free(port);
		return NULL;
	}
	if (vho_port_make_groups(port, port->nr_groups)) {
		vho_port_abandon(port);
		return NULL;
	}
	return port;
}

static struct vho_port *vho_port_find_locked(const char *name)
{
	struct vho_port *port;

	list_for_each_entry(port, &vho_ports, list)
		if (!strcmp(port->name, name))
			return port;
	return NULL;
}

static bool vho_port_uuid_taken(const guid_t *uuid)
{
	struct vho_port *port;

	list_for_each_entry(port, &vho_ports, list)
		if (port->type == VIRTUOSO_PORT_TYPE_VM && guid_equal(&port->uuid, uuid))
			return true;
	return false;
}

static int vho_port_check(const struct vho_port_config *cfg, struct netlink_ext_ack *extack)
{
	if (!dev_valid_name(cfg->name)) {
		NL_SET_ERR_MSG(extack, "invalid port name");
		return -EINVAL;
	}
	if (cfg->type != VIRTUOSO_PORT_TYPE_VM && cfg->type != VIRTUOSO_PORT_TYPE_CONTAINER) {
		NL_SET_ERR_MSG(extack, "unknown port type");
		return -EINVAL;
	}
	if (!is_zero_ether_addr(cfg->mac) && !is_valid_ether_addr(cfg->mac)) {
		NL_SET_ERR_MSG(extack, "invalid MAC address");
		return -EADDRNOTAVAIL;
	}
	if (cfg->max_flows > VHO_PORT_FLOWS_MAX) {
		NL_SET_ERR_MSG(extack, "max-flows is out of range");
		return -ERANGE;
	}
	if (cfg->nr_groups > VHO_GROUPS_MAX) {
		NL_SET_ERR_MSG(extack, "cores is out of range (1 to 8)");
		return -ERANGE;
	}
	if (cfg->mtu && (cfg->mtu < ETH_MIN_MTU || cfg->mtu > ETH_MAX_MTU - ETH_HLEN)) {
		NL_SET_ERR_MSG(extack, "mtu is out of range");
		return -ERANGE;
	}
	if (vho_port_find_locked(cfg->name)) {
		NL_SET_ERR_MSG(extack, "a port of this name exists");
		return -EEXIST;
	}
	if (vho_port_uuid_taken(&cfg->uuid)) {
		NL_SET_ERR_MSG(extack, "a port with this UUID exists");
		return -EEXIST;
	}
	return 0;
}

/* Makes the port unreachable, waits until nobody works for it, drops the list's reference. */
static void vho_port_destroy(struct vho_port *port)
{
	unsigned int i;

	list_del_init(&port->list);
	vho_cores_unplace(port);
	vho_port_netdev_unregister(port);
	vho_fp_port_detach(port);
	vho_slow_port_detach(port);
	vho_ctrl_drain(port);	/* after the last kick */
	for (i = 0; i < port->nr_made; i++)
		vho_segment_group_exit(port->group[i]);
	vho_nl_event_port_removed(port);
	vho_port_put(port);
}

struct vho_port *vho_port_create(struct net *net, const struct vho_port_config *cfg,
				 struct netlink_ext_ack *extack)
{
	u32 mtu = cfg->mtu ?: ETH_DATA_LEN;
	struct vho_port *port;
	int err;

	mutex_lock(&vho_ports_lock);
	err = vho_port_check(cfg, extack);
	if (err)
		goto err_unlock;
	port = vho_port_alloc(cfg);
	if (!port) {
		err = -ENOMEM;
		goto err_unlock;
	}
	port->index = vho_port_next_index++;
	vho_vdev_init(&port->vdev, port, port->mac, mtu);
	err = vho_port_netdev_create(port, net, mtu, extack);
	if (err) {
		vho_port_abandon(port);
		goto err_unlock;
	}
	list_add_tail(&port->list, &vho_ports);
	vho_nl_event_port_added(port);
	if (port->type == VIRTUOSO_PORT_TYPE_CONTAINER) {
		err = vho_vdpa_add(port);
		if (err) {
			NL_SET_ERR_MSG(extack, "the vDPA device cannot be registered");
			vho_port_destroy(port);
			goto err_unlock;
		}
	}
	vho_port_get(port);
	mutex_unlock(&vho_ports_lock);
	return port;

err_unlock:
	mutex_unlock(&vho_ports_lock);
	return ERR_PTR(err);
}

static int vho_port_delete_locked(struct vho_port *port, struct netlink_ext_ack *extack)
{
	if (list_empty(&port->list)) {
		NL_SET_ERR_MSG(extack, "the port is being deleted");
		return -ENODEV;
	}
	if (port->mdev) {
		NL_SET_ERR_MSG(extack, "the port has just got a device");
		return -EBUSY;
	}
	port->dying = true;
	if (port->type == VIRTUOSO_PORT_TYPE_CONTAINER)
		vho_vdpa_del(port);
	vho_port_destroy(port);
	return 0;
}

int vho_port_delete(struct vho_port *port, bool force, struct netlink_ext_ack *extack)
{
	int err;

	mutex_lock(&vho_ports_lock);
	err = vho_port_mdev_eject(port, force, VHO_PORT_LET_GO_S * HZ, extack);
	if (!err)
		err = vho_port_delete_locked(port, extack);
	mutex_unlock(&vho_ports_lock);
	return err;
}

/* vho_ports_lock and vdev.run_lock are held. */
static int vho_port_regroup(struct vho_port *port, unsigned int nr, struct netlink_ext_ack *extack)
{
	int err;

	if (port->vdev.running) {
		NL_SET_ERR_MSG(extack, "the number of cores cannot change while a driver runs");
		return -EBUSY;
	}
	err = vho_port_make_groups(port, nr);
	if (err)
		return err;
	err = vho_budget_regroup(port, nr, extack);
	if (!err)
		/* So many groups are there: Pairs with vho_port_nr_groups(). */
		smp_store_release(&port->nr_groups, nr);
	return err;
}

int vho_port_set_groups(struct vho_port *port, u32 nr, struct netlink_ext_ack *extack)
{
	int err = 0;

	if (!nr || nr > VHO_GROUPS_MAX) {
		NL_SET_ERR_MSG(extack, "cores is out of range (1 to 8)");
		return -ERANGE;
	}
	mutex_lock(&vho_ports_lock);
	if (list_empty(&port->list)) {
		NL_SET_ERR_MSG(extack, "the port is being deleted");
		err = -ENODEV;
	} else if (nr != port->nr_groups) {
		mutex_lock(&port->vdev.run_lock);
		err = vho_port_regroup(port, nr, extack);
		mutex_unlock(&port->vdev.run_lock);
	}
	mutex_unlock(&vho_ports_lock);
	return err;
}

struct vho_port *vho_port_find(const char *name)
{
	struct vho_port *port;

	mutex_lock(&vho_ports_lock);
	port = vho_port_find_locked(name);
	if (port)
		vho_port_get(port);
	mutex_unlock(&vho_ports_lock);
	return port;
}

struct vho_port *vho_port_find_uuid(const guid_t *uuid)
{
	struct vho_port *port, *found = NULL;

	mutex_lock(&vho_ports_lock);
	list_for_each_entry(port, &vho_ports, list) {
		if (port->type == VIRTUOSO_PORT_TYPE_VM && guid_equal(&port->uuid, uuid)) {
			found = port;
			vho_port_get(found);
			break;
		}
	}
	mutex_unlock(&vho_ports_lock);
	return found;
}

u64 vho_port_busy_ns(const struct vho_port *port)
{
	u64 busy_ns = 0;
	unsigned int i;

	for (i = 0; i < VHO_GROUPS_MAX && READ_ONCE(port->group[i]); i++)
		busy_ns += READ_ONCE(port->group[i]->busy_ns);
	return busy_ns;
}

struct vho_port *vho_port_next(u32 index)
{
	struct vho_port *port;

	lockdep_assert_held(&vho_ports_lock);
	list_for_each_entry(port, &vho_ports, list)
		if (port->index >= index)
			return port;
	return NULL;
}

unsigned int vho_port_count_idle_vm(void)
{
	struct vho_port *port;
	unsigned int n = 0;

	mutex_lock(&vho_ports_lock);
	list_for_each_entry(port, &vho_ports, list)
		n += port->type == VIRTUOSO_PORT_TYPE_VM && !port->mdev;
	mutex_unlock(&vho_ports_lock);
	return n;
}

int vho_ports_init(void)
{
	vho_port_wq = alloc_workqueue("virtuoso_port", 0, 0);
	return vho_port_wq ? 0 : -ENOMEM;
}

void vho_ports_exit(void)
{
	struct vho_port *port, *next;

	mutex_lock(&vho_ports_lock);
	list_for_each_entry_safe(port, next, &vho_ports, list)
		vho_port_delete_locked(port, NULL);
	mutex_unlock(&vho_ports_lock);
	/* Flows and packets under way hold ports. */
	wait_event(vho_port_objects_wait, !atomic_read(&vho_port_objects));
	vho_policy_exit();
	destroy_workqueue(vho_port_wq);
	/*
	 * Whoever freed the last packet with guest memory has yet to return from
	 * vho_segment_ubuf_complete(), which is about to go: in an interrupt or with softirqs off (the first
	 * waits for those), or in a task that may even have been preempted there (the second).
	 */
	synchronize_rcu();
	synchronize_rcu_tasks();
}
