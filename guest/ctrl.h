/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control queue. vgu_ctrl() itself is declared in dev.h.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_CTRL_H
#define _VGU_CTRL_H

struct vgu_dev;
struct virtqueue;

int vgu_ctrl_init(struct vgu_dev *dev);
void vgu_ctrl_stop(struct vgu_dev *dev);
void vgu_ctrl_exit(struct vgu_dev *dev);
void vgu_ctrl_done(struct virtqueue *vq);

#endif /* _VGU_CTRL_H */
