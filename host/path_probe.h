/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Probes: frozen segments that travel the whole switch and are eaten at the uplink.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_PROBE_H
#define _VHO_PATH_PROBE_H

#include <linux/types.h>

struct vho_flow;
struct vho_path_track;

/* Slow path: @track is probed from now on, not any more. */
void vho_path_probe_start(struct vho_path_track *track);
void vho_path_probe_stop(struct vho_path_track *track);
/* Slow path: tells the switch that the connection is over. */
void vho_path_probe_close(struct vho_path_track *track);
/* Slow path: @track has lost its flow and shall be freed when the last probe has had its time. */
void vho_path_probe_free_later(struct vho_path_track *track);
/* Any context: something in the switch may have changed, every flow is probed soon. */
void vho_path_probe_all(void);
/* Slow path: this flow is probed now. */
void vho_path_probe_now(struct vho_flow *flow);
/* Any context: this flow's peer does not answer: is it the path? */
void vho_path_probe_flow(struct vho_flow *flow);

void vho_path_probes_init(void);
/* Slow path, when no flow is left: frees what waits to be freed. */
void vho_path_probes_flush(void *unused);

#endif /* _VHO_PATH_PROBE_H */
