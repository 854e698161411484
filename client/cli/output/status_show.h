/* SPDX-License-Identifier: Apache-2.0 */
/* Shows what `ordershop status` found, as a table with what to do below it, or as JSON. One thread, since it writes to
 * standard output. */
#pragma once

#include "client/status_client.h"

struct service_report {
  enum ordershop_service service;
  const char *name;
  const char *address;
  struct arena *arena;                        /* of what follows */
  struct status call;                         /* why there is no status */
  const Ordershop__V1__ServiceStatus *status; /* NULL if it did not answer */
};

void status_show_table(struct arena *arena, const struct service_report *reports, size_t count);

/* Writes {"services": [ServiceStatus and "address", ...]}; a service that did not answer has "service", "address",
 * "ready" false and "reason". */
void status_show_json(const struct service_report *reports, size_t count);

/* Returns what is wrong with a service, and with the later ones that have the same reason, and what to do next, in one
 * sentence; returns NULL if nothing is wrong, or if an earlier one's sentence says it. */
const char *status_advice(struct arena *arena, const struct service_report *reports, size_t count, size_t index);

/* Returns the two largest units, as in "3d 4h" or "12m 5s". */
const char *status_duration_text(struct arena *arena, int64_t us);
