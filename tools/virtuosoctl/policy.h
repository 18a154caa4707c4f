/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: what the parts of "policy" share.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef POLICY_H
#define POLICY_H

struct args;
struct names;
struct nlmsghdr;

extern const struct names policy_actions;
extern const struct names policy_directions;

/* Whose set it is: a port's, or with "default" that of new ports. */
void policy_put_port(struct nlmsghdr *nlh, const char *name);

/* Prints every set as a line for "restore". 0, or -errno with nl_error() */
int policy_save(void);

/* --- policy_set.c --- */
int policy_set(struct args *args);
int policy_flush(struct args *args);

#endif /* POLICY_H */
