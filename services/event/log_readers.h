/* SPDX-License-Identifier: Apache-2.0 */
/* Log readers: the services that read streams, as their consumer groups and stored positions tell, and how far each has
 * applied the logs. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "event_log.h"
#include "loop/coroutine.h"

enum { LOG_READERS_MAX = 200 };

struct log_reader {
  const char *name;
  size_t log;                       /* to which it appends, and beside which its position lies */
  bool *reads;                      /* for each stream */
  int64_t *applied_to;              /* of each stream, and of all together behind the last */
  bool follows[LOG_PLACES_MAX];     /* for each log: it reads a stream there, or has a position of it */
  int64_t log_to[LOG_PLACES_MAX];   /* everything of that log up to it is applied; 0 if nothing is known to be */
  const struct redis_reply *parked; /* the names of its lists of dead letters */
  int64_t dead_letters;             /* -1: it has more lists than are looked at */
  int64_t lag_entries, oldest;      /* for stream_list.h; oldest: log time of the first entry not applied, or 0 */
};

struct log_readers {
  struct event_log *log;
  struct context *context;
  struct context contexts[LOG_PLACES_MAX]; /* for each log */
  size_t stream_count;
  int64_t *lengths; /* of each stream, in Redis */
  struct log_reader rows[LOG_READERS_MAX];
  size_t count;
};

/* Asks all Redises. The result lives in the context's arena. Positions are read before dead letters: what a reader has
 * put among these and is not told here, it has not applied here either. Errors: those of redis_command. */
coroutine_fn struct status log_readers_ask(struct event_log *log, struct context *context,
                                           struct log_readers **ret_readers);

/* Where the reader's own keys are read. */
struct redis *log_readers_redis(const struct log_readers *readers, size_t log);
