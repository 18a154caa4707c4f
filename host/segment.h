/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets with guest memory under way.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_SEGMENT_H
#define _VHO_SEGMENT_H

struct vho_port;

void vho_segment_port_init(struct vho_port *port);
void vho_segment_port_exit(struct vho_port *port);

#endif /* _VHO_SEGMENT_H */
