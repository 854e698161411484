/* SPDX-License-Identifier: Apache-2.0 */
#include "service/replica_gate.h"

#include "service/entity_query.h"
#include "store/replica_barrier.h"

static bool only_reads(const struct rpc_method *method) {
  return (method->flags & METHOD_ONLY_READS) || method->handler == entity_get || method->handler == entity_batch_get ||
         method->handler == entity_page_list;
}

/* Whether it tells what is stored. The other codes say what the request is, or that nobody knows. */
static bool tells_state(struct status status) {
  return status_is_ok(status) || status.code == STATUS_NOT_FOUND || status.code == STATUS_ALREADY_EXISTS ||
         status.code == STATUS_FAILED_PRECONDITION || status.code == STATUS_ABORTED;
}

struct status replica_gate_enter(struct rpc_call *call, struct service *service) {
  if (only_reads(call->method)) return status_ok();
  return replica_barrier_admit(service->store->barrier, &call->context);
}

coroutine_fn struct status replica_gate_leave(struct rpc_call *call, struct service *service, struct status status) {
  if (only_reads(call->method) || !tells_state(status)) return status;
  struct status passed = replica_barrier_pass(service->store->barrier, &call->context);
  return status_is_ok(passed) ? status : passed;
}
