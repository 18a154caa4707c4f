/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From segments to packets; packets with guest memory under way.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_SEGMENT_H
#define _VHO_SEGMENT_H

#include <linux/math.h>
#include <linux/types.h>

#include "tcp.h"

struct sk_buff;
struct vho_flow;
struct vho_group;

/* How many segments it is on the wire. */
static inline unsigned int vho_segment_count(const struct vho_tx_seg *seg)
{
	return seg->len > seg->mss ? DIV_ROUND_UP(seg->len, seg->mss) : 1;
}

void vho_segment_group_init(struct vho_group *group);
void vho_segment_group_exit(struct vho_group *group);
/* Is payload copied by whom it reaches? */
bool vho_segment_copied(const struct vho_group *group);
/* The parts of a packet, from the payload outwards. */
int vho_segment_payload(struct sk_buff *skb, struct vho_flow *flow, const struct vho_tx_seg *seg,
			unsigned int segs);
void vho_segment_tcp_header(struct sk_buff *skb, __be16 sport, __be16 dport, const struct vho_tx_seg *seg);
struct sk_buff *vho_segment_make(struct vho_flow *flow, const struct vho_tx_seg *seg, u16 id);
/* A probe. */
int vho_segment_inject(const struct vho_flow *flow, const struct vho_tx_seg *seg, u16 id);

#endif /* _VHO_SEGMENT_H */
