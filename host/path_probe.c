// SPDX-License-Identifier: GPL-2.0
/*
 * Probes: frozen segments that travel the whole switch and are eaten at the uplink. One that does not arrive
 * says that the path is lost, one that looks different is the new path. All of it runs on the slow path.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/ktime.h>
#include <linux/list.h>

#include "flow.h"
#include "path.h"
#include "path_probe.h"
#include "port.h"
#include "segment.h"
#include "slow.h"
#include "tcp_opt.h"
#include "uplink.h"

/* Each flow is visited once in 32 * 30 ms. */
#define VHO_WHEEL_SLOTS		32
#define VHO_WHEEL_TICK_NS	(30 * NSEC_PER_MSEC)
/* Flows before others on the slow path have their turn. */
#define VHO_PROBE_BATCH		64
/* How long a probe may be under way. */
#define VHO_PROBE_WAIT_NS	(50 * NSEC_PER_MSEC)
/* A flow without traffic is probed at every so many-th visit: often enough for an Open vSwitch flow. */
#define VHO_PROBE_IDLE_VISITS	8
/* A flow without a path is probed ever more rarely, down to this. */
#define VHO_PROBE_BACKOFF_MAX	15
/* After an event: time for what it announces to happen, and between two rounds of all flows. */
#define VHO_SWEEP_DELAY_NS	(2 * NSEC_PER_MSEC)
#define VHO_SWEEP_PAUSE_NS	(100 * NSEC_PER_MSEC)
/* How long the last probe of a flow is eaten. */
#define VHO_PROBE_END_NS	(100 * NSEC_PER_MSEC)

/* All of it: slow path. */
static struct vho_probes {
	struct list_head slots[VHO_WHEEL_SLOTS];
	unsigned int slot;		/* the next one to be visited */
	unsigned int joined;		/* the one that the newest flow went to */
	unsigned int nr;		/* flows in slots, due and sweep */
	u64 slot_at_ns;
	struct list_head due;		/* flows of a slot that are to be visited now */
	struct list_head sweep;		/* flows that are to be probed now, whatever they do */
	u64 sweep_at_ns;		/* when the next round of all flows begins, 0: none wanted */
	u64 sweep_end_ns;		/* when the last one ended */
	struct list_head verdicts;	/* flows with a probe under way, oldest first */
	struct list_head ending;	/* tracks without a flow, oldest first */
	struct vho_timer timer;
} vho_probes;

/* A sweep was asked for. */
static struct vho_msg vho_sweep_msg;
static unsigned long vho_sweep_posted;	/* bit 0; any context */

/* ---- one probe ---- */

static void vho_probe_segment(const struct vho_path_track *track, struct vho_tx_seg *seg)
{
	const struct vho_path_expect *probe = &track->probe;

	*seg = (struct vho_tx_seg) {
		.seq = probe->seq,
		.ack = probe->ack,
		.wnd = track->probe_wnd,
		.flags = probe->flags,
	};
	if (probe->has_ts) {
		const struct vho_tcp_opt opt = {
			.has = VHO_OPT_TS,
			.tsval = probe->tsval,
			.tsecr = track->probe_tsecr,
		};

		seg->optlen = vho_tcp_opt_write(seg->opt, &opt);
	}
}

static void vho_probe_inject(struct vho_path_track *track)
{
	struct vho_tx_seg seg;
	u32 nr;

	spin_lock_bh(&track->lock);
	nr = ++track->probe_sent;
	spin_unlock_bh(&track->lock);
	vho_probe_segment(track, &seg);
	/* No memory: it does not arrive. */
	(void)vho_segment_inject(track->flow, &seg, nr);
	vho_port_stat_inc(track->flow->port, VHO_STAT_path_probe_tx);
}

static bool vho_probe_arrived(const struct vho_path_track *track)
{
	return READ_ONCE(track->probe_seen) == track->probe_sent;
}

/* Mostly it is at the uplink before this returns; a switch that queues it gets some time. */
static void vho_probe_send(struct vho_path_track *track, u64 now_ns)
{
	if (!list_empty(&track->verdict_node) || READ_ONCE(track->flow->muted) || !vho_uplinks_any())
		return;
	vho_probe_inject(track);
	vho_path_rx_probe(track);
	if (vho_probe_arrived(track) && vho_path_rx_probed(track))
		return;
	track->verdict_at_ns = now_ns + VHO_PROBE_WAIT_NS;
	list_add_tail(&track->verdict_node, &vho_probes.verdicts);
}

/* A single packet may get lost: if the next one arrives, the path is back at once. */
static void vho_probe_verdict(struct vho_path_track *track)
{
	list_del_init(&track->verdict_node);
	vho_path_rx_verdict(track);
	if (vho_probe_arrived(track) || READ_ONCE(track->state) != VHO_PATH_UP)
		return;
	vho_path_lose(track, VHO_PATH_NO_PROBE);
	track->skips = 0;
	track->backoff = 0;
	vho_probe_inject(track);
}

/* ---- visits ---- */

/* Packets sent and received by the path so far. */
static u64 vho_probe_hits(struct vho_path_track *track)
{
	struct vho_path *path;
	u64 hits;

	rcu_read_lock();
	path = rcu_dereference(track->path);
	hits = path ? READ_ONCE(path->hits) : 0;
	rcu_read_unlock();
	return hits + READ_ONCE(track->rx.hits);
}

/* Return: it is not this one's time. */
static bool vho_probe_passes(struct vho_path_track *track)
{
	u64 hits = vho_probe_hits(track);

	if (READ_ONCE(track->state) != VHO_PATH_UP) {
		if (track->skips) {
			track->skips--;
			return true;
		}
		track->backoff = min(2 * track->backoff + 1, VHO_PROBE_BACKOFF_MAX);
		track->skips = track->backoff;
		return false;
	}
	track->skips = 0;
	track->backoff = 0;
	if (hits == track->hits_seen && ++track->idle < VHO_PROBE_IDLE_VISITS)
		return true;
	track->idle = 0;
	track->hits_seen = hits;
	return false;
}

static void vho_probe_visit(struct vho_path_track *track, bool force, u64 now_ns)
{
	u64 start_ns;

	if (force) {
		track->skips = 0;
		track->backoff = 0;
	} else if (vho_probe_passes(track)) {
		return;
	}
	start_ns = ktime_get_ns();
	vho_probe_send(track, now_ns);
	vho_slow_charge(track->flow->port, ktime_get_ns() - start_ns);
}

/* Return: there are more. */
static bool vho_probe_visit_some(struct list_head *list, bool force, u64 now_ns)
{
	struct vho_path_track *track;
	unsigned int n;

	for (n = 0; n < VHO_PROBE_BATCH; n++) {
		track = list_first_entry_or_null(list, struct vho_path_track, wheel_node);
		if (!track)
			return false;
		list_move_tail(&track->wheel_node, &vho_probes.slots[track->slot]);
		vho_probe_visit(track, force, now_ns);
	}
	return !list_empty(list);
}

/* ---- the wheel ---- */

static void vho_probe_verdicts(u64 now_ns)
{
	struct vho_path_track *track, *next;

	list_for_each_entry_safe(track, next, &vho_probes.verdicts, verdict_node) {
		if (track->verdict_at_ns > now_ns)
			break;
		vho_probe_verdict(track);
	}
}

static void vho_probe_ends(u64 now_ns)
{
	struct vho_path_track *track, *next;

	list_for_each_entry_safe(track, next, &vho_probes.ending, wheel_node) {
		if (track->verdict_at_ns > now_ns)
			break;
		list_del(&track->wheel_node);
		vho_path_track_free(track);
	}
}

static void vho_probe_turn(u64 now_ns)
{
	if (now_ns < vho_probes.slot_at_ns || !list_empty(&vho_probes.due))
		return;
	list_splice_tail_init(&vho_probes.slots[vho_probes.slot], &vho_probes.due);
	vho_probes.slot = (vho_probes.slot + 1) % VHO_WHEEL_SLOTS;
	/* Ticks that were missed are not made up for. */
	vho_probes.slot_at_ns = max(vho_probes.slot_at_ns + VHO_WHEEL_TICK_NS, now_ns);
}

static void vho_probe_sweep(u64 now_ns)
{
	unsigned int i;

	if (!vho_probes.sweep_at_ns || now_ns < vho_probes.sweep_at_ns || !list_empty(&vho_probes.sweep))
		return;
	vho_probes.sweep_at_ns = 0;
	list_splice_tail_init(&vho_probes.due, &vho_probes.sweep);
	for (i = 0; i < VHO_WHEEL_SLOTS; i++)
		list_splice_tail_init(&vho_probes.slots[i], &vho_probes.sweep);
}

static void vho_probe_arm(u64 now_ns)
{
	bool more = !list_empty(&vho_probes.due) || !list_empty(&vho_probes.sweep);
	struct vho_path_track *track;
	u64 at_ns = vho_probes.nr ? vho_probes.slot_at_ns : U64_MAX;

	track = list_first_entry_or_null(&vho_probes.verdicts, struct vho_path_track, verdict_node);
	if (track)
		at_ns = min(at_ns, track->verdict_at_ns);
	track = list_first_entry_or_null(&vho_probes.ending, struct vho_path_track, wheel_node);
	if (track)
		at_ns = min(at_ns, track->verdict_at_ns);
	if (vho_probes.sweep_at_ns)
		at_ns = min(at_ns, vho_probes.sweep_at_ns);
	vho_timer_arm(&vho_slow, &vho_probes.timer, more ? now_ns : at_ns);
}

static void vho_probe_timer(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns)
{
	bool sweeping;

	vho_probe_verdicts(now_ns);
	vho_probe_ends(now_ns);
	vho_probe_sweep(now_ns);
	sweeping = !list_empty(&vho_probes.sweep);
	if (vho_probe_visit_some(&vho_probes.sweep, true, now_ns)) {
		vho_probe_arm(now_ns);
		return;
	}
	if (sweeping)
		vho_probes.sweep_end_ns = now_ns;
	vho_probe_turn(now_ns);
	vho_probe_visit_some(&vho_probes.due, false, now_ns);
	vho_probe_arm(now_ns);
}

/* ---- from the flows ---- */

void vho_path_probe_start(struct vho_path_track *track)
{
	u64 now_ns = ktime_get_ns();

	/* Next to each other as they come, so that a burst of new ones is spread. */
	vho_probes.joined = (vho_probes.joined + 1) % VHO_WHEEL_SLOTS;
	track->slot = vho_probes.joined;
	list_add_tail(&track->wheel_node, &vho_probes.slots[track->slot]);
	if (!vho_probes.nr++) {
		vho_probes.slot_at_ns = now_ns + VHO_WHEEL_TICK_NS;
		vho_probe_arm(now_ns);
	}
}

void vho_path_probe_stop(struct vho_path_track *track)
{
	list_del_init(&track->verdict_node);
	if (list_empty(&track->wheel_node))
		return;
	list_del_init(&track->wheel_node);
	vho_probes.nr--;
}

void vho_path_probe_close(struct vho_path_track *track)
{
	spin_lock_bh(&track->lock);
	track->probe.flags = VHO_TCPF_ACK | VHO_TCPF_RST;
	spin_unlock_bh(&track->lock);
	if (vho_uplinks_any())
		vho_probe_inject(track);
}

void vho_path_probe_free_later(struct vho_path_track *track)
{
	u64 now_ns = ktime_get_ns();

	track->verdict_at_ns = now_ns + VHO_PROBE_END_NS;
	list_add_tail(&track->wheel_node, &vho_probes.ending);
	if (list_is_singular(&vho_probes.ending))
		vho_probe_arm(now_ns);
}

void vho_path_probe_now(struct vho_flow *flow)
{
	struct vho_path_track *track = rcu_dereference_protected(flow->track, true);
	u64 now_ns = ktime_get_ns();

	if (!track || list_empty(&track->wheel_node))
		return;
	vho_probe_visit(track, true, now_ns);
	vho_probe_arm(now_ns);
}

void vho_path_probe_flow(struct vho_flow *flow)
{
	vho_flow_tell_slow(flow, VHO_FS_PROBE);
}

/* ---- events ---- */

static void vho_sweep_fn(struct vho_worker *worker, struct vho_msg *msg)
{
	u64 now_ns = ktime_get_ns();

	clear_bit(0, &vho_sweep_posted);
	/* Pairs with test_and_set_bit() in vho_path_probe_all(): events from now on post again. */
	smp_mb__after_atomic();
	if (!vho_probes.nr || vho_probes.sweep_at_ns)
		return;
	vho_probes.sweep_at_ns = max(now_ns + VHO_SWEEP_DELAY_NS,
				     vho_probes.sweep_end_ns + VHO_SWEEP_PAUSE_NS);
	vho_probe_arm(now_ns);
}

void vho_path_probe_all(void)
{
	if (!vho_path_any() || test_and_set_bit(0, &vho_sweep_posted))
		return;
	vho_worker_post(&vho_slow, &vho_sweep_msg);
}

/* ---- start and end ---- */

void vho_path_probes_init(void)
{
	unsigned int i;

	for (i = 0; i < VHO_WHEEL_SLOTS; i++)
		INIT_LIST_HEAD(&vho_probes.slots[i]);
	INIT_LIST_HEAD(&vho_probes.due);
	INIT_LIST_HEAD(&vho_probes.sweep);
	INIT_LIST_HEAD(&vho_probes.verdicts);
	INIT_LIST_HEAD(&vho_probes.ending);
	vho_timer_init(&vho_probes.timer, vho_probe_timer);
	vho_sweep_msg.fn = vho_sweep_fn;
}

void vho_path_probes_flush(void *unused)
{
	vho_probe_ends(U64_MAX);
	vho_probes.sweep_at_ns = 0;
	vho_timer_disarm(&vho_slow, &vho_probes.timer);
}
