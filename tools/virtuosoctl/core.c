// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl core: fast-path cores.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtuoso.h>

#include "core.h"
#include "ctl.h"
#include "format.h"
#include "json.h"
#include "nl.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_CORE_INDEX] = "index",
	[VIRTUOSO_A_CORE_POLL_US] = "poll-us",
	[VIRTUOSO_A_CORE_PIECE_BYTES] = "piece",
	[VIRTUOSO_A_CORE_TURN_US] = "turn (us)",
	[VIRTUOSO_A_CORE_BURST_US] = "burst (us)",
	[VIRTUOSO_A_CORE_DEBT_US] = "debt (us)",
};

static const struct nl_spec core_spec = { VIRTUOSO_A_CORE_DEBT_US, attr_names };

static const char *const order_names[] = {
	[VIRTUOSO_CORE_ORDER_FAIR] = "fair",
	[VIRTUOSO_CORE_ORDER_FIFO] = "fifo",
};

static const struct names orders = { order_names, 3 };

void core_settings_print(const struct core *core)
{
	printf(" poll-us %" PRIu32 " piece %s turn %s burst %s debt %s order %s", core->poll_us,
	       value_text(core->piece_bytes, UNIT_BYTES), value_text(core->turn_us, UNIT_US),
	       value_text(core->burst_us, UNIT_US), value_text(core->debt_us, UNIT_US),
	       name_of(&orders, core->order));
}

bool core_settings_same(const struct core *a, const struct core *b)
{
	return a->poll_us == b->poll_us && a->piece_bytes == b->piece_bytes &&
	       a->turn_us == b->turn_us && a->burst_us == b->burst_us &&
	       a->debt_us == b->debt_us && a->order == b->order;
}

static void print_text(const struct core *core)
{
	printf("core %" PRIu32 ": cpu %" PRIu32 " ports %" PRIu32, core->index, core->cpu, core->ports);
	core_settings_print(core);
	printf("\n");
	printf("    busy %s poll %s idle %s turns %" PRIu64 " wakeups %" PRIu64 "\n",
	       format_ns(core->busy_ns), format_ns(core->poll_ns), format_ns(core->idle_ns),
	       core->turns, core->wakeups);
}

static void print_json(const struct core *core)
{
	json_uint("index", core->index);
	json_uint("cpu", core->cpu);
	json_uint("ports", core->ports);
	json_uint("poll_us", core->poll_us);
	json_uint("busy_ns", core->busy_ns);
	json_uint("poll_ns", core->poll_ns);
	json_uint("idle_ns", core->idle_ns);
	json_uint("turns", core->turns);
	json_uint("wakeups", core->wakeups);
	json_uint("piece_bytes", core->piece_bytes);
	json_uint("turn_us", core->turn_us);
	json_uint("burst_us", core->burst_us);
	json_uint("debt_us", core->debt_us);
	json_str("order", name_of(&orders, core->order));
}

void core_take(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	*(struct core *)arg = (struct core){
		.index = nl_uint(attrs[VIRTUOSO_A_CORE_INDEX]),
		.cpu = nl_uint(attrs[VIRTUOSO_A_CORE_CPU]),
		.ports = nl_uint(attrs[VIRTUOSO_A_CORE_PORTS]),
		.poll_us = nl_uint(attrs[VIRTUOSO_A_CORE_POLL_US]),
		.busy_ns = nl_uint(attrs[VIRTUOSO_A_CORE_BUSY_NS]),
		.poll_ns = nl_uint(attrs[VIRTUOSO_A_CORE_POLL_NS]),
		.idle_ns = nl_uint(attrs[VIRTUOSO_A_CORE_IDLE_NS]),
		.turns = nl_uint(attrs[VIRTUOSO_A_CORE_TURNS]),
		.wakeups = nl_uint(attrs[VIRTUOSO_A_CORE_WAKEUPS]),
		.piece_bytes = nl_uint(attrs[VIRTUOSO_A_CORE_PIECE_BYTES]),
		.turn_us = nl_uint(attrs[VIRTUOSO_A_CORE_TURN_US]),
		.burst_us = nl_uint(attrs[VIRTUOSO_A_CORE_BURST_US]),
		.debt_us = nl_uint(attrs[VIRTUOSO_A_CORE_DEBT_US]),
		.order = nl_uint(attrs[VIRTUOSO_A_CORE_ORDER]),
	};
}

void core_print(const struct core *core)
{
	if (opt.json)
		print_json(core);
	else
		print_text(core);
}

int core_dump(nl_show_t show, void *arg)
{
	return nl_dump(nl_request(VIRTUOSO_CMD_CORE_GET, &core_spec), show, arg);
}

static void show_core(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct core core;

	(void)arg;
	core_take(attrs, &core);
	if (opt.json)
		json_object(NULL);
	core_print(&core);
	if (opt.json)
		json_close();
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
	if (opt.json)
		json_begin(opt.pretty);
	if (one)
		err = nl_do(indexed_request(VIRTUOSO_CMD_CORE_GET, index), show_core, NULL);
	else
		err = core_dump(show_core, NULL);
	if (err)
		fail("%s", nl_error());
	if (opt.json)
		json_end();
	return 0;
}

static void put_setting(struct nlmsghdr *nlh, const char *word, struct args *args)
{
	if (!strcmp(word, "poll-us"))
		mnl_attr_put_u32(nlh, VIRTUOSO_A_CORE_POLL_US, args_u32(args, word));
	else if (!strcmp(word, "piece"))
		mnl_attr_put_u32(nlh, VIRTUOSO_A_CORE_PIECE_BYTES,
				 args_value(args, word, UNIT_BYTES, UINT32_MAX));
	else if (!strcmp(word, "turn"))
		mnl_attr_put_u32(nlh, VIRTUOSO_A_CORE_TURN_US,
				 args_value(args, word, UNIT_US, UINT32_MAX));
	else if (!strcmp(word, "burst"))
		mnl_attr_put_u32(nlh, VIRTUOSO_A_CORE_BURST_US,
				 args_value(args, word, UNIT_US, UINT32_MAX));
	else if (!strcmp(word, "debt"))
		mnl_attr_put_u32(nlh, VIRTUOSO_A_CORE_DEBT_US,
				 args_value(args, word, UNIT_US, UINT32_MAX));
	else if (!strcmp(word, "order"))
		mnl_attr_put_u32(nlh, VIRTUOSO_A_CORE_ORDER,
				 value_of(&orders, args_need(args, "the order"), word));
	else
		usage_error("there is no setting \"%s\" of a core", word);
}

static void set_one(uint32_t index, struct args args)
{
	struct nlmsghdr *nlh = indexed_request(VIRTUOSO_CMD_CORE_SET, index);
	const char *word;

	while ((word = args_next(&args))) {
		if (nlh->nlmsg_len > 768)
			usage_error("too many settings");
		put_setting(nlh, word, &args);
	}
	if (nl_do(nlh, NULL, NULL))
		fail("%s", nl_error());
}

struct indices {
	uint32_t *index;
	size_t nr;
};

static void take_index(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct indices *all = arg;

	all->index = xrealloc(all->index, (all->nr + 1) * sizeof(*all->index));
	all->index[all->nr++] = nl_uint(attrs[VIRTUOSO_A_CORE_INDEX]);
}

static void set_all(struct args args)
{
	struct indices all = { };
	size_t i;

	if (core_dump(take_index, &all))
		fail("%s", nl_error());
	for (i = 0; i < all.nr; i++)
		set_one(all.index[i], args);
	free(all.index);
}

static int core_set(struct args *args)
{
	bool all = args->argc && !strcmp(args->argv[0], "all");
	uint32_t index = 0;

	/* Settings of a core follow its index, those of the set stand by themselves. */
	if (args->argc && !all && (*args->argv[0] < '0' || *args->argv[0] > '9'))
		return cores_set(args_next(args), args);
	if (all)
		args_next(args);
	else
		index = args_u32(args, "the index of the core");
	if (!args->argc)
		usage_error("what to set is missing, try \"virtuosoctl help\"");
	if (all)
		set_all(*args);
	else
		set_one(index, *args);
	return 0;
}

int core_main(struct args *args)
{
	static const struct command commands[] = {
		{ "show", core_show },
		{ "list", core_show },
		{ "set", core_set },
		{ "pool", cores_show },
		{ }
	};

	return args_dispatch(args, commands, "command");
}
