// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of the emulated PCI function: MSI-X vectors that user space (or KVM on
 * its behalf) receives through eventfds.
 *
 * Masking and the MSI-X table are the VMM's business, as VFIO wants it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/virtio_pci.h>

#include "vdev_irq.h"

/* Bit of the interrupt status that means "a queue"; the header names only the other one. */
#define VHO_ISR_QUEUE	0x1

/**
 * vho_irq_init() - no vectors, no receivers
 * @irq: to set up
 * @nr_vqs: queues of the device, at most VHO_VQ_MAX
 * Context: XPORT, before the function is visible
 */
void vho_irq_init(struct vho_irq *irq, unsigned int nr_vqs)
{
	spin_lock_init(&irq->lock);
	irq->nr_vectors = nr_vqs + 1;
	vho_irq_reset(irq);
}

/**
 * vho_irq_reset() - forget the vectors that the driver chose
 * @irq: interrupts of the function
 * Context: XPORT
 */
void vho_irq_reset(struct vho_irq *irq)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&irq->lock, flags);
	irq->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (i = 0; i < VHO_VQ_MAX; i++)
		irq->vq_vector[i] = VIRTIO_MSI_NO_VECTOR;
	irq->isr = 0;
	spin_unlock_irqrestore(&irq->lock, flags);
}

static void vho_irq_replace(struct vho_irq *irq, struct eventfd_ctx **slot,
			    struct eventfd_ctx *ctx)
{
	unsigned long flags;

	spin_lock_irqsave(&irq->lock, flags);
	swap(*slot, ctx);
	spin_unlock_irqrestore(&irq->lock, flags);

	if (ctx)
		eventfd_ctx_put(ctx);
}

/**
 * vho_irq_release() - drop every eventfd
 * @irq: interrupts of the function
 * Context: XPORT
 */
void vho_irq_release(struct vho_irq *irq)
{
	unsigned int i;

	for (i = 0; i < irq->nr_vectors; i++)
		vho_irq_replace(irq, &irq->msix[i], NULL);
	vho_irq_replace(irq, &irq->req, NULL);
}

static u16 vho_irq_set_vector(struct vho_irq *irq, u16 *slot, u16 vector)
{
	unsigned long flags;

	if (vector >= irq->nr_vectors)
		vector = VIRTIO_MSI_NO_VECTOR;
	spin_lock_irqsave(&irq->lock, flags);
	*slot = vector;
	spin_unlock_irqrestore(&irq->lock, flags);
	return vector;
}

/**
 * vho_irq_set_vq_vector() - the driver chooses the vector of a queue
 * @irq: interrupts of the function
 * @vq: queue, less than VHO_VQ_MAX
 * @vector: index into the MSI-X table, unchecked
 * Context: XPORT
 * Return: the vector in use, VIRTIO_MSI_NO_VECTOR if @vector does not exist
 */
u16 vho_irq_set_vq_vector(struct vho_irq *irq, u16 vq, u16 vector)
{
	return vho_irq_set_vector(irq, &irq->vq_vector[vq], vector);
}

/**
 * vho_irq_set_config_vector() - the driver chooses the vector for configuration changes
 * @irq: interrupts of the function
 * @vector: index into the MSI-X table, unchecked
 * Context: XPORT
 * Return: the vector in use, VIRTIO_MSI_NO_VECTOR if @vector does not exist
 */
u16 vho_irq_set_config_vector(struct vho_irq *irq, u16 vector)
{
	return vho_irq_set_vector(irq, &irq->config_vector, vector);
}

/**
 * vho_irq_vq_vector() - vector of a queue
 * @irq: interrupts of the function
 * @vq: queue, less than VHO_VQ_MAX
 * Context: any
 * Return: VIRTIO_MSI_NO_VECTOR if it has none
 */
u16 vho_irq_vq_vector(struct vho_irq *irq, u16 vq)
{
	return READ_ONCE(irq->vq_vector[vq]);
}

/**
 * vho_irq_config_vector() - vector for configuration changes
 * @irq: interrupts of the function
 * Context: any
 * Return: VIRTIO_MSI_NO_VECTOR if there is none
 */
u16 vho_irq_config_vector(struct vho_irq *irq)
{
	return READ_ONCE(irq->config_vector);
}

/**
 * vho_irq_read_isr() - the driver reads the interrupt status, which clears it
 * @irq: interrupts of the function
 * Context: any
 * Return: VIRTIO_PCI_ISR_CONFIG and bit 0 for queues
 */
u8 vho_irq_read_isr(struct vho_irq *irq)
{
	unsigned long flags;
	u8 isr;

	spin_lock_irqsave(&irq->lock, flags);
	isr = irq->isr;
	irq->isr = 0;
	spin_unlock_irqrestore(&irq->lock, flags);
	return isr;
}

static void vho_irq_signal(struct vho_irq *irq, const u16 *vector, u8 isr)
{
	unsigned long flags;

	spin_lock_irqsave(&irq->lock, flags);
	if (*vector == VIRTIO_MSI_NO_VECTOR)
		irq->isr |= isr;
	else if (irq->msix[*vector])
		eventfd_signal(irq->msix[*vector]);
	spin_unlock_irqrestore(&irq->lock, flags);
}

/**
 * vho_irq_call() - interrupt for a queue
 * @irq: interrupts of the function
 * @vq: queue, less than VHO_VQ_MAX
 * Context: any
 */
void vho_irq_call(struct vho_irq *irq, u16 vq)
{
	vho_irq_signal(irq, &irq->vq_vector[vq], VHO_ISR_QUEUE);
}

/**
 * vho_irq_config_changed() - interrupt for a change of the configuration
 * @irq: interrupts of the function
 * Context: any
 */
void vho_irq_config_changed(struct vho_irq *irq)
{
	vho_irq_signal(irq, &irq->config_vector, VIRTIO_PCI_ISR_CONFIG);
}

/**
 * vho_irq_request() - ask user space to give the device back
 * @irq: interrupts of the function
 * Context: any
 * Return: false when user space did not say how to be asked
 */
bool vho_irq_request(struct vho_irq *irq)
{
	unsigned long flags;
	bool asked;

	spin_lock_irqsave(&irq->lock, flags);
	asked = irq->req;
	if (asked)
		eventfd_signal(irq->req);
	spin_unlock_irqrestore(&irq->lock, flags);
	return asked;
}

/**
 * vho_irq_info() - how many interrupts of a kind there are
 * @irq: interrupts of the function
 * @info: index in, flags and count out
 * Context: XPORT
 * Return: 0, -EINVAL for an unknown kind
 */
int vho_irq_info(const struct vho_irq *irq, struct vfio_irq_info *info)
{
	info->flags = 0;
	info->count = 0;

	switch (info->index) {
	case VFIO_PCI_MSIX_IRQ_INDEX:
		info->flags = VFIO_IRQ_INFO_EVENTFD;
		info->count = irq->nr_vectors;
		return 0;
	case VFIO_PCI_REQ_IRQ_INDEX:
		info->flags = VFIO_IRQ_INFO_EVENTFD;
		info->count = 1;
		return 0;
	case VFIO_PCI_INTX_IRQ_INDEX:
	case VFIO_PCI_MSI_IRQ_INDEX:
	case VFIO_PCI_ERR_IRQ_INDEX:
		return 0;
	default:
		return -EINVAL;
	}
}

/* Gives @slots[0..count) the receivers @fds; -1 removes one. Stops at the first bad one. */
static int vho_irq_set_eventfds(struct vho_irq *irq, struct eventfd_ctx **slots,
				const s32 *fds, unsigned int count)
{
	struct eventfd_ctx *ctx;
	unsigned int i;

	for (i = 0; i < count; i++) {
		ctx = NULL;
		if (fds[i] >= 0) {
			ctx = eventfd_ctx_fdget(fds[i]);
			if (IS_ERR(ctx))
				return PTR_ERR(ctx);
		} else if (fds[i] != -1) {
			return -EINVAL;
		}
		vho_irq_replace(irq, &slots[i], ctx);
	}
	return 0;
}

/**
 * vho_irq_set() - user space says where interrupts go
 * @irq: interrupts of the function
 * @arg: struct vfio_irq_set in user space
 *
 * Taken are ACTION_TRIGGER with DATA_EVENTFD, and with DATA_NONE and count 0 ("none any more").
 *
 * Context: XPORT
 * Return: 0, -EINVAL, -EFAULT, -EBADF, -ENOMEM
 */
int vho_irq_set(struct vho_irq *irq, const void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_info info = { };
	struct eventfd_ctx **slots;
	struct vfio_irq_set hdr;
	size_t data_size = 0;
	unsigned int i;
	s32 *fds;
	int ret;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	info.index = hdr.index;
	ret = vho_irq_info(irq, &info);
	if (ret)
		return ret;
	ret = vfio_set_irqs_validate_and_prepare(&hdr, info.count, VFIO_PCI_NUM_IRQS, &data_size);
	if (ret)
		return ret;
	if ((hdr.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -EINVAL;

	slots = hdr.index == VFIO_PCI_REQ_IRQ_INDEX ? &irq->req : irq->msix;

	switch (hdr.flags & VFIO_IRQ_SET_DATA_TYPE_MASK) {
	case VFIO_IRQ_SET_DATA_NONE:
		if (hdr.start || hdr.count)
			return -EINVAL;
		for (i = 0; i < info.count; i++)
			vho_irq_replace(irq, &slots[i], NULL);
		return 0;
	case VFIO_IRQ_SET_DATA_EVENTFD:
		if (!hdr.count)
			return -EINVAL;
		fds = memdup_user(arg + minsz, data_size);
		if (IS_ERR(fds))
			return PTR_ERR(fds);
		ret = vho_irq_set_eventfds(irq, slots + hdr.start, fds, hdr.count);
		kfree(fds);
		return ret;
	default:
		return -EINVAL;
	}
}
