// SPDX-License-Identifier: GPL-2.0
/*
 * Chance: networks, guests and peers that nobody thought of. What must hold at all times is
 * checked by the wire model; here are the ways to get there. A failure names its seed.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_wire.h"

static u32 vho_fuzz_below(struct vho_wire *w, u32 n)
{
	return prandom_u32_state(&w->rnd) % n;
}

static bool vho_fuzz_one_in(struct vho_wire *w, u32 n)
{
	return !vho_fuzz_below(w, n);
}

/* One of several magnitudes, so that small and large values are as likely. */
static u32 vho_fuzz_scaled(struct vho_wire *w, u8 max_bits)
{
	return prandom_u32_state(&w->rnd) & (BIT(1 + vho_fuzz_below(w, max_bits)) - 1);
}

/* --- Any network between any two guests: all data arrives --- */

static void vho_fuzz_network(struct vho_wire *w)
{
	w->net.delay_ns = 1000 + vho_fuzz_below(w, 50 * VHO_WIRE_MS);
	w->net.jitter_ns = vho_fuzz_one_in(w, 2) ? 0 : vho_fuzz_below(w, 20 * VHO_WIRE_MS);
	w->net.loss_ppm = vho_fuzz_one_in(w, 3) ? 0 : vho_fuzz_below(w, 150000);
	w->net.dup_ppm = vho_fuzz_one_in(w, 2) ? 0 : vho_fuzz_below(w, 100000);
	w->net.corrupt_ppm = vho_fuzz_one_in(w, 2) ? 0 : vho_fuzz_below(w, 50000);
	w->net.gro = vho_fuzz_one_in(w, 2);
	if (vho_fuzz_one_in(w, 3)) {
		w->net.ns_per_byte = 1 + vho_fuzz_below(w, 1000);
		w->net.queue_ns = VHO_WIRE_MS + vho_fuzz_below(w, 100 * VHO_WIRE_MS);
	}
	w->output_budget = vho_fuzz_one_in(w, 4) ? 0 : vho_fuzz_scaled(w, 17);
}

static void vho_fuzz_guest(struct vho_wire *w, struct vho_wire_end *e)
{
	e->tx_size = 4096 << vho_fuzz_below(w, 5);
	e->rx_size = 4096 << vho_fuzz_below(w, 5);
	e->to_send = vho_fuzz_scaled(w, 18);
	e->chunk = vho_fuzz_one_in(w, 2) ? 0 : 100 + vho_fuzz_scaled(w, 14);
	e->read_max = vho_fuzz_one_in(w, 2) ? 0 : 100 + vho_fuzz_scaled(w, 14);
	e->flags = vho_fuzz_one_in(w, 2) ? VIRTUOSO_SF_NODELAY : 0;
	e->flags |= vho_fuzz_one_in(w, 4) ? VIRTUOSO_SF_CORK : 0;
	e->then = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
	e->xmit_fail_ppm = vho_fuzz_one_in(w, 2) ? 0 : vho_fuzz_below(w, 100000);
}

static void vho_fuzz__any_network(struct kunit *test)
{
	u64 seed;

	for (seed = 0; seed < 300; seed++) {
		struct vho_wire *w = vho_wire_new(test, seed, 65536);
		int i;

		vho_fuzz_network(w);
		for (i = 0; i < 2; i++)
			vho_fuzz_guest(w, &w->end[i]);
		vho_wire_connect(w, prandom_u32_state(&w->rnd), prandom_u32_state(&w->rnd),
				 100 + vho_fuzz_scaled(w, 14));
		vho_wire_run(w, 4 * 3600 * VHO_WIRE_S);
		for (i = 0; i < 2; i++) {
			const struct vho_tcb *tcb = vho_wire_tcb(w, i);

			KUNIT_EXPECT_EQ_MSG(test, w->end[i].read, w->end[!i].to_send,
					    "seed %llu end %d", seed, i);
			KUNIT_EXPECT_EQ_MSG(test, tcb->state, TCP_CLOSE, "seed %llu end %d", seed, i);
		}
		vho_wire_free_rings(w);
	}
}

/* --- Somebody beside the path, who knows much but not all --- */

/* Segments that a blind attacker may send: the sequence number fits, the ACK does not. */
static void vho_fuzz_spoof(struct vho_wire *w, struct vho_wire_end *e)
{
	struct vho_tcb *tcb = &e->flow.tcb;
	struct vho_wire_pkt *pkt = kunit_kzalloc(w->test, sizeof(*pkt) + 2000, GFP_KERNEL);
	struct vho_rx_seg seg = {
		.seq = tcb->rcv_nxt + 1 + vho_fuzz_below(w, 4000),
		.wnd = vho_fuzz_below(w, 65536),
		.len = vho_fuzz_one_in(w, 2) ? 0 : vho_fuzz_below(w, 2000),
		.segs = 1,
		.priv = pkt,
	};

	KUNIT_ASSERT_NOT_NULL(w->test, pkt);
	switch (vho_fuzz_below(w, 4)) {
	case 0:
		seg.flags = VHO_TCPF_RST;
		break;
	case 1:
		seg.flags = VHO_TCPF_SYN;
		break;
	case 2:
		seg.flags = VHO_TCPF_ACK;
		seg.ack = tcb->snd_max + 1 + vho_fuzz_scaled(w, 29);
		break;
	case 3:
		seg.flags = VHO_TCPF_ACK | VHO_TCPF_FIN;
		seg.ack = tcb->snd_una - tcb->max_snd_wnd - 1 - vho_fuzz_scaled(w, 29);
		break;
	}
	if (tcb->state != TCP_SYN_SENT && tcb->state != TCP_SYN_RECV)
		KUNIT_EXPECT_EQ(w->test, vho_tcp_rx(&e->flow, &seg, w->now_ns), VHO_DROP);
	kunit_kfree(w->test, pkt);
}

static void vho_fuzz__spoofed_segments(struct kunit *test)
{
	u64 seed;

	for (seed = 0; seed < 30; seed++) {
		struct vho_wire *w = vho_wire_new(test, seed, 16384);
		int i, round;

		w->net.loss_ppm = seed * 1000;
		for (i = 0; i < 2; i++) {
			w->end[i].to_send = 50000;
			w->end[i].then = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
		}
		vho_wire_establish(w, seed * 0x10000000, ~seed, 1460);
		for (round = 0; round < 300; round++) {
			i = vho_fuzz_below(w, 2);
			if (vho_wire_tcb(w, i)->state != TCP_CLOSE &&
			    vho_wire_tcb(w, i)->state != TCP_TIME_WAIT)
				vho_fuzz_spoof(w, &w->end[i]);
			vho_wire_run(w, vho_fuzz_below(w, VHO_WIRE_MS));
		}
		vho_wire_run(w, 3600 * VHO_WIRE_S);
		for (i = 0; i < 2; i++) {
			KUNIT_EXPECT_EQ_MSG(test, w->end[i].read, 50000, "seed %llu", seed);
			KUNIT_EXPECT_EQ_MSG(test, vho_wire_tcb(w, i)->error, VIRTUOSO_ERR_NONE,
					    "seed %llu", seed);
		}
		vho_wire_free_rings(w);
	}
}

/* --- A peer and a guest that do anything at all: nothing breaks --- */

static void vho_fuzz_segment(struct vho_wire *w)
{
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	u32 len = vho_fuzz_one_in(w, 3) ? 0 : vho_fuzz_scaled(w, 16);
	struct vho_wire_pkt *pkt = kunit_kzalloc(w->test, sizeof(*pkt) + len, GFP_KERNEL);
	struct vho_rx_seg seg = {
		.seq = tcb->rcv_nxt + vho_fuzz_scaled(w, 17) - vho_fuzz_scaled(w, 17),
		.ack = tcb->snd_una + vho_fuzz_scaled(w, 17) - vho_fuzz_scaled(w, 17),
		.len = len,
		.wnd = vho_fuzz_scaled(w, 16),
		.flags = VHO_TCPF_ACK,
		.segs = vho_fuzz_scaled(w, 16),
		.priv = pkt,
	};

	KUNIT_ASSERT_NOT_NULL(w->test, pkt);
	if (vho_fuzz_one_in(w, 2))
		seg.seq = tcb->rcv_nxt;
	if (vho_fuzz_one_in(w, 2))
		seg.ack = tcb->snd_una + vho_fuzz_below(w, vho_tcp_outstanding(tcb) + 1);
	if (vho_fuzz_one_in(w, 200))
		seg.flags |= VHO_TCPF_FIN;
	if (vho_fuzz_one_in(w, 20))
		seg.flags = prandom_u32_state(&w->rnd);
	/* A life that ends too soon tries little. */
	if (!vho_fuzz_one_in(w, 50))
		seg.flags &= ~VHO_TCPF_RST;
	if (vho_fuzz_one_in(w, 50))
		seg.seq = prandom_u32_state(&w->rnd);
	if (vho_fuzz_one_in(w, 50))
		seg.ack = prandom_u32_state(&w->rnd);
	pkt->corrupt = vho_fuzz_one_in(w, 20);
	seg.opt.has = vho_fuzz_below(w, 8);
	seg.opt.mss = prandom_u32_state(&w->rnd);
	seg.opt.wscale = vho_fuzz_below(w, VHO_OPT_WSCALE_MAX + 1);
	seg.opt.tsval = tcb->ts_recent + vho_fuzz_scaled(w, 10) - !vho_fuzz_below(w, 10);
	seg.opt.tsecr = prandom_u32_state(&w->rnd);
	vho_tcp_rx(&w->end[0].flow, &seg, w->now_ns);
	kunit_kfree(w->test, pkt);
}

static void vho_fuzz_app(struct vho_wire *w)
{
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	u32 tx = tcb->tx_end + vho_fuzz_scaled(w, 14);
	u32 rx = vho_seq_min(tcb->rx_read + vho_fuzz_scaled(w, 16), vho_tcp_rx_end(tcb));
	u16 flags = vho_fuzz_below(w, 32) & (VIRTUOSO_SF_NODELAY | VIRTUOSO_SF_CORK);

	if (vho_fuzz_one_in(w, 300))
		flags |= VIRTUOSO_SF_FIN;
	if (vho_fuzz_one_in(w, 600))
		flags |= VIRTUOSO_SF_CLOSE;
	if (vho_fuzz_one_in(w, 1000))
		flags = prandom_u32_state(&w->rnd);
	if (vho_fuzz_one_in(w, 20))
		tx = prandom_u32_state(&w->rnd);
	if (vho_fuzz_one_in(w, 20))
		rx = prandom_u32_state(&w->rnd);
	vho_tcp_app(&w->end[0].flow, tx, rx, flags, w->now_ns);
}

static void vho_fuzz_step(struct vho_wire *w)
{
	struct vho_flow *flow = &w->end[0].flow;
	struct vho_tcb *tcb = &flow->tcb;

	switch (vho_fuzz_below(w, 16)) {
	case 0 ... 7:
		vho_fuzz_segment(w);
		break;
	case 8 ... 11:
		vho_fuzz_app(w);
		break;
	case 12 ... 13:
		w->now_ns += vho_fuzz_scaled(w, 30);
		break;
	case 14:
		/* To the next timer. */
		if (vho_tcp_deadline(tcb) != U64_MAX)
			w->now_ns = max(w->now_ns, vho_tcp_deadline(tcb));
		break;
	case 15:
		if (vho_fuzz_one_in(w, 4))
			vho_tcp_setopt(flow, vho_fuzz_one_in(w, 20) ? vho_fuzz_scaled(w, 20) : 0,
				       vho_fuzz_scaled(w, 8), vho_fuzz_scaled(w, 8),
				       vho_fuzz_scaled(w, 16), w->now_ns);
		else if (vho_fuzz_one_in(w, 4))
			vho_tcp_mss_limit(flow, vho_fuzz_scaled(w, 16), w->now_ns);
		break;
	}
	vho_tcp_timer(flow, w->now_ns);
	if (tcb->events & VHO_EV_OUTPUT)
		w->end[0].limited = vho_tcp_output(flow, vho_fuzz_scaled(w, 17), w->now_ns);
	tcb->events = 0;
	if (w->end[0].limited)
		tcb->events = VHO_EV_OUTPUT;
	vho_wire_check(&w->end[0]);
	vho_wire_flush(w);
}

static void vho_fuzz_start(struct vho_wire *w)
{
	struct vho_tcp_params par = {
		.iss = vho_fuzz_one_in(w, 2) ? prandom_u32_state(&w->rnd) : -5,
		.ts_offset = prandom_u32_state(&w->rnd),
		.mss_limit = vho_fuzz_scaled(w, 16),
	};
	struct vho_rx_seg syn = { .seq = prandom_u32_state(&w->rnd), .flags = VHO_TCPF_SYN };
	struct vho_wire_end *e = &w->end[0];

	syn.opt.has = vho_fuzz_below(w, 8);
	syn.opt.mss = vho_fuzz_scaled(w, 16);
	syn.opt.wscale = vho_fuzz_below(w, VHO_OPT_WSCALE_MAX + 1);
	syn.wnd = vho_fuzz_scaled(w, 16);
	e->xmit_fail_ppm = vho_fuzz_one_in(w, 2) ? 0 : 100000;
	vho_tcp_accept(&e->flow, &par, &syn, w->now_ns);
	vho_wire_inject(w, VHO_TCPF_ACK, syn.seq + 1, par.iss + 1, 0);
	vho_tcp_attach(&e->flow, e->tx_size, e->rx_size, w->now_ns);
}

static void vho_fuzz__anything(struct kunit *test)
{
	u64 seed;

	for (seed = 0; seed < 500; seed++) {
		struct vho_wire *w = vho_wire_new(test, seed, 4096 << (seed % 5));
		int i;

		vho_fuzz_start(w);
		for (i = 0; i < 2000 && vho_wire_tcb(w, 0)->state != TCP_CLOSE; i++)
			vho_fuzz_step(w);
		/* A closed flow stays closed, whatever comes. */
		for (i = 0; i < 20 && vho_wire_tcb(w, 0)->state == TCP_CLOSE; i++) {
			vho_fuzz_step(w);
			KUNIT_EXPECT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_CLOSE);
		}
		if (vho_wire_tcb(w, 0)->state != TCP_CLOSE)
			vho_tcp_abort(&w->end[0].flow, VIRTUOSO_ERR_RESET, w->now_ns);
		KUNIT_EXPECT_EQ(test, vho_tcp_deadline(vho_wire_tcb(w, 0)), U64_MAX);
		vho_wire_free_rings(w);
	}
}

static struct kunit_case vho_fuzz_test_cases[] = {
	KUNIT_CASE_SLOW(vho_fuzz__any_network),
	KUNIT_CASE(vho_fuzz__spoofed_segments),
	KUNIT_CASE(vho_fuzz__anything),
	{}
};

static struct kunit_suite vho_fuzz_suite = {
	.name = "virtuoso_tcp_fuzz",
	.test_cases = vho_fuzz_test_cases,
};
kunit_test_suite(vho_fuzz_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: TCP and chance");
MODULE_LICENSE("GPL");
