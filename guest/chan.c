// SPDX-License-Identifier: GPL-2.0
/*
 * Channels: records to the device (submit queue) and from it (complete queue).
 *
 * Connections that have something to say wait in the channel's dirty list; whoever adds
 * one also encodes and notifies, unless the channel's poll function runs: then that does
 * it for all of them at its end.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/bottom_half.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_virtuoso.h>

#include <virtuoso/compat.h>

#include "chan.h"
#include "conn.h"
#include "dev.h"
#include "priv.h"
#include "region.h"
#include "stats.h"

#define VGU_CHAN_SLOTS_MAX	1024
#define VGU_SUBMIT_SLOT_BYTES	128

static_assert(VGU_SUBMIT_SLOT_BYTES >= VIRTUOSO_SUBMIT_MAX_BYTES);

/**
 * struct vgu_chan - a pair of data virtqueues
 * @dev: device
 * @submit: submit queue
 * @complete: complete queue
 * @napi: polls @complete, and sends what is queued
 * @lock: spin_bh; guards @dirty, @polling, @armed, @submit_slots and @submit; taken with
 *        socket locks held, innermost
 * @dirty: connections that have records to submit
 * @polling: the poll function will send for us
 * @armed: the submit queue's callback is on, for want of slots
 * @submit_slots: buffers of @submit
 * @complete_slots: buffers of @complete; these and @complete belong to @napi
 */
struct vgu_chan {
	struct vgu_dev *dev;
	struct virtqueue *submit;
	struct virtqueue *complete;
	struct napi_struct napi;
	/* --- guarded by lock --- */
	spinlock_t lock ____cacheline_aligned_in_smp;
	struct list_head dirty;
	bool polling;
	bool armed;
	struct vgu_slots submit_slots;
	/* --- owned by napi --- */
	struct vgu_slots complete_slots;
};

static struct vgu_chan *vgu_chan_from_vq(const struct virtqueue *vq)
{
	struct vgu_dev *dev = vq->vdev->priv;

	return &dev->chans[(vq->index - VIRTUOSO_VQ_CHANNEL_BASE) / 2];
}

/* --- submit: caller holds chan->lock --- */

static void __vgu_chan_reclaim(struct vgu_chan *chan)
{
	struct vgu_slot *slot;
	unsigned int len;

	while ((slot = virtqueue_get_buf(chan->submit, &len)))
		vgu_slot_put(&chan->submit_slots, slot);
	if (chan->armed && chan->submit_slots.nr_free) {
		virtqueue_disable_cb(chan->submit);
		chan->armed = false;
	}
}

/* NULL: none; the callback will come (or the device is broken). */
static struct vgu_slot *__vgu_chan_get_slot(struct vgu_chan *chan)
{
	struct vgu_slot *slot;

	while (!(slot = vgu_slot_get(&chan->submit_slots))) {
		if (!chan->armed)
			vgu_count(chan->dev, submit_full);
		chan->armed = true;
		if (virtqueue_enable_cb(chan->submit))
			return NULL;
		__vgu_chan_reclaim(chan);
	}
	return slot;
}

static int __vgu_chan_add(struct vgu_chan *chan, struct vgu_slot *slot, size_t len)
{
	struct scatterlist sg;

	sg_init_table(&sg, 1);
	vgu_slot_to_sg(slot, &sg, len);
	return virtuoso_vq_add_outbuf(chan->submit, &sg, 1, slot);
}

/* Return: true when the device must be notified, which needs no lock. */
static bool __vgu_chan_fill(struct vgu_chan *chan)
{
	struct vgu_chan_node *node;
	struct vgu_slot *slot;
	bool added = false;
	size_t len;

	lockdep_assert_held(&chan->lock);
	__vgu_chan_reclaim(chan);
	while ((node = list_first_entry_or_null(&chan->dirty, struct vgu_chan_node, list))) {
		slot = __vgu_chan_get_slot(chan);
		if (!slot)
			break;
		len = vgu_conn_encode(node, slot->vaddr);
		if (len && !__vgu_chan_add(chan, slot, len)) {
			vgu_count(chan->dev, submit_records);
			added = true;
			continue;
		}
		/* Nothing more to say, or a broken device: vgu_conn_dev_del() will follow. */
		vgu_slot_put(&chan->submit_slots, slot);
		list_del_init(&node->list);
		node->queued = false;
	}
	return added && virtqueue_kick_prepare(chan->submit);
}

/* Caller has BH off: vgu_dev_end() waits for us by RCU before it resets the device. */
static void vgu_chan_notify(struct vgu_chan *chan)
{
	if (virtqueue_notify(chan->submit))
		vgu_count(chan->dev, submit_kicks);
}

/**
 * vgu_chan_this_cpu() - the channel for new flows of this CPU
 * @dev: device that offloads sockets
 *
 * Context: any.
 * Return: the channel.
 */
struct vgu_chan *vgu_chan_this_cpu(struct vgu_dev *dev)
{
	return &dev->chans[raw_smp_processor_id() % dev->nr_chans];
}

/**
 * vgu_chan_queue() - say that a connection has records to submit
 * @chan: its channel
 * @node: its node
 *
 * vgu_conn_encode() is called for it, now or later.
 *
 * Context: process or softirq; socket lock may be held.
 */
void vgu_chan_queue(struct vgu_chan *chan, struct vgu_chan_node *node)
{
	bool notify = false;

	local_bh_disable();
	spin_lock(&chan->lock);
	if (!node->queued && !node->closed) {
		list_add_tail(&node->list, &chan->dirty);
		node->queued = true;
	}
	if (!chan->polling)
		notify = __vgu_chan_fill(chan);
	spin_unlock(&chan->lock);
	if (notify)
		vgu_chan_notify(chan);
	local_bh_enable();
}

/**
 * vgu_chan_unqueue() - take a connection off its channel, for good
 * @chan: its channel
 * @node: its node, queued or not
 *
 * Whoever wants to queue it still, because he had something to say when the device forgot the flow,
 * does so in vain. He may hold the last reference to the connection.
 *
 * Context: process or softirq. vgu_conn_encode() is not called for it after return.
 */
void vgu_chan_unqueue(struct vgu_chan *chan, struct vgu_chan_node *node)
{
	spin_lock_bh(&chan->lock);
	node->closed = true;
	if (node->queued) {
		list_del_init(&node->list);
		node->queued = false;
	}
	spin_unlock_bh(&chan->lock);
}

/**
 * vgu_chan_submit_done() - callback of a submit queue: slots are free again
 * @vq: the queue
 *
 * Context: interrupt.
 */
void vgu_chan_submit_done(struct virtqueue *vq)
{
	virtqueue_disable_cb(vq);
	napi_schedule(&vgu_chan_from_vq(vq)->napi);
}

/* --- complete: owned by napi --- */

static int vgu_chan_post(struct vgu_chan *chan, struct vgu_slot *slot)
{
	struct scatterlist sg;

	sg_init_table(&sg, 1);
	vgu_slot_to_sg(slot, &sg, sizeof(struct virtio_virtuoso_complete));
	return virtuoso_vq_add_inbuf(chan->complete, &sg, 1, slot);
}

static int vgu_chan_receive(struct vgu_chan *chan, int budget)
{
	struct virtio_virtuoso_complete rec;
	struct vgu_slot *slot;
	unsigned int len;
	int done = 0;

	while (done < budget && (slot = virtqueue_get_buf(chan->complete, &len))) {
		done++;
		memcpy(&rec, slot->vaddr, sizeof(rec));
		/* Fails when the device is broken only: then the slot is not needed again. */
		vgu_chan_post(chan, slot);
		if (len != sizeof(rec)) {
			vgu_count(chan->dev, complete_bad);
			continue;
		}
		vgu_count(chan->dev, complete_records);
		vgu_conn_complete(chan->dev, chan, &rec);
	}
	if (done && virtqueue_kick_prepare(chan->complete) && virtqueue_notify(chan->complete))
		vgu_count(chan->dev, complete_kicks);
	return done;
}

static void vgu_chan_poll_begin(struct vgu_chan *chan)
{
	spin_lock(&chan->lock);
	chan->polling = true;
	spin_unlock(&chan->lock);
}

static void vgu_chan_poll_end(struct vgu_chan *chan)
{
	bool notify;

	spin_lock(&chan->lock);
	chan->polling = false;
	notify = __vgu_chan_fill(chan);
	spin_unlock(&chan->lock);
	if (notify)
		vgu_chan_notify(chan);
}

static void vgu_chan_schedule(struct vgu_chan *chan)
{
	if (napi_schedule_prep(&chan->napi)) {
		virtqueue_disable_cb(chan->complete);
		__napi_schedule(&chan->napi);
	}
}

static int vgu_chan_poll(struct napi_struct *napi, int budget)
{
	struct vgu_chan *chan = container_of(napi, struct vgu_chan, napi);
	unsigned int state;
	int done;

	if (!budget)
		return 0;
	vgu_chan_poll_begin(chan);
	done = vgu_chan_receive(chan, budget);
	vgu_chan_poll_end(chan);
	if (done == budget)
		return done;

	state = virtqueue_enable_cb_prepare(chan->complete);
	if (!napi_complete_done(napi, done))
		virtqueue_disable_cb(chan->complete);
	else if (virtqueue_poll(chan->complete, state))
		vgu_chan_schedule(chan);
	return done;
}

/**
 * vgu_chan_complete_ready() - callback of a complete queue: records are there
 * @vq: the queue
 *
 * Context: interrupt.
 */
void vgu_chan_complete_ready(struct virtqueue *vq)
{
	vgu_chan_schedule(vgu_chan_from_vq(vq));
}

/* --- set-up and teardown --- */

/**
 * vgu_chans_init() - make the channels' state, before the queues are found
 * @dev: device; @dev->nr_chans is set
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vgu_chans_init(struct vgu_dev *dev)
{
	u32 i;

	dev->chans = kvcalloc(dev->nr_chans, sizeof(*dev->chans), GFP_KERNEL);
	if (!dev->chans)
		return -ENOMEM;
	for (i = 0; i < dev->nr_chans; i++) {
		struct vgu_chan *chan = &dev->chans[i];

		chan->dev = dev;
		spin_lock_init(&chan->lock);
		INIT_LIST_HEAD(&chan->dirty);
		netif_napi_add(dev->netdev, &chan->napi, vgu_chan_poll);
	}
	return 0;
}

static int vgu_chan_start(struct vgu_chan *chan, u32 index)
{
	struct vgu_dev *dev = chan->dev;
	struct vgu_slot *slot;
	int err;

	chan->submit = dev->priv->vqs[VIRTUOSO_VQ_SUBMIT(index)];
	chan->complete = dev->priv->vqs[VIRTUOSO_VQ_COMPLETE(index)];
	err = vgu_slots_init(dev, &chan->submit_slots,
			     min_t(u32, virtqueue_get_vring_size(chan->submit),
				   VGU_CHAN_SLOTS_MAX), VGU_SUBMIT_SLOT_BYTES);
	if (err)
		return err;
	err = vgu_slots_init(dev, &chan->complete_slots,
			     min_t(u32, virtqueue_get_vring_size(chan->complete),
				   VGU_CHAN_SLOTS_MAX), sizeof(struct virtio_virtuoso_complete));
	if (err)
		return err;

	virtqueue_disable_cb(chan->submit);
	while ((slot = vgu_slot_get(&chan->complete_slots))) {
		err = vgu_chan_post(chan, slot);
		if (err)
			return err;
	}
	virtqueue_kick(chan->complete);
	return 0;
}

/**
 * vgu_chans_start() - give the channels their memory and let them run
 * @dev: device; may use its queues; the socket layer knows it
 *
 * Context: process, may sleep.
 * Return: 0 or -errno; vgu_chans_stop() must not follow then.
 */
int vgu_chans_start(struct vgu_dev *dev)
{
	int err;
	u32 i;

	for (i = 0; i < dev->nr_chans; i++) {
		err = vgu_chan_start(&dev->chans[i], i);
		if (err)
			return err;
	}
	for (i = 0; i < dev->nr_chans; i++) {
		struct vgu_chan *chan = &dev->chans[i];

		/* Answers come to the CPU that vgu_chan_this_cpu() serves; only advice. */
		if (dev->nr_chans > 1 && cpu_online(i))
			virtqueue_set_affinity(chan->complete, cpumask_of(i));
		napi_enable(&chan->napi);
		local_bh_disable();
		vgu_chan_schedule(chan);
		local_bh_enable();
	}
	return 0;
}

/**
 * vgu_chans_stop() - no more calls of vgu_conn_complete()
 * @dev: device whose channels run
 *
 * Context: process, may sleep.
 */
void vgu_chans_stop(struct vgu_dev *dev)
{
	u32 i;

	for (i = 0; i < dev->nr_chans; i++)
		napi_disable(&dev->chans[i].napi);
}

/**
 * vgu_chans_exit() - free the channels' state
 * @dev: device; was reset; channels stopped or never started
 *
 * Context: process, may sleep.
 */
void vgu_chans_exit(struct vgu_dev *dev)
{
	u32 i;

	for (i = 0; i < dev->nr_chans; i++) {
		struct vgu_chan *chan = &dev->chans[i];

		netif_napi_del(&chan->napi);
		vgu_slots_exit(&chan->submit_slots);
		vgu_slots_exit(&chan->complete_slots);
	}
	kvfree(dev->chans);
	dev->chans = NULL;
}
