/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * Virtuoso: virtio device that carries Ethernet frames and offloaded sockets.
 *
 * This header is the device ABI. The prose is in
 * Documentation/device-specification.rst; where the two disagree it is a bug.
 *
 * All multi-byte fields are little-endian unless they are marked big-endian
 * (ports and addresses, which are in network byte order). Addresses are always
 * 128 bits: an IPv4 address a.b.c.d is carried as ::ffff:a.b.c.d.
 *
 * Terms: a *flow* is one TCP connection. Its identifier (flow) is chosen by the
 * driver, 0 <= flow < max_flows, and belongs to the driver again only after
 * the device has reported VIRTUOSO_COMPLETE_RELEASED for it. Sequence numbers
 * (*_seq) are those on the wire, mod 2^32.
 */
#ifndef _UAPI_LINUX_VIRTIO_VIRTUOSO_H
#define _UAPI_LINUX_VIRTIO_VIRTUOSO_H

#include <linux/types.h>
#include <linux/virtio_types.h>

/* Last virtio ID that a modern virtio-pci function can carry (0x1040 + ID). */
#define VIRTIO_ID_VIRTUOSO		63

/* Device feature bits */
#define VIRTIO_VIRTUOSO_F_CSUM		0 /* Device takes frames with partial checksum */
#define VIRTIO_VIRTUOSO_F_GUEST_CSUM	1 /* Driver takes frames with partial checksum */
#define VIRTIO_VIRTUOSO_F_TSO		2 /* Device takes TSOv4/TSOv6 frames; needs F_CSUM */
#define VIRTIO_VIRTUOSO_F_GUEST_TSO	3 /* Driver takes TSOv4/TSOv6 frames; needs F_GUEST_CSUM */
#define VIRTIO_VIRTUOSO_F_MRG_RXBUF	4 /* A received frame may span several buffers */
#define VIRTIO_VIRTUOSO_F_SOCK		5 /* Socket offload: channels, control LISTEN and ADDR */
#define VIRTIO_VIRTUOSO_F_RING		6 /* Payload rings may grow; needs F_SOCK */

/* Virtqueue numbers. Channel i has the queues 4 + 2i (submit) and 5 + 2i (complete). */
#define VIRTUOSO_VQ_CONTROL		0 /* request and response */
#define VIRTUOSO_VQ_EVENT		1 /* device to driver, device-wide events */
#define VIRTUOSO_VQ_FRAME_RX		2
#define VIRTUOSO_VQ_FRAME_TX		3
#define VIRTUOSO_VQ_CHANNEL_BASE	4
#define VIRTUOSO_VQ_SUBMIT(chan)	(VIRTUOSO_VQ_CHANNEL_BASE + 2 * (chan))
#define VIRTUOSO_VQ_COMPLETE(chan)	(VIRTUOSO_VQ_CHANNEL_BASE + 2 * (chan) + 1)

/* Bits of virtio_virtuoso_config.status */
#define VIRTUOSO_S_LINK_UP		1

struct virtio_virtuoso_config {
	__u8	mac[6];
	__le16	status;			/* VIRTUOSO_S_* */
	__le16	mtu;			/* bytes of IP packet */
	__le16	max_channels;		/* >= 1 when F_SOCK is offered */
	__le32	max_flows;
	__le32	max_regions;
	__le32	max_region_bytes;
};

/*
 * Memory. Every buffer that the driver puts into a queue other than the control
 * queue, and every payload ring, lies inside one region that was registered by
 * VIRTUOSO_CTRL_REGION_ADD. Frames start with struct virtio_net_hdr_v1.
 */

/* ---- Control queue: one readable request, then one writable response ---- */

#define VIRTUOSO_CTRL_REGION_ADD	1 /* struct virtio_virtuoso_ctrl_region */
#define VIRTUOSO_CTRL_REGION_DEL	2 /* struct virtio_virtuoso_ctrl_region, addr and len ignored */
#define VIRTUOSO_CTRL_ADDR_ADD		3 /* struct virtio_virtuoso_ctrl_addr */
#define VIRTUOSO_CTRL_ADDR_DEL		4 /* struct virtio_virtuoso_ctrl_addr */
#define VIRTUOSO_CTRL_LISTEN		5 /* struct virtio_virtuoso_ctrl_listen */
#define VIRTUOSO_CTRL_UNLISTEN		6 /* struct virtio_virtuoso_ctrl_listen, backlog ignored */

struct virtio_virtuoso_ctrl_hdr {
	__le16	op;			/* VIRTUOSO_CTRL_* */
	__le16	reserved0;		/* 0 */
	__le32	reserved1;		/* 0 */
};

/* A contiguous range of driver memory, page aligned; id < max_regions. */
struct virtio_virtuoso_ctrl_region {
	struct virtio_virtuoso_ctrl_hdr hdr;
	__le32	id;
	__le32	len_bytes;
	__le64	addr;
};

/*
 * An address of the guest. The device offloads a SYN to a listener only when
 * the destination is one of these; all other TCP arrives as frames.
 */
struct virtio_virtuoso_ctrl_addr {
	struct virtio_virtuoso_ctrl_hdr hdr;
	__u8	addr[16];
};

/*
 * Listener on addr (all zero, or ::ffff:0.0.0.0: every address of the guest).
 * A second LISTEN for the same addr and port replaces backlog and defer_s. backlog is
 * the number of connections that the device may have established (or be
 * establishing) without an ATTACH or REFUSE by the driver. defer_s: INCOMING may
 * wait so many seconds for the first data.
 */
struct virtio_virtuoso_ctrl_listen {
	struct virtio_virtuoso_ctrl_hdr hdr;
	__u8	addr[16];
	__be16	port;
	__le16	defer_s;		/* 0 with UNLISTEN */
	__le32	backlog;
};

/* Response status */
#define VIRTUOSO_STATUS_OK		0
#define VIRTUOSO_STATUS_INVAL		1 /* malformed request or argument out of range */
#define VIRTUOSO_STATUS_NOTSUPP		2 /* unknown op */
#define VIRTUOSO_STATUS_EXIST		3
#define VIRTUOSO_STATUS_NOENT		4
#define VIRTUOSO_STATUS_BUSY		5 /* region in use by a flow */
#define VIRTUOSO_STATUS_NOMEM		6 /* out of memory, or over a limit of the port */
#define VIRTUOSO_STATUS_FAULT		7 /* memory cannot be reached */
#define VIRTUOSO_STATUS_PERM		8 /* refused by the operator's policy */

struct virtio_virtuoso_ctrl_status {
	__le32	status;			/* VIRTUOSO_STATUS_* */
};

/* ---- Event queue: device writes one record into a buffer ---- */

#define VIRTUOSO_EVENT_RESET_NEEDED	1 /* device gave up on this driver; arg: reason, free form */

struct virtio_virtuoso_event {
	__le16	op;			/* VIRTUOSO_EVENT_* */
	__le16	reserved;		/* 0 */
	__le32	arg;
};

/* ---- Channels ---- */

/*
 * A flow belongs to the channel on which its CONNECT or ATTACH was submitted: all
 * other records about it travel on that channel. INCOMING comes on any channel.
 */

/*
 * Payload ring in a region: size 2^size_log2 bytes, offset_bytes page aligned.
 * Transmit: the byte with sequence number s lies at (s - (iss + 1)) mod size.
 * Receive: the byte with sequence number s lies at (s - (irs + 1)) mod size.
 * iss/irs: our/the peer's initial sequence number.
 */
struct virtio_virtuoso_ring {
	__le32	region;			/* region id */
	__le32	offset_bytes;
	__u8	size_log2;		/* VIRTUOSO_RING_LOG2_MIN.._MAX */
	__u8	reserved[3];		/* 0 */
};

#define VIRTUOSO_RING_LOG2_MIN		12
#define VIRTUOSO_RING_LOG2_MAX		22

/* Submit records: one readable buffer each, of the exact size given here */
#define VIRTUOSO_SUBMIT_CONNECT		1 /* struct virtio_virtuoso_submit_connect */
#define VIRTUOSO_SUBMIT_ATTACH		2 /* struct virtio_virtuoso_submit_attach */
#define VIRTUOSO_SUBMIT_REFUSE		3 /* struct virtio_virtuoso_submit_attach, rings ignored */
#define VIRTUOSO_SUBMIT_UPDATE		4 /* struct virtio_virtuoso_submit_update */
#define VIRTUOSO_SUBMIT_SETOPT		5 /* struct virtio_virtuoso_submit_setopt */
#define VIRTUOSO_SUBMIT_PEER_MAC	6 /* struct virtio_virtuoso_submit_peer_mac */
#define VIRTUOSO_SUBMIT_TX_RING		7 /* struct virtio_virtuoso_submit_ring, needs F_RING */
#define VIRTUOSO_SUBMIT_RX_RING		8 /* the same */

/* Flags of VIRTUOSO_SUBMIT_UPDATE */
#define VIRTUOSO_SF_FIN		0x0001 /* no data after tx_seq: send FIN there (shutdown(SHUT_WR)) */
#define VIRTUOSO_SF_CLOSE	0x0002 /* nobody reads any more; implies FIN; data that arrives now draws RST */
#define VIRTUOSO_SF_ABORT	0x0004 /* send RST, drop everything */
#define VIRTUOSO_SF_NODELAY	0x0008 /* TCP_NODELAY is set */
#define VIRTUOSO_SF_CORK	0x0010 /* TCP_CORK or MSG_MORE: hold back a partial segment */

struct virtio_virtuoso_submit_hdr {
	__u8	op;			/* VIRTUOSO_SUBMIT_* */
	__u8	reserved;		/* 0 */
	__le16	flags;			/* VIRTUOSO_SF_* with UPDATE, else 0 */
	__le32	flow;
};

/*
 * State of the driver's side of a flow, absolute, so that records may be merged:
 * tx_seq: sequence number after the last byte in the transmit ring;
 * rx_seq: sequence number of the first byte in the receive ring not yet consumed.
 */
struct virtio_virtuoso_submit_update {
	struct virtio_virtuoso_submit_hdr hdr;
	__le32	tx_seq;
	__le32	rx_seq;
};

/*
 * Open a connection. The device does the handshake on the wire and answers with
 * VIRTUOSO_COMPLETE_CONNECTED or _FAILED. The device chooses iss.
 */
struct virtio_virtuoso_submit_connect {
	struct virtio_virtuoso_submit_hdr hdr;
	__u8	laddr[16];
	__u8	raddr[16];
	__be16	lport;
	__be16	rport;
	__u8	smac[6];		/* source MAC of the flow's frames: the port's own */
	__u8	dmac[6];		/* next hop as resolved by the driver */
	__le16	mss;			/* largest segment the driver's route allows, bytes */
	__u8	tos;			/* DSCP; ECN bits are ignored */
	__u8	ttl;
	struct virtio_virtuoso_ring tx;
	struct virtio_virtuoso_ring rx;
	__le32	reserved;		/* 0 */
};

/* Take (ATTACH) or reset (REFUSE) the connection that INCOMING announced as token. */
struct virtio_virtuoso_submit_attach {
	struct virtio_virtuoso_submit_hdr hdr; /* flow: the identifier it gets; ignored with REFUSE */
	__le32	token;
	__le32	reserved;		/* 0 */
	struct virtio_virtuoso_ring tx;
	struct virtio_virtuoso_ring rx;
};

/*
 * Socket options that change what is on the wire; all of them, each time. 0 = off/default. An identifier
 * that is free is no mistake, with this or PEER_MAC: it crossed RELEASED.
 */
struct virtio_virtuoso_submit_setopt {
	struct virtio_virtuoso_submit_hdr hdr;
	__le32	user_timeout_ms;	/* RFC 5482 */
	__le32	keepalive_idle_s;	/* 0: no keep-alive */
	__le32	keepalive_intvl_s;
	__le16	keepalive_probes;
	__u8	tos;
	__u8	reserved;		/* 0 */
};

/* The next hop has another address. */
struct virtio_virtuoso_submit_peer_mac {
	struct virtio_virtuoso_submit_hdr hdr;
	__u8	dmac[6];		/* next hop as resolved by the driver now */
	__u8	reserved[2];		/* 0 */
};

/*
 * A larger ring takes the place of the transmit (TX_RING) or receive (RX_RING) ring, for a flow that the device
 * has sent an UPDATE for; one at a time. Bytes keep their places in the old one and go to the new one from
 * a sequence number on:
 * TX_RING: from seq on, which must not come before the tx_seq that was submitted last. The old ring is the
 *	driver's again when the device has reported a snd_una that does not come before it;
 * RX_RING: from seq + the old ring's size on, where everything before seq was consumed. The old ring is the
 *	driver's again when everything before that was consumed.
 */
struct virtio_virtuoso_submit_ring {
	struct virtio_virtuoso_submit_hdr hdr;
	__le32	seq;
	struct virtio_virtuoso_ring ring;
};

/* Largest submit record; drivers may use slots of this size for all of them. */
#define VIRTUOSO_SUBMIT_MAX_BYTES	96

/* Complete records: all of the same size, one writable buffer each */
#define VIRTUOSO_COMPLETE_CONNECTED	1 /* u.conn */
#define VIRTUOSO_COMPLETE_FAILED	2 /* error; the flow id is free again (no RELEASED follows) */
#define VIRTUOSO_COMPLETE_INCOMING	3 /* u.incoming; flow is 0 */
#define VIRTUOSO_COMPLETE_UPDATE	4 /* u.update */
#define VIRTUOSO_COMPLETE_RELEASED	5 /* flow id and rings are the driver's again; u.update */

/* Flags of VIRTUOSO_COMPLETE_UPDATE and _RELEASED */
#define VIRTUOSO_CF_FIN		0x0001 /* the peer's FIN follows the byte before rcv_seq */
#define VIRTUOSO_CF_RESET	0x0002 /* connection is gone; error says why */
#define VIRTUOSO_CF_FIN_ACKED	0x0004 /* our FIN is acknowledged */

/* Values of error: why a connection failed or was reset */
#define VIRTUOSO_ERR_NONE		0
#define VIRTUOSO_ERR_REFUSED		1 /* RST in answer to SYN */
#define VIRTUOSO_ERR_RESET		2 /* RST later on */
#define VIRTUOSO_ERR_TIMEDOUT		3
#define VIRTUOSO_ERR_UNREACH		4 /* ICMP unreachable */
#define VIRTUOSO_ERR_INUSE		5 /* the four-tuple is in use */
#define VIRTUOSO_ERR_LIMIT		6 /* no memory, or over a limit of the port */
#define VIRTUOSO_ERR_INVAL		7 /* the submit record was not acceptable */
#define VIRTUOSO_ERR_PERM		8 /* refused by the operator's policy */

struct virtio_virtuoso_complete_conn {
	__le32	iss;			/* our initial sequence number */
	__le32	irs;			/* the peer's */
	__le16	mss;			/* bytes of payload per segment we send */
	__u8	snd_wscale;
	__u8	rcv_wscale;
	__u8	timestamps;		/* 1: RFC 7323 timestamps in use */
	__u8	reserved[3];
};

struct virtio_virtuoso_complete_incoming {
	__le32	token;
	__le32	iss;
	__le32	irs;
	__le16	mss;
	__u8	snd_wscale;
	__u8	rcv_wscale;
	__u8	laddr[16];
	__u8	raddr[16];
	__be16	lport;
	__be16	rport;
	__u8	timestamps;
	__u8	reserved[3];
};

/*
 * State of the device's side of a flow, absolute. After CF_RESET no other
 * UPDATE follows; RELEASED follows once the driver has sent CLOSE or ABORT.
 */
struct virtio_virtuoso_complete_update {
	__le32	snd_una;		/* everything before it is acknowledged: ring space is free */
	__le32	rcv_seq;		/* everything before it is in the receive ring */
	__le32	snd_nxt;
	__le32	snd_wnd_bytes;		/* peer's window, scaled */
	__le32	cwnd_bytes;
	__le32	ssthresh_bytes;
	__le32	srtt_us;
	__le32	rttvar_us;
	__le32	rto_us;
	__le32	retrans_segs;		/* total */
};

struct virtio_virtuoso_complete {
	__u8	op;			/* VIRTUOSO_COMPLETE_* */
	__u8	error;			/* VIRTUOSO_ERR_* */
	__le16	flags;			/* VIRTUOSO_CF_* */
	__le32	flow;
	union {
		struct virtio_virtuoso_complete_conn conn;
		struct virtio_virtuoso_complete_incoming incoming;
		struct virtio_virtuoso_complete_update update;
		__u8 pad[56];
	} u;
};

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
static_assert(sizeof(struct virtio_virtuoso_config) == 24);
static_assert(sizeof(struct virtio_virtuoso_ctrl_hdr) == 8);
static_assert(sizeof(struct virtio_virtuoso_ctrl_region) == 24);
static_assert(offsetof(struct virtio_virtuoso_ctrl_region, addr) == 16);
static_assert(sizeof(struct virtio_virtuoso_ctrl_addr) == 24);
static_assert(sizeof(struct virtio_virtuoso_ctrl_listen) == 32);
static_assert(offsetof(struct virtio_virtuoso_ctrl_listen, backlog) == 28);
static_assert(sizeof(struct virtio_virtuoso_ctrl_status) == 4);
static_assert(sizeof(struct virtio_virtuoso_event) == 8);
static_assert(sizeof(struct virtio_virtuoso_ring) == 12);
static_assert(sizeof(struct virtio_virtuoso_submit_hdr) == 8);
static_assert(sizeof(struct virtio_virtuoso_submit_update) == 16);
static_assert(sizeof(struct virtio_virtuoso_submit_connect) == 88);
static_assert(offsetof(struct virtio_virtuoso_submit_connect, smac) == 44);
static_assert(offsetof(struct virtio_virtuoso_submit_connect, tx) == 60);
static_assert(sizeof(struct virtio_virtuoso_submit_attach) == 40);
static_assert(sizeof(struct virtio_virtuoso_submit_setopt) == 24);
static_assert(sizeof(struct virtio_virtuoso_submit_peer_mac) == 16);
static_assert(offsetof(struct virtio_virtuoso_submit_peer_mac, dmac) == 8);
static_assert(sizeof(struct virtio_virtuoso_submit_ring) == 24);
static_assert(sizeof(struct virtio_virtuoso_submit_connect) <= VIRTUOSO_SUBMIT_MAX_BYTES);
static_assert(sizeof(struct virtio_virtuoso_complete) == 64);
static_assert(offsetof(struct virtio_virtuoso_complete, u) == 8);
static_assert(sizeof(struct virtio_virtuoso_complete_incoming) == 56);
static_assert(sizeof(struct virtio_virtuoso_complete_update) == 40);
#endif

#endif /* _UAPI_LINUX_VIRTIO_VIRTUOSO_H */
