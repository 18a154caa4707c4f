// SPDX-License-Identifier: GPL-2.0
/*
 * What the suites of host/ stand on: a port with a driver, played by the test's own thread.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/etherdevice.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "../host/chan.h"
#include "../host/cores.h"
#include "../host/conntrack.h"
#include "../host/cores.h"
#include "../host/elastic.h"
#include "../host/fp.h"
#include "../host/join.h"
#include "../host/listener.h"
#include "../host/packet.h"
#include "host_fake.h"

static struct vho_fake *vho_fake;	/* of the test that runs */

/* ---- what the product's units ask for ---- */

DEFINE_MUTEX(vho_ports_lock);

static void vho_fake_port_release(struct kref *ref)
{
}

void vho_port_get(struct vho_port *port)
{
	kref_get(&port->ref);
}

void vho_port_put(struct vho_port *port)
{
	kref_put(&port->ref, vho_fake_port_release);
}

void vho_nl_event_port_changed(struct vho_port *port)
{
}

bool vho_elastic_dormant;

void vho_elastic_wake(void)
{
}

void vho_nl_event_throttled(struct vho_port *port)
{
	set_bit(VHO_NL_EVENT_THROTTLED, &port->told.pending);
}

void vho_nl_event_misbehaved(struct vho_port *port)
{
	set_bit(VHO_NL_EVENT_MISBEHAVED, &port->told.pending);
}

int vho_cores_guarantee(struct vho_port *port, const struct vho_budget_cfg *cfg, unsigned int nr,
			struct netlink_ext_ack *extack)
{
	return 0;
}

void vho_port_netdev_rx(struct vho_port *port, struct sk_buff *skb)
{
	__skb_queue_tail(&vho_fake->netdev_rx, skb);
}

void vho_port_netdev_carrier(struct vho_port *port, bool up)
{
	vho_fake->carrier = up;
	if (!up && port->group[0]->guest)
		vho_fake->cut_off = true;
}

u16 vho_port_mss(const struct vho_port *port)
{
	return 1460;
}

u8 vho_port_ecn(const struct vho_port *port)
{
	return vho_fake->ecn;
}

enum vho_stat vho_port_join_refused(const struct vho_port *port)
{
	return vho_fake->join_refused;
}

void vho_conntrack_be_liberal(const struct sk_buff *skb)
{
	if (vho_fake)
		vho_fake->made_liberal++;
}

bool vho_conntrack_any(void)
{
	return vho_fake->conntrack;
}

bool vho_conntrack_missed(const struct sk_buff *skb, const struct net_device *port,
			  const struct net_device *out)
{
	return vho_fake->conntrack_missed;
}

int vho_segment_xmit(struct vho_flow *flow, const struct vho_tx_seg *seg)
{
	if (!vho_fake)
		return vho_wire_segment_xmit(flow, seg);
	if (vho_fake->build_segments)
		return vho_host_segment_xmit(flow, seg);
	if (flow->muted)
		return 0;
	if (vho_fake->nr_sent < VHO_FAKE_SENT_MAX)
		vho_fake->sent[vho_fake->nr_sent] = *seg;
	vho_fake->nr_sent++;
	if (vho_fake->xmit)
		vho_fake->xmit(vho_fake, flow, seg);
	return 0;
}

int vho_payload_store(struct vho_flow *flow, const struct vho_rx_seg *seg, u32 off, u32 seq, u32 len)
{
	if (!vho_fake)
		return vho_wire_payload_store(flow, seg, off, seq, len);
	return vho_host_payload_store(flow, seg, off, seq, len);
}

u64 vho_fake_now(const struct vho_fake *f)
{
	return ktime_get_ns() + f->ahead_ns;
}

/* ---- transport ---- */

void *vho_fake_ptr(struct vho_fake *f, u64 addr)
{
	return f->mem + (addr - VHO_FAKE_BASE);
}

static bool vho_fake_reachable(u64 addr, u64 len)
{
	return addr >= VHO_FAKE_BASE && len <= VHO_FAKE_BYTES &&
	       addr - VHO_FAKE_BASE <= VHO_FAKE_BYTES - len;
}

static void vho_fake_wait_for_vmm(struct vho_fake *f, const struct vho_vdev *vdev)
{
	if (f->stuck != vdev)
		return;
	complete(&f->waits);
	wait_for_completion(&f->unstick);
}

static int vho_fake_map(struct vho_vdev *vdev, struct vho_map *map)
{
	struct vho_fake *f = vdev->xport;
	unsigned int i;

	vho_fake_wait_for_vmm(f, vdev);
	if (f->fail_map)
		return f->fail_map;
	if (!vho_fake_reachable(map->iova, map->len))
		return -EFAULT;
	map->vaddr = vho_fake_ptr(f, map->iova);
	map->nr_pages = map->len >> PAGE_SHIFT;
	map->pages = kcalloc(map->nr_pages, sizeof(*map->pages), GFP_KERNEL);
	if (!map->pages)
		return -ENOMEM;
	for (i = 0; i < map->nr_pages; i++)
		map->pages[i] = virt_to_page(map->vaddr + i * PAGE_SIZE);
	f->nr_maps++;
	return 0;
}

static void vho_fake_unmap(struct vho_vdev *vdev, struct vho_map *map)
{
	struct vho_fake *f = vdev->xport;

	kfree(map->pages);
	map->pages = NULL;
	f->nr_maps--;
}

static int vho_fake_rw(struct vho_vdev *vdev, u64 iova, void *buf, size_t len, bool write)
{
	struct vho_fake *f = vdev->xport;

	vho_fake_wait_for_vmm(f, vdev);
	if (!vho_fake_reachable(iova, len))
		return -EFAULT;
	if (write)
		memcpy(vho_fake_ptr(f, iova), buf, len);
	else
		memcpy(buf, vho_fake_ptr(f, iova), len);
	return 0;
}

static void vho_fake_call(struct vho_vdev *vdev, u16 vq)
{
	((struct vho_fake *)vdev->xport)->calls++;
}

static void vho_fake_config_changed(struct vho_vdev *vdev)
{
	((struct vho_fake *)vdev->xport)->config_changes++;
}

static const struct vho_xport_ops vho_fake_ops = {
	.map = vho_fake_map,
	.unmap = vho_fake_unmap,
	.rw = vho_fake_rw,
	.call = vho_fake_call,
	.config_changed = vho_fake_config_changed,
};

/* ---- set-up ---- */

static void vho_fake_worker_init(struct vho_worker *worker)
{
	memset(worker, 0, sizeof(*worker));
	init_llist_head(&worker->msgs);
	timerqueue_init_head(&worker->timers);
	/* Nobody is woken by himself: what is posted just waits. */
	worker->task = current;
}

struct vho_group *vho_fake_add_group(struct vho_fake *f, struct vho_port *port)
{
	struct vho_group *group = vho_group_alloc(port, port->nr_made, NUMA_NO_NODE);

	KUNIT_ASSERT_NOT_NULL(f->test, group);
	group->core = &f->core;
	port->group[port->nr_made++] = group;
	return group;
}

struct vho_port *vho_fake_port_new(struct vho_fake *f, u32 index)
{
	struct vho_port *port = kunit_kzalloc(f->test, sizeof(*port), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(f->test, port);
	kref_init(&port->ref);
	strscpy(port->name, "fake", sizeof(port->name));
	port->index = index;
	port->max_flows = 100;
	eth_random_addr(port->mac);
	INIT_LIST_HEAD(&port->list);
	INIT_LIST_HEAD(&port->flows);
	INIT_LIST_HEAD(&port->listeners);
	spin_lock_init(&port->flows_lock);
	vho_ctrl_init(&port->ctrl);
	vho_slow_port_init(port);
	vho_limit_init(port);
	vho_fake_add_group(f, port);
	port->nr_groups = 1;
	port->stats = alloc_percpu(struct vho_stats);
	KUNIT_ASSERT_NOT_NULL(f->test, port->stats);
	KUNIT_ASSERT_EQ(f->test, 0, ptr_ring_init(&port->frameq, 64, GFP_KERNEL));
	KUNIT_ASSERT_EQ(f->test, 0, ptr_ring_init(&port->spq, 64, GFP_KERNEL));
	vho_vdev_init(&port->vdev, port, port->mac, 1500);
	KUNIT_ASSERT_EQ(f->test, 0, vho_vdev_bind(&port->vdev, &vho_fake_ops, f));
	return port;
}

static void vho_fake_drop_skb(void *skb)
{
	if (vho_packet(skb)->flow)
		vho_flow_put(vho_packet(skb)->flow);
	kfree_skb(skb);
}

void vho_fake_port_exit(struct vho_port *port)
{
	unsigned int i;

	for (i = 0; i < port->nr_made; i++)
		vho_group_free(port->group[i]);
	ptr_ring_cleanup(&port->frameq, vho_fake_drop_skb);
	ptr_ring_cleanup(&port->spq, vho_fake_drop_skb);
	vho_vdev_unbind(&port->vdev);
	free_percpu(port->stats);
}

int vho_fake_init(struct kunit *test)
{
	struct vho_fake *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->test = test;
	__skb_queue_head_init(&f->netdev_rx);
	f->mem = alloc_pages_exact(VHO_FAKE_BYTES, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, f->mem);
	init_completion(&f->waits);
	init_completion(&f->unstick);
	KUNIT_ASSERT_EQ(test, 0, vho_flows_init());
	KUNIT_ASSERT_EQ(test, 0, vho_listeners_init());
	KUNIT_ASSERT_EQ(test, 0, vho_ctrls_init());
	vho_fake_worker_init(&f->core.worker);
	vho_fake_worker_init(&vho_slow);
	vho_slow_sched_init();
	INIT_LIST_HEAD(&f->core.left_node);
	vho_core_init(&f->core, ktime_get_ns());
	/* A turn does all there is, however slow the machine. */
	f->core.sched.params.turn_ns = NSEC_PER_SEC;
	f->core.sched.params.fifo = true;
	f->port = vho_fake_port_new(f, 7);
	f->group = f->port->group[0];
	test->priv = f;
	vho_fake = f;
	return 0;
}

/* Return: there was something to do. */
static bool vho_fake_events(struct vho_fake *f)
{
	bool did = false;
	unsigned int i;

	for (i = 0; i < f->port->nr_made; i++)
		while (vho_fp_event(f->port->group[i], vho_fake_now(f)))
			did = true;
	return did;
}

/* Messages about flows; the test's own thread takes turns. */
static bool vho_fake_serve_core(struct vho_worker *worker, u64 now_ns)
{
	return vho_fake_events(vho_fake);
}

void vho_fake_start_threads(struct vho_fake *f)
{
	KUNIT_ASSERT_EQ(f->test, 0, vho_worker_start(&f->core.worker, -1, "vho_fake_core",
						     vho_fake_serve_core));
	KUNIT_ASSERT_EQ(f->test, 0, vho_worker_start(&vho_slow, -1, "vho_fake_slow",
						     vho_slow_serve));
	f->threads = true;
}

static void vho_fake_stop_flows(struct vho_port *port, bool all)
{
	struct vho_sp_stop stop;

	vho_sp_stop_init(&stop, port, all);
	while (vho_sp_stop_step(&stop))
		;
}

static void vho_fake_stop_threads(struct vho_fake *f)
{
	if (f->threads) {
		vho_worker_stop(&f->core.worker);
		vho_worker_stop(&vho_slow);
		f->threads = false;
	}
	/* Exit runs on a thread of its own. */
	f->core.worker.task = current;
	vho_slow.task = current;
}

void vho_fake_exit(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	struct vho_port *port;
	unsigned int i;

	if (!f)
		return;
	port = f->port;
	vho_fake_stop_threads(f);
	vho_fake_guest_stop(f);
	vho_fake_stop_flows(port, true);
	vho_fake_settle(f);
	__skb_queue_purge(&f->netdev_rx);

	KUNIT_EXPECT_EQ(test, port->nr_flows, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&port->ref), 1);
	KUNIT_EXPECT_EQ(test, port->nr_listeners + port->nr_addrs, 0);
	KUNIT_EXPECT_EQ(test, f->nr_maps, 0);
	for (i = 0; i < port->nr_made; i++) {
		KUNIT_EXPECT_NULL(test, timerqueue_getnext(&port->group[i]->timers));
		vho_timer_disarm(&f->core.worker, &port->group[i]->timer);
	}
	KUNIT_EXPECT_NULL(test, timerqueue_getnext(&f->core.worker.timers));
	KUNIT_EXPECT_NULL(test, timerqueue_getnext(&vho_slow.timers));

	vho_fake_port_exit(port);
	vho_ctrls_exit();
	vho_listeners_exit();
	vho_flows_exit();
	free_pages_exact(f->mem, VHO_FAKE_BYTES);
	vho_fake = NULL;
}

/* ---- the driver ---- */

static void vho_fake_vq_reset(struct vho_fake *f, u16 vq)
{
	struct vho_fake_vq *q = &f->vq[vq];

	q->desc = (void *)(f->mem + vq * 4 * PAGE_SIZE);
	q->avail = (void *)q->desc + PAGE_SIZE;
	q->used = (void *)q->desc + 2 * PAGE_SIZE;
	memset(q->desc, 0, 4 * PAGE_SIZE);
	q->avail_idx = 0;
	q->last_used = 0;
	q->next_desc = 0;
	q->slots = VHO_FAKE_REGION + vq * VHO_FAKE_VQ_NUM * VHO_FAKE_SLOT_BYTES;
}

struct vho_ring *vho_fake_vq_init(struct vho_fake *f, u16 vq)
{
	struct vho_ring *ring = &f->port->vdev.vq[vq].ring;
	struct vho_fake_vq *q = &f->vq[vq];

	vho_fake_vq_reset(f, vq);
	vho_ring_init(ring, VHO_FAKE_VQ_NUM, q->desc, q->avail, q->used, true);
	return ring;
}

void vho_fake_guest_start(struct vho_fake *f, unsigned int channels)
{
	struct vho_guest_state *guest = vho_guest_alloc(f->port, 0);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(f->test, guest);
	guest->control = vho_fake_vq_init(f, VIRTUOSO_VQ_CONTROL);
	for (i = 0; i < channels; i++) {
		struct vho_channel *ch = &guest->channels[i];

		ch->submit_vq = VIRTUOSO_VQ_SUBMIT(i);
		ch->complete_vq = VIRTUOSO_VQ_COMPLETE(i);
		ch->submit = vho_fake_vq_init(f, ch->submit_vq);
		ch->complete = vho_fake_vq_init(f, ch->complete_vq);
	}
	guest->nr_channels = channels;
	f->guest = guest;
	guest->nr_groups = min(f->port->nr_groups, max(channels, 1U));
	for (i = 0; i < guest->nr_groups; i++)
		vho_group_guest_set(f->port->group[i], guest);
	f->port->slow_guest = guest;
	vho_ctrl_start(f->port, guest);
	/* From here on the test itself serves the control queue, unless it kicks. */
	vho_ctrl_drain(f->port);
	KUNIT_ASSERT_EQ(f->test, VIRTUOSO_STATUS_OK,
			vho_region_add(guest, 0, VHO_FAKE_REGION, VHO_FAKE_REGION_BYTES));
}

void vho_fake_frames_start(struct vho_fake *f, u64 features)
{
	f->guest->features = features;
	f->guest->frame_rx = vho_fake_vq_init(f, VIRTUOSO_VQ_FRAME_RX);
	f->guest->frame_tx = vho_fake_vq_init(f, VIRTUOSO_VQ_FRAME_TX);
}

/* As vho_serve_stop(): the slow path first, then the core. */
void vho_fake_guest_stop(struct vho_fake *f)
{
	struct vho_guest_state *guest = f->guest;
	unsigned int i;

	if (!guest)
		return;
	vho_ctrl_stop(f->port);
	vho_fake_run_slow(f);
	f->port->slow_guest = NULL;
	vho_listeners_flush(f->port);
	vho_fake_stop_flows(f->port, false);
	vho_fake_run_core(f);
	for (i = 0; i < guest->nr_groups; i++) {
		while (vho_fp_flows_stop(f->port->group[i], guest, vho_fake_now(f)))
			;
		vho_group_guest_clear(f->port->group[i]);
	}
	kfree_skb_list(guest->frame_head);
	f->guest = NULL;
	vho_guest_free(guest);
	vho_fake_settle(f);
}

void vho_fake_driver_start(struct vho_fake *f, u64 features, unsigned int nr_vqs)
{
	struct vho_vdev *vdev = &f->port->vdev;
	u8 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	u64 base;
	u16 vq;

	vho_vdev_set_status(vdev, status);
	KUNIT_ASSERT_EQ(f->test, 0, vho_vdev_set_features(vdev, features));
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	vho_vdev_set_status(vdev, status);
	for (vq = 0; vq < nr_vqs; vq++) {
		vho_fake_vq_reset(f, vq);
		base = VHO_FAKE_BASE + vq * 4 * PAGE_SIZE;
		KUNIT_ASSERT_EQ(f->test, 0, vho_vdev_vq_set_num(vdev, vq, VHO_FAKE_VQ_NUM));
		KUNIT_ASSERT_EQ(f->test, 0, vho_vdev_vq_set_addr(vdev, vq, base, base + PAGE_SIZE,
								 base + 2 * PAGE_SIZE));
		KUNIT_ASSERT_EQ(f->test, 0, vho_vdev_vq_set_ready(vdev, vq, true));
	}
	vho_vdev_set_status(vdev, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

void vho_fake_add(struct vho_fake *f, u16 vq, u64 addr, u32 len, bool write)
{
	struct vho_fake_vq *q = &f->vq[vq];
	u16 i = q->avail_idx % VHO_FAKE_VQ_NUM;

	q->desc[i].addr = (__force __virtio64)cpu_to_le64(addr);
	q->desc[i].len = (__force __virtio32)cpu_to_le32(len);
	q->desc[i].flags = (__force __virtio16)cpu_to_le16(write ? VRING_DESC_F_WRITE : 0);
	q->avail->ring[i] = (__force __virtio16)cpu_to_le16(i);
	q->avail_idx++;
	/* The entry before the index, as a driver does it. */
	smp_store_release(&q->avail->idx, (__force __virtio16)cpu_to_le16(q->avail_idx));
}

static u64 vho_fake_slot(struct vho_fake *f, u16 vq)
{
	struct vho_fake_vq *q = &f->vq[vq];

	return q->slots + (q->avail_idx % VHO_FAKE_VQ_NUM) * VHO_FAKE_SLOT_BYTES;
}

void vho_fake_submit(struct vho_fake *f, unsigned int chan, const void *rec, u32 len)
{
	u64 slot = vho_fake_slot(f, VIRTUOSO_VQ_SUBMIT(chan));

	memcpy(vho_fake_ptr(f, slot), rec, min_t(u32, len, VHO_FAKE_SLOT_BYTES));
	vho_fake_add(f, VIRTUOSO_VQ_SUBMIT(chan), slot, len, false);
}

void vho_fake_offer(struct vho_fake *f, unsigned int chan, unsigned int n)
{
	u16 vq = VIRTUOSO_VQ_COMPLETE(chan);

	while (n--)
		vho_fake_add(f, vq, vho_fake_slot(f, vq), sizeof(struct virtio_virtuoso_complete), true);
}

u16 vho_fake_used(struct vho_fake *f, u16 vq)
{
	return le16_to_cpu((__force __le16)f->vq[vq].used->idx);
}

bool vho_fake_complete(struct vho_fake *f, unsigned int chan, struct virtio_virtuoso_complete *rec)
{
	struct vho_fake_vq *q = &f->vq[VIRTUOSO_VQ_COMPLETE(chan)];
	u32 id;

	if (le16_to_cpu((__force __le16)q->used->idx) == q->last_used)
		return false;
	id = le32_to_cpu((__force __le32)q->used->ring[q->last_used % VHO_FAKE_VQ_NUM].id);
	q->last_used++;
	KUNIT_ASSERT_LT(f->test, id, VHO_FAKE_VQ_NUM);
	memcpy(rec, vho_fake_ptr(f, q->slots + id * VHO_FAKE_SLOT_BYTES), sizeof(*rec));
	return true;
}

struct virtio_virtuoso_ring vho_fake_ring(unsigned int nr)
{
	return (struct virtio_virtuoso_ring) {
		.offset_bytes = cpu_to_le32(VHO_FAKE_RINGS_OFF + nr * VHO_FAKE_RING_BYTES),
		.size_log2 = ilog2(VHO_FAKE_RING_BYTES),
	};
}

struct in6_addr vho_fake_addr(u32 addr)
{
	struct in6_addr a;

	ipv6_addr_set_v4mapped(htonl(addr), &a);
	return a;
}

/* ---- threads, played ---- */

static bool vho_fake_run(struct vho_worker *worker)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&worker->msgs));
	struct vho_msg *msg, *next;

	llist_for_each_entry_safe(msg, next, list, node)
		msg->fn(worker, msg);
	return list;
}

bool vho_fake_run_core(struct vho_fake *f)
{
	bool ran = vho_fake_run(&f->core.worker);

	ran |= vho_fake_events(f);
	return ran;
}

bool vho_fake_run_slow(struct vho_fake *f)
{
	bool ran = vho_fake_run(&vho_slow);

	while (vho_slow_serve(&vho_slow, vho_fake_now(f)))
		ran = true;
	return ran;
}

void vho_fake_turn(struct vho_fake *f)
{
	unsigned int i;
	u64 cost_ns;
	bool more;

	for (i = 0; i < f->port->nr_made; i++) {
		do {
			vho_fp_turn(&f->core, f->port->group[i], vho_fake_now(f), &more, &cost_ns);
		} while (more);
	}
}

static bool vho_fake_run_spq(struct vho_fake *f)
{
	struct sk_buff *skb = ptr_ring_consume(&f->port->spq);

	if (skb)
		vho_sp_rx(f->port, skb, vho_fake_now(f));
	return skb;
}

void vho_fake_settle(struct vho_fake *f)
{
	bool more;

	do {
		more = vho_fake_run_slow(f);
		more |= vho_fake_run_spq(f);
		more |= vho_fake_run_core(f);
		vho_fake_turn(f);
		more |= !llist_empty(&vho_slow.msgs) || !llist_empty(&f->core.worker.msgs) ||
			test_bit(VHO_PORT_SLOW_QUEUED, &f->port->work_flags);
	} while (more);
}

static void vho_fake_run_worker_timers(struct vho_worker *worker, u64 now_ns)
{
	struct vho_timer *timer;

	while ((timer = vho_timers_pop(&worker->timers, now_ns)))
		timer->fn(worker, timer, now_ns);
}

void vho_fake_run_timers(struct vho_fake *f)
{
	vho_fake_run_worker_timers(&f->core.worker, vho_fake_now(f));
	vho_fake_events(f);
	vho_fake_run_worker_timers(&vho_slow, vho_fake_now(f));
}

u64 vho_fake_stat(struct vho_fake *f, enum vho_stat stat)
{
	u64 sum[VHO_STAT_NR];

	vho_port_stats_sum(f->port, sum);
	return sum[stat];
}
