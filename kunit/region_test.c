// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of guest memory: regions, and the payload rings in them.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "host_fake.h"

#define VHO_PAGE	((u32)PAGE_SIZE)

static int vho_region_test_init(struct kunit *test)
{
	struct vho_fake *f;

	vho_fake_init(test);
	f = test->priv;
	vho_fake_start_threads(f);
	vho_fake_guest_start(f, 0);
	return 0;
}

static void vho_region_add__arguments(struct kunit *test)
{
	static const struct {
		u32 id;
		u64 addr;
		u32 len;
		u32 status;
	} cases[] = {
		{ VHO_REGIONS_MAX, VHO_FAKE_BASE, 4096, VIRTUOSO_STATUS_INVAL },
		{ U32_MAX, VHO_FAKE_BASE, 4096, VIRTUOSO_STATUS_INVAL },
		{ 1, VHO_FAKE_BASE, 0, VIRTUOSO_STATUS_INVAL },
		{ 1, VHO_FAKE_BASE, 4095, VIRTUOSO_STATUS_INVAL },
		{ 1, VHO_FAKE_BASE + 1, 4096, VIRTUOSO_STATUS_INVAL },
		{ 1, VHO_FAKE_BASE + 2048, 4096, VIRTUOSO_STATUS_INVAL },
		{ 1, VHO_FAKE_BASE, VHO_REGION_BYTES_MAX + 4096, VIRTUOSO_STATUS_INVAL },
		{ 1, VHO_FAKE_BASE, 0xfffff000, VIRTUOSO_STATUS_INVAL },
		{ 1, 0xfffffffffffff000, 8192, VIRTUOSO_STATUS_INVAL },
		{ 1, 0xfffffffffffff000, 4096, VIRTUOSO_STATUS_FAULT },
		{ 1, 0, 4096, VIRTUOSO_STATUS_FAULT },
		{ 1, VHO_FAKE_BASE - 4096, 8192, VIRTUOSO_STATUS_FAULT },
		{ 1, VHO_FAKE_BASE + VHO_FAKE_BYTES, 4096, VIRTUOSO_STATUS_FAULT },
		{ 0, VHO_FAKE_BASE, 4096, VIRTUOSO_STATUS_EXIST },
		{ VHO_REGIONS_MAX - 1, VHO_FAKE_BASE, 4096, VIRTUOSO_STATUS_OK },
	};
	struct vho_fake *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, cases[i].status,
				    vho_region_add(f->guest, cases[i].id, cases[i].addr, cases[i].len),
				    "case %u", i);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 2);
}

static void vho_region_add__overlap(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	u64 base = VHO_FAKE_BASE + 16 * VHO_PAGE;
	unsigned int maps = f->nr_maps;

	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_region_add(f->guest, 1, base, 4 * VHO_PAGE));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_EXIST,
			vho_region_add(f->guest, 2, base, 4 * VHO_PAGE));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_EXIST,
			vho_region_add(f->guest, 2, base + 3 * VHO_PAGE, VHO_PAGE));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_EXIST,
			vho_region_add(f->guest, 2, base - VHO_PAGE, 2 * VHO_PAGE));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_EXIST,
			vho_region_add(f->guest, 2, base - VHO_PAGE, 6 * VHO_PAGE));
	/* Nothing of the refused ones stays pinned. */
	KUNIT_EXPECT_EQ(test, f->nr_maps, maps + 1);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK,
			vho_region_add(f->guest, 2, base + 4 * VHO_PAGE, VHO_PAGE));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK,
			vho_region_add(f->guest, 3, base - VHO_PAGE, VHO_PAGE));
}

static void vho_region_add__no_memory(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	f->fail_map = -ENOMEM;
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOMEM,
			vho_region_add(f->guest, 1, VHO_FAKE_BASE, VHO_PAGE));
	f->fail_map = 0;
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK,
			vho_region_add(f->guest, 1, VHO_FAKE_BASE, VHO_PAGE));
}

static void vho_region_del__and_again(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOENT, vho_region_del(f->guest, 1));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOENT, vho_region_del(f->guest, U32_MAX));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_region_del(f->guest, 0));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOENT, vho_region_del(f->guest, 0));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION, 1));
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK,
			vho_region_add(f->guest, 0, VHO_FAKE_REGION, VHO_PAGE));
}

/* As many as make the tables of regions deep; all of them go with the driver. */
static void vho_guest_free__many_regions(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int maps = f->nr_maps, i;

	for (i = 1; i < VHO_REGIONS_MAX; i++)
		if (vho_region_add(f->guest, i, VHO_FAKE_BASE + i % 200 * VHO_PAGE, VHO_PAGE))
			break;
	KUNIT_EXPECT_EQ(test, i, 201);
	KUNIT_EXPECT_EQ(test, f->nr_maps, maps + 200);
	KUNIT_EXPECT_EQ(test, f->guest->region_bytes, VHO_FAKE_REGION_BYTES + 200 * VHO_PAGE);
	vho_fake_guest_stop(f);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
}

static void vho_region_ptr__bounds(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	u64 end = VHO_FAKE_REGION + VHO_FAKE_REGION_BYTES;

	KUNIT_EXPECT_PTR_EQ(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION, 1),
			    vho_fake_ptr(f, VHO_FAKE_REGION));
	KUNIT_EXPECT_PTR_EQ(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION + 5, 7),
			    vho_fake_ptr(f, VHO_FAKE_REGION + 5));
	KUNIT_EXPECT_NOT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION, VHO_FAKE_REGION_BYTES));
	KUNIT_EXPECT_NOT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, end - 1, 1));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, end - 1, 2));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, end, 1));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION - 1, 1));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION - 1, 2));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION, VHO_FAKE_REGION_BYTES + 1));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION + 8, U32_MAX));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, U64_MAX, U32_MAX));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, 0, 1));
}

/* Two regions that touch are two regions: no buffer lies in both. */
static void vho_region_ptr__across_regions(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	u64 base = VHO_FAKE_REGION - VHO_PAGE;

	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_region_add(f->guest, 1, base, VHO_PAGE));
	KUNIT_EXPECT_NOT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION - 1, 1));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION - 1, 2));
}

static void vho_payload_attach__arguments(struct kunit *test)
{
	static const struct {
		u32 region;
		u32 off;
		u8 size_log2;
		u8 reserved[3];
		int err;
	} cases[] = {
		{ 0, 0, 12, {}, 0 },
		{ 0, 0, 20, {}, 0 },
		{ 0, VHO_FAKE_REGION_BYTES - 4096, 12, {}, 0 },
		{ 0, 0, 11, {}, -EINVAL },
		{ 0, 0, 0, {}, -EINVAL },
		{ 0, 0, 21, {}, -EINVAL },	/* larger than the region */
		{ 0, 0, 22, {}, -EINVAL },
		{ 0, 0, 23, {}, -EINVAL },
		{ 0, 0, 32, {}, -EINVAL },
		{ 0, 0, 255, {}, -EINVAL },
		{ 1, 0, 12, {}, -EINVAL },	/* no such region */
		{ U32_MAX, 0, 12, {}, -EINVAL },
		{ 0, 1, 12, {}, -EINVAL },
		{ 0, 4095, 12, {}, -EINVAL },
		{ 0, VHO_FAKE_REGION_BYTES - 4096, 13, {}, -EINVAL },
		{ 0, VHO_FAKE_REGION_BYTES, 12, {}, -EINVAL },
		{ 0, 0xfffff000, 12, {}, -EINVAL },
		{ 0, 0xfffff000, 22, {}, -EINVAL },
		{ 0, 0, 12, { 1, 0, 0 }, -EINVAL },
		{ 0, 0, 12, { 0, 1, 0 }, -EINVAL },
		{ 0, 0, 12, { 0, 0, 1 }, -EINVAL },
	};
	struct vho_fake *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_virtuoso_ring abi = {
			.region = cpu_to_le32(cases[i].region),
			.offset_bytes = cpu_to_le32(cases[i].off),
			.size_log2 = cases[i].size_log2,
		};
		struct vho_payload_ring ring = { };

		memcpy(abi.reserved, cases[i].reserved, sizeof(abi.reserved));
		KUNIT_EXPECT_EQ_MSG(test, cases[i].err, vho_payload_attach(f->guest, &ring, &abi),
				    "case %u", i);
		if (cases[i].err) {
			KUNIT_EXPECT_EQ(test, ring.size, 0);
			KUNIT_EXPECT_NULL(test, ring.region);
			continue;
		}
		KUNIT_EXPECT_EQ(test, ring.size, 1u << cases[i].size_log2);
		KUNIT_EXPECT_PTR_EQ(test, ring.vaddr,
				    (u8 *)vho_fake_ptr(f, VHO_FAKE_REGION + cases[i].off));
		KUNIT_EXPECT_PTR_EQ(test, ring.pages[0], virt_to_page(ring.vaddr));
		vho_payload_detach(&ring);
	}
}

/* A region with rings in it stays, for each of them. */
static void vho_payload_attach__keeps_region(struct kunit *test)
{
	struct virtio_virtuoso_ring abi = { .size_log2 = 12 };
	struct vho_payload_ring tx = { }, rx = { };
	struct vho_fake *f = test->priv;

	KUNIT_ASSERT_EQ(test, 0, vho_payload_attach(f->guest, &tx, &abi));
	KUNIT_ASSERT_EQ(test, 0, vho_payload_attach(f->guest, &rx, &abi));
	KUNIT_EXPECT_EQ(test, atomic_read(&vho_region_get(f->guest, 0)->users), 2);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_BUSY, vho_region_del(f->guest, 0));
	vho_payload_detach(&tx);
	vho_payload_detach(&tx);	/* once counts */
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_BUSY, vho_region_del(f->guest, 0));
	vho_payload_detach(&rx);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_region_del(f->guest, 0));
}

static void vho_payload_store__wraps(struct kunit *test)
{
	struct vho_flow_key key = { .laddr = vho_fake_addr(1), .raddr = vho_fake_addr(2),
				    .lport = htons(1), .rport = htons(2) };
	struct virtio_virtuoso_ring abi = { .size_log2 = 12 };
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_flow_alloc(f->port, &key, GFP_KERNEL);
	struct sk_buff *skb = vho_fake_skb(f, &key, VHO_TCPF_ACK, 0, 0, 300);
	struct vho_rx_payload payload = { .skb = skb, .off = skb->len - 300 };
	struct vho_rx_seg seg = { .len = 300, .priv = &payload };
	u8 *ring;

	KUNIT_ASSERT_NOT_NULL(test, flow);
	/* Before a ring is there: nothing to store, or refused. */
	KUNIT_EXPECT_EQ(test, 0, vho_payload_store(flow, &seg, 0, 0, 0));
	KUNIT_EXPECT_EQ(test, -EFAULT, vho_payload_store(flow, &seg, 0, 0, 1));

	KUNIT_ASSERT_EQ(test, 0, vho_payload_attach(f->guest, &flow->rx, &abi));
	ring = flow->rx.vaddr;
	flow->rx.base_seq = U32_MAX - 9;
	KUNIT_EXPECT_EQ(test, 0, vho_payload_store(flow, &seg, 0, U32_MAX - 9 + 4000, 300));
	KUNIT_EXPECT_EQ(test, ring[3999], 0);
	KUNIT_EXPECT_EQ(test, ring[4000], 'x');
	KUNIT_EXPECT_EQ(test, ring[4095], 'x');
	KUNIT_EXPECT_EQ(test, ring[0], 'x');
	KUNIT_EXPECT_EQ(test, ring[203], 'x');
	KUNIT_EXPECT_EQ(test, ring[204], 0);
	KUNIT_EXPECT_EQ(test, ring[4096], 0);
	/* More than the packet has, more than the ring has. */
	KUNIT_EXPECT_EQ(test, -EFAULT, vho_payload_store(flow, &seg, 1, 0, 300));
	KUNIT_EXPECT_EQ(test, -EFAULT, vho_payload_store(flow, &seg, 0, 0, 4097));
	vho_payload_detach(&flow->rx);
	kfree_skb(skb);
	vho_flow_put(flow);
}

/* The neighbours of what goes stay, to the page. */
static void vho_region_del__neighbours(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	u64 base = VHO_FAKE_BASE + 16 * VHO_PAGE;
	unsigned int i;

	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK,
				vho_region_add(f->guest, 1 + i, base + 4 * i * VHO_PAGE, 4 * VHO_PAGE));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_region_del(f->guest, 2));
	KUNIT_EXPECT_NOT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, base + 4 * VHO_PAGE - 1, 1));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, base + 4 * VHO_PAGE, 1));
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, base + 8 * VHO_PAGE - 1, 1));
	KUNIT_EXPECT_NOT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, base + 8 * VHO_PAGE, 1));
	KUNIT_EXPECT_NULL(test, vho_region_get(f->guest, 2));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOENT, vho_region_del(f->guest, 2));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK,
			vho_region_add(f->guest, 2, base + 4 * VHO_PAGE, 4 * VHO_PAGE));
}

/* What the core has been told to leave alone it does not find, though the tables still hold it. */
static void vho_region_ptr__gone(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_ring abi = vho_fake_ring(0);
	struct vho_payload_ring ring = { };
	struct vho_region *region = vho_region_get(f->guest, 0);

	KUNIT_ASSERT_NOT_NULL(test, region);
	region->gone = true;
	KUNIT_EXPECT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION, 1));
	KUNIT_EXPECT_NULL(test, vho_region_get(f->guest, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_payload_attach(f->guest, &ring, &abi));
	region->gone = false;
	KUNIT_EXPECT_NOT_NULL(test, vho_region_ptr(f->guest, &f->group->recent, VHO_FAKE_REGION, 1));
}

static struct kunit_case vho_region_cases[] = {
	KUNIT_CASE(vho_region_add__arguments),
	KUNIT_CASE(vho_region_add__overlap),
	KUNIT_CASE(vho_region_add__no_memory),
	KUNIT_CASE(vho_region_del__and_again),
	KUNIT_CASE(vho_guest_free__many_regions),
	KUNIT_CASE(vho_region_del__neighbours),
	KUNIT_CASE(vho_region_ptr__bounds),
	KUNIT_CASE(vho_region_ptr__gone),
	KUNIT_CASE(vho_region_ptr__across_regions),
	KUNIT_CASE(vho_payload_attach__arguments),
	KUNIT_CASE(vho_payload_attach__keeps_region),
	KUNIT_CASE(vho_payload_store__wraps),
	{}
};

static struct kunit_suite vho_region_suite = {
	.name = "virtuoso_region",
	.init = vho_region_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_region_cases,
};
kunit_test_suite(vho_region_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: guest memory");
MODULE_LICENSE("GPL");
