/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of a device: one list, from which storage and ethtool -S are made.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VGU_STATS_H
#define _VGU_STATS_H

#include <linux/percpu.h>

#include "priv.h"

/* name: one sentence */
#define VGU_COUNTERS(X)							\
	X(tx_taken)		/* packets the socket layer kept */	\
	X(tx_kicks)		/* notifications for frames sent */	\
	X(tx_stopped)		/* times the queue was full */		\
	X(tx_woken)		/* times it had room again */		\
	X(tx_drop_size)		/* frames larger than the device takes */ \
	X(tx_drop_gone)		/* frames sent while the device was broken */ \
	X(tx_drop_gso)		/* frames of an unknown GSO type */	\
	X(rx_kicks)		/* notifications for frame buffers */	\
	X(rx_bad_len)		/* frames whose buffers had wrong lengths */ \
	X(rx_bad_hdr)		/* frames whose header was not acceptable */ \
	X(rx_nomem)		/* frames lost for lack of memory */	\
	X(rx_refused)		/* frames that must not reach a socket */ \
	X(rx_stale)		/* frames that came while the netdev was down */ \
	X(submit_records)	/* records sent on channels */		\
	X(submit_kicks)		/* notifications for them */		\
	X(submit_full)		/* times a channel had no slot left */	\
	X(complete_records)	/* records received on channels */	\
	X(complete_kicks)	/* notifications for their buffers */	\
	X(complete_bad)		/* records of a wrong length */		\
	X(ctrl_requests)	/* control requests sent */		\
	X(ctrl_failed)		/* of these, answered with an error */	\
	X(regions)		/* regions registered */		\
	X(region_failed)	/* regions that could not be had */	\
	X(ring_shortage)	/* times no payload ring was free at once */ \
	X(ring_grown)		/* payload rings replaced by larger ones */ \
	X(events)		/* device-wide events */		\
	X(events_bad)		/* of these, not understood */

struct vgu_counters {
#define VGU_COUNTER_MEMBER(name) unsigned long name;
	VGU_COUNTERS(VGU_COUNTER_MEMBER)
#undef VGU_COUNTER_MEMBER
};

/**
 * vgu_count() - increment a counter of a device
 * @dev: device
 * @name: member of &struct vgu_counters
 *
 * Context: any.
 */
#define vgu_count(dev, name)	this_cpu_inc((dev)->priv->counters->name)

#endif /* _VGU_STATS_H */
