// SPDX-License-Identifier: GPL-2.0
/*
 * Makes packets for suites: stacks of headers from a word.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/unaligned.h>
#include <net/ip.h>

#include "headers_make.h"

#define VHO_MAKE_TCP_BYTES	32

static u8 *vho_make_push(struct vho_headers_make *m, enum vho_layer_kind kind, u32 bytes)
{
	u8 *p = m->bytes + m->len;

	m->layer[m->nr].kind = kind;
	m->layer[m->nr++].off = m->len;
	m->len += bytes;
	return p;
}

/* EtherType for what stands at @next in the word. */
static u16 vho_make_proto(const char *next)
{
	switch (next[0] && strchr("omf", next[0]) ? next[1] : next[0]) {
	case 'V':
		return ETH_P_8021Q;
	case '4':
		return ETH_P_IP;
	case '6':
		return ETH_P_IPV6;
	case 'E':
		return ETH_P_TEB;
	default:
		return 0x88b5;
	}
}

static u8 vho_make_next(const char *next)
{
	switch (next[0]) {
	case 'T':
		return IPPROTO_TCP;
	case 'U':
	case 'u':
		return IPPROTO_UDP;
	case 'D':
		return NEXTHDR_DEST;
	default:
		return IPPROTO_GRE;
	}
}

static void vho_make_eth(struct vho_headers_make *m, const char *next)
{
	struct ethhdr *eth;

	m->eth[m->nr_eth++] = m->len;
	eth = (struct ethhdr *)vho_make_push(m, VHO_LAYER_ETH, ETH_HLEN);
	memcpy(eth->h_dest, "\x02\0\0\0\0\x01", ETH_ALEN);
	memcpy(eth->h_source, "\x02\0\0\0\0\x02", ETH_ALEN);
	eth->h_proto = htons(vho_make_proto(next));
}

static void vho_make_ip4(struct vho_headers_make *m, const char *next, char odd)
{
	struct iphdr *iph = (struct iphdr *)vho_make_push(m, VHO_LAYER_IP4, odd == 'o' ? 24 : 20);

	iph->version = 4;
	iph->ihl = odd == 'o' ? 6 : 5;
	iph->tos = 0xb8;
	iph->id = htons(77);
	iph->frag_off = htons(odd == 'm' ? IP_MF : odd == 'f' ? 100 : IP_DF);
	iph->ttl = 64;
	iph->protocol = vho_make_next(next);
	iph->saddr = htonl(VHO_MAKE_SADDR + m->nr_ip);
	iph->daddr = htonl(VHO_MAKE_DADDR + m->nr_ip);
	m->varies += 2 + 16 + 16 + 16;
}

static void vho_make_ip6(struct vho_headers_make *m, const char *next, char odd)
{
	struct ipv6hdr *ip6h = (struct ipv6hdr *)vho_make_push(m, VHO_LAYER_IP6, sizeof(*ip6h));

	put_unaligned_be32(0x6b800000, (u32 *)ip6h);
	ip6h->nexthdr = odd == 'o' ? NEXTHDR_HOP : odd == 'f' ? NEXTHDR_FRAGMENT :
			vho_make_next(next);
	ip6h->hop_limit = 64;
	ip6h->saddr.s6_addr[0] = 0xfd;
	ip6h->saddr.s6_addr32[3] = htonl(VHO_MAKE_SADDR + m->nr_ip);
	ip6h->daddr.s6_addr[0] = 0xfd;
	ip6h->daddr.s6_addr32[3] = htonl(VHO_MAKE_DADDR + m->nr_ip);
	m->varies += 2 + 20 + 16;
}

static void vho_make_ip(struct vho_headers_make *m, const char *next, char odd)
{
	unsigned int n = m->nr_ip;

	m->ip[n] = m->len;
	if (next[-1] == '4')
		vho_make_ip4(m, next, odd);
	else
		vho_make_ip6(m, next, odd);
	m->nr_ip++;
	m->l4[n] = m->len;
}

/* A tunnel encapsulation limit. */
static void vho_make_limit(struct vho_headers_make *m, const char *next)
{
	u8 *p = vho_make_push(m, VHO_LAYER_LIMIT, 8);

	p[0] = vho_make_next(next);
	memcpy(p + 2, "\x04\x01\x04\x01\x01\x00", 6);
	m->l4[m->nr_ip - 1] = m->len;
}

static void vho_make_udp(struct vho_headers_make *m, bool csum)
{
	struct udphdr *uh = (struct udphdr *)vho_make_push(m, VHO_LAYER_UDP, sizeof(*uh));

	uh->source = htons(50000);
	uh->dest = htons(4790);
	uh->check = csum ? htons(0x1234) : 0;
	m->varies += 16 + 16 + 16;
}

static void vho_make_geneve(struct vho_headers_make *m, const char *next, u32 opts)
{
	u8 *p = vho_make_push(m, VHO_LAYER_GENEVE, 8 + opts);

	p[0] = opts / 4;
	put_unaligned_be16(vho_make_proto(next), p + 2);
	p[6] = 42;
	memset(p + 8, 0x80, opts);
}

static void vho_make_gre(struct vho_headers_make *m, const char *next, u16 flags)
{
	u8 *p = vho_make_push(m, VHO_LAYER_GRE, 4 + hweight16(flags) * 4);

	put_unaligned_be16(flags, p);
	put_unaligned_be16(vho_make_proto(next), p + 2);
	memset(p + 4, 0x42, hweight16(flags) * 4);
	if (flags & 0x8000)
		m->varies += 16;
}

static void vho_make_tcp(struct vho_headers_make *m)
{
	struct tcphdr *th = (struct tcphdr *)vho_make_push(m, VHO_LAYER_TCP, VHO_MAKE_TCP_BYTES);

	th->source = htons(VHO_MAKE_SPORT);
	th->dest = htons(VHO_MAKE_DPORT);
	th->seq = htonl(VHO_MAKE_SEQ);
	th->ack_seq = htonl(VHO_MAKE_ACK);
	th->doff = VHO_MAKE_TCP_BYTES / 4;
	th->ack = 1;
	th->window = htons(1000);
	memcpy(th + 1, "\x01\x01\x08\x0a\0\0\0\x07\0\0\0\x09", 12);
}

static void vho_make_vlan(struct vho_headers_make *m, const char *next)
{
	u8 *p = vho_make_push(m, VHO_LAYER_VLAN, VLAN_HLEN);

	put_unaligned_be16(7, p);
	put_unaligned_be16(vho_make_proto(next), p + 2);
}

static void vho_make_vxlan(struct vho_headers_make *m)
{
	u8 *p = vho_make_push(m, VHO_LAYER_VXLAN, 8);

	p[0] = 8;
	p[6] = 42;
}

/* Flags of the GRE header with this letter. */
static u16 vho_make_gre_flags(char kind)
{
	switch (kind) {
	case 'C':
		return 0x8000;
	case 'K':
		return 0x2000;
	case 'A':
		return 0xa000;
	case 'S':
		return 0x1000;
	default:
		return 0;
	}
}

static void vho_make_layer(struct vho_headers_make *m, char kind, const char *next, char odd)
{
	switch (kind) {
	case 'E':
		vho_make_eth(m, next);
		break;
	case 'D':
		vho_make_limit(m, next);
		break;
	case 'V':
		vho_make_vlan(m, next);
		break;
	case '4':
	case '6':
		vho_make_ip(m, next, odd);
		break;
	case 'U':
	case 'u':
		vho_make_udp(m, kind == 'u');
		break;
	case 'X':
		vho_make_vxlan(m);
		break;
	case 'G':
	case 'g':
		vho_make_geneve(m, next, kind == 'g' ? 8 : 0);
		break;
	case 'T':
		vho_make_tcp(m);
		break;
	default:
		vho_make_gre(m, next, vho_make_gre_flags(kind));
	}
}

/* Lengths and header checksums. */
static void vho_make_finish(struct vho_headers_make *m)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		u8 *p = m->bytes + m->layer[i].off;
		u32 len = m->len - m->layer[i].off;

		if (m->layer[i].kind == VHO_LAYER_IP4) {
			((struct iphdr *)p)->tot_len = htons(len);
			ip_send_check((struct iphdr *)p);
		} else if (m->layer[i].kind == VHO_LAYER_IP6) {
			((struct ipv6hdr *)p)->payload_len = htons(len - sizeof(struct ipv6hdr));
		} else if (m->layer[i].kind == VHO_LAYER_UDP) {
			((struct udphdr *)p)->len = htons(len);
		}
	}
}

struct vho_headers_make *vho_headers_make(struct kunit *test, const char *stack, u32 payload)
{
	struct vho_headers_make *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	char odd = 0;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (; *stack; stack++) {
		if (strchr("omf", *stack)) {
			odd = *stack;
			continue;
		}
		vho_make_layer(m, *stack, stack + 1, odd);
		odd = 0;
	}
	KUNIT_ASSERT_LE(test, m->len + payload, VHO_MAKE_BYTES_MAX);
	for (i = 0; i < payload; i++)
		m->bytes[m->len++] = i;
	vho_make_finish(m);
	return m;
}

void vho_headers_make_vary(struct vho_headers_make *m)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		u8 *p = m->bytes + m->layer[i].off;

		switch (m->layer[i].kind) {
		case VHO_LAYER_IP4:
			((struct iphdr *)p)->tos ^= 3;
			((struct iphdr *)p)->id = htons(78);
			ip_send_check((struct iphdr *)p);
			break;
		case VHO_LAYER_IP6:
			put_unaligned_be32(get_unaligned_be32(p) ^ 0x300000 ^ 0xfffff, p);
			break;
		case VHO_LAYER_UDP:
			((struct udphdr *)p)->source = htons(60000);
			if (((struct udphdr *)p)->check)
				((struct udphdr *)p)->check ^= htons(0x5555);
			break;
		case VHO_LAYER_GRE:
			if (p[0] & 0x80)
				p[4] ^= 0xff;
			break;
		}
	}
}
