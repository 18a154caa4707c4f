// SPDX-License-Identifier: GPL-2.0
/*
 * Flows: allocation, lookup table, messages between owners.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "flow.h"
#include "fp.h"
#include "join.h"
#include "move.h"
#include "path.h"
#include "path_probe.h"
#include "port.h"
#include "slow.h"
#include "trace.h"

static struct kmem_cache *vho_flow_cache;
static struct rhashtable vho_flow_table;

static const struct rhashtable_params vho_flow_params = {
	.key_len = sizeof(struct vho_flow_key),
	.key_offset = offsetof(struct vho_flow, key),
	.head_offset = offsetof(struct vho_flow, hash),
	.automatic_shrinking = true,
	/* A few connections that come and go do not make it grow and shrink. */
	.min_size = 1024,
};

int vho_flows_init(void)
{
	int err;

	vho_flow_cache = KMEM_CACHE(vho_flow, SLAB_HWCACHE_ALIGN);
	if (!vho_flow_cache)
		return -ENOMEM;
	err = rhashtable_init(&vho_flow_table, &vho_flow_params);
	if (err)
		kmem_cache_destroy(vho_flow_cache);
	return err;
}

void vho_flows_exit(void)
{
	rhashtable_destroy(&vho_flow_table);
	rcu_barrier();	/* vho_flow_free_rcu() */
	kmem_cache_destroy(vho_flow_cache);
}

/**
 * vho_flow_alloc() - make a flow, listed at its port, not hashed, owned by the slow path
 * @port: whose
 * @key: its tuple
 * @gfp: allocation flags
 *
 * Context: any that @gfp allows.
 * Return: the flow with one reference, NULL: no memory or over the port's limit.
 */
struct vho_flow *vho_flow_alloc(struct vho_port *port, const struct vho_flow_key *key, gfp_t gfp)
{
	struct vho_flow *flow;
	bool room;

	flow = kmem_cache_zalloc(vho_flow_cache, gfp | __GFP_NOWARN);
	if (!flow)
		return NULL;
	flow->key = *key;
	flow->id = VHO_FLOW_ID_NONE;
	flow->owner = &vho_slow;
	flow->port = port;
	flow->group = port->group[0];
	flow->to_slow.msg.fn = vho_sp_flow_msg;
	flow->to_core.msg.fn = vho_fp_flow_msg;
	vho_timer_init(&flow->timer, vho_sp_flow_timer);
	__skb_queue_head_init(&flow->held);
	INIT_HLIST_NODE(&flow->join_node);
	INIT_LIST_HEAD(&flow->msg_node);
	INIT_LIST_HEAD(&flow->tx_node);
	INIT_LIST_HEAD(&flow->news_node);
	kref_init(&flow->ref);

	spin_lock_bh(&port->flows_lock);
	room = port->nr_flows < READ_ONCE(port->max_flows);
	if (room) {
		port->nr_flows++;
		port->flows_gen++;
		list_add_tail(&flow->port_node, &port->flows);
	}
	spin_unlock_bh(&port->flows_lock);
	if (!room) {
		kmem_cache_free(vho_flow_cache, flow);
		return NULL;
	}
	vho_port_get(port);
	return flow;
}

static void vho_flow_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(vho_flow_cache, container_of(rcu, struct vho_flow, rcu));
}

static void vho_flow_release(struct kref *ref)
{
	struct vho_flow *flow = container_of(ref, struct vho_flow, ref);
	struct vho_port *port = flow->port;

	spin_lock_bh(&port->flows_lock);
	list_del(&flow->port_node);
	port->nr_flows--;
	port->flows_gen++;
	spin_unlock_bh(&port->flows_lock);
	__skb_queue_purge(&flow->held);
	call_rcu(&flow->rcu, vho_flow_free_rcu);
	vho_port_put(port);
}

void vho_flow_get(struct vho_flow *flow)
{
	kref_get(&flow->ref);
}

void vho_flow_put(struct vho_flow *flow)
{
	kref_put(&flow->ref, vho_flow_release);
}

bool vho_flow_get_unless_zero(struct vho_flow *flow)
{
	return kref_get_unless_zero(&flow->ref);
}

struct vho_flow *vho_flow_lookup_rcu(const struct vho_flow_key *key)
{
	return rhashtable_lookup(&vho_flow_table, key, vho_flow_params);
}

/**
 * vho_flow_hash() - make a flow reachable by its packets
 * @flow: flow
 *
 * Context: SP.
 * Return: 0, -EEXIST: the tuple is in use, -ENOMEM.
 */
int vho_flow_hash(struct vho_flow *flow)
{
	int err;

	vho_flow_get(flow);
	err = rhashtable_lookup_insert_fast(&vho_flow_table, &flow->hash, vho_flow_params);
	if (err) {
		vho_flow_put(flow);
		return err;
	}
	flow->hashed = true;
	vho_path_track_start(flow);
	return 0;
}

/*
 * Context: SP, the flow's owner. Packets on their way still hold references; the timer does not: it
 * lives on the table's.
 */
void vho_flow_unhash(struct vho_flow *flow)
{
	if (!flow->hashed)
		return;
	flow->hashed = false;
	vho_join_leave(flow);
	vho_timer_disarm(&vho_slow, &flow->timer);
	vho_path_track_end(flow);
	rhashtable_remove_fast(&vho_flow_table, &flow->hash, vho_flow_params);
	vho_flow_put(flow);
}

/* Return: the message is the caller's to post, and holds a reference. */
static bool vho_flow_ask(struct vho_flow *flow, struct vho_flow_post *post, unsigned int bit)
{
	set_bit(bit, &post->bits);
	/* The receiver clears the mark before it takes the bits: a bit set now is seen or posted. */
	if (test_and_set_bit(0, &post->queued))
		return false;
	vho_flow_get(flow);
	return true;
}

void vho_flow_tell_slow(struct vho_flow *flow, unsigned int bit)
{
	if (vho_flow_ask(flow, &flow->to_slow, bit))
		vho_slow_post(flow->port, &flow->to_slow.msg);
}

void vho_flow_tell_core(struct vho_flow *flow, unsigned int bit)
{
	if (vho_flow_ask(flow, &flow->to_core, bit))
		vho_group_post(READ_ONCE(flow->group), &flow->to_core.msg);
}

unsigned long vho_flow_post_take(struct vho_flow_post *post)
{
	clear_bit(0, &post->queued);
	/* Pairs with set_bit() before test_and_set_bit() in vho_flow_ask(). */
	smp_mb__after_atomic();
	return xchg(&post->bits, 0);
}

/* Context: the owner. */
void vho_flow_rearm(struct vho_flow *flow, struct timerqueue_head *timers)
{
	u32 retrans_segs = flow->tcb.retrans_segs;
	u8 state = flow->tcb.state;
	u64 at_ns;

	if (unlikely(state != flow->state_traced)) {
		trace_vho_flow_state(flow, flow->state_traced, state);
		flow->state_traced = state;
	}
	if (unlikely(retrans_segs != flow->retrans_counted)) {
		vho_port_stat_add(flow->port, VHO_STAT_fp_retrans_segs,
				  retrans_segs - flow->retrans_counted);
		flow->retrans_counted = retrans_segs;
		/* Nothing comes back: is it the path? */
		if (flow->tcb.backoff && rcu_access_pointer(flow->path))
			vho_path_probe_flow(flow);
	}
	at_ns = vho_tcp_deadline(&flow->tcb);
	if (flow->join_at_ns && state != TCP_CLOSE)
		at_ns = min(at_ns, flow->join_at_ns);
	vho_timers_arm(timers, &flow->timer, at_ns);
}
