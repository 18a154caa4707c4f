// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of ports with several groups: whose flow is whose, and what each group is entitled to.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>

#include "../host/fp.h"
#include "host_fake.h"

/* Two groups, two channels: each group has one. */
static int vho_group_test_init(struct kunit *test)
{
	int err = vho_fake_init(test);
	struct vho_fake *f = test->priv;

	if (err)
		return err;
	vho_fake_add_group(f, f->port);
	f->port->nr_groups = 2;
	vho_fake_guest_start(f, 2);
	return 0;
}

/* A new incoming connection that the guest has heard of. */
static struct vho_flow *vho_test_offered(struct vho_fake *f, u16 rport)
{
	struct vho_flow *flow = vho_fake_incoming(f, rport);
	struct virtio_virtuoso_complete rec;

	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(f->test, vho_fake_complete(f, flow->chan, &rec));
	KUNIT_ASSERT_EQ(f->test, rec.op, VIRTUOSO_COMPLETE_INCOMING);
	KUNIT_ASSERT_EQ(f->test, le32_to_cpu(rec.u.incoming.token), flow->token);
	return flow;
}

static void vho_test_expect_failed(struct vho_fake *f, unsigned int chan, u32 id)
{
	struct virtio_virtuoso_complete rec;

	KUNIT_ASSERT_TRUE(f->test, vho_fake_complete(f, chan, &rec));
	KUNIT_EXPECT_EQ(f->test, rec.op, VIRTUOSO_COMPLETE_FAILED);
	KUNIT_EXPECT_EQ(f->test, le32_to_cpu(rec.flow), id);
}

/* Channels are divided, also when they are fewer than groups, or cannot be divided evenly. */
static void vho_group_guest_set__channels(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_guest_state *guest = f->guest;

	KUNIT_EXPECT_EQ(test, guest->nr_groups, 2);
	KUNIT_EXPECT_EQ(test, f->port->group[0]->nr_channels, 1);
	KUNIT_EXPECT_EQ(test, f->port->group[1]->nr_channels, 1);
	KUNIT_EXPECT_EQ(test, vho_group_chan(f->port->group[1], guest, 0), 1);
	guest->nr_channels = 5;
	vho_group_guest_set(f->port->group[0], guest);
	vho_group_guest_set(f->port->group[1], guest);
	KUNIT_EXPECT_EQ(test, f->port->group[0]->nr_channels, 3);
	KUNIT_EXPECT_EQ(test, f->port->group[1]->nr_channels, 2);
	KUNIT_EXPECT_EQ(test, vho_group_chan(f->port->group[0], guest, 2), 4);
	KUNIT_EXPECT_EQ(test, vho_group_chan(f->port->group[1], guest, 1), 3);
	guest->nr_channels = 1;
	vho_group_guest_set(f->port->group[1], guest);
	KUNIT_EXPECT_EQ(test, f->port->group[1]->nr_channels, 0);
	guest->nr_channels = 2;
	vho_group_guest_set(f->port->group[0], guest);
	vho_group_guest_set(f->port->group[1], guest);
}

/* A flow is that of the channel that it was opened on; identifiers are the channel's own. */
static void vho_group_connect__channel(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *a = vho_fake_establish_on(f, 0, 1);
	struct vho_flow *b = vho_fake_establish_on(f, 1, 2);
	u64 bad = vho_fake_stat(f, VHO_STAT_guest_bad_submit);

	KUNIT_EXPECT_PTR_EQ(test, a->group, f->port->group[0]);
	KUNIT_EXPECT_PTR_EQ(test, b->group, f->port->group[1]);
	/* Another channel's: refused. */
	vho_fake_update(f, 0, 2, b->tcb.iss + 1 + 10, b->tcb.rx_read, 0);
	vho_fake_update(f, 1, 1, a->tcb.iss + 1 + 10, a->tcb.rx_read, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), bad + 2);
	KUNIT_EXPECT_EQ(test, a->tcb.tx_end, a->tcb.iss + 1);
	KUNIT_EXPECT_EQ(test, b->tcb.tx_end, b->tcb.iss + 1);
	vho_fake_update(f, 1, 2, b->tcb.iss + 1 + 10, b->tcb.rx_read, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, b->tcb.tx_end, b->tcb.iss + 1 + 10);
}

/* Incoming connections are announced by all groups. */
static void vho_group_incoming__spread(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow[4];
	unsigned int i;

	vho_fake_listen(f, 10);
	vho_fake_offer(f, 0, 8);
	vho_fake_offer(f, 1, 8);
	for (i = 0; i < ARRAY_SIZE(flow); i++)
		flow[i] = vho_test_offered(f, i + 1);
	KUNIT_EXPECT_PTR_NE(test, flow[0]->group, flow[1]->group);
	KUNIT_EXPECT_PTR_EQ(test, flow[0]->group, flow[2]->group);
	KUNIT_EXPECT_PTR_EQ(test, flow[1]->group, flow[3]->group);
	for (i = 0; i < ARRAY_SIZE(flow); i++) {
		vho_fake_attach(f, flow[i]->chan, i + 1, flow[i]->token);
		vho_fake_settle(f);
		KUNIT_EXPECT_TRUE(test, flow[i]->adopted);
	}
}

/* Taken on a channel of the other group: served there, with the data that was there before. */
static void vho_group_attach__other(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_complete rec;
	struct vho_group *from, *to;
	struct vho_flow *flow;

	vho_fake_listen(f, 10);
	vho_fake_offer(f, 0, 8);
	vho_fake_offer(f, 1, 8);
	flow = vho_test_offered(f, 1);
	from = flow->group;
	to = f->port->group[!from->index];
	vho_fake_rx(f, &flow->key, VHO_TCPF_ACK | VHO_TCPF_PSH, VHO_FAKE_IRS + 1,
		    flow->tcb.iss + 1, 100);
	vho_fake_attach(f, to->index, 7, flow->token);
	vho_fake_turn(f);
	/* Only one of them can have it. */
	vho_fake_attach(f, from->index, 8, flow->token);
	vho_fake_settle(f);
	vho_test_expect_failed(f, from->index, 8);
	KUNIT_EXPECT_PTR_EQ(test, flow->group, to);
	KUNIT_EXPECT_EQ(test, flow->chan, to->index);
	KUNIT_EXPECT_EQ(test, flow->id, 7);
	KUNIT_EXPECT_TRUE(test, flow->adopted);
	KUNIT_EXPECT_PTR_EQ(test, xa_load(&to->flow_ids, 7), flow);
	KUNIT_EXPECT_TRUE(test, xa_empty(&from->flow_ids));
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->guest->incoming));
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, to->index, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_UPDATE);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rec.u.update.rcv_seq), VHO_FAKE_IRS + 1 + 100);
	/* Data, timers and the end are the new group's. */
	vho_fake_update(f, to->index, 7, flow->tcb.iss + 1 + 50, flow->tcb.rx_read, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tcb.tx_end, flow->tcb.iss + 1 + 50);
	KUNIT_EXPECT_NULL(test, timerqueue_getnext(&from->timers));
	KUNIT_EXPECT_NOT_NULL(test, timerqueue_getnext(&to->timers));
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_ABORT);
	vho_fake_settle(f);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_RST));
	KUNIT_EXPECT_TRUE(test, xa_empty(&to->flow_ids));
}

/* Refused there; and a token that was guessed before it was told is nobody's. */
static void vho_group_attach__guessed(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;
	unsigned int other;

	vho_fake_listen(f, 10);
	flow = vho_fake_incoming(f, 1);
	other = !flow->group->index;
	vho_fake_offer(f, other, 8);
	vho_fake_settle(f);
	KUNIT_ASSERT_FALSE(test, flow->offered);
	vho_fake_attach(f, other, 1, flow->token);
	vho_fake_settle(f);
	vho_test_expect_failed(f, other, 1);
	KUNIT_EXPECT_EQ(test, flow->id, VHO_FLOW_ID_NONE);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_ESTABLISHED);
}

/* The driver goes away while one group hands a connection to the other. */
static void vho_group_attach__stopped(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	vho_fake_listen(f, 10);
	vho_fake_offer(f, 0, 8);
	vho_fake_offer(f, 1, 8);
	flow = vho_test_offered(f, 1);
	vho_fake_attach(f, !flow->group->index, 1, flow->token);
	vho_fake_turn(f);
	KUNIT_ASSERT_EQ(test, flow->id, 1);
	KUNIT_ASSERT_FALSE(test, flow->adopted);
	vho_fake_guest_stop(f);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
}

/* Tokens that nobody has answered are let go of by the group that has announced them. */
static void vho_group_stop__tokens(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	vho_fake_listen(f, 10);
	vho_fake_offer(f, 0, 1);
	vho_test_offered(f, 1);
	/* No room for this one yet. */
	vho_fake_incoming(f, 2);
	vho_fake_settle(f);
	vho_fake_guest_stop(f);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
}

static void vho_budget_share__parts(struct kunit *test)
{
	const struct vho_budget_cfg cfg = {
		.weight = 300, .guarantee_permille = 1500, .limit_permille = 1800, .burst_us = 7,
	};
	const struct vho_budget_cfg small = { .weight = 1, .guarantee_permille = 1 };
	struct vho_sched_cfg share;

	vho_budget_share(&cfg, 0, 1, &share);
	KUNIT_EXPECT_EQ(test, share.weight, 300);
	KUNIT_EXPECT_EQ(test, share.guarantee_permille, 1500);
	vho_budget_share(&cfg, 1, 2, &share);
	KUNIT_EXPECT_EQ(test, share.weight, 150);
	KUNIT_EXPECT_EQ(test, share.guarantee_permille, 750);
	KUNIT_EXPECT_EQ(test, share.limit_permille, 900);
	KUNIT_EXPECT_EQ(test, share.burst_ns, 7000);
	/* One that is not used is guaranteed nothing. */
	vho_budget_share(&cfg, 2, 2, &share);
	KUNIT_EXPECT_EQ(test, share.guarantee_permille, 0);
	/* No part is so small that it is none, and none stays none. */
	vho_budget_share(&small, 7, 8, &share);
	KUNIT_EXPECT_EQ(test, share.weight, 1);
	KUNIT_EXPECT_EQ(test, share.guarantee_permille, 1);
	KUNIT_EXPECT_EQ(test, share.limit_permille, 0);
}

/* Each group uses up some of the port's rate, and waits for what all have used. */
static void vho_limit_turn_end__shared(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_port *port = f->port;
	struct vho_limit_used used;
	u64 now_ns = ktime_get_ns();

	port->limit.cfg.bit_rate = 8000000;
	preempt_disable();
	vho_limit_turn_begin(port, &used);
	vho_port_stat_add(port, VHO_STAT_fp_tx_bytes, 60000);
	vho_limit_turn_end(port->group[0], &used, now_ns);
	vho_limit_turn_begin(port, &used);
	vho_port_stat_add(port, VHO_STAT_fp_tx_bytes, 10000);
	vho_limit_turn_end(port->group[1], &used, now_ns);
	preempt_enable();
	/* 60 ms, of which 10 were kept; and 10 more. */
	KUNIT_EXPECT_EQ(test, port->group[0]->budget.ent.hold_ns, now_ns + 50 * NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, port->group[1]->budget.ent.hold_ns, now_ns + 60 * NSEC_PER_MSEC);
}

static void vho_budget_stats__sum(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_budget_stats stats;

	f->port->group[0]->budget.stats.turns = 3;
	f->port->group[1]->budget.stats.turns = 4;
	f->port->group[1]->budget.ent.throttled = 5;
	vho_budget_stats(f->port, &stats);
	KUNIT_EXPECT_EQ(test, stats.turns, 7);
	KUNIT_EXPECT_EQ(test, stats.throttled, 5);
}

static struct kunit_case vho_group_cases[] = {
	KUNIT_CASE(vho_group_guest_set__channels),
	KUNIT_CASE(vho_group_connect__channel),
	KUNIT_CASE(vho_group_incoming__spread),
	KUNIT_CASE(vho_group_attach__other),
	KUNIT_CASE(vho_group_attach__guessed),
	KUNIT_CASE(vho_group_attach__stopped),
	KUNIT_CASE(vho_group_stop__tokens),
	KUNIT_CASE(vho_budget_share__parts),
	KUNIT_CASE(vho_limit_turn_end__shared),
	KUNIT_CASE(vho_budget_stats__sum),
	{ }
};

static struct kunit_suite vho_group_suite = {
	.name = "virtuoso_group",
	.init = vho_group_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_group_cases,
};
kunit_test_suite(vho_group_suite);
