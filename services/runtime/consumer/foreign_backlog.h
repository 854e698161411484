/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign backlog: how far a service is behind the logs of others that lie in Redises of their own. There is no
 * consumer group that would tell the lag: what was counted tells it. Threads: the loop's. */
#pragma once

#include "consumer/consumer_backlog.h"

/* Adds it to what is known of the log in the service's own Redis. Asks each Redis by three trips, and the own one by
 * one more where another replica handles the events. Yields. Errors: those of redis_command; then the lag is unknown.
 */
coroutine_fn struct status foreign_backlog_add(const struct progress *progress, struct context *context,
                                               struct consumer_backlog *backlog);
