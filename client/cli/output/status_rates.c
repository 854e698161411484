/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/status_rates.h"

#include <math.h>
#include <string.h>

static double seconds_of(const Google__Protobuf__Duration *duration) {
  return (double)duration->seconds + (double)duration->nanos / 1e9;
}

static bool is_same_process(const Ordershop__V1__ServiceStatus *one, const Ordershop__V1__ServiceStatus *other) {
  if (!one->start_time || !other->start_time) return false;
  return strcmp(one->instance, other->instance) == 0 && one->start_time->seconds == other->start_time->seconds &&
         one->start_time->nanos == other->start_time->nanos;
}

static int64_t handled_events(const Ordershop__V1__ServiceStatus *status) {
  return status->consumer ? status->consumer->handled_events : 0;
}

/* How many calls of a bucket came in between. */
static double grown(const Ordershop__V1__CallStatus *before, const Ordershop__V1__CallStatus *now, size_t bucket) {
  return (double)(now->durations[bucket]->calls - before->durations[bucket]->calls);
}

static void set_p99(struct status_rates *rates, const Ordershop__V1__CallStatus *before,
                    const Ordershop__V1__CallStatus *now) {
  double all = 0, below = 0, lower = 0;
  if (before->n_durations != now->n_durations) return;
  for (size_t i = 0; i < now->n_durations; i++) all += grown(before, now, i);
  if (all <= 0) return;
  double rank = 0.99 * all;
  for (size_t i = 0; i < now->n_durations; i++) {
    const Google__Protobuf__Duration *up_to = now->durations[i]->up_to;
    double calls = grown(before, now, i);
    rates->p99_seconds = lower;
    rates->p99_is_more = !up_to;
    if (!up_to) return;
    if (below + calls >= rank) {
      rates->p99_seconds += (seconds_of(up_to) - lower) * (rank - below) / calls;
      return;
    }
    below += calls;
    lower = seconds_of(up_to);
  }
}

struct status_rates status_rates_between(struct status_reading before, struct status_reading now) {
  struct status_rates rates = {.p99_seconds = NAN};
  if (!before.status || !now.status || !is_same_process(before.status, now.status)) return rates;
  const Ordershop__V1__CallStatus *calls_before = before.status->calls, *calls = now.status->calls;
  if (!calls_before || !calls || now.us <= before.us) return rates; /* an older version tells no calls */
  rates.known = true;
  rates.seconds = (double)(now.us - before.us) / 1e6;
  rates.calls = (double)(calls->answered - calls_before->answered) / rates.seconds;
  rates.failed = (double)(calls->failed - calls_before->failed) / rates.seconds;
  rates.events = (double)(handled_events(now.status) - handled_events(before.status)) / rates.seconds;
  set_p99(&rates, calls_before, calls);
  return rates;
}
