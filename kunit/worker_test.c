// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of workers: order of messages, timers, sleep and wake-up. With real threads.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/ktime.h>

#include "../host/worker.h"

#define VHO_TEST_MSGS	100

struct vho_worker_test {
	struct vho_worker worker;
	struct vho_msg msgs[VHO_TEST_MSGS];
	struct vho_timer timers[3];
	unsigned int order[VHO_TEST_MSGS];
	unsigned int nr;
	u64 fired_ns;
	struct tasklet_struct tasklet;
	struct completion done;
};

static struct vho_worker_test *vho_worker_of(struct vho_worker *worker)
{
	return container_of(worker, struct vho_worker_test, worker);
}

static bool vho_test_serve(struct vho_worker *worker, u64 now_ns)
{
	return false;
}

static int vho_worker_test_init(struct kunit *test)
{
	struct vho_worker_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	init_completion(&t->done);
	KUNIT_ASSERT_EQ(test, 0, vho_worker_start(&t->worker, -1, "vho_test", vho_test_serve));
	test->priv = t;
	return 0;
}

static void vho_worker_test_exit(struct kunit *test)
{
	struct vho_worker_test *t = test->priv;

	if (t)
		vho_worker_stop(&t->worker);
}

static void vho_test_note(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_worker_test *t = vho_worker_of(worker);

	t->order[t->nr++] = msg - t->msgs;
}

static void vho_test_nothing(void *arg)
{
}

static void vho_worker_post__in_order(struct kunit *test)
{
	struct vho_worker_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < VHO_TEST_MSGS; i++) {
		t->msgs[i].fn = vho_test_note;
		vho_worker_post(&t->worker, &t->msgs[i]);
	}
	/* A call is a message, too: what was posted before it has run when it returns. */
	vho_worker_call(&t->worker, vho_test_nothing, NULL);
	KUNIT_ASSERT_EQ(test, t->nr, VHO_TEST_MSGS);
	for (i = 0; i < VHO_TEST_MSGS; i++)
		KUNIT_EXPECT_EQ(test, t->order[i], i);
}

static void vho_test_again(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_worker_test *t = vho_worker_of(worker);

	if (++t->nr < 5)
		vho_worker_post(worker, msg);
	else
		complete(&t->done);
}

/* Posted by its own function, to its own thread: seen without anybody waking it. */
static void vho_worker_post__from_itself(struct kunit *test)
{
	struct vho_worker_test *t = test->priv;

	t->msgs[0].fn = vho_test_again;
	vho_worker_post(&t->worker, &t->msgs[0]);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&t->done, 10 * HZ), 0);
	KUNIT_EXPECT_EQ(test, t->nr, 5);
}

static void vho_worker_stop__runs_what_is_posted(struct kunit *test)
{
	struct vho_worker_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < VHO_TEST_MSGS; i++) {
		t->msgs[i].fn = vho_test_note;
		vho_worker_post(&t->worker, &t->msgs[i]);
	}
	vho_worker_stop(&t->worker);
	KUNIT_EXPECT_EQ(test, t->nr, VHO_TEST_MSGS);
	vho_worker_stop(&t->worker);
}

static void vho_test_fire(struct vho_worker *worker, struct vho_timer *timer, u64 now_ns)
{
	struct vho_worker_test *t = vho_worker_of(worker);

	t->fired_ns = now_ns;
	t->order[t->nr++] = timer - t->timers;
	if (t->nr == ARRAY_SIZE(t->timers))
		complete(&t->done);
}

/* Timers belong to the thread: armed there. Last first, so that each is the next to fire. */
static void vho_test_arm(void *arg)
{
	struct vho_worker_test *t = arg;
	u64 now_ns = ktime_get_ns();
	unsigned int i;

	for (i = ARRAY_SIZE(t->timers); i--;) {
		vho_timer_init(&t->timers[i], vho_test_fire);
		vho_timer_arm(&t->worker, &t->timers[i], now_ns + (i + 1) * 20 * NSEC_PER_MSEC);
	}
}

/* A sleeping worker wakes for the earliest timer, none fires early. */
static void vho_timer_arm__fires_in_order(struct kunit *test)
{
	struct vho_worker_test *t = test->priv;
	u64 start_ns = ktime_get_ns();
	unsigned int i;

	vho_worker_call(&t->worker, vho_test_arm, t);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&t->done, 10 * HZ), 0);
	for (i = 0; i < ARRAY_SIZE(t->timers); i++)
		KUNIT_EXPECT_EQ(test, t->order[i], i);
	KUNIT_EXPECT_GE(test, t->fired_ns, start_ns + 60 * NSEC_PER_MSEC);
	KUNIT_EXPECT_GT(test, READ_ONCE(t->worker.wakeups), 0);
}

static u64 vho_test_next(struct vho_worker_test *t)
{
	struct timerqueue_node *node = timerqueue_getnext(&t->worker.timers);

	return node ? node->expires : 0;
}

static void vho_test_rearm(void *arg)
{
	struct kunit *test = arg;
	struct vho_worker_test *t = test->priv;
	struct vho_timer *timer = &t->timers[0];
	u64 far_ns = ktime_get_ns() + 3600 * NSEC_PER_SEC;

	vho_timer_init(timer, vho_test_fire);
	vho_timer_disarm(&t->worker, timer);
	vho_timer_arm(&t->worker, timer, U64_MAX);
	KUNIT_EXPECT_EQ(test, vho_test_next(t), 0);
	vho_timer_arm(&t->worker, timer, far_ns);
	KUNIT_EXPECT_EQ(test, vho_test_next(t), far_ns);
	/* Later costs nothing: it fires early, finds nothing due and is armed again. */
	vho_timer_arm(&t->worker, timer, far_ns + 5);
	KUNIT_EXPECT_EQ(test, vho_test_next(t), far_ns);
	vho_timer_arm(&t->worker, timer, far_ns - 5);
	KUNIT_EXPECT_EQ(test, vho_test_next(t), far_ns - 5);
	vho_timer_arm(&t->worker, timer, U64_MAX);
	KUNIT_EXPECT_EQ(test, vho_test_next(t), 0);
	/* Beyond what a ktime holds. */
	vho_timer_arm(&t->worker, timer, U64_MAX - 1);
	KUNIT_EXPECT_EQ(test, vho_test_next(t), (u64)KTIME_MAX);
	vho_timer_disarm(&t->worker, timer);
	vho_timer_disarm(&t->worker, timer);
	KUNIT_EXPECT_EQ(test, vho_test_next(t), 0);
}

static void vho_timer_arm__again(struct kunit *test)
{
	struct vho_worker_test *t = test->priv;

	vho_worker_call(&t->worker, vho_test_rearm, test);
	KUNIT_EXPECT_EQ(test, t->nr, 0);
}

/* In an interrupt, or a softirq, that has hit the thread. */
static void vho_test_softirq(struct tasklet_struct *tasklet)
{
	struct vho_worker_test *t = container_of(tasklet, struct vho_worker_test, tasklet);

	t->order[t->nr++] = current == t->worker.task && in_serving_softirq();
	vho_worker_wake(&t->worker);
}

/* The thread has seen that nobody woke it, and is about to sleep when a softirq hits it. */
static void vho_test_falls_asleep(void *arg)
{
	struct vho_worker_test *t = arg;
	unsigned int state;

	clear_bit(VHO_WORKER_WOKEN, &t->worker.flags);
	local_bh_disable();
	tasklet_schedule(&t->tasklet);
	set_current_state(TASK_IDLE);
	local_bh_enable();
	state = READ_ONCE(current->__state);
	__set_current_state(TASK_RUNNING);
	t->order[t->nr++] = state;
}

static void vho_worker_wake__by_softirq_on_its_cpu(struct kunit *test)
{
	struct vho_worker_test *t = test->priv;

	tasklet_setup(&t->tasklet, vho_test_softirq);
	vho_worker_call(&t->worker, vho_test_falls_asleep, t);
	KUNIT_ASSERT_EQ(test, t->nr, 2);
	KUNIT_EXPECT_EQ(test, t->order[0], 1);
	KUNIT_EXPECT_EQ(test, t->order[1], TASK_RUNNING);
	tasklet_kill(&t->tasklet);
}

static struct kunit_case vho_worker_cases[] = {
	KUNIT_CASE(vho_worker_post__in_order),
	KUNIT_CASE(vho_worker_post__from_itself),
	KUNIT_CASE(vho_worker_wake__by_softirq_on_its_cpu),
	KUNIT_CASE(vho_worker_stop__runs_what_is_posted),
	KUNIT_CASE(vho_timer_arm__fires_in_order),
	KUNIT_CASE(vho_timer_arm__again),
	{}
};

static struct kunit_suite vho_worker_suite = {
	.name = "virtuoso_worker",
	.init = vho_worker_test_init,
	.exit = vho_worker_test_exit,
	.test_cases = vho_worker_cases,
};
kunit_test_suite(vho_worker_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: workers");
MODULE_LICENSE("GPL");
