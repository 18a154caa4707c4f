/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the host holds for a running driver, from DRIVER_OK to reset: regions,
 * queues by role, flow identifiers.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_GUEST_STATE_H
#define _VHO_GUEST_STATE_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "vdev.h"

struct vho_flow;
struct vho_port;

#define VHO_REGIONS_MAX		1024
#define VHO_REGION_BYTES_MAX	(4u << 20)
#define VHO_FLOWS_MAX_ABI	(1u << 20)

/**
 * struct vho_region - guest memory registered by VIRTUOSO_CTRL_REGION_ADD
 * @map: its mapping, const while the region is in the tables
 * @id: the guest's name for it
 * @users: payload rings in it; any core of the port, when connections come and go and rings grow only
 * @gone: being deleted, and not to be found any more; control queue's work writes, READ_ONCE
 */
struct vho_region {
	struct vho_map map;
	u32 id;
	atomic_t users;
	bool gone;
};

/**
 * struct vho_channel - one channel of a running driver; owner core of its group
 * @submit: driver to device, NULL: queue not set up
 * @complete: device to driver
 * @submit_vq: number of @submit
 * @complete_vq: number of @complete
 * @news: flows with something to tell (vho_flow.news_node)
 * @stalled: the next submit record waits for a buffer of @complete
 */
struct vho_channel {
	struct vho_ring *submit;
	struct vho_ring *complete;
	u16 submit_vq;
	u16 complete_vq;
	struct list_head news;
	bool stalled;
} ____cacheline_aligned_in_smp;

/**
 * struct vho_guest_state - a running driver
 * @port: whose driver
 * @ref: one until vho_guest_free(), one per control request under way
 * @features: accepted by the driver, const
 * @regions: id to region; the control queue's work adds and removes under ctrl->lock (what is
 *	removed the core has let go of), the core reads
 * @region_tree: page number of the guest's address to region; likewise
 * @region_bytes: memory in @regions, owner control queue's work
 * @incoming: token to flow announced and not yet attached; its own lock, when connections come and
 *	go only; each entry holds a reference
 * @next_token: cursor for tokens, under the lock of @incoming
 * @nr_groups: groups that serve it, const
 * @nr_channels: channels set up by the driver, const
 * @channels: each is its group's (group.h)
 * @frame_rx: NULL: queue not set up; owner core of the first group, like the following ones
 * @frame_tx: likewise
 * @frame_recent: where the last address of a frame was found, not barred
 * @frame_head: frames popped from port->frameq that wait for guest buffers, linked by skb->next: one, or
 *	what is left of one that was cut
 * @event: likewise
 * @control: guarded by ctrl->lock
 */
struct vho_guest_state {
	struct vho_port *port;
	struct kref ref;
	u64 features;
	struct xarray regions;
	struct maple_tree region_tree;
	u64 region_bytes;
	struct xarray incoming;
	u32 next_token;
	unsigned int nr_groups;
	unsigned int nr_channels;
	struct vho_channel channels[VHO_CHANNELS_MAX];
	struct vho_ring *frame_rx;
	struct vho_ring *frame_tx;
	struct vho_region *frame_recent;
	struct sk_buff *frame_head;
	struct vho_ring *event;
	struct vho_ring *control;
};

/* One group serves it, unless the caller changes that before anybody does. */
struct vho_guest_state *vho_guest_alloc(struct vho_port *port, u64 features);
/*
 * Control queue, slow path and core have let go. Unmaps every region; the memory goes with the last
 * reference. Process context.
 */
void vho_guest_free(struct vho_guest_state *guest);
void vho_guest_get(struct vho_guest_state *guest);
void vho_guest_put(struct vho_guest_state *guest);

/* --- region.c --- */

/* Control queue's work. Returns a VIRTUOSO_STATUS_*. */
u32 vho_region_add(struct vho_guest_state *guest, u32 id, u64 addr, u32 len);
u32 vho_region_del(struct vho_guest_state *guest, u32 id);
/*
 * Core. Kernel address of [addr, addr + len) if it lies in one region, else NULL. @recent: where the last
 * one of its kind was found; vho_region_del() knows all of these.
 */
void *vho_region_ptr(struct vho_guest_state *guest, struct vho_region **recent, u64 addr, u32 len);
/* Core. NULL: no such region. */
struct vho_region *vho_region_get(struct vho_guest_state *guest, u32 id);

#endif /* _VHO_GUEST_STATE_H */
