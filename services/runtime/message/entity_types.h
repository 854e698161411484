/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the types of the entities in the log, by the names of their streams, in the sets of descriptors that are added.
 * One thread; the descriptors that it gives may be used by any. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

struct entity_types;

/* Returns an object without any type. Free it with entity_types_free. */
struct entity_types *entity_types_new(void);
void entity_types_free(struct entity_types *types);

/* Adds the entities of a packed FileDescriptorSet, but for those whose names are known already. An entity is a message
 * with `string id`, `int64 version` and `google.protobuf.Timestamp create_time`. Errors, for `arena`: INVALID_ARGUMENT
 * (DESCRIPTOR_SET_INVALID; with it, sets or entities that are too many: 64, 500). */
struct status entity_types_add(struct entity_types *types, struct arena *arena, const void *set, size_t size);

/* Returns the type of "gift_card", or NULL if none is known. */
const ProtobufCMessageDescriptor *entity_types_find(const struct entity_types *types, const char *entity);

/* Returns the name of entity `index` of those that are known, or NULL behind the last. */
const char *entity_types_name(const struct entity_types *types, size_t index);
