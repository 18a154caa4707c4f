// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of frames: what a guest sends and gets beside its offloaded connections.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "../host/fp.h"
#include "host_fake.h"

#define VHO_TEST_FRAMES	32
#define VHO_HDR		((u32)sizeof(struct virtio_net_hdr_v1))
#define VHO_RX		VIRTUOSO_VQ_FRAME_RX
#define VHO_TX		VIRTUOSO_VQ_FRAME_TX
/* Buffers of the tests, clear of the queues' slots and of rings. */
#define VHO_TEST_BUFS	(VHO_FAKE_REGION + (256u << 10))
#define VHO_TEST_MSS	1000

static int vho_frame_test_init(struct kunit *test)
{
	vho_fake_init(test);
	vho_fake_guest_start(test->priv, 0);
	vho_fake_frames_start(test->priv, 0);
	return 0;
}

/* A chain of @n buffers in queue @vq. */
static void vho_test_chain(struct vho_fake *f, u16 vq, const struct vho_buf *buf, unsigned int n,
			   u16 flags)
{
	struct vho_fake_vq *q = &f->vq[vq];
	unsigned int i;
	u16 head;

	KUNIT_ASSERT_LE(f->test, q->next_desc + n, VHO_FAKE_VQ_NUM);
	head = q->next_desc;
	for (i = 0; i < n; i++) {
		struct vring_desc *d = &q->desc[q->next_desc++];

		d->addr = (__force __virtio64)cpu_to_le64(buf[i].addr);
		d->len = (__force __virtio32)cpu_to_le32(buf[i].len);
		d->flags = (__force __virtio16)cpu_to_le16(flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0));
		d->next = (__force __virtio16)cpu_to_le16(q->next_desc);
	}
	q->avail->ring[q->avail_idx++ % VHO_FAKE_VQ_NUM] = (__force __virtio16)cpu_to_le16(head);
	q->avail->idx = (__force __virtio16)cpu_to_le16(q->avail_idx);
}

/* One buffer of @len bytes for a received frame. */
static u64 vho_test_offer(struct vho_fake *f, u32 len)
{
	struct vho_buf buf = { VHO_TEST_BUFS + f->vq[VHO_RX].next_desc * 4096, len };

	vho_test_chain(f, VHO_RX, &buf, 1, VRING_DESC_F_WRITE);
	return buf.addr;
}

static u16 vho_test_used(struct vho_fake *f, u16 vq)
{
	return le16_to_cpu((__force __le16)f->vq[vq].used->idx);
}

static u32 vho_test_used_len(struct vho_fake *f, u16 vq, u16 i)
{
	return le32_to_cpu((__force __le32)f->vq[vq].used->ring[i].len);
}

static bool vho_test_needs_reset(struct vho_fake *f)
{
	return vho_vdev_status(&f->port->vdev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* ---- guest to network ---- */

/* Byte @i of the frame is @i. */
static void vho_test_pattern(u8 *p, u32 off, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		p[i] = off + i;
}

static void vho_frame_tx__pieces(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_buf bufs[] = {
		{ VHO_TEST_BUFS, VHO_HDR + 3 },
		{ VHO_TEST_BUFS + 4096, 1 },
		{ VHO_TEST_BUFS + 8192, 900 },
	};
	struct sk_buff *skb;
	u8 *linear;
	u32 i;

	memset(vho_fake_ptr(f, VHO_TEST_BUFS), 0, VHO_HDR);
	vho_test_pattern(vho_fake_ptr(f, VHO_TEST_BUFS + VHO_HDR), 0, 3);
	vho_test_pattern(vho_fake_ptr(f, VHO_TEST_BUFS + 4096), 3, 1);
	vho_test_pattern(vho_fake_ptr(f, VHO_TEST_BUFS + 8192), 4, 900);
	vho_test_chain(f, VHO_TX, bufs, ARRAY_SIZE(bufs), 0);
	KUNIT_EXPECT_NE(test, 0, vho_frame_tx(f->port, f->guest, VHO_TEST_FRAMES));

	KUNIT_EXPECT_EQ(test, vho_test_used(f, VHO_TX), 1);
	KUNIT_ASSERT_EQ(test, skb_queue_len(&f->netdev_rx), 1);
	skb = skb_peek(&f->netdev_rx);
	KUNIT_ASSERT_EQ(test, skb->len, 904);
	KUNIT_ASSERT_EQ(test, 0, skb_linearize(skb));
	linear = skb->data;
	for (i = 0; i < skb->len; i++)
		KUNIT_ASSERT_EQ(test, linear[i], (u8)i);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_frame_tx_bytes), 904);
	KUNIT_EXPECT_EQ(test, 0, vho_frame_tx(f->port, f->guest, VHO_TEST_FRAMES));
}

static void vho_frame_tx__hostile(struct kunit *test)
{
	static const struct {
		const char *what;
		struct vho_buf buf[2];
		unsigned int nr;
		u16 flags;
		struct virtio_net_hdr_v1 hdr;
	} cases[] = {
		{ "less than a header", { { VHO_TEST_BUFS, VHO_HDR - 1 } }, 1 },
		{ "header in two", { { VHO_TEST_BUFS, 4 }, { VHO_TEST_BUFS + 4, 100 } }, 2 },
		{ "header only", { { VHO_TEST_BUFS, VHO_HDR } }, 1 },
		{ "runt", { { VHO_TEST_BUFS, VHO_HDR + ETH_HLEN - 1 } }, 1 },
		{ "for writing", { { VHO_TEST_BUFS, 200 } }, 1, VRING_DESC_F_WRITE },
		{ "too long", { { VHO_TEST_BUFS, VHO_HDR + 60000 }, { VHO_TEST_BUFS, 6000 } }, 2 },
		{ "length wraps", { { VHO_TEST_BUFS, U32_MAX }, { VHO_TEST_BUFS, 200 } }, 2 },
		{ "elsewhere", { { 0x1000, 200 } }, 1 },
		{ "no address", { { U64_MAX - 10, 200 } }, 1 },
		{ "over the region's end", { { VHO_FAKE_BASE + VHO_FAKE_BYTES - 100, 200 } }, 1 },
		{ "second part elsewhere", { { VHO_TEST_BUFS, 100 }, { 0, 100 } }, 2 },
		{ "checksum behind the end", { { VHO_TEST_BUFS, 200 } }, 1, 0,
		  { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 189, .csum_offset = 0xfff } },
		{ "unknown GSO", { { VHO_TEST_BUFS, 200 } }, 1, 0, { .gso_type = 0x55 } },
		{ "GSO of no size", { { VHO_TEST_BUFS, 200 } }, 1, 0,
		  { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		    .csum_start = 34, .csum_offset = 16 } },
	};
	struct vho_fake *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memcpy(vho_fake_ptr(f, VHO_TEST_BUFS), &cases[i].hdr, VHO_HDR);
		vho_test_chain(f, VHO_TX, cases[i].buf, cases[i].nr, cases[i].flags);
		vho_frame_tx(f->port, f->guest, VHO_TEST_FRAMES);
		KUNIT_EXPECT_EQ_MSG(test, vho_fake_stat(f, VHO_STAT_guest_bad_frame), i + 1, "%s",
				    cases[i].what);
		/* The buffer goes back, the queue goes on. */
		KUNIT_EXPECT_EQ_MSG(test, vho_test_used(f, VHO_TX), i + 1, "%s", cases[i].what);
	}
	KUNIT_EXPECT_EQ(test, skb_queue_len(&f->netdev_rx), 0);
	KUNIT_EXPECT_FALSE(test, vho_test_needs_reset(f));
}

/* A ring against the rules ends the driver, and nothing else. */
static void vho_frame_tx__broken_ring(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	f->vq[VHO_TX].avail->idx = (__force __virtio16)cpu_to_le16(VHO_FAKE_VQ_NUM + 1);
	vho_frame_tx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_EXPECT_TRUE(test, vho_test_needs_reset(f));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_guest_bad_ring), 1);
	KUNIT_EXPECT_EQ(test, 0, vho_frame_tx(f->port, f->guest, VHO_TEST_FRAMES));
}

/* ---- network to guest ---- */

/* A frame of @len bytes whose byte @i is @i, queued for the guest. */
static void vho_test_frame(struct vho_fake *f, u32 len)
{
	struct sk_buff *skb = alloc_skb(len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(f->test, skb);
	vho_test_pattern(skb_put(skb, len), 0, len);
	KUNIT_ASSERT_EQ(f->test, 0, ptr_ring_produce_bh(&f->port->frameq, skb));
}

static u16 vho_test_num_buffers(struct vho_fake *f, u64 addr)
{
	struct virtio_net_hdr_v1 *hdr = vho_fake_ptr(f, addr);

	return le16_to_cpu((__force __le16)hdr->num_buffers);
}

static void vho_frame_rx__one_buffer(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	u64 addr;

	vho_test_frame(f, 200);
	/* No buffer: it waits. */
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_EXPECT_TRUE(test, vho_frame_waiting(f->port, f->guest));
	addr = vho_test_offer(f, VHO_HDR + 200);
	KUNIT_EXPECT_NE(test, 0, vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES));
	KUNIT_EXPECT_FALSE(test, vho_frame_waiting(f->port, f->guest));
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VHO_RX), 1);
	KUNIT_EXPECT_EQ(test, vho_test_used_len(f, VHO_RX, 0), VHO_HDR + 200);
	KUNIT_EXPECT_EQ(test, vho_test_num_buffers(f, addr), 1);
	KUNIT_EXPECT_EQ(test, *(u8 *)vho_fake_ptr(f, addr + VHO_HDR + 199), 199);

	/* One byte too small: the frame is dropped, the buffer stays for the next. */
	vho_test_frame(f, 201);
	vho_test_offer(f, VHO_HDR + 200);
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VHO_RX), 1);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_no_buffer), 1);
	vho_test_frame(f, 200);
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VHO_RX), 2);
	KUNIT_EXPECT_FALSE(test, vho_test_needs_reset(f));
}

static void vho_frame_rx__mergeable(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	u64 first;

	f->guest->features = BIT_ULL(VIRTIO_VIRTUOSO_F_MRG_RXBUF);
	vho_test_frame(f, 250);
	first = vho_test_offer(f, 100);
	vho_test_offer(f, 100);
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	/* Not enough: nothing is used yet. */
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VHO_RX), 0);
	KUNIT_EXPECT_TRUE(test, vho_frame_waiting(f->port, f->guest));
	vho_test_offer(f, 100);
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_ASSERT_EQ(test, vho_test_used(f, VHO_RX), 3);
	KUNIT_EXPECT_EQ(test, vho_test_num_buffers(f, first), 3);
	KUNIT_EXPECT_EQ(test, vho_test_used_len(f, VHO_RX, 0), 100);
	KUNIT_EXPECT_EQ(test, vho_test_used_len(f, VHO_RX, 1), 100);
	KUNIT_EXPECT_EQ(test, vho_test_used_len(f, VHO_RX, 2), VHO_HDR + 250 - 200);
	KUNIT_EXPECT_EQ(test, *(u8 *)vho_fake_ptr(f, first + VHO_HDR), 0);
	KUNIT_EXPECT_EQ(test, *(u8 *)vho_fake_ptr(f, first + 4096), 100 - VHO_HDR);
	KUNIT_EXPECT_EQ(test, *(u8 *)vho_fake_ptr(f, first + 8192 + VHO_HDR + 49), 249);
}

/* More buffers than a frame may take: it is dropped, the buffers are not lost. */
static void vho_frame_rx__too_many_buffers(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int i;

	f->guest->features = BIT_ULL(VIRTIO_VIRTUOSO_F_MRG_RXBUF);
	vho_test_frame(f, 2 + (VHO_HDR + 1) * (VHO_CHAIN_MAX - 1));
	for (i = 0; i < VHO_CHAIN_MAX + 5; i++)
		vho_test_offer(f, VHO_HDR + 1);
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VHO_RX), 0);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_no_buffer), 1);
	vho_test_frame(f, 14);
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VHO_RX), 2);
}

static void vho_test_rx_breaks(struct vho_fake *f, struct vho_buf buf, u16 flags)
{
	vho_test_frame(f, 100);
	vho_test_chain(f, VHO_RX, &buf, 1, flags);
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_EXPECT_TRUE(f->test, vho_test_needs_reset(f));
	KUNIT_EXPECT_EQ(f->test, vho_fake_stat(f, VHO_STAT_guest_bad_ring), 1);
	KUNIT_EXPECT_EQ(f->test, vho_test_used(f, VHO_RX), 0);
}

static void vho_frame_rx__read_only(struct kunit *test)
{
	vho_test_rx_breaks(test->priv, (struct vho_buf){ VHO_TEST_BUFS, 2000 }, 0);
}

static void vho_frame_rx__elsewhere(struct kunit *test)
{
	vho_test_rx_breaks(test->priv, (struct vho_buf){ 0xfff0000, 2000 }, VRING_DESC_F_WRITE);
}

static void vho_frame_rx__over_the_end(struct kunit *test)
{
	vho_test_rx_breaks(test->priv,
			   (struct vho_buf){ VHO_FAKE_BASE + VHO_FAKE_BYTES - 50, 2000 },
			   VRING_DESC_F_WRITE);
}

static void vho_frame_rx__no_room_for_header(struct kunit *test)
{
	vho_test_rx_breaks(test->priv, (struct vho_buf){ VHO_TEST_BUFS, VHO_HDR },
			   VRING_DESC_F_WRITE);
}

/* ---- frames that are cut ---- */

/* A TCP packet of @len bytes of payload from @seq on, in pieces of @mss. */
static void vho_test_gso(struct vho_fake *f, u32 seq, u32 len, u16 mss)
{
	struct sk_buff *skb = alloc_skb(64 + len, GFP_KERNEL);
	struct ethhdr *eth;
	struct tcphdr *th;
	struct iphdr *iph;

	KUNIT_ASSERT_NOT_NULL(f->test, skb);
	skb_reset_mac_header(skb);
	eth = skb_put_zero(skb, ETH_HLEN);
	eth->h_proto = htons(ETH_P_IP);
	skb->protocol = htons(ETH_P_IP);
	skb_set_network_header(skb, skb->len);
	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = 4;
	iph->ihl = 5;
	iph->protocol = IPPROTO_TCP;
	iph->tot_len = htons(sizeof(*iph) + sizeof(*th) + len);
	iph->saddr = htonl(VHO_FAKE_PEER);
	iph->daddr = htonl(VHO_FAKE_GUEST);
	ip_send_check(iph);
	skb_set_transport_header(skb, skb->len);
	th = skb_put_zero(skb, sizeof(*th));
	th->seq = htonl(seq);
	th->doff = 5;
	th->ack = 1;
	th->check = ~tcp_v4_check(sizeof(*th) + len, iph->saddr, iph->daddr, 0);
	memset(skb_put(skb, len), 'x', len);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	if (len > mss) {
		skb_shinfo(skb)->gso_size = mss;
		skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(len, mss);
		skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
	}
	KUNIT_ASSERT_EQ(f->test, 0, ptr_ring_produce_bh(&f->port->frameq, skb));
}

/* Is the frame in the buffer at @addr whole, and what is its sequence number? */
static u32 vho_test_seq(struct vho_fake *f, u64 addr, u32 len)
{
	u8 *frame = vho_fake_ptr(f, addr + VHO_HDR);
	struct iphdr *iph = (struct iphdr *)(frame + ETH_HLEN);
	struct tcphdr *th = (struct tcphdr *)(iph + 1);
	__wsum sum = csum_partial(th, sizeof(*th) + len, 0);

	KUNIT_EXPECT_EQ(f->test, ip_fast_csum(iph, 5), 0);
	KUNIT_EXPECT_EQ(f->test, ntohs(iph->tot_len), 40 + len);
	KUNIT_EXPECT_EQ(f->test, 0, csum_tcpudp_magic(iph->saddr, iph->daddr, sizeof(*th) + len,
						      IPPROTO_TCP, sum));
	return ntohl(th->seq);
}

/* What was cut keeps its place before what came later, however few buffers there are at a time. */
static void vho_frame_rx__cut_in_order(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	unsigned int i;
	u64 addr;

	vho_test_gso(f, 1, 4 * VHO_TEST_MSS, VHO_TEST_MSS);
	vho_test_gso(f, 1 + 4 * VHO_TEST_MSS, 2 * VHO_TEST_MSS, VHO_TEST_MSS);
	vho_test_gso(f, 1 + 6 * VHO_TEST_MSS, VHO_TEST_MSS, VHO_TEST_MSS);
	for (i = 0; i < 7; i++) {
		KUNIT_EXPECT_TRUE(test, vho_frame_waiting(f->port, f->guest));
		addr = vho_test_offer(f, 2048);
		vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
		KUNIT_ASSERT_EQ(test, vho_test_used(f, VHO_RX), i + 1);
		KUNIT_EXPECT_EQ(test, vho_test_seq(f, addr, VHO_TEST_MSS), 1 + i * VHO_TEST_MSS);
	}
	KUNIT_EXPECT_FALSE(test, vho_frame_waiting(f->port, f->guest));
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_frame_rx), 7);
}

/* A guest that takes such frames gets them whole. */
static void vho_frame_rx__not_cut(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct virtio_net_hdr_v1 *hdr;
	u64 addr;

	f->guest->features = BIT_ULL(VIRTIO_VIRTUOSO_F_GUEST_TSO) |
			     BIT_ULL(VIRTIO_VIRTUOSO_F_GUEST_CSUM);
	vho_test_gso(f, 1, 3 * VHO_TEST_MSS, VHO_TEST_MSS);
	addr = vho_test_offer(f, 4096);
	hdr = vho_fake_ptr(f, addr);
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_EXPECT_EQ(test, vho_test_used_len(f, VHO_RX, 0), VHO_HDR + 54 + 3 * VHO_TEST_MSS);
	KUNIT_EXPECT_EQ(test, hdr->gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	KUNIT_EXPECT_EQ(test, le16_to_cpu((__force __le16)hdr->gso_size), VHO_TEST_MSS);
	KUNIT_EXPECT_EQ(test, hdr->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
}

/* Another guest's idea of a segment size makes no thousands of pieces at once. */
static void vho_frame_rx__cut_too_fine(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	vho_test_gso(f, 1, 60000, 1);
	vho_test_offer(f, 2048);
	vho_frame_rx(f->port, f->guest, VHO_TEST_FRAMES);
	KUNIT_EXPECT_EQ(test, vho_test_used(f, VHO_RX), 0);
	KUNIT_EXPECT_EQ(test, vho_fake_stat(f, VHO_STAT_drop_malformed), 1);
	KUNIT_EXPECT_FALSE(test, vho_frame_waiting(f->port, f->guest));
}

static struct kunit_case vho_frame_cases[] = {
	KUNIT_CASE(vho_frame_tx__pieces),
	KUNIT_CASE(vho_frame_tx__hostile),
	KUNIT_CASE(vho_frame_tx__broken_ring),
	KUNIT_CASE(vho_frame_rx__one_buffer),
	KUNIT_CASE(vho_frame_rx__mergeable),
	KUNIT_CASE(vho_frame_rx__too_many_buffers),
	KUNIT_CASE(vho_frame_rx__read_only),
	KUNIT_CASE(vho_frame_rx__elsewhere),
	KUNIT_CASE(vho_frame_rx__over_the_end),
	KUNIT_CASE(vho_frame_rx__no_room_for_header),
	KUNIT_CASE(vho_frame_rx__cut_in_order),
	KUNIT_CASE(vho_frame_rx__not_cut),
	KUNIT_CASE(vho_frame_rx__cut_too_fine),
	{ }
};

static struct kunit_suite vho_frame_suite = {
	.name = "virtuoso_frame",
	.init = vho_frame_test_init,
	.exit = vho_fake_exit,
	.test_cases = vho_frame_cases,
};
kunit_test_suite(vho_frame_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: frames");
MODULE_LICENSE("GPL");
