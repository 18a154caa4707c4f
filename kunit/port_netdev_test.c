// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the host netdev of a port: a real netdev, transmitted to as a switch does.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include <net/inet_ecn.h>
#include <net/ip.h>

#include "../host/packet.h"
#include "host_fake.h"

static int vho_netdev_test_init(struct kunit *test)
{
	struct vho_fake *f;

	vho_fake_init(test);
	f = test->priv;
	vho_fake_guest_start(f, 1);
	KUNIT_ASSERT_EQ(test, 0, vho_port_netdev_create(f->port, &init_net, 1500, NULL));
	return 0;
}

static void vho_netdev_test_exit(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	if (f && f->port->netdev) {
		vho_port_netdev_unregister(f->port);
		vho_port_netdev_free(f->port);
		f->port->netdev = NULL;
	}
	vho_fake_exit(test);
}

static void vho_netdev_test_xmit(struct vho_fake *f, struct sk_buff *skb)
{
	struct net_device *dev = f->port->netdev;

	local_bh_disable();
	KUNIT_EXPECT_EQ(f->test, NETDEV_TX_OK, dev->netdev_ops->ndo_start_xmit(skb, dev));
	local_bh_enable();
}

static struct rtnl_link_stats64 vho_netdev_test_stats(struct vho_fake *f)
{
	struct rtnl_link_stats64 stats;

	return *dev_get_stats(f->port->netdev, &stats);
}

/* A frame of @len bytes that is not for the TCP engine. */
static struct sk_buff *vho_netdev_test_frame(struct vho_fake *f, u32 len)
{
	struct sk_buff *skb = alloc_skb(max(len, 64U), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(f->test, skb);
	skb_put_zero(skb, len);
	return skb;
}

static void vho_netdev_xmit__counts_what_was_taken(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct rtnl_link_stats64 stats;
	unsigned int n, taken = 0;

	for (n = 0; n < 70; n++) {
		vho_netdev_test_xmit(f, vho_netdev_test_frame(f, 100));
		taken += vho_fake_stat(f, VHO_STAT_drop_frameq_full) == 0;
	}
	stats = vho_netdev_test_stats(f);
	KUNIT_EXPECT_EQ(test, stats.tx_packets, taken);
	KUNIT_EXPECT_EQ(test, stats.tx_bytes, 100 * taken);
	KUNIT_EXPECT_EQ(test, stats.tx_dropped, 70 - taken);
	KUNIT_EXPECT_GT(test, stats.tx_dropped, 0);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_frameq_full), stats.tx_dropped);
}

static void vho_netdev_xmit__runts(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct rtnl_link_stats64 stats;

	vho_netdev_test_xmit(f, vho_netdev_test_frame(f, ETH_HLEN - 1));
	stats = vho_netdev_test_stats(f);
	KUNIT_EXPECT_EQ(test, stats.tx_packets, 0);
	KUNIT_EXPECT_EQ(test, stats.tx_dropped, 1);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_malformed), 1);
}

/* To whom a packet goes: the flow's core, the listener's slow path, the guest. */
static void vho_netdev_xmit__sorts(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	struct vho_flow_key listening = vho_fake_incoming_key(f, 5555), unknown;
	struct sk_buff *skb;

	vho_fake_listen(f, 5);
	unknown = listening;
	unknown.lport = htons(81);

	skb = vho_fake_skb(f, &flow->key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, flow->tcb.iss + 1, 10);
	vho_flow_put(vho_packet(skb)->flow);
	vho_netdev_test_xmit(f, skb);
	KUNIT_EXPECT_PTR_EQ(test, skb, __ptr_ring_peek(&f->group->rxq));
	KUNIT_EXPECT_PTR_EQ(test, flow, vho_packet(skb)->flow);

	skb = vho_fake_skb(f, &listening, VHO_TCPF_SYN, 1, 0, 0);
	vho_netdev_test_xmit(f, skb);
	KUNIT_EXPECT_PTR_EQ(test, skb, __ptr_ring_peek(&f->port->spq));

	skb = vho_fake_skb(f, &unknown, VHO_TCPF_SYN, 1, 0, 0);
	vho_netdev_test_xmit(f, skb);
	KUNIT_EXPECT_PTR_EQ(test, skb, __ptr_ring_peek(&f->port->frameq));

	/* Not for the guest's address: whoever it is for, a frame. */
	skb = ptr_ring_consume(&f->port->frameq);
	kfree_skb(skb);
	skb = vho_fake_skb(f, &listening, VHO_TCPF_SYN, 1, 0, 0);
	((struct ethhdr *)skb->data)->h_dest[5] ^= 1;
	vho_netdev_test_xmit(f, skb);
	KUNIT_EXPECT_PTR_EQ(test, skb, __ptr_ring_peek(&f->port->frameq));
	KUNIT_EXPECT_EQ(test, vho_netdev_test_stats(f).tx_packets, 4);
}

/* Inconsistent headers are dropped, and counted as that. */
static void vho_netdev_xmit__malformed(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow_key key = vho_fake_incoming_key(f, 5555);
	struct sk_buff *skb = vho_fake_skb(f, &key, VHO_TCPF_SYN, 1, 0, 0);

	skb->data[ETH_HLEN + 20 + 12] = 4 << 4;	/* a TCP header of 16 bytes */
	vho_netdev_test_xmit(f, skb);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_malformed), 1);
	KUNIT_EXPECT_EQ(test, vho_netdev_test_stats(f).tx_packets, 0);
	KUNIT_EXPECT_EQ(test, vho_netdev_test_stats(f).tx_dropped, 1);
}

/* A segment for @flow, ECN field @ecn, as the queue got it. NULL: it was dropped. */
static void vho_netdev_test_ecn(struct vho_fake *f, struct vho_flow *flow, u8 ecn)
{
	struct sk_buff *skb = vho_fake_skb(f, &flow->key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1,
					   flow->tcb.iss + 1, 10);
	struct iphdr *iph = (struct iphdr *)(skb->data + ETH_HLEN);

	vho_flow_put(vho_packet(skb)->flow);
	iph->tos = 0xb8 | ecn;
	ip_send_check(iph);
	vho_netdev_test_xmit(f, skb);
}

/* Takes the oldest segment out of the queue. Return: its ECN field; its checksum is right. */
static u8 vho_netdev_test_take(struct vho_fake *f)
{
	struct sk_buff *skb = ptr_ring_consume(&f->group->rxq);
	struct iphdr *iph;
	u8 ecn;

	KUNIT_ASSERT_NOT_NULL(f->test, skb);
	iph = (struct iphdr *)(skb->data + ETH_HLEN);
	KUNIT_EXPECT_EQ(f->test, 0, ip_fast_csum(iph, iph->ihl));
	KUNIT_EXPECT_EQ(f->test, iph->tos & ~INET_ECN_MASK, 0xb8);
	ecn = iph->tos & INET_ECN_MASK;
	vho_flow_put(vho_packet(skb)->flow);
	kfree_skb(skb);
	return ecn;
}

/* Half a queue passes as it is, the rest is marked if the sender understands that. */
static void vho_netdev_xmit__marks(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	unsigned int n, half = f->group->rxq.size / 2;
	u8 ecn;

	for (n = 0; n < half + 4; n++)
		vho_netdev_test_ecn(f, flow, INET_ECN_ECT_0);
	vho_netdev_test_ecn(f, flow, INET_ECN_NOT_ECT);
	vho_netdev_test_ecn(f, flow, INET_ECN_ECT_1);
	vho_netdev_test_ecn(f, flow, INET_ECN_CE);
	for (n = 0; n < half + 4; n++) {
		ecn = vho_netdev_test_take(f);
		if (n < half)
			KUNIT_EXPECT_EQ(test, ecn, INET_ECN_ECT_0);
		if (n > half)
			KUNIT_EXPECT_EQ(test, ecn, INET_ECN_CE);
	}
	KUNIT_EXPECT_EQ(test, vho_netdev_test_take(f), INET_ECN_NOT_ECT);
	KUNIT_EXPECT_EQ(test, vho_netdev_test_take(f), INET_ECN_CE);
	KUNIT_EXPECT_EQ(test, vho_netdev_test_take(f), INET_ECN_CE);
	KUNIT_EXPECT_GE(test, vho_fake_stat(f, VHO_STAT_ecn_ce_marked), 4);
	KUNIT_EXPECT_LE(test, vho_fake_stat(f, VHO_STAT_ecn_ce_marked), 5);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_rxq_full), 0);
}

static struct kunit_case vho_netdev_cases[] = {
	KUNIT_CASE(vho_netdev_xmit__counts_what_was_taken),
	KUNIT_CASE(vho_netdev_xmit__runts),
	KUNIT_CASE(vho_netdev_xmit__sorts),
	KUNIT_CASE(vho_netdev_xmit__malformed),
	KUNIT_CASE(vho_netdev_xmit__marks),
	{ }
};

static struct kunit_suite vho_netdev_suite = {
	.name = "virtuoso_port_netdev",
	.init = vho_netdev_test_init,
	.exit = vho_netdev_test_exit,
	.test_cases = vho_netdev_cases,
};
kunit_test_suite(vho_netdev_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: host netdev of a port");
MODULE_LICENSE("GPL");
