// SPDX-License-Identifier: GPL-2.0
/*
 * Joined flows: each side takes what it has room for from the other's transmit ring.
 *
 * A side is its flow's, and touched by the core that owns it. Towards the other side it only
 * publishes positions: how far there is data, how far it has taken. Each has one writer, so that
 * nothing needs a lock, and it does not matter whether the two have one core, or whether a port
 * moves to another one.
 *
 * Taking a byte is what receiving and acknowledging it are otherwise; nothing is ever under way.
 * So they can be separated at any moment: both stop taking, then both go on by packets.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/string.h>

#include "flow.h"
#include "fp.h"
#include "join.h"
#include "port.h"
#include "tcp_seq.h"

/* Owner: the pair of its flow. */
static struct vho_join *vho_join_of(const struct vho_flow *flow)
{
	/* Only the owner changes it. */
	return rcu_dereference_protected(flow->join, true);
}

/* Owner: positions and ring are as the phase says before the phase does. */
static void vho_join_set_phase(struct vho_join_side *me, enum vho_join_phase phase)
{
	/* Pairs with vho_join_phase(). */
	smp_store_release(&me->phase, phase);
}

static enum vho_join_phase vho_join_phase(const struct vho_join_side *side)
{
	/* Pairs with vho_join_set_phase(). */
	return smp_load_acquire(&side->phase);
}

void vho_join_poke(struct vho_join *join, unsigned int side)
{
	struct vho_flow *flow;

	rcu_read_lock();
	flow = READ_ONCE(join->side[side].flow);
	if (flow && vho_flow_get_unless_zero(flow)) {
		vho_flow_tell_core(flow, VHO_FC_JOIN);
		vho_flow_put(flow);
	}
	rcu_read_unlock();
}

/* Leaves the pair. */
static void vho_join_drop(struct vho_flow *flow)
{
	struct vho_join *join = vho_join_of(flow);
	struct vho_join_side *me = &join->side[flow->join_side];

	WRITE_ONCE(me->flow, NULL);
	vho_join_set_phase(me, VHO_JOIN_OUT);
	RCU_INIT_POINTER(flow->join, NULL);
	flow->join_at_ns = 0;
	flow->tcb.joined = 0;
	if (refcount_dec_and_test(&join->ref))
		kfree_rcu(join, rcu);
}

/* ---- positions ---- */

/* What the peer has taken. */
static void vho_join_learn(struct vho_flow *flow, struct vho_join_side *me,
			   const struct vho_join_side *peer, u64 now_ns)
{
	u32 bytes;

	/*
	 * What was copied was read before: the guest may have its place again. Pairs with
	 * vho_join_tell().
	 */
	bytes = vho_tcp_join_acked(flow, smp_load_acquire(&peer->rcv_nxt), now_ns);
	WRITE_ONCE(me->una, flow->tcb.snd_una);
	if (!bytes)
		return;
	WRITE_ONCE(flow->tcb.snd_wnd, vho_seq_room(flow->tcb.snd_una, READ_ONCE(peer->edge)));
	WRITE_ONCE(me->tx_bytes, me->tx_bytes + bytes);
	me->moved = true;
	vho_port_stat_add(flow->port, VHO_STAT_fp_tx_bytes, bytes);
	vho_port_stat_add(flow->port, VHO_STAT_join_tx_bytes, bytes);
}

/* What we have taken, and would take. */
static void vho_join_tell(struct vho_flow *flow, struct vho_join_side *me)
{
	WRITE_ONCE(me->edge, flow->tcb.rcv_nxt + vho_tcp_join_room(&flow->tcb));
	/* What is before it was copied. Pairs with vho_join_learn(). */
	smp_store_release(&me->rcv_nxt, flow->tcb.rcv_nxt);
}

/* What we have to send. Return: the peer should look. */
static bool vho_join_publish(struct vho_flow *flow, struct vho_join_side *me,
			     const struct vho_join_side *peer)
{
	struct vho_tcb *tcb = &flow->tcb;
	bool fin = vho_tcp_join_finish(flow);

	if (me->tx_end == tcb->tx_end && me->fin == fin)
		return false;
	/*
	 * The guest's bytes are in the ring. Pairs with vho_join_take(); the order of the two
	 * matters there.
	 */
	smp_store_release(&me->tx_end, tcb->tx_end);
	/* The end, before that it is one. */
	smp_store_release(&me->fin, fin);
	/* A peer without room looks by itself when it has some: it says how far, and looks then. */
	smp_mb();
	return fin || READ_ONCE(peer->edge) != READ_ONCE(peer->rcv_nxt);
}

/* ---- rings ---- */

/*
 * The peer's transmit ring, to be read after the end of its data: up to there it is complete, even if
 * the peer tells of a larger one in this moment. There are two descriptions for each growth: the larger ring beside
 * the old one, and alone when all bytes of the old one were taken. So the one that is used for copying is
 * not written again before the second growth after it is complete, which takes that these bytes were taken.
 * With nothing to copy it may be torn, and nobody looks.
 */
static const struct vho_payload_ring *vho_join_ring(const struct vho_join_side *side)
{
	/* Pairs with vho_join_tell_ring(). */
	return &side->ring[smp_load_acquire(&side->ring_nr) % VHO_JOIN_RINGS];
}

static void vho_join_tell_ring(const struct vho_flow *flow, struct vho_join_side *me)
{
	u32 nr = me->ring_nr + 1;

	me->ring[nr % VHO_JOIN_RINGS] = flow->tx;
	/* The description before its number. Pairs with vho_join_ring(). */
	smp_store_release(&me->ring_nr, nr);
}

void vho_join_ring_changed(struct vho_flow *flow)
{
	struct vho_join *join = vho_join_of(flow);

	if (join)
		vho_join_tell_ring(flow, &join->side[flow->join_side]);
}

/* ---- taking ---- */

/*
 * @len bytes at @seq, ring to ring. These do not overlap, but memmove() has string instructions
 * wherever they are fast, and for long runs that are aligned alike, as these are, everywhere;
 * memcpy() has them on the newest CPUs only.
 */
static void vho_join_copy(struct vho_flow *flow, const struct vho_payload_ring *tx, u32 seq, u32 len)
{
	while (len) {
		u32 n = len;
		const u8 *from = vho_payload_at(tx, seq, &n);
		u8 *to = vho_payload_at(&flow->rx, seq, &n);

		memmove(to, from, n);
		seq += n;
		len -= n;
	}
}

/* What became of an attempt to take data. */
struct vho_join_taken {
	u32 len;
	bool fin;
	bool more;	/* only @max was the limit */
	bool unwanted;	/* there is data, and no guest to read it */
};

/*
 * Copies what there is, fits and is allowed by @max. The ring of a peer that is not VHO_JOIN_OUT is
 * there; one whose driver is reset goes only after a grace period (vho_join_cut()).
 */
static struct vho_join_taken vho_join_take(struct vho_flow *flow, const struct vho_join_side *peer,
					   u32 max)
{
	struct vho_join_taken taken = { };
	struct vho_tcb *tcb = &flow->tcb;
	u32 room = vho_tcp_join_room(tcb), avail;
	const struct vho_payload_ring *tx;
	bool fin;

	if (tcb->fin_rcvd)
		return taken;
	rcu_read_lock();
	if (vho_join_phase(peer) != VHO_JOIN_OUT) {
		/* With FIN, the end does not move any more: it must be read after. */
		fin = smp_load_acquire(&peer->fin);
		/* Pairs with vho_join_publish(). */
		avail = vho_seq_room(tcb->rcv_nxt, smp_load_acquire(&peer->tx_end));
		tx = vho_join_ring(peer);
		if (avail && (tcb->app & VIRTUOSO_SF_CLOSE)) {
			taken.unwanted = true;
		} else if (avail <= tx->size) {
			taken.len = min3(avail, room, max);
			vho_join_copy(flow, tx, tcb->rcv_nxt, taken.len);
			taken.fin = fin && taken.len == avail;
			taken.more = taken.len < avail && taken.len < room;
		}
	}
	rcu_read_unlock();
	return taken;
}

/*
 * A peer that ends finds us either out, and its ring is gone, or in, and waits. It looks after it
 * has said so; we have said that we are in, and look now: one of us sees the other.
 */
static bool vho_join_is_sure(const struct vho_flow *flow, struct vho_join_side *me)
{
	if (!me->sure && READ_ONCE(vho_join_of(flow)->state) == VHO_JOIN_UP)
		me->sure = true;
	return me->sure;
}

/* Return: the peer should hear of it now. */
static bool vho_join_receive(struct vho_flow *flow, struct vho_join_side *me,
			     const struct vho_join_side *peer, u32 max, bool *more, u64 now_ns)
{
	struct vho_join_taken taken;
	struct vho_tcb *tcb = &flow->tcb;

	WRITE_ONCE(me->edge, tcb->rcv_nxt + vho_tcp_join_room(tcb));
	/* Room first, data after: see vho_join_publish(). */
	smp_mb();
	if (unlikely(!vho_join_is_sure(flow, me)))
		return false;
	taken = vho_join_take(flow, peer, max);
	*more = taken.more;
	if (unlikely(taken.unwanted)) {
		vho_tcp_abort(flow, VIRTUOSO_ERR_NONE, now_ns);
		return false;
	}
	if (!taken.len && !taken.fin)
		return false;
	vho_tcp_join_rx(flow, taken.len, taken.fin, now_ns);
	vho_join_tell(flow, me);
	WRITE_ONCE(me->rx_bytes, me->rx_bytes + taken.len);
	me->moved = true;
	vho_port_stat_add(flow->port, VHO_STAT_fp_rx_bytes, taken.len);
	vho_port_stat_add(flow->port, VHO_STAT_join_rx_bytes, taken.len);
	/*
	 * As with acknowledgments: at once when it waits for room, else with the next data or a
	 * little later.
	 */
	return taken.fin || tcb->rcv_nxt - READ_ONCE(peer->una) >= vho_join_ring(peer)->size / 4;
}

/* ---- joining ---- */

static bool vho_join_proven(const struct vho_join_side *side)
{
	return READ_ONCE(side->probes_seen) == READ_ONCE(side->probe_nr);
}

void vho_join_try(struct vho_flow *flow)
{
	struct vho_join *join = vho_join_of(flow);
	unsigned int i;

	if (READ_ONCE(join->state) != VHO_JOIN_PROVING || vho_port_join_refused(flow->port))
		return;
	for (i = 0; i < 2; i++) {
		/* Pairs with vho_join_ready(). */
		if (!smp_load_acquire(&join->side[i].ready) || !vho_join_proven(&join->side[i]))
			return;
	}
	if (cmpxchg(&join->state, VHO_JOIN_PROVING, VHO_JOIN_UP) != VHO_JOIN_PROVING)
		return;
	vho_join_poke(join, !flow->join_side);
	flow->tcb.events |= VHO_EV_OUTPUT;
}

void vho_join_ready(struct vho_flow *flow, u64 now_ns)
{
	struct vho_join *join = vho_join_of(flow);
	struct vho_join_side *me = &join->side[flow->join_side];

	vho_join_tell_ring(flow, me);
	vho_join_tell(flow, me);
	/* The peer's port may not mind; the handshake is no reason then. */
	if (vho_port_join_refused(flow->port))
		me->probe_nr++;
	/* The ring and the positions before. Pairs with vho_join_try(). */
	smp_store_release(&me->ready, true);
	/* Whoever is ready last sees the other one. */
	smp_mb();
	vho_join_probe_again(flow, now_ns);
	vho_join_try(flow);
}

void vho_join_part(struct vho_flow *flow, enum vho_stat reason)
{
	struct vho_join *join = vho_join_of(flow);

	if (cmpxchg(&join->state, VHO_JOIN_UP, VHO_JOIN_PARTING) != VHO_JOIN_UP)
		return;
	WRITE_ONCE(join->reason, reason);
	WRITE_ONCE(join->parted, join->parted + 1);
	vho_port_stat_inc(flow->port, reason);
	vho_join_poke(join, !flow->join_side);
	flow->tcb.events |= VHO_EV_OUTPUT;
}

/* The pair was joined: this side, too. */
static void vho_join_enter(struct vho_flow *flow, struct vho_join_side *me, u64 now_ns)
{
	enum vho_stat refused = vho_port_join_refused(flow->port);

	/* The other side has joined it: it hears of it. */
	if (unlikely(refused))
		vho_join_part(flow, refused);
	vho_join_probe_start(flow, now_ns);
	vho_tcp_join_begin(flow);
	me->up_ns = now_ns;
	me->sure = false;
	me->fin = false;
	me->tx_end = flow->tcb.snd_una;
	WRITE_ONCE(me->una, flow->tcb.snd_una);
	vho_join_tell(flow, me);
	vho_join_set_phase(me, VHO_JOIN_IN);
	if (!flow->join_side)
		vho_port_stat_inc(flow->port, VHO_STAT_join_up);
}

/* ---- separating ---- */

/* Both have stopped taking: on with packets from where they are. */
static void vho_join_resume(struct vho_flow *flow, struct vho_join *join, u64 now_ns)
{
	struct vho_join_side *me = &join->side[flow->join_side];
	const struct vho_join_side *peer = &join->side[!flow->join_side];

	vho_join_learn(flow, me, peer, now_ns);
	vho_tcp_join_end(flow, READ_ONCE(peer->edge), now_ns);
	vho_join_set_phase(me, VHO_JOIN_OUT);
	/*
	 * Whoever is the second to be out sees the other one: from then on they may be joined
	 * again.
	 */
	smp_mb();
	if (READ_ONCE(peer->phase) == VHO_JOIN_OUT)
		cmpxchg(&join->state, VHO_JOIN_PARTING, VHO_JOIN_PROVING);
	vho_join_probe_again(flow, now_ns);
}

/* This side takes no more. Return: @max was the limit, there is something to be taken yet. */
static bool vho_join_stop(struct vho_flow *flow, struct vho_join *join, u32 max, u64 now_ns)
{
	struct vho_join_side *me = &join->side[flow->join_side];
	const struct vho_join_side *peer = &join->side[!flow->join_side];
	bool more = false;

	/* What came before a RST is for the guest. */
	if (READ_ONCE(peer->reset)) {
		vho_join_receive(flow, me, peer, max, &more, now_ns);
		if (more && flow->tcb.state != TCP_CLOSE)
			return true;
	}
	vho_join_tell(flow, me);
	vho_join_set_phase(me, VHO_JOIN_WAITING);
	/* Whoever is the second to stop sees the other one: pairs with itself. */
	smp_mb();
	vho_join_poke(join, !flow->join_side);
	return false;
}

/* The pair is being separated. Return: as vho_tcp_output(). */
static bool vho_join_separate(struct vho_flow *flow, struct vho_join *join, u32 max, u64 now_ns)
{
	struct vho_join_side *me = &join->side[flow->join_side];
	const struct vho_join_side *peer = &join->side[!flow->join_side];

	if (me->phase == VHO_JOIN_IN && vho_join_stop(flow, join, max, now_ns))
		return true;
	if (me->phase == VHO_JOIN_WAITING) {
		if (vho_join_phase(peer) == VHO_JOIN_IN)
			return false;
		vho_join_resume(flow, join, now_ns);
	}
	if (READ_ONCE(join->state) == VHO_JOIN_OVER) {
		bool reset = READ_ONCE(peer->reset) && flow->tcb.state != TCP_CLOSE;

		vho_join_drop(flow);
		if (reset)
			vho_tcp_join_reset(flow);
	}
	return vho_tcp_output(flow, max, now_ns);
}

/* ---- in a turn ---- */

/* Return: as vho_tcp_output(). */
static bool vho_join_exchange(struct vho_flow *flow, struct vho_join *join, u32 max, u64 now_ns)
{
	struct vho_join_side *me = &join->side[flow->join_side];
	const struct vho_join_side *peer = &join->side[!flow->join_side];
	bool poke = false, more = false;

	if (me->phase == VHO_JOIN_OUT) {
		vho_join_enter(flow, me, now_ns);
		/*
		 * Separated in this very moment: the other side may not have noticed that we were
		 * in.
		 */
		smp_mb();
		if (unlikely(READ_ONCE(join->state) != VHO_JOIN_UP))
			return vho_join_separate(flow, join, max, now_ns);
		poke = true;
	}
	vho_join_learn(flow, me, peer, now_ns);
	poke |= vho_join_publish(flow, me, peer);
	if (flow->tcb.state != TCP_CLOSE)
		poke |= vho_join_receive(flow, me, peer, max, &more, now_ns);
	/* Packets that were under way may have brought something, too. */
	vho_join_tell(flow, me);
	if (poke || flow->tcb.ack_now) {
		vho_tcp_join_told(&flow->tcb);
		vho_join_poke(join, !flow->join_side);
	}
	if (me->moved)
		vho_join_probe_moved(flow, now_ns);
	return more;
}

/**
 * vho_join_output() - what there is to do for a flow that has a peer on this machine
 * @flow: flow
 * @bytes: payload to move at most
 * @now_ns: owner's clock
 *
 * In the place of vho_tcp_output(), and by it unless the pair is joined.
 *
 * Context: FP, the flow's owner.
 * Return: true when only @bytes ended it.
 */
bool vho_join_output(struct vho_flow *flow, u32 bytes, u64 now_ns)
{
	struct vho_join *join = vho_join_of(flow);

	flow->tcb.events &= ~VHO_EV_OUTPUT;
	switch (READ_ONCE(join->state)) {
	case VHO_JOIN_UP:
		if (flow->tcb.state != TCP_CLOSE)
			return vho_join_exchange(flow, join, bytes, now_ns);
		return false;
	case VHO_JOIN_PROVING:
		if (likely(join->side[flow->join_side].phase == VHO_JOIN_OUT))
			return vho_tcp_output(flow, bytes, now_ns);
		fallthrough;
	default:
		return vho_join_separate(flow, join, bytes, now_ns);
	}
}

/* ---- the end ---- */

/* From now on the peer separates. What is not acknowledged by now never will be. */
static void vho_join_end(struct vho_flow *flow, struct vho_join *join)
{
	struct vho_join_side *me = &join->side[flow->join_side];

	if (me->phase == VHO_JOIN_IN) {
		vho_join_tell(flow, me);
		vho_join_set_phase(me, VHO_JOIN_WAITING);
	}
	if (me->phase != VHO_JOIN_OUT && flow->tcb.aborted && !flow->muted)
		WRITE_ONCE(me->reset, true);
	/* Full barrier: whoever of the two is the second to stop sees the other one. */
	xchg(&join->state, VHO_JOIN_OVER);
	vho_join_poke(join, !flow->join_side);
}

void vho_join_over(struct vho_flow *flow, u64 now_ns)
{
	struct vho_join *join = vho_join_of(flow);
	struct vho_join_side *me = &join->side[flow->join_side];

	if (READ_ONCE(join->state) != VHO_JOIN_OVER || me->phase == VHO_JOIN_IN)
		vho_join_end(flow, join);
	if (!vho_join_holds(flow))
		vho_join_drop(flow);
}

/*
 * The peer may be copying right now. The ring's memory stays until a grace period has passed, for
 * which vho_fp_guest_stop() waits.
 */
void vho_join_cut(struct vho_flow *flow)
{
	struct vho_join *join = vho_join_of(flow);

	vho_join_end(flow, join);
	vho_join_drop(flow);
}

bool vho_join_holds(const struct vho_flow *flow)
{
	const struct vho_join *join = vho_join_of(flow);

	if (!join || join->side[flow->join_side].phase == VHO_JOIN_OUT)
		return false;
	/* All of it was taken: there is nothing that the peer would look for. */
	if (vho_tcp_fin_acked(&flow->tcb))
		return false;
	return vho_join_phase(&join->side[!flow->join_side]) == VHO_JOIN_IN;
}
