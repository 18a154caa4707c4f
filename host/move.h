/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reaching the core that serves a port, whichever that is.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_MOVE_H
#define _VHO_MOVE_H

#include <linux/types.h>

struct vho_msg;
struct vho_port;
struct vho_worker;

/* Any context. The receiver asks vho_port_forward() first. @msg must not be pending. */
void vho_port_post(struct vho_port *port, struct vho_msg *msg);
/* Context: FP. Return: @port is not served here any more, @msg is on its way to where it is. */
bool vho_port_forward(struct vho_port *port, struct vho_worker *worker, struct vho_msg *msg);
/* Runs @fn(arg) on the thread of the core that serves @port. Process context, not on a core. */
void vho_port_call(struct vho_port *port, void (*fn)(void *arg), void *arg);
/* Any context: index of the core that serves @port now. */
unsigned int vho_port_core_index(const struct vho_port *port);

#endif /* _VHO_MOVE_H */
