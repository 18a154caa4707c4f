/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packet taps at a port's netdev: who captures there sees what takes the short way, too.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_TAP_H
#define _VHO_TAP_H

#include <linux/netdevice.h>

#include "flow.h"
#include "port.h"

struct sk_buff;
struct vho_tx_seg;

/* Is somebody capturing at the port's netdev, or everywhere? Any context. */
static inline bool vho_tap_active(const struct vho_port *port)
{
	return dev_nit_active(port->netdev);
}

void vho_tap_out(struct vho_flow *flow, const struct vho_tx_seg *seg, u16 id);
void vho_tap_in(const struct vho_flow *flow, struct sk_buff *skb);

#endif /* _VHO_TAP_H */
