// SPDX-License-Identifier: GPL-2.0
/*
 * Payload rings in registered memory.
 *
 * They come in a few sizes. A connection begins with two of the smallest and gets larger ones when
 * it can use them; a region is cut into rings of one size, and they stay what they are.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bottom_half.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/virtio_config.h>

#include "conn.h"
#include "dev.h"
#include "priv.h"
#include "region_priv.h"
#include "stats.h"

#define VGU_RING_KIB_MIN	(1U << (VIRTUOSO_RING_LOG2_MIN - 10))
#define VGU_RING_KIB_MAX	(1U << (VIRTUOSO_RING_LOG2_MAX - 10))

#define VGU_RING_RESERVE_BYTES	SZ_2M	/* free rings kept for those who cannot sleep */
/* Rings above the first size may take so much of the memory, and of the regions, as a divisor. */
#define VGU_LARGER_OF_RAM	16
#define VGU_LARGER_OF_REGIONS	2

static unsigned int ring_kib = 32;
module_param(ring_kib, uint, 0444);
MODULE_PARM_DESC(ring_kib, "size of a payload ring in KiB, a power of two from 4 to 4096, with which connections begin; each has two (default 32)");

static unsigned int ring_max_kib = 4096;
module_param(ring_max_kib, uint, 0444);
MODULE_PARM_DESC(ring_max_kib, "size in KiB, a power of two up to 4096, to which payload rings grow with use (default 4096)");

static struct vgu_ring *vgu_ring_pop(struct vgu_regions *regions, struct vgu_ring_size *size)
{
	struct vgu_ring *ring;
	unsigned long flags;

	spin_lock_irqsave(&regions->lock, flags);
	ring = list_first_entry_or_null(&size->free, struct vgu_ring, list);
	if (ring) {
		list_del_init(&ring->list);
		size->nr_free--;
	}
	spin_unlock_irqrestore(&regions->lock, flags);
	return ring;
}

/* The smallest one there is. */
static struct vgu_ring *vgu_ring_pop_any(struct vgu_regions *regions)
{
	struct vgu_ring *ring = NULL;
	u32 i;

	for (i = 0; i < regions->nr_sizes && !ring; i++)
		ring = vgu_ring_pop(regions, &regions->size[i]);
	return ring;
}

static void vgu_ring_describe(const struct vgu_ring *ring, struct vgu_payload *payload)
{
	*payload = (struct vgu_payload) {
		.vaddr = ring->region->vaddr + ring->offset_bytes,
		.abi.region = cpu_to_le32(ring->region->id),
		.abi.offset_bytes = cpu_to_le32(ring->offset_bytes),
		.abi.size_log2 = ilog2(ring->region->size->ring_bytes),
	};
}

/* Caller: regions->grow_lock. More rings of a size. */
static int __vgu_rings_grow(struct vgu_dev *dev, struct vgu_ring_size *size)
{
	struct vgu_regions *regions = dev->regions;
	u32 bytes = max_t(u32, VGU_REGION_BYTES, size->ring_bytes);
	u32 min_bytes = max_t(u32, VGU_REGION_MIN_BYTES, size->ring_bytes);
	bool larger = size != regions->size;
	struct vgu_region *region;
	u32 i, nr;

	if (larger && regions->larger_bytes + bytes > regions->larger_max_bytes)
		return -ENOSPC;
	region = __vgu_region_add(dev, size->shortage, bytes,
				  min(min_bytes, dev->priv->max_region_bytes),
				  bytes / size->ring_bytes);
	if (IS_ERR(region))
		return PTR_ERR(region);

	if (larger)
		regions->larger_bytes += vgu_region_bytes(region);
	nr = vgu_region_bytes(region) / size->ring_bytes;
	region->size = size;
	for (i = 0; i < nr; i++) {
		region->ring[i].region = region;
		region->ring[i].offset_bytes = i * size->ring_bytes;
	}
	spin_lock_irq(&regions->lock);
	for (i = 0; i < nr; i++)
		list_add_tail(&region->ring[i].list, &size->free);
	size->nr_free += nr;
	region->nr_rings = nr;
	spin_unlock_irq(&regions->lock);
	return 0;
}

/* Return: of the first size: 0, -ENOSPC: there can be no more, -errno. */
static int vgu_refill_rings(struct vgu_dev *dev)
{
	struct vgu_regions *regions = dev->regions;
	int err = 0;
	u32 i;

	mutex_lock(&regions->grow_lock);
	while (!err && READ_ONCE(regions->size[0].nr_free) < regions->low_rings)
		err = __vgu_rings_grow(dev, &regions->size[0]);
	if (err == -ENOSPC)
		WRITE_ONCE(regions->low_rings, 0);
	for (i = 1; i < regions->nr_sizes; i++) {
		struct vgu_ring_size *size = &regions->size[i];

		if (!READ_ONCE(size->wanted))
			continue;
		/* Without success it stays as it was: the next one who wants it asks again. */
		if (!READ_ONCE(size->nr_free))
			(void)__vgu_rings_grow(dev, size);
		WRITE_ONCE(size->wanted, false);
	}
	mutex_unlock(&regions->grow_lock);
	return err;
}

/* Caller: regions->lock. */
static bool vgu_rings_any_free(const struct vgu_regions *regions)
{
	u32 i;

	for (i = 0; i < regions->nr_sizes; i++) {
		if (regions->size[i].nr_free)
			return true;
	}
	return false;
}

static void vgu_refill_work(struct work_struct *work)
{
	struct vgu_regions *regions =
		container_of(to_delayed_work(work), struct vgu_regions, refill);
	struct vgu_dev *dev = regions->dev;
	int err = vgu_refill_rings(dev);
	bool ready, again;

	spin_lock_irq(&regions->lock);
	ready = regions->starved && vgu_rings_any_free(regions);
	again = regions->starved && !ready;
	if (ready)
		regions->starved = false;
	spin_unlock_irq(&regions->lock);

	if (ready) {
		local_bh_disable();
		vgu_conn_payload_ready(dev);
		local_bh_enable();
	}
	/* At the limit of regions only vgu_payload_free() can help, and it calls us. */
	if (again && err != -ENOSPC)
		schedule_delayed_work(&regions->refill, VGU_GROW_PAUSE);
}

/**
 * vgu_payload_alloc() - get a payload ring, registering more memory if need be
 * @dev: device
 * @payload: to be filled in
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, -ENODEV.
 */
int vgu_payload_alloc(struct vgu_dev *dev, struct vgu_payload *payload)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_ring *ring;
	int err = 0;

	if (READ_ONCE(dev->gone))
		return -ENODEV;
	ring = vgu_ring_pop(regions, &regions->size[0]);
	if (!ring) {
		vgu_count(dev, ring_shortage);
		mutex_lock(&regions->grow_lock);
		while (!err) {
			ring = vgu_ring_pop(regions, &regions->size[0]);
			if (ring)
				break;
			err = __vgu_rings_grow(dev, &regions->size[0]);
		}
		mutex_unlock(&regions->grow_lock);
	}
	if (!ring)
		ring = vgu_ring_pop_any(regions);
	if (!ring)
		return err == -ENODEV ? -ENODEV : -ENOMEM;
	vgu_ring_describe(ring, payload);
	return 0;
}

/**
 * vgu_payload_alloc_atomic() - get a payload ring without sleeping
 * @dev: device
 * @payload: to be filled in
 *
 * On failure vgu_conn_payload_ready() is called once there is one.
 *
 * Context: any.
 * Return: 0, -ENOMEM, -ENODEV.
 */
int vgu_payload_alloc_atomic(struct vgu_dev *dev, struct vgu_payload *payload)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_ring *ring;
	unsigned long flags;

	if (READ_ONCE(dev->gone))
		return -ENODEV;
	ring = vgu_ring_pop_any(regions);
	if (!ring) {
		vgu_count(dev, ring_shortage);
		spin_lock_irqsave(&regions->lock, flags);
		regions->starved = true;
		spin_unlock_irqrestore(&regions->lock, flags);
	}
	if (READ_ONCE(regions->size[0].nr_free) < READ_ONCE(regions->low_rings))
		schedule_delayed_work(&regions->refill, vgu_shortage_pause(&regions->shortage));
	if (!ring)
		return -ENOMEM;
	vgu_ring_describe(ring, payload);
	return 0;
}

/* Somebody would have taken a ring of @size: there will be some, if there can be. */
static void vgu_ring_want(struct vgu_regions *regions, struct vgu_ring_size *size)
{
	if (READ_ONCE(size->wanted) || vgu_shortage_pause(size->shortage))
		return;
	WRITE_ONCE(size->wanted, true);
	schedule_delayed_work(&regions->refill, 0);
}

/**
 * vgu_payload_alloc_larger() - get a larger payload ring, if there is one
 * @dev: device
 * @payload: to be filled in
 * @than_bytes: it must be larger than this
 * @want_bytes: and as large as this, if possible
 *
 * If there is none of the size that would be right a smaller one is as good for now; more of that size are
 * registered meanwhile, for whoever asks again.
 *
 * Context: any.
 * Return: 0, -ENOMEM, -ENODEV.
 */
int vgu_payload_alloc_larger(struct vgu_dev *dev, struct vgu_payload *payload, u32 than_bytes,
			     u32 want_bytes)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_ring *ring = NULL;
	u32 i = 0;

	if (READ_ONCE(dev->gone))
		return -ENODEV;
	while (i + 1 < regions->nr_sizes && regions->size[i].ring_bytes < want_bytes)
		i++;
	for (; i && regions->size[i].ring_bytes > than_bytes && !ring; i--) {
		ring = vgu_ring_pop(regions, &regions->size[i]);
		if (!ring)
			vgu_ring_want(regions, &regions->size[i]);
	}
	if (!ring)
		return -ENOMEM;
	vgu_ring_describe(ring, payload);
	vgu_count(dev, ring_grown);
	return 0;
}

static struct vgu_ring *vgu_ring_find(const struct vgu_regions *regions,
				      const struct vgu_payload *payload)
{
	u32 id = le32_to_cpu(payload->abi.region);
	struct vgu_region *region;
	u32 index;

	region = id < regions->id_limit ? regions->region[id] : NULL;
	if (!region || !region->nr_rings)
		return NULL;
	index = le32_to_cpu(payload->abi.offset_bytes) / region->size->ring_bytes;
	return index < region->nr_rings ? &region->ring[index] : NULL;
}

/**
 * vgu_payload_free() - give a payload ring back
 * @dev: device
 * @payload: what one of the vgu_payload_alloc functions filled in; the device has released it
 *
 * Context: any.
 */
void vgu_payload_free(struct vgu_dev *dev, struct vgu_payload *payload)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_ring *ring = vgu_ring_find(regions, payload);
	struct vgu_ring_size *size;
	unsigned long flags;
	bool starved;

	if (WARN_ON_ONCE(!ring))
		return;
	size = ring->region->size;
	spin_lock_irqsave(&regions->lock, flags);
	if (!WARN_ON_ONCE(!list_empty(&ring->list))) {
		list_add(&ring->list, &size->free);
		size->nr_free++;
	}
	starved = regions->starved;
	spin_unlock_irqrestore(&regions->lock, flags);
	payload->vaddr = NULL;

	if (starved) {
		cancel_delayed_work(&regions->refill);
		schedule_delayed_work(&regions->refill, 0);
	}
}

/* --- set-up --- */

static int vgu_ring_kib_check(const char *name, unsigned int kib)
{
	if (is_power_of_2(kib) && kib >= VGU_RING_KIB_MIN && kib <= VGU_RING_KIB_MAX)
		return 0;
	pr_err("%s=%u is not a power of two from %u to %u\n", name, kib, VGU_RING_KIB_MIN,
	       VGU_RING_KIB_MAX);
	return -EINVAL;
}

/**
 * vgu_regions_check_params() - check the module parameters
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int vgu_regions_check_params(void)
{
	return vgu_ring_kib_check("ring_kib", ring_kib) ?:
	       vgu_ring_kib_check("ring_max_kib", ring_max_kib);
}

/**
 * vgu_rings_init() - choose the sizes of rings
 * @regions: empty
 * @max_bytes: limit of one region
 *
 * Context: process.
 */
void vgu_rings_init(struct vgu_regions *regions, u32 max_bytes)
{
	u32 first, bytes, last;

	first = min_t(u32, max_t(u32, ring_kib * SZ_1K, PAGE_SIZE), rounddown_pow_of_two(max_bytes));
	last = min_t(u32, ring_max_kib * SZ_1K, rounddown_pow_of_two(max_bytes));
	if (!virtio_has_feature(regions->dev->vdev, VIRTIO_VIRTUOSO_F_RING))
		last = first;
	bytes = first;
	do {
		struct vgu_ring_size *size = &regions->size[regions->nr_sizes];

		size->ring_bytes = bytes;
		size->shortage = regions->nr_sizes++ ? &size->own_shortage : &regions->shortage;
		INIT_LIST_HEAD(&size->free);
		/* The last step may be a smaller one. */
		bytes = bytes == last ? U32_MAX : min(bytes << VGU_RING_SIZE_SHIFT, last);
	} while (bytes > first && bytes <= last);

	regions->low_rings = clamp_t(u32, VGU_RING_RESERVE_BYTES / first, 2, 64);
	regions->larger_max_bytes =
		min((u64)totalram_pages() * PAGE_SIZE / VGU_LARGER_OF_RAM,
		    (u64)regions->id_limit * VGU_REGION_BYTES / VGU_LARGER_OF_REGIONS);
	spin_lock_init(&regions->lock);
	INIT_DELAYED_WORK(&regions->refill, vgu_refill_work);
}

/**
 * vgu_regions_fill() - register memory for the first payload rings
 * @dev: device
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int vgu_regions_fill(struct vgu_dev *dev)
{
	struct vgu_regions *regions = dev->regions;
	int err;

	mutex_lock(&regions->grow_lock);
	err = __vgu_rings_grow(dev, &regions->size[0]);
	mutex_unlock(&regions->grow_lock);
	return err;
}
