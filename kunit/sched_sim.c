// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated thread of the suites of the order of service.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "sched_sim.h"

const struct vho_sched_cfg sim_cfg_default = { .weight = VHO_SCHED_WEIGHT_DEFAULT };

struct sim *sim_new(struct kunit *test, const struct vho_sched_params *params)
{
	struct vho_sched_params def = VHO_SCHED_PARAMS_DEFAULT;
	struct sim *sim = kunit_kzalloc(test, sizeof(*sim), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sim);
	sim->test = test;
	sim->trace_port = -1;
	prandom_seed_state(&sim->rnd, 0x5eed);
	vho_sched_init(&sim->sched, params ?: &def, 0);
	return sim;
}

struct sim_port *sim_add(struct sim *sim, const struct vho_sched_cfg *cfg)
{
	struct sim_port *p = &sim->port[sim->nr_ports++];

	KUNIT_ASSERT_LE(sim->test, sim->nr_ports, SIM_PORTS_MAX);
	vho_sched_ent_init(&p->ent, cfg, sim->now_ns);
	vho_sched_import(&sim->sched, &p->ent, 0, sim->now_ns);
	if (sim->fixed_est_ns)
		p->ent.est_ns = sim->fixed_est_ns;
	p->next_ns = U64_MAX;
	return p;
}

struct sim_port *sim_add_weight(struct sim *sim, u32 weight)
{
	struct vho_sched_cfg cfg = { .weight = weight };

	return sim_add(sim, &cfg);
}

u32 sim_rand(struct sim *sim, u32 min, u32 max)
{
	return min + prandom_u32_state(&sim->rnd) % (max - min + 1);
}

static void sim_work(struct sim *sim, struct sim_port *p, unsigned int nr, u32 cost_ns, u64 at_ns)
{
	for (; nr && p->nr < SIM_PIECES_MAX; nr--, p->nr++) {
		unsigned int i = (p->head + p->nr) % SIM_PIECES_MAX;

		p->pieces[i] = cost_ns ?: sim_rand(sim, p->cost_min_ns, p->cost_max_ns);
		p->came_ns[i] = at_ns;
	}
	vho_sched_wake(&sim->sched, &p->ent, at_ns);
}

void sim_saturate(struct sim *sim, struct sim_port *p, u32 min_ns, u32 max_ns)
{
	p->cost_min_ns = min_ns;
	p->cost_max_ns = max_ns;
	p->saturated = true;
	sim_work(sim, p, 1, 0, sim->now_ns);
}

void sim_random(struct sim *sim, struct sim_port *p, u32 min_ns, u32 max_ns, u32 gap_ns,
		unsigned int clump)
{
	p->cost_min_ns = min_ns;
	p->cost_max_ns = max_ns;
	p->gap_ns = gap_ns;
	p->clump = clump;
	p->next_ns = sim->now_ns + sim_rand(sim, 0, 2 * gap_ns);
}

static struct sim_port *sim_next_random(struct sim *sim)
{
	struct sim_port *best = NULL;
	unsigned int i;

	for (i = 0; i < sim->nr_ports; i++)
		if (!best || sim->port[i].next_ns < best->next_ns)
			best = &sim->port[i];
	return best;
}

/* What has come until now is announced, in order. Return: when the next comes. */
static u64 sim_arrive(struct sim *sim)
{
	struct sim_port *p;

	for (; sim->arrivals && sim->arrivals->nr; sim->arrivals++) {
		const struct sim_arrival *a = sim->arrivals;

		if (a->at_ns > sim->now_ns)
			return a->at_ns;
		sim_work(sim, &sim->port[a->port], a->nr, a->cost_ns, a->at_ns);
	}
	while ((p = sim_next_random(sim)) && p->next_ns <= sim->now_ns) {
		sim_work(sim, p, p->clump, 0, p->next_ns);
		p->next_ns += 1 + sim_rand(sim, 0, 2 * p->gap_ns);
	}
	return p ? p->next_ns : U64_MAX;
}

void sim_trace_flush(struct sim *sim)
{
	const char *sep = sim->trace_len ? " " : "";
	char c = 'A' + sim->trace_port;

	if (sim->trace_port < 0)
		return;
	if (sim->trace_nr > 1)
		sim->trace_len += scnprintf(sim->trace + sim->trace_len,
					    SIM_TRACE_BYTES - sim->trace_len, "%s%cx%u@%llu", sep,
					    c, sim->trace_nr, sim->trace_at_ns);
	else
		sim->trace_len += scnprintf(sim->trace + sim->trace_len,
					    SIM_TRACE_BYTES - sim->trace_len, "%s%c@%llu", sep, c,
					    sim->trace_at_ns);
}

static void sim_trace(struct sim *sim, int port)
{
	if (!sim->tracing)
		return;
	if (port == sim->trace_port) {
		sim->trace_nr++;
		return;
	}
	sim_trace_flush(sim);
	sim->trace_port = port;
	sim->trace_at_ns = sim->now_ns;
	sim->trace_nr = 1;
}

static void sim_piece(struct sim *sim, struct sim_port *p)
{
	u32 cost_ns = p->pieces[p->head];
	u64 took_ns;

	sim_trace(sim, p - sim->port);
	sim->now_ns += cost_ns;
	took_ns = sim->now_ns - p->came_ns[p->head];
	p->worst_ns = max(p->worst_ns, took_ns);
	p->late += p->bound_ns && took_ns > p->bound_ns;
	p->served_ns += cost_ns;
	p->done++;
	p->head = (p->head + 1) % SIM_PIECES_MAX;
	p->nr--;
	if (p->saturated && !p->nr)
		sim_work(sim, p, 1, 0, sim->now_ns);
}

static u64 sim_est(const struct sim *sim, const struct sim_port *p)
{
	return sim->fixed_est_ns ?: p->ent.est_ns;
}

static void sim_turn(struct sim *sim, struct sim_port *p)
{
	u64 start_ns = sim->now_ns, pred_ns = 0;
	unsigned int nr = 0;

	sim->turns++;
	sim->port_turns[p - sim->port]++;
	do {
		sim_piece(sim, p);
		nr++;
		pred_ns += sim_est(sim, p);
		sim_arrive(sim);
	} while (p->nr && vho_sched_more(&sim->sched, &p->ent, pred_ns, sim_est(sim, p)));
	vho_sched_charge(&sim->sched, &p->ent, sim->now_ns - start_ns);
	if (!sim->fixed_est_ns)
		p->ent.est_ns = vho_sched_average(p->ent.est_ns, (sim->now_ns - start_ns) / nr);
	if (p->nr)
		vho_sched_put(&sim->sched, &p->ent, sim->now_ns);
	else
		vho_sched_remove(&sim->sched, &p->ent, sim->now_ns);
}

void sim_run(struct sim *sim, u64 end_ns)
{
	while (sim->now_ns < end_ns) {
		u64 next_ns = sim_arrive(sim);
		struct vho_sched_ent *e = vho_sched_pick(&sim->sched, sim->now_ns);

		if (e) {
			sim_turn(sim, container_of(e, struct sim_port, ent));
			continue;
		}
		next_ns = min(next_ns, vho_sched_due_ns(&sim->sched));
		if (next_ns == U64_MAX)
			break;
		sim->now_ns = min(next_ns, end_ns);
	}
}

void sim_clear_served(struct sim *sim)
{
	unsigned int i;

	for (i = 0; i < sim->nr_ports; i++)
		sim->port[i].served_ns = 0;
}
