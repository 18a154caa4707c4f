// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of what the operator allows: lookup in sets of rules, and connections that follow them.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/prandom.h>

#include "../host/fp.h"
#include "../host/listener.h"
#include "../host/policy.h"
#include "host_fake.h"

#define ALLOW	VIRTUOSO_POLICY_ACTION_ALLOW
#define DENY	VIRTUOSO_POLICY_ACTION_DENY
#define DROP	VIRTUOSO_POLICY_ACTION_DROP
#define CONNECT	VIRTUOSO_POLICY_DIRECTION_CONNECT
#define ACCEPT	VIRTUOSO_POLICY_DIRECTION_ACCEPT
#define BOTH	VIRTUOSO_POLICY_DIRECTION_BOTH

/* A rule that matches everything. */
#define VHO_TEST_RULE(act, ...) \
	{ .action = (act), .dirs = BOTH, .rport_max = U16_MAX, .lport_max = U16_MAX, ##__VA_ARGS__ }

static int vho_policy_test_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_guest_start(test->priv, 2);
	return 0;
}

static void vho_policy_test_exit(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	if (!f)
		return;
	vho_policy_port_exit(f->port);
	vho_policy_exit();
	KUNIT_EXPECT_EQ(test, atomic_read(&f->port->policy_pending), 0);
	vho_fake_exit(test);
	rcu_barrier();
}

static struct vho_policy *vho_test_set(struct kunit *test, const struct vho_policy_rule *rules, u32 nr)
{
	struct vho_policy *policy = vho_policy_alloc(nr, 0);

	KUNIT_ASSERT_NOT_NULL(test, policy);
	if (nr)
		memcpy(policy->rules, rules, nr * sizeof(*rules));
	KUNIT_ASSERT_EQ(test, vho_policy_build(policy), 0);
	return policy;
}

/* A set that allows the guest no address but @addr. */
static struct vho_policy *vho_test_fixed(struct kunit *test, u32 addr)
{
	struct vho_policy *policy = vho_policy_alloc(0, 1);

	KUNIT_ASSERT_NOT_NULL(test, policy);
	policy->sources = VIRTUOSO_POLICY_SOURCES_FIXED;
	policy->addrs[0] = vho_fake_addr(addr);
	KUNIT_ASSERT_EQ(test, vho_policy_build(policy), 0);
	return policy;
}

/* @rules are the port's now, and live connections follow. */
static void vho_test_change(struct vho_fake *f, struct vho_policy *policy)
{
	struct vho_policy_walk walk = { };

	vho_policy_publish(f->port, policy);
	while (vho_policy_walk_step(f->port, &walk))
		vho_fake_settle(f);
	vho_fake_settle(f);
}

static void vho_test_rules(struct vho_fake *f, const struct vho_policy_rule *rules, u32 nr)
{
	vho_test_change(f, vho_test_set(f->test, rules, nr));
}

static u64 vho_test_matched(struct vho_fake *f, u32 rule)
{
	struct vho_policy *policy = vho_policy_get(f->port);
	u64 n = atomic64_read(&policy->counts[rule - 1].matched);

	vho_policy_put(policy);
	return n;
}

/* ---- lookup ---- */

static struct in6_addr vho_test_addr6(u32 a, u32 b, u32 c, u32 d)
{
	return (struct in6_addr) { .s6_addr32 = { htonl(a), htonl(b), htonl(c), htonl(d) } };
}

static u32 vho_test_match4(const struct vho_policy *policy, u32 addr)
{
	struct in6_addr a = vho_fake_addr(addr);

	return vho_policy_match(policy, CONNECT, &a, 80, 1000);
}

static void vho_policy_match__prefixes(struct kunit *test)
{
	struct in6_addr doc = vho_test_addr6(0x20010db8, 0, 0, 1), other = doc;
	const struct vho_policy_rule rules[] = {
		VHO_TEST_RULE(DENY, .remote = vho_fake_addr(0x0a000001), .prefix_len = 128),
		VHO_TEST_RULE(DENY, .remote = vho_fake_addr(0x0a000000), .prefix_len = 96 + 31),
		VHO_TEST_RULE(DENY, .remote = vho_fake_addr(0x0a000000), .prefix_len = 96 + 8),
		VHO_TEST_RULE(DENY, .remote = doc, .prefix_len = 128),
		VHO_TEST_RULE(DENY, .remote = vho_test_addr6(0x20010db8, 0, 0, 0), .prefix_len = 127),
		VHO_TEST_RULE(DENY, .remote = vho_fake_addr(0), .prefix_len = 96),
		VHO_TEST_RULE(DENY, .remote = vho_test_addr6(0x80000000, 0, 0, 0), .prefix_len = 1),
		VHO_TEST_RULE(DENY),
	};
	struct vho_policy *policy = vho_test_set(test, rules, ARRAY_SIZE(rules));

	KUNIT_EXPECT_EQ(test, vho_test_match4(policy, 0x0a000001), 1);
	KUNIT_EXPECT_EQ(test, vho_test_match4(policy, 0x0a000000), 2);
	KUNIT_EXPECT_EQ(test, vho_test_match4(policy, 0x0a000002), 3);
	KUNIT_EXPECT_EQ(test, vho_test_match4(policy, 0x0affffff), 3);
	/* 0.0.0.0/0 is IPv4, ::/0 is everything. */
	KUNIT_EXPECT_EQ(test, vho_test_match4(policy, 0x0b000000), 6);
	KUNIT_EXPECT_EQ(test, vho_test_match4(policy, 0xffffffff), 6);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, ACCEPT, &doc, 1, 1), 4);
	other.s6_addr[15] = 0;
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, ACCEPT, &other, 1, 1), 5);
	other = vho_test_addr6(0xfe800000, 0, 0, 1);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, ACCEPT, &other, 1, 1), 7);
	other.s6_addr[0] = 0x7f;
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, ACCEPT, &other, 1, 1), 8);
	vho_policy_put(policy);
}

static void vho_policy_match__ports_and_directions(struct kunit *test)
{
	const struct vho_policy_rule rules[] = {
		VHO_TEST_RULE(DENY, .dirs = CONNECT, .rport_min = 1, .rport_max = 1023),
		VHO_TEST_RULE(DENY, .dirs = ACCEPT, .lport_min = 80, .lport_max = 80),
		VHO_TEST_RULE(DENY, .rport_min = 65535, .lport_max = 0),
	};
	struct vho_policy *policy = vho_test_set(test, rules, ARRAY_SIZE(rules));
	struct in6_addr a = vho_fake_addr(0x0a000001);

	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, CONNECT, &a, 0, 80), 0);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, CONNECT, &a, 1, 80), 1);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, CONNECT, &a, 1023, 80), 1);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, CONNECT, &a, 1024, 80), 0);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, ACCEPT, &a, 1, 80), 2);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, ACCEPT, &a, 1, 81), 0);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, ACCEPT, &a, 1, 79), 0);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, ACCEPT, &a, 65535, 0), 3);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, ACCEPT, &a, 65534, 0), 0);
	vho_policy_put(policy);
}

/* The order of the rules decides, not how long their prefixes are. */
static void vho_policy_match__first_wins(struct kunit *test)
{
	const struct vho_policy_rule rules[] = {
		VHO_TEST_RULE(DENY, .remote = vho_fake_addr(0x0a000000), .prefix_len = 104,
			      .rport_min = 443, .rport_max = 443),
		VHO_TEST_RULE(ALLOW, .remote = vho_fake_addr(0x0a000000), .prefix_len = 104),
		VHO_TEST_RULE(DENY, .remote = vho_fake_addr(0x0a000001), .prefix_len = 128),
		VHO_TEST_RULE(DENY),
	};
	struct vho_policy *policy = vho_test_set(test, rules, ARRAY_SIZE(rules));
	struct in6_addr a = vho_fake_addr(0x0a000001);

	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, CONNECT, &a, 443, 1), 1);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, CONNECT, &a, 80, 1), 2);
	a = vho_fake_addr(0x0b000001);
	KUNIT_EXPECT_EQ(test, vho_policy_match(policy, CONNECT, &a, 80, 1), 4);
	vho_policy_put(policy);
}

/* Rule after rule, as the documentation has it. */
static u32 vho_test_match_slowly(const struct vho_policy *policy, u8 dir, const struct in6_addr *raddr,
				 u16 rport, u16 lport)
{
	const struct vho_policy_rule *rule = policy->rules;
	u32 i;

	for (i = 1; i <= policy->nr_rules; i++, rule++)
		if ((rule->dirs & dir) && ipv6_prefix_equal(raddr, &rule->remote, rule->prefix_len) &&
		    rport >= rule->rport_min && rport <= rule->rport_max &&
		    lport >= rule->lport_min && lport <= rule->lport_max)
			return i;
	return 0;
}

/* Few addresses and ports, so that rules overlap in every way. */
static struct in6_addr vho_test_random_addr(struct rnd_state *rnd)
{
	u32 r = prandom_u32_state(rnd);

	return r & 1 ? vho_fake_addr(0x0a000000 | (r >> 8 & 0x80000183)) :
		       vho_test_addr6(r >> 8 & 0x80010003, r & 2, 0, r >> 16 & 3);
}

static struct vho_policy_rule vho_test_random_rule(struct rnd_state *rnd)
{
	struct vho_policy_rule rule = VHO_TEST_RULE(DENY);
	struct in6_addr addr = vho_test_random_addr(rnd);
	u32 r = prandom_u32_state(rnd);

	rule.dirs = r % 3 + 1;
	rule.prefix_len = r >> 4 & 1 ? 128 : prandom_u32_state(rnd) % 129;
	ipv6_addr_prefix(&rule.remote, &addr, rule.prefix_len);
	if (r & 0x100) {
		rule.rport_min = r >> 16 & 7;
		rule.rport_max = rule.rport_min + (r >> 20 & 3);
	}
	if (r & 0x200) {
		rule.lport_min = r >> 24 & 7;
		rule.lport_max = rule.lport_min + (r >> 28 & 3);
	}
	return rule;
}

static void vho_policy_match__random(struct kunit *test)
{
	const u32 max = 100;
	struct vho_policy_rule *rules = kunit_kcalloc(test, max, sizeof(*rules), GFP_KERNEL);
	unsigned int i, round, hits = 0;
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, rules);
	prandom_seed_state(&rnd, 4711);
	for (round = 0; round < 50; round++) {
		u32 nr = prandom_u32_state(&rnd) % max + 1;
		struct vho_policy *policy;

		for (i = 0; i < nr; i++)
			rules[i] = vho_test_random_rule(&rnd);
		policy = vho_test_set(test, rules, nr);
		for (i = 0; i < 500; i++) {
			struct in6_addr addr = vho_test_random_addr(&rnd);
			u32 r = prandom_u32_state(&rnd), want;
			u8 dir = r & 1 ? CONNECT : ACCEPT;

			want = vho_test_match_slowly(policy, dir, &addr, r >> 4 & 15, r >> 8 & 15);
			hits += want > 1;
			KUNIT_ASSERT_EQ(test, want, vho_policy_match(policy, dir, &addr, r >> 4 & 15,
								     r >> 8 & 15));
		}
		vho_policy_put(policy);
	}
	KUNIT_EXPECT_GT(test, hits, 5000);
}

static void vho_policy_match__ten_thousand(struct kunit *test)
{
	struct vho_policy *policy = vho_policy_alloc(10000, 0);
	u64 start_ns;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, policy);
	for (i = 0; i < 10000; i++)
		policy->rules[i] = (struct vho_policy_rule)VHO_TEST_RULE(DENY,
			.remote = vho_fake_addr(0x0a000000 + (10000 - i) * 256),
			.prefix_len = 96 + 24);
	KUNIT_ASSERT_EQ(test, vho_policy_build(policy), 0);
	start_ns = ktime_get_ns();
	for (i = 0; i < 10000; i++)
		KUNIT_ASSERT_EQ(test, vho_test_match4(policy, 0x0a000000 + (10000 - i) * 256 + 7), i + 1);
	KUNIT_EXPECT_EQ(test, vho_test_match4(policy, 0x09000000), 0);
	kunit_info(test, "%llu ns for each of 10000 prefixes\n",
		   div_u64(ktime_get_ns() - start_ns, 10000));

	vho_policy_put(policy);
}

/* The worst there is: one prefix, the ports tell the rules apart. */
static void vho_policy_match__ten_thousand_of_one_prefix(struct kunit *test)
{
	struct vho_policy *policy = vho_policy_alloc(10000, 0);
	struct in6_addr addr = vho_fake_addr(VHO_FAKE_PEER);
	u64 start_ns;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, policy);
	for (i = 0; i < 10000; i++)
		policy->rules[i] = (struct vho_policy_rule)VHO_TEST_RULE(DENY, .rport_min = i + 1,
									 .rport_max = i + 1);
	KUNIT_ASSERT_EQ(test, vho_policy_build(policy), 0);
	KUNIT_EXPECT_EQ(test, vho_test_match4(policy, VHO_FAKE_PEER), 80);
	start_ns = ktime_get_ns();
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, vho_policy_match(policy, CONNECT, &addr, 10000, 1), 10000);
	kunit_info(test, "%llu ns for the last of 10000 rules of one prefix\n",
		   div_u64(ktime_get_ns() - start_ns, 100));
	vho_policy_put(policy);
}

/* ---- sets ---- */

static void vho_policy_publish__while_referenced(struct kunit *test)
{
	const struct vho_policy_rule rule = VHO_TEST_RULE(DENY);
	struct vho_policy *first = vho_test_set(test, &rule, 1), *held, *now;
	struct vho_fake *f = test->priv;

	vho_policy_publish(f->port, first);
	held = vho_policy_get(f->port);
	KUNIT_EXPECT_PTR_EQ(test, held, first);
	vho_policy_publish(f->port, vho_test_set(test, NULL, 0));
	rcu_barrier();
	/* What a dump stands in stays as it was. */
	KUNIT_EXPECT_EQ(test, vho_test_match4(held, 1), 1);
	now = vho_policy_get(f->port);
	KUNIT_EXPECT_PTR_NE(test, held, now);
	KUNIT_EXPECT_NE(test, held->serial, now->serial);
	KUNIT_EXPECT_EQ(test, now->nr_rules, 0);
	vho_policy_put(now);
	vho_policy_put(held);
	vho_policy_publish(f->port, NULL);
	KUNIT_EXPECT_NULL(test, vho_policy_get(f->port));
}

static void vho_policy_port_init__copy(struct kunit *test)
{
	const struct vho_policy_rule rules[] = {
		VHO_TEST_RULE(DENY, .remote = vho_fake_addr(VHO_FAKE_PEER), .prefix_len = 128),
	};
	struct vho_fake *f = test->priv;
	struct vho_policy *origin, *copy;

	KUNIT_EXPECT_EQ(test, vho_policy_port_init(f->port), 0);
	KUNIT_EXPECT_NULL(test, vho_policy_get(f->port));
	vho_policy_publish(NULL, vho_test_set(test, rules, 1));
	KUNIT_EXPECT_EQ(test, vho_policy_port_init(f->port), 0);
	origin = vho_policy_get(NULL);
	copy = vho_policy_get(f->port);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_PTR_NE(test, origin, copy);
	KUNIT_EXPECT_EQ(test, vho_test_match4(copy, VHO_FAKE_PEER), 1);
	vho_policy_put(origin);
	vho_policy_put(copy);
}

/* ---- set-up ---- */

static void vho_policy_connect__deny(struct kunit *test)
{
	const struct vho_policy_rule rules[] = {
		VHO_TEST_RULE(DENY, .dirs = CONNECT, .remote = vho_fake_addr(VHO_FAKE_PEER),
			      .prefix_len = 128, .rport_min = 80, .rport_max = 80),
	};
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_submit_connect rec = vho_fake_connect_rec(f, 1);
	struct virtio_virtuoso_complete answer;

	vho_test_rules(f, rules, 1);
	vho_fake_offer(f, 0, 2);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &answer));
	KUNIT_EXPECT_EQ(test, answer.op, VIRTUOSO_COMPLETE_FAILED);
	KUNIT_EXPECT_EQ(test, answer.error, VIRTUOSO_ERR_PERM);
	KUNIT_EXPECT_EQ(test, f->nr_sent, 0);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	KUNIT_EXPECT_EQ(test, vho_test_matched(f, 1), 1);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_sp_policy_refused), 1);
}

/* Nothing is heard of it, until it is allowed. */
static void vho_policy_connect__drop(struct kunit *test)
{
	const struct vho_policy_rule rule = VHO_TEST_RULE(DROP);
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	vho_test_rules(f, &rule, 1);
	flow = vho_fake_connect(f, 1);
	KUNIT_EXPECT_EQ(test, f->nr_sent, 0);
	vho_test_rules(f, &rule, 1);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_SYN_SENT);
	vho_test_change(f, NULL);
	f->ahead_ns += 2 * NSEC_PER_SEC;
	vho_fake_run_timers(f);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_SYN));
}

static void vho_policy_accept__deny_and_drop(struct kunit *test)
{
	const struct vho_policy_rule rules[] = {
		VHO_TEST_RULE(DENY, .dirs = ACCEPT, .rport_min = 1, .rport_max = 1),
		VHO_TEST_RULE(DROP, .dirs = ACCEPT, .rport_min = 2, .rport_max = 2),
	};
	struct vho_fake *f = test->priv;
	struct vho_flow_key key;

	vho_fake_listen(f, 3);
	vho_test_rules(f, rules, 2);
	key = vho_fake_incoming_key(f, 2);
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
	KUNIT_EXPECT_EQ(test, f->nr_sent, 0);
	key = vho_fake_incoming_key(f, 1);
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
	KUNIT_ASSERT_EQ(test, f->nr_sent, 1);
	KUNIT_EXPECT_EQ(test, f->sent[0].flags, VHO_TCPF_RST | VHO_TCPF_ACK);
	KUNIT_EXPECT_EQ(test, f->sent[0].ack, VHO_FAKE_IRS + 1);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_sp_policy_refused), 2);
	vho_fake_incoming(f, 3);
	KUNIT_EXPECT_EQ(test, vho_test_matched(f, 1), 1);
	KUNIT_EXPECT_EQ(test, vho_test_matched(f, 2), 1);
}

/* An address that is not the guest's: no connection, no listener, and no RST with that source. */
static void vho_policy_sources__fixed(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_submit_connect rec = vho_fake_connect_rec(f, 1);
	struct in6_addr addr = vho_fake_addr(VHO_FAKE_GUEST), other = vho_fake_addr(0x0a0000fe);
	struct virtio_virtuoso_complete answer;
	struct vho_flow_key key;

	vho_fake_listen(f, 3);
	vho_test_change(f, vho_test_fixed(test, 0x0a0000fe));
	vho_fake_offer(f, 0, 2);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &answer));
	KUNIT_EXPECT_EQ(test, answer.error, VIRTUOSO_ERR_PERM);
	key = vho_fake_incoming_key(f, 1);
	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
	KUNIT_EXPECT_EQ(test, f->nr_sent, 0);
	KUNIT_EXPECT_EQ(test, vho_addr_del(f->port, &addr), VIRTUOSO_STATUS_OK);
	KUNIT_EXPECT_EQ(test, vho_addr_add(f->port, &addr), VIRTUOSO_STATUS_PERM);
	KUNIT_EXPECT_EQ(test, vho_addr_add(f->port, &other), VIRTUOSO_STATUS_OK);
	KUNIT_EXPECT_EQ(test, vho_listener_add(f->port, &addr, htons(81), 1, 0), VIRTUOSO_STATUS_PERM);
	KUNIT_EXPECT_EQ(test, vho_listener_add(f->port, &other, htons(81), 1, 0), VIRTUOSO_STATUS_OK);
	memcpy(rec.laddr, &other, sizeof(other));
	rec.hdr.flow = cpu_to_le32(2);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_fake_settle(f);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_SYN));
}

/* ---- live connections ---- */

static void vho_policy_walk__ends_what_is_denied(struct kunit *test)
{
	const struct vho_policy_rule rules[] = {
		VHO_TEST_RULE(DENY, .lport_min = 1001, .lport_max = 1001),
	};
	struct vho_fake *f = test->priv;
	struct vho_flow *doomed = vho_fake_establish(f, 1), *other = vho_fake_establish(f, 2);
	struct virtio_virtuoso_complete rec;

	f->nr_sent = 0;
	vho_fake_offer(f, 0, 4);
	vho_test_rules(f, rules, 1);
	KUNIT_EXPECT_EQ(test, doomed->tcb.state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, f->nr_sent, 1);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_RST));
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_UPDATE);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(rec.flags), VIRTUOSO_CF_RESET);
	KUNIT_EXPECT_EQ(test, rec.error, VIRTUOSO_ERR_PERM);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rec.flow), 1);
	KUNIT_EXPECT_FALSE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, other->tcb.state, TCP_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_sp_policy_ended), 1);
	KUNIT_EXPECT_EQ(test, doomed->policy_rule, 1);
	KUNIT_EXPECT_EQ(test, other->policy_rule, 0);
	KUNIT_EXPECT_EQ(test, vho_test_matched(f, 1), 1);
}

static void vho_policy_walk__drop_is_silent(struct kunit *test)
{
	const struct vho_policy_rule rule = VHO_TEST_RULE(DROP);
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);

	f->nr_sent = 0;
	vho_test_rules(f, &rule, 1);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_CLOSE);
	vho_fake_rx(f, &flow->key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, flow->tcb.iss + 1, 10);
	KUNIT_EXPECT_EQ(test, f->nr_sent, 0);
	KUNIT_EXPECT_EQ(test, flow->tcb.error, VIRTUOSO_ERR_PERM);
}

/* Owners are not bothered with what does not concern their flows. */
static void vho_policy_walk__leaves_others_alone(struct kunit *test)
{
	const struct vho_policy_rule rules[] = {
		VHO_TEST_RULE(ALLOW, .remote = vho_fake_addr(VHO_FAKE_PEER), .prefix_len = 128),
		VHO_TEST_RULE(DENY),
	};
	struct vho_policy_walk walk = { };
	struct vho_fake *f = test->priv;
	unsigned int id;

	for (id = 0; id < 50; id++)
		vho_fake_establish(f, id);
	vho_policy_publish(f->port, vho_test_set(test, rules, 2));
	while (vho_policy_walk_step(f->port, &walk))
		;
	KUNIT_EXPECT_EQ(test, atomic_read(&f->port->policy_pending), 0);
	KUNIT_EXPECT_EQ(test, vho_test_matched(f, 1), 50);
	KUNIT_EXPECT_EQ(test, vho_test_matched(f, 2), 0);
}

static void vho_policy_walk__slow_path(struct kunit *test)
{
	const struct vho_policy_rule rule = VHO_TEST_RULE(DENY);
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_complete rec;
	u32 token;

	vho_fake_listen(f, 3);
	vho_fake_connect(f, 1);
	vho_fake_offer(f, 0, 4);
	vho_fake_incoming(f, 7);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_ASSERT_EQ(test, rec.op, VIRTUOSO_COMPLETE_INCOMING);
	token = le32_to_cpu(rec.u.incoming.token);
	f->nr_sent = 0;
	vho_test_rules(f, &rule, 1);
	/* The connecting one fails, the one not yet taken is reset and cannot be had any more. */
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_FAILED);
	KUNIT_EXPECT_EQ(test, rec.error, VIRTUOSO_ERR_PERM);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_RST));
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	vho_fake_attach(f, 0, 2, token);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_FAILED);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_sp_policy_ended), 2);
}

/* Asked at the slow path while it hands the flow to the core, and asked twice. */
static void vho_policy_walk__crosses_hand_over(struct kunit *test)
{
	const struct vho_policy_rule rule = VHO_TEST_RULE(DENY);
	struct vho_policy_walk walk = { };
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);

	vho_fake_offer(f, 0, 4);
	vho_policy_publish(f->port, vho_test_set(test, &rule, 1));
	while (vho_policy_walk_step(f->port, &walk))
		;
	while (vho_policy_walk_step(f->port, &walk))
		;
	KUNIT_EXPECT_EQ(test, atomic_read(&f->port->policy_pending), 1);
	vho_fake_rx(f, &flow->key, VHO_TCPF_SYN | VHO_TCPF_ACK, VHO_FAKE_IRS, flow->tcb.iss + 1, 0);
	KUNIT_ASSERT_EQ(test, flow->tcb.state, TCP_ESTABLISHED);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->port->policy_pending), 0);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, flow->tcb.error, VIRTUOSO_ERR_PERM);
}

/* With real threads, the walk that the operator's command does. */
static void vho_policy_walk__threads(struct kunit *test)
{
	const struct vho_policy_rule rule = VHO_TEST_RULE(DENY, .lport_min = 1010);
	struct vho_fake *f = test->priv;
	unsigned int id, live = 0;

	for (id = 0; id < 60; id++)
		vho_fake_establish(f, id);
	vho_fake_start_threads(f);
	vho_policy_publish(f->port, vho_test_set(test, &rule, 1));
	vho_policy_walk(f->port);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->port->policy_pending), 0);
	for (id = 0; id < 60; id++) {
		struct vho_flow_key key = vho_fake_connect_key(f, id);

		live += vho_fake_lookup(&key)->tcb.state == TCP_ESTABLISHED;
	}
	KUNIT_EXPECT_EQ(test, live, 10);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_sp_policy_ended), 50);
}

/* ---- effects ---- */

static void vho_policy_dscp__live(struct kunit *test)
{
	struct virtio_virtuoso_submit_setopt rec = {
		.hdr = { .op = VIRTUOSO_SUBMIT_SETOPT, .flow = cpu_to_le32(1) },
		.tos = 0x20,
	};
	const struct vho_policy_rule rules[] = { VHO_TEST_RULE(ALLOW, .dscp = 1 + 46) };
	const struct vho_policy_rule zero = VHO_TEST_RULE(ALLOW, .dscp = 1);
	struct vho_fake *f = test->priv;
	struct vho_flow *flow, *live = vho_fake_establish(f, 2);

	vho_test_rules(f, rules, 1);
	KUNIT_EXPECT_EQ(test, live->tos, 46 << 2);
	flow = vho_fake_establish(f, 1);
	KUNIT_EXPECT_EQ(test, flow->tos, 46 << 2);
	/* The guest may wish for another; it counts when the rule is gone. */
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tos, 46 << 2);
	vho_test_rules(f, &zero, 1);
	KUNIT_EXPECT_EQ(test, flow->tos, 0);
	vho_test_change(f, NULL);
	KUNIT_EXPECT_EQ(test, flow->tos, 0x20);
	KUNIT_EXPECT_EQ(test, live->tos, 0);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_ESTABLISHED);
}

static void vho_policy_buffer__live(struct kunit *test)
{
	const struct vho_policy_rule rules[] = { VHO_TEST_RULE(ALLOW, .buffer_bytes = 8192) };
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	vho_test_rules(f, rules, 1);
	flow = vho_fake_establish(f, 1);
	KUNIT_EXPECT_EQ(test, flow->tcb.flight_limit, 8192);
	vho_test_change(f, NULL);
	KUNIT_EXPECT_EQ(test, flow->tcb.flight_limit, 0);
}

static struct kunit_case vho_policy_test_cases[] = {
	KUNIT_CASE(vho_policy_match__prefixes),
	KUNIT_CASE(vho_policy_match__ports_and_directions),
	KUNIT_CASE(vho_policy_match__first_wins),
	KUNIT_CASE(vho_policy_match__random),
	KUNIT_CASE(vho_policy_match__ten_thousand),
	KUNIT_CASE(vho_policy_match__ten_thousand_of_one_prefix),
	KUNIT_CASE(vho_policy_publish__while_referenced),
	KUNIT_CASE(vho_policy_port_init__copy),
	KUNIT_CASE(vho_policy_connect__deny),
	KUNIT_CASE(vho_policy_connect__drop),
	KUNIT_CASE(vho_policy_accept__deny_and_drop),
	KUNIT_CASE(vho_policy_sources__fixed),
	KUNIT_CASE(vho_policy_walk__ends_what_is_denied),
	KUNIT_CASE(vho_policy_walk__drop_is_silent),
	KUNIT_CASE(vho_policy_walk__leaves_others_alone),
	KUNIT_CASE(vho_policy_walk__slow_path),
	KUNIT_CASE(vho_policy_walk__crosses_hand_over),
	KUNIT_CASE(vho_policy_walk__threads),
	KUNIT_CASE(vho_policy_dscp__live),
	KUNIT_CASE(vho_policy_buffer__live),
	{}
};

static struct kunit_suite vho_policy_test_suite = {
	.name = "virtuoso_policy",
	.init = vho_policy_test_init,
	.exit = vho_policy_test_exit,
	.test_cases = vho_policy_test_cases,
};

kunit_test_suite(vho_policy_test_suite);
