/* SPDX-License-Identifier: Apache-2.0 */
#include "client/position_memory.h"

#include <string.h>

void position_memory_init(struct position_memory *memory) {
  *memory = (struct position_memory){.position.log_time = 0};
  pthread_mutex_init(&memory->mutex, NULL);
}

void position_memory_destroy(struct position_memory *memory) {
  pthread_mutex_destroy(&memory->mutex);
}

void position_memory_advance(struct position_memory *memory, const char *text) {
  struct position seen;
  if (!position_parse(text, &seen)) return;
  pthread_mutex_lock(&memory->mutex);
  bool same_log = strcmp(memory->position.epoch, seen.epoch) == 0;
  if (!same_log || seen.log_time > memory->position.log_time) memory->position = seen;
  pthread_mutex_unlock(&memory->mutex);
}

const char *position_memory_read(struct position_memory *memory, struct arena *arena) {
  pthread_mutex_lock(&memory->mutex);
  struct position position = memory->position;
  pthread_mutex_unlock(&memory->mutex);
  return position.log_time > 0 ? position_text(arena, &position) : NULL;
}

void position_memory_forget(struct position_memory *memory, const char *text) {
  struct position refused;
  if (!position_parse(text, &refused)) return;
  pthread_mutex_lock(&memory->mutex);
  bool unchanged = strcmp(memory->position.epoch, refused.epoch) == 0 && memory->position.log_time == refused.log_time;
  if (unchanged) memory->position = (struct position){.log_time = 0};
  pthread_mutex_unlock(&memory->mutex);
}
