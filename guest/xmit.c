// SPDX-License-Identifier: GPL-2.0
/*
 * Segments between the native stack and our netdev: taken off, kept away, made up.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/unaligned.h>
#include <net/inet_hashtables.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "conn_priv.h"
#include "listen.h"

/**
 * struct vgu_segment - a TCP segment's headers
 * @src: source address
 * @dst: destination address
 * @sport: source port
 * @dport: destination port
 * @seq: sequence number
 * @mss: MSS option, 0: none
 * @tcp_flags: TCPHDR_*
 * @tos: type of service
 * @ttl: time to live
 */
struct vgu_segment {
	__be32 src;
	__be32 dst;
	__be16 sport;
	__be16 dport;
	u32 seq;
	u16 mss;
	u8 tcp_flags;
	u8 tos;
	u8 ttl;
};

/* The MSS option among @len bytes of options, 0: none. */
static u16 vgu_segment_mss(const u8 *opt, unsigned int len)
{
	while (len >= 2 && opt[0] != TCPOPT_EOL) {
		unsigned int skip = opt[0] == TCPOPT_NOP ? 1 : opt[1];

		if (opt[0] == TCPOPT_MSS && skip == TCPOLEN_MSS && len >= TCPOLEN_MSS)
			return get_unaligned_be16(opt + 2);
		if (!skip || skip > len)
			break;
		opt += skip;
		len -= skip;
	}
	return 0;
}

static bool vgu_segment_parse(const struct sk_buff *skb, struct vgu_segment *seg)
{
	int at = skb_network_offset(skb);
	const struct tcphdr *th;
	const struct iphdr *ih;
	struct iphdr iph;
	u8 buf[60];

	ih = skb_header_pointer(skb, at, sizeof(iph), &iph);
	if (!ih || ih->version != 4 || ih->protocol != IPPROTO_TCP || ip_is_fragment(ih))
		return false;
	at += ih->ihl * 4;
	th = skb_header_pointer(skb, at, sizeof(*th), buf);
	if (!th || th->doff < 5)
		return false;
	seg->src = ih->saddr;
	seg->dst = ih->daddr;
	seg->tos = ih->tos;
	seg->ttl = ih->ttl;
	seg->sport = th->source;
	seg->dport = th->dest;
	seg->seq = ntohl(th->seq);
	seg->tcp_flags = tcp_flag_byte(th);
	seg->mss = 0;
	if (th->syn) {
		unsigned int len = th->doff * 4;

		th = skb_header_pointer(skb, at, len, buf);
		if (!th)
			return false;
		seg->mss = vgu_segment_mss((const u8 *)(th + 1), len - sizeof(*th));
	}
	return true;
}

/* Does a socket with a connection of ours have this tuple? */
static bool vgu_tuple_is_ours(struct net_device *netdev, __be32 laddr, __be16 lport,
			      __be32 raddr, __be16 rport)
{
	struct net *net = dev_net(netdev);
	struct sock *sk;
	bool ours;

	sk = virtuoso_lookup_established(net, raddr, rport, laddr, ntohs(lport),
					 netdev->ifindex, 0);
	if (!sk)
		return false;
	ours = sk_fullsock(sk) && vgu_sk_conn(sk);
	sock_gen_put(sk);
	return ours;
}

/**
 * vgu_tuple_make_way() - a connection comes: an old one of its tuple is over
 * @dev: device
 * @tuple: connection
 *
 * The device has decided that it may come while the old one was in TIME-WAIT (RFC 6191).
 *
 * Context: NAPI or process, BH may be on.
 */
void vgu_tuple_make_way(struct vgu_dev *dev, const struct vgu_tuple *tuple)
{
	struct net_device *netdev = dev->netdev;
	struct sock *sk;

	local_bh_disable();
	rcu_read_lock();
	sk = virtuoso_lookup_established(dev_net(netdev), tuple->raddr, tuple->rport, tuple->laddr,
					 ntohs(tuple->lport), netdev->ifindex, 0);
	if (sk && sk->sk_state == TCP_TIME_WAIT)
		inet_twsk_deschedule_put(inet_twsk(sk));
	else if (sk)
		sock_gen_put(sk);
	rcu_read_unlock();
	local_bh_enable();
}

/* The socket's own packet: SYN is what we wait for, all else is the native engine's noise. */
static bool vgu_xmit_of_conn(struct vgu_dev *dev, struct vgu_conn *conn,
			     const struct sk_buff *skb, const struct vgu_segment *seg)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;
	struct vgu_conn_syn syn = {
		.tuple = {
			.laddr = seg->src,
			.raddr = seg->dst,
			.lport = seg->sport,
			.rport = seg->dport,
		},
		.seq = seg->seq,
		.mss = seg->mss ?: TCP_MSS_DEFAULT,
		.tos = seg->tos,
		.ttl = seg->ttl,
	};

	if (conn->dev != dev)
		return false;
	if ((seg->tcp_flags & (TCPHDR_SYN | TCPHDR_ACK)) != TCPHDR_SYN)
		return true;
	if (skb_network_offset(skb) < ETH_HLEN)
		return false;
	ether_addr_copy(syn.smac, eth->h_source);
	ether_addr_copy(syn.dmac, eth->h_dest);
	vgu_connect_syn(conn, &syn);
	return true;
}

/**
 * vgu_conn_xmit() - look at a packet that the stack sends through our netdev
 * @dev: device
 * @skb: packet, Ethernet header first
 *
 * Context: ndo_start_xmit. Return: true when it was taken (and freed).
 */
bool vgu_conn_xmit(struct vgu_dev *dev, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct vgu_segment seg;
	struct vgu_conn *conn;
	bool taken;

	if (skb->protocol != htons(ETH_P_IP) || !dev->conns || !vgu_segment_parse(skb, &seg))
		return false;
	rcu_read_lock();
	conn = sk && sk_fullsock(sk) ? vgu_sk_conn(sk) : NULL;
	if (conn) {
		taken = vgu_xmit_of_conn(dev, conn, skb, &seg);
	} else {
		struct vgu_tuple tuple = { seg.src, seg.dst, seg.sport, seg.dport };

		taken = vgu_incoming_xmit(sk, &tuple, seg.tcp_flags, seg.seq);
	}
	/* Some stray segment drew it; the connection is not the native engine's to reset. */
	if (!taken && (seg.tcp_flags & TCPHDR_RST))
		taken = vgu_tuple_is_ours(dev->netdev, seg.src, seg.sport, seg.dst, seg.dport);
	rcu_read_unlock();
	if (taken)
		dev_consume_skb_any(skb);
	return taken;
}

/**
 * vgu_conn_rx_allowed() - look at a frame that came from the device
 * @dev: device
 * @skb: frame, its network header is set
 *
 * TCP segments of a connection that the device carries come by its ring only. Fragments
 * pass, their connection is not known yet: see vgu_window_shut().
 *
 * Context: NAPI. Return: true when it may pass.
 */
bool vgu_conn_rx_allowed(struct vgu_dev *dev, struct sk_buff *skb)
{
	struct vgu_segment seg;
	bool ours;

	if (skb->protocol != htons(ETH_P_IP) || !dev->conns)
		return true;
	if (!vgu_segment_parse(skb, &seg))
		return true;
	rcu_read_lock();
	ours = vgu_tuple_is_ours(dev->netdev, seg.dst, seg.dport, seg.src, seg.sport);
	rcu_read_unlock();
	return !ours;
}

static void vgu_segment_build_ip(struct iphdr *ih, const struct vgu_tuple *tuple, u16 len)
{
	memset(ih, 0, sizeof(*ih));
	ih->version = 4;
	ih->ihl = sizeof(*ih) / 4;
	ih->tot_len = htons(len);
	ih->frag_off = htons(IP_DF);
	ih->ttl = 64;
	ih->protocol = IPPROTO_TCP;
	ih->saddr = tuple->raddr;
	ih->daddr = tuple->laddr;
	ip_send_check(ih);
}

/**
 * vgu_segment_rx() - make up a segment from the peer and have our netdev receive it
 * @dev: device
 * @tuple: connection
 * @peer_mac: where it comes from, NULL: unknown
 * @seq: its sequence number
 * @ack: its acknowledgment number, with TCPHDR_ACK
 * @tcp_flags: TCPHDR_*
 * @mss: MSS option, with TCPHDR_SYN
 *
 * Context: NAPI, or BH may be disabled; no socket locked. The stack may answer through
 * vgu_conn_xmit() before this returns.
 * Return: 0 or -ENOMEM.
 */
int vgu_segment_rx(struct vgu_dev *dev, const struct vgu_tuple *tuple, const u8 *peer_mac,
		   u32 seq, u32 ack, u8 tcp_flags, u16 mss)
{
	unsigned int optlen = tcp_flags & TCPHDR_SYN ? TCPOLEN_MSS : 0;
	unsigned int len = sizeof(struct iphdr) + sizeof(struct tcphdr) + optlen;
	struct sk_buff *skb;
	struct tcphdr *th;
	struct ethhdr *eth;

	skb = netdev_alloc_skb(dev->netdev, NET_IP_ALIGN + ETH_HLEN + len);
	if (!skb)
		return -ENOMEM;
	skb_reserve(skb, NET_IP_ALIGN);
	eth = skb_put(skb, ETH_HLEN);
	ether_addr_copy(eth->h_dest, dev->netdev->dev_addr);
	if (peer_mac)
		ether_addr_copy(eth->h_source, peer_mac);
	else
		eth_zero_addr(eth->h_source);
	eth->h_proto = htons(ETH_P_IP);
	vgu_segment_build_ip(skb_put(skb, sizeof(struct iphdr)), tuple, len);

	th = skb_put_zero(skb, sizeof(*th) + optlen);
	th->source = tuple->rport;
	th->dest = tuple->lport;
	th->seq = htonl(seq);
	th->ack_seq = htonl(tcp_flags & TCPHDR_ACK ? ack : 0);
	th->doff = (sizeof(*th) + optlen) / 4;
	th->syn = !!(tcp_flags & TCPHDR_SYN);
	th->ack = !!(tcp_flags & TCPHDR_ACK);
	th->window = htons(U16_MAX);
	if (optlen)
		put_unaligned_be32(TCPOPT_MSS << 24 | TCPOLEN_MSS << 16 | mss, th + 1);

	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->protocol = eth_type_trans(skb, dev->netdev);
	local_bh_disable();
	netif_receive_skb(skb);
	local_bh_enable();
	return 0;
}
