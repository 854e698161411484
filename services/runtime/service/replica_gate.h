/* SPDX-License-Identifier: Apache-2.0 */
/* Replica gate: where replicas of Redis are asked for, no command begins while too few are there, and none is answered
 * before they have what it tells (store/replica_barrier.h).
 *
 * Every unary method is a command unless it says that it only reads (METHOD_ONLY_READS), or its handler is one of
 * entity_query.h. What a command finds makes no difference: the answer that an earlier try was not given, an update
 * that changes nothing and a refusal tell of changes, too. */
#pragma once

#include "loop/coroutine.h"
#include "service/service.h"

/* Runs before a handler. Errors: as replica_barrier_admit. */
struct status replica_gate_enter(struct rpc_call *call, struct service *service);

/* Runs behind a handler that has returned `status`. Returns that, or, if replicas don't have what it tells, the errors
 * of replica_barrier_pass. */
coroutine_fn struct status replica_gate_leave(struct rpc_call *call, struct service *service, struct status status);
