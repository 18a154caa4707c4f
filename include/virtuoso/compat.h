/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that Virtuoso builds for, and nothing else.
 *
 * Code is written for the newest of them; what an older one lacks is made up for
 * here. The VIRTUOSO_HAVE_* symbols come from probes of the kernel's headers in
 * guest/Kbuild and host/Kbuild; each entry says when it can go.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VIRTUOSO_COMPAT_H
#define _VIRTUOSO_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "Virtuoso needs Linux 6.12 or newer"
#endif

#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/scatterlist.h>
#include <linux/virtio.h>

/*
 * Buffers whose DMA address the driver already knows: 6.12 switches the whole queue
 * into that mode, 6.13 and newer have a function per buffer. To go with 6.12.
 */
#ifdef VIRTUOSO_HAVE_ADD_PREMAPPED

static inline int virtuoso_vq_set_premapped(struct virtqueue *vq)
{
	return 0;
}

static inline int virtuoso_vq_add_outbuf(struct virtqueue *vq, struct scatterlist *sg,
					 unsigned int num, void *data)
{
	return virtqueue_add_outbuf_premapped(vq, sg, num, data, GFP_ATOMIC);
}

static inline int virtuoso_vq_add_inbuf(struct virtqueue *vq, struct scatterlist *sg,
					unsigned int num, void *data)
{
	return virtqueue_add_inbuf_premapped(vq, sg, num, data, NULL, GFP_ATOMIC);
}

#else

static inline int virtuoso_vq_set_premapped(struct virtqueue *vq)
{
	return virtqueue_set_dma_premapped(vq);
}

static inline int virtuoso_vq_add_outbuf(struct virtqueue *vq, struct scatterlist *sg,
					 unsigned int num, void *data)
{
	return virtqueue_add_outbuf(vq, sg, num, data, GFP_ATOMIC);
}

static inline int virtuoso_vq_add_inbuf(struct virtqueue *vq, struct scatterlist *sg,
					unsigned int num, void *data)
{
	return virtqueue_add_inbuf(vq, sg, num, data, GFP_ATOMIC);
}

#endif

/*
 * The helpers that map memory for the device behind a queue, whether or not its
 * transport uses the DMA API, lost the "dma" of their names in 6.18. To go when that is
 * the oldest kernel supported.
 */
#ifndef VIRTUOSO_HAVE_VIRTQUEUE_MAP
#define virtqueue_map_single_attrs	virtqueue_dma_map_single_attrs
#define virtqueue_unmap_single_attrs	virtqueue_dma_unmap_single_attrs
#define virtqueue_map_mapping_error	virtqueue_dma_mapping_error
#define virtqueue_map_need_sync		virtqueue_dma_need_sync
#endif

/*
 * The operation that makes a listener's child got a callback as its last argument in 6.19
 * and in the stable kernels of the time. To go when all supported ones have it.
 */
#ifdef VIRTUOSO_HAVE_OPT_CHILD_INIT
#define VIRTUOSO_SYN_RECV_LAST_ARGS						\
	bool *own_req, void (*opt_child_init)(struct sock *newsk, const struct sock *sk)
#define VIRTUOSO_SYN_RECV_LAST_PASS	own_req, opt_child_init
#else
#define VIRTUOSO_SYN_RECV_LAST_ARGS	bool *own_req
#define VIRTUOSO_SYN_RECV_LAST_PASS	own_req
#endif

/*
 * Sockets that do not hold their namespace hold its memory since 6.15 and in the stable
 * kernels of the time. To go when all supported ones do.
 */
#ifdef VIRTUOSO_HAVE_NET_PASSIVE
#define virtuoso_net_passive_inc(net)	net_passive_inc(net)
#else
#define virtuoso_net_passive_inc(net)	((void)(net))
#endif

/*
 * Taps that are not bound to a device are in a list of their namespace since 6.15. To go when that is the
 * oldest kernel supported.
 */
#ifdef VIRTUOSO_HAVE_NET_PTYPE_ALL
#define virtuoso_taps_everywhere(net)	(&(net)->ptype_all)
#else
#include <net/hotdata.h>
#define virtuoso_taps_everywhere(net)	((void)(net), &net_hotdata.ptype_all)
#endif

#endif /* _VIRTUOSO_COMPAT_H */
