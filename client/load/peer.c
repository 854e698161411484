/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/peer.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client/target.h"

enum { BACKOFF_FIRST_US = 50 * 1000, BACKOFF_MAX_US = 1000 * 1000 };

/* Where one of the connections is, as long as there are to be so many. */
struct place {
  struct http2_connection *connection; /* NULL while it waits to connect again */
  int64_t due_us, backoff_us;
};

struct address {
  struct sockaddr_storage socket;
  socklen_t size;
  const struct target_host *host;
};

struct peer_connections {
  struct peer_options options;
  const struct target_host *hosts;
  size_t host_count;
  const char *authority;
  struct address *addresses;
  size_t address_count;
  size_t next_address, next_place;
  struct place *places;
  /* Those that serve their last calls; as many as places at most. */
  struct http2_connection **leaving;
  size_t leaving_count;
  char failure[256];
};

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static void add_address(struct peer_connections *peer, const struct addrinfo *found, const struct target_host *host) {
  peer->addresses = memory_realloc(peer->addresses, (peer->address_count + 1) * sizeof(*peer->addresses));
  struct address *address = &peer->addresses[peer->address_count++];
  *address = (struct address){.size = found->ai_addrlen, .host = host};
  memcpy(&address->socket, found->ai_addr, found->ai_addrlen);
}

/* Looks all names up; what was known stays where that fails, as a name server may be away for a moment. This blocks:
 * addresses are found at once, and names in the local network within a millisecond or so. */
static const char *look_up(struct peer_connections *peer) {
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  const char *failure = NULL;
  bool forgotten = false;
  for (size_t i = 0; i < peer->host_count; i++) {
    struct addrinfo *found = NULL;
    int error = getaddrinfo(peer->hosts[i].host, peer->hosts[i].port, &hints, &found);
    if (error != 0) failure = gai_strerror(error);
    if (found && !forgotten) peer->address_count = 0;
    if (found) forgotten = true;
    for (const struct addrinfo *at = found; at; at = at->ai_next) add_address(peer, at, &peer->hosts[i]);
    if (found) freeaddrinfo(found);
  }
  return peer->address_count > 0 ? NULL : failure;
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

static void connect_place(struct peer_connections *peer, struct place *place) {
  if (peer->address_count == 0) return; /* never: a peer that has none isn't opened, and what is known stays */
  const struct address *address = &peer->addresses[peer->next_address++ % peer->address_count];
  const struct http2_options options = {.address = (const struct sockaddr *)&address->socket,
                                        .address_size = address->size,
                                        .authority = peer->authority,
                                        .host = address->host->host,
                                        .tls = peer->options.tls,
                                        .done = peer->options.done,
                                        .argument = peer->options.argument};
  place->connection = http2_connection_open(&options);
}

/* A connection that served is made again at once, one that didn't come about after a pause. */
static void clear_place(struct place *place) {
  bool served = http2_connection_was_ready(place->connection);
  place->connection = NULL;
  place->backoff_us = served || place->backoff_us == 0 ? BACKOFF_FIRST_US : 2 * place->backoff_us;
  if (place->backoff_us > BACKOFF_MAX_US) place->backoff_us = BACKOFF_MAX_US;
  place->due_us = clock_monotonic_us() + (served ? 0 : place->backoff_us);
}

/* After something has happened to a place's connection. */
static void settle_place(struct peer_connections *peer, struct place *place) {
  struct http2_connection *connection = place->connection;
  if (!connection || http2_connection_is_open(connection)) return;
  const char *end = http2_connection_end(connection);
  clear_place(place);
  if (!end) {
    peer->leaving = memory_realloc(peer->leaving, (peer->leaving_count + 1) * sizeof(*peer->leaving));
    peer->leaving[peer->leaving_count++] = connection;
    return;
  }
  snprintf(peer->failure, sizeof(peer->failure), "%s", end);
  http2_connection_close(connection);
}

static void settle_leaving(struct peer_connections *peer) {
  size_t left = 0;
  for (size_t i = 0; i < peer->leaving_count; i++) {
    struct http2_connection *connection = peer->leaving[i];
    if (http2_connection_end(connection))
      http2_connection_close(connection);
    else
      peer->leaving[left++] = connection;
  }
  peer->leaving_count = left;
}

static void settle(struct peer_connections *peer) {
  for (int i = 0; i < peer->options.connections; i++) settle_place(peer, &peer->places[i]);
  settle_leaving(peer);
}

int64_t peer_reconnect(struct peer_connections *peer, int64_t now_us) {
  int64_t next_us = INT64_MAX;
  bool looked_up = false;
  for (int i = 0; i < peer->options.connections; i++) {
    struct place *place = &peer->places[i];
    if (!place->connection && place->due_us <= now_us) {
      if (!looked_up) look_up(peer);
      looked_up = true;
      connect_place(peer, place);
      settle_place(peer, place);
    }
    if (!place->connection && place->due_us < next_us) next_us = place->due_us;
  }
  return next_us;
}

static struct status find_hosts(struct arena *arena, const char *name, const char *target,
                                const struct target_host **ret_hosts, size_t *ret_count) {
  *ret_count = target_hosts(arena, target, ret_hosts);
  if (*ret_count > 0) return status_ok();
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_address_invalid,
                      "\"%s\", the address of %s, is not host:port, dns:host:port, ipv4:... or ipv6:..., which is what "
                      "load can call",
                      target, name);
}

struct status peer_check_target(struct arena *arena, const char *name, const char *target) {
  const struct target_host *hosts;
  size_t count;
  return find_hosts(arena, name, target, &hosts, &count);
}

struct status peer_open(struct arena *arena, const struct peer_options *options, struct peer_connections **ret_peer) {
  const struct target_host *hosts;
  size_t count;
  struct status status = find_hosts(arena, options->name, options->target, &hosts, &count);
  if (!status_is_ok(status)) return status;
  struct peer_connections *peer = memory_calloc(1, sizeof(*peer));
  *peer = (struct peer_connections){.options = *options, .hosts = hosts, .host_count = count};
  bool is_ip6 = strchr(hosts[0].host, ':');
  peer->authority = arena_printf(arena, is_ip6 ? "[%s]:%s" : "%s:%s", hosts[0].host, hosts[0].port);
  peer->places = memory_calloc((size_t)options->connections, sizeof(*peer->places));
  const char *failure = look_up(peer);
  if (failure) {
    peer_close(peer);
    return status_error(arena, STATUS_UNAVAILABLE, reason_peer_unreachable, "Can't reach %s: %s: %s", options->name,
                        options->target, failure);
  }
  peer_reconnect(peer, clock_monotonic_us());
  *ret_peer = peer;
  return status_ok();
}

void peer_close(struct peer_connections *peer) {
  for (int i = 0; i < peer->options.connections; i++) {
    if (peer->places[i].connection) http2_connection_close(peer->places[i].connection);
  }
  for (size_t i = 0; i < peer->leaving_count; i++) http2_connection_close(peer->leaving[i]);
  free(peer->leaving);
  free(peer->places);
  free(peer->addresses);
  free(peer);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

const char *peer_name(const struct peer_connections *peer) {
  return peer->options.name;
}

const char *peer_failure(const struct peer_connections *peer) {
  return peer->failure;
}

bool peer_call(struct peer_connections *peer, struct call *call, int64_t timeout_us) {
  for (int i = 0; i < peer->options.connections; i++) {
    struct place *place = &peer->places[peer->next_place++ % (size_t)peer->options.connections];
    if (place->connection && http2_connection_call(place->connection, call, timeout_us)) return true;
  }
  return false;
}

void peer_flush(struct peer_connections *peer) {
  for (int i = 0; i < peer->options.connections; i++) {
    if (peer->places[i].connection) http2_connection_flush(peer->places[i].connection);
  }
  for (size_t i = 0; i < peer->leaving_count; i++) http2_connection_flush(peer->leaving[i]);
}

static struct pollfd wish_of(const struct http2_connection *connection) {
  return (struct pollfd){.fd = http2_connection_fd(connection), .events = http2_connection_events(connection)};
}

/* A place without a connection keeps its descriptor, which poll passes over. */
size_t peer_poll_size(const struct peer_connections *peer) {
  return (size_t)peer->options.connections + peer->leaving_count;
}

void peer_poll(const struct peer_connections *peer, struct pollfd *fds) {
  for (int i = 0; i < peer->options.connections; i++) {
    fds[i] = peer->places[i].connection ? wish_of(peer->places[i].connection) : (struct pollfd){.fd = -1};
  }
  for (size_t i = 0; i < peer->leaving_count; i++) fds[peer->options.connections + (int)i] = wish_of(peer->leaving[i]);
}

void peer_step(struct peer_connections *peer, const struct pollfd *fds) {
  for (int i = 0; i < peer->options.connections; i++) {
    if (fds[i].revents != 0) http2_connection_step(peer->places[i].connection);
  }
  for (size_t i = 0; i < peer->leaving_count; i++) {
    if (fds[peer->options.connections + (int)i].revents != 0) http2_connection_step(peer->leaving[i]);
  }
  settle(peer);
}
