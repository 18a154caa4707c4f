// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: counters, one message for each port.
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

static size_t vho_nl_stats_size(bool explain)
{
	size_t size = nla_total_size(VHO_PORT_NAME_MAX + 1);
	enum vho_stat i;

	for (i = 0; i < VHO_STAT_NR; i++) {
		size += nla_total_size(nla_total_size(strlen(vho_nl_stats[i].name) + 1) +
				       nla_total_size_64bit(sizeof(u64)) +
				       (explain ? nla_total_size(strlen(vho_nl_stats[i].doc) + 1) : 0));
	}
	return size;
}

static int vho_nl_counter_fill(struct sk_buff *skb, enum vho_stat stat, u64 value, bool explain)
{
	struct nlattr *nest = nla_nest_start(skb, VIRTUOSO_A_STAT_COUNTER);

	if (!nest ||
	    nla_put_string(skb, VIRTUOSO_A_COUNTER_NAME, vho_nl_stats[stat].name) ||
	    nla_put_uint(skb, VIRTUOSO_A_COUNTER_VALUE, value) ||
	    (explain && nla_put_string(skb, VIRTUOSO_A_COUNTER_DOC, vho_nl_stats[stat].doc)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int vho_nl_stats_fill(struct sk_buff *skb, struct vho_port *port, bool explain)
{
	u64 sum[VHO_STAT_NR];
	enum vho_stat i;
	int err;

	vho_port_stats_sum(port, sum);
	err = nla_put_string(skb, VIRTUOSO_A_STAT_PORT, port->name);
	for (i = 0; i < VHO_STAT_NR && !err; i++)
		err = vho_nl_counter_fill(skb, i, sum[i], explain);
	return err;
}

/* Context: NL. */
int virtuoso_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	bool explain = info->attrs[VIRTUOSO_A_STAT_EXPLAIN];
	struct vho_port *port;
	struct sk_buff *reply;
	void *hdr;
	int err = -ENOMEM;

	if (GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_STAT_PORT)) {
		NL_SET_ERR_MSG(info->extack, "the name of the port is missing");
		return -EINVAL;
	}
	port = vho_nl_port_find(info->attrs[VIRTUOSO_A_STAT_PORT], info->extack);
	if (IS_ERR(port))
		return PTR_ERR(port);
	reply = vho_nl_reply_new_size(info, vho_nl_stats_size(explain), &hdr);
	if (reply)
		err = vho_nl_reply_send(reply, hdr, info, vho_nl_stats_fill(reply, port, explain));
	vho_port_put(port);
	return err;
}

static int vho_nl_stats_dump_port(struct sk_buff *skb, struct netlink_callback *cb,
				  struct vho_port *port)
{
	struct nlattr **want = genl_info_dump(cb)->attrs;
	void *hdr;

	if (port->dying || (want[VIRTUOSO_A_STAT_PORT] &&
			    nla_strcmp(want[VIRTUOSO_A_STAT_PORT], port->name)))
		return 0;
	hdr = genlmsg_iput(skb, genl_info_dump(cb));
	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	if (vho_nl_stats_fill(skb, port, want[VIRTUOSO_A_STAT_EXPLAIN])) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* Context: NL. */
int virtuoso_nl_stats_get_start(struct netlink_callback *cb)
{
	struct nlattr **want = genl_info_dump(cb)->attrs;

	/* At least one port fits into each buffer. */
	cb->min_dump_alloc = GENL_HDRLEN + NLMSG_HDRLEN +
			     vho_nl_stats_size(want[VIRTUOSO_A_STAT_EXPLAIN]);
	return vho_nl_filter_check(want[VIRTUOSO_A_STAT_PORT], cb);
}

/* Context: NL. */
int virtuoso_nl_stats_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vho_nl_dump *at = vho_nl_dump(cb);
	struct vho_port *port;
	int err = 0;

	mutex_lock(&vho_ports_lock);
	cb->seq = vho_nl_ports_seq();
	while (!err && (port = vho_port_next(at->port))) {
		err = vho_nl_stats_dump_port(skb, cb, port);
		if (!err)
			at->port = port->index + 1;
	}
	mutex_unlock(&vho_ports_lock);
	return err;
}
