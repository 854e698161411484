/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "redis/redis_reply_copy.h"

enum { OUT_OF_MEMORY_RETRY_MS = 1000 };

static struct redis_reply *text_reply(struct arena *arena, struct redis_reply *reply, const redisReply *source) {
  reply->type = REDIS_TEXT;
  reply->text = arena_memdup(arena, source->str ? source->str : "", source->str ? source->len : 0);
  reply->size = source->str ? source->len : 0;
  reply->error = source->type == REDIS_REPLY_ERROR;
  return reply;
}

/* Recursion is as deep as the answer, which hiredis limits to 7 levels (0.14) or 9 (1.x). */
static void fill_reply(struct arena *arena, struct redis_reply *reply, const redisReply *source);

static void list_reply(struct arena *arena, struct redis_reply *reply, const redisReply *source) {
  struct redis_reply *elements = arena_calloc(arena, source->elements, sizeof *elements);
  reply->type = REDIS_LIST;
  reply->count = source->elements;
  reply->elements = arena_calloc(arena, source->elements, sizeof *reply->elements);
  for (size_t i = 0; i < source->elements; i++) {
    fill_reply(arena, &elements[i], source->element[i]);
    reply->elements[i] = &elements[i];
  }
}

static void fill_reply(struct arena *arena, struct redis_reply *reply, const redisReply *source) {
  switch (source->type) {
    case REDIS_REPLY_NIL:
      reply->type = REDIS_NIL;
      break;
    case REDIS_REPLY_INTEGER:
      reply->type = REDIS_NUMBER;
      reply->number = source->integer;
      break;
    case REDIS_REPLY_ARRAY:
      list_reply(arena, reply, source);
      break;
    default:
      text_reply(arena, reply, source);
      break;
  }
}

const struct redis_reply *redis_reply_copy(struct arena *arena, const redisReply *source) {
  struct redis_reply *reply = arena_calloc(arena, 1, sizeof *reply);
  fill_reply(arena, reply, source);
  return reply;
}

int64_t redis_reply_number(const struct redis_reply *reply, int64_t fallback) {
  if (!reply) return fallback;
  if (reply->type == REDIS_NUMBER) return reply->number;
  if (reply->type != REDIS_TEXT || reply->error || reply->size == 0) return fallback;
  if (strchr("+-0123456789", reply->text[0]) == NULL) return fallback;

  char *end;
  errno = 0;
  long long number = strtoll(reply->text, &end, 10);
  return errno == 0 && end == reply->text + reply->size ? number : fallback;
}

const char *redis_reply_text(const struct redis_reply *reply) {
  return reply && reply->type == REDIS_TEXT ? reply->text : NULL;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index) {
  if (!reply || reply->type != REDIS_LIST || index >= reply->count) return NULL;
  return reply->elements[index];
}

const struct redis_reply *redis_reply_field(const struct redis_reply *reply, const char *field) {
  if (!reply || reply->type != REDIS_LIST) return NULL;
  size_t size = strlen(field);
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    const struct redis_reply *name = reply->elements[i];
    if (name->type == REDIS_TEXT && name->size == size && memcmp(name->text, field, size) == 0) {
      return reply->elements[i + 1];
    }
  }
  return NULL;
}

/* Errors that begin with a word of their own, which names what they are. */
static const struct {
  const char *word, *reason;
  enum status_code code;
} word_errors[] = {
    /* The state of the server or of this client's rights there: wrong for all callers alike, and cured without them. */
    {"LOADING", reason_redis_loading, STATUS_UNAVAILABLE},
    {"BUSY", reason_redis_busy, STATUS_UNAVAILABLE},
    {"MASTERDOWN", reason_redis_masterdown, STATUS_UNAVAILABLE},
    {"READONLY", reason_redis_readonly, STATUS_UNAVAILABLE},
    {"CLUSTERDOWN", reason_redis_clusterdown, STATUS_UNAVAILABLE},
    {"TRYAGAIN", reason_redis_tryagain, STATUS_UNAVAILABLE},
    {"MOVED", reason_redis_moved, STATUS_UNAVAILABLE},
    {"ASK", reason_redis_ask, STATUS_UNAVAILABLE},
    {"MISCONF", reason_redis_misconf, STATUS_UNAVAILABLE},
    {"UNBLOCKED", reason_redis_unblocked, STATUS_UNAVAILABLE},
    {"NOREPLICAS", reason_redis_noreplicas, STATUS_UNAVAILABLE},
    {"NOAUTH", reason_redis_noauth, STATUS_UNAVAILABLE},
    {"WRONGPASS", reason_redis_wrongpass, STATUS_UNAVAILABLE},
    {"NOPERM", reason_redis_noperm, STATUS_UNAVAILABLE},
    {"WRONGTYPE", reason_redis_wrongtype, STATUS_INTERNAL},
    {"NOGROUP", reason_redis_nogroup, STATUS_NOT_FOUND},
    {"BUSYGROUP", reason_redis_busygroup, STATUS_ALREADY_EXISTS},
};

static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), end_size = strlen(end);
  return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* What a function may not do is refused without an error word (script.c of Redis 7.0, and of 7.2 to 8). */
static bool is_denied_function(const char *text) {
  static const char *const starts[] = {"ERR The user executing the script can't ", "ERR ACL failure in script: "};
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
    if (strncmp(text, starts[i], strlen(starts[i])) == 0) return true;
  }
  return false;
}

/* Redis gives functions no error word of their own (function.c, script.c of Redis 7 and 8). */
static struct status plain_error(struct arena *arena, const char *text) {
  if (strcmp(text, "ERR Function not found") == 0) {
    return status_error(arena, STATUS_UNIMPLEMENTED, reason_redis_function_unknown, "Redis: %s", text);
  }
  if (strncmp(text, "ERR Library '", 13) == 0 && ends_with(text, "' already exists")) {
    return status_error(arena, STATUS_ALREADY_EXISTS, reason_redis_library_exists, "Redis: %s", text);
  }
  return status_error(arena, STATUS_INTERNAL, reason_redis_error, "Redis: %s", text);
}

struct status redis_error_status(struct arena *arena, const char *text) {
  const char *word = arena_memdup(arena, text, strcspn(text, " "));
  if (strcmp(word, "OOM") == 0) {
    struct status status =
        status_error(arena, STATUS_RESOURCE_EXHAUSTED, reason_redis_out_of_memory, "Redis is out of memory: %s", text);
    return status_with_retry(status, arena, OUT_OF_MEMORY_RETRY_MS);
  }
  if (is_denied_function(text)) {
    return status_error(arena, STATUS_UNAVAILABLE, reason_redis_noperm, "Redis: %s", text);
  }
  for (size_t i = 0; i < sizeof word_errors / sizeof *word_errors; i++) {
    if (strcmp(word, word_errors[i].word) != 0) continue;
    return status_error(arena, word_errors[i].code, word_errors[i].reason, "Redis: %s", text);
  }
  return plain_error(arena, text);
}

bool redis_has_failed(struct status status) {
  static const char *const others[] = {reason_redis_unreachable, reason_redis_out_of_memory, reason_redis_error,
                                       reason_redis_function_unknown, reason_redis_library_exists};
  for (size_t i = 0; i < sizeof word_errors / sizeof *word_errors; i++) {
    if (status_is(status, word_errors[i].reason)) return true;
  }
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (status_is(status, others[i])) return true;
  }
  return false;
}
