/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/batch.h"

#include <string.h>

#include "base/clock.h"
#include "base/key_table.h"
#include "base/log.h"
#include "consumer/batch_event.h"
#include "consumer/consumer_metrics.h"
#include "consumer/projection.h"
#include "consumer/unit_commit.h"
#include "consumer/work_commit.h"
#include "loop/fail_point.h"
#include "loop/label.h"
#include "store/turn.h"

enum {
  BATCH_EVENTS = 1024,
  TAKEN_EVENTS = 256, /* at once: they are decoded together, and what they want is fetched together */
  UNIT_US = 5000000,  /* for what a unit of work asks of Redis */
  LEASE_PARTS = 3,    /* a unit ends when it has taken such a part of the lease, so that the lease is renewed */
  /* The unit is committed when it has so many changes, or, if few of the events that were taken would be left, soon
   * after: one sync to disk serves all of them, but Redis does nothing else meanwhile (about 1 ms). */
  UNIT_CHANGES = 400,
  /* So long a batch of few events that only writes views waits for a commit to travel with: the
   * sync to disk stops Redis for all. Who waits for a view ends that (waiters.h). */
  VIEWS_PATIENCE_US = 5000,
  FEW_EVENTS = 16,
  CONTENDED_MAX = 20, /* so often others may be quicker than a unit, before it is left to the next term */
};
static const size_t BATCH_BYTES = 4 << 20; /* a batch that has used so much memory takes no more events */

/* Of the events those before `done` are committed, and those from there to `begun` are in the commit under way. The
 * present unit begins with `begun`, and ends before `end` at the latest. */
struct batch {
  const struct batch_parts *parts;
  struct context context;
  struct work *work;
  struct batch_event **events;
  size_t count, done, begun, end;
  struct unit_commit commit;
  bool commit_moves_group;
  int64_t unit_end_us;                 /* when the present unit has taken long enough */
  bool alone;                          /* one event, around whose handler notes are made */
  const struct dead_letter *retried;   /* what the one event is; NULL if the events are the reader's */
  const struct dead_letter_note *note; /* what is noted of it */
  int contended;                       /* commits of the same unit that others were quicker than */
};

/* ---- taking ----------------------------------------------------------------------------------------------------- */

static coroutine_fn void take_events(struct batch *batch, size_t max) {
  const struct batch_parts *parts = batch->parts;
  struct read_entry read;
  if (logs_reader_held(parts->reader) == 0) logs_reader_await(parts->reader);
  for (size_t i = 0; i < max && logs_reader_next(parts->reader, &read); i++) {
    struct batch_event *slot = arena_calloc(batch->context.arena, 1, sizeof *slot);
    batch_event_take(slot, batch->context.arena, &parts->progress->streams[read.stream], read);
    batch->events[batch->count++] = slot;
  }
  batch->end = batch->count;
  struct context context = leader_context(parts->leader, NULL, UNIT_US);
  logs_reader_read_ahead(parts->reader, &context);
}

static bool may_take_more(const struct batch *batch) {
  struct logs_reader *reader = batch->parts->reader;
  size_t max = batch->parts->takes_few ? TAKEN_EVENTS : BATCH_EVENTS;
  return !batch->alone && batch->count + TAKEN_EVENTS <= max && arena_used(batch->context.arena) < BATCH_BYTES &&
         (logs_reader_has_next(reader) || logs_reader_reads_ahead(reader));
}

/* ---- committing ------------------------------------------------------------------------------------------------- */

static struct status lost_answer(struct batch *batch, const char *where) {
  return status_error(batch->context.arena, STATUS_UNAVAILABLE, reason_fail_point, "the fail point %s", where);
}

/* Of the event with that number. An entry that was not read yet is later than all that were handed out. */
static struct progress_place place_of(struct batch *batch, size_t number) {
  const struct batch_event *slot = batch->events[number];
  int64_t next = number + 1 < batch->count ? batch->events[number + 1]->event.log_time
                                           : logs_reader_next_log_time(batch->parts->reader);
  return (struct progress_place){
      .log = slot->stream->log, .log_time = slot->event.log_time, .is_shared = next == slot->event.log_time};
}

/* The consumer group comes along if it may move again: then no function is needed for it alone. Returns whether it
 * does. */
static bool add_positions(struct batch *batch, size_t end) {
  struct progress *progress = batch->parts->progress;
  if (batch->retried) return false;
  struct stream_move *moved = arena_calloc(batch->context.arena, progress->stream_count, sizeof *moved);
  for (size_t i = batch->begun; i < end; i++) {
    struct stream_move *move = &moved[batch->events[i]->stream - progress->streams];
    move->last = batch->events[i]->event.id;
    move->count++;
  }
  struct progress_place last = place_of(batch, end - 1);
  progress_add(progress, work_transaction(batch->work), &last, moved);
  if (progress_has_foreign(progress)) transaction_follow(work_transaction(batch->work), last.log_time);
  bool moves_group = consumer_group_may_move(batch->parts->group);
  if (moves_group) consumer_group_add(batch->parts->group, work_transaction(batch->work), moved);
  return moves_group;
}

/* A dead letter is taken off together with its effects. Now that it can be decoded its key may be another one, which
 * must be free. */
static void add_retried(struct batch *batch, size_t end) {
  if (batch->begun == end) return; /* a run handler has taken it off */
  struct arena *arena = batch->context.arena;
  const struct batch_event *slot = batch->events[batch->begun];
  if (slot->fault) return;
  dead_letter_take(work_transaction(batch->work), batch->retried);
  if (strcmp(slot->key, batch->retried->key) == 0) return;
  struct redis_arguments held = redis_arguments_empty(arena), free = redis_arguments_empty(arena);
  redis_add_text(&free, slot->key);
  dead_letters_require(batch->parts->dead_letters, work_transaction(batch->work), &held, &free);
}

/* The first event of each key tells what is believed of the key; one that makes its key held tells nothing. */
static void require_held_keys(struct batch *batch, size_t end) {
  struct arena *arena = batch->context.arena;
  if (batch->retried) return;
  if (dead_letters_holds_none(batch->parts->dead_letters)) {
    dead_letters_require_none(batch->parts->dead_letters, work_transaction(batch->work));
    return;
  }
  struct redis_arguments held = redis_arguments_empty(arena), free = redis_arguments_empty(arena);
  struct key_table *known = key_table_new(arena);
  for (size_t i = batch->begun; i < end; i++) {
    const struct batch_event *slot = batch->events[i];
    void **place = key_table_at(known, slot->key);
    if (!*place && !slot->fault) redis_add_text(&free, slot->key);
    if (!*place && slot->fault == dead_letters_follower) redis_add_text(&held, slot->key);
    *place = batch;
  }
  dead_letters_require(batch->parts->dead_letters, work_transaction(batch->work), &held, &free);
}

static void applied(struct batch *batch, struct batch_event *slot) {
  batch_event_end_span(slot, slot->fault);
  if (!batch->retried) progress_applied(batch->parts->progress, slot->stream, slot->event.id, slot->event.log_time);
}

static void moved_past(struct batch *batch, size_t last) {
  struct progress_place place = place_of(batch, last);
  if (!batch->retried) progress_moved_past(batch->parts->progress, &place);
}

static void committed(struct batch *batch) {
  struct progress *progress = batch->parts->progress;
  size_t end = batch->begun;
  dead_letters_committed(batch->parts->dead_letters);
  for (size_t i = batch->done; i < end; i++) {
    struct batch_event *slot = batch->events[i];
    applied(batch, slot);
    if (!slot->fault || slot->fault == dead_letters_follower) continue;
    if (!batch->retried) consumer_metrics_dead_letter(slot->fault);
    batch_event_label(slot);
    log_event(LOG_ERROR, batch->retried ? "a dead letter could not be handled again" : "dead-lettered an event",
              "stream", slot->event.stream, "entry", slot->event.id, "key", slot->key, "reason", slot->fault, NULL);
  }
  crash_guard_committed(batch->parts->guard, batch->alone);
  if (batch->commit_moves_group) consumer_group_moved(batch->parts->group);
  metric_observe(consumer_metrics()->commit_events, (int64_t)(end - batch->done));
  batch->done = end;
  batch->contended = 0;
  moved_past(batch, end - 1);
  if (!batch->retried) progress_stored(progress);
}

/* Forgets what is not committed; these events will be handled again. To be called when no commit is under way. */
static void discard(struct batch *batch) {
  work_discard(batch->work);
  dead_letters_discard(batch->parts->dead_letters);
  batch->begun = batch->done;
  for (size_t i = batch->done; i < batch->count; i++) {
    if (batch->events[i]->fault == dead_letters_follower) batch->events[i]->fault = NULL;
  }
}

/* The number of the event in the batch; it must be there, and not committed. */
static size_t number_of(const struct batch *batch, const struct event *event) {
  size_t i = batch->done;
  while (&batch->events[i]->event != event) i++;
  return i;
}

/* Lets the others go first, by a pause that is longer each time. */
static coroutine_fn struct status let_others_pass(struct batch *batch, const char *why) {
  if (batch->contended == CONTENDED_MAX) {
    return status_error(batch->context.arena, STATUS_ABORTED, reason_contended, "%s", why);
  }
  coroutine_sleep(turn_pause_us(batch->contended++), DEADLINE_NEVER);
  return status_ok();
}

/* To be called when nothing was written: the unit is begun again, and ends before the event that can't be committed. */
static coroutine_fn struct status commit_refused(struct batch *batch, const struct work_refusal *refusal) {
  discard(batch);
  /* Then a key is not held any more, or is held now; or the dead letter is not the first of its list any more. */
  if (!refusal->event && batch->retried) {
    batch->begun = batch->done = batch->count;
    batch->events[0]->fault = NULL;
  }
  if (!refusal->event) return dead_letters_load(batch->parts->dead_letters, &batch->context);
  batch->end = number_of(batch, refusal->event);
  struct batch_event *slot = batch->events[batch->end];
  if (batch->end == batch->done) batch->end++;
  if (batch_event_is_contended(slot, batch->context.arena, refusal)) return let_others_pass(batch, refusal->why);
  batch_event_count_refusal(slot, batch->context.arena, refusal);
  return status_ok();
}

/* Waits for the commit under way, if there is one. *ret_stands is false if it has not been made: then the present unit,
 * which was made on it, is forgotten with it. */
static coroutine_fn struct status end_commit(struct batch *batch, bool *ret_stands) {
  *ret_stands = true;
  if (!batch->commit.unit) return status_ok();
  struct status status = unit_commit_end(&batch->commit);
  *ret_stands = status_is_ok(status);
  if (*ret_stands) committed(batch);
  return status_is(status, reason_work_refused) ? commit_refused(batch, &batch->commit.refusal) : status;
}

/* Begins the present unit again, once it is known what it is made on. */
static coroutine_fn struct status begin_again(struct batch *batch) {
  bool stands;
  struct status status = end_commit(batch, &stands);
  if (status_is_ok(status) && stands) discard(batch);
  return status;
}

/* A consumer that is behind does not wait: its next batch is there already. */
static bool may_wait(const struct batch *batch) {
  return work_writes_only_views(batch->work) && batch->count < FEW_EVENTS && batch->parts->waiters->count == 0;
}

/* Of several events that are traced, the first one's trace tells of their commit. */
static const char *traceparent_of_unit(const struct batch *batch, size_t end) {
  for (size_t i = batch->begun; i < end; i++) {
    if (batch->events[i]->span) return batch->events[i]->event.traceparent;
  }
  return NULL;
}

/* Begins to commit the present unit, the events before `end`, of which there must be some. One commit follows another:
 * each is made on the one before. */
static coroutine_fn struct status commit(struct batch *batch, size_t end) {
  bool stands;
  work_begin(batch->work, NULL);
  if (may_wait(batch)) work_transaction(batch->work)->patience_us = VIEWS_PATIENCE_US;
  work_close(batch->work);
  struct status status = end_commit(batch, &stands);
  if (!status_is_ok(status) || !stands) return status;
  crash_guard_add_good_start(batch->parts->guard, work_transaction(batch->work));
  require_held_keys(batch, end);
  if (batch->retried) add_retried(batch, end);
  batch->commit_moves_group = add_positions(batch, end);
  batch->commit = (struct unit_commit){.unit = work_end_unit(batch->work),
                                       .context = leader_context(batch->parts->leader, batch->context.arena, UNIT_US),
                                       .outbox = batch->parts->outbox};
  batch->commit.context.traceparent = traceparent_of_unit(batch, end);
  batch->begun = end;
  unit_commit_begin(&batch->commit, end == batch->count && !may_take_more(batch));
  return status_ok();
}

/* ---- handling --------------------------------------------------------------------------------------------------- */

/* Returns what the service's code has given that can't be stored or sent, or NULL. */
static const char *work_fault_text(struct batch *batch) {
  const char *fault = work_fault(batch->work);
  return fault ? arena_printf(batch->context.arena, "CHANGE_INVALID: %s", fault) : NULL;
}

static bool is_dead_letter(struct batch *batch, struct batch_event *slot) {
  if (!slot->fault && !batch->retried && dead_letters_holds(batch->parts->dead_letters, slot->key))
    slot->fault = dead_letters_follower;
  return slot->fault != NULL;
}

/* Returns whether the service's code, given the event, kept everything else from running until the lease was over: then
 * another replica would do the same, and this one again. The event counts as one that ended the process
 * (crash_guard.h). */
static coroutine_fn struct status check_lease(struct batch *batch, const struct batch_event *slot) {
  if (label_stood_us() == 0 || clock_monotonic_us() < batch->parts->leader->until_us) return status_ok();
  struct status status = crash_guard_blame(batch->parts->guard, &batch->context, slot->event.id, batch->alone);
  return status_is_ok(status) ? lease_lost(batch->context.arena) : status;
}

/* Asks for what the handlers of the unit will read. *ret_done is false if the unit is to be begun again, without an
 * event whose want is at fault. */
static coroutine_fn struct status want_all(struct batch *batch, bool *ret_done) {
  for (size_t i = batch->begun; i < batch->end; i++) {
    struct batch_event *slot = batch->events[i];
    const struct subscription *subscription = slot->stream->subscribed->subscription;
    if (!subscription->want || is_dead_letter(batch, slot)) continue;
    batch_event_label(slot);
    subscription->want(batch->work, &slot->event);
    struct status status = check_lease(batch, slot);
    if (!status_is_ok(status)) return status;
    if (clock_monotonic_us() >= batch->unit_end_us) batch->end = i + 1;
    slot->fault = work_fault_text(batch);
    *ret_done = !slot->fault;
    if (!*ret_done) return begin_again(batch);
  }
  return work_fetch(batch->work);
}

/* Calls the handler of the event, or of the run that begins with it. */
static coroutine_fn struct status call_handler(struct batch *batch, struct batch_event *slot,
                                               const struct event *const *run, size_t run_count) {
  const struct subscribed_stream *subscribed = slot->stream->subscribed;
  struct status status = status_ok();
  batch_event_label(slot);
  work_begin(batch->work, &slot->event);
  if (run_count > 0) {
    status = subscribed->run_handler(batch->work, run, run_count);
  } else if (subscribed->handler) {
    status = subscribed->handler(batch->work, &slot->event);
  } else {
    projection_keep(batch->work, subscribed->subscription->projection, &slot->event);
  }
  struct status held = check_lease(batch, slot);
  if (!status_is_ok(held)) return held;
  if (!batch->alone) return status;
  struct status over = crash_guard_over(batch->parts->guard, &batch->context, slot->event.id);
  return status_is_ok(over) ? status : over;
}

/* The events from `begun` on that one call may handle. */
static size_t run_of(struct batch *batch, const struct event **events) {
  const struct subscribed_stream *first = batch->events[batch->begun]->stream->subscribed;
  size_t count = 0;
  for (size_t i = batch->begun; i < batch->end; i++) {
    struct batch_event *slot = batch->events[i];
    if (slot->stream->subscribed->run_handler != first->run_handler || is_dead_letter(batch, slot)) break;
    if (slot->single && count > 0) break;
    events[count++] = &slot->event;
    if (slot->single) break;
  }
  return count;
}

/* To be called when no commit is under way: a run stores its effects itself. */
static coroutine_fn struct status handle_run(struct batch *batch) {
  struct batch_event **first = &batch->events[batch->begun];
  const struct event **events = arena_calloc(batch->context.arena, batch->count, sizeof *events);
  size_t count = run_of(batch, events);
  for (size_t i = 0; i < count; i++) batch_event_begin_span(first[i], batch->context.arena);
  struct status status = call_handler(batch, *first, events, count);
  if (!status_is_ok(status) && !batch_event_is_blamed(status)) return status;
  const char *fault = status_is_ok(status) ? work_fault_text(batch) : batch_event_fault(batch->context.arena, status);
  if (fault) {
    if (count == 1) (*first)->fault = fault;
    for (size_t i = 0; i < count; i++) first[i]->single = true;
    discard(batch);
    return status_ok();
  }
  for (size_t i = 0; i < count; i++) applied(batch, first[i]);
  moved_past(batch, batch->begun + count - 1);
  batch->done = batch->begun += count;
  return status_ok();
}

/* Notes an event that runs alone; one that ended the process too often is at fault. */
static coroutine_fn struct status begin_alone(struct batch *batch, struct batch_event *slot) {
  int64_t attempts;
  struct status status = crash_guard_attempt(batch->parts->guard, &batch->context, slot->event.id, &attempts);
  if (status_is_ok(status) && attempts > CRASH_GUARD_ATTEMPTS) {
    slot->fault = "ended the process or outlasted its lease three times";
  }
  return status;
}

static void add_dead_letter(struct batch *batch, const struct batch_event *slot) {
  struct transaction *transaction = work_transaction(batch->work);
  work_begin(batch->work, NULL);
  if (batch->retried) {
    dead_letters_refuse_retry(transaction, batch->retried, batch->note, slot->fault);
  } else {
    dead_letters_add(batch->parts->dead_letters, transaction, &slot->event, slot->key, slot->fault);
  }
  if (batch->alone) crash_guard_forget(batch->parts->guard, transaction, slot->event.id);
}

/* To be called for an event that changes an entity which an earlier one has changed that is not committed: the unit
 * ends before it, or is begun again on what is committed. */
static coroutine_fn struct status end_before(struct batch *batch, size_t number) {
  bool stands, waits = batch->commit.unit != NULL;
  struct status status = end_commit(batch, &stands);
  if (!status_is_ok(status) || !stands) return status;
  discard(batch);
  if (number > batch->begun) {
    batch->end = number;
  } else if (!waits) {
    batch->events[number]->fault = "its handler changes an entity twice";
  }
  return status_ok();
}

/* Handles one event by the handler for single ones. *ret_done is false if the unit is to be begun again. */
static coroutine_fn struct status handle_single(struct batch *batch, size_t number, bool *ret_done) {
  struct batch_event *slot = batch->events[number];
  batch_event_begin_span(slot, batch->context.arena);
  struct status status = call_handler(batch, slot, NULL, 0);
  *ret_done = false;
  if (work_conflicts(batch->work)) return end_before(batch, number);
  if (!status_is_ok(status) && !batch_event_is_blamed(status)) return status;
  slot->fault = status_is_ok(status) ? work_fault_text(batch) : batch_event_fault(batch->context.arena, status);
  *ret_done = !slot->fault;
  return slot->fault ? begin_again(batch) : status_ok();
}

/* Handles one event. *ret_done is false if the unit ends here, either to be begun again or because a run was made. Dead
 * letters and runs wait for the commit under way: they are rare, or make commits of their own. */
static coroutine_fn struct status handle_event(struct batch *batch, size_t number, bool *ret_done) {
  struct batch_event *slot = batch->events[number];
  struct status status = status_ok();
  if (batch->alone && !is_dead_letter(batch, slot)) status = begin_alone(batch, slot);
  if (!status_is_ok(status)) return status;
  bool is_dead = is_dead_letter(batch, slot);
  if (!is_dead && !slot->stream->subscribed->run_handler) return handle_single(batch, number, ret_done);
  status = end_commit(batch, ret_done);
  if (!status_is_ok(status) || !*ret_done) return status;
  if (is_dead) {
    add_dead_letter(batch, slot);
    return status_ok();
  }
  *ret_done = false;
  return handle_run(batch);
}

/* A run begins a unit of its own: what is before it must be committed first. */
static bool begins_run(struct batch *batch, size_t i) {
  return i > batch->begun && batch->events[i]->stream->subscribed->run_handler &&
         !is_dead_letter(batch, batch->events[i]);
}

/* Returns whether the present unit ends before that event. */
static bool is_full(const struct batch *batch, size_t number) {
  size_t left = batch->end - number, handled = number - batch->begun;
  return work_changes(batch->work) >= UNIT_CHANGES && left > handled / 3;
}

/* Handles a unit and begins to commit it. */
static coroutine_fn struct status handle_unit(struct batch *batch) {
  batch->context.deadline_us = clock_monotonic_us() + UNIT_US;
  batch->unit_end_us = clock_monotonic_us() + batch->parts->leader->lease_ms * 1000 / LEASE_PARTS;
  if (batch->begun == batch->end) batch->end = batch->count;
  bool done = true;
  struct status status = want_all(batch, &done);
  if (!status_is_ok(status) || !done) return status;
  size_t i = batch->begun;
  for (; i < batch->end && !is_full(batch, i) && !begins_run(batch, i); i++) {
    status = handle_event(batch, i, &done);
    if (!status_is_ok(status) || !done) return status;
    if (clock_monotonic_us() >= batch->unit_end_us) batch->end = i + 1;
  }
  return commit(batch, i);
}

/* ---- the batch -------------------------------------------------------------------------------------------------- */

static void begin_work(struct batch *batch) {
  const struct batch_parts *parts = batch->parts;
  const struct work_options options = {.store = parts->store,
                                       .context = &batch->context,
                                       .user = parts->user,
                                       .epoch = parts->leader->term.epoch_text,
                                       .views = parts->views,
                                       .outbox = parts->route,
                                       .retried = batch->retried};
  batch->work = work_new(&options);
}

static coroutine_fn struct status begin(struct batch *batch) {
  const struct batch_parts *parts = batch->parts;
  struct status status = crash_guard_begin(parts->guard, &batch->context, parts->leader->term.epoch);
  if (!status_is_ok(status)) return status;
  batch->alone = parts->guard->alone_left > 0;
  batch->events = arena_alloc(batch->context.arena, BATCH_EVENTS * sizeof(struct batch_event *));
  take_events(batch, batch->alone ? 1 : TAKEN_EVENTS);
  if (batch->count > 0 && fail_point("consumer.after_read")) return lost_answer(batch, "consumer.after_read");
  begin_work(batch);
  return status_ok();
}

/* One dead letter, which runs alone: it may have ended the process before. */
static coroutine_fn struct status begin_retried(struct batch *batch, size_t stream, const struct redis_reply *entry) {
  const struct batch_parts *parts = batch->parts;
  struct status status = crash_guard_begin(parts->guard, &batch->context, parts->leader->term.epoch);
  if (!status_is_ok(status)) return status;
  struct batch_event *slot = arena_calloc(batch->context.arena, 1, sizeof *slot);
  const struct read_entry read = {
      .stream = stream, .entry = entry, .log_time = log_time_of_entry(redis_reply_text(redis_reply_at(entry, 0)))};
  batch_event_take(slot, batch->context.arena, &parts->progress->streams[stream], read);
  if (!slot->fault && strcmp(slot->key, batch->retried->key) != 0 &&
      dead_letters_holds(parts->dead_letters, slot->key)) {
    slot->fault = arena_printf(batch->context.arena, "its key %s has dead letters, which come first", slot->key);
  }
  batch->alone = true;
  batch->events = arena_alloc(batch->context.arena, sizeof(struct batch_event *));
  batch->events[0] = slot;
  batch->count = batch->end = 1;
  begin_work(batch);
  return status_ok();
}

/* Handles all events, while there are more the next ones. */
static coroutine_fn struct status handle_all(struct batch *batch) {
  struct status status = status_ok();
  bool stands;
  while (status_is_ok(status) && batch->done < batch->count) {
    if (batch->begun == batch->count && may_take_more(batch)) take_events(batch, TAKEN_EVENTS);
    status = batch->begun < batch->count ? handle_unit(batch) : end_commit(batch, &stands);
  }
  bool notes_left = batch->count > 0 && crash_guard_has_notes(batch->parts->guard); /* if there were only runs */
  if (status_is_ok(status) && notes_left) status = commit(batch, batch->count);
  /* What is under way reads the batch, whatever has failed beside it. */
  struct status last = end_commit(batch, &stands);
  return status_is_ok(status) ? last : status;
}

/* What is not committed will be handled again, as another event of another batch. */
static void end_spans(struct batch *batch, struct status status) {
  for (size_t i = batch->done; i < batch->count; i++) {
    if (batch->events[i]->span)
      batch_event_end_span(batch->events[i], status.message ? status.message : "not committed");
  }
}

static void finish(struct batch *batch) {
  for (size_t i = 0; i < batch->count; i++) read_entry_release(&batch->events[i]->read);
  if (batch->alone) batch->parts->guard->alone_left -= batch->count;
  batch->parts->progress->events += batch->count;
}

coroutine_fn struct status batch_handle(const struct batch_parts *parts, struct arena *arena, size_t *ret_events) {
  *ret_events = 0;
  if (!logs_reader_has_next(parts->reader)) return status_ok();
  struct batch batch = {.parts = parts, .context = leader_context(parts->leader, arena_new(), UNIT_US)};
  struct status status = begin(&batch);
  if (status_is_ok(status)) status = handle_all(&batch);
  end_spans(&batch, status);
  if (status_is_ok(status)) finish(&batch);
  label_set(NULL); /* its texts are the batch's */
  if (status_is_ok(status)) *ret_events = batch.count;
  status = status_copy(status, arena);
  arena_free(batch.context.arena);
  return status;
}

coroutine_fn struct status batch_retry(const struct batch_parts *parts, struct arena *arena,
                                       const struct dead_letter *letter, const struct dead_letter_note *note,
                                       size_t stream, const struct redis_reply *entry, const char **ret_refusal) {
  struct batch batch = {
      .parts = parts, .context = leader_context(parts->leader, arena_new(), UNIT_US), .retried = letter, .note = note};
  struct status status = begin_retried(&batch, stream, entry);
  if (status_is_ok(status)) status = handle_all(&batch);
  end_spans(&batch, status);
  label_set(NULL);
  *ret_refusal = status_is_ok(status) ? arena_strdup(arena, batch.events[0]->fault) : NULL;
  status = status_copy(status, arena);
  arena_free(batch.context.arena);
  return status;
}
