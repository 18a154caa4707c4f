// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl listener: what the guests listen on.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtuoso.h>

#include "ctl.h"
#include "format.h"
#include "json.h"
#include "nl.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_LISTENER_PORT] = "port",
	[VIRTUOSO_A_LISTENER_LPORT] = "lport",
};

static const struct nl_spec listener_spec = { VIRTUOSO_A_LISTENER_LPORT, attr_names };

static const char *addr_of(const struct nlattr *attr)
{
	static const uint8_t any[16];

	if (!attr || !memcmp(mnl_attr_get_payload(attr), any, sizeof(any)))
		return "*";
	return format_addr(mnl_attr_get_payload(attr));
}

static void show_listener(struct nlattr *const a[NL_ATTRS], void *arg)
{
	const char *addr = addr_of(a[VIRTUOSO_A_LISTENER_ADDR]);
	uint16_t lport = ntohs(nl_uint(a[VIRTUOSO_A_LISTENER_LPORT]));
	uint64_t backlog = nl_uint(a[VIRTUOSO_A_LISTENER_BACKLOG]);
	uint64_t pending = nl_uint(a[VIRTUOSO_A_LISTENER_PENDING]);
	const char *port = nl_str(a[VIRTUOSO_A_LISTENER_PORT]);

	(void)arg;
	if (!opt.json) {
		printf(strchr(addr, ':') ? "%-8s [%s]:%u" : "%-8s %s:%u", port, addr, lport);
		printf(" backlog %" PRIu64 " pending %" PRIu64 "\n", backlog, pending);
		return;
	}
	json_object(NULL);
	json_str("port", port);
	json_str("addr", addr);
	json_uint("lport", lport);
	json_uint("backlog", backlog);
	json_uint("pending", pending);
	json_close();
}

int listener_main(struct args *args)
{
	const char *word, *port = NULL;
	struct nlmsghdr *nlh;
	uint32_t lport = 0;
	bool by_lport = false;

	if (args->argc && (abbreviates(args->argv[0], "show") || abbreviates(args->argv[0], "list")))
		args_next(args);
	while ((word = args_next(args))) {
		if (!strcmp(word, "port")) {
			port = args_need(args, "the name of the port");
		} else if (!strcmp(word, "lport")) {
			lport = args_u32(args, word);
			by_lport = true;
		} else {
			usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
		}
	}
	if (port && strlen(port) > 255)
		fail("port: too long");
	if (lport > UINT16_MAX)
		fail("lport: %" PRIu32 " is out of range (0 to 65535)", lport);
	nlh = nl_request(VIRTUOSO_CMD_LISTENER_GET, &listener_spec);
	if (port)
		mnl_attr_put_strz(nlh, VIRTUOSO_A_LISTENER_PORT, port);
	if (by_lport)
		mnl_attr_put_u16(nlh, VIRTUOSO_A_LISTENER_LPORT, htons(lport));
	if (opt.json)
		json_begin(opt.pretty);
	if (nl_dump(nlh, show_listener, NULL))
		fail("%s", nl_error());
	if (opt.json)
		json_end();
	return 0;
}
