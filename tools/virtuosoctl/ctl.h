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
};

extern struct ctl_options opt;

/* The compiler checks the arguments against the format. */
#define __printf(fmt, args)	__attribute((format(printf, fmt, args)))

/* One line on standard error, beginning with the program's name. */
__printf(1, 2) void complain(const char *fmt, ...);
__printf(1, 2) _Noreturn void fail(const char *fmt, ...);
__printf(1, 2) _Noreturn void usage_error(const char *fmt, ...);

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

struct command {
	const char *name;
	int (*run)(struct args *args);
};

/* Runs the command that the next word abbreviates; without a word, the first one. */
int args_dispatch(struct args *args, const struct command *commands, const char *what);

/* --- one file for each object --- */
int port_main(struct args *args);
int port_add(struct args *args);
int flow_main(struct args *args);
int core_main(struct args *args);
int stats_main(struct args *args);

#endif /* CTL_H */
