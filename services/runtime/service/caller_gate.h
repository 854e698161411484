/* SPDX-License-Identifier: Apache-2.0 */
/* Caller gate: who may call what only services call. Threads: the loop's. */
#pragma once

#include "rpc/rpc_server.h"

/* Returns whether the service is for other services only: its package is "....internal.v1". */
bool is_internal(const ProtobufCServiceDescriptor *service);

/* Runs before a handler, and lets calls of methods in an internal package ("....internal.v1") pass only if the caller's
 * certificate bears, after the brand's identity prefix, one of the names in `callers`, separated by commas; NULL means
 * everybody. Errors: PERMISSION_DENIED (CALLER_NOT_ALLOWED). */
struct status caller_gate(struct rpc_call *call, const struct brand *brand, const char *callers);
