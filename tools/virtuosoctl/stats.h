/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: counters inside of other output.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef STATS_H
#define STATS_H

/* The counters of one port, as part of its description. */
void stats_of_port(const char *name);
/* stats -prometheus */
int prometheus(void);

#endif /* STATS_H */
