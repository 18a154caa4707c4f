/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Split virtqueue, device side (virtio 1.3 section 2.7). The ring lies in memory
 * that the driver can change at any time: every field is read once and checked.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_RING_H
#define _VHO_RING_H

#include <linux/types.h>
#include <linux/virtio_ring.h>

#define VHO_RING_SIZE_MAX	1024
/* Longest descriptor chain taken; a 64 KiB frame in 2 KiB buffers needs 34. */
#define VHO_CHAIN_MAX		40

/**
 * struct vho_ring - device-side state of one split virtqueue
 * @desc: descriptor table, written by the driver
 * @avail: available ring, written by the driver
 * @used: used ring, written by us
 * @num: entries, a power of two, at most VHO_RING_SIZE_MAX; 0: not live
 * @event_idx: VIRTIO_F_RING_EVENT_IDX was negotiated
 * @broken: the driver broke the rules; the queue takes no part any more
 * @last_avail: next entry of @avail to take
 * @seen_avail: entries before it were looked at; after vho_ring_unpop() those from @last_avail on were
 *	not enough, and only more of them are a reason to look again
 * @used_idx: next entry of @used to fill
 * @signalled_used: used_idx when an interrupt was last considered
 * @unsignalled: @used entries were published since then
 *
 * Owner: one thread at a time (the core of the port, or the slow path for the control queue).
 */
struct vho_ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 num;
	bool event_idx;
	bool broken;
	u16 last_avail;
	u16 seen_avail;
	u16 used_idx;
	u16 signalled_used;
	bool unsignalled;
};

/* One buffer of a chain. */
struct vho_buf {
	u64 addr;
	u32 len;
};

/**
 * struct vho_chain - a descriptor chain taken from the available ring
 * @head: its name towards the used ring
 * @nr_out: buffers the device reads, first in @buf
 * @nr_in: buffers the device writes, after those
 * @buf: addresses and lengths, private copies, not yet translated
 *
 * Large, and only what vho_ring_pop() fills is ever read: those on the stack are __uninitialized, since
 * filling them with zeros would take longer than looking at a ring that is empty.
 */
struct vho_chain {
	u16 head;
	u16 nr_out;
	u16 nr_in;
	struct vho_buf buf[VHO_CHAIN_MAX];
};

void vho_ring_init(struct vho_ring *ring, u16 num, void *desc, void *avail, void *used,
		   bool event_idx);
/* Return: 1 a chain was taken, 0 none there, -EPROTO the driver broke the rules (ring->broken). */
int vho_ring_pop(struct vho_ring *ring, struct vho_chain *chain);
/* Gives the last @n popped chains back untouched (they will be popped again). */
void vho_ring_unpop(struct vho_ring *ring, unsigned int n);
/* Is there something that was not looked at yet? */
bool vho_ring_pending(const struct vho_ring *ring);
/* Buffer @head is used, @len bytes were written to it. Visible to the driver at once. */
void vho_ring_push(struct vho_ring *ring, u16 head, u32 len);
/* The same for @n buffers that the driver must see at one time (a frame in several buffers). */
void vho_ring_push_n(struct vho_ring *ring, const u16 *heads, const u32 *lens, unsigned int n);
/* Must the driver be interrupted for what was pushed since the last call? */
bool vho_ring_need_signal(struct vho_ring *ring);
void vho_ring_kick_disable(struct vho_ring *ring);
/* Return: true when something came in meanwhile (caller serves again). */
bool vho_ring_kick_enable(struct vho_ring *ring);

static inline size_t vho_ring_desc_bytes(u16 num) { return 16 * (size_t)num; }
static inline size_t vho_ring_avail_bytes(u16 num) { return 6 + 2 * (size_t)num; }
static inline size_t vho_ring_used_bytes(u16 num) { return 6 + 8 * (size_t)num; }

#endif /* _VHO_RING_H */
