/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/batch_event.h"

#include "base/reason.h"
#include "consumer/dead_letters.h"
#include "loop/label.h"
#include "redis/redis_reply.h"

enum {
  REFUSALS_MAX = 10,
  ENTITIES_MAX = 10, /* so many may be in the way of an event for the first time and are believed to be contended */
};

void batch_event_take(struct batch_event *slot, struct arena *arena, struct progress_stream *stream,
                      struct read_entry read) {
  const struct subscribed_stream *subscribed = stream->subscribed;
  slot->stream = stream;
  slot->read = read;
  struct status status =
      event_decode(arena, subscribed->name, subscribed->subscription->entity, read.entry, &slot->event);
  if (status_is_ok(status)) {
    batch_event_label(slot);
    slot->key = subscribed_stream_key(subscribed, &slot->event);
  } else {
    slot->key = DEAD_LETTERS_UNDECODABLE;
    slot->fault = status.message;
  }
  slot->event.log_time = read.log_time;
}

void batch_event_label(const struct batch_event *slot) {
  label_set(&(struct label){.kind = "event",
                            .name = slot->stream->subscribed->name,
                            .entry = slot->event.id,
                            .key = slot->key,
                            .ids = {.event_id = slot->event.event_id, .traceparent = slot->event.traceparent}});
}

/* By OpenTelemetry's semantic conventions for messaging. */
void batch_event_begin_span(struct batch_event *slot, struct arena *arena) {
  if (slot->span) return;
  const char *producer = slot->event.traceparent;
  slot->span = span_begin(SPAN_CONSUMER, "process", arena, &slot->event.traceparent);
  if (!slot->span) return;
  span_name(slot->span, "process ", slot->event.stream, NULL);
  span_link(slot->span, producer);
  span_text(slot->span, "messaging.system", "redis");
  span_text(slot->span, "messaging.operation.type", "process");
  span_text(slot->span, "messaging.operation.name", "process");
  span_text(slot->span, "messaging.destination.name", slot->event.stream);
  span_text(slot->span, "messaging.message.id", slot->event.id);
}

void batch_event_end_span(struct batch_event *slot, const char *failure) {
  if (failure) span_fail(slot->span, failure);
  span_end(slot->span);
  slot->span = NULL;
}

/* Others are quicker if the handler has met what was there when this entity was in the way the last time, and by now
 * the entity has changed again. At an entity's first time that can't be told, and is believed, unless there is another
 * one in the way each time. A handler that is at fault must not hold up all other events. */
bool batch_event_is_contended(struct batch_event *slot, struct arena *arena, const struct work_refusal *refusal) {
  if (!refusal->entity || refusal->actual <= refusal->version) return false;
  if (!slot->moved) slot->moved = key_table_new(arena);
  void **place = key_table_at(slot->moved, refusal->entity);
  bool first = !*place;
  if (first) *place = arena_calloc(arena, 1, sizeof(int64_t));
  int64_t *version = *place, before = *version;
  *version = refusal->actual;
  return first ? slot->entities++ < ENTITIES_MAX : refusal->version >= before;
}

void batch_event_count_refusal(struct batch_event *slot, struct arena *arena, const struct work_refusal *refusal) {
  if (++slot->refusals == REFUSALS_MAX) slot->fault = arena_printf(arena, "WORK_REFUSED: %s", refusal->why);
}

bool batch_event_is_blamed(struct status status) {
  if (status_is_ok(status) || status_is_transient(status)) return false;
  return !redis_has_failed(status) && !status_is(status, reason_lease_lost);
}

const char *batch_event_fault(struct arena *arena, struct status status) {
  const char *reason = status_reason(status);
  if (!*reason) reason = status_code_name(status.code);
  return arena_printf(arena, "%s: %s", reason, status.message);
}
