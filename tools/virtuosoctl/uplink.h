/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: uplinks, for those who write them down.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef UPLINK_H
#define UPLINK_H

/* Prints the lines that make the uplinks again. Return: 0 or -errno, nl_error() says why. */
int uplinks_save(void);

#endif /* UPLINK_H */
