// SPDX-License-Identifier: GPL-2.0
/*
 * What the guest of a mediated device sees: a modern virtio-pci function (virtio 1.3
 * section 4.1) with one memory BAR.
 *
 * BAR 0, a page per structure so that a VMM can trap each on its own:
 *
 *	0x0000	common configuration
 *	0x1000	interrupt status
 *	0x2000	device configuration
 *	0x3000	notification, 4 bytes per queue
 *	0x4000	MSI-X table		(emulated by the VMM, reads as 0 here)
 *	0x5000	MSI-X pending bits	(likewise)
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/build_bug.h>
#include <linux/minmax.h>
#include <linux/pci_regs.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "vdev_irq.h"
#include "vdev_pci.h"

#define VHO_PCI_VENDOR		0x1af4
#define VHO_PCI_DEVICE		(0x1040 + VIRTIO_ID_VIRTUOSO)
#define VHO_PCI_CLASS_OTHER	0xff

#define VHO_BAR_COMMON		0x0000
#define VHO_BAR_ISR		0x1000
#define VHO_BAR_DEVICE		0x2000
#define VHO_BAR_NOTIFY		0x3000
#define VHO_BAR_MSIX_TABLE	0x4000
#define VHO_BAR_MSIX_PBA	0x5000
#define VHO_BAR_PAGE		0x1000

#define VHO_NOTIFY_MULTIPLIER	4
/* The fields that came later belong to features that are not offered. */
#define VHO_COMMON_BYTES	sizeof(struct virtio_pci_common_cfg)

/* Where the capabilities lie in the configuration space, in list order. */
#define VHO_CAP_COMMON		0x40
#define VHO_CAP_NOTIFY		0x50
#define VHO_CAP_ISR		0x64
#define VHO_CAP_DEVICE		0x74
#define VHO_CAP_PCI		0x84
#define VHO_CAP_MSIX		0x98
#define VHO_CAP_PCI_DATA	(VHO_CAP_PCI + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data))

static_assert(VHO_CAP_NOTIFY - VHO_CAP_COMMON == sizeof(struct virtio_pci_cap));
static_assert(VHO_CAP_ISR - VHO_CAP_NOTIFY == sizeof(struct virtio_pci_notify_cap));
static_assert(VHO_CAP_MSIX - VHO_CAP_PCI == sizeof(struct virtio_pci_cfg_cap));
static_assert(VHO_NOTIFY_MULTIPLIER * VHO_VQ_MAX <= VHO_BAR_PAGE);
static_assert(PCI_MSIX_ENTRY_SIZE * VHO_IRQ_VECTORS_MAX <= VHO_BAR_PAGE);

/* ---- configuration space: layout ---- */

static void vho_pci_add_cap(struct vho_pci *pci, unsigned int pos, unsigned int next, u8 cap_len,
			    u8 cfg_type, u32 bar_off, u32 bar_len)
{
	struct virtio_pci_cap cap = {
		.cap_vndr = PCI_CAP_ID_VNDR,
		.cap_next = next,
		.cap_len = cap_len,
		.cfg_type = cfg_type,
		.offset = cpu_to_le32(bar_off),
		.length = cpu_to_le32(bar_len),
	};

	memcpy(&pci->cfg[pos], &cap, sizeof(cap));
}

static void vho_pci_add_caps(struct vho_pci *pci)
{
	u8 *msix = &pci->cfg[VHO_CAP_MSIX];

	vho_pci_add_cap(pci, VHO_CAP_COMMON, VHO_CAP_NOTIFY, sizeof(struct virtio_pci_cap),
			VIRTIO_PCI_CAP_COMMON_CFG, VHO_BAR_COMMON, VHO_COMMON_BYTES);
	vho_pci_add_cap(pci, VHO_CAP_NOTIFY, VHO_CAP_ISR, sizeof(struct virtio_pci_notify_cap),
			VIRTIO_PCI_CAP_NOTIFY_CFG, VHO_BAR_NOTIFY,
			VHO_NOTIFY_MULTIPLIER * pci->nr_vqs);
	put_unaligned_le32(VHO_NOTIFY_MULTIPLIER,
			   &pci->cfg[VHO_CAP_NOTIFY +
				     offsetof(struct virtio_pci_notify_cap,
					      notify_off_multiplier)]);
	vho_pci_add_cap(pci, VHO_CAP_ISR, VHO_CAP_DEVICE, sizeof(struct virtio_pci_cap),
			VIRTIO_PCI_CAP_ISR_CFG, VHO_BAR_ISR, 1);
	vho_pci_add_cap(pci, VHO_CAP_DEVICE, VHO_CAP_PCI, sizeof(struct virtio_pci_cap),
			VIRTIO_PCI_CAP_DEVICE_CFG, VHO_BAR_DEVICE,
			sizeof(struct virtio_virtuoso_config));
	vho_pci_add_cap(pci, VHO_CAP_PCI, VHO_CAP_MSIX, sizeof(struct virtio_pci_cfg_cap),
			VIRTIO_PCI_CAP_PCI_CFG, 0, 0);

	msix[PCI_CAP_LIST_ID] = PCI_CAP_ID_MSIX;
	put_unaligned_le16(pci->irq->nr_vectors - 1, &msix[PCI_MSIX_FLAGS]);
	put_unaligned_le32(VHO_BAR_MSIX_TABLE, &msix[PCI_MSIX_TABLE]);
	put_unaligned_le32(VHO_BAR_MSIX_PBA, &msix[PCI_MSIX_PBA]);
}

static void vho_pci_fill_cfg(struct vho_pci *pci)
{
	u8 *cfg = pci->cfg;

	memset(cfg, 0, VHO_PCI_CFG_BYTES);
	put_unaligned_le16(VHO_PCI_VENDOR, &cfg[PCI_VENDOR_ID]);
	put_unaligned_le16(VHO_PCI_DEVICE, &cfg[PCI_DEVICE_ID]);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, &cfg[PCI_STATUS]);
	cfg[PCI_REVISION_ID] = 1;
	cfg[PCI_CLASS_DEVICE + 1] = VHO_PCI_CLASS_OTHER;
	put_unaligned_le32(PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
			   &cfg[PCI_BASE_ADDRESS_0]);
	put_unaligned_le16(VHO_PCI_VENDOR, &cfg[PCI_SUBSYSTEM_VENDOR_ID]);
	put_unaligned_le16(VIRTIO_ID_VIRTUOSO, &cfg[PCI_SUBSYSTEM_ID]);
	cfg[PCI_CAPABILITY_LIST] = VHO_CAP_COMMON;
	vho_pci_add_caps(pci);
}

static void vho_pci_fill_wmask(struct vho_pci *pci)
{
	u8 *wmask = pci->wmask;

	put_unaligned_le16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
			   PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE, &wmask[PCI_COMMAND]);
	wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	wmask[PCI_INTERRUPT_LINE] = 0xff;
	/* Writing all ones and reading back shows the size. */
	put_unaligned_le32(~(u32)(VHO_PCI_BAR_BYTES - 1), &wmask[PCI_BASE_ADDRESS_0]);
	put_unaligned_le32(~(u32)0, &wmask[PCI_BASE_ADDRESS_1]);
	put_unaligned_le16(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL,
			   &wmask[VHO_CAP_MSIX + PCI_MSIX_FLAGS]);
	wmask[VHO_CAP_PCI + offsetof(struct virtio_pci_cap, bar)] = 0xff;
	put_unaligned_le32(~(u32)0, &wmask[VHO_CAP_PCI + offsetof(struct virtio_pci_cap, offset)]);
	put_unaligned_le32(~(u32)0, &wmask[VHO_CAP_PCI + offsetof(struct virtio_pci_cap, length)]);
}

/* ---- device reset ---- */

/* Caller holds pci->lock. */
static void __vho_pci_device_reset(struct vho_pci *pci)
{
	unsigned int i;

	vho_vdev_reset(pci->vdev);
	vho_irq_reset(pci->irq);
	pci->device_feature_select = 0;
	pci->driver_feature_select = 0;
	pci->driver_features = 0;
	pci->queue_select = 0;
	for (i = 0; i < VHO_VQ_MAX; i++) {
		pci->vq[i] = (struct vho_pci_vq) { };
		if (i < pci->nr_vqs)
			pci->vq[i].size = VHO_RING_SIZE_MAX;
	}
}

/**
 * vho_pci_reset() - reset the function: device, vectors, configuration space
 * @pci: the function
 * Context: XPORT
 */
void vho_pci_reset(struct vho_pci *pci)
{
	mutex_lock(&pci->lock);
	__vho_pci_device_reset(pci);
	vho_pci_fill_cfg(pci);
	mutex_unlock(&pci->lock);
}

/**
 * vho_pci_init() - set up the function of a device
 * @pci: the function
 * @vdev: the device behind it
 * @irq: its interrupts, initialized
 * Context: XPORT, before the function is visible
 */
void vho_pci_init(struct vho_pci *pci, struct vho_vdev *vdev, struct vho_irq *irq)
{
	pci->vdev = vdev;
	pci->irq = irq;
	pci->nr_vqs = min_t(unsigned int, vho_vdev_nr_vqs(vdev), VHO_VQ_MAX);
	mutex_init(&pci->lock);
	vho_pci_fill_wmask(pci);
	vho_pci_fill_cfg(pci);
}

/* ---- common configuration ---- */

/* Caller holds pci->lock. */
static struct vho_pci_vq *__vho_pci_selected(struct vho_pci *pci)
{
	return pci->queue_select < pci->nr_vqs ? &pci->vq[pci->queue_select] : NULL;
}

static u32 vho_pci_half(u64 value, u32 select)
{
	return select < 2 ? value >> (32 * select) : 0;
}

/* Caller holds pci->lock. */
static void __vho_pci_show_queue(struct vho_pci *pci, struct virtio_pci_common_cfg *cfg)
{
	struct vho_pci_vq *vq = __vho_pci_selected(pci);

	cfg->queue_select = cpu_to_le16(pci->queue_select);
	cfg->queue_msix_vector = cpu_to_le16(VIRTIO_MSI_NO_VECTOR);
	if (!vq)
		return;
	cfg->queue_size = cpu_to_le16(vq->size);
	cfg->queue_msix_vector = cpu_to_le16(vho_irq_vq_vector(pci->irq, pci->queue_select));
	cfg->queue_enable = cpu_to_le16(vq->enabled);
	cfg->queue_notify_off = cpu_to_le16(pci->queue_select);
	cfg->queue_desc_lo = cpu_to_le32(vq->desc);
	cfg->queue_desc_hi = cpu_to_le32(vq->desc >> 32);
	cfg->queue_avail_lo = cpu_to_le32(vq->driver);
	cfg->queue_avail_hi = cpu_to_le32(vq->driver >> 32);
	cfg->queue_used_lo = cpu_to_le32(vq->device);
	cfg->queue_used_hi = cpu_to_le32(vq->device >> 32);
}

/* Caller holds pci->lock. */
static void __vho_pci_common_read(struct vho_pci *pci, unsigned int off, void *buf,
				  unsigned int len)
{
	struct virtio_pci_common_cfg cfg = { };

	if (off + len > sizeof(cfg))
		return;
	cfg.device_feature_select = cpu_to_le32(pci->device_feature_select);
	cfg.device_feature = cpu_to_le32(vho_pci_half(vho_vdev_device_features(pci->vdev),
						       pci->device_feature_select));
	cfg.guest_feature_select = cpu_to_le32(pci->driver_feature_select);
	cfg.guest_feature = cpu_to_le32(vho_pci_half(pci->driver_features,
						      pci->driver_feature_select));
	cfg.msix_config = cpu_to_le16(vho_irq_config_vector(pci->irq));
	cfg.num_queues = cpu_to_le16(pci->nr_vqs);
	cfg.device_status = vho_vdev_status(pci->vdev);
	cfg.config_generation = vho_vdev_config_generation(pci->vdev);
	__vho_pci_show_queue(pci, &cfg);
	memcpy(buf, (u8 *)&cfg + off, len);
}

/* Caller holds pci->lock. */
static void __vho_pci_set_status(struct vho_pci *pci, u8 status)
{
	if (!status) {
		__vho_pci_device_reset(pci);
		return;
	}
	/* The features are the device's to judge; without its consent FEATURES_OK stays clear. */
	if (status & ~vho_vdev_status(pci->vdev) & VIRTIO_CONFIG_S_FEATURES_OK &&
	    vho_vdev_set_features(pci->vdev, pci->driver_features))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	vho_vdev_set_status(pci->vdev, status);
}

/* Caller holds pci->lock. */
static void __vho_pci_enable_queue(struct vho_pci *pci, struct vho_pci_vq *vq)
{
	u16 nr = pci->queue_select;

	/* Disabling a queue takes a reset: VIRTIO_F_RING_RESET is not offered. */
	if (vq->enabled)
		return;
	if (vho_vdev_vq_set_num(pci->vdev, nr, vq->size) ||
	    vho_vdev_vq_set_addr(pci->vdev, nr, vq->desc, vq->driver, vq->device) ||
	    vho_vdev_vq_set_ready(pci->vdev, nr, true)) {
		vho_vdev_needs_reset(pci->vdev);
		return;
	}
	vq->enabled = true;
}

static void vho_pci_set_half(u64 *value, bool high, u32 half)
{
	if (high)
		*value = (*value & U32_MAX) | (u64)half << 32;
	else
		*value = (*value & ~(u64)U32_MAX) | half;
}

/* Caller holds pci->lock. Fields of the queue on view. */
static void __vho_pci_queue_write(struct vho_pci *pci, struct vho_pci_vq *vq, unsigned int off,
				  u32 value)
{
	switch (off) {
	case VIRTIO_PCI_COMMON_Q_MSIX:
		vho_irq_set_vq_vector(pci->irq, pci->queue_select, value);
		return;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (value == 1)
			__vho_pci_enable_queue(pci, vq);
		return;
	}
	/* The rest is fixed once the queue is enabled. */
	if (vq->enabled)
		return;
	switch (off) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		vq->size = value;
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		vho_pci_set_half(&vq->desc, off == VIRTIO_PCI_COMMON_Q_DESCHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		vho_pci_set_half(&vq->driver, off == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		vho_pci_set_half(&vq->device, off == VIRTIO_PCI_COMMON_Q_USEDHI, value);
		break;
	}
}

/* Bytes of the writable field at @off, 0: there is none. Drivers must write whole fields. */
static unsigned int vho_pci_common_field(unsigned int off)
{
	switch (off) {
	case VIRTIO_PCI_COMMON_STATUS:
		return 1;
	case VIRTIO_PCI_COMMON_MSIX:
	case VIRTIO_PCI_COMMON_Q_SELECT:
	case VIRTIO_PCI_COMMON_Q_SIZE:
	case VIRTIO_PCI_COMMON_Q_MSIX:
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return 2;
	case VIRTIO_PCI_COMMON_DFSELECT:
	case VIRTIO_PCI_COMMON_GFSELECT:
	case VIRTIO_PCI_COMMON_GF:
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return 4;
	default:
		return 0;
	}
}

/* Caller holds pci->lock. */
static void __vho_pci_common_write(struct vho_pci *pci, unsigned int off, u32 value,
				   unsigned int len)
{
	struct vho_pci_vq *vq;

	if (len != vho_pci_common_field(off))
		return;

	switch (off) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		pci->device_feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		pci->driver_feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		if (pci->driver_feature_select < 2)
			vho_pci_set_half(&pci->driver_features, pci->driver_feature_select, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		vho_irq_set_config_vector(pci->irq, value);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		__vho_pci_set_status(pci, value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		pci->queue_select = value;
		break;
	default:
		vq = __vho_pci_selected(pci);
		if (vq)
			__vho_pci_queue_write(pci, vq, off, value);
	}
}

/* ---- BAR 0 ---- */

static u32 vho_pci_load(const void *buf, unsigned int len)
{
	switch (len) {
	case 1:
		return *(const u8 *)buf;
	case 2:
		return get_unaligned_le16(buf);
	default:
		return get_unaligned_le32(buf);
	}
}

/* Caller holds pci->lock. */
static void __vho_pci_bar_read(struct vho_pci *pci, unsigned int off, void *buf, unsigned int len)
{
	unsigned int in_page = off % VHO_BAR_PAGE;

	memset(buf, 0, len);
	switch (off - in_page) {
	case VHO_BAR_COMMON:
		__vho_pci_common_read(pci, in_page, buf, len);
		break;
	case VHO_BAR_ISR:
		if (!in_page)
			*(u8 *)buf = vho_irq_read_isr(pci->irq);
		break;
	case VHO_BAR_DEVICE:
		if (in_page + len <= sizeof(struct virtio_virtuoso_config))
			vho_vdev_config_read(pci->vdev, in_page, buf, len);
		break;
	}
}

/* A kick needs no lock: the queue is named by the address alone. */
static bool vho_pci_is_kick(const struct vho_pci *pci, unsigned int off)
{
	return off >= VHO_BAR_NOTIFY && off < VHO_BAR_NOTIFY + VHO_NOTIFY_MULTIPLIER * pci->nr_vqs;
}

static void vho_pci_kick(struct vho_pci *pci, unsigned int off)
{
	vho_vdev_kick(pci->vdev, (off - VHO_BAR_NOTIFY) / VHO_NOTIFY_MULTIPLIER);
}

/* Caller holds pci->lock. */
static void __vho_pci_bar_write(struct vho_pci *pci, unsigned int off, const void *buf,
				unsigned int len)
{
	if (vho_pci_is_kick(pci, off))
		vho_pci_kick(pci, off);
	else if (off < VHO_BAR_COMMON + VHO_COMMON_BYTES)
		__vho_pci_common_write(pci, off - VHO_BAR_COMMON, vho_pci_load(buf, len), len);
}

/**
 * vho_pci_bar_read() - the guest reads BAR 0
 * @pci: the function
 * @off: offset, a multiple of @len and less than VHO_PCI_BAR_BYTES
 * @buf: result
 * @len: 1, 2 or 4
 * Context: XPORT
 */
void vho_pci_bar_read(struct vho_pci *pci, unsigned int off, void *buf, unsigned int len)
{
	mutex_lock(&pci->lock);
	__vho_pci_bar_read(pci, off, buf, len);
	mutex_unlock(&pci->lock);
}

/**
 * vho_pci_bar_write() - the guest writes to BAR 0
 * @pci: the function
 * @off: offset, a multiple of @len and less than VHO_PCI_BAR_BYTES
 * @buf: data
 * @len: 1, 2 or 4
 * Context: XPORT
 */
void vho_pci_bar_write(struct vho_pci *pci, unsigned int off, const void *buf, unsigned int len)
{
	if (vho_pci_is_kick(pci, off)) {
		vho_pci_kick(pci, off);
		return;
	}
	mutex_lock(&pci->lock);
	__vho_pci_bar_write(pci, off, buf, len);
	mutex_unlock(&pci->lock);
}

/* ---- configuration space: accesses ---- */

/*
 * Caller holds pci->lock. VIRTIO_PCI_CAP_PCI_CFG: a window of the configuration space onto
 * BAR 0, whose place and width the guest wrote into the capability.
 */
static bool __vho_pci_window(struct vho_pci *pci, unsigned int *off, unsigned int *len)
{
	struct virtio_pci_cap cap;
	u32 bar_off, bar_len;

	memcpy(&cap, &pci->cfg[VHO_CAP_PCI], sizeof(cap));
	bar_off = le32_to_cpu(cap.offset);
	bar_len = le32_to_cpu(cap.length);
	if (cap.bar || (bar_len != 1 && bar_len != 2 && bar_len != 4))
		return false;
	if (bar_off % bar_len || bar_off >= VHO_PCI_BAR_BYTES)
		return false;
	*off = bar_off;
	*len = bar_len;
	return true;
}

/**
 * vho_pci_cfg_read() - the guest reads its configuration space
 * @pci: the function
 * @off: offset, a multiple of @len and less than VHO_PCI_CFG_BYTES
 * @buf: result
 * @len: 1, 2 or 4
 * Context: XPORT
 */
void vho_pci_cfg_read(struct vho_pci *pci, unsigned int off, void *buf, unsigned int len)
{
	unsigned int win_off, win_len;

	mutex_lock(&pci->lock);
	if (off == VHO_CAP_PCI_DATA && __vho_pci_window(pci, &win_off, &win_len) &&
	    len == win_len)
		__vho_pci_bar_read(pci, win_off, buf, len);
	else
		memcpy(buf, &pci->cfg[off], len);
	mutex_unlock(&pci->lock);
}

/* Caller holds pci->lock. A device that lost bus mastering must not touch memory any more. */
static void __vho_pci_command_written(struct vho_pci *pci, u16 old)
{
	u16 new = get_unaligned_le16(&pci->cfg[PCI_COMMAND]);

	if (old & ~new & PCI_COMMAND_MASTER)
		__vho_pci_device_reset(pci);
}

/**
 * vho_pci_cfg_write() - the guest writes to its configuration space
 * @pci: the function
 * @off: offset, a multiple of @len and less than VHO_PCI_CFG_BYTES
 * @buf: data
 * @len: 1, 2 or 4
 * Context: XPORT
 */
void vho_pci_cfg_write(struct vho_pci *pci, unsigned int off, const void *buf, unsigned int len)
{
	unsigned int win_off, win_len, i;
	const u8 *data = buf;
	u16 command;

	mutex_lock(&pci->lock);
	command = get_unaligned_le16(&pci->cfg[PCI_COMMAND]);
	for (i = 0; i < len; i++) {
		u8 mask = pci->wmask[off + i];

		pci->cfg[off + i] = (pci->cfg[off + i] & ~mask) | (data[i] & mask);
	}
	if (off <= PCI_COMMAND + 1 && off + len > PCI_COMMAND)
		__vho_pci_command_written(pci, command);
	else if (off == VHO_CAP_PCI_DATA && __vho_pci_window(pci, &win_off, &win_len) &&
		 len == win_len)
		__vho_pci_bar_write(pci, win_off, buf, len);
	mutex_unlock(&pci->lock);
}
