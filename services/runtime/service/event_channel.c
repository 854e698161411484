/* SPDX-License-Identifier: Apache-2.0 */
#include "service/event_channel.h"

#include <ordershop/v1/event.pb-c.h>

#include "base/clock.h"
#include "store/event.h"
#include "store/log_time.h"

/* The consumer waits for a page, so that one takes no long time. */
enum { PAGE_EVENTS = 500, PAGE_US = 2000000 };

static const char *text_or_null(const char *text) {
  return *text ? text : NULL;
}

/* An entry without an entity has none that could be decoded, either. */
static struct archived_event event_of(struct arena *arena, const Ordershop__V1__Event *told) {
  const struct event event = {.id = told->entry,
                              .event_id = text_or_null(told->event_id),
                              .entity_bytes = told->entity_bytes.len > 0 ? told->entity_bytes.data : NULL,
                              .entity_size = told->entity_bytes.len,
                              .cause = text_or_null(told->cause),
                              .attempt_id = text_or_null(told->attempt_id),
                              .traceparent = text_or_null(told->traceparent)};
  return (struct archived_event){
      .stream = told->stream, .log_time = log_time_of_entry(told->entry), .entry = event_entry(arena, &event)};
}

/* A page has all events that have the log time of its last one. */
static struct archived_page page_of(struct arena *arena, const struct archived_range *range,
                                    const Ordershop__V1__ReadEventsResponse *told) {
  struct archived_event *events = arena_calloc(arena, told->n_events + 1, sizeof *events);
  for (size_t i = 0; i < told->n_events; i++) events[i] = event_of(arena, told->events[i]);
  bool is_last = !*told->next_page_token || told->n_events == 0;
  return (struct archived_page){.events = events,
                                .count = told->n_events,
                                .told_to = is_last ? range->until : events[told->n_events - 1].log_time};
}

static coroutine_fn struct status read_page(void *argument, struct context *context, const struct archived_range *range,
                                            struct archived_page *ret_page) {
  struct context own = *context;
  int64_t soon_us = clock_monotonic_us() + PAGE_US;
  if (soon_us < own.deadline_us) own.deadline_us = soon_us;
  Ordershop__V1__ReadEventsRequest request = ORDERSHOP__V1__READ_EVENTS_REQUEST__INIT;
  request.streams = (char **)range->streams;
  request.n_streams = range->stream_count;
  request.after_entry = (char *)log_time_text(own.arena, range->after);
  request.until_entry = (char *)log_time_text(own.arena, range->until);
  request.view = ORDERSHOP__V1__EVENT_VIEW__EVENT_VIEW_BYTES;
  request.page_size = PAGE_EVENTS;
  struct rpc_reply reply =
      rpc_client_call(argument, &own, &ordershop__v1__event_service__descriptor, "ReadEvents", &request);
  if (status_is_ok(reply.status)) *ret_page = page_of(own.arena, range, reply.message);
  return reply.status;
}

struct archived_events event_channel_events(struct rpc_channel *channel, const char *setting) {
  return (struct archived_events){.read_archived = channel ? read_page : NULL, .argument = channel, .setting = setting};
}
