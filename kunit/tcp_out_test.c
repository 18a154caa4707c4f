// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: one engine, the test plays the peer. Our next byte is 1001, the peer's 5001.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_wire.h"

#define RING	65536
#define MSS	1448
#define ACK	VHO_TCPF_ACK

/* The next packet has @len bytes at @seq. */
static struct vho_wire_pkt *vho_out_expect(struct vho_wire *w, u32 seq, u32 len)
{
	struct vho_wire_pkt *pkt = vho_wire_pop(w);

	KUNIT_ASSERT_NOT_NULL_MSG(w->test, pkt, "nothing was sent");
	KUNIT_EXPECT_EQ(w->test, pkt->seq, seq);
	KUNIT_EXPECT_EQ(w->test, pkt->len, len);
	return pkt;
}

static void vho_out_expect_quiet(struct vho_wire *w)
{
	KUNIT_EXPECT_TRUE(w->test, vho_wire_quiet(w));
}

/* A pure ACK with a window of @wnd bytes. */
static void vho_out_ack(struct vho_wire *w, u32 ack, u32 wnd)
{
	struct vho_rx_seg seg = {
		.seq = vho_wire_tcb(w, 0)->rcv_nxt, .ack = ack, .flags = ACK, .segs = 1,
		.wnd = wnd >> vho_wire_tcb(w, 0)->snd_wscale,
	};

	vho_wire_inject_seg(w, &seg);
}

static void vho_tcp_output__segments(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_wire_pkt *pkt;

	vho_wire_write(w, 2 * MSS + 100, 0);
	pkt = vho_out_expect(w, 1001, MSS);
	KUNIT_EXPECT_EQ(test, pkt->flags, ACK);
	pkt = vho_out_expect(w, 1001 + MSS, MSS);
	KUNIT_EXPECT_EQ(test, pkt->flags, ACK);
	pkt = vho_out_expect(w, 1001 + 2 * MSS, 100);
	KUNIT_EXPECT_EQ(test, pkt->flags, ACK | VHO_TCPF_PSH);
	vho_out_expect_quiet(w);
}

static void vho_tcp_output__initial_window(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	int i;

	vho_wire_write(w, 20 * MSS, 0);
	for (i = 0; i < 10; i++)
		vho_out_expect(w, 1001 + i * MSS, MSS);
	vho_out_expect_quiet(w);
	/* Slow start: two acknowledged, four more. */
	vho_out_ack(w, 1001 + 2 * MSS, 65536);
	for (; i < 14; i++)
		vho_out_expect(w, 1001 + i * MSS, MSS);
	vho_out_expect_quiet(w);
}

/* The operator's limit bounds what is under way, but never to less than two segments. */
static void vho_tcp_output__flight_limit(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	int i;

	vho_tcp_set_flight_limit(tcb, 4 * MSS);
	vho_wire_write(w, 20 * MSS, 0);
	for (i = 0; i < 4; i++)
		vho_out_expect(w, 1001 + i * MSS, MSS);
	vho_out_expect_quiet(w);
	vho_tcp_set_flight_limit(tcb, 1);
	vho_out_ack(w, 1001 + 3 * MSS, 65536);
	vho_out_expect(w, 1001 + 4 * MSS, MSS);
	vho_out_expect_quiet(w);
}

/* Both ways, with rings that hold much more: all arrives, and no more than allowed is offered. */
static void vho_tcp_output__flight_limit_of_both(struct kunit *test)
{
	static const u32 limits[] = { 1, 4096, 20000, 1 << 20 };
	unsigned int i, e;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		struct vho_wire *w = vho_wire_new(test, i, RING);

		vho_wire_establish(w, 1000, 5000, 1460);
		for (e = 0; e < 2; e++) {
			vho_tcp_set_flight_limit(vho_wire_tcb(w, e), limits[i]);
			w->end[e].to_send = 500000;
		}
		vho_wire_run(w, 60ULL * NSEC_PER_SEC);
		for (e = 0; e < 2; e++) {
			const struct vho_tcb *tcb = vho_wire_tcb(w, e);

			KUNIT_EXPECT_EQ(test, w->end[e].read, 500000);
			KUNIT_EXPECT_LE(test, tcb->rcv_adv - tcb->rcv_nxt,
					max(limits[i], 2U * 1460));
		}
		vho_wire_free_rings(w);
	}
}

static void vho_tcp_output__peer_window(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_out_ack(w, 1001, 3 * MSS + 128);
	vho_wire_write(w, 10 * MSS, 0);
	vho_out_expect(w, 1001, MSS);
	vho_out_expect(w, 1001 + MSS, MSS);
	vho_out_expect(w, 1001 + 2 * MSS, MSS);
	vho_out_expect_quiet(w);
	KUNIT_EXPECT_FALSE(test, vho_seq_after(tcb->snd_max, tcb->snd_una + tcb->snd_wnd));
}

static void vho_tcp_output__budget(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_wire_end *e = &w->end[0];

	w->output_budget = 2 * MSS + 10;
	vho_wire_write(w, 5 * MSS, 0);
	KUNIT_EXPECT_TRUE(test, e->limited);
	vho_out_expect(w, 1001, MSS);
	vho_out_expect(w, 1001 + MSS, MSS);
	/* What is left is less than a segment. */
	vho_out_expect_quiet(w);
	/* None at all is one segment. */
	KUNIT_EXPECT_TRUE(test, vho_tcp_output(&e->flow, 0, w->now_ns));
	vho_out_expect(w, 1001 + 2 * MSS, MSS);
	KUNIT_EXPECT_TRUE(test, vho_tcp_output(&e->flow, MSS - 1, w->now_ns));
	vho_out_expect(w, 1001 + 3 * MSS, MSS);
	KUNIT_EXPECT_FALSE(test, vho_tcp_output(&e->flow, 0, w->now_ns));
	vho_out_expect(w, 1001 + 4 * MSS, MSS);
	vho_out_expect_quiet(w);
	e->limited = false;
}

static void vho_tcp_output__large_segments(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 262144);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	tcb->cwnd = 300000;
	tcb->snd_wnd = 300000;
	w->output_budget = 300000;
	/* vho_segment_xmit() checks the size and cuts. */
	vho_wire_write(w, 200000, 0);
	KUNIT_EXPECT_EQ(test, w->nr_pkts, DIV_ROUND_UP(200000, MSS));
}

/* --- Nagle, NODELAY, CORK --- */

static void vho_tcp_output__nagle(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_wire_write(w, 10, 0);
	vho_out_expect(w, 1001, 10);
	vho_wire_write(w, 10, 0);
	vho_wire_write(w, 10, 0);
	vho_out_expect_quiet(w);
	/* Full segments go, the tail stays. */
	vho_wire_write(w, MSS, 0);
	vho_out_expect(w, 1011, MSS);
	vho_out_expect_quiet(w);
	vho_out_ack(w, 1011, 65536);
	vho_out_expect(w, 1011 + MSS, 20);
	vho_out_expect_quiet(w);
}

/* Minshall: a tail behind full segments does not wait for their ACK. */
static void vho_tcp_output__nagle_after_full(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_wire_write(w, MSS, 0);
	vho_out_expect(w, 1001, MSS);
	vho_wire_write(w, 10, 0);
	vho_out_expect(w, 1001 + MSS, 10);
	vho_wire_write(w, 10, 0);
	vho_out_expect_quiet(w);
}

/* A mark left behind by 2^31 and more bytes does not hold anything back. */
static void vho_tcp_output__nagle_old_mark(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_wire_write(w, MSS, 0);
	vho_wire_flush(w);
	vho_wire_tcb(w, 0)->snd_small = 1001 + 0x70000000;
	vho_wire_write(w, 10, 0);
	vho_out_expect(w, 1001 + MSS, 10);
}

static void vho_tcp_output__nodelay(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	int i;

	for (i = 0; i < 5; i++) {
		vho_wire_write(w, 10, VIRTUOSO_SF_NODELAY);
		vho_out_expect(w, 1001 + 10 * i, 10);
	}
}

static void vho_tcp_output__cork(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_wire_write(w, 10, VIRTUOSO_SF_CORK | VIRTUOSO_SF_NODELAY);
	vho_out_expect_quiet(w);
	vho_wire_write(w, MSS, VIRTUOSO_SF_CORK);
	vho_out_expect(w, 1001, MSS);
	vho_out_expect_quiet(w);
	/* Pulled out. */
	vho_wire_write(w, 0, 0);
	vho_out_expect(w, 1001 + MSS, 10);
}

static void vho_tcp_output__cork_times_out(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_wire_write(w, 10, VIRTUOSO_SF_CORK);
	vho_wire_advance(w, 199 * VHO_WIRE_MS);
	vho_out_expect_quiet(w);
	vho_wire_advance(w, VHO_WIRE_MS);
	vho_out_expect(w, 1001, 10);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->probes, 0);
}

static void vho_tcp_output__fin_ends_cork(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_wire_pkt *pkt;

	vho_wire_write(w, 10, VIRTUOSO_SF_CORK);
	vho_out_expect_quiet(w);
	vho_wire_write(w, 0, VIRTUOSO_SF_CORK | VIRTUOSO_SF_FIN);
	pkt = vho_out_expect(w, 1001, 10);
	KUNIT_EXPECT_EQ(test, pkt->flags, ACK | VHO_TCPF_PSH | VHO_TCPF_FIN);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_FIN_WAIT1);
}

/* --- Silly windows --- */

static void vho_tcp_output__silly_window(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	/* A window below a segment, and small for this peer: wait for the timer. */
	vho_out_ack(w, 1001, 512);
	vho_wire_write(w, 5000, 0);
	vho_out_expect_quiet(w);
	vho_wire_advance(w, 2 * VHO_WIRE_S);
	vho_out_expect(w, 1001, 512);
}

static void vho_tcp_output__tiny_receiver(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	/* Never had more than 1 KiB: half of that is worth a segment. */
	tcb->max_snd_wnd = 1024;
	tcb->snd_wnd = 0;
	vho_out_ack(w, 1001, 512);
	vho_wire_write(w, 5000, 0);
	vho_out_expect(w, 1001, 512);
	vho_out_expect_quiet(w);
}

/* --- Failures of transmission --- */

static void vho_tcp_output__xmit_fails(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	w->end[0].xmit_fail_ppm = 1000000;
	vho_wire_write(w, 100, 0);
	vho_out_expect_quiet(w);
	KUNIT_EXPECT_EQ(test, tcb->snd_max, 1001);
	KUNIT_EXPECT_EQ(test, tcb->tx_bytes, 0ULL);
	w->end[0].xmit_fail_ppm = 0;
	vho_wire_advance(w, 10 * VHO_WIRE_MS);
	vho_out_expect(w, 1001, 100);
}

static void vho_tcp_output__ack_fails(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_wire_pkt *pkt;

	w->end[0].xmit_fail_ppm = 1000000;
	vho_wire_inject(w, ACK, 5001, 1001, 10);
	vho_out_expect_quiet(w);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->last_ack_sent, 5001);
	w->end[0].xmit_fail_ppm = 0;
	vho_wire_advance(w, 10 * VHO_WIRE_MS);
	pkt = vho_out_expect(w, 1001, 0);
	KUNIT_EXPECT_EQ(test, pkt->ack, 5011);
}

/* --- Going back after a time-out --- */

static void vho_tcp_output__go_back(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_write(w, 10 * MSS, 0);
	vho_wire_flush(w);
	vho_wire_advance(w, (u64)tcb->rto_us * NSEC_PER_USEC);
	vho_out_expect(w, 1001, MSS);
	vho_out_expect_quiet(w);
	KUNIT_EXPECT_EQ(test, tcb->cwnd, MSS);
	vho_out_ack(w, 1001 + MSS, 65536);
	vho_out_expect(w, 1001 + MSS, MSS);
	vho_out_expect(w, 1001 + 2 * MSS, MSS);
	vho_out_expect_quiet(w);
	/* The rest had arrived: nothing of it again. */
	vho_out_ack(w, 1001 + 10 * MSS, 65536);
	vho_out_expect_quiet(w);
	KUNIT_EXPECT_EQ(test, tcb->snd_nxt, tcb->snd_max);
	KUNIT_EXPECT_EQ(test, tcb->rto_at_ns, 0ULL);
	KUNIT_EXPECT_EQ(test, tcb->retrans_segs, 3);
	KUNIT_EXPECT_EQ(test, tcb->tx_bytes, 10ULL * MSS);
}

/* A smaller segment size cuts what is under way anew. */
static void vho_tcp_mss_limit__shrinks(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	u32 cwnd = tcb->cwnd;

	vho_wire_write(w, 2 * MSS, 0);
	vho_wire_flush(w);
	vho_tcp_mss_limit(&w->end[0].flow, 1012, w->now_ns);
	vho_wire_output(w);
	vho_out_expect(w, 1001, 1000);
	vho_out_expect(w, 2001, 1000);
	vho_out_expect(w, 3001, 896);
	vho_out_expect_quiet(w);
	KUNIT_EXPECT_EQ(test, tcb->cwnd, cwnd);
	/* Absurd values have a bound. */
	vho_tcp_mss_limit(&w->end[0].flow, 0, w->now_ns);
	KUNIT_EXPECT_EQ(test, tcb->mss, VHO_MSS_MIN - VHO_OPT_TS_BYTES);
	vho_tcp_mss_limit(&w->end[0].flow, 65535, w->now_ns);
	KUNIT_EXPECT_EQ(test, tcb->mss, MSS);
}

static void vho_tcp_send__options(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_wire_pkt *pkt;
	struct vho_tcp_opt opt;

	w->now_ns += 100 << 20;
	vho_wire_write(w, 10, 0);
	pkt = vho_out_expect(w, 1001, 10);
	KUNIT_EXPECT_EQ(test, pkt->optlen, VHO_OPT_TS_BYTES);
	KUNIT_EXPECT_TRUE(test, vho_tcp_opt_parse(pkt->opt, pkt->optlen, false, &opt));
	KUNIT_EXPECT_EQ(test, opt.tsval, vho_tcp_ts_now(tcb, w->now_ns));
	KUNIT_EXPECT_EQ(test, opt.tsecr, 100);
	KUNIT_EXPECT_EQ(test, pkt->wnd, (tcb->rcv_adv - 5001) >> 7);
}

static struct kunit_case vho_out_test_cases[] = {
	KUNIT_CASE(vho_tcp_output__segments),
	KUNIT_CASE(vho_tcp_output__initial_window),
	KUNIT_CASE(vho_tcp_output__flight_limit),
	KUNIT_CASE(vho_tcp_output__flight_limit_of_both),
	KUNIT_CASE(vho_tcp_output__peer_window),
	KUNIT_CASE(vho_tcp_output__budget),
	KUNIT_CASE(vho_tcp_output__large_segments),
	KUNIT_CASE(vho_tcp_output__nagle),
	KUNIT_CASE(vho_tcp_output__nagle_after_full),
	KUNIT_CASE(vho_tcp_output__nagle_old_mark),
	KUNIT_CASE(vho_tcp_output__nodelay),
	KUNIT_CASE(vho_tcp_output__cork),
	KUNIT_CASE(vho_tcp_output__cork_times_out),
	KUNIT_CASE(vho_tcp_output__fin_ends_cork),
	KUNIT_CASE(vho_tcp_output__silly_window),
	KUNIT_CASE(vho_tcp_output__tiny_receiver),
	KUNIT_CASE(vho_tcp_output__xmit_fails),
	KUNIT_CASE(vho_tcp_output__ack_fails),
	KUNIT_CASE(vho_tcp_output__go_back),
	KUNIT_CASE(vho_tcp_mss_limit__shrinks),
	KUNIT_CASE(vho_tcp_send__options),
	{}
};

static struct kunit_suite vho_out_suite = {
	.name = "virtuoso_tcp_out",
	.test_cases = vho_out_test_cases,
};
kunit_test_suite(vho_out_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: TCP sending");
MODULE_LICENSE("GPL");
