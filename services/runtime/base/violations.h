/* SPDX-License-Identifier: Apache-2.0 */
/* Violations: what is wrong with the fields of a request, all of it answered at once (BadRequest). The rules that are
 * common to services are in field_rules.h.
 *
 *   struct violations violations = violations_of(arena);
 *   check_name(&violations, "customer.name", request->customer->name);
 *   ...
 *   return violations_status(&violations);
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct violations {
  struct arena *arena;
  struct field_violation *first, *last;
  size_t count; /* at most 100 are kept */
};

/* Returns an empty list of violations; those that are added live in `arena`. */
struct violations violations_of(struct arena *arena);

/* Adds what is wrong with the field, which is named by its path in the request. */
void violation_add(struct violations *violations, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns OK, or INVALID_ARGUMENT with reason FIELD_INVALID and all violations in BadRequest; the message names the
 * first. */
struct status violations_status(const struct violations *violations);

/* Returns INVALID_ARGUMENT with a reason other than FIELD_INVALID and this one violation: "page_token", "is not one
 * that ...". */
struct status violation_status(struct arena *arena, const char *reason, const char *field, const char *description);
