// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: values for people.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "format.h"
#include "json.h"

#define BUFFERS		8
#define BUFFER_BYTES	128

static char *buffer(void)
{
	static char buffers[BUFFERS][BUFFER_BYTES];
	static unsigned int next;

	return buffers[next++ % BUFFERS];
}

const char *format_ns(uint64_t ns)
{
	char *b = buffer();

	if (ns < 1000)
		snprintf(b, BUFFER_BYTES, "%" PRIu64 "ns", ns);
	else if (ns < 1000 * 1000)
		snprintf(b, BUFFER_BYTES, "%.3gus", ns / 1e3);
	else if (ns < 1000 * 1000 * 1000)
		snprintf(b, BUFFER_BYTES, "%.3gms", ns / 1e6);
	else
		snprintf(b, BUFFER_BYTES, "%.3fs", ns / 1e9);
	return b;
}

const char *format_mac(const void *mac)
{
	const uint8_t *m = mac;
	char *b = buffer();

	snprintf(b, BUFFER_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x",
		 m[0], m[1], m[2], m[3], m[4], m[5]);
	return b;
}

const char *format_uuid(const void *uuid)
{
	const uint8_t *u = uuid;
	char *b = buffer();
	int i, n = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			b[n++] = '-';
		n += sprintf(b + n, "%02x", u[i]);
	}
	return b;
}

const char *format_addr(const void *addr16)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *a = addr16;
	char *b = buffer();

	if (!memcmp(a, mapped, sizeof(mapped)))
		return inet_ntop(AF_INET, a + 12, b, BUFFER_BYTES);
	return inet_ntop(AF_INET6, a, b, BUFFER_BYTES);
}

const char *name_of(const struct names *names, uint32_t value)
{
	char *b;

	if (value < names->nr && names->name[value])
		return names->name[value];
	b = buffer();
	snprintf(b, BUFFER_BYTES, "%" PRIu32, value);
	return b;
}

uint32_t value_of(const struct names *names, const char *word, const char *what)
{
	char all[BUFFER_BYTES * 2] = "";
	uint32_t i;

	for (i = 0; i < names->nr; i++) {
		if (!names->name[i])
			continue;
		if (!strcmp(word, names->name[i]))
			return i;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), " %s", names->name[i]);
	}
	usage_error("%s is one of%s, not \"%s\"", what, all, word);
}

const char *format_flags(const struct names *names, uint32_t flags)
{
	char *b = buffer();
	uint32_t i;

	*b = '\0';
	for (i = 0; i < names->nr; i++)
		if (flags & 1u << i)
			snprintf(b + strlen(b), BUFFER_BYTES - strlen(b), "%s%s",
				 *b ? "," : "", names->name[i]);
	return *b ? b : "none";
}

void json_flags(const char *key, const struct names *names, uint32_t flags)
{
	uint32_t i;

	json_array(key);
	for (i = 0; i < names->nr; i++)
		if (flags & 1u << i)
			json_str(NULL, names->name[i]);
	json_close();
}
