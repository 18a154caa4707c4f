// SPDX-License-Identifier: GPL-2.0
/*
 * Control queue: one request at a time, the caller waits for the answer.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_virtuoso.h>

#include "ctrl.h"
#include "dev.h"
#include "priv.h"
#include "stats.h"

#define VGU_CTRL_REQ_MAX_BYTES	64

/*
 * A device that has not answered after this long never will. Registering memory on a
 * loaded machine takes milliseconds.
 */
#define VGU_CTRL_TIMEOUT_S	60

/**
 * struct vgu_ctrl_queue - control queue of a device
 * @lock: mutex; one request at a time; guards all that follows. Innermost but for
 *        spinlocks: taken with the mutex of regions held, and with socket locks held
 * @done: the callback saw an answer, or vgu_ctrl_stop() was called
 * @req: request; a copy, for the device may look at it after the caller gave up
 * @resp: response
 */
struct vgu_ctrl_queue {
	struct mutex lock;
	struct completion done;
	u8 req[VGU_CTRL_REQ_MAX_BYTES] __aligned(ARCH_DMA_MINALIGN);
	struct virtio_virtuoso_ctrl_status resp __aligned(ARCH_DMA_MINALIGN);
};

static struct virtqueue *vgu_ctrl_vq(const struct vgu_dev *dev)
{
	return dev->priv->vqs[VIRTUOSO_VQ_CONTROL];
}

static int vgu_ctrl_errno(u32 status)
{
	switch (status) {
	case VIRTUOSO_STATUS_OK:
		return 0;
	case VIRTUOSO_STATUS_INVAL:
		return -EINVAL;
	case VIRTUOSO_STATUS_NOTSUPP:
		return -EOPNOTSUPP;
	case VIRTUOSO_STATUS_EXIST:
		return -EEXIST;
	case VIRTUOSO_STATUS_NOENT:
		return -ENOENT;
	case VIRTUOSO_STATUS_BUSY:
		return -EBUSY;
	case VIRTUOSO_STATUS_NOMEM:
		return -ENOMEM;
	case VIRTUOSO_STATUS_FAULT:
		return -EFAULT;
	case VIRTUOSO_STATUS_PERM:
		return -EPERM;
	default:
		return -EIO;
	}
}

static int vgu_ctrl_send(struct vgu_dev *dev, size_t len)
{
	struct vgu_ctrl_queue *ctrl = dev->priv->ctrl;
	struct virtqueue *vq = vgu_ctrl_vq(dev);
	struct scatterlist out, in, *sgs[] = { &out, &in };

	ctrl->resp.status = cpu_to_le32(U32_MAX);
	reinit_completion(&ctrl->done);
	sg_init_one(&out, ctrl->req, len);
	sg_init_one(&in, &ctrl->resp, sizeof(ctrl->resp));
	if (virtqueue_add_sgs(vq, sgs, 1, 1, ctrl, GFP_KERNEL))
		return -ENODEV;
	virtqueue_kick(vq);
	return 0;
}

/*
 * The interrupt may be late or lost, and a broken queue raises none: look at the queue
 * once a second, too.
 */
static int vgu_ctrl_wait(struct vgu_dev *dev)
{
	struct vgu_ctrl_queue *ctrl = dev->priv->ctrl;
	struct virtqueue *vq = vgu_ctrl_vq(dev);
	unsigned long deadline = jiffies + VGU_CTRL_TIMEOUT_S * HZ;
	unsigned int len;

	for (;;) {
		wait_for_completion_timeout(&ctrl->done, HZ);
		if (READ_ONCE(dev->gone) || virtqueue_is_broken(vq))
			return -ENODEV;
		reinit_completion(&ctrl->done);
		if (virtqueue_get_buf(vq, &len))
			break;
		if (time_after(jiffies, deadline)) {
			vgu_dev_fail(dev, "no answer to a control request");
			return -ENODEV;
		}
	}
	if (len < sizeof(ctrl->resp))
		return -EIO;
	return vgu_ctrl_errno(le32_to_cpu(READ_ONCE(ctrl->resp.status)));
}

/**
 * vgu_ctrl() - send a request on the control queue and wait for the answer
 * @dev: device
 * @req: starts with &struct virtio_virtuoso_ctrl_hdr; copied
 * @len: its size in bytes
 *
 * Context: process, may sleep (uninterruptibly; as long as the device takes).
 * Return: 0, -ENODEV when the device is gone or broken, else what the device's status
 * means.
 */
int vgu_ctrl(struct vgu_dev *dev, const void *req, size_t len)
{
	struct vgu_ctrl_queue *ctrl = dev->priv->ctrl;
	int err;

	if (len < sizeof(struct virtio_virtuoso_ctrl_hdr) || len > sizeof(ctrl->req))
		return -EINVAL;

	mutex_lock(&ctrl->lock);
	if (READ_ONCE(dev->gone)) {
		err = -ENODEV;
	} else {
		memcpy(ctrl->req, req, len);
		vgu_count(dev, ctrl_requests);
		err = vgu_ctrl_send(dev, len);
		if (!err)
			err = vgu_ctrl_wait(dev);
		if (err)
			vgu_count(dev, ctrl_failed);
	}
	mutex_unlock(&ctrl->lock);
	return err;
}

/**
 * vgu_ctrl_done() - callback of the control queue
 * @vq: the queue
 *
 * Context: interrupt.
 */
void vgu_ctrl_done(struct virtqueue *vq)
{
	struct vgu_dev *dev = vq->vdev->priv;

	complete(&dev->priv->ctrl->done);
}

/**
 * vgu_ctrl_init() - make the control queue's state, before the queues are found
 * @dev: device
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vgu_ctrl_init(struct vgu_dev *dev)
{
	struct vgu_ctrl_queue *ctrl = kzalloc(sizeof(*ctrl), GFP_KERNEL);

	if (!ctrl)
		return -ENOMEM;
	mutex_init(&ctrl->lock);
	init_completion(&ctrl->done);
	dev->priv->ctrl = ctrl;
	return 0;
}

/**
 * vgu_ctrl_stop() - send whoever waits home, let nobody in any more
 * @dev: device; @dev->gone is set
 *
 * Context: process, may sleep.
 */
void vgu_ctrl_stop(struct vgu_dev *dev)
{
	struct vgu_ctrl_queue *ctrl = dev->priv->ctrl;

	complete(&ctrl->done);
	/* Whoever gets the lock after this sees dev->gone. */
	mutex_lock(&ctrl->lock);
	mutex_unlock(&ctrl->lock);
}

/**
 * vgu_ctrl_exit() - free the control queue's state, after the queues were deleted
 * @dev: device
 *
 * Context: process, may sleep.
 */
void vgu_ctrl_exit(struct vgu_dev *dev)
{
	kfree(dev->priv->ctrl);
	dev->priv->ctrl = NULL;
}
