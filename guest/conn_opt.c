// SPDX-License-Identifier: GPL-2.0
/*
 * Socket options of our sockets.
 *
 * The native stack checks and stores them; those that change the wire are passed on to the
 * device, those that a converted socket cannot have are refused.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <net/tcp.h>

#include "conn_priv.h"
#include "listen.h"
#include "pernet.h"

/**
 * vgu_conn_opts_send() - tell the device the options it acts on
 * @sk: converted socket, locked
 * @conn: its connection
 * @keepalive: SO_KEEPALIVE is on
 * @always: even when all have their default values
 *
 * Context: socket locked. Does not sleep.
 */
void vgu_conn_opts_send(struct sock *sk, struct vgu_conn *conn, bool keepalive, bool always)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct vgu_conn_opts opts = {
		.user_timeout_ms = READ_ONCE(inet_csk(sk)->icsk_user_timeout),
		.tos = inet_sk(sk)->tos,
	};

	if (keepalive) {
		opts.keepalive_idle_s = max(keepalive_time_when(tp) / HZ, 1);
		opts.keepalive_intvl_s = max(keepalive_intvl_when(tp) / HZ, 1);
		opts.keepalive_probes = keepalive_probes(tp);
	}
	if (!always && !opts.user_timeout_ms && !keepalive)
		return;
	spin_lock_bh(&conn->lock);
	conn->opts = opts;
	spin_unlock_bh(&conn->lock);
	vgu_conn_queue(conn, VGU_TODO_SETOPT);
}

/**
 * vgu_keepalive() - SO_KEEPALIVE changes
 * @sk: socket, locked
 * @valbool: on or off
 *
 * Context: struct proto, GSYS.
 */
void vgu_keepalive(struct sock *sk, int valbool)
{
	struct vgu_conn *conn = vgu_sk_live(sk);

	if (conn)
		vgu_conn_opts_send(sk, conn, valbool, true);
	else
		tcp_prot.keepalive(sk, valbool);
}

/* Options that a converted socket cannot have. */
static bool vgu_opt_refused(int level, int optname)
{
	if (level != SOL_TCP)
		return false;
	switch (optname) {
	case TCP_ULP:
	case TCP_REPAIR:
	case TCP_MD5SIG:
	case TCP_MD5SIG_EXT:
	case TCP_AO_ADD_KEY:
		return true;
	}
	return false;
}

static void vgu_opt_changed(struct sock *sk, struct vgu_conn *conn, int level, int optname)
{
	if (level == SOL_IP && optname == IP_TOS) {
		vgu_conn_opts_send(sk, conn, sock_flag(sk, SOCK_KEEPOPEN), true);
		return;
	}
	if (level != SOL_TCP)
		return;
	switch (optname) {
	case TCP_NODELAY:
	case TCP_CORK:
		vgu_conn_push(sk, conn);
		break;
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
	case TCP_USER_TIMEOUT:
		vgu_conn_opts_send(sk, conn, sock_flag(sk, SOCK_KEEPOPEN), true);
		break;
	}
}

/*
 * Before the option is set. An upper-layer protocol builds on the native stack, and some
 * of them keep what they find in the socket beyond its end. A listener that wants keys
 * must see the segments of the handshake itself.
 */
static int vgu_opt_prepare(struct sock *sk, int level, int optname)
{
	int err = 0;

	if (!vgu_opt_refused(level, optname))
		return 0;
	lock_sock(sk);
	if (vgu_sk_conn(sk)) {
		err = -EOPNOTSUPP;
	} else if (vgu_sk_is_ours(sk) && sk->sk_state == TCP_LISTEN) {
		vgu_listener_del(sk);
	} else if (vgu_sk_is_ours(sk) && optname == TCP_ULP) {
		vgu_net_count(sock_net(sk), native_ulp);
		vgu_sock_go_native(sk);
	}
	release_sock(sk);
	return err;
}

/**
 * vgu_setsockopt() - setsockopt(2) but for SOL_SOCKET
 * @sk: socket
 * @level: SOL_*
 * @optname: name
 * @optval: value
 * @optlen: its length
 *
 * Context: struct proto, GSYS. Return: 0 or -errno.
 */
int vgu_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		   unsigned int optlen)
{
	int idx = srcu_read_lock(&vgu_calls);
	struct vgu_conn *conn;
	bool listener;
	int err;

	err = vgu_opt_prepare(sk, level, optname);
	if (!err)
		err = tcp_prot.setsockopt(sk, level, optname, optval, optlen);
	if (!err && vgu_sk_is_ours(sk)) {
		lock_sock(sk);
		conn = vgu_sk_live(sk);
		if (conn)
			vgu_opt_changed(sk, conn, level, optname);
		listener = sk->sk_state == TCP_LISTEN;
		release_sock(sk);
		if (listener && level == SOL_TCP && optname == TCP_DEFER_ACCEPT)
			vgu_listen_changed();
	}
	srcu_read_unlock(&vgu_calls, idx);
	return err;
}

/**
 * vgu_getsockopt() - getsockopt(2) but for SOL_SOCKET
 * @sk: socket
 * @level: SOL_*
 * @optname: name
 * @optval: room for the value
 * @optlen: its length
 *
 * Context: struct proto, GSYS. Return: 0 or -errno.
 */
int vgu_getsockopt(struct sock *sk, int level, int optname, char __user *optval,
		   int __user *optlen)
{
	int idx = srcu_read_lock(&vgu_calls);
	bool ours;
	int err;

	rcu_read_lock();
	ours = vgu_sk_conn(sk);
	rcu_read_unlock();
	if (ours && level == SOL_TCP && optname == TCP_ZEROCOPY_RECEIVE)
		err = -EOPNOTSUPP;
	else
		err = tcp_prot.getsockopt(sk, level, optname, optval, optlen);
	srcu_read_unlock(&vgu_calls, idx);
	return err;
}
