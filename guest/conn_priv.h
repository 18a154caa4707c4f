/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Offloaded connections, as the files of the socket layer see them.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_CONN_PRIV_H
#define _VGU_CONN_PRIV_H

#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/tcp.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/sock.h>

#include <virtuoso/compat.h>

#include "conn.h"
#include "dev.h"
#include "sock.h"

/**
 * struct vgu_tuple - a connection as this machine's packets name it
 * @laddr: our address
 * @raddr: the peer's
 * @lport: our port
 * @rport: the peer's
 */
struct vgu_tuple {
	__be32 laddr;
	__be32 raddr;
	__be16 lport;
	__be16 rport;
};

/**
 * enum vgu_conn_state - life of a connection object
 * @VGU_CONN_NEW: has no flow on the device yet; connect: waits for the socket's SYN
 * @VGU_CONN_ASKED: CONNECT is queued or submitted
 * @VGU_CONN_ANSWERED: CONNECTED or INCOMING came, the handshake is played to the stack
 * @VGU_CONN_LIVE: its socket is converted
 * @VGU_CONN_ENDED: has no socket any more; waits for the device to release the flow
 */
enum vgu_conn_state {
	VGU_CONN_NEW,
	VGU_CONN_ASKED,
	VGU_CONN_ANSWERED,
	VGU_CONN_LIVE,
	VGU_CONN_ENDED,
};

/* Records to submit, in the order in which they are sent. */
#define VGU_TODO_CONNECT	0x01
#define VGU_TODO_ATTACH		0x02
#define VGU_TODO_REFUSE		0x04
#define VGU_TODO_SETOPT		0x08
#define VGU_TODO_PEER_MAC	0x10
#define VGU_TODO_UPDATE		0x20
#define VGU_TODO_TX_RING	0x40	/* before UPDATE, whose numbers go beyond what it says */
#define VGU_TODO_RX_RING	0x80

/**
 * struct vgu_conn_syn - what the socket's SYN said
 * @tuple: addresses and ports of the packet (after NAT, if there is any)
 * @smac: its source address
 * @dmac: its destination address: the next hop
 * @seq: its sequence number
 * @mss: its MSS option
 * @tos: type of service
 * @ttl: time to live
 */
struct vgu_conn_syn {
	struct vgu_tuple tuple;
	u8 smac[ETH_ALEN];
	u8 dmac[ETH_ALEN];
	u32 seq;
	u16 mss;
	u8 tos;
	u8 ttl;
};

/**
 * struct vgu_conn_opts - socket options that the device acts on
 * @user_timeout_ms: TCP_USER_TIMEOUT, 0: off
 * @keepalive_idle_s: SO_KEEPALIVE with TCP_KEEPIDLE, 0: off
 * @keepalive_intvl_s: TCP_KEEPINTVL
 * @keepalive_probes: TCP_KEEPCNT
 * @tos: IP_TOS
 */
struct vgu_conn_opts {
	u32 user_timeout_ms;
	u32 keepalive_idle_s;
	u32 keepalive_intvl_s;
	u16 keepalive_probes;
	u8 tos;
};

/**
 * struct vgu_conn_up - newest state that the device reported
 * @u: the last UPDATE
 * @flags: VIRTUOSO_CF_* seen so far
 * @error: VIRTUOSO_ERR_* that came with CF_RESET or FAILED
 * @update: @u is valid
 * @failed: the connection could not be made
 */
struct vgu_conn_up {
	struct virtio_virtuoso_complete_update u;
	u16 flags;
	u8 error;
	bool update;
	bool failed;
};

/**
 * struct vgu_conn_ring - one direction's payload
 * @mem: ring
 * @size: its bytes
 * @old: the smaller ring before it, while bytes in it are needed
 * @old_size: its bytes, 0: there is none
 * @old_end: bytes before this sequence number are in @old
 * @told_seq: what the device is to be told with @mem
 *
 * Socket lock, and conn->lock to change it: either suffices to read. @size may be read without.
 */
struct vgu_conn_ring {
	struct vgu_payload mem;
	u32 size;
	struct vgu_payload old;
	u32 old_size;
	u32 old_end;
	u32 told_seq;
};

struct vgu_hop;

/**
 * struct vgu_conn - a connection that the device carries, or is asked to
 *
 * References: one by its device's table (@all) until the flow is released, one by the
 * socket (icsk_ulp_data) while it has one, short ones. Freed after a grace period, so that
 * icsk_ulp_data may be followed under RCU.
 *
 * --- chan->lock ---
 * @node: place in the channel's queue
 *
 * --- constant once a socket, the flow table or the channel can find it ---
 * @dev: its device
 * @chan: the channel all records about it travel on
 * @flow: identifier, valid with @equipped
 * @equipped: @tx, @rx and @flow are there
 * @token: of INCOMING
 *
 * --- both locks to write, see there ---
 * @tx: transmit ring
 * @rx: receive ring
 *
 * --- lock (spin_bh, innermost) ---
 * @lock: guards this block and nothing else
 * @state: also written with the socket locked, so either suffices to read it
 * @todo: VGU_TODO_*
 * @told: the device knows the flow, i.e. CONNECT or ATTACH was written into a slot
 * @gone: the device has forgotten the flow, or was taken away
 * @sflags: VIRTUOSO_SF_* of the next UPDATE record
 * @farewell: VIRTUOSO_SF_CLOSE or _ABORT, once the device was told that
 * @tx_seq: sequence number after the last byte to send
 * @rx_seq: sequence number of the next byte to read
 * @syn: see there
 * @dmac: the next hop as the device was told, or is to be; zero: it found out by itself
 * @opts: see there
 * @iss: initial sequence number of ours on the wire, from VGU_CONN_ANSWERED on
 * @irs: the peer's
 * @mss: payload bytes per segment
 * @answer: what else CONNECTED or INCOMING said
 * @up: see there
 * @up_new: @up has something that the socket has not seen (READ_ONCE without the lock)
 * @sk: the socket (counted reference), NULL: none (any more)
 *
 * --- socket lock ---
 * @rx_told: the last @rx_seq that was handed over for reporting
 * @lowat: SO_RCVLOWAT as it was asked for, bytes; sk_rcvlowat is what the ring allows
 * @more: MSG_MORE was given: hold back a partial segment
 * @closing: close() is on its way to make the socket an orphan, news wait for that
 * @hop_at: when to look at the neighbour again, jiffies
 * @hop_strange: the next hop is not what the socket's route says
 * @parting: the socket leaves the tables for TIME-WAIT, which is no reason to end
 * @last_ack: memory for the segment that ends it, while it is an orphan
 *
 * --- table->lock ---
 * @all: place in the table's list; empty: not in it any more
 * @hop: its next hop, NULL: not looked at yet
 * @hop_node: place in one of @hop's lists
 *
 * --- orphans_lock of the namespace ---
 * @orphan: place in the list of its orphans; empty: it is none
 *
 * --- no lock ---
 * @netdev_tracker: of the reference to the device's netdev
 * @work: what must be done outside the channel's lock or later, see vgu_conn_work()
 * @ref: references
 * @rcu: for freeing
 */
struct vgu_conn {
	struct vgu_chan_node node;

	struct vgu_dev *dev;
	struct vgu_chan *chan;
	u32 flow;
	bool equipped;
	u32 token;

	struct vgu_conn_ring tx;
	struct vgu_conn_ring rx;

	spinlock_t lock;
	enum vgu_conn_state state;
	u8 todo;
	bool told;
	bool gone;
	u16 sflags;
	u16 farewell;
	u32 tx_seq;
	u32 rx_seq;
	struct vgu_conn_syn syn;
	u8 dmac[ETH_ALEN];
	struct vgu_conn_opts opts;
	u32 iss;
	u32 irs;
	u16 mss;
	struct {
		u8 snd_wscale;
		u8 rcv_wscale;
		bool timestamps;
	} answer;
	struct vgu_conn_up up;
	bool up_new;
	struct sock *sk;

	u32 rx_told;
	u32 lowat;
	bool more;
	bool closing;
	bool parting;
	bool hop_strange;
	unsigned long hop_at;
	struct sk_buff *last_ack;

	struct list_head all;
	struct vgu_hop *hop;
	struct list_head hop_node;

	struct list_head orphan;

	netdevice_tracker netdev_tracker;
	struct work_struct work;
	refcount_t ref;
	struct rcu_head rcu;
};

#define VGU_HOPS_BITS	8

/**
 * struct vgu_conn_table - the connections of a device, and what it was told about listeners
 * @dev: the device
 * @flows: flow identifier to connection; lookups under RCU
 * @lock: spin_bh, innermost; guards @conns, @hops, @hops_changed
 * @conns: all connection objects of the device
 * @hops: next hops of connections, by neighbour
 * @hops_changed: those with connections that have to tell the device
 * @hops_work: tells it
 * @sem: read: a connection is being made, sleeping allowed; write: @dead changes
 * @dead: the device goes away, no new connections
 * @ref: references; the device's own one ends in vgu_conn_dev_del()
 * @rcu: for freeing
 * @tables: place in the list of all tables, guarded by listen.c's mutex
 * @announced: what the device knows, guarded by listen.c's mutex
 */
struct vgu_conn_table {
	struct vgu_dev *dev;
	struct xarray flows;
	spinlock_t lock;
	struct list_head conns;
	DECLARE_HASHTABLE(hops, VGU_HOPS_BITS);
	struct list_head hops_changed;
	struct work_struct hops_work;
	struct rw_semaphore sem;
	bool dead;
	refcount_t ref;
	struct rcu_head rcu;
	struct list_head tables;
	struct list_head announced;
};

extern struct workqueue_struct *vgu_wq;

/**
 * vgu_sk_conn() - the connection object of a socket
 * @sk: socket
 *
 * Context: socket locked, or RCU read side. Return: NULL when it has none.
 */
static inline struct vgu_conn *vgu_sk_conn(const struct sock *sk)
{
	if (!vgu_sk_is_ours(sk))
		return NULL;
	return rcu_dereference_check(inet_csk(sk)->icsk_ulp_data, lockdep_sock_is_held(sk));
}

/**
 * vgu_sk_live() - the connection of a converted socket
 * @sk: socket
 *
 * Context: as vgu_sk_conn(). Return: NULL when it is not converted.
 */
static inline struct vgu_conn *vgu_sk_live(const struct sock *sk)
{
	struct vgu_conn *conn = vgu_sk_conn(sk);

	return conn && READ_ONCE(conn->state) == VGU_CONN_LIVE ? conn : NULL;
}

/* Free bytes of the transmit ring. Socket locked, or a hint. */
static inline u32 vgu_conn_tx_free(const struct vgu_conn *conn, const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return READ_ONCE(conn->tx.size) - (READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_una));
}

/*
 * Where the byte with sequence number @seq is, the first one of its direction being @first. *@len is cut to
 * what lies there in one piece. Socket locked.
 */
static inline void *vgu_conn_ring_at(const struct vgu_conn_ring *ring, u32 first, u32 seq, u32 *len)
{
	const struct vgu_payload *mem = &ring->mem;
	u32 size = ring->size, pos;

	/* Among the last bytes of the old one? Never, when there is none. */
	if (unlikely(ring->old_end - seq - 1 < ring->old_size)) {
		mem = &ring->old;
		size = ring->old_size;
		*len = min(*len, ring->old_end - seq);
	}
	pos = (seq - first) & (size - 1);
	*len = min(*len, size - pos);
	return mem->vaddr + pos;
}

/* --- conn.c --- */

struct vgu_conn *vgu_conn_new(struct vgu_dev *dev, gfp_t gfp);
int vgu_conn_equip(struct vgu_conn *conn, bool atomic);
struct sock *vgu_conn_sk_get(struct vgu_conn *conn);
void vgu_conn_get(struct vgu_conn *conn);
void vgu_conn_put(struct vgu_conn *conn);
void vgu_conn_forget(struct vgu_conn *conn);
void vgu_conn_attach(struct sock *sk, struct vgu_conn *conn);
void vgu_conn_end(struct sock *sk, struct vgu_conn *conn, u16 flag);
void vgu_conn_refuse(struct vgu_conn *conn);
void vgu_conn_queue(struct vgu_conn *conn, u8 todo);
void vgu_conn_kick(struct vgu_conn *conn);
void vgu_conn_later(struct vgu_conn *conn);
struct vgu_conn_table *vgu_conn_table_get(struct net_device *netdev);
void vgu_conn_table_put(struct vgu_conn_table *table);
int vgu_conn_init(void);
void vgu_conn_exit(void);

/* --- conn_state.c --- */

void vgu_set_state(struct sock *sk, int state);
void vgu_conn_apply(struct sock *sk, struct vgu_conn *conn);
void vgu_conn_fail(struct sock *sk, struct vgu_conn *conn, int err);
void vgu_wake_reader(struct sock *sk);
void vgu_conn_abort(struct sock *sk, struct vgu_conn *conn);
void vgu_release_cb(struct sock *sk);

/* --- conn_convert.c --- */

void vgu_convert(struct sock *sk, struct vgu_conn *conn);
void vgu_unconvert(struct sock *sk);
void vgu_timers_stop(struct sock *sk);
void vgu_window_shut(struct sock *sk);
int vgu_rebuild_header(struct sock *sk);
int vgu_queue_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl);

/* --- conn_close.c --- */

void vgu_close(struct sock *sk, long timeout);
void vgu_shutdown(struct sock *sk, int how);
int vgu_disconnect(struct sock *sk, int flags);
void vgu_unhash(struct sock *sk);
void vgu_destroy(struct sock *sk);
int vgu_diag_destroy(struct sock *sk, int err);

/* --- conn_orphan.c --- */

void vgu_orphan_bury(struct sock *sk, struct vgu_conn *conn);
void vgu_orphan_settle(struct sock *sk);
void vgu_orphan_unlist(struct sock *sk, struct vgu_conn *conn);
void vgu_orphans_end(struct net *net);
bool vgu_time_wait(struct sock *sk, struct vgu_conn *conn);
struct sk_buff *vgu_last_ack_alloc(gfp_t gfp);

/* --- conn_data.c --- */

int vgu_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);
int vgu_sendmsg_locked(struct sock *sk, struct msghdr *msg, size_t size);
int vgu_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, VIRTUOSO_RECVMSG_LAST_ARGS);
void vgu_splice_eof(struct socket *sock);
bool vgu_stream_memory_free(const struct sock *sk, int wake);
int vgu_stream_set_rcvlowat(struct sock *sk, int val);
void vgu_conn_push(struct sock *sk, struct vgu_conn *conn);

/* --- conn_ring.c --- */

bool vgu_conn_tx_grow(struct sock *sk, struct vgu_conn *conn);
void vgu_conn_rx_lowat(struct sock *sk, struct vgu_conn *conn);
void vgu_conn_rx_adjust(struct sock *sk, struct vgu_conn *conn);
void vgu_conn_ring_retire(struct vgu_conn *conn, struct vgu_conn_ring *ring, u32 seq, u8 todo);

/* --- conn_connect.c --- */

int vgu_connect(struct sock *sk, struct sockaddr_unsized *uaddr, int addr_len);
void vgu_connect_answer(struct vgu_conn *conn);
void vgu_connect_syn(struct vgu_conn *conn, const struct vgu_conn_syn *syn);
void vgu_rx_dst_set(struct sock *sk, const struct sk_buff *skb);

/* --- hop.c --- */

void vgu_hop_start(struct sock *sk, struct vgu_conn *conn);
void vgu_hop_used(struct sock *sk, struct vgu_conn *conn, bool acked, bool moved);
void vgu_hop_tell(struct vgu_conn *conn, const u8 *mac);
struct vgu_hop *__vgu_hop_leave(struct vgu_conn *conn);
void vgu_hop_free(struct vgu_hop *hop);
void vgu_hops_work(struct work_struct *work);
int vgu_hops_init(void);
void vgu_hops_exit(void);

/* --- conn_opt.c --- */

int vgu_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		   unsigned int optlen);
int vgu_getsockopt(struct sock *sk, int level, int optname, char __user *optval,
		   int __user *optlen);
void vgu_keepalive(struct sock *sk, int valbool);
void vgu_conn_opts_send(struct sock *sk, struct vgu_conn *conn, bool keepalive, bool always);

/* --- xmit.c: packets that pass between the stack and our netdev --- */

int vgu_segment_rx(struct vgu_dev *dev, const struct vgu_tuple *tuple, const u8 *peer_mac,
		   u32 seq, u32 ack, u8 tcp_flags, u16 mss);
void vgu_tuple_make_way(struct vgu_dev *dev, const struct vgu_tuple *tuple);

#endif /* _VGU_CONN_PRIV_H */
