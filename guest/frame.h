/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frame queues: what rx, tx and the netdev share.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_FRAME_H
#define _VGU_FRAME_H

#include <linux/netdevice.h>
#include <linux/scatterlist.h>
#include <linux/skbuff.h>
#include <linux/types.h>

#include "region.h"

struct vgu_dev;
struct virtqueue;

#define VGU_FRAME_SLOT_BYTES	2048

/* The largest frame, 64 KiB of IP packet with all headers, takes 33 and a bit. */
#define VGU_FRAME_SLOTS		34

/* Slots per direction; a smaller virtqueue has fewer. */
#define VGU_FRAME_SLOTS_MAX	512
#define VGU_FRAME_SLOTS_MIN	64

/**
 * struct vgu_frame_tx - frame transmit queue
 * @vq: virtqueue
 * @slots: its buffers
 * @napi: wakes the netdev's queue
 * @sg: scratch
 *
 * All but @napi is guarded by the lock of the netdev's only transmit queue.
 */
struct vgu_frame_tx {
	struct virtqueue *vq;
	struct vgu_slots slots;
	struct napi_struct napi;
	struct scatterlist sg[VGU_FRAME_SLOTS];
};

/**
 * struct vgu_frame_rx - frame receive queue
 * @vq: virtqueue
 * @slots: its buffers; all of them are posted, except for those in @slot
 * @napi: polls
 * @slot: buffers of the frame at hand
 * @len: bytes in each
 * @nr: how many
 *
 * Owned by @napi; while the netdev is down by its ndo_open and the core's set-up.
 */
struct vgu_frame_rx {
	struct virtqueue *vq;
	struct vgu_slots slots;
	struct napi_struct napi;
	struct vgu_slot *slot[VGU_FRAME_SLOTS];
	u32 len[VGU_FRAME_SLOTS];
	u32 nr;
};

/**
 * struct vgu_frames - both directions, and what was negotiated
 * @rx: receive
 * @tx: transmit
 * @mergeable: a received frame may span several buffers
 * @guest_csum: received frames may have partial or verified checksums
 * @guest_tso: received frames may be larger than the MTU
 */
struct vgu_frames {
	struct vgu_frame_rx rx;
	struct vgu_frame_tx tx;
	/* --- const after probe --- */
	bool mergeable;
	bool guest_csum;
	bool guest_tso;
};

/* --- frame_rx.c --- */

int vgu_frame_rx_start(struct vgu_dev *dev);
void vgu_frame_rx_open(struct vgu_dev *dev);
int vgu_frame_rx_poll(struct napi_struct *napi, int budget);
void vgu_frame_rx_ready(struct virtqueue *vq);

/* --- frame_tx.c --- */

int vgu_frame_tx_start(struct vgu_dev *dev);
netdev_tx_t vgu_frame_tx_xmit(struct sk_buff *skb, struct net_device *netdev);
int vgu_frame_tx_poll(struct napi_struct *napi, int budget);
void vgu_frame_tx_done(struct virtqueue *vq);

#endif /* _VGU_FRAME_H */
