// SPDX-License-Identifier: GPL-2.0
/*
 * Channels: complete records to the guest.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/string.h>
#include <linux/virtio_virtuoso.h>
#include <net/tcp_states.h>

#include "chan.h"
#include "core.h"
#include "flow.h"
#include "fp.h"
#include "group.h"
#include "guest_state.h"
#include "join.h"
#include "port.h"
#include "slow.h"
#include "tcp_seq.h"

void vho_chan_stop_guest(struct vho_port *port)
{
	vho_port_stat_inc(port, VHO_STAT_guest_bad_ring);
	vho_vdev_needs_reset(&port->vdev);
}

struct virtio_virtuoso_complete *vho_chan_buffer(struct vho_group *group,
						 struct vho_guest_state *guest,
						 struct vho_ring *ring, u16 *head)
{
	struct vho_chain chain __uninitialized;
	void *ptr;
	int ret;

	ret = vho_ring_pop(ring, &chain);
	if (ret <= 0) {
		if (ret < 0)
			vho_chan_stop_guest(group->port);
		return NULL;
	}
	ptr = NULL;
	if (!chain.nr_out && chain.nr_in == 1 &&
	    chain.buf[0].len >= sizeof(struct virtio_virtuoso_complete))
		ptr = vho_region_ptr(guest, &group->recent, chain.buf[0].addr,
				     sizeof(struct virtio_virtuoso_complete));
	if (!ptr) {
		/* Without a place for records the driver cannot be served. */
		ring->broken = true;
		vho_chan_stop_guest(group->port);
		return NULL;
	}
	*head = chain.head;
	return ptr;
}

void vho_chan_news(struct vho_flow *flow, u8 news)
{
	struct vho_guest_state *guest = flow->group->guest;

	if (!guest)
		return;
	flow->news |= news;
	if (list_empty(&flow->news_node))
		list_add_tail(&flow->news_node, &guest->channels[flow->chan].news);
}

static void vho_chan_fill_conn(const struct vho_flow *flow, struct virtio_virtuoso_complete *rec)
{
	const struct vho_tcb *tcb = &flow->tcb;

	rec->u.conn.iss = cpu_to_le32(tcb->iss);
	rec->u.conn.irs = cpu_to_le32(tcb->irs);
	rec->u.conn.mss = cpu_to_le16(tcb->mss);
	rec->u.conn.snd_wscale = tcb->snd_wscale;
	rec->u.conn.rcv_wscale = tcb->rcv_wscale;
	rec->u.conn.timestamps = tcb->ts_ok;
}

static void vho_chan_fill_incoming(const struct vho_flow *flow, struct virtio_virtuoso_complete *rec)
{
	const struct vho_tcb *tcb = &flow->tcb;

	rec->u.incoming.token = cpu_to_le32(flow->token);
	rec->u.incoming.iss = cpu_to_le32(tcb->iss);
	rec->u.incoming.irs = cpu_to_le32(tcb->irs);
	rec->u.incoming.mss = cpu_to_le16(tcb->mss);
	rec->u.incoming.snd_wscale = tcb->snd_wscale;
	rec->u.incoming.rcv_wscale = tcb->rcv_wscale;
	memcpy(rec->u.incoming.laddr, &flow->key.laddr, 16);
	memcpy(rec->u.incoming.raddr, &flow->key.raddr, 16);
	rec->u.incoming.lport = flow->key.lport;
	rec->u.incoming.rport = flow->key.rport;
	rec->u.incoming.timestamps = tcb->ts_ok;
}

static bool vho_chan_fin_acked(const struct vho_tcb *tcb)
{
	switch (tcb->state) {
	case TCP_FIN_WAIT2:
	case TCP_TIME_WAIT:
		return true;
	case TCP_CLOSE:
		return !tcb->error && !tcb->aborted;
	default:
		return false;
	}
}

static void vho_chan_fill_update(struct vho_flow *flow, struct virtio_virtuoso_complete *rec)
{
	const struct vho_tcb *tcb = &flow->tcb;
	struct virtio_virtuoso_complete_update *u = &rec->u.update;
	u32 una = tcb->snd_una, rcv = tcb->rcv_nxt;
	u16 flags = 0;

	/* The FINs' sequence numbers hold no data. */
	if (tcb->fin_rcvd) {
		flags |= VIRTUOSO_CF_FIN;
		rcv--;
	}
	if (vho_chan_fin_acked(tcb)) {
		flags |= VIRTUOSO_CF_FIN_ACKED;
		una = tcb->tx_end;
	}
	if (tcb->state == TCP_CLOSE && tcb->error) {
		flags |= VIRTUOSO_CF_RESET;
		rec->error = tcb->error;
	}
	if (unlikely(vho_payload_retire(&flow->tx, una)))
		vho_join_ring_changed(flow);
	rec->flags = cpu_to_le16(flags);
	u->snd_una = cpu_to_le32(una);
	u->rcv_seq = cpu_to_le32(rcv);
	u->snd_nxt = cpu_to_le32(vho_seq_before(tcb->snd_max, tcb->tx_end) ?
				 tcb->snd_max : tcb->tx_end);
	u->snd_wnd_bytes = cpu_to_le32(tcb->snd_wnd);
	/* From ring to ring nothing but the peer's window is a limit. */
	u->cwnd_bytes = cpu_to_le32(tcb->joined ? max(tcb->cwnd, tcb->snd_wnd) : tcb->cwnd);
	u->ssthresh_bytes = cpu_to_le32(tcb->ssthresh);
	u->srtt_us = cpu_to_le32(tcb->srtt_us);
	u->rttvar_us = cpu_to_le32(tcb->rttvar_us);
	u->rto_us = cpu_to_le32(tcb->rto_us);
	u->retrans_segs = cpu_to_le32(tcb->retrans_segs);
}

/* The id and the rings belong to the driver again; the slow path may forget the flow. */
static void vho_chan_drop_id(struct vho_flow *flow)
{
	struct vho_group *group = flow->group;

	/* A flow that was held for its peer (vho_join_holds()) may have had its timer armed. */
	if (READ_ONCE(flow->owner) == VHO_OWNER_CORE)
		vho_timers_disarm(&group->timers, &flow->timer);
	xa_erase(&group->flow_ids, flow->id);
	flow->id = VHO_FLOW_ID_NONE;
	flow->news = 0;
	list_del_init(&flow->news_node);
	list_del_init(&flow->tx_node);
	vho_payload_detach(&flow->tx);
	vho_payload_detach(&flow->rx);
	/* The slow path sees all that the core did to the flow. */
	smp_store_release(&flow->owner, &vho_slow);
	vho_flow_tell_slow(flow, VHO_FS_GONE);
	vho_flow_put(flow);
}

/* The record about @flow with its most important news. Return: the guest gets its id back by it. */
static bool vho_chan_record(struct vho_flow *flow, struct virtio_virtuoso_complete *rec)
{
	u8 told;

	rec->flow = cpu_to_le32(flow->id);
	if (flow->news & VHO_NEWS_INCOMING) {
		rec->op = VIRTUOSO_COMPLETE_INCOMING;
		rec->flow = 0;
		vho_chan_fill_incoming(flow, rec);
		told = VHO_NEWS_INCOMING;
	} else if (flow->news & VHO_NEWS_FAILED) {
		rec->op = VIRTUOSO_COMPLETE_FAILED;
		rec->error = flow->tcb.error;
		return true;
	} else if (flow->news & VHO_NEWS_CONNECTED) {
		rec->op = VIRTUOSO_COMPLETE_CONNECTED;
		vho_chan_fill_conn(flow, rec);
		told = VHO_NEWS_CONNECTED;
	} else if (!(flow->news & VHO_NEWS_RELEASED)) {
		rec->op = VIRTUOSO_COMPLETE_UPDATE;
		vho_chan_fill_update(flow, rec);
		told = VHO_NEWS_UPDATE;
	} else {
		/* A pending UPDATE would be followed by this at once: one record tells both. */
		rec->op = VIRTUOSO_COMPLETE_RELEASED;
		vho_chan_fill_update(flow, rec);
		return true;
	}
	flow->news &= ~told;
	if (!flow->news)
		list_del_init(&flow->news_node);
	return false;
}

static unsigned int vho_chan_complete_one(struct vho_group *group, struct vho_guest_state *guest,
					  struct vho_channel *ch, unsigned int max)
{
	unsigned int n;

	for (n = 0; n < max && !list_empty(&ch->news); n++) {
		struct virtio_virtuoso_complete rec = { }, *buf;
		struct vho_flow *flow;
		u16 head;

		buf = vho_chan_buffer(group, guest, ch->complete, &head);
		if (!buf)
			break;
		flow = list_first_entry(&ch->news, struct vho_flow, news_node);
		if (vho_chan_record(flow, &rec))
			vho_chan_drop_id(flow);
		else if (rec.op == VIRTUOSO_COMPLETE_INCOMING)
			/* Pairs with vho_submit_token_find(): it is nobody's news any more. */
			smp_store_release(&flow->offered, true);
		*buf = rec;
		vho_ring_push(ch->complete, head, sizeof(*buf));
	}
	if (n)
		vho_port_stat_add(group->port, VHO_STAT_chan_complete, n);
	return n;
}

unsigned int vho_chan_complete(struct vho_group *group, struct vho_guest_state *guest,
			       unsigned int max)
{
	unsigned int i, n = 0;

	for (i = 0; i < group->nr_channels && n < max; i++) {
		/* Each channel is the first one in turn. */
		group->complete_chan = (group->complete_chan + 1) % group->nr_channels;
		n += vho_chan_complete_one(group, guest,
					   vho_group_channel(group, guest, group->complete_chan),
					   max - n);
	}
	return n;
}

static void vho_chan_signal_ring(struct vho_port *port, struct vho_ring *ring, u16 vq)
{
	if (!ring || !vho_ring_need_signal(ring))
		return;
	vho_port_stat_inc(port, VHO_STAT_chan_irq);
	port->vdev.ops->call(&port->vdev, vq);
}

void vho_chan_signal(struct vho_group *group, struct vho_guest_state *guest)
{
	struct vho_port *port = group->port;
	unsigned int i;

	for (i = 0; i < group->nr_channels; i++) {
		struct vho_channel *ch = vho_group_channel(group, guest, i);

		vho_chan_signal_ring(port, ch->submit, ch->submit_vq);
		vho_chan_signal_ring(port, ch->complete, ch->complete_vq);
	}
	if (group->index)
		return;
	vho_chan_signal_ring(port, guest->frame_rx, VIRTUOSO_VQ_FRAME_RX);
	vho_chan_signal_ring(port, guest->frame_tx, VIRTUOSO_VQ_FRAME_TX);
}
