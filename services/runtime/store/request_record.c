/* SPDX-License-Identifier: Apache-2.0 */
#include "store/request_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/uuid.h"
#include "base/violations.h"

/* A record is "<fingerprint> <first log time>" or "<fingerprint>=<packed answer>". */
enum { FINGERPRINT_SIZE = UUID_TEXT_SIZE - 1 };

struct request_record request_record_of(const struct event_store *store, struct arena *arena, const char *method,
                                        const void *request, const char *request_id) {
  if (!*request_id) return (struct request_record){0};
  const char *canonical = uuid_canonical(arena, request_id);
  size_t size;
  void *bytes = message_pack(arena, request, &size);
  return (struct request_record){
      .key = redis_key(store->commands, arena, "%s_request:%s", store->service, canonical),
      .request_id = canonical,
      .fingerprint = uuid_derive(arena, method, bytes, size),
  };
}

void request_record_add(const struct request_record *record, struct transaction *transaction, const void *answer) {
  if (!record->key) return;
  size_t size = 0;
  const char *bytes = answer ? message_pack(transaction->arena, answer, &size) : NULL;
  char *value = arena_alloc(transaction->arena, FINGERPRINT_SIZE + 1 + size);
  memcpy(value, record->fingerprint, FINGERPRINT_SIZE);
  value[FINGERPRINT_SIZE] = answer ? '=' : ' ';
  if (size) memcpy(value + FINGERPRINT_SIZE + 1, bytes, size);
  transaction_request(transaction, record->key, value, FINGERPRINT_SIZE + 1 + size, !answer);
}

struct status request_record_read(const struct request_record *record, struct arena *arena, const char *value,
                                  size_t size, struct request_trace *ret_trace) {
  bool same = size > FINGERPRINT_SIZE && memcmp(value, record->fingerprint, FINGERPRINT_SIZE) == 0;
  if (!same) {
    const char *description = arena_printf(arena, "%s was used for another request", record->request_id);
    return violation_status(arena, reason_request_id_reused, "request_id", description);
  }
  const char *rest = value + FINGERPRINT_SIZE + 1;
  struct request_trace trace = {0};
  if (value[FINGERPRINT_SIZE] == '=') {
    trace.answer = rest;
    trace.answer_size = size - FINGERPRINT_SIZE - 1;
  } else {
    trace.first = strtoll(rest, NULL, 10);
  }
  *ret_trace = trace;
  return status_ok();
}

coroutine_fn struct status request_record_find(const struct request_record *record, struct event_store *store,
                                               struct context *context, bool *ret_found,
                                               struct request_trace *ret_trace) {
  if (!record->key) {
    *ret_found = false;
    return status_ok();
  }
  struct redis_arguments get = redis_command_of(context->arena, "GET", record->key, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  if (reply->type == REDIS_TEXT) {
    status = request_record_read(record, context->arena, reply->text, reply->size, ret_trace);
    if (!status_is_ok(status)) return status;
  }
  *ret_found = reply->type == REDIS_TEXT;
  return status_ok();
}

coroutine_fn struct status request_trace_entities(const struct request_trace *trace, struct event_store *store,
                                                  struct context *context, const char *stream,
                                                  const ProtobufCMessageDescriptor *descriptor, size_t count,
                                                  const void **ret_entities) {
  struct arena *arena = context->arena;
  struct redis_arguments range = redis_command_of(
      arena, "XRANGE", event_stream_key(store, arena, stream), log_time_text(arena, trace->first),
      log_time_text(arena, trace->first + (int64_t)count - 1), "COUNT", arena_printf(arena, "%zu", count), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->reads, context, &range, &reply);
  if (!status_is_ok(status)) return status;
  if (reply->count != count) {
    return status_error(arena, STATUS_DATA_LOSS, reason_event_missing,
                        "events:%s has lost the event %s of this request", stream, log_time_text(arena, trace->first));
  }
  for (size_t i = 0; i < count; i++) {
    struct event event;
    status = event_decode(arena, stream, descriptor, reply->elements[i], &event);
    if (!status_is_ok(status)) return status;
    ret_entities[i] = event.entity;
  }
  return status_ok();
}
