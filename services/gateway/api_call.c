/* SPDX-License-Identifier: Apache-2.0 */
#include "api_call.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "shop_brand.h"

enum { TIMEOUT_DIGITS = 10 };

struct status api_timeout(const struct gateway *gateway, const struct http_request *request, int64_t *ret_ms) {
  const char *header = http_request_header(request, "Connect-Timeout-Ms");
  *ret_ms = gateway->settings.deadline_ms;
  if (!header) return status_ok();
  size_t digits = strspn(header, "0123456789");
  if (digits == 0 || digits > TIMEOUT_DIGITS || header[digits]) {
    return status_error(request->arena, STATUS_INVALID_ARGUMENT, reason_field_invalid,
                        "Connect-Timeout-Ms must be a number of milliseconds, of at most 10 digits");
  }
  int64_t asked = atoll(header);
  *ret_ms = asked < gateway->settings.deadline_max_ms ? asked : gateway->settings.deadline_max_ms;
  return status_ok();
}

static void advance(struct gateway *gateway, const char *text) {
  struct positions seen;
  if (text && positions_parse(text, &seen)) positions_advance_all(&gateway->positions, &seen);
}

static coroutine_fn struct rpc_reply call_after(struct gateway *gateway, struct http_request *request,
                                                const struct api_method *method, const void *message,
                                                int64_t deadline_us, const char *after) {
  struct context context = {
      .arena = request->arena,
      .deadline_us = deadline_us,
      .after = after,
      .traceparent = request->traceparent,
  };
  struct rpc_reply reply =
      rpc_client_call(method->channel, &context, method->service.descriptor, method->method->name, message);
  if (!method->is_own) advance(gateway, reply.position);
  return reply;
}

coroutine_fn struct rpc_reply api_call(struct gateway *gateway, struct http_request *request,
                                       const struct api_method *method, const void *message, int64_t timeout_ms) {
  return call_after(gateway, request, method, message, clock_monotonic_us() + timeout_ms * 1000,
                    http_request_header(request, shop_brand.after_metadata));
}

coroutine_fn struct rpc_reply api_call_behind_all(struct gateway *gateway, struct http_request *request,
                                                  const struct api_method *method, const void *message,
                                                  int64_t timeout_ms) {
  int64_t deadline_us = clock_monotonic_us() + timeout_ms * 1000;
  const char *after = gateway->positions.count > 0 ? positions_text(request->arena, &gateway->positions) : NULL;
  struct rpc_reply reply = call_after(gateway, request, method, message, deadline_us, after);
  if (!after || !status_is(reply.status, reason_log_reset)) return reply;
  if (strcmp(positions_text(request->arena, &gateway->positions), after) == 0) gateway->positions.count = 0;
  return call_after(gateway, request, method, message, deadline_us, NULL);
}
