/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Filters in the switch that a one-shot path would go past.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_FILTER_H
#define _VHO_PATH_FILTER_H

#include <linux/types.h>

struct net_device;
struct vho_headers;
struct vho_port;

/*
 * RCU read side. Are there filters at the devices that packets of @port pass on their way to @uplink?
 * Looks at the port's netdev, its master, and the tunnels and VLANs among the master's ports.
 */
bool vho_path_filtered(const struct vho_port *port, const struct net_device *uplink,
		       const struct vho_headers *h);

#endif /* _VHO_PATH_FILTER_H */
