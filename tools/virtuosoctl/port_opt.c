// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: the settings of a port, in "port add", "port set", "port show" and "save".
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "json.h"
#include "nl.h"
#include "port.h"

/* In the order of enum port_setting. */
static const struct {
	const char *word;	/* on the command line, in text and in error messages */
	const char *key;	/* in JSON */
	uint16_t attr;
	enum unit unit;
	bool wide;		/* 64 bits */
} settings[PORT_SETTINGS] = {
	{ "max-flows", "max_flows", VIRTUOSO_A_PORT_MAX_FLOWS, UNIT_COUNT, false },
	{ "weight", "weight", VIRTUOSO_A_PORT_WEIGHT, UNIT_COUNT, false },
	{ "guarantee", "guarantee_permille", VIRTUOSO_A_PORT_GUARANTEE_PERMILLE, UNIT_PERMILLE, false },
	{ "limit", "limit_permille", VIRTUOSO_A_PORT_LIMIT_PERMILLE, UNIT_PERMILLE, false },
	{ "burst", "burst_us", VIRTUOSO_A_PORT_BURST_US, UNIT_US, false },
	{ "join", "join", VIRTUOSO_A_PORT_JOIN, UNIT_COUNT, false },
	{ "max-listeners", "max_listeners", VIRTUOSO_A_PORT_MAX_LISTENERS, UNIT_COUNT, false },
	{ "max-region-bytes", "max_region_bytes", VIRTUOSO_A_PORT_MAX_REGION_BYTES, UNIT_BYTES, true },
	{ "conn-rate", "conn_rate", VIRTUOSO_A_PORT_CONN_RATE, UNIT_COUNT, false },
	{ "bit-rate", "bit_rate", VIRTUOSO_A_PORT_BIT_RATE, UNIT_COUNT, true },
	{ "packet-rate", "packet_rate", VIRTUOSO_A_PORT_PACKET_RATE, UNIT_COUNT, false },
	{ "cores", "cores", VIRTUOSO_A_PORT_CORES, UNIT_COUNT, false },
};

static void put_core(struct nlmsghdr *nlh, struct args *args)
{
	if (args->argc && !strcmp(*args->argv, "auto")) {
		args_next(args);
		mnl_attr_put(nlh, VIRTUOSO_A_PORT_CORE_AUTO, 0, NULL);
	} else {
		mnl_attr_put_u32(nlh, VIRTUOSO_A_PORT_CORE, args_u32(args, "the index of the core"));
	}
}

bool port_setting_put(struct nlmsghdr *nlh, const char *word, struct args *args)
{
	size_t i;

	if (!strcmp(word, "core")) {
		put_core(nlh, args);
		return true;
	}
	for (i = 0; i < PORT_SETTINGS; i++) {
		if (strcmp(word, settings[i].word))
			continue;
		if (settings[i].wide)
			mnl_attr_put_u64(nlh, settings[i].attr,
					 args_value(args, word, settings[i].unit, UINT64_MAX / 2));
		else
			mnl_attr_put_u32(nlh, settings[i].attr,
					 args_value(args, word, settings[i].unit, UINT32_MAX));
		return true;
	}
	return false;
}

const char *port_setting_name(uint16_t attr)
{
	size_t i;

	for (i = 0; i < PORT_SETTINGS; i++)
		if (settings[i].attr == attr)
			return settings[i].word;
	return NULL;
}

void port_settings_take(struct nlattr *const attrs[NL_ATTRS], struct port *port)
{
	size_t i;

	for (i = 0; i < PORT_SETTINGS; i++) {
		port->set[i].there = attrs[settings[i].attr];
		port->set[i].value = nl_uint(attrs[settings[i].attr]);
	}
}

void port_settings_print(const struct port *port)
{
	size_t i;

	for (i = 0; i < PORT_SETTINGS; i++)
		if (port->set[i].there)
			printf(" %s %s", settings[i].word,
			       value_text(port->set[i].value, settings[i].unit));
}

void port_settings_json(const struct port *port)
{
	size_t i;

	for (i = 0; i < PORT_SETTINGS; i++)
		if (port->set[i].there)
			json_uint(settings[i].key, port->set[i].value);
}
