// SPDX-License-Identifier: GPL-2.0
/*
 * TCP options.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "../host/tcp_opt.h"

struct vho_opt_case {
	const char *name;
	u8 bytes[40];
	u8 len;
	bool syn;
	bool ok;
	struct vho_tcp_opt want;
};

static const struct vho_opt_case vho_opt_cases[] = {
	{ .name = "none", .len = 0, .ok = true },
	{ .name = "padding only", .bytes = { 1, 1, 0, 0 }, .len = 4, .ok = true },
	{ .name = "nothing counts after the end", .bytes = { 0, 8, 10, 1 }, .len = 4, .ok = true },
	{ .name = "timestamps, aligned", .len = 12, .ok = true,
	  .bytes = { 1, 1, 8, 10, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 },
	  .want = { .has = VHO_OPT_TS, .tsval = 0x11223344, .tsecr = 0x55667788 } },
	{ .name = "timestamps, not aligned", .len = 12, .ok = true,
	  .bytes = { 8, 10, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0 },
	  .want = { .has = VHO_OPT_TS, .tsval = 0x11223344, .tsecr = 0x55667788 } },
	{ .name = "a SYN as Linux sends it", .len = 20, .syn = true, .ok = true,
	  .bytes = { 2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7 },
	  .want = { .has = VHO_OPT_MSS | VHO_OPT_TS | VHO_OPT_WSCALE, .mss = 1460, .tsval = 9,
		    .wscale = 7 } },
	{ .name = "MSS and scale outside a SYN", .len = 8, .ok = true,
	  .bytes = { 2, 4, 0x05, 0xb4, 3, 3, 7, 0 } },
	{ .name = "window scale too large", .bytes = { 3, 3, 200, 0 }, .len = 4, .syn = true,
	  .ok = true, .want = { .has = VHO_OPT_WSCALE, .wscale = VHO_OPT_WSCALE_MAX } },
	{ .name = "unknown kind is skipped", .len = 8, .syn = true, .ok = true,
	  .bytes = { 99, 4, 2, 4, 2, 4, 0x01, 0x02 },
	  .want = { .has = VHO_OPT_MSS, .mss = 0x102 } },
	{ .name = "wrong length of a known kind", .len = 8, .syn = true, .ok = true,
	  .bytes = { 2, 3, 1, 2, 4, 0x01, 0x02, 0 },
	  .want = { .has = VHO_OPT_MSS, .mss = 0x102 } },
	{ .name = "length zero", .bytes = { 2, 0, 5, 180 }, .len = 4, .syn = true },
	{ .name = "length one", .bytes = { 2, 1, 5, 180 }, .len = 4, .syn = true },
	{ .name = "runs over the end", .bytes = { 2, 5, 5, 180 }, .len = 4, .syn = true },
	{ .name = "kind without length", .bytes = { 1, 1, 1, 8 }, .len = 4 },
	{ .name = "what came before the malformed one counts", .len = 8, .syn = true,
	  .bytes = { 2, 4, 0x05, 0xb4, 8, 10, 0, 0 },
	  .want = { .has = VHO_OPT_MSS, .mss = 1460 } },
};

static void vho_opt_case_name(const struct vho_opt_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vho_opt, vho_opt_cases, vho_opt_case_name);

static void vho_opt_expect_eq(struct kunit *test, const struct vho_tcp_opt *got,
			      const struct vho_tcp_opt *want)
{
	KUNIT_EXPECT_EQ(test, got->has, want->has);
	KUNIT_EXPECT_EQ(test, got->mss, want->mss);
	KUNIT_EXPECT_EQ(test, got->wscale, want->wscale);
	KUNIT_EXPECT_EQ(test, got->tsval, want->tsval);
	KUNIT_EXPECT_EQ(test, got->tsecr, want->tsecr);
}

static void vho_tcp_opt_parse__table(struct kunit *test)
{
	const struct vho_opt_case *c = test->param_value;
	struct vho_tcp_opt opt;

	memset(&opt, 0xff, sizeof(opt));
	KUNIT_EXPECT_EQ(test, vho_tcp_opt_parse(c->bytes, c->len, c->syn, &opt), c->ok);
	vho_opt_expect_eq(test, &opt, &c->want);
}

/* Any bytes: it ends, and what it finds is in range. */
static void vho_tcp_opt_parse__random(struct kunit *test)
{
	struct rnd_state rnd;
	int n;

	prandom_seed_state(&rnd, 99);
	for (n = 0; n < 20000; n++) {
		u32 len = prandom_u32_state(&rnd) % 41, i;
		u8 *bytes = kunit_kmalloc(test, len ?: 1, GFP_KERNEL);
		struct vho_tcp_opt opt;

		KUNIT_ASSERT_NOT_NULL(test, bytes);
		/* Small numbers make plausible kinds and lengths. */
		for (i = 0; i < len; i++)
			bytes[i] = prandom_u32_state(&rnd) % (n % 2 ? 12 : 256);
		vho_tcp_opt_parse(bytes, len, n & 4, &opt);
		KUNIT_EXPECT_LE(test, opt.wscale, VHO_OPT_WSCALE_MAX);
		KUNIT_EXPECT_EQ(test, opt.has & ~(VHO_OPT_MSS | VHO_OPT_WSCALE | VHO_OPT_TS), 0);
		kunit_kfree(test, bytes);
	}
}

static void vho_tcp_opt_write__read_back(struct kunit *test)
{
	struct vho_tcp_opt opt = { .mss = 8960, .wscale = 7, .tsval = 0xdeadbeef, .tsecr = 17 };
	u8 has;

	for (has = 0; has < 8; has++) {
		struct vho_tcp_opt got, want = {};
		u8 bytes[VHO_OPT_MAX_BYTES];
		u32 len;

		opt.has = has;
		len = vho_tcp_opt_write(bytes, &opt);
		KUNIT_ASSERT_LE(test, len, VHO_OPT_MAX_BYTES);
		KUNIT_EXPECT_EQ(test, len % 4, 0);
		if (has == VHO_OPT_TS)
			KUNIT_EXPECT_EQ(test, len, VHO_OPT_TS_BYTES);
		KUNIT_EXPECT_TRUE(test, vho_tcp_opt_parse(bytes, len, true, &got));
		want.has = has;
		want.mss = has & VHO_OPT_MSS ? opt.mss : 0;
		want.wscale = has & VHO_OPT_WSCALE ? opt.wscale : 0;
		want.tsval = has & VHO_OPT_TS ? opt.tsval : 0;
		want.tsecr = has & VHO_OPT_TS ? opt.tsecr : 0;
		vho_opt_expect_eq(test, &got, &want);
	}
}

static struct kunit_case vho_opt_test_cases[] = {
	KUNIT_CASE_PARAM(vho_tcp_opt_parse__table, vho_opt_gen_params),
	KUNIT_CASE(vho_tcp_opt_parse__random),
	KUNIT_CASE(vho_tcp_opt_write__read_back),
	{}
};

static struct kunit_suite vho_opt_suite = {
	.name = "virtuoso_tcp_opt",
	.test_cases = vho_opt_test_cases,
};
kunit_test_suite(vho_opt_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: TCP options");
MODULE_LICENSE("GPL");
