// SPDX-License-Identifier: GPL-2.0
/*
 * Offloaded connections: states of their sockets, from conversion to the end.
 *
 * A converted socket shows the states of RFC 9293 as the device reports them; TIME-WAIT is a
 * native one of its own (vgu_time_wait()). Numbers in struct tcp_sock are true (in the sequence
 * space of the wire), so that poll, ioctl, ss and TCP_INFO need no help:
 *   copied_seq..rcv_nxt  unread data in the receive ring
 *   snd_una..write_seq   unacknowledged data in the transmit ring
 * FIN is not counted in either. The receive window of the native engine is shut, see
 * vgu_window_shut().
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <net/tcp.h>

#include "conn_priv.h"
#include "pernet.h"

/**
 * vgu_set_state() - change the TCP state of a converted socket
 * @sk: socket, locked
 * @state: TCP_*
 *
 * What the native stack does on a change of state, but for ending the connection when the
 * new state is TCP_CLOSE: there may be data to read.
 */
void vgu_set_state(struct sock *sk, int state)
{
	int old = sk->sk_state;

	if (state == TCP_CLOSE) {
		if (old == TCP_CLOSE_WAIT || old == TCP_ESTABLISHED)
			TCP_INC_STATS(sock_net(sk), TCP_MIB_ESTABRESETS);
		tcp_prot.unhash(sk);
		if (inet_csk(sk)->icsk_bind_hash && !(sk->sk_userlocks & SOCK_BINDPORT_LOCK))
			tcp_prot.put_port(sk);
	}
	if ((old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT) &&
	    state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		TCP_DEC_STATS(sock_net(sk), TCP_MIB_CURRESTAB);
	/* Pollers look at the state first, then at what was changed before it. */
	smp_wmb();
	inet_sk_set_state(sk, state);
}

static void vgu_sk_report(struct sock *sk)
{
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_state_change(sk);
}

/* Both directions are closed, without error. */
static void vgu_sk_done(struct sock *sk, struct vgu_conn *conn)
{
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (sk->sk_state != TCP_LAST_ACK) {
		if (vgu_time_wait(sk, conn))
			return;
		NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPTIMEWAITOVERFLOW);
	}
	if (sock_flag(sk, SOCK_DEAD)) {
		vgu_orphan_bury(sk, conn);
		return;
	}
	vgu_set_state(sk, TCP_CLOSE);
	sk->sk_state_change(sk);
}

/**
 * vgu_conn_fail() - a connection, or the attempt to make it, came to a bad end
 * @sk: socket, locked
 * @conn: its connection
 * @err: errno, positive
 *
 * A socket that was connecting loses its connection object at once; a converted one keeps
 * it, because what it received before may still be read. The application is told directly
 * and not by a made-up RST or ICMP message: those would only reach it later when it holds
 * the socket, and a firewall could stop them.
 *
 * Context: socket locked, BH off; the caller has a reference to @sk of its own.
 */
void vgu_conn_fail(struct sock *sk, struct vgu_conn *conn, int err)
{
	if (sk->sk_state == TCP_CLOSE)
		return;
	WRITE_ONCE(sk->sk_err, err);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (sk->sk_state == TCP_SYN_SENT)
		TCP_INC_STATS(sock_net(sk), TCP_MIB_ATTEMPTFAILS);
	if (sock_flag(sk, SOCK_DEAD)) {
		vgu_orphan_bury(sk, conn);
		return;
	}
	vgu_set_state(sk, TCP_CLOSE);
	vgu_timers_stop(sk);
	if (conn->state != VGU_CONN_LIVE)
		vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
	sk->sk_state_change(sk);
	sk_error_report(sk);
}

/**
 * vgu_conn_abort() - have the device reset a connection
 * @sk: converted socket, locked
 * @conn: its connection
 *
 * Context: socket locked. Does not sleep.
 */
void vgu_conn_abort(struct sock *sk, struct vgu_conn *conn)
{
	spin_lock_bh(&conn->lock);
	conn->sflags |= VIRTUOSO_SF_ABORT;
	spin_unlock_bh(&conn->lock);
	vgu_conn_push(sk, conn);
}

static int vgu_conn_errno(const struct sock *sk, u8 error)
{
	switch (error) {
	case VIRTUOSO_ERR_REFUSED:
		return -ECONNREFUSED;
	case VIRTUOSO_ERR_TIMEDOUT:
		return -ETIMEDOUT;
	case VIRTUOSO_ERR_UNREACH:
		return -EHOSTUNREACH;
	case VIRTUOSO_ERR_INUSE:
		return -EADDRNOTAVAIL;
	case VIRTUOSO_ERR_LIMIT:
		return -ENOBUFS;
	case VIRTUOSO_ERR_INVAL:
		return -EINVAL;
	case VIRTUOSO_ERR_PERM:
		/* As an LSM would say, or as after somebody has destroyed the socket. */
		return sk->sk_state == TCP_SYN_SENT ? -EACCES : -ECONNABORTED;
	}
	return sk->sk_state == TCP_CLOSE_WAIT ? -EPIPE : -ECONNRESET;
}

/* ---- News from the device ---- */

/* What TCP_INFO and ss -i show. */
static void vgu_apply_info(struct sock *sk, const struct virtio_virtuoso_complete_update *u)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = max_t(u32, tp->mss_cache, TCP_MIN_MSS);

	tp->snd_wnd = le32_to_cpu(u->snd_wnd_bytes);
	tcp_snd_cwnd_set(tp, clamp_t(u32, le32_to_cpu(u->cwnd_bytes) / mss, 1, INT_MAX));
	tp->snd_ssthresh = min_t(u32, le32_to_cpu(u->ssthresh_bytes) / mss,
				 TCP_INFINITE_SSTHRESH);
	tp->srtt_us = min_t(u32, le32_to_cpu(u->srtt_us), U32_MAX >> 3) << 3;
	tp->mdev_us = min_t(u32, le32_to_cpu(u->rttvar_us), U32_MAX >> 2) << 2;
	inet_csk(sk)->icsk_rto = usecs_to_jiffies(le32_to_cpu(u->rto_us));
	tp->total_retrans = le32_to_cpu(u->retrans_segs);
}

/* Acknowledged data: the space is free again. False: the number cannot be. */
static bool vgu_apply_una(struct sock *sk, struct vgu_conn *conn,
			  const struct virtio_virtuoso_complete_update *u)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 fin = !!(conn->sflags & VIRTUOSO_SF_FIN);
	u32 flight = tp->write_seq - tp->snd_una;
	u32 acked = le32_to_cpu(u->snd_una) - tp->snd_una;
	u32 sent = le32_to_cpu(u->snd_nxt) - tp->snd_una;

	if (acked > flight + fin || sent > flight + fin || sent < acked)
		return false;
	acked = min(acked, flight);
	sent = min(sent, flight);
	WRITE_ONCE(tp->snd_nxt, tp->snd_una + sent);
	if (!acked)
		return true;
	WRITE_ONCE(tp->snd_una, tp->snd_una + acked);
	vgu_conn_ring_retire(conn, &conn->tx, tp->snd_una, VGU_TODO_TX_RING);
	tp->bytes_acked += acked;
	tp->rcv_tstamp = tcp_jiffies32;
	return true;
}

/* Received data. False: the number cannot be. */
static bool vgu_apply_rcv(struct sock *sk, struct vgu_conn *conn,
			  const struct virtio_virtuoso_complete_update *u)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 got = le32_to_cpu(u->rcv_seq) - tp->rcv_nxt;

	if (got > conn->rx.size - (tp->rcv_nxt - tp->copied_seq))
		return false;
	if (!got)
		return true;
	WRITE_ONCE(tp->rcv_nxt, tp->rcv_nxt + got);
	tp->bytes_received += got;
	inet_csk(sk)->icsk_ack.lrcvtime = tcp_jiffies32;
	return true;
}

/**
 * vgu_wake_reader() - tell that data is there, if it is as much as was asked for
 * @sk: converted socket, locked
 *
 * Context: socket locked.
 */
void vgu_wake_reader(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (tp->rcv_nxt - tp->copied_seq >= READ_ONCE(sk->sk_rcvlowat))
		sk->sk_data_ready(sk);
}

static void vgu_wake_writer(struct sock *sk)
{
	/* Pairs with the barrier in tcp_poll(). */
	smp_mb();
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
		sk->sk_write_space(sk);
}

/* Our FIN has arrived. */
static void vgu_apply_fin_acked(struct sock *sk, struct vgu_conn *conn)
{
	switch (sk->sk_state) {
	case TCP_FIN_WAIT1:
		vgu_set_state(sk, TCP_FIN_WAIT2);
		vgu_sk_report(sk);
		break;
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		vgu_sk_done(sk, conn);
		break;
	}
}

/* The peer's FIN follows what is in the ring. */
static void vgu_apply_fin(struct sock *sk, struct vgu_conn *conn)
{
	switch (sk->sk_state) {
	case TCP_ESTABLISHED:
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
		vgu_set_state(sk, TCP_CLOSE_WAIT);
		break;
	case TCP_FIN_WAIT1:
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
		vgu_set_state(sk, TCP_CLOSING);
		break;
	case TCP_FIN_WAIT2:
		vgu_sk_done(sk, conn);
		break;
	default:
		return;
	}
	if (sock_flag(sk, SOCK_DEAD))
		return;
	sk->sk_state_change(sk);
	sk_wake_async(sk, SOCK_WAKE_WAITD,
		      sk->sk_shutdown == SHUTDOWN_MASK ? POLL_HUP : POLL_IN);
}

static void vgu_apply_live(struct sock *sk, struct vgu_conn *conn, const struct vgu_conn_up *up)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 rcv_nxt = tp->rcv_nxt;
	u32 snd_nxt = tp->snd_nxt;
	u32 snd_una = tp->snd_una;

	if (up->update) {
		if (!vgu_apply_una(sk, conn, &up->u) || !vgu_apply_rcv(sk, conn, &up->u)) {
			vgu_net_count(sock_net(sk), bad_record);
			vgu_conn_abort(sk, conn);
			vgu_conn_fail(sk, conn, ECONNRESET);
			return;
		}
		vgu_apply_info(sk, &up->u);
		vgu_hop_used(sk, conn, tp->snd_una != snd_una,
			     tp->snd_una != snd_una || tp->rcv_nxt != rcv_nxt);
	}
	vgu_window_shut(sk);
	if (unlikely(conn->lowat > sk->sk_rcvlowat))
		vgu_conn_rx_lowat(sk, conn);
	if (tp->rcv_nxt != rcv_nxt)
		vgu_wake_reader(sk);
	if (tp->snd_una != snd_una || tp->snd_nxt != snd_nxt)
		vgu_wake_writer(sk);
	if (up->flags & VIRTUOSO_CF_FIN_ACKED)
		vgu_apply_fin_acked(sk, conn);
	if (up->flags & VIRTUOSO_CF_FIN)
		vgu_apply_fin(sk, conn);
	if ((up->flags & VIRTUOSO_CF_RESET) || up->failed) {
		/* Without CF_RESET it is just the end of an orphan. */
		if (sk->sk_state != TCP_CLOSE && (up->flags & VIRTUOSO_CF_RESET))
			vgu_net_count(sock_net(sk), reset);
		vgu_conn_fail(sk, conn, -vgu_conn_errno(sk, up->error));
	}
}

/**
 * vgu_conn_apply() - bring news from the device into a socket
 * @sk: socket
 * @conn: its connection
 *
 * Until the conversion only failure counts, the rest waits for it. What comes while close()
 * makes the socket an orphan waits for that: vgu_close_orphan().
 *
 * Context: socket locked and BH off: from softirq with nobody owning it, or by its owner;
 * the caller has a reference to @sk of its own.
 */
void vgu_conn_apply(struct sock *sk, struct vgu_conn *conn)
{
	struct vgu_conn_up up;
	bool live;

	if (conn->closing && !sock_flag(sk, SOCK_DEAD))
		return;
	spin_lock_bh(&conn->lock);
	live = conn->state == VGU_CONN_LIVE;
	if (!conn->up_new || (!live && !conn->up.failed)) {
		spin_unlock_bh(&conn->lock);
		return;
	}
	WRITE_ONCE(conn->up_new, false);
	up = conn->up;
	spin_unlock_bh(&conn->lock);

	if (live) {
		if (sk->sk_state != TCP_CLOSE)
			vgu_apply_live(sk, conn, &up);
		return;
	}
	vgu_net_count(sock_net(sk), connect_failed);
	vgu_conn_fail(sk, conn, -vgu_conn_errno(sk, up.error));
}

/**
 * vgu_release_cb() - the owner lets the socket go
 * @sk: socket
 *
 * Context: struct proto, socket locked, BH off.
 */
void vgu_release_cb(struct sock *sk)
{
	struct vgu_conn *conn;

	tcp_prot.release_cb(sk);
	conn = vgu_sk_conn(sk);
	if (conn && READ_ONCE(conn->up_new))
		vgu_conn_apply(sk, conn);
}
