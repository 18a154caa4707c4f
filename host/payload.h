/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Payload rings in guest memory, host side.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PAYLOAD_H
#define _VHO_PAYLOAD_H

#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include "tcp_seq.h"

struct sk_buff;
struct vho_region;

/**
 * struct vho_payload_ring - one direction's payload of a flow
 * @vaddr: first byte
 * @pages: its pages
 * @size: bytes, power of two; 0: not attached
 * @region: keeps the mapping; region->users counts rings
 * @mem: the above
 * @old: the smaller ring that it had before, until nothing in it is needed any more; @old.size 0: none
 * @old_end: the bytes before this sequence number lie in @old
 * @base_seq: sequence number of the byte at @vaddr (mod size), and of that at @old.vaddr
 */
struct vho_payload_ring {
	struct_group_tagged(vho_payload_mem, mem,
		u8 *vaddr;
		struct page **pages;
		u32 size;
		struct vho_region *region;
	);
	struct vho_payload_mem old;
	u32 old_end;
	u32 base_seq;
};

/*
 * Where the byte with sequence number @seq lies: at *@pos of what is returned. *@len is cut to what lies there
 * in one piece.
 */
static inline const struct vho_payload_mem *vho_payload_find(const struct vho_payload_ring *ring,
							     u32 seq, u32 *pos, u32 *len)
{
	const struct vho_payload_mem *mem = &ring->mem;

	/* Among the last bytes of the old one? Never, when there is none. */
	if (unlikely(ring->old_end - seq - 1 < ring->old.size)) {
		mem = &ring->old;
		*len = min(*len, ring->old_end - seq);
	}
	*pos = (seq - ring->base_seq) & (mem->size - 1);
	*len = min(*len, mem->size - *pos);
	return mem;
}

/* The same, as an address. */
static inline u8 *vho_payload_at(const struct vho_payload_ring *ring, u32 seq, u32 *len)
{
	u32 pos;

	return vho_payload_find(ring, seq, &pos, len)->vaddr + pos;
}

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
void vho_payload_grow(struct vho_payload_ring *ring, const struct vho_payload_ring *larger,
		      u32 old_end);
bool vho_payload_retire(struct vho_payload_ring *ring, u32 seq);

#endif /* _VHO_PAYLOAD_H */
