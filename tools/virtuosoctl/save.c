// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl save: the configuration as lines for "restore" (or -batch).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "ctl.h"
#include "nl.h"
#include "policy.h"
#include "port.h"
#include "uplink.h"

/* Cores come and go: the first one stands for all, and others only where they differ. */
static void save_core(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct core *first = arg, core;
	bool all = !first->piece_bytes;

	core_take(attrs, &core);
	if (all)
		*first = core;
	else if (core_settings_same(first, &core))
		return;
	if (all)
		printf("core set all");
	else
		printf("core set %" PRIu32, core.index);
	core_settings_print(&core);
	printf("\n");
}

static void save_port(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct port port;

	(void)arg;
	port_take(attrs, &port);
	printf("port add %s %s mac %s mtu %" PRIu32, port.name, port_type_name(&port), port.mac,
	       port.mtu);
	if (*port.uuid)
		printf(" uuid %s", port.uuid);
	/* Before there is a driver: that of a container starts at once. */
	if (port.set[PORT_CORES].value > 1)
		printf(" cores %" PRIu64, port.set[PORT_CORES].value);
	printf("\nport set %s", port.name);
	port_settings_print(&port);
	if (port.pinned)
		printf(" core %" PRIu32, port.core);
	printf("\n");
}

static void save(void)
{
	struct core first = { };

	printf("# Virtuoso, written by virtuosoctl save; virtuosoctl restore reads it.\n");
	/* A rule's counters are not its text. */
	opt.statistics = false;
	printf("core set");
	if (cores_print_settings())
		fail("%s", nl_error());
	printf("\n");
	if (core_dump(save_core, &first) || port_dump(save_port, NULL) || policy_save() ||
	    uplinks_save())
		fail("%s", nl_error());
}

/* The file is replaced at once, so that it is never there in part. */
static void save_to(const char *path)
{
	char new[4096];

	if (snprintf(new, sizeof(new), "%s.new", path) >= (int)sizeof(new))
		fail("%s: %s", path, strerror(ENAMETOOLONG));
	if (!freopen(new, "we", stdout))
		fail("%s: %s", new, strerror(errno));
	save();
	if (fflush(stdout) || fsync(STDOUT_FILENO) || rename(new, path)) {
		complain("%s: %s", path, strerror(errno));
		unlink(new);
		exit(CTL_FAILED);
	}
}

int save_main(struct args *args)
{
	const char *path = args_next(args);

	args_end(args);
	if (path && strcmp(path, "-"))
		save_to(path);
	else
		save();
	return fflush(stdout) ? CTL_FAILED : 0;
}
