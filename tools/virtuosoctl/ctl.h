/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: what its parts share.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses; 0 is success. */
#define CTL_FAILED	1	/* the kernel, or the state of the machine, said no */
#define CTL_USAGE	2	/* the command line makes no sense */

struct ctl_options {
	bool json;
	bool pretty;
	bool details;
	bool statistics;
	bool force;		/* of a batch: go on after a line that failed */
	bool restoring;		/* what is there already need not be made */
};

extern struct ctl_options opt;

/* The compiler checks the arguments against the format. */
#define __printf(fmt, args)	__attribute((format(printf, fmt, args)))

/* One line on standard error, beginning with the program's name. */
__printf(1, 2) void complain(const char *fmt, ...);
__printf(1, 2) _Noreturn void fail(const char *fmt, ...);
__printf(1, 2) _Noreturn void usage_error(const char *fmt, ...);

/* What complaints begin with after the program's name: "FILE:LINE: ", or "". */
void complain_about(const char *place);

/* realloc() that ends the program when there is no memory. */
void *xrealloc(void *mem, size_t bytes);

/* --- args.c: the words of the command line that are left --- */

struct args {
	int argc;
	char **argv;
};

/* The next word, or NULL; with args_need(), a usage error that names what is missing. */
const char *args_next(struct args *args);
const char *args_need(struct args *args, const char *what);
/* A usage error when words are left. */
void args_end(struct args *args);
/* Is @word an abbreviation (one letter or more) of @full? */
bool abbreviates(const char *word, const char *full);
/* The value of option @what; a word that is no number is a usage error, a huge one a failure. */
uint32_t args_u32(struct args *args, const char *what);

/* Units of values, and what a value may end with: the first one is meant when nothing is there. */
enum unit {
	UNIT_COUNT,	/* nothing, k, M, G (thousands) */
	UNIT_BYTES,	/* nothing, k, M, G, T (1024) */
	UNIT_PERMILLE,	/* % (written in percent, with a fraction or without) */
	UNIT_US,	/* us, ms, s */
};

/* The same for a value with a unit, at most @max. */
uint64_t args_value(struct args *args, const char *what, enum unit unit, uint64_t max);
/* Such a value so that args_value() takes it; a static buffer for a few calls. */
const char *value_text(uint64_t value, enum unit unit);

struct command {
	const char *name;
	int (*run)(struct args *args);
};

/* Runs a command, without the program's name and options. Return: exit status. */
int run_words(struct args *args);
/* Calls @run so that its failure ends no more than the call. Return: exit status. */
int run_line(int (*run)(struct args *args), struct args *args);

/* Runs the command that the next word abbreviates; without a word, the first one. */
int args_dispatch(struct args *args, const struct command *commands, const char *what);

/* --- one file for each object --- */
int port_main(struct args *args);
int port_add(struct args *args);
int flow_main(struct args *args);
int core_main(struct args *args);
int stats_main(struct args *args);
int policy_main(struct args *args);
int listener_main(struct args *args);
int uplink_main(struct args *args);
int monitor_main(struct args *args);
int top_main(struct args *args);
int save_main(struct args *args);
int restore_main(struct args *args);
/* Runs the lines of a file ("-": standard input). Return: exit status. */
int batch(const char *path);

#endif /* CTL_H */
