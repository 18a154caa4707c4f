// SPDX-License-Identifier: GPL-2.0
/*
 * Starting and stopping service for a running driver.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/slab.h>

#include "chan.h"
#include "core.h"
#include "ctrl.h"
#include "fp.h"
#include "guest_state.h"
#include "port.h"
#include "serve.h"
#include "slow.h"

static struct vho_ring *vho_serve_ring(struct vho_vdev *vdev, unsigned int vq)
{
	return vdev->vq[vq].ring.num ? &vdev->vq[vq].ring : NULL;
}

static void vho_serve_roles(struct vho_guest_state *guest, struct vho_vdev *vdev)
{
	unsigned int i;

	guest->control = vho_serve_ring(vdev, VIRTUOSO_VQ_CONTROL);
	guest->event = vho_serve_ring(vdev, VIRTUOSO_VQ_EVENT);
	guest->frame_rx = vho_serve_ring(vdev, VIRTUOSO_VQ_FRAME_RX);
	guest->frame_tx = vho_serve_ring(vdev, VIRTUOSO_VQ_FRAME_TX);
	if (!(guest->features & BIT_ULL(VIRTIO_VIRTUOSO_F_SOCK)))
		return;
	for (i = 0; i < VHO_CHANNELS_MAX; i++) {
		struct vho_channel *ch = &guest->channels[i];

		ch->submit_vq = VIRTUOSO_VQ_SUBMIT(i);
		ch->complete_vq = VIRTUOSO_VQ_COMPLETE(i);
		ch->submit = vho_serve_ring(vdev, ch->submit_vq);
		ch->complete = vho_serve_ring(vdev, ch->complete_vq);
		/* Channels are set up without holes; the first incomplete pair ends them. */
		if (!ch->submit || !ch->complete)
			break;
	}
	guest->nr_channels = i;
}

/* The groups of the port, as far as there are channels for them. The first has the frames, too. */
static unsigned int vho_serve_nr_groups(const struct vho_guest_state *guest)
{
	return clamp(guest->nr_channels, 1U, guest->port->nr_groups);
}

int vho_serve_start(struct vho_port *port, u64 features)
{
	struct vho_guest_state *guest = vho_guest_alloc(port, features);

	if (!guest)
		return -ENOMEM;
	vho_serve_roles(guest, &port->vdev);
	guest->nr_groups = vho_serve_nr_groups(guest);
	vho_slow_guest_start(port, guest);
	vho_fp_guest_start(port, guest);
	vho_ctrl_start(port, guest);
	vho_port_netdev_carrier(port, true);
	return 0;
}

void vho_serve_stop(struct vho_port *port)
{
	struct vho_guest_state *guest;

	vho_ctrl_stop(port);
	/*
	 * The slow path before the cores: from then on it hands no flow to a core. What it posted
	 * before reaches the core before the core's own stop, in order.
	 */
	vho_slow_guest_stop(port);
	guest = vho_fp_guest_stop(port);
	/* Not before: a bridge takes nothing from a port without carrier, and peers are to hear the resets. */
	vho_port_netdev_carrier(port, false);
	vho_guest_free(guest);
}

/* Who serves queue @vq. While the driver starts or stops, a guess: who starts looks by himself. */
static struct vho_group *vho_serve_group(struct vho_port *port, u16 vq)
{
	unsigned int nr = vho_port_nr_groups(port);

	if (vq < VIRTUOSO_VQ_CHANNEL_BASE)
		return port->group[0];
	return port->group[(vq - VIRTUOSO_VQ_CHANNEL_BASE) / 2 % nr];
}

void vho_serve_kick(struct vho_port *port, u16 vq)
{
	vho_port_stat_inc(port, VHO_STAT_chan_kick);
	if (vq == VIRTUOSO_VQ_CONTROL)
		vho_ctrl_kick(port);
	else
		vho_group_wake(vho_serve_group(port, vq));
}
