// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: look at and change the Virtuoso host by netlink.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

struct ctl_options opt;

static const char usage_text[] =
"Usage: virtuosoctl [ OPTIONS ] OBJECT { COMMAND | help }\n"
"       virtuosoctl port [ show ] [ NAME ]\n"
"       virtuosoctl port add NAME { vm | container } [ mac MAC ] [ max-flows N ] [ mtu N ]\n"
"       virtuosoctl port set NAME max-flows N\n"
"       virtuosoctl port del NAME [ force ]\n"
"       virtuosoctl flow [ show ] [ port NAME ] [ state STATE ] [ direction DIR ]\n"
"                   [ laddr ADDR ] [ lport N ] [ raddr ADDR ] [ rport N ]\n"
"       virtuosoctl core [ show ] [ INDEX ]\n"
"       virtuosoctl core set INDEX poll-us N\n"
"       virtuosoctl stats [ show ] [ port NAME ] [ nonzero ]\n"
"\n"
"       OPTIONS := { -j[son] | -p[retty] | -d[etails] | -s[tatistics] | -V[ersion] | -h[elp] }\n"
"       STATE := { established | syn-sent | syn-recv | fin-wait-1 | fin-wait-2 | time-wait |\n"
"                  close | close-wait | last-ack | closing }\n"
"       DIR := { active | passive }\n"
"\n"
"See virtuosoctl(8).\n";

static void vcomplain(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("virtuosoctl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
	exit(CTL_FAILED);
}

void usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
	exit(CTL_USAGE);
}

void *xrealloc(void *mem, size_t bytes)
{
	mem = realloc(mem, bytes);
	if (!mem)
		fail("out of memory");
	return mem;
}

static int help(struct args *args)
{
	(void)args;
	fputs(usage_text, stdout);
	return 0;
}

static void version(void)
{
	puts("virtuosoctl " VIRTUOSO_VERSION);
	exit(0);
}

/* Takes the options off the front; -j and --json alike. */
static void parse_options(struct args *args)
{
	const char *o;

	while (args->argc && args->argv[0][0] == '-') {
		o = args_next(args) + 1;
		if (*o == '-')
			o++;
		if (abbreviates(o, "json"))
			opt.json = true;
		else if (abbreviates(o, "pretty"))
			opt.pretty = true;
		else if (abbreviates(o, "details"))
			opt.details = true;
		else if (abbreviates(o, "statistics"))
			opt.statistics = true;
		else if (abbreviates(o, "Version") || !strcmp(o, "version"))
			version();
		else if (abbreviates(o, "help"))
			exit(help(args));
		else
			usage_error("there is no option \"-%s\", try \"virtuosoctl help\"", o);
	}
}

int main(int argc, char **argv)
{
	static const struct command objects[] = {
		{ "help", help },
		{ "port", port_main },
		{ "flow", flow_main },
		{ "core", core_main },
		{ "stats", stats_main },
		{ }
	};
	struct args args = { argc - 1, argv + 1 };

	parse_options(&args);
	if (!args.argc) {
		fputs(usage_text, stderr);
		return CTL_USAGE;
	}
	/* "port help" is the same as "help" */
	if (args.argc > 1 && !strcmp(args.argv[args.argc - 1], "help"))
		return help(&args);
	return args_dispatch(&args, objects, "object");
}
