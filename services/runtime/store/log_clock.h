/* SPDX-License-Identifier: Apache-2.0 */
/* Log clock: the clock of the shop's log, a key in Redis (log_time.h), and what this process has seen of it. Threads:
 * the loop's. */
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/store_connections.h"

/* Makes a position of the replies in which functions tell a log time and an epoch; what is missing becomes zero. */
void position_from_reply(const struct redis_reply *log_time, const struct redis_reply *epoch,
                         struct position *ret_position);

/* Moves the clock to max(TIME, last) and tells it. Makes the clock if there is none: anew in an empty Redis, rebuilt
 * from the streams' last ids with a new epoch otherwise. */
coroutine_fn struct status clock_tick(struct event_store *store, struct context *context, struct position *ret_now);

/* Makes the clock if there is none, and tells it. Errors: as redis_command. */
coroutine_fn struct status clock_make(struct event_store *store, struct context *context, struct position *ret_now);

/* Ask for the clock on one of the store's connections, so that what is asked there next is read after it in the same
 * trip, and receive the answer (redis_receive). If there is no clock, *ret_last is all zero. */
struct redis_pending *clock_ask(struct event_store *store, struct redis *redis, struct context *context);
coroutine_fn struct status clock_told(struct event_store *store, struct redis_pending *asked,
                                      struct position *ret_last);

/* Reads the clock without moving it. Makes it if there is none; a store that only reads tells all zero then. */
coroutine_fn struct status clock_read(struct event_store *store, struct context *context, struct position *ret_last);

/* Moves the clock on, to its Redis' time and at least to `log_time`, and tells it: what is appended there from now on
 * is later. That of another service's log, in a store that only reads, is moved by plain commands, on `commands`: the
 * user needs WATCH, MULTI and EXEC, GET and SET of the clock, and no function; if there is no clock there, *ret_now is
 * all zero, and none is made. */
coroutine_fn struct status clock_move_on(struct event_store *store, struct context *context, int64_t log_time,
                                         struct position *ret_now);

/* Remembers what an answer told of the log. */
void clock_saw(struct event_store *store, const struct position *position);
