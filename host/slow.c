// SPDX-License-Identifier: GPL-2.0
/*
 * The slow path's thread: ports in order of virtual time.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/skbuff.h>

#include "flow.h"
#include "guest_state.h"
#include "listener.h"
#include "port.h"
#include "slow.h"

/* Messages and packets run in one go outside the order of service. */
#define VHO_SLOW_STEP_PIECES	64

struct vho_worker vho_slow;

static LLIST_HEAD(vho_slow_woken);
static struct vho_sched vho_slow_sched;		/* ports in order of service; owner slow path */

/* ---- work of one port ---- */

/* Oldest first: ownership hand-over relies on the order of posting. */
static struct vho_msg *vho_slow_next_msg(struct vho_port *port)
{
	struct llist_node *node = port->slow_todo;

	if (!node)
		node = llist_reverse_order(llist_del_all(&port->slow_msgs));
	port->slow_todo = node ? node->next : NULL;
	return node ? container_of(node, struct vho_msg, node) : NULL;
}

static bool vho_slow_run_msg(struct vho_port *port)
{
	struct vho_msg *msg = vho_slow_next_msg(port);

	if (msg)
		msg->fn(&vho_slow, msg);
	return msg;
}

static bool vho_slow_receive(struct vho_port *port, u64 now_ns)
{
	/* One consumer, the slow path; the queue is resized by nobody. */
	struct sk_buff *skb = __ptr_ring_consume(&port->spq);

	if (skb)
		vho_sp_rx(port, skb, now_ns);
	return skb;
}

/* One message or one packet, in alternation. Return: there was one. */
static bool vho_slow_piece(struct vho_port *port, u64 now_ns)
{
	port->slow_msg_next = !port->slow_msg_next;
	if (port->slow_msg_next)
		return vho_slow_run_msg(port) || vho_slow_receive(port, now_ns);
	return vho_slow_receive(port, now_ns) || vho_slow_run_msg(port);
}

static bool vho_slow_has_work(struct vho_port *port)
{
	return port->slow_todo || !llist_empty(&port->slow_msgs) || !__ptr_ring_empty(&port->spq);
}

/* ---- order of service ---- */

/* On the slow path's thread: @ns were spent for @port. */
void vho_slow_charge(struct vho_port *port, u64 ns)
{
	WRITE_ONCE(port->slow_ns, port->slow_ns + ns);
	vho_sched_charge(&vho_slow_sched, &port->slow_ent, ns);
}

/* What the port's control queue has cost on other threads. */
static void vho_slow_charge_ctrl(struct vho_port *port)
{
	u64 ctrl_ns = READ_ONCE(port->ctrl.ns);

	if (ctrl_ns == port->slow_ctrl_ns)
		return;
	vho_sched_charge(&vho_slow_sched, &port->slow_ent, ctrl_ns - port->slow_ctrl_ns);
	port->slow_ctrl_ns = ctrl_ns;
}

/* The port's weight is the same here as on its core. */
static void vho_slow_set_weight(struct vho_port *port, u64 now_ns)
{
	struct vho_sched_cfg cfg = {
		.weight = READ_ONCE(port->budget.weight) ?: VHO_SCHED_WEIGHT_DEFAULT,
	};

	if (cfg.weight != port->slow_ent.cfg.weight)
		vho_sched_configure(&vho_slow_sched, &port->slow_ent, &cfg, now_ns);
}

static void vho_slow_take_woken(u64 now_ns)
{
	struct llist_node *list;
	struct vho_port *port, *next;

	if (llist_empty(&vho_slow_woken))
		return;
	list = llist_reverse_order(llist_del_all(&vho_slow_woken));
	llist_for_each_entry_safe(port, next, list, slow_node) {
		vho_slow_set_weight(port, now_ns);
		vho_sched_wake(&vho_slow_sched, &port->slow_ent, now_ns);
		vho_slow_charge_ctrl(port);
	}
}

/* The port leaves the order of service, unless work came in meanwhile. */
static void vho_slow_rest(struct vho_port *port, u64 now_ns)
{
	vho_sched_remove(&vho_slow_sched, &port->slow_ent, now_ns);
	clear_bit(VHO_PORT_SLOW_QUEUED, &port->work_flags);
	/* Pairs with test_and_set_bit() in vho_slow_wake_port(): work is seen here, or listed. */
	smp_mb__after_atomic();
	if (vho_slow_has_work(port))
		vho_slow_wake_port(port);
	vho_port_put(port);
}

/* Pieces of one port until its turn is over, or somebody else comes first. */
static void vho_slow_turn(struct vho_port *port, u64 start_ns)
{
	struct vho_sched_ent *ent = &port->slow_ent;
	u64 now_ns = start_ns, cpu_ns = vho_worker_cpu_ns(now_ns);
	u64 used_ns = 0, cost_ns;

	while (vho_slow_piece(port, now_ns)) {
		now_ns = max(now_ns, ktime_get_ns());
		cost_ns = vho_worker_cpu_ns(now_ns) - cpu_ns - used_ns;
		/* The scheduler's clock is not quite ours. */
		if ((s64)cost_ns < 0)
			cost_ns = 0;
		ent->est_ns = vho_sched_average(ent->est_ns, cost_ns);
		used_ns += cost_ns;
		vho_slow_take_woken(now_ns);
		if (!vho_sched_more(&vho_slow_sched, ent, used_ns, ent->est_ns))
			break;
	}
	vho_slow_charge_ctrl(port);
	vho_slow_charge(port, used_ns);
	vho_slow_set_weight(port, now_ns);
	if (vho_slow_has_work(port))
		vho_sched_put(&vho_slow_sched, ent, now_ns);
	else
		vho_slow_rest(port, now_ns);
}

/**
 * vho_slow_serve() - a turn of the port that has the least virtual time
 * @worker: vho_slow
 * @now_ns: clock
 *
 * Context: SP.
 * Return: some port had a turn.
 */
bool vho_slow_serve(struct vho_worker *worker, u64 now_ns)
{
	struct vho_sched_ent *ent;

	vho_slow_take_woken(now_ns);
	ent = vho_sched_pick(&vho_slow_sched, now_ns);
	if (!ent)
		return false;
	vho_slow_turn(container_of(ent, struct vho_port, slow_ent), now_ns);
	return true;
}

void vho_slow_wake_port(struct vho_port *port)
{
	if (test_and_set_bit(VHO_PORT_SLOW_QUEUED, &port->work_flags))
		return;
	/* Put in vho_slow_rest(): what the port has waiting may hold its last other reference. */
	vho_port_get(port);
	llist_add(&port->slow_node, &vho_slow_woken);
	vho_worker_wake(&vho_slow);
}

void vho_slow_post(struct vho_port *port, struct vho_msg *msg)
{
	llist_add(&msg->node, &port->slow_msgs);
	vho_slow_wake_port(port);
}

/* ---- lifetime ---- */

void vho_slow_sched_init(void)
{
	const struct vho_sched_params params = VHO_SCHED_PARAMS_DEFAULT;

	vho_sched_init(&vho_slow_sched, &params, ktime_get_ns());
}

int vho_slow_init(void)
{
	vho_slow_sched_init();
	return vho_worker_start(&vho_slow, -1, "vho_slow", vho_slow_serve);
}

void vho_slow_exit(void)
{
	vho_worker_stop(&vho_slow);
}

void vho_slow_port_init(struct vho_port *port)
{
	const struct vho_sched_cfg cfg = { .weight = VHO_SCHED_WEIGHT_DEFAULT };

	init_llist_head(&port->slow_msgs);
	vho_sched_ent_init(&port->slow_ent, &cfg, ktime_get_ns());
}

/* ---- drivers and ports come and go, step by step: nobody else waits for all of it ---- */

/* Process context. @fn: a step, returns whether there is another one. */
struct vho_slow_steps {
	bool (*fn)(struct vho_slow_steps *steps);
	struct vho_port *port;
	struct vho_guest_state *guest;
	struct vho_sp_stop stop;
	bool more;
};

static void vho_slow_step(void *arg)
{
	struct vho_slow_steps *steps = arg;
	u64 start_ns = ktime_get_ns();

	steps->more = steps->fn(steps);
	vho_slow_charge(steps->port, ktime_get_ns() - start_ns);
}

static void vho_slow_run_steps(struct vho_slow_steps *steps)
{
	do {
		vho_worker_call(&vho_slow, vho_slow_step, steps);
	} while (steps->more);
}

/*
 * Messages of the last driver's flows come before the new driver: while there is none, they end what
 * they are about. The core has let them go, so there are no more than flows.
 */
static bool vho_slow_guest_start_fn(struct vho_slow_steps *steps)
{
	unsigned int n;

	for (n = 0; vho_slow_run_msg(steps->port); n++)
		if (n == VHO_SLOW_STEP_PIECES)
			return true;
	steps->port->slow_guest = steps->guest;
	return false;
}

void vho_slow_guest_start(struct vho_port *port, struct vho_guest_state *guest)
{
	struct vho_slow_steps steps = {
		.fn = vho_slow_guest_start_fn,
		.port = port,
		.guest = guest,
	};

	vho_slow_run_steps(&steps);
}

static bool vho_slow_guest_stop_fn(struct vho_slow_steps *steps)
{
	if (!steps->stop.port) {
		steps->port->slow_guest = NULL;
		vho_listeners_flush(steps->port);
		vho_sp_stop_init(&steps->stop, steps->port, false);
		return true;
	}
	return vho_sp_stop_step(&steps->stop);
}

void vho_slow_guest_stop(struct vho_port *port)
{
	struct vho_slow_steps steps = { .fn = vho_slow_guest_stop_fn, .port = port };

	vho_slow_run_steps(&steps);
}

/* Nothing enters the port's queues, its core has forgotten it: what waits is run, then flows end. */
static bool vho_slow_port_detach_fn(struct vho_slow_steps *steps)
{
	struct vho_port *port = steps->port;
	u64 now_ns = ktime_get_ns();
	unsigned int n;

	for (n = 0; vho_slow_piece(port, now_ns); n++)
		if (n == VHO_SLOW_STEP_PIECES)
			return true;
	if (!steps->stop.port)
		vho_sp_stop_init(&steps->stop, port, true);
	if (vho_sp_stop_step(&steps->stop))
		return true;
	vho_slow_take_woken(now_ns);
	/* If it is just being woken it has a turn yet, without work. */
	if (vho_sched_queued(&port->slow_ent))
		vho_slow_rest(port, now_ns);
	return false;
}

void vho_slow_port_detach(struct vho_port *port)
{
	struct vho_slow_steps steps = { .fn = vho_slow_port_detach_fn, .port = port };

	vho_slow_run_steps(&steps);
}
