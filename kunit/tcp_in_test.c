// SPDX-License-Identifier: GPL-2.0
/*
 * Segment arrival: one engine, the test plays the peer. Our next byte is 1001, the peer's 5001.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_wire.h"

#define RING	65536
#define ACK	VHO_TCPF_ACK
#define FIN	VHO_TCPF_FIN
#define SYN	VHO_TCPF_SYN
#define RST	VHO_TCPF_RST

/* The next packet is an ACK without payload for @ack. */
static void vho_in_expect_ack(struct vho_wire *w, u32 ack)
{
	struct vho_wire_pkt *pkt = vho_wire_pop(w);

	KUNIT_ASSERT_NOT_NULL_MSG(w->test, pkt, "no ACK was sent");
	KUNIT_EXPECT_EQ(w->test, pkt->flags, ACK);
	KUNIT_EXPECT_EQ(w->test, pkt->len, 0);
	KUNIT_EXPECT_EQ(w->test, pkt->ack, ack);
}

static void vho_in_expect_rst(struct vho_wire *w, u32 seq)
{
	struct vho_wire_pkt *pkt = vho_wire_pop(w);

	KUNIT_ASSERT_NOT_NULL_MSG(w->test, pkt, "no RST was sent");
	KUNIT_EXPECT_TRUE(w->test, pkt->flags & RST);
	KUNIT_EXPECT_EQ(w->test, pkt->seq, seq);
}

/* The control block's hot members: what every segment of an open connection needs. */
static void vho_tcb__hot_members_in_two_lines(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, offsetofend(struct vho_tcb, last_rx_ns), 64);
	KUNIT_EXPECT_LE(test, offsetofend(struct vho_tcb, rto_at_ns), 128);
	KUNIT_EXPECT_EQ(test, offsetof(struct vho_flow, tcb), 0);
}

/* --- Data in order --- */

static void vho_tcp_rx__in_order(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	KUNIT_EXPECT_TRUE(test, tcb->predict);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 1001, 100), VHO_DONE);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5101);
	KUNIT_EXPECT_TRUE(test, w->end[0].events & VHO_EV_UPDATE);
	/* The connection is young: acknowledged at once. */
	vho_in_expect_ack(w, 5101);
	vho_wire_read(w);
	KUNIT_EXPECT_EQ(test, w->end[0].read, 100);
}

static void vho_tcp_rx__delayed_ack(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	tcb->quick_acks = 0;
	vho_wire_inject(w, ACK, 5001, 1001, 1448);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	vho_wire_inject(w, ACK, 6449, 1001, 1448);
	vho_in_expect_ack(w, 7897);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	vho_wire_inject(w, ACK, 7897, 1001, 10);
	vho_wire_advance(w, 39 * VHO_WIRE_MS);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	vho_wire_advance(w, VHO_WIRE_MS);
	vho_in_expect_ack(w, 7907);
}

static void vho_tcp_rx__merged_segments_ack_at_once(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_rx_seg seg = {
		.seq = 5001, .ack = 1001, .len = 20000, .flags = ACK, .wnd = 512, .segs = 14,
	};

	vho_wire_tcb(w, 0)->quick_acks = 0;
	vho_wire_inject_seg(w, &seg);
	vho_in_expect_ack(w, 25001);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

/* The answer carries the ACK; a dialogue is noticed and its ACKs wait for answers. */
static void vho_tcp_rx__ack_rides_on_data(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_wire_pkt *pkt;

	tcb->quick_acks = 0;
	vho_wire_inject(w, ACK, 5001, 1001, 10);
	vho_wire_write(w, 10, 0);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->len, 10);
	KUNIT_EXPECT_EQ(test, pkt->ack, 5011);
	KUNIT_EXPECT_EQ(test, tcb->delack_at_ns, 0ULL);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

/* --- Out of order --- */

static void vho_tcp_rx__gap(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	int i;

	for (i = 1; i <= 3; i++) {
		KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001 + 100 * i, 1001, 100), VHO_DONE);
		vho_in_expect_ack(w, 5001);
		KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	}
	KUNIT_EXPECT_EQ(test, tcb->ooo.nr, 1);
	KUNIT_EXPECT_FALSE(test, tcb->predict);
	vho_wire_inject(w, ACK, 5001, 1001, 100);
	vho_in_expect_ack(w, 5401);
	KUNIT_EXPECT_EQ(test, tcb->ooo.nr, 0);
	KUNIT_EXPECT_TRUE(test, tcb->predict);
	vho_wire_read(w);
	KUNIT_EXPECT_EQ(test, w->end[0].read, 400);
}

/* Merged segments behind a gap still draw the three duplicates that the peer needs. */
static void vho_tcp_rx__gap_before_merged(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_rx_seg seg = {
		.seq = 6449, .ack = 1001, .len = 14480, .flags = ACK, .wnd = 512, .segs = 10,
	};
	int i;

	vho_wire_inject_seg(w, &seg);
	for (i = 0; i < 3; i++)
		vho_in_expect_ack(w, 5001);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

static void vho_tcp_rx__too_many_gaps(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	int i;

	for (i = 1; i <= VHO_OOO_MAX; i++)
		KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001 + 100 * i, 1001, 50), VHO_DONE);
	vho_wire_flush(w);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001 + 100 * i, 1001, 50), VHO_DROP);
	KUNIT_EXPECT_EQ(test, w->end[0].drops[VHO_STAT_drop_ooo_full], 1);
	vho_in_expect_ack(w, 5001);
	for (i = 0; i < VHO_OOO_MAX; i++)
		vho_wire_inject(w, ACK, 5001 + 100 * i, 1001, 100);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5001 + 100 * VHO_OOO_MAX + 50);
	vho_wire_read(w);
	KUNIT_EXPECT_EQ(test, w->end[0].read, 100 * VHO_OOO_MAX + 50);
}

static void vho_tcp_rx__overlap(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_inject(w, ACK, 5001, 1001, 100);
	vho_wire_inject(w, ACK, 5051, 1001, 100);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5151);
	vho_wire_inject(w, ACK, 5201, 1001, 100);
	vho_wire_inject(w, ACK, 5101, 1001, 150);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5301);
	vho_wire_read(w);
	KUNIT_EXPECT_EQ(test, w->end[0].read, 300);
}

static void vho_tcp_rx__old_data(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_wire_inject(w, ACK, 5001, 1001, 100);
	vho_wire_flush(w);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 1001, 100), VHO_DROP);
	KUNIT_EXPECT_EQ(test, w->end[0].drops[VHO_STAT_drop_seq], 1);
	vho_in_expect_ack(w, 5101);
}

/* --- The window --- */

static void vho_tcp_rx__beyond_the_window(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 4096);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	/* Partly outside: what fits is taken. */
	vho_wire_inject(w, ACK, 5001, 1001, 5000);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5001 + 4096);
	vho_wire_flush(w);
	/* The window is closed: the ACK of a probe counts, its byte does not. */
	vho_wire_write(w, 10, 0);
	vho_wire_flush(w);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 9097, 1011, 1), VHO_DROP);
	KUNIT_EXPECT_EQ(test, w->end[0].drops[VHO_STAT_drop_rcvbuf], 1);
	KUNIT_EXPECT_EQ(test, tcb->snd_una, 1011);
	vho_in_expect_ack(w, 9097);
	/* Wholly outside. */
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 9200, 1011, 10), VHO_DROP);
	KUNIT_EXPECT_EQ(test, w->end[0].drops[VHO_STAT_drop_seq], 1);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 0x80005000, 1011, 10), VHO_DROP);
}

static void vho_tcp_rx__fin_into_closed_window(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 4096);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_inject(w, ACK, 5001, 1001, 4096);
	vho_wire_inject(w, ACK | FIN, 9097, 1001, 0);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_CLOSE_WAIT);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 9098);
	KUNIT_EXPECT_EQ(test, vho_tcp_rx_end(tcb), 9097);
}

static void vho_tcp_rx__window_update(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 4096);
	struct vho_wire_pkt *pkt;

	vho_wire_inject(w, ACK, 5001, 1001, 4096);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->wnd, 0);
	/* A few bytes are not worth a segment, a good part of the ring is. */
	w->end[0].read_max = 100;
	vho_wire_read(w);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	w->end[0].read_max = 2000;
	vho_wire_read(w);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->wnd, 2100 >> 7);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

/* Acknowledging small data does not open the window byte by byte (silly window). */
static void vho_tcp_rx__window_edge_moves_in_steps(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 4096);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	u32 edge, i;

	vho_wire_inject(w, ACK, 5001, 1001, 1000);
	edge = tcb->rcv_adv;
	for (i = 0; i < 5; i++) {
		vho_wire_read(w);
		vho_wire_inject(w, ACK, 6001 + 100 * i, 1001, 100);
		KUNIT_EXPECT_EQ(test, tcb->rcv_adv, edge);
	}
	vho_wire_read(w);
	vho_wire_inject(w, ACK, 6501, 1001, 100);
	KUNIT_EXPECT_EQ(test, tcb->rcv_adv, edge + 1500);
}

/* --- Acknowledgments --- */

static void vho_tcp_rx__ack_of_unsent(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 1002, 0), VHO_DROP);
	KUNIT_EXPECT_EQ(test, tcb->snd_una, 1001);
	vho_in_expect_ack(w, 5001);
	/* Its payload is not taken either. */
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 1002, 10), VHO_DROP);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5001);
	/* Limited in rate. */
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

static void vho_tcp_rx__ack_too_old(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 1000 - tcb->max_snd_wnd, 10), VHO_DROP);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5001);
	vho_in_expect_ack(w, 5001);
	/* Old, but within what the peer may have had: data counts. */
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 900, 10), VHO_DONE);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5011);
	KUNIT_EXPECT_EQ(test, tcb->snd_una, 1001);
}

static void vho_tcp_rx__fast_retransmit(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_wire_pkt *pkt;
	int i;

	vho_wire_write(w, 14480, 0);
	vho_wire_flush(w);
	for (i = 0; i < 2; i++)
		vho_wire_inject(w, ACK, 5001, 1001, 0);
	KUNIT_EXPECT_EQ(test, tcb->dupacks, 2);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	vho_wire_inject(w, ACK, 5001, 1001, 0);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->seq, 1001);
	KUNIT_EXPECT_EQ(test, pkt->len, 1448);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	/* Partial ACK: the next one at once. */
	vho_wire_inject(w, ACK, 5001, 1001 + 2 * 1448, 0);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->seq, 1001 + 2 * 1448);
	KUNIT_EXPECT_TRUE(test, tcb->in_recovery);
	vho_wire_inject(w, ACK, 5001, 1001 + 14480, 0);
	KUNIT_EXPECT_FALSE(test, tcb->in_recovery);
	KUNIT_EXPECT_EQ(test, tcb->rto_at_ns, 0ULL);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

/* What looks like a duplicate but is not: window changes, data, nothing outstanding. */
static void vho_tcp_rx__not_duplicates(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_rx_seg seg = { .seq = 5001, .ack = 1001, .flags = ACK, .wnd = 300, .segs = 1 };
	int i;

	for (i = 0; i < 5; i++)
		vho_wire_inject(w, ACK, 5001, 1001, 0);
	KUNIT_EXPECT_EQ(test, tcb->dupacks, 0);
	vho_wire_write(w, 5000, 0);
	for (i = 0; i < 5; i++) {
		seg.wnd++;
		vho_wire_inject_seg(w, &seg);
	}
	KUNIT_EXPECT_EQ(test, tcb->dupacks, 0);
	for (i = 0; i < 5; i++)
		vho_wire_inject(w, ACK, 5001 + 10 * i, 1001, 10);
	KUNIT_EXPECT_EQ(test, tcb->dupacks, 0);
	KUNIT_EXPECT_EQ(test, tcb->retrans_segs, 0);
}

/* An old segment that arrives late must not take the window back. */
static void vho_tcp_rx__old_window(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_rx_seg seg = { .ack = 1001, .flags = ACK, .segs = 1 };

	seg.seq = 5101;
	seg.len = 10;
	seg.wnd = 100;
	vho_wire_inject_seg(w, &seg);
	KUNIT_EXPECT_EQ(test, tcb->snd_wnd, 12800);
	seg.priv = NULL;
	seg.seq = 5001;
	seg.wnd = 50;
	vho_wire_inject_seg(w, &seg);
	KUNIT_EXPECT_EQ(test, tcb->snd_wnd, 12800);
}

/* --- RST and SYN, RFC 5961 --- */

static void vho_tcp_rx__rst_exact(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, RST, 5001, 0, 0), VHO_DONE);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, tcb->error, VIRTUOSO_ERR_RESET);
	KUNIT_EXPECT_TRUE(test, w->end[0].events & VHO_EV_CLOSED);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

static void vho_tcp_rx__rst_in_window(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	int i;

	for (i = 0; i < 100; i++)
		vho_wire_inject(w, RST, 5002 + i, 0, 0);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_ESTABLISHED);
	vho_in_expect_ack(w, 5001);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	vho_wire_advance(w, 200 * VHO_WIRE_MS);
	vho_wire_inject(w, RST, 5002, 0, 0);
	vho_in_expect_ack(w, 5001);
}

static void vho_tcp_rx__rst_outside(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, RST, 5000, 0, 0), VHO_DROP);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, RST, 5001 + RING + 1, 0, 0), VHO_DROP);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_ESTABLISHED);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

static void vho_tcp_rx__syn_in_window(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, SYN, 5001, 0, 0), VHO_DROP);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_ESTABLISHED);
	vho_in_expect_ack(w, 5001);
}

static void vho_tcp_rx__no_ack_bit(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, 0, 5001, 0, 10), VHO_DROP);
	KUNIT_EXPECT_EQ(test, w->end[0].drops[VHO_STAT_drop_state], 1);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->rcv_nxt, 5001);
}

/* A keep-alive probe of the peer is answered. */
static void vho_tcp_rx__probed(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5000, 1001, 0), VHO_DROP);
	vho_in_expect_ack(w, 5001);
}

/* --- Timestamps, RFC 7323 --- */

static void vho_tcp_rx__paws(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_rx_seg seg = {
		.seq = 5001, .ack = 1001, .len = 10, .flags = ACK, .wnd = 512, .segs = 1,
		.opt = { .has = VHO_OPT_TS, .tsval = 99 },
	};

	KUNIT_EXPECT_EQ(test, vho_wire_inject_seg(w, &seg), VHO_DROP);
	KUNIT_EXPECT_EQ(test, w->end[0].drops[VHO_STAT_drop_paws], 1);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5001);
	vho_in_expect_ack(w, 5001);
	seg.opt.tsval = 100U + 0x7fffffff;
	KUNIT_EXPECT_EQ(test, vho_wire_inject_seg(w, &seg), VHO_DONE);
	KUNIT_EXPECT_EQ(test, tcb->ts_recent, 100U + 0x7fffffff);
}

/* After 24 days of silence the remembered timestamp says nothing any more. */
static void vho_tcp_rx__paws_outdated(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_rx_seg seg = {
		.seq = 5001, .ack = 1001, .len = 10, .flags = ACK, .wnd = 512, .segs = 1,
		.opt = { .has = VHO_OPT_TS, .tsval = 99 },
	};

	w->now_ns += 25ULL * 86400 * VHO_WIRE_S;
	KUNIT_EXPECT_EQ(test, vho_wire_inject_seg(w, &seg), VHO_DONE);
}

/* Only a segment that starts at or before the last ACK sent updates it. */
static void vho_tcp_rx__ts_recent_rule(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_rx_seg seg = {
		.seq = 5101, .ack = 1001, .len = 10, .flags = ACK, .wnd = 512, .segs = 1,
		.opt = { .has = VHO_OPT_TS, .tsval = 150 },
	};

	vho_wire_inject_seg(w, &seg);
	KUNIT_EXPECT_EQ(test, tcb->ts_recent, 100);
	seg.seq = 5001;
	seg.len = 0;
	seg.opt.tsval = 140;
	vho_wire_inject_seg(w, &seg);
	KUNIT_EXPECT_EQ(test, tcb->ts_recent, 140);
}

static void vho_tcp_rx__no_timestamp(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_rx_seg seg = {
		.seq = 5001, .ack = 1001, .len = 10, .flags = ACK, .wnd = 512, .segs = 1,
	};

	KUNIT_EXPECT_EQ(test, vho_wire_inject_seg(w, &seg), VHO_DONE);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->ts_recent, 100);
}

/* --- Corrupt payload leaves no trace --- */

static enum vho_verdict vho_in_inject_corrupt(struct vho_wire *w, u8 flags, u32 seq, u32 ack, u32 len)
{
	struct vho_wire_pkt *pkt = kunit_kzalloc(w->test, sizeof(*pkt) + len, GFP_KERNEL);
	struct vho_rx_seg seg = {
		.seq = seq, .ack = ack, .len = len, .flags = flags, .wnd = 1, .segs = 1,
		.priv = pkt,
	};

	KUNIT_ASSERT_NOT_NULL(w->test, pkt);
	pkt->corrupt = true;
	return vho_wire_inject_seg(w, &seg);
}

static void vho_tcp_rx__corrupt(struct kunit *test)
{
	const struct { u8 flags; u32 seq; } cases[] = {
		{ ACK, 5001 }, { ACK, 5051 }, { ACK, 4951 }, { ACK | FIN, 5001 },
		{ ACK | RST, 5001 }, { ACK | SYN, 5001 },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vho_wire *w = vho_wire_new_single(test, RING);
		struct vho_tcb *tcb = vho_wire_tcb(w, 0), before;

		vho_wire_write(w, 100, 0);
		vho_wire_flush(w);
		before = *tcb;
		KUNIT_EXPECT_EQ(test, vho_in_inject_corrupt(w, cases[i].flags, cases[i].seq, 1101,
							    100), VHO_DROP);
		KUNIT_EXPECT_EQ(test, w->end[0].drops[VHO_STAT_drop_checksum], 1);
		KUNIT_EXPECT_EQ(test, memcmp(tcb, &before, sizeof(before)), 0);
		KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	}
}

/* What lay in the ring already and was overwritten has to come again. */
static void vho_tcp_rx__corrupt_over_gap(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_inject(w, ACK, 5201, 1001, 100);
	vho_wire_inject(w, ACK, 5401, 1001, 100);
	vho_in_inject_corrupt(w, ACK, 5101, 1001, 150);
	KUNIT_EXPECT_EQ(test, tcb->ooo.nr, 1);
	vho_wire_inject(w, ACK, 5001, 1001, 200);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5201);
	vho_wire_inject(w, ACK, 5201, 1001, 200);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5501);
	vho_wire_read(w);
	KUNIT_EXPECT_EQ(test, w->end[0].read, 500);
}

/* --- FIN --- */

static void vho_tcp_rx__fin_behind_gap(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_inject(w, ACK | FIN, 5101, 1001, 100);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_ESTABLISHED);
	/* Nothing after it is taken. */
	vho_wire_inject(w, ACK, 5201, 1001, 100);
	KUNIT_EXPECT_EQ(test, tcb->ooo.r[0].end, 5201);
	vho_wire_inject(w, ACK, 5001, 1001, 500);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_CLOSE_WAIT);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5202);
	vho_wire_read(w);
	KUNIT_EXPECT_EQ(test, w->end[0].read, 200);
}

/* A FIN before data that is here already cannot be right. */
static void vho_tcp_rx__fin_amid_data(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_inject(w, ACK, 5201, 1001, 100);
	vho_wire_inject(w, ACK | FIN, 5101, 1001, 10);
	KUNIT_EXPECT_FALSE(test, tcb->fin_known);
	vho_wire_inject(w, ACK, 5001, 1001, 200);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5301);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_ESTABLISHED);
}

static void vho_tcp_rx__fin_again(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_inject(w, ACK | FIN, 5001, 1001, 0);
	vho_in_expect_ack(w, 5002);
	vho_wire_inject(w, ACK | FIN, 5001, 1001, 0);
	vho_in_expect_ack(w, 5002);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_CLOSE_WAIT);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5002);
	/* Data after the FIN is not data. */
	vho_wire_inject(w, ACK, 5002, 1001, 10);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5002);
}

/* --- After CLOSE --- */

static void vho_tcp_rx__data_after_close(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_write(w, 0, VIRTUOSO_SF_CLOSE);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_FIN_WAIT1);
	vho_wire_flush(w);
	/* An old segment again does not count. */
	vho_wire_inject(w, ACK, 4901, 1002, 100);
	KUNIT_EXPECT_NE(test, tcb->state, TCP_CLOSE);
	vho_wire_flush(w);
	vho_wire_inject(w, ACK, 5001, 1002, 10);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_CLOSE);
	vho_in_expect_rst(w, 1002);
	/* And each further segment draws one. */
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5011, 1002, 10), VHO_DROP);
	vho_in_expect_rst(w, 1002);
}

static struct kunit_case vho_in_test_cases[] = {
	KUNIT_CASE(vho_tcb__hot_members_in_two_lines),
	KUNIT_CASE(vho_tcp_rx__in_order),
	KUNIT_CASE(vho_tcp_rx__delayed_ack),
	KUNIT_CASE(vho_tcp_rx__merged_segments_ack_at_once),
	KUNIT_CASE(vho_tcp_rx__ack_rides_on_data),
	KUNIT_CASE(vho_tcp_rx__gap),
	KUNIT_CASE(vho_tcp_rx__gap_before_merged),
	KUNIT_CASE(vho_tcp_rx__too_many_gaps),
	KUNIT_CASE(vho_tcp_rx__overlap),
	KUNIT_CASE(vho_tcp_rx__old_data),
	KUNIT_CASE(vho_tcp_rx__beyond_the_window),
	KUNIT_CASE(vho_tcp_rx__fin_into_closed_window),
	KUNIT_CASE(vho_tcp_rx__window_update),
	KUNIT_CASE(vho_tcp_rx__window_edge_moves_in_steps),
	KUNIT_CASE(vho_tcp_rx__ack_of_unsent),
	KUNIT_CASE(vho_tcp_rx__ack_too_old),
	KUNIT_CASE(vho_tcp_rx__fast_retransmit),
	KUNIT_CASE(vho_tcp_rx__not_duplicates),
	KUNIT_CASE(vho_tcp_rx__old_window),
	KUNIT_CASE(vho_tcp_rx__rst_exact),
	KUNIT_CASE(vho_tcp_rx__rst_in_window),
	KUNIT_CASE(vho_tcp_rx__rst_outside),
	KUNIT_CASE(vho_tcp_rx__syn_in_window),
	KUNIT_CASE(vho_tcp_rx__no_ack_bit),
	KUNIT_CASE(vho_tcp_rx__probed),
	KUNIT_CASE(vho_tcp_rx__paws),
	KUNIT_CASE(vho_tcp_rx__paws_outdated),
	KUNIT_CASE(vho_tcp_rx__ts_recent_rule),
	KUNIT_CASE(vho_tcp_rx__no_timestamp),
	KUNIT_CASE(vho_tcp_rx__corrupt),
	KUNIT_CASE(vho_tcp_rx__corrupt_over_gap),
	KUNIT_CASE(vho_tcp_rx__fin_behind_gap),
	KUNIT_CASE(vho_tcp_rx__fin_amid_data),
	KUNIT_CASE(vho_tcp_rx__fin_again),
	KUNIT_CASE(vho_tcp_rx__data_after_close),
	{}
};

static struct kunit_suite vho_in_suite = {
	.name = "virtuoso_tcp_in",
	.test_cases = vho_in_test_cases,
};
kunit_test_suite(vho_in_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: TCP segment arrival");
MODULE_LICENSE("GPL");
