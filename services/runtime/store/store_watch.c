/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_watch.h"

#include "base/clock.h"
#include "loop/coroutine.h"
#include "store/known_log.h"

enum {
  INTERVAL_US = 1000 * 1000,
  ASKING_INTERVAL_US = 500 * 1000, /* where sentinels or a cluster may let another server take over at any time */
  CONNECTED_POLL_US = 20 * 1000,   /* a fresh connection is looked at soon */
  CALL_US = 5000 * 1000,
  GREETING_US = 2000 * 1000,
  ASKING_CONNECT_MS = 500,
};

struct store_watch {
  struct loop *loop;
  struct event_store *store;
  struct redis_options connection;
  struct redis *newcomer; /* the connection that greets at present; NULL if there is none */
  uint64_t written;       /* redis_generation of `commands` that a write was tried on */
  bool stopping;
  int running; /* coroutines */
  struct condition wake, ended;
};

static coroutine_fn void pause_for(struct store_watch *watch, int64_t duration_us) {
  int64_t end_us = clock_monotonic_us() + duration_us;
  while (!watch->stopping && condition_wait(&watch->wake, end_us)) continue;
}

static void end(struct store_watch *watch) {
  watch->running--;
  condition_signal_all(&watch->ended);
}

/* ---- looking and writing ---------------------------------------------------------------------------------------- */

static coroutine_fn void try_to_write(struct store_watch *watch) {
  struct event_store *store = watch->store;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US};
  const char *nothing = redis_key(store->commands, context.arena, "%s_rights", store->service);
  struct redis_arguments command = redis_command_of(context.arena, "DEL", nothing, NULL);
  watch->written = redis_generation(store->commands);
  if (status_is_ok(redis_command(store->commands, &context, &command, NULL))) redis_server_takes_writes(store->server);
  arena_free(context.arena);
}

/* The known log keeps what is found; that the log can't be looked at shows elsewhere. */
static coroutine_fn void look_at_log(struct store_watch *watch) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US};
  (void)known_log_look(watch->store->known, &context);
  arena_free(context.arena);
}

static coroutine_fn void watch_server(void *argument) {
  struct store_watch *watch = argument;
  while (!watch->stopping) {
    const struct redis *commands = watch->store->commands;
    if (redis_is_ready(commands)) look_at_log(watch);
    if (!watch->stopping && redis_is_ready(commands)) try_to_write(watch);
    if (watch->stopping) break;
    bool looked = redis_is_ready(commands) && watch->written == redis_generation(commands);
    pause_for(watch, looked ? INTERVAL_US : CONNECTED_POLL_US);
  }
  end(watch);
}

/* ---- greeting --------------------------------------------------------------------------------------------------- */

/* It tells the store's redis_server which server it meets; a failure to connect says nothing about the connections that
 * exist. */
static coroutine_fn void greet(struct store_watch *watch) {
  struct arena *arena = arena_new();
  if (status_is_ok(redis_open(watch->loop, arena, &watch->connection, &watch->newcomer))) {
    (void)redis_wait_ready(watch->newcomer, clock_monotonic_us() + GREETING_US);
    if (!watch->stopping) redis_close(watch->newcomer);
    watch->newcomer = NULL;
  }
  arena_free(arena);
}

static coroutine_fn void watch_address(void *argument) {
  struct store_watch *watch = argument;
  const struct redis *commands = watch->store->commands;
  int64_t interval_us = redis_asks_for_master(commands) ? ASKING_INTERVAL_US : INTERVAL_US;
  while (!watch->stopping) {
    if (redis_is_ready(commands)) greet(watch);
    pause_for(watch, interval_us);
  }
  end(watch);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct store_watch *store_watch_start(struct loop *loop, struct arena *arena, struct event_store *store,
                                      const struct redis_options *connection) {
  struct store_watch *watch = arena_calloc(arena, 1, sizeof *watch);
  watch->loop = loop;
  watch->store = store;
  watch->connection = *connection;
  /* Rather than waiting for one that stands still, it asks again who the master is. */
  if (redis_asks_for_master(store->commands)) watch->connection.connect_timeout_ms = ASKING_CONNECT_MS;
  watch->running = store->reads_only ? 1 : 2;
  if (!store->reads_only) loop_spawn(loop, watch_server, watch);
  loop_spawn(loop, watch_address, watch);
  return watch;
}

coroutine_fn void store_watch_stop(struct store_watch *watch) {
  watch->stopping = true;
  condition_signal_all(&watch->wake);
  if (watch->newcomer) redis_close(watch->newcomer);
  while (watch->running > 0) condition_wait(&watch->ended, DEADLINE_NEVER);
}
