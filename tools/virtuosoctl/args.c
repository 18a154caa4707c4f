// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: words of the command line.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

const char *args_next(struct args *args)
{
	if (!args->argc)
		return NULL;
	args->argc--;
	return *args->argv++;
}

const char *args_need(struct args *args, const char *what)
{
	const char *word = args_next(args);

	if (!word)
		usage_error("%s is missing, try \"virtuosoctl help\"", what);
	return word;
}

void args_end(struct args *args)
{
	if (args->argc)
		usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", args->argv[0]);
}

bool abbreviates(const char *word, const char *full)
{
	return *word && !strncmp(word, full, strlen(word));
}

uint32_t args_u32(struct args *args, const char *what)
{
	const char *word = args_need(args, what);
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(word, &end, 0);
	if (*word < '0' || *word > '9' || *end)
		usage_error("%s is a number, not \"%s\"", what, word);
	if (errno || value > UINT32_MAX)
		fail("%s: %s is out of range", what, word);
	return value;
}

int args_dispatch(struct args *args, const struct command *commands, const char *what)
{
	const struct command *c;
	const char *word;

	if (!args->argc)
		return commands->run(args);
	word = args_next(args);
	for (c = commands; c->name; c++)
		if (abbreviates(word, c->name))
			return c->run(args);
	usage_error("there is no %s \"%s\", try \"virtuosoctl help\"", what, word);
}
