// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl port: show, set, del.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "format.h"
#include "json.h"
#include "nl.h"
#include "port.h"
#include "stats.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_PORT_NAME] = "name",
	[VIRTUOSO_A_PORT_TYPE] = "type",
	[VIRTUOSO_A_PORT_MAC] = "mac",
	[VIRTUOSO_A_PORT_MAX_FLOWS] = "max-flows",
	[VIRTUOSO_A_PORT_MTU] = "mtu",
};

const struct nl_spec port_spec = { VIRTUOSO_A_PORT_MTU, attr_names };

static const char *const type_names[] = {
	[VIRTUOSO_PORT_TYPE_VM] = "vm",
	[VIRTUOSO_PORT_TYPE_CONTAINER] = "container",
};

static const struct names types = { type_names, 3 };

static const char *const status_names[] = {
	"acknowledge", "driver", "driver-ok", "features-ok", "needs-reset", "failed",
};

static const struct names statuses = { status_names, 6 };

void port_take(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct port *port = arg;

	memset(port, 0, sizeof(*port));
	port->valid = true;
	snprintf(port->name, sizeof(port->name), "%s", nl_str(attrs[VIRTUOSO_A_PORT_NAME]));
	if (attrs[VIRTUOSO_A_PORT_UUID])
		snprintf(port->uuid, sizeof(port->uuid), "%s",
			 format_uuid(mnl_attr_get_payload(attrs[VIRTUOSO_A_PORT_UUID])));
	if (attrs[VIRTUOSO_A_PORT_MAC])
		snprintf(port->mac, sizeof(port->mac), "%s",
			 format_mac(mnl_attr_get_payload(attrs[VIRTUOSO_A_PORT_MAC])));
	port->type = nl_uint(attrs[VIRTUOSO_A_PORT_TYPE]);
	port->index = nl_uint(attrs[VIRTUOSO_A_PORT_INDEX]);
	port->ifindex = nl_uint(attrs[VIRTUOSO_A_PORT_IFINDEX]);
	port->mtu = nl_uint(attrs[VIRTUOSO_A_PORT_MTU]);
	port->core = nl_uint(attrs[VIRTUOSO_A_PORT_CORE]);
	port->flows = nl_uint(attrs[VIRTUOSO_A_PORT_FLOWS]);
	port->max_flows = nl_uint(attrs[VIRTUOSO_A_PORT_MAX_FLOWS]);
	port->device_status = nl_uint(attrs[VIRTUOSO_A_PORT_DEVICE_STATUS]);
	port->features = nl_uint(attrs[VIRTUOSO_A_PORT_FEATURES]);
	port->busy_ns = nl_uint(attrs[VIRTUOSO_A_PORT_BUSY_NS]);
	port->slow_ns = nl_uint(attrs[VIRTUOSO_A_PORT_SLOW_NS]);
	port->attached = attrs[VIRTUOSO_A_PORT_ATTACHED];
	port->running = attrs[VIRTUOSO_A_PORT_RUNNING];
}

static struct nlmsghdr *named_request(uint8_t cmd, const char *name)
{
	struct nlmsghdr *nlh = nl_request(cmd, &port_spec);

	if (strlen(name) > 255)
		fail("name: too long");
	mnl_attr_put_strz(nlh, VIRTUOSO_A_PORT_NAME, name);
	return nlh;
}

int port_get(const char *name, struct port *port)
{
	port->valid = false;
	return nl_do(named_request(VIRTUOSO_CMD_PORT_GET, name), port_take, port);
}

int port_delete(const char *name)
{
	return nl_do(named_request(VIRTUOSO_CMD_PORT_DEL, name), NULL, NULL);
}

/* --- show --- */

static const char *running_text(const struct port *port)
{
	if (port->running)
		return "running";
	return port->attached ? "attached" : "detached";
}

static void print_text(const struct port *port, const char *guest_dev)
{
	char ifname[IF_NAMESIZE] = "";

	printf("%s: type %s state %s index %" PRIu32 " core %" PRIu32 " mtu %" PRIu32 " mac %s\n",
	       port->name, name_of(&types, port->type), running_text(port),
	       port->index, port->core, port->mtu, port->mac);
	printf("    flows %" PRIu32 " max-flows %" PRIu32 " busy %s slow %s\n",
	       port->flows, port->max_flows, format_ns(port->busy_ns), format_ns(port->slow_ns));
	printf("    ");
	if (if_indextoname(port->ifindex, ifname) && strcmp(ifname, port->name))
		printf("dev %s ", ifname);
	if (*port->uuid)
		printf("uuid %s ", port->uuid);
	if (*guest_dev)
		printf("guest-dev %s ", guest_dev);
	printf("device-status %s", format_flags(&statuses, port->device_status));
	if (opt.details)
		printf(" features 0x%" PRIx64, port->features);
	printf("\n");
}

static void print_json(const struct port *port, const char *guest_dev)
{
	char ifname[IF_NAMESIZE] = "", features[24];

	snprintf(features, sizeof(features), "0x%" PRIx64, port->features);
	json_object(NULL);
	json_str("name", port->name);
	json_uint("index", port->index);
	json_str("type", name_of(&types, port->type));
	json_str("state", running_text(port));
	if (*port->uuid)
		json_str("uuid", port->uuid);
	json_str("mac", port->mac);
	json_uint("mtu", port->mtu);
	json_uint("ifindex", port->ifindex);
	if (if_indextoname(port->ifindex, ifname))
		json_str("ifname", ifname);
	if (*guest_dev)
		json_str("guest_dev", guest_dev);
	json_flags("device_status", &statuses, port->device_status);
	json_str("features", features);
	json_uint("core", port->core);
	json_uint("flows", port->flows);
	json_uint("max_flows", port->max_flows);
	json_uint("busy_ns", port->busy_ns);
	json_uint("slow_ns", port->slow_ns);
}

static void show_port(const struct port *port)
{
	char guest_dev[IF_NAMESIZE] = "";

	if (port->type == VIRTUOSO_PORT_TYPE_CONTAINER)
		guest_netdev(port, guest_dev);
	if (opt.json)
		print_json(port, guest_dev);
	else
		print_text(port, guest_dev);
	if (opt.statistics)
		stats_of_port(port->name);
	if (opt.json)
		json_close();
}

/* Ports are few: a list of them is made first, since -s asks the kernel again for each. */
struct port_list {
	struct port *ports;
	size_t nr;
};

static void collect(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	struct port_list *list = arg;

	list->ports = xrealloc(list->ports, (list->nr + 1) * sizeof(*list->ports));
	port_take(attrs, &list->ports[list->nr++]);
}

static int port_show(struct args *args)
{
	const char *name = args_next(args);
	struct port_list list = { };
	size_t i;
	int err;

	args_end(args);
	nl_open();
	if (name)
		err = nl_do(named_request(VIRTUOSO_CMD_PORT_GET, name), collect, &list);
	else
		err = nl_dump(nl_request(VIRTUOSO_CMD_PORT_GET, &port_spec), collect, &list);
	if (err)
		fail("%s", nl_error());
	if (opt.json)
		json_begin(opt.pretty);
	for (i = 0; i < list.nr; i++)
		show_port(&list.ports[i]);
	if (opt.json)
		json_end();
	return 0;
}

/* --- set, del --- */

static int port_set(struct args *args)
{
	const char *name = args_need(args, "the name of the port"), *word;
	uint32_t max_flows = 0;
	bool set = false;
	struct nlmsghdr *nlh;

	while ((word = args_next(args))) {
		if (strcmp(word, "max-flows"))
			usage_error("there is no setting \"%s\" of a port", word);
		max_flows = args_u32(args, word);
		set = true;
	}
	if (!set)
		usage_error("what to set is missing, try \"virtuosoctl help\"");
	nl_open();
	nlh = named_request(VIRTUOSO_CMD_PORT_SET, name);
	mnl_attr_put_u32(nlh, VIRTUOSO_A_PORT_MAX_FLOWS, max_flows);
	if (nl_do(nlh, NULL, NULL))
		fail("%s", nl_error());
	return 0;
}

static int port_del(struct args *args)
{
	const char *name = args_need(args, "the name of the port"), *word = args_next(args);
	bool force = word && !strcmp(word, "force"), had_mdev;
	struct port port;

	if (word && !force)
		usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
	args_end(args);
	nl_open();
	if (port_get(name, &port))
		fail("%s", nl_error());
	had_mdev = port.type == VIRTUOSO_PORT_TYPE_VM && mdev_exists(&port);
	if (had_mdev && port.attached && !force)
		fail("port %s is in use by a virtual machine; \"force\" unplugs it", name);
	if (had_mdev && mdev_remove(&port))
		return CTL_FAILED;
	if (!port_delete(name))
		return 0;
	complain("%s", nl_error());
	if (had_mdev)
		mdev_create(&port);
	return CTL_FAILED;
}

int port_main(struct args *args)
{
	static const struct command commands[] = {
		{ "show", port_show },
		{ "list", port_show },
		{ "add", port_add },
		{ "set", port_set },
		{ "delete", port_del },
		{ }
	};

	return args_dispatch(args, commands, "command");
}
