// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs that come and go: hotplug, and partitions of cpusets that the operator isolates.
 *
 * Hotplug calls; nobody says when a partition changes, so that the work that follows the load looks.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/sched/isolation.h>

#include "cpus.h"
#include "elastic.h"

static struct cpumask vho_cpus_present;		/* CPUs online; atomic bit operations */
static int vho_cpus_hotplug;			/* state of cpuhp, 0: none */

bool vho_cpus_online(const struct cpumask *pool)
{
	return cpumask_intersects(pool, &vho_cpus_present);
}

void vho_cpus_isolated(struct cpumask *isolated, const struct cpumask *pool)
{
	unsigned int cpu;

	cpumask_clear(isolated);
	for_each_cpu_and(cpu, pool, cpu_possible_mask)
		if (cpu_is_isolated(cpu))
			__cpumask_set_cpu(cpu, isolated);
}

void vho_cpus_allowed(struct cpumask *allowed, const struct cpumask *pool, struct cpumask *given)
{
	unsigned int cpu;

	cpumask_and(allowed, pool, &vho_cpus_present);
	for_each_cpu(cpu, allowed) {
		if (!cpu_is_isolated(cpu))
			/* Isolated again, it may be for others. */
			__cpumask_clear_cpu(cpu, given);
		else if (!cpumask_test_cpu(cpu, given))
			__cpumask_clear_cpu(cpu, allowed);
	}
}

void vho_cpus_elsewhere(struct cpumask *mask)
{
	unsigned int cpu;

	cpumask_copy(mask, &vho_cpus_present);
	for_each_cpu(cpu, mask)
		if (cpu_is_isolated(cpu))
			__cpumask_clear_cpu(cpu, mask);
	if (cpumask_empty(mask))
		cpumask_copy(mask, cpu_online_mask);
}

static int vho_cpus_cpu_online(unsigned int cpu)
{
	cpumask_set_cpu(cpu, &vho_cpus_present);
	if (vho_cpus_hotplug)
		vho_elastic_look();
	return 0;
}

/* Takes no lock: whoever holds vho_ports_lock may be waiting for CPU hotplug. The work follows. */
static int vho_cpus_cpu_offline(unsigned int cpu)
{
	cpumask_clear_cpu(cpu, &vho_cpus_present);
	vho_elastic_look();
	return 0;
}

int vho_cpus_init(void)
{
	int err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "net/virtuoso:online", vho_cpus_cpu_online,
				    vho_cpus_cpu_offline);

	if (err < 0)
		return err;
	vho_cpus_hotplug = err;
	return 0;
}

void vho_cpus_exit(void)
{
	if (vho_cpus_hotplug)
		cpuhp_remove_state_nocalls(vho_cpus_hotplug);
	vho_cpus_hotplug = 0;
}
