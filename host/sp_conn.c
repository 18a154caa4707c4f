// SPDX-License-Identifier: GPL-2.0
/*
 * The slow path: connections before they are established and after they are over.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/once.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/skbuff.h>
#include <net/ip.h>

#include "core.h"
#include "flow.h"
#include "guest_state.h"
#include "icmp.h"
#include "join.h"
#include "listener.h"
#include "packet.h"
#include "path.h"
#include "path_probe.h"
#include "policy.h"
#include "port.h"
#include "slow.h"
#include "tcp_seq.h"
#include "trace.h"

/* Payload kept for a connection that the guest has not taken yet: the window it was offered. */
#define VHO_SP_HELD_BYTES	(64 * 1024)
#define VHO_SP_HELD_PACKETS	64
/* Flows ended in one go when their driver or their port goes. */
#define VHO_SP_STOP_FLOWS	64
/* How long a guest may take to answer INCOMING; its application's accept() may be slow. */
#define VHO_SP_ATTACH_NS	(120 * NSEC_PER_SEC)

static siphash_key_t vho_sp_isn_key __read_mostly;

/* RFC 6528: a keyed hash of the tuple plus a clock, here of 64 ns. */
static void vho_sp_params(const struct vho_flow *flow, struct vho_tcp_params *par, u64 now_ns)
{
	u8 ecn = vho_port_ecn(flow->port);
	u64 hash;

	net_get_random_once(&vho_sp_isn_key, sizeof(vho_sp_isn_key));
	hash = siphash(&flow->key, sizeof(flow->key), &vho_sp_isn_key);
	par->iss = (u32)hash + (u32)(now_ns >> 6);
	par->ts_offset = hash >> 32;
	par->mss_limit = flow->tcb.mss_limit;
	par->ecn_ask = ecn == 1;
	par->ecn_accept = ecn;
}

static bool vho_sp_owns(const struct vho_flow *flow)
{
	/* Pairs with the release in vho_fp_hand_to_slow(). */
	return smp_load_acquire(&flow->owner) == &vho_slow;
}

static void vho_sp_release_backlog(struct vho_flow *flow)
{
	if (!flow->listener)
		return;
	vho_listener_release(flow->listener);
	flow->listener = NULL;
}

static void vho_sp_hand_to_core(struct vho_flow *flow)
{
	vho_join_withdraw(flow);
	vho_timer_disarm(&vho_slow, &flow->timer);
	/* The core sees all that the slow path did to the flow. */
	smp_store_release(&flow->owner, VHO_OWNER_CORE);
	vho_flow_tell_core(flow, VHO_FC_ADOPT);
}

static void vho_sp_announce(struct vho_flow *flow, u64 now_ns)
{
	flow->deferred = false;
	flow->announced = true;
	flow->attach_by_ns = now_ns + VHO_SP_ATTACH_NS;
	vho_flow_tell_core(flow, VHO_FC_INCOMING);
}

/* A listener may want to hear of a connection with its first data, or after a time without. */
static void vho_sp_announce_in_time(struct vho_flow *flow, u64 now_ns)
{
	u64 defer_s = flow->listener ? vho_listener_defer_s(flow->listener) : 0;

	if (!defer_s || !skb_queue_empty(&flow->held)) {
		vho_sp_announce(flow, now_ns);
	} else {
		flow->deferred = true;
		flow->attach_by_ns = now_ns + defer_s * NSEC_PER_SEC;
	}
}

static void vho_sp_established(struct vho_flow *flow, u64 now_ns)
{
	vho_port_stat_inc(flow->port, VHO_STAT_sp_established);
	vho_path_established(flow, now_ns);
	if (!flow->passive)
		vho_sp_hand_to_core(flow);
	else if (!flow->announced)
		vho_sp_announce_in_time(flow, now_ns);
}

/* TCP is over. What is left depends on who still knows the flow. */
static void vho_sp_closed(struct vho_flow *flow)
{
	vho_timer_disarm(&vho_slow, &flow->timer);
	__skb_queue_purge(&flow->held);
	if (!flow->adopted && !flow->passive) {
		vho_port_stat_inc(flow->port, VHO_STAT_sp_failed);
		vho_sp_release_backlog(flow);
		vho_flow_unhash(flow);
		vho_flow_tell_core(flow, VHO_FC_FAILED);
	} else if (!flow->adopted && !flow->announced) {
		vho_port_stat_inc(flow->port, VHO_STAT_sp_failed);
		vho_sp_release_backlog(flow);
		vho_flow_unhash(flow);
	} else if (flow->gone) {
		vho_flow_unhash(flow);
	}
}

/* The table's reference keeps a flow whose timer runs: none for one that has lost its place there. */
static void vho_sp_rearm(struct vho_flow *flow)
{
	if (!vho_sp_owns(flow) || !flow->hashed)
		return;
	if (flow->tcb.state != TCP_CLOSE)
		vho_flow_rearm(flow, &vho_slow.timers);
	if (flow->announced || flow->deferred)
		vho_timer_arm(&vho_slow, &flow->timer, flow->attach_by_ns);
}

static void vho_sp_flow_after(struct vho_flow *flow, u64 now_ns)
{
	u8 events = flow->tcb.events;

	flow->tcb.events = 0;
	if (events & VHO_EV_OUTPUT) {
		vho_tcp_output(flow, VHO_SP_HELD_BYTES, now_ns);
		events |= flow->tcb.events;
		flow->tcb.events = 0;
	}
	if (events & VHO_EV_CLOSED)
		vho_sp_closed(flow);
	else if (events & VHO_EV_ESTABLISHED)
		vho_sp_established(flow, now_ns);
	vho_sp_rearm(flow);
}

/* ---- segments ---- */

/*
 * Payload for a connection that the guest has not taken yet: the acknowledgment in it is
 * processed, the packet waits for the core.
 */
static bool vho_sp_hold(struct vho_flow *flow, struct sk_buff *skb, struct vho_rx_seg *seg, u64 now_ns)
{
	u32 len = seg->len;
	bool held;

	seg->flags &= ~(VHO_TCPF_FIN | VHO_TCPF_PSH);
	seg->len = 0;
	held = vho_tcp_rx(flow, seg, now_ns) == VHO_DONE && flow->tcb.state != TCP_CLOSE &&
	       flow->held_bytes + len <= VHO_SP_HELD_BYTES &&
	       skb_queue_len(&flow->held) < VHO_SP_HELD_PACKETS;
	if (held) {
		flow->held_bytes += len;
		vho_packet(skb)->flow = NULL;
		__skb_queue_tail(&flow->held, skb);
		if (flow->deferred)
			vho_sp_announce(flow, now_ns);
	} else if (!seg->drop) {
		seg->drop = VHO_STAT_drop_rcvbuf;
	}
	/* Last: it may make the core the owner. */
	vho_sp_flow_after(flow, now_ns);
	return held;
}

/* Return: the packet was kept. */
static bool vho_sp_rx_flow(struct vho_flow *flow, struct sk_buff *skb, struct vho_rx_seg *seg,
			   u64 now_ns)
{
	struct vho_rx_seg copy = *seg;
	struct vho_tx_seg rst;

	if (flow->tcb.state == TCP_CLOSE) {
		if (vho_tcp_reset_for(seg, &rst))
			vho_segment_xmit(flow, &rst);
		return false;
	}
	trace_vho_tcp_in(flow, seg->seq, seg->ack, seg->flags, seg->wnd, seg->len);
	vho_join_handshake(flow, seg, now_ns);
	switch (vho_tcp_rx(flow, seg, now_ns)) {
	case VHO_DONE:
		vho_sp_flow_after(flow, now_ns);
		return false;
	case VHO_TO_SLOW:
		if (vho_sp_hold(flow, skb, &copy, now_ns))
			return true;
		seg = &copy;
		break;
	case VHO_DROP:
		vho_sp_flow_after(flow, now_ns);
		break;
	}
	vho_port_stat_inc(flow->port, seg->drop ?: VHO_STAT_drop_state);
	return false;
}

/* RFC 1122 section 4.2.3.10: nobody opens a connection from such an address. */
static bool vho_sp_peer_ok(const struct vho_flow_key *key)
{
	__be32 addr = key->raddr.s6_addr32[3];

	return key->rport && !ipv4_is_zeronet(addr) && !ipv4_is_multicast(addr) &&
	       !ipv4_is_lbcast(addr);
}

/* No listener of ours: the guest's own stack may have one. Return: the packet was taken. */
static bool vho_sp_to_guest(struct vho_port *port, struct sk_buff *skb)
{
	vho_packet(skb)->flow = NULL;
	/* As vho_port_xmit_frame() does it. */
	if (skb_orphan_frags_rx(skb, GFP_KERNEL)) {
		vho_port_stat_inc(port, VHO_STAT_drop_nomem);
		return false;
	}
	if (ptr_ring_produce_bh(&port->frameq, skb)) {
		vho_port_stat_inc(port, VHO_STAT_drop_frameq_full);
		return false;
	}
	vho_group_wake(port->group[0]);
	return true;
}

/* The operator allows none of it: RST, or silence. */
static void vho_sp_refuse(struct vho_port *port, struct sk_buff *skb, const struct vho_flow_key *key,
			  const struct vho_rx_seg *syn, u8 action)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;
	struct vho_tx_seg rst;
	struct vho_flow *flow;

	vho_port_stat_inc(port, VHO_STAT_sp_policy_refused);
	if (action != VIRTUOSO_POLICY_ACTION_DENY || !vho_tcp_reset_for(syn, &rst))
		return;
	/* Never in the table: just what the headers of one segment are made of. */
	flow = vho_flow_alloc(port, key, GFP_KERNEL);
	if (!flow)
		return;
	flow->ttl = IPDEFTTL;
	ether_addr_copy(flow->smac, eth->h_dest);
	vho_flow_set_dmac(flow, eth->h_source);
	vho_segment_xmit(flow, &rst);
	vho_flow_put(flow);
}

/* Incoming connections are announced by all groups in turn. */
static struct vho_group *vho_sp_next_group(struct vho_port *port)
{
	unsigned int nr = port->slow_guest ? port->slow_guest->nr_groups : 1;

	return port->group[port->slow_next_group++ % nr];
}

/*
 * A SYN for a listener: makes a flow, hashed, in SYN_RECV. @old: connection of the same tuple in
 * TIME-WAIT that gives way if somebody wants the new one; a full backlog leaves it as it is.
 * Return: the packet was kept.
 */
static bool vho_sp_rx_syn(struct vho_port *port, struct sk_buff *skb, const struct vho_flow_key *key,
			  const struct vho_rx_seg *syn, struct vho_flow *old, u64 now_ns)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;
	struct vho_policy_verdict verdict;
	struct vho_listener *listener;
	struct vho_tcp_params par;
	struct vho_flow *flow;
	bool full;

	vho_port_stat_inc(port, VHO_STAT_sp_syn_rx);
	if (!vho_sp_peer_ok(key)) {
		vho_port_stat_inc(port, VHO_STAT_drop_malformed);
		return false;
	}
	vho_policy_decide(port, key, true, &verdict);
	if (verdict.action != VIRTUOSO_POLICY_ACTION_ALLOW) {
		vho_sp_refuse(port, skb, key, syn, verdict.action);
		return false;
	}
	/* The peer tries again, as when the backlog is full. */
	if (!vho_limit_conn(port, now_ns))
		return false;
	listener = vho_listener_reserve(port, key, &full);
	if (full) {
		vho_port_stat_inc(port, VHO_STAT_drop_backlog);
		return false;
	}
	if (old)
		vho_flow_unhash(old);
	if (!listener)
		return vho_sp_to_guest(port, skb);
	flow = vho_flow_alloc(port, key, GFP_KERNEL);
	if (!flow) {
		vho_listener_release(listener);
		vho_port_stat_inc(port, VHO_STAT_drop_limit);
		return false;
	}
	flow->passive = true;
	flow->group = vho_sp_next_group(port);
	flow->listener = listener;
	flow->ttl = IPDEFTTL;
	flow->tcb.mss_limit = vho_port_mss(port);
	ether_addr_copy(flow->smac, eth->h_dest);
	vho_flow_set_dmac(flow, eth->h_source);
	if (vho_policy_apply(flow, &verdict) != VIRTUOSO_POLICY_ACTION_ALLOW) {
		/* Changed in this moment: the peer's next SYN gets the right answer. */
		vho_sp_release_backlog(flow);
		vho_port_stat_inc(port, VHO_STAT_sp_policy_refused);
	} else if (vho_flow_hash(flow)) {
		vho_sp_release_backlog(flow);
		vho_port_stat_inc(port, VHO_STAT_drop_nomem);
	} else {
		vho_sp_params(flow, &par, now_ns);
		vho_tcp_accept(flow, &par, syn, now_ns);
		vho_join_accept(flow, syn, now_ns);
		vho_sp_flow_after(flow, now_ns);
	}
	vho_flow_put(flow);	/* the table has its own */
	return false;
}

/* The flow of the segment, with a reference; looked up again when softirq found none. */
static struct vho_flow *vho_sp_rx_find(struct sk_buff *skb, const struct vho_flow_key *key)
{
	struct vho_flow *flow = vho_packet(skb)->flow;

	if (flow)
		return flow;
	rcu_read_lock();
	flow = vho_flow_lookup_rcu(key);
	if (flow && !vho_flow_get_unless_zero(flow))
		flow = NULL;
	rcu_read_unlock();
	return flow;
}

void vho_sp_rx(struct vho_port *port, struct sk_buff *skb, u64 now_ns)
{
	struct vho_flow_key key = { .port_index = port->index };
	struct vho_flow *flow = vho_packet(skb)->flow;
	struct vho_rx_payload payload;
	struct vho_rx_seg seg;
	bool kept = false;

	if (flow && !vho_sp_owns(flow)) {
		struct vho_group *group = flow->group;

		if (!ptr_ring_produce_bh(&group->rxq, skb)) {
			vho_group_wake(group);
			return;
		}
		vho_port_stat_inc(port, VHO_STAT_drop_rxq_full);
		goto out;
	}
	if (vho_packet(skb)->icmp) {
		/* Queued with its flow, which was ours then and is. */
		vho_icmp_rx(flow, skb, now_ns);
		vho_sp_flow_after(flow, now_ns);
		goto out;
	}
	if (!vho_packet_csum_ok(skb)) {
		vho_port_stat_inc(port, VHO_STAT_drop_checksum);
		goto out;
	}
	vho_packet_segment(skb, U32_MAX, &seg, &payload);
	if (!flow) {
		/* The packet was TCP when it was queued; parsing it again gives the key. */
		if (vho_packet_parse(skb, &key) != VHO_PACKET_TCP)
			goto out;
		flow = vho_sp_rx_find(skb, &key);
	} else {
		key = flow->key;
	}
	vho_packet(skb)->flow = flow;
	if (!flow)
		kept = vho_sp_rx_syn(port, skb, &key, &seg, NULL, now_ns);
	else if (vho_sp_owns(flow) && vho_tcp_tw_reusable(&flow->tcb, &seg))
		kept = vho_sp_rx_syn(port, skb, &key, &seg, flow, now_ns);
	else if (vho_sp_owns(flow))
		kept = vho_sp_rx_flow(flow, skb, &seg, now_ns);
out:
	if (flow)
		vho_flow_put(flow);
	if (!kept)
		consume_skb(skb);
}

/* ---- requests of the core ---- */

static void vho_sp_fail(struct vho_flow *flow, u8 error)
{
	flow->tcb.error = error;
	WRITE_ONCE(flow->tcb.state, TCP_CLOSE);
	vho_sp_closed(flow);
}

/* An old connection of the same tuple in TIME-WAIT may give way (RFC 6191). */
static bool vho_sp_evict_time_wait(struct vho_flow *flow, u32 *snd_max, u64 now_ns)
{
	struct vho_flow *old;
	bool evicted = false;

	rcu_read_lock();
	old = vho_flow_lookup_rcu(&flow->key);
	if (old && vho_sp_owns(old) && old->tcb.state == TCP_TIME_WAIT &&
	    vho_tcp_tw_reusable_active(&old->tcb, now_ns)) {
		*snd_max = old->tcb.snd_max;
		vho_flow_unhash(old);
		evicted = true;
	}
	rcu_read_unlock();
	return evicted;
}

static void vho_sp_connect(struct vho_flow *flow, u64 now_ns)
{
	struct vho_tcp_params par;
	u32 old_snd_max = 0;
	bool evicted = false;
	u8 action;
	int err;

	action = vho_policy_admit(flow);
	if (action != VIRTUOSO_POLICY_ACTION_ALLOW)
		vho_port_stat_inc(flow->port, VHO_STAT_sp_policy_refused);
	if (action == VIRTUOSO_POLICY_ACTION_DENY) {
		vho_sp_fail(flow, VIRTUOSO_ERR_PERM);
		return;
	}
	if (!vho_limit_conn(flow->port, now_ns)) {
		vho_sp_fail(flow, VIRTUOSO_ERR_LIMIT);
		return;
	}
	/* A connection that is dropped goes on, but its SYNs are lost (vho_flow.muted). */
	err = vho_flow_hash(flow);
	if (err == -EEXIST && vho_sp_evict_time_wait(flow, &old_snd_max, now_ns)) {
		evicted = true;
		err = vho_flow_hash(flow);
	}
	if (err) {
		vho_sp_fail(flow, err == -EEXIST ? VIRTUOSO_ERR_INUSE : VIRTUOSO_ERR_LIMIT);
		return;
	}
	vho_sp_params(flow, &par, now_ns);
	if (evicted && vho_seq_before(par.iss, old_snd_max + VHO_SP_HELD_BYTES))
		par.iss = old_snd_max + VHO_SP_HELD_BYTES;
	vho_tcp_connect(flow, &par, now_ns);
	vho_join_offer(flow);
	vho_sp_flow_after(flow, now_ns);
}

/* The guest has taken an incoming connection (or what is left of it). */
static void vho_sp_attach(struct vho_flow *flow)
{
	flow->announced = false;
	vho_sp_release_backlog(flow);
	vho_sp_hand_to_core(flow);
}

/* The guest wants none of it: before ATTACH, or while still connecting. */
static void vho_sp_abort(struct vho_flow *flow, u64 now_ns)
{
	if (flow->adopted)
		return;
	flow->announced = false;
	switch (flow->tcb.state) {
	case 0:
		vho_sp_fail(flow, VIRTUOSO_ERR_RESET);
		break;
	case TCP_CLOSE:
		/* Announced, reset by the peer, now refused: nobody else knows it. */
		if (flow->passive) {
			vho_sp_release_backlog(flow);
			vho_flow_unhash(flow);
		}
		break;
	default:
		vho_tcp_abort(flow, VIRTUOSO_ERR_RESET, now_ns);
		vho_sp_flow_after(flow, now_ns);
		break;
	}
}

/* The guest has not answered: nobody waits for ever in a backlog. */
static void vho_sp_withdraw(struct vho_flow *flow, u64 now_ns)
{
	vho_flow_tell_core(flow, VHO_FC_WITHDRAW);
	vho_sp_abort(flow, now_ns);
}

/* The port's policy says something else about the flow now. */
static void vho_sp_policy(struct vho_flow *flow, u64 now_ns)
{
	if (!vho_sp_owns(flow)) {
		vho_flow_tell_core(flow, VHO_FC_POLICY);
		return;
	}
	if (vho_policy_ends(flow)) {
		if (flow->announced) {
			vho_sp_withdraw(flow, now_ns);
		} else {
			vho_tcp_abort(flow, VIRTUOSO_ERR_PERM, now_ns);
			vho_sp_flow_after(flow, now_ns);
		}
	}
	vho_policy_done(flow);
}

void vho_sp_flow_msg(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_flow *flow = container_of(msg, struct vho_flow, to_slow.msg);
	unsigned long bits = vho_flow_post_take(&flow->to_slow);
	struct vho_port *port = flow->port;
	u64 now_ns = ktime_get_ns();

	if (bits & BIT(VHO_FS_CONNECT)) {
		if (!port->slow_guest || (bits & BIT(VHO_FS_ABORT)))
			vho_sp_fail(flow, VIRTUOSO_ERR_RESET);
		else
			vho_sp_connect(flow, now_ns);
	} else if (bits & BIT(VHO_FS_ATTACH)) {
		if (port->slow_guest && vho_sp_owns(flow) && !flow->gone &&
		    !(bits & BIT(VHO_FS_GONE)))
			vho_sp_attach(flow);
		else if (vho_sp_owns(flow))
			vho_sp_abort(flow, now_ns);
	} else if ((bits & BIT(VHO_FS_ABORT)) && vho_sp_owns(flow)) {
		vho_sp_abort(flow, now_ns);
	}
	if (bits & BIT(VHO_FS_TIME_WAIT)) {
		vho_path_close(flow);
		vho_sp_rearm(flow);
	}
	if (bits & BIT(VHO_FS_GONE)) {
		flow->gone = true;
		if (vho_sp_owns(flow) && flow->tcb.state != TCP_TIME_WAIT) {
			vho_timer_disarm(&vho_slow, &flow->timer);
			vho_sp_release_backlog(flow);
			vho_flow_unhash(flow);
		}
	}
	if (bits & BIT(VHO_FS_POLICY))
		vho_sp_policy(flow, now_ns);
	if ((bits & BIT(VHO_FS_PEER_MAC)) && vho_sp_owns(flow) && flow->hashed) {
		vho_tcp_hurry(flow, now_ns);
		vho_sp_flow_after(flow, now_ns);
	}
	if (bits & BIT(VHO_FS_PROBE))
		vho_path_probe_now(flow);
	vho_flow_put(flow);
}

void vho_sp_flow_timer(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns)
{
	struct vho_flow *flow = container_of(timer, struct vho_flow, timer);
	struct vho_port *port = flow->port;

	/* The table's reference may go; ours lasts until the end. */
	vho_flow_get(flow);
	if (flow->announced && now_ns >= flow->attach_by_ns)
		vho_sp_withdraw(flow, now_ns);
	else if (flow->deferred && now_ns >= flow->attach_by_ns)
		vho_sp_announce(flow, now_ns);
	else
		vho_tcp_timer(flow, now_ns);
	vho_sp_flow_after(flow, now_ns);
	vho_slow_charge(port, ktime_get_ns() - now_ns);
	vho_flow_put(flow);
}

/* ---- driver reset, port deletion ---- */

void vho_sp_stop_init(struct vho_sp_stop *stop, struct vho_port *port, bool all)
{
	*stop = (struct vho_sp_stop) {
		.port = port,
		.left = READ_ONCE(port->nr_flows),
		.all = all,
	};
}

/* The next flow, with a reference; the last one's is dropped. NULL: that was the last. */
static struct vho_flow *vho_sp_stop_next(struct vho_sp_stop *stop)
{
	struct vho_port *port = stop->port;
	struct vho_flow *last = stop->at, *flow;

	stop->at = NULL;
	spin_lock_bh(&port->flows_lock);
	flow = last ?: list_entry(&port->flows, struct vho_flow, port_node);
	list_for_each_entry_continue(flow, &port->flows, port_node) {
		if (!stop->left)
			break;
		stop->left--;
		if (vho_flow_get_unless_zero(flow)) {
			stop->at = flow;
			break;
		}
	}
	spin_unlock_bh(&port->flows_lock);
	if (last)
		vho_flow_put(last);
	return stop->at;
}

static void vho_sp_stop_flow(struct vho_flow *flow, bool all, u64 now_ns)
{
	if (!vho_sp_owns(flow) || !flow->hashed)
		return;
	if (!all && (flow->adopted || flow->tcb.state == TCP_TIME_WAIT))
		return;
	if (!flow->adopted && flow->tcb.state != TCP_CLOSE) {
		vho_tcp_abort(flow, VIRTUOSO_ERR_RESET, now_ns);
		flow->tcb.events = 0;
		if (!flow->passive)
			vho_flow_tell_core(flow, VHO_FC_FAILED);
	}
	vho_timer_disarm(&vho_slow, &flow->timer);
	vho_sp_release_backlog(flow);
	__skb_queue_purge(&flow->held);
	vho_flow_unhash(flow);
}

bool vho_sp_stop_step(struct vho_sp_stop *stop)
{
	u64 now_ns = ktime_get_ns();
	struct vho_flow *flow;
	unsigned int n;

	for (n = 0; n < VHO_SP_STOP_FLOWS; n++) {
		flow = vho_sp_stop_next(stop);
		if (!flow)
			return false;
		vho_sp_stop_flow(flow, stop->all, now_ns);
	}
	return true;
}
