/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtuosoctl: a fast-path core as the kernel reports it.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#ifndef CORE_H
#define CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "nl.h"

struct args;

struct core {
	uint32_t index;
	uint32_t cpu;
	uint32_t ports;
	uint32_t poll_us;
	uint64_t busy_ns;
	uint64_t poll_ns;
	uint64_t idle_ns;
	uint64_t turns;
	uint64_t wakeups;
	uint32_t piece_bytes;
	uint32_t turn_us;
	uint32_t burst_us;
	uint32_t debt_us;
	uint32_t order;
};

/* nl_show_t: fills the struct core at @arg */
void core_take(struct nlattr *const attrs[NL_ATTRS], void *arg);
/* As text, or as members of a JSON object. */
void core_print(const struct core *core);
/* Settings as they are written on the command line. */
void core_settings_print(const struct core *core);
/* --- cores.c: the set of them --- */
int cores_show(struct args *args);
/* Settings as they are written on the command line. 0, or -errno with nl_error() */
int cores_print_settings(void);
/* @word is the first one of the settings. */
int cores_set(const char *word, struct args *args);

bool core_settings_same(const struct core *a, const struct core *b);
/* Calls @show for each core. 0, or -errno with nl_error() */
int core_dump(nl_show_t show, void *arg);

#endif /* CORE_H */
