/* SPDX-License-Identifier: Apache-2.0 */
#include "client/position_memory.h"

#include <string.h>

void position_memory_init(struct position_memory *memory) {
  memory->positions.count = 0;
  pthread_mutex_init(&memory->mutex, NULL);
}

void position_memory_destroy(struct position_memory *memory) {
  pthread_mutex_destroy(&memory->mutex);
}

void position_memory_advance(struct position_memory *memory, const char *text) {
  struct positions seen;
  if (!positions_parse(text, &seen)) return;
  pthread_mutex_lock(&memory->mutex);
  positions_advance_all(&memory->positions, &seen);
  pthread_mutex_unlock(&memory->mutex);
}

const char *position_memory_read(struct position_memory *memory, struct arena *arena) {
  pthread_mutex_lock(&memory->mutex);
  const char *text = memory->positions.count > 0 ? positions_text(arena, &memory->positions) : NULL;
  pthread_mutex_unlock(&memory->mutex);
  return text;
}

void position_memory_forget(struct position_memory *memory, const char *text) {
  struct arena *arena = arena_new();
  pthread_mutex_lock(&memory->mutex);
  if (strcmp(positions_text(arena, &memory->positions), text) == 0) memory->positions.count = 0;
  pthread_mutex_unlock(&memory->mutex);
  arena_free(arena);
}
