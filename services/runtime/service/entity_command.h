/* SPDX-License-Identifier: Apache-2.0 */
/* Entity commands: the standard methods of a resource (AIP-131 to 135, 233), driven by its description.
 *
 * A service describes its resource once (struct resource) and its handlers call these. Each command is idempotent by
 * request_id (request_record.h), checks the field rules with all violations in one answer, changes entity, indexes and
 * event in one transaction, and puts `ordershop-position` into the trailing metadata. `request` is the handler's
 * decoded request; its fields are found by name (`request_id`, `update_mask`, `id`, `version`, and the resource by its
 * type). */
#pragma once

#include "base/violations.h"
#include "rpc/rpc_server.h"
#include "service/service.h"
#include "store/entity_store.h"
#include "store/request_record.h"

#define RESOURCE_FIELDS 8

struct resource {
  const struct entity_type *type;
  /* Fields that a caller gives, in the order in which they are checked; the rest is output only. */
  const char *input_fields[RESOURCE_FIELDS];
  /* Those of them that an update may change. */
  const char *mutable_fields[RESOURCE_FIELDS];
  /* Checks one field of `entity`; `path` is how the request names it ("customer.email"). */
  void (*check)(struct violations *violations, const char *path, const void *entity, const char *field);
};

/* Create: `ret_reply` is the entity. The id is derived from the request_id, or random, unless `entity_id` is given. */
struct status entity_create(struct rpc_call *call, const struct resource *resource, const void *request,
                            const char *entity_id, const void **ret_reply);

/* BatchCreate: 1 to 1000 entities, all or nothing. `ids` may be NULL (derived or random), else one for each. */
struct status entity_batch_create(struct rpc_call *call, const struct resource *resource, const void *request,
                                  const char *const *ids, const void **ret_reply);

/* Get by the request's `id`. */
struct status entity_get(struct rpc_call *call, const struct resource *resource, const void *request,
                         const void **ret_reply);

/* BatchGet by the request's `ids` (1 to 1000, all or nothing). */
struct status entity_batch_get(struct rpc_call *call, const struct resource *resource, const void *request,
                               const void **ret_reply);

/* List over `index_key` (NULL: all, in order of creation); `filter` tells this listing from others of the method. */
struct status entity_page_list(struct rpc_call *call, const struct resource *resource, const void *request,
                               const char *index_key, const char *filter, const void **ret_reply);

/* Update with mask, version and request_id. */
struct status entity_update(struct rpc_call *call, const struct resource *resource, const void *request,
                            const void **ret_reply);

/* Delete. `guard` (optional) adds further guards to the transaction; if one of them refuses, `explain` makes the error.
 */
struct deletion_rule {
  int (*guard)(struct transaction *transaction, const void *entity); /* returns the guard's number */
  struct status (*explain)(struct rpc_call *call, const void *entity, const char *actual);
};
struct status entity_delete(struct rpc_call *call, const struct resource *resource, const void *request,
                            const struct deletion_rule *rule, const void **ret_reply);

/* --- parts of the above, for commands with a course of their own --- */

/* What an update shall change, from the request alone. */
struct update_plan {
  const ProtobufCFieldDescriptor *fields[RESOURCE_FIELDS];    /* to copy */
  const ProtobufCFieldDescriptor *unchanged[RESOURCE_FIELDS]; /* immutable ones that must have the value they have */
  size_t field_count, unchanged_count;
};

/* Reads mask and resource; adds violations for unknown paths and for planned fields that break their rules. */
struct update_plan update_plan_of(struct violations *violations, const struct resource *resource, const void *request);

/* `current` as the plan changes it: a new message. Errors: INVALID_ARGUMENT (an immutable field would change). */
struct status update_plan_apply(const struct update_plan *plan, struct arena *arena, const struct resource *resource,
                                const void *request, const void *current, void **ret_changed);

/* The resource message inside a request. */
const void *request_resource(const void *request, const struct resource *resource);

/* Checks all input fields of `entity`. */
void check_input(struct violations *violations, const struct resource *resource, const char *path, const void *entity);

/* Size of a batch: `count` resources, 1 to 1000, in a request of at most 1 MiB. False: the count itself is refused, and
 * there is nothing to look at one by one. */
bool check_batch_size(struct violations *violations, const char *path, const void *request, size_t count);

/* page_size of a list request: negative is refused. */
void check_page_size(struct violations *violations, int32_t page_size);

/* The request record of a call (see request_record.h): of the request without request_id and output-only fields. Id and
 * version of the resource count `with_identity` (update) and are output only otherwise (create). */
struct request_record command_record(struct rpc_call *call, const struct resource *resource, const void *request,
                                     bool with_identity);

/* The id that a creating command gives: derived from its request_id, or random. `index` tells the entities of a batch
 * apart. */
const char *command_entity_id(struct rpc_call *call, const struct resource *resource,
                              const struct request_record *record, size_t index);

/* Looks for the answer of an earlier same request. *ret_found: *ret_reply is it. For single-entity answers; `stream`
 * suffix is "created", "updated" or "deleted" (then the answer is Empty). Parks. */
struct status command_replay(struct rpc_call *call, const struct resource *resource,
                             const struct request_record *record, const char *what, bool *ret_found,
                             const void **ret_reply);

/* The end of a command that looked for an earlier answer in vain and then was refused: if the same request was carried
 * out meanwhile, the refusal is that one's work, and its answer is the answer. Otherwise `status`. Parks. */
struct status command_replay_refused(struct rpc_call *call, const struct resource *resource,
                                     const struct request_record *record, const char *what, struct status status,
                                     const void **ret_reply);

/* The answer of a transaction that said REPLAYED. */
struct status command_replay_result(struct rpc_call *call, const struct resource *resource,
                                    const struct request_record *record, const char *what,
                                    const struct transaction_result *result, const void **ret_reply);

/* Answers `current` for an update that changes nothing: no event; under a request_id the answer is remembered. Parks.
 */
struct status command_answer_unchanged(struct rpc_call *call, const struct resource *resource,
                                       const struct request_record *record, const void *current,
                                       const void **ret_reply);

/* Puts `ordershop-position` into the trailing metadata. */
void command_tell_position(struct rpc_call *call, const struct position *position);

/* ABORTED with VERSION_MISMATCH. */
struct status version_mismatch(struct arena *arena, const struct resource *resource, const char *id, int64_t wanted,
                               int64_t actual);

/* True (and *ret_status ABORTED) when `wanted` is not 0 and not the entity's version. */
bool version_differs(struct arena *arena, const struct resource *resource, const void *entity, int64_t wanted,
                     struct status *ret_status);

/* The event origin of a call: its traceparent. */
struct event_origin command_origin(const struct rpc_call *call);

/* A new entity with the input fields of `given`; the rest is empty. */
void *entity_of_input(struct arena *arena, const struct resource *resource, const void *given);

/* google.protobuf.Empty. */
const void *empty_reply(void);
