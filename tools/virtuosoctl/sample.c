// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: everything that is counted, at one time.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/virtuoso.h>

#include "ctl.h"
#include "sample.h"

static const char *const stat_names[] = { [VIRTUOSO_A_STAT_PORT] = "port" };
static const struct nl_spec stat_spec = { VIRTUOSO_A_STAT_PORT, stat_names };

static void take_port(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct sample *s = arg;

	s->ports = xrealloc(s->ports, (s->nr_ports + 1) * sizeof(*s->ports));
	memset(&s->ports[s->nr_ports], 0, sizeof(*s->ports));
	port_take(attrs, &s->ports[s->nr_ports++].port);
}

static void take_core(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct sample *s = arg;

	s->cores = xrealloc(s->cores, (s->nr_cores + 1) * sizeof(*s->cores));
	core_take(attrs, &s->cores[s->nr_cores++]);
}

/* The counter's number; new ones are entered. */
static size_t counter_number(struct sample *s, struct nlattr *const attrs[NL_ATTRS])
{
	const char *name = nl_str(attrs[VIRTUOSO_A_COUNTER_NAME]);
	struct counter *c;
	size_t i;

	for (i = 0; i < s->nr_counters; i++)
		if (!strcmp(s->counters[i].name, name))
			return i;
	if (i == COUNTERS_MAX)
		return i;
	s->counters = xrealloc(s->counters, (i + 1) * sizeof(*c));
	c = &s->counters[s->nr_counters++];
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->doc, sizeof(c->doc), "%s", nl_str(attrs[VIRTUOSO_A_COUNTER_DOC]));
	return i;
}

struct counters_of {
	struct sample *sample;
	struct port_sample *port;
};

static void take_counter(const struct nlattr *nest, void *arg)
{
	const struct counters_of *of = arg;
	struct nlattr *attrs[NL_ATTRS];
	size_t i;

	nl_nested(nest, attrs);
	i = counter_number(of->sample, attrs);
	if (i < COUNTERS_MAX)
		of->port->value[i] = nl_uint(attrs[VIRTUOSO_A_COUNTER_VALUE]);
}

static void take_stats(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	const char *name = nl_str(attrs[VIRTUOSO_A_STAT_PORT]);
	struct counters_of of = { .sample = arg };
	size_t i;

	for (i = 0; i < of.sample->nr_ports; i++)
		if (!strcmp(of.sample->ports[i].port.name, name))
			of.port = &of.sample->ports[i];
	/* A port that was made just now is in the next sample. */
	if (of.port)
		nl_each(VIRTUOSO_A_STAT_COUNTER, take_counter, &of);
}

void sample_take(struct sample *sample)
{
	struct nlmsghdr *nlh;
	struct timespec now;

	memset(sample, 0, sizeof(*sample));
	if (port_dump(take_port, sample) || core_dump(take_core, sample))
		fail("%s", nl_error());
	nlh = nl_request(VIRTUOSO_CMD_STATS_GET, &stat_spec);
	mnl_attr_put(nlh, VIRTUOSO_A_STAT_EXPLAIN, 0, NULL);
	if (nl_dump(nlh, take_stats, sample))
		fail("%s", nl_error());
	clock_gettime(CLOCK_MONOTONIC, &now);
	sample->at_ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
}

void sample_free(struct sample *sample)
{
	free(sample->ports);
	free(sample->cores);
	free(sample->counters);
	memset(sample, 0, sizeof(*sample));
}

const struct port_sample *sample_port(const struct sample *sample, uint32_t index)
{
	size_t i;

	for (i = 0; i < sample->nr_ports; i++)
		if (sample->ports[i].port.index == index)
			return &sample->ports[i];
	return NULL;
}

const struct core *sample_core(const struct sample *sample, uint32_t index)
{
	size_t i;

	for (i = 0; i < sample->nr_cores; i++)
		if (sample->cores[i].index == index)
			return &sample->cores[i];
	return NULL;
}

uint64_t sample_value(const struct sample *sample, const struct port_sample *port, const char *name)
{
	size_t i;

	for (i = 0; i < sample->nr_counters; i++)
		if (!strcmp(sample->counters[i].name, name))
			return port->value[i];
	return 0;
}
