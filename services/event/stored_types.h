/* SPDX-License-Identifier: Apache-2.0 */
/* Stored types: what the entities in the log are messages of, as their services have put it beside the log
 * (service/event_types.h). So events of services that this one knows nothing of are told as those of the contract are,
 * and fields that only a newer version has are told, too. Where nothing is stored, the type is the contract's.
 *
 * Threads: the loop's; the types that it gives may be used by any, as long as it lives. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "log_places.h"
#include "loop/coroutine.h"

struct stored_types;

/* Returns an object that knows the contract's types; `places` must live as long. Free it with stored_types_free.
 * Errors: INVALID_ARGUMENT (DESCRIPTOR_SET_INVALID). */
struct status stored_types_new(const struct log_places *places, struct arena *arena, struct stored_types **ret_types);
void stored_types_free(struct stored_types *types);

/* Looks for what is stored of these entities, in one trip if nothing is new. A set that can't be used is logged once,
 * and the one before it stays. Errors: those of redis_command. */
coroutine_fn struct status stored_types_look(struct stored_types *types, struct context *context,
                                             const char *const *entities, size_t count);

/* The type with which an entry of that log time is read, INT64_MAX for the latest one; NULL if none is known. */
const ProtobufCMessageDescriptor *stored_types_at(const struct stored_types *types, const char *entity,
                                                  int64_t log_time);

/* The packed FileDescriptorSet of the latest type that is stored; empty if it is the contract's, or none. */
ProtobufCBinaryData stored_types_set(const struct stored_types *types, const char *entity);

/* The name of contract's entity `index`, or NULL behind the last. */
const char *stored_types_contract(const struct stored_types *types, size_t index);
