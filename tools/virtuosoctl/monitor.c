// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl monitor: events as they happen.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <linux/virtuoso.h>

#include "core.h"
#include "ctl.h"
#include "format.h"
#include "json.h"
#include "nl.h"
#include "port.h"

static const char *const all_groups[] = {
	VIRTUOSO_MCGRP_PORTS, VIRTUOSO_MCGRP_GUESTS, VIRTUOSO_MCGRP_CORES, NULL,
};

/* The names of events, and what they carry. */
struct event {
	uint8_t cmd;
	const char *name;
	void (*show)(struct nlattr *const attrs[NL_ATTRS]);
};

static void show_port_event(struct nlattr *const attrs[NL_ATTRS])
{
	struct port port;

	port_take(attrs, &port);
	port_print(&port);
}

static void show_core_event(struct nlattr *const attrs[NL_ATTRS])
{
	struct core core;

	core_take(attrs, &core);
	core_print(&core);
}

static void show_number(const char *key, const char *word, const struct nlattr *attr)
{
	if (opt.json)
		json_uint(key, nl_uint(attr));
	else
		printf(" %s %" PRIu64, word, nl_uint(attr));
}

static void show_guest_event(struct nlattr *const attrs[NL_ATTRS])
{
	const char *port = nl_str(attrs[VIRTUOSO_A_EVENT_PORT]);
	const char *reason = nl_str(attrs[VIRTUOSO_A_EVENT_REASON]);

	if (opt.json)
		json_str("port", port);
	else
		printf("%s:", port);
	if (*reason && opt.json)
		json_str("reason", reason);
	else if (*reason)
		printf(" reason %s", reason);
	show_number("count", "count", attrs[VIRTUOSO_A_EVENT_COUNT]);
	show_number("total", "total", attrs[VIRTUOSO_A_EVENT_TOTAL]);
	if (!opt.json)
		printf("\n");
}

static void show_scaled_event(struct nlattr *const attrs[NL_ATTRS])
{
	show_number("cores", "cores", attrs[VIRTUOSO_A_EVENT_CORES]);
	show_number("cores_before", "before", attrs[VIRTUOSO_A_EVENT_CORES_BEFORE]);
	if (!opt.json)
		printf("\n");
}

static const struct event events[] = {
	{ VIRTUOSO_CMD_PORT_ADDED, "port-added", show_port_event },
	{ VIRTUOSO_CMD_PORT_REMOVED, "port-removed", show_port_event },
	{ VIRTUOSO_CMD_PORT_CHANGED, "port-changed", show_port_event },
	{ VIRTUOSO_CMD_GUEST_MISBEHAVED, "guest-misbehaved", show_guest_event },
	{ VIRTUOSO_CMD_PORT_THROTTLED, "port-throttled", show_guest_event },
	{ VIRTUOSO_CMD_CORE_ADDED, "core-added", show_core_event },
	{ VIRTUOSO_CMD_CORE_REMOVED, "core-removed", show_core_event },
	{ VIRTUOSO_CMD_CORES_SCALED, "cores-scaled", show_scaled_event },
	{ }
};

static const struct event *event_of(uint8_t cmd)
{
	const struct event *e = events;

	while (e->name && e->cmd != cmd)
		e++;
	return e->name ? e : NULL;
}

/* One object on a line of its own, so that a reader can take them one by one. */
static bool show_event(uint8_t cmd, struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	const struct event *e = event_of(cmd);
	struct timespec now;
	struct tm tm;
	char text[32];

	(void)arg;
	if (!e)
		return true;
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), ".%06ld", now.tv_nsec / 1000);
	if (opt.json) {
		json_begin(opt.pretty);
		json_object(NULL);
		json_str("time", text);
		json_str("event", e->name);
	} else {
		printf("%s %s ", text, e->name);
	}
	e->show(attrs);
	if (opt.json) {
		json_close();
		json_end();
	}
	return !fflush(stdout);
}

int monitor_main(struct args *args)
{
	const char *groups[sizeof(all_groups) / sizeof(*all_groups)];
	const char *const *known;
	const char *word;
	size_t nr = 0;

	while ((word = args_next(args))) {
		for (known = all_groups; *known && strcmp(*known, word); known++)
			;
		if (!*known)
			usage_error("events are about ports, guests or cores, not \"%s\"", word);
		if (nr + 1 == sizeof(groups) / sizeof(*groups))
			usage_error("too many groups");
		groups[nr++] = *known;
	}
	groups[nr] = NULL;
	nl_open();
	if (nl_monitor(nr ? groups : all_groups, show_event, NULL))
		fail("%s", nl_error());
	return 0;
}
