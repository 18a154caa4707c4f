/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of a device that only the driver core sees.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_PRIV_H
#define _VGU_PRIV_H

#include <linux/types.h>
#include <linux/virtio.h>
#include <linux/workqueue.h>

#include "dev.h"
#include "region.h"

#define VGU_VQ_NAME_LEN	24

struct vgu_counters;
struct vgu_ctrl_queue;
struct vgu_frames;

/**
 * struct vgu_dev_priv - the core's part of a device
 * @dev: the whole
 * @vqs: virtqueues, by number of the ABI
 * @nr_vqs: how many
 * @vq_names: what they are called in /proc/interrupts
 * @max_regions: region identifiers are below this
 * @max_region_bytes: size limit of one region
 * @counters: see stats.h
 * @ctrl: control queue (private to ctrl.c)
 * @frames: frame queues (frame.h)
 * @event_slots: buffers of the event queue; owned by @event_work once that may run
 * @event_work: drains the event queue
 * @config_work: looks at the configuration space after a change
 * @fail_work: ends everything after the device broke
 * @chans_running: vgu_chans_stop() is due
 * @sock_added: vgu_conn_dev_del() is due
 * @dead: vgu_dev_end() has run
 *
 * Pointers and numbers are constant between probe and remove. The last three belong to
 * probe and remove, which disable @fail_work, and to that in between.
 */
struct vgu_dev_priv {
	struct vgu_dev *dev;
	struct virtqueue **vqs;
	u32 nr_vqs;
	char (*vq_names)[VGU_VQ_NAME_LEN];
	u32 max_regions;
	u32 max_region_bytes;
	struct vgu_counters __percpu *counters;
	struct vgu_ctrl_queue *ctrl;
	struct vgu_frames *frames;
	struct vgu_slots event_slots;
	struct work_struct event_work;
	struct work_struct config_work;
	struct work_struct fail_work;
	bool chans_running;
	bool sock_added;
	bool dead;
};

/**
 * vgu_dev_fail() - give up on a device that does not behave
 * @dev: device
 * @why: for the log
 *
 * Its queues are unusable from now on; connections and netdev end in a work item.
 *
 * Context: process; does not wait for anything.
 */
void vgu_dev_fail(struct vgu_dev *dev, const char *why);

int vgu_dev_register(void);
void vgu_dev_unregister(void);

#endif /* _VGU_PRIV_H */
