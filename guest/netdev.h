/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netdev of a device. vgu_dev_from_netdev() is declared in dev.h.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_NETDEV_H
#define _VGU_NETDEV_H

struct net_device;
struct vgu_dev;
struct virtio_device;

struct net_device *vgu_netdev_alloc(struct virtio_device *vdev);
int vgu_netdev_init(struct vgu_dev *dev);
int vgu_netdev_start(struct vgu_dev *dev);
void vgu_netdev_read_status(struct vgu_dev *dev);
void vgu_netdev_stop(struct vgu_dev *dev);
void vgu_netdev_exit(struct vgu_dev *dev);

#endif /* _VGU_NETDEV_H */
