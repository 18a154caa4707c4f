// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of what packet taps at a port's netdev are shown of packets that take the short way.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "../host/packet.h"
#include "../host/segment.h"
#include "../host/tap.h"
#include "headers_make.h"
#include "host_fake.h"

static bool vho_tap_is_dmac(const struct vho_flow *flow, const u8 *mac)
{
	u8 dmac[ETH_ALEN];

	vho_flow_dmac(flow, dmac);
	return ether_addr_equal(mac, dmac);
}

static struct sk_buff_head vho_tap_test_seen;

static int vho_tap_test_func(struct sk_buff *skb, struct net_device *dev, struct packet_type *tap,
			     struct net_device *orig_dev)
{
	__skb_queue_tail(&vho_tap_test_seen, skb);
	return 0;
}

static struct packet_type vho_tap_test_tap = {
	.type = htons(ETH_P_ALL),
	.func = vho_tap_test_func,
};

static int vho_tap_test_init(struct kunit *test)
{
	struct vho_fake *f;

	vho_fake_init(test);
	f = test->priv;
	__skb_queue_head_init(&vho_tap_test_seen);
	vho_fake_guest_start(f, 1);
	vho_segment_group_init(f->group);
	KUNIT_ASSERT_EQ(test, 0, vho_port_netdev_create(f->port, &init_net, 1500, NULL));
	KUNIT_EXPECT_FALSE(test, vho_tap_active(f->port));
	vho_tap_test_tap.dev = f->port->netdev;
	dev_add_pack(&vho_tap_test_tap);
	return 0;
}

static void vho_tap_test_exit(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	dev_remove_pack(&vho_tap_test_tap);
	__skb_queue_purge(&vho_tap_test_seen);
	vho_segment_group_exit(f->group);
	vho_port_netdev_unregister(f->port);
	vho_port_netdev_free(f->port);
	f->port->netdev = NULL;
	vho_fake_exit(test);
}

/* The one packet that was shown, with its Ethernet header, whose checksums are right. */
static struct sk_buff *vho_tap_test_shown(struct kunit *test)
{
	struct sk_buff *skb = __skb_dequeue(&vho_tap_test_seen);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&vho_tap_test_seen));
	KUNIT_EXPECT_FALSE(test, skb_zcopy(skb));
	skb_push(skb, skb->data - skb_mac_header(skb));
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		KUNIT_EXPECT_EQ(test, 0, skb_checksum_help(skb));
	KUNIT_ASSERT_EQ(test, 0, skb_linearize(skb));
	KUNIT_EXPECT_EQ(test, 0, ip_fast_csum(skb->data + ETH_HLEN, 5));
	return skb;
}

static bool vho_tap_test_tcp_ok(const struct sk_buff *skb)
{
	const struct iphdr *iph = (const struct iphdr *)(skb->data + ETH_HLEN);
	u32 len = skb->len - ETH_HLEN - sizeof(*iph);

	return !tcp_v4_check(len, iph->saddr, iph->daddr, csum_partial(iph + 1, len, 0));
}

static void vho_tap_out__as_the_switch_would(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	struct vho_tx_seg seg = {
		.seq = flow->tcb.iss + 1, .ack = VHO_FAKE_IRS + 1, .len = 999, .mss = 1000, .wnd = 100,
		.flags = VHO_TCPF_ACK,
	};
	const struct tcphdr *th;
	const struct iphdr *iph;
	struct sk_buff *skb;

	KUNIT_EXPECT_TRUE(test, vho_tap_active(f->port));
	vho_tap_out(flow, &seg, 4711);
	skb = vho_tap_test_shown(test);
	KUNIT_EXPECT_NE(test, (int)skb->pkt_type, PACKET_OUTGOING);
	KUNIT_EXPECT_EQ(test, skb->len, ETH_HLEN + 20 + 20 + 999);
	KUNIT_EXPECT_TRUE(test, ether_addr_equal(eth_hdr(skb)->h_source, flow->smac));
	KUNIT_EXPECT_TRUE(test, vho_tap_is_dmac(flow, eth_hdr(skb)->h_dest));
	iph = (const struct iphdr *)(skb->data + ETH_HLEN);
	th = (const struct tcphdr *)(iph + 1);
	KUNIT_EXPECT_EQ(test, iph->id, htons(4711));
	KUNIT_EXPECT_EQ(test, iph->saddr, flow->key.laddr.s6_addr32[3]);
	KUNIT_EXPECT_EQ(test, iph->daddr, flow->key.raddr.s6_addr32[3]);
	KUNIT_EXPECT_EQ(test, th->source, flow->key.lport);
	KUNIT_EXPECT_EQ(test, th->seq, htonl(seg.seq));
	KUNIT_EXPECT_TRUE(test, vho_tap_test_tcp_ok(skb));
	kfree_skb(skb);
}

/* @m at the port, as vho_path_ingress() leaves it. */
static struct sk_buff *vho_tap_test_skb(struct kunit *test, const struct vho_headers_make *m)
{
	struct sk_buff *skb = alloc_skb(VHO_MAKE_BYTES_MAX, GFP_KERNEL);
	struct vho_fake *f = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_data(skb, m->bytes, m->len);
	skb->dev = f->port->netdev;
	memset(vho_packet(skb), 0, sizeof(struct vho_packet));
	vho_packet(skb)->tcp_off = m->l4[0];
	return skb;
}

/* NAT has changed addresses and ports on the wire, and the Ethernet header is another network's. */
static void vho_tap_in__translated(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	struct vho_headers_make *m = vho_headers_make(test, "E4T", 333);
	struct tcphdr *th = (struct tcphdr *)(m->bytes + m->l4[0]);
	struct iphdr *iph = (struct iphdr *)(m->bytes + m->ip[0]);
	u32 len = m->len - m->l4[0];
	struct sk_buff *skb, *shown;

	th->check = 0;
	th->check = tcp_v4_check(len, iph->saddr, iph->daddr, csum_partial(th, len, 0));
	skb = vho_tap_test_skb(test, m);
	vho_tap_in(flow, skb);
	KUNIT_EXPECT_EQ(test, 0, memcmp(skb->data, m->bytes, m->len));
	shown = vho_tap_test_shown(test);
	KUNIT_EXPECT_EQ(test, (int)shown->pkt_type, PACKET_OUTGOING);
	KUNIT_EXPECT_EQ(test, shown->len, m->len);
	KUNIT_EXPECT_TRUE(test, vho_tap_is_dmac(flow, eth_hdr(shown)->h_source));
	KUNIT_EXPECT_TRUE(test, ether_addr_equal(eth_hdr(shown)->h_dest, flow->smac));
	iph = (struct iphdr *)(shown->data + ETH_HLEN);
	th = (struct tcphdr *)(iph + 1);
	KUNIT_EXPECT_EQ(test, iph->saddr, flow->key.raddr.s6_addr32[3]);
	KUNIT_EXPECT_EQ(test, iph->daddr, flow->key.laddr.s6_addr32[3]);
	KUNIT_EXPECT_EQ(test, th->source, flow->key.rport);
	KUNIT_EXPECT_EQ(test, th->dest, flow->key.lport);
	KUNIT_EXPECT_TRUE(test, vho_tap_test_tcp_ok(shown));
	kfree_skb(shown);
	kfree_skb(skb);
}

static struct kunit_case vho_tap_test_cases[] = {
	KUNIT_CASE(vho_tap_out__as_the_switch_would),
	KUNIT_CASE(vho_tap_in__translated),
	{ }
};

static struct kunit_suite vho_tap_suite = {
	.name = "virtuoso_tap",
	.init = vho_tap_test_init,
	.exit = vho_tap_test_exit,
	.test_cases = vho_tap_test_cases,
};
kunit_test_suite(vho_tap_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: packet taps");
MODULE_LICENSE("GPL");
