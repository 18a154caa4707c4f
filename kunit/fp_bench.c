// SPDX-License-Identifier: GPL-2.0
/*
 * What the fast path costs: native cycles for one received and one sent 64-byte request.
 *
 * Not a test: nothing about time is asserted, and only "make bench" runs it (scripts/kunit leaves
 * out what is very slow). Timed is what a core does: classification of the packet, turns with TCP,
 * payload and records, the segment as a packet with its headers. The driver's side, the packet that
 * comes and the freeing of the one that goes are not.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/skbuff.h>

#include "../host/fp.h"
#include "../host/packet.h"
#include "../host/segment.h"
#include "host_fake.h"

#define VHO_BENCH_BYTES		64
#define VHO_BENCH_REQUESTS	100000
#define VHO_BENCH_ROUNDS	7
#define VHO_BENCH_FLOWS_MAX	16

struct vho_bench {
	struct vho_fake *f;
	struct vho_flow *flow[VHO_BENCH_FLOWS_MAX];
	struct sk_buff *skb[VHO_BENCH_FLOWS_MAX];
	unsigned int nr_flows;
	u64 cycles;
	u64 start;
};

static void vho_bench_begin(struct vho_bench *b)
{
	b->start = __builtin_ia32_rdtsc();
}

static void vho_bench_end(struct vho_bench *b)
{
	b->cycles += __builtin_ia32_rdtsc() - b->start;
}

/* The packets of one request for each flow. */
static void vho_bench_packets(struct vho_bench *b)
{
	unsigned int i;

	for (i = 0; i < b->nr_flows; i++) {
		const struct vho_tcb *tcb = &b->flow[i]->tcb;

		b->skb[i] = vho_fake_skb(b->f, &b->flow[i]->key, VHO_TCPF_ACK | VHO_TCPF_PSH,
					 tcb->rcv_nxt, tcb->snd_max, VHO_BENCH_BYTES);
		vho_flow_put(vho_packet(b->skb[i])->flow);
	}
}

/* As the port's netdev does it. */
static void vho_bench_classify(struct vho_bench *b, struct sk_buff *skb)
{
	struct vho_flow_key key = { .port_index = b->f->port->index };
	struct vho_flow *flow = NULL;

	memset(vho_packet(skb), 0, sizeof(struct vho_packet));
	if (vho_packet_parse(skb, &key) == VHO_PACKET_TCP) {
		rcu_read_lock();
		flow = vho_flow_lookup_rcu(&key);
		if (flow && !vho_flow_get_unless_zero(flow))
			flow = NULL;
		rcu_read_unlock();
	}
	vho_packet(skb)->flow = flow;
	if (!flow || ptr_ring_produce_bh(&b->f->group->rxq, skb))
		KUNIT_FAIL(b->f->test, "a packet was not taken");
}

static void vho_bench_receive(struct vho_bench *b)
{
	unsigned int i;

	vho_fake_offer(b->f, 0, b->nr_flows);
	vho_bench_packets(b);
	vho_bench_begin(b);
	for (i = 0; i < b->nr_flows; i++)
		vho_bench_classify(b, b->skb[i]);
	vho_fake_turn(b->f);
	vho_bench_end(b);
}

/* The driver has read all, and answers with as much. */
static void vho_bench_answer(struct vho_bench *b)
{
	struct virtio_virtuoso_complete rec;
	unsigned int i;

	for (i = 0; i < b->nr_flows; i++) {
		const struct vho_tcb *tcb = &b->flow[i]->tcb;

		KUNIT_ASSERT_TRUE(b->f->test, vho_fake_complete(b->f, 0, &rec));
		vho_fake_update(b->f, 0, b->flow[i]->id, tcb->tx_end + VHO_BENCH_BYTES,
				tcb->rcv_nxt, VIRTUOSO_SF_NODELAY);
	}
	vho_bench_begin(b);
	vho_fake_turn(b->f);
	vho_bench_end(b);
	/* More in the beginning: a new connection acknowledges at once. */
	KUNIT_ASSERT_GE(b->f->test, skb_queue_len(&b->f->netdev_rx), b->nr_flows);
	__skb_queue_purge(&b->f->netdev_rx);
}

/* Return: cycles for one request and its answer. */
static u64 vho_bench_round(struct vho_bench *b)
{
	unsigned int n;

	b->cycles = 0;
	for (n = 0; n < VHO_BENCH_REQUESTS; n += b->nr_flows) {
		vho_bench_receive(b);
		vho_bench_answer(b);
	}
	return b->cycles / n;
}

static void vho_bench_run(struct kunit *test, unsigned int flows)
{
	struct vho_bench *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	u64 best = U64_MAX;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->f = test->priv;
	b->nr_flows = flows;
	for (i = 0; i < flows; i++)
		b->flow[i] = vho_fake_establish(b->f, i + 1);
	b->f->build_segments = true;
	vho_segment_group_init(b->f->group);
	for (i = 0; i < VHO_BENCH_ROUNDS; i++)
		best = min(best, vho_bench_round(b));
	vho_segment_group_exit(b->f->group);
	b->f->build_segments = false;
	kunit_info(test, "bench: %u flow(s) at a time: %llu cycles per request and answer\n", flows,
		   best);
}

static void vho_bench_fp__one_flow(struct kunit *test)
{
	vho_bench_run(test, 1);
}

static void vho_bench_fp__batch(struct kunit *test)
{
	vho_bench_run(test, VHO_BENCH_FLOWS_MAX);
}

static int vho_bench_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_guest_start(test->priv, 1);
	return 0;
}

static struct kunit_case vho_bench_cases[] = {
	KUNIT_CASE_ATTR(vho_bench_fp__one_flow, { .speed = KUNIT_SPEED_VERY_SLOW }),
	KUNIT_CASE_ATTR(vho_bench_fp__batch, { .speed = KUNIT_SPEED_VERY_SLOW }),
	{ }
};

static struct kunit_suite vho_bench_suite = {
	.name = "virtuoso_bench",
	.init = vho_bench_init,
	.exit = vho_fake_exit,
	.test_cases = vho_bench_cases,
};

kunit_test_suite(vho_bench_suite);
