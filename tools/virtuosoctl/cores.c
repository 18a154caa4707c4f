// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: the set of fast-path cores, in "core pool" and "core set cpus".
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <inttypes.h>
#include <linux/virtuoso.h>
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "ctl.h"
#include "json.h"
#include "nl.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_CORES_POOL] = "cpus",
	[VIRTUOSO_A_CORES_MIN_CORES] = "min",
	[VIRTUOSO_A_CORES_MAX_CORES] = "max",
	[VIRTUOSO_A_CORES_ADD_IDLE_PERMILLE] = "add-idle",
	[VIRTUOSO_A_CORES_REMOVE_IDLE_PERMILLE] = "remove-idle",
	[VIRTUOSO_A_CORES_PERIOD_US] = "period",
	[VIRTUOSO_A_CORES_HOLDOFF_US] = "holdoff",
	[VIRTUOSO_A_CORES_RUNNING] = "running",
};

static const struct nl_spec cores_spec = { VIRTUOSO_A_CORES_RUNNING, attr_names };

static const struct {
	const char *word;
	const char *key;
	uint16_t attr;
	enum unit unit;
} settings[] = {
	{ "min", "min", VIRTUOSO_A_CORES_MIN_CORES, UNIT_COUNT },
	{ "max", "max", VIRTUOSO_A_CORES_MAX_CORES, UNIT_COUNT },
	{ "add-idle", "add_idle_permille", VIRTUOSO_A_CORES_ADD_IDLE_PERMILLE, UNIT_PERMILLE },
	{ "remove-idle", "remove_idle_permille", VIRTUOSO_A_CORES_REMOVE_IDLE_PERMILLE,
	  UNIT_PERMILLE },
	{ "period", "period_us", VIRTUOSO_A_CORES_PERIOD_US, UNIT_US },
	{ "holdoff", "holdoff_us", VIRTUOSO_A_CORES_HOLDOFF_US, UNIT_US },
};

#define SETTINGS (sizeof(settings) / sizeof(*settings))

static void print_settings(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	size_t i;

	(void)arg;
	printf(" cpus %s", nl_str(attrs[VIRTUOSO_A_CORES_POOL]));
	for (i = 0; i < SETTINGS; i++)
		printf(" %s %s", settings[i].word,
		       value_text(nl_uint(attrs[settings[i].attr]), settings[i].unit));
}

int cores_print_settings(void)
{
	return nl_do(nl_request(VIRTUOSO_CMD_CORES_GET, &cores_spec), print_settings, NULL);
}

static void show(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	const char *pool = attrs[VIRTUOSO_A_CORES_POOL] ?
			   mnl_attr_get_str(attrs[VIRTUOSO_A_CORES_POOL]) : "";
	uint64_t running = nl_uint(attrs[VIRTUOSO_A_CORES_RUNNING]);
	size_t i;

	(void)arg;
	if (opt.json) {
		json_object(NULL);
		json_str("cpus", pool);
		for (i = 0; i < SETTINGS; i++)
			json_uint(settings[i].key, nl_uint(attrs[settings[i].attr]));
		json_uint("running", running);
		json_close();
		return;
	}
	printf("cpus %s", pool);
	for (i = 0; i < SETTINGS; i++)
		printf(" %s %s", settings[i].word,
		       value_text(nl_uint(attrs[settings[i].attr]), settings[i].unit));
	printf(" running %" PRIu64 "\n", running);
}

int cores_show(struct args *args)
{
	args_end(args);
	if (opt.json)
		json_begin(opt.pretty);
	if (nl_do(nl_request(VIRTUOSO_CMD_CORES_GET, &cores_spec), show, NULL))
		fail("%s", nl_error());
	if (opt.json)
		json_end();
	return 0;
}

static void put_setting(struct nlmsghdr *nlh, const char *word, struct args *args)
{
	const char *pool;
	size_t i;

	if (!strcmp(word, "cpus")) {
		pool = args_need(args, "the list of CPUs");
		if (strlen(pool) > 255)
			fail("cpus: too long");
		mnl_attr_put_strz(nlh, VIRTUOSO_A_CORES_POOL, pool);
		return;
	}
	for (i = 0; i < SETTINGS; i++) {
		if (strcmp(word, settings[i].word))
			continue;
		mnl_attr_put_u32(nlh, settings[i].attr,
				 args_value(args, word, settings[i].unit, UINT32_MAX));
		return;
	}
	usage_error("there is no setting \"%s\" of the set of cores", word);
}

int cores_set(const char *word, struct args *args)
{
	struct nlmsghdr *nlh = nl_request(VIRTUOSO_CMD_CORES_SET, &cores_spec);

	for (; word; word = args_next(args)) {
		if (nlh->nlmsg_len > 768)
			usage_error("too many settings");
		put_setting(nlh, word, args);
	}
	if (nl_do(nlh, NULL, NULL))
		fail("%s", nl_error());
	return 0;
}
