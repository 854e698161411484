/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/view_rebuild_job.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/reason.h"

static const char *const state_names[] = {[VIEW_REBUILD_NONE] = "",
                                          [VIEW_REBUILD_ASKED] = "asked",
                                          [VIEW_REBUILD_BUILDING] = "building",
                                          [VIEW_REBUILD_COMPARING] = "comparing",
                                          [VIEW_REBUILD_DONE] = "done",
                                          [VIEW_REBUILD_FAILED] = "failed"};
static const char *const kind_names[VIEW_DIFFERENCE_KINDS] = {"wrong", "missing", "surplus"};

const char *view_rebuild_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_rebuild", store->service);
}

bool view_rebuild_job_is_open(const struct view_rebuild_job *job) {
  return job->state == VIEW_REBUILD_ASKED || job->state == VIEW_REBUILD_BUILDING ||
         job->state == VIEW_REBUILD_COMPARING;
}

static size_t index_of(const char *const *names, size_t count, const char *name, size_t otherwise) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(names[i], name) == 0) return i;
  }
  return otherwise;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static const char *text_of(const struct redis_reply *stored, const char *field) {
  const char *text = redis_reply_text(redis_reply_field(stored, field));
  return text ? text : "";
}

static int64_t number_of(const struct redis_reply *stored, const char *field) {
  return redis_reply_number(redis_reply_field(stored, field), 0);
}

static enum view_rebuild_state state_of(const char *name) {
  return (enum view_rebuild_state)index_of(state_names, sizeof state_names / sizeof *state_names, name ? name : "",
                                           VIEW_REBUILD_NONE);
}

/* A text for a line whose parts are separated by tabs. */
static const char *plain(struct arena *arena, const char *text) {
  char *copy = arena_strdup(arena, text);
  for (char *c = copy; *c; c++) {
    if (iscntrl((unsigned char)*c)) *c = ' ';
  }
  return copy;
}

/* Cuts the text at its first tab; returns what comes behind it, or the text's end. */
static char *cut(char *text) {
  char *end = text + strcspn(text, "\t");
  if (*end) *end++ = '\0';
  return end;
}

static struct view_difference difference_of(struct arena *arena, const char *line) {
  char *kind = arena_strdup(arena, line), *key = cut(kind), *field = cut(key), *live = cut(field), *rebuilt = cut(live);
  cut(rebuilt);
  return (struct view_difference){
      .kind = (enum view_difference_kind)index_of(kind_names, VIEW_DIFFERENCE_KINDS, kind, VIEW_ROW_WRONG),
      .key = key,
      .field = field,
      .live = live,
      .rebuilt = rebuilt};
}

static void read_differences(struct view_rebuild_job *job, struct arena *arena, const struct redis_reply *stored) {
  job->differences = arena_calloc(arena, VIEW_DIFFERENCES_TOLD, sizeof *job->differences);
  int64_t count = number_of(stored, "differences");
  for (int64_t i = 0; i < count && i < VIEW_DIFFERENCES_TOLD; i++) {
    const char *line = redis_reply_text(redis_reply_field(stored, arena_printf(arena, "difference:%" PRId64, i)));
    if (!line) return;
    job->differences[job->difference_count++] = difference_of(arena, line);
  }
}

static struct view_rebuild_job job_of(struct arena *arena, const struct redis_reply *stored) {
  struct view_rebuild_job job = {
      .id = text_of(stored, "id"),
      .view = text_of(stored, "view"),
      .verify_only = number_of(stored, "verify_only") == 1,
      .by = text_of(stored, "by"),
      .reason = text_of(stored, "reason"),
      .state = state_of(text_of(stored, "state")),
      .asked_us = number_of(stored, "asked"),
      .ended_us = number_of(stored, "ended"),
      .attempts = number_of(stored, "attempts"),
      .error = text_of(stored, "error"),
      .events_total = number_of(stored, "events_total"),
      .events_read = number_of(stored, "events_read"),
      .events_left_out = number_of(stored, "events_left_out"),
      .rows_compared = number_of(stored, "rows_compared"),
  };
  for (size_t i = 0; i < VIEW_DIFFERENCE_KINDS; i++) {
    job.rows[i] = number_of(stored, arena_printf(arena, "rows_%s", kind_names[i]));
  }
  read_differences(&job, arena, stored);
  return job;
}

coroutine_fn struct status view_rebuild_job_read(const struct event_store *store, struct context *context,
                                                 struct view_rebuild_job *ret_job) {
  struct redis_arguments get =
      redis_command_of(context->arena, "HGETALL", view_rebuild_key(store, context->arena), NULL);
  const struct redis_reply *stored;
  struct status status = redis_command(store->commands, context, &get, &stored);
  if (status_is_ok(status)) *ret_job = job_of(context->arena, stored);
  return status;
}

coroutine_fn struct status view_rebuild_job_look(const struct event_store *store, struct context *context,
                                                 bool *ret_open) {
  struct redis_arguments get =
      redis_command_of(context->arena, "HGET", view_rebuild_key(store, context->arena), "state", NULL);
  const struct redis_reply *state;
  struct status status = redis_command(store->commands, context, &get, &state);
  if (!status_is_ok(status)) return status;
  const struct view_rebuild_job job = {.state = state_of(redis_reply_text(state))};
  *ret_open = view_rebuild_job_is_open(&job);
  return status;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static void add_number(struct redis_arguments *fields, const char *name, int64_t number) {
  redis_add_text(fields, name);
  redis_add_number(fields, number);
}

static void add_text(struct redis_arguments *fields, const char *name, const char *text) {
  redis_add_text(fields, name);
  redis_add_text(fields, text);
}

static struct status under_way(struct arena *arena, const struct view_rebuild_job *job) {
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_view_rebuild_under_way,
                      "the view %s is being %s already, as %s has asked: one at a time", job->view,
                      job->verify_only ? "verified" : "rebuilt", job->by);
}

/* In place of the one before, which must still be the same, and have ended. */
static struct transaction transaction_to_ask(struct event_store *store, struct arena *arena,
                                             const struct view_rebuild_job *before,
                                             const struct view_rebuild_job *job) {
  struct transaction transaction = transaction_of(store, arena);
  const char *key = view_rebuild_key(store, arena);
  if (*before->id) {
    transaction_require_field(&transaction, key, "id", before->id);
  } else {
    transaction_require_no_field(&transaction, key, "id");
  }
  struct redis_arguments fields = redis_arguments_empty(arena);
  add_text(&fields, "id", job->id);
  add_text(&fields, "view", job->view);
  add_number(&fields, "verify_only", job->verify_only);
  add_text(&fields, "by", plain(arena, job->by));
  add_text(&fields, "reason", plain(arena, job->reason));
  add_number(&fields, "asked", job->asked_us);
  view_rebuild_job_add(job, &fields);
  transaction_delete(&transaction, key);
  transaction_set_fields(&transaction, key, &fields);
  return transaction;
}

coroutine_fn struct status view_rebuild_job_ask(struct event_store *store, struct context *context,
                                                const struct view_rebuild_job *job, struct view_rebuild_job *ret_job) {
  struct view_rebuild_job before, asked = *job;
  asked.state = VIEW_REBUILD_ASKED;
  asked.asked_us = clock_wall_us();
  asked.error = "";
  struct transaction_result result;
  struct status status;
  do {
    status = view_rebuild_job_read(store, context, &before);
    if (!status_is_ok(status)) return status;
    if (view_rebuild_job_is_open(&before)) return under_way(context->arena, &before);
    struct transaction transaction = transaction_to_ask(store, context->arena, &before, &asked);
    status = transaction_run(&transaction, context, &result);
  } while (status_is_ok(status) && result.outcome == TRANSACTION_REFUSED);
  if (!status_is_ok(status)) return status;
  log_event(LOG_WARN, asked.verify_only ? "an operator has a view verified" : "an operator has a view rebuilt", "view",
            asked.view, "id", asked.id, "reason", asked.reason, "by", asked.by, NULL);
  *ret_job = asked;
  return status;
}

/* ---- storing ---------------------------------------------------------------------------------------------------- */

static void add_differences(const struct view_rebuild_job *job, struct redis_arguments *fields) {
  struct arena *arena = fields->arena;
  add_number(fields, "differences", (int64_t)job->difference_count);
  for (size_t i = 0; i < job->difference_count; i++) {
    const struct view_difference *difference = &job->differences[i];
    add_text(fields, arena_printf(arena, "difference:%zu", i),
             arena_printf(arena, "%s\t%s\t%s\t%s\t%s", kind_names[difference->kind], plain(arena, difference->key),
                          difference->field, plain(arena, difference->live), plain(arena, difference->rebuilt)));
  }
}

void view_rebuild_job_add(const struct view_rebuild_job *job, struct redis_arguments *fields) {
  add_text(fields, "state", state_names[job->state]);
  add_number(fields, "ended", job->ended_us);
  add_number(fields, "attempts", job->attempts);
  add_text(fields, "error", plain(fields->arena, job->error));
  add_number(fields, "events_total", job->events_total);
  add_number(fields, "events_read", job->events_read);
  add_number(fields, "events_left_out", job->events_left_out);
  add_number(fields, "rows_compared", job->rows_compared);
  for (size_t i = 0; i < VIEW_DIFFERENCE_KINDS; i++) {
    add_number(fields, arena_printf(fields->arena, "rows_%s", kind_names[i]), job->rows[i]);
  }
  add_differences(job, fields);
}

struct status view_rebuild_changed(struct arena *arena) {
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_view_rebuild_changed,
                      "the rebuild is not the one that was begun");
}

coroutine_fn struct status view_rebuild_job_store(const struct leader *leader, struct context *context,
                                                  const struct view_rebuild_job *job) {
  struct arena *arena = context->arena;
  const char *key = view_rebuild_key(leader->store, arena);
  struct transaction transaction = transaction_of(leader->store, arena);
  transaction_require_value(&transaction, lease_epoch_key(leader->store, arena), leader->term.epoch_text);
  transaction_require_field(&transaction, key, "id", job->id);
  struct redis_arguments fields = redis_arguments_empty(arena);
  view_rebuild_job_add(job, &fields);
  transaction_set_fields(&transaction, key, &fields);
  struct transaction_result result;
  struct status status = transaction_run(&transaction, context, &result);
  if (!status_is_ok(status) || result.outcome == TRANSACTION_DONE) return status;
  return result.refused_by == 1 ? lease_lost(arena) : view_rebuild_changed(arena);
}
