// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: fast-path cores.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/time64.h>
#include <linux/virtuoso.h>

#include "core.h"
#include "cores.h"
#include "nl.h"
#include "nl_budget.h"
#include "nl_gen.h"
#include "port.h"

int vho_nl_core_fill(struct sk_buff *skb, struct vho_core *core)
{
	if (nla_put_u32(skb, VIRTUOSO_A_CORE_INDEX, core->index) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORE_CPU, core->cpu) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORE_PORTS, vho_core_nr_ports(core)) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORE_POLL_US,
			div_u64(READ_ONCE(core->poll_ns), NSEC_PER_USEC)) ||
	    nla_put_uint(skb, VIRTUOSO_A_CORE_BUSY_NS, READ_ONCE(core->busy_ns)) ||
	    nla_put_uint(skb, VIRTUOSO_A_CORE_POLL_NS, READ_ONCE(core->poll_idle_ns)) ||
	    nla_put_uint(skb, VIRTUOSO_A_CORE_IDLE_NS, READ_ONCE(core->worker.idle_ns)) ||
	    nla_put_uint(skb, VIRTUOSO_A_CORE_TURNS, READ_ONCE(core->turns)) ||
	    nla_put_uint(skb, VIRTUOSO_A_CORE_WAKEUPS, READ_ONCE(core->worker.wakeups)))
		return -EMSGSIZE;
	return vho_nl_budget_core_fill(skb, core);
}

/* Caller holds vho_ports_lock. */
static struct vho_core *vho_nl_core_of(struct genl_info *info)
{
	struct nlattr *index = info->attrs[VIRTUOSO_A_CORE_INDEX];
	struct vho_core *core;

	if (GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_CORE_INDEX)) {
		NL_SET_ERR_MSG(info->extack, "the index of the core is missing");
		return ERR_PTR(-EINVAL);
	}
	core = vho_core_get(nla_get_u32(index));
	if (core)
		return core;
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, index, "there is no core %u", nla_get_u32(index));
	return ERR_PTR(-ENOENT);
}

/* Context: NL. */
int virtuoso_nl_core_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_core *core;
	struct sk_buff *reply;
	void *hdr;
	int err;

	reply = vho_nl_reply_new(info, &hdr);
	if (!reply)
		return -ENOMEM;
	mutex_lock(&vho_ports_lock);
	core = vho_nl_core_of(info);
	err = IS_ERR(core) ? PTR_ERR(core) : vho_nl_core_fill(reply, core);
	mutex_unlock(&vho_ports_lock);
	return vho_nl_reply_send(reply, hdr, info, err);
}

/* Caller holds vho_ports_lock. Cores that come and go meanwhile change nobody else's index. */
static int vho_nl_core_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vho_nl_dump *at = vho_nl_dump(cb);
	struct vho_core *core;
	void *hdr;

	while ((core = vho_core_next(at->item))) {
		hdr = genlmsg_iput(skb, genl_info_dump(cb));
		if (!hdr)
			return -EMSGSIZE;
		if (vho_nl_core_fill(skb, core)) {
			genlmsg_cancel(skb, hdr);
			return -EMSGSIZE;
		}
		genlmsg_end(skb, hdr);
		at->item = core->index + 1;
	}
	return 0;
}

/* Context: NL. */
int virtuoso_nl_core_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	int err;

	mutex_lock(&vho_ports_lock);
	err = vho_nl_core_dump(skb, cb);
	mutex_unlock(&vho_ports_lock);
	return err;
}

/* Context: NL. */
int virtuoso_nl_core_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *poll_us = info->attrs[VIRTUOSO_A_CORE_POLL_US];
	struct vho_core *core;
	int err = 0;

	if (!poll_us && !vho_nl_budget_core_given(info)) {
		NL_SET_ERR_MSG(info->extack, "nothing to change was given");
		return -EINVAL;
	}
	mutex_lock(&vho_ports_lock);
	core = vho_nl_core_of(info);
	if (IS_ERR(core))
		err = PTR_ERR(core);
	else if (vho_nl_budget_core_given(info))
		err = vho_nl_budget_core_set(info, core);
	if (!err && poll_us)
		WRITE_ONCE(core->poll_ns, nla_get_u32(poll_us) * (u64)NSEC_PER_USEC);
	mutex_unlock(&vho_ports_lock);
	return err;
}
