/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: everything that is counted, at one time.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "core.h"
#include "port.h"

#define COUNTERS_MAX	256

struct counter {
	char name[40];
	char doc[160];
};

/* Counters by the number that they have in struct sample. */
struct port_sample {
	struct port port;
	uint64_t value[COUNTERS_MAX];
};

struct sample {
	struct port_sample *ports;
	size_t nr_ports;
	struct core *cores;
	size_t nr_cores;
	struct counter *counters;
	size_t nr_counters;
	uint64_t at_ns;		/* CLOCK_MONOTONIC */
};

/* Asks the kernel; fails when that does. */
void sample_take(struct sample *sample);
void sample_free(struct sample *sample);
/* The port of that index in @sample, NULL: it was not there. */
const struct port_sample *sample_port(const struct sample *sample, uint32_t index);
const struct core *sample_core(const struct sample *sample, uint32_t index);
/* A counter by name, 0 when there is none. */
uint64_t sample_value(const struct sample *sample, const struct port_sample *port, const char *name);

#endif /* SAMPLE_H */
