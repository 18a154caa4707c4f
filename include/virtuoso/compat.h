/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that Virtuoso builds for, and nothing else.
 *
 * Code is written for the newest of them; what an older one lacks is made up for
 * here. The VIRTUOSO_HAVE_* symbols come from probes of the kernel's headers in
 * Kbuild.compat; each entry says when it can go.
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
#include <linux/netlink.h>
#include <linux/scatterlist.h>
#include <linux/timer.h>
#include <linux/virtio.h>
#include <net/inet_connection_sock.h>

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
 * A vDPA device has one mapping for its driver, which may have operations of its own, since 6.18; before, a device for
 * the DMA API. To go when that is the oldest kernel supported.
 */
#ifdef VIRTUOSO_HAVE_VIRTIO_MAP_OPS
#define virtuoso_vdpa_alloc(dev_struct, member, parent, config, name)		\
	vdpa_alloc_device(dev_struct, member, parent, config, NULL, 1, 1, name, false)
#define virtuoso_vdpa_dma_dev(vdpa)	((vdpa)->vmap.dma_dev)
#else
#define virtuoso_vdpa_alloc(dev_struct, member, parent, config, name)		\
	vdpa_alloc_device(dev_struct, member, parent, config, 1, 1, name, false)
#define virtuoso_vdpa_dma_dev(vdpa)	((vdpa)->dma_dev)
#endif

/* Names that came with 6.14 (netlink), 6.16 (timers) and 6.19 (sockets). To go when those are the oldest supported. */
#ifndef NL_ASSERT_CTX_FITS
#define NL_ASSERT_CTX_FITS		NL_ASSERT_DUMP_CTX_FITS
#endif

#ifndef timer_container_of
#define timer_container_of		from_timer
#endif

#ifndef VIRTUOSO_HAVE_SOCKADDR_UNSIZED
#define sockaddr_unsized		sockaddr
#endif

/*
 * Where a TCP socket's timers are: since 6.19 the one of retransmissions is in struct sock; that of keep-alives has
 * moved to the connection, in the stable kernels of the time as well. To go when all supported ones have it so.
 */
#ifdef VIRTUOSO_HAVE_RETRANSMIT_TIMER

static inline struct timer_list *virtuoso_retransmit_timer(struct sock *sk)
{
	return &sk->tcp_retransmit_timer;
}

static inline struct sock *virtuoso_retransmit_timer_sk(struct timer_list *t)
{
	return container_of(t, struct sock, tcp_retransmit_timer);
}

#else

static inline struct timer_list *virtuoso_retransmit_timer(struct sock *sk)
{
	return &inet_csk(sk)->icsk_retransmit_timer;
}

static inline struct sock *virtuoso_retransmit_timer_sk(struct timer_list *t)
{
	return &container_of(t, struct inet_connection_sock, icsk_retransmit_timer)->icsk_inet.sk;
}

#endif

#ifdef VIRTUOSO_HAVE_KEEPALIVE_TIMER

static inline struct timer_list *virtuoso_keepalive_timer(struct sock *sk)
{
	return &inet_csk(sk)->icsk_keepalive_timer;
}

static inline struct sock *virtuoso_keepalive_timer_sk(struct timer_list *t)
{
	return &container_of(t, struct inet_connection_sock, icsk_keepalive_timer)->icsk_inet.sk;
}

#else

static inline struct timer_list *virtuoso_keepalive_timer(struct sock *sk)
{
	return &sk->sk_timer;
}

static inline struct sock *virtuoso_keepalive_timer_sk(struct timer_list *t)
{
	return container_of(t, struct sock, sk_timer);
}

#endif

/* The table of connections is that of the namespace since 6.18. To go when that is the oldest kernel supported. */
#ifdef VIRTUOSO_HAVE_LOOKUP_BY_NET
#define virtuoso_lookup_established(net, ...)	__inet_lookup_established(net, __VA_ARGS__)
#else
#define virtuoso_lookup_established(net, ...)					\
	__inet_lookup_established(net, (net)->ipv4.tcp_death_row.hashinfo, __VA_ARGS__)
#endif

/* Arguments that came in 6.14 (device memory, not for us) and went in 7.1 (an address nobody asked TCP for). */
#ifdef VIRTUOSO_HAVE_ZEROCOPY_DEVMEM
#define virtuoso_zerocopy_realloc(sk, size, uarg)	msg_zerocopy_realloc(sk, size, uarg, false)
#else
#define virtuoso_zerocopy_realloc(sk, size, uarg)	msg_zerocopy_realloc(sk, size, uarg)
#endif

#ifdef VIRTUOSO_HAVE_RECVMSG_FLAGS_LAST
#define VIRTUOSO_RECVMSG_LAST_ARGS	int flags
#define VIRTUOSO_RECVMSG_LAST_PASS	flags
#else
#define VIRTUOSO_RECVMSG_LAST_ARGS	int flags, int *addr_len
#define VIRTUOSO_RECVMSG_LAST_PASS	flags, addr_len
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
