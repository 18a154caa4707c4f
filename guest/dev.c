// SPDX-License-Identifier: GPL-2.0
/*
 * The virtio driver: probe, remove, device-wide events, and the end of a device that
 * broke.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/cpumask.h>
#include <linux/dev_printk.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_virtuoso.h>
#include <linux/workqueue.h>

#include <virtuoso/compat.h>

#include "chan.h"
#include "conn.h"
#include "ctrl.h"
#include "dev.h"
#include "frame.h"
#include "netdev.h"
#include "priv.h"
#include "region.h"
#include "stats.h"

#define VGU_CHANS_MAX	64
#define VGU_EVENT_SLOTS	16

static const unsigned int vgu_dev_features[] = {
	VIRTIO_VIRTUOSO_F_CSUM,
	VIRTIO_VIRTUOSO_F_GUEST_CSUM,
	VIRTIO_VIRTUOSO_F_TSO,
	VIRTIO_VIRTUOSO_F_GUEST_TSO,
	VIRTIO_VIRTUOSO_F_MRG_RXBUF,
	VIRTIO_VIRTUOSO_F_SOCK,
	VIRTIO_VIRTUOSO_F_RING,
};

/* --- event queue: owned by event_work --- */

static int vgu_event_post(struct vgu_dev *dev, struct vgu_slot *slot)
{
	struct scatterlist sg;

	sg_init_table(&sg, 1);
	vgu_slot_to_sg(slot, &sg, sizeof(struct virtio_virtuoso_event));
	return virtuoso_vq_add_inbuf(dev->priv->vqs[VIRTUOSO_VQ_EVENT], &sg, 1, slot);
}

static void vgu_event_handle(struct vgu_dev *dev, const struct virtio_virtuoso_event *event)
{
	vgu_count(dev, events);
	switch (le16_to_cpu(event->op)) {
	case VIRTUOSO_EVENT_RESET_NEEDED:
		dev_err(&dev->vdev->dev, "device gave up, reason %u\n", le32_to_cpu(event->arg));
		vgu_dev_fail(dev, "device asks for a reset");
		break;
	default:
		vgu_count(dev, events_bad);
	}
}

static void vgu_event_work(struct work_struct *work)
{
	struct vgu_dev_priv *priv = container_of(work, struct vgu_dev_priv, event_work);
	struct virtqueue *vq = priv->vqs[VIRTUOSO_VQ_EVENT];
	struct virtio_virtuoso_event event;
	struct vgu_slot *slot;
	unsigned int len;

	while ((slot = virtqueue_get_buf(vq, &len))) {
		memcpy(&event, slot->vaddr, sizeof(event));
		/* Fails when the device is broken only: then nobody needs it. */
		vgu_event_post(priv->dev, slot);
		if (len == sizeof(event))
			vgu_event_handle(priv->dev, &event);
		else
			vgu_count(priv->dev, events_bad);
	}
	virtqueue_kick(vq);
}

static void vgu_event_ready(struct virtqueue *vq)
{
	struct vgu_dev *dev = vq->vdev->priv;

	schedule_work(&dev->priv->event_work);
}

static int vgu_event_start(struct vgu_dev *dev)
{
	struct vgu_dev_priv *priv = dev->priv;
	struct virtqueue *vq = priv->vqs[VIRTUOSO_VQ_EVENT];
	u32 nr = min_t(u32, virtqueue_get_vring_size(vq), VGU_EVENT_SLOTS);
	struct vgu_slot *slot;
	int err;

	err = vgu_slots_init(dev, &priv->event_slots, nr, sizeof(struct virtio_virtuoso_event));
	while (!err && (slot = vgu_slot_get(&priv->event_slots)))
		err = vgu_event_post(dev, slot);
	if (err)
		return err;
	virtqueue_kick(vq);
	enable_work(&priv->event_work);
	schedule_work(&priv->event_work);
	return 0;
}

/* --- the end --- */

/*
 * From a running device to one that does nothing: no queue is used any more, the device is
 * reset, connections have ended. What is left is memory and a detached netdev.
 * Caller: fail_work, or whoever has disabled it.
 */
static void vgu_dev_end(struct vgu_dev *dev)
{
	struct vgu_dev_priv *priv = dev->priv;

	if (priv->dead)
		return;
	priv->dead = true;

	WRITE_ONCE(dev->gone, true);
	virtio_break_device(dev->vdev);
	vgu_netdev_stop(dev);
	vgu_ctrl_stop(dev);
	disable_work_sync(&priv->event_work);
	disable_work_sync(&priv->config_work);
	vgu_regions_stop(dev);
	if (priv->chans_running)
		vgu_chans_stop(dev);
	/* Transmission, frame polling and notifications run with BH off. */
	synchronize_net();
	virtio_reset_device(dev->vdev);
	if (priv->sock_added)
		vgu_conn_dev_del(dev);
}

static void vgu_dev_fail_work(struct work_struct *work)
{
	vgu_dev_end(container_of(work, struct vgu_dev_priv, fail_work)->dev);
}

void vgu_dev_fail(struct vgu_dev *dev, const char *why)
{
	dev_err(&dev->vdev->dev, "%s; its connections end, reload the driver to use it again\n",
		why);
	WRITE_ONCE(dev->gone, true);
	virtio_break_device(dev->vdev);
	schedule_work(&dev->priv->fail_work);
}

/* --- configuration changes --- */

static void vgu_dev_config_work(struct work_struct *work)
{
	struct vgu_dev *dev = container_of(work, struct vgu_dev_priv, config_work)->dev;

	if (READ_ONCE(dev->gone))
		return;
	if (dev->vdev->config->get_status(dev->vdev) & VIRTIO_CONFIG_S_NEEDS_RESET)
		vgu_dev_fail(dev, "device needs a reset");
	else
		vgu_netdev_read_status(dev);
}

static void vgu_dev_config_changed(struct virtio_device *vdev)
{
	struct vgu_dev *dev = vdev->priv;

	schedule_work(&dev->priv->config_work);
}

/* --- set-up --- */

static int vgu_dev_validate(struct virtio_device *vdev)
{
	u16 max_channels;
	u32 max_flows;

	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1)) {
		dev_err(&vdev->dev, "device is not a virtio 1 device\n");
		return -ENODEV;
	}
	/* An indirect table would lie outside of registered memory. */
	__virtio_clear_bit(vdev, VIRTIO_RING_F_INDIRECT_DESC);

	if (!virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_CSUM))
		__virtio_clear_bit(vdev, VIRTIO_VIRTUOSO_F_TSO);
	if (!virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_GUEST_CSUM) ||
	    !virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_MRG_RXBUF))
		__virtio_clear_bit(vdev, VIRTIO_VIRTUOSO_F_GUEST_TSO);

	virtio_cread_le(vdev, struct virtio_virtuoso_config, max_channels, &max_channels);
	virtio_cread_le(vdev, struct virtio_virtuoso_config, max_flows, &max_flows);
	if (!max_channels || !max_flows)
		__virtio_clear_bit(vdev, VIRTIO_VIRTUOSO_F_SOCK);
	if (!virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_SOCK))
		__virtio_clear_bit(vdev, VIRTIO_VIRTUOSO_F_RING);
	return 0;
}

static void vgu_dev_read_config(struct vgu_dev *dev)
{
	struct virtio_device *vdev = dev->vdev;
	u16 max_channels;

	virtio_cread_le(vdev, struct virtio_virtuoso_config, max_channels, &max_channels);
	virtio_cread_le(vdev, struct virtio_virtuoso_config, max_flows, &dev->max_flows);
	virtio_cread_le(vdev, struct virtio_virtuoso_config, max_regions,
			&dev->priv->max_regions);
	virtio_cread_le(vdev, struct virtio_virtuoso_config, max_region_bytes,
			&dev->priv->max_region_bytes);

	dev->sock = virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_SOCK) && max_channels;
	if (dev->sock)
		dev->nr_chans = min3(num_online_cpus(), (u32)max_channels, (u32)VGU_CHANS_MAX);
	dev->priv->nr_vqs = VIRTUOSO_VQ_SUBMIT(dev->nr_chans);
}

static void vgu_dev_name_vqs(struct vgu_dev *dev, struct virtqueue_info *info)
{
	static const struct virtqueue_info fixed[VIRTUOSO_VQ_CHANNEL_BASE] = {
		[VIRTUOSO_VQ_CONTROL]	= { "control", vgu_ctrl_done },
		[VIRTUOSO_VQ_EVENT]	= { "event", vgu_event_ready },
		[VIRTUOSO_VQ_FRAME_RX]	= { "frame-rx", vgu_frame_rx_ready },
		[VIRTUOSO_VQ_FRAME_TX]	= { "frame-tx", vgu_frame_tx_done },
	};
	char (*names)[VGU_VQ_NAME_LEN] = dev->priv->vq_names;
	u32 i, submit, complete;

	memcpy(info, fixed, sizeof(fixed));
	for (i = 0; i < dev->nr_chans; i++) {
		submit = VIRTUOSO_VQ_SUBMIT(i);
		complete = VIRTUOSO_VQ_COMPLETE(i);
		snprintf(names[submit], sizeof(names[submit]), "submit.%u", i);
		snprintf(names[complete], sizeof(names[complete]), "complete.%u", i);
		info[submit] = (struct virtqueue_info) {
			.name = names[submit], .callback = vgu_chan_submit_done,
		};
		info[complete] = (struct virtqueue_info) {
			.name = names[complete], .callback = vgu_chan_complete_ready,
		};
	}
}

/* Memory is mapped once and used in all queues. */
static int vgu_dev_check_dma(struct vgu_dev *dev)
{
	struct virtqueue **vqs = dev->priv->vqs;
	u32 i;

	for (i = 1; i < dev->priv->nr_vqs; i++) {
		if (virtqueue_dma_dev(vqs[i]) != virtqueue_dma_dev(vqs[0])) {
			dev_err(&dev->vdev->dev, "queues with different DMA devices\n");
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

/* All buffers but those of the control queue lie in registered memory. */
static int vgu_dev_set_premapped(struct vgu_dev *dev)
{
	int err = 0;
	u32 i;

	for (i = VIRTUOSO_VQ_CONTROL + 1; !err && i < dev->priv->nr_vqs; i++)
		err = virtuoso_vq_set_premapped(dev->priv->vqs[i]);
	return err;
}

static int vgu_dev_find_vqs(struct vgu_dev *dev)
{
	struct vgu_dev_priv *priv = dev->priv;
	struct virtqueue_info *info;
	int err = -ENOMEM;

	info = kcalloc(priv->nr_vqs, sizeof(*info), GFP_KERNEL);
	priv->vqs = kcalloc(priv->nr_vqs, sizeof(*priv->vqs), GFP_KERNEL);
	priv->vq_names = kcalloc(priv->nr_vqs, sizeof(*priv->vq_names), GFP_KERNEL);
	if (info && priv->vqs && priv->vq_names) {
		vgu_dev_name_vqs(dev, info);
		err = virtio_find_vqs(dev->vdev, priv->nr_vqs, priv->vqs, info, NULL);
	}
	kfree(info);
	if (err)
		return err;

	err = vgu_dev_check_dma(dev);
	if (!err)
		err = vgu_dev_set_premapped(dev);
	if (err)
		dev->vdev->config->del_vqs(dev->vdev);
	return err;
}

static void vgu_dev_del_vqs(struct vgu_dev *dev)
{
	struct virtqueue *ctrl = dev->priv->vqs[VIRTUOSO_VQ_CONTROL];

	/* Unmaps a request that was never answered. */
	while (virtqueue_detach_unused_buf(ctrl))
		;
	dev->vdev->config->del_vqs(dev->vdev);
}

static struct vgu_dev *vgu_dev_alloc(struct virtio_device *vdev)
{
	struct net_device *netdev = vgu_netdev_alloc(vdev);
	struct vgu_dev_priv *priv;
	struct vgu_dev *dev;

	if (!netdev)
		return NULL;
	priv = kzalloc(sizeof(*priv), GFP_KERNEL);
	if (!priv)
		goto err_netdev;
	priv->counters = alloc_percpu(struct vgu_counters);
	if (!priv->counters)
		goto err_priv;
	INIT_WORK(&priv->event_work, vgu_event_work);
	INIT_WORK(&priv->config_work, vgu_dev_config_work);
	INIT_WORK(&priv->fail_work, vgu_dev_fail_work);
	/* Until all of them find what they need. */
	disable_work(&priv->event_work);
	disable_work(&priv->fail_work);

	dev = netdev_priv(netdev);
	dev->vdev = vdev;
	dev->netdev = netdev;
	dev->priv = priv;
	priv->dev = dev;
	return dev;

err_priv:
	kfree(priv);
err_netdev:
	free_netdev(netdev);
	return NULL;
}

static void vgu_dev_free(struct vgu_dev *dev)
{
	vgu_slots_exit(&dev->priv->event_slots);
	kfree(dev->priv->vq_names);
	kfree(dev->priv->vqs);
	free_percpu(dev->priv->counters);
	kfree(dev->priv);
	free_netdev(dev->netdev);
}

/* The device may be used: give it memory, let everything run. Undone by vgu_dev_end(). */
static int vgu_dev_start(struct vgu_dev *dev)
{
	int err;

	err = vgu_netdev_start(dev);
	if (err)
		return err;
	err = vgu_event_start(dev);
	if (err || !dev->sock)
		return err;
	err = vgu_regions_fill(dev);
	if (err)
		return err;
	err = vgu_conn_dev_add(dev);
	if (err)
		return err;
	dev->priv->sock_added = true;
	err = vgu_chans_start(dev);
	if (err)
		return err;
	dev->priv->chans_running = true;
	return 0;
}

static int vgu_dev_probe(struct virtio_device *vdev)
{
	struct vgu_dev *dev = vgu_dev_alloc(vdev);
	int err;

	if (!dev)
		return -ENOMEM;
	vdev->priv = dev;
	vgu_dev_read_config(dev);
	err = vgu_netdev_init(dev);
	if (err)
		goto err_free;
	err = vgu_ctrl_init(dev);
	if (err)
		goto err_netdev;
	err = vgu_chans_init(dev);
	if (err)
		goto err_ctrl;
	err = vgu_regions_init(dev);
	if (err)
		goto err_chans;
	err = vgu_dev_find_vqs(dev);
	if (err)
		goto err_regions;
	virtio_device_ready(vdev);

	err = vgu_dev_start(dev);
	if (err) {
		dev_err(&vdev->dev, "device cannot be started: %pe\n", ERR_PTR(err));
		goto err_end;
	}
	err = register_netdev(dev->netdev);
	if (err)
		goto err_end;
	vgu_netdev_read_status(dev);

	enable_work(&dev->priv->fail_work);
	if (READ_ONCE(dev->gone))
		schedule_work(&dev->priv->fail_work);
	return 0;

err_end:
	vgu_dev_end(dev);
	vgu_regions_free_all(dev);
	vgu_dev_del_vqs(dev);
err_regions:
	vgu_regions_exit(dev);
err_chans:
	vgu_chans_exit(dev);
err_ctrl:
	vgu_ctrl_exit(dev);
err_netdev:
	vgu_netdev_exit(dev);
err_free:
	vdev->priv = NULL;
	vgu_dev_free(dev);
	return err;
}

static void vgu_dev_remove(struct virtio_device *vdev)
{
	struct vgu_dev *dev = vdev->priv;

	disable_work_sync(&dev->priv->fail_work);
	vgu_dev_end(dev);
	unregister_netdev(dev->netdev);

	vgu_regions_free_all(dev);
	vgu_dev_del_vqs(dev);
	vgu_regions_exit(dev);
	vgu_chans_exit(dev);
	vgu_ctrl_exit(dev);
	vgu_netdev_exit(dev);
	vdev->priv = NULL;
	vgu_dev_free(dev);
}

/*
 * Not supported: the device keeps the state of every connection, and a reset, which a
 * suspended guest's device goes through, loses it. Better no suspend than dead connections.
 */
static int vgu_dev_freeze(struct virtio_device *vdev)
{
	return -EOPNOTSUPP;
}

static const struct virtio_device_id vgu_dev_ids[] = {
	{ VIRTIO_ID_VIRTUOSO, VIRTIO_DEV_ANY_ID },
	{ },
};
MODULE_DEVICE_TABLE(virtio, vgu_dev_ids);

static struct virtio_driver vgu_driver = {
	.driver.name		= KBUILD_MODNAME,
	.id_table		= vgu_dev_ids,
	.feature_table		= vgu_dev_features,
	.feature_table_size	= ARRAY_SIZE(vgu_dev_features),
	.validate		= vgu_dev_validate,
	.probe			= vgu_dev_probe,
	.remove			= vgu_dev_remove,
	.config_changed		= vgu_dev_config_changed,
	.freeze			= vgu_dev_freeze,
};

/**
 * vgu_dev_register() - let the virtio bus know the driver
 *
 * Context: module init.
 * Return: 0 or -errno.
 */
int vgu_dev_register(void)
{
	return register_virtio_driver(&vgu_driver);
}

/**
 * vgu_dev_unregister() - remove all devices and the driver
 *
 * Context: module exit.
 */
void vgu_dev_unregister(void)
{
	unregister_virtio_driver(&vgu_driver);
}
