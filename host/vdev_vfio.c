// SPDX-License-Identifier: GPL-2.0
/*
 * The transport for virtual machines: a VFIO mediated device per port that a stock VMM
 * gives to its guest as a PCI function (vdev_pci.c).
 *
 * Not offered: a doorbell page that user space can map. A kick leaves the guest
 * and arrives as a write to the VFIO file; queues are polled while busy, so kicks are rare.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#define pr_fmt(fmt) "virtuoso_host: " fmt

#include <linux/device.h>
#include <linux/err.h>
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/virtuoso.h>

#include "port.h"
#include "port_mdev.h"
#include "vdev.h"
#include "vdev_irq.h"
#include "vdev_pci.h"
#include "vdev_pin.h"

/* Where user space finds a region in the VFIO file. */
#define VHO_VFIO_INDEX_SHIFT	40
#define VHO_VFIO_OFFSET_MASK	((1ULL << VHO_VFIO_INDEX_SHIFT) - 1)

/**
 * struct vho_vfio - one mediated device
 * @vfio: the VFIO device; first member
 * @port: its port, a reference
 * @irq: interrupts
 * @pci: the emulated function
 * @pins: guest memory in use
 */
struct vho_vfio {
	struct vfio_device vfio;
	struct vho_port *port;
	struct vho_irq irq;
	struct vho_pci pci;
	struct vho_pins pins;
};

static struct vho_vfio *vho_vfio_of(struct vfio_device *vfio)
{
	return container_of(vfio, struct vho_vfio, vfio);
}

/* ---- transport operations ---- */

static int vho_vfio_map(struct vho_vdev *vdev, struct vho_map *map)
{
	struct vho_vfio *vv = vdev->xport;

	return vho_pins_map(&vv->pins, map);
}

static void vho_vfio_unmap(struct vho_vdev *vdev, struct vho_map *map)
{
	struct vho_vfio *vv = vdev->xport;

	vho_pins_unmap(&vv->pins, map);
}

static int vho_vfio_rw(struct vho_vdev *vdev, u64 iova, void *buf, size_t len, bool write)
{
	struct vho_vfio *vv = vdev->xport;

	if (!len)
		return 0;
	return vfio_dma_rw(&vv->vfio, iova, buf, len, write) ? -EFAULT : 0;
}

static void vho_vfio_call(struct vho_vdev *vdev, u16 vq)
{
	struct vho_vfio *vv = READ_ONCE(vdev->xport);

	if (vv && vq < VHO_VQ_MAX)
		vho_irq_call(&vv->irq, vq);
}

static void vho_vfio_config_changed(struct vho_vdev *vdev)
{
	struct vho_vfio *vv = READ_ONCE(vdev->xport);

	if (vv)
		vho_irq_config_changed(&vv->irq);
}

static const struct vho_xport_ops vho_vfio_xport_ops = {
	.map = vho_vfio_map,
	.unmap = vho_vfio_unmap,
	.rw = vho_vfio_rw,
	.call = vho_vfio_call,
	.config_changed = vho_vfio_config_changed,
};

/* ---- open and close ---- */

static int vho_vfio_open_device(struct vfio_device *vfio)
{
	struct vho_vfio *vv = vho_vfio_of(vfio);
	int err;

	err = vho_port_mdev_open(vv->port);
	if (err)
		return err;
	err = vho_vdev_bind(&vv->port->vdev, &vho_vfio_xport_ops, vv);
	if (err) {
		vho_port_mdev_close(vv->port);
		return err;
	}
	vho_pci_reset(&vv->pci);
	return 0;
}

static void vho_vfio_close_device(struct vfio_device *vfio)
{
	struct vho_vfio *vv = vho_vfio_of(vfio);

	vho_vdev_unbind(&vv->port->vdev);
	vho_pins_close(&vv->pins);
	vho_irq_release(&vv->irq);
	vho_port_mdev_close(vv->port);
}

static void vho_vfio_dma_unmap(struct vfio_device *vfio, u64 iova, u64 length)
{
	struct vho_vfio *vv = vho_vfio_of(vfio);

	vho_pins_invalidate(&vv->pins, &vv->port->vdev, iova, length);
}

static void vho_vfio_request(struct vfio_device *vfio, unsigned int count)
{
	struct vho_vfio *vv = vho_vfio_of(vfio);

	if (!vho_irq_request(&vv->irq) && !count)
		dev_notice(vfio->dev, "in use; waiting for the VMM of port %s to let it go\n",
			   vv->port->name);
}

/* ---- regions ---- */

static u64 vho_vfio_region_bytes(unsigned int index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return VHO_PCI_BAR_BYTES;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return VHO_PCI_CFG_BYTES;
	default:
		return 0;
	}
}

static void vho_vfio_region_read(struct vho_vfio *vv, unsigned int index, unsigned int off,
				 void *buf, unsigned int len)
{
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		vho_pci_cfg_read(&vv->pci, off, buf, len);
	else
		vho_pci_bar_read(&vv->pci, off, buf, len);
}

static void vho_vfio_region_write(struct vho_vfio *vv, unsigned int index, unsigned int off,
				  const void *buf, unsigned int len)
{
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		vho_pci_cfg_write(&vv->pci, off, buf, len);
	else
		vho_pci_bar_write(&vv->pci, off, buf, len);
}

/* Longest naturally aligned access at @off that fits into @count. */
static unsigned int vho_vfio_access_bytes(unsigned int off, size_t count)
{
	if (count >= 4 && off % 4 == 0)
		return 4;
	if (count >= 2 && off % 2 == 0)
		return 2;
	return 1;
}

/* Where does @pos point to? -EINVAL: [pos, pos + count) is not inside a region. */
static int vho_vfio_locate(loff_t pos, size_t count, unsigned int *index, unsigned int *off)
{
	u64 in_region = (u64)pos & VHO_VFIO_OFFSET_MASK;
	u64 bytes;

	if ((u64)pos >> VHO_VFIO_INDEX_SHIFT >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	*index = (u64)pos >> VHO_VFIO_INDEX_SHIFT;
	bytes = vho_vfio_region_bytes(*index);
	if (in_region >= bytes || count > bytes - in_region)
		return -EINVAL;
	*off = in_region;
	return 0;
}

static ssize_t vho_vfio_read(struct vfio_device *vfio, char __user *buf, size_t count,
			     loff_t *ppos)
{
	struct vho_vfio *vv = vho_vfio_of(vfio);
	unsigned int index, off, len;
	size_t done;
	int err;

	err = vho_vfio_locate(*ppos, count, &index, &off);
	if (err)
		return err;

	for (done = 0; done < count; done += len, off += len) {
		u8 data[4];

		len = vho_vfio_access_bytes(off, count - done);
		vho_vfio_region_read(vv, index, off, data, len);
		if (copy_to_user(buf + done, data, len))
			return -EFAULT;
	}
	*ppos += count;
	return count;
}

static ssize_t vho_vfio_write(struct vfio_device *vfio, const char __user *buf, size_t count,
			      loff_t *ppos)
{
	struct vho_vfio *vv = vho_vfio_of(vfio);
	unsigned int index, off, len;
	size_t done;
	int err;

	err = vho_vfio_locate(*ppos, count, &index, &off);
	if (err)
		return err;

	for (done = 0; done < count; done += len, off += len) {
		u8 data[4];

		len = vho_vfio_access_bytes(off, count - done);
		if (copy_from_user(data, buf + done, len))
			return -EFAULT;
		vho_vfio_region_write(vv, index, off, data, len);
	}
	*ppos += count;
	return count;
}

/* ---- ioctls ---- */

static long vho_vfio_get_info(void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info = { };

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long vho_vfio_get_region_info(void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info = { };

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info.cap_offset = 0;
	info.offset = (u64)info.index << VHO_VFIO_INDEX_SHIFT;
	info.size = vho_vfio_region_bytes(info.index);
	info.flags = info.size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long vho_vfio_get_irq_info(struct vho_vfio *vv, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info = { };
	int err;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	err = vho_irq_info(&vv->irq, &info);
	if (err)
		return err;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long vho_vfio_ioctl(struct vfio_device *vfio, unsigned int cmd, unsigned long arg)
{
	struct vho_vfio *vv = vho_vfio_of(vfio);
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return vho_vfio_get_info(uarg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return vho_vfio_get_region_info(uarg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return vho_vfio_get_irq_info(vv, uarg);
	case VFIO_DEVICE_SET_IRQS:
		return vho_irq_set(&vv->irq, uarg);
	case VFIO_DEVICE_RESET:
		vho_pci_reset(&vv->pci);
		return 0;
	default:
		return -ENOTTY;
	}
}

/* ---- lifetime ---- */

static void vho_vfio_release(struct vfio_device *vfio)
{
	struct vho_vfio *vv = vho_vfio_of(vfio);

	vho_port_put(vv->port);
}

static const struct vfio_device_ops vho_vfio_ops = {
	.name = "virtuoso",
	.release = vho_vfio_release,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
	.open_device = vho_vfio_open_device,
	.close_device = vho_vfio_close_device,
	.read = vho_vfio_read,
	.write = vho_vfio_write,
	.ioctl = vho_vfio_ioctl,
	.request = vho_vfio_request,
	.dma_unmap = vho_vfio_dma_unmap,
};

/* Finds the port that @mdev is for and claims it. Returns a reference. */
static struct vho_port *vho_vfio_claim_port(struct mdev_device *mdev)
{
	struct vho_port *port;
	int err;

	port = vho_port_find_uuid(&mdev->uuid);
	if (!port || port->type != VIRTUOSO_PORT_TYPE_VM) {
		dev_err(&mdev->dev, "no port of type vm has this UUID; add one first\n");
		if (port)
			vho_port_put(port);
		return ERR_PTR(-ENODEV);
	}
	err = vho_port_mdev_claim(port, &mdev->dev);
	if (err) {
		dev_err(&mdev->dev, "port %s %s\n", port->name,
			err == -EBUSY ? "has a device already" : "is being deleted");
		vho_port_put(port);
		return ERR_PTR(err);
	}
	return port;
}

static int vho_vfio_probe(struct mdev_device *mdev)
{
	struct vho_port *port;
	struct vho_vfio *vv;
	int err;

	port = vho_vfio_claim_port(mdev);
	if (IS_ERR(port))
		return PTR_ERR(port);

	vv = vfio_alloc_device(vho_vfio, vfio, &mdev->dev, &vho_vfio_ops);
	if (IS_ERR(vv)) {
		vho_port_mdev_release(port);
		vho_port_put(port);
		return PTR_ERR(vv);
	}
	/* From here on vho_vfio_release() gives the port back. */
	vv->port = port;
	vho_irq_init(&vv->irq, vho_vdev_nr_vqs(&port->vdev));
	vho_pci_init(&vv->pci, &port->vdev, &vv->irq);
	vho_pins_init(&vv->pins, &vv->vfio);

	dev_set_drvdata(&mdev->dev, vv);
	err = vfio_register_emulated_iommu_dev(&vv->vfio);
	if (err) {
		vho_port_mdev_release(port);
		vfio_put_device(&vv->vfio);
		return err;
	}
	return 0;
}

/* Asks the VMM to let go, and waits for it, if the device is open. */
static void vho_vfio_remove(struct mdev_device *mdev)
{
	struct vho_vfio *vv = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&vv->vfio);
	/* Not left to vho_vfio_release(): a file that is being closed holds the object a little longer. */
	vho_port_mdev_release(vv->port);
	vfio_put_device(&vv->vfio);
}

static unsigned int vho_vfio_get_available(struct mdev_type *mtype)
{
	return vho_port_count_idle_vm();
}

static ssize_t vho_vfio_show_description(struct mdev_type *mtype, char *buf)
{
	return sysfs_emit(buf, "virtio device of a Virtuoso port; the UUID is the port's\n");
}

static struct mdev_driver vho_vfio_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.driver = {
		.name = "virtuoso_vfio",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
	},
	.probe = vho_vfio_probe,
	.remove = vho_vfio_remove,
	.get_available = vho_vfio_get_available,
	.show_description = vho_vfio_show_description,
};

/* ---- the parent: /sys/class/virtuoso/virtuoso ---- */

static struct mdev_type vho_vfio_type = {
	.sysfs_name = "port",
	.pretty_name = "Virtuoso port",
};

static struct mdev_type *vho_vfio_types[] = { &vho_vfio_type };

static struct class *vho_vfio_class;
static struct device *vho_vfio_parent_dev;
static struct mdev_parent vho_vfio_parent;

/**
 * vho_vfio_init() - let mediated devices be made for ports
 *
 * The type is /sys/class/mdev_bus/virtuoso/mdev_supported_types/virtuoso-port; mdev takes the first
 * part of its name from the class.
 *
 * Context: INIT
 * Return: 0 or a negative error
 */
int vho_vfio_init(void)
{
	int err;

	err = vho_pins_module_init();
	if (err)
		return err;
	err = mdev_register_driver(&vho_vfio_driver);
	if (err)
		goto pins_exit;
	vho_vfio_class = class_create("virtuoso");
	if (IS_ERR(vho_vfio_class)) {
		err = PTR_ERR(vho_vfio_class);
		goto unregister_driver;
	}
	vho_vfio_parent_dev = device_create(vho_vfio_class, NULL, MKDEV(0, 0), NULL, "virtuoso");
	if (IS_ERR(vho_vfio_parent_dev)) {
		err = PTR_ERR(vho_vfio_parent_dev);
		goto destroy_class;
	}
	err = mdev_register_parent(&vho_vfio_parent, vho_vfio_parent_dev, &vho_vfio_driver,
				   vho_vfio_types, ARRAY_SIZE(vho_vfio_types));
	if (err)
		goto unregister_dev;
	return 0;

unregister_dev:
	device_unregister(vho_vfio_parent_dev);
destroy_class:
	class_destroy(vho_vfio_class);
unregister_driver:
	mdev_unregister_driver(&vho_vfio_driver);
pins_exit:
	vho_pins_module_exit();
	return err;
}

/**
 * vho_vfio_exit() - remove every mediated device
 * Context: INIT; ports still exist. No device is open: an open one holds the module.
 */
void vho_vfio_exit(void)
{
	mdev_unregister_parent(&vho_vfio_parent);
	device_unregister(vho_vfio_parent_dev);
	class_destroy(vho_vfio_class);
	mdev_unregister_driver(&vho_vfio_driver);
	vho_pins_module_exit();
}
