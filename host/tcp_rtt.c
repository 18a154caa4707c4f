// SPDX-License-Identifier: GPL-2.0
/*
 * Round-trip time and retransmission time-out (RFC 6298).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/math64.h>
#include <linux/math.h>

#include "tcp_int.h"

void vho_tcp_rtt_init(struct vho_tcb *tcb)
{
	tcb->srtt_us = 0;
	tcb->rttvar_us = 0;
	tcb->rto_us = VHO_RTO_INIT_US;
	tcb->rtt_timing = 0;
	tcb->rtt_karn = 0;
}

/**
 * vho_tcp_rtt_sample() - take one measurement of the round-trip time
 * @tcb: control block
 * @rtt_us: measured; values beyond the largest time-out count as that
 *
 * RFC 6298 section 2: SRTT, RTTVAR and RTO.
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_rtt_sample(struct vho_tcb *tcb, u32 rtt_us)
{
	rtt_us = clamp_t(u32, rtt_us, 1, VHO_RTO_MAX_US);
	if (!tcb->srtt_us) {
		tcb->srtt_us = rtt_us;
		tcb->rttvar_us = rtt_us / 2;
	} else {
		u32 err = abs_diff(tcb->srtt_us, rtt_us);

		tcb->rttvar_us = (3 * tcb->rttvar_us + err) / 4;
		tcb->srtt_us = (7 * tcb->srtt_us + rtt_us) / 8;
	}
	tcb->rto_us = clamp_t(u32, tcb->srtt_us + 4 * tcb->rttvar_us,
			      VHO_RTO_MIN_US, VHO_RTO_MAX_US);
}

/* Something was sent again: an ACK may be for either (Karn's algorithm). */
void vho_tcp_rtt_retransmitted(struct vho_tcb *tcb, u64 now_ns)
{
	tcb->rtt_timing = 0;
	tcb->rtt_karn = 1;
	tcb->rtx_ts = vho_tcp_ts_now(tcb, now_ns);
}

void vho_tcp_rtt_start(struct vho_tcb *tcb, u32 seq, u64 now_ns)
{
	if (tcb->rtt_timing)
		return;
	tcb->rtt_timing = 1;
	tcb->rtt_seq = seq;
	tcb->rtt_at_ns = now_ns;
}

/**
 * vho_tcp_rtt_ack() - measure by an ACK
 * @tcb: control block; snd_una is still the old one
 * @seg: acknowledges new data
 * @now_ns: owner's clock
 *
 * Our own clock times one segment per round trip, finer than timestamps can. It is off after a
 * retransmission; then an echoed timestamp counts if it is that of the retransmission or later.
 * (An earlier one would measure our own time-out when what got lost was the ACK.)
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_rtt_ack(struct vho_tcb *tcb, const struct vho_rx_seg *seg, u64 now_ns)
{
	if (tcb->rtt_timing) {
		if (!vho_seq_after(seg->ack, tcb->rtt_seq))
			return;
		tcb->rtt_timing = 0;
		vho_tcp_rtt_sample(tcb, min_t(u64, div_u64(now_ns - tcb->rtt_at_ns, NSEC_PER_USEC),
					      VHO_RTO_MAX_US));
		tcb->rtt_karn = 0;
	} else if (tcb->rtt_karn && tcb->ts_ok && (seg->opt.has & VHO_OPT_TS) &&
		   !vho_seq_before(seg->opt.tsecr, tcb->rtx_ts)) {
		u32 ticks = vho_tcp_ts_now(tcb, now_ns) - seg->opt.tsecr;

		/* Not an echo of ours: from the future, or too long ago. */
		if (ticks > VHO_RTO_MAX_US / VHO_TS_TICK_US)
			return;
		vho_tcp_rtt_sample(tcb, ticks * VHO_TS_TICK_US);
		tcb->rtt_karn = 0;
	}
}
