// SPDX-License-Identifier: GPL-2.0
/*
 * Timers of a flow: retransmission and persist, delayed ACK, keep-alive, closing.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/limits.h>

#include "tcp_int.h"

#define VHO_KEEPALIVE_INTVL_S	75
#define VHO_KEEPALIVE_PROBES	9

static u64 vho_tcp_sooner(u64 at, u64 other)
{
	return other && other < at ? other : at;
}

u64 vho_tcp_deadline(const struct vho_tcb *tcb)
{
	u64 at = U64_MAX;

	at = vho_tcp_sooner(at, tcb->rto_at_ns);
	at = vho_tcp_sooner(at, tcb->delack_at_ns);
	at = vho_tcp_sooner(at, tcb->close_at_ns);
	return vho_tcp_sooner(at, tcb->keepalive_at_ns);
}

static u64 vho_tcp_user_timeout_ns(const struct vho_tcb *tcb)
{
	return (u64)tcb->user_timeout_ms * NSEC_PER_MSEC;
}

void vho_tcp_timer_arm(struct vho_tcb *tcb, u64 now_ns)
{
	u64 at = now_ns + vho_tcp_rto_ns(tcb);

	/* Nothing gets lost. */
	if (tcb->joined)
		return;
	/* A user time-out is kept to the point, not to the next retransmission after it. */
	if (tcb->stalled && tcb->user_timeout_ms)
		at = min(at, max(tcb->stalled_at_ns + vho_tcp_user_timeout_ns(tcb), now_ns + 1));
	tcb->rto_at_ns = at;
}

/* Back-off outlives progress until the round-trip time was measured again (Karn's algorithm). */
void vho_tcp_timer_progress(struct vho_tcb *tcb)
{
	tcb->stalled = 0;
	tcb->backoff = tcb->rtt_karn ? min(tcb->backoff, VHO_KARN_BACKOFF_MAX) : 0;
}

/* One more time without an answer. Return: that was the last. */
static bool vho_tcp_timer_back_off(struct vho_tcb *tcb, u64 limit_ns, u64 now_ns)
{
	if (!tcb->stalled) {
		tcb->stalled = 1;
		tcb->stalled_at_ns = now_ns - min(now_ns, vho_tcp_rto_ns(tcb));
	}
	if (tcb->user_timeout_ms)
		limit_ns = vho_tcp_user_timeout_ns(tcb);
	if (now_ns - tcb->stalled_at_ns >= limit_ns)
		return true;
	tcb->backoff = min(tcb->backoff + 1, 255);
	return false;
}

static void vho_tcp_timer_handshake(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u8 retries = tcb->state == TCP_SYN_SENT ? VHO_SYN_RETRIES : VHO_SYNACK_RETRIES;

	if (tcb->backoff >= retries || vho_tcp_timer_back_off(tcb, VHO_STALL_MAX_NS, now_ns)) {
		vho_tcp_done(tcb, VIRTUOSO_ERR_TIMEDOUT);
		return;
	}
	tcb->rto_count++;
	tcb->retrans_segs++;
	vho_tcp_rtt_retransmitted(tcb, now_ns);
	vho_tcp_timer_arm(tcb, now_ns);
	/* If it fails, the next time-out tries again. */
	(void)vho_tcp_send_syn(flow, now_ns);
}

static u64 vho_tcp_stall_max_ns(const struct vho_tcb *tcb)
{
	return tcb->app & VIRTUOSO_SF_CLOSE ? VHO_STALL_ORPHAN_NS : VHO_STALL_MAX_NS;
}

/* RFC 6298 section 5.4 to 5.7: go back to the first unacknowledged byte. */
static void vho_tcp_timer_retransmit(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	vho_tcp_cc_timeout(tcb);
	/* A peer that answers, but has closed its window upon us, is alive. */
	if (tcb->stalled && !tcb->snd_wnd && !tcb->user_timeout_ms &&
	    !(tcb->app & VIRTUOSO_SF_CLOSE))
		tcb->stalled_at_ns = max(tcb->stalled_at_ns, tcb->last_rx_ns);
	if (vho_tcp_timer_back_off(tcb, vho_tcp_stall_max_ns(tcb), now_ns)) {
		vho_tcp_abort(flow, VIRTUOSO_ERR_TIMEDOUT, now_ns);
		return;
	}
	tcb->rto_count++;
	tcb->snd_nxt = tcb->snd_una;
	vho_tcp_timer_arm(tcb, now_ns);
	vho_tcp_retransmit(flow, now_ns);
	/* The guest may ask whether its next hop is still there. */
	tcb->events |= VHO_EV_UPDATE;
}

/* A corked tail, or a window too small to be worth a segment: send what fits now. */
static void vho_tcp_timer_override(struct vho_flow *flow, u32 len, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (vho_tcp_send_next(flow, min_t(u32, len, tcb->mss), now_ns))
		vho_tcp_timer_arm(tcb, now_ns);
}

/* RFC 9293 section 3.8.6.1: ask a peer with a closed window for as long as it answers. */
static void vho_tcp_timer_probe(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u64 limit_ns = tcb->app & VIRTUOSO_SF_CLOSE ? VHO_STALL_ORPHAN_NS : U64_MAX;

	if (tcb->probes >= VHO_PROBES_MAX || vho_tcp_timer_back_off(tcb, limit_ns, now_ns)) {
		vho_tcp_abort(flow, VIRTUOSO_ERR_TIMEDOUT, now_ns);
		return;
	}
	vho_tcp_timer_arm(tcb, now_ns);
	if (tcb->probes)
		tcb->events |= VHO_EV_UPDATE;
	if (!vho_tcp_send_probe(flow, now_ns))
		tcb->probes++;
}

static void vho_tcp_timer_persist(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u32 len = min(vho_tcp_unsent(tcb), tcb->snd_wnd);

	if (len)
		vho_tcp_timer_override(flow, len, now_ns);
	else if (vho_tcp_unsent(tcb))
		vho_tcp_timer_probe(flow, now_ns);
	vho_tcp_want_output(tcb);
}

static void vho_tcp_timer_rto(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	tcb->rto_at_ns = 0;
	if (tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECV)
		vho_tcp_timer_handshake(flow, now_ns);
	else if (vho_tcp_outstanding(tcb))
		vho_tcp_timer_retransmit(flow, now_ns);
	else
		vho_tcp_timer_persist(flow, now_ns);
}

static void vho_tcp_timer_delack(struct vho_tcb *tcb)
{
	tcb->delack_at_ns = 0;
	tcb->retry = 0;
	if (tcb->ack_pending_segs)
		tcb->ack_now = 1;
	vho_tcp_want_output(tcb);
}

/* RFC 9293 section 3.8.4. */
static void vho_tcp_timer_keepalive(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);
	u64 idle_at = tcb->last_rx_ns + (u64)tcb->keepalive_idle_s * NSEC_PER_SEC;
	bool over = tcb->probes >= tcb->keepalive_probes;

	if (idle_at > now_ns) {
		tcb->keepalive_at_ns = idle_at;
		return;
	}
	tcb->keepalive_at_ns = now_ns + (u64)tcb->keepalive_intvl_s * NSEC_PER_SEC;
	/*
	 * Data on its way, or waiting for a window, has a timer of its own; the other end of a
	 * joined flow is known to live.
	 */
	if (vho_tcp_outstanding(tcb) || vho_tcp_unsent(tcb) || tcb->joined)
		return;
	if (tcb->user_timeout_ms && tcb->probes)
		over = now_ns - tcb->last_rx_ns >= vho_tcp_user_timeout_ns(tcb);
	if (over) {
		vho_tcp_abort(flow, VIRTUOSO_ERR_TIMEDOUT, now_ns);
		return;
	}
	tcb->predict = 0;
	if (tcb->probes)
		tcb->events |= VHO_EV_UPDATE;
	if (!vho_tcp_send_probe(flow, now_ns))
		tcb->probes = min(tcb->probes + 1, 255);
}

/**
 * vho_tcp_setopt() - options of the guest's socket that make timers
 * @flow: flow in any state
 * @user_timeout_ms: RFC 5482; 0: our own limits
 * @keepalive_idle_s: 0: no keep-alive
 * @keepalive_intvl_s: between probes; 0: default
 * @keepalive_probes: unanswered before the flow ends; 0: default
 * @now_ns: owner's clock
 *
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_setopt(struct vho_flow *flow, u32 user_timeout_ms, u32 keepalive_idle_s,
		    u32 keepalive_intvl_s, u16 keepalive_probes, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	tcb->user_timeout_ms = user_timeout_ms;
	tcb->keepalive_idle_s = keepalive_idle_s;
	tcb->keepalive_intvl_s = keepalive_intvl_s ?: VHO_KEEPALIVE_INTVL_S;
	tcb->keepalive_probes = min_t(u16, keepalive_probes ?: VHO_KEEPALIVE_PROBES, 255);
	tcb->keepalive_at_ns = 0;
	if (keepalive_idle_s && tcb->state != TCP_CLOSE && tcb->state != TCP_TIME_WAIT)
		tcb->keepalive_at_ns = now_ns + (u64)keepalive_idle_s * NSEC_PER_SEC;
}

/**
 * vho_tcp_hurry() - packets take another way from now on: try again what was not answered
 * @flow: flow in any state
 * @now_ns: owner's clock
 *
 * It counts as a time-out, so that nobody sends more often than the number of time-outs allows.
 *
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_hurry(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (tcb->stalled && tcb->rto_at_ns)
		tcb->rto_at_ns = min(tcb->rto_at_ns, now_ns);
	switch (tcb->state) {
	case 0:
	case TCP_CLOSE:
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
	case TCP_TIME_WAIT:
		return;
	}
	/* The peer may have missed the last one. */
	tcb->ack_now = 1;
	vho_tcp_want_output(tcb);
}

/**
 * vho_tcp_timer() - run the timers that are due
 * @flow: flow in any state
 * @now_ns: owner's clock
 *
 * Context: FP or SP, the flow's owner. Sends at most one segment for each timer.
 */
void vho_tcp_timer(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcb *tcb = vho_flow_tcb(flow);

	if (vho_tcp_due(tcb->rto_at_ns, now_ns))
		vho_tcp_timer_rto(flow, now_ns);
	if (vho_tcp_due(tcb->delack_at_ns, now_ns))
		vho_tcp_timer_delack(tcb);
	if (vho_tcp_due(tcb->keepalive_at_ns, now_ns))
		vho_tcp_timer_keepalive(flow, now_ns);
	/* TIME-WAIT is over, or nobody waits for the peer's FIN any more. */
	if (vho_tcp_due(tcb->close_at_ns, now_ns))
		vho_tcp_done(tcb, VIRTUOSO_ERR_NONE);
	vho_tcp_predict_update(tcb);
}
