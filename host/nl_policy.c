// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: what guests are allowed.
 *
 * A request has the whole set. It is checked and built before anything of it is in force; an
 * error names the rule, and nothing has changed then. A dump holds on to the set that it began with.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/virtuoso.h>
#include <net/ipv6.h>

#include "nl.h"
#include "nl_event.h"
#include "nl_gen.h"
#include "policy.h"
#include "port.h"

/* ---- whose ---- */

/*
 * The port that the request is about, with a reference; NULL: new ones. @any: it may be about
 * none in particular.
 */
static struct vho_port *vho_nl_policy_port(struct nlattr **attrs, bool any,
					   struct netlink_ext_ack *extack)
{
	if (attrs[VIRTUOSO_A_POLICY_PORT] && attrs[VIRTUOSO_A_POLICY_DEFAULT]) {
		NL_SET_ERR_MSG(extack, "either a port or the default for new ones");
		return ERR_PTR(-EINVAL);
	}
	if (attrs[VIRTUOSO_A_POLICY_PORT])
		return vho_nl_port_find(attrs[VIRTUOSO_A_POLICY_PORT], extack);
	if (attrs[VIRTUOSO_A_POLICY_DEFAULT] || any)
		return NULL;
	NL_SET_ERR_MSG(extack, "the name of the port is missing");
	return ERR_PTR(-EINVAL);
}

/* ---- set ---- */

static int vho_nl_policy_bad(struct netlink_ext_ack *extack, const struct nlattr *attr, u32 number,
			     const char *what)
{
	NL_SET_ERR_MSG_ATTR_FMT(extack, attr, "rule %u: %s", number, what);
	return -EINVAL;
}

static u16 vho_nl_policy_tcp_port(const struct nlattr *attr, u16 otherwise)
{
	return attr ? nla_get_u16(attr) : otherwise;
}

/* Return: NULL or what is wrong. */
static const char *vho_nl_policy_take_prefix(struct vho_policy_rule *rule, struct nlattr **tb)
{
	struct nlattr *remote = tb[VIRTUOSO_A_POLICY_RULE_REMOTE];
	struct nlattr *len = tb[VIRTUOSO_A_POLICY_RULE_PREFIX_LEN];
	struct in6_addr prefix;

	if (!remote)
		return len ? "a prefix length without an address" : NULL;
	if (len && nla_get_u32(len) > 128)
		return "the prefix is longer than an address";
	rule->remote = nla_get_in6_addr(remote);
	rule->prefix_len = len ? nla_get_u32(len) : 128;
	ipv6_addr_prefix(&prefix, &rule->remote, rule->prefix_len);
	return ipv6_addr_equal(&prefix, &rule->remote) ? NULL :
	       "the address has bits behind the prefix";
}

static const char *vho_nl_policy_take_ports(struct vho_policy_rule *rule, struct nlattr **tb)
{
	rule->rport_min = vho_nl_policy_tcp_port(tb[VIRTUOSO_A_POLICY_RULE_RPORT_MIN], 0);
	rule->rport_max = vho_nl_policy_tcp_port(tb[VIRTUOSO_A_POLICY_RULE_RPORT_MAX], U16_MAX);
	rule->lport_min = vho_nl_policy_tcp_port(tb[VIRTUOSO_A_POLICY_RULE_LPORT_MIN], 0);
	rule->lport_max = vho_nl_policy_tcp_port(tb[VIRTUOSO_A_POLICY_RULE_LPORT_MAX], U16_MAX);
	return rule->rport_min > rule->rport_max || rule->lport_min > rule->lport_max ?
	       "the first port is above the last one" : NULL;
}

static const char *vho_nl_policy_take_effects(struct vho_policy_rule *rule, struct nlattr **tb)
{
	struct nlattr *buffer = tb[VIRTUOSO_A_POLICY_RULE_BUFFER_BYTES];
	struct nlattr *dscp = tb[VIRTUOSO_A_POLICY_RULE_DSCP];

	if ((buffer || dscp) && rule->action != VIRTUOSO_POLICY_ACTION_ALLOW)
		return "dscp and buffer are for connections that are allowed";
	if (dscp && nla_get_u32(dscp) > VHO_POLICY_DSCP_MAX)
		return "dscp is 0 to 63";
	if (buffer && (nla_get_u32(buffer) < VHO_POLICY_BUFFER_MIN ||
		       nla_get_u32(buffer) > VHO_POLICY_BUFFER_MAX))
		return "buffer is 4096 to 1073741824 bytes";
	rule->dscp = dscp ? nla_get_u32(dscp) + 1 : 0;
	rule->buffer_bytes = buffer ? nla_get_u32(buffer) : 0;
	return NULL;
}

static int vho_nl_policy_take_rule(struct vho_policy_rule *rule, const struct nlattr *attr,
				   u32 number, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[VIRTUOSO_A_POLICY_RULE_MAX + 1];
	const char *bad;
	int err;

	err = nla_parse_nested(tb, VIRTUOSO_A_POLICY_RULE_REFUSED, attr,
			       virtuoso_policy_rule_nl_policy, extack);
	if (err)
		return err;
	if (!tb[VIRTUOSO_A_POLICY_RULE_ACTION])
		return vho_nl_policy_bad(extack, attr, number, "the action is missing");
	rule->action = nla_get_u32(tb[VIRTUOSO_A_POLICY_RULE_ACTION]);
	rule->dirs = tb[VIRTUOSO_A_POLICY_RULE_DIRECTION] ?
		     nla_get_u32(tb[VIRTUOSO_A_POLICY_RULE_DIRECTION]) :
		     VIRTUOSO_POLICY_DIRECTION_BOTH;
	bad = vho_nl_policy_take_prefix(rule, tb);
	bad = bad ?: vho_nl_policy_take_ports(rule, tb);
	bad = bad ?: vho_nl_policy_take_effects(rule, tb);
	return bad ? vho_nl_policy_bad(extack, attr, number, bad) : 0;
}

static int vho_nl_policy_take_source(struct in6_addr *addr, const struct nlattr *attr,
				     struct netlink_ext_ack *extack)
{
	*addr = nla_get_in6_addr(attr);
	if (!ipv6_addr_any(addr) && !ipv6_addr_is_multicast(addr) &&
	    !(ipv6_addr_v4mapped(addr) &&
	      (!addr->s6_addr32[3] || ipv4_is_multicast(addr->s6_addr32[3]) ||
	       ipv4_is_lbcast(addr->s6_addr32[3]))))
		return 0;
	NL_SET_ERR_MSG_ATTR_FMT(extack, attr, "%pI6c is no address of a guest", addr);
	return -EINVAL;
}

/* How many attributes of @type the request has. */
static u32 vho_nl_policy_nr(struct genl_info *info, int type)
{
	const struct nlattr *attr;
	u32 n = 0;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem)
		n += nla_type(attr) == type;
	return n;
}

static int vho_nl_policy_take(struct vho_policy *policy, struct genl_info *info)
{
	struct vho_policy_rule *rule = policy->rules;
	struct in6_addr *addr = policy->addrs;
	const struct nlattr *attr;
	int err = 0, rem;
	u32 number = 0;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) == VIRTUOSO_A_POLICY_RULE)
			err = vho_nl_policy_take_rule(rule++, attr, ++number, info->extack);
		else if (nla_type(attr) == VIRTUOSO_A_POLICY_SOURCE)
			err = vho_nl_policy_take_source(addr++, attr, info->extack);
		if (err)
			return err;
		if (!(number % 256))
			cond_resched();
	}
	return 0;
}

static int vho_nl_policy_check(struct genl_info *info, u32 sources, u32 nr_rules, u32 nr_addrs)
{
	if (nr_rules > VHO_POLICY_RULES_MAX) {
		NL_SET_ERR_MSG_FMT(info->extack, "more than %u rules", VHO_POLICY_RULES_MAX);
		return -E2BIG;
	}
	if (nr_addrs > VHO_POLICY_ADDRS_MAX) {
		NL_SET_ERR_MSG_FMT(info->extack, "more than %u source addresses",
				   VHO_POLICY_ADDRS_MAX);
		return -E2BIG;
	}
	if (sources == VIRTUOSO_POLICY_SOURCES_FIXED && !nr_addrs) {
		NL_SET_ERR_MSG(info->extack, "fixed sources without an address");
		return -EINVAL;
	}
	if (sources == VIRTUOSO_POLICY_SOURCES_LEARN && nr_addrs) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[VIRTUOSO_A_POLICY_SOURCE],
				    "addresses are for fixed sources");
		return -EINVAL;
	}
	return 0;
}

/* The set that @info describes; NULL: everything is allowed. */
static struct vho_policy *vho_nl_policy_make(struct genl_info *info)
{
	struct nlattr *action = info->attrs[VIRTUOSO_A_POLICY_DEFAULT_ACTION];
	struct nlattr *sources = info->attrs[VIRTUOSO_A_POLICY_SOURCES];
	u32 nr_addrs = vho_nl_policy_nr(info, VIRTUOSO_A_POLICY_SOURCE);
	u32 nr_rules = vho_nl_policy_nr(info, VIRTUOSO_A_POLICY_RULE);
	struct vho_policy *policy;
	int err;

	err = vho_nl_policy_check(info, sources ? nla_get_u32(sources) :
				  VIRTUOSO_POLICY_SOURCES_LEARN, nr_rules, nr_addrs);
	if (err)
		return ERR_PTR(err);
	policy = vho_policy_alloc(nr_rules, nr_addrs);
	if (!policy)
		return ERR_PTR(-ENOMEM);
	if (action)
		policy->default_action = nla_get_u32(action);
	if (sources)
		policy->sources = nla_get_u32(sources);
	err = vho_nl_policy_take(policy, info);
	if (!err)
		err = vho_policy_build(policy);
	if (!err && (vho_policy_has_rules(policy) ||
		     policy->sources != VIRTUOSO_POLICY_SOURCES_LEARN))
		return policy;
	vho_policy_put(policy);
	return ERR_PTR(err);
}

/* Context: NL. */
int virtuoso_nl_policy_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_port *port = vho_nl_policy_port(info->attrs, false, info->extack);
	struct vho_policy *policy;

	if (IS_ERR(port))
		return PTR_ERR(port);
	policy = vho_nl_policy_make(info);
	if (!IS_ERR(policy)) {
		vho_policy_publish(port, policy);
		if (port) {
			vho_policy_walk(port);
			vho_nl_event_port_changed(port);
		}
	}
	if (port)
		vho_port_put(port);
	return PTR_ERR_OR_ZERO(policy);
}

/* ---- get ---- */

static int vho_nl_policy_fill_whose(struct sk_buff *skb, const struct vho_port *port)
{
	return port ? nla_put_string(skb, VIRTUOSO_A_POLICY_PORT, port->name) :
		      nla_put_flag(skb, VIRTUOSO_A_POLICY_DEFAULT);
}

static int vho_nl_policy_fill_count(struct sk_buff *skb, const struct vho_policy_count *count,
				    int matched, int refused)
{
	return nla_put_uint(skb, matched, atomic64_read(&count->matched)) ||
	       nla_put_uint(skb, refused, atomic64_read(&count->refused)) ? -EMSGSIZE : 0;
}

/* The set without its rules. */
static int vho_nl_policy_fill(struct sk_buff *skb, const struct vho_port *port,
			      const struct vho_policy *policy)
{
	u32 i;

	if (vho_nl_policy_fill_whose(skb, port))
		return -EMSGSIZE;
	if (!policy)
		return nla_put_u32(skb, VIRTUOSO_A_POLICY_DEFAULT_ACTION,
				   VIRTUOSO_POLICY_ACTION_ALLOW) ||
		       nla_put_u32(skb, VIRTUOSO_A_POLICY_SOURCES, VIRTUOSO_POLICY_SOURCES_LEARN) ||
		       nla_put_u32(skb, VIRTUOSO_A_POLICY_RULES, 0) ? -EMSGSIZE : 0;
	if (nla_put_u32(skb, VIRTUOSO_A_POLICY_DEFAULT_ACTION, policy->default_action) ||
	    nla_put_u32(skb, VIRTUOSO_A_POLICY_SOURCES, policy->sources) ||
	    nla_put_u32(skb, VIRTUOSO_A_POLICY_RULES, policy->nr_rules) ||
	    vho_nl_policy_fill_count(skb, &policy->counts[policy->nr_rules],
				     VIRTUOSO_A_POLICY_MATCHED, VIRTUOSO_A_POLICY_REFUSED) ||
	    nla_put_uint(skb, VIRTUOSO_A_POLICY_SOURCE_REFUSED,
			 atomic64_read(&policy->source_refused)))
		return -EMSGSIZE;
	for (i = 0; i < policy->nr_addrs; i++)
		if (nla_put_in6_addr(skb, VIRTUOSO_A_POLICY_SOURCE, &policy->addrs[i]))
			return -EMSGSIZE;
	return 0;
}

static int vho_nl_policy_fill_ports(struct sk_buff *skb, u16 min, u16 max, int min_attr, int max_attr)
{
	if (!min && max == U16_MAX)
		return 0;
	return nla_put_u16(skb, min_attr, min) || nla_put_u16(skb, max_attr, max) ? -EMSGSIZE : 0;
}

static int vho_nl_policy_fill_rule(struct sk_buff *skb, const struct vho_policy_rule *rule, u32 number)
{
	if (nla_put_u32(skb, VIRTUOSO_A_POLICY_RULE_NUMBER, number) ||
	    nla_put_u32(skb, VIRTUOSO_A_POLICY_RULE_ACTION, rule->action) ||
	    nla_put_u32(skb, VIRTUOSO_A_POLICY_RULE_DIRECTION, rule->dirs))
		return -EMSGSIZE;
	if (rule->prefix_len &&
	    (nla_put_in6_addr(skb, VIRTUOSO_A_POLICY_RULE_REMOTE, &rule->remote) ||
	     nla_put_u32(skb, VIRTUOSO_A_POLICY_RULE_PREFIX_LEN, rule->prefix_len)))
		return -EMSGSIZE;
	if (vho_nl_policy_fill_ports(skb, rule->rport_min, rule->rport_max,
				     VIRTUOSO_A_POLICY_RULE_RPORT_MIN,
				     VIRTUOSO_A_POLICY_RULE_RPORT_MAX) ||
	    vho_nl_policy_fill_ports(skb, rule->lport_min, rule->lport_max,
				     VIRTUOSO_A_POLICY_RULE_LPORT_MIN,
				     VIRTUOSO_A_POLICY_RULE_LPORT_MAX))
		return -EMSGSIZE;
	if (rule->dscp && nla_put_u32(skb, VIRTUOSO_A_POLICY_RULE_DSCP, rule->dscp - 1))
		return -EMSGSIZE;
	if (rule->buffer_bytes &&
	    nla_put_u32(skb, VIRTUOSO_A_POLICY_RULE_BUFFER_BYTES, rule->buffer_bytes))
		return -EMSGSIZE;
	return 0;
}

/* One rule, in a message of its own. */
static int vho_nl_policy_fill_item(struct sk_buff *skb, const struct vho_port *port,
				   const struct vho_policy *policy, u32 number)
{
	struct nlattr *nest;

	if (vho_nl_policy_fill_whose(skb, port))
		return -EMSGSIZE;
	nest = nla_nest_start(skb, VIRTUOSO_A_POLICY_RULE);
	if (!nest || vho_nl_policy_fill_rule(skb, &policy->rules[number - 1], number) ||
	    vho_nl_policy_fill_count(skb, &policy->counts[number - 1],
				     VIRTUOSO_A_POLICY_RULE_MATCHED,
				     VIRTUOSO_A_POLICY_RULE_REFUSED))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Context: NL. */
int virtuoso_nl_policy_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vho_port *port = vho_nl_policy_port(info->attrs, false, info->extack);
	struct vho_policy *policy;
	struct sk_buff *reply;
	int err = -ENOMEM;
	void *hdr;

	if (IS_ERR(port))
		return PTR_ERR(port);
	reply = vho_nl_reply_new(info, &hdr);
	if (reply) {
		policy = vho_policy_get(port);
		err = vho_nl_policy_fill(reply, port, policy);
		vho_policy_put(policy);
		err = vho_nl_reply_send(reply, hdr, info, err);
	}
	if (port)
		vho_port_put(port);
	return err;
}

/* ---- dump ---- */

/**
 * struct vho_nl_policy_dump - where a dump stands
 * @policy: set that is being dumped, with a reference; NULL: none, or an empty one
 * @port: index of its port; 0: the set for new ports, which comes first
 * @item: what is next: 0 the set, else the rule of that number
 * @begun: the set at @port has been taken
 *
 * Lies in netlink_callback.ctx.
 */
struct vho_nl_policy_dump {
	struct vho_policy *policy;
	u32 port;
	u32 item;
	bool begun;
};

static struct vho_nl_policy_dump *vho_nl_policy_dump(struct netlink_callback *cb)
{
	NL_ASSERT_CTX_FITS(struct vho_nl_policy_dump);
	return (struct vho_nl_policy_dump *)cb->ctx;
}

static void vho_nl_policy_next(struct vho_nl_policy_dump *at, u32 port)
{
	vho_policy_put(at->policy);
	*at = (struct vho_nl_policy_dump) { .port = port };
}

static int vho_nl_policy_dump_item(struct sk_buff *skb, struct netlink_callback *cb,
				   struct vho_port *port)
{
	struct vho_nl_policy_dump *at = vho_nl_policy_dump(cb);
	void *hdr = genlmsg_iput(skb, genl_info_dump(cb));
	int err;

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	err = at->item ? vho_nl_policy_fill_item(skb, port, at->policy, at->item) :
			 vho_nl_policy_fill(skb, port, at->policy);
	if (err)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);
	return err;
}

static int vho_nl_policy_dump_set(struct sk_buff *skb, struct netlink_callback *cb,
				  struct vho_port *port)
{
	struct vho_nl_policy_dump *at = vho_nl_policy_dump(cb);
	int err = 0;

	if (!at->begun) {
		at->policy = vho_policy_get(port);
		at->begun = true;
	}
	while (!err && at->item <= (at->policy ? at->policy->nr_rules : 0)) {
		err = vho_nl_policy_dump_item(skb, cb, port);
		at->item += !err;
	}
	return err;
}

/* Context: NL. */
int virtuoso_nl_policy_get_start(struct netlink_callback *cb)
{
	struct vho_port *port = vho_nl_policy_port(genl_info_dump(cb)->attrs, true, cb->extack);

	if (IS_ERR(port))
		return PTR_ERR(port);
	if (port)
		vho_port_put(port);
	return 0;
}

/* Context: NL. */
int virtuoso_nl_policy_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr *only = genl_info_dump(cb)->attrs[VIRTUOSO_A_POLICY_PORT];
	bool only_default = genl_info_dump(cb)->attrs[VIRTUOSO_A_POLICY_DEFAULT];
	struct vho_nl_policy_dump *at = vho_nl_policy_dump(cb);
	struct vho_port *port;
	int err = 0;

	mutex_lock(&vho_ports_lock);
	cb->seq = vho_nl_ports_seq();
	if (!at->port) {
		if (!only)
			err = vho_nl_policy_dump_set(skb, cb, NULL);
		if (!err)
			vho_nl_policy_next(at, 1);
	}
	while (!err && !only_default && (port = vho_port_next(at->port))) {
		if (port->index != at->port)
			vho_nl_policy_next(at, port->index);
		if (!port->dying && (!only || !nla_strcmp(only, port->name)))
			err = vho_nl_policy_dump_set(skb, cb, port);
		if (!err)
			vho_nl_policy_next(at, port->index + 1);
	}
	mutex_unlock(&vho_ports_lock);
	return err;
}

/* Context: NL; the last one to use the dump's socket, whichever way it ended. */
int virtuoso_nl_policy_get_done(struct netlink_callback *cb)
{
	vho_nl_policy_next(vho_nl_policy_dump(cb), 0);
	return 0;
}
