/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/event_follow.h"

#include <google/protobuf/duration.pb-c.h>
#include <time.h>

#include "base/clock.h"
#include "base/timestamp.h"

enum { HEARTBEAT_MS = 1000, WAIT_MS = 1000, AGAIN_MS = 200, SILENT_MS = 15000 };

struct following {
  const struct event_follow_options *options;
  struct arena *arena;   /* of the result, and of what is told */
  struct arena *scratch; /* of a response */
  const char *position;  /* all up to there has been shown; NULL before the first response */
  const char *read_to;
  bool away; /* which was told */
  bool ended;
};

static void begin_at(struct following *following, Ordershop__V1__WatchEventsRequest *request) {
  const struct event_from *from = &following->options->from;
  struct arena *arena = following->arena;
  int64_t start_ms = from->ms;
  switch (from->kind) {
    case EVENT_FROM_NOW:
      return;
    case EVENT_FROM_BEGINNING:
      request->after_entry = "0-0";
      return;
    case EVENT_FROM_ENTRY:
      request->after_entry = arena_printf(arena, "%lld-%lld", (long long)from->ms, (long long)from->sequence);
      return;
    case EVENT_FROM_AGO:
      start_ms = clock_wall_us() / 1000 - from->ms;
      break;
    case EVENT_FROM_TIME:
      break;
  }
  request->start_time = timestamp_new(arena, start_ms > 0 ? start_ms * 1000 : 0);
}

/* By the position, where there is one: then a log that is another one is noticed. */
static void go_on(const struct following *following, Ordershop__V1__WatchEventsRequest *request) {
  if (*following->position) {
    request->after_position = (char *)following->position;
  } else {
    request->after_entry = (char *)following->read_to;
  }
}

static struct status open_watch(struct following *following, struct ordershop_watch **ret_watch) {
  const struct event_follow_options *options = following->options;
  Google__Protobuf__Duration heartbeat = GOOGLE__PROTOBUF__DURATION__INIT;
  heartbeat.seconds = HEARTBEAT_MS / 1000;
  Ordershop__V1__WatchEventsRequest request = ORDERSHOP__V1__WATCH_EVENTS_REQUEST__INIT;
  request.streams = (char **)options->streams;
  request.n_streams = options->stream_count;
  request.view = ORDERSHOP__V1__EVENT_VIEW__EVENT_VIEW_BYTES;
  request.heartbeat_interval = &heartbeat;
  if (following->position) {
    go_on(following, &request);
  } else {
    begin_at(following, &request);
  }
  struct context context = {.arena = following->arena};
  return ordershop_watch_events(options->client, &context, &request, ret_watch);
}

static void note_response(struct following *following, const Ordershop__V1__WatchEventsResponse *response) {
  const struct event_follow_options *options = following->options;
  if (following->away) options->tell(options->argument, "The event service is back");
  following->away = false;
  for (size_t i = 0; i < response->n_events && !following->ended; i++) {
    following->ended = !options->show_event(options->argument, response->events[i]);
  }
  following->position = arena_strdup(following->arena, response->position);
  following->read_to = arena_strdup(following->arena, response->read_to);
  if (response->at_end && !options->follow) following->ended = true;
}

/* One that says nothing for long is gone, though its connection may not know it. */
static struct status read_watch(struct following *following, struct ordershop_watch *watch) {
  const struct event_follow_options *options = following->options;
  int64_t heard_us = clock_monotonic_us();
  while (!following->ended) {
    const Ordershop__V1__WatchEventsResponse *response;
    arena_reset(following->scratch);
    struct status status = ordershop_watch_read(watch, following->scratch, WAIT_MS, &response);
    if (!status_is_ok(status)) return status_copy(status, following->arena);
    if (response) heard_us = clock_monotonic_us();
    if (response) note_response(following, response);
    bool more = response && response->n_events > 0 && !response->at_end;
    if (!more && !options->flush(options->argument)) following->ended = true;
    if (clock_monotonic_us() - heard_us > SILENT_MS * 1000) {
      return status_error(following->arena, STATUS_UNAVAILABLE, reason_peer_unreachable, "it says nothing");
    }
  }
  return status_ok();
}

static struct status watch_once(struct following *following) {
  struct ordershop_watch *watch;
  struct status status = open_watch(following, &watch);
  if (!status_is_ok(status)) return status;
  status = read_watch(following, watch);
  ordershop_watch_close(watch);
  return status;
}

static void wait_for_service(struct following *following, const char *reason) {
  const struct event_follow_options *options = following->options;
  if (!following->away) {
    options->tell(options->argument,
                  arena_printf(following->arena, "The event service is away (%s); waiting until it is back", reason));
  }
  following->away = true;
  if (!options->flush(options->argument)) following->ended = true;
  nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000L}, NULL);
}

struct status event_follow(struct arena *arena, const struct event_follow_options *options) {
  struct following following = {.options = options, .arena = arena, .scratch = arena_new()};
  struct status status = status_ok();
  while (!following.ended) {
    status = watch_once(&following);
    if (status_is_ok(status) || !following.position || !status_is_transient(status)) break;
    if (status.code != STATUS_ABORTED) wait_for_service(&following, status.message); /* else it was too slow */
  }
  arena_free(following.scratch);
  return following.ended ? status_ok() : status;
}
