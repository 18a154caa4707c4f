// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path: a turn of one port, top to bottom.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/skbuff.h>

#include "chan.h"
#include "core.h"
#include "flow.h"
#include "fp.h"
#include "guest_state.h"
#include "move.h"
#include "packet.h"
#include "port.h"

static bool vho_fp_receive(struct vho_port *port, u64 now_ns)
{
	unsigned int n;

	for (n = 0; n < VHO_TURN_RX_PACKETS; n++) {
		/* One consumer, the core; the queue is resized by nobody. */
		struct sk_buff *skb = __ptr_ring_consume(&port->rxq);

		if (!skb)
			break;
		vho_fp_rx(port, skb, now_ns);
	}
	return n;
}

/* Frames wait for no driver that does not run. */
static bool vho_fp_drop_frames(struct vho_port *port)
{
	struct sk_buff *skb;
	unsigned int n;

	for (n = 0; n < VHO_TURN_FRAMES; n++) {
		skb = __ptr_ring_consume(&port->frameq);
		if (!skb)
			break;
		kfree_skb(skb);
	}
	return n;
}

/**
 * vho_fp_turn() - serve one port
 * @port: port
 * @now_ns: clock, read once for the turn
 *
 * Requests of the guest first, then what came from the network, then what both made TCP
 * want to send, then the answers to the guest.
 *
 * Context: FP. Every step is bounded (VHO_TURN_*).
 * Return: something was done.
 */
bool vho_fp_turn(struct vho_port *port, u64 now_ns)
{
	struct vho_guest_state *guest = port->guest;
	bool work = false;

	if (!guest)
		return vho_fp_receive(port, now_ns) | vho_fp_drop_frames(port);

	work |= vho_chan_submit(port, guest, now_ns);
	work |= vho_frame_tx(port, guest);
	work |= vho_fp_receive(port, now_ns);
	work |= vho_frame_rx(port, guest);
	work |= vho_fp_output(port, guest, now_ns);
	work |= vho_chan_complete(port, guest);
	if (work)
		vho_chan_signal(port, guest);
	return work;
}

void vho_fp_unpark(struct vho_port *port)
{
	struct vho_guest_state *guest = port->guest;
	unsigned int i;

	if (!guest)
		return;
	for (i = 0; i < guest->nr_channels; i++) {
		vho_ring_kick_disable(guest->channels[i].submit);
		vho_ring_kick_disable(guest->channels[i].complete);
	}
	if (guest->frame_tx)
		vho_ring_kick_disable(guest->frame_tx);
	if (guest->frame_rx)
		vho_ring_kick_disable(guest->frame_rx);
}

/* Buffers for the guest's side matter only while something waits for them. */
static bool vho_fp_park_guest(struct vho_port *port, struct vho_guest_state *guest)
{
	bool work = !list_empty(&guest->tx_flows);
	unsigned int i;

	for (i = 0; i < guest->nr_channels; i++) {
		struct vho_channel *ch = &guest->channels[i];

		/* What is stalled goes on when there is room for the answer, not before. */
		if (!ch->stalled)
			work |= vho_ring_kick_enable(ch->submit);
		if (!list_empty(&ch->news) || ch->stalled)
			work |= vho_ring_kick_enable(ch->complete);
	}
	if (guest->frame_tx)
		work |= vho_ring_kick_enable(guest->frame_tx);
	if (guest->frame_rx && vho_frame_waiting(port, guest))
		work |= vho_ring_kick_enable(guest->frame_rx);
	return work;
}

bool vho_fp_park(struct vho_port *port)
{
	struct vho_guest_state *guest = port->guest;
	bool work = !__ptr_ring_empty(&port->rxq);

	if (guest)
		work |= vho_fp_park_guest(port, guest);
	else
		work |= !__ptr_ring_empty(&port->frameq);
	return work;
}

/* ---- start and stop, called from process context, run on the core ---- */

struct vho_fp_guest_call {
	struct vho_port *port;
	struct vho_guest_state *guest;
};

static void vho_fp_guest_start_fn(void *arg)
{
	struct vho_fp_guest_call *call = arg;

	call->port->guest = call->guest;
	vho_port_wake(call->port);
}

void vho_fp_guest_start(struct vho_port *port, struct vho_guest_state *guest)
{
	struct vho_fp_guest_call call = { .port = port, .guest = guest };

	vho_port_call(port, vho_fp_guest_start_fn, &call);
}

static void vho_fp_guest_stop_fn(void *arg)
{
	struct vho_fp_guest_call *call = arg;
	struct vho_guest_state *guest = call->port->guest;

	call->guest = guest;
	vho_fp_flows_stop(call->port, guest, ktime_get_ns());
	kfree_skb_list(guest->frame_head);
	guest->frame_head = NULL;
	call->port->guest = NULL;
}

struct vho_guest_state *vho_fp_guest_stop(struct vho_port *port)
{
	struct vho_fp_guest_call call = { .port = port };

	/* What the slow path posted before comes first, wherever it was posted to. */
	vho_moves_hold();
	vho_port_call(port, vho_fp_guest_stop_fn, &call);
	vho_moves_allow();
	return call.guest;
}

static void vho_fp_port_detach_fn(void *arg)
{
	struct vho_port *port = arg;

	port->detached = true;
	vho_core_release(port->core, port);
	while (vho_fp_receive(port, ktime_get_ns()))
		;
}

void vho_fp_port_detach(struct vho_port *port)
{
	vho_moves_hold();
	vho_port_call(port, vho_fp_port_detach_fn, port);
	vho_moves_allow();
}
