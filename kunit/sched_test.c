// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the order of service: sequences with known results, single functions.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "sched_sim.h"

/* ---- vectors ---- */

struct sim_vector {
	const char *name;
	u32 turn_ns;
	struct vho_sched_cfg cfg[3];		/* weight in units of the default one */
	u32 charged_ns[3];			/* before the start, for work not served */
	struct sim_arrival arrivals[4];
	const char *expected;
	u64 end_ns;
	u64 v_ns;
	u64 vt_ns[3];
	unsigned int turns_of_a;		/* 0: not looked at */
};

static const struct sim_vector sim_vectors[] = {
	{
		.name = "equal",
		.cfg = { { 1 }, { 1 } },
		.arrivals = { { 0, 0, 4, 3000 }, { 0, 1, 4, 3000 } },
		.expected = "A@0 B@3000 A@6000 B@9000 A@12000 B@15000 A@18000 B@21000",
		.end_ns = 24000, .v_ns = 9000, .vt_ns = { 12000, 12000 },
	}, {
		.name = "weights 2:1",
		.cfg = { { 2 }, { 1 } },
		.arrivals = { { 0, 0, 8, 3000 }, { 0, 1, 4, 3000 } },
		.expected = "A@0 B@3000 Ax2@6000 B@12000 Ax2@15000 B@21000 Ax2@24000 B@30000 A@33000",
		.end_ns = 36000, .v_ns = 10500, .vt_ns = { 12000, 12000 },
	}, {
		.name = "time, not packets",
		.cfg = { { 1 }, { 1 } },
		.arrivals = { { 0, 0, 10, 1000 }, { 0, 1, 3, 5000 } },
		.expected = "A@0 B@1000 Ax4@6000 B@10000 Ax5@15000 B@20000",
		.end_ns = 25000, .v_ns = 10000, .vt_ns = { 10000, 15000 },
	}, {
		.name = "sparse first",
		.cfg = { { 1 }, { 1 } },
		.arrivals = { { 0, 0, 8, 3000 }, { 4000, 1, 1, 600 }, { 10000, 1, 2, 600 } },
		.expected = "Ax2@0 B@6000 Ax2@6600 Bx2@12600 Ax4@13800",
		.end_ns = 25800, .v_ns = 21000, .vt_ns = { 24000, 1800 },
	}, {
		.name = "burst cap, idle time",
		.cfg = { { 1 }, { 1 } },
		.arrivals = { { 50000, 0, 12, 3000 }, { 53500, 1, 8, 3000 } },
		.expected = "Ax2@50000 Bx2@56000 A@62000 B@65000 A@68000 B@71000 A@74000 B@77000 A@80000 B@83000 A@86000 B@89000 A@92000 B@95000 Ax4@98000",
		.end_ns = 110000, .v_ns = 73000, .vt_ns = { 76000, 64000 },
	}, {
		.name = "charged for drops",
		.cfg = { { 1 }, { 1 } },
		.charged_ns = { 0, 10000 },
		.arrivals = { { 0, 0, 6, 3000 }, { 0, 1, 3, 3000 } },
		.expected = "Ax4@0 B@12000 A@15000 B@18000 A@21000 B@24000",
		.end_ns = 27000, .v_ns = 16000, .vt_ns = { 18000, 19000 },
	}, {
		.name = "yield",
		.turn_ns = 20000,
		.cfg = { { 1 }, { 1 } },
		.arrivals = { { 0, 0, 24, 1000 }, { 2500, 1, 1, 600 } },
		.expected = "Ax3@0 B@3000 Ax21@3600",
		.end_ns = 24600, .v_ns = 23000, .vt_ns = { 24000, 600 },
		.turns_of_a = 3,
	}, {
		.name = "guarantee of a fifth",
		.cfg = { { 1 }, { 1 }, { 1, 200 } },
		.arrivals = { { 0, 0, 6, 3000 }, { 0, 1, 6, 3000 }, { 20000, 2, 4, 1000 } },
		.expected = "A@0 B@3000 A@6000 B@9000 A@12000 B@15000 A@18000 Cx4@21000 B@25000 A@28000 B@31000 A@34000 B@37000",
		.end_ns = 40000, .v_ns = 15000, .vt_ns = { 18000, 18000, 0 },
	}, {
		.name = "weights 4:2:1",
		.cfg = { { 4 }, { 2 }, { 1 } },
		.arrivals = { { 0, 0, 8, 3000 }, { 0, 1, 4, 3000 }, { 0, 2, 2, 3000 } },
		.expected = "A@0 B@3000 C@6000 Ax2@9000 B@15000 Ax2@18000 B@24000 C@27000 Ax2@30000 B@36000 A@39000",
		.end_ns = 42000, .v_ns = 5250, .vt_ns = { 6000, 6000, 6000 },
	},
};

static void sim_vector_name(const struct sim_vector *v, char *desc)
{
	strscpy(desc, v->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(sim_vector, sim_vectors, sim_vector_name);

static void vho_sched__vectors(struct kunit *test)
{
	const struct sim_vector *v = test->param_value;
	struct vho_sched_params params = {
		.turn_ns = v->turn_ns, .burst_ns = 10000, .debt_ns = NSEC_PER_MSEC,
	};
	struct sim *sim = sim_new(test, &params);
	unsigned int i;

	sim->fixed_est_ns = 1000;
	sim->tracing = true;
	sim->arrivals = v->arrivals;
	for (i = 0; i < ARRAY_SIZE(v->cfg) && v->cfg[i].weight; i++) {
		struct vho_sched_cfg cfg = v->cfg[i];

		cfg.weight *= VHO_SCHED_WEIGHT_DEFAULT;
		sim_add(sim, &cfg);
		vho_sched_charge(&sim->sched, &sim->port[i].ent, v->charged_ns[i]);
	}
	sim_run(sim, U64_MAX);
	sim_trace_flush(sim);
	KUNIT_EXPECT_STREQ(test, sim->trace, v->expected);
	KUNIT_EXPECT_EQ(test, sim->now_ns, v->end_ns);
	KUNIT_EXPECT_EQ(test, sim->sched.v, VT(v->v_ns));
	for (i = 0; i < sim->nr_ports; i++)
		KUNIT_EXPECT_EQ(test, sim->port[i].ent.vt, VT(v->vt_ns[i]));
	if (v->turns_of_a)
		KUNIT_EXPECT_EQ(test, sim->port_turns[0], v->turns_of_a);
}

/* ---- single functions ---- */

static void vho_sched_wake__states(struct kunit *test)
{
	struct sim *sim = sim_new(test, NULL);
	struct vho_sched *s = &sim->sched;
	struct vho_sched_ent *e = &sim_add(sim, &sim_cfg_default)->ent;

	KUNIT_EXPECT_NULL(test, vho_sched_pick(s, 10));
	KUNIT_EXPECT_TRUE(test, vho_sched_wake(s, e, 20));
	KUNIT_EXPECT_FALSE(test, vho_sched_wake(s, e, 20));
	KUNIT_EXPECT_EQ(test, s->v, VT(20));
	KUNIT_EXPECT_EQ(test, s->nr_woken, 1);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 50), e);
	KUNIT_EXPECT_EQ(test, e->delay_ns, 30);
	KUNIT_EXPECT_EQ(test, s->nr_woken, 0);
	KUNIT_EXPECT_FALSE(test, vho_sched_wake(s, e, 60));
	KUNIT_EXPECT_FALSE(test, vho_sched_queued(e));
	vho_sched_remove(s, e, 60);
	vho_sched_remove(s, e, 60);
	KUNIT_EXPECT_NULL(test, vho_sched_pick(s, 60));
	/* The clock runs while nobody waits, and only then. */
	vho_sched_wake(s, e, 160);
	KUNIT_EXPECT_EQ(test, s->v, VT(120));
	vho_sched_remove(s, e, 200);
	KUNIT_EXPECT_EQ(test, s->nr_woken, 0);
	KUNIT_EXPECT_NULL(test, vho_sched_pick(s, 200));
	KUNIT_EXPECT_EQ(test, s->v, VT(120));
}

/* Signed comparison holds where V wraps, and for who was away for years. */
static void vho_sched_wake__wrap(struct kunit *test)
{
	struct sim *sim = sim_new(test, NULL);
	struct vho_sched *s = &sim->sched;
	struct sim_port *a = sim_add(sim, &sim_cfg_default), *b = sim_add(sim, &sim_cfg_default);
	u64 year_ns = 365ULL * 24 * 3600 * NSEC_PER_SEC;

	s->v = 0 - VT(NSEC_PER_MSEC);
	vho_sched_import(s, &a->ent, 0, 0);
	vho_sched_import(s, &b->ent, 0, 0);
	sim_saturate(sim, a, 1000, 1000);
	sim_saturate(sim, b, 1000, 1000);
	sim_run(sim, 20 * NSEC_PER_MSEC);
	KUNIT_EXPECT_LT(test, s->v, VT(NSEC_PER_SEC));
	KUNIT_EXPECT_TRUE(test, sim_near(a->served_ns, 10 * NSEC_PER_MSEC, 5));
	/* b is away while V goes once round. */
	b->saturated = false;
	sim_run(sim, sim->now_ns + NSEC_PER_MSEC);
	s->v += 1ULL << 63;
	a->ent.vt += 1ULL << 63;
	vho_sched_configure(s, &a->ent, &sim_cfg_default, sim->now_ns);
	sim->now_ns += year_ns;
	sim_run(sim, sim->now_ns + NSEC_PER_MSEC);
	sim_clear_served(sim);
	sim_saturate(sim, b, 1000, 1000);
	sim_run(sim, sim->now_ns + 10 * NSEC_PER_MSEC);
	KUNIT_EXPECT_TRUE(test, sim_near(b->served_ns, 5 * NSEC_PER_MSEC, 30));
	/* Idle for a year. */
	a->saturated = false;
	b->saturated = false;
	sim_run(sim, sim->now_ns + NSEC_PER_SEC);
	sim->now_ns += year_ns;
	sim_saturate(sim, a, 1000, 1000);
	sim_saturate(sim, b, 1000, 1000);
	sim_clear_served(sim);
	sim_run(sim, sim->now_ns + 10 * NSEC_PER_MSEC);
	KUNIT_EXPECT_TRUE(test, sim_near(a->served_ns, 5 * NSEC_PER_MSEC, 30));
}

static void vho_sched_park__due(struct kunit *test)
{
	struct vho_sched_cfg cfg = { .weight = 100, .limit_permille = 100, .burst_ns = 1000 };
	struct sim *sim = sim_new(test, NULL);
	struct vho_sched *s = &sim->sched;
	struct vho_sched_ent *e = &sim_add(sim, &cfg)->ent;

	vho_sched_configure(s, e, &cfg, 0);
	vho_sched_wake(s, e, 0);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 0), e);
	vho_sched_charge(s, e, 3000);
	vho_sched_put(s, e, 3000);
	/* 1000 to begin with, 300 came in meanwhile, 3000 used: 1700 at a tenth of the time. */
	KUNIT_EXPECT_EQ(test, e->state, VHO_SCHED_PARKED);
	KUNIT_EXPECT_EQ(test, e->throttled, 1);
	KUNIT_EXPECT_EQ(test, vho_sched_due_ns(s), 20001);
	KUNIT_EXPECT_FALSE(test, vho_sched_waiting(s));
	KUNIT_EXPECT_NULL(test, vho_sched_pick(s, 19000));
	/* What is done for it meanwhile counts. */
	vho_sched_charge(s, e, 100);
	KUNIT_EXPECT_EQ(test, vho_sched_due_ns(s), 21001);
	KUNIT_EXPECT_EQ(test, e->throttled, 1);
	KUNIT_EXPECT_NULL(test, vho_sched_pick(s, 21000));
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 21001), e);
	KUNIT_EXPECT_EQ(test, e->throttled_ns, 18001);
	KUNIT_EXPECT_EQ(test, e->delay_ns, 0);
	/* Removed while parked; debt is bounded. */
	vho_sched_charge(s, e, NSEC_PER_SEC);
	vho_sched_put(s, e, 21001);
	KUNIT_EXPECT_EQ(test, vho_sched_due_ns(s), 21001 + 10 * (10 * NSEC_PER_MSEC) + 1);
	vho_sched_remove(s, e, 22001);
	KUNIT_EXPECT_EQ(test, e->throttled_ns, 19001);
	KUNIT_EXPECT_EQ(test, vho_sched_due_ns(s), U64_MAX);
	/* A limit that is lifted lets it go on at once. */
	vho_sched_wake(s, e, 22001);
	KUNIT_EXPECT_EQ(test, e->state, VHO_SCHED_PARKED);
	vho_sched_configure(s, e, &sim_cfg_default, 23001);
	KUNIT_EXPECT_EQ(test, e->throttled_ns, 20001);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 23001), e);
	vho_sched_remove(s, e, 23001);
}

static void vho_sched_charge__states(struct kunit *test)
{
	struct vho_sched_cfg sure = { .weight = 100, .guarantee_permille = 500, .burst_ns = 10000 };
	struct sim *sim = sim_new(test, NULL);
	struct vho_sched *s = &sim->sched;
	struct vho_sched_ent *a = &sim_add(sim, &sim_cfg_default)->ent;
	struct vho_sched_ent *b = &sim_add(sim, &sim_cfg_default)->ent;
	struct vho_sched_ent *c = &sim_add(sim, &sure)->ent, *d = &sim_add(sim, &sure)->ent;

	/* In the tree: it falls behind. */
	vho_sched_wake(s, a, 0);
	vho_sched_wake(s, b, 0);
	vho_sched_charge(s, a, 100);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 0), b);
	vho_sched_put(s, b, 0);
	/* Inside its guarantee: it keeps its place as long as that lasts. */
	vho_sched_wake(s, c, 4000);
	vho_sched_wake(s, d, 4000);
	KUNIT_EXPECT_EQ(test, c->state, VHO_SCHED_FIRST);
	vho_sched_charge(s, c, 1000);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 4000), c);
	KUNIT_EXPECT_EQ(test, c->vt, 0);
	vho_sched_put(s, c, 4000);
	vho_sched_charge(s, c, 1500);
	KUNIT_EXPECT_EQ(test, c->state, VHO_SCHED_TREE);
	KUNIT_EXPECT_EQ(test, c->vt, VT(500));
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 4000), d);
	/* Debt is bounded. */
	vho_sched_charge(s, d, NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, d->vt, s->v + VT(10 * NSEC_PER_MSEC));
	/* Of the guarantee, a burst may be used in advance; d waits for it to grow again. */
	KUNIT_EXPECT_EQ(test, d->guarantee_tokens, -10000 * 1000);
	vho_sched_put(s, d, 4000);
	KUNIT_EXPECT_EQ(test, d->state, VHO_SCHED_TREE);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 24000), c);
	KUNIT_EXPECT_EQ(test, d->state, VHO_SCHED_TREE);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 24001), d);
	vho_sched_put(s, d, 24003);
	KUNIT_EXPECT_EQ(test, d->state, VHO_SCHED_FIRST);
	/* A guarantee that is taken back while waiting inside it. */
	vho_sched_configure(s, d, &sim_cfg_default, 24003);
	KUNIT_EXPECT_EQ(test, d->state, VHO_SCHED_TREE);
	/* It begins anew, empty. */
	vho_sched_configure(s, d, &sure, 24003);
	KUNIT_EXPECT_EQ(test, d->guarantee_tokens, 0);
}

static void vho_sched_must_yield__cases(struct kunit *test)
{
	struct vho_sched_cfg sure = { .weight = 100, .guarantee_permille = 500, .burst_ns = 10000 };
	struct vho_sched_params params = VHO_SCHED_PARAMS_DEFAULT;
	struct sim *sim = sim_new(test, NULL);
	struct vho_sched *s = &sim->sched;
	struct vho_sched_ent *a = &sim_add(sim, &sim_cfg_default)->ent;
	struct vho_sched_ent *b = &sim_add(sim, &sim_cfg_default)->ent;
	struct vho_sched_ent *c = &sim_add(sim, &sure)->ent, *d = &sim_add(sim, &sure)->ent;

	a->est_ns = 1000;
	vho_sched_wake(s, a, 0);
	vho_sched_pick(s, 0);
	/* Nobody else. */
	KUNIT_EXPECT_FALSE(test, vho_sched_must_yield(s, a, 5000));
	KUNIT_EXPECT_TRUE(test, vho_sched_more(s, a, 19000, 1000));
	KUNIT_EXPECT_FALSE(test, vho_sched_more(s, a, 19001, 1000));
	/* Somebody who has just come, as far behind. */
	vho_sched_wake(s, b, 0);
	KUNIT_EXPECT_FALSE(test, vho_sched_must_yield(s, a, 0));
	KUNIT_EXPECT_TRUE(test, vho_sched_must_yield(s, a, 1));
	vho_sched_charge(s, b, 3000);
	KUNIT_EXPECT_FALSE(test, vho_sched_must_yield(s, a, 3000));
	KUNIT_EXPECT_TRUE(test, vho_sched_must_yield(s, a, 3001));
	/* Who was waiting already goes on waiting. */
	vho_sched_put(s, a, 3000);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 3000), a);
	vho_sched_put(s, a, 3000);
	vho_sched_charge(s, a, 9000);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 3000), b);
	KUNIT_EXPECT_EQ(test, s->nr_woken, 0);
	KUNIT_EXPECT_FALSE(test, vho_sched_must_yield(s, b, 100000));
	/* A guarantee goes first. */
	vho_sched_wake(s, c, 10000);
	KUNIT_EXPECT_TRUE(test, vho_sched_must_yield(s, b, 0));
	vho_sched_put(s, b, 10000);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(s, 10000), c);
	vho_sched_remove(s, a, 10000);
	vho_sched_wake(s, a, 10000);
	vho_sched_configure(s, a, &(struct vho_sched_cfg) { .weight = 10000 }, 10000);
	a->vt = s->v - VT(1000);
	vho_sched_charge(s, a, 0);
	/* 5000 of guarantee; behind that it is one of many. */
	KUNIT_EXPECT_FALSE(test, vho_sched_must_yield(s, c, 4999));
	KUNIT_EXPECT_TRUE(test, vho_sched_must_yield(s, c, 500000));
	vho_sched_wake(s, d, 10000);
	KUNIT_EXPECT_TRUE(test, vho_sched_must_yield(s, c, 0));
	/* In order of arrival nobody yields. */
	params.fifo = true;
	vho_sched_set_params(s, &params, 10000);
	KUNIT_EXPECT_FALSE(test, vho_sched_must_yield(s, c, 500000));
}

/* As if it had been put back and picked, but not past anybody. */
static void vho_sched_renew__cases(struct kunit *test)
{
	struct vho_sched_cfg sure = { .weight = 100, .guarantee_permille = 500, .burst_ns = 10000 };
	struct vho_sched_cfg slow = { .weight = 100, .limit_permille = 100, .burst_ns = 1000 };
	struct sim *sim = sim_new(test, NULL);
	struct vho_sched *s = &sim->sched;
	struct vho_sched_ent *a = &sim_add(sim, &sim_cfg_default)->ent;
	struct vho_sched_ent *b = &sim_add(sim, &slow)->ent, *c = &sim_add(sim, &sure)->ent;

	/* Alone: V follows, turn by turn. */
	vho_sched_wake(s, a, 0);
	KUNIT_ASSERT_PTR_EQ(test, vho_sched_pick(s, 0), a);
	a->vt = s->v;
	vho_sched_charge(s, a, 20000);
	KUNIT_EXPECT_TRUE(test, vho_sched_renew(s, a, 20000));
	KUNIT_EXPECT_EQ(test, a->state, VHO_SCHED_SERVED);
	KUNIT_EXPECT_EQ(test, s->v, VT(20000));
	KUNIT_EXPECT_EQ(test, a->since_ns, 20000);
	/* Somebody waits. */
	vho_sched_wake(s, b, 20000);
	KUNIT_EXPECT_FALSE(test, vho_sched_renew(s, a, 20000));
	KUNIT_EXPECT_EQ(test, a->state, VHO_SCHED_SERVED);
	vho_sched_remove(s, a, 20000);
	/* Over its limit; who was parked before comes first when its time has come. */
	KUNIT_ASSERT_PTR_EQ(test, vho_sched_pick(s, 20000), b);
	vho_sched_charge(s, b, 3000);
	KUNIT_EXPECT_FALSE(test, vho_sched_renew(s, b, 23000));
	vho_sched_put(s, b, 23000);
	KUNIT_EXPECT_EQ(test, b->state, VHO_SCHED_PARKED);
	vho_sched_wake(s, a, 23000);
	KUNIT_ASSERT_PTR_EQ(test, vho_sched_pick(s, 23000), a);
	KUNIT_EXPECT_TRUE(test, vho_sched_renew(s, a, b->due_ns - 1));
	KUNIT_EXPECT_FALSE(test, vho_sched_renew(s, a, b->due_ns));
	KUNIT_EXPECT_EQ(test, b->state, VHO_SCHED_TREE);
	vho_sched_remove(s, b, 60000);
	/* Held back. */
	vho_sched_hold(a, 70000);
	KUNIT_EXPECT_FALSE(test, vho_sched_renew(s, a, 60000));
	KUNIT_EXPECT_TRUE(test, vho_sched_renew(s, a, 70000));
	vho_sched_remove(s, a, 70000);
	/* A guarantee lasts as long as its tokens do. */
	vho_sched_configure(s, c, &sure, 70000);
	vho_sched_wake(s, c, 80000);
	KUNIT_ASSERT_PTR_EQ(test, vho_sched_pick(s, 80000), c);
	KUNIT_EXPECT_TRUE(test, c->guaranteed);
	vho_sched_charge(s, c, 1000);
	KUNIT_EXPECT_TRUE(test, vho_sched_renew(s, c, 81000));
	KUNIT_EXPECT_TRUE(test, c->guaranteed);
	vho_sched_charge(s, c, 20000);
	KUNIT_EXPECT_TRUE(test, vho_sched_renew(s, c, 101000 - 19000));
	KUNIT_EXPECT_FALSE(test, c->guaranteed);
}

static void vho_sched_set_params__fifo(struct kunit *test)
{
	struct vho_sched_params params = VHO_SCHED_PARAMS_DEFAULT;
	struct vho_sched_cfg slow = { .weight = 1, .limit_permille = 1 };
	struct sim *sim = sim_new(test, NULL);
	struct sim_port *a = sim_add(sim, &slow), *b = sim_add_weight(sim, 10000);

	params.fifo = true;
	vho_sched_set_params(&sim->sched, &params, 0);
	sim_saturate(sim, a, 2000, 2000);
	sim_saturate(sim, b, 1000, 1000);
	sim_run(sim, 10 * NSEC_PER_MSEC);
	/* In turn, whatever they are entitled to. */
	KUNIT_EXPECT_TRUE(test, sim_near(a->served_ns, b->served_ns, 50));
	KUNIT_EXPECT_EQ(test, a->ent.throttled, 0);
	/* And back, while both wait. */
	params.fifo = false;
	vho_sched_set_params(&sim->sched, &params, sim->now_ns);
	sim_clear_served(sim);
	sim_run(sim, sim->now_ns + 100 * NSEC_PER_MSEC);
	KUNIT_EXPECT_LE(test, a->served_ns, 300 * NSEC_PER_USEC);
	KUNIT_EXPECT_GT(test, a->ent.throttled, 0);
}

static void vho_sched_average__rises_and_falls(struct kunit *test)
{
	u32 est_ns = vho_sched_average(0, 0);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, est_ns, 50);
	est_ns = vho_sched_average(est_ns, 800);
	KUNIT_EXPECT_EQ(test, est_ns, 100);
	for (i = 0; i < 4; i++)
		est_ns = vho_sched_average(est_ns, 1600);
	KUNIT_EXPECT_EQ(test, est_ns, 1600);
	KUNIT_EXPECT_EQ(test, vho_sched_average(est_ns, 800), 1500);
	for (i = 0; i < 100; i++)
		est_ns = vho_sched_average(est_ns, 800);
	KUNIT_EXPECT_EQ(test, est_ns, 800);
	/* An interruption does not count as the work's cost. */
	KUNIT_EXPECT_EQ(test, vho_sched_average(est_ns, U64_MAX), 1600);
	for (i = 0; i < 10; i++)
		est_ns = vho_sched_average(est_ns, NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, est_ns, 50000);
}

/* What a moved entity has coming, or owes, goes along, within the bounds. */
static void vho_sched_export__import(struct kunit *test)
{
	struct sim *from = sim_new(test, NULL), *to = sim_new(test, NULL);
	struct vho_sched_ent *e = &sim_add(from, &sim_cfg_default)->ent;
	s64 lag;

	to->sched.v = VT(5 * NSEC_PER_SEC);
	from->sched.v = VT(7000);
	e->vt = VT(3000);
	vho_sched_wake(&from->sched, e, 0);
	lag = vho_sched_export(&from->sched, e, 0);
	KUNIT_EXPECT_EQ(test, lag, (s64)VT(4000));
	KUNIT_EXPECT_FALSE(test, vho_sched_waiting(&from->sched));
	vho_sched_import(&to->sched, e, lag, 0);
	KUNIT_EXPECT_EQ(test, e->vt, to->sched.v - VT(4000));
	/* No more than a burst, no more than the bound of debt. */
	e->vt = to->sched.v - VT(NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, vho_sched_export(&to->sched, e, 0),
			(s64)VT(VHO_SCHED_BURST_NS_DEFAULT));
	e->vt = to->sched.v + VT(NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, vho_sched_export(&to->sched, e, 0),
			-(s64)VT(VHO_SCHED_DEBT_NS_DEFAULT));
	vho_sched_import(&from->sched, e, S64_MAX, 0);
	KUNIT_EXPECT_EQ(test, e->vt, from->sched.v - VT(VHO_SCHED_BURST_NS_DEFAULT));
}

/* Held back by the caller: parked with work, then as one that has just got it; with a limit, the later counts. */
static void vho_sched_hold__parked(struct kunit *test)
{
	const struct vho_sched_params params = VHO_SCHED_PARAMS_DEFAULT;
	struct vho_sched_cfg cfg = { .weight = VHO_SCHED_WEIGHT_DEFAULT };
	struct vho_sched_ent a;
	struct vho_sched s;

	vho_sched_init(&s, &params, 0);
	vho_sched_ent_init(&a, &cfg, 0);
	vho_sched_wake(&s, &a, 1000);
	KUNIT_ASSERT_PTR_EQ(test, vho_sched_pick(&s, 1000), &a);
	vho_sched_hold(&a, 5000);
	vho_sched_put(&s, &a, 2000);
	KUNIT_EXPECT_EQ(test, a.state, VHO_SCHED_PARKED);
	KUNIT_EXPECT_EQ(test, vho_sched_due_ns(&s), 5000);
	KUNIT_EXPECT_NULL(test, vho_sched_pick(&s, 4999));
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(&s, 5000), &a);
	KUNIT_EXPECT_EQ(test, a.throttled_ns, 3000);
	vho_sched_remove(&s, &a, 5000);

	/* Without work it is held, too. */
	vho_sched_hold(&a, 9000);
	vho_sched_wake(&s, &a, 6000);
	KUNIT_EXPECT_EQ(test, a.state, VHO_SCHED_PARKED);
	cfg.limit_permille = 500;
	vho_sched_configure(&s, &a, &cfg, 6000);
	vho_sched_charge(&s, &a, 110000);
	KUNIT_EXPECT_EQ(test, a.state, VHO_SCHED_PARKED);
	KUNIT_EXPECT_EQ(test, vho_sched_due_ns(&s), 26001);
	vho_sched_hold(&a, 0);
	cfg.limit_permille = 0;
	vho_sched_configure(&s, &a, &cfg, 7000);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(&s, 7000), &a);
	vho_sched_hold(&a, 9000);

	/* Nobody waits who is served in order of arrival. */
	s.params.fifo = true;
	vho_sched_put(&s, &a, 7500);
	KUNIT_EXPECT_PTR_EQ(test, vho_sched_pick(&s, 7500), &a);
}

static struct kunit_case vho_sched_cases[] = {
	KUNIT_CASE_PARAM(vho_sched__vectors, sim_vector_gen_params),
	KUNIT_CASE(vho_sched_wake__states),
	KUNIT_CASE(vho_sched_wake__wrap),
	KUNIT_CASE(vho_sched_park__due),
	KUNIT_CASE(vho_sched_charge__states),
	KUNIT_CASE(vho_sched_must_yield__cases),
	KUNIT_CASE(vho_sched_renew__cases),
	KUNIT_CASE(vho_sched_set_params__fifo),
	KUNIT_CASE(vho_sched_average__rises_and_falls),
	KUNIT_CASE(vho_sched_export__import),
	KUNIT_CASE(vho_sched_hold__parked),
	{}
};

static struct kunit_suite vho_sched_suite = {
	.name = "virtuoso_sched",
	.test_cases = vho_sched_cases,
};
kunit_test_suite(vho_sched_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: order of service");
MODULE_LICENSE("GPL");
