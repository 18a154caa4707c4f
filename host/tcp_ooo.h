/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What has arrived out of order: ranges of the sequence space whose bytes already lie at
 * their places in the receive ring, above rcv_nxt.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_TCP_OOO_H
#define _VHO_TCP_OOO_H

#include <linux/types.h>

/* As many gaps as a flow may have; segments that would make one more are dropped. */
#define VHO_OOO_MAX	16

/* Bytes from @start up to, not including, @end. */
struct vho_tcp_range {
	u32 start;
	u32 end;
};

/**
 * struct vho_tcp_ooo - received ranges above rcv_nxt
 * @r: ascending; neither overlapping nor touching one another
 * @nr: how many of @r are used
 */
struct vho_tcp_ooo {
	struct vho_tcp_range r[VHO_OOO_MAX];
	u8 nr;
};

/* All: context any, the caller owns @ooo. Ranges lie within 2^31 of each other. */

/* vho_tcp_ooo_add() of [@start, @end) would succeed. */
bool vho_tcp_ooo_fits(const struct vho_tcp_ooo *ooo, u32 start, u32 end);
/* Adds [@start, @end), not empty. Return: false (nothing changed) when there is no room. */
bool vho_tcp_ooo_add(struct vho_tcp_ooo *ooo, u32 start, u32 end);
/* Everything before @rcv_nxt is in order now. Return: rcv_nxt, past the ranges it reached. */
u32 vho_tcp_ooo_advance(struct vho_tcp_ooo *ooo, u32 rcv_nxt);
/* The bytes [@start, @end) of the ring were overwritten: ranges that share any are lost. */
void vho_tcp_ooo_forget(struct vho_tcp_ooo *ooo, u32 start, u32 end);

#endif /* _VHO_TCP_OOO_H */
