// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: devices of ports in sysfs: mediated devices of virtual machines,
 * virtio devices of containers.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "ctl.h"
#include "nl.h"
#include "port.h"

#define PATH_BYTES	512

/* How long a driver that is there may take to make its netdev. */
#define GUEST_WAIT_MS	10000

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

/* Writes @text to the sysfs file @path. 0, or -errno. */
static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* The first path that matches @pattern. */
static bool first_match(const char *pattern, char path[PATH_BYTES])
{
	bool found;
	glob_t g;

	found = !glob(pattern, 0, NULL, &g) && strlen(g.gl_pathv[0]) < PATH_BYTES;
	if (found)
		memcpy(path, g.gl_pathv[0], strlen(g.gl_pathv[0]) + 1);
	globfree(&g);
	return found;
}

/* --- mediated devices --- */

static const char *mdev_path(const struct port *port, const char *file)
{
	static char path[PATH_BYTES];

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s%s", port->uuid, file);
	return path;
}

bool mdev_exists(const struct port *port)
{
	return *port->uuid && exists(mdev_path(port, ""));
}

int mdev_create(const struct port *port)
{
	char path[PATH_BYTES];
	int err;

	if (!first_match("/sys/class/mdev_bus/virtuoso*/mdev_supported_types/*/create", path)) {
		complain("virtuoso_host offers no mediated device type in /sys/class/mdev_bus");
		return -1;
	}
	err = write_text(path, port->uuid);
	if (!err)
		return 0;
	complain("%s: %s", path, strerror(-err));
	return -1;
}

int mdev_remove(const struct port *port)
{
	int err = write_text(mdev_path(port, "/remove"), "1");

	if (!err)
		return 0;
	complain("%s: %s", mdev_path(port, "/remove"), strerror(-err));
	return -1;
}

/* --- netdevs of containers --- */

bool guest_netdev(const struct port *port, char name[16])
{
	char pattern[PATH_BYTES], path[PATH_BYTES];

	snprintf(pattern, sizeof(pattern), "/sys/bus/vdpa/devices/%s/virtio*/net/*", port->name);
	if (!first_match(pattern, path))
		return false;
	snprintf(name, IF_NAMESIZE, "%s", strrchr(path, '/') + 1);
	return true;
}

bool guest_driver_there(const struct port *port)
{
	char path[PATH_BYTES], driver[PATH_BYTES];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/vdpa/devices/%s/driver", port->name);
	n = readlink(path, driver, sizeof(driver) - 1);
	if (n < 0)
		n = 0;
	driver[n] = '\0';
	if (!strstr(driver, "/virtio_vdpa")) {
		complain("no guest device yet: virtio_vdpa has not taken vDPA device %s", port->name);
		return false;
	}
	if (!exists("/sys/module/virtuoso_guest")) {
		complain("no guest device yet: kernel module virtuoso_guest is not loaded");
		return false;
	}
	return true;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Returns when a netdev has come or changed since the last call, or at @end_ms. */
static void wait_for_link(struct mnl_socket *links, long end_ms)
{
	struct pollfd pfd = { .fd = mnl_socket_get_fd(links), .events = POLLIN };
	long left = end_ms - now_ms();
	char scrap[16384];

	if (poll(&pfd, 1, left > 0 ? left : 0) > 0)
		(void)!recv(pfd.fd, scrap, sizeof(scrap), 0);
}

bool guest_netdev_wait(const struct port *port, char name[16])
{
	long end_ms = now_ms() + GUEST_WAIT_MS;
	struct mnl_socket *links;
	bool found;

	links = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!links || mnl_socket_bind(links, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0)
		fail("route netlink: %s", strerror(errno));
	while (!(found = guest_netdev(port, name)) && now_ms() < end_ms)
		wait_for_link(links, end_ms);
	mnl_socket_close(links);
	if (!found)
		complain("virtuoso_guest made no netdev for port %s", port->name);
	return found;
}
