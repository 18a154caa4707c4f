// SPDX-License-Identifier: GPL-2.0
/*
 * Received payload into the guest's ring.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/log2.h>
#include <linux/skbuff.h>

#include "flow.h"
#include "guest_state.h"
#include "payload.h"

/**
 * vho_payload_store() - copy received payload into the guest's receive ring
 * @flow: flow, owned by the caller
 * @seg: segment
 * @off: first byte of its payload to copy
 * @seq: sequence number of that byte
 * @len: bytes, at most the ring's size; 0: possibly before a ring is attached
 *
 * Context: FP or SP.
 * Return: 0, -EFAULT.
 */
int vho_payload_store(struct vho_flow *flow, const struct vho_rx_seg *seg, u32 off, u32 seq, u32 len)
{
	const struct vho_rx_payload *payload = seg->priv;
	const struct vho_payload_ring *ring = &flow->rx;
	u32 pos, first;

	/* The packet's checksum was verified when the owner took it: nothing else to do then. */
	if (!len)
		return 0;
	if (len > ring->size)
		return -EFAULT;
	pos = (seq - ring->base_seq) & (ring->size - 1);
	first = min(len, ring->size - pos);
	if (skb_copy_bits(payload->skb, payload->off + off, ring->vaddr + pos, first))
		return -EFAULT;
	if (len > first &&
	    skb_copy_bits(payload->skb, payload->off + off + first, ring->vaddr, len - first))
		return -EFAULT;
	return 0;
}

/**
 * vho_payload_attach() - a guest's ring becomes a flow's
 * @guest: running driver
 * @ring: to fill
 * @abi: private copy of what the guest says
 *
 * Context: FP.
 * Return: 0, -EINVAL: not in a region, or a bad size or alignment.
 */
int vho_payload_attach(struct vho_guest_state *guest, struct vho_payload_ring *ring,
		       const struct virtio_virtuoso_ring *abi)
{
	u32 off = le32_to_cpu(abi->offset_bytes);
	struct vho_region *region;
	u32 size;

	if (abi->size_log2 < VIRTUOSO_RING_LOG2_MIN || abi->size_log2 > VIRTUOSO_RING_LOG2_MAX ||
	    abi->reserved[0] || abi->reserved[1] || abi->reserved[2])
		return -EINVAL;
	size = 1u << abi->size_log2;
	region = vho_region_get(guest, le32_to_cpu(abi->region));
	if (!region || !PAGE_ALIGNED(off) || off > region->map.len || size > region->map.len - off)
		return -EINVAL;
	ring->vaddr = region->map.vaddr + off;
	ring->pages = region->map.pages + (off >> PAGE_SHIFT);
	ring->size = size;
	ring->region = region;
	atomic_inc(&region->users);
	return 0;
}

/* Context: FP. */
void vho_payload_detach(struct vho_payload_ring *ring)
{
	if (!ring->region)
		return;
	atomic_dec(&ring->region->users);
	memset(ring, 0, sizeof(*ring));
}
