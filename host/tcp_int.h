/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of TCP (tcp_*.c) share among themselves. Nobody else includes it.
 *
 * Context of all functions: the flow's owner; no sleeping, no locks, no allocation.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_TCP_INT_H
#define _VHO_TCP_INT_H

#include <linux/minmax.h>
#include <linux/time64.h>
#include <linux/virtio_virtuoso.h>

#include "stats.h"
#include "tcp.h"
#include "tcp_seq.h"

/* RFC 6298; its minimum of 1 s is 200 ms here, as in every stack in use. */
#define VHO_RTO_INIT_US		(1 * USEC_PER_SEC)
#define VHO_RTO_AFTER_SYN_US	(3 * USEC_PER_SEC)	/* section 5.7: the SYN was lost */
#define VHO_RTO_MIN_US		(200 * USEC_PER_MSEC)
#define VHO_RTO_MAX_US		(120 * USEC_PER_SEC)
#define VHO_SYN_RETRIES		6
#define VHO_SYNACK_RETRIES	5

/* No progress for so long ends a connection; the guest may ask for less or more. */
#define VHO_STALL_MAX_NS	(924ULL * NSEC_PER_SEC)
#define VHO_STALL_ORPHAN_NS	(120ULL * NSEC_PER_SEC)	/* after CLOSE */
#define VHO_PROBES_MAX		15			/* unanswered window probes */
#define VHO_KARN_BACKOFF_MAX	4			/* kept until the next measurement */

#define VHO_DELACK_NS		(40 * NSEC_PER_MSEC)
#define VHO_CORK_NS		(200 * NSEC_PER_MSEC)
#define VHO_XMIT_RETRY_NS	(5 * NSEC_PER_MSEC)	/* after vho_segment_xmit() failed */
#define VHO_TIME_WAIT_NS	(60ULL * NSEC_PER_SEC)
#define VHO_FIN_WAIT_2_NS	(60ULL * NSEC_PER_SEC)	/* after CLOSE */
#define VHO_CHALLENGE_NS	(100 * NSEC_PER_MSEC)	/* between ACKs that answer nonsense */
#define VHO_PAWS_IDLE_NS	(24ULL * 86400 * NSEC_PER_SEC)	/* RFC 7323 section 5.5 */

#define VHO_WSCALE		7	/* what we offer */
#define VHO_WND_UNSCALED_MAX	65535U
#define VHO_MSS_DEFAULT		536	/* RFC 9293 section 3.7.1 */
#define VHO_MSS_MIN		64	/* a peer that asks for less gets this */
#define VHO_QUICK_ACKS		16	/* data segments after the start that are not delayed */
#define VHO_CWND_MAX		(1U << 30)

/* --- Sequence space --- */

/* Right edge of what we take: never moves back. Before ATTACH what the SYN advertised. */
static inline u32 vho_tcp_rx_edge(const struct vho_tcb *tcb)
{
	if (!tcb->rx_size)
		return vho_seq_max(tcb->rcv_adv, tcb->rcv_nxt);
	return vho_seq_max(tcb->rx_read + tcb->rx_size, tcb->rcv_nxt);
}

/* At most as many bytes under way as the operator allows, but never so few that none can be. */
static inline u32 vho_tcp_flight(const struct vho_tcb *tcb, u32 bytes)
{
	if (likely(!tcb->flight_limited))
		return bytes;
	return min(bytes, max_t(u32, tcb->flight_limit, 2 * tcb->mss_limit));
}

/* The guest wants no more to be sent after tx_end. */
static inline bool vho_tcp_fin_wanted(const struct vho_tcb *tcb)
{
	return tcb->app & (VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE);
}

/* Bytes not sent yet, or to be sent again since the retransmission time-out. */
static inline u32 vho_tcp_unsent(const struct vho_tcb *tcb)
{
	return vho_seq_room(tcb->snd_nxt, tcb->tx_end);
}

static inline u32 vho_tcp_outstanding(const struct vho_tcb *tcb)
{
	return tcb->snd_max - tcb->snd_una;
}

/* FIN is due after what is sent so far, or again. */
static inline bool vho_tcp_fin_unsent(const struct vho_tcb *tcb)
{
	return vho_tcp_fin_wanted(tcb) && !vho_seq_after(tcb->snd_nxt, tcb->tx_end);
}

static inline void vho_tcp_want_output(struct vho_tcb *tcb)
{
	if (tcb->ack_now || vho_tcp_unsent(tcb) || vho_tcp_fin_unsent(tcb) || tcb->joined)
		tcb->events |= VHO_EV_OUTPUT;
}

/* --- Clocks --- */

/* Timestamp clock (RFC 7323 section 5.4): ticks of 2^20 ns, a little over a millisecond. */
#define VHO_TS_SHIFT	20
#define VHO_TS_TICK_US	1049

static inline u32 vho_tcp_ts_at(u32 ts_offset, u64 now_ns)
{
	return (u32)(now_ns >> VHO_TS_SHIFT) + ts_offset;
}

static inline u32 vho_tcp_ts_now(const struct vho_tcb *tcb, u64 now_ns)
{
	return vho_tcp_ts_at(tcb->ts_offset, now_ns);
}

/* The retransmission time-out with back-off. */
static inline u64 vho_tcp_rto_ns(const struct vho_tcb *tcb)
{
	u64 us = (u64)tcb->rto_us << min_t(u8, tcb->backoff, 16);

	return min_t(u64, us, VHO_RTO_MAX_US) * NSEC_PER_USEC;
}

static inline bool vho_tcp_due(u64 at_ns, u64 now_ns)
{
	return at_ns && at_ns <= now_ns;
}

/* --- tcp_rtt.c --- */

void vho_tcp_rtt_init(struct vho_tcb *tcb);
void vho_tcp_rtt_sample(struct vho_tcb *tcb, u32 rtt_us);
void vho_tcp_rtt_retransmitted(struct vho_tcb *tcb, u64 now_ns);
/* Starts timing the segment at @seq unless another one is being timed. */
void vho_tcp_rtt_start(struct vho_tcb *tcb, u32 seq, u64 now_ns);
/* @seg acknowledges something new. To be called before snd_una moves. */
void vho_tcp_rtt_ack(struct vho_tcb *tcb, const struct vho_rx_seg *seg, u64 now_ns);

/* --- tcp_cc.c --- */

u32 vho_tcp_cc_initial_window(u32 mss);
/* The handshake is complete; @syn_lost: our SYN had to be sent again. */
void vho_tcp_cc_init(struct vho_tcb *tcb, bool syn_lost);
/* @acked bytes were acknowledged, of @flight outstanding until then; not in recovery. */
void vho_tcp_cc_ack(struct vho_tcb *tcb, u32 acked, u32 flight);
/* A duplicate ACK made of @segs. Return: retransmit the first segment now. */
bool vho_tcp_cc_dupack(struct vho_tcb *tcb, u32 segs);
/* New ACK of @acked bytes in recovery, snd_una has moved. Return: partial, retransmit. */
bool vho_tcp_cc_recovery_ack(struct vho_tcb *tcb, u32 acked);
/* Retransmission time-out; to be called before stalled is set. */
void vho_tcp_cc_timeout(struct vho_tcb *tcb);
/* About to send after nothing was outstanding. */
void vho_tcp_cc_idle(struct vho_tcb *tcb, u64 now_ns);
/* Bytes that may be outstanding now. */
u32 vho_tcp_cc_window(const struct vho_tcb *tcb);

/* ECE came with the acceptable ACK @ack: as a loss, but once per window and nothing is sent again. */
void vho_tcp_cc_ecn(struct vho_tcb *tcb, u32 ack);

/* --- tcp_ecn.c --- */

void vho_tcp_ecn_init(struct vho_tcb *tcb, const struct vho_tcp_params *par);
void vho_tcp_ecn_take_syn(struct vho_tcb *tcb, const struct vho_rx_seg *syn);
void vho_tcp_ecn_syn_again(struct vho_tcb *tcb, const struct vho_rx_seg *syn);
u8 vho_tcp_ecn_syn_flags(struct vho_tcb *tcb);
void vho_tcp_ecn_mark(const struct vho_tcb *tcb, struct vho_tx_seg *out);
void vho_tcp_ecn_rx(struct vho_tcb *tcb, const struct vho_rx_seg *seg);

/* Does @seg echo a mark on our data? Such an ACK lets no window grow. */
static inline bool vho_tcp_ecn_echoed(const struct vho_tcb *tcb, const struct vho_rx_seg *seg)
{
	return tcb->ecn_ect && (seg->flags & VHO_TCPF_ECE);
}

/* --- tcp_ack.c --- */

/* @ack is acceptable (RFC 9293 3.10.7.4 as changed by RFC 5961 section 5). */
bool vho_tcp_ack_acceptable(const struct vho_tcb *tcb, u32 ack);
/* New data acknowledged by @seg: snd_una < ack <= snd_max. */
void vho_tcp_ack_new(struct vho_flow *flow, const struct vho_rx_seg *seg, u64 now_ns);
/* Takes the window of @seg. Return: it changed. */
bool vho_tcp_ack_window(struct vho_tcb *tcb, const struct vho_rx_seg *seg);
/* Our FIN is acknowledged. */
void vho_tcp_ack_fin(struct vho_tcb *tcb, u64 now_ns);
/* The ACK step for an acceptable ACK in a synchronized state. */
void vho_tcp_ack_step(struct vho_flow *flow, const struct vho_rx_seg *seg, u64 now_ns);

/* --- tcp_in.c --- */

/* Decides whether header prediction may be used for the next segment. */
void vho_tcp_predict_update(struct vho_tcb *tcb);
/* The peer's FIN is at rcv_nxt. */
void vho_tcp_rx_take_fin(struct vho_tcb *tcb, u64 now_ns);

/* --- tcp_out.c --- */

/* @len bytes of the transmit ring at @seq, with @flags and ACK. Return: vho_segment_xmit(). */
int vho_tcp_send(struct vho_flow *flow, u32 seq, u32 len, u8 flags, u64 now_ns);
void vho_tcp_send_ack(struct vho_flow *flow, u64 now_ns);
/* An ACK for something that should not have come: limited in rate (RFC 5961 section 7). */
void vho_tcp_send_challenge(struct vho_flow *flow, u64 now_ns);
/* Elicits an ACK: a sequence number that the peer has seen (keep-alive, zero window). */
int vho_tcp_send_probe(struct vho_flow *flow, u64 now_ns);
/* The SYN or SYN-ACK of @flow, as its state says. */
int vho_tcp_send_syn(struct vho_flow *flow, u64 now_ns);
/* Our FIN went out for the first time. */
void vho_tcp_fin_was_sent(struct vho_tcb *tcb);
/* RST in answer to @seg. */
void vho_tcp_send_reset_for(struct vho_flow *flow, const struct vho_rx_seg *seg);
/* The first unacknowledged segment again, whatever the windows say. */
void vho_tcp_retransmit(struct vho_flow *flow, u64 now_ns);
/* @len bytes at snd_nxt, and FIN if it is due there. Return: vho_segment_xmit(). */
int vho_tcp_send_next(struct vho_flow *flow, u32 len, u64 now_ns);

/* --- tcp_timer.c --- */

/* (Re)starts the retransmission timer. */
void vho_tcp_timer_arm(struct vho_tcb *tcb, u64 now_ns);
/* Something was acknowledged, or the window has opened. */
void vho_tcp_timer_progress(struct vho_tcb *tcb);

/* --- tcp_conn.c --- */

/* Options of the peer's SYN; irs, rcv_nxt, window. */
void vho_tcp_take_syn(struct vho_tcb *tcb, const struct vho_rx_seg *syn);
/* SYN_SENT or SYN_RECV to ESTABLISHED by the acceptable ACK in @seg. */
void vho_tcp_established(struct vho_tcb *tcb, const struct vho_rx_seg *seg, u64 now_ns);
void vho_tcp_mss_update(struct vho_tcb *tcb);
void vho_tcp_time_wait(struct vho_tcb *tcb, u64 now_ns);
/* TCP_CLOSE, nothing is sent. */
void vho_tcp_done(struct vho_tcb *tcb, u8 error);

#endif /* _VHO_TCP_INT_H */
