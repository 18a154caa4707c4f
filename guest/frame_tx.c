// SPDX-License-Identifier: GPL-2.0
/*
 * Frames to the device: copied into slots of registered memory, so that an skb is free
 * as soon as ndo_start_xmit returns.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/dev_printk.h>
#include <linux/errno.h>
#include <linux/etherdevice.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_virtuoso.h>

#include <virtuoso/compat.h>

#include "conn.h"
#include "dev.h"
#include "frame.h"
#include "priv.h"
#include "stats.h"

static struct vgu_frame_tx *vgu_tx(const struct vgu_dev *dev)
{
	return &dev->priv->frames->tx;
}

static void vgu_tx_put_chain(struct vgu_frame_tx *tx, struct vgu_slot *slot)
{
	struct vgu_slot *next;

	for (; slot; slot = next) {
		next = slot->next;
		vgu_slot_put(&tx->slots, slot);
	}
}

static void vgu_tx_reclaim(struct vgu_frame_tx *tx)
{
	struct vgu_slot *slot;
	unsigned int len;

	while ((slot = virtqueue_get_buf(tx->vq, &len)))
		vgu_tx_put_chain(tx, slot);
}

static bool vgu_tx_has_room(const struct vgu_frame_tx *tx)
{
	return tx->slots.nr_free >= VGU_FRAME_SLOTS;
}

/* Copies header and packet; tx->slots has room. Return: the first slot of the chain. */
static struct vgu_slot *vgu_tx_copy(struct vgu_frame_tx *tx, const struct sk_buff *skb,
				    const struct virtio_net_hdr_v1 *hdr, u32 nr)
{
	struct vgu_slot *first = NULL, **link = &first;
	u32 done = 0, used = sizeof(*hdr), chunk, i;

	sg_init_table(tx->sg, nr);
	for (i = 0; i < nr; i++) {
		struct vgu_slot *slot = vgu_slot_get(&tx->slots);

		*link = slot;
		link = &slot->next;
		if (!i)
			memcpy(slot->vaddr, hdr, sizeof(*hdr));
		chunk = min(VGU_FRAME_SLOT_BYTES - used, skb->len - done);
		if (skb_copy_bits(skb, done, slot->vaddr + used, chunk))
			break;
		vgu_slot_to_sg(slot, &tx->sg[i], used + chunk);
		done += chunk;
		used = 0;
	}
	if (i < nr) {
		vgu_tx_put_chain(tx, first);
		return NULL;
	}
	return first;
}

/* Return: true when the frame is in the queue. */
static bool vgu_tx_add(struct vgu_dev *dev, const struct sk_buff *skb, u32 nr)
{
	struct vgu_frame_tx *tx = vgu_tx(dev);
	struct virtio_net_hdr_v1 hdr = {};
	struct vgu_slot *first;

	if (virtio_net_hdr_from_skb(skb, (struct virtio_net_hdr *)&hdr, true, false, 0)) {
		vgu_count(dev, tx_drop_gso);
		return false;
	}
	first = vgu_tx_copy(tx, skb, &hdr, nr);
	if (!first) {
		vgu_count(dev, tx_drop_size);
		return false;
	}
	if (virtuoso_vq_add_outbuf(tx->vq, tx->sg, nr, first)) {
		vgu_tx_put_chain(tx, first);
		vgu_count(dev, tx_drop_gone);
		return false;
	}
	return true;
}

/* Not enough slots for any frame: stop, unless some are given back just now. */
static void vgu_tx_stop(struct vgu_dev *dev, struct netdev_queue *txq)
{
	struct vgu_frame_tx *tx = vgu_tx(dev);

	netif_tx_stop_queue(txq);
	vgu_count(dev, tx_stopped);
	if (virtqueue_enable_cb_delayed(tx->vq))
		return;
	vgu_tx_reclaim(tx);
	if (vgu_tx_has_room(tx)) {
		virtqueue_disable_cb(tx->vq);
		netif_tx_start_queue(txq);
		vgu_count(dev, tx_woken);
	}
}

static void vgu_tx_kick(struct vgu_dev *dev)
{
	struct vgu_frame_tx *tx = vgu_tx(dev);

	if (virtqueue_kick_prepare(tx->vq) && virtqueue_notify(tx->vq))
		vgu_count(dev, tx_kicks);
}

/* Return: NETDEV_TX_BUSY with the queue stopped, or NETDEV_TX_OK: skb is consumed. */
static netdev_tx_t vgu_tx_frame(struct vgu_dev *dev, struct sk_buff *skb,
				struct netdev_queue *txq)
{
	u32 nr = DIV_ROUND_UP(skb->len + sizeof(struct virtio_net_hdr_v1), VGU_FRAME_SLOT_BYTES);
	struct vgu_frame_tx *tx = vgu_tx(dev);
	unsigned int len = skb->len;

	if (unlikely(nr > VGU_FRAME_SLOTS)) {
		vgu_count(dev, tx_drop_size);
		goto drop;
	}
	if (unlikely(nr > tx->slots.nr_free)) {
		vgu_tx_stop(dev, txq);
		return NETDEV_TX_BUSY;
	}
	skb_tx_timestamp(skb);
	if (unlikely(!vgu_tx_add(dev, skb, nr)))
		goto drop;
	dev_sw_netstats_tx_add(dev->netdev, 1, len);
	dev_consume_skb_any(skb);
	if (!vgu_tx_has_room(tx))
		vgu_tx_stop(dev, txq);
	return NETDEV_TX_OK;

drop:
	dev_core_stats_tx_dropped_inc(dev->netdev);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

/**
 * vgu_frame_tx_xmit() - ndo_start_xmit
 * @skb: packet; the socket layer may take it, else it becomes a frame
 * @netdev: the device's netdev
 *
 * Context: softirq or process with BH off; transmit queue's lock held.
 * Return: NETDEV_TX_OK or, when out of slots in spite of all, NETDEV_TX_BUSY.
 */
netdev_tx_t vgu_frame_tx_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct netdev_queue *txq = netdev_get_tx_queue(netdev, 0);
	struct vgu_dev *dev = netdev_priv(netdev);
	netdev_tx_t ret = NETDEV_TX_OK;

	if (unlikely(READ_ONCE(dev->gone))) {
		vgu_count(dev, tx_drop_gone);
		dev_core_stats_tx_dropped_inc(netdev);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	vgu_tx_reclaim(vgu_tx(dev));
	if (dev->sock && vgu_conn_xmit(dev, skb))
		vgu_count(dev, tx_taken);
	else
		ret = vgu_tx_frame(dev, skb, txq);
	if (!netdev_xmit_more() || netif_xmit_stopped(txq))
		vgu_tx_kick(dev);
	return ret;
}

/**
 * vgu_frame_tx_done() - callback of the queue; it is on only while the netdev's is stopped
 * @vq: the queue
 *
 * Context: interrupt.
 */
void vgu_frame_tx_done(struct virtqueue *vq)
{
	struct vgu_dev *dev = vq->vdev->priv;

	virtqueue_disable_cb(vq);
	napi_schedule(&vgu_tx(dev)->napi);
}

/**
 * vgu_frame_tx_poll() - take slots back, let the netdev's queue run again
 * @napi: &struct vgu_frame_tx.napi
 * @budget: unused
 *
 * Context: softirq.
 * Return: 0.
 */
int vgu_frame_tx_poll(struct napi_struct *napi, int budget)
{
	struct vgu_frame_tx *tx = container_of(napi, struct vgu_frame_tx, napi);
	struct netdev_queue *txq = netdev_get_tx_queue(napi->dev, 0);
	struct vgu_dev *dev = netdev_priv(napi->dev);
	unsigned int state = 0;
	bool stopped, again;

	__netif_tx_lock(txq, raw_smp_processor_id());
	virtqueue_disable_cb(tx->vq);
	vgu_tx_reclaim(tx);
	stopped = netif_tx_queue_stopped(txq);
	if (stopped && vgu_tx_has_room(tx)) {
		netif_tx_wake_queue(txq);
		vgu_count(dev, tx_woken);
		stopped = false;
	}
	if (stopped)
		state = virtqueue_enable_cb_prepare(tx->vq);
	again = napi_complete_done(napi, 0) && stopped && virtqueue_poll(tx->vq, state);
	__netif_tx_unlock(txq);
	if (again)
		napi_schedule(napi);
	return 0;
}

/**
 * vgu_frame_tx_start() - give the transmit queue its memory
 * @dev: device; may use its queues
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int vgu_frame_tx_start(struct vgu_dev *dev)
{
	struct vgu_frame_tx *tx = vgu_tx(dev);
	u32 nr;

	tx->vq = dev->priv->vqs[VIRTUOSO_VQ_FRAME_TX];
	nr = min_t(u32, virtqueue_get_vring_size(tx->vq), VGU_FRAME_SLOTS_MAX);
	if (nr < VGU_FRAME_SLOTS_MIN) {
		dev_err(&dev->vdev->dev, "frame tx queue of %u is too small\n", nr);
		return -EINVAL;
	}
	virtqueue_disable_cb(tx->vq);
	return vgu_slots_init(dev, &tx->slots, nr, VGU_FRAME_SLOT_BYTES);
}
