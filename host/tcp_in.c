// SPDX-License-Identifier: GPL-2.0
/*
 * Segment arrival: header prediction, then RFC 9293 section 3.10.7 for every state.
 *
 * A segment with payload is stored before anything else is done with it, because its
 * checksum may be verified only then: a segment that proves corrupt leaves no trace.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/limits.h>

#include "tcp_int.h"

/**
 * struct vho_rx_part - what of a segment is new and fits
 * @off: bytes to skip
 * @seq: sequence number after those
 * @len: bytes to take, 0: nothing
 * @fin: the segment's FIN follows them
 */
struct vho_rx_part {
	u32 off;
	u32 seq;
	u32 len;
	bool fin;
};

static enum vho_verdict vho_tcp_drop(struct vho_rx_seg *seg, u16 reason)
{
	seg->drop = reason;
	return VHO_DROP;
}

static enum vho_verdict vho_tcp_drop_store(struct vho_rx_seg *seg, int err)
{
	return vho_tcp_drop(seg, err == -EBADMSG ? VHO_STAT_drop_checksum : VHO_STAT_drop_rcvbuf);
}

/* A segment whose payload is not wanted may be acted on only if its checksum is right. */
static int vho_tcp_verify(struct vho_flow *flow, const struct vho_rx_seg *seg)
{
	return seg->len ? vho_payload_store(flow, seg, 0, seg->seq, 0) : 0;
}

void vho_tcp_predict_update(struct vho_tcb *tcb)
{
	tcb->predict = tcb->state == TCP_ESTABLISHED && tcb->rx_size && !tcb->ooo.nr &&
		       !tcb->fin_known && !tcb->dupacks && !tcb->backoff && !tcb->probes &&
		       !tcb->in_recovery && !tcb->recover_hold &&
		       !(tcb->app & VIRTUOSO_SF_CLOSE);
}

/* RFC 7323 section 4.3, rule 2. */
static void vho_tcp_rx_timestamp(struct vho_tcb *tcb, const struct vho_rx_seg *seg)
{
	if (tcb->ts_ok && (seg->opt.has & VHO_OPT_TS) &&
	    !vho_seq_before(seg->opt.tsval, tcb->ts_recent) &&
	    !vho_seq_after(seg->seq, tcb->last_ack_sent))
		tcb->ts_recent = seg->opt.tsval;
}

/* Data came in order: when is it acknowledged? RFC 9293 section 3.8.6.3. */
static void vho_tcp_rx_schedule_ack(struct vho_tcb *tcb, u32 segs, u64 now_ns)
{
	tcb->ack_pending_segs = min(tcb->ack_pending_segs + max(segs, 1U), (u32)U16_MAX);
	if (tcb->quick_acks) {
		tcb->quick_acks--;
		tcb->ack_now = 1;
	} else if (tcb->ack_pending_segs >= 2) {
		tcb->ack_now = 1;
	} else if (!tcb->delack_at_ns) {
		tcb->delack_at_ns = now_ns + VHO_DELACK_NS;
	}
}

/* @len bytes at rcv_nxt are in the ring. */
static void vho_tcp_rx_advance(struct vho_tcb *tcb, u32 len, u32 segs, u64 now_ns)
{
	u32 old = tcb->rcv_nxt;

	tcb->rcv_nxt += len;
	if (tcb->ooo.nr) {
		tcb->rcv_nxt = vho_tcp_ooo_advance(&tcb->ooo, tcb->rcv_nxt);
		/* RFC 5681 section 4.2: a gap was filled, in whole or in part. */
		tcb->ack_now = 1;
	}
	tcb->rx_bytes += tcb->rcv_nxt - old;
	tcb->events |= VHO_EV_UPDATE;
	vho_tcp_rx_schedule_ack(tcb, segs, now_ns);
}

/* --- Header prediction --- */

static bool vho_tcp_predicted(const struct vho_tcb *tcb, const struct vho_rx_seg *seg)
{
	if ((seg->flags & ~VHO_TCPF_PSH) != VHO_TCPF_ACK || seg->seq != tcb->rcv_nxt)
		return false;
	if (!vho_seq_between(seg->ack, tcb->snd_una, tcb->snd_max))
		return false;
	if (seg->ecn == VHO_ECN_CE && tcb->ecn_ok)
		return false;
	if (tcb->ts_ok && (seg->opt.has & VHO_OPT_TS) &&
	    vho_seq_before(seg->opt.tsval, tcb->ts_recent))
		return false;
	if (!seg->len)
		return seg->ack != tcb->snd_una;
	return seg->len <= vho_tcp_rx_edge(tcb) - tcb->rcv_nxt;
}

static enum vho_verdict vho_tcp_rx_fast(struct vho_flow *flow, struct vho_rx_seg *seg, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (seg->len) {
		int err = vho_payload_store(flow, seg, 0, seg->seq, seg->len);

		if (unlikely(err))
			return vho_tcp_drop_store(seg, err);
	}
	tcb->last_rx_ns = now_ns;
	vho_tcp_rx_timestamp(tcb, seg);
	vho_tcp_ack_window(tcb, seg);
	if (seg->ack != tcb->snd_una)
		vho_tcp_ack_new(flow, seg, now_ns);
	if (seg->len)
		vho_tcp_rx_advance(tcb, seg->len, seg->segs, now_ns);
	vho_tcp_want_output(tcb);
	return VHO_DONE;
}

/* --- SYN_SENT, RFC 9293 section 3.10.7.3 --- */

static enum vho_verdict vho_tcp_rx_syn_sent(struct vho_flow *flow, struct vho_rx_seg *seg,
					    u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	bool ack = seg->flags & VHO_TCPF_ACK;
	int err = vho_tcp_verify(flow, seg);

	if (err)
		return vho_tcp_drop_store(seg, err);
	if (ack && seg->ack != tcb->snd_max) {
		vho_tcp_send_reset_for(flow, seg);
		return vho_tcp_drop(seg, VHO_STAT_drop_state);
	}
	if (seg->flags & VHO_TCPF_RST) {
		if (!ack)
			return vho_tcp_drop(seg, VHO_STAT_drop_state);
		vho_tcp_done(tcb, VIRTUOSO_ERR_REFUSED);
		return VHO_DONE;
	}
	if (!(seg->flags & VHO_TCPF_SYN))
		return vho_tcp_drop(seg, VHO_STAT_drop_state);
	/* Payload and FIN of a SYN are not taken: the peer sends them again. */
	vho_tcp_take_syn(tcb, seg);
	tcb->last_rx_ns = now_ns;
	if (ack) {
		vho_tcp_established(tcb, seg, now_ns);
		tcb->ack_now = 1;
		vho_tcp_want_output(tcb);
		return VHO_DONE;
	}
	/* Simultaneous open. The timer goes on and repeats what gets lost. */
	tcb->state = TCP_SYN_RECV;
	(void)vho_tcp_send_syn(flow, now_ns);
	return VHO_DONE;
}

/* --- TIME_WAIT --- */

static enum vho_verdict vho_tcp_rx_time_wait(struct vho_flow *flow, struct vho_rx_seg *seg,
					     u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 end = seg->seq + seg->len + !!(seg->flags & VHO_TCPF_FIN);

	if (vho_tcp_tw_reusable(tcb, seg))
		return VHO_TO_SLOW;
	/* RFC 1337: an old duplicate must not end TIME-WAIT. */
	if (seg->flags & VHO_TCPF_RST)
		return vho_tcp_drop(seg, VHO_STAT_drop_state);
	if ((seg->flags & VHO_TCPF_FIN) && end == tcb->rcv_nxt && !seg->len) {
		/* Our last ACK was lost: the time starts again. */
		tcb->close_at_ns = now_ns + VHO_TIME_WAIT_NS;
		vho_tcp_send_ack(flow, now_ns);
		return VHO_DONE;
	}
	if (end != seg->seq || (seg->flags & VHO_TCPF_SYN) || seg->seq != tcb->rcv_nxt)
		vho_tcp_send_challenge(flow, now_ns);
	return vho_tcp_drop(seg, VHO_STAT_drop_state);
}

/* --- The synchronized states and SYN_RECV, RFC 9293 section 3.10.7.4 --- */

/* RFC 7323 section 5.3. Segments without the option pass: there are peers that omit it. */
static bool vho_tcp_rx_paws_ok(const struct vho_tcb *tcb, const struct vho_rx_seg *seg, u64 now_ns)
{
	if (!tcb->ts_ok || !(seg->opt.has & VHO_OPT_TS) || (seg->flags & VHO_TCPF_RST))
		return true;
	return !vho_seq_before(seg->opt.tsval, tcb->ts_recent) ||
	       now_ns - tcb->last_rx_ns > VHO_PAWS_IDLE_NS;
}

/*
 * First step. More than the RFC's test at one point: whatever begins at rcv_nxt is acceptable for
 * its ACK, RST or FIN, even when the window is closed.
 */
static bool vho_tcp_rx_acceptable(const struct vho_tcb *tcb, const struct vho_rx_seg *seg)
{
	u32 end = seg->seq + seg->len + !!(seg->flags & VHO_TCPF_FIN) +
		  !!(seg->flags & VHO_TCPF_SYN);

	if (seg->seq == tcb->rcv_nxt)
		return true;
	return vho_seq_after(end, tcb->rcv_nxt) && !vho_seq_after(seg->seq, vho_tcp_rx_edge(tcb)) &&
	       seg->len < BIT(30);
}

/* Not acceptable: answer so that a peer that is out of step finds out. */
static void vho_tcp_rx_answer(struct vho_flow *flow, const struct vho_rx_seg *seg, u64 now_ns)
{
	if (seg->flags & VHO_TCPF_RST)
		return;
	if (seg->len || (seg->flags & VHO_TCPF_FIN)) {
		vho_tcp_send_ack(flow, now_ns);
		/* The peer misses our ACKs? The guest may ask whether its next hop is still there. */
		vho_flow_tcb(flow)->events |= VHO_EV_UPDATE;
	} else {
		vho_tcp_send_challenge(flow, now_ns);
	}
}

/* Second step, as RFC 5961 section 3 has it. */
static enum vho_verdict vho_tcp_rx_rst(struct vho_flow *flow, struct vho_rx_seg *seg, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (seg->seq != tcb->rcv_nxt) {
		vho_tcp_send_challenge(flow, now_ns);
		return vho_tcp_drop(seg, VHO_STAT_drop_seq);
	}
	vho_tcp_done(tcb, VIRTUOSO_ERR_RESET);
	return VHO_DONE;
}

/* SYN_RECV and the peer's SYN comes again: our SYN-ACK was lost, or both have opened at once. */
static enum vho_verdict vho_tcp_rx_syn_again(struct vho_flow *flow, struct vho_rx_seg *seg,
					     u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if ((seg->flags & VHO_TCPF_ACK) && seg->ack == tcb->snd_max) {
		vho_tcp_established(tcb, seg, now_ns);
		tcb->ack_now = 1;
		vho_tcp_want_output(tcb);
		return VHO_DONE;
	}
	vho_tcp_ecn_syn_again(tcb, seg);
	vho_tcp_rtt_retransmitted(tcb, now_ns);
	(void)vho_tcp_send_syn(flow, now_ns);
	return VHO_DONE;
}

/* Steps one to four and the test of five: nothing but answers. Return: VHO_DONE, go on. */
static enum vho_verdict vho_tcp_rx_check(struct vho_flow *flow, struct vho_rx_seg *seg, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (!vho_tcp_rx_paws_ok(tcb, seg, now_ns)) {
		vho_tcp_rx_answer(flow, seg, now_ns);
		return vho_tcp_drop(seg, VHO_STAT_drop_paws);
	}
	if (!vho_tcp_rx_acceptable(tcb, seg)) {
		vho_tcp_rx_answer(flow, seg, now_ns);
		return vho_tcp_drop(seg, VHO_STAT_drop_seq);
	}
	if (seg->flags & VHO_TCPF_RST)
		return VHO_DONE;
	if (seg->flags & VHO_TCPF_SYN) {
		vho_tcp_send_challenge(flow, now_ns);
		return vho_tcp_drop(seg, VHO_STAT_drop_state);
	}
	if (!(seg->flags & VHO_TCPF_ACK))
		return vho_tcp_drop(seg, VHO_STAT_drop_state);
	if (tcb->state == TCP_SYN_RECV) {
		if (seg->ack == tcb->snd_max)
			return VHO_DONE;
		vho_tcp_send_reset_for(flow, seg);
		return vho_tcp_drop(seg, VHO_STAT_drop_state);
	}
	if (!vho_tcp_ack_acceptable(tcb, seg->ack)) {
		vho_tcp_send_challenge(flow, now_ns);
		return vho_tcp_drop(seg, VHO_STAT_drop_seq);
	}
	return VHO_DONE;
}

/* What of @seg is new, and fits between rcv_nxt and the window's edge or the peer's FIN. */
static struct vho_rx_part vho_tcp_rx_trim(const struct vho_tcb *tcb, const struct vho_rx_seg *seg)
{
	u32 edge = tcb->fin_known ? tcb->rcv_fin : vho_tcp_rx_edge(tcb);
	u32 end = seg->seq + seg->len;
	struct vho_rx_part part = { .fin = seg->flags & VHO_TCPF_FIN };

	part.off = min(vho_seq_room(seg->seq, tcb->rcv_nxt), seg->len);
	part.seq = seg->seq + part.off;
	if (vho_seq_after(end, edge)) {
		end = edge;
		part.fin = false;
	}
	part.len = vho_seq_room(part.seq, end);
	return part;
}

/* Sixth and seventh step, first half: the bytes go to their place. Return: VHO_DONE, go on. */
static enum vho_verdict vho_tcp_rx_store(struct vho_flow *flow, struct vho_rx_seg *seg,
					 struct vho_rx_part *part, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 end = part->seq + part->len;
	int err;

	if (part->len && part->seq != tcb->rcv_nxt &&
	    !vho_tcp_ooo_fits(&tcb->ooo, part->seq, end)) {
		vho_tcp_send_ack(flow, now_ns);
		return vho_tcp_drop(seg, VHO_STAT_drop_ooo_full);
	}
	if (!seg->len)
		return VHO_DONE;
	err = vho_payload_store(flow, seg, part->off, part->seq, part->len);
	if (!err)
		return VHO_DONE;
	/* The ring was written to before the checksum proved wrong. */
	vho_tcp_ooo_forget(&tcb->ooo, part->seq, end);
	return vho_tcp_drop_store(seg, err);
}

/* Second half: the bytes count. */
static void vho_tcp_rx_data(struct vho_flow *flow, const struct vho_rx_seg *seg,
			    const struct vho_rx_part *part, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 dup;

	if (!part->len) {
		/* All of it was here before, or nothing of it fits: the peer shall know. */
		if (seg->len)
			vho_tcp_send_ack(flow, now_ns);
		return;
	}
	if (part->seq == tcb->rcv_nxt) {
		vho_tcp_rx_advance(tcb, part->len, seg->segs, now_ns);
		return;
	}
	vho_tcp_ooo_add(&tcb->ooo, part->seq, part->seq + part->len);
	/* One duplicate ACK per segment: three make the peer send the gap again. */
	for (dup = 0; dup < clamp_t(u32, seg->segs, 1, 3); dup++)
		vho_tcp_send_ack(flow, now_ns);
}

void vho_tcp_rx_take_fin(struct vho_tcb *tcb, u64 now_ns)
{
	tcb->fin_rcvd = 1;
	tcb->rcv_nxt++;
	tcb->ack_now = 1;
	tcb->events |= VHO_EV_UPDATE;
	switch (tcb->state) {
	case TCP_ESTABLISHED:
		tcb->state = TCP_CLOSE_WAIT;
		break;
	case TCP_FIN_WAIT1:
		tcb->state = TCP_CLOSING;
		break;
	case TCP_FIN_WAIT2:
		vho_tcp_time_wait(tcb, now_ns);
		break;
	}
}

/* Eighth step. A FIN behind a gap is remembered; it marks the end of what may come. */
static void vho_tcp_rx_fin(struct vho_tcb *tcb, const struct vho_rx_part *part, u64 now_ns)
{
	u32 fin = part->seq + part->len;
	const struct vho_tcp_ooo *ooo = &tcb->ooo;

	if (part->fin && !tcb->fin_known && !vho_seq_before(fin, tcb->rcv_nxt) &&
	    !(ooo->nr && vho_seq_after(ooo->r[ooo->nr - 1].end, fin))) {
		tcb->fin_known = 1;
		tcb->rcv_fin = fin;
	}
	if (tcb->fin_known && !tcb->fin_rcvd && tcb->rcv_nxt == tcb->rcv_fin)
		vho_tcp_rx_take_fin(tcb, now_ns);
	else if (part->fin && !part->len)
		tcb->ack_now = 1;
}

/* Before rings are attached a segment with payload at most completes the handshake. */
static enum vho_verdict vho_tcp_rx_early(struct vho_flow *flow, struct vho_rx_seg *seg, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (tcb->state == TCP_SYN_RECV) {
		int err = vho_tcp_verify(flow, seg);

		if (err)
			return vho_tcp_drop_store(seg, err);
		vho_tcp_established(tcb, seg, now_ns);
	}
	return VHO_TO_SLOW;
}

static enum vho_verdict vho_tcp_rx_synchronized(struct vho_flow *flow, struct vho_rx_seg *seg,
						u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	enum vho_verdict verdict;
	struct vho_rx_part part;
	int err;

	if (seg->flags & (VHO_TCPF_RST | VHO_TCPF_SYN)) {
		err = vho_tcp_verify(flow, seg);
		if (err)
			return vho_tcp_drop_store(seg, err);
		if (tcb->state == TCP_SYN_RECV && seg->seq == tcb->irs &&
		    !(seg->flags & VHO_TCPF_RST))
			return vho_tcp_rx_syn_again(flow, seg, now_ns);
	}
	verdict = vho_tcp_rx_check(flow, seg, now_ns);
	if (verdict != VHO_DONE)
		return verdict;
	if (seg->flags & VHO_TCPF_RST)
		return vho_tcp_rx_rst(flow, seg, now_ns);
	if (seg->len && !tcb->rx_size)
		return vho_tcp_rx_early(flow, seg, now_ns);

	part = vho_tcp_rx_trim(tcb, seg);
	if (part.len && (tcb->app & VIRTUOSO_SF_CLOSE)) {
		err = vho_tcp_verify(flow, seg);
		if (err)
			return vho_tcp_drop_store(seg, err);
		/* Nobody will read it: RFC 1122 section 4.2.2.13. */
		vho_tcp_abort(flow, VIRTUOSO_ERR_NONE, now_ns);
		return VHO_DONE;
	}
	verdict = vho_tcp_rx_store(flow, seg, &part, now_ns);
	if (verdict != VHO_DONE)
		return verdict;

	tcb->last_rx_ns = now_ns;
	tcb->probes = 0;
	vho_tcp_rx_timestamp(tcb, seg);
	if (tcb->state == TCP_SYN_RECV)
		vho_tcp_established(tcb, seg, now_ns);
	else
		vho_tcp_ack_step(flow, seg, now_ns);
	if (tcb->state == TCP_CLOSE)
		return VHO_DONE;
	if (tcb->ecn_ok)
		vho_tcp_ecn_rx(tcb, seg);
	vho_tcp_rx_data(flow, seg, &part, now_ns);
	vho_tcp_rx_fin(tcb, &part, now_ns);
	vho_tcp_want_output(tcb);
	if (seg->len && !part.len && vho_seq_after(seg->seq + seg->len, tcb->rcv_nxt))
		return vho_tcp_drop(seg, VHO_STAT_drop_rcvbuf);
	return VHO_DONE;
}

/**
 * vho_tcp_rx() - a segment has arrived
 * @flow: flow in any state
 * @seg: segment; with VHO_DROP its drop reason is set
 * @now_ns: owner's clock
 *
 * Context: FP or SP, the flow's owner. Sends what cannot wait for vho_tcp_output():
 * duplicate ACKs, challenge ACKs, RST, fast retransmissions.
 * Return: what became of it.
 */
enum vho_verdict vho_tcp_rx(struct vho_flow *flow, struct vho_rx_seg *seg, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	enum vho_verdict verdict;

	if (likely(tcb->predict) && likely(vho_tcp_predicted(tcb, seg)))
		return vho_tcp_rx_fast(flow, seg, now_ns);
	switch (tcb->state) {
	case 0:
		/* Not opened yet. */
		return vho_tcp_drop(seg, VHO_STAT_drop_state);
	case TCP_CLOSE:
		vho_tcp_send_reset_for(flow, seg);
		return vho_tcp_drop(seg, VHO_STAT_drop_state);
	case TCP_SYN_SENT:
		verdict = vho_tcp_rx_syn_sent(flow, seg, now_ns);
		break;
	case TCP_TIME_WAIT:
		verdict = vho_tcp_rx_time_wait(flow, seg, now_ns);
		break;
	default:
		verdict = vho_tcp_rx_synchronized(flow, seg, now_ns);
		break;
	}
	vho_tcp_predict_update(tcb);
	return verdict;
}
