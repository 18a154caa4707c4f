// SPDX-License-Identifier: GPL-2.0
/*
 * Registered memory: regions of physically contiguous pages that the device knows,
 * payload rings and virtqueue slots cut from them.
 *
 * A region lives until the device goes. Its pages are one compound page, so that an skb
 * whose fragments are ring pages may outlive it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bottom_half.h>
#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_virtuoso.h>
#include <linux/workqueue.h>

#include <virtuoso/compat.h>

#include "conn.h"
#include "dev.h"
#include "priv.h"
#include "region.h"
#include "stats.h"

#define VGU_RING_KIB_MIN	(1U << (VIRTUOSO_RING_LOG2_MIN - 10))
#define VGU_RING_KIB_MAX	(1U << (VIRTUOSO_RING_LOG2_MAX - 10))

#define VGU_REGION_BYTES	SZ_2M	/* what is asked for */
#define VGU_REGION_MIN_BYTES	SZ_256K	/* what is taken when memory is fragmented */
#define VGU_REGIONS_MAX		16384	/* limit of our own, 32 GiB */
#define VGU_RING_RESERVE_BYTES	SZ_2M	/* free rings kept for those who cannot sleep */
#define VGU_GROW_PAUSE		HZ	/* after a failure */

static unsigned int ring_kib = 128;
module_param(ring_kib, uint, 0444);
MODULE_PARM_DESC(ring_kib, "size of a payload ring in KiB, a power of two from 4 to 4096; each connection has two (default 128)");

struct vgu_region;

struct vgu_ring {
	struct list_head list;		/* regions->free while free */
	struct vgu_region *region;
	u32 offset_bytes;
};

/**
 * struct vgu_region - one registered region
 * @id: what the device calls it
 * @order: of its compound page
 * @page: head page
 * @vaddr: for us
 * @addr: for the device
 * @used_bytes: handed out as slots; only grows; guarded by regions->grow_lock
 * @nr_rings: it is cut into so many rings; 0: it is for slots
 * @ring: these
 */
struct vgu_region {
	u32 id;
	unsigned int order;
	struct page *page;
	void *vaddr;
	dma_addr_t addr;
	u32 used_bytes;
	u32 nr_rings;
	struct vgu_ring ring[] __counted_by(nr_rings);
};

/**
 * struct vgu_regions - the registered memory of a device
 * @dev: the device
 * @ring_bytes: size of every payload ring
 * @low_rings: refill when fewer are free; 0 once there can be no more regions
 * @grow_lock: mutex; serialises registration; taken before the control queue's
 * @id_limit: identifiers are below this
 * @nr: regions so far, and the next identifier; guarded by @grow_lock
 * @slots: region that slots are taken from; guarded by @grow_lock
 * @retry: no new attempt before this time (jiffies); written under @grow_lock
 * @failed: the last attempt failed, @retry is valid; written under @grow_lock
 * @lock: spin_irqsave, innermost; guards all that follows
 * @free: rings that nobody uses, the one given back last first
 * @nr_free: how many
 * @starved: vgu_payload_alloc_atomic() failed: the socket layer wants to hear
 * @refill: work item that registers more
 * @region: by identifier; an entry is constant once written
 */
struct vgu_regions {
	struct vgu_dev *dev;
	u32 ring_bytes;
	u32 low_rings;
	struct mutex grow_lock;
	u32 id_limit;
	u32 nr;
	struct vgu_region *slots;
	unsigned long retry;
	bool failed;
	spinlock_t lock;
	struct list_head free;
	u32 nr_free;
	bool starved;
	struct delayed_work refill;
	struct vgu_region *region[] __counted_by(id_limit);
};

static struct virtqueue *vgu_region_vq(const struct vgu_dev *dev)
{
	/* Stands for all of them: they have one DMA device, see vgu_dev_check_dma(). */
	return dev->priv->vqs[VIRTUOSO_VQ_CONTROL];
}

static u32 vgu_region_bytes(const struct vgu_region *region)
{
	return PAGE_SIZE << region->order;
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

/* Caller: regions->grow_lock. A failure is remembered, lest a shortage cost CPU time. */
static struct vgu_region *__vgu_region_add(struct vgu_dev *dev, u32 bytes, u32 min_bytes,
					   u32 max_rings)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_region *region;

	lockdep_assert_held(&regions->grow_lock);
	if (READ_ONCE(dev->gone))
		return ERR_PTR(-ENODEV);
	if (regions->nr >= regions->id_limit)
		return ERR_PTR(-ENOSPC);
	if (regions->failed && time_before(jiffies, regions->retry))
		return ERR_PTR(-ENOMEM);

	region = vgu_region_create(dev, bytes, min_bytes, max_rings);
	if (IS_ERR(region)) {
		vgu_count(dev, region_failed);
		WRITE_ONCE(regions->retry, jiffies + VGU_GROW_PAUSE);
		WRITE_ONCE(regions->failed, true);
		return region;
	}
	WRITE_ONCE(regions->failed, false);
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
	region = __vgu_region_add(dev, bytes, max_t(u32, slot_bytes, PAGE_SIZE), 0);
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

/* --- payload rings --- */

static struct vgu_ring *vgu_ring_pop(struct vgu_regions *regions)
{
	struct vgu_ring *ring;
	unsigned long flags;

	spin_lock_irqsave(&regions->lock, flags);
	ring = list_first_entry_or_null(&regions->free, struct vgu_ring, list);
	if (ring) {
		list_del_init(&ring->list);
		regions->nr_free--;
	}
	spin_unlock_irqrestore(&regions->lock, flags);
	return ring;
}

static void vgu_ring_describe(const struct vgu_regions *regions, const struct vgu_ring *ring,
			      struct vgu_payload *payload)
{
	*payload = (struct vgu_payload) {
		.vaddr = ring->region->vaddr + ring->offset_bytes,
		.abi.region = cpu_to_le32(ring->region->id),
		.abi.offset_bytes = cpu_to_le32(ring->offset_bytes),
		.abi.size_log2 = ilog2(regions->ring_bytes),
	};
}

/* Caller: regions->grow_lock. */
static int __vgu_rings_grow(struct vgu_dev *dev)
{
	struct vgu_regions *regions = dev->regions;
	u32 bytes = max_t(u32, VGU_REGION_BYTES, regions->ring_bytes);
	u32 min_bytes = max_t(u32, VGU_REGION_MIN_BYTES, regions->ring_bytes);
	struct vgu_region *region;
	u32 i, nr;

	region = __vgu_region_add(dev, bytes, min(min_bytes, dev->priv->max_region_bytes),
				  bytes / regions->ring_bytes);
	if (IS_ERR(region))
		return PTR_ERR(region);

	nr = vgu_region_bytes(region) / regions->ring_bytes;
	for (i = 0; i < nr; i++) {
		region->ring[i].region = region;
		region->ring[i].offset_bytes = i * regions->ring_bytes;
	}
	spin_lock_irq(&regions->lock);
	for (i = 0; i < nr; i++)
		list_add_tail(&region->ring[i].list, &regions->free);
	regions->nr_free += nr;
	region->nr_rings = nr;
	spin_unlock_irq(&regions->lock);
	return 0;
}

static unsigned long vgu_refill_delay(const struct vgu_regions *regions)
{
	unsigned long retry = READ_ONCE(regions->retry);

	if (!READ_ONCE(regions->failed) || time_after_eq(jiffies, retry))
		return 0;
	return retry - jiffies;
}

static void vgu_refill_work(struct work_struct *work)
{
	struct vgu_regions *regions =
		container_of(to_delayed_work(work), struct vgu_regions, refill);
	struct vgu_dev *dev = regions->dev;
	bool ready, again;
	int err = 0;

	mutex_lock(&regions->grow_lock);
	while (!err && READ_ONCE(regions->nr_free) < regions->low_rings)
		err = __vgu_rings_grow(dev);
	if (err == -ENOSPC)
		WRITE_ONCE(regions->low_rings, 0);
	mutex_unlock(&regions->grow_lock);

	spin_lock_irq(&regions->lock);
	ready = regions->starved && regions->nr_free;
	again = regions->starved && !regions->nr_free;
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
	ring = vgu_ring_pop(regions);
	if (!ring) {
		vgu_count(dev, ring_shortage);
		mutex_lock(&regions->grow_lock);
		while (!err) {
			ring = vgu_ring_pop(regions);
			if (ring)
				break;
			err = __vgu_rings_grow(dev);
		}
		mutex_unlock(&regions->grow_lock);
	}
	if (!ring)
		return err == -ENODEV ? -ENODEV : -ENOMEM;
	vgu_ring_describe(regions, ring, payload);
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
	ring = vgu_ring_pop(regions);
	if (!ring) {
		vgu_count(dev, ring_shortage);
		spin_lock_irqsave(&regions->lock, flags);
		regions->starved = true;
		spin_unlock_irqrestore(&regions->lock, flags);
	}
	if (READ_ONCE(regions->nr_free) < READ_ONCE(regions->low_rings))
		schedule_delayed_work(&regions->refill, vgu_refill_delay(regions));
	if (!ring)
		return -ENOMEM;
	vgu_ring_describe(regions, ring, payload);
	return 0;
}

static struct vgu_ring *vgu_ring_find(const struct vgu_regions *regions,
				      const struct vgu_payload *payload)
{
	u32 id = le32_to_cpu(payload->abi.region);
	u32 index = le32_to_cpu(payload->abi.offset_bytes) / regions->ring_bytes;
	struct vgu_region *region;

	region = id < regions->id_limit ? regions->region[id] : NULL;
	if (!region || index >= region->nr_rings)
		return NULL;
	return &region->ring[index];
}

/**
 * vgu_payload_free() - give a payload ring back
 * @dev: device
 * @payload: what vgu_payload_alloc() or vgu_payload_alloc_atomic() filled in; the device
 *           has released it
 *
 * Context: any.
 */
void vgu_payload_free(struct vgu_dev *dev, struct vgu_payload *payload)
{
	struct vgu_regions *regions = dev->regions;
	struct vgu_ring *ring = vgu_ring_find(regions, payload);
	unsigned long flags;
	bool starved;

	if (WARN_ON_ONCE(!ring))
		return;
	spin_lock_irqsave(&regions->lock, flags);
	if (!WARN_ON_ONCE(!list_empty(&ring->list))) {
		list_add(&ring->list, &regions->free);
		regions->nr_free++;
	}
	starved = regions->starved;
	spin_unlock_irqrestore(&regions->lock, flags);
	payload->vaddr = NULL;

	if (starved) {
		cancel_delayed_work(&regions->refill);
		schedule_delayed_work(&regions->refill, 0);
	}
}

/* --- all of them --- */

/**
 * vgu_regions_check_params() - check the module parameters
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int vgu_regions_check_params(void)
{
	if (!is_power_of_2(ring_kib) ||
	    ring_kib < VGU_RING_KIB_MIN || ring_kib > VGU_RING_KIB_MAX) {
		pr_err("ring_kib=%u is not a power of two from %u to %u\n",
		       ring_kib, VGU_RING_KIB_MIN, VGU_RING_KIB_MAX);
		return -EINVAL;
	}
	return 0;
}

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
	regions->ring_bytes = min_t(u32, max_t(u32, ring_kib * SZ_1K, PAGE_SIZE),
				    rounddown_pow_of_two(max_bytes));
	regions->low_rings = clamp_t(u32, VGU_RING_RESERVE_BYTES / regions->ring_bytes, 2, 64);
	mutex_init(&regions->grow_lock);
	spin_lock_init(&regions->lock);
	INIT_LIST_HEAD(&regions->free);
	INIT_DELAYED_WORK(&regions->refill, vgu_refill_work);
	dev->regions = regions;
	return 0;
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
	err = __vgu_rings_grow(dev);
	mutex_unlock(&regions->grow_lock);
	return err;
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
