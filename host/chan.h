/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Channels: submit records from the guest, complete records to it. All on the
 * thread of the core of the channel's group.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_CHAN_H
#define _VHO_CHAN_H

#include <linux/types.h>

struct vho_flow;
struct vho_group;
struct vho_guest_state;
struct vho_port;
struct vho_ring;
struct virtio_virtuoso_complete;

/* --- submit.c --- */

/* Takes one record, from each channel of the group in turn. Return: there was one. */
bool vho_chan_submit(struct vho_group *group, struct vho_guest_state *guest, u64 now_ns);
/* What the driver wrote before @flow was its core's. Context: FP, the flow's owner. */
void vho_chan_take_early(struct vho_flow *flow, u64 now_ns);

/* --- chan.c --- */

/* Adds news to what @flow has to tell the guest. */
void vho_chan_news(struct vho_flow *flow, u8 news);
/* Writes up to @max complete records while the guest has buffers. Return: how many. */
unsigned int vho_chan_complete(struct vho_group *group, struct vho_guest_state *guest,
			       unsigned int max);
/* Interrupts the guest where it wants to be. */
void vho_chan_signal(struct vho_group *group, struct vho_guest_state *guest);
/* The driver has broken a queue: it must be reset. */
void vho_chan_stop_guest(struct vho_port *port);
/* The next buffer of the complete queue @ring. NULL: none (now). */
struct virtio_virtuoso_complete *vho_chan_buffer(struct vho_group *group,
						 struct vho_guest_state *guest,
						 struct vho_ring *ring, u16 *head);

#endif /* _VHO_CHAN_H */
