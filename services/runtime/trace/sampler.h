/* SPDX-License-Identifier: Apache-2.0 */
/* Sampler: which traces are recorded that begin in this process. Those that begin elsewhere are recorded if their
 * caller does (OpenTelemetry's ParentBased(TraceIdRatioBased)): so a trace is recorded as a whole or not at all. Any
 * thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/traceparent.h"

struct sampler {
  uint64_t below; /* of the last 63 bits of trace ids, those below this */
};

/* For `check` of a setting: returns NULL if `value` is a ratio, a number from 0 to 1 without exponent, else what is
 * allowed. */
const char *sampler_check_ratio(const char *value);

/* `ratio` has passed that check: "0.01" is one trace of a hundred. */
struct sampler sampler_of(const char *ratio);

/* Returns whether the trace of that id is recorded: in all processes of the same ratio, or of a higher one. */
bool sampler_takes(const struct sampler *sampler, const struct trace_ids *ids);
