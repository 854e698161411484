/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop events tail`: the shop's events as they happen. Reads Redis itself. */
#include <descriptor_set.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/events/entity_types.h"
#include "client/cli/events/event_redis.h"
#include "client/cli/events/event_tail.h"
#include "client/cli/events/event_text.h"
#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/interrupt.h"
#include "client/cli/line/session.h"
#include "client/cli/output/terminal.h"
#include "client/cli/output/terminal_text.h"
#include "client/client_reasons.h"
#include "message/message_types.h"

enum { CONNECT_MS = 2000 };

struct printing {
  struct arena *arena;
  struct entity_types *types;
  bool json;
  int64_t left; /* events to show; -1 means all */
};

/* ---- showing ---------------------------------------------------------------------------------------------------- */

static void tell(void *argument, const char *sentence) {
  struct printing *printing = argument;
  fprintf(stderr, "ordershop: %s\n", terminal_line(printing->arena, sentence));
}

/* Of a stream whose type is not known, the services are asked for it. */
static coroutine_fn const ProtobufCMessageDescriptor *type_of(struct printing *printing, const char *stream) {
  const char *problem;
  struct stream_name name = stream_name_of(printing->arena, stream);
  const ProtobufCMessageDescriptor *type = entity_types_ask(printing->types, name.entity, &problem);
  if (problem) tell(printing, problem);
  return type;
}

static coroutine_fn bool show_event(void *argument, const char *stream, const struct redis_reply *entry) {
  struct printing *printing = argument;
  arena_reset(printing->arena);
  const ProtobufCMessageDescriptor *type = type_of(printing, stream);
  puts(printing->json ? event_json(printing->arena, stream, type, entry)
                      : event_text(printing->arena, stream, type, entry));
  if (printing->left > 0) printing->left--;
  return printing->left != 0 && !ferror(stdout);
}

/* A reader that has gone away (head) shows at the next write; there may be none for hours. */
static bool flush(void *argument) {
  (void)argument;
  struct pollfd output = {.fd = STDOUT_FILENO};
  if (fflush(stdout) == 0 && !ferror(stdout)) return !(poll(&output, 1, 0) > 0 && output.revents & POLLERR);
  if (errno == EPIPE) clearerr(stdout); /* no failure: main then says nothing about it */
  return false;
}

/* Ctrl-C is the usual end of a tail, not a failure. */
static void end_well(const void *argument) {
  (void)argument;
  _exit(EXIT_DONE);
}

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static struct status usage(struct arena *arena, const char *flag, const char *value, const char *allowed) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--%s: \"%s\" is not %s", flag, value, allowed);
}

static struct status read_from(struct arena *arena, const struct invocation *invocation,
                               struct event_tail_options *options) {
  const char *text = invocation_value(invocation, "from");
  if (!text) text = options->follow ? "NOW" : "BEGINNING";
  if (event_from_parse(text, &options->from)) return status_ok();
  return usage(arena, "from", text,
               "BEGINNING, NOW, an entry's id (1795460356547-731), a time (2026-11-23T18:59:16Z) or a time ago (10m)");
}

static struct status read_count(struct arena *arena, const struct invocation *invocation, int64_t *ret_count) {
  const char *text = invocation_value(invocation, "count");
  if (!text) {
    *ret_count = -1;
    return status_ok();
  }
  char *end;
  long long count = strtoll(text, &end, 10);
  if (*end || end == text || count < 1) return usage(arena, "count", text, "a number from 1 on");
  *ret_count = count;
  return status_ok();
}

static const char *const happenings[] = {"created", "updated", "deleted"};

/* The streams of all entities that are known. */
static void read_known_streams(struct arena *arena, const struct entity_types *types,
                               struct event_tail_options *options) {
  const char *entity;
  size_t entities = 0, each = sizeof(happenings) / sizeof(happenings[0]);
  while (entity_types_name(types, entities)) entities++;
  const char **streams = arena_calloc(arena, entities * each, sizeof(*streams));
  for (size_t i = 0; (entity = entity_types_name(types, i)); i++) {
    for (size_t k = 0; k < each; k++) {
      streams[options->stream_count++] = arena_printf(arena, "%s_%s", entity, happenings[k]);
    }
  }
  options->streams = streams;
  options->all_streams = true;
}

/* Of all --stream; "events:customer_created" is meant by "customer_created". */
static void read_streams(struct arena *arena, const struct invocation *invocation, const struct entity_types *types,
                         struct event_tail_options *options) {
  const char **streams = arena_calloc(arena, invocation->given_count + 1, sizeof(*streams));
  for (size_t i = 0; i < invocation->given_count; i++) {
    const struct given_flag *given = &invocation->given[i];
    if (strcmp(given->flag->name, "stream") != 0) continue;
    bool whole = strncmp(given->value, "events:", 7) == 0;
    streams[options->stream_count++] = given->value + (whole ? 7 : 0);
  }
  options->streams = streams;
  if (options->stream_count == 0) read_known_streams(arena, types, options);
}

static struct status read_set(struct arena *arena, const char *path, struct entity_types *types) {
  char *bytes = arena_alloc(arena, MESSAGE_TYPES_SET_MAX + 1);
  FILE *file = fopen(path, "re");
  size_t size = file ? fread(bytes, 1, MESSAGE_TYPES_SET_MAX + 1, file) : 0;
  bool failed = !file || ferror(file);
  const char *why = strerror(errno);
  if (file) fclose(file);
  if (failed) return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--descriptor-set: %s: %s", path, why);
  struct status status = entity_types_add(types, arena, bytes, size);
  if (status_is_ok(status)) return status;
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--descriptor-set: %s: %s", path, status.message);
}

/* Of all --descriptor-set, then of the contract. */
static struct status read_types(struct arena *arena, const struct invocation *invocation, struct entity_types *types) {
  struct status status = status_ok();
  for (size_t i = 0; i < invocation->given_count && status_is_ok(status); i++) {
    const struct given_flag *given = &invocation->given[i];
    if (strcmp(given->flag->name, "descriptor-set") == 0) status = read_set(arena, given->value, types);
  }
  if (!status_is_ok(status)) return status;
  return entity_types_add(types, arena, ordershop_descriptor_set, ordershop_descriptor_set_size);
}

static struct status read_arguments(struct arena *arena, const struct invocation *invocation,
                                    struct event_tail_options *options, struct printing *printing) {
  options->follow = !invocation_value(invocation, "no-follow");
  options->connect_ms = invocation->timeout_ms ? invocation->timeout_ms : CONNECT_MS;
  struct status status = read_types(arena, invocation, printing->types);
  if (status_is_ok(status)) status = event_redis_read(arena, invocation, options);
  read_streams(arena, invocation, printing->types, options);
  if (status_is_ok(status)) status = read_from(arena, invocation, options);
  if (status_is_ok(status)) status = read_count(arena, invocation, &printing->left);
  return status;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static void printing_end(struct printing *printing) {
  entity_types_free(printing->types);
  arena_free(printing->arena);
}

static int run_tail(struct session *session) {
  struct arena *arena = session->arena;
  const struct invocation *invocation = session->invocation;
  struct printing printing = {
      .arena = arena_new(), .types = entity_types_new(session->client), .json = invocation->json};
  struct event_tail_options options = {.show_event = show_event, .flush = flush, .tell = tell, .argument = &printing};
  struct status status = read_arguments(arena, invocation, &options, &printing);
  if (!status_is_ok(status)) {
    printing_end(&printing);
    return failure_of_usage(invocation->json, status);
  }
  interrupt_set_farewell(end_well, NULL);
  status = event_tail(arena, &options);
  interrupt_set_farewell(NULL, NULL);
  printing_end(&printing);
  if (status_is_ok(status)) return EXIT_DONE;
  return failure_of_call(invocation->json, event_redis_explain(arena, &options, status), NULL);
}

static const struct flag tail_flags[] = {
    {.name = "stream",
     .value = "NAME",
     .kind = FLAG_OWN,
     .help = "Only this stream, e.g. customer_created; may be given several times"},
    {.name = "descriptor-set",
     .value = "FILE",
     .kind = FLAG_OWN,
     .help =
         "FileDescriptorSet (protoc --descriptor_set_out --include_imports) with types of entities, before those of "
         "the contract; may be given several times"},
    {.name = "from",
     .value = "WHERE",
     .kind = FLAG_OWN,
     .help =
         "BEGINNING, NOW, behind an entry's id, a time as in 2026-11-23T18:59:16Z, or a time ago as in 10m (NOW, or "
         "BEGINNING with --no-follow)"},
    {.name = "count", .value = "N", .kind = FLAG_OWN, .help = "End after so many events"},
    {.name = "no-follow", .kind = FLAG_OWN, .help = "End at the end of the log instead of waiting for more"},
    {.name = "redis-url",
     .value = "URL",
     .kind = FLAG_OWN,
     .help = "Where the shop's Redis is (ORDERSHOP_REDIS_URL; that of deploy/local/up.sh, as its user operator)"},
    {.name = "redis-password-file",
     .value = "FILE",
     .kind = FLAG_OWN,
     .help = "File whose first line is the password for Redis (ORDERSHOP_REDIS_PASSWORD_FILE)"},
    {.name = "key-prefix",
     .value = "PREFIX",
     .kind = FLAG_OWN,
     .help = "Put before every key in Redis (ORDERSHOP_KEY_PREFIX)"},
    {0},
};

static const struct verb verbs[] = {
    {.name = "tail",
     .help = "Follow the events of the shop, in their order over all streams, until Ctrl-C",
     .details =
         "Reads the streams events:* in Redis, new ones included. With --json, a line an event. A Redis that goes "
         "away meanwhile is waited for. Services are asked by reflection for types that are not in the contract; one "
         "of "
         "your own is found by ORDERSHOP_<NAME>_ADDRESS.",
     .flags = tail_flags,
     .examples =
         (const char *const[]){"events tail", "events tail --from 10m --stream order_created --stream mail_created",
                               "events tail --from BEGINNING --no-follow --json | jq -c '[.id, .stream]'", NULL},
     .run = run_tail},
    {0},
};

const struct noun events_commands = {
    .name = "events",
    .help = "What happens in the shop",
    .verbs = verbs,
};
