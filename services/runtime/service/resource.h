/* SPDX-License-Identifier: Apache-2.0 */
/* Resource: how a service describes an entity that its methods create, change or answer. The standard methods
 * (entity_command.h, entity_query.h) are driven by it: each row of a method table names its resource.
 *
 *   static const struct resource notes = {
 *       .type = &note_type, .input_fields = {"text"}, .mutable_fields = {"text"}, .check = check_note};
 *
 * Everything here is for the loop's thread; what a function makes lives in the arena that it is given. */
#pragma once

#include <stdbool.h>

#include "base/violations.h"
#include "rpc/rpc_server.h"
#include "store/entity_store.h"

#define RESOURCE_FIELDS 8 /* the place behind them stays empty: what stands there is one too many */

struct resource {
  const struct entity_type *type;
  /* Fields that a caller gives, in the order in which they are checked; the rest is output only. */
  const char *input_fields[RESOURCE_FIELDS + 1];
  /* Those of them that an update may change. */
  const char *mutable_fields[RESOURCE_FIELDS + 1];
  /* Those of them that hold ids of other resources, one or repeated. They are stored in canonical form, in which
   * indexes, views and lists look for them, whatever case the caller has used. */
  const char *reference_fields[RESOURCE_FIELDS + 1];
  /* Checks one field of `entity`; `path` is how the request names it ("customer.email"). */
  void (*check)(struct violations *violations, const char *path, const void *entity, const char *field);
  /* Optional: what has to hold elsewhere before `entity` may be created or changed, e.g. that the customer whose id it
   * has is known. It looks into views (then the method has METHOD_READS_VIEWS) or asks other services, and may yield.
   * The entity is as it will be stored: its fields have passed their checks, references are in canonical form. It is
   * not called for a request that was answered before. What it refuses changes nothing. */
  coroutine_fn struct status (*precondition)(struct rpc_call *call, const void *entity);
  /* Optional: the id of a new entity, from its fields. NULL if it is derived from the request_id, or random. */
  const char *(*entity_id)(struct arena *arena, const void *entity);
  /* Optional: the field by which a List request narrows its answer down, an id; if it is empty, the answer has all. One
   * of type->indexes, and a reference if callers give it. */
  const char *list_filter;
  /* Optional, both or none: a guard of its own for the deletion of `entity` (the guard's number is returned), and the
   * error when that guard refuses, with the value that it has found (transaction.h). */
  int (*guard_deletion)(struct transaction *transaction, const void *entity);
  struct status (*explain_deletion)(struct rpc_call *call, const void *entity, const char *actual);
};

/* The field of a request that holds the resource, one or a batch of them; NULL if it has none. */
const ProtobufCFieldDescriptor *resource_field(const void *request, const struct resource *resource);

/* The resource message inside a request. NULL if the caller has left it out. */
const void *request_resource(const void *request, const struct resource *resource);

/* Checks all input fields of `entity`. */
void check_input(struct violations *violations, const struct resource *resource, const char *path, const void *entity);

/* Size of a batch: `count` resources, 1 to 1000, in a request of at most 1 MiB. Returns false if the count itself is
 * refused, and there is nothing to look at one by one. */
bool check_batch_size(struct violations *violations, const char *path, const void *request, size_t count);

/* Gives `entity` an input field of `given`. */
void take_input_field(struct arena *arena, const struct resource *resource, void *entity, const void *given,
                      const ProtobufCFieldDescriptor *field);

/* A new entity with the input fields of `given`; the rest is empty. */
void *entity_of_input(struct arena *arena, const struct resource *resource, const void *given);
