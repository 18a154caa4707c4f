/* SPDX-License-Identifier: GPL-2.0 */
/* How a program tells the plugin that counts instructions (insncount.c) where it is. */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

/* A program that calls itself this makes the first mark, outside of guests. */
#define MARK_NAME	"bench-first-mrk"
/* Devices whose names begin so belong to the peer. */
#define MARK_PEER_DEV	"peerwire"

#define MARK_NAMES	0
#define MARK_BEGIN	1	/* of a round */
#define MARK_END	2
#define MARK_LAST	3	/* after the last round */

/* nopl 0x6b4d56ID(%rax,%rax,1): does nothing, and no compiler makes it. */
#define MARK_NOP	0x0f, 0x1f, 0x84, 0x00
#define MARK_TAG	"VMk"

#define mark(id) \
	__asm__ __volatile__(".byte 0x0f, 0x1f, 0x84, 0x00, %c0, 'V', 'M', 'k'" : : "i"(id) : "memory")

#endif /* BENCH_MARK_H */
