// SPDX-License-Identifier: GPL-2.0
/*
 * Channels: submit records from the guest.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/nospec.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "chan.h"
#include "core.h"
#include "flow.h"
#include "fp.h"
#include "group.h"
#include "guest_state.h"
#include "join.h"
#include "path.h"
#include "port.h"
#include "slow.h"
#include "tcp_seq.h"

#define VHO_SUBMIT_FLAGS \
	(VIRTUOSO_SF_FIN | VIRTUOSO_SF_CLOSE | VIRTUOSO_SF_ABORT | VIRTUOSO_SF_NODELAY | \
	 VIRTUOSO_SF_CORK)

/* Records taken from one channel before the next one. */
#define VHO_CHAN_RUN	8

/* A submit record, copied out of the guest's memory. */
union vho_submit {
	struct virtio_virtuoso_submit_hdr hdr;
	struct virtio_virtuoso_submit_update update;
	struct virtio_virtuoso_submit_connect connect;
	struct virtio_virtuoso_submit_attach attach;
	struct virtio_virtuoso_submit_setopt setopt;
	struct virtio_virtuoso_submit_peer_mac peer_mac;
	struct virtio_virtuoso_submit_ring ring;
	u8 bytes[VIRTUOSO_SUBMIT_MAX_BYTES];
};

/* Whose record is being handled. */
struct vho_submit_ctx {
	struct vho_port *port;
	struct vho_group *group;
	struct vho_guest_state *guest;
	unsigned int chan;
	u64 now_ns;
};

/* Tells the guest that connection @id failed, when there is no flow (any more) to remember it. */
static bool vho_submit_fail(const struct vho_submit_ctx *ctx, u32 id, u8 error)
{
	struct vho_channel *ch = &ctx->guest->channels[ctx->chan];
	struct virtio_virtuoso_complete rec = {
		.op = VIRTUOSO_COMPLETE_FAILED,
		.error = error,
		.flow = cpu_to_le32(id),
	};
	struct virtio_virtuoso_complete *buf;
	u16 head;

	buf = vho_chan_buffer(ctx->group, ctx->guest, ch->complete, &head);
	if (!buf)
		return false;
	*buf = rec;
	vho_ring_push(ch->complete, head, sizeof(rec));
	vho_port_stat_inc(ctx->port, VHO_STAT_chan_complete);
	return true;
}

/* Is @id a name that the guest may give to a new flow? */
static bool vho_submit_id_free(const struct vho_submit_ctx *ctx, u32 id)
{
	return id < VHO_FLOWS_MAX_ABI && !xa_load(&ctx->group->flow_ids, id);
}

/*
 * An incoming connection that the driver took; the slow path has not handed it over yet. An application that writes
 * at once, and perhaps closes, is quicker than that.
 */
static bool vho_submit_is_early(const struct vho_flow *flow)
{
	return flow->passive && !flow->adopted;
}

/* Context: the flow's owner. Return: 0 or -EINVAL: nothing was changed. */
static int vho_submit_apply_update(struct vho_flow *flow,
				   const struct virtio_virtuoso_submit_update *u, u64 now_ns)
{
	u16 flags = le16_to_cpu(u->hdr.flags);
	int err;

	if (flow->tcb.state == TCP_CLOSE)
		return 0;
	err = vho_tcp_app(flow, le32_to_cpu(u->tx_seq), le32_to_cpu(u->rx_seq), flags, now_ns);
	if (err)
		return err;
	vho_payload_retire(&flow->rx, le32_to_cpu(u->rx_seq));
	if (flags & VIRTUOSO_SF_ABORT)
		vho_tcp_abort(flow, VIRTUOSO_ERR_RESET, now_ns);
	return 0;
}

/* Context: the flow's owner. */
static void vho_submit_apply_setopt(struct vho_flow *flow,
				    const struct virtio_virtuoso_submit_setopt *o, u64 now_ns)
{
	vho_flow_set_tos(flow, o->tos & ~INET_ECN_MASK);
	vho_tcp_setopt(flow, le32_to_cpu(o->user_timeout_ms), le32_to_cpu(o->keepalive_idle_s),
		       le32_to_cpu(o->keepalive_intvl_s), le16_to_cpu(o->keepalive_probes), now_ns);
}

void vho_chan_take_early(struct vho_flow *flow, u64 now_ns)
{
	u8 early = flow->early;

	flow->early = 0;
	if (early & VHO_EARLY_SETOPT)
		vho_submit_apply_setopt(flow, &flow->early_setopt, now_ns);
	if (!(early & VHO_EARLY_UPDATE))
		return;
	if (vho_submit_apply_update(flow, &flow->early_update, now_ns))
		vho_port_stat_inc(flow->port, VHO_STAT_guest_bad_submit);
	else if (flow->early_update.hdr.flags & cpu_to_le16(VIRTUOSO_SF_CLOSE))
		flow->guest_closed = true;
}

static int vho_submit_update(const struct vho_submit_ctx *ctx, const union vho_submit *rec)
{
	u16 flags = le16_to_cpu(rec->hdr.flags);
	struct vho_flow *flow;
	bool owned;
	int err;

	flow = xa_load(&ctx->group->flow_ids, le32_to_cpu(rec->hdr.flow));
	if (!flow || flow->chan != ctx->chan || (flags & ~VHO_SUBMIT_FLAGS))
		return -EINVAL;
	owned = vho_fp_owns(flow, ctx->now_ns);
	if (owned) {
		err = vho_submit_apply_update(flow, &rec->update, ctx->now_ns);
		if (err)
			return err;
	} else if (vho_submit_is_early(flow) && !(flags & VIRTUOSO_SF_ABORT)) {
		flow->early_update = rec->update;
		flow->early |= VHO_EARLY_UPDATE;
		return 0;
	} else if ((flags & (VIRTUOSO_SF_CLOSE | VIRTUOSO_SF_ABORT)) && !flow->adopted) {
		/* Still connecting: the slow path decides, FAILED or CONNECTED follows. */
		vho_flow_tell_slow(flow, VHO_FS_ABORT);
	}
	if (flags & (VIRTUOSO_SF_CLOSE | VIRTUOSO_SF_ABORT))
		flow->guest_closed = true;
	if (owned)
		vho_fp_flow_after(flow, ctx->now_ns);
	else if (flow->guest_closed && flow->adopted)
		vho_fp_flow_release(flow);	/* TIME-WAIT, or over */
	return 0;
}

static bool vho_submit_addr_ok(const u8 *bytes, struct in6_addr *addr)
{
	memcpy(addr, bytes, sizeof(*addr));
	return ipv6_addr_v4mapped(addr) && addr->s6_addr32[3] &&
	       !ipv4_is_multicast(addr->s6_addr32[3]) && !ipv4_is_lbcast(addr->s6_addr32[3]);
}

/* Return: 0 or VIRTUOSO_ERR_* for the guest; *@flowp is set with 0. */
static u8 vho_submit_connect_flow(const struct vho_submit_ctx *ctx,
				  const struct virtio_virtuoso_submit_connect *c,
				  struct vho_flow **flowp)
{
	struct vho_flow_key key = { .port_index = ctx->port->index };
	struct vho_flow *flow;

	key.lport = c->lport;
	key.rport = c->rport;
	if (!vho_submit_addr_ok(c->laddr, &key.laddr) || !vho_submit_addr_ok(c->raddr, &key.raddr) ||
	    !key.lport || !key.rport || c->reserved ||
	    !ether_addr_equal(c->smac, ctx->port->mac) || !is_valid_ether_addr(c->dmac))
		return VIRTUOSO_ERR_INVAL;
	flow = vho_flow_alloc(ctx->port, &key, GFP_ATOMIC);
	if (!flow)
		return VIRTUOSO_ERR_LIMIT;
	if (vho_payload_attach(ctx->guest, &flow->tx, &c->tx) ||
	    vho_payload_attach(ctx->guest, &flow->rx, &c->rx)) {
		vho_payload_detach(&flow->tx);
		vho_flow_put(flow);
		return VIRTUOSO_ERR_INVAL;
	}
	ether_addr_copy(flow->smac, c->smac);
	vho_flow_set_dmac(flow, c->dmac);
	vho_flow_set_tos(flow, c->tos & ~INET_ECN_MASK);
	flow->ttl = c->ttl ?: IPDEFTTL;
	/* What leaves the port fits its MTU, whatever the guest believes. */
	flow->tcb.mss_limit = min_t(u32, le16_to_cpu(c->mss), vho_port_mss(ctx->port));
	flow->chan = ctx->chan;
	flow->group = ctx->group;
	*flowp = flow;
	return 0;
}

/* Return: 0, -EINVAL the record is bad, -EAGAIN try again when there is room to answer. */
static int vho_submit_connect(const struct vho_submit_ctx *ctx, const union vho_submit *rec)
{
	u32 id = le32_to_cpu(rec->hdr.flow);
	struct vho_flow *flow;
	u8 error;

	if (!vho_submit_id_free(ctx, id))
		return -EINVAL;
	error = vho_submit_connect_flow(ctx, &rec->connect, &flow);
	if (!error && xa_err(xa_store(&ctx->group->flow_ids, id, flow, GFP_ATOMIC))) {
		vho_payload_detach(&flow->tx);
		vho_payload_detach(&flow->rx);
		vho_flow_put(flow);
		error = VIRTUOSO_ERR_LIMIT;
	}
	if (error) {
		if (error == VIRTUOSO_ERR_LIMIT)
			vho_port_stat_inc(ctx->port, VHO_STAT_drop_limit);
		return vho_submit_fail(ctx, id, error) ? 0 : -EAGAIN;
	}
	flow->id = id;
	vho_port_stat_inc(ctx->port, VHO_STAT_sp_connect);
	vho_flow_tell_slow(flow, VHO_FS_CONNECT);
	return 0;
}

/*
 * The connection that was announced as @token, with a reference. NULL: unknown, or not announced yet:
 * guessed. Any core may have announced it.
 */
static struct vho_flow *vho_submit_token_find(const struct vho_submit_ctx *ctx, u32 token)
{
	struct vho_flow *flow;

	rcu_read_lock();
	flow = xa_load(&ctx->guest->incoming, token);
	/* From then on the core that announced it only waits. Pairs with vho_chan_complete_one(). */
	if (flow && (!smp_load_acquire(&flow->offered) || !vho_flow_get_unless_zero(flow)))
		flow = NULL;
	rcu_read_unlock();
	return flow;
}

/* Rings and identifier of an incoming connection. Return: 0, or VIRTUOSO_ERR_* and nothing is held. */
static u8 vho_submit_attach_rings(const struct vho_submit_ctx *ctx, const union vho_submit *rec,
				  struct vho_payload_ring *tx, struct vho_payload_ring *rx)
{
	if (vho_payload_attach(ctx->guest, tx, &rec->attach.tx))
		return VIRTUOSO_ERR_INVAL;
	if (!vho_payload_attach(ctx->guest, rx, &rec->attach.rx)) {
		if (!xa_reserve(&ctx->group->flow_ids, le32_to_cpu(rec->hdr.flow), GFP_ATOMIC))
			return 0;
		vho_payload_detach(rx);
		vho_payload_detach(tx);
		return VIRTUOSO_ERR_LIMIT;
	}
	vho_payload_detach(tx);
	return VIRTUOSO_ERR_INVAL;
}

/* Return: VIRTUOSO_ERR_*, 0: @flow is the channel's. */
static u8 vho_submit_attach_flow(const struct vho_submit_ctx *ctx, const union vho_submit *rec,
				 struct vho_flow *flow)
{
	struct vho_payload_ring tx = { }, rx = { };
	u32 id = le32_to_cpu(rec->hdr.flow);
	u8 error;

	error = vho_submit_attach_rings(ctx, rec, &tx, &rx);
	if (error)
		return error;
	/* The token's reference becomes the id's. Withdrawn in this moment, or taken by another channel? */
	if (!vho_fp_token_drop(ctx->guest, flow)) {
		xa_release(&ctx->group->flow_ids, id);
		vho_payload_detach(&rx);
		vho_payload_detach(&tx);
		return VIRTUOSO_ERR_INVAL;
	}
	xa_store(&ctx->group->flow_ids, id, flow, GFP_ATOMIC);	/* reserved: cannot fail */
	flow->tx = tx;
	flow->rx = rx;
	flow->id = id;
	flow->chan = ctx->chan;
	if (likely(flow->group == ctx->group)) {
		vho_flow_tell_slow(flow, VHO_FS_ATTACH);
		return 0;
	}
	/* The core that announced it gives it up before anybody does anything with it here. */
	flow->next_group = ctx->group;
	vho_flow_tell_core(flow, VHO_FC_REGROUP);
	return 0;
}

static int vho_submit_attach(const struct vho_submit_ctx *ctx, const union vho_submit *rec)
{
	u32 id = le32_to_cpu(rec->hdr.flow);
	u8 error = VIRTUOSO_ERR_INVAL;
	struct vho_flow *flow;

	if (!vho_submit_id_free(ctx, id) || rec->attach.reserved)
		return -EINVAL;
	flow = vho_submit_token_find(ctx, le32_to_cpu(rec->attach.token));
	if (flow) {
		error = vho_submit_attach_flow(ctx, rec, flow);
		vho_flow_put(flow);
	}
	return !error || vho_submit_fail(ctx, id, error) ? 0 : -EAGAIN;
}

static int vho_submit_refuse(const struct vho_submit_ctx *ctx, const union vho_submit *rec)
{
	struct vho_flow *flow = vho_submit_token_find(ctx, le32_to_cpu(rec->attach.token));
	bool ours;

	if (!flow)
		return -EINVAL;
	ours = vho_fp_token_drop(ctx->guest, flow);
	if (ours) {
		vho_flow_tell_slow(flow, VHO_FS_ABORT);
		vho_flow_put(flow);
	}
	vho_flow_put(flow);
	return ours ? 0 : -EINVAL;
}

static int vho_submit_setopt(const struct vho_submit_ctx *ctx, const union vho_submit *rec)
{
	const struct virtio_virtuoso_submit_setopt *o = &rec->setopt;
	u32 id = le32_to_cpu(rec->hdr.flow);
	struct vho_flow *flow;

	if (id >= VHO_FLOWS_MAX_ABI || o->reserved)
		return -EINVAL;
	flow = xa_load(&ctx->group->flow_ids, id);
	if (!flow)
		return 0;	/* RELEASED was under way */
	if (flow->chan != ctx->chan)
		return -EINVAL;
	if (vho_fp_owns(flow, ctx->now_ns)) {
		vho_submit_apply_setopt(flow, o, ctx->now_ns);
		vho_fp_flow_after(flow, ctx->now_ns);
	} else if (vho_submit_is_early(flow)) {
		flow->early_setopt = *o;
		flow->early |= VHO_EARLY_SETOPT;
	}
	return 0;	/* ended, or connecting: the driver sends options again after CONNECTED */
}

static int vho_submit_peer_mac(const struct vho_submit_ctx *ctx, const union vho_submit *rec)
{
	const struct virtio_virtuoso_submit_peer_mac *p = &rec->peer_mac;
	u32 id = le32_to_cpu(rec->hdr.flow);
	struct vho_flow *flow;

	if (id >= VHO_FLOWS_MAX_ABI || !is_valid_ether_addr(p->dmac) ||
	    memchr_inv(p->reserved, 0, sizeof(p->reserved)))
		return -EINVAL;
	flow = xa_load(&ctx->group->flow_ids, id);
	if (!flow)
		return 0;	/* RELEASED was under way */
	if (flow->chan != ctx->chan)
		return -EINVAL;
	vho_flow_set_dmac(flow, p->dmac);
	vho_path_next_hop_changed(flow);
	if (vho_fp_owns(flow, ctx->now_ns)) {
		vho_tcp_hurry(flow, ctx->now_ns);
		vho_fp_flow_after(flow, ctx->now_ns);
	} else {
		vho_flow_tell_slow(flow, VHO_FS_PEER_MAC);
	}
	return 0;
}

/* The guest has a larger ring. Return: 0 or -EINVAL: @larger is not the flow's. */
static int vho_submit_tx_grow(struct vho_flow *flow, u32 seq, const struct vho_payload_ring *larger)
{
	int err;

	if (flow->tx.old.size)
		return -EINVAL;
	err = vho_tcp_tx_grow(flow, seq, larger->size);
	if (err)
		return err;
	vho_payload_grow(&flow->tx, larger, seq);
	vho_join_ring_changed(flow);
	return 0;
}

static int vho_submit_rx_grow(struct vho_flow *flow, u32 seq, const struct vho_payload_ring *larger)
{
	u32 old_end = seq + flow->rx.size;
	int err;

	/* It says that it has consumed, as UPDATE does. */
	if (flow->rx.old.size && vho_seq_before(seq, flow->rx.old_end))
		return -EINVAL;
	err = vho_tcp_rx_grow(flow, seq, larger->size);
	if (err)
		return err;
	vho_payload_retire(&flow->rx, seq);
	vho_payload_grow(&flow->rx, larger, old_end);
	return 0;
}

static int vho_submit_ring(const struct vho_submit_ctx *ctx, const union vho_submit *rec)
{
	struct vho_payload_ring larger = { };
	u32 seq = le32_to_cpu(rec->ring.seq);
	struct vho_flow *flow;
	int err;

	flow = xa_load(&ctx->group->flow_ids, le32_to_cpu(rec->hdr.flow));
	if (!flow || flow->chan != ctx->chan ||
	    !(ctx->guest->features & BIT_ULL(VIRTIO_VIRTUOSO_F_RING)))
		return -EINVAL;
	if (!vho_fp_owns(flow, ctx->now_ns))
		return flow->adopted ? 0 : -EINVAL;	/* TIME-WAIT, or over; or too early */
	if (flow->tcb.state == TCP_CLOSE)
		return 0;
	err = vho_payload_attach(ctx->guest, &larger, &rec->ring.ring);
	if (err)
		return err;
	if (rec->hdr.op == VIRTUOSO_SUBMIT_TX_RING)
		err = vho_submit_tx_grow(flow, seq, &larger);
	else
		err = vho_submit_rx_grow(flow, seq, &larger);
	if (err)
		vho_payload_detach(&larger);
	else
		vho_fp_flow_after(flow, ctx->now_ns);
	return err;
}

static const struct vho_submit_op {
	size_t bytes;
	int (*fn)(const struct vho_submit_ctx *ctx, const union vho_submit *rec);
} vho_submit_ops[] = {
	[VIRTUOSO_SUBMIT_CONNECT] = {
		sizeof(struct virtio_virtuoso_submit_connect), vho_submit_connect },
	[VIRTUOSO_SUBMIT_ATTACH] = {
		sizeof(struct virtio_virtuoso_submit_attach), vho_submit_attach },
	[VIRTUOSO_SUBMIT_REFUSE] = {
		sizeof(struct virtio_virtuoso_submit_attach), vho_submit_refuse },
	[VIRTUOSO_SUBMIT_UPDATE] = {
		sizeof(struct virtio_virtuoso_submit_update), vho_submit_update },
	[VIRTUOSO_SUBMIT_SETOPT] = {
		sizeof(struct virtio_virtuoso_submit_setopt), vho_submit_setopt },
	[VIRTUOSO_SUBMIT_PEER_MAC] = {
		sizeof(struct virtio_virtuoso_submit_peer_mac), vho_submit_peer_mac },
	[VIRTUOSO_SUBMIT_TX_RING] = {
		sizeof(struct virtio_virtuoso_submit_ring), vho_submit_ring },
	[VIRTUOSO_SUBMIT_RX_RING] = {
		sizeof(struct virtio_virtuoso_submit_ring), vho_submit_ring },
};

static int vho_submit_one(const struct vho_submit_ctx *ctx, const struct vho_chain *chain)
{
	const struct vho_submit_op *op;
	union vho_submit rec;
	size_t len;
	void *ptr;

	if (chain->nr_out != 1 || chain->nr_in)
		return -EINVAL;
	len = chain->buf[0].len;
	if (len < sizeof(rec.hdr) || len > sizeof(rec))
		return -EINVAL;
	ptr = vho_region_ptr(ctx->guest, &ctx->group->recent, chain->buf[0].addr, len);
	if (!ptr)
		return -EINVAL;
	/* The only read of the record: the guest may change it at any time. */
	memcpy(&rec, ptr, len);
	if (rec.hdr.op >= ARRAY_SIZE(vho_submit_ops) || rec.hdr.reserved)
		return -EINVAL;
	op = &vho_submit_ops[array_index_nospec(rec.hdr.op, ARRAY_SIZE(vho_submit_ops))];
	if (!op->fn || len != op->bytes)
		return -EINVAL;
	if (rec.hdr.flags && rec.hdr.op != VIRTUOSO_SUBMIT_UPDATE)
		return -EINVAL;
	return op->fn(ctx, &rec);
}

/* Return: a record was taken. */
static bool vho_chan_submit_one(struct vho_submit_ctx *ctx)
{
	struct vho_channel *ch = &ctx->guest->channels[ctx->chan];
	struct vho_chain chain __uninitialized;
	int ret;

	ch->stalled = false;
	ret = vho_ring_pop(ch->submit, &chain);
	if (ret < 0)
		vho_chan_stop_guest(ctx->port);
	if (ret <= 0)
		return false;
	ret = vho_submit_one(ctx, &chain);
	if (ret == -EAGAIN) {
		ch->stalled = true;
		vho_ring_unpop(ch->submit, 1);
		return false;
	}
	if (ret)
		vho_port_stat_inc(ctx->port, VHO_STAT_guest_bad_submit);
	vho_ring_push(ch->submit, chain.head, 0);
	vho_port_stat_inc(ctx->port, VHO_STAT_chan_submit);
	return true;
}

bool vho_chan_submit(struct vho_group *group, struct vho_guest_state *guest, u64 now_ns)
{
	struct vho_submit_ctx ctx = {
		.port = group->port,
		.group = group,
		.guest = guest,
		.now_ns = now_ns,
	};
	bool taken = false;
	unsigned int i;

	for (i = 0; i < group->nr_channels && !taken; i++) {
		ctx.chan = vho_group_chan(group, guest, group->submit_chan);
		taken = vho_chan_submit_one(&ctx);
		if (taken && ++group->submit_run < VHO_CHAN_RUN)
			break;
		group->submit_run = 0;
		group->submit_chan = (group->submit_chan + 1) % group->nr_channels;
	}
	return taken;
}
