/* SPDX-License-Identifier: Apache-2.0 */
#include "event_query.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/field_rules.h"
#include "base/message.h"
#include "base/timestamp.h"
#include "base/uuid.h"
#include "event_message.h"
#include "event_range.h"
#include "log_entry.h"
#include "service/entity_query.h"
#include "store/entity_store.h"
#include "store/page_token.h"

enum { PAGE_SIZE_DEFAULT = 50, PAGE_SIZE_MAX = 1000, TAG_SIZE = 13 };

/* ---- pages ------------------------------------------------------------------------------------------------------ */

/* A token is a tag of the request, but for the page, and the log time of the last entry of the page before. */
static const char *tag_of(struct arena *arena, const void *request) {
  void *same = message_share(arena, request);
  message_set_number(same, "page_size", 0);
  message_set_text(same, "page_token", "");
  const ProtobufCMessageDescriptor *type = ((const ProtobufCMessage *)request)->descriptor;
  if (type == &ordershop__v1__read_events_request__descriptor) {
    ((Ordershop__V1__ReadEventsRequest *)same)->consistent_read = false; /* the first page alone may need it */
  }
  size_t size;
  const void *bytes = message_pack(arena, same, &size);
  return arena_memdup(arena, uuid_derive(arena, type->name, bytes, size), TAG_SIZE);
}

static struct status continue_behind(struct arena *arena, const void *request, struct index_query *query) {
  const char *token = message_text(request, "page_token"), *tag = tag_of(arena, request);
  if (!*token) return status_ok();
  size_t digits = strlen(token) > TAG_SIZE ? strspn(token + TAG_SIZE + 1, "0123456789abcdef") : 0;
  bool ours = strncmp(token, tag, TAG_SIZE) == 0 && token[TAG_SIZE] == '.' && digits > 0 && digits < 16 &&
              !token[TAG_SIZE + 1 + digits];
  if (!ours) return page_token_invalid(arena);
  int64_t last = strtoll(token + TAG_SIZE + 1, NULL, 16);
  if (query->newest_first && last - 1 < query->until) query->until = last - 1;
  if (!query->newest_first && last > query->after) query->after = last;
  return status_ok();
}

/* Reads a page as the request's page_size and page_token say, with all entries that have the last one's log time; what
 * is found behind those tells whether there is another page. */
static coroutine_fn struct status read_page(struct event_log *log, struct context *context, const void *request,
                                            struct index_query *query, struct log_page *ret_page,
                                            char **ret_next_page_token) {
  struct arena *arena = context->arena;
  struct status status = continue_behind(arena, request, query);
  if (!status_is_ok(status)) return status;
  int64_t asked = message_number(request, "page_size");
  size_t size = asked == 0 ? PAGE_SIZE_DEFAULT : asked > PAGE_SIZE_MAX ? PAGE_SIZE_MAX : (size_t)asked;
  query->limit = size + INDEX_TIES;
  struct index_place *places;
  size_t count;
  status = event_log_find(log, context, query, &places, &count);
  if (status_is_ok(status)) {
    size_t wanted = index_places_with_ties(places, count, count < size ? count : size);
    status = event_log_fetch(log, context, places, wanted, EVENT_ANSWER_BYTES, ret_page);
  }
  if (!status_is_ok(status)) return status;
  *ret_next_page_token = "";
  if (ret_page->looked_at < count) {
    int64_t last = places[ret_page->looked_at - 1].log_time;
    *ret_next_page_token = arena_printf(arena, "%s.%" PRIx64, tag_of(arena, request), last);
  }
  return status;
}

/* ---- ReadEvents ------------------------------------------------------------------------------------------------- */

static void check_read(struct violations *violations, const struct event_log *log,
                       const Ordershop__V1__ReadEventsRequest *read, struct index_query *query) {
  check_streams(violations, log, read->streams, read->n_streams);
  if (read->entity) check_entity(violations, log, "entity", read->entity->entity_type, read->entity->id, false);
  check_optional_uuid(violations, "cause", read->cause);
  check_entry(violations, "after_entry", read->after_entry, &query->after);
  check_entry(violations, "until_entry", read->until_entry, &query->until);
  check_at_most_one(violations, "start_time", "after_entry, start_time", *read->after_entry, read->start_time, false);
  check_at_most_one(violations, "end_time", "until_entry, end_time", *read->until_entry, read->end_time, false);
  if (!protobuf_c_enum_descriptor_get_value(&ordershop__v1__event_order__descriptor, (int)read->order)) {
    violation_add(violations, "order", "is none of EventOrder");
  }
  check_view(violations, read->view);
  check_page_size(violations, read->page_size);
}

/* Both entries must be there, or the answer could be another one tomorrow. */
static coroutine_fn struct status await_range(struct event_log *log, struct context *context,
                                              const Ordershop__V1__ReadEventsRequest *read,
                                              const struct index_query *query, int64_t *read_to) {
  struct status status = status_ok();
  if (*read->after_entry) status = await_entry(log, context, query->after, read_to);
  if (status_is_ok(status) && *read->until_entry) status = await_entry(log, context, query->until, read_to);
  return status;
}

coroutine_fn struct status read_events(struct rpc_call *call, const void *request, const void **ret_response) {
  const Ordershop__V1__ReadEventsRequest *read = request;
  struct event_log *log = service_of(call)->user;
  struct context *context = &call->context;
  struct arena *arena = context->arena;
  struct index_query query = {.after = 0, .until = INT64_MAX};
  struct violations violations = violations_of(arena);
  check_read(&violations, log, read, &query);
  struct status status = violations_status(&violations);
  int64_t read_to = 0;
  if (status_is_ok(status)) status = event_log_await(log, call, &read_to);
  if (status_is_ok(status) && read->consistent_read) status = await_end(log, call, &read_to);
  if (status_is_ok(status)) status = await_range(log, context, read, &query, &read_to);
  if (!status_is_ok(status)) return status;

  if (read->start_time) query.after = timestamp_unix_us(read->start_time) - 1;
  if (read->end_time) query.until = timestamp_unix_us(read->end_time) - 1;
  if (read->consistent_read && query.until > read_to) query.until = read_to; /* its position covers all of it */
  query.newest_first = read->order == ORDERSHOP__V1__EVENT_ORDER__EVENT_ORDER_NEWEST_FIRST;
  struct index_key entity = index_key_of(read->entity ? read->entity->id : "");
  query.entities = &entity;
  query.entity_count = entity.size > 0;
  query.cause = index_key_of(read->cause);
  if (read->n_streams > 0 || read->entity) {
    query.streams = stream_numbers(log, arena, read->streams, read->n_streams,
                                   read->entity ? read->entity->entity_type : NULL, &query.stream_count);
  }
  struct log_page page = {0};
  char *next_page_token = "";
  bool is_empty = query.streams && query.stream_count == 0; /* streams of other entities than that */
  if (!is_empty) status = read_page(log, context, request, &query, &page, &next_page_token);
  if (!status_is_ok(status)) return status;

  Ordershop__V1__ReadEventsResponse *response = arena_alloc(arena, sizeof *response);
  ordershop__v1__read_events_response__init(response);
  response->events = event_messages(log, context, page.entries, page.count, read->view);
  response->n_events = page.count;
  response->next_page_token = next_page_token;
  response->read_to = read_to_entry(arena, read_to);
  response->position = read_to_position(log, arena, read_to);
  *ret_response = response;
  return status;
}

/* ---- GetEntityHistory ------------------------------------------------------------------------------------------- */

static struct index_query query_of_entity(const struct event_log *log, struct arena *arena, const char *type,
                                          const char *id) {
  struct index_key *key = arena_alloc(arena, sizeof *key);
  *key = index_key_of(id);
  struct index_query query = {.until = INT64_MAX, .entities = key, .entity_count = 1};
  query.streams = stream_numbers(log, arena, NULL, 0, type, &query.stream_count);
  return query;
}

coroutine_fn struct status get_entity_history(struct rpc_call *call, const void *request, const void **ret_response) {
  const Ordershop__V1__GetEntityHistoryRequest *get = request;
  struct event_log *log = service_of(call)->user;
  struct arena *arena = call->context.arena;
  struct violations violations = violations_of(arena);
  check_entity(&violations, log, "", get->entity_type, get->id, true);
  check_view(&violations, get->view);
  check_page_size(&violations, get->page_size);
  struct status status = violations_status(&violations);
  int64_t read_to = 0;
  if (status_is_ok(status)) status = event_log_await(log, call, &read_to);
  if (!status_is_ok(status)) return status;

  struct index_query query = query_of_entity(log, arena, get->entity_type, get->id);
  Ordershop__V1__GetEntityHistoryResponse *response = arena_alloc(arena, sizeof *response);
  ordershop__v1__get_entity_history_response__init(response);
  struct log_page page;
  status = read_page(log, &call->context, request, &query, &page, &response->next_page_token);
  if (status_is_ok(status) && page.count == 0) {
    status = await_end(log, call, &read_to);
    if (status_is_ok(status))
      status = read_page(log, &call->context, request, &query, &page, &response->next_page_token);
  }
  if (!status_is_ok(status)) return status;
  if (page.count == 0 && !*get->page_token) return status_not_found(arena, get->entity_type, get->id);
  response->events = event_messages(log, &call->context, page.entries, page.count, get->view);
  response->n_events = page.count;
  response->read_to = read_to_entry(arena, read_to);
  response->position = read_to_position(log, arena, read_to);
  *ret_response = response;
  return status;
}

/* ---- GetEntityAt ------------------------------------------------------------------------------------------------ */

/* What only the created event of an entity tells (entity_type.told_once), since it never changes. */
static const char *told_once(const char *entity) {
  return strcmp(entity, "mail") == 0 ? "body" : NULL;
}

static coroutine_fn struct status find_one(struct event_log *log, struct context *context, struct index_query *query,
                                           struct log_page *ret_page) {
  struct index_place *places;
  size_t count;
  query->limit = 1;
  *ret_page = (struct log_page){0};
  struct status status = event_log_find(log, context, query, &places, &count);
  if (!status_is_ok(status) || count == 0) return status;
  return event_log_fetch(log, context, places, 1, EVENT_ANSWER_BYTES, ret_page);
}

/* Adds to the entity what only its created event tells. */
static coroutine_fn struct status complete(struct event_log *log, struct context *context, struct log_entry *entry,
                                           struct index_query *query) {
  struct arena *arena = context->arena;
  const char *name = told_once(entry->stream->entity);
  const ProtobufCMessageDescriptor *type = event_log_type(log, entry->stream, entry->log_time);
  if (!name || !type || !message_has_field(type, name, PROTOBUF_C_TYPE_STRING, false)) return status_ok();
  if (strcmp(entry->stream->happening, "updated") != 0) return status_ok();
  struct log_page page;
  query->newest_first = false;
  struct status status = find_one(log, context, query, &page);
  if (!status_is_ok(status) || page.count == 0) return status;
  unsigned number = message_field(type, name)->id;
  const struct log_entry *created = &page.entries[0];
  log_entry_set_text(arena, entry, number, packed_text(arena, created->entity, created->entity_size, number));
  return status;
}

/* *ret_entry is NULL unless it was found. */
static coroutine_fn struct status find_as_of(struct event_log *log, struct rpc_call *call,
                                             const Ordershop__V1__GetEntityAtRequest *get, struct index_query *query,
                                             int64_t *read_to, struct log_entry **ret_entry) {
  *ret_entry = NULL;
  struct context *context = &call->context;
  struct log_page page;
  query->newest_first = true;
  struct status status = find_one(log, context, query, &page);
  if (status_is_ok(status) && page.count == 0) {
    status = await_end(log, call, read_to);
    if (status_is_ok(status)) status = find_one(log, context, query, &page);
  }
  if (!status_is_ok(status)) return status;
  if (page.count == 0) return status_not_found(context->arena, get->entity_type, get->id);
  *ret_entry = &page.entries[0];
  return complete(log, context, *ret_entry, query);
}

coroutine_fn struct status get_entity_at(struct rpc_call *call, const void *request, const void **ret_response) {
  const Ordershop__V1__GetEntityAtRequest *get = request;
  struct event_log *log = service_of(call)->user;
  struct arena *arena = call->context.arena;
  int64_t at = INT64_MAX;
  struct violations violations = violations_of(arena);
  check_entity(&violations, log, "", get->entity_type, get->id, true);
  check_entry(&violations, "at_entry", get->at_entry, &at);
  check_at_most_one(&violations, "at_time", "at_entry, at_time", *get->at_entry, get->at_time, false);
  check_view(&violations, get->view);
  struct status status = violations_status(&violations);
  int64_t read_to = 0;
  if (status_is_ok(status)) status = event_log_await(log, call, &read_to);
  if (status_is_ok(status) && *get->at_entry) status = await_entry(log, &call->context, at, &read_to);
  if (!status_is_ok(status)) return status;

  struct index_query query = query_of_entity(log, arena, get->entity_type, get->id);
  query.until = get->at_time ? timestamp_unix_us(get->at_time) : at;
  struct log_entry *entry;
  status = find_as_of(log, call, get, &query, &read_to, &entry);
  if (!entry || !status_is_ok(status)) return status;
  Ordershop__V1__GetEntityAtResponse *response = arena_alloc(arena, sizeof *response);
  ordershop__v1__get_entity_at_response__init(response);
  response->event = event_messages(log, &call->context, entry, 1, get->view)[0];
  response->deleted = strcmp(entry->stream->happening, "deleted") == 0;
  response->read_to = read_to_entry(arena, read_to);
  response->position = read_to_position(log, arena, read_to);
  *ret_response = response;
  return status;
}
