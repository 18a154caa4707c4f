// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: the code behind trace.h.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
