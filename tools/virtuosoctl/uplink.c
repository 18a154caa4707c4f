// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl uplink: devices by which packets leave the machine in one step.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/virtuoso.h>

#include "ctl.h"
#include "json.h"
#include "nl.h"
#include "uplink.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_UPLINK_DEV] = "device",
	[VIRTUOSO_A_UPLINK_BYPASS] = "bypass",
	[VIRTUOSO_A_UPLINK_NETNS_FD] = "netns",
};

static const struct nl_spec uplink_spec = { VIRTUOSO_A_UPLINK_NETNS_FD, attr_names };

/* Where "ip netns" keeps namespaces. */
#define NETNS_DIR	"/run/netns"

/* --- network namespaces --- */

/* Is /run/netns/@name the namespace with this inode number? */
static bool netns_is(int dir, const char *name, uint64_t ino)
{
	struct stat st;

	return !fstatat(dir, name, &st, 0) && st.st_ino == ino;
}

/* The name of the uplink's namespace, its inode number if it has none; NULL: ours. A static buffer. */
static const char *netns_name(struct nlattr *const a[NL_ATTRS])
{
	static char name[NAME_MAX + 1];
	struct dirent *entry;
	uint64_t ino;
	DIR *dir;

	if (!a[VIRTUOSO_A_UPLINK_NETNS_INO])
		return NULL;
	ino = nl_uint(a[VIRTUOSO_A_UPLINK_NETNS_INO]);
	snprintf(name, sizeof(name), "%" PRIu64, ino);
	dir = opendir(NETNS_DIR);
	if (!dir)
		return name;
	while ((entry = readdir(dir))) {
		if (netns_is(dirfd(dir), entry->d_name, ino)) {
			snprintf(name, sizeof(name), "%s", entry->d_name);
			break;
		}
	}
	closedir(dir);
	return name;
}

/* A file descriptor of the namespace that is called @name, or of the file. */
static int netns_open(const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : NETNS_DIR "/", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	return fd;
}

/* --- showing --- */

static void print_json(struct nlattr *const a[NL_ATTRS])
{
	json_object(NULL);
	json_str("dev", nl_str(a[VIRTUOSO_A_UPLINK_DEV]));
	json_uint("ifindex", nl_uint(a[VIRTUOSO_A_UPLINK_IFINDEX]));
	json_uint("mtu", nl_uint(a[VIRTUOSO_A_UPLINK_MTU]));
	json_str("bypass", nl_uint(a[VIRTUOSO_A_UPLINK_BYPASS]) ? "on" : "off");
	json_uint("learned", nl_uint(a[VIRTUOSO_A_UPLINK_LEARNED]));
	json_uint("probes", nl_uint(a[VIRTUOSO_A_UPLINK_PROBES]));
	if (netns_name(a))
		json_str("netns", netns_name(a));
	json_close();
}

static void show_uplink(struct nlattr *const a[NL_ATTRS], void *arg)
{
	(void)arg;
	if (opt.json) {
		print_json(a);
		return;
	}
	printf("%-15s mtu %" PRIu64 " bypass %s learned %" PRIu64 " probes %" PRIu64,
	       nl_str(a[VIRTUOSO_A_UPLINK_DEV]), nl_uint(a[VIRTUOSO_A_UPLINK_MTU]),
	       nl_uint(a[VIRTUOSO_A_UPLINK_BYPASS]) ? "on" : "off",
	       nl_uint(a[VIRTUOSO_A_UPLINK_LEARNED]), nl_uint(a[VIRTUOSO_A_UPLINK_PROBES]));
	if (netns_name(a))
		printf(" netns %s", netns_name(a));
	printf("\n");
}

static void save_uplink(struct nlattr *const a[NL_ATTRS], void *arg)
{
	(void)arg;
	printf("uplink add %s%s", nl_str(a[VIRTUOSO_A_UPLINK_DEV]),
	       nl_uint(a[VIRTUOSO_A_UPLINK_BYPASS]) ? " bypass on" : "");
	if (netns_name(a))
		printf(" netns %s", netns_name(a));
	printf("\n");
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

/* --- commands --- */

struct wanted {
	const char *dev;
	const char *netns;	/* NULL: ours */
	bool bypass;
	bool found;
};

static bool args_switch(struct args *args, const char *what)
{
	const char *word = args_need(args, "\"on\" or \"off\"");

	if (!strcmp(word, "on"))
		return true;
	if (strcmp(word, "off"))
		usage_error("%s: \"%s\" is neither \"on\" nor \"off\"", what, word);
	return false;
}

static void args_wanted(struct args *args, bool add, struct wanted *w)
{
	const char *word;

	w->dev = args_need(args, "the name of the device");
	if (strlen(w->dev) > 255)
		fail("device: too long");
	while ((word = args_next(args))) {
		if (!strcmp(word, "netns"))
			w->netns = args_need(args, "the name of a network namespace");
		else if (add && !strcmp(word, "bypass"))
			w->bypass = args_switch(args, word);
		else
			usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
	}
}

static void find_uplink(struct nlattr *const a[NL_ATTRS], void *arg)
{
	struct wanted *w = arg;
	const char *netns = netns_name(a);

	w->found |= !strcmp(nl_str(a[VIRTUOSO_A_UPLINK_DEV]), w->dev) &&
		    (netns && w->netns ? !strcmp(netns, w->netns) : netns == w->netns);
}

/* A restore may find it there already. */
static bool exists(struct wanted *w)
{
	if (nl_dump(nl_request(VIRTUOSO_CMD_UPLINK_GET, &uplink_spec), find_uplink, w))
		fail("%s", nl_error());
	return w->found;
}

static void request(uint8_t cmd, const struct wanted *w)
{
	struct nlmsghdr *nlh = nl_request(cmd, &uplink_spec);
	int fd = -1, err;

	mnl_attr_put_strz(nlh, VIRTUOSO_A_UPLINK_DEV, w->dev);
	if (cmd == VIRTUOSO_CMD_UPLINK_ADD)
		mnl_attr_put_u8(nlh, VIRTUOSO_A_UPLINK_BYPASS, w->bypass);
	if (w->netns) {
		fd = netns_open(w->netns);
		mnl_attr_put_u32(nlh, VIRTUOSO_A_UPLINK_NETNS_FD, fd);
	}
	err = nl_do(nlh, NULL, NULL);
	if (fd >= 0)
		close(fd);
	if (err)
		fail("%s", nl_error());
}

static int uplink_add(struct args *args)
{
	struct wanted w = { };

	args_wanted(args, true, &w);
	if (!opt.restoring || !exists(&w))
		request(VIRTUOSO_CMD_UPLINK_ADD, &w);
	return 0;
}

static int uplink_del(struct args *args)
{
	struct wanted w = { };

	args_wanted(args, false, &w);
	request(VIRTUOSO_CMD_UPLINK_DEL, &w);
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
