// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of sending by a path: what the device is given is what the switch would have sent.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>

#include "../host/headers.h"
#include "../host/path.h"
#include "path_fake.h"

static struct vho_tx_seg vho_path_test_data(struct vho_flow *flow, u32 len)
{
	return (struct vho_tx_seg) {
		.seq = flow->tcb.iss + 1, .ack = VHO_FAKE_IRS + 1, .len = len, .mss = 1000, .wnd = 100,
		.flags = VHO_TCPF_ACK, .ecn = VHO_ECN_ECT_0,
	};
}

static int vho_path_test_send(struct vho_flow *flow, const struct vho_tx_seg *seg)
{
	int err;

	rcu_read_lock();
	err = vho_path_xmit(flow, vho_path_fake_path(flow), seg);
	rcu_read_unlock();
	return err;
}

static __wsum vho_path_test_sum(const u8 *data, u32 off, u32 len)
{
	return csum_partial(data + off, len, 0);
}

/* Is the checksum of the TCP segment at @tcp right, below the IPv4 header at @ip? */
static bool vho_path_test_tcp_ok(const u8 *data, const struct vho_headers *h)
{
	const struct iphdr *iph = (const struct iphdr *)(data + h->inner_ip);
	u32 len = h->len - h->tcp;

	return !csum_tcpudp_magic(iph->saddr, iph->daddr, len, IPPROTO_TCP,
				  vho_path_test_sum(data, h->tcp, len));
}

static bool vho_path_test_udp_ok(const u8 *data, const struct vho_headers *h)
{
	const struct iphdr *iph = (const struct iphdr *)(data + h->outer_ip);
	const struct ipv6hdr *ip6h = (const struct ipv6hdr *)(data + h->outer_ip);
	u32 len = h->len - h->outer_l4;

	if (iph->version == 4)
		return !csum_tcpudp_magic(iph->saddr, iph->daddr, len, IPPROTO_UDP,
					  vho_path_test_sum(data, h->outer_l4, len));
	return !csum_ipv6_magic(&ip6h->saddr, &ip6h->daddr, len, IPPROTO_UDP,
				vho_path_test_sum(data, h->outer_l4, len));
}

/* What the device was given, as it would be on the wire. */
static void vho_path_test_check(struct kunit *test, const char *stack, struct sk_buff *skb, u32 payload)
{
	struct vho_headers h;
	u32 len = skb->len;
	u8 *data = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, data);
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		KUNIT_ASSERT_EQ(test, 0, skb_checksum_help(skb));
	KUNIT_ASSERT_EQ(test, 0, skb_copy_bits(skb, 0, data, len));
	KUNIT_ASSERT_EQ_MSG(test, 0, vho_headers_parse(data, len, len, &h), "%s", stack);
	KUNIT_EXPECT_EQ_MSG(test, strlen(stack), h.nr, "%s", stack);
	KUNIT_EXPECT_EQ_MSG(test, h.len, h.tcp + h.tcp_len + payload, "%s", stack);
	KUNIT_EXPECT_EQ_MSG(test, h.len, len, "%s", stack);
	KUNIT_EXPECT_TRUE_MSG(test, vho_headers_csum_ok(data, &h, true), "%s", stack);
	KUNIT_EXPECT_TRUE_MSG(test, vho_path_test_tcp_ok(data, &h), "%s: TCP checksum", stack);
	KUNIT_EXPECT_EQ_MSG(test, vho_headers_ecn(data + h.inner_ip), VHO_ECN_ECT_0, "%s", stack);
	KUNIT_EXPECT_EQ_MSG(test, vho_headers_ecn(data + h.outer_ip), VHO_ECN_ECT_0, "%s", stack);
	if (h.flags & VHO_HEADERS_UDP_CSUM)
		KUNIT_EXPECT_TRUE_MSG(test, vho_path_test_udp_ok(data, &h), "%s: UDP checksum", stack);
	if (h.flags & VHO_HEADERS_GRE_CSUM)
		KUNIT_EXPECT_EQ_MSG(test, 0, csum_fold(vho_path_test_sum(data, h.outer_l4, len - h.outer_l4)),
				    "%s: GRE checksum", stack);
}

static void vho_path_xmit__single(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < VHO_PATH_FAKE_STACKS; i++) {
		const char *stack = vho_path_fake_stacks[i];
		struct vho_flow *flow = vho_path_fake_flow(test, i + 1, stack, 0);
		struct vho_tx_seg seg = vho_path_test_data(flow, 999);
		struct sk_buff *skb;

		KUNIT_ASSERT_EQ_MSG(test, 0, vho_path_test_send(flow, &seg), "%s", stack);
		skb = __skb_dequeue(&vho_path_fake->sent);
		KUNIT_ASSERT_NOT_NULL_MSG(test, skb, "%s", stack);
		KUNIT_EXPECT_PTR_EQ(test, skb->dev, vho_path_fake->uplink.dev);
		vho_path_test_check(test, stack, skb, 999);
		kfree_skb(skb);
	}
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_tx), VHO_PATH_FAKE_STACKS);
}

/* A device that segments nothing: the kernel does, and every wire segment is right. */
static void vho_path_xmit__segmented(struct kunit *test)
{
	struct net_device *dev = vho_path_fake->uplink.dev;
	unsigned int i;

	dev->features = NETIF_F_SG | NETIF_F_HW_CSUM;
	dev->hw_enc_features = dev->features;
	for (i = 0; i < VHO_PATH_FAKE_STACKS; i++) {
		const char *stack = vho_path_fake_stacks[i];
		struct vho_flow *flow = vho_path_fake_flow(test, i + 1, stack, 0);
		struct vho_tx_seg seg = vho_path_test_data(flow, 2500);
		struct sk_buff *skb;
		unsigned int n = 0;

		KUNIT_ASSERT_EQ_MSG(test, 0, vho_path_test_send(flow, &seg), "%s", stack);
		while ((skb = __skb_dequeue(&vho_path_fake->sent))) {
			vho_path_test_check(test, stack, skb, n++ < 2 ? 1000 : 500);
			kfree_skb(skb);
		}
		KUNIT_EXPECT_EQ_MSG(test, n, 3, "%s", stack);
	}
}

static void vho_path_xmit__vlan_tag(struct kunit *test)
{
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4T", 42);
	struct vho_tx_seg seg = vho_path_test_data(flow, 100);
	struct sk_buff *skb;

	KUNIT_ASSERT_EQ(test, 0, vho_path_test_send(flow, &seg));
	skb = __skb_dequeue(&vho_path_fake->sent);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_TRUE(test, skb_vlan_tag_present(skb));
	KUNIT_EXPECT_EQ(test, skb_vlan_tag_get(skb), 42);
	kfree_skb(skb);
}

/* A queue that is stopped stops the flow, and nothing is dropped. */
static void vho_path_xmit__busy(struct kunit *test)
{
	struct net_device *dev = vho_path_fake->uplink.dev;
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4T", 0);
	struct vho_tx_seg seg = vho_path_test_data(flow, 100);

	netif_stop_queue(dev);
	KUNIT_EXPECT_EQ(test, -ENOBUFS, vho_path_test_send(flow, &seg));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_tx_busy), 1);
	KUNIT_EXPECT_EQ(test, vho_path_fake_path(flow)->hits, 0);
	netif_wake_queue(dev);
	KUNIT_EXPECT_EQ(test, 0, vho_path_test_send(flow, &seg));
	KUNIT_EXPECT_EQ(test, dev->stats.tx_dropped, 0);
}

static void vho_path_xmit__too_long(struct kunit *test)
{
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4UXE4T", 0);
	struct vho_tx_seg seg = vho_path_test_data(flow, 1460);

	seg.mss = 1460;
	KUNIT_EXPECT_EQ(test, -EAGAIN, vho_path_test_send(flow, &seg));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_tx_mtu), 1);
	/* TCP was told when the path was taken. */
	KUNIT_EXPECT_EQ(test, flow->tcb.mss_limit, 1410);
}

static void vho_path_xmit__other_tos(struct kunit *test)
{
	struct vho_flow *flow = vho_path_fake_flow(test, 1, "E4T", 0);
	struct vho_tx_seg seg = vho_path_test_data(flow, 100);

	vho_flow_set_tos(flow, 0x20);
	KUNIT_EXPECT_EQ(test, -EAGAIN, vho_path_test_send(flow, &seg));
	vho_fake_settle(test->priv);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_probe_tx), 1);
}

static struct kunit_case vho_path_xmit_cases[] = {
	KUNIT_CASE(vho_path_xmit__single),
	KUNIT_CASE(vho_path_xmit__segmented),
	KUNIT_CASE(vho_path_xmit__vlan_tag),
	KUNIT_CASE(vho_path_xmit__busy),
	KUNIT_CASE(vho_path_xmit__too_long),
	KUNIT_CASE(vho_path_xmit__other_tos),
	{}
};

static struct kunit_suite vho_path_xmit_suite = {
	.name = "virtuoso_path_xmit",
	.init = vho_path_fake_init,
	.exit = vho_path_fake_exit,
	.test_cases = vho_path_xmit_cases,
};

kunit_test_suite(vho_path_xmit_suite);
