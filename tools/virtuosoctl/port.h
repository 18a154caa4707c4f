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

/* What can be set (port_opt.c). */
enum port_setting {
	PORT_MAX_FLOWS,
	PORT_WEIGHT,
	PORT_GUARANTEE,
	PORT_LIMIT,
	PORT_BURST,
	PORT_JOIN,
	PORT_MAX_LISTENERS,
	PORT_MAX_REGION_BYTES,
	PORT_CONN_RATE,
	PORT_BIT_RATE,
	PORT_PACKET_RATE,
	PORT_CORES,
	PORT_SETTINGS,
};

/* Kinds of work, and classes of queue delay: room for more than the kernel has. */
#define PORT_WORKS	16
#define PORT_DELAYS	32
/* Cores that serve one port: likewise. */
#define PORT_SERVERS	32

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
	uint32_t device_status;
	uint64_t features;
	uint64_t busy_ns;
	uint64_t slow_ns;
	uint64_t throttled_ns;
	uint64_t throttled;
	uint64_t turns;
	uint64_t yields;
	struct {
		bool there;
		uint64_t value;
	} set[PORT_SETTINGS];
	struct {
		char name[16];
		uint64_t ns;
	} work[PORT_WORKS];
	uint32_t nr_work;
	uint64_t delay[PORT_DELAYS];	/* turns that waited less than 1, 2, 4, 8 ... us; the rest */
	uint32_t nr_delay;
	uint32_t served_by[PORT_SERVERS];
	uint32_t nr_served_by;
	bool attached;
	bool running;
	bool pinned;		/* the operator placed it on its core */
};

extern const struct nl_spec port_spec;

struct args;

/* Adds the setting that @word names; false: it is none. */
bool port_setting_put(struct nlmsghdr *nlh, const char *word, struct args *args);
/* The word for an attribute that is a setting, or NULL. */
const char *port_setting_name(uint16_t attr);
void port_settings_take(struct nlattr *const attrs[NL_ATTRS], struct port *port);
/* As they are written on the command line; as members of a JSON object. */
void port_settings_print(const struct port *port);
void port_settings_json(const struct port *port);
const char *port_type_name(const struct port *port);
/* In us: less than the result is what part @permille of the turns counted in @delay waited; 0: none. */
uint64_t port_delay_us(const uint64_t delay[PORT_DELAYS], uint32_t nr, uint32_t permille);

/* nl_show_t: fills the struct port at @arg, while the message is shown */
void port_take(struct nlattr *const attrs[NL_ATTRS], void *arg);
/* 0, or -errno with nl_error() */
int port_get(const char *name, struct port *port);
int port_delete(const char *name, bool force);
/* Calls @show for each port. 0, or -errno with nl_error() */
int port_dump(nl_show_t show, void *arg);
/* As text, or as members of a JSON object. */
void port_print(const struct port *port);

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
