// SPDX-License-Identifier: GPL-2.0
/*
 * Reaching the core that serves a port, whichever that is.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/completion.h>
#include <linux/rcupdate.h>

#include "core.h"
#include "move.h"
#include "port.h"

/**
 * vho_port_post() - send a message to the core that serves a port
 * @port: port
 * @msg: message, not pending
 *
 * A core ends only a grace period after its last port has left: what was posted under
 * rcu_read_lock() reaches it, and it forwards the message.
 *
 * Context: any.
 */
void vho_port_post(struct vho_port *port, struct vho_msg *msg)
{
	rcu_read_lock();
	vho_worker_post(&READ_ONCE(port->core)->worker, msg);
	rcu_read_unlock();
}

bool vho_port_forward(struct vho_port *port, struct vho_worker *worker, struct vho_msg *msg)
{
	/* Only the thread of port->core changes it: if it is this one, it stays. */
	if (likely(READ_ONCE(port->core) == vho_core_of(worker)))
		return false;
	vho_port_post(port, msg);
	return true;
}

struct vho_port_call {
	struct vho_msg msg;
	struct vho_port *port;
	void (*fn)(void *arg);
	void *arg;
	struct completion done;
};

static void vho_port_call_fn(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_port_call *call = container_of(msg, struct vho_port_call, msg);

	if (vho_port_forward(call->port, worker, msg))
		return;
	call->fn(call->arg);
	complete(&call->done);
}

/**
 * vho_port_call() - run a function on the thread of the core that serves a port
 * @port: port
 * @fn: function
 * @arg: its argument
 *
 * Context: NL, XPORT, INIT, SP; waits.
 */
void vho_port_call(struct vho_port *port, void (*fn)(void *arg), void *arg)
{
	struct vho_port_call call = {
		.msg.fn = vho_port_call_fn,
		.port = port,
		.fn = fn,
		.arg = arg,
	};

	might_sleep();
	init_completion(&call.done);
	vho_port_post(port, &call.msg);
	wait_for_completion(&call.done);
}

unsigned int vho_port_core_index(const struct vho_port *port)
{
	unsigned int index;

	rcu_read_lock();
	index = READ_ONCE(port->core)->index;
	rcu_read_unlock();
	return index;
}
