// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the split virtqueue: what a driver may do, and what a hostile one might.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>

#include "../host/ring.h"

#define VHO_TEST_NUM	8

/* The driver's memory, and the device's idea of it. */
struct vho_ring_test {
	struct kunit *test;
	struct vho_ring ring;
	struct vho_chain chain;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 avail_idx;
};

static int vho_ring_test_init(struct kunit *test)
{
	struct vho_ring_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->test = test;
	t->desc = kunit_kzalloc(test, vho_ring_desc_bytes(VHO_RING_SIZE_MAX), GFP_KERNEL);
	t->avail = kunit_kzalloc(test, vho_ring_avail_bytes(VHO_RING_SIZE_MAX), GFP_KERNEL);
	t->used = kunit_kzalloc(test, vho_ring_used_bytes(VHO_RING_SIZE_MAX), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->desc);
	KUNIT_ASSERT_NOT_NULL(test, t->avail);
	KUNIT_ASSERT_NOT_NULL(test, t->used);
	vho_ring_init(&t->ring, VHO_TEST_NUM, t->desc, t->avail, t->used, true);
	test->priv = t;
	return 0;
}

static void vho_test_desc(struct vho_ring_test *t, u16 i, u64 addr, u32 len, u16 flags, u16 next)
{
	t->desc[i].addr = (__force __virtio64)cpu_to_le64(addr);
	t->desc[i].len = (__force __virtio32)cpu_to_le32(len);
	t->desc[i].flags = (__force __virtio16)cpu_to_le16(flags);
	t->desc[i].next = (__force __virtio16)cpu_to_le16(next);
}

static void vho_test_set_idx(struct vho_ring_test *t, u16 idx)
{
	t->avail_idx = idx;
	t->avail->idx = (__force __virtio16)cpu_to_le16(idx);
}

static void vho_test_offer(struct vho_ring_test *t, u16 head)
{
	t->avail->ring[t->avail_idx & (t->ring.num - 1)] = (__force __virtio16)cpu_to_le16(head);
	vho_test_set_idx(t, t->avail_idx + 1);
}

static u16 vho_test_avail_event(struct vho_ring_test *t)
{
	return le16_to_cpu(*(__le16 *)&t->used->ring[t->ring.num]);
}

static void vho_test_set_used_event(struct vho_ring_test *t, u16 idx)
{
	t->avail->ring[t->ring.num] = (__force __virtio16)cpu_to_le16(idx);
}

static u16 vho_test_used_idx(struct vho_ring_test *t)
{
	return le16_to_cpu((__force __le16)t->used->idx);
}

/* The driver broke a rule: refused once, and from then on the queue is dead. */
static void vho_test_expect_broken(struct vho_ring_test *t)
{
	u16 last = t->ring.last_avail;

	KUNIT_EXPECT_EQ(t->test, vho_ring_pop(&t->ring, &t->chain), -EPROTO);
	KUNIT_EXPECT_TRUE(t->test, t->ring.broken);
	KUNIT_EXPECT_EQ(t->test, t->ring.last_avail, last);
	KUNIT_EXPECT_EQ(t->test, vho_ring_pop(&t->ring, &t->chain), 0);
	KUNIT_EXPECT_FALSE(t->test, vho_ring_pending(&t->ring));
	KUNIT_EXPECT_FALSE(t->test, vho_ring_kick_enable(&t->ring));
}

static void vho_ring_pop__empty(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 0);
	KUNIT_EXPECT_FALSE(test, t->ring.broken);
}

static void vho_ring_pop__not_live(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	t->ring.num = 0;
	vho_test_set_idx(t, 1);
	KUNIT_EXPECT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 0);
	KUNIT_EXPECT_FALSE(test, vho_ring_pending(&t->ring));
	KUNIT_EXPECT_FALSE(test, vho_ring_kick_enable(&t->ring));
}

static void vho_ring_pop__chain(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 3, 0x1000, 10, VRING_DESC_F_NEXT, 5);
	vho_test_desc(t, 5, 0x2000, 20, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	vho_test_desc(t, 1, U64_MAX, U32_MAX, VRING_DESC_F_WRITE, 77);
	vho_test_offer(t, 3);
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	KUNIT_EXPECT_EQ(test, t->chain.head, 3);
	KUNIT_EXPECT_EQ(test, t->chain.nr_out, 1);
	KUNIT_EXPECT_EQ(test, t->chain.nr_in, 2);
	KUNIT_EXPECT_EQ(test, t->chain.buf[0].addr, 0x1000ULL);
	KUNIT_EXPECT_EQ(test, t->chain.buf[1].len, 20);
	KUNIT_EXPECT_EQ(test, t->chain.buf[2].addr, U64_MAX);
	KUNIT_EXPECT_EQ(test, t->chain.buf[2].len, U32_MAX);
	KUNIT_EXPECT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 0);
}

/* What was taken is a copy: the driver changes nothing by writing later. */
static void vho_ring_pop__private_copy(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0x1000, 10, 0, 0);
	vho_test_offer(t, 0);
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	vho_test_desc(t, 0, 0x6666, 66, VRING_DESC_F_WRITE, 0);
	KUNIT_EXPECT_EQ(test, t->chain.buf[0].addr, 0x1000ULL);
	KUNIT_EXPECT_EQ(test, t->chain.buf[0].len, 10);
	KUNIT_EXPECT_EQ(test, t->chain.nr_in, 0);
}

static void vho_ring_pop__longest_chain(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;
	u16 i;

	vho_ring_init(&t->ring, 64, t->desc, t->avail, t->used, true);
	for (i = 0; i < VHO_CHAIN_MAX - 1; i++)
		vho_test_desc(t, i, i, 1, VRING_DESC_F_NEXT, i + 1);
	vho_test_desc(t, VHO_CHAIN_MAX - 1, 0, 1, 0, 0);
	vho_test_offer(t, 0);
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	KUNIT_EXPECT_EQ(test, t->chain.nr_out, VHO_CHAIN_MAX);
}

static void vho_ring_pop__chain_too_long(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;
	u16 i;

	vho_ring_init(&t->ring, 64, t->desc, t->avail, t->used, true);
	for (i = 0; i < VHO_CHAIN_MAX; i++)
		vho_test_desc(t, i, i, 1, VRING_DESC_F_NEXT, i + 1);
	vho_test_desc(t, VHO_CHAIN_MAX, 0, 1, 0, 0);
	vho_test_offer(t, 0);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__loop(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0, 1, VRING_DESC_F_NEXT, 1);
	vho_test_desc(t, 1, 0, 1, VRING_DESC_F_NEXT, 0);
	vho_test_offer(t, 0);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__loop_on_itself(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0, 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 0);
	vho_test_offer(t, 0);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__idx_jumps(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0, 1, 0, 0);
	vho_test_set_idx(t, VHO_TEST_NUM + 1);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__idx_goes_back(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0, 1, 0, 0);
	vho_test_offer(t, 0);
	vho_test_offer(t, 0);
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	vho_test_set_idx(t, 0);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__full_ring(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;
	u16 i;

	for (i = 0; i < VHO_TEST_NUM; i++) {
		vho_test_desc(t, i, i, 1, 0, 0);
		vho_test_offer(t, i);
	}
	for (i = 0; i < VHO_TEST_NUM; i++) {
		KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
		KUNIT_EXPECT_EQ(test, t->chain.head, i);
	}
	KUNIT_EXPECT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 0);
}

static void vho_ring_pop__head_out_of_range(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_offer(t, VHO_TEST_NUM);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__head_far_out_of_range(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_offer(t, U16_MAX);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__next_out_of_range(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0, 1, VRING_DESC_F_NEXT, VHO_TEST_NUM);
	vho_test_offer(t, 0);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__zero_length(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0x1000, 4, VRING_DESC_F_NEXT, 1);
	vho_test_desc(t, 1, 0x2000, 0, 0, 0);
	vho_test_offer(t, 0);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__readable_after_writable(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0x1000, 4, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	vho_test_desc(t, 1, 0x2000, 4, 0, 0);
	vho_test_offer(t, 0);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__indirect(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0x1000, 16, VRING_DESC_F_INDIRECT, 0);
	vho_test_offer(t, 0);
	vho_test_expect_broken(t);
}

static void vho_ring_pop__wraps(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;
	u32 i;

	vho_test_set_used_event(t, 0);
	for (i = 0; i < 0x10000 + 3 * VHO_TEST_NUM; i++) {
		u16 head = i % VHO_TEST_NUM;

		vho_test_desc(t, head, i, i + 1, 0, 0);
		vho_test_offer(t, head);
		KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
		KUNIT_ASSERT_EQ(test, t->chain.buf[0].len, i + 1);
		vho_ring_push(&t->ring, head, i);
		KUNIT_ASSERT_EQ(test, vho_test_used_idx(t), (u16)(i + 1));
		KUNIT_ASSERT_EQ(test, vho_ring_kick_enable(&t->ring), false);
		/* The driver asked for an interrupt at entry 0: once per round of the index. */
		KUNIT_ASSERT_EQ(test, vho_ring_need_signal(&t->ring), !(i & 0xffff));
	}
}

static void vho_ring_unpop__popped_again(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;
	u16 i;

	for (i = 0; i < 3; i++) {
		vho_test_desc(t, i, i, 1, 0, 0);
		vho_test_offer(t, i);
	}
	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	vho_ring_unpop(&t->ring, 2);
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	KUNIT_EXPECT_EQ(test, t->chain.head, 1);
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	KUNIT_EXPECT_EQ(test, t->chain.head, 2);
	KUNIT_EXPECT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 0);
}

/* Across the end of the index. */
static void vho_ring_unpop__wraps(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	t->ring.last_avail = 0xffff;
	t->ring.seen_avail = 0xffff;
	vho_test_set_idx(t, 0xffff);
	vho_test_desc(t, 0, 0, 1, 0, 0);
	vho_test_offer(t, 0);
	vho_test_offer(t, 0);
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	vho_ring_unpop(&t->ring, 2);
	KUNIT_EXPECT_EQ(test, t->ring.last_avail, 0xffff);
	KUNIT_EXPECT_FALSE(test, vho_ring_kick_enable(&t->ring));
	KUNIT_EXPECT_EQ(test, vho_test_avail_event(t), 1);
	KUNIT_EXPECT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
}

/* Given back because there were too few: no reason to look again before there are more. */
static void vho_ring_unpop__not_pending(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0, 1, 0, 0);
	vho_test_offer(t, 0);
	KUNIT_EXPECT_TRUE(test, vho_ring_pending(&t->ring));
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	vho_ring_unpop(&t->ring, 1);
	KUNIT_EXPECT_FALSE(test, vho_ring_kick_enable(&t->ring));
	KUNIT_EXPECT_EQ(test, vho_test_avail_event(t), 1);
	vho_test_offer(t, 0);
	KUNIT_EXPECT_TRUE(test, vho_ring_kick_enable(&t->ring));
}

static void vho_ring_push_n__visible_at_once(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;
	const u16 heads[] = { 4, 2, 7 };
	const u32 lens[] = { 100, 0, U32_MAX };
	unsigned int i;

	t->ring.used_idx = VHO_TEST_NUM - 1;	/* wraps in the ring */
	vho_ring_push_n(&t->ring, heads, lens, ARRAY_SIZE(heads));
	KUNIT_EXPECT_EQ(test, vho_test_used_idx(t), VHO_TEST_NUM + 2);
	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		struct vring_used_elem *e;

		e = &t->used->ring[(VHO_TEST_NUM - 1 + i) % VHO_TEST_NUM];
		KUNIT_EXPECT_EQ(test, le32_to_cpu((__force __le32)e->id), heads[i]);
		KUNIT_EXPECT_EQ(test, le32_to_cpu((__force __le32)e->len), lens[i]);
	}
}

static void vho_ring_need_signal__event_idx(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	KUNIT_EXPECT_FALSE(test, vho_ring_need_signal(&t->ring));
	vho_test_set_used_event(t, 1);
	vho_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_FALSE(test, vho_ring_need_signal(&t->ring));
	vho_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, vho_ring_need_signal(&t->ring));
	/* Once for each that is asked for. */
	KUNIT_EXPECT_FALSE(test, vho_ring_need_signal(&t->ring));
	vho_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_FALSE(test, vho_ring_need_signal(&t->ring));
}

/* Several were pushed since the last look, the driver waits for one in the middle. */
static void vho_ring_need_signal__batch(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;
	unsigned int i;

	vho_test_set_used_event(t, 2);
	for (i = 0; i < 5; i++)
		vho_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, vho_ring_need_signal(&t->ring));
}

static void vho_ring_need_signal__flag(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	t->ring.event_idx = false;
	vho_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, vho_ring_need_signal(&t->ring));
	t->avail->flags = (__force __virtio16)cpu_to_le16(VRING_AVAIL_F_NO_INTERRUPT);
	vho_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_FALSE(test, vho_ring_need_signal(&t->ring));
}

static void vho_ring_kick__event_idx(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	vho_test_desc(t, 0, 0, 1, 0, 0);
	vho_ring_kick_disable(&t->ring);
	KUNIT_EXPECT_EQ(test, vho_test_avail_event(t), 0x8000);
	vho_test_offer(t, 0);
	/* What came in while kicks were off is reported. */
	KUNIT_EXPECT_TRUE(test, vho_ring_kick_enable(&t->ring));
	KUNIT_EXPECT_EQ(test, vho_test_avail_event(t), 0);
	KUNIT_ASSERT_EQ(test, vho_ring_pop(&t->ring, &t->chain), 1);
	KUNIT_EXPECT_FALSE(test, vho_ring_kick_enable(&t->ring));
	KUNIT_EXPECT_EQ(test, vho_test_avail_event(t), 1);
}

static void vho_ring_kick__flag(struct kunit *test)
{
	struct vho_ring_test *t = test->priv;

	t->ring.event_idx = false;
	vho_ring_kick_disable(&t->ring);
	KUNIT_EXPECT_EQ(test, le16_to_cpu((__force __le16)t->used->flags), VRING_USED_F_NO_NOTIFY);
	KUNIT_EXPECT_FALSE(test, vho_ring_kick_enable(&t->ring));
	KUNIT_EXPECT_EQ(test, le16_to_cpu((__force __le16)t->used->flags), 0);
}

static struct kunit_case vho_ring_cases[] = {
	KUNIT_CASE(vho_ring_pop__empty),
	KUNIT_CASE(vho_ring_pop__not_live),
	KUNIT_CASE(vho_ring_pop__chain),
	KUNIT_CASE(vho_ring_pop__private_copy),
	KUNIT_CASE(vho_ring_pop__longest_chain),
	KUNIT_CASE(vho_ring_pop__chain_too_long),
	KUNIT_CASE(vho_ring_pop__loop),
	KUNIT_CASE(vho_ring_pop__loop_on_itself),
	KUNIT_CASE(vho_ring_pop__idx_jumps),
	KUNIT_CASE(vho_ring_pop__idx_goes_back),
	KUNIT_CASE(vho_ring_pop__full_ring),
	KUNIT_CASE(vho_ring_pop__head_out_of_range),
	KUNIT_CASE(vho_ring_pop__head_far_out_of_range),
	KUNIT_CASE(vho_ring_pop__next_out_of_range),
	KUNIT_CASE(vho_ring_pop__zero_length),
	KUNIT_CASE(vho_ring_pop__readable_after_writable),
	KUNIT_CASE(vho_ring_pop__indirect),
	KUNIT_CASE(vho_ring_pop__wraps),
	KUNIT_CASE(vho_ring_unpop__popped_again),
	KUNIT_CASE(vho_ring_unpop__wraps),
	KUNIT_CASE(vho_ring_unpop__not_pending),
	KUNIT_CASE(vho_ring_push_n__visible_at_once),
	KUNIT_CASE(vho_ring_need_signal__event_idx),
	KUNIT_CASE(vho_ring_need_signal__batch),
	KUNIT_CASE(vho_ring_need_signal__flag),
	KUNIT_CASE(vho_ring_kick__event_idx),
	KUNIT_CASE(vho_ring_kick__flag),
	{}
};

static struct kunit_suite vho_ring_suite = {
	.name = "virtuoso_ring",
	.init = vho_ring_test_init,
	.test_cases = vho_ring_cases,
};
kunit_test_suite(vho_ring_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: split virtqueue");
MODULE_LICENSE("GPL");
