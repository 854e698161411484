/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the types of the entities in the log, by the names of their streams: in the sets of descriptors that are added,
 * and, of others, by asking the services for theirs. One thread. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "client/ordershop_client.h"
#include "loop/coroutine.h"

struct entity_types;

/* Returns an object without any type. `client` is asked for types when they are needed; NULL means that nobody is. Free
 * the result with entity_types_free. */
struct entity_types *entity_types_new(struct ordershop_client *client);
void entity_types_free(struct entity_types *types);

/* Adds the entities of a packed FileDescriptorSet, but for those whose names are known already. An entity is a message
 * with `string id`, `int64 version` and `google.protobuf.Timestamp create_time`. Errors, for `arena`: INVALID_ARGUMENT
 * (DESCRIPTOR_SET_INVALID; with it, sets or entities that are too many: 64, 500). */
struct status entity_types_add(struct entity_types *types, struct arena *arena, const void *set, size_t size);

/* Returns the type of "gift_card", or NULL if none is known. */
const ProtobufCMessageDescriptor *entity_types_find(const struct entity_types *types, const char *entity);

/* As entity_types_find, but asks the client's services for a type that is not known: those of the user's own first,
 * each for a second at most. One that could not be asked is left alone for ten seconds, and so is an entity that nobody
 * has. *ret_problem is why a service of the user's own could not be asked, if it was asked just now and that was not
 * said before; otherwise NULL. It lives as long as `types`. */
coroutine_fn const ProtobufCMessageDescriptor *entity_types_ask(struct entity_types *types, const char *entity,
                                                                const char **ret_problem);

/* Returns the name of entity `index` of those that are known, or NULL behind the last. */
const char *entity_types_name(const struct entity_types *types, size_t index);
