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

/* Ends the word at *@at, which may be quoted in part; returns the rest of the line. */
static char *end_of_word(char *at)
{
	char *to = at, quote = '\0';

	for (; *at; at++) {
		if (!quote && strchr(" \t\r\n", *at))
			break;
		if (quote ? *at == quote : *at == '"' || *at == '\'')
			quote = quote ? '\0' : *at;
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

/* Splits @line; '#' at the start of a word begins a comment. Return: the words. */
static char **split(char *line, int *nr)
{
	char **words = NULL;
	int size = 0;

	*nr = 0;
	for (;;) {
		line += strspn(line, " \t\r\n");
		if (!*line || *line == '#')
			return words;
		if (*nr == size) {
			size = 2 * size + 16;
			words = xrealloc(words, size * sizeof(*words));
		}
		words[(*nr)++] = line;
		line = end_of_word(line);
	}
}

/* What a command that failed has left behind is not freed: it lives as long as the program. */
static int run_text(struct args *args)
{
	int nr, status = 0;
	char **words = split(args->argv[0], &nr);
	struct args line = { nr, words };

	if (nr)
		status = run_words(&line);
	free(words);
	return status;
}

/*
 * The next line; one that ends with a backslash goes on with the one after it. Counts the lines
 * at @number. Return: there is one.
 */
static bool get_line(FILE *file, char **line, size_t *size, unsigned int *number)
{
	char *more = NULL;
	size_t more_size = 0;
	ssize_t len, more_len;

	len = getline(line, size, file);
	if (len < 0)
		return false;
	++*number;
	while (len >= 2 && !strcmp(*line + len - 2, "\\\n")) {
		more_len = getline(&more, &more_size, file);
		if (more_len < 0)
			break;
		++*number;
		len -= 2;
		*size = len + more_len + 1;
		*line = xrealloc(*line, *size);
		memcpy(*line + len, more, more_len + 1);
		len += more_len;
	}
	free(more);
	return true;
}

int batch(const char *path)
{
	bool in = !strcmp(path, "-");
	FILE *file = in ? stdin : fopen(path, "re");
	unsigned int number = 0, first;
	int status = 0, got;
	size_t size = 0;
	char *line = NULL, place[300];
	struct args args;

	if (!file)
		fail("%s: %s", path, strerror(errno));
	while (!status || opt.force) {
		first = number + 1;
		if (!get_line(file, &line, &size, &number))
			break;
		snprintf(place, sizeof(place), "%.250s:%u: ", in ? "standard input" : path, first);
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
