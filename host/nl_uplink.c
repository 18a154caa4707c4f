// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: uplinks, and the paths of flows.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/if_vlan.h>
#include <linux/ktime.h>
#include <linux/rtnetlink.h>
#include <linux/unaligned.h>
#include <linux/virtuoso.h>
#include <net/net_namespace.h>

#include "flow.h"
#include "nl.h"
#include "nl_gen.h"
#include "nl_uplink.h"
#include "path.h"
#include "uplink.h"

static_assert(VIRTUOSO_FLOW_PATH_STATE_OVER == (int)VHO_PATH_OVER);
static_assert(VIRTUOSO_FLOW_PATH_REASON_NEXT_HOP == (int)VHO_PATH_NEXT_HOP);

/* ---- uplinks ---- */

static int vho_nl_uplink_fill(struct sk_buff *skb, const struct net *net, struct vho_uplink *uplink)
{
	const struct net *own = dev_net(uplink->dev);

	if (nla_put_string(skb, VIRTUOSO_A_UPLINK_DEV, uplink->dev->name) ||
	    nla_put_u32(skb, VIRTUOSO_A_UPLINK_IFINDEX, uplink->dev->ifindex) ||
	    nla_put_u8(skb, VIRTUOSO_A_UPLINK_BYPASS, uplink->bypass) ||
	    nla_put_uint(skb, VIRTUOSO_A_UPLINK_LEARNED, atomic64_read(&uplink->learned)) ||
	    nla_put_uint(skb, VIRTUOSO_A_UPLINK_PROBES, atomic64_read(&uplink->probes)) ||
	    nla_put_u32(skb, VIRTUOSO_A_UPLINK_MTU, uplink->dev->mtu))
		return -EMSGSIZE;
	if (!net_eq(own, net) && nla_put_u32(skb, VIRTUOSO_A_UPLINK_NETNS_INO, own->ns.inum))
		return -EMSGSIZE;
	return 0;
}

/* Caller holds RTNL. Uplinks stand in the order in which they were added; dump->item have been told. */
static int vho_nl_uplink_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vho_nl_dump *at = vho_nl_dump(cb);
	struct vho_uplink *uplink;
	u32 n = 0;
	void *hdr;

	for (uplink = vho_uplink_next(NULL); uplink; uplink = vho_uplink_next(uplink)) {
		if (n++ < at->item)
			continue;
		hdr = genlmsg_iput(skb, genl_info_dump(cb));
		if (!hdr)
			return -EMSGSIZE;
		if (vho_nl_uplink_fill(skb, genl_info_net(genl_info_dump(cb)), uplink)) {
			genlmsg_cancel(skb, hdr);
			return -EMSGSIZE;
		}
		genlmsg_end(skb, hdr);
		at->item = n;
	}
	return 0;
}

/* Context: NL. */
int virtuoso_nl_uplink_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	int err;

	rtnl_lock();
	err = vho_nl_uplink_dump(skb, cb);
	rtnl_unlock();
	return err;
}

static const char *vho_nl_uplink_dev(struct genl_info *info)
{
	if (!GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_UPLINK_DEV))
		return nla_data(info->attrs[VIRTUOSO_A_UPLINK_DEV]);
	NL_SET_ERR_MSG(info->extack, "the name of the network interface is missing");
	return NULL;
}

/* The namespace that is meant, with a reference. */
static struct net *vho_nl_uplink_net(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[VIRTUOSO_A_UPLINK_NETNS_FD];
	struct net *net;

	if (!attr)
		return get_net(genl_info_net(info));
	net = get_net_ns_by_fd(nla_get_u32(attr));
	if (IS_ERR(net)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "not a network namespace");
	} else if (!netlink_ns_capable(skb, net->user_ns, CAP_NET_ADMIN)) {
		put_net(net);
		return ERR_PTR(-EPERM);
	}
	return net;
}

/* Context: NL. */
int virtuoso_nl_uplink_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *bypass = info->attrs[VIRTUOSO_A_UPLINK_BYPASS];
	const char *dev = vho_nl_uplink_dev(info);
	struct net *net;
	int err;

	if (!dev)
		return -EINVAL;
	net = vho_nl_uplink_net(skb, info);
	if (IS_ERR(net))
		return PTR_ERR(net);
	err = vho_uplink_add(net, dev, bypass && nla_get_u8(bypass), info->extack);
	put_net(net);
	return err;
}

/* Context: NL. */
int virtuoso_nl_uplink_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *dev = vho_nl_uplink_dev(info);
	struct net *net;
	int err;

	if (!dev)
		return -EINVAL;
	net = vho_nl_uplink_net(skb, info);
	if (IS_ERR(net))
		return PTR_ERR(net);
	err = vho_uplink_del(net, dev, info->extack);
	put_net(net);
	return err;
}

/* ---- the path of a flow ---- */

/* The number that tells virtual networks apart, of a layer that has one. */
static bool vho_nl_path_number(const struct vho_path *path, const struct vho_layer *layer, u32 *number)
{
	const u8 *p = path->bytes + layer->off;

	switch (layer->kind) {
	case VHO_LAYER_VLAN:
		*number = get_unaligned_be16(p) & VLAN_VID_MASK;
		return true;
	case VHO_LAYER_VXLAN:
	case VHO_LAYER_GENEVE:
		*number = get_unaligned_be24(p + 4);
		return true;
	case VHO_LAYER_GRE:
		*number = get_unaligned_be32(p + (path->h.flags & VHO_HEADERS_GRE_CSUM ? 8 : 4));
		return path->h.flags & VHO_HEADERS_GRE_KEY;
	}
	return false;
}

static int vho_nl_path_put_layers(struct sk_buff *skb, const struct vho_path *path)
{
	char text[160];
	unsigned int i;
	u32 number;
	int n = 0;

	for (i = 0; i + 1 < path->h.nr; i++) {
		const struct vho_layer *layer = &path->h.layer[i];

		n += scnprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "",
			       vho_layer_names[layer->kind]);
		if (vho_nl_path_number(path, layer, &number))
			n += scnprintf(text + n, sizeof(text) - n, ":%u", number);
		/* The outer tag comes right behind the Ethernet header that it is not in. */
		if (!i && path->vlan_proto)
			n += scnprintf(text + n, sizeof(text) - n, " vlan:%u",
				       path->vlan_tci & VLAN_VID_MASK);
	}
	return nla_put_string(skb, VIRTUOSO_A_FLOW_PATH_LAYERS, text);
}

static u64 vho_nl_path_age_us(u64 at_ns)
{
	u64 now_ns = ktime_get_ns();

	return now_ns > at_ns ? div_u64(now_ns - at_ns, NSEC_PER_USEC) : 0;
}

static int vho_nl_path_put(struct sk_buff *skb, const struct vho_path *path)
{
	if (nla_put_string(skb, VIRTUOSO_A_FLOW_PATH_DEV, path->dev->name) ||
	    vho_nl_path_put_layers(skb, path) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_PATH_MSS, path->mss_limit) ||
	    nla_put_uint(skb, VIRTUOSO_A_FLOW_PATH_AGE_US, vho_nl_path_age_us(path->learned_ns)) ||
	    nla_put_uint(skb, VIRTUOSO_A_FLOW_PATH_TX_PACKETS, READ_ONCE(path->hits)))
		return -EMSGSIZE;
	return 0;
}

static int vho_nl_path_put_track(struct sk_buff *skb, const struct vho_path_track *track)
{
	u64 verified_ns = READ_ONCE(track->verified_ns);

	if (nla_put_u32(skb, VIRTUOSO_A_FLOW_PATH_STATE, READ_ONCE(track->state)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_PATH_REASON, READ_ONCE(track->reason)) ||
	    nla_put_uint(skb, VIRTUOSO_A_FLOW_PATH_RX_PACKETS, READ_ONCE(track->rx.hits)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_PATH_CHANGES, READ_ONCE(track->changes)) ||
	    nla_put_u32(skb, VIRTUOSO_A_FLOW_PATH_LOSSES, READ_ONCE(track->losses)))
		return -EMSGSIZE;
	if (!verified_ns)
		return 0;
	return nla_put_uint(skb, VIRTUOSO_A_FLOW_PATH_VERIFIED_US, vho_nl_path_age_us(verified_ns));
}

int vho_nl_path_fill(struct sk_buff *skb, const struct vho_flow *flow)
{
	const struct vho_path_track *track;
	const struct vho_path *path;
	int err = 0;

	rcu_read_lock();
	track = rcu_dereference(flow->track);
	path = track ? rcu_dereference(track->path) : NULL;
	if (track)
		err = vho_nl_path_put_track(skb, track);
	if (path && !err)
		err = vho_nl_path_put(skb, path);
	rcu_read_unlock();
	return err;
}
