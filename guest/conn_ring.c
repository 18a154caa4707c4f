// SPDX-License-Identifier: GPL-2.0
/*
 * Offloaded connections: payload rings that grow with use.
 *
 * A connection begins with small rings. When the transmit ring is full, and congestion window and peer
 * would allow twice as much to be under way, or when the application reads more than half the receive
 * ring in a round trip, a larger ring takes its place. Nothing is copied: bytes up to a sequence number stay in the
 * old ring, which goes back when these are acknowledged, or read.
 *
 * Limits are those of native TCP: net.ipv4.tcp_wmem and tcp_rmem, net.ipv4.tcp_moderate_rcvbuf, SO_SNDBUF and
 * SO_RCVBUF.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <net/tcp.h>

#include "conn_priv.h"

/* So late may a reader be. */
#define VGU_READER_LATE_US	1000U

/* The device must have adopted the flow, so that it may be told. */
static bool vgu_ring_may_grow(const struct vgu_conn *conn, const struct vgu_conn_ring *ring)
{
	return !ring->old_size && READ_ONCE(conn->up.update);
}

/* Bytes from @old_end on go to the new ring. Return: false: the connection has ended. */
static bool vgu_ring_change(struct vgu_conn *conn, struct vgu_conn_ring *ring,
			    const struct vgu_payload *larger, u32 told_seq, u32 old_end, u8 todo)
{
	bool live;

	spin_lock_bh(&conn->lock);
	live = conn->state == VGU_CONN_LIVE && !conn->gone;
	if (live) {
		ring->old = ring->mem;
		ring->old_size = ring->size;
		ring->old_end = old_end;
		ring->mem = *larger;
		WRITE_ONCE(ring->size, 1U << larger->abi.size_log2);
		ring->told_seq = told_seq;
		conn->todo |= todo;
	}
	spin_unlock_bh(&conn->lock);
	if (live)
		vgu_chan_queue(conn->chan, &conn->node);
	return live;
}

static bool vgu_ring_grow(struct vgu_conn *conn, struct vgu_conn_ring *ring, u32 want_bytes,
			  u32 told_seq, u32 old_end, u8 todo)
{
	struct vgu_payload larger;

	if (vgu_payload_alloc_larger(conn->dev, &larger, ring->size, want_bytes))
		return false;
	if (vgu_ring_change(conn, ring, &larger, told_seq, old_end, todo))
		return true;
	vgu_payload_free(conn->dev, &larger);
	return false;
}

/**
 * vgu_conn_ring_retire() - give back the ring that a larger one has replaced, if it is empty
 * @conn: connection
 * @ring: its transmit or receive ring
 * @seq: nothing before it is needed any more
 * @todo: record by which the device hears of the larger one
 *
 * Context: socket locked.
 */
void vgu_conn_ring_retire(struct vgu_conn *conn, struct vgu_conn_ring *ring, u32 seq, u8 todo)
{
	struct vgu_payload old;
	bool retire;

	if (likely(!ring->old_size) || before(seq, ring->old_end))
		return;
	spin_lock_bh(&conn->lock);
	retire = !(conn->todo & todo);
	if (retire) {
		old = ring->old;
		ring->old_size = 0;
	}
	spin_unlock_bh(&conn->lock);
	if (retire)
		vgu_payload_free(conn->dev, &old);
}

/* ---- Sending ---- */

static u32 vgu_tx_limit(const struct sock *sk)
{
	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK)
		return READ_ONCE(sk->sk_sndbuf);
	return READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_wmem[2]);
}

/**
 * vgu_conn_tx_grow() - the transmit ring is full: can the connection use a larger one?
 * @sk: converted socket, locked
 * @conn: its connection
 *
 * Context: socket locked. Does not sleep. Return: there is room now.
 */
bool vgu_conn_tx_grow(struct sock *sk, struct vgu_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 cwnd_bytes = (u64)tcp_snd_cwnd(tp) * tp->mss_cache;
	u32 want;

	want = min3(2 * cwnd_bytes, 2ULL * tp->snd_wnd, (u64)vgu_tx_limit(sk));
	if (want <= conn->tx.size || !vgu_ring_may_grow(conn, &conn->tx))
		return false;
	return vgu_ring_grow(conn, &conn->tx, want, tp->write_seq, tp->write_seq,
			     VGU_TODO_TX_RING);
}

/* ---- Receiving ---- */

static u32 vgu_rx_limit(const struct sock *sk)
{
	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		return READ_ONCE(sk->sk_rcvbuf);
	return READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_rmem[2]);
}

/* The receive ring should have @want_bytes; it gets larger if there is a larger one. Socket locked. */
static void vgu_conn_rx_grow(struct sock *sk, struct vgu_conn *conn, u32 want_bytes)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	want_bytes = min(want_bytes, vgu_rx_limit(sk));
	if (want_bytes <= conn->rx.size || (sk->sk_shutdown & RCV_SHUTDOWN) ||
	    !vgu_ring_may_grow(conn, &conn->rx))
		return;
	vgu_ring_grow(conn, &conn->rx, want_bytes, tp->copied_seq, tp->copied_seq + conn->rx.size,
		      VGU_TODO_RX_RING);
}

/**
 * vgu_conn_rx_lowat() - wake readers by SO_RCVLOWAT, as far as the receive ring goes
 * @sk: converted socket, locked
 * @conn: its connection; @conn->lowat is what was asked for
 *
 * More than what fits would never come. The ring grows for it, though perhaps not at once.
 *
 * Context: socket locked. Does not sleep.
 */
void vgu_conn_rx_lowat(struct sock *sk, struct vgu_conn *conn)
{
	if (conn->lowat > conn->rx.size / 2)
		vgu_conn_rx_grow(sk, conn, min_t(u32, conn->lowat, U32_MAX / 4) * 2);
	WRITE_ONCE(sk->sk_rcvlowat, clamp_t(int, conn->lowat, 1, conn->rx.size / 2));
}

/**
 * vgu_conn_rx_adjust() - dynamic right-sizing: does the application read more than half a ring in a round trip?
 * @sk: converted socket, locked
 * @conn: its connection
 *
 * What is read in a round trip is what the sender's window let through in one; a sender whose window grows
 * needs twice as much in the next. On a short way what counts is how long a reader may take until it runs: a ring
 * that is full by then stops the sender, and one that is not is emptied by fewer wake-ups.
 *
 * Context: socket locked. Does not sleep.
 */
void vgu_conn_rx_adjust(struct sock *sk, struct vgu_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 copied = tp->copied_seq - tp->rcvq_space.seq;
	u64 now_us, elapsed_us, rtt_us;

	vgu_conn_ring_retire(conn, &conn->rx, tp->copied_seq, VGU_TODO_RX_RING);
	if (copied <= conn->rx.size / 2)
		return;
	now_us = tcp_clock_us();
	elapsed_us = now_us - tp->rcvq_space.time;
	rtt_us = max(tp->srtt_us >> 3, VGU_READER_LATE_US);
	tp->rcvq_space.seq = tp->copied_seq;
	tp->rcvq_space.time = now_us;
	if (elapsed_us > rtt_us)
		copied = div64_u64(copied * rtt_us, elapsed_us);
	if (copied > conn->rx.size / 2 &&
	    READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_moderate_rcvbuf))
		vgu_conn_rx_grow(sk, conn, min(copied, U32_MAX / 4) * 2);
}
