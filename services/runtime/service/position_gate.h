/* SPDX-License-Identifier: Apache-2.0 */
/* Position gate: what a call with `<brand>-after` waits for (read your writes). */
#pragma once

#include "loop/coroutine.h"
#include "service/service.h"

/* For rpc_server_options.before; `argument` is the struct service. Methods that read views wait for the consumer; all
 * refuse one whose part of the service's log is of another one: INVALID_ARGUMENT (POSITION_INVALID),
 * FAILED_PRECONDITION (LOG_RESET). */
coroutine_fn struct status position_gate(struct rpc_call *call, void *argument);

/* For rpc_server_options.retry; `argument` is the struct service. See METHOD_RETRIED_WHEN_CAUGHT_UP. Errors: the
 * refusal; as consumer_wait_for. */
coroutine_fn struct status position_retry(struct rpc_call *call, struct status refusal, void *argument,
                                          bool *ret_again);
