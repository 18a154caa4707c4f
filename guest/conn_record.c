// SPDX-License-Identifier: GPL-2.0
/*
 * Offloaded connections: records in both directions.
 *
 * State from the device is absolute: the newest is stored in conn->up and
 * vgu_conn_apply() brings it into the socket. State for the device is absolute, too:
 * tx_seq, rx_seq and sflags are set, the channel asks for a record when it has a slot.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <net/tcp.h>

#include "conn_priv.h"
#include "listen.h"

/* ---- Records for the device ---- */

static void vgu_addr_to_abi(u8 *abi, __be32 addr)
{
	memset(abi, 0, 10);
	abi[10] = 0xff;
	abi[11] = 0xff;
	memcpy(abi + 12, &addr, sizeof(addr));
}

static size_t vgu_encode_connect(struct vgu_conn *conn, void *slot)
{
	struct virtio_virtuoso_submit_connect *rec = slot;
	const struct vgu_conn_syn *syn = &conn->syn;

	memset(rec, 0, sizeof(*rec));
	rec->hdr.op = VIRTUOSO_SUBMIT_CONNECT;
	rec->hdr.flow = cpu_to_le32(conn->flow);
	vgu_addr_to_abi(rec->laddr, syn->tuple.laddr);
	vgu_addr_to_abi(rec->raddr, syn->tuple.raddr);
	rec->lport = syn->tuple.lport;
	rec->rport = syn->tuple.rport;
	ether_addr_copy(rec->smac, syn->smac);
	ether_addr_copy(rec->dmac, conn->dmac);
	rec->mss = cpu_to_le16(syn->mss);
	rec->tos = syn->tos;
	rec->ttl = syn->ttl;
	rec->tx = conn->tx.mem.abi;
	rec->rx = conn->rx.mem.abi;
	return sizeof(*rec);
}

static size_t vgu_encode_attach(struct vgu_conn *conn, void *slot, u8 op)
{
	struct virtio_virtuoso_submit_attach *rec = slot;

	memset(rec, 0, sizeof(*rec));
	rec->hdr.op = op;
	rec->token = cpu_to_le32(conn->token);
	if (op == VIRTUOSO_SUBMIT_ATTACH) {
		rec->hdr.flow = cpu_to_le32(conn->flow);
		rec->tx = conn->tx.mem.abi;
		rec->rx = conn->rx.mem.abi;
	}
	return sizeof(*rec);
}

static size_t vgu_encode_setopt(struct vgu_conn *conn, void *slot)
{
	struct virtio_virtuoso_submit_setopt *rec = slot;
	const struct vgu_conn_opts *opts = &conn->opts;

	memset(rec, 0, sizeof(*rec));
	rec->hdr.op = VIRTUOSO_SUBMIT_SETOPT;
	rec->hdr.flow = cpu_to_le32(conn->flow);
	rec->user_timeout_ms = cpu_to_le32(opts->user_timeout_ms);
	rec->keepalive_idle_s = cpu_to_le32(opts->keepalive_idle_s);
	rec->keepalive_intvl_s = cpu_to_le32(opts->keepalive_intvl_s);
	rec->keepalive_probes = cpu_to_le16(opts->keepalive_probes);
	rec->tos = opts->tos;
	return sizeof(*rec);
}

static size_t vgu_encode_peer_mac(struct vgu_conn *conn, void *slot)
{
	struct virtio_virtuoso_submit_peer_mac *rec = slot;

	memset(rec, 0, sizeof(*rec));
	rec->hdr.op = VIRTUOSO_SUBMIT_PEER_MAC;
	rec->hdr.flow = cpu_to_le32(conn->flow);
	ether_addr_copy(rec->dmac, conn->dmac);
	return sizeof(*rec);
}

static size_t vgu_encode_ring(struct vgu_conn *conn, void *slot, u8 op)
{
	const struct vgu_conn_ring *ring = op == VIRTUOSO_SUBMIT_TX_RING ? &conn->tx : &conn->rx;
	struct virtio_virtuoso_submit_ring *rec = slot;

	memset(rec, 0, sizeof(*rec));
	rec->hdr.op = op;
	rec->hdr.flow = cpu_to_le32(conn->flow);
	rec->seq = cpu_to_le32(ring->told_seq);
	rec->ring = ring->mem.abi;
	return sizeof(*rec);
}

static size_t vgu_encode_update(struct vgu_conn *conn, void *slot)
{
	struct virtio_virtuoso_submit_update *rec = slot;

	conn->farewell = conn->sflags & (VIRTUOSO_SF_CLOSE | VIRTUOSO_SF_ABORT);
	rec->hdr.op = VIRTUOSO_SUBMIT_UPDATE;
	rec->hdr.reserved = 0;
	rec->hdr.flags = cpu_to_le16(conn->sflags);
	rec->hdr.flow = cpu_to_le32(conn->flow);
	rec->tx_seq = cpu_to_le32(conn->tx_seq);
	rec->rx_seq = cpu_to_le32(conn->rx_seq);
	return sizeof(*rec);
}

/*
 * The device may release the flow after CLOSE or ABORT: nothing follows but ABORT, and what does no
 * harm then.
 */
static u8 vgu_conn_may_say(const struct vgu_conn *conn)
{
	if (conn->gone || (conn->farewell & VIRTUOSO_SF_ABORT))
		return 0;
	if (conn->farewell && !(conn->sflags & VIRTUOSO_SF_ABORT))
		return VGU_TODO_SETOPT | VGU_TODO_PEER_MAC;
	return U8_MAX;
}

/**
 * vgu_conn_encode() - write the next record about a connection
 * @node: member of the connection
 * @slot: VIRTUOSO_SUBMIT_MAX_BYTES
 *
 * Context: under chan->lock; takes conn->lock.
 * Return: bytes written, 0: nothing to say.
 */
size_t vgu_conn_encode(struct vgu_chan_node *node, void *slot)
{
	struct vgu_conn *conn = container_of(node, struct vgu_conn, node);
	size_t len = 0;

	spin_lock(&conn->lock);
	conn->todo &= vgu_conn_may_say(conn);
	if (conn->todo & VGU_TODO_CONNECT) {
		conn->todo &= ~VGU_TODO_CONNECT;
		conn->told = true;
		len = vgu_encode_connect(conn, slot);
	} else if (conn->todo & VGU_TODO_ATTACH) {
		conn->todo &= ~VGU_TODO_ATTACH;
		conn->told = true;
		len = vgu_encode_attach(conn, slot, VIRTUOSO_SUBMIT_ATTACH);
	} else if (conn->todo & VGU_TODO_REFUSE) {
		conn->todo &= ~VGU_TODO_REFUSE;
		len = vgu_encode_attach(conn, slot, VIRTUOSO_SUBMIT_REFUSE);
		vgu_conn_later(conn);
	} else if (conn->todo & VGU_TODO_SETOPT) {
		conn->todo &= ~VGU_TODO_SETOPT;
		len = vgu_encode_setopt(conn, slot);
	} else if (conn->todo & VGU_TODO_PEER_MAC) {
		conn->todo &= ~VGU_TODO_PEER_MAC;
		len = vgu_encode_peer_mac(conn, slot);
	} else if (conn->todo & VGU_TODO_TX_RING) {
		conn->todo &= ~VGU_TODO_TX_RING;
		len = vgu_encode_ring(conn, slot, VIRTUOSO_SUBMIT_TX_RING);
	} else if (conn->todo & VGU_TODO_RX_RING) {
		conn->todo &= ~VGU_TODO_RX_RING;
		len = vgu_encode_ring(conn, slot, VIRTUOSO_SUBMIT_RX_RING);
	} else if (conn->todo & VGU_TODO_UPDATE) {
		conn->todo &= ~VGU_TODO_UPDATE;
		len = vgu_encode_update(conn, slot);
	}
	spin_unlock(&conn->lock);
	return len;
}

/* ---- Records from the device ---- */

static void vgu_complete_connected(struct vgu_conn *conn,
				   const struct virtio_virtuoso_complete *rec)
{
	const struct virtio_virtuoso_complete_conn *c = &rec->u.conn;
	bool ok;

	spin_lock_bh(&conn->lock);
	ok = conn->state == VGU_CONN_ASKED && conn->told;
	if (ok) {
		WRITE_ONCE(conn->state, VGU_CONN_ANSWERED);
		conn->iss = le32_to_cpu(c->iss);
		conn->irs = le32_to_cpu(c->irs);
		conn->mss = clamp_t(u16, le16_to_cpu(c->mss), TCP_MIN_MSS, 65495);
		conn->answer.snd_wscale = min_t(u8, c->snd_wscale, TCP_MAX_WSCALE);
		conn->answer.rcv_wscale = min_t(u8, c->rcv_wscale, TCP_MAX_WSCALE);
		conn->answer.timestamps = c->timestamps;
		conn->tx_seq = conn->iss + 1;
		conn->rx_seq = conn->irs + 1;
	}
	spin_unlock_bh(&conn->lock);
	if (!ok)
		return;
	vgu_connect_answer(conn);
	if (READ_ONCE(conn->up_new))
		vgu_conn_kick(conn);
}

/* conn->lock is held. */
static void vgu_up_store(struct vgu_conn *conn, const struct virtio_virtuoso_complete *rec)
{
	u16 flags = le16_to_cpu(rec->flags);

	conn->up.u = rec->u.update;
	conn->up.update = true;
	conn->up.flags |= flags;
	if (flags & VIRTUOSO_CF_RESET)
		conn->up.error = rec->error;
}

static void vgu_complete_update(struct vgu_conn *conn,
				const struct virtio_virtuoso_complete *rec)
{
	spin_lock_bh(&conn->lock);
	if (conn->state == VGU_CONN_ENDED || !conn->told) {
		spin_unlock_bh(&conn->lock);
		return;
	}
	vgu_up_store(conn, rec);
	WRITE_ONCE(conn->up_new, true);
	spin_unlock_bh(&conn->lock);
	vgu_conn_kick(conn);
}

/* FAILED, RELEASED: the device knows the flow no longer. RELEASED holds its last state. */
static void vgu_complete_gone(struct vgu_conn *conn, const struct virtio_virtuoso_complete *rec)
{
	bool released = rec->op == VIRTUOSO_COMPLETE_RELEASED;
	bool ended, known;

	spin_lock_bh(&conn->lock);
	known = conn->told;
	ended = conn->state == VGU_CONN_ENDED;
	if (known)
		conn->gone = true;
	if (known && !ended) {
		if (released)
			vgu_up_store(conn, rec);
		else
			conn->up.error = rec->error;
		conn->up.failed = true;
		WRITE_ONCE(conn->up_new, true);
	}
	spin_unlock_bh(&conn->lock);
	if (!known)
		return;
	if (ended)
		vgu_conn_forget(conn);
	else
		vgu_conn_kick(conn);
}

static struct vgu_conn *vgu_conn_lookup(struct vgu_conn_table *table, u32 flow)
{
	struct vgu_conn *conn;

	rcu_read_lock();
	conn = xa_load(&table->flows, flow);
	if (conn && !refcount_inc_not_zero(&conn->ref))
		conn = NULL;
	rcu_read_unlock();
	return conn;
}

/**
 * vgu_conn_complete() - a record came up on a channel
 * @dev: device
 * @chan: channel
 * @rec: private copy of the record
 *
 * Context: NAPI.
 */
void vgu_conn_complete(struct vgu_dev *dev, struct vgu_chan *chan,
		       const struct virtio_virtuoso_complete *rec)
{
	struct vgu_conn *conn;

	if (rec->op == VIRTUOSO_COMPLETE_INCOMING) {
		vgu_incoming_new(dev, rec);
		return;
	}
	conn = vgu_conn_lookup(dev->conns, le32_to_cpu(rec->flow));
	if (!conn)
		return;
	if (conn->chan != chan)
		goto out;
	switch (rec->op) {
	case VIRTUOSO_COMPLETE_CONNECTED:
		vgu_complete_connected(conn, rec);
		break;
	case VIRTUOSO_COMPLETE_UPDATE:
		vgu_complete_update(conn, rec);
		break;
	case VIRTUOSO_COMPLETE_FAILED:
	case VIRTUOSO_COMPLETE_RELEASED:
		vgu_complete_gone(conn, rec);
		break;
	}
out:
	vgu_conn_put(conn);
}
