// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the guest's channels: connections in the queue of those that have records to
 * submit. The test plays the virtqueues, which have few buffers, and the connections.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/virtio.h>
#include <linux/virtio_virtuoso.h>

#include "../guest/chan.h"
#include "../guest/conn.h"
#include "../guest/dev.h"
#include "../guest/priv.h"
#include "../guest/region.h"
#include "../guest/stats.h"
#include "guest_chan_fake.h"

#define VGU_TEST_SLOTS	2
#define VGU_TEST_NODES	2

/**
 * struct vgu_chan_test - a device with one channel
 * @dev: the device
 * @priv: its private part
 * @vdev: what its queues belong to
 * @vq: its queues
 * @vqs: pointers to them
 * @slot: buffers of the submit queue
 * @bytes: what they consist of
 * @held: those that the queue holds
 * @nr_held: how many
 * @consumes: the device gives them back
 * @node: connections
 * @more: records that each has to write
 * @said: records that it has written
 */
struct vgu_chan_test {
	struct vgu_dev *dev;
	struct vgu_dev_priv priv;
	struct virtio_device vdev;
	struct virtqueue vq[VIRTUOSO_VQ_SUBMIT(1)];
	struct virtqueue *vqs[VIRTUOSO_VQ_SUBMIT(1)];
	struct vgu_slot slot[VGU_TEST_SLOTS];
	u8 bytes[VGU_TEST_SLOTS][VIRTUOSO_SUBMIT_MAX_BYTES];
	void *held[VGU_TEST_SLOTS];
	unsigned int nr_held;
	bool consumes;
	struct vgu_chan_node node[VGU_TEST_NODES];
	unsigned int more[VGU_TEST_NODES];
	unsigned int said[VGU_TEST_NODES];
};

static struct vgu_chan_test *vgu_chan_test;	/* of the case that runs */

/* ---- what chan.c asks for ---- */

size_t vgu_conn_encode(struct vgu_chan_node *node, void *slot)
{
	struct vgu_chan_test *t = vgu_chan_test;
	unsigned int i = node - t->node;

	if (!t->more[i])
		return 0;
	t->more[i]--;
	t->said[i]++;
	return 8;
}

void vgu_conn_complete(struct vgu_dev *dev, struct vgu_chan *chan,
		       const struct virtio_virtuoso_complete *rec)
{
}

/* Those of complete records are not needed. */
int vgu_slots_init(struct vgu_dev *dev, struct vgu_slots *slots, u32 nr, u32 bytes)
{
	struct vgu_chan_test *t = vgu_chan_test;
	unsigned int i;

	if (bytes < VIRTUOSO_SUBMIT_MAX_BYTES)
		return 0;
	for (i = 0; i < VGU_TEST_SLOTS; i++) {
		t->slot[i].vaddr = t->bytes[i];
		vgu_slot_put(slots, &t->slot[i]);
	}
	return 0;
}

void vgu_slots_exit(struct vgu_slots *slots)
{
}

int vgu_fake_add_outbuf(struct virtqueue *vq, struct scatterlist sg[], unsigned int num, void *data,
			gfp_t gfp)
{
	struct vgu_chan_test *t = vgu_chan_test;

	if (t->nr_held == VGU_TEST_SLOTS)
		return -ENOSPC;
	t->held[t->nr_held++] = data;
	return 0;
}

int vgu_fake_add_inbuf(struct virtqueue *vq, struct scatterlist sg[], unsigned int num, void *data,
		       gfp_t gfp)
{
	return -ENOSPC;
}

void *vgu_fake_get_buf(struct virtqueue *vq, unsigned int *len)
{
	struct vgu_chan_test *t = vgu_chan_test;

	if (vq->index != VIRTUOSO_VQ_SUBMIT(0) || !t->consumes || !t->nr_held)
		return NULL;
	return t->held[--t->nr_held];
}

bool vgu_fake_enable_cb(struct virtqueue *vq)
{
	return !vgu_chan_test->consumes;
}

unsigned int vgu_fake_enable_cb_prepare(struct virtqueue *vq)
{
	return 0;
}

bool vgu_fake_poll(struct virtqueue *vq, unsigned int state)
{
	return false;
}

void vgu_fake_disable_cb(struct virtqueue *vq)
{
}

bool vgu_fake_kick(struct virtqueue *vq)
{
	return true;
}

unsigned int vgu_fake_get_vring_size(const struct virtqueue *vq)
{
	return VGU_TEST_SLOTS;
}

/* ---- a device ---- */

static int vgu_chan_test_init(struct kunit *test)
{
	struct vgu_chan_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct net_device *netdev = alloc_etherdev(sizeof(struct vgu_dev));
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_NOT_NULL(test, netdev);
	test->priv = t;
	vgu_chan_test = t;
	t->dev = netdev_priv(netdev);
	t->dev->netdev = netdev;
	t->dev->vdev = &t->vdev;
	t->dev->priv = &t->priv;
	t->dev->nr_chans = 1;
	t->vdev.priv = t->dev;
	t->priv.dev = t->dev;
	t->priv.vqs = t->vqs;
	t->priv.counters = alloc_percpu(struct vgu_counters);
	KUNIT_ASSERT_NOT_NULL(test, t->priv.counters);
	for (i = 0; i < ARRAY_SIZE(t->vq); i++) {
		t->vq[i].vdev = &t->vdev;
		t->vq[i].index = i;
		t->vqs[i] = &t->vq[i];
	}
	for (i = 0; i < VGU_TEST_NODES; i++)
		INIT_LIST_HEAD(&t->node[i].list);
	KUNIT_ASSERT_EQ(test, 0, vgu_chans_init(t->dev));
	KUNIT_ASSERT_EQ(test, 0, vgu_chans_start(t->dev));
	return 0;
}

static void vgu_chan_test_exit(struct kunit *test)
{
	struct vgu_chan_test *t = test->priv;

	vgu_chans_stop(t->dev);
	vgu_chans_exit(t->dev);
	free_percpu(t->priv.counters);
	free_netdev(t->dev->netdev);
}

/* Connection @i has @more records to write. */
static void vgu_test_queue(struct vgu_chan_test *t, unsigned int i, unsigned int more)
{
	t->more[i] += more;
	vgu_chan_queue(vgu_chan_this_cpu(t->dev), &t->node[i]);
}

/* The device gives the buffers back, and interrupts. */
static void vgu_test_consume(struct vgu_chan_test *t)
{
	t->consumes = true;
	local_bh_disable();
	vgu_chan_submit_done(&t->vq[VIRTUOSO_VQ_SUBMIT(0)]);
	local_bh_enable();
}

static void vgu_chan_queue__at_once(struct kunit *test)
{
	struct vgu_chan_test *t = test->priv;

	vgu_test_queue(t, 0, 2);
	KUNIT_EXPECT_EQ(test, t->said[0], 2);
	vgu_test_consume(t);
	vgu_test_queue(t, 1, 1);
	KUNIT_EXPECT_EQ(test, t->said[1], 1);
	KUNIT_EXPECT_FALSE(test, t->node[0].queued || t->node[1].queued);
}

static void vgu_chan_queue__full(struct kunit *test)
{
	struct vgu_chan_test *t = test->priv;

	vgu_test_queue(t, 0, 3);
	vgu_test_queue(t, 1, 1);
	KUNIT_EXPECT_EQ(test, t->said[0], VGU_TEST_SLOTS);
	KUNIT_EXPECT_EQ(test, t->said[1], 0);
	KUNIT_EXPECT_TRUE(test, t->node[0].queued && t->node[1].queued);
	vgu_test_consume(t);
	KUNIT_EXPECT_EQ(test, t->said[0], 3);
	KUNIT_EXPECT_EQ(test, t->said[1], 1);
	KUNIT_EXPECT_FALSE(test, t->node[0].queued || t->node[1].queued);
}

/* Who has something to say while the device forgets the flow is late: the memory goes next. */
static void vgu_chan_unqueue__for_good(struct kunit *test)
{
	struct vgu_chan_test *t = test->priv;

	vgu_test_queue(t, 0, 3);
	vgu_chan_unqueue(vgu_chan_this_cpu(t->dev), &t->node[0]);
	KUNIT_EXPECT_FALSE(test, t->node[0].queued);
	vgu_test_queue(t, 0, 1);
	KUNIT_EXPECT_FALSE(test, t->node[0].queued);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->node[0].list));
	vgu_test_queue(t, 1, 1);
	vgu_test_consume(t);
	KUNIT_EXPECT_EQ(test, t->said[0], VGU_TEST_SLOTS);
	KUNIT_EXPECT_EQ(test, t->said[1], 1);
}

static struct kunit_case vgu_chan_test_cases[] = {
	KUNIT_CASE(vgu_chan_queue__at_once),
	KUNIT_CASE(vgu_chan_queue__full),
	KUNIT_CASE(vgu_chan_unqueue__for_good),
	{ }
};

static struct kunit_suite vgu_chan_test_suite = {
	.name = "virtuoso_guest_chan",
	.init = vgu_chan_test_init,
	.exit = vgu_chan_test_exit,
	.test_cases = vgu_chan_test_cases,
};
kunit_test_suite(vgu_chan_test_suite);
