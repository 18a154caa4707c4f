/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registered memory: regions, and the slots that virtqueue buffers are taken from.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_REGION_H
#define _VGU_REGION_H

#include <linux/scatterlist.h>
#include <linux/types.h>

struct vgu_dev;

/**
 * struct vgu_slot - a piece of a region that holds (a part of) one virtqueue buffer
 * @vaddr: for us
 * @addr: for the device
 * @next: in the free list, or in the chain of slots that make up one buffer
 */
struct vgu_slot {
	void *vaddr;
	dma_addr_t addr;
	struct vgu_slot *next;
};

/**
 * struct vgu_slots - a pool of slots of one size
 * @slot: all of them
 * @nr: how many
 * @bytes: size of each
 * @free: those not in use
 * @nr_free: how many
 *
 * Whoever serialises the virtqueue serialises the pool.
 */
struct vgu_slots {
	struct vgu_slot *slot;
	u32 nr;
	u32 bytes;
	struct vgu_slot *free;
	u32 nr_free;
};

static inline struct vgu_slot *vgu_slot_get(struct vgu_slots *slots)
{
	struct vgu_slot *slot = slots->free;

	if (slot) {
		slots->free = slot->next;
		slot->next = NULL;
		slots->nr_free--;
	}
	return slot;
}

static inline void vgu_slot_put(struct vgu_slots *slots, struct vgu_slot *slot)
{
	slot->next = slots->free;
	slots->free = slot;
	slots->nr_free++;
}

/* Fills an entry of a scatterlist that was initialised, for a premapped queue. */
static inline void vgu_slot_to_sg(const struct vgu_slot *slot, struct scatterlist *sg, u32 len)
{
	sg_dma_address(sg) = slot->addr;
	sg_dma_len(sg) = len;
	sg->length = len;
}

int vgu_slots_init(struct vgu_dev *dev, struct vgu_slots *slots, u32 nr, u32 bytes);
void vgu_slots_exit(struct vgu_slots *slots);

int vgu_regions_check_params(void);
int vgu_regions_init(struct vgu_dev *dev);
int vgu_regions_fill(struct vgu_dev *dev);
void vgu_regions_stop(struct vgu_dev *dev);
void vgu_regions_free_all(struct vgu_dev *dev);
void vgu_regions_exit(struct vgu_dev *dev);

#endif /* _VGU_REGION_H */
