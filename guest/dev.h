/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One Virtuoso device as its driver sees it: queues, regions, netdev.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_DEV_H
#define _VGU_DEV_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_virtuoso.h>

struct vgu_chan;
struct vgu_conn;
struct vgu_conn_table;
struct vgu_regions;

/**
 * struct vgu_dev - one virtio device of ID 63 and its netdev
 * @vdev: the virtio device
 * @netdev: carries frames; sockets whose route leaves by it are offloaded
 * @sock: VIRTIO_VIRTUOSO_F_SOCK was negotiated
 * @gone: the device broke or is being removed: nothing works any more. Set once, by
 *        dev.c, before anything else of the teardown; use READ_ONCE()
 * @max_flows: flow identifiers are below this
 * @nr_chans: number of channels in use
 * @chans: channels, one per CPU up to the device's limit
 * @regions: registered memory (private to region.c)
 * @conns: flow identifier to connection (private to conn.c)
 * @priv: the driver core's own, see priv.h
 *
 * Everything but @gone and the private parts is constant between probe and remove.
 * Lifetime: netdev_priv() of @netdev. Teardown is: @gone, queues stopped, device reset,
 * vgu_conn_dev_del(), unregister_netdev() (waits for netdev references), memory freed. So
 * whoever calls vgu_payload_*(), vgu_ctrl() or vgu_chan_*() holds a netdev reference or
 * keeps vgu_conn_dev_del() from returning; what is left after that holds neither.
 */
struct vgu_dev {
	struct virtio_device *vdev;
	struct net_device *netdev;
	bool sock;
	bool gone;
	u32 max_flows;
	u32 nr_chans;
	struct vgu_chan *chans;
	struct vgu_regions *regions;
	struct vgu_conn_table *conns;
	struct vgu_dev_priv *priv;
};

/**
 * struct vgu_payload - a payload ring in registered memory
 * @vaddr: its first byte, page aligned, physically contiguous
 * @abi: how the device names it
 */
struct vgu_payload {
	void *vaddr;
	struct virtio_virtuoso_ring abi;
};

/* --- region.c --- */

/* May sleep: registers another region when no free ring is left. -ENOMEM, -ENODEV. */
int vgu_payload_alloc(struct vgu_dev *dev, struct vgu_payload *ring);
/* Any context: -ENOMEM when the pool is empty; a refill is then scheduled and
 * vgu_conn_payload_ready() is called from process context (BH off) when done.
 */
int vgu_payload_alloc_atomic(struct vgu_dev *dev, struct vgu_payload *ring);
/* Any context. */
void vgu_payload_free(struct vgu_dev *dev, struct vgu_payload *ring);

/* --- ctrl.c: requests on the control queue, serialised; may sleep --- */

/* @req: anywhere (it is copied), starts with virtio_virtuoso_ctrl_hdr whose op is set.
 * Return: 0 or -errno made from the device's status; -ENODEV when the device is gone or broken.
 */
int vgu_ctrl(struct vgu_dev *dev, const void *req, size_t len);

/* --- chan.c --- */

/* Member of struct vgu_conn through which chan.c queues it. */
struct vgu_chan_node {
	struct list_head list;		/* chan->dirty, guarded by chan->lock (spin_bh) */
	bool queued;			/* guarded by chan->lock */
	bool closed;			/* vgu_chan_unqueue() was called; guarded by chan->lock */
};

/* The channel for new flows of this CPU. Any context. */
struct vgu_chan *vgu_chan_this_cpu(struct vgu_dev *dev);

/*
 * Says that @node's connection has records to submit: the channel calls
 * vgu_conn_encode() for it, now or when submit slots are free again. Any context, BH-safe.
 */
void vgu_chan_queue(struct vgu_chan *chan, struct vgu_chan_node *node);
/* Takes the connection off the queue for good: vgu_conn_encode() is not called after return. */
void vgu_chan_unqueue(struct vgu_chan *chan, struct vgu_chan_node *node);

/* --- dev lookup --- */

/* The device of a netdev, NULL when it is another driver's. Caller: RCU or holds the netdev. */
struct vgu_dev *vgu_dev_from_netdev(struct net_device *netdev);

#endif /* _VGU_DEV_H */
