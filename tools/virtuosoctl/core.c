// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl core: fast-path cores.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtuoso.h>

#include "ctl.h"
#include "format.h"
#include "json.h"
#include "nl.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_CORE_INDEX] = "index",
	[VIRTUOSO_A_CORE_POLL_US] = "poll-us",
};

static const struct nl_spec core_spec = { VIRTUOSO_A_CORE_POLL_US, attr_names };

struct core {
	uint32_t index;
	uint32_t cpu;
	uint32_t ports;
	uint32_t poll_us;
	uint64_t busy_ns;
	uint64_t poll_ns;
	uint64_t idle_ns;
	uint64_t turns;
	uint64_t wakeups;
};

static void print_text(const struct core *core)
{
	printf("core %" PRIu32 ": cpu %" PRIu32 " ports %" PRIu32 " poll-us %" PRIu32 "\n",
	       core->index, core->cpu, core->ports, core->poll_us);
	printf("    busy %s poll %s idle %s turns %" PRIu64 " wakeups %" PRIu64 "\n",
	       format_ns(core->busy_ns), format_ns(core->poll_ns), format_ns(core->idle_ns),
	       core->turns, core->wakeups);
}

static void print_json(const struct core *core)
{
	json_object(NULL);
	json_uint("index", core->index);
	json_uint("cpu", core->cpu);
	json_uint("ports", core->ports);
	json_uint("poll_us", core->poll_us);
	json_uint("busy_ns", core->busy_ns);
	json_uint("poll_ns", core->poll_ns);
	json_uint("idle_ns", core->idle_ns);
	json_uint("turns", core->turns);
	json_uint("wakeups", core->wakeups);
	json_close();
}

static void show_core(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	const struct core core = {
		.index = nl_uint(attrs[VIRTUOSO_A_CORE_INDEX]),
		.cpu = nl_uint(attrs[VIRTUOSO_A_CORE_CPU]),
		.ports = nl_uint(attrs[VIRTUOSO_A_CORE_PORTS]),
		.poll_us = nl_uint(attrs[VIRTUOSO_A_CORE_POLL_US]),
		.busy_ns = nl_uint(attrs[VIRTUOSO_A_CORE_BUSY_NS]),
		.poll_ns = nl_uint(attrs[VIRTUOSO_A_CORE_POLL_NS]),
		.idle_ns = nl_uint(attrs[VIRTUOSO_A_CORE_IDLE_NS]),
		.turns = nl_uint(attrs[VIRTUOSO_A_CORE_TURNS]),
		.wakeups = nl_uint(attrs[VIRTUOSO_A_CORE_WAKEUPS]),
	};

	(void)arg;
	if (opt.json)
		print_json(&core);
	else
		print_text(&core);
}

static struct nlmsghdr *indexed_request(uint8_t cmd, uint32_t index)
{
	struct nlmsghdr *nlh = nl_request(cmd, &core_spec);

	mnl_attr_put_u32(nlh, VIRTUOSO_A_CORE_INDEX, index);
	return nlh;
}

static int core_show(struct args *args)
{
	bool one = args->argc;
	uint32_t index = one ? args_u32(args, "the index of the core") : 0;
	int err;

	args_end(args);
	nl_open();
	if (opt.json)
		json_begin(opt.pretty);
	if (one)
		err = nl_do(indexed_request(VIRTUOSO_CMD_CORE_GET, index), show_core, NULL);
	else
		err = nl_dump(nl_request(VIRTUOSO_CMD_CORE_GET, &core_spec), show_core, NULL);
	if (err)
		fail("%s", nl_error());
	if (opt.json)
		json_end();
	return 0;
}

static int core_set(struct args *args)
{
	uint32_t index = args_u32(args, "the index of the core");
	const char *word = args_need(args, "what to set");
	struct nlmsghdr *nlh;
	uint32_t poll_us;

	if (strcmp(word, "poll-us"))
		usage_error("there is no setting \"%s\" of a core", word);
	poll_us = args_u32(args, word);
	args_end(args);
	nl_open();
	nlh = indexed_request(VIRTUOSO_CMD_CORE_SET, index);
	mnl_attr_put_u32(nlh, VIRTUOSO_A_CORE_POLL_US, poll_us);
	if (nl_do(nlh, NULL, NULL))
		fail("%s", nl_error());
	return 0;
}

int core_main(struct args *args)
{
	static const struct command commands[] = {
		{ "show", core_show },
		{ "list", core_show },
		{ "set", core_set },
		{ }
	};

	return args_dispatch(args, commands, "command");
}
