// SPDX-License-Identifier: GPL-2.0
/*
 * Joined flows: do packets still go from one to the other?
 *
 * Whoever is responsible for the network in between may change it at any time, and it need not
 * tell. So while a pair is joined each side sends a packet now and then: the same acknowledgment
 * each time, the last that the switch has seen of the connection, so that whatever keeps state in
 * between finds nothing odd. It is recognised and eaten at the peer's netdev. When it does not
 * arrive, the pair is separated, and packets say what is wrong.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/skbuff.h>
#include <linux/string.h>
#include <linux/tcp.h>

#include "conntrack.h"
#include "flow.h"
#include "join.h"
#include "packet.h"
#include "port.h"

/* Between two probes while data is moved; a change is found after two of them at the latest. */
#define VHO_JOIN_PROBE_NS	(450 * NSEC_PER_MSEC)
/* While none is, the time doubles up to this, so that conntrack and FDBs do not forget. */
#define VHO_JOIN_IDLE_NS	(16 * NSEC_PER_SEC)
/* Attempts to join again, likewise. */
#define VHO_JOIN_AGAIN_NS	(1 * NSEC_PER_SEC)
#define VHO_JOIN_AGAIN_MAX_NS	(32 * NSEC_PER_SEC)

static struct vho_join *vho_join_of(const struct vho_flow *flow)
{
	return rcu_dereference_protected(flow->join, true);
}

static void vho_join_probe_send(struct vho_flow *flow, struct vho_join_side *me, u64 now_ns)
{
	/* The probe before its number: see vho_join_probe_rx(). */
	smp_store_release(&me->probe_nr, me->probe_nr + 1);
	me->probe_ns = now_ns;
	me->moved = false;
	vho_port_stat_inc(flow->port, VHO_STAT_join_probes);
	/* Not sent is not arrived. */
	(void)vho_segment_xmit(flow, &me->probe);
}

void vho_join_probe_start(struct vho_flow *flow, u64 now_ns)
{
	struct vho_join *join = vho_join_of(flow);
	struct vho_join_side *me = &join->side[flow->join_side];

	vho_tcp_join_ack(&flow->tcb, &me->probe, now_ns);
	me->interval_ns = VHO_JOIN_PROBE_NS;
	WRITE_ONCE(me->verified_ns, now_ns);
	vho_join_probe_send(flow, me, now_ns);
	flow->join_at_ns = now_ns + VHO_JOIN_PROBE_NS;
}

/* A pair that has moved nothing for a while is looked after more often from now on. */
void vho_join_probe_moved(struct vho_flow *flow, u64 now_ns)
{
	struct vho_join *join = vho_join_of(flow);
	struct vho_join_side *me = &join->side[flow->join_side];
	u64 at_ns = me->probe_ns + VHO_JOIN_PROBE_NS;

	if (likely(flow->join_at_ns <= at_ns))
		return;
	flow->join_at_ns = max(at_ns, now_ns);
}

void vho_join_probe_again(struct vho_flow *flow, u64 now_ns)
{
	struct vho_join *join = vho_join_of(flow);
	struct vho_join_side *me = &join->side[flow->join_side];

	/* A pair that was separated soon after it had been joined waits longer. */
	if (!me->up_ns || now_ns - me->up_ns > VHO_JOIN_AGAIN_MAX_NS)
		me->again_ns = VHO_JOIN_AGAIN_NS;
	/* What the handshake has proved stands until then. */
	if (me->up_ns)
		WRITE_ONCE(me->probe_nr, me->probe_nr + 1);
	me->up_ns = 0;
	flow->join_at_ns = now_ns + me->again_ns;
}

/* Not joined: is it time? */
static void vho_join_timer_proving(struct vho_flow *flow, struct vho_join *join, u64 now_ns)
{
	struct vho_join_side *me = &join->side[flow->join_side];

	vho_join_try(flow);
	if (READ_ONCE(join->state) != VHO_JOIN_PROVING)
		return;
	if (!vho_port_join_refused(flow->port)) {
		/*
		 * Nothing of the switch's is behind the times yet: an acknowledgment as it is now.
		 */
		vho_tcp_join_ack(&flow->tcb, &me->probe, now_ns);
		vho_join_probe_send(flow, me, now_ns);
		me->again_ns = min(2 * me->again_ns, VHO_JOIN_AGAIN_MAX_NS);
	}
	flow->join_at_ns = now_ns + me->again_ns;
}

static void vho_join_timer_up(struct vho_flow *flow, struct vho_join *join, u64 now_ns)
{
	struct vho_join_side *me = &join->side[flow->join_side];
	enum vho_stat reason = vho_port_join_refused(flow->port);

	if (!reason && READ_ONCE(me->probes_seen) != me->probe_nr)
		reason = VHO_STAT_join_part_probe;
	if (reason) {
		vho_join_part(flow, reason);
		return;
	}
	WRITE_ONCE(me->verified_ns, me->probe_ns);
	vho_tcp_join_stalled(flow, now_ns);
	if (flow->tcb.state == TCP_CLOSE)
		return;
	me->interval_ns = me->moved || flow->tcb.stalled ? VHO_JOIN_PROBE_NS :
			  min(2 * me->interval_ns, VHO_JOIN_IDLE_NS);
	vho_join_probe_send(flow, me, now_ns);
	flow->join_at_ns = now_ns + me->interval_ns;
}

void vho_join_timer(struct vho_flow *flow, u64 now_ns)
{
	struct vho_join *join = vho_join_of(flow);

	if (!join || !flow->join_at_ns || now_ns < flow->join_at_ns)
		return;
	flow->join_at_ns = 0;
	switch (READ_ONCE(join->state)) {
	case VHO_JOIN_PROVING:
		vho_join_timer_proving(flow, join, now_ns);
		break;
	case VHO_JOIN_UP:
		if (join->side[flow->join_side].phase == VHO_JOIN_IN)
			vho_join_timer_up(flow, join, now_ns);
		break;
	}
}

/* ---- at the other side's netdev ---- */

static bool vho_join_probe_is(const struct sk_buff *skb, const struct vho_tx_seg *probe)
{
	const struct vho_packet *pkt = vho_packet((struct sk_buff *)skb);
	const struct tcphdr *th = (const struct tcphdr *)(skb->data + pkt->tcp_off);

	/* The options have the timestamp. */
	return !pkt->icmp && !pkt->len && ((const u8 *)th)[13] == probe->flags &&
	       ntohl(th->seq) == probe->seq && ntohl(th->ack_seq) == probe->ack &&
	       ntohs(th->window) == probe->wnd && pkt->hdr_len == sizeof(*th) + probe->optlen &&
	       !memcmp(th + 1, probe->opt, probe->optlen);
}

/**
 * vho_join_probe_rx() - has a probe arrived?
 * @flow: flow that the packet is for
 * @skb: packet, vho_packet_parse() was called
 *
 * While the pair is not joined, a probe is an acknowledgment like any other, and is to be treated
 * as one.
 *
 * Context: SOFT, RCU read side.
 * Return: it was one and shall go no further.
 */
bool vho_join_probe_rx(struct vho_flow *flow, struct sk_buff *skb)
{
	struct vho_join *join = rcu_dereference(flow->join);
	struct vho_join_side *peer;
	u32 nr;

	if (likely(!join))
		return false;
	peer = &join->side[!flow->join_side];
	/* A probe that is being changed right now is not the one that arrives. */
	nr = smp_load_acquire(&peer->probe_nr);
	if (!vho_join_probe_is(skb, &peer->probe))
		return false;
	WRITE_ONCE(peer->probes_seen, nr);
	if (READ_ONCE(join->state) == VHO_JOIN_PROVING)
		return false;
	/* It will see a gap in the sequence numbers when packets go this way again. */
	vho_conntrack_be_liberal(skb);
	return true;
}
