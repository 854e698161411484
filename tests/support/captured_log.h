/* SPDX-License-Identifier: Apache-2.0 */
/* Captured log: standard error goes to a file while a test looks at what is logged. One at a time, one thread. */
#pragma once

#include "base/arena.h"

void captured_log_begin(void);

/* Gives standard error back, and returns what went there since captured_log_begin (64 KiB at most), in `arena`. */
const char *captured_log_end(struct arena *arena);

/* How often `part` is in the log. */
int captured_log_count(const char *log, const char *part);
