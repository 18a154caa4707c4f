// SPDX-License-Identifier: GPL-2.0
/*
 * TCP options: parsing and writing.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/unaligned.h>
#include <linux/minmax.h>

#include "tcp_opt.h"

/* Kinds and lengths (IANA tcp-parameters). */
#define VHO_KIND_END		0
#define VHO_KIND_NOP		1
#define VHO_KIND_MSS		2
#define VHO_KIND_MSS_LEN	4
#define VHO_KIND_WSCALE		3
#define VHO_KIND_WSCALE_LEN	3
#define VHO_KIND_TS		8
#define VHO_KIND_TS_LEN		10

/* NOP, NOP, kind 8, length 10: how nearly every segment of an open connection starts. */
#define VHO_TS_ALIGNED	((VHO_KIND_NOP << 24) | (VHO_KIND_NOP << 16) | \
			 (VHO_KIND_TS << 8) | VHO_KIND_TS_LEN)

static void vho_tcp_opt_take(u8 kind, u8 len, const u8 *p, bool syn, struct vho_tcp_opt *opt)
{
	switch (kind) {
	case VHO_KIND_MSS:
		if (len != VHO_KIND_MSS_LEN || !syn)
			break;
		opt->mss = get_unaligned_be16(p + 2);
		opt->has |= VHO_OPT_MSS;
		break;
	case VHO_KIND_WSCALE:
		if (len != VHO_KIND_WSCALE_LEN || !syn)
			break;
		opt->wscale = min_t(u8, p[2], VHO_OPT_WSCALE_MAX);
		opt->has |= VHO_OPT_WSCALE;
		break;
	case VHO_KIND_TS:
		if (len != VHO_KIND_TS_LEN)
			break;
		opt->tsval = get_unaligned_be32(p + 2);
		opt->tsecr = get_unaligned_be32(p + 6);
		opt->has |= VHO_OPT_TS;
		break;
	}
}

bool vho_tcp_opt_parse(const u8 *p, u32 len, bool syn, struct vho_tcp_opt *opt)
{
	const u8 *end = p + len;

	*opt = (struct vho_tcp_opt){};
	if (len == VHO_OPT_TS_BYTES && get_unaligned_be32(p) == VHO_TS_ALIGNED) {
		opt->tsval = get_unaligned_be32(p + 4);
		opt->tsecr = get_unaligned_be32(p + 8);
		opt->has = VHO_OPT_TS;
		return true;
	}
	while (p < end) {
		u8 optlen;

		if (*p == VHO_KIND_END)
			return true;
		if (*p == VHO_KIND_NOP) {
			p++;
			continue;
		}
		if (end - p < 2)
			return false;
		optlen = p[1];
		if (optlen < 2 || optlen > end - p)
			return false;
		vho_tcp_opt_take(p[0], optlen, p, syn, opt);
		p += optlen;
	}
	return true;
}

u32 vho_tcp_opt_write(u8 *p, const struct vho_tcp_opt *opt)
{
	u8 *start = p;

	if (opt->has & VHO_OPT_MSS) {
		p[0] = VHO_KIND_MSS;
		p[1] = VHO_KIND_MSS_LEN;
		put_unaligned_be16(opt->mss, p + 2);
		p += 4;
	}
	if (opt->has & VHO_OPT_TS) {
		put_unaligned_be32(VHO_TS_ALIGNED, p);
		put_unaligned_be32(opt->tsval, p + 4);
		put_unaligned_be32(opt->tsecr, p + 8);
		p += VHO_OPT_TS_BYTES;
	}
	if (opt->has & VHO_OPT_WSCALE) {
		p[0] = VHO_KIND_NOP;
		p[1] = VHO_KIND_WSCALE;
		p[2] = VHO_KIND_WSCALE_LEN;
		p[3] = opt->wscale;
		p += 4;
	}
	return p - start;
}
