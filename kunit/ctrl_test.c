// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the control queue.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/virtio_config.h>

#include "../host/listener.h"
#include "host_fake.h"

/* Where requests and answers lie: the control queue needs no region. */
#define VHO_TEST_REQ		(VHO_FAKE_BASE + VHO_FAKE_REGION_OFF - 2 * PAGE_SIZE)
#define VHO_TEST_ANSWER		(VHO_TEST_REQ + PAGE_SIZE)
#define VHO_TEST_NO_ANSWER	U32_MAX

static int vho_ctrl_test_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_start_threads(test->priv);
	vho_fake_guest_start(test->priv, 0);
	return 0;
}

static void vho_test_desc(struct vho_fake *f, u16 i, u64 addr, u32 len, u16 flags)
{
	struct vring_desc *d = &f->vq[VIRTUOSO_VQ_CONTROL].desc[i];

	d->addr = (__force __virtio64)cpu_to_le64(addr);
	d->len = (__force __virtio32)cpu_to_le32(len);
	d->flags = (__force __virtio16)cpu_to_le16(flags);
	d->next = (__force __virtio16)cpu_to_le16(i + 1);
}

static void vho_test_offer(struct vho_fake *f)
{
	struct vho_fake_vq *q = &f->vq[VIRTUOSO_VQ_CONTROL];

	q->avail->ring[q->avail_idx++ % VHO_FAKE_VQ_NUM] = 0;
	q->avail->idx = (__force __virtio16)cpu_to_le16(q->avail_idx);
}

/* The answer of the request in descriptors 0 and following. */
static u32 vho_test_serve(struct vho_fake *f)
{
	struct vho_fake_vq *q = &f->vq[VIRTUOSO_VQ_CONTROL];
	__le32 *answer = vho_fake_ptr(f, VHO_TEST_ANSWER);
	u16 used = le16_to_cpu((__force __le16)q->used->idx);

	*answer = cpu_to_le32(VHO_TEST_NO_ANSWER);
	vho_test_offer(f);
	vho_ctrl_serve(f->port, f->guest);
	KUNIT_EXPECT_EQ(f->test, le16_to_cpu((__force __le16)q->used->idx), (u16)(used + 1));
	return le32_to_cpu(*answer);
}

static u32 vho_test_request(struct vho_fake *f, const void *req, u32 len)
{
	memcpy(vho_fake_ptr(f, VHO_TEST_REQ), req, len);
	vho_test_desc(f, 0, VHO_TEST_REQ, len, VRING_DESC_F_NEXT);
	vho_test_desc(f, 1, VHO_TEST_ANSWER, 4, VRING_DESC_F_WRITE);
	return vho_test_serve(f);
}

static void vho_ctrl_serve__every_op(struct kunit *test)
{
	struct virtio_virtuoso_ctrl_region region = {
		.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_REGION_ADD),
		.id = cpu_to_le32(1),
		.len_bytes = cpu_to_le32(PAGE_SIZE),
		.addr = cpu_to_le64(VHO_FAKE_BASE),
	};
	struct virtio_virtuoso_ctrl_addr addr = { .hdr.op = cpu_to_le16(VIRTUOSO_CTRL_ADDR_ADD) };
	struct virtio_virtuoso_ctrl_listen listen = {
		.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_LISTEN),
		.port = htons(80),
		.backlog = cpu_to_le32(5),
	};
	struct in6_addr guest = vho_fake_addr(VHO_FAKE_GUEST);
	struct vho_fake *f = test->priv;

	memcpy(addr.addr, &guest, sizeof(guest));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_request(f, &region, sizeof(region)));
	KUNIT_EXPECT_NOT_NULL(test, vho_region_get(f->guest, 1));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_EXIST, vho_test_request(f, &region, sizeof(region)));
	region.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_REGION_DEL);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_request(f, &region, sizeof(region)));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOENT, vho_test_request(f, &region, sizeof(region)));

	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_request(f, &addr, sizeof(addr)));
	KUNIT_EXPECT_EQ(test, f->port->nr_addrs, 1);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_EXIST, vho_test_request(f, &addr, sizeof(addr)));
	addr.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_ADDR_DEL);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_request(f, &addr, sizeof(addr)));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOENT, vho_test_request(f, &addr, sizeof(addr)));

	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_request(f, &listen, sizeof(listen)));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_request(f, &listen, sizeof(listen)));
	KUNIT_EXPECT_EQ(test, f->port->nr_listeners, 1);
	listen.reserved = cpu_to_le16(1);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_test_request(f, &listen, sizeof(listen)));
	listen.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_UNLISTEN);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_test_request(f, &listen, sizeof(listen)));
	listen.reserved = 0;
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_request(f, &listen, sizeof(listen)));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOENT, vho_test_request(f, &listen, sizeof(listen)));
}

static void vho_ctrl_serve__header(struct kunit *test)
{
	struct virtio_virtuoso_ctrl_listen req = { .port = htons(80) };
	struct vho_fake *f = test->priv;
	static const u16 unknown[] = { 0, VIRTUOSO_CTRL_UNLISTEN + 1, 255, 0x8000, U16_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		req.hdr.op = cpu_to_le16(unknown[i]);
		KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOTSUPP, vho_test_request(f, &req, sizeof(req)));
	}
	req.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_LISTEN);
	req.hdr.reserved0 = cpu_to_le16(1);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_test_request(f, &req, sizeof(req)));
	req.hdr.reserved0 = 0;
	req.hdr.reserved1 = cpu_to_le32(1);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_test_request(f, &req, sizeof(req)));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_control), 7);
	KUNIT_EXPECT_EQ(test, f->port->nr_listeners, 0);
}

static void vho_ctrl_serve__length(struct kunit *test)
{
	static const u32 bytes[] = {
		[VIRTUOSO_CTRL_REGION_ADD] = sizeof(struct virtio_virtuoso_ctrl_region),
		[VIRTUOSO_CTRL_REGION_DEL] = sizeof(struct virtio_virtuoso_ctrl_region),
		[VIRTUOSO_CTRL_ADDR_ADD] = sizeof(struct virtio_virtuoso_ctrl_addr),
		[VIRTUOSO_CTRL_ADDR_DEL] = sizeof(struct virtio_virtuoso_ctrl_addr),
		[VIRTUOSO_CTRL_LISTEN] = sizeof(struct virtio_virtuoso_ctrl_listen),
		[VIRTUOSO_CTRL_UNLISTEN] = sizeof(struct virtio_virtuoso_ctrl_listen),
	};
	struct vho_fake *f = test->priv;
	u8 req[64] = { };
	u32 op, len;

	for (op = 1; op < ARRAY_SIZE(bytes); op++) {
		req[0] = op;
		for (len = 1; len <= sizeof(req); len++)
			if (len != bytes[op])
				KUNIT_EXPECT_EQ_MSG(test, VIRTUOSO_STATUS_INVAL,
						    vho_test_request(f, req, len), "op %u, %u bytes",
						    op, len);
	}
}

static void vho_ctrl_serve__buffers(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	/* Memory that is not there. */
	vho_test_desc(f, 0, 0, 24, VRING_DESC_F_NEXT);
	vho_test_desc(f, 1, VHO_TEST_ANSWER, 4, VRING_DESC_F_WRITE);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_FAULT, vho_test_serve(f));
	/* A request in two buffers, and none at all. */
	vho_test_desc(f, 0, VHO_TEST_REQ, 8, VRING_DESC_F_NEXT);
	vho_test_desc(f, 1, VHO_TEST_REQ + 8, 16, VRING_DESC_F_NEXT);
	vho_test_desc(f, 2, VHO_TEST_ANSWER, 4, VRING_DESC_F_WRITE);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_test_serve(f));
	vho_test_desc(f, 0, VHO_TEST_ANSWER, 4, VRING_DESC_F_WRITE);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_test_serve(f));
	/* No room for the answer, or nowhere. */
	vho_test_desc(f, 0, VHO_TEST_REQ, 24, 0);
	KUNIT_EXPECT_EQ(test, VHO_TEST_NO_ANSWER, vho_test_serve(f));
	vho_test_desc(f, 0, VHO_TEST_REQ, 24, VRING_DESC_F_NEXT);
	vho_test_desc(f, 1, VHO_TEST_ANSWER, 3, VRING_DESC_F_WRITE);
	KUNIT_EXPECT_EQ(test, VHO_TEST_NO_ANSWER, vho_test_serve(f));
	vho_test_desc(f, 1, VHO_FAKE_BASE + VHO_FAKE_BYTES - 2, 4, VRING_DESC_F_WRITE);
	KUNIT_EXPECT_EQ(test, VHO_TEST_NO_ANSWER, vho_test_serve(f));
	KUNIT_EXPECT_EQ(test, f->config_changes, 0);
}

static void vho_ctrl_serve__broken_ring(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	vho_test_desc(f, 0, VHO_TEST_REQ, 24, VRING_DESC_F_INDIRECT);
	vho_test_offer(f);
	KUNIT_EXPECT_FALSE(test, vho_ctrl_serve(f->port, f->guest));
	KUNIT_EXPECT_FALSE(test, vho_ctrl_serve(f->port, f->guest));
	KUNIT_EXPECT_EQ(test, f->config_changes, 1);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_ring), 1);
	KUNIT_EXPECT_TRUE(test, vho_vdev_status(&f->port->vdev) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* A guest that asks without end leaves the slow path to the others. */
static void vho_ctrl_serve__bounded(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int i;

	vho_test_desc(f, 0, VHO_TEST_REQ, 1, 0);
	for (i = 0; i < VHO_FAKE_VQ_NUM; i++)
		vho_test_offer(f);
	KUNIT_EXPECT_TRUE(test, vho_ctrl_serve(f->port, f->guest));
	KUNIT_EXPECT_LT(test, f->guest->control->used_idx, VHO_FAKE_VQ_NUM);
	while (vho_ctrl_serve(f->port, f->guest))
		;
	KUNIT_EXPECT_EQ(test, f->guest->control->used_idx, VHO_FAKE_VQ_NUM);
}

static struct kunit_case vho_ctrl_cases[] = {
	KUNIT_CASE(vho_ctrl_serve__every_op),
	KUNIT_CASE(vho_ctrl_serve__header),
	KUNIT_CASE(vho_ctrl_serve__length),
	KUNIT_CASE(vho_ctrl_serve__buffers),
	KUNIT_CASE(vho_ctrl_serve__broken_ring),
	KUNIT_CASE(vho_ctrl_serve__bounded),
	{}
};

static struct kunit_suite vho_ctrl_suite = {
	.name = "virtuoso_ctrl",
	.init = vho_ctrl_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_ctrl_cases,
};
kunit_test_suite(vho_ctrl_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: control queue");
MODULE_LICENSE("GPL");
