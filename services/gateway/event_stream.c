/* SPDX-License-Identifier: Apache-2.0 */
#include "event_stream.h"

#include <ordershop/v1/event.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "api_call.h"
#include "base/clock.h"
#include "base/violations.h"
#include "message/json_write.h"
#include "path_template.h"
#include "shop_brand.h"
#include "shop_reasons.h"
#include "store/log_time.h"

enum {
  STREAMS_OF_CHANNEL = 8, /* services take 16 of a connection; some may be about to end there (rpc/rpc_server.h) */
  HEARTBEAT_SECONDS = 10,
  HEARTBEAT_MAX_SECONDS = 60,
  RETRY_MS = 1000, /* between two tries: of a client, and of the gateway while the event service is away */
};

/* A connection to the event service, for some streams. */
struct watch_channel {
  struct rpc_channel *rpc; /* NULL until it is first needed */
  size_t streams;
};

struct event_streams {
  struct gateway *gateway;
  const char *service; /* address of the event service */
  struct watch_channel *channels;
  size_t channel_count;
  struct event_stream *first; /* those that are open */
  size_t count;
};

struct event_stream {
  struct gateway *gateway;
  struct http_request *request;
  struct event_stream *next;
  /* what is wanted */
  Ordershop__V1__WatchEventsRequest wanted;
  Google__Protobuf__Duration heartbeat;
  bool unnamed;       /* its events have no names of their own */
  char resume_at[64]; /* a position */
  /* the call of the service */
  struct watch_channel *channel;
  struct rpc_client_stream *watch;
  struct arena *watch_arena; /* of that call */
  struct arena *arena;       /* of one response */
  const Ordershop__V1__WatchEventsResponse *response;
  const char *frames; /* the response, as it is sent */
  struct status status;
};

/* ---- what is wanted --------------------------------------------------------------------------------------------- */

/* "order", or "order/76131f90-36f5-4ce4-8516-0685a3dccc54" */
static Ordershop__V1__EntityName *entity_name(struct arena *arena, const char *text) {
  Ordershop__V1__EntityName *name = arena_alloc(arena, sizeof *name);
  size_t kind = strcspn(text, "/");
  ordershop__v1__entity_name__init(name);
  name->entity_type = arena_memdup(arena, text, kind);
  if (text[kind]) name->id = arena_strdup(arena, text + kind + 1);
  return name;
}

static void put_place(struct event_stream *stream, const char *text) {
  int64_t log_time;
  stream->wanted.after_entry = stream->wanted.after_position = "";
  if (log_time_parse(text, &log_time)) {
    stream->wanted.after_entry = (char *)text;
  } else {
    stream->wanted.after_position = (char *)text;
  }
}

static void put_heartbeat(struct event_stream *stream, struct violations *violations, const char *text) {
  size_t digits = strspn(text, "0123456789");
  int seconds = digits > 0 && digits <= 2 && !text[digits] ? atoi(text) : 0;
  if (seconds < 1 || seconds > HEARTBEAT_MAX_SECONDS) {
    violation_add(violations, "heartbeat", "must be from 1 to %d seconds", HEARTBEAT_MAX_SECONDS);
  }
  stream->heartbeat.seconds = seconds;
}

static void put_parameter(struct event_stream *stream, struct violations *violations, const char *name, char *value) {
  Ordershop__V1__WatchEventsRequest *wanted = &stream->wanted;
  if (strcmp(name, "stream") == 0) {
    wanted->streams[wanted->n_streams++] = value;
  } else if (strcmp(name, "entity") == 0) {
    wanted->entities[wanted->n_entities++] = entity_name(stream->request->arena, value);
  } else if (strcmp(name, "after") == 0) {
    put_place(stream, value);
  } else if (strcmp(name, "heartbeat") == 0) {
    put_heartbeat(stream, violations, value);
  } else if (strcmp(name, "named") == 0) {
    stream->unnamed = strcmp(value, "false") == 0;
    if (!stream->unnamed && strcmp(value, "true") != 0) violation_add(violations, "named", "must be true or false");
  } else {
    violation_add(violations, name, "is no parameter: there are stream, entity, after, heartbeat and named");
  }
}

static void put_query(struct event_stream *stream, struct violations *violations) {
  struct arena *arena = stream->request->arena;
  size_t most = 1;
  for (const char *c = stream->request->query; *c; c++) most += *c == '&';
  stream->wanted.streams = arena_calloc(arena, most, sizeof *stream->wanted.streams);
  stream->wanted.entities = arena_calloc(arena, most, sizeof *stream->wanted.entities);
  for (const char *at = stream->request->query; *at;) {
    size_t size = strcspn(at, "&"), of_name = strcspn(at, "=&");
    const char *name = percent_decode(arena, at, of_name, true, 0);
    const char *value = of_name < size ? percent_decode(arena, at + of_name + 1, size - of_name - 1, true, 0) : "";
    if (!name || !value) {
      violation_add(violations, "the query", "has a percent-encoding that is none, or not of UTF-8");
    } else if (size > 0) {
      put_parameter(stream, violations, name, arena_strdup(arena, value));
    }
    at += size + (at[size] == '&');
  }
}

/* EventSource asks with the same query again and again: where it resumes is in the header alone. */
static struct status read_request(struct event_stream *stream) {
  struct violations violations = violations_of(stream->request->arena);
  ordershop__v1__watch_events_request__init(&stream->wanted);
  google__protobuf__duration__init(&stream->heartbeat);
  stream->wanted.view = ORDERSHOP__V1__EVENT_VIEW__EVENT_VIEW_JSON;
  stream->heartbeat.seconds = HEARTBEAT_SECONDS;
  stream->wanted.heartbeat_interval = &stream->heartbeat;
  put_query(stream, &violations);
  const char *last = http_request_header(stream->request, "Last-Event-ID");
  if (last && *last) put_place(stream, last);
  return violations_status(&violations);
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

struct event_streams *event_streams_new(struct gateway *gateway) {
  struct event_streams *streams = arena_calloc(gateway->arena, 1, sizeof *streams);
  size_t most = (size_t)gateway->settings.event_streams;
  streams->gateway = gateway;
  for (size_t i = 0; i < gateway->settings.peer_count; i++) {
    const struct gateway_peer *peer = &gateway->settings.peers[i];
    if (strcmp(peer->name, "event") == 0) streams->service = peer->address;
  }
  streams->channel_count = (most + STREAMS_OF_CHANNEL - 1) / STREAMS_OF_CHANNEL;
  streams->channels = arena_calloc(gateway->arena, streams->channel_count, sizeof *streams->channels);
  return streams;
}

void event_streams_close(struct event_streams *streams) {
  for (size_t i = 0; streams && i < streams->channel_count; i++) rpc_channel_close(streams->channels[i].rpc);
}

/* The channel with the fewest streams of those that are open already and have room, else a new one. */
static struct status take_channel(struct event_streams *streams, struct watch_channel **ret_channel) {
  const struct rpc_channel_options options = {
      .brand = &shop_brand, .peer = "event", .tls = streams->gateway->settings.tls};
  struct watch_channel *channel = streams->channels;
  while (channel->streams == STREAMS_OF_CHANNEL) channel++;
  if (!channel->rpc) {
    struct status status =
        rpc_channel_open(streams->gateway->loop, streams->gateway->arena, streams->service, &options, &channel->rpc);
    if (!status_is_ok(status)) return status;
  }
  channel->streams++;
  *ret_channel = channel;
  return status_ok();
}

static size_t streams_of_address(const struct event_streams *streams, const char *address) {
  size_t count = 0;
  for (const struct event_stream *each = streams->first; each; each = each->next) {
    if (strcmp(each->request->address, address) == 0) count++;
  }
  return count;
}

/* Returns false if there is none; the request is answered then. */
static bool take_place(struct event_stream *stream) {
  struct gateway *gateway = stream->gateway;
  struct event_streams *streams = gateway->event_streams;
  size_t most = (size_t)gateway->settings.event_streams;
  size_t of_one = (size_t)gateway->settings.event_streams_per_address;
  if (of_one == 0) of_one = (most + 1) / 2;
  if (streams->count >= most) {
    answer_error(stream->request, 503, "There are too many streams of events.");
    return false;
  }
  if (streams_of_address(streams, stream->request->address) >= of_one) {
    http_answer_header(stream->request, "Retry-After", "1");
    answer_error(stream->request, 429, "There are too many streams of events from this address.");
    return false;
  }
  struct status status = take_channel(streams, &stream->channel);
  if (!status_is_ok(status)) {
    answer_status(stream->request, status);
    return false;
  }
  stream->next = streams->first;
  streams->first = stream;
  streams->count++;
  return true;
}

static void give_place(struct event_stream *stream) {
  struct event_streams *streams = stream->gateway->event_streams;
  struct event_stream **link = &streams->first;
  while (*link != stream) link = &(*link)->next;
  *link = stream->next;
  streams->count--;
  stream->channel->streams--;
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

static const char *json_line(struct arena *arena, json_t *json) {
  char *text = json_dumps(json, JSON_COMPACT);
  const char *line = arena_strdup(arena, text ? text : "{}");
  free(text);
  json_decref(json);
  return line;
}

/* As ReadEvents has it in JSON, but with the entity as what it is, not as a text. */
static const char *event_line(struct arena *arena, const Ordershop__V1__Event *event) {
  json_t *json = json_of_message(event), *entity = json_loads(event->entity_json, 0, NULL);
  json_object_del(json, "entityJson");
  json_object_del(json, "entityBytes");
  if (entity) json_object_set_new(json, "entity", entity);
  return json_line(arena, json);
}

/* A response has the position behind all of its events; that behind one of them is of the same log. */
static const char *position_behind(struct arena *arena, const char *response, const char *entry) {
  struct position position;
  if (!position_parse(response, &position) || !log_time_parse(entry, &position.log_time)) return entry;
  return position_text(arena, &position);
}

static const char *event_frame(const struct event_stream *stream, const Ordershop__V1__Event *event) {
  struct arena *arena = stream->arena;
  const char *name = stream->unnamed ? "" : arena_printf(arena, "event: %s\n", event->stream);
  return arena_printf(arena, "id: %s\n%sdata: %s\n\n", position_behind(arena, stream->response->position, event->entry),
                      name, event_line(arena, event));
}

static const char *heartbeat_frame(const struct event_stream *stream) {
  const Ordershop__V1__WatchEventsResponse *response = stream->response;
  json_t *json = json_pack("{s:s,s:s,s:b}", "readTo", response->read_to, "position", response->position, "atEnd",
                           response->at_end);
  return arena_printf(stream->arena, "id: %s\nevent: heartbeat\ndata: %s\n\n", response->position,
                      json_line(stream->arena, json));
}

static void write_frames(void *argument) {
  struct event_stream *stream = argument;
  const Ordershop__V1__WatchEventsResponse *response = stream->response;
  if (response->n_events == 0) stream->frames = heartbeat_frame(stream);
  size_t size = 0;
  const char **frames = arena_calloc(stream->arena, response->n_events + 1, sizeof *frames);
  for (size_t i = 0; i < response->n_events; i++) {
    frames[i] = event_frame(stream, response->events[i]);
    size += strlen(frames[i]);
  }
  if (response->n_events == 0) return;
  char *all = arena_alloc(stream->arena, size + 1), *end = all;
  for (size_t i = 0; i < response->n_events; i++) end = stpcpy(end, frames[i]);
  stream->frames = all;
}

static void write_last_frame(void *argument) {
  struct event_stream *stream = argument;
  struct arena *arena = stream->request->arena;
  json_t *error = error_json(arena, http_code(stream->status.code), stream->status);
  const char *frame = arena_printf(arena, "event: end\ndata: %s\n\n", json_line(arena, error));
  http_stream_write_last(stream->request, frame, strlen(frame));
}

/* ---- the call --------------------------------------------------------------------------------------------------- */

static coroutine_fn void close_watch(struct event_stream *stream) {
  rpc_client_stream_close(stream->watch);
  if (stream->watch_arena) arena_free(stream->watch_arena);
  stream->watch = NULL;
  stream->watch_arena = NULL;
}

static struct status open_watch(struct event_stream *stream) {
  stream->watch_arena = arena_new();
  struct context context = {
      .arena = stream->watch_arena,
      .deadline_us = DEADLINE_NEVER,
      .traceparent = http_request_header(stream->request, "traceparent"),
  };
  return rpc_client_stream_open(stream->channel->rpc, &context, &ordershop__v1__event_service__descriptor,
                                "WatchEvents", &stream->wanted, &stream->watch);
}

/* stream->response is NULL where the coroutine was woken for something else. */
static coroutine_fn struct status read_watch(struct event_stream *stream, int64_t deadline_us) {
  const void *response;
  bool ended;
  arena_reset(stream->arena);
  struct status status = rpc_client_stream_read(stream->watch, stream->arena, deadline_us, &response, &ended);
  stream->response = response;
  if (!status_is_ok(status) || !ended) return status;
  return status_error(stream->arena, STATUS_UNAVAILABLE, reason_shutting_down, "The event service ended the stream.");
}

/* The first response comes at once, and says that the request is one that can be answered. */
static coroutine_fn struct status begin_watch(struct event_stream *stream) {
  int64_t timeout_ms = 0;
  struct status status = api_timeout(stream->gateway, stream->request, &timeout_ms);
  if (status_is_ok(status)) status = open_watch(stream);
  int64_t deadline_us = clock_monotonic_us() + timeout_ms * 1000;
  while (status_is_ok(status) && !stream->response) {
    status = read_watch(stream, deadline_us);
    if (status_is_ok(status) && !stream->response && clock_monotonic_us() >= deadline_us) {
      return status_error(stream->request->arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                          "The event service doesn't begin in time.");
    }
  }
  return status_copy(status, stream->request->arena);
}

/* ---- the stream ------------------------------------------------------------------------------------------------- */

/* Sends what the event service has said. Returns false if the client can't take it. */
static coroutine_fn bool pass_on(struct event_stream *stream) {
  struct http_request *request = stream->request;
  coroutine_on_loop_stack(write_frames, stream);
  if (!http_stream_write(request, stream->frames, strlen(stream->frames))) {
    if (!http_stream_is_wanted(request)) return false;
    stream->status = status_error(request->arena, STATUS_ABORTED, reason_watch_too_slow,
                                  "the client takes nothing: resume at the last id");
    return false;
  }
  snprintf(stream->resume_at, sizeof stream->resume_at, "%s", stream->response->position);
  put_place(stream, stream->resume_at);
  return true;
}

/* The event service is away, or restarts: the gateway resumes for its client, whom a 503 would end. */
static coroutine_fn struct status resume_watch(struct event_stream *stream) {
  static const char comment[] = ": the event service is away\n\n";
  int64_t until_us = clock_monotonic_us() + RETRY_MS * 1000;
  close_watch(stream);
  stream->response = NULL;
  http_stream_write(stream->request, comment, sizeof comment - 1);
  while (http_stream_is_wanted(stream->request) && coroutine_yield_until(until_us)) continue;
  return http_stream_is_wanted(stream->request) ? open_watch(stream) : status_ok();
}

static bool is_away(struct status status) {
  return status.code == STATUS_UNAVAILABLE || status_is(status, reason_too_many_streams);
}

static coroutine_fn void run(struct event_stream *stream) {
  static const char retry[] = "retry: 1000\n\n";
  struct http_request *request = stream->request;
  http_answer_header(request, "X-Accel-Buffering", "no");
  http_stream_begin(request, 200, "text/event-stream");
  bool goes_on = http_stream_write(request, retry, sizeof retry - 1) && pass_on(stream);
  while (goes_on && http_stream_is_wanted(request)) {
    struct status status = read_watch(stream, DEADLINE_NEVER);
    if (is_away(status)) status = resume_watch(stream);
    if (status_is_ok(status)) {
      goes_on = !stream->response || pass_on(stream);
    } else {
      stream->status = status_copy(status, request->arena);
      break;
    }
  }
  if (!status_is_ok(stream->status)) coroutine_on_loop_stack(write_last_frame, stream);
}

static coroutine_fn void serve(struct event_stream *stream) {
  stream->status = begin_watch(stream);
  if (status_is_ok(stream->status)) {
    run(stream);
  } else {
    answer_status(stream->request, stream->status);
  }
  close_watch(stream);
}

coroutine_fn void event_stream(struct gateway *gateway, struct http_request *request) {
  struct event_stream stream = {.gateway = gateway, .request = request};
  if (strcmp(request->method, "OPTIONS") == 0) {
    http_answer_header(request, "Allow", "GET, HEAD, OPTIONS");
    http_answer(request, 204, NULL, "", 0);
    return;
  }
  bool is_head = strcmp(request->method, "HEAD") == 0;
  if (!is_head && strcmp(request->method, "GET") != 0) {
    http_answer_header(request, "Allow", "GET, HEAD, OPTIONS");
    answer_error(request, 405, "Events are had by GET.");
    return;
  }
  struct status status = read_request(&stream);
  if (!status_is_ok(status)) {
    answer_status(request, status);
  } else if (is_head) {
    http_answer(request, 200, "text/event-stream", "", 0);
  } else if (take_place(&stream)) {
    stream.arena = arena_new();
    serve(&stream);
    arena_free(stream.arena);
    give_place(&stream);
  }
}
