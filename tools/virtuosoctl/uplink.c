// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl uplink: devices by which packets leave the machine in one step.
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
#include "uplink.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_UPLINK_DEV] = "device",
	[VIRTUOSO_A_UPLINK_BYPASS] = "bypass",
};

static const struct nl_spec uplink_spec = { VIRTUOSO_A_UPLINK_BYPASS, attr_names };

static void print_json(struct nlattr *const a[NL_ATTRS])
{
	json_object(NULL);
	json_str("dev", nl_str(a[VIRTUOSO_A_UPLINK_DEV]));
	json_uint("ifindex", nl_uint(a[VIRTUOSO_A_UPLINK_IFINDEX]));
	json_uint("mtu", nl_uint(a[VIRTUOSO_A_UPLINK_MTU]));
	json_str("bypass", nl_uint(a[VIRTUOSO_A_UPLINK_BYPASS]) ? "on" : "off");
	json_uint("learned", nl_uint(a[VIRTUOSO_A_UPLINK_LEARNED]));
	json_uint("probes", nl_uint(a[VIRTUOSO_A_UPLINK_PROBES]));
	json_close();
}

static void show_uplink(struct nlattr *const a[NL_ATTRS], void *arg)
{
	(void)arg;
	if (opt.json) {
		print_json(a);
		return;
	}
	printf("%-15s mtu %" PRIu64 " bypass %s learned %" PRIu64 " probes %" PRIu64 "\n",
	       nl_str(a[VIRTUOSO_A_UPLINK_DEV]), nl_uint(a[VIRTUOSO_A_UPLINK_MTU]),
	       nl_uint(a[VIRTUOSO_A_UPLINK_BYPASS]) ? "on" : "off",
	       nl_uint(a[VIRTUOSO_A_UPLINK_LEARNED]), nl_uint(a[VIRTUOSO_A_UPLINK_PROBES]));
}

static void save_uplink(struct nlattr *const a[NL_ATTRS], void *arg)
{
	(void)arg;
	printf("uplink add %s%s\n", nl_str(a[VIRTUOSO_A_UPLINK_DEV]),
	       nl_uint(a[VIRTUOSO_A_UPLINK_BYPASS]) ? " bypass on" : "");
}

int uplinks_save(void)
{
	return nl_dump(nl_request(VIRTUOSO_CMD_UPLINK_GET, &uplink_spec), save_uplink, NULL);
}

static int uplink_show(struct args *args)
{
	args_end(args);
	if (opt.json)
		json_begin(opt.pretty);
	if (nl_dump(nl_request(VIRTUOSO_CMD_UPLINK_GET, &uplink_spec), show_uplink, NULL))
		fail("%s", nl_error());
	if (opt.json)
		json_end();
	return 0;
}

static struct nlmsghdr *named_request(uint8_t cmd, struct args *args)
{
	const char *dev = args_need(args, "the name of the device");
	struct nlmsghdr *nlh = nl_request(cmd, &uplink_spec);

	if (strlen(dev) > 255)
		fail("device: too long");
	mnl_attr_put_strz(nlh, VIRTUOSO_A_UPLINK_DEV, dev);
	return nlh;
}

static bool args_switch(struct args *args, const char *what)
{
	const char *word = args_need(args, "\"on\" or \"off\"");

	if (!strcmp(word, "on"))
		return true;
	if (strcmp(word, "off"))
		usage_error("%s: \"%s\" is neither \"on\" nor \"off\"", what, word);
	return false;
}

struct name_search {
	const char *dev;
	bool found;
};

static void find_uplink(struct nlattr *const a[NL_ATTRS], void *arg)
{
	struct name_search *search = arg;

	search->found |= !strcmp(nl_str(a[VIRTUOSO_A_UPLINK_DEV]), search->dev);
}

/* A restore may find it there already. */
static bool exists(const char *dev)
{
	struct name_search search = { .dev = dev };

	if (nl_dump(nl_request(VIRTUOSO_CMD_UPLINK_GET, &uplink_spec), find_uplink, &search))
		fail("%s", nl_error());
	return search.found;
}

static int uplink_add(struct args *args)
{
	const char *dev = args->argc ? args->argv[0] : "";
	bool there = opt.restoring && exists(dev);
	struct nlmsghdr *nlh = named_request(VIRTUOSO_CMD_UPLINK_ADD, args);
	const char *word;
	bool bypass = false;

	while ((word = args_next(args))) {
		if (strcmp(word, "bypass"))
			usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
		bypass = args_switch(args, word);
	}
	if (there)
		return 0;
	mnl_attr_put_u8(nlh, VIRTUOSO_A_UPLINK_BYPASS, bypass);
	if (nl_do(nlh, NULL, NULL))
		fail("%s", nl_error());
	return 0;
}

static int uplink_del(struct args *args)
{
	struct nlmsghdr *nlh = named_request(VIRTUOSO_CMD_UPLINK_DEL, args);

	args_end(args);
	if (nl_do(nlh, NULL, NULL))
		fail("%s", nl_error());
	return 0;
}

int uplink_main(struct args *args)
{
	static const struct command commands[] = {
		{ "show", uplink_show },
		{ "list", uplink_show },
		{ "add", uplink_add },
		{ "del", uplink_del },
		{ "delete", uplink_del },
		{ }
	};

	return args_dispatch(args, commands, "command");
}
