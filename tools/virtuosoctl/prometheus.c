// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl stats -prometheus: all there is to measure, in the text format of Prometheus.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl.h"
#include "sample.h"
#include "stats.h"

/* A label's value: backslash, quotation mark and new line are escaped. */
static void print_label(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", stdout);
		else if (*text == '\\' || *text == '"')
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

/* A help text: backslash and new line are. */
static void begin(const char *metric, const char *suffix, const char *type, const char *doc)
{
	printf("# HELP virtuoso_%s%s ", metric, suffix);
	for (; *doc; doc++) {
		if (*doc == '\\' || *doc == '\n')
			printf("\\%c", *doc == '\n' ? 'n' : '\\');
		else
			putchar(*doc);
	}
	printf("\n# TYPE virtuoso_%s%s %s\n", metric, suffix, type);
}

static void print_seconds(uint64_t ns)
{
	printf("%" PRIu64 ".%09u", ns / 1000000000, (unsigned int)(ns % 1000000000));
}

/* --- ports --- */

static uint64_t port_busy(const struct port *p) { return p->busy_ns; }
static uint64_t port_slow(const struct port *p) { return p->slow_ns; }
static uint64_t port_throttled(const struct port *p) { return p->throttled_ns; }
static uint64_t port_flows(const struct port *p) { return p->flows; }
static uint64_t port_max_flows(const struct port *p) { return p->set[PORT_MAX_FLOWS].value; }
static uint64_t port_running(const struct port *p) { return p->running; }
static uint64_t port_core(const struct port *p) { return p->core; }

static const struct {
	const char *metric;
	const char *doc;
	uint64_t (*of)(const struct port *port);
	bool seconds;	/* a counter of nanoseconds; else a gauge */
} port_metrics[] = {
	{ "port_busy_seconds_total", "CPU time that fast-path cores spent on the port", port_busy, true },
	{ "port_slow_seconds_total", "CPU time that the slow path spent on the port", port_slow, true },
	{ "port_throttled_seconds_total", "time for which there was work and the limit did not allow it",
	  port_throttled, true },
	{ "port_flows", "connections now", port_flows, false },
	{ "port_max_flows", "most connections that the guest may have", port_max_flows, false },
	{ "port_running", "1: the guest's driver runs", port_running, false },
	{ "port_core", "index of the core that serves the port", port_core, false },
};

static void print_ports(const struct sample *s)
{
	size_t m, i;

	for (m = 0; m < sizeof(port_metrics) / sizeof(*port_metrics); m++) {
		begin(port_metrics[m].metric, "", port_metrics[m].seconds ? "counter" : "gauge",
		      port_metrics[m].doc);
		for (i = 0; i < s->nr_ports; i++) {
			printf("virtuoso_%s{port=\"", port_metrics[m].metric);
			print_label(s->ports[i].port.name);
			fputs("\"} ", stdout);
			if (port_metrics[m].seconds)
				print_seconds(port_metrics[m].of(&s->ports[i].port));
			else
				printf("%" PRIu64, port_metrics[m].of(&s->ports[i].port));
			putchar('\n');
		}
	}
}

/* CPU time by kind of work; turns by how long the port had waited for them, each in one class. */
static void print_work(const struct sample *s)
{
	const struct port *p;
	size_t i;
	uint32_t n;

	begin("port_work_seconds_total", "", "counter", "CPU time of fast-path cores by kind of work");
	for (i = 0; i < s->nr_ports; i++) {
		p = &s->ports[i].port;
		for (n = 0; n < p->nr_work; n++) {
			printf("virtuoso_port_work_seconds_total{port=\"");
			print_label(p->name);
			printf("\",work=\"");
			print_label(p->work[n].name);
			printf("\"} ");
			print_seconds(p->work[n].ns);
			putchar('\n');
		}
	}
	begin("port_turns_total", "", "counter",
	      "turns by how long the port had waited for them, below so many microseconds");
	for (i = 0; i < s->nr_ports; i++) {
		p = &s->ports[i].port;
		for (n = 0; n < p->nr_delay; n++) {
			printf("virtuoso_port_turns_total{port=\"");
			print_label(p->name);
			if (n + 1 < p->nr_delay)
				printf("\",below_us=\"%" PRIu64 "\"} ", (uint64_t)1 << n);
			else
				printf("\",below_us=\"+Inf\"} ");
			printf("%" PRIu64 "\n", p->delay[n]);
		}
	}
}

static void print_counters(const struct sample *s)
{
	const struct counter *c;
	size_t n, i;

	for (n = 0; n < s->nr_counters; n++) {
		c = &s->counters[n];
		begin(c->name, "_total", "counter", c->doc);
		for (i = 0; i < s->nr_ports; i++) {
			printf("virtuoso_%s_total{port=\"", c->name);
			print_label(s->ports[i].port.name);
			printf("\"} %" PRIu64 "\n", s->ports[i].value[n]);
		}
	}
}

/* --- cores --- */

static uint64_t core_busy(const struct core *c) { return c->busy_ns; }
static uint64_t core_poll(const struct core *c) { return c->poll_ns; }
static uint64_t core_idle(const struct core *c) { return c->idle_ns; }
static uint64_t core_turns(const struct core *c) { return c->turns; }
static uint64_t core_wakeups(const struct core *c) { return c->wakeups; }
static uint64_t core_ports(const struct core *c) { return c->ports; }

static const struct {
	const char *metric;
	const char *type;
	const char *doc;
	uint64_t (*of)(const struct core *core);
	bool seconds;
} core_metrics[] = {
	{ "core_busy_seconds_total", "counter", "time spent in turns of ports", core_busy, true },
	{ "core_poll_seconds_total", "counter", "time spent polling in vain", core_poll, true },
	{ "core_idle_seconds_total", "counter", "time slept", core_idle, true },
	{ "core_turns_total", "counter", "turns of ports", core_turns, false },
	{ "core_wakeups_total", "counter", "times the core slept and was woken", core_wakeups, false },
	{ "core_ports", "gauge", "ports that the core serves", core_ports, false },
};

static void print_cores(const struct sample *s)
{
	const struct core *c;
	size_t m, i;

	for (m = 0; m < sizeof(core_metrics) / sizeof(*core_metrics); m++) {
		begin(core_metrics[m].metric, "", core_metrics[m].type, core_metrics[m].doc);
		for (i = 0; i < s->nr_cores; i++) {
			c = &s->cores[i];
			printf("virtuoso_%s{core=\"%" PRIu32 "\",cpu=\"%" PRIu32 "\"} ",
			       core_metrics[m].metric, c->index, c->cpu);
			if (core_metrics[m].seconds)
				print_seconds(core_metrics[m].of(c));
			else
				printf("%" PRIu64, core_metrics[m].of(c));
			putchar('\n');
		}
	}
}

int prometheus(void)
{
	struct sample sample;

	nl_open();
	sample_take(&sample);
	print_ports(&sample);
	print_work(&sample);
	print_counters(&sample);
	print_cores(&sample);
	sample_free(&sample);
	return fflush(stdout) ? CTL_FAILED : 0;
}
