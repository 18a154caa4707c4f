// SPDX-License-Identifier: GPL-2.0
/*
 * Control by generic netlink: registration, and what the handlers share.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <net/genetlink.h>

#include "nl.h"
#include "nl_event.h"
#include "nl_gen.h"
#include "port.h"

struct vho_port *vho_nl_port_find(const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	struct vho_port *port = vho_port_find(nla_data(attr));

	if (port)
		return port;
	NL_SET_ERR_MSG_ATTR_FMT(extack, attr, "there is no port named %s", (char *)nla_data(attr));
	return ERR_PTR(-ENOENT);
}

int vho_nl_filter_check(const struct nlattr *attr, struct netlink_callback *cb)
{
	struct vho_port *port;

	if (!attr)
		return 0;
	port = vho_nl_port_find(attr, cb->extack);
	if (IS_ERR(port))
		return PTR_ERR(port);
	vho_port_put(port);
	return 0;
}

struct sk_buff *vho_nl_reply_new_size(struct genl_info *info, size_t size, void **hdr)
{
	struct sk_buff *reply = genlmsg_new(size, GFP_KERNEL);

	if (!reply)
		return NULL;
	*hdr = genlmsg_iput(reply, info);
	if (*hdr)
		return reply;
	nlmsg_free(reply);
	return NULL;
}

int vho_nl_reply_send(struct sk_buff *reply, void *hdr, struct genl_info *info, int err)
{
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

/**
 * vho_nl_init() - make the family known
 *
 * Ports belong to the machine, not to a network namespace, and what they show is not for the
 * tenants in other namespaces: the family is in the initial namespace only. The generator has
 * no word for that.
 *
 * Context: INIT. From its return on, handlers run.
 * Return: 0 or an error of genl_register_family().
 */
int __init vho_nl_init(void)
{
	int err;

	virtuoso_nl_family.netnsok = false;
	err = genl_register_family(&virtuoso_nl_family);
	if (!err)
		vho_nl_event_init();
	return err;
}

/**
 * vho_nl_exit() - take the family away
 *
 * Context: INIT. No handler runs any more when it returns; dumps that were begun hold a
 * reference to the module, so that there are none.
 */
void vho_nl_exit(void)
{
	vho_nl_event_exit();
	genl_unregister_family(&virtuoso_nl_family);
}
