// SPDX-License-Identifier: GPL-2.0
/*
 * Surroundings of what learns paths and sends by them, played: uplinks, what the switch does.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/tcp.h>

#include "../host/path_filter.h"
#include "../host/path_nf.h"
#include "../host/path_probe.h"
#include "../host/segment.h"
#include "headers_make.h"
#include "path_fake.h"

struct vho_path_fake *vho_path_fake;

const char *const vho_path_fake_stacks[VHO_PATH_FAKE_STACKS] = {
	"E4T", "EV4T", "EVV4T", "E4UXE4T", "E4uXE4T", "E6UXE4T", "E6uXE4T", "EV4UXE4T", "E4UGE4T", "E4ugE4T",
	"E6DKE4T", "E4RE4T", "E4CE4T", "E4KE4T", "E4AE4T", "E4R4T", "E4UXEV4T",
};

bool vho_uplinks_any(void)
{
	return vho_path_fake && vho_path_fake->any;
}

void vho_uplink_get(struct vho_uplink *uplink)
{
	kref_get(&uplink->ref);
}

static void vho_path_fake_release(struct kref *ref)
{
}

void vho_uplink_put(struct vho_uplink *uplink)
{
	kref_put(&uplink->ref, vho_path_fake_release);
}

bool vho_path_filtered(const struct vho_port *port, const struct net_device *uplink,
		       const struct vho_headers *h)
{
	return vho_path_fake->filtered;
}

void vho_path_nf_skip(struct sk_buff *skb)
{
}

static netdev_tx_t vho_path_fake_xmit(struct sk_buff *skb, struct net_device *dev)
{
	/* What Linux itself has to say by a new netdev: router solicitations and the like. */
	if (is_multicast_ether_addr(skb->data))
		kfree_skb(skb);
	else
		__skb_queue_tail(&vho_path_fake->sent, skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops vho_path_fake_ops = {
	.ndo_start_xmit = vho_path_fake_xmit,
};

static void vho_path_fake_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &vho_path_fake_ops;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HIGHDMA | NETIF_F_HW_CSUM |
			NETIF_F_GSO_SOFTWARE | NETIF_F_GSO_ENCAP_ALL | NETIF_F_HW_VLAN_CTAG_TX;
	dev->hw_enc_features = dev->features;
	dev->vlan_features = dev->features;
	dev->hw_features = dev->features;
	eth_hw_addr_random(dev);
}

static void vho_path_fake_dev(struct kunit *test, struct vho_uplink *uplink, const char *name)
{
	struct net_device *dev = alloc_netdev(0, name, NET_NAME_USER, vho_path_fake_setup);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, 0, register_netdev(dev));
	rtnl_lock();
	KUNIT_ASSERT_EQ(test, 0, dev_open(dev, NULL));
	rtnl_unlock();
	netif_carrier_on(dev);
	uplink->dev = dev;
	kref_init(&uplink->ref);
}

int vho_path_fake_init(struct kunit *test)
{
	struct vho_path_fake *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct vho_fake *f;

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, 0, vho_fake_init(test));
	f = test->priv;
	KUNIT_ASSERT_EQ(test, 0, vho_paths_init());
	KUNIT_ASSERT_EQ(test, 0, vho_path_rx_init());
	__skb_queue_head_init(&t->sent);
	t->any = true;
	vho_path_fake = t;
	vho_path_fake_dev(test, &t->uplink, "vhoup0");
	vho_path_fake_dev(test, &t->other, "vhoup1");
	vho_fake_guest_start(f, 1);
	vho_segment_group_init(f->port->group[0]);
	KUNIT_ASSERT_EQ(test, 0, vho_port_netdev_create(f->port, &init_net, 1500, NULL));
	return 0;
}

void vho_path_fake_exit(struct kunit *test)
{
	struct vho_path_fake *t = vho_path_fake;
	struct vho_fake *f = test->priv;

	vho_fake_guest_stop(f);
	vho_fake_settle(f);
	vho_path_probes_flush(NULL);
	vho_path_rx_exit();
	vho_paths_exit();
	KUNIT_EXPECT_EQ(test, kref_read(&t->uplink.ref), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&t->other.ref), 1);
	KUNIT_EXPECT_FALSE(test, vho_path_any());
	__skb_queue_purge(&t->sent);
	unregister_netdev(t->uplink.dev);
	free_netdev(t->uplink.dev);
	unregister_netdev(t->other.dev);
	free_netdev(t->other.dev);
	vho_segment_group_exit(f->port->group[0]);
	vho_port_netdev_unregister(f->port);
	vho_port_netdev_free(f->port);
	f->port->netdev = NULL;
	vho_path_fake = NULL;
	vho_fake_exit(test);
}

/* ---- what the switch does ---- */

/* A TCP header as @seg says stands for the one that @m has. */
static void vho_path_fake_tcp(struct vho_headers_make *m, const struct vho_tx_seg *seg)
{
	struct tcphdr *th = (struct tcphdr *)(m->bytes + m->layer[m->nr - 1].off);

	th->seq = htonl(seg->seq);
	th->ack_seq = htonl(seg->ack);
	th->doff = (sizeof(*th) + seg->optlen) / 4;
	((u8 *)th)[13] = seg->flags;
	memcpy(th + 1, seg->opt, seg->optlen);
}

unsigned int vho_path_fake_leave(struct kunit *test, struct vho_uplink *uplink, const char *stack,
					const struct vho_tx_seg *seg, u16 vlan_tci)
{
	/* The maker's TCP header has 12 bytes of options. */
	struct vho_headers_make *m = vho_headers_make(test, stack, seg->optlen - 12);
	struct sk_buff *skb = alloc_skb(m->len, GFP_KERNEL);
	unsigned int verdict;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	vho_path_fake_tcp(m, seg);
	skb_put_data(skb, m->bytes, m->len);
	skb->protocol = ((struct ethhdr *)skb->data)->h_proto;
	if (vlan_tci)
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), vlan_tci);
	rcu_read_lock();
	local_bh_disable();
	verdict = vho_path_egress(uplink, skb, NULL);
	local_bh_enable();
	rcu_read_unlock();
	if (verdict != NF_STOLEN)
		kfree_skb(skb);
	return verdict;
}

struct vho_path_track *vho_path_fake_track(struct vho_flow *flow)
{
	return rcu_dereference_protected(flow->track, true);
}

struct vho_path *vho_path_fake_path(struct vho_flow *flow)
{
	return rcu_dereference_protected(flow->path, true);
}

struct vho_flow *vho_path_fake_flow(struct kunit *test, u32 id, const char *stack, u16 vlan_tci)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, id);
	const struct vho_tx_seg *syn = &f->sent[f->nr_sent - 1];
	struct virtio_virtuoso_complete rec;

	vho_path_expect_shake(flow, syn);
	if (stack)
		KUNIT_EXPECT_EQ(test, NF_ACCEPT,
				vho_path_fake_leave(test, &vho_path_fake->uplink, stack, syn, vlan_tci));
	KUNIT_EXPECT_NULL(test, vho_path_fake_path(flow));
	vho_fake_offer(f, 0, 1);
	vho_fake_rx(f, &flow->key, VHO_TCPF_SYN | VHO_TCPF_ACK, VHO_FAKE_IRS, flow->tcb.iss + 1, 0);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	return flow;
}

struct vho_tx_seg vho_path_fake_probe(struct vho_flow *flow)
{
	const struct vho_path_expect *probe = &vho_path_fake_track(flow)->probe;
	struct vho_tx_seg seg = {
		.seq = probe->seq, .ack = probe->ack, .flags = probe->flags, .optlen = 12,
	};

	/* The suite's peer has no timestamps: padding. */
	memset(seg.opt, 1, sizeof(seg.opt));
	return seg;
}

void vho_path_fake_wait(struct vho_fake *f, u64 ns)
{
	f->ahead_ns += ns;
	vho_fake_run_timers(f);
}
