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
 * vgu_last_ack_alloc() - memory for the segment that ends a socket
 * @gfp: flags
 *
 * Context: as @gfp says. Return: it or NULL.
 */
struct sk_buff *vgu_last_ack_alloc(gfp_t gfp)
{
	struct sk_buff *skb = alloc_skb(sizeof(struct tcphdr), gfp);

	if (!skb)
		return NULL;
	skb_reset_transport_header(skb);
	skb_put_zero(skb, sizeof(struct tcphdr));
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return skb;
}

/*
 * The acknowledgment of all that was sent, as if the peer's: it makes the native engine end the
 * socket, in its own way. What that consists of is none of a module's business, and not exported.
 * In CLOSING it makes a bucket in TIME-WAIT, in LAST-ACK none; an orphan is destroyed.
 */
static void vgu_last_ack(struct sock *sk, struct sk_buff *skb, int state)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcphdr *th = tcp_hdr(skb);

	if (sk->sk_state != state)
		inet_sk_set_state(sk, state);
	tp->rcv_wup = tp->rcv_nxt;
	WRITE_ONCE(tp->snd_nxt, tp->write_seq);
	WRITE_ONCE(tp->snd_una, tp->write_seq);
	th->source = inet_sk(sk)->inet_dport;
	th->dest = inet_sk(sk)->inet_sport;
	th->seq = htonl(tp->rcv_nxt);
	th->ack_seq = htonl(tp->snd_una);
	th->doff = sizeof(*th) / 4;
	th->ack = 1;
	TCP_SKB_CB(skb)->seq = tp->rcv_nxt;
	TCP_SKB_CB(skb)->end_seq = tp->rcv_nxt;
	TCP_SKB_CB(skb)->ack_seq = tp->snd_una;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK;
	tcp_prot.backlog_rcv(sk, skb);
}

/**
 * vgu_orphan_bury() - the end of an orphan
 * @sk: orphan, locked, in whatever state
 * @conn: its connection
 *
 * If the device has not finished, it goes on with what it was told.
 *
 * Context: socket locked and BH off; the caller has a reference to @sk of its own.
 */
void vgu_orphan_bury(struct sock *sk, struct vgu_conn *conn)
{
	struct sk_buff *last_ack = conn->last_ack;

	conn->last_ack = NULL;
	vgu_orphan_leave(sk, conn);
	vgu_last_ack(sk, last_ack, TCP_LAST_ACK);
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

/* For so long nobody may be heard of a peer that is still to get something. */
#define VGU_ORPHAN_TIMEOUT_MS	10000

/*
 * The address is nobody's any more: the peer can answer only as long as it does not ask for our
 * Ethernet address, and may be waited for only as long as it does.
 */
static void vgu_orphan_hasten(struct sock *sk, struct vgu_conn *conn)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	if (sk->sk_state == TCP_FIN_WAIT2) {
		vgu_conn_abort(sk, conn);
		return;
	}
	WRITE_ONCE(icsk->icsk_user_timeout,
		   min_not_zero(icsk->icsk_user_timeout, (u32)VGU_ORPHAN_TIMEOUT_MS));
	vgu_conn_opts_send(sk, conn, false, true);
}

static void vgu_orphan_end(struct vgu_conn *conn)
{
	struct sock *sk = vgu_conn_sk_get(conn);

	if (!sk)
		return;
	lock_sock(sk);
	if (vgu_sk_conn(sk) == conn) {
		local_bh_disable();
		vgu_orphan_hasten(sk, conn);
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
 * What was written before close() is still delivered: by the device, without a socket, unless the
 * peer falls silent. Where only the peer's end is missing, it gets a reset.
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
 * Return: false: no memory, nothing was done. Never for an orphan.
 */
bool vgu_time_wait(struct sock *sk, struct vgu_conn *conn)
{
	struct proto *creator = sk->sk_prot_creator;
	struct tcp_sock *tp = tcp_sk(sk);
	bool orphan = sock_flag(sk, SOCK_DEAD);
	struct sk_buff *last_ack = orphan ? conn->last_ack : vgu_last_ack_alloc(GFP_ATOMIC);

	if (!last_ack)
		return false;
	WRITE_ONCE(tp->rcv_nxt, tp->rcv_nxt + 1);
	WRITE_ONCE(tp->write_seq, tp->write_seq + 1);
	tp->rcv_wnd = conn->rx.size;
	if (conn->answer.timestamps)
		tp->rx_opt.ts_recent_stamp = ktime_get_seconds();
	conn->parting = true;
	if (orphan) {
		conn->last_ack = NULL;
		vgu_orphan_leave(sk, conn);
	}

	sk->sk_prot_creator = &tcp_prot;
	vgu_last_ack(sk, last_ack, TCP_CLOSING);
	sk->sk_prot_creator = creator;

	WRITE_ONCE(tp->rcv_nxt, tp->rcv_nxt - 1);
	WRITE_ONCE(tp->write_seq, tp->write_seq - 1);
	WRITE_ONCE(tp->snd_nxt, tp->write_seq);
	WRITE_ONCE(tp->snd_una, tp->write_seq);
	if (!orphan) {
		vgu_window_shut(sk);
		conn->parting = false;
	}
	return true;
}
