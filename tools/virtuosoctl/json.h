/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: JSON writer on standard output; spacing as iproute2 has it.
 * A key of NULL is for the elements of an array.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

/* The whole output: an array. Nothing is written before its first element or its end. */
void json_begin(bool pretty);
void json_end(void);

void json_object(const char *key);
void json_array(const char *key);
void json_close(void);
void json_str(const char *key, const char *value);
void json_uint(const char *key, uint64_t value);
void json_bool(const char *key, bool value);
/* A fraction of a thousand: 1234 is 1.234. */
void json_milli(const char *key, uint64_t value);

#endif /* JSON_H */
