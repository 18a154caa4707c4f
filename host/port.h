/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A port: one guest's attachment. Lifetime, and the members shared by the units
 * that serve it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PORT_H
#define _VHO_PORT_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/netdevice.h>
#include <linux/ptr_ring.h>
#include <linux/uuid.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "ctrl.h"
#include "nl_event.h"
#include "budget.h"
#include "group.h"
#include "limit.h"
#include "stats.h"
#include "vdev.h"
#include "worker.h"

struct vho_flow;
struct vho_guest_state;
struct vho_policy;
struct net;

#define VHO_PORT_NAME_MAX	(IFNAMSIZ - 1)
#define VHO_PORT_FLOWS_DEFAULT	16384
#define VHO_PORT_FLOWS_MAX	(1 << 20)
#define VHO_PORT_FRAMEQ_PACKETS	1024	/* frames waiting for the core, per port */
#define VHO_PORT_SPQ_PACKETS	256	/* packets waiting for the slow path, per port */

/* enum virtuoso_port_type is generated (uapi/linux/virtuoso.h) */

/* Bits of vho_port.work_flags */
#define VHO_PORT_SLOW_QUEUED	0	/* in the slow path's woken list or order of service */

/**
 * struct vho_port - one guest's attachment
 * @name: also the name of the host netdev; const
 * @index: small number, key part of flows; const
 * @type: enum virtuoso_port_type; const
 * @uuid: of the mediated device (type vm); const
 * @netdev: the host netdev; registered from creation to deletion
 * @mac: of the guest; const
 * @vdev: the virtio device
 * @ctrl: service of its control queue
 * @vdpa: private to vdev_vdpa.c
 * @ref: vho_port_get(), vho_port_put()
 * @list: in the list of ports, guarded by vho_ports_lock
 * @dying: deletion began (written under vho_ports_lock)
 * @mdev: the mediated device that has our driver, a reference; NULL: none (vho_ports_lock)
 * @mdev_open: a VMM has it open (vho_ports_lock)
 * @ejecting: the device, a reference, that @eject_work takes the driver off; NULL: none
 *	(vho_ports_lock to write, READ_ONCE)
 * @eject_work: see port_mdev.c
 * @free_work: frees the port after the last reference is gone
 * @max_flows: limit, settable by netlink, READ_ONCE
 * @join_off: its flows are not joined with others; settable by netlink, READ_ONCE
 * @group: what cores serve (group.h), those with an index below @nr_made. One that was made stays
 *	until the port is freed; any context
 * @nr_made: entries of @group, guarded by vho_ports_lock
 * @nr_groups: of these, those that a driver that starts now has. Guarded by vho_ports_lock and
 *	vdev.run_lock, either of them to read, or vho_port_nr_groups()
 * @budget: what the port is entitled to, all groups together; guarded by vho_ports_lock
 * @limit: limits on other things than CPU time (limit.h)
 * @join_cut: rings of joined flows were let go of while the driver was stopped (join.c); its cores write
 * @slow_node: in the slow path's woken list
 * @work_flags: VHO_PORT_SLOW_QUEUED; atomic bit operations
 * @frameq: skbs to become frames of the guest; consumer: the core of the first group; producers:
 *	softirq under the ring's producer lock
 * @spq: skbs for the slow path: SYNs and segments of flows it owns; likewise
 * @slow_guest: state of the running driver (guest_state.h), NULL while none runs; owner slow path
 * @slow_ent: its place in the slow path's order of service, owner slow path
 * @slow_msgs: messages about its flows for the slow path, any context
 * @slow_todo: of these, taken and not yet run, oldest first; owner slow path
 * @slow_msg_next: whose turn it is, a message's or a packet's; owner slow path
 * @slow_next_group: which group announces the next incoming connection; owner slow path
 * @slow_ctrl_ns: of ctrl.ns, what is charged; owner slow path
 * @slow_ns: CPU time the slow path spent for it; slow path writes, READ_ONCE
 * @listeners: listeners and addresses of the guest, owner slow path; RCU readers
 * @nr_listeners: of these, listeners
 * @listeners_gen: grows whenever one comes or goes, READ_ONCE
 * @nr_addrs: of these, addresses
 * @policy: what the operator allows, NULL: everything; RCU (policy.h)
 * @policy_pending: flows whose owner has been asked to follow a new @policy, and has not yet
 * @flows: every flow of this port, guarded by @flows_lock
 * @nr_flows: entries of @flows
 * @flows_gen: grows whenever one comes or goes
 * @flows_lock: (spinlock, BH) leaf
 * @stats: counters, per CPU
 * @told: what was told about it by events, nl_event.c
 */
struct vho_port {
	/* --- const after creation --- */
	char name[VHO_PORT_NAME_MAX + 1];
	u32 index;
	u8 type;
	guid_t uuid;
	struct net_device *netdev;
	u8 mac[ETH_ALEN];

	/* --- device --- */
	struct vho_vdev vdev;
	struct vho_ctrl ctrl;
	void *vdpa;

	/* --- lifetime --- */
	struct kref ref;
	struct list_head list;
	bool dying;
	struct device *mdev;
	bool mdev_open;
	struct device *ejecting;
	struct work_struct eject_work;
	struct work_struct free_work;
	u32 max_flows;
	bool join_off;

	/* --- fast path --- */
	struct vho_group *group[VHO_GROUPS_MAX];
	unsigned int nr_made;
	unsigned int nr_groups;
	struct vho_budget_cfg budget;
	struct vho_limit limit;
	bool join_cut;

	/* --- work for core and slow path, any context --- */
	struct llist_node slow_node;
	unsigned long work_flags;
	struct ptr_ring frameq;
	struct ptr_ring spq;

	/* --- slow path --- */
	struct vho_guest_state *slow_guest;
	struct vho_sched_ent slow_ent;
	struct llist_head slow_msgs;
	struct llist_node *slow_todo;
	bool slow_msg_next;
	unsigned int slow_next_group;
	u64 slow_ctrl_ns;
	u64 slow_ns;
	struct list_head listeners;
	u32 nr_listeners;
	u32 listeners_gen;
	u32 nr_addrs;

	/* --- policy --- */
	struct vho_policy __rcu *policy;
	atomic_t policy_pending;

	/* --- flows --- */
	spinlock_t flows_lock;
	struct list_head flows;
	u32 nr_flows;
	u32 flows_gen;

	struct vho_stats __percpu *stats;
	struct vho_nl_told told;
};

extern struct mutex vho_ports_lock;	/* rank 0: list of ports, creation and deletion */

struct vho_port_config {
	const char *name;
	u8 type;
	u8 mac[ETH_ALEN];	/* all zero: random */
	u32 max_flows;		/* 0: default */
	u32 mtu;		/* 0: 1500 */
	u32 nr_groups;		/* 0: 1 */
	guid_t uuid;		/* null: random */
};

/*
 * Netlink and transports; process context. Errors come with a message in @extack.
 * vho_port_create(): registers the netdev (and, type container, the vDPA device). Returns a
 * reference. -EEXIST, -EINVAL, -ENOMEM, -ENFILE.
 */
struct netlink_ext_ack;
struct vho_port *vho_port_create(struct net *net, const struct vho_port_config *cfg,
				 struct netlink_ext_ack *extack);
/*
 * How many cores may serve @port at once: its number of groups, 1 to VHO_GROUPS_MAX. Not while a driver
 * runs; takes vho_ports_lock and vdev.run_lock, waits for the cores. -ERANGE, -EBUSY, -ENOMEM, -ENOSPC, -ENODEV.
 */
int vho_port_set_groups(struct vho_port *port, u32 nr, struct netlink_ext_ack *extack);
/*
 * Unreachable, quiesce, free. Type vm: -EBUSY while a VMM has the device open; with @force it is asked
 * to let go, and waited for: -EBUSY when it does not in time, -EINTR.
 */
int vho_port_delete(struct vho_port *port, bool force, struct netlink_ext_ack *extack);
struct vho_port *vho_port_find(const char *name);
struct vho_port *vho_port_find_uuid(const guid_t *uuid);
/* Caller holds vho_ports_lock. For dumps: port with the smallest index >= @index, NULL: none. No reference. */
struct vho_port *vho_port_next(u32 index);
/* Ports of type vm without a bound transport, for available_instances. */
unsigned int vho_port_count_idle_vm(void);
void vho_port_get(struct vho_port *port);
void vho_port_put(struct vho_port *port);

int vho_ports_init(void);
void vho_ports_exit(void);	/* module exit: deletes container ports; vm ports are gone by then */

/* --- port_netdev.c --- */
int vho_port_netdev_create(struct vho_port *port, struct net *net, u32 mtu,
			   struct netlink_ext_ack *extack);
/* From then on nothing enters the port's queues. Process context. */
void vho_port_netdev_unregister(struct vho_port *port);
void vho_port_netdev_free(struct vho_port *port);
/* A packet of the guest enters the network through the port's netdev. Process context or softirq. */
void vho_port_netdev_rx(struct vho_port *port, struct sk_buff *skb);
/*
 * A segment to the guest came by an uplink: @skb as vho_packet_parse() leaves it, with its flow, goes to the core. The
 * netdev is up. SOFT, RCU read side.
 */
void vho_port_netdev_take(struct vho_port *port, struct sk_buff *skb);
void vho_port_netdev_carrier(struct vho_port *port, bool up);
/* Largest TCP segment over IPv4 that the port's MTU allows, bytes, options not deducted. Any context. */
u16 vho_port_mss(const struct vho_port *port);
/*
 * What net.ipv4.tcp_ecn says where the port's netdev is: 0: no ECN, 1: ask for it and accept it, else: accept
 * it from peers that ask. Any context.
 */
u8 vho_port_ecn(const struct vho_port *port);

/* Any context, a hint: groups that a driver has. They are there. */
static inline unsigned int vho_port_nr_groups(const struct vho_port *port)
{
	/* Pairs with vho_port_regroup(). */
	return smp_load_acquire(&port->nr_groups);
}

/* CPU time spent in turns of its groups. Any context. */
u64 vho_port_busy_ns(const struct vho_port *port);

/* --- stats.c --- */
void vho_port_stat_add(struct vho_port *port, enum vho_stat stat, u64 n);
static inline void vho_port_stat_inc(struct vho_port *port, enum vho_stat stat)
{
	vho_port_stat_add(port, stat, 1);
}

void vho_port_stats_sum(struct vho_port *port, u64 sum[VHO_STAT_NR]);

#endif /* _VHO_PORT_H */
