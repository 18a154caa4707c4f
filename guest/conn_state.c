// SPDX-License-Identifier: GPL-2.0
/*
 * Offloaded connections: states of their sockets, from conversion to the end.
 *
 * A converted socket shows the states of RFC 9293 as the device reports them; it holds no
 * TIME-WAIT, that is the device's. Numbers in struct tcp_sock are true (in the sequence
 * space of the wire), so that poll, ioctl, ss and TCP_INFO need no help:
 *   copied_seq..rcv_nxt  unread data in the receive ring
 *   snd_una..write_seq   unacknowledged data in the transmit ring
 * FIN is not counted in either.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <net/tcp.h>

#include "conn_priv.h"
#include "listen.h"
#include "pernet.h"

/* Timers of a converted socket have nothing to do but to give their reference back. */
static void vgu_timer_retransmit(struct timer_list *t)
{
	struct inet_connection_sock *icsk = from_timer(icsk, t, icsk_retransmit_timer);

	sock_put(&icsk->icsk_inet.sk);
}

static void vgu_timer_delack(struct timer_list *t)
{
	struct inet_connection_sock *icsk = from_timer(icsk, t, icsk_delack_timer);

	sock_put(&icsk->icsk_inet.sk);
}

static void vgu_timer_keepalive(struct timer_list *t)
{
	struct sock *sk = from_timer(sk, t, sk_timer);

	sock_put(sk);
}

static void vgu_timers_silence(struct sock *sk)
{
	inet_csk_clear_xmit_timers(sk);
	inet_csk(sk)->icsk_retransmit_timer.function = vgu_timer_retransmit;
	inet_csk(sk)->icsk_delack_timer.function = vgu_timer_delack;
	sk->sk_timer.function = vgu_timer_keepalive;
}

static void vgu_timers_restore(struct sock *sk)
{
	inet_csk_clear_xmit_timers(sk);
	inet_csk(sk)->icsk_retransmit_timer.function = vgu_native.retransmit;
	inet_csk(sk)->icsk_delack_timer.function = vgu_native.delack;
	sk->sk_timer.function = vgu_native.keepalive;
}

/* Segments that found their way to a converted socket: the device owns the tuple. */
static int vgu_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	kfree_skb(skb);
	return 0;
}

/**
 * vgu_convert() - the socket of a connection becomes established
 * @sk: socket in SYN-SENT (active) or new child in SYN-RECEIVED (passive)
 * @conn: its connection, VGU_CONN_ANSWERED
 *
 * From here on the native engine neither sends nor receives for it. Binding it to the
 * device's netdev keeps segments that come in by another one (or by the loopback) from
 * finding it; vgu_conn_rx_allowed() stops those that come by this one.
 *
 * Context: socket locked; softirq or process context. Does not sleep.
 */
void vgu_convert(struct sock *sk, struct vgu_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 snd = conn->iss + 1;
	u32 rcv = conn->irs + 1;

	vgu_timers_silence(sk);
	sk->sk_backlog_rcv = vgu_backlog_rcv;
	conn->bound_dev_if = sk->sk_bound_dev_if;
	WRITE_ONCE(sk->sk_bound_dev_if, conn->dev->netdev->ifindex);

	tp->snd_una = snd;
	tp->snd_sml = snd;
	tp->snd_up = snd;
	tp->pushed_seq = snd;
	WRITE_ONCE(tp->snd_nxt, snd);
	WRITE_ONCE(tp->write_seq, snd);
	WRITE_ONCE(tp->rcv_nxt, rcv);
	WRITE_ONCE(tp->copied_seq, rcv);
	tp->rcv_wup = rcv;
	tp->rcv_wnd = conn->rx_size;
	tp->mss_cache = conn->mss;
	tp->rx_opt.wscale_ok = conn->answer.snd_wscale || conn->answer.rcv_wscale;
	tp->rx_opt.snd_wscale = conn->answer.snd_wscale;
	tp->rx_opt.rcv_wscale = conn->answer.rcv_wscale;
	conn->rx_told = rcv;

	spin_lock_bh(&conn->lock);
	WRITE_ONCE(conn->state, VGU_CONN_LIVE);
	conn->tx_seq = snd;
	conn->rx_seq = rcv;
	spin_unlock_bh(&conn->lock);
	vgu_conn_opts_send(sk, conn, sock_flag(sk, SOCK_KEEPOPEN), false);

	/* News that came before: not from within the establishment. */
	if (READ_ONCE(conn->up_new))
		vgu_conn_later(conn);
}

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
static void vgu_sk_done(struct sock *sk)
{
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	vgu_set_state(sk, TCP_CLOSE);
	vgu_sk_report(sk);
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
 * Context: socket locked, BH off.
 */
void vgu_conn_fail(struct sock *sk, struct vgu_conn *conn, int err)
{
	if (sk->sk_state == TCP_CLOSE)
		return;
	WRITE_ONCE(sk->sk_err, err);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (sk->sk_state == TCP_SYN_SENT)
		TCP_INC_STATS(sock_net(sk), TCP_MIB_ATTEMPTFAILS);
	vgu_set_state(sk, TCP_CLOSE);
	inet_csk_clear_xmit_timers(sk);
	if (conn->state != VGU_CONN_LIVE)
		vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
	if (!sock_flag(sk, SOCK_DEAD)) {
		sk->sk_state_change(sk);
		sk_error_report(sk);
	}
}

static void vgu_conn_abort(struct sock *sk, struct vgu_conn *conn)
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
		return ECONNREFUSED;
	case VIRTUOSO_ERR_TIMEDOUT:
		return ETIMEDOUT;
	case VIRTUOSO_ERR_UNREACH:
		return EHOSTUNREACH;
	case VIRTUOSO_ERR_INUSE:
		return EADDRNOTAVAIL;
	case VIRTUOSO_ERR_LIMIT:
		return ENOBUFS;
	case VIRTUOSO_ERR_INVAL:
		return EINVAL;
	case VIRTUOSO_ERR_PERM:
		return EPERM;
	}
	return sk->sk_state == TCP_CLOSE_WAIT ? EPIPE : ECONNRESET;
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

	if (got > conn->rx_size - (tp->rcv_nxt - tp->copied_seq))
		return false;
	if (!got)
		return true;
	WRITE_ONCE(tp->rcv_nxt, tp->rcv_nxt + got);
	tp->bytes_received += got;
	inet_csk(sk)->icsk_ack.lrcvtime = tcp_jiffies32;
	return true;
}

static void vgu_wake_reader(struct sock *sk, struct vgu_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 unread = tp->rcv_nxt - tp->copied_seq;

	if (unread >= READ_ONCE(sk->sk_rcvlowat) ||
	    conn->rx_size - unread <= inet_csk(sk)->icsk_ack.rcv_mss)
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
static void vgu_apply_fin_acked(struct sock *sk)
{
	switch (sk->sk_state) {
	case TCP_FIN_WAIT1:
		vgu_set_state(sk, TCP_FIN_WAIT2);
		vgu_sk_report(sk);
		break;
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		vgu_sk_done(sk);
		break;
	}
}

/* The peer's FIN follows what is in the ring. */
static void vgu_apply_fin(struct sock *sk)
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
		vgu_sk_done(sk);
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
	}
	if (tp->rcv_nxt != rcv_nxt)
		vgu_wake_reader(sk, conn);
	if (tp->snd_una != snd_una || tp->snd_nxt != snd_nxt)
		vgu_wake_writer(sk);
	if (up->flags & VIRTUOSO_CF_FIN_ACKED)
		vgu_apply_fin_acked(sk);
	if (up->flags & VIRTUOSO_CF_FIN)
		vgu_apply_fin(sk);
	if ((up->flags & VIRTUOSO_CF_RESET) || up->failed) {
		if (sk->sk_state != TCP_CLOSE)
			vgu_net_count(sock_net(sk), reset);
		vgu_conn_fail(sk, conn, vgu_conn_errno(sk, up->error));
	}
}

/**
 * vgu_conn_apply() - bring news from the device into a socket
 * @sk: socket
 * @conn: its connection
 *
 * Until the conversion only failure counts, the rest waits for it.
 *
 * Context: socket locked and BH off: from softirq with nobody owning it, or by its owner.
 */
void vgu_conn_apply(struct sock *sk, struct vgu_conn *conn)
{
	struct vgu_conn_up up;
	bool live;

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
	vgu_conn_fail(sk, conn, vgu_conn_errno(sk, up.error));
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

/* ---- The application closes ---- */

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

/* Data that nobody will read, or SO_LINGER with time 0: RST. Otherwise FIN. */
static void vgu_close_live(struct sock *sk, struct vgu_conn *conn, long timeout)
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
			sk_stream_wait_close(sk, timeout);
		}
	}
	if (sk->sk_state != TCP_CLOSE)
		vgu_set_state(sk, TCP_CLOSE);
	conn = vgu_sk_conn(sk);
	if (conn)
		vgu_conn_end(sk, conn, flag);
}

/**
 * vgu_close() - close(2)
 * @sk: socket
 * @timeout: SO_LINGER time
 *
 * The native close finishes it: for a socket in TCP_CLOSE it does nothing but to
 * destroy it.
 *
 * Context: struct proto, GSYS.
 */
void vgu_close(struct sock *sk, long timeout)
{
	int idx = srcu_read_lock(&vgu_calls);
	struct vgu_conn *conn;

	lock_sock(sk);
	conn = vgu_sk_conn(sk);
	if (vgu_sk_live(sk)) {
		vgu_close_live(sk, conn, timeout);
	} else if (conn) {
		/* Now, for release_sock() may bring the answer of the device. */
		vgu_set_state(sk, TCP_CLOSE);
		vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
	}
	release_sock(sk);
	tcp_prot.close(sk, conn ? 0 : timeout);
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
	WRITE_ONCE(sk->sk_bound_dev_if, conn->bound_dev_if);
	sk->sk_backlog_rcv = tcp_prot.backlog_rcv;
	vgu_timers_restore(sk);
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
	if (conn)
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

	if (!sk_fullsock(sk))
		return tcp_prot.diag_destroy(sk, err);
	lock_sock(sk);
	conn = vgu_sk_live(sk);
	if (conn && sk->sk_state != TCP_CLOSE) {
		vgu_conn_abort(sk, conn);
		local_bh_disable();
		vgu_conn_fail(sk, conn, err);
		local_bh_enable();
	}
	release_sock(sk);
	return conn ? 0 : tcp_prot.diag_destroy(sk, err);
}
