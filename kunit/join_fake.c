// SPDX-License-Identifier: GPL-2.0
/*
 * What the suite of joined flows stands on.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/tcp.h>

#include "../host/chan.h"
#include "../host/fp.h"
#include "../host/listener.h"
#include "../host/packet.h"
#include "../host/tcp_seq.h"
#include "join_fake.h"

#define VHO_PAIR_PIECE_BYTES	1000	/* nothing fits nicely */
#define VHO_PAIR_PORT		80

/* A segment under way. */
struct vho_pair_seg {
	struct list_head node;
	struct vho_flow_key key;	/* of who gets it */
	unsigned int to;
	struct vho_tx_seg seg;
	u8 data[];
};

u64 vho_pair_now(struct vho_pair *p)
{
	return ktime_get_ns() + p->f->ahead_ns;
}

/* The byte at offset @i of what end @who sends. */
static u8 vho_pair_byte(unsigned int who, u64 i)
{
	return i * 31 + (i >> 8) * 7 + (i >> 16) * 13 + who * 101;
}

/* ---- rings ---- */

#define VHO_PAIR_POISON	0xe5

static u8 *vho_pair_ring_at(struct vho_pair_ring *r, u32 first, u32 seq)
{
	if (r->old && vho_seq_before(seq, r->old_end))
		return &r->old[(seq - first) % r->old_bytes];
	return &r->mem[(seq - first) % r->bytes];
}

/* Nothing before @seq is needed: what is left of the old ring is nobody's business any more. */
static void vho_pair_ring_retire(struct vho_pair_ring *r, struct vho_payload_ring *host, u32 seq)
{
	if (!r->old || vho_seq_before(seq, r->old_end))
		return;
	memset(r->old, VHO_PAIR_POISON, r->old_bytes);
	r->old = NULL;
	vho_payload_retire(host, seq);
}

static void vho_pair_retire(struct vho_pair *p, unsigned int i, u32 rx_seq)
{
	struct vho_pair_end *e = &p->end[i];
	struct vho_flow *flow = e->flow;
	bool had = e->tx.old;

	vho_pair_ring_retire(&e->rx, &flow->rx, rx_seq);
	vho_pair_ring_retire(&e->tx, &flow->tx, vho_seq_min(flow->tcb.snd_una, flow->tcb.tx_end));
	if (had && !e->tx.old)
		vho_join_ring_changed(flow);
}

static void vho_pair_ring_grow(struct kunit *test, struct vho_pair_ring *r,
			       struct vho_payload_ring *host, u32 old_end)
{
	struct vho_payload_ring larger = { .size = 4 * r->bytes };

	r->old = r->mem;
	r->old_bytes = r->bytes;
	r->old_end = old_end;
	r->bytes *= 4;
	r->mem = kunit_kzalloc(test, r->bytes, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->mem);
	larger.vaddr = r->mem;
	vho_payload_grow(host, &larger, old_end);
}

/* As vho_submit_ring() has it. */
bool vho_pair_grow(struct vho_pair *p, unsigned int i)
{
	struct vho_pair_end *e = &p->end[i];
	struct kunit *test = p->f->test;
	struct vho_flow *flow = e->flow;
	struct vho_tcb *tcb = &flow->tcb;
	u32 rx_seq = tcb->irs + 1 + e->read, tx_seq = tcb->tx_end;

	if (e->tx.old || e->rx.old || e->stopped || tcb->state == TCP_CLOSE ||
	    !vho_fp_owns(flow, vho_pair_now(p)))
		return false;
	KUNIT_EXPECT_EQ(test, 0, vho_tcp_tx_grow(flow, tx_seq, 4 * e->tx.bytes));
	vho_pair_ring_grow(test, &e->tx, &flow->tx, tx_seq);
	vho_join_ring_changed(flow);
	KUNIT_EXPECT_EQ(test, 0, vho_tcp_rx_grow(flow, rx_seq, 4 * e->rx.bytes));
	vho_pair_ring_grow(test, &e->rx, &flow->rx, rx_seq + e->rx.bytes);
	vho_fp_flow_after(flow, vho_pair_now(p));
	return true;
}

/* ---- the switch ---- */

static void vho_pair_xmit(struct vho_fake *f, struct vho_flow *flow, const struct vho_tx_seg *seg)
{
	struct vho_pair *p = f->priv;
	unsigned int from = flow->port != p->end[0].port;
	struct vho_pair_seg *s = kzalloc(sizeof(*s) + seg->len, GFP_KERNEL);
	struct vho_pair_end *e = &p->end[from];
	u32 i;

	KUNIT_ASSERT_NOT_NULL(f->test, s);
	s->to = !from;
	s->seg = *seg;
	s->key = (struct vho_flow_key) {
		.laddr = flow->key.raddr,
		.raddr = flow->key.laddr,
		.lport = flow->key.rport,
		.rport = flow->key.lport,
		.port_index = p->end[s->to].port->index,
	};
	for (i = 0; i < seg->len; i++)
		s->data[i] = *vho_pair_ring_at(&e->tx, flow->tx.base_seq, seg->seq + i);
	list_add_tail(&s->node, &p->net);
}

static struct sk_buff *vho_pair_skb(struct vho_pair *p, const struct vho_pair_seg *s)
{
	struct sk_buff *skb = alloc_skb(128 + s->seg.len, GFP_KERNEL);
	struct tcphdr *th;

	KUNIT_ASSERT_NOT_NULL(p->f->test, skb);
	th = vho_fake_put_headers(skb, p->end[s->to].port->mac, p->end[!s->to].port->mac, &s->key,
				  s->seg.optlen, s->seg.len);
	th->seq = htonl(s->seg.seq);
	th->ack_seq = htonl(s->seg.ack);
	th->window = htons(s->seg.wnd);
	((u8 *)th)[13] = s->seg.flags;
	memcpy(th + 1, s->seg.opt, s->seg.optlen);
	skb_put_data(skb, s->data, s->seg.len);
	return skb;
}

/* As port_netdev.c has it. */
static void vho_pair_deliver(struct vho_pair *p, const struct vho_pair_seg *s)
{
	struct vho_port *port = p->end[s->to].port;
	struct vho_flow_key key = { .port_index = port->index };
	struct sk_buff *skb = vho_pair_skb(p, s);
	struct vho_flow *flow;
	bool probe;

	KUNIT_ASSERT_EQ(p->f->test, vho_packet_parse(skb, &key), VHO_PACKET_TCP);
	rcu_read_lock();
	flow = vho_flow_lookup_rcu(&key);
	if (flow && !vho_flow_get_unless_zero(flow))
		flow = NULL;
	probe = flow && vho_join_probe_rx(flow, skb);
	rcu_read_unlock();
	p->carried++;
	p->carried_bytes += s->seg.len;
	vho_packet(skb)->flow = flow;
	if (probe) {
		p->probes++;
		vho_flow_put(flow);
		kfree_skb(skb);
	} else if (flow && READ_ONCE(flow->owner) != &vho_slow) {
		vho_fp_rx(port->group[0], skb, U32_MAX, vho_pair_now(p));
	} else {
		vho_sp_rx(port, skb, vho_pair_now(p));
	}
}

static bool vho_pair_carry(struct vho_pair *p)
{
	struct vho_pair_seg *s = list_first_entry_or_null(&p->net, struct vho_pair_seg, node);

	if (!s)
		return false;
	list_del(&s->node);
	if (!p->cut)
		vho_pair_deliver(p, s);
	kfree(s);
	return true;
}

/* ---- the guests ---- */

static u32 vho_pair_write(struct vho_pair *p, unsigned int i)
{
	struct vho_pair_end *e = &p->end[i];
	const struct vho_tcb *tcb = &e->flow->tcb;
	u32 una = vho_seq_min(tcb->snd_una, tcb->tx_end), n, k;

	n = min_t(u64, e->tx.bytes - (tcb->tx_end - una), e->to_send - e->written);
	n = min(n, e->chunk);
	for (k = 0; k < n; k++)
		*vho_pair_ring_at(&e->tx, tcb->iss + 1, tcb->tx_end + k) =
			vho_pair_byte(i, e->written + k);
	e->written += n;
	return tcb->tx_end + n;
}

static u32 vho_pair_read(struct vho_pair *p, unsigned int i)
{
	struct vho_pair_end *e = &p->end[i];
	const struct vho_tcb *tcb = &e->flow->tcb;
	u32 seq = tcb->irs + 1 + e->read, k;
	u32 n = min(vho_tcp_rx_end(tcb) - seq, e->chunk);

	if (e->no_read)
		return seq;
	for (k = 0; k < n; k++) {
		u8 got = *vho_pair_ring_at(&e->rx, tcb->irs + 1, seq + k);

		if (got != vho_pair_byte(!i, e->read + k))
			KUNIT_FAIL_AND_ABORT(p->f->test, "end %u: byte %llu is wrong", i,
					     e->read + k);
	}
	e->read += n;
	return seq + n;
}

/* A guest may read what has arrived when the connection has ended, too. */
void vho_pair_drain(struct vho_pair *p)
{
	unsigned int i;
	u64 before;

	for (i = 0; i < 2; i++) {
		do {
			before = p->end[i].read;
			vho_pair_read(p, i);
		} while (p->end[i].read != before);
	}
}

/* As vho_submit_update() has it. */
void vho_pair_app(struct vho_pair *p, unsigned int i, u16 flags)
{
	struct vho_pair_end *e = &p->end[i];
	struct vho_flow *flow = e->flow;
	u64 now_ns = vho_pair_now(p);

	if (e->stopped || !vho_fp_owns(flow, now_ns))
		return;
	if (flow->tcb.state != TCP_CLOSE) {
		u32 rx = vho_pair_read(p, i), tx = vho_pair_write(p, i);

		KUNIT_EXPECT_EQ(p->f->test, 0, vho_tcp_app(flow, tx, rx, flags, now_ns));
		vho_pair_retire(p, i, rx);
	}
	if (flags & (VIRTUOSO_SF_CLOSE | VIRTUOSO_SF_ABORT))
		flow->guest_closed = true;
	vho_fp_flow_after(flow, now_ns);
}

/* Return: the guest had something to do. */
static bool vho_pair_guest(struct vho_pair *p, unsigned int i)
{
	struct vho_pair_end *e = &p->end[i];
	const struct vho_tcb *tcb;
	bool writes, reads;
	u16 flags;
	u32 una;

	if (!e->flow || !e->flow->adopted || e->stopped || READ_ONCE(e->flow->owner))
		return false;
	tcb = &e->flow->tcb;
	if (tcb->state == TCP_CLOSE)
		return false;
	una = vho_seq_min(tcb->snd_una, tcb->tx_end);
	writes = e->written < e->to_send && tcb->tx_end - una < e->tx.bytes;
	reads = !e->no_read && vho_tcp_rx_end(tcb) != tcb->rx_read;
	flags = e->written == e->to_send ? e->flags : 0;
	if (!writes && !reads && !(flags & ~tcb->app))
		return false;
	vho_pair_app(p, i, flags);
	return true;
}

/* ---- what happens ---- */

static bool vho_pair_core(struct vho_pair *p, unsigned int i)
{
	struct vho_pair_end *e = &p->end[i];
	u64 now_ns = vho_pair_now(p);

	if (vho_fp_event(e->port->group[0], now_ns))
		return true;
	return !e->stopped && vho_fp_output(e->port->group[0], VHO_PAIR_PIECE_BYTES, now_ns);
}

bool vho_pair_step(struct vho_pair *p)
{
	bool did = false;
	unsigned int i, n;

	p->steps++;
	/* Each one in turn is the first. */
	for (n = 0; n < 2 && !did; n++) {
		i = (p->steps + n) % 2;
		did = vho_fake_run_slow(p->f) || vho_fake_run_core(p->f) || vho_pair_core(p, i) ||
		      vho_pair_carry(p) || vho_pair_guest(p, i);
	}
	return did;
}

void vho_pair_settle(struct vho_pair *p)
{
	unsigned int n = 0;

	while (vho_pair_step(p))
		if (++n == 200000)
			KUNIT_FAIL_AND_ABORT(p->f->test, "it does not come to rest");
}

void vho_pair_advance(struct vho_pair *p, u32 ms)
{
	for (; ms; ms -= min(ms, 10U)) {
		p->f->ahead_ns += 10 * NSEC_PER_MSEC;
		vho_fake_run_timers(p->f);
		vho_pair_settle(p);
	}
}

/* ---- set-up ---- */

static void vho_pair_rings(struct vho_pair *p, unsigned int i)
{
	struct vho_pair_end *e = &p->end[i];
	struct vho_flow *flow = e->flow;

	flow->tx = (struct vho_payload_ring){ .vaddr = e->tx.mem, .size = VHO_PAIR_RING_BYTES };
	flow->rx = (struct vho_payload_ring){ .vaddr = e->rx.mem, .size = VHO_PAIR_RING_BYTES };
	flow->id = 1;
	vho_flow_get(flow);
	KUNIT_ASSERT_FALSE(p->f->test, xa_err(xa_store(&e->port->group[0]->flow_ids, 1, flow, GFP_KERNEL)));
}

static void vho_pair_connect(struct vho_pair *p)
{
	struct vho_flow_key key = vho_fake_connect_key(p->f, 1);
	struct vho_flow *flow = vho_flow_alloc(p->end[0].port, &key, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(p->f->test, flow);
	p->end[0].flow = flow;
	flow->ttl = 64;
	flow->tcb.mss_limit = 1460;
	vho_pair_rings(p, 0);
	vho_flow_tell_slow(flow, VHO_FS_CONNECT);
}

/* The guest of end 1 has taken it, as vho_submit_attach() has it. */
static void vho_pair_attach(struct vho_pair *p)
{
	struct vho_pair_end *e = &p->end[1];
	struct vho_flow *flow;
	unsigned long token = 0;

	flow = xa_find(&e->guest->incoming, &token, ULONG_MAX, XA_PRESENT);
	KUNIT_ASSERT_NOT_NULL(p->f->test, flow);
	e->flow = flow;
	vho_flow_get(flow);
	list_del_init(&flow->news_node);
	flow->news = 0;
	xa_erase(&e->guest->incoming, token);
	vho_pair_rings(p, 1);
	vho_flow_put(flow);
	vho_flow_tell_slow(flow, VHO_FS_ATTACH);
}

void vho_pair_establish(struct vho_pair *p)
{
	struct in6_addr addr = vho_fake_addr(VHO_FAKE_PEER);

	KUNIT_ASSERT_EQ(p->f->test, VIRTUOSO_STATUS_OK, vho_addr_add(p->end[1].port, &addr));
	KUNIT_ASSERT_EQ(p->f->test, VIRTUOSO_STATUS_OK,
			vho_listener_add(p->end[1].port, &addr, htons(VHO_PAIR_PORT), 4, 0));
	vho_pair_connect(p);
	while (vho_fake_run_slow(p->f) | vho_fake_run_core(p->f) | vho_pair_core(p, 0) |
	       vho_pair_core(p, 1) | vho_pair_carry(p))
		;
	vho_pair_attach(p);
	while (!p->end[1].flow->adopted)
		KUNIT_ASSERT_TRUE(p->f->test, vho_pair_step(p));
}

static void vho_pair_ring_init(struct kunit *test, struct vho_pair_ring *r)
{
	r->mem = kunit_kzalloc(test, VHO_PAIR_RING_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->mem);
	r->bytes = VHO_PAIR_RING_BYTES;
}

int vho_pair_init(struct kunit *test)
{
	struct vho_pair *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	unsigned int i;

	vho_fake_init(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	p->f = test->priv;
	p->f->priv = p;
	p->f->xmit = vho_pair_xmit;
	test->priv = p;
	INIT_LIST_HEAD(&p->net);
	vho_fake_guest_start(p->f, 1);
	p->end[0].port = p->f->port;
	p->end[0].guest = p->f->guest;
	p->end[1].port = vho_fake_port_new(p->f, p->f->port->index + 1);
	p->end[1].guest = vho_guest_alloc(p->end[1].port, 0);
	KUNIT_ASSERT_NOT_NULL(test, p->end[1].guest);
	p->end[1].guest->nr_channels = 1;
	vho_group_guest_set(p->end[1].port->group[0], p->end[1].guest);
	p->end[1].port->slow_guest = p->end[1].guest;
	for (i = 0; i < 2; i++) {
		vho_pair_ring_init(test, &p->end[i].tx);
		vho_pair_ring_init(test, &p->end[i].rx);
		p->end[i].chunk = 777;
	}
	return 0;
}

void vho_pair_stop(struct vho_pair *p, unsigned int i)
{
	struct vho_pair_end *e = &p->end[i];

	if (e->stopped)
		return;
	while (vho_fp_flows_stop(e->port->group[0], e->guest, vho_pair_now(p)))
		;
	e->stopped = true;
}

void vho_pair_exit(struct kunit *test)
{
	struct vho_pair *p = test->priv;
	struct vho_pair_end *other = &p->end[1];
	struct vho_fake *f = p->f;
	struct vho_sp_stop stop;
	unsigned int i;

	for (i = 0; i < 2; i++)
		vho_pair_stop(p, i);
	p->cut = true;
	vho_pair_settle(p);
	f->xmit = NULL;
	vho_listeners_flush(other->port);
	for (i = 0; i < 2; i++)
		if (p->end[i].flow)
			vho_flow_put(p->end[i].flow);
	vho_sp_stop_init(&stop, other->port, true);
	while (vho_sp_stop_step(&stop))
		;
	vho_pair_settle(p);
	vho_group_guest_clear(other->port->group[0]);
	vho_guest_free(other->guest);
	KUNIT_EXPECT_EQ(test, other->port->nr_flows, 0);
	KUNIT_EXPECT_NULL(test, timerqueue_getnext(&other->port->group[0]->timers));
	vho_timer_disarm(&f->core.worker, &other->port->group[0]->timer);
	test->priv = f;
	vho_fake_exit(test);
	vho_fake_port_exit(other->port);
}

/* ---- what it looks like ---- */

bool vho_pair_is_up(struct vho_pair *p)
{
	struct vho_join *join = vho_pair_join(p, 0);

	return join && join == vho_pair_join(p, 1) && join->state == VHO_JOIN_UP &&
	       join->side[0].phase == VHO_JOIN_IN && join->side[1].phase == VHO_JOIN_IN;
}

u64 vho_pair_stat(struct vho_pair *p, unsigned int i, enum vho_stat stat)
{
	u64 sum[VHO_STAT_NR];

	vho_port_stats_sum(p->end[i].port, sum);
	return sum[stat];
}
