/* SPDX-License-Identifier: Apache-2.0 */
/* Command replay: what makes a command idempotent by its request_id, for commands with a course of their own; the
 * standard ones (entity_command.h) do all this.
 *
 *   record = command_record(call, &orders, request, false);
 *   command_replay(...): was it answered before?
 *   ... transaction_run with request_record_add(&record, ...): TRANSACTION_REPLAYED -> command_replay_result
 *   command_tell_position
 *
 * The loop's thread. What these make lives in the call's arena. */
#pragma once

#include "loop/coroutine.h"
#include "service/resource.h"
#include "service/service.h"
#include "store/request_record.h"

/* The request record of a call (see request_record.h): of the request without request_id and output-only fields. Id and
 * version of the resource count `with_identity` (update) and are output only otherwise (create). */
struct request_record command_record(struct rpc_call *call, const struct resource *resource, const void *request,
                                     bool with_identity);

/* The id that a creating command gives: derived from its request_id, or random. `index` tells the entities of a batch
 * apart. */
const char *command_entity_id(struct rpc_call *call, const struct resource *resource,
                              const struct request_record *record, size_t index);

/* Looks for the answer to an earlier call with the same request; if *ret_found, *ret_reply is that answer. For
 * single-entity answers; `what`, the stream's suffix, is "created", "updated" or "deleted" (then the answer is
 * Empty). */
coroutine_fn struct status command_replay(struct rpc_call *call, const struct resource *resource,
                                          const struct request_record *record, const char *what, bool *ret_found,
                                          const void **ret_reply);

/* The end of a command that looked for an earlier answer in vain and then was refused: if the same request was carried
 * out meanwhile, the refusal comes from that, and *ret_reply is its answer. Otherwise the outcome is `status`. */
coroutine_fn struct status command_replay_refused(struct rpc_call *call, const struct resource *resource,
                                                  const struct request_record *record, const char *what,
                                                  struct status status, const void **ret_reply);

/* Gets the answer for a transaction that said REPLAYED. */
coroutine_fn struct status command_replay_result(struct rpc_call *call, const struct resource *resource,
                                                 const struct request_record *record, const char *what,
                                                 const struct transaction_result *result, const void **ret_reply);

/* Answers `current` for an update that changes nothing: no event; under a request_id the answer is remembered.
 */
coroutine_fn struct status command_answer_unchanged(struct rpc_call *call, const struct resource *resource,
                                                    const struct request_record *record, const void *current,
                                                    const void **ret_reply);

/* Puts `<brand>-position` into the trailing metadata. */
void command_tell_position(struct rpc_call *call, const struct position *position);

/* Returns ABORTED with VERSION_MISMATCH. */
struct status version_mismatch(struct arena *arena, const struct resource *resource, const char *id, int64_t wanted,
                               int64_t actual);

/* Returns true (and *ret_status ABORTED) when `wanted` is not 0 and not the entity's version. */
bool version_differs(struct arena *arena, const struct resource *resource, const void *entity, int64_t wanted,
                     struct status *ret_status);

/* The event origin of a call: its traceparent. */
struct event_origin command_origin(const struct rpc_call *call);

/* google.protobuf.Empty. */
const void *empty_reply(void);
