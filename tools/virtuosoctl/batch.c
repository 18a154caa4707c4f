// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl -batch: the lines of a file, one command each.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define WORDS_MAX	128

/* Ends the word at *@at, which may be quoted in part; returns the rest of the line. */
static char *end_of_word(char *at)
{
	char *to = at, quote = '\0';

	for (; *at; at++) {
		if (quote ? *at == quote : *at == '"' || *at == '\'')
			quote = quote ? '\0' : *at;
		else if (!quote && strchr(" \t\r\n", *at))
			break;
		else
			*to++ = *at;
	}
	if (quote)
		usage_error("a quotation does not end");
	if (*at)
		at++;
	*to = '\0';
	return at;
}

/* Splits @line; '#' at the start of a word begins a comment. */
static int split(char *line, char *words[WORDS_MAX])
{
	int nr = 0;

	for (;;) {
		line += strspn(line, " \t\r\n");
		if (!*line || *line == '#')
			return nr;
		if (nr == WORDS_MAX)
			usage_error("too many words");
		words[nr++] = line;
		line = end_of_word(line);
	}
}

/* Frees nothing that a command has left behind: it lives as long as the program. */
static int run_text(struct args *args)
{
	char *words[WORDS_MAX];
	struct args line = { split(args->argv[0], words), words };

	return line.argc ? run_words(&line) : 0;
}

int batch(const char *path)
{
	bool in = !strcmp(path, "-");
	FILE *file = in ? stdin : fopen(path, "re");
	unsigned int number = 0;
	int status = 0, got;
	size_t size = 0;
	char *line = NULL, place[300];
	struct args args;

	if (!file)
		fail("%s: %s", path, strerror(errno));
	while ((!status || opt.force) && getline(&line, &size, file) >= 0) {
		snprintf(place, sizeof(place), "%.250s:%u: ", in ? "standard input" : path, ++number);
		complain_about(place);
		args = (struct args){ 1, &line };
		got = run_line(run_text, &args);
		if (!status)
			status = got;
	}
	complain_about("");
	if (ferror(file)) {
		complain("%s: %s", path, strerror(errno));
		status = CTL_FAILED;
	}
	free(line);
	if (!in)
		fclose(file);
	return status;
}

int restore_main(struct args *args)
{
	const char *path = args_need(args, "the name of the file");

	args_end(args);
	opt.restoring = true;
	return batch(path);
}
