// SPDX-License-Identifier: GPL-2.0
/*
 * The host's surroundings, played: packets of peers, and whole connections.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip.h>

#include "../host/fp.h"
#include "../host/listener.h"
#include "../host/packet.h"
#include "host_fake.h"

struct tcphdr *vho_fake_put_headers(struct sk_buff *skb, const u8 *dmac, const u8 *smac,
				    const struct vho_flow_key *key, unsigned int optlen, u32 len)
{
	unsigned int tcp_len = sizeof(struct tcphdr) + optlen;
	struct ethhdr *eth;
	struct tcphdr *th;
	struct iphdr *iph;

	eth = skb_put_zero(skb, ETH_HLEN);
	ether_addr_copy(eth->h_dest, dmac);
	ether_addr_copy(eth->h_source, smac);
	eth->h_proto = htons(ETH_P_IP);
	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = 4;
	iph->ihl = 5;
	iph->ttl = 64;
	iph->protocol = IPPROTO_TCP;
	iph->tot_len = htons(sizeof(*iph) + tcp_len + len);
	iph->saddr = key->raddr.s6_addr32[3];
	iph->daddr = key->laddr.s6_addr32[3];
	ip_send_check(iph);
	th = skb_put_zero(skb, tcp_len);
	th->source = key->rport;
	th->dest = key->lport;
	th->doff = tcp_len / 4;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return th;
}

struct sk_buff *vho_fake_skb(struct vho_fake *f, const struct vho_flow_key *key, u8 flags, u32 seq,
			     u32 ack, u32 len)
{
	static const u8 peer_mac[ETH_ALEN] __aligned(2) = { 0, 0, 0, 0, 0, 1 };
	struct sk_buff *skb = alloc_skb(128 + len, GFP_KERNEL);
	struct vho_flow_key found = { .port_index = key->port_index };
	struct vho_flow *flow;
	struct tcphdr *th;

	KUNIT_ASSERT_NOT_NULL(f->test, skb);
	th = vho_fake_put_headers(skb, f->port->mac, peer_mac, key, 0, len);
	th->seq = htonl(seq);
	th->ack_seq = htonl(ack);
	th->window = htons(65535);
	((u8 *)th)[13] = flags;
	memset(skb_put(skb, len), 'x', len);

	KUNIT_ASSERT_EQ(f->test, vho_packet_parse(skb, &found), VHO_PACKET_TCP);
	rcu_read_lock();
	flow = vho_flow_lookup_rcu(&found);
	if (flow && vho_flow_get_unless_zero(flow))
		vho_packet(skb)->flow = flow;
	rcu_read_unlock();
	return skb;
}

void vho_fake_rx(struct vho_fake *f, const struct vho_flow_key *key, u8 flags, u32 seq, u32 ack,
		 u32 len)
{
	struct sk_buff *skb = vho_fake_skb(f, key, flags, seq, ack, len);
	struct vho_flow *flow = vho_packet(skb)->flow;

	if (flow && READ_ONCE(flow->owner) != &vho_slow)
		vho_fp_rx(flow->group, skb, U32_MAX, vho_fake_now(f));
	else
		vho_sp_rx(f->port, skb, vho_fake_now(f));
}

bool vho_fake_sent(const struct vho_fake *f, u8 flags)
{
	unsigned int i;

	for (i = 0; i < min(f->nr_sent, VHO_FAKE_SENT_MAX); i++)
		if ((f->sent[i].flags & flags) == flags)
			return true;
	return false;
}

/* ---- whole connections ---- */

struct virtio_virtuoso_submit_connect vho_fake_connect_rec(struct vho_fake *f, u32 id)
{
	struct vho_flow_key key = vho_fake_connect_key(f, id);
	struct virtio_virtuoso_submit_connect rec = {
		.hdr = { .op = VIRTUOSO_SUBMIT_CONNECT, .flow = cpu_to_le32(id) },
		.lport = key.lport,
		.rport = key.rport,
		.dmac = { 2, 0, 0, 0, 0, 1 },
		.mss = cpu_to_le16(1460),
		.ttl = 64,
		.tx = vho_fake_ring(2 * (id % 64)),
		.rx = vho_fake_ring(2 * (id % 64) + 1),
	};

	memcpy(rec.laddr, &key.laddr, sizeof(rec.laddr));
	memcpy(rec.raddr, &key.raddr, sizeof(rec.raddr));
	ether_addr_copy(rec.smac, f->port->mac);
	return rec;
}

struct vho_flow_key vho_fake_connect_key(struct vho_fake *f, u32 id)
{
	return (struct vho_flow_key) {
		.laddr = vho_fake_addr(VHO_FAKE_GUEST),
		.raddr = vho_fake_addr(VHO_FAKE_PEER),
		.lport = htons(1000 + id),
		.rport = htons(80),
		.port_index = f->port->index,
	};
}

static struct vho_flow *vho_fake_connect_on(struct vho_fake *f, unsigned int chan, u32 id)
{
	struct virtio_virtuoso_submit_connect rec = vho_fake_connect_rec(f, id);
	struct vho_flow *flow;

	vho_fake_submit(f, chan, &rec, sizeof(rec));
	vho_fake_turn(f);
	vho_fake_run_slow(f);
	flow = xa_load(&f->port->group[chan % f->guest->nr_groups]->flow_ids, id);
	KUNIT_ASSERT_NOT_NULL(f->test, flow);
	KUNIT_ASSERT_EQ(f->test, flow->tcb.state, TCP_SYN_SENT);
	return flow;
}

struct vho_flow *vho_fake_connect(struct vho_fake *f, u32 id)
{
	return vho_fake_connect_on(f, 0, id);
}

struct vho_flow *vho_fake_establish_on(struct vho_fake *f, unsigned int chan, u32 id)
{
	struct vho_flow *flow = vho_fake_connect_on(f, chan, id);
	struct virtio_virtuoso_complete rec;

	vho_fake_offer(f, chan, 1);
	vho_fake_rx(f, &flow->key, VHO_TCPF_SYN | VHO_TCPF_ACK, VHO_FAKE_IRS, flow->tcb.iss + 1, 0);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(f->test, vho_fake_complete(f, chan, &rec));
	KUNIT_ASSERT_EQ(f->test, rec.op, VIRTUOSO_COMPLETE_CONNECTED);
	KUNIT_ASSERT_TRUE(f->test, flow->adopted);
	return flow;
}

struct vho_flow *vho_fake_establish(struct vho_fake *f, u32 id)
{
	return vho_fake_establish_on(f, 0, id);
}

void vho_fake_listen(struct vho_fake *f, u32 backlog)
{
	struct in6_addr addr = vho_fake_addr(VHO_FAKE_GUEST), any = { };

	KUNIT_ASSERT_EQ(f->test, VIRTUOSO_STATUS_OK, vho_addr_add(f->port, &addr));
	KUNIT_ASSERT_EQ(f->test, VIRTUOSO_STATUS_OK,
			vho_listener_add(f->port, &any, htons(80), backlog, 0));
}

struct vho_flow_key vho_fake_incoming_key(struct vho_fake *f, u16 rport)
{
	return (struct vho_flow_key) {
		.laddr = vho_fake_addr(VHO_FAKE_GUEST),
		.raddr = vho_fake_addr(VHO_FAKE_PEER),
		.lport = htons(80),
		.rport = htons(rport),
		.port_index = f->port->index,
	};
}

struct vho_flow *vho_fake_lookup(const struct vho_flow_key *key)
{
	struct vho_flow *flow;

	rcu_read_lock();
	flow = vho_flow_lookup_rcu(key);
	rcu_read_unlock();
	return flow;
}

struct vho_flow *vho_fake_incoming(struct vho_fake *f, u16 rport)
{
	struct vho_flow_key key = vho_fake_incoming_key(f, rport);
	struct vho_flow *flow;

	vho_fake_rx(f, &key, VHO_TCPF_SYN, VHO_FAKE_IRS, 0, 0);
	flow = vho_fake_lookup(&key);
	KUNIT_ASSERT_NOT_NULL(f->test, flow);
	vho_fake_rx(f, &key, VHO_TCPF_ACK, VHO_FAKE_IRS + 1, flow->tcb.iss + 1, 0);
	KUNIT_ASSERT_EQ(f->test, flow->tcb.state, TCP_ESTABLISHED);
	return flow;
}

void vho_fake_attach(struct vho_fake *f, unsigned int chan, u32 id, u32 token)
{
	struct virtio_virtuoso_submit_attach rec = {
		.hdr = { .op = VIRTUOSO_SUBMIT_ATTACH, .flow = cpu_to_le32(id) },
		.token = cpu_to_le32(token),
		.tx = vho_fake_ring(2 * (id % 64)),
		.rx = vho_fake_ring(2 * (id % 64) + 1),
	};

	vho_fake_submit(f, chan, &rec, sizeof(rec));
}

void vho_fake_refuse(struct vho_fake *f, u32 token)
{
	struct virtio_virtuoso_submit_attach rec = {
		.hdr = { .op = VIRTUOSO_SUBMIT_REFUSE },
		.token = cpu_to_le32(token),
	};

	vho_fake_submit(f, 0, &rec, sizeof(rec));
}

void vho_fake_update(struct vho_fake *f, unsigned int chan, u32 id, u32 tx_seq, u32 rx_seq, u16 flags)
{
	struct virtio_virtuoso_submit_update rec = {
		.hdr = { .op = VIRTUOSO_SUBMIT_UPDATE, .flags = cpu_to_le16(flags),
			 .flow = cpu_to_le32(id) },
		.tx_seq = cpu_to_le32(tx_seq),
		.rx_seq = cpu_to_le32(rx_seq),
	};

	vho_fake_submit(f, chan, &rec, sizeof(rec));
}

void vho_fake_update_flags(struct vho_fake *f, struct vho_flow *flow, u16 flags)
{
	vho_fake_update(f, flow->chan, flow->id, flow->tcb.tx_end, flow->tcb.rx_read, flags);
}

void vho_fake_expect_record(struct vho_fake *f, unsigned int chan, u8 op, u8 error, u32 id)
{
	struct virtio_virtuoso_complete rec;

	KUNIT_ASSERT_TRUE(f->test, vho_fake_complete(f, chan, &rec));
	KUNIT_EXPECT_EQ(f->test, rec.op, op);
	KUNIT_EXPECT_EQ(f->test, rec.error, error);
	KUNIT_EXPECT_EQ(f->test, le32_to_cpu(rec.flow), id);
}
