/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/batch.h"

#include <string.h>

#include "base/clock.h"
#include "base/key_table.h"
#include "base/log.h"
#include "consumer/batch_event.h"
#include "consumer/projection.h"
#include "consumer/work_commit.h"
#include "loop/fail_point.h"
#include "loop/label.h"
#include "store/turn.h"

enum {
  BATCH_EVENTS = 256,
  UNIT_US = 5000000, /* for what a unit of work asks of Redis */
  LEASE_PARTS = 3,   /* a unit ends when it has taken such a part of the lease, so that the lease is renewed */
  /* A transaction with more changes would hold up Redis: the unit is committed before. */
  UNIT_CHANGES = 400,
  /* So long a batch of few events that only writes views waits for a commit to travel with: the
   * sync to disk stops Redis for all. Who waits for a view ends that (waiters.h). */
  VIEWS_PATIENCE_US = 5000,
  FEW_EVENTS = 16,
  CONTENDED_MAX = 20, /* so often others may be quicker than a unit, before it is left to the next term */
};

/* events[0 .. done-1] are committed, or will be by the batch's last commit; the present unit ends before `end` at the
 * latest. */
struct batch {
  const struct batch_parts *parts;
  struct context context;
  struct work *work;
  struct batch_event *events;
  size_t count, done, end;
  int64_t unit_end_us; /* when the present unit has taken long enough */
  bool alone;          /* one event, around whose handler notes are made */
  bool moves_group;    /* the commit under way does */
  int contended;       /* commits of the present unit that others were quicker than */
};

/* ---- taking ----------------------------------------------------------------------------------------------------- */

static void take_events(struct batch *batch, size_t max) {
  struct read_entry read;
  batch->events = arena_calloc(batch->context.arena, max, sizeof *batch->events);
  while (batch->count < max && stream_reader_next(batch->parts->reader, &read)) {
    struct progress_stream *stream = &batch->parts->progress->streams[read.stream];
    batch_event_take(&batch->events[batch->count++], batch->context.arena, stream, read);
  }
  batch->end = batch->count;
}

/* ---- committing ------------------------------------------------------------------------------------------------- */

static struct status lost_answer(struct batch *batch, const char *where) {
  return status_error(batch->context.arena, STATUS_UNAVAILABLE, reason_fail_point, "the fail point %s", where);
}

/* The consumer group comes along if it may move again: then no function is needed for it alone. */
static void add_positions(struct batch *batch, size_t end) {
  const struct progress *progress = batch->parts->progress;
  struct stream_move *moved = arena_calloc(batch->context.arena, progress->stream_count, sizeof *moved);
  for (size_t i = batch->done; i < end; i++) {
    struct stream_move *move = &moved[batch->events[i].stream - progress->streams];
    move->last = batch->events[i].event.id;
    move->count++;
  }
  progress_add(progress, work_transaction(batch->work), batch->events[end - 1].event.log_time, moved);
  batch->moves_group = consumer_group_may_move(batch->parts->group);
  if (batch->moves_group) consumer_group_add(batch->parts->group, work_transaction(batch->work), moved);
}

/* The first event of each key tells what is believed of the key; one that makes its key held tells nothing. */
static void require_held_keys(struct batch *batch, size_t end) {
  struct arena *arena = batch->context.arena;
  struct redis_arguments held = redis_arguments_empty(arena), free = redis_arguments_empty(arena);
  struct key_table *known = key_table_new(arena);
  for (size_t i = batch->done; i < end; i++) {
    const struct batch_event *slot = &batch->events[i];
    void **place = key_table_at(known, slot->key);
    if (!*place && !slot->fault) redis_add_text(&free, slot->key);
    if (!*place && slot->fault == dead_letters_follower) redis_add_text(&held, slot->key);
    *place = batch;
  }
  dead_letters_require(batch->parts->dead_letters, work_transaction(batch->work), &held, &free);
}

static void applied(struct batch *batch, const struct batch_event *slot) {
  progress_applied(batch->parts->progress, slot->stream, slot->event.id, slot->event.log_time);
}

static void committed(struct batch *batch, size_t end) {
  struct progress *progress = batch->parts->progress;
  dead_letters_committed(batch->parts->dead_letters);
  for (size_t i = batch->done; i < end; i++) {
    const struct batch_event *slot = &batch->events[i];
    applied(batch, slot);
    if (!slot->fault || slot->fault == dead_letters_follower) continue;
    log_event(LOG_ERROR, "dead-lettered an event", "stream", slot->event.stream, "entry", slot->event.id, "key",
              slot->key, "reason", slot->fault, NULL);
  }
  crash_guard_committed(batch->parts->guard, batch->alone);
  if (batch->moves_group) consumer_group_moved(batch->parts->group);
  batch->done = end;
  batch->end = batch->count;
  batch->contended = 0;
  progress_moved_to(progress, batch->events[end - 1].event.log_time);
  progress_stored(progress, progress->position.log_time);
}

/* Forgets what the present unit was about to do; its events will be handled again. */
static void discard(struct batch *batch) {
  work_discard(batch->work);
  dead_letters_discard(batch->parts->dead_letters);
  for (size_t i = batch->done; i < batch->count; i++) {
    if (batch->events[i].fault == dead_letters_follower) batch->events[i].fault = NULL;
  }
}

static struct batch_event *slot_of(struct batch *batch, const struct event *event) {
  for (size_t i = batch->done; i < batch->count; i++) {
    if (&batch->events[i].event == event) return &batch->events[i];
  }
  return NULL;
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
  struct batch_event *slot = refusal->event ? slot_of(batch, refusal->event) : NULL;
  discard(batch);
  /* Then a key is not held any more, or is held now. */
  if (!slot) return dead_letters_load(batch->parts->dead_letters, &batch->context);
  batch->end = (size_t)(slot - batch->events);
  if (batch->end == batch->done) batch->end++;
  if (batch_event_is_contended(slot, batch->context.arena, refusal)) return let_others_pass(batch, refusal->why);
  batch_event_count_refusal(slot, batch->context.arena, refusal);
  return status_ok();
}

static coroutine_fn struct status run(struct batch *batch, struct work_refusal *ret_refusal) {
  struct status status = work_commit(batch->work, ret_refusal);
  if (!status_is_ok(status)) return status;
  return fail_point("consumer.after_commit") ? lost_answer(batch, "consumer.after_commit") : status;
}

/* Runs the unit's transaction; what it sends is then told to the outbox, which need not read it. */
static coroutine_fn struct status run_and_hand_over(struct batch *batch, struct work_refusal *ret_refusal) {
  const struct redis_arguments sends = work_sends(batch->work);
  if (sends.count == 0) return run(batch, ret_refusal);
  struct outbox_list *list = outbox_known(batch->parts->outbox);
  uint64_t knowledge = outbox_list_push(list);
  struct status status = run(batch, ret_refusal);
  outbox_list_pushed(list, knowledge, status_is_ok(status), &sends);
  outbox_wake(batch->parts->outbox);
  return status;
}

/* A consumer that is behind does not wait: its next batch is there already. */
static bool may_wait(const struct batch *batch) {
  return work_writes_only_views(batch->work) && batch->count < FEW_EVENTS && batch->parts->waiters->count == 0;
}

/* Commits the events before `end`, which is at least 1, or begins the unit again. */
static coroutine_fn struct status commit(struct batch *batch, size_t end) {
  work_begin(batch->work, NULL);
  if (may_wait(batch)) work_transaction(batch->work)->patience_us = VIEWS_PATIENCE_US;
  work_close(batch->work);
  crash_guard_add_good_start(batch->parts->guard, work_transaction(batch->work));
  require_held_keys(batch, end);
  add_positions(batch, end);
  if (fail_point("consumer.before_commit")) return lost_answer(batch, "consumer.before_commit");
  struct work_refusal refusal;
  struct status status = run_and_hand_over(batch, &refusal);
  if (status_is(status, reason_work_refused)) return commit_refused(batch, &refusal);
  if (!status_is_ok(status)) return status;
  committed(batch, end);
  return status_ok();
}

/* ---- handling --------------------------------------------------------------------------------------------------- */

/* Returns true for a status that says that the event is wrong, rather than that something is away or that Redis is in
 * trouble. */
static bool blames_event(struct status status) {
  if (status_is_ok(status) || status_is_transient(status)) return false;
  return !redis_has_failed(status) && !status_is(status, reason_lease_lost);
}

static const char *fault_text(struct batch *batch, struct status status) {
  const char *reason = status_reason(status);
  if (!*reason) reason = status_code_name(status.code);
  return arena_printf(batch->context.arena, "%s: %s", reason, status.message);
}

/* Returns what the service's code has given that can't be stored or sent, or NULL. */
static const char *work_fault_text(struct batch *batch) {
  const char *fault = work_fault(batch->work);
  return fault ? arena_printf(batch->context.arena, "CHANGE_INVALID: %s", fault) : NULL;
}

static bool is_dead_letter(struct batch *batch, struct batch_event *slot) {
  if (!slot->fault && dead_letters_holds(batch->parts->dead_letters, slot->key)) slot->fault = dead_letters_follower;
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
  for (size_t i = batch->done; i < batch->end; i++) {
    struct batch_event *slot = &batch->events[i];
    const struct subscription *subscription = slot->stream->subscribed->subscription;
    if (!subscription->want || is_dead_letter(batch, slot)) continue;
    batch_event_label(slot);
    subscription->want(batch->work, &slot->event);
    struct status status = check_lease(batch, slot);
    if (!status_is_ok(status)) return status;
    if (clock_monotonic_us() >= batch->unit_end_us) batch->end = i + 1;
    slot->fault = work_fault_text(batch);
    *ret_done = !slot->fault;
    if (*ret_done) continue;
    discard(batch);
    return status_ok();
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

/* The events from `done` on that one call may handle. */
static size_t run_of(struct batch *batch, const struct event **events) {
  const struct subscribed_stream *first = batch->events[batch->done].stream->subscribed;
  size_t count = 0;
  for (size_t i = batch->done; i < batch->end; i++) {
    struct batch_event *slot = &batch->events[i];
    if (slot->stream->subscribed->run_handler != first->run_handler || is_dead_letter(batch, slot)) break;
    if (slot->single && count > 0) break;
    events[count++] = &slot->event;
    if (slot->single) break;
  }
  return count;
}

static coroutine_fn struct status handle_run(struct batch *batch) {
  struct batch_event *first = &batch->events[batch->done];
  const struct event **events = arena_calloc(batch->context.arena, batch->count, sizeof *events);
  size_t count = run_of(batch, events);
  struct status status = call_handler(batch, first, events, count);
  if (!status_is_ok(status) && !blames_event(status)) return status;
  const char *fault = status_is_ok(status) ? work_fault_text(batch) : fault_text(batch, status);
  if (fault) {
    if (count == 1) first->fault = fault;
    for (size_t i = 0; i < count; i++) first[i].single = true;
    discard(batch);
    return status_ok();
  }
  for (size_t i = 0; i < count; i++) applied(batch, &first[i]);
  progress_moved_to(batch->parts->progress, events[count - 1]->log_time);
  batch->done += count;
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
  dead_letters_add(batch->parts->dead_letters, transaction, &slot->event, slot->key, slot->fault);
  if (batch->alone) crash_guard_forget(batch->parts->guard, transaction, slot->event.id);
}

/* To be called for an event that changes an entity which an earlier one of the unit has changed: the unit ends before
 * it. */
static void end_before(struct batch *batch, struct batch_event *slot) {
  batch->end = (size_t)(slot - batch->events);
  if (batch->end > batch->done) return;
  slot->fault = "its handler changes an entity twice";
  batch->end = batch->count;
}

/* Handles one event. *ret_done is false if the unit ends here, either to be begun again or because a run was made. */
static coroutine_fn struct status handle_event(struct batch *batch, struct batch_event *slot, bool *ret_done) {
  struct status status = status_ok();
  if (batch->alone && !is_dead_letter(batch, slot)) status = begin_alone(batch, slot);
  if (!status_is_ok(status)) return status;
  if (is_dead_letter(batch, slot)) {
    add_dead_letter(batch, slot);
    return status_ok();
  }
  *ret_done = false;
  if (slot->stream->subscribed->run_handler) return handle_run(batch);
  status = call_handler(batch, slot, NULL, 0);
  if (work_conflicts(batch->work)) {
    end_before(batch, slot);
  } else if (!status_is_ok(status) && !blames_event(status)) {
    return status;
  } else {
    slot->fault = status_is_ok(status) ? work_fault_text(batch) : fault_text(batch, status);
    *ret_done = !slot->fault;
  }
  if (!*ret_done) discard(batch);
  return status_ok();
}

/* A run begins a unit of its own: what is before it must be committed first. */
static bool begins_run(struct batch *batch, size_t i) {
  return i > batch->done && batch->events[i].stream->subscribed->run_handler &&
         !is_dead_letter(batch, &batch->events[i]);
}

static coroutine_fn struct status handle_unit(struct batch *batch) {
  batch->context.deadline_us = clock_monotonic_us() + UNIT_US;
  batch->unit_end_us = clock_monotonic_us() + batch->parts->leader->lease_ms * 1000 / LEASE_PARTS;
  bool done = true;
  struct status status = want_all(batch, &done);
  if (!status_is_ok(status) || !done) return status;
  size_t i = batch->done;
  for (; i < batch->end && work_changes(batch->work) < UNIT_CHANGES && !begins_run(batch, i); i++) {
    status = handle_event(batch, &batch->events[i], &done);
    if (!status_is_ok(status) || !done) return status;
    if (clock_monotonic_us() >= batch->unit_end_us) batch->end = i + 1;
  }
  return commit(batch, i);
}

/* ---- the batch -------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status begin(struct batch *batch) {
  const struct batch_parts *parts = batch->parts;
  struct status status = crash_guard_begin(parts->guard, &batch->context, parts->leader->term.epoch);
  if (!status_is_ok(status)) return status;
  batch->alone = parts->guard->alone_left > 0;
  take_events(batch, batch->alone ? 1 : BATCH_EVENTS);
  if (batch->count > 0 && fail_point("consumer.after_read")) return lost_answer(batch, "consumer.after_read");
  const struct work_options options = {.store = parts->store,
                                       .context = &batch->context,
                                       .user = parts->user,
                                       .epoch = parts->leader->term.epoch_text,
                                       .outbox = parts->route};
  batch->work = work_new(&options);
  return status_ok();
}

static void finish(struct batch *batch) {
  for (size_t i = 0; i < batch->count; i++) read_entry_release(&batch->events[i].read);
  if (batch->alone) batch->parts->guard->alone_left -= batch->count;
  batch->parts->progress->events += batch->count;
}

coroutine_fn struct status batch_handle(const struct batch_parts *parts, struct arena *arena, size_t *ret_events) {
  *ret_events = 0;
  if (stream_reader_held(parts->reader) == 0) return status_ok();
  struct batch batch = {.parts = parts, .context = leader_context(parts->leader, arena_new(), UNIT_US)};
  struct status status = begin(&batch);
  while (status_is_ok(status) && batch.done < batch.count) status = handle_unit(&batch);
  bool notes_left = batch.count > 0 && crash_guard_has_notes(parts->guard); /* if there were only runs */
  if (status_is_ok(status) && notes_left) status = commit(&batch, batch.count);
  if (status_is_ok(status)) finish(&batch);
  label_set(NULL); /* its texts are the batch's */
  if (status_is_ok(status)) *ret_events = batch.count;
  status = status_copy(status, arena);
  arena_free(batch.context.arena);
  return status;
}
