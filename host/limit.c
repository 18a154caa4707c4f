// SPDX-License-Identifier: GPL-2.0
/*
 * Limits of ports other than on CPU time.
 *
 * A rate is a time: each thing used takes its part of a second, and when they would all be through,
 * the next one may go. Nothing is refilled.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/atomic.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/netlink.h>

#include "core.h"
#include "guest_state.h"
#include "limit.h"
#include "listener.h"
#include "move.h"
#include "port.h"

/* What one turn uses is through after this time, whatever the rate. */
#define VHO_LIMIT_LONG_NS	(60ULL * NSEC_PER_SEC)
#define VHO_LIMIT_REGION_BYTES_MAX	((u64)VHO_REGIONS_MAX * VHO_REGION_BYTES_MAX)

void vho_limit_init(struct vho_port *port)
{
	port->limit.cfg = (struct vho_limit_cfg) {
		.max_listeners = VHO_LISTENERS_MAX,
		.max_region_bytes = VHO_LIMIT_REGION_BYTES_MAX,
	};
}

int vho_limit_check(const struct vho_limit_cfg *cfg, struct netlink_ext_ack *extack)
{
	if (cfg->max_listeners > VHO_LISTENERS_MAX) {
		NL_SET_ERR_MSG(extack, "max-listeners is out of range (at most 1024)");
		return -ERANGE;
	}
	if (cfg->max_region_bytes > VHO_LIMIT_REGION_BYTES_MAX) {
		NL_SET_ERR_MSG(extack, "max-region-bytes is out of range (at most 4 GiB)");
		return -ERANGE;
	}
	if (cfg->bit_rate && cfg->bit_rate < VHO_LIMIT_BITS_MIN) {
		NL_SET_ERR_MSG(extack, "bit-rate is out of range (at least 100000, or 0: none)");
		return -ERANGE;
	}
	if (cfg->packet_rate && cfg->packet_rate < VHO_LIMIT_PACKETS_MIN) {
		NL_SET_ERR_MSG(extack, "packet-rate is out of range (at least 100, or 0: none)");
		return -ERANGE;
	}
	return 0;
}

static void vho_limit_forgive(u64 *busy_ns, u64 now_ns)
{
	u64 old_ns = READ_ONCE(*busy_ns);

	while (old_ns > now_ns && !try_cmpxchg64(busy_ns, &old_ns, now_ns))
		;
}

/* On the core's thread. What was used at the old rates is forgiven: it may mean a long wait. */
static void vho_limit_apply_fn(void *arg)
{
	struct vho_group *group = arg;
	struct vho_limit *limit = &group->port->limit;
	struct vho_sched_ent *ent = &group->budget.ent;
	struct vho_sched_cfg cfg = ent->cfg;
	u64 now_ns = ktime_get_ns();

	vho_limit_forgive(&limit->bits_busy_ns, now_ns);
	vho_limit_forgive(&limit->packets_busy_ns, now_ns);
	ent->hold_ns = 0;
	vho_sched_configure(&group->core->sched, ent, &cfg, now_ns);
}

/**
 * vho_limit_set() - change the limits of a port
 * @port: port
 * @cfg: all of them, checked, copied
 * @extack: says what is wrong
 *
 * What a guest has beyond a new limit it keeps; it gets no more.
 * Context: NL, process context. Takes vho_ports_lock, waits for the cores.
 * Return: 0, -ENODEV.
 */
int vho_limit_set(struct vho_port *port, const struct vho_limit_cfg *cfg,
		  struct netlink_ext_ack *extack)
{
	struct vho_limit_cfg *to = &port->limit.cfg;
	unsigned int i;
	int err = 0;

	mutex_lock(&vho_ports_lock);
	if (list_empty(&port->list)) {
		NL_SET_ERR_MSG(extack, "the port is being deleted");
		err = -ENODEV;
	} else {
		WRITE_ONCE(to->max_listeners, cfg->max_listeners);
		WRITE_ONCE(to->max_region_bytes, cfg->max_region_bytes);
		WRITE_ONCE(to->conn_rate, cfg->conn_rate);
		WRITE_ONCE(to->bit_rate, cfg->bit_rate);
		WRITE_ONCE(to->packet_rate, cfg->packet_rate);
		for (i = 0; i < port->nr_made; i++)
			vho_group_call(port->group[i], vho_limit_apply_fn, port->group[i]);
	}
	mutex_unlock(&vho_ports_lock);
	return err;
}

void vho_limit_get(const struct vho_port *port, struct vho_limit_cfg *cfg)
{
	const struct vho_limit_cfg *from = &port->limit.cfg;

	cfg->max_listeners = READ_ONCE(from->max_listeners);
	cfg->max_region_bytes = READ_ONCE(from->max_region_bytes);
	cfg->conn_rate = READ_ONCE(from->conn_rate);
	cfg->bit_rate = READ_ONCE(from->bit_rate);
	cfg->packet_rate = READ_ONCE(from->packet_rate);
}

/* ---- rates ---- */

u64 vho_limit_use(u64 busy_ns, u64 n, u64 per_s, u64 now_ns)
{
	u64 first = now_ns > VHO_LIMIT_BURST_NS ? now_ns - VHO_LIMIT_BURST_NS : 0;

	if (!per_s)
		return busy_ns;
	n = min(n, U64_MAX / NSEC_PER_SEC);
	return max(busy_ns, first) + min(div64_u64(n * NSEC_PER_SEC, per_s), VHO_LIMIT_LONG_NS);
}

bool vho_limit_conn(struct vho_port *port, u64 now_ns)
{
	struct vho_limit *limit = &port->limit;
	u32 per_s = READ_ONCE(limit->cfg.conn_rate);

	if (likely(!per_s))
		return true;
	/* A time that is too far ahead is from an older, lower rate. */
	if (limit->conns_busy_ns > now_ns &&
	    limit->conns_busy_ns - now_ns <= NSEC_PER_SEC / per_s) {
		vho_port_stat_inc(port, VHO_STAT_drop_conn_rate);
		return false;
	}
	limit->conns_busy_ns = vho_limit_use(min(limit->conns_busy_ns, now_ns), 1, per_s, now_ns);
	return true;
}

bool vho_limit_shaped(const struct vho_port *port)
{
	return READ_ONCE(port->limit.cfg.bit_rate) || READ_ONCE(port->limit.cfg.packet_rate);
}

/* These counters of this CPU are the core's alone, but for a few segments of the slow path. */
void vho_limit_turn_begin(const struct vho_port *port, struct vho_limit_used *used)
{
	const struct vho_stats *stats = raw_cpu_ptr(port->stats);

	used->bytes = READ_ONCE(stats->v[VHO_STAT_fp_rx_bytes]) +
		      READ_ONCE(stats->v[VHO_STAT_fp_tx_bytes]) +
		      READ_ONCE(stats->v[VHO_STAT_frame_rx_bytes]) +
		      READ_ONCE(stats->v[VHO_STAT_frame_tx_bytes]);
	used->packets = READ_ONCE(stats->v[VHO_STAT_fp_rx_segs]) +
			READ_ONCE(stats->v[VHO_STAT_fp_tx_segs]) +
			READ_ONCE(stats->v[VHO_STAT_frame_rx]) +
			READ_ONCE(stats->v[VHO_STAT_frame_tx]);
}

/* The same for a time that several cores advance, each by what it has used. */
static u64 vho_limit_advance(u64 *busy_ns, u64 n, u64 per_s, u64 now_ns)
{
	u64 old_ns = READ_ONCE(*busy_ns), new_ns;

	do {
		new_ns = vho_limit_use(old_ns, n, per_s, now_ns);
	} while (new_ns != old_ns && !try_cmpxchg64(busy_ns, &old_ns, new_ns));
	return new_ns;
}

void vho_limit_turn_end(struct vho_group *group, const struct vho_limit_used *used, u64 now_ns)
{
	struct vho_limit *limit = &group->port->limit;
	struct vho_limit_used now;
	u64 bits, packets;

	vho_limit_turn_begin(group->port, &now);
	bits = vho_limit_advance(&limit->bits_busy_ns, (now.bytes - used->bytes) * BITS_PER_BYTE,
				 READ_ONCE(limit->cfg.bit_rate), now_ns);
	packets = vho_limit_advance(&limit->packets_busy_ns, now.packets - used->packets,
				    READ_ONCE(limit->cfg.packet_rate), now_ns);
	vho_sched_hold(&group->budget.ent, max(bits, packets));
}
