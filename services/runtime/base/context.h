/* SPDX-License-Identifier: Apache-2.0 */
/* Context: what travels with one call or one event through all layers. Belongs to one coroutine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* A deadline that never comes. */
#define DEADLINE_NEVER INT64_MAX

struct context {
  struct arena *arena; /* memory of the call or event */
  int64_t deadline_us; /* monotonic microseconds (clock_monotonic_us); every wait ends by then */
  const char *after;   /* position that reads must have seen (metadata `<brand>-after`); NULL if there is none */
  /* W3C trace context (traceparent.h): goes into events as it is, and to peers as a child; NULL if there is none. What
   * is not valid is passed on to nobody */
  const char *traceparent;
  int64_t *heard; /* the latest log time that peers have told of their own Redises' logs, shared by all copies: what is
                     done afterwards is later; NULL if nobody wants to know */
  uint64_t redis_era; /* redis_server_era that its first command met; 0 if there is none yet. In another era no command
                         is sent */
};

/* Returns the same context with half of the time that the deadline leaves, for the first of two steps of which the
 * second needs its time, too. */
struct context context_first_half(const struct context *context);

/* Returns the same context, but with `duration_us` of time at least: for a step that must follow what was done before,
 * whether or not anybody still waits for it. */
struct context context_at_least(const struct context *context, int64_t duration_us);
