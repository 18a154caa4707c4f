/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connection tracking of the host, on the way of our packets.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_CONNTRACK_H
#define _VHO_CONNTRACK_H

#include <linux/types.h>

struct net_device;
struct sk_buff;

/*
 * The connection that @skb, a TCP segment, was found to belong to will have sequence numbers that
 * connection tracking did not see. Any context.
 */
void vho_conntrack_be_liberal(const struct sk_buff *skb);
/* Does this machine have connection tracking? Any context. */
bool vho_conntrack_any(void);
/*
 * Is it certain that no connection tracking, of whatever namespace, has seen @skb on its way from the switch's side of
 * @port to @out? Any context in which both devices stay.
 */
bool vho_conntrack_missed(const struct sk_buff *skb, const struct net_device *port,
			  const struct net_device *out);

#endif /* _VHO_CONNTRACK_H */
