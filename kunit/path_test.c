// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of paths: learned from packets of a switch that the test plays, used to send by a real netdev.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "../host/path.h"
#include "../host/path_filter.h"
#include "../host/path_nf.h"
#include "../host/path_probe.h"
#include "../host/segment.h"
#include "../host/uplink.h"
#include "headers_make.h"
#include "host_fake.h"

#define VHO_PATH_TEST_SENT_MAX	32

/* ---- uplink and its surroundings ---- */

static struct vho_path_test {
	struct vho_uplink uplink;
	struct vho_uplink other;
	struct sk_buff_head sent;	/* what the uplink's device was given */
	bool any;
	bool filtered;
} *vho_path_test;

bool vho_uplinks_any(void)
{
	return vho_path_test && vho_path_test->any;
}

void vho_uplink_get(struct vho_uplink *uplink)
{
	kref_get(&uplink->ref);
}

static void vho_path_test_release(struct kref *ref)
{
}

void vho_uplink_put(struct vho_uplink *uplink)
{
	kref_put(&uplink->ref, vho_path_test_release);
}

bool vho_path_filtered(const struct vho_port *port, const struct net_device *uplink,
		       const struct vho_headers *h)
{
	return vho_path_test->filtered;
}

void vho_path_nf_skip(struct sk_buff *skb)
{
}

static netdev_tx_t vho_path_test_xmit(struct sk_buff *skb, struct net_device *dev)
{
	__skb_queue_tail(&vho_path_test->sent, skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops vho_path_test_ops = {
	.ndo_start_xmit = vho_path_test_xmit,
};

static void vho_path_test_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &vho_path_test_ops;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HIGHDMA | NETIF_F_HW_CSUM |
			NETIF_F_GSO_SOFTWARE | NETIF_F_GSO_ENCAP_ALL | NETIF_F_HW_VLAN_CTAG_TX;
	dev->hw_enc_features = dev->features;
	dev->vlan_features = dev->features;
	dev->hw_features = dev->features;
	eth_hw_addr_random(dev);
}

static void vho_path_test_dev(struct kunit *test, struct vho_uplink *uplink, const char *name)
{
	struct net_device *dev = alloc_netdev(0, name, NET_NAME_USER, vho_path_test_setup);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, 0, register_netdev(dev));
	rtnl_lock();
	KUNIT_ASSERT_EQ(test, 0, dev_open(dev, NULL));
	rtnl_unlock();
	netif_carrier_on(dev);
	uplink->dev = dev;
	kref_init(&uplink->ref);
}

static int vho_path_test_init(struct kunit *test)
{
	struct vho_path_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct vho_fake *f;

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, 0, vho_fake_init(test));
	f = test->priv;
	KUNIT_ASSERT_EQ(test, 0, vho_paths_init());
	KUNIT_ASSERT_EQ(test, 0, vho_path_rx_init());
	__skb_queue_head_init(&t->sent);
	t->any = true;
	vho_path_test = t;
	vho_path_test_dev(test, &t->uplink, "vhoup0");
	vho_path_test_dev(test, &t->other, "vhoup1");
	vho_fake_guest_start(f, 1);
	vho_segment_group_init(f->port->group[0]);
	KUNIT_ASSERT_EQ(test, 0, vho_port_netdev_create(f->port, &init_net, 1500, NULL));
	return 0;
}

static void vho_path_test_exit(struct kunit *test)
{
	struct vho_path_test *t = vho_path_test;
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
	vho_path_test = NULL;
	vho_fake_exit(test);
}

/* ---- what the switch does ---- */

/* A TCP header as @seg says stands for the one that @m has. */
static void vho_path_test_tcp(struct vho_headers_make *m, const struct vho_tx_seg *seg)
{
	struct tcphdr *th = (struct tcphdr *)(m->bytes + m->layer[m->nr - 1].off);

	th->seq = htonl(seg->seq);
	th->ack_seq = htonl(seg->ack);
	th->doff = (sizeof(*th) + seg->optlen) / 4;
	((u8 *)th)[13] = seg->flags;
	memcpy(th + 1, seg->opt, seg->optlen);
}

/* The segment leaves by @uplink with these headers. Return: the hook's verdict. */
static unsigned int vho_path_test_leave(struct kunit *test, struct vho_uplink *uplink, const char *stack,
					const struct vho_tx_seg *seg, u16 vlan_tci)
{
	/* The maker's TCP header has 12 bytes of options. */
	struct vho_headers_make *m = vho_headers_make(test, stack, seg->optlen - 12);
	struct sk_buff *skb = alloc_skb(m->len, GFP_KERNEL);
	unsigned int verdict;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	vho_path_test_tcp(m, seg);
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

static struct vho_path_track *vho_path_test_track(struct vho_flow *flow)
{
	return rcu_dereference_protected(flow->track, true);
}

static struct vho_path *vho_path_test_path(struct vho_flow *flow)
{
	return rcu_dereference_protected(flow->path, true);
}

/* A flow whose SYN left as @stack (NULL: by no uplink), established. */
static struct vho_flow *vho_path_test_flow(struct kunit *test, u32 id, const char *stack, u16 vlan_tci)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, id);
	const struct vho_tx_seg *syn = &f->sent[f->nr_sent - 1];
	struct virtio_virtuoso_complete rec;

	vho_path_expect_shake(flow, syn);
	if (stack)
		KUNIT_EXPECT_EQ(test, NF_ACCEPT,
				vho_path_test_leave(test, &vho_path_test->uplink, stack, syn, vlan_tci));
	KUNIT_EXPECT_NULL(test, vho_path_test_path(flow));
	vho_fake_offer(f, 0, 1);
	vho_fake_rx(f, &flow->key, VHO_TCPF_SYN | VHO_TCPF_ACK, VHO_FAKE_IRS, flow->tcb.iss + 1, 0);
	vho_fake_settle(f);
	KUNIT_ASSERT_TRUE(test, vho_fake_complete(f, 0, &rec));
	return flow;
}

/* The probe that was sent last, as the flow would have sent it. */
static struct vho_tx_seg vho_path_test_probe(struct vho_flow *flow)
{
	const struct vho_path_expect *probe = &vho_path_test_track(flow)->probe;
	struct vho_tx_seg seg = {
		.seq = probe->seq, .ack = probe->ack, .flags = probe->flags, .optlen = 12,
	};

	/* The suite's peer has no timestamps: padding. */
	memset(seg.opt, 1, sizeof(seg.opt));
	return seg;
}

static void vho_path_test_wait(struct vho_fake *f, u64 ns)
{
	f->ahead_ns += ns;
	vho_fake_run_timers(f);
}

/* ---- learning ---- */

static const char *const vho_path_test_stacks[] = {
	"E4T", "EV4T", "EVV4T", "E4UXE4T", "E4uXE4T", "E6UXE4T", "E6uXE4T", "EV4UXE4T", "E4UGE4T", "E4ugE4T",
	"E6DKE4T", "E4RE4T", "E4CE4T", "E4KE4T", "E4AE4T", "E4R4T", "E4UXEV4T",
};

static void vho_path_learn__all_stacks(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vho_path_test_stacks); i++) {
		const char *stack = vho_path_test_stacks[i];
		struct vho_flow *flow = vho_path_test_flow(test, i + 1, stack, 0);
		struct vho_path *path = vho_path_test_path(flow);

		KUNIT_ASSERT_NOT_NULL_MSG(test, path, "%s", stack);
		KUNIT_EXPECT_EQ_MSG(test, strlen(stack), path->h.nr, "%s", stack);
		KUNIT_EXPECT_PTR_EQ(test, path->dev, vho_path_test->uplink.dev);
		KUNIT_EXPECT_EQ_MSG(test, path->mss_limit + path->len + 20 - path->h.outer_ip, 1500, "%s", stack);
	}
}

static void vho_path_learn__not_before_established(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	const struct vho_tx_seg *syn = &f->sent[f->nr_sent - 1];

	vho_path_expect_shake(flow, syn);
	vho_path_test_leave(test, &vho_path_test->uplink, "E4T", syn, 0);
	KUNIT_EXPECT_NULL(test, vho_path_test_path(flow));
	KUNIT_EXPECT_NOT_NULL(test, vho_path_test_track(flow)->path);
}

static void vho_path_learn__nothing_without_uplinks(struct kunit *test)
{
	struct vho_flow *flow;

	vho_path_test->any = false;
	flow = vho_fake_establish(test->priv, 1);
	KUNIT_EXPECT_NULL(test, vho_path_test_track(flow));
}

static void vho_path_learn__forged(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	struct vho_tx_seg syn = f->sent[f->nr_sent - 1];

	vho_path_expect_shake(flow, &syn);
	/* The right sequence number, another timestamp. */
	syn.opt[syn.optlen - 5] ^= 1;
	syn.opt[6] ^= 1;
	syn.opt[8] ^= 1;
	syn.opt[10] ^= 1;
	vho_path_test_leave(test, &vho_path_test->uplink, "E4T", &syn, 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(vho_path_test_track(flow)->path));
}

static void vho_path_learn__gre_seq_refused(struct kunit *test)
{
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4SE4T", 0);

	KUNIT_EXPECT_NULL(test, vho_path_test_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_refused_gre_seq), 1);
}

static void vho_path_learn__filter_refused(struct kunit *test)
{
	struct vho_flow *flow;

	vho_path_test->filtered = true;
	flow = vho_path_test_flow(test, 1, "E4T", 0);
	KUNIT_EXPECT_NULL(test, vho_path_test_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_refused_filter), 1);
	vho_path_test->uplink.bypass = true;
	flow = vho_path_test_flow(test, 2, "E4T", 0);
	KUNIT_EXPECT_NOT_NULL(test, vho_path_test_path(flow));
}

static void vho_path_learn__flood_refused(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_fake_connect(f, 1);
	const struct vho_tx_seg *syn = &f->sent[f->nr_sent - 1];

	vho_path_expect_shake(flow, syn);
	vho_path_test_leave(test, &vho_path_test->uplink, "E4T", syn, 0);
	vho_path_test_leave(test, &vho_path_test->uplink, "E4T", syn, 0);
	KUNIT_EXPECT_NOT_NULL(test, rcu_access_pointer(vho_path_test_track(flow)->path));
	vho_path_test_leave(test, &vho_path_test->other, "E4T", syn, 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(vho_path_test_track(flow)->path));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_refused_flood), 1);
}

/* ---- probes ---- */

static void vho_path_probe__verifies(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4UXE4T", 0);
	struct vho_path *path = vho_path_test_path(flow);
	struct vho_tx_seg probe = vho_path_test_probe(flow);

	KUNIT_ASSERT_NOT_NULL(test, path);
	vho_path_probe_now(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 1);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&f->netdev_rx), 1);
	KUNIT_EXPECT_EQ(test, NF_STOLEN,
			vho_path_test_leave(test, &vho_path_test->uplink, "E4UXE4T", &probe, 0));
	vho_path_test_wait(f, 60 * NSEC_PER_MSEC);
	KUNIT_EXPECT_PTR_EQ(test, path, vho_path_test_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_lost_probe), 0);
}

static void vho_path_probe__lost_and_found(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4UXE4T", 0);
	struct vho_tx_seg probe = vho_path_test_probe(flow);

	vho_path_probe_now(flow);
	vho_path_test_wait(f, 40 * NSEC_PER_MSEC);
	KUNIT_EXPECT_NOT_NULL(test, vho_path_test_path(flow));
	vho_path_test_wait(f, 20 * NSEC_PER_MSEC);
	KUNIT_EXPECT_NULL(test, vho_path_test_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_lost_probe), 1);
	/* Another one was sent at once. */
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 2);
	KUNIT_EXPECT_EQ(test, NF_STOLEN,
			vho_path_test_leave(test, &vho_path_test->other, "EV4T", &probe, 0));
	KUNIT_ASSERT_NOT_NULL(test, vho_path_test_path(flow));
	KUNIT_EXPECT_PTR_EQ(test, vho_path_test_path(flow)->dev, vho_path_test->other.dev);
	KUNIT_EXPECT_EQ(test, vho_path_test_track(flow)->state, VHO_PATH_UP);
}

static void vho_path_probe__changed(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4UXE4T", 0);
	struct vho_tx_seg probe = vho_path_test_probe(flow);

	vho_path_probe_now(flow);
	KUNIT_EXPECT_EQ(test, NF_STOLEN, vho_path_test_leave(test, &vho_path_test->uplink, "EV4T", &probe, 0));
	KUNIT_EXPECT_EQ(test, vho_path_test_path(flow)->h.nr, 4);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_changed), 1);
}

/* Visited once a second: at once when it was used, otherwise only now and then. */
static void vho_path_probe__rhythm(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4T", 0);
	struct vho_tx_seg probe = vho_path_test_probe(flow);
	unsigned int ms;

	for (ms = 0; ms < 4000; ms += 10)
		vho_path_test_wait(f, 10 * NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 0);
	vho_path_test_path(flow)->hits++;
	for (ms = 0; ms < 1000 && !vho_fake_stat(f, VHO_STAT_path_probe_tx); ms += 10)
		vho_path_test_wait(f, 10 * NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 1);
	vho_path_test_leave(test, &vho_path_test->uplink, "E4T", &probe, 0);
	for (ms = 0; ms < 9000; ms += 10)
		vho_path_test_wait(f, 10 * NSEC_PER_MSEC);
	KUNIT_EXPECT_GE(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 2);
}

static void vho_path_probe__event(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int i;

	for (i = 1; i <= 10; i++)
		vho_path_test_flow(test, i, "E4T", 0);
	vho_path_probe_all();
	vho_path_probe_all();
	vho_fake_run_slow(f);
	for (i = 0; i < 20; i++)
		vho_path_test_wait(f, NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 10);
}

static void vho_path_lose_uplink__all(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4T", 0);

	vho_path_lose_uplink(&vho_path_test->other);
	KUNIT_EXPECT_NOT_NULL(test, vho_path_test_path(flow));
	vho_path_lose_uplink(&vho_path_test->uplink);
	KUNIT_EXPECT_NULL(test, vho_path_test_path(flow));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_lost_uplink), 1);
}

/* The switch is told of the end, and the peer hears nothing of it. */
static void vho_path_close__eaten(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4T", 0);
	struct vho_tx_seg rst;

	f->conntrack = true;
	vho_path_close(flow);
	rst = vho_path_test_probe(flow);
	KUNIT_EXPECT_EQ(test, rst.flags, VHO_TCPF_RST | VHO_TCPF_ACK);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 1);
	vho_path_track_end(flow);
	KUNIT_EXPECT_EQ(test, NF_STOLEN, vho_path_test_leave(test, &vho_path_test->uplink, "E4T", &rst, 0));
	vho_path_test_wait(f, 110 * NSEC_PER_MSEC);
	KUNIT_EXPECT_EQ(test, NF_ACCEPT, vho_path_test_leave(test, &vho_path_test->uplink, "E4T", &rst, 0));
}

/* Nobody in the switch keeps a record of the connection: nobody is told. */
static void vho_path_close__untold(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4T", 0);

	vho_path_close(flow);
	f->conntrack = true;
	f->conntrack_missed = true;
	flow = vho_path_test_flow(test, 2, "E4T", 0);
	vho_path_close(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 0);
}

/* It is told if it may have seen a packet later, or if packets have gone the long way since. */
static void vho_path_close__told(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_tx_seg probe;
	struct vho_flow *flow;

	f->conntrack = true;
	f->conntrack_missed = true;
	flow = vho_path_test_flow(test, 1, "E4T", 0);
	f->conntrack_missed = false;
	probe = vho_path_test_probe(flow);
	vho_path_probe_now(flow);
	KUNIT_EXPECT_EQ(test, NF_STOLEN, vho_path_test_leave(test, &vho_path_test->uplink, "E4T", &probe, 0));
	vho_path_close(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 2);

	f->conntrack_missed = true;
	flow = vho_path_test_flow(test, 2, "E4T", 0);
	vho_path_lose(rcu_dereference_protected(flow->track, true), VHO_PATH_NO_PROBE);
	vho_path_close(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 3);
}

/* Who goes past filters goes past what they keep, too. */
static void vho_path_close__bypass(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_flow *flow;

	f->conntrack = true;
	f->conntrack_missed = true;
	vho_path_test->uplink.bypass = true;
	flow = vho_path_test_flow(test, 1, "E4T", 0);
	vho_path_close(flow);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_path_probe_tx), 1);
}

/* ---- sending ---- */

static struct vho_tx_seg vho_path_test_data(struct vho_flow *flow, u32 len)
{
	return (struct vho_tx_seg) {
		.seq = flow->tcb.iss + 1, .ack = VHO_FAKE_IRS + 1, .len = len, .mss = 1000, .wnd = 100,
		.flags = VHO_TCPF_ACK, .ecn = VHO_ECN_ECT_0,
	};
}

static int vho_path_test_send(struct vho_flow *flow, const struct vho_tx_seg *seg)
{
	int err;

	rcu_read_lock();
	err = vho_path_xmit(flow, vho_path_test_path(flow), seg);
	rcu_read_unlock();
	return err;
}

static __wsum vho_path_test_sum(const u8 *data, u32 off, u32 len)
{
	return csum_partial(data + off, len, 0);
}

/* Is the checksum of the TCP segment at @tcp right, below the IPv4 header at @ip? */
static bool vho_path_test_tcp_ok(const u8 *data, const struct vho_headers *h)
{
	const struct iphdr *iph = (const struct iphdr *)(data + h->inner_ip);
	u32 len = h->len - h->tcp;

	return !csum_tcpudp_magic(iph->saddr, iph->daddr, len, IPPROTO_TCP,
				  vho_path_test_sum(data, h->tcp, len));
}

static bool vho_path_test_udp_ok(const u8 *data, const struct vho_headers *h)
{
	const struct iphdr *iph = (const struct iphdr *)(data + h->outer_ip);
	const struct ipv6hdr *ip6h = (const struct ipv6hdr *)(data + h->outer_ip);
	u32 len = h->len - h->outer_l4;

	if (iph->version == 4)
		return !csum_tcpudp_magic(iph->saddr, iph->daddr, len, IPPROTO_UDP,
					  vho_path_test_sum(data, h->outer_l4, len));
	return !csum_ipv6_magic(&ip6h->saddr, &ip6h->daddr, len, IPPROTO_UDP,
				vho_path_test_sum(data, h->outer_l4, len));
}

/* What the device was given, as it would be on the wire. */
static void vho_path_test_check(struct kunit *test, const char *stack, struct sk_buff *skb, u32 payload)
{
	struct vho_headers h;
	u32 len = skb->len;
	u8 *data = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, data);
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		KUNIT_ASSERT_EQ(test, 0, skb_checksum_help(skb));
	KUNIT_ASSERT_EQ(test, 0, skb_copy_bits(skb, 0, data, len));
	KUNIT_ASSERT_EQ_MSG(test, 0, vho_headers_parse(data, len, len, &h), "%s", stack);
	KUNIT_EXPECT_EQ_MSG(test, strlen(stack), h.nr, "%s", stack);
	KUNIT_EXPECT_EQ_MSG(test, h.len, h.tcp + h.tcp_len + payload, "%s", stack);
	KUNIT_EXPECT_EQ_MSG(test, h.len, len, "%s", stack);
	KUNIT_EXPECT_TRUE_MSG(test, vho_headers_csum_ok(data, &h, true), "%s", stack);
	KUNIT_EXPECT_TRUE_MSG(test, vho_path_test_tcp_ok(data, &h), "%s: TCP checksum", stack);
	KUNIT_EXPECT_EQ_MSG(test, vho_headers_ecn(data + h.inner_ip), VHO_ECN_ECT_0, "%s", stack);
	KUNIT_EXPECT_EQ_MSG(test, vho_headers_ecn(data + h.outer_ip), VHO_ECN_ECT_0, "%s", stack);
	if (h.flags & VHO_HEADERS_UDP_CSUM)
		KUNIT_EXPECT_TRUE_MSG(test, vho_path_test_udp_ok(data, &h), "%s: UDP checksum", stack);
	if (h.flags & VHO_HEADERS_GRE_CSUM)
		KUNIT_EXPECT_EQ_MSG(test, 0, csum_fold(vho_path_test_sum(data, h.outer_l4, len - h.outer_l4)),
				    "%s: GRE checksum", stack);
}

static void vho_path_xmit__single(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vho_path_test_stacks); i++) {
		const char *stack = vho_path_test_stacks[i];
		struct vho_flow *flow = vho_path_test_flow(test, i + 1, stack, 0);
		struct vho_tx_seg seg = vho_path_test_data(flow, 999);
		struct sk_buff *skb;

		KUNIT_ASSERT_EQ_MSG(test, 0, vho_path_test_send(flow, &seg), "%s", stack);
		skb = __skb_dequeue(&vho_path_test->sent);
		KUNIT_ASSERT_NOT_NULL_MSG(test, skb, "%s", stack);
		KUNIT_EXPECT_PTR_EQ(test, skb->dev, vho_path_test->uplink.dev);
		vho_path_test_check(test, stack, skb, 999);
		kfree_skb(skb);
	}
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_tx), ARRAY_SIZE(vho_path_test_stacks));
}

/* A device that segments nothing: the kernel does, and every wire segment is right. */
static void vho_path_xmit__segmented(struct kunit *test)
{
	struct net_device *dev = vho_path_test->uplink.dev;
	unsigned int i;

	dev->features = NETIF_F_SG | NETIF_F_HW_CSUM;
	dev->hw_enc_features = dev->features;
	for (i = 0; i < ARRAY_SIZE(vho_path_test_stacks); i++) {
		const char *stack = vho_path_test_stacks[i];
		struct vho_flow *flow = vho_path_test_flow(test, i + 1, stack, 0);
		struct vho_tx_seg seg = vho_path_test_data(flow, 2500);
		struct sk_buff *skb;
		unsigned int n = 0;

		KUNIT_ASSERT_EQ_MSG(test, 0, vho_path_test_send(flow, &seg), "%s", stack);
		while ((skb = __skb_dequeue(&vho_path_test->sent))) {
			vho_path_test_check(test, stack, skb, n++ < 2 ? 1000 : 500);
			kfree_skb(skb);
		}
		KUNIT_EXPECT_EQ_MSG(test, n, 3, "%s", stack);
	}
}

static void vho_path_xmit__vlan_tag(struct kunit *test)
{
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4T", 42);
	struct vho_tx_seg seg = vho_path_test_data(flow, 100);
	struct sk_buff *skb;

	KUNIT_ASSERT_EQ(test, 0, vho_path_test_send(flow, &seg));
	skb = __skb_dequeue(&vho_path_test->sent);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_TRUE(test, skb_vlan_tag_present(skb));
	KUNIT_EXPECT_EQ(test, skb_vlan_tag_get(skb), 42);
	kfree_skb(skb);
}

/* A queue that is stopped stops the flow, and nothing is dropped. */
static void vho_path_xmit__busy(struct kunit *test)
{
	struct net_device *dev = vho_path_test->uplink.dev;
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4T", 0);
	struct vho_tx_seg seg = vho_path_test_data(flow, 100);

	netif_stop_queue(dev);
	KUNIT_EXPECT_EQ(test, -ENOBUFS, vho_path_test_send(flow, &seg));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_tx_busy), 1);
	KUNIT_EXPECT_EQ(test, vho_path_test_path(flow)->hits, 0);
	netif_wake_queue(dev);
	KUNIT_EXPECT_EQ(test, 0, vho_path_test_send(flow, &seg));
	KUNIT_EXPECT_EQ(test, dev->stats.tx_dropped, 0);
}

static void vho_path_xmit__too_long(struct kunit *test)
{
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4UXE4T", 0);
	struct vho_tx_seg seg = vho_path_test_data(flow, 1460);

	seg.mss = 1460;
	KUNIT_EXPECT_EQ(test, -EAGAIN, vho_path_test_send(flow, &seg));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_tx_mtu), 1);
	/* TCP was told when the path was taken. */
	KUNIT_EXPECT_EQ(test, flow->tcb.mss_limit, 1410);
}

static void vho_path_xmit__other_tos(struct kunit *test)
{
	struct vho_flow *flow = vho_path_test_flow(test, 1, "E4T", 0);
	struct vho_tx_seg seg = vho_path_test_data(flow, 100);

	vho_flow_set_tos(flow, 0x20);
	KUNIT_EXPECT_EQ(test, -EAGAIN, vho_path_test_send(flow, &seg));
	vho_fake_settle(test->priv);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(test->priv, VHO_STAT_path_probe_tx), 1);
}

static struct kunit_case vho_path_cases[] = {
	KUNIT_CASE(vho_path_learn__all_stacks),
	KUNIT_CASE(vho_path_learn__not_before_established),
	KUNIT_CASE(vho_path_learn__nothing_without_uplinks),
	KUNIT_CASE(vho_path_learn__forged),
	KUNIT_CASE(vho_path_learn__gre_seq_refused),
	KUNIT_CASE(vho_path_learn__filter_refused),
	KUNIT_CASE(vho_path_learn__flood_refused),
	KUNIT_CASE(vho_path_probe__verifies),
	KUNIT_CASE(vho_path_probe__lost_and_found),
	KUNIT_CASE(vho_path_probe__changed),
	KUNIT_CASE(vho_path_probe__rhythm),
	KUNIT_CASE(vho_path_probe__event),
	KUNIT_CASE(vho_path_lose_uplink__all),
	KUNIT_CASE(vho_path_close__eaten),
	KUNIT_CASE(vho_path_close__untold),
	KUNIT_CASE(vho_path_close__told),
	KUNIT_CASE(vho_path_close__bypass),
	KUNIT_CASE(vho_path_xmit__single),
	KUNIT_CASE(vho_path_xmit__segmented),
	KUNIT_CASE(vho_path_xmit__vlan_tag),
	KUNIT_CASE(vho_path_xmit__busy),
	KUNIT_CASE(vho_path_xmit__too_long),
	KUNIT_CASE(vho_path_xmit__other_tos),
	{}
};

static struct kunit_suite vho_path_suite = {
	.name = "virtuoso_path",
	.init = vho_path_test_init,
	.exit = vho_path_test_exit,
	.test_cases = vho_path_cases,
};

kunit_test_suite(vho_path_suite);
