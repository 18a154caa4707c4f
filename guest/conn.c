// SPDX-License-Identifier: GPL-2.0
/*
 * Offloaded connections: objects, and the table of a device.
 *
 * Locks, outer before inner:
 *
 *   socket lock              a socket and its struct tcp_sock
 *   table->sem (read)        connect() makes a connection; may sleep
 *   netdev transmit lock     the stack hands us a packet (vgu_conn_xmit())
 *   chan->lock (spin_bh)     encoding of records
 *   conn->lock (spin_bh)     what records are made from, and what records said
 *
 * incoming.c and listen.c have spin locks of their own that take no other; table->lock
 * does not either. Nothing is sent, woken or freed under conn->lock.
 *
 * State from the device is absolute: the completion handler stores the newest in
 * conn->up and vgu_conn_apply() brings it into the socket, at once when nobody owns the
 * socket, otherwise when its owner lets it go (vgu_release_cb()). State for the device is
 * absolute, too: tx_seq, rx_seq and sflags are set, the channel asks for a record when it
 * has a slot for it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "conn.h"

#include <linux/slab.h>
#include <net/tcp.h>

#include "conn_priv.h"
#include "listen.h"
#include "pernet.h"

struct workqueue_struct *vgu_wq;

static void vgu_conn_work(struct work_struct *work);

/**
 * vgu_conn_new() - make a connection object, without rings and flow
 * @dev: device, its netdev is alive
 * @gfp: GFP_KERNEL or GFP_ATOMIC
 *
 * Context: as @gfp says. Return: NULL when there is no memory. The caller owns the
 * table's reference, i.e. it must call vgu_conn_forget() or something that leads to it.
 */
struct vgu_conn *vgu_conn_new(struct vgu_dev *dev, gfp_t gfp)
{
	struct vgu_conn *conn = kzalloc(sizeof(*conn), gfp);

	if (!conn)
		return NULL;
	conn->dev = dev;
	INIT_LIST_HEAD(&conn->node.list);
	INIT_LIST_HEAD(&conn->orphan);
	INIT_LIST_HEAD(&conn->hop_node);
	spin_lock_init(&conn->lock);
	INIT_WORK(&conn->work, vgu_conn_work);
	refcount_set(&conn->ref, 1);
	conn->chan = vgu_chan_this_cpu(dev);
	netdev_hold(dev->netdev, &conn->netdev_tracker, gfp);
	spin_lock_bh(&dev->conns->lock);
	list_add_tail(&conn->all, &dev->conns->conns);
	spin_unlock_bh(&dev->conns->lock);
	return conn;
}

static void vgu_conn_ring_free(struct vgu_conn *conn, struct vgu_conn_ring *ring)
{
	if (ring->old_size)
		vgu_payload_free(conn->dev, &ring->old);
	vgu_payload_free(conn->dev, &ring->mem);
}

static int vgu_conn_rings(struct vgu_conn *conn, bool atomic)
{
	int (*alloc)(struct vgu_dev *dev, struct vgu_payload *ring) =
		atomic ? vgu_payload_alloc_atomic : vgu_payload_alloc;
	int err;

	err = alloc(conn->dev, &conn->tx.mem);
	if (err)
		return err;
	err = alloc(conn->dev, &conn->rx.mem);
	if (err) {
		vgu_payload_free(conn->dev, &conn->tx.mem);
		return err;
	}
	conn->tx.size = 1U << conn->tx.mem.abi.size_log2;
	conn->rx.size = 1U << conn->rx.mem.abi.size_log2;
	return 0;
}

/**
 * vgu_conn_equip() - get payload rings and a flow identifier
 * @conn: connection object that has none
 * @atomic: must not sleep
 *
 * Return: 0, -ENOMEM (with @atomic: worth another try after vgu_conn_payload_ready()),
 * -EBUSY when no flow is free, -ENODEV.
 */
int vgu_conn_equip(struct vgu_conn *conn, bool atomic)
{
	struct vgu_dev *dev = conn->dev;
	int err;

	err = vgu_conn_rings(conn, atomic);
	if (err)
		return err;
	err = xa_alloc_bh(&dev->conns->flows, &conn->flow, conn,
			  XA_LIMIT(0, dev->max_flows - 1), atomic ? GFP_ATOMIC : GFP_KERNEL);
	if (err) {
		vgu_conn_ring_free(conn, &conn->tx);
		vgu_conn_ring_free(conn, &conn->rx);
		return err;
	}
	conn->equipped = true;
	return 0;
}

/* Gives rings and flow back; the device must not know the flow (any more). */
static void vgu_conn_unequip(struct vgu_conn *conn)
{
	if (!conn->equipped)
		return;
	conn->equipped = false;
	xa_erase_bh(&conn->dev->conns->flows, conn->flow);
	vgu_conn_ring_free(conn, &conn->tx);
	vgu_conn_ring_free(conn, &conn->rx);
}

/**
 * vgu_conn_get() - take a reference
 * @conn: connection that is referenced
 *
 * Context: any.
 */
void vgu_conn_get(struct vgu_conn *conn)
{
	refcount_inc(&conn->ref);
}

/**
 * vgu_conn_put() - drop a reference
 * @conn: connection
 *
 * Context: any.
 */
void vgu_conn_put(struct vgu_conn *conn)
{
	if (refcount_dec_and_test(&conn->ref)) {
		kfree_skb(conn->last_ack);
		kfree_rcu(conn, rcu);
	}
}

/**
 * vgu_conn_forget() - the device does not know the flow: drop everything that belongs to it
 * @conn: connection without a socket
 *
 * Ends the table's reference. Does nothing the second time.
 *
 * Context: any but under chan->lock or conn->lock.
 */
void vgu_conn_forget(struct vgu_conn *conn)
{
	struct vgu_dev *dev = conn->dev;
	struct vgu_hop *hop;
	bool mine;

	spin_lock_bh(&dev->conns->lock);
	mine = !list_empty(&conn->all);
	list_del_init(&conn->all);
	hop = __vgu_hop_leave(conn);
	spin_unlock_bh(&dev->conns->lock);
	vgu_hop_free(hop);
	if (!mine)
		return;
	vgu_chan_unqueue(conn->chan, &conn->node);
	vgu_conn_unequip(conn);
	netdev_put(dev->netdev, &conn->netdev_tracker);
	vgu_conn_put(conn);
}

/**
 * vgu_conn_attach() - make a connection that of a socket
 * @sk: socket of ours without a connection, locked
 * @conn: connection without a socket
 *
 * Context: socket locked, or a child that nobody else knows.
 */
void vgu_conn_attach(struct sock *sk, struct vgu_conn *conn)
{
	sock_hold(sk);
	vgu_conn_get(conn);
	spin_lock_bh(&conn->lock);
	conn->sk = sk;
	spin_unlock_bh(&conn->lock);
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, conn);
}

/**
 * vgu_conn_end() - part a socket and its connection
 * @sk: socket, locked
 * @conn: its connection
 * @flag: VIRTUOSO_SF_CLOSE or VIRTUOSO_SF_ABORT: what the device is to do
 *
 * Rings and flow live on until the device releases them.
 *
 * Context: socket locked. Does not sleep.
 */
void vgu_conn_end(struct sock *sk, struct vgu_conn *conn, u16 flag)
{
	bool forget;

	vgu_orphan_unlist(sk, conn);
	RCU_INIT_POINTER(inet_csk(sk)->icsk_ulp_data, NULL);
	/* Without a socket, vgu_conn_dev_del() knows by RCU only when nobody uses the channel. */
	rcu_read_lock();
	spin_lock_bh(&conn->lock);
	conn->sk = NULL;
	forget = conn->gone || (!conn->told && !(conn->todo & VGU_TODO_ATTACH));
	WRITE_ONCE(conn->state, VGU_CONN_ENDED);
	/* The rest of the data may lie in a ring that the device has not heard of yet. */
	conn->todo &= VGU_TODO_ATTACH | VGU_TODO_SETOPT | VGU_TODO_TX_RING | VGU_TODO_UPDATE;
	conn->sflags |= flag;
	conn->todo |= VGU_TODO_UPDATE;
	spin_unlock_bh(&conn->lock);
	if (forget)
		vgu_conn_forget(conn);
	else
		vgu_chan_queue(conn->chan, &conn->node);
	rcu_read_unlock();
	inet_csk(sk)->icsk_af_ops = vgu_native.af_ops;
	vgu_conn_put(conn);
	__sock_put(sk);
}

/**
 * vgu_conn_refuse() - tell the device to reset an incoming connection
 * @conn: made for it, without a socket
 *
 * The object goes away once the record is written, see vgu_conn_encode().
 *
 * Context: any but under chan->lock or conn->lock.
 */
void vgu_conn_refuse(struct vgu_conn *conn)
{
	vgu_conn_unequip(conn);
	spin_lock_bh(&conn->lock);
	WRITE_ONCE(conn->state, VGU_CONN_ENDED);
	conn->todo = VGU_TODO_REFUSE;
	spin_unlock_bh(&conn->lock);
	vgu_chan_queue(conn->chan, &conn->node);
}

/**
 * vgu_conn_queue() - have records submitted
 * @conn: connection
 * @todo: VGU_TODO_*
 *
 * Context: any but under chan->lock or conn->lock.
 */
void vgu_conn_queue(struct vgu_conn *conn, u8 todo)
{
	spin_lock_bh(&conn->lock);
	conn->todo |= todo;
	spin_unlock_bh(&conn->lock);
	vgu_chan_queue(conn->chan, &conn->node);
}

/**
 * vgu_conn_sk_get() - the socket of a connection, with a reference
 * @conn: connection
 *
 * Context: any but under conn->lock. Return: NULL when it has none (any more).
 */
struct sock *vgu_conn_sk_get(struct vgu_conn *conn)
{
	struct sock *sk;

	spin_lock_bh(&conn->lock);
	sk = conn->sk;
	if (sk)
		sock_hold(sk);
	spin_unlock_bh(&conn->lock);
	return sk;
}

/**
 * vgu_conn_kick() - bring news from the device into the socket, now or when it is let go
 * @conn: connection with new state in @conn->up
 *
 * Context: any but with a socket locked.
 */
void vgu_conn_kick(struct vgu_conn *conn)
{
	struct sock *sk = vgu_conn_sk_get(conn);

	if (!sk)
		return;
	local_bh_disable();
	bh_lock_sock(sk);
	if (!sock_owned_by_user(sk) && vgu_sk_conn(sk) == conn)
		vgu_conn_apply(sk, conn);
	bh_unlock_sock(sk);
	local_bh_enable();
	sock_put(sk);
}

/*
 * Holds a reference. Frees what REFUSE was sent for; repeats the answer to a socket that
 * seems to have missed it; brings news that came too early.
 */
static void vgu_conn_work(struct work_struct *work)
{
	struct vgu_conn *conn = container_of(work, struct vgu_conn, work);
	enum vgu_conn_state state = READ_ONCE(conn->state);

	if (state == VGU_CONN_ENDED && !conn->equipped)
		vgu_conn_forget(conn);
	else if (state == VGU_CONN_ANSWERED && READ_ONCE(conn->sk))
		vgu_connect_answer(conn);
	vgu_conn_kick(conn);
	vgu_conn_put(conn);
}

/**
 * vgu_conn_later() - have vgu_conn_work() look at a connection
 * @conn: connection
 *
 * Context: any.
 */
void vgu_conn_later(struct vgu_conn *conn)
{
	vgu_conn_get(conn);
	if (!queue_work(vgu_wq, &conn->work))
		vgu_conn_put(conn);
}

/**
 * vgu_conn_payload_ready() - payload rings are available again
 * @dev: device
 *
 * Context: process context, BH off.
 */
void vgu_conn_payload_ready(struct vgu_dev *dev)
{
	vgu_incoming_retry();
}

/* ---- Tables ---- */

/**
 * vgu_conn_table_get() - the table of a netdev's device, with a reference
 * @netdev: any netdev
 *
 * Context: any. Return: NULL when it is not ours or does not offload sockets.
 */
struct vgu_conn_table *vgu_conn_table_get(struct net_device *netdev)
{
	struct vgu_conn_table *table = NULL;
	struct vgu_dev *dev;

	rcu_read_lock();
	dev = vgu_dev_from_netdev(netdev);
	if (dev && dev->sock)
		table = READ_ONCE(dev->conns);
	if (table && !refcount_inc_not_zero(&table->ref))
		table = NULL;
	rcu_read_unlock();
	return table;
}

/**
 * vgu_conn_table_put() - drop a reference to a table
 * @table: table
 *
 * Context: any.
 */
void vgu_conn_table_put(struct vgu_conn_table *table)
{
	if (refcount_dec_and_test(&table->ref))
		kfree_rcu(table, rcu);
}

/**
 * vgu_conn_dev_add() - make the table of a device
 * @dev: device that is about to start
 *
 * Context: probe. Return: 0 or -errno.
 */
int vgu_conn_dev_add(struct vgu_dev *dev)
{
	struct vgu_conn_table *table;

	if (!dev->sock)
		return 0;
	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	table->dev = dev;
	xa_init_flags(&table->flows, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH);
	spin_lock_init(&table->lock);
	INIT_LIST_HEAD(&table->conns);
	hash_init(table->hops);
	INIT_LIST_HEAD(&table->hops_changed);
	INIT_WORK(&table->hops_work, vgu_hops_work);
	init_rwsem(&table->sem);
	refcount_set(&table->ref, 1);
	INIT_LIST_HEAD(&table->announced);
	WRITE_ONCE(dev->conns, table);
	vgu_listen_table_add(table);
	return 0;
}

static struct vgu_conn *vgu_conn_any(struct vgu_conn_table *table)
{
	struct vgu_conn *conn;

	spin_lock_bh(&table->lock);
	conn = list_first_entry_or_null(&table->conns, struct vgu_conn, all);
	if (conn)
		vgu_conn_get(conn);
	spin_unlock_bh(&table->lock);
	return conn;
}

/* The device is gone: fail the socket, if there is one, and take the rings away. */
static void vgu_conn_dev_gone(struct vgu_conn *conn)
{
	struct sock *sk;

	spin_lock_bh(&conn->lock);
	conn->gone = true;
	spin_unlock_bh(&conn->lock);
	sk = vgu_conn_sk_get(conn);
	if (sk) {
		lock_sock(sk);
		if (vgu_sk_conn(sk) == conn) {
			local_bh_disable();
			vgu_conn_fail(sk, conn, ECONNRESET);
			if (vgu_sk_conn(sk) == conn) {
				WRITE_ONCE(tcp_sk(sk)->copied_seq, tcp_sk(sk)->rcv_nxt);
				/* It may be used again, natively. */
				vgu_unconvert(sk);
				vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
			}
			local_bh_enable();
		}
		release_sock(sk);
		sock_put(sk);
	}
	vgu_conn_forget(conn);
}

/**
 * vgu_conn_dev_del() - a device goes away, its queues are stopped
 * @dev: device
 *
 * Every connection fails with ECONNRESET, listeners forget the device.
 *
 * Context: remove; sleeps, waits for socket calls that hold a ring.
 */
void vgu_conn_dev_del(struct vgu_dev *dev)
{
	struct vgu_conn_table *table = dev->conns;
	struct vgu_conn *conn;

	if (!table)
		return;
	down_write(&table->sem);
	table->dead = true;
	up_write(&table->sem);
	vgu_listen_table_del(table);
	vgu_incoming_dev_del(dev);
	while ((conn = vgu_conn_any(table))) {
		vgu_conn_dev_gone(conn);
		vgu_conn_put(conn);
	}
	flush_workqueue(vgu_wq);
	WRITE_ONCE(dev->conns, NULL);
	synchronize_net();
	xa_destroy(&table->flows);
	vgu_conn_table_put(table);
}

/**
 * vgu_conn_init() - what all devices share
 *
 * Context: module initialisation. Return: 0 or -errno.
 */
int vgu_conn_init(void)
{
	int err;

	vgu_wq = alloc_workqueue("virtuoso_guest", WQ_UNBOUND, 0);
	if (!vgu_wq)
		return -ENOMEM;
	err = vgu_hops_init();
	if (err)
		destroy_workqueue(vgu_wq);
	return err;
}

/**
 * vgu_conn_exit() - undo vgu_conn_init()
 *
 * Context: module exit, all devices are gone.
 */
void vgu_conn_exit(void)
{
	vgu_hops_exit();
	destroy_workqueue(vgu_wq);
}
