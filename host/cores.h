/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The set of fast-path cores.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_CORES_H
#define _VHO_CORES_H

#include <linux/types.h>

struct vho_core;

int vho_cores_init(void);
void vho_cores_exit(void);
unsigned int vho_core_nr(void);
/* NULL when there is no such core. The cores live as long as the module. */
struct vho_core *vho_core_get(unsigned int index);
/* The core with the fewest ports. Caller holds vho_ports_lock. */
struct vho_core *vho_core_least_loaded(void);
/* Is there a core on @cpu? Any context while ports exist. */
bool vho_core_on_cpu(int cpu);

#endif /* _VHO_CORES_H */
