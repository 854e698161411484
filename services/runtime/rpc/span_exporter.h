/* SPDX-License-Identifier: Apache-2.0 */
/* Span exporter: sends the process' spans (trace/span.h) to an OpenTelemetry collector, by OTLP over gRPC: 512 at once,
 * or what there is after five seconds. It tries each batch once: what the collector does not take is dropped and
 * counted, and the log says when that begins and ends. Threads: the loop's. */
#pragma once

#include "base/brand.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "tls/tls_files.h"

struct span_exporter;

struct span_exporter_options {
  const struct brand *brand;
  const char *service, *version; /* who the spans are of */
  const char *endpoint;          /* "http://host:4317", or "https://host:4317"; has passed span_endpoint_check */
  const char *ratio;             /* has passed sampler_check_ratio */
  struct tls_files *tls;         /* for https: the own identity, and whom to trust; NULL means that there is none */
  int64_t interval_ms;           /* 0 means 5,000 */
};

/* For `check` of a setting: returns NULL if `value` is an endpoint, else what is allowed. */
const char *span_endpoint_check(const char *value);

/* Returns whether an endpoint that has passed that check is one by https. */
bool span_endpoint_is_tls(const char *endpoint);

/* Starts recording spans on this thread, and exporting them. Errors: INVALID_ARGUMENT (https without an identity). */
struct status span_exporter_start(struct loop *loop, struct arena *arena, const struct span_exporter_options *options,
                                  struct span_exporter **ret_exporter);

/* Stops recording, and yields until what was recorded is sent, two seconds at most. NULL is allowed. */
coroutine_fn void span_exporter_stop(struct span_exporter *exporter);
