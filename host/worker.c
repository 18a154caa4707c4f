// SPDX-License-Identifier: GPL-2.0
/*
 * Worker threads: messages, timers, sleep and wake-up.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "worker.h"

/* Timers run in one round before messages and ports are looked at again. */
#define VHO_WORKER_TIMERS_MAX	64
/* Messages likewise; the rest keep their order. */
#define VHO_WORKER_MSGS_MAX	64

/* Oldest first: ownership hand-over relies on the order of posting. */
static bool vho_worker_run_msgs(struct vho_worker *worker)
{
	unsigned int n;

	for (n = 0; n < VHO_WORKER_MSGS_MAX; n++) {
		struct llist_node *node = worker->backlog;
		struct vho_msg *msg;

		if (!node)
			node = llist_reverse_order(llist_del_all(&worker->msgs));
		if (!node)
			break;
		worker->backlog = node->next;
		msg = llist_entry(node, struct vho_msg, node);
		msg->fn(worker, msg);
	}
	return n;
}

/* Each with the time at its start: what it takes is charged to its own port. */
static bool vho_worker_run_timers(struct vho_worker *worker, u64 now_ns)
{
	unsigned int n;

	for (n = 0; n < VHO_WORKER_TIMERS_MAX; n++) {
		struct vho_timer *timer = vho_timers_pop(&worker->timers, now_ns);

		if (!timer)
			break;
		timer->fn(worker, timer, now_ns);
		now_ns = ktime_get_ns();
	}
	return n;
}

/* One round. Return: there was something to do. */
static bool vho_worker_round(struct vho_worker *worker)
{
	u64 now_ns = ktime_get_ns();
	bool busy;

	busy = vho_worker_run_msgs(worker);
	busy |= vho_worker_run_timers(worker, now_ns);
	/* What those took is not the time of whoever is served next. */
	if (unlikely(busy))
		now_ns = ktime_get_ns();
	return worker->serve(worker, now_ns) || busy;
}

static void vho_worker_sleep(struct vho_worker *worker)
{
	struct timerqueue_node *node = timerqueue_getnext(&worker->timers);
	ktime_t at = node ? node->expires : KTIME_MAX;
	u64 start_ns = ktime_get_ns();

	set_current_state(TASK_IDLE);
	if (!test_bit(VHO_WORKER_WOKEN, &worker->flags) && !kthread_should_stop())
		schedule_hrtimeout(node ? &at : NULL, HRTIMER_MODE_ABS);
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(worker->idle_ns, worker->idle_ns + (ktime_get_ns() - start_ns));
	WRITE_ONCE(worker->wakeups, worker->wakeups + 1);
}

static int vho_worker_thread(void *data)
{
	struct vho_worker *worker = data;

	while (!kthread_should_stop() || worker->backlog || !llist_empty(&worker->msgs)) {
		/* Cleared before work is looked for: what comes later sets it again. */
		clear_bit(VHO_WORKER_WOKEN, &worker->flags);
		/* Pairs with test_and_set_bit() in vho_worker_wake(). */
		smp_mb__after_atomic();

		if (vho_worker_round(worker))
			cond_resched();
		else
			vho_worker_sleep(worker);
	}
	return 0;
}

int vho_worker_start(struct vho_worker *worker, int cpu, const char *name,
		     bool (*serve)(struct vho_worker *worker, u64 now_ns))
{
	struct task_struct *task;

	init_llist_head(&worker->msgs);
	worker->backlog = NULL;
	timerqueue_init_head(&worker->timers);
	worker->flags = 0;
	worker->idle_ns = 0;
	worker->wakeups = 0;
	worker->serve = serve;
	task = kthread_create(vho_worker_thread, worker, "%s", name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	if (cpu >= 0)
		kthread_bind(task, cpu);
	worker->task = task;
	wake_up_process(task);
	return 0;
}

void vho_worker_stop(struct vho_worker *worker)
{
	if (!worker->task)
		return;
	kthread_stop(worker->task);
	/* A thread that was stopped before it first ran has done nothing of what was posted. */
	worker->task = current;
	while (vho_worker_run_msgs(worker))
		;
	worker->task = NULL;
}

void vho_worker_wake(struct vho_worker *worker)
{
	if (test_and_set_bit(VHO_WORKER_WOKEN, &worker->flags))
		return;
	/* The thread itself looks at the flag before it sleeps; an interrupt may come after that look. */
	if (worker->task != current || !in_task())
		wake_up_process(worker->task);
}

bool vho_worker_pending(const struct vho_worker *worker, u64 now_ns)
{
	struct timerqueue_node *node = rb_entry_safe(rb_first_cached(&worker->timers.rb_root),
						     struct timerqueue_node, node);

	return worker->backlog || !llist_empty(&worker->msgs) || (node && node->expires <= now_ns);
}

u64 vho_worker_cpu_ns(u64 now_ns)
{
	const struct sched_entity *se = &current->se;
	u64 since_ns, sum_ns;

	/* The scheduler changes both, in an interrupt or when the thread gets its CPU back. */
	do {
		since_ns = READ_ONCE(se->exec_start);
		sum_ns = READ_ONCE(se->sum_exec_runtime);
		barrier();
	} while (since_ns != READ_ONCE(se->exec_start));
	return now_ns - (since_ns - sum_ns);
}

void vho_worker_post(struct vho_worker *worker, struct vho_msg *msg)
{
	llist_add(&msg->node, &worker->msgs);
	vho_worker_wake(worker);
}

struct vho_call {
	struct vho_msg msg;
	void (*fn)(void *arg);
	void *arg;
	struct completion done;
};

static void vho_worker_call_fn(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_call *call = container_of(msg, struct vho_call, msg);

	call->fn(call->arg);
	complete(&call->done);
}

void vho_worker_call(struct vho_worker *worker, void (*fn)(void *arg), void *arg)
{
	struct vho_call call = {
		.msg.fn = vho_worker_call_fn,
		.fn = fn,
		.arg = arg,
	};

	might_sleep();
	init_completion(&call.done);
	vho_worker_post(worker, &call.msg);
	wait_for_completion(&call.done);
}

void vho_timer_init(struct vho_timer *timer,
		    void (*fn)(struct vho_worker *w, struct vho_timer *t, u64 now_ns))
{
	timerqueue_init(&timer->node);
	timer->fn = fn;
}

void vho_timers_disarm(struct timerqueue_head *timers, struct vho_timer *timer)
{
	if (RB_EMPTY_NODE(&timer->node.node))
		return;
	timerqueue_del(timers, &timer->node);
}

void vho_timers_arm(struct timerqueue_head *timers, struct vho_timer *timer, u64 at_ns)
{
	/* A timer that fires early finds nothing due and is armed again: moving it later is free. */
	if (!RB_EMPTY_NODE(&timer->node.node)) {
		if (at_ns != U64_MAX && timer->node.expires <= at_ns)
			return;
		vho_timers_disarm(timers, timer);
	}
	if (at_ns == U64_MAX)
		return;
	timer->node.expires = min_t(u64, at_ns, KTIME_MAX);
	timerqueue_add(timers, &timer->node);
}

struct vho_timer *vho_timers_pop(struct timerqueue_head *timers, u64 now_ns)
{
	struct timerqueue_node *node = timerqueue_getnext(timers);

	if (!node || node->expires > now_ns)
		return NULL;
	timerqueue_del(timers, node);
	return container_of(node, struct vho_timer, node);
}
