/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_arguments.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { MIN_CAPACITY = 8 };

/* What the arrays were before stays in the arena until the arena goes. */
static void make_room(struct redis_arguments *arguments, size_t more) {
  size_t wanted = arguments->count + more;
  if (wanted <= arguments->capacity) return;

  size_t capacity = arguments->capacity * 2 > MIN_CAPACITY ? arguments->capacity * 2 : MIN_CAPACITY;
  if (capacity < wanted) capacity = wanted;
  const char **values = arena_alloc(arguments->arena, capacity * sizeof *values);
  size_t *sizes = arena_alloc(arguments->arena, capacity * sizeof *sizes);
  if (arguments->count > 0) {
    memcpy(values, arguments->values, arguments->count * sizeof *values);
    memcpy(sizes, arguments->sizes, arguments->count * sizeof *sizes);
  }
  arguments->values = values;
  arguments->sizes = sizes;
  arguments->capacity = capacity;
}

struct redis_arguments redis_arguments_empty(struct arena *arena) {
  return (struct redis_arguments){.arena = arena};
}

struct redis_arguments redis_arguments_of(struct arena *arena, const char *name) {
  struct redis_arguments arguments = redis_arguments_empty(arena);
  redis_add_text(&arguments, name);
  return arguments;
}

void redis_add_text(struct redis_arguments *arguments, const char *text) {
  redis_add_bytes(arguments, text, text ? strlen(text) : 0);
}

void redis_add_bytes(struct redis_arguments *arguments, const void *bytes, size_t size) {
  make_room(arguments, 1);
  arguments->values[arguments->count] = bytes ? bytes : "";
  arguments->sizes[arguments->count] = bytes ? size : 0;
  arguments->count++;
}

void redis_add_number(struct redis_arguments *arguments, int64_t number) {
  redis_add_text(arguments, arena_printf(arguments->arena, "%" PRId64, number));
}

void redis_add_all(struct redis_arguments *arguments, const struct redis_arguments *more) {
  if (!more || more->count == 0) return;
  make_room(arguments, more->count);
  memcpy(arguments->values + arguments->count, more->values, more->count * sizeof *more->values);
  memcpy(arguments->sizes + arguments->count, more->sizes, more->count * sizeof *more->sizes);
  arguments->count += more->count;
}

struct redis_arguments redis_command_of(struct arena *arena, const char *name, ...) {
  struct redis_arguments arguments = redis_arguments_of(arena, name);
  va_list values;
  va_start(values, name);
  for (const char *value; (value = va_arg(values, const char *));) redis_add_text(&arguments, value);
  va_end(values);
  return arguments;
}
