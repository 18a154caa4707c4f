// SPDX-License-Identifier: GPL-2.0
/*
 * What the operator lets a guest do, applied to connections: when they are set up, and to those that
 * live when the set of rules changes.
 *
 * A flow remembers what was decided about it; its packets are never looked at. When a set changes, the
 * thread that changed it walks over the port's flows a few at a time, and asks the owner of each
 * one for which the answer is now another (VHO_FC_POLICY, VHO_FS_POLICY). So few requests are under way
 * at a time that other ports of the same core hardly notice.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/wait_bit.h>

#include "flow.h"
#include "fp.h"
#include "policy.h"
#include "port.h"
#include "slow.h"

/* Flows visited in one go, under port->flows_lock. */
#define VHO_POLICY_BATCH	32
/* Requests under way before the walk waits. */
#define VHO_POLICY_WINDOW	32

/* Bits of vho_flow.policy_flags */
#define VHO_POLICY_ASKED	0

static void vho_policy_remember(struct vho_flow *flow, const struct vho_policy_verdict *v)
{
	WRITE_ONCE(flow->policy_rule, v->rule);
	WRITE_ONCE(flow->muted, v->action == VIRTUOSO_POLICY_ACTION_DROP ||
		   v->rule == VHO_POLICY_BY_SOURCE);
	WRITE_ONCE(flow->dscp, v->dscp);
	vho_tcp_set_flight_limit(&flow->tcb, v->buffer_bytes);
	vho_flow_set_tos(flow, flow->guest_tos);
}

/*
 * Whoever changes the set looks at the flow after that, and we look at the set after we have
 * changed the flow: one of us sees the other.
 */
u8 vho_policy_apply(struct vho_flow *flow, struct vho_policy_verdict *v)
{
	struct vho_port *port = flow->port;
	struct vho_policy *policy;

	rcu_read_lock();
	for (;;) {
		vho_policy_remember(flow, v);
		/* Pairs with smp_mb() in vho_policy_walk_step(). */
		smp_mb();
		policy = rcu_dereference(port->policy);
		if (v->serial == (policy ? policy->serial : 0))
			break;
		vho_policy_judge(policy, &flow->key, flow->passive, v);
		vho_policy_count(policy, v);
	}
	rcu_read_unlock();
	return v->action;
}

u8 vho_policy_admit(struct vho_flow *flow)
{
	struct vho_policy_verdict v;

	vho_policy_decide(flow->port, &flow->key, flow->passive, &v);
	return vho_policy_apply(flow, &v);
}

bool vho_policy_ends(struct vho_flow *flow)
{
	u8 action = vho_policy_admit(flow), state = flow->tcb.state;

	if (action == VIRTUOSO_POLICY_ACTION_ALLOW || !state || state == TCP_CLOSE ||
	    state == TCP_TIME_WAIT)
		return false;
	/* It hears nothing, as if it had only now begun. */
	if (state == TCP_SYN_SENT && action == VIRTUOSO_POLICY_ACTION_DROP)
		return false;
	vho_port_stat_inc(flow->port, VHO_STAT_sp_policy_ended);
	return true;
}

/* ---- the owner's part of a change ---- */

void vho_policy_done(struct vho_flow *flow)
{
	struct vho_port *port = flow->port;

	/* A walk that comes now asks again. */
	clear_bit_unlock(VHO_POLICY_ASKED, &flow->policy_flags);
	if (atomic_dec_return(&port->policy_pending) < VHO_POLICY_WINDOW)
		wake_up_var(&port->policy_pending);
}

/* Goes on at whom the flow belongs to, if it is not the one that was asked. */
static void vho_policy_tell(struct vho_flow *flow)
{
	if (READ_ONCE(flow->owner) == &vho_slow)
		vho_flow_tell_slow(flow, VHO_FS_POLICY);
	else
		vho_flow_tell_core(flow, VHO_FC_POLICY);
}

/**
 * vho_policy_core() - the port's set of rules says something else about a flow now
 * @flow: flow
 * @now_ns: clock
 *
 * Context: FP.
 */
void vho_policy_core(struct vho_flow *flow, u64 now_ns)
{
	if (!vho_fp_owns(flow, now_ns)) {
		vho_policy_tell(flow);
		return;
	}
	if (vho_policy_ends(flow)) {
		vho_tcp_abort(flow, VIRTUOSO_ERR_PERM, now_ns);
		vho_fp_flow_after(flow, now_ns);
	}
	vho_policy_done(flow);
}

/* ---- the walk ---- */

/* Does the set now say something else about @flow than it was told? If not, counts it. */
static bool vho_policy_differs(struct vho_port *port, struct vho_flow *flow)
{
	struct vho_policy_verdict v;
	struct vho_policy *policy;
	bool differs;

	rcu_read_lock();
	policy = rcu_dereference(port->policy);
	vho_policy_judge(policy, &flow->key, flow->passive, &v);
	differs = v.action != VIRTUOSO_POLICY_ACTION_ALLOW || READ_ONCE(flow->muted) ||
		  READ_ONCE(flow->dscp) != v.dscp ||
		  READ_ONCE(flow->tcb.flight_limit) != v.buffer_bytes;
	if (!differs) {
		WRITE_ONCE(flow->policy_rule, v.rule);
		vho_policy_count(policy, &v);
	}
	rcu_read_unlock();
	return differs;
}

static void vho_policy_ask(struct vho_port *port, struct vho_flow *flow)
{
	if (test_and_set_bit(VHO_POLICY_ASKED, &flow->policy_flags))
		return;
	atomic_inc(&port->policy_pending);
	vho_policy_tell(flow);
}

/* The next flows after @last, with references. Return: how many. */
static unsigned int vho_policy_batch(struct vho_port *port, struct vho_flow *last,
				     struct vho_flow **batch)
{
	struct vho_flow *flow;
	unsigned int n = 0;

	spin_lock_bh(&port->flows_lock);
	flow = last ?: list_entry(&port->flows, struct vho_flow, port_node);
	list_for_each_entry_continue(flow, &port->flows, port_node) {
		if (n == VHO_POLICY_BATCH)
			break;
		if (vho_flow_get_unless_zero(flow))
			batch[n++] = flow;
	}
	spin_unlock_bh(&port->flows_lock);
	return n;
}

bool vho_policy_walk_step(struct vho_port *port, struct vho_policy_walk *walk)
{
	struct vho_flow *batch[VHO_POLICY_BATCH], *last = walk->last;
	unsigned int i, n;

	/* The set was changed before: pairs with smp_mb() in vho_policy_apply(). */
	smp_mb();
	n = vho_policy_batch(port, last, batch);
	for (i = 0; i < n; i++)
		if (vho_policy_differs(port, batch[i]))
			vho_policy_ask(port, batch[i]);
	walk->last = n ? batch[n - 1] : NULL;
	for (i = 0; i + 1 < n; i++)
		vho_flow_put(batch[i]);
	if (last)
		vho_flow_put(last);
	return n;
}

void vho_policy_walk(struct vho_port *port)
{
	struct vho_policy_walk walk = { };

	while (vho_policy_walk_step(port, &walk)) {
		if (wait_var_event_killable(&port->policy_pending,
					    atomic_read(&port->policy_pending) < VHO_POLICY_WINDOW))
			break;
		cond_resched();
	}
	if (walk.last)
		vho_flow_put(walk.last);
	wait_var_event_killable(&port->policy_pending, !atomic_read(&port->policy_pending));
}
