// SPDX-License-Identifier: GPL-2.0
/*
 * Next hops: the neighbours that offloaded connections go to.
 *
 * The device makes the Ethernet headers of a connection, with the address that it was told. As
 * long as packets are a native stack's own, each of them asks the neighbour table, and each
 * acknowledgment confirms an entry there. Here the device's news do both (vgu_hop_used()): an entry
 * with a connection that gets on stays reachable without a question on the wire, one whose
 * connections get nowhere is verified. When the table has another address, the device hears of
 * it: at once, by notifier, for all connections that were looked after before, and otherwise
 * when the next one is.
 *
 * table->lock guards hops, their lists and vgu_conn.hop.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <net/dst.h>
#include <net/neighbour.h>
#include <net/netevent.h>
#include <net/tcp.h>

#include "conn_priv.h"
#include "pernet.h"

/* How often a connection that gets on looks at its neighbour. */
#define VGU_HOP_INTERVAL	HZ

/**
 * struct vgu_hop - a neighbour with connections
 * @hash: place in the table's hash, by @neigh
 * @changed: place in the table's list of those with @untold connections
 * @neigh: the neighbour, with a reference
 * @conns: connections, by hop_node
 * @untold: connections that have not heard of @mac yet
 * @mac: its address as last seen
 */
struct vgu_hop {
	struct hlist_node hash;
	struct list_head changed;
	struct neighbour *neigh;
	struct list_head conns;
	struct list_head untold;
	u8 mac[ETH_ALEN];
};

static struct vgu_hop *__vgu_hop_find(struct vgu_conn_table *table, const struct neighbour *neigh)
{
	struct vgu_hop *hop;

	hash_for_each_possible(table->hops, hop, hash, (unsigned long)neigh)
		if (hop->neigh == neigh)
			return hop;
	return NULL;
}

/**
 * __vgu_hop_leave() - a connection has no next hop any more
 * @conn: connection
 *
 * Context: table->lock is held. Return: what vgu_hop_free() is to have after it.
 */
struct vgu_hop *__vgu_hop_leave(struct vgu_conn *conn)
{
	struct vgu_hop *hop = conn->hop;

	if (!hop)
		return NULL;
	conn->hop = NULL;
	list_del_init(&conn->hop_node);
	if (!list_empty(&hop->conns) || !list_empty(&hop->untold))
		return NULL;
	hash_del(&hop->hash);
	list_del_init(&hop->changed);
	return hop;
}

/**
 * vgu_hop_free() - free a hop that its last connection has left
 * @hop: hop, or NULL
 *
 * Context: any but under table->lock.
 */
void vgu_hop_free(struct vgu_hop *hop)
{
	if (!hop)
		return;
	neigh_release(hop->neigh);
	kfree(hop);
}

static struct vgu_hop *vgu_hop_new(struct neighbour *neigh)
{
	struct vgu_hop *hop = kzalloc(sizeof(*hop), GFP_ATOMIC);

	if (!hop)
		return NULL;
	INIT_LIST_HEAD(&hop->changed);
	INIT_LIST_HEAD(&hop->conns);
	INIT_LIST_HEAD(&hop->untold);
	hop->neigh = neigh_clone(neigh);
	neigh_ha_snapshot(hop->mac, neigh, neigh->dev);
	return hop;
}

static bool vgu_hop_is(struct vgu_conn_table *table, const struct vgu_conn *conn,
		       const struct neighbour *neigh)
{
	bool is;

	spin_lock_bh(&table->lock);
	is = conn->hop && conn->hop->neigh == neigh;
	spin_unlock_bh(&table->lock);
	return is;
}

/* Without memory the connection does without the notifier. */
static void vgu_hop_enter(struct vgu_conn *conn, struct neighbour *neigh)
{
	struct vgu_conn_table *table = conn->dev->conns;
	struct vgu_hop *spare, *old = NULL, *hop;

	if (vgu_hop_is(table, conn, neigh))
		return;
	spare = vgu_hop_new(neigh);
	spin_lock_bh(&table->lock);
	/* Forgotten connections have no use for it. */
	if (!list_empty(&conn->all)) {
		old = __vgu_hop_leave(conn);
		hop = __vgu_hop_find(table, neigh);
		if (!hop && spare) {
			hop = spare;
			spare = NULL;
			hash_add(table->hops, &hop->hash, (unsigned long)neigh);
		}
		conn->hop = hop;
		if (hop)
			list_add_tail(&conn->hop_node, &hop->conns);
	}
	spin_unlock_bh(&table->lock);
	vgu_hop_free(old);
	vgu_hop_free(spare);
}

/**
 * vgu_hop_tell() - a connection's next hop has this address
 * @conn: connection that the device knows, or will by what is queued
 * @mac: Ethernet address
 *
 * Context: any but under table->lock or conn->lock.
 */
void vgu_hop_tell(struct vgu_conn *conn, const u8 *mac)
{
	bool other;

	spin_lock_bh(&conn->lock);
	other = !ether_addr_equal(conn->dmac, mac);
	if (other) {
		ether_addr_copy(conn->dmac, mac);
		conn->todo |= VGU_TODO_PEER_MAC;
	}
	spin_unlock_bh(&conn->lock);
	if (!other)
		return;
	vgu_netdev_count(conn->dev->netdev, next_hop_changed);
	vgu_chan_queue(conn->chan, &conn->node);
}

/* The neighbour that the native stack would send to, with a reference; NULL: none of our netdev. */
static struct neighbour *vgu_hop_resolve(struct sock *sk, struct vgu_conn *conn)
{
	struct dst_entry *dst = __sk_dst_check(sk, 0);

	if (!dst && !vgu_native.af_ops->rebuild_header(sk))
		dst = __sk_dst_get(sk);
	if (!dst || dst->dev != conn->dev->netdev)
		return NULL;
	return dst_neigh_lookup(dst, &inet_sk(sk)->inet_daddr);
}

/**
 * vgu_hop_start() - a connection is established
 * @sk: socket that is being converted, locked
 * @conn: its connection
 *
 * When the SYN did not go to the neighbour of the socket's route (NAT and packet marks may do
 * that), the socket does not know the next hop.
 *
 * Context: socket locked. Does not sleep.
 */
void vgu_hop_start(struct sock *sk, struct vgu_conn *conn)
{
	struct neighbour *neigh;
	u8 mac[ETH_ALEN];

	conn->hop_at = jiffies + VGU_HOP_INTERVAL;
	if (is_zero_ether_addr(conn->dmac))
		return;
	neigh = vgu_hop_resolve(sk, conn);
	if (!neigh)
		return;
	neigh_ha_snapshot(mac, neigh, neigh->dev);
	conn->hop_strange = (READ_ONCE(neigh->nud_state) & NUD_VALID) &&
			    !ether_addr_equal(mac, conn->dmac);
	neigh_release(neigh);
}

/* @neigh is what the socket's packets would be sent to. */
static void vgu_hop_look(struct vgu_conn *conn, struct neighbour *neigh, bool acked)
{
	u8 mac[ETH_ALEN], told[ETH_ALEN];
	u8 nud;

	vgu_hop_enter(conn, neigh);
	nud = READ_ONCE(neigh->nud_state);
	neigh_ha_snapshot(mac, neigh, neigh->dev);
	spin_lock_bh(&conn->lock);
	ether_addr_copy(told, conn->dmac);
	spin_unlock_bh(&conn->lock);
	if (acked && ether_addr_equal(mac, told))
		neigh_confirm(neigh);
	neigh_event_send(neigh, NULL);
	/* The device knows where an incoming connection came from: that is better than a guess. */
	if (nud & (is_zero_ether_addr(told) ? NUD_CONNECTED : NUD_VALID))
		vgu_hop_tell(conn, mac);
}

/**
 * vgu_hop_used() - the device said how a connection gets on
 * @sk: converted socket, locked
 * @conn: its connection
 * @acked: the peer has acknowledged data
 * @moved: it has, or has sent some
 *
 * Context: socket locked, BH off. Does not sleep.
 */
void vgu_hop_used(struct sock *sk, struct vgu_conn *conn, bool acked, bool moved)
{
	struct neighbour *neigh;

	if (conn->hop_strange || (moved && time_before(jiffies, conn->hop_at)))
		return;
	conn->hop_at = jiffies + VGU_HOP_INTERVAL;
	neigh = vgu_hop_resolve(sk, conn);
	if (!neigh)
		return;
	vgu_hop_look(conn, neigh, acked);
	neigh_release(neigh);
}

/* ---- Changes ---- */

/* The next connection to be told @mac, with a reference. */
static struct vgu_conn *vgu_hop_untold(struct vgu_conn_table *table, u8 *mac)
{
	struct vgu_conn *conn = NULL;
	struct vgu_hop *hop;

	spin_lock_bh(&table->lock);
	while ((hop = list_first_entry_or_null(&table->hops_changed, struct vgu_hop, changed))) {
		conn = list_first_entry_or_null(&hop->untold, struct vgu_conn, hop_node);
		if (conn) {
			list_move_tail(&conn->hop_node, &hop->conns);
			vgu_conn_get(conn);
			ether_addr_copy(mac, hop->mac);
			break;
		}
		list_del_init(&hop->changed);
	}
	spin_unlock_bh(&table->lock);
	return conn;
}

/**
 * vgu_hops_work() - tell the device of neighbours that have changed
 * @work: of a table
 *
 * Context: process.
 */
void vgu_hops_work(struct work_struct *work)
{
	struct vgu_conn_table *table = container_of(work, struct vgu_conn_table, hops_work);
	struct vgu_conn *conn;
	u8 mac[ETH_ALEN];

	while ((conn = vgu_hop_untold(table, mac))) {
		vgu_hop_tell(conn, mac);
		vgu_conn_put(conn);
		cond_resched();
	}
}

static void vgu_hop_changed(struct vgu_conn_table *table, struct neighbour *neigh)
{
	struct vgu_hop *hop;
	u8 mac[ETH_ALEN];
	bool other;

	neigh_ha_snapshot(mac, neigh, neigh->dev);
	spin_lock_bh(&table->lock);
	hop = __vgu_hop_find(table, neigh);
	other = hop && !ether_addr_equal(hop->mac, mac);
	if (other) {
		ether_addr_copy(hop->mac, mac);
		list_splice_tail_init(&hop->conns, &hop->untold);
		if (list_empty(&hop->changed))
			list_add_tail(&hop->changed, &table->hops_changed);
		/* As long as there is a connection, the table outlives the work. */
		queue_work(vgu_wq, &table->hops_work);
	}
	spin_unlock_bh(&table->lock);
}

static int vgu_hop_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct vgu_conn_table *table;
	struct neighbour *neigh = ptr;

	if (event != NETEVENT_NEIGH_UPDATE || !(READ_ONCE(neigh->nud_state) & NUD_VALID))
		return NOTIFY_DONE;
	table = vgu_conn_table_get(neigh->dev);
	if (table) {
		vgu_hop_changed(table, neigh);
		vgu_conn_table_put(table);
	}
	return NOTIFY_DONE;
}

static struct notifier_block vgu_hop_nb = {
	.notifier_call = vgu_hop_event,
};

/**
 * vgu_hops_init() - follow the neighbour tables
 *
 * Context: module initialisation. Return: 0 or -errno.
 */
int vgu_hops_init(void)
{
	return register_netevent_notifier(&vgu_hop_nb);
}

/**
 * vgu_hops_exit() - undo vgu_hops_init()
 *
 * Context: module exit.
 */
void vgu_hops_exit(void)
{
	unregister_netevent_notifier(&vgu_hop_nb);
}
