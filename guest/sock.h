/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The socket layer: our struct proto and what decides between it and the native one.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_SOCK_H
#define _VGU_SOCK_H

#include <linux/srcu.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>

/*
 * Protocol number that asks for an offloaded socket: socket(AF_INET, SOCK_STREAM, 261).
 * The hook in hook.c turns 0 and IPPROTO_TCP into it, so that nobody has to ask.
 */
#define VGU_IPPROTO	261

/*
 * Three kinds of sockets exist:
 *   native     sk_prot is not vgu_prot. Never comes back.
 *   undecided  sk_prot is vgu_prot, no connection object: not connected, or listening.
 *   ours       sk_prot is vgu_prot and icsk_ulp_data is a struct vgu_conn: connecting, or
 *              converted (the connection is VGU_CONN_LIVE).
 * A socket holds a reference to this module (taken by sk_alloc() for vgu_prot.owner) until
 * it dies or goes native; its struct socket holds another one for vgu_stream_ops.owner.
 */
extern struct proto vgu_prot;
extern struct proto_ops vgu_stream_ops;
extern struct inet_connection_sock_af_ops vgu_af_ops;

/**
 * struct vgu_native - what a native socket has where ours has something else
 * @af_ops: of AF_INET
 * @retransmit: handler of icsk_retransmit_timer
 * @delack: handler of icsk_delack_timer
 * @keepalive: handler of sk_timer
 *
 * Constant after module initialisation.
 */
struct vgu_native {
	const struct inet_connection_sock_af_ops *af_ops;
	void (*retransmit)(struct timer_list *t);
	void (*delack)(struct timer_list *t);
	void (*keepalive)(struct timer_list *t);
};

extern struct vgu_native vgu_native;

/*
 * Covers calls into this module through a socket that may go native (and give its module
 * references back) meanwhile. Module exit waits for them.
 */
extern struct srcu_struct vgu_calls;

static inline bool vgu_sk_is_ours(const struct sock *sk)
{
	return READ_ONCE(sk->sk_prot) == &vgu_prot;
}

void vgu_sock_go_native(struct sock *sk);
void vgu_sock_go_native_late(struct sock *sk);

int vgu_sock_init(void);
void vgu_sock_exit(void);

/* hook.c */
int vgu_hook_init(void);
void vgu_hook_exit(void);

#endif /* _VGU_SOCK_H */
