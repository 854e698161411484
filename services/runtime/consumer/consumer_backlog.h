/* SPDX-License-Identifier: Apache-2.0 */
/* Backlog: how far a service is behind the log, for its status. Threads: the loop's. */
#pragma once

#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/consumer.h"

/* What the consumer of this process does. */
enum consumer_role {
  CONSUMER_ROLE_STARTING,    /* has not heard from Redis yet */
  CONSUMER_ROLE_ACTIVE,      /* handles the events */
  CONSUMER_ROLE_STANDING_BY, /* waits for the lease */
  CONSUMER_ROLE_HALTED,      /* waits for an operator; consumer_reason says for what */
};

enum consumer_role consumer_role(const struct consumer *consumer);

#define BACKLOG_KEYS_MOST 1000 /* parked keys whose events are counted */

struct consumer_backlog {
  int64_t position;      /* everything up to it has been applied; 0: nothing yet, or unknown */
  int64_t lag_entries;   /* not applied yet, a tenth of a second ago; -1: unknown */
  int64_t lag_us;        /* log time from the position to the latest entry, 0 if none waits; -1: unknown */
  int64_t parked_keys;   /* that are parked, or have events in their list; -1: unknown */
  int64_t parked_events; /* -1: unknown, or more than BACKLOG_KEYS_MOST keys */
};

/* What is known without Redis: the position, as far as this replica knows. */
struct consumer_backlog consumer_backlog_unread(const struct consumer *consumer);

/* Asks Redis: one call, two more round trips if something is or was parked. Parks. Errors: those of redis_command. */
struct status consumer_backlog_read(const struct consumer *consumer, struct context *context,
                                    struct consumer_backlog *ret_backlog);
