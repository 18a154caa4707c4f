// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a port.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/percpu.h>

#include "nl_event.h"
#include "port.h"
#include "stats.h"
#include "trace.h"

const char *const vho_stat_names[VHO_STAT_NR] = {
#define X(name, doc)	#name,
	VHO_STATS(X)
#undef X
};

static const u8 vho_stat_kinds[VHO_STAT_NR] = {
#define X(name, doc)	!__builtin_strncmp(#name, "drop_", 5) ? VHO_STAT_KIND_DROP : \
			!__builtin_strncmp(#name, "guest_", 6) ? VHO_STAT_KIND_GUEST : \
			VHO_STAT_KIND_PLAIN,
	VHO_STATS(X)
#undef X
};

/**
 * vho_stat_kind() - what a counter's name begins with
 * @stat: counter
 *
 * Context: any.
 * Return: VHO_STAT_KIND_*.
 */
enum vho_stat_kind vho_stat_kind(enum vho_stat stat)
{
	return vho_stat_kinds[stat];
}

/* What went wrong is seen by others, too. */
static noinline void vho_port_stat_tell(struct vho_port *port, enum vho_stat stat, u64 n)
{
	if (vho_stat_kinds[stat] == VHO_STAT_KIND_DROP) {
		trace_vho_drop(port, stat, n);
		return;
	}
	trace_vho_guest_misbehaved(port, stat, n);
	vho_nl_event_misbehaved(port);
}

/**
 * vho_port_stat_add() - count something for a port
 * @port: whose counter
 * @stat: which
 * @n: by how much
 *
 * Context: any.
 */
void vho_port_stat_add(struct vho_port *port, enum vho_stat stat, u64 n)
{
	this_cpu_add(port->stats->v[stat], n);
	if (unlikely(vho_stat_kinds[stat] != VHO_STAT_KIND_PLAIN))
		vho_port_stat_tell(port, stat, n);
}

/**
 * vho_port_stats_sum() - add up the counters of all CPUs
 * @port: whose counters
 * @sum: result, by enum vho_stat
 *
 * Context: any.
 */
void vho_port_stats_sum(struct vho_port *port, u64 sum[VHO_STAT_NR])
{
	unsigned int i;
	int cpu;

	memset(sum, 0, sizeof(u64) * VHO_STAT_NR);
	for_each_possible_cpu(cpu) {
		const struct vho_stats *stats = per_cpu_ptr(port->stats, cpu);

		for (i = 0; i < VHO_STAT_NR; i++)
			sum[i] += READ_ONCE(stats->v[i]);
	}
}
