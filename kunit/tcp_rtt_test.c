// SPDX-License-Identifier: GPL-2.0
/*
 * Round-trip time and retransmission time-out.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_wire.h"

static void vho_tcp_rtt_sample__first(struct kunit *test)
{
	struct vho_tcb tcb = {};

	vho_tcp_rtt_init(&tcb);
	KUNIT_EXPECT_EQ(test, tcb.rto_us, VHO_RTO_INIT_US);
	vho_tcp_rtt_sample(&tcb, 400000);
	KUNIT_EXPECT_EQ(test, tcb.srtt_us, 400000);
	KUNIT_EXPECT_EQ(test, tcb.rttvar_us, 200000);
	KUNIT_EXPECT_EQ(test, tcb.rto_us, 1200000);
}

static void vho_tcp_rtt_sample__next(struct kunit *test)
{
	struct vho_tcb tcb = {};

	vho_tcp_rtt_init(&tcb);
	vho_tcp_rtt_sample(&tcb, 400000);
	vho_tcp_rtt_sample(&tcb, 800000);
	KUNIT_EXPECT_EQ(test, tcb.rttvar_us, (3 * 200000 + 400000) / 4);
	KUNIT_EXPECT_EQ(test, tcb.srtt_us, (7 * 400000 + 800000) / 8);
	KUNIT_EXPECT_EQ(test, tcb.rto_us, 450000 + 4 * 250000);
}

static void vho_tcp_rtt_sample__limits(struct kunit *test)
{
	struct vho_tcb tcb = {};
	int i;

	vho_tcp_rtt_init(&tcb);
	for (i = 0; i < 100; i++)
		vho_tcp_rtt_sample(&tcb, 0);
	KUNIT_EXPECT_EQ(test, tcb.rto_us, VHO_RTO_MIN_US);
	KUNIT_EXPECT_EQ(test, tcb.srtt_us, 1);
	for (i = 0; i < 100; i++)
		vho_tcp_rtt_sample(&tcb, U32_MAX);
	KUNIT_EXPECT_EQ(test, tcb.rto_us, VHO_RTO_MAX_US);
	KUNIT_EXPECT_LE(test, tcb.srtt_us, VHO_RTO_MAX_US);
}

static void vho_tcp_rto_ns__back_off(struct kunit *test)
{
	struct vho_tcb tcb = { .rto_us = 300000 };

	KUNIT_EXPECT_EQ(test, vho_tcp_rto_ns(&tcb), 300 * VHO_WIRE_MS);
	tcb.backoff = 3;
	KUNIT_EXPECT_EQ(test, vho_tcp_rto_ns(&tcb), 2400 * VHO_WIRE_MS);
	tcb.backoff = 255;
	KUNIT_EXPECT_EQ(test, vho_tcp_rto_ns(&tcb), 120 * VHO_WIRE_S);
}

/* One segment per round trip is timed, by the clock and not by timestamps. */
static void vho_tcp_rtt_ack__own_clock(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 65536);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_tcp_rtt_init(tcb);
	vho_wire_write(w, 3000, 0);
	w->now_ns += 345 * NSEC_PER_USEC;
	vho_wire_inject(w, VHO_TCPF_ACK, 5001, 2449, 0);
	KUNIT_EXPECT_EQ(test, tcb->srtt_us, 345);
}

/* Karn: what was sent again is not timed; the echoed timestamp tells which one it was. */
static void vho_tcp_rtt_ack__retransmitted(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 65536);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_rx_seg ack = { .seq = 5001, .ack = 1101, .flags = VHO_TCPF_ACK, .wnd = 512 };

	vho_wire_write(w, 100, 0);
	vho_tcp_rtt_init(tcb);
	vho_wire_advance(w, 2000 * VHO_WIRE_MS);
	KUNIT_ASSERT_GE(test, tcb->rto_count, 1);
	KUNIT_ASSERT_EQ(test, tcb->srtt_us, 0);
	ack.opt.has = VHO_OPT_TS;
	ack.opt.tsval = 200;
	ack.opt.tsecr = vho_tcp_ts_now(tcb, w->now_ns) - 10;
	vho_wire_inject_seg(w, &ack);
	KUNIT_EXPECT_EQ(test, tcb->srtt_us, 10 * VHO_TS_TICK_US);
	KUNIT_EXPECT_EQ(test, tcb->backoff, 0);
}

/* The original arrived and its ACK was lost: the echo would measure our own time-out. */
static void vho_tcp_rtt_ack__lost_ack(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 65536);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_rx_seg ack = { .seq = 5001, .ack = 1101, .flags = VHO_TCPF_ACK, .wnd = 512 };

	vho_wire_write(w, 100, 0);
	vho_tcp_rtt_init(tcb);
	ack.opt.has = VHO_OPT_TS;
	ack.opt.tsval = 200;
	ack.opt.tsecr = vho_tcp_ts_now(tcb, w->now_ns);
	vho_wire_advance(w, 2000 * VHO_WIRE_MS);
	vho_wire_inject_seg(w, &ack);
	KUNIT_EXPECT_EQ(test, tcb->snd_una, 1101);
	KUNIT_EXPECT_EQ(test, tcb->srtt_us, 0);
	KUNIT_EXPECT_GT(test, tcb->backoff, 0);
}

/* An echo that cannot be ours is no measurement. */
static void vho_tcp_rtt_ack__hostile_echo(struct kunit *test)
{
	const u32 off[] = { 1, 0x7fffffff, 0x80000000, 200000 };
	int i;

	for (i = 0; i < ARRAY_SIZE(off); i++) {
		struct vho_tcb tcb = { .ts_ok = 1 };
		struct vho_rx_seg seg = { .opt.has = VHO_OPT_TS };

		vho_tcp_rtt_init(&tcb);
		vho_tcp_rtt_retransmitted(&tcb, VHO_WIRE_START - 100000 * VHO_WIRE_MS);
		seg.opt.tsecr = vho_tcp_ts_now(&tcb, VHO_WIRE_START) + (i ? -off[i] : off[i]);
		vho_tcp_rtt_ack(&tcb, &seg, VHO_WIRE_START);
		KUNIT_EXPECT_EQ(test, tcb.srtt_us, 0);
	}
}

static struct kunit_case vho_rtt_test_cases[] = {
	KUNIT_CASE(vho_tcp_rtt_sample__first),
	KUNIT_CASE(vho_tcp_rtt_sample__next),
	KUNIT_CASE(vho_tcp_rtt_sample__limits),
	KUNIT_CASE(vho_tcp_rto_ns__back_off),
	KUNIT_CASE(vho_tcp_rtt_ack__own_clock),
	KUNIT_CASE(vho_tcp_rtt_ack__retransmitted),
	KUNIT_CASE(vho_tcp_rtt_ack__lost_ack),
	KUNIT_CASE(vho_tcp_rtt_ack__hostile_echo),
	{}
};

static struct kunit_suite vho_rtt_suite = {
	.name = "virtuoso_tcp_rtt",
	.test_cases = vho_rtt_test_cases,
};
kunit_test_suite(vho_rtt_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: round-trip time");
MODULE_LICENSE("GPL");
