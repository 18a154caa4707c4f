// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges received out of order.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/string.h>

#include "tcp_ooo.h"
#include "tcp_seq.h"

/* First range that ends at or after @seq: what starts at @seq merges with it or goes before it. */
static u8 vho_tcp_ooo_first(const struct vho_tcp_ooo *ooo, u32 seq)
{
	u8 i = 0;

	while (i < ooo->nr && vho_seq_before(ooo->r[i].end, seq))
		i++;
	return i;
}

/* One past the last range that starts at or before @seq. */
static u8 vho_tcp_ooo_last(const struct vho_tcp_ooo *ooo, u8 i, u32 seq)
{
	while (i < ooo->nr && !vho_seq_after(ooo->r[i].start, seq))
		i++;
	return i;
}

static void vho_tcp_ooo_cut(struct vho_tcp_ooo *ooo, u8 from, u8 to)
{
	memmove(&ooo->r[from], &ooo->r[to], (ooo->nr - to) * sizeof(ooo->r[0]));
	ooo->nr -= to - from;
}

bool vho_tcp_ooo_fits(const struct vho_tcp_ooo *ooo, u32 start, u32 end)
{
	u8 first;

	if (ooo->nr < VHO_OOO_MAX)
		return true;
	first = vho_tcp_ooo_first(ooo, start);
	return vho_tcp_ooo_last(ooo, first, end) > first;
}

bool vho_tcp_ooo_add(struct vho_tcp_ooo *ooo, u32 start, u32 end)
{
	u8 first = vho_tcp_ooo_first(ooo, start);
	u8 last = vho_tcp_ooo_last(ooo, first, end);

	if (first == last) {
		if (ooo->nr == VHO_OOO_MAX)
			return false;
		memmove(&ooo->r[first + 1], &ooo->r[first],
			(ooo->nr - first) * sizeof(ooo->r[0]));
		ooo->nr++;
	} else {
		start = vho_seq_min(start, ooo->r[first].start);
		end = vho_seq_max(end, ooo->r[last - 1].end);
		vho_tcp_ooo_cut(ooo, first + 1, last);
	}
	ooo->r[first] = (struct vho_tcp_range){ start, end };
	return true;
}

u32 vho_tcp_ooo_advance(struct vho_tcp_ooo *ooo, u32 rcv_nxt)
{
	u8 n = vho_tcp_ooo_last(ooo, 0, rcv_nxt);

	if (!n)
		return rcv_nxt;
	rcv_nxt = vho_seq_max(rcv_nxt, ooo->r[n - 1].end);
	vho_tcp_ooo_cut(ooo, 0, n);
	return rcv_nxt;
}

void vho_tcp_ooo_forget(struct vho_tcp_ooo *ooo, u32 start, u32 end)
{
	u8 first = 0, last;

	while (first < ooo->nr && !vho_seq_after(ooo->r[first].end, start))
		first++;
	last = first;
	while (last < ooo->nr && vho_seq_before(ooo->r[last].start, end))
		last++;
	vho_tcp_ooo_cut(ooo, first, last);
}
