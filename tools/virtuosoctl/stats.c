// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl stats: counters of ports.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
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
 * struct printer - the counters come one by one, port after port
 * @port: whose counters are being printed; empty: none yet
 * @nonzero: leave out those that are zero
 * @embedded: the port's own description is around them
 */
struct printer {
	char port[VIRTUOSO_PORT_NAME_LEN + 1];
	bool nonzero;
	bool embedded;
};

static void end_port(const struct printer *p)
{
	if (!*p->port || !opt.json || p->embedded)
		return;
	json_close();
	json_close();
}

static void begin_port(struct printer *p, const char *port)
{
	end_port(p);
	snprintf(p->port, sizeof(p->port), "%s", port);
	if (p->embedded)
		return;
	if (!opt.json) {
		printf("%s:\n", port);
		return;
	}
	json_object(NULL);
	json_str("port", port);
	json_object("stats");
}

static void show_stat(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	const char *port = nl_str(attrs[VIRTUOSO_A_STAT_PORT]);
	const char *name = nl_str(attrs[VIRTUOSO_A_STAT_NAME]);
	uint64_t value = nl_uint(attrs[VIRTUOSO_A_STAT_VALUE]);
	struct printer *p = arg;

	if (strcmp(port, p->port))
		begin_port(p, port);
	if (p->nonzero && !value)
		return;
	if (opt.json)
		json_uint(name, value);
	else if (opt.details)
		printf("    %-20s %14" PRIu64 "  %s\n", name, value,
		       nl_str(attrs[VIRTUOSO_A_STAT_DOC]));
	else
		printf("    %-20s %14" PRIu64 "\n", name, value);
}

static void dump(struct printer *p, const char *only)
{
	struct nlmsghdr *nlh = nl_request(VIRTUOSO_CMD_STATS_GET, &stat_spec);

	if (only)
		mnl_attr_put_strz(nlh, VIRTUOSO_A_STAT_PORT, only);
	if (nl_dump(nlh, show_stat, p))
		fail("%s", nl_error());
	end_port(p);
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
		else
			usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
	}
	if (only && strlen(only) > 255)
		fail("port: too long");
	nl_open();
	if (opt.json)
		json_begin(opt.pretty);
	dump(&p, only);
	if (opt.json)
		json_end();
	return 0;
}

int stats_main(struct args *args)
{
	/* "stats port NAME" is "stats show port NAME" */
	if (args->argc && abbreviates(args->argv[0], "show"))
		args_next(args);
	return stats_show(args);
}
