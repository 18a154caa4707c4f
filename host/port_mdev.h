/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mediated device of a port of type vm.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PORT_MDEV_H
#define _VHO_PORT_MDEV_H

#include <linux/types.h>

struct device;
struct netlink_ext_ack;
struct vho_port;

int vho_port_mdev_claim(struct vho_port *port, struct device *mdev);
void vho_port_mdev_release(struct vho_port *port);
int vho_port_mdev_open(struct vho_port *port);
void vho_port_mdev_close(struct vho_port *port);
int vho_port_mdev_eject(struct vho_port *port, bool force, long timeout,
			struct netlink_ext_ack *extack);
int vho_port_mdevs_init(void);
void vho_port_mdevs_exit(void);

#endif /* _VHO_PORT_MDEV_H */
