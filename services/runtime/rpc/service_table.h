/* SPDX-License-Identifier: Apache-2.0 */
/* Checks whether a service's method table fits its descriptor. This is done at start, so that a fault in the table
 * can't wait for a caller. */
#pragma once

#include "rpc/rpc_server.h"

/* Errors: INVALID_ARGUMENT (SERVICE_TABLE_INVALID) naming service and method: unknown, missing or twice; not
 * exactly one handler. */
struct status service_table_check(struct arena *arena, const struct rpc_service *service);
