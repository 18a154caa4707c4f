// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of moving a group between cores: with real threads, while it is at work.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>

#include "../host/fp.h"
#include "../host/move.h"
#include "../host/packet.h"
#include "host_fake.h"

#define VHO_TEST_CORES	3
#define VHO_TEST_MOVES	60
#define VHO_TEST_WAIT_MS	5000

/* Waits until @cond is true, but not for ever. */
#define vho_test_until(cond) do { \
	unsigned long end = jiffies + msecs_to_jiffies(VHO_TEST_WAIT_MS); \
	while (!(cond) && time_before(jiffies, end)) \
		usleep_range(200, 400); \
} while (0)

/* The fake's core and two more, as threads; the slow path stays played. */
struct vho_move_test {
	struct vho_fake *f;
	struct vho_core *cores[VHO_TEST_CORES];
	struct completion moved;
	bool moving;
};

static int vho_move_test_init(struct kunit *test)
{
	struct vho_move_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int err = vho_fake_init(test);

	if (err || !t)
		return -ENOMEM;
	t->f = test->priv;
	test->priv = t;
	init_completion(&t->moved);
	return 0;
}

static void vho_test_adopt_fn(void *arg)
{
	struct vho_move_test *t = arg;
	unsigned int i;

	for (i = 0; i < t->f->port->nr_made; i++)
		vho_core_adopt(t->cores[0], t->f->port->group[i]);
}

/* What the test has done to the group until then, it did in the place of the first core. */
static void vho_test_cores_start(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < t->f->port->nr_made; i++)
		vho_core_release(&t->f->core, t->f->port->group[i]);
	for (i = 0; i < VHO_TEST_CORES; i++) {
		t->cores[i] = i ? kunit_kzalloc(test, sizeof(*t->cores[i]), GFP_KERNEL) :
				  &t->f->core;
		KUNIT_ASSERT_NOT_NULL(test, t->cores[i]);
		KUNIT_ASSERT_EQ(test, 0, vho_core_start(t->cores[i], i, -1));
	}
	vho_worker_call(&t->cores[0]->worker, vho_test_adopt_fn, t);
}

/* The port's groups, each to another core if there are several. */
static void vho_test_move(struct vho_move_test *t, unsigned int to)
{
	unsigned int i;

	mutex_lock(&vho_ports_lock);
	vho_moves_begin();
	for (i = 0; i < t->f->port->nr_made; i++)
		vho_move_group(t->f->port->group[i], t->cores[(to + i) % VHO_TEST_CORES]);
	vho_moves_end();
	mutex_unlock(&vho_ports_lock);
}

static void vho_move_test_exit(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_fake *f = t->f;
	unsigned int i;

	if (t->cores[0]) {
		mutex_lock(&vho_ports_lock);
		vho_moves_begin();
		for (i = 0; i < f->port->nr_made; i++)
			vho_move_group(f->port->group[i], t->cores[0]);
		vho_moves_end();
		mutex_unlock(&vho_ports_lock);
		for (i = VHO_TEST_CORES; i--;) {
			/* What the suite started last is at an end: the fake plays the core again. */
			vho_core_stop(t->cores[i]);
			KUNIT_EXPECT_TRUE(test, llist_empty(&t->cores[i]->woken) || !i);
			KUNIT_EXPECT_TRUE(test, !timerqueue_getnext(&t->cores[i]->worker.timers) || !i);
		}
	}
	test->priv = f;
	vho_fake_exit(test);
}

/* Moves the group from core to core until it has done so often enough. */
static int vho_test_mover(void *data)
{
	struct vho_move_test *t = data;
	unsigned int i;

	for (i = 1; i <= VHO_TEST_MOVES; i++)
		vho_test_move(t, i % VHO_TEST_CORES);
	WRITE_ONCE(t->moving, false);
	complete(&t->moved);
	return 0;
}

static void vho_test_start_moving(struct kunit *test)
{
	struct vho_move_test *t = test->priv;

	t->moving = true;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(vho_test_mover, t, "vho_test_mover"));
}

static void vho_test_wait_moved(struct kunit *test)
{
	struct vho_move_test *t = test->priv;

	KUNIT_ASSERT_NE(test, 0, wait_for_completion_timeout(&t->moved,
							     msecs_to_jiffies(VHO_TEST_WAIT_MS)));
}

struct vho_move_test_msg {
	struct vho_msg msg;
	struct vho_group *group;
	bool wrong_core;
	struct completion done;
};

static void vho_test_msg(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_move_test_msg *m = container_of(msg, struct vho_move_test_msg, msg);

	if (vho_group_forward(m->group, worker, msg))
		return;
	m->wrong_core = m->group->core != vho_core_of(worker);
	complete(&m->done);
}

/* A message reaches the core that serves the group, each exactly once. */
static void vho_group_post__while_moving(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_move_test_msg m = { .msg.fn = vho_test_msg, .group = t->f->group };
	unsigned int n = 0;

	vho_test_cores_start(test);
	init_completion(&m.done);
	vho_test_start_moving(test);
	while (READ_ONCE(t->moving)) {
		vho_group_post(t->f->group, &m.msg);
		KUNIT_ASSERT_NE(test, 0,
				wait_for_completion_timeout(&m.done,
							    msecs_to_jiffies(VHO_TEST_WAIT_MS)));
		KUNIT_ASSERT_FALSE(test, m.wrong_core);
		n++;
		cond_resched();
	}
	vho_test_wait_moved(test);
	KUNIT_EXPECT_GT(test, n, 0);
	KUNIT_EXPECT_EQ(test, vho_group_core_index(t->f->group), VHO_TEST_MOVES % VHO_TEST_CORES);
}

/* As vho_group_post(), between two moves: the first core has a message for a group that has left. */
static void vho_group_forward__old_core(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_move_test_msg m = { .msg.fn = vho_test_msg, .group = t->f->group };

	vho_test_cores_start(test);
	init_completion(&m.done);
	vho_test_move(t, 2);
	vho_worker_post(&t->cores[1]->worker, &m.msg);
	KUNIT_ASSERT_NE(test, 0, wait_for_completion_timeout(&m.done,
							     msecs_to_jiffies(VHO_TEST_WAIT_MS)));
	KUNIT_EXPECT_FALSE(test, m.wrong_core);
}

/* A producer that had looked at group->core before the group went on. */
static void vho_core_take_woken__old_core(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_group *group = t->f->group;
	u64 turns;

	vho_test_cores_start(test);
	vho_test_move(t, 1);
	/* It has had the turn of its arrival, and parks. */
	vho_test_until(!test_bit(VHO_GROUP_QUEUED, &group->work_flags));
	KUNIT_ASSERT_FALSE(test, test_and_set_bit(VHO_GROUP_QUEUED, &group->work_flags));
	turns = READ_ONCE(t->cores[1]->turns);
	llist_add(&group->woken_node, &t->cores[2]->woken);
	vho_worker_wake(&t->cores[2]->worker);
	vho_test_until(READ_ONCE(t->cores[1]->turns) != turns);
	KUNIT_EXPECT_NE(test, READ_ONCE(t->cores[1]->turns), turns);
	KUNIT_EXPECT_EQ(test, READ_ONCE(t->cores[2]->turns), 0);
}

static void vho_test_wake_fn(void *arg)
{
}

/* Calls with an answer run where the group is, and a parked group stays reachable. */
static void vho_group_call__while_moving(struct kunit *test)
{
	struct vho_move_test *t = test->priv;

	vho_test_cores_start(test);
	vho_test_start_moving(test);
	while (READ_ONCE(t->moving)) {
		vho_group_wake(t->f->group);
		vho_group_call(t->f->group, vho_test_wake_fn, NULL);
		cond_resched();
	}
	vho_test_wait_moved(test);
}

#define VHO_TEST_SEGS		VHO_FAKE_SENT_MAX
#define VHO_TEST_SEG_BYTES	32

/* Segments keep their order and none is lost: every one is acknowledged at once, by itself. */
static void vho_move_group__order_of_segments(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_fake *f = t->f;
	struct vho_flow *flow;
	u32 seq = VHO_FAKE_IRS + 1, last;
	unsigned int i;

	vho_fake_guest_start(f, 1);
	flow = vho_fake_establish(f, 1);
	f->nr_sent = 0;
	vho_test_cores_start(test);
	vho_test_start_moving(test);
	for (i = 0; i < VHO_TEST_SEGS; i++) {
		struct sk_buff *skb = vho_fake_skb(f, &flow->key, VHO_TCPF_ACK | VHO_TCPF_PSH, seq,
						   flow->tcb.iss + 1, VHO_TEST_SEG_BYTES);

		seq += VHO_TEST_SEG_BYTES;
		KUNIT_ASSERT_EQ(test, 0, ptr_ring_produce_bh(&f->group->rxq, skb));
		vho_group_wake(f->group);
		if (i % 4 == 3)
			usleep_range(100, 200);
	}
	vho_test_wait_moved(test);
	vho_test_until(READ_ONCE(flow->tcb.rcv_nxt) == seq);
	KUNIT_EXPECT_EQ(test, READ_ONCE(flow->tcb.rcv_nxt), seq);
	vho_test_move(t, 0);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_fp_rx_segs), VHO_TEST_SEGS);
	/* A segment out of order would have been answered with the same number once more. */
	last = VHO_FAKE_IRS + 1;
	for (i = 0; i < min(f->nr_sent, VHO_FAKE_SENT_MAX); i++) {
		KUNIT_EXPECT_NE(test, f->sent[i].ack, last);
		last = f->sent[i].ack;
	}
}

/* Two cores at work for one port, and both groups move: each flow is as if it were alone. */
static void vho_move_group__two_of_a_port(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_fake *f = t->f;
	struct vho_flow *flow[2];
	u32 seq = VHO_FAKE_IRS + 1;
	unsigned int i, n;

	vho_fake_add_group(f, f->port);
	f->port->nr_groups = 2;
	vho_fake_guest_start(f, 2);
	for (n = 0; n < 2; n++)
		flow[n] = vho_fake_establish_on(f, n, n + 1);
	vho_test_cores_start(test);
	vho_test_start_moving(test);
	for (i = 0; i < VHO_TEST_SEGS; i++, seq += VHO_TEST_SEG_BYTES) {
		for (n = 0; n < 2; n++) {
			struct vho_group *group = f->port->group[n];
			struct sk_buff *skb;

			skb = vho_fake_skb(f, &flow[n]->key, VHO_TCPF_ACK | VHO_TCPF_PSH, seq,
					   flow[n]->tcb.iss + 1, VHO_TEST_SEG_BYTES);
			KUNIT_ASSERT_EQ(test, 0, ptr_ring_produce_bh(&group->rxq, skb));
			vho_group_wake(group);
		}
		if (i % 4 == 3)
			usleep_range(100, 200);
	}
	vho_test_wait_moved(test);
	for (n = 0; n < 2; n++) {
		vho_test_until(READ_ONCE(flow[n]->tcb.rcv_nxt) == seq);
		KUNIT_EXPECT_EQ(test, READ_ONCE(flow[n]->tcb.rcv_nxt), seq);
	}
	KUNIT_EXPECT_NE(test, vho_group_core_index(f->port->group[0]),
			vho_group_core_index(f->port->group[1]));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_fp_rx_segs), 2 * VHO_TEST_SEGS);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_seq), 0);
}

/* A flow's timer comes along: the delayed acknowledgment is sent by the core that serves then. */
static void vho_move_group__timers(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_fake *f = t->f;
	struct vho_flow *flow;
	u64 at_ns;

	vho_fake_guest_start(f, 1);
	flow = vho_fake_connect(f, 1);
	vho_fake_offer(f, 0, 1);
	vho_fake_rx(f, &flow->key, VHO_TCPF_SYN | VHO_TCPF_ACK, VHO_FAKE_IRS, flow->tcb.iss + 1, 0);
	vho_fake_settle(f);
	vho_test_cores_start(test);
	vho_test_move(t, 1);
	f->nr_sent = 0;
	/* Data that nobody acknowledges: the retransmission timer runs. */
	vho_fake_update(f, 0, 1, flow->tcb.iss + 1 + 100, flow->tcb.rx_read, 0);
	vho_group_wake(f->group);
	vho_test_until(READ_ONCE(f->nr_sent));
	KUNIT_ASSERT_NE(test, READ_ONCE(f->nr_sent), 0);
	vho_test_move(t, 2);
	at_ns = READ_ONCE(flow->timer.node.expires);
	KUNIT_EXPECT_NULL(test, timerqueue_getnext(&t->cores[1]->worker.timers));
	KUNIT_EXPECT_PTR_EQ(test, timerqueue_getnext(&t->cores[2]->worker.timers),
			    &f->group->timer.node);
	KUNIT_EXPECT_LE(test, f->group->timer.node.expires, at_ns);
	vho_test_until(READ_ONCE(flow->tcb.rto_count));
	KUNIT_EXPECT_GT(test, READ_ONCE(flow->tcb.rto_count), 0);
	KUNIT_EXPECT_GT(test, READ_ONCE(f->nr_sent), 1);
}

/* What has left the fast path for good is put into no order of service again. */
static void vho_move_group__detached(struct kunit *test)
{
	struct vho_move_test *t = test->priv;

	vho_test_cores_start(test);
	vho_fp_port_detach(t->f->port);
	vho_test_move(t, 1);
	KUNIT_EXPECT_FALSE(test, test_bit(VHO_GROUP_QUEUED, &t->f->group->work_flags));
	KUNIT_EXPECT_EQ(test, READ_ONCE(t->cores[1]->turns), 0);
}

static struct kunit_case vho_move_cases[] = {
	KUNIT_CASE(vho_group_post__while_moving),
	KUNIT_CASE(vho_group_forward__old_core),
	KUNIT_CASE(vho_core_take_woken__old_core),
	KUNIT_CASE(vho_group_call__while_moving),
	KUNIT_CASE(vho_move_group__order_of_segments),
	KUNIT_CASE(vho_move_group__two_of_a_port),
	KUNIT_CASE(vho_move_group__timers),
	KUNIT_CASE(vho_move_group__detached),
	{}
};

static struct kunit_suite vho_move_suite = {
	.name = "virtuoso_move",
	.init = vho_move_test_init,
	.exit = vho_move_test_exit,
	.test_cases = vho_move_cases,
};
kunit_test_suite(vho_move_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: moving ports between cores");
MODULE_LICENSE("GPL");
