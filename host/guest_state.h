/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the host holds for a running driver, from DRIVER_OK to reset: regions,
 * queues by role, flow identifiers.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_GUEST_STATE_H
#define _VHO_GUEST_STATE_H

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
 * @users: payload rings in it, owner core
 * @gone: being deleted, and not to be found any more; owner core
 */
struct vho_region {
	struct vho_map map;
	u32 id;
	u32 users;
	bool gone;
};

/**
 * struct vho_channel - one channel of a running driver; owner core
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
};

/**
 * struct vho_guest_state - a running driver
 * @port: whose driver
 * @ref: one until vho_guest_free(), one per control request under way
 * @features: accepted by the driver, const
 * @regions: id to region; the control queue's work adds and removes under ctrl->lock (what is
 *	removed the core has let go of), the core reads
 * @region_tree: page number of the guest's address to region; likewise
 * @region_bytes: memory in @regions, owner control queue's work
 * @recent: where the last address was found, not barred; owner core
 * @flow_ids: the guest's flow id to flow, owner core; each entry holds a reference
 * @incoming: token to flow announced and not yet attached, owner core; each entry holds a reference
 * @next_token: cursor for tokens, owner core
 * @tx_flows: flows that want vho_tcp_output(), owner core
 * @nr_channels: channels set up by the driver, const
 * @next_channel: where the next incoming connection is announced, owner core
 * @channels: owner core
 * @submit_chan: channel whose submit records are taken now, owner core
 * @submit_run: records taken from it without a look at the others, owner core
 * @complete_chan: channel to which complete records were written first, owner core
 * @stopping: its flows are being reset, it is not served any more; owner core
 * @frame_rx: NULL: queue not set up; owner core, like the following ones
 * @frame_tx: likewise
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
	struct vho_region *recent;
	struct xarray flow_ids;
	struct xarray incoming;
	u32 next_token;
	struct list_head tx_flows;
	unsigned int nr_channels;
	unsigned int next_channel;
	struct vho_channel channels[VHO_CHANNELS_MAX];
	unsigned int submit_chan;
	unsigned int submit_run;
	unsigned int complete_chan;
	bool stopping;
	struct vho_ring *frame_rx;
	struct vho_ring *frame_tx;
	struct sk_buff *frame_head;
	struct vho_ring *event;
	struct vho_ring *control;
};

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
/* Core. Kernel address of [addr, addr + len) if it lies in one region, else NULL. */
void *vho_region_ptr(struct vho_guest_state *guest, u64 addr, u32 len);
/* Core. NULL: no such region. */
struct vho_region *vho_region_get(struct vho_guest_state *guest, u32 id);

#endif /* _VHO_GUEST_STATE_H */
