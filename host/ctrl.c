// SPDX-License-Identifier: GPL-2.0
/*
 * Control queue: requests of the driver about regions, addresses, listeners.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/in6.h>
#include <linux/nospec.h>
#include <linux/sched.h>

#include "ctrl.h"
#include "guest_state.h"
#include "listener.h"
#include "port.h"
#include "slow.h"

/* Requests before the work goes to the end of the queue. */
#define VHO_CTRL_TURN	16

static struct workqueue_struct *vho_ctrl_wq;

/* A request, copied out of the guest's memory. */
union vho_ctrl_req {
	struct virtio_virtuoso_ctrl_hdr hdr;
	struct virtio_virtuoso_ctrl_region region;
	struct virtio_virtuoso_ctrl_addr addr;
	struct virtio_virtuoso_ctrl_listen listen;
};

static u32 vho_ctrl_region_add(struct vho_guest_state *guest, const union vho_ctrl_req *req)
{
	return vho_region_add(guest, le32_to_cpu(req->region.id), le64_to_cpu(req->region.addr),
			      le32_to_cpu(req->region.len_bytes));
}

static u32 vho_ctrl_region_del(struct vho_guest_state *guest, const union vho_ctrl_req *req)
{
	return vho_region_del(guest, le32_to_cpu(req->region.id));
}

static u32 vho_ctrl_addr_add(struct vho_guest_state *guest, const union vho_ctrl_req *req)
{
	struct in6_addr addr;

	memcpy(&addr, req->addr.addr, sizeof(addr));
	return vho_addr_add(guest->port, &addr);
}

static u32 vho_ctrl_addr_del(struct vho_guest_state *guest, const union vho_ctrl_req *req)
{
	struct in6_addr addr;

	memcpy(&addr, req->addr.addr, sizeof(addr));
	return vho_addr_del(guest->port, &addr);
}

static u32 vho_ctrl_listen(struct vho_guest_state *guest, const union vho_ctrl_req *req)
{
	struct in6_addr addr;

	memcpy(&addr, req->listen.addr, sizeof(addr));
	return vho_listener_add(guest->port, &addr, req->listen.port,
				le32_to_cpu(req->listen.backlog),
				le16_to_cpu(req->listen.defer_s));
}

static u32 vho_ctrl_unlisten(struct vho_guest_state *guest, const union vho_ctrl_req *req)
{
	struct in6_addr addr;

	if (req->listen.defer_s)
		return VIRTUOSO_STATUS_INVAL;
	memcpy(&addr, req->listen.addr, sizeof(addr));
	return vho_listener_del(guest->port, &addr, req->listen.port);
}

static const struct vho_ctrl_op {
	size_t bytes;
	u32 (*fn)(struct vho_guest_state *guest, const union vho_ctrl_req *req);
	bool slow;	/* about what the slow path owns: runs there */
} vho_ctrl_ops[] = {
	[VIRTUOSO_CTRL_REGION_ADD] = {
		sizeof(struct virtio_virtuoso_ctrl_region), vho_ctrl_region_add },
	[VIRTUOSO_CTRL_REGION_DEL] = {
		sizeof(struct virtio_virtuoso_ctrl_region), vho_ctrl_region_del },
	[VIRTUOSO_CTRL_ADDR_ADD] = {
		sizeof(struct virtio_virtuoso_ctrl_addr), vho_ctrl_addr_add, true },
	[VIRTUOSO_CTRL_ADDR_DEL] = {
		sizeof(struct virtio_virtuoso_ctrl_addr), vho_ctrl_addr_del, true },
	[VIRTUOSO_CTRL_LISTEN] = {
		sizeof(struct virtio_virtuoso_ctrl_listen), vho_ctrl_listen, true },
	[VIRTUOSO_CTRL_UNLISTEN] = {
		sizeof(struct virtio_virtuoso_ctrl_listen), vho_ctrl_unlisten, true },
};

struct vho_ctrl_call {
	const struct vho_ctrl_op *op;
	struct vho_guest_state *guest;
	const union vho_ctrl_req *req;
	u32 status;
};

/* On the slow path's thread. */
static void vho_ctrl_call_fn(void *arg)
{
	struct vho_ctrl_call *call = arg;
	struct vho_port *port = call->guest->port;
	u64 start_ns = ktime_get_ns();

	/* A driver that was reset meanwhile leaves nothing behind. */
	if (port->slow_guest != call->guest)
		return;
	call->status = call->op->fn(call->guest, call->req);
	vho_slow_charge(port, ktime_get_ns() - start_ns);
}

static u32 vho_ctrl_run(struct vho_guest_state *guest, const struct vho_ctrl_op *op,
			const union vho_ctrl_req *req)
{
	struct vho_ctrl_call call = {
		.op = op,
		.guest = guest,
		.req = req,
		.status = VIRTUOSO_STATUS_FAULT,
	};

	if (!op->slow)
		return op->fn(guest, req);
	vho_worker_call(&vho_slow, vho_ctrl_call_fn, &call);
	return call.status;
}

/* Return: VIRTUOSO_STATUS_*. */
static u32 vho_ctrl_request(struct vho_guest_state *guest, const struct vho_chain *chain)
{
	struct vho_vdev *vdev = &guest->port->vdev;
	const struct vho_ctrl_op *op;
	union vho_ctrl_req req = { };
	u32 len = chain->buf[0].len;
	u16 nr;

	if (chain->nr_out != 1 || len < sizeof(req.hdr) || len > sizeof(req))
		return VIRTUOSO_STATUS_INVAL;
	if (vdev->ops->rw(vdev, chain->buf[0].addr, &req, len, false))
		return VIRTUOSO_STATUS_FAULT;
	if (req.hdr.reserved0 || req.hdr.reserved1)
		return VIRTUOSO_STATUS_INVAL;
	nr = le16_to_cpu(req.hdr.op);
	if (nr >= ARRAY_SIZE(vho_ctrl_ops))
		return VIRTUOSO_STATUS_NOTSUPP;
	op = &vho_ctrl_ops[array_index_nospec(nr, ARRAY_SIZE(vho_ctrl_ops))];
	if (!op->fn)
		return VIRTUOSO_STATUS_NOTSUPP;
	if (len != op->bytes)
		return VIRTUOSO_STATUS_INVAL;
	return vho_ctrl_run(guest, op, &req);
}

static void vho_ctrl_one(struct vho_guest_state *guest, const struct vho_chain *chain)
{
	struct vho_vdev *vdev = &guest->port->vdev;
	struct virtio_virtuoso_ctrl_status answer;
	u32 status, written = 0;

	vho_port_stat_inc(guest->port, VHO_STAT_sp_control);
	status = vho_ctrl_request(guest, chain);
	if (status != VIRTUOSO_STATUS_OK)
		vho_port_stat_inc(guest->port, VHO_STAT_guest_bad_control);
	answer.status = cpu_to_le32(status);
	if (chain->nr_in && chain->buf[chain->nr_out].len >= sizeof(answer) &&
	    !vdev->ops->rw(vdev, chain->buf[chain->nr_out].addr, &answer, sizeof(answer), true))
		written = sizeof(answer);
	if (vho_ctrl_enter(guest)) {
		vho_ring_push(guest->control, chain->head, written);
		vho_ctrl_leave(guest);
	}
}

/* ---- service ---- */

bool vho_ctrl_enter(struct vho_guest_state *guest)
{
	struct vho_ctrl *ctrl = &guest->port->ctrl;

	mutex_lock(&ctrl->lock);
	if (ctrl->guest == guest)
		return true;
	mutex_unlock(&ctrl->lock);
	return false;
}

void vho_ctrl_leave(struct vho_guest_state *guest)
{
	mutex_unlock(&guest->port->ctrl.lock);
}

/* The next request and, with a reference, whose it is. NULL: none. */
static struct vho_guest_state *vho_ctrl_take(struct vho_port *port, struct vho_chain *chain)
{
	struct vho_guest_state *guest;
	int ret = 0;

	mutex_lock(&port->ctrl.lock);
	guest = port->ctrl.guest;
	if (guest && guest->control)
		ret = vho_ring_pop(guest->control, chain);
	if (ret > 0)
		vho_guest_get(guest);
	mutex_unlock(&port->ctrl.lock);
	if (ret < 0) {
		vho_port_stat_inc(port, VHO_STAT_guest_bad_ring);
		vho_vdev_needs_reset(&port->vdev);
	}
	return ret > 0 ? guest : NULL;
}

/* Interrupts the driver if it wants that, asks for kicks. Return: more came in meanwhile. */
static bool vho_ctrl_rest(struct vho_port *port)
{
	struct vho_guest_state *guest;
	bool more = false;

	mutex_lock(&port->ctrl.lock);
	guest = port->ctrl.guest;
	if (guest && guest->control) {
		if (vho_ring_need_signal(guest->control))
			port->vdev.ops->call(&port->vdev, VIRTUOSO_VQ_CONTROL);
		more = vho_ring_kick_enable(guest->control);
	}
	mutex_unlock(&port->ctrl.lock);
	return more;
}

/**
 * vho_ctrl_serve() - serve the control queue of a port
 * @port: port
 *
 * Context: CTRL. Waits for the guest's VMM, for the slow path and for the core.
 * Return: more is waiting.
 */
bool vho_ctrl_serve(struct vho_port *port)
{
	struct vho_guest_state *guest;
	struct vho_chain chain;
	unsigned int n;

	for (n = 0; n < VHO_CTRL_TURN; n++) {
		guest = vho_ctrl_take(port, &chain);
		if (!guest)
			break;
		vho_ctrl_one(guest, &chain);
		vho_guest_put(guest);
	}
	return vho_ctrl_rest(port);
}

/*
 * Waiting is not charged: a run that slept costs what the scheduler says, which is exact to the last
 * time it went to sleep; one that did not costs what the clock says.
 */
static void vho_ctrl_work(struct work_struct *work)
{
	struct vho_ctrl *ctrl = container_of(work, struct vho_ctrl, work);
	struct vho_port *port = container_of(ctrl, struct vho_port, ctrl);
	u64 exec_ns = current->se.sum_exec_runtime, start_ns = ktime_get_ns();
	unsigned long switches = current->nvcsw + current->nivcsw;
	u64 cost_ns;
	bool more;

	more = vho_ctrl_serve(port);
	if (switches == current->nvcsw + current->nivcsw)
		cost_ns = ktime_get_ns() - start_ns;
	else
		cost_ns = current->se.sum_exec_runtime - exec_ns;
	WRITE_ONCE(ctrl->ns, ctrl->ns + cost_ns);
	if (more)
		vho_ctrl_kick(port);
}

/* ---- start and stop ---- */

void vho_ctrl_kick(struct vho_port *port)
{
	queue_work(vho_ctrl_wq, &port->ctrl.work);
}

void vho_ctrl_start(struct vho_port *port, struct vho_guest_state *guest)
{
	mutex_lock(&port->ctrl.lock);
	port->ctrl.guest = guest;
	mutex_unlock(&port->ctrl.lock);
	vho_ctrl_kick(port);
}

void vho_ctrl_stop(struct vho_port *port)
{
	mutex_lock(&port->ctrl.lock);
	port->ctrl.guest = NULL;
	mutex_unlock(&port->ctrl.lock);
}

void vho_ctrl_drain(struct vho_port *port)
{
	flush_work(&port->ctrl.work);
}

void vho_ctrl_init(struct vho_ctrl *ctrl)
{
	mutex_init(&ctrl->lock);
	INIT_WORK(&ctrl->work, vho_ctrl_work);
}

/**
 * vho_ctrls_init() - before the first port
 * Context: INIT
 * Return: 0, -ENOMEM
 */
int vho_ctrls_init(void)
{
	/* As many ports as can be may hang at a time. */
	vho_ctrl_wq = alloc_workqueue("virtuoso_ctrl", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return vho_ctrl_wq ? 0 : -ENOMEM;
}

void vho_ctrls_exit(void)
{
	destroy_workqueue(vho_ctrl_wq);
}
