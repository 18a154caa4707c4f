/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A group: the flows of some of a port's channels, the unit that a core serves and that moves.
 *
 * A port has one group, or several that different cores may serve at once. Channel i belongs to the
 * group with the index i modulo their number. A flow belongs to the group of its channel. Frames are
 * the first group's.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_GROUP_H
#define _VHO_GROUP_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/ptr_ring.h>
#include <linux/skbuff.h>
#include <linux/xarray.h>

#include "budget.h"
#include "guest_state.h"
#include "scale.h"
#include "worker.h"

struct vho_core;
struct vho_port;

#define VHO_GROUPS_MAX		8	/* of one port */
#define VHO_GROUP_RXQ_PACKETS	1024	/* packets waiting for the core, per group */

/* Bit of vho_group.work_flags: in the core's woken list or order of service */
#define VHO_GROUP_QUEUED	0

/**
 * struct vho_group - the unit that a core serves
 * @port: whose; const
 * @index: among the port's; const
 * @ubuf: counts packets under way with guest memory of this group; together they hold a reference
 *	to the port
 * @copied_at: when somebody copied such memory last, jiffies; any context, READ_ONCE
 * @scale: its place on a core, guarded by vho_ports_lock
 * @seen_busy_ns: @busy_ns when elastic.c looked last; likewise
 * @woken_node: in core->woken
 * @work_flags: VHO_GROUP_QUEUED; atomic bit operations
 * @rxq: skbs for flows owned by the core; producers: softirq under the ring's producer lock
 * @core: the core that serves it. Its thread writes, when it lets the group go (move.h); others use
 *	vho_group_post(), vho_group_call(), or READ_ONCE under rcu_read_lock()
 * @guest: state of the running driver (guest_state.h), NULL while none runs; owner core, as all that
 *	follows
 * @timers: timers of its flows that the core owns
 * @timer: stands in the core's queue for the earliest of @timers
 * @detached: it has left the fast path for good
 * @parked: kicks are enabled, not in the order of service
 * @stopping: the driver's flows are being reset, it is not served any more
 * @msgs: messages about flows that wait for the group's turn (vho_flow.msg_node)
 * @run_node: in core->polled
 * @last_work_ns: when it was last found without work
 * @busy_ns: CPU time spent in turns of this group; READ_ONCE for others
 * @budget: its place in the core's order of service, what was spent (budget.h)
 * @nr_channels: channels of the running driver that are its own (vho_group_channel())
 * @next_channel: of these, where the next incoming connection is announced
 * @submit_chan: of these, whose submit records are taken now
 * @submit_run: records taken from it without a look at the others
 * @complete_chan: of these, to which complete records were written first
 * @recent: where the last record was found, not barred
 * @flow_ids: the guest's flow id to flow; each entry holds a reference
 * @tx_flows: flows that want vho_tcp_output()
 */
struct vho_group {
	/* --- const after creation --- */
	struct vho_port *port;
	unsigned int index;

	struct ubuf_info ubuf;
	unsigned long copied_at;

	/* --- placement --- */
	struct vho_scale_group scale;
	u64 seen_busy_ns;

	/* --- work for the core, any context --- */
	struct llist_node woken_node;
	unsigned long work_flags;
	struct ptr_ring rxq;
	struct vho_core *core;

	/* --- owner core --- */
	struct vho_guest_state *guest;
	struct timerqueue_head timers;
	struct vho_timer timer;
	bool detached;
	bool parked;
	bool stopping;
	struct list_head msgs;
	struct list_head run_node;
	u64 last_work_ns;
	u64 busy_ns;
	struct vho_budget budget;

	/* --- owner core, of the running driver --- */
	unsigned int nr_channels;
	unsigned int next_channel;
	unsigned int submit_chan;
	unsigned int submit_run;
	unsigned int complete_chan;
	struct vho_region *recent;
	struct xarray flow_ids;
	struct list_head tx_flows;
};

/* As ptr_ring_init(), @ring zeroed, with the memory near @node. Process context. */
int vho_group_queue_init(struct ptr_ring *ring, int size, int node);
/* Process context. Not placed on a core yet. NULL: no memory. @node: memory near the core-to-be. */
struct vho_group *vho_group_alloc(struct vho_port *port, unsigned int index, int node);
/* Nobody refers to it any more. */
void vho_group_free(struct vho_group *group);

/* Owner core, or nobody serves it: @guest is the running driver from now on, and not any more. */
void vho_group_guest_set(struct vho_group *group, struct vho_guest_state *guest);
void vho_group_guest_clear(struct vho_group *group);

/* Number of its @i-th own channel. */
static inline unsigned int vho_group_chan(const struct vho_group *group,
					  const struct vho_guest_state *guest, unsigned int i)
{
	return group->index + i * guest->nr_groups;
}

static inline struct vho_channel *vho_group_channel(const struct vho_group *group,
						    struct vho_guest_state *guest, unsigned int i)
{
	return &guest->channels[vho_group_chan(group, guest, i)];
}

#endif /* _VHO_GROUP_H */
