/* SPDX-License-Identifier: Apache-2.0 */
#include "base/violations.h"

enum { KEPT_MAX = 100 };

struct violations violations_of(struct arena *arena) {
  return (struct violations){.arena = arena};
}

void violation_add(struct violations *violations, const char *field, const char *format, ...) {
  violations->count++;
  if (violations->count > KEPT_MAX) return;
  struct field_violation *violation = arena_alloc(violations->arena, sizeof(*violation));
  va_list values;
  va_start(values, format);
  *violation = (struct field_violation){.field = arena_strdup(violations->arena, field),
                                        .description = arena_vprintf(violations->arena, format, values)};
  va_end(values);
  if (violations->last) {
    violations->last->next = violation;
  } else {
    violations->first = violation;
  }
  violations->last = violation;
}

static struct status with_violations(struct status status, struct arena *arena, const struct field_violation *first) {
  struct error_details *details = arena_alloc(arena, sizeof(*details));
  *details = *status.details;
  details->violations = first;
  status.details = details;
  return status;
}

struct status violations_status(const struct violations *violations) {
  const struct field_violation *first = violations->first;
  if (!first) return status_ok();
  struct status status = status_error(violations->arena, STATUS_INVALID_ARGUMENT, reason_field_invalid, "%s %s",
                                      first->field, first->description);
  if (violations->count > 1) {
    status.message = arena_printf(violations->arena, "%s; %zu more", status.message, violations->count - 1);
  }
  return with_violations(status, violations->arena, first);
}

struct status violation_status(struct arena *arena, const char *reason, const char *field, const char *description) {
  struct status status = status_error(arena, STATUS_INVALID_ARGUMENT, reason, "%s %s", field, description);
  struct field_violation *violation = arena_alloc(arena, sizeof(*violation));
  *violation = (struct field_violation){.field = field, .description = description};
  return with_violations(status, arena, violation);
}
