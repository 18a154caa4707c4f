/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP options: MSS (RFC 9293), window scale and timestamps (RFC 7323).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_TCP_OPT_H
#define _VHO_TCP_OPT_H

#include <linux/types.h>

/* Bits of vho_tcp_opt.has */
#define VHO_OPT_MSS	0x01
#define VHO_OPT_WSCALE	0x02
#define VHO_OPT_TS	0x04

/* Largest shift that RFC 7323 section 2.3 allows. */
#define VHO_OPT_WSCALE_MAX	14

/* Bytes of a timestamps option, padded, as in every segment once negotiated. */
#define VHO_OPT_TS_BYTES	12
/* Bytes that vho_tcp_opt_write() needs at most. */
#define VHO_OPT_MAX_BYTES	20

/**
 * struct vho_tcp_opt - options of one segment, host byte order
 * @tsval: timestamp, valid with VHO_OPT_TS
 * @tsecr: timestamp echoed, valid with VHO_OPT_TS
 * @mss: maximum segment size, valid with VHO_OPT_MSS; as received, may be 0
 * @wscale: window shift, at most VHO_OPT_WSCALE_MAX, valid with VHO_OPT_WSCALE
 * @has: VHO_OPT_*
 */
struct vho_tcp_opt {
	u32 tsval;
	u32 tsecr;
	u16 mss;
	u8 wscale;
	u8 has;
};

/**
 * vho_tcp_opt_parse() - read the options of a received segment
 * @p: first byte after the fixed header
 * @len: bytes of options, data offset * 4 - 20
 * @syn: the segment has SYN: MSS and window scale count only there
 * @opt: result, always set; options that come after a malformed one are missing
 *
 * Context: any.
 * Return: false when an option was malformed. The segment is still usable: an option that
 * cannot be read is the same as one that was not sent (RFC 9293 section 3.1, MUST-7).
 */
bool vho_tcp_opt_parse(const u8 *p, u32 len, bool syn, struct vho_tcp_opt *opt);

/**
 * vho_tcp_opt_write() - write options as they stand on the wire
 * @p: room for VHO_OPT_MAX_BYTES
 * @opt: what to write; MSS and window scale belong into SYN segments only
 *
 * Context: any.
 * Return: bytes written, a multiple of 4.
 */
u32 vho_tcp_opt_write(u8 *p, const struct vho_tcp_opt *opt);

#endif /* _VHO_TCP_OPT_H */
