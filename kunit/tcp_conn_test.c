// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and closing, and what a guest may ask for.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_wire.h"

#define RING	65536
#define ACK	VHO_TCPF_ACK
#define FIN	VHO_TCPF_FIN
#define SYN	VHO_TCPF_SYN
#define RST	VHO_TCPF_RST

/* --- Handshake --- */

static void vho_tcp_connect__syn(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);
	struct vho_wire_pkt *pkt;
	struct vho_tcp_opt opt;

	vho_wire_open(w, 0, 0xffffffff, 1460);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->flags, SYN);
	KUNIT_EXPECT_EQ(test, pkt->seq, 0xffffffff);
	KUNIT_EXPECT_EQ(test, pkt->wnd, 65535);
	vho_tcp_opt_parse(pkt->opt, pkt->optlen, true, &opt);
	KUNIT_EXPECT_EQ(test, opt.has, VHO_OPT_MSS | VHO_OPT_WSCALE | VHO_OPT_TS);
	KUNIT_EXPECT_EQ(test, opt.mss, 1460);
	KUNIT_EXPECT_EQ(test, opt.wscale, 7);
	KUNIT_EXPECT_EQ(test, opt.tsecr, 0);
}

struct vho_conn_syn_case {
	const char *name;
	struct vho_tcp_opt peer;
	u16 mss;
	u8 snd_wscale, rcv_wscale;
	bool ts;
};

static const struct vho_conn_syn_case vho_conn_syn_cases[] = {
	{ .name = "no options", .mss = 536 },
	{ .name = "MSS", .peer = { .has = VHO_OPT_MSS, .mss = 1000 }, .mss = 1000 },
	{ .name = "MSS above ours", .peer = { .has = VHO_OPT_MSS, .mss = 9000 }, .mss = 1460 },
	{ .name = "MSS zero", .peer = { .has = VHO_OPT_MSS, .mss = 0 }, .mss = VHO_MSS_MIN },
	{ .name = "timestamps", .ts = true, .mss = 1448,
	  .peer = { .has = VHO_OPT_MSS | VHO_OPT_TS, .mss = 1460, .tsval = 7 } },
	{ .name = "window scale", .peer = { .has = VHO_OPT_WSCALE, .wscale = 3 }, .mss = 536,
	  .snd_wscale = 3, .rcv_wscale = 7 },
	{ .name = "window scale zero", .peer = { .has = VHO_OPT_WSCALE }, .mss = 536,
	  .rcv_wscale = 7 },
	{ .name = "all", .mss = 1448, .snd_wscale = 14, .rcv_wscale = 7, .ts = true,
	  .peer = { .has = VHO_OPT_MSS | VHO_OPT_TS | VHO_OPT_WSCALE, .mss = 1460, .wscale = 14,
		    .tsval = 7 } },
};

static void vho_conn_syn_case_name(const struct vho_conn_syn_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vho_conn_syn, vho_conn_syn_cases, vho_conn_syn_case_name);

static void vho_conn_expect_options(struct kunit *test, const struct vho_tcb *tcb,
				    const struct vho_conn_syn_case *c)
{
	KUNIT_EXPECT_EQ(test, tcb->mss, c->mss);
	KUNIT_EXPECT_EQ(test, tcb->snd_wscale, c->snd_wscale);
	KUNIT_EXPECT_EQ(test, tcb->rcv_wscale, c->rcv_wscale);
	KUNIT_EXPECT_EQ(test, !!tcb->ts_ok, c->ts);
	KUNIT_EXPECT_EQ(test, tcb->snd_wnd, 1000);
}

static void vho_tcp_connect__options(struct kunit *test)
{
	const struct vho_conn_syn_case *c = test->param_value;
	struct vho_wire *w = vho_wire_new(test, 1, RING);
	struct vho_rx_seg seg = {
		.seq = 5000, .ack = 1001, .wnd = 1000, .flags = SYN | ACK, .opt = c->peer, .segs = 1,
	};
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_wire_pkt *pkt;

	vho_wire_open(w, 0, 1000, 1460);
	vho_wire_flush(w);
	KUNIT_EXPECT_EQ(test, vho_wire_inject_seg(w, &seg), VHO_DONE);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_ESTABLISHED);
	vho_conn_expect_options(test, tcb, c);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->flags, ACK);
	KUNIT_EXPECT_EQ(test, pkt->ack, 5001);
	KUNIT_EXPECT_EQ(test, pkt->optlen, c->ts ? VHO_OPT_TS_BYTES : 0);
	KUNIT_EXPECT_EQ(test, pkt->wnd, 65535 >> c->rcv_wscale);
}

static void vho_tcp_accept__options(struct kunit *test)
{
	const struct vho_conn_syn_case *c = test->param_value;
	struct vho_wire *w = vho_wire_new(test, 1, RING);
	struct vho_tcp_params par = { .iss = 1000, .mss_limit = 1460 };
	struct vho_rx_seg syn = { .seq = 5000, .wnd = 1000, .flags = SYN, .opt = c->peer };
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_wire_pkt *pkt;
	struct vho_tcp_opt opt;
	u8 want = VHO_OPT_MSS | (c->peer.has & (VHO_OPT_TS | VHO_OPT_WSCALE));

	vho_tcp_accept(&w->end[0].flow, &par, &syn, w->now_ns);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_SYN_RECV);
	vho_conn_expect_options(test, tcb, c);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->flags, SYN | ACK);
	KUNIT_EXPECT_EQ(test, pkt->ack, 5001);
	/* Nothing is answered that was not offered. */
	vho_tcp_opt_parse(pkt->opt, pkt->optlen, true, &opt);
	KUNIT_EXPECT_EQ(test, opt.has, want);
	KUNIT_EXPECT_EQ(test, opt.tsecr, c->ts ? 7 : 0);
}

static void vho_tcp_connect__refused(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_open(w, 0, 1000, 1460);
	vho_wire_flush(w);
	/* Blind guesses do not count. */
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, RST, 0, 0, 0), VHO_DROP);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, RST | ACK, 0, 1000, 0), VHO_DROP);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, RST | ACK, 0, 1002, 0), VHO_DROP);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_SYN_SENT);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, RST | ACK, 0, 1001, 0), VHO_DONE);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, tcb->error, VIRTUOSO_ERR_REFUSED);
}

/* An old connection's remains answer with a wrong ACK: RST to it, and on we go. */
static void vho_tcp_connect__wrong_ack(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);
	struct vho_wire_pkt *pkt;

	vho_wire_open(w, 0, 1000, 1460);
	vho_wire_flush(w);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, SYN | ACK, 5000, 777, 0), VHO_DROP);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->flags, RST);
	KUNIT_EXPECT_EQ(test, pkt->seq, 777);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_SYN_SENT);
}

static struct vho_wire *vho_conn_new_syn_recv(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);
	struct vho_tcp_params par = { .iss = 1000, .mss_limit = 1460 };
	struct vho_rx_seg syn = { .seq = 5000, .wnd = 1000, .flags = SYN };

	w->net.delay_ns = 0;
	vho_tcp_accept(&w->end[0].flow, &par, &syn, w->now_ns);
	vho_wire_flush(w);
	return w;
}

static void vho_tcp_accept__syn_again(struct kunit *test)
{
	struct vho_wire *w = vho_conn_new_syn_recv(test);
	struct vho_wire_pkt *pkt;

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, SYN, 5000, 0, 0), VHO_DONE);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->flags, SYN | ACK);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_SYN_RECV);
}

static void vho_tcp_accept__wrong_ack(struct kunit *test)
{
	struct vho_wire *w = vho_conn_new_syn_recv(test);
	struct vho_wire_pkt *pkt;

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 1000, 0), VHO_DROP);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_EQ(test, pkt->flags, RST);
	KUNIT_EXPECT_EQ(test, pkt->seq, 1000);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_SYN_RECV);
}

static void vho_tcp_accept__reset(struct kunit *test)
{
	struct vho_wire *w = vho_conn_new_syn_recv(test);

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, RST, 5001, 0, 0), VHO_DONE);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_CLOSE);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

/* Before rings are there, data completes the handshake and waits; FIN does not wait. */
static void vho_tcp_attach__late(struct kunit *test)
{
	struct vho_wire *w = vho_conn_new_syn_recv(test);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 1001, 100), VHO_TO_SLOW);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_ESTABLISHED);
	KUNIT_EXPECT_TRUE(test, w->end[0].events & VHO_EV_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5001);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 1001, 100), VHO_TO_SLOW);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK | FIN, 5101, 1001, 0), VHO_DONE);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_ESTABLISHED);
	vho_tcp_attach(&w->end[0].flow, RING, RING, w->now_ns);
	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, ACK, 5001, 1001, 100), VHO_DONE);
	KUNIT_EXPECT_EQ(test, tcb->state, TCP_CLOSE_WAIT);
	KUNIT_EXPECT_EQ(test, tcb->rcv_nxt, 5102);
}

/* The handshake's window never shrinks unless the ring is smaller than it. */
static void vho_tcp_attach__sizes(struct kunit *test)
{
	struct vho_wire *w = vho_conn_new_syn_recv(test);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);

	vho_wire_inject(w, ACK, 5001, 1001, 0);
	KUNIT_EXPECT_EQ(test, vho_tcp_rx_edge(tcb), 5001 + 65535);
	vho_tcp_attach(&w->end[0].flow, 4096, 4096, w->now_ns);
	KUNIT_EXPECT_EQ(test, vho_tcp_rx_edge(tcb), 5001 + 4096);
	KUNIT_EXPECT_EQ(test, tcb->rcv_adv, 5001 + 4096);
}

/* --- Both ends, over the wire --- */

static void vho_conn_expect_closed(struct vho_wire *w)
{
	int i;

	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(w->test, vho_wire_tcb(w, i)->state, TCP_CLOSE);
		KUNIT_EXPECT_EQ(w->test, vho_wire_tcb(w, i)->error, VIRTUOSO_ERR_NONE);
		KUNIT_EXPECT_EQ(w->test, w->end[i].read, w->end[!i].to_send);
	}
}

static void vho_tcp_connect__simultaneous(struct kunit *test)
{
	u32 loss;

	for (loss = 0; loss < 30; loss++) {
		struct vho_wire *w = vho_wire_new(test, loss, RING);
		int i;

		w->net.loss_ppm = loss * 10000;
		for (i = 0; i < 2; i++) {
			w->end[i].to_send = 10000 + i;
			w->end[i].then = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
			vho_wire_open(w, i, 1000 * i - 1, 1460);
		}
		KUNIT_EXPECT_TRUE(test, vho_wire_run(w, 3600 * VHO_WIRE_S));
		vho_conn_expect_closed(w);
	}
}

static void vho_tcp_close__simultaneous(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);
	int i;

	vho_wire_establish(w, 1000, 5000, 1460);
	for (i = 0; i < 2; i++)
		w->end[i].then = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
	KUNIT_EXPECT_TRUE(test, vho_wire_run_until(w, TCP_CLOSING, TCP_CLOSING, VHO_WIRE_S));
	KUNIT_EXPECT_TRUE(test, vho_wire_run_until(w, TCP_TIME_WAIT, TCP_TIME_WAIT, VHO_WIRE_S));
	KUNIT_EXPECT_TRUE(test, vho_wire_run(w, 100 * VHO_WIRE_S));
	vho_conn_expect_closed(w);
}

/* One direction is closed, the other goes on for as long as it likes. */
static void vho_tcp_close__half(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);

	vho_wire_establish(w, 1000, 5000, 1460);
	w->end[0].then = VIRTUOSO_SF_FIN;
	KUNIT_EXPECT_TRUE(test, vho_wire_run_until(w, TCP_FIN_WAIT2, TCP_CLOSE_WAIT, VHO_WIRE_S));
	vho_wire_run(w, 500 * VHO_WIRE_S);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_FIN_WAIT2);
	w->end[1].to_send = 300000;
	w->end[1].then = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
	KUNIT_EXPECT_TRUE(test, vho_wire_run(w, 500 * VHO_WIRE_S));
	vho_conn_expect_closed(w);
}

/* Every FIN, and every ACK of one, is lost now and then. */
static void vho_tcp_close__lossy(struct kunit *test)
{
	u64 seed;

	for (seed = 0; seed < 100; seed++) {
		struct vho_wire *w = vho_wire_new(test, seed, 4096);

		vho_wire_establish(w, 1000, 5000, 1460);
		w->net.loss_ppm = 300000;
		w->end[0].then = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
		w->end[1].then = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
		w->end[seed & 1].to_send = seed * 10;
		KUNIT_EXPECT_TRUE(test, vho_wire_run(w, 3600 * VHO_WIRE_S));
		vho_conn_expect_closed(w);
	}
}

/* The peer is gone in the middle. */
static void vho_tcp_close__peer_vanishes(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);

	vho_wire_establish(w, 1000, 5000, 1460);
	w->end[0].to_send = 1000000;
	vho_wire_run(w, 5 * VHO_WIRE_MS);
	w->broken = true;
	vho_wire_run(w, 2000 * VHO_WIRE_S);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->error, VIRTUOSO_ERR_TIMEDOUT);
	/* It comes back and wants to say something: there is no connection. */
	w->broken = false;
	w->end[1].to_send = 10;
	vho_wire_run(w, VHO_WIRE_S);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 1)->state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 1)->error, VIRTUOSO_ERR_RESET);
}

static void vho_tcp_abort__states(struct kunit *test)
{
	const struct { u8 state; bool rst; } cases[] = {
		{ TCP_SYN_SENT, false }, { TCP_SYN_RECV, true }, { TCP_ESTABLISHED, true },
		{ TCP_FIN_WAIT1, true }, { TCP_FIN_WAIT2, true }, { TCP_CLOSE_WAIT, true },
		{ TCP_CLOSING, true }, { TCP_LAST_ACK, true }, { TCP_TIME_WAIT, false },
		{ TCP_CLOSE, false },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vho_wire *w = vho_wire_new_single(test, RING);
		struct vho_tcb *tcb = vho_wire_tcb(w, 0);

		tcb->state = cases[i].state;
		vho_tcp_abort(&w->end[0].flow, VIRTUOSO_ERR_UNREACH, w->now_ns);
		KUNIT_EXPECT_EQ(test, tcb->state, TCP_CLOSE);
		KUNIT_EXPECT_EQ(test, w->nr_pkts, cases[i].rst);
		if (cases[i].rst) {
			struct vho_wire_pkt *pkt = vho_wire_pop(w);

			KUNIT_EXPECT_TRUE(test, pkt->flags & RST);
			KUNIT_EXPECT_EQ(test, pkt->seq, 1001);
		}
		if (cases[i].state != TCP_CLOSE)
			KUNIT_EXPECT_EQ(test, tcb->error, VIRTUOSO_ERR_UNREACH);
		KUNIT_EXPECT_EQ(test, vho_tcp_deadline(tcb), U64_MAX);
	}
}

/* --- What a guest may ask for --- */

static void vho_tcp_app__tx_seq(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 4096);
	struct vho_flow *flow = &w->end[0].flow;
	struct vho_tcb *tcb = &flow->tcb, before;

	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1101, 5001, 0, w->now_ns), 0);
	before = *tcb;
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1100, 5001, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001 + 4097, 5001, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 0x80000000, 5001, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, memcmp(tcb, &before, sizeof(before)), 0);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001 + 4096, 5001, 0, w->now_ns), 0);
	/* What is acknowledged makes room. */
	vho_wire_output(w);
	vho_wire_inject(w, ACK, 5001, 1101, 0);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1102 + 4096, 5001, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1101 + 4096, 5001, 0, w->now_ns), 0);
}

static void vho_tcp_app__rx_seq(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 4096);
	struct vho_flow *flow = &w->end[0].flow;

	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001, 5000, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001, 5002, 0, w->now_ns), -EINVAL);
	vho_wire_inject(w, ACK | FIN, 5001, 1001, 100);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001, 5102, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001, 5101, 0, w->now_ns), 0);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001, 5100, 0, w->now_ns), -EINVAL);
}

static void vho_tcp_app__after_fin(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, 4096);
	struct vho_flow *flow = &w->end[0].flow;

	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1101, 5001, VIRTUOSO_SF_FIN, w->now_ns), 0);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1102, 5001, VIRTUOSO_SF_FIN, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1102, 5001, 0, w->now_ns), -EINVAL);
	/* It cannot be taken back. */
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1101, 5001, 0, w->now_ns), 0);
	KUNIT_EXPECT_TRUE(test, flow->tcb.app & VIRTUOSO_SF_FIN);
	vho_wire_output(w);
	vho_wire_inject(w, ACK, 5001, 1102, 0);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_FIN_WAIT2);
	KUNIT_EXPECT_TRUE(test, vho_tcp_fin_acked(&flow->tcb));
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1102, 5001, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1101, 5001, 0, w->now_ns), 0);
}

static void vho_tcp_app__before_rings(struct kunit *test)
{
	struct vho_wire *w = vho_conn_new_syn_recv(test);
	struct vho_flow *flow = &w->end[0].flow;

	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001, 5001, 0, w->now_ns), -EINVAL);
	vho_wire_inject(w, ACK, 5001, 1001, 0);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1002, 5001, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001, 5002, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 1001, 5001, 0, w->now_ns), 0);
}

static void vho_tcp_app__abort_while_connecting(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);

	vho_wire_open(w, 0, 1000, 1460);
	vho_wire_flush(w);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(&w->end[0].flow, 0, 0, VIRTUOSO_SF_CLOSE, w->now_ns), 0);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_CLOSE);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	KUNIT_EXPECT_EQ(test, vho_tcp_app(&w->end[0].flow, 9, 9, 0, w->now_ns), 0);
}

static void vho_tcp_app__close_unread(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_wire_pkt *pkt;

	vho_wire_inject(w, ACK, 5001, 1001, 100);
	vho_wire_flush(w);
	vho_wire_write(w, 0, VIRTUOSO_SF_CLOSE);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_CLOSE);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_TRUE(test, pkt->flags & RST);
}

/* A segment, or a request, for a flow that is not open yet changes nothing. */
static void vho_tcp_rx__not_opened(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new(test, 1, RING);
	struct vho_flow *flow = &w->end[0].flow;

	KUNIT_EXPECT_EQ(test, vho_wire_inject(w, SYN, 5000, 0, 0), VHO_DROP);
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 0, 0, 0, w->now_ns), -EINVAL);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, 0);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	KUNIT_EXPECT_EQ(test, vho_tcp_app(flow, 0, 0, VIRTUOSO_SF_ABORT, w->now_ns), 0);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_CLOSE);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

static void vho_tcp_app__abort(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);
	struct vho_wire_pkt *pkt;

	vho_wire_write(w, 100, 0);
	vho_wire_flush(w);
	vho_wire_write(w, 0, VIRTUOSO_SF_ABORT);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_CLOSE);
	pkt = vho_wire_pop(w);
	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_EXPECT_TRUE(test, pkt->flags & RST);
	KUNIT_EXPECT_EQ(test, pkt->seq, 1101);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
}

/* --- No connection, TIME-WAIT --- */

static void vho_tcp_reset_for__rfc9293(struct kunit *test)
{
	struct vho_rx_seg seg = { .seq = 100, .ack = 200, .len = 10, .flags = RST | ACK };
	struct vho_tx_seg rst;

	KUNIT_EXPECT_FALSE(test, vho_tcp_reset_for(&seg, &rst));
	seg.flags = ACK;
	KUNIT_EXPECT_TRUE(test, vho_tcp_reset_for(&seg, &rst));
	KUNIT_EXPECT_EQ(test, rst.flags, RST);
	KUNIT_EXPECT_EQ(test, rst.seq, 200);
	seg.flags = SYN | FIN;
	KUNIT_EXPECT_TRUE(test, vho_tcp_reset_for(&seg, &rst));
	KUNIT_EXPECT_EQ(test, rst.flags, RST | ACK);
	KUNIT_EXPECT_EQ(test, rst.seq, 0);
	KUNIT_EXPECT_EQ(test, rst.ack, 112);
}

static struct vho_wire *vho_conn_new_time_wait(struct kunit *test)
{
	struct vho_wire *w = vho_wire_new_single(test, RING);

	vho_wire_write(w, 0, VIRTUOSO_SF_CLOSE);
	vho_wire_inject(w, ACK | FIN, 5001, 1002, 0);
	KUNIT_ASSERT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_TIME_WAIT);
	vho_wire_flush(w);
	return w;
}

static void vho_tcp_tw_reusable__rules(struct kunit *test)
{
	struct vho_wire *w = vho_conn_new_time_wait(test);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_rx_seg syn = { .seq = 5003, .flags = SYN };

	KUNIT_EXPECT_TRUE(test, vho_tcp_tw_reusable(tcb, &syn));
	syn.seq = 5002;
	KUNIT_EXPECT_FALSE(test, vho_tcp_tw_reusable(tcb, &syn));
	/* Timestamps decide when both have them. */
	syn.opt.has = VHO_OPT_TS;
	syn.opt.tsval = tcb->ts_recent + 1;
	KUNIT_EXPECT_TRUE(test, vho_tcp_tw_reusable(tcb, &syn));
	KUNIT_EXPECT_EQ(test, vho_wire_inject_seg(w, &syn), VHO_TO_SLOW);
	syn.opt.tsval = tcb->ts_recent;
	KUNIT_EXPECT_FALSE(test, vho_tcp_tw_reusable(tcb, &syn));
	syn.seq = 6000;
	syn.flags = SYN | ACK;
	KUNIT_EXPECT_FALSE(test, vho_tcp_tw_reusable(tcb, &syn));
	syn.flags = SYN | RST;
	KUNIT_EXPECT_FALSE(test, vho_tcp_tw_reusable(tcb, &syn));
	tcb->state = TCP_FIN_WAIT2;
	syn.flags = SYN;
	KUNIT_EXPECT_FALSE(test, vho_tcp_tw_reusable(tcb, &syn));
}

static void vho_tcp_tw_reusable_active__after_rto(struct kunit *test)
{
	struct vho_wire *w = vho_conn_new_time_wait(test);
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	u64 rto_ns = tcb->rto_us * (u64)NSEC_PER_USEC;

	KUNIT_EXPECT_FALSE(test, vho_tcp_tw_reusable_active(tcb, w->now_ns));
	KUNIT_EXPECT_FALSE(test, vho_tcp_tw_reusable_active(tcb, w->now_ns + rto_ns / 2));
	KUNIT_EXPECT_TRUE(test, vho_tcp_tw_reusable_active(tcb, w->now_ns + rto_ns));
	tcb->ts_ok = 0;
	KUNIT_EXPECT_FALSE(test, vho_tcp_tw_reusable_active(tcb, w->now_ns + VHO_WIRE_S));
}

/* RFC 1337, and no dialogue between two ends that are both confused. */
static void vho_tcp_rx__time_wait(struct kunit *test)
{
	struct vho_wire *w = vho_conn_new_time_wait(test);
	int i;

	vho_wire_inject(w, RST, 5002, 0, 0);
	KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_TIME_WAIT);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	vho_wire_inject(w, ACK, 5002, 1002, 0);
	KUNIT_EXPECT_TRUE(test, vho_wire_quiet(w));
	for (i = 0; i < 100; i++)
		vho_wire_inject(w, ACK, 5001, 1002, 1);
	KUNIT_EXPECT_EQ(test, w->nr_pkts, 1);
}

static struct kunit_case vho_conn_test_cases[] = {
	KUNIT_CASE(vho_tcp_connect__syn),
	KUNIT_CASE_PARAM(vho_tcp_connect__options, vho_conn_syn_gen_params),
	KUNIT_CASE_PARAM(vho_tcp_accept__options, vho_conn_syn_gen_params),
	KUNIT_CASE(vho_tcp_connect__refused),
	KUNIT_CASE(vho_tcp_connect__wrong_ack),
	KUNIT_CASE(vho_tcp_connect__simultaneous),
	KUNIT_CASE(vho_tcp_accept__syn_again),
	KUNIT_CASE(vho_tcp_accept__wrong_ack),
	KUNIT_CASE(vho_tcp_accept__reset),
	KUNIT_CASE(vho_tcp_attach__late),
	KUNIT_CASE(vho_tcp_attach__sizes),
	KUNIT_CASE(vho_tcp_close__simultaneous),
	KUNIT_CASE(vho_tcp_close__half),
	KUNIT_CASE(vho_tcp_close__lossy),
	KUNIT_CASE(vho_tcp_close__peer_vanishes),
	KUNIT_CASE(vho_tcp_abort__states),
	KUNIT_CASE(vho_tcp_app__tx_seq),
	KUNIT_CASE(vho_tcp_app__rx_seq),
	KUNIT_CASE(vho_tcp_app__after_fin),
	KUNIT_CASE(vho_tcp_app__before_rings),
	KUNIT_CASE(vho_tcp_app__abort_while_connecting),
	KUNIT_CASE(vho_tcp_app__close_unread),
	KUNIT_CASE(vho_tcp_rx__not_opened),
	KUNIT_CASE(vho_tcp_app__abort),
	KUNIT_CASE(vho_tcp_reset_for__rfc9293),
	KUNIT_CASE(vho_tcp_tw_reusable__rules),
	KUNIT_CASE(vho_tcp_tw_reusable_active__after_rto),
	KUNIT_CASE(vho_tcp_rx__time_wait),
	{}
};

static struct kunit_suite vho_conn_suite = {
	.name = "virtuoso_tcp_conn",
	.test_cases = vho_conn_test_cases,
};
kunit_test_suite(vho_conn_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: opening and closing TCP connections");
MODULE_LICENSE("GPL");
