/* SPDX-License-Identifier: Apache-2.0 */
/* Log repair: what the log lacks of what the service has seen or had yet to see, and an operator's word that it goes on
 * without it. Threads: the loop's. */
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "consumer/operations.h"
#include "consumer/progress.h"
#include "loop/coroutine.h"
#include "store/log_loss.h"

/* What operation.action is where a loss was accepted. */
#define ACTION_ACCEPT_LOSS "accept loss"

/* A log of a service: one in its own Redis or, if its consumer follows them, in another one. */
struct service_log {
  struct event_store *store;       /* in which it lies */
  struct event_store *own;         /* the service's */
  const struct progress *progress; /* the consumer's, which stays as it is; NULL if it does not follow this log */
  size_t number;                   /* of the log there */
};

/* Returns the service's logs, the one in its own Redis first. `progress` is its consumer's, or NULL; all must live as
 * long as the result. */
struct service_log *service_logs_of(struct arena *arena, struct event_store *own, const struct progress *progress,
                                    size_t *ret_count);

/* Finds all that is missing in a log: of what this process has seen, and by what is stored of the consumer's positions,
 * whichever replica's it is. What it finds lives in the context's arena. *ret_stored, if there is a consumer, is what
 * is stored, in the same arena. Errors: those of redis_command. Yields. */
coroutine_fn struct status log_losses_find(const struct service_log *log, struct context *context,
                                           struct log_losses *ret_losses, struct progress *ret_stored);

/* Accepts what is missing, which must be what `operation->id`, an etag, names: sets the positions so that the service
 * goes on, and records the operation. *ret_losses are those that were accepted. Errors: FAILED_PRECONDITION
 * (LOG_LOSS_CHANGED), those of redis_command. Yields. */
coroutine_fn struct status log_losses_accept(const struct service_log *log, struct context *context,
                                             const struct operation *operation, struct log_losses *ret_losses);
