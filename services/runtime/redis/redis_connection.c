/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_connection.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"

enum {
  MIN_BACKOFF_MS = 50,
  MAX_BACKOFF_MS = 2000,
  STEADY_MS = 2000, /* a connection that lasted so long starts the backoff anew when it is lost */
};

static void start_attempt(struct redis_connection *connection);
static void try_next_address(struct redis_connection *connection);

void redis_connection_note(struct redis_connection *connection, const char *reason) {
  if (*reason) snprintf(connection->reason, sizeof connection->reason, "%s", reason);
}

static const char *format_address(const struct redis_connection *connection, char *text, size_t size) {
  snprintf(text, size, strchr(connection->url.host, ':') ? "[%s]:%d" : "%s:%d", connection->url.host,
           connection->url.port);
  return text;
}

/* Logs once per outage, whatever the number of attempts. */
static void log_away(struct redis_connection *connection) {
  if (connection->away) return;
  char address[300];
  connection->away = true;
  connection->away_since_us = clock_monotonic_us();
  log_event(connection->quiet ? LOG_DEBUG : LOG_WARN, "redis is away", "address",
            format_address(connection, address, sizeof address), "purpose", connection->purpose, "reason",
            connection->reason, NULL);
}

static void log_back(struct redis_connection *connection) {
  if (!connection->away) return;
  char address[300];
  connection->away = false;
  int64_t away_ms = (clock_monotonic_us() - connection->away_since_us) / 1000;
  log_event(connection->quiet ? LOG_DEBUG : LOG_INFO, "redis is back", "address",
            format_address(connection, address, sizeof address), "purpose", connection->purpose, "away_ms",
            log_number(away_ms), NULL);
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
  connection->backoff_ms *= 2;
  if (connection->backoff_ms > MAX_BACKOFF_MS) connection->backoff_ms = MAX_BACKOFF_MS;
}

static void forget_addresses(struct redis_connection *connection) {
  if (connection->addresses) uv_freeaddrinfo(connection->addresses);
  connection->addresses = connection->next_address = NULL;
}

static void give_up_attempt(struct redis_connection *connection) {
  forget_addresses(connection);
  log_away(connection);
  retry_later(connection);
}

static void on_welcomed(void *owner, int64_t client_id) {
  struct redis_connection *connection = owner;
  uv_timer_stop(&connection->timer);
  forget_addresses(connection);
  connection->state = REDIS_CONNECTION_READY;
  connection->reason[0] = '\0';
  connection->client_id = client_id;
  connection->generation++;
  connection->ready_since_us = clock_monotonic_us();
  log_back(connection);
  connection->events.ready(connection->events.owner);
}

/* hiredis closes before it looks at the greeting's other answers. */
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
  log_away(connection);
  retry_later(connection);
}

static void on_closed(void *owner, const char *reason) {
  struct redis_connection *connection = owner;
  enum redis_connection_state state = connection->state;
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
  redis_connection_fail(timer->data, "the server took too long to answer");
}

/* Returns false, with the reason set, if not even an attempt was possible. */
static bool open_link(struct redis_connection *connection, const struct addrinfo *address) {
  char text[NI_MAXHOST];
  int error = getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
  if (error) {
    redis_connection_note(connection, gai_strerror(error));
    return false;
  }
  struct redis_socket_events events = {.connected = on_connected, .closed = on_closed, .owner = connection};
  connection->socket = redis_socket_open(connection->loop, text, connection->url.port, &events, connection->reason,
                                         sizeof connection->reason);
  return connection->socket != NULL;
}

static void try_next_address(struct redis_connection *connection) {
  connection->state = REDIS_CONNECTION_CONNECTING;
  while (connection->next_address) {
    const struct addrinfo *address = connection->next_address;
    connection->next_address = address->ai_next;
    if (!open_link(connection, address)) continue;
    uv_timer_start(&connection->timer, on_connect_timeout, (uint64_t)connection->connect_timeout_ms, 0);
    return;
  }
  give_up_attempt(connection);
}

static void fail_to_resolve(struct redis_connection *connection, int error) {
  snprintf(connection->reason, sizeof connection->reason, "the host name cannot be resolved: %s", uv_strerror(error));
  give_up_attempt(connection);
}

/* The last of libuv's references to go is either the timer or a resolution under way. */
static void tell_stopped(struct redis_connection *connection) {
  if (connection->resolving || !connection->timer_closed) return;
  connection->events.stopped(connection->events.owner);
}

static void on_resolved(uv_getaddrinfo_t *resolve, int error, struct addrinfo *addresses) {
  struct redis_connection *connection = resolve->data;
  connection->resolving = false;
  connection->addresses = connection->next_address = addresses;
  if (connection->state == REDIS_CONNECTION_STOPPED) {
    forget_addresses(connection);
    tell_stopped(connection);
    return;
  }
  uv_timer_stop(&connection->timer);
  if (error) {
    fail_to_resolve(connection, error);
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

static void start_attempt(struct redis_connection *connection) {
  char port[8];
  snprintf(port, sizeof port, "%d", connection->url.port);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  connection->state = REDIS_CONNECTION_RESOLVING;
  connection->resolve.data = connection;
  int error =
      uv_getaddrinfo(loop_uv(connection->loop), &connection->resolve, on_resolved, connection->url.host, port, &hints);
  if (error) {
    fail_to_resolve(connection, error);
    return;
  }
  connection->resolving = true;
  uv_timer_start(&connection->timer, on_resolve_timeout, (uint64_t)connection->connect_timeout_ms, 0);
}

void redis_connection_start(struct redis_connection *connection) {
  connection->greeting = (struct redis_greeting){.url = &connection->url,
                                                 .password = connection->password,
                                                 .name = connection->name,
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

static void on_timer_closed(uv_handle_t *timer) {
  struct redis_connection *connection = timer->data;
  connection->timer_closed = true;
  tell_stopped(connection);
}

void redis_connection_stop(struct redis_connection *connection) {
  connection->state = REDIS_CONNECTION_STOPPED;
  connection->client_id = 0;
  redis_connection_note(connection, "the connection is closed");
  forget_addresses(connection);
  if (connection->resolving) uv_cancel((uv_req_t *)&connection->resolve);
  if (connection->socket) redis_socket_close(connection->socket);
  uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}
