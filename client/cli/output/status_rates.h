/* SPDX-License-Identifier: Apache-2.0 */
/* What happened between two readings of a service's status: rates, and how long calls took. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/status_client.h"

/* One reading. */
struct status_reading {
  const Ordershop__V1__ServiceStatus *status; /* NULL if there was no answer */
  int64_t us;                                 /* when it came (clock_monotonic_us) */
};

struct status_rates {
  bool known;
  double seconds;               /* between the readings */
  double calls, failed, events; /* a second */
  /* What 99 of 100 calls took at most, as far as the buckets tell: within one it is interpolated, as Prometheus'
   * histogram_quantile does. NAN if there were no calls. */
  double p99_seconds;
  bool p99_is_more; /* some took longer than the highest bound, which is told */
};

/* The rates are not known if one of the readings lacks an answer, or if another process, of a replica or after a
 * restart, has answered the second. */
struct status_rates status_rates_between(struct status_reading before, struct status_reading now);
