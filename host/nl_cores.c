// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: the set of fast-path cores.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/cpumask.h>
#include <linux/slab.h>
#include <linux/virtuoso.h>

#include "cores.h"
#include "cpus.h"
#include "nl.h"
#include "nl_gen.h"

static int vho_nl_cores_put_pool(struct sk_buff *skb, const struct cpumask *pool)
{
	char *text = kasprintf(GFP_KERNEL, "%*pbl", cpumask_pr_args(pool));
	int err;

	if (!text)
		return -ENOMEM;
	err = nla_put_string(skb, VIRTUOSO_A_CORES_POOL, text);
	kfree(text);
	return err;
}

static int vho_nl_cores_fill(struct sk_buff *skb, const struct vho_cores_config *cfg)
{
	int err = vho_nl_cores_put_pool(skb, &cfg->pool);

	if (err)
		return err;
	if (nla_put_u32(skb, VIRTUOSO_A_CORES_MIN_CORES, cfg->min) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORES_MAX_CORES, cfg->max) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORES_ADD_IDLE_PERMILLE, cfg->add_idle_permille) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORES_REMOVE_IDLE_PERMILLE, cfg->remove_idle_permille) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORES_PERIOD_US, cfg->period_us) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORES_HOLDOFF_US, cfg->holdoff_us) ||
	    nla_put_u32(skb, VIRTUOSO_A_CORES_RUNNING, vho_core_nr()))
		return -EMSGSIZE;
	return 0;
}

/* Context: NL. */
int virtuoso_nl_cores_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_cores_config *cfg = kmalloc(sizeof(*cfg), GFP_KERNEL);
	struct sk_buff *reply;
	void *hdr;
	int err;

	if (!cfg)
		return -ENOMEM;
	vho_cores_config_get(cfg);
	reply = vho_nl_reply_new(info, &hdr);
	err = reply ? vho_nl_reply_send(reply, hdr, info, vho_nl_cores_fill(reply, cfg)) : -ENOMEM;
	kfree(cfg);
	return err;
}

static void vho_nl_cores_u32(const struct genl_info *info, int attr, u32 *value)
{
	if (info->attrs[attr])
		*value = nla_get_u32(info->attrs[attr]);
}

/* What the request does not name stays. */
static int vho_nl_cores_parse(struct genl_info *info, struct vho_cores_config *cfg)
{
	struct nlattr *pool = info->attrs[VIRTUOSO_A_CORES_POOL];

	if (pool && cpulist_parse(nla_data(pool), &cfg->pool)) {
		NL_SET_ERR_MSG_ATTR(info->extack, pool, "the pool is not a list of CPUs such as 2-5");
		return -EINVAL;
	}
	/* The operator gives these CPUs, isolated or not. */
	if (pool)
		vho_cpus_isolated(&cfg->isolated, &cfg->pool);
	vho_nl_cores_u32(info, VIRTUOSO_A_CORES_MIN_CORES, &cfg->min);
	vho_nl_cores_u32(info, VIRTUOSO_A_CORES_MAX_CORES, &cfg->max);
	vho_nl_cores_u32(info, VIRTUOSO_A_CORES_ADD_IDLE_PERMILLE, &cfg->add_idle_permille);
	vho_nl_cores_u32(info, VIRTUOSO_A_CORES_REMOVE_IDLE_PERMILLE, &cfg->remove_idle_permille);
	vho_nl_cores_u32(info, VIRTUOSO_A_CORES_PERIOD_US, &cfg->period_us);
	vho_nl_cores_u32(info, VIRTUOSO_A_CORES_HOLDOFF_US, &cfg->holdoff_us);
	return 0;
}

/* Context: NL. */
int virtuoso_nl_cores_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_cores_config *cfg = kmalloc(sizeof(*cfg), GFP_KERNEL);
	int err;

	if (!cfg)
		return -ENOMEM;
	vho_cores_config_get(cfg);
	err = vho_nl_cores_parse(info, cfg);
	if (!err)
		err = vho_cores_config_set(cfg, info->extack);
	kfree(cfg);
	return err;
}
