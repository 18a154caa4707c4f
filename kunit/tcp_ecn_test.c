// SPDX-License-Identifier: GPL-2.0
/*
 * Explicit congestion notification (RFC 3168).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_wire.h"

#define VHO_ECN_SETUP	(VHO_TCPF_ECE | VHO_TCPF_CWR)
#define MSS		1448

/* ---- agreement ---- */

static void vho_tcp_ecn_handshake__who_wants(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct vho_wire *w = vho_wire_new(test, i, 8192);
		bool both = i == 3;

		w->end[0].ecn = i & 1;
		w->end[1].ecn = i & 2;
		vho_wire_establish(w, 1000, 5000, 1460);
		KUNIT_EXPECT_EQ(test, !!vho_wire_tcb(w, 0)->ecn_ok, both);
		KUNIT_EXPECT_EQ(test, !!vho_wire_tcb(w, 0)->ecn_ect, both);
		KUNIT_EXPECT_EQ(test, !!vho_wire_tcb(w, 1)->ecn_ok, both);
		KUNIT_EXPECT_EQ(test, !!vho_wire_tcb(w, 1)->ecn_ect, both);
		vho_wire_free_rings(w);
	}
}

/* What a SYN-ACK says after we have asked. */
static struct vho_tcb *vho_ecn_synack(struct vho_wire *w, u8 flags)
{
	struct vho_rx_seg seg = {
		.seq = 5000, .ack = 1001, .wnd = 65535, .segs = 1,
		.flags = VHO_TCPF_SYN | VHO_TCPF_ACK | flags,
	};

	KUNIT_EXPECT_EQ(w->test, vho_wire_inject_seg(w, &seg), VHO_DONE);
	return vho_wire_tcb(w, 0);
}

static void vho_tcp_ecn_take_syn__synack(struct kunit *test)
{
	static const struct { u8 flags; bool ok; } cases[] = {
		{ VHO_TCPF_ECE, true },
		{ 0, false },
		{ VHO_TCPF_CWR, false },
		{ VHO_ECN_SETUP, false },	/* a peer that reflects what it does not know */
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vho_wire *w = vho_wire_new(test, 1, 8192);
		struct vho_wire_pkt *syn;

		w->end[0].ecn = true;
		vho_wire_open(w, 0, 1000, 1460);
		syn = vho_wire_pop(w);
		KUNIT_ASSERT_NOT_NULL(test, syn);
		KUNIT_EXPECT_EQ(test, syn->flags, VHO_TCPF_SYN | VHO_ECN_SETUP);
		KUNIT_EXPECT_EQ(test, syn->ecn, 0);
		KUNIT_EXPECT_EQ(test, !!vho_ecn_synack(w, cases[i].flags)->ecn_ok, cases[i].ok);
		vho_wire_free_rings(w);
	}
}

/* Nobody asked: a peer that says yes is not believed. */
static void vho_tcp_ecn_take_syn__unasked(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, 8192);

	vho_wire_open(w, 0, 1000, 1460);
	KUNIT_EXPECT_EQ(test, vho_wire_pop(w)->flags, VHO_TCPF_SYN);
	KUNIT_EXPECT_FALSE(test, vho_ecn_synack(w, VHO_TCPF_ECE)->ecn_ok);
}

/* End 0 accepts @syn; its answer. */
static struct vho_wire_pkt *vho_ecn_accept(struct vho_wire *w, u8 flags, u8 ecn)
{
	struct vho_tcp_params par = {
		.iss = 1000, .mss_limit = 1460, .ecn_accept = true,
	};
	struct vho_rx_seg syn = {
		.seq = 5000, .wnd = 65535, .segs = 1, .flags = VHO_TCPF_SYN | flags, .ecn = ecn,
	};
	struct vho_wire_pkt *pkt;

	vho_tcp_accept(&w->end[0].flow, &par, &syn, w->now_ns);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(w->test, pkt);
	KUNIT_EXPECT_EQ(w->test, pkt->ecn, 0);
	return pkt;
}

static void vho_tcp_ecn_take_syn__passive(struct kunit *test)
{
	static const struct { u8 flags, ecn, answer; } cases[] = {
		{ VHO_ECN_SETUP, 0, VHO_TCPF_ECE },
		{ VHO_TCPF_ECE, 0, 0 },
		{ VHO_TCPF_CWR, 0, 0 },
		{ 0, 0, 0 },
		/* The network writes into the field. */
		{ VHO_ECN_SETUP, VHO_ECN_ECT_0, 0 },
		{ VHO_ECN_SETUP, VHO_ECN_CE, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vho_wire *w = vho_wire_new(test, 1, 8192);

		KUNIT_EXPECT_EQ(test, vho_ecn_accept(w, cases[i].flags, cases[i].ecn)->flags,
				VHO_TCPF_SYN | VHO_TCPF_ACK | cases[i].answer);
		vho_wire_free_rings(w);
	}
}

/* RFC 3168 section 6.1.1.1: the SYN got lost, perhaps because it asked. */
static void vho_tcp_ecn_syn_flags__again(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, 8192);
	struct vho_wire_pkt *pkt;
	struct vho_tcb *tcb;

	w->end[0].ecn = true;
	w->net.delay_ns = 0;
	vho_wire_open(w, 0, 1000, 1460);
	KUNIT_EXPECT_EQ(test, vho_wire_pop(w)->flags, VHO_TCPF_SYN | VHO_ECN_SETUP);
	vho_wire_advance(w, VHO_WIRE_S);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->flags, VHO_TCPF_SYN);

	/* The answer to the first one comes after all: marks are echoed, our data bears none. */
	tcb = vho_ecn_synack(w, VHO_TCPF_ECE);
	KUNIT_EXPECT_TRUE(test, tcb->ecn_ok);
	KUNIT_EXPECT_FALSE(test, tcb->ecn_ect);
	vho_tcp_attach(&w->end[0].flow, 8192, 8192, w->now_ns);
	vho_wire_flush(w);
	vho_wire_write(w, 100, 0);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->len, 100);
	KUNIT_EXPECT_EQ(test, pkt->ecn, 0);
}

/* The same from the other side. */
static void vho_tcp_ecn_syn_again__without(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, 8192);
	struct vho_rx_seg syn = {
		.seq = 5000, .wnd = 65535, .segs = 1, .flags = VHO_TCPF_SYN | VHO_ECN_SETUP,
	};

	w->net.delay_ns = 0;
	KUNIT_EXPECT_TRUE(test, vho_ecn_accept(w, VHO_ECN_SETUP, 0)->flags & VHO_TCPF_ECE);
	KUNIT_EXPECT_EQ(test, vho_wire_inject_seg(w, &syn), VHO_DONE);
	KUNIT_EXPECT_TRUE(test, vho_wire_pop(w)->flags & VHO_TCPF_ECE);
	syn.flags = VHO_TCPF_SYN;
	KUNIT_EXPECT_EQ(test, vho_wire_inject_seg(w, &syn), VHO_DONE);
	KUNIT_EXPECT_FALSE(test, vho_wire_pop(w)->flags & VHO_TCPF_ECE);
	KUNIT_EXPECT_FALSE(test, vho_wire_tcb(w, 0)->ecn_ok);
}

/* ---- an established connection ---- */

static struct vho_wire *vho_ecn_single(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 65536);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	tcb->ecn_ok = 1;
	tcb->ecn_ect = 1;
	tcb->quick_acks = 0;
	return w;
}

static void vho_tcp_ecn_mark__new_data_only(struct kunit *test)
{
	struct vho_wire *w = vho_ecn_single(test);
	struct vho_wire_pkt *pkt;

	vho_wire_write(w, 1000, 0);
	pkt = vho_wire_pop(w);
	KUNIT_EXPECT_EQ(test, pkt->ecn, VHO_ECN_ECT_0);
	KUNIT_EXPECT_FALSE(test, pkt->flags & VHO_ECN_SETUP);
	/* Again after a time-out. */
	vho_wire_advance(w, 3 * VHO_WIRE_S);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->seq, 1001);
	KUNIT_EXPECT_EQ(test, pkt->ecn, 0);
	vho_wire_flush(w);
	/* An ACK. */
	vho_wire_inject(w, VHO_TCPF_ACK, 5001, 2001, 0);
	vho_wire_inject(w, VHO_TCPF_ACK, 5001, 2001, 2 * MSS);
	vho_wire_advance(w, VHO_DELACK_NS);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->ecn, 0);
}

/* Data of the peer with the ECN field @ecn. */
static void vho_ecn_data(struct vho_wire *w, u8 flags, u8 ecn)
{
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_rx_seg seg = {
		.seq = tcb->rcv_nxt, .ack = tcb->snd_max, .len = 100, .wnd = 512, .segs = 1,
		.flags = VHO_TCPF_ACK | flags, .ecn = ecn,
	};

	KUNIT_EXPECT_EQ(w->test, vho_wire_inject_seg(w, &seg), VHO_DONE);
}

static u8 vho_ecn_ack_flags(struct vho_wire *w)
{
	struct vho_wire_pkt *pkt;

	vho_wire_advance(w, VHO_DELACK_NS);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(w->test, pkt);
	vho_wire_flush(w);
	return pkt->flags & VHO_ECN_SETUP;
}

static void vho_tcp_ecn_rx__echo_until_cwr(struct kunit *test)
{
	struct vho_wire *w = vho_ecn_single(test);

	vho_ecn_data(w, 0, VHO_ECN_ECT_0);
	KUNIT_EXPECT_EQ(test, vho_ecn_ack_flags(w), 0);
	/* Said at once. */
	vho_ecn_data(w, 0, VHO_ECN_CE);
	KUNIT_EXPECT_FALSE(test, vho_wire_quiet(w));
	KUNIT_EXPECT_EQ(test, vho_ecn_ack_flags(w), VHO_TCPF_ECE);
	vho_ecn_data(w, 0, VHO_ECN_ECT_0);
	KUNIT_EXPECT_EQ(test, vho_ecn_ack_flags(w), VHO_TCPF_ECE);
	vho_ecn_data(w, VHO_TCPF_CWR, VHO_ECN_CE);
	KUNIT_EXPECT_EQ(test, vho_ecn_ack_flags(w), VHO_TCPF_ECE);
	vho_ecn_data(w, VHO_TCPF_CWR, VHO_ECN_ECT_0);
	KUNIT_EXPECT_EQ(test, vho_ecn_ack_flags(w), 0);
}

/* Without agreement nothing of it means anything. */
static void vho_tcp_ecn_rx__not_agreed(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 65536);
	u32 cwnd = vho_wire_tcb(w, 0)->cwnd;

	vho_ecn_data(w, 0, VHO_ECN_CE);
	KUNIT_EXPECT_EQ(test, vho_ecn_ack_flags(w), 0);
	vho_wire_write(w, 10000, 0);
	vho_wire_flush(w);
	vho_wire_inject(w, VHO_TCPF_ACK | VHO_TCPF_ECE, vho_wire_tcb(w, 0)->rcv_nxt, 1001 + MSS, 0);
	KUNIT_EXPECT_GE(test, vho_wire_tcb(w, 0)->cwnd, cwnd);
}

static void vho_tcp_cc_ecn__once_per_window(struct kunit *test)
{
	struct vho_wire *w = vho_ecn_single(test);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_wire_pkt *pkt;
	u32 half;

	tcb->cwnd = 20 * MSS;
	vho_wire_write(w, 20 * MSS, VIRTUOSO_SF_NODELAY);
	vho_wire_flush(w);
	vho_wire_inject(w, VHO_TCPF_ACK | VHO_TCPF_ECE, 5001, 1001 + MSS, 0);
	half = 10 * MSS;
	KUNIT_EXPECT_EQ(test, tcb->ssthresh, half);
	KUNIT_EXPECT_EQ(test, tcb->cwnd, half);
	KUNIT_EXPECT_EQ(test, tcb->retrans_segs, 0);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));

	/* More of the same window: nothing more, and no growth. */
	vho_wire_inject(w, VHO_TCPF_ACK | VHO_TCPF_ECE, 5001, 1001 + 15 * MSS, 0);
	KUNIT_EXPECT_EQ(test, tcb->cwnd, half);

	/* The next new data says that we have heard, once. */
	vho_wire_write(w, 2 * MSS, VIRTUOSO_SF_NODELAY);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_TRUE(test, pkt->flags & VHO_TCPF_CWR);
	KUNIT_EXPECT_EQ(test, pkt->ecn, VHO_ECN_ECT_0);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_FALSE(test, pkt->flags & VHO_TCPF_CWR);
	vho_wire_flush(w);

	/* Data that was sent after it is marked: again. */
	vho_wire_inject(w, VHO_TCPF_ACK | VHO_TCPF_ECE, 5001, 1001 + 21 * MSS, 0);
	KUNIT_EXPECT_LT(test, tcb->cwnd, half);
	KUNIT_EXPECT_GE(test, tcb->cwnd, 2 * MSS);
}

/* A mark and a loss in one window are one sign; after a loss we say CWR, too. */
static void vho_tcp_cc_ecn__and_loss(struct kunit *test)
{
	struct vho_wire *w = vho_ecn_single(test);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	int i;

	tcb->cwnd = 20 * MSS;
	vho_wire_write(w, 20 * MSS, VIRTUOSO_SF_NODELAY);
	vho_wire_inject(w, VHO_TCPF_ACK | VHO_TCPF_ECE, 5001, 1001 + MSS, 0);
	for (i = 0; i < 3; i++)
		vho_wire_inject(w, VHO_TCPF_ACK | VHO_TCPF_ECE, 5001, 1001 + MSS, 0);
	KUNIT_EXPECT_TRUE(test, tcb->in_recovery);
	KUNIT_EXPECT_EQ(test, tcb->ssthresh, 10 * MSS);
	KUNIT_EXPECT_TRUE(test, tcb->ecn_cwr);
	/* ECE in recovery changes nothing. */
	vho_wire_inject(w, VHO_TCPF_ACK | VHO_TCPF_ECE, 5001, 1001 + 2 * MSS, 0);
	KUNIT_EXPECT_EQ(test, tcb->ssthresh, 10 * MSS);
}

/* A peer that says ECE for ever gets little, and no less than two segments. */
static void vho_tcp_cc_ecn__for_ever(struct kunit *test)
{
	struct vho_wire *w = vho_ecn_single(test);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	int i;

	for (i = 0; i < 50; i++) {
		vho_wire_write(w, MSS, VIRTUOSO_SF_NODELAY);
		vho_wire_flush(w);
		vho_wire_inject(w, VHO_TCPF_ACK | VHO_TCPF_ECE, 5001, tcb->snd_max, 0);
	}
	KUNIT_EXPECT_EQ(test, tcb->cwnd, 2 * tcb->mss);
	KUNIT_EXPECT_FALSE(test, vho_tcp_unsent(tcb));
}

/* ---- whole connections ---- */

static struct vho_wire *vho_ecn_transfer(struct kunit *test, const struct vho_wire_net *net, u32 bytes)
{
	struct vho_wire *w = vho_wire_new(test, 4711, 1048576);
	int i;

	w->net = *net;
	for (i = 0; i < 2; i++) {
		w->end[i].ecn = true;
		w->end[i].to_send = bytes;
		w->end[i].then = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
	}
	vho_wire_connect(w, 0xfffff000, 5000, 1460);
	KUNIT_EXPECT_TRUE(test, vho_wire_run(w, 3600 * VHO_WIRE_S));
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, w->end[i].read, bytes);
		KUNIT_EXPECT_GT(test, w->end[i].marked, 0);
		KUNIT_EXPECT_GT(test, w->end[i].echoes, 0);
		KUNIT_EXPECT_GT(test, w->end[i].reduced, 0);
	}
	return w;
}

/* A queue that marks before it is full: slow start apart, nothing is lost any more. */
static void vho_tcp_ecn__marking_queue(struct kunit *test)
{
	struct vho_wire_net net = {
		.delay_ns = 5 * VHO_WIRE_MS, .ns_per_byte = 80, .gro = true,
		.ce_queue_ns = 5 * VHO_WIRE_MS, .queue_ns = 100 * VHO_WIRE_MS,
	};
	struct vho_wire *w = vho_ecn_transfer(test, &net, 4 << 20);

	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->retrans_segs, 0);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 1)->retrans_segs, 0);
	/* Once per window at most. */
	KUNIT_EXPECT_LT(test, w->end[0].reduced, w->end[0].marked);
}

static void vho_tcp_ecn__marks_and_losses(struct kunit *test)
{
	struct vho_wire_net net = {
		.delay_ns = 2 * VHO_WIRE_MS, .jitter_ns = VHO_WIRE_MS, .loss_ppm = 20000,
		.dup_ppm = 10000, .corrupt_ppm = 10000, .ce_ppm = 100000, .gro = true,
	};

	vho_ecn_transfer(test, &net, 512 << 10);
}

static struct kunit_case vho_tcp_ecn_cases[] = {
	KUNIT_CASE(vho_tcp_ecn_handshake__who_wants),
	KUNIT_CASE(vho_tcp_ecn_take_syn__synack),
	KUNIT_CASE(vho_tcp_ecn_take_syn__unasked),
	KUNIT_CASE(vho_tcp_ecn_take_syn__passive),
	KUNIT_CASE(vho_tcp_ecn_syn_flags__again),
	KUNIT_CASE(vho_tcp_ecn_syn_again__without),
	KUNIT_CASE(vho_tcp_ecn_mark__new_data_only),
	KUNIT_CASE(vho_tcp_ecn_rx__echo_until_cwr),
	KUNIT_CASE(vho_tcp_ecn_rx__not_agreed),
	KUNIT_CASE(vho_tcp_cc_ecn__once_per_window),
	KUNIT_CASE(vho_tcp_cc_ecn__and_loss),
	KUNIT_CASE(vho_tcp_cc_ecn__for_ever),
	KUNIT_CASE(vho_tcp_ecn__marking_queue),
	KUNIT_CASE(vho_tcp_ecn__marks_and_losses),
	{}
};

static struct kunit_suite vho_tcp_ecn_suite = {
	.name = "virtuoso_tcp_ecn",
	.test_cases = vho_tcp_ecn_cases,
};
kunit_test_suite(vho_tcp_ecn_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: explicit congestion notification");
MODULE_LICENSE("GPL");
