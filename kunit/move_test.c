// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of moving a port between cores: with real threads, while it is at work.
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

	vho_core_adopt(t->cores[0], t->f->port);
}

/* What the test has done to the port until then, it did in the place of the first core. */
static void vho_test_cores_start(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	unsigned int i;

	vho_core_release(&t->f->core, t->f->port);
	for (i = 0; i < VHO_TEST_CORES; i++) {
		t->cores[i] = i ? kunit_kzalloc(test, sizeof(*t->cores[i]), GFP_KERNEL) :
				  &t->f->core;
		KUNIT_ASSERT_NOT_NULL(test, t->cores[i]);
		KUNIT_ASSERT_EQ(test, 0, vho_core_start(t->cores[i], i, -1));
	}
	vho_worker_call(&t->cores[0]->worker, vho_test_adopt_fn, t);
}

static void vho_test_move(struct vho_move_test *t, unsigned int to)
{
	mutex_lock(&vho_ports_lock);
	vho_moves_begin();
	vho_move_port(t->f->port, t->cores[to]);
	vho_moves_end();
	mutex_unlock(&vho_ports_lock);
}

static void vho_move_test_exit(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_fake *f = t->f;
	unsigned int i;

	if (t->cores[0]) {
		vho_test_move(t, 0);
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

/* Moves the port from core to core until it has done so often enough. */
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
	struct vho_port *port;
	bool wrong_core;
	struct completion done;
};

static void vho_test_msg(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_move_test_msg *m = container_of(msg, struct vho_move_test_msg, msg);

	if (vho_port_forward(m->port, worker, msg))
		return;
	m->wrong_core = m->port->core != vho_core_of(worker);
	complete(&m->done);
}

/* A message reaches the core that serves the port, each exactly once. */
static void vho_port_post__while_moving(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_move_test_msg m = { .msg.fn = vho_test_msg, .port = t->f->port };
	unsigned int n = 0;

	vho_test_cores_start(test);
	init_completion(&m.done);
	vho_test_start_moving(test);
	while (READ_ONCE(t->moving)) {
		vho_port_post(t->f->port, &m.msg);
		KUNIT_ASSERT_NE(test, 0,
				wait_for_completion_timeout(&m.done,
							    msecs_to_jiffies(VHO_TEST_WAIT_MS)));
		KUNIT_ASSERT_FALSE(test, m.wrong_core);
		n++;
		cond_resched();
	}
	vho_test_wait_moved(test);
	KUNIT_EXPECT_GT(test, n, 0);
	KUNIT_EXPECT_EQ(test, vho_port_core_index(t->f->port), VHO_TEST_MOVES % VHO_TEST_CORES);
}

/* As vho_port_post(), between two moves: the first core has a message for a port that has left. */
static void vho_port_forward__old_core(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_move_test_msg m = { .msg.fn = vho_test_msg, .port = t->f->port };

	vho_test_cores_start(test);
	init_completion(&m.done);
	vho_test_move(t, 2);
	vho_worker_post(&t->cores[1]->worker, &m.msg);
	KUNIT_ASSERT_NE(test, 0, wait_for_completion_timeout(&m.done,
							     msecs_to_jiffies(VHO_TEST_WAIT_MS)));
	KUNIT_EXPECT_FALSE(test, m.wrong_core);
}

/* A producer that had looked at port->core before the port went on. */
static void vho_core_take_woken__old_core(struct kunit *test)
{
	struct vho_move_test *t = test->priv;
	struct vho_port *port = t->f->port;
	u64 turns;

	vho_test_cores_start(test);
	vho_test_move(t, 1);
	/* It has had the turn of its arrival, and parks. */
	vho_test_until(!test_bit(VHO_PORT_QUEUED, &port->work_flags));
	KUNIT_ASSERT_FALSE(test, test_and_set_bit(VHO_PORT_QUEUED, &port->work_flags));
	turns = READ_ONCE(t->cores[1]->turns);
	llist_add(&port->woken_node, &t->cores[2]->woken);
	vho_worker_wake(&t->cores[2]->worker);
	vho_test_until(READ_ONCE(t->cores[1]->turns) != turns);
	KUNIT_EXPECT_NE(test, READ_ONCE(t->cores[1]->turns), turns);
	KUNIT_EXPECT_EQ(test, READ_ONCE(t->cores[2]->turns), 0);
}

static void vho_test_wake_fn(void *arg)
{
}

/* Calls with an answer run where the port is, and a parked port stays reachable. */
static void vho_port_call__while_moving(struct kunit *test)
{
	struct vho_move_test *t = test->priv;

	vho_test_cores_start(test);
	vho_test_start_moving(test);
	while (READ_ONCE(t->moving)) {
		vho_port_wake(t->f->port);
		vho_port_call(t->f->port, vho_test_wake_fn, NULL);
		cond_resched();
	}
	vho_test_wait_moved(test);
}

#define VHO_TEST_SEGS		VHO_FAKE_SENT_MAX
#define VHO_TEST_SEG_BYTES	32

/* Segments keep their order and none is lost: every one is acknowledged at once, by itself. */
static void vho_move_port__order_of_segments(struct kunit *test)
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
		KUNIT_ASSERT_EQ(test, 0, ptr_ring_produce_bh(&f->port->rxq, skb));
		vho_port_wake(f->port);
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

/* A flow's timer comes along: the delayed acknowledgment is sent by the core that serves then. */
static void vho_move_port__timers(struct kunit *test)
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
	vho_port_wake(f->port);
	vho_test_until(READ_ONCE(f->nr_sent));
	KUNIT_ASSERT_NE(test, READ_ONCE(f->nr_sent), 0);
	vho_test_move(t, 2);
	at_ns = READ_ONCE(flow->timer.node.expires);
	KUNIT_EXPECT_NULL(test, timerqueue_getnext(&t->cores[1]->worker.timers));
	KUNIT_EXPECT_PTR_EQ(test, timerqueue_getnext(&t->cores[2]->worker.timers),
			    &f->port->timer.node);
	KUNIT_EXPECT_LE(test, f->port->timer.node.expires, at_ns);
	vho_test_until(READ_ONCE(flow->tcb.rto_count));
	KUNIT_EXPECT_GT(test, READ_ONCE(flow->tcb.rto_count), 0);
	KUNIT_EXPECT_GT(test, READ_ONCE(f->nr_sent), 1);
}

/* What has left the fast path for good is put into no order of service again. */
static void vho_move_port__detached(struct kunit *test)
{
	struct vho_move_test *t = test->priv;

	vho_test_cores_start(test);
	vho_fp_port_detach(t->f->port);
	vho_test_move(t, 1);
	KUNIT_EXPECT_FALSE(test, test_bit(VHO_PORT_QUEUED, &t->f->port->work_flags));
	KUNIT_EXPECT_EQ(test, READ_ONCE(t->cores[1]->turns), 0);
}

static struct kunit_case vho_move_cases[] = {
	KUNIT_CASE(vho_port_post__while_moving),
	KUNIT_CASE(vho_port_forward__old_core),
	KUNIT_CASE(vho_core_take_woken__old_core),
	KUNIT_CASE(vho_port_call__while_moving),
	KUNIT_CASE(vho_move_port__order_of_segments),
	KUNIT_CASE(vho_move_port__timers),
	KUNIT_CASE(vho_move_port__detached),
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
