/* SPDX-License-Identifier: Apache-2.0 */
/* Operator: who asks for a change that is recorded, and what such a request must have. Threads: the loop's. */
#pragma once

#include "base/violations.h"
#include "rpc/rpc_server.h"

/* Checks that a field of a request is not empty. */
void operator_check_required(struct violations *violations, const char *field, const char *text);

/* Checks the field `reason`: at most 1,000 bytes without control characters. */
void operator_check_reason(struct violations *violations, const char *reason);

/* Checks the field `operator_name`: at most 100 bytes without control characters, and required where no certificate
 * tells who the caller is. The call's `service` is the struct service. */
void operator_check_name(struct violations *violations, const struct rpc_call *call, const char *name);

/* Returns who it is, for the record: "client/operator (ada)", or one of the two. The text lives in the call's arena. */
const char *operator_text(const struct rpc_call *call, const char *name);
