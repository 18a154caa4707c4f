// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of what the operator lets pass of a guest's frames.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/icmpv6.h>
#include <linux/if_arp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "../host/guard.h"
#include "../host/policy.h"
#include "host_fake.h"

#define VHO_TEST_OTHER	0x0a0000fe

static const struct in6_addr vho_test_own6 = { .s6_addr = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
static const struct in6_addr vho_test_other6 = { .s6_addr = { 0x20, 1, 0xd, 0xb8, [15] = 2 } };
static const struct in6_addr vho_test_any6;

/* Sources: VHO_FAKE_GUEST and vho_test_own6. */
static int vho_guard_test_init(struct kunit *test)
{
	struct vho_policy *policy = vho_policy_alloc(0, 2);
	struct vho_fake *f;

	vho_fake_init(test);
	f = test->priv;
	KUNIT_ASSERT_NOT_NULL(test, policy);
	policy->sources = VIRTUOSO_POLICY_SOURCES_FIXED;
	policy->addrs[0] = vho_fake_addr(VHO_FAKE_GUEST);
	policy->addrs[1] = vho_test_own6;
	KUNIT_ASSERT_EQ(test, vho_policy_build(policy), 0);
	vho_policy_publish(f->port, policy);
	return 0;
}

static void vho_guard_test_exit(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	if (!f)
		return;
	vho_policy_port_exit(f->port);
	vho_fake_exit(test);
	rcu_barrier();
}

/* Sources as they like; the rule denies TCP port 22 of the peer, and of the guest. */
static void vho_test_deny_ssh(struct vho_fake *f)
{
	struct vho_policy *policy = vho_policy_alloc(2, 0);

	KUNIT_ASSERT_NOT_NULL(f->test, policy);
	policy->rules[0] = (struct vho_policy_rule) {
		.action = VIRTUOSO_POLICY_ACTION_DENY,
		.dirs = VIRTUOSO_POLICY_DIRECTION_CONNECT,
		.rport_min = 22, .rport_max = 22, .lport_max = U16_MAX,
	};
	policy->rules[1] = (struct vho_policy_rule) {
		.action = VIRTUOSO_POLICY_ACTION_DROP,
		.dirs = VIRTUOSO_POLICY_DIRECTION_ACCEPT,
		.lport_min = 22, .lport_max = 22, .rport_max = U16_MAX,
	};
	KUNIT_ASSERT_EQ(f->test, vho_policy_build(policy), 0);
	vho_policy_publish(f->port, policy);
}

/* ---- frames ---- */

static struct sk_buff *vho_test_frame(struct vho_fake *f, u16 proto)
{
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct ethhdr *eth;

	KUNIT_ASSERT_NOT_NULL(f->test, skb);
	eth = skb_put_zero(skb, ETH_HLEN);
	eth_broadcast_addr(eth->h_dest);
	ether_addr_copy(eth->h_source, f->port->mac);
	eth->h_proto = htons(proto);
	return skb;
}

static struct iphdr *vho_test_ip(struct sk_buff *skb, u8 proto, u32 saddr, u32 daddr, u16 payload)
{
	struct iphdr *iph = skb_put_zero(skb, sizeof(*iph));

	iph->version = 4;
	iph->ihl = 5;
	iph->protocol = proto;
	iph->tot_len = htons(sizeof(*iph) + payload);
	iph->saddr = htonl(saddr);
	iph->daddr = htonl(daddr);
	return iph;
}

static struct ipv6hdr *vho_test_ip6(struct sk_buff *skb, u8 proto, const struct in6_addr *saddr,
				    u16 payload)
{
	struct ipv6hdr *ip6h = skb_put_zero(skb, sizeof(*ip6h));

	ip6h->version = 6;
	ip6h->nexthdr = proto;
	ip6h->payload_len = htons(payload);
	ip6h->saddr = *saddr;
	ip6h->daddr = vho_test_other6;
	return ip6h;
}

static struct tcphdr *vho_test_tcp(struct sk_buff *skb, u16 source, u16 dest)
{
	struct tcphdr *th = skb_put_zero(skb, sizeof(*th));

	th->source = htons(source);
	th->dest = htons(dest);
	th->doff = 5;
	th->syn = 1;
	return th;
}

static struct udphdr *vho_test_udp(struct sk_buff *skb, u16 source, u16 dest)
{
	struct udphdr *uh = skb_put_zero(skb, sizeof(*uh));

	uh->source = htons(source);
	uh->dest = htons(dest);
	return uh;
}

/* Checks that @skb passes, or does not and is counted; frees it. */
static void vho_test_passes(struct vho_fake *f, struct sk_buff *skb, bool rx, bool want)
{
	u64 before = vho_fake_stat(f, VHO_STAT_drop_spoofed) + vho_fake_stat(f, VHO_STAT_drop_policy);
	bool got = rx ? vho_guard_rx(f->port, skb) : vho_guard_tx(f->port, skb);
	u64 now = vho_fake_stat(f, VHO_STAT_drop_spoofed) + vho_fake_stat(f, VHO_STAT_drop_policy);

	KUNIT_EXPECT_EQ(f->test, got, want);
	KUNIT_EXPECT_EQ(f->test, now - before, !want);
	kfree_skb(skb);
}

#define PASSES(f, skb)	vho_test_passes(f, skb, false, true)
#define DROPPED(f, skb)	vho_test_passes(f, skb, false, false)

static struct sk_buff *vho_test_udp_frame(struct vho_fake *f, u32 saddr, u32 daddr, u16 source, u16 dest)
{
	struct sk_buff *skb = vho_test_frame(f, ETH_P_IP);

	vho_test_ip(skb, IPPROTO_UDP, saddr, daddr, sizeof(struct udphdr));
	vho_test_udp(skb, source, dest);
	return skb;
}

static void vho_guard__ipv4_source(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct sk_buff *skb;

	PASSES(f, vho_test_udp_frame(f, VHO_FAKE_GUEST, VHO_FAKE_PEER, 1, 2));
	DROPPED(f, vho_test_udp_frame(f, VHO_TEST_OTHER, VHO_FAKE_PEER, 1, 2));
	DROPPED(f, vho_test_udp_frame(f, 0, VHO_FAKE_PEER, 1, 2));
	DROPPED(f, vho_test_udp_frame(f, 0, VHO_FAKE_PEER, 68, 67));
	DROPPED(f, vho_test_udp_frame(f, 0, INADDR_BROADCAST, 68, 69));
	PASSES(f, vho_test_udp_frame(f, 0, INADDR_BROADCAST, 68, 67));

	skb = vho_test_udp_frame(f, VHO_FAKE_GUEST, VHO_FAKE_PEER, 1, 2);
	((struct ethhdr *)skb->data)->h_source[5] ^= 1;
	DROPPED(f, skb);
	skb = vho_test_udp_frame(f, VHO_FAKE_GUEST, VHO_FAKE_PEER, 1, 2);
	((struct iphdr *)(skb->data + ETH_HLEN))->version = 6;
	DROPPED(f, skb);
	skb = vho_test_frame(f, ETH_P_IP);
	skb_put_zero(skb, 19);
	DROPPED(f, skb);
	/* Nobody could tell who sent it. */
	DROPPED(f, vho_test_frame(f, ETH_P_MPLS_UC));
	skb = vho_test_frame(f, 100);
	skb_put_zero(skb, 100);
	DROPPED(f, skb);
}

static void vho_guard__vlan(struct kunit *test)
{
	static const u8 one[4] = { 0, 5, 8, 0 };
	static const u8 two[8] = { 0, 5, 0x81, 0, 0, 6, 8, 0 };
	static const u8 three[12] = { 0, 5, 0x81, 0, 0, 6, 0x81, 0, 0, 7, 8, 0 };
	static const struct {
		const u8 *tags;
		unsigned int len;
		bool readable;
	} cases[] = { { one, 4, true }, { two, 8, true }, { three, 12, false }, { one, 3, false } };
	struct vho_fake *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sk_buff *skb = vho_test_frame(f, ETH_P_8021Q);

		skb_put_data(skb, cases[i].tags, cases[i].len);
		if (cases[i].readable)
			vho_test_ip(skb, IPPROTO_UDP, VHO_FAKE_GUEST, 1, 0);
		vho_test_passes(f, skb, false, cases[i].readable);
		skb = vho_test_frame(f, ETH_P_8021Q);
		skb_put_data(skb, cases[i].tags, cases[i].len);
		vho_test_ip(skb, IPPROTO_UDP, VHO_TEST_OTHER, 1, 0);
		DROPPED(f, skb);
	}
}

static struct sk_buff *vho_test_arp(struct vho_fake *f, const u8 *sha, u32 sip)
{
	struct sk_buff *skb = vho_test_frame(f, ETH_P_ARP);
	struct arphdr *arp = skb_put_zero(skb, sizeof(*arp));
	__be32 ip = htonl(sip);

	arp->ar_hrd = htons(ARPHRD_ETHER);
	arp->ar_pro = htons(ETH_P_IP);
	arp->ar_hln = ETH_ALEN;
	arp->ar_pln = 4;
	arp->ar_op = htons(ARPOP_REPLY);
	skb_put_data(skb, sha, ETH_ALEN);
	skb_put_data(skb, &ip, 4);
	skb_put_zero(skb, 10);
	return skb;
}

static void vho_guard__arp(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	const u8 *own = f->port->mac;
	u8 other[ETH_ALEN];
	struct sk_buff *skb;

	eth_random_addr(other);
	PASSES(f, vho_test_arp(f, own, VHO_FAKE_GUEST));
	PASSES(f, vho_test_arp(f, own, 0));
	DROPPED(f, vho_test_arp(f, own, VHO_TEST_OTHER));
	DROPPED(f, vho_test_arp(f, other, VHO_FAKE_GUEST));
	DROPPED(f, vho_test_arp(f, other, 0));
	skb = vho_test_arp(f, own, VHO_FAKE_GUEST);
	((struct arphdr *)(skb->data + ETH_HLEN))->ar_hln = 8;
	DROPPED(f, skb);
	skb = vho_test_arp(f, own, VHO_FAKE_GUEST);
	skb_trim(skb, ETH_HLEN + 17);
	DROPPED(f, skb);
}

/* @target: NULL: none */
static struct sk_buff *vho_test_icmp6(struct vho_fake *f, const struct in6_addr *saddr, u8 type,
				      const struct in6_addr *target)
{
	u16 payload = sizeof(struct icmp6hdr) + (target ? sizeof(*target) : 0);
	struct sk_buff *skb = vho_test_frame(f, ETH_P_IPV6);
	struct icmp6hdr *icmp6;

	vho_test_ip6(skb, IPPROTO_ICMPV6, saddr, payload);
	icmp6 = skb_put_zero(skb, sizeof(*icmp6));
	icmp6->icmp6_type = type;
	if (target)
		skb_put_data(skb, target, sizeof(*target));
	return skb;
}

static void vho_guard__ipv6(struct kunit *test)
{
	const struct in6_addr *own = &vho_test_own6, *other = &vho_test_other6, *any = &vho_test_any6;
	struct in6_addr local = { .s6_addr = { 0xfe, 0x80 } };
	struct vho_fake *f = test->priv;
	const u8 *mac = f->port->mac;
	struct in6_addr mapped = vho_fake_addr(VHO_FAKE_GUEST);

	PASSES(f, vho_test_icmp6(f, own, ICMPV6_ECHO_REQUEST, NULL));
	DROPPED(f, vho_test_icmp6(f, other, ICMPV6_ECHO_REQUEST, NULL));
	DROPPED(f, vho_test_icmp6(f, any, ICMPV6_ECHO_REQUEST, NULL));
	DROPPED(f, vho_test_icmp6(f, &mapped, ICMPV6_ECHO_REQUEST, NULL));
	/* Link-local: the one that the MAC address makes. */
	DROPPED(f, vho_test_icmp6(f, &local, ICMPV6_ECHO_REQUEST, NULL));
	local.s6_addr[8] = mac[0] ^ 2;
	local.s6_addr[9] = mac[1];
	local.s6_addr[10] = mac[2];
	local.s6_addr[11] = 0xff;
	local.s6_addr[12] = 0xfe;
	memcpy(&local.s6_addr[13], &mac[3], 3);
	PASSES(f, vho_test_icmp6(f, &local, ICMPV6_ECHO_REQUEST, NULL));
	/* Duplicate address detection, neighbour discovery. */
	PASSES(f, vho_test_icmp6(f, any, 135, own));
	PASSES(f, vho_test_icmp6(f, any, 135, &local));
	DROPPED(f, vho_test_icmp6(f, any, 135, other));
	DROPPED(f, vho_test_icmp6(f, any, 135, NULL));
	PASSES(f, vho_test_icmp6(f, own, 135, other));
	PASSES(f, vho_test_icmp6(f, own, 136, own));
	PASSES(f, vho_test_icmp6(f, own, 136, &local));
	DROPPED(f, vho_test_icmp6(f, own, 136, other));
	PASSES(f, vho_test_icmp6(f, any, 133, NULL));
	PASSES(f, vho_test_icmp6(f, any, ICMPV6_MLD2_REPORT, NULL));
	DROPPED(f, vho_test_icmp6(f, any, 134, NULL));
}

static struct sk_buff *vho_test_syn(struct vho_fake *f, u16 source, u16 dest)
{
	struct sk_buff *skb = vho_test_frame(f, ETH_P_IP);

	vho_test_ip(skb, IPPROTO_TCP, VHO_TEST_OTHER, VHO_FAKE_PEER, sizeof(struct tcphdr));
	vho_test_tcp(skb, source, dest);
	return skb;
}

static void vho_guard__rules(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct sk_buff *skb;

	vho_test_deny_ssh(f);
	DROPPED(f, vho_test_syn(f, 1000, 22));
	PASSES(f, vho_test_syn(f, 22, 1000));
	vho_test_passes(f, vho_test_syn(f, 1000, 22), true, false);
	vho_test_passes(f, vho_test_syn(f, 22, 1000), true, true);
	/* The answer to a SYN, and all that comes after it. */
	skb = vho_test_syn(f, 1000, 22);
	((struct tcphdr *)(skb->data + ETH_HLEN + sizeof(struct iphdr)))->ack = 1;
	PASSES(f, skb);
	/* Sources are not fixed. */
	PASSES(f, vho_test_frame(f, ETH_P_MPLS_UC));
	PASSES(f, vho_test_udp_frame(f, VHO_TEST_OTHER, 1, 2, 22));

	skb = vho_test_frame(f, ETH_P_IPV6);
	vho_test_ip6(skb, IPPROTO_TCP, &vho_test_other6, sizeof(struct tcphdr));
	vho_test_tcp(skb, 1000, 22);
	DROPPED(f, skb);
	/* Behind a header of hop-by-hop options. */
	skb = vho_test_frame(f, ETH_P_IPV6);
	vho_test_ip6(skb, 0, &vho_test_other6, 8 + sizeof(struct tcphdr));
	((u8 *)skb_put_zero(skb, 8))[0] = IPPROTO_TCP;
	vho_test_tcp(skb, 1000, 22);
	DROPPED(f, skb);
}

/* A SYN in pieces. */
static void vho_guard__fragments(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct sk_buff *skb;

	vho_test_deny_ssh(f);
	/* The first one is too short, though padding follows that looks like flags. */
	skb = vho_test_syn(f, 1000, 23);
	((struct iphdr *)(skb->data + ETH_HLEN))->tot_len = htons(sizeof(struct iphdr) + 8);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(0x2000);
	DROPPED(f, skb);
	/* The second one begins in the middle of the header. */
	skb = vho_test_syn(f, 1000, 23);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(1);
	DROPPED(f, skb);
	skb = vho_test_syn(f, 1000, 22);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(0x2000);
	DROPPED(f, skb);
	/* What comes behind it. */
	skb = vho_test_syn(f, 1000, 22);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(100);
	PASSES(f, skb);
	skb = vho_test_frame(f, ETH_P_IPV6);
	vho_test_ip6(skb, IPPROTO_TCP, &vho_test_other6, 8);
	vho_test_tcp(skb, 1000, 23);
	DROPPED(f, skb);
}

/* Whatever a guest writes: no access beyond the frame, and each is counted once at most. */
static void vho_guard__random(struct kunit *test)
{
	static const u16 protos[] = { ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, ETH_P_8021Q };
	struct vho_fake *f = test->priv;
	unsigned int i, passed = 0;

	for (i = 0; i < 20000; i++) {
		struct sk_buff *skb = vho_test_frame(f, protos[i % 4]);
		unsigned int len = get_random_u32_below(120);
		u64 dropped = vho_fake_stat(f, VHO_STAT_drop_spoofed) +
			      vho_fake_stat(f, VHO_STAT_drop_policy);
		u8 *bytes;
		bool pass;

		bytes = skb_put(skb, len);
		get_random_bytes(bytes, len);
		if (len > 20 && i % 4 < 2) {
			bytes[0] = i % 4 ? 0x60 : 0x45;
			if (i % 3)
				bytes[i % 4 ? 6 : 9] = IPPROTO_TCP;
		}
		if (i == 10000)
			vho_test_deny_ssh(f);
		pass = i & 8 ? vho_guard_rx(f->port, skb) : vho_guard_tx(f->port, skb);
		dropped = vho_fake_stat(f, VHO_STAT_drop_spoofed) +
			  vho_fake_stat(f, VHO_STAT_drop_policy) - dropped;
		KUNIT_ASSERT_EQ(test, dropped, !pass);
		passed += pass;
		kfree_skb(skb);
	}
	KUNIT_EXPECT_GT(test, passed, 0);
	KUNIT_EXPECT_LT(test, passed, 20000);
}

static struct kunit_case vho_guard_test_cases[] = {
	KUNIT_CASE(vho_guard__ipv4_source),
	KUNIT_CASE(vho_guard__vlan),
	KUNIT_CASE(vho_guard__arp),
	KUNIT_CASE(vho_guard__ipv6),
	KUNIT_CASE(vho_guard__rules),
	KUNIT_CASE(vho_guard__fragments),
	KUNIT_CASE(vho_guard__random),
	{}
};

static struct kunit_suite vho_guard_test_suite = {
	.name = "virtuoso_guard",
	.init = vho_guard_test_init,
	.exit = vho_guard_test_exit,
	.test_cases = vho_guard_test_cases,
};

kunit_test_suite(vho_guard_test_suite);
