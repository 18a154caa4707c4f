// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of payload rings that grow: TX_RING and RX_RING records, and where bytes lie then.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/log2.h>

#include "../host/payload.h"
#include "../host/segment.h"
#include "host_fake.h"

#define VHO_GROWN_BYTES	(4 * VHO_FAKE_RING_BYTES)

static int vho_grow_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_guest_start(test->priv, 2);
	return 0;
}

/* One flow, whose guest may grow its rings. */
static struct vho_flow *vho_grow_flow(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	f->guest->features |= BIT_ULL(VIRTIO_VIRTUOSO_F_RING);
	return vho_fake_establish(f, 1);
}

static u32 vho_grow_users(struct vho_fake *f)
{
	return atomic_read(&vho_region_get(f->guest, 0)->users);
}

/* Behind the rings of the first flows; the @nr-th of its kind. */
static struct virtio_virtuoso_submit_ring vho_grow_rec(u8 op, u32 seq, unsigned int nr)
{
	struct virtio_virtuoso_submit_ring rec = {
		.hdr = { .op = op, .flow = cpu_to_le32(1) },
		.seq = cpu_to_le32(seq),
		.ring = vho_fake_ring(8 + 16 * nr),
	};

	rec.ring.size_log2 = ilog2(VHO_GROWN_BYTES);
	return rec;
}

static void vho_grow_submit(struct vho_fake *f, const struct virtio_virtuoso_submit_ring *rec)
{
	vho_fake_submit(f, 0, rec, sizeof(*rec));
	vho_fake_settle(f);
}

static void vho_grow_expect_bad(struct vho_fake *f, struct vho_flow *flow,
				const struct virtio_virtuoso_submit_ring *rec, const char *what)
{
	u64 bad = vho_fake_stat(f, VHO_STAT_guest_bad_submit);
	u32 users = vho_grow_users(f), tx = flow->tx.size, rx = flow->rx.size;

	vho_grow_submit(f, rec);
	KUNIT_EXPECT_EQ_MSG(f->test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), bad + 1, "%s", what);
	KUNIT_EXPECT_EQ_MSG(f->test, vho_grow_users(f), users, "%s", what);
	KUNIT_EXPECT_EQ_MSG(f->test, flow->tx.size, tx, "%s", what);
	KUNIT_EXPECT_EQ_MSG(f->test, flow->rx.size, rx, "%s", what);
	KUNIT_EXPECT_EQ_MSG(f->test, flow->tcb.tx_size, tx, "%s", what);
	KUNIT_EXPECT_EQ_MSG(f->test, flow->tcb.rx_size, rx, "%s", what);
}

static void vho_submit_ring__not_acceptable(struct kunit *test)
{
	static const u8 ops[] = { VIRTUOSO_SUBMIT_TX_RING, VIRTUOSO_SUBMIT_RX_RING };
	struct vho_flow *flow = vho_grow_flow(test);
	struct vho_fake *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		u32 seq = i ? flow->tcb.rx_read : flow->tcb.tx_end;
		struct virtio_virtuoso_submit_ring good = vho_grow_rec(ops[i], seq, 0), rec;

		rec = good;
		rec.hdr.flow = cpu_to_le32(2);
		vho_grow_expect_bad(f, flow, &rec, "no such flow");
		rec = good;
		rec.hdr.flags = cpu_to_le16(VIRTUOSO_SF_CLOSE);
		vho_grow_expect_bad(f, flow, &rec, "flags");
		rec = good;
		rec.seq = cpu_to_le32(seq - 1);
		vho_grow_expect_bad(f, flow, &rec, "before what was told");
		rec = good;
		rec.seq = cpu_to_le32(seq + (i ? 1 : VHO_FAKE_RING_BYTES + 1));
		vho_grow_expect_bad(f, flow, &rec, "beyond what there is");
		rec = good;
		rec.ring.size_log2 = ilog2(VHO_FAKE_RING_BYTES);
		vho_grow_expect_bad(f, flow, &rec, "no larger");
		rec = good;
		rec.ring.size_log2 = VIRTUOSO_RING_LOG2_MAX + 1;
		vho_grow_expect_bad(f, flow, &rec, "too large");
		rec = good;
		rec.ring.region = cpu_to_le32(7);
		vho_grow_expect_bad(f, flow, &rec, "no such region");
		rec = good;
		rec.ring.offset_bytes = cpu_to_le32(VHO_FAKE_REGION_BYTES - VHO_FAKE_RING_BYTES);
		vho_grow_expect_bad(f, flow, &rec, "beyond the region");
		rec = good;
		rec.ring.reserved[2] = 1;
		vho_grow_expect_bad(f, flow, &rec, "reserved");
		f->guest->features = 0;
		vho_grow_expect_bad(f, flow, &good, "feature not negotiated");
		f->guest->features = BIT_ULL(VIRTIO_VIRTUOSO_F_RING);
	}
}

/* On another channel, and for a flow that is not the core's yet. */
static void vho_submit_ring__not_now(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_complete failed;
	struct virtio_virtuoso_submit_ring rec;
	struct vho_flow *flow;

	f->guest->features |= BIT_ULL(VIRTIO_VIRTUOSO_F_RING);
	flow = vho_fake_connect(f, 1);
	rec = vho_grow_rec(VIRTUOSO_SUBMIT_TX_RING, flow->tcb.iss + 1, 0);
	vho_grow_submit(f, &rec);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 1);
	vho_fake_update_flags(f, flow, VIRTUOSO_SF_ABORT);
	vho_fake_offer(f, 0, 1);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &failed));

	flow = vho_fake_establish(f, 1);
	rec.seq = cpu_to_le32(flow->tcb.tx_end);
	vho_fake_submit(f, 1, &rec, sizeof(rec));
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 2);
	KUNIT_EXPECT_EQ(test, flow->tx.size, VHO_FAKE_RING_BYTES);
}

static void vho_submit_ring__after_the_end(struct kunit *test)
{
	struct vho_flow *flow = vho_grow_flow(test);
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_submit_ring rec;

	rec = vho_grow_rec(VIRTUOSO_SUBMIT_RX_RING, flow->tcb.rx_read, 0);
	vho_fake_rx(f, &flow->key, VHO_TCPF_RST, VHO_FAKE_IRS + 1, 0, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tcb.state, TCP_CLOSE);
	vho_grow_submit(f, &rec);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 0);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 2);
}

/* The byte that the guest sends at @seq. */
static u8 vho_grow_byte(u32 seq)
{
	return seq * 7 + (seq >> 8);
}

static void vho_grow_fill(struct vho_payload_mem *mem, const struct vho_flow *flow, u32 seq, u32 end)
{
	for (; seq != end; seq++)
		mem->vaddr[(seq - flow->tx.base_seq) & (mem->size - 1)] = vho_grow_byte(seq);
}

/* Return: bytes of payload from snd_una on that were found in the packets sent. */
static u32 vho_grow_check_sent(struct vho_fake *f, u32 seq)
{
	struct sk_buff *skb;
	u32 total = 0;

	while ((skb = __skb_dequeue(&f->netdev_rx))) {
		const struct tcphdr *th = tcp_hdr(skb);
		u32 at = ntohl(th->seq), i;
		u32 off = skb_transport_offset(skb) + th->doff * 4;

		for (i = 0; off + i < skb->len; i++) {
			u8 byte;

			KUNIT_ASSERT_EQ(f->test, 0, skb_copy_bits(skb, off + i, &byte, 1));
			if (byte != vho_grow_byte(at + i))
				KUNIT_FAIL_AND_ABORT(f->test, "byte %u is wrong", at + i - seq);
		}
		total += i;
		kfree_skb(skb);
	}
	return total;
}

static void vho_submit_ring__transmit(struct kunit *test)
{
	struct vho_flow *flow = vho_grow_flow(test);
	struct virtio_virtuoso_submit_ring rec, again;
	struct vho_fake *f = test->priv;
	u32 iss = flow->tcb.iss, seq = iss + 1, at = seq + 2001, end = at + 2003;
	struct virtio_virtuoso_complete done;

	/* What is told, then what is written and not told, then the larger ring. */
	vho_grow_fill(&flow->tx.mem, flow, seq, at);
	vho_fake_update(f, 0, 1, seq + 1000, VHO_FAKE_IRS + 1, 0);
	vho_fake_settle(f);
	rec = vho_grow_rec(VIRTUOSO_SUBMIT_TX_RING, at, 0);
	vho_grow_submit(f, &rec);
	KUNIT_EXPECT_EQ(test, flow->tx.size, VHO_GROWN_BYTES);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 3);
	vho_grow_fill(&flow->tx.mem, flow, at, end);
	again = vho_grow_rec(VIRTUOSO_SUBMIT_TX_RING, end, 1);
	again.ring.size_log2++;
	vho_grow_expect_bad(f, flow, &again, "while the old one is in use");

	vho_segment_group_init(f->group);
	f->build_segments = true;
	vho_fake_update(f, 0, 1, end, VHO_FAKE_IRS + 1, VIRTUOSO_SF_NODELAY);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_grow_check_sent(f, seq), end - seq - 1000);
	/* All of it once more, across the border. */
	f->ahead_ns += 3 * NSEC_PER_SEC;
	vho_fake_run_timers(f);
	vho_fake_settle(f);
	KUNIT_EXPECT_GT(test, vho_grow_check_sent(f, seq), 0);
	vho_fake_rx(f, &flow->key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, at - 1, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_GT(test, vho_grow_check_sent(f, seq), 0);
	f->build_segments = false;
	vho_segment_group_exit(f->group);

	/* The guest hears of the last byte in the old ring: it is the guest's again. */
	vho_fake_offer(f, 0, 1);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 3);
	vho_fake_rx(f, &flow->key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, at, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 3);	/* it has not heard */
	vho_fake_offer(f, 0, 1);
	vho_fake_settle(f);
	while (vho_fake_complete(f, 0, &done))
		;
	KUNIT_EXPECT_EQ(test, done.op, VIRTUOSO_COMPLETE_UPDATE);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(done.u.update.snd_una), at);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 2);
	vho_grow_submit(f, &again);
	KUNIT_EXPECT_EQ(test, flow->tx.size, 2 * VHO_GROWN_BYTES);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_submit), 1);
}

static void vho_submit_ring__receive(struct kunit *test)
{
	struct vho_flow *flow = vho_grow_flow(test);
	struct virtio_virtuoso_submit_ring rec, again;
	struct vho_fake *f = test->priv;
	u32 seq = VHO_FAKE_IRS + 1, tx = flow->tcb.tx_end, border;
	u8 *old = flow->rx.vaddr;

	vho_fake_rx(f, &flow->key, VHO_TCPF_ACK, seq, tx, 1000);
	vho_fake_settle(f);
	/* It has read 600, and has not said so before. */
	rec = vho_grow_rec(VIRTUOSO_SUBMIT_RX_RING, seq + 600, 0);
	vho_grow_submit(f, &rec);
	border = seq + 600 + VHO_FAKE_RING_BYTES;
	KUNIT_EXPECT_EQ(test, flow->rx.size, VHO_GROWN_BYTES);
	KUNIT_EXPECT_EQ(test, flow->tcb.rx_read, seq + 600);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 3);
	/* The peer hears that there is room. */
	KUNIT_EXPECT_EQ(test, flow->tcb.rcv_adv - flow->tcb.rx_read, VHO_GROWN_BYTES);

	/* Behind a gap, across the border, then the gap. */
	vho_fake_rx(f, &flow->key, VHO_TCPF_ACK, border - 100, tx, 300);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, old[(border - 1 - seq) % VHO_FAKE_RING_BYTES], 'x');
	KUNIT_EXPECT_EQ(test, old[(border - seq) % VHO_FAKE_RING_BYTES], 'x');	/* of the first 1000 */
	KUNIT_EXPECT_EQ(test, flow->rx.vaddr[border - 1 - seq], 0);
	KUNIT_EXPECT_EQ(test, flow->rx.vaddr[border - seq], 'x');
	KUNIT_EXPECT_EQ(test, flow->rx.vaddr[border + 199 - seq], 'x');
	KUNIT_EXPECT_EQ(test, flow->rx.vaddr[border + 200 - seq], 0);
	memset(old, 0, VHO_FAKE_RING_BYTES);
	vho_fake_rx(f, &flow->key, VHO_TCPF_ACK, seq + 1000, tx, border - 100 - seq - 1000);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, flow->tcb.rcv_nxt, border + 200);
	KUNIT_EXPECT_EQ(test, old[999], 0);
	KUNIT_EXPECT_EQ(test, old[1000], 'x');

	again = vho_grow_rec(VIRTUOSO_SUBMIT_RX_RING, border - 1, 1);
	again.ring.size_log2++;
	vho_grow_expect_bad(f, flow, &again, "while the old one is in use");
	vho_fake_update(f, 0, 1, tx, border - 1, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 3);
	vho_fake_update(f, 0, 1, tx, border, 0);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 2);
	again.seq = cpu_to_le32(border + 200);
	vho_grow_submit(f, &again);
	KUNIT_EXPECT_EQ(test, flow->rx.size, 2 * VHO_GROWN_BYTES);
	KUNIT_EXPECT_EQ(test, flow->tcb.rx_read, border + 200);
}

/* The connection ends while both rings are being replaced: nothing is held. */
static void vho_submit_ring__end(struct kunit *test)
{
	struct vho_flow *flow = vho_grow_flow(test);
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_submit_ring rec;

	rec = vho_grow_rec(VIRTUOSO_SUBMIT_TX_RING, flow->tcb.tx_end + 10, 0);
	vho_grow_submit(f, &rec);
	rec = vho_grow_rec(VIRTUOSO_SUBMIT_RX_RING, flow->tcb.rx_read, 1);
	vho_grow_submit(f, &rec);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 4);
	vho_fake_offer(f, 0, 4);
	vho_fake_update(f, 0, 1, flow->tcb.tx_end, flow->tcb.rx_read, VIRTUOSO_SF_ABORT);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, f->port->nr_flows, 0);
	KUNIT_EXPECT_EQ(test, vho_grow_users(f), 0);
}

/* Sequence numbers have come round since: there is no old ring. */
static void vho_payload_find__no_old(struct kunit *test)
{
	struct vho_payload_ring ring = { .size = 8192, .base_seq = 77 };
	u32 seqs[] = { 0, 1, 76, 77, 78, 1u << 31, U32_MAX }, pos, len;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(seqs); i++) {
		len = U32_MAX;
		KUNIT_EXPECT_PTR_EQ(test, vho_payload_find(&ring, seqs[i], &pos, &len), &ring.mem);
		KUNIT_EXPECT_EQ(test, pos, (seqs[i] - 77) % 8192);
		KUNIT_EXPECT_EQ(test, len, 8192 - pos);
	}
}

static void vho_payload_find__old(struct kunit *test)
{
	struct vho_payload_ring ring = { .size = 8192, .base_seq = U32_MAX - 5000, .old.size = 4096,
					 .old_end = 50 };
	const struct {
		u32 seq, pos, len;
		bool old;
	} cases[] = {
		{ 50 - 4097, (50 - 4097 - ring.base_seq) % 8192, 8192 - (50 - 4097 - ring.base_seq), false },
		{ 50 - 4096, (50 - 4096 - ring.base_seq) % 4096, 4096 - (50 - 4096 - ring.base_seq), true },
		{ 49, (49 - ring.base_seq) % 4096, 1, true },
		{ 50, (50 - ring.base_seq) % 8192, 8192 - (50 - ring.base_seq), false },
	};
	unsigned int i;
	u32 pos, len;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vho_payload_mem *mem = &ring.mem;

		if (cases[i].old)
			mem = &ring.old;
		len = 8192;
		KUNIT_EXPECT_PTR_EQ(test, vho_payload_find(&ring, cases[i].seq, &pos, &len), mem);
		KUNIT_EXPECT_EQ(test, pos, cases[i].pos);
		KUNIT_EXPECT_EQ(test, len, cases[i].len);
	}
}

static struct kunit_case vho_grow_cases[] = {
	KUNIT_CASE(vho_submit_ring__not_acceptable),
	KUNIT_CASE(vho_submit_ring__not_now),
	KUNIT_CASE(vho_submit_ring__after_the_end),
	KUNIT_CASE(vho_submit_ring__transmit),
	KUNIT_CASE(vho_submit_ring__receive),
	KUNIT_CASE(vho_submit_ring__end),
	KUNIT_CASE(vho_payload_find__no_old),
	KUNIT_CASE(vho_payload_find__old),
	{ }
};

static struct kunit_suite vho_grow_suite = {
	.name = "virtuoso_grow",
	.init = vho_grow_init,
	.exit = vho_fake_exit,
	.test_cases = vho_grow_cases,
};

kunit_test_suite(vho_grow_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: payload rings that grow");
