/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Listeners: telling devices about them, and playing incoming connections to them.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_LISTEN_H
#define _VGU_LISTEN_H

#include <linux/types.h>
#include <virtuoso/compat.h>

struct dst_entry;
struct proto_accept_arg;
struct request_sock;
struct sk_buff;
struct sock;
struct socket;
struct vgu_chan;
struct vgu_conn_table;
struct vgu_dev;
struct vgu_tuple;

/* --- listen.c --- */

int vgu_hash(struct sock *sk);
void vgu_listener_del(struct sock *sk);
void vgu_listen_changed(void);
int vgu_stream_listen(struct socket *sock, int backlog);
void vgu_listen_table_add(struct vgu_conn_table *table);
void vgu_listen_table_del(struct vgu_conn_table *table);
int vgu_listen_init(void);
void vgu_listen_exit(void);

/* --- incoming.c --- */

struct virtio_virtuoso_complete;

void vgu_incoming_new(struct vgu_dev *dev, const struct virtio_virtuoso_complete *rec);
bool vgu_incoming_xmit(struct sock *sk, const struct vgu_tuple *tuple, u8 tcp_flags, u32 seq);
void vgu_incoming_retry(void);
void vgu_incoming_dev_del(struct vgu_dev *dev);
struct sock *vgu_syn_recv_sock(const struct sock *sk, struct sk_buff *skb,
			       struct request_sock *req, struct dst_entry *dst,
			       struct request_sock *req_unhash, VIRTUOSO_SYN_RECV_LAST_ARGS);
struct sock *vgu_accept(struct sock *sk, struct proto_accept_arg *arg);
int vgu_stream_accept(struct socket *sock, struct socket *newsock,
		      struct proto_accept_arg *arg);
void vgu_incoming_exit(void);

#endif /* _VGU_LISTEN_H */
