/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The work that follows the load: measures, adds and removes cores, moves groups of ports.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef _VHO_ELASTIC_H
#define _VHO_ELASTIC_H

#include <linux/compiler.h>
#include <linux/types.h>

/* The work sleeps, and whoever has a turn is to wake it. */
extern bool vho_elastic_dormant;

/* Any context: the work shall look now. */
void vho_elastic_look(void);
void vho_elastic_wake(void);
/* Nobody calls any of these any more. */
void vho_elastic_exit(void);

/* FP: there is something to do. */
static inline void vho_elastic_poke(void)
{
	if (unlikely(READ_ONCE(vho_elastic_dormant)))
		vho_elastic_wake();
}

#endif /* _VHO_ELASTIC_H */
