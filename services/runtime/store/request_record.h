/* SPDX-License-Identifier: Apache-2.0 */
/* Request record: what makes a command idempotent by its request_id (`<service>_request:<request id>`).
 *
 * It holds a fingerprint of method and request, then what is needed to give the first answer again: the log time of the
 * event that the command made, or the answer itself where the event does not tell it. It lives for
 * store->request_seconds, a little longer than is promised to callers; nothing inside the shop relies on it. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/status.h"
#include "loop/coroutine.h"
#include "store/event.h"

struct request_record {
  const char *key;         /* NULL if the caller gave no request_id */
  const char *request_id;  /* canonical */
  const char *fingerprint; /* of method and request */
};

/* `request` is the decoded request without its request_id and output-only fields (the caller clears what does not
 * count); request_id is valid or empty. */
struct request_record request_record_of(const struct event_store *store, struct arena *arena, const char *method,
                                        const void *request, const char *request_id);

/* Makes the transaction write the record. With `answer` the record holds that answer, for a command that has no event
 * or whose events don't tell all of it. */
void request_record_add(const struct request_record *record, struct transaction *transaction, const void *answer);

/* Where the answer to an earlier call with the same request is. */
struct request_trace {
  int64_t first;      /* the log time of its first event; 0 means it had none */
  const void *answer; /* the packed answer itself; NULL means its events tell it */
  size_t answer_size;
};

/* Reads the record. *ret_found is false if there was no such request yet, or if it has no request_id. Yields. Errors:
 * INVALID_ARGUMENT (REQUEST_ID_REUSED) if its fingerprint differs. */
coroutine_fn struct status request_record_find(const struct request_record *record, struct event_store *store,
                                               struct context *context, bool *ret_found,
                                               struct request_trace *ret_trace);

/* Does the same with the value that a REPLAYED transaction told. */
struct status request_record_read(const struct request_record *record, struct arena *arena, const char *value,
                                  size_t size, struct request_trace *ret_trace);

/* Loads the entities of `count` consecutive events of a stream from log time `first` on. Errors: DATA_LOSS. */
coroutine_fn struct status request_trace_entities(const struct request_trace *trace, struct event_store *store,
                                                  struct context *context, const char *stream,
                                                  const ProtobufCMessageDescriptor *descriptor, size_t count,
                                                  const void **ret_entities);
