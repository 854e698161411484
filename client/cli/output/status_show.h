/* SPDX-License-Identifier: Apache-2.0 */
/* How `ordershop status` comes out: a table with what to do below it, or JSON. One thread: writes to standard output.
 */
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

/* {"services": [ServiceStatus and "address", ...]}; of one that did not answer: "service", "address", "ready" false and
 * "reason". */
void status_show_json(const struct service_report *reports, size_t count);

/* What is wrong with a service, and with the later ones that have the same trouble, and what to do next, in one
 * sentence; NULL means nothing, or an earlier one's sentence says it. */
const char *status_advice(struct arena *arena, const struct service_report *reports, size_t count, size_t index);

/* "3d 4h", "12m 5s": the two largest units. */
const char *status_duration_text(struct arena *arena, int64_t us);
