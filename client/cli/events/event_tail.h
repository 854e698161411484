/* SPDX-License-Identifier: Apache-2.0 */
/* The tail follows streams of a shop in Redis, merged by id, as they are appended to, for `ordershop load --mails`. It
 * has a loop of its own and blocks its thread. */
#pragma once

#include "client/cli/events/event_from.h"
#include "loop/coroutine.h"
#include "redis/redis.h"

struct event_tail_options {
  const char *redis_url;
  const char *redis_password;                    /* NULL if there is none */
  const char *sentinel_user, *sentinel_password; /* likewise */
  struct tls_client *redis_tls;                  /* see redis_options.tls */
  const char *key_prefix;
  const char *url_flag, *password_flag; /* that say where this Redis is, without dashes: for messages */
  const char *const *streams;           /* names without prefix; they need not exist yet */
  size_t stream_count;
  struct event_from from;
  int64_t connect_ms; /* how long Redis may take to answer at the start */
  /* Shows an event; returns false if no more are wanted. The entry is an element of an XREAD answer. */
  coroutine_fn bool (*show_event)(void *argument, const char *stream, const struct redis_reply *entry);
  bool (*flush)(void *argument); /* nothing more at the moment; called once a second, too. False: no more */
  void (*tell)(void *argument, const char *sentence); /* Redis went away or is back */
  void *argument;
};

/* Returns when `show_event` says false, or at the end of the log unless it follows. A Redis that goes away meanwhile is
 * waited for. Errors: UNAVAILABLE (it doesn't answer, refuses the login, or the user may not read), INVALID_ARGUMENT.
 */
struct status event_tail(struct arena *arena, const struct event_tail_options *options);
