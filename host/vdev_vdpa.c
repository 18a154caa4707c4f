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
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/irq_work.h>
#include <linux/kernfs.h>
#include <linux/kmod.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sched/isolation.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/swiotlb.h>
#include <linux/vdpa.h>

#include <virtuoso/compat.h>

#include "cores.h"
#include "port.h"
#include "vdev.h"

#define VHO_VDPA_DRIVER		"virtio_vdpa"
#define VHO_VDPA_VENDOR		0x1af4
/* The entry after the queues is for changes of the configuration. */
#define VHO_VDPA_CONFIG		VHO_VQ_MAX

/*
 * Queues come in pairs (submit and complete of a channel, both of frames, control and event), and
 * who kicks one of a pair waits for the other.
 */
#define VHO_VDPA_PAIRS		DIV_ROUND_UP(VHO_VQ_MAX + 1, 2)

/* Bit of vho_vdpa_irq.flags: one of its two works is queued and has not begun. */
#define VHO_VDPA_IRQ_PENDING	0

/**
 * struct vho_vdpa_irq - how the driver is interrupted for one queue
 * @csd: runs the handler on another CPU
 * @work: runs it on this one, in interrupt context, as a device's interrupt would
 * @flags: VHO_VDPA_IRQ_PENDING, atomic bit operations: who sets it may use @csd or @work
 * @lock: (raw spinlock, irq, leaf) held while the handler runs, so that it never runs on two
 *	CPUs at a time and none is replaced while it runs; guards the next two
 * @callback: the driver's handler, NULL: none
 * @private: argument of @callback
 */
struct vho_vdpa_irq {
	call_single_data_t csd;
	struct irq_work work;
	unsigned long flags;
	raw_spinlock_t lock;
	irqreturn_t (*callback)(void *private);
	void *private;
};

/**
 * struct vho_vdpa - one vDPA device
 * @vdpa: the device; first member
 * @port: its port, which outlives every call of the driver
 * @kick_cpu: per pair of queues, the CPU that kicked it last; any context, a hint
 * @irq: queues, then configuration
 */
struct vho_vdpa {
	struct vdpa_device vdpa;
	struct vho_port *port;
	int kick_cpu[VHO_VDPA_PAIRS];
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

/* ---- interrupts ---- */

/* A core's CPU has other things to do than the driver's NAPI. */
static bool vho_vdpa_irq_cpu_ok(int cpu)
{
	return cpu >= 0 && cpu_online(cpu) && !vho_core_on_cpu(cpu);
}

/* Where the driver works on this pair of queues; a hint, the CPU may go offline any time. */
static int vho_vdpa_irq_cpu(struct vho_vdpa *vd, unsigned int i)
{
	int cpu = READ_ONCE(vd->kick_cpu[i / 2]);

	if (vho_vdpa_irq_cpu_ok(cpu))
		return cpu;
	for_each_cpu(cpu, housekeeping_cpumask(HK_TYPE_MISC))
		if (vho_vdpa_irq_cpu_ok(cpu))
			return cpu;
	return raw_smp_processor_id();
}

/* Context: any but NMI. Raised again before the handler has begun, it is one interrupt. */
static void vho_vdpa_irq_raise(struct vho_vdpa *vd, unsigned int i)
{
	struct vho_vdpa_irq *irq = &vd->irq[i];
	int cpu;

	if (test_and_set_bit(VHO_VDPA_IRQ_PENDING, &irq->flags))
		return;
	cpu = vho_vdpa_irq_cpu(vd, i);
	preempt_disable();
	/* On this CPU a call would run the handler at once, under the caller's feet. */
	if (cpu == smp_processor_id() || smp_call_function_single_async(cpu, &irq->csd))
		irq_work_queue(&irq->work);
	preempt_enable();
}

static void vho_vdpa_irq_run(struct vho_vdpa_irq *irq)
{
	unsigned long flags;

	/* What is raised from here on makes the handler run once more. */
	clear_bit(VHO_VDPA_IRQ_PENDING, &irq->flags);
	/* Pairs with test_and_set_bit() in vho_vdpa_irq_raise(): what was pushed before is seen. */
	smp_mb__after_atomic();
	raw_spin_lock_irqsave(&irq->lock, flags);
	if (irq->callback)
		irq->callback(irq->private);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
}

static void vho_vdpa_irq_work(struct irq_work *work)
{
	vho_vdpa_irq_run(container_of(work, struct vho_vdpa_irq, work));
}

static void vho_vdpa_irq_csd(void *irq)
{
	vho_vdpa_irq_run(irq);
}

static void vho_vdpa_irq_init(struct vho_vdpa_irq *irq)
{
	INIT_CSD(&irq->csd, vho_vdpa_irq_csd, irq);
	init_irq_work(&irq->work, vho_vdpa_irq_work);
	raw_spin_lock_init(&irq->lock);
}

/* When it returns, the old handler has run for the last time. */
static void vho_vdpa_irq_set(struct vho_vdpa_irq *irq, const struct vdpa_callback *cb)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&irq->lock, flags);
	irq->callback = cb ? cb->callback : NULL;
	irq->private = cb ? cb->private : NULL;
	raw_spin_unlock_irqrestore(&irq->lock, flags);
}

static void vho_vdpa_irqs_clear(struct vho_vdpa *vd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vd->irq); i++)
		vho_vdpa_irq_set(&vd->irq[i], NULL);
}

/* Nothing raises interrupts any more: waits until those that were are over. */
static void vho_vdpa_irqs_quiet(struct vho_vdpa *vd)
{
	unsigned int i;

	/* One sent to a CPU runs there within its interrupt latency, or while that goes offline. */
	for (i = 0; i < ARRAY_SIZE(vd->irq); i++) {
		while (test_bit(VHO_VDPA_IRQ_PENDING, &vd->irq[i].flags))
			cpu_relax();
		irq_work_sync(&vd->irq[i].work);
	}
	/* Those on other CPUs have begun: this waits for interrupt handlers. */
	synchronize_rcu();
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
		vho_vdpa_irq_raise(vd, vq);
}

static void vho_vdpa_config_changed(struct vho_vdev *vdev)
{
	struct vho_vdpa *vd = READ_ONCE(vdev->xport);

	if (vd)
		vho_vdpa_irq_raise(vd, VHO_VDPA_CONFIG);
}

static const struct vho_xport_ops vho_vdpa_xport_ops = {
	.map = vho_vdpa_map,
	.unmap = vho_vdpa_unmap,
	.rw = vho_vdpa_rw,
	.call = vho_vdpa_call,
	.config_changed = vho_vdpa_config_changed,
};

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
	struct vho_vdpa *vd = vho_vdpa_of(vdpa);
	int cpu = raw_smp_processor_id();

	if (idx < VHO_VQ_MAX && READ_ONCE(vd->kick_cpu[idx / 2]) != cpu)
		WRITE_ONCE(vd->kick_cpu[idx / 2], cpu);
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

	vd = virtuoso_vdpa_alloc(struct vho_vdpa, vdpa, root, &vho_vdpa_ops, port->name);
	if (IS_ERR(vd))
		return vd;
	vd->port = port;
	virtuoso_vdpa_dma_dev(&vd->vdpa) = &vd->vdpa.dev;
	for (i = 0; i < ARRAY_SIZE(vd->irq); i++)
		vho_vdpa_irq_init(&vd->irq[i]);
	for (i = 0; i < ARRAY_SIZE(vd->kick_cpu); i++)
		vd->kick_cpu[i] = -1;
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
	vho_vdpa_irqs_quiet(vd);
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
	vho_vdpa_irqs_quiet(vd);
	put_device(&vd->vdpa.dev);
	vho_vdpa_root_put();
}
