// SPDX-License-Identifier: GPL-2.0
/*
 * Joined flows: which two belong together.
 *
 * A SYN that one port sends is known by its initial sequence number and timestamp, whatever the
 * switch makes of the headers around them. When it arrives at another port, the two flows are a
 * pair; and when SYN-ACK and ACK have arrived likewise, packets do go both ways between them, by
 * whatever the operator has put in between.
 *
 * All of this happens before a core owns the flows, on the one thread that owns them all then.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "flow.h"
#include "join.h"
#include "port.h"

/* Flows in SYN_SENT, by initial sequence number, which is a keyed hash. */
static DEFINE_HASHTABLE(vho_join_offers, 10);

void vho_join_offer(struct vho_flow *flow)
{
	if (flow->tcb.state == TCP_SYN_SENT && hlist_unhashed(&flow->join_node))
		hash_add(vho_join_offers, &flow->join_node, flow->tcb.iss);
}

void vho_join_withdraw(struct vho_flow *flow)
{
	hash_del(&flow->join_node);
}

/* Whose SYN is @syn? */
static struct vho_flow *vho_join_sender(const struct vho_flow *flow, const struct vho_rx_seg *syn,
					u64 now_ns)
{
	struct vho_flow *sender;

	if (!(syn->opt.has & VHO_OPT_TS))
		return NULL;
	hash_for_each_possible(vho_join_offers, sender, join_node, syn->seq) {
		if (sender->tcb.iss == syn->seq && sender->port != flow->port &&
		    !rcu_access_pointer(sender->join) &&
		    vho_tcp_join_ts_ours(sender->tcb.ts_offset, syn->opt.tsval, now_ns))
			return sender;
	}
	return NULL;
}

static void vho_join_side_init(struct vho_join *join, unsigned int i, struct vho_flow *flow)
{
	struct vho_join_side *side = &join->side[i];

	side->flow = flow;
	side->iss = flow->tcb.iss;
	side->ts_offset = flow->tcb.ts_offset;
	strscpy(side->port, flow->port->name, sizeof(side->port));
	/* Its part of the handshake counts as its first probe. */
	side->probe_nr = 1;
	flow->join_side = i;
	rcu_assign_pointer(flow->join, join);
}

void vho_join_accept(struct vho_flow *flow, const struct vho_rx_seg *syn, u64 now_ns)
{
	struct vho_flow *sender = vho_join_sender(flow, syn, now_ns);
	struct vho_join *join;

	if (!sender || flow->tcb.state != TCP_SYN_RECV)
		return;
	/* Without memory they keep to packets. */
	join = kzalloc(sizeof(*join), GFP_KERNEL | __GFP_NOWARN);
	if (!join)
		return;
	refcount_set(&join->ref, 2);
	join->state = VHO_JOIN_PROVING;
	vho_join_side_init(join, 0, sender);
	vho_join_side_init(join, 1, flow);
}

/* Is @seg what @peer sends in the second half of the handshake? */
static bool vho_join_seg_proves(const struct vho_flow *flow, const struct vho_join_side *peer,
				const struct vho_rx_seg *seg, u64 now_ns)
{
	bool syn = !flow->join_side;

	if ((seg->flags & (VHO_TCPF_SYN | VHO_TCPF_ACK | VHO_TCPF_RST)) !=
	    ((syn ? VHO_TCPF_SYN : 0) | VHO_TCPF_ACK))
		return false;
	return seg->seq == peer->iss + !syn && seg->ack == flow->tcb.iss + 1 &&
	       (seg->opt.has & VHO_OPT_TS) &&
	       vho_tcp_join_ts_ours(peer->ts_offset, seg->opt.tsval, now_ns);
}

void vho_join_handshake(struct vho_flow *flow, const struct vho_rx_seg *seg, u64 now_ns)
{
	struct vho_join *join = rcu_dereference_protected(flow->join, true);
	struct vho_join_side *peer;

	if (!join || (flow->tcb.state != TCP_SYN_SENT && flow->tcb.state != TCP_SYN_RECV))
		return;
	peer = &join->side[!flow->join_side];
	if (vho_join_seg_proves(flow, peer, seg, now_ns))
		WRITE_ONCE(peer->probes_seen, 1);
}

void vho_join_leave(struct vho_flow *flow)
{
	vho_join_withdraw(flow);
	if (rcu_access_pointer(flow->join))
		vho_join_cut(flow);
}
