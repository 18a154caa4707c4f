/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events that may mean that a path has changed.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_PATH_EVENT_H
#define _VHO_PATH_EVENT_H

struct net;

int vho_path_events_init(void);
void vho_path_events_exit(void);
/* Process context, RTNL not held: probes follow what is changed in @net, too, as long as it exists. */
void vho_path_events_listen(struct net *net);

#endif /* _VHO_PATH_EVENT_H */
