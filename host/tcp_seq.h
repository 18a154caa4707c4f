/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arithmetic on sequence numbers and timestamps: modulo 2^32 (RFC 9293 section 3.4,
 * RFC 7323 section 5.2). Two values compare as long as they are less than 2^31 apart.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_TCP_SEQ_H
#define _VHO_TCP_SEQ_H

#include <linux/types.h>

/* @a comes before @b. */
static inline bool vho_seq_before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

static inline bool vho_seq_after(u32 a, u32 b)
{
	return (s32)(b - a) < 0;
}

/* @low <= @seq <= @high; the two bounds may be any distance apart. */
static inline bool vho_seq_between(u32 seq, u32 low, u32 high)
{
	return seq - low <= high - low;
}

static inline u32 vho_seq_max(u32 a, u32 b)
{
	return vho_seq_after(a, b) ? a : b;
}

static inline u32 vho_seq_min(u32 a, u32 b)
{
	return vho_seq_before(a, b) ? a : b;
}

/* Bytes from @from up to @to, 0 when @to does not come after @from. */
static inline u32 vho_seq_room(u32 from, u32 to)
{
	return vho_seq_after(to, from) ? to - from : 0;
}

#endif /* _VHO_TCP_SEQ_H */
