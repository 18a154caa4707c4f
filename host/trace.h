/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of the system "virtuoso": what counters cannot tell since they have no time.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtuoso

#if !defined(_VHO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VHO_TRACE_H

#include <linux/tracepoint.h>
#include <net/tcp_states.h>

#include "core.h"
#include "flow.h"
#include "port.h"
#include "stats.h"

#define vho_trace_state_names \
	{ TCP_ESTABLISHED, "established" }, \
	{ TCP_SYN_SENT, "syn-sent" }, \
	{ TCP_SYN_RECV, "syn-recv" }, \
	{ TCP_FIN_WAIT1, "fin-wait-1" }, \
	{ TCP_FIN_WAIT2, "fin-wait-2" }, \
	{ TCP_TIME_WAIT, "time-wait" }, \
	{ TCP_CLOSE, "close" }, \
	{ TCP_CLOSE_WAIT, "close-wait" }, \
	{ TCP_LAST_ACK, "last-ack" }, \
	{ TCP_CLOSING, "closing" }, \
	{ 0, "new" }

#define vho_trace_tcp_flags \
	{ 0x01, "FIN" }, \
	{ 0x02, "SYN" }, \
	{ 0x04, "RST" }, \
	{ 0x08, "PSH" }, \
	{ 0x10, "ACK" }, \
	{ 0x20, "URG" }, \
	{ 0x40, "ECE" }, \
	{ 0x80, "CWR" }

TRACE_DEFINE_ENUM(TCP_ESTABLISHED);
TRACE_DEFINE_ENUM(TCP_SYN_SENT);
TRACE_DEFINE_ENUM(TCP_SYN_RECV);
TRACE_DEFINE_ENUM(TCP_FIN_WAIT1);
TRACE_DEFINE_ENUM(TCP_FIN_WAIT2);
TRACE_DEFINE_ENUM(TCP_TIME_WAIT);
TRACE_DEFINE_ENUM(TCP_CLOSE);
TRACE_DEFINE_ENUM(TCP_CLOSE_WAIT);
TRACE_DEFINE_ENUM(TCP_LAST_ACK);
TRACE_DEFINE_ENUM(TCP_CLOSING);

/* The state of a connection changed; seen by its owner after TCP was called. */
TRACE_EVENT(vho_flow_state,
	TP_PROTO(const struct vho_flow *flow, u8 before, u8 now),
	TP_ARGS(flow, before, now),
	TP_STRUCT__entry(
		__string(port, flow->port->name)
		__array(u8, laddr, 16)
		__array(u8, raddr, 16)
		__field(u16, lport)
		__field(u16, rport)
		__field(u8, before)
		__field(u8, now)
	),
	TP_fast_assign(
		__assign_str(port);
		memcpy(__entry->laddr, &flow->key.laddr, 16);
		memcpy(__entry->raddr, &flow->key.raddr, 16);
		__entry->lport = ntohs(flow->key.lport);
		__entry->rport = ntohs(flow->key.rport);
		__entry->before = before;
		__entry->now = now;
	),
	TP_printk("port=%s laddr=%pI6c lport=%u raddr=%pI6c rport=%u before=%s now=%s",
		  __get_str(port), __entry->laddr, __entry->lport, __entry->raddr, __entry->rport,
		  __print_symbolic(__entry->before, vho_trace_state_names),
		  __print_symbolic(__entry->now, vho_trace_state_names))
);

/* A core served a port that had work. */
TRACE_EVENT(vho_port_turn,
	TP_PROTO(const struct vho_port *port, const struct vho_core *core, u64 cost_ns),
	TP_ARGS(port, core, cost_ns),
	TP_STRUCT__entry(
		__string(port, port->name)
		__field(u32, core)
		__field(u64, cost_ns)
	),
	TP_fast_assign(
		__assign_str(port);
		__entry->core = core->index;
		__entry->cost_ns = cost_ns;
	),
	TP_printk("port=%s core=%u cost_ns=%llu", __get_str(port), __entry->core, __entry->cost_ns)
);

DECLARE_EVENT_CLASS(vho_segment,
	TP_PROTO(const struct vho_flow *flow, u32 seq, u32 ack, u8 flags, u16 wnd, u32 len),
	TP_ARGS(flow, seq, ack, flags, wnd, len),
	TP_STRUCT__entry(
		__string(port, flow->port->name)
		__array(u8, laddr, 16)
		__array(u8, raddr, 16)
		__field(u16, lport)
		__field(u16, rport)
		__field(u32, seq)
		__field(u32, ack)
		__field(u32, len)
		__field(u16, wnd)
		__field(u8, flags)
	),
	TP_fast_assign(
		__assign_str(port);
		memcpy(__entry->laddr, &flow->key.laddr, 16);
		memcpy(__entry->raddr, &flow->key.raddr, 16);
		__entry->lport = ntohs(flow->key.lport);
		__entry->rport = ntohs(flow->key.rport);
		__entry->seq = seq;
		__entry->ack = ack;
		__entry->len = len;
		__entry->wnd = wnd;
		__entry->flags = flags;
	),
	TP_printk("port=%s laddr=%pI6c lport=%u raddr=%pI6c rport=%u flags=%s seq=%u ack=%u wnd=%u len=%u",
		  __get_str(port), __entry->laddr, __entry->lport, __entry->raddr, __entry->rport,
		  __print_flags(__entry->flags, ",", vho_trace_tcp_flags), __entry->seq, __entry->ack,
		  __entry->wnd, __entry->len)
);

/* TCP is given a segment, its payload in pieces perhaps; a connection in TIME-WAIT or without one is the slow path's. */
DEFINE_EVENT(vho_segment, vho_tcp_in,
	TP_PROTO(const struct vho_flow *flow, u32 seq, u32 ack, u8 flags, u16 wnd, u32 len),
	TP_ARGS(flow, seq, ack, flags, wnd, len)
);

/* TCP has sent a segment, which may be cut into several on its way. */
DEFINE_EVENT(vho_segment, vho_tcp_out,
	TP_PROTO(const struct vho_flow *flow, u32 seq, u32 ack, u8 flags, u16 wnd, u32 len),
	TP_ARGS(flow, seq, ack, flags, wnd, len)
);

DECLARE_EVENT_CLASS(vho_path,
	TP_PROTO(const struct vho_flow *flow, const struct net_device *uplink, u32 len),
	TP_ARGS(flow, uplink, len),
	TP_STRUCT__entry(
		__string(port, flow->port->name)
		__string(uplink, uplink->name)
		__field(u16, lport)
		__field(u16, rport)
		__field(u32, len)
	),
	TP_fast_assign(
		__assign_str(port);
		__assign_str(uplink);
		__entry->lport = ntohs(flow->key.lport);
		__entry->rport = ntohs(flow->key.rport);
		__entry->len = len;
	),
	TP_printk("port=%s lport=%u rport=%u uplink=%s len=%u", __get_str(port), __entry->lport,
		  __entry->rport, __get_str(uplink), __entry->len)
);

/* A packet went out by its flow's path, so many bytes of payload. */
DEFINE_EVENT(vho_path, vho_path_xmit,
	TP_PROTO(const struct vho_flow *flow, const struct net_device *uplink, u32 len),
	TP_ARGS(flow, uplink, len)
);

/* A packet was taken off an uplink, and waits for its port's core. */
DEFINE_EVENT(vho_path, vho_path_rx,
	TP_PROTO(const struct vho_flow *flow, const struct net_device *uplink, u32 len),
	TP_ARGS(flow, uplink, len)
);

DECLARE_EVENT_CLASS(vho_reason,
	TP_PROTO(const struct vho_port *port, enum vho_stat reason, u64 count),
	TP_ARGS(port, reason, count),
	TP_STRUCT__entry(
		__string(port, port->name)
		__string(reason, vho_stat_names[reason])
		__field(u64, count)
	),
	TP_fast_assign(
		__assign_str(port);
		__assign_str(reason);
		__entry->count = count;
	),
	TP_printk("port=%s reason=%s count=%llu", __get_str(port), __get_str(reason), __entry->count)
);

/* Packets or frames of a port were dropped; the reason is the counter's name. */
DEFINE_EVENT(vho_reason, vho_drop,
	TP_PROTO(const struct vho_port *port, enum vho_stat reason, u64 count),
	TP_ARGS(port, reason, count)
);

/* A guest broke the rules of the device; the reason is the counter's name. */
DEFINE_EVENT(vho_reason, vho_guest_misbehaved,
	TP_PROTO(const struct vho_port *port, enum vho_stat reason, u64 count),
	TP_ARGS(port, reason, count)
);

#endif /* _VHO_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

/* This part must be outside of the protection against inclusion. */
#include <trace/define_trace.h>
