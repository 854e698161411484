/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"

void memory_exhausted(size_t size) {
  int64_t bytes = size > INT64_MAX ? INT64_MAX : (int64_t)size;
  log_event(LOG_ERROR, "out of memory", "bytes", log_number(bytes), NULL);
  log_stop();
  abort();
}

void *memory_alloc(size_t size) {
  void *memory = malloc(size > 0 ? size : 1);
  if (!memory) memory_exhausted(size);
  return memory;
}

void *memory_calloc(size_t count, size_t size) {
  void *memory = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
  if (!memory) memory_exhausted(size);
  return memory;
}

void *memory_realloc(void *memory, size_t size) {
  void *grown = realloc(memory, size > 0 ? size : 1);
  if (!grown) memory_exhausted(size);
  return grown;
}
