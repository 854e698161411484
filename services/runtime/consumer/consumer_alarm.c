/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer_alarm.h"

#include <stdio.h>

#include "base/log.h"
#include "base/reason.h"

static void halt(struct consumer_alarm *alarm, struct status status) {
  char *reason = alarm->progress->halt_reason;
  if (!*reason) {
    log_event(LOG_ERROR, "the consumer halts", "reason", status_reason(status), "detail", status.message, NULL);
  }
  snprintf(reason, sizeof alarm->progress->halt_reason, "%s", status.message);
  alarm->raised = true;
}

void consumer_alarm_raise(struct consumer_alarm *alarm, struct status status) {
  const struct progress *progress = alarm->progress;
  const struct event_store *store = progress->store;
  if (status_is(status, reason_log_gap) || status_is(status, reason_log_reset)) {
    halt(alarm, status);
    return;
  }
  /* Others log these: the connection that it is lost and back, the service's readiness that writes are refused. */
  bool is_outage = status_is(status, reason_redis_unreachable) || !event_store_is_ready(store);
  for (size_t i = 0; i < progress->log_count; i++) {
    is_outage = is_outage || !event_store_is_ready(progress->logs[i].store);
  }
  if (is_outage || *event_store_refusal(store) || alarm->raised) return;
  alarm->raised = true;
  log_event(LOG_WARN, "events can't be handled, they are tried again", "reason", status_reason(status), "detail",
            status.message, NULL);
}

void consumer_alarm_clear(struct consumer_alarm *alarm) {
  if (alarm->raised) log_event(LOG_INFO, "events are handled again", NULL);
  alarm->raised = false;
  alarm->progress->halt_reason[0] = '\0';
}
