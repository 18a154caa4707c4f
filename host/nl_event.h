/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netlink: events to the family's multicast groups.
 *
 * What happens seldom (ports, cores) is told at once. What a guest can cause as often as it likes
 * is only noted where it happens; a work tells it, at most once a second.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_NL_EVENT_H
#define _VHO_NL_EVENT_H

#include <linux/types.h>

#include "stats.h"

struct vho_core;
struct vho_port;

/* Bits of vho_nl_told.pending */
#define VHO_NL_EVENT_MISBEHAVED	0
#define VHO_NL_EVENT_THROTTLED	1

/**
 * struct vho_nl_told - what was told about one port
 * @pending: VHO_NL_EVENT_*: look at the port; atomic bit operations, any context
 * @count: counters as the last events said, by enum vho_stat; the work's
 * @throttled_told: times the port was throttled, as the last event said; the work's
 */
struct vho_nl_told {
	unsigned long pending;
	u64 count[VHO_STAT_NR];
	u64 throttled_told;
};

void vho_nl_event_init(void);
void vho_nl_event_exit(void);

/* The port was made, was deleted, or changed (driver started or stopped, core, settings). Any context. */
void vho_nl_event_port_added(struct vho_port *port);
void vho_nl_event_port_removed(struct vho_port *port);
void vho_nl_event_port_changed(struct vho_port *port);
/* A counter guest_* of the port grew. Any context; cheap, may be called for every record. */
void vho_nl_event_misbehaved(struct vho_port *port);
/* The port waits since its limit is used up. Any context; cheap. */
void vho_nl_event_throttled(struct vho_port *port);
/* A core was started, is stopped; the number of cores in use changed. Any context. */
void vho_nl_event_core_added(struct vho_core *core);
void vho_nl_event_core_removed(struct vho_core *core);
void vho_nl_event_cores_scaled(unsigned int cores, unsigned int before);

#endif /* _VHO_NL_EVENT_H */
