/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kthread that owns state, takes messages and runs timers: the base of the
 * fast-path cores and of the slow path.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_WORKER_H
#define _VHO_WORKER_H

#include <linux/llist.h>
#include <linux/timerqueue.h>
#include <linux/types.h>

struct task_struct;
struct vho_worker;

/* Bit of vho_worker.flags: something came in since the last round began. */
#define VHO_WORKER_WOKEN	0

/**
 * struct vho_msg - something a worker shall do
 * @node: in worker->msgs
 * @fn: runs on the worker's thread; may free the message
 */
struct vho_msg {
	struct llist_node node;
	void (*fn)(struct vho_worker *worker, struct vho_msg *msg);
};

/**
 * struct vho_timer - a timer of the worker that owns its object
 * @node: in a queue of timers while armed
 * @fn: runs on the worker's thread, timer disarmed
 */
struct vho_timer {
	struct timerqueue_node node;
	void (*fn)(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns);
};

/**
 * struct vho_worker - the thread
 * @task: bound to one CPU for a core, unbound for the slow path
 * @flags: VHO_WORKER_*, atomic bit operations, any context
 * @msgs: messages from anybody (lockless list)
 * @backlog: messages taken from @msgs and not yet run, oldest first; owner: the thread
 * @timers: owner: the thread
 * @idle_ns: time slept; written by the thread, READ_ONCE
 * @wakeups: times it slept; likewise
 * @serve: one round of the worker's own work at now_ns; true: call again without sleeping
 */
struct vho_worker {
	struct task_struct *task;
	unsigned long flags;
	struct llist_head msgs;
	struct llist_node *backlog;
	struct timerqueue_head timers;
	u64 idle_ns;
	u64 wakeups;
	bool (*serve)(struct vho_worker *worker, u64 now_ns);
};

/* @cpu: bind to it, -1: unbound. Process context. */
int vho_worker_start(struct vho_worker *worker, int cpu, const char *name,
		     bool (*serve)(struct vho_worker *worker, u64 now_ns));
/* Nothing may post any more. Pending messages are run before it returns. */
void vho_worker_stop(struct vho_worker *worker);
/* Any context. */
void vho_worker_wake(struct vho_worker *worker);
/* The thread's own: does a message wait, or is a timer due? */
bool vho_worker_pending(const struct vho_worker *worker, u64 now_ns);
/*
 * The thread's own: @now_ns, the clock, less the time for which the thread was off its CPU. Only
 * differences mean anything: they are what others must not be charged for.
 */
u64 vho_worker_cpu_ns(u64 now_ns);
/* Any context. @msg must not be pending. */
void vho_worker_post(struct vho_worker *worker, struct vho_msg *msg);
/* Runs @fn(arg) on the worker's thread and waits for it. Process context, not on the worker. */
void vho_worker_call(struct vho_worker *worker, void (*fn)(void *arg), void *arg);

/*
 * The thread's own calls, on a queue of timers that is its own or that of something it owns. A timer
 * armed for U64_MAX is disarmed.
 */
void vho_timer_init(struct vho_timer *timer,
		    void (*fn)(struct vho_worker *w, struct vho_timer *t, u64 now_ns));
void vho_timers_arm(struct timerqueue_head *timers, struct vho_timer *timer, u64 at_ns);
void vho_timers_disarm(struct timerqueue_head *timers, struct vho_timer *timer);
/* The earliest timer, disarmed, when it is due at @now_ns, or NULL. */
struct vho_timer *vho_timers_pop(struct timerqueue_head *timers, u64 now_ns);

static inline void vho_timer_arm(struct vho_worker *worker, struct vho_timer *timer, u64 at_ns)
{
	vho_timers_arm(&worker->timers, timer, at_ns);
}

static inline void vho_timer_disarm(struct vho_worker *worker, struct vho_timer *timer)
{
	vho_timers_disarm(&worker->timers, timer);
}

#endif /* _VHO_WORKER_H */
