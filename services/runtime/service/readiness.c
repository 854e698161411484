/* SPDX-License-Identifier: Apache-2.0 */
#include "service/readiness.h"

#include "store/rights.h"

bool readiness_is_outage(const struct service *service) {
  return !event_store_is_ready(service->store);
}

const char *readiness_trouble(const struct service *service) {
  if (readiness_is_outage(service)) return event_store_reason(service->store);
  const char *trouble = loop_stall(service->loop);
  if (!*trouble) trouble = rights_denied(service->store);
  if (!*trouble) trouble = event_store_refusal(service->store);
  if (!*trouble) trouble = event_store_loss(service->store);
  if (!*trouble) trouble = service->refusing;
  if (!*trouble && service->consumer) trouble = consumer_reason(service->consumer);
  return trouble;
}
