// SPDX-License-Identifier: GPL-2.0
/*
 * Offloaded connections: sockets that were closed before their connection was over.
 *
 * Such an orphan stays in the tables, in its state, until the device says that the
 * connection is over: its port is taken, and ss shows it. Its number is limited as that of
 * native ones (tcp_max_orphans): the native close counts it, and what is too much it ends,
 * which vgu_unhash() tells the device. The end of one that closed first is the native
 * stack's TIME-WAIT.
 *
 * An orphan holds neither this module nor its namespace; instead, who ends these ends it:
 * vgu_conn_dev_del() before the module goes, vgu_orphans_end() before the namespace does.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/module.h>
#include <net/inet_timewait_sock.h>
#include <net/net_namespace.h>
#include <net/tcp.h>
#include <virtuoso/compat.h>

#include "conn_priv.h"
#include "pernet.h"

/* Nothing in the socket leads here any more. */
static void vgu_orphan_leave(struct sock *sk, struct vgu_conn *conn)
{
	vgu_unconvert(sk);
	vgu_conn_end(sk, conn, VIRTUOSO_SF_CLOSE);
	WRITE_ONCE(sk->sk_prot, &tcp_prot);
}

/**
 * vgu_orphan_bury() - the end of an orphan
 * @sk: orphan in TCP_CLOSE, locked
 * @conn: its connection
 *
 * If the device has not finished, it goes on with what it was told.
 *
 * Context: socket locked and BH off; the caller has a reference to @sk of its own.
 */
void vgu_orphan_bury(struct sock *sk, struct vgu_conn *conn)
{
	vgu_orphan_leave(sk, conn);
	inet_csk_destroy_sock(sk);
}

/**
 * vgu_orphan_settle() - a socket was closed; its connection may go on
 * @sk: socket that vgu_close_live() made an orphan, locked
 *
 * Context: socket locked, process; within vgu_calls.
 */
void vgu_orphan_settle(struct sock *sk)
{
	struct vgu_conn *conn = vgu_sk_live(sk);
	struct net *net = sock_net(sk);
	struct vgu_net *vn = vgu_pernet(net);

	if (!conn)
		return;
	spin_lock_bh(&vn->orphans_lock);
	list_add_tail(&conn->orphan, &vn->orphans);
	spin_unlock_bh(&vn->orphans_lock);

	sk->sk_prot_creator = &tcp_prot;
	module_put(THIS_MODULE);
	if (!sk->sk_net_refcnt)
		return;
	/* As a socket of the kernel. */
	sock_inuse_add(net, -1);
	sk->sk_net_refcnt = 0;
	virtuoso_net_passive_inc(net);
	__netns_tracker_free(net, &sk->ns_tracker, true);
	__netns_tracker_alloc(net, &sk->ns_tracker, false, GFP_KERNEL);
	put_net(net);
}

/**
 * vgu_orphan_unlist() - a connection parts from its socket, which may be an orphan
 * @sk: socket
 * @conn: its connection
 *
 * Context: socket locked.
 */
void vgu_orphan_unlist(struct sock *sk, struct vgu_conn *conn)
{
	struct vgu_net *vn;

	if (list_empty_careful(&conn->orphan))
		return;
	vn = vgu_pernet(sock_net(sk));
	spin_lock_bh(&vn->orphans_lock);
	list_del_init(&conn->orphan);
	spin_unlock_bh(&vn->orphans_lock);
}

static struct vgu_conn *vgu_orphan_any(struct vgu_net *vn)
{
	struct vgu_conn *conn;

	spin_lock_bh(&vn->orphans_lock);
	conn = list_first_entry_or_null(&vn->orphans, struct vgu_conn, orphan);
	if (conn) {
		list_del_init(&conn->orphan);
		vgu_conn_get(conn);
	}
	spin_unlock_bh(&vn->orphans_lock);
	return conn;
}

static void vgu_orphan_end(struct vgu_conn *conn)
{
	struct sock *sk = vgu_conn_sk_get(conn);

	if (!sk)
		return;
	lock_sock(sk);
	if (vgu_sk_conn(sk) == conn) {
		local_bh_disable();
		vgu_set_state(sk, TCP_CLOSE);
		vgu_orphan_bury(sk, conn);
		local_bh_enable();
	}
	release_sock(sk);
	sock_put(sk);
}

/**
 * vgu_orphans_end() - a namespace goes away, and no process is in it
 * @net: network namespace
 *
 * What was written before close() is still delivered: by the device, without a socket.
 *
 * Context: process, may sleep.
 */
void vgu_orphans_end(struct net *net)
{
	struct vgu_net *vn = vgu_pernet(net);
	struct vgu_conn *conn;

	while ((conn = vgu_orphan_any(vn))) {
		vgu_orphan_end(conn);
		vgu_conn_put(conn);
	}
}

/**
 * vgu_time_wait() - both directions are closed, this end was the first
 * @sk: socket in FIN-WAIT-2 or CLOSING, locked
 * @conn: its connection
 *
 * The device spends TIME-WAIT as well, on the wire. Here it keeps the port, as an
 * administrator expects it (tcp_max_tw_buckets, tcp_tw_reuse, ss). The native bucket counts
 * FINs, and must not hold this module. Unless the socket is an orphan it keeps its
 * connection, for there may be data to read.
 *
 * Context: socket locked and BH off; the caller has a reference to @sk of its own.
 */
void vgu_time_wait(struct sock *sk, struct vgu_conn *conn)
{
	struct proto *creator = sk->sk_prot_creator;
	struct tcp_sock *tp = tcp_sk(sk);
	bool orphan = sock_flag(sk, SOCK_DEAD);

	WRITE_ONCE(tp->rcv_nxt, tp->rcv_nxt + 1);
	WRITE_ONCE(tp->snd_nxt, tp->snd_nxt + 1);
	tp->rcv_wup = tp->rcv_nxt;
	tp->rcv_wnd = conn->rx_size;
	if (conn->answer.timestamps)
		tp->rx_opt.ts_recent_stamp = ktime_get_seconds();
	conn->parting = true;
	if (orphan)
		vgu_orphan_leave(sk, conn);

	sk->sk_prot_creator = &tcp_prot;
	tcp_time_wait(sk, TCP_TIME_WAIT, 0);
	sk->sk_prot_creator = creator;

	WRITE_ONCE(tp->rcv_nxt, tp->rcv_nxt - 1);
	WRITE_ONCE(tp->snd_nxt, tp->snd_nxt - 1);
	if (!orphan) {
		vgu_window_shut(sk);
		conn->parting = false;
	}
}
