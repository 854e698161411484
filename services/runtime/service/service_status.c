/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service_status.h"

#include <google/protobuf/duration.pb-c.h>
#include <ordershop/v1/status.pb-c.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/timestamp.h"
#include "consumer/consumer_backlog.h"
#include "consumer/outbox_delivery.h"
#include "loop/coroutine.h"
#include "service/readiness.h"
#include "service/service_metrics.h"
#include "store/log_time.h"

enum {
  FRESH_US = 100 * 1000, /* Redis' answer is cached for 100 ms, whatever the request rate */
  READ_US = 1000 * 1000, /* Redis' time to answer */
};

static const struct metric is_ready = {
    .name = "ready", .help = "Whether the service is ready for calls: 1, or 0.", .kind = METRIC_GAUGE};
static const struct metric is_leader = {.name = "consumer_leader",
                                        .help = "Whether this replica handles the service's events: 1, or 0.",
                                        .kind = METRIC_GAUGE};
static const struct metric position = {
    .name = "consumer_position_seconds",
    .help = "Log time, in seconds since 1970, up to which the service has applied all events.",
    .kind = METRIC_GAUGE,
    .unit = 1e-6};
static const struct metric lag_entries = {
    .name = "consumer_lag_entries", .help = "Events that the service has not applied yet.", .kind = METRIC_GAUGE};
static const struct metric lag_time = {.name = "consumer_lag_seconds",
                                       .help = "Log time from what the service has applied to the latest event.",
                                       .kind = METRIC_GAUGE,
                                       .unit = 1e-6};
static const struct metric held_keys = {
    .name = "dead_letter_keys", .help = "Keys that are held because of dead letters.", .kind = METRIC_GAUGE};
static const struct metric held_events = {
    .name = "dead_letter_events", .help = "Dead letters, and events that wait behind them.", .kind = METRIC_GAUGE};

/* The values of these; all but `ready` are NULL where there is no consumer. */
struct gauges {
  int64_t *ready, *leader, *position, *lag_entries, *lag_time, *held_keys, *held_events;
};

struct service_status {
  struct service *service;
  struct gauges gauges;
  struct service_metrics *metrics; /* the further ones */
  const struct health *health;
  const char *instance;
  const char *version;
  int64_t start_us; /* wall clock */

  struct consumer_backlog backlog;
  int64_t outbox_messages; /* -1 if unknown */
  char unknown[256];       /* why it is; "" means it isn't */
  int64_t read_us;         /* when it was read, or tried; 0 means never */
  bool reading;
  struct condition read_over;
};

const char *service_instance_name(struct arena *arena) {
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) != 0 || !*host) snprintf(host, sizeof host, "localhost");
  return arena_printf(arena, "%s:%ld", host, (long)getpid());
}

static coroutine_fn void read_backlog(struct service_status *self) {
  struct consumer *consumer = self->service->consumer;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + READ_US};
  self->reading = true;
  struct consumer_backlog backlog = consumer_backlog_unread(consumer_progress(consumer));
  struct status status = consumer_backlog_read(consumer_progress(consumer), &context, &backlog);
  self->backlog = backlog;
  snprintf(self->unknown, sizeof self->unknown, "%s", status_is_ok(status) ? "" : status.message);
  if (self->service->definition->outbox) {
    self->outbox_messages = outbox_length(self->service->store, context.deadline_us);
  }
  self->read_us = clock_monotonic_us();
  self->reading = false;
  condition_signal_all(&self->read_over);
  arena_free(context.arena);
}

/* Yields until what is known of the backlog is fresh. Without Redis it doesn't yield: then nothing is known. */
static coroutine_fn void refresh_backlog(struct service_status *self, int64_t deadline_us) {
  while (self->reading) {
    if (!condition_wait(&self->read_over, deadline_us)) return;
  }
  if (self->read_us && clock_monotonic_us() - self->read_us < FRESH_US) return;
  if (event_store_is_ready(self->service->store)) {
    read_backlog(self);
    return;
  }
  self->backlog = consumer_backlog_unread(consumer_progress(self->service->consumer));
  self->outbox_messages = -1;
  self->unknown[0] = '\0';
}

static Ordershop__V1__ConsumerState state_of(const struct consumer *consumer) {
  switch (consumer_state(consumer)) {
    case CONSUMER_STARTING:
      return ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_STARTING;
    case CONSUMER_ACTIVE:
      return ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_ACTIVE;
    case CONSUMER_STANDING_BY:
      return ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_STANDING_BY;
    case CONSUMER_HALTED:
      break;
  }
  return ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_HALTED;
}

static Google__Protobuf__Duration *duration_new(struct arena *arena, int64_t us) {
  Google__Protobuf__Duration *duration = arena_alloc(arena, sizeof *duration);
  google__protobuf__duration__init(duration);
  duration->seconds = us / 1000000;
  duration->nanos = (int32_t)(us % 1000000) * 1000;
  return duration;
}

static coroutine_fn Ordershop__V1__ConsumerStatus *consumer_status(struct service_status *self,
                                                                   struct context *context) {
  const struct consumer *consumer = self->service->consumer;
  Ordershop__V1__ConsumerStatus *status = arena_alloc(context->arena, sizeof *status);
  ordershop__v1__consumer_status__init(status);
  status->state = ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_NONE;
  if (!consumer) return status;
  refresh_backlog(self, context->deadline_us);
  const struct consumer_backlog *backlog = &self->backlog;
  status->state = state_of(consumer);
  if (backlog->position > 0)
    status->position = arena_strdup(context->arena, log_time_text(context->arena, backlog->position));
  status->lag_entries = backlog->lag_entries;
  if (backlog->lag_us >= 0) status->lag_time = duration_new(context->arena, backlog->lag_us);
  status->parked_keys = backlog->parked_keys;
  status->parked_events = backlog->parked_events;
  status->handled_events = (int64_t)consumer_progress(consumer)->events;
  return status;
}

static Ordershop__V1__CallDurations *durations_new(struct arena *arena, const struct metric_histogram *durations,
                                                   size_t bucket) {
  Ordershop__V1__CallDurations *calls = arena_alloc(arena, sizeof *calls);
  ordershop__v1__call_durations__init(calls);
  if (durations->bounds[bucket]) calls->up_to = duration_new(arena, durations->bounds[bucket]);
  calls->calls = (int64_t)durations->counts[bucket];
  return calls;
}

static Ordershop__V1__CallStatus *call_status(const struct rpc_call *call) {
  struct arena *arena = call->context.arena;
  struct rpc_figures figures = rpc_call_server_figures(call);
  Ordershop__V1__CallStatus *status = arena_alloc(arena, sizeof *status);
  ordershop__v1__call_status__init(status);
  status->answered = (int64_t)figures.answered;
  status->failed = (int64_t)figures.failed;
  size_t bounds = 0;
  while (figures.durations.bounds && figures.durations.bounds[bounds]) bounds++;
  status->durations = arena_calloc(arena, bounds + 1, sizeof *status->durations);
  while (figures.durations.bounds && status->n_durations <= bounds) {
    status->durations[status->n_durations] = durations_new(arena, &figures.durations, status->n_durations);
    status->n_durations++;
  }
  return status;
}

static Ordershop__V1__OutboxStatus *outbox_status(const struct service_status *self, struct arena *arena) {
  if (!self->service->consumer || !self->service->definition->outbox) return NULL;
  Ordershop__V1__OutboxStatus *status = arena_alloc(arena, sizeof *status);
  ordershop__v1__outbox_status__init(status);
  status->messages = self->outbox_messages;
  return status;
}

static char *reason_of(const struct service_status *self, struct arena *arena, bool ready) {
  const struct service *service = self->service;
  const char *reason = readiness_reason(service);
  if (readiness_is_outage(service)) return arena_printf(arena, "Redis is unreachable: %s", reason);
  if (ready) {
    const char *warning = replica_barrier_warning(service->store->barrier);
    return arena_strdup(arena, *warning ? warning : self->unknown);
  }
  return arena_strdup(arena, *reason ? reason : "the process is starting or stopping");
}

static coroutine_fn struct status get_service_status(struct rpc_call *call, const void *request,
                                                     const void **ret_reply) {
  struct service_status *self = call->service;
  struct arena *arena = call->context.arena;
  (void)request;
  Ordershop__V1__ServiceStatus *reply = arena_alloc(arena, sizeof *reply);
  ordershop__v1__service_status__init(reply);
  reply->consumer = consumer_status(self, &call->context); /* first: it may yield, and all else is of one moment */
  reply->outbox = outbox_status(self, arena);
  reply->calls = call_status(call);
  reply->service = arena_strdup(arena, self->service->definition->name);
  reply->instance = arena_strdup(arena, self->instance);
  reply->version = arena_strdup(arena, self->version);
  reply->start_time = timestamp_new(arena, self->start_us);
  reply->ready = health_is_ready(self->health);
  reply->reason = reason_of(self, arena, reply->ready);
  *ret_reply = reply;
  return status_ok();
}

static struct gauges gauges_of(const struct service *service) {
  struct gauges gauges = {.ready = metric_gauge(&is_ready, NULL)};
  if (service->definition->subscriptions.count == 0) return gauges;
  gauges.leader = metric_gauge(&is_leader, NULL);
  gauges.position = metric_gauge(&position, NULL);
  gauges.lag_entries = metric_gauge(&lag_entries, NULL);
  gauges.lag_time = metric_gauge(&lag_time, NULL);
  gauges.held_keys = metric_gauge(&held_keys, NULL);
  gauges.held_events = metric_gauge(&held_events, NULL);
  return gauges;
}

static int64_t known(int64_t value) {
  return value < 0 ? METRIC_UNKNOWN : value;
}

coroutine_fn void service_status_measure(void *status) {
  struct service_status *self = status;
  const struct gauges *gauges = &self->gauges;
  const struct consumer *consumer = self->service->consumer;
  int64_t deadline_us = clock_monotonic_us() + READ_US;
  service_metrics_measure(self->metrics, deadline_us);
  if (consumer) {
    refresh_backlog(self, deadline_us);
    const struct consumer_backlog *backlog = &self->backlog;
    *gauges->leader = consumer_state(consumer) == CONSUMER_ACTIVE;
    *gauges->position = backlog->position > 0 ? backlog->position : METRIC_UNKNOWN;
    *gauges->lag_entries = known(backlog->lag_entries);
    *gauges->lag_time = known(backlog->lag_us);
    *gauges->held_keys = known(backlog->parked_keys);
    *gauges->held_events = known(backlog->parked_events);
  }
  *gauges->ready = health_is_ready(self->health);
}

static const struct rpc_method methods[] = {{.name = "GetServiceStatus", .handler = get_service_status}};

struct rpc_service service_status_service(struct arena *arena, struct service *service, const char *version,
                                          const struct health *health) {
  struct service_status *self = arena_calloc(arena, 1, sizeof *self);
  self->service = service;
  self->health = health;
  self->version = version;
  self->instance = service_instance_name(arena);
  self->start_us = clock_wall_us();
  self->gauges = gauges_of(service);
  self->metrics = service_metrics_new(arena, service);
  return (struct rpc_service){
      .descriptor = &ordershop__v1__status_service__descriptor, .methods = ROWS(methods), .user = self, .exempt = true};
}
