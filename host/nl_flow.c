// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: flows.
 *
 * Flows change while they are looked at: every field is read once, by itself. A dump never holds
 * port->flows_lock for more than VHO_NL_FLOW_BATCH flows, and no other lock meanwhile. Between two
 * holds it keeps a reference to the flow where it stands; a flow stays in its port's list until the
 * last reference is gone. So a dump of any number of flows delays nobody for longer than a batch, and
 * it goes through each port's list once. That flows came or went meanwhile is seen by
 * port->flows_gen and marked with NLM_F_DUMP_INTR.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/ktime.h>
#include <linux/virtio_virtuoso.h>
#include <linux/virtuoso.h>

#include "flow.h"
#include "join.h"
#include "move.h"
#include "nl.h"
#include "nl_gen.h"
#include "nl_uplink.h"
#include "port.h"
#include "tcp.h"

#define VHO_NL_FLOW_BATCH	64

static_assert(VIRTUOSO_FLOW_STATE_ESTABLISHED == (int)TCP_ESTABLISHED);
static_assert(VIRTUOSO_FLOW_STATE_FIN_WAIT_2 == (int)TCP_FIN_WAIT2);
static_assert(VIRTUOSO_FLOW_STATE_TIME_WAIT == (int)TCP_TIME_WAIT);
static_assert(VIRTUOSO_FLOW_STATE_CLOSING == (int)TCP_CLOSING);

/**
 * struct vho_nl_flow_dump - where a dump of flows stands
 * @port: port that is gone through, with a reference; NULL: between two
 * @last: flow of @port that was visited last, with a reference; NULL: none yet
 * @next: index of the port to go on with after @port
 * @seq: for netlink_callback.seq: changes with @gen; 0: before the first look
 * @gen: generation of all that the dump covers, as last seen
 *
 * Lies in netlink_callback.ctx.
 */
struct vho_nl_flow_dump {
	struct vho_port *port;
	struct vho_flow *last;
	u32 next;
	u32 seq;
	u64 gen;
};

static struct vho_nl_flow_dump *vho_nl_flow_dump(struct netlink_callback *cb)
{
	NL_ASSERT_CTX_FITS(struct vho_nl_flow_dump);
	return (struct vho_nl_flow_dump *)cb->ctx;
}

/* a - b in sequence space, 0 <= result <= max even if the two were not read at one time. */
static u32 vho_nl_seq_span(u32 a, u32 b, u32 max)
{
	s32 span = a - b;

	return span < 0 ? 0 : min_t(u32, span, max);
}

static bool vho_nl_flow_matches(const struct vho_flow *flow, struct nlattr **want)
{
	const struct vho_flow_key *key = &flow->key;

	if (want[VIRTUOSO_A_FLOW_DIRECTION] &&
	    (nla_get_u32(want[VIRTUOSO_A_FLOW_DIRECTION]) == VIRTUOSO_FLOW_DIRECTION_PASSIVE) !=
	    flow->passive)
		return false;
	if (want[VIRTUOSO_A_FLOW_LADDR] &&
	    nla_memcmp(want[VIRTUOSO_A_FLOW_LADDR], &key->laddr, sizeof(key->laddr)))
		return false;
	if (want[VIRTUOSO_A_FLOW_RADDR] &&
	    nla_memcmp(want[VIRTUOSO_A_FLOW_RADDR], &key->raddr, sizeof(key->raddr)))
		return false;
	if (want[VIRTUOSO_A_FLOW_LPORT] &&
	    nla_get_be16(want[VIRTUOSO_A_FLOW_LPORT]) != key->lport)
		return false;
	if (want[VIRTUOSO_A_FLOW_RPORT] &&
	    nla_get_be16(want[VIRTUOSO_A_FLOW_RPORT]) != key->rport)
		return false;
	return !want[VIRTUOSO_A_FLOW_STATE] ||
	       nla_get_u32(want[VIRTUOSO_A_FLOW_STATE]) == READ_ONCE(flow->tcb.state);
}

static int vho_nl_flow_fill_name(struct sk_buff *skb, const struct vho_flow *flow)
{
	const struct vho_flow_key *key = &flow->key;
	u32 id = READ_ONCE(flow->id);

	if (nla_put_string(skb, VIRTUOSO_A_FLOW_PORT, flow->port->name) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_DIRECTION,
			flow->passive ? VIRTUOSO_FLOW_DIRECTION_PASSIVE :
					VIRTUOSO_FLOW_DIRECTION_ACTIVE) ||
	    nla_put_in6_addr(skb, VIRTUOSO_A_FLOW_LADDR, &key->laddr) ||
	    nla_put_in6_addr(skb, VIRTUOSO_A_FLOW_RADDR, &key->raddr) ||
	    nla_put_be16(skb, VIRTUOSO_A_FLOW_LPORT, key->lport) ||
	    nla_put_be16(skb, VIRTUOSO_A_FLOW_RPORT, key->rport))
		return -EMSGSIZE;
	return id == VHO_FLOW_ID_NONE ? 0 : nla_put_u32(skb, VIRTUOSO_A_FLOW_ID, id);
}

static int vho_nl_flow_fill_owner(struct sk_buff *skb, const struct vho_flow *flow)
{
	if (READ_ONCE(flow->owner) != VHO_OWNER_CORE)
		return nla_put_u32(skb, VIRTUOSO_A_FLOW_OWNER, VIRTUOSO_FLOW_OWNER_SLOW);
	if (nla_put_u32(skb, VIRTUOSO_A_FLOW_OWNER, VIRTUOSO_FLOW_OWNER_CORE))
		return -EMSGSIZE;
	return nla_put_u32(skb, VIRTUOSO_A_FLOW_CORE, vho_group_core_index(READ_ONCE(flow->group)));
}

static int vho_nl_flow_fill_queues(struct sk_buff *skb, const struct vho_tcb *tcb)
{
	u32 snd_una = READ_ONCE(tcb->snd_una);
	u32 rcv_nxt = READ_ONCE(tcb->rcv_nxt);
	u32 tx_size = READ_ONCE(tcb->tx_size);
	u32 rx_size = READ_ONCE(tcb->rx_size);
	u32 rcv_end = rcv_nxt - tcb->fin_rcvd;

	if (nla_put_u32(skb, VIRTUOSO_A_FLOW_SNDQ_BYTES,
			vho_nl_seq_span(READ_ONCE(tcb->tx_end), snd_una, tx_size)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_RCVQ_BYTES,
			vho_nl_seq_span(rcv_end, READ_ONCE(tcb->rx_read), rx_size)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_TX_RING_BYTES, tx_size) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_RX_RING_BYTES, rx_size) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_UNACKED_BYTES,
			vho_nl_seq_span(READ_ONCE(tcb->snd_max), snd_una, tx_size)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_SND_WND_BYTES, READ_ONCE(tcb->snd_wnd)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_RCV_WND_BYTES,
			vho_nl_seq_span(READ_ONCE(tcb->rcv_adv), rcv_nxt, rx_size)))
		return -EMSGSIZE;
	return 0;
}

static int vho_nl_flow_fill_congestion(struct sk_buff *skb, const struct vho_tcb *tcb)
{
	u32 srtt_us = READ_ONCE(tcb->srtt_us);

	if (nla_put_u32(skb, VIRTUOSO_A_FLOW_CWND_BYTES, READ_ONCE(tcb->cwnd)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_SSTHRESH_BYTES, READ_ONCE(tcb->ssthresh)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_RTO_US, READ_ONCE(tcb->rto_us)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_MSS, READ_ONCE(tcb->mss)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_BACKOFF, READ_ONCE(tcb->backoff)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_RETRANS_SEGS, READ_ONCE(tcb->retrans_segs)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_RTO_COUNT, READ_ONCE(tcb->rto_count)) ||
	    nla_put_uint(skb, VIRTUOSO_A_FLOW_TX_BYTES, READ_ONCE(tcb->tx_bytes)) ||
	    nla_put_uint(skb, VIRTUOSO_A_FLOW_RX_BYTES, READ_ONCE(tcb->rx_bytes)))
		return -EMSGSIZE;
	if (!srtt_us)
		return 0;
	if (nla_put_u32(skb, VIRTUOSO_A_FLOW_SRTT_US, srtt_us))
		return -EMSGSIZE;
	return nla_put_u32(skb, VIRTUOSO_A_FLOW_RTTVAR_US, READ_ONCE(tcb->rttvar_us));
}

static int vho_nl_flow_fill_timer(struct sk_buff *skb, const struct vho_tcb *tcb)
{
	const u64 at_ns[] = {
		[VIRTUOSO_FLOW_TIMER_RETRANSMIT] = READ_ONCE(tcb->rto_at_ns),
		[VIRTUOSO_FLOW_TIMER_DELAYED_ACK] = READ_ONCE(tcb->delack_at_ns),
		[VIRTUOSO_FLOW_TIMER_CLOSE] = READ_ONCE(tcb->close_at_ns),
		[VIRTUOSO_FLOW_TIMER_KEEPALIVE] = READ_ONCE(tcb->keepalive_at_ns),
	};
	u32 next = VIRTUOSO_FLOW_TIMER_NONE;
	u64 now_ns = ktime_get_ns();
	u32 i;

	for (i = VIRTUOSO_FLOW_TIMER_RETRANSMIT; i < ARRAY_SIZE(at_ns); i++)
		if (at_ns[i] && (!next || at_ns[i] < at_ns[next]))
			next = i;
	if (nla_put_u32(skb, VIRTUOSO_A_FLOW_TIMER, next))
		return -EMSGSIZE;
	if (!next)
		return 0;
	return nla_put_uint(skb, VIRTUOSO_A_FLOW_TIMER_US,
			    at_ns[next] > now_ns ?
			    div_u64(at_ns[next] - now_ns, NSEC_PER_USEC) : 0);
}

static int vho_nl_flow_fill_options(struct sk_buff *skb, const struct vho_tcb *tcb)
{
	u16 app = READ_ONCE(tcb->app);
	u32 options = 0;

	if (tcb->ts_ok)
		options |= VIRTUOSO_FLOW_OPTION_TIMESTAMPS;
	if (tcb->ws_ok)
		options |= VIRTUOSO_FLOW_OPTION_WSCALE;
	if (app & VIRTUOSO_SF_NODELAY)
		options |= VIRTUOSO_FLOW_OPTION_NODELAY;
	if (app & VIRTUOSO_SF_CORK)
		options |= VIRTUOSO_FLOW_OPTION_CORK;
	if (tcb->in_recovery)
		options |= VIRTUOSO_FLOW_OPTION_RECOVERY;
	if (tcb->ecn_ok)
		options |= VIRTUOSO_FLOW_OPTION_ECN;
	return nla_put_u32(skb, VIRTUOSO_A_FLOW_OPTIONS, options);
}

static const u8 vho_nl_join_states[] = {
	[VHO_JOIN_PROVING] = VIRTUOSO_FLOW_JOIN_PROVING,
	[VHO_JOIN_UP] = VIRTUOSO_FLOW_JOIN_JOINED,
	[VHO_JOIN_PARTING] = VIRTUOSO_FLOW_JOIN_PARTING,
	[VHO_JOIN_OVER] = VIRTUOSO_FLOW_JOIN_PARTING,
};

static int vho_nl_join_fill(struct sk_buff *skb, const struct vho_join *join, unsigned int side)
{
	const struct vho_join_side *me = &join->side[side], *peer = &join->side[!side];
	u64 now_ns = ktime_get_ns(), verified_ns = READ_ONCE(me->verified_ns);
	u16 reason = READ_ONCE(join->reason);
	int state = READ_ONCE(join->state);

	if (nla_put_u32(skb, VIRTUOSO_A_FLOW_JOIN, vho_nl_join_states[state]) ||
	    nla_put_string(skb, VIRTUOSO_A_FLOW_JOIN_PORT, peer->port) ||
	    nla_put_uint(skb, VIRTUOSO_A_FLOW_JOIN_TX_BYTES, READ_ONCE(me->tx_bytes)) ||
	    nla_put_uint(skb, VIRTUOSO_A_FLOW_JOIN_RX_BYTES, READ_ONCE(me->rx_bytes)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_JOIN_PARTED, READ_ONCE(join->parted)))
		return -EMSGSIZE;
	if (state == VHO_JOIN_UP &&
	    nla_put_uint(skb, VIRTUOSO_A_FLOW_JOIN_VERIFIED_US,
			 div_u64(now_ns - min(verified_ns, now_ns), NSEC_PER_USEC)))
		return -EMSGSIZE;
	return reason ? nla_put_string(skb, VIRTUOSO_A_FLOW_JOIN_REASON, vho_stat_names[reason]) : 0;
}

static int vho_nl_flow_fill_join(struct sk_buff *skb, const struct vho_flow *flow)
{
	const struct vho_join *join;
	int err = 0;

	rcu_read_lock();
	join = rcu_dereference(flow->join);
	if (join)
		err = vho_nl_join_fill(skb, join, READ_ONCE(flow->join_side));
	rcu_read_unlock();
	return err;
}

static int vho_nl_flow_fill(struct sk_buff *skb, const struct vho_flow *flow)
{
	const struct vho_tcb *tcb = &flow->tcb;
	u8 state = READ_ONCE(tcb->state);

	/* A flow that has only just been made has no state yet. */
	if (nla_put_u32(skb, VIRTUOSO_A_FLOW_STATE, state ? state : VIRTUOSO_FLOW_STATE_CLOSE) ||
	    vho_nl_flow_fill_name(skb, flow) ||
	    vho_nl_flow_fill_owner(skb, flow) ||
	    vho_nl_flow_fill_queues(skb, tcb) ||
	    vho_nl_flow_fill_congestion(skb, tcb) ||
	    vho_nl_flow_fill_timer(skb, tcb) ||
	    vho_nl_flow_fill_options(skb, tcb) ||
	    vho_nl_flow_fill_join(skb, flow) ||
	    vho_nl_path_fill(skb, flow))
		return -EMSGSIZE;
	return 0;
}

static int vho_nl_flow_dump_one(struct sk_buff *skb, struct netlink_callback *cb,
				const struct vho_flow *flow)
{
	void *hdr = genlmsg_iput(skb, genl_info_dump(cb));

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	if (vho_nl_flow_fill(skb, flow)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/*
 * Remembers with a reference that the dump stands at @flow, or, when that is about to be freed,
 * at one before it. port->flows_lock is held.
 */
static void vho_nl_flow_stand(struct vho_nl_flow_dump *at, struct vho_flow *flow)
{
	while (flow && flow != at->last && !vho_flow_get_unless_zero(flow))
		flow = list_is_first(&flow->port_node, &at->port->flows) ?
		       NULL : list_prev_entry(flow, port_node);
	at->last = flow;
}

/* Visits up to VHO_NL_FLOW_BATCH flows. Return: 1 there are more, 0 that was all, -EMSGSIZE. */
static int vho_nl_flow_dump_batch(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr **want = genl_info_dump(cb)->attrs;
	struct vho_nl_flow_dump *at = vho_nl_flow_dump(cb);
	struct vho_flow *old = at->last, *visited = old, *flow;
	struct vho_port *port = at->port;
	unsigned int n = 0;
	int ret = 0;

	spin_lock_bh(&port->flows_lock);
	flow = old ?: list_entry(&port->flows, struct vho_flow, port_node);
	list_for_each_entry_continue(flow, &port->flows, port_node) {
		if (n++ == VHO_NL_FLOW_BATCH) {
			ret = 1;
			break;
		}
		if (kref_read(&flow->ref) && vho_nl_flow_matches(flow, want))
			ret = vho_nl_flow_dump_one(skb, cb, flow);
		if (ret)
			break;
		visited = flow;
	}
	if (visited != old)
		vho_nl_flow_stand(at, visited);
	spin_unlock_bh(&port->flows_lock);
	if (old && old != at->last)
		vho_flow_put(old);
	return ret;
}

static void vho_nl_flow_leave_port(struct vho_nl_flow_dump *at)
{
	if (at->last)
		vho_flow_put(at->last);
	if (at->port)
		vho_port_put(at->port);
	at->last = NULL;
	at->port = NULL;
}

static bool vho_nl_flow_covers(struct netlink_callback *cb, const struct vho_port *port)
{
	struct nlattr *only = genl_info_dump(cb)->attrs[VIRTUOSO_A_FLOW_PORT];

	return !port->dying && (!only || !nla_strcmp(only, port->name));
}

/* Goes on to the next port that the dump covers. Return: there is one. */
static bool vho_nl_flow_next_port(struct netlink_callback *cb)
{
	struct vho_nl_flow_dump *at = vho_nl_flow_dump(cb);
	struct vho_port *port;

	vho_nl_flow_leave_port(at);
	mutex_lock(&vho_ports_lock);
	while ((port = vho_port_next(at->next)) && !at->port) {
		at->next = port->index + 1;
		if (!vho_nl_flow_covers(cb, port))
			continue;
		vho_port_get(port);
		at->port = port;
	}
	mutex_unlock(&vho_ports_lock);
	return at->port;
}

/* Notes in cb->seq whether flows or ports came or went since the last look. */
static void vho_nl_flow_look(struct netlink_callback *cb)
{
	struct vho_nl_flow_dump *at = vho_nl_flow_dump(cb);
	u64 gen = (u64)vho_nl_ports_seq() << 32;
	struct vho_port *port;
	u32 index;

	mutex_lock(&vho_ports_lock);
	for (port = vho_port_next(0); port; port = vho_port_next(index)) {
		index = port->index + 1;
		if (vho_nl_flow_covers(cb, port))
			gen += READ_ONCE(port->flows_gen);
	}
	mutex_unlock(&vho_ports_lock);
	if (!at->seq || gen != at->gen)
		at->seq++;
	at->gen = gen;
	cb->seq = at->seq;
}

/* Context: NL. */
int virtuoso_nl_flow_get_start(struct netlink_callback *cb)
{
	return vho_nl_filter_check(genl_info_dump(cb)->attrs[VIRTUOSO_A_FLOW_PORT], cb);
}

/* Context: NL. */
int virtuoso_nl_flow_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vho_nl_flow_dump *at = vho_nl_flow_dump(cb);
	int ret = 0;

	vho_nl_flow_look(cb);
	while (at->port || vho_nl_flow_next_port(cb)) {
		do {
			ret = vho_nl_flow_dump_batch(skb, cb);
			cond_resched();
		} while (ret > 0);
		if (ret)
			break;
		vho_nl_flow_leave_port(at);
	}
	/* For the next call, or for the end of the dump. */
	vho_nl_flow_look(cb);
	return ret;
}

/* Context: NL; the last one to use the dump's socket, whichever way it ended. */
int virtuoso_nl_flow_get_done(struct netlink_callback *cb)
{
	vho_nl_flow_leave_port(vho_nl_flow_dump(cb));
	return 0;
}

/* ---- one flow ---- */

static int vho_nl_flow_key(struct genl_info *info, struct vho_flow_key *key)
{
	struct nlattr **attrs = info->attrs;
	struct vho_port *port;

	if (GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_FLOW_PORT) ||
	    GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_FLOW_LADDR) ||
	    GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_FLOW_RADDR) ||
	    GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_FLOW_LPORT) ||
	    GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_FLOW_RPORT)) {
		NL_SET_ERR_MSG(info->extack, "a flow is named by port, laddr, raddr, lport and rport");
		return -EINVAL;
	}
	port = vho_nl_port_find(attrs[VIRTUOSO_A_FLOW_PORT], info->extack);
	if (IS_ERR(port))
		return PTR_ERR(port);
	*key = (struct vho_flow_key){
		.laddr = nla_get_in6_addr(attrs[VIRTUOSO_A_FLOW_LADDR]),
		.raddr = nla_get_in6_addr(attrs[VIRTUOSO_A_FLOW_RADDR]),
		.lport = nla_get_be16(attrs[VIRTUOSO_A_FLOW_LPORT]),
		.rport = nla_get_be16(attrs[VIRTUOSO_A_FLOW_RPORT]),
		.port_index = port->index,
	};
	vho_port_put(port);
	return 0;
}

static struct vho_flow *vho_nl_flow_find(const struct vho_flow_key *key)
{
	struct vho_flow *flow;

	rcu_read_lock();
	flow = vho_flow_lookup_rcu(key);
	if (flow && !vho_flow_get_unless_zero(flow))
		flow = NULL;
	rcu_read_unlock();
	return flow;
}

/* Context: NL. */
int virtuoso_nl_flow_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_flow_key key;
	struct vho_flow *flow;
	struct sk_buff *reply;
	void *hdr;
	int err;

	err = vho_nl_flow_key(info, &key);
	if (err)
		return err;
	flow = vho_nl_flow_find(&key);
	if (!flow) {
		NL_SET_ERR_MSG(info->extack, "there is no such flow");
		return -ENOENT;
	}
	err = -ENOMEM;
	reply = vho_nl_reply_new(info, &hdr);
	if (reply)
		err = vho_nl_reply_send(reply, hdr, info, vho_nl_flow_fill(reply, flow));
	vho_flow_put(flow);
	return err;
}
