/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/view_shadow.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/reason.h"
#include "consumer/batch_event.h"
#include "consumer/projection.h"
#include "consumer/work_commit.h"
#include "loop/label.h"
#include "store/logs_reader.h"
#include "store/stream_look.h"

enum { PAGE_EVENTS = 128 };
static const size_t PAGE_BYTES = 1 << 20; /* of memory: a page that has used so much takes no more events */

struct view_shadow {
  struct view_shadow_options options;
  struct logs_reader *reader;
  const struct progress_stream **streams; /* the consumer's, by the reader's numbers */
  size_t stream_count;
  struct event_store **stores; /* of the reader's logs */
  size_t log_count;
  struct read_entry next; /* read, but not handled by the consumer yet */
  bool has_next;
  int64_t events, left_out;
};

/* ---- which events ----------------------------------------------------------------------------------------------- */

static bool is_projection(const struct subscription *subscription, const struct view *view) {
  return subscription->projection && strcmp(subscription->projection->name, view->name) == 0;
}

static bool is_projected(const struct view_shadow *shadow) {
  const struct progress *progress = shadow->options.progress;
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (is_projection(progress->streams[i].subscribed->subscription, shadow->options.view)) return true;
  }
  return false;
}

static size_t number_of_log(struct view_shadow *shadow, struct event_store *store) {
  size_t i = 0;
  while (i < shadow->log_count && shadow->stores[i] != store) i++;
  if (i == shadow->log_count) shadow->stores[shadow->log_count++] = store;
  return i;
}

static void list_streams(struct view_shadow *shadow) {
  const struct progress *progress = shadow->options.progress;
  bool projected = is_projected(shadow);
  for (size_t i = 0; i < progress->stream_count; i++) {
    const struct progress_stream *stream = &progress->streams[i];
    bool feeds = projected ? is_projection(stream->subscribed->subscription, shadow->options.view)
                           : !stream->subscribed->run_handler;
    if (!feeds) continue;
    shadow->streams[shadow->stream_count++] = stream;
    number_of_log(shadow, progress->logs[stream->log].store);
  }
}

struct view_shadow *view_shadow_new(struct arena *arena, const struct view_shadow_options *options) {
  const struct progress *progress = options->progress;
  struct view_shadow *shadow = arena_calloc(arena, 1, sizeof *shadow);
  shadow->options = *options;
  shadow->streams = arena_calloc(arena, progress->stream_count + 1, sizeof(*shadow->streams));
  shadow->stores = arena_calloc(arena, progress->log_count + 1, sizeof(*shadow->stores));
  list_streams(shadow);
  shadow->reader = logs_reader_new(shadow->stores, shadow->log_count);
  for (size_t i = 0; i < shadow->stream_count; i++) {
    const struct progress_stream *stream = shadow->streams[i];
    logs_reader_add(shadow->reader, number_of_log(shadow, progress->logs[stream->log].store), stream->key, "0-0");
  }
  return shadow;
}

coroutine_fn void view_shadow_free(struct view_shadow *shadow) {
  if (!shadow) return;
  if (shadow->has_next) read_entry_release(&shadow->next);
  logs_reader_free(shadow->reader);
}

/* ---- whether they are all there --------------------------------------------------------------------------------- */

static struct status trimmed(struct arena *arena, const struct progress_stream *stream,
                             const struct stream_sight *sight) {
  const char *name = stream->subscribed->name;
  if (!sight->exists) {
    return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_gap,
                        "the view can't be built from the log: the stream %s is gone, of which %s was applied", name,
                        stream->applied);
  }
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_gap,
                      "the view can't be built from the log: %" PRId64 " of %" PRId64
                      " entries of the stream %s were removed; it now begins at %s",
                      sight->added - sight->length, sight->added, name, *sight->first ? sight->first : "its end");
}

static struct status check_stream(struct arena *arena, const struct progress_stream *stream,
                                  const struct stream_sight *sight) {
  bool whole = sight->exists ? sight->added == sight->length : strcmp(stream->applied, "0-0") == 0;
  return whole ? status_ok() : trimmed(arena, stream, sight);
}

/* In another service's Redis this one may call no function. */
static coroutine_fn struct status look_at(const struct progress *progress, const struct progress_stream *stream,
                                          struct context *context, const struct stream_sight **ret_sight) {
  const struct progress_log *log = &progress->logs[stream->log];
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  redis_add_text(&keys, stream->key);
  return log->is_foreign ? streams_look_plainly(log->store, context, &keys, ret_sight)
                         : streams_look(log->store, context, &keys, false, ret_sight);
}

coroutine_fn struct status view_shadow_check(const struct view_shadow *shadow, struct context *context,
                                             int64_t *ret_events) {
  *ret_events = 0;
  for (size_t i = 0; i < shadow->stream_count; i++) {
    const struct progress_stream *stream = shadow->streams[i];
    const struct stream_sight *sight;
    struct status status = look_at(shadow->options.progress, stream, context, &sight);
    if (status_is_ok(status)) status = check_stream(context->arena, stream, sight);
    if (!status_is_ok(status)) return status;
    *ret_events += sight->length;
  }
  return status_ok();
}

/* ---- a page ----------------------------------------------------------------------------------------------------- */

struct page {
  struct view_shadow *shadow;
  struct context *context;
  struct work *work;
  struct batch_event events[PAGE_EVENTS];
  size_t count;
};

/* The consumer handles entries in the same order, so behind the first one that it has not handled there is none that it
 * has. */
static bool is_handled(const struct view_shadow *shadow, const struct read_entry *read) {
  return read->log_time <= shadow->streams[read->stream]->position;
}

/* Takes what the consumer has handled of what was read. Returns whether that has come to its end. */
static bool take_events(struct page *page) {
  struct view_shadow *shadow = page->shadow;
  while (page->count < PAGE_EVENTS && arena_used(page->context->arena) < PAGE_BYTES) {
    if (!shadow->has_next && !logs_reader_next(shadow->reader, &shadow->next)) return false;
    shadow->has_next = true;
    if (!is_handled(shadow, &shadow->next)) return true;
    struct batch_event *slot = &page->events[page->count++];
    batch_event_take(slot, page->context->arena, (struct progress_stream *)shadow->streams[shadow->next.stream],
                     shadow->next);
    shadow->has_next = false;
  }
  return false;
}

static void begin_work(struct page *page) {
  const struct view_shadow *shadow = page->shadow;
  const struct work_options options = {.store = shadow->options.progress->store,
                                       .context = page->context,
                                       .user = shadow->options.user,
                                       .epoch = shadow->options.progress->leader->term.epoch_text,
                                       .views = shadow->options.views,
                                       .outbox = shadow->options.outbox,
                                       .shadow = true};
  page->work = work_new(&options);
}

static coroutine_fn struct status want_all(struct page *page) {
  for (size_t i = 0; i < page->count; i++) {
    struct batch_event *slot = &page->events[i];
    const struct subscription *subscription = slot->stream->subscribed->subscription;
    if (!subscription->want || slot->fault) continue;
    batch_event_label(slot);
    subscription->want(page->work, &slot->event);
    slot->fault = work_fault(page->work);
    if (slot->fault) begin_work(page);
  }
  return work_fetch(page->work);
}

static coroutine_fn struct status call_handler(struct page *page, struct batch_event *slot) {
  const struct subscribed_stream *subscribed = slot->stream->subscribed;
  batch_event_label(slot);
  work_begin(page->work, &slot->event);
  if (subscribed->handler) return subscribed->handler(page->work, &slot->event);
  projection_keep(page->work, subscribed->subscription->projection, &slot->event);
  return status_ok();
}

/* *ret_done is false if an event has turned out to leave nothing: then the page is begun again, without it. */
static coroutine_fn struct status handle_all(struct page *page, bool *ret_done) {
  begin_work(page);
  *ret_done = true;
  struct status status = want_all(page);
  for (size_t i = 0; i < page->count && status_is_ok(status); i++) {
    struct batch_event *slot = &page->events[i];
    if (slot->fault) continue;
    status = call_handler(page, slot);
    if (!status_is_ok(status) && !batch_event_is_blamed(status)) return status;
    slot->fault = status_is_ok(status) ? work_fault(page->work) : batch_event_fault(page->context->arena, status);
    *ret_done = !slot->fault;
    if (slot->fault) return status_ok();
  }
  return status;
}

static coroutine_fn struct status store_views(struct page *page) {
  const struct leader *leader = page->shadow->options.progress->leader;
  struct arena *arena = page->context->arena;
  struct transaction transaction = transaction_of(leader->store, arena);
  transaction_require_value(&transaction, lease_epoch_key(leader->store, arena), leader->term.epoch_text);
  work_write_views(page->work, &transaction);
  if (transaction.changes.count == 0) return status_ok();
  struct transaction_result result;
  struct status status = transaction_run(&transaction, page->context, &result);
  if (!status_is_ok(status) || result.outcome == TRANSACTION_DONE) return status;
  return lease_lost(arena);
}

static void finish(struct page *page) {
  struct view_shadow *shadow = page->shadow;
  for (size_t i = 0; i < page->count; i++) {
    const struct batch_event *slot = &page->events[i];
    if (slot->fault) {
      shadow->left_out++;
      log_event(LOG_WARN, "a rebuild leaves out an event", "stream", slot->event.stream, "entry", slot->event.id,
                "reason", slot->fault, NULL);
    }
    read_entry_release(&slot->read);
  }
  shadow->events += (int64_t)page->count;
}

static coroutine_fn struct status apply(struct page *page) {
  if (page->count == 0) return status_ok();
  bool done = false;
  struct status status = status_ok();
  while (status_is_ok(status) && !done) status = handle_all(page, &done);
  if (status_is_ok(status)) status = store_views(page);
  label_set(NULL);
  if (status_is_ok(status)) finish(page);
  return status;
}

/* What the consumer has handled lay in Redis when it was read, so a read that begins now finds all of it. */
static coroutine_fn struct status apply_next(struct view_shadow *shadow, struct context *context, bool *ret_caught_up) {
  struct page *page = arena_calloc(context->arena, 1, sizeof *page);
  page->shadow = shadow;
  page->context = context;
  bool reads = !shadow->has_next && !logs_reader_has_next(shadow->reader), more = true;
  struct status status = reads ? logs_reader_read(shadow->reader, context, &more) : status_ok();
  if (!status_is_ok(status)) return status;
  *ret_caught_up = take_events(page);
  if (reads && !more && !shadow->has_next && logs_reader_is_caught_up(shadow->reader)) *ret_caught_up = true;
  return apply(page);
}

coroutine_fn struct status view_shadow_step(struct view_shadow *shadow, struct context *context, bool *ret_caught_up) {
  struct context own = *context;
  own.arena = arena_new();
  struct status status = status_copy(apply_next(shadow, &own, ret_caught_up), context->arena);
  arena_free(own.arena);
  return status;
}

/* ---- how far it is ---------------------------------------------------------------------------------------------- */

int64_t view_shadow_events(const struct view_shadow *shadow) {
  return shadow->events;
}

int64_t view_shadow_left_out(const struct view_shadow *shadow) {
  return shadow->left_out;
}

size_t view_shadow_add_places(const struct view_shadow *shadow, struct redis_arguments *places) {
  for (size_t i = 0; i < shadow->stream_count; i++) {
    redis_add_text(places, shadow->streams[i]->subscribed->name);
    redis_add_text(places, shadow->streams[i]->applied);
  }
  return shadow->stream_count;
}
