// SPDX-License-Identifier: GPL-2.0
/*
 * The mediated device of a port of type vm: which it is, who has it open, and taking it away.
 *
 * vdev_vfio.c reports here. A VMM that has the device open is asked to let go of it, and may take
 * as long as it likes: a work item does the waiting, one per port, and whoever wants the
 * port deleted waits for that, for a time.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/device.h>
#include <linux/netlink.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "port.h"
#include "port_mdev.h"

static DECLARE_WAIT_QUEUE_HEAD(vho_port_mdev_wait);	/* an ejection is over */
static struct workqueue_struct *vho_port_mdev_wq;

/**
 * vho_port_mdev_claim() - a driver takes to a port's mediated device
 * @port: of type vm
 * @mdev: the device
 *
 * Context: XPORT (probe). Takes vho_ports_lock.
 * Return: 0; -EBUSY: the port has a device; -ENODEV: it is being deleted, or loses its device
 */
int vho_port_mdev_claim(struct vho_port *port, struct device *mdev)
{
	int err = 0;

	mutex_lock(&vho_ports_lock);
	if (port->dying || port->ejecting || list_empty(&port->list))
		err = -ENODEV;
	else if (port->mdev)
		err = -EBUSY;
	else
		port->mdev = get_device(mdev);
	mutex_unlock(&vho_ports_lock);
	return err;
}

/**
 * vho_port_mdev_release() - the driver has left the device that it claimed
 * @port: of type vm; nobody has its device open
 *
 * Context: XPORT (remove). Takes vho_ports_lock.
 */
void vho_port_mdev_release(struct vho_port *port)
{
	mutex_lock(&vho_ports_lock);
	put_device(port->mdev);
	port->mdev = NULL;
	mutex_unlock(&vho_ports_lock);
}

/**
 * vho_port_mdev_open() - a VMM opens the device
 * @port: of type vm
 *
 * Context: XPORT. Takes vho_ports_lock.
 * Return: 0, -ENODEV: it is about to be taken away
 */
int vho_port_mdev_open(struct vho_port *port)
{
	int err = 0;

	mutex_lock(&vho_ports_lock);
	if (port->ejecting)
		err = -ENODEV;
	else
		port->mdev_open = true;
	mutex_unlock(&vho_ports_lock);
	return err;
}

/**
 * vho_port_mdev_close() - the VMM lets go of it
 * @port: whose vho_port_mdev_open() succeeded
 *
 * Context: XPORT. Takes vho_ports_lock.
 */
void vho_port_mdev_close(struct vho_port *port)
{
	mutex_lock(&vho_ports_lock);
	port->mdev_open = false;
	mutex_unlock(&vho_ports_lock);
}

/* Holds a reference to the port, which holds one to the device. */
static void vho_port_mdev_eject_work(struct work_struct *work)
{
	struct vho_port *port = container_of(work, struct vho_port, eject_work);
	struct device *mdev = port->ejecting;

	device_release_driver(mdev);

	mutex_lock(&vho_ports_lock);
	WRITE_ONCE(port->ejecting, NULL);
	mutex_unlock(&vho_ports_lock);
	put_device(mdev);
	wake_up_all(&vho_port_mdev_wait);
	vho_port_put(port);
}

/**
 * vho_port_mdev_eject() - have the driver leave a port's mediated device
 * @port: any port; the caller has a reference
 * @force: even if a VMM has it open: it is asked to let go
 * @timeout: how long to wait for that, jiffies
 * @extack: says what is wrong
 *
 * Nobody opens the device from then on. When the caller has waited long enough, that goes on all the
 * same until the VMM lets go. The device itself, without a driver, is for who has made it to remove.
 *
 * Context: NL; vho_ports_lock is held, and dropped in between, for a VMM that lets go needs it.
 * Return: 0: it has no driver, or there is none; -EBUSY: in use, or still in use; -EINTR
 */
int vho_port_mdev_eject(struct vho_port *port, bool force, long timeout,
			struct netlink_ext_ack *extack)
{
	long left;

	lockdep_assert_held(&vho_ports_lock);
	if (!port->mdev && !port->ejecting)
		return 0;
	if (port->mdev_open && !force) {
		NL_SET_ERR_MSG(extack, "the port is in use by a virtual machine (force unplugs it)");
		return -EBUSY;
	}
	if (!port->ejecting) {
		port->ejecting = get_device(port->mdev);
		vho_port_get(port);
		INIT_WORK(&port->eject_work, vho_port_mdev_eject_work);
		queue_work(vho_port_mdev_wq, &port->eject_work);
	}
	mutex_unlock(&vho_ports_lock);
	left = wait_event_killable_timeout(vho_port_mdev_wait, !READ_ONCE(port->ejecting), timeout);
	mutex_lock(&vho_ports_lock);
	if (left > 0)
		return 0;
	if (left < 0)
		return -EINTR;
	NL_SET_ERR_MSG(extack, "the virtual machine has been asked, but does not let go");
	return -EBUSY;
}

/**
 * vho_port_mdevs_init() - before the first device
 * Context: INIT
 * Return: 0, -ENOMEM
 */
int vho_port_mdevs_init(void)
{
	vho_port_mdev_wq = alloc_workqueue("virtuoso_eject", WQ_UNBOUND, 0);
	return vho_port_mdev_wq ? 0 : -ENOMEM;
}

/**
 * vho_port_mdevs_exit() - wait for the last ejection
 * Context: INIT; no device is open, an open one holds the module
 */
void vho_port_mdevs_exit(void)
{
	destroy_workqueue(vho_port_mdev_wq);
}
