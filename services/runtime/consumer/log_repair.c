/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/log_repair.h"

#include <string.h>

#include "base/log.h"
#include "consumer/log_check.h"
#include "store/known_log.h"

enum { TRIES_MAX = 10 };

/* ---- finding ---------------------------------------------------------------------------------------------------- */

static void add_known(const struct event_store *store, struct arena *arena, struct log_losses *losses) {
  const struct log_loss *lost = known_log_lost(store->known);
  if (!lost) return;
  struct log_loss loss = *lost;
  loss.stream = arena_strdup(arena, lost->stream);
  loss.detail = arena_strdup(arena, lost->detail);
  loss.value = arena_strdup(arena, lost->value);
  log_losses_add(losses, &loss);
}

struct service_log *service_logs_of(struct arena *arena, struct event_store *own, const struct progress *progress,
                                    size_t *ret_count) {
  size_t followed = progress ? progress->log_count : 0, count = 0;
  struct service_log *logs = arena_calloc(arena, followed + 1, sizeof *logs);
  bool follows_own = followed > 0 && !progress->logs[0].is_foreign;
  if (!follows_own) logs[count++] = (struct service_log){.store = own, .own = own};
  for (size_t i = 0; i < followed; i++) {
    logs[count++] =
        (struct service_log){.store = progress->logs[i].store, .own = own, .progress = progress, .number = i};
  }
  *ret_count = count;
  return logs;
}

static struct progress copy_of(const struct progress *progress, struct arena *arena) {
  struct progress copy = *progress;
  copy.logs = arena_calloc(arena, progress->log_count + 1, sizeof *copy.logs);
  memcpy(copy.logs, progress->logs, progress->log_count * sizeof *copy.logs);
  copy.streams = arena_calloc(arena, progress->stream_count + 1, sizeof *copy.streams);
  memcpy(copy.streams, progress->streams, progress->stream_count * sizeof *copy.streams);
  return copy;
}

/* Whether the consumer, of whichever replica, stands still. */
static bool is_same(const struct progress *before, const struct progress *after) {
  bool same = true;
  for (size_t i = 0; i < before->log_count && same; i++) same = before->logs[i].stored == after->logs[i].stored;
  for (size_t i = 0; i < before->stream_count && same; i++) {
    same = strcmp(before->streams[i].applied, after->streams[i].applied) == 0;
  }
  return same;
}

/* A consumer that goes on misses nothing: what was read of it and of the streams, one after the other, may not agree.
 */
static coroutine_fn struct status add_stored(const struct service_log *log, struct context *context,
                                             struct log_losses *losses, struct progress *ret_stored) {
  const struct progress *progress = log->progress;
  struct arena *arena = context->arena;
  struct log_losses found = {.arena = arena};
  *ret_stored = copy_of(progress, arena);
  struct status status = progress_load(ret_stored, context);
  if (!status_is_ok(status)) return status;
  struct progress checked = copy_of(ret_stored, arena), again = copy_of(progress, arena);
  status = log_check_find(&checked, log->number, context, &found);
  if (!status_is_ok(status) || found.count == 0) return status;
  status = progress_load(&again, context);
  if (!status_is_ok(status) || !is_same(ret_stored, &again)) return status;
  for (size_t i = 0; i < found.count; i++) log_losses_add(losses, &found.rows[i]);
  return status;
}

/* Of another service's log nothing is known but what was applied. */
coroutine_fn struct status log_losses_find(const struct service_log *log, struct context *context,
                                           struct log_losses *ret_losses, struct progress *ret_stored) {
  *ret_losses = (struct log_losses){.arena = context->arena};
  struct status status = status_ok();
  if (log->store == log->own) {
    status = known_log_look(log->own->known, context);
    if (!status_is_ok(status)) return status;
    add_known(log->own, context->arena, ret_losses);
  }
  return log->progress ? add_stored(log, context, ret_losses, ret_stored) : status;
}

/* ---- accepting -------------------------------------------------------------------------------------------------- */

struct field {
  const char *name, *before, *after;
};

/* What is accepted counts for all that is lost up to there. */
static bool accepts_up_to(const struct log_loss *loss) {
  return loss->kind != LOG_LOSS_POSITION && log_time_of_entry(loss->value) == loss->end;
}

static bool is_covered(const struct field *field, const struct log_loss *loss) {
  return accepts_up_to(loss) && log_time_of_entry(field->after) >= log_time_of_entry(loss->value);
}

static void add_field(struct field *fields, size_t *count, const struct log_loss *loss) {
  size_t i = 0;
  while (i < *count && strcmp(fields[i].name, loss->field) != 0) i++;
  if (i == *count) fields[(*count)++] = (struct field){.name = loss->field, .after = loss->value};
  if (!is_covered(&fields[i], loss)) fields[i].after = loss->value;
}

static coroutine_fn struct status read_before(struct event_store *store, struct context *context, struct field *fields,
                                              size_t count) {
  struct redis_pending **asked = arena_calloc(context->arena, count, sizeof(*asked));
  struct status status = status_ok();
  for (size_t i = 0; i < count; i++) {
    const char *key = position_key(store, context->arena);
    struct redis_arguments get = redis_command_of(context->arena, "HGET", key, fields[i].name, NULL);
    asked[i] = redis_send(store->commands, context, &get);
  }
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply = NULL;
    struct status one = redis_receive(asked[i], &reply);
    if (status_is_ok(status)) status = one;
    const char *text = status_is_ok(one) ? redis_reply_text(reply) : NULL;
    fields[i].before = text ? text : "";
  }
  return status;
}

static coroutine_fn struct status write(struct event_store *store, struct context *context, const struct field *fields,
                                        size_t count, const struct operation *operation, bool *ret_done) {
  struct arena *arena = context->arena;
  struct redis_arguments keys = redis_arguments_empty(arena), values = redis_arguments_empty(arena);
  redis_add_text(&keys, position_key(store, arena));
  redis_add_text(&keys, operations_key(store, arena));
  redis_add_text(&values, operation_line(arena, operation));
  redis_add_number(&values, OPERATIONS_MAX);
  for (size_t i = 0; i < count; i++) {
    redis_add_text(&values, fields[i].name);
    redis_add_text(&values, fields[i].before);
    redis_add_text(&values, fields[i].after);
  }
  const struct redis_reply *reply = NULL;
  struct status status =
      redis_function_call(store->commands, context, store->library, "loss_accept", &keys, &values, &reply);
  *ret_done = status_is_ok(status) && redis_reply_number(reply, 0) == 1;
  return status;
}

static struct status changed(struct arena *arena, const struct log_losses *losses, const char *etag) {
  if (losses->count == 0) {
    return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_loss_changed, "nothing of the log is missing");
  }
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_loss_changed,
                      "what is missing of the log is %s, not %s: look at it again", log_losses_etag(losses), etag);
}

/* "the log has a gap: ... (and 2 more); because I say so" */
static const char *describe(struct arena *arena, const struct log_losses *losses, const char *reason) {
  const char *text = losses->rows[0].detail;
  if (losses->count > 1) text = arena_printf(arena, "%s (and %zu more)", text, losses->count - 1);
  return *reason ? arena_printf(arena, "%s; %s", text, reason) : text;
}

/* Finds what is missing, which must be what the operation names. */
static coroutine_fn struct status find_named(const struct service_log *log, struct context *context,
                                             const struct operation *operation, struct log_losses *ret_losses) {
  struct progress stored;
  struct status status = log_losses_find(log, context, ret_losses, &stored);
  if (!status_is_ok(status)) return status;
  const char *etag = log_losses_etag(ret_losses);
  return *etag && strcmp(etag, operation->id) == 0 ? status : changed(context->arena, ret_losses, operation->id);
}

/* *ret_done is false if the positions have moved meanwhile. What is missing is looked for once more behind the fields'
 * values, so that these belong to it. */
static coroutine_fn struct status try_to_accept(const struct service_log *log, struct context *context,
                                                const struct operation *operation, struct log_losses *ret_losses,
                                                bool *ret_done) {
  struct status status = find_named(log, context, operation, ret_losses);
  if (!status_is_ok(status)) return status;
  struct field *fields = arena_calloc(context->arena, ret_losses->count, sizeof *fields);
  size_t count = 0;
  for (size_t i = 0; i < ret_losses->count; i++) add_field(fields, &count, &ret_losses->rows[i]);
  status = read_before(log->own, context, fields, count);
  if (status_is_ok(status)) status = find_named(log, context, operation, ret_losses);
  if (!status_is_ok(status)) return status;
  struct operation recorded = *operation;
  recorded.reason = describe(context->arena, ret_losses, operation->reason);
  status = write(log->own, context, fields, count, &recorded, ret_done);
  if (status_is_ok(status) && *ret_done) {
    log_event(LOG_WARN, "an operator accepts a loss of the log", "detail", recorded.reason, "by", operation->by, NULL);
  }
  return status;
}

coroutine_fn struct status log_losses_accept(const struct service_log *log, struct context *context,
                                             const struct operation *operation, struct log_losses *ret_losses) {
  bool done = false;
  struct status status = status_ok();
  for (int i = 0; i < TRIES_MAX && status_is_ok(status) && !done; i++) {
    status = try_to_accept(log, context, operation, ret_losses, &done);
  }
  if (!status_is_ok(status)) return status;
  if (!done) return changed(context->arena, ret_losses, operation->id);
  return known_log_look(log->own->known, context); /* it goes on at once; the consumer, when it looks again */
}
