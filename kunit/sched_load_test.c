// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the order of service under load: the shares and bounds that
 * Documentation/budgets.rst promises, with a simulated clock.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "sched_sim.h"

/* ---- shares ---- */

/* Saturating ports of different weights and dearness get CPU time by weight. */
static void vho_sched_load__weights_1_2_4(struct kunit *test)
{
	struct sim *sim = sim_new(test, NULL);
	u64 end_ns = 100 * NSEC_PER_MSEC;
	unsigned int i;

	sim_saturate(sim, sim_add_weight(sim, 100), 500, 700);
	sim_saturate(sim, sim_add_weight(sim, 200), 1800, 2100);
	sim_saturate(sim, sim_add_weight(sim, 400), 300, 5000);
	sim_run(sim, end_ns);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE_MSG(test, sim_near(sim->port[i].served_ns, (end_ns << i) / 7, 5),
				      "port %u: %llu", i, sim->port[i].served_ns);
}

/* The whole range of weights: no precision is lost. */
static void vho_sched_load__weights_extreme(struct kunit *test)
{
	struct sim *sim = sim_new(test, NULL);
	u64 end_ns = 4 * NSEC_PER_SEC;

	sim_saturate(sim, sim_add_weight(sim, VHO_SCHED_WEIGHT_MIN), 200, 700);
	sim_saturate(sim, sim_add_weight(sim, VHO_SCHED_WEIGHT_MAX), 100, 300);
	sim_saturate(sim, sim_add_weight(sim, VHO_SCHED_WEIGHT_MAX - 1), 100, 300);
	sim_run(sim, end_ns);
	KUNIT_EXPECT_TRUE_MSG(test, sim_near(sim->port[0].served_ns, end_ns / 20000, 150), "%llu",
			      sim->port[0].served_ns);
	KUNIT_EXPECT_TRUE(test, sim_near(sim->port[1].served_ns, end_ns / 20000 * 10000, 1));
	KUNIT_EXPECT_TRUE(test, sim_near(sim->port[2].served_ns, end_ns / 20000 * 9999, 1));
}

/* The error of a share does not grow with time: a turn and a piece, for hundreds of ports. */
static void vho_sched_load__share_error(struct kunit *test)
{
	const u32 piece_ns = 2100;
	struct sim *sim = sim_new(test, NULL);
	u64 weights = 0, end_ns, worst_ns = 0;
	unsigned int i, round;

	for (i = 0; i < SIM_PORTS_MAX; i++) {
		struct sim_port *p = sim_add_weight(sim, sim_rand(sim, 20, 400));

		weights += p->ent.cfg.weight;
		sim_saturate(sim, p, 300, sim_rand(sim, 300, piece_ns));
	}
	/* Until the estimates are learned. */
	sim_run(sim, 200 * NSEC_PER_MSEC);
	for (round = 1; round <= 4; round++) {
		u64 start_ns = sim->now_ns;

		sim_clear_served(sim);
		sim_run(sim, start_ns + (50 * NSEC_PER_MSEC << round));
		end_ns = sim->now_ns - start_ns;
		for (i = 0; i < SIM_PORTS_MAX; i++) {
			struct sim_port *p = &sim->port[i];
			u64 due_ns = end_ns * p->ent.cfg.weight / weights;

			worst_ns = max_t(u64, worst_ns, abs((s64)(p->served_ns - due_ns)));
		}
	}
	KUNIT_EXPECT_LE(test, worst_ns, 2 * (sim->sched.params.turn_ns + piece_ns));
}

/* Limits hold, beside saturating ports and alone; what they leave is used by the others. */
static void vho_sched_load__limits(struct kunit *test)
{
	static const u32 permille[] = { 1, 10, 100, 250, 500 };
	struct sim *sim = sim_new(test, NULL);
	u64 end_ns = 2 * NSEC_PER_SEC, sum_ns = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(permille); i++) {
		struct vho_sched_cfg cfg = { .weight = 10000, .limit_permille = permille[i] };

		sim_saturate(sim, sim_add(sim, &cfg), 300, 2100);
	}
	sim_run(sim, end_ns);
	for (i = 0; i < ARRAY_SIZE(permille); i++) {
		struct sim_port *p = &sim->port[i];
		u64 due_ns = end_ns / 1000 * permille[i];

		KUNIT_EXPECT_LE(test, p->served_ns, due_ns + due_ns / 50 + 120000);
		KUNIT_EXPECT_GE(test, p->served_ns, due_ns - due_ns / 50);
		KUNIT_EXPECT_GT(test, p->ent.throttled, 0);
		KUNIT_EXPECT_GT(test, p->ent.throttled_ns, end_ns / 100);
		sum_ns += p->served_ns;
	}
	/* The sixth takes the rest, all of it. */
	sim_clear_served(sim);
	sim_saturate(sim, sim_add(sim, &sim_cfg_default), 300, 2100);
	sim_run(sim, 2 * end_ns);
	KUNIT_EXPECT_TRUE(test, sim_near(sim->port[5].served_ns, end_ns - sum_ns, 20));
	for (i = 0, sum_ns = 0; i < sim->nr_ports; i++)
		sum_ns += sim->port[i].served_ns;
	KUNIT_EXPECT_TRUE(test, sim_near(sum_ns, end_ns, 1));
}

/* A share is taken over at once when it is not used, and given back at once. */
static void vho_sched_load__idle_share(struct kunit *test)
{
	struct sim *sim = sim_new(test, NULL);
	struct sim_port *a = sim_add(sim, &sim_cfg_default), *b = sim_add(sim, &sim_cfg_default);

	sim_saturate(sim, a, 1000, 2000);
	sim_saturate(sim, b, 1000, 2000);
	sim_run(sim, NSEC_PER_MSEC);
	b->saturated = false;
	sim_run(sim, sim->now_ns + 100 * NSEC_PER_USEC);
	sim_clear_served(sim);
	sim_run(sim, sim->now_ns + 100 * NSEC_PER_USEC);
	KUNIT_EXPECT_EQ(test, b->served_ns, 0);
	KUNIT_EXPECT_GE(test, a->served_ns, 100 * NSEC_PER_USEC);
	/* Given back within a piece; at most a burst more than half of it is taken. */
	sim_clear_served(sim);
	sim_saturate(sim, b, 1000, 2000);
	sim_run(sim, sim->now_ns + 10 * NSEC_PER_USEC);
	KUNIT_EXPECT_GE(test, b->served_ns, 4500);
	sim_run(sim, sim->now_ns + 2 * NSEC_PER_MSEC);
	KUNIT_EXPECT_LE(test, b->served_ns, a->served_ns + 150 * NSEC_PER_USEC);
	KUNIT_EXPECT_LE(test, a->served_ns, b->served_ns + 50 * NSEC_PER_USEC);
}

/* ---- latency ---- */

/* Aggressors of all kinds: always busy, in clumps, in step, tiny pieces, dear ones. */
static void sim_add_aggressors(struct sim *sim, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct sim_port *p = sim_add_weight(sim, sim_rand(sim, 50, 200));
		u32 cost_ns = sim_rand(sim, 200, SIM_DEAREST_NS);

		switch (i % 4) {
		case 0:
		case 1:
			sim_saturate(sim, p, cost_ns, SIM_DEAREST_NS);
			break;
		case 2:
			sim_random(sim, p, cost_ns, cost_ns, 100000, SIM_PIECES_MAX);
			break;
		case 3:
			sim_random(sim, p, 150, 300, 5000, 8);
			break;
		}
	}
}

/*
 * A port that uses less than its share waits for the piece that is being served, and for its own
 * work, whatever the number of the others.
 */
static void vho_sched_load__least_waits_for_one_piece(struct kunit *test)
{
	static const unsigned int others[] = { 1, 4, 16, 64, 256 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		struct sim *sim = sim_new(test, NULL);
		/* Weight and load: a quarter of its share beside the others. */
		struct sim_port *victim = sim_add_weight(sim, 400);
		unsigned int n;

		for (n = 0; n < others[i]; n++)
			sim_saturate(sim, sim_add(sim, &sim_cfg_default), 600, SIM_DEAREST_NS);
		sim_random(sim, victim, 600, 600, 600 * (others[i] + 4), 1);
		victim->bound_ns = SIM_DEAREST_NS + 2 * 600;
		sim_run(sim, 200 * NSEC_PER_MSEC);
		KUNIT_ASSERT_GT(test, victim->done, 100);
		/* Clumps of its own may exceed the burst once in a while. */
		KUNIT_EXPECT_LE_MSG(test, victim->late * 100, victim->done, "%u others: %llu of %llu",
				    others[i], victim->late, victim->done);
	}
}

/* A request and its answer, all but the wait for the core: tests/isolation.sh, the victim alone. */
#define SIM_REQUEST_NS		56000

/* Is the 99th percentile of what a port with little work waits beside many busy ones at most @bound_ns? */
static bool sim_p99_within(struct kunit *test, bool fifo, u64 bound_ns)
{
	struct vho_sched_params params = VHO_SCHED_PARAMS_DEFAULT;
	struct sim_port *victim;
	struct sim *sim;
	unsigned int n;

	params.fifo = fifo;
	sim = sim_new(test, &params);
	victim = sim_add(sim, &sim_cfg_default);
	for (n = 0; n < 32; n++)
		sim_saturate(sim, sim_add(sim, &sim_cfg_default), 600, SIM_DEAREST_NS);
	sim_random(sim, victim, 600, 600, 100000, 1);
	victim->bound_ns = bound_ns;
	sim_run(sim, 500 * NSEC_PER_MSEC);
	KUNIT_EXPECT_GT(test, victim->done, 500);
	return victim->late * 100 <= victim->done;
}

/* What budgets are for: beside 32 ports that always want the core, at most 1.2 times alone, not 10 times. */
static void vho_sched_load__ten_times_better_than_arrival(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, sim_p99_within(test, false, SIM_REQUEST_NS / 5));
	KUNIT_EXPECT_FALSE(test, sim_p99_within(test, true, SIM_REQUEST_NS * 9));
}

/* Inside its guarantee a port waits for one piece and one of each other guaranteed port. */
static void vho_sched_load__guaranteed_waits_for_one_piece(struct kunit *test)
{
	struct vho_sched_cfg cfg = { .weight = 1, .guarantee_permille = 160 };
	struct sim *sim = sim_new(test, NULL);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct sim_port *p = sim_add(sim, &cfg);

		/* Half of the guarantee. */
		sim_random(sim, p, 600, 600, 7500, 1);
		p->bound_ns = SIM_DEAREST_NS + 2 * 600 + 2 * 600;
	}
	sim_add_aggressors(sim, 256);
	sim_run(sim, 200 * NSEC_PER_MSEC);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_GT(test, sim->port[i].done, 1000);
		KUNIT_EXPECT_LE(test, sim->port[i].late * 1000, sim->port[i].done);
	}
}

/* Guarantees hold in saturation, whatever the weights; the rest goes by weight. */
static void vho_sched_load__guarantees_hold(struct kunit *test)
{
	static const u32 permille[] = { 50, 150, 300, 400 };
	struct sim *sim = sim_new(test, NULL);
	u64 end_ns = 500 * NSEC_PER_MSEC;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(permille); i++) {
		struct vho_sched_cfg cfg = { .weight = 1, .guarantee_permille = permille[i] };

		sim_saturate(sim, sim_add(sim, &cfg), 300, SIM_DEAREST_NS);
	}
	for (i = 0; i < 100; i++)
		sim_saturate(sim, sim_add_weight(sim, 1000), 300, SIM_DEAREST_NS);
	sim_run(sim, end_ns);
	for (i = 0; i < ARRAY_SIZE(permille); i++)
		KUNIT_EXPECT_TRUE_MSG(test, sim_near(sim->port[i].served_ns,
						 end_ns / 1000 * permille[i], 20),
				      "%u: %llu", permille[i], sim->port[i].served_ns);
	/* What is not used of a guarantee is not lost. */
	for (i = 0; i < ARRAY_SIZE(permille); i++)
		sim->port[i].saturated = false;
	sim_run(sim, sim->now_ns + NSEC_PER_MSEC);
	sim_clear_served(sim);
	sim_run(sim, sim->now_ns + end_ns);
	KUNIT_EXPECT_TRUE(test, sim_near(sim->port[50].served_ns, end_ns / 100, 20));
}

/*
 * Any port: a piece is done no later than its weighted fair share would have it, plus a turn or
 * a piece of each other port that has work.
 */
static void vho_sched_load__any_port_bound(struct kunit *test)
{
	struct sim *sim = sim_new(test, NULL);
	u64 weights = 0;
	unsigned int i;

	sim_add_aggressors(sim, 120);
	for (i = 0; i < sim->nr_ports; i++)
		weights += sim->port[i].ent.cfg.weight;
	for (i = 0; i < 20; i++) {
		struct sim_port *p = sim_add_weight(sim, sim_rand(sim, 10, 1000));
		u64 fair_ns;

		/* One piece at a time, well below its share. */
		weights += p->ent.cfg.weight;
		fair_ns = 1000ULL * weights / p->ent.cfg.weight;
		sim_random(sim, p, 1000, 1000, 8 * fair_ns, 1);
		p->bound_ns = 3 * fair_ns + SIM_DEAREST_NS + 140 * 20000;
	}
	sim_run(sim, NSEC_PER_SEC);
	for (i = 120; i < sim->nr_ports; i++) {
		KUNIT_EXPECT_GT(test, sim->port[i].done, 0);
		KUNIT_EXPECT_EQ(test, sim->port[i].late, 0);
	}
}

/* Everything at once, configurations changing all the time: nobody is lost, no time either. */
static void vho_sched_load__random_changes(struct kunit *test)
{
	struct sim *sim = sim_new(test, NULL);
	u64 sum_ns = 0;
	unsigned int i;

	sim_add_aggressors(sim, 200);
	for (i = 0; i < 2000; i++) {
		struct sim_port *p = &sim->port[sim_rand(sim, 0, 199)];
		struct vho_sched_params params = VHO_SCHED_PARAMS_DEFAULT;
		struct vho_sched_cfg cfg = {
			.weight = sim_rand(sim, 1, 10000),
			.guarantee_permille = sim_rand(sim, 0, 3) ? 0 : sim_rand(sim, 0, 100),
			.limit_permille = sim_rand(sim, 0, 3) ? 0 : sim_rand(sim, 1, 1000),
			.burst_ns = sim_rand(sim, 0, 1) ? 0 : sim_rand(sim, 1, 1000000),
		};

		sim_run(sim, sim->now_ns + sim_rand(sim, 0, 100000));
		switch (i % 5) {
		case 0:
			vho_sched_charge(&sim->sched, &p->ent, sim_rand(sim, 0, 50000));
			break;
		case 1: {
			bool work = p->nr;
			s64 lag = vho_sched_export(&sim->sched, &p->ent, sim->now_ns);

			vho_sched_import(&sim->sched, &p->ent, lag, sim->now_ns);
			if (work)
				vho_sched_wake(&sim->sched, &p->ent, sim->now_ns);
			break;
		}
		case 2:
			params.fifo = !sim_rand(sim, 0, 3);
			params.turn_ns = sim_rand(sim, 0, 100000);
			vho_sched_set_params(&sim->sched, &params, sim->now_ns);
			break;
		default:
			vho_sched_configure(&sim->sched, &p->ent, &cfg, sim->now_ns);
		}
	}
	sim_run(sim, sim->now_ns + 100 * NSEC_PER_MSEC);
	for (i = 0; i < 200; i++) {
		struct sim_port *p = &sim->port[i];
		struct vho_sched_cfg cfg = sim_cfg_default;

		vho_sched_configure(&sim->sched, &p->ent, &cfg, sim->now_ns);
		KUNIT_EXPECT_EQ(test, vho_sched_queued(&p->ent), p->nr > 0);
	}
	sim_clear_served(sim);
	sim_run(sim, sim->now_ns + 500 * NSEC_PER_MSEC);
	for (i = 0; i < 200; i++) {
		KUNIT_EXPECT_GT(test, sim->port[i].served_ns, 0);
		sum_ns += sim->port[i].served_ns;
	}
	KUNIT_EXPECT_TRUE(test, sim_near(sum_ns, 500 * NSEC_PER_MSEC, 1));
	for (i = 0; i < 200; i++)
		vho_sched_remove(&sim->sched, &sim->port[i].ent, sim->now_ns);
	KUNIT_EXPECT_EQ(test, sim->sched.nr_woken, 0);
	KUNIT_EXPECT_FALSE(test, vho_sched_waiting(&sim->sched));
	KUNIT_EXPECT_EQ(test, vho_sched_due_ns(&sim->sched), U64_MAX);
}

static struct kunit_case vho_sched_load_cases[] = {
	KUNIT_CASE(vho_sched_load__weights_1_2_4),
	KUNIT_CASE(vho_sched_load__weights_extreme),
	KUNIT_CASE(vho_sched_load__share_error),
	KUNIT_CASE(vho_sched_load__limits),
	KUNIT_CASE(vho_sched_load__idle_share),
	KUNIT_CASE(vho_sched_load__least_waits_for_one_piece),
	KUNIT_CASE(vho_sched_load__ten_times_better_than_arrival),
	KUNIT_CASE(vho_sched_load__guaranteed_waits_for_one_piece),
	KUNIT_CASE(vho_sched_load__guarantees_hold),
	KUNIT_CASE(vho_sched_load__any_port_bound),
	KUNIT_CASE(vho_sched_load__random_changes),
	{}
};

static struct kunit_suite vho_sched_load_suite = {
	.name = "virtuoso_sched_load",
	.test_cases = vho_sched_load_cases,
};
kunit_test_suite(vho_sched_load_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: order of service under load");
MODULE_LICENSE("GPL");
