// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: look at and change the Virtuoso host by netlink.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

struct ctl_options opt;

static const char usage_text[] =
"Usage: virtuosoctl [ OPTIONS ] OBJECT { COMMAND | help }\n"
"       virtuosoctl [ OPTIONS ] -batch FILE\n"
"       virtuosoctl port [ show ] [ NAME ] [ type TYPE ] [ running ]\n"
"       virtuosoctl port add NAME TYPE [ mac MAC ] [ mtu N ] [ uuid UUID ] [ SETTING ]...\n"
"       virtuosoctl port set NAME SETTING...\n"
"       virtuosoctl port del NAME [ force ]\n"
"       virtuosoctl flow [ show ] [ port NAME ] [ state STATE ] [ direction DIR ]\n"
"                   [ laddr ADDR ] [ lport N ] [ raddr ADDR ] [ rport N ]\n"
"       virtuosoctl listener [ show ] [ port NAME ] [ lport N ]\n"
"       virtuosoctl core [ show ] [ INDEX ]\n"
"       virtuosoctl core set INDEX { poll-us N | piece BYTES | turn TIME | burst TIME | debt TIME |\n"
"                   order { fair | fifo } }...\n"
"       virtuosoctl stats [ show ] [ port NAME ] [ nonzero ] [ NAME-GLOB ]\n"
"       virtuosoctl stats -prometheus\n"
"       virtuosoctl policy [ show ] [ NAME | default ]\n"
"       virtuosoctl policy set { NAME | default } { file FILE | [ sources { learn | ADDR[,ADDR]... } ]\n"
"                   [ default ACTION ] [ rule RULE ]... }\n"
"       virtuosoctl policy flush { NAME | default }\n"
"       virtuosoctl uplink [ show ]\n"
"       virtuosoctl uplink add DEV [ bypass { on | off } ] [ netns NAME ]\n"
"       virtuosoctl uplink del DEV [ netns NAME ]\n"
"       virtuosoctl monitor [ ports ] [ guests ] [ cores ]\n"
"       virtuosoctl top [ interval SECONDS ] [ -n COUNT ]\n"
"       virtuosoctl save [ FILE ]\n"
"       virtuosoctl restore FILE\n"
"\n"
"       OPTIONS := { -j[son] | -p[retty] | -d[etails] | -s[tatistics] | -f[orce] |\n"
"                  -V[ersion] | -h[elp] }\n"
"       TYPE := { vm | container }\n"
"       SETTING := { max-flows N | weight N | guarantee PERCENT | limit PERCENT | burst TIME |\n"
"                    join 0|1 | cores N }\n"
"       STATE := { established | syn-sent | syn-recv | fin-wait-1 | fin-wait-2 | time-wait |\n"
"                  close | close-wait | last-ack | closing }\n"
"       DIR := { active | passive }\n"
"       RULE := ACTION [ connect | accept | both ] [ { to | from | with } PREFIX ] [ port N[-N] ]\n"
"               [ local-port N[-N] ] [ dscp N ] [ buffer BYTES ]\n"
"       ACTION := { allow | deny | drop }\n"
"\n"
"See virtuosoctl(8).\n";

static const char *complaint_place = "";
static jmp_buf *line_end;	/* where a line of a batch ends that fails */
static int line_status;		/* and how */

void complain_about(const char *place)
{
	complaint_place = place;
}

/* Ends the program, or in a batch the line. */
static _Noreturn void end(int status)
{
	if (!line_end)
		exit(status);
	line_status = status;
	longjmp(*line_end, 1);
}

static void vcomplain(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("virtuosoctl: ", stderr);
	fputs(complaint_place, stderr);
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
	end(CTL_FAILED);
}

void usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
	end(CTL_USAGE);
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

static const char *batch_file;

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
		else if (abbreviates(o, "force"))
			opt.force = true;
		else if (abbreviates(o, "batch"))
			batch_file = args_need(args, "the name of the file");
		else if (abbreviates(o, "Version") || !strcmp(o, "version"))
			version();
		else if (abbreviates(o, "help"))
			exit(help(args));
		else
			usage_error("there is no option \"-%s\", try \"virtuosoctl help\"", o);
	}
}

int run_words(struct args *args)
{
	static const struct command objects[] = {
		{ "help", help },
		{ "port", port_main },
		{ "flow", flow_main },
		{ "core", core_main },
		{ "listener", listener_main },
		{ "stats", stats_main },
		{ "policy", policy_main },
		{ "uplink", uplink_main },
		{ "monitor", monitor_main },
		{ "top", top_main },
		{ "save", save_main },
		{ "restore", restore_main },
		{ }
	};

	/* "port help" is the same as "help" */
	if (args->argc > 1 && !strcmp(args->argv[args->argc - 1], "help"))
		return help(args);
	return args_dispatch(args, objects, "object");
}

int run_line(int (*run)(struct args *args), struct args *args)
{
	jmp_buf here, *outer = line_end;
	int status;

	if (setjmp(here)) {
		status = line_status;
	} else {
		line_end = &here;
		status = run(args);
	}
	line_end = outer;
	return status;
}

int main(int argc, char **argv)
{
	struct args args = { argc - 1, argv + 1 };

	parse_options(&args);
	if (batch_file) {
		args_end(&args);
		return batch(batch_file);
	}
	if (!args.argc) {
		fputs(usage_text, stderr);
		return CTL_USAGE;
	}
	return run_words(&args);
}
