/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Listeners and local addresses of the guests.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_LISTENER_H
#define _VHO_LISTENER_H

#include <linux/in6.h>
#include <linux/list.h>
#include <linux/types.h>

struct vho_flow_key;
struct vho_port;

#define VHO_LISTENERS_MAX	1024	/* per port */
#define VHO_ADDRS_MAX		64	/* per port */
#define VHO_BACKLOG_MAX		4096

/* A listener of a guest; owner slow path, but for the lookup by softirq under RCU. */
struct vho_listener;

int vho_listeners_init(void);
void vho_listeners_exit(void);

/* RCU read side, any context: does the guest of the port want the SYN for @key? */
bool vho_listener_wants(struct vho_port *port, const struct vho_flow_key *key);

/* Slow path. VIRTUOSO_STATUS_*. */
u32 vho_listener_add(struct vho_port *port, const struct in6_addr *addr, __be16 lport, u32 backlog,
		     u16 defer_s);
u32 vho_listener_del(struct vho_port *port, const struct in6_addr *addr, __be16 lport);
u32 vho_addr_add(struct vho_port *port, const struct in6_addr *addr);
u32 vho_addr_del(struct vho_port *port, const struct in6_addr *addr);
/* Slow path: the driver was reset, or the port goes. */
void vho_listeners_flush(struct vho_port *port);
/**
 * struct vho_listener_info - a listener as it is shown
 * @addr: address listened on, ::: every address of the guest
 * @lport: TCP port
 * @backlog: limit of @pending
 * @pending: connections that wait for the guest
 */
struct vho_listener_info {
	struct in6_addr addr;
	__be16 lport;
	u32 backlog;
	u32 pending;
};

/*
 * Any context: calls @show for each listener of @port from place *@item on, under RCU, until it returns
 * an error; *@item is the place where it did. Return: that error, 0: all were shown.
 */
int vho_listeners_show(struct vho_port *port, u32 *item,
		       int (*show)(const struct vho_listener_info *info, void *arg), void *arg);
/* Slow path: takes a place in the backlog, NULL: no such listener (-> *full false) or full. */
struct vho_listener *vho_listener_reserve(struct vho_port *port, const struct vho_flow_key *key,
					  bool *full);
/* Any context: how long a connection may wait for its first data before the guest hears of it. */
u16 vho_listener_defer_s(const struct vho_listener *listener);
/* Slow path: gives the place back. */
void vho_listener_release(struct vho_listener *listener);

#endif /* _VHO_LISTENER_H */
