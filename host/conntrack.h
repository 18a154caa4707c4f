/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connection tracking of the host, on the way of our packets.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_CONNTRACK_H
#define _VHO_CONNTRACK_H

struct sk_buff;

/*
 * The connection that @skb, a TCP segment, was found to belong to will have sequence numbers that
 * connection tracking did not see. Any context.
 */
void vho_conntrack_be_liberal(const struct sk_buff *skb);

#endif /* _VHO_CONNTRACK_H */
