/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reaching the core that serves a group, whichever that is, and making it another one.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_MOVE_H
#define _VHO_MOVE_H

#include <linux/types.h>

struct vho_core;
struct vho_msg;
struct vho_group;
struct vho_worker;

/* Any context. The receiver asks vho_group_forward() first. @msg must not be pending. */
void vho_group_post(struct vho_group *group, struct vho_msg *msg);
/* Context: FP. Return: @group is not served here any more, @msg is on its way to where it is. */
bool vho_group_forward(struct vho_group *group, struct vho_worker *worker, struct vho_msg *msg);
/* Runs @fn(arg) on the thread of the core that serves @group. Process context, not on a core. */
void vho_group_call(struct vho_group *group, void (*fn)(void *arg), void *arg);
/* Any context: index of the core that serves @group now. */
unsigned int vho_group_core_index(const struct vho_group *group);
/* The same: its memory node. */
int vho_group_core_node(const struct vho_group *group);

/*
 * Moving. Process context under vho_ports_lock. Cores that groups have left in between may be stopped
 * after vho_moves_end(), which waits for an RCU grace period: one for many moves.
 */
void vho_moves_begin(void);
void vho_move_group(struct vho_group *group, struct vho_core *to);
void vho_moves_end(void);

/* Process context: no group moves, and no message is under way from a core that a group has left. */
void vho_moves_hold(void);
void vho_moves_allow(void);

#endif /* _VHO_MOVE_H */
