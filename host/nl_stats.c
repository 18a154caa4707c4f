// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: counters of ports, one message each, so that a port may have any number.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/virtuoso.h>

#include "nl.h"
#include "nl_gen.h"
#include "port.h"

/* By enum vho_stat. */
static const struct {
	const char *name;
	const char *doc;
} vho_nl_stats[] = {
#define X(name, doc) { #name, doc },
	VHO_STATS(X)
#undef X
};

static_assert(ARRAY_SIZE(vho_nl_stats) == VHO_STAT_NR);

static int vho_nl_stat_fill(struct sk_buff *skb, const struct vho_port *port, u32 stat, u64 value)
{
	if (nla_put_string(skb, VIRTUOSO_A_STAT_PORT, port->name) ||
	    nla_put_string(skb, VIRTUOSO_A_STAT_NAME, vho_nl_stats[stat].name) ||
	    nla_put_uint(skb, VIRTUOSO_A_STAT_VALUE, value) ||
	    nla_put_string(skb, VIRTUOSO_A_STAT_DOC, vho_nl_stats[stat].doc))
		return -EMSGSIZE;
	return 0;
}

/* The counters of @port from at->item on. */
static int vho_nl_stats_dump_port(struct sk_buff *skb, struct netlink_callback *cb,
				  struct vho_port *port)
{
	struct vho_nl_dump *at = vho_nl_dump(cb);
	u64 sum[VHO_STAT_NR];
	void *hdr;

	vho_port_stats_sum(port, sum);
	for (; at->item < VHO_STAT_NR; at->item++) {
		hdr = genlmsg_iput(skb, genl_info_dump(cb));
		if (!hdr)
			return -EMSGSIZE;
		genl_dump_check_consistent(cb, hdr);
		if (vho_nl_stat_fill(skb, port, at->item, sum[at->item])) {
			genlmsg_cancel(skb, hdr);
			return -EMSGSIZE;
		}
		genlmsg_end(skb, hdr);
	}
	return 0;
}

/* The port that a dump is limited to: NULL for all of them. */
static struct vho_port *vho_nl_stats_filter(struct netlink_callback *cb)
{
	const struct genl_info *info = genl_info_dump(cb);

	if (!info->attrs[VIRTUOSO_A_STAT_PORT])
		return NULL;
	return vho_nl_port_find(info->attrs[VIRTUOSO_A_STAT_PORT], cb->extack);
}

/* Context: NL. */
int virtuoso_nl_stats_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vho_port *only = vho_nl_stats_filter(cb);
	struct vho_nl_dump *at = vho_nl_dump(cb);
	struct vho_port *port;
	int err = 0;

	if (IS_ERR(only))
		return PTR_ERR(only);
	mutex_lock(&vho_ports_lock);
	cb->seq = vho_nl_ports_seq();
	while ((port = vho_port_next(at->port))) {
		if (port->index != at->port)
			at->item = 0;
		at->port = port->index;
		if (!port->dying && (!only || only == port))
			err = vho_nl_stats_dump_port(skb, cb, port);
		if (err)
			break;
		at->port++;
		at->item = 0;
	}
	mutex_unlock(&vho_ports_lock);
	if (only)
		vho_port_put(only);
	return err;
}
