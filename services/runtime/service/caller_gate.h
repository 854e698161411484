/* SPDX-License-Identifier: Apache-2.0 */
/* Caller gate: who may call what only services, or only operators, call. Threads: the loop's. */
#pragma once

#include "rpc/rpc_server.h"

/* Returns whether the service is for other services only: its package is "....internal.v1". */
bool is_internal(const ProtobufCServiceDescriptor *service);

/* Names, separated by commas, of which the caller's certificate must bear one after the brand's identity prefix. NULL
 * means that everybody may call. */
struct gate_callers {
  const char *internal;  /* methods in an internal package ("....internal.v1") */
  const char *operators; /* methods with METHOD_FOR_OPERATORS (service.h) */
};

/* Runs before a handler. Errors: PERMISSION_DENIED (CALLER_NOT_ALLOWED). */
struct status caller_gate(struct rpc_call *call, const struct brand *brand, const struct gate_callers *callers);
