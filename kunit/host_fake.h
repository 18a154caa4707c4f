/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of host/ stand on: a port with a driver, played by the test's own thread.
 *
 * Core and slow path are workers without threads: what is posted to them waits until the test
 * runs it, so that every order of events can be tried, the same each time. Guest memory is kernel
 * memory at VHO_FAKE_BASE of the guest's addresses. It stands in for port.c, port_netdev.c and,
 * unless asked otherwise, segment.c.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_HOST_FAKE_H
#define _VHO_HOST_FAKE_H

#include <kunit/test.h>
#include <linux/completion.h>

#include "../host/core.h"
#include "../host/flow.h"
#include "../host/guest_state.h"
#include "../host/port.h"
#include "../host/slow.h"

#define VHO_FAKE_BASE		0x40000000ULL
#define VHO_FAKE_BYTES		(2u << 20)
/* Queues lie in front, region 0 is the rest. */
#define VHO_FAKE_REGION_OFF	(1u << 20)
#define VHO_FAKE_REGION		(VHO_FAKE_BASE + VHO_FAKE_REGION_OFF)
#define VHO_FAKE_REGION_BYTES	(VHO_FAKE_BYTES - VHO_FAKE_REGION_OFF)
#define VHO_FAKE_VQ_NUM		64
/* One slot per entry of a queue, at the region's start. */
#define VHO_FAKE_SLOT_BYTES	128
/* Payload rings of flows in the region, VHO_FAKE_RING_BYTES each. */
#define VHO_FAKE_RINGS_OFF	(512u << 10)
#define VHO_FAKE_RING_BYTES	4096u
#define VHO_FAKE_SENT_MAX	64

/* The driver's side of a queue. */
struct vho_fake_vq {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 avail_idx;
	u16 last_used;
	u16 next_desc;		/* for who makes chains of his own */
	u64 slots;		/* guest address of slot 0 */
};

/**
 * struct vho_fake - one port, its core, its guest
 * @test: the running case
 * @core: serves @port
 * @port: the only one
 * @group: its first group
 * @guest: its running driver
 * @mem: the guest's memory
 * @ahead_ns: how far the clock given to the code under test is ahead of the machine's
 * @vq: the driver's side of the queues
 * @sent: segments handed to vho_segment_xmit(), the first VHO_FAKE_SENT_MAX
 * @nr_sent: how many
 * @netdev_rx: packets that entered the network
 * @calls: interrupts raised
 * @config_changes: configuration interrupts raised
 * @carrier: of the port's netdev
 * @cut_off: it went while the port was served still
 * @nr_maps: live mappings
 * @fail_map: what the next mappings return
 * @stuck: device whose VMM makes everybody wait who reaches for its memory, NULL: none
 * @waits: somebody does
 * @unstick: lets one go on
 * @ecn: net.ipv4.tcp_ecn
 * @join_refused: why no flow may be joined now, 0: it may
 * @made_liberal: connections that conntrack was told to be liberal with
 * @conntrack: the machine has connection tracking
 * @conntrack_missed: it has certainly not seen the packets of ours
 * @xmit: is told of every segment sent; NULL: nobody is
 * @priv: for the suite
 * @threads: core and slow path have threads of their own
 * @extra: the suite's
 * @build_segments: segments become packets, which enter the network
 */
struct vho_fake {
	struct kunit *test;
	struct vho_core core;
	struct vho_port *port;
	struct vho_group *group;
	struct vho_guest_state *guest;
	u8 *mem;
	u64 ahead_ns;
	struct vho_fake_vq vq[VHO_VQ_MAX];
	struct vho_tx_seg sent[VHO_FAKE_SENT_MAX];
	unsigned int nr_sent;
	struct sk_buff_head netdev_rx;
	unsigned int calls;
	unsigned int config_changes;
	bool carrier;
	bool cut_off;
	unsigned int nr_maps;
	int fail_map;
	u8 ecn;
	enum vho_stat join_refused;
	unsigned int made_liberal;
	bool conntrack;
	bool conntrack_missed;
	void (*xmit)(struct vho_fake *f, struct vho_flow *flow, const struct vho_tx_seg *seg);
	void *priv;
	const struct vho_vdev *stuck;
	struct completion waits;
	struct completion unstick;
	bool threads;
	void *extra;
	bool build_segments;
};

/* init and exit of a suite; test->priv is the struct vho_fake. Exit checks that nothing is left. */
int vho_fake_init(struct kunit *test);
void vho_fake_exit(struct kunit *test);

/* Core and slow path become threads, for what waits for them. Before anything is posted. */
void vho_fake_start_threads(struct vho_fake *f);
/* One more port of the same core and memory, without a driver; exit is its user's business. */
struct vho_port *vho_fake_port_new(struct vho_fake *f, u32 index);
void vho_fake_port_exit(struct vho_port *port);
/* One more group of a port. Before a driver runs; vho_port.nr_groups is the caller's. */
struct vho_group *vho_fake_add_group(struct vho_fake *f, struct vho_port *port);
/* Sets queue @vq up, empty. */
struct vho_ring *vho_fake_vq_init(struct vho_fake *f, u16 vq);
/* A driver with @channels channels and region 0 runs. */
void vho_fake_guest_start(struct vho_fake *f, unsigned int channels);
/* Its frame queues are set up, too. */
void vho_fake_frames_start(struct vho_fake *f, u64 features);
/* The driver resets the device. */
void vho_fake_guest_stop(struct vho_fake *f);
/*
 * The way of a real driver, by the device model up to DRIVER_OK: features, then the queues 0 to
 * @nr_vqs - 1. Needs threads; vho_vdev_reset() is its end.
 */
void vho_fake_driver_start(struct vho_fake *f, u64 features, unsigned int nr_vqs);

/* Address in the test of guest address @addr. */
void *vho_fake_ptr(struct vho_fake *f, u64 addr);
/* Puts a buffer at @addr into queue @vq. */
void vho_fake_add(struct vho_fake *f, u16 vq, u64 addr, u32 len, bool write);
/* Copies @len bytes into a slot of channel @chan's submit queue and puts it in. */
void vho_fake_submit(struct vho_fake *f, unsigned int chan, const void *rec, u32 len);
/* @n buffers for complete records. */
void vho_fake_offer(struct vho_fake *f, unsigned int chan, unsigned int n);
/* The next complete record of a channel. false: none. */
bool vho_fake_complete(struct vho_fake *f, unsigned int chan, struct virtio_virtuoso_complete *rec);

/* Buffers of queue @vq that the device has given back, ever. */
u16 vho_fake_used(struct vho_fake *f, u16 vq);
/* The next complete record of a channel is this one. */
void vho_fake_expect_record(struct vho_fake *f, unsigned int chan, u8 op, u8 error, u32 id);

/* Runs what was posted to the core, to the slow path. Return: something was. */
bool vho_fake_run_core(struct vho_fake *f);
bool vho_fake_run_slow(struct vho_fake *f);
/* A turn of the port. */
void vho_fake_turn(struct vho_fake *f);
/* Turns and messages until nothing is posted any more. */
void vho_fake_settle(struct vho_fake *f);
/* The time, in ns, that what is played goes by. */
u64 vho_fake_now(const struct vho_fake *f);
/* The timers of core and slow path that are due. */
void vho_fake_run_timers(struct vho_fake *f);

/* ring.h's idea of the @nr-th ring of flows. */
struct virtio_virtuoso_ring vho_fake_ring(unsigned int nr);
/* ::ffff:@addr */
struct in6_addr vho_fake_addr(u32 addr);
/*
 * Headers of a TCP segment with @optlen bytes of options and @len of payload from the peer of @key. Return: its
 * TCP header, with ports and length.
 */
struct tcphdr *vho_fake_put_headers(struct sk_buff *skb, const u8 *dmac, const u8 *smac,
				    const struct vho_flow_key *key, unsigned int optlen, u32 len);
/* A TCP segment to the guest as port_netdev.c would queue it, its flow found, not yet delivered. */
struct sk_buff *vho_fake_skb(struct vho_fake *f, const struct vho_flow_key *key, u8 flags, u32 seq,
			     u32 ack, u32 len);
/* The same, delivered to whom the flow belongs. */
void vho_fake_rx(struct vho_fake *f, const struct vho_flow_key *key, u8 flags, u32 seq, u32 ack,
		 u32 len);
/* ---- whole connections: to port 80 of VHO_FAKE_PEER from port 1000 + @id, flow @id, channel 0 ---- */

#define VHO_FAKE_GUEST		0x0a000001
#define VHO_FAKE_PEER		0x0a000002
#define VHO_FAKE_IRS		5000

struct virtio_virtuoso_submit_connect vho_fake_connect_rec(struct vho_fake *f, u32 id);
struct vho_flow_key vho_fake_connect_key(struct vho_fake *f, u32 id);
/* CONNECT, up to the SYN. */
struct vho_flow *vho_fake_connect(struct vho_fake *f, u32 id);
/* The same, up to CONNECTED. */
struct vho_flow *vho_fake_establish(struct vho_fake *f, u32 id);
/* The same on channel @chan, whichever group that is of. */
struct vho_flow *vho_fake_establish_on(struct vho_fake *f, unsigned int chan, u32 id);
/* Listens on port 80 with @backlog. */
void vho_fake_listen(struct vho_fake *f, u32 backlog);
struct vho_flow_key vho_fake_incoming_key(struct vho_fake *f, u16 rport);
/* SYN and ACK of a peer to port 80; the flow, established, the core not yet told. */
struct vho_flow *vho_fake_incoming(struct vho_fake *f, u16 rport);
void vho_fake_attach(struct vho_fake *f, unsigned int chan, u32 id, u32 token);
void vho_fake_refuse(struct vho_fake *f, u32 token);
void vho_fake_update(struct vho_fake *f, unsigned int chan, u32 id, u32 tx_seq, u32 rx_seq, u16 flags);
/* UPDATE that changes nothing but @flags. */
void vho_fake_update_flags(struct vho_fake *f, struct vho_flow *flow, u16 flags);
struct vho_flow *vho_fake_lookup(const struct vho_flow_key *key);

/* Has a segment with all of @flags been sent? */
bool vho_fake_sent(const struct vho_fake *f, u8 flags);
u64 vho_fake_stat(struct vho_fake *f, enum vho_stat stat);

/* The wire model of the suites of TCP, payload.c and segment.c, under names of their own (Kbuild). */
int vho_wire_segment_xmit(struct vho_flow *flow, const struct vho_tx_seg *seg);
int vho_host_segment_xmit(struct vho_flow *flow, const struct vho_tx_seg *seg);
int vho_wire_payload_store(struct vho_flow *flow, const struct vho_rx_seg *seg, u32 off, u32 seq,
			   u32 len);
int vho_host_payload_store(struct vho_flow *flow, const struct vho_rx_seg *seg, u32 off, u32 seq,
			   u32 len);

#endif /* _VHO_HOST_FAKE_H */
