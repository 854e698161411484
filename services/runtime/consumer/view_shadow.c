/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/view_shadow.h"

#include <string.h>

#include "base/log.h"
#include "consumer/batch_event.h"
#include "consumer/projection.h"
#include "consumer/view_source.h"
#include "consumer/work_commit.h"
#include "loop/label.h"

enum { PAGE_EVENTS = 128 };
static const size_t PAGE_BYTES = 1 << 20; /* of memory: a page that has used so much takes no more events */

struct view_shadow {
  struct view_shadow_options options;
  struct view_source *source;
  const struct progress_stream **streams; /* the consumer's, by the source's numbers */
  size_t stream_count;
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

static void list_streams(struct view_shadow *shadow) {
  const struct progress *progress = shadow->options.progress;
  bool projected = is_projected(shadow);
  for (size_t i = 0; i < progress->stream_count; i++) {
    const struct progress_stream *stream = &progress->streams[i];
    bool feeds = projected ? is_projection(stream->subscribed->subscription, shadow->options.view)
                           : !stream->subscribed->run_handler;
    if (feeds) shadow->streams[shadow->stream_count++] = stream;
  }
}

struct view_shadow *view_shadow_new(struct arena *arena, const struct view_shadow_options *options) {
  const struct progress *progress = options->progress;
  struct view_shadow *shadow = arena_calloc(arena, 1, sizeof *shadow);
  shadow->options = *options;
  shadow->streams = arena_calloc(arena, progress->stream_count + 1, sizeof(*shadow->streams));
  list_streams(shadow);
  shadow->source = view_source_new(arena, progress, shadow->streams, shadow->stream_count, options->archived);
  return shadow;
}

coroutine_fn void view_shadow_free(struct view_shadow *shadow) {
  if (shadow) view_source_free(shadow->source);
}

coroutine_fn struct status view_shadow_check(const struct view_shadow *shadow, struct context *context,
                                             int64_t *ret_events) {
  return view_source_check(shadow->source, context, ret_events);
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
    const struct read_entry *next = view_source_next(shadow->source);
    if (!next) return false;
    if (!is_handled(shadow, next)) return true;
    batch_event_take(&page->events[page->count++], page->context->arena,
                     (struct progress_stream *)shadow->streams[next->stream], *next);
    view_source_take(shadow->source);
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
    view_source_release(&slot->read);
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
  bool at_end;
  struct status status = view_source_read(shadow->source, context, &at_end);
  if (!status_is_ok(status)) return status;
  *ret_caught_up = take_events(page) || at_end;
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
