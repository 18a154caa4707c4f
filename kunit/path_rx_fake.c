// SPDX-License-Identifier: GPL-2.0
/*
 * Surroundings of what receives by a path, played: a flow with its track, an uplink, the switch.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/tcp.h>

#include "../host/packet.h"
#include "host_fake.h"
#include "path_rx_fake.h"

#define VHO_RX_TEST_PAYLOAD	100

struct vho_rx_test *vho_rx_test_of(struct kunit *test)
{
	return ((struct vho_fake *)test->priv)->extra;
}

void vho_rx_test_follow(struct kunit *test, struct vho_path_track *track,
			const struct vho_headers_make *m)
{
	struct vho_path *path = kunit_kzalloc(test, sizeof(*path), GFP_KERNEL);
	struct iphdr *iph;

	KUNIT_ASSERT_NOT_NULL(test, path);
	KUNIT_ASSERT_EQ(test, 0, vho_headers_parse(m->bytes, m->len, m->len, &path->h));
	memcpy(path->bytes, m->bytes, path->h.tcp);
	iph = (struct iphdr *)(path->bytes + path->h.inner_ip);
	swap(iph->saddr, iph->daddr);
	path->sport = htons(VHO_MAKE_DPORT);
	path->dport = htons(VHO_MAKE_SPORT);
	spin_lock_bh(&track->lock);
	vho_path_rx_follow(track, path);
	spin_unlock_bh(&track->lock);
}

void vho_rx_test_track(struct vho_path_track *track, struct vho_flow *flow)
{
	track->flow = flow;
	track->state = VHO_PATH_UP;
	spin_lock_init(&track->lock);
	rcu_assign_pointer(flow->track, track);
}

void vho_rx_test_untrack(struct vho_path_track *track)
{
	spin_lock_bh(&track->lock);
	vho_path_rx_end(track);
	spin_unlock_bh(&track->lock);
	RCU_INIT_POINTER(track->flow->track, NULL);
	synchronize_rcu();
}

int vho_rx_test_init(struct kunit *test)
{
	struct vho_rx_test *t;
	struct vho_fake *f;

	vho_fake_init(test);
	f = test->priv;
	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, 0, vho_path_rx_init());
	t->f = f;
	f->extra = t;
	vho_fake_guest_start(f, 1);
	KUNIT_ASSERT_EQ(test, 0, vho_port_netdev_create(f->port, &init_net, 1500, NULL));
	f->port->netdev->flags |= IFF_UP;
	t->dev = alloc_etherdev(0);
	KUNIT_ASSERT_NOT_NULL(test, t->dev);
	t->dev->ifindex = 4711;
	t->flow = vho_fake_establish(f, 1);
	vho_rx_test_track(&t->track, t->flow);
	return 0;
}

void vho_rx_test_exit(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_rx_test *t = f->extra;

	vho_rx_test_untrack(&t->track);
	vho_path_rx_exit();
	free_netdev(t->dev);
	f->port->netdev->flags &= ~IFF_UP;
	vho_port_netdev_unregister(f->port);
	vho_port_netdev_free(f->port);
	f->port->netdev = NULL;
	vho_fake_exit(test);
}

struct sk_buff *vho_rx_test_skb(struct kunit *test, const struct vho_headers_make *m)
{
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct sk_buff *skb = alloc_skb(NET_SKB_PAD + NET_IP_ALIGN + VHO_MAKE_BYTES_MAX, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb_put_data(skb, m->bytes, m->len);
	skb->dev = t->dev;
	skb->protocol = eth_type_trans(skb, t->dev);
	skb_reset_network_header(skb);
	return skb;
}

unsigned int vho_rx_test_hook(struct sk_buff *skb)
{
	unsigned int verdict;

	local_bh_disable();
	rcu_read_lock();
	verdict = vho_path_ingress(NULL, skb, NULL);
	rcu_read_unlock();
	local_bh_enable();
	return verdict;
}

bool vho_rx_test_taken(struct sk_buff *skb)
{
	if (vho_rx_test_hook(skb) == NF_STOLEN)
		return true;
	kfree_skb(skb);
	return false;
}

struct vho_flow *vho_rx_test_queued(struct vho_fake *f)
{
	struct sk_buff *skb = ptr_ring_consume(&f->group->rxq);
	struct vho_flow *flow;

	if (!skb)
		return NULL;
	flow = vho_packet(skb)->flow;
	vho_flow_put(flow);
	kfree_skb(skb);
	return flow;
}

bool vho_rx_test_takes(struct kunit *test, const struct vho_headers_make *m)
{
	bool taken = vho_rx_test_taken(vho_rx_test_skb(test, m));
	struct vho_flow *flow = vho_rx_test_queued(test->priv);

	KUNIT_EXPECT_EQ(test, taken, !!flow);
	return taken;
}

void vho_rx_test_arrive(struct kunit *test, struct vho_flow *flow, const struct vho_headers_make *m)
{
	struct sk_buff *skb = vho_rx_test_skb(test, m);

	vho_packet(skb)->tcp_off = m->l4[m->nr_ip - 1];
	vho_packet(skb)->hdr_len = 32;
	vho_packet(skb)->len = VHO_RX_TEST_PAYLOAD;
	skb_push(skb, ETH_HLEN);
	KUNIT_EXPECT_FALSE(test, vho_path_rx_arrived(flow, skb));
	kfree_skb(skb);
}

void vho_rx_test_learn(struct kunit *test, struct vho_path_track *track,
		       const struct vho_headers_make *m)
{
	vho_rx_test_follow(test, track, m);
	KUNIT_EXPECT_FALSE(test, vho_rx_test_takes(test, m));
	vho_rx_test_arrive(test, track->flow, m);
}

struct vho_headers_make *vho_rx_test_start(struct kunit *test, const char *stack)
{
	struct vho_rx_test *t = vho_rx_test_of(test);
	struct vho_headers_make *m = vho_headers_make(test, stack, VHO_RX_TEST_PAYLOAD);

	t->f->made_liberal = 0;
	vho_rx_test_learn(test, &t->track, m);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(t->f, VHO_STAT_path_rx_learned), 1);
	KUNIT_EXPECT_EQ(test, t->f->made_liberal, 1);
	return m;
}

struct vho_headers_make *vho_rx_test_later(struct kunit *test, const char *stack, u32 payload)
{
	struct vho_headers_make *m = vho_headers_make(test, stack, payload);
	struct tcphdr *th = (struct tcphdr *)(m->bytes + m->l4[m->nr_ip - 1]);

	th->seq = htonl(VHO_MAKE_SEQ + 1000);
	return m;
}

struct tcphdr *vho_rx_test_tcp(struct vho_headers_make *m)
{
	return (struct tcphdr *)(m->bytes + m->l4[m->nr_ip - 1]);
}

struct iphdr *vho_rx_test_ip(struct vho_headers_make *m, unsigned int n)
{
	return (struct iphdr *)(m->bytes + m->ip[n]);
}
