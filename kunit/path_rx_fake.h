/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Surroundings of what receives by a path, played: a flow with its track, an uplink, the switch.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_RX_FAKE_H
#define _VHO_PATH_RX_FAKE_H

#include "../host/path.h"
#include "headers_make.h"

struct vho_fake;

/**
 * struct vho_rx_test - what a test of receiving by a path has
 * @f: the host's surroundings
 * @flow: a flow of theirs, established
 * @track: its path
 * @dev: an uplink
 */
struct vho_rx_test {
	struct vho_fake *f;
	struct vho_flow *flow;
	struct vho_path_track track;
	struct net_device *dev;
};

/* init and exit of a suite; test->priv is the struct vho_fake. */
int vho_rx_test_init(struct kunit *test);
void vho_rx_test_exit(struct kunit *test);
struct vho_rx_test *vho_rx_test_of(struct kunit *test);

/* @track becomes the path of @flow, and is it no longer. */
void vho_rx_test_track(struct vho_path_track *track, struct vho_flow *flow);
void vho_rx_test_untrack(struct vho_path_track *track);
/* The flow's packets come from where those that @m answers are sent to. */
void vho_rx_test_follow(struct kunit *test, struct vho_path_track *track,
			const struct vho_headers_make *m);

/* @m as the hook gets it. */
struct sk_buff *vho_rx_test_skb(struct kunit *test, const struct vho_headers_make *m);
/* The hook's verdict. */
unsigned int vho_rx_test_hook(struct sk_buff *skb);
/* Was @skb taken? What was not goes away. */
bool vho_rx_test_taken(struct sk_buff *skb);
/* The oldest segment in the core's queue goes away. NULL: there was none. */
struct vho_flow *vho_rx_test_queued(struct vho_fake *f);
/* Is @m taken? */
bool vho_rx_test_takes(struct kunit *test, const struct vho_headers_make *m);
/* The segment of @m has come to the port of @flow. */
void vho_rx_test_arrive(struct kunit *test, struct vho_flow *flow, const struct vho_headers_make *m);
/* The reverse template becomes that of @m. */
void vho_rx_test_learn(struct kunit *test, struct vho_path_track *track,
		       const struct vho_headers_make *m);

/* The flow's track and a packet of @stack that it has learned from. */
struct vho_headers_make *vho_rx_test_start(struct kunit *test, const char *stack);
/* A segment later in the same flow. */
struct vho_headers_make *vho_rx_test_later(struct kunit *test, const char *stack, u32 payload);
struct tcphdr *vho_rx_test_tcp(struct vho_headers_make *m);
/* Its @n-th IP header from the outside. */
struct iphdr *vho_rx_test_ip(struct vho_headers_make *m, unsigned int n);

#endif /* _VHO_PATH_RX_FAKE_H */
