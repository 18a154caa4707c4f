// SPDX-License-Identifier: GPL-2.0
/*
 * Offloaded connections: the moment at which a native socket stops to be one.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <net/tcp.h>

#include "conn_priv.h"

/* Timers of a converted socket have nothing to do but to give their reference back. */
static void vgu_timer_retransmit(struct timer_list *t)
{
	sock_put(virtuoso_retransmit_timer_sk(t));
}

static void vgu_timer_delack(struct timer_list *t)
{
	struct inet_connection_sock *icsk = timer_container_of(icsk, t, icsk_delack_timer);

	sock_put(&icsk->icsk_inet.sk);
}

static void vgu_timer_keepalive(struct timer_list *t)
{
	sock_put(virtuoso_keepalive_timer_sk(t));
}

/**
 * vgu_timers_stop() - stop what timers of the native engine may be pending
 * @sk: socket, locked
 *
 * Context: socket locked. Does not sleep; a timer that runs finds the socket locked.
 */
void vgu_timers_stop(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	/* A timer's function looks at these before it does anything; /proc/net/tcp, without the lock. */
	smp_store_release(&icsk->icsk_pending, 0);
	/* As above. */
	smp_store_release(&icsk->icsk_ack.pending, 0);
	sk_stop_timer(sk, virtuoso_retransmit_timer(sk));
	sk_stop_timer(sk, &icsk->icsk_delack_timer);
	sk_stop_timer(sk, virtuoso_keepalive_timer(sk));
}

static void vgu_timers_silence(struct sock *sk)
{
	vgu_timers_stop(sk);
	virtuoso_retransmit_timer(sk)->function = vgu_timer_retransmit;
	inet_csk(sk)->icsk_delack_timer.function = vgu_timer_delack;
	virtuoso_keepalive_timer(sk)->function = vgu_timer_keepalive;
}

static void vgu_timers_restore(struct sock *sk)
{
	vgu_timers_stop(sk);
	virtuoso_retransmit_timer(sk)->function = vgu_native.retransmit;
	inet_csk(sk)->icsk_delack_timer.function = vgu_native.delack;
	virtuoso_keepalive_timer(sk)->function = vgu_native.keepalive;
}

/* Far from any window that the peer may use. */
#define VGU_WINDOW_AWAY		(1U << 30)

/**
 * vgu_window_shut() - keep the native engine from accepting segments
 * @sk: converted socket, locked
 *
 * A converted socket stays in the table of established ones, so segments that come by the
 * loopback, by another netdev, or in fragments, may find it. They must not be taken for
 * the peer's: the window is a single number far from where the peer is, so that they fail
 * the check of the sequence number, which is the first one made. (Header prediction, that
 * would come before it, is off.) The native engine opens the window each time it sends an
 * acknowledgment, and passes vgu_queue_xmit() then.
 *
 * Context: socket locked.
 */
void vgu_window_shut(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->pred_flags = 0;
	tp->rcv_wup = tp->rcv_nxt + VGU_WINDOW_AWAY;
	tp->rcv_wnd = 0;
}

/**
 * vgu_queue_xmit() - the native engine sends a segment
 * @sk: socket
 * @skb: segment
 * @fl: flow
 *
 * Converted sockets leave that to the device.
 *
 * Context: struct inet_connection_sock_af_ops, socket locked.
 * Return: 0 or a NET_XMIT_ code.
 */
int vgu_queue_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl)
{
	if (!vgu_sk_live(sk))
		return vgu_native.af_ops->queue_xmit(sk, skb, fl);
	vgu_window_shut(sk);
	kfree_skb(skb);
	return 0;
}

/**
 * vgu_rebuild_header() - the native engine prepares to send
 * @sk: socket
 *
 * Called when the handshake's last segment has been accepted, and not again for a
 * converted socket.
 *
 * Context: struct inet_connection_sock_af_ops, socket locked. Return: 0 or -errno.
 */
int vgu_rebuild_header(struct sock *sk)
{
	if (!vgu_sk_live(sk))
		return vgu_native.af_ops->rebuild_header(sk);
	vgu_window_shut(sk);
	return 0;
}

/* Segments that came while the socket was owned. */
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
 * From here on the native engine neither sends nor receives for it.
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

	tp->snd_una = snd;
	tp->snd_sml = snd;
	tp->snd_up = snd;
	tp->pushed_seq = snd;
	WRITE_ONCE(tp->snd_nxt, snd);
	WRITE_ONCE(tp->write_seq, snd);
	WRITE_ONCE(tp->rcv_nxt, rcv);
	WRITE_ONCE(tp->copied_seq, rcv);
	tp->rcv_wup = rcv;
	tp->rcv_wnd = conn->rx.size;
	tp->rcvq_space.seq = rcv;
	tp->rcvq_space.time = tcp_clock_us();
	tp->mss_cache = conn->mss;
	tp->rx_opt.wscale_ok = conn->answer.snd_wscale || conn->answer.rcv_wscale;
	tp->rx_opt.snd_wscale = conn->answer.snd_wscale;
	tp->rx_opt.rcv_wscale = conn->answer.rcv_wscale;
	conn->rx_told = rcv;
	conn->lowat = sk->sk_rcvlowat;
	vgu_conn_rx_lowat(sk, conn);

	spin_lock_bh(&conn->lock);
	WRITE_ONCE(conn->state, VGU_CONN_LIVE);
	conn->tx_seq = snd;
	conn->rx_seq = rcv;
	spin_unlock_bh(&conn->lock);
	vgu_conn_opts_send(sk, conn, sock_flag(sk, SOCK_KEEPOPEN), false);
	vgu_hop_start(sk, conn);

	/* News that came before: not from within the establishment. */
	if (READ_ONCE(conn->up_new))
		vgu_conn_later(conn);
}

/**
 * vgu_unconvert() - let the native engine have the socket again, which is closed
 * @sk: converted socket in TCP_CLOSE, locked
 *
 * Context: socket locked. Does not sleep.
 */
void vgu_unconvert(struct sock *sk)
{
	sk->sk_backlog_rcv = tcp_prot.backlog_rcv;
	vgu_timers_restore(sk);
}
