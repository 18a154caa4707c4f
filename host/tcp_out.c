// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: what may go out now, and the segments that carry it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/math.h>

#include "tcp_int.h"

/*
 * The window to advertise. Its edge moves only by a worthwhile step (silly window avoidance,
 * RFC 9293 section 3.8.6.2.2) and never back. @adv: the edge; rounding to the
 * scale may hide some bytes before it.
 */
static u16 vho_tcp_select_window(const struct vho_tcb *tcb, u32 *adv)
{
	u32 edge = tcb->rcv_nxt + vho_tcp_flight(tcb, vho_tcp_rx_edge(tcb) - tcb->rcv_nxt);
	u32 cur = vho_seq_max(tcb->rcv_adv, tcb->rcv_nxt);
	u32 wnd;

	if (vho_seq_room(cur, edge) >= min_t(u32, tcb->rx_size / 2, tcb->mss_limit))
		cur = vho_seq_max(cur, edge);
	wnd = min(cur - tcb->rcv_nxt, VHO_WND_UNSCALED_MAX << tcb->rcv_wscale);
	*adv = tcb->rcv_nxt + wnd;
	return wnd >> tcb->rcv_wscale;
}

/* Transmission failed: the timer tries again soon. */
static void vho_tcp_retry_soon(struct vho_tcb *tcb, u64 now_ns)
{
	u64 at = now_ns + VHO_XMIT_RETRY_NS;

	tcb->retry = 1;
	if (!tcb->delack_at_ns || tcb->delack_at_ns > at)
		tcb->delack_at_ns = at;
}

/**
 * vho_tcp_send() - build and send one segment with ACK
 * @flow: flow in a synchronized state
 * @seq: sequence number
 * @len: bytes of payload, from the transmit ring
 * @flags: VHO_TCPF_*; ACK is added
 * @now_ns: owner's clock
 *
 * Every segment acknowledges: what was pending is done by it.
 * Context: FP or SP, the flow's owner.
 * Return: what vho_segment_xmit() said; on failure nothing has changed but the retry timer.
 */
int vho_tcp_send(struct vho_flow *flow, u32 seq, u32 len, u8 flags, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	struct vho_tx_seg out;
	u32 adv;
	int err;

	out.seq = seq;
	out.ack = tcb->rcv_nxt;
	out.len = len;
	out.mss = tcb->mss;
	out.wnd = vho_tcp_select_window(tcb, &adv);
	out.flags = flags | VHO_TCPF_ACK;
	out.ecn = 0;
	out.optlen = 0;
	if (tcb->ecn_ok)
		vho_tcp_ecn_mark(tcb, &out);
	if (tcb->ts_ok) {
		const struct vho_tcp_opt opt = {
			.has = VHO_OPT_TS,
			.tsval = vho_tcp_ts_now(tcb, now_ns),
			.tsecr = tcb->ts_recent,
		};

		out.optlen = vho_tcp_opt_write(out.opt, &opt);
	}
	err = vho_segment_xmit(flow, &out);
	if (unlikely(err)) {
		vho_tcp_retry_soon(tcb, now_ns);
		return err;
	}
	if (out.flags & VHO_TCPF_CWR)
		tcb->ecn_cwr = 0;
	tcb->rcv_adv = adv;
	tcb->last_ack_sent = tcb->rcv_nxt;
	tcb->ack_now = 0;
	tcb->ack_pending_segs = 0;
	if (likely(!tcb->retry))
		tcb->delack_at_ns = 0;
	return 0;
}

void vho_tcp_send_ack(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (vho_tcp_send(flow, tcb->snd_max, 0, 0, now_ns))
		tcb->ack_now = 1;
}

void vho_tcp_send_challenge(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (tcb->challenge_at_ns && now_ns - tcb->challenge_at_ns < VHO_CHALLENGE_NS)
		return;
	tcb->challenge_at_ns = now_ns;
	vho_tcp_send_ack(flow, now_ns);
}

int vho_tcp_send_probe(struct vho_flow *flow, u64 now_ns)
{
	return vho_tcp_send(flow, vho_flow_tcb(flow)->snd_una - 1, 0, 0, now_ns);
}

/**
 * vho_tcp_send_syn() - send the SYN, or the SYN-ACK in SYN_RECV
 * @flow: flow in SYN_SENT or SYN_RECV
 * @now_ns: owner's clock
 *
 * The window of a SYN is never scaled. A SYN-ACK carries what the SYN offered.
 * Context: FP or SP, the flow's owner.
 * Return: what vho_segment_xmit() said.
 */
int vho_tcp_send_syn(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	bool synack = tcb->state == TCP_SYN_RECV;
	struct vho_tcp_opt opt = { .has = VHO_OPT_MSS, .mss = tcb->mss_limit };
	struct vho_tx_seg out = {
		.seq = tcb->iss,
		.ack = synack ? tcb->rcv_nxt : 0,
		.mss = tcb->mss,
		.wnd = VHO_WND_UNSCALED_MAX,
		.flags = VHO_TCPF_SYN | (synack ? VHO_TCPF_ACK : 0) | vho_tcp_ecn_syn_flags(tcb),
	};
	int err;

	if (tcb->rx_size)
		out.wnd = min(tcb->rx_size, VHO_WND_UNSCALED_MAX);
	if (!synack || tcb->ts_ok) {
		opt.has |= VHO_OPT_TS;
		opt.tsval = vho_tcp_ts_now(tcb, now_ns);
		opt.tsecr = synack ? tcb->ts_recent : 0;
	}
	if (!synack || tcb->ws_ok) {
		opt.has |= VHO_OPT_WSCALE;
		opt.wscale = VHO_WSCALE;
	}
	out.optlen = vho_tcp_opt_write(out.opt, &opt);
	err = vho_segment_xmit(flow, &out);
	if (!err && synack)
		tcb->last_ack_sent = tcb->rcv_nxt;
	return err;
}

void vho_tcp_send_reset_for(struct vho_flow *flow, const struct vho_rx_seg *seg)
{
	struct vho_tx_seg rst;

	/* If it fails, the peer's next segment asks for it again. */
	if (vho_tcp_reset_for(seg, &rst))
		(void)vho_segment_xmit(flow, &rst);
}

/* PSH on what empties the ring, FIN where it belongs. */
static u8 vho_tcp_flags_at_end(u32 len, bool fin)
{
	return (len ? VHO_TCPF_PSH : 0) | (fin ? VHO_TCPF_FIN : 0);
}

static void vho_tcp_count_retrans(struct vho_tcb *tcb, u32 len)
{
	tcb->retrans_segs += len ? DIV_ROUND_UP(len, tcb->mss) : 1;
}

/**
 * vho_tcp_retransmit() - send the first unacknowledged segment again
 * @flow: flow with something outstanding, in a synchronized state
 * @now_ns: owner's clock
 *
 * Sent even into a window that has shrunk (RFC 9293 section 3.8.6, SHLD-16), where it is the probe.
 * Context: FP or SP, the flow's owner. The caller has the timer set, so a failure is retried.
 */
void vho_tcp_retransmit(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 seq = tcb->snd_una;
	u32 sent = vho_seq_room(seq, vho_seq_min(tcb->snd_max, tcb->tx_end));
	u32 len = min_t(u32, sent, tcb->mss);
	bool end = seq + len == tcb->tx_end;
	bool fin = end && tcb->fin_sent;

	if (vho_tcp_send(flow, seq, len, end ? vho_tcp_flags_at_end(len, fin) : 0, now_ns))
		return;
	vho_tcp_count_retrans(tcb, len);
	vho_tcp_rtt_retransmitted(tcb, now_ns);
	tcb->snd_nxt = vho_seq_max(tcb->snd_nxt, seq + len + fin);
}

/* The last, partial segment may go: Nagle's algorithm as refined by Minshall, and CORK. */
static bool vho_tcp_tail_ready(const struct vho_tcb *tcb)
{
	if (vho_tcp_fin_wanted(tcb) || vho_seq_before(tcb->snd_nxt, tcb->snd_max))
		return true;
	if (tcb->app & VIRTUOSO_SF_CORK)
		return false;
	if (tcb->app & VIRTUOSO_SF_NODELAY)
		return true;
	return !(vho_seq_after(tcb->snd_small, tcb->snd_una) &&
		 !vho_seq_after(tcb->snd_small, tcb->snd_nxt));
}

/* How much of the ring may go out at snd_nxt in one segment of at most @max bytes. */
static u32 vho_tcp_sendable(const struct vho_tcb *tcb, u32 max)
{
	u32 avail = vho_tcp_unsent(tcb);
	u32 wnd = vho_seq_room(tcb->snd_nxt, tcb->snd_una + tcb->snd_wnd);
	u32 cwnd = vho_seq_room(tcb->snd_nxt, tcb->snd_una + vho_tcp_cc_window(tcb));
	u32 len = min(min(avail, max), min(wnd, cwnd));
	u32 tail = len % tcb->mss;

	if (!tail)
		return len;
	if (len == avail)
		return vho_tcp_tail_ready(tcb) ? len : len - tail;
	if (len > tcb->mss)
		return len - tail;
	/* RFC 9293 section 3.8.6.2.1 (3): a peer whose windows are never a segment wide. */
	if (len == wnd && len >= tcb->max_snd_wnd / 2)
		return len;
	return 0;
}

void vho_tcp_fin_was_sent(struct vho_tcb *tcb)
{
	tcb->fin_sent = 1;
	tcb->predict = 0;
	if (tcb->state == TCP_ESTABLISHED)
		tcb->state = TCP_FIN_WAIT1;
	else if (tcb->state == TCP_CLOSE_WAIT)
		tcb->state = TCP_LAST_ACK;
}

/**
 * vho_tcp_send_next() - send at snd_nxt
 * @flow: flow in a synchronized state that may still send
 * @len: bytes of payload, no more than the ring holds
 * @now_ns: owner's clock
 *
 * FIN is added when it is due after @len bytes.
 * Context: FP or SP, the flow's owner.
 * Return: what vho_segment_xmit() said; on failure nothing moves.
 */
int vho_tcp_send_next(struct vho_flow *flow, u32 len, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 seq = tcb->snd_nxt;
	bool end = seq + len == tcb->tx_end;
	bool fin = end && vho_tcp_fin_wanted(tcb);
	bool idle = !vho_tcp_outstanding(tcb);
	bool acks = tcb->ack_pending_segs;
	int err;

	err = vho_tcp_send(flow, seq, len, end ? vho_tcp_flags_at_end(len, fin) : 0, now_ns);
	if (unlikely(err))
		return err;
	if (vho_seq_before(seq, tcb->snd_max))
		vho_tcp_count_retrans(tcb, len);
	else
		vho_tcp_rtt_start(tcb, seq, now_ns);
	tcb->snd_nxt = seq + len + fin;
	if (vho_seq_after(tcb->snd_nxt, tcb->snd_max)) {
		tcb->tx_bytes += vho_seq_room(tcb->snd_max, seq + len);
		tcb->snd_max = tcb->snd_nxt;
	}
	if (len % tcb->mss)
		tcb->snd_small = seq + len;
	/* Data answered data: a dialogue, whose ACKs can ride on the answers. */
	if (len && acks)
		tcb->quick_acks = 0;
	if (idle) {
		/* A timer that was set was for probes. */
		vho_tcp_timer_progress(tcb);
		vho_tcp_timer_arm(tcb, now_ns);
	}
	if (fin && !tcb->fin_sent)
		vho_tcp_fin_was_sent(tcb);
	return 0;
}

static bool vho_tcp_state_sends(u8 state)
{
	switch (state) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT1:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return true;
	}
	return false;
}

/* Is there a reason to go on with a budget of which @left bytes are left? Not for less than a segment. */
static bool vho_tcp_output_worth(const struct vho_tcb *tcb, u32 left)
{
	return left >= tcb->mss || vho_tcp_unsent(tcb) <= left;
}

/* Return: true when the budget was the limit. */
static bool vho_tcp_output_data(struct vho_flow *flow, u32 budget, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 used = 0;

	if (!vho_tcp_outstanding(tcb) && vho_tcp_unsent(tcb))
		vho_tcp_cc_idle(tcb, now_ns);
	do {
		u32 max = clamp_t(u32, budget - used, tcb->mss, VHO_TX_SEG_MAX_BYTES);
		u32 len = vho_tcp_sendable(tcb, max);

		if (!len && (vho_tcp_unsent(tcb) || !vho_tcp_fin_unsent(tcb)))
			return false;
		if (vho_tcp_send_next(flow, len, now_ns))
			return false;
		used += len;
	} while (used < budget && vho_tcp_output_worth(tcb, budget - used));
	return vho_tcp_sendable(tcb, tcb->mss);
}

/* Something waits for a window, or in a corked tail, and no ACK is on its way to release it. */
static void vho_tcp_output_persist(struct vho_tcb *tcb, u64 now_ns)
{
	if (vho_tcp_outstanding(tcb) || tcb->rto_at_ns || !vho_tcp_unsent(tcb))
		return;
	if (vho_tcp_unsent(tcb) < min_t(u32, tcb->mss, tcb->snd_wnd))
		tcb->rto_at_ns = now_ns + VHO_CORK_NS;
	else
		vho_tcp_timer_arm(tcb, now_ns);
}

/**
 * vho_tcp_output() - send what may go out now
 * @flow: flow in any state
 * @budget_bytes: payload to send at most, but one segment in any case
 * @now_ns: owner's clock
 *
 * Data as the windows allow, FIN, then a pending ACK if no data carried it.
 * Context: FP or SP, the flow's owner.
 * Return: true when only the budget ended it.
 */
bool vho_tcp_output(struct vho_flow *flow, u32 budget_bytes, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	bool more = false;

	tcb->events &= ~VHO_EV_OUTPUT;
	/* The peer sees for itself. */
	if (tcb->joined)
		return false;
	if (vho_tcp_state_sends(tcb->state)) {
		more = vho_tcp_output_data(flow, budget_bytes, now_ns);
		vho_tcp_output_persist(tcb, now_ns);
	}
	if (tcb->ack_now)
		vho_tcp_send_ack(flow, now_ns);
	return more;
}
