/* SPDX-License-Identifier: Apache-2.0 */
#include "service/dead_letter_service.h"

#include <inttypes.h>
#include <ordershop/v1/dead_letter.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/key_table.h"
#include "base/message.h"
#include "base/timestamp.h"
#include "base/violations.h"
#include "consumer/dead_letter_read.h"
#include "consumer/dead_letter_repair.h"
#include "consumer/operations.h"
#include "consumer/progress.h"
#include "consumer/reason_fingerprint.h"
#include "loop/coroutine.h"
#include "service/operator.h"
#include "store/log_time.h"
#include "store/page_token.h"

enum {
  PAGE_DEFAULT = 50,
  KEYS_MAX = 1000,      /* on a page */
  LETTERS_MAX = 100,    /* likewise, with their events, */
  BODY_BYTES = 1 << 20, /* until these have so many bytes */
  LOOKED_AT = 10000,    /* keys, for groups and retries */
  AT_ONCE = 500,        /* keys that Redis is asked about */
  GROUPS_MAX = 1000,
  REFUSED_MAX = 100,  /* told by name */
  POLL_US = 20000,    /* between looks at a retry */
  ANSWER_US = 500000, /* of the call's time, for the answer; or a fourth of it */
};

/* ---- what is told of a dead letter ------------------------------------------------------------------------------ */

static Ordershop__V1__DeadLetter *message_of(struct arena *arena, const struct dead_letter_sight *sight) {
  Ordershop__V1__DeadLetter *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__dead_letter__init(message);
  message->id = arena_strdup(arena, sight->letter.id);
  message->key = arena_strdup(arena, sight->letter.key);
  message->reason = arena_strdup(arena, sight->note.reason);
  message->fingerprint = arena_alloc(arena, FINGERPRINT_SIZE);
  reason_fingerprint(sight->note.reason, message->fingerprint);
  message->attempts = sight->note.attempts;
  if (sight->note.first_us > 0) message->first_attempt_time = timestamp_new(arena, sight->note.first_us);
  if (sight->note.last_us > 0) message->last_attempt_time = timestamp_new(arena, sight->note.last_us);
  if (!sight->event.stream) return message;
  message->stream = arena_strdup(arena, sight->event.stream);
  message->event_id = arena_strdup(arena, sight->event.event_id ? sight->event.event_id : "");
  message->event_time = timestamp_new(arena, log_time_of_entry(sight->event.entry));
  return message;
}

static Ordershop__V1__DeadLetterKey *key_message_of(struct arena *arena, const struct dead_letter_key_sight *sight) {
  Ordershop__V1__DeadLetterKey *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__dead_letter_key__init(message);
  message->key = arena_strdup(arena, sight->key);
  message->held = sight->held;
  message->retrying = sight->retrying;
  if (sight->count > 0) message->first = message_of(arena, &sight->first);
  if (sight->count > 0) message->waiting = sight->count - 1;
  return message;
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

/* The type of what the stream tells of; NULL if the service does not read it. */
static const ProtobufCMessageDescriptor *stream_type(const struct service *service, const char *stream) {
  const struct progress *progress = consumer_progress(service->consumer);
  for (size_t i = 0; i < progress->stream_count; i++) {
    const struct subscribed_stream *subscribed = progress->streams[i].subscribed;
    if (strcmp(subscribed->name, stream) == 0) return subscribed->subscription->entity;
  }
  return NULL;
}

/* Sets the body, or the raw one if it can't be decoded. */
static void put_body(struct arena *arena, Ordershop__V1__DeadLetter *message, const ProtobufCMessageDescriptor *type,
                     const void *bytes, size_t size) {
  const ProtobufCBinaryData data = {.data = (uint8_t *)arena_memdup(arena, bytes, size), .len = size};
  if (!type || !message_unpack(arena, type, bytes, size)) {
    message->raw_body = data;
    return;
  }
  message->body = arena_alloc(arena, sizeof *message->body);
  google__protobuf__any__init(message->body);
  message->body->type_url = arena_printf(arena, "type.googleapis.com/%s", type->name);
  message->body->value = data;
}

static coroutine_fn struct status add_body(const struct service *service, struct context *context,
                                           const struct dead_letter_sight *sight, Ordershop__V1__DeadLetter *message) {
  struct arena *arena = context->arena;
  const struct outbox_route *route = service->definition->outbox;
  if (!sight->event.stream) {
    put_body(arena, message, route ? route->message : NULL, sight->letter.line, sight->letter.size);
    return status_ok();
  }
  const struct redis_reply *entry;
  const struct event_store *store = progress_store_of(consumer_progress(service->consumer), sight->event.stream);
  struct status status = dead_letter_read_entry(store, context, &sight->event, &entry);
  const struct redis_reply *entity = entry ? redis_reply_field(redis_reply_at(entry, 1), "entity") : NULL;
  if (!status_is_ok(status) || !entity || !entity->text) return status;
  put_body(arena, message, stream_type(service, sight->event.stream), entity->text, entity->size);
  return status;
}

static size_t body_size(const Ordershop__V1__DeadLetter *message) {
  return message->body ? message->body->value.len : message->raw_body.len;
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static size_t page_size_of(int32_t page_size, size_t max) {
  if (page_size == 0) return PAGE_DEFAULT;
  return (size_t)page_size > max ? max : (size_t)page_size;
}

static void check_page_size(struct violations *violations, int32_t page_size) {
  if (page_size < 0) violation_add(violations, "page_size", "must not be negative");
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

/* The first key behind the one that the token is. */
static size_t first_behind(const struct redis_arguments *keys, const char *token) {
  size_t i = 0;
  while (i < keys->count && *token && strcmp(keys->values[i], token) <= 0) i++;
  return i;
}

static coroutine_fn struct status list_keys(struct rpc_call *call, const void *message, const void **ret_reply) {
  const Ordershop__V1__ListDeadLetterKeysRequest *request = message;
  const struct service *service = call->service;
  struct arena *arena = call->context.arena;
  struct violations violations = violations_of(arena);
  check_page_size(&violations, request->page_size);
  struct status status = violations_status(&violations);
  struct redis_arguments keys;
  if (status_is_ok(status)) status = dead_letters_list(service->store, &call->context, &keys);
  if (!status_is_ok(status)) return status;
  size_t from = first_behind(&keys, request->page_token), max = page_size_of(request->page_size, KEYS_MAX);
  size_t count = keys.count - from < max ? keys.count - from : max;
  struct dead_letter_key_sight *sights = arena_calloc(arena, count, sizeof *sights);
  status = dead_letters_look(service->store, &call->context, &keys, from, count, sights);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__ListDeadLetterKeysResponse *reply = arena_alloc(arena, sizeof *reply);
  ordershop__v1__list_dead_letter_keys_response__init(reply);
  reply->keys = arena_calloc(arena, count, sizeof(*reply->keys));
  for (size_t i = 0; i < count; i++) {
    if (sights[i].held || sights[i].count > 0) reply->keys[reply->n_keys++] = key_message_of(arena, &sights[i]);
  }
  if (from + count < keys.count) reply->next_page_token = arena_strdup(arena, keys.values[from + count - 1]);
  *ret_reply = reply;
  return status;
}

/* Looks at all keys, up to LOOKED_AT. */
static coroutine_fn struct status look_at_all(const struct service *service, struct context *context,
                                              struct dead_letter_key_sight **ret_sights, size_t *ret_count,
                                              bool *ret_truncated) {
  struct redis_arguments keys;
  struct status status = dead_letters_list(service->store, context, &keys);
  if (!status_is_ok(status)) return status;
  *ret_truncated = keys.count > LOOKED_AT;
  *ret_count = *ret_truncated ? LOOKED_AT : keys.count;
  *ret_sights = arena_calloc(context->arena, *ret_count, sizeof **ret_sights);
  for (size_t from = 0; from < *ret_count && status_is_ok(status); from += AT_ONCE) {
    size_t count = *ret_count - from < AT_ONCE ? *ret_count - from : AT_ONCE;
    status = dead_letters_look(service->store, context, &keys, from, count, *ret_sights + from);
  }
  return status;
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

struct groups {
  struct arena *arena;
  struct key_table *by_fingerprint;
  Ordershop__V1__DeadLetterGroup **groups;
  size_t count;
};

static void add_to_group(struct groups *groups, const struct dead_letter_key_sight *sight) {
  char fingerprint[FINGERPRINT_SIZE];
  reason_fingerprint(sight->first.note.reason, fingerprint);
  void **place = key_table_at(groups->by_fingerprint, fingerprint);
  Ordershop__V1__DeadLetterGroup *group = *place;
  if (!group) {
    *place = group = arena_alloc(groups->arena, sizeof *group);
    ordershop__v1__dead_letter_group__init(group);
    group->fingerprint = arena_strdup(groups->arena, fingerprint);
    group->reason = arena_strdup(groups->arena, sight->first.note.reason);
    group->example_key = arena_strdup(groups->arena, sight->key);
    groups->groups[groups->count++] = group;
  }
  group->keys++;
  group->dead_letters += sight->count;
}

static int compare_groups(const void *left, const void *right) {
  const Ordershop__V1__DeadLetterGroup *a = *(Ordershop__V1__DeadLetterGroup *const *)left;
  const Ordershop__V1__DeadLetterGroup *b = *(Ordershop__V1__DeadLetterGroup *const *)right;
  if (a->keys != b->keys) return a->keys > b->keys ? -1 : 1;
  return strcmp(a->fingerprint, b->fingerprint);
}

static coroutine_fn struct status list_groups(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)request;
  struct arena *arena = call->context.arena;
  struct dead_letter_key_sight *sights;
  size_t count;
  bool truncated;
  struct status status = look_at_all(call->service, &call->context, &sights, &count, &truncated);
  if (!status_is_ok(status)) return status;
  struct groups groups = {.arena = arena,
                          .by_fingerprint = key_table_new(arena),
                          .groups = arena_calloc(arena, count, sizeof(Ordershop__V1__DeadLetterGroup *))};
  for (size_t i = 0; i < count; i++) {
    if (sights[i].count > 0) add_to_group(&groups, &sights[i]);
  }
  qsort(groups.groups, groups.count, sizeof(*groups.groups), compare_groups);
  Ordershop__V1__ListDeadLetterGroupsResponse *reply = arena_alloc(arena, sizeof *reply);
  ordershop__v1__list_dead_letter_groups_response__init(reply);
  reply->groups = groups.groups;
  reply->n_groups = groups.count < GROUPS_MAX ? groups.count : GROUPS_MAX;
  reply->truncated = truncated || groups.count > GROUPS_MAX;
  *ret_reply = reply;
  return status;
}

/* ---- the dead letters of a key ---------------------------------------------------------------------------------- */

/* Errors: NOT_FOUND if the key is not held and has none. */
static coroutine_fn struct status look_at_key(const struct service *service, struct context *context, const char *key,
                                              struct dead_letter_key_sight *ret_sight) {
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  redis_add_text(&keys, key);
  struct status status = dead_letters_look(service->store, context, &keys, 0, 1, ret_sight);
  if (!status_is_ok(status) || ret_sight->held || ret_sight->count > 0) return status;
  return status_not_found(context->arena, "dead_letter", key);
}

static coroutine_fn struct status read_page(const struct service *service, struct context *context, const char *key,
                                            int64_t from, size_t max, Ordershop__V1__ListDeadLettersResponse *reply) {
  struct arena *arena = context->arena;
  struct dead_letter_sight *sights;
  size_t count, bytes = 0;
  struct status status = dead_letters_read(service->store, context, key, from, max + 1, &sights, &count);
  if (!status_is_ok(status)) return status;
  reply->dead_letters = arena_calloc(arena, count, sizeof(*reply->dead_letters));
  while (reply->n_dead_letters < count && reply->n_dead_letters < max && bytes < BODY_BYTES) {
    const struct dead_letter_sight *sight = &sights[reply->n_dead_letters];
    Ordershop__V1__DeadLetter *letter = message_of(arena, sight);
    status = add_body(service, context, sight, letter);
    if (!status_is_ok(status)) return status;
    bytes += body_size(letter);
    reply->dead_letters[reply->n_dead_letters++] = letter;
  }
  if (reply->n_dead_letters < count) {
    reply->next_page_token = (char *)page_token_make(arena, key, from + (int64_t)reply->n_dead_letters);
  }
  return status;
}

static coroutine_fn struct status list_letters(struct rpc_call *call, const void *message, const void **ret_reply) {
  const Ordershop__V1__ListDeadLettersRequest *request = message;
  const struct service *service = call->service;
  struct violations violations = violations_of(call->context.arena);
  check_page_size(&violations, request->page_size);
  operator_check_required(&violations, "key", request->key);
  struct status status = violations_status(&violations);
  int64_t from = 0;
  struct dead_letter_key_sight sight;
  if (status_is_ok(status)) {
    status = page_token_parse(call->context.arena, request->key, request->page_token, &from);
  }
  if (status_is_ok(status)) status = look_at_key(service, &call->context, request->key, &sight);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__ListDeadLettersResponse *reply = arena_alloc(call->context.arena, sizeof *reply);
  ordershop__v1__list_dead_letters_response__init(reply);
  *ret_reply = reply;
  return read_page(service, &call->context, request->key, from, page_size_of(request->page_size, LETTERS_MAX), reply);
}

/* ---- retries ---------------------------------------------------------------------------------------------------- */

static struct status check_retry(const struct rpc_call *call, const Ordershop__V1__RetryDeadLettersRequest *request) {
  struct violations violations = violations_of(call->context.arena);
  int chosen = (*request->key != '\0') + (*request->fingerprint != '\0') + (request->all != 0);
  if (chosen != 1) violation_add(&violations, "key", "exactly one of key, fingerprint and all is required");
  operator_check_name(&violations, call, request->operator_name);
  return violations_status(&violations);
}

static bool is_chosen(const Ordershop__V1__RetryDeadLettersRequest *request,
                      const struct dead_letter_key_sight *sight) {
  if (request->all) return true;
  char fingerprint[FINGERPRINT_SIZE];
  if (sight->count == 0) return false;
  reason_fingerprint(sight->first.note.reason, fingerprint);
  return strcmp(fingerprint, request->fingerprint) == 0;
}

/* The keys that the request means. */
static coroutine_fn struct status choose_keys(struct rpc_call *call,
                                              const Ordershop__V1__RetryDeadLettersRequest *request,
                                              struct redis_arguments *ret_keys) {
  *ret_keys = redis_arguments_empty(call->context.arena);
  if (*request->key) {
    struct dead_letter_key_sight sight;
    redis_add_text(ret_keys, request->key);
    return look_at_key(call->service, &call->context, request->key, &sight);
  }
  struct dead_letter_key_sight *sights;
  size_t count;
  bool truncated;
  struct status status = look_at_all(call->service, &call->context, &sights, &count, &truncated);
  for (size_t i = 0; status_is_ok(status) && i < count; i++) {
    bool is_there = sights[i].held || sights[i].count > 0;
    if (is_there && is_chosen(request, &sights[i])) redis_add_text(ret_keys, sights[i].key);
  }
  return status;
}

static const char *subject_of(struct arena *arena, const Ordershop__V1__RetryDeadLettersRequest *request) {
  if (*request->key) return request->key;
  return request->all ? "all" : arena_printf(arena, "reason %s", request->fingerprint);
}

/* Waits until no retry of the keys is under way, or until it is time to answer. */
static coroutine_fn struct status await_retries(struct rpc_call *call, const struct redis_arguments *keys,
                                                size_t *ret_pending) {
  const struct service *service = call->service;
  int64_t now_us = clock_monotonic_us(), left_us = call->context.deadline_us - now_us;
  int64_t end_us = call->context.deadline_us - (left_us / 4 < ANSWER_US ? left_us / 4 : ANSWER_US);
  struct status status;
  rpc_call_rest(call);
  do {
    struct context context = {.arena = arena_new(), .deadline_us = call->context.deadline_us};
    coroutine_sleep(POLL_US, end_us);
    status = dead_letters_count_retries(service->store, &context, keys, ret_pending);
    status = status_copy(status, call->context.arena);
    arena_free(context.arena);
  } while (status_is_ok(status) && *ret_pending > 0 && clock_monotonic_us() < end_us && !rpc_call_cancelled(call));
  rpc_call_resume(call);
  return status;
}

/* Tells what has become of the keys. */
static coroutine_fn struct status tell_outcome(struct rpc_call *call, const struct redis_arguments *keys,
                                               Ordershop__V1__RetryDeadLettersResponse *reply) {
  const struct service *service = call->service;
  struct arena *arena = call->context.arena;
  struct dead_letter_key_sight *sights = arena_calloc(arena, AT_ONCE, sizeof *sights);
  reply->refused = arena_calloc(arena, REFUSED_MAX, sizeof(*reply->refused));
  for (size_t from = 0; from < keys->count; from += AT_ONCE) {
    size_t count = keys->count - from < AT_ONCE ? keys->count - from : AT_ONCE;
    struct status status = dead_letters_look(service->store, &call->context, keys, from, count, sights);
    if (!status_is_ok(status)) return status;
    for (size_t i = 0; i < count; i++) {
      if (sights[i].retrying) {
        reply->pending_keys++;
      } else if (sights[i].count == 0) {
        reply->freed_keys++;
      } else {
        reply->refused_keys++;
        if (reply->n_refused < REFUSED_MAX) reply->refused[reply->n_refused++] = message_of(arena, &sights[i].first);
      }
    }
  }
  return status_ok();
}

static coroutine_fn struct status retry_letters(struct rpc_call *call, const void *message, const void **ret_reply) {
  const Ordershop__V1__RetryDeadLettersRequest *request = message;
  struct service *service = call->service;
  struct arena *arena = call->context.arena;
  struct status status = check_retry(call, request);
  struct redis_arguments keys;
  if (status_is_ok(status)) status = choose_keys(call, request, &keys);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__RetryDeadLettersResponse *reply = arena_alloc(arena, sizeof *reply);
  ordershop__v1__retry_dead_letters_response__init(reply);
  reply->keys = (int64_t)keys.count;
  *ret_reply = reply;
  if (keys.count == 0) return status;
  const struct operation operation = {.by = operator_text(call, request->operator_name),
                                      .action = "retry",
                                      .subject = subject_of(arena, request),
                                      .id = "",
                                      .reason = arena_printf(arena, "%zu keys", keys.count)};
  size_t pending;
  status = dead_letters_ask_retry(service->store, &call->context, &keys, &operation);
  if (status_is_ok(status)) status = await_retries(call, &keys, &pending);
  return status_is_ok(status) ? tell_outcome(call, &keys, reply) : status;
}

/* ---- skipping --------------------------------------------------------------------------------------------------- */

static struct status check_skip(const struct rpc_call *call, const Ordershop__V1__SkipDeadLetterRequest *request) {
  struct violations violations = violations_of(call->context.arena);
  operator_check_required(&violations, "key", request->key);
  operator_check_required(&violations, "id", request->id);
  operator_check_required(&violations, "reason", request->reason);
  operator_check_reason(&violations, request->reason);
  operator_check_name(&violations, call, request->operator_name);
  return violations_status(&violations);
}

static coroutine_fn struct status skip_letter(struct rpc_call *call, const void *message, const void **ret_reply) {
  const Ordershop__V1__SkipDeadLetterRequest *request = message;
  struct service *service = call->service;
  struct arena *arena = call->context.arena;
  struct status status = check_skip(call, request);
  if (!status_is_ok(status)) return status;
  const struct operation operation = {.by = operator_text(call, request->operator_name),
                                      .action = "skip",
                                      .subject = request->key,
                                      .id = request->id,
                                      .reason = request->reason};
  struct dead_letter_sight skipped;
  status = dead_letter_skip(service->store, &call->context, &operation, &skipped);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__SkipDeadLetterResponse *reply = arena_alloc(arena, sizeof *reply);
  ordershop__v1__skip_dead_letter_response__init(reply);
  reply->skipped = message_of(arena, &skipped);
  *ret_reply = reply;
  return status;
}

/* ---- operations ------------------------------------------------------------------------------------------------- */

static Ordershop__V1__Operation *operation_message_of(struct arena *arena, const struct operation *operation) {
  Ordershop__V1__Operation *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__operation__init(message);
  message->time = timestamp_new(arena, operation->time_us);
  message->operator_name = (char *)operation->by;
  message->action = (char *)operation->action;
  message->subject = (char *)operation->subject;
  message->dead_letter_id = (char *)operation->id;
  message->reason = (char *)operation->reason;
  return message;
}

static coroutine_fn struct status list_operations(struct rpc_call *call, const void *message, const void **ret_reply) {
  const Ordershop__V1__ListOperationsRequest *request = message;
  const struct service *service = call->service;
  struct arena *arena = call->context.arena;
  struct violations violations = violations_of(arena);
  check_page_size(&violations, request->page_size);
  struct status status = violations_status(&violations);
  struct operation *operations;
  size_t count;
  size_t max = page_size_of(request->page_size, OPERATIONS_MAX);
  if (status_is_ok(status)) status = operations_read(service->store, &call->context, max, &operations, &count);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__ListOperationsResponse *reply = arena_alloc(arena, sizeof *reply);
  ordershop__v1__list_operations_response__init(reply);
  reply->operations = arena_calloc(arena, count, sizeof(*reply->operations));
  for (; reply->n_operations < count; reply->n_operations++) {
    reply->operations[reply->n_operations] = operation_message_of(arena, &operations[reply->n_operations]);
  }
  *ret_reply = reply;
  return status;
}

/* ---- the service ------------------------------------------------------------------------------------------------ */

static const struct rpc_method methods[] = {
    {.name = "ListDeadLetterKeys", .handler = list_keys, .flags = METHOD_ONLY_READS},
    {.name = "ListDeadLetterGroups", .handler = list_groups, .flags = METHOD_ONLY_READS},
    {.name = "ListDeadLetters", .handler = list_letters, .flags = METHOD_ONLY_READS},
    {.name = "RetryDeadLetters", .handler = retry_letters, .flags = METHOD_FOR_OPERATORS},
    {.name = "SkipDeadLetter", .handler = skip_letter, .flags = METHOD_FOR_OPERATORS},
    {.name = "ListOperations", .handler = list_operations, .flags = METHOD_ONLY_READS},
};

struct rpc_service dead_letter_service(struct service *service) {
  return (struct rpc_service){
      .descriptor = &ordershop__v1__dead_letter_service__descriptor, .methods = ROWS(methods), .user = service};
}
