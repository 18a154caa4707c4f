/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flow: one TCP connection, its place in the lookup table, its owner.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_FLOW_H
#define _VHO_FLOW_H

#include <linux/in6.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable-types.h>
#include <linux/skbuff.h>
#include <linux/virtio_virtuoso.h>
#include <net/ipv6.h>

#include "payload.h"
#include "tcp.h"
#include "worker.h"

struct vho_group;
struct vho_path;
struct vho_path_track;
struct vho_join;
struct vho_port;

/* Lookup key. IPv4 addresses are mapped (::ffff:a.b.c.d). Local is the guest's side. */
struct vho_flow_key {
	struct in6_addr laddr;
	struct in6_addr raddr;
	__be16 lport;
	__be16 rport;
	u32 port_index;
};

/* Requests to the slow path (bits of vho_flow.to_slow.bits) */
#define VHO_FS_CONNECT		0	/* start the active open */
#define VHO_FS_ATTACH		1	/* the guest took it: make the core its owner */
#define VHO_FS_ABORT		2	/* RST and forget */
#define VHO_FS_TIME_WAIT	3	/* hold for 2 MSL */
#define VHO_FS_GONE		4	/* the guest has let go: unhash when closed */
#define VHO_FS_POLICY		5	/* the port's policy says something else about it now */
#define VHO_FS_PROBE		6	/* is its path still there? */
#define VHO_FS_PEER_MAC		7	/* its next hop has another address */

/* Requests to the core (bits of vho_flow.to_core.bits) */
#define VHO_FC_ADOPT		0	/* established: the core owns it from now on */
#define VHO_FC_FAILED		1	/* the active open failed */
#define VHO_FC_INCOMING		2	/* announce to the guest */
#define VHO_FC_WITHDRAW		3	/* announced, and not taken by the guest in time */
#define VHO_FC_POLICY		4	/* the port's policy says something else about it now */
#define VHO_FC_JOIN		5	/* the other side of its pair has news (join.h) */
#define VHO_FC_PATH		6	/* its path has another MTU */
#define VHO_FC_REGROUP		7	/* the guest took it on a channel of another group (next_group) */

/* What the core has to tell the guest (vho_flow.news, owner core) */
#define VHO_NEWS_CONNECTED	0x01
#define VHO_NEWS_FAILED		0x02
#define VHO_NEWS_INCOMING	0x04
#define VHO_NEWS_UPDATE		0x08
#define VHO_NEWS_RELEASED	0x10

/* vho_flow.owner of a flow of the fast path: whichever core serves the flow's group. */
#define VHO_OWNER_CORE		((struct vho_worker *)NULL)

/* A message slot of a flow: requests are merged while it is queued. */
struct vho_flow_post {
	struct vho_msg msg;
	unsigned long bits;	/* atomic bit operations */
	unsigned long queued;	/* bit 0: msg is pending (it holds a reference) */
};

#define VHO_FLOW_ID_NONE	U32_MAX

/* vho_flow.early */
#define VHO_EARLY_UPDATE	0x01
#define VHO_EARLY_SETOPT	0x02

/*
 * One TCP connection. Members stand in blocks by who may touch them.
 *
 * tcb must stay first (vho_flow_tcb()). The owner is the core that serves the group, or the
 * slow path's worker; only it calls TCP. Ownership passes by message: slow to core with VHO_FC_ADOPT,
 * core to slow with VHO_FS_TIME_WAIT (Documentation/locking.rst, "Ownership of flows").
 */
struct vho_flow {
	/* --- owner --- */
	struct vho_tcb tcb;
	struct vho_payload_ring tx;
	struct vho_payload_ring rx;
	struct vho_timer timer;
	struct sk_buff_head held;	/* segments that came before ATTACH, slow path, bounded */
	u32 held_bytes;
	u32 retrans_counted;		/* of tcb.retrans_segs, those in the port's counter */
	u8 state_traced;		/* tcb.state as the tracepoint last said */

	/* --- path of its packets, but for dmac const after the handshake's first packet --- */
	u8 smac[ETH_ALEN];
	u64 dmac;			/* next hop: vho_flow_set_dmac(), vho_flow_dmac() */
	u8 tos;				/* of its packets; vho_flow_set_tos() */
	u8 ttl;
	u16 ip_id;
	bool muted;			/* policy: nothing is sent; any context reads */

	/* --- one-shot path (path.h); NULL: the long way --- */
	struct vho_path __rcu *path;	/* track->lock writes; the owner reads */
	struct vho_path_track __rcu *track;	/* slow path writes; RCU readers */

	/* --- policy (policy_flow.c): owner, but for policy_flags; any context reads --- */
	u8 guest_tos;			/* what the guest asks for */
	u8 dscp;			/* 0: the guest's, else 1 + DSCP */
	u32 policy_rule;		/* number of the rule, or VHO_POLICY_BY_* */
	unsigned long policy_flags;	/* atomic bit operations */

	/* --- pair of flows (join.h): owner; @join is also read under RCU --- */
	struct vho_join __rcu *join;	/* NULL: it has no peer on this machine that we know of */
	u64 join_at_ns;			/* vho_join_timer(), 0: not set */
	struct hlist_node join_node;	/* slow path: by initial sequence number, while in SYN_SENT */
	u8 join_side;			/* which side of @join */

	/* --- owner core --- */
	struct list_head msg_node;	/* in group->msgs: to_core.msg has arrived, its turn has not come */
	struct list_head tx_node;	/* in group->tx_flows: vho_tcp_output() wanted */
	struct list_head news_node;	/* in the channel's list of flows with news */
	u8 news;			/* VHO_NEWS_* */
	u8 chan;			/* channel its records travel on */
	bool guest_closed;		/* CLOSE or ABORT was received */
	bool adopted;			/* the core was its owner once */
	u8 early;			/* VHO_EARLY_*: records between ATTACH and VHO_FC_ADOPT */
	struct virtio_virtuoso_submit_update early_update;
	struct virtio_virtuoso_submit_setopt early_setopt;
	u32 id;				/* the guest's name for it, VHO_FLOW_ID_NONE: none yet */
	u32 token;			/* name of an incoming connection before ATTACH */
	bool offered;			/* the guest knows @token; release, any core of the port */
	struct vho_group *next_group;	/* with VHO_FC_REGROUP */

	/* --- any context --- */
	struct vho_worker *owner;	/* &vho_slow or VHO_OWNER_CORE; the old owner writes it */
	/*
	 * The first one's, until the channel is known. The one that announced it gives it to that of
	 * ATTACH, before a core owns it; const while one does.
	 */
	struct vho_group *group;
	struct vho_flow_post to_slow;
	struct vho_flow_post to_core;

	/* --- const after creation --- */
	struct vho_flow_key key;
	struct vho_port *port;		/* holds a reference */
	bool passive;
	struct vho_listener *listener;	/* slow path: whose backlog it counts in, NULL: none */

	/* --- table --- */
	struct rhash_head hash;		/* slow path inserts and removes; RCU readers */
	bool hashed;			/* slow path */
	bool gone;			/* slow path: the guest has let go */
	bool announced;			/* slow path: the core was told of the incoming connection */
	bool deferred;			/* slow path: not yet, it waits for data */
	u64 attach_by_ns;		/* slow path: until when the guest may take it, or it waits */
	struct list_head port_node;	/* in port->flows, port->flows_lock */
	struct kref ref;
	struct rcu_head rcu;
};

static_assert(offsetof(struct vho_flow, tcb) == 0);

int vho_flows_init(void);
void vho_flows_exit(void);
/* Any context (@gfp). Not hashed; listed at the port. NULL: no memory or over the port's limit. */
struct vho_flow *vho_flow_alloc(struct vho_port *port, const struct vho_flow_key *key, gfp_t gfp);
void vho_flow_get(struct vho_flow *flow);
void vho_flow_put(struct vho_flow *flow);
bool vho_flow_get_unless_zero(struct vho_flow *flow);
/* RCU read side. No reference. */
struct vho_flow *vho_flow_lookup_rcu(const struct vho_flow_key *key);
/* Slow path. -EEXIST: the tuple is in use. The table holds a reference. */
int vho_flow_hash(struct vho_flow *flow);
void vho_flow_unhash(struct vho_flow *flow);
/* Any context: asks @flow's slow path or core for something. Holds a reference while pending. */
void vho_flow_tell_slow(struct vho_flow *flow, unsigned int bit);
void vho_flow_tell_core(struct vho_flow *flow, unsigned int bit);
/* The receiver's side of the two above: the requests, none twice. */
unsigned long vho_flow_post_take(struct vho_flow_post *post);
/* Owner, after TCP was called: counts retransmissions, (re)arms the flow's timer in @timers. */
void vho_flow_rearm(struct vho_flow *flow, struct timerqueue_head *timers);

/* Owner: the guest wants @tos; the policy's DSCP goes before. */
static inline void vho_flow_set_tos(struct vho_flow *flow, u8 tos)
{
	flow->guest_tos = tos;
	flow->tos = flow->dscp ? (flow->dscp - 1) << 2 : tos;
}

/* The core that serves the port, or who makes the flow. Any context reads it whole. */
static inline void vho_flow_set_dmac(struct vho_flow *flow, const u8 *mac)
{
	u64 bytes = 0;

	memcpy(&bytes, mac, ETH_ALEN);
	WRITE_ONCE(flow->dmac, bytes);
}

static inline void vho_flow_dmac(const struct vho_flow *flow, u8 *mac)
{
	u64 bytes = READ_ONCE(flow->dmac);

	memcpy(mac, &bytes, ETH_ALEN);
}

static inline bool vho_addr_is_v4(const struct in6_addr *a)
{
	return ipv6_addr_v4mapped(a);
}

#endif /* _VHO_FLOW_H */
