// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving by a path: what is learned, what is taken, and above all what is not.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/udp.h>
#include <net/ip.h>

#include "../host/packet.h"
#include "../host/path.h"
#include "headers_make.h"
#include "host_fake.h"
#include "path_rx_fake.h"

struct vho_rx_case {
	const char *stack;
};

static const struct vho_rx_case vho_rx_cases[] = {
	{ "E4T" }, { "EV4T" }, { "EVV4T" }, { "E4UXE4T" }, { "E4uXEV4T" }, { "EV6uXE4T" }, { "E4UGE4T" },
	{ "E6uG4T" }, { "E4UgE4T" }, { "E4RE4T" }, { "E4CE4T" }, { "E6AE4T" }, { "E4R4T" }, { "E6DKE4T" },
};

static void vho_rx_case_name(const struct vho_rx_case *c, char *desc)
{
	strscpy(desc, c->stack, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vho_rx, vho_rx_cases, vho_rx_case_name);

/* The packet as the port's core gets it. */
static void vho_rx_ingress__takes(struct kunit *test)
{
	const struct vho_rx_case *c = test->param_value;
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct vho_headers_make *m;
	struct vho_packet *pkt;
	struct sk_buff *skb;
	unsigned int i;

	vho_rx_test_start(test, c->stack);
	m = vho_rx_test_later(test, c->stack, 333);
	vho_headers_make_vary(m);
	/* ECN is looked at elsewhere. */
	((struct iphdr *)(m->bytes + m->ip[m->nr_ip - 1]))->tos = 0xb8;
	ip_send_check(vho_rx_test_ip(m, m->nr_ip - 1));
	if (m->bytes[m->ip[0]] >> 4 == 4) {
		vho_rx_test_ip(m, 0)->tos = 0xb8;
		ip_send_check(vho_rx_test_ip(m, 0));
	} else {
		m->bytes[m->ip[0] + 1] &= ~0x30;
	}
	KUNIT_ASSERT_EQ(test, NF_STOLEN, vho_rx_test_hook(vho_rx_test_skb(test, m)));
	skb = __ptr_ring_peek(&t->f->group->rxq);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	pkt = vho_packet(skb);
	KUNIT_EXPECT_PTR_EQ(test, pkt->flow, t->flow);
	KUNIT_EXPECT_EQ(test, pkt->tcp_off, ETH_HLEN + sizeof(struct iphdr));
	KUNIT_EXPECT_EQ(test, pkt->hdr_len, 32);
	KUNIT_EXPECT_EQ(test, pkt->len, 333);
	KUNIT_EXPECT_FALSE(test, pkt->icmp);
	KUNIT_EXPECT_FALSE(test, skb_vlan_tag_present(skb));
	KUNIT_EXPECT_EQ(test, 0x45, skb->data[ETH_HLEN]);
	for (i = 0; i < 333; i++)
		KUNIT_ASSERT_EQ(test, skb->data[pkt->tcp_off + 32 + i], (u8)i);
	KUNIT_EXPECT_PTR_EQ(test, t->flow, vho_rx_test_queued(t->f));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(t->f, VHO_STAT_path_rx_segs), 1);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(t->f, VHO_STAT_path_rx_bytes), 333);
	KUNIT_EXPECT_EQ(test, t->track.rx.hits, 1);
}

/* Whatever bit of the headers is another one, the packet is the switch's. */
static void vho_rx_ingress__every_bit(struct kunit *test)
{
	const struct vho_rx_case *c = test->param_value;
	struct vho_headers_make *m = vho_rx_test_start(test, c->stack);
	u8 mask[VHO_HEADERS_MAX_BYTES];
	struct vho_headers h;
	unsigned int bit, i;

	KUNIT_ASSERT_EQ(test, 0, vho_headers_parse(m->bytes, m->len, m->len, &h));
	vho_headers_mask(m->bytes, &h, mask);
	for (bit = 0; bit < h.tcp * 8; bit++) {
		if (!(mask[bit / 8] & 1 << bit % 8))
			continue;
		m->bytes[bit / 8] ^= 1 << bit % 8;
		for (i = 0; i < m->nr_ip; i++)
			if (m->bytes[m->ip[i]] == 0x45)
				ip_send_check(vho_rx_test_ip(m, i));
		KUNIT_EXPECT_FALSE_MSG(test, vho_rx_test_takes(test, m), "byte %u, bit %u", bit / 8,
				       bit % 8);
		m->bytes[bit / 8] ^= 1 << bit % 8;
	}
	for (i = 0; i < m->nr_ip; i++)
		if (m->bytes[m->ip[i]] == 0x45)
			ip_send_check(vho_rx_test_ip(m, i));
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, m));
}

/* Whatever bytes are damaged, nothing bad happens, and checksums of headers are looked at. */
static void vho_rx_ingress__damage(struct kunit *test)
{
	const struct vho_rx_case *c = test->param_value;
	struct vho_headers_make *m = vho_rx_test_start(test, c->stack);
	unsigned int bit;

	for (bit = 0; bit < m->l4[m->nr_ip - 1] * 8; bit++) {
		m->bytes[bit / 8] ^= 1 << bit % 8;
		vho_rx_test_takes(test, m);
		m->bytes[bit / 8] ^= 1 << bit % 8;
	}
	vho_rx_test_ip(m, m->nr_ip - 1)->check ^= htons(1);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	vho_rx_test_ip(m, m->nr_ip - 1)->check ^= htons(1);
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, m));
}

/* Data of the packet need not be linear, and may be shared. */
static void vho_rx_ingress__any_skb(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4UXE4T");
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct sk_buff *skb, *clone;
	struct page *page;
	unsigned int n;

	for (n = 0; n <= m->l4[1] + 40; n++) {
		page = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, page);
		skb = vho_rx_test_skb(test, m);
		memcpy(page_address(page), skb->data + n, skb->len - n);
		skb_fill_page_desc(skb, 0, page, 0, skb->len - n);
		skb->data_len = skb->len - n;
		skb->truesize += PAGE_SIZE;
		skb->tail -= skb->data_len;
		KUNIT_EXPECT_TRUE_MSG(test, vho_rx_test_taken(skb), "%u bytes linear", n);
		KUNIT_EXPECT_PTR_EQ(test, t->flow, vho_rx_test_queued(t->f));
	}

	skb = vho_rx_test_skb(test, m);
	clone = skb_clone(skb, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, clone);
	KUNIT_EXPECT_TRUE(test, vho_rx_test_taken(skb));
	KUNIT_EXPECT_PTR_EQ(test, t->flow, vho_rx_test_queued(t->f));
	KUNIT_EXPECT_EQ(test, 0, memcmp(skb_mac_header(clone), m->bytes, m->len));
	kfree_skb(clone);

	/* Somebody else works with the very same. */
	skb = skb_get(vho_rx_test_skb(test, m));
	KUNIT_EXPECT_FALSE(test, vho_rx_test_taken(skb));
	kfree_skb(skb);
}

static void vho_rx_ingress__padding(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4T");
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct sk_buff *skb;

	m = vho_rx_test_later(test, "E4T", 1);
	m->len += 7;
	KUNIT_ASSERT_TRUE(test, vho_rx_test_taken(vho_rx_test_skb(test, m)));
	skb = __ptr_ring_peek(&t->f->group->rxq);
	KUNIT_EXPECT_EQ(test, vho_packet(skb)->len, 1);
	vho_rx_test_queued(t->f);
}

/* What goes with the packet, not in it. */
static void vho_rx_ingress__another_place(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4T");
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct net_device *other = alloc_etherdev(0);
	struct sk_buff *skb;

	KUNIT_ASSERT_NOT_NULL(test, other);
	other->ifindex = t->dev->ifindex;
	skb = vho_rx_test_skb(test, m);
	skb->dev = other;
	KUNIT_EXPECT_FALSE(test, vho_rx_test_taken(skb));
	free_netdev(other);

	skb = vho_rx_test_skb(test, m);
	__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), 7);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_taken(skb));

	skb = vho_rx_test_skb(test, m);
	skb->pkt_type = PACKET_HOST;
	KUNIT_EXPECT_FALSE(test, vho_rx_test_taken(skb));
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, m));
}

/* A tag beside the data is a header like others. */
static void vho_rx_ingress__tag(struct kunit *test)
{
	struct vho_headers_make *m = vho_headers_make(test, "E4T", 10);
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct sk_buff *skb = vho_rx_test_skb(test, m);

	vho_rx_test_follow(test, &t->track, m);
	__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), 7);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_taken(skb));
	vho_rx_test_arrive(test, t->flow, m);

	skb = vho_rx_test_skb(test, m);
	__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), 8);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_taken(skb));
	skb = vho_rx_test_skb(test, m);
	__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021AD), 7);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_taken(skb));
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	skb = vho_rx_test_skb(test, m);
	__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), 7);
	KUNIT_EXPECT_TRUE(test, vho_rx_test_taken(skb));
	vho_rx_test_queued(t->f);
}

/* Nobody but the owner core takes segments by this way. */
static void vho_rx_ingress__not_now(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4T");
	struct vho_rx_test *t = vho_rx_test_of(test);
	static const u8 states[] = { VHO_PATH_LEARNING, VHO_PATH_LOST, VHO_PATH_OVER };
	static const u8 odd[] = { VHO_TCPF_SYN, VHO_TCPF_FIN, VHO_TCPF_RST };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		t->track.state = states[i];
		KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	}
	t->track.state = VHO_PATH_UP;

	t->flow->owner = &vho_slow;
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	t->flow->owner = VHO_OWNER_CORE;

	t->f->port->netdev->flags &= ~IFF_UP;
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	t->f->port->netdev->flags |= IFF_UP;

	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		((u8 *)vho_rx_test_tcp(m))[13] ^= odd[i];
		KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
		((u8 *)vho_rx_test_tcp(m))[13] ^= odd[i];
	}
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, m));
}

/* A full queue drops, as it does the long way. */
static void vho_rx_ingress__full_queue(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4T");
	struct vho_rx_test *t = vho_rx_test_of(test);
	unsigned int n = 0;

	while (!vho_fake_stat(t->f, VHO_STAT_drop_rxq_full)) {
		KUNIT_ASSERT_TRUE(test, vho_rx_test_taken(vho_rx_test_skb(test, m)));
		KUNIT_ASSERT_LE(test, n++, VHO_GROUP_RXQ_PACKETS);
	}
	while (vho_rx_test_queued(t->f))
		n--;
	KUNIT_EXPECT_EQ(test, n, 1);
}

/* ---- checksums ---- */

static void vho_rx_ingress__checksum(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4uXE4T");
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct sk_buff *skb;

	/* The tunnel's was verified, not the inner one. */
	skb = vho_rx_test_skb(test, m);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	KUNIT_ASSERT_TRUE(test, vho_rx_test_taken(skb));
	KUNIT_EXPECT_EQ(test, (u8)skb->ip_summed, CHECKSUM_NONE);
	vho_rx_test_queued(t->f);

	skb = vho_rx_test_skb(test, m);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = 1;
	KUNIT_ASSERT_TRUE(test, vho_rx_test_taken(skb));
	KUNIT_EXPECT_EQ(test, (u8)skb->ip_summed, CHECKSUM_UNNECESSARY);
	vho_rx_test_queued(t->f);

	skb = vho_rx_test_skb(test, m);
	skb->ip_summed = CHECKSUM_COMPLETE;
	KUNIT_ASSERT_TRUE(test, vho_rx_test_taken(skb));
	KUNIT_EXPECT_EQ(test, (u8)skb->ip_summed, CHECKSUM_NONE);
	vho_rx_test_queued(t->f);

	/* To be made by whoever sends it on: it never was on a wire. */
	skb = vho_rx_test_skb(test, m);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_mac_header(skb) + m->l4[1] - skb->head;
	KUNIT_ASSERT_TRUE(test, vho_rx_test_taken(skb));
	KUNIT_EXPECT_EQ(test, (u8)skb->ip_summed, CHECKSUM_PARTIAL);
	vho_rx_test_queued(t->f);

	skb = vho_rx_test_skb(test, m);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_mac_header(skb) + m->l4[0] - skb->head;
	KUNIT_EXPECT_FALSE(test, vho_rx_test_taken(skb));

	/* Whether there is a checksum of the tunnel is for the tunnel to judge. */
	((struct udphdr *)(m->bytes + m->l4[0]))->check = 0;
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
}

/* Without a checksum in the tunnel, the first one verified is TCP's. */
static void vho_rx_ingress__checksum_zero(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4UXE4T");
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct sk_buff *skb = vho_rx_test_skb(test, m);

	skb->ip_summed = CHECKSUM_UNNECESSARY;
	KUNIT_ASSERT_TRUE(test, vho_rx_test_taken(skb));
	KUNIT_EXPECT_EQ(test, (u8)skb->ip_summed, CHECKSUM_UNNECESSARY);
	vho_rx_test_queued(t->f);
}

/* ---- congestion ---- */

static void vho_rx_ingress__ecn(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4UXE4T");
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct sk_buff *skb, *clone;
	u8 outer, inner;
	int want;

	for (outer = 0; outer < 4; outer++) {
		for (inner = 0; inner < 4; inner++) {
			u64 drops = vho_fake_stat(t->f, VHO_STAT_drop_path_ecn);
			struct iphdr *iph;

			vho_rx_test_ip(m, 0)->tos = 0xb8 | outer;
			vho_rx_test_ip(m, 1)->tos = 0xb8 | inner;
			ip_send_check(vho_rx_test_ip(m, 0));
			ip_send_check(vho_rx_test_ip(m, 1));
			skb = vho_rx_test_skb(test, m);
			clone = skb_clone(skb, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, clone);
			KUNIT_ASSERT_TRUE(test, vho_rx_test_taken(skb));
			want = vho_headers_ecn_decap(outer, inner);
			KUNIT_EXPECT_EQ(test, vho_fake_stat(t->f, VHO_STAT_drop_path_ecn) - drops,
					want < 0);
			skb = __ptr_ring_peek(&t->f->group->rxq);
			KUNIT_EXPECT_EQ(test, !skb, want < 0);
			if (skb) {
				iph = (struct iphdr *)(skb->data + ETH_HLEN);
				KUNIT_EXPECT_EQ(test, iph->tos, 0xb8 | want);
				KUNIT_EXPECT_EQ(test, 0, ip_fast_csum(iph, iph->ihl));
				vho_rx_test_queued(t->f);
			}
			/* Others see the packet as it was. */
			KUNIT_EXPECT_EQ(test, 0, memcmp(skb_mac_header(clone), m->bytes, m->len));
			kfree_skb(clone);
		}
	}
}

/* Without a tunnel the field is the sender's own. */
static void vho_rx_ingress__ecn_plain(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4T");
	struct vho_rx_test *t = vho_rx_test_of(test);
	u8 ecn;

	for (ecn = 0; ecn < 4; ecn++) {
		struct sk_buff *skb = NULL;

		vho_rx_test_ip(m, 0)->tos = 0xb8 | ecn;
		ip_send_check(vho_rx_test_ip(m, 0));
		KUNIT_ASSERT_TRUE(test, vho_rx_test_taken(vho_rx_test_skb(test, m)));
		skb = __ptr_ring_peek(&t->f->group->rxq);
		KUNIT_EXPECT_EQ(test, skb->data[ETH_HLEN + 1], 0xb8 | ecn);
		vho_rx_test_queued(t->f);
	}
}

/* ---- learning ---- */

/* A packet that does not come to the port teaches nothing. */
static void vho_rx_learn__only_what_arrives(struct kunit *test)
{
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct vho_headers_make *m = vho_headers_make(test, "E4UXE4T", 10);
	struct vho_headers_make *later = vho_rx_test_later(test, "E4UXE4T", 10);

	vho_rx_test_follow(test, &t->track, m);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	vho_rx_test_arrive(test, t->flow, later);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	vho_rx_test_tcp(later)->seq = vho_rx_test_tcp(m)->seq;
	((u8 *)vho_rx_test_tcp(later))[24]++;	/* the timestamp */
	vho_rx_test_arrive(test, t->flow, later);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	vho_rx_test_arrive(test, t->flow, m);
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, m));
}

/* Who knows the flow's numbers, but not its tunnel, gets nothing in, and unlearns nothing. */
static void vho_rx_learn__attacks(struct kunit *test)
{
	static const char * const forged[] = { "E4T", "EV4T", "E4UGE4T", "E4uXE4T", "E6UXE4T", "E4RE4T" };
	struct vho_headers_make *m = vho_rx_test_start(test, "E4UXE4T"), *bare;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(forged); i++) {
		bare = vho_rx_test_later(test, forged[i], 10);
		vho_rx_test_ip(bare, bare->nr_ip - 1)->saddr = vho_rx_test_ip(m, 1)->saddr;
		vho_rx_test_ip(bare, bare->nr_ip - 1)->daddr = vho_rx_test_ip(m, 1)->daddr;
		ip_send_check(vho_rx_test_ip(bare, bare->nr_ip - 1));
		KUNIT_EXPECT_FALSE_MSG(test, vho_rx_test_takes(test, bare), "%s", forged[i]);
		KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, m));
	}
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_rx_differ), 1 + i);
}

/* The peer has moved: its packets come from another place, the switch lets them in. */
static void vho_rx_learn__moved_peer(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4UXE4T");
	struct vho_headers_make *moved = vho_rx_test_later(test, "E4UXE4T", 10);
	struct vho_rx_test *t = vho_rx_test_of(test);

	vho_rx_test_ip(moved, 0)->saddr ^= htonl(7);
	ip_send_check(vho_rx_test_ip(moved, 0));
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, moved));
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, m));
	vho_rx_test_arrive(test, t->flow, moved);
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, moved));
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(t->f, VHO_STAT_path_rx_learned), 2);
}

static void vho_rx_learn__lost(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4T");
	struct vho_rx_test *t = vho_rx_test_of(test);

	spin_lock_bh(&t->track.lock);
	vho_path_rx_lost(&t->track);
	spin_unlock_bh(&t->track.lock);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	vho_rx_test_arrive(test, t->flow, m);
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, m));
}

/* What cannot be taken is not learned. */
static void vho_rx_learn__refuses(struct kunit *test)
{
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct vho_headers_make *seq = vho_headers_make(test, "E4SE4T", 10);
	struct vho_headers_make *flood = vho_headers_make(test, "E4T", 10);

	vho_rx_test_follow(test, &t->track, seq);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, seq));
	vho_rx_test_arrive(test, t->flow, seq);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, seq));

	vho_rx_test_follow(test, &t->track, flood);
	flood->bytes[0] |= 1;
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, flood));
	vho_rx_test_arrive(test, t->flow, flood);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, flood));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(t->f, VHO_STAT_path_rx_learned), 0);
}

/* Two tenants with the same addresses, each in a network of its own. */
static void vho_rx_learn__tenants(struct kunit *test)
{
	struct vho_headers_make *one = vho_rx_test_start(test, "E4UXE4T");
	struct vho_headers_make *two = vho_headers_make(test, "E4UXE4T", 10);
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct vho_path_track *track = kunit_kzalloc(test, sizeof(*track), GFP_KERNEL);
	struct vho_flow *other = vho_fake_establish(t->f, 2);

	KUNIT_ASSERT_NOT_NULL(test, track);
	vho_rx_test_track(track, other);
	two->bytes[two->l4[0] + 8 + 6] = 43;
	vho_rx_test_learn(test, track, two);
	vho_rx_test_taken(vho_rx_test_skb(test, one));
	KUNIT_EXPECT_PTR_EQ(test, t->flow, vho_rx_test_queued(t->f));
	vho_rx_test_taken(vho_rx_test_skb(test, two));
	KUNIT_EXPECT_PTR_EQ(test, other, vho_rx_test_queued(t->f));
	vho_rx_test_untrack(track);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, two));
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, one));
}

/* NAT gave the flow another address: what answers it is found by that. */
static void vho_rx_follow__new_key(struct kunit *test)
{
	struct vho_headers_make *m = vho_rx_test_start(test, "E4T");
	struct vho_headers_make *nat = vho_headers_make(test, "E4T", 10);
	struct vho_rx_test *t = vho_rx_test_of(test);

	vho_rx_test_ip(nat, 0)->daddr ^= htonl(9);
	ip_send_check(vho_rx_test_ip(nat, 0));
	vho_rx_test_follow(test, &t->track, m);
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, m));
	vho_rx_test_learn(test, &t->track, nat);
	KUNIT_EXPECT_TRUE(test, vho_rx_test_takes(test, nat));
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
}

static struct kunit_case vho_rx_test_cases[] = {
	KUNIT_CASE_PARAM(vho_rx_ingress__takes, vho_rx_gen_params),
	KUNIT_CASE_PARAM(vho_rx_ingress__every_bit, vho_rx_gen_params),
	KUNIT_CASE_PARAM(vho_rx_ingress__damage, vho_rx_gen_params),
	KUNIT_CASE(vho_rx_ingress__any_skb),
	KUNIT_CASE(vho_rx_ingress__padding),
	KUNIT_CASE(vho_rx_ingress__another_place),
	KUNIT_CASE(vho_rx_ingress__tag),
	KUNIT_CASE(vho_rx_ingress__not_now),
	KUNIT_CASE(vho_rx_ingress__full_queue),
	KUNIT_CASE(vho_rx_ingress__checksum),
	KUNIT_CASE(vho_rx_ingress__checksum_zero),
	KUNIT_CASE(vho_rx_ingress__ecn),
	KUNIT_CASE(vho_rx_ingress__ecn_plain),
	KUNIT_CASE(vho_rx_learn__only_what_arrives),
	KUNIT_CASE(vho_rx_learn__attacks),
	KUNIT_CASE(vho_rx_learn__moved_peer),
	KUNIT_CASE(vho_rx_learn__lost),
	KUNIT_CASE(vho_rx_learn__refuses),
	KUNIT_CASE(vho_rx_learn__tenants),
	KUNIT_CASE(vho_rx_follow__new_key),
	{ }
};

static struct kunit_suite vho_rx_suite = {
	.name = "virtuoso_path_rx",
	.init = vho_rx_test_init,
	.exit = vho_rx_test_exit,
	.test_cases = vho_rx_test_cases,
};
kunit_test_suite(vho_rx_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: receiving by a path");
MODULE_LICENSE("GPL");
