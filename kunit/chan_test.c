// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of channels: complete records that find no place.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/virtio_config.h>

#include "../host/fp.h"
#include "host_fake.h"

static int vho_chan_test_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_guest_start(test->priv, 2);
	return 0;
}

/* Records wait until there are buffers, in order, none is lost. */
static void vho_chan_complete__no_buffers(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct virtio_virtuoso_complete rec;
	u32 id;

	for (id = 0; id < 5; id++) {
		struct vho_flow *flow = vho_fake_connect(f, id);

		vho_fake_rx(f, &flow->key, VHO_TCPF_RST | VHO_TCPF_ACK, 0, flow->tcb.iss + 1, 0);
	}
	vho_fake_settle(f);
	KUNIT_EXPECT_FALSE(test, vho_fake_complete(f, 0, &rec));
	vho_fake_offer(f, 0, 2);
	KUNIT_EXPECT_TRUE(test, vho_fp_park(f->group));
	vho_fake_settle(f);
	KUNIT_EXPECT_FALSE(test, vho_fp_park(f->group));
	vho_fake_offer(f, 0, 5);
	vho_fake_settle(f);
	for (id = 0; id < 5; id++)
		vho_fake_expect_record(f, 0, VIRTUOSO_COMPLETE_FAILED, VIRTUOSO_ERR_REFUSED, id);
	KUNIT_EXPECT_FALSE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, f->config_changes, 0);
}

/* News that came while there was no buffer is one record with the last state. */
static void vho_chan_complete__merged(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_establish(f, 1);
	struct virtio_virtuoso_complete rec;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		vho_fake_rx(f, &flow->key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1 + i * 10,
			    flow->tcb.iss + 1, 10);
		vho_fake_settle(f);
	}
	vho_fake_offer(f, 0, 5);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, rec.op, VIRTUOSO_COMPLETE_UPDATE);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rec.u.update.rcv_seq), VHO_FAKE_IRS + 51);
	KUNIT_EXPECT_FALSE(test, vho_fake_complete(f, 0, &rec));
	KUNIT_EXPECT_EQ(test, flow->rx.vaddr[49], 'x');
	KUNIT_EXPECT_EQ(test, flow->rx.vaddr[50], 0);
}

static void vho_test_complete_broken(struct kunit *test, u64 addr, u32 len, bool write)
{
	struct vho_fake *f = test->priv;

	vho_fake_connect(f, 1);
	vho_fake_update(f, 0, 1, 0, 0, VIRTUOSO_SF_ABORT);
	vho_fake_add(f, VIRTUOSO_VQ_COMPLETE(0), addr, len, write);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, f->config_changes, 1);
	KUNIT_EXPECT_TRUE(test, vho_vdev_status(&f->port->vdev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	KUNIT_EXPECT_TRUE(test, f->guest->channels[0].complete->broken);
	KUNIT_EXPECT_EQ(test, vho_fake_used(f, VIRTUOSO_VQ_COMPLETE(0)), 0);
	/* Nothing more comes of it, and the core may sleep. */
	vho_fake_offer(f, 0, 3);
	vho_fake_settle(f);
	KUNIT_EXPECT_EQ(test, f->config_changes, 1);
	KUNIT_EXPECT_FALSE(test, vho_fp_park(f->group));
}

static void vho_chan_complete__too_small(struct kunit *test)
{
	vho_test_complete_broken(test, VHO_FAKE_REGION, 63, true);
}

static void vho_chan_complete__outside_region(struct kunit *test)
{
	vho_test_complete_broken(test, VHO_FAKE_REGION + VHO_FAKE_REGION_BYTES - 32, 64, true);
}

static void vho_chan_complete__readable(struct kunit *test)
{
	vho_test_complete_broken(test, VHO_FAKE_REGION, 64, false);
}

static struct kunit_case vho_chan_cases[] = {
	KUNIT_CASE(vho_chan_complete__no_buffers),
	KUNIT_CASE(vho_chan_complete__merged),
	KUNIT_CASE(vho_chan_complete__too_small),
	KUNIT_CASE(vho_chan_complete__outside_region),
	KUNIT_CASE(vho_chan_complete__readable),
	{}
};

static struct kunit_suite vho_chan_suite = {
	.name = "virtuoso_chan",
	.init = vho_chan_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_chan_cases,
};
kunit_test_suite(vho_chan_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: complete records");
MODULE_LICENSE("GPL");
