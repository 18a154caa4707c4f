/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Channels: set-up and teardown. What the socket layer uses is declared in dev.h.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_CHAN_H
#define _VGU_CHAN_H

struct vgu_dev;
struct virtqueue;

int vgu_chans_init(struct vgu_dev *dev);
int vgu_chans_start(struct vgu_dev *dev);
void vgu_chans_stop(struct vgu_dev *dev);
void vgu_chans_exit(struct vgu_dev *dev);

void vgu_chan_submit_done(struct virtqueue *vq);
void vgu_chan_complete_ready(struct virtqueue *vq);

#endif /* _VGU_CHAN_H */
