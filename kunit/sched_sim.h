/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A simulated thread that serves simulated ports in the order of host/sched.c: time passes only by
 * what their pieces cost.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_SCHED_SIM_H
#define _VHO_SCHED_SIM_H

#include <kunit/test.h>
#include <linux/prandom.h>

#include "../host/sched.h"

#define SIM_PORTS_MAX	300
#define SIM_PIECES_MAX	64
#define SIM_TRACE_BYTES	1024
/* Dearest piece of the simulated ports, where nothing else is said. */
#define SIM_DEAREST_NS	2100
/* Virtual time of an entity of the default weight. */
#define VT(ns)		((u64)(ns) << VHO_SCHED_VT_SHIFT)

/* Work that comes to a port at a time, in order of time. */
struct sim_arrival {
	u64 at_ns;
	unsigned int port;
	unsigned int nr;
	u32 cost_ns;
};

/**
 * struct sim_port - somebody served by the simulated thread
 * @ent: entity under test
 * @pieces: what its work costs, FIFO
 * @came_ns: when each came
 * @head: oldest piece
 * @nr: pieces waiting
 * @saturated: never without work, of @cost_min_ns to @cost_max_ns
 * @cost_min_ns: cost of a random piece
 * @cost_max_ns: likewise
 * @gap_ns: mean time between random arrivals, 0: none
 * @clump: pieces of one arrival
 * @next_ns: next random arrival
 * @served_ns: time it was served
 * @done: pieces served
 * @worst_ns: longest time from the arrival of a piece to its end
 * @late: pieces that were later than @bound_ns
 * @bound_ns: see @late
 */
struct sim_port {
	struct vho_sched_ent ent;
	u32 pieces[SIM_PIECES_MAX];
	u64 came_ns[SIM_PIECES_MAX];
	unsigned int head;
	unsigned int nr;
	bool saturated;
	u32 cost_min_ns;
	u32 cost_max_ns;
	u64 gap_ns;
	unsigned int clump;
	u64 next_ns;
	u64 served_ns;
	u64 done;
	u64 worst_ns;
	u64 late;
	u64 bound_ns;
};

/**
 * struct sim - the thread
 * @test: the running case
 * @sched: under test
 * @port: whom it serves
 * @nr_ports: of these, in use
 * @arrivals: work that comes, ends with an entry without pieces; NULL: none
 * @now_ns: its clock
 * @fixed_est_ns: what every piece is predicted to cost, 0: estimated as in the product
 * @turns: turns served
 * @port_turns: of these, by port
 * @rnd: source of what is random, the same each time
 * @trace: who was served when, "A@0 Bx2@3000": two pieces of the second port from 3000 on
 * @trace_len: its length
 * @trace_port: who was served last
 * @trace_at_ns: since when
 * @trace_nr: how many pieces
 * @tracing: @trace is wanted
 */
struct sim {
	struct kunit *test;
	struct vho_sched sched;
	struct sim_port port[SIM_PORTS_MAX];
	unsigned int nr_ports;
	const struct sim_arrival *arrivals;
	u64 now_ns;
	u32 fixed_est_ns;
	unsigned int turns;
	unsigned int port_turns[SIM_PORTS_MAX];
	struct rnd_state rnd;
	char trace[SIM_TRACE_BYTES];
	size_t trace_len;
	int trace_port;
	u64 trace_at_ns;
	unsigned int trace_nr;
	bool tracing;
};

extern const struct vho_sched_cfg sim_cfg_default;

/* @params: NULL: the default ones. */
struct sim *sim_new(struct kunit *test, const struct vho_sched_params *params);
struct sim_port *sim_add(struct sim *sim, const struct vho_sched_cfg *cfg);
struct sim_port *sim_add_weight(struct sim *sim, u32 weight);
/* @p always has work. */
void sim_saturate(struct sim *sim, struct sim_port *p, u32 min_ns, u32 max_ns);
/* @clump pieces come to @p at random times, @gap_ns apart on average. */
void sim_random(struct sim *sim, struct sim_port *p, u32 min_ns, u32 max_ns, u32 gap_ns,
		unsigned int clump);
u32 sim_rand(struct sim *sim, u32 min, u32 max);
/* Until @end_ns, or until nobody has work and none comes. */
void sim_run(struct sim *sim, u64 end_ns);
/* Ends the trace. */
void sim_trace_flush(struct sim *sim);
void sim_clear_served(struct sim *sim);

/* |a - b| <= @permille of @b */
static inline bool sim_near(u64 a, u64 b, u64 permille)
{
	u64 diff = a > b ? a - b : b - a;

	return diff * 1000 <= b * permille;
}

#endif /* _VHO_SCHED_SIM_H */
