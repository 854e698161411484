/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "consumer/consumer_parts.h"
#include "consumer/work_page.h"
#include "loop/fail_point.h"
#include "loop/label.h"
#include "store/known_log.h"

enum {
  LEASE_PARTS = 3, /* a part of a page ends when it has taken such a part of the lease, so that the lease is renewed */
  /* A transaction with more changes would hold up Redis; the part of the page before it is committed then. */
  PART_CHANGES = 400,
  /* A handler is run again when its commit is refused: a command may have changed its entity meanwhile. */
  COMMIT_TRIES = 10,
};

struct page_event {
  struct event event;
  struct consumer_stream *stream;
  struct incoming *incoming;
  const char *key;
  const char *refusal; /* why it is parked; NULL: it is handled */
  bool single;         /* its run was refused: find out which event is at fault */
  int tries;           /* commits of its that were refused */
};

/* events[0 .. done-1] are committed or will be by the last commit of the page; a part ends before `end` at the latest.
 */
struct page {
  struct consumer *consumer;
  struct context context;
  struct work *work;
  struct page_event *events;
  size_t count, done, end;
  int64_t part_end_us; /* when the present part has taken long enough */
  bool alone;          /* one event, around whose handler notes are made */
  bool uncommitted;    /* a run has moved its streams, `log` is still to follow */
};

/* ---- taking ----------------------------------------------------------------------------------------------------- */

/* For whoever must tell what the service is at: its code sees the event now. */
static void label_event(const struct page_event *slot) {
  label_set(&(struct label){
      .kind = "event", .name = slot->stream->subscribed->name, .entry = slot->event.id, .key = slot->key});
}

static void decode(struct page *page, struct page_event *slot) {
  const struct subscribed_stream *subscribed = slot->stream->subscribed;
  struct status status = event_decode(page->context.arena, subscribed->name, subscribed->subscription->entity,
                                      slot->incoming->entry, &slot->event);
  if (status_is_ok(status)) {
    label_event(slot);
    slot->key = subscribed_stream_key(subscribed, &slot->event);
  } else {
    slot->key = PARKING_KEY_UNDECODABLE;
    slot->refusal = status.message;
  }
}

static void take_events(struct page *page, size_t most) {
  struct consumer *consumer = page->consumer;
  struct merge_entry entry;
  size_t stream;
  page->events = arena_calloc(page->context.arena, most, sizeof *page->events);
  while (page->count < most && event_merge_next(consumer->merge, &entry, &stream)) {
    struct page_event *slot = &page->events[page->count++];
    slot->stream = &consumer->streams[stream];
    slot->incoming = entry.value;
    decode(page, slot);
    slot->event.log_time = entry.log_time;
  }
  page->end = page->count;
}

/* ---- committing ------------------------------------------------------------------------------------------------- */

static void note_applied(struct consumer *consumer, const struct page_event *slot) {
  struct consumer_stream *stream = slot->stream;
  known_log_applied(consumer->store->known, stream->key, slot->event.id);
  stream->position = slot->event.log_time;
  snprintf(stream->applied, ENTRY_ID_SIZE, "%s", slot->event.id);
  stream->group_behind++;
}

/* Positions that the events before `end` lead to. */
static void add_positions(struct page *page, size_t end) {
  struct consumer *consumer = page->consumer;
  struct arena *arena = page->context.arena;
  const char **last = arena_calloc(arena, consumer->stream_count, sizeof *last);
  for (size_t i = page->done; i < end; i++) {
    last[page->events[i].stream - consumer->streams] = page->events[i].event.id;
  }
  struct redis_arguments fields = redis_arguments_empty(arena);
  redis_add_text(&fields, "epoch");
  redis_add_text(&fields, consumer->position.epoch);
  redis_add_text(&fields, "log");
  int64_t log = page->events[end - 1].event.log_time;
  redis_add_text(&fields, log_time_text(arena, log > consumer->position.log_time ? log : consumer->position.log_time));
  for (size_t i = 0; i < consumer->stream_count; i++) {
    if (!last[i]) continue;
    redis_add_text(&fields, consumer->streams[i].subscribed->name);
    redis_add_text(&fields, last[i]);
  }
  transaction_set_fields(work_transaction(page->work), consumer->position_key, &fields);
}

static void committed(struct page *page, size_t end) {
  struct consumer *consumer = page->consumer;
  parking_committed(consumer->parking);
  for (size_t i = page->done; i < end; i++) {
    const struct page_event *slot = &page->events[i];
    note_applied(consumer, slot);
    if (!slot->refusal) continue;
    consumer->figures.parked++;
    if (slot->refusal == parking_follower) continue;
    log_event(LOG_ERROR, "parked an event", "stream", slot->event.stream, "entry", slot->event.id, "key", slot->key,
              "reason", slot->refusal, NULL);
  }
  consumer->starts_counted = false;
  if (page->alone) consumer->attempt_left[0] = '\0';
  page->done = end;
  page->end = page->count;
  page->uncommitted = false;
  consumer_moved_to(consumer, page->events[end - 1].event.log_time);
  consumer->stored_log = consumer->position.log_time;
  consumer->stored_us = clock_monotonic_us();
}

static struct status lost_answer(struct page *page, const char *where) {
  return status_error(page->context.arena, STATUS_UNAVAILABLE, "FAIL_POINT", "the fail point %s", where);
}

/* Forgets what the present part was about to do; its events will be handled again. */
static void discard(struct page *page) {
  work_discard(page->work);
  parking_discard(page->consumer->parking);
  for (size_t i = page->done; i < page->count; i++) {
    if (page->events[i].refusal == parking_follower) page->events[i].refusal = NULL;
  }
}

/* The first event of each key tells what is believed of the key; one that parks its key itself believes nothing. */
static void require_parking(struct page *page, size_t end) {
  struct arena *arena = page->context.arena;
  struct redis_arguments held = redis_arguments_empty(arena), free = redis_arguments_empty(arena);
  struct key_table *known = key_table_new(arena);
  for (size_t i = page->done; i < end; i++) {
    const struct page_event *slot = &page->events[i];
    void **place = key_table_at(known, slot->key);
    if (!*place && !slot->refusal) redis_add_text(&free, slot->key);
    if (!*place && slot->refusal == parking_follower) redis_add_text(&held, slot->key);
    *place = page;
  }
  parking_require(page->consumer->parking, work_transaction(page->work), &held, &free);
}

static struct page_event *slot_of(struct page *page, const struct event *event) {
  for (size_t i = page->done; i < page->count; i++) {
    if (&page->events[i].event == event) return &page->events[i];
  }
  return NULL;
}

/* Nothing was written: the part is begun again, without the event that can't be committed. */
static struct status commit_refused(struct page *page, const struct work_refusal *refusal) {
  struct page_event *slot = refusal->event ? slot_of(page, refusal->event) : NULL;
  discard(page);
  if (!slot) return parking_load(page->consumer->parking, &page->context); /* it is not as it was read last */
  page->end = (size_t)(slot - page->events);
  if (page->end == page->done) page->end++;
  if (++slot->tries < COMMIT_TRIES) return status_ok();
  slot->refusal = arena_printf(page->context.arena, "WORK_REFUSED: %s", refusal->why);
  return status_ok();
}

/* Commits the events before `end`, which is at least 1, or begins the part again. */
static struct status commit(struct page *page, size_t end) {
  struct consumer *consumer = page->consumer;
  work_begin(page->work, NULL);
  add_positions(page, end);
  alone_commit(consumer, work_transaction(page->work));
  require_parking(page, end);
  bool sends = work_sends(page->work) > 0;
  if (fail_point("consumer.before_commit")) return lost_answer(page, "consumer.before_commit");
  struct work_refusal refusal;
  struct status status = work_commit(page->work, &refusal);
  if (strcmp(status_reason(status), "WORK_REFUSED") == 0) return commit_refused(page, &refusal);
  if (!status_is_ok(status)) return status;
  if (fail_point("consumer.after_commit")) return lost_answer(page, "consumer.after_commit");
  committed(page, end);
  if (sends) outbox_wake(consumer->outbox);
  return status_ok();
}

/* ---- handling --------------------------------------------------------------------------------------------------- */

/* True for what says that the event is wrong, rather than that something is away or that Redis has a trouble. */
static bool is_refusal(struct status status) {
  if (status_is_ok(status) || status_is_transient(status)) return false;
  return strncmp(status_reason(status), "REDIS_", 6) != 0 && strcmp(status_reason(status), "LEASE_LOST") != 0;
}

static const char *refusal_text(struct page *page, struct status status) {
  const char *reason = status_reason(status);
  if (!*reason) reason = status_code_name(status.code);
  return arena_printf(page->context.arena, "%s: %s", reason, status.message);
}

/* Parks the event for what its handler has given, if that can't be stored or sent. */
static bool refuse_fault(struct page *page, struct page_event *slot) {
  const char *fault = work_fault(page->work);
  if (!fault) return false;
  slot->refusal = arena_printf(page->context.arena, "CHANGE_INVALID: %s", fault);
  discard(page);
  return true;
}

static bool is_parked(struct page *page, struct page_event *slot) {
  if (!slot->refusal && parking_holds(page->consumer->parking, slot->key)) {
    slot->refusal = parking_follower;
  }
  return slot->refusal != NULL;
}

/* Whether the service's code, given the event, kept everything else from running until the lease was over: then another
 * replica would do the same, and this one again. The event counts as one that ended the process (consumer_alone.c). */
static struct status check_lease(struct page *page, const struct page_event *slot) {
  struct consumer *consumer = page->consumer;
  if (label_stood_us() == 0 || clock_monotonic_us() < consumer->lease_until_us) return status_ok();
  struct status status = alone_blame(consumer, &page->context, slot->event.id, page->alone);
  return status_is_ok(status) ? work_lease_lost(page->work) : status;
}

/* *ret_done false: the part is to be begun again, without an event whose want is at fault. */
static struct status want_all(struct page *page, bool *ret_done) {
  for (size_t i = page->done; i < page->end; i++) {
    struct page_event *slot = &page->events[i];
    if (!slot->stream->subscribed->subscription->want || is_parked(page, slot)) continue;
    label_event(slot);
    slot->stream->subscribed->subscription->want(page->work, &slot->event);
    struct status status = check_lease(page, slot);
    if (!status_is_ok(status)) return status;
    if (clock_monotonic_us() >= page->part_end_us) page->end = i + 1;
    *ret_done = !refuse_fault(page, slot);
    if (!*ret_done) return status_ok();
  }
  return work_fetch(page->work);
}

/* Notes an event that runs alone; one that ended the process too often is refused. */
static struct status begin_alone(struct page *page, struct page_event *slot) {
  int64_t attempts;
  struct status status = alone_attempt(page->consumer, &page->context, slot->event.id, &attempts);
  if (status_is_ok(status) && attempts > ALONE_ATTEMPTS)
    slot->refusal = "ended the process or outlasted its lease three times";
  return status;
}

static struct status apply(struct page *page, struct page_event *slot) {
  label_event(slot);
  work_begin(page->work, &slot->event);
  struct status status = subscribed_stream_handle(slot->stream->subscribed, page->work, &slot->event);
  struct status held = check_lease(page, slot);
  if (!status_is_ok(held)) return held;
  if (!page->alone) return status;
  struct status over = alone_over(page->consumer, &page->context, slot->event.id);
  return status_is_ok(over) ? status : over;
}

/* Ends the present part before `slot`, which conflicts with an earlier change of the part. */
static void end_before(struct page *page, struct page_event *slot) {
  page->end = (size_t)(slot - page->events);
  if (page->end == page->done) {
    slot->refusal = "its handler changes an entity twice";
    page->end = page->count;
  }
  discard(page);
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

/* The events from `done` on that one call may handle. */
static size_t run_of(struct page *page, const struct event **events) {
  const struct subscribed_stream *first = page->events[page->done].stream->subscribed;
  size_t count = 0;
  for (size_t i = page->done; i < page->end; i++) {
    struct page_event *slot = &page->events[i];
    if (slot->stream->subscribed->run_handler != first->run_handler || is_parked(page, slot)) break;
    if (slot->single && count > 0) break;
    events[count++] = &slot->event;
    if (slot->single) break;
  }
  return count;
}

static void run_refused(struct page *page, size_t count, const char *why) {
  struct page_event *first = &page->events[page->done];
  if (count == 1) first->refusal = why;
  for (size_t i = 0; i < count; i++) first[i].single = true;
}

static struct status apply_run(struct page *page) {
  struct page_event *first = &page->events[page->done];
  const struct event **events = arena_calloc(page->context.arena, page->count, sizeof *events);
  size_t count = run_of(page, events);
  label_event(first);
  work_begin(page->work, &first->event);
  struct status status = first->stream->subscribed->run_handler(page->work, events, count);
  struct status held = check_lease(page, first);
  if (!status_is_ok(held)) return held;
  if (page->alone) {
    struct status over = alone_over(page->consumer, &page->context, first->event.id);
    if (!status_is_ok(over)) return over;
  }
  if (is_refusal(status)) {
    run_refused(page, count, refusal_text(page, status));
    return status_ok();
  }
  if (!status_is_ok(status)) return status;
  if (work_fault(page->work)) {
    run_refused(page, count, arena_printf(page->context.arena, "CHANGE_INVALID: %s", work_fault(page->work)));
    discard(page);
    return status_ok();
  }
  for (size_t i = 0; i < count; i++) note_applied(page->consumer, &first[i]);
  consumer_moved_to(page->consumer, events[count - 1]->log_time);
  page->done += count;
  page->uncommitted = true;
  return status_ok();
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

/* Handles one event. *ret_done false: the part ends here, either to be begun again or because a run was made. */
static struct status handle(struct page *page, struct page_event *slot, bool *ret_done) {
  *ret_done = true;
  struct status status = status_ok();
  if (page->alone && !is_parked(page, slot)) status = begin_alone(page, slot);
  if (!status_is_ok(status)) return status;
  if (is_parked(page, slot)) {
    work_begin(page->work, NULL);
    parking_add(page->consumer->parking, work_transaction(page->work), &slot->event, slot->key, slot->refusal);
    if (page->alone)
      transaction_remove_field(work_transaction(page->work), page->consumer->attempts_key, slot->event.id);
    return status_ok();
  }
  if (slot->stream->subscribed->run_handler) {
    *ret_done = false;
    return apply_run(page);
  }
  status = apply(page, slot);
  if (work_conflicts(page->work)) {
    *ret_done = false;
    end_before(page, slot);
    return status_ok();
  }
  if (status_is_ok(status)) {
    *ret_done = !refuse_fault(page, slot);
    return status_ok();
  }
  if (!is_refusal(status)) return status;
  *ret_done = false;
  slot->refusal = refusal_text(page, status);
  discard(page);
  return status_ok();
}

/* A run begins a part of its own: what is before it must be committed first. */
static bool begins_run(struct page *page, size_t i) {
  return i > page->done && page->events[i].stream->subscribed->run_handler && !is_parked(page, &page->events[i]);
}

static struct status handle_part(struct page *page) {
  page->context.deadline_us = clock_monotonic_us() + CALL_US;
  page->part_end_us = clock_monotonic_us() + page->consumer->lease.lease_ms * 1000 / LEASE_PARTS;
  bool done = true;
  struct status status = want_all(page, &done);
  if (!status_is_ok(status) || !done) return status;
  size_t i = page->done;
  for (; i < page->end && work_changes(page->work) < PART_CHANGES && !begins_run(page, i); i++) {
    status = handle(page, &page->events[i], &done);
    if (!status_is_ok(status) || !done) return status;
    if (clock_monotonic_us() >= page->part_end_us) page->end = i + 1;
  }
  return commit(page, i);
}

static struct status handle_all(struct page *page) {
  struct status status = status_ok();
  while (status_is_ok(status) && page->done < page->count) status = handle_part(page);
  if (status_is_ok(status) && page->uncommitted) status = commit(page, page->count);
  return status;
}

static struct work *page_work(struct page *page) {
  struct consumer *consumer = page->consumer;
  struct work_options options = {.store = consumer->store,
                                 .context = &page->context,
                                 .user = consumer->options.user,
                                 .epoch = consumer->epoch,
                                 .outbox = consumer->options.outbox};
  return work_new(&options);
}

/* Takes and handles a page; its arena is the caller's. */
static struct status make_page(struct page *page) {
  struct consumer *consumer = page->consumer;
  struct status status = alone_begin(consumer, &page->context);
  if (!status_is_ok(status)) return status;
  page->alone = consumer->alone_left > 0;
  take_events(page, page->alone ? 1 : PAGE_EVENTS);
  if (page->count == 0) return status_ok();
  if (fail_point("consumer.after_read")) return lost_answer(page, "consumer.after_read");
  page->work = page_work(page);
  status = handle_all(page);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < page->count; i++) incoming_release(page->events[i].incoming);
  if (page->alone) consumer->alone_left -= page->count;
  consumer->figures.events += page->count;
  consumer->figures.pages++;
  return status_ok();
}

struct status consumer_page(struct consumer *consumer, size_t *ret_events) {
  if (event_merge_held(consumer->merge) == 0) {
    *ret_events = 0;
    return status_ok();
  }
  struct page page = {.consumer = consumer};
  page.context = consumer_context(consumer, arena_new(), CALL_US);
  struct status status = make_page(&page);
  label_set(NULL); /* its texts are the page's */
  if (status_is_ok(status)) *ret_events = page.count;
  status = status_copy(status, consumer->round_arena);
  arena_free(page.context.arena);
  return status;
}
