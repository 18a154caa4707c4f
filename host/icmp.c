// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors about connections of the guests (RFC 1122 section 4.2.3.9, RFC 5461, RFC 5927).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/virtio_virtuoso.h>

#include "flow.h"
#include "icmp.h"
#include "packet.h"
#include "tcp_seq.h"

/* RFC 1191 has no lower bound that is safe; Linux takes none below this for its own paths either. */
#define VHO_ICMP_MTU_MIN	552

/**
 * vho_icmp_rx() - a router or the peer's host says that a segment did not arrive
 * @flow: flow it was of, owned by the caller
 * @skb: the error message
 * @now_ns: owner's clock
 *
 * Anybody can send such a message. It counts only if the segment quoted is under way (RFC 5927
 * section 4.1), it ends no established connection, and the path's MTU only ever shrinks by it.
 *
 * Context: FP or SP.
 */
void vho_icmp_rx(struct vho_flow *flow, struct sk_buff *skb, u64 now_ns)
{
	const struct vho_packet *pkt = vho_packet(skb);
	struct vho_tcb *tcb = &flow->tcb;
	u16 mss_limit;

	if (tcb->state == TCP_CLOSE ||
	    !vho_seq_between(pkt->icmp_seq, tcb->snd_una, tcb->snd_max))
		return;
	if (pkt->icmp_code != ICMP_FRAG_NEEDED) {
		if (tcb->state == TCP_SYN_SENT)
			vho_tcp_abort(flow, VIRTUOSO_ERR_UNREACH, now_ns);
		return;
	}
	mss_limit = max_t(u16, pkt->icmp_mtu, VHO_ICMP_MTU_MIN) - sizeof(struct iphdr) -
		    sizeof(struct tcphdr);
	if (mss_limit < tcb->mss_limit)
		vho_tcp_mss_limit(flow, mss_limit, now_ns);
}
