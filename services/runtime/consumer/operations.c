/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/operations.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

const char *operations_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_operations", store->service);
}

static const char *plain(struct arena *arena, const char *text) {
  char *copy = arena_strdup(arena, text);
  for (char *c = copy; *c; c++) {
    if (iscntrl((unsigned char)*c)) *c = ' ';
  }
  return copy;
}

const char *operation_line(struct arena *arena, const struct operation *operation) {
  return arena_printf(arena, "%" PRId64 "\t%s\t%s\t%s\t%s\t%s", clock_wall_us(), plain(arena, operation->by),
                      operation->action, plain(arena, operation->subject), plain(arena, operation->id),
                      plain(arena, operation->reason));
}

void operation_record(struct transaction *transaction, const struct operation *operation) {
  struct arena *arena = transaction->arena;
  const char *key = operations_key(transaction->store, arena);
  struct redis_arguments line = redis_arguments_empty(arena);
  redis_add_text(&line, operation_line(arena, operation));
  transaction_push(transaction, key, &line);
  transaction_keep_last(transaction, key, OPERATIONS_MAX);
}

/* Cuts the text at its first tab; returns what comes behind it, or the text's end. */
static char *cut_field(char *text) {
  char *end = text + strcspn(text, "\t");
  if (*end) *end++ = '\0';
  return end;
}

static struct operation operation_of(struct arena *arena, const char *line) {
  struct operation operation;
  char *at = arena_strdup(arena, line ? line : ""), *next = cut_field(at);
  operation.time_us = strtoll(at, NULL, 10);
  const char **const fields[] = {&operation.by, &operation.action, &operation.subject, &operation.id,
                                 &operation.reason};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    at = next;
    next = cut_field(at);
    *fields[i] = at;
  }
  return operation;
}

coroutine_fn struct status operations_read(const struct event_store *store, struct context *context, size_t max,
                                           struct operation **ret_operations, size_t *ret_count) {
  struct redis_arguments range =
      redis_command_of(context->arena, "LRANGE", operations_key(store, context->arena), NULL);
  redis_add_number(&range, -(int64_t)max);
  redis_add_number(&range, -1);
  const struct redis_reply *lines;
  struct status status = redis_command(store->commands, context, &range, &lines);
  if (!status_is_ok(status)) return status;
  *ret_count = lines->count;
  *ret_operations = arena_calloc(context->arena, lines->count, sizeof **ret_operations);
  for (size_t i = 0; i < lines->count; i++) {
    (*ret_operations)[i] = operation_of(context->arena, redis_reply_text(lines->elements[lines->count - 1 - i]));
  }
  return status;
}
