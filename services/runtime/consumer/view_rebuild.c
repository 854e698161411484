/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/view_rebuild.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/reason.h"
#include "consumer/operations.h"
#include "consumer/view_compare.h"
#include "consumer/view_rebuild_job.h"
#include "consumer/view_shadow.h"
#include "loop/fail_point.h"

enum {
  STEP_US = 5000000, /* for what a step asks of Redis */
  BUILD_US = 20000,  /* so long events are applied in a step, unless one page takes longer */
  STORE_US = 500000, /* how often it is stored how far it is */
};

struct view_rebuild {
  struct view_rebuild_options options;
  struct arena *arena; /* of the job; NULL while none is under way */
  struct view_rebuild_job job;
  const struct view *view;
  struct view_shadow *shadow;
  struct view_compare *compare; /* NULL while the view is being built */
  bool compared;
  int64_t stored_us; /* clock_monotonic_us */
};

struct view_rebuild *view_rebuild_new(struct arena *arena, const struct view_rebuild_options *options) {
  struct view_rebuild *rebuild = arena_calloc(arena, 1, sizeof *rebuild);
  rebuild->options = *options;
  return rebuild;
}

bool view_rebuild_is_under_way(const struct view_rebuild *rebuild) {
  return rebuild->arena != NULL;
}

coroutine_fn void view_rebuild_forget(struct view_rebuild *rebuild) {
  view_shadow_free(rebuild->shadow);
  arena_free(rebuild->arena);
  *rebuild = (struct view_rebuild){.options = rebuild->options};
}

static const struct leader *leader_of(const struct view_rebuild *rebuild) {
  return rebuild->options.progress->leader;
}

/* ---- taking up -------------------------------------------------------------------------------------------------- */

static const struct view *find_view(const struct view_rebuild *rebuild, const char *name) {
  const struct view *const *view = rebuild->options.views;
  while (*view && strcmp((*view)->name, name) != 0) view++;
  return *view;
}

static void take_up(struct view_rebuild *rebuild, struct arena *arena, const struct view_rebuild_job *job) {
  rebuild->arena = arena;
  rebuild->job = *job;
  rebuild->view = find_view(rebuild, job->view);
  rebuild->job.state = VIEW_REBUILD_ASKED;
  rebuild->job.events_read = rebuild->job.events_left_out = rebuild->job.rows_compared = 0;
  memset(rebuild->job.rows, 0, sizeof rebuild->job.rows);
  rebuild->job.difference_count = 0;
}

coroutine_fn struct status view_rebuild_look(struct view_rebuild *rebuild, struct context *context) {
  if (rebuild->arena || !*rebuild->options.views) return status_ok();
  const struct event_store *store = rebuild->options.progress->store;
  bool open;
  struct status status = view_rebuild_job_look(store, context, &open);
  if (!status_is_ok(status) || !open) return status;
  struct context own = *context;
  own.arena = arena_new();
  struct view_rebuild_job job;
  status = view_rebuild_job_read(store, &own, &job);
  if (status_is_ok(status) && view_rebuild_job_is_open(&job)) {
    take_up(rebuild, own.arena, &job);
    return status;
  }
  status = status_copy(status, context->arena);
  arena_free(own.arena);
  return status;
}

/* ---- what is in Redis ------------------------------------------------------------------------------------------- */

static void add_shadows(const struct view_rebuild *rebuild, struct redis_arguments *keys, const struct view *but) {
  for (const struct view *const *view = rebuild->options.views; *view; view++) {
    if (*view != but) redis_add_text(keys, view_shadow_key(leader_of(rebuild)->store, keys->arena, *view));
  }
}

static const char *replaced_key(const struct view_rebuild *rebuild, struct arena *arena) {
  const struct event_store *store = leader_of(rebuild)->store;
  return redis_key(store->commands, arena, "%s_replaced:%s", store->service, rebuild->view->name);
}

static coroutine_fn struct status drop(const struct view_rebuild *rebuild, struct context *context) {
  struct event_store *store = leader_of(rebuild)->store;
  struct redis_arguments keys = redis_arguments_empty(context->arena), values = redis_arguments_empty(context->arena);
  redis_add_text(&keys, lease_epoch_key(store, context->arena));
  add_shadows(rebuild, &keys, NULL);
  redis_add_text(&values, leader_of(rebuild)->term.epoch_text);
  const struct redis_reply *reply = NULL;
  struct status status =
      redis_function_call(store->commands, context, store->library, "view_drop", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  return redis_reply_number(reply, 0) == 1 ? status : lease_lost(context->arena);
}

static coroutine_fn struct status store_job(struct view_rebuild *rebuild, struct context *context) {
  rebuild->stored_us = clock_monotonic_us();
  return view_rebuild_job_store(leader_of(rebuild), context, &rebuild->job);
}

/* What was built is dropped if that is possible; otherwise the next rebuild does it. */
static coroutine_fn struct status fail(struct view_rebuild *rebuild, struct context *context, struct status why) {
  struct view_rebuild_job *job = &rebuild->job;
  job->state = VIEW_REBUILD_FAILED;
  job->error = arena_printf(rebuild->arena, "%s: %s", status_reason(why), why.message);
  job->ended_us = clock_wall_us();
  struct status status = store_job(rebuild, context);
  if (!status_is_ok(status)) return status;
  (void)drop(rebuild, context);
  log_event(LOG_ERROR, "a rebuild of a view failed", "view", job->view, "reason", job->error, "by", job->by, NULL);
  view_rebuild_forget(rebuild);
  return status;
}

/* ---- the beginning ---------------------------------------------------------------------------------------------- */

static struct status check_dead_letters(const struct view_rebuild *rebuild, struct arena *arena) {
  if (dead_letters_is_empty(rebuild->options.dead_letters)) return status_ok();
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_dead_letters_there,
                      "the service has dead letters, whose events its views lack: retry or skip them first");
}

static struct status check_job(const struct view_rebuild *rebuild, struct arena *arena) {
  if (!rebuild->view) return status_not_found(arena, "view", rebuild->job.view);
  if (rebuild->job.attempts > VIEW_REBUILD_ATTEMPTS) {
    return status_error(arena, STATUS_ABORTED, reason_view_rebuild_given_up,
                        "it was begun %d times, and each time the process or its lead ended, or Redis or the event "
                        "service was away",
                        VIEW_REBUILD_ATTEMPTS);
  }
  return check_dead_letters(rebuild, arena);
}

static coroutine_fn struct status begin(struct view_rebuild *rebuild, struct context *context) {
  rebuild->job.attempts++;
  struct status wrong = check_job(rebuild, context->arena);
  if (!status_is_ok(wrong)) return fail(rebuild, context, wrong);
  const struct view_shadow_options options = {.progress = rebuild->options.progress,
                                              .view = rebuild->view,
                                              .views = rebuild->options.views,
                                              .outbox = rebuild->options.outbox,
                                              .archived = rebuild->options.archived,
                                              .user = rebuild->options.user};
  rebuild->shadow = view_shadow_new(rebuild->arena, &options);
  struct status status = view_shadow_check(rebuild->shadow, context, &rebuild->job.events_total);
  if (status_is(status, reason_log_gap)) return fail(rebuild, context, status);
  if (status_is_ok(status)) status = drop(rebuild, context);
  rebuild->job.state = VIEW_REBUILD_BUILDING;
  return status_is_ok(status) ? store_job(rebuild, context) : status;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

static struct redis_arguments end_keys(const struct view_rebuild *rebuild, struct arena *arena) {
  const struct event_store *store = leader_of(rebuild)->store;
  struct redis_arguments keys = redis_arguments_empty(arena);
  redis_add_text(&keys, lease_epoch_key(store, arena));
  redis_add_text(&keys, position_key(store, arena));
  redis_add_text(&keys, view_rebuild_key(store, arena));
  redis_add_text(&keys, operations_key(store, arena));
  redis_add_text(&keys, view_key(store, arena, rebuild->view));
  redis_add_text(&keys, view_shadow_key(store, arena, rebuild->view));
  redis_add_text(&keys, replaced_key(rebuild, arena));
  add_shadows(rebuild, &keys, rebuild->view);
  return keys;
}

static struct redis_arguments end_values(const struct view_rebuild *rebuild, struct arena *arena,
                                         const struct view_rebuild_job *job) {
  const char *counts =
      arena_printf(arena, "%" PRId64 " wrong, %" PRId64 " missing, %" PRId64 " surplus rows", job->rows[VIEW_ROW_WRONG],
                   job->rows[VIEW_ROW_MISSING], job->rows[VIEW_ROW_SURPLUS]);
  const struct operation operation = {
      .by = job->by,
      .action = ACTION_REBUILD_VIEW,
      .subject = job->view,
      .id = job->id,
      .reason = *job->reason ? arena_printf(arena, "%s; %s", counts, job->reason) : counts};
  struct redis_arguments values = redis_arguments_empty(arena), places = redis_arguments_empty(arena);
  redis_add_text(&values, leader_of(rebuild)->term.epoch_text);
  redis_add_text(&values, job->id);
  redis_add_number(&values, !job->verify_only);
  redis_add_text(&values, operation_line(arena, &operation));
  redis_add_number(&values, OPERATIONS_MAX);
  redis_add_number(&values, (int64_t)view_shadow_add_places(rebuild->shadow, &places));
  redis_add_all(&values, &places);
  view_rebuild_job_add(job, &values);
  return values;
}

static void log_end(const struct view_rebuild_job *job) {
  bool differs = job->rows[VIEW_ROW_WRONG] + job->rows[VIEW_ROW_MISSING] + job->rows[VIEW_ROW_SURPLUS] > 0;
  log_event(differs || !job->verify_only ? LOG_WARN : LOG_INFO,
            job->verify_only ? "a view was verified" : "a view was replaced", "view", job->view, "differs",
            differs ? "yes" : "no", "id", job->id, "by", job->by, NULL);
}

static coroutine_fn struct status ended(struct view_rebuild *rebuild, struct context *context,
                                        const struct view_rebuild_job *done, int64_t answer) {
  if (answer == 0) return lease_lost(context->arena);
  if (answer == -1) return view_rebuild_changed(context->arena);
  if (answer != 1) {
    return status_error(context->arena, STATUS_ABORTED, reason_contended, "the positions are not those that were read");
  }
  log_end(done);
  view_rebuild_forget(rebuild);
  return status_ok();
}

/* To be called when the shadow has come to where the consumer is. */
static coroutine_fn struct status end(struct view_rebuild *rebuild, struct context *context) {
  struct status wrong = check_dead_letters(rebuild, context->arena);
  if (!status_is_ok(wrong)) return fail(rebuild, context, wrong);
  struct event_store *store = leader_of(rebuild)->store;
  struct view_rebuild_job done = rebuild->job;
  done.state = VIEW_REBUILD_DONE;
  done.ended_us = clock_wall_us();
  struct redis_arguments keys = end_keys(rebuild, context->arena);
  struct redis_arguments values = end_values(rebuild, context->arena, &done);
  const struct redis_reply *reply = NULL;
  fail_point("view.before_end");
  struct status status =
      redis_function_call(store->commands, context, store->library, "view_end", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  return ended(rebuild, context, &done, redis_reply_number(reply, 0));
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static coroutine_fn struct status compare_next(struct view_rebuild *rebuild, struct context *context) {
  struct view_rebuild_job *job = &rebuild->job;
  if (!rebuild->compare) {
    job->state = VIEW_REBUILD_COMPARING;
    rebuild->compare = view_compare_new(rebuild->arena, leader_of(rebuild)->store, rebuild->view, job);
  }
  return view_compare_step(rebuild->compare, context, &rebuild->compared);
}

/* Several pages, so that a consumer that never stands still is reached all the same. */
static coroutine_fn struct status build(struct view_rebuild *rebuild, struct context *context, bool *ret_caught_up) {
  int64_t end_us = clock_monotonic_us() + BUILD_US;
  struct status status;
  *ret_caught_up = false;
  do {
    status = view_shadow_step(rebuild->shadow, context, ret_caught_up);
    fail_point("view.after_page");
  } while (status_is_ok(status) && !*ret_caught_up && clock_monotonic_us() < end_us);
  rebuild->job.events_read = view_shadow_events(rebuild->shadow);
  rebuild->job.events_left_out = view_shadow_left_out(rebuild->shadow);
  return status;
}

static coroutine_fn struct status go_on(struct view_rebuild *rebuild, struct context *context) {
  bool caught_up;
  struct status status = build(rebuild, context, &caught_up);
  if (status_is_ok(status) && caught_up && rebuild->compared) return end(rebuild, context);
  if (status_is_ok(status) && caught_up) status = compare_next(rebuild, context);
  bool due = clock_monotonic_us() - rebuild->stored_us >= STORE_US;
  return status_is_ok(status) && due ? store_job(rebuild, context) : status;
}

/* An outage may be over at the next try; what else goes wrong would go wrong again. */
static bool may_try_again(struct status status) {
  return status_is_transient(status) && !status_is(status, reason_redis_noperm);
}

/* Live events must not suffer from a rebuild that can't be done. */
static coroutine_fn struct status stopped_by(struct view_rebuild *rebuild, struct context *context,
                                             struct status status) {
  if (status_is(status, reason_lease_lost)) return status;
  if (!may_try_again(status) && !status_is(status, reason_view_rebuild_changed)) {
    struct status failed = fail(rebuild, context, status);
    if (status_is_ok(failed) || status_is(failed, reason_lease_lost)) return failed;
  }
  log_event(LOG_WARN, "a rebuild of a view is begun again", "view", rebuild->job.view, "reason", status.message, NULL);
  view_rebuild_forget(rebuild);
  return status_ok();
}

coroutine_fn struct status view_rebuild_step(struct view_rebuild *rebuild, struct arena *arena) {
  struct context context = leader_context(leader_of(rebuild), arena_new(), STEP_US);
  struct status status = rebuild->shadow ? go_on(rebuild, &context) : begin(rebuild, &context);
  if (!status_is_ok(status)) status = stopped_by(rebuild, &context, status);
  status = status_copy(status, arena);
  arena_free(context.arena);
  return status;
}
