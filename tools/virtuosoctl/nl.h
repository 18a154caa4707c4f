/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: requests to the genetlink family "virtuoso".
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef NL_H
#define NL_H

#include <stdbool.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

/* Enough for the attributes of every object. */
#define NL_ATTRS	64

struct nl_spec {
	uint16_t max;			/* highest attribute */
	const char *const *names;	/* of attributes, for error messages */
};

/* Finds the family; fails in one line when it is not there. The first request does that, too. */
void nl_open(void);
/* A new request; valid until the next one is begun. */
struct nlmsghdr *nl_request(uint8_t cmd, const struct nl_spec *spec);
/*
 * Sends @nlh and waits for the answer. @show is called for each reply with the attributes by number
 * (NULL: absent). Return: 0, or -errno, nl_error() says why.
 */
typedef void (*nl_show_t)(struct nlattr *const attrs[NL_ATTRS], void *arg);
int nl_do(struct nlmsghdr *nlh, nl_show_t show, void *arg);
/* Shows what the kernel says when the list is complete; begins again when it changed meanwhile. */
int nl_dump(struct nlmsghdr *nlh, nl_show_t show, void *arg);
/* Attributes within @nest, by number. */
void nl_nested(const struct nlattr *nest, struct nlattr *attrs[NL_ATTRS]);
/* Calls @show for each attribute @type of the message that is being shown. */
void nl_each(uint16_t type, void (*each)(const struct nlattr *attr, void *arg), void *arg);
/*
 * Joins the multicast groups (a list that ends with NULL) and then shows each event, with its command, until
 * @show returns false. Return: 0 or -errno.
 */
typedef bool (*nl_event_t)(uint8_t cmd, struct nlattr *const attrs[NL_ATTRS], void *arg);
int nl_monitor(const char *const *groups, nl_event_t show, void *arg);
const char *nl_error(void);

/* Values; 0, "" when absent. nl_uint() takes every width. */
uint64_t nl_uint(const struct nlattr *attr);
const char *nl_str(const struct nlattr *attr);

#endif /* NL_H */
