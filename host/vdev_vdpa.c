// SPDX-License-Identifier: GPL-2.0
/*
 * The transport for containers: a vDPA device per port, bound to virtio_vdpa, so that
 * the guest driver runs in the same kernel.
 *
 * The driver's addresses are physical addresses. That is only for a driver that is part of
 * this kernel: through vhost_vdpa a process would name any memory it likes. So the
 * device refuses every driver but virtio_vdpa.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#define pr_fmt(fmt) "virtuoso_host: " fmt

#include <linux/cache.h>
#include <linux/cc_platform.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/irq_work.h>
#include <linux/kernfs.h>
#include <linux/kmod.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/swiotlb.h>
#include <linux/vdpa.h>

#include "port.h"
#include "vdev.h"

#define VHO_VDPA_DRIVER		"virtio_vdpa"
#define VHO_VDPA_VENDOR		0x1af4
/* The entry after the queues is for changes of the configuration. */
#define VHO_VDPA_CONFIG		VHO_VQ_MAX

/**
 * struct vho_vdpa_irq - how the driver is interrupted for one queue
 * @work: runs @callback in interrupt context, as a device's interrupt would
 * @callback: the driver's handler, NULL: none. Set last, cleared first (and @work waited for), so
 *	that @work never sees the argument of another handler
 * @private: argument of @callback
 */
struct vho_vdpa_irq {
	struct irq_work work;
	irqreturn_t (*callback)(void *private);
	void *private;
};

/**
 * struct vho_vdpa - one vDPA device
 * @vdpa: the device; first member
 * @port: its port, which outlives every call of the driver
 * @irq: queues, then configuration
 */
struct vho_vdpa {
	struct vdpa_device vdpa;
	struct vho_port *port;
	struct vho_vdpa_irq irq[VHO_VQ_MAX + 1];
};

/* ---- the parent of all of them ---- */

static DEFINE_MUTEX(vho_vdpa_root_lock);	/* (mutex, leaf) guards the next two */
static struct device *vho_vdpa_root;
static unsigned int vho_vdpa_root_users;

static struct device *vho_vdpa_root_get(void)
{
	struct device *root;

	mutex_lock(&vho_vdpa_root_lock);
	if (!vho_vdpa_root_users)
		vho_vdpa_root = root_device_register("virtuoso");
	root = vho_vdpa_root;
	if (!IS_ERR(root))
		vho_vdpa_root_users++;
	mutex_unlock(&vho_vdpa_root_lock);
	return root;
}

static void vho_vdpa_root_put(void)
{
	mutex_lock(&vho_vdpa_root_lock);
	if (!--vho_vdpa_root_users)
		root_device_unregister(vho_vdpa_root);
	mutex_unlock(&vho_vdpa_root_lock);
}

/* The root has attributes of its own, and a port may be called like one of them. */
static bool vho_vdpa_name_taken(struct device *root, const char *name)
{
	struct kernfs_node *kn = kernfs_find_and_get(root->kobj.sd, name);

	if (kn)
		kernfs_put(kn);
	return kn;
}

/* ---- who is the driver? ---- */

static struct vho_vdpa *vho_vdpa_of(struct vdpa_device *vdpa)
{
	return container_of(vdpa, struct vho_vdpa, vdpa);
}

static struct vho_vdev *vho_vdpa_vdev(struct vdpa_device *vdpa)
{
	return &vho_vdpa_of(vdpa)->port->vdev;
}

/*
 * Only for calls by the driver (and by the bus while it probes one): the driver cannot be
 * unbound from under its own call.
 */
static bool vho_vdpa_trusted(struct vdpa_device *vdpa)
{
	const struct device_driver *driver = READ_ONCE(vdpa->dev.driver);

	return driver && !strcmp(driver->name, VHO_VDPA_DRIVER);
}

/* ---- transport operations ---- */

/* Is all of [addr, addr + len) ordinary memory of this machine that the kernel manages? */
static bool vho_vdpa_is_memory(u64 addr, u64 len)
{
	unsigned long pfn;
	u64 end;

	if (!len || check_add_overflow(addr, len, &end) || end > PHYS_ADDR_MAX)
		return false;
	if (region_intersects(addr, len, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	    REGION_INTERSECTS)
		return false;
	for (pfn = PHYS_PFN(addr); pfn <= PHYS_PFN(end - 1); pfn++)
		if (!pfn_valid(pfn) || PageReserved(pfn_to_page(pfn)) ||
		    PageHighMem(pfn_to_page(pfn)))
			return false;
	return true;
}

static int vho_vdpa_map(struct vho_vdev *vdev, struct vho_map *map)
{
	unsigned int i;

	if (!PAGE_ALIGNED(map->iova | map->len) || !vho_vdpa_is_memory(map->iova, map->len))
		return -EFAULT;
	map->nr_pages = map->len >> PAGE_SHIFT;
	map->pages = kvmalloc_array(map->nr_pages, sizeof(*map->pages), GFP_KERNEL);
	if (!map->pages)
		return -ENOMEM;
	for (i = 0; i < map->nr_pages; i++)
		map->pages[i] = pfn_to_page(PHYS_PFN(map->iova) + i);
	map->vaddr = phys_to_virt(map->iova);
	map->vmapped = false;
	return 0;
}

static void vho_vdpa_unmap(struct vho_vdev *vdev, struct vho_map *map)
{
	kvfree(map->pages);
	map->pages = NULL;
	map->nr_pages = 0;
	map->vaddr = NULL;
}

static int vho_vdpa_rw(struct vho_vdev *vdev, u64 iova, void *buf, size_t len, bool write)
{
	if (!len)
		return 0;
	if (!vho_vdpa_is_memory(iova, len))
		return -EFAULT;
	if (write)
		memcpy(phys_to_virt(iova), buf, len);
	else
		memcpy(buf, phys_to_virt(iova), len);
	return 0;
}

static void vho_vdpa_call(struct vho_vdev *vdev, u16 vq)
{
	struct vho_vdpa *vd = READ_ONCE(vdev->xport);

	if (vd && vq < VHO_VQ_MAX)
		irq_work_queue(&vd->irq[vq].work);
}

static void vho_vdpa_config_changed(struct vho_vdev *vdev)
{
	struct vho_vdpa *vd = READ_ONCE(vdev->xport);

	if (vd)
		irq_work_queue(&vd->irq[VHO_VDPA_CONFIG].work);
}

static const struct vho_xport_ops vho_vdpa_xport_ops = {
	.map = vho_vdpa_map,
	.unmap = vho_vdpa_unmap,
	.rw = vho_vdpa_rw,
	.call = vho_vdpa_call,
	.config_changed = vho_vdpa_config_changed,
};

/* ---- interrupts ---- */

static void vho_vdpa_irq_run(struct irq_work *work)
{
	struct vho_vdpa_irq *irq = container_of(work, struct vho_vdpa_irq, work);
	irqreturn_t (*callback)(void *private);

	/* Pairs with the release in vho_vdpa_irq_set(). */
	callback = smp_load_acquire(&irq->callback);
	if (callback)
		callback(irq->private);
}

/* When it returns, the old handler has run for the last time. */
static void vho_vdpa_irq_set(struct vho_vdpa_irq *irq, const struct vdpa_callback *cb)
{
	WRITE_ONCE(irq->callback, NULL);
	irq_work_sync(&irq->work);
	if (!cb)
		return;
	irq->private = cb->private;
	/* Pairs with the acquire in vho_vdpa_irq_run(). */
	smp_store_release(&irq->callback, cb->callback);
}

static void vho_vdpa_irqs_clear(struct vho_vdpa *vd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vd->irq); i++)
		vho_vdpa_irq_set(&vd->irq[i], NULL);
}

static void vho_vdpa_set_vq_cb(struct vdpa_device *vdpa, u16 idx, struct vdpa_callback *cb)
{
	if (idx < VHO_VQ_MAX)
		vho_vdpa_irq_set(&vho_vdpa_of(vdpa)->irq[idx], cb);
}

static void vho_vdpa_set_config_cb(struct vdpa_device *vdpa, struct vdpa_callback *cb)
{
	vho_vdpa_irq_set(&vho_vdpa_of(vdpa)->irq[VHO_VDPA_CONFIG], cb);
}

/* ---- queues ---- */

static int vho_vdpa_set_vq_address(struct vdpa_device *vdpa, u16 idx, u64 desc_area,
				   u64 driver_area, u64 device_area)
{
	return vho_vdev_vq_set_addr(vho_vdpa_vdev(vdpa), idx, desc_area, driver_area, device_area);
}

static void vho_vdpa_set_vq_num(struct vdpa_device *vdpa, u16 idx, u32 num)
{
	struct vho_vdev *vdev = vho_vdpa_vdev(vdpa);

	if (num > U16_MAX || vho_vdev_vq_set_num(vdev, idx, num))
		vho_vdev_needs_reset(vdev);
}

static void vho_vdpa_kick_vq(struct vdpa_device *vdpa, u16 idx)
{
	vho_vdev_kick(vho_vdpa_vdev(vdpa), idx);
}

static void vho_vdpa_set_vq_ready(struct vdpa_device *vdpa, u16 idx, bool ready)
{
	if (idx >= VHO_VQ_MAX)
		return;
	vho_vdev_vq_set_ready(vho_vdpa_vdev(vdpa), idx, ready);
	/* The driver frees the argument of its handler next. */
	if (!ready)
		vho_vdpa_irq_set(&vho_vdpa_of(vdpa)->irq[idx], NULL);
}

static bool vho_vdpa_get_vq_ready(struct vdpa_device *vdpa, u16 idx)
{
	return idx < VHO_VQ_MAX && READ_ONCE(vho_vdpa_vdev(vdpa)->vq[idx].ready);
}

static int vho_vdpa_set_vq_state(struct vdpa_device *vdpa, u16 idx,
				 const struct vdpa_vq_state *state)
{
	/* A queue begins at its beginning: the state of a running one cannot be taken over. */
	return state->split.avail_index ? -EOPNOTSUPP : 0;
}

static int vho_vdpa_get_vq_state(struct vdpa_device *vdpa, u16 idx, struct vdpa_vq_state *state)
{
	if (idx >= VHO_VQ_MAX)
		return -EINVAL;
	state->split.avail_index = READ_ONCE(vho_vdpa_vdev(vdpa)->vq[idx].ring.last_avail);
	return 0;
}

static u32 vho_vdpa_get_vq_align(struct vdpa_device *vdpa)
{
	return SMP_CACHE_BYTES;
}

/* The bus asks before it lets a driver probe; no size makes it pass over the driver. */
static u16 vho_vdpa_get_vq_num_max(struct vdpa_device *vdpa)
{
	return vho_vdpa_trusted(vdpa) ? VHO_RING_SIZE_MAX : 0;
}

/* ---- device ---- */

static u64 vho_vdpa_get_device_features(struct vdpa_device *vdpa)
{
	return vho_vdev_device_features(vho_vdpa_vdev(vdpa));
}

static int vho_vdpa_set_driver_features(struct vdpa_device *vdpa, u64 features)
{
	if (!vho_vdpa_trusted(vdpa))
		return -EPERM;
	return vho_vdev_set_features(vho_vdpa_vdev(vdpa), features);
}

static u64 vho_vdpa_get_driver_features(struct vdpa_device *vdpa)
{
	return READ_ONCE(vho_vdpa_vdev(vdpa)->features);
}

static u32 vho_vdpa_get_device_id(struct vdpa_device *vdpa)
{
	return VIRTIO_ID_VIRTUOSO;
}

static u32 vho_vdpa_get_vendor_id(struct vdpa_device *vdpa)
{
	return VHO_VDPA_VENDOR;
}

static u8 vho_vdpa_get_status(struct vdpa_device *vdpa)
{
	return vho_vdev_status(vho_vdpa_vdev(vdpa));
}

static int vho_vdpa_reset(struct vdpa_device *vdpa)
{
	vho_vdev_reset(vho_vdpa_vdev(vdpa));
	vho_vdpa_irqs_clear(vho_vdpa_of(vdpa));
	return 0;
}

static void vho_vdpa_set_status(struct vdpa_device *vdpa, u8 status)
{
	if (!status)
		vho_vdpa_reset(vdpa);
	else if (vho_vdpa_trusted(vdpa))
		vho_vdev_set_status(vho_vdpa_vdev(vdpa), status);
}

static size_t vho_vdpa_get_config_size(struct vdpa_device *vdpa)
{
	return sizeof(struct virtio_virtuoso_config);
}

static void vho_vdpa_get_config(struct vdpa_device *vdpa, unsigned int offset, void *buf,
				unsigned int len)
{
	vho_vdev_config_read(vho_vdpa_vdev(vdpa), offset, buf, len);
}

static void vho_vdpa_set_config(struct vdpa_device *vdpa, unsigned int offset, const void *buf,
				unsigned int len)
{
	/* No field of the configuration is the driver's to write. */
}

static u32 vho_vdpa_get_generation(struct vdpa_device *vdpa)
{
	return vho_vdev_config_generation(vho_vdpa_vdev(vdpa));
}

static const struct vdpa_config_ops vho_vdpa_ops = {
	.set_vq_address = vho_vdpa_set_vq_address,
	.set_vq_num = vho_vdpa_set_vq_num,
	.kick_vq = vho_vdpa_kick_vq,
	.set_vq_cb = vho_vdpa_set_vq_cb,
	.set_vq_ready = vho_vdpa_set_vq_ready,
	.get_vq_ready = vho_vdpa_get_vq_ready,
	.set_vq_state = vho_vdpa_set_vq_state,
	.get_vq_state = vho_vdpa_get_vq_state,
	.get_vq_align = vho_vdpa_get_vq_align,
	.get_device_features = vho_vdpa_get_device_features,
	.set_driver_features = vho_vdpa_set_driver_features,
	.get_driver_features = vho_vdpa_get_driver_features,
	.set_config_cb = vho_vdpa_set_config_cb,
	.get_vq_num_max = vho_vdpa_get_vq_num_max,
	.get_device_id = vho_vdpa_get_device_id,
	.get_vendor_id = vho_vdpa_get_vendor_id,
	.get_status = vho_vdpa_get_status,
	.set_status = vho_vdpa_set_status,
	.reset = vho_vdpa_reset,
	.get_config_size = vho_vdpa_get_config_size,
	.get_config = vho_vdpa_get_config,
	.set_config = vho_vdpa_set_config,
	.get_generation = vho_vdpa_get_generation,
};

/* ---- lifetime ---- */

/* Is the address that the DMA API gives the driver the physical one? */
static int vho_vdpa_check_dma(struct vho_vdpa *vd)
{
	if (!cc_platform_has(CC_ATTR_MEM_ENCRYPT) && !is_swiotlb_force_bounce(&vd->vdpa.dev))
		return 0;
	pr_notice("port %s: containers are not supported with encrypted memory or forced bounce buffers\n",
		  vd->port->name);
	return -EOPNOTSUPP;
}

static struct vho_vdpa *vho_vdpa_alloc(struct vho_port *port, struct device *root)
{
	struct vho_vdpa *vd;
	unsigned int i;

	vd = vdpa_alloc_device(struct vho_vdpa, vdpa, root, &vho_vdpa_ops, 1, 1, port->name, false);
	if (IS_ERR(vd))
		return vd;
	vd->port = port;
	vd->vdpa.dma_dev = &vd->vdpa.dev;
	for (i = 0; i < ARRAY_SIZE(vd->irq); i++)
		init_irq_work(&vd->irq[i].work, vho_vdpa_irq_run);
	return vd;
}

/**
 * vho_vdpa_add() - make the vDPA device of a port
 * @port: of type container; its device has no transport yet
 *
 * The guest driver, if it is loaded, has probed the device when this returns.
 *
 * Context: NL, without locks that the guest driver takes (rtnl) or that serving it takes
 * Return: 0, -EEXIST when a vDPA device has the port's name, -EOPNOTSUPP, -ENOMEM, -EBUSY
 */
int vho_vdpa_add(struct vho_port *port)
{
	struct device *root;
	struct vho_vdpa *vd;
	int err;

	if (request_module(VHO_VDPA_DRIVER))
		pr_notice("port %s: no module " VHO_VDPA_DRIVER "; its device waits for it\n",
			  port->name);
	root = vho_vdpa_root_get();
	if (IS_ERR(root))
		return PTR_ERR(root);
	err = -EEXIST;
	if (vho_vdpa_name_taken(root, port->name))
		goto put_root;
	vd = vho_vdpa_alloc(port, root);
	if (IS_ERR(vd)) {
		err = PTR_ERR(vd);
		goto put_root;
	}
	err = vho_vdpa_check_dma(vd);
	if (err)
		goto put_vdpa;
	err = vho_vdev_bind(&port->vdev, &vho_vdpa_xport_ops, vd);
	if (err)
		goto put_vdpa;
	port->vdpa = vd;
	err = vdpa_register_device(&vd->vdpa, vho_vdev_nr_vqs(&port->vdev));
	if (err)
		goto unbind;
	return 0;

unbind:
	port->vdpa = NULL;
	vho_vdev_unbind(&port->vdev);
put_vdpa:
	put_device(&vd->vdpa.dev);
put_root:
	vho_vdpa_root_put();
	return err;
}

/**
 * vho_vdpa_del() - remove the vDPA device of a port, and with it the guest driver's device
 * @port: its device has no transport afterwards
 * Context: NL or INIT, without locks that the guest driver takes (rtnl) or that serving it takes
 */
void vho_vdpa_del(struct vho_port *port)
{
	struct vho_vdpa *vd = port->vdpa;

	if (!vd)
		return;
	port->vdpa = NULL;
	get_device(&vd->vdpa.dev);
	vdpa_unregister_device(&vd->vdpa);
	vho_vdev_unbind(&port->vdev);
	vho_vdpa_irqs_clear(vd);
	put_device(&vd->vdpa.dev);
	vho_vdpa_root_put();
}
