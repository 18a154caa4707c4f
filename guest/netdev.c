// SPDX-License-Identifier: GPL-2.0
/*
 * The netdev of a device: an ordinary Ethernet interface as far as anybody can see.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/errno.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_virtuoso.h>

#include "dev.h"
#include "frame.h"
#include "netdev.h"
#include "priv.h"
#include "stats.h"

static int vgu_netdev_open(struct net_device *netdev)
{
	struct vgu_dev *dev = netdev_priv(netdev);

	if (READ_ONCE(dev->gone))
		return -ENODEV;
	napi_enable(&dev->priv->frames->tx.napi);
	vgu_frame_rx_open(dev);
	netif_start_queue(netdev);
	return 0;
}

static int vgu_netdev_close(struct net_device *netdev)
{
	struct vgu_dev *dev = netdev_priv(netdev);

	napi_disable(&dev->priv->frames->rx.napi);
	napi_disable(&dev->priv->frames->tx.napi);
	return 0;
}

/*
 * There is no ndo_set_mac_address: the address is the port's, the host accepts no other
 * source.
 */
static const struct net_device_ops vgu_netdev_ops = {
	.ndo_open		= vgu_netdev_open,
	.ndo_stop		= vgu_netdev_close,
	.ndo_start_xmit		= vgu_frame_tx_xmit,
	.ndo_validate_addr	= eth_validate_addr,
	.ndo_get_stats64	= dev_get_tstats64,
};

/* --- ethtool --- */

static const char vgu_counter_names[][ETH_GSTRING_LEN] = {
#define VGU_COUNTER_NAME(name) #name,
	VGU_COUNTERS(VGU_COUNTER_NAME)
#undef VGU_COUNTER_NAME
};

static void vgu_netdev_get_drvinfo(struct net_device *netdev, struct ethtool_drvinfo *info)
{
	struct vgu_dev *dev = netdev_priv(netdev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, virtio_bus_name(dev->vdev), sizeof(info->bus_info));
}

static int vgu_netdev_get_sset_count(struct net_device *netdev, int set)
{
	return set == ETH_SS_STATS ? ARRAY_SIZE(vgu_counter_names) : -EOPNOTSUPP;
}

static void vgu_netdev_get_strings(struct net_device *netdev, u32 set, u8 *data)
{
	if (set == ETH_SS_STATS)
		memcpy(data, vgu_counter_names, sizeof(vgu_counter_names));
}

static void vgu_netdev_get_counters(struct net_device *netdev, struct ethtool_stats *stats,
				    u64 *data)
{
	struct vgu_dev *dev = netdev_priv(netdev);
	const struct vgu_counters *counters;
	int cpu;

	memset(data, 0, ARRAY_SIZE(vgu_counter_names) * sizeof(*data));
	for_each_possible_cpu(cpu) {
		u64 *sum = data;

		counters = per_cpu_ptr(dev->priv->counters, cpu);
#define VGU_COUNTER_ADD(name) *sum++ += READ_ONCE(counters->name);
		VGU_COUNTERS(VGU_COUNTER_ADD)
#undef VGU_COUNTER_ADD
	}
}

static const struct ethtool_ops vgu_netdev_ethtool_ops = {
	.get_drvinfo		= vgu_netdev_get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_ts_info		= ethtool_op_get_ts_info,
	.get_sset_count		= vgu_netdev_get_sset_count,
	.get_strings		= vgu_netdev_get_strings,
	.get_ethtool_stats	= vgu_netdev_get_counters,
};

/**
 * vgu_dev_from_netdev() - the device of a netdev
 * @netdev: any netdev
 *
 * Context: any; caller is in an RCU read section or holds the netdev.
 * Return: the device, NULL when it is another driver's.
 */
struct vgu_dev *vgu_dev_from_netdev(struct net_device *netdev)
{
	return netdev->netdev_ops == &vgu_netdev_ops ? netdev_priv(netdev) : NULL;
}

/* --- set-up and teardown --- */

/**
 * vgu_netdev_alloc() - make a netdev with an empty &struct vgu_dev in it
 * @vdev: its parent
 *
 * Context: process, may sleep.
 * Return: the netdev, or NULL.
 */
struct net_device *vgu_netdev_alloc(struct virtio_device *vdev)
{
	struct net_device *netdev;

	netdev = alloc_netdev(sizeof(struct vgu_dev), "vn%d", NET_NAME_ENUM, ether_setup);
	if (!netdev)
		return NULL;
	SET_NETDEV_DEV(netdev, &vdev->dev);
	netdev->netdev_ops = &vgu_netdev_ops;
	netdev->ethtool_ops = &vgu_netdev_ethtool_ops;
	netdev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	return netdev;
}

static void vgu_netdev_set_features(struct vgu_dev *dev)
{
	struct vgu_frames *frames = dev->priv->frames;
	struct net_device *netdev = dev->netdev;
	struct virtio_device *vdev = dev->vdev;

	frames->mergeable = virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_MRG_RXBUF);
	frames->guest_csum = virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_GUEST_CSUM);
	frames->guest_tso = virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_GUEST_TSO);

	netdev->hw_features = NETIF_F_SG;
	if (virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_CSUM))
		netdev->hw_features |= NETIF_F_HW_CSUM;
	if (virtio_has_feature(vdev, VIRTIO_VIRTUOSO_F_TSO))
		netdev->hw_features |= NETIF_F_TSO | NETIF_F_TSO6;
	netdev->features = netdev->hw_features | NETIF_F_HIGHDMA;
	if (frames->guest_csum)
		netdev->features |= NETIF_F_RXCSUM;
	/* The device takes frames on the sender's word and checks them itself. */
	if (netdev->hw_features & NETIF_F_TSO)
		netdev->features |= NETIF_F_GSO_ROBUST;
	netdev->vlan_features = netdev->features;
}

static int vgu_netdev_set_mtu(struct vgu_dev *dev)
{
	struct net_device *netdev = dev->netdev;
	u16 mtu;

	virtio_cread_le(dev->vdev, struct virtio_virtuoso_config, mtu, &mtu);
	if (!dev->priv->frames->mergeable)
		mtu = min_t(u16, mtu, VGU_FRAME_SLOT_BYTES - VLAN_ETH_HLEN -
			    sizeof(struct virtio_net_hdr_v1));
	if (mtu < ETH_MIN_MTU) {
		dev_err(&dev->vdev->dev, "device has an MTU of %u\n", mtu);
		return -EINVAL;
	}
	netdev->min_mtu = ETH_MIN_MTU;
	netdev->max_mtu = mtu;
	netdev->mtu = mtu;
	return 0;
}

static int vgu_netdev_set_addr(struct vgu_dev *dev)
{
	u8 addr[ETH_ALEN];

	virtio_cread_bytes(dev->vdev, offsetof(struct virtio_virtuoso_config, mac), addr,
			   sizeof(addr));
	if (!is_valid_ether_addr(addr)) {
		dev_err(&dev->vdev->dev, "device has no valid MAC address: %pM\n", addr);
		return -EINVAL;
	}
	eth_hw_addr_set(dev->netdev, addr);
	return 0;
}

/**
 * vgu_netdev_init() - set the netdev up as the device says, before the queues are found
 * @dev: device
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int vgu_netdev_init(struct vgu_dev *dev)
{
	struct vgu_frames *frames = kzalloc(sizeof(*frames), GFP_KERNEL);
	int err;

	if (!frames)
		return -ENOMEM;
	dev->priv->frames = frames;
	vgu_netdev_set_features(dev);
	err = vgu_netdev_set_mtu(dev);
	if (!err)
		err = vgu_netdev_set_addr(dev);
	if (err) {
		kfree(frames);
		dev->priv->frames = NULL;
		return err;
	}
	netif_napi_add(dev->netdev, &frames->rx.napi, vgu_frame_rx_poll);
	netif_napi_add_tx(dev->netdev, &frames->tx.napi, vgu_frame_tx_poll);
	netif_carrier_off(dev->netdev);
	return 0;
}

/**
 * vgu_netdev_start() - give the frame queues their memory
 * @dev: device; may use its queues
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int vgu_netdev_start(struct vgu_dev *dev)
{
	int err = vgu_frame_rx_start(dev);

	return err ?: vgu_frame_tx_start(dev);
}

/**
 * vgu_netdev_read_status() - set the carrier as the device's configuration says
 * @dev: device
 *
 * Context: process, may sleep.
 */
void vgu_netdev_read_status(struct vgu_dev *dev)
{
	u16 status;

	virtio_cread_le(dev->vdev, struct virtio_virtuoso_config, status, &status);
	if (status & VIRTUOSO_S_LINK_UP)
		netif_carrier_on(dev->netdev);
	else
		netif_carrier_off(dev->netdev);
}

/**
 * vgu_netdev_stop() - no more packets, for good
 * @dev: device; @dev->gone is set
 *
 * Calls of ndo_start_xmit and poll functions that still run end within an RCU grace period.
 *
 * Context: process.
 */
void vgu_netdev_stop(struct vgu_dev *dev)
{
	netif_carrier_off(dev->netdev);
	netif_device_detach(dev->netdev);
}

/**
 * vgu_netdev_exit() - free what vgu_netdev_init() and vgu_netdev_start() made
 * @dev: device; its netdev is not registered (any more), the device was reset
 *
 * Context: process, may sleep.
 */
void vgu_netdev_exit(struct vgu_dev *dev)
{
	struct vgu_frames *frames = dev->priv->frames;

	netif_napi_del(&frames->rx.napi);
	netif_napi_del(&frames->tx.napi);
	vgu_slots_exit(&frames->rx.slots);
	vgu_slots_exit(&frames->tx.slots);
	kfree(frames);
	dev->priv->frames = NULL;
}
