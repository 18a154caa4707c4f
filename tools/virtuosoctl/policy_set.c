// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl policy set: rules in words, from the command line or a file, to one request.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtuoso.h>

#include "ctl.h"
#include "format.h"
#include "nl.h"
#include "policy.h"

/* Words of a line of a file. */
#define WORDS_MAX	64
/* More than a rule, or an address, takes in a request. */
#define ROOM_BYTES	512

static const struct nl_spec set_spec = { 0, (const char *const[]) { NULL } };

/**
 * struct set - a request that grows
 * @nlh: its message, in memory of its own
 * @size: bytes of that memory
 * @rules: rules in it
 * @file: they come from a file; NULL: from the command line
 * @line: of the file
 * @sources: they were given
 * @action: the default action was given
 */
struct set {
	struct nlmsghdr *nlh;
	size_t size;
	unsigned int rules;
	const char *file;
	unsigned int line;
	bool sources;
	bool action;
};

/* A usage error that says where. */
__printf(2, 3) static _Noreturn void bad(const struct set *set, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (set->file)
		usage_error("%s:%u: %s", set->file, set->line, text);
	if (set->rules)
		usage_error("rule %u: %s", set->rules, text);
	usage_error("%s", text);
}

static const char *need(const struct set *set, struct args *words, const char *what)
{
	const char *word = args_next(words);

	if (!word)
		bad(set, "%s is missing", what);
	return word;
}

static void make_room(struct set *set)
{
	if (set->size - set->nlh->nlmsg_len >= ROOM_BYTES)
		return;
	set->size *= 2;
	set->nlh = xrealloc(set->nlh, set->size);
}

static void begin(struct set *set, const char *port)
{
	struct nlmsghdr *nlh = nl_request(VIRTUOSO_CMD_POLICY_SET, &set_spec);

	policy_put_port(nlh, port);
	set->size = nlh->nlmsg_len + ROOM_BYTES;
	set->nlh = xrealloc(NULL, set->size);
	memcpy(set->nlh, nlh, nlh->nlmsg_len);
}

/* --- values --- */

static unsigned long number(const struct set *set, const char *word, unsigned long max, const char *what,
			    char **end)
{
	unsigned long long value;

	errno = 0;
	value = strtoull(word, end, 0);
	if (*word < '0' || *word > '9')
		bad(set, "%s is a number, not \"%s\"", what, word);
	if (errno || value > max)
		bad(set, "%s: %s is out of range (0 to %lu)", what, word, max);
	return value;
}

static void put_number(struct set *set, uint16_t attr, struct args *words, unsigned long max,
		       const char *what)
{
	const char *word = need(set, words, what);
	unsigned long value;
	char *end;

	value = number(set, word, max, what, &end);
	if (*end)
		bad(set, "%s is a number, not \"%s\"", what, word);
	mnl_attr_put_u32(set->nlh, attr, value);
}

/* N or N-M */
static void put_ports(struct set *set, uint16_t min_attr, struct args *words, const char *what)
{
	const char *word = need(set, words, "the TCP port");
	unsigned long min, max;
	char *end;

	min = number(set, word, UINT16_MAX, what, &end);
	max = min;
	if (*end == '-')
		max = number(set, end + 1, UINT16_MAX, what, &end);
	if (*end)
		bad(set, "%s is a number or a range, not \"%s\"", what, word);
	if (min > max)
		bad(set, "%s: %s is backwards", what, word);
	mnl_attr_put_u16(set->nlh, min_attr, min);
	mnl_attr_put_u16(set->nlh, min_attr + 1, max);
}

static_assert(VIRTUOSO_A_POLICY_RULE_RPORT_MAX - VIRTUOSO_A_POLICY_RULE_RPORT_MIN == 1, "");
static_assert(VIRTUOSO_A_POLICY_RULE_LPORT_MAX - VIRTUOSO_A_POLICY_RULE_LPORT_MIN == 1, "");

/* Return: bits of the address, 96 of them before those of IPv4; 0: it is none. */
static unsigned int address(const char *word, uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET6, word, addr) == 1)
		return 128;
	memcpy(addr, mapped, sizeof(mapped));
	return inet_pton(AF_INET, word, addr + 12) == 1 ? 32 : 0;
}

static void put_prefix(struct set *set, struct args *words)
{
	const char *word = need(set, words, "the prefix");
	char text[INET6_ADDRSTRLEN + 1] = "", *end = "";
	size_t n = strcspn(word, "/");
	unsigned int bits, len;
	uint8_t addr[16];

	if (!strcmp(word, "any"))
		return;
	if (n < sizeof(text))
		memcpy(text, word, n);
	bits = address(text, addr);
	if (!bits)
		bad(set, "\"%s\" is not a prefix", word);
	len = bits;
	if (word[n])
		len = number(set, word + n + 1, bits, "the length of the prefix", &end);
	if (*end)
		bad(set, "\"%s\" is not a prefix", word);
	mnl_attr_put(set->nlh, VIRTUOSO_A_POLICY_RULE_REMOTE, sizeof(addr), addr);
	mnl_attr_put_u32(set->nlh, VIRTUOSO_A_POLICY_RULE_PREFIX_LEN, 128 - bits + len);
}

static int name_value(const struct names *names, const char *word)
{
	size_t i;

	for (i = 0; i < names->nr; i++)
		if (names->name[i] && !strcmp(names->name[i], word))
			return i;
	return -1;
}

static uint32_t action(const struct set *set, const char *word)
{
	int value = name_value(&policy_actions, word);

	if (value < 0)
		bad(set, "the action is allow, deny or drop, not \"%s\"", word);
	return value;
}

/* --- what a set consists of --- */

/* What a word of a rule is about: each thing is said once. */
enum { WORD_NONE, WORD_DIRECTION, WORD_PREFIX, WORD_PORT, WORD_LOCAL_PORT, WORD_DSCP, WORD_BUFFER };

static unsigned int kind_of(const char *word)
{
	static const struct {
		const char *word;
		unsigned int kind;
	} kinds[] = {
		{ "connect", WORD_DIRECTION }, { "accept", WORD_DIRECTION },
		{ "both", WORD_DIRECTION },
		{ "to", WORD_PREFIX }, { "from", WORD_PREFIX }, { "with", WORD_PREFIX },
		{ "port", WORD_PORT }, { "local-port", WORD_LOCAL_PORT },
		{ "dscp", WORD_DSCP }, { "buffer", WORD_BUFFER },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(word, kinds[i].word))
			return kinds[i].kind;
	return WORD_NONE;
}

static void put_rule_word(struct set *set, unsigned int kind, struct args *words)
{
	const char *word = args_next(words);

	switch (kind) {
	case WORD_DIRECTION:
		mnl_attr_put_u32(set->nlh, VIRTUOSO_A_POLICY_RULE_DIRECTION,
				 name_value(&policy_directions, word));
		break;
	case WORD_PREFIX:
		put_prefix(set, words);
		break;
	case WORD_PORT:
		put_ports(set, VIRTUOSO_A_POLICY_RULE_RPORT_MIN, words, word);
		break;
	case WORD_LOCAL_PORT:
		put_ports(set, VIRTUOSO_A_POLICY_RULE_LPORT_MIN, words, word);
		break;
	case WORD_DSCP:
		put_number(set, VIRTUOSO_A_POLICY_RULE_DSCP, words, 63, word);
		break;
	case WORD_BUFFER:
		put_number(set, VIRTUOSO_A_POLICY_RULE_BUFFER_BYTES, words, UINT32_MAX, word);
		break;
	}
}

/* Up to a word that does not belong to it. */
static void put_rule(struct set *set, struct args *words)
{
	unsigned int kind, seen = 0;
	struct nlattr *nest;

	set->rules++;
	make_room(set);
	nest = mnl_attr_nest_start(set->nlh, VIRTUOSO_A_POLICY_RULE);
	mnl_attr_put_u32(set->nlh, VIRTUOSO_A_POLICY_RULE_ACTION,
			 action(set, need(set, words, "the action")));
	while (words->argc && (kind = kind_of(words->argv[0]))) {
		if (seen & 1u << kind)
			bad(set, "\"%s\" comes too late, that was said already", words->argv[0]);
		seen |= 1u << kind;
		put_rule_word(set, kind, words);
	}
	mnl_attr_nest_end(set->nlh, nest);
}

static void put_sources(struct set *set, struct args *words)
{
	const char *word = need(set, words, "\"learn\" or the addresses");
	char text[INET6_ADDRSTRLEN + 1];
	uint8_t addr[16];
	size_t n;

	if (set->sources)
		bad(set, "\"sources\" comes twice");
	set->sources = true;
	if (!strcmp(word, "learn"))
		return;
	make_room(set);
	mnl_attr_put_u32(set->nlh, VIRTUOSO_A_POLICY_SOURCES, VIRTUOSO_POLICY_SOURCES_FIXED);
	for (;; word += n + 1) {
		n = strcspn(word, ",");
		snprintf(text, sizeof(text), "%.*s", (int)n, word);
		if (n >= sizeof(text) || !address(text, addr))
			bad(set, "\"%.*s\" is not an address", (int)n, word);
		make_room(set);
		mnl_attr_put(set->nlh, VIRTUOSO_A_POLICY_SOURCE, sizeof(addr), addr);
		if (!word[n])
			break;
	}
}

static void put_default(struct set *set, struct args *words)
{
	if (set->action)
		bad(set, "\"default\" comes twice");
	set->action = true;
	make_room(set);
	mnl_attr_put_u32(set->nlh, VIRTUOSO_A_POLICY_DEFAULT_ACTION,
			 action(set, need(set, words, "the default action")));
}

/* false: the next word begins none of them. */
static bool put_item(struct set *set, struct args *words)
{
	const char *word = words->argv[0];

	if (!strcmp(word, "rule")) {
		args_next(words);
		put_rule(set, words);
	} else if (!strcmp(word, "sources")) {
		args_next(words);
		put_sources(set, words);
	} else if (!strcmp(word, "default")) {
		args_next(words);
		put_default(set, words);
	} else {
		return false;
	}
	return true;
}

/* --- where it comes from --- */

static void put_line(struct set *set, char *line)
{
	char *argv[WORDS_MAX], *word, *rest = NULL;
	struct args words = { 0, argv };

	line[strcspn(line, "#\n")] = '\0';
	for (word = strtok_r(line, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest)) {
		if (words.argc == WORDS_MAX)
			bad(set, "too many words");
		argv[words.argc++] = word;
	}
	if (!words.argc)
		return;
	/* "rule" may be left out. */
	if (!put_item(set, &words))
		put_rule(set, &words);
	if (words.argc)
		bad(set, "\"%s\" makes no sense here", words.argv[0]);
}

static void put_file(struct set *set, const char *name)
{
	bool is_stdin = !strcmp(name, "-");
	FILE *file = is_stdin ? stdin : fopen(name, "r");
	char *line = NULL;
	size_t size = 0;

	if (!file)
		fail("%s: %s", name, strerror(errno));
	set->file = is_stdin ? "standard input" : name;
	while (getline(&line, &size, file) >= 0) {
		set->line++;
		put_line(set, line);
	}
	if (ferror(file))
		fail("%s: %s", set->file, strerror(errno));
	free(line);
	if (!is_stdin)
		fclose(file);
}

static int send_set(struct set *set)
{
	int err = nl_do(set->nlh, NULL, NULL);

	free(set->nlh);
	if (err)
		fail("%s", nl_error());
	return 0;
}

int policy_set(struct args *args)
{
	const char *port = args_need(args, "the name of the port, or \"default\"");
	struct set set = { };

	if (!args->argc)
		usage_error("what to set is missing, try \"virtuosoctl help\"");
	nl_open();
	begin(&set, port);
	if (!strcmp(args->argv[0], "file")) {
		args_next(args);
		put_file(&set, args_need(args, "the name of the file"));
	}
	while (!set.file && args->argc && put_item(&set, args))
		;
	if (args->argc)
		bad(&set, "\"%s\" makes no sense here", args->argv[0]);
	return send_set(&set);
}

int policy_flush(struct args *args)
{
	const char *port = args_need(args, "the name of the port, or \"default\"");
	struct set set = { };

	args_end(args);
	nl_open();
	begin(&set, port);
	return send_set(&set);
}
