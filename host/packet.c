// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the headers of a received packet.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/unaligned.h>
#include <net/inet_ecn.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "packet.h"

static enum vho_packet_kind vho_packet_parse_tcp(struct sk_buff *skb, struct vho_flow_key *key,
						 unsigned int tcp_off, unsigned int end)
{
	struct vho_packet *pkt = vho_packet(skb);
	const struct tcphdr *th;
	unsigned int hdr_len;

	if (end < tcp_off + sizeof(*th) || !pskb_may_pull(skb, tcp_off + sizeof(*th)))
		return VHO_PACKET_BAD;
	th = (const struct tcphdr *)(skb->data + tcp_off);
	hdr_len = th->doff * 4;
	if (hdr_len < sizeof(*th) || end < tcp_off + hdr_len ||
	    !pskb_may_pull(skb, tcp_off + hdr_len))
		return VHO_PACKET_BAD;
	th = (const struct tcphdr *)(skb->data + tcp_off);
	key->rport = th->source;
	key->lport = th->dest;
	pkt->flow = NULL;
	pkt->tcp_off = tcp_off;
	pkt->hdr_len = hdr_len;
	pkt->len = end - tcp_off - hdr_len;
	return VHO_PACKET_TCP;
}

/* "Destination unreachable" about a TCP segment that the guest's side sent. */
static enum vho_packet_kind vho_packet_parse_icmp(struct sk_buff *skb, struct vho_flow_key *key,
						  unsigned int icmp_off, unsigned int end)
{
	struct vho_packet *pkt = vho_packet(skb);
	unsigned int inner_off = icmp_off + sizeof(struct icmphdr), tcp_off;
	const struct icmphdr *icmph;
	const struct iphdr *inner;
	const __be32 *seq;
	const __be16 *ports;

	if (end < inner_off + sizeof(*inner) || !pskb_may_pull(skb, inner_off + sizeof(*inner)))
		return VHO_PACKET_OTHER;
	icmph = (const struct icmphdr *)(skb->data + icmp_off);
	inner = (const struct iphdr *)(skb->data + inner_off);
	tcp_off = inner_off + inner->ihl * 4;
	if (icmph->type != ICMP_DEST_UNREACH || inner->version != 4 || inner->ihl < 5 ||
	    inner->protocol != IPPROTO_TCP || (inner->frag_off & htons(IP_OFFSET)) ||
	    end < tcp_off + 8 || !pskb_may_pull(skb, tcp_off + 8))
		return VHO_PACKET_OTHER;
	if (skb->ip_summed != CHECKSUM_UNNECESSARY &&
	    csum_fold(skb_checksum(skb, icmp_off, end - icmp_off, 0)))
		return VHO_PACKET_OTHER;
	icmph = (const struct icmphdr *)(skb->data + icmp_off);
	inner = (const struct iphdr *)(skb->data + inner_off);
	ports = (const __be16 *)(skb->data + tcp_off);
	seq = (const __be32 *)(skb->data + tcp_off + 4);
	ipv6_addr_set_v4mapped(inner->saddr, &key->laddr);
	ipv6_addr_set_v4mapped(inner->daddr, &key->raddr);
	key->lport = ports[0];
	key->rport = ports[1];
	pkt->flow = NULL;
	pkt->icmp_seq = ntohl(get_unaligned(seq));
	pkt->icmp_mtu = ntohs(icmph->un.frag.mtu);
	pkt->icmp_code = icmph->code;
	pkt->icmp = true;
	return VHO_PACKET_ICMP;
}

static enum vho_packet_kind vho_packet_parse_v4(struct sk_buff *skb, struct vho_flow_key *key)
{
	const struct iphdr *iph;
	unsigned int ihl, end;

	if (!pskb_may_pull(skb, ETH_HLEN + sizeof(*iph)))
		return VHO_PACKET_OTHER;
	iph = (const struct iphdr *)(skb->data + ETH_HLEN);
	if (iph->version != 4 || (iph->protocol != IPPROTO_TCP && iph->protocol != IPPROTO_ICMP))
		return VHO_PACKET_OTHER;
	if (ip_is_fragment(iph))
		return iph->protocol == IPPROTO_TCP ? VHO_PACKET_FRAGMENT : VHO_PACKET_OTHER;
	ihl = iph->ihl * 4;
	end = ETH_HLEN + ntohs(iph->tot_len);
	/* A GSO packet above 64 KiB has no length of its own. */
	if (!iph->tot_len && skb_is_gso(skb))
		end = skb->len;
	if (ihl < sizeof(*iph) || end > skb->len || end < ETH_HLEN + ihl)
		return VHO_PACKET_BAD;
	if (!pskb_may_pull(skb, ETH_HLEN + ihl))
		return VHO_PACKET_BAD;
	iph = (const struct iphdr *)(skb->data + ETH_HLEN);
	if (skb->ip_summed != CHECKSUM_PARTIAL && ip_fast_csum(iph, iph->ihl))
		return VHO_PACKET_BAD;
	if (iph->protocol == IPPROTO_ICMP)
		return vho_packet_parse_icmp(skb, key, ETH_HLEN + ihl, end);
	ipv6_addr_set_v4mapped(iph->saddr, &key->raddr);
	ipv6_addr_set_v4mapped(iph->daddr, &key->laddr);
	return vho_packet_parse_tcp(skb, key, ETH_HLEN + ihl, end);
}

enum vho_packet_kind vho_packet_parse(struct sk_buff *skb, struct vho_flow_key *key)
{
	if (!pskb_may_pull(skb, ETH_HLEN))
		return VHO_PACKET_OTHER;
	/* A tag still beside the data belongs to a VLAN device of the guest: a frame. */
	if (skb_vlan_tag_present(skb))
		return VHO_PACKET_OTHER;
	switch (((const struct ethhdr *)skb->data)->h_proto) {
	case htons(ETH_P_IP):
		return vho_packet_parse_v4(skb, key);
	default:
		return VHO_PACKET_OTHER;
	}
}

/*
 * Wire segments that begin in the @bytes of payload which are next. Over all pieces of a packet they add
 * up to what GRO has merged; a piece that lies within one has none.
 */
static u32 vho_packet_segs(const struct sk_buff *skb, const struct vho_packet *pkt, u32 bytes)
{
	u32 segs = max_t(u16, skb_shinfo(skb)->gso_segs, 1);

	if (likely(bytes == pkt->len))
		return segs;
	return DIV_ROUND_UP_ULL((u64)segs * (pkt->off + bytes), pkt->len) -
	       DIV_ROUND_UP_ULL((u64)segs * pkt->off, pkt->len);
}

/* The first @bytes of a segment, as if it had been sent in two. */
static void vho_packet_cut(struct vho_packet *pkt, u32 bytes, struct vho_rx_seg *seg)
{
	seg->len = bytes;
	seg->flags &= ~(VHO_TCPF_FIN | VHO_TCPF_PSH);
	pkt->off += bytes;
}

bool vho_packet_segment(struct sk_buff *skb, u32 bytes, struct vho_rx_seg *seg,
			struct vho_rx_payload *payload)
{
	struct vho_packet *pkt = vho_packet(skb);
	const struct tcphdr *th = (const struct tcphdr *)(skb->data + pkt->tcp_off);
	const struct iphdr *iph = (const struct iphdr *)(skb->data + ETH_HLEN);

	seg->seq = ntohl(th->seq) + pkt->off;
	seg->ack = ntohl(th->ack_seq);
	seg->len = pkt->len - pkt->off;
	seg->wnd = ntohs(th->window);
	seg->flags = ((const u8 *)th)[13];
	seg->ecn = iph->tos & INET_ECN_MASK;
	seg->drop = 0;
	vho_tcp_opt_parse((const u8 *)(th + 1), pkt->hdr_len - sizeof(*th),
			  seg->flags & VHO_TCPF_SYN, &seg->opt);
	payload->skb = skb;
	payload->off = pkt->tcp_off + pkt->hdr_len + pkt->off;
	seg->priv = payload;
	if (seg->flags & (VHO_TCPF_SYN | VHO_TCPF_RST))
		bytes = U32_MAX;
	seg->segs = vho_packet_segs(skb, pkt, min(seg->len, bytes));
	if (seg->len <= bytes)
		return true;
	vho_packet_cut(pkt, bytes, seg);
	return false;
}

bool vho_packet_csum_ok(struct sk_buff *skb)
{
	const struct vho_packet *pkt = vho_packet(skb);
	const struct iphdr *iph = (const struct iphdr *)(skb->data + ETH_HLEN);
	unsigned int len = pkt->hdr_len + pkt->len;
	__wsum sum;

	/* PARTIAL never was on a wire; UNNECESSARY was verified by a device or by GRO. */
	if (skb->ip_summed == CHECKSUM_PARTIAL || skb->ip_summed == CHECKSUM_UNNECESSARY)
		return true;
	sum = skb_checksum(skb, pkt->tcp_off, len, 0);
	return !csum_tcpudp_magic(iph->saddr, iph->daddr, len, IPPROTO_TCP, sum);
}
