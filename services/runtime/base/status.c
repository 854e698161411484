/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stdarg.h>

/* The details of a status as a copy that may be changed; `arena` is not NULL. */
static struct error_details *details_copy(struct status status, struct arena *arena) {
  struct error_details *copy = arena_alloc(arena, sizeof(*copy));
  *copy = status.details ? *status.details : (struct error_details){.reason = ""};
  return copy;
}

struct status status_error(struct arena *arena, enum status_code code, const char *reason, const char *format, ...) {
  if (!arena) return (struct status){.code = code, .message = format};
  va_list values;
  va_start(values, format);
  const char *message = arena_vprintf(arena, format, values);
  va_end(values);
  struct error_details *details = arena_calloc(arena, 1, sizeof(*details));
  details->reason = reason ? reason : "";
  return (struct status){.code = code, .message = message, .details = details};
}

struct status status_with_step(struct status status, struct arena *arena, const char *step) {
  if (status_is_ok(status) || !arena) return status;
  status.message = arena_printf(arena, "%s: %s", step, status.message);
  return status;
}

struct status status_with_message(struct status status, struct arena *arena, const char *format, ...) {
  va_list values;
  va_start(values, format);
  status.message = arena_vprintf(arena, format, values);
  va_end(values);
  return status;
}

struct status status_with_metadata(struct status status, struct arena *arena, const char *key, const char *value) {
  if (status_is_ok(status) || !arena) return status;
  struct error_details *details = details_copy(status, arena);
  struct error_metadata *metadata = arena_alloc(arena, sizeof(*metadata));
  *metadata = (struct error_metadata){
      .key = arena_strdup(arena, key), .value = arena_strdup(arena, value ? value : ""), .next = details->metadata};
  details->metadata = metadata;
  status.details = details;
  return status;
}

struct status status_with_resource(struct status status, struct arena *arena, const char *type, const char *name) {
  if (status_is_ok(status) || !arena) return status;
  struct error_details *details = details_copy(status, arena);
  details->resource_type = arena_strdup(arena, type);
  details->resource_name = arena_strdup(arena, name ? name : "");
  status.details = details;
  return status;
}

struct status status_with_retry(struct status status, struct arena *arena, int64_t delay_ms) {
  if (status_is_ok(status) || !arena) return status;
  struct error_details *details = details_copy(status, arena);
  details->retry_delay_ms = delay_ms;
  status.details = details;
  return status;
}

struct status status_with_precondition(struct status status, struct arena *arena, const char *type, const char *subject,
                                       const char *description) {
  if (status_is_ok(status) || !arena) return status;
  struct error_details *details = details_copy(status, arena);
  struct precondition_violation *precondition = arena_alloc(arena, sizeof(*precondition));
  *precondition = (struct precondition_violation){.type = arena_strdup(arena, type),
                                                  .subject = arena_strdup(arena, subject),
                                                  .description = arena_strdup(arena, description),
                                                  .next = details->preconditions};
  details->preconditions = precondition;
  status.details = details;
  return status;
}

struct status status_not_found(struct arena *arena, const char *type, const char *id) {
  struct status status = status_error(arena, STATUS_NOT_FOUND, reason_not_found(type), "there is no %s %s", type, id);
  return status_with_resource(status, arena, type, id);
}

struct status status_already_exists(struct arena *arena, const char *type, const char *id) {
  struct status status =
      status_error(arena, STATUS_ALREADY_EXISTS, reason_already_exists(type), "%s %s exists already", type, id);
  return status_with_resource(status, arena, type, id);
}

const char *status_reason(struct status status) {
  return status.details && status.details->reason ? status.details->reason : "";
}

static const struct error_metadata *metadata_copy(const struct error_metadata *from, struct arena *arena) {
  const struct error_metadata *first = NULL, **link = &first;
  for (; from; from = from->next) {
    struct error_metadata *copy = arena_alloc(arena, sizeof(*copy));
    *copy = (struct error_metadata){arena_strdup(arena, from->key), arena_strdup(arena, from->value), NULL};
    *link = copy;
    link = &copy->next;
  }
  return first;
}

static const struct field_violation *violations_copy(const struct field_violation *from, struct arena *arena) {
  const struct field_violation *first = NULL, **link = &first;
  for (; from; from = from->next) {
    struct field_violation *copy = arena_alloc(arena, sizeof(*copy));
    *copy = (struct field_violation){arena_strdup(arena, from->field), arena_strdup(arena, from->description), NULL};
    *link = copy;
    link = &copy->next;
  }
  return first;
}

static const struct precondition_violation *preconditions_copy(const struct precondition_violation *from,
                                                               struct arena *arena) {
  const struct precondition_violation *first = NULL, **link = &first;
  for (; from; from = from->next) {
    struct precondition_violation *copy = arena_alloc(arena, sizeof(*copy));
    *copy = (struct precondition_violation){arena_strdup(arena, from->type), arena_strdup(arena, from->subject),
                                            arena_strdup(arena, from->description), NULL};
    *link = copy;
    link = &copy->next;
  }
  return first;
}

struct status status_copy(struct status status, struct arena *arena) {
  status.message = arena_strdup(arena, status.message);
  if (!status.details) return status;
  struct error_details *details = details_copy(status, arena);
  if (details->reason_is_text) details->reason = arena_strdup(arena, details->reason);
  details->metadata = metadata_copy(details->metadata, arena);
  details->violations = violations_copy(details->violations, arena);
  details->preconditions = preconditions_copy(details->preconditions, arena);
  details->resource_type = arena_strdup(arena, details->resource_type);
  details->resource_name = arena_strdup(arena, details->resource_name);
  status.details = details;
  return status;
}

const char *status_code_name(enum status_code code) {
  static const char *const names[] = {
      "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED",
  };
  size_t index = (size_t)code;
  return index < sizeof(names) / sizeof(names[0]) ? names[index] : "UNKNOWN";
}

bool status_is_transient(struct status status) {
  switch (status.code) {
    case STATUS_UNAVAILABLE:
    case STATUS_DEADLINE_EXCEEDED:
    case STATUS_RESOURCE_EXHAUSTED:
    case STATUS_ABORTED:
    case STATUS_CANCELLED:
      return true;
    default:
      return false;
  }
}
