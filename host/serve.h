/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Starting and stopping service for a running driver.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_SERVE_H
#define _VHO_SERVE_H

#include <linux/types.h>

struct vho_port;

/*
 * The rings of port->vdev are mapped: core, slow path and control queue begin to serve them. Caller
 * holds vdev->run_lock; waits for both threads. -ENOMEM.
 */
int vho_serve_start(struct vho_port *port, u64 features);
/*
 * Every connection is reset, control queue and both threads let go of rings and regions, regions
 * are unmapped. Caller holds vdev->run_lock; waits for both threads, not for control requests
 * under way (vho_ctrl_drain()).
 */
void vho_serve_stop(struct vho_port *port);
/* The driver kicked queue @vq. Any context. */
void vho_serve_kick(struct vho_port *port, u16 vq);

#endif /* _VHO_SERVE_H */
