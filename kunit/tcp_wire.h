/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wire model: two TCP engines, their guests, and a network between them that loses,
 * repeats, reorders, corrupts and delays, under a virtual clock.
 *
 * It stands in for segment.c and payload.c: it defines struct vho_flow,
 * vho_segment_xmit() and vho_payload_store(). After every call into an engine it checks what must
 * hold at all times (vho_wire_check()). Chance comes from a seed: a run can be repeated.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_TCP_WIRE_H
#define _VHO_TCP_WIRE_H

#include <kunit/test.h>
#include <linux/list.h>
#include <linux/prandom.h>
#include <linux/virtio_virtuoso.h>

#include "../host/stats.h"
#include "../host/tcp.h"
#include "../host/tcp_int.h"
#include "../host/tcp_seq.h"

#define VHO_WIRE_MS	NSEC_PER_MSEC
#define VHO_WIRE_S	NSEC_PER_SEC
/* The clock's first value: 0 would mean "not set". */
#define VHO_WIRE_START	(1000 * NSEC_PER_SEC)

struct vho_wire;
struct vho_wire_end;

struct vho_flow {
	struct vho_tcb tcb;	/* must stay first (vho_flow_tcb()) */
	struct vho_wire_end *end;
};

/* A segment under way, as on the wire. */
struct vho_wire_pkt {
	struct list_head node;
	u64 at_ns;
	u8 to;
	bool corrupt;
	u32 seq;
	u32 ack;
	u16 wnd;
	u8 flags;
	u8 ecn;
	u8 optlen;
	u8 opt[40];
	u32 len;
	u8 data[];
};

/**
 * struct vho_wire_net - what the network does to a packet
 * @delay_ns: one way
 * @jitter_ns: at most so much more, by chance (reorders)
 * @ns_per_byte: bandwidth; 0: unlimited
 * @queue_ns: packets that would wait longer for their turn are lost
 * @loss_ppm: lost, per million
 * @dup_ppm: sent twice
 * @corrupt_ppm: payload damaged (packets without payload: lost)
 * @ce_ppm: ECN-capable packets marked, per million
 * @ce_queue_ns: ECN-capable packets that wait longer for their turn are marked; 0: none
 * @gro: merge segments that arrive together
 */
struct vho_wire_net {
	u64 delay_ns;
	u64 jitter_ns;
	u32 ns_per_byte;
	u64 queue_ns;
	u32 loss_ppm;
	u32 dup_ppm;
	u32 corrupt_ppm;
	u32 ce_ppm;
	u64 ce_queue_ns;
	bool gro;
};

/**
 * struct vho_wire_end - one engine and its guest
 * @flow: what the engine works on
 * @wire: the model it belongs to
 * @index: 0 or 1, its place there
 * @tx_ring: transmit ring, of @tx_size bytes
 * @rx_ring: receive ring, of @rx_size bytes
 * @tx_size: bytes, a power of two
 * @rx_size: bytes, a power of two
 * @to_send: bytes the guest wants to send in all
 * @chunk: it writes at most so many at once, 0: whatever fits
 * @read_max: it reads at most so many at once, 0: all there is
 * @no_read: it does not read
 * @no_write: it does not write
 * @flags: VIRTUOSO_SF_* of every update
 * @then: VIRTUOSO_SF_FIN or _CLOSE once all is written (CLOSE: and the peer's FIN was read)
 * @xmit_fail_ppm: vho_segment_xmit() fails, per million
 * @ecn: it asks for ECN, or gives it to who asks
 * @accept: how it answers a SYN
 * @written: bytes written so far
 * @read: bytes read and compared so far
 * @events: all events ever seen
 * @sent: packets handed to the network
 * @sent_empty: of those, packets without payload, SYN, FIN, RST
 * @marked: packets of its that the network marked
 * @echoes: packets with ECE, without SYN, handed to the network
 * @reduced: packets with CWR, without SYN, handed to the network
 * @drops: segments that came out of vho_tcp_rx() as VHO_DROP, by reason
 * @attached: the rings are known to the engine
 * @limited: vho_tcp_output() stopped at its budget, it is to be called again
 * @busy_ns: the network still carries what this end sent before
 * @last_rcv_nxt: of the last vho_wire_check(), with @checked
 * @last_edge: the same, of the receive window
 * @last_una: the same, of what was acknowledged
 * @checked: there was one
 */
struct vho_wire_end {
	struct vho_flow flow;
	struct vho_wire *wire;
	u8 index;
	u8 *tx_ring;
	u8 *rx_ring;
	u32 tx_size;
	u32 rx_size;

	u64 to_send;
	u32 chunk;
	u32 read_max;
	bool no_read;
	bool no_write;
	u16 flags;
	u16 then;
	u32 xmit_fail_ppm;
	bool ecn;
	struct vho_tcp_params accept;

	u64 written;
	u64 read;
	u16 events;
	u32 sent;
	u32 sent_empty;
	u32 marked;
	u32 echoes;
	u32 reduced;
	u32 drops[VHO_STAT_NR];
	bool attached;
	bool limited;
	u64 busy_ns;
	u32 last_rcv_nxt;
	u32 last_edge;
	u32 last_una;
	bool checked;
};

struct vho_wire {
	struct kunit *test;
	struct rnd_state rnd;
	u64 now_ns;
	struct vho_wire_net net;
	struct vho_wire_end end[2];
	struct list_head pkts;
	u32 nr_pkts;
	bool broken;		/* the network carries nothing */
	u32 output_budget;	/* for vho_tcp_output() */
};

/* Everything zero; @ring bytes of rings at both ends; network with 1 ms of delay. */
struct vho_wire *vho_wire_new(struct kunit *test, u64 seed, u32 ring);

/* Done with @w before the test is: returns the memory, so that a test may use many. */
void vho_wire_free_rings(struct vho_wire *w);

/* End 0 opens with @iss; end 1 accepts with @peer_iss when the SYN arrives. MSS limit @mss. */
void vho_wire_connect(struct vho_wire *w, u32 iss, u32 peer_iss, u16 mss);
/* End @i opens. */
void vho_wire_open(struct vho_wire *w, u8 i, u32 iss, u16 mss);
/* Runs until nothing is left to happen, or for @max_ns. Return: nothing is left. */
bool vho_wire_run(struct vho_wire *w, u64 max_ns);
/* Runs until end 0 and end 1 are in these states, or for @max_ns. */
bool vho_wire_run_until(struct vho_wire *w, u8 state0, u8 state1, u64 max_ns);
/* connect and run until both are established and attached. */
void vho_wire_establish(struct vho_wire *w, u32 iss, u32 peer_iss, u16 mss);

/* --- One engine by hand: end 0, the test plays the peer --- */

/* End 0 is ESTABLISHED with @ring, nothing under way. Our next byte is 1001, the peer's 5001. */
struct vho_wire *vho_wire_new_single(struct kunit *test, u32 ring);
/* The oldest packet under way, taken out; NULL: none. Freed with the test. */
struct vho_wire_pkt *vho_wire_pop(struct vho_wire *w);
/* No packet is under way. */
bool vho_wire_quiet(struct vho_wire *w);
void vho_wire_flush(struct vho_wire *w);
/* A segment for end 0; timestamps are added when in use. */
enum vho_verdict vho_wire_inject(struct vho_wire *w, u8 flags, u32 seq, u32 ack, u32 len);
enum vho_verdict vho_wire_inject_seg(struct vho_wire *w, struct vho_rx_seg *seg);
/* The guest of end 0 writes @len bytes and says so with @flags. */
int vho_wire_write(struct vho_wire *w, u32 len, u16 flags);
/* The guest of end 0 reads everything. */
int vho_wire_read(struct vho_wire *w);
/* Moves the clock and runs end 0's timers and output. */
void vho_wire_advance(struct vho_wire *w, u64 ns);
/* Runs output of end 0 if events ask for it. */
void vho_wire_output(struct vho_wire *w);

/* What must hold at all times. */
void vho_wire_check(struct vho_wire_end *e);

static inline struct vho_tcb *vho_wire_tcb(struct vho_wire *w, u8 i)
{
	return &w->end[i].flow.tcb;
}

#endif /* _VHO_TCP_WIRE_H */
