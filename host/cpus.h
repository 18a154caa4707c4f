/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPUs that come and go: hotplug, and partitions of cpusets that the operator isolates.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_CPUS_H
#define _VHO_CPUS_H

#include <linux/types.h>

struct cpumask;

/* Process context. */
int vho_cpus_init(void);
void vho_cpus_exit(void);

/* Any context, hints. */
bool vho_cpus_online(const struct cpumask *pool);
/* Of @pool, CPUs that are isolated, by the kernel's command line or in a partition. */
void vho_cpus_isolated(struct cpumask *isolated, const struct cpumask *pool);

/*
 * Of @pool, CPUs that may have a core now: those online but for those isolated for others. What the operator
 * gave as isolated CPUs is @given: for the cores, as long as they are. Caller serialises.
 */
void vho_cpus_allowed(struct cpumask *allowed, const struct cpumask *pool, struct cpumask *given);
/* Where a core may go on that has none of those. Not empty. */
void vho_cpus_elsewhere(struct cpumask *mask);

#endif /* _VHO_CPUS_H */
