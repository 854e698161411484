/* SPDX-License-Identifier: Apache-2.0 */
/* Shows what `ordershop status` found, as a table with what to do below it, or as JSON. One thread, since it writes to
 * standard output. */
#pragma once

#include "client/cli/output/status_rates.h"
#include "client/status_client.h"

struct service_report {
  enum ordershop_service service;
  const char *name;
  const char *address;
  struct arena *arena;           /* of what follows */
  struct status call;            /* why there is no status */
  struct status_reading reading; /* has no status if it did not answer */
  struct status_reading before;  /* the one before, for rates; has no status if there was none */
};

void status_show_table(struct arena *arena, const struct service_report *reports, size_t count);

/* Writes the sentences of all services that have one, below an empty line. */
void status_show_advice(struct arena *arena, const struct service_report *reports, size_t count);

/* Writes {"services": [ServiceStatus and "address", ...]}; a service that did not answer has "service", "address",
 * "ready" false and "reason". Where rates are known it has "rates", with "seconds", "callsPerSecond",
 * "failedPerSecond", "eventsPerSecond" and, if there were calls, "p99Seconds". */
void status_show_json(const struct service_report *reports, size_t count);

/* Returns what is wrong with a service, and with the later ones that have the same reason, and what to do next, in one
 * sentence; returns NULL if nothing is wrong, or if an earlier one's sentence says it. */
const char *status_advice(struct arena *arena, const struct service_report *reports, size_t count, size_t index);

/* Returns whether the service has a consumer. `status` may be NULL. */
bool status_consumes(const Ordershop__V1__ServiceStatus *status);

/* Returns how many events wait, and the log time that they span if it is more than a second. */
const char *status_lag_text(struct arena *arena, const Ordershop__V1__ConsumerStatus *consumer);

/* Returns the two largest units, as in "3d 4h" or "12m 5s". */
const char *status_duration_text(struct arena *arena, int64_t us);
