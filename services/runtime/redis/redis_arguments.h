/* SPDX-License-Identifier: Apache-2.0 */
/* Redis arguments: a command as a list of binary-safe strings, built in an arena. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct redis_arguments {
  struct arena *arena;
  const char **values;
  size_t *sizes;
  size_t count, capacity;
};

/* Starts a command with its name. Texts and bytes are not copied: they must live as long as the arguments. */
struct redis_arguments redis_arguments_of(struct arena *arena, const char *name);
/* Starts an empty list, to be filled and appended to others. */
struct redis_arguments redis_arguments_empty(struct arena *arena);
void redis_add_text(struct redis_arguments *arguments, const char *text);
void redis_add_bytes(struct redis_arguments *arguments, const void *bytes, size_t size);
void redis_add_number(struct redis_arguments *arguments, int64_t number);
/* Appends all values of `more`. */
void redis_add_all(struct redis_arguments *arguments, const struct redis_arguments *more);
/* Returns a command with all of a fixed list: redis_command_of(arena, "HGET", key, field, NULL). */
struct redis_arguments redis_command_of(struct arena *arena, const char *name, ...) __attribute__((sentinel));
