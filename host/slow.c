// SPDX-License-Identifier: GPL-2.0
/*
 * The slow path's thread: ports in turn.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/skbuff.h>

#include "flow.h"
#include "guest_state.h"
#include "listener.h"
#include "port.h"
#include "slow.h"

/* Packets of one port before the next port has its turn. */
#define VHO_SLOW_TURN_PACKETS	32

struct vho_worker vho_slow;

static LLIST_HEAD(vho_slow_woken);

static bool vho_slow_receive(struct vho_port *port, u64 now_ns)
{
	unsigned int n;

	for (n = 0; n < VHO_SLOW_TURN_PACKETS; n++) {
		struct sk_buff *skb = __ptr_ring_consume(&port->spq);

		if (!skb)
			break;
		vho_sp_rx(port, skb, now_ns);
	}
	return n;
}

/* A turn of one port; its time is charged to the port. Return: more may be waiting. */
static bool vho_slow_turn(struct vho_port *port)
{
	u64 start_ns = ktime_get_ns();
	bool more;

	more = vho_slow_receive(port, start_ns);
	WRITE_ONCE(port->slow_ns, port->slow_ns + (ktime_get_ns() - start_ns));
	return more;
}

static bool vho_slow_serve(struct vho_worker *worker, u64 now_ns)
{
	struct llist_node *list = llist_del_all(&vho_slow_woken);
	struct vho_port *port, *next;

	if (!list)
		return false;
	list = llist_reverse_order(list);
	llist_for_each_entry_safe(port, next, list, slow_node) {
		/* Cleared first: work that comes during the turn lists the port again. */
		clear_bit(VHO_PORT_SLOW_QUEUED, &port->work_flags);
		/* Pairs with test_and_set_bit() in vho_slow_wake_port(). */
		smp_mb__after_atomic();
		if (vho_slow_turn(port))
			vho_slow_wake_port(port);
	}
	return true;
}

void vho_slow_wake_port(struct vho_port *port)
{
	if (test_and_set_bit(VHO_PORT_SLOW_QUEUED, &port->work_flags))
		return;
	llist_add(&port->slow_node, &vho_slow_woken);
	vho_worker_wake(&vho_slow);
}

int vho_slow_init(void)
{
	return vho_worker_start(&vho_slow, -1, "vho_slow", vho_slow_serve);
}

void vho_slow_exit(void)
{
	vho_worker_stop(&vho_slow);
}

struct vho_slow_guest_call {
	struct vho_port *port;
	struct vho_guest_state *guest;
};

static void vho_slow_guest_start_fn(void *arg)
{
	struct vho_slow_guest_call *call = arg;

	call->port->slow_guest = call->guest;
	vho_slow_wake_port(call->port);
}

void vho_slow_guest_start(struct vho_port *port, struct vho_guest_state *guest)
{
	struct vho_slow_guest_call call = { .port = port, .guest = guest };

	vho_worker_call(&vho_slow, vho_slow_guest_start_fn, &call);
}

static void vho_slow_guest_stop_fn(void *arg)
{
	struct vho_port *port = arg;

	port->slow_guest = NULL;
	vho_listeners_flush(port);
	vho_sp_port_stop(port, false);
}

void vho_slow_guest_stop(struct vho_port *port)
{
	vho_worker_call(&vho_slow, vho_slow_guest_stop_fn, port);
}

static void vho_slow_port_detach_fn(void *arg)
{
	struct vho_port *port = arg;

	while (test_bit(VHO_PORT_SLOW_QUEUED, &port->work_flags))
		vho_slow_serve(&vho_slow, ktime_get_ns());
	vho_sp_port_stop(port, true);
}

void vho_slow_port_detach(struct vho_port *port)
{
	vho_worker_call(&vho_slow, vho_slow_port_detach_fn, port);
}
