/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "consumer/consumer_parts.h"

/* What one read brought; lives until its last entry is handled. */
struct read_batch {
  struct arena *arena;
  size_t waiting; /* entries not handled yet */
  struct read_batch *next, **at;
};

/* A read asks for as many entries of each stream as this is good for, by the size of those that came last. */
static const size_t READ_BYTES = 2 * 1024 * 1024;
enum { FIRST_COUNT = 64, LEAST_COUNT = 16 };

static struct read_batch *batch_new(struct consumer *consumer) {
  struct read_batch *batch = memory_calloc(1, sizeof *batch);
  batch->arena = arena_new();
  batch->next = consumer->batches;
  batch->at = &consumer->batches;
  if (batch->next) batch->next->at = &batch->next;
  consumer->batches = batch;
  return batch;
}

static void batch_free(struct read_batch *batch) {
  *batch->at = batch->next;
  if (batch->next) batch->next->at = batch->at;
  arena_free(batch->arena);
  free(batch);
}

void incoming_release(struct incoming *incoming) {
  if (--incoming->batch->waiting == 0) batch_free(incoming->batch);
}

void consumer_read_end(struct consumer *consumer) {
  // batch_free takes its batch out of the list. NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
  while (consumer->batches) batch_free(consumer->batches);
  event_merge_free(consumer->merge);
  consumer->merge = NULL;
}

void consumer_read_begin(struct consumer *consumer) {
  consumer_read_end(consumer);
  consumer->merge = event_merge_new(consumer->stream_count, PAGE_EVENTS);
  consumer->read_count = FIRST_COUNT;
  for (size_t i = 0; i < consumer->stream_count; i++) {
    struct consumer_stream *stream = &consumer->streams[i];
    memcpy(stream->read_to, stream->applied, sizeof stream->read_to);
  }
}

/* XREAD, not XREADGROUP: a replica that was stopped and wakes up after its lease would take entries out of the group
 * that its successor then never sees. What has been applied is told by the stored positions; the group follows them. */
static struct redis_arguments read_command(const struct consumer *consumer, struct arena *arena, const bool *asked) {
  struct redis_arguments command = redis_command_of(arena, "XREAD", "COUNT", NULL);
  redis_add_number(&command, (int64_t)consumer->read_count);
  redis_add_text(&command, "STREAMS");
  for (size_t i = 0; i < consumer->stream_count; i++) {
    if (asked[i]) redis_add_text(&command, consumer->streams[i].key);
  }
  for (size_t i = 0; i < consumer->stream_count; i++) {
    if (asked[i]) redis_add_text(&command, consumer->streams[i].read_to);
  }
  return command;
}

static void add_entries(struct consumer *consumer, size_t stream, struct read_batch *batch,
                        const struct redis_reply *entries) {
  struct incoming *incoming = arena_calloc(batch->arena, entries->count, sizeof *incoming);
  const char *id = NULL;
  for (size_t i = 0; i < entries->count; i++) {
    incoming[i] = (struct incoming){.batch = batch, .entry = entries->elements[i]};
    id = redis_reply_text(redis_reply_at(entries->elements[i], 0));
    event_merge_add(consumer->merge, stream, log_time_of_entry(id), &incoming[i]);
  }
  batch->waiting += entries->count;
  if (id) snprintf(consumer->streams[stream].read_to, ENTRY_ID_SIZE, "%s", id);
}

static size_t stream_of(const struct consumer *consumer, const char *key) {
  size_t i = 0;
  while (i + 1 < consumer->stream_count && strcmp(consumer->streams[i].key, key) != 0) i++;
  return i;
}

static void adapt_count(struct consumer *consumer, size_t bytes, size_t entries) {
  if (entries == 0) return;
  size_t count = READ_BYTES * entries / bytes;
  if (count < LEAST_COUNT) count = LEAST_COUNT;
  consumer->read_count = count < PAGE_EVENTS ? count : PAGE_EVENTS;
}

struct status consumer_read(struct consumer *consumer, bool *ret_full) {
  struct read_batch *batch = batch_new(consumer);
  struct context context = consumer_context(consumer, batch->arena, CALL_US);
  bool *asked = arena_calloc(batch->arena, consumer->stream_count, sizeof *asked);
  bool *full = arena_calloc(batch->arena, consumer->stream_count, sizeof *full);
  for (size_t i = 0; i < consumer->stream_count; i++) asked[i] = event_merge_wants(consumer->merge, i);

  struct redis_arguments command = read_command(consumer, batch->arena, asked);
  const struct redis_reply *reply = NULL;
  size_t before = arena_used(batch->arena);
  struct status status = redis_command(consumer->store->reads, &context, &command, &reply);
  if (!status_is_ok(status)) return status;

  *ret_full = false;
  for (size_t i = 0; i < reply->count; i++) {
    const struct redis_reply *entries = redis_reply_at(redis_reply_at(reply, i), 1);
    size_t stream = stream_of(consumer, redis_reply_text(redis_reply_at(redis_reply_at(reply, i), 0)));
    add_entries(consumer, stream, batch, entries);
    full[stream] = entries->count >= consumer->read_count;
    *ret_full = *ret_full || full[stream];
  }
  event_merge_read_done(consumer->merge, asked, full);
  adapt_count(consumer, arena_used(batch->arena) - before, batch->waiting);
  if (batch->waiting == 0) batch_free(batch);
  return status_ok();
}

/* Asks for one entry behind what was read, only to be woken: what came is read again, without blocking. */
static struct redis_arguments block_command(const struct consumer *consumer, struct arena *arena, int64_t ms) {
  struct redis_arguments command = redis_command_of(arena, "XREAD", "COUNT", "1", "BLOCK", NULL);
  redis_add_number(&command, ms);
  redis_add_text(&command, "STREAMS");
  for (size_t i = 0; i < consumer->stream_count; i++) redis_add_text(&command, consumer->streams[i].key);
  for (size_t i = 0; i < consumer->stream_count; i++) redis_add_text(&command, consumer->streams[i].read_to);
  return command;
}

struct status consumer_block(struct consumer *consumer, int64_t ms, bool *ret_in_time) {
  int64_t begin_us = clock_monotonic_us();
  struct context context = consumer_context(consumer, arena_new(), ms * 1000 + CALL_US);
  struct redis_arguments command = block_command(consumer, context.arena, ms);
  const struct redis_reply *reply;
  consumer->blocked = true;
  struct status status = redis_command_blocking(consumer->store->blocking, &context, &command, ms, &reply);
  consumer->blocked = false;
  *ret_in_time = clock_monotonic_us() - begin_us < ms * 1000;
  status = status_copy(status, consumer->round_arena);
  arena_free(context.arena);
  return status;
}
