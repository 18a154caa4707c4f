// SPDX-License-Identifier: GPL-2.0
/*
 * Sequence arithmetic.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>

#include "../host/tcp_seq.h"

struct vho_seq_case {
	const char *name;
	u32 a, b;
	bool before, after;
};

static const struct vho_seq_case vho_seq_cases[] = {
	{ "equal", 5, 5, false, false },
	{ "next", 5, 6, true, false },
	{ "across zero", 0xffffffff, 0, true, false },
	{ "across zero, far", 0xc0000000, 0x3fffffff, true, false },
	{ "across the sign bit", 0x7fffffff, 0x80000000, true, false },
	{ "largest distance", 0, 0x7fffffff, true, false },
	{ "the other way", 0x7fffffff, 0, false, true },
	{ "across zero, the other way", 0, 0xffffffff, false, true },
};

static void vho_seq_case_name(const struct vho_seq_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vho_seq, vho_seq_cases, vho_seq_case_name);

static void vho_seq_compare(struct kunit *test)
{
	const struct vho_seq_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, vho_seq_before(c->a, c->b), c->before);
	KUNIT_EXPECT_EQ(test, vho_seq_after(c->a, c->b), c->after);
	KUNIT_EXPECT_EQ(test, vho_seq_before(c->b, c->a), c->after);
	KUNIT_EXPECT_EQ(test, vho_seq_after(c->b, c->a), c->before);
	KUNIT_EXPECT_EQ(test, vho_seq_max(c->a, c->b), c->after ? c->a : c->b);
	KUNIT_EXPECT_EQ(test, vho_seq_min(c->a, c->b), c->before ? c->a : c->b);
	KUNIT_EXPECT_EQ(test, vho_seq_room(c->a, c->b), c->before ? c->b - c->a : 0);
}

static void vho_seq_between__bounds(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, vho_seq_between(5, 5, 5));
	KUNIT_EXPECT_TRUE(test, vho_seq_between(5, 5, 9));
	KUNIT_EXPECT_TRUE(test, vho_seq_between(9, 5, 9));
	KUNIT_EXPECT_FALSE(test, vho_seq_between(4, 5, 9));
	KUNIT_EXPECT_FALSE(test, vho_seq_between(10, 5, 9));
}

static void vho_seq_between__wraps(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, vho_seq_between(0, 0xfffffff0, 0x10));
	KUNIT_EXPECT_FALSE(test, vho_seq_between(0x11, 0xfffffff0, 0x10));
	KUNIT_EXPECT_FALSE(test, vho_seq_between(0xffffffef, 0xfffffff0, 0x10));
}

static struct kunit_case vho_seq_test_cases[] = {
	KUNIT_CASE_PARAM(vho_seq_compare, vho_seq_gen_params),
	KUNIT_CASE(vho_seq_between__bounds),
	KUNIT_CASE(vho_seq_between__wraps),
	{}
};

static struct kunit_suite vho_seq_suite = {
	.name = "virtuoso_tcp_seq",
	.test_cases = vho_seq_test_cases,
};
kunit_test_suite(vho_seq_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: TCP sequence arithmetic");
MODULE_LICENSE("GPL");
