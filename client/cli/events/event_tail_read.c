/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client/cli/events/event_tail_parts.h"
#include "store/position_store.h"

/* What one read brought; lives until its last entry is shown. */
struct tail_batch {
  struct arena *arena;
  size_t waiting;
};

struct tail_entry {
  struct tail_batch *batch;
  const struct redis_reply *entry;
};

static void release(struct tail_entry *entry) {
  struct tail_batch *batch = entry->batch;
  if (--batch->waiting > 0) return;
  arena_free(batch->arena);
  free(batch);
}

/* The merge has a fixed number of streams: new ones come in when nothing is held. */
static void take_in_streams(struct event_tail *tail) {
  bool changed = tail->merged != tail->stream_count;
  if (tail->merge && (!changed || event_merge_held(tail->merge) > 0)) return;
  event_merge_free(tail->merge);
  tail->merge = event_merge_new(tail->stream_count, TAIL_PAGE);
  tail->merged = tail->stream_count;
}

/* XREAD's list of streams and where they were read to; all, or those that are asked. */
static void add_streams(const struct event_tail *tail, const bool *asked, struct redis_arguments *command) {
  redis_add_text(command, "STREAMS");
  for (size_t i = 0; i < tail->merged; i++) {
    if (!asked || asked[i]) redis_add_text(command, tail->streams[i].key);
  }
  for (size_t i = 0; i < tail->merged; i++) {
    if (!asked || asked[i]) redis_add_text(command, tail->streams[i].read_to);
  }
}

static size_t stream_of(const struct event_tail *tail, const char *key) {
  size_t i = 0;
  while (i + 1 < tail->merged && strcmp(tail->streams[i].key, key) != 0) i++;
  return i;
}

static void add_entries(struct event_tail *tail, size_t stream, struct tail_batch *batch,
                        const struct redis_reply *entries) {
  struct tail_entry *held = arena_calloc(batch->arena, entries->count, sizeof(*held));
  for (size_t i = 0; i < entries->count; i++) {
    const char *id = redis_reply_text(redis_reply_at(entries->elements[i], 0));
    held[i] = (struct tail_entry){.batch = batch, .entry = entries->elements[i]};
    event_merge_add(tail->merge, stream, position_of_entry(id), &held[i]);
    snprintf(tail->streams[stream].read_to, sizeof(tail->streams[stream].read_to), "%s", id);
  }
  batch->waiting += entries->count;
}

static struct status read_batch(struct event_tail *tail, struct tail_batch *batch, bool *ret_more) {
  struct context context = {.arena = batch->arena, .deadline_us = clock_monotonic_us() + TAIL_CALL_US};
  bool *asked = arena_calloc(batch->arena, tail->merged, sizeof(*asked));
  bool *full = arena_calloc(batch->arena, tail->merged, sizeof(*full));
  for (size_t i = 0; i < tail->merged; i++) asked[i] = event_merge_wants(tail->merge, i);
  struct redis_arguments command = redis_command_of(batch->arena, "XREAD", "COUNT", NULL);
  redis_add_number(&command, TAIL_PAGE);
  add_streams(tail, asked, &command);
  const struct redis_reply *reply;
  struct status status = redis_command(tail->redis, &context, &command, &reply);
  if (!status_is_ok(status)) return status_copy(status, tail->arena);
  for (size_t i = 0; i < reply->count; i++) {
    const struct redis_reply *of_stream = redis_reply_at(reply, i), *entries = redis_reply_at(of_stream, 1);
    size_t stream = stream_of(tail, redis_reply_text(redis_reply_at(of_stream, 0)));
    add_entries(tail, stream, batch, entries);
    full[stream] = entries->count >= TAIL_PAGE;
    *ret_more = *ret_more || full[stream];
  }
  event_merge_read_done(tail->merge, asked, full);
  return status_ok();
}

static void show_what_is_in_order(struct event_tail *tail) {
  const struct event_tail_options *options = tail->options;
  struct merge_entry next;
  size_t stream;
  while (!tail->ended && event_merge_next(tail->merge, &next, &stream)) {
    struct tail_entry *entry = next.value;
    tail->ended = !options->show(options->argument, tail->streams[stream].name, entry->entry);
    release(entry);
  }
}

struct status tail_read(struct event_tail *tail, bool *ret_more) {
  take_in_streams(tail);
  struct tail_batch *batch = memory_calloc(1, sizeof(*batch));
  batch->arena = arena_new();
  batch->waiting = 1; /* until it has been read */
  bool more = false;
  struct status status = read_batch(tail, batch, &more);
  struct tail_entry reading = {.batch = batch};
  release(&reading);
  if (!status_is_ok(status)) return status;
  show_what_is_in_order(tail);
  *ret_more = more || event_merge_held(tail->merge) > 0;
  return status_ok();
}

/* Releases what was read and will not be shown. */
void tail_read_end(struct event_tail *tail) {
  if (!tail->merge) return;
  bool *read = memory_calloc(tail->merged + 1, sizeof(*read)), *full = memory_calloc(tail->merged + 1, sizeof(*full));
  for (size_t i = 0; i < tail->merged; i++) read[i] = true; /* and none is full: all that is held comes out */
  event_merge_read_done(tail->merge, read, full);
  struct merge_entry next;
  size_t stream;
  while (event_merge_next(tail->merge, &next, &stream)) release(next.value);
  event_merge_free(tail->merge);
  tail->merge = NULL;
  free(read);
  free(full);
}

/* Asks for one entry, only to be woken: a block is answered with the first stream that has something, though an earlier
 * entry may be in another. */
struct status tail_block(struct event_tail *tail, int64_t ms) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + ms * 1000 + TAIL_CALL_US};
  struct redis_arguments command = redis_command_of(context.arena, "XREAD", "COUNT", "1", "BLOCK", NULL);
  redis_add_number(&command, ms);
  add_streams(tail, NULL, &command);
  const struct redis_reply *reply;
  struct status status = redis_command_blocking(tail->redis, &context, &command, ms, &reply);
  status = status_copy(status, tail->arena);
  arena_free(context.arena);
  return status;
}
