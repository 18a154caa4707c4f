// SPDX-License-Identifier: GPL-2.0
/*
 * The virtio device of a port: status, features, queues, start and stop.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/virtio_config.h>

#include "ctrl.h"
#include "guest_state.h"
#include "nl_event.h"
#include "port.h"
#include "serve.h"
#include "vdev.h"

static const u64 vho_vdev_offered =
	BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
	BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
	BIT_ULL(VIRTIO_VIRTUOSO_F_CSUM) | BIT_ULL(VIRTIO_VIRTUOSO_F_GUEST_CSUM) |
	BIT_ULL(VIRTIO_VIRTUOSO_F_TSO) | BIT_ULL(VIRTIO_VIRTUOSO_F_GUEST_TSO) |
	BIT_ULL(VIRTIO_VIRTUOSO_F_MRG_RXBUF) | BIT_ULL(VIRTIO_VIRTUOSO_F_SOCK) |
	BIT_ULL(VIRTIO_VIRTUOSO_F_RING);

static const u64 vho_vdev_required =
	BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);

/* ---- mappings ---- */

static int vho_vdev_map_once(struct vho_vdev *vdev, struct vho_map *map, u64 iova, u64 len)
{
	u64 gen;
	int err;

	mutex_lock(&vdev->map_lock);
	gen = vdev->map_gen;
	mutex_unlock(&vdev->map_lock);

	memset(map, 0, sizeof(*map));
	INIT_LIST_HEAD(&map->list);
	map->iova = iova & PAGE_MASK;
	map->len = PAGE_ALIGN(iova + len) - map->iova;
	err = vdev->ops->map(vdev, map);
	if (err)
		return err;

	/* Pinned without the lock: an invalidation in between did not see this mapping. */
	mutex_lock(&vdev->map_lock);
	if (gen == vdev->map_gen)
		list_add_tail(&map->list, &vdev->maps);
	else
		err = -EAGAIN;
	mutex_unlock(&vdev->map_lock);
	if (err) {
		vdev->ops->unmap(vdev, map);
		map->vaddr = NULL;
	}
	return err;
}

/**
 * vho_vdev_map() - make guest memory reachable
 * @vdev: device
 * @map: to fill; lives until vho_vdev_unmap()
 * @iova: guest address, any alignment
 * @len: bytes
 *
 * The mapping covers the pages around [iova, iova + len); map->vaddr is the address of @iova's page.
 *
 * Context: CTRL or XPORT; pins, may sleep. No lock may be held that the transport's unmapping takes.
 * Return: 0, -EFAULT, -ENOMEM, -EAGAIN when memory keeps being taken away meanwhile.
 */
int vho_vdev_map(struct vho_vdev *vdev, struct vho_map *map, u64 iova, u64 len)
{
	unsigned int tries = 4;
	int err;

	do {
		err = vho_vdev_map_once(vdev, map, iova, len);
	} while (err == -EAGAIN && --tries);
	return err;
}

/* Context: CTRL or XPORT. A mapping that an invalidation has already undone is left alone. */
void vho_vdev_unmap(struct vho_vdev *vdev, struct vho_map *map)
{
	bool mapped;

	mutex_lock(&vdev->map_lock);
	mapped = map->vaddr && !list_empty(&map->list);
	list_del_init(&map->list);
	mutex_unlock(&vdev->map_lock);
	if (mapped)
		vdev->ops->unmap(vdev, map);
	map->vaddr = NULL;
}

static void vho_vdev_unmap_rings(struct vho_vdev *vdev)
{
	unsigned int i, part;

	for (i = 0; i < VHO_VQ_MAX; i++) {
		vdev->vq[i].ring.num = 0;
		for (part = 0; part < ARRAY_SIZE(vdev->vq[i].map); part++)
			if (vdev->vq[i].map[part].vaddr)
				vho_vdev_unmap(vdev, &vdev->vq[i].map[part]);
	}
}

static int vho_vdev_map_part(struct vho_vdev *vdev, struct vho_vq *vq, unsigned int part,
			     u64 iova, size_t bytes, void **ptr)
{
	int err;

	if (iova + bytes < iova)
		return -EFAULT;
	err = vho_vdev_map(vdev, &vq->map[part], iova, bytes);
	if (err)
		return err;
	*ptr = vq->map[part].vaddr + offset_in_page(iova);
	return 0;
}

static int vho_vdev_map_ring(struct vho_vdev *vdev, struct vho_vq *vq)
{
	void *desc, *avail, *used;
	int err;

	err = vho_vdev_map_part(vdev, vq, 0, vq->desc, vho_ring_desc_bytes(vq->num), &desc);
	if (!err)
		err = vho_vdev_map_part(vdev, vq, 1, vq->driver, vho_ring_avail_bytes(vq->num),
					&avail);
	if (!err)
		err = vho_vdev_map_part(vdev, vq, 2, vq->device, vho_ring_used_bytes(vq->num),
					&used);
	if (err)
		return err;
	vho_ring_init(&vq->ring, vq->num, desc, avail, used,
		      vdev->features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX));
	return 0;
}

static int vho_vdev_map_rings(struct vho_vdev *vdev)
{
	unsigned int i;
	int err;

	for (i = 0; i < vho_vdev_nr_vqs(vdev); i++) {
		if (!vdev->vq[i].ready)
			continue;
		err = vho_vdev_map_ring(vdev, &vdev->vq[i]);
		if (err)
			return err;
	}
	return 0;
}

/* ---- start and stop ---- */

/* Caller holds vdev->lock. */
static int vho_vdev_start(struct vho_vdev *vdev)
{
	int err;
	u64 gen;

	mutex_lock(&vdev->map_lock);
	gen = vdev->map_gen;
	mutex_unlock(&vdev->map_lock);
	err = vho_vdev_map_rings(vdev);
	if (!err) {
		mutex_lock(&vdev->run_lock);
		mutex_lock(&vdev->map_lock);
		if (gen != vdev->map_gen)
			err = -EAGAIN;
		mutex_unlock(&vdev->map_lock);
		if (!err)
			err = vho_serve_start(vdev->port, vdev->features);
		vdev->running = !err;
		mutex_unlock(&vdev->run_lock);
		if (!err)
			vho_nl_event_port_changed(vdev->port);
	}
	if (err)
		vho_vdev_unmap_rings(vdev);
	return err;
}

static void vho_vdev_stop(struct vho_vdev *vdev)
{
	mutex_lock(&vdev->run_lock);
	if (vdev->running) {
		vdev->running = false;
		vho_serve_stop(vdev->port);
		vho_nl_event_port_changed(vdev->port);
	}
	mutex_unlock(&vdev->run_lock);
	/* A request under way ends before the driver may reuse its memory or the transport goes. */
	vho_ctrl_drain(vdev->port);
	vho_vdev_unmap_rings(vdev);
}

static void vho_vdev_reset_locked(struct vho_vdev *vdev)
{
	unsigned int i;

	vho_vdev_stop(vdev);
	WRITE_ONCE(vdev->status, 0);
	WRITE_ONCE(vdev->failed, false);
	vdev->features = 0;
	for (i = 0; i < VHO_VQ_MAX; i++) {
		struct vho_vq *vq = &vdev->vq[i];

		vq->num = VHO_RING_SIZE_MAX;
		vq->ready = false;
		vq->desc = 0;
		vq->driver = 0;
		vq->device = 0;
	}
}

void vho_vdev_init(struct vho_vdev *vdev, struct vho_port *port, const u8 *mac, u16 mtu)
{
	vdev->port = port;
	mutex_init(&vdev->lock);
	mutex_init(&vdev->run_lock);
	mutex_init(&vdev->map_lock);
	INIT_LIST_HEAD(&vdev->maps);
	memcpy(vdev->config.mac, mac, ETH_ALEN);
	vdev->config.status = cpu_to_le16(VIRTUOSO_S_LINK_UP);
	vdev->config.mtu = cpu_to_le16(mtu);
	vdev->config.max_channels = cpu_to_le16(VHO_CHANNELS_MAX);
	vdev->config.max_flows = cpu_to_le32(port->max_flows);
	vdev->config.max_regions = cpu_to_le32(VHO_REGIONS_MAX);
	vdev->config.max_region_bytes = cpu_to_le32(VHO_REGION_BYTES_MAX);
	mutex_lock(&vdev->lock);
	vho_vdev_reset_locked(vdev);
	mutex_unlock(&vdev->lock);
}

/* ---- for transports ---- */

int vho_vdev_bind(struct vho_vdev *vdev, const struct vho_xport_ops *ops, void *xport)
{
	int err = 0;

	mutex_lock(&vdev->lock);
	if (vdev->ops) {
		err = -EBUSY;
	} else {
		vdev->ops = ops;
		vdev->xport = xport;
	}
	mutex_unlock(&vdev->lock);
	return err;
}

void vho_vdev_unbind(struct vho_vdev *vdev)
{
	mutex_lock(&vdev->lock);
	if (vdev->ops) {
		vho_vdev_reset_locked(vdev);
		vdev->ops = NULL;
		vdev->xport = NULL;
	}
	mutex_unlock(&vdev->lock);
}

u64 vho_vdev_device_features(struct vho_vdev *vdev)
{
	return vho_vdev_offered;
}

/**
 * vho_vdev_set_features() - the driver accepts features
 * @vdev: device
 * @features: bits accepted
 *
 * Context: XPORT.
 * Return: 0, or -EINVAL: not offered, required bits missing, dependency broken, or too late.
 */
int vho_vdev_set_features(struct vho_vdev *vdev, u64 features)
{
	int err = -EINVAL;

	if (features & ~vho_vdev_offered)
		return -EINVAL;
	if ((features & BIT_ULL(VIRTIO_VIRTUOSO_F_TSO)) &&
	    !(features & BIT_ULL(VIRTIO_VIRTUOSO_F_CSUM)))
		return -EINVAL;
	if ((features & BIT_ULL(VIRTIO_VIRTUOSO_F_GUEST_TSO)) &&
	    !(features & BIT_ULL(VIRTIO_VIRTUOSO_F_GUEST_CSUM)))
		return -EINVAL;
	mutex_lock(&vdev->lock);
	if (!(vdev->status & VIRTIO_CONFIG_S_FEATURES_OK)) {
		vdev->features = features;
		err = 0;
	}
	mutex_unlock(&vdev->lock);
	return err;
}

u8 vho_vdev_status(struct vho_vdev *vdev)
{
	return READ_ONCE(vdev->status) | (READ_ONCE(vdev->failed) ? VIRTIO_CONFIG_S_NEEDS_RESET : 0);
}

/**
 * vho_vdev_set_status() - status write by the driver
 * @vdev: device
 * @status: VIRTIO_CONFIG_S_*; 0 resets
 *
 * FEATURES_OK is not kept when required features are missing; DRIVER_OK starts the queues, and turns
 * into DEVICE_NEEDS_RESET when they cannot be reached.
 *
 * Context: XPORT; waits for core and slow path.
 */
void vho_vdev_set_status(struct vho_vdev *vdev, u8 status)
{
	mutex_lock(&vdev->lock);
	if (!status) {
		vho_vdev_reset_locked(vdev);
		goto out;
	}
	if (!vdev->ops)
		goto out;
	/* Bits are only ever added, and the device's own bit is not the driver's to set. */
	status |= vdev->status;
	status &= ~VIRTIO_CONFIG_S_NEEDS_RESET;
	if ((status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    !(vdev->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    (vdev->features & vho_vdev_required) != vho_vdev_required)
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	if ((status & VIRTIO_CONFIG_S_DRIVER_OK) && !(vdev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
		if (!(status & VIRTIO_CONFIG_S_FEATURES_OK) || vho_vdev_start(vdev))
			WRITE_ONCE(vdev->failed, true);
	}
	WRITE_ONCE(vdev->status, status);
out:
	mutex_unlock(&vdev->lock);
}

void vho_vdev_reset(struct vho_vdev *vdev)
{
	vho_vdev_set_status(vdev, 0);
}

unsigned int vho_vdev_nr_vqs(struct vho_vdev *vdev)
{
	return VHO_VQ_MAX;
}

int vho_vdev_vq_set_num(struct vho_vdev *vdev, u16 vq, u16 num)
{
	int err = -EINVAL;

	if (vq >= vho_vdev_nr_vqs(vdev) || !is_power_of_2(num) || num > VHO_RING_SIZE_MAX)
		return -EINVAL;
	mutex_lock(&vdev->lock);
	if (!(vdev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
		vdev->vq[vq].num = num;
		err = 0;
	}
	mutex_unlock(&vdev->lock);
	return err;
}

int vho_vdev_vq_set_addr(struct vho_vdev *vdev, u16 vq, u64 desc, u64 driver, u64 device)
{
	int err = -EINVAL;

	if (vq >= vho_vdev_nr_vqs(vdev) || !IS_ALIGNED(desc, 16) || !IS_ALIGNED(driver, 2) ||
	    !IS_ALIGNED(device, 4))
		return -EINVAL;
	mutex_lock(&vdev->lock);
	if (!(vdev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
		vdev->vq[vq].desc = desc;
		vdev->vq[vq].driver = driver;
		vdev->vq[vq].device = device;
		err = 0;
	}
	mutex_unlock(&vdev->lock);
	return err;
}

int vho_vdev_vq_set_ready(struct vho_vdev *vdev, u16 vq, bool ready)
{
	int err = -EINVAL;

	if (vq >= vho_vdev_nr_vqs(vdev))
		return -EINVAL;
	mutex_lock(&vdev->lock);
	if (!(vdev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
		vdev->vq[vq].ready = ready;
		err = 0;
	}
	mutex_unlock(&vdev->lock);
	return err;
}

void vho_vdev_config_read(struct vho_vdev *vdev, unsigned int off, void *buf, size_t len)
{
	memset(buf, 0, len);
	if (off >= sizeof(vdev->config))
		return;
	mutex_lock(&vdev->lock);
	memcpy(buf, (u8 *)&vdev->config + off, min(len, sizeof(vdev->config) - off));
	mutex_unlock(&vdev->lock);
}

u8 vho_vdev_config_generation(struct vho_vdev *vdev)
{
	return READ_ONCE(vdev->config_gen);
}

/**
 * vho_vdev_needs_reset() - give up on this driver until it resets the device
 * @vdev: device
 *
 * Context: any.
 */
void vho_vdev_needs_reset(struct vho_vdev *vdev)
{
	const struct vho_xport_ops *ops = READ_ONCE(vdev->ops);

	WRITE_ONCE(vdev->failed, true);
	WRITE_ONCE(vdev->config_gen, READ_ONCE(vdev->config_gen) + 1);
	if (ops)
		ops->config_changed(vdev);
}

void vho_vdev_invalidate(struct vho_vdev *vdev, u64 iova, u64 len)
{
	struct vho_map *map, *next;
	LIST_HEAD(gone);
	bool hit = false;

	mutex_lock(&vdev->map_lock);
	vdev->map_gen++;
	/* Compared by last bytes: a range may end with the address space. */
	list_for_each_entry(map, &vdev->maps, list)
		hit |= map->iova <= iova + len - 1 && iova <= map->iova + map->len - 1;
	mutex_unlock(&vdev->map_lock);
	if (!hit)
		return;

	/*
	 * Memory in use goes away: nothing of this driver can be served any more. It learns that under
	 * run_lock: a reset takes it before it clears NEEDS_RESET, so that this is never left to a
	 * driver that comes after the reset. One that is still starting fails by map_gen.
	 */
	mutex_lock(&vdev->run_lock);
	if (vdev->running) {
		vdev->running = false;
		vho_serve_stop(vdev->port);
		vho_nl_event_port_changed(vdev->port);
		vho_vdev_needs_reset(vdev);
	}
	mutex_unlock(&vdev->run_lock);

	mutex_lock(&vdev->map_lock);
	list_splice_init(&vdev->maps, &gone);
	list_for_each_entry_safe(map, next, &gone, list) {
		list_del_init(&map->list);
		vdev->ops->unmap(vdev, map);
	}
	mutex_unlock(&vdev->map_lock);
}

void vho_vdev_kick(struct vho_vdev *vdev, u16 vq)
{
	if (vq < vho_vdev_nr_vqs(vdev))
		vho_serve_kick(vdev->port, vq);
}
