// SPDX-License-Identifier: GPL-2.0
/*
 * Control queue: requests of the driver about regions, addresses, listeners.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/in6.h>
#include <linux/nospec.h>

#include "guest_state.h"
#include "listener.h"
#include "port.h"
#include "slow.h"

/* Requests before other ports have their turn. */
#define VHO_CTRL_TURN	16

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

	if (req->listen.reserved)
		return VIRTUOSO_STATUS_INVAL;
	memcpy(&addr, req->listen.addr, sizeof(addr));
	return vho_listener_add(guest->port, &addr, req->listen.port,
				le32_to_cpu(req->listen.backlog));
}

static u32 vho_ctrl_unlisten(struct vho_guest_state *guest, const union vho_ctrl_req *req)
{
	struct in6_addr addr;

	if (req->listen.reserved)
		return VIRTUOSO_STATUS_INVAL;
	memcpy(&addr, req->listen.addr, sizeof(addr));
	return vho_listener_del(guest->port, &addr, req->listen.port);
}

static const struct vho_ctrl_op {
	size_t bytes;
	u32 (*fn)(struct vho_guest_state *guest, const union vho_ctrl_req *req);
} vho_ctrl_ops[] = {
	[VIRTUOSO_CTRL_REGION_ADD] = { sizeof(struct virtio_virtuoso_ctrl_region), vho_ctrl_region_add },
	[VIRTUOSO_CTRL_REGION_DEL] = { sizeof(struct virtio_virtuoso_ctrl_region), vho_ctrl_region_del },
	[VIRTUOSO_CTRL_ADDR_ADD] = { sizeof(struct virtio_virtuoso_ctrl_addr), vho_ctrl_addr_add },
	[VIRTUOSO_CTRL_ADDR_DEL] = { sizeof(struct virtio_virtuoso_ctrl_addr), vho_ctrl_addr_del },
	[VIRTUOSO_CTRL_LISTEN] = { sizeof(struct virtio_virtuoso_ctrl_listen), vho_ctrl_listen },
	[VIRTUOSO_CTRL_UNLISTEN] = { sizeof(struct virtio_virtuoso_ctrl_listen), vho_ctrl_unlisten },
};

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
	return op->fn(guest, &req);
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
	vho_ring_push(guest->control, chain->head, written);
}

bool vho_ctrl_serve(struct vho_port *port, struct vho_guest_state *guest)
{
	struct vho_ring *ring = guest->control;
	struct vho_chain chain;
	unsigned int n;
	int ret = 0;

	for (n = 0; n < VHO_CTRL_TURN; n++) {
		ret = vho_ring_pop(ring, &chain);
		if (ret <= 0)
			break;
		vho_ctrl_one(guest, &chain);
	}
	if (ret < 0) {
		vho_port_stat_inc(port, VHO_STAT_guest_bad_ring);
		vho_vdev_needs_reset(&port->vdev);
		return false;
	}
	if (vho_ring_need_signal(ring))
		port->vdev.ops->call(&port->vdev, VIRTUOSO_VQ_CONTROL);
	return vho_ring_kick_enable(ring);
}
