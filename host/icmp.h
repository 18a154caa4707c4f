/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ICMP errors about connections of the guests.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_ICMP_H
#define _VHO_ICMP_H

#include <linux/types.h>

struct sk_buff;
struct vho_flow;

/* Acts on the error that vho_packet_parse() found in @skb. The flow's owner. */
void vho_icmp_rx(struct vho_flow *flow, struct sk_buff *skb, u64 now_ns);

#endif /* _VHO_ICMP_H */
