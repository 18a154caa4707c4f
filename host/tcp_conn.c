// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and closing connections; what the guest asks for.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/errno.h>

#include "tcp_int.h"

void vho_tcp_mss_update(struct vho_tcb *tcb)
{
	u16 mss = clamp_t(u16, min(tcb->peer_mss, tcb->mss_limit), VHO_MSS_MIN,
			  VHO_TX_SEG_MAX_BYTES);

	tcb->mss = mss - (tcb->ts_ok ? VHO_OPT_TS_BYTES : 0);
}

static u16 vho_tcp_mss_limit_clamp(u16 mss_limit)
{
	return clamp_t(u16, mss_limit, VHO_MSS_MIN, VHO_TX_SEG_MAX_BYTES);
}

static void vho_tcp_init(struct vho_tcb *tcb, const struct vho_tcp_params *par, u8 state)
{
	tcb->state = state;
	tcb->iss = par->iss;
	tcb->ts_offset = par->ts_offset;
	tcb->mss_limit = vho_tcp_mss_limit_clamp(par->mss_limit);
	tcb->peer_mss = VHO_MSS_DEFAULT;
	tcb->snd_una = par->iss;
	tcb->snd_nxt = par->iss + 1;
	tcb->snd_max = par->iss + 1;
	tcb->tx_end = par->iss + 1;
	tcb->snd_small = par->iss;
	vho_tcp_ecn_init(tcb, par);
	vho_tcp_rtt_init(tcb);
	vho_tcp_mss_update(tcb);
}

/* The first SYN or SYN-ACK of a flow. */
static void vho_tcp_open(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	vho_tcp_rtt_start(tcb, tcb->iss, now_ns);
	vho_tcp_timer_arm(tcb, now_ns);
	if (vho_tcp_send_syn(flow, now_ns))
		tcb->rto_at_ns = now_ns + VHO_RTO_MIN_US * NSEC_PER_USEC;
}

/**
 * vho_tcp_connect() - active open
 * @flow: flow whose control block is zero, but for vho_tcp_setopt()
 * @par: start values
 * @now_ns: owner's clock
 *
 * Context: SP, the flow's owner.
 */
void vho_tcp_connect(struct vho_flow *flow, const struct vho_tcp_params *par, u64 now_ns)
{
	vho_tcp_init(vho_flow_tcb(flow), par, TCP_SYN_SENT);
	vho_tcp_open(flow, now_ns);
}

/**
 * vho_tcp_take_syn() - learn from the peer's SYN or SYN-ACK
 * @tcb: control block
 * @syn: segment with SYN
 *
 * Sequence numbers, options (an option counts only if both sides sent it), window.
 * Context: SP, the flow's owner.
 */
void vho_tcp_take_syn(struct vho_tcb *tcb, const struct vho_rx_seg *syn)
{
	tcb->irs = syn->seq;
	tcb->rcv_nxt = syn->seq + 1;
	tcb->rx_read = tcb->rcv_nxt;
	tcb->last_ack_sent = tcb->rcv_nxt;
	tcb->rcv_adv = tcb->rcv_nxt + VHO_WND_UNSCALED_MAX;
	if (tcb->rx_size)
		tcb->rcv_adv = vho_seq_min(tcb->rcv_adv, vho_tcp_rx_edge(tcb));
	if (syn->opt.has & VHO_OPT_MSS)
		tcb->peer_mss = syn->opt.mss;
	if (syn->opt.has & VHO_OPT_WSCALE) {
		tcb->ws_ok = 1;
		tcb->snd_wscale = min_t(u8, syn->opt.wscale, VHO_OPT_WSCALE_MAX);
		tcb->rcv_wscale = VHO_WSCALE;
	}
	if (syn->opt.has & VHO_OPT_TS) {
		tcb->ts_ok = 1;
		tcb->ts_recent = syn->opt.tsval;
	}
	vho_tcp_ecn_take_syn(tcb, syn);
	vho_tcp_mss_update(tcb);
	tcb->snd_wnd = syn->wnd;
	tcb->max_snd_wnd = syn->wnd;
	tcb->snd_wl1 = syn->seq;
	tcb->snd_wl2 = tcb->iss;
}

/**
 * vho_tcp_accept() - passive open
 * @flow: flow whose control block is zero
 * @par: start values
 * @syn: segment with SYN, without ACK and RST; payload in it is ignored
 * @now_ns: owner's clock
 *
 * Context: SP, the flow's owner.
 */
void vho_tcp_accept(struct vho_flow *flow, const struct vho_tcp_params *par,
		    const struct vho_rx_seg *syn, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	vho_tcp_init(tcb, par, TCP_SYN_RECV);
	vho_tcp_take_syn(tcb, syn);
	tcb->last_rx_ns = now_ns;
	vho_tcp_open(flow, now_ns);
}

void vho_tcp_established(struct vho_tcb *tcb, const struct vho_rx_seg *seg, u64 now_ns)
{
	bool syn_lost = tcb->backoff;

	vho_tcp_rtt_ack(tcb, seg, now_ns);
	if (syn_lost && !tcb->srtt_us)
		tcb->rto_us = VHO_RTO_AFTER_SYN_US;
	tcb->rtt_timing = 0;
	tcb->rtt_karn = 0;
	tcb->stalled = 0;
	tcb->state = TCP_ESTABLISHED;
	tcb->snd_una = seg->ack;
	tcb->backoff = 0;
	tcb->rto_at_ns = 0;
	tcb->idle_at_ns = now_ns;
	tcb->last_rx_ns = now_ns;
	tcb->quick_acks = VHO_QUICK_ACKS;
	tcb->snd_wnd = (u32)seg->wnd << (seg->flags & VHO_TCPF_SYN ? 0 : tcb->snd_wscale);
	tcb->max_snd_wnd = tcb->snd_wnd;
	tcb->snd_wl1 = seg->seq;
	tcb->snd_wl2 = seg->ack;
	vho_tcp_cc_init(tcb, syn_lost);
	tcb->events |= VHO_EV_ESTABLISHED | VHO_EV_UPDATE;
}

/**
 * vho_tcp_attach() - payload rings became known
 * @flow: flow after connect or accept
 * @tx_size: bytes of the transmit ring, a power of two
 * @rx_size: bytes of the receive ring, a power of two
 * @now_ns: owner's clock
 *
 * A ring smaller than what the SYN advertised takes that back: the only time the window shrinks.
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_attach(struct vho_flow *flow, u32 tx_size, u32 rx_size, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	tcb->tx_size = tx_size;
	tcb->rx_size = rx_size;
	if (tcb->state == TCP_CLOSE || tcb->state == TCP_SYN_SENT)
		return;
	tcb->rcv_adv = vho_seq_min(tcb->rcv_adv, vho_tcp_rx_edge(tcb));
	vho_tcp_predict_update(tcb);
}

/* --- What the guest asks for --- */

static bool vho_tcp_app_valid(const struct vho_tcb *tcb, u32 tx_seq, u32 rx_seq)
{
	u32 una = vho_seq_min(tcb->snd_una, tcb->tx_end);

	if (vho_tcp_fin_wanted(tcb) && tx_seq != tcb->tx_end)
		return false;
	return vho_seq_between(tx_seq, tcb->tx_end, una + tcb->tx_size) &&
	       vho_seq_between(rx_seq, tcb->rx_read, vho_tcp_rx_end(tcb));
}

/* The guest has read: is the peer to hear of it now? At least twice the window, or half the ring. */
static bool vho_tcp_window_matters(const struct vho_tcb *tcb)
{
	u32 left = vho_seq_room(tcb->rcv_nxt, tcb->rcv_adv);
	u32 more = vho_seq_room(vho_seq_max(tcb->rcv_adv, tcb->rcv_nxt), vho_tcp_rx_edge(tcb));

	if (tcb->fin_rcvd || !tcb->rx_size || tcb->state == TCP_TIME_WAIT)
		return false;
	if (more < min_t(u32, tcb->rx_size / 2, tcb->mss_limit))
		return false;
	return more >= left || more >= tcb->rx_size / 2;
}

/**
 * vho_tcp_tx_grow() - the guest has a larger transmit ring
 * @flow: flow with rings
 * @seq: the guest's bytes from here on are in it
 * @size: its bytes, a power of two
 *
 * Everything comes from a guest and may be hostile. Context: FP, the flow's owner.
 * Return: 0, or -EINVAL: it is no larger, or @seq is not where the guest may write. Nothing was changed.
 */
int vho_tcp_tx_grow(struct vho_flow *flow, u32 seq, u32 size)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (size <= tcb->tx_size || !vho_tcp_app_valid(tcb, seq, tcb->rx_read))
		return -EINVAL;
	tcb->tx_size = size;
	return 0;
}

/**
 * vho_tcp_rx_grow() - the guest has a larger receive ring
 * @flow: flow with rings
 * @seq: the guest has consumed what comes before
 * @size: bytes of the ring, a power of two
 *
 * Everything comes from a guest and may be hostile. Context: FP, the flow's owner. Sets VHO_EV_OUTPUT.
 * Return: 0, or -EINVAL: it is no larger, or @seq is out of range. Nothing was changed.
 */
int vho_tcp_rx_grow(struct vho_flow *flow, u32 seq, u32 size)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (size <= tcb->rx_size || !vho_tcp_app_valid(tcb, tcb->tx_end, seq))
		return -EINVAL;
	tcb->rx_size = size;
	tcb->rx_read = seq;
	if (vho_tcp_window_matters(tcb))
		tcb->ack_now = 1;
	vho_tcp_want_output(tcb);
	return 0;
}

/* close() in the guest. */
static void vho_tcp_app_close(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (tcb->state == TCP_TIME_WAIT)
		return;
	/* RFC 1122 section 4.2.2.13: what was received will never be read, say so. */
	if (tcb->rx_read != vho_tcp_rx_end(tcb))
		vho_tcp_abort(flow, VIRTUOSO_ERR_NONE, now_ns);
	else if (tcb->state == TCP_FIN_WAIT2)
		tcb->close_at_ns = now_ns + VHO_FIN_WAIT_2_NS;
}

static int vho_tcp_app_early(struct vho_flow *flow, u16 flags, u64 now_ns)
{
	if (!(flags & (VIRTUOSO_SF_CLOSE | VIRTUOSO_SF_ABORT)))
		return -EINVAL;
	vho_tcp_abort(flow, VIRTUOSO_ERR_NONE, now_ns);
	return 0;
}

/**
 * vho_tcp_app() - the guest's side of the flow has a new state
 * @flow: flow in any state
 * @tx_seq: sequence number after the last byte in the transmit ring
 * @rx_seq: first byte in the receive ring that the guest has not consumed
 * @flags: VIRTUOSO_SF_*
 * @now_ns: owner's clock
 *
 * Everything comes from a guest and may be hostile.
 * Context: FP or SP, the flow's owner. Sends nothing but RST; else sets VHO_EV_OUTPUT.
 * Return: 0, or -EINVAL: out of range, nothing was changed.
 */
int vho_tcp_app(struct vho_flow *flow, u32 tx_seq, u32 rx_seq, u16 flags, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u16 sticky = tcb->app & (VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE);
	bool closing;

	if (tcb->state == TCP_CLOSE)
		return 0;
	if (!tcb->state || tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECV)
		return vho_tcp_app_early(flow, flags, now_ns);
	if (flags & VIRTUOSO_SF_ABORT) {
		vho_tcp_abort(flow, VIRTUOSO_ERR_NONE, now_ns);
		return 0;
	}
	if (!vho_tcp_app_valid(tcb, tx_seq, rx_seq))
		return -EINVAL;
	closing = (flags & VIRTUOSO_SF_CLOSE) && !(tcb->app & VIRTUOSO_SF_CLOSE);
	tcb->app = flags | sticky;
	tcb->tx_end = tx_seq;
	tcb->rx_read = rx_seq;
	if (vho_tcp_window_matters(tcb))
		tcb->ack_now = 1;
	vho_tcp_want_output(tcb);
	if (closing) {
		vho_tcp_app_close(flow, now_ns);
		vho_tcp_predict_update(tcb);
	}
	return 0;
}

/* --- The end --- */

void vho_tcp_done(struct vho_tcb *tcb, u8 error)
{
	tcb->state = TCP_CLOSE;
	tcb->error = error;
	tcb->predict = 0;
	tcb->joined = 0;
	tcb->ack_now = 0;
	tcb->rto_at_ns = 0;
	tcb->delack_at_ns = 0;
	tcb->close_at_ns = 0;
	tcb->keepalive_at_ns = 0;
	tcb->ooo.nr = 0;
	tcb->events &= ~VHO_EV_OUTPUT;
	tcb->events |= VHO_EV_CLOSED | VHO_EV_UPDATE;
}

void vho_tcp_time_wait(struct vho_tcb *tcb, u64 now_ns)
{
	tcb->state = TCP_TIME_WAIT;
	tcb->rto_at_ns = 0;
	tcb->keepalive_at_ns = 0;
	tcb->close_at_ns = now_ns + VHO_TIME_WAIT_NS;
	tcb->events |= VHO_EV_TIME_WAIT | VHO_EV_UPDATE;
}

/**
 * vho_tcp_abort() - end a connection at once
 * @flow: flow in any state
 * @error: VIRTUOSO_ERR_*, for the guest
 * @now_ns: owner's clock
 *
 * RFC 9293 section 3.10.5, and RST in CLOSING and LAST_ACK, too: what we have sent may not have
 * arrived, and the peer should know. A RST that gets lost is repeated by vho_tcp_rx() when the
 * peer sends again.
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_abort(struct vho_flow *flow, u8 error, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	switch (tcb->state) {
	case TCP_CLOSE:
		return;
	case TCP_SYN_RECV:
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSE_WAIT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		/* The other end of a joined flow hears of it without a packet. */
		if (!tcb->joined)
			(void)vho_tcp_send(flow, tcb->snd_max, 0, VHO_TCPF_RST, now_ns);
		tcb->aborted = 1;
		break;
	}
	vho_tcp_done(tcb, error);
}

bool vho_tcp_reset_for(const struct vho_rx_seg *seg, struct vho_tx_seg *rst)
{
	if (seg->flags & VHO_TCPF_RST)
		return false;
	*rst = (struct vho_tx_seg){ .mss = VHO_MSS_DEFAULT, .flags = VHO_TCPF_RST };
	if (seg->flags & VHO_TCPF_ACK) {
		rst->seq = seg->ack;
		return true;
	}
	rst->flags |= VHO_TCPF_ACK;
	rst->ack = seg->seq + seg->len + !!(seg->flags & VHO_TCPF_SYN) +
		   !!(seg->flags & VHO_TCPF_FIN);
	return true;
}

/**
 * vho_tcp_mss_limit() - the path takes other sizes from now on
 * @flow: flow in any state
 * @mss_limit: bytes of a segment, options not deducted
 * @now_ns: owner's clock
 *
 * What is under way was too large for the path: all of it is sent again, without taking it as
 * a sign of congestion.
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_mss_limit(struct vho_flow *flow, u16 mss_limit, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u16 old = tcb->mss;

	tcb->mss_limit = vho_tcp_mss_limit_clamp(mss_limit);
	vho_tcp_mss_update(tcb);
	tcb->cwnd = max_t(u32, tcb->cwnd, tcb->mss);
	tcb->ssthresh = max_t(u32, tcb->ssthresh, 2 * tcb->mss);
	if (tcb->mss >= old || !vho_tcp_outstanding(tcb) || tcb->state == TCP_SYN_SENT ||
	    tcb->state == TCP_SYN_RECV)
		return;
	tcb->snd_nxt = tcb->snd_una;
	tcb->recover = tcb->snd_max;
	tcb->recover_hold = 1;
	tcb->in_recovery = 0;
	tcb->dupacks = 0;
	vho_tcp_rtt_retransmitted(tcb, now_ns);
	vho_tcp_want_output(tcb);
	vho_tcp_predict_update(tcb);
}

bool vho_tcp_tw_reusable(const struct vho_tcb *tcb, const struct vho_rx_seg *syn)
{
	u8 flags = syn->flags & (VHO_TCPF_SYN | VHO_TCPF_ACK | VHO_TCPF_RST | VHO_TCPF_FIN);

	if (tcb->state != TCP_TIME_WAIT || flags != VHO_TCPF_SYN)
		return false;
	if (tcb->ts_ok && (syn->opt.has & VHO_OPT_TS) &&
	    vho_seq_after(syn->opt.tsval, tcb->ts_recent))
		return true;
	return vho_seq_after(syn->seq, tcb->rcv_nxt);
}

bool vho_tcp_tw_reusable_active(const struct vho_tcb *tcb, u64 now_ns)
{
	return tcb->state == TCP_TIME_WAIT && tcb->ts_ok &&
	       now_ns + VHO_TIME_WAIT_NS >= tcb->close_at_ns + tcb->rto_us * (u64)NSEC_PER_USEC;
}
