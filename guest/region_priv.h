/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registered memory, as region.c and payload.c share it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_REGION_PRIV_H
#define _VGU_REGION_PRIV_H

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/virtio_virtuoso.h>
#include <linux/workqueue.h>

#include "region.h"

#define VGU_REGION_BYTES	SZ_2M	/* what is asked for */
#define VGU_REGION_MIN_BYTES	SZ_256K	/* what is taken when memory is fragmented */
#define VGU_GROW_PAUSE		HZ	/* after a failure */

/* Sizes of payload rings: each is four times the one before. */
#define VGU_RING_SIZE_SHIFT	2
#define VGU_RING_SIZES_MAX \
	((VIRTUOSO_RING_LOG2_MAX - VIRTUOSO_RING_LOG2_MIN) / VGU_RING_SIZE_SHIFT + 1)

struct vgu_region;
struct vgu_ring_size;

struct vgu_ring {
	struct list_head list;		/* size->free while free */
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
 * @size: of the rings that it is cut into
 * @nr_rings: so many; 0: it is for slots
 * @ring: these
 */
struct vgu_region {
	u32 id;
	unsigned int order;
	struct page *page;
	void *vaddr;
	dma_addr_t addr;
	u32 used_bytes;
	struct vgu_ring_size *size;
	u32 nr_rings;
	struct vgu_ring ring[] __counted_by(nr_rings);
};

/**
 * struct vgu_shortage - registering memory has failed
 * @retry: no new attempt before this time (jiffies); written under regions->grow_lock
 * @failed: @retry is valid; likewise
 */
struct vgu_shortage {
	unsigned long retry;
	bool failed;
};

/**
 * struct vgu_ring_size - payload rings of one size
 * @ring_bytes: the size, const
 * @shortage: of memory for more of them: that of all for the first size, else @own_shortage
 * @own_shortage: written under regions->grow_lock
 * @free: rings that nobody uses, the one given back last first; guarded by regions->lock, as what follows
 * @nr_free: how many
 * @wanted: somebody would have taken one
 */
struct vgu_ring_size {
	u32 ring_bytes;
	struct vgu_shortage *shortage;
	struct vgu_shortage own_shortage;
	struct list_head free;
	u32 nr_free;
	bool wanted;
};

/**
 * struct vgu_regions - the registered memory of a device
 * @dev: the device
 * @grow_lock: mutex; serialises registration; taken before the control queue's
 * @id_limit: identifiers are below this
 * @nr: regions so far, and the next identifier; guarded by @grow_lock
 * @slots: region that slots are taken from; guarded by @grow_lock
 * @shortage: of memory for slots and for rings of the first size
 * @larger_bytes: registered for rings of the other sizes; guarded by @grow_lock
 * @larger_max_bytes: limit of that, const
 * @low_rings: refill when fewer rings of the first size are free; 0 once there can be no more regions
 * @lock: spin_irqsave, innermost; guards all that follows, and the rings of each size
 * @starved: vgu_payload_alloc_atomic() failed: the socket layer wants to hear
 * @refill: work item that registers more
 * @nr_sizes: of @size, const
 * @size: payload rings by size, the smallest, in which every connection begins, first
 * @region: by identifier; an entry is constant once written
 */
struct vgu_regions {
	struct vgu_dev *dev;
	struct mutex grow_lock;
	u32 id_limit;
	u32 nr;
	struct vgu_region *slots;
	struct vgu_shortage shortage;
	u64 larger_bytes;
	u64 larger_max_bytes;
	u32 low_rings;
	spinlock_t lock;
	bool starved;
	struct delayed_work refill;
	u32 nr_sizes;
	struct vgu_ring_size size[VGU_RING_SIZES_MAX];
	struct vgu_region *region[] __counted_by(id_limit);
};

static inline u32 vgu_region_bytes(const struct vgu_region *region)
{
	return PAGE_SIZE << region->order;
}

/* How long not to try again, in jiffies. Any context. */
static inline unsigned long vgu_shortage_pause(const struct vgu_shortage *shortage)
{
	unsigned long retry = READ_ONCE(shortage->retry);

	if (!READ_ONCE(shortage->failed) || time_after_eq(jiffies, retry))
		return 0;
	return retry - jiffies;
}

/* --- region.c --- */

struct vgu_region *__vgu_region_add(struct vgu_dev *dev, struct vgu_shortage *shortage,
				    u32 bytes, u32 min_bytes, u32 max_rings);

/* --- payload.c --- */

void vgu_rings_init(struct vgu_regions *regions, u32 max_bytes);

#endif /* _VGU_REGION_PRIV_H */
