// SPDX-License-Identifier: GPL-2.0
/*
 * Explicit congestion notification (RFC 3168): agreement in the handshake, marks on what is
 * sent, and the echo of marks received. What an echo does to the window is in tcp_cc.c.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "tcp_int.h"

#define VHO_ECN_SETUP	(VHO_TCPF_ECE | VHO_TCPF_CWR)

void vho_tcp_ecn_init(struct vho_tcb *tcb, const struct vho_tcp_params *par)
{
	tcb->ecn_ask = par->ecn_ask;
	tcb->ecn_accept = par->ecn_accept;
}

/**
 * vho_tcp_ecn_take_syn() - what the peer's SYN or SYN-ACK says
 * @tcb: control block in SYN_SENT, or SYN_RECV for a passive open
 * @syn: segment with SYN
 *
 * A SYN that arrives marked itself comes by a network that writes into that field: no ECN.
 * Who opens at the same time as the peer does without.
 * Context: SP, the flow's owner.
 */
void vho_tcp_ecn_take_syn(struct vho_tcb *tcb, const struct vho_rx_seg *syn)
{
	u8 setup = syn->flags & VHO_ECN_SETUP;

	tcb->ecn_ok = 0;
	if (syn->flags & VHO_TCPF_ACK)
		tcb->ecn_ok = tcb->ecn_asked && setup == VHO_TCPF_ECE;
	else if (tcb->state == TCP_SYN_RECV)
		tcb->ecn_ok = tcb->ecn_accept && setup == VHO_ECN_SETUP && !syn->ecn;
	/* RFC 3168 section 6.1.1: no marks on our data once one SYN of ours was without. */
	tcb->ecn_ect = tcb->ecn_ok && !tcb->ecn_gave_up;
}

/* The peer's SYN once more: without ECN now, if it thinks that ECN is why the first was lost. */
void vho_tcp_ecn_syn_again(struct vho_tcb *tcb, const struct vho_rx_seg *syn)
{
	if ((syn->flags & VHO_ECN_SETUP) == VHO_ECN_SETUP)
		return;
	tcb->ecn_ok = 0;
	tcb->ecn_ect = 0;
}

/**
 * vho_tcp_ecn_syn_flags() - ECN flags of our SYN or SYN-ACK
 * @tcb: control block in SYN_SENT or SYN_RECV
 *
 * A SYN that has to be sent again goes without (RFC 3168 section 6.1.1.1): some boxes drop it.
 * Context: SP, the flow's owner.
 * Return: VHO_TCPF_ECE and VHO_TCPF_CWR, as they apply.
 */
u8 vho_tcp_ecn_syn_flags(struct vho_tcb *tcb)
{
	if (tcb->state == TCP_SYN_RECV)
		return tcb->ecn_ok ? VHO_TCPF_ECE : 0;
	if (!tcb->ecn_ask)
		return 0;
	if (tcb->backoff) {
		tcb->ecn_gave_up = 1;
		return 0;
	}
	tcb->ecn_asked = 1;
	return VHO_ECN_SETUP;
}

/**
 * vho_tcp_ecn_mark() - ECN in a segment to send
 * @tcb: control block, ECN agreed upon
 * @out: segment, all but its ECN filled in
 *
 * Data for the first time is ECN-capable; ACKs, probes and what is sent again are not
 * (RFC 3168 section 6.1.4 to 6.1.6). CWR goes with such data, ECE with everything.
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_ecn_mark(const struct vho_tcb *tcb, struct vho_tx_seg *out)
{
	if (tcb->ecn_echo && !(out->flags & VHO_TCPF_RST))
		out->flags |= VHO_TCPF_ECE;
	if (!out->len || !tcb->ecn_ect || vho_seq_before(out->seq, tcb->snd_max))
		return;
	out->ecn = VHO_ECN_ECT_0;
	if (tcb->ecn_cwr)
		out->flags |= VHO_TCPF_CWR;
}

/**
 * vho_tcp_ecn_rx() - marks on received data
 * @tcb: control block, ECN agreed upon
 * @seg: segment in the window
 *
 * Context: FP or SP, the flow's owner.
 */
void vho_tcp_ecn_rx(struct vho_tcb *tcb, const struct vho_rx_seg *seg)
{
	if (!seg->len)
		return;
	if (seg->flags & VHO_TCPF_CWR)
		tcb->ecn_echo = 0;
	if (seg->ecn != VHO_ECN_CE)
		return;
	/* News of congestion is not delayed. */
	if (!tcb->ecn_echo)
		tcb->ack_now = 1;
	tcb->ecn_echo = 1;
}
