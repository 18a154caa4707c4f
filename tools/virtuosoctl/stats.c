// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl stats: counters of ports.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtuoso.h>

#include "ctl.h"
#include "json.h"
#include "nl.h"
#include "stats.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_STAT_PORT] = "port",
};

static const struct nl_spec stat_spec = { VIRTUOSO_A_STAT_PORT, attr_names };

/**
 * struct printer - how counters are printed
 * @name: glob that a counter's name must match; NULL: all
 * @nonzero: leave out those that are zero
 * @embedded: the port's own description is around them
 */
struct printer {
	const char *name;
	bool nonzero;
	bool embedded;
};

static void show_counter(const struct nlattr *nest, void *arg)
{
	struct nlattr *attrs[NL_ATTRS];
	const struct printer *p = arg;
	const char *name;
	uint64_t value;

	nl_nested(nest, attrs);
	name = nl_str(attrs[VIRTUOSO_A_COUNTER_NAME]);
	value = nl_uint(attrs[VIRTUOSO_A_COUNTER_VALUE]);
	if ((p->nonzero && !value) || (p->name && fnmatch(p->name, name, 0)))
		return;
	if (opt.json)
		json_uint(name, value);
	else if (opt.details)
		printf("    %-20s %14" PRIu64 "  %s\n", name, value,
		       nl_str(attrs[VIRTUOSO_A_COUNTER_DOC]));
	else
		printf("    %-20s %14" PRIu64 "\n", name, value);
}

static void show_stats(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	const char *port = nl_str(attrs[VIRTUOSO_A_STAT_PORT]);
	const struct printer *p = arg;

	if (p->embedded) {
		nl_each(VIRTUOSO_A_STAT_COUNTER, show_counter, arg);
		return;
	}
	if (opt.json) {
		json_object(NULL);
		json_str("port", port);
		json_object("stats");
	} else {
		printf("%s:\n", port);
	}
	nl_each(VIRTUOSO_A_STAT_COUNTER, show_counter, arg);
	if (opt.json) {
		json_close();
		json_close();
	}
}

static void dump(struct printer *p, const char *only)
{
	struct nlmsghdr *nlh = nl_request(VIRTUOSO_CMD_STATS_GET, &stat_spec);

	if (only)
		mnl_attr_put_strz(nlh, VIRTUOSO_A_STAT_PORT, only);
	if (opt.details && !opt.json)
		mnl_attr_put(nlh, VIRTUOSO_A_STAT_EXPLAIN, 0, NULL);
	if (nl_dump(nlh, show_stats, p))
		fail("%s", nl_error());
}

void stats_of_port(const char *name)
{
	struct printer p = { .embedded = true };

	if (opt.json)
		json_object("stats");
	dump(&p, name);
	if (opt.json)
		json_close();
}

static int stats_show(struct args *args)
{
	struct printer p = { };
	const char *only = NULL, *word;

	while ((word = args_next(args))) {
		if (!strcmp(word, "port"))
			only = args_need(args, "the name of the port");
		else if (!strcmp(word, "nonzero"))
			p.nonzero = true;
		else if (!p.name)
			p.name = word;
		else
			usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
	}
	if (only && strlen(only) > 255)
		fail("port: too long");
	if (opt.json)
		json_begin(opt.pretty);
	dump(&p, only);
	if (opt.json)
		json_end();
	return 0;
}

int stats_main(struct args *args)
{
	if (args->argc && (!strcmp(args->argv[0], "-prometheus") || !strcmp(args->argv[0], "prometheus"))) {
		args_next(args);
		args_end(args);
		return prometheus();
	}
	/* "stats port NAME" is "stats show port NAME" */
	if (args->argc && abbreviates(args->argv[0], "show"))
		args_next(args);
	return stats_show(args);
}
