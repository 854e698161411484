/* SPDX-License-Identifier: Apache-2.0 */
#include "service/position_gate.h"

#include "store/positions.h"

static coroutine_fn struct status check_position(struct rpc_call *call, struct event_store *store, const char *after) {
  struct positions positions;
  if (!positions_parse(after, &positions)) return position_invalid(call->context.arena);
  const struct position *own = positions_of(&positions, store->log);
  return own ? event_store_check_position(store, &call->context, own) : status_ok();
}

/* A call that need not wait keeps its place: otherwise each would let one more in, and all would run at once. */
static coroutine_fn struct status wait_for_consumer(struct rpc_call *call, struct consumer *consumer) {
  if (consumer_has_seen(consumer, call->context.after)) return status_ok();
  rpc_call_rest(call);
  struct status status = consumer_wait_for(consumer, &call->context, call->context.after);
  rpc_call_resume(call);
  return status;
}

coroutine_fn struct status position_gate(struct rpc_call *call, void *argument) {
  struct service *service = argument;
  const char *after = call->context.after;
  if (!after) return status_ok();
  if (service->consumer && (call->method->flags & METHOD_READS_VIEWS)) {
    return wait_for_consumer(call, service->consumer);
  }
  return check_position(call, service->store, after);
}

coroutine_fn struct status position_retry(struct rpc_call *call, struct status refusal, void *argument,
                                          bool *ret_again) {
  struct service *service = argument;
  bool counts_only_later = refusal.code == STATUS_FAILED_PRECONDITION && call->context.after &&
                           (call->method->flags & METHOD_RETRIED_WHEN_CAUGHT_UP);
  if (!counts_only_later) return refusal;
  struct status status = wait_for_consumer(call, service->consumer);
  *ret_again = status_is_ok(status);
  return status;
}
