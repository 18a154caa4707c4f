// SPDX-License-Identifier: GPL-2.0
/*
 * TCP for flows that are joined (join.c): what segments would do to the control block, without any.
 *
 * Nothing is under way between the two sides of a joined pair: a byte is in the sender's ring, or
 * it is in the receiver's and acknowledged. So there is nothing to be sent again and nothing to be
 * timed, and at every moment the control block is one that could have come about by segments.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/bits.h>
#include <linux/virtio_virtuoso.h>

#include "tcp_int.h"

/* A packet takes no longer than that through a switch: about 8 s. */
#define VHO_JOIN_TS_TICKS	BIT(13)

/**
 * vho_tcp_join_begin() - no more segments: the peer takes bytes out of the ring by itself
 * @flow: flow in a synchronized state
 *
 * Segments that are still under way, in either direction, are treated as ever.
 * Context: FP, the flow's owner.
 */
void vho_tcp_join_begin(struct vho_flow *flow)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	tcb->joined = 1;
	tcb->rto_at_ns = 0;
	tcb->delack_at_ns = 0;
	tcb->retry = 0;
	tcb->ack_now = 0;
	tcb->ack_pending_segs = 0;
	tcb->stalled = 0;
	tcb->backoff = 0;
	tcb->probes = 0;
	tcb->rtt_timing = 0;
	tcb->rtt_karn = 0;
	vho_tcp_predict_update(tcb);
}

/**
 * vho_tcp_join_end() - back to segments
 * @flow: flow in any state, joined
 * @edge: how far the peer takes data, sequence number
 * @now_ns: owner's clock
 *
 * vho_tcp_join_acked() has been told all that the peer took. Sending goes on at the first byte that
 * it did not, as after a pause; what was sent by segments before the pair was joined and is not
 * acknowledged is sent again.
 * Context: FP, the flow's owner.
 */
void vho_tcp_join_end(struct vho_flow *flow, u32 edge, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	tcb->joined = 0;
	if (tcb->state == TCP_CLOSE || tcb->state == TCP_TIME_WAIT)
		return;
	tcb->snd_nxt = tcb->snd_una;
	/* What was offered before stands, too. */
	edge = vho_seq_max(edge, tcb->snd_una + tcb->snd_wnd);
	tcb->snd_wnd = vho_seq_room(tcb->snd_una, edge);
	tcb->max_snd_wnd = max(tcb->max_snd_wnd, tcb->snd_wnd);
	tcb->snd_wl1 = tcb->rcv_nxt;
	tcb->snd_wl2 = tcb->snd_una;
	tcb->snd_small = tcb->snd_una;
	tcb->cwnd = max_t(u32, vho_tcp_cc_initial_window(tcb->mss), tcb->mss);
	tcb->ca_acked = 0;
	tcb->stalled = 0;
	tcb->delack_at_ns = 0;
	tcb->ack_pending_segs = 0;
	/* The peer learns our window by it, whatever it knew. */
	tcb->ack_now = 1;
	if (vho_tcp_outstanding(tcb))
		vho_tcp_timer_arm(tcb, now_ns);
	vho_tcp_want_output(tcb);
	vho_tcp_predict_update(tcb);
}

/**
 * vho_tcp_join_acked() - the peer has taken our bytes
 * @flow: flow, joined
 * @una: first sequence number that it has not taken
 * @now_ns: owner's clock
 *
 * Context: FP, the flow's owner. May move the state: FIN-WAIT-2, TIME-WAIT, CLOSED.
 * Return: how many, without FIN.
 */
u32 vho_tcp_join_acked(struct vho_flow *flow, u32 una, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 old = vho_seq_min(tcb->snd_una, tcb->tx_end);

	if (una == tcb->snd_una || !vho_seq_between(una, tcb->snd_una, tcb->tx_end + tcb->fin_sent))
		return 0;
	if (vho_seq_after(una, tcb->snd_max)) {
		tcb->tx_bytes += vho_seq_room(tcb->snd_max, vho_seq_min(una, tcb->tx_end));
		tcb->snd_max = una;
	}
	tcb->snd_una = una;
	tcb->snd_nxt = vho_seq_max(tcb->snd_nxt, una);
	tcb->rto_at_ns = 0;
	tcb->dupacks = 0;
	tcb->in_recovery = 0;
	tcb->recover_hold = 0;
	tcb->ecn_reduced = 0;
	tcb->stalled = 0;
	tcb->idle_at_ns = now_ns;
	tcb->last_rx_ns = now_ns;
	tcb->events |= VHO_EV_UPDATE;
	if (vho_tcp_fin_acked(tcb))
		vho_tcp_ack_fin(tcb, now_ns);
	return vho_seq_room(old, vho_seq_min(una, tcb->tx_end));
}

/**
 * vho_tcp_join_finish() - the guest may have ended its side: that counts as sent
 * @flow: flow, joined
 *
 * Context: FP, the flow's owner.
 * Return: the stream ends at tx_end, and the peer may know.
 */
bool vho_tcp_join_finish(struct vho_flow *flow)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (vho_tcp_fin_wanted(tcb) && !tcb->fin_sent)
		vho_tcp_fin_was_sent(tcb);
	return tcb->fin_sent;
}

/**
 * vho_tcp_join_room() - how many bytes of the peer's may be taken now
 * @tcb: control block, joined or not
 *
 * While it is, the window that counts as offered goes as far.
 * Context: FP, the flow's owner.
 * Return: what the receive ring has room for.
 */
u32 vho_tcp_join_room(struct vho_tcb *tcb)
{
	u32 edge = vho_tcp_rx_edge(tcb);

	if (tcb->fin_rcvd)
		return 0;
	if (tcb->joined)
		tcb->rcv_adv = vho_seq_max(tcb->rcv_adv, edge);
	return edge - tcb->rcv_nxt;
}

/**
 * vho_tcp_join_rx() - bytes of the peer's were taken
 * @flow: flow, joined
 * @len: so many are at rcv_nxt in the receive ring
 * @fin: the peer's stream ends after them
 * @now_ns: owner's clock
 *
 * When the peer must hear of it is as with segments: VHO_EV_OUTPUT or the timer of delayed
 * acknowledgments lead to the owner. Context: FP, the flow's owner. May move the state.
 */
void vho_tcp_join_rx(struct vho_flow *flow, u32 len, bool fin, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 old = tcb->rcv_nxt;

	tcb->last_rx_ns = now_ns;
	if (len) {
		tcb->rcv_nxt += len;
		/* What came in segments before may lie behind a gap that is filled now. */
		if (tcb->ooo.nr)
			tcb->rcv_nxt = vho_tcp_ooo_advance(&tcb->ooo, tcb->rcv_nxt);
		tcb->rx_bytes += tcb->rcv_nxt - old;
		tcb->events |= VHO_EV_UPDATE;
		tcb->ack_pending_segs = 1;
		if (!tcb->delack_at_ns)
			tcb->delack_at_ns = now_ns + VHO_DELACK_NS;
	}
	if (fin && !tcb->fin_rcvd) {
		tcb->fin_known = 1;
		tcb->rcv_fin = tcb->rcv_nxt;
		tcb->ooo.nr = 0;
		vho_tcp_rx_take_fin(tcb, now_ns);
	}
	vho_tcp_predict_update(tcb);
}

/* The peer knows what we have taken. Context: FP, the flow's owner. */
void vho_tcp_join_told(struct vho_tcb *tcb)
{
	tcb->last_ack_sent = tcb->rcv_nxt;
	tcb->ack_now = 0;
	tcb->ack_pending_segs = 0;
	tcb->delack_at_ns = 0;
}

/**
 * vho_tcp_join_stalled() - does a peer that takes nothing end the connection?
 * @flow: flow, joined
 * @now_ns: owner's clock
 *
 * As with segments: the guest's own limit, or that of connections that no guest knows any more.
 * Context: FP, the flow's owner; called every now and then.
 */
void vho_tcp_join_stalled(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u64 limit_ns = (u64)tcb->user_timeout_ms * NSEC_PER_MSEC;

	if (!limit_ns && (tcb->app & VIRTUOSO_SF_CLOSE))
		limit_ns = VHO_STALL_ORPHAN_NS;
	if (tcb->snd_una == tcb->tx_end + tcb->fin_sent || !limit_ns) {
		tcb->stalled = 0;
	} else if (!tcb->stalled) {
		tcb->stalled = 1;
		tcb->stalled_at_ns = now_ns;
	} else if (now_ns - tcb->stalled_at_ns >= limit_ns) {
		vho_tcp_abort(flow, VIRTUOSO_ERR_TIMEDOUT, now_ns);
	}
}

/* Has a flow with @ts_offset sent a segment with @tsval lately? Context: any. */
bool vho_tcp_join_ts_ours(u32 ts_offset, u32 tsval, u64 now_ns)
{
	return vho_tcp_ts_at(ts_offset, now_ns) - tsval < VHO_JOIN_TS_TICKS;
}

/**
 * vho_tcp_join_ack() - the acknowledgment that a flow would send now
 * @tcb: control block in a synchronized state
 * @out: segment, to be filled
 * @now_ns: owner's clock
 *
 * Context: FP, the flow's owner.
 */
void vho_tcp_join_ack(const struct vho_tcb *tcb, struct vho_tx_seg *out, u64 now_ns)
{
	const struct vho_tcp_opt opt = {
		.has = VHO_OPT_TS,
		.tsval = vho_tcp_ts_now(tcb, now_ns),
		.tsecr = tcb->ts_recent,
	};

	*out = (struct vho_tx_seg){
		.seq = tcb->snd_max,
		.ack = tcb->rcv_nxt,
		.mss = tcb->mss,
		.wnd = min(vho_seq_room(tcb->rcv_nxt, tcb->rcv_adv) >> tcb->rcv_wscale,
			   VHO_WND_UNSCALED_MAX),
		.flags = VHO_TCPF_ACK,
	};
	if (tcb->ts_ok)
		out->optlen = vho_tcp_opt_write(out->opt, &opt);
}

/* The peer's guest has reset the connection. Context: FP, the flow's owner. */
void vho_tcp_join_reset(struct vho_flow *flow)
{
	vho_tcp_done(vho_flow_tcb(flow), VIRTUOSO_ERR_RESET);
}
