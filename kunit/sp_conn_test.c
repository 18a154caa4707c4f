// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of hand-overs between slow path and core, and of what ends a connection in between.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/ip.h>

#include "../host/fp.h"
#include "../host/listener.h"
#include "../host/packet.h"
#include "host_fake.h"

static int vho_sp_conn_test_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_guest_start(test->priv, 2);
	return 0;
}

/* The slow path has made the core the owner, its message waits. */
static struct vho_flow *vho_test_handed_over(struct vho_fake *f, u32 id)
{
	struct vho_flow *flow = vho_fake_connect(f, id);

	vho_fake_rx(f, &flow->key, VHO_TCPF_SYN | VHO_TCPF_ACK, VHO_FAKE_IRS, flow->tcb.iss + 1, 0);
	KUNIT_ASSERT_PTR_EQ(f->test, flow->owner, VHO_OWNER_CORE);
	KUNIT_ASSERT_FALSE(f->test, flow->adopted);
	return flow;
}

static unsigned int vho_test_timers(struct timerqueue_head *timers)
{
	struct rb_node *node;
	unsigned int n = 0;

	for (node = rb_first_cached(&timers->rb_root); node; node = rb_next(node))
		n++;
	return n;
}

static void vho_sp_hand_to_core__segment_first(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_test_handed_over(f, 1);
	struct virtio_virtuoso_complete rec;

	vho_fake_rx(f, &flow->key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, flow->tcb.iss + 1, 100);
	KUNIT_EXPECT_TRUE(test, flow->adopted);
	KUNIT_EXPECT_EQ(test, flow->tcb.rcv_nxt, VHO_FAKE_IRS + 101);
	KUNIT_EXPECT_EQ(test, flow->rx.vaddr[99], 'x');
	vho_fake_offer(f, 0, 4);
	vho_fake_settle(f);
	/* The message that comes later changes nothing. */
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_CONNECTED);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_UPDATE);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rec.u.update.rcv_seq), VHO_FAKE_IRS + 101);
	KUNIT_EXPECT_FALSE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_LE(test, vho_test_timers(&f->group->timers), 1);
	KUNIT_EXPECT_EQ(test, vho_test_timers(&vho_slow.timers), 0);
}

static void vho_sp_hand_to_core__record_first(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_test_handed_over(f, 1);
	struct virtio_virtuoso_complete rec;

	vho_fake_update(f, 0, 1, 0, 0, VIRTUOSO_SF_ABORT);
	vho_fake_offer(f, 0, 4);
	vho_fake_turn(f);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_RST));
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_CLOSE);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_CONNECTED);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_RELEASED);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
}

/* Asked for before the slow path had established it, or after: one of the two ends it. */
static void vho_sp_hand_to_core__abort_crosses(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	struct virtio_virtuoso_complete rec;

	vho_fake_offer(f, 0, 4);
	vho_fake_update(f, 0, 1, 0, 0, VIRTUOSO_SF_CLOSE);
	vho_fake_turn(f);	/* the request waits at the slow path */
	vho_fake_rx(f, &flow->key, VHO_TCPF_SYN | VHO_TCPF_ACK, VHO_FAKE_IRS, flow->tcb.iss + 1, 0);
	KUNIT_ASSERT_PTR_EQ(test, flow->owner, VHO_OWNER_CORE);
	vho_fake_settle(f);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_RST));
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_CONNECTED);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_RELEASED);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
}

/* Data that comes before the guest has attached is kept, within bounds, and stored then. */
static void vho_sp_hold__until_attached(struct kunit *test)
{
	struct virtio_virtuoso_complete rec;
	struct vho_fake *f = test->priv;
	struct vho_flow_key key;
	struct vho_flow *flow;
	unsigned int i;

	vho_fake_listen(f, 1);
	key = vho_fake_incoming_key(f, 1);
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
	flow = vho_fake_lookup(&key);
	KUNIT_ASSERT_NOT_NULL(test, flow);
	/* The handshake's ACK was lost: data completes it. */
	for (i = 0; i < 100; i++)
		vho_fake_rx(f, &key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1 + i * 10, flow->tcb.iss + 1, 10);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&flow->held), 64);
	KUNIT_EXPECT_EQ(test, flow->held_bytes, 640);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_rcvbuf), 36);
	vho_fake_offer(f, 0, 8);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_INCOMING);
	vho_fake_attach(f, 0, 1, flow->token);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tcb.rcv_nxt, VHO_FAKE_IRS + 641);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&flow->held), 0);
	KUNIT_EXPECT_EQ(test, flow->rx.vaddr[639], 'x');
}

/* The guest hears of a connection with its first data, of one without after a time. */
static void vho_sp_established__deferred(struct kunit *test)
{
	const struct in6_addr any = {};
	struct virtio_virtuoso_complete rec;
	struct vho_fake *f = test->priv;
	struct vho_flow_key key;
	struct vho_flow *flow;
	unsigned int i;

	vho_fake_listen(f, 2);
	vho_listener_add(f->port, &any, htons(80), 2, 5);
	vho_fake_offer(f, 0, 8);
	vho_fake_offer(f, 1, 8);
	for (i = 1; i <= 2; i++) {
		key = vho_fake_incoming_key(f, i);
		vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
		flow = vho_fake_lookup(&key);
		KUNIT_ASSERT_NOT_NULL(test, flow);
		vho_fake_rx(f, &key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, flow->tcb.iss + 1, 0);
		KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_ESTABLISHED);
		KUNIT_EXPECT_TRUE(test, flow->deferred);
		vho_fake_settle(f);
		KUNIT_EXPECT_FALSE(test, vho_fake_complete(f, 0, &rec) || vho_fake_complete(f, 1, &rec));
		if (i == 1)
			vho_fake_rx(f, &key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, flow->tcb.iss + 1, 10);
		else
			vho_sp_flow_timer(&vho_slow, &flow->timer, flow->attach_by_ns);
		KUNIT_EXPECT_FALSE(test, flow->deferred);
		vho_fake_settle(f);
		KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, flow->chan, &rec));
		KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_INCOMING);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(rec.u.incoming.token), flow->token);
	}
}

static void vho_sp_rx_syn__backlog(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow_key key;
	u16 i;

	vho_fake_listen(f, 3);
	for (i = 0; i < 10; i++) {
		key = vho_fake_incoming_key(f, 1 + i);
		vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
	}
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 3);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_backlog), 7);
	/* Nobody answers: they go, and make room. */
	for (i = 0; i < 10; i++) {
		f->ahead_ns += 300 * NSEC_PER_SEC;
		vho_fake_run_timers(f);
	}
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	vho_fake_incoming(f, 99);
}

static void vho_sp_rx_syn__impossible_peer(struct kunit *test)
{
	static const u32 addrs[] = { 0, 0xe0000001, 0xffffffff };
	struct vho_fake *f = test->priv;
	struct vho_flow_key key;
	unsigned int i;

	vho_fake_listen(f, 10);
	for (i = 0; i < ARRAY_SIZE(addrs); i++) {
		key = vho_fake_incoming_key(f, 1);
		key.raddr = vho_fake_addr(addrs[i]);
		vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
	}
	key = vho_fake_incoming_key(f, 0);
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	KUNIT_EXPECT_EQ(test, f->nr_sent, 0);
}

/* A passive flow that we closed first, let go by the guest. */
static struct vho_flow *vho_test_time_wait(struct vho_fake *f, u16 rport)
{
	struct virtio_virtuoso_complete rec;
	struct vho_flow *flow;

	flow = vho_fake_incoming(f, rport);
	vho_fake_offer(f, 0, 2);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(f->test, vho_fake_complete(f, 0, &rec));
	vho_fake_attach(f, 0, 1, flow->token);
	vho_fake_settle(f);
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_CLOSE);
	vho_fake_settle(f);
	vho_fake_rx(f, &flow->key, VHO_TCPF_FIN | VHO_TCPF_ACK, VHO_FAKE_IRS + 1,
		    flow->tcb.snd_max, 0);
	vho_fake_settle(f);
	KUNIT_ASSERT_EQ(f->test, flow->tcb.state, TCP_TIME_WAIT);
	KUNIT_ASSERT_TRUE(f->test, vho_fake_complete(f, 0, &rec));
	KUNIT_ASSERT_EQ(f->test, rec.op, VIRTUOSO_COMPLETE_RELEASED);
	KUNIT_ASSERT_EQ(f->test, vho_test_timers(&vho_slow.timers), 1);
	return flow;
}

/* A new SYN takes the tuple over: of the old connection nothing stays, no timer either. */
static void vho_sp_time_wait__new_syn(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *old, *flow;
	struct vho_flow_key key;

	vho_fake_listen(f, 10);
	old = vho_test_time_wait(f, 1);
	key = old->key;
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS + 100000, 0, 0);
	flow = vho_fake_lookup(&key);
	KUNIT_ASSERT_NOT_NULL(test, flow);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_SYN_RECV);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 1);
	KUNIT_EXPECT_EQ(test, vho_test_timers(&vho_slow.timers), 1);
}

/* A segment that was queued for the old one arrives after it has gone from the table. */
static void vho_sp_time_wait__late_segment(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow_key key;
	struct sk_buff *late;
	struct vho_flow *old;

	vho_fake_listen(f, 10);
	old = vho_test_time_wait(f, 1);
	key = old->key;
	late = vho_fake_skb(f, &key, VHO_TCPF_FIN | VHO_TCPF_ACK, VHO_FAKE_IRS + 1,
			    old->tcb.snd_max, 0);
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS + 100000, 0, 0);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 2);
	vho_sp_rx(f->port, late, ktime_get_ns());
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 1);
	KUNIT_EXPECT_EQ(test, vho_test_timers(&vho_slow.timers), 1);
}

/* The core's hand-over comes after the tuple was taken over. */
static void vho_sp_time_wait__message_late(struct kunit *test)
{
	struct virtio_virtuoso_complete rec;
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	vho_fake_listen(f, 10);
	flow = vho_fake_incoming(f, 1);
	vho_fake_offer(f, 0, 2);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	vho_fake_attach(f, 0, 1, flow->token);
	vho_fake_settle(f);
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_CLOSE);
	vho_fake_settle(f);
	vho_fake_rx(f, &flow->key, VHO_TCPF_FIN | VHO_TCPF_ACK, VHO_FAKE_IRS + 1,
		    flow->tcb.snd_max, 0);
	KUNIT_ASSERT_PTR_EQ(test, flow->owner, &vho_slow);
	vho_fake_rx(f, &flow->key, VHO_TCPF_SYN, VHO_FAKE_IRS + 100000, 0, 0);
	KUNIT_EXPECT_FALSE(test, flow->hashed);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 1);
	KUNIT_EXPECT_EQ(test, vho_test_timers(&vho_slow.timers), 1);
}

/* A segment for a flow that the core has handed on, or not yet got, finds its owner. */
static void vho_sp_rx__forwarded(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	struct vho_flow_key key = flow->key;
	struct sk_buff *early;

	early = vho_fake_skb(f, &key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, flow->tcb.iss + 1, 50);
	vho_fake_rx(f, &key, VHO_TCPF_SYN | VHO_TCPF_ACK, VHO_FAKE_IRS, flow->tcb.iss + 1, 0);
	vho_sp_rx(f->port, early, ktime_get_ns());
	KUNIT_EXPECT_FALSE(test, __ptr_ring_empty(&f->group->rxq));
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tcb.rcv_nxt, VHO_FAKE_IRS + 51);
}

/* A long segment is taken in pieces, its FIN with the last one. */
static void vho_fp_rx__pieces(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	struct vho_flow_key key = flow->key;
	struct sk_buff *skb;
	unsigned int i;

	vho_fake_rx(f, &key, VHO_TCPF_SYN | VHO_TCPF_ACK, VHO_FAKE_IRS, flow->tcb.iss + 1, 0);
	vho_fake_settle(f);
	skb = vho_fake_skb(f, &key, VHO_TCPF_ACK | VHO_TCPF_FIN, VHO_FAKE_IRS + 1,
			   flow->tcb.iss + 1, 1250);
	skb_shinfo(skb)->gso_segs = 7;
	for (i = 1; i <= 2; i++) {
		KUNIT_EXPECT_FALSE(test, vho_fp_rx(f->group, skb, 500, ktime_get_ns()));
		KUNIT_EXPECT_EQ(test, flow->tcb.rcv_nxt, VHO_FAKE_IRS + 1 + 500 * i);
		KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_ESTABLISHED);
	}
	KUNIT_EXPECT_TRUE(test, vho_fp_rx(f->group, skb, 500, ktime_get_ns()));
	KUNIT_EXPECT_EQ(test, flow->tcb.rcv_nxt, VHO_FAKE_IRS + 1 + 1250 + 1);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_CLOSE_WAIT);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_fp_rx_segs), 7);
}

static void vho_sp_rx__wrong_checksum(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	struct sk_buff *skb;

	skb = vho_fake_skb(f, &flow->key, VHO_TCPF_RST | VHO_TCPF_ACK, 0, flow->tcb.iss + 1, 0);
	skb->ip_summed = CHECKSUM_NONE;
	vho_sp_rx(f->port, skb, ktime_get_ns());
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_SYN_SENT);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_checksum), 1);
}

/* ---- driver reset: whatever state flows are in, nothing of them stays ---- */

static void vho_test_reset(struct vho_fake *f)
{
	vho_fake_guest_stop(f);
	KUNIT_EXPECT_EQ(f->test, f->port->nr_flows, 0);
	KUNIT_EXPECT_EQ(f->test, f->nr_maps, 0);
	KUNIT_EXPECT_EQ(f->test, vho_test_timers(&vho_slow.timers), 0);
	KUNIT_EXPECT_EQ(f->test, vho_test_timers(&f->group->timers), 0);
}

static void vho_sp_port_stop__connecting(struct kunit *test)
{
	struct virtio_virtuoso_submit_connect rec;
	struct vho_fake *f = test->priv;

	vho_fake_connect(f, 1);
	rec = vho_fake_connect_rec(f, 2);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_fake_turn(f);	/* not yet seen by the slow path */
	vho_test_reset(f);
}

static void vho_sp_port_stop__handed_over(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	vho_test_handed_over(f, 1);
	vho_fake_establish(f, 2);
	vho_test_reset(f);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_RST));
}

static void vho_sp_port_stop__incoming(struct kunit *test)
{
	struct virtio_virtuoso_complete rec;
	struct vho_fake *f = test->priv;
	struct vho_flow_key key;
	struct vho_flow *flow;

	vho_fake_listen(f, 10);
	key = vho_fake_incoming_key(f, 1);
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
	flow = vho_fake_incoming(f, 2);
	vho_fake_offer(f, 0, 1);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	vho_fake_incoming(f, 3);	/* the core does not know it yet */
	vho_fake_attach(f, 0, 1, flow->token);
	vho_fake_turn(f);		/* the slow path does not know of that yet */
	vho_test_reset(f);
}

static void vho_sp_port_stop__closed_and_time_wait(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *closed, *flow;

	closed = vho_fake_establish(f, 1);
	flow = vho_fake_establish(f, 2);
	vho_fake_rx(f, &closed->key, VHO_TCPF_RST, VHO_FAKE_IRS + 1, 0, 0);
	KUNIT_ASSERT_EQ(test, closed->tcb.state, TCP_CLOSE);
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_FIN);
	vho_fake_settle(f);
	vho_fake_rx(f, &flow->key, VHO_TCPF_FIN | VHO_TCPF_ACK, VHO_FAKE_IRS + 1,
		    flow->tcb.snd_max, 0);
	KUNIT_ASSERT_EQ(test, flow->tcb.state, TCP_TIME_WAIT);
	vho_fake_guest_stop(f);
	/* TIME-WAIT goes on, nothing else. */
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 1);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
	f->ahead_ns += 61 * NSEC_PER_SEC;
	vho_fake_run_timers(f);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
}

/* The next driver finds nothing of the last one's. */
static void vho_sp_port_stop__new_driver(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	vho_fake_establish(f, 1);
	vho_fake_connect(f, 2);
	vho_test_reset(f);
	vho_fake_guest_start(f, 1);
	flow = vho_fake_establish(f, 1);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 1);
}

/* A SYN in TIME-WAIT for a listener that only the guest's own stack has: it is not lost. */
static void vho_sp_time_wait__native_listener(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow_key key;
	struct vho_flow *flow;
	struct sk_buff *skb;

	vho_fake_listen(f, 10);
	flow = vho_test_time_wait(f, 1);
	key = flow->key;
	vho_listeners_flush(f->port);
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS + 100000, 0, 0);
	skb = ptr_ring_consume(&f->port->frameq);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_NULL(test, vho_packet(skb)->flow);
	KUNIT_EXPECT_EQ(test, skb->len, ETH_HLEN + 40);
	kfree_skb(skb);
	/* What follows is for the guest, too. */
	KUNIT_EXPECT_NULL(test, vho_fake_lookup(&key));
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
}

/* A full backlog wants nothing: the old connection goes on as it was. */
static void vho_sp_time_wait__full_backlog(struct kunit *test)
{
	struct vho_flow_key key, other = vho_fake_incoming_key(test->priv, 999);
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	vho_fake_listen(f, 1);
	flow = vho_test_time_wait(f, 1);
	key = flow->key;
	vho_fake_rx(f, &other, VHO_TCPF_SYN, 1, 0, 0);
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS + 100000, 0, 0);
	KUNIT_EXPECT_PTR_EQ(test, flow, vho_fake_lookup(&key));
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_TIME_WAIT);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_backlog), 1);
}

/* net.ipv4.tcp_ecn: who asks for ECN and who accepts it; and a mark in an IP header reaches TCP. */
static void vho_sp_params__ecn(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow_key key = vho_fake_incoming_key(f, 7777);
	const u8 setup = VHO_TCPF_ECE | VHO_TCPF_CWR;
	struct sk_buff *skb;
	struct iphdr *iph;
	u8 ecn;

	vho_fake_listen(f, 10);
	for (ecn = 0; ecn <= 2; ecn++) {
		f->ecn = ecn;
		key.rport = htons(7777 + ecn);
		vho_fake_rx(f, &key, VHO_TCPF_SYN | setup, VHO_FAKE_IRS, 0, 0);
		KUNIT_EXPECT_EQ(test, !!vho_fake_lookup(&key)->tcb.ecn_ok, ecn > 0);
		f->nr_sent = 0;
		vho_fake_connect(f, 10 + ecn);
		KUNIT_EXPECT_EQ(test, vho_fake_sent(f, VHO_TCPF_SYN | setup), ecn == 1);
	}
	key.rport = htons(7778);
	skb = vho_fake_skb(f, &key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, 0, 100);
	iph = (struct iphdr *)(skb->data + ETH_HLEN);
	for (ecn = 0; ecn <= 3; ecn++) {
		struct vho_rx_payload payload;
		struct vho_rx_seg seg;

		iph->tos = 0xb8 | ecn;
		vho_packet_segment(skb, U32_MAX, &seg, &payload);
		KUNIT_EXPECT_EQ(test, seg.ecn, ecn);
	}
	vho_flow_put(vho_packet(skb)->flow);
	kfree_skb(skb);
}

static struct kunit_case vho_sp_conn_cases[] = {
	KUNIT_CASE(vho_sp_hand_to_core__segment_first),
	KUNIT_CASE(vho_sp_hand_to_core__record_first),
	KUNIT_CASE(vho_sp_hand_to_core__abort_crosses),
	KUNIT_CASE(vho_sp_hold__until_attached),
	KUNIT_CASE(vho_sp_established__deferred),
	KUNIT_CASE(vho_sp_rx_syn__backlog),
	KUNIT_CASE(vho_sp_rx_syn__impossible_peer),
	KUNIT_CASE(vho_sp_time_wait__new_syn),
	KUNIT_CASE(vho_sp_time_wait__native_listener),
	KUNIT_CASE(vho_sp_time_wait__full_backlog),
	KUNIT_CASE(vho_sp_time_wait__late_segment),
	KUNIT_CASE(vho_sp_time_wait__message_late),
	KUNIT_CASE(vho_sp_params__ecn),
	KUNIT_CASE(vho_sp_rx__forwarded),
	KUNIT_CASE(vho_fp_rx__pieces),
	KUNIT_CASE(vho_sp_rx__wrong_checksum),
	KUNIT_CASE(vho_sp_port_stop__connecting),
	KUNIT_CASE(vho_sp_port_stop__handed_over),
	KUNIT_CASE(vho_sp_port_stop__incoming),
	KUNIT_CASE(vho_sp_port_stop__closed_and_time_wait),
	KUNIT_CASE(vho_sp_port_stop__new_driver),
	{}
};

static struct kunit_suite vho_sp_conn_suite = {
	.name = "virtuoso_sp_conn",
	.init = vho_sp_conn_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_sp_conn_cases,
};
kunit_test_suite(vho_sp_conn_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: hand-overs and endings of connections");
MODULE_LICENSE("GPL");
