/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: a port as the kernel reports it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtuoso.h>

#include "nl.h"

#define UUID_TEXT_BYTES	37

struct port {
	bool valid;
	char name[VIRTUOSO_PORT_NAME_LEN + 1];
	char uuid[UUID_TEXT_BYTES];	/* empty but for type vm */
	char mac[18];
	uint32_t type;
	uint32_t index;
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t core;
	uint32_t flows;
	uint32_t max_flows;
	uint32_t device_status;
	uint64_t features;
	uint64_t busy_ns;
	uint64_t slow_ns;
	bool attached;
	bool running;
};

extern const struct nl_spec port_spec;

/* nl_show_t: fills the struct port at @arg */
void port_take(struct nlattr *const attrs[NL_ATTRS], void *arg);
/* 0, or -errno with nl_error() */
int port_get(const char *name, struct port *port);
int port_delete(const char *name);

/* --- sysfs.c: the devices of ports --- */

/* Does the mediated device exist? */
bool mdev_exists(const struct port *port);
/* Makes or removes it; 0, or -1 after a complaint. Removal waits until nobody has it open. */
int mdev_create(const struct port *port);
int mdev_remove(const struct port *port);
/* Name of the netdev that the guest driver in this kernel made for the port, if it is in our namespace. */
bool guest_netdev(const struct port *port, char name[16]);
/* Are the drivers there that make one? If not, says so. */
bool guest_driver_there(const struct port *port);
/* Waits until there is one; false and a complaint when it does not come. */
bool guest_netdev_wait(const struct port *port, char name[16]);

#endif /* PORT_H */
