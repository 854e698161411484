/* SPDX-License-Identifier: Apache-2.0 */
/* Span: one piece of work within a trace, as OpenTelemetry has it: when it began and ended, what it was, and what
 * became of it.
 *
 *   const char *traceparent = event->traceparent;
 *   struct span *span = span_begin(SPAN_CLIENT, "settle coupon", arena, &traceparent);
 *   span_text(span, "coupon.kind", kind);
 *   ... what is done for it bears `traceparent` ...
 *   span_end(span);
 *
 * NULL is a span that nobody records, which all functions take: so it is where traces are off, where the trace is not
 * sampled, and where too many spans are open. Ended ones wait in a queue of bounded length for who exports them
 * (rpc/span_exporter.h); one that finds no place there is dropped, and counted.
 * Threads: the loop's. Lifetime: until span_end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/traceparent.h"
#include "trace/sampler.h"

enum {
  SPANS_QUEUED_MAX = 2048,
  SPANS_OPEN_MAX = 4096,
  SPAN_BATCH = 512, /* so many wake who exports them */
  SPAN_ATTRIBUTES = 12,
  SPAN_TEXT_BYTES = 640, /* for its name and all texts of its attributes */
};

/* The numbers are OTLP's. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER };

struct span_attribute {
  const char *key;  /* static memory */
  const char *text; /* NULL: it is the number */
  int64_t number;
};

/* To be read by who exports it. */
struct span {
  struct trace_ids ids;
  unsigned char parent[8];
  bool has_parent, has_link, failed;
  enum span_kind kind;
  const char *name, *failure;
  int64_t began_us, ended_us; /* clock_monotonic_us */
  struct trace_ids link;
  struct span_attribute attributes[SPAN_ATTRIBUTES];
  size_t attribute_count, dropped_attributes;
  size_t used;
  char texts[SPAN_TEXT_BYTES];
  struct span *next;
};

/* Begins a span of the trace that *traceparent is of; `name` is static memory. *traceparent becomes the span's own, in
 * the arena, and stays as it is where NULL is returned, as for one that is not valid. */
struct span *span_begin(enum span_kind kind, const char *name, struct arena *arena, const char **traceparent);

/* Does the same for what comes from outside: where *traceparent is none, a trace begins, of which the sampler says
 * whether it is recorded. *traceparent then tells others that, too. */
struct span *span_begin_trace(enum span_kind kind, const char *name, struct arena *arena, const char **traceparent);

/* Names it, by up to three texts, one after another; NULL ends them. They are copied. */
void span_name(struct span *span, const char *first, const char *second, const char *third);

/* Says when it has begun, if that was earlier (clock_monotonic_us). */
void span_began(struct span *span, int64_t began_us);

/* Adds an attribute: `key` is static memory, the text is copied; NULL adds none. */
void span_text(struct span *span, const char *key, const char *text);
void span_number(struct span *span, const char *key, int64_t number);

/* Says which other span it follows from, of which there is one; what is not valid is none. */
void span_link(struct span *span, const char *traceparent);

/* Says that it failed, and why, for people; NULL says no reason. */
void span_fail(struct span *span, const char *why);

/* Puts it into the queue. It must not be used any more. */
void span_end(struct span *span);

/* ---- who exports them ------------------------------------------------------------------------------------------- */

/* Starts recording, on this thread; `wake` is called when a batch is ready. */
void spans_start(const struct sampler *sampler, void (*wake)(void *argument), void *argument);

/* Stops it, and frees what is queued. Spans that are open may still be ended. */
void spans_stop(void);

/* Returns whether spans are recorded on this thread. */
bool spans_are_on(void);

/* Takes up to `max` ended spans off the queue, the oldest first: a list by `next`. NULL means none. */
struct span *spans_take(size_t max, size_t *ret_count);

/* Gives them back, whatever has become of them. */
void spans_release(struct span *spans);

enum span_drop { SPAN_DROP_QUEUE_FULL, SPAN_DROP_UNREACHABLE, SPAN_DROP_REJECTED, SPAN_DROPS };

/* Counts spans that nobody will see. */
void spans_count_dropped(enum span_drop why, size_t count);
