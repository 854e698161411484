/* SPDX-License-Identifier: Apache-2.0 */
/* Holds the latest position that a client knows of, in each log of the shop (store/positions.h). Any thread. */
#pragma once

#include <pthread.h>

#include "base/arena.h"
#include "store/positions.h"

struct position_memory {
  pthread_mutex_t mutex;
  struct positions positions;
};

/* position_memory_init must be called before all other use and position_memory_destroy after it, by one thread. */
void position_memory_init(struct position_memory *memory);
void position_memory_destroy(struct position_memory *memory);

/* Remembers what `text` says of each log if it is later than what is remembered, or of another log epoch: then that log
 * was rebuilt, and the newest answer counts. A text that is not a position is ignored. */
void position_memory_advance(struct position_memory *memory, const char *text);

/* Returns what is remembered, as text in the arena, or NULL if nothing is. */
const char *position_memory_read(struct position_memory *memory, struct arena *arena);

/* Forgets `text`, unless another thread has learned something else meanwhile. */
void position_memory_forget(struct position_memory *memory, const char *text);
