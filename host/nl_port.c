// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: ports.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/virtio_config.h>
#include <linux/virtuoso.h>

#include "cores.h"
#include "move.h"
#include "nl.h"
#include "nl_budget.h"
#include "nl_event.h"
#include "nl_gen.h"
#include "port.h"

static atomic_t vho_nl_ports_changes = ATOMIC_INIT(0);

unsigned int vho_nl_ports_seq(void)
{
	unsigned int seq = atomic_read(&vho_nl_ports_changes);

	return seq ? seq : 1;
}

static void vho_nl_ports_changed(void)
{
	atomic_inc(&vho_nl_ports_changes);
	if (!atomic_read(&vho_nl_ports_changes))
		atomic_inc(&vho_nl_ports_changes);
}

/* Status field of the virtio device to enum virtuoso_device_status. */
static u32 vho_nl_device_status(u8 status)
{
	static const struct {
		u8 virtio;
		u8 nl;
	} map[] = {
		{ VIRTIO_CONFIG_S_ACKNOWLEDGE, VIRTUOSO_DEVICE_STATUS_ACKNOWLEDGE },
		{ VIRTIO_CONFIG_S_DRIVER, VIRTUOSO_DEVICE_STATUS_DRIVER },
		{ VIRTIO_CONFIG_S_DRIVER_OK, VIRTUOSO_DEVICE_STATUS_DRIVER_OK },
		{ VIRTIO_CONFIG_S_FEATURES_OK, VIRTUOSO_DEVICE_STATUS_FEATURES_OK },
		{ VIRTIO_CONFIG_S_NEEDS_RESET, VIRTUOSO_DEVICE_STATUS_NEEDS_RESET },
		{ VIRTIO_CONFIG_S_FAILED, VIRTUOSO_DEVICE_STATUS_FAILED },
	};
	u32 ret = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(map); i++)
		if (status & map[i].virtio)
			ret |= map[i].nl;
	return ret;
}

/* guid_t has its first three fields in little endian; the attribute is as RFC 4122 has it. */
static void vho_nl_swap_uuid(u8 to[UUID_SIZE], const u8 from[UUID_SIZE])
{
	static const u8 order[UUID_SIZE] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	int i;

	for (i = 0; i < UUID_SIZE; i++)
		to[i] = from[order[i]];
}

static int vho_nl_put_uuid(struct sk_buff *skb, const guid_t *uuid)
{
	u8 b[UUID_SIZE];

	vho_nl_swap_uuid(b, uuid->b);
	return nla_put(skb, VIRTUOSO_A_PORT_UUID, sizeof(b), b);
}

/* What the device looks like; a snapshot, each field by itself. */
static int vho_nl_port_fill_device(struct sk_buff *skb, struct vho_port *port)
{
	struct vho_vdev *vdev = &port->vdev;

	if (READ_ONCE(vdev->ops) && nla_put_flag(skb, VIRTUOSO_A_PORT_ATTACHED))
		return -EMSGSIZE;
	if (READ_ONCE(vdev->running) && nla_put_flag(skb, VIRTUOSO_A_PORT_RUNNING))
		return -EMSGSIZE;
	if (nla_put_u32(skb, VIRTUOSO_A_PORT_DEVICE_STATUS,
			vho_nl_device_status(vho_vdev_status(vdev))))
		return -EMSGSIZE;
	return nla_put_uint(skb, VIRTUOSO_A_PORT_FEATURES, READ_ONCE(vdev->features));
}

static int vho_nl_port_fill_cores(struct sk_buff *skb, struct vho_port *port)
{
	unsigned int i, nr = vho_port_nr_groups(port);
	int err;

	err = nla_put_u32(skb, VIRTUOSO_A_PORT_CORES, nr);
	for (i = 0; i < nr && !err; i++)
		err = nla_put_u32(skb, VIRTUOSO_A_PORT_SERVED_BY,
				  vho_group_core_index(port->group[i]));
	return err;
}

/* The netdev is there, registered or not, as long as @port is. */
int vho_nl_port_fill(struct sk_buff *skb, struct vho_port *port)
{
	if (nla_put_string(skb, VIRTUOSO_A_PORT_NAME, port->name) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_INDEX, port->index) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_TYPE, port->type) ||
	    nla_put(skb, VIRTUOSO_A_PORT_MAC, ETH_ALEN, port->mac) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_MAX_FLOWS, READ_ONCE(port->max_flows)) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_MTU, READ_ONCE(port->netdev->mtu)) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_IFINDEX, READ_ONCE(port->netdev->ifindex)))
		return -EMSGSIZE;
	if (port->type == VIRTUOSO_PORT_TYPE_VM && vho_nl_put_uuid(skb, &port->uuid))
		return -EMSGSIZE;
	if (vho_nl_port_fill_device(skb, port))
		return -EMSGSIZE;
	if (nla_put_u32(skb, VIRTUOSO_A_PORT_CORE, vho_group_core_index(port->group[0])) ||
	    (!vho_port_pinned(port) && nla_put_flag(skb, VIRTUOSO_A_PORT_CORE_AUTO)) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_JOIN, !READ_ONCE(port->join_off)) ||
	    nla_put_u32(skb, VIRTUOSO_A_PORT_FLOWS, READ_ONCE(port->nr_flows)) ||
	    nla_put_uint(skb, VIRTUOSO_A_PORT_BUSY_NS, vho_port_busy_ns(port)) ||
	    nla_put_uint(skb, VIRTUOSO_A_PORT_SLOW_NS,
			 READ_ONCE(port->slow_ns) + READ_ONCE(port->ctrl.ns)))
		return -EMSGSIZE;
	return vho_nl_port_fill_cores(skb, port) ?: vho_nl_budget_port_fill(skb, port) ?:
	       vho_nl_limit_port_fill(skb, port);
}

static int vho_nl_port_reply(struct sk_buff *reply, void *hdr, struct genl_info *info,
			     struct vho_port *port)
{
	int err;

	mutex_lock(&vho_ports_lock);
	if (port->dying) {
		NL_SET_ERR_MSG(info->extack, "the port is being deleted");
		err = -ENOENT;
	} else {
		err = vho_nl_port_fill(reply, port);
	}
	mutex_unlock(&vho_ports_lock);
	return vho_nl_reply_send(reply, hdr, info, err);
}

/* The port that the request is about, with a reference. */
static struct vho_port *vho_nl_port_of(struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_PORT_NAME)) {
		NL_SET_ERR_MSG(info->extack, "the name of the port is missing");
		return ERR_PTR(-EINVAL);
	}
	return vho_nl_port_find(info->attrs[VIRTUOSO_A_PORT_NAME], info->extack);
}

static int vho_nl_port_config(struct genl_info *info, struct vho_port_config *cfg)
{
	struct nlattr **attrs = info->attrs;

	if (GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_PORT_NAME)) {
		NL_SET_ERR_MSG(info->extack, "the name of the port is missing");
		return -EINVAL;
	}
	if (GENL_REQ_ATTR_CHECK(info, VIRTUOSO_A_PORT_TYPE)) {
		NL_SET_ERR_MSG(info->extack, "the type of the port is missing");
		return -EINVAL;
	}
	cfg->name = nla_data(attrs[VIRTUOSO_A_PORT_NAME]);
	cfg->type = nla_get_u32(attrs[VIRTUOSO_A_PORT_TYPE]);
	if (attrs[VIRTUOSO_A_PORT_MAC]) {
		nla_memcpy(cfg->mac, attrs[VIRTUOSO_A_PORT_MAC], ETH_ALEN);
		if (!is_valid_ether_addr(cfg->mac)) {
			NL_SET_ERR_MSG_ATTR(info->extack, attrs[VIRTUOSO_A_PORT_MAC],
					    "the MAC address must be a unicast address");
			return -EINVAL;
		}
	}
	if (attrs[VIRTUOSO_A_PORT_MAX_FLOWS])
		cfg->max_flows = nla_get_u32(attrs[VIRTUOSO_A_PORT_MAX_FLOWS]);
	if (attrs[VIRTUOSO_A_PORT_CORES])
		cfg->nr_groups = nla_get_u32(attrs[VIRTUOSO_A_PORT_CORES]);
	if (attrs[VIRTUOSO_A_PORT_MTU])
		cfg->mtu = nla_get_u32(attrs[VIRTUOSO_A_PORT_MTU]);
	if (attrs[VIRTUOSO_A_PORT_UUID]) {
		vho_nl_swap_uuid(cfg->uuid.b, nla_data(attrs[VIRTUOSO_A_PORT_UUID]));
		if (cfg->type != VIRTUOSO_PORT_TYPE_VM || guid_is_null(&cfg->uuid)) {
			NL_SET_ERR_MSG_ATTR(info->extack, attrs[VIRTUOSO_A_PORT_UUID],
					    "only a port of type vm has a UUID, and that is not zero");
			return -EINVAL;
		}
	}
	return 0;
}

static bool vho_nl_port_move_given(const struct genl_info *info)
{
	return info->attrs[VIRTUOSO_A_PORT_CORE] || info->attrs[VIRTUOSO_A_PORT_CORE_AUTO];
}

static int vho_nl_port_move(struct genl_info *info, struct vho_port *port)
{
	struct nlattr **attrs = info->attrs;
	int err = 0;

	if (attrs[VIRTUOSO_A_PORT_CORE])
		err = vho_port_move(port, nla_get_u32(attrs[VIRTUOSO_A_PORT_CORE]), info->extack);
	if (!err && attrs[VIRTUOSO_A_PORT_CORE_AUTO])
		err = vho_port_move(port, VHO_CORE_AUTO, info->extack);
	return err;
}

static bool vho_nl_port_settings_given(const struct genl_info *info)
{
	return info->attrs[VIRTUOSO_A_PORT_MAX_FLOWS] || info->attrs[VIRTUOSO_A_PORT_JOIN] ||
	       info->attrs[VIRTUOSO_A_PORT_CORES] ||
	       vho_nl_budget_port_given(info) || vho_nl_limit_port_given(info) ||
	       vho_nl_port_move_given(info);
}

/* What of a port's place a request that is refused in the end may have changed. */
struct vho_nl_port_place {
	u32 nr_groups;
	u32 core;
	bool pinned;
};

static struct vho_nl_port_place vho_nl_port_place(const struct vho_port *port)
{
	return (struct vho_nl_port_place) {
		.nr_groups = vho_port_nr_groups(port),
		.core = vho_group_core_index(port->group[0]),
		.pinned = vho_port_pinned(port),
	};
}

static void vho_nl_port_back(struct genl_info *info, struct vho_port *port,
			     const struct vho_nl_port_place *old)
{
	if (vho_nl_port_move_given(info)) {
		vho_port_move(port, old->core, NULL);
		if (!old->pinned)
			vho_port_move(port, VHO_CORE_AUTO, NULL);
	}
	if (info->attrs[VIRTUOSO_A_PORT_CORES])
		vho_port_set_groups(port, old->nr_groups, NULL);
}

/* What depends on cores, and can fail. */
static int vho_nl_port_entitle(struct genl_info *info, struct vho_port *port)
{
	int err = vho_nl_port_move(info, port);

	if (!err && vho_nl_budget_port_given(info))
		err = vho_nl_budget_port_set(info, port);
	return err;
}

/* All settings that the request names, or none. What can fail comes first. */
static int vho_nl_port_apply(struct genl_info *info, struct vho_port *port)
{
	struct vho_nl_port_place old = vho_nl_port_place(port);
	struct nlattr **attrs = info->attrs;
	struct vho_limit_cfg limit;
	int err;

	err = vho_nl_limit_port_take(info, port, &limit);
	if (!err && attrs[VIRTUOSO_A_PORT_CORES])
		err = vho_port_set_groups(port, nla_get_u32(attrs[VIRTUOSO_A_PORT_CORES]),
					  info->extack);
	if (err)
		return err;
	err = vho_nl_port_entitle(info, port);
	if (err) {
		vho_nl_port_back(info, port, &old);
		return err;
	}
	if (vho_nl_limit_port_given(info)) {
		err = vho_limit_set(port, &limit, info->extack);
		if (err)
			return err;
	}
	if (attrs[VIRTUOSO_A_PORT_MAX_FLOWS])
		WRITE_ONCE(port->max_flows, nla_get_u32(attrs[VIRTUOSO_A_PORT_MAX_FLOWS]));
	/* What is joined is separated when the flow looks after its probes (join_probe.c). */
	if (attrs[VIRTUOSO_A_PORT_JOIN])
		WRITE_ONCE(port->join_off, !nla_get_u32(attrs[VIRTUOSO_A_PORT_JOIN]));
	return 0;
}

/* Context: NL. */
int virtuoso_nl_port_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_port_config cfg = {};
	struct vho_port *port;
	struct sk_buff *reply;
	void *hdr;
	int err;

	err = vho_nl_port_config(info, &cfg);
	if (err)
		return err;
	reply = vho_nl_reply_new(info, &hdr);
	if (!reply)
		return -ENOMEM;
	port = vho_port_create(genl_info_net(info), &cfg, info->extack);
	if (IS_ERR(port)) {
		nlmsg_free(reply);
		return PTR_ERR(port);
	}
	vho_nl_ports_changed();
	err = vho_nl_port_apply(info, port);
	if (err) {
		/* Nothing but the netdev was seen of it. A message about the reason is there already. */
		vho_port_delete(port, true, NULL);
		vho_nl_ports_changed();
		nlmsg_free(reply);
	} else {
		err = vho_nl_port_reply(reply, hdr, info, port);
	}
	vho_port_put(port);
	return err;
}

/* Context: NL. */
int virtuoso_nl_port_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_port *port = vho_nl_port_of(info);
	int err;

	if (IS_ERR(port))
		return PTR_ERR(port);
	err = vho_port_delete(port, nla_get_flag(info->attrs[VIRTUOSO_A_PORT_FORCE]), info->extack);
	vho_port_put(port);
	vho_nl_ports_changed();
	return err;
}

/* Context: NL. */
int virtuoso_nl_port_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_port *port = vho_nl_port_of(info);
	int err = -EINVAL;

	if (IS_ERR(port))
		return PTR_ERR(port);
	if (vho_nl_port_settings_given(info))
		err = vho_nl_port_apply(info, port);
	else
		NL_SET_ERR_MSG(info->extack, "nothing to change was given");
	if (!err)
		vho_nl_event_port_changed(port);
	vho_port_put(port);
	return err;
}

/* Context: NL. */
int virtuoso_nl_port_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_port *port = vho_nl_port_of(info);
	struct sk_buff *reply;
	void *hdr;
	int err;

	if (IS_ERR(port))
		return PTR_ERR(port);
	reply = vho_nl_reply_new(info, &hdr);
	err = reply ? vho_nl_port_reply(reply, hdr, info, port) : -ENOMEM;
	vho_port_put(port);
	return err;
}

static bool vho_nl_port_matches(struct vho_port *port, struct nlattr **want)
{
	if (port->dying)
		return false;
	if (want[VIRTUOSO_A_PORT_NAME] && nla_strcmp(want[VIRTUOSO_A_PORT_NAME], port->name))
		return false;
	if (want[VIRTUOSO_A_PORT_TYPE] && nla_get_u32(want[VIRTUOSO_A_PORT_TYPE]) != port->type)
		return false;
	return !want[VIRTUOSO_A_PORT_RUNNING] || READ_ONCE(port->vdev.running);
}

static int vho_nl_port_dump_one(struct sk_buff *skb, struct netlink_callback *cb,
				struct vho_port *port)
{
	void *hdr = genlmsg_iput(skb, genl_info_dump(cb));

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	if (vho_nl_port_fill(skb, port)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* Context: NL. */
int virtuoso_nl_port_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr **want = genl_info_dump(cb)->attrs;
	struct vho_nl_dump *at = vho_nl_dump(cb);
	struct vho_port *port;
	int err = 0;

	mutex_lock(&vho_ports_lock);
	cb->seq = vho_nl_ports_seq();
	for (port = vho_port_next(at->port); port && !err; port = vho_port_next(at->port)) {
		if (vho_nl_port_matches(port, want))
			err = vho_nl_port_dump_one(skb, cb, port);
		if (!err)
			at->port = port->index + 1;
	}
	mutex_unlock(&vho_ports_lock);
	return err;
}
