// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of scaling: loads, placement, how many cores. The clock is passed in.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>
#include <linux/numa.h>
#include <linux/time64.h>

#include "../host/scale.h"

#define VHO_TEST_CORES	8
#define VHO_TEST_GROUPS	16
#define VHO_TEST_PERIOD	(10 * NSEC_PER_MSEC)

static const struct vho_scale_rules vho_test_rules = {
	.min = 1,
	.max = 4,
	.add_idle_permille = 200,
	.remove_idle_permille = 1250,
	.guarantees_max = 900,
	.holdoff_ns = 100 * NSEC_PER_MSEC,
};

/* Groups that want so much of a core, cores that divide their time among their groups. */
struct vho_scale_test {
	struct vho_scale s;
	struct vho_scale_core cores[VHO_TEST_CORES];
	struct vho_scale_group groups[VHO_TEST_GROUPS];
	u32 wanted[VHO_TEST_GROUPS];
	unsigned int changes;
	unsigned int most;
	u64 now_ns;
};

static int vho_scale_test_init(struct kunit *test)
{
	struct vho_scale_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	vho_scale_init(&t->s, &vho_test_rules);
	vho_scale_core_add(&t->s, &t->cores[0], NUMA_NO_NODE);
	for (i = 0; i < VHO_TEST_GROUPS; i++) {
		t->groups[i].numa = NUMA_NO_NODE;
		vho_scale_group_add(&t->groups[i], &t->cores[0]);
	}
	t->now_ns = NSEC_PER_SEC;
	return 0;
}

/* One period of work: a core that is asked for more than it has gives each group its part. */
static void vho_test_work(struct vho_scale_test *t)
{
	struct vho_scale_core *core;
	struct vho_scale_group *group;

	list_for_each_entry(core, &t->s.cores, node) {
		u64 sum = 0;

		list_for_each_entry(group, &core->groups, node)
			sum += t->wanted[group - t->groups];
		list_for_each_entry(group, &core->groups, node) {
			u64 got = t->wanted[group - t->groups];

			if (sum > VHO_SCALE_ONE)
				got = got * VHO_SCALE_ONE / sum;
			group->busy_permille = vho_scale_average(group->busy_permille,
								got * VHO_TEST_PERIOD / 1000,
								VHO_TEST_PERIOD, VHO_TEST_PERIOD);
		}
		core->busy_permille = vho_scale_average(core->busy_permille,
							min_t(u64, sum, 1000) * VHO_TEST_PERIOD / 1000,
							VHO_TEST_PERIOD, VHO_TEST_PERIOD);
	}
	t->now_ns += VHO_TEST_PERIOD;
}

static void vho_test_remove(struct vho_scale_test *t, struct vho_scale_core *core)
{
	struct vho_scale_group *group;

	while ((group = vho_scale_pick_leaver(core)))
		vho_scale_group_move(group, vho_scale_pick(&t->s, group, core, true));
	vho_scale_core_del(&t->s, core);
}

/* As vho_elastic_change() does it. */
static void vho_test_look(struct vho_scale_test *t)
{
	struct vho_scale_core *victim, *to;
	struct vho_scale_group *group;
	bool changed = false, going = false;
	unsigned int i;

	switch (vho_scale_decide(&t->s, t->now_ns, &victim)) {
	case VHO_SCALE_ADD:
		for (i = 0; t->cores[i].node.next && !list_empty(&t->cores[i].node); i++)
			;
		vho_scale_core_add(&t->s, &t->cores[i], NUMA_NO_NODE);
		changed = true;
		t->changes++;
		break;
	case VHO_SCALE_REMOVE:
		vho_test_remove(t, victim);
		changed = true;
		t->changes++;
		break;
	case VHO_SCALE_KEEP:
		break;
	}
	if (changed || t->now_ns - t->s.changed_ns >= t->s.rules.holdoff_ns)
		while ((group = vho_scale_pick_move(&t->s, &to, going))) {
			going = true;
			vho_scale_group_move(group, to);
			changed = true;
		}
	if (changed)
		t->s.changed_ns = t->now_ns;
	t->most = max(t->most, t->s.nr_cores);
}

static void vho_test_run(struct vho_scale_test *t, unsigned int periods)
{
	while (periods--) {
		vho_test_work(t);
		vho_test_look(t);
	}
}

static void vho_scale_average__converges(struct kunit *test)
{
	u32 load = 0;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, vho_scale_average(500, 1, 0, VHO_TEST_PERIOD), 500);
	KUNIT_EXPECT_EQ(test, vho_scale_average(0, VHO_TEST_PERIOD, VHO_TEST_PERIOD, VHO_TEST_PERIOD),
			250);
	for (i = 0; i < 40; i++)
		load = vho_scale_average(load, VHO_TEST_PERIOD, VHO_TEST_PERIOD, VHO_TEST_PERIOD);
	KUNIT_EXPECT_EQ(test, load, 1000);
	for (i = 0; i < 40; i++)
		load = vho_scale_average(load, 0, VHO_TEST_PERIOD, VHO_TEST_PERIOD);
	KUNIT_EXPECT_EQ(test, load, 0);
	/* More than there was is not believed; a late look says it all. */
	KUNIT_EXPECT_GE(test, vho_scale_average(0, U32_MAX, 100 * VHO_TEST_PERIOD, VHO_TEST_PERIOD), 0);
	KUNIT_EXPECT_GE(test, vho_scale_average(0, 1000 * VHO_TEST_PERIOD, 1000 * VHO_TEST_PERIOD,
						VHO_TEST_PERIOD), 990);
}

/* Load from nothing to all and back, again and again: cores follow, and change no oftener. */
static void vho_scale_decide__steps(struct kunit *test)
{
	struct vho_scale_test *t = test->priv;
	unsigned int i, n;

	for (n = 0; n < 5; n++) {
		for (i = 0; i < VHO_TEST_GROUPS; i++)
			t->wanted[i] = 200;
		vho_test_run(t, 200);
		KUNIT_EXPECT_EQ(test, t->s.nr_cores, 4);
		memset(t->wanted, 0, sizeof(t->wanted));
		vho_test_run(t, 200);
		KUNIT_EXPECT_EQ(test, t->s.nr_cores, 1);
	}
	KUNIT_EXPECT_EQ(test, t->changes, 5 * 6);
}

/* Any steady load: after a while nothing changes any more, and nobody is short who need not be. */
static void vho_scale_decide__no_flapping(struct kunit *test)
{
	struct vho_scale_test *t = test->priv;
	unsigned int load, i, changes;

	for (load = 0; load <= 240; load += 5) {
		for (i = 0; i < VHO_TEST_GROUPS; i++)
			t->wanted[i] = load;
		vho_test_run(t, 200);
		changes = t->changes;
		vho_test_run(t, 300);
		KUNIT_EXPECT_EQ_MSG(test, t->changes, changes, "load %u", load);
	}
}

/* A single group cannot use a second core. */
static void vho_scale_decide__indivisible(struct kunit *test)
{
	struct vho_scale_test *t = test->priv;

	t->wanted[3] = 3000;
	vho_test_run(t, 100);
	KUNIT_EXPECT_EQ(test, t->s.nr_cores, 1);
	t->wanted[5] = 500;
	vho_test_run(t, 100);
	KUNIT_EXPECT_EQ(test, t->s.nr_cores, 2);
	KUNIT_EXPECT_PTR_NE(test, t->groups[3].core, t->groups[5].core);
}

/* Core-periods that eight groups need, one of which wants so much of a core at a time, for @length periods. */
static unsigned int vho_test_bursts(struct vho_scale_test *t, u32 wanted, unsigned int length)
{
	unsigned int n, held = 0;

	for (n = 0; n < 1600; n++) {
		memset(t->wanted, 0, sizeof(t->wanted));
		t->wanted[n / length % 8] = wanted;
		vho_test_run(t, 1);
		held += t->s.nr_cores;
	}
	return held;
}

/* Eight groups whose bursts do not coincide need at most a third of eight cores, which each for itself would need. */
static void vho_scale_decide__bursts(struct kunit *test)
{
	static const u32 wanted[] = { 100, 300, 600, 900, 1000, 3000 };
	struct vho_scale_test *t = test->priv;
	unsigned int i, length;

	t->s.rules.max = 8;
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		for (length = 1; length <= 200; length += length / 2 + 1) {
			unsigned int held = vho_test_bursts(t, wanted[i], length);

			KUNIT_EXPECT_LE_MSG(test, 3 * held, 8 * 1600, "%u for %u", wanted[i], length);
		}
	}
	KUNIT_EXPECT_LE(test, t->most, 2);
}

static void vho_scale_pick__guarantees_and_nodes(struct kunit *test)
{
	struct vho_scale_test *t = test->priv;
	struct vho_scale_group group = { .guarantee_permille = 500, .numa = 1 };

	vho_scale_group_guarantee(&t->groups[0], 600);
	KUNIT_EXPECT_NULL(test, vho_scale_pick(&t->s, &group, NULL, true));
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick(&t->s, &group, NULL, false), &t->cores[0]);
	vho_scale_core_add(&t->s, &t->cores[1], 0);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick(&t->s, &group, NULL, true), &t->cores[1]);
	/* Near its memory, if that core has not too much to do. */
	vho_scale_core_add(&t->s, &t->cores[2], 1);
	t->cores[2].busy_permille = 150;
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick(&t->s, &group, NULL, true), &t->cores[2]);
	t->cores[2].busy_permille = 700;
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick(&t->s, &group, NULL, true), &t->cores[1]);
}

/* A group with a guarantee stays if it can, and goes where it can be given if it may. */
static void vho_scale_room__guarantees(struct kunit *test)
{
	struct vho_scale_test *t = test->priv;
	struct vho_scale_group *group = &t->groups[0];

	KUNIT_EXPECT_EQ(test, vho_scale_left(&t->s, &t->cores[0], group), 900);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_room(&t->s, group, 900), &t->cores[0]);
	vho_scale_group_guarantee(&t->groups[1], 500);
	vho_scale_group_guarantee(group, 300);
	KUNIT_EXPECT_EQ(test, vho_scale_left(&t->s, &t->cores[0], group), 400);
	KUNIT_EXPECT_EQ(test, vho_scale_left(&t->s, &t->cores[0], &t->groups[2]), 100);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_room(&t->s, group, 400), &t->cores[0]);
	KUNIT_EXPECT_NULL(test, vho_scale_room(&t->s, group, 401));
	vho_scale_core_add(&t->s, &t->cores[1], NUMA_NO_NODE);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_room(&t->s, group, 400), &t->cores[0]);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_room(&t->s, group, 401), &t->cores[1]);
	group->pinned = true;
	KUNIT_EXPECT_NULL(test, vho_scale_room(&t->s, group, 401));
	group->pinned = false;
	vho_scale_group_move(&t->groups[1], &t->cores[1]);
	KUNIT_EXPECT_NULL(test, vho_scale_room(&t->s, &t->groups[2], 601));
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_room(&t->s, &t->groups[2], 600), &t->cores[0]);
	/* More than a core can give: others had to go. Less of it is never refused. */
	vho_scale_group_guarantee(&t->groups[3], 800);
	KUNIT_EXPECT_EQ(test, vho_scale_left(&t->s, &t->cores[0], &t->groups[2]), 0);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_room(&t->s, group, 299), &t->cores[0]);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_room(&t->s, group, 0), &t->cores[0]);
}

static void vho_scale_pick_victim__who_may_leave(struct kunit *test)
{
	struct vho_scale_test *t = test->priv;

	vho_scale_core_add(&t->s, &t->cores[1], NUMA_NO_NODE);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick_victim(&t->s), &t->cores[1]);
	vho_scale_group_move(&t->groups[0], &t->cores[1]);
	t->groups[0].pinned = true;
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick_victim(&t->s), &t->cores[0]);
	/* Guarantees that one core cannot give. */
	vho_scale_group_guarantee(&t->groups[0], 500);
	vho_scale_group_guarantee(&t->groups[1], 500);
	KUNIT_EXPECT_NULL(test, vho_scale_pick_victim(&t->s));
}

/* Guarantees first, then the heaviest. */
static void vho_scale_pick_leaver__order(struct kunit *test)
{
	struct vho_scale_test *t = test->priv;

	t->groups[4].busy_permille = 300;
	vho_scale_group_guarantee(&t->groups[7], 10);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick_leaver(&t->cores[0]), &t->groups[7]);
	vho_scale_group_del(&t->groups[7]);
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick_leaver(&t->cores[0]), &t->groups[4]);
	KUNIT_EXPECT_EQ(test, t->cores[0].guarantee_permille, 0);
}

static void vho_scale_pick_move__pinned(struct kunit *test)
{
	struct vho_scale_test *t = test->priv;
	struct vho_scale_core *to = NULL;

	vho_scale_core_add(&t->s, &t->cores[1], NUMA_NO_NODE);
	t->cores[0].busy_permille = 1000;
	t->groups[0].busy_permille = 600;
	t->groups[1].busy_permille = 400;
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick_move(&t->s, &to, false), &t->groups[0]);
	KUNIT_EXPECT_PTR_EQ(test, to, &t->cores[1]);
	t->groups[0].pinned = true;
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick_move(&t->s, &to, false), &t->groups[1]);
	t->groups[1].pinned = true;
	KUNIT_EXPECT_NULL(test, vho_scale_pick_move(&t->s, &to, false));
}

/* Groups of one port keep apart, unless the other core has clearly more to do. */
static void vho_scale_pick__siblings(struct kunit *test)
{
	struct vho_scale_test *t = test->priv;
	struct vho_scale_group *a = &t->groups[0], *b = &t->groups[1];

	vho_scale_core_add(&t->s, &t->cores[1], NUMA_NO_NODE);
	vho_scale_group_move(&t->groups[2], &t->cores[1]);
	a->owner = t;
	b->owner = t;
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick(&t->s, b, NULL, true), &t->cores[1]);
	t->cores[1].busy_permille = 200;
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick(&t->s, b, NULL, true), &t->cores[1]);
	t->cores[1].busy_permille = 400;
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick(&t->s, b, NULL, true), &t->cores[0]);
	/* Groups of nobody in particular do not mind. */
	t->cores[1].busy_permille = 200;
	KUNIT_EXPECT_PTR_EQ(test, vho_scale_pick(&t->s, &t->groups[3], NULL, true), &t->cores[0]);
}

static struct kunit_case vho_scale_cases[] = {
	KUNIT_CASE(vho_scale_average__converges),
	KUNIT_CASE(vho_scale_decide__steps),
	KUNIT_CASE(vho_scale_decide__no_flapping),
	KUNIT_CASE(vho_scale_decide__indivisible),
	KUNIT_CASE(vho_scale_decide__bursts),
	KUNIT_CASE(vho_scale_pick__guarantees_and_nodes),
	KUNIT_CASE(vho_scale_pick__siblings),
	KUNIT_CASE(vho_scale_room__guarantees),
	KUNIT_CASE(vho_scale_pick_victim__who_may_leave),
	KUNIT_CASE(vho_scale_pick_leaver__order),
	KUNIT_CASE(vho_scale_pick_move__pinned),
	{}
};

static struct kunit_suite vho_scale_suite = {
	.name = "virtuoso_scale",
	.init = vho_scale_test_init,
	.test_cases = vho_scale_cases,
};
kunit_test_suite(vho_scale_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: scaling");
MODULE_LICENSE("GPL");
