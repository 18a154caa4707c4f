// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of paths: learning them, probing them, telling the switch of the end.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "../host/path.h"
#include "../host/path_filter.h"
#include "../host/path_probe.h"
#include "path_fake.h"

/* ---- learning ---- */

static void vho_path_learn__all_stacks(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < VHO_PATH_FAKE_STACKS; i++) {
		const char *stack = vho_path_fake_stacks[i];
		struct vho_flow *flow = vho_path_fake_flow(test, i + 1, stack, 0);
		struct vho_path *path = vho_path_fake_path(flow);

		KUNIT_ASSERT_NOT_NULL_MSG(test, path, "%s", stack);
		KUNIT_EXPECT_EQ_MSG(test, strlen(stack), path->h.nr, "%s", stack);
		KUNIT_EXPECT_PTR_EQ(test, path->dev, vho_path_fake->uplink.dev);
		KUNIT_EXPECT_EQ_MSG(test, path->mss_limit + path->len + 20 - path->h.outer_ip, 1500, "%s", stack);
	}
}

static void vho_path_learn__not_before_established(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	const struct vho_tx_seg *syn = &f->sent[f->nr_sent - 1];

	vho_path_expect_shake(flow, syn);
	vho_path_fake_leave(test, &vho_path_fake->uplink, "E4T", syn, 0);
	KUNIT_EXPECT_NULL(test, vho_path_fake_path(flow));
	KUNIT_EXPECT_NOT_NULL(test, vho_path_fake_track(flow)->path);
}

static void vho_path_learn__nothing_without_uplinks(struct kunit *test)
{
	struct vho_flow *flow;

	vho_path_fake->any = false;
	flow = vho_fake_establish(test->priv, 1);
	KUNIT_EXPECT_NULL(test, vho_path_fake_track(flow));
}

static void vho_path_learn__forged(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	struct vho_tx_seg syn = f->sent[f->nr_sent - 1];

	vho_path_expect_shake(flow, &syn);
	/* The right sequence number, another timestamp. */
	syn.opt[syn.optlen - 5] ^= 1;
	syn.opt[6] ^= 1;
	syn.opt[8] ^= 1;
	syn.opt[10] ^= 1;
	vho_path_fake_leave(test, &vho_path_fake->uplink, "E4T", &syn, 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(vho_path_fake_track(flow)->path));
}

static void vho_path_learn__gre_seq_refused(struct kunit *test)
{
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4SE4T", 0);

	KUNIT_EXPECT_NULL(test, vho_path_fake_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_refused_gre_seq), 1);
}

static void vho_path_learn__filter_refused(struct kunit *test)
{
	struct vho_flow *flow;

	vho_path_fake->filtered = true;
	flow = vho_path_fake_flow(test, 1, "E4T", 0);
	KUNIT_EXPECT_NULL(test, vho_path_fake_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_refused_filter), 1);
	vho_path_fake->uplink.bypass = true;
	flow = vho_path_fake_flow(test, 2, "E4T", 0);
	KUNIT_EXPECT_NOT_NULL(test, vho_path_fake_path(flow));
}

static void vho_path_learn__flood_refused(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	const struct vho_tx_seg *syn = &f->sent[f->nr_sent - 1];

	vho_path_expect_shake(flow, syn);
	vho_path_fake_leave(test, &vho_path_fake->uplink, "E4T", syn, 0);
	vho_path_fake_leave(test, &vho_path_fake->uplink, "E4T", syn, 0);
	KUNIT_EXPECT_NOT_NULL(test, rcu_access_pointer(vho_path_fake_track(flow)->path));
	vho_path_fake_leave(test, &vho_path_fake->other, "E4T", syn, 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(vho_path_fake_track(flow)->path));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_refused_flood), 1);
}

/* ---- probes ---- */

static void vho_path_probe__verifies(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4UXE4T", 0);
	struct vho_path *path = vho_path_fake_path(flow);
	struct vho_tx_seg probe = vho_path_fake_probe(flow);

	KUNIT_ASSERT_NOT_NULL(test, path);
	vho_path_probe_now(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 1);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&f->netdev_rx), 1);
	KUNIT_EXPECT_EQ(test, NF_STOLEN,
			vho_path_fake_leave(test, &vho_path_fake->uplink, "E4UXE4T", &probe, 0));
	vho_path_fake_wait(f, 60 * NSEC_PER_MSEC);
	KUNIT_EXPECT_PTR_EQ(test, path, vho_path_fake_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_lost_probe), 0);
}

static void vho_path_probe__lost_and_found(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4UXE4T", 0);
	struct vho_tx_seg probe = vho_path_fake_probe(flow);

	vho_path_probe_now(flow);
	vho_path_fake_wait(f, 40 * NSEC_PER_MSEC);
	KUNIT_EXPECT_NOT_NULL(test, vho_path_fake_path(flow));
	vho_path_fake_wait(f, 20 * NSEC_PER_MSEC);
	KUNIT_EXPECT_NULL(test, vho_path_fake_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_lost_probe), 1);
	/* Another one was sent at once. */
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 2);
	KUNIT_EXPECT_EQ(test, NF_STOLEN,
			vho_path_fake_leave(test, &vho_path_fake->other, "EV4T", &probe, 0));
	KUNIT_ASSERT_NOT_NULL(test, vho_path_fake_path(flow));
	KUNIT_EXPECT_PTR_EQ(test, vho_path_fake_path(flow)->dev, vho_path_fake->other.dev);
	KUNIT_EXPECT_EQ(test, vho_path_fake_track(flow)->state, VHO_PATH_UP);
}

static void vho_path_probe__changed(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4UXE4T", 0);
	struct vho_tx_seg probe = vho_path_fake_probe(flow);

	vho_path_probe_now(flow);
	KUNIT_EXPECT_EQ(test, NF_STOLEN, vho_path_fake_leave(test, &vho_path_fake->uplink, "EV4T", &probe, 0));
	KUNIT_EXPECT_EQ(test, vho_path_fake_path(flow)->h.nr, 4);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_changed), 1);
}

/* Visited once a second: at once when it was used, otherwise only now and then. */
static void vho_path_probe__rhythm(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4T", 0);
	struct vho_tx_seg probe = vho_path_fake_probe(flow);
	unsigned int ms;

	for (ms = 0; ms < 4000; ms += 10)
		vho_path_fake_wait(f, 10 * NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 0);
	vho_path_fake_path(flow)->hits++;
	for (ms = 0; ms < 1000 && !vho_fake_stat(f, VHO_STAT_path_probe_tx); ms += 10)
		vho_path_fake_wait(f, 10 * NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 1);
	vho_path_fake_leave(test, &vho_path_fake->uplink, "E4T", &probe, 0);
	for (ms = 0; ms < 9000; ms += 10)
		vho_path_fake_wait(f, 10 * NSEC_PER_MSEC);
	KUNIT_EXPECT_GE(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 2);
}

static void vho_path_probe__event(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int i;

	for (i = 1; i <= 10; i++)
		vho_path_fake_flow(test, i, "E4T", 0);
	vho_path_probe_all();
	vho_path_probe_all();
	vho_fake_run_slow(f);
	for (i = 0; i < 20; i++)
		vho_path_fake_wait(f, NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 10);
}

static void vho_path_lose_uplink__all(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4T", 0);

	vho_path_lose_uplink(&vho_path_fake->other);
	KUNIT_EXPECT_NOT_NULL(test, vho_path_fake_path(flow));
	vho_path_lose_uplink(&vho_path_fake->uplink);
	KUNIT_EXPECT_NULL(test, vho_path_fake_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_lost_uplink), 1);
}

/* The switch is told of the end, and the peer hears nothing of it. */
static void vho_path_close__eaten(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4T", 0);
	struct vho_tx_seg rst;

	f->conntrack = true;
	vho_path_close(flow);
	rst = vho_path_fake_probe(flow);
	KUNIT_EXPECT_EQ(test, rst.flags, VHO_TCPF_RST | VHO_TCPF_ACK);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 1);
	vho_path_track_end(flow);
	KUNIT_EXPECT_EQ(test, NF_STOLEN, vho_path_fake_leave(test, &vho_path_fake->uplink, "E4T", &rst, 0));
	vho_path_fake_wait(f, 110 * NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, NF_ACCEPT, vho_path_fake_leave(test, &vho_path_fake->uplink, "E4T", &rst, 0));
}

/* Nobody in the switch keeps a record of the connection: nobody is told. */
static void vho_path_close__untold(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4T", 0);

	vho_path_close(flow);
	f->conntrack = true;
	f->conntrack_missed = true;
	flow = vho_path_fake_flow(test, 2, "E4T", 0);
	vho_path_close(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 0);
}

/* It is told if it may have seen a packet later, or if packets have gone the long way since. */
static void vho_path_close__told(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_tx_seg probe;
	struct vho_flow *flow;

	f->conntrack = true;
	f->conntrack_missed = true;
	flow = vho_path_fake_flow(test, 1, "E4T", 0);
	f->conntrack_missed = false;
	probe = vho_path_fake_probe(flow);
	vho_path_probe_now(flow);
	KUNIT_EXPECT_EQ(test, NF_STOLEN, vho_path_fake_leave(test, &vho_path_fake->uplink, "E4T", &probe, 0));
	vho_path_close(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 2);

	f->conntrack_missed = true;
	flow = vho_path_fake_flow(test, 2, "E4T", 0);
	vho_path_lose(rcu_dereference_protected(flow->track, true), VHO_PATH_NO_PROBE);
	vho_path_close(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 3);
}

/* Who goes past filters goes past what they keep, too. */
static void vho_path_close__bypass(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	f->conntrack = true;
	f->conntrack_missed = true;
	vho_path_fake->uplink.bypass = true;
	flow = vho_path_fake_flow(test, 1, "E4T", 0);
	vho_path_close(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 1);
}

static struct kunit_case vho_path_cases[] = {
	KUNIT_CASE(vho_path_learn__all_stacks),
	KUNIT_CASE(vho_path_learn__not_before_established),
	KUNIT_CASE(vho_path_learn__nothing_without_uplinks),
	KUNIT_CASE(vho_path_learn__forged),
	KUNIT_CASE(vho_path_learn__gre_seq_refused),
	KUNIT_CASE(vho_path_learn__filter_refused),
	KUNIT_CASE(vho_path_learn__flood_refused),
	KUNIT_CASE(vho_path_probe__verifies),
	KUNIT_CASE(vho_path_probe__lost_and_found),
	KUNIT_CASE(vho_path_probe__changed),
	KUNIT_CASE(vho_path_probe__rhythm),
	KUNIT_CASE(vho_path_probe__event),
	KUNIT_CASE(vho_path_lose_uplink__all),
	KUNIT_CASE(vho_path_close__eaten),
	KUNIT_CASE(vho_path_close__untold),
	KUNIT_CASE(vho_path_close__told),
	KUNIT_CASE(vho_path_close__bypass),
	{}
};

static struct kunit_suite vho_path_suite = {
	.name = "virtuoso_path",
	.init = vho_path_fake_init,
	.exit = vho_path_fake_exit,
	.test_cases = vho_path_cases,
};

kunit_test_suite(vho_path_suite);
