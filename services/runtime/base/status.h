/* SPDX-License-Identifier: Apache-2.0 */
/* Status: what everything that can fail returns, by value.
 *
 * Codes are gRPC's (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). Details follow AIP-193 and are sent as
 * google.rpc.Status in `grpc-status-details-bin`: ErrorInfo always (reason, the brand's domain, metadata), BadRequest,
 * ResourceInfo, PreconditionFailure and RetryInfo where they apply.
 * Lifetime: message and details live in the arena that the status was made with; a status made without an arena holds
 * literals only. Outputs named ret_x are untouched when a function returns an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/reason.h"

enum status_code {
  STATUS_OK = 0,
  STATUS_CANCELLED = 1,
  STATUS_UNKNOWN = 2,
  STATUS_INVALID_ARGUMENT = 3,
  STATUS_DEADLINE_EXCEEDED = 4,
  STATUS_NOT_FOUND = 5,
  STATUS_ALREADY_EXISTS = 6,
  STATUS_PERMISSION_DENIED = 7,
  STATUS_RESOURCE_EXHAUSTED = 8,
  STATUS_FAILED_PRECONDITION = 9,
  STATUS_ABORTED = 10,
  STATUS_OUT_OF_RANGE = 11,
  STATUS_UNIMPLEMENTED = 12,
  STATUS_INTERNAL = 13,
  STATUS_UNAVAILABLE = 14,
  STATUS_DATA_LOSS = 15,
  STATUS_UNAUTHENTICATED = 16,
};

/* One entry of ErrorInfo.metadata. */
struct error_metadata {
  const char *key;
  const char *value;
  const struct error_metadata *next;
};

/* One entry of BadRequest.field_violations: path of the field as in the proto ("customer.email"), and what is wrong. */
struct field_violation {
  const char *field;
  const char *description;
  const struct field_violation *next;
};

/* One entry of PreconditionFailure.violations. */
struct precondition_violation {
  const char *type;    /* e.g. "STOCK" */
  const char *subject; /* e.g. "product/6f1c..." */
  const char *description;
  const struct precondition_violation *next;
};

struct error_details {
  const char *reason;  /* an object of base/reason.h or of the brand; or, if it is none of these, its text */
  bool reason_is_text; /* which lives in the status' arena */
  const struct error_metadata *metadata;
  const struct field_violation *violations;
  const struct precondition_violation *preconditions;
  const char *resource_type; /* ResourceInfo: "customer"; NULL if there is none */
  const char *resource_name; /* ResourceInfo: the id */
  int64_t retry_delay_ms;    /* RetryInfo; 0 if there is none */
};

struct status {
  enum status_code code;
  const char *message;                 /* for people; never NULL when code is not OK */
  const struct error_details *details; /* may be NULL */
};

/* Returns the status of what has succeeded. */
static inline struct status status_ok(void) {
  return (struct status){.code = STATUS_OK};
}

/* Returns whether the code is OK. */
static inline bool status_is_ok(struct status status) {
  return status.code == STATUS_OK;
}

/* Returns an error with a reason, one of the objects of base/reason.h or of the brand, and a printf message. Without an
 * arena (NULL), `format` itself is the message, and there is no reason. */
struct status status_error(struct arena *arena, enum status_code code, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Return the same status with one more detail. The details are copied, never changed in place, and lists have the
 * newest entry first. These do nothing to an OK status, or without an arena. */
struct status status_with_metadata(struct status status, struct arena *arena, const char *key, const char *value);
struct status status_with_resource(struct status status, struct arena *arena, const char *type, const char *name);
struct status status_with_retry(struct status status, struct arena *arena, int64_t delay_ms);
struct status status_with_precondition(struct status status, struct arena *arena, const char *type, const char *subject,
                                       const char *description);

/* Returns the same status with the step that failed before its message, "reserving the stock: ..."; code and details
 * stay. It does nothing to an OK status, or without an arena. */
struct status status_with_step(struct status status, struct arena *arena, const char *step);

/* Returns NOT_FOUND with reason_not_found(type), ResourceInfo, and a message that names type and id. */
struct status status_not_found(struct arena *arena, const char *type, const char *id);

/* Returns ALREADY_EXISTS with reason_already_exists(type), likewise. */
struct status status_already_exists(struct arena *arena, const char *type, const char *id);

/* Returns the same status with another message. */
struct status status_with_message(struct status status, struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns whether `reason`, one of the objects, is the status' reason. */
static inline bool status_is(struct status status, const char *reason) {
  return status.details && status.details->reason == reason;
}

/* Returns the reason as text, for logs and for people; "" if there is none. Programs decide by status_is. */
const char *status_reason(struct status status);

/* Returns a deep copy in another arena, for a status that outlives the arena that it was made in. */
struct status status_copy(struct status status, struct arena *arena);

/* Returns "NOT_FOUND" etc., or "UNKNOWN" for numbers that are not gRPC's. */
const char *status_code_name(enum status_code code);

/* Returns true for what an outage or overload causes and a later try may cure: UNAVAILABLE, DEADLINE_EXCEEDED,
 * RESOURCE_EXHAUSTED, ABORTED, CANCELLED. Every other code says that the request is wrong. */
bool status_is_transient(struct status status);
