// SPDX-License-Identifier: GPL-2.0
/*
 * The ACK step of segment processing (RFC 9293 section 3.10.7.4): what an acknowledgment
 * does to the sending side.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_int.h"

bool vho_tcp_ack_acceptable(const struct vho_tcb *tcb, u32 ack)
{
	return vho_seq_between(ack, tcb->snd_una - tcb->max_snd_wnd, tcb->snd_max);
}

/**
 * vho_tcp_ack_window() - take the peer's window from a segment
 * @tcb: control block
 * @seg: acceptable segment without SYN, ack >= snd_una
 *
 * Context: FP or SP, the flow's owner.
 * Return: true when the window changed. A segment older than the last update changes nothing.
 */
bool vho_tcp_ack_window(struct vho_tcb *tcb, const struct vho_rx_seg *seg)
{
	u32 wnd = (u32)seg->wnd << tcb->snd_wscale;
	u32 old = tcb->snd_wnd;

	if (vho_seq_before(seg->seq, tcb->snd_wl1) ||
	    (seg->seq == tcb->snd_wl1 && vho_seq_before(seg->ack, tcb->snd_wl2)))
		return false;
	tcb->snd_wl1 = seg->seq;
	tcb->snd_wl2 = seg->ack;
	if (wnd == old)
		return false;
	tcb->snd_wnd = wnd;
	tcb->max_snd_wnd = max(tcb->max_snd_wnd, wnd);
	if (!old && !vho_tcp_outstanding(tcb)) {
		/* The probes are over; if the window is still too small they start anew. */
		tcb->rto_at_ns = 0;
		vho_tcp_timer_progress(tcb);
	}
	return true;
}

/* RFC 6298 section 5; RFC 6582: only the first partial ACK of a recovery restarts the timer. */
static void vho_tcp_ack_rearm(struct vho_tcb *tcb, bool partial, u64 now_ns)
{
	if (!vho_tcp_outstanding(tcb)) {
		tcb->rto_at_ns = 0;
		tcb->idle_at_ns = now_ns;
		return;
	}
	if (partial && tcb->partial_acked && tcb->rto_at_ns)
		return;
	tcb->partial_acked = partial;
	vho_tcp_timer_arm(tcb, now_ns);
}

/**
 * vho_tcp_ack_new() - something sent was acknowledged
 * @flow: flow in a synchronized state
 * @seg: segment with snd_una < ack <= snd_max
 * @now_ns: owner's clock
 *
 * Context: FP or SP, the flow's owner. May send one segment again.
 */
void vho_tcp_ack_new(struct vho_flow *flow, const struct vho_rx_seg *seg, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 acked = seg->ack - tcb->snd_una;
	u32 flight = vho_tcp_outstanding(tcb);
	bool partial = false;

	vho_tcp_rtt_ack(tcb, seg, now_ns);
	tcb->snd_una = seg->ack;
	tcb->snd_nxt = vho_seq_max(tcb->snd_nxt, tcb->snd_una);
	tcb->dupacks = 0;
	tcb->events |= VHO_EV_UPDATE;
	if (tcb->in_recovery)
		partial = vho_tcp_cc_recovery_ack(tcb, acked);
	else if (!vho_tcp_ecn_echoed(tcb, seg))
		vho_tcp_cc_ack(tcb, acked, flight);
	if (tcb->ecn_reduced && vho_seq_after(tcb->snd_una, tcb->ecn_seq))
		tcb->ecn_reduced = 0;
	if (tcb->recover_hold && vho_seq_after(tcb->snd_una, tcb->recover))
		tcb->recover_hold = 0;
	vho_tcp_timer_progress(tcb);
	vho_tcp_ack_rearm(tcb, partial, now_ns);
	if (partial)
		vho_tcp_retransmit(flow, now_ns);
}

/* RFC 5681 section 2. */
static bool vho_tcp_ack_is_duplicate(const struct vho_tcb *tcb, const struct vho_rx_seg *seg)
{
	return seg->ack == tcb->snd_una && !seg->len && !(seg->flags & VHO_TCPF_FIN) &&
	       vho_tcp_outstanding(tcb);
}

/* Our FIN is acknowledged: RFC 9293 section 3.10.7.4, fifth step. */
void vho_tcp_ack_fin(struct vho_tcb *tcb, u64 now_ns)
{
	switch (tcb->state) {
	case TCP_FIN_WAIT1:
		tcb->state = TCP_FIN_WAIT2;
		if (tcb->app & VIRTUOSO_SF_CLOSE)
			tcb->close_at_ns = now_ns + VHO_FIN_WAIT_2_NS;
		break;
	case TCP_CLOSING:
		vho_tcp_time_wait(tcb, now_ns);
		break;
	case TCP_LAST_ACK:
		vho_tcp_done(tcb, VIRTUOSO_ERR_NONE);
		break;
	}
}

/**
 * vho_tcp_ack_step() - apply an acceptable acknowledgment
 * @flow: flow in a synchronized state
 * @seg: segment with ACK, not SYN; vho_tcp_ack_acceptable()
 * @now_ns: owner's clock
 *
 * May move the state: FIN-WAIT-2, TIME-WAIT, CLOSED.
 * Context: FP or SP, the flow's owner. May send one segment again.
 */
void vho_tcp_ack_step(struct vho_flow *flow, const struct vho_rx_seg *seg, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	bool changed;

	if (vho_seq_before(seg->ack, tcb->snd_una))
		return;
	if (vho_tcp_ecn_echoed(tcb, seg))
		vho_tcp_cc_ecn(tcb, seg->ack);
	changed = vho_tcp_ack_window(tcb, seg);
	if (seg->ack != tcb->snd_una) {
		vho_tcp_ack_new(flow, seg, now_ns);
		if (vho_tcp_fin_acked(tcb))
			vho_tcp_ack_fin(tcb, now_ns);
	} else if (!changed && vho_tcp_ack_is_duplicate(tcb, seg)) {
		if (vho_tcp_cc_dupack(tcb, clamp_t(u32, seg->segs, 1, 64)))
			vho_tcp_retransmit(flow, now_ns);
	}
}
