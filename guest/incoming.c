// SPDX-License-Identifier: GPL-2.0
/*
 * Incoming connections: the device established them, now a listener must take them.
 *
 * The handshake is played to the native listener: SYN, (its SYN-ACK is taken off in
 * vgu_conn_xmit()), ACK. The child that the listener makes of it is converted at birth.
 * So the accept queue, SO_REUSEPORT, epoll and the firewall are the kernel's own.
 *
 * What the listener does not take now (accept queue full, no payload rings) waits here and is offered again: when somebody accepts, when rings are there
 * again, and with time. What it answers with RST is refused.
 *
 * The device's initial sequence number takes the place of the listener's own when the
 * child is made, so that the child counts as the wire does from the beginning.
 *
 * vgu_incoming_lock (spin_bh) guards the table and all members of its entries but @conn
 * and what is constant; it takes no other lock.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/hashtable.h>
#include <linux/jhash.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/inet_common.h>
#include <net/tcp.h>
#include <virtuoso/compat.h>

#include "conn_priv.h"
#include "listen.h"
#include "pernet.h"

#define VGU_INCOMING_MAX	4096
#define VGU_INCOMING_RETRY_MIN	(HZ / 20)
#define VGU_INCOMING_RETRY_MAX	HZ
#define VGU_INCOMING_GIVE_UP	(60 * HZ)
/* How many are offered again when one was accepted. */
#define VGU_INCOMING_PER_ACCEPT	4

/**
 * struct vgu_incoming - a connection waiting for its listener
 * @hash: place in the table
 * @tuple: connection
 * @dev: device that announced it
 * @conn: its connection object, equipped when rings could be had. Owned by who plays
 * @isn: what the listener's SYN-ACK said, with @have_isn
 * @have_isn: the listener answered, its request may still be there
 * @syn_last: the last segment played was SYN
 * @playing: somebody plays it
 * @claimed: a child is being made of it
 * @done: a child has it
 * @refused: the listener does not want it
 * @next: when to play it again
 * @delay: what to wait after that
 * @give_up: when to refuse it
 */
struct vgu_incoming {
	struct hlist_node hash;
	struct vgu_tuple tuple;
	struct vgu_dev *dev;
	struct vgu_conn *conn;
	u32 isn;
	bool have_isn;
	bool syn_last;
	bool playing;
	bool claimed;
	bool done;
	bool refused;
	unsigned long next;
	unsigned long delay;
	unsigned long give_up;
};

static DEFINE_SPINLOCK(vgu_incoming_lock);
static DEFINE_HASHTABLE(vgu_incoming_table, 8);
static unsigned int vgu_incoming_nr;

/* What this CPU is playing right now: NAT may give the child another tuple. */
static DEFINE_PER_CPU(struct vgu_incoming *, vgu_incoming_playing);

static void vgu_incoming_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(vgu_incoming_work, vgu_incoming_work_fn);

static u32 vgu_tuple_hash(const struct vgu_tuple *t)
{
	return jhash_3words((__force u32)t->laddr, (__force u32)t->raddr,
			    (__force u32)t->lport << 16 | (__force u32)t->rport, 0);
}

static bool vgu_tuple_equal(const struct vgu_tuple *a, const struct vgu_tuple *b)
{
	return a->laddr == b->laddr && a->raddr == b->raddr && a->lport == b->lport &&
	       a->rport == b->rport;
}

static struct vgu_incoming *__vgu_incoming_find(const struct vgu_tuple *tuple)
{
	struct vgu_incoming *inc;

	hash_for_each_possible(vgu_incoming_table, inc, hash, vgu_tuple_hash(tuple))
		if (vgu_tuple_equal(&inc->tuple, tuple))
			return inc;
	return NULL;
}

static void __vgu_incoming_remove(struct vgu_incoming *inc)
{
	hash_del(&inc->hash);
	WRITE_ONCE(vgu_incoming_nr, vgu_incoming_nr - 1);
}

/* ---- Playing ---- */

/* After playing: gone, or waiting for the next time. */
static void vgu_incoming_finish(struct vgu_incoming *inc)
{
	struct net_device *netdev = inc->dev->netdev;
	unsigned long wait = 0;
	bool refuse;

	spin_lock_bh(&vgu_incoming_lock);
	inc->playing = false;
	refuse = inc->refused || time_after(jiffies, inc->give_up);
	if (!inc->done && (!refuse || inc->claimed)) {
		inc->next = jiffies + inc->delay;
		wait = inc->delay;
		inc->delay = min_t(unsigned long, 2 * inc->delay, VGU_INCOMING_RETRY_MAX);
	} else {
		__vgu_incoming_remove(inc);
	}
	spin_unlock_bh(&vgu_incoming_lock);
	if (wait) {
		queue_delayed_work(vgu_wq, &vgu_incoming_work, wait);
		return;
	}
	if (!inc->done) {
		vgu_netdev_count(netdev, incoming_refused);
		vgu_conn_refuse(inc->conn);
	}
	kfree(inc);
}

static void vgu_incoming_segment(struct vgu_incoming *inc, u32 seq, u32 ack, u8 tcp_flags)
{
	local_bh_disable();
	this_cpu_write(vgu_incoming_playing, inc);
	inc->syn_last = tcp_flags & TCPHDR_SYN;
	vgu_segment_rx(inc->dev, &inc->tuple, NULL, seq, ack, tcp_flags, inc->conn->mss);
	this_cpu_write(vgu_incoming_playing, NULL);
	local_bh_enable();
}

/* @inc->playing is set. Consumes it. */
static void vgu_incoming_play(struct vgu_incoming *inc)
{
	struct vgu_conn *conn = inc->conn;

	if (READ_ONCE(inc->done)) {
		vgu_incoming_finish(inc);
		return;
	}
	if (conn->equipped || !vgu_conn_equip(conn, true)) {
		vgu_conn_get(conn);
		if (!READ_ONCE(inc->have_isn)) {
			vgu_tuple_make_way(inc->dev, &inc->tuple);
			vgu_incoming_segment(inc, conn->irs, 0, TCPHDR_SYN);
		}
		if (READ_ONCE(inc->have_isn))
			vgu_incoming_segment(inc, conn->irs + 1, READ_ONCE(inc->isn) + 1,
					     TCPHDR_ACK);
		if (READ_ONCE(conn->up_new))
			vgu_conn_kick(conn);
		vgu_conn_put(conn);
	}
	vgu_incoming_finish(inc);
}

/* More time-outs than any listener waits for, and more than a native request can have. */
#define VGU_REQUEST_MATURE	127

/*
 * A listener with TCP_DEFER_ACCEPT drops a bare ACK until so many time-outs have passed that the
 * peer should have sent data. The device has waited for data as long: what is played is due.
 */
static void vgu_request_mature(struct sock *sk)
{
	struct request_sock_queue *queue;
	struct request_sock *req;

	if (!sk || sk->sk_state != TCP_NEW_SYN_RECV)
		return;
	req = inet_reqsk(sk);
	queue = &inet_csk(req->rsk_listener)->icsk_accept_queue;
	if (!READ_ONCE(queue->rskq_defer_accept))
		return;
	/* As the request's own timer does. */
	if (!req->num_timeout)
		atomic_dec(&queue->young);
	req->num_timeout = VGU_REQUEST_MATURE;
}

/* Undone before the child is made, which would show the time-outs in TCP_INFO. */
static void vgu_request_rejuvenate(struct request_sock *req)
{
	if (req->num_timeout != VGU_REQUEST_MATURE)
		return;
	req->num_timeout = 0;
	atomic_inc(&inet_csk(req->rsk_listener)->icsk_accept_queue.young);
}

/**
 * vgu_incoming_xmit() - the stack sends a segment; is it an answer to what is played?
 * @sk: whose segment it is: a request, NULL: not known
 * @tuple: of the segment
 * @tcp_flags: TCPHDR_*
 * @seq: its sequence number
 *
 * Context: netdev transmit. Return: true when it must go no further.
 */
bool vgu_incoming_xmit(struct sock *sk, const struct vgu_tuple *tuple, u8 tcp_flags, u32 seq)
{
	struct vgu_incoming *inc;
	bool later = false;

	if (!READ_ONCE(vgu_incoming_nr))
		return false;
	spin_lock_bh(&vgu_incoming_lock);
	inc = __vgu_incoming_find(tuple);
	if (!inc) {
		spin_unlock_bh(&vgu_incoming_lock);
		return false;
	}
	if (tcp_flags & TCPHDR_RST) {
		/* To SYN: no listener. To ACK: its request has expired. */
		if (inc->syn_last)
			inc->refused = true;
		WRITE_ONCE(inc->have_isn, false);
	} else if ((tcp_flags & (TCPHDR_SYN | TCPHDR_ACK)) == (TCPHDR_SYN | TCPHDR_ACK)) {
		WRITE_ONCE(inc->isn, seq);
		WRITE_ONCE(inc->have_isn, true);
		vgu_request_mature(sk);
		later = !inc->playing;
		if (later)
			inc->next = jiffies;
	}
	spin_unlock_bh(&vgu_incoming_lock);
	if (later)
		mod_delayed_work(vgu_wq, &vgu_incoming_work, 0);
	return true;
}

/* ---- Arrival and retry ---- */

static bool vgu_addr_from_abi(const u8 *abi, __be32 *addr)
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(abi, mapped, sizeof(mapped)))
		return false;
	memcpy(addr, abi + sizeof(mapped), sizeof(*addr));
	return true;
}

static struct vgu_conn *vgu_incoming_conn(struct vgu_dev *dev,
					  const struct virtio_virtuoso_complete_incoming *in)
{
	struct vgu_conn *conn = vgu_conn_new(dev, GFP_ATOMIC);

	if (!conn)
		return NULL;
	conn->token = le32_to_cpu(in->token);
	conn->iss = le32_to_cpu(in->iss);
	conn->irs = le32_to_cpu(in->irs);
	conn->mss = clamp_t(u16, le16_to_cpu(in->mss), TCP_MIN_MSS, 65495);
	conn->answer.snd_wscale = min_t(u8, in->snd_wscale, TCP_MAX_WSCALE);
	conn->answer.rcv_wscale = min_t(u8, in->rcv_wscale, TCP_MAX_WSCALE);
	conn->answer.timestamps = in->timestamps;
	return conn;
}

static struct vgu_incoming *vgu_incoming_add(struct vgu_conn *conn,
					     const struct virtio_virtuoso_complete_incoming *in)
{
	struct vgu_incoming *inc = kzalloc(sizeof(*inc), GFP_ATOMIC);

	if (!inc)
		return NULL;
	inc->dev = conn->dev;
	inc->conn = conn;
	inc->tuple.lport = in->lport;
	inc->tuple.rport = in->rport;
	inc->playing = true;
	inc->delay = VGU_INCOMING_RETRY_MIN;
	inc->give_up = jiffies + VGU_INCOMING_GIVE_UP;
	if (!vgu_addr_from_abi(in->laddr, &inc->tuple.laddr) ||
	    !vgu_addr_from_abi(in->raddr, &inc->tuple.raddr))
		goto err_free;
	spin_lock_bh(&vgu_incoming_lock);
	if (vgu_incoming_nr >= VGU_INCOMING_MAX || __vgu_incoming_find(&inc->tuple)) {
		spin_unlock_bh(&vgu_incoming_lock);
		goto err_free;
	}
	hash_add(vgu_incoming_table, &inc->hash, vgu_tuple_hash(&inc->tuple));
	WRITE_ONCE(vgu_incoming_nr, vgu_incoming_nr + 1);
	spin_unlock_bh(&vgu_incoming_lock);
	return inc;

err_free:
	kfree(inc);
	return NULL;
}

/**
 * vgu_incoming_new() - the device has an incoming connection
 * @dev: device
 * @rec: INCOMING record
 *
 * Context: NAPI.
 */
void vgu_incoming_new(struct vgu_dev *dev, const struct virtio_virtuoso_complete *rec)
{
	struct net *net = dev_net(dev->netdev);
	struct vgu_conn *conn = vgu_incoming_conn(dev, &rec->u.incoming);
	struct vgu_incoming *inc;

	vgu_net_count(net, incoming);
	/* Without memory to refuse it, the device's own time limit must do. */
	if (!conn)
		return;
	inc = vgu_incoming_add(conn, &rec->u.incoming);
	if (inc) {
		vgu_incoming_play(inc);
		return;
	}
	vgu_net_count(net, incoming_refused);
	vgu_conn_refuse(conn);
}

/* The next one that is due, marked as being played; otherwise *@wait is set. */
static struct vgu_incoming *vgu_incoming_due(unsigned long *wait)
{
	struct vgu_incoming *inc;
	unsigned long left;
	int bucket;

	*wait = 0;
	spin_lock_bh(&vgu_incoming_lock);
	hash_for_each(vgu_incoming_table, bucket, inc, hash) {
		if (inc->playing)
			continue;
		if (time_before_eq(inc->next, jiffies)) {
			inc->playing = true;
			spin_unlock_bh(&vgu_incoming_lock);
			return inc;
		}
		left = inc->next - jiffies;
		*wait = *wait ? min(*wait, left) : left;
	}
	spin_unlock_bh(&vgu_incoming_lock);
	return NULL;
}

static void vgu_incoming_work_fn(struct work_struct *work)
{
	struct vgu_incoming *inc;
	unsigned long wait;

	while ((inc = vgu_incoming_due(&wait))) {
		vgu_netdev_count(inc->dev->netdev, incoming_retried);
		vgu_incoming_play(inc);
		cond_resched();
	}
	if (wait)
		queue_delayed_work(vgu_wq, &vgu_incoming_work, wait);
}

static void vgu_incoming_hurry(__be16 lport, unsigned int nr)
{
	struct vgu_incoming *inc;
	bool any = false;
	int bucket;

	if (!READ_ONCE(vgu_incoming_nr))
		return;
	spin_lock_bh(&vgu_incoming_lock);
	hash_for_each(vgu_incoming_table, bucket, inc, hash) {
		if (lport && inc->tuple.lport != lport)
			continue;
		if (!nr--)
			break;
		inc->next = jiffies;
		any = true;
	}
	spin_unlock_bh(&vgu_incoming_lock);
	if (any)
		mod_delayed_work(vgu_wq, &vgu_incoming_work, 0);
}

/**
 * vgu_incoming_retry() - offer all that waits again
 *
 * Context: any.
 */
void vgu_incoming_retry(void)
{
	vgu_incoming_hurry(0, UINT_MAX);
}

/**
 * vgu_incoming_dev_del() - a device goes away, its queues are stopped
 * @dev: device
 *
 * The connection objects are left to the device's table.
 *
 * Context: remove; sleeps.
 */
void vgu_incoming_dev_del(struct vgu_dev *dev)
{
	struct vgu_incoming *inc;
	struct hlist_node *tmp;
	bool busy;
	int bucket;

	do {
		busy = false;
		spin_lock_bh(&vgu_incoming_lock);
		hash_for_each_safe(vgu_incoming_table, bucket, tmp, inc, hash) {
			if (inc->dev != dev)
				continue;
			if (inc->playing || inc->claimed) {
				busy = true;
				continue;
			}
			__vgu_incoming_remove(inc);
			kfree(inc);
		}
		spin_unlock_bh(&vgu_incoming_lock);
		if (busy)
			flush_delayed_work(&vgu_incoming_work);
	} while (busy);
	/* It may have taken one off to refuse it. */
	flush_delayed_work(&vgu_incoming_work);
}

/* ---- The listener's side ---- */

/* The incoming connection that a request stems from, claimed; *@conn gets a reference. */
static struct vgu_incoming *vgu_incoming_claim(const struct request_sock *req,
					       struct vgu_conn **conn)
{
	const struct inet_request_sock *ireq = inet_rsk(req);
	struct vgu_tuple tuple = {
		.laddr = ireq->ir_loc_addr,
		.raddr = ireq->ir_rmt_addr,
		.lport = htons(ireq->ir_num),
		.rport = ireq->ir_rmt_port,
	};
	struct vgu_incoming *inc;

	if (!READ_ONCE(vgu_incoming_nr))
		return NULL;
	spin_lock_bh(&vgu_incoming_lock);
	inc = this_cpu_read(vgu_incoming_playing);
	if (!inc)
		inc = __vgu_incoming_find(&tuple);
	if (inc && (inc->claimed || inc->done || !inc->conn->equipped))
		inc = NULL;
	if (inc) {
		inc->claimed = true;
		*conn = inc->conn;
		vgu_conn_get(*conn);
	}
	spin_unlock_bh(&vgu_incoming_lock);
	return inc;
}

static void vgu_incoming_unclaim(struct vgu_incoming *inc, bool done)
{
	bool later;

	spin_lock_bh(&vgu_incoming_lock);
	inc->claimed = false;
	inc->done = done;
	later = done && !inc->playing;
	if (later)
		inc->next = jiffies;
	spin_unlock_bh(&vgu_incoming_lock);
	/* Nobody is playing it (the segment went over another CPU): have it removed. */
	if (later)
		mod_delayed_work(vgu_wq, &vgu_incoming_work, 0);
}

static void vgu_child_native(struct sock *child)
{
	inet_csk(child)->icsk_af_ops = vgu_native.af_ops;
	child->sk_prot_creator = &tcp_prot;
	WRITE_ONCE(child->sk_prot, &tcp_prot);
	module_put(THIS_MODULE);
}

static void vgu_child_convert(struct sock *child, struct vgu_conn *conn)
{
	vgu_conn_attach(child, conn);
	spin_lock_bh(&conn->lock);
	conn->todo |= VGU_TODO_ATTACH;
	spin_unlock_bh(&conn->lock);
	vgu_convert(child, conn);
	vgu_conn_queue(conn, VGU_TODO_ATTACH);
}

/*
 * A handshake is complete, make the child (struct inet_connection_sock_af_ops, softirq).
 * The child of a handshake that was not played (by the loopback, another netdev, or
 * natively by ours) is a native socket. Returns it locked, or NULL.
 */
struct sock *vgu_syn_recv_sock(const struct sock *sk, struct sk_buff *skb,
			       struct request_sock *req, struct dst_entry *dst,
			       struct request_sock *req_unhash, VIRTUOSO_SYN_RECV_LAST_ARGS)
{
	struct vgu_conn *conn = NULL;
	struct vgu_incoming *inc = vgu_incoming_claim(req, &conn);
	u32 ack_seq = TCP_SKB_CB(skb)->ack_seq;
	u32 isn = tcp_rsk(req)->snt_isn;
	struct sock *child;
	bool converted;

	if (inc) {
		vgu_request_rejuvenate(req);
		tcp_rsk(req)->snt_isn = conn->iss;
		TCP_SKB_CB(skb)->ack_seq = conn->iss + 1;
	}
	child = vgu_native.af_ops->syn_recv_sock(sk, skb, req, dst, req_unhash,
						 VIRTUOSO_SYN_RECV_LAST_PASS);
	converted = child && *own_req && inc;
	if (converted) {
		vgu_net_count(sock_net(child), offloaded_passive);
		vgu_child_convert(child, conn);
	} else if (child) {
		vgu_net_count(sock_net(child), native_child);
		vgu_child_native(child);
	}
	if (inc) {
		if (!converted) {
			tcp_rsk(req)->snt_isn = isn;
			TCP_SKB_CB(skb)->ack_seq = ack_seq;
		}
		vgu_incoming_unclaim(inc, converted);
		vgu_conn_put(conn);
	}
	return child;
}

/**
 * vgu_accept() - accept(2)
 * @sk: listener
 * @arg: flags in, error out
 *
 * Context: struct proto, GSYS. Return: the child or NULL.
 */
struct sock *vgu_accept(struct sock *sk, struct proto_accept_arg *arg)
{
	struct sock *child = tcp_prot.accept(sk, arg);

	if (child)
		vgu_incoming_hurry(inet_sk(sk)->inet_sport, VGU_INCOMING_PER_ACCEPT);
	return child;
}

/**
 * vgu_stream_accept() - accept(2)
 * @sock: listener
 * @newsock: gets the child
 * @arg: flags in, error out
 *
 * The core gave @newsock the listener's operations (and a module reference for them).
 *
 * Context: struct proto_ops, GSYS. Return: 0 or -errno.
 */
int vgu_stream_accept(struct socket *sock, struct socket *newsock, struct proto_accept_arg *arg)
{
	int err = inet_accept(sock, newsock, arg);

	if (!err && !vgu_sk_is_ours(newsock->sk)) {
		WRITE_ONCE(newsock->ops, &inet_stream_ops);
		module_put(THIS_MODULE);
	}
	return err;
}

/**
 * vgu_incoming_exit() - stop retrying
 *
 * Context: module exit, all devices are gone.
 */
void vgu_incoming_exit(void)
{
	cancel_delayed_work_sync(&vgu_incoming_work);
}
