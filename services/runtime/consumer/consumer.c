/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "consumer/batch.h"
#include "consumer/consumer_alarm.h"
#include "consumer/consumer_group.h"
#include "consumer/consumer_metrics.h"
#include "consumer/dead_letter_drain.h"
#include "consumer/housekeeping.h"
#include "consumer/log_check.h"
#include "consumer/peak.h"
#include "consumer/view_rebuild.h"
#include "consumer/waiters.h"
#include "loop/loop.h"
#include "store/log_clock.h"

enum {
  READY_POLL_US = 20000,
  CALL_US = 5000000,
  BLOCK_US = 2000000, /* not longer: a reader that blocks may hang at a failover (docs/redis.md) */
  STORE_US = 500000,  /* how often the position of an idle consumer is stored that nobody asks for */
  BACKOFF_MIN_US = 50000,
  BACKOFF_MAX_US = 2000000,
  HALTED_US = 1000000, /* how often a halted consumer looks again */
};

/* When the next page begins while events keep coming: so many times as long after the last one began as that took, but
 * not sooner or later than that. */
struct pace {
  int64_t pages, min_us, max_us;
};
/* It is short, because callers of other replicas may wait, which end no pause (waiters.h). */
static const struct pace usual_pace = {.pages = 3, .min_us = 10000, .max_us = 40000};
/* It is kept by a consumer that gives way. A page that takes longer than the maximum waits for something else than
 * calls do, such as a mail server: a pause would help nobody. */
static const struct pace giving_way = {.pages = PEAK_SHARE, .min_us = 10000, .max_us = 1000000};

/* The roles, each with its own state, and the loop that has them play together. */
struct consumer {
  struct consumer_options options;
  struct leader leader;
  struct progress progress;
  struct consumer_group group;
  struct waiters waiters;
  struct housekeeping housekeeping;
  struct dead_letters *dead_letters;
  struct crash_guard guard;
  struct view_rebuild *rebuild;
  struct outbox *outbox;       /* NULL if the service sends nothing */
  struct batch_parts parts;    /* what batches need of them, and the term's reader */
  struct event_store **stores; /* of the logs */
  struct arena *arena;         /* of the term: its errors */
  struct consumer_alarm alarm;
  struct peak peak; /* while it is behind */
  bool stopping;
  int running; /* coroutines */
  struct condition ended;
};

static struct context term_context(const struct consumer *consumer, struct arena *arena) {
  return leader_context(&consumer->leader, arena, CALL_US);
}

/* ---- a term ----------------------------------------------------------------------------------------------------- */

/* Where the service follows nothing in its own Redis, it still is woken there. */
static struct logs_reader *make_reader(const struct consumer *consumer) {
  const struct progress *progress = &consumer->progress;
  struct logs_reader *reader = logs_reader_new(consumer->stores, progress->log_count);
  if (!progress->logs[0].is_foreign) return reader;
  struct event_store *home = consumer->options.store;
  const char *quiet = event_stream_key(home, consumer->arena, progress->streams[0].subscribed->name);
  logs_reader_listen_at(reader, home, quiet);
  return reader;
}

static coroutine_fn struct status begin_term(struct consumer *consumer) {
  struct progress *progress = &consumer->progress;
  progress->loaded = false;
  consumer->peak = (struct peak){0};
  bool goes_on = leader_holds_term(&consumer->leader);
  struct status status = leader_begin_term(&consumer->leader, consumer->arena);
  if (!status_is_ok(status)) return status;
  if (goes_on) crash_guard_trust(&consumer->guard, consumer->leader.term.epoch);
  struct context context = term_context(consumer, consumer->arena);
  status = crash_guard_load(&consumer->guard, &context);
  if (status_is_ok(status)) status = progress_load(progress, &context);
  if (!status_is_ok(status)) return status;
  consumer_group_begin(&consumer->group);
  status = log_check(progress, &context);
  if (status_is_ok(status)) status = dead_letters_load(consumer->dead_letters, &context);
  if (status_is_ok(status)) status = consumer_group_store(&consumer->group, &context, true);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < progress->stream_count; i++) {
    const struct progress_stream *stream = &progress->streams[i];
    logs_reader_add(consumer->parts.reader, stream->log, stream->key, stream->applied);
  }
  progress->begun = true;
  progress->loaded = true;
  outbox_wake(consumer->outbox);
  return status_ok();
}

/* ---- between batches -------------------------------------------------------------------------------------------- */

/* Checks whether the log is still whole; where a gap is accepted, the reader skips it, too. */
static coroutine_fn struct status look_at_streams(struct consumer *consumer, struct context *context) {
  const struct progress *progress = &consumer->progress;
  struct status status = log_check_streams(&consumer->progress, context);
  for (size_t i = 0; status_is_ok(status) && i < progress->stream_count; i++) {
    logs_reader_skip(consumer->parts.reader, i, progress->streams[i].applied);
  }
  return status;
}

/* What is done from time to time, however busy the consumer is. */
static coroutine_fn struct status keep_house(struct consumer *consumer, bool caught_up) {
  bool due = housekeeping_is_due(&consumer->housekeeping, caught_up);
  bool group_due = clock_monotonic_us() >= consumer_group_due_us(&consumer->group);
  if (!due && !group_due) return status_ok();
  struct context context = term_context(consumer, arena_new());
  struct status status = status_ok();
  if (group_due) status = consumer_group_store(&consumer->group, &context, false);
  if (due && caught_up && status_is_ok(status)) status = look_at_streams(consumer, &context);
  if (due && status_is_ok(status)) status = dead_letters_refresh(consumer->dead_letters, &context);
  if (due && status_is_ok(status)) status = view_rebuild_look(consumer->rebuild, &context);
  if (due && status_is_ok(status)) housekeeping_do(&consumer->housekeeping, &context);
  status = status_copy(status, consumer->arena);
  arena_free(context.arena);
  return status;
}

/* Everything that was handed out has been applied: says so to those who wait, here and, by what is stored, elsewhere.
 */
static coroutine_fn struct status report_position(struct consumer *consumer, bool asked) {
  struct progress *progress = &consumer->progress;
  for (size_t i = 0; i < progress->log_count; i++) {
    progress_moved_to(progress, i, logs_reader_handed_out(consumer->parts.reader, i).log_time);
  }
  bool due = asked || clock_monotonic_us() - progress->stored_us >= STORE_US;
  if (!due || !progress_is_unstored(progress)) return status_ok();
  struct context context = term_context(consumer, arena_new());
  struct status status = status_copy(consumer_group_store(&consumer->group, &context, false), consumer->arena);
  arena_free(context.arena);
  return status;
}

/* ---- waiting for events ----------------------------------------------------------------------------------------- */

/* Pauses after a page, unless somebody waits: while events keep coming, a page holds several of them, which share what
 * a page costs. The busier the machine and Redis are, the longer a page takes, and the more events share the next one.
 * An event that comes later than that is handled at once. */
static coroutine_fn void pause_after_page(struct consumer *consumer, int64_t page_begin_us, const struct pace *pace) {
  struct waiters *waiters = &consumer->waiters;
  if (waiters->poked || waiters->count > 0 || consumer->stopping) return;
  int64_t pause_us = (clock_monotonic_us() - page_begin_us) * pace->pages;
  if (pause_us < pace->min_us) pause_us = pace->min_us;
  if (pause_us > pace->max_us) pause_us = pace->max_us;
  condition_wait(&waiters->wake, page_begin_us + pause_us);
}

/* Returns whether the last event that was handled came a short while ago. Log time promises no time, but is near enough
 * to it, and so are the clocks of two machines. */
static bool events_may_wait(const struct consumer *consumer) {
  int64_t handled = 0, may_wait_us = consumer->options.events_may_wait_ms * 1000;
  if (may_wait_us == 0) return false;
  for (size_t i = 0; i < consumer->progress.log_count; i++) {
    int64_t log_time = logs_reader_handed_out(consumer->parts.reader, i).log_time;
    if (log_time > handled) handled = log_time;
  }
  return clock_wall_us() - handled < may_wait_us;
}

/* In a peak a consumer that is behind leaves most of Redis and of the machine to calls, as long as its events may wait.
 */
static coroutine_fn void give_way(struct consumer *consumer, int64_t page_begin_us, size_t handled) {
  if (!events_may_wait(consumer)) {
    consumer->peak = (struct peak){0};
    return;
  }
  peak_note(&consumer->peak, handled, clock_monotonic_us() - page_begin_us);
  struct context context = term_context(consumer, arena_new());
  peak_look(&consumer->peak, &consumer->progress, &context);
  arena_free(context.arena);
  if (!consumer->peak.is_over) pause_after_page(consumer, page_begin_us, &giving_way);
}

/* Returns how long a block may last at most: until the next thing is due. */
static int64_t block_ms(const struct consumer *consumer) {
  int64_t now_us = clock_monotonic_us(), end_us = now_us + BLOCK_US;
  int64_t housekeeping_us = consumer->housekeeping.done_us + HOUSEKEEPING_US;
  int64_t group_us = consumer_group_due_us(&consumer->group);
  bool keeps_house = consumer->options.housekeep || !dead_letters_is_empty(consumer->dead_letters);
  if (keeps_house && housekeeping_us < end_us) end_us = housekeeping_us;
  if (group_us < end_us) end_us = group_us;
  return end_us > now_us ? (end_us - now_us) / 1000 + 1 : 1;
}

/* Waits for events. *ret_woken says whether it ended before its time, perhaps by another replica whose callers wait. */
static coroutine_fn struct status block(struct consumer *consumer, bool *ret_woken) {
  struct waiters *waiters = &consumer->waiters;
  *ret_woken = false;
  if (waiters->poked || consumer->stopping) return status_ok();
  int64_t ms = block_ms(consumer), begin_us = clock_monotonic_us();
  struct context context = leader_context(&consumer->leader, consumer->arena, ms * 1000 + CALL_US);
  waiters->reader = consumer->parts.reader;
  struct status status = logs_reader_wait(consumer->parts.reader, &context, ms);
  waiters->reader = NULL;
  *ret_woken = clock_monotonic_us() - begin_us < ms * 1000;
  return status;
}

/* ---- polls ------------------------------------------------------------------------------------------------------ */

struct poll_state {
  bool behind; /* the last read brought a full page: there is more, the clock doesn't matter yet */
  bool woken;  /* the last block ended before its time */
};

static struct status log_changed(struct consumer *consumer) {
  return status_error(consumer->arena, STATUS_ABORTED, reason_log_changed, "the log is not the one that was read");
}

/* Whether the clock is of the log that was begun with; "" where nobody had begun it. */
static bool is_same_log(const struct consumer *consumer, size_t log, const struct position *clock) {
  return strcmp(clock->epoch, consumer->progress.logs[log].position.epoch) == 0;
}

/* Moves the clock on that housekeeping goes by. */
static coroutine_fn struct status tick(struct consumer *consumer, const struct context *context) {
  size_t number = consumer->housekeeping.log;
  const struct progress_log *log = &consumer->progress.logs[number];
  struct context own = *context;
  if (log->is_foreign) own.redis_era = 0;
  struct position now;
  struct status status = clock_move_on(log->store, &own, 0, &now);
  return status_is_ok(status) && !is_same_log(consumer, number, &now) ? log_changed(consumer) : status;
}

/* Another service's log may be begun later than this service. */
static void note_begun(struct progress_log *log, const struct position *clock) {
  bool is_begun = log->is_foreign && !*log->position.epoch;
  if (is_begun) memcpy(log->position.epoch, clock->epoch, sizeof log->position.epoch);
}

static struct status check_logs(struct consumer *consumer) {
  if (*event_store_loss(consumer->options.store)) return log_changed(consumer);
  for (size_t i = 0; i < consumer->progress.log_count; i++) {
    struct position clock = logs_reader_handed_out(consumer->parts.reader, i);
    note_begun(&consumer->progress.logs[i], &clock);
    if (!is_same_log(consumer, i, &clock)) return log_changed(consumer);
  }
  return status_ok();
}

static coroutine_fn struct status read_logs(struct consumer *consumer, struct poll_state *state) {
  struct context context = term_context(consumer, arena_new());
  bool was_behind = state->behind;
  struct status status = status_ok();
  if (!was_behind && consumer->housekeeping.wants_tick) status = tick(consumer, &context);
  if (status_is_ok(status)) status = logs_reader_read(consumer->parts.reader, &context, &state->behind);
  if (status_is_ok(status) && !was_behind) status = check_logs(consumer);
  status = status_copy(status, consumer->arena);
  arena_free(context.arena);
  return status;
}

/* Handles dead letters that are to be retried, after the events that wait: these are not to suffer from them. */
static coroutine_fn struct status drain(struct consumer *consumer) {
  if (!dead_letters_next_retry(consumer->dead_letters)) return status_ok();
  struct arena *arena = arena_new();
  struct status status = status_copy(dead_letters_drain(&consumer->parts, arena), consumer->arena);
  arena_free(arena);
  return status;
}

/* Does a step of the rebuild of a view that an operator has asked for. */
static coroutine_fn struct status rebuild(struct consumer *consumer) {
  if (!view_rebuild_is_under_way(consumer->rebuild)) return status_ok();
  return view_rebuild_step(consumer->rebuild, consumer->arena);
}

static bool goes_on(const struct consumer *consumer) {
  return !consumer->stopping && leader_holds_term(&consumer->leader);
}

/* Reads, handles, and when there is nothing left waits for more. */
static coroutine_fn struct status poll_once(struct consumer *consumer, struct poll_state *state) {
  int64_t begin_us = clock_monotonic_us();
  size_t handled = 0, events;
  bool asked = state->woken && !consumer->waiters.poked;
  consumer->waiters.poked = false;
  state->woken = false;
  struct status status = read_logs(consumer, state);
  if (!status_is_ok(status)) return status;
  do {
    status = batch_handle(&consumer->parts, consumer->arena, &events);
    if (!status_is_ok(status)) return status;
    handled += events;
  } while (events > 0 && !state->behind && goes_on(consumer));
  status = drain(consumer);
  if (status_is_ok(status)) status = rebuild(consumer);
  if (!status_is_ok(status)) return status;
  if (state->behind || !logs_reader_is_caught_up(consumer->parts.reader)) {
    status = keep_house(consumer, false);
    if (status_is_ok(status)) give_way(consumer, begin_us, handled);
    return status;
  }

  consumer->peak = (struct peak){0};
  status = report_position(consumer, asked && handled == 0);
  if (status_is_ok(status)) status = keep_house(consumer, true);
  if (!status_is_ok(status)) return status;
  if (consumer->housekeeping.wants_tick || dead_letters_next_retry(consumer->dead_letters)) return status_ok();
  if (view_rebuild_is_under_way(consumer->rebuild)) return status_ok();
  if (handled == 0) return block(consumer, &state->woken);
  pause_after_page(consumer, begin_us, &usual_pace);
  return status_ok();
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

/* Returns false if the consumer stops. */
static coroutine_fn bool wait_for_lead(struct consumer *consumer) {
  struct leader *leader = &consumer->leader;
  while (!consumer->stopping && (!event_store_is_ready(consumer->options.store) || leader->epoch == 0)) {
    condition_wait(&leader->changed, clock_monotonic_us() + READY_POLL_US);
    if (!leader->follows) continue;
    consumer->progress.begun = true;
    consumer->progress.halt_reason[0] = '\0'; /* it is for the leader to say whether the log is whole */
  }
  return !consumer->stopping;
}

static coroutine_fn void back_off(struct consumer *consumer, int64_t *backoff_us) {
  int64_t end_us = clock_monotonic_us() + (*consumer->progress.halt_reason ? HALTED_US : *backoff_us);
  *backoff_us = *backoff_us * 2 < BACKOFF_MAX_US ? *backoff_us * 2 : BACKOFF_MAX_US;
  while (!consumer->stopping && condition_wait(&consumer->waiters.wake, end_us)) continue;
}

static coroutine_fn void end_term(struct consumer *consumer, struct status status, int64_t *backoff_us) {
  crash_guard_trust(&consumer->guard, consumer->leader.term.epoch);
  if (status_is(status, reason_lease_lost)) {
    leader_lost_term(&consumer->leader);
  } else if (!status_is_ok(status)) {
    consumer_alarm_raise(&consumer->alarm, status);
    back_off(consumer, backoff_us);
  }
  view_rebuild_forget(consumer->rebuild);
  logs_reader_free(consumer->parts.reader);
  consumer->parts.reader = NULL;
  arena_free(consumer->arena);
}

static void end_coroutine(struct consumer *consumer) {
  consumer->running--;
  condition_signal_all(&consumer->ended);
}

static coroutine_fn void handle_events(void *argument) {
  struct consumer *consumer = argument;
  int64_t backoff_us = BACKOFF_MIN_US;
  while (wait_for_lead(consumer)) {
    consumer->arena = arena_new();
    consumer->parts.reader = make_reader(consumer);
    struct poll_state state = {.woken = true};
    struct status status = begin_term(consumer);
    while (status_is_ok(status) && goes_on(consumer)) {
      status = poll_once(consumer, &state);
      if (!status_is_ok(status)) break;
      consumer_alarm_clear(&consumer->alarm);
      backoff_us = BACKOFF_MIN_US;
    }
    end_term(consumer, status, &backoff_us);
  }
  leader_stop(&consumer->leader); /* an outbox that still waits for its peer needs no lease (outbox.c) */
  end_coroutine(consumer);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static coroutine_fn void keep_lead(void *argument) {
  struct consumer *consumer = argument;
  leader_keep(&consumer->leader);
  end_coroutine(consumer);
}

static coroutine_fn void deliver_outbox(void *argument) {
  struct consumer *consumer = argument;
  outbox_run(consumer->outbox);
  end_coroutine(consumer);
}

static struct outbox *make_outbox(struct consumer *consumer, struct arena *arena) {
  const struct outbox_options options = {.store = consumer->options.store,
                                         .leader = &consumer->leader,
                                         .route = consumer->options.outbox,
                                         .channel = consumer->options.outbox_channel};
  return options.route ? outbox_new(arena, &options) : NULL;
}

static struct view_rebuild *make_rebuild(const struct consumer *consumer, struct arena *arena) {
  const struct view_rebuild_options options = {.progress = &consumer->progress,
                                               .dead_letters = consumer->dead_letters,
                                               .views = consumer->options.views,
                                               .outbox = consumer->options.outbox,
                                               .archived = consumer->options.archived,
                                               .user = consumer->options.user};
  return view_rebuild_new(arena, &options);
}

struct consumer *consumer_start(struct loop *loop, struct arena *arena, const struct consumer_options *options) {
  struct consumer *consumer = arena_calloc(arena, 1, sizeof *consumer);
  struct leader *leader = &consumer->leader;
  struct progress *progress = &consumer->progress;
  static const struct view *const none[] = {NULL};
  consumer->options = *options;
  if (!options->views) consumer->options.views = none;
  leader->store = options->store;
  leader->holder = uuid_random(arena);
  leader->lease_ms = options->lease_ms ? options->lease_ms : LEASE_MS;
  *progress = progress_of(leader, arena, options->subscriptions, options->subscription_count, options->owners,
                          options->owner_count);
  consumer->stores = arena_calloc(arena, progress->log_count, sizeof *consumer->stores);
  for (size_t i = 0; i < progress->log_count; i++) consumer->stores[i] = progress->logs[i].store;
  options->store->follows_others = progress_has_foreign(progress);
  consumer->group = consumer_group_of(progress, arena);
  consumer->alarm.progress = progress;
  consumer->waiters.progress = progress;
  consumer->housekeeping = (struct housekeeping){.progress = progress,
                                                 .log = progress_log_of(progress, options->housekeep_owner),
                                                 .housekeep = options->housekeep,
                                                 .user = options->user};
  consumer->dead_letters = dead_letters_new(options->store);
  consumer->rebuild = make_rebuild(consumer, arena);
  consumer->guard = crash_guard_of(options->store, arena);
  consumer->outbox = make_outbox(consumer, arena);
  consumer->parts = (struct batch_parts){.store = options->store,
                                         .leader = leader,
                                         .progress = progress,
                                         .group = &consumer->group,
                                         .waiters = &consumer->waiters,
                                         .dead_letters = consumer->dead_letters,
                                         .guard = &consumer->guard,
                                         .takes_few = options->events_may_wait_ms > 0,
                                         .route = options->outbox,
                                         .outbox = consumer->outbox,
                                         .views = consumer->options.views,
                                         .user = options->user};
  consumer->running = consumer->outbox ? 3 : 2;
  (void)consumer_metrics(); /* they are told from the start */
  loop_spawn(loop, keep_lead, consumer);
  loop_spawn(loop, handle_events, consumer);
  if (consumer->outbox) loop_spawn(loop, deliver_outbox, consumer);
  return consumer;
}

coroutine_fn void consumer_stop(struct consumer *consumer) {
  consumer->stopping = true;
  leader_retire(&consumer->leader); /* until the batch in hand is committed */
  outbox_stop(consumer->outbox);
  while (consumer->running > 0) {
    condition_signal_all(&consumer->leader.changed);
    condition_signal_all(&consumer->waiters.wake);
    if (consumer->waiters.reader) waiters_poke(&consumer->waiters);
    if (consumer->running > 0) condition_wait(&consumer->ended, clock_monotonic_us() + WAITERS_POKE_US);
  }
  dead_letters_free(consumer->dead_letters);
  consumer->dead_letters = NULL;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

enum consumer_state consumer_state(const struct consumer *consumer) {
  const struct progress *progress = &consumer->progress;
  if (consumer->leader.follows) return CONSUMER_STANDING_BY;
  if (*progress->halt_reason) return CONSUMER_HALTED;
  if (!progress->begun) return CONSUMER_STARTING;
  return progress_is_current(progress) ? CONSUMER_ACTIVE : CONSUMER_STANDING_BY;
}

const char *consumer_reason(const struct consumer *consumer) {
  if (!event_store_is_ready(consumer->options.store)) return event_store_reason(consumer->options.store);
  if (consumer_state(consumer) == CONSUMER_STARTING) return "the consumer is starting";
  return progress_halt_reason(&consumer->progress);
}

bool consumer_is_ready(const struct consumer *consumer) {
  return !*consumer_reason(consumer);
}

const struct outbox *consumer_outbox(const struct consumer *consumer) {
  return consumer->outbox;
}

const struct progress *consumer_progress(const struct consumer *consumer) {
  return &consumer->progress;
}

bool consumer_has_seen(const struct consumer *consumer, const char *after) {
  return waiters_has_seen(&consumer->waiters, after);
}

coroutine_fn struct status consumer_wait_for(struct consumer *consumer, struct context *context, const char *after) {
  return waiters_wait_for(&consumer->waiters, context, after);
}

coroutine_fn void consumer_poke(struct consumer *consumer) {
  consumer->housekeeping.done_us = 0; /* it is due */
  waiters_poke(&consumer->waiters);
}

const char *consumer_position_key(const struct event_store *store, struct arena *arena) {
  return position_key(store, arena);
}
