// SPDX-License-Identifier: GPL-2.0
/*
 * The set of fast-path cores.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "core.h"
#include "cores.h"
#include "port.h"

static char *cpus;
module_param(cpus, charp, 0444);
MODULE_PARM_DESC(cpus, "CPUs of the fast-path cores, a list such as 2-3 (default: the last CPU)");

static struct vho_core *vho_cores;
static unsigned int vho_nr_cores;

static int vho_cores_start(const struct cpumask *mask)
{
	unsigned int index = 0;
	int cpu, err;

	vho_cores = kcalloc(cpumask_weight(mask), sizeof(*vho_cores), GFP_KERNEL);
	if (!vho_cores)
		return -ENOMEM;
	for_each_cpu(cpu, mask) {
		err = vho_core_start(&vho_cores[index], index, cpu);
		if (err)
			return err;
		vho_nr_cores = ++index;
	}
	return 0;
}

int vho_cores_init(void)
{
	cpumask_var_t mask;
	int err = 0;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	if (!cpus)
		cpumask_set_cpu(cpumask_last(cpu_online_mask), mask);
	else
		err = cpulist_parse(cpus, mask);
	if (!err && (cpumask_empty(mask) || !cpumask_subset(mask, cpu_online_mask)))
		err = -EINVAL;
	if (err)
		pr_err("cpus=%s is not a list of online CPUs\n", cpus);
	else
		err = vho_cores_start(mask);
	free_cpumask_var(mask);
	if (err)
		vho_cores_exit();
	return err;
}

void vho_cores_exit(void)
{
	unsigned int i;

	for (i = 0; i < vho_nr_cores; i++)
		vho_core_stop(&vho_cores[i]);
	kfree(vho_cores);
	vho_cores = NULL;
	vho_nr_cores = 0;
}

unsigned int vho_core_nr(void)
{
	return vho_nr_cores;
}

struct vho_core *vho_core_get(unsigned int index)
{
	return index < vho_nr_cores ? &vho_cores[index] : NULL;
}

bool vho_core_on_cpu(int cpu)
{
	unsigned int i;

	for (i = 0; i < vho_nr_cores; i++)
		if (vho_cores[i].cpu == cpu)
			return true;
	return false;
}

struct vho_core *vho_core_least_loaded(void)
{
	struct vho_core *best = &vho_cores[0];
	unsigned int i;

	lockdep_assert_held(&vho_ports_lock);
	for (i = 1; i < vho_nr_cores; i++)
		if (vho_cores[i].nr_ports < best->nr_ports)
			best = &vho_cores[i];
	return best;
}
