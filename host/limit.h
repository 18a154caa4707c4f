/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limits of ports other than on CPU time: what a guest may have, and how fast it may go on.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_LIMIT_H
#define _VHO_LIMIT_H

#include <linux/types.h>

struct netlink_ext_ack;
struct vho_group;
struct vho_port;

/* Unused rate that is kept. */
#define VHO_LIMIT_BURST_NS		(10 * NSEC_PER_MSEC)
/* A turn takes no more than seconds of these. */
#define VHO_LIMIT_BITS_MIN		100000
#define VHO_LIMIT_PACKETS_MIN		100

/**
 * struct vho_limit_cfg - what the operator allows a port
 * @max_listeners: listeners at a time
 * @conn_rate: new connections in a second, in both directions together; 0: any number
 * @packet_rate: packets in a second, likewise; 0: any number
 * @max_region_bytes: memory registered at a time
 * @bit_rate: bits in a second, of payload and frames in both directions together; 0: any number
 */
struct vho_limit_cfg {
	u32 max_listeners;
	u32 conn_rate;
	u32 packet_rate;
	u64 max_region_bytes;
	u64 bit_rate;
};

/**
 * struct vho_limit - limits of a port, and what it has used of them
 * @cfg: written by NL under vho_ports_lock, READ_ONCE each by itself
 * @bits_busy_ns: when what was sent and received would be through at @cfg.bit_rate; cores, by
 *	cmpxchg()
 * @packets_busy_ns: likewise at @cfg.packet_rate
 * @conns_busy_ns: likewise new connections at @cfg.conn_rate, owner slow path
 */
struct vho_limit {
	struct vho_limit_cfg cfg;
	u64 bits_busy_ns;
	u64 packets_busy_ns;
	u64 conns_busy_ns;
};

/* What a port has sent and received on this CPU, for differences. */
struct vho_limit_used {
	u64 bytes;
	u64 packets;
};

/* The port is made, nobody else knows it. */
void vho_limit_init(struct vho_port *port);
/* 0, or -ERANGE with a message. */
int vho_limit_check(const struct vho_limit_cfg *cfg, struct netlink_ext_ack *extack);
/* Process context; takes vho_ports_lock, waits for the cores. @cfg has been checked. 0, -ENODEV. */
int vho_limit_set(struct vho_port *port, const struct vho_limit_cfg *cfg,
		  struct netlink_ext_ack *extack);
void vho_limit_get(const struct vho_port *port, struct vho_limit_cfg *cfg);

/*
 * Pure logic: @n things are used at @now_ns, of which @per_s are allowed in a second. @busy_ns: when
 * those before would be through. Return: when these will be, too.
 */
u64 vho_limit_use(u64 busy_ns, u64 n, u64 per_s, u64 now_ns);

/* Slow path: may the port have one more connection now? Counted if not, used up if so. */
bool vho_limit_conn(struct vho_port *port, u64 now_ns);

/* --- owner core, before and after a turn of a group whose port vho_limit_shaped() --- */

bool vho_limit_shaped(const struct vho_port *port);
void vho_limit_turn_begin(const struct vho_port *port, struct vho_limit_used *used);
/*
 * Holds the group back for as long as what its port has used, and it since @used, takes at the port's
 * rates.
 */
void vho_limit_turn_end(struct vho_group *group, const struct vho_limit_used *used, u64 now_ns);

#endif /* _VHO_LIMIT_H */
