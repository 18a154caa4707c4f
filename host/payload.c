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
	u32 n;

	/* The packet's checksum was verified when the owner took it: nothing else to do then. */
	if (!len)
		return 0;
	if (len > ring->size)
		return -EFAULT;
	for (off += payload->off; len; off += n, seq += n, len -= n) {
		u8 *to;

		n = len;
		to = vho_payload_at(ring, seq, &n);
		if (skb_copy_bits(payload->skb, off, to, n))
			return -EFAULT;
	}
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

static void vho_payload_mem_put(struct vho_payload_mem *mem)
{
	if (mem->region)
		atomic_dec(&mem->region->users);
	memset(mem, 0, sizeof(*mem));
}

/* Context: FP. */
void vho_payload_detach(struct vho_payload_ring *ring)
{
	if (!ring->region)
		return;
	vho_payload_mem_put(&ring->old);
	vho_payload_mem_put(&ring->mem);
}

/**
 * vho_payload_grow() - a larger ring takes a ring's place
 * @ring: attached, and with nothing left of the one before it
 * @larger: attached by vho_payload_attach(); @ring takes it over
 * @old_end: bytes from this sequence number on lie in the larger one
 *
 * Context: FP, the flow's owner.
 */
void vho_payload_grow(struct vho_payload_ring *ring, const struct vho_payload_ring *larger,
		      u32 old_end)
{
	ring->old = ring->mem;
	ring->old_end = old_end;
	ring->mem = larger->mem;
}

/**
 * vho_payload_retire() - let go of the ring that a larger one has replaced, when that is possible
 * @ring: ring
 * @seq: bytes before it are not needed any more
 *
 * Must be called before sequence numbers have come half round: whenever the guest is told, or tells, that
 * bytes are done with.
 *
 * Context: FP, the flow's owner.
 * Return: it has been.
 */
bool vho_payload_retire(struct vho_payload_ring *ring, u32 seq)
{
	if (likely(!ring->old.size) || vho_seq_before(seq, ring->old_end))
		return false;
	vho_payload_mem_put(&ring->old);
	return true;
}
