// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of a port's mediated device: a device of a bus of the suite's own, whose driver does what the
 * VFIO transport does, with a VMM that the test plays.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/slab.h>

#include "../host/port.h"
#include "../host/port_mdev.h"

/* Long enough for anything that happens; short, where nothing is to happen. */
#define VHO_TEST_LONG	msecs_to_jiffies(20000)
#define VHO_TEST_SHORT	msecs_to_jiffies(50)

/**
 * struct vho_mdev_test - a port and its mediated device
 * @port: all that port_mdev.c needs of it
 * @ports: the list that it is in
 * @mdev: the device
 * @asked: the driver leaves, and asks the VMM that has it open
 * @let_go: the VMM does
 * @removed: how often the driver has left
 */
struct vho_mdev_test {
	struct vho_port port;
	struct list_head ports;
	struct device *mdev;
	struct completion asked;
	struct completion let_go;
	int removed;
};

static struct vho_mdev_test *vho_mdev_test;	/* of the case that runs */

static int vho_test_mdev_match(struct device *dev, const struct device_driver *drv)
{
	return 1;
}

static int vho_test_mdev_probe(struct device *dev)
{
	return vho_port_mdev_claim(&vho_mdev_test->port, dev);
}

static void vho_test_mdev_remove(struct device *dev)
{
	struct vho_mdev_test *t = vho_mdev_test;

	if (t->port.mdev_open) {
		complete(&t->asked);
		wait_for_completion(&t->let_go);
		vho_port_mdev_close(&t->port);
	}
	vho_port_mdev_release(&t->port);
	t->removed++;
}

static const struct bus_type vho_test_mdev_bus = {
	.name = "vho_test_mdev",
	.match = vho_test_mdev_match,
	.probe = vho_test_mdev_probe,
	.remove = vho_test_mdev_remove,
};

static struct device_driver vho_test_mdev_driver = {
	.name = "vho_test_mdev",
	.bus = &vho_test_mdev_bus,
};

static void vho_test_mdev_free(struct device *dev)
{
	kfree(dev);
}

static struct device *vho_test_mdev_add(struct kunit *test, const char *name)
{
	struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	dev->bus = &vho_test_mdev_bus;
	dev->release = vho_test_mdev_free;
	device_initialize(dev);
	KUNIT_ASSERT_EQ(test, 0, dev_set_name(dev, "%s", name));
	KUNIT_ASSERT_EQ(test, 0, device_add(dev));
	return dev;
}

static int vho_port_mdev_test_init(struct kunit *test)
{
	struct vho_mdev_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	vho_mdev_test = t;
	init_completion(&t->asked);
	init_completion(&t->let_go);
	kref_init(&t->port.ref);
	INIT_LIST_HEAD(&t->ports);
	list_add(&t->port.list, &t->ports);
	KUNIT_ASSERT_EQ(test, 0, vho_port_mdevs_init());
	KUNIT_ASSERT_EQ(test, 0, bus_register(&vho_test_mdev_bus));
	KUNIT_ASSERT_EQ(test, 0, driver_register(&vho_test_mdev_driver));
	t->mdev = vho_test_mdev_add(test, "mdev");
	KUNIT_ASSERT_PTR_EQ(test, t->port.mdev, t->mdev);
	return 0;
}

static void vho_port_mdev_test_exit(struct kunit *test)
{
	struct vho_mdev_test *t = test->priv;

	complete_all(&t->let_go);
	device_unregister(t->mdev);
	vho_port_mdevs_exit();
	driver_unregister(&vho_test_mdev_driver);
	bus_unregister(&vho_test_mdev_bus);
	KUNIT_EXPECT_NULL(test, t->port.mdev);
	KUNIT_EXPECT_NULL(test, t->port.ejecting);
	KUNIT_EXPECT_EQ(test, kref_read(&t->port.ref), 1);
}

static int vho_test_eject(struct vho_mdev_test *t, bool force, long timeout)
{
	int err;

	mutex_lock(&vho_ports_lock);
	err = vho_port_mdev_eject(&t->port, force, timeout, NULL);
	mutex_unlock(&vho_ports_lock);
	return err;
}

static void vho_port_mdev_claim__one(struct kunit *test)
{
	struct vho_mdev_test *t = test->priv;
	struct device *other = vho_test_mdev_add(test, "other");

	KUNIT_EXPECT_NULL(test, other->driver);
	KUNIT_EXPECT_EQ(test, vho_port_mdev_claim(&t->port, other), -EBUSY);
	t->port.dying = true;
	KUNIT_EXPECT_EQ(test, vho_port_mdev_claim(&t->port, other), -ENODEV);
	device_unregister(other);
	KUNIT_EXPECT_PTR_EQ(test, t->port.mdev, t->mdev);
}

static void vho_port_mdev_eject__idle(struct kunit *test)
{
	struct vho_mdev_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, vho_test_eject(t, false, VHO_TEST_LONG), 0);
	KUNIT_EXPECT_EQ(test, t->removed, 1);
	KUNIT_EXPECT_NULL(test, t->port.mdev);
	/* There is nothing to do any more, and the device may come back. */
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, false, 0), 0);
	KUNIT_EXPECT_GT(test, device_attach(t->mdev), 0);
	KUNIT_EXPECT_PTR_EQ(test, t->port.mdev, t->mdev);
}

static void vho_port_mdev_eject__in_use(struct kunit *test)
{
	struct vho_mdev_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, vho_port_mdev_open(&t->port), 0);
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, false, VHO_TEST_LONG), -EBUSY);
	KUNIT_EXPECT_FALSE(test, completion_done(&t->asked));
	KUNIT_EXPECT_NULL(test, t->port.ejecting);
	vho_port_mdev_close(&t->port);
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, false, VHO_TEST_LONG), 0);
}

static void vho_port_mdev_eject__force(struct kunit *test)
{
	struct vho_mdev_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, vho_port_mdev_open(&t->port), 0);
	complete(&t->let_go);
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, true, VHO_TEST_LONG), 0);
	KUNIT_EXPECT_TRUE(test, completion_done(&t->asked));
	KUNIT_EXPECT_EQ(test, t->removed, 1);
	KUNIT_EXPECT_FALSE(test, t->port.mdev_open);
}

/* Nobody waits for ever, nobody asks twice, and nobody gets hold of the device meanwhile. */
static void vho_port_mdev_eject__stubborn(struct kunit *test)
{
	struct vho_mdev_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, vho_port_mdev_open(&t->port), 0);
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, true, VHO_TEST_SHORT), -EBUSY);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&t->asked, VHO_TEST_LONG), 0);
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, true, VHO_TEST_SHORT), -EBUSY);
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, false, VHO_TEST_LONG), -EBUSY);
	KUNIT_EXPECT_FALSE(test, completion_done(&t->asked));
	KUNIT_EXPECT_EQ(test, vho_port_mdev_open(&t->port), -ENODEV);
	KUNIT_EXPECT_EQ(test, vho_port_mdev_claim(&t->port, t->mdev), -ENODEV);
	KUNIT_EXPECT_EQ(test, kref_read(&t->port.ref), 2);

	complete(&t->let_go);
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, true, VHO_TEST_LONG), 0);
	KUNIT_EXPECT_EQ(test, t->removed, 1);
}

/* The device goes by itself (sysfs) while somebody waits for the VMM. */
static void vho_port_mdev_eject__removed(struct kunit *test)
{
	struct vho_mdev_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, vho_port_mdev_open(&t->port), 0);
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, true, VHO_TEST_SHORT), -EBUSY);
	complete(&t->let_go);
	device_unregister(t->mdev);
	KUNIT_EXPECT_EQ(test, vho_test_eject(t, true, VHO_TEST_LONG), 0);
	KUNIT_EXPECT_EQ(test, t->removed, 1);
	t->mdev = vho_test_mdev_add(test, "mdev");
	KUNIT_EXPECT_PTR_EQ(test, t->port.mdev, t->mdev);
}

static struct kunit_case vho_port_mdev_test_cases[] = {
	KUNIT_CASE(vho_port_mdev_claim__one),
	KUNIT_CASE(vho_port_mdev_eject__idle),
	KUNIT_CASE(vho_port_mdev_eject__in_use),
	KUNIT_CASE(vho_port_mdev_eject__force),
	KUNIT_CASE(vho_port_mdev_eject__stubborn),
	KUNIT_CASE(vho_port_mdev_eject__removed),
	{ }
};

static struct kunit_suite vho_port_mdev_test_suite = {
	.name = "virtuoso_port_mdev",
	.init = vho_port_mdev_test_init,
	.exit = vho_port_mdev_test_exit,
	.test_cases = vho_port_mdev_test_cases,
};
kunit_test_suite(vho_port_mdev_test_suite);
