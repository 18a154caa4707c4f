/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtqueues as guest_chan_test.c plays them: the build gives these names to the calls of
 * guest/chan.c.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_GUEST_CHAN_FAKE_H
#define _VGU_GUEST_CHAN_FAKE_H

#include <linux/types.h>

struct scatterlist;
struct virtqueue;

int vgu_fake_add_outbuf(struct virtqueue *vq, struct scatterlist sg[], unsigned int num, void *data,
			gfp_t gfp);
int vgu_fake_add_inbuf(struct virtqueue *vq, struct scatterlist sg[], unsigned int num, void *data,
		       gfp_t gfp);
void *vgu_fake_get_buf(struct virtqueue *vq, unsigned int *len);
bool vgu_fake_enable_cb(struct virtqueue *vq);
unsigned int vgu_fake_enable_cb_prepare(struct virtqueue *vq);
bool vgu_fake_poll(struct virtqueue *vq, unsigned int state);
void vgu_fake_disable_cb(struct virtqueue *vq);
bool vgu_fake_kick(struct virtqueue *vq);
unsigned int vgu_fake_get_vring_size(const struct virtqueue *vq);

#endif /* _VGU_GUEST_CHAN_FAKE_H */
