// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of flows: table, limits, references, messages between owners.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "host_fake.h"

static struct vho_flow_key vho_test_key(u16 rport)
{
	return (struct vho_flow_key) {
		.laddr = vho_fake_addr(0x0a000001),
		.raddr = vho_fake_addr(0x0a000002),
		.lport = htons(80),
		.rport = htons(rport),
		.port_index = 7,
	};
}

static struct vho_flow *vho_test_flow(struct vho_fake *f, u16 rport)
{
	struct vho_flow_key key = vho_test_key(rport);
	struct vho_flow *flow = vho_flow_alloc(f->port, &key, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(f->test, flow);
	return flow;
}

static struct vho_flow *vho_test_lookup(const struct vho_flow_key *key)
{
	struct vho_flow *flow;

	rcu_read_lock();
	flow = vho_flow_lookup_rcu(key);
	rcu_read_unlock();
	return flow;
}

static void vho_flow_alloc__limit(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow_key key = vho_test_key(9);
	struct vho_flow *flows[3];
	unsigned int i;

	f->port->max_flows = ARRAY_SIZE(flows);
	for (i = 0; i < ARRAY_SIZE(flows); i++)
		flows[i] = vho_test_flow(f, i);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 3);
	KUNIT_EXPECT_NULL(test, vho_flow_alloc(f->port, &key, GFP_ATOMIC));
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 3);
	vho_flow_put(flows[1]);
	flows[1] = vho_flow_alloc(f->port, &key, GFP_ATOMIC);
	KUNIT_EXPECT_NOT_NULL(test, flows[1]);
	/* A lowered limit takes nothing away. */
	f->port->max_flows = 1;
	KUNIT_EXPECT_NULL(test, vho_flow_alloc(f->port, &key, GFP_KERNEL));
	for (i = 0; i < ARRAY_SIZE(flows); i++)
		vho_flow_put(flows[i]);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&f->port->flows));
}

static void vho_flow_alloc__holds_port(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int refs = kref_read(&f->port->ref);
	struct vho_flow *flow = vho_test_flow(f, 1);

	KUNIT_EXPECT_EQ(test, kref_read(&f->port->ref), refs + 1);
	KUNIT_EXPECT_EQ(test, flow->id, VHO_FLOW_ID_NONE);
	KUNIT_EXPECT_PTR_EQ(test, flow->owner, &vho_slow);
	vho_flow_put(flow);
	KUNIT_EXPECT_EQ(test, kref_read(&f->port->ref), refs);
}

static void vho_flow_hash__tuple_in_use(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *a = vho_test_flow(f, 1), *b = vho_test_flow(f, 1);

	KUNIT_EXPECT_NULL(test, vho_test_lookup(&a->key));
	KUNIT_EXPECT_EQ(test, 0, vho_flow_hash(a));
	KUNIT_EXPECT_EQ(test, -EEXIST, vho_flow_hash(b));
	KUNIT_EXPECT_FALSE(test, b->hashed);
	KUNIT_EXPECT_EQ(test, kref_read(&b->ref), 1);
	KUNIT_EXPECT_PTR_EQ(test, vho_test_lookup(&a->key), a);
	vho_flow_unhash(a);
	KUNIT_EXPECT_EQ(test, 0, vho_flow_hash(b));
	KUNIT_EXPECT_PTR_EQ(test, vho_test_lookup(&a->key), b);
	vho_flow_unhash(b);
	vho_flow_put(a);
	vho_flow_put(b);
}

static void vho_flow_lookup__every_part_of_the_key(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_test_flow(f, 1);
	struct vho_flow_key key;

	KUNIT_ASSERT_EQ(test, 0, vho_flow_hash(flow));
	key = flow->key;
	KUNIT_EXPECT_NOT_NULL(test, vho_test_lookup(&key));
	key.port_index++;
	KUNIT_EXPECT_NULL(test, vho_test_lookup(&key));
	key = flow->key;
	key.lport = htons(81);
	KUNIT_EXPECT_NULL(test, vho_test_lookup(&key));
	key = flow->key;
	key.rport = htons(2);
	KUNIT_EXPECT_NULL(test, vho_test_lookup(&key));
	key = flow->key;
	key.laddr.s6_addr[15]++;
	KUNIT_EXPECT_NULL(test, vho_test_lookup(&key));
	key = flow->key;
	key.raddr.s6_addr[0]++;
	KUNIT_EXPECT_NULL(test, vho_test_lookup(&key));
	vho_flow_unhash(flow);
	vho_flow_put(flow);
}

static void vho_flow_unhash__twice(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_test_flow(f, 1);

	KUNIT_ASSERT_EQ(test, 0, vho_flow_hash(flow));
	KUNIT_EXPECT_EQ(test, kref_read(&flow->ref), 2);
	vho_flow_unhash(flow);
	vho_flow_unhash(flow);
	KUNIT_EXPECT_EQ(test, kref_read(&flow->ref), 1);
	vho_flow_put(flow);
}

/* The timer lives on the table's reference. */
static void vho_flow_unhash__disarms(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_test_flow(f, 1);

	KUNIT_ASSERT_EQ(test, 0, vho_flow_hash(flow));
	vho_timer_arm(&vho_slow, &flow->timer, 12345);
	KUNIT_EXPECT_NOT_NULL(test, timerqueue_getnext(&vho_slow.timers));
	vho_flow_unhash(flow);
	KUNIT_EXPECT_NULL(test, timerqueue_getnext(&vho_slow.timers));
	vho_flow_put(flow);
}

static void vho_flow_tell__merged(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_test_flow(f, 1);
	struct llist_node *list;

	vho_flow_tell_slow(flow, VHO_FS_ABORT);
	vho_flow_tell_slow(flow, VHO_FS_GONE);
	vho_flow_tell_slow(flow, VHO_FS_GONE);
	/* One message, one reference, all requests. */
	KUNIT_EXPECT_EQ(test, kref_read(&flow->ref), 2);
	list = llist_del_all(&f->port->slow_msgs);
	KUNIT_ASSERT_NOT_NULL(test, list);
	KUNIT_EXPECT_NULL(test, list->next);
	KUNIT_EXPECT_EQ(test, vho_flow_post_take(&flow->to_slow),
			BIT(VHO_FS_ABORT) | BIT(VHO_FS_GONE));
	KUNIT_EXPECT_EQ(test, vho_flow_post_take(&flow->to_slow), 0);
	/* Taken: the next request is a new message. */
	vho_flow_tell_slow(flow, VHO_FS_ABORT);
	KUNIT_EXPECT_EQ(test, kref_read(&flow->ref), 3);
	KUNIT_EXPECT_FALSE(test, llist_empty(&f->port->slow_msgs));
	llist_del_all(&f->port->slow_msgs);
	vho_flow_put(flow);
	vho_flow_put(flow);
	vho_flow_put(flow);
}

/* Messages of different flows keep their order. */
static void vho_flow_tell__order(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *a = vho_test_flow(f, 1), *b = vho_test_flow(f, 2);
	struct llist_node *list;

	vho_flow_tell_core(a, VHO_FC_FAILED);
	vho_flow_tell_core(b, VHO_FC_FAILED);
	vho_flow_tell_core(a, VHO_FC_ADOPT);
	list = llist_reverse_order(llist_del_all(&f->core.worker.msgs));
	KUNIT_ASSERT_NOT_NULL(test, list);
	KUNIT_EXPECT_PTR_EQ(test, list, &a->to_core.msg.node);
	KUNIT_EXPECT_PTR_EQ(test, list->next, &b->to_core.msg.node);
	vho_flow_put(a);
	vho_flow_put(a);
	vho_flow_put(b);
	vho_flow_put(b);
}

static struct kunit_case vho_flow_cases[] = {
	KUNIT_CASE(vho_flow_alloc__limit),
	KUNIT_CASE(vho_flow_alloc__holds_port),
	KUNIT_CASE(vho_flow_hash__tuple_in_use),
	KUNIT_CASE(vho_flow_lookup__every_part_of_the_key),
	KUNIT_CASE(vho_flow_unhash__twice),
	KUNIT_CASE(vho_flow_unhash__disarms),
	KUNIT_CASE(vho_flow_tell__merged),
	KUNIT_CASE(vho_flow_tell__order),
	{}
};

static struct kunit_suite vho_flow_suite = {
	.name = "virtuoso_flow",
	.init = vho_fake_init,
	.exit = vho_fake_exit,
	.test_cases = vho_flow_cases,
};
kunit_test_suite(vho_flow_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: flows");
MODULE_LICENSE("GPL");
