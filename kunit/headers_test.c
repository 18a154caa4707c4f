// SPDX-License-Identifier: GPL-2.0
/*
 * Headers in front of TCP: good stacks, hostile ones.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/inet_ecn.h>
#include <net/ip.h>

#include "headers_make.h"

struct vho_headers_case {
	const char *name;
	const char *stack;	/* headers_make.h */
	int err;
	u8 tunnel;
	u8 flags;
};

static const struct vho_headers_case vho_headers_cases[] = {
	{ .name = "plain", .stack = "E4T" },
	{ .name = "plain, IPv6", .stack = "E6T" },
	{ .name = "VLAN", .stack = "EV4T" },
	{ .name = "QinQ", .stack = "EVV6T" },
	{ .name = "VXLAN", .stack = "E4UXE4T", .tunnel = VHO_LAYER_VXLAN },
	{ .name = "VXLAN with checksum", .stack = "E4uXE4T", .tunnel = VHO_LAYER_VXLAN,
	  .flags = VHO_HEADERS_UDP_CSUM },
	{ .name = "VXLAN over IPv6 over VLAN", .stack = "EV6uXE4T", .tunnel = VHO_LAYER_VXLAN,
	  .flags = VHO_HEADERS_UDP_CSUM },
	{ .name = "VLAN in VXLAN", .stack = "E4UXEV4T", .tunnel = VHO_LAYER_VXLAN },
	{ .name = "QinQ in VXLAN over QinQ, IPv6", .stack = "EVV6UXEVV6T", .tunnel = VHO_LAYER_VXLAN },
	{ .name = "Geneve", .stack = "E4UGE4T", .tunnel = VHO_LAYER_GENEVE },
	{ .name = "Geneve with options", .stack = "E4UgE6T", .tunnel = VHO_LAYER_GENEVE },
	{ .name = "Geneve with options, IP in it", .stack = "E6Ug4T", .tunnel = VHO_LAYER_GENEVE },
	{ .name = "GRE", .stack = "E4R4T", .tunnel = VHO_LAYER_GRE },
	{ .name = "GRE, IPv6 in it", .stack = "E4R6T", .tunnel = VHO_LAYER_GRE },
	{ .name = "gretap", .stack = "E4RE4T", .tunnel = VHO_LAYER_GRE },
	{ .name = "gretap with checksum", .stack = "E4CE4T", .tunnel = VHO_LAYER_GRE,
	  .flags = VHO_HEADERS_GRE_CSUM },
	{ .name = "gretap with key over IPv6", .stack = "E6KE4T", .tunnel = VHO_LAYER_GRE,
	  .flags = VHO_HEADERS_GRE_KEY },
	{ .name = "gretap over IPv6, encapsulation limit", .stack = "E6DKE4T", .tunnel = VHO_LAYER_GRE,
	  .flags = VHO_HEADERS_GRE_KEY },
	{ .name = "gretap with all", .stack = "E4AE4T", .tunnel = VHO_LAYER_GRE,
	  .flags = VHO_HEADERS_GRE_CSUM | VHO_HEADERS_GRE_KEY },
	{ .name = "gretap with sequence numbers", .stack = "E4SE4T", .tunnel = VHO_LAYER_GRE,
	  .flags = VHO_HEADERS_GRE_SEQ },
	{ .name = "three tags", .stack = "EVVV4T", .err = -EOPNOTSUPP },
	{ .name = "three tags in a tunnel", .stack = "E4UXEVVV4T", .err = -EOPNOTSUPP },
	{ .name = "a tunnel in a tunnel", .stack = "E4UXE4UXE4T", .err = -ENOMSG },
	{ .name = "UDP", .stack = "E4U", .err = -ENOMSG },
	{ .name = "UDP in a tunnel", .stack = "E4UXE4U", .err = -ENOMSG },
	{ .name = "IPv4 options", .stack = "Eo4T", .err = -EOPNOTSUPP },
	{ .name = "IPv4 options in a tunnel", .stack = "E4UXEo4T", .err = -EOPNOTSUPP },
	{ .name = "first fragment", .stack = "Em4T", .err = -EOPNOTSUPP },
	{ .name = "last fragment", .stack = "Ef4T", .err = -EOPNOTSUPP },
	{ .name = "fragment of a tunnel", .stack = "Em4UXE4T", .err = -EOPNOTSUPP },
	{ .name = "fragment in a tunnel", .stack = "E4UXEf4T", .err = -EOPNOTSUPP },
	{ .name = "IPv6 extension header", .stack = "Eo6T", .err = -EOPNOTSUPP },
	{ .name = "IPv6 fragment", .stack = "Ef6T", .err = -EOPNOTSUPP },
	{ .name = "nothing that is IP", .stack = "E", .err = -ENOMSG },
};

static void vho_headers_case_name(const struct vho_headers_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vho_headers, vho_headers_cases, vho_headers_case_name);

/* In memory of just this size, so that a checker sees who reads over the end. */
static int vho_headers_test_parse(struct kunit *test, const u8 *data, u32 linear, u32 len,
				  struct vho_headers *h)
{
	u8 *copy = kmalloc(max(linear, 1U), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	memcpy(copy, data, linear);
	err = vho_headers_parse(copy, linear, len, h);
	kfree(copy);
	return err;
}

static void vho_headers_parse__stacks(struct kunit *test)
{
	const struct vho_headers_case *c = test->param_value;
	struct vho_headers_make *m = vho_headers_make(test, c->stack, 100);
	struct vho_headers h;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, c->err, vho_headers_test_parse(test, m->bytes, m->len, m->len, &h));
	if (c->err)
		return;
	KUNIT_EXPECT_EQ(test, h.tunnel, c->tunnel);
	KUNIT_EXPECT_EQ(test, h.flags, c->flags);
	KUNIT_EXPECT_EQ(test, h.len, m->len);
	KUNIT_EXPECT_EQ(test, h.inner_ip, m->ip[m->nr_ip - 1]);
	KUNIT_EXPECT_EQ(test, h.outer_ip, m->ip[0]);
	KUNIT_EXPECT_EQ(test, h.outer_l4, m->l4[0]);
	KUNIT_EXPECT_EQ(test, h.inner_eth, m->nr_eth > 1 ? m->eth[1] : 0);
	KUNIT_EXPECT_EQ(test, h.tcp, m->l4[m->nr_ip - 1]);
	KUNIT_EXPECT_EQ(test, h.tcp_len, 32);
	KUNIT_ASSERT_EQ(test, h.nr, m->nr);
	for (i = 0; i < m->nr; i++) {
		KUNIT_EXPECT_EQ(test, h.layer[i].kind, m->layer[i].kind);
		KUNIT_EXPECT_EQ(test, h.layer[i].off, m->layer[i].off);
	}
}

/* Padding behind the packet is no part of it. */
static void vho_headers_parse__padding(struct kunit *test)
{
	const struct vho_headers_case *c = test->param_value;
	struct vho_headers_make *m = vho_headers_make(test, c->stack, 3);
	struct vho_headers h;

	if (c->err)
		return;
	KUNIT_EXPECT_EQ(test, 0, vho_headers_parse(m->bytes, m->len + 9, m->len + 9, &h));
	KUNIT_EXPECT_EQ(test, h.len, m->len);
}

/* What is not linear is asked for; what is not there is refused. */
static void vho_headers_parse__short(struct kunit *test)
{
	const struct vho_headers_case *c = test->param_value;
	struct vho_headers_make *m = vho_headers_make(test, c->stack, 100);
	struct vho_headers h;
	unsigned int needed, n;
	int err;

	if (c->err)
		return;
	needed = m->l4[m->nr_ip - 1] + 32;
	for (n = 0; n < m->len; n++) {
		err = vho_headers_test_parse(test, m->bytes, n, m->len, &h);
		KUNIT_EXPECT_EQ_MSG(test, err, n < needed ? -EAGAIN : 0, "%u bytes linear", n);
		err = vho_headers_test_parse(test, m->bytes, n, n, &h);
		KUNIT_EXPECT_TRUE_MSG(test, err == -EINVAL || err == -ENOMSG, "%u bytes: %d", n, err);
	}
}

/* Whatever the bytes are, the answer is a stack that lies within them, or none. */
static void vho_headers_parse__random(struct kunit *test)
{
	const struct vho_headers_case *c = test->param_value;
	struct vho_headers_make *m = vho_headers_make(test, c->stack, 20);
	struct rnd_state rnd;
	struct vho_headers h;
	unsigned int n, i;
	u8 *bytes = kunit_kzalloc(test, m->len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	prandom_seed_state(&rnd, 4711);
	for (n = 0; n < 3000; n++) {
		u32 linear = m->len - (n % 3 ? 0 : prandom_u32_state(&rnd) % m->len);

		memcpy(bytes, m->bytes, m->len);
		for (i = prandom_u32_state(&rnd) % 4; i < 4; i++)
			bytes[prandom_u32_state(&rnd) % m->len] = prandom_u32_state(&rnd);
		if (vho_headers_test_parse(test, bytes, linear, m->len, &h))
			continue;
		KUNIT_ASSERT_LE(test, h.nr, VHO_HEADERS_MAX_LAYERS);
		KUNIT_ASSERT_LE(test, h.tcp, VHO_HEADERS_MAX_BYTES);
		KUNIT_ASSERT_LE(test, h.tcp + h.tcp_len, linear);
		KUNIT_ASSERT_LE(test, h.tcp + h.tcp_len, h.len);
		KUNIT_ASSERT_LE(test, h.len, m->len);
		KUNIT_ASSERT_LT(test, h.inner_ip, h.tcp);
		KUNIT_ASSERT_EQ(test, h.layer[h.nr - 1].kind, VHO_LAYER_TCP);
	}
}

/* Lengths that do not fit into each other. */
static void vho_headers_parse__lengths(struct kunit *test)
{
	static const s8 lies[] = { -40, -1, 1, 40 };
	struct vho_headers_make *m = vho_headers_make(test, "E4UXE4T", 10);
	struct iphdr *inner = (struct iphdr *)(m->bytes + m->ip[1]);
	struct iphdr *outer = (struct iphdr *)(m->bytes + m->ip[0]);
	struct udphdr *uh = (struct udphdr *)(m->bytes + m->l4[0]);
	__be16 *fields[] = { &outer->tot_len, &uh->len, &inner->tot_len };
	struct tcphdr *th = (struct tcphdr *)(m->bytes + m->l4[1]);
	struct vho_headers h;
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		for (n = 0; n < ARRAY_SIZE(lies); n++) {
			__be16 truth = *fields[i];
			/* Less than all of a frame: the rest is padding. */
			bool padding = fields[i] == &inner->tot_len && lies[n] == -1;

			*fields[i] = htons(ntohs(truth) + lies[n]);
			KUNIT_EXPECT_EQ_MSG(test, vho_headers_parse(m->bytes, m->len, m->len, &h),
					    padding ? 0 : -EINVAL, "field %u, %d", i, lies[n]);
			*fields[i] = 0;
			KUNIT_EXPECT_EQ(test, -EINVAL,
					vho_headers_parse(m->bytes, m->len, m->len, &h));
			*fields[i] = truth;
		}
	}
	th->doff = 4;
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_headers_parse(m->bytes, m->len, m->len, &h));
	th->doff = 15;
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_headers_parse(m->bytes, m->len, m->len, &h));
}

/* A GSO packet above 64 KiB has lengths of zero. */
static void vho_headers_parse__big(struct kunit *test)
{
	struct vho_headers_make *m = vho_headers_make(test, "E4UXE4T", 10);
	struct vho_headers h;

	((struct iphdr *)(m->bytes + m->ip[0]))->tot_len = 0;
	((struct iphdr *)(m->bytes + m->ip[1]))->tot_len = 0;
	((struct udphdr *)(m->bytes + m->l4[0]))->len = 0;
	KUNIT_EXPECT_EQ(test, 0, vho_headers_parse(m->bytes, m->len, 100000, &h));
	KUNIT_EXPECT_EQ(test, h.len, 100000);
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_headers_parse(m->bytes, m->len, 65535, &h));
}

/* What is no header of a tunnel that we know. */
static void vho_headers_parse__tunnels(struct kunit *test)
{
	struct vho_headers_make *vxlan = vho_headers_make(test, "E4UXE4T", 10);
	struct vho_headers_make *geneve = vho_headers_make(test, "E4UGE4T", 10);
	struct vho_headers_make *gre = vho_headers_make(test, "E4RE4T", 10);
	static const struct { u8 off, value; } vxlan_lies[] = {
		{ 0, 0x00 }, { 0, 0x88 }, { 0, 0x0c }, { 1, 1 }, { 3, 1 }, { 7, 1 },
	}, geneve_lies[] = {
		{ 0, 0x40 }, { 1, 0x80 }, { 2, 0x12 },
	}, gre_lies[] = {
		{ 0, 0x40 }, { 0, 0x08 }, { 1, 0x01 }, { 1, 0x80 }, { 2, 0x12 },
	};
	struct vho_headers h;
	unsigned int i;

#define CHECK(m, lies)									\
	do {										\
		for (i = 0; i < ARRAY_SIZE(lies); i++) {				\
			u8 *p = (m)->bytes + (m)->l4[0] + ((m) == gre ? 0 : 8);		\
			u8 truth = p[lies[i].off];					\
											\
			p[lies[i].off] = lies[i].value;					\
			KUNIT_EXPECT_EQ_MSG(test, -ENOMSG,				\
				vho_headers_parse((m)->bytes, (m)->len, (m)->len, &h),	\
				#lies " %u", i);					\
			p[lies[i].off] = truth;						\
		}									\
	} while (0)

	CHECK(vxlan, vxlan_lies);
	CHECK(geneve, geneve_lies);
	CHECK(gre, gre_lies);
#undef CHECK
}

/* Options of Geneve, up to their longest. */
static void vho_headers_parse__geneve_options(struct kunit *test)
{
	struct vho_headers_make *m = vho_headers_make(test, "E4UGE4T", 300);
	unsigned int off = m->l4[0] + 8, words;
	struct vho_headers h;
	u8 *bytes = kunit_kzalloc(test, m->len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	for (words = 0; words < 64; words++) {
		/* The frame moves back by the options; the end is cut off. */
		memcpy(bytes, m->bytes, off + 8);
		memcpy(bytes + off + 8 + words * 4, m->bytes + off + 8, m->len - off - 8 - words * 4);
		bytes[off] = words;
		((struct iphdr *)(bytes + off + 8 + words * 4 + ETH_HLEN))->tot_len =
			htons(m->len - off - 8 - words * 4 - ETH_HLEN);
		KUNIT_EXPECT_EQ_MSG(test, vho_headers_parse(bytes, m->len, m->len, &h),
				    m->l4[1] + words * 4 <= VHO_HEADERS_MAX_BYTES ? 0 : -EOPNOTSUPP,
				    "%u words", words);
	}
}

/* ---- what is compared ---- */

static bool vho_headers_test_same(const struct vho_headers_make *m, const u8 *mask, unsigned int len,
				  const u8 *other)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		if ((m->bytes[i] ^ other[i]) & mask[i])
			return false;
	return true;
}

/* Bits that may differ are ignored, any other counts. */
static void vho_headers_mask__stacks(struct kunit *test)
{
	const struct vho_headers_case *c = test->param_value;
	struct vho_headers_make *m = vho_headers_make(test, c->stack, 3), *other;
	u8 mask[VHO_HEADERS_MAX_BYTES];
	struct vho_headers h;
	unsigned int bit, ignored = 0;

	if (vho_headers_parse(m->bytes, m->len, m->len, &h))
		return;
	vho_headers_mask(m->bytes, &h, mask);
	other = vho_headers_make(test, c->stack, 1000);
	vho_headers_make_vary(other);
	KUNIT_EXPECT_TRUE(test, vho_headers_test_same(m, mask, h.tcp, other->bytes));
	for (bit = 0; bit < h.tcp * 8; bit++) {
		other->bytes[bit / 8] ^= 1 << bit % 8;
		ignored += vho_headers_test_same(m, mask, h.tcp, other->bytes);
		other->bytes[bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ(test, ignored, other->varies);
}

static void vho_headers_csum_ok__stacks(struct kunit *test)
{
	const struct vho_headers_case *c = test->param_value;
	struct vho_headers_make *m = vho_headers_make(test, c->stack, 3);
	struct vho_headers h;
	unsigned int i;

	if (vho_headers_parse(m->bytes, m->len, m->len, &h))
		return;
	KUNIT_EXPECT_TRUE(test, vho_headers_csum_ok(m->bytes, &h, true));
	for (i = 0; i < m->nr_ip; i++) {
		bool v4 = m->bytes[m->ip[i]] >> 4 == 4, last = i == m->nr_ip - 1;

		m->bytes[m->ip[i] + 8] ^= 1;
		KUNIT_EXPECT_EQ(test, vho_headers_csum_ok(m->bytes, &h, true), !v4);
		KUNIT_EXPECT_EQ(test, vho_headers_csum_ok(m->bytes, &h, false), !v4 || last);
		m->bytes[m->ip[i] + 8] ^= 1;
	}
}

static void vho_headers_addrs__both_families(struct kunit *test)
{
	struct vho_headers_make *v4 = vho_headers_make(test, "E6UXE4T", 3);
	struct vho_headers_make *v6 = vho_headers_make(test, "E4UXE6T", 3);
	struct in6_addr saddr, daddr, want;
	struct vho_headers h;

	KUNIT_ASSERT_EQ(test, 0, vho_headers_parse(v4->bytes, v4->len, v4->len, &h));
	vho_headers_addrs(v4->bytes, &h, &saddr, &daddr);
	ipv6_addr_set_v4mapped(htonl(VHO_MAKE_SADDR + 1), &want);
	KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&saddr, &want));
	ipv6_addr_set_v4mapped(htonl(VHO_MAKE_DADDR + 1), &want);
	KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&daddr, &want));
	KUNIT_ASSERT_EQ(test, 0, vho_headers_parse(v6->bytes, v6->len, v6->len, &h));
	vho_headers_addrs(v6->bytes, &h, &saddr, &daddr);
	KUNIT_EXPECT_EQ(test, saddr.s6_addr[0], 0xfd);
	KUNIT_EXPECT_EQ(test, ntohl(saddr.s6_addr32[3]), VHO_MAKE_SADDR + 1);
	KUNIT_EXPECT_EQ(test, ntohl(daddr.s6_addr32[3]), VHO_MAKE_DADDR + 1);
}

/* The table of RFC 6040, section 4.2. */
static void vho_headers_ecn_decap__rfc6040(struct kunit *test)
{
	enum { NOT = INET_ECN_NOT_ECT, E0 = INET_ECN_ECT_0, E1 = INET_ECN_ECT_1, CE = INET_ECN_CE };
	static const struct { u8 inner, outer; s8 want; } table[] = {
		{ NOT, NOT, NOT }, { NOT, E0, NOT }, { NOT, E1, NOT }, { NOT, CE, -1 },
		{ E0, NOT, E0 }, { E0, E0, E0 }, { E0, E1, E1 }, { E0, CE, CE },
		{ E1, NOT, E1 }, { E1, E0, E1 }, { E1, E1, E1 }, { E1, CE, CE },
		{ CE, NOT, CE }, { CE, E0, CE }, { CE, E1, CE }, { CE, CE, CE },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		int got = vho_headers_ecn_decap(table[i].outer, table[i].inner);

		KUNIT_EXPECT_EQ_MSG(test, got < 0 ? -1 : got, table[i].want, "row %u", i);
	}
}

static void vho_headers_ecn__both_families(struct kunit *test)
{
	u8 v4[20] = { 0x45, 0xb8 | INET_ECN_ECT_0 };
	u8 v6[40] = { 0x6b, 0x80 | INET_ECN_CE << 4 | 0xf };

	KUNIT_EXPECT_EQ(test, vho_headers_ecn(v4), INET_ECN_ECT_0);
	KUNIT_EXPECT_EQ(test, vho_headers_ecn(v6), INET_ECN_CE);
}

static struct kunit_case vho_headers_test_cases[] = {
	KUNIT_CASE_PARAM(vho_headers_parse__stacks, vho_headers_gen_params),
	KUNIT_CASE_PARAM(vho_headers_parse__padding, vho_headers_gen_params),
	KUNIT_CASE_PARAM(vho_headers_parse__short, vho_headers_gen_params),
	KUNIT_CASE_PARAM(vho_headers_parse__random, vho_headers_gen_params),
	KUNIT_CASE(vho_headers_parse__lengths),
	KUNIT_CASE(vho_headers_parse__big),
	KUNIT_CASE(vho_headers_parse__tunnels),
	KUNIT_CASE(vho_headers_parse__geneve_options),
	KUNIT_CASE_PARAM(vho_headers_mask__stacks, vho_headers_gen_params),
	KUNIT_CASE_PARAM(vho_headers_csum_ok__stacks, vho_headers_gen_params),
	KUNIT_CASE(vho_headers_addrs__both_families),
	KUNIT_CASE(vho_headers_ecn_decap__rfc6040),
	KUNIT_CASE(vho_headers_ecn__both_families),
	{ }
};

static struct kunit_suite vho_headers_suite = {
	.name = "virtuoso_headers",
	.test_cases = vho_headers_test_cases,
};
kunit_test_suite(vho_headers_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: headers in front of TCP");
MODULE_LICENSE("GPL");
