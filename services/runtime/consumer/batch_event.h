/* SPDX-License-Identifier: Apache-2.0 */
/* Batch event: one of the events of a batch (batch.h), and what has become of it so far. Memory: the batch's arena.
 * Belongs to the consumer's coroutine. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/key_table.h"
#include "consumer/progress.h"
#include "consumer/work_commit.h"
#include "store/event.h"
#include "store/stream_reader.h"
#include "trace/span.h"

struct batch_event {
  struct event event;
  struct progress_stream *stream;
  struct read_entry read;
  const char *key;
  const char *fault;       /* why it is dead-lettered; NULL if it is handled */
  bool single;             /* its run was refused: it will show which event is at fault */
  struct key_table *moved; /* int64_t: the version that an entity in the way of its commit had then */
  int entities;            /* in that table */
  int refusals;            /* how often its commit was refused, apart from contention */
  struct span *span;       /* NULL until it is handled, and when that has ended; or if nobody records it */
};

/* Makes it of an entry. One that can't be decoded gets the key DEAD_LETTERS_UNDECODABLE and a fault. */
void batch_event_take(struct batch_event *slot, struct arena *arena, struct progress_stream *stream,
                      struct read_entry read);

/* For messages that must tell what the service is doing: its code handles the event now. */
void batch_event_label(const struct batch_event *slot);

/* Begins its span, unless it has one: a child of the span that has appended the event, and linked to it. What the event
 * leads to bears the span's traceparent. */
void batch_event_begin_span(struct batch_event *slot, struct arena *arena);

/* Ends it; `failure` is NULL if the event's effects are committed. */
void batch_event_end_span(struct batch_event *slot, const char *failure);

/* Returns whether its commit was refused since others were quicker, which it is not to blame for: to be asked once a
 * refusal. */
bool batch_event_is_contended(struct batch_event *slot, struct arena *arena, const struct work_refusal *refusal);

/* Counts any other refusal; after ten the event has a fault. */
void batch_event_count_refusal(struct batch_event *slot, struct arena *arena, const struct work_refusal *refusal);

/* Returns whether a handler's status says that the event is wrong, rather than that something is away or that Redis has
 * failed; and the fault that the event has then. */
bool batch_event_is_blamed(struct status status);
const char *batch_event_fault(struct arena *arena, struct status status);
