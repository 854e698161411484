/* SPDX-License-Identifier: Apache-2.0 */
#include "event_range.h"

#include <string.h>

#include "base/utf8.h"

enum { NAME_MAX_BYTES = 200, ID_MAX_BYTES = (int)sizeof(((struct index_key *)NULL)->bytes) };

void check_entry(struct violations *violations, const char *field, const char *entry, int64_t *ret_log_time) {
  if (!*entry || log_time_parse(entry, ret_log_time)) return;
  violation_add(violations, field, "must be the id of an entry, such as 1548699678802-91");
}

void check_at_most_one(struct violations *violations, const char *field, const char *names, bool first, bool second,
                       bool third) {
  if (first + second + third > 1) violation_add(violations, field, "only one of %s may be set", names);
}

void check_entity(struct violations *violations, const struct event_log *log, const char *field, const char *type,
                  const char *id, bool id_required) {
  struct arena *arena = violations->arena;
  const char *before = *field ? arena_printf(arena, "%s.", field) : "";
  const char *type_field = arena_printf(arena, "%sentity_type", before),
             *id_field = arena_printf(arena, "%sid", before);
  if (!*type) {
    violation_add(violations, type_field, "must not be empty");
  } else if (log && !event_log_knows_entity(log, type)) {
    violation_add(violations, type_field, "is none that the log has streams of, such as order");
  } else if (strlen(type) > NAME_MAX_BYTES) {
    violation_add(violations, type_field, "must be at most %d bytes long", NAME_MAX_BYTES);
  }
  if (id_required && !*id) violation_add(violations, id_field, "must not be empty");
  if (strlen(id) > ID_MAX_BYTES) violation_add(violations, id_field, "must be at most %d bytes long", ID_MAX_BYTES);
}

static bool is_stream(const struct event_log *log, const char *name) {
  const struct log_stream *stream;
  for (size_t i = 0; (stream = event_log_stream(log, i)); i++) {
    if (strcmp(stream->name, name) == 0) return true;
  }
  return false;
}

void check_streams(struct violations *violations, const struct event_log *log, char *const *names, size_t count) {
  if (count > EVENT_NAMES_MAX) violation_add(violations, "streams", "must be at most %d", EVENT_NAMES_MAX);
  for (size_t i = 0; i < count && count <= EVENT_NAMES_MAX; i++) {
    const char *field = arena_printf(violations->arena, "streams[%zu]", i);
    size_t length = strlen(names[i]);
    if (length == 0 || length > NAME_MAX_BYTES) {
      violation_add(violations, field, "must be 1 to %d bytes long", NAME_MAX_BYTES);
    } else if (log && !is_stream(log, names[i])) {
      violation_add(violations, field, "is no stream of the log, such as order_created");
    }
  }
}

coroutine_fn struct status await_entry(struct event_log *log, struct context *context, int64_t log_time,
                                       int64_t *read_to) {
  if (log_time <= *read_to) return status_ok();
  struct status status = event_log_await_end(log, context, read_to);
  if (!status_is_ok(status) || log_time <= *read_to) return status;
  struct arena *arena = context->arena;
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_reset,
                      "the entry %s lies past the end of the log, which is %s", log_time_text(arena, log_time),
                      log_time_text(arena, *read_to));
}

/* What it waits for is no work of this call. */
coroutine_fn struct status await_end(struct event_log *log, struct rpc_call *call, int64_t *read_to) {
  rpc_call_rest(call);
  struct status status = event_log_await_end(log, &call->context, read_to);
  rpc_call_resume(call);
  return status;
}

static bool is_among(char *const *names, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(names[i], name) == 0) return true;
  }
  return count == 0;
}

size_t *stream_numbers(const struct event_log *log, struct arena *arena, char *const *names, size_t count,
                       const char *entity, size_t *ret_count) {
  size_t all = 0, chosen = 0;
  while (event_log_stream(log, all)) all++;
  size_t *numbers = arena_calloc(arena, all + 1, sizeof *numbers);
  for (size_t i = 0; i < all; i++) {
    const struct log_stream *stream = event_log_stream(log, i);
    if (entity && strcmp(stream->entity, entity) != 0) continue;
    if (is_among(names, count, stream->name)) numbers[chosen++] = i;
  }
  *ret_count = chosen;
  return numbers;
}
