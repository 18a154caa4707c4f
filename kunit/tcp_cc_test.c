// SPDX-License-Identifier: GPL-2.0
/*
 * Congestion control.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_wire.h"

#define MSS	1448

static void vho_tcp_cc_initial_window__rfc6928(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, vho_tcp_cc_initial_window(536), 5360);
	KUNIT_EXPECT_EQ(test, vho_tcp_cc_initial_window(1448), 14480);
	KUNIT_EXPECT_EQ(test, vho_tcp_cc_initial_window(1460), 14600);
	KUNIT_EXPECT_EQ(test, vho_tcp_cc_initial_window(4000), 14600);
	KUNIT_EXPECT_EQ(test, vho_tcp_cc_initial_window(8948), 17896);
}

static void vho_tcp_cc_init__syn_lost(struct kunit *test)
{
	struct vho_tcb tcb = { .mss = MSS };

	vho_tcp_cc_init(&tcb, true);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, MSS);
}

/* @outstanding bytes under way with a window of @cwnd. */
static struct vho_tcb vho_cc_tcb(u32 cwnd, u32 ssthresh, u32 outstanding)
{
	return (struct vho_tcb){
		.mss = MSS, .cwnd = cwnd, .ssthresh = ssthresh,
		.snd_una = 0xfffff000, .snd_nxt = 0xfffff000 + outstanding,
		.snd_max = 0xfffff000 + outstanding,
	};
}

static void vho_tcp_cc_ack__slow_start(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(10 * MSS, 100 * MSS, 10 * MSS);

	vho_tcp_cc_ack(&tcb, 2 * MSS, 10 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 12 * MSS);
}

static void vho_tcp_cc_ack__slow_start_ends(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(10 * MSS, 11 * MSS, 10 * MSS);

	vho_tcp_cc_ack(&tcb, 10 * MSS, 10 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 12 * MSS);
}

static void vho_tcp_cc_ack__unused_window(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(100 * MSS, 200 * MSS, 2 * MSS);

	vho_tcp_cc_ack(&tcb, 2 * MSS, 2 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 100 * MSS);
	tcb.ssthresh = 50 * MSS;
	vho_tcp_cc_ack(&tcb, 2 * MSS, 2 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 100 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.ca_acked, 0);
}

/* One segment per window. */
static void vho_tcp_cc_ack__avoidance(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(10 * MSS, 5 * MSS, 10 * MSS);
	int i;

	for (i = 0; i < 9; i++)
		vho_tcp_cc_ack(&tcb, MSS, 10 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 10 * MSS);
	vho_tcp_cc_ack(&tcb, MSS, 10 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 11 * MSS);
}

static void vho_tcp_cc_ack__after_timeout(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(MSS, 50 * MSS, 60 * MSS);

	tcb.recover_hold = 1;
	vho_tcp_cc_ack(&tcb, 40 * MSS, 60 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 2 * MSS);
}

static void vho_tcp_cc_ack__largest(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(VHO_CWND_MAX, VHO_CWND_MAX, 0);

	vho_tcp_cc_ack(&tcb, VHO_CWND_MAX, VHO_CWND_MAX);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, VHO_CWND_MAX);
}

static void vho_tcp_cc_dupack__limited_transmit(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(10 * MSS, 50 * MSS, 10 * MSS);

	KUNIT_EXPECT_EQ(test, vho_tcp_cc_window(&tcb), 10 * MSS);
	KUNIT_EXPECT_FALSE(test, vho_tcp_cc_dupack(&tcb, 1));
	KUNIT_EXPECT_EQ(test, vho_tcp_cc_window(&tcb), 11 * MSS);
	KUNIT_EXPECT_FALSE(test, vho_tcp_cc_dupack(&tcb, 1));
	KUNIT_EXPECT_EQ(test, vho_tcp_cc_window(&tcb), 12 * MSS);
}

static void vho_tcp_cc_dupack__third(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(10 * MSS, 50 * MSS, 12 * MSS);
	u32 max = tcb.snd_max;

	vho_tcp_cc_dupack(&tcb, 1);
	vho_tcp_cc_dupack(&tcb, 1);
	KUNIT_EXPECT_TRUE(test, vho_tcp_cc_dupack(&tcb, 1));
	KUNIT_EXPECT_TRUE(test, tcb.in_recovery);
	KUNIT_EXPECT_EQ(test, tcb.recover, max);
	/* Limited transmit does not count. */
	KUNIT_EXPECT_EQ(test, tcb.ssthresh, 5 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 8 * MSS);
	KUNIT_EXPECT_FALSE(test, vho_tcp_cc_dupack(&tcb, 1));
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 9 * MSS);
}

/* A peer that sends duplicates without end gains nothing. */
static void vho_tcp_cc_dupack__flood(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(10 * MSS, 50 * MSS, 10 * MSS);
	int i;

	for (i = 0; i < 10000; i++)
		vho_tcp_cc_dupack(&tcb, 64);
	KUNIT_EXPECT_LE(test, tcb.cwnd, tcb.ssthresh + 10 * MSS);
}

static void vho_tcp_cc_recovery_ack__partial(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(10 * MSS, 50 * MSS, 10 * MSS);

	vho_tcp_cc_dupack(&tcb, 3);
	tcb.snd_una += 2 * MSS;
	KUNIT_EXPECT_TRUE(test, vho_tcp_cc_recovery_ack(&tcb, 2 * MSS));
	KUNIT_EXPECT_EQ(test, tcb.cwnd, (5 + 3 - 2 + 1) * MSS);
	KUNIT_EXPECT_TRUE(test, tcb.in_recovery);
	tcb.snd_una += 7 * MSS;
	KUNIT_EXPECT_TRUE(test, vho_tcp_cc_recovery_ack(&tcb, 7 * MSS));
	KUNIT_EXPECT_EQ(test, tcb.cwnd, MSS);
}

static void vho_tcp_cc_recovery_ack__full(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(10 * MSS, 50 * MSS, 10 * MSS);

	vho_tcp_cc_dupack(&tcb, 3);
	tcb.snd_una += 10 * MSS;
	KUNIT_EXPECT_FALSE(test, vho_tcp_cc_recovery_ack(&tcb, 10 * MSS));
	KUNIT_EXPECT_FALSE(test, tcb.in_recovery);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 2 * MSS);
}

static void vho_tcp_cc_timeout__first_and_next(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(20 * MSS, 50 * MSS, 20 * MSS);

	vho_tcp_cc_timeout(&tcb);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, MSS);
	KUNIT_EXPECT_EQ(test, tcb.ssthresh, 10 * MSS);
	tcb.stalled = 1;
	vho_tcp_cc_timeout(&tcb);
	KUNIT_EXPECT_EQ(test, tcb.ssthresh, 10 * MSS);
	/* RFC 6582: duplicates of what is sent again start no fast retransmit. */
	KUNIT_EXPECT_FALSE(test, vho_tcp_cc_dupack(&tcb, 3));
	KUNIT_EXPECT_FALSE(test, tcb.in_recovery);
}

static void vho_tcp_cc_idle__restart(struct kunit *test)
{
	struct vho_tcb tcb = vho_cc_tcb(100 * MSS, 50 * MSS, 0);

	tcb.rto_us = VHO_RTO_MIN_US;
	tcb.idle_at_ns = VHO_WIRE_START;
	vho_tcp_cc_idle(&tcb, VHO_WIRE_START + 100 * VHO_WIRE_MS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 100 * MSS);
	tcb.idle_at_ns = VHO_WIRE_START;
	vho_tcp_cc_idle(&tcb, VHO_WIRE_START + 300 * VHO_WIRE_MS);
	KUNIT_EXPECT_EQ(test, tcb.cwnd, 10 * MSS);
	KUNIT_EXPECT_EQ(test, tcb.ssthresh, 50 * MSS);
}

static struct kunit_case vho_cc_test_cases[] = {
	KUNIT_CASE(vho_tcp_cc_initial_window__rfc6928),
	KUNIT_CASE(vho_tcp_cc_init__syn_lost),
	KUNIT_CASE(vho_tcp_cc_ack__slow_start),
	KUNIT_CASE(vho_tcp_cc_ack__slow_start_ends),
	KUNIT_CASE(vho_tcp_cc_ack__unused_window),
	KUNIT_CASE(vho_tcp_cc_ack__avoidance),
	KUNIT_CASE(vho_tcp_cc_ack__after_timeout),
	KUNIT_CASE(vho_tcp_cc_ack__largest),
	KUNIT_CASE(vho_tcp_cc_dupack__limited_transmit),
	KUNIT_CASE(vho_tcp_cc_dupack__third),
	KUNIT_CASE(vho_tcp_cc_dupack__flood),
	KUNIT_CASE(vho_tcp_cc_recovery_ack__partial),
	KUNIT_CASE(vho_tcp_cc_recovery_ack__full),
	KUNIT_CASE(vho_tcp_cc_timeout__first_and_next),
	KUNIT_CASE(vho_tcp_cc_idle__restart),
	{}
};

static struct kunit_suite vho_cc_suite = {
	.name = "virtuoso_tcp_cc",
	.test_cases = vho_cc_test_cases,
};
kunit_test_suite(vho_cc_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: TCP congestion control");
MODULE_LICENSE("GPL");
