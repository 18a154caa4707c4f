/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the operator lets a guest do: rules for connections, allowed addresses.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_POLICY_H
#define _VHO_POLICY_H

#include <linux/atomic.h>
#include <linux/in6.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <uapi/linux/virtuoso.h>

struct vho_flow;
struct vho_flow_key;
struct vho_port;

#define VHO_POLICY_RULES_MAX	65536
#define VHO_POLICY_ADDRS_MAX	64
#define VHO_POLICY_DSCP_MAX	63
/* Limits of a rule's buffer: less would stall a connection, more is no limit. */
#define VHO_POLICY_BUFFER_MIN	4096
#define VHO_POLICY_BUFFER_MAX	(1u << 30)

/* Numbers of what decided about a connection: rules count from 1. */
#define VHO_POLICY_BY_DEFAULT	0
#define VHO_POLICY_BY_SOURCE	U32_MAX

/**
 * struct vho_policy_rule - one rule as the operator wrote it
 * @remote: prefix of the peer's address, bits behind it zero; IPv4 mapped
 * @prefix_len: its length in bits, 0 to 128; of an IPv4 prefix 96 more
 * @action: enum virtuoso_policy_action
 * @dirs: enum virtuoso_policy_direction, which is a set of bits
 * @dscp: 0: the guest's, else 1 + the DSCP of the connection's packets
 * @rport_min: first TCP port of the peer, host byte order
 * @rport_max: last one
 * @lport_min: first TCP port of the guest, host byte order
 * @lport_max: last one
 * @buffer_bytes: most bytes under way in one direction; 0: no limit
 */
struct vho_policy_rule {
	struct in6_addr remote;
	u8 prefix_len;
	u8 action;
	u8 dirs;
	u8 dscp;
	u16 rport_min;
	u16 rport_max;
	u16 lport_min;
	u16 lport_max;
	u32 buffer_bytes;
};

/**
 * struct vho_policy_count - what a rule has decided
 * @matched: connections for which it was the first to match
 * @refused: of these, those that were refused or ended
 */
struct vho_policy_count {
	atomic64_t matched;
	atomic64_t refused;
};

/**
 * struct vho_policy - a set of rules; nothing but counters changes once it is made
 * @ref: vho_policy_put()
 * @rcu: frees it
 * @serial: different for each set, never 0
 * @default_action: enum virtuoso_policy_action, when no rule matches
 * @sources: enum virtuoso_policy_sources
 * @nr_addrs: entries of @addrs
 * @nr_rules: entries of @rules
 * @nr_groups: entries of @groups
 * @nr_lens: entries of @lens
 * @addrs: allowed addresses of the guest, sorted; with sources fixed
 * @rules: in order
 * @counts: by rule, one more for the default action
 * @source_refused: connections refused for the guest's address
 * @slots: what of a rule a lookup reads, grouped by prefix, in order within a group
 * @groups: prefixes, sorted by length and address
 * @lens: the lengths that occur
 */
struct vho_policy {
	refcount_t ref;
	struct rcu_head rcu;
	u32 serial;
	u8 default_action;
	u8 sources;
	u32 nr_addrs;
	u32 nr_rules;
	u32 nr_groups;
	u32 nr_lens;
	struct in6_addr *addrs;
	struct vho_policy_rule *rules;
	struct vho_policy_count *counts;
	atomic64_t source_refused;
	struct vho_policy_slot *slots;
	struct vho_policy_group *groups;
	struct vho_policy_len *lens;
};

/**
 * struct vho_policy_verdict - what a set says about one connection
 * @rule: number of the rule, or VHO_POLICY_BY_*
 * @buffer_bytes: as in &struct vho_policy_rule
 * @serial: of the set, 0: there was none
 * @action: enum virtuoso_policy_action
 * @dscp: as in &struct vho_policy_rule
 */
struct vho_policy_verdict {
	u32 rule;
	u32 buffer_bytes;
	u32 serial;
	u8 action;
	u8 dscp;
};

/* --- policy.c: sets --- */

/* An empty set with room for @nr_rules and @nr_addrs, to be filled. Process context. NULL: no memory. */
struct vho_policy *vho_policy_alloc(u32 nr_rules, u32 nr_addrs);
/* Rules and addresses are filled in: makes the tables for lookup. Process context. 0, -ENOMEM. */
int vho_policy_build(struct vho_policy *policy);
void vho_policy_put(struct vho_policy *policy);
/* Any context. Number of the first rule that matches, VHO_POLICY_BY_DEFAULT: none does. */
u32 vho_policy_match(const struct vho_policy *policy, u8 dir, const struct in6_addr *raddr,
		     u16 rport, u16 lport);
/* Any context: may the guest use this address? Always, unless sources are fixed. */
bool vho_policy_addr_ok(const struct vho_policy *policy, const struct in6_addr *addr);
/* The same for the port's set as it is now. */
bool vho_policy_source_ok(struct vho_port *port, const struct in6_addr *addr);
/* Are there connections that the set refuses, or changes? */
bool vho_policy_has_rules(const struct vho_policy *policy);
/* RCU read side. What @policy (NULL: none) says about a connection; counts nothing. */
void vho_policy_judge(const struct vho_policy *policy, const struct vho_flow_key *key, bool passive,
		      struct vho_policy_verdict *v);
/* Any context. The same, as the port's set has it now, and counts. */
void vho_policy_decide(struct vho_port *port, const struct vho_flow_key *key, bool passive,
		       struct vho_policy_verdict *v);
/* RCU read side. */
void vho_policy_count(struct vho_policy *policy, const struct vho_policy_verdict *v);
/* The port's set, or that for new ports (@port NULL), with a reference; NULL: none. Process context. */
struct vho_policy *vho_policy_get(struct vho_port *port);
/* Takes the caller's reference to @policy; NULL: none. New connections follow it at once. */
void vho_policy_publish(struct vho_port *port, struct vho_policy *policy);
/* A new port gets a copy of the set for new ports. 0, -ENOMEM. */
int vho_policy_port_init(struct vho_port *port);
void vho_policy_port_exit(struct vho_port *port);
void vho_policy_exit(void);

/* --- policy_flow.c: connections --- */

/* Slow path: @flow is being set up. Return: enum virtuoso_policy_action. */
u8 vho_policy_admit(struct vho_flow *flow);
/* The same with a verdict that was asked for before there was a flow. */
u8 vho_policy_apply(struct vho_flow *flow, struct vho_policy_verdict *v);
/* Owner: the port's set has changed. Return: it is the end of the connection. */
bool vho_policy_ends(struct vho_flow *flow);
/* Owner: what vho_policy_walk() asked for is done. */
void vho_policy_done(struct vho_flow *flow);
/* Core: VHO_FC_POLICY. */
void vho_policy_core(struct vho_flow *flow, u64 now_ns);

/**
 * struct vho_policy_walk - where a walk over a port's connections stands
 * @last: visited last, with a reference; NULL: before the first
 */
struct vho_policy_walk {
	struct vho_flow *last;
};

/* Visits a few more; asks owners for what has to change. Return: there may be more. */
bool vho_policy_walk_step(struct vho_port *port, struct vho_policy_walk *walk);
/*
 * Process context, no worker's: the port's set has changed. Returns when every live connection
 * follows it, or the caller is killed.
 */
void vho_policy_walk(struct vho_port *port);

#endif /* _VHO_POLICY_H */
