/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest of a mediated device sees: a modern virtio-pci function (virtio 1.3
 * section 4.1) with one memory BAR.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_VDEV_PCI_H
#define _VHO_VDEV_PCI_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "vdev.h"

struct vho_irq;

#define VHO_PCI_CFG_BYTES	256
#define VHO_PCI_BAR_BYTES	0x8000

/**
 * struct vho_pci_vq - a queue as the driver describes it before enabling it
 * @size: entries
 * @enabled: the driver enabled it
 * @desc: descriptor table
 * @driver: available ring
 * @device: used ring
 */
struct vho_pci_vq {
	u16 size;
	bool enabled;
	u64 desc;
	u64 driver;
	u64 device;
};

/**
 * struct vho_pci - the function
 * @vdev: the device behind it; const
 * @irq: its interrupts; const
 * @nr_vqs: queues; const
 * @lock: (mutex, taken before vdev->lock, never by dma_unmap) guards everything below
 * @cfg: configuration space, little-endian
 * @wmask: bits of @cfg that the guest can write
 * @device_feature_select: half of the device's features on view
 * @driver_feature_select: half of @driver_features being written
 * @driver_features: features the driver wants, handed on with FEATURES_OK
 * @queue_select: queue on view
 * @vq: queues
 */
struct vho_pci {
	struct vho_vdev *vdev;
	struct vho_irq *irq;
	unsigned int nr_vqs;
	struct mutex lock;
	u8 cfg[VHO_PCI_CFG_BYTES];
	u8 wmask[VHO_PCI_CFG_BYTES];
	u32 device_feature_select;
	u32 driver_feature_select;
	u64 driver_features;
	u16 queue_select;
	struct vho_pci_vq vq[VHO_VQ_MAX];
};

void vho_pci_init(struct vho_pci *pci, struct vho_vdev *vdev, struct vho_irq *irq);
/* Function-level reset: device, vectors and writable configuration. */
void vho_pci_reset(struct vho_pci *pci);
/*
 * Accesses of the guest. @len is 1, 2 or 4, @off a multiple of it and inside the space;
 * data is little-endian. Process context, may sleep.
 */
void vho_pci_cfg_read(struct vho_pci *pci, unsigned int off, void *buf, unsigned int len);
void vho_pci_cfg_write(struct vho_pci *pci, unsigned int off, const void *buf, unsigned int len);
void vho_pci_bar_read(struct vho_pci *pci, unsigned int off, void *buf, unsigned int len);
void vho_pci_bar_write(struct vho_pci *pci, unsigned int off, const void *buf, unsigned int len);

#endif /* _VHO_VDEV_PCI_H */
