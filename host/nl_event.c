// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: events to the family's multicast groups.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/jiffies.h>
#include <linux/virtuoso.h>
#include <linux/workqueue.h>

#include "core.h"
#include "nl.h"
#include "nl_event.h"
#include "nl_gen.h"
#include "port.h"

/* Between two rounds of the work. */
#define VHO_NL_EVENT_PERIOD	HZ

/* The family is registered, and its groups have numbers; readers under RCU. */
static bool vho_nl_event_on;
static unsigned long vho_nl_event_round;	/* jiffies of the last one */

static void vho_nl_event_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(vho_nl_event_work, vho_nl_event_work_fn);

/* A new message for @group, NULL: nobody listens, or no memory. RCU read side. */
static struct sk_buff *vho_nl_event_new(unsigned int group, u8 cmd, void **hdr)
{
	struct sk_buff *skb;

	if (!READ_ONCE(vho_nl_event_on) ||
	    !genl_has_listeners(&virtuoso_nl_family, &init_net, group))
		return NULL;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	if (!skb)
		return NULL;
	*hdr = genlmsg_put(skb, 0, 0, &virtuoso_nl_family, 0, cmd);
	if (*hdr)
		return skb;
	nlmsg_free(skb);
	return NULL;
}

/* Sends @skb, or frees it when @err says that it could not be filled. */
static void vho_nl_event_send(struct sk_buff *skb, void *hdr, unsigned int group, int err)
{
	if (err) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	/* A listener that is too slow is told so by its socket (ENOBUFS). */
	genlmsg_multicast(&virtuoso_nl_family, skb, 0, group, GFP_ATOMIC);
}

static void vho_nl_event_port(struct vho_port *port, u8 cmd)
{
	struct sk_buff *skb;
	void *hdr;

	rcu_read_lock();
	skb = vho_nl_event_new(VIRTUOSO_NLGRP_PORTS, cmd, &hdr);
	if (skb)
		vho_nl_event_send(skb, hdr, VIRTUOSO_NLGRP_PORTS, vho_nl_port_fill(skb, port));
	rcu_read_unlock();
}

/**
 * vho_nl_event_port_added() - tell that a port was made
 * @port: port, its netdev is registered
 *
 * Context: any.
 */
void vho_nl_event_port_added(struct vho_port *port)
{
	vho_nl_event_port(port, VIRTUOSO_CMD_PORT_ADDED);
}

/**
 * vho_nl_event_port_removed() - tell that a port was deleted
 * @port: port, not freed yet
 *
 * Context: any.
 */
void vho_nl_event_port_removed(struct vho_port *port)
{
	vho_nl_event_port(port, VIRTUOSO_CMD_PORT_REMOVED);
}

/**
 * vho_nl_event_port_changed() - tell that a port's state or settings changed
 * @port: port
 *
 * Context: any.
 */
void vho_nl_event_port_changed(struct vho_port *port)
{
	vho_nl_event_port(port, VIRTUOSO_CMD_PORT_CHANGED);
}

static void vho_nl_event_core(struct vho_core *core, u8 cmd)
{
	struct sk_buff *skb;
	void *hdr;

	rcu_read_lock();
	skb = vho_nl_event_new(VIRTUOSO_NLGRP_CORES, cmd, &hdr);
	if (skb)
		vho_nl_event_send(skb, hdr, VIRTUOSO_NLGRP_CORES, vho_nl_core_fill(skb, core));
	rcu_read_unlock();
}

/**
 * vho_nl_event_core_added() - tell that a core was started
 * @core: core
 *
 * Context: any.
 */
void vho_nl_event_core_added(struct vho_core *core)
{
	vho_nl_event_core(core, VIRTUOSO_CMD_CORE_ADDED);
}

/**
 * vho_nl_event_core_removed() - tell that a core was stopped
 * @core: core
 *
 * Context: any.
 */
void vho_nl_event_core_removed(struct vho_core *core)
{
	vho_nl_event_core(core, VIRTUOSO_CMD_CORE_REMOVED);
}

/**
 * vho_nl_event_cores_scaled() - tell that the number of cores in use followed the load
 * @cores: now
 * @before: until now
 *
 * Context: any.
 */
void vho_nl_event_cores_scaled(unsigned int cores, unsigned int before)
{
	struct sk_buff *skb;
	void *hdr;
	int err;

	rcu_read_lock();
	skb = vho_nl_event_new(VIRTUOSO_NLGRP_CORES, VIRTUOSO_CMD_CORES_SCALED, &hdr);
	if (skb) {
		err = nla_put_u32(skb, VIRTUOSO_A_EVENT_CORES, cores) ?:
		      nla_put_u32(skb, VIRTUOSO_A_EVENT_CORES_BEFORE, before);
		vho_nl_event_send(skb, hdr, VIRTUOSO_NLGRP_CORES, err);
	}
	rcu_read_unlock();
}

/* ---- what is told by the work ---- */

static void vho_nl_event_note(struct vho_port *port, unsigned int bit)
{
	unsigned long since;

	/* Already noted: the work has not looked yet. */
	if (test_bit(bit, &port->told.pending) || test_and_set_bit(bit, &port->told.pending))
		return;
	rcu_read_lock();
	if (READ_ONCE(vho_nl_event_on)) {
		since = jiffies - READ_ONCE(vho_nl_event_round);
		schedule_delayed_work(&vho_nl_event_work, since < VHO_NL_EVENT_PERIOD ?
				      VHO_NL_EVENT_PERIOD - since : 0);
	}
	rcu_read_unlock();
}

/**
 * vho_nl_event_misbehaved() - note that a guest broke a rule, and that its counter grew
 * @port: the guest's
 *
 * Context: any. No lock and no memory while a note is pending.
 */
void vho_nl_event_misbehaved(struct vho_port *port)
{
	vho_nl_event_note(port, VHO_NL_EVENT_MISBEHAVED);
}

/**
 * vho_nl_event_throttled() - note that a port waits for its limit
 * @port: port
 *
 * Context: any. No lock and no memory while a note is pending.
 */
void vho_nl_event_throttled(struct vho_port *port)
{
	vho_nl_event_note(port, VHO_NL_EVENT_THROTTLED);
}

static int vho_nl_event_fill(struct sk_buff *skb, struct vho_port *port, const char *reason,
			     u64 count, u64 total)
{
	if (nla_put_string(skb, VIRTUOSO_A_EVENT_PORT, port->name) ||
	    (reason && nla_put_string(skb, VIRTUOSO_A_EVENT_REASON, reason)) ||
	    nla_put_uint(skb, VIRTUOSO_A_EVENT_COUNT, count) ||
	    nla_put_uint(skb, VIRTUOSO_A_EVENT_TOTAL, total))
		return -EMSGSIZE;
	return 0;
}

static void vho_nl_event_guest(struct vho_port *port, u8 cmd, const char *reason, u64 count,
			       u64 total)
{
	struct sk_buff *skb;
	void *hdr;

	rcu_read_lock();
	skb = vho_nl_event_new(VIRTUOSO_NLGRP_GUESTS, cmd, &hdr);
	if (skb)
		vho_nl_event_send(skb, hdr, VIRTUOSO_NLGRP_GUESTS,
				  vho_nl_event_fill(skb, port, reason, count, total));
	rcu_read_unlock();
}

static void vho_nl_event_tell_misbehaved(struct vho_port *port)
{
	u64 sum[VHO_STAT_NR];
	enum vho_stat i;

	vho_port_stats_sum(port, sum);
	for (i = 0; i < VHO_STAT_NR; i++) {
		u64 *told = &port->told.count[i];

		if (vho_stat_kind(i) != VHO_STAT_KIND_GUEST || sum[i] == *told)
			continue;
		vho_nl_event_guest(port, VIRTUOSO_CMD_GUEST_MISBEHAVED, vho_stat_names[i],
				   sum[i] - *told, sum[i]);
		*told = sum[i];
	}
}

static void vho_nl_event_tell_throttled(struct vho_port *port)
{
	struct vho_budget_stats stats;
	u64 times;

	vho_budget_stats(port, &stats);
	times = stats.throttled;
	vho_nl_event_guest(port, VIRTUOSO_CMD_PORT_THROTTLED, NULL,
			   times - port->told.throttled_told, times);
	port->told.throttled_told = times;
}

/* Context: a workqueue. What is noted from now on is for the next round. */
static void vho_nl_event_work_fn(struct work_struct *work)
{
	struct vho_port *port;
	u32 index;

	WRITE_ONCE(vho_nl_event_round, jiffies);
	mutex_lock(&vho_ports_lock);
	for (port = vho_port_next(0); port; port = vho_port_next(index)) {
		index = port->index + 1;
		if (test_and_clear_bit(VHO_NL_EVENT_MISBEHAVED, &port->told.pending))
			vho_nl_event_tell_misbehaved(port);
		if (test_and_clear_bit(VHO_NL_EVENT_THROTTLED, &port->told.pending))
			vho_nl_event_tell_throttled(port);
	}
	mutex_unlock(&vho_ports_lock);
}

/**
 * vho_nl_event_init() - the family is registered: events go out from now on
 *
 * Context: INIT.
 */
void vho_nl_event_init(void)
{
	vho_nl_event_round = jiffies - VHO_NL_EVENT_PERIOD;
	WRITE_ONCE(vho_nl_event_on, true);
}

/**
 * vho_nl_event_exit() - the family is about to go: nothing is sent any more when it returns
 *
 * Context: INIT.
 */
void vho_nl_event_exit(void)
{
	WRITE_ONCE(vho_nl_event_on, false);
	synchronize_rcu();
	cancel_delayed_work_sync(&vho_nl_event_work);
}
