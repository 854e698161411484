/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that belongs to no call: malloc and friends that never return NULL. Any thread.
 *
 * If memory runs out, the process ends with one log line: all state is in Redis, so a restarted service continues where
 * this one stopped. Free with free(). */
#pragma once

#include <stddef.h>

/* These are like malloc, calloc and realloc, but never return NULL: without memory the process ends (memory_exhausted).
 * The caller owns the result. */
void *memory_alloc(size_t size);
void *memory_calloc(size_t count, size_t size);
void *memory_realloc(void *memory, size_t size);

/* Ends the process after saying that `size` bytes could not be allocated. */
_Noreturn void memory_exhausted(size_t size);
