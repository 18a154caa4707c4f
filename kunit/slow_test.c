// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the slow path's order of service.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "host_fake.h"
#include "../host/guest_state.h"

#define VHO_TEST_MSGS	100	/* more than a step's */
#define VHO_TEST_FLOWS	150	/* likewise */

/* A message of the test: what it does when it runs, and when that was. */
struct vho_slow_test_msg {
	struct vho_msg msg;
	struct vho_slow_test *t;
	struct vho_port *wake;		/* gets a packet, NULL: nobody */
	unsigned int order;
};

struct vho_slow_test {
	struct vho_fake *f;
	struct vho_port *other;
	struct vho_slow_test_msg msgs[VHO_TEST_MSGS];
	unsigned int ran;
};

static struct vho_slow_test *vho_slow_test_new(struct kunit *test)
{
	struct vho_slow_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->f = test->priv;
	t->other = vho_fake_port_new(t->f, 8);
	return t;
}

/* A SYN from an address that nobody has: one piece of work, counted as drop_malformed. */
static void vho_test_packet(struct vho_slow_test *t, struct vho_port *port)
{
	struct vho_flow_key key = vho_fake_incoming_key(t->f, 1000);
	struct sk_buff *skb;

	key.port_index = port->index;
	key.raddr = vho_fake_addr(0xe0000001);
	skb = vho_fake_skb(t->f, &key, VHO_TCPF_SYN, 1, 0, 0);
	KUNIT_ASSERT_EQ(t->f->test, 0, ptr_ring_produce(&port->spq, skb));
	vho_slow_wake_port(port);
}

static u64 vho_test_served(struct vho_port *port)
{
	u64 sum[VHO_STAT_NR];

	vho_port_stats_sum(port, sum);
	return sum[VHO_STAT_drop_malformed];
}

static void vho_test_msg(struct vho_worker *worker, struct vho_msg *msg)
{
	struct vho_slow_test_msg *m = container_of(msg, struct vho_slow_test_msg, msg);

	m->order = ++m->t->ran;
	if (m->wake)
		vho_test_packet(m->t, m->wake);
}

static void vho_test_post(struct vho_slow_test *t, unsigned int i, struct vho_port *port)
{
	t->msgs[i].msg.fn = vho_test_msg;
	t->msgs[i].t = t;
	vho_slow_post(port, &t->msgs[i].msg);
}

static bool vho_test_serve(void)
{
	return vho_slow_serve(&vho_slow, ktime_get_ns());
}

static void vho_slow_post__in_order(struct kunit *test)
{
	struct vho_slow_test *t = vho_slow_test_new(test);
	unsigned int i;

	for (i = 0; i < VHO_TEST_MSGS; i++)
		vho_test_post(t, i, t->f->port);
	/* In the order of service it is held, out of it not. */
	KUNIT_EXPECT_EQ(test, kref_read(&t->f->port->ref), 2);
	while (vho_test_serve())
		;
	for (i = 0; i < VHO_TEST_MSGS; i++)
		KUNIT_EXPECT_EQ(test, t->msgs[i].order, i + 1);
	KUNIT_EXPECT_EQ(test, kref_read(&t->f->port->ref), 1);
	vho_fake_port_exit(t->other);
}

/* A port that floods does not delay another one's packet: not by a queue, not by a turn. */
static void vho_slow_serve__flood(struct kunit *test)
{
	struct vho_slow_test *t = vho_slow_test_new(test);
	struct vho_port *port = t->f->port;
	unsigned int i, n;

	for (i = 0; i < 50; i++) {
		/* Whatever the machine did to the last round: it has its burst. */
		vho_slow_port_init(t->other);
		/* The flood goes on, and in the middle of its turn the other one wakes up. */
		for (n = 0; n < 30 && !ptr_ring_full(&port->spq); n++)
			vho_test_packet(t, port);
		t->msgs[0].wake = t->other;
		vho_test_post(t, 0, port);
		KUNIT_ASSERT_TRUE(test, vho_test_serve());
		KUNIT_ASSERT_EQ(test, t->ran, i + 1);
		KUNIT_ASSERT_TRUE(test, vho_test_serve());
		KUNIT_EXPECT_EQ_MSG(test, vho_test_served(t->other), i + 1, "round %u", i);
	}
	while (vho_test_serve())
		;
	KUNIT_EXPECT_FALSE(test, test_bit(VHO_PORT_SLOW_QUEUED, &port->work_flags));
	vho_fake_port_exit(t->other);
}

/* A weight set meanwhile counts from the next time the port wakes: what is charged weighs less. */
static void vho_slow_serve__weights(struct kunit *test)
{
	struct vho_slow_test *t = vho_slow_test_new(test);
	struct vho_port *port = t->f->port;
	u64 vt;

	port->budget.weight = 300;
	vho_test_packet(t, port);
	vho_test_packet(t, t->other);
	while (vho_test_serve())
		;
	KUNIT_EXPECT_EQ(test, port->slow_ent.cfg.weight, 300);
	KUNIT_EXPECT_EQ(test, t->other->slow_ent.cfg.weight, VHO_SCHED_WEIGHT_DEFAULT);
	vt = port->slow_ent.vt;
	vho_slow_charge(port, 3000);
	KUNIT_EXPECT_EQ(test, port->slow_ent.vt - vt, 1000 << VHO_SCHED_VT_SHIFT);
	vho_fake_port_exit(t->other);
}

/* What a port's control queue has cost counts when its turn comes. */
static void vho_slow_serve__charges_ctrl(struct kunit *test)
{
	struct vho_slow_test *t = vho_slow_test_new(test);
	struct vho_port *port = t->f->port;

	port->ctrl.ns += NSEC_PER_MSEC;
	vho_test_packet(t, port);
	vho_test_packet(t, t->other);
	KUNIT_EXPECT_TRUE(test, vho_test_serve());
	KUNIT_EXPECT_EQ(test, vho_test_served(t->other), 1);
	KUNIT_EXPECT_EQ(test, vho_test_served(port), 0);
	KUNIT_EXPECT_EQ(test, port->slow_ctrl_ns, port->ctrl.ns);
	KUNIT_EXPECT_TRUE(test, vho_test_serve());
	KUNIT_EXPECT_EQ(test, vho_test_served(port), 1);
	vho_fake_port_exit(t->other);
}

static void vho_slow_port_detach__drains(struct kunit *test)
{
	struct vho_slow_test *t = vho_slow_test_new(test);
	unsigned int i;

	for (i = 0; i < 5; i++) {
		vho_test_post(t, i, t->other);
		vho_test_packet(t, t->other);
	}
	vho_fake_start_threads(t->f);
	vho_slow_port_detach(t->other);
	KUNIT_EXPECT_EQ(test, t->ran, 5);
	KUNIT_EXPECT_EQ(test, vho_test_served(t->other), 5);
	KUNIT_EXPECT_EQ(test, kref_read(&t->other->ref), 1);
	vho_fake_port_exit(t->other);
}

/* What the last driver's flows still have to say is said before the next driver comes. */
static void vho_slow_guest_start__drains(struct kunit *test)
{
	struct vho_slow_test *t = vho_slow_test_new(test);
	struct vho_guest_state *guest = t->f->guest;
	unsigned int i;

	for (i = 0; i < VHO_TEST_MSGS; i++)
		vho_test_post(t, i, t->other);
	/* Nobody serves the port but the call. */
	set_bit(VHO_PORT_SLOW_QUEUED, &t->other->work_flags);
	vho_fake_start_threads(t->f);
	vho_slow_guest_start(t->other, guest);
	KUNIT_EXPECT_EQ(test, t->ran, VHO_TEST_MSGS);
	KUNIT_EXPECT_PTR_EQ(test, t->other->slow_guest, guest);
	vho_slow_guest_stop(t->other);
	KUNIT_EXPECT_NULL(test, t->other->slow_guest);
	vho_slow_port_detach(t->other);
	KUNIT_EXPECT_EQ(test, kref_read(&t->other->ref), 1);
	vho_fake_port_exit(t->other);
}

/* Flows end in steps; those that come between steps are left alone, those that go do not disturb. */
static void vho_sp_stop_step__bounded(struct kunit *test)
{
	struct vho_slow_test *t = vho_slow_test_new(test);
	struct vho_flow_key key = vho_fake_incoming_key(t->f, 1);
	struct vho_flow *flows[VHO_TEST_FLOWS + 1];
	struct vho_sp_stop stop;
	unsigned int i, steps;

	key.port_index = t->other->index;
	t->other->max_flows = VHO_TEST_FLOWS + 1;
	for (i = 0; i <= VHO_TEST_FLOWS; i++) {
		if (i == VHO_TEST_FLOWS)
			vho_sp_stop_init(&stop, t->other, true);
		key.rport = 1000 + i;
		flows[i] = vho_flow_alloc(t->other, &key, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, flows[i]);
		KUNIT_ASSERT_EQ(test, 0, vho_flow_hash(flows[i]));
		flows[i]->tcb.state = TCP_CLOSE;
		vho_flow_put(flows[i]);
	}
	for (steps = 1; vho_sp_stop_step(&stop); steps++) {
		KUNIT_EXPECT_GT(test, t->other->nr_flows, 1);
		/* Whom the walk stands at is kept by it. */
		vho_flow_unhash(list_last_entry(&t->other->flows, struct vho_flow, port_node));
	}
	KUNIT_EXPECT_EQ(test, steps, 3);
	KUNIT_EXPECT_EQ(test, t->other->nr_flows, 0);
	vho_fake_port_exit(t->other);
}

static struct kunit_case vho_slow_cases[] = {
	KUNIT_CASE(vho_slow_post__in_order),
	KUNIT_CASE(vho_slow_serve__flood),
	KUNIT_CASE(vho_slow_serve__weights),
	KUNIT_CASE(vho_slow_serve__charges_ctrl),
	KUNIT_CASE(vho_slow_port_detach__drains),
	KUNIT_CASE(vho_slow_guest_start__drains),
	KUNIT_CASE(vho_sp_stop_step__bounded),
	{}
};

static struct kunit_suite vho_slow_suite = {
	.name = "virtuoso_slow",
	.init = vho_fake_init,
	.exit = vho_fake_exit,
	.test_cases = vho_slow_cases,
};
kunit_test_suite(vho_slow_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: slow path's order of service");
MODULE_LICENSE("GPL");
