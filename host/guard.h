/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the operator lets pass of a guest's frames.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_GUARD_H
#define _VHO_GUARD_H

#include <linux/types.h>

struct sk_buff;
struct vho_port;

/*
 * May the frame @skb (data at the Ethernet header) of the guest enter the network, may one from there go to
 * the guest? What may not is counted. Any context. @skb is left as it is.
 */
bool vho_guard_tx(struct vho_port *port, const struct sk_buff *skb);
bool vho_guard_rx(struct vho_port *port, const struct sk_buff *skb);

#endif /* _VHO_GUARD_H */
