/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service_metrics.h"

#include "base/metrics.h"
#include "consumer/outbox_delivery.h"

static const struct metric log_lost = {
    .name = "log_lost",
    .help = "Whether the log lacks something that this process has seen in it: 1, or 0.",
    .kind = METRIC_GAUGE};
static const struct metric replicas_missing = {
    .name = "redis_replicas_missing",
    .help = "Whether fewer replicas of Redis have what was written than are asked for: 1, or 0.",
    .kind = METRIC_GAUGE};
static const struct metric halted = {.name = "consumer_halted",
                                     .help = "Whether no events are handled until an operator has decided: 1, or 0.",
                                     .kind = METRIC_GAUGE};
static const struct metric outbox_messages = {
    .name = "outbox_messages", .help = "Messages for another service that it has not taken yet.", .kind = METRIC_GAUGE};
static const struct metric outbox_waiting = {
    .name = "outbox_waiting_seconds",
    .help = "How long the message that is first in the outbox has been so; 0 where another replica delivers.",
    .kind = METRIC_GAUGE,
    .unit = 1e-6};

/* Of a service without events, or without an outbox, those of them are NULL. */
struct service_metrics {
  struct service *service;
  int64_t *log_lost, *replicas_missing, *halted, *outbox_messages, *outbox_waiting;
};

struct service_metrics *service_metrics_new(struct arena *arena, struct service *service) {
  const struct service_definition *definition = service->definition;
  struct service_metrics *metrics = arena_calloc(arena, 1, sizeof *metrics);
  metrics->service = service;
  metrics->log_lost = metric_gauge(&log_lost, NULL);
  metrics->replicas_missing = metric_gauge(&replicas_missing, NULL);
  if (definition->subscriptions.count > 0) metrics->halted = metric_gauge(&halted, NULL);
  if (!definition->outbox) return metrics;
  metrics->outbox_messages = metric_gauge(&outbox_messages, NULL);
  metrics->outbox_waiting = metric_gauge(&outbox_waiting, NULL);
  return metrics;
}

coroutine_fn void service_metrics_measure(struct service_metrics *metrics, int64_t deadline_us) {
  const struct service *service = metrics->service;
  const struct replica_barrier *barrier = service->store->barrier;
  if (service->consumer && metrics->outbox_messages) {
    int64_t messages = outbox_length(service->store, deadline_us);
    *metrics->outbox_messages = messages < 0 ? METRIC_UNKNOWN : messages;
    *metrics->outbox_waiting = outbox_waiting_us(consumer_outbox(service->consumer));
  }
  if (service->consumer) *metrics->halted = consumer_state(service->consumer) == CONSUMER_HALTED;
  *metrics->log_lost = *event_store_loss(service->store) != '\0';
  *metrics->replicas_missing = *replica_barrier_reason(barrier) || *replica_barrier_warning(barrier);
}
