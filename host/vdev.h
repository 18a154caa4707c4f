/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtio device of a port: status, features, queues, configuration space. It is
 * the same whatever carries it; vdev_vfio.c and vdev_vdpa.c are the carriers (transports).
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_VDEV_H
#define _VHO_VDEV_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/virtio_virtuoso.h>

#include "ring.h"

#define VHO_CHANNELS_MAX	8
#define VHO_VQ_MAX		(VIRTUOSO_VQ_CHANNEL_BASE + 2 * VHO_CHANNELS_MAX)

struct vho_port;
struct vho_vdev;

/**
 * struct vho_map - guest memory that the host can reach without the guest's help
 * @list: entry of vdev->maps, guarded by vdev->map_lock
 * @iova: address the driver uses for it, page aligned
 * @len: bytes, multiple of the page size
 * @vaddr: kernel address of the whole range (contiguous)
 * @pages: its pages, for zero-copy transmission
 * @nr_pages: entries in @pages
 * @vmapped: @vaddr came from vmap() (else it is the direct mapping)
 */
struct vho_map {
	struct list_head list;
	u64 iova;
	u64 len;
	void *vaddr;
	struct page **pages;
	unsigned int nr_pages;
	bool vmapped;
};

/**
 * struct vho_xport_ops - what a transport does for the device model
 * @map: pin @map->len bytes at @map->iova and fill vaddr, pages, nr_pages, vmapped. Process
 *	context, no lock held that @unmap or vho_vdev_invalidate() takes. 0, -EFAULT, -ENOMEM.
 * @unmap: undo @map. Process context. The pages may still be referenced by packets in
 *	flight (each holds its own page reference).
 * @rw: copy to or from guest memory without mapping it; process context, may sleep. 0, -EFAULT.
 * @call: interrupt the driver for queue @vq. Any context.
 * @config_changed: configuration interrupt. Any context.
 */
struct vho_xport_ops {
	int (*map)(struct vho_vdev *vdev, struct vho_map *map);
	void (*unmap)(struct vho_vdev *vdev, struct vho_map *map);
	int (*rw)(struct vho_vdev *vdev, u64 iova, void *buf, size_t len, bool write);
	void (*call)(struct vho_vdev *vdev, u16 vq);
	void (*config_changed)(struct vho_vdev *vdev);
};

/**
 * struct vho_vq - one virtqueue as configured by the driver
 * @num: entries wanted by the driver
 * @ready: the driver's wish
 * @desc: address of the descriptor table
 * @driver: address of the available ring
 * @device: address of the used ring
 * @map: memory of the three parts while the queue is live
 * @ring: the live ring; ring.num is 0 while the device is not running
 */
struct vho_vq {
	u16 num;
	bool ready;
	u64 desc;
	u64 driver;
	u64 device;
	struct vho_map map[3];
	struct vho_ring ring;
};

/**
 * struct vho_vdev - device model
 * @port: the port it belongs to; lives longer than the device
 * @ops: transport, NULL while none is bound
 * @xport: the transport's own data
 * @lock: (mutex, rank 1) guards everything below but what is marked; held across start and stop
 * @run_lock: (mutex, rank 2, below @lock) serialises start and stop; guards @running
 * @map_lock: (mutex, rank 3, below @lock) guards @maps and @map_gen; never held while pinning
 * @maps: live mappings (rings and regions)
 * @map_gen: counts invalidations, so that a map() that raced with one is undone
 * @features: what the driver accepted
 * @status: VIRTIO_CONFIG_S_*, but for NEEDS_RESET
 * @failed: NEEDS_RESET; any context sets it (vho_vdev_needs_reset()), reset clears it
 * @config_gen: configuration generation
 * @running: DRIVER_OK was reached: the core and the slow path serve the queues
 * @config: configuration space
 * @vq: queues
 */
struct vho_vdev {
	struct vho_port *port;
	const struct vho_xport_ops *ops;
	void *xport;
	struct mutex lock;
	struct mutex run_lock;
	struct mutex map_lock;
	struct list_head maps;
	u64 map_gen;
	u64 features;
	u8 status;
	bool failed;
	u8 config_gen;
	bool running;
	struct virtio_virtuoso_config config;
	struct vho_vq vq[VHO_VQ_MAX];
};

/* Port creation. */
void vho_vdev_init(struct vho_vdev *vdev, struct vho_port *port, const u8 *mac, u16 mtu);

/* ---- for transports: process context, may sleep; take vdev->lock themselves ---- */

/* Binds a transport. -EBUSY when one is bound already. */
int vho_vdev_bind(struct vho_vdev *vdev, const struct vho_xport_ops *ops, void *xport);
/* Stops the device, drops every mapping, forgets the transport. */
void vho_vdev_unbind(struct vho_vdev *vdev);
u64 vho_vdev_device_features(struct vho_vdev *vdev);
/* -EINVAL: bits that were not offered, or VERSION_1/ACCESS_PLATFORM missing, or too late (status). */
int vho_vdev_set_features(struct vho_vdev *vdev, u64 features);
u8 vho_vdev_status(struct vho_vdev *vdev);
/* Status write by the driver. 0 resets. DRIVER_OK starts the queues. */
void vho_vdev_set_status(struct vho_vdev *vdev, u8 status);
void vho_vdev_reset(struct vho_vdev *vdev);
unsigned int vho_vdev_nr_vqs(struct vho_vdev *vdev);
/* Queue set-up; -EINVAL for a bad queue number, size, alignment, or while running. */
int vho_vdev_vq_set_num(struct vho_vdev *vdev, u16 vq, u16 num);
int vho_vdev_vq_set_addr(struct vho_vdev *vdev, u16 vq, u64 desc, u64 driver, u64 device);
int vho_vdev_vq_set_ready(struct vho_vdev *vdev, u16 vq, bool ready);
void vho_vdev_config_read(struct vho_vdev *vdev, unsigned int off, void *buf, size_t len);
u8 vho_vdev_config_generation(struct vho_vdev *vdev);
/*
 * Memory [iova, iova + len) is about to go away: stops the device if anything in use lies in
 * it and unpins before return. Does not take vdev->lock, so that it may be called from
 * vfio's dma_unmap while a status write waits for pinning.
 */
void vho_vdev_invalidate(struct vho_vdev *vdev, u64 iova, u64 len);

/* ---- any context ---- */
/* The driver kicked queue @vq. */
void vho_vdev_kick(struct vho_vdev *vdev, u16 vq);

/* ---- for the rest of the host: mappings (process context) ---- */
/* Maps [iova, iova+len) through the transport. */
int vho_vdev_map(struct vho_vdev *vdev, struct vho_map *map, u64 iova, u64 len);
void vho_vdev_unmap(struct vho_vdev *vdev, struct vho_map *map);
/* The guest misbehaved or lost memory: DEVICE_NEEDS_RESET, queues stop being served. Any context. */
void vho_vdev_needs_reset(struct vho_vdev *vdev);

/* ---- transports (one each per port) ---- */
int vho_vfio_init(void);
void vho_vfio_exit(void);
int vho_vdpa_add(struct vho_port *port);
void vho_vdpa_del(struct vho_port *port);

#endif /* _VHO_VDEV_H */
