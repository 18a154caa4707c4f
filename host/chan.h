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

/* Takes one record, from each channel of the group in turn. Return: there was one. */
bool vho_chan_submit(struct vho_group *group, struct vho_guest_state *guest, u64 now_ns);
/* Adds news to what @flow has to tell the guest. */
void vho_chan_news(struct vho_flow *flow, u8 news);
/* What the driver wrote before @flow was its core's. Context: FP, the flow's owner. */
void vho_chan_take_early(struct vho_flow *flow, u64 now_ns);
/* Writes up to @max complete records while the guest has buffers. Return: how many. */
unsigned int vho_chan_complete(struct vho_group *group, struct vho_guest_state *guest,
			       unsigned int max);
/* Interrupts the guest where it wants to be. */
void vho_chan_signal(struct vho_group *group, struct vho_guest_state *guest);

#endif /* _VHO_CHAN_H */
