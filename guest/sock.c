// SPDX-License-Identifier: GPL-2.0
/*
 * Our struct proto: what makes a socket ours, and how it becomes native again.
 *
 * vgu_prot is a clone of tcp_prot with the members replaced that decide (connect, listen)
 * and that carry a converted connection. Sockets of both share slab, tables and counters.
 *
 * Unloading: a socket of ours holds module references, one that went native gave them
 * back. The latter may still have callers inside this module: those that sleep are inside
 * vgu_calls, those that do not are waited for by RCU-tasks.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "sock.h"

#include <linux/module.h>
#include <linux/net.h>
#include <linux/rcupdate.h>
#include <net/inet_common.h>
#include <net/protocol.h>
#include <net/tcp.h>

#include "conn_priv.h"
#include "listen.h"
#include "pernet.h"

struct proto vgu_prot;
struct proto_ops vgu_stream_ops;
struct inet_connection_sock_af_ops vgu_af_ops;
struct vgu_native vgu_native;

DEFINE_SRCU(vgu_calls);

/**
 * vgu_sock_go_native() - an undecided socket becomes a native one
 * @sk: socket, locked, not connected
 *
 * Context: GSYS, within vgu_calls. The module references of the socket are gone after it.
 */
void vgu_sock_go_native(struct sock *sk)
{
	struct socket *sock = sk->sk_socket;

	if (!vgu_sk_is_ours(sk))
		return;
	inet_csk(sk)->icsk_af_ops = vgu_native.af_ops;
	sk->sk_prot_creator = &tcp_prot;
	WRITE_ONCE(sk->sk_prot, &tcp_prot);
	module_put(THIS_MODULE);
	if (sock && READ_ONCE(sock->ops) == &vgu_stream_ops) {
		WRITE_ONCE(sock->ops, &inet_stream_ops);
		module_put(THIS_MODULE);
	}
}

/**
 * vgu_sock_go_native_late() - a connecting socket becomes a native one
 * @sk: socket, locked, without a connection of ours
 *
 * Others may be waiting in calls of ours for the connection, so the module references
 * stay with the socket until it is closed.
 *
 * Context: socket locked; any.
 */
void vgu_sock_go_native_late(struct sock *sk)
{
	inet_csk(sk)->icsk_af_ops = vgu_native.af_ops;
	WRITE_ONCE(sk->sk_prot, &tcp_prot);
}

static int vgu_sock_birth(struct sock *sk)
{
	int err = tcp_prot.init(sk);

	sk->sk_protocol = IPPROTO_TCP;
	return err;
}

/* Native ways to received data look for it where a converted socket has none. */
static int vgu_stream_read_sock(struct sock *sk, read_descriptor_t *desc,
				sk_read_actor_t recv_actor)
{
	if (vgu_sk_conn(sk))
		return -EOPNOTSUPP;
	return inet_stream_ops.read_sock(sk, desc, recv_actor);
}

static int vgu_stream_read_skb(struct sock *sk, skb_read_actor_t recv_actor)
{
	if (vgu_sk_conn(sk))
		return -EOPNOTSUPP;
	return inet_stream_ops.read_skb(sk, recv_actor);
}

static void vgu_prot_fill(void)
{
	vgu_prot = tcp_prot;
	vgu_prot.owner = THIS_MODULE;
	INIT_LIST_HEAD(&vgu_prot.node);
	vgu_prot.init = vgu_sock_birth;
	vgu_prot.destroy = vgu_destroy;
	vgu_prot.connect = vgu_connect;
	vgu_prot.disconnect = vgu_disconnect;
	vgu_prot.accept = vgu_accept;
	vgu_prot.hash = vgu_hash;
	vgu_prot.unhash = vgu_unhash;
	vgu_prot.close = vgu_close;
	vgu_prot.shutdown = vgu_shutdown;
	vgu_prot.setsockopt = vgu_setsockopt;
	vgu_prot.getsockopt = vgu_getsockopt;
	vgu_prot.keepalive = vgu_keepalive;
	vgu_prot.sendmsg = vgu_sendmsg;
	vgu_prot.recvmsg = vgu_recvmsg;
	vgu_prot.splice_eof = vgu_splice_eof;
	vgu_prot.release_cb = vgu_release_cb;
	vgu_prot.stream_memory_free = vgu_stream_memory_free;
	vgu_prot.diag_destroy = vgu_diag_destroy;
#ifdef CONFIG_BPF_SYSCALL
	vgu_prot.psock_update_sk_prot = NULL;
#endif
}

static void vgu_stream_ops_fill(void)
{
	vgu_stream_ops = inet_stream_ops;
	vgu_stream_ops.owner = THIS_MODULE;
	vgu_stream_ops.accept = vgu_stream_accept;
	vgu_stream_ops.listen = vgu_stream_listen;
	vgu_stream_ops.sendmsg_locked = vgu_sendmsg_locked;
	vgu_stream_ops.read_sock = vgu_stream_read_sock;
	vgu_stream_ops.read_skb = vgu_stream_read_skb;
	vgu_stream_ops.set_rcvlowat = vgu_stream_set_rcvlowat;
	vgu_stream_ops.mmap = sock_no_mmap;
	/* The generic way, through recvmsg. */
	vgu_stream_ops.splice_read = NULL;
}

static void vgu_af_ops_fill(void)
{
	vgu_af_ops = *vgu_native.af_ops;
	vgu_af_ops.queue_xmit = vgu_queue_xmit;
	vgu_af_ops.rebuild_header = vgu_rebuild_header;
	vgu_af_ops.sk_rx_dst_set = vgu_rx_dst_set;
	vgu_af_ops.syn_recv_sock = vgu_syn_recv_sock;
}

/* Takes from a native socket what has no name to reach it by. */
static int vgu_native_learn(void)
{
	struct socket *sock;
	struct sock *sk;
	int err;

	err = sock_create_kern(&init_net, PF_INET, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (err)
		return err;
	sk = sock->sk;
	vgu_native.af_ops = inet_csk(sk)->icsk_af_ops;
	vgu_native.retransmit = virtuoso_retransmit_timer(sk)->function;
	vgu_native.delack = inet_csk(sk)->icsk_delack_timer.function;
	vgu_native.keepalive = virtuoso_keepalive_timer(sk)->function;
	sock_release(sock);
	return 0;
}

static struct inet_protosw vgu_protosw = {
	.type		= SOCK_STREAM,
	.protocol	= VGU_IPPROTO,
	.prot		= &vgu_prot,
	.ops		= &vgu_stream_ops,
	.flags		= INET_PROTOSW_ICSK,
};

/**
 * vgu_sock_init() - start the socket layer
 *
 * Context: module initialisation, before the first device. Return: 0 or -errno.
 */
int vgu_sock_init(void)
{
	int err;

	BUILD_BUG_ON(VGU_IPPROTO >= IPPROTO_MAX);
	err = vgu_native_learn();
	if (err)
		return err;
	vgu_prot_fill();
	vgu_stream_ops_fill();
	vgu_af_ops_fill();

	err = vgu_conn_init();
	if (err)
		return err;
	err = vgu_pernet_init();
	if (err)
		goto err_conn;
	err = vgu_listen_init();
	if (err)
		goto err_pernet;
	inet_register_protosw(&vgu_protosw);
	err = vgu_hook_init();
	if (err)
		goto err_protosw;
	return 0;

err_protosw:
	inet_unregister_protosw(&vgu_protosw);
	vgu_listen_exit();
err_pernet:
	vgu_pernet_exit();
err_conn:
	vgu_conn_exit();
	return err;
}

/**
 * vgu_sock_exit() - stop the socket layer
 *
 * Context: module exit: no socket of ours exists, no device either.
 */
void vgu_sock_exit(void)
{
	vgu_hook_exit();
	inet_unregister_protosw(&vgu_protosw);

	/* Callers on their way into vgu_calls; those within; those on their way out. */
	synchronize_rcu_tasks();
	synchronize_srcu(&vgu_calls);
	synchronize_rcu_tasks();
	synchronize_net();

	vgu_incoming_exit();
	vgu_listen_exit();
	vgu_pernet_exit();
	vgu_conn_exit();
}
