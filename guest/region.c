// SPDX-License-Identifier: GPL-2.0
/*
 * Registered memory: regions of physically contiguous pages that the device knows, and
 * virtqueue slots cut from them. Payload rings: payload.c.
 *
 * A region lives until the device goes. Its pages are one compound page, so that an skb
 * whose fragments are ring pages may outlive it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_virtuoso.h>
#include <linux/workqueue.h>

#include <virtuoso/compat.h>

#include "dev.h"
#include "priv.h"
#include "region_priv.h"
#include "stats.h"

#define VGU_REGIONS_MAX		16384	/* limit of our own, 32 GiB */

static struct virtqueue *vgu_region_vq(const struct vgu_dev *dev)
{
	/* Stands for all of them: they have one DMA device, see vgu_dev_check_dma(). */
	return dev->priv->vqs[VIRTUOSO_VQ_CONTROL];
}

/* --- one region --- */

static int vgu_region_alloc_pages(struct vgu_dev *dev, struct vgu_region *region,
				  u32 bytes, u32 min_bytes)
{
	u32 max_bytes = dev->priv->max_region_bytes;
	int order;

	for (order = get_order(bytes); order >= 0; order--) {
		u64 size = (u64)PAGE_SIZE << order;
		gfp_t gfp = GFP_KERNEL | __GFP_COMP | __GFP_ZERO | __GFP_NOWARN;

		if (size < min_bytes)
			break;
		if (size > max_bytes || order > MAX_PAGE_ORDER)
			continue;
		if (size > min_bytes)
			gfp |= __GFP_NORETRY;
		region->page = alloc_pages(gfp, order);
		if (!region->page)
			continue;
		region->order = order;
		region->vaddr = page_address(region->page);
		return 0;
	}
	return -ENOMEM;
}

static int vgu_region_map(struct vgu_dev *dev, struct vgu_region *region)
{
	struct virtqueue *vq = vgu_region_vq(dev);
	u32 bytes = vgu_region_bytes(region);

	region->addr = virtqueue_map_single_attrs(vq, region->vaddr, bytes,
						  DMA_BIDIRECTIONAL, 0);
	if (virtqueue_map_mapping_error(vq, region->addr))
		return -EIO;
	/* Both sides read and write at any time: a bounce buffer cannot work. */
	if (virtqueue_map_need_sync(vq, region->addr)) {
		virtqueue_unmap_single_attrs(vq, region->addr, bytes, DMA_BIDIRECTIONAL, 0);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int vgu_region_announce(struct vgu_dev *dev, struct vgu_region *region)
{
	struct virtio_virtuoso_ctrl_region req = {
		.hdr.op = cpu_to_le16(VIRTUOSO_CTRL_REGION_ADD),
		.id = cpu_to_le32(region->id),
		.len_bytes = cpu_to_le32(vgu_region_bytes(region)),
		.addr = cpu_to_le64(region->addr),
	};

	return vgu_ctrl(dev, &req, sizeof(req));
}

static void vgu_region_free(struct vgu_dev *dev, struct vgu_region *region)
{
	virtqueue_unmap_single_attrs(vgu_region_vq(dev), region->addr,
				     vgu_region_bytes(region), DMA_BIDIRECTIONAL, 0);
	__free_pages(region->page, region->order);
	kvfree(region);
}

static struct vgu_region *vgu_region_create(struct vgu_dev *dev, u32 bytes, u32 min_bytes,
					    u32 max_rings)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_region *region;
	int err;

	region = kvzalloc(struct_size(region, ring, max_rings), GFP_KERNEL);
	if (!region)
		return ERR_PTR(-ENOMEM);
	region->nr_rings = max_rings;
	region->id = regions->nr;
	err = vgu_region_alloc_pages(dev, region, bytes, min_bytes);
	if (err)
		goto err_free;
	err = vgu_region_map(dev, region);
	if (err)
		goto err_pages;
	err = vgu_region_announce(dev, region);
	if (err == -ENODEV)
		goto err_keep;
	if (err)
		goto err_unmap;
	return region;

err_keep:
	/* The device may yet act on the request: the pages stay until it was reset. */
	region->nr_rings = 0;
	regions->region[regions->nr++] = region;
	return ERR_PTR(err);
err_unmap:
	virtqueue_unmap_single_attrs(vgu_region_vq(dev), region->addr,
				     vgu_region_bytes(region), DMA_BIDIRECTIONAL, 0);
err_pages:
	__free_pages(region->page, region->order);
err_free:
	kvfree(region);
	return ERR_PTR(err);
}

/**
 * __vgu_region_add() - register one more region
 * @dev: device
 * @shortage: a failure is remembered there, lest it cost CPU time again and again
 * @bytes: size, if it can be had
 * @min_bytes: if not
 * @max_rings: it will be cut into so many rings at most
 *
 * Context: process, regions->grow_lock is held. Return: the region, or an ERR_PTR().
 */
struct vgu_region *__vgu_region_add(struct vgu_dev *dev, struct vgu_shortage *shortage,
				    u32 bytes, u32 min_bytes, u32 max_rings)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_region *region;

	lockdep_assert_held(&regions->grow_lock);
	if (READ_ONCE(dev->gone))
		return ERR_PTR(-ENODEV);
	if (regions->nr >= regions->id_limit)
		return ERR_PTR(-ENOSPC);
	if (vgu_shortage_pause(shortage))
		return ERR_PTR(-ENOMEM);

	region = vgu_region_create(dev, bytes, min_bytes, max_rings);
	if (IS_ERR(region)) {
		vgu_count(dev, region_failed);
		WRITE_ONCE(shortage->retry, jiffies + VGU_GROW_PAUSE);
		WRITE_ONCE(shortage->failed, true);
		return region;
	}
	WRITE_ONCE(shortage->failed, false);
	regions->region[regions->nr++] = region;
	vgu_count(dev, regions);
	return region;
}

/* --- slots --- */

/* Caller: regions->grow_lock. Memory for slots; at least one, as many as @bytes if possible. */
static struct vgu_region *__vgu_region_for_slots(struct vgu_dev *dev, u32 slot_bytes, u32 bytes)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_region *region = regions->slots;

	if (region && vgu_region_bytes(region) - region->used_bytes >= slot_bytes)
		return region;
	bytes = clamp_t(u32, bytes, VGU_REGION_MIN_BYTES, VGU_REGION_BYTES);
	region = __vgu_region_add(dev, &regions->shortage, bytes,
				  max_t(u32, slot_bytes, PAGE_SIZE), 0);
	if (!IS_ERR(region))
		regions->slots = region;
	return region;
}

/**
 * vgu_slots_init() - make a pool of slots in registered memory
 * @dev: device
 * @slots: to be filled in
 * @nr: number of slots
 * @bytes: size of each, a power of two of at most a page: no slot crosses a page
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int vgu_slots_init(struct vgu_dev *dev, struct vgu_slots *slots, u32 nr, u32 bytes)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_region *region;
	struct vgu_slot *slot;
	int err = 0;
	u32 i;

	slots->slot = kvcalloc(nr, sizeof(*slots->slot), GFP_KERNEL);
	if (!slots->slot)
		return -ENOMEM;
	slots->nr = nr;
	slots->bytes = bytes;

	mutex_lock(&regions->grow_lock);
	for (i = 0; i < nr; i++) {
		region = __vgu_region_for_slots(dev, bytes, (nr - i) * bytes);
		if (IS_ERR(region)) {
			err = PTR_ERR(region);
			break;
		}
		region->used_bytes = ALIGN(region->used_bytes, bytes);
		slot = &slots->slot[i];
		slot->vaddr = region->vaddr + region->used_bytes;
		slot->addr = region->addr + region->used_bytes;
		region->used_bytes += bytes;
		vgu_slot_put(slots, slot);
	}
	mutex_unlock(&regions->grow_lock);
	if (err)
		vgu_slots_exit(slots);
	return err;
}

/**
 * vgu_slots_exit() - forget a pool
 * @slots: pool; the device must not know any of its slots any more
 *
 * The memory goes back with its region.
 *
 * Context: process, may sleep.
 */
void vgu_slots_exit(struct vgu_slots *slots)
{
	kvfree(slots->slot);
	memset(slots, 0, sizeof(*slots));
}

/* --- all of them --- */

/**
 * vgu_regions_init() - set up the (still empty) registered memory of a device
 * @dev: device; @dev->priv says what it can do
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int vgu_regions_init(struct vgu_dev *dev)
{
	u32 id_limit = min_t(u32, dev->priv->max_regions, VGU_REGIONS_MAX);
	u32 max_bytes = min_t(u32, dev->priv->max_region_bytes, 1U << VIRTUOSO_RING_LOG2_MAX);
	struct vgu_regions *regions;

	if (!id_limit || max_bytes < PAGE_SIZE) {
		dev_err(&dev->vdev->dev, "device takes no memory regions of a page\n");
		return -EINVAL;
	}
	regions = kvzalloc(struct_size(regions, region, id_limit), GFP_KERNEL);
	if (!regions)
		return -ENOMEM;
	regions->id_limit = id_limit;
	regions->dev = dev;
	mutex_init(&regions->grow_lock);
	vgu_rings_init(regions, max_bytes);
	dev->regions = regions;
	return 0;
}

/**
 * vgu_regions_stop() - no more registration, no more calls of vgu_conn_payload_ready()
 * @dev: device; @dev->gone is set
 *
 * Context: process, may sleep.
 */
void vgu_regions_stop(struct vgu_dev *dev)
{
	disable_delayed_work_sync(&dev->regions->refill);
}

/**
 * vgu_regions_free_all() - free all registered memory
 * @dev: device; was reset, its queues are not yet deleted
 *
 * Context: process, may sleep.
 */
void vgu_regions_free_all(struct vgu_dev *dev)
{
	struct vgu_regions *regions = dev->regions;
	u32 i;

	for (i = 0; i < regions->nr; i++)
		vgu_region_free(dev, regions->region[i]);
	regions->nr = 0;
}

/**
 * vgu_regions_exit() - undo vgu_regions_init()
 * @dev: device; no region is left
 *
 * Context: process, may sleep.
 */
void vgu_regions_exit(struct vgu_dev *dev)
{
	kvfree(dev->regions);
	dev->regions = NULL;
}
