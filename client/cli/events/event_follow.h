/* SPDX-License-Identifier: Apache-2.0 */
/* Follows the events of the shop by WatchEvents, for `ordershop events tail`: an event service that goes away meanwhile
 * is waited for, and then it goes on where it was, without a gap or a repeat. It blocks its thread. */
#pragma once

#include "client/cli/events/event_from.h"
#include "client/event_client.h"

struct event_follow_options {
  struct ordershop_client *client;
  const char *const *streams; /* names without prefix, which need not exist yet; none: all */
  size_t stream_count;
  struct event_from from;
  bool follow;                                                           /* at the end of the log, wait for more */
  bool (*show_event)(void *argument, const Ordershop__V1__Event *event); /* false: no more are wanted */
  bool (*flush)(void *argument); /* nothing more at the moment; called once a second, too. False: no more */
  void (*tell)(void *argument, const char *sentence); /* the service went away or is back */
  void *argument;
};

/* Returns when `show_event` or `flush` says false, or at the end of the log unless it follows. Errors: those of the
 * first call; later those that time does not cure, such as LOG_RESET. */
struct status event_follow(struct arena *arena, const struct event_follow_options *options);
