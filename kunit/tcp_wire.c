// SPDX-License-Identifier: GPL-2.0
/*
 * Wire model for the TCP engine.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/slab.h>

#include "tcp_wire.h"

static bool vho_wire_chance(struct vho_wire *w, u32 ppm)
{
	return ppm && prandom_u32_state(&w->rnd) % 1000000 < ppm;
}

static u32 vho_wire_below(struct vho_wire *w, u32 n)
{
	return n ? prandom_u32_state(&w->rnd) % n : 0;
}

/* The byte at offset @i of what end @who sends. */
static u8 vho_wire_byte(u8 who, u64 i)
{
	return i * 31 + (i >> 8) * 7 + (i >> 16) * 13 + who * 101;
}

static u8 *vho_wire_tx_at(struct vho_wire_end *e, u32 seq)
{
	return &e->tx_ring[(seq - (e->flow.tcb.iss + 1)) & (e->tx_size - 1)];
}

static u8 *vho_wire_rx_at(struct vho_wire_end *e, u32 seq)
{
	return &e->rx_ring[(seq - (e->flow.tcb.irs + 1)) & (e->rx_size - 1)];
}

/* --- What must hold at all times --- */

static void vho_wire_check_ooo(struct kunit *test, const struct vho_tcb *tcb)
{
	u32 edge = vho_tcp_rx_edge(tcb), at = tcb->rcv_nxt;
	int i;

	for (i = 0; i < tcb->ooo.nr; i++) {
		KUNIT_EXPECT_TRUE(test, vho_seq_after(tcb->ooo.r[i].start, at));
		KUNIT_EXPECT_TRUE(test, vho_seq_after(tcb->ooo.r[i].end, tcb->ooo.r[i].start));
		at = tcb->ooo.r[i].end;
	}
	KUNIT_EXPECT_FALSE(test, vho_seq_after(at, edge));
}

/* Whatever waits has a timer, or an output call to come. */
static void vho_wire_check_timers(struct kunit *test, const struct vho_tcb *tcb, bool limited)
{
	if (tcb->events & VHO_EV_OUTPUT || limited)
		return;
	if (vho_tcp_outstanding(tcb))
		KUNIT_EXPECT_NE_MSG(test, tcb->rto_at_ns, 0ULL, "outstanding without a timer");
	else if (vho_tcp_unsent(tcb) || vho_tcp_fin_unsent(tcb))
		KUNIT_EXPECT_NE_MSG(test, tcb->rto_at_ns | tcb->delack_at_ns, 0ULL,
				    "unsent without a timer");
	if (tcb->ack_pending_segs || tcb->ack_now)
		KUNIT_EXPECT_NE_MSG(test, tcb->delack_at_ns, 0ULL, "ACK due without a timer");
}

void vho_wire_check(struct vho_wire_end *e)
{
	const struct vho_tcb *tcb = &e->flow.tcb;
	struct kunit *test = e->wire->test;
	u32 edge = vho_tcp_rx_edge(tcb);

	if (tcb->state == TCP_CLOSE) {
		KUNIT_EXPECT_EQ(test, vho_tcp_deadline(tcb), U64_MAX);
		return;
	}
	KUNIT_EXPECT_FALSE(test, vho_seq_after(tcb->snd_una, tcb->snd_nxt));
	KUNIT_EXPECT_FALSE(test, vho_seq_after(tcb->snd_nxt, tcb->snd_max));
	KUNIT_EXPECT_FALSE(test, vho_seq_after(tcb->snd_max, tcb->tx_end + tcb->fin_sent));
	KUNIT_EXPECT_LE(test, vho_tcp_outstanding(tcb), tcb->tx_size + 1);
	if (tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECV)
		return;
	KUNIT_EXPECT_GE(test, tcb->cwnd, (u32)tcb->mss);
	if (e->checked) {
		KUNIT_EXPECT_FALSE(test, vho_seq_before(tcb->rcv_nxt, e->last_rcv_nxt));
		KUNIT_EXPECT_FALSE(test, vho_seq_before(tcb->snd_una, e->last_una));
		KUNIT_EXPECT_FALSE(test, vho_seq_before(edge, e->last_edge));
	}
	e->checked = tcb->rx_size;
	e->last_rcv_nxt = tcb->rcv_nxt;
	e->last_una = tcb->snd_una;
	e->last_edge = edge;
	if (tcb->rx_size)
		KUNIT_EXPECT_LE(test, vho_tcp_rx_end(tcb) - tcb->rx_read, tcb->rx_size);
	vho_wire_check_ooo(test, tcb);
	if (tcb->state != TCP_TIME_WAIT)
		vho_wire_check_timers(test, tcb, e->limited);
}

/* --- The network --- */

static void vho_wire_queue(struct vho_wire *w, struct vho_wire_pkt *pkt)
{
	struct list_head *after = w->pkts.prev;

	while (after != &w->pkts &&
	       list_entry(after, struct vho_wire_pkt, node)->at_ns > pkt->at_ns)
		after = after->prev;
	list_add(&pkt->node, after);
	w->nr_pkts++;
}

static struct vho_wire_pkt *vho_wire_unqueue(struct vho_wire *w, struct vho_wire_pkt *pkt)
{
	list_del(&pkt->node);
	w->nr_pkts--;
	return pkt;
}

static void vho_wire_mark(struct vho_wire_end *from, struct vho_wire_pkt *pkt)
{
	if (pkt->ecn != VHO_ECN_ECT_0)
		return;
	pkt->ecn = VHO_ECN_CE;
	from->marked++;
}

/* RFC 3168: what of a segment's ECN must hold whatever the connection does. */
static void vho_wire_check_ecn(struct vho_wire_end *e, const struct vho_tx_seg *seg)
{
	const struct vho_tcb *tcb = &e->flow.tcb;
	struct kunit *test = e->wire->test;

	if (seg->ecn) {
		KUNIT_EXPECT_EQ(test, seg->ecn, VHO_ECN_ECT_0);
		KUNIT_EXPECT_TRUE(test, tcb->ecn_ok);
		KUNIT_EXPECT_GT(test, seg->len, 0);
		/* Never again. */
		KUNIT_EXPECT_FALSE(test, vho_seq_before(seg->seq, tcb->snd_max));
	}
	if (seg->flags & VHO_TCPF_SYN)
		return;
	e->echoes += !!(seg->flags & VHO_TCPF_ECE);
	e->reduced += !!(seg->flags & VHO_TCPF_CWR);
	if (seg->flags & VHO_TCPF_CWR)
		KUNIT_EXPECT_EQ(test, seg->ecn, VHO_ECN_ECT_0);
	if (seg->flags & VHO_TCPF_RST)
		KUNIT_EXPECT_FALSE(test, seg->flags & (VHO_TCPF_ECE | VHO_TCPF_CWR));
}

static void vho_wire_carry(struct vho_wire_end *from, struct vho_wire_pkt *pkt)
{
	struct vho_wire *w = from->wire;
	u64 at = w->now_ns;

	from->sent++;
	if (!pkt->len && !(pkt->flags & (VHO_TCPF_SYN | VHO_TCPF_FIN | VHO_TCPF_RST)))
		from->sent_empty++;
	if (w->net.ns_per_byte) {
		at = max(at, from->busy_ns);
		if (at - w->now_ns > w->net.queue_ns)
			goto lost;
		if (w->net.ce_queue_ns && at - w->now_ns > w->net.ce_queue_ns)
			vho_wire_mark(from, pkt);
		at += (u64)w->net.ns_per_byte * (pkt->len + 60);
		from->busy_ns = at;
	}
	if (w->broken || vho_wire_chance(w, w->net.loss_ppm))
		goto lost;
	if (vho_wire_chance(w, w->net.corrupt_ppm)) {
		if (!pkt->len)
			goto lost;
		pkt->corrupt = true;
	}
	if (vho_wire_chance(w, w->net.ce_ppm))
		vho_wire_mark(from, pkt);
	pkt->at_ns = at + w->net.delay_ns + vho_wire_below(w, w->net.jitter_ns);
	if (vho_wire_chance(w, w->net.dup_ppm)) {
		struct vho_wire_pkt *dup = kmemdup(pkt, sizeof(*pkt) + pkt->len, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(w->test, dup);
		dup->at_ns += vho_wire_below(w, 2 * w->net.delay_ns);
		vho_wire_queue(w, dup);
	}
	vho_wire_queue(w, pkt);
	return;
lost:
	kfree(pkt);
}

/* One segment of the wire out of @seg: @off bytes into it, @len long. */
static void vho_wire_cut(struct vho_wire_end *e, const struct vho_tx_seg *seg, u32 off, u32 len)
{
	struct vho_wire_pkt *pkt = kzalloc(sizeof(*pkt) + len, GFP_KERNEL);
	bool last = off + len == seg->len;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(e->wire->test, pkt);
	pkt->to = !e->index;
	pkt->seq = seg->seq + off;
	pkt->ack = seg->ack;
	pkt->wnd = seg->wnd;
	pkt->flags = last ? seg->flags : seg->flags & ~(VHO_TCPF_FIN | VHO_TCPF_PSH);
	if (off)
		pkt->flags &= ~VHO_TCPF_CWR;
	pkt->ecn = seg->ecn;
	pkt->optlen = seg->optlen;
	memcpy(pkt->opt, seg->opt, seg->optlen);
	pkt->len = len;
	for (i = 0; i < len; i++)
		pkt->data[i] = *vho_wire_tx_at(e, pkt->seq + i);
	vho_wire_carry(e, pkt);
}

int vho_segment_xmit(struct vho_flow *flow, const struct vho_tx_seg *seg)
{
	struct vho_wire_end *e = flow->end;
	struct kunit *test = e->wire->test;
	const struct vho_tcb *tcb = &flow->tcb;
	u32 off = 0;

	KUNIT_EXPECT_EQ(test, seg->optlen % 4, 0);
	KUNIT_EXPECT_LE(test, seg->len, VHO_TX_SEG_MAX_BYTES);
	KUNIT_ASSERT_GT(test, seg->mss, 0);
	vho_wire_check_ecn(e, seg);
	if (seg->len) {
		KUNIT_ASSERT_FALSE(test, vho_seq_before(seg->seq, tcb->snd_una));
		KUNIT_ASSERT_FALSE(test, vho_seq_after(seg->seq + seg->len, tcb->tx_end));
	}
	if (vho_wire_chance(e->wire, e->xmit_fail_ppm))
		return -ENOBUFS;
	do {
		u32 len = min_t(u32, seg->len - off, seg->mss);

		vho_wire_cut(e, seg, off, len);
		off += len;
	} while (off < seg->len);
	return 0;
}

int vho_payload_store(struct vho_flow *flow, const struct vho_rx_seg *seg, u32 off, u32 seq, u32 len)
{
	struct vho_wire_end *e = flow->end;
	struct kunit *test = e->wire->test;
	const struct vho_wire_pkt *pkt = seg->priv;
	const struct vho_tcb *tcb = &flow->tcb;
	u32 i;

	if (len) {
		KUNIT_ASSERT_LE(test, off + len, seg->len);
		KUNIT_ASSERT_EQ(test, seq, seg->seq + off);
		KUNIT_ASSERT_FALSE(test, vho_seq_before(seq, tcb->rcv_nxt));
		KUNIT_ASSERT_FALSE(test, vho_seq_after(seq + len, tcb->rx_read + tcb->rx_size));
	}
	for (i = 0; i < len; i++)
		*vho_wire_rx_at(e, seq + i) = pkt->corrupt ? 0xee : pkt->data[off + i];
	return pkt->corrupt ? -EBADMSG : 0;
}

/* --- The guests --- */

static u32 vho_wire_guest_write(struct vho_wire_end *e)
{
	struct vho_tcb *tcb = &e->flow.tcb;
	u32 una = vho_seq_min(tcb->snd_una, tcb->tx_end);
	u32 room = e->tx_size - (tcb->tx_end - una);
	u32 n = min_t(u64, room, e->to_send - e->written);
	u32 i;

	if (e->no_write || tcb->app & (VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE))
		return tcb->tx_end;
	if (e->chunk)
		n = min(n, 1 + vho_wire_below(e->wire, e->chunk));
	for (i = 0; i < n; i++)
		*vho_wire_tx_at(e, tcb->tx_end + i) = vho_wire_byte(e->index, e->written + i);
	e->written += n;
	return tcb->tx_end + n;
}

static u32 vho_wire_guest_read(struct vho_wire_end *e)
{
	struct vho_tcb *tcb = &e->flow.tcb;
	struct kunit *test = e->wire->test;
	u32 n = vho_tcp_rx_end(tcb) - tcb->rx_read;
	u32 i;

	if (e->no_read)
		return tcb->rx_read;
	if (e->read_max)
		n = min(n, e->read_max);
	for (i = 0; i < n; i++) {
		u8 want = vho_wire_byte(!e->index, e->read + i);

		if (*vho_wire_rx_at(e, tcb->rx_read + i) != want)
			KUNIT_FAIL_AND_ABORT(test, "end %d: byte %llu is wrong", e->index,
					     e->read + i);
	}
	e->read += n;
	return tcb->rx_read + n;
}

/* @rx: what the guest has read up to. */
static u16 vho_wire_guest_flags(struct vho_wire_end *e, u32 rx)
{
	struct vho_tcb *tcb = &e->flow.tcb;
	u16 flags = e->flags;

	if (e->written < e->to_send || e->no_write)
		return flags;
	if (!(e->then & VIRTUOSO_SF_CLOSE))
		return flags | e->then;
	flags |= e->then & VIRTUOSO_SF_FIN;
	/* The guest has seen the end of the stream, or never cared. */
	if ((tcb->fin_rcvd && rx == vho_tcp_rx_end(tcb)) || !(e->then & VIRTUOSO_SF_FIN))
		flags |= VIRTUOSO_SF_CLOSE;
	return flags;
}

/* Return: the guest did something. */
static bool vho_wire_guest(struct vho_wire_end *e)
{
	struct vho_tcb *tcb = &e->flow.tcb;
	u32 tx = tcb->tx_end, rx = tcb->rx_read;
	u16 app = tcb->app, flags;
	int err;

	if (!e->attached || tcb->state == TCP_CLOSE || tcb->state == TCP_SYN_SENT ||
	    tcb->state == TCP_SYN_RECV)
		return false;
	tx = vho_wire_guest_write(e);
	rx = vho_wire_guest_read(e);
	flags = vho_wire_guest_flags(e, rx);
	if (tx == tcb->tx_end && rx == tcb->rx_read && flags == app)
		return false;
	err = vho_tcp_app(&e->flow, tx, rx, flags, e->wire->now_ns);
	KUNIT_EXPECT_EQ(e->wire->test, err, 0);
	return true;
}

/* --- The owner of a flow: acts on events --- */

static void vho_wire_owner(struct vho_wire_end *e)
{
	struct vho_tcb *tcb = &e->flow.tcb;
	struct vho_wire *w = e->wire;
	int turn;

	if (!tcb->state)
		return;
	for (turn = 0; turn < 100000; turn++) {
		e->events |= tcb->events;
		if (tcb->events & VHO_EV_ESTABLISHED && !e->attached) {
			vho_tcp_attach(&e->flow, e->tx_size, e->rx_size, w->now_ns);
			e->attached = true;
		}
		if (tcb->events & VHO_EV_OUTPUT || e->limited)
			e->limited = vho_tcp_output(&e->flow, w->output_budget, w->now_ns);
		tcb->events &= VHO_EV_OUTPUT;
		vho_wire_check(e);
		if (!vho_wire_guest(e) && !tcb->events && !e->limited)
			return;
	}
	KUNIT_FAIL(w->test, "end %d never comes to rest", e->index);
}

static void vho_wire_parse(const struct vho_wire_pkt *pkt, struct vho_rx_seg *seg)
{
	*seg = (struct vho_rx_seg){
		.seq = pkt->seq,
		.ack = pkt->ack,
		.len = pkt->len,
		.wnd = pkt->wnd,
		.flags = pkt->flags,
		.ecn = pkt->ecn,
		.segs = 1,
		.priv = (void *)pkt,
	};
	vho_tcp_opt_parse(pkt->opt, pkt->optlen, pkt->flags & VHO_TCPF_SYN, &seg->opt);
}

/* @pkt is followed by @next without a gap, and they may be merged. */
static bool vho_wire_mergeable(const struct vho_wire_pkt *pkt, const struct vho_wire_pkt *next)
{
	const u8 odd = VHO_TCPF_SYN | VHO_TCPF_FIN | VHO_TCPF_RST | VHO_TCPF_PSH;

	return pkt->to == next->to && pkt->at_ns == next->at_ns && pkt->len && next->len &&
	       !pkt->corrupt && !next->corrupt && !(pkt->flags & odd) &&
	       !(next->flags & (odd & ~VHO_TCPF_PSH)) && next->seq == pkt->seq + pkt->len &&
	       next->ecn == pkt->ecn && !((next->flags ^ pkt->flags) & VHO_TCPF_ECE) &&
	       !(next->flags & VHO_TCPF_CWR) && next->ack == pkt->ack &&
	       next->wnd == pkt->wnd && next->optlen == pkt->optlen &&
	       !memcmp(next->opt, pkt->opt, pkt->optlen) && pkt->len + next->len < 65536;
}

static struct vho_wire_pkt *vho_wire_merge(struct vho_wire *w, struct vho_wire_pkt *pkt,
					   struct vho_wire_pkt *next)
{
	struct vho_wire_pkt *big = krealloc(pkt, sizeof(*pkt) + pkt->len + next->len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(w->test, big);
	memcpy(big->data + big->len, next->data, next->len);
	big->len += next->len;
	big->flags |= next->flags & VHO_TCPF_PSH;
	kfree(vho_wire_unqueue(w, next));
	return big;
}

static void vho_wire_accept(struct vho_wire_end *e, const struct vho_rx_seg *seg)
{
	if ((seg->flags & (VHO_TCPF_SYN | VHO_TCPF_ACK | VHO_TCPF_RST)) == VHO_TCPF_SYN)
		vho_tcp_accept(&e->flow, &e->accept, seg, e->wire->now_ns);
}

static void vho_wire_deliver(struct vho_wire *w, struct vho_wire_pkt *pkt)
{
	struct vho_wire_end *e = &w->end[pkt->to];
	struct vho_rx_seg seg;
	u16 segs = 1;

	while (w->net.gro && !list_empty(&w->pkts)) {
		struct vho_wire_pkt *next = list_first_entry(&w->pkts, struct vho_wire_pkt, node);

		if (!vho_wire_mergeable(pkt, next))
			break;
		pkt = vho_wire_merge(w, pkt, next);
		segs++;
	}
	vho_wire_parse(pkt, &seg);
	seg.segs = segs;
	if (!e->flow.tcb.state) {
		vho_wire_accept(e, &seg);
	} else {
		enum vho_verdict verdict = vho_tcp_rx(&e->flow, &seg, w->now_ns);

		if (verdict == VHO_DROP)
			e->drops[seg.drop]++;
	}
	kfree(pkt);
	vho_wire_owner(e);
}

/* --- The clock --- */

static u64 vho_wire_next(struct vho_wire *w)
{
	u64 at = min(vho_tcp_deadline(vho_wire_tcb(w, 0)), vho_tcp_deadline(vho_wire_tcb(w, 1)));

	if (!list_empty(&w->pkts))
		at = min(at, list_first_entry(&w->pkts, struct vho_wire_pkt, node)->at_ns);
	return at;
}

static void vho_wire_step(struct vho_wire *w)
{
	int i;

	if (!list_empty(&w->pkts)) {
		struct vho_wire_pkt *pkt = list_first_entry(&w->pkts, struct vho_wire_pkt, node);

		if (pkt->at_ns <= w->now_ns) {
			vho_wire_deliver(w, vho_wire_unqueue(w, pkt));
			return;
		}
	}
	for (i = 0; i < 2; i++) {
		if (vho_tcp_deadline(vho_wire_tcb(w, i)) > w->now_ns)
			continue;
		vho_tcp_timer(&w->end[i].flow, w->now_ns);
		vho_wire_owner(&w->end[i]);
	}
}

bool vho_wire_run_until(struct vho_wire *w, u8 state0, u8 state1, u64 max_ns)
{
	u64 end_ns = w->now_ns + max_ns;
	u32 steps;

	vho_wire_owner(&w->end[0]);
	vho_wire_owner(&w->end[1]);
	for (steps = 0; steps < 10000000; steps++) {
		u64 at = vho_wire_next(w);

		if (state0 && vho_wire_tcb(w, 0)->state == state0 &&
		    vho_wire_tcb(w, 1)->state == state1)
			return true;
		if (at == U64_MAX)
			return !state0;
		if (at > end_ns) {
			w->now_ns = end_ns;
			return false;
		}
		w->now_ns = max(w->now_ns, at);
		vho_wire_step(w);
	}
	KUNIT_FAIL(w->test, "the wire never comes to rest");
	return false;
}

bool vho_wire_run(struct vho_wire *w, u64 max_ns)
{
	return vho_wire_run_until(w, 0, 0, max_ns);
}

/* --- Set-up --- */

static void vho_wire_free(void *data)
{
	struct vho_wire *w = data;

	vho_wire_flush(w);
}

struct vho_wire *vho_wire_new(struct kunit *test, u64 seed, u32 ring)
{
	struct vho_wire *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->test = test;
	w->now_ns = VHO_WIRE_START;
	w->net.delay_ns = VHO_WIRE_MS;
	w->output_budget = 64 * 1024;
	INIT_LIST_HEAD(&w->pkts);
	prandom_seed_state(&w->rnd, seed);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vho_wire_free, w), 0);
	for (i = 0; i < 2; i++) {
		struct vho_wire_end *e = &w->end[i];

		e->flow.end = e;
		e->wire = w;
		e->index = i;
		e->tx_size = ring;
		e->rx_size = ring;
		e->tx_ring = kunit_kzalloc(test, ring, GFP_KERNEL);
		e->rx_ring = kunit_kzalloc(test, ring, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, e->tx_ring);
		KUNIT_ASSERT_NOT_NULL(test, e->rx_ring);
	}
	return w;
}

void vho_wire_free_rings(struct vho_wire *w)
{
	int i;

	vho_wire_flush(w);
	for (i = 0; i < 2; i++) {
		kunit_kfree(w->test, w->end[i].tx_ring);
		kunit_kfree(w->test, w->end[i].rx_ring);
	}
}

void vho_wire_open(struct vho_wire *w, u8 i, u32 iss, u16 mss)
{
	struct vho_tcp_params par = {
		.iss = iss,
		.ts_offset = 4242,
		.mss_limit = mss,
		.ecn_ask = w->end[i].ecn,
	};

	vho_tcp_connect(&w->end[i].flow, &par, w->now_ns);
}

void vho_wire_connect(struct vho_wire *w, u32 iss, u32 peer_iss, u16 mss)
{
	w->end[1].accept = (struct vho_tcp_params){
		.iss = peer_iss,
		.ts_offset = 77777,
		.mss_limit = mss,
		.ecn_accept = w->end[1].ecn,
	};
	vho_wire_open(w, 0, iss, mss);
}

void vho_wire_establish(struct vho_wire *w, u32 iss, u32 peer_iss, u16 mss)
{
	vho_wire_connect(w, iss, peer_iss, mss);
	KUNIT_ASSERT_TRUE(w->test, vho_wire_run_until(w, TCP_ESTABLISHED, TCP_ESTABLISHED,
						     200 * VHO_WIRE_S));
}

/* --- One engine by hand --- */

struct vho_wire_pkt *vho_wire_pop(struct vho_wire *w)
{
	struct vho_wire_pkt *pkt, *copy;

	if (list_empty(&w->pkts))
		return NULL;
	pkt = vho_wire_unqueue(w, list_first_entry(&w->pkts, struct vho_wire_pkt, node));
	copy = kunit_kzalloc(w->test, sizeof(*pkt) + pkt->len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(w->test, copy);
	memcpy(copy, pkt, sizeof(*pkt) + pkt->len);
	kfree(pkt);
	return copy;
}

bool vho_wire_quiet(struct vho_wire *w)
{
	return list_empty(&w->pkts);
}

void vho_wire_flush(struct vho_wire *w)
{
	while (!list_empty(&w->pkts))
		kfree(vho_wire_unqueue(w, list_first_entry(&w->pkts, struct vho_wire_pkt, node)));
}

enum vho_verdict vho_wire_inject_seg(struct vho_wire *w, struct vho_rx_seg *seg)
{
	struct vho_wire_end *e = &w->end[0];
	struct vho_wire_pkt *pkt = NULL;
	enum vho_verdict verdict;
	u32 i;

	if (seg->len && !seg->priv) {
		pkt = kunit_kzalloc(w->test, sizeof(*pkt) + seg->len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(w->test, pkt);
		for (i = 0; i < seg->len; i++)
			pkt->data[i] = vho_wire_byte(1, seg->seq + i - 5001);
		seg->priv = pkt;
	}
	verdict = vho_tcp_rx(&e->flow, seg, w->now_ns);
	e->events |= e->flow.tcb.events;
	if (verdict == VHO_DROP)
		e->drops[seg->drop]++;
	vho_wire_output(w);
	return verdict;
}

enum vho_verdict vho_wire_inject(struct vho_wire *w, u8 flags, u32 seq, u32 ack, u32 len)
{
	struct vho_tcb *tcb = vho_wire_tcb(w, 0);
	struct vho_rx_seg seg = {
		.seq = seq,
		.ack = ack,
		.len = len,
		.flags = flags,
		.wnd = 512,	/* 64 KiB */
		.segs = 1,
	};

	if (tcb->ts_ok) {
		seg.opt.has = VHO_OPT_TS;
		seg.opt.tsval = 100 + (u32)((w->now_ns - VHO_WIRE_START) >> 20);
		seg.opt.tsecr = vho_tcp_ts_now(tcb, w->now_ns);
	}
	return vho_wire_inject_seg(w, &seg);
}

void vho_wire_output(struct vho_wire *w)
{
	struct vho_wire_end *e = &w->end[0];
	struct vho_tcb *tcb = &e->flow.tcb;

	if (tcb->events & VHO_EV_OUTPUT)
		e->limited = vho_tcp_output(&e->flow, w->output_budget, w->now_ns);
	e->events |= tcb->events;
	tcb->events = 0;
	vho_wire_check(e);
}

int vho_wire_write(struct vho_wire *w, u32 len, u16 flags)
{
	struct vho_wire_end *e = &w->end[0];
	struct vho_tcb *tcb = &e->flow.tcb;
	u32 i;
	int err;

	for (i = 0; i < len; i++)
		*vho_wire_tx_at(e, tcb->tx_end + i) = vho_wire_byte(0, e->written + i);
	e->written += len;
	err = vho_tcp_app(&e->flow, tcb->tx_end + len, tcb->rx_read, flags, w->now_ns);
	vho_wire_output(w);
	return err;
}

int vho_wire_read(struct vho_wire *w)
{
	struct vho_wire_end *e = &w->end[0];
	struct vho_tcb *tcb = &e->flow.tcb;
	int err = vho_tcp_app(&e->flow, tcb->tx_end, vho_wire_guest_read(e), tcb->app, w->now_ns);

	vho_wire_output(w);
	return err;
}

void vho_wire_advance(struct vho_wire *w, u64 ns)
{
	struct vho_wire_end *e = &w->end[0];
	u64 end_ns = w->now_ns + ns;

	while (vho_tcp_deadline(&e->flow.tcb) <= end_ns) {
		w->now_ns = max(w->now_ns, vho_tcp_deadline(&e->flow.tcb));
		vho_tcp_timer(&e->flow, w->now_ns);
		vho_wire_output(w);
	}
	w->now_ns = end_ns;
}

struct vho_wire *vho_wire_new_single(struct kunit *test, u32 ring)
{
	struct vho_wire *w = vho_wire_new(test, 1, ring);
	struct vho_rx_seg seg = {
		.seq = 5000,
		.ack = 1001,
		.wnd = 65535,
		.flags = VHO_TCPF_SYN | VHO_TCPF_ACK,
		.opt = {
			.has = VHO_OPT_MSS | VHO_OPT_WSCALE | VHO_OPT_TS,
			.mss = 1460,
			.wscale = 7,
			.tsval = 100,
		},
		.segs = 1,
	};

	w->net.delay_ns = 0;
	vho_wire_open(w, 0, 1000, 1460);
	vho_tcp_attach(&w->end[0].flow, ring, ring, w->now_ns);
	w->end[0].attached = true;
	KUNIT_ASSERT_EQ(test, vho_wire_inject_seg(w, &seg), VHO_DONE);
	KUNIT_ASSERT_EQ(test, vho_wire_tcb(w, 0)->state, TCP_ESTABLISHED);
	/* The first scaled window. */
	KUNIT_ASSERT_EQ(test, vho_wire_inject(w, VHO_TCPF_ACK, 5001, 1001, 0), VHO_DONE);
	vho_wire_flush(w);
	return w;
}
