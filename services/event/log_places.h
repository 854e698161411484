/* SPDX-License-Identifier: Apache-2.0 */
/* Log places: the logs of the shop that the service reads, each in a Redis, or behind a prefix, of its own
 * (store/positions.h), and which one has the streams of an entity.
 *
 * Mostly there is one, the shop's, whose number is 0. A service that has a Redis of its own has its log there. What
 * another Redis holds of that service's streams is left over from before it moved, and is not read. Plain values;
 * threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "service/service.h"
#include "store/positions.h"

enum { LOG_PLACES_MAX = SERVICE_OWNERS + 1 };

struct log_places {
  const struct service *service;
  struct event_store *stores[LOG_PLACES_MAX];
  size_t count;
};

/* The services of the list (deploy/services.txt) that own something: their logs may lie elsewhere. For
 * service_definition.reads_logs_of. */
extern const char *const log_places_owners[];

struct log_places log_places_of(const struct service *service);

/* Makes of a context one for each log: the era of one Redis says nothing about that of another. What is sent with them
 * must be answered while they live. */
void log_places_contexts(const struct log_places *places, const struct context *context,
                         struct context ret_contexts[LOG_PLACES_MAX]);

/* Reads the clocks of all logs, in one trip each, at the same time; the contexts are those of log_places_contexts. What
 * nobody has begun yet is all zero. Errors: those of redis_command. */
coroutine_fn struct status log_places_read_clocks(const struct log_places *places, struct context *contexts,
                                                  struct position ret_ends[LOG_PLACES_MAX]);

/* The number of the log that a service appends to, or that has the streams of an entity; 0, the shop's, of those that
 * are not on the list. */
size_t log_places_of_service(const struct log_places *places, const char *name);
size_t log_places_of_entity(const struct log_places *places, const char *entity);

/* Returns whether the entities are those of a service that is on the shop's list. */
bool log_places_is_of_shop(const char *entity);
