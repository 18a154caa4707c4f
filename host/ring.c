// SPDX-License-Identifier: GPL-2.0
/*
 * Split virtqueue, device side.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/virtio_ring.h>

#include "ring.h"

void vho_ring_init(struct vho_ring *ring, u16 num, void *desc, void *avail, void *used,
		   bool event_idx)
{
	*ring = (struct vho_ring) {
		.desc = desc,
		.avail = avail,
		.used = used,
		.num = num,
		.event_idx = event_idx,
	};
}

static int vho_ring_break(struct vho_ring *ring)
{
	ring->broken = true;
	return -EPROTO;
}

static u16 vho_ring_avail_idx(const struct vho_ring *ring)
{
	return le16_to_cpu((__force __le16)READ_ONCE(ring->avail->idx));
}

bool vho_ring_pending(const struct vho_ring *ring)
{
	return ring->num && !ring->broken && vho_ring_avail_idx(ring) != ring->seen_avail;
}

/* Follows the chain from @head. Each descriptor is read once. */
static int vho_ring_walk(struct vho_ring *ring, u16 head, struct vho_chain *chain)
{
	u16 i = head;
	unsigned int n;

	chain->head = head;
	chain->nr_out = 0;
	chain->nr_in = 0;
	for (n = 0; n < VHO_CHAIN_MAX; n++) {
		struct vring_desc d;
		u16 flags;

		d.addr = READ_ONCE(ring->desc[i].addr);
		d.len = READ_ONCE(ring->desc[i].len);
		d.flags = READ_ONCE(ring->desc[i].flags);
		d.next = READ_ONCE(ring->desc[i].next);
		flags = le16_to_cpu((__force __le16)d.flags);
		if (flags & VRING_DESC_F_INDIRECT)
			return -EPROTO;	/* not offered */
		chain->buf[n].addr = le64_to_cpu((__force __le64)d.addr);
		chain->buf[n].len = le32_to_cpu((__force __le32)d.len);
		if (!chain->buf[n].len)
			return -EPROTO;
		if (chain->nr_in && !(flags & VRING_DESC_F_WRITE))
			return -EPROTO;	/* readable after writable */
		if (flags & VRING_DESC_F_WRITE)
			chain->nr_in++;
		else
			chain->nr_out++;
		if (!(flags & VRING_DESC_F_NEXT))
			return 0;
		i = le16_to_cpu((__force __le16)d.next);
		if (i >= ring->num)
			return -EPROTO;
	}
	return -EPROTO;	/* too long, or a loop */
}

int vho_ring_pop(struct vho_ring *ring, struct vho_chain *chain)
{
	u16 idx, head;

	if (!ring->num || ring->broken)
		return 0;
	idx = vho_ring_avail_idx(ring);
	if (idx == ring->last_avail)
		return 0;
	if ((u16)(idx - ring->last_avail) > ring->num)
		return vho_ring_break(ring);
	/* The entry and its descriptors were written before the index. */
	virt_rmb();
	head = le16_to_cpu((__force __le16)
			   READ_ONCE(ring->avail->ring[ring->last_avail & (ring->num - 1)]));
	if (head >= ring->num || vho_ring_walk(ring, head, chain))
		return vho_ring_break(ring);
	ring->last_avail++;
	if ((s16)(ring->last_avail - ring->seen_avail) > 0)
		ring->seen_avail = ring->last_avail;
	return 1;
}

void vho_ring_unpop(struct vho_ring *ring, unsigned int n)
{
	ring->last_avail -= n;
}

void vho_ring_push_n(struct vho_ring *ring, const u16 *heads, const u32 *lens, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct vring_used_elem *e;

		e = &ring->used->ring[(u16)(ring->used_idx + i) & (ring->num - 1)];
		WRITE_ONCE(e->id, (__force __virtio32)cpu_to_le32(heads[i]));
		WRITE_ONCE(e->len, (__force __virtio32)cpu_to_le32(lens[i]));
	}
	ring->used_idx += n;
	ring->unsignalled = true;
	/* Entries and buffer contents before the index. */
	virt_wmb();
	WRITE_ONCE(ring->used->idx, (__force __virtio16)cpu_to_le16(ring->used_idx));
}

void vho_ring_push(struct vho_ring *ring, u16 head, u32 len)
{
	vho_ring_push_n(ring, &head, &len, 1);
}

/* The driver's used_event: after the last entry of the available ring. */
static u16 vho_ring_used_event(const struct vho_ring *ring)
{
	return le16_to_cpu((__force __le16)READ_ONCE(ring->avail->ring[ring->num]));
}

bool vho_ring_need_signal(struct vho_ring *ring)
{
	u16 old = ring->signalled_used;

	if (!ring->unsignalled)
		return false;
	ring->unsignalled = false;
	ring->signalled_used = ring->used_idx;
	/* The driver re-checks the used index after it has asked for interrupts. */
	virt_mb();
	if (ring->event_idx)
		return vring_need_event(vho_ring_used_event(ring), ring->used_idx, old);
	return !(le16_to_cpu((__force __le16)READ_ONCE(ring->avail->flags)) &
		 VRING_AVAIL_F_NO_INTERRUPT);
}

/* Our avail_event: after the last entry of the used ring. */
static void vho_ring_set_avail_event(struct vho_ring *ring, u16 idx)
{
	__virtio16 *event = (__virtio16 *)&ring->used->ring[ring->num];

	WRITE_ONCE(*event, (__force __virtio16)cpu_to_le16(idx));
}

void vho_ring_kick_disable(struct vho_ring *ring)
{
	if (!ring->num || ring->broken)
		return;
	if (ring->event_idx)
		/* As far away as an index can be: half the number space. */
		vho_ring_set_avail_event(ring, ring->last_avail + 0x8000);
	else
		WRITE_ONCE(ring->used->flags,
			   (__force __virtio16)cpu_to_le16(VRING_USED_F_NO_NOTIFY));
}

bool vho_ring_kick_enable(struct vho_ring *ring)
{
	if (!ring->num || ring->broken)
		return false;
	if (ring->event_idx)
		vho_ring_set_avail_event(ring, ring->seen_avail);
	else
		WRITE_ONCE(ring->used->flags, 0);
	/* Pairs with the driver's barrier between its index and the look at the event. */
	virt_mb();
	return vho_ring_pending(ring);
}
