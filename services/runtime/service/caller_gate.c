/* SPDX-License-Identifier: Apache-2.0 */
#include "service/caller_gate.h"

#include <string.h>

#include "service/service.h"

static bool is_listed(const char *callers, const char *name) {
  size_t size = strlen(name);
  for (const char *at = callers; *at; at += strcspn(at, ",")) {
    at += strspn(at, ", ");
    if (strcspn(at, ", ") == size && strncmp(at, name, size) == 0) return size > 0;
  }
  return false;
}

bool is_internal(const ProtobufCServiceDescriptor *service) {
  return strstr(service->package, ".internal.") != NULL;
}

/* Those who may call; NULL means everybody. */
static const char *callers_of(const struct rpc_call *call, const struct gate_callers *callers) {
  if (call->method->flags & METHOD_FOR_OPERATORS) return callers->operators;
  return is_internal(call->descriptor) ? callers->internal : NULL;
}

struct status caller_gate(struct rpc_call *call, const struct brand *brand, const struct gate_callers *callers) {
  const char *allowed = callers_of(call, callers);
  if (!allowed) return status_ok();
  struct arena *arena = call->context.arena;
  const char *name = rpc_call_identity(call, brand->identity_prefix);
  if (name && is_listed(allowed, name)) return status_ok();
  struct status status =
      status_error(arena, STATUS_PERMISSION_DENIED, reason_caller_not_allowed, "%s is not for %s: only for %s",
                   call->method->name, name ? name : "callers without a certificate that names them", allowed);
  return status_with_metadata(status, arena, "caller", name ? name : "");
}
