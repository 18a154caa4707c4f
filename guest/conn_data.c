// SPDX-License-Identifier: GPL-2.0
/*
 * Offloaded connections: payload between applications and the rings.
 *
 * The byte with sequence number s lies at (s - (first + 1)) modulo the size of its ring.
 * Only the owner of the socket moves write_seq and copied_seq, so payload is copied with
 * the socket locked and without any other lock.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/uio.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "conn_priv.h"
#include "pernet.h"

/* A long write is handed over in pieces of this size, so that sending starts early. */
#define VGU_PUSH_BYTES	(32 * 1024)

/**
 * vgu_conn_push() - tell the device what there is to send and what has been read
 * @sk: converted socket, locked
 * @conn: its connection
 *
 * Context: socket locked. Does not sleep.
 */
void vgu_conn_push(struct sock *sk, struct vgu_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u16 flags = 0;

	if (tp->nonagle & TCP_NAGLE_OFF)
		flags |= VIRTUOSO_SF_NODELAY;
	if ((tp->nonagle & TCP_NAGLE_CORK) || conn->more)
		flags |= VIRTUOSO_SF_CORK;

	spin_lock_bh(&conn->lock);
	conn->sflags &= VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE | VIRTUOSO_SF_ABORT;
	if (conn->sflags & VIRTUOSO_SF_FIN)
		flags &= ~VIRTUOSO_SF_CORK;
	conn->sflags |= flags;
	conn->tx_seq = tp->write_seq;
	conn->rx_seq = tp->copied_seq;
	conn->todo |= VGU_TODO_UPDATE;
	spin_unlock_bh(&conn->lock);
	conn->rx_told = tp->copied_seq;
	vgu_chan_queue(conn->chan, &conn->node);
}

/**
 * vgu_stream_memory_free() - is there room worth waking a writer for
 * @sk: socket of ours
 * @wake: 1 when a sleeping writer asks
 *
 * Context: struct proto; any, with or without the socket locked.
 */
bool vgu_stream_memory_free(const struct sock *sk, int wake)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct vgu_conn *conn;
	bool free;
	u32 unsent;

	rcu_read_lock();
	conn = vgu_sk_live(sk);
	if (conn) {
		unsent = READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_nxt);
		free = vgu_conn_tx_free(conn, sk) >= READ_ONCE(conn->tx.size) / 4 &&
		       ((u64)unsent << wake) < tcp_notsent_lowat(tp);
	} else {
		free = tcp_prot.stream_memory_free(sk, wake);
	}
	rcu_read_unlock();
	return free;
}

/* ---- Sending ---- */

/* Copies as much as fits into the ring. Return: bytes, 0: full, -EFAULT. */
static int vgu_ring_write(struct sock *sk, struct vgu_conn *conn, struct msghdr *msg)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 len = min_t(u32, vgu_conn_tx_free(conn, sk), VGU_PUSH_BYTES);
	size_t copied;
	void *to;

	len = min_t(size_t, len, msg_data_left(msg));
	if (!len)
		return 0;
	to = vgu_conn_ring_at(&conn->tx, conn->iss + 1, tp->write_seq, &len);
	copied = copy_from_iter(to, len, &msg->msg_iter);
	if (!copied)
		return -EFAULT;
	WRITE_ONCE(tp->write_seq, tp->write_seq + copied);
	return copied;
}

/*
 * MSG_ZEROCOPY is a permission, and this is a copy. Applications that asked for
 * notifications (SO_ZEROCOPY) get them, saying so. Return: NULL when none is due.
 */
static struct ubuf_info *vgu_zerocopy_note(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct ubuf_info *uarg;

	if (!(msg->msg_flags & MSG_ZEROCOPY) || !size || msg->msg_ubuf ||
	    !sock_flag(sk, SOCK_ZEROCOPY))
		return NULL;
	uarg = virtuoso_zerocopy_realloc(sk, size, NULL);
	if (!uarg)
		return ERR_PTR(-ENOBUFS);
	uarg_to_msgzc(uarg)->zerocopy = 0;
	return uarg;
}

/* Waits for room. Return: 0 or -errno; *@conn is NULL then if it is no longer there. */
static int vgu_send_wait(struct sock *sk, struct vgu_conn **conn, long *timeo)
{
	struct vgu_conn *before = *conn;
	int err;

	vgu_conn_get(before);
	err = sk_stream_wait_memory(sk, timeo);
	*conn = vgu_sk_live(sk);
	if (*conn != before) {
		err = err ?: -EPIPE;
		*conn = NULL;
	}
	vgu_conn_put(before);
	return err;
}

/* Return: bytes taken, or -errno when there are none. */
static int vgu_send_live(struct sock *sk, struct vgu_conn *conn, struct msghdr *msg)
{
	int flags = msg->msg_flags;
	long timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	struct tcp_sock *tp = tcp_sk(sk);
	bool blocked = false;
	int copied = 0, err;

	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	while (msg_data_left(msg)) {
		err = -EPIPE;
		if (sk->sk_err || (sk->sk_shutdown & SEND_SHUTDOWN))
			goto out;
		err = vgu_ring_write(sk, conn, msg);
		if (err > 0) {
			copied += err;
			if (msg_data_left(msg) && tp->write_seq - conn->tx_seq >= VGU_PUSH_BYTES)
				vgu_conn_push(sk, conn);
			continue;
		}
		if (err < 0)
			goto out;
		if (vgu_conn_tx_grow(sk, conn))
			continue;
		/* Full: no holding back, or room would never come. */
		conn->more = false;
		vgu_conn_push(sk, conn);
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		blocked = true;
		err = vgu_send_wait(sk, &conn, &timeo);
		if (err)
			goto out;
	}
	err = 0;
	if (sk->sk_err || (sk->sk_shutdown & SEND_SHUTDOWN))
		err = -EPIPE;
out:
	if (copied) {
		vgu_net_add(sock_net(sk), tx_bytes, copied);
		if (conn) {
			conn->more = !blocked && !err && (flags & MSG_MORE);
			vgu_conn_push(sk, conn);
		}
		return copied;
	}
	return err ? sk_stream_error(sk, flags, err) : 0;
}

/*
 * Waits for a connection being made. Return: 0 (there is one, though perhaps no longer
 * ours), -errno.
 */
static int vgu_send_wait_connect(struct sock *sk, struct msghdr *msg)
{
	long timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	int err;

	if (sk->sk_state != TCP_SYN_SENT)
		return 0;
	err = sk_stream_wait_connect(sk, &timeo);
	return err ? sk_stream_error(sk, msg->msg_flags, err) : 0;
}

/**
 * vgu_sendmsg_locked() - send on a socket of ours
 * @sk: socket, locked
 * @msg: message
 * @size: its length
 *
 * Context: struct proto_ops, GSYS. Return: bytes or -errno.
 */
int vgu_sendmsg_locked(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct vgu_conn *conn = vgu_sk_conn(sk);
	struct ubuf_info *note;
	int err;

	if (conn && conn->state != VGU_CONN_LIVE && !(msg->msg_flags & MSG_FASTOPEN)) {
		err = vgu_send_wait_connect(sk, msg);
		if (err)
			return err;
	}
	conn = vgu_sk_live(sk);
	if (!conn)
		return inet_stream_ops.sendmsg_locked(sk, msg, size);
	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	note = vgu_zerocopy_note(sk, msg, size);
	if (IS_ERR(note))
		return PTR_ERR(note);
	err = vgu_send_live(sk, conn, msg);
	if (err > 0)
		net_zcopy_put(note);
	else
		net_zcopy_put_abort(note, true);
	return err;
}

/**
 * vgu_sendmsg() - send on a socket of ours
 * @sk: socket
 * @msg: message
 * @size: its length
 *
 * Context: struct proto, GSYS. Return: bytes or -errno.
 */
int vgu_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	int idx = srcu_read_lock(&vgu_calls);
	int ret;

	lock_sock(sk);
	ret = vgu_sendmsg_locked(sk, msg, size);
	release_sock(sk);
	srcu_read_unlock(&vgu_calls, idx);
	return ret;
}

/**
 * vgu_splice_eof() - no more will be spliced in: send what MSG_MORE held back
 * @sock: socket
 *
 * Context: struct proto, GSYS.
 */
void vgu_splice_eof(struct socket *sock)
{
	int idx = srcu_read_lock(&vgu_calls);
	struct sock *sk = sock->sk;
	struct vgu_conn *conn;
	bool ours = false;

	lock_sock(sk);
	conn = vgu_sk_live(sk);
	if (conn) {
		ours = true;
		if (conn->more) {
			conn->more = false;
			vgu_conn_push(sk, conn);
		}
	}
	release_sock(sk);
	if (!ours)
		tcp_prot.splice_eof(sock);
	srcu_read_unlock(&vgu_calls, idx);
}

/* ---- Receiving ---- */

/*
 * Reports what was read when it is much, or when the device may have run out of room;
 * otherwise the next record carries it.
 */
static void vgu_credit(struct sock *sk, struct vgu_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 read = tp->copied_seq - conn->rx_told;
	u32 room = conn->rx.size - (tp->rcv_nxt - conn->rx_told);

	if (!read || sk->sk_state == TCP_CLOSE)
		return;
	if (read >= conn->rx.size / 4 || room < conn->rx.size / 4)
		vgu_conn_push(sk, conn);
}

/*
 * Copies unread bytes from @seq on, up to the end of the ring.
 * Return: bytes, 0: none there, -EFAULT.
 */
static int vgu_ring_read(struct sock *sk, struct vgu_conn *conn, struct msghdr *msg,
			 u32 seq, size_t len, int flags)
{
	s32 unread = tcp_sk(sk)->rcv_nxt - seq;
	const void *from;
	u32 n;

	if (unread <= 0)
		return 0;
	n = min_t(size_t, len, unread);
	from = vgu_conn_ring_at(&conn->rx, conn->irs + 1, seq, &n);
	if (flags & MSG_TRUNC)
		return n;
	len = copy_to_iter(from, n, &msg->msg_iter);
	return len ?: -EFAULT;
}

/* Why a reader without (enough) data must not wait. Return: 1: it may. */
static int vgu_recv_may_wait(struct sock *sk, int copied, long timeo)
{
	if (copied) {
		if (sk->sk_err || sk->sk_state == TCP_CLOSE || (sk->sk_shutdown & RCV_SHUTDOWN) ||
		    !timeo || signal_pending(current))
			return 0;
		return 1;
	}
	if (sk->sk_err)
		return sock_error(sk);
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return 0;
	if (sk->sk_state == TCP_CLOSE)
		return -ENOTCONN;
	if (!timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(timeo);
	return 1;
}

/* Is there something new for a reader that knows everything before @seq? */
static bool vgu_recv_news(struct sock *sk, struct vgu_conn *conn, u32 seq)
{
	return (s32)(READ_ONCE(tcp_sk(sk)->rcv_nxt) - seq) > 0 || READ_ONCE(sk->sk_err) ||
	       (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) ||
	       READ_ONCE(sk->sk_state) == TCP_CLOSE || READ_ONCE(conn->up_new);
}

static int vgu_recv_wait(struct sock *sk, struct vgu_conn *conn, long *timeo, u32 seq)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int rc;

	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	rc = sk_wait_event(sk, timeo, vgu_recv_news(sk, conn, seq), &wait);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
	return rc < 0 ? rc : 0;
}

/* Holds a reference to @conn. Return: bytes, or -errno when there are none. */
static int vgu_recv_live(struct sock *sk, struct vgu_conn *conn, struct msghdr *msg, size_t len,
			 int flags)
{
	long timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	int target = sock_rcvlowat(sk, flags & MSG_WAITALL, len);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 peeked = 0;
	int copied = 0;
	int ret = 0;

	if (flags & MSG_OOB)
		return -EINVAL;
	if (flags & MSG_PEEK)
		peeked = max(sk_peek_offset(sk, flags), 0);
	while (len) {
		u32 seq = tp->copied_seq + peeked;

		ret = vgu_ring_read(sk, conn, msg, seq, len, flags);
		if (ret > 0) {
			copied += ret;
			len -= ret;
			if (flags & MSG_PEEK)
				peeked += ret;
			else
				WRITE_ONCE(tp->copied_seq, tp->copied_seq + ret);
			continue;
		}
		if (ret < 0 || copied >= target)
			break;
		if (READ_ONCE(conn->up_new)) {
			local_bh_disable();
			vgu_conn_apply(sk, conn);
			local_bh_enable();
			continue;
		}
		ret = vgu_recv_may_wait(sk, copied, timeo);
		if (ret <= 0)
			break;
		if (!(flags & MSG_PEEK)) {
			vgu_conn_rx_adjust(sk, conn);
			vgu_credit(sk, conn);
		}
		ret = vgu_recv_wait(sk, conn, &timeo, seq);
		if (ret < 0)
			break;
		if (vgu_sk_live(sk) != conn) {
			ret = sock_error(sk);
			break;
		}
	}
	if (flags & MSG_PEEK) {
		sk_peek_offset_fwd(sk, copied);
	} else {
		sk_peek_offset_bwd(sk, copied);
		if (vgu_sk_live(sk) == conn) {
			vgu_conn_rx_adjust(sk, conn);
			vgu_credit(sk, conn);
		}
		vgu_net_add(sock_net(sk), rx_bytes, copied);
	}
	return copied ?: min(ret, 0);
}

/*
 * A reader may come before the connection is there. Return: 0: there is an answer, or
 * the socket is none of ours; -errno.
 */
static int vgu_recv_wait_connect(struct sock *sk, int flags)
{
	long timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int rc = 0;

	add_wait_queue(sk_sleep(sk), &wait);
	while (rc >= 0 && sk->sk_state == TCP_SYN_SENT) {
		if (!timeo)
			rc = -EAGAIN;
		else if (signal_pending(current))
			rc = sock_intr_errno(timeo);
		else
			rc = sk_wait_event(sk, &timeo,
					   READ_ONCE(sk->sk_state) != TCP_SYN_SENT, &wait);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return rc < 0 ? rc : 0;
}

/* TCP_INQ, and the same for io_uring. */
static void vgu_recv_inq(struct sock *sk, struct msghdr *msg, bool cmsg, int inq)
{
	if (cmsg)
		msg->msg_get_inq = 1;
	if (!msg->msg_get_inq)
		return;
	/* After FIN there is something to read still: the end. */
	if (!inq && (sk->sk_shutdown & RCV_SHUTDOWN))
		inq = 1;
	msg->msg_inq = inq;
	if (cmsg)
		put_cmsg(msg, SOL_TCP, TCP_CM_INQ, sizeof(inq), &inq);
}

/* Receive on a socket of ours (struct proto, GSYS). Return: bytes or -errno. */
int vgu_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, VIRTUOSO_RECVMSG_LAST_ARGS)
{
	int idx = srcu_read_lock(&vgu_calls);
	struct vgu_conn *conn;
	bool cmsg;
	int inq = 0;
	int ret = 0;

	if (flags & MSG_ERRQUEUE) {
		ret = tcp_prot.recvmsg(sk, msg, len, VIRTUOSO_RECVMSG_LAST_PASS);
		goto out;
	}
	lock_sock(sk);
	conn = vgu_sk_conn(sk);
	if (conn && conn->state != VGU_CONN_LIVE)
		ret = vgu_recv_wait_connect(sk, flags);
	conn = vgu_sk_live(sk);
	if (ret || !conn) {
		release_sock(sk);
		if (!ret)
			ret = tcp_prot.recvmsg(sk, msg, len, VIRTUOSO_RECVMSG_LAST_PASS);
		goto out;
	}
	cmsg = tcp_sk(sk)->recvmsg_inq;
	vgu_conn_get(conn);
	ret = vgu_recv_live(sk, conn, msg, len, flags);
	vgu_conn_put(conn);
	inq = tcp_sk(sk)->rcv_nxt - tcp_sk(sk)->copied_seq;
	release_sock(sk);
	if (ret >= 0)
		vgu_recv_inq(sk, msg, cmsg, inq);
out:
	srcu_read_unlock(&vgu_calls, idx);
	return ret;
}

/**
 * vgu_stream_set_rcvlowat() - SO_RCVLOWAT
 * @sk: socket of ours, locked
 * @val: bytes
 *
 * Context: struct proto_ops, GSYS. Return: 0 or -errno.
 */
int vgu_stream_set_rcvlowat(struct sock *sk, int val)
{
	struct vgu_conn *conn = vgu_sk_live(sk);

	if (!conn)
		return inet_stream_ops.set_rcvlowat(sk, val);
	conn->lowat = val < 0 ? INT_MAX : val;
	vgu_conn_rx_lowat(sk, conn);
	vgu_wake_reader(sk);
	return 0;
}
