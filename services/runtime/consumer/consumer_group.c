/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer_group.h"

#include <stdio.h>

#include "base/clock.h"
#include "consumer/lease.h"
#include "loop/fail_point.h"

enum { BEHIND_US = 100000 };

struct group_stream {
  bool fresh;                      /* not moved in this term yet */
  char at[ENTRY_ID_SIZE];          /* "": unknown */
  size_t applied_count, gap_count; /* those of the progress when it was moved there */
  bool moves;                      /* by the transaction that is under way */
};

struct consumer_group consumer_group_of(struct progress *progress, struct arena *arena) {
  size_t count = progress->stream_count;
  return (struct consumer_group){.progress = progress,
                                 .streams = arena_calloc(arena, count, sizeof(struct group_stream)),
                                 .next = arena_calloc(arena, count, sizeof(struct group_stream))};
}

void consumer_group_begin(struct consumer_group *group) {
  for (size_t i = 0; i < group->progress->stream_count; i++) {
    const struct progress_stream *stream = &group->progress->streams[i];
    struct group_stream *at = &group->streams[i];
    *at = (struct group_stream){.fresh = true, .applied_count = stream->applied_count, .gap_count = stream->gap_count};
    snprintf(at->at, sizeof at->at, "%s", stream->applied);
  }
}

/* Whether the stream has a group of the service. */
static bool has_group(const struct progress *progress, size_t stream) {
  return !progress->logs[progress->streams[stream].log].is_foreign;
}

static bool is_behind(const struct consumer_group *group, size_t stream) {
  const struct group_stream *at = &group->streams[stream];
  if (!has_group(group->progress, stream)) return false;
  return at->fresh || at->applied_count != group->progress->streams[stream].applied_count;
}

int64_t consumer_group_due_us(const struct consumer_group *group) {
  for (size_t i = 0; i < group->progress->stream_count; i++) {
    if (is_behind(group, i)) return group->moved_us + BEHIND_US;
  }
  return INT64_MAX;
}

bool consumer_group_may_move(const struct consumer_group *group) {
  return clock_monotonic_us() - group->moved_us >= BEHIND_US;
}

/* Where a stream's group will be: at what has been applied, or, if that comes with the transaction, at `moved`. */
static struct group_stream next_of(const struct group_stream *at, const struct progress_stream *stream,
                                   const struct stream_move *moved) {
  struct group_stream next = {.applied_count = stream->applied_count, .gap_count = stream->gap_count};
  if (moved) next.applied_count += moved->count;
  snprintf(next.at, sizeof next.at, "%s", moved && moved->last ? moved->last : stream->applied);
  next.moves = at->fresh || at->applied_count != next.applied_count;
  return next;
}

void consumer_group_add(struct consumer_group *group, struct transaction *transaction,
                        const struct stream_move *moved) {
  const struct progress *progress = group->progress;
  struct arena *arena = transaction->arena;
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (!has_group(progress, i)) continue;
    const struct group_stream *at = &group->streams[i];
    struct group_stream next = next_of(at, &progress->streams[i], moved ? &moved[i] : NULL);
    group->next[i] = next;
    if (!next.moves) continue;
    /* After a gap nobody knows how many entries lie between, so Redis counts anew. */
    const char *from = at->gap_count == next.gap_count ? arena_strdup(arena, at->at) : "";
    transaction_move_group(transaction, progress->streams[i].key, progress->store->service,
                           arena_strdup(arena, next.at), from, next.applied_count - at->applied_count);
  }
}

void consumer_group_moved(struct consumer_group *group) {
  for (size_t i = 0; i < group->progress->stream_count; i++) {
    if (!group->next[i].moves) continue;
    group->streams[i] = group->next[i];
    group->streams[i].moves = false;
  }
  group->moved_us = clock_monotonic_us();
}

/* ---- alone ------------------------------------------------------------------------------------------------------ */

static struct status lost_answer(struct arena *arena, const char *where) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_fail_point, "the fail point %s", where);
}

coroutine_fn struct status consumer_group_store(struct consumer_group *group, struct context *context, bool begins) {
  struct progress *progress = group->progress;
  struct event_store *store = progress->store;
  struct transaction transaction = transaction_of(store, context->arena);
  transaction.frees = begins;
  transaction_require_value(&transaction, lease_epoch_key(store, context->arena), progress->leader->term.epoch_text);
  bool moves_log = progress_is_unstored(progress);
  if (moves_log) progress_add(progress, &transaction, NULL, NULL);
  consumer_group_add(group, &transaction, NULL);
  if (fail_point("consumer.before_store")) return lost_answer(context->arena, "consumer.before_store");
  struct transaction_result result;
  struct status status = transaction_run(&transaction, context, &result);
  if (!status_is_ok(status)) return status;
  if (fail_point("consumer.after_store")) return lost_answer(context->arena, "consumer.after_store");
  if (result.outcome != TRANSACTION_DONE) return lease_lost(context->arena);
  consumer_group_moved(group);
  if (moves_log) progress_stored(progress);
  return status_ok();
}
