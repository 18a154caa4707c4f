// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: JSON writer.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <inttypes.h>
#include <stdio.h>

#include "json.h"

#define DEPTH_MAX	8

static struct {
	bool pretty;
	int depth;
	char close[DEPTH_MAX];	/* what ends each level */
	bool filled[DEPTH_MAX];	/* something is in it already */
} out;

static void newline(void)
{
	int i;

	if (!out.pretty)
		return;
	putchar('\n');
	for (i = 0; i < out.depth; i++)
		fputs("    ", stdout);
}

static void quoted(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void push_level(char open, char close)
{
	putchar(open);
	out.close[out.depth] = close;
	out.filled[out.depth] = false;
	out.depth++;
}

/* What comes before a value: comma, new line, key; the outermost array's bracket. */
static void item(const char *key)
{
	if (!out.depth)
		push_level('[', ']');
	if (out.filled[out.depth - 1])
		putchar(',');
	out.filled[out.depth - 1] = true;
	newline();
	if (!key)
		return;
	quoted(key);
	fputs(out.pretty ? ": " : ":", stdout);
}

static void open_level(const char *key, char open, char close)
{
	item(key);
	push_level(open, close);
}

void json_close(void)
{
	bool filled = out.filled[--out.depth];

	if (filled)
		newline();
	putchar(out.close[out.depth]);
}

void json_object(const char *key)
{
	open_level(key, '{', '}');
}

void json_array(const char *key)
{
	open_level(key, '[', ']');
}

void json_begin(bool pretty)
{
	out.pretty = pretty;
	out.depth = 0;
}

void json_end(void)
{
	if (!out.depth)
		push_level('[', ']');
	json_close();
	putchar('\n');
}

void json_str(const char *key, const char *value)
{
	item(key);
	quoted(value);
}

void json_uint(const char *key, uint64_t value)
{
	item(key);
	printf("%" PRIu64, value);
}

void json_bool(const char *key, bool value)
{
	item(key);
	fputs(value ? "true" : "false", stdout);
}

void json_milli(const char *key, uint64_t value)
{
	item(key);
	printf("%" PRIu64 ".%03u", value / 1000, (unsigned int)(value % 1000));
}
