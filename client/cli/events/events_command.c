/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop events`: what happens and has happened in the shop, as the event service tells it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/timestamp.h"
#include "client/cli/events/event_follow.h"
#include "client/cli/events/event_show.h"
#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/interrupt.h"
#include "client/cli/line/session.h"
#include "client/cli/output/show.h"
#include "client/client_reasons.h"

#define VIEW_BYTES ORDERSHOP__V1__EVENT_VIEW__EVENT_VIEW_BYTES

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static struct status usage(struct arena *arena, const char *flag, const char *value, const char *allowed) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--%s: \"%s\" is not %s", flag, value, allowed);
}

static struct status read_where(struct arena *arena, const char *flag, const char *text, struct event_from *ret_from) {
  if (event_from_parse(text, ret_from)) return status_ok();
  return usage(arena, flag, text,
               "BEGINNING, NOW, an entry's id (1795460356547-731), a time (2026-11-23T18:59:16Z) or a time ago (10m)");
}

static struct status read_count(struct arena *arena, const struct invocation *invocation, int64_t *ret_count) {
  const char *text = invocation_value(invocation, "count");
  *ret_count = -1;
  if (!text) return status_ok();
  char *end;
  long long count = strtoll(text, &end, 10);
  if (*end || end == text || count < 1) return usage(arena, "count", text, "a number from 1 on");
  *ret_count = count;
  return status_ok();
}

/* Of all --stream; "events:customer_created" is meant by "customer_created". */
static const char **read_streams(struct arena *arena, const struct invocation *invocation, size_t *ret_count) {
  const char **streams = arena_calloc(arena, invocation->given_count + 1, sizeof(*streams));
  *ret_count = 0;
  for (size_t i = 0; i < invocation->given_count; i++) {
    const struct given_flag *given = &invocation->given[i];
    if (strcmp(given->flag->name, "stream") != 0) continue;
    bool whole = strncmp(given->value, "events:", 7) == 0;
    streams[(*ret_count)++] = given->value + (whole ? 7 : 0);
  }
  return streams;
}

/* "order" and an id. */
static struct status read_entity(struct session *session, const char **ret_type, const char **ret_id) {
  const struct invocation *invocation = session->invocation;
  if (invocation->operand_count != 2) {
    return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                        "events %s: needs an entity and its id, as in order 28d2f6b0-ad95-5d05-b717-1d9ff15a34fa",
                        invocation->verb->name);
  }
  *ret_type = invocation->operands[0];
  *ret_id = invocation->operands[1];
  return status_ok();
}

/* ---- tail ------------------------------------------------------------------------------------------------------- */

struct tail {
  struct event_show *show;
  int64_t left; /* events to show; -1 means all */
};

static bool show_event(void *argument, const Ordershop__V1__Event *event) {
  struct tail *tail = argument;
  event_show_line(tail->show, event);
  if (tail->left > 0) tail->left--;
  return tail->left != 0 && !ferror(stdout);
}

/* A reader that has gone away (head) shows at the next write; there may be none for hours. */
static bool flush(void *argument) {
  (void)argument;
  struct pollfd output = {.fd = STDOUT_FILENO};
  if (fflush(stdout) == 0 && !ferror(stdout)) return !(poll(&output, 1, 0) > 0 && output.revents & POLLERR);
  if (errno == EPIPE) clearerr(stdout); /* no failure: main then says nothing about it */
  return false;
}

static void tell(void *argument, const char *sentence) {
  event_show_tell(((struct tail *)argument)->show, sentence);
}

/* Ctrl-C is the usual end of a tail, not a failure. */
static void end_well(const void *argument) {
  (void)argument;
  _exit(EXIT_DONE);
}

static struct status follow(struct session *session, struct tail *tail) {
  const struct invocation *invocation = session->invocation;
  struct event_follow_options options = {.client = session->client,
                                         .follow = !invocation_value(invocation, "no-follow"),
                                         .show_event = show_event,
                                         .flush = flush,
                                         .tell = tell,
                                         .argument = tail};
  const char *from = invocation_value(invocation, "from");
  if (!from) from = options.follow ? "NOW" : "BEGINNING";
  struct status status = read_where(session->arena, "from", from, &options.from);
  if (status_is_ok(status)) status = read_count(session->arena, invocation, &tail->left);
  if (!status_is_ok(status)) return status;
  options.streams = read_streams(session->arena, invocation, &options.stream_count);
  interrupt_set_farewell(end_well, NULL);
  status = event_follow(session->arena, &options);
  interrupt_set_farewell(NULL, NULL);
  return status;
}

static int run_tail(struct session *session) {
  struct tail tail;
  struct status status = event_show_new(session, &tail.show);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  status = follow(session, &tail);
  event_show_free(tail.show);
  return status_is_ok(status) ? EXIT_DONE : failure_of_usage_or_call(session, status);
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

static int run_list(struct session *session) {
  static const char *const stream_fields[] = {"name", "length", "first_entry", "last_entry", "message_type", NULL};
  static const char *const reader_fields[] = {"service", "applied_to", "lag_entries", "lag_time", "dead_letters", NULL};
  const struct context context = {.arena = session->arena};
  const Ordershop__V1__ListStreamsRequest request = ORDERSHOP__V1__LIST_STREAMS_REQUEST__INIT;
  const Ordershop__V1__ListStreamsResponse *response;
  struct status status = ordershop_list_streams(session->client, &context, &request, &response);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  if (session->invocation->json) {
    show_json(response);
    return EXIT_DONE;
  }
  show_table(session->arena, (const void *const *)response->streams, response->n_streams, stream_fields, NULL);
  if (response->n_readers > 0) putchar('\n');
  show_table(session->arena, (const void *const *)response->readers, response->n_readers, reader_fields, NULL);
  return EXIT_DONE;
}

/* ---- read ------------------------------------------------------------------------------------------------------- */

static Google__Protobuf__Timestamp *time_of(struct arena *arena, const struct event_from *from) {
  int64_t ms = from->kind == EVENT_FROM_AGO ? clock_wall_us() / 1000 - from->ms : from->ms;
  return timestamp_new(arena, ms > 0 ? ms * 1000 : 0);
}

static char *entry_of(struct arena *arena, const struct event_from *from) {
  return arena_printf(arena, "%lld-%lld", (long long)from->ms, (long long)from->sequence);
}

/* An entry, or a time; anything else leaves both as they are. */
static struct status read_bound(struct arena *arena, const struct invocation *invocation, const char *flag,
                                char **entry, Google__Protobuf__Timestamp **time) {
  const char *text = invocation_value(invocation, flag);
  struct event_from from;
  if (!text) return status_ok();
  struct status status = read_where(arena, flag, text, &from);
  if (!status_is_ok(status)) return status;
  if (from.kind == EVENT_FROM_ENTRY) *entry = entry_of(arena, &from);
  if (from.kind == EVENT_FROM_TIME || from.kind == EVENT_FROM_AGO) *time = time_of(arena, &from);
  return status;
}

static struct status build_read(struct session *session, Ordershop__V1__ReadEventsRequest *request) {
  const struct invocation *invocation = session->invocation;
  struct arena *arena = session->arena;
  size_t count;
  request->streams = (char **)read_streams(arena, invocation, &count);
  request->n_streams = count;
  request->view = VIEW_BYTES;
  request->page_size = 1000;
  if (invocation_value(invocation, "newest-first")) {
    request->order = ORDERSHOP__V1__EVENT_ORDER__EVENT_ORDER_NEWEST_FIRST;
  }
  const char *cause = invocation_value(invocation, "cause"), *entity = invocation_value(invocation, "entity");
  if (cause) request->cause = (char *)cause;
  if (entity) {
    request->entity = arena_alloc(arena, sizeof(*request->entity));
    ordershop__v1__entity_name__init(request->entity);
    request->entity->entity_type = (char *)entity;
  }
  struct status status = read_bound(arena, invocation, "from", &request->after_entry, &request->start_time);
  if (!status_is_ok(status)) return status;
  return read_bound(arena, invocation, "until", &request->until_entry, &request->end_time);
}

static struct status read_pages(struct session *session, struct event_show *show,
                                Ordershop__V1__ReadEventsRequest *request, int64_t left) {
  struct context context = {.arena = arena_new()};
  struct status status;
  do {
    const Ordershop__V1__ReadEventsResponse *response;
    if (left > 0 && left < request->page_size) request->page_size = (int32_t)left;
    status = ordershop_read_events(session->client, &context, request, &response);
    if (!status_is_ok(status)) break;
    for (size_t i = 0; i < response->n_events && left != 0; i++) {
      event_show_line(show, response->events[i]);
      if (left > 0) left--;
    }
    request->page_token = arena_strdup(session->arena, response->next_page_token);
    arena_reset(context.arena);
  } while (*request->page_token && left != 0 && !ferror(stdout));
  status = status_copy(status, session->arena);
  arena_free(context.arena);
  return status;
}

static int run_read(struct session *session) {
  Ordershop__V1__ReadEventsRequest request = ORDERSHOP__V1__READ_EVENTS_REQUEST__INIT;
  int64_t left;
  struct event_show *show;
  struct status status = build_read(session, &request);
  if (status_is_ok(status)) status = read_count(session->arena, session->invocation, &left);
  if (status_is_ok(status)) status = event_show_new(session, &show);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  status = read_pages(session, show, &request, left);
  event_show_free(show);
  return status_is_ok(status) ? EXIT_DONE : failure_of_usage_or_call(session, status);
}

/* ---- history, at ------------------------------------------------------------------------------------------------ */

static struct status show_history(struct session *session, struct event_show *show,
                                  Ordershop__V1__GetEntityHistoryRequest *request) {
  struct context context = {.arena = arena_new()};
  struct status status;
  do {
    const Ordershop__V1__GetEntityHistoryResponse *response;
    status = ordershop_get_entity_history(session->client, &context, request, &response);
    if (!status_is_ok(status)) break;
    for (size_t i = 0; i < response->n_events; i++) event_show_line(show, response->events[i]);
    request->page_token = arena_strdup(session->arena, response->next_page_token);
    arena_reset(context.arena);
  } while (*request->page_token && !ferror(stdout));
  status = status_copy(status, session->arena);
  arena_free(context.arena);
  return status;
}

static int run_history(struct session *session) {
  Ordershop__V1__GetEntityHistoryRequest request = ORDERSHOP__V1__GET_ENTITY_HISTORY_REQUEST__INIT;
  struct event_show *show;
  request.view = VIEW_BYTES;
  struct status status = read_entity(session, (const char **)&request.entity_type, (const char **)&request.id);
  if (status_is_ok(status)) status = event_show_new(session, &show);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  status = show_history(session, show, &request);
  event_show_free(show);
  return status_is_ok(status) ? EXIT_DONE : failure_of_usage_or_call(session, status);
}

static struct status build_at(struct session *session, Ordershop__V1__GetEntityAtRequest *request) {
  const struct invocation *invocation = session->invocation;
  struct status status = read_entity(session, (const char **)&request->entity_type, (const char **)&request->id);
  if (!status_is_ok(status)) return status;
  request->view = VIEW_BYTES;
  const char *entry = invocation_value(invocation, "entry");
  if (entry) request->at_entry = (char *)entry;
  const char *time = invocation_value(invocation, "time");
  struct event_from at;
  if (!time) return status;
  if (!event_from_parse(time, &at) || (at.kind != EVENT_FROM_TIME && at.kind != EVENT_FROM_AGO)) {
    return usage(session->arena, "time", time, "a time (2026-11-23T18:59:16Z) or a time ago (10m)");
  }
  request->at_time = time_of(session->arena, &at);
  return status;
}

static int run_at(struct session *session) {
  Ordershop__V1__GetEntityAtRequest request = ORDERSHOP__V1__GET_ENTITY_AT_REQUEST__INIT;
  const struct context context = {.arena = session->arena};
  const Ordershop__V1__GetEntityAtResponse *response;
  struct event_show *show;
  struct status status = build_at(session, &request);
  if (status_is_ok(status)) status = event_show_new(session, &show);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  status = ordershop_get_entity_at(session->client, &context, &request, &response);
  if (status_is_ok(status)) event_show_state(show, response);
  event_show_free(show);
  return status_is_ok(status) ? EXIT_DONE : failure_of_usage_or_call(session, status);
}

/* ---- trace ------------------------------------------------------------------------------------------------------ */

/* One operand is an event id, two are an entity. */
static struct status build_trace(struct session *session, Ordershop__V1__TraceCauseRequest *request) {
  request->view = VIEW_BYTES;
  if (session->invocation->operand_count == 1) {
    request->event_id = session->invocation->operands[0];
    return status_ok();
  }
  request->entity = arena_alloc(session->arena, sizeof(*request->entity));
  ordershop__v1__entity_name__init(request->entity);
  return read_entity(session, (const char **)&request->entity->entity_type, (const char **)&request->entity->id);
}

static int run_trace(struct session *session) {
  Ordershop__V1__TraceCauseRequest request = ORDERSHOP__V1__TRACE_CAUSE_REQUEST__INIT;
  const struct context context = {.arena = session->arena};
  const Ordershop__V1__TraceCauseResponse *response;
  struct event_show *show;
  struct status status = build_trace(session, &request);
  if (status_is_ok(status)) status = event_show_new(session, &show);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  status = ordershop_trace_cause(session->client, &context, &request, &response);
  if (status_is_ok(status)) event_show_tree(show, response->tree);
  if (status_is_ok(status) && response->truncated) event_show_tell(show, "The tree is larger than what is shown.");
  event_show_free(show);
  return status_is_ok(status) ? EXIT_DONE : failure_of_usage_or_call(session, status);
}

/* ---- the noun --------------------------------------------------------------------------------------------------- */

#define STREAM_FLAG                                                               \
  {                                                                               \
    .name = "stream", .value = "NAME", .kind = FLAG_OWN,                          \
    .help = "Only this stream, e.g. customer_created; may be given several times" \
  }
#define DESCRIPTOR_SET_FLAG                                                                                          \
  {                                                                                                                  \
    .name = "descriptor-set", .value = "FILE", .kind = FLAG_OWN,                                                     \
    .help =                                                                                                          \
        "FileDescriptorSet (protoc --descriptor_set_out --include_imports) with types of entities, before those of " \
        "the contract; may be given several times"                                                                   \
  }
#define COUNT_FLAG \
  { .name = "count", .value = "N", .kind = FLAG_OWN, .help = "End after so many events" }

static const struct flag tail_flags[] = {
    STREAM_FLAG,
    DESCRIPTOR_SET_FLAG,
    {.name = "from",
     .value = "WHERE",
     .kind = FLAG_OWN,
     .help =
         "BEGINNING, NOW, behind an entry's id, a time as in 2026-11-23T18:59:16Z, or a time ago as in 10m (NOW, or "
         "BEGINNING with --no-follow)"},
    COUNT_FLAG,
    {.name = "no-follow", .kind = FLAG_OWN, .help = "End at the end of the log instead of waiting for more"},
    {0},
};

static const struct flag read_flags[] = {
    STREAM_FLAG,
    {.name = "entity", .value = "KIND", .kind = FLAG_OWN, .help = "Only of such entities, e.g. order"},
    {.name = "cause", .value = "EVENT_ID", .kind = FLAG_OWN, .help = "Only what this event led to"},
    {.name = "from", .value = "WHERE", .kind = FLAG_OWN, .help = "Behind an entry's id, or from a time on"},
    {.name = "until", .value = "WHERE", .kind = FLAG_OWN, .help = "Up to an entry's id, or before a time"},
    {.name = "newest-first", .kind = FLAG_OWN, .help = "Against the order of the log"},
    COUNT_FLAG,
    DESCRIPTOR_SET_FLAG,
    {0},
};

static const struct flag shown_flags[] = {DESCRIPTOR_SET_FLAG, {0}};

static const struct flag at_flags[] = {
    {.name = "entry", .value = "ENTRY", .kind = FLAG_OWN, .help = "As of this entry of the log"},
    {.name = "time", .value = "TIME", .kind = FLAG_OWN, .help = "As of this time, or so long ago (10m)"},
    DESCRIPTOR_SET_FLAG,
    {0},
};

static const struct verb verbs[] = {
    {.name = "tail",
     .method = "WatchEvents",
     .help = "Follow the events of the shop, in their order over all streams, until Ctrl-C",
     .details =
         "With --json, a line an event. An event service that goes away meanwhile is waited for; nothing is missed or "
         "shown twice. Services are asked by reflection for types that are not in the contract; one of your own is "
         "found by ORDERSHOP_<NAME>_ADDRESS.",
     .flags = tail_flags,
     .examples =
         (const char *const[]){"events tail", "events tail --from 10m --stream order_created --stream mail_created",
                               "events tail --from BEGINNING --no-follow --json | jq -c '[.id, .stream]'", NULL},
     .run = run_tail},
    {.name = "list",
     .method = "ListStreams",
     .help = "List the streams of the log, and the services that read them",
     .examples = (const char *const[]){"events list",
                                       "events list --json | jq '.readers[] | select(.lagEntries != \"0\")'", NULL},
     .run = run_list},
    {.name = "read",
     .method = "ReadEvents",
     .help = "Show events of the past",
     .flags = read_flags,
     .examples = (const char *const[]){"events read --newest-first --count 20",
                                       "events read --stream order_created --from 2026-11-23 --until 2026-11-24", NULL},
     .run = run_read},
    {.name = "history",
     .method = "GetEntityHistory",
     .help = "Show all events of one entity, oldest first",
     .operand = "ENTITY ID",
     .operands_many = true,
     .flags = shown_flags,
     .examples = (const char *const[]){"events history order 28d2f6b0-ad95-5d05-b717-1d9ff15a34fa", NULL},
     .run = run_history},
    {.name = "at",
     .method = "GetEntityAt",
     .help = "Show an entity as it was at an entry of the log, or at a time",
     .operand = "ENTITY ID",
     .operands_many = true,
     .flags = at_flags,
     .examples = (const char *const[]){"events at order 28d2f6b0-ad95-5d05-b717-1d9ff15a34fa --time 10m",
                                       "events at product ebc64507-41dc-5b7c-bb01-124dabb263a8 --entry "
                                       "1795460356547-731",
                                       NULL},
     .run = run_at},
    {.name = "trace",
     .method = "TraceCause",
     .help = "Show what led to an event, and all that it led to, as a tree",
     .details = "The event is named by its event id, or by an entity whose first event it is.",
     .operand = "EVENT_ID | ENTITY ID",
     .operands_many = true,
     .flags = shown_flags,
     .examples = (const char *const[]){"events trace order 28d2f6b0-ad95-5d05-b717-1d9ff15a34fa",
                                       "events trace 0247b50f-54fa-404f-b46c-8fbfe9b0db03", NULL},
     .run = run_trace},
    {0},
};

const struct noun events_commands = {
    .name = "events",
    .alias = "event",
    .help = "What happens and has happened in the shop",
    .service = ORDERSHOP_EVENT,
    .verbs = verbs,
};
