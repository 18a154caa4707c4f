// SPDX-License-Identifier: GPL-2.0
/*
 * Congestion control: slow start, congestion avoidance (RFC 5681, RFC 3465), fast
 * retransmit and NewReno recovery (RFC 6582), limited transmit (RFC 3042),
 * initial window of ten segments (RFC 6928), ECN (RFC 3168).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_int.h"

#define VHO_DUPACKS	3

u32 vho_tcp_cc_initial_window(u32 mss)
{
	return min(10 * mss, max(2 * mss, 14600U));
}

void vho_tcp_cc_init(struct vho_tcb *tcb, bool syn_lost)
{
	/* RFC 5681 section 3.1: a lost SYN means one segment. */
	tcb->cwnd = syn_lost ? tcb->mss : vho_tcp_cc_initial_window(tcb->mss);
	tcb->ssthresh = VHO_CWND_MAX;
	tcb->ca_acked = 0;
}

static void vho_tcp_cc_grow(struct vho_tcb *tcb, u32 bytes)
{
	tcb->cwnd = min(tcb->cwnd + bytes, VHO_CWND_MAX);
}

/* Half of what is in the network, without limited transmit (RFC 5681 section 3.2). */
static u32 vho_tcp_cc_half(const struct vho_tcb *tcb)
{
	return max(min(vho_tcp_outstanding(tcb), tcb->cwnd) / 2, 2U * tcb->mss);
}

/**
 * vho_tcp_cc_ack() - let the congestion window grow
 * @tcb: control block
 * @acked: bytes newly acknowledged
 * @flight: bytes that were outstanding before this ACK
 *
 * Only a window that was used grows (RFC 7661 section 4.1). Bytes are counted, not ACKs
 * (RFC 3465), without a limit per ACK because receivers that merge segments acknowledge
 * many at once; after a retransmission time-out one ACK counts for one segment, for it
 * may cover what had arrived before.
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_cc_ack(struct vho_tcb *tcb, u32 acked, u32 flight)
{
	if (tcb->cwnd < tcb->ssthresh) {
		if (flight < tcb->cwnd / 2)
			return;
		if (tcb->recover_hold)
			acked = min_t(u32, acked, tcb->mss);
		vho_tcp_cc_grow(tcb, min(acked, tcb->ssthresh - tcb->cwnd + tcb->mss));
		return;
	}
	if (flight + tcb->mss <= tcb->cwnd)
		return;
	tcb->ca_acked += acked;
	if (tcb->ca_acked >= tcb->cwnd) {
		tcb->ca_acked -= tcb->cwnd;
		tcb->ca_acked = min(tcb->ca_acked, tcb->cwnd);
		vho_tcp_cc_grow(tcb, tcb->mss);
	}
}

/* What is lost and what is marked in one window is one sign of congestion. */
static bool vho_tcp_cc_ecn_reduced(const struct vho_tcb *tcb, u32 ack)
{
	return tcb->ecn_reduced && !vho_seq_after(ack, tcb->ecn_seq);
}

void vho_tcp_cc_ecn(struct vho_tcb *tcb, u32 ack)
{
	if (!vho_tcp_outstanding(tcb) || vho_tcp_cc_ecn_reduced(tcb, ack) ||
	    (tcb->recover_hold && !vho_seq_after(ack, tcb->recover)))
		return;
	tcb->ssthresh = vho_tcp_cc_half(tcb);
	tcb->cwnd = min(tcb->cwnd, tcb->ssthresh);
	tcb->ca_acked = 0;
	tcb->ecn_seq = tcb->snd_max;
	tcb->ecn_reduced = 1;
	tcb->ecn_cwr = 1;
}

static void vho_tcp_cc_enter_recovery(struct vho_tcb *tcb)
{
	if (!vho_tcp_cc_ecn_reduced(tcb, tcb->snd_una))
		tcb->ssthresh = vho_tcp_cc_half(tcb);
	tcb->ecn_cwr = tcb->ecn_ect;
	tcb->cwnd = tcb->ssthresh + VHO_DUPACKS * tcb->mss;
	tcb->ca_acked = 0;
	tcb->recover = tcb->snd_max;
	tcb->in_recovery = 1;
	tcb->recover_hold = 1;
	tcb->partial_acked = 0;
}

/**
 * vho_tcp_cc_dupack() - count a duplicate ACK
 * @tcb: control block
 * @segs: ACKs that were merged into it
 *
 * In recovery every duplicate says that a segment has left the network, so another may go
 * (but no more than were outstanding, RFC 5681 section 3.2 step 4).
 * Context: FP or SP, the flow's owner.
 * Return: true when recovery begins: the first segment is to be sent again.
 */
bool vho_tcp_cc_dupack(struct vho_tcb *tcb, u32 segs)
{
	if (tcb->in_recovery) {
		tcb->cwnd = max(tcb->cwnd, min(tcb->cwnd + segs * tcb->mss,
					       tcb->ssthresh + vho_tcp_outstanding(tcb)));
		return false;
	}
	if (tcb->recover_hold)
		return false;
	tcb->dupacks = min(tcb->dupacks + segs, 255U);
	if (tcb->dupacks < VHO_DUPACKS)
		return false;
	vho_tcp_cc_enter_recovery(tcb);
	return true;
}

/**
 * vho_tcp_cc_recovery_ack() - new ACK during recovery
 * @tcb: control block; snd_una has moved
 * @acked: bytes newly acknowledged
 *
 * RFC 6582 section 3.2 step 3.
 * Context: FP or SP, the flow's owner.
 * Return: true for a partial ACK: the segment at snd_una is lost, too.
 */
bool vho_tcp_cc_recovery_ack(struct vho_tcb *tcb, u32 acked)
{
	if (!vho_seq_before(tcb->snd_una, tcb->recover)) {
		tcb->cwnd = min(tcb->ssthresh,
				max(vho_tcp_outstanding(tcb), (u32)tcb->mss) + tcb->mss);
		tcb->in_recovery = 0;
		return false;
	}
	tcb->cwnd = tcb->cwnd > acked ? tcb->cwnd - acked : 0;
	if (acked >= tcb->mss)
		tcb->cwnd += tcb->mss;
	tcb->cwnd = max_t(u32, tcb->cwnd, tcb->mss);
	return true;
}

/* RFC 5681 section 3.1 and RFC 6582 section 3.2 step 4. */
void vho_tcp_cc_timeout(struct vho_tcb *tcb)
{
	if (!tcb->stalled)
		tcb->ssthresh = vho_tcp_cc_half(tcb);
	tcb->ecn_cwr = tcb->ecn_ect;
	tcb->cwnd = tcb->mss;
	tcb->ca_acked = 0;
	tcb->dupacks = 0;
	tcb->in_recovery = 0;
	tcb->recover = tcb->snd_max;
	tcb->recover_hold = 1;
}

/* RFC 5681 section 4.1: what the network was like longer than an RTO ago is forgotten. */
void vho_tcp_cc_idle(struct vho_tcb *tcb, u64 now_ns)
{
	if (tcb->idle_at_ns && now_ns - tcb->idle_at_ns > vho_tcp_rto_ns(tcb))
		tcb->cwnd = min(tcb->cwnd, vho_tcp_cc_initial_window(tcb->mss));
	tcb->idle_at_ns = 0;
}

u32 vho_tcp_cc_window(const struct vho_tcb *tcb)
{
	u32 extra = 0;

	/* Limited transmit: one more segment for each of the first two duplicates. */
	if (!tcb->in_recovery)
		extra = min_t(u32, tcb->dupacks, VHO_DUPACKS - 1) * tcb->mss;
	return vho_tcp_flight(tcb, tcb->cwnd + extra);
}
