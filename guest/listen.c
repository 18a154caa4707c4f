// SPDX-License-Identifier: GPL-2.0
/*
 * Listeners: what the devices must know about them.
 *
 * A listener is a native one. It is entered here when it starts to listen; a work item
 * compares what each device should know (addresses of its netdev, listeners of the
 * netdev's namespace) with what it was told, and sends the difference. So devices,
 * addresses and listeners may come and go in any order, and in any context.
 *
 * Locks: vgu_listen_mutex (mutex) guards the list of tables and what each announced; the
 * work item holds it. Inside: vgu_listeners_lock (spin_bh) guards the list of listeners
 * and takes no other.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "listen.h"

#include <linux/inetdevice.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "conn_priv.h"
#include "pernet.h"

#define VGU_BACKLOG_MAX		4096
/* How long listen(2) waits for the devices to know. They answer at once, or are broken. */
#define VGU_LISTEN_WAIT		HZ

/**
 * struct vgu_listener - a listening socket of ours
 * @list: place in the list
 * @sk: socket, not counted: it takes itself off before it ends
 * @net: its namespace, as a value to compare
 * @addr: address it listens on, 0: all
 * @port: port
 */
struct vgu_listener {
	struct list_head list;
	const struct sock *sk;
	const struct net *net;
	__be32 addr;
	__be16 port;
};

/**
 * struct vgu_announced - an address or a listener, as a device knows it
 * @list: place in the table's list
 * @port: port, 0: this is an address
 * @addr: address
 * @known: backlog the device was told, 0: was not told
 * @wanted: backlog (an address: 1) it should know, 0: nothing
 * @known_defer_s: how long it was told to wait for the first data of a connection
 * @wanted_defer_s: how long it should
 */
struct vgu_announced {
	struct list_head list;
	__be16 port;
	__be32 addr;
	u32 known;
	u32 wanted;
	u16 known_defer_s;
	u16 wanted_defer_s;
};

static DEFINE_MUTEX(vgu_listen_mutex);
static LIST_HEAD(vgu_tables);
static DEFINE_SPINLOCK(vgu_listeners_lock);
static LIST_HEAD(vgu_listeners);

/* Rounds of the work item asked for and done; asked is guarded by vgu_listeners_lock. */
static unsigned long vgu_listen_asked;
static unsigned long vgu_listen_done;
static DECLARE_WAIT_QUEUE_HEAD(vgu_listen_wq);

static void vgu_listen_work_fn(struct work_struct *work);
static DECLARE_WORK(vgu_listen_work, vgu_listen_work_fn);

/* Has the devices told, soon. Return: the round that will have done it. */
static unsigned long vgu_listen_update(void)
{
	unsigned long round;

	spin_lock_bh(&vgu_listeners_lock);
	round = ++vgu_listen_asked;
	spin_unlock_bh(&vgu_listeners_lock);
	queue_work(vgu_wq, &vgu_listen_work);
	return round;
}

/* ---- Telling a device ---- */

static struct vgu_announced *vgu_announced_want(struct vgu_conn_table *table, __be32 addr,
						__be16 port, u32 backlog, u16 defer_s)
{
	struct vgu_announced *a;

	list_for_each_entry(a, &table->announced, list)
		if (a->addr == addr && a->port == port)
			goto found;
	a = kzalloc(sizeof(*a), GFP_ATOMIC);
	if (!a)
		return NULL;
	a->addr = addr;
	a->port = port;
	list_add_tail(&a->list, &table->announced);
found:
	/* The most impatient one counts. */
	a->wanted_defer_s = a->wanted ? min(a->wanted_defer_s, defer_s) : defer_s;
	a->wanted = min(a->wanted + backlog, VGU_BACKLOG_MAX);
	return a;
}

static bool vgu_announced_addr(struct vgu_conn_table *table, __be32 addr)
{
	struct vgu_announced *a;

	list_for_each_entry(a, &table->announced, list)
		if (a->addr == addr && !a->port && a->wanted)
			return true;
	return false;
}

/* The addresses of the netdev. */
static void vgu_want_addrs(struct vgu_conn_table *table)
{
	const struct in_ifaddr *ifa;
	struct in_device *in_dev;

	rcu_read_lock();
	in_dev = __in_dev_get_rcu(table->dev->netdev);
	if (in_dev)
		in_dev_for_each_ifa_rcu(ifa, in_dev)
			if (!vgu_announced_addr(table, ifa->ifa_local))
				vgu_announced_want(table, ifa->ifa_local, 0, 1, 0);
	rcu_read_unlock();
}

/* TCP_DEFER_ACCEPT, which the stack keeps as a number of time-outs. */
static u16 vgu_listener_defer_s(const struct sock *sk)
{
	u8 timeouts = READ_ONCE(inet_csk(sk)->icsk_accept_queue.rskq_defer_accept);
	u32 timeout_s = TCP_TIMEOUT_INIT / HZ;
	u32 sum_s = 0;

	for (; timeouts; timeouts--) {
		sum_s += timeout_s;
		timeout_s = min_t(u32, 2 * timeout_s, TCP_RTO_MAX / HZ);
	}
	return min_t(u32, sum_s, U16_MAX);
}

/* The listeners that those addresses reach. Several on one port share a backlog. */
static void vgu_want_listeners(struct vgu_conn_table *table)
{
	const struct net_device *netdev = table->dev->netdev;
	const struct net *net;
	struct vgu_listener *l;

	/* The netdev may be leaving its namespace, which goes then. */
	rcu_read_lock();
	net = dev_net(netdev);
	if (!READ_ONCE(vgu_pernet(net)->enabled))
		goto unlock;
	spin_lock_bh(&vgu_listeners_lock);
	list_for_each_entry(l, &vgu_listeners, list) {
		int bound = READ_ONCE(l->sk->sk_bound_dev_if);
		u32 backlog = clamp_t(u32, READ_ONCE(l->sk->sk_max_ack_backlog), 1,
				      VGU_BACKLOG_MAX);

		if (l->net != net || (bound && bound != netdev->ifindex))
			continue;
		if (l->addr && !vgu_announced_addr(table, l->addr))
			continue;
		vgu_announced_want(table, l->addr, l->port, backlog, vgu_listener_defer_s(l->sk));
	}
	spin_unlock_bh(&vgu_listeners_lock);
unlock:
	rcu_read_unlock();
}

static void vgu_abi_addr(u8 *abi, __be32 addr)
{
	memset(abi, 0, 16);
	memset(abi + 10, 0xff, 2);
	memcpy(abi + 12, &addr, sizeof(addr));
}

static int vgu_tell_addr(struct vgu_dev *dev, const struct vgu_announced *a, u16 op)
{
	struct virtio_virtuoso_ctrl_addr *req = kzalloc(sizeof(*req), GFP_KERNEL);
	int err;

	if (!req)
		return -ENOMEM;
	req->hdr.op = cpu_to_le16(op);
	vgu_abi_addr(req->addr, a->addr);
	err = vgu_ctrl(dev, req, sizeof(*req));
	kfree(req);
	return err;
}

static int vgu_tell_listener(struct vgu_dev *dev, const struct vgu_announced *a, u16 op)
{
	struct virtio_virtuoso_ctrl_listen *req = kzalloc(sizeof(*req), GFP_KERNEL);
	int err;

	if (!req)
		return -ENOMEM;
	req->hdr.op = cpu_to_le16(op);
	vgu_abi_addr(req->addr, a->addr);
	req->port = a->port;
	req->backlog = cpu_to_le32(a->wanted);
	if (op == VIRTUOSO_CTRL_LISTEN)
		req->defer_s = cpu_to_le16(a->wanted_defer_s);
	err = vgu_ctrl(dev, req, sizeof(*req));
	kfree(req);
	return err;
}

static int vgu_tell(struct vgu_dev *dev, const struct vgu_announced *a)
{
	int err;

	if (a->port)
		err = vgu_tell_listener(dev, a, a->wanted ? VIRTUOSO_CTRL_LISTEN :
					VIRTUOSO_CTRL_UNLISTEN);
	else
		err = vgu_tell_addr(dev, a, a->wanted ? VIRTUOSO_CTRL_ADDR_ADD :
				    VIRTUOSO_CTRL_ADDR_DEL);
	/* It has it (not) already: as wanted. */
	return err == -EEXIST || err == -ENOENT ? 0 : err;
}

static bool vgu_announced_is_known(const struct vgu_announced *a)
{
	return a->known == a->wanted && a->known_defer_s == a->wanted_defer_s;
}

static void vgu_announced_known(struct vgu_announced *a)
{
	a->known = a->wanted;
	a->known_defer_s = a->wanted_defer_s;
}

/* What the device must forget goes first, listeners before addresses; then the new. */
static void vgu_table_tell(struct vgu_conn_table *table)
{
	struct net_device *netdev = table->dev->netdev;
	struct vgu_announced *a, *tmp;
	int err;

	list_for_each_entry_reverse(a, &table->announced, list)
		if (!a->wanted && a->known && !vgu_tell(table->dev, a))
			a->known = 0;
	list_for_each_entry_safe(a, tmp, &table->announced, list) {
		if (!a->wanted && !a->known) {
			list_del(&a->list);
			kfree(a);
			continue;
		}
		if (!a->wanted || vgu_announced_is_known(a))
			continue;
		err = vgu_tell(table->dev, a);
		if (!err)
			vgu_announced_known(a);
		else if (net_ratelimit())
			netdev_warn(netdev, "device does not take %s %pI4:%u: %d\n",
				    a->port ? "listener" : "address", &a->addr,
				    ntohs(a->port), err);
	}
}

static void vgu_table_update(struct vgu_conn_table *table)
{
	struct vgu_announced *a;

	list_for_each_entry(a, &table->announced, list)
		a->wanted = 0;
	vgu_want_addrs(table);
	vgu_want_listeners(table);
	vgu_table_tell(table);
}

static void vgu_listen_work_fn(struct work_struct *work)
{
	struct vgu_conn_table *table;
	unsigned long round;

	mutex_lock(&vgu_listen_mutex);
	spin_lock_bh(&vgu_listeners_lock);
	round = vgu_listen_asked;
	spin_unlock_bh(&vgu_listeners_lock);
	list_for_each_entry(table, &vgu_tables, tables)
		vgu_table_update(table);
	mutex_unlock(&vgu_listen_mutex);
	WRITE_ONCE(vgu_listen_done, round);
	wake_up_all(&vgu_listen_wq);
}

/**
 * vgu_listen_table_add() - a device starts
 * @table: its table
 *
 * Context: probe.
 */
void vgu_listen_table_add(struct vgu_conn_table *table)
{
	mutex_lock(&vgu_listen_mutex);
	list_add_tail(&table->tables, &vgu_tables);
	mutex_unlock(&vgu_listen_mutex);
	vgu_listen_update();
}

/**
 * vgu_listen_table_del() - a device goes away
 * @table: its table
 *
 * Context: remove; sleeps.
 */
void vgu_listen_table_del(struct vgu_conn_table *table)
{
	struct vgu_announced *a, *tmp;

	mutex_lock(&vgu_listen_mutex);
	list_del_init(&table->tables);
	list_for_each_entry_safe(a, tmp, &table->announced, list) {
		list_del(&a->list);
		kfree(a);
	}
	mutex_unlock(&vgu_listen_mutex);
}

/* ---- Listeners come and go ---- */

/* A listener that the native stack must see every segment of is kept from the devices. */
static bool vgu_listener_stays_native(const struct sock *sk)
{
#ifdef CONFIG_TCP_MD5SIG
	if (rcu_access_pointer(tcp_sk(sk)->md5sig_info))
		return true;
#endif
#ifdef CONFIG_TCP_AO
	if (rcu_access_pointer(tcp_sk(sk)->ao_info))
		return true;
#endif
	return inet_test_bit(TRANSPARENT, sk);
}

static void vgu_listener_add(const struct sock *sk)
{
	struct vgu_listener *l = kzalloc(sizeof(*l), GFP_KERNEL);

	/* Without memory it is a native listener. */
	if (!l)
		return;
	l->sk = sk;
	l->net = sock_net(sk);
	l->addr = inet_sk(sk)->inet_rcv_saddr;
	l->port = inet_sk(sk)->inet_sport;
	spin_lock_bh(&vgu_listeners_lock);
	list_add_tail(&l->list, &vgu_listeners);
	spin_unlock_bh(&vgu_listeners_lock);
	vgu_listen_update();
}

/**
 * vgu_listener_del() - a socket does not listen any more, or not for our devices
 * @sk: socket
 *
 * Context: socket locked. Does not sleep.
 */
void vgu_listener_del(struct sock *sk)
{
	struct vgu_listener *l, *found = NULL;

	spin_lock_bh(&vgu_listeners_lock);
	list_for_each_entry(l, &vgu_listeners, list) {
		if (l->sk == sk) {
			found = l;
			list_del(&l->list);
			break;
		}
	}
	spin_unlock_bh(&vgu_listeners_lock);
	if (!found)
		return;
	kfree(found);
	vgu_listen_update();
}

/**
 * vgu_hash() - a socket enters the tables: it starts to listen
 * @sk: socket
 *
 * Context: struct proto, GSYS, socket locked. Return: 0 or -errno.
 */
int vgu_hash(struct sock *sk)
{
	int err = tcp_prot.hash(sk);

	if (err || sk->sk_state != TCP_LISTEN)
		return err;
	inet_csk(sk)->icsk_af_ops = &vgu_af_ops;
	if (!vgu_listener_stays_native(sk))
		vgu_listener_add(sk);
	return 0;
}

/**
 * vgu_listen_changed() - what listeners there are for the devices has changed
 *
 * Returns when the devices know, so that whoever is told to connect now gets what is said.
 *
 * Context: process, may sleep.
 */
void vgu_listen_changed(void)
{
	unsigned long round;

	if (list_empty(&vgu_tables))
		return;
	round = vgu_listen_update();
	wait_event_timeout(vgu_listen_wq, (long)(READ_ONCE(vgu_listen_done) - round) >= 0,
			   VGU_LISTEN_WAIT);
}

/**
 * vgu_stream_listen() - listen(2)
 * @sock: socket
 * @backlog: of connections not accepted
 *
 * Context: struct proto_ops, GSYS. Return: 0 or -errno.
 */
int vgu_stream_listen(struct socket *sock, int backlog)
{
	int err = inet_listen(sock, backlog);

	if (!err)
		vgu_listen_changed();
	return err;
}

/* ---- Addresses and netdevs come and go ---- */

static int vgu_inetaddr_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	const struct in_ifaddr *ifa = ptr;

	if (vgu_dev_from_netdev(ifa->ifa_dev->dev))
		vgu_listen_update();
	return NOTIFY_DONE;
}

static int vgu_netdev_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *netdev = netdev_notifier_info_to_dev(ptr);

	if ((event == NETDEV_REGISTER || event == NETDEV_UNREGISTER || event == NETDEV_UP) &&
	    vgu_dev_from_netdev(netdev))
		vgu_listen_update();
	return NOTIFY_DONE;
}

static struct notifier_block vgu_inetaddr_nb = {
	.notifier_call = vgu_inetaddr_event,
};

static struct notifier_block vgu_netdev_nb = {
	.notifier_call = vgu_netdev_event,
};

/**
 * vgu_listen_init() - start to watch addresses and netdevs
 *
 * Context: module initialisation. Return: 0 or -errno.
 */
int vgu_listen_init(void)
{
	int err;

	err = register_inetaddr_notifier(&vgu_inetaddr_nb);
	if (err)
		return err;
	err = register_netdevice_notifier(&vgu_netdev_nb);
	if (err)
		unregister_inetaddr_notifier(&vgu_inetaddr_nb);
	return err;
}

/**
 * vgu_listen_exit() - undo vgu_listen_init()
 *
 * Context: module exit.
 */
void vgu_listen_exit(void)
{
	unregister_netdevice_notifier(&vgu_netdev_nb);
	unregister_inetaddr_notifier(&vgu_inetaddr_nb);
	cancel_work_sync(&vgu_listen_work);
}
