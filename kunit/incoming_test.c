// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of incoming connections that a driver takes (ATTACH) and refuses (REFUSE).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "../host/fp.h"
#include "host_fake.h"

static int vho_incoming_test_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_guest_start(test->priv, 2);
	return 0;
}

/* An incoming connection that the driver has taken, and the slow path has not handed over. */
static struct vho_flow *vho_test_attach(struct vho_fake *f)
{
	struct virtio_virtuoso_complete rec;
	struct vho_flow *flow;

	vho_fake_listen(f, 10);
	flow = vho_fake_incoming(f, 1);
	vho_fake_offer(f, 0, 8);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(f->test, vho_fake_complete(f, 0, &rec));
	vho_fake_attach(f, 0, 1, flow->token);
	vho_fake_turn(f);
	KUNIT_ASSERT_EQ(f->test, flow->id, 1);
	KUNIT_ASSERT_FALSE(f->test, flow->adopted);
	return flow;
}

static void vho_submit_attach__tokens(struct kunit *test)
{
	struct virtio_virtuoso_complete rec;
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	vho_fake_listen(f, 10);
	flow = vho_fake_incoming(f, 1);
	vho_fake_run_core(f);
	vho_fake_offer(f, 0, 8);
	/* Guessed before it was announced, and tokens that never were. */
	vho_fake_attach(f, 0, 1, flow->token);
	vho_fake_attach(f, 0, 2, 0);
	vho_fake_attach(f, 0, 3, flow->token + 1);
	vho_fake_attach(f, 0, 4, U32_MAX);
	vho_fake_settle(f);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INVAL, 1);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INVAL, 2);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INVAL, 3);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INVAL, 4);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_INCOMING);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rec.u.incoming.token), flow->token);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rec.u.incoming.irs), VHO_FAKE_IRS);
	KUNIT_EXPECT_EQ(test, flow->id, VHO_FLOW_ID_NONE);

	vho_fake_attach(f, 1, 1, flow->token);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->id, 1);
	KUNIT_EXPECT_EQ(test, flow->chan, 1);
	KUNIT_EXPECT_TRUE(test, flow->adopted);
	/* Taken: neither to be taken again nor to be refused. */
	vho_fake_attach(f, 0, 2, flow->token);
	vho_fake_refuse(f, flow->token);
	vho_fake_settle(f);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INVAL, 2);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 1);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_ESTABLISHED);
}

/* A server that speaks first: what it writes is not lost because the slow path was slower. */
static void vho_submit_attach__update_early(struct kunit *test)
{
	struct virtio_virtuoso_submit_setopt opt = {
		.hdr = { .op = VIRTUOSO_SUBMIT_SETOPT, .flow = cpu_to_le32(1) },
		.keepalive_idle_s = cpu_to_le32(7),
		.keepalive_intvl_s = cpu_to_le32(1),
		.keepalive_probes = cpu_to_le16(2),
	};
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_test_attach(f);
	u32 iss = flow->tcb.iss;

	vho_fake_update(f, 0, 1, iss + 11, VHO_FAKE_IRS + 1, 0);
	vho_fake_submit(f, 0, &opt, sizeof(opt));
	vho_fake_update(f, 0, 1, iss + 101, VHO_FAKE_IRS + 1, 0);
	vho_fake_turn(f);
	KUNIT_ASSERT_FALSE(test, flow->adopted);
	vho_fake_settle(f);
	KUNIT_EXPECT_TRUE(test, flow->adopted);
	KUNIT_EXPECT_EQ(test, flow->tcb.snd_nxt, iss + 101);
	KUNIT_EXPECT_NE(test, flow->tcb.keepalive_at_ns, 0);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 0);
}

/* It writes and closes: all of it arrives, and FIN, not RST. */
static void vho_submit_attach__close_early(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_test_attach(f);
	u32 iss = flow->tcb.iss;

	vho_fake_update(f, 0, 1, iss + 101, VHO_FAKE_IRS + 1, VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tcb.snd_nxt, iss + 102);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_FIN_WAIT1);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_FIN));
	KUNIT_EXPECT_FALSE(test, vho_fake_sent(f, VHO_TCPF_RST));
	KUNIT_EXPECT_TRUE(test, flow->guest_closed);
}

/* What would be refused later is refused then. */
static void vho_submit_attach__bad_early(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_test_attach(f);
	u32 iss = flow->tcb.iss;

	vho_fake_update(f, 0, 1, iss + 1 + 2 * VHO_FAKE_RING_BYTES, VHO_FAKE_IRS + 1, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tcb.snd_nxt, iss + 1);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 1);
}

/* Rings that are no good leave the connection where it was. */
static void vho_submit_attach__bad_ring(struct kunit *test)
{
	struct virtio_virtuoso_submit_attach att;
	struct virtio_virtuoso_complete rec;
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	vho_fake_listen(f, 10);
	flow = vho_fake_incoming(f, 1);
	vho_fake_offer(f, 0, 4);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	att = (struct virtio_virtuoso_submit_attach) {
		.hdr = { .op = VIRTUOSO_SUBMIT_ATTACH, .flow = cpu_to_le32(1) },
		.token = cpu_to_le32(flow->token),
		.tx = vho_fake_ring(0),
		.rx = vho_fake_ring(1),
	};
	att.rx.region = cpu_to_le32(5);
	vho_fake_submit(f, 0, &att, sizeof(att));
	vho_fake_settle(f);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INVAL, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&vho_region_get(f->guest, 0)->users), 0);
	vho_fake_attach(f, 0, 1, flow->token);
	vho_fake_settle(f);
	KUNIT_EXPECT_TRUE(test, flow->adopted);
}

static void vho_submit_refuse__resets(struct kunit *test)
{
	struct virtio_virtuoso_complete rec;
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	vho_fake_listen(f, 1);
	flow = vho_fake_incoming(f, 1);
	vho_fake_offer(f, 0, 2);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	vho_fake_refuse(f, flow->token);
	vho_fake_settle(f);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_RST));
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	KUNIT_EXPECT_FALSE(test, vho_fake_complete(f, 0, &rec));
	/* Its place in the backlog is free again. */
	vho_fake_incoming(f, 2);
}

static struct kunit_case vho_incoming_cases[] = {
	KUNIT_CASE(vho_submit_attach__tokens),
	KUNIT_CASE(vho_submit_attach__update_early),
	KUNIT_CASE(vho_submit_attach__close_early),
	KUNIT_CASE(vho_submit_attach__bad_early),
	KUNIT_CASE(vho_submit_attach__bad_ring),
	KUNIT_CASE(vho_submit_refuse__resets),
	{}
};

static struct kunit_suite vho_incoming_suite = {
	.name = "virtuoso_incoming",
	.init = vho_incoming_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_incoming_cases,
};
kunit_test_suite(vho_incoming_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: incoming connections");
MODULE_LICENSE("GPL");
