// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of limits on other things than CPU time.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "host_fake.h"
#include "../host/limit.h"
#include "../host/listener.h"

#define VHO_TEST_MS	((u64)NSEC_PER_MSEC)

/* A rate is kept however the use is spread; what was not used is kept for 10 ms. */
static void vho_limit_use__rates(struct kunit *test)
{
	static const struct {
		u64 per_s, n, step_ns;
	} cases[] = {
		{ 1000, 1, 1 },
		{ 1000000, 8 * 65536, 20000 },
		{ 100000, 1, 10 * NSEC_PER_MSEC },
		{ 10000000000ULL, 64 * 8, 1 },
		{ 40000000000ULL, 8 * 8192, 1000 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 start_ns = NSEC_PER_SEC, now_ns = start_ns, busy_ns = 0, used = 0, most;
		unsigned int n;

		for (n = 0; n < 1000; n++) {
			if (busy_ns <= now_ns) {
				busy_ns = vho_limit_use(busy_ns, cases[i].n, cases[i].per_s, now_ns);
				used += cases[i].n;
				now_ns += cases[i].step_ns;
			} else {
				now_ns = busy_ns;
			}
		}
		/* A burst, and the last one in full. */
		most = mul_u64_u64_div_u64(now_ns - start_ns + VHO_LIMIT_BURST_NS, cases[i].per_s,
					   NSEC_PER_SEC) + 2 * cases[i].n;
		KUNIT_EXPECT_LE_MSG(test, used, most, "case %u", i);
	}
	KUNIT_EXPECT_EQ(test, vho_limit_use(7, 100, 0, 1000), 7);
	KUNIT_EXPECT_EQ(test, vho_limit_use(0, 1, 1000, 0), VHO_TEST_MS);
	KUNIT_EXPECT_EQ(test, vho_limit_use(0, 1, 1000, 100 * VHO_TEST_MS), 91 * VHO_TEST_MS);
	KUNIT_EXPECT_EQ(test, vho_limit_use(95 * VHO_TEST_MS, 2, 1000, 100 * VHO_TEST_MS), 97 * VHO_TEST_MS);
	/* Nothing runs over. */
	KUNIT_EXPECT_LT(test, vho_limit_use(0, U64_MAX, 1, 0), 100 * (u64)NSEC_PER_SEC);
}

static void vho_limit_conn__rate(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	u64 now_ns = NSEC_PER_SEC;
	unsigned int i, n = 0;

	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_TRUE(test, vho_limit_conn(f->port, now_ns));
	f->port->limit.cfg.conn_rate = 1000;
	for (i = 0; i < 1000; i++, now_ns += VHO_TEST_MS / 10)
		n += vho_limit_conn(f->port, now_ns);
	/* 100 ms of it, and 10 ms kept. */
	KUNIT_EXPECT_GE(test, n, 109);
	KUNIT_EXPECT_LE(test, n, 111);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_conn_rate), 1000 - n);
	/* One in a second; with a higher rate after that nobody waits for the lower one. */
	f->port->limit.cfg.conn_rate = 1;
	now_ns += VHO_TEST_MS;
	KUNIT_EXPECT_TRUE(test, vho_limit_conn(f->port, now_ns));
	KUNIT_EXPECT_FALSE(test, vho_limit_conn(f->port, now_ns + 900 * VHO_TEST_MS));
	f->port->limit.cfg.conn_rate = 1000;
	KUNIT_EXPECT_TRUE(test, vho_limit_conn(f->port, now_ns + 900 * VHO_TEST_MS));
}

static void vho_limit_check__ranges(struct kunit *test)
{
	static const struct {
		struct vho_limit_cfg cfg;
		int err;
	} cases[] = {
		{ { }, 0 },
		{ { .max_listeners = VHO_LISTENERS_MAX }, 0 },
		{ { .max_listeners = VHO_LISTENERS_MAX + 1 }, -ERANGE },
		{ { .max_region_bytes = 4ULL << 30 }, 0 },
		{ { .max_region_bytes = (4ULL << 30) + 1 }, -ERANGE },
		{ { .conn_rate = 1, .bit_rate = VHO_LIMIT_BITS_MIN, .packet_rate = VHO_LIMIT_PACKETS_MIN }, 0 },
		{ { .bit_rate = VHO_LIMIT_BITS_MIN - 1 }, -ERANGE },
		{ { .packet_rate = VHO_LIMIT_PACKETS_MIN - 1 }, -ERANGE },
		{ { .conn_rate = U32_MAX, .bit_rate = U64_MAX, .packet_rate = U32_MAX }, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, vho_limit_check(&cases[i].cfg, NULL), cases[i].err, "case %u", i);
}

static void vho_limit__listeners_and_regions(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct in6_addr any = { };

	f->port->limit.cfg.max_listeners = f->port->nr_listeners + 1;
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_listener_add(f->port, &any, htons(1), 1, 0));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOMEM, vho_listener_add(f->port, &any, htons(2), 1, 0));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_sp_limit_listeners), 1);
	f->port->limit.cfg.max_listeners = 0;
	/* What there is stays, and may change. */
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_listener_add(f->port, &any, htons(1), 2, 0));

	f->port->limit.cfg.max_region_bytes = f->guest->region_bytes + PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOMEM,
			vho_region_add(f->guest, 9, VHO_FAKE_BASE, 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_sp_limit_regions), 1);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK,
			vho_region_add(f->guest, 9, VHO_FAKE_BASE, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOMEM,
			vho_region_add(f->guest, 10, VHO_FAKE_BASE + PAGE_SIZE, PAGE_SIZE));
	vho_listeners_flush(f->port);
}

/* What a turn has sent holds the port back, until somebody changes the rate. */
static void vho_limit_turn_end__holds(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_port *port = f->port;
	struct vho_limit_used used;
	u64 now_ns = ktime_get_ns();

	KUNIT_EXPECT_FALSE(test, vho_limit_shaped(port));
	port->limit.cfg.bit_rate = 8000000;
	KUNIT_EXPECT_TRUE(test, vho_limit_shaped(port));
	preempt_disable();
	vho_limit_turn_begin(port, &used);
	vho_port_stat_add(port, VHO_STAT_fp_tx_bytes, 50000);
	vho_port_stat_add(port, VHO_STAT_frame_rx_bytes, 10000);
	vho_limit_turn_end(port->group[0], &used, now_ns);
	/* 60 ms, of which 10 were kept. */
	KUNIT_EXPECT_EQ(test, port->group[0]->budget.ent.hold_ns, now_ns + 50 * VHO_TEST_MS);
	port->limit.cfg.packet_rate = 1000;
	vho_limit_turn_begin(port, &used);
	vho_port_stat_add(port, VHO_STAT_fp_rx_segs, 200);
	vho_limit_turn_end(port->group[0], &used, now_ns);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, port->group[0]->budget.ent.hold_ns, now_ns + 190 * VHO_TEST_MS);
}

static int vho_limit_test_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_guest_start(test->priv, 0);
	return 0;
}

static struct kunit_case vho_limit_cases[] = {
	KUNIT_CASE(vho_limit_use__rates),
	KUNIT_CASE(vho_limit_conn__rate),
	KUNIT_CASE(vho_limit_check__ranges),
	KUNIT_CASE(vho_limit__listeners_and_regions),
	KUNIT_CASE(vho_limit_turn_end__holds),
	{}
};

static struct kunit_suite vho_limit_suite = {
	.name = "virtuoso_limit",
	.init = vho_limit_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_limit_cases,
};
kunit_test_suite(vho_limit_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: limits");
MODULE_LICENSE("GPL");
