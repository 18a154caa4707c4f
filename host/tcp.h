/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP for one flow: control block, and the calls between the protocol and its
 * surroundings. Sequence arithmetic is in tcp_seq.h, options in tcp_opt.h, what
 * the parts of the protocol share among themselves in tcp_int.h.
 *
 * The protocol code never looks at virtqueues, sk_buffs or netdevs: it is given
 * parsed segments, and asks for two things (below: "What TCP asks for"), which
 * segment.c and payload.c provide in the product and a wire model in KUnit.
 * All calls about a flow are made by its owner (flow->owner), one at a time.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_TCP_H
#define _VHO_TCP_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <net/tcp_states.h>

#include "tcp_ooo.h"
#include "tcp_opt.h"

struct vho_flow;

/* Header flags as they stand in byte 13 of the TCP header. */
#define VHO_TCPF_FIN	0x01
#define VHO_TCPF_SYN	0x02
#define VHO_TCPF_RST	0x04
#define VHO_TCPF_PSH	0x08
#define VHO_TCPF_ACK	0x10
#define VHO_TCPF_URG	0x20
#define VHO_TCPF_ECE	0x40
#define VHO_TCPF_CWR	0x80

/* ECN field of the IP header (RFC 3168 section 5). */
#define VHO_ECN_ECT_0	2
#define VHO_ECN_CE	3

/**
 * enum vho_verdict - what became of a received segment
 * @VHO_DONE: consumed
 * @VHO_TO_SLOW: for the slow path, see vho_tcp_rx()
 * @VHO_DROP: not acceptable; counted by the caller under &struct vho_rx_seg.drop
 */
enum vho_verdict { VHO_DONE, VHO_TO_SLOW, VHO_DROP };

/**
 * struct vho_rx_seg - a received segment, host byte order
 * @seq: sequence number of the first byte (or of SYN)
 * @ack: acknowledgment number, valid with VHO_TCPF_ACK
 * @len: bytes of payload
 * @wnd: window field as on the wire, unscaled
 * @flags: VHO_TCPF_*
 * @ecn: ECN field of the IP header, VHO_ECN_*; 0: not ECN-capable
 * @opt: options found
 * @segs: number of wire segments it was made of (GRO/GSO); 0: a piece within one
 * @drop: reason, set together with VHO_DROP (enum vho_stat)
 * @priv: where the payload is; opaque to TCP
 */
struct vho_rx_seg {
	u32 seq;
	u32 ack;
	u32 len;
	u16 wnd;
	u8 flags;
	u8 ecn;
	struct vho_tcp_opt opt;
	u16 segs;
	u16 drop;
	void *priv;
};

/**
 * struct vho_tx_seg - a segment to send, host byte order
 * @seq: sequence number
 * @ack: acknowledgment number
 * @len: bytes of payload, to be taken from the transmit ring at @seq; may exceed
 *	@mss, the sender cuts (GSO)
 * @mss: payload bytes per wire segment
 * @wnd: window field as on the wire
 * @flags: VHO_TCPF_*
 * @ecn: ECN field of the IP header; 0: not ECN-capable
 * @optlen: bytes in @opt, multiple of 4
 * @opt: options as on the wire
 */
struct vho_tx_seg {
	u32 seq;
	u32 ack;
	u32 len;
	u16 mss;
	u16 wnd;
	u8 flags;
	u8 ecn;
	u8 optlen;
	u8 opt[40];
};

/* Bits of vho_tcb.events: news for the flow's owner, cleared by it. */
#define VHO_EV_ESTABLISHED	0x01	/* handshake complete */
#define VHO_EV_UPDATE		0x02	/* snd_una, rcv_nxt or FIN state moved: tell the guest */
#define VHO_EV_TIME_WAIT	0x04	/* state is TCP_TIME_WAIT: hand to the slow path */
#define VHO_EV_CLOSED		0x08	/* state is TCP_CLOSE: nothing more will be sent */
#define VHO_EV_OUTPUT		0x10	/* call vho_tcp_output() before the turn ends */

/* Largest payload of one vho_tx_seg. */
#define VHO_TX_SEG_MAX_BYTES	(60 * 1024)

/* How much the hot members of struct vho_tcb may take: two cache lines. */
#define VHO_TCB_HOT_BYTES	128

/*
 * struct vho_tcb: transmission control block (RFC 9293 section 3.3.1)
 *
 * Owner: the flow's owner; others may READ_ONCE() for statistics. Times are
 * nanoseconds of the clock passed in as now_ns; 0 means "not set".
 */
struct vho_tcb {
	/* --- hot, receiving: every segment --- */
	u32 rcv_nxt;		/* next sequence number expected */
	u32 rcv_adv;		/* right edge of the window last advertised */
	u32 rx_read;		/* first byte the guest has not consumed */
	u32 rx_size;		/* bytes of the receive ring, 0: none attached yet */
	u32 ts_recent;		/* RFC 7323 */
	u32 ts_offset;		/* added to our timestamp clock, per flow */
	u32 last_ack_sent;	/* rcv_nxt as the peer was last told */
	u16 ack_pending_segs;	/* data segments received since the last ACK sent */
	u16 mss;		/* payload bytes per segment we send, options deducted */
	u16 mss_limit;		/* what our path allows, bytes, options not deducted */
	u16 app;		/* VIRTUOSO_SF_* as last told by the guest */
	u8 state;		/* TCP_* of tcp_states.h */
	u8 events;		/* VHO_EV_* */
	u8 snd_wscale;
	u8 rcv_wscale;
	u8 dupacks;		/* in a row; counts only while not in_recovery */
	u8 backoff;		/* RTO is doubled this often */
	u8 probes;		/* unanswered window probes or keep-alives */
	u8 quick_acks;		/* so many data segments are still acknowledged at once */
	u16 predict:1;		/* header prediction applies: nothing unusual is going on */
	u16 ts_ok:1;		/* timestamps negotiated */
	u16 ws_ok:1;		/* window scaling negotiated */
	u16 ack_now:1;		/* an ACK must go out with the next vho_tcp_output() */
	u16 fin_sent:1;		/* our FIN is at tx_end; was sent at least once */
	u16 fin_rcvd:1;		/* peer's FIN was taken: rcv_nxt is past it */
	u16 fin_known:1;	/* peer's FIN is at rcv_fin, possibly after a gap */
	u16 in_recovery:1;	/* NewReno fast recovery (RFC 6582) */
	u16 recover_hold:1;	/* no fast retransmit before snd_una is past recover */
	u16 partial_acked:1;	/* this recovery has seen a partial ACK */
	u16 rtt_timing:1;	/* rtt_seq and rtt_at_ns are valid */
	u16 rtt_karn:1;		/* no measurement since the retransmission at rtx_ts */
	u16 retry:1;		/* transmission failed: delack_at_ns is to try it again */
	u16 stalled:1;		/* a time-out without progress since stalled_at_ns */
	u16 ecn_ok:1;		/* ECN agreed upon (RFC 3168): marks received are echoed */
	u16 ecn_ect:1;		/* data we send is ECN-capable */
	u16 ecn_echo:1;		/* ECE in what we send, until the peer's CWR */
	u16 ecn_cwr:1;		/* CWR with the next new data */
	u16 ecn_reduced:1;	/* window reduced by ECE; not again before ecn_seq is acknowledged */
	u16 ecn_ask:1;		/* ask for ECN in our SYN */
	u16 ecn_asked:1;	/* a SYN of ours did */
	u16 ecn_gave_up:1;	/* and a later one did not */
	u16 ecn_accept:1;	/* a peer that asks gets it */
	u16 flight_limited:1;	/* flight_limit is not 0 */
	u16 joined:1;		/* the peer takes data by itself: no segments (join.c) */
	u16 aborted:1;		/* we have ended it by RST */
	u64 delack_at_ns;	/* delayed ACK; also: transmission failed, try again */
	u64 last_rx_ns;		/* last acceptable segment */

	/* --- hot, sending --- */
	u32 snd_una;		/* oldest unacknowledged sequence number */
	u32 snd_nxt;		/* next sequence number to send (goes back on RTO) */
	u32 snd_max;		/* highest snd_nxt so far */
	u32 tx_end;		/* end of the guest's data in the transmit ring */
	u32 snd_wnd;		/* peer's window in bytes, scaled */
	u32 max_snd_wnd;	/* largest snd_wnd so far */
	u32 snd_wl1;		/* seq of the last window update */
	u32 snd_wl2;		/* ack of the last window update */
	u32 snd_small;		/* end of the last segment sent that was not full */
	u32 cwnd;		/* bytes */
	u32 ssthresh;		/* bytes */
	u32 ca_acked;		/* bytes acknowledged since cwnd grew (RFC 3465) */
	u32 rto_us;		/* before back-off */
	u32 rtt_seq;		/* segment being timed */
	u64 rto_at_ns;		/* retransmission, persist or handshake timer */

	/* --- timers, see vho_tcp_deadline() --- */
	u64 close_at_ns;	/* FIN-WAIT-2 of an orphan, TIME-WAIT */
	u64 keepalive_at_ns;

	/* --- warm: RTT, recovery (RFC 6298, RFC 6582), closing --- */
	u64 rtt_at_ns;		/* when the segment at rtt_seq was sent */
	u64 stalled_at_ns;	/* no progress since; valid with stalled */
	u64 idle_at_ns;		/* when everything sent had been acknowledged */
	u32 srtt_us;
	u32 rttvar_us;
	u32 rtx_ts;		/* timestamp of the last retransmission, valid with rtt_karn */
	u32 recover;		/* snd_max when the last recovery began */
	u32 ecn_seq;		/* snd_max when ECE last reduced the window, valid with ecn_reduced */
	u32 rcv_fin;		/* sequence number of the peer's FIN, valid with fin_known */
	u64 challenge_at_ns;	/* when the last rate-limited ACK was sent (RFC 5961) */

	/* --- cold: identity of the connection, sizes, options --- */
	u32 iss;
	u32 irs;
	u32 tx_size;		/* bytes of the transmit ring, 0: none attached yet */
	u32 flight_limit;	/* most bytes under way in either direction, 0: none; operator's */
	u32 user_timeout_ms;
	u32 keepalive_idle_s;	/* 0: no keep-alive */
	u32 keepalive_intvl_s;
	u16 keepalive_probes;
	u16 peer_mss;
	u8 error;		/* VIRTUOSO_ERR_* once state is TCP_CLOSE */

	/* --- statistics --- */
	u32 retrans_segs;
	u32 rto_count;
	u64 tx_bytes;		/* payload sent, without retransmissions */
	u64 rx_bytes;		/* payload received in order */

	struct vho_tcp_ooo ooo;	/* what arrived above rcv_nxt */
};

static_assert(offsetofend(struct vho_tcb, last_rx_ns) <= VHO_TCB_HOT_BYTES / 2);
static_assert(offsetofend(struct vho_tcb, rto_at_ns) <= VHO_TCB_HOT_BYTES);

/*
 * The flow's control block: the first member of struct vho_flow, which this file does not
 * know (flow.h asserts it; KUnit has its own struct vho_flow).
 */
static inline struct vho_tcb *vho_flow_tcb(struct vho_flow *flow)
{
	return (struct vho_tcb *)flow;
}

/* Owner: at most so many bytes shall be under way in either direction; 0: no limit. */
static inline void vho_tcp_set_flight_limit(struct vho_tcb *tcb, u32 bytes)
{
	WRITE_ONCE(tcb->flight_limit, bytes);
	tcb->flight_limited = !!bytes;
}

/* End of the peer's data that is in the receive ring: rcv_nxt without the FIN. */
static inline u32 vho_tcp_rx_end(const struct vho_tcb *tcb)
{
	return tcb->rcv_nxt - tcb->fin_rcvd;
}

/* The peer has acknowledged our FIN. */
static inline bool vho_tcp_fin_acked(const struct vho_tcb *tcb)
{
	return tcb->fin_sent && tcb->snd_una == tcb->tx_end + 1;
}

/* ---- What the owner asks of TCP ---- */

/**
 * struct vho_tcp_params - how a connection starts
 * @iss: initial send sequence number (RFC 6528)
 * @ts_offset: random offset of our timestamp clock
 * @mss_limit: largest segment our path allows in bytes, TCP options not deducted
 * @ecn_ask: active open: ask the peer for ECN
 * @ecn_accept: passive open: give it to a peer that asks
 */
struct vho_tcp_params {
	u32 iss;
	u32 ts_offset;
	u16 mss_limit;
	bool ecn_ask;
	bool ecn_accept;
};

/*
 * After every call that takes a flow and now_ns the caller looks at tcb->events and at
 * vho_tcp_deadline(). Context of all: the flow's owner; no sleeping, no locks, no allocation.
 */

/* Active open: TCB from zero to SYN_SENT, SYN goes out. tcp_conn.c */
void vho_tcp_connect(struct vho_flow *flow, const struct vho_tcp_params *par, u64 now_ns);
/* Passive open by @syn: TCB from zero to SYN_RECV, SYN-ACK goes out. tcp_conn.c */
void vho_tcp_accept(struct vho_flow *flow, const struct vho_tcp_params *par,
		    const struct vho_rx_seg *syn, u64 now_ns);
/*
 * Payload rings became known (sizes in bytes, powers of two). Any time after connect or
 * accept. Before it, a flow may become established but takes no data: a segment with
 * payload is VHO_TO_SLOW. tcp_conn.c
 */
void vho_tcp_attach(struct vho_flow *flow, u32 tx_size, u32 rx_size, u64 now_ns);
/*
 * A segment for the flow, any state. Sets events; may send at once (fast retransmit,
 * duplicate ACKs, RST). VHO_TO_SLOW: either the payload cannot be taken before
 * vho_tcp_attach() - at most the handshake was completed by it (VHO_EV_ESTABLISHED), give it
 * again afterwards or drop it; or the state is TCP_TIME_WAIT and the segment is a SYN for
 * which vho_tcp_tw_reusable() - nothing was changed. tcp_in.c
 */
enum vho_verdict vho_tcp_rx(struct vho_flow *flow, struct vho_rx_seg *seg, u64 now_ns);
/*
 * The guest's absolute state: returns -EINVAL, without any change, when tx_seq or rx_seq is outside
 * what the rings and the flow's state allow. @flags: VIRTUOSO_SF_*; FIN and CLOSE stay once set.
 * Before the handshake's end @tx_seq and @rx_seq mean nothing to the guest: there CLOSE and
 * ABORT end the flow, anything else is -EINVAL. CLOSE with data unread, and data that comes
 * after CLOSE, end in RST. tcp_conn.c
 */
int vho_tcp_app(struct vho_flow *flow, u32 tx_seq, u32 rx_seq, u16 flags, u64 now_ns);
/* The guest has larger rings. -EINVAL: that cannot be, nothing was changed. tcp_conn.c */
int vho_tcp_tx_grow(struct vho_flow *flow, u32 seq, u32 size);
int vho_tcp_rx_grow(struct vho_flow *flow, u32 seq, u32 size);
/* The guest's SETOPT. @keepalive_idle_s 0: no keep-alive; other zeros: defaults. tcp_timer.c */
void vho_tcp_setopt(struct vho_flow *flow, u32 user_timeout_ms, u32 keepalive_idle_s,
		    u32 keepalive_intvl_s, u16 keepalive_probes, u64 now_ns);
/* The guest's PEER_MAC: tries again at once what was not answered. tcp_timer.c */
void vho_tcp_hurry(struct vho_flow *flow, u64 now_ns);
/*
 * Sends what windows allow, up to @budget_bytes of payload (but at least one segment), and
 * pending ACKs. Clears VHO_EV_OUTPUT. Return: true when more could be sent right away. tcp_out.c
 */
bool vho_tcp_output(struct vho_flow *flow, u32 budget_bytes, u64 now_ns);
/* Timers that are due at @now_ns. tcp_timer.c */
void vho_tcp_timer(struct vho_flow *flow, u64 now_ns);
/* The earliest timer, U64_MAX: none. tcp_timer.c */
u64 vho_tcp_deadline(const struct vho_tcb *tcb);
/* RST to the peer where RFC 9293 wants one, state TCP_CLOSE with @error. tcp_conn.c */
void vho_tcp_abort(struct vho_flow *flow, u8 error, u64 now_ns);
/*
 * ICMP said the next hop takes less: segments are now at most @mss_limit bytes, options not
 * deducted. The caller has checked that the message quotes a sequence number between
 * snd_una and snd_max (RFC 5927). tcp_conn.c
 */
void vho_tcp_mss_limit(struct vho_flow *flow, u16 mss_limit, u64 now_ns);
/*
 * Builds the RST (or ACK) that answers @seg for which there is no connection: RFC 9293 3.10.7.1.
 * false: none. tcp_conn.c
 */
bool vho_tcp_reset_for(const struct vho_rx_seg *seg, struct vho_tx_seg *rst);
/*
 * The state is TCP_TIME_WAIT and @syn may start a new connection on the same tuple
 * (RFC 1122 section 4.2.2.13, RFC 6191). The new iss should come after tcb->snd_max. tcp_conn.c
 */
bool vho_tcp_tw_reusable(const struct vho_tcb *tcb, const struct vho_rx_seg *syn);
/*
 * The same for an active open from our side: timestamps were in use, and a retransmission
 * time-out has passed, in which a peer that missed our last acknowledgment asks for it again.
 * The new flow needs the same ts_offset, and an iss after tcb->snd_max. tcp_conn.c
 */
bool vho_tcp_tw_reusable_active(const struct vho_tcb *tcb, u64 now_ns);

/* Joined flows (join.c): what would otherwise happen by segments. tcp_join.c */
void vho_tcp_join_begin(struct vho_flow *flow);
void vho_tcp_join_end(struct vho_flow *flow, u32 edge, u64 now_ns);
u32 vho_tcp_join_acked(struct vho_flow *flow, u32 una, u64 now_ns);
bool vho_tcp_join_finish(struct vho_flow *flow);
u32 vho_tcp_join_room(struct vho_tcb *tcb);
void vho_tcp_join_rx(struct vho_flow *flow, u32 len, bool fin, u64 now_ns);
void vho_tcp_join_told(struct vho_tcb *tcb);
void vho_tcp_join_stalled(struct vho_flow *flow, u64 now_ns);
bool vho_tcp_join_ts_ours(u32 ts_offset, u32 tsval, u64 now_ns);
void vho_tcp_join_ack(const struct vho_tcb *tcb, struct vho_tx_seg *out, u64 now_ns);
void vho_tcp_join_reset(struct vho_flow *flow);

/* ---- What TCP asks for ---- */

/* Sends a segment. Return: 0, or -ENOBUFS/-ENOMEM: not sent, TCP tries again by timer. */
int vho_segment_xmit(struct vho_flow *flow, const struct vho_tx_seg *seg);
/*
 * Copies @len bytes of @seg's payload, from @off on, into the receive ring at sequence
 * number @seq. The range was checked against the window. Return: 0, or -EFAULT/-EBADMSG
 * (checksum wrong): the segment is treated as never received.
 *
 * TCP calls this before it acts on anything else in a segment with payload, so the checksum may
 * be left to it: whatever @off and @len are, it stands for the whole segment. @len is 0 when no
 * byte is wanted (possibly before rings are attached): then only the checksum counts.
 */
int vho_payload_store(struct vho_flow *flow, const struct vho_rx_seg *seg, u32 off, u32 seq, u32 len);

#endif /* _VHO_TCP_H */
