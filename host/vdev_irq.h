/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupts of the emulated PCI function: MSI-X vectors that user space (or KVM on
 * its behalf) receives through eventfds.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_VDEV_IRQ_H
#define _VHO_VDEV_IRQ_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "vdev.h"

/* One vector per queue, one for configuration changes. */
#define VHO_IRQ_VECTORS_MAX	(VHO_VQ_MAX + 1)

struct eventfd_ctx;
struct vfio_irq_info;
struct vfio_irq_set;

/**
 * struct vho_irq_receiver - where an interrupt goes
 * @ctx: user space's or KVM's eventfd; const, one reference
 * @rcu: cores may be signalling it when it is replaced
 */
struct vho_irq_receiver {
	struct eventfd_ctx *ctx;
	struct rcu_head rcu;
};

/**
 * struct vho_irq - interrupt state of one function
 * @nr_vectors: vectors of the MSI-X table; const
 * @config_vector: vector for configuration changes, VIRTIO_MSI_NO_VECTOR: none; READ_ONCE
 * @vq_vector: the same per queue
 * @isr: interrupts that had no vector, as VIRTIO_PCI_CAP_ISR_CFG shows them
 * @msix: receiver of each vector, NULL: none; replaced by xchg(), read under RCU
 * @req: receiver of the request to give the device back; likewise
 *
 * No lock: several cores serve one port, and interrupt its guest at once.
 */
struct vho_irq {
	unsigned int nr_vectors;
	u16 config_vector;
	u16 vq_vector[VHO_VQ_MAX];
	atomic_t isr;
	struct vho_irq_receiver __rcu *msix[VHO_IRQ_VECTORS_MAX];
	struct vho_irq_receiver __rcu *req;
};

/* ---- process context ---- */
void vho_irq_init(struct vho_irq *irq, unsigned int nr_vqs);
/* Device reset: no queue has a vector any more. */
void vho_irq_reset(struct vho_irq *irq);
/* Drops every eventfd. */
void vho_irq_release(struct vho_irq *irq);
/* Return: the vector now in use, VIRTIO_MSI_NO_VECTOR when @vector does not exist. */
u16 vho_irq_set_vq_vector(struct vho_irq *irq, u16 vq, u16 vector);
u16 vho_irq_set_config_vector(struct vho_irq *irq, u16 vector);
u16 vho_irq_vq_vector(struct vho_irq *irq, u16 vq);
u16 vho_irq_config_vector(struct vho_irq *irq);
/* Reads and clears the interrupt status. */
u8 vho_irq_read_isr(struct vho_irq *irq);
/* VFIO_DEVICE_GET_IRQ_INFO: fills in flags and count for info->index. -EINVAL: no such index. */
int vho_irq_info(const struct vho_irq *irq, struct vfio_irq_info *info);
/* VFIO_DEVICE_SET_IRQS with the user's structure at @arg. */
int vho_irq_set(struct vho_irq *irq, const void __user *arg);

/* ---- any context ---- */
void vho_irq_call(struct vho_irq *irq, u16 vq);
void vho_irq_config_changed(struct vho_irq *irq);
/* Asks user space to give the device back. false: it did not say how to be asked. */
bool vho_irq_request(struct vho_irq *irq);

#endif /* _VHO_VDEV_IRQ_H */
