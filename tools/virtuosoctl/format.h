/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: values for people.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* One of a few static buffers, good until a handful of calls later. */
const char *format_ns(uint64_t ns);
const char *format_mac(const void *mac);
const char *format_uuid(const void *uuid);
/* ::ffff:a.b.c.d is a.b.c.d */
const char *format_addr(const void *addr16);

/* Names of an enum by number (NULL: no such), and of flags by bit. */
struct names {
	const char *const *name;
	size_t nr;
};

const char *name_of(const struct names *names, uint32_t value);
/* The value of @word, or a usage error that lists what there is. */
uint32_t value_of(const struct names *names, const char *word, const char *what);
/* "a,b,c"; "none" for 0 */
const char *format_flags(const struct names *names, uint32_t flags);
void json_flags(const char *key, const struct names *names, uint32_t flags);

#endif /* FORMAT_H */
