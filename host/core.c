// SPDX-License-Identifier: GPL-2.0
/*
 * Fast-path cores: the order of service of their ports, polling, parking.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/kernel.h>
#include <linux/ktime.h>

#include "core.h"
#include "fp.h"
#include "port.h"

#define VHO_CORE_POLL_NS_DEFAULT	(50 * NSEC_PER_USEC)

/* Into the woken list of the core that serves @port. The mark VHO_PORT_QUEUED is the caller's. */
static void vho_core_list_woken(struct vho_port *port)
{
	struct vho_core *core;

	/* The core may let the port go at any time; it lives on until the wake-up has reached it. */
	rcu_read_lock();
	core = READ_ONCE(port->core);
	llist_add(&port->woken_node, &core->woken);
	vho_worker_wake(&core->worker);
	rcu_read_unlock();
}

/*
 * Ports that were woken join the order of service at its end. The wake-up of a port that has gone
 * on to another core follows it there.
 */
void vho_core_take_woken(struct vho_core *core)
{
	struct llist_node *list = llist_del_all(&core->woken);
	struct vho_port *port, *next;

	if (!list)
		return;
	list = llist_reverse_order(list);
	llist_for_each_entry_safe(port, next, list, woken_node) {
		if (unlikely(READ_ONCE(port->core) != core)) {
			vho_core_list_woken(port);
			continue;
		}
		if (port->parked) {
			port->parked = false;
			vho_fp_unpark(port);
		}
		port->last_work_ns = ktime_get_ns();
		list_add_tail(&port->run_node, &core->run);
	}
}

/* Context: FP. The port leaves the order of service unless work came in meanwhile. */
static void vho_core_park(struct vho_core *core, struct vho_port *port)
{
	list_del_init(&port->run_node);
	port->parked = true;
	clear_bit(VHO_PORT_QUEUED, &port->work_flags);
	/* Pairs with test_and_set_bit() in vho_port_wake(): work is seen here, or the port is listed. */
	smp_mb__after_atomic();
	if (vho_fp_park(port))
		vho_port_wake(port);
}

/* One turn of the first port in the order of service. */
static bool vho_core_serve(struct vho_worker *worker, u64 now_ns)
{
	struct vho_core *core = vho_core_of(worker);
	struct vho_port *port;
	u64 end_ns, cost_ns;
	bool work;

	vho_core_take_woken(core);
	port = list_first_entry_or_null(&core->run, struct vho_port, run_node);
	if (!port)
		return false;

	work = vho_fp_turn(port, now_ns);
	end_ns = ktime_get_ns();
	cost_ns = end_ns - now_ns;
	WRITE_ONCE(core->turns, core->turns + 1);
	if (work) {
		/* A turn has one port: its whole time is charged to it. */
		WRITE_ONCE(port->busy_ns, port->busy_ns + cost_ns);
		WRITE_ONCE(core->busy_ns, core->busy_ns + cost_ns);
		vho_port_stat_inc(port, VHO_STAT_fp_turns);
		port->last_work_ns = end_ns;
		list_move_tail(&port->run_node, &core->run);
		return true;
	}
	WRITE_ONCE(core->poll_idle_ns, core->poll_idle_ns + cost_ns);
	if (end_ns - port->last_work_ns < READ_ONCE(core->poll_ns))
		list_move_tail(&port->run_node, &core->run);
	else
		vho_core_park(core, port);
	return true;
}

void vho_port_wake(struct vho_port *port)
{
	if (!test_and_set_bit(VHO_PORT_QUEUED, &port->work_flags))
		vho_core_list_woken(port);
}

void vho_core_release(struct vho_core *core, struct vho_port *port)
{
	vho_core_take_woken(core);
	if (!list_empty(&port->run_node)) {
		list_del_init(&port->run_node);
		clear_bit(VHO_PORT_QUEUED, &port->work_flags);
		/* Whoever has the mark set now has the port listed where it goes on. */
		smp_mb__after_atomic();
	}
	vho_timer_disarm(&core->worker, &port->timer);
}

void vho_core_adopt(struct vho_core *core, struct vho_port *port)
{
	if (port->detached)
		return;
	vho_fp_arm(port);
	vho_port_wake(port);
}

int vho_core_start(struct vho_core *core, unsigned int index, int cpu)
{
	const struct vho_sched_params params = VHO_SCHED_PARAMS_DEFAULT;
	char name[TASK_COMM_LEN];

	core->index = index;
	core->cpu = cpu;
	core->poll_ns = VHO_CORE_POLL_NS_DEFAULT;
	INIT_LIST_HEAD(&core->left_node);
	init_llist_head(&core->woken);
	INIT_LIST_HEAD(&core->run);
	vho_sched_init(&core->sched, &params, ktime_get_ns());
	snprintf(name, sizeof(name), "vho_core/%d", cpu);
	return vho_worker_start(&core->worker, cpu, name, vho_core_serve);
}

void vho_core_stop(struct vho_core *core)
{
	vho_worker_stop(&core->worker);
	/* What was woken here shortly before it went on to another core. */
	vho_core_take_woken(core);
}
