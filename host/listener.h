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
u32 vho_listener_add(struct vho_port *port, const struct in6_addr *addr, __be16 lport, u32 backlog);
u32 vho_listener_del(struct vho_port *port, const struct in6_addr *addr, __be16 lport);
u32 vho_addr_add(struct vho_port *port, const struct in6_addr *addr);
u32 vho_addr_del(struct vho_port *port, const struct in6_addr *addr);
/* Slow path: the driver was reset, or the port goes. */
void vho_listeners_flush(struct vho_port *port);
/* Slow path: takes a place in the backlog, NULL: no such listener (-> *full false) or full. */
struct vho_listener *vho_listener_reserve(struct vho_port *port, const struct vho_flow_key *key,
					  bool *full);
/* Slow path: gives the place back. */
void vho_listener_release(struct vho_listener *listener);

#endif /* _VHO_LISTENER_H */
