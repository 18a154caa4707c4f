/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Surroundings of what learns paths and sends by them, played: uplinks, what the switch does.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_FAKE_H
#define _VHO_PATH_FAKE_H

#include "../host/path.h"
#include "../host/tcp.h"
#include "../host/uplink.h"
#include "host_fake.h"

#define VHO_PATH_FAKE_STACKS	17

/**
 * struct vho_path_fake - what a suite of paths has besides test->priv
 * @uplink: an uplink with a netdev
 * @other: another one
 * @sent: what the uplink's device was given
 * @any: there are uplinks
 * @filtered: filters would be bypassed
 */
struct vho_path_fake {
	struct vho_uplink uplink;
	struct vho_uplink other;
	struct sk_buff_head sent;
	bool any;
	bool filtered;
};

extern struct vho_path_fake *vho_path_fake;	/* of the case that runs */
/* Header stacks as vho_headers_make() takes them: all kinds that are learned. */
extern const char *const vho_path_fake_stacks[VHO_PATH_FAKE_STACKS];

/* init and exit of a suite; test->priv is the struct vho_fake. */
int vho_path_fake_init(struct kunit *test);
void vho_path_fake_exit(struct kunit *test);

struct vho_path_track *vho_path_fake_track(struct vho_flow *flow);
struct vho_path *vho_path_fake_path(struct vho_flow *flow);
/* The segment leaves by @uplink with these headers. Return: the hook's verdict. */
unsigned int vho_path_fake_leave(struct kunit *test, struct vho_uplink *uplink, const char *stack,
				 const struct vho_tx_seg *seg, u16 vlan_tci);
/* A flow whose SYN left as @stack (NULL: by no uplink), established. */
struct vho_flow *vho_path_fake_flow(struct kunit *test, u32 id, const char *stack, u16 vlan_tci);
/* The probe that was sent last, as the flow would have sent it. */
struct vho_tx_seg vho_path_fake_probe(struct vho_flow *flow);
/* @ns pass. */
void vho_path_fake_wait(struct vho_fake *f, u64 ns);

#endif /* _VHO_PATH_FAKE_H */
