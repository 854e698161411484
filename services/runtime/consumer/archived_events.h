/* SPDX-License-Identifier: Apache-2.0 */
/* Archived events: what a consumer asks for events that have left Redis for the archive. Who answers is not known here
 * (service/event_channel.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "redis/redis_reply.h"

struct archived_event {
  const char *stream; /* "customer_created" */
  int64_t log_time;
  const struct redis_reply *entry; /* as XRANGE tells it */
};

/* The events of these streams with after < log time <= until. */
struct archived_range {
  const char *const *streams;
  size_t stream_count;
  int64_t after, until;
};

/* The first events of a range, by log time. */
struct archived_page {
  const struct archived_event *events;
  size_t count;
  int64_t told_to; /* log time: there are no others up to it */
};

struct archived_events {
  /* Reads a page, whether its events lie in Redis or in the archive, into the context's arena; NULL if there is nobody
   * to ask. Yields. Errors: those of a call (rpc/rpc_client.h). */
  coroutine_fn struct status (*read_archived)(void *argument, struct context *context,
                                              const struct archived_range *range, struct archived_page *ret_page);
  void *argument;
  const char *setting; /* the variable that would say whom to ask, for messages */
};
