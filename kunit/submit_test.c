// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of submit records, those of a hostile guest above all.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "../host/fp.h"
#include "host_fake.h"

static int vho_submit_test_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_guest_start(test->priv, 2);
	return 0;
}

/* A turn takes one record, gives its buffer back, counts it as bad, and nothing else happens. */
static void vho_test_expect_bad(struct vho_fake *f, const char *what)
{
	u64 bad = vho_fake_stat(f, VHO_STAT_guest_bad_submit);
	u16 used = vho_fake_used(f, VIRTUOSO_VQ_SUBMIT(0));
	u32 flows = f->port->nr_flows, users = atomic_read(&vho_region_get(f->guest, 0)->users);
	struct virtio_virtuoso_complete rec;

	vho_fake_settle(f);
	KUNIT_EXPECT_EQ_MSG(f->test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), bad + 1, "%s", what);
	KUNIT_EXPECT_EQ_MSG(f->test, vho_fake_used(f, VIRTUOSO_VQ_SUBMIT(0)), (u16)(used + 1), "%s",
			    what);
	KUNIT_EXPECT_EQ_MSG(f->test, f->port->nr_flows, flows, "%s", what);
	KUNIT_EXPECT_EQ_MSG(f->test, atomic_read(&vho_region_get(f->guest, 0)->users), users, "%s", what);
	KUNIT_EXPECT_FALSE_MSG(f->test, vho_fake_complete(f, 0, &rec), "%s", what);
	KUNIT_EXPECT_EQ(f->test, f->config_changes, 0);
}

/* RELEASED tells the last state, since no UPDATE that waits goes before it. */
static void vho_test_expect_released(struct vho_fake *f, u32 id, u16 flags, u32 snd_una,
				     u32 rcv_seq)
{
	struct virtio_virtuoso_complete rec;

	KUNIT_ASSERT_TRUE(f->test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(f->test, rec.op, VIRTUOSO_COMPLETE_RELEASED);
	KUNIT_EXPECT_EQ(f->test, le32_to_cpu(rec.flow), id);
	KUNIT_EXPECT_EQ(f->test, le16_to_cpu(rec.flags), flags);
	KUNIT_EXPECT_EQ(f->test, rec.error,
			flags & VIRTUOSO_CF_RESET ? VIRTUOSO_ERR_RESET : VIRTUOSO_ERR_NONE);
	KUNIT_EXPECT_EQ(f->test, le32_to_cpu(rec.u.update.snd_una), snd_una);
	KUNIT_EXPECT_EQ(f->test, le32_to_cpu(rec.u.update.rcv_seq), rcv_seq);
}

static void vho_chan_submit__header(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_submit_connect rec;
	unsigned int op;

	vho_fake_offer(f, 0, 4);
	for (op = 0; op < 256; op++) {
		if (op >= VIRTUOSO_SUBMIT_CONNECT && op <= VIRTUOSO_SUBMIT_SETOPT)
			continue;
		rec = vho_fake_connect_rec(f, 1);
		rec.hdr.op = op;
		vho_fake_submit(f, 0, &rec, sizeof(rec));
		vho_test_expect_bad(f, "op");
	}
	rec = vho_fake_connect_rec(f, 1);
	rec.hdr.reserved = 1;
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_test_expect_bad(f, "reserved");
	rec = vho_fake_connect_rec(f, 1);
	rec.hdr.flags = cpu_to_le16(VIRTUOSO_SF_NODELAY);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_test_expect_bad(f, "flags");
}

static void vho_chan_submit__size(struct kunit *test)
{
	static const struct {
		u8 op;
		u32 bytes;
	} ops[] = {
		{ VIRTUOSO_SUBMIT_CONNECT, sizeof(struct virtio_virtuoso_submit_connect) },
		{ VIRTUOSO_SUBMIT_ATTACH, sizeof(struct virtio_virtuoso_submit_attach) },
		{ VIRTUOSO_SUBMIT_REFUSE, sizeof(struct virtio_virtuoso_submit_attach) },
		{ VIRTUOSO_SUBMIT_UPDATE, sizeof(struct virtio_virtuoso_submit_update) },
		{ VIRTUOSO_SUBMIT_SETOPT, sizeof(struct virtio_virtuoso_submit_setopt) },
		{ VIRTUOSO_SUBMIT_PEER_MAC, sizeof(struct virtio_virtuoso_submit_peer_mac) },
	};
	struct vho_fake *f = test->priv;
	unsigned int i;
	u32 len;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		struct virtio_virtuoso_submit_connect rec = vho_fake_connect_rec(f, 1);

		rec.hdr.op = ops[i].op;
		for (len = 1; len <= VHO_FAKE_SLOT_BYTES; len++) {
			if (len == ops[i].bytes)
				continue;
			vho_fake_submit(f, 0, &rec, min_t(u32, len, sizeof(rec)));
			/* Longer ones claim what is behind the record, too. */
			f->vq[VIRTUOSO_VQ_SUBMIT(0)].desc[(f->vq[VIRTUOSO_VQ_SUBMIT(0)].avail_idx - 1) %
							  VHO_FAKE_VQ_NUM].len =
				(__force __virtio32)cpu_to_le32(len);
			vho_test_expect_bad(f, "size");
		}
	}
}

static void vho_chan_submit__buffer(struct kunit *test)
{
	struct virtio_virtuoso_submit_connect rec;
	struct vho_fake *f = test->priv;
	u16 vq = VIRTUOSO_VQ_SUBMIT(0);
	u64 end = VHO_FAKE_REGION + VHO_FAKE_REGION_BYTES;

	rec = vho_fake_connect_rec(f, 1);
	memcpy(vho_fake_ptr(f, end - sizeof(rec)), &rec, sizeof(rec));
	vho_fake_add(f, vq, end - sizeof(rec) + 1, sizeof(rec), false);
	vho_test_expect_bad(f, "across the region's end");
	vho_fake_add(f, vq, VHO_FAKE_REGION - 8, sizeof(rec), false);
	vho_test_expect_bad(f, "before the region");
	vho_fake_add(f, vq, 0, sizeof(rec), false);
	vho_test_expect_bad(f, "nowhere");
	vho_fake_add(f, vq, U64_MAX - 4, sizeof(rec), false);
	vho_test_expect_bad(f, "wraps");
	vho_fake_add(f, vq, end - sizeof(rec), sizeof(rec), true);
	vho_test_expect_bad(f, "writable");
}

/* A record that can only be answered waits for room, without keeping the core from sleeping. */
static void vho_chan_submit__stalled(struct kunit *test)
{
	struct virtio_virtuoso_submit_connect rec;
	struct vho_fake *f = test->priv;
	u32 id;

	for (id = 1; id <= 2; id++) {
		rec = vho_fake_connect_rec(f, id);
		rec.rport = 0;
		vho_fake_submit(f, 0, &rec, sizeof(rec));
	}
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_fake_used(f, VIRTUOSO_VQ_SUBMIT(0)), 0);
	KUNIT_EXPECT_FALSE(test, vho_fp_park(f->group));
	vho_fp_unpark(f->group);
	vho_fake_offer(f, 0, 1);
	KUNIT_EXPECT_TRUE(test, vho_fp_park(f->group));
	vho_fake_turn(f);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INVAL, 1);
	KUNIT_EXPECT_EQ(test, vho_fake_used(f, VIRTUOSO_VQ_SUBMIT(0)), 1);
	KUNIT_EXPECT_FALSE(test, vho_fp_park(f->group));
	vho_fake_offer(f, 0, 1);
	vho_fake_turn(f);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INVAL, 2);
	KUNIT_EXPECT_EQ(test, vho_fake_used(f, VIRTUOSO_VQ_SUBMIT(0)), 2);
}

/* Fields of CONNECT that make no connection: FAILED, and the id is free again. */
static void vho_submit_connect__fields(struct kunit *test)
{
	struct virtio_virtuoso_submit_connect rec[15];
	struct vho_fake *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rec); i++)
		rec[i] = vho_fake_connect_rec(f, 1);
	i = 0;
	rec[i++].laddr[0] = 0x20;		/* not IPv4 */
	memset(&rec[i++].laddr[12], 0, 4);
	rec[i++].laddr[12] = 0xe0;		/* multicast */
	memset(&rec[i++].raddr[12], 0, 4);
	memset(&rec[i++].raddr[12], 0xff, 4);
	rec[i++].raddr[12] = 0xef;
	rec[i++].lport = 0;
	rec[i++].rport = 0;
	rec[i++].reserved = cpu_to_le32(1);
	rec[i++].smac[5] ^= 1;			/* somebody else's */
	memset(rec[i++].dmac, 0, ETH_ALEN);
	rec[i++].dmac[0] |= 1;			/* multicast */
	rec[i++].tx.region = cpu_to_le32(1);
	rec[i++].rx.size_log2 = 30;
	rec[i++].rx.offset_bytes = cpu_to_le32(VHO_FAKE_REGION_BYTES);
	KUNIT_ASSERT_EQ(test, i, ARRAY_SIZE(rec));

	vho_fake_offer(f, 0, ARRAY_SIZE(rec));
	for (i = 0; i < ARRAY_SIZE(rec); i++) {
		vho_fake_submit(f, 0, &rec[i], sizeof(rec[i]));
		vho_fake_settle(f);
		vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INVAL, 1);
		KUNIT_EXPECT_EQ_MSG(test, f->port->nr_flows, 0, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(&vho_region_get(f->guest, 0)->users), 0, "case %u", i);
	}
	KUNIT_EXPECT_EQ(test, f->nr_sent, 0);
}

static void vho_submit_connect__id(struct kunit *test)
{
	struct virtio_virtuoso_submit_connect rec;
	struct vho_fake *f = test->priv;

	rec = vho_fake_connect_rec(f, 1);
	rec.hdr.flow = cpu_to_le32(VHO_FLOWS_MAX_ABI);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_test_expect_bad(f, "out of range");
	rec.hdr.flow = cpu_to_le32(U32_MAX);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_test_expect_bad(f, "none");
	vho_fake_connect(f, 1);
	rec = vho_fake_connect_rec(f, 2);
	rec.hdr.flow = cpu_to_le32(1);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_test_expect_bad(f, "in use");
	vho_fake_submit(f, 1, &rec, sizeof(rec));
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 1);
}

static void vho_submit_connect__over_limit(struct kunit *test)
{
	struct virtio_virtuoso_submit_connect rec;
	struct vho_fake *f = test->priv;

	f->port->max_flows = 0;
	rec = vho_fake_connect_rec(f, 1);
	vho_fake_offer(f, 0, 1);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_fake_settle(f);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_LIMIT, 1);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_limit), 1);
}

static void vho_submit_connect__tuple_in_use(struct kunit *test)
{
	struct virtio_virtuoso_submit_connect rec;
	struct vho_fake *f = test->priv;

	vho_fake_connect(f, 1);
	rec = vho_fake_connect_rec(f, 1);
	rec.hdr.flow = cpu_to_le32(2);
	vho_fake_offer(f, 1, 1);
	vho_fake_submit(f, 1, &rec, sizeof(rec));
	vho_fake_settle(f);
	vho_fake_expect_record(f, 1, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_INUSE, 2);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 1);
}

static void vho_submit_connect__refused_and_again(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);

	vho_fake_rx(f, &flow->key, VHO_TCPF_RST | VHO_TCPF_ACK, 0, flow->tcb.iss + 1, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 1);	/* nobody was told yet */
	vho_fake_offer(f, 0, 1);
	vho_fake_settle(f);
	vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_REFUSED, 1);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&vho_region_get(f->guest, 0)->users), 0);
	vho_fake_establish(f, 1);
}

static void vho_submit_update__not_the_guests(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	u32 tx = flow->tcb.tx_end, rx = flow->tcb.rx_read;

	vho_fake_update(f, 0, 2, tx, rx, 0);
	vho_test_expect_bad(f, "no such flow");
	vho_fake_update(f, 0, U32_MAX, tx, rx, 0);
	vho_test_expect_bad(f, "out of range");
	vho_fake_update(f, 0, 1, tx, rx, 0x8000);
	vho_test_expect_bad(f, "flags");
	vho_fake_update(f, 1, 1, tx, rx, VIRTUOSO_SF_ABORT);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 4);
}

static void vho_submit_update__outside_window(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	u32 tx = flow->tcb.tx_end, rx = flow->tcb.rx_read;
	const struct {
		u32 tx, rx;
	} cases[] = {
		{ tx + VHO_FAKE_RING_BYTES + 1, rx }, { tx - 1, rx }, { tx + (1u << 31), rx },
		{ tx, rx + 1 }, { tx, rx - 1 }, { tx, rx + (1u << 31) },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		vho_fake_update(f, 0, 1, cases[i].tx, cases[i].rx, VIRTUOSO_SF_CLOSE);
		vho_test_expect_bad(f, "window");
		KUNIT_EXPECT_EQ(test, flow->tcb.tx_end, tx);
		KUNIT_EXPECT_EQ(test, flow->tcb.rx_read, rx);
		KUNIT_EXPECT_EQ(test, flow->tcb.app, 0);
		KUNIT_EXPECT_FALSE(test, flow->guest_closed);
	}
	vho_fake_update(f, 0, 1, tx + VHO_FAKE_RING_BYTES, rx, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tcb.tx_end, tx + VHO_FAKE_RING_BYTES);
}

/* ABORT and CLOSE while the slow path has not even begun, and with the SYN sent. */
static void vho_submit_update__end_while_connecting(struct kunit *test)
{
	static const u16 flags[] = { VIRTUOSO_SF_ABORT, VIRTUOSO_SF_CLOSE };
	struct virtio_virtuoso_submit_connect rec;
	struct vho_fake *f = test->priv;
	unsigned int i;

	vho_fake_offer(f, 0, 4);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		rec = vho_fake_connect_rec(f, 1);
		vho_fake_submit(f, 0, &rec, sizeof(rec));
		vho_fake_update(f, 0, 1, 0, 0, flags[i]);
		vho_fake_settle(f);
		vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_RESET, 1);
		KUNIT_EXPECT_EQ(test, f->nr_sent, i);	/* no SYN */
		vho_fake_connect(f, 1);
		vho_fake_update(f, 0, 1, 0, 0, flags[i]);
		vho_fake_settle(f);
		vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_RESET, 1);
		KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	}
}

static void vho_submit_update__abort_established(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	u32 iss = flow->tcb.iss;

	vho_fake_offer(f, 0, 2);
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_ABORT);
	vho_fake_settle(f);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_RST));
	vho_test_expect_released(f, 1, 0, iss + 1, VHO_FAKE_IRS + 1);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&vho_region_get(f->guest, 0)->users), 0);
	vho_fake_update(f, 0, 1, 0, 0, VIRTUOSO_SF_ABORT);
	vho_test_expect_bad(f, "released");
}

/* Our FIN first: TIME-WAIT, held by the slow path after the guest has let go. */
static void vho_submit_update__close_to_time_wait(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	struct vho_flow_key key = flow->key;
	u32 iss = flow->tcb.iss;

	vho_fake_update_flags(f, flow, VIRTUOSO_SF_CLOSE);
	vho_fake_settle(f);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_FIN));
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_FIN_WAIT1);
	vho_fake_rx(f, &key, VHO_TCPF_FIN | VHO_TCPF_ACK, VHO_FAKE_IRS + 1, iss + 2, 0);
	vho_fake_offer(f, 0, 1);
	vho_fake_settle(f);
	vho_test_expect_released(f, 1, VIRTUOSO_CF_FIN | VIRTUOSO_CF_FIN_ACKED, iss + 1,
				 VHO_FAKE_IRS + 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&vho_region_get(f->guest, 0)->users), 0);
	KUNIT_ASSERT_PTR_EQ(test, vho_fake_lookup(&key), flow);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_TIME_WAIT);
	KUNIT_EXPECT_PTR_EQ(test, flow->owner, &vho_slow);
	f->ahead_ns += 61 * NSEC_PER_SEC;
	vho_fake_run_timers(f);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
}

/* CLOSE, CLOSE again, ABORT, ABORT again: released once. */
static void vho_submit_update__repeated(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	struct virtio_virtuoso_complete rec;
	u32 iss = flow->tcb.iss;

	vho_fake_offer(f, 0, 4);
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_CLOSE);
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_CLOSE);
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_ABORT);
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_ABORT);
	vho_fake_settle(f);
	vho_test_expect_released(f, 1, 0, iss + 1, VHO_FAKE_IRS + 1);
	KUNIT_EXPECT_FALSE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
}

/* The peer's RST: CF_RESET, then nothing until the guest closes. */
static void vho_submit_update__after_reset(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	struct virtio_virtuoso_complete rec;
	u32 iss = flow->tcb.iss;

	vho_fake_offer(f, 0, 4);
	vho_fake_rx(f, &flow->key, VHO_TCPF_RST, VHO_FAKE_IRS + 1, 0, 0);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_UPDATE);
	KUNIT_EXPECT_EQ(test, rec.error, VIRTUOSO_ERR_RESET);
	KUNIT_EXPECT_TRUE(test, le16_to_cpu(rec.flags) & VIRTUOSO_CF_RESET);
	vho_fake_settle(f);
	KUNIT_EXPECT_FALSE(test, vho_fake_complete(f, 0, &rec));
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_CLOSE);
	vho_fake_settle(f);
	vho_test_expect_released(f, 1, VIRTUOSO_CF_RESET, iss + 1, VHO_FAKE_IRS + 1);
}

static void vho_submit_setopt__not_the_guests(struct kunit *test)
{
	struct virtio_virtuoso_submit_setopt rec = {
		.hdr = { .op = VIRTUOSO_SUBMIT_SETOPT, .flow = cpu_to_le32(1) },
		.user_timeout_ms = cpu_to_le32(U32_MAX),
		.keepalive_idle_s = cpu_to_le32(U32_MAX),
		.keepalive_intvl_s = cpu_to_le32(U32_MAX),
		.keepalive_probes = cpu_to_le16(U16_MAX),
		.tos = 0xff,
	};
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);

	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tos, 0xfc);	/* ECN is not the guest's */
	KUNIT_EXPECT_EQ(test, flow->tcb.user_timeout_ms, U32_MAX);
	rec.reserved = 1;
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_test_expect_bad(f, "reserved");
	rec.reserved = 0;
	rec.hdr.flow = cpu_to_le32(VHO_FLOWS_MAX_ABI);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_test_expect_bad(f, "out of range");
	rec.hdr.flow = cpu_to_le32(1);
	vho_fake_submit(f, 1, &rec, sizeof(rec));
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 3);
	/* It may have crossed RELEASED. */
	rec.hdr.flow = cpu_to_le32(2);
	vho_fake_submit(f, 0, &rec, sizeof(rec));
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 3);
}

static const struct virtio_virtuoso_submit_peer_mac vho_test_peer_mac = {
	.hdr = { .op = VIRTUOSO_SUBMIT_PEER_MAC, .flow = cpu_to_le32(1) },
	.dmac = { 2, 0, 0, 0, 0, 7 },
};

static void vho_test_expect_dmac(struct kunit *test, const struct vho_flow *flow, const u8 *mac)
{
	u8 dmac[ETH_ALEN];

	vho_flow_dmac(flow, dmac);
	KUNIT_EXPECT_MEMEQ(test, dmac, mac, ETH_ALEN);
}

static void vho_submit_peer_mac__fields(struct kunit *test)
{
	static const u8 first[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 };
	struct virtio_virtuoso_submit_peer_mac rec[5];
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rec); i++)
		rec[i] = vho_test_peer_mac;
	rec[0].dmac[0] = 1;			/* multicast */
	memset(rec[1].dmac, 0, ETH_ALEN);
	rec[2].reserved[1] = 1;
	rec[3].hdr.flow = cpu_to_le32(VHO_FLOWS_MAX_ABI);
	rec[4].hdr.flags = cpu_to_le16(VIRTUOSO_SF_ABORT);
	for (i = 0; i < ARRAY_SIZE(rec); i++) {
		vho_fake_submit(f, 0, &rec[i], sizeof(rec[i]));
		vho_test_expect_bad(f, "field");
	}
	vho_fake_submit(f, 1, &vho_test_peer_mac, sizeof(vho_test_peer_mac));
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), ARRAY_SIZE(rec) + 1);
	vho_test_expect_dmac(test, flow, first);
}

/* It may have crossed RELEASED. */
static void vho_submit_peer_mac__no_flow(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	vho_fake_submit(f, 0, &vho_test_peer_mac, sizeof(vho_test_peer_mac));
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 0);
}

static void vho_submit_peer_mac__established(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);

	f->nr_sent = 0;
	vho_fake_submit(f, 0, &vho_test_peer_mac, sizeof(vho_test_peer_mac));
	vho_fake_settle(f);
	vho_test_expect_dmac(test, flow, vho_test_peer_mac.dmac);
	/* The peer hears of us by the new way. */
	KUNIT_EXPECT_EQ(test, f->nr_sent, 1);
	KUNIT_EXPECT_TRUE(test, vho_fake_sent(f, VHO_TCPF_ACK));
}

/* While the slow path repeats the SYN: one more goes out at once, if one was unanswered before. */
static void vho_submit_peer_mac__connecting(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);

	f->nr_sent = 0;
	vho_fake_submit(f, 0, &vho_test_peer_mac, sizeof(vho_test_peer_mac));
	vho_fake_settle(f);
	vho_test_expect_dmac(test, flow, vho_test_peer_mac.dmac);
	KUNIT_EXPECT_EQ(test, f->nr_sent, 0);
	flow->tcb.stalled = 1;
	vho_fake_submit(f, 0, &vho_test_peer_mac, sizeof(vho_test_peer_mac));
	vho_fake_settle(f);
	KUNIT_EXPECT_LE(test, flow->timer.node.expires, (ktime_t)ktime_get_ns());
}

static struct kunit_case vho_submit_cases[] = {
	KUNIT_CASE(vho_chan_submit__header),
	KUNIT_CASE(vho_chan_submit__size),
	KUNIT_CASE(vho_chan_submit__buffer),
	KUNIT_CASE(vho_chan_submit__stalled),
	KUNIT_CASE(vho_submit_connect__fields),
	KUNIT_CASE(vho_submit_connect__id),
	KUNIT_CASE(vho_submit_connect__over_limit),
	KUNIT_CASE(vho_submit_connect__tuple_in_use),
	KUNIT_CASE(vho_submit_connect__refused_and_again),
	KUNIT_CASE(vho_submit_update__not_the_guests),
	KUNIT_CASE(vho_submit_update__outside_window),
	KUNIT_CASE(vho_submit_update__end_while_connecting),
	KUNIT_CASE(vho_submit_update__abort_established),
	KUNIT_CASE(vho_submit_update__close_to_time_wait),
	KUNIT_CASE(vho_submit_update__repeated),
	KUNIT_CASE(vho_submit_update__after_reset),
	KUNIT_CASE(vho_submit_setopt__not_the_guests),
	KUNIT_CASE(vho_submit_peer_mac__fields),
	KUNIT_CASE(vho_submit_peer_mac__no_flow),
	KUNIT_CASE(vho_submit_peer_mac__established),
	KUNIT_CASE(vho_submit_peer_mac__connecting),
	{}
};

static struct kunit_suite vho_submit_suite = {
	.name = "virtuoso_submit",
	.init = vho_submit_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_submit_cases,
};
kunit_test_suite(vho_submit_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: submit records");
MODULE_LICENSE("GPL");
