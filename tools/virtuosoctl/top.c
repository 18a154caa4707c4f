// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl top: what ports and cores are doing now, again and again.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "ctl.h"
#include "json.h"
#include "sample.h"

#define INTERVAL_US_DEFAULT	2000000
#define INTERVAL_US_MIN		100000
#define INTERVAL_US_MAX		3600000000u

/* --- the terminal --- */

static struct termios cooked;
static bool raw;

static void restore_terminal(void)
{
	if (!raw)
		return;
	raw = false;
	tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	/* The cursor is shown; the screen is that from before. */
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
}

/* Keys come at once and are not shown. */
static void take_terminal(void)
{
	struct termios t;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &cooked))
		return;
	t = cooked;
	t.c_lflag &= ~(ICANON | ECHO);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t))
		return;
	raw = true;
	atexit(restore_terminal);
	fputs("\033[?1049h\033[?25l", stdout);
}

static unsigned int terminal_lines(void)
{
	struct winsize size;

	if (!raw || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		return UINT32_MAX;
	return size.ws_row;
}

/* Signals that end a program end the loop instead, so that the terminal is given back. */
static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Waits; returns whether to go on. */
static bool wait_interval(int signals, uint64_t us)
{
	struct pollfd fds[2] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = raw ? STDIN_FILENO : -1, .events = POLLIN },
	};
	char key;

	if (poll(fds, 2, us / 1000) < 0 && errno != EINTR)
		return false;
	if (fds[0].revents)
		return false;
	return !fds[1].revents || (read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 3);
}

/* --- what is shown --- */

struct rates {
	uint64_t ns;		/* between the two samples */
	const struct sample *now;
	const struct sample *before;
};

/* Per second. */
static uint64_t rate(const struct rates *r, uint64_t now, uint64_t before)
{
	return now < before ? 0 : (now - before) * 1e9 / r->ns;
}

/* Of nanoseconds: thousandths of one CPU. */
static uint64_t share(const struct rates *r, uint64_t now, uint64_t before)
{
	return rate(r, now, before) / 1000000;
}

static uint64_t counter_rate(const struct rates *r, const struct port_sample *now,
			     const struct port_sample *before, const char *name)
{
	return rate(r, sample_value(r->now, now, name), sample_value(r->before, before, name));
}

/* 1234567 is "1.23M" */
static const char *short_number(uint64_t n)
{
	static char texts[8][16];
	static unsigned int next;
	char *text = texts[next++ % 8];
	static const char units[] = " kMGTPE";
	double v = n;
	int u = 0;

	while (v >= 999.5) {
		v /= 1000;
		u++;
	}
	if (u)
		snprintf(text, sizeof(texts[0]), "%.3g%c", v, units[u]);
	else
		snprintf(text, sizeof(texts[0]), "%" PRIu64, n);
	return text;
}

static void show_core(const struct rates *r, const struct core *now)
{
	const struct core *before = sample_core(r->before, now->index);
	uint64_t busy, poll_share;

	if (!before)
		return;
	busy = share(r, now->busy_ns, before->busy_ns);
	poll_share = share(r, now->poll_ns, before->poll_ns);
	if (opt.json) {
		json_object(NULL);
		json_uint("index", now->index);
		json_uint("cpu", now->cpu);
		json_uint("ports", now->ports);
		json_milli("busy", busy);
		json_milli("poll", poll_share);
		json_uint("turns_per_s", rate(r, now->turns, before->turns));
		json_close();
		return;
	}
	printf("core %-3" PRIu32 " cpu %-4" PRIu32 " ports %-4" PRIu32
	       " busy %5.1f%%  poll %5.1f%%  turns/s %s\n", now->index, now->cpu, now->ports,
	       busy / 10.0, poll_share / 10.0, short_number(rate(r, now->turns, before->turns)));
}

/* Of the turns between the two. */
static uint64_t delay_p99_us(const struct port *now, const struct port *before)
{
	uint64_t delay[PORT_DELAYS];
	uint32_t i;

	for (i = 0; i < now->nr_delay; i++)
		delay[i] = now->delay[i] - before->delay[i];
	return port_delay_us(delay, now->nr_delay, 990);
}

static void show_port_json(const struct rates *r, const struct port_sample *now,
			   const struct port_sample *before)
{
	json_object(NULL);
	json_str("port", now->port.name);
	json_uint("core", now->port.core);
	json_milli("cpu", share(r, now->port.busy_ns, before->port.busy_ns));
	json_milli("slow_cpu", share(r, now->port.slow_ns, before->port.slow_ns));
	json_uint("rx_bits_per_s", 8 * counter_rate(r, now, before, "fp_rx_bytes"));
	json_uint("tx_bits_per_s", 8 * counter_rate(r, now, before, "fp_tx_bytes"));
	json_uint("records_per_s", counter_rate(r, now, before, "chan_submit"));
	json_uint("connections_per_s", counter_rate(r, now, before, "sp_established"));
	json_uint("retrans_per_s", counter_rate(r, now, before, "fp_retrans_segs"));
	json_milli("throttled", share(r, now->port.throttled_ns, before->port.throttled_ns));
	json_uint("delay_p99_us", delay_p99_us(&now->port, &before->port));
	json_uint("flows", now->port.flows);
	json_close();
}

static void show_port(const struct rates *r, const struct port_sample *now)
{
	const struct port_sample *before = sample_port(r->before, now->port.index);

	if (!before)
		return;
	if (opt.json) {
		show_port_json(r, now, before);
		return;
	}
	printf("%-15s %4" PRIu32 " %5.1f %5.1f %8s %8s %8s %7s %7s %6.1f %7" PRIu64 " %7" PRIu32 "\n",
	       now->port.name, now->port.core,
	       share(r, now->port.busy_ns, before->port.busy_ns) / 10.0,
	       share(r, now->port.slow_ns, before->port.slow_ns) / 10.0,
	       short_number(8 * counter_rate(r, now, before, "fp_rx_bytes")),
	       short_number(8 * counter_rate(r, now, before, "fp_tx_bytes")),
	       short_number(counter_rate(r, now, before, "chan_submit")),
	       short_number(counter_rate(r, now, before, "sp_established")),
	       short_number(counter_rate(r, now, before, "fp_retrans_segs")),
	       share(r, now->port.throttled_ns, before->port.throttled_ns) / 10.0,
	       delay_p99_us(&now->port, &before->port), now->port.flows);
}

/* Ports in order of the CPU time that they used since the sample before. */
static const struct sample *sort_before;

static uint64_t used(const struct port_sample *p)
{
	const struct port_sample *before = sample_port(sort_before, p->port.index);

	return before ? p->port.busy_ns + p->port.slow_ns - before->port.busy_ns -
			before->port.slow_ns : 0;
}

static int by_use(const void *a, const void *b)
{
	uint64_t ua = used(a), ub = used(b);

	return ua < ub ? 1 : ua > ub ? -1 : 0;
}

static void show_json(const struct rates *r)
{
	size_t i;

	json_begin(opt.pretty);
	json_object(NULL);
	json_milli("seconds", r->ns / 1000000);
	json_array("cores");
	for (i = 0; i < r->now->nr_cores; i++)
		show_core(r, &r->now->cores[i]);
	json_close();
	json_array("ports");
	for (i = 0; i < r->now->nr_ports; i++)
		show_port(r, &r->now->ports[i]);
	json_close();
	json_close();
	json_end();
}

static void show_table(const struct rates *r)
{
	unsigned int lines = terminal_lines();
	size_t i, left;

	if (raw)
		fputs("\033[H\033[J", stdout);
	for (i = 0; i < r->now->nr_cores && i + 3 < lines; i++)
		show_core(r, &r->now->cores[i]);
	printf("%-15s %4s %5s %5s %8s %8s %8s %7s %7s %6s %7s %7s\n", "PORT", "CORE", "CPU%", "SLOW%",
	       "RX-bit/s", "TX-bit/s", "REC/s", "CONN/s", "RETR/s", "THROT%", "P99-us", "FLOWS");
	left = lines > i + 2 ? lines - i - 2 : 0;
	for (i = 0; i < r->now->nr_ports && i < left; i++)
		show_port(r, &r->now->ports[i]);
	if (!raw)
		putchar('\n');
}

static void show(const struct sample *now, const struct sample *before)
{
	struct rates r = { now->at_ns - before->at_ns, now, before };

	if (!r.ns)
		return;
	sort_before = before;
	if (now->nr_ports)
		qsort(now->ports, now->nr_ports, sizeof(*now->ports), by_use);
	if (opt.json)
		show_json(&r);
	else
		show_table(&r);
}

static void run(uint64_t interval_us, uint64_t count)
{
	struct sample now, before;
	int signals = catch_signals();
	uint64_t n;

	if (signals < 0)
		fail("signalfd: %s", strerror(errno));
	sample_take(&before);
	if (!opt.json)
		take_terminal();
	for (n = 0; n < count; n++) {
		if (!wait_interval(signals, interval_us))
			break;
		sample_take(&now);
		show(&now, &before);
		if (fflush(stdout))
			break;
		sample_free(&before);
		before = now;
	}
	sample_free(&before);
	restore_terminal();
	close(signals);
}

int top_main(struct args *args)
{
	uint64_t interval_us = INTERVAL_US_DEFAULT, count = UINT64_MAX;
	const char *word;
	double seconds;
	char *end;

	while ((word = args_next(args))) {
		if (!strcmp(word, "interval") || !strcmp(word, "-i")) {
			word = args_need(args, "the interval");
			seconds = strtod(word, &end);
			if (end == word || *end || seconds * 1e6 < INTERVAL_US_MIN ||
			    seconds * 1e6 > INTERVAL_US_MAX)
				usage_error("the interval is 0.1 to 3600 seconds, not \"%s\"", word);
			interval_us = seconds * 1e6;
		} else if (!strcmp(word, "-n") || !strcmp(word, "count")) {
			count = args_u32(args, "the number of times");
		} else {
			usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
		}
	}
	nl_open();
	run(interval_us, count);
	return 0;
}
