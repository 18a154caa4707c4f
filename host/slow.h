/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The slow path: one unbound kthread for handshakes, listeners and TIME-WAIT.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_SLOW_H
#define _VHO_SLOW_H

#include <linux/types.h>

#include "worker.h"

struct sk_buff;
struct vho_flow;
struct vho_guest_state;
struct vho_port;

extern struct vho_worker vho_slow;

int vho_slow_init(void);
void vho_slow_exit(void);
/* Any context: the slow path has work for @port. */
void vho_slow_wake_port(struct vho_port *port);
/* Process context; wait for the slow path. */
void vho_slow_guest_start(struct vho_port *port, struct vho_guest_state *guest);
void vho_slow_guest_stop(struct vho_port *port);
/* The port goes away, nothing wakes it any more: forgets its flows and queues. */
void vho_slow_port_detach(struct vho_port *port);

/* --- sp_conn.c, slow path --- */
/* A packet for a listener or for a flow that the slow path owns. Consumes @skb. */
void vho_sp_rx(struct vho_port *port, struct sk_buff *skb, u64 now_ns);
void vho_sp_flow_msg(struct vho_worker *worker, struct vho_msg *msg);
void vho_sp_flow_timer(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns);
/* Every flow the slow path owns for @port is reset; @all: forgotten whatever the guest says. */
void vho_sp_port_stop(struct vho_port *port, bool all);

#endif /* _VHO_SLOW_H */
