// SPDX-License-Identifier: GPL-2.0
/*
 * Whole connections between two engines: every byte, every close, whatever the network does.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_wire.h"

#define VHO_KIB	1024

/* No case needs longer, TIME-WAIT apart: more means that something waited for a timer too often. */
#define VHO_WIRE_LONGEST	(10 * VHO_WIRE_S)

struct vho_wire_case {
	const char *name;
	u32 ring;
	u32 up, down;		/* bytes from end 0, from end 1 */
	u16 mss;
	u32 iss, peer_iss;
	u32 chunk;
	u32 read_max;
	u32 xmit_fail_ppm;
	struct vho_wire_net net;
	u16 flags;
};

static const struct vho_wire_case vho_wire_cases[] = {
	{ .name = "nothing but open and close", .ring = 4096, .mss = 1460,
	  .net = { .delay_ns = VHO_WIRE_MS } },
	{ .name = "one byte up", .ring = 4096, .mss = 1460, .up = 1,
	  .net = { .delay_ns = VHO_WIRE_MS } },
	{ .name = "both ways, clean", .ring = 65536, .mss = 1460, .up = 1024 * VHO_KIB,
	  .down = 777777, .net = { .delay_ns = VHO_WIRE_MS } },
	{ .name = "merged segments", .ring = 262144, .mss = 1460, .up = 2048 * VHO_KIB,
	  .net = { .delay_ns = VHO_WIRE_MS, .gro = true } },
	{ .name = "jumbo segments, merged", .ring = 262144, .mss = 8960, .up = 2048 * VHO_KIB,
	  .down = 2048 * VHO_KIB, .net = { .delay_ns = VHO_WIRE_MS, .gro = true } },
	{ .name = "sequence numbers wrap", .ring = 16384, .mss = 1460, .up = 300 * VHO_KIB,
	  .down = 300 * VHO_KIB, .iss = 0xffff0000, .peer_iss = 0xfffffff0,
	  .net = { .delay_ns = VHO_WIRE_MS } },
	{ .name = "sequence numbers pass the sign bit", .ring = 16384, .mss = 1460,
	  .up = 300 * VHO_KIB, .down = 300 * VHO_KIB, .iss = 0x7fff0000, .peer_iss = 0x7ffffff0,
	  .net = { .delay_ns = VHO_WIRE_MS, .loss_ppm = 10000 } },
	{ .name = "1 % loss", .ring = 131072, .mss = 1460, .up = 1024 * VHO_KIB,
	  .down = 512 * VHO_KIB, .net = { .delay_ns = 10 * VHO_WIRE_MS, .loss_ppm = 10000 } },
	{ .name = "5 % loss", .ring = 65536, .mss = 1460, .up = 512 * VHO_KIB,
	  .down = 512 * VHO_KIB, .net = { .delay_ns = 10 * VHO_WIRE_MS, .loss_ppm = 50000 } },
	{ .name = "20 % loss", .ring = 65536, .mss = 1460, .up = 64 * VHO_KIB,
	  .down = 64 * VHO_KIB, .net = { .delay_ns = 10 * VHO_WIRE_MS, .loss_ppm = 200000 } },
	{ .name = "reordering", .ring = 65536, .mss = 1460, .up = 512 * VHO_KIB,
	  .down = 100 * VHO_KIB,
	  .net = { .delay_ns = 5 * VHO_WIRE_MS, .jitter_ns = 2 * VHO_WIRE_MS } },
	{ .name = "duplication", .ring = 65536, .mss = 1460, .up = 512 * VHO_KIB,
	  .down = 100 * VHO_KIB, .net = { .delay_ns = 5 * VHO_WIRE_MS, .dup_ppm = 200000 } },
	{ .name = "corruption", .ring = 65536, .mss = 1460, .up = 512 * VHO_KIB,
	  .down = 512 * VHO_KIB, .net = { .delay_ns = 5 * VHO_WIRE_MS, .corrupt_ppm = 30000 } },
	{ .name = "everything at once", .ring = 32768, .mss = 1460, .up = 512 * VHO_KIB,
	  .down = 512 * VHO_KIB, .iss = 0xffffc000, .peer_iss = 0x7fffc000, .chunk = 3000,
	  .read_max = 5000, .xmit_fail_ppm = 20000,
	  .net = { .delay_ns = 5 * VHO_WIRE_MS, .jitter_ns = 3 * VHO_WIRE_MS, .loss_ppm = 20000,
		   .dup_ppm = 20000, .corrupt_ppm = 20000, .gro = true } },
	{ .name = "small writes", .ring = 65536, .mss = 1460, .up = 100 * VHO_KIB, .chunk = 50,
	  .net = { .delay_ns = VHO_WIRE_MS } },
	{ .name = "small writes, nodelay, loss", .ring = 65536, .mss = 1460,
	  .up = 50 * VHO_KIB, .chunk = 100, .flags = VIRTUOSO_SF_NODELAY,
	  .net = { .delay_ns = VHO_WIRE_MS, .loss_ppm = 20000 } },
	{ .name = "corked", .ring = 65536, .mss = 1460, .up = 50 * VHO_KIB, .chunk = 100,
	  .flags = VIRTUOSO_SF_CORK, .net = { .delay_ns = VHO_WIRE_MS } },
	{ .name = "rings smaller than the segments", .ring = 4096, .mss = 8960,
	  .up = 100 * VHO_KIB, .down = 100 * VHO_KIB,
	  .net = { .delay_ns = VHO_WIRE_MS, .loss_ppm = 10000 } },
	{ .name = "tiny segments", .ring = 8192, .mss = 64, .up = 50 * VHO_KIB,
	  .net = { .delay_ns = VHO_WIRE_MS, .loss_ppm = 5000, .gro = true } },
	{ .name = "bottleneck with a short queue", .ring = 1048576, .mss = 1460,
	  .up = 4096 * VHO_KIB,
	  .net = { .delay_ns = 10 * VHO_WIRE_MS, .ns_per_byte = 80,
		   .queue_ns = 10 * VHO_WIRE_MS, .gro = true } },
	{ .name = "network card often full", .ring = 65536, .mss = 1460, .up = 512 * VHO_KIB,
	  .down = 512 * VHO_KIB, .xmit_fail_ppm = 300000, .net = { .delay_ns = VHO_WIRE_MS } },
};

static void vho_wire_case_name(const struct vho_wire_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vho_wire, vho_wire_cases, vho_wire_case_name);

static void vho_wire_apply(struct vho_wire *w, const struct vho_wire_case *c)
{
	int i;

	w->net = c->net;
	for (i = 0; i < 2; i++) {
		struct vho_wire_end *e = &w->end[i];

		e->to_send = i ? c->down : c->up;
		e->chunk = c->chunk;
		e->read_max = c->read_max;
		e->flags = c->flags;
		e->then = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
		e->xmit_fail_ppm = c->xmit_fail_ppm;
	}
}

/* All arrives, both ends close in order. */
static void vho_wire_transfer(struct kunit *test)
{
	const struct vho_wire_case *c = test->param_value;
	struct vho_wire *w = vho_wire_new(test, 12345, c->ring);
	u64 took;
	int i;

	vho_wire_apply(w, c);
	vho_wire_connect(w, c->iss, c->peer_iss, c->mss);
	KUNIT_EXPECT_TRUE(test, vho_wire_run(w, 3600 * VHO_WIRE_S));
	took = w->now_ns - VHO_WIRE_START;
	KUNIT_EXPECT_LT(test, took, VHO_TIME_WAIT_NS + VHO_WIRE_LONGEST);
	KUNIT_EXPECT_EQ(test, w->end[0].read, c->down);
	KUNIT_EXPECT_EQ(test, w->end[1].read, c->up);
	for (i = 0; i < 2; i++) {
		const struct vho_tcb *tcb = vho_wire_tcb(w, i);

		KUNIT_EXPECT_EQ(test, tcb->state, TCP_CLOSE);
		KUNIT_EXPECT_EQ(test, tcb->error, VIRTUOSO_ERR_NONE);
		KUNIT_EXPECT_TRUE(test, w->end[i].events & VHO_EV_ESTABLISHED);
		KUNIT_EXPECT_TRUE(test, w->end[i].events & VHO_EV_CLOSED);
		kunit_info(test, "%s, end %d: %u packets, %u without data, %u again, %u RTO, %llu ms",
			   c->name, i, w->end[i].sent, w->end[i].sent_empty, tcb->retrans_segs,
			   tcb->rto_count, div_u64(took, VHO_WIRE_MS));
	}
}

static struct kunit_case vho_wire_test_cases[] = {
	KUNIT_CASE_PARAM(vho_wire_transfer, vho_wire_gen_params),
	{}
};

static struct kunit_suite vho_wire_suite = {
	.name = "virtuoso_tcp_wire",
	.test_cases = vho_wire_test_cases,
};
kunit_test_suite(vho_wire_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: whole TCP connections");
MODULE_LICENSE("GPL");
