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

static void vho_test_vq_desc(struct vho_fake *f, u16 vq, u16 i, u64 addr, u32 len, u16 flags)
{
	struct vring_desc *d = &f->vq[vq].desc[i];

	d->addr = (__force __virtio64)cpu_to_le64(addr);
	d->len = (__force __virtio32)cpu_to_le32(len);
	d->flags = (__force __virtio16)cpu_to_le16(flags);
	d->next = (__force __virtio16)cpu_to_le16(i + 1);
}

static void vho_test_desc(struct vho_fake *f, u16 i, u64 addr, u32 len, u16 flags)
{
	vho_test_vq_desc(f, VIRTUOSO_VQ_CONTROL, i, addr, len, flags);
}

static void vho_test_vq_offer(struct vho_fake *f, u16 vq)
{
	struct vho_fake_vq *q = &f->vq[vq];

	q->avail->ring[q->avail_idx++ % VHO_FAKE_VQ_NUM] = 0;
	q->avail->idx = (__force __virtio16)cpu_to_le16(q->avail_idx);
}

static void vho_test_offer(struct vho_fake *f)
{
	vho_test_vq_offer(f, VIRTUOSO_VQ_CONTROL);
}

static u16 vho_test_used(struct vho_fake *f, u16 vq)
{
	return le16_to_cpu((__force __le16)READ_ONCE(f->vq[vq].used->idx));
}

/* The answer of the request in descriptors 0 and following. */
static u32 vho_test_serve(struct vho_fake *f)
{
	struct vho_fake_vq *q = &f->vq[VIRTUOSO_VQ_CONTROL];
	__le32 *answer = vho_fake_ptr(f, VHO_TEST_ANSWER);
	u16 used = le16_to_cpu((__force __le16)q->used->idx);

	*answer = cpu_to_le32(VHO_TEST_NO_ANSWER);
	vho_test_offer(f);
	vho_ctrl_serve(f->port);
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
	listen.defer_s = cpu_to_le16(1);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_request(f, &listen, sizeof(listen)));
	KUNIT_EXPECT_EQ(test, f->port->nr_listeners, 1);
	listen.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_UNLISTEN);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_test_request(f, &listen, sizeof(listen)));
	listen.defer_s = 0;
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
	KUNIT_EXPECT_FALSE(test, vho_ctrl_serve(f->port));
	KUNIT_EXPECT_FALSE(test, vho_ctrl_serve(f->port));
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
	KUNIT_EXPECT_TRUE(test, vho_ctrl_serve(f->port));
	KUNIT_EXPECT_LT(test, f->guest->control->used_idx, VHO_FAKE_VQ_NUM);
	while (vho_ctrl_serve(f->port))
		;
	KUNIT_EXPECT_EQ(test, f->guest->control->used_idx, VHO_FAKE_VQ_NUM);
}

/* ---- the work, and a VMM that lets it wait ---- */

#define VHO_TEST_WAIT	(10 * HZ)

/* Queue of the other port's driver. */
#define VHO_TEST_OTHER_VQ	VIRTUOSO_VQ_EVENT

static void vho_test_region_add(struct vho_fake *f)
{
	struct virtio_virtuoso_ctrl_region req = {
		.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_REGION_ADD),
		.id = cpu_to_le32(1),
		.len_bytes = cpu_to_le32(PAGE_SIZE),
		.addr = cpu_to_le64(VHO_FAKE_BASE),
	};

	memcpy(vho_fake_ptr(f, VHO_TEST_REQ), &req, sizeof(req));
	vho_test_desc(f, 0, VHO_TEST_REQ, sizeof(req), VRING_DESC_F_NEXT);
	vho_test_desc(f, 1, VHO_TEST_ANSWER, 4, VRING_DESC_F_WRITE);
	vho_test_offer(f);
}

/* Another port with a running driver whose control queue has a LISTEN in it. */
static struct vho_port *vho_test_other(struct vho_fake *f)
{
	u64 addr = VHO_TEST_REQ - 2 * PAGE_SIZE;
	struct vho_port *other = vho_fake_port_new(f, 8);
	struct vho_guest_state *guest = vho_guest_alloc(other, 0);
	struct virtio_virtuoso_ctrl_listen req = {
		.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_LISTEN),
		.port = htons(80),
		.backlog = cpu_to_le32(5),
	};

	KUNIT_ASSERT_NOT_NULL(f->test, guest);
	guest->control = vho_fake_vq_init(f, VHO_TEST_OTHER_VQ);
	memcpy(vho_fake_ptr(f, addr), &req, sizeof(req));
	vho_test_vq_desc(f, VHO_TEST_OTHER_VQ, 0, addr, sizeof(req), 0);
	vho_test_vq_offer(f, VHO_TEST_OTHER_VQ);
	vho_group_guest_set(other->group[0], guest);
	vho_slow_guest_start(other, guest);
	return other;
}

static void vho_test_other_exit(struct vho_port *other)
{
	vho_ctrl_stop(other);
	vho_slow_guest_stop(other);
	vho_guest_free(other->group[0]->guest);
	vho_group_guest_clear(other->group[0]);
	vho_fake_port_exit(other);
}

static void vho_test_begin_stuck(struct vho_fake *f)
{
	f->stuck = &f->port->vdev;
	vho_test_region_add(f);
	vho_ctrl_kick(f->port);
	KUNIT_ASSERT_NE(f->test, 0, wait_for_completion_timeout(&f->waits, VHO_TEST_WAIT));
}

static void vho_ctrl_work__kick(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int i;

	/* More than one run takes. */
	vho_test_desc(f, 0, VHO_TEST_REQ, 1, 0);
	for (i = 0; i < VHO_FAKE_VQ_NUM - 1; i++)
		vho_test_offer(f);
	vho_ctrl_kick(f->port);
	while (vho_test_used(f, VIRTUOSO_VQ_CONTROL) < VHO_FAKE_VQ_NUM - 1)
		vho_ctrl_drain(f->port);
	vho_ctrl_drain(f->port);
	KUNIT_EXPECT_GT(test, f->calls, 0);
	KUNIT_EXPECT_NE(test, f->port->ctrl.ns, 0);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_sp_control), VHO_FAKE_VQ_NUM - 1);
}

/* One VMM makes its port's requests wait: other ports are served, their listeners included. */
static void vho_ctrl_work__stuck_alone(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_port *other = vho_test_other(f);

	vho_test_begin_stuck(f);
	vho_ctrl_start(other, other->group[0]->guest);
	vho_ctrl_drain(other);
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VHO_TEST_OTHER_VQ), 1);
	KUNIT_EXPECT_EQ(test, other->nr_listeners, 1);
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VIRTUOSO_VQ_CONTROL), 0);
	vho_test_other_exit(other);

	f->stuck = NULL;
	complete(&f->unstick);
	vho_ctrl_drain(f->port);
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VIRTUOSO_VQ_CONTROL), 1);
	KUNIT_EXPECT_NOT_NULL(test, vho_region_get(f->guest, 1));
}

/* Memory goes away under a request that reads it: stop does not wait, nothing is left behind. */
static void vho_ctrl_stop__in_request(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int maps;

	vho_test_begin_stuck(f);
	f->stuck = NULL;
	vho_fake_guest_stop(f);
	maps = f->nr_maps;
	complete(&f->unstick);
	vho_ctrl_drain(f->port);
	KUNIT_EXPECT_EQ(test, f->nr_maps, maps);
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VIRTUOSO_VQ_CONTROL), 0);
}

/* The same while it pins, and the next driver is already there. */
static void vho_ctrl_stop__in_map(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int maps = f->nr_maps;

	vho_test_begin_stuck(f);
	complete(&f->unstick);	/* reads the request */
	KUNIT_ASSERT_NE(test, 0, wait_for_completion_timeout(&f->waits, VHO_TEST_WAIT));
	f->stuck = NULL;
	vho_fake_guest_stop(f);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
	complete(&f->unstick);
	vho_fake_guest_start(f, 0);
	KUNIT_EXPECT_EQ(test, f->nr_maps, maps);
	KUNIT_EXPECT_NULL(test, vho_region_get(f->guest, 1));
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VIRTUOSO_VQ_CONTROL), 0);
}

/* A request for the slow path that comes there after the driver has gone. */
static void vho_ctrl_serve__slow_after_stop(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_ctrl_listen listen = {
		.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_LISTEN),
		.port = htons(80),
		.backlog = cpu_to_le32(5),
	};

	f->port->slow_guest = NULL;
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_FAULT, vho_test_request(f, &listen, sizeof(listen)));
	KUNIT_EXPECT_EQ(test, f->port->nr_listeners, 0);
}

static struct kunit_case vho_ctrl_cases[] = {
	KUNIT_CASE(vho_ctrl_serve__every_op),
	KUNIT_CASE(vho_ctrl_serve__header),
	KUNIT_CASE(vho_ctrl_serve__length),
	KUNIT_CASE(vho_ctrl_serve__buffers),
	KUNIT_CASE(vho_ctrl_serve__broken_ring),
	KUNIT_CASE(vho_ctrl_serve__bounded),
	KUNIT_CASE(vho_ctrl_serve__slow_after_stop),
	KUNIT_CASE(vho_ctrl_work__kick),
	KUNIT_CASE(vho_ctrl_work__stuck_alone),
	KUNIT_CASE(vho_ctrl_stop__in_request),
	KUNIT_CASE(vho_ctrl_stop__in_map),
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
