/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control by generic netlink: the family "virtuoso". Handlers are in nl_port.c,
 * nl_flow.c, nl_core.c and nl_stats.c; nl_gen.[ch] come from
 * Documentation/netlink/specs/virtuoso.yaml (scripts/ynl-regen).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_NL_H
#define _VHO_NL_H

#include <linux/types.h>
#include <net/genetlink.h>

#include <virtuoso/compat.h>

struct nlattr;
struct vho_core;
struct sk_buff;
struct vho_port;

int vho_nl_init(void);
void vho_nl_exit(void);

/**
 * struct vho_nl_dump - where a dump of ports or of what belongs to them stands
 * @port: index of the port to go on with
 * @item: what to go on with within the port
 *
 * Lies in netlink_callback.ctx, zero when a dump begins.
 */
struct vho_nl_dump {
	u32 port;
	u32 item;
};

static inline struct vho_nl_dump *vho_nl_dump(struct netlink_callback *cb)
{
	NL_ASSERT_CTX_FITS(struct vho_nl_dump);
	return (struct vho_nl_dump *)cb->ctx;
}

/* The attributes of a port or core that a reply or an event has. Any context. 0 or -EMSGSIZE. */
int vho_nl_port_fill(struct sk_buff *skb, struct vho_port *port);
int vho_nl_core_fill(struct sk_buff *skb, struct vho_core *core);
/* The port that @attr names, with a reference, or an error with a message. */
struct vho_port *vho_nl_port_find(const struct nlattr *attr, struct netlink_ext_ack *extack);
/* Changes with every port that is made or deleted; never 0. For consistency of dumps. */
unsigned int vho_nl_ports_seq(void);
/* A dump is limited to the port that @attr names (NULL: is not): 0, or an error when there is none. */
int vho_nl_filter_check(const struct nlattr *attr, struct netlink_callback *cb);
/* An empty reply to @info, with room for @size bytes of attributes; *@hdr is its header. NULL: no memory. */
struct sk_buff *vho_nl_reply_new_size(struct genl_info *info, size_t size, void **hdr);
static inline struct sk_buff *vho_nl_reply_new(struct genl_info *info, void **hdr)
{
	return vho_nl_reply_new_size(info, GENLMSG_DEFAULT_SIZE, hdr);
}

/* Ends and sends @reply if @err is 0, else frees it. Returns the handler's result. */
int vho_nl_reply_send(struct sk_buff *reply, void *hdr, struct genl_info *info, int err);

#endif /* _VHO_NL_H */
