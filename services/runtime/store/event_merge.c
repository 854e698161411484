/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_merge.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What one stream gave and is not handed out yet: entries[first .. first + count - 1], oldest first. */
struct held_stream {
  struct merge_entry *entries;
  size_t first, count, capacity;
  int64_t last; /* log time of the latest entry ever added */
  bool complete;
};

struct event_merge {
  struct held_stream *streams;
  size_t stream_count, page_size;
  size_t held;
  int64_t read_to;   /* everything up to it had been read when all streams were complete last */
  int64_t watermark; /* INT64_MAX: they are, as of the latest read */
  bool reading;      /* entries were added since the last read_done: the watermark says nothing about them */
};

struct event_merge *event_merge_new(size_t stream_count, size_t page_size) {
  struct event_merge *merge = memory_calloc(1, sizeof(*merge));
  merge->streams = memory_calloc(stream_count, sizeof(*merge->streams));
  merge->stream_count = stream_count;
  merge->page_size = page_size;
  merge->watermark = stream_count > 0 ? INT64_MIN : INT64_MAX;
  return merge;
}

void event_merge_free(struct event_merge *merge) {
  if (!merge) return;
  for (size_t i = 0; i < merge->stream_count; i++) free(merge->streams[i].entries);
  free(merge->streams);
  free(merge);
}

bool event_merge_wants(const struct event_merge *merge, size_t stream) {
  return merge->streams[stream].count < merge->page_size;
}

/* Makes room for one more after the held ones, by moving them to the array's start where enough has been handed out
 * there. */
static void make_room(struct held_stream *stream) {
  if (stream->first + stream->count < stream->capacity) return;
  if (stream->first >= stream->count && stream->first > 0) {
    memcpy(stream->entries, stream->entries + stream->first, stream->count * sizeof(*stream->entries));
    stream->first = 0;
    return;
  }
  stream->capacity = stream->capacity ? stream->capacity * 2 : 64;
  stream->entries = memory_realloc(stream->entries, stream->capacity * sizeof(*stream->entries));
}

void event_merge_add(struct event_merge *merge, size_t stream, int64_t log_time, void *value) {
  struct held_stream *held = &merge->streams[stream];
  make_room(held);
  held->entries[held->first + held->count++] = (struct merge_entry){.log_time = log_time, .value = value};
  held->last = log_time;
  merge->held++;
  merge->reading = true;
}

void event_merge_read_done(struct event_merge *merge, const bool *read, const bool *full) {
  int64_t last = 0;
  merge->watermark = INT64_MAX;
  merge->reading = false;
  for (size_t i = 0; i < merge->stream_count; i++) {
    struct held_stream *stream = &merge->streams[i];
    stream->complete = read[i] && !full[i];
    if (stream->last > last) last = stream->last;
    if (!stream->complete && stream->last < merge->watermark) merge->watermark = stream->last;
  }
  if (merge->watermark == INT64_MAX) merge->read_to = last;
  if (merge->watermark < merge->read_to) merge->watermark = merge->read_to;
}

int64_t event_merge_read_to(const struct event_merge *merge, int64_t clock) {
  if (merge->watermark < INT64_MAX) return merge->watermark > 0 ? merge->watermark : 0;
  return clock > merge->read_to ? clock : merge->read_to;
}

bool event_merge_next(struct event_merge *merge, struct merge_entry *ret_entry, size_t *ret_stream) {
  if (merge->reading || merge->held == 0) return false;
  size_t earliest = merge->stream_count;
  int64_t earliest_time = INT64_MAX;
  for (size_t i = 0; i < merge->stream_count; i++) {
    const struct held_stream *stream = &merge->streams[i];
    if (stream->count == 0 || stream->entries[stream->first].log_time >= earliest_time) continue;
    earliest = i;
    earliest_time = stream->entries[stream->first].log_time;
  }
  if (earliest == merge->stream_count || earliest_time > merge->watermark) return false;
  struct held_stream *stream = &merge->streams[earliest];
  *ret_entry = stream->entries[stream->first++];
  *ret_stream = earliest;
  if (--stream->count == 0) stream->first = 0;
  merge->held--;
  return true;
}

bool event_merge_is_caught_up(const struct event_merge *merge) {
  if (merge->held > 0) return false;
  for (size_t i = 0; i < merge->stream_count; i++) {
    if (!merge->streams[i].complete) return false;
  }
  return true;
}

size_t event_merge_held(const struct event_merge *merge) {
  return merge->held;
}
