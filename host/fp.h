/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast path's units, all on the thread of the group's core.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_FP_H
#define _VHO_FP_H

#include <linux/types.h>

#include "worker.h"

struct sk_buff;
struct vho_core;
struct vho_flow;
struct vho_group;
struct vho_guest_state;
struct vho_port;

/* --- fp.c: a turn of one group --- */

/* Records to the guest at the end of a turn. */
#define VHO_TURN_COMPLETES	16
/* Connections reset at a time when a driver is stopped. */
#define VHO_STOP_FLOWS		16

/* Return: clock at its end. @more: something was left. */
u64 vho_fp_turn(struct vho_core *core, struct vho_group *group, u64 now_ns, bool *more, u64 *cost_ns);
/* Has a group that is polled got work? */
bool vho_fp_pending(struct vho_group *group);
/* The group leaves the order of service: kicks on. Return: work came in meanwhile. */
bool vho_fp_park(struct vho_group *group);
/* Back in the order of service: kicks off. */
void vho_fp_unpark(struct vho_group *group);
/* Process context; wait for the cores. */
void vho_fp_guest_start(struct vho_port *port, struct vho_guest_state *guest);
/* Return: the guest state, unreachable now, to be freed. */
struct vho_guest_state *vho_fp_guest_stop(struct vho_port *port);
/* The port goes away, nothing wakes it any more. */
void vho_fp_port_detach(struct vho_port *port);

/* --- fp_flow.c: flows owned by the core --- */

void vho_fp_flow_msg(struct vho_worker *worker, struct vho_msg *msg);
void vho_fp_flow_timer(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns);
/* Handles a message of the slow path, or a timer that is due. Return: there was one. */
bool vho_fp_event(struct vho_group *group, u64 now_ns);
/* group->timer: one of the group's timers is due, its turn shall see to it. */
void vho_fp_group_timer(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns);
/* Puts group->timer into its core's queue for the earliest of the group's timers. */
void vho_fp_arm(struct vho_group *group);
/*
 * A segment from group->rxq, as much as @bytes of its payload. Return: @skb is consumed; otherwise
 * it is called again with the rest.
 */
bool vho_fp_rx(struct vho_group *group, struct sk_buff *skb, u32 bytes, u64 now_ns);
/* Is @flow the core's? Adopts it when the slow path's message about that is still under way. */
bool vho_fp_owns(struct vho_flow *flow, u64 now_ns);
/* Acts on tcb.events after TCP was called, re-arms the timer. */
void vho_fp_flow_after(struct vho_flow *flow, u64 now_ns);
/* vho_tcp_output() for the next flow that wants it, @bytes at most. Return: there was one. */
bool vho_fp_output(struct vho_group *group, u32 bytes, u64 now_ns);
/* The guest has closed and TCP is done with the rings: the id goes back. */
void vho_fp_flow_release(struct vho_flow *flow);
/* An incoming connection is not waiting for the guest any more. Return: it did. Any core of the port. */
bool vho_fp_token_drop(struct vho_guest_state *guest, struct vho_flow *flow);
/* Driver reset: resets flows of the group, forgets ids and tokens, some. Return: some are left. */
bool vho_fp_flows_stop(struct vho_group *group, struct vho_guest_state *guest, u64 now_ns);

/* --- frame.c: by the core of the first group --- */

/* Up to @max frames from the guest into the port's netdev. Return: how many were looked at. */
unsigned int vho_frame_tx(struct vho_port *port, struct vho_guest_state *guest, unsigned int max);
/* Up to @max frames from port->frameq into the guest. Return: how many were looked at. */
unsigned int vho_frame_rx(struct vho_port *port, struct vho_guest_state *guest, unsigned int max);

/* Frames wait for buffers of the guest. */
bool vho_frame_waiting(struct vho_port *port, struct vho_guest_state *guest);

#endif /* _VHO_FP_H */
