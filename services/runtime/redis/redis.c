/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/plain_format.h"
#include "redis/redis_private.h"
#include "redis/redis_server_private.h"
#include "redis/redis_slot.h"

enum {
  DEFAULT_MAX_PENDING = 10000,
  DEFAULT_CONNECT_TIMEOUT_MS = 2000,
  ASKING_CONNECT_TIMEOUT_MS = 1000, /* where another server may take over from one that stands still */
  DEFAULT_REPLY_TIMEOUT_MS = 5000,
};

static void hold(struct redis *redis) {
  redis->holds++;
}

static void release(struct redis *redis) {
  if (--redis->holds > 0) return;
  loop_flush_remove(redis->loop, &redis->flush);
  arena_free(redis->arena);
}

static void on_ready(void *owner) {
  struct redis *redis = owner;
  redis_server_met(redis, &redis->connection.greeting.identity);
  condition_signal_all(&redis->became_ready);
}

static void on_replica(void *owner) {
  struct redis *redis = owner;
  redis_server_met_replica(redis, &redis->connection.greeting.identity);
}

static void on_stopped(void *owner) {
  release(owner);
}

static void on_watchdog_closed(uv_handle_t *watchdog) {
  release(watchdog->data);
}

static void flush(struct loop_flush *flush) {
  struct redis *redis = (struct redis *)((char *)flush - offsetof(struct redis, flush));
  if (redis->connection.socket) redis_socket_flush(redis->connection.socket);
  *redis->connection.metrics.round_trips += redis->has_spoken;
  redis->has_spoken = false;
}

/* libuv writes with write(2): a peer that is gone would end the process. */
static void ignore_broken_pipes(void) {
  struct sigaction present;
  sigaction(SIGPIPE, NULL, &present);
  if (present.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

static int64_t or_default(int64_t value, int64_t fallback) {
  return value > 0 ? value : fallback;
}

/* Where the server is, and as whom to ask for that. */
static void set_up_place(struct redis *redis, const struct redis_options *options, const struct redis_url *url) {
  struct redis_connection *connection = &redis->connection;
  bool is_single = url->arrangement == REDIS_SINGLE;
  connection->url = *url;
  connection->tls = url->tls ? options->tls : NULL;
  connection->sentinel_user = arena_strdup(redis->arena, options->sentinel_user);
  connection->sentinel_password = arena_strdup(redis->arena, options->sentinel_password);
  connection->known = redis->server ? redis_server_known(redis->server) : &redis->known;
  connection->connect_timeout_ms =
      or_default(options->connect_timeout_ms, is_single ? DEFAULT_CONNECT_TIMEOUT_MS : ASKING_CONNECT_TIMEOUT_MS);
  if (url->arrangement != REDIS_CLUSTER) return;
  connection->slot = redis_slot_of_prefix(redis->key_prefix);
  if (options->key) connection->key = redis_key(redis, redis->arena, "%s", options->key);
}

static void set_up_connection(struct redis *redis, const struct redis_options *options, const struct redis_url *url) {
  struct redis_connection *connection = &redis->connection;
  connection->loop = redis->loop;
  set_up_place(redis, options, url);
  connection->password = arena_strdup(redis->arena, options->password);
  connection->purpose = arena_strdup(redis->arena, options->purpose ? options->purpose : "commands");
  connection->metrics = redis_metrics_of(connection->purpose);
  connection->quiet = options->quiet;
  connection->identifies = options->server != NULL;
  connection->name =
      arena_printf(redis->arena, "%s-%s", options->client_name ? options->client_name : "client", connection->purpose);
  connection->events =
      (struct redis_connection_events){.ready = on_ready, .replica = on_replica, .stopped = on_stopped, .owner = redis};
}

static struct redis *redis_new(struct loop *loop, struct arena *arena, const struct redis_options *options,
                               const struct redis_url *url) {
  struct redis *redis = arena_calloc(arena, 1, sizeof *redis);
  redis->arena = arena;
  redis->loop = loop;
  redis->server = options->server;
  redis->key_prefix = options->key_prefix ? arena_strdup(arena, options->key_prefix) : "";
  redis->key_prefix_size = strlen(redis->key_prefix);
  redis->max_pending = options->max_pending > 0 ? options->max_pending : DEFAULT_MAX_PENDING;
  redis->reply_timeout_ms = or_default(options->reply_timeout_ms, DEFAULT_REPLY_TIMEOUT_MS);
  redis->flush.run = flush;
  set_up_connection(redis, options, url);
  return redis;
}

/* What can be known of the options without asking anybody. */
static struct status check_options(struct arena *arena, const struct redis_options *options,
                                   struct redis_url *ret_url) {
  struct status status = redis_url_parse(arena, options->url, ret_url);
  if (!status_is_ok(status)) return status;
  const char *mistake = redis_prefix_mistake(ret_url, options->key_prefix ? options->key_prefix : "");
  if (mistake) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_redis_url_invalid, "the key prefix %s", mistake);
  }
  if (!ret_url->tls || options->tls) return status;
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_redis_url_invalid,
                      "the Redis URL wants TLS, and redis_options.tls does not say whom to trust");
}

struct status redis_open(struct loop *loop, struct arena *arena, const struct redis_options *options,
                         struct redis **ret_redis) {
  struct redis_url url;
  struct arena *own = arena_new();
  struct status status = check_options(own, options, &url);
  if (!status_is_ok(status)) {
    status = status_copy(status, arena);
    arena_free(own);
    return status;
  }
  ignore_broken_pipes();
  struct redis *redis = redis_new(loop, own, options, &url);
  loop_flush_add(loop, &redis->flush);
  uv_timer_init(loop_uv(loop), &redis->watchdog);
  redis->watchdog.data = redis;
  redis->holds = 2; /* the connection and the watchdog */
  redis_server_join(redis);
  (*redis->connection.metrics.connections)++;
  redis_connection_start(&redis->connection);
  *ret_redis = redis;
  return status_ok();
}

void redis_close(struct redis *redis) {
  redis_server_part(redis);
  (*redis->connection.metrics.connections)--;
  redis_connection_stop(&redis->connection);
  uv_close((uv_handle_t *)&redis->watchdog, on_watchdog_closed);
  condition_signal_all(&redis->became_ready);
}

bool redis_is_ready(const struct redis *redis) {
  return redis->connection.state == REDIS_CONNECTION_READY;
}

bool redis_asks_for_master(const struct redis *redis) {
  return redis->connection.url.arrangement != REDIS_SINGLE;
}

uint64_t redis_generation(const struct redis *redis) {
  return redis->connection.generation;
}

const char *redis_reason(const struct redis *redis) {
  return redis->connection.reason;
}

int64_t redis_client_id(const struct redis *redis) {
  return redis->connection.client_id;
}

struct status redis_unreachable(const struct redis *redis, struct arena *arena) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_redis_unreachable, "Redis is unreachable: %s",
                      redis->connection.reason);
}

/* Made without an arena: redis_reason tells more. */
static struct status not_ready(void) {
  static const struct error_details details = {.reason = reason_redis_unreachable};
  return (struct status){.code = STATUS_UNAVAILABLE, .message = "Redis is unreachable", .details = &details};
}

coroutine_fn struct status redis_wait_ready(struct redis *redis, int64_t deadline_us) {
  bool in_time = true;
  hold(redis);
  while (in_time && !redis_is_ready(redis) && !redis_is_closing(redis)) {
    in_time = condition_wait(&redis->became_ready, deadline_us);
  }
  struct status status = redis_is_ready(redis) ? status_ok() : not_ready();
  release(redis);
  return status;
}

const char *redis_key(const struct redis *redis, struct arena *arena, const char *format, ...) {
  char text[256];
  va_list values, again;
  va_start(values, format);
  va_copy(again, values);
  long length = plain_format(text, sizeof text, format, values);
  size_t size = (size_t)(length < 0 ? vsnprintf(text, sizeof text, format, values) : length);
  va_end(values);

  char *key = arena_alloc(arena, redis->key_prefix_size + size + 1);
  memcpy(key, redis->key_prefix, redis->key_prefix_size);
  if (size < sizeof text) {
    memcpy(key + redis->key_prefix_size, text, size + 1);
  } else {
    vsnprintf(key + redis->key_prefix_size, size + 1, format, again);
  }
  va_end(again);
  return key;
}

const char *redis_key_pattern(const struct redis *redis, struct arena *arena, const char *pattern) {
  const char *prefix = redis_key_prefix(redis);
  char *whole = arena_alloc(arena, 2 * strlen(prefix) + strlen(pattern) + 1), *end = whole;
  for (const char *c = prefix; *c; c++) {
    if (strchr("*?[]\\", *c)) *end++ = '\\';
    *end++ = *c;
  }
  strcpy(end, pattern);
  return whole;
}

const char *redis_key_prefix(const struct redis *redis) {
  return redis->key_prefix;
}
