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
	[VIRTUOSO_A_PORT_UUID] = "uuid",
	[VIRTUOSO_A_PORT_WEIGHT] = "weight",
	[VIRTUOSO_A_PORT_GUARANTEE_PERMILLE] = "guarantee (permille)",
	[VIRTUOSO_A_PORT_LIMIT_PERMILLE] = "limit (permille)",
	[VIRTUOSO_A_PORT_BURST_US] = "burst (us)",
	[VIRTUOSO_A_PORT_JOIN] = "join",
	[VIRTUOSO_A_PORT_MAX_LISTENERS] = "max-listeners",
	[VIRTUOSO_A_PORT_MAX_REGION_BYTES] = "max-region-bytes",
	[VIRTUOSO_A_PORT_CONN_RATE] = "conn-rate",
	[VIRTUOSO_A_PORT_BIT_RATE] = "bit-rate",
	[VIRTUOSO_A_PORT_PACKET_RATE] = "packet-rate",
	[VIRTUOSO_A_PORT_CORES] = "cores",
};

const struct nl_spec port_spec = { VIRTUOSO_A_PORT_SERVED_BY, attr_names };

static const char *const type_names[] = {
	[VIRTUOSO_PORT_TYPE_VM] = "vm",
	[VIRTUOSO_PORT_TYPE_CONTAINER] = "container",
};

static const struct names types = { type_names, 3 };

static const char *const status_names[] = {
	"acknowledge", "driver", "driver-ok", "features-ok", "needs-reset", "failed",
};

static const struct names statuses = { status_names, 6 };

static void take_work(const struct nlattr *nest, void *arg)
{
	struct nlattr *attrs[NL_ATTRS];
	struct port *port = arg;

	if (port->nr_work == PORT_WORKS)
		return;
	nl_nested(nest, attrs);
	snprintf(port->work[port->nr_work].name, sizeof(port->work[0].name), "%s",
		 nl_str(attrs[VIRTUOSO_A_COUNTER_NAME]));
	port->work[port->nr_work++].ns = nl_uint(attrs[VIRTUOSO_A_COUNTER_VALUE]);
}

static void take_delay(const struct nlattr *attr, void *arg)
{
	struct port *port = arg;

	if (port->nr_delay < PORT_DELAYS)
		port->delay[port->nr_delay++] = nl_uint(attr);
}

static void take_server(const struct nlattr *attr, void *arg)
{
	struct port *port = arg;

	if (port->nr_served_by < PORT_SERVERS)
		port->served_by[port->nr_served_by++] = nl_uint(attr);
}

uint64_t port_delay_us(const uint64_t delay[PORT_DELAYS], uint32_t nr, uint32_t permille)
{
	uint64_t all = 0, upto = 0;
	uint32_t i;

	for (i = 0; i < nr; i++)
		all += delay[i];
	for (i = 0; i < nr; i++) {
		upto += delay[i];
		if (all && upto * 1000 >= all * permille)
			return 1ull << i;
	}
	return 0;
}

const char *port_type_name(const struct port *port)
{
	return name_of(&types, port->type);
}

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
	port->device_status = nl_uint(attrs[VIRTUOSO_A_PORT_DEVICE_STATUS]);
	port->features = nl_uint(attrs[VIRTUOSO_A_PORT_FEATURES]);
	port->busy_ns = nl_uint(attrs[VIRTUOSO_A_PORT_BUSY_NS]);
	port->slow_ns = nl_uint(attrs[VIRTUOSO_A_PORT_SLOW_NS]);
	port->throttled_ns = nl_uint(attrs[VIRTUOSO_A_PORT_THROTTLED_NS]);
	port->throttled = nl_uint(attrs[VIRTUOSO_A_PORT_THROTTLED]);
	port->turns = nl_uint(attrs[VIRTUOSO_A_PORT_TURNS]);
	port->yields = nl_uint(attrs[VIRTUOSO_A_PORT_YIELDS]);
	port_settings_take(attrs, port);
	nl_each(VIRTUOSO_A_PORT_WORK, take_work, port);
	nl_each(VIRTUOSO_A_PORT_DELAY, take_delay, port);
	nl_each(VIRTUOSO_A_PORT_SERVED_BY, take_server, port);
	port->attached = attrs[VIRTUOSO_A_PORT_ATTACHED];
	port->pinned = !attrs[VIRTUOSO_A_PORT_CORE_AUTO];
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

int port_delete(const char *name, bool force)
{
	struct nlmsghdr *nlh = named_request(VIRTUOSO_CMD_PORT_DEL, name);

	if (force)
		mnl_attr_put(nlh, VIRTUOSO_A_PORT_FORCE, 0, NULL);
	return nl_do(nlh, NULL, NULL);
}

/* --- show --- */

static const char *running_text(const struct port *port)
{
	if (port->running)
		return "running";
	return port->attached ? "attached" : "detached";
}

static void print_work(const struct port *port)
{
	uint32_t i;

	printf("    turns %" PRIu64 " yields %" PRIu64 " throttled-times %" PRIu64 " work",
	       port->turns, port->yields, port->throttled);
	for (i = 0; i < port->nr_work; i++)
		printf(" %s %s", port->work[i].name, format_ns(port->work[i].ns));
	printf("\n    waited");
	for (i = 0; i < port->nr_delay; i++)
		if (port->delay[i])
			printf(" %s%" PRIu64 "us:%" PRIu64, i + 1 < port->nr_delay ? "<" : ">=",
			       (uint64_t)1 << (i + 1 < port->nr_delay ? i : i - 1), port->delay[i]);
	printf("\n");
}

static void print_budget_json(const struct port *port)
{
	uint32_t i;

	port_settings_json(port);
	json_object("work_ns");
	for (i = 0; i < port->nr_work; i++)
		json_uint(port->work[i].name, port->work[i].ns);
	json_close();
	json_uint("throttled_ns", port->throttled_ns);
	json_uint("throttled", port->throttled);
	json_uint("turns", port->turns);
	json_uint("yields", port->yields);
	json_array("delay");
	for (i = 0; i < port->nr_delay; i++)
		json_uint(NULL, port->delay[i]);
	json_close();
}

/* One group of channels after the other. */
static void print_servers(const struct port *port)
{
	uint32_t i;

	printf("%" PRIu32, port->core);
	for (i = 1; i < port->nr_served_by; i++)
		printf(",%" PRIu32, port->served_by[i]);
}

static void print_text(const struct port *port, const char *guest_dev)
{
	char ifname[IF_NAMESIZE] = "";

	printf("%s: type %s state %s index %" PRIu32 " core ",
	       port->name, name_of(&types, port->type), running_text(port), port->index);
	print_servers(port);
	printf("%s mtu %" PRIu32 " mac %s\n", port->pinned ? " pinned" : "", port->mtu, port->mac);
	printf("    flows %" PRIu32 " busy %s slow %s throttled %s delay-p99 %" PRIu64 "us\n   ",
	       port->flows, format_ns(port->busy_ns), format_ns(port->slow_ns),
	       format_ns(port->throttled_ns), port_delay_us(port->delay, port->nr_delay, 990));
	port_settings_print(port);
	printf("\n    ");
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
	if (opt.details)
		print_work(port);
}

static void print_json(const struct port *port, const char *guest_dev)
{
	char ifname[IF_NAMESIZE] = "", features[24];
	uint32_t i;

	snprintf(features, sizeof(features), "0x%" PRIx64, port->features);
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
	json_array("served_by");
	for (i = 0; i < port->nr_served_by; i++)
		json_uint(NULL, port->served_by[i]);
	json_close();
	json_bool("pinned", port->pinned);
	json_uint("flows", port->flows);
	json_uint("busy_ns", port->busy_ns);
	json_uint("slow_ns", port->slow_ns);
	print_budget_json(port);
}

void port_print(const struct port *port)
{
	char guest_dev[IF_NAMESIZE] = "";

	if (port->type == VIRTUOSO_PORT_TYPE_CONTAINER)
		guest_netdev(port, guest_dev);
	if (opt.json)
		print_json(port, guest_dev);
	else
		print_text(port, guest_dev);
}

static void show_port(const struct port *port)
{
	if (opt.json)
		json_object(NULL);
	port_print(port);
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

int port_dump(nl_show_t show, void *arg)
{
	return nl_dump(nl_request(VIRTUOSO_CMD_PORT_GET, &port_spec), show, arg);
}

/* Filters, which the kernel applies. */
static void put_filters(struct nlmsghdr *nlh, struct args *args)
{
	const char *word;

	while ((word = args_next(args))) {
		if (nlh->nlmsg_len > 768)
			usage_error("too many filters");
		if (!strcmp(word, "type"))
			mnl_attr_put_u32(nlh, VIRTUOSO_A_PORT_TYPE,
					 value_of(&types, args_need(args, "the type"), word));
		else if (!strcmp(word, "running"))
			mnl_attr_put(nlh, VIRTUOSO_A_PORT_RUNNING, 0, NULL);
		else
			usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
	}
}

static bool is_filter(const char *word)
{
	return !strcmp(word, "type") || !strcmp(word, "running");
}

static int port_show(struct args *args)
{
	const char *name = args->argc && !is_filter(args->argv[0]) ? args_next(args) : NULL;
	struct port_list list = { };
	struct nlmsghdr *nlh;
	size_t i;
	int err;

	if (name)
		args_end(args);
	if (name) {
		err = nl_do(named_request(VIRTUOSO_CMD_PORT_GET, name), collect, &list);
	} else {
		nlh = nl_request(VIRTUOSO_CMD_PORT_GET, &port_spec);
		put_filters(nlh, args);
		err = nl_dump(nlh, collect, &list);
	}
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
	struct nlmsghdr *nlh;
	bool set = false;

	nlh = named_request(VIRTUOSO_CMD_PORT_SET, name);
	while ((word = args_next(args))) {
		if (nlh->nlmsg_len > 768)
			usage_error("too many settings");
		if (!port_setting_put(nlh, word, args))
			usage_error("there is no setting \"%s\" of a port", word);
		set = true;
	}
	if (!set)
		usage_error("what to set is missing, try \"virtuosoctl help\"");
	if (nl_do(nlh, NULL, NULL))
		fail("%s", nl_error());
	return 0;
}

static int port_del(struct args *args)
{
	const char *name = args_need(args, "the name of the port"), *word = args_next(args);
	bool force = word && !strcmp(word, "force");
	struct port port;

	if (word && !force)
		usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
	args_end(args);
	if (port_get(name, &port))
		fail("%s", nl_error());
	if (port_delete(name, force))
		fail("%s", nl_error());
	/* It has no driver any more. */
	if (port.type == VIRTUOSO_PORT_TYPE_VM && mdev_exists(&port) && mdev_remove(&port))
		return CTL_FAILED;
	return 0;
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
