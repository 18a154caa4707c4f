/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control queue: requests of the driver about regions, addresses, listeners.
 *
 * Reading a request and pinning a region wait for the guest's VMM, for as long as that likes.
 * So every port's control queue is served by a work item of its own, which nothing but the
 * device's own reset waits for.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_CTRL_H
#define _VHO_CTRL_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct vho_guest_state;
struct vho_port;

/**
 * struct vho_ctrl - the control queue's service of one port
 * @lock: (mutex, rank 2.5) guards @guest, and with it the control ring and changes of the regions;
 *	never held while waiting for the guest's VMM
 * @guest: running driver, NULL while none is
 * @work: serves the queue
 * @ns: CPU time spent, written by @work, READ_ONCE
 */
struct vho_ctrl {
	struct mutex lock;
	struct vho_guest_state *guest;
	struct work_struct work;
	u64 ns;
};

int vho_ctrls_init(void);
void vho_ctrls_exit(void);
/* Port creation. */
void vho_ctrl_init(struct vho_ctrl *ctrl);
/*
 * XPORT, vdev->run_lock held. Stopped, it touches neither rings nor regions, but may hang in a
 * request.
 */
void vho_ctrl_start(struct vho_port *port, struct vho_guest_state *guest);
void vho_ctrl_stop(struct vho_port *port);
/*
 * Stopped before: waits until no request is under way, so that nothing is written to the guest's
 * memory any more. Not in vho_vdev_invalidate().
 */
void vho_ctrl_drain(struct vho_port *port);
/* Any context. */
void vho_ctrl_kick(struct vho_port *port);

/* CTRL. Return: more is waiting. */
bool vho_ctrl_serve(struct vho_port *port);
/* CTRL: takes ctrl->lock if @guest is still the running driver, else false. */
bool vho_ctrl_enter(struct vho_guest_state *guest);
void vho_ctrl_leave(struct vho_guest_state *guest);

#endif /* _VHO_CTRL_H */
