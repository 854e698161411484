/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/trouble.h"

#include <stdio.h>

#include "base/log.h"
#include "base/reason.h"

static void halt(struct trouble *trouble, struct status status) {
  char *reason = trouble->progress->halt_reason;
  if (!*reason) {
    log_event(LOG_ERROR, "the consumer halts", "reason", status_reason(status), "detail", status.message, NULL);
  }
  snprintf(reason, sizeof trouble->progress->halt_reason, "%s", status.message);
  trouble->told = true;
}

void trouble_tell(struct trouble *trouble, struct status status) {
  const struct event_store *store = trouble->progress->store;
  if (status_is(status, reason_log_gap) || status_is(status, reason_log_reset)) {
    halt(trouble, status);
    return;
  }
  /* Others log these: the connection that it is lost and back, the service's readiness that writes are refused. */
  bool is_outage = status_is(status, reason_redis_unreachable) || !event_store_is_ready(store);
  if (is_outage || *event_store_refusal(store) || trouble->told) return;
  trouble->told = true;
  log_event(LOG_WARN, "events can't be handled, they are tried again", "reason", status_reason(status), "detail",
            status.message, NULL);
}

void trouble_over(struct trouble *trouble) {
  if (trouble->told) log_event(LOG_INFO, "events are handled again", NULL);
  trouble->told = false;
  trouble->progress->halt_reason[0] = '\0';
}
