/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/cli/events/event_tail_parts.h"
#include "client/cli/events/event_text.h"

enum { SCAN_AGAIN_US = 2000000 };

static bool is_known(const struct event_tail *tail, const char *name) {
  for (size_t i = 0; i < tail->stream_count; i++) {
    if (strcmp(tail->streams[i].name, name) == 0) return true;
  }
  return false;
}

static void add_stream(struct event_tail *tail, const char *name) {
  if (is_known(tail, name)) return;
  if (tail->stream_count == tail->stream_capacity) {
    size_t capacity = tail->stream_capacity ? 2 * tail->stream_capacity : 32;
    struct tailed_stream *streams = arena_calloc(tail->arena, capacity, sizeof(*streams));
    if (tail->streams) memcpy(streams, tail->streams, tail->stream_count * sizeof(*streams));
    tail->streams = streams;
    tail->stream_capacity = capacity;
  }
  struct tailed_stream *stream = &tail->streams[tail->stream_count++];
  stream->name = arena_strdup(tail->arena, name);
  stream->key = redis_key(tail->redis, tail->arena, "events:%s", name);
  snprintf(stream->read_to, sizeof(stream->read_to), "%s", tail->begin);
}

void tail_name_streams(struct event_tail *tail) {
  const struct event_tail_options *options = tail->options;
  for (size_t i = 0; i < options->stream_count; i++) add_stream(tail, options->streams[i]);
  if (options->stream_count > 0) return;
  const char *name;
  for (size_t i = 0; (name = event_stream_known(tail->arena, i)); i++) add_stream(tail, name);
}

/* The prefix may hold characters that mean something in a pattern. */
static const char *pattern_of(const struct event_tail *tail, struct arena *arena) {
  const char *prefix = redis_key_prefix(tail->redis);
  char *pattern = arena_alloc(arena, 2 * strlen(prefix) + sizeof("events:*"));
  char *end = pattern;
  for (const char *at = prefix; *at; at++) {
    if (strchr("*?[]\\", *at)) *end++ = '\\';
    *end++ = *at;
  }
  memcpy(end, "events:*", sizeof("events:*"));
  return pattern;
}

struct status tail_scan_step(struct event_tail *tail) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + TAIL_CALL_US};
  const char *cursor = tail->scan_cursor ? tail->scan_cursor : "0";
  struct redis_arguments scan = redis_command_of(
      context.arena, "SCAN", cursor, "MATCH", pattern_of(tail, context.arena), "COUNT", "1000", "TYPE", "stream", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(tail->redis, &context, &scan, &reply);
  if (status_is_ok(status)) {
    size_t skip = strlen(redis_key_prefix(tail->redis)) + strlen("events:");
    const struct redis_reply *keys = redis_reply_at(reply, 1);
    for (size_t i = 0; keys && i < keys->count; i++) {
      const char *key = redis_reply_text(redis_reply_at(keys, i));
      if (key && strlen(key) > skip) add_stream(tail, key + skip);
    }
    const char *next = redis_reply_text(redis_reply_at(reply, 0));
    bool over = !next || strcmp(next, "0") == 0;
    tail->scan_cursor = over ? NULL : arena_strdup(tail->arena, next);
    if (over) tail->scanned_us = clock_monotonic_us();
  }
  status = status_copy(status, tail->arena);
  arena_free(context.arena);
  return status;
}

bool tail_scan_is_due(const struct event_tail *tail) {
  if (tail->options->stream_count > 0) return false;
  return tail->scan_cursor || clock_monotonic_us() - tail->scanned_us >= SCAN_AGAIN_US;
}
