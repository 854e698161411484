#include "service/position_gate.h"

#include <string.h>

static struct status log_reset(struct arena *arena, const char *after) {
  return status_error(arena, STATUS_FAILED_PRECONDITION, "LOG_RESET",
                      "ordershop-after %s is not a position of the present log", after);
}

/* What this process has seen of the log mostly answers it; else Redis is asked. */
static struct status check_position(struct rpc_call *call, struct event_store *store, const char *after) {
  struct arena *arena = call->context.arena;
  struct position position, last = store->latest;
  if (!position_parse(after, &position)) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, "POSITION_INVALID",
                        "ordershop-after is not a position that the shop gave");
  }
  bool seen = strcmp(last.epoch, position.epoch) == 0 && position.log_time <= last.log_time;
  if (seen) return status_ok();
  struct status status = clock_read(store, &call->context, &last);
  if (!status_is_ok(status)) return status;
  seen = strcmp(last.epoch, position.epoch) == 0 && position.log_time <= last.log_time;
  return seen ? status_ok() : log_reset(arena, after);
}

struct status position_gate(struct rpc_call *call, void *argument) {
  struct service *service = argument;
  const char *after = call->context.after;
  if (!after) return status_ok();
  if (service->consumer && (call->method->flags & METHOD_READS_VIEWS)) {
    return consumer_wait_for(service->consumer, &call->context, after);
  }
  return check_position(call, service->store, after);
}
