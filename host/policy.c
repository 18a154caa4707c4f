// SPDX-License-Identifier: GPL-2.0
/*
 * What the operator lets a guest do: sets of rules, and the lookup in them.
 *
 * A set is made whole, published by RCU, and never changed. Lookup goes by the prefix lengths
 * that occur in the set: for each, a binary search for the peer's prefix, then the rules of that
 * prefix in order. Ten thousand rules of ten thousand prefixes take a microsecond; as many of one prefix, that
 * differ by ports alone, are read one after the other.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/bsearch.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <net/ipv6.h>

#include "flow.h"
#include "policy.h"
#include "port.h"

/* What of a rule a lookup reads. */
struct vho_policy_slot {
	u32 index;
	u16 rport_min;
	u16 rport_max;
	u16 lport_min;
	u16 lport_max;
	u8 dirs;
};

/* The rules of one prefix: slots [first, first + nr). */
struct vho_policy_group {
	struct in6_addr addr;
	u32 first;
	u32 nr;
};

/* The prefixes of one length: groups [first, first + nr). */
struct vho_policy_len {
	u32 first;
	u32 nr;
	u8 prefix_len;
};

static DEFINE_MUTEX(vho_policy_lock);			/* leaf: publishing a set */
static struct vho_policy __rcu *vho_policy_default;	/* for new ports, NULL: none */
static atomic_t vho_policy_serial = ATOMIC_INIT(0);

/* ---- making a set ---- */

static void vho_policy_free(struct vho_policy *policy)
{
	kvfree(policy->addrs);
	kvfree(policy->rules);
	kvfree(policy->counts);
	kvfree(policy->slots);
	kvfree(policy->groups);
	kvfree(policy->lens);
	kfree(policy);
}

static void vho_policy_free_rcu(struct rcu_head *rcu)
{
	vho_policy_free(container_of(rcu, struct vho_policy, rcu));
}

/* Context: any. @policy may be NULL. */
void vho_policy_put(struct vho_policy *policy)
{
	if (policy && refcount_dec_and_test(&policy->ref))
		call_rcu(&policy->rcu, vho_policy_free_rcu);
}

static u32 vho_policy_new_serial(void)
{
	u32 serial = atomic_inc_return(&vho_policy_serial);

	return serial ?: (u32)atomic_inc_return(&vho_policy_serial);
}

/**
 * vho_policy_alloc() - a set of rules, to be filled
 * @nr_rules: rules, at most VHO_POLICY_RULES_MAX
 * @nr_addrs: addresses, at most VHO_POLICY_ADDRS_MAX
 *
 * Context: process.
 * Return: the set with one reference, everything allowed; NULL: no memory.
 */
struct vho_policy *vho_policy_alloc(u32 nr_rules, u32 nr_addrs)
{
	struct vho_policy *policy = kzalloc(sizeof(*policy), GFP_KERNEL);

	if (!policy)
		return NULL;
	refcount_set(&policy->ref, 1);
	policy->serial = vho_policy_new_serial();
	policy->default_action = VIRTUOSO_POLICY_ACTION_ALLOW;
	policy->sources = VIRTUOSO_POLICY_SOURCES_LEARN;
	policy->nr_rules = nr_rules;
	policy->nr_addrs = nr_addrs;
	policy->addrs = kvcalloc(nr_addrs + 1, sizeof(*policy->addrs), GFP_KERNEL);
	policy->rules = kvcalloc(nr_rules + 1, sizeof(*policy->rules), GFP_KERNEL);
	policy->counts = kvcalloc(nr_rules + 1, sizeof(*policy->counts), GFP_KERNEL);
	if (policy->addrs && policy->rules && policy->counts)
		return policy;
	vho_policy_free(policy);
	return NULL;
}

static int vho_policy_addr_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct in6_addr));
}

/* By length, then prefix, then place in the set. */
static int vho_policy_order_cmp(const void *a, const void *b, const void *priv)
{
	const struct vho_policy_rule *rules = priv;
	const u32 *ia = a, *ib = b;
	const struct vho_policy_rule *ra = &rules[*ia], *rb = &rules[*ib];
	int diff = ra->prefix_len - rb->prefix_len;

	diff = diff ?: vho_policy_addr_cmp(&ra->remote, &rb->remote);
	return diff ?: (*ia < *ib ? -1 : *ia > *ib);
}

static void vho_policy_add_group(struct vho_policy *policy, const struct vho_policy_rule *rule,
				 u32 first)
{
	struct vho_policy_len *len = &policy->lens[policy->nr_lens];

	if (!policy->nr_lens || len[-1].prefix_len != rule->prefix_len) {
		len->first = policy->nr_groups;
		len->prefix_len = rule->prefix_len;
		policy->nr_lens++;
	} else {
		len--;
	}
	len->nr++;
	policy->groups[policy->nr_groups].addr = rule->remote;
	policy->groups[policy->nr_groups].first = first;
	policy->nr_groups++;
}

static void vho_policy_add_slots(struct vho_policy *policy, const u32 *order)
{
	const struct vho_policy_rule *rule, *last = NULL;
	u32 i;

	for (i = 0; i < policy->nr_rules; i++) {
		rule = &policy->rules[order[i]];
		policy->slots[i] = (struct vho_policy_slot) {
			.index = order[i],
			.rport_min = rule->rport_min,
			.rport_max = rule->rport_max,
			.lport_min = rule->lport_min,
			.lport_max = rule->lport_max,
			.dirs = rule->dirs,
		};
		if (!last || last->prefix_len != rule->prefix_len ||
		    !ipv6_addr_equal(&last->remote, &rule->remote))
			vho_policy_add_group(policy, rule, i);
		policy->groups[policy->nr_groups - 1].nr++;
		last = rule;
	}
}

/**
 * vho_policy_build() - rules and addresses are filled in
 * @policy: set, not published
 *
 * Context: process.
 * Return: 0, -ENOMEM.
 */
int vho_policy_build(struct vho_policy *policy)
{
	u32 nr = policy->nr_rules, *order, i;

	sort(policy->addrs, policy->nr_addrs, sizeof(*policy->addrs), vho_policy_addr_cmp, NULL);
	if (!nr)
		return 0;
	order = kvmalloc_array(nr, sizeof(*order), GFP_KERNEL);
	policy->slots = kvcalloc(nr, sizeof(*policy->slots), GFP_KERNEL);
	policy->groups = kvcalloc(nr, sizeof(*policy->groups), GFP_KERNEL);
	policy->lens = kvcalloc(129, sizeof(*policy->lens), GFP_KERNEL);
	if (!order || !policy->slots || !policy->groups || !policy->lens) {
		kvfree(order);
		return -ENOMEM;
	}
	for (i = 0; i < nr; i++)
		order[i] = i;
	sort_r(order, nr, sizeof(*order), vho_policy_order_cmp, NULL, policy->rules);
	vho_policy_add_slots(policy, order);
	kvfree(order);
	return 0;
}

/* A set like @from, with counters of its own. */
static struct vho_policy *vho_policy_copy(const struct vho_policy *from)
{
	struct vho_policy *policy = vho_policy_alloc(from->nr_rules, from->nr_addrs);

	if (!policy)
		return NULL;
	policy->default_action = from->default_action;
	policy->sources = from->sources;
	memcpy(policy->rules, from->rules, from->nr_rules * sizeof(*from->rules));
	memcpy(policy->addrs, from->addrs, from->nr_addrs * sizeof(*from->addrs));
	if (!vho_policy_build(policy))
		return policy;
	vho_policy_free(policy);
	return NULL;
}

/* ---- looking up ---- */

static int vho_policy_group_cmp(const void *key, const void *elt)
{
	const struct vho_policy_group *group = elt;

	return vho_policy_addr_cmp(key, &group->addr);
}

static u32 vho_policy_match_group(const struct vho_policy *policy,
				  const struct vho_policy_group *group, u8 dir, u16 rport,
				  u16 lport, u32 best)
{
	const struct vho_policy_slot *slot = &policy->slots[group->first], *end = slot + group->nr;

	for (; slot < end && slot->index < best; slot++)
		if ((slot->dirs & dir) && rport >= slot->rport_min && rport <= slot->rport_max &&
		    lport >= slot->lport_min && lport <= slot->lport_max)
			return slot->index;
	return best;
}

u32 vho_policy_match(const struct vho_policy *policy, u8 dir, const struct in6_addr *raddr,
		     u16 rport, u16 lport)
{
	const struct vho_policy_group *group;
	u32 best = policy->nr_rules, i;
	struct in6_addr prefix;

	for (i = 0; i < policy->nr_lens; i++) {
		const struct vho_policy_len *len = &policy->lens[i];

		ipv6_addr_prefix(&prefix, raddr, len->prefix_len);
		group = bsearch(&prefix, &policy->groups[len->first], len->nr,
				sizeof(*policy->groups), vho_policy_group_cmp);
		if (group)
			best = vho_policy_match_group(policy, group, dir, rport, lport, best);
	}
	return best < policy->nr_rules ? best + 1 : VHO_POLICY_BY_DEFAULT;
}

bool vho_policy_addr_ok(const struct vho_policy *policy, const struct in6_addr *addr)
{
	if (!policy || policy->sources != VIRTUOSO_POLICY_SOURCES_FIXED)
		return true;
	return bsearch(addr, policy->addrs, policy->nr_addrs, sizeof(*addr), vho_policy_addr_cmp);
}

bool vho_policy_source_ok(struct vho_port *port, const struct in6_addr *addr)
{
	bool ok;

	rcu_read_lock();
	ok = vho_policy_addr_ok(rcu_dereference(port->policy), addr);
	rcu_read_unlock();
	return ok;
}

bool vho_policy_has_rules(const struct vho_policy *policy)
{
	return policy->nr_rules || policy->default_action != VIRTUOSO_POLICY_ACTION_ALLOW;
}

void vho_policy_judge(const struct vho_policy *policy, const struct vho_flow_key *key, bool passive,
		      struct vho_policy_verdict *v)
{
	const struct vho_policy_rule *rule;

	*v = (struct vho_policy_verdict) { .action = VIRTUOSO_POLICY_ACTION_ALLOW };
	if (!policy)
		return;
	v->serial = policy->serial;
	if (!vho_policy_addr_ok(policy, &key->laddr)) {
		v->rule = VHO_POLICY_BY_SOURCE;
		/* An answer to the peer would have that address as its source. */
		v->action = passive ? VIRTUOSO_POLICY_ACTION_DROP : VIRTUOSO_POLICY_ACTION_DENY;
		return;
	}
	v->action = policy->default_action;
	v->rule = vho_policy_match(policy, passive ? VIRTUOSO_POLICY_DIRECTION_ACCEPT :
				   VIRTUOSO_POLICY_DIRECTION_CONNECT,
				   &key->raddr, ntohs(key->rport), ntohs(key->lport));
	if (v->rule == VHO_POLICY_BY_DEFAULT)
		return;
	rule = &policy->rules[v->rule - 1];
	v->action = rule->action;
	if (rule->action == VIRTUOSO_POLICY_ACTION_ALLOW) {
		v->dscp = rule->dscp;
		v->buffer_bytes = rule->buffer_bytes;
	}
}

void vho_policy_count(struct vho_policy *policy, const struct vho_policy_verdict *v)
{
	struct vho_policy_count *count;

	if (!policy)
		return;
	if (v->rule == VHO_POLICY_BY_SOURCE) {
		atomic64_inc(&policy->source_refused);
		return;
	}
	count = &policy->counts[v->rule ? v->rule - 1 : policy->nr_rules];
	atomic64_inc(&count->matched);
	if (v->action != VIRTUOSO_POLICY_ACTION_ALLOW)
		atomic64_inc(&count->refused);
}

void vho_policy_decide(struct vho_port *port, const struct vho_flow_key *key, bool passive,
		       struct vho_policy_verdict *v)
{
	struct vho_policy *policy;

	rcu_read_lock();
	policy = rcu_dereference(port->policy);
	vho_policy_judge(policy, key, passive, v);
	vho_policy_count(policy, v);
	rcu_read_unlock();
}

/* ---- whose set ---- */

static struct vho_policy __rcu **vho_policy_place(struct vho_port *port)
{
	return port ? &port->policy : &vho_policy_default;
}

/**
 * vho_policy_get() - the set that applies
 * @port: to this port; NULL: to new ports
 *
 * Context: process.
 * Return: the set with a reference, NULL: none, everything is allowed.
 */
struct vho_policy *vho_policy_get(struct vho_port *port)
{
	struct vho_policy *policy;

	mutex_lock(&vho_policy_lock);
	policy = rcu_dereference_protected(*vho_policy_place(port),
					   lockdep_is_held(&vho_policy_lock));
	if (policy)
		refcount_inc(&policy->ref);
	mutex_unlock(&vho_policy_lock);
	return policy;
}

/**
 * vho_policy_publish() - a set takes the place of another one, all of it at once
 * @port: whose; NULL: that of new ports
 * @policy: built set, whose reference is taken over; NULL: everything is allowed
 *
 * Connections that are set up from now on follow it. For live ones vho_policy_walk() is next.
 * Context: process.
 */
void vho_policy_publish(struct vho_port *port, struct vho_policy *policy)
{
	struct vho_policy *old;

	mutex_lock(&vho_policy_lock);
	old = rcu_replace_pointer(*vho_policy_place(port), policy,
				  lockdep_is_held(&vho_policy_lock));
	mutex_unlock(&vho_policy_lock);
	vho_policy_put(old);
}

int vho_policy_port_init(struct vho_port *port)
{
	struct vho_policy *from = vho_policy_get(NULL), *policy;

	if (!from)
		return 0;
	policy = vho_policy_copy(from);
	vho_policy_put(from);
	if (!policy)
		return -ENOMEM;
	rcu_assign_pointer(port->policy, policy);
	return 0;
}

void vho_policy_port_exit(struct vho_port *port)
{
	vho_policy_publish(port, NULL);
}

void vho_policy_exit(void)
{
	vho_policy_publish(NULL, NULL);
}
