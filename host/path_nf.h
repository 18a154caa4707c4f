/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What paths have to do with netfilter, hooks of uplinks aside.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_NF_H
#define _VHO_PATH_NF_H

#include <linux/types.h>

struct sk_buff;

/* RCU read side. The packet goes by our egress hook, but not by chains of others. */
void vho_path_nf_skip(struct sk_buff *skb);

#endif /* _VHO_PATH_NF_H */
