// SPDX-License-Identifier: GPL-2.0
/*
 * connect(): native or not, and the handshake as the socket sees it.
 *
 * The native stack connects against our netdev: its SYN is taken off there (with the
 * route, neighbour, NAT and firewall of this machine applied) and becomes a CONNECT
 * request; the device's answer goes up as a SYN-ACK, and at the moment of establishment
 * the socket is converted.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/tcp.h>
#include <net/xfrm.h>

#include "conn_priv.h"
#include "pernet.h"

/* A reason to stay native is the place of its counter; 0 is none. */
#define VGU_WHY(name)	offsetof(struct vgu_net_counters, native_##name)

/* What the application asked for that only the native stack has. */
static size_t vgu_connect_asks_native(const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);
	const struct tcp_sock *tp = tcp_sk(sk);

	if (!READ_ONCE(vgu_pernet(sock_net(sk))->enabled))
		return VGU_WHY(disabled);
	if (tp->fastopen_req || tp->fastopen_connect)
		return VGU_WHY(fastopen);
	if (tp->repair)
		return VGU_WHY(repair);
#ifdef CONFIG_TCP_MD5SIG
	if (rcu_access_pointer(tp->md5sig_info))
		return VGU_WHY(auth);
#endif
#ifdef CONFIG_TCP_AO
	if (rcu_access_pointer(tp->ao_info))
		return VGU_WHY(auth);
#endif
	if (inet_test_bit(TRANSPARENT, sk))
		return VGU_WHY(transparent);
	if (rcu_access_pointer(inet->inet_opt))
		return VGU_WHY(options);
	if (rcu_access_pointer(sk->sk_filter))
		return VGU_WHY(filter);
	if (READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_MASK)
		return VGU_WHY(tstamp);
	return 0;
}

/* Looks where the route leads. On success *@table has a reference. */
static size_t vgu_connect_route(struct sock *sk, const struct sockaddr_in *sin,
				struct vgu_conn_table **table)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct flowi4 fl4 = {};
	struct rtable *rt;
	size_t why = 0;

	rt = ip_route_connect(&fl4, sin->sin_addr.s_addr, inet->inet_saddr,
			      sk->sk_bound_dev_if, IPPROTO_TCP, inet->inet_sport,
			      sin->sin_port, sk);
	if (IS_ERR(rt))
		return VGU_WHY(route);
	if (rt->rt_flags & (RTCF_MULTICAST | RTCF_BROADCAST))
		why = VGU_WHY(route);
	else if ((rt->rt_flags & RTCF_LOCAL) || (rt->dst.dev->flags & IFF_LOOPBACK))
		why = VGU_WHY(loopback);
	else if (dst_xfrm(&rt->dst) || rt->dst.lwtstate)
		why = VGU_WHY(xfrm);
	if (!why) {
		*table = vgu_conn_table_get(rt->dst.dev);
		if (!*table)
			why = VGU_WHY(netdev);
	}
	ip_rt_put(rt);
	return why;
}

/* The device answered: the SYN-ACK is played to the socket. */
void vgu_connect_answer(struct vgu_conn *conn)
{
	struct vgu_conn_syn syn;
	u32 irs;
	u16 mss;

	spin_lock_bh(&conn->lock);
	syn = conn->syn;
	irs = conn->irs;
	mss = conn->mss;
	spin_unlock_bh(&conn->lock);
	vgu_segment_rx(conn->dev, &syn.tuple, syn.dmac, irs, syn.seq + 1,
		       TCPHDR_SYN | TCPHDR_ACK, mss);
}

/**
 * vgu_connect_syn() - a connecting socket's SYN came to our netdev
 * @conn: connection of the socket
 * @syn: what it says
 *
 * The first one becomes the CONNECT request. Later ones are retransmissions: the device
 * does that on the wire, where the neighbour is now; but a SYN that comes after the answer
 * means that the answer got lost on the way up (the firewall, most likely).
 *
 * Context: netdev transmit; the socket may be locked by the caller.
 */
void vgu_connect_syn(struct vgu_conn *conn, const struct vgu_conn_syn *syn)
{
	enum vgu_conn_state state;

	spin_lock_bh(&conn->lock);
	state = conn->state;
	if (state == VGU_CONN_NEW) {
		conn->syn = *syn;
		ether_addr_copy(conn->dmac, syn->dmac);
		WRITE_ONCE(conn->state, VGU_CONN_ASKED);
		conn->todo |= VGU_TODO_CONNECT;
	}
	spin_unlock_bh(&conn->lock);
	if (state == VGU_CONN_NEW)
		vgu_chan_queue(conn->chan, &conn->node);
	else if (state == VGU_CONN_ASKED)
		vgu_hop_tell(conn, syn->dmac);
	else if (state == VGU_CONN_ANSWERED)
		vgu_conn_later(conn);
}

/**
 * vgu_rx_dst_set() - a connecting socket has just become established
 * @sk: socket
 * @skb: the segment that did it
 *
 * When that was not the answer of our device, the SYN went another way than its route
 * said (NAT may do that): the connection is a native one.
 *
 * Context: struct inet_connection_sock_af_ops, socket locked.
 */
void vgu_rx_dst_set(struct sock *sk, const struct sk_buff *skb)
{
	struct vgu_conn *conn = vgu_sk_conn(sk);

	if (conn && conn->state == VGU_CONN_LIVE)
		return;
	if (conn && conn->state == VGU_CONN_ANSWERED) {
		vgu_net_count(sock_net(sk), offloaded_active);
		vgu_convert(sk, conn);
		return;
	}
	if (conn) {
		vgu_net_count(sock_net(sk), native_detour);
		vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
		vgu_sock_go_native_late(sk);
	}
	vgu_native.af_ops->sk_rx_dst_set(sk, skb);
}

static int vgu_connect_native(struct sock *sk, size_t why, struct sockaddr_unsized *uaddr, int addr_len)
{
	vgu_net_count_at(sock_net(sk), why);
	vgu_sock_go_native(sk);
	return tcp_prot.connect(sk, uaddr, addr_len);
}

static int vgu_connect_start(struct sock *sk, struct vgu_conn *conn, struct sockaddr_unsized *uaddr,
			     int addr_len)
{
	int err;

	vgu_conn_attach(sk, conn);
	inet_csk(sk)->icsk_af_ops = &vgu_af_ops;
	err = tcp_prot.connect(sk, uaddr, addr_len);
	if (err && vgu_sk_conn(sk))
		vgu_conn_end(sk, conn, VIRTUOSO_SF_ABORT);
	return err;
}

static int vgu_connect_offload(struct sock *sk, struct vgu_conn_table *table,
			       struct sockaddr_unsized *uaddr, int addr_len)
{
	struct vgu_conn *conn = NULL;
	int err = -ENODEV;

	down_read(&table->sem);
	if (!table->dead) {
		conn = vgu_conn_new(table->dev, GFP_KERNEL);
		err = conn ? vgu_conn_equip(conn, false) : -ENOMEM;
	}
	if (!err) {
		err = vgu_connect_start(sk, conn, uaddr, addr_len);
		conn = NULL;
		up_read(&table->sem);
		return err;
	}
	if (conn)
		vgu_conn_forget(conn);
	up_read(&table->sem);
	return vgu_connect_native(sk, VGU_WHY(nomem), uaddr, addr_len);
}

/**
 * vgu_connect() - connect(2) of an undecided socket
 * @sk: socket, locked
 * @uaddr: destination
 * @addr_len: its length
 *
 * Context: struct proto, GSYS. Return: 0 (handshake goes on) or -errno.
 */
int vgu_connect(struct sock *sk, struct sockaddr_unsized *uaddr, int addr_len)
{
	struct vgu_conn_table *table = NULL;
	int idx, err;
	size_t why;

	/* The native connect knows what to say to these. */
	if (addr_len < sizeof(struct sockaddr_in) || uaddr->sa_family != AF_INET)
		return tcp_prot.connect(sk, uaddr, addr_len);

	idx = srcu_read_lock(&vgu_calls);
	why = vgu_connect_asks_native(sk);
	if (!why)
		why = vgu_connect_route(sk, (struct sockaddr_in *)uaddr, &table);
	if (why)
		err = vgu_connect_native(sk, why, uaddr, addr_len);
	else
		err = vgu_connect_offload(sk, table, uaddr, addr_len);
	if (table)
		vgu_conn_table_put(table);
	srcu_read_unlock(&vgu_calls, idx);
	return err;
}
