// SPDX-License-Identifier: GPL-2.0
/*
 * Timers: one engine, the test plays the peer. Our next byte is 1001, the peer's 5001.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_wire.h"

#define RING	65536
#define MSS	1448
#define ACK	VHO_TCPF_ACK

/* Runs until a packet goes out. Return: nanoseconds that took. */
static u64 vho_timer_until_sent(struct vho_wire *w)
{
	u64 from = w->now_ns;

	vho_wire_flush(w);
	while (vho_wire_quiet(w)) {
		u64 at = vho_tcp_deadline(vho_wire_tcb(w, 0));

		KUNIT_ASSERT_NE_MSG(w->test, at, U64_MAX, "no timer is set");
		vho_wire_advance(w, at - w->now_ns);
		if (vho_wire_tcb(w, 0)->state == TCP_CLOSE)
			break;
	}
	return w->now_ns - from;
}

/* Runs until the flow has ended. Return: nanoseconds that took. */
static u64 vho_timer_until_closed(struct vho_wire *w)
{
	u64 from = w->now_ns;

	while (vho_wire_tcb(w, 0)->state != TCP_CLOSE) {
		u64 at = vho_tcp_deadline(vho_wire_tcb(w, 0));

		KUNIT_ASSERT_NE_MSG(w->test, at, U64_MAX, "no timer is set");
		vho_wire_flush(w);
		vho_wire_advance(w, at - w->now_ns);
	}
	return w->now_ns - from;
}

static void vho_timer_ack(struct vho_wire *w, u32 ack, u16 wnd)
{
	struct vho_rx_seg seg = {
		.seq = vho_wire_tcb(w, 0)->rcv_nxt, .ack = ack, .flags = ACK, .wnd = wnd, .segs = 1,
	};

	vho_wire_inject_seg(w, &seg);
}

static void vho_tcp_timer__none(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	KUNIT_EXPECT_EQ(test, vho_tcp_deadline(vho_wire_tcb(w, 0)), U64_MAX);
	vho_tcp_timer(&w->end[0].flow, w->now_ns + 1000 * VHO_WIRE_S);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

static void vho_tcp_timer__back_off(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	u64 rto = (u64)tcb->rto_us * NSEC_PER_USEC;
	int i;

	vho_wire_write(w, 100, 0);
	for (i = 0; i < 7; i++) {
		KUNIT_EXPECT_EQ(test, vho_timer_until_sent(w), rto << i);
		KUNIT_EXPECT_EQ(test, vho_wire_pop(w)->seq, 1001);
	}
	KUNIT_EXPECT_EQ(test, tcb->rto_count, 7);
	/* Progress ends it, but for what Karn's algorithm keeps until the next measurement. */
	vho_timer_ack(w, 1101, 512);
	KUNIT_EXPECT_EQ(test, tcb->backoff, VHO_KARN_BACKOFF_MAX);
	KUNIT_EXPECT_EQ(test, vho_tcp_deadline(tcb), U64_MAX);
	vho_wire_write(w, 100, 0);
	vho_timer_ack(w, 1201, 512);
	KUNIT_EXPECT_EQ(test, tcb->backoff, 0);
}

static void vho_tcp_timer__gives_up(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	u64 took;

	vho_wire_write(w, 100, 0);
	took = vho_timer_until_closed(w);
	KUNIT_EXPECT_GE(test, took, VHO_STALL_MAX_NS);
	KUNIT_EXPECT_LE(test, took, VHO_STALL_MAX_NS + 120 * VHO_WIRE_S);
	KUNIT_EXPECT_EQ(test, tcb->error, VIRTUOSO_ERR_TIMEDOUT);
	KUNIT_EXPECT_TRUE(test, w->end[0].events & VHO_EV_CLOSED);
}

static void vho_tcp_timer__orphan_gives_up_sooner(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_wire_write(w, 100, VIRTUOSO_SF_CLOSE);
	KUNIT_EXPECT_LE(test, vho_timer_until_closed(w), 250 * VHO_WIRE_S);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->error, VIRTUOSO_ERR_TIMEDOUT);
}

static void vho_tcp_timer__user_timeout(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_tcp_setopt(&w->end[0].flow, 5000, 0, 0, 0, w->now_ns);
	vho_wire_write(w, 100, 0);
	KUNIT_EXPECT_EQ(test, vho_timer_until_closed(w), 5 * VHO_WIRE_S);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->error, VIRTUOSO_ERR_TIMEDOUT);
}

/* --- Handshake --- */

static struct vho_wire *vho_timer_new_connecting(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);

	w->net.delay_ns = 0;
	vho_wire_open(w, 0, 1000, 1460);
	return w;
}

static void vho_tcp_timer__syn(struct kunit *test)
{
	struct vho_wire *w = vho_timer_new_connecting(test);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	int i;

	for (i = 0; i < VHO_SYN_RETRIES; i++) {
		KUNIT_EXPECT_EQ(test, vho_timer_until_sent(w), VHO_WIRE_S << i);
		KUNIT_EXPECT_EQ(test, vho_wire_pop(w)->flags, VHO_TCPF_SYN);
	}
	KUNIT_EXPECT_EQ(test, vho_timer_until_closed(w), 64 * VHO_WIRE_S);
	KUNIT_EXPECT_EQ(test, tcb->error, VIRTUOSO_ERR_TIMEDOUT);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

static void vho_tcp_timer__syn_user_timeout(struct kunit *test)
{
	struct vho_wire *w = vho_timer_new_connecting(test);

	vho_tcp_setopt(&w->end[0].flow, 5000, 0, 0, 0, w->now_ns);
	KUNIT_EXPECT_EQ(test, vho_timer_until_closed(w), 5 * VHO_WIRE_S);
}

static void vho_tcp_timer__synack(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);
	struct vho_tcp_params par = { .iss = 1000, .mss_limit = 1460 };
	struct vho_rx_seg syn = { .seq = 5000, .flags = VHO_TCPF_SYN, .wnd = 1000 };
	u64 took;

	vho_tcp_accept(&w->end[0].flow, &par, &syn, w->now_ns);
	took = vho_timer_until_closed(w);
	KUNIT_EXPECT_EQ(test, took, 63 * VHO_WIRE_S);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->error, VIRTUOSO_ERR_TIMEDOUT);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->retrans_segs, VHO_SYNACK_RETRIES);
}

/* --- Persist --- */

static void vho_tcp_timer__probes(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	u64 rto = (u64)tcb->rto_us * NSEC_PER_USEC;
	int i;

	vho_timer_ack(w, 1001, 0);
	vho_wire_write(w, 5000, 0);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	for (i = 0; i < 5; i++) {
		struct vho_wire_pkt *pkt;

		KUNIT_EXPECT_EQ(test, vho_timer_until_sent(w), rto << i);
		pkt = vho_wire_pop(w);
		KUNIT_EXPECT_EQ(test, pkt->seq, 1000);
		KUNIT_EXPECT_EQ(test, pkt->len, 0);
		vho_timer_ack(w, 1001, 0);
	}
	/* Open again. */
	vho_timer_ack(w, 1001, 512);
	KUNIT_EXPECT_EQ(test, w->nr_pkts, 4);
	KUNIT_EXPECT_EQ(test, tcb->backoff, 0);
}

static void vho_tcp_timer__probes_unanswered(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_timer_ack(w, 1001, 0);
	vho_wire_write(w, 5000, 0);
	vho_timer_until_closed(w);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->error, VIRTUOSO_ERR_TIMEDOUT);
}

/* A peer that answers may keep its window closed for days. */
static void vho_tcp_timer__probes_answered(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	int i;

	vho_timer_ack(w, 1001, 0);
	vho_wire_write(w, 5000, 0);
	for (i = 0; i < 1000; i++) {
		vho_timer_until_sent(w);
		vho_timer_ack(w, 1001, 0);
	}
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_ESTABLISHED);
	KUNIT_EXPECT_GT(test, w->now_ns - VHO_WIRE_START, 86400 * VHO_WIRE_S);
}

/* But not when the guest has closed, or asked for a limit. */
static void vho_tcp_timer__probes_limited(struct kunit *test)
{
	int i, limit;

	for (limit = 0; limit < 2; limit++) {
		struct vho_wire *w = vho_wire_new_single(test, RING);

		if (limit)
			vho_tcp_setopt(&w->end[0].flow, 30000, 0, 0, 0, w->now_ns);
		vho_timer_ack(w, 1001, 0);
		vho_wire_write(w, 5000, limit ? 0 : VIRTUOSO_SF_CLOSE);
		for (i = 0; i < 100 && vho_wire_tcb(w, 0)->state != TCP_CLOSE; i++) {
			vho_timer_until_sent(w);
			vho_timer_ack(w, 1001, 0);
		}
		KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_CLOSE);
		KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->error, VIRTUOSO_ERR_TIMEDOUT);
		KUNIT_EXPECT_LT(test, w->now_ns - VHO_WIRE_START, 300 * VHO_WIRE_S);
	}
}

/* The window closes upon what is under way: the retransmission is the probe. */
static void vho_tcp_timer__window_shrinks(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	int i;

	vho_wire_write(w, 5000, 0);
	vho_timer_ack(w, 1001, 0);
	for (i = 0; i < 100; i++) {
		vho_timer_until_sent(w);
		KUNIT_EXPECT_EQ(test, vho_wire_pop(w)->seq, 1001);
		KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
		vho_timer_ack(w, 1001, 0);
	}
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_ESTABLISHED);
}

/* --- Keep-alive --- */

static void vho_tcp_timer__keepalive(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	int i;

	vho_tcp_setopt(&w->end[0].flow, 0, 100, 10, 3, w->now_ns);
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, vho_timer_until_sent(w), 100 * VHO_WIRE_S);
		KUNIT_EXPECT_EQ(test, vho_wire_pop(w)->seq, 1000);
		KUNIT_EXPECT_EQ(test, tcb->probes, 1);
		vho_timer_ack(w, 1001, 512);
		KUNIT_EXPECT_EQ(test, tcb->probes, 0);
		/* The timer looks once in between, and goes on from the answer. */
		vho_wire_advance(w, 0);
	}
	KUNIT_EXPECT_EQ(test, vho_timer_until_closed(w), 130 * VHO_WIRE_S);
	KUNIT_EXPECT_EQ(test, tcb->error, VIRTUOSO_ERR_TIMEDOUT);
	KUNIT_EXPECT_TRUE(test, vho_wire_pop(w)->flags & VHO_TCPF_RST);
}

static void vho_tcp_timer__keepalive_only_when_idle(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	int i;

	vho_tcp_setopt(&w->end[0].flow, 0, 10, 1, 1, w->now_ns);
	for (i = 0; i < 100; i++) {
		vho_wire_advance(w, 5 * VHO_WIRE_S);
		vho_wire_inject(w, ACK, 5001 + i, 1001, 1);
	}
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->probes, 0);
}

static void vho_tcp_timer__keepalive_off(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_tcp_setopt(&w->end[0].flow, 0, 100, 0, 0, w->now_ns);
	KUNIT_EXPECT_NE(test, vho_tcp_deadline(vho_wire_tcb(w, 0)), U64_MAX);
	vho_tcp_setopt(&w->end[0].flow, 0, 0, 0, 0, w->now_ns);
	KUNIT_EXPECT_EQ(test, vho_tcp_deadline(vho_wire_tcb(w, 0)), U64_MAX);
}

/* --- Closing --- */

static void vho_timer_to_fin_wait_2(struct vho_wire *w, u16 flags)
{
	vho_wire_write(w, 0, flags);
	vho_timer_ack(w, 1002, 512);
	KUNIT_ASSERT_EQ(w->test, vho_wire_tcb(w, 0)->state, TCP_FIN_WAIT2);
}

static void vho_tcp_timer__fin_wait_2_orphan(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_timer_to_fin_wait_2(w, VIRTUOSO_SF_CLOSE);
	KUNIT_EXPECT_EQ(test, vho_timer_until_closed(w), VHO_FIN_WAIT_2_NS);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->error, VIRTUOSO_ERR_NONE);
}

static void vho_tcp_timer__fin_wait_2_half_closed(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_timer_to_fin_wait_2(w, VIRTUOSO_SF_FIN);
	KUNIT_EXPECT_EQ(test, vho_tcp_deadline(vho_wire_tcb(w, 0)), U64_MAX);
	vho_wire_write(w, 0, VIRTUOSO_SF_CLOSE);
	KUNIT_EXPECT_EQ(test, vho_timer_until_closed(w), VHO_FIN_WAIT_2_NS);
}

static void vho_tcp_timer__time_wait(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_timer_to_fin_wait_2(w, VIRTUOSO_SF_CLOSE);
	vho_wire_flush(w);
	vho_wire_inject(w, ACK | VHO_TCPF_FIN, 5001, 1002, 0);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_TIME_WAIT);
	KUNIT_EXPECT_TRUE(test, w->end[0].events & VHO_EV_TIME_WAIT);
	KUNIT_EXPECT_EQ(test, vho_wire_pop(w)->ack, 5002);
	vho_wire_advance(w, 30 * VHO_WIRE_S);
	/* The peer has not got the ACK: again, and from the beginning. */
	vho_wire_inject(w, ACK | VHO_TCPF_FIN, 5001, 1002, 0);
	KUNIT_EXPECT_EQ(test, vho_wire_pop(w)->ack, 5002);
	KUNIT_EXPECT_EQ(test, vho_timer_until_closed(w), VHO_TIME_WAIT_NS);
	KUNIT_EXPECT_EQ(test, tcb->error, VIRTUOSO_ERR_NONE);
}

static struct kunit_case vho_timer_test_cases[] = {
	KUNIT_CASE(vho_tcp_timer__none),
	KUNIT_CASE(vho_tcp_timer__back_off),
	KUNIT_CASE(vho_tcp_timer__gives_up),
	KUNIT_CASE(vho_tcp_timer__orphan_gives_up_sooner),
	KUNIT_CASE(vho_tcp_timer__user_timeout),
	KUNIT_CASE(vho_tcp_timer__syn),
	KUNIT_CASE(vho_tcp_timer__syn_user_timeout),
	KUNIT_CASE(vho_tcp_timer__synack),
	KUNIT_CASE(vho_tcp_timer__probes),
	KUNIT_CASE(vho_tcp_timer__probes_unanswered),
	KUNIT_CASE(vho_tcp_timer__probes_answered),
	KUNIT_CASE(vho_tcp_timer__probes_limited),
	KUNIT_CASE(vho_tcp_timer__window_shrinks),
	KUNIT_CASE(vho_tcp_timer__keepalive),
	KUNIT_CASE(vho_tcp_timer__keepalive_only_when_idle),
	KUNIT_CASE(vho_tcp_timer__keepalive_off),
	KUNIT_CASE(vho_tcp_timer__fin_wait_2_orphan),
	KUNIT_CASE(vho_tcp_timer__fin_wait_2_half_closed),
	KUNIT_CASE(vho_tcp_timer__time_wait),
	{}
};

static struct kunit_suite vho_timer_suite = {
	.name = "virtuoso_tcp_timer",
	.test_cases = vho_timer_test_cases,
};
kunit_test_suite(vho_timer_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: TCP timers");
MODULE_LICENSE("GPL");
