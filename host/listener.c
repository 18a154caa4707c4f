// SPDX-License-Identifier: GPL-2.0
/*
 * Listeners and local addresses of the guests.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/rculist.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "flow.h"
#include "listener.h"
#include "policy.h"
#include "port.h"

struct vho_listener_key {
	struct in6_addr addr;	/* unspecified: every address of the guest */
	u32 port_index;
	__be16 lport;
	__be16 is_addr;		/* 1: not a listener but an address of the guest (lport 0) */
};

/**
 * struct vho_listener - the guest accepts connections to an address and port (or has an address)
 * @key: const
 * @hash: in the table while @hashed
 * @rcu: frees it
 * @node: in port->listeners while @hashed; RCU readers
 * @port: whose
 * @backlog: limit of @pending
 * @defer_s: how long a connection waits for its first data before the guest hears of it
 * @pending: connections being established, or established and not yet taken by the guest
 * @hashed: not: deleted, lives until @pending is 0
 */
struct vho_listener {
	struct vho_listener_key key;
	struct rhash_head hash;
	struct rcu_head rcu;
	struct list_head node;
	struct vho_port *port;
	u32 backlog;
	u16 defer_s;
	u32 pending;
	bool hashed;
};

static struct rhashtable vho_listener_table;

static const struct rhashtable_params vho_listener_params = {
	.key_len = sizeof(struct vho_listener_key),
	.key_offset = offsetof(struct vho_listener, key),
	.head_offset = offsetof(struct vho_listener, hash),
	.automatic_shrinking = true,
};

int vho_listeners_init(void)
{
	return rhashtable_init(&vho_listener_table, &vho_listener_params);
}

void vho_listeners_exit(void)
{
	rhashtable_destroy(&vho_listener_table);
}

static struct vho_listener_key vho_listener_key(const struct vho_port *port,
						const struct in6_addr *addr, __be16 lport,
						bool is_addr)
{
	struct vho_listener_key key = {
		.port_index = port->index,
		.lport = lport,
		.is_addr = is_addr ? htons(1) : 0,
	};

	/* ::ffff:0.0.0.0 means the same as ::. */
	if (!ipv6_addr_v4mapped(addr) || addr->s6_addr32[3])
		key.addr = *addr;
	return key;
}

static struct vho_listener *vho_listener_find(const struct vho_listener_key *key)
{
	return rhashtable_lookup(&vho_listener_table, key, vho_listener_params);
}

/* RCU read side or slow path. The most specific listener. */
static struct vho_listener *vho_listener_match(struct vho_port *port,
					       const struct vho_flow_key *flow_key)
{
	struct vho_listener_key key;
	struct vho_listener *listener;

	key = vho_listener_key(port, &flow_key->laddr, 0, true);
	if (!vho_listener_find(&key))
		return NULL;
	key = vho_listener_key(port, &flow_key->laddr, flow_key->lport, false);
	listener = vho_listener_find(&key);
	if (listener)
		return listener;
	memset(&key.addr, 0, sizeof(key.addr));
	return vho_listener_find(&key);
}

bool vho_listener_wants(struct vho_port *port, const struct vho_flow_key *key)
{
	return vho_listener_match(port, key);
}

static u32 vho_listener_insert(struct vho_port *port, const struct vho_listener_key *key,
			       u32 backlog, u16 defer_s, u32 *count, u32 limit)
{
	struct vho_listener *listener;
	int err;

	if (*count >= limit) {
		if (!key->is_addr)
			vho_port_stat_inc(port, VHO_STAT_sp_limit_listeners);
		return VIRTUOSO_STATUS_NOMEM;
	}
	listener = kzalloc(sizeof(*listener), GFP_KERNEL);
	if (!listener)
		return VIRTUOSO_STATUS_NOMEM;
	listener->key = *key;
	listener->port = port;
	listener->backlog = backlog;
	listener->defer_s = defer_s;
	err = rhashtable_lookup_insert_fast(&vho_listener_table, &listener->hash,
					    vho_listener_params);
	if (err) {
		kfree(listener);
		return err == -EEXIST ? VIRTUOSO_STATUS_EXIST : VIRTUOSO_STATUS_NOMEM;
	}
	listener->hashed = true;
	list_add_tail_rcu(&listener->node, &port->listeners);
	WRITE_ONCE(port->listeners_gen, port->listeners_gen + 1);
	++*count;
	return VIRTUOSO_STATUS_OK;
}

static void vho_listener_remove(struct vho_listener *listener)
{
	struct vho_port *port = listener->port;

	rhashtable_remove_fast(&vho_listener_table, &listener->hash, vho_listener_params);
	listener->hashed = false;
	list_del_rcu(&listener->node);
	WRITE_ONCE(port->listeners_gen, port->listeners_gen + 1);
	if (listener->key.is_addr)
		port->nr_addrs--;
	else
		port->nr_listeners--;
	if (!listener->pending)
		kfree_rcu(listener, rcu);
}

static u32 vho_listener_drop(const struct vho_listener_key *key)
{
	struct vho_listener *listener;

	rcu_read_lock();
	listener = vho_listener_find(key);
	if (listener)
		vho_listener_remove(listener);
	rcu_read_unlock();
	return listener ? VIRTUOSO_STATUS_OK : VIRTUOSO_STATUS_NOENT;
}

u32 vho_listener_add(struct vho_port *port, const struct in6_addr *addr, __be16 lport, u32 backlog,
		     u16 defer_s)
{
	struct vho_listener_key key = vho_listener_key(port, addr, lport, false);
	struct vho_listener *listener;

	if (!lport)
		return VIRTUOSO_STATUS_INVAL;
	if (!ipv6_addr_any(&key.addr) && !vho_policy_source_ok(port, addr))
		return VIRTUOSO_STATUS_PERM;
	backlog = clamp(backlog, 1u, (u32)VHO_BACKLOG_MAX);
	rcu_read_lock();
	listener = vho_listener_find(&key);
	if (listener) {
		listener->backlog = backlog;
		WRITE_ONCE(listener->defer_s, defer_s);
	}
	rcu_read_unlock();
	if (listener)
		return VIRTUOSO_STATUS_OK;
	return vho_listener_insert(port, &key, backlog, defer_s, &port->nr_listeners,
				   READ_ONCE(port->limit.cfg.max_listeners));
}

u32 vho_listener_del(struct vho_port *port, const struct in6_addr *addr, __be16 lport)
{
	struct vho_listener_key key = vho_listener_key(port, addr, lport, false);

	return vho_listener_drop(&key);
}

u32 vho_addr_add(struct vho_port *port, const struct in6_addr *addr)
{
	struct vho_listener_key key = vho_listener_key(port, addr, 0, true);

	if (ipv6_addr_any(&key.addr) || ipv6_addr_is_multicast(&key.addr))
		return VIRTUOSO_STATUS_INVAL;
	if (!vho_policy_source_ok(port, addr))
		return VIRTUOSO_STATUS_PERM;
	return vho_listener_insert(port, &key, 0, 0, &port->nr_addrs, VHO_ADDRS_MAX);
}

u32 vho_addr_del(struct vho_port *port, const struct in6_addr *addr)
{
	struct vho_listener_key key = vho_listener_key(port, addr, 0, true);

	return vho_listener_drop(&key);
}

void vho_listeners_flush(struct vho_port *port)
{
	struct vho_listener *listener, *next;

	list_for_each_entry_safe(listener, next, &port->listeners, node)
		vho_listener_remove(listener);
}

struct vho_listener *vho_listener_reserve(struct vho_port *port, const struct vho_flow_key *key,
					  bool *full)
{
	struct vho_listener *listener;

	*full = false;
	rcu_read_lock();
	listener = vho_listener_match(port, key);
	if (listener && listener->pending >= listener->backlog) {
		*full = true;
		listener = NULL;
	}
	if (listener)
		listener->pending++;
	rcu_read_unlock();
	return listener;
}

u16 vho_listener_defer_s(const struct vho_listener *listener)
{
	return READ_ONCE(listener->defer_s);
}

void vho_listener_release(struct vho_listener *listener)
{
	if (!--listener->pending && !listener->hashed)
		kfree_rcu(listener, rcu);
}

int vho_listeners_show(struct vho_port *port, u32 *item,
		       int (*show)(const struct vho_listener_info *info, void *arg), void *arg)
{
	struct vho_listener_info info;
	struct vho_listener *listener;
	u32 place = 0;
	int err = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(listener, &port->listeners, node) {
		if (listener->key.is_addr || place++ < *item)
			continue;
		info.addr = listener->key.addr;
		info.lport = listener->key.lport;
		info.backlog = READ_ONCE(listener->backlog);
		info.pending = READ_ONCE(listener->pending);
		err = show(&info, arg);
		if (err)
			break;
		*item = place;
	}
	rcu_read_unlock();
	return err;
}
