// SPDX-License-Identifier: GPL-2.0
/*
 * Reaching the core that serves a group, whichever that is, and making it another one.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>

#include "core.h"
#include "move.h"
#include "port.h"

static DECLARE_RWSEM(vho_moves_sem);	/* write: groups move; read: they stay */
static LIST_HEAD(vho_moves_left);	/* cores that groups have left; vho_moves_sem, write */

/**
 * vho_group_post() - send a message to the core that serves a group
 * @group: group
 * @msg: message, not pending
 *
 * A core ends only a grace period after its last group has left: what was posted under
 * rcu_read_lock() reaches it, and it forwards the message.
 *
 * Context: any.
 */
void vho_group_post(struct vho_group *group, struct vho_msg *msg)
{
	rcu_read_lock();
	vho_worker_post(&READ_ONCE(group->core)->worker, msg);
	rcu_read_unlock();
}

bool vho_group_forward(struct vho_group *group, struct vho_worker *worker, struct vho_msg *msg)
{
	/*
	 * Only the thread of group->core changes it: if it is this one, it stays. Pairs with the release in
	 * vho_move_release(): what the core before did is seen, adopted or not.
	 */
	if (likely(smp_load_acquire(&group->core) == vho_core_of(worker)))
		return false;
	vho_group_post(group, msg);
	return true;
}

struct vho_group_call {
	struct vho_msg msg;
	struct vho_group *group;
	void (*fn)(void *arg);
	void *arg;
	struct completion done;
};

static void vho_group_call_fn(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_group_call *call = container_of(msg, struct vho_group_call, msg);

	if (vho_group_forward(call->group, worker, msg))
		return;
	call->fn(call->arg);
	complete(&call->done);
}

/**
 * vho_group_call() - run a function on the thread of the core that serves a group
 * @group: group
 * @fn: function
 * @arg: its argument
 *
 * Context: NL, XPORT, INIT, SP; waits.
 */
void vho_group_call(struct vho_group *group, void (*fn)(void *arg), void *arg)
{
	struct vho_group_call call = {
		.msg.fn = vho_group_call_fn,
		.group = group,
		.fn = fn,
		.arg = arg,
	};

	might_sleep();
	init_completion(&call.done);
	vho_group_post(group, &call.msg);
	wait_for_completion(&call.done);
}

unsigned int vho_group_core_index(const struct vho_group *group)
{
	unsigned int index;

	rcu_read_lock();
	index = READ_ONCE(group->core)->index;
	rcu_read_unlock();
	return index;
}

int vho_group_core_node(const struct vho_group *group)
{
	int node;

	rcu_read_lock();
	node = READ_ONCE(group->core)->scale.numa;
	rcu_read_unlock();
	return node;
}

/* ---- moving ---- */

struct vho_move {
	struct vho_msg release;
	struct vho_msg adopt;
	struct vho_group *group;
	struct vho_core *to;
	struct completion done;
};

static void vho_move_adopt(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_move *move = container_of(msg, struct vho_move, adopt);

	vho_core_adopt(move->to, move->group);
	complete(&move->done);
}

/* The core lets the group go as the last thing that it does with it, and tells the next one. */
static void vho_move_release(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_move *move = container_of(msg, struct vho_move, release);

	vho_core_release(vho_core_of(worker), move->group);
	/* The next core sees all that this one did to the group and to its flows. */
	smp_store_release(&move->group->core, move->to);
	vho_worker_post(&move->to->worker, &move->adopt);
}

void vho_moves_begin(void)
{
	down_write(&vho_moves_sem);
}

/**
 * vho_move_group() - have another core serve a group
 * @group: group
 * @to: running core; nothing happens when it serves the group already
 *
 * The packets, records and timers of the group wait where they are, in queues of the group: no more
 * happens to them than that another core takes them from there. So nothing is lost or changes
 * places, however many flows there are, and producers need not know.
 *
 * Context: process context, between vho_moves_begin() and vho_moves_end(); waits for both cores.
 */
void vho_move_group(struct vho_group *group, struct vho_core *to)
{
	struct vho_core *from = group->core;
	struct vho_move move = {
		.release.fn = vho_move_release,
		.adopt.fn = vho_move_adopt,
		.group = group,
		.to = to,
	};

	lockdep_assert_held_write(&vho_moves_sem);
	if (from == to)
		return;
	if (list_empty(&from->left_node))
		list_add_tail(&from->left_node, &vho_moves_left);
	init_completion(&move.done);
	vho_worker_post(&from->worker, &move.release);
	wait_for_completion(&move.done);
}

static void vho_moves_flush(void *arg)
{
	vho_core_take_woken(arg, ktime_get_ns());
}

void vho_moves_end(void)
{
	struct vho_core *core, *next;

	if (list_empty(&vho_moves_left))
		goto out;
	/* Whoever still saw the old core has posted to it by then; it forwards what it has. */
	synchronize_rcu();
	list_for_each_entry_safe(core, next, &vho_moves_left, left_node) {
		vho_worker_call(&core->worker, vho_moves_flush, core);
		list_del_init(&core->left_node);
	}
out:
	up_write(&vho_moves_sem);
}

void vho_moves_hold(void)
{
	down_read(&vho_moves_sem);
}

void vho_moves_allow(void)
{
	up_read(&vho_moves_sem);
}
