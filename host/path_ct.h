/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Paths and the switch's connection tracking.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_CT_H
#define _VHO_PATH_CT_H

struct sk_buff;

/* Any context. The entry of @skb, if it has one, takes sequence numbers as they come. */
void vho_path_conntrack(const struct sk_buff *skb);

#endif /* _VHO_PATH_CT_H */
