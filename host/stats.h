/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of a port. One list: identifier (also the exported name, lower case) and meaning.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_STATS_H
#define _VHO_STATS_H

#include <linux/types.h>

/*
 * X(name, "meaning"). Names: <area>_<event>[_<unit>]. Areas: fp (fast path), sp (slow path),
 * frame, chan, drop. Free-running; a reader sums over CPUs.
 */
#define VHO_STATS(X) \
	X(fp_rx_segs, "TCP segments received by the fast path, wire segments") \
	X(fp_rx_bytes, "TCP payload bytes received in order or out of order") \
	X(fp_tx_segs, "TCP segments sent, wire segments") \
	X(fp_tx_bytes, "TCP payload bytes sent, retransmissions included") \
	X(fp_retrans_segs, "TCP segments sent again") \
	X(fp_turns, "turns the core gave to this port") \
	X(sp_syn_rx, "SYNs received for a listener") \
	X(sp_connect, "connect requests of the guest") \
	X(sp_established, "connections that became established") \
	X(sp_failed, "connections that failed before they were established") \
	X(sp_reset, "established connections that ended by RST or time-out") \
	X(sp_control, "requests on the control queue") \
	X(sp_limit_listeners, "listeners refused: over the port's limit") \
	X(sp_limit_regions, "memory refused: over the port's limit") \
	X(frame_rx, "frames from the network to the guest") \
	X(frame_rx_bytes, "bytes of frames from the network to the guest") \
	X(frame_tx, "frames from the guest to the network") \
	X(frame_tx_bytes, "bytes of frames from the guest to the network") \
	X(chan_submit, "submit records taken from the guest") \
	X(chan_complete, "complete records given to the guest") \
	X(chan_kick, "kicks from the guest") \
	X(chan_irq, "interrupts raised in the guest") \
	X(drop_rxq_full, "packets dropped: the port's receive queue was full") \
	X(drop_spq_full, "packets dropped: the port's queue for the slow path was full") \
	X(drop_frameq_full, "frames dropped: the guest did not take them in time") \
	X(drop_no_buffer, "frames dropped: the guest had no receive buffer large enough") \
	X(drop_malformed, "packets dropped: headers truncated or inconsistent") \
	X(drop_checksum, "segments dropped: wrong checksum") \
	X(drop_seq, "segments dropped: outside the window") \
	X(drop_paws, "segments dropped: timestamp too old (RFC 7323 PAWS)") \
	X(drop_state, "segments dropped: not acceptable in the connection's state") \
	X(drop_ooo_full, "segments dropped: too many gaps in the sequence space") \
	X(drop_rcvbuf, "segments dropped: receive ring full or not attached") \
	X(drop_backlog, "SYNs dropped: listen backlog full") \
	X(drop_limit, "connections refused: over the port's flow limit or out of memory") \
	X(drop_conn_rate, "connections refused: over the port's rate of new ones") \
	X(drop_nomem, "packets dropped: out of memory") \
	X(guest_bad_submit, "submit records refused: malformed or not the guest's flow") \
	X(guest_bad_frame, "frames from the guest refused: malformed") \
	X(guest_bad_control, "control requests refused") \
	X(guest_bad_ring, "virtqueues stopped: the driver broke the ring's rules") \
	X(ecn_ce_marked, "packets marked CE: the port's receive queue was more than half full") \
	X(sp_policy_refused, "connections refused by the operator's policy") \
	X(sp_policy_ended, "connections ended by a change of the operator's policy") \
	X(drop_policy, "frames of native connections dropped: refused by the operator's policy") \
	X(drop_spoofed, "frames from the guest dropped: not an address of its port") \
	X(path_rx_segs, "TCP segments taken off an uplink, wire segments") \
	X(path_rx_bytes, "TCP payload bytes taken off an uplink") \
	X(path_rx_learned, "times that the headers of what an uplink receives were learned") \
	X(path_rx_differ, "packets left to the switch: their headers are not known as the flow's") \
	X(path_rx_probe_tx, "probes of what is received, injected at an uplink") \
	X(path_rx_probe_rx, "of these: came to the port") \
	X(path_rx_lost, "headers of what is received forgotten: such a probe did not come to the port") \
	X(drop_path_ecn, "segments dropped: CE in the tunnel's header, not ECN-capable in it (RFC 6040)") \
	X(join_up, "connections joined with one of another port: payload from ring to ring") \
	X(join_tx_bytes, "payload bytes sent to a joined connection") \
	X(join_rx_bytes, "payload bytes received from a joined connection") \
	X(join_probes, "acknowledgments sent through the switch to see whether they arrive") \
	X(join_part_probe, "joined connections separated: a probe did not arrive") \
	X(join_part_capture, "joined connections separated: packets are being captured") \
	X(join_part_off, "joined connections separated: the operator does not want it") \
	X(tx_copied, "packets whose payload was copied by whom they reached: receivers on this machine, captures") \
	X(path_tx, "packets sent by a one-shot path") \
	X(path_tx_long, "packets of established connections sent the long way while there are uplinks") \
	X(path_tx_busy, "packets put off: the uplink's queue was full") \
	X(path_tx_mtu, "packets sent the long way: too long for the one-shot path") \
	X(path_learned, "paths learned at an uplink") \
	X(path_changed, "of these, paths that replaced another one") \
	X(path_lost_probe, "paths given up: a probe did not arrive") \
	X(path_lost_uplink, "paths given up: the uplink went down or away") \
	X(path_lost_next_hop, "paths given up: the guest's next hop has another address") \
	X(path_refused_headers, "paths not taken: headers that are not understood") \
	X(path_refused_gre_seq, "paths not taken: GRE with sequence numbers") \
	X(path_refused_filter, "paths not taken: filters on the way would be bypassed") \
	X(path_refused_flood, "paths not taken: the packet left by several uplinks") \
	X(path_probe_tx, "probes sent into the switch") \
	X(path_probe_rx, "probes that arrived at an uplink")

enum vho_stat {
#define X(name, doc) VHO_STAT_##name,
	VHO_STATS(X)
#undef X
	VHO_STAT_NR
};

extern const char *const vho_stat_names[VHO_STAT_NR];

/**
 * enum vho_stat_kind - what a counter's name begins with, and what else happens when it grows
 * @VHO_STAT_KIND_PLAIN: nothing
 * @VHO_STAT_KIND_DROP: drop_: a tracepoint
 * @VHO_STAT_KIND_GUEST: guest_: a tracepoint, and an event by netlink
 */
enum vho_stat_kind {
	VHO_STAT_KIND_PLAIN,
	VHO_STAT_KIND_DROP,
	VHO_STAT_KIND_GUEST,
};

enum vho_stat_kind vho_stat_kind(enum vho_stat stat);

/**
 * struct vho_stats - counters of one port on one CPU
 * @v: one value per enum vho_stat, changed by this_cpu_add()
 */
struct vho_stats {
	u64 v[VHO_STAT_NR];
};

#endif /* _VHO_STATS_H */
