// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl flow: connections.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtuoso.h>

#include "ctl.h"
#include "format.h"
#include "json.h"
#include "nl.h"

static const char *const attr_names[] = {
	[VIRTUOSO_A_FLOW_PORT] = "port",
	[VIRTUOSO_A_FLOW_DIRECTION] = "direction",
	[VIRTUOSO_A_FLOW_LADDR] = "laddr",
	[VIRTUOSO_A_FLOW_RADDR] = "raddr",
	[VIRTUOSO_A_FLOW_LPORT] = "lport",
	[VIRTUOSO_A_FLOW_RPORT] = "rport",
	[VIRTUOSO_A_FLOW_STATE] = "state",
};

static const struct nl_spec flow_spec = { VIRTUOSO_A_FLOW_STATE, attr_names };

static const char *const direction_names[] = {
	[VIRTUOSO_FLOW_DIRECTION_ACTIVE] = "active",
	[VIRTUOSO_FLOW_DIRECTION_PASSIVE] = "passive",
};

static const struct names directions = { direction_names, 3 };

static const char *const state_names[] = {
	[VIRTUOSO_FLOW_STATE_ESTABLISHED] = "established",
	[VIRTUOSO_FLOW_STATE_SYN_SENT] = "syn-sent",
	[VIRTUOSO_FLOW_STATE_SYN_RECV] = "syn-recv",
	[VIRTUOSO_FLOW_STATE_FIN_WAIT_1] = "fin-wait-1",
	[VIRTUOSO_FLOW_STATE_FIN_WAIT_2] = "fin-wait-2",
	[VIRTUOSO_FLOW_STATE_TIME_WAIT] = "time-wait",
	[VIRTUOSO_FLOW_STATE_CLOSE] = "close",
	[VIRTUOSO_FLOW_STATE_CLOSE_WAIT] = "close-wait",
	[VIRTUOSO_FLOW_STATE_LAST_ACK] = "last-ack",
	[VIRTUOSO_FLOW_STATE_CLOSING] = "closing",
};

static const struct names states = { state_names, VIRTUOSO_FLOW_STATE_MAX + 1 };

static const char *const timer_names[] = {
	[VIRTUOSO_FLOW_TIMER_NONE] = "none",
	[VIRTUOSO_FLOW_TIMER_RETRANSMIT] = "retransmit",
	[VIRTUOSO_FLOW_TIMER_DELAYED_ACK] = "delayed-ack",
	[VIRTUOSO_FLOW_TIMER_CLOSE] = "close",
	[VIRTUOSO_FLOW_TIMER_KEEPALIVE] = "keepalive",
};

static const struct names timers = { timer_names, 5 };

static const char *const option_names[] = {
	"timestamps", "wscale", "nodelay", "cork", "recovery", "ecn",
};

static const char *const join_names[] = {
	[VIRTUOSO_FLOW_JOIN_PROVING] = "proving",
	[VIRTUOSO_FLOW_JOIN_JOINED] = "joined",
	[VIRTUOSO_FLOW_JOIN_PARTING] = "parting",
};

static const struct names joins = { join_names, 4 };

static const struct names options = { option_names, 6 };

static const char *const path_state_names[] = {
	[VIRTUOSO_FLOW_PATH_STATE_LEARNING] = "learning",
	[VIRTUOSO_FLOW_PATH_STATE_UP] = "up",
	[VIRTUOSO_FLOW_PATH_STATE_LOST] = "lost",
	[VIRTUOSO_FLOW_PATH_STATE_OVER] = "over",
};

static const struct names path_states = { path_state_names, 4 };

static const char *const path_reason_names[] = {
	[VIRTUOSO_FLOW_PATH_REASON_NONE] = "none",
	[VIRTUOSO_FLOW_PATH_REASON_PROBE] = "probe",
	[VIRTUOSO_FLOW_PATH_REASON_UPLINK] = "uplink",
	[VIRTUOSO_FLOW_PATH_REASON_HEADERS] = "headers",
	[VIRTUOSO_FLOW_PATH_REASON_GRE_SEQ] = "gre-seq",
	[VIRTUOSO_FLOW_PATH_REASON_FILTER] = "filter",
	[VIRTUOSO_FLOW_PATH_REASON_FLOOD] = "flood",
	[VIRTUOSO_FLOW_PATH_REASON_ENDED] = "ended",
	[VIRTUOSO_FLOW_PATH_REASON_NEXT_HOP] = "next-hop",
};

static const struct names path_reasons = { path_reason_names, 8 };

/* Numbers of a flow: attribute, JSON key. What is absent is left out. */
static const struct {
	uint16_t attr;
	const char *key;
} numbers[] = {
	{ VIRTUOSO_A_FLOW_ID, "id" },
	{ VIRTUOSO_A_FLOW_CORE, "core" },
	{ VIRTUOSO_A_FLOW_SNDQ_BYTES, "sndq_bytes" },
	{ VIRTUOSO_A_FLOW_RCVQ_BYTES, "rcvq_bytes" },
	{ VIRTUOSO_A_FLOW_TX_RING_BYTES, "tx_ring_bytes" },
	{ VIRTUOSO_A_FLOW_RX_RING_BYTES, "rx_ring_bytes" },
	{ VIRTUOSO_A_FLOW_UNACKED_BYTES, "unacked_bytes" },
	{ VIRTUOSO_A_FLOW_SND_WND_BYTES, "snd_wnd_bytes" },
	{ VIRTUOSO_A_FLOW_RCV_WND_BYTES, "rcv_wnd_bytes" },
	{ VIRTUOSO_A_FLOW_CWND_BYTES, "cwnd_bytes" },
	{ VIRTUOSO_A_FLOW_SSTHRESH_BYTES, "ssthresh_bytes" },
	{ VIRTUOSO_A_FLOW_SRTT_US, "srtt_us" },
	{ VIRTUOSO_A_FLOW_RTTVAR_US, "rttvar_us" },
	{ VIRTUOSO_A_FLOW_RTO_US, "rto_us" },
	{ VIRTUOSO_A_FLOW_MSS, "mss" },
	{ VIRTUOSO_A_FLOW_BACKOFF, "backoff" },
	{ VIRTUOSO_A_FLOW_RETRANS_SEGS, "retrans_segs" },
	{ VIRTUOSO_A_FLOW_RTO_COUNT, "rto_count" },
	{ VIRTUOSO_A_FLOW_TX_BYTES, "tx_bytes" },
	{ VIRTUOSO_A_FLOW_RX_BYTES, "rx_bytes" },
	{ VIRTUOSO_A_FLOW_TIMER_US, "timer_us" },
	{ VIRTUOSO_A_FLOW_JOIN_TX_BYTES, "join_tx_bytes" },
	{ VIRTUOSO_A_FLOW_JOIN_RX_BYTES, "join_rx_bytes" },
	{ VIRTUOSO_A_FLOW_JOIN_VERIFIED_US, "join_verified_us" },
	{ VIRTUOSO_A_FLOW_JOIN_PARTED, "join_parted" },
	{ VIRTUOSO_A_FLOW_PATH_MSS, "path_mss" },
	{ VIRTUOSO_A_FLOW_PATH_AGE_US, "path_age_us" },
	{ VIRTUOSO_A_FLOW_PATH_VERIFIED_US, "path_verified_us" },
	{ VIRTUOSO_A_FLOW_PATH_TX_PACKETS, "path_tx_packets" },
	{ VIRTUOSO_A_FLOW_PATH_RX_PACKETS, "path_rx_packets" },
	{ VIRTUOSO_A_FLOW_PATH_CHANGES, "path_changes" },
	{ VIRTUOSO_A_FLOW_PATH_LOSSES, "path_losses" },
};

static const char *addr_of(const struct nlattr *attr)
{
	return attr ? format_addr(mnl_attr_get_payload(attr)) : "?";
}

static uint16_t tcp_port_of(const struct nlattr *attr)
{
	return ntohs(nl_uint(attr));
}

static void print_path_json(struct nlattr *const a[NL_ATTRS])
{
	if (!a[VIRTUOSO_A_FLOW_PATH_STATE])
		return;
	json_str("path_state", name_of(&path_states, nl_uint(a[VIRTUOSO_A_FLOW_PATH_STATE])));
	json_str("path_reason", name_of(&path_reasons, nl_uint(a[VIRTUOSO_A_FLOW_PATH_REASON])));
	if (a[VIRTUOSO_A_FLOW_PATH_DEV])
		json_str("path_dev", nl_str(a[VIRTUOSO_A_FLOW_PATH_DEV]));
	if (a[VIRTUOSO_A_FLOW_PATH_LAYERS])
		json_str("path_layers", nl_str(a[VIRTUOSO_A_FLOW_PATH_LAYERS]));
}

static void print_json(struct nlattr *const a[NL_ATTRS])
{
	size_t i;

	json_object(NULL);
	json_str("port", nl_str(a[VIRTUOSO_A_FLOW_PORT]));
	json_str("state", name_of(&states, nl_uint(a[VIRTUOSO_A_FLOW_STATE])));
	json_str("direction", name_of(&directions, nl_uint(a[VIRTUOSO_A_FLOW_DIRECTION])));
	json_str("laddr", addr_of(a[VIRTUOSO_A_FLOW_LADDR]));
	json_uint("lport", tcp_port_of(a[VIRTUOSO_A_FLOW_LPORT]));
	json_str("raddr", addr_of(a[VIRTUOSO_A_FLOW_RADDR]));
	json_uint("rport", tcp_port_of(a[VIRTUOSO_A_FLOW_RPORT]));
	json_str("owner", nl_uint(a[VIRTUOSO_A_FLOW_OWNER]) == VIRTUOSO_FLOW_OWNER_CORE ?
			  "core" : "slow");
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (a[numbers[i].attr])
			json_uint(numbers[i].key, nl_uint(a[numbers[i].attr]));
	json_str("timer", name_of(&timers, nl_uint(a[VIRTUOSO_A_FLOW_TIMER])));
	json_flags("options", &options, nl_uint(a[VIRTUOSO_A_FLOW_OPTIONS]));
	if (a[VIRTUOSO_A_FLOW_JOIN]) {
		json_str("join", name_of(&joins, nl_uint(a[VIRTUOSO_A_FLOW_JOIN])));
		json_str("join_port", nl_str(a[VIRTUOSO_A_FLOW_JOIN_PORT]));
	}
	if (a[VIRTUOSO_A_FLOW_JOIN_REASON])
		json_str("join_reason", nl_str(a[VIRTUOSO_A_FLOW_JOIN_REASON]));
	print_path_json(a);
	json_close();
}

/* address:port, IPv6 in brackets */
static const char *endpoint(char *text, size_t size, const struct nlattr *addr,
			    const struct nlattr *port)
{
	const char *a = addr_of(addr);

	snprintf(text, size, strchr(a, ':') ? "[%s]:%u" : "%s:%u", a, tcp_port_of(port));
	return text;
}

static void print_window(const char *name, uint32_t bytes)
{
	if (bytes >= 1u << 30)
		printf(" %s inf", name);
	else
		printf(" %s %" PRIu32, name, bytes);
}

static void print_details(struct nlattr *const a[NL_ATTRS])
{
	printf("    rings tx %" PRIu64 " rx %" PRIu64 " unacked %" PRIu64 " snd-wnd %" PRIu64
	       " rcv-wnd %" PRIu64 " mss %" PRIu64 " options %s\n",
	       nl_uint(a[VIRTUOSO_A_FLOW_TX_RING_BYTES]), nl_uint(a[VIRTUOSO_A_FLOW_RX_RING_BYTES]),
	       nl_uint(a[VIRTUOSO_A_FLOW_UNACKED_BYTES]), nl_uint(a[VIRTUOSO_A_FLOW_SND_WND_BYTES]),
	       nl_uint(a[VIRTUOSO_A_FLOW_RCV_WND_BYTES]), nl_uint(a[VIRTUOSO_A_FLOW_MSS]),
	       format_flags(&options, nl_uint(a[VIRTUOSO_A_FLOW_OPTIONS])));
}

static void print_congestion(struct nlattr *const a[NL_ATTRS])
{
	printf("    sndq %" PRIu64 " rcvq %" PRIu64, nl_uint(a[VIRTUOSO_A_FLOW_SNDQ_BYTES]),
	       nl_uint(a[VIRTUOSO_A_FLOW_RCVQ_BYTES]));
	print_window("cwnd", nl_uint(a[VIRTUOSO_A_FLOW_CWND_BYTES]));
	print_window("ssthresh", nl_uint(a[VIRTUOSO_A_FLOW_SSTHRESH_BYTES]));
	if (a[VIRTUOSO_A_FLOW_SRTT_US])
		printf(" rtt %s/%s", format_ns(nl_uint(a[VIRTUOSO_A_FLOW_SRTT_US]) * 1000),
		       format_ns(nl_uint(a[VIRTUOSO_A_FLOW_RTTVAR_US]) * 1000));
	printf(" rto %s", format_ns(nl_uint(a[VIRTUOSO_A_FLOW_RTO_US]) * 1000));
	printf(" retrans %" PRIu64 " tx %" PRIu64 " rx %" PRIu64 "\n",
	       nl_uint(a[VIRTUOSO_A_FLOW_RETRANS_SEGS]),
	       nl_uint(a[VIRTUOSO_A_FLOW_TX_BYTES]), nl_uint(a[VIRTUOSO_A_FLOW_RX_BYTES]));
}

static void print_join(struct nlattr *const a[NL_ATTRS])
{
	printf("    join %s %s tx %" PRIu64 " rx %" PRIu64, nl_str(a[VIRTUOSO_A_FLOW_JOIN_PORT]),
	       name_of(&joins, nl_uint(a[VIRTUOSO_A_FLOW_JOIN])),
	       nl_uint(a[VIRTUOSO_A_FLOW_JOIN_TX_BYTES]), nl_uint(a[VIRTUOSO_A_FLOW_JOIN_RX_BYTES]));
	if (a[VIRTUOSO_A_FLOW_JOIN_VERIFIED_US])
		printf(" verified %s ago",
		       format_ns(nl_uint(a[VIRTUOSO_A_FLOW_JOIN_VERIFIED_US]) * 1000));
	if (a[VIRTUOSO_A_FLOW_JOIN_REASON])
		printf(" parted %" PRIu64 " last %s", nl_uint(a[VIRTUOSO_A_FLOW_JOIN_PARTED]),
		       nl_str(a[VIRTUOSO_A_FLOW_JOIN_REASON]));
	printf("\n");
}

/* The path, or why there is none. */
static void print_path(struct nlattr *const a[NL_ATTRS])
{
	uint64_t reason = nl_uint(a[VIRTUOSO_A_FLOW_PATH_REASON]);

	if (!a[VIRTUOSO_A_FLOW_PATH_STATE])
		return;
	printf("    path %s", name_of(&path_states, nl_uint(a[VIRTUOSO_A_FLOW_PATH_STATE])));
	if (reason != VIRTUOSO_FLOW_PATH_REASON_NONE)
		printf(" reason %s", name_of(&path_reasons, reason));
	if (a[VIRTUOSO_A_FLOW_PATH_DEV])
		printf(" dev %s %s mss %" PRIu64 " age %s", nl_str(a[VIRTUOSO_A_FLOW_PATH_DEV]),
		       nl_str(a[VIRTUOSO_A_FLOW_PATH_LAYERS]), nl_uint(a[VIRTUOSO_A_FLOW_PATH_MSS]),
		       format_ns(nl_uint(a[VIRTUOSO_A_FLOW_PATH_AGE_US]) * 1000));
	if (a[VIRTUOSO_A_FLOW_PATH_VERIFIED_US])
		printf(" verified %s", format_ns(nl_uint(a[VIRTUOSO_A_FLOW_PATH_VERIFIED_US]) * 1000));
	printf(" tx-packets %" PRIu64 " rx-packets %" PRIu64 " changes %" PRIu64 " losses %" PRIu64 "\n",
	       nl_uint(a[VIRTUOSO_A_FLOW_PATH_TX_PACKETS]), nl_uint(a[VIRTUOSO_A_FLOW_PATH_RX_PACKETS]),
	       nl_uint(a[VIRTUOSO_A_FLOW_PATH_CHANGES]), nl_uint(a[VIRTUOSO_A_FLOW_PATH_LOSSES]));
}

static void print_text(struct nlattr *const a[NL_ATTRS])
{
	char local[64], remote[64];
	uint32_t timer = nl_uint(a[VIRTUOSO_A_FLOW_TIMER]);

	printf("%-8s %-11s %21s %-21s %-7s", nl_str(a[VIRTUOSO_A_FLOW_PORT]),
	       name_of(&states, nl_uint(a[VIRTUOSO_A_FLOW_STATE])),
	       endpoint(local, sizeof(local), a[VIRTUOSO_A_FLOW_LADDR], a[VIRTUOSO_A_FLOW_LPORT]),
	       endpoint(remote, sizeof(remote), a[VIRTUOSO_A_FLOW_RADDR],
			a[VIRTUOSO_A_FLOW_RPORT]),
	       name_of(&directions, nl_uint(a[VIRTUOSO_A_FLOW_DIRECTION])));
	if (a[VIRTUOSO_A_FLOW_CORE])
		printf(" core %" PRIu64, nl_uint(a[VIRTUOSO_A_FLOW_CORE]));
	else
		printf(" slow");
	if (a[VIRTUOSO_A_FLOW_ID])
		printf(" id %" PRIu64, nl_uint(a[VIRTUOSO_A_FLOW_ID]));
	if (timer)
		printf(" timer %s %s", name_of(&timers, timer),
		       format_ns(nl_uint(a[VIRTUOSO_A_FLOW_TIMER_US]) * 1000));
	printf("\n");
	print_congestion(a);
	if (a[VIRTUOSO_A_FLOW_JOIN])
		print_join(a);
	print_path(a);
	if (opt.details)
		print_details(a);
}

static void show_flow(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	(void)arg;
	if (opt.json)
		print_json(attrs);
	else
		print_text(attrs);
}

static void put_addr(struct nlmsghdr *nlh, uint16_t attr, const char *word)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, word, addr + 12) != 1 && inet_pton(AF_INET6, word, addr) != 1)
		usage_error("\"%s\" is not an address", word);
	mnl_attr_put(nlh, attr, sizeof(addr), addr);
}

static void put_tcp_port(struct nlmsghdr *nlh, uint16_t attr, struct args *args, const char *what)
{
	uint32_t port = args_u32(args, what);

	if (port > UINT16_MAX)
		fail("%s: %" PRIu32 " is out of range (0 to 65535)", what, port);
	mnl_attr_put_u16(nlh, attr, htons(port));
}

static void put_name(struct nlmsghdr *nlh, const char *name)
{
	if (strlen(name) > 255)
		fail("port: too long");
	mnl_attr_put_strz(nlh, VIRTUOSO_A_FLOW_PORT, name);
}

static void put_filter(struct nlmsghdr *nlh, const char *word, struct args *args)
{
	if (!strcmp(word, "port"))
		put_name(nlh, args_need(args, "the name of the port"));
	else if (!strcmp(word, "state"))
		mnl_attr_put_u32(nlh, VIRTUOSO_A_FLOW_STATE,
				 value_of(&states, args_need(args, "the state"), word));
	else if (!strcmp(word, "direction"))
		mnl_attr_put_u32(nlh, VIRTUOSO_A_FLOW_DIRECTION,
				 value_of(&directions, args_need(args, "the direction"), word));
	else if (!strcmp(word, "laddr"))
		put_addr(nlh, VIRTUOSO_A_FLOW_LADDR, args_need(args, "the address"));
	else if (!strcmp(word, "raddr"))
		put_addr(nlh, VIRTUOSO_A_FLOW_RADDR, args_need(args, "the address"));
	else if (!strcmp(word, "lport"))
		put_tcp_port(nlh, VIRTUOSO_A_FLOW_LPORT, args, word);
	else if (!strcmp(word, "rport"))
		put_tcp_port(nlh, VIRTUOSO_A_FLOW_RPORT, args, word);
	else
		usage_error("\"%s\" makes no sense here, try \"virtuosoctl help\"", word);
}

int flow_main(struct args *args)
{
	struct nlmsghdr *nlh;
	const char *word;

	/* "flow port NAME" is "flow show port NAME" */
	if (args->argc && (abbreviates(args->argv[0], "show") || abbreviates(args->argv[0], "list")))
		args_next(args);
	nlh = nl_request(VIRTUOSO_CMD_FLOW_GET, &flow_spec);
	while ((word = args_next(args))) {
		if (nlh->nlmsg_len > 768)
			usage_error("too many filters");
		put_filter(nlh, word, args);
	}
	if (opt.json)
		json_begin(opt.pretty);
	if (nl_dump(nlh, show_flow, NULL))
		fail("%s", nl_error());
	if (opt.json)
		json_end();
	return 0;
}
