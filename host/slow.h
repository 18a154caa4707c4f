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
/* Port creation. */
void vho_slow_port_init(struct vho_port *port);
/* No port is in the order of service. */
void vho_slow_sched_init(void);
/* One round of the thread, which owns the order of service. */
bool vho_slow_serve(struct vho_worker *worker, u64 now_ns);
/* The thread: @ns were spent for @port. */
void vho_slow_charge(struct vho_port *port, u64 ns);
void vho_slow_exit(void);
/* Any context: the slow path has work for @port. The caller holds the port for the time of the call. */
void vho_slow_wake_port(struct vho_port *port);
/* Likewise: a message about @port, which waits for the port's turn. @msg must not be pending. */
void vho_slow_post(struct vho_port *port, struct vho_msg *msg);
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

/**
 * struct vho_sp_stop - a walk that ends the flows which the slow path owns for a port
 * @port: port
 * @left: flows of @port not yet visited
 * @at: the last one visited, with a reference
 * @all: they are forgotten whatever the guest says
 */
struct vho_sp_stop {
	struct vho_port *port;
	u32 left;
	struct vho_flow *at;
	bool all;
};

/* Flows that come later are not part of the walk. */
void vho_sp_stop_init(struct vho_sp_stop *stop, struct vho_port *port, bool all);
/* Return: another step is needed. */
bool vho_sp_stop_step(struct vho_sp_stop *stop);

#endif /* _VHO_SLOW_H */
