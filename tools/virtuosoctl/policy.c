// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl policy: what guests are allowed.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtuoso.h>

#include "ctl.h"
#include "format.h"
#include "json.h"
#include "nl.h"
#include "policy.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_POLICY_PORT] = "port",
};

static const struct nl_spec policy_spec = { VIRTUOSO_A_POLICY_PORT, attr_names };

static const char *const action_names[] = {
	[VIRTUOSO_POLICY_ACTION_ALLOW] = "allow",
	[VIRTUOSO_POLICY_ACTION_DENY] = "deny",
	[VIRTUOSO_POLICY_ACTION_DROP] = "drop",
};

const struct names policy_actions = { action_names, 4 };

static const char *const direction_names[] = {
	[VIRTUOSO_POLICY_DIRECTION_CONNECT] = "connect",
	[VIRTUOSO_POLICY_DIRECTION_ACCEPT] = "accept",
	[VIRTUOSO_POLICY_DIRECTION_BOTH] = "both",
};

const struct names policy_directions = { direction_names, 4 };

/* --- show: a set comes as a message of its own, then each of its rules --- */

static bool open_set;	/* one is being printed */

static void end_set(void)
{
	if (open_set && opt.json) {
		json_close();
		json_close();
	}
	open_set = false;
}

static void show_source_json(const struct nlattr *attr, void *arg)
{
	(void)arg;
	json_str(NULL, format_addr(mnl_attr_get_payload(attr)));
}

static void show_source_text(const struct nlattr *attr, void *arg)
{
	bool *more = arg;

	printf("%s%s", *more ? "," : "", format_addr(mnl_attr_get_payload(attr)));
	*more = true;
}

static bool is_fixed(struct nlattr *const a[NL_ATTRS])
{
	return nl_uint(a[VIRTUOSO_A_POLICY_SOURCES]) == VIRTUOSO_POLICY_SOURCES_FIXED;
}

static void begin_json(struct nlattr *const a[NL_ATTRS])
{
	json_object(NULL);
	if (a[VIRTUOSO_A_POLICY_PORT])
		json_str("port", nl_str(a[VIRTUOSO_A_POLICY_PORT]));
	else
		json_bool("default", true);
	json_str("default_action", name_of(&policy_actions, nl_uint(a[VIRTUOSO_A_POLICY_DEFAULT_ACTION])));
	json_uint("matched", nl_uint(a[VIRTUOSO_A_POLICY_MATCHED]));
	json_uint("refused", nl_uint(a[VIRTUOSO_A_POLICY_REFUSED]));
	json_str("sources", is_fixed(a) ? "fixed" : "learn");
	json_uint("source_refused", nl_uint(a[VIRTUOSO_A_POLICY_SOURCE_REFUSED]));
	json_array("addresses");
	nl_each(VIRTUOSO_A_POLICY_SOURCE, show_source_json, NULL);
	json_close();
	json_array("rules");
}

static void print_count(const struct nlattr *matched, const struct nlattr *refused)
{
	printf(" matched %" PRIu64 " refused %" PRIu64, nl_uint(matched), nl_uint(refused));
}

static void print_settings(struct nlattr *const a[NL_ATTRS])
{
	bool more = false;

	printf("sources ");
	if (is_fixed(a))
		nl_each(VIRTUOSO_A_POLICY_SOURCE, show_source_text, &more);
	else
		printf("learn");
	printf(" default %s", name_of(&policy_actions, nl_uint(a[VIRTUOSO_A_POLICY_DEFAULT_ACTION])));
}

static void begin_text(struct nlattr *const a[NL_ATTRS])
{
	bool more = false;

	printf("# %s: rules %" PRIu64 "\n", a[VIRTUOSO_A_POLICY_PORT] ?
	       nl_str(a[VIRTUOSO_A_POLICY_PORT]) : "default", nl_uint(a[VIRTUOSO_A_POLICY_RULES]));
	printf("sources ");
	if (is_fixed(a))
		nl_each(VIRTUOSO_A_POLICY_SOURCE, show_source_text, &more);
	else
		printf("learn");
	if (opt.statistics)
		printf(" # refused %" PRIu64, nl_uint(a[VIRTUOSO_A_POLICY_SOURCE_REFUSED]));
	printf("\ndefault %s", name_of(&policy_actions, nl_uint(a[VIRTUOSO_A_POLICY_DEFAULT_ACTION])));
	if (opt.statistics) {
		printf(" #");
		print_count(a[VIRTUOSO_A_POLICY_MATCHED], a[VIRTUOSO_A_POLICY_REFUSED]);
	}
	printf("\n");
}

static const char *prefix_of(struct nlattr *const r[NL_ATTRS])
{
	static char text[64];
	const struct nlattr *remote = r[VIRTUOSO_A_POLICY_RULE_REMOTE];
	uint64_t len = nl_uint(r[VIRTUOSO_A_POLICY_RULE_PREFIX_LEN]);
	const char *addr = remote ? format_addr(mnl_attr_get_payload(remote)) : "";

	if (!remote)
		return "any";
	/* Of ::ffff:a.b.c.d fewer than 96 bits are no IPv4 prefix. */
	if (!strchr(addr, ':') && len >= 96)
		snprintf(text, sizeof(text), "%s/%" PRIu64, addr, len - 96);
	else
		snprintf(text, sizeof(text), "%s%s/%" PRIu64, strchr(addr, ':') ? "" : "::ffff:",
			 addr, len);
	return text;
}

static void rule_json(struct nlattr *const r[NL_ATTRS])
{
	static const struct {
		uint16_t attr;
		const char *key;
	} numbers[] = {
		{ VIRTUOSO_A_POLICY_RULE_RPORT_MIN, "rport_min" },
		{ VIRTUOSO_A_POLICY_RULE_RPORT_MAX, "rport_max" },
		{ VIRTUOSO_A_POLICY_RULE_LPORT_MIN, "lport_min" },
		{ VIRTUOSO_A_POLICY_RULE_LPORT_MAX, "lport_max" },
		{ VIRTUOSO_A_POLICY_RULE_DSCP, "dscp" },
		{ VIRTUOSO_A_POLICY_RULE_BUFFER_BYTES, "buffer_bytes" },
		{ VIRTUOSO_A_POLICY_RULE_MATCHED, "matched" },
		{ VIRTUOSO_A_POLICY_RULE_REFUSED, "refused" },
	};
	size_t i;

	json_object(NULL);
	json_uint("number", nl_uint(r[VIRTUOSO_A_POLICY_RULE_NUMBER]));
	json_str("action", name_of(&policy_actions, nl_uint(r[VIRTUOSO_A_POLICY_RULE_ACTION])));
	json_str("direction", name_of(&policy_directions, nl_uint(r[VIRTUOSO_A_POLICY_RULE_DIRECTION])));
	json_str("remote", prefix_of(r));
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (r[numbers[i].attr])
			json_uint(numbers[i].key, nl_uint(r[numbers[i].attr]));
	json_close();
}

static void print_ports(const char *word, const struct nlattr *min, const struct nlattr *max)
{
	if (!min)
		return;
	printf(" %s %" PRIu64, word, nl_uint(min));
	if (nl_uint(min) != nl_uint(max))
		printf("-%" PRIu64, nl_uint(max));
}

static void rule_text(struct nlattr *const r[NL_ATTRS])
{
	uint32_t direction = nl_uint(r[VIRTUOSO_A_POLICY_RULE_DIRECTION]);
	static const char *const before[] = { "with", "to", "from", "with" };

	printf("rule %s", name_of(&policy_actions, nl_uint(r[VIRTUOSO_A_POLICY_RULE_ACTION])));
	if (direction != VIRTUOSO_POLICY_DIRECTION_BOTH)
		printf(" %s", name_of(&policy_directions, direction));
	if (r[VIRTUOSO_A_POLICY_RULE_REMOTE])
		printf(" %s %s", before[direction & 3], prefix_of(r));
	print_ports("port", r[VIRTUOSO_A_POLICY_RULE_RPORT_MIN], r[VIRTUOSO_A_POLICY_RULE_RPORT_MAX]);
	print_ports("local-port", r[VIRTUOSO_A_POLICY_RULE_LPORT_MIN],
		    r[VIRTUOSO_A_POLICY_RULE_LPORT_MAX]);
	if (r[VIRTUOSO_A_POLICY_RULE_DSCP])
		printf(" dscp %" PRIu64, nl_uint(r[VIRTUOSO_A_POLICY_RULE_DSCP]));
	if (r[VIRTUOSO_A_POLICY_RULE_BUFFER_BYTES])
		printf(" buffer %" PRIu64, nl_uint(r[VIRTUOSO_A_POLICY_RULE_BUFFER_BYTES]));
	if (opt.statistics) {
		printf(" #");
		print_count(r[VIRTUOSO_A_POLICY_RULE_MATCHED], r[VIRTUOSO_A_POLICY_RULE_REFUSED]);
	}
}

static void show_policy(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct nlattr *rule[NL_ATTRS];

	(void)arg;
	if (attrs[VIRTUOSO_A_POLICY_RULE]) {
		nl_nested(attrs[VIRTUOSO_A_POLICY_RULE], rule);
		if (opt.json)
			rule_json(rule);
		else
			rule_text(rule);
		if (!opt.json)
			printf("\n");
		return;
	}
	end_set();
	open_set = true;
	if (opt.json)
		begin_json(attrs);
	else
		begin_text(attrs);
}

void policy_put_port(struct nlmsghdr *nlh, const char *name)
{
	if (!strcmp(name, "default")) {
		mnl_attr_put(nlh, VIRTUOSO_A_POLICY_DEFAULT, 0, NULL);
		return;
	}
	if (strlen(name) > 255)
		fail("port: too long");
	mnl_attr_put_strz(nlh, VIRTUOSO_A_POLICY_PORT, name);
}

/* As one command that goes on from line to line, for "restore". */
static void save_set(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct nlattr *rule[NL_ATTRS];

	(void)arg;
	if (attrs[VIRTUOSO_A_POLICY_RULE]) {
		nl_nested(attrs[VIRTUOSO_A_POLICY_RULE], rule);
		printf(" \\\n\t");
		rule_text(rule);
		return;
	}
	if (open_set)
		printf("\n");
	open_set = true;
	printf("policy set %s ", attrs[VIRTUOSO_A_POLICY_PORT] ?
	       nl_str(attrs[VIRTUOSO_A_POLICY_PORT]) : "default");
	print_settings(attrs);
}

int policy_save(void)
{
	int err;

	open_set = false;
	err = nl_dump(nl_request(VIRTUOSO_CMD_POLICY_GET, &policy_spec), save_set, NULL);
	if (open_set)
		printf("\n");
	open_set = false;
	return err;
}

static int policy_show(struct args *args)
{
	const char *name = args_next(args);
	struct nlmsghdr *nlh;

	args_end(args);
	open_set = false;
	nl_open();
	nlh = nl_request(VIRTUOSO_CMD_POLICY_GET, &policy_spec);
	if (name)
		policy_put_port(nlh, name);
	if (opt.json)
		json_begin(opt.pretty);
	if (nl_dump(nlh, show_policy, NULL))
		fail("%s", nl_error());
	end_set();
	if (opt.json)
		json_end();
	return 0;
}

int policy_main(struct args *args)
{
	static const struct command commands[] = {
		{ "show", policy_show },
		{ "list", policy_show },
		{ "set", policy_set },
		{ "flush", policy_flush },
		{ }
	};

	return args_dispatch(args, commands, "command");
}
