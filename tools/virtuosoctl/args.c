// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: words of the command line.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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

struct suffix {
	const char *text;
	double factor;
};

/* By enum unit; the first one is what is meant without a suffix. */
static const struct suffix suffixes[][6] = {
	[UNIT_COUNT] = { { "", 1 }, { "k", 1e3 }, { "M", 1e6 }, { "G", 1e9 }, { } },
	[UNIT_BYTES] = { { "", 1 }, { "k", 1024 }, { "M", 1 << 20 }, { "G", 1 << 30 },
			 { "T", 1024.0 * (1 << 30) }, { } },
	[UNIT_PERMILLE] = { { "%", 10 }, { } },
	[UNIT_US] = { { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { } },
};

uint64_t args_value(struct args *args, const char *what, enum unit unit, uint64_t max)
{
	const char *word = args_need(args, what);
	const struct suffix *s = suffixes[unit];
	double value;
	char *end;

	value = strtod(word, &end);
	if (*word < '0' || *word > '9' || end == word || (word[0] == '0' && word[1] == 'x'))
		usage_error("%s is a number, not \"%s\"", what, word);
	while (*end && s->text && strcmp(end, s->text))
		s++;
	if (!s->text)
		usage_error("%s is a number%s, not \"%s\"", what,
			    unit == UNIT_PERMILLE ? " with %" :
			    unit == UNIT_US ? " with us, ms or s" : " with k, M or G", word);
	value *= s->factor;
	if (value > max)
		fail("%s: %s is out of range", what, word);
	return value + 0.5;
}

const char *value_text(uint64_t value, enum unit unit)
{
	static char texts[8][32];
	static unsigned int next;
	char *text = texts[next++ % 8];

	if (unit == UNIT_PERMILLE)
		snprintf(text, sizeof(texts[0]), value % 10 ? "%" PRIu64 ".%u%%" : "%" PRIu64 "%%",
			 value / 10, (unsigned int)(value % 10));
	else
		snprintf(text, sizeof(texts[0]), "%" PRIu64 "%s", value,
			 unit == UNIT_US ? "us" : "");
	return text;
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
