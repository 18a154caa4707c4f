// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: dump of listeners.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/virtuoso.h>

#include "listener.h"
#include "nl.h"
#include "nl_gen.h"
#include "port.h"

struct vho_nl_listener_arg {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	const struct vho_port *port;
};

static int vho_nl_listener_fill(struct sk_buff *skb, const struct vho_port *port,
				const struct vho_listener_info *info)
{
	if (nla_put_string(skb, VIRTUOSO_A_LISTENER_PORT, port->name) ||
	    nla_put_in6_addr(skb, VIRTUOSO_A_LISTENER_ADDR, &info->addr) ||
	    nla_put_be16(skb, VIRTUOSO_A_LISTENER_LPORT, info->lport) ||
	    nla_put_u32(skb, VIRTUOSO_A_LISTENER_BACKLOG, info->backlog) ||
	    nla_put_u32(skb, VIRTUOSO_A_LISTENER_PENDING, info->pending))
		return -EMSGSIZE;
	return 0;
}

static int vho_nl_listener_show(const struct vho_listener_info *info, void *arg)
{
	struct vho_nl_listener_arg *a = arg;
	struct nlattr **want = genl_info_dump(a->cb)->attrs;
	void *hdr;

	if (want[VIRTUOSO_A_LISTENER_LPORT] &&
	    nla_get_be16(want[VIRTUOSO_A_LISTENER_LPORT]) != info->lport)
		return 0;
	hdr = genlmsg_iput(a->skb, genl_info_dump(a->cb));
	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(a->cb, hdr);
	if (vho_nl_listener_fill(a->skb, a->port, info)) {
		genlmsg_cancel(a->skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(a->skb, hdr);
	return 0;
}

/* Changes whenever a listener or a port comes or goes; never 0. vho_ports_lock is held. */
static unsigned int vho_nl_listeners_seq(void)
{
	unsigned int seq = vho_nl_ports_seq();
	struct vho_port *port;

	for (port = vho_port_next(0); port; port = vho_port_next(port->index + 1))
		seq += READ_ONCE(port->listeners_gen);
	return seq ?: 1;
}

/* Context: NL. */
int virtuoso_nl_listener_get_start(struct netlink_callback *cb)
{
	return vho_nl_filter_check(genl_info_dump(cb)->attrs[VIRTUOSO_A_LISTENER_PORT], cb);
}

/* Context: NL. A port has VHO_LISTENERS_MAX of them at most. */
int virtuoso_nl_listener_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr *only = genl_info_dump(cb)->attrs[VIRTUOSO_A_LISTENER_PORT];
	struct vho_nl_listener_arg arg = { .skb = skb, .cb = cb };
	struct vho_nl_dump *at = vho_nl_dump(cb);
	struct vho_port *port;
	int err = 0;

	mutex_lock(&vho_ports_lock);
	cb->seq = vho_nl_listeners_seq();
	while ((port = vho_port_next(at->port))) {
		if (port->index != at->port)
			at->item = 0;
		at->port = port->index;
		arg.port = port;
		if (!port->dying && (!only || !nla_strcmp(only, port->name)))
			err = vho_listeners_show(port, &at->item, vho_nl_listener_show, &arg);
		if (err)
			break;
		at->port++;
		at->item = 0;
	}
	mutex_unlock(&vho_ports_lock);
	return err;
}
