/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Offloaded connections: what the driver core asks of the socket layer.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_CONN_H
#define _VGU_CONN_H

#include <linux/skbuff.h>
#include <linux/types.h>
#include <linux/virtio_virtuoso.h>

struct vgu_chan;
struct vgu_chan_node;
struct vgu_dev;

/* Set-up and teardown of the table of a device: probe and remove, process context. */
int vgu_conn_dev_add(struct vgu_dev *dev);
/*
 * The device goes away (remove, or reset needed): queues are already stopped. Every
 * connection of it fails with ECONNRESET, listeners forget the device, the table goes.
 */
void vgu_conn_dev_del(struct vgu_dev *dev);

/*
 * A record came up on a channel of @dev. NAPI context. @rec is a private copy.
 */
void vgu_conn_complete(struct vgu_dev *dev, struct vgu_chan *chan,
		       const struct virtio_virtuoso_complete *rec);

/*
 * Writes the next submit record of a queued connection into @slot
 * (VIRTUOSO_SUBMIT_MAX_BYTES). Called with the channel's lock held (spin, BH off): must
 * not sleep, must not take a socket lock. Return: bytes written, 0: nothing (more) to say.
 */
size_t vgu_conn_encode(struct vgu_chan_node *node, void *slot);

/* Payload rings became available after vgu_payload_alloc_atomic() had failed. */
void vgu_conn_payload_ready(struct vgu_dev *dev);

/*
 * Looks at a packet that the stack sends through @dev's netdev, before it becomes a
 * frame. ndo_start_xmit context. Return: true when the packet was taken (consumed).
 */
bool vgu_conn_xmit(struct vgu_dev *dev, struct sk_buff *skb);

/*
 * Looks at a frame that came from the device, before the stack sees it: skb->data is at the
 * network header, skb->protocol is set, it may be non-linear or GSO. NAPI context.
 * Return: true when it may pass, false: caller drops and counts it (it would reach a
 * converted socket).
 */
bool vgu_conn_rx_allowed(struct vgu_dev *dev, struct sk_buff *skb);

#endif /* _VGU_CONN_H */
