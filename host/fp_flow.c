// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path: flows owned by the core.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/skbuff.h>

#include "chan.h"
#include "core.h"
#include "flow.h"
#include "fp.h"
#include "group.h"
#include "guest_state.h"
#include "icmp.h"
#include "join.h"
#include "move.h"
#include "packet.h"
#include "path.h"
#include "policy.h"
#include "port.h"
#include "slow.h"
#include "trace.h"

/* Has the slow path made the core the owner? What it did before is visible then. */
static bool vho_fp_is_owner(const struct vho_flow *flow)
{
	/* Pairs with the release in vho_sp_hand_to_core() and vho_fp_hand_to_slow(). */
	return smp_load_acquire(&flow->owner) == VHO_OWNER_CORE;
}

void vho_fp_arm(struct vho_group *group)
{
	struct timerqueue_node *node = timerqueue_getnext(&group->timers);

	if (node)
		vho_timer_arm(&group->core->worker, &group->timer, node->expires);
}

static void vho_fp_flow_rearm(struct vho_flow *flow)
{
	vho_flow_rearm(flow, &flow->group->timers);
	vho_fp_arm(flow->group);
}

/* The core lets go: from here on only the slow path touches the flow's TCP state. */
static void vho_fp_hand_to_slow(struct vho_flow *flow, unsigned int bit)
{
	vho_timers_disarm(&flow->group->timers, &flow->timer);
	list_del_init(&flow->tx_node);
	vho_timer_init(&flow->timer, vho_sp_flow_timer);
	/* The slow path sees all that the core did to the flow. */
	smp_store_release(&flow->owner, &vho_slow);
	vho_flow_tell_slow(flow, bit);
}

void vho_fp_flow_release(struct vho_flow *flow)
{
	vho_chan_news(flow, VHO_NEWS_RELEASED);
}

/* Has TCP finished with the payload rings? */
static bool vho_fp_flow_done(const struct vho_flow *flow)
{
	u8 state = READ_ONCE(flow->tcb.state);

	return state == TCP_CLOSE || state == TCP_TIME_WAIT;
}

void vho_fp_flow_after(struct vho_flow *flow, u64 now_ns)
{
	struct vho_group *group = flow->group;
	u8 events = flow->tcb.events;

	flow->tcb.events = 0;
	if ((events & VHO_EV_OUTPUT) && group->guest && list_empty(&flow->tx_node))
		list_add_tail(&flow->tx_node, &group->tx_flows);
	if (events & (VHO_EV_UPDATE | VHO_EV_TIME_WAIT | VHO_EV_CLOSED))
		vho_chan_news(flow, VHO_NEWS_UPDATE);
	if (events & VHO_EV_CLOSED) {
		if (flow->tcb.error)
			vho_port_stat_inc(flow->port, VHO_STAT_sp_reset);
		if (rcu_access_pointer(flow->join))
			vho_join_over(flow, now_ns);
		vho_timers_disarm(&flow->group->timers, &flow->timer);
		list_del_init(&flow->tx_node);
	} else if (events & VHO_EV_TIME_WAIT) {
		/* The last acknowledgment goes out before the slow path takes over. */
		vho_tcp_output(flow, 0, now_ns);
		flow->tcb.events = 0;
		if (rcu_access_pointer(flow->join))
			vho_join_over(flow, now_ns);
		vho_fp_hand_to_slow(flow, VHO_FS_TIME_WAIT);
	} else {
		vho_fp_flow_rearm(flow);
	}
	if (flow->guest_closed && vho_fp_flow_done(flow) && !vho_join_holds(flow))
		vho_fp_flow_release(flow);
}

void vho_fp_flow_timer(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns)
{
	struct vho_flow *flow = container_of(timer, struct vho_flow, timer);

	vho_tcp_timer(flow, now_ns);
	vho_join_timer(flow, now_ns);
	vho_fp_flow_after(flow, now_ns);
}

void vho_fp_group_timer(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns)
{
	vho_group_wake(container_of(timer, struct vho_group, timer));
}

/* A segment arrived for a flow that the core has handed on meanwhile. */
static void vho_fp_forward(struct vho_port *port, struct sk_buff *skb)
{
	if (!ptr_ring_produce_bh(&port->spq, skb)) {
		vho_slow_wake_port(port);
		return;
	}
	vho_port_stat_inc(port, VHO_STAT_drop_spq_full);
	vho_flow_put(vho_packet(skb)->flow);
	kfree_skb(skb);
}

/* A segment for a connection that has ended is answered as RFC 9293 3.10.7.1 says. */
static void vho_fp_rx_closed(struct vho_flow *flow, const struct vho_rx_seg *seg)
{
	struct vho_tx_seg rst;

	if (vho_tcp_reset_for(seg, &rst))
		vho_segment_xmit(flow, &rst);
}

/* Return: all of it was taken. */
static bool vho_fp_rx_flow(struct vho_flow *flow, struct sk_buff *skb, u32 bytes, u64 now_ns)
{
	struct vho_port *port = flow->port;
	struct vho_rx_payload payload;
	struct vho_rx_seg seg;
	bool all;

	if (vho_packet(skb)->icmp) {
		vho_icmp_rx(flow, skb, now_ns);
		vho_fp_flow_after(flow, now_ns);
		return true;
	}
	/* Once, for the whole packet. */
	if (!vho_packet(skb)->off && !vho_packet_csum_ok(skb)) {
		vho_port_stat_inc(port, VHO_STAT_drop_checksum);
		return true;
	}
	all = vho_packet_segment(skb, bytes, &seg, &payload);
	vho_port_stat_add(port, VHO_STAT_fp_rx_segs, seg.segs);
	vho_port_stat_add(port, VHO_STAT_fp_rx_bytes, seg.len);
	trace_vho_tcp_in(flow, seg.seq, seg.ack, seg.flags, seg.wnd, seg.len);
	if (flow->tcb.state == TCP_CLOSE) {
		vho_fp_rx_closed(flow, &seg);
		return true;
	}
	if (vho_tcp_rx(flow, &seg, now_ns) != VHO_DONE)
		vho_port_stat_inc(port, seg.drop ?: VHO_STAT_drop_state);
	vho_fp_flow_after(flow, now_ns);
	return all;
}

bool vho_fp_rx(struct vho_group *group, struct sk_buff *skb, u32 bytes, u64 now_ns)
{
	struct vho_flow *flow = vho_packet(skb)->flow;

	if (unlikely(!vho_fp_owns(flow, now_ns))) {
		vho_fp_forward(group->port, skb);
		return true;
	}
	if (!vho_fp_rx_flow(flow, skb, bytes, now_ns))
		return false;
	vho_flow_put(flow);
	consume_skb(skb);
	return true;
}

bool vho_fp_output(struct vho_group *group, u32 bytes, u64 now_ns)
{
	struct vho_flow *flow = list_first_entry_or_null(&group->tx_flows, struct vho_flow, tx_node);

	if (!flow)
		return false;
	list_del_init(&flow->tx_node);
	if (rcu_access_pointer(flow->join) ? vho_join_output(flow, bytes, now_ns) :
					     vho_tcp_output(flow, bytes, now_ns))
		flow->tcb.events |= VHO_EV_OUTPUT;
	vho_fp_flow_after(flow, now_ns);
	return true;
}

/* ---- messages from the slow path ---- */

/* The slow path has made @flow ours. Segments that came too early are taken now. */
static void vho_fp_adopt(struct vho_flow *flow, u64 now_ns)
{
	struct sk_buff *skb;

	/* A segment or a record was quicker than the message (vho_fp_owns()). */
	if (flow->adopted)
		return;
	vho_timer_init(&flow->timer, vho_fp_flow_timer);
	flow->adopted = true;
	if (flow->tcb.state != TCP_CLOSE) {
		flow->tx.base_seq = flow->tcb.iss + 1;
		flow->rx.base_seq = flow->tcb.irs + 1;
		vho_tcp_attach(flow, flow->tx.size, flow->rx.size, now_ns);
		if (rcu_access_pointer(flow->join))
			vho_join_ready(flow, now_ns);
		if (rcu_access_pointer(flow->path))
			vho_path_follow_mtu(flow, now_ns);
	} else {
		vho_chan_news(flow, VHO_NEWS_UPDATE);
	}
	if (!flow->passive)
		vho_chan_news(flow, VHO_NEWS_CONNECTED);
	/* What happened under the slow path's hands (a FIN, say) is news, too. */
	if (flow->tcb.rcv_nxt != flow->tcb.irs + 1)
		vho_chan_news(flow, VHO_NEWS_UPDATE);
	if (flow->guest_closed && flow->tcb.state != TCP_CLOSE)
		vho_tcp_abort(flow, VIRTUOSO_ERR_RESET, now_ns);
	if (flow->early)
		vho_chan_take_early(flow, now_ns);
	vho_fp_flow_after(flow, now_ns);
	while ((skb = __skb_dequeue(&flow->held))) {
		vho_flow_get(flow);
		vho_packet(skb)->flow = flow;
		vho_fp_rx(flow->group, skb, U32_MAX, now_ns);
	}
	flow->held_bytes = 0;
}

bool vho_fp_owns(struct vho_flow *flow, u64 now_ns)
{
	if (!vho_fp_is_owner(flow))
		return false;
	if (unlikely(!flow->adopted)) {
		vho_fp_adopt(flow, now_ns);
		return vho_fp_is_owner(flow);
	}
	return true;
}

static void vho_fp_incoming(struct vho_flow *flow)
{
	struct vho_group *group = flow->group;
	struct vho_guest_state *guest = group->guest;
	int err;

	if (!guest || !group->nr_channels) {
		vho_flow_tell_slow(flow, VHO_FS_ABORT);
		return;
	}
	/* The entry's, which others may find. */
	vho_flow_get(flow);
	err = xa_alloc_cyclic(&guest->incoming, &flow->token, flow,
			      XA_LIMIT(1, INT_MAX), &guest->next_token, GFP_ATOMIC);
	if (err < 0) {
		vho_flow_put(flow);
		vho_flow_tell_slow(flow, VHO_FS_ABORT);
		return;
	}
	flow->chan = vho_group_chan(group, guest, group->next_channel++ % group->nr_channels);
	vho_chan_news(flow, VHO_NEWS_INCOMING);
}

bool vho_fp_token_drop(struct vho_guest_state *guest, struct vho_flow *flow)
{
	bool found;

	xa_lock(&guest->incoming);
	found = xa_load(&guest->incoming, flow->token) == flow;
	if (found)
		__xa_erase(&guest->incoming, flow->token);
	xa_unlock(&guest->incoming);
	return found;
}

/* The guest did not answer INCOMING in time: its token means nothing any more. */
static void vho_fp_withdraw(struct vho_flow *flow)
{
	struct vho_guest_state *guest = flow->group->guest;

	if (!guest || !vho_fp_token_drop(guest, flow))
		return;
	list_del_init(&flow->news_node);
	flow->news = 0;
	vho_flow_put(flow);
}

/*
 * The guest has taken an incoming connection on a channel of another group: that is served by another
 * core. The slow path, which owns the flow, goes on when nothing of it is here any more.
 */
static void vho_fp_regroup(struct vho_flow *flow)
{
	list_del_init(&flow->news_node);
	flow->news = 0;
	/* All that was done to the flow here comes before. Pairs with vho_fp_flow_msg(). */
	smp_store_release(&flow->group, flow->next_group);
	vho_flow_tell_slow(flow, VHO_FS_ATTACH);
}

static void vho_fp_flow_handle(struct vho_flow *flow, u64 now_ns)
{
	unsigned long bits = vho_flow_post_take(&flow->to_core);

	if (bits & BIT(VHO_FC_INCOMING))
		vho_fp_incoming(flow);
	if (bits & BIT(VHO_FC_WITHDRAW))
		vho_fp_withdraw(flow);
	/* A flow that lost its id was let go by a driver reset: nobody waits for news. */
	if (flow->id != VHO_FLOW_ID_NONE) {
		if (bits & BIT(VHO_FC_ADOPT))
			vho_fp_adopt(flow, now_ns);
		if (bits & BIT(VHO_FC_FAILED))
			vho_chan_news(flow, VHO_NEWS_FAILED);
	}
	if ((bits & BIT(VHO_FC_JOIN)) && flow->adopted && vho_fp_is_owner(flow) &&
	    rcu_access_pointer(flow->join)) {
		flow->tcb.events |= VHO_EV_OUTPUT;
		vho_fp_flow_after(flow, now_ns);
	}
	if (bits & BIT(VHO_FC_POLICY))
		vho_policy_core(flow, now_ns);
	if ((bits & BIT(VHO_FC_PATH)) && vho_fp_is_owner(flow) && flow->adopted) {
		vho_path_follow_mtu(flow, now_ns);
		vho_fp_flow_after(flow, now_ns);
	}
	if (bits & BIT(VHO_FC_REGROUP))
		vho_fp_regroup(flow);
	vho_flow_put(flow);
}

/* While a driver runs, its messages wait for the group's turn; without one there is little to do. */
void vho_fp_flow_msg(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_flow *flow = container_of(msg, struct vho_flow, to_core.msg);
	/* Only the core that serves it has a flow change its group. Pairs with vho_fp_regroup(). */
	struct vho_group *group = smp_load_acquire(&flow->group);

	if (vho_group_forward(group, worker, msg))
		return;
	if (!group->guest) {
		vho_fp_flow_handle(flow, ktime_get_ns());
		return;
	}
	list_add_tail(&flow->msg_node, &group->msgs);
	vho_group_wake(group);
}

static bool vho_fp_event_msg(struct vho_group *group, u64 now_ns)
{
	struct vho_flow *flow = list_first_entry_or_null(&group->msgs, struct vho_flow, msg_node);

	if (!flow)
		return false;
	list_del_init(&flow->msg_node);
	vho_fp_flow_handle(flow, now_ns);
	return true;
}

bool vho_fp_event(struct vho_group *group, u64 now_ns)
{
	struct vho_timer *due;

	if (vho_fp_event_msg(group, now_ns))
		return true;
	due = vho_timers_pop(&group->timers, now_ns);
	if (!due) {
		vho_fp_arm(group);
		return false;
	}
	due->fn(&group->core->worker, due, now_ns);
	return true;
}

/* ---- driver reset ---- */

static void vho_fp_flow_stop(struct vho_flow *flow, u64 now_ns)
{
	list_del_init(&flow->news_node);
	flow->news = 0;
	if (vho_fp_is_owner(flow)) {
		if (flow->tcb.state != TCP_CLOSE)
			vho_tcp_abort(flow, VIRTUOSO_ERR_RESET, now_ns);
		flow->tcb.events = 0;
		if (rcu_access_pointer(flow->join)) {
			WRITE_ONCE(flow->port->join_cut, true);
			vho_join_cut(flow);
		}
		vho_fp_hand_to_slow(flow, VHO_FS_GONE);
	} else {
		vho_flow_tell_slow(flow, VHO_FS_ABORT);
		vho_flow_tell_slow(flow, VHO_FS_GONE);
	}
	vho_payload_detach(&flow->tx);
	vho_payload_detach(&flow->rx);
	flow->id = VHO_FLOW_ID_NONE;
	vho_flow_put(flow);
}

static void vho_fp_token_stop(struct vho_flow *flow)
{
	list_del_init(&flow->news_node);
	flow->news = 0;
	vho_flow_tell_slow(flow, VHO_FS_ABORT);
	vho_flow_put(flow);
}

/* An announced connection of @group that the guest has not taken. NULL: there is none (any more). */
static struct vho_flow *vho_fp_token_take(struct vho_group *group, struct vho_guest_state *guest)
{
	struct vho_flow *flow;
	unsigned long i;

	rcu_read_lock();
	xa_for_each(&guest->incoming, i, flow) {
		/* Those of another group may be gone in this moment; those of this one go nowhere. */
		if (READ_ONCE(flow->group) == group && vho_fp_token_drop(guest, flow))
			break;
	}
	rcu_read_unlock();
	return flow;
}

bool vho_fp_flows_stop(struct vho_group *group, struct vho_guest_state *guest, u64 now_ns)
{
	unsigned int n = VHO_STOP_FLOWS;
	struct vho_flow *flow;
	unsigned long i;

	/* What the slow path said before comes first. */
	for (; n && vho_fp_event_msg(group, now_ns); n--)
		;
	if (!n)
		return true;
	xa_for_each(&group->flow_ids, i, flow) {
		if (!n--)
			return true;
		xa_erase(&group->flow_ids, i);
		vho_fp_flow_stop(flow, now_ns);
	}
	for (; n && (flow = vho_fp_token_take(group, guest)); n--)
		vho_fp_token_stop(flow);
	return !n;
}
