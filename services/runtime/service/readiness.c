/* SPDX-License-Identifier: Apache-2.0 */
#include "service/readiness.h"

#include "service/event_types.h"
#include "store/rights.h"

bool readiness_is_outage(const struct service *service) {
  return !event_store_is_ready(service->store);
}

const char *readiness_reason(const struct service *service) {
  if (readiness_is_outage(service)) return event_store_reason(service->store);
  const char *reason = loop_stall(service->loop);
  if (!*reason) reason = rights_denied(service->store);
  if (!*reason) reason = event_store_refusal(service->store);
  if (!*reason) reason = event_store_loss(service->store);
  if (!*reason) reason = event_types_reason(service->event_types);
  if (!*reason) reason = service->refusing;
  if (!*reason && service->definition->reason) reason = service->definition->reason(service);
  if (!*reason && service->consumer) reason = consumer_reason(service->consumer);
  return reason;
}
