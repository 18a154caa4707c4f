// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl port add: the port, and the device that its guest uses.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "json.h"
#include "nl.h"
#include "port.h"

static void put_mac(struct nlmsghdr *nlh, const char *word)
{
	unsigned int m[6];
	uint8_t mac[6];
	int i, end = 0;

	if (sscanf(word, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
		   &end) != 6 || word[end])
		usage_error("\"%s\" is not a MAC address", word);
	for (i = 0; i < 6; i++)
		mac[i] = m[i];
	mnl_attr_put(nlh, VIRTUOSO_A_PORT_MAC, sizeof(mac), mac);
}

static void put_uuid(struct nlmsghdr *nlh, const char *word)
{
	unsigned int byte;
	uint8_t uuid[16];
	const char *at = word;
	int i;

	for (i = 0; i < 16; i++, at += 2) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-')
			break;
		if (!isxdigit(at[0]) || !isxdigit(at[1]) || sscanf(at, "%2x", &byte) != 1)
			break;
		uuid[i] = byte;
	}
	if (i < 16 || *at)
		usage_error("\"%s\" is not a UUID", word);
	mnl_attr_put(nlh, VIRTUOSO_A_PORT_UUID, sizeof(uuid), uuid);
}

static void put_option(struct nlmsghdr *nlh, const char *word, struct args *args)
{
	if (!strcmp(word, "mac"))
		put_mac(nlh, args_need(args, "the MAC address"));
	else if (!strcmp(word, "mtu"))
		mnl_attr_put_u32(nlh, VIRTUOSO_A_PORT_MTU, args_u32(args, word));
	else if (!strcmp(word, "uuid"))
		put_uuid(nlh, args_need(args, "the UUID"));
	else if (!port_setting_put(nlh, word, args))
		usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
}

static uint32_t type_of(const char *word)
{
	if (!strcmp(word, "type"))
		usage_error("the type comes right after the name: vm or container");
	if (!strcmp(word, "vm"))
		return VIRTUOSO_PORT_TYPE_VM;
	if (!strcmp(word, "container"))
		return VIRTUOSO_PORT_TYPE_CONTAINER;
	usage_error("the type of a port is vm or container, not \"%s\"", word);
}

static void print_vm(const struct port *port)
{
	char sysfs[128], qemu[192];

	snprintf(sysfs, sizeof(sysfs), "/sys/bus/mdev/devices/%s", port->uuid);
	snprintf(qemu, sizeof(qemu), "-device vfio-pci,sysfsdev=%s", sysfs);
	if (!opt.json) {
		printf("%s: uuid %s\n    %s\n", port->name, port->uuid, qemu);
		return;
	}
	json_str("uuid", port->uuid);
	json_str("sysfs", sysfs);
	json_str("qemu", qemu);
}

static void print_container(const struct port *port, const char *guest_dev)
{
	if (opt.json) {
		if (*guest_dev)
			json_str("guest_dev", guest_dev);
		return;
	}
	if (*guest_dev)
		printf("%s: guest-dev %s\n    ip link set %s netns NETNS\n",
		       port->name, guest_dev, guest_dev);
	else
		printf("%s: no guest-dev yet\n", port->name);
}

static void print(const struct port *port, const char *guest_dev)
{
	bool vm = port->type == VIRTUOSO_PORT_TYPE_VM;

	if (opt.json) {
		json_begin(opt.pretty);
		json_object(NULL);
		json_str("name", port->name);
		json_str("type", vm ? "vm" : "container");
		json_str("mac", port->mac);
	}
	if (vm)
		print_vm(port);
	else
		print_container(port, guest_dev);
	if (opt.json) {
		json_close();
		json_end();
	}
}

/*
 * vm: makes the mediated device. container: the kernel has made the device; finds the netdev, if
 * there is a driver for it. 0, or -1 after a complaint.
 */
static int make_device(const struct port *port, char guest_dev[IF_NAMESIZE])
{
	if (port->type == VIRTUOSO_PORT_TYPE_VM)
		return mdev_create(port);
	if (guest_netdev(port, guest_dev) || !guest_driver_there(port))
		return 0;
	return guest_netdev_wait(port, guest_dev) ? 0 : -1;
}

/* restore: a port that is there already as the line has it is left alone, and so is its device. */
static bool port_there(const char *name, uint32_t type)
{
	struct port port;

	if (!opt.restoring || port_get(name, &port) || !port.valid)
		return false;
	if (port.type != type)
		fail("port %s exists and is of another type", name);
	return port.type != VIRTUOSO_PORT_TYPE_VM || mdev_exists(&port) || !mdev_create(&port);
}

int port_add(struct args *args)
{
	const char *name = args_need(args, "the name of the port"), *word;
	uint32_t type = type_of(args_need(args, "the type of the port (vm or container)"));
	char guest_dev[IF_NAMESIZE] = "";
	struct port port = { };
	struct nlmsghdr *nlh;

	if (strlen(name) > 255)
		fail("name: too long");
	if (port_there(name, type))
		return 0;
	nlh = nl_request(VIRTUOSO_CMD_PORT_NEW, &port_spec);
	mnl_attr_put_strz(nlh, VIRTUOSO_A_PORT_NAME, name);
	mnl_attr_put_u32(nlh, VIRTUOSO_A_PORT_TYPE, type);
	while ((word = args_next(args))) {
		if (nlh->nlmsg_len > 768)
			usage_error("too many options");
		put_option(nlh, word, args);
	}
	if (nl_do(nlh, port_take, &port) || !port.valid)
		fail("%s", nl_error());
	if (make_device(&port, guest_dev)) {
		if (port_delete(name, true))
			complain("%s", nl_error());
		return CTL_FAILED;
	}
	if (!opt.restoring)
		print(&port, guest_dev);
	return 0;
}
