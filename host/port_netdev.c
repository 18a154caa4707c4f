// SPDX-License-Identifier: GPL-2.0
/*
 * The host netdev of a port: what the switch sends to it goes to the guest, as segments
 * for the TCP engine or as frames; what the guest sends enters the network here.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/ip.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/inet_ecn.h>
#include <net/ip.h>

#include "core.h"
#include "flow.h"
#include "guard.h"
#include "join.h"
#include "listener.h"
#include "packet.h"
#include "path_rx.h"
#include "port.h"
#include "slow.h"

struct vho_port_netdev {
	struct vho_port *port;
};

#define VHO_PORT_NETDEV_FEATURES \
	(NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO_ECN | \
	 NETIF_F_TSO6 | NETIF_F_HIGHDMA | NETIF_F_GRO)

static struct vho_port *vho_netdev_port(struct net_device *dev)
{
	return ((struct vho_port_netdev *)netdev_priv(dev))->port;
}

/* A bounded queue of the port takes @skb, or it is dropped and counted. */
static bool vho_port_enqueue(struct vho_port *port, struct ptr_ring *queue, struct sk_buff *skb)
{
	skb_orphan(skb);
	nf_reset_ct(skb);
	return !ptr_ring_produce_bh(queue, skb);
}

static void vho_port_drop(struct vho_port *port, struct sk_buff *skb, enum vho_stat reason)
{
	struct vho_flow *flow = vho_packet(skb)->flow;

	if (flow)
		vho_flow_put(flow);
	vho_port_stat_inc(port, reason);
	DEV_STATS_INC(port->netdev, tx_dropped);
	kfree_skb(skb);
}

/*
 * Is the queue more than half full? It is when the entry half a ring behind the producer's is taken.
 * Looked at without a lock: it may be wrong by a few packets.
 */
static bool vho_port_queue_long(const struct ptr_ring *queue)
{
	int i = READ_ONCE(queue->producer) + queue->size / 2;

	if (i >= queue->size)
		i -= queue->size;
	return READ_ONCE(queue->queue[i]);
}

/* Tells an ECN-capable sender to slow down, before its packets have to be dropped. */
static void vho_port_mark_ce(struct vho_port *port, struct sk_buff *skb)
{
	struct iphdr *iph = (struct iphdr *)(skb->data + ETH_HLEN);
	u8 ecn = iph->tos & INET_ECN_MASK;

	if (ecn == INET_ECN_NOT_ECT || ecn == INET_ECN_CE ||
	    skb_ensure_writable(skb, ETH_HLEN + sizeof(*iph)))
		return;
	iph = (struct iphdr *)(skb->data + ETH_HLEN);
	if (IP_ECN_set_ce(iph))
		vho_port_stat_inc(port, VHO_STAT_ecn_ce_marked);
}

/* The following take the packet. Return: it was queued, not dropped. */

static bool vho_port_xmit_fast(struct vho_port *port, struct vho_group *group, struct sk_buff *skb)
{
	if (unlikely(vho_port_queue_long(&group->rxq)))
		vho_port_mark_ce(port, skb);
	if (!vho_port_enqueue(port, &group->rxq, skb)) {
		vho_port_drop(port, skb, VHO_STAT_drop_rxq_full);
		return false;
	}
	vho_group_wake(group);
	return true;
}

static bool vho_port_xmit_slow(struct vho_port *port, struct sk_buff *skb)
{
	if (!vho_port_enqueue(port, &port->spq, skb)) {
		vho_port_drop(port, skb, VHO_STAT_drop_spq_full);
		return false;
	}
	vho_slow_wake_port(port);
	return true;
}

static bool vho_port_xmit_frame(struct vho_port *port, struct sk_buff *skb)
{
	vho_packet(skb)->flow = NULL;
	if (unlikely(!vho_guard_rx(port, skb))) {
		DEV_STATS_INC(port->netdev, tx_dropped);
		kfree_skb(skb);
		return false;
	}
	/* A frame may wait long: it must not refer to another guest's memory. */
	if (skb_orphan_frags_rx(skb, GFP_ATOMIC)) {
		vho_port_drop(port, skb, VHO_STAT_drop_nomem);
		return false;
	}
	if (!vho_port_enqueue(port, &port->frameq, skb)) {
		vho_port_drop(port, skb, VHO_STAT_drop_frameq_full);
		return false;
	}
	vho_group_wake(port->group[0]);
	return true;
}

/* Is it a SYN that one of the guest's listeners wants? RCU read side. */
static bool vho_port_wants(struct vho_port *port, struct sk_buff *skb, const struct vho_flow_key *key)
{
	const struct tcphdr *th = (const struct tcphdr *)(skb->data + vho_packet(skb)->tcp_off);

	return !vho_packet(skb)->icmp && th->syn && !th->ack && !th->rst &&
	       vho_listener_wants(port, key);
}

/*
 * To whom a TCP segment goes, or an ICMP error about one: the flow's owner, a listener, or
 * the guest's own stack.
 */
static bool vho_port_xmit_tcp(struct vho_port *port, struct sk_buff *skb,
			      const struct vho_flow_key *key)
{
	struct vho_flow *flow;
	bool wanted, probe;

	rcu_read_lock();
	flow = vho_flow_lookup_rcu(key);
	if (flow && !vho_flow_get_unless_zero(flow))
		flow = NULL;
	wanted = !flow && vho_port_wants(port, skb, key);
	probe = flow && vho_join_probe_rx(flow, skb);
	rcu_read_unlock();

	if (unlikely(probe)) {
		vho_flow_put(flow);
		consume_skb(skb);
		return true;
	}
	vho_packet(skb)->flow = flow;
	if (flow && !vho_packet(skb)->icmp && unlikely(vho_path_rx_arrived(flow, skb))) {
		vho_flow_put(flow);
		consume_skb(skb);
		return true;
	}
	/* A core owns it: its group is what it stays. Pairs with the release in vho_sp_hand_to_core(). */
	if (flow && smp_load_acquire(&flow->owner) != &vho_slow)
		return vho_port_xmit_fast(port, flow->group, skb);
	if (flow || wanted)
		return vho_port_xmit_slow(port, skb);
	return vho_port_xmit_frame(port, skb);
}

enum vho_stat vho_port_join_refused(const struct vho_port *port)
{
	if (unlikely(READ_ONCE(port->join_off)))
		return VHO_STAT_join_part_off;
	/* Who captures packets wants to see some. */
	if (unlikely(dev_nit_active(port->netdev)))
		return VHO_STAT_join_part_capture;
	return 0;
}

/* A fragment: the engine must see segments whole, and this takes no way by the guest's stack. */
static bool vho_port_xmit_fragment(struct vho_port *port, struct sk_buff *skb,
				   struct vho_flow_key *key)
{
	skb_pull(skb, ETH_HLEN);
	skb_reset_network_header(skb);
	skb = ip_check_defrag(dev_net(port->netdev), skb, IP_DEFRAG_AF_PACKET);
	/* The first ones wait there for the last, which may never come: none of them is dropped yet. */
	if (!skb)
		return true;
	skb_push(skb, ETH_HLEN);
	memset(vho_packet(skb), 0, sizeof(struct vho_packet));
	if (vho_packet_parse(skb, key) == VHO_PACKET_TCP)
		return vho_port_xmit_tcp(port, skb, key);
	vho_port_drop(port, skb, VHO_STAT_drop_malformed);
	return false;
}

/* Return: it was taken, not dropped. */
static bool vho_port_xmit(struct vho_port *port, struct sk_buff *skb)
{
	struct vho_flow_key key = { .port_index = port->index };

	if (skb->len < ETH_HLEN) {
		vho_port_drop(port, skb, VHO_STAT_drop_malformed);
		return false;
	}
	skb_tx_timestamp(skb);
	/* Only what is addressed to the guest is for the TCP engine. */
	if (!ether_addr_equal(((const struct ethhdr *)skb->data)->h_dest, port->mac))
		return vho_port_xmit_frame(port, skb);
	switch (vho_packet_parse(skb, &key)) {
	case VHO_PACKET_TCP:
	case VHO_PACKET_ICMP:
		return vho_port_xmit_tcp(port, skb, &key);
	case VHO_PACKET_FRAGMENT:
		return vho_port_xmit_fragment(port, skb, &key);
	case VHO_PACKET_OTHER:
		return vho_port_xmit_frame(port, skb);
	case VHO_PACKET_BAD:
		break;
	}
	vho_port_drop(port, skb, VHO_STAT_drop_malformed);
	return false;
}

static netdev_tx_t vho_port_netdev_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct vho_port *port = vho_netdev_port(dev);
	/* Which group it is for is not known yet; what drops cost is paid by the port anyway. */
	struct vho_budget *budget = &port->group[0]->budget;
	u64 start_ns = vho_budget_packet(budget);
	unsigned int len = skb->len;

	memset(vho_packet(skb), 0, sizeof(struct vho_packet));
	if (vho_port_xmit(port, skb))
		dev_sw_netstats_tx_add(dev, 1, len);
	else
		vho_budget_dropped(budget, start_ns);
	return NETDEV_TX_OK;
}

void vho_port_netdev_take(struct vho_port *port, struct sk_buff *skb)
{
	struct vho_group *group = vho_packet(skb)->flow->group;
	u64 start_ns = vho_budget_packet(&group->budget);
	unsigned int len = skb->len;

	if (vho_port_xmit_fast(port, group, skb))
		dev_sw_netstats_tx_add(port->netdev, 1, len);
	else
		vho_budget_dropped(&group->budget, start_ns);
}

void vho_port_netdev_rx(struct vho_port *port, struct sk_buff *skb)
{
	struct net_device *dev = port->netdev;

	skb->protocol = eth_type_trans(skb, dev);
	local_bh_disable();
	/* Unregistering waits for whoever saw the flag; then the counters are freed. */
	if (likely(READ_ONCE(dev->flags) & IFF_UP)) {
		dev_sw_netstats_rx_add(dev, skb->len + ETH_HLEN);
		netif_receive_skb(skb);
	} else {
		DEV_STATS_INC(dev, rx_dropped);
		kfree_skb(skb);
	}
	local_bh_enable();
}

u16 vho_port_mss(const struct vho_port *port)
{
	/* min_mtu and max_mtu keep this in range. */
	return READ_ONCE(port->netdev->mtu) - sizeof(struct iphdr) - sizeof(struct tcphdr);
}

u8 vho_port_ecn(const struct vho_port *port)
{
	return READ_ONCE(dev_net(port->netdev)->ipv4.sysctl_tcp_ecn);
}

void vho_port_netdev_carrier(struct vho_port *port, bool up)
{
	if (up)
		netif_carrier_on(port->netdev);
	else
		netif_carrier_off(port->netdev);
}

static int vho_port_netdev_open(struct net_device *dev)
{
	netif_start_queue(dev);
	return 0;
}

static int vho_port_netdev_stop(struct net_device *dev)
{
	netif_stop_queue(dev);
	return 0;
}

static const struct net_device_ops vho_port_netdev_ops = {
	.ndo_open = vho_port_netdev_open,
	.ndo_stop = vho_port_netdev_stop,
	.ndo_start_xmit = vho_port_netdev_xmit,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static void vho_port_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "virtuoso_host", sizeof(info->driver));
	strscpy(info->bus_info, vho_netdev_port(dev)->name, sizeof(info->bus_info));
}

static int vho_port_get_sset_count(struct net_device *dev, int sset)
{
	return sset == ETH_SS_STATS ? VHO_STAT_NR : -EOPNOTSUPP;
}

static void vho_port_get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	unsigned int i;

	if (sset != ETH_SS_STATS)
		return;
	for (i = 0; i < VHO_STAT_NR; i++)
		ethtool_puts(&data, vho_stat_names[i]);
}

static void vho_port_get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	vho_port_stats_sum(vho_netdev_port(dev), data);
}

static const struct ethtool_ops vho_port_ethtool_ops = {
	.get_drvinfo = vho_port_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_sset_count = vho_port_get_sset_count,
	.get_strings = vho_port_get_strings,
	.get_ethtool_stats = vho_port_get_ethtool_stats,
};

static void vho_port_netdev_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &vho_port_netdev_ops;
	dev->ethtool_ops = &vho_port_ethtool_ops;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	dev->lltx = true;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->hw_features = VHO_PORT_NETDEV_FEATURES;
	dev->features = VHO_PORT_NETDEV_FEATURES;
	dev->vlan_features = VHO_PORT_NETDEV_FEATURES;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU - ETH_HLEN;
	dev->needs_free_netdev = false;
	netif_set_tso_max_size(dev, GSO_LEGACY_MAX_SIZE);
}

int vho_port_netdev_create(struct vho_port *port, struct net *net, u32 mtu,
			   struct netlink_ext_ack *extack)
{
	struct net_device *dev;
	int err;

	dev = alloc_netdev(sizeof(struct vho_port_netdev), port->name, NET_NAME_USER,
			   vho_port_netdev_setup);
	if (!dev)
		return -ENOMEM;
	((struct vho_port_netdev *)netdev_priv(dev))->port = port;
	dev_net_set(dev, net);
	dev->mtu = mtu;
	/* The host's end has an address of its own; the guest's is port->mac. */
	eth_hw_addr_random(dev);
	netif_carrier_off(dev);
	port->netdev = dev;
	err = register_netdev(dev);
	if (err) {
		if (err == -EEXIST)
			NL_SET_ERR_MSG(extack, "a network interface of this name exists");
		else
			NL_SET_ERR_MSG(extack, "the port's network interface cannot be registered");
		free_netdev(dev);
		port->netdev = NULL;
	}
	return err;
}

/* Nothing enters the groups' rxq, frameq, spq any more when this returns. */
void vho_port_netdev_unregister(struct vho_port *port)
{
	unregister_netdev(port->netdev);
}

void vho_port_netdev_free(struct vho_port *port)
{
	free_netdev(port->netdev);
}
