// SPDX-License-Identifier: GPL-2.0
/*
 * Offloaded connections: how applications, and native paths, end them.
 *
 * The device goes on until the data is delivered and both sides are closed, and releases
 * the flow then. Until the end of the connection the socket is an orphan (conn_orphan.c).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <net/tcp.h>

#include "conn_priv.h"
#include "listen.h"

#define VGU_CLOSE_ORPHAN \
	(TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 | TCPF_CLOSING | TCPF_LAST_ACK)
/* The FIN is not acknowledged yet. */
#define VGU_CLOSE_LINGER \
	(TCPF_FIN_WAIT1 | TCPF_CLOSING | TCPF_LAST_ACK)

static void vgu_send_fin(struct sock *sk, struct vgu_conn *conn, u16 flags)
{
	if (sk->sk_state == TCP_ESTABLISHED)
		vgu_set_state(sk, TCP_FIN_WAIT1);
	else if (sk->sk_state == TCP_CLOSE_WAIT)
		vgu_set_state(sk, TCP_LAST_ACK);
	spin_lock_bh(&conn->lock);
	conn->sflags |= flags;
	spin_unlock_bh(&conn->lock);
	conn->more = false;
	vgu_conn_push(sk, conn);
}

/**
 * vgu_shutdown() - shutdown(2)
 * @sk: socket, locked
 * @how: RCV_SHUTDOWN, SEND_SHUTDOWN or both
 *
 * Context: struct proto, GSYS.
 */
void vgu_shutdown(struct sock *sk, int how)
{
	struct vgu_conn *conn = vgu_sk_live(sk);

	if (!conn) {
		tcp_prot.shutdown(sk, how);
		return;
	}
	if ((how & SEND_SHUTDOWN) &&
	    (sk->sk_state == TCP_ESTABLISHED || sk->sk_state == TCP_CLOSE_WAIT))
		vgu_send_fin(sk, conn, VIRTUOSO_SF_FIN);
}

/*
 * The native close would put an orphan in FIN-WAIT-2 into a bucket. In FIN-WAIT-1 it lets it
 * be; what the device said about the FIN is applied again when it has finished.
 * Return: false: no memory for that.
 */
static bool vgu_close_orphan(struct sock *sk, struct vgu_conn *conn)
{
	conn->last_ack = vgu_last_ack_alloc(GFP_KERNEL);
	if (!conn->last_ack)
		return false;
	conn->closing = true;
	if (sk->sk_state == TCP_FIN_WAIT2)
		vgu_set_state(sk, TCP_FIN_WAIT1);
	spin_lock_bh(&conn->lock);
	WRITE_ONCE(conn->up_new, true);
	spin_unlock_bh(&conn->lock);
	return true;
}

/* SO_LINGER: waits until the peer has acknowledged the FIN, @timeout jiffies or for a signal. */
static void vgu_linger(struct sock *sk, long timeout)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	add_wait_queue(sk_sleep(sk), &wait);
	while (timeout && !signal_pending(current)) {
		if (sk_wait_event(sk, &timeout, !((1 << sk->sk_state) & VGU_CLOSE_LINGER), &wait))
			break;
	}
	remove_wait_queue(sk_sleep(sk), &wait);
}

/*
 * Data that nobody will read, or SO_LINGER with time 0: RST. Otherwise FIN.
 * Return: the connection goes on without an application.
 */
static bool vgu_close_live(struct sock *sk, struct vgu_conn *conn, long timeout)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u16 flag = VIRTUOSO_SF_CLOSE;

	local_bh_disable();
	vgu_conn_apply(sk, conn);
	local_bh_enable();
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (sk->sk_state != TCP_CLOSE) {
		if (tp->rcv_nxt != tp->copied_seq) {
			NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONCLOSE);
			flag = VIRTUOSO_SF_ABORT;
		} else if (sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime) {
			NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONDATA);
			flag = VIRTUOSO_SF_ABORT;
		} else {
			vgu_send_fin(sk, conn, VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE);
			vgu_linger(sk, timeout);
			conn = vgu_sk_live(sk);
			if (conn && ((1 << sk->sk_state) & VGU_CLOSE_ORPHAN) &&
			    vgu_close_orphan(sk, conn))
				return true;
		}
	}
	if (sk->sk_state != TCP_CLOSE)
		vgu_set_state(sk, TCP_CLOSE);
	conn = vgu_sk_conn(sk);
	if (conn)
		vgu_conn_end(sk, conn, flag);
	return false;
}

/**
 * vgu_close() - close(2)
 * @sk: socket
 * @timeout: SO_LINGER time
 *
 * The native close finishes it: a socket in TCP_CLOSE it destroys, of any other it makes an
 * orphan, if there are not too many.
 *
 * Context: struct proto, GSYS.
 */
void vgu_close(struct sock *sk, long timeout)
{
	int idx = srcu_read_lock(&vgu_calls);
	struct vgu_conn *conn;
	bool orphan = false;

	lock_sock(sk);
	conn = vgu_sk_conn(sk);
	if (vgu_sk_live(sk)) {
		orphan = vgu_close_live(sk, conn, timeout);
	} else if (conn) {
		/* Now, for release_sock() may bring the answer of the device. */
		vgu_set_state(sk, TCP_CLOSE);
		vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
	}
	if (orphan)
		sock_hold(sk);
	release_sock(sk);
	tcp_prot.close(sk, conn ? 0 : timeout);
	if (orphan) {
		lock_sock(sk);
		vgu_orphan_settle(sk);
		release_sock(sk);
		sock_put(sk);
	}
	srcu_read_unlock(&vgu_calls, idx);
}

/**
 * vgu_disconnect() - make a socket an unconnected one again
 * @sk: any TCP socket: a closing listener's children are not always of its kind
 * @flags: file flags
 *
 * Context: struct proto, socket locked; atomic when a listener stops.
 * Return: 0 or -errno.
 */
int vgu_disconnect(struct sock *sk, int flags)
{
	struct vgu_conn *conn = vgu_sk_live(sk);
	bool reset;

	if (!conn)
		return tcp_prot.disconnect(sk, flags);
	reset = (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT | TCPF_FIN_WAIT1 |
				       TCPF_FIN_WAIT2 | TCPF_SYN_RECV);
	if (sk->sk_state != TCP_CLOSE)
		vgu_set_state(sk, TCP_CLOSE);
	if (reset)
		WRITE_ONCE(sk->sk_err, ECONNRESET);
	vgu_unconvert(sk);
	vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
	return tcp_prot.disconnect(sk, flags);
}

/**
 * vgu_unhash() - a socket leaves the tables: a native path closes it
 * @sk: socket
 *
 * Whatever the path is (SYN timed out, listener closed, ...), the device must hear of it.
 *
 * Context: struct proto, socket locked (or a child that nobody else knows).
 */
void vgu_unhash(struct sock *sk)
{
	struct vgu_conn *conn;

	if (sk->sk_state == TCP_LISTEN)
		vgu_listener_del(sk);
	tcp_prot.unhash(sk);
	conn = vgu_sk_conn(sk);
	if (conn && !conn->parting)
		vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
}

/**
 * vgu_destroy() - the last step in the life of a socket
 * @sk: socket
 *
 * Context: struct proto.
 */
void vgu_destroy(struct sock *sk)
{
	struct vgu_conn *conn = vgu_sk_conn(sk);

	if (conn)
		vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
	tcp_prot.destroy(sk);
}

/**
 * vgu_diag_destroy() - ss -K
 * @sk: any kind of TCP socket
 * @err: errno for the application, positive
 *
 * Context: struct proto, GSYS. Return: 0 or -errno.
 */
int vgu_diag_destroy(struct sock *sk, int err)
{
	struct vgu_conn *conn;
	int idx;

	if (!sk_fullsock(sk))
		return tcp_prot.diag_destroy(sk, err);
	/* An orphan does not hold this module. */
	idx = srcu_read_lock(&vgu_calls);
	lock_sock(sk);
	conn = vgu_sk_live(sk);
	if (conn && sk->sk_state != TCP_CLOSE) {
		vgu_conn_abort(sk, conn);
		local_bh_disable();
		vgu_conn_fail(sk, conn, err);
		local_bh_enable();
	}
	release_sock(sk);
	srcu_read_unlock(&vgu_calls, idx);
	return conn ? 0 : tcp_prot.diag_destroy(sk, err);
}
