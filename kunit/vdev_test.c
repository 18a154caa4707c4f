// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the device model: status, features, queue set-up, memory that goes away.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/virtio_config.h>

#include "host_fake.h"

#define VHO_TEST_FEATURES \
	(BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) | \
	 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | BIT_ULL(VIRTIO_VIRTUOSO_F_SOCK))
/* Control, event, frames, one channel. */
#define VHO_TEST_VQS		(VIRTUOSO_VQ_CHANNEL_BASE + 2)

static int vho_vdev_test_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_start_threads(test->priv);
	return 0;
}

static void vho_vdev_test_exit(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	if (f)
		vho_vdev_reset(&f->port->vdev);
	vho_fake_exit(test);
}

static void vho_vdev_set_status__start_and_reset(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_vdev *vdev = &f->port->vdev;

	vho_fake_driver_start(f, VHO_TEST_FEATURES, VHO_TEST_VQS);
	KUNIT_EXPECT_EQ(test, vho_vdev_status(vdev),
			VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	KUNIT_EXPECT_TRUE(test, vdev->running);
	KUNIT_ASSERT_NOT_NULL(test, f->group->guest);
	KUNIT_EXPECT_PTR_EQ(test, f->group->guest, f->port->slow_guest);
	KUNIT_EXPECT_EQ(test, f->group->guest->nr_channels, 1);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 3 * VHO_TEST_VQS);
	KUNIT_EXPECT_TRUE(test, f->carrier);

	vho_vdev_reset(vdev);
	KUNIT_EXPECT_FALSE(test, f->carrier);
	KUNIT_EXPECT_FALSE(test, f->cut_off);
	KUNIT_EXPECT_EQ(test, vho_vdev_status(vdev), 0);
	KUNIT_EXPECT_FALSE(test, vdev->running);
	KUNIT_EXPECT_NULL(test, f->group->guest);
	KUNIT_EXPECT_NULL(test, f->port->slow_guest);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
}

/* A driver that does not take what it must, or whose queues cannot be reached, gets nowhere. */
static void vho_vdev_set_status__refuses(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_vdev *vdev = &f->port->vdev;

	vho_fake_driver_start(f, BIT_ULL(VIRTIO_F_VERSION_1), VHO_TEST_VQS);
	KUNIT_EXPECT_FALSE(test, vho_vdev_status(vdev) & VIRTIO_CONFIG_S_FEATURES_OK);
	KUNIT_EXPECT_TRUE(test, vho_vdev_status(vdev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	KUNIT_EXPECT_FALSE(test, vdev->running);

	vho_vdev_reset(vdev);
	f->fail_map = -EFAULT;
	vho_fake_driver_start(f, VHO_TEST_FEATURES, VHO_TEST_VQS);
	KUNIT_EXPECT_TRUE(test, vho_vdev_status(vdev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	KUNIT_EXPECT_FALSE(test, vdev->running);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
	f->fail_map = 0;

	/* The next driver starts afresh. */
	vho_vdev_reset(vdev);
	KUNIT_EXPECT_EQ(test, vho_vdev_status(vdev), 0);
	vho_fake_driver_start(f, VHO_TEST_FEATURES, VHO_TEST_VQS);
	KUNIT_EXPECT_FALSE(test, vho_vdev_status(vdev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	KUNIT_EXPECT_TRUE(test, vdev->running);
}

static void vho_vdev_set_features__checks(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_vdev *vdev = &f->port->vdev;

	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_set_features(vdev, BIT_ULL(63)));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vho_vdev_set_features(vdev, VHO_TEST_FEATURES |
					      BIT_ULL(VIRTIO_VIRTUOSO_F_TSO)));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vho_vdev_set_features(vdev, VHO_TEST_FEATURES |
					      BIT_ULL(VIRTIO_VIRTUOSO_F_GUEST_TSO)));
	vho_fake_driver_start(f, VHO_TEST_FEATURES, VHO_TEST_VQS);
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_set_features(vdev, VHO_TEST_FEATURES));
}

static void vho_vdev_vq_set__checks(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_vdev *vdev = &f->port->vdev;
	static const u16 bad_num[] = { 0, 3, 1000, 2 * VHO_RING_SIZE_MAX, U16_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_num); i++)
		KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_num(vdev, 0, bad_num[i]));
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_num(vdev, VHO_VQ_MAX, 64));
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_addr(vdev, U16_MAX, 0, 0, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_addr(vdev, 0, 8, 0, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_addr(vdev, 0, 0, 1, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_addr(vdev, 0, 0, 0, 2));
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_ready(vdev, VHO_VQ_MAX, true));

	vho_fake_driver_start(f, VHO_TEST_FEATURES, VHO_TEST_VQS);
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_num(vdev, 0, 64));
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_addr(vdev, 0, 0, 0, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, vho_vdev_vq_set_ready(vdev, 0, false));
	/* A kick of a queue that does not exist is nothing. */
	vho_vdev_kick(vdev, U16_MAX);
}

static void vho_vdev_config_read__bounds(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_vdev *vdev = &f->port->vdev;
	u8 buf[8];

	vho_vdev_config_read(vdev, 0, buf, ETH_ALEN);
	KUNIT_EXPECT_MEMEQ(test, buf, f->port->mac, ETH_ALEN);
	memset(buf, 0xff, sizeof(buf));
	vho_vdev_config_read(vdev, sizeof(vdev->config) - 1, buf, sizeof(buf));
	KUNIT_EXPECT_EQ(test, buf[1], 0);
	vho_vdev_config_read(vdev, UINT_MAX, buf, sizeof(buf));
	KUNIT_EXPECT_EQ(test, buf[0], 0);
}

static void vho_vdev_invalidate__stops(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_vdev *vdev = &f->port->vdev;

	vho_fake_driver_start(f, VHO_TEST_FEATURES, VHO_TEST_VQS);
	vho_vdev_invalidate(vdev, VHO_FAKE_BASE + VHO_FAKE_BYTES, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, vdev->running);

	vho_vdev_invalidate(vdev, VHO_FAKE_BASE, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, vdev->running);
	KUNIT_EXPECT_TRUE(test, vho_vdev_status(vdev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
	KUNIT_EXPECT_EQ(test, f->config_changes, 1);
}

/*
 * Memory of a driver that was reset meanwhile: whoever comes next must not find NEEDS_RESET. What
 * an invalidation finds then is a mapping, and a device that does not run.
 */
static void vho_vdev_invalidate__after_reset(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_vdev *vdev = &f->port->vdev;
	struct vho_map map;

	KUNIT_ASSERT_EQ(test, 0, vho_vdev_map(vdev, &map, VHO_FAKE_BASE, PAGE_SIZE));
	vho_vdev_invalidate(vdev, VHO_FAKE_BASE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
	KUNIT_EXPECT_EQ(test, vho_vdev_status(vdev), 0);
	KUNIT_EXPECT_EQ(test, f->config_changes, 0);
	vho_vdev_unmap(vdev, &map);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
}

static struct kunit_case vho_vdev_cases[] = {
	KUNIT_CASE(vho_vdev_set_status__start_and_reset),
	KUNIT_CASE(vho_vdev_set_status__refuses),
	KUNIT_CASE(vho_vdev_set_features__checks),
	KUNIT_CASE(vho_vdev_vq_set__checks),
	KUNIT_CASE(vho_vdev_config_read__bounds),
	KUNIT_CASE(vho_vdev_invalidate__stops),
	KUNIT_CASE(vho_vdev_invalidate__after_reset),
	{ }
};

static struct kunit_suite vho_vdev_suite = {
	.name = "virtuoso_vdev",
	.init = vho_vdev_test_init,
	.exit = vho_vdev_test_exit,
	.test_cases = vho_vdev_cases,
};
kunit_test_suite(vho_vdev_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: device model");
MODULE_LICENSE("GPL");
