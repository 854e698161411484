/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/access_line.h"

#include "base/log.h"
#include "rpc/server_call.h"

static enum log_level level_of(const struct server_call *call, int64_t duration_us) {
  int64_t over_ms = call->method->server->options.log_calls_over_ms;
  bool is_slow = over_ms > 0 && duration_us > over_ms * 1000;
  return is_slow && !call->stream ? LOG_INFO : LOG_DEBUG;
}

void access_line_write(const struct server_call *call, unsigned code, int64_t duration_us) {
  enum log_level level = level_of(call, duration_us);
  if (!log_takes(level)) return;
  struct arena *arena = arena_new();
  const struct rpc_method *method = call->method->method;
  const char *caller = server_call_identity(call, arena, call->method->server->options.brand->identity_prefix);
  log_event(level, "answered a call", "method", method ? method->name : "unknown", "code",
            status_code_name((enum status_code)code), "duration_ms",
            arena_printf(arena, "%.3f", (double)duration_us / 1000), caller ? "caller" : NULL, caller, NULL);
  arena_free(arena);
}
