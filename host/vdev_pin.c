// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory of a mediated device: pinned through VFIO, given back when the VMM
 * takes it away.
 *
 * VFIO calls dma_unmap when the VMM unmaps memory, and kills the kernel if pages are
 * still pinned after ten calls. So dma_unmap bars the range to new pins, has the device
 * drop its mappings, and then waits until pins that were being made at that moment are
 * undone as well. Every pin is in vho_pins.pins from before its first page to after its last.
 *
 * Unpinning is done by a work, with no lock of ours held. VFIO's type1 driver calls
 * dma_unmap under its list of devices' lock, and takes another lock to unpin, which elsewhere it
 * takes before the first; whoever unpins in dma_unmap, or under a lock that dma_unmap
 * takes, adds to that circle.
 *
 * Pinning takes pages of the VMM, which may be slow to provide them: it sleeps for as long
 * as that process likes. The same is true of dma_unmap, which the VMM's own thread calls.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/vfio.h>
#include <linux/vmalloc.h>

#include "vdev.h"
#include "vdev_pin.h"

static struct workqueue_struct *vho_pins_wq;

/**
 * struct vho_range - an entry of vho_pins.pins or vho_pins.bars
 * @list: entry
 * @unpin: entry of vho_pins.unpins
 * @map: mapping it is for, NULL: a bar, or unpinning is the work's business
 * @iova: first address
 * @last: last address
 */
struct vho_range {
	struct list_head list;
	struct list_head unpin;
	const struct vho_map *map;
	u64 iova;
	u64 last;
};

/* Caller holds pins->lock. */
static bool __vho_pins_overlap(const struct list_head *ranges, u64 iova, u64 last)
{
	const struct vho_range *range;

	list_for_each_entry(range, ranges, list)
		if (range->iova <= last && iova <= range->last)
			return true;
	return false;
}

static bool vho_pins_overlap(struct vho_pins *pins, const struct list_head *ranges, u64 iova,
			     u64 last)
{
	bool overlap;

	spin_lock(&pins->lock);
	overlap = __vho_pins_overlap(ranges, iova, last);
	spin_unlock(&pins->lock);
	return overlap;
}

/* ---- the book of pins ---- */

static struct vho_range *vho_pins_enter(struct vho_pins *pins, const struct vho_map *map)
{
	struct vho_range *range;
	bool barred;

	range = kmalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		return ERR_PTR(-ENOMEM);
	range->map = map;
	range->iova = map->iova;
	range->last = map->iova + map->len - 1;

	spin_lock(&pins->lock);
	barred = __vho_pins_overlap(&pins->bars, range->iova, range->last);
	if (!barred)
		list_add(&range->list, &pins->pins);
	spin_unlock(&pins->lock);
	if (!barred)
		return range;
	kfree(range);
	return ERR_PTR(-EFAULT);
}

static void vho_pins_leave(struct vho_pins *pins, struct vho_range *range)
{
	spin_lock(&pins->lock);
	list_del(&range->list);
	spin_unlock(&pins->lock);
	kfree(range);
	wake_up_all(&pins->wait);
}

/* ---- pages ---- */

static void vho_pins_put_pages(struct vho_pins *pins, u64 iova, u64 nr)
{
	unsigned int n;
	u64 done;

	/* In the same pieces as they were pinned, which iommufd insists on. */
	for (done = 0; done < nr; done += n) {
		n = min_t(u64, nr - done, VFIO_PIN_PAGES_MAX_ENTRIES);
		vfio_unpin_pages(pins->vfio, iova + done * PAGE_SIZE, n);
	}
}

static struct vho_range *vho_pins_next_unpin(struct vho_pins *pins)
{
	struct vho_range *range;

	spin_lock(&pins->lock);
	range = list_first_entry_or_null(&pins->unpins, struct vho_range, unpin);
	if (range)
		list_del(&range->unpin);
	spin_unlock(&pins->lock);
	return range;
}

static void vho_pins_unpin_work(struct work_struct *work)
{
	struct vho_pins *pins = container_of(work, struct vho_pins, work);
	struct vho_range *range;

	while ((range = vho_pins_next_unpin(pins))) {
		vho_pins_put_pages(pins, range->iova,
				   (range->last - range->iova + 1) >> PAGE_SHIFT);
		vho_pins_leave(pins, range);
	}
}

static bool vho_pins_unpinning(struct vho_pins *pins)
{
	const struct vho_range *range;
	bool found = false;

	spin_lock(&pins->lock);
	list_for_each_entry(range, &pins->pins, list)
		found |= !range->map;
	spin_unlock(&pins->lock);
	return found;
}

static int vho_pins_get_pages(struct vho_pins *pins, struct vho_map *map)
{
	u64 last = map->iova + map->len - 1;
	unsigned int done, n;
	int ret;

	for (done = 0; done < map->nr_pages; done += n) {
		u64 iova = map->iova + (u64)done * PAGE_SIZE;

		n = min_t(unsigned int, map->nr_pages - done, VFIO_PIN_PAGES_MAX_ENTRIES);
		ret = -EFAULT;
		if (!vho_pins_overlap(pins, &pins->bars, map->iova, last))
			ret = vfio_pin_pages(pins->vfio, iova, n, IOMMU_READ | IOMMU_WRITE,
					     &map->pages[done]);
		if (ret == n)
			continue;
		if (ret > 0)
			vfio_unpin_pages(pins->vfio, iova, ret);
		vho_pins_put_pages(pins, map->iova, done);
		return ret == -ENOMEM ? -ENOMEM : -EFAULT;
	}
	return 0;
}

/*
 * A VMM can map memory of other devices, which has no struct page worth the name: such
 * pages are marked reserved.
 */
static bool vho_pins_usable(const struct vho_map *map)
{
	unsigned int i;

	for (i = 0; i < map->nr_pages; i++)
		if (PageReserved(map->pages[i]))
			return false;
	return true;
}

static bool vho_pins_contiguous(const struct vho_map *map)
{
	unsigned long pfn = page_to_pfn(map->pages[0]);
	unsigned int i;

	for (i = 0; i < map->nr_pages; i++)
		if (PageHighMem(map->pages[i]) || page_to_pfn(map->pages[i]) != pfn + i)
			return false;
	return true;
}

static int vho_pins_set_vaddr(struct vho_map *map)
{
	if (!vho_pins_usable(map))
		return -EFAULT;
	map->vmapped = !vho_pins_contiguous(map);
	if (map->vmapped)
		map->vaddr = vmap(map->pages, map->nr_pages, VM_MAP, PAGE_KERNEL);
	else
		map->vaddr = page_address(map->pages[0]);
	return map->vaddr ? 0 : -ENOMEM;
}

static void vho_pins_forget(struct vho_map *map)
{
	kvfree(map->pages);
	map->pages = NULL;
	map->nr_pages = 0;
	map->vaddr = NULL;
}

static int vho_pins_pin(struct vho_pins *pins, struct vho_map *map)
{
	int err;

	err = vho_pins_get_pages(pins, map);
	if (err == -ENOMEM && vho_pins_unpinning(pins)) {
		/* What is not yet unpinned still counts against the VMM's limit. */
		wait_event(pins->wait, !vho_pins_unpinning(pins));
		err = vho_pins_get_pages(pins, map);
	}
	if (err)
		return err;
	err = vho_pins_set_vaddr(map);
	if (err)
		vho_pins_put_pages(pins, map->iova, map->nr_pages);
	return err;
}

/**
 * vho_pins_map() - pin guest memory and make it addressable
 * @pins: what is pinned
 * @map: iova and len set; the rest is filled in
 *
 * Context: XPORT or CTRL; sleeps for as long as the VMM takes to provide the pages.
 * Return: 0, -EFAULT when it is not memory of the guest, -ENOMEM (also: over the VMM's limit)
 */
int vho_pins_map(struct vho_pins *pins, struct vho_map *map)
{
	struct vho_range *range;
	u64 end;
	int err;

	if (!map->len || !PAGE_ALIGNED(map->iova | map->len) || map->len > VHO_PIN_BYTES_MAX ||
	    check_add_overflow(map->iova, map->len, &end))
		return -EFAULT;

	map->nr_pages = map->len >> PAGE_SHIFT;
	map->pages = kvmalloc_array(map->nr_pages, sizeof(*map->pages), GFP_KERNEL_ACCOUNT);
	if (!map->pages)
		return -ENOMEM;
	range = vho_pins_enter(pins, map);
	if (IS_ERR(range)) {
		vho_pins_forget(map);
		return PTR_ERR(range);
	}
	err = vho_pins_pin(pins, map);
	if (err) {
		vho_pins_leave(pins, range);
		vho_pins_forget(map);
	}
	return err;
}

/**
 * vho_pins_unmap() - undo vho_pins_map()
 * @pins: what is pinned
 * @map: as vho_pins_map() left it
 *
 * The pages are unpinned soon; vho_pins_invalidate() and vho_pins_close() wait for that.
 *
 * Context: process; takes no lock of VFIO's
 */
void vho_pins_unmap(struct vho_pins *pins, struct vho_map *map)
{
	struct vho_range *range;

	if (map->vmapped)
		vunmap(map->vaddr);

	spin_lock(&pins->lock);
	list_for_each_entry(range, &pins->pins, list) {
		if (range->map != map)
			continue;
		range->map = NULL;
		list_add_tail(&range->unpin, &pins->unpins);
		break;
	}
	spin_unlock(&pins->lock);

	queue_work(vho_pins_wq, &pins->work);
	vho_pins_forget(map);
}

/**
 * vho_pins_invalidate() - the VMM takes memory away
 * @pins: what is pinned
 * @vdev: device that may be using it
 * @iova: first address
 * @len: bytes
 *
 * Context: XPORT (dma_unmap), without vdev->lock. Returns when nothing in the range is pinned.
 */
void vho_pins_invalidate(struct vho_pins *pins, struct vho_vdev *vdev, u64 iova, u64 len)
{
	struct vho_range bar = { .iova = iova };

	if (!len || check_add_overflow(iova, len - 1, &bar.last))
		bar.last = U64_MAX;

	spin_lock(&pins->lock);
	list_add(&bar.list, &pins->bars);
	spin_unlock(&pins->lock);

	/* Mappings are pages, so that a byte less makes no difference, but cannot overflow. */
	vho_vdev_invalidate(vdev, iova, bar.last - iova);
	/* What is left was not yet, or is no more, in the device's list; its thread undoes it. */
	wait_event(pins->wait, !vho_pins_overlap(pins, &pins->pins, bar.iova, bar.last));

	spin_lock(&pins->lock);
	list_del(&bar.list);
	spin_unlock(&pins->lock);
}

/* ---- lifetime ---- */

/**
 * vho_pins_init() - nothing is pinned
 * @pins: to set up
 * @vfio: device to pin through
 * Context: XPORT
 */
void vho_pins_init(struct vho_pins *pins, struct vfio_device *vfio)
{
	pins->vfio = vfio;
	spin_lock_init(&pins->lock);
	INIT_LIST_HEAD(&pins->pins);
	INIT_LIST_HEAD(&pins->bars);
	INIT_LIST_HEAD(&pins->unpins);
	init_waitqueue_head(&pins->wait);
	INIT_WORK(&pins->work, vho_pins_unpin_work);
}

/**
 * vho_pins_close() - wait until nothing is pinned
 * @pins: what is pinned; everything was unmapped
 * Context: XPORT (close_device); VFIO cannot unpin for a device that is closed
 */
void vho_pins_close(struct vho_pins *pins)
{
	flush_work(&pins->work);
}

/**
 * vho_pins_module_init() - before the first vho_pins_init()
 * Context: INIT
 * Return: 0, -ENOMEM
 */
int vho_pins_module_init(void)
{
	vho_pins_wq = alloc_workqueue("virtuoso_unpin", WQ_UNBOUND, 0);
	return vho_pins_wq ? 0 : -ENOMEM;
}

/**
 * vho_pins_module_exit() - after the last vho_pins_close()
 * Context: INIT
 */
void vho_pins_module_exit(void)
{
	destroy_workqueue(vho_pins_wq);
}
