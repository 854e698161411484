/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_function.h"

#include <string.h>

#include "base/log.h"
#include "base/uuid.h"

enum { HASH_DIGITS = 8 };

static const char placeholder[] = "@LIBRARY@";

struct redis_library {
  const char *name;
  const char *source;
  size_t source_size;
};

/* `text` with each placeholder replaced by `name`. */
static char *substitute(struct arena *arena, const char *text, const char *name) {
  size_t found = 0, name_size = strlen(name);
  for (const char *at = text; (at = strstr(at, placeholder)); at += sizeof placeholder - 1) found++;

  char *result = arena_alloc(arena, strlen(text) + found * name_size + 1), *end = result;
  for (const char *at; (at = strstr(text, placeholder)); text = at + sizeof placeholder - 1) {
    memcpy(end, text, (size_t)(at - text));
    end += at - text;
    memcpy(end, name, name_size);
    end += name_size;
  }
  strcpy(end, text);
  return result;
}

struct redis_library *redis_library_new(struct arena *arena, const char *owner, const char *source) {
  struct redis_library *library = arena_calloc(arena, 1, sizeof *library);
  const char *hash = uuid_derive_text(arena, "redis_library", source);
  library->name = arena_printf(arena, "%s_%.*s", owner, HASH_DIGITS, hash);
  library->source = substitute(arena, source, library->name);
  library->source_size = strlen(library->source);
  return library;
}

const char *redis_function_name(struct arena *arena, const struct redis_library *library, const char *function) {
  return arena_printf(arena, "%s_%s", library->name, function);
}

coroutine_fn struct status redis_library_load(struct redis *redis, struct context *context,
                                              const struct redis_library *library) {
  struct redis_arguments arguments = redis_command_of(context->arena, "FUNCTION", "LOAD", NULL);
  redis_add_bytes(&arguments, library->source, library->source_size);
  struct status status = redis_command(redis, context, &arguments, NULL);
  if (status_is(status, reason_redis_library_exists)) return status_ok();
  /* Of many callers that miss it at once, only one gets here. */
  if (status_is_ok(status)) log_event(LOG_INFO, "redis function library loaded", "library", library->name, NULL);
  return status;
}

struct redis_arguments redis_function_command(struct arena *arena, const struct redis_library *library,
                                              const char *function, const struct redis_arguments *keys,
                                              const struct redis_arguments *values) {
  struct redis_arguments call = redis_command_of(arena, "FCALL", redis_function_name(arena, library, function), NULL);
  redis_add_number(&call, keys ? (int64_t)keys->count : 0);
  redis_add_all(&call, keys);
  redis_add_all(&call, values);
  return call;
}

coroutine_fn struct status redis_function_call(struct redis *redis, struct context *context,
                                               const struct redis_library *library, const char *function,
                                               const struct redis_arguments *keys, const struct redis_arguments *values,
                                               const struct redis_reply **ret_reply) {
  struct redis_arguments call = redis_function_command(context->arena, library, function, keys, values);
  struct status status = redis_command(redis, context, &call, ret_reply);
  if (!status_is(status, reason_redis_function_unknown)) return status;

  status = redis_library_load(redis, context, library);
  if (!status_is_ok(status)) return status;
  return redis_command(redis, context, &call, ret_reply);
}
