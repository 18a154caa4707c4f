// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of turns: how long one lasts, and for whom it ends.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "../host/fp.h"
#include "host_fake.h"

#define VHO_TEST_RECORDS	12

static int vho_fp_test_init(struct kunit *test)
{
	struct vho_fake *f;
	int err = vho_fake_init(test);

	if (err)
		return err;
	f = test->priv;
	vho_fake_guest_start(f, 1);
	vho_fake_establish(f, 1);
	vho_fake_settle(f);
	return 0;
}

static struct vho_flow *vho_test_flow(struct vho_fake *f)
{
	struct vho_flow_key key = vho_fake_connect_key(f, 1);
	struct vho_flow *flow = vho_fake_lookup(&key);

	KUNIT_ASSERT_NOT_NULL(f->test, flow);
	return flow;
}

/* A turn of the group; @other, unless NULL, waits for its end. Return: there is more to do. */
static bool vho_test_turn(struct vho_fake *f, struct vho_sched_ent *other)
{
	struct vho_sched_ent *ent = &f->group->budget.ent;
	u64 now_ns = vho_fake_now(f), cost_ns;
	struct vho_sched *s = &f->core.sched;
	bool more;

	vho_sched_remove(s, ent, now_ns);
	vho_sched_wake(s, ent, now_ns);
	KUNIT_ASSERT_PTR_EQ(f->test, vho_sched_pick(s, now_ns), ent);
	if (other)
		vho_sched_wake(s, other, now_ns);
	vho_fp_turn(&f->core, f->group, now_ns, &more, &cost_ns);
	KUNIT_EXPECT_EQ(f->test, ent->state, VHO_SCHED_SERVED);
	if (other)
		vho_sched_remove(s, other, now_ns);
	return more;
}

/* Return: how many records a turn takes, of many. */
static unsigned int vho_test_records(struct vho_fake *f, struct vho_sched_ent *other)
{
	struct vho_flow *flow = vho_test_flow(f);
	u16 before = vho_fake_used(f, VIRTUOSO_VQ_SUBMIT(0));
	unsigned int i, n;

	for (i = 0; i < VHO_TEST_RECORDS; i++)
		vho_fake_update_flags(f, flow, 0);
	/* Every piece is as long as a turn may be. */
	f->core.sched.params.turn_ns = 0;
	KUNIT_EXPECT_TRUE(f->test, vho_test_turn(f, other));
	n = (u16)(vho_fake_used(f, VIRTUOSO_VQ_SUBMIT(0)) - before);
	f->core.sched.params.turn_ns = NSEC_PER_SEC;
	vho_fake_settle(f);
	return n;
}

/* While nobody waits it is four turns in a row. */
static void vho_fp_turn__alone(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, vho_test_records(test->priv, NULL), 4);
	KUNIT_EXPECT_EQ(test, vho_test_records(test->priv, NULL), 4);
}

static void vho_fp_turn__others_wait(struct kunit *test)
{
	struct vho_sched_cfg cfg = { .weight = VHO_SCHED_WEIGHT_DEFAULT };
	struct vho_fake *f = test->priv;
	struct vho_sched_ent other;

	vho_sched_ent_init(&other, &cfg, vho_fake_now(f));
	KUNIT_EXPECT_EQ(test, vho_test_records(f, &other), 1);
	KUNIT_EXPECT_EQ(test, vho_test_records(f, NULL), 4);
}

static void vho_test_nothing(struct vho_worker *worker, struct vho_msg *msg)
{
}

/* The core's thread has something else to do. */
static void vho_fp_turn__message(struct kunit *test)
{
	struct vho_msg msg = { .fn = vho_test_nothing };
	struct vho_fake *f = test->priv;

	vho_worker_post(&f->core.worker, &msg);
	KUNIT_EXPECT_EQ(test, vho_test_records(f, NULL), 1);
	KUNIT_EXPECT_EQ(test, vho_test_records(f, NULL), 4);
}

/* Return: in how many packets three segments are sent. */
static unsigned int vho_test_packets(struct vho_fake *f)
{
	struct vho_flow *flow = vho_test_flow(f);
	unsigned int before = f->nr_sent, n;

	vho_fake_update(f, 0, 1, flow->tcb.tx_end + 3 * 536, flow->tcb.rx_read, 0);
	vho_test_turn(f, NULL);
	n = f->nr_sent - before;
	vho_fake_rx(f, &flow->key, VHO_TCPF_ACK, flow->tcb.rcv_nxt, flow->tcb.snd_max, 0);
	vho_fake_settle(f);
	return n;
}

/* What is copied is sent in short packets while there are others. */
static void vho_fp_output__copied(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	f->core.sched.params.piece_bytes = 1000;
	f->core.mixed_ns = vho_fake_now(f);
	f->group->copied_at = jiffies - HZ;
	KUNIT_EXPECT_EQ(test, vho_test_packets(f), 1);
	f->group->copied_at = jiffies;
	KUNIT_EXPECT_EQ(test, vho_test_packets(f), 3);
	f->core.mixed_ns -= 20 * NSEC_PER_MSEC;
	KUNIT_EXPECT_EQ(test, vho_test_packets(f), 1);
}

static struct kunit_case vho_fp_cases[] = {
	KUNIT_CASE(vho_fp_turn__alone),
	KUNIT_CASE(vho_fp_turn__others_wait),
	KUNIT_CASE(vho_fp_turn__message),
	KUNIT_CASE(vho_fp_output__copied),
	{}
};

static struct kunit_suite vho_fp_suite = {
	.name = "virtuoso_fp",
	.init = vho_fp_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_fp_cases,
};
kunit_test_suite(vho_fp_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: turns");
MODULE_LICENSE("GPL");
