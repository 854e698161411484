/* SPDX-License-Identifier: Apache-2.0 */
/* Update mask: what an update changes (AIP-134, 203).
 *
 * The mask names the fields; "*" means all that a caller may give, no mask means those that are set. Fields that are
 * output only are ignored; input fields that are not mutable must keep the value that they have. The loop's thread. */
#pragma once

#include "service/resource.h"

/* What an update will change, from the request alone. */
struct update_plan {
  const ProtobufCFieldDescriptor *fields[RESOURCE_FIELDS];    /* to copy */
  const ProtobufCFieldDescriptor *unchanged[RESOURCE_FIELDS]; /* immutable ones that must have the value they have */
  size_t field_count, unchanged_count;
};

/* Reads mask and resource; adds violations for unknown paths and for planned fields that break their rules. */
struct update_plan update_plan_of(struct violations *violations, const struct resource *resource, const void *request);

/* Makes a new message: `current` as the plan changes it. Errors: INVALID_ARGUMENT (an immutable field would change). */
struct status update_plan_apply(const struct update_plan *plan, struct arena *arena, const struct resource *resource,
                                const void *request, const void *current, void **ret_changed);
