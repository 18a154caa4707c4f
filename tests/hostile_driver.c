// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's driver with bad manners: it knows the device's protocol, and gets every
 * field wrong now and then.
 */
#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_virtuoso.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hostile.h"

#define REGION_AT	(1UL << 20)	/* region 0, offset in mem */
#define REGION_BYTES	(4UL << 20)
#define SLOT_BYTES	2048
#define SLOTS_AT	(REGION_AT + (1UL << 20)) /* behind the payload rings */
#define CTRL_AT		(6UL << 20)	/* not in a region: control requests need none */
#define NR_FLOWS	8
#define ANSWER_SECONDS	5

static uint16_t avail_idx[NR_VQS], seen[NR_VQS];
static bool honest;
static uint32_t local_addr, peer_addr;
static uint8_t local_mac[6], peer_mac[6];
static uint32_t last_token;
static struct fuzz_flow {
	bool connected;
	uint32_t iss, irs;
} flows[NR_FLOWS];
static struct {
	unsigned long records, requests, frames, connected, incoming, restarts;
} count;

static uint32_t rnd(uint32_t below)
{
	return (uint32_t)random() % below;
}

/* true once in @n calls, of a driver that makes mistakes */
static bool once_in(uint32_t n)
{
	return !honest && rnd(n) == 0;
}

/* Something else than @value, once in @n calls. */
static uint32_t spoil(uint32_t value, uint32_t n)
{
	if (!once_in(n))
		return value;
	switch (rnd(4)) {
	case 0: return random();
	case 1: return UINT32_MAX;
	case 2: return value + 1;
	default: return 0;
	}
}

static uint32_t nearly(uint32_t value)
{
	return spoil(value, 100);
}

/* What breaks a queue comes to a reset, so that it must be rarer. */
static uint32_t ring_nearly(uint32_t value)
{
	return spoil(value, 5000);
}

/* ---- queues: descriptor i of a queue always describes slot i of it ---- */

static struct vring_desc *desc_of(unsigned int vq, unsigned int i)
{
	return (struct vring_desc *)(mem + vq * RING_BYTES) + i;
}

static struct vring_used *used_of(unsigned int vq)
{
	return (void *)(mem + vq * RING_BYTES + RING_USED);
}

static uint16_t used_idx(unsigned int vq)
{
	return __atomic_load_n(&used_of(vq)->idx, __ATOMIC_ACQUIRE);
}

static unsigned long slot_at(unsigned int vq, unsigned int i)
{
	return SLOTS_AT + (vq * RING_SIZE + i) * SLOT_BYTES;
}

/* Publishes the chain that begins with descriptor @head. */
static void publish(unsigned int vq, unsigned int head)
{
	struct vring_avail *avail = (void *)(mem + vq * RING_BYTES + RING_AVAIL);

	avail->ring[avail_idx[vq] % RING_SIZE] = ring_nearly(head);
	__atomic_store_n(&avail->idx, ++avail_idx[vq], __ATOMIC_RELEASE);
}

static void kick(unsigned int vq)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	put(bar_at, BAR_NOTIFY + 4 * vq, 2, vq);
}

static bool room(unsigned int vq)
{
	return (uint16_t)(avail_idx[vq] - used_idx(vq)) < RING_SIZE;
}

static void set_desc(unsigned int vq, unsigned int i, unsigned long at, uint32_t len, uint16_t flags)
{
	*desc_of(vq, i) = (struct vring_desc) {
		.addr = IOVA + (once_in(500) ? (unsigned long)random() : at),
		.len = nearly(len),
		.flags = ring_nearly(flags),
		.next = ring_nearly((i + 1) % RING_SIZE),
	};
}

static void refill(unsigned int vq)
{
	bool any = false;

	while (room(vq)) {
		unsigned int i = avail_idx[vq] % RING_SIZE;

		set_desc(vq, i, slot_at(vq, i), SLOT_BYTES, VRING_DESC_F_WRITE);
		publish(vq, i);
		any = true;
	}
	if (any)
		kick(vq);
}

/* ---- control ---- */

static void v4_addr(uint8_t *to, uint32_t addr)
{
	memset(to, 0, 16);
	to[10] = to[11] = 0xff;
	memcpy(to + 12, &addr, 4);
}

/* Sends a request of @bytes at CTRL_AT. */
static void request(uint32_t bytes)
{
	unsigned int vq = VIRTUOSO_VQ_CONTROL, i = avail_idx[vq] % RING_SIZE;
	time_t end = time(NULL) + ANSWER_SECONDS;
	uint16_t before = used_idx(vq);

	count.requests++;
	set_desc(vq, i, CTRL_AT, bytes, VRING_DESC_F_NEXT);
	set_desc(vq, (i + 1) % RING_SIZE, CTRL_AT + 512, 4, VRING_DESC_F_WRITE);
	publish(vq, i);
	kick(vq);
	while (used_idx(vq) == before && !(status() & VIRTIO_CONFIG_S_NEEDS_RESET))
		if (time(NULL) > end)
			break;
}

static void add_region(uint32_t id, uint64_t addr, uint32_t bytes)
{
	struct virtio_virtuoso_ctrl_region *req = (void *)(mem + CTRL_AT);

	*req = (struct virtio_virtuoso_ctrl_region) {
		.hdr.op = htole16(VIRTUOSO_CTRL_REGION_ADD),
		.id = htole32(id), .len_bytes = htole32(bytes), .addr = htole64(addr),
	};
	request(sizeof(*req));
}

static void add_listener(void)
{
	struct virtio_virtuoso_ctrl_listen *listen = (void *)(mem + CTRL_AT);
	struct virtio_virtuoso_ctrl_addr *addr = (void *)listen;

	memset(listen, 0, sizeof(*listen));
	addr->hdr.op = htole16(VIRTUOSO_CTRL_ADDR_ADD);
	v4_addr(addr->addr, local_addr);
	request(sizeof(*addr));
	memset(listen, 0, sizeof(*listen));
	listen->hdr.op = htole16(VIRTUOSO_CTRL_LISTEN);
	v4_addr(listen->addr, 0);
	listen->port = htobe16(5002);
	listen->backlog = htole32(16);
	request(sizeof(*listen));
}

static void random_request(void)
{
	struct virtio_virtuoso_ctrl_hdr *hdr = (void *)(mem + CTRL_AT);
	struct virtio_virtuoso_ctrl_region *region = (void *)hdr;
	struct virtio_virtuoso_ctrl_listen *listen = (void *)hdr;
	struct virtio_virtuoso_ctrl_addr *addr = (void *)hdr;
	unsigned int op = rnd(8), bytes = rnd(64);

	memset(hdr, 0, 64);
	switch (op) {
	case VIRTUOSO_CTRL_REGION_ADD:
	case VIRTUOSO_CTRL_REGION_DEL:
		region->id = htole32(nearly(rnd(4)));
		region->addr = htole64(IOVA + (nearly(rnd(2048)) << 12));
		region->len_bytes = htole32(nearly((1 + rnd(1023)) << 12));
		bytes = sizeof(*region);
		break;
	case VIRTUOSO_CTRL_ADDR_ADD:
	case VIRTUOSO_CTRL_ADDR_DEL:
		v4_addr(addr->addr, nearly(local_addr));
		bytes = sizeof(*addr);
		break;
	case VIRTUOSO_CTRL_LISTEN:
	case VIRTUOSO_CTRL_UNLISTEN:
		v4_addr(listen->addr, once_in(2) ? 0 : nearly(local_addr));
		listen->port = htobe16(5000 + rnd(4));
		listen->backlog = htole32(nearly(16));
		bytes = sizeof(*listen);
		break;
	}
	hdr->op = htole16(nearly(op));
	request(nearly(bytes));
}

/* ---- channels ---- */

static struct virtio_virtuoso_ring random_ring(void)
{
	return (struct virtio_virtuoso_ring) {
		.region = htole32(nearly(0)),
		.offset_bytes = htole32(nearly(rnd(16) << 16)),
		.size_log2 = once_in(50) ? random() : 12 + rnd(5),
	};
}

static uint32_t fill_connect(struct virtio_virtuoso_submit_connect *c)
{
	v4_addr(c->laddr, nearly(local_addr));
	v4_addr(c->raddr, nearly(peer_addr));
	c->lport = htobe16(nearly(20000 + rnd(2000)));
	c->rport = htobe16(nearly(5001));
	memcpy(c->smac, local_mac, 6);
	memcpy(c->dmac, peer_mac, 6);
	c->mss = htole16(nearly(1460));
	c->ttl = nearly(64);
	c->tx = random_ring();
	c->rx = random_ring();
	return sizeof(*c);
}

static uint32_t fill_attach(struct virtio_virtuoso_submit_attach *a)
{
	a->token = htole32(once_in(4) ? rnd(64) : last_token);
	a->tx = random_ring();
	a->rx = random_ring();
	return sizeof(*a);
}

static uint32_t fill_update(struct virtio_virtuoso_submit_update *u, unsigned int flow)
{
	const struct fuzz_flow *f = &flows[flow % NR_FLOWS];

	u->hdr.flags = htole16(once_in(4) ? rnd(64) : 0);
	u->tx_seq = htole32(nearly(f->iss + 1 + rnd(70000)));
	u->rx_seq = htole32(nearly(f->irs + 1 + rnd(70000)));
	return sizeof(*u);
}

static uint32_t fill_setopt(struct virtio_virtuoso_submit_setopt *s)
{
	s->user_timeout_ms = htole32(nearly(rnd(5000)));
	s->keepalive_idle_s = htole32(nearly(rnd(3)));
	s->keepalive_intvl_s = htole32(nearly(rnd(3)));
	s->keepalive_probes = htole16(nearly(3));
	return sizeof(*s);
}

static uint32_t fill_peer_mac(struct virtio_virtuoso_submit_peer_mac *p)
{
	memcpy(p->dmac, peer_mac, 6);
	if (once_in(4))
		p->dmac[rnd(6)] = random();
	return sizeof(*p);
}

static void submit(unsigned int chan)
{
	unsigned int vq = VIRTUOSO_VQ_SUBMIT(chan), i = avail_idx[vq] % RING_SIZE;
	struct virtio_virtuoso_submit_hdr *hdr = (void *)(mem + slot_at(vq, i));
	static const uint8_t ops[] = { 1, 1, 2, 3, 4, 4, 4, 4, 4, 5, 6 };
	unsigned int flow = rnd(NR_FLOWS);
	uint32_t bytes = 64;

	if (!room(vq))
		return;
	count.records++;
	memset(hdr, 0, VIRTUOSO_SUBMIT_MAX_BYTES);
	hdr->op = ops[rnd(sizeof(ops))];
	switch (hdr->op) {
	case VIRTUOSO_SUBMIT_CONNECT:
		bytes = fill_connect((void *)hdr);
		break;
	case VIRTUOSO_SUBMIT_ATTACH:
	case VIRTUOSO_SUBMIT_REFUSE:
		bytes = fill_attach((void *)hdr);
		break;
	case VIRTUOSO_SUBMIT_UPDATE:
		bytes = fill_update((void *)hdr, flow);
		break;
	case VIRTUOSO_SUBMIT_SETOPT:
		bytes = fill_setopt((void *)hdr);
		break;
	case VIRTUOSO_SUBMIT_PEER_MAC:
		bytes = fill_peer_mac((void *)hdr);
		break;
	}
	if (once_in(100))
		hdr->op = random();
	if (once_in(200))
		((uint8_t *)hdr)[rnd(bytes)] = random();
	hdr->flow = htole32(nearly(flow));
	set_desc(vq, i, slot_at(vq, i), bytes, 0);
	publish(vq, i);
}

static void complete(const struct virtio_virtuoso_complete *c)
{
	struct fuzz_flow *f = &flows[le32toh(c->flow) % NR_FLOWS];

	switch (c->op) {
	case VIRTUOSO_COMPLETE_CONNECTED:
		f->connected = true;
		f->iss = le32toh(c->u.conn.iss);
		f->irs = le32toh(c->u.conn.irs);
		count.connected++;
		break;
	case VIRTUOSO_COMPLETE_INCOMING:
		last_token = le32toh(c->u.incoming.token);
		f = &flows[last_token % NR_FLOWS];
		f->iss = le32toh(c->u.incoming.iss);
		f->irs = le32toh(c->u.incoming.irs);
		count.incoming++;
		break;
	}
}

static void read_completions(unsigned int chan)
{
	unsigned int vq = VIRTUOSO_VQ_COMPLETE(chan), id;

	while (seen[vq] != used_idx(vq)) {
		id = used_of(vq)->ring[seen[vq]++ % RING_SIZE].id;
		complete((void *)(mem + slot_at(vq, id % RING_SIZE)));
	}
	refill(vq);
}

/* ---- frames ---- */

static void fill_frame(uint8_t *at)
{
	struct virtio_net_hdr_v1 *hdr = (void *)at;
	uint8_t *eth = at + sizeof(*hdr), *ip = eth + 14, *l4 = ip + 20;
	static const uint8_t gso[] = { 0, 0, 1, 3, 4, 5, 0x81, 0xff };
	unsigned int n;

	for (n = 0; n < SLOT_BYTES; n++)
		at[n] = random();
	*hdr = (struct virtio_net_hdr_v1) {
		.flags = rnd(4), .gso_type = gso[rnd(sizeof(gso))],
		.hdr_len = htole16(nearly(54)), .gso_size = htole16(nearly(100 + rnd(1400))),
		.csum_start = htole16(nearly(34)), .csum_offset = htole16(nearly(once_in(2) ? 16 : 6)),
	};
	memcpy(eth, peer_mac, 6);
	memcpy(eth + 6, local_mac, 6);
	eth[12] = once_in(8) ? 0x86 : 8;
	eth[13] = once_in(8) ? 0xdd : 0;
	ip[0] = once_in(10) ? random() : 0x45;
	ip[2] = rnd(8);
	ip[9] = once_in(2) ? 6 : 17;
	memcpy(ip + 12, &local_addr, 4);
	memcpy(ip + 16, &peer_addr, 4);
	l4[12] = once_in(10) ? random() : 0x50;
}

static void send_frame(void)
{
	unsigned int vq = VIRTUOSO_VQ_FRAME_TX, i = avail_idx[vq] % RING_SIZE;

	if (!room(vq))
		return;
	count.frames++;
	fill_frame(mem + slot_at(vq, i));
	/* Chains of every length: the descriptors behind are those of other slots. */
	set_desc(vq, i, slot_at(vq, i), rnd(SLOT_BYTES), once_in(20) ? VRING_DESC_F_NEXT : 0);
	publish(vq, i);
}

/* ---- all of it ---- */

static void restart(void)
{
	unsigned int i;

	count.restarts++;
	set_status(0);
	memset(mem, 0, NR_VQS * RING_BYTES);
	memset(avail_idx, 0, sizeof(avail_idx));
	memset(seen, 0, sizeof(seen));
	memset(flows, 0, sizeof(flows));
	for (i = 0; i < 6; i++)
		local_mac[i] = get(bar_at, BAR_DEVICE + i, 1);
	bring_up();
	add_region(0, IOVA + REGION_AT, REGION_BYTES);
	add_listener();
	refill(VIRTUOSO_VQ_EVENT);
	refill(VIRTUOSO_VQ_FRAME_RX);
}

static void round_of_work(void)
{
	unsigned int i, chan = rnd(2);

	for (i = rnd(16); i; i--)
		submit(chan);
	kick(VIRTUOSO_VQ_SUBMIT(chan));
	for (i = rnd(8); i; i--)
		send_frame();
	kick(VIRTUOSO_VQ_FRAME_TX);
	if (once_in(10))
		random_request();
	read_completions(0);
	read_completions(1);
	refill(VIRTUOSO_VQ_FRAME_RX);
	refill(VIRTUOSO_VQ_EVENT);
}

void fuzz_driver(unsigned int seconds, uint32_t local, uint32_t peer, const uint8_t *mac)
{
	time_t end = time(NULL) + seconds;

	local_addr = local;
	peer_addr = peer;
	memcpy(peer_mac, mac, 6);
	restart();
	while (time(NULL) < end) {
		if (once_in(2000) || status() & VIRTIO_CONFIG_S_NEEDS_RESET)
			restart();
		round_of_work();
	}
	printf("     %lu records, %lu requests, %lu frames, %lu connected, %lu incoming, %lu restarts\n",
	       count.records, count.requests, count.frames, count.connected, count.incoming,
	       count.restarts);
	check(count.connected > 0, "a driver that is wrong now and then");
	set_status(0);
	memset(mem, 0, MEM_BYTES);
}

/* ---- bursts ---- */

#define BURST_BYTES	1514
#define NSEC_PER_SEC	1000000000L

/* A frame that the host's network throws away after the device has done all its work with it. */
static void fill_burst(unsigned int i)
{
	uint8_t *at = mem + slot_at(VIRTUOSO_VQ_FRAME_TX, i);
	uint8_t *eth = at + sizeof(struct virtio_net_hdr_v1);

	memset(at, 0, SLOT_BYTES);
	memset(eth, 2, 6);
	memcpy(eth + 6, local_mac, 6);
	eth[12] = 0x88;		/* for experiments, IEEE Std 802 */
	eth[13] = 0xb5;
	set_desc(VIRTUOSO_VQ_FRAME_TX, i, slot_at(VIRTUOSO_VQ_FRAME_TX, i),
		 sizeof(struct virtio_net_hdr_v1) + BURST_BYTES, 0);
}

static void sleep_to_multiple_of(long period_ns)
{
	struct timespec at;
	long now_ns;

	clock_gettime(CLOCK_MONOTONIC, &at);
	now_ns = at.tv_sec % 1000 * NSEC_PER_SEC + at.tv_nsec;
	at.tv_nsec += period_ns - now_ns % period_ns;
	at.tv_sec += at.tv_nsec / NSEC_PER_SEC;
	at.tv_nsec %= NSEC_PER_SEC;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

void burst_driver(unsigned int seconds, unsigned int period_us)
{
	time_t end = time(NULL) + seconds;
	unsigned long bursts = 0, frames = 0;
	unsigned int i;

	honest = true;
	restart();
	for (i = 0; i < RING_SIZE; i++)
		fill_burst(i);
	printf("bursting\n");
	fflush(stdout);
	while (time(NULL) < end) {
		sleep_to_multiple_of(period_us * 1000L);
		for (; room(VIRTUOSO_VQ_FRAME_TX); frames++)
			publish(VIRTUOSO_VQ_FRAME_TX, avail_idx[VIRTUOSO_VQ_FRAME_TX] % RING_SIZE);
		kick(VIRTUOSO_VQ_FRAME_TX);
		bursts++;
	}
	printf("%lu bursts, %lu frames\n", bursts, frames);
}
