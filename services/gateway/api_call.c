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

coroutine_fn struct rpc_reply api_call(struct http_request *request, const struct api_method *method,
                                       const void *message, int64_t timeout_ms) {
  struct context context = {
      .arena = request->arena,
      .deadline_us = clock_monotonic_us() + timeout_ms * 1000,
      .after = http_request_header(request, shop_brand.after_metadata),
      .traceparent = http_request_header(request, "traceparent"),
  };
  return rpc_client_call(method->channel, &context, method->service.descriptor, method->method->name, message);
}
