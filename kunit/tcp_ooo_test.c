// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges received out of order.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/prandom.h>

#include "../host/tcp_ooo.h"
#include "../host/tcp_seq.h"

struct vho_ooo_case {
	const char *name;
	struct vho_tcp_range add[6];
	u8 nr_add;
	struct vho_tcp_range want[4];
	u8 nr_want;
};

static const struct vho_ooo_case vho_ooo_cases[] = {
	{ "one", { { 10, 20 } }, 1, { { 10, 20 } }, 1 },
	{ "two apart, in order", { { 10, 20 }, { 30, 40 } }, 2, { { 10, 20 }, { 30, 40 } }, 2 },
	{ "two apart, other order", { { 30, 40 }, { 10, 20 } }, 2, { { 10, 20 }, { 30, 40 } }, 2 },
	{ "between two", { { 10, 20 }, { 50, 60 }, { 30, 40 } }, 3,
	  { { 10, 20 }, { 30, 40 }, { 50, 60 } }, 3 },
	{ "touching after", { { 10, 20 }, { 20, 30 } }, 2, { { 10, 30 } }, 1 },
	{ "touching before", { { 20, 30 }, { 10, 20 } }, 2, { { 10, 30 } }, 1 },
	{ "same again", { { 10, 20 }, { 10, 20 } }, 2, { { 10, 20 } }, 1 },
	{ "inside", { { 10, 40 }, { 20, 30 } }, 2, { { 10, 40 } }, 1 },
	{ "around", { { 20, 30 }, { 10, 40 } }, 2, { { 10, 40 } }, 1 },
	{ "overlap at the front", { { 20, 30 }, { 10, 25 } }, 2, { { 10, 30 } }, 1 },
	{ "overlap at the end", { { 20, 30 }, { 25, 35 } }, 2, { { 20, 35 } }, 1 },
	{ "fills the gap exactly", { { 10, 20 }, { 30, 40 }, { 20, 30 } }, 3, { { 10, 40 } }, 1 },
	{ "covers several", { { 10, 12 }, { 20, 22 }, { 30, 32 }, { 50, 52 }, { 11, 40 } }, 5,
	  { { 10, 40 }, { 50, 52 } }, 2 },
	{ "across zero", { { 0xfffffff0, 0xfffffff8 }, { 8, 16 }, { 0xfffffff8, 8 } }, 3,
	  { { 0xfffffff0, 16 } }, 1 },
	{ "apart across zero", { { 8, 16 }, { 0xfffffff0, 0xfffffff8 } }, 2,
	  { { 0xfffffff0, 0xfffffff8 }, { 8, 16 } }, 2 },
};

static void vho_ooo_case_name(const struct vho_ooo_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vho_ooo, vho_ooo_cases, vho_ooo_case_name);

static void vho_tcp_ooo_add__table(struct kunit *test)
{
	const struct vho_ooo_case *c = test->param_value;
	struct vho_tcp_ooo ooo = {};
	int i;

	for (i = 0; i < c->nr_add; i++) {
		KUNIT_EXPECT_TRUE(test, vho_tcp_ooo_fits(&ooo, c->add[i].start, c->add[i].end));
		KUNIT_EXPECT_TRUE(test, vho_tcp_ooo_add(&ooo, c->add[i].start, c->add[i].end));
	}
	KUNIT_ASSERT_EQ(test, ooo.nr, c->nr_want);
	for (i = 0; i < c->nr_want; i++) {
		KUNIT_EXPECT_EQ(test, ooo.r[i].start, c->want[i].start);
		KUNIT_EXPECT_EQ(test, ooo.r[i].end, c->want[i].end);
	}
}

static void vho_ooo_fill(struct kunit *test, struct vho_tcp_ooo *ooo)
{
	int i;

	for (i = 0; i < VHO_OOO_MAX; i++)
		KUNIT_ASSERT_TRUE(test, vho_tcp_ooo_add(ooo, 100 * i, 100 * i + 50));
}

static void vho_tcp_ooo_add__full(struct kunit *test)
{
	struct vho_tcp_ooo ooo = {}, before;

	vho_ooo_fill(test, &ooo);
	before = ooo;
	KUNIT_EXPECT_FALSE(test, vho_tcp_ooo_fits(&ooo, 60, 70));
	KUNIT_EXPECT_FALSE(test, vho_tcp_ooo_add(&ooo, 60, 70));
	KUNIT_EXPECT_FALSE(test, vho_tcp_ooo_add(&ooo, 5000, 5001));
	KUNIT_EXPECT_EQ(test, memcmp(&ooo, &before, sizeof(ooo)), 0);
	/* What merges still fits. */
	KUNIT_EXPECT_TRUE(test, vho_tcp_ooo_fits(&ooo, 50, 70));
	KUNIT_EXPECT_TRUE(test, vho_tcp_ooo_add(&ooo, 50, 70));
	KUNIT_EXPECT_EQ(test, ooo.nr, VHO_OOO_MAX);
	KUNIT_EXPECT_TRUE(test, vho_tcp_ooo_add(&ooo, 70, 5000));
	KUNIT_EXPECT_EQ(test, ooo.nr, 1);
	KUNIT_EXPECT_EQ(test, ooo.r[0].end, 5000);
}

static void vho_tcp_ooo_advance__reaches(struct kunit *test)
{
	struct vho_tcp_ooo ooo = {};

	vho_ooo_fill(test, &ooo);
	KUNIT_EXPECT_EQ(test, vho_tcp_ooo_advance(&ooo, 100), 150);
	KUNIT_EXPECT_EQ(test, ooo.nr, VHO_OOO_MAX - 2);
	KUNIT_EXPECT_EQ(test, vho_tcp_ooo_advance(&ooo, 160), 160);
	KUNIT_EXPECT_EQ(test, ooo.nr, VHO_OOO_MAX - 2);
	KUNIT_EXPECT_EQ(test, vho_tcp_ooo_advance(&ooo, 420), 450);
	KUNIT_EXPECT_EQ(test, ooo.r[0].start, 500);
	KUNIT_EXPECT_EQ(test, vho_tcp_ooo_advance(&ooo, 9000), 9000);
	KUNIT_EXPECT_EQ(test, ooo.nr, 0);
	KUNIT_EXPECT_EQ(test, vho_tcp_ooo_advance(&ooo, 9001), 9001);
}

static void vho_tcp_ooo_forget__overlaps(struct kunit *test)
{
	struct vho_tcp_ooo ooo = {};

	vho_ooo_fill(test, &ooo);
	vho_tcp_ooo_forget(&ooo, 50, 100);
	KUNIT_EXPECT_EQ(test, ooo.nr, VHO_OOO_MAX);
	vho_tcp_ooo_forget(&ooo, 149, 201);
	KUNIT_EXPECT_EQ(test, ooo.nr, VHO_OOO_MAX - 2);
	KUNIT_EXPECT_EQ(test, ooo.r[0].start, 0);
	KUNIT_EXPECT_EQ(test, ooo.r[1].start, 300);
	vho_tcp_ooo_forget(&ooo, 0, 10000);
	KUNIT_EXPECT_EQ(test, ooo.nr, 0);
}

#define VHO_OOO_BITS	512

/* The ranges say the same as a bitmap. */
static void vho_ooo_compare(struct kunit *test, const struct vho_tcp_ooo *ooo, u32 base,
			    const unsigned long *map)
{
	DECLARE_BITMAP(got, VHO_OOO_BITS) = {};
	int i;

	for (i = 0; i < ooo->nr; i++) {
		KUNIT_ASSERT_TRUE(test, vho_seq_before(ooo->r[i].start, ooo->r[i].end));
		if (i)
			KUNIT_ASSERT_TRUE(test, vho_seq_before(ooo->r[i - 1].end, ooo->r[i].start));
		bitmap_set(got, ooo->r[i].start - base, ooo->r[i].end - ooo->r[i].start);
	}
	KUNIT_EXPECT_TRUE(test, bitmap_equal(got, map, VHO_OOO_BITS));
}

static void vho_tcp_ooo__random(struct kunit *test)
{
	struct rnd_state rnd;
	int round;

	prandom_seed_state(&rnd, 4711);
	for (round = 0; round < 500; round++) {
		DECLARE_BITMAP(map, VHO_OOO_BITS) = {};
		u32 base = round % 2 ? 0xffffff00 : prandom_u32_state(&rnd);
		struct vho_tcp_ooo ooo = {};
		u32 nxt = 0, from;
		int n;

		for (n = 0; n < 100; n++) {
			u32 start = nxt + 1 + prandom_u32_state(&rnd) % (VHO_OOO_BITS - nxt - 1);
			u32 len = min(1 + prandom_u32_state(&rnd) % 30, VHO_OOO_BITS - start);
			bool fits = vho_tcp_ooo_fits(&ooo, base + start, base + start + len);

			if (!len)
				continue;
			KUNIT_ASSERT_EQ(test, fits,
					vho_tcp_ooo_add(&ooo, base + start, base + start + len));
			if (fits)
				bitmap_set(map, start, len);
			vho_ooo_compare(test, &ooo, base, map);
			if (prandom_u32_state(&rnd) % 8 || nxt > VHO_OOO_BITS - 40)
				continue;
			from = nxt + prandom_u32_state(&rnd) % 20;
			bitmap_set(map, 0, from);
			nxt = find_first_zero_bit(map, VHO_OOO_BITS);
			KUNIT_ASSERT_EQ(test, vho_tcp_ooo_advance(&ooo, base + from), base + nxt);
			bitmap_clear(map, 0, nxt);
			vho_ooo_compare(test, &ooo, base, map);
			if (nxt > VHO_OOO_BITS - 40)
				break;
		}
	}
}

static struct kunit_case vho_ooo_test_cases[] = {
	KUNIT_CASE_PARAM(vho_tcp_ooo_add__table, vho_ooo_gen_params),
	KUNIT_CASE(vho_tcp_ooo_add__full),
	KUNIT_CASE(vho_tcp_ooo_advance__reaches),
	KUNIT_CASE(vho_tcp_ooo_forget__overlaps),
	KUNIT_CASE(vho_tcp_ooo__random),
	{}
};

static struct kunit_suite vho_ooo_suite = {
	.name = "virtuoso_tcp_ooo",
	.test_cases = vho_ooo_test_cases,
};
kunit_test_suite(vho_ooo_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: out-of-order ranges");
MODULE_LICENSE("GPL");
