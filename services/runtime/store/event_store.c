/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_store.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/commit.h"
#include "store/event.h"
#include "store/known_log.h"
#include "store/log_clock.h"
#include "store/store_watch.h"

extern const unsigned char store_lua_log_time[], store_lua_groups[], store_lua_transactions[], store_lua_clock[],
    consumer_lua_lease[], store_lua_rights[], consumer_lua_backlog[], store_lua_streams[], store_lua_descriptors[],
    store_lua_replicas[], consumer_lua_log_repair[], consumer_lua_view_rebuild[];

struct redis_library *event_library_new(struct arena *arena, const char *owner, const char *source) {
  struct arena *scratch = arena_new();
  const char *whole = arena_printf(scratch, "#!lua name=@LIBRARY@\n%s\n%s", (const char *)store_lua_log_time, source);
  struct redis_library *library = redis_library_new(arena, owner, whole);
  arena_free(scratch);
  return library;
}

static struct redis_library *generic_library(struct arena *arena, const struct brand *brand) {
  struct arena *scratch = arena_new();
  const char *source = arena_printf(
      scratch, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s", (const char *)store_lua_groups,
      (const char *)store_lua_transactions, (const char *)store_lua_clock, (const char *)consumer_lua_lease,
      (const char *)consumer_lua_backlog, (const char *)store_lua_streams, (const char *)store_lua_descriptors,
      (const char *)store_lua_rights, (const char *)store_lua_replicas, (const char *)consumer_lua_log_repair,
      (const char *)consumer_lua_view_rebuild);
  struct redis_library *library = event_library_new(arena, arena_printf(scratch, "%s_runtime", brand->name), source);
  arena_free(scratch);
  return library;
}

static struct status open_connections(struct loop *loop, struct arena *arena, struct redis_options *connection,
                                      bool subscribes, struct event_store *store) {
  connection->purpose = "commands";
  struct status status = redis_open(loop, arena, connection, &store->commands);
  connection->quiet = true; /* one of them is enough for the log */
  connection->purpose = "reads";
  if (status_is_ok(status)) status = redis_open(loop, arena, connection, &store->reads);
  connection->purpose = "blocking";
  if (status_is_ok(status) && subscribes) status = redis_open(loop, arena, connection, &store->blocking);
  return status;
}

static void close_connections(struct event_store *store) {
  if (store->commands) redis_close(store->commands);
  if (store->reads) redis_close(store->reads);
  if (store->blocking) redis_close(store->blocking);
}

struct status event_store_open(struct loop *loop, struct arena *arena, const struct event_store_options *options,
                               struct event_store **ret_store) {
  struct status status = brand_require(options->brand, arena, "event_store_options");
  if (!status_is_ok(status)) return status;
  struct event_store *store = arena_calloc(arena, 1, sizeof *store);
  store->clock_key = options->brand->clock_key;
  store->log = options->log ? options->log : "";
  store->service = options->service;
  store->request_seconds = options->request_seconds;
  store->reads_only = options->reads_only;
  store->library = generic_library(arena, options->brand);
  store->server = redis_server_new(arena);
  store->known = known_log_new(store, arena);
  struct redis_options connection = {.url = options->redis_url,
                                     .password = options->redis_password,
                                     .sentinel_user = options->sentinel_user,
                                     .sentinel_password = options->sentinel_password,
                                     .tls = options->redis_tls,
                                     .key_prefix = options->key_prefix,
                                     .key = options->brand->clock_key,
                                     .client_name = options->service,
                                     .server = store->server};
  status = open_connections(loop, arena, &connection, options->subscribes, store);
  bool waits = options->replicas > 0 && !options->reads_only;
  if (status_is_ok(status) && waits) {
    const struct replica_barrier_options barrier = {.replicas = options->replicas,
                                                    .missing = options->replicas_missing};
    status = replica_barrier_start(loop, arena, store, &connection, &barrier, &store->barrier);
  }
  if (!status_is_ok(status)) {
    close_connections(store);
    return status;
  }
  store->committer = committer_start(loop, arena, store);
  connection.purpose = "watch";
  store->watch = store_watch_start(loop, arena, store, &connection);
  *ret_store = store;
  return status_ok();
}

coroutine_fn void event_store_close(struct event_store *store) {
  close_connections(store);
  committer_stop(store->committer);
  store_watch_stop(store->watch);
  replica_barrier_stop(store->barrier);
  known_log_free(store->known);
}

const char *event_store_loss(const struct event_store *store) {
  return known_log_loss(store->known);
}

int64_t event_store_now(const struct event_store *store) {
  int64_t wall = clock_wall_us();
  return wall > store->latest.log_time ? wall : store->latest.log_time;
}

coroutine_fn struct status event_store_check_position(struct event_store *store, struct context *context,
                                                      const struct position *position) {
  bool told_here = store->latest_generation == redis_generation(store->commands);
  if (told_here && position_has_seen(&store->latest, position)) return status_ok();
  struct position last;
  struct status status = clock_read(store, context, &last);
  if (!status_is_ok(status) || position_has_seen(&last, position)) return status;
  return status_error(context->arena, STATUS_FAILED_PRECONDITION, reason_log_reset,
                      "the position is of another log than the present one, or lies past its end");
}

/* ---- the service's position ------------------------------------------------------------------------------------- */

coroutine_fn struct status position_read(struct event_store *store, struct context *context,
                                         struct position *ret_position) {
  struct redis_arguments get =
      redis_command_of(context->arena, "HMGET", position_key(store, context->arena), "log", "epoch", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  const char *log = redis_reply_text(redis_reply_at(reply, 0)), *epoch = redis_reply_text(redis_reply_at(reply, 1));
  struct position position = {.log_time = log ? log_time_of_entry(log) : 0};
  snprintf(position.epoch, sizeof position.epoch, "%s", epoch ? epoch : "");
  *ret_position = position;
  return status_ok();
}
