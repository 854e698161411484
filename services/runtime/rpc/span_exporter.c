/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/span_exporter.h"

#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/uuid.h"
#include "rpc/rpc_client.h"
#include "rpc/span_request.h"
#include "trace/span.h"

enum {
  INTERVAL_MS = 5000,
  EXPORT_US = 5 * 1000 * 1000,
  LAST_EXPORT_US = 2 * 1000 * 1000, /* when the process stops */
};

static const struct metric exported_metric = {
    .name = "trace_spans_exported_total", .help = "Spans that a collector has taken.", .kind = METRIC_COUNTER};

static const char plain_scheme[] = "http://", tls_scheme[] = "https://";

struct span_exporter {
  struct span_exporter_options options;
  struct span_source source;
  struct rpc_channel *channel;
  uint64_t *exported;
  size_t lost;     /* spans since the log has said that the collector can't be reached; 0 means that it can */
  int64_t last_us; /* when all has to be sent, once it stops */
  bool stopping, ended, woken;
  struct condition changed;
};

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static void tell_failure(struct span_exporter *exporter, struct status status, size_t count) {
  spans_count_dropped(SPAN_DROP_UNREACHABLE, count);
  if (exporter->lost == 0) {
    log_event(LOG_WARN, "spans can't be exported, and are dropped", "endpoint", exporter->options.endpoint, "reason",
              status.message, NULL);
  }
  exporter->lost += count;
}

static void tell_success(struct span_exporter *exporter, size_t count,
                         const Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse *response) {
  int64_t refused = response->partial_success ? response->partial_success->rejected_spans : 0;
  size_t rejected = refused < 0 ? 0 : refused > (int64_t)count ? count : (size_t)refused;
  spans_count_dropped(SPAN_DROP_REJECTED, rejected);
  *exporter->exported += count - rejected;
  if (exporter->lost > 0) {
    log_event(LOG_INFO, "spans are exported again", "dropped", log_number((int64_t)exporter->lost), NULL);
  }
  exporter->lost = 0;
}

static coroutine_fn void export_batch(struct span_exporter *exporter, struct span *spans, size_t count) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + EXPORT_US};
  if (exporter->stopping) context.deadline_us = exporter->last_us;
  const void *request = span_request_of(context.arena, &exporter->source, spans, count);
  struct rpc_reply reply =
      rpc_client_call(exporter->channel, &context,
                      &opentelemetry__proto__collector__trace__v1__trace_service__descriptor, "Export", request);
  if (status_is_ok(reply.status)) {
    tell_success(exporter, count, reply.message);
  } else {
    tell_failure(exporter, reply.status, count);
  }
  spans_release(spans);
  arena_free(context.arena);
}

static coroutine_fn void export_all(struct span_exporter *exporter) {
  size_t count;
  struct span *spans;
  do {
    spans = spans_take(SPAN_BATCH, &count);
    if (spans) export_batch(exporter, spans, count);
  } while (count == SPAN_BATCH);
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

static void wake(void *argument) {
  struct span_exporter *exporter = argument;
  exporter->woken = true;
  condition_signal_all(&exporter->changed);
}

static coroutine_fn void run(void *argument) {
  struct span_exporter *exporter = argument;
  while (!exporter->stopping) {
    int64_t due_us = clock_monotonic_us() + exporter->options.interval_ms * 1000;
    while (!exporter->woken && clock_monotonic_us() < due_us) condition_wait(&exporter->changed, due_us);
    exporter->woken = false;
    export_all(exporter);
  }
  export_all(exporter);
  exporter->ended = true;
  condition_signal_all(&exporter->changed);
}

bool span_endpoint_is_tls(const char *endpoint) {
  return strncmp(endpoint, tls_scheme, strlen(tls_scheme)) == 0;
}

static const char *address_of(const char *endpoint) {
  return endpoint + (span_endpoint_is_tls(endpoint) ? strlen(tls_scheme) : strlen(plain_scheme));
}

const char *span_endpoint_check(const char *value) {
  static const char allowed[] = "http://host:port or https://host:port";
  if (!span_endpoint_is_tls(value) && strncmp(value, plain_scheme, strlen(plain_scheme)) != 0) return allowed;
  return config_check_listen(address_of(value)) ? allowed : NULL;
}

struct status span_exporter_start(struct loop *loop, struct arena *arena, const struct span_exporter_options *options,
                                  struct span_exporter **ret_exporter) {
  if (span_endpoint_is_tls(options->endpoint) && !options->tls) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                        "https:// needs the certificate of this program and its key");
  }
  struct span_exporter *exporter = arena_calloc(arena, 1, sizeof *exporter);
  exporter->options = *options;
  if (options->interval_ms == 0) exporter->options.interval_ms = INTERVAL_MS;
  exporter->source = (struct span_source){.program_namespace = options->brand->name,
                                          .service = options->service,
                                          .version = options->version,
                                          .instance = uuid_random(arena)};
  exporter->exported = metric_counter(&exported_metric, NULL);
  const struct rpc_channel_options channel = {.brand = options->brand,
                                              .peer = "collector",
                                              .tls = span_endpoint_is_tls(options->endpoint) ? options->tls : NULL};
  struct status status = rpc_channel_open(loop, arena, address_of(options->endpoint), &channel, &exporter->channel);
  if (!status_is_ok(status)) return status;
  const struct sampler sampler = sampler_of(options->ratio);
  spans_start(&sampler, wake, exporter);
  loop_spawn(loop, run, exporter);
  *ret_exporter = exporter;
  return status;
}

coroutine_fn void span_exporter_stop(struct span_exporter *exporter) {
  if (!exporter) return;
  exporter->stopping = true;
  exporter->last_us = clock_monotonic_us() + LAST_EXPORT_US;
  wake(exporter);
  while (!exporter->ended) condition_wait(&exporter->changed, DEADLINE_NEVER);
  spans_stop();
  rpc_channel_close(exporter->channel);
}
