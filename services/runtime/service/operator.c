/* SPDX-License-Identifier: Apache-2.0 */
#include "service/operator.h"

#include <ctype.h>
#include <string.h>

#include "service/service.h"

enum { NAME_BYTES = 100, REASON_BYTES = 1000 };

static void check_line(struct violations *violations, const char *field, const char *text, size_t max) {
  if (strlen(text) > max) violation_add(violations, field, "must not have more than %zu bytes", max);
  for (const char *c = text; *c; c++) {
    if (!iscntrl((unsigned char)*c)) continue;
    violation_add(violations, field, "must not have control characters");
    return;
  }
}

void operator_check_required(struct violations *violations, const char *field, const char *text) {
  if (!*text) violation_add(violations, field, "is required");
}

void operator_check_reason(struct violations *violations, const char *reason) {
  check_line(violations, "reason", reason, REASON_BYTES);
}

static const char *identity_of(const struct rpc_call *call) {
  const struct service *service = call->service;
  return rpc_call_identity(call, service->definition->brand->identity_prefix);
}

void operator_check_name(struct violations *violations, const struct rpc_call *call, const char *name) {
  check_line(violations, "operator_name", name, NAME_BYTES);
  if (!*name && !identity_of(call)) {
    violation_add(violations, "operator_name", "is required, since no certificate tells who the caller is");
  }
}

const char *operator_text(const struct rpc_call *call, const char *name) {
  const char *identity = identity_of(call);
  if (!identity) return name;
  return *name ? arena_printf(call->context.arena, "%s (%s)", identity, name) : identity;
}
