/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory of a mediated device: pinned through VFIO, given back when the VMM
 * takes it away.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_VDEV_PIN_H
#define _VHO_VDEV_PIN_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct vfio_device;
struct vho_map;
struct vho_vdev;

/* Longest single mapping; a region is at most VHO_REGION_BYTES_MAX. */
#define VHO_PIN_BYTES_MAX	(1ULL << 30)

/**
 * struct vho_pins - what is pinned
 * @vfio: device to pin through; const
 * @lock: (spinlock, process context only, leaf) guards everything below
 * @pins: ranges that are pinned or being pinned
 * @bars: ranges that the VMM is taking away: pinning in them fails
 * @unpins: entries of @pins that @work shall unpin
 * @wait: woken when an entry leaves @pins
 * @work: unpins
 */
struct vho_pins {
	struct vfio_device *vfio;
	spinlock_t lock;
	struct list_head pins;
	struct list_head bars;
	struct list_head unpins;
	wait_queue_head_t wait;
	struct work_struct work;
};

/* Module init and exit. */
int vho_pins_module_init(void);
void vho_pins_module_exit(void);

void vho_pins_init(struct vho_pins *pins, struct vfio_device *vfio);
/* Transport operations map and unmap. */
int vho_pins_map(struct vho_pins *pins, struct vho_map *map);
void vho_pins_unmap(struct vho_pins *pins, struct vho_map *map);
/* Nothing is mapped any more: waits until nothing is pinned either. */
void vho_pins_close(struct vho_pins *pins);
/* The VMM takes [iova, iova + len) away: nothing in it is pinned any more on return. */
void vho_pins_invalidate(struct vho_pins *pins, struct vho_vdev *vdev, u64 iova, u64 len);

#endif /* _VHO_VDEV_PIN_H */
