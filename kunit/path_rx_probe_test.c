// SPDX-License-Identifier: GPL-2.0
/*
 * Probes from an uplink to the port: they look like the peer's packets, and are known again.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/tcp.h>

#include "../host/packet.h"
#include "../host/path.h"
#include "../host/path_rx_int.h"
#include "../host/uplink.h"
#include "headers_make.h"
#include "host_fake.h"

struct vho_rx_probe_case {
	const char *stack;
};

static const struct vho_rx_probe_case vho_rx_probe_cases[] = {
	{ "E4T" }, { "EVV4T" }, { "E4UXE4T" }, { "E4uXEV4T" }, { "EV6uXE4T" }, { "E6ug4T" }, { "E4CE4T" },
	{ "E6AE4T" }, { "E4R4T" }, { "E6DKE4T" },
};

static void vho_rx_probe_case_name(const struct vho_rx_probe_case *c, char *desc)
{
	strscpy(desc, c->stack, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vho_rx_probe, vho_rx_probe_cases, vho_rx_probe_case_name);

/* The template that @m would make. */
static struct vho_path_rx *vho_rx_probe_template(struct kunit *test, const struct vho_headers_make *m)
{
	u8 mask[VHO_HEADERS_MAX_BYTES + sizeof(u64)] = { };
	struct vho_path_rx *t;
	struct vho_headers h;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, vho_headers_parse(m->bytes, m->len, m->len, &h));
	vho_headers_mask(m->bytes, &h, mask);
	t = kunit_kzalloc(test, struct_size(t, word, DIV_ROUND_UP(h.tcp, 8)), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	t->nr = DIV_ROUND_UP(h.tcp, 8);
	t->h = h;
	t->outer_sport = htons(50000);
	for (i = 0; i < h.tcp; i++) {
		((u8 *)&t->word[i / 8].mask)[i % 8] = mask[i];
		((u8 *)&t->word[i / 8].bytes)[i % 8] = m->bytes[i] & mask[i];
	}
	return t;
}

static struct vho_path_track *vho_rx_probe_track(struct kunit *test, bool has_ts)
{
	struct vho_path_track *track = kunit_kzalloc(test, sizeof(*track), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, track);
	track->rx.key.sport = htons(5001);
	track->rx.key.dport = htons(40000);
	track->probe_wnd = 77;
	track->probe_tsecr = 4;
	track->probe = (struct vho_path_expect) {
		.seq = 1,
		.ack = 2,
		.tsval = 3,
		.flags = VHO_TCPF_ACK | VHO_TCPF_PSH,
		.has_ts = has_ts,
	};
	return track;
}

/* Headers of the flow, right lengths and checksums, and the numbers that our own probe has mirrored. */
static void vho_rx_probe_make__stacks(struct kunit *test)
{
	const struct vho_rx_probe_case *c = test->param_value;
	struct vho_headers_make *m = vho_headers_make(test, c->stack, 100);
	struct vho_path_track *track = vho_rx_probe_track(test, true);
	struct vho_path_rx *t = vho_rx_probe_template(test, m);
	struct sk_buff *skb = vho_rx_probe_make(track, t);
	struct vho_headers h;
	const struct tcphdr *th;
	const struct iphdr *iph;
	unsigned int i;
	u32 len;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_EQ(test, 0, vho_headers_parse(skb->data, skb->len, skb->len, &h));
	KUNIT_EXPECT_EQ(test, h.len, skb->len);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&h.layer, &t->h.layer, sizeof(h.layer)));
	KUNIT_EXPECT_EQ(test, h.flags, t->h.flags);
	KUNIT_EXPECT_TRUE(test, vho_headers_csum_ok(skb->data, &h, true));
	for (i = 0; i < h.tcp; i++)
		KUNIT_EXPECT_EQ(test, skb->data[i] & ((u8 *)&t->word[i / 8].mask)[i % 8],
				((u8 *)&t->word[i / 8].bytes)[i % 8]);
	th = (const struct tcphdr *)(skb->data + h.tcp);
	iph = (const struct iphdr *)(skb->data + h.inner_ip);
	KUNIT_EXPECT_EQ(test, ntohs(th->source), 5001);
	KUNIT_EXPECT_EQ(test, ntohs(th->dest), 40000);
	KUNIT_EXPECT_EQ(test, ntohl(th->seq), 2);
	KUNIT_EXPECT_EQ(test, ntohl(th->ack_seq), 1);
	KUNIT_EXPECT_EQ(test, ntohs(th->window), 77);
	KUNIT_EXPECT_EQ(test, h.tcp_len, 32);
	len = skb->len - h.tcp;
	KUNIT_EXPECT_EQ(test, 0, tcp_v4_check(len, iph->saddr, iph->daddr, csum_partial(th, len, 0)));
	kfree_skb(skb);
}

/* What is at the port, after the switch has taken off all that is in front. */
static bool vho_rx_probe_test_is(struct vho_path_track *track, struct sk_buff *skb, u32 tcp, u32 tcp_len,
				 u32 payload)
{
	vho_packet(skb)->tcp_off = tcp;
	vho_packet(skb)->hdr_len = tcp_len;
	vho_packet(skb)->len = payload;
	return vho_rx_probe_is(track, skb);
}

static void vho_rx_probe_is__nothing_else(struct kunit *test)
{
	struct vho_headers_make *m = vho_headers_make(test, "E4T", 100);
	struct vho_path_rx *t = vho_rx_probe_template(test, m);
	static const u8 compared[] = { 4, 7, 8, 11, 13, 24, 31 };
	unsigned int i, with_ts;

	for (with_ts = 0; with_ts < 2; with_ts++) {
		struct vho_path_track *track = vho_rx_probe_track(test, with_ts);
		struct sk_buff *skb = vho_rx_probe_make(track, t);
		u32 tcp_len = with_ts ? 32 : 20;

		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_TRUE(test, vho_rx_probe_test_is(track, skb, t->h.tcp, tcp_len, 0));
		KUNIT_EXPECT_FALSE(test, vho_rx_probe_test_is(track, skb, t->h.tcp, tcp_len, 1));
		for (i = 0; i < ARRAY_SIZE(compared); i++) {
			if (compared[i] >= tcp_len)
				continue;
			skb->data[t->h.tcp + compared[i]] ^= 1;
			KUNIT_EXPECT_FALSE_MSG(test, vho_rx_probe_test_is(track, skb, t->h.tcp,
									  tcp_len, 0),
					       "byte %u", compared[i]);
			skb->data[t->h.tcp + compared[i]] ^= 1;
		}
		track->probe.flags = 0;
		KUNIT_EXPECT_FALSE(test, vho_rx_probe_test_is(track, skb, t->h.tcp, tcp_len, 0));
		kfree_skb(skb);
	}
}

/* ---- verdicts ---- */

static struct vho_path_track *vho_rx_probe_verdict_track(struct kunit *test)
{
	struct vho_path_track *track = vho_rx_probe_track(test, true);
	struct vho_path_rx *t = kzalloc(sizeof(*t), GFP_KERNEL);
	struct vho_fake *f;

	KUNIT_ASSERT_NOT_NULL(test, t);
	vho_fake_init(test);
	f = test->priv;
	vho_fake_guest_start(f, 1);
	spin_lock_init(&track->lock);
	track->flow = vho_fake_establish(f, 1);
	track->state = VHO_PATH_UP;
	t->uplink = kunit_kzalloc(test, sizeof(*t->uplink), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->uplink);
	RCU_INIT_POINTER(track->rx.template, t);
	return track;
}

static void vho_rx_probe_verdict_end(struct kunit *test, struct vho_path_track *track)
{
	spin_lock_bh(&track->lock);
	vho_path_rx_lost(track);
	spin_unlock_bh(&track->lock);
	vho_fake_exit(test);
}

/* Only what has not come back by its time is forgotten, and the next probe counts anew. */
static void vho_path_rx_verdict__forgets(struct kunit *test)
{
	struct vho_path_track *track = vho_rx_probe_verdict_track(test);

	track->rx.probe_sent = 3;
	track->rx.probe_seen = 3;
	KUNIT_EXPECT_TRUE(test, vho_path_rx_probed(track));
	vho_path_rx_verdict(track);
	KUNIT_EXPECT_NOT_NULL(test, rcu_access_pointer(track->rx.template));
	track->rx.probe_sent++;
	KUNIT_EXPECT_FALSE(test, vho_path_rx_probed(track));
	vho_path_rx_verdict(track);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(track->rx.template));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_rx_lost), 1);
	KUNIT_EXPECT_TRUE(test, vho_path_rx_probed(track));
	vho_path_rx_verdict(track);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_rx_lost), 1);
	vho_rx_probe_verdict_end(test, track);
}

/* Nothing is injected by an uplink that is being removed. */
static void vho_path_rx_probe__dead_uplink(struct kunit *test)
{
	struct vho_path_track *track = vho_rx_probe_verdict_track(test);
	struct vho_path_rx *t = rcu_dereference_protected(track->rx.template, true);

	t->uplink->dead = true;
	vho_path_rx_probe(track);
	KUNIT_EXPECT_EQ(test, track->rx.probe_sent, 0);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_rx_probe_tx), 0);
	vho_rx_probe_verdict_end(test, track);
}

static void vho_path_rx_lose_uplink__its_own(struct kunit *test)
{
	struct vho_path_track *track = vho_rx_probe_verdict_track(test);
	struct vho_path_rx *t = rcu_dereference_protected(track->rx.template, true);
	struct vho_uplink *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	struct vho_uplink *own = t->uplink;

	track->rx.candidate = kmemdup(t, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, track->rx.candidate);
	track->rx.candidate->uplink = other;
	spin_lock_bh(&track->lock);
	vho_path_rx_lose_uplink(track, other);
	KUNIT_EXPECT_NULL(test, track->rx.candidate);
	KUNIT_EXPECT_NOT_NULL(test, rcu_access_pointer(track->rx.template));
	vho_path_rx_lose_uplink(track, own);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(track->rx.template));
	spin_unlock_bh(&track->lock);
	vho_rx_probe_verdict_end(test, track);
}

static struct kunit_case vho_rx_probe_test_cases[] = {
	KUNIT_CASE(vho_path_rx_verdict__forgets),
	KUNIT_CASE(vho_path_rx_probe__dead_uplink),
	KUNIT_CASE(vho_path_rx_lose_uplink__its_own),
	KUNIT_CASE_PARAM(vho_rx_probe_make__stacks, vho_rx_probe_gen_params),
	KUNIT_CASE(vho_rx_probe_is__nothing_else),
	{ }
};

static struct kunit_suite vho_rx_probe_suite = {
	.name = "virtuoso_path_rx_probe",
	.test_cases = vho_rx_probe_test_cases,
};
kunit_test_suite(vho_rx_probe_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: probes from an uplink");
MODULE_LICENSE("GPL");
