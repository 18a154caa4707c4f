// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory registered for payload, frames and records.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "ctrl.h"
#include "guest_state.h"
#include "move.h"
#include "port.h"

static void vho_region_free(struct vho_guest_state *guest, struct vho_region *region)
{
	vho_vdev_unmap(&guest->port->vdev, &region->map);
	kfree(region);
}

struct vho_guest_state *vho_guest_alloc(struct vho_port *port, u64 features)
{
	struct vho_guest_state *guest = kzalloc_node(sizeof(*guest), GFP_KERNEL,
						     vho_group_core_node(port->group[0]));
	unsigned int i;

	if (!guest)
		return NULL;
	guest->port = port;
	kref_init(&guest->ref);
	guest->features = features;
	xa_init_flags(&guest->regions, XA_FLAGS_ALLOC);
	/* Cores look up while regions are added. */
	mt_init_flags(&guest->region_tree, MT_FLAGS_USE_RCU);
	xa_init_flags(&guest->incoming, XA_FLAGS_ALLOC1);
	guest->nr_groups = 1;
	for (i = 0; i < VHO_CHANNELS_MAX; i++)
		INIT_LIST_HEAD(&guest->channels[i].news);
	return guest;
}

void vho_guest_free(struct vho_guest_state *guest)
{
	struct vho_region *region;
	unsigned long id;

	xa_for_each(&guest->regions, id, region)
		vho_region_free(guest, region);
	xa_destroy(&guest->regions);
	/* Nobody looks anything up any more: the nodes need not wait for readers. */
	mt_clear_in_rcu(&guest->region_tree);
	mtree_destroy(&guest->region_tree);
	xa_destroy(&guest->incoming);
	vho_guest_put(guest);
}

void vho_guest_get(struct vho_guest_state *guest)
{
	kref_get(&guest->ref);
}

static void vho_guest_release(struct kref *ref)
{
	kfree(container_of(ref, struct vho_guest_state, ref));
}

void vho_guest_put(struct vho_guest_state *guest)
{
	kref_put(&guest->ref, vho_guest_release);
}

/* ctrl->lock is held. */
static u32 vho_region_insert(struct vho_guest_state *guest, struct vho_region *region)
{
	unsigned long first = region->map.iova >> PAGE_SHIFT;
	unsigned int i;
	int err;

	err = mtree_insert_range(&guest->region_tree, first,
				 first + (region->map.len >> PAGE_SHIFT) - 1, region, GFP_KERNEL);
	if (err)
		return err == -EEXIST ? VIRTUOSO_STATUS_EXIST : VIRTUOSO_STATUS_NOMEM;
	if (xa_err(xa_store(&guest->regions, region->id, region, GFP_KERNEL))) {
		mtree_erase(&guest->region_tree, first);
		return VIRTUOSO_STATUS_NOMEM;
	}
	guest->region_bytes += region->map.len;
	/* Where payload is: cores near it are preferred. */
	for (i = 0; i < guest->nr_groups; i++)
		WRITE_ONCE(guest->port->group[i]->scale.numa, page_to_nid(region->map.pages[0]));
	return VIRTUOSO_STATUS_OK;
}

/**
 * vho_region_add() - register guest memory
 * @guest: running driver
 * @id: the driver's name for it
 * @addr: first byte, page aligned
 * @len: bytes, multiple of the page size
 *
 * Context: CTRL; pins memory, for which it waits without a lock.
 * Return: VIRTUOSO_STATUS_*.
 */
u32 vho_region_add(struct vho_guest_state *guest, u32 id, u64 addr, u32 len)
{
	u32 status = VIRTUOSO_STATUS_FAULT;
	struct vho_region *region;
	u64 last;
	int err;

	if (id >= VHO_REGIONS_MAX || !len || len > VHO_REGION_BYTES_MAX ||
	    !PAGE_ALIGNED(addr | len) || check_add_overflow(addr, (u64)len - 1, &last))
		return VIRTUOSO_STATUS_INVAL;
	if (xa_load(&guest->regions, id))
		return VIRTUOSO_STATUS_EXIST;
	/* Only the port's work item, which this is, changes the sum. */
	if (guest->region_bytes + len > READ_ONCE(guest->port->limit.cfg.max_region_bytes)) {
		vho_port_stat_inc(guest->port, VHO_STAT_sp_limit_regions);
		return VIRTUOSO_STATUS_NOMEM;
	}
	region = kzalloc(sizeof(*region), GFP_KERNEL);
	if (!region)
		return VIRTUOSO_STATUS_NOMEM;
	region->id = id;
	err = vho_vdev_map(&guest->port->vdev, &region->map, addr, len);
	if (err) {
		kfree(region);
		return err == -ENOMEM ? VIRTUOSO_STATUS_NOMEM : VIRTUOSO_STATUS_FAULT;
	}
	/* The driver may have been reset while its memory was being pinned. */
	if (vho_ctrl_enter(guest)) {
		status = vho_region_insert(guest, region);
		vho_ctrl_leave(guest);
	}
	if (status != VIRTUOSO_STATUS_OK)
		vho_region_free(guest, region);
	return status;
}

/*
 * On the thread of a core that serves the guest: between two turns nothing but payload rings points into
 * a region.
 */
static void vho_region_quiet_fn(void *arg)
{
	struct vho_group *group = arg;

	group->recent = NULL;
	if (!group->index && group->guest)
		group->guest->frame_recent = NULL;
}

/* Turns that began before have ended: what they looked up is not used any more. */
static void vho_region_quiet(struct vho_guest_state *guest)
{
	struct vho_port *port = guest->port;
	unsigned int i;

	for (i = 0; i < guest->nr_groups; i++)
		vho_group_call(port->group[i], vho_region_quiet_fn, port->group[i]);
}

/* Nobody begins to use it any more. Return: and nobody does now. */
static bool vho_region_bar(struct vho_guest_state *guest, struct vho_region *region)
{
	if (atomic_read(&region->users))
		return false;
	WRITE_ONCE(region->gone, true);
	vho_region_quiet(guest);
	if (!atomic_read(&region->users))
		return true;
	WRITE_ONCE(region->gone, false);
	return false;
}

/* ctrl->lock is held. */
static u32 vho_region_remove(struct vho_guest_state *guest, struct vho_region *region)
{
	unsigned long first = region->map.iova >> PAGE_SHIFT;
	unsigned long last = first + (region->map.len >> PAGE_SHIFT) - 1;

	if (!vho_region_bar(guest, region))
		return VIRTUOSO_STATUS_BUSY;
	if (mtree_store_range(&guest->region_tree, first, last, NULL, GFP_KERNEL)) {
		WRITE_ONCE(region->gone, false);
		return VIRTUOSO_STATUS_NOMEM;
	}
	xa_erase(&guest->regions, region->id);
	guest->region_bytes -= region->map.len;
	vho_region_quiet(guest);
	return VIRTUOSO_STATUS_OK;
}

/**
 * vho_region_del() - forget guest memory
 * @guest: running driver
 * @id: the driver's name for it
 *
 * Cores only stop using the region. The tables change here, because that may allocate and sleep; a
 * core that looks up meanwhile finds it barred, and has finished with it before it is freed.
 *
 * Context: CTRL; waits for the cores.
 * Return: VIRTUOSO_STATUS_*.
 */
u32 vho_region_del(struct vho_guest_state *guest, u32 id)
{
	u32 status = VIRTUOSO_STATUS_NOENT;
	struct vho_region *region;

	if (!vho_ctrl_enter(guest))
		return VIRTUOSO_STATUS_NOENT;
	region = xa_load(&guest->regions, id);
	if (region)
		status = vho_region_remove(guest, region);
	vho_ctrl_leave(guest);
	if (status == VIRTUOSO_STATUS_OK)
		vho_region_free(guest, region);
	return status;
}

/* What is of one kind lies close together: most of it is where the last one was. */
static struct vho_region *vho_region_at(struct vho_guest_state *guest, struct vho_region **recent,
					u64 addr)
{
	struct vho_region *region = *recent;

	if (likely(region) && addr - region->map.iova < region->map.len)
		return region;
	region = mtree_load(&guest->region_tree, addr >> PAGE_SHIFT);
	if (!region || READ_ONCE(region->gone))
		return NULL;
	*recent = region;
	return region;
}

void *vho_region_ptr(struct vho_guest_state *guest, struct vho_region **recent, u64 addr, u32 len)
{
	struct vho_region *region = vho_region_at(guest, recent, addr);
	u64 off;

	if (!region)
		return NULL;
	off = addr - region->map.iova;
	if (len > region->map.len - off)
		return NULL;
	return region->map.vaddr + off;
}

struct vho_region *vho_region_get(struct vho_guest_state *guest, u32 id)
{
	struct vho_region *region = xa_load(&guest->regions, id);

	return region && !READ_ONCE(region->gone) ? region : NULL;
}
