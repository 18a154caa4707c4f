// SPDX-License-Identifier: GPL-2.0
/*
 * What the operator lets pass of a guest's frames.
 *
 * Offloaded connections need no such look: their headers are made by the host. Frames are
 * written by the guest, and a guest that was not allowed a connection could open it natively. So
 *
 * - where the operator has fixed the guest's addresses, every frame must come from the port's MAC
 *   address and from one of these, in ARP and neighbour discovery as well;
 * - the rules for connections hold for SYNs in frames, of both directions.
 *
 * A port without a set of rules pays one load for it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/icmpv6.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/igmp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ndisc.h>

#include "flow.h"
#include "guard.h"
#include "policy.h"
#include "port.h"

/* Tags that are looked through. */
#define VHO_GUARD_TAGS_MAX	2

/**
 * struct vho_guard - a frame that is looked at
 * @port: whose
 * @policy: its set, not NULL
 * @skb: the frame
 * @off: offset of what is looked at next
 * @end: offset of the end of the IP packet
 * @rx: it goes to the guest
 */
struct vho_guard {
	struct vho_port *port;
	const struct vho_policy *policy;
	const struct sk_buff *skb;
	unsigned int off;
	unsigned int end;
	bool rx;
};

static bool vho_guard_fixed(const struct vho_guard *g)
{
	return !g->rx && g->policy->sources == VIRTUOSO_POLICY_SOURCES_FIXED;
}

static bool vho_guard_spoofed(const struct vho_guard *g)
{
	vho_port_stat_inc(g->port, VHO_STAT_drop_spoofed);
	return false;
}

static bool vho_guard_refused(const struct vho_guard *g)
{
	vho_port_stat_inc(g->port, VHO_STAT_drop_policy);
	return false;
}

/* Cut short or nonsense: nobody could tell what it is. */
static bool vho_guard_opaque(const struct vho_guard *g)
{
	return vho_guard_fixed(g) ? vho_guard_spoofed(g) : vho_guard_refused(g);
}

/* ---- addresses ---- */

static bool vho_guard_v4_ok(const struct vho_guard *g, __be32 addr)
{
	struct in6_addr mapped;

	ipv6_addr_set_v4mapped(addr, &mapped);
	return vho_policy_addr_ok(g->policy, &mapped);
}

/* The link-local address that RFC 4291 appendix A makes of the port's MAC address. */
static bool vho_guard_own_link_local(const struct vho_guard *g, const struct in6_addr *addr)
{
	const u8 *mac = g->port->mac;
	const struct in6_addr own = { .s6_addr = {
		0xfe, 0x80, 0, 0, 0, 0, 0, 0,
		mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5],
	} };

	return ipv6_addr_equal(addr, &own);
}

static bool vho_guard_v6_ok(const struct vho_guard *g, const struct in6_addr *addr)
{
	return (!ipv6_addr_v4mapped(addr) && vho_policy_addr_ok(g->policy, addr)) ||
	       vho_guard_own_link_local(g, addr);
}

/* The next @len bytes; NULL: so many are not there. Padding behind the packet does not count. */
static const void *vho_guard_header(const struct vho_guard *g, unsigned int len, void *buf)
{
	return g->off + len <= g->end ? skb_header_pointer(g->skb, g->off, len, buf) : NULL;
}

/* @len: as the IP header has it; of a packet that is yet to be cut it may be 0. */
static void vho_guard_set_end(struct vho_guard *g, unsigned int len)
{
	g->end = len || !skb_is_gso(g->skb) ? g->off + len : g->skb->len;
}

/* ---- TCP ---- */

/* The rules hold for the first segment of a connection; without it there is no second one. */
static bool vho_guard_tcp(const struct vho_guard *g, struct vho_flow_key *key)
{
	struct vho_policy_verdict v;
	const struct tcphdr *th;
	struct tcphdr buf;

	if (!vho_policy_has_rules(g->policy))
		return true;
	th = vho_guard_header(g, sizeof(buf), &buf);
	if (!th)
		return vho_guard_opaque(g);
	if (!th->syn || th->ack || th->rst)
		return true;
	key->lport = g->rx ? th->dest : th->source;
	key->rport = g->rx ? th->source : th->dest;
	vho_policy_decide(g->port, key, g->rx, &v);
	return v.action == VIRTUOSO_POLICY_ACTION_ALLOW || vho_guard_refused(g);
}

/* ---- IPv4 ---- */

/* A host without an address asks for one. */
static bool vho_guard_dhcp(const struct vho_guard *g, const struct iphdr *iph)
{
	const struct udphdr *uh;
	struct udphdr buf;

	if (iph->saddr || iph->daddr != htonl(INADDR_BROADCAST) || iph->protocol != IPPROTO_UDP ||
	    (iph->frag_off & htons(IP_OFFSET)))
		return false;
	uh = vho_guard_header(g, sizeof(buf), &buf);
	return uh && uh->source == htons(68) && uh->dest == htons(67);
}

static bool vho_guard_v4(struct vho_guard *g)
{
	struct vho_flow_key key = { };
	const struct iphdr *iph;
	struct iphdr buf;
	u16 frag_off;

	iph = skb_header_pointer(g->skb, g->off, sizeof(buf), &buf);
	if (!iph || iph->version != 4 || iph->ihl < 5)
		return vho_guard_opaque(g);
	vho_guard_set_end(g, ntohs(iph->tot_len));
	g->off += iph->ihl * 4;
	if (vho_guard_fixed(g) && !vho_guard_v4_ok(g, iph->saddr) && !vho_guard_dhcp(g, iph))
		return vho_guard_spoofed(g);
	if (iph->protocol != IPPROTO_TCP)
		return true;
	frag_off = ntohs(iph->frag_off) & IP_OFFSET;
	/* RFC 3128: the flags of a TCP header must not come in a later fragment. */
	if (frag_off == 1)
		return vho_guard_opaque(g);
	if (frag_off)
		return true;
	ipv6_addr_set_v4mapped(g->rx ? iph->daddr : iph->saddr, &key.laddr);
	ipv6_addr_set_v4mapped(g->rx ? iph->saddr : iph->daddr, &key.raddr);
	return vho_guard_tcp(g, &key);
}

static bool vho_guard_arp(const struct vho_guard *g)
{
	struct {
		struct arphdr hdr;
		u8 sha[ETH_ALEN];
		__be32 sip;
	} __packed buf;

	if (!vho_guard_fixed(g))
		return true;
	if (skb_copy_bits(g->skb, g->off, &buf, sizeof(buf)) ||
	    buf.hdr.ar_hrd != htons(ARPHRD_ETHER) || buf.hdr.ar_pro != htons(ETH_P_IP) ||
	    buf.hdr.ar_hln != ETH_ALEN || buf.hdr.ar_pln != sizeof(buf.sip) ||
	    !ether_addr_equal_unaligned(buf.sha, g->port->mac))
		return vho_guard_spoofed(g);
	/* RFC 5227: a probe has no sender address. */
	return !buf.sip || vho_guard_v4_ok(g, buf.sip) || vho_guard_spoofed(g);
}

/* ---- IPv6 ---- */

/* Sources other than the unspecified address were found to be the guest's. */
static bool vho_guard_icmp6(const struct vho_guard *g, bool anonymous)
{
	const struct icmp6hdr *icmp6;
	const struct nd_msg *nd;
	struct icmp6hdr icmp6_buf;
	struct nd_msg nd_buf;

	icmp6 = vho_guard_header(g, sizeof(icmp6_buf), &icmp6_buf);
	if (!icmp6)
		return vho_guard_spoofed(g);
	switch (icmp6->icmp6_type) {
	case NDISC_NEIGHBOUR_SOLICITATION:
		/* Without a source: is the address in question, the guest's, in use (RFC 4862)? */
		if (!anonymous)
			return true;
		fallthrough;
	case NDISC_NEIGHBOUR_ADVERTISEMENT:
		nd = vho_guard_header(g, sizeof(nd_buf), &nd_buf);
		return (nd && vho_guard_v6_ok(g, &nd->target)) || vho_guard_spoofed(g);
	case NDISC_ROUTER_SOLICITATION:
	case ICMPV6_MGM_REPORT:
	case ICMPV6_MGM_REDUCTION:
	case ICMPV6_MLD2_REPORT:
		return true;
	default:
		return !anonymous || vho_guard_spoofed(g);
	}
}

static bool vho_guard_v6(struct vho_guard *g)
{
	struct vho_flow_key key = { };
	const struct ipv6hdr *ip6h;
	struct ipv6hdr buf;
	__be16 frag_off;
	bool anonymous;
	u8 proto;
	int off;

	ip6h = skb_header_pointer(g->skb, g->off, sizeof(buf), &buf);
	if (!ip6h || ip6h->version != 6)
		return vho_guard_opaque(g);
	anonymous = ipv6_addr_any(&ip6h->saddr);
	if (vho_guard_fixed(g) && !anonymous && !vho_guard_v6_ok(g, &ip6h->saddr))
		return vho_guard_spoofed(g);
	key.laddr = g->rx ? ip6h->daddr : ip6h->saddr;
	key.raddr = g->rx ? ip6h->saddr : ip6h->daddr;
	proto = ip6h->nexthdr;
	vho_guard_set_end(g, ntohs(ip6h->payload_len) ? ntohs(ip6h->payload_len) + sizeof(*ip6h) : 0);
	off = ipv6_skip_exthdr(g->skb, g->off + sizeof(*ip6h), &proto, &frag_off);
	if (off < 0)
		return vho_guard_opaque(g);
	if (vho_guard_fixed(g) && anonymous &&
	    (proto != IPPROTO_ICMPV6 || (frag_off & htons(~0x7))))
		return vho_guard_spoofed(g);
	/* What the first fragment does not hold in full is not let through there. */
	if (frag_off & htons(~0x7))
		return true;
	g->off = off;
	if (proto == IPPROTO_TCP)
		return vho_guard_tcp(g, &key);
	return proto != IPPROTO_ICMPV6 || !vho_guard_fixed(g) || vho_guard_icmp6(g, anonymous);
}

/* ---- frames ---- */

/* The protocol behind tags. 0: none that could be read. */
static __be16 vho_guard_proto(struct vho_guard *g)
{
	const struct ethhdr *eth = (const struct ethhdr *)g->skb->data;
	const struct vlan_hdr *vlan;
	__be16 proto = eth->h_proto;
	struct vlan_hdr buf;
	unsigned int n;

	g->off = ETH_HLEN;
	for (n = 0; eth_type_vlan(proto); n++) {
		vlan = skb_header_pointer(g->skb, g->off, sizeof(buf), &buf);
		if (!vlan || n == VHO_GUARD_TAGS_MAX)
			return 0;
		proto = vlan->h_vlan_encapsulated_proto;
		g->off += sizeof(*vlan);
	}
	return proto;
}

static bool vho_guard_frame(struct vho_guard *g)
{
	const struct ethhdr *eth = (const struct ethhdr *)g->skb->data;

	if (vho_guard_fixed(g) && !ether_addr_equal(eth->h_source, g->port->mac))
		return vho_guard_spoofed(g);
	switch (vho_guard_proto(g)) {
	case htons(ETH_P_IP):
		return vho_guard_v4(g);
	case htons(ETH_P_IPV6):
		return vho_guard_v6(g);
	case htons(ETH_P_ARP):
		return vho_guard_arp(g);
	case 0:
		return vho_guard_opaque(g);
	default:
		/* Whatever it is, it has a source that cannot be checked. */
		return !vho_guard_fixed(g) || vho_guard_spoofed(g);
	}
}

static bool vho_guard(struct vho_port *port, const struct sk_buff *skb, bool rx)
{
	struct vho_guard g = { .port = port, .skb = skb, .rx = rx };
	bool pass = true;

	if (likely(!rcu_access_pointer(port->policy)))
		return true;
	rcu_read_lock();
	g.policy = rcu_dereference(port->policy);
	if (g.policy && (!rx || vho_policy_has_rules(g.policy)))
		pass = vho_guard_frame(&g);
	rcu_read_unlock();
	return pass;
}

bool vho_guard_tx(struct vho_port *port, const struct sk_buff *skb)
{
	return vho_guard(port, skb, false);
}

bool vho_guard_rx(struct vho_port *port, const struct sk_buff *skb)
{
	return vho_guard(port, skb, true);
}
