/* SPDX-License-Identifier: GPL-2.0 */
/*
 * State of a network namespace: the switch, and counters in /proc/net/virtuoso.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_PERNET_H
#define _VGU_PERNET_H

#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct ctl_table;
struct ctl_table_header;
struct net;

/* name: one sentence. Free-running. */
#define VGU_NET_COUNTERS(X)							\
	X(born)			/* sockets that were made ours at socket() */	\
	X(offloaded_active)	/* connections that connect() offloaded */	\
	X(offloaded_passive)	/* connections that a listener got offloaded */	\
	X(tx_bytes)		/* payload written into transmit rings */	\
	X(rx_bytes)		/* payload read from receive rings */		\
	X(native_loopback)	/* connect(): destination is this machine */	\
	X(native_netdev)	/* connect(): route leaves by another netdev */	\
	X(native_route)		/* connect(): no (unicast) route */		\
	X(native_xfrm)		/* connect(): route has a transformation */	\
	X(native_fastopen)	/* connect(): TCP Fast Open asked for */	\
	X(native_repair)	/* connect(): TCP_REPAIR */			\
	X(native_auth)		/* connect(): TCP-MD5 or TCP-AO keys */		\
	X(native_transparent)	/* connect(): IP_TRANSPARENT */			\
	X(native_ulp)		/* an upper-layer protocol was asked for */	\
	X(native_options)	/* connect(): IP options */			\
	X(native_filter)	/* connect(): socket filter attached */		\
	X(native_tstamp)	/* connect(): SO_TIMESTAMPING */		\
	X(native_disabled)	/* connect(): net.virtuoso.enabled is 0 */	\
	X(native_nomem)		/* connect(): no payload rings or flow left */	\
	X(native_detour)	/* SYN went another way than its route said */	\
	X(native_child)		/* listener: connection came natively */	\
	X(connect_failed)	/* device could not connect */			\
	X(incoming)		/* connections the device announced */		\
	X(incoming_refused)	/* of these, refused */				\
	X(incoming_retried)	/* times one was offered to its listener again */ \
	X(reset)		/* connections the device reported as reset */	\
	X(bad_record)		/* records with impossible values */		\
	X(next_hop_changed)	/* times the device was told another next hop */

struct vgu_net_counters {
#define VGU_NET_COUNTER_MEMBER(name) u64 name;
	VGU_NET_COUNTERS(VGU_NET_COUNTER_MEMBER)
#undef VGU_NET_COUNTER_MEMBER
};

/**
 * struct vgu_net - per network namespace
 * @enabled: sysctl net.virtuoso.enabled: new sockets and listeners may be offloaded
 * @counters: see VGU_NET_COUNTERS
 * @table: sysctl table of the namespace
 * @header: its registration
 * @orphans_lock: spin_bh, innermost; guards @orphans
 * @orphans: connections whose sockets are orphans and do not hold the namespace
 */
struct vgu_net {
	int enabled;
	struct vgu_net_counters __percpu *counters;
	struct ctl_table *table;
	struct ctl_table_header *header;
	spinlock_t orphans_lock;
	struct list_head orphans;
};

struct vgu_net *vgu_pernet(const struct net *net);

/* Adds to a counter of a namespace. Any context. */
#define vgu_net_add(net, name, n) this_cpu_add(vgu_pernet(net)->counters->name, (n))
#define vgu_net_count(net, name) vgu_net_add(net, name, 1)

/* The same for the namespace of a netdev, which may be leaving it, so that it goes. */
#define vgu_netdev_count(netdev, name) do {			\
	rcu_read_lock();					\
	vgu_net_count(dev_net(netdev), name);			\
	rcu_read_unlock();					\
} while (0)

/* The same for a counter known by its place in struct vgu_net_counters. */
void vgu_net_count_at(const struct net *net, size_t offset);

int vgu_pernet_init(void);
void vgu_pernet_exit(void);

#endif /* _VGU_PERNET_H */
