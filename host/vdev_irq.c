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
#include <linux/rcupdate.h>
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
	unsigned int i;

	WRITE_ONCE(irq->config_vector, VIRTIO_MSI_NO_VECTOR);
	for (i = 0; i < VHO_VQ_MAX; i++)
		WRITE_ONCE(irq->vq_vector[i], VIRTIO_MSI_NO_VECTOR);
	atomic_set(&irq->isr, 0);
}

static void vho_irq_receiver_free(struct rcu_head *rcu)
{
	struct vho_irq_receiver *to = container_of(rcu, struct vho_irq_receiver, rcu);

	eventfd_ctx_put(to->ctx);
	kfree(to);
}

/* @to: may be NULL */
static void vho_irq_replace(struct vho_irq_receiver __rcu **slot, struct vho_irq_receiver *to)
{
	struct vho_irq_receiver *old;

	/* xchg() is a full barrier: who finds @to finds what is in it. */
	old = unrcu_pointer(xchg(slot, RCU_INITIALIZER(to)));
	if (old)
		call_rcu(&old->rcu, vho_irq_receiver_free);
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
		vho_irq_replace(&irq->msix[i], NULL);
	vho_irq_replace(&irq->req, NULL);
}

static u16 vho_irq_set_vector(const struct vho_irq *irq, u16 *slot, u16 vector)
{
	if (vector >= irq->nr_vectors)
		vector = VIRTIO_MSI_NO_VECTOR;
	WRITE_ONCE(*slot, vector);
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
	return atomic_xchg(&irq->isr, 0);
}

/* Return: there is somebody to hear it. */
static bool vho_irq_signal(struct vho_irq_receiver __rcu **slot)
{
	struct vho_irq_receiver *to;

	rcu_read_lock();
	to = rcu_dereference(*slot);
	if (to)
		eventfd_signal(to->ctx);
	rcu_read_unlock();
	return to;
}

static void vho_irq_raise(struct vho_irq *irq, const u16 *slot, u8 isr)
{
	u16 vector = READ_ONCE(*slot);

	if (vector == VIRTIO_MSI_NO_VECTOR)
		atomic_or(isr, &irq->isr);
	else
		vho_irq_signal(&irq->msix[vector]);
}

/**
 * vho_irq_call() - interrupt for a queue
 * @irq: interrupts of the function
 * @vq: queue, less than VHO_VQ_MAX
 * Context: any
 */
void vho_irq_call(struct vho_irq *irq, u16 vq)
{
	vho_irq_raise(irq, &irq->vq_vector[vq], VHO_ISR_QUEUE);
}

/**
 * vho_irq_config_changed() - interrupt for a change of the configuration
 * @irq: interrupts of the function
 * Context: any
 */
void vho_irq_config_changed(struct vho_irq *irq)
{
	vho_irq_raise(irq, &irq->config_vector, VIRTIO_PCI_ISR_CONFIG);
}

/**
 * vho_irq_request() - ask user space to give the device back
 * @irq: interrupts of the function
 * Context: any
 * Return: false when user space did not say how to be asked
 */
bool vho_irq_request(struct vho_irq *irq)
{
	return vho_irq_signal(&irq->req);
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

/* Return: a new receiver, or an error pointer. */
static struct vho_irq_receiver *vho_irq_receiver_make(int fd)
{
	struct vho_irq_receiver *to = kmalloc(sizeof(*to), GFP_KERNEL_ACCOUNT);
	struct eventfd_ctx *ctx;

	if (!to)
		return ERR_PTR(-ENOMEM);
	ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(ctx)) {
		kfree(to);
		return ERR_CAST(ctx);
	}
	to->ctx = ctx;
	return to;
}

/* Gives @slots[0..count) the receivers @fds; -1 removes one. Stops at the first bad one. */
static int vho_irq_set_eventfds(struct vho_irq_receiver __rcu **slots, const s32 *fds,
				unsigned int count)
{
	struct vho_irq_receiver *to;
	unsigned int i;

	for (i = 0; i < count; i++) {
		to = NULL;
		if (fds[i] >= 0) {
			to = vho_irq_receiver_make(fds[i]);
			if (IS_ERR(to))
				return PTR_ERR(to);
		} else if (fds[i] != -1) {
			return -EINVAL;
		}
		vho_irq_replace(&slots[i], to);
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
	struct vho_irq_receiver __rcu **slots;
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
			vho_irq_replace(&slots[i], NULL);
		return 0;
	case VFIO_IRQ_SET_DATA_EVENTFD:
		if (!hdr.count)
			return -EINVAL;
		fds = memdup_user(arg + minsz, data_size);
		if (IS_ERR(fds))
			return PTR_ERR(fds);
		ret = vho_irq_set_eventfds(slots + hdr.start, fds, hdr.count);
		kfree(fds);
		return ret;
	default:
		return -EINVAL;
	}
}
