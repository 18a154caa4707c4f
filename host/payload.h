/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Payload rings in guest memory, host side.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PAYLOAD_H
#define _VHO_PAYLOAD_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct sk_buff;
struct vho_region;

/**
 * struct vho_payload_ring - one direction's payload of a flow
 * @vaddr: first byte
 * @pages: its pages
 * @size: bytes, power of two; 0: not attached
 * @base_seq: sequence number of the byte at @vaddr (mod size)
 * @region: keeps the mapping; region->users counts rings
 */
struct vho_payload_ring {
	u8 *vaddr;
	struct page **pages;
	u32 size;
	u32 base_seq;
	struct vho_region *region;
};

/* Where a received segment's payload is (vho_rx_seg.priv). */
struct vho_rx_payload {
	struct sk_buff *skb;
	u32 off;		/* of the first payload byte in @skb */
};

struct virtio_virtuoso_ring;
struct vho_guest_state;

int vho_payload_attach(struct vho_guest_state *guest, struct vho_payload_ring *ring,
		       const struct virtio_virtuoso_ring *abi);
void vho_payload_detach(struct vho_payload_ring *ring);

#endif /* _VHO_PAYLOAD_H */
