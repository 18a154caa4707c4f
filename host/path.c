// SPDX-License-Identifier: GPL-2.0
/*
 * Paths: what is known of each flow's, from its handshake to its end.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/hash.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "conntrack.h"
#include "flow.h"
#include "path.h"
#include "path_probe.h"
#include "port.h"
#include "slow.h"
#include "tcp_int.h"
#include "uplink.h"

#define VHO_PATH_HASH_BITS	14

/* Tracks by initial sequence number. The slow path writes; RCU readers. */
static struct hlist_head *vho_path_hash;
static unsigned int vho_path_nr;	/* in the hash; slow path, READ_ONCE */

static struct hlist_head *vho_path_bucket(u32 iss)
{
	return &vho_path_hash[hash_32(iss, VHO_PATH_HASH_BITS)];
}

int vho_paths_init(void)
{
	vho_path_hash = kvcalloc(1 << VHO_PATH_HASH_BITS, sizeof(*vho_path_hash), GFP_KERNEL);
	if (!vho_path_hash)
		return -ENOMEM;
	vho_path_probes_init();
	return 0;
}

void vho_paths_exit(void)
{
	rcu_barrier();	/* vho_path_free_rcu() */
	kvfree(vho_path_hash);
}

bool vho_path_any(void)
{
	return READ_ONCE(vho_path_nr);
}

/* ---- templates ---- */

static void vho_path_free_rcu(struct rcu_head *rcu)
{
	struct vho_path *path = container_of(rcu, struct vho_path, rcu);

	vho_uplink_put(path->uplink);
	kfree(path);
}

/**
 * vho_path_free() - let go of a template, published or not
 * @path: template, NULL: nothing happens
 *
 * Context: any.
 */
void vho_path_free(struct vho_path *path)
{
	if (path)
		call_rcu(&path->rcu, vho_path_free_rcu);
}

static struct vho_path *vho_path_of(struct vho_path_track *track)
{
	return rcu_dereference_protected(track->path, lockdep_is_held(&track->lock));
}

void __vho_path_take(struct vho_path_track *track, struct vho_path *path)
{
	struct vho_path *old = vho_path_of(track);

	if (old) {
		path->hits = READ_ONCE(old->hits);
		track->changes++;
		vho_port_stat_inc(track->flow->port, VHO_STAT_path_changed);
	}
	rcu_assign_pointer(track->path, path);
	vho_path_rx_follow(track, path);
	/* A path that was lost comes back; before the handshake's end none is used. */
	if (track->state != VHO_PATH_LEARNING) {
		WRITE_ONCE(track->state, VHO_PATH_UP);
		rcu_assign_pointer(track->flow->path, path);
	}
	if (track->state != VHO_PATH_LEARNING && (!old || old->mss_limit != path->mss_limit))
		vho_flow_tell_core(track->flow, VHO_FC_PATH);
	vho_path_free(old);
	vho_port_stat_inc(track->flow->port, VHO_STAT_path_learned);
}

static enum vho_stat vho_path_reason_stat(enum vho_path_reason reason)
{
	switch (reason) {
	case VHO_PATH_UPLINK_GONE:
		return VHO_STAT_path_lost_uplink;
	case VHO_PATH_REFUSED_HEADERS:
		return VHO_STAT_path_refused_headers;
	case VHO_PATH_REFUSED_GRE_SEQ:
		return VHO_STAT_path_refused_gre_seq;
	case VHO_PATH_REFUSED_FILTER:
		return VHO_STAT_path_refused_filter;
	case VHO_PATH_REFUSED_FLOOD:
		return VHO_STAT_path_refused_flood;
	case VHO_PATH_NEXT_HOP:
		return VHO_STAT_path_lost_next_hop;
	default:
		return VHO_STAT_path_lost_probe;
	}
}

void __vho_path_lose(struct vho_path_track *track, enum vho_path_reason reason)
{
	struct vho_path *old = vho_path_of(track);

	if (track->state == VHO_PATH_OVER)
		return;
	if (reason != VHO_PATH_ENDED && (track->reason != reason || old))
		vho_port_stat_inc(track->flow->port, vho_path_reason_stat(reason));
	WRITE_ONCE(track->reason, reason);
	if (track->state == VHO_PATH_UP)
		WRITE_ONCE(track->state, VHO_PATH_LOST);
	if (!old)
		return;
	track->losses++;
	RCU_INIT_POINTER(track->flow->path, NULL);
	RCU_INIT_POINTER(track->path, NULL);
	vho_path_rx_lost(track);
	vho_path_free(old);
}

void vho_path_lose(struct vho_path_track *track, enum vho_path_reason reason)
{
	spin_lock_bh(&track->lock);
	__vho_path_lose(track, reason);
	spin_unlock_bh(&track->lock);
}

static void vho_path_lose_if(struct vho_path_track *track, const struct vho_uplink *uplink)
{
	struct vho_path *path;

	spin_lock_bh(&track->lock);
	path = vho_path_of(track);
	if (path && path->uplink == uplink)
		__vho_path_lose(track, VHO_PATH_UPLINK_GONE);
	vho_path_rx_lose_uplink(track, uplink);
	spin_unlock_bh(&track->lock);
}

void vho_path_lose_uplink(struct vho_uplink *uplink)
{
	struct vho_path_track *track;
	unsigned int i;

	for (i = 0; i < 1 << VHO_PATH_HASH_BITS; i++) {
		rcu_read_lock();
		hlist_for_each_entry_rcu(track, &vho_path_hash[i], learn_node)
			vho_path_lose_if(track, uplink);
		rcu_read_unlock();
		cond_resched();
	}
}

/* ---- expectations ---- */

bool vho_path_expects(const struct vho_path_expect *want, const struct vho_path_expect *seen)
{
	return want->flags == seen->flags && want->seq == seen->seq && want->ack == seen->ack &&
	       want->has_ts == seen->has_ts && (!want->has_ts || want->tsval == seen->tsval);
}

/**
 * vho_path_find_rcu() - the flow that expects a segment
 * @seen: what was seen
 *
 * Context: RCU read side.
 * Return: its track, NULL: none. Whether the expectation still stands is to be looked at again under its lock.
 */
struct vho_path_track *vho_path_find_rcu(const struct vho_path_expect *seen)
{
	u32 iss = seen->flags & VHO_TCPF_SYN ? seen->seq : seen->seq - 1;
	struct vho_path_track *track;

	hlist_for_each_entry_rcu(track, vho_path_bucket(iss), learn_node)
		if (track->iss == iss && (vho_path_expects(&track->shake, seen) ||
					  vho_path_expects(&track->probe, seen)))
			return track;
	return NULL;
}

/* ---- a flow's life ---- */

/* Slow path. */
static struct vho_path_track *vho_path_track(struct vho_flow *flow)
{
	return rcu_dereference_protected(flow->track, true);
}

void vho_path_track_start(struct vho_flow *flow)
{
	struct vho_path_track *track;

	if (likely(!vho_uplinks_any()))
		return;
	track = kzalloc(sizeof(*track), GFP_KERNEL | __GFP_NOWARN);
	if (!track)
		return;
	track->flow = flow;
	spin_lock_init(&track->lock);
	INIT_LIST_HEAD(&track->wheel_node);
	INIT_LIST_HEAD(&track->verdict_node);
	track->mss_limit = flow->tcb.mss_limit;
	rcu_assign_pointer(flow->track, track);
}

static void vho_path_hash_add(struct vho_path_track *track, u32 iss)
{
	track->iss = iss;
	track->learns = true;
	WRITE_ONCE(vho_path_nr, vho_path_nr + 1);
	hlist_add_head_rcu(&track->learn_node, vho_path_bucket(iss));
}

void vho_path_expect_shake(struct vho_flow *flow, const struct vho_tx_seg *seg)
{
	struct vho_path_track *track = vho_path_track(flow);
	struct vho_tcp_opt opt;

	if (!track || track->closed)
		return;
	vho_tcp_opt_parse(seg->opt, seg->optlen, true, &opt);
	spin_lock_bh(&track->lock);
	track->shake = (struct vho_path_expect) {
		.seq = seg->seq,
		.ack = seg->ack,
		.flags = seg->flags,
		.has_ts = opt.has & VHO_OPT_TS,
		.tsval = opt.has & VHO_OPT_TS ? opt.tsval : 0,
	};
	track->shake_seen = false;
	spin_unlock_bh(&track->lock);
	if (!track->learns)
		vho_path_hash_add(track, seg->seq);
}

/* What every probe will be: an ACK of the handshake, told from a true one by a PSH without data. */
static void vho_path_freeze(struct vho_path_track *track, const struct vho_tcb *tcb, u64 now_ns)
{
	track->probe = (struct vho_path_expect) {
		.seq = tcb->iss + 1,
		.ack = tcb->irs + 1,
		.flags = VHO_TCPF_ACK | VHO_TCPF_PSH,
		.has_ts = tcb->ts_ok,
		.tsval = tcb->ts_ok ? vho_tcp_ts_now(tcb, now_ns) : 0,
	};
	track->probe_tsecr = tcb->ts_recent;
	track->probe_wnd = min_t(u32, (tcb->rcv_adv - tcb->rcv_nxt) >> tcb->rcv_wscale, U16_MAX);
}

void vho_path_established(struct vho_flow *flow, u64 now_ns)
{
	struct vho_path_track *track = vho_path_track(flow);
	struct vho_path *path;

	if (!track || !track->learns || track->state != VHO_PATH_LEARNING)
		return;
	spin_lock_bh(&track->lock);
	vho_path_freeze(track, &flow->tcb, now_ns);
	path = vho_path_of(track);
	WRITE_ONCE(track->state, path ? VHO_PATH_UP : VHO_PATH_LOST);
	rcu_assign_pointer(flow->path, path);
	spin_unlock_bh(&track->lock);
	vho_path_probe_start(track);
}

/**
 * vho_path_follow_mtu() - make segments that fit the path
 * @flow: flow, owned by the caller
 * @now_ns: owner's clock
 *
 * Larger ones, too, once the path allows them again, unless something else did not.
 *
 * Context: FP.
 */
void vho_path_follow_mtu(struct vho_flow *flow, u64 now_ns)
{
	struct vho_path_track *track;
	struct vho_path *path;
	u16 limit = 0;

	rcu_read_lock();
	track = rcu_dereference(flow->track);
	path = rcu_dereference(flow->path);
	if (track && path && path->mss_limit != track->path_mss) {
		limit = min(path->mss_limit, track->mss_limit);
		track->path_mss = path->mss_limit;
	}
	rcu_read_unlock();
	if (limit && limit != flow->tcb.mss_limit && flow->tcb.state != TCP_CLOSE)
		vho_tcp_mss_limit(flow, limit, now_ns);
}

/**
 * vho_path_next_hop_changed() - give up a path that leads to where the next hop was
 * @flow: flow; its dmac is the new one
 *
 * A probe that is under way to the old address may bring it back, until the one that is
 * asked for here arrives.
 *
 * Context: FP.
 */
void vho_path_next_hop_changed(struct vho_flow *flow)
{
	struct vho_path_track *track;

	rcu_read_lock();
	track = rcu_dereference(flow->track);
	if (track)
		vho_path_lose(track, VHO_PATH_NEXT_HOP);
	rcu_read_unlock();
	if (track)
		vho_flow_tell_slow(flow, VHO_FS_PROBE);
}

/* Does anybody in the switch keep a record of the connection? If it is not certain that nobody does. */
static bool vho_path_recorded(struct vho_path_track *track)
{
	bool untold;

	if (!vho_conntrack_any())
		return false;
	spin_lock_bh(&track->lock);
	/* While there is no path, packets go through the switch unseen. */
	untold = track->untold && track->state == VHO_PATH_UP;
	spin_unlock_bh(&track->lock);
	return !untold;
}

void vho_path_close(struct vho_flow *flow)
{
	struct vho_path_track *track = vho_path_track(flow);

	if (!track || track->closed || !track->learns)
		return;
	track->closed = true;
	vho_path_probe_stop(track);
	if (track->probe.flags && vho_path_recorded(track))
		vho_path_probe_close(track);
}

void vho_path_track_end(struct vho_flow *flow)
{
	struct vho_path_track *track = vho_path_track(flow);

	if (!track)
		return;
	vho_path_close(flow);
	spin_lock_bh(&track->lock);
	__vho_path_lose(track, VHO_PATH_ENDED);
	vho_path_rx_end(track);
	WRITE_ONCE(track->state, VHO_PATH_OVER);
	spin_unlock_bh(&track->lock);
	RCU_INIT_POINTER(flow->track, NULL);
	vho_path_probe_free_later(track);
}

/**
 * vho_path_track_free() - the last probe has had its time
 * @track: track without a flow
 *
 * Context: SP.
 */
void vho_path_track_free(struct vho_path_track *track)
{
	if (track->learns) {
		hlist_del_rcu(&track->learn_node);
		WRITE_ONCE(vho_path_nr, vho_path_nr - 1);
	}
	kfree_rcu(track, rcu);
}
