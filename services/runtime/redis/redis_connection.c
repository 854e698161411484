/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_connection.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

enum {
  MIN_BACKOFF_MS = 50,
  MAX_BACKOFF_MS = 2000,
  MAX_ASKING_BACKOFF_MS = 500, /* another server may have taken over meanwhile */
  STEADY_MS = 2000,            /* a connection that lasted so long starts the backoff anew when it is lost */
};

static void start_attempt(struct redis_connection *connection);
static void try_next_address(struct redis_connection *connection);

void redis_connection_note(struct redis_connection *connection, const char *reason) {
  if (*reason) snprintf(connection->reason, sizeof connection->reason, "%s", reason);
}

static bool asks_for_the_master(const struct redis_connection *connection) {
  return connection->url.arrangement != REDIS_SINGLE;
}

/* Of the server, or of all that could tell it while it is not known. */
static const char *place_of(const struct redis_connection *connection, struct arena *arena) {
  if (*connection->host) return redis_address_text(arena, connection->host, connection->port);
  return redis_url_places(&connection->url, arena);
}

/* Logs once per outage, whatever the number of attempts; and once more if TLS fails in a later one, which does not pass
 * by itself. */
static void log_away(struct redis_connection *connection) {
  if (connection->away && (!connection->tls_fails || connection->told_tls_failure)) return;
  struct arena *arena = arena_new();
  const char *message = connection->away ? "redis is still away" : "redis is away";
  if (!connection->away) connection->away_since_us = clock_monotonic_us();
  connection->away = true;
  connection->told_tls_failure = connection->tls_fails;
  log_event(connection->quiet ? LOG_DEBUG : LOG_WARN, message, "address", place_of(connection, arena), "purpose",
            connection->purpose, "reason", connection->reason, NULL);
  arena_free(arena);
}

static void log_back(struct redis_connection *connection) {
  if (!connection->away) return;
  struct arena *arena = arena_new();
  connection->away = connection->told_tls_failure = false;
  int64_t away_ms = (clock_monotonic_us() - connection->away_since_us) / 1000;
  log_event(connection->quiet ? LOG_DEBUG : LOG_INFO, "redis is back", "address", place_of(connection, arena),
            "purpose", connection->purpose, "away_ms", log_number(away_ms), NULL);
  arena_free(arena);
}

static void on_retry(uv_timer_t *timer) {
  start_attempt(timer->data);
}

/* Returns between half and the whole of the backoff, so that the clients of one server don't come back in step. */
static uint64_t jittered(int64_t backoff_ms) {
  uint32_t random = 0;
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) random = (uint32_t)clock_monotonic_us();
  uint64_t half = (uint64_t)backoff_ms / 2;
  return half + random % (half + 1);
}

static void retry_later(struct redis_connection *connection) {
  connection->state = REDIS_CONNECTION_WAITING;
  uv_timer_start(&connection->timer, on_retry, jittered(connection->backoff_ms), 0);
  int64_t most_ms = asks_for_the_master(connection) ? MAX_ASKING_BACKOFF_MS : MAX_BACKOFF_MS;
  connection->backoff_ms *= 2;
  if (connection->backoff_ms > most_ms) connection->backoff_ms = most_ms;
}

/* Appends why the master, which is away, is not replaced. */
static void note_doubt(struct redis_connection *connection) {
  size_t used = strlen(connection->reason);
  if (!*connection->doubt) return;
  snprintf(connection->reason + used, sizeof connection->reason - used, "; no other has taken over: %s",
           connection->doubt);
}

static void give_up_attempt(struct redis_connection *connection) {
  redis_dial_end(&connection->dial);
  log_away(connection);
  retry_later(connection);
}

static void on_welcomed(void *owner, int64_t client_id) {
  struct redis_connection *connection = owner;
  uv_timer_stop(&connection->timer);
  redis_dial_end(&connection->dial);
  connection->state = REDIS_CONNECTION_READY;
  connection->reason[0] = '\0';
  connection->client_id = client_id;
  connection->generation++;
  (*connection->metrics.connects)++;
  (*connection->metrics.connections_ready)++;
  connection->ready_since_us = clock_monotonic_us();
  log_back(connection);
  connection->events.ready(connection->events.owner);
}

/* The socket closes before it looks at the greeting's other answers. */
static void on_refused(void *owner, const char *reason) {
  struct redis_connection *connection = owner;
  redis_connection_fail(connection, reason);
  if (connection->greeting.is_replica) connection->events.replica(connection->events.owner);
}

static void on_connected(void *owner) {
  struct redis_connection *connection = owner;
  redis_greeting_send(&connection->greeting, connection->socket);
}

static void lose(struct redis_connection *connection) {
  int64_t lasted_us = clock_monotonic_us() - connection->ready_since_us;
  if (lasted_us >= STEADY_MS * 1000) connection->backoff_ms = MIN_BACKOFF_MS;
  connection->client_id = 0;
  (*connection->metrics.connections_ready)--;
  log_away(connection);
  retry_later(connection);
}

static void on_closed(void *owner, const char *reason) {
  struct redis_connection *connection = owner;
  enum redis_connection_state state = connection->state;
  connection->tls_fails = *redis_socket_tls_failure(connection->socket);
  connection->socket = NULL;
  if (state == REDIS_CONNECTION_STOPPED) return;

  uv_timer_stop(&connection->timer);
  redis_connection_note(connection, reason);
  if (state == REDIS_CONNECTION_READY) {
    lose(connection);
  } else {
    try_next_address(connection);
  }
}

static void on_connect_timeout(uv_timer_t *timer) {
  struct redis_connection *connection = timer->data;
  if (connection->socket) redis_connection_fail(connection, redis_socket_delay(connection->socket));
}

static void try_next_address(struct redis_connection *connection) {
  struct redis_socket_events events = {.connected = on_connected, .closed = on_closed, .owner = connection};
  connection->state = REDIS_CONNECTION_CONNECTING;
  connection->socket = redis_dial_next(&connection->dial, &events, connection->reason, sizeof connection->reason);
  if (connection->socket) {
    uv_timer_start(&connection->timer, on_connect_timeout, (uint64_t)connection->connect_timeout_ms, 0);
  } else {
    note_doubt(connection);
    give_up_attempt(connection);
  }
}

static void fail_to_resolve(struct redis_connection *connection, const char *reason) {
  snprintf(connection->reason, sizeof connection->reason, "the host name cannot be resolved: %s", reason);
  give_up_attempt(connection);
}

/* The last of libuv's references to go is either the timer or a resolution under way. */
static void tell_stopped(struct redis_connection *connection) {
  if (redis_dial_is_resolving(&connection->dial) || !connection->timer_closed) return;
  connection->events.stopped(connection->events.owner);
}

static void on_resolved(void *owner, const char *reason) {
  struct redis_connection *connection = owner;
  if (connection->state == REDIS_CONNECTION_STOPPED) {
    tell_stopped(connection);
    return;
  }
  uv_timer_stop(&connection->timer);
  if (reason) {
    fail_to_resolve(connection, reason);
  } else {
    try_next_address(connection);
  }
}

/* A resolution can't be ended; it goes on, but the reason says what holds everything up. */
static void on_resolve_timeout(uv_timer_t *timer) {
  struct redis_connection *connection = timer->data;
  redis_connection_note(connection, "the resolution of the host name takes too long");
  log_away(connection);
}

static void dial(struct redis_connection *connection, const char *host, int port) {
  connection->state = REDIS_CONNECTION_RESOLVING;
  snprintf(connection->host, sizeof connection->host, "%s", host);
  connection->port = port;
  connection->dial = (struct redis_dial){.loop = connection->loop,
                                         .host = connection->host,
                                         .port = port,
                                         .tls = connection->tls,
                                         .resolved = on_resolved,
                                         .owner = connection};
  const char *reason = redis_dial_start(&connection->dial);
  if (reason) {
    fail_to_resolve(connection, reason);
  } else {
    uv_timer_start(&connection->timer, on_resolve_timeout, (uint64_t)connection->connect_timeout_ms, 0);
  }
}

static void on_found(void *owner, const char *host, int port, const char *doubt) {
  struct redis_connection *connection = owner;
  snprintf(connection->doubt, sizeof connection->doubt, "%s", doubt);
  dial(connection, host, port);
}

static void on_not_found(void *owner, const char *reason) {
  struct redis_connection *connection = owner;
  redis_connection_note(connection, reason);
  give_up_attempt(connection);
}

static void ask_for_the_master(struct redis_connection *connection) {
  bool of_sentinels = connection->url.arrangement == REDIS_SENTINEL;
  const struct redis_master_question question = {
      .loop = connection->loop,
      .url = &connection->url,
      .user = of_sentinels ? connection->sentinel_user : connection->url.user,
      .password = of_sentinels ? connection->sentinel_password : connection->password,
      .tls = connection->tls,
      .slot = connection->slot,
      .known = connection->known};
  connection->state = REDIS_CONNECTION_ASKING;
  connection->asker = (struct redis_master_asker){.found = on_found, .failed = on_not_found, .owner = connection};
  redis_master_ask(&connection->asker, &question);
}

static void start_attempt(struct redis_connection *connection) {
  if (asks_for_the_master(connection)) {
    ask_for_the_master(connection);
  } else {
    dial(connection, connection->url.addresses[0].host, connection->url.addresses[0].port);
  }
}

void redis_connection_start(struct redis_connection *connection) {
  connection->greeting = (struct redis_greeting){.url = &connection->url,
                                                 .password = connection->password,
                                                 .name = connection->name,
                                                 .key = connection->key,
                                                 .identifies = connection->identifies,
                                                 .welcomed = on_welcomed,
                                                 .refused = on_refused,
                                                 .owner = connection};
  connection->backoff_ms = MIN_BACKOFF_MS;
  redis_connection_note(connection, "not yet connected");
  uv_timer_init(loop_uv(connection->loop), &connection->timer);
  connection->timer.data = connection;
  start_attempt(connection);
}

void redis_connection_fail(struct redis_connection *connection, const char *reason) {
  if (!connection->socket) return;
  redis_connection_note(connection, reason);
  redis_socket_close(connection->socket);
}

void redis_connection_start_anew(struct redis_connection *connection, const char *reason) {
  connection->backoff_ms = MIN_BACKOFF_MS;
  redis_connection_fail(connection, reason);
}

static void on_timer_closed(uv_handle_t *timer) {
  struct redis_connection *connection = timer->data;
  connection->timer_closed = true;
  tell_stopped(connection);
}

void redis_connection_stop(struct redis_connection *connection) {
  if (connection->state == REDIS_CONNECTION_READY) (*connection->metrics.connections_ready)--;
  connection->state = REDIS_CONNECTION_STOPPED;
  connection->client_id = 0;
  redis_connection_note(connection, "the connection is closed");
  redis_master_forget(&connection->asker);
  redis_dial_end(&connection->dial);
  if (connection->socket) redis_socket_close(connection->socket);
  uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}
