/* SPDX-License-Identifier: Apache-2.0 */
/* Position gate: what a call with `ordershop-after` waits for before its handler runs (read your writes). */
#pragma once

#include "service/service.h"

/* Parks until the service's consumer has applied everything up to the call's `ordershop-after`; the call rests
 * meanwhile (rpc_call_rest). Errors: as consumer_wait_for. */
struct status position_wait(struct rpc_call *call);

/* For rpc_server_options.before; `argument` is the struct service. Methods that read views wait for the consumer; all
 * refuse a position that is not of this log: INVALID_ARGUMENT (POSITION_INVALID), FAILED_PRECONDITION (LOG_RESET). */
struct status position_gate(struct rpc_call *call, void *argument);
