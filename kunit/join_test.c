// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of joined flows.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/random.h>

#include "../host/fp.h"
#include "join_fake.h"

#define VHO_TEST_BYTES	20011

static struct vho_pair *vho_test_up(struct kunit *test)
{
	struct vho_pair *p = test->priv;

	vho_pair_establish(p);
	vho_pair_settle(p);
	KUNIT_ASSERT_TRUE(test, vho_pair_is_up(p));
	return p;
}

static void vho_test_all_arrived(struct vho_pair *p)
{
	unsigned int i;

	if (vho_pair_tcb(p, 0)->state == TCP_CLOSE || vho_pair_tcb(p, 0)->state == TCP_TIME_WAIT)
		vho_pair_drain(p);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(p->f->test, p->end[i].written, p->end[i].to_send);
		KUNIT_EXPECT_EQ(p->f->test, p->end[i].read, p->end[!i].to_send);
	}
}

/* What each says that it has sent the other one says that it has received. */
static void vho_test_agree(struct vho_pair *p)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const struct vho_tcb *tcb = vho_pair_tcb(p, i), *peer = vho_pair_tcb(p, !i);

		KUNIT_EXPECT_EQ(p->f->test, tcb->snd_una, peer->rcv_nxt);
		KUNIT_EXPECT_EQ(p->f->test, tcb->snd_max, tcb->snd_una);
		KUNIT_EXPECT_EQ(p->f->test, tcb->tx_bytes, p->end[i].to_send);
		KUNIT_EXPECT_EQ(p->f->test, tcb->rx_bytes, p->end[!i].to_send);
	}
}

static void vho_join_output__transfer(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	p->end[0].to_send = VHO_TEST_BYTES;
	p->end[1].to_send = 2 * VHO_TEST_BYTES + 1;
	p->end[1].chunk = 333;
	vho_pair_settle(p);
	vho_pair_advance(p, 50);
	vho_test_all_arrived(p);
	vho_test_agree(p);
	KUNIT_EXPECT_EQ(test, p->carried_bytes, 0);
	KUNIT_EXPECT_EQ(test, vho_pair_stat(p, 0, VHO_STAT_join_tx_bytes), VHO_TEST_BYTES);
	KUNIT_EXPECT_EQ(test, vho_pair_stat(p, 0, VHO_STAT_join_rx_bytes), 2 * VHO_TEST_BYTES + 1);
	KUNIT_EXPECT_EQ(test, vho_pair_stat(p, 1, VHO_STAT_join_rx_bytes), VHO_TEST_BYTES);
	KUNIT_EXPECT_EQ(test, vho_pair_stat(p, 0, VHO_STAT_join_up), 1);
}

/* A receiver that does not read stops the sender; reading wakes it. */
static void vho_join_output__full_ring(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	p->end[0].to_send = VHO_TEST_BYTES;
	p->end[1].no_read = true;
	vho_pair_settle(p);
	vho_pair_advance(p, 3000);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->rx_bytes, VHO_PAIR_RING_BYTES);
	KUNIT_EXPECT_EQ(test, p->end[0].written, 2 * VHO_PAIR_RING_BYTES);
	KUNIT_EXPECT_TRUE(test, vho_pair_is_up(p));
	KUNIT_EXPECT_EQ(test, p->carried_bytes, 0);
	p->end[1].no_read = false;
	vho_pair_settle(p);
	vho_pair_advance(p, 50);
	vho_test_all_arrived(p);
	vho_test_agree(p);
}

/* One byte to and fro: no timer is needed for any of it. */
static void vho_join_output__dialogue(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		p->end[i % 2].to_send++;
		vho_pair_settle(p);
		vho_test_all_arrived(p);
	}
	vho_pair_advance(p, 50);
	vho_test_agree(p);
}

static void vho_test_fin(struct kunit *test, unsigned int first)
{
	struct vho_pair *p = vho_test_up(test);

	p->end[0].to_send = 5003;
	p->end[1].to_send = 7001;
	p->end[first].flags = VIRTUOSO_SF_FIN;
	vho_pair_settle(p);
	vho_pair_advance(p, 50);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, first)->state, TCP_FIN_WAIT2);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, !first)->state, TCP_CLOSE_WAIT);
	/* Half closed, the other half goes on. */
	p->end[!first].to_send += VHO_TEST_BYTES;
	vho_pair_settle(p);
	KUNIT_EXPECT_TRUE(test, vho_pair_is_up(p));
	p->end[!first].flags = VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE;
	vho_pair_settle(p);
	vho_pair_advance(p, 50);
	vho_test_all_arrived(p);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, first)->state, TCP_TIME_WAIT);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, !first)->state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, !first)->error, VIRTUOSO_ERR_NONE);
	KUNIT_EXPECT_NULL(test, vho_pair_join(p, 0));
	KUNIT_EXPECT_NULL(test, vho_pair_join(p, 1));
	KUNIT_EXPECT_TRUE(test, p->end[!first].flow->news & VHO_NEWS_RELEASED);
	KUNIT_EXPECT_EQ(test, p->carried_bytes, 0);
}

static void vho_join_output__fin_active(struct kunit *test)
{
	vho_test_fin(test, 0);
}

static void vho_join_output__fin_passive(struct kunit *test)
{
	vho_test_fin(test, 1);
}

static void vho_join_output__fin_both(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		p->end[i].to_send = 6007;
		p->end[i].flags = VIRTUOSO_SF_FIN;
	}
	vho_pair_settle(p);
	vho_pair_advance(p, 50);
	vho_test_all_arrived(p);
	for (i = 0; i < 2; i++) {
		u8 state = vho_pair_tcb(p, i)->state;

		KUNIT_EXPECT_TRUE(test, state == TCP_TIME_WAIT || state == TCP_CLOSE);
		KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, i)->error, VIRTUOSO_ERR_NONE);
		KUNIT_EXPECT_NULL(test, vho_pair_join(p, i));
	}
}

/* What was sent before the reset arrives before it. */
static void vho_join_over__reset(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);
	unsigned int sent = p->carried;

	p->end[0].to_send = 3001;
	p->end[0].chunk = 3001;
	vho_pair_app(p, 0, 0);
	vho_pair_app(p, 0, VIRTUOSO_SF_ABORT);
	/* Its ring is not given back while the other one looks into it. */
	KUNIT_EXPECT_FALSE(test, p->end[0].flow->news & VHO_NEWS_RELEASED);
	vho_pair_settle(p);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->error, VIRTUOSO_ERR_RESET);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->rx_bytes, 0);
	KUNIT_EXPECT_TRUE(test, p->end[0].flow->news & VHO_NEWS_RELEASED);
	KUNIT_EXPECT_NULL(test, vho_pair_join(p, 0));
	KUNIT_EXPECT_NULL(test, vho_pair_join(p, 1));
	KUNIT_EXPECT_EQ(test, p->carried, sent);
}

/* Published, not taken yet, and reset: it arrives. */
static void vho_join_over__reset_after_data(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	p->end[0].to_send = 3001;
	p->end[0].chunk = 3001;
	vho_pair_app(p, 0, 0);
	KUNIT_ASSERT_TRUE(test, vho_fp_output(p->end[0].port->group[0], 1000,
					      vho_pair_now(p)));
	vho_pair_app(p, 0, VIRTUOSO_SF_ABORT);
	vho_pair_settle(p);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->rx_bytes, 3001);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->error, VIRTUOSO_ERR_RESET);
	KUNIT_EXPECT_TRUE(test, p->end[0].flow->news & VHO_NEWS_RELEASED);
}

/* Told to look while its rings are held: there is no timer that would outlive them. */
static void vho_join_over__no_timer(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);
	struct vho_flow *flow = p->end[0].flow;

	KUNIT_ASSERT_NE(test, flow->join_at_ns, 0);
	p->end[0].to_send = 3001;
	p->end[0].chunk = 3001;
	vho_pair_app(p, 0, 0);
	vho_pair_app(p, 0, VIRTUOSO_SF_ABORT);
	KUNIT_ASSERT_TRUE(test, vho_join_holds(flow));
	flow->tcb.events |= VHO_EV_OUTPUT;
	vho_fp_flow_after(flow, vho_pair_now(p));
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_NODE(&flow->timer.node.node));
	vho_pair_settle(p);
	KUNIT_EXPECT_TRUE(test, flow->news & VHO_NEWS_RELEASED);
}

/* RFC 1122 4.2.2.13: data for a guest that has closed. */
static void vho_join_over__data_after_close(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	vho_pair_app(p, 1, VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE);
	vho_pair_settle(p);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 0)->state, TCP_CLOSE_WAIT);
	p->end[0].to_send = 10;
	vho_pair_settle(p);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 0)->state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 0)->error, VIRTUOSO_ERR_RESET);
}

/* The driver goes away: at once, whatever the other side does. */
static void vho_join_cut__driver_reset(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	p->end[0].to_send = VHO_TEST_BYTES;
	p->end[1].no_read = true;
	vho_pair_settle(p);
	vho_pair_stop(p, 0);
	KUNIT_EXPECT_TRUE(test, p->end[0].port->join_cut);
	KUNIT_EXPECT_PTR_EQ(test, p->end[0].flow->tx.vaddr, p->end[0].tx.mem);
	vho_pair_settle(p);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->error, VIRTUOSO_ERR_RESET);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->rx_bytes, VHO_PAIR_RING_BYTES);
}

/* ---- separating ---- */

/*
 * Both ways, separated after @at steps by end @i, on with packets. Return: it was joined until
 * then.
 */
static bool vho_test_part_at(struct vho_pair *p, unsigned int at, unsigned int i, u16 flags)
{
	struct kunit *test = p->f->test;
	bool was_up;

	vho_pair_settle(p);
	p->end[0].to_send += 9001;
	p->end[1].to_send += 8009;
	for (; at; at--)
		vho_pair_step(p);
	was_up = vho_pair_join(p, i) && vho_pair_join(p, i)->state == VHO_JOIN_UP &&
		 vho_pair_tcb(p, i)->state != TCP_CLOSE && !p->end[i].flow->owner;
	if (was_up) {
		vho_join_part(p->end[i].flow, VHO_STAT_join_part_off);
		vho_fp_flow_after(p->end[i].flow, vho_pair_now(p));
	}
	p->f->join_refused = VHO_STAT_join_part_off;
	p->end[0].flags = flags;
	p->end[1].flags = flags;
	vho_pair_settle(p);
	vho_pair_advance(p, 1000);
	vho_test_all_arrived(p);
	if (!flags)
		KUNIT_EXPECT_FALSE(test, vho_pair_is_up(p));
	return was_up;
}

/* In the same connection again and again: it is joined anew each time. */
static void vho_join_part__any_step(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);
	unsigned int at, joined = 0, carried = 0;

	for (at = 0; at < 120; at++) {
		u64 before = p->carried_bytes;

		joined += vho_test_part_at(p, at, at % 2, 0);
		carried += p->carried_bytes != before;
		p->f->join_refused = 0;
		vho_pair_advance(p, 40000);
		KUNIT_ASSERT_TRUE_MSG(test, vho_pair_is_up(p), "after %u steps", at);
		vho_test_agree(p);
	}
	KUNIT_EXPECT_EQ(test, joined, at);
	KUNIT_EXPECT_GT(test, carried, at / 2);
}

/* Steps after which the pair is separated. */
#define VHO_TEST_STEPS	60
static const u8 vho_test_steps[VHO_TEST_STEPS];

static const void *vho_test_next_step(const void *prev, char *desc)
{
	const u8 *next = prev ? (const u8 *)prev + 1 : vho_test_steps;

	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "step %td", next - vho_test_steps);
	return next - vho_test_steps < VHO_TEST_STEPS ? next : NULL;
}

static void vho_join_part__then_fin(struct kunit *test)
{
	unsigned int at = (const u8 *)test->param_value - vho_test_steps;
	struct vho_pair *p = vho_test_up(test);
	unsigned int i;

	vho_test_part_at(p, at, at % 2, VIRTUOSO_SF_FIN);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, i)->error, VIRTUOSO_ERR_NONE);
	KUNIT_EXPECT_TRUE(test, vho_pair_tcb(p, 0)->fin_rcvd && vho_pair_tcb(p, 1)->fin_rcvd);
}

/* FIN is sent, not taken, and the pair is separated. */
static void vho_join_part__fin_published(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	p->end[0].to_send = 100;
	vho_pair_app(p, 0, VIRTUOSO_SF_FIN);
	KUNIT_ASSERT_TRUE(test, vho_fp_output(p->end[0].port->group[0], 1000,
					      vho_pair_now(p)));
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 0)->state, TCP_FIN_WAIT1);
	p->f->join_refused = VHO_STAT_join_part_off;
	vho_join_part(p->end[1].flow, VHO_STAT_join_part_off);
	vho_fp_flow_after(p->end[1].flow, vho_pair_now(p));
	vho_pair_settle(p);
	vho_pair_advance(p, 1000);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 0)->state, TCP_FIN_WAIT2);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->state, TCP_CLOSE_WAIT);
	KUNIT_EXPECT_EQ(test, p->carried_bytes, 100);
	vho_test_all_arrived(p);
}

/* ---- probes ---- */

static void vho_join_timer__switch_drops(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	p->end[0].to_send = VHO_TEST_BYTES;
	vho_pair_settle(p);
	p->cut = true;
	vho_pair_advance(p, 1000);
	KUNIT_EXPECT_FALSE(test, vho_pair_is_up(p));
	KUNIT_EXPECT_EQ(test, vho_pair_stat(p, 0, VHO_STAT_join_part_probe) +
			vho_pair_stat(p, 1, VHO_STAT_join_part_probe), 1);
	/* Nothing gets through any more. */
	p->end[0].to_send += 2000;
	vho_pair_advance(p, 500);
	KUNIT_EXPECT_EQ(test, p->end[1].read, VHO_TEST_BYTES);
	p->cut = false;
	vho_pair_advance(p, 20000);
	vho_test_all_arrived(p);
	KUNIT_EXPECT_TRUE(test, vho_pair_is_up(p));
}

/* A pair at rest is looked after less often, and at once when it goes on. */
static void vho_join_timer__idle(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);
	unsigned int probes;

	vho_pair_advance(p, 60000);
	KUNIT_EXPECT_TRUE(test, vho_pair_is_up(p));
	KUNIT_EXPECT_LT(test, p->probes, 24);
	probes = p->probes;
	vho_pair_advance(p, 30000);
	KUNIT_EXPECT_GT(test, p->probes, probes);
	p->end[0].to_send = 1;
	vho_pair_settle(p);
	p->cut = true;
	vho_pair_advance(p, 1000);
	KUNIT_EXPECT_FALSE(test, vho_pair_is_up(p));
}

static void vho_join_timer__capture(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	p->f->join_refused = VHO_STAT_join_part_capture;
	p->end[0].to_send = 5000;
	vho_pair_settle(p);
	vho_pair_advance(p, 1000);
	KUNIT_EXPECT_FALSE(test, vho_pair_is_up(p));
	p->carried_bytes = 0;
	p->end[0].to_send += 5000;
	vho_pair_advance(p, 1000);
	KUNIT_EXPECT_EQ(test, p->carried_bytes, 5000);
	vho_test_all_arrived(p);
}

/* No packet of the pair leaves while it moves data, but for probes, all of which are eaten. */
static void vho_join_probe_rx__eaten(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);
	unsigned int carried = p->carried, probes = p->probes;

	p->end[0].to_send = VHO_TEST_BYTES;
	vho_pair_advance(p, 5000);
	vho_test_all_arrived(p);
	KUNIT_EXPECT_GT(test, p->probes, probes + 4);
	KUNIT_EXPECT_EQ(test, p->carried - carried, p->probes - probes);
}

/* ---- proof ---- */

/* The SYN of one flow arrives with another one's timestamp: somebody has only guessed. */
static void vho_join_accept__other_timestamp(struct kunit *test)
{
	struct vho_pair *p = test->priv;
	struct vho_rx_seg syn = { .flags = VHO_TCPF_SYN, .opt.has = VHO_OPT_TS };
	struct vho_flow *flow = kunit_kzalloc(test, sizeof(*flow), GFP_KERNEL);
	struct vho_flow *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	u64 now_ns = vho_pair_now(p);

	KUNIT_ASSERT_NOT_NULL(test, flow);
	KUNIT_ASSERT_NOT_NULL(test, other);
	other->port = p->end[1].port;

	vho_pair_establish(p);
	vho_pair_settle(p);
	/* As if it were still in SYN_SENT, and in no pair. */
	flow->port = p->end[0].port;
	flow->tcb = *vho_pair_tcb(p, 0);
	flow->tcb.state = TCP_SYN_SENT;
	vho_join_offer(flow);
	other->tcb.state = TCP_SYN_RECV;
	syn.seq = flow->tcb.iss;
	syn.opt.tsval = (u32)(now_ns >> 20) + flow->tcb.ts_offset + 1000;
	vho_join_accept(other, &syn, now_ns);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(other->join));
	syn.opt.tsval -= 1000;
	syn.seq++;
	vho_join_accept(other, &syn, now_ns);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(other->join));
	other->port = flow->port;
	syn.seq--;
	vho_join_accept(other, &syn, now_ns);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(other->join));
	vho_join_withdraw(flow);
}

/*
 * Both ways, and larger rings at any time, while it is joined and while it is not. Old rings are
 * overwritten when they are said to be empty.
 */
static void vho_test_grow(struct vho_pair *p, unsigned int every, bool part)
{
	struct kunit *test = p->f->test;
	unsigned int n, i, grown = 0;

	p->end[0].to_send += 300007;
	p->end[1].to_send += 200003;
	for (n = 1; vho_pair_step(p) && n < 100000; n++) {
		for (i = 0; i < 2; i++) {
			p->end[i].chunk = 100 + n % 5000;
			if (n % (every + 40 * i) == 0 && p->end[i].tx.bytes < 256 * 1024)
				grown += vho_pair_grow(p, i);
		}
		if (part && n % 60 == 0 && vho_pair_is_up(p)) {
			vho_join_part(p->end[0].flow, VHO_STAT_join_part_off);
			vho_fp_flow_after(p->end[0].flow, vho_pair_now(p));
		}
	}
	vho_pair_advance(p, 40000);
	vho_test_all_arrived(p);
	vho_test_agree(p);
	KUNIT_EXPECT_GE(test, grown, 4);
}

static void vho_join_ring_changed__joined(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	vho_test_grow(p, 70, false);
	KUNIT_EXPECT_EQ(test, p->carried_bytes, 0);
	KUNIT_EXPECT_TRUE(test, vho_pair_is_up(p));
}

static void vho_join_ring_changed__separated(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);

	vho_test_grow(p, 70, true);
	KUNIT_EXPECT_GT(test, p->carried_bytes, 0);
}

static void vho_join_ring_changed__never_joined(struct kunit *test)
{
	struct vho_pair *p = test->priv;

	p->f->join_refused = VHO_STAT_join_part_off;
	vho_pair_establish(p);
	vho_pair_settle(p);
	vho_test_grow(p, 70, false);
	KUNIT_EXPECT_EQ(test, p->carried_bytes, 500010);
}

/* The ring's owner changes it while it is copied: it harms the data and nothing else. */
static void vho_join_output__hostile_ring(struct kunit *test)
{
	struct vho_pair *p = vho_test_up(test);
	u32 n;

	p->end[0].to_send = 4000;
	p->end[0].chunk = 4000;
	p->end[1].no_read = true;
	for (n = 0; n < 4000; n += 500) {
		vho_pair_step(p);
		get_random_bytes(p->end[0].tx.mem, VHO_PAIR_RING_BYTES);
	}
	vho_pair_settle(p);
	vho_pair_advance(p, 50);
	KUNIT_EXPECT_TRUE(test, vho_pair_is_up(p));
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 1)->rx_bytes, 4000);
	KUNIT_EXPECT_EQ(test, vho_pair_tcb(p, 0)->snd_una, vho_pair_tcb(p, 1)->rcv_nxt);
}

static struct kunit_case vho_join_cases[] = {
	KUNIT_CASE(vho_join_output__transfer),
	KUNIT_CASE(vho_join_output__full_ring),
	KUNIT_CASE(vho_join_output__dialogue),
	KUNIT_CASE(vho_join_output__fin_active),
	KUNIT_CASE(vho_join_output__fin_passive),
	KUNIT_CASE(vho_join_output__fin_both),
	KUNIT_CASE(vho_join_output__hostile_ring),
	KUNIT_CASE(vho_join_ring_changed__joined),
	KUNIT_CASE(vho_join_ring_changed__separated),
	KUNIT_CASE(vho_join_ring_changed__never_joined),
	KUNIT_CASE(vho_join_over__reset),
	KUNIT_CASE(vho_join_over__reset_after_data),
	KUNIT_CASE(vho_join_over__no_timer),
	KUNIT_CASE(vho_join_over__data_after_close),
	KUNIT_CASE(vho_join_cut__driver_reset),
	KUNIT_CASE(vho_join_part__any_step),
	KUNIT_CASE_PARAM(vho_join_part__then_fin, vho_test_next_step),
	KUNIT_CASE(vho_join_part__fin_published),
	KUNIT_CASE(vho_join_timer__switch_drops),
	KUNIT_CASE(vho_join_timer__idle),
	KUNIT_CASE(vho_join_timer__capture),
	KUNIT_CASE(vho_join_probe_rx__eaten),
	KUNIT_CASE(vho_join_accept__other_timestamp),
	{ }
};

static struct kunit_suite vho_join_suite = {
	.name = "virtuoso_join",
	.init = vho_pair_init,
	.exit = vho_pair_exit,
	.test_cases = vho_join_cases,
};

kunit_test_suite(vho_join_suite);
