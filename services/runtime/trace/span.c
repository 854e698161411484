/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/span.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/random_bytes.h"

static const struct metric dropped_metric = {.name = "trace_spans_dropped_total",
                                             .help = "Spans that were recorded and never came to a collector.",
                                             .kind = METRIC_COUNTER,
                                             .labels = {"reason"}};
static const char *const drop_names[SPAN_DROPS] = {
    [SPAN_DROP_QUEUE_FULL] = "queue_full", [SPAN_DROP_UNREACHABLE] = "unreachable", [SPAN_DROP_REJECTED] = "rejected"};

/* What one thread records. */
struct recorder {
  struct sampler sampler;
  void (*wake)(void *argument);
  void *argument;
  uint64_t *dropped; /* [SPAN_DROPS] */
  struct span *first, *last;
  size_t queued, open;
};

static _Thread_local struct recorder *recorder;

/* ---- recording -------------------------------------------------------------------------------------------------- */

static struct span *span_new(enum span_kind kind, const char *name) {
  unsigned char random[RANDOM_BYTES];
  if (recorder->open >= SPANS_OPEN_MAX || !random_bytes(random)) {
    spans_count_dropped(SPAN_DROP_QUEUE_FULL, 1);
    return NULL;
  }
  struct span *span = memory_alloc(sizeof *span);
  memset(span, 0, offsetof(struct span, texts));
  memcpy(span->ids.span, random, sizeof span->ids.span);
  span->ids.sampled = true;
  span->kind = kind;
  span->name = name;
  span->began_us = clock_monotonic_us();
  span->next = NULL;
  recorder->open++;
  return span;
}

static struct span *begin_child(enum span_kind kind, const char *name, const struct trace_ids *parent,
                                struct arena *arena, const char **traceparent) {
  if (!parent->sampled) return NULL;
  struct span *span = span_new(kind, name);
  if (!span) return NULL;
  memcpy(span->ids.trace, parent->trace, sizeof parent->trace);
  memcpy(span->parent, parent->span, sizeof parent->span);
  span->has_parent = true;
  *traceparent = traceparent_text(arena, &span->ids);
  return span;
}

struct span *span_begin(enum span_kind kind, const char *name, struct arena *arena, const char **traceparent) {
  struct trace_ids parent;
  if (!recorder || !traceparent_parse(*traceparent, &parent)) return NULL;
  return begin_child(kind, name, &parent, arena, traceparent);
}

/* The id of a span that is not recorded means nothing, but there has to be one. */
static bool new_ids(struct trace_ids *ids) {
  unsigned char random[RANDOM_BYTES];
  if (!random_bytes(ids->trace) || !random_bytes(random)) return false;
  memcpy(ids->span, random, sizeof ids->span);
  ids->sampled = sampler_takes(&recorder->sampler, ids);
  return true;
}

struct span *span_begin_trace(enum span_kind kind, const char *name, struct arena *arena, const char **traceparent) {
  struct trace_ids ids;
  if (!recorder) return NULL;
  if (traceparent_parse(*traceparent, &ids)) return begin_child(kind, name, &ids, arena, traceparent);
  if (!new_ids(&ids)) return NULL;
  struct span *span = ids.sampled ? span_new(kind, name) : NULL;
  if (span) {
    span->ids = ids;
  } else {
    ids.sampled = false;
  }
  *traceparent = traceparent_text(arena, &ids);
  return span;
}

/* ---- what it tells ---------------------------------------------------------------------------------------------- */

/* Copies as much as there is room for; a letter of several bytes is not cut. */
static const char *keep_text(struct span *span, const char *text) {
  size_t length = strlen(text), room = SPAN_TEXT_BYTES - span->used;
  if (room == 0) return "";
  if (length > room - 1) {
    length = room - 1;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) length--;
  }
  char *kept = memcpy(span->texts + span->used, text, length);
  kept[length] = '\0';
  span->used += length + 1;
  return kept;
}

void span_name(struct span *span, const char *first, const char *second, const char *third) {
  if (!span) return;
  span->name = keep_text(span, first);
  span->used -= second != NULL; /* the next part begins at its end */
  if (second) keep_text(span, second);
  span->used -= second && third;
  if (second && third) keep_text(span, third);
}

void span_began(struct span *span, int64_t began_us) {
  if (span) span->began_us = began_us;
}

static void add_attribute(struct span *span, struct span_attribute attribute) {
  if (span->attribute_count == SPAN_ATTRIBUTES) {
    span->dropped_attributes++;
  } else {
    span->attributes[span->attribute_count++] = attribute;
  }
}

void span_text(struct span *span, const char *key, const char *text) {
  if (span && text) add_attribute(span, (struct span_attribute){.key = key, .text = keep_text(span, text)});
}

void span_number(struct span *span, const char *key, int64_t number) {
  if (span) add_attribute(span, (struct span_attribute){.key = key, .number = number});
}

void span_link(struct span *span, const char *traceparent) {
  if (span) span->has_link = traceparent_parse(traceparent, &span->link);
}

void span_fail(struct span *span, const char *why) {
  if (!span) return;
  span->failed = true;
  span->failure = keep_text(span, why ? why : "");
}

/* ---- the queue -------------------------------------------------------------------------------------------------- */

void span_end(struct span *span) {
  if (!span) return;
  span->ended_us = clock_monotonic_us();
  if (recorder) recorder->open--;
  if (!recorder || recorder->queued == SPANS_QUEUED_MAX) {
    free(span);
    spans_count_dropped(SPAN_DROP_QUEUE_FULL, 1);
    return;
  }
  *(recorder->last ? &recorder->last->next : &recorder->first) = span;
  recorder->last = span;
  if (++recorder->queued == SPAN_BATCH) recorder->wake(recorder->argument);
}

struct span *spans_take(size_t max, size_t *ret_count) {
  struct span *first = recorder ? recorder->first : NULL, *last = NULL;
  size_t count = 0;
  for (struct span *span = first; span && count < max; span = span->next, count++) last = span;
  *ret_count = count;
  if (count == 0) return NULL;
  recorder->first = last->next;
  if (!recorder->first) recorder->last = NULL;
  recorder->queued -= count;
  last->next = NULL;
  return first;
}

void spans_release(struct span *spans) {
  while (spans) {
    struct span *next = spans->next;
    free(spans);
    spans = next;
  }
}

void spans_count_dropped(enum span_drop why, size_t count) {
  if (recorder) recorder->dropped[why] += count;
}

bool spans_are_on(void) {
  return recorder != NULL;
}

void spans_start(const struct sampler *sampler, void (*wake)(void *argument), void *argument) {
  recorder = memory_calloc(1, sizeof *recorder);
  *recorder = (struct recorder){.sampler = *sampler,
                                .wake = wake,
                                .argument = argument,
                                .dropped = metric_counters(&dropped_metric, NULL, drop_names, SPAN_DROPS)};
}

void spans_stop(void) {
  if (!recorder) return;
  spans_release(recorder->first);
  free(recorder);
  recorder = NULL;
}
