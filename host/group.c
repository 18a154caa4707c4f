// SPDX-License-Identifier: GPL-2.0
/*
 * Groups: the units of a port that cores serve.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "flow.h"
#include "fp.h"
#include "group.h"
#include "packet.h"

int vho_group_queue_init(struct ptr_ring *ring, int size, int node)
{
	ring->queue = kvzalloc_node(array_size(size, sizeof(*ring->queue)), GFP_KERNEL, node);
	if (!ring->queue)
		return -ENOMEM;
	__ptr_ring_set_size(ring, size);
	spin_lock_init(&ring->producer_lock);
	spin_lock_init(&ring->consumer_lock);
	return 0;
}

static void vho_group_drop_skb(void *skb)
{
	struct vho_flow *flow = vho_packet(skb)->flow;

	if (flow)
		vho_flow_put(flow);
	kfree_skb(skb);
}

struct vho_group *vho_group_alloc(struct vho_port *port, unsigned int index, int node)
{
	struct vho_group *group = kzalloc_node(sizeof(*group), GFP_KERNEL, node);

	if (!group)
		return NULL;
	group->port = port;
	group->index = index;
	group->parked = true;
	INIT_LIST_HEAD(&group->msgs);
	INIT_LIST_HEAD(&group->run_node);
	INIT_LIST_HEAD(&group->tx_flows);
	xa_init(&group->flow_ids);
	timerqueue_init_head(&group->timers);
	vho_timer_init(&group->timer, vho_fp_group_timer);
	vho_budget_init(&group->budget);
	if (vho_group_queue_init(&group->rxq, VHO_GROUP_RXQ_PACKETS, node)) {
		kfree(group);
		return NULL;
	}
	return group;
}

void vho_group_free(struct vho_group *group)
{
	ptr_ring_cleanup(&group->rxq, vho_group_drop_skb);
	xa_destroy(&group->flow_ids);
	kfree(group);
}

void vho_group_guest_set(struct vho_group *group, struct vho_guest_state *guest)
{
	unsigned int nr = guest->nr_channels;

	group->nr_channels = nr > group->index ?
			     DIV_ROUND_UP(nr - group->index, guest->nr_groups) : 0;
	group->next_channel = 0;
	group->submit_chan = 0;
	group->submit_run = 0;
	group->complete_chan = 0;
	group->stopping = false;
	group->guest = guest;
}

void vho_group_guest_clear(struct vho_group *group)
{
	group->guest = NULL;
	group->nr_channels = 0;
	/* It may lie in memory that is about to go. */
	group->recent = NULL;
}
