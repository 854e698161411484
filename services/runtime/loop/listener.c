/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

enum {
  SOCKETS_MAX = 8,        /* addresses of one name */
  ACCEPTS_PER_TURN = 64,  /* before others have their turn */
  LOOK_MS = 100,          /* how often the listener looks whether an alarm is over */
  QUIET_US = 1000 * 1000, /* an alarm is over when nothing has been refused for so long */
  RECOUNT_US = 10 * 1000, /* connections are counted this often at most, since refusing must be cheap */
  TEXT_BYTES = 160,
};

/* A connection that was handed on. When it is closed, its number may go to another file: the inode tells. */
struct connection {
  int descriptor;
  ino_t inode;
  struct in6_addr client; /* an IPv4 address is mapped; of an IPv6 one it is the network */
};

/* A reason why connections aren't taken: the log says when it begins and when it has ended. */
struct alarm {
  bool raised;
  int64_t last_us;
  char text[TEXT_BYTES]; /* for listener_refusal */
};

struct listener {
  struct listener_options options;
  int descriptors[SOCKETS_MAX];
  uv_poll_t polls[SOCKETS_MAX];
  int socket_count;
  int port;
  uv_timer_t timer; /* runs while an alarm is raised */
  int closing;      /* handles that libuv has not let go of */
  struct connection *connections;
  size_t count;
  int64_t counted_us;
  struct alarm full;    /* all connections are in use */
  struct alarm crowded; /* one client's are, which is nothing to others, so without a text */
  struct alarm starved; /* the system gives no descriptors */
};

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static struct status unavailable(struct arena *arena, const char *address, const char *cause) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_address_unavailable, "Can't listen on %s: %s.", address, cause);
}

static const char *cause_of(int error) {
  switch (error) {
    case EADDRINUSE:
      return "the port is taken";
    case EADDRNOTAVAIL:
      return "the address is none of this machine's";
    default:
      return strerror(error);
  }
}

static int port_of(const struct sockaddr *address) {
  if (address->sa_family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
  // An address that getsockname or getaddrinfo has filled. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage)
  return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

static void set_port(struct sockaddr *address, int port) {
  if (address->sa_family == AF_INET6) {
    ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
  } else {
    ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
  }
}

static void set_option(int descriptor, int level, int option, int value) {
  setsockopt(descriptor, level, option, &value, sizeof(value));
}

/* Connections inherit the options of TCP. Returns the descriptor, or -1 with errno. */
static int bind_socket(const struct listener *listener, const struct sockaddr *address, socklen_t size, bool dual) {
  int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, listener->options.unacknowledged_ms);
  if (address->sa_family == AF_INET6) set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, !dual);
  if (bind(descriptor, address, size) == 0 && listen(descriptor, SOMAXCONN) == 0) return descriptor;
  int error = errno;
  close(descriptor);
  errno = error;
  return -1;
}

/* All sockets have one port: that of the first. */
static bool add_socket(struct listener *listener, struct sockaddr *address, socklen_t size, bool dual) {
  if (listener->socket_count == SOCKETS_MAX) return true;
  if (listener->port > 0) set_port(address, listener->port);
  int descriptor = bind_socket(listener, address, size, dual);
  if (descriptor < 0) return false;
  listener->descriptors[listener->socket_count++] = descriptor;
  struct sockaddr_storage bound = {0};
  socklen_t bound_size = sizeof(bound);
  getsockname(descriptor, (struct sockaddr *)&bound, &bound_size);
  listener->port = port_of((struct sockaddr *)&bound);
  return true;
}

/* One socket for IPv4 and IPv6, where the machine has both. */
static bool add_all_addresses(struct listener *listener, int port) {
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any, .sin6_port = htons((uint16_t)port)};
  if (add_socket(listener, (struct sockaddr *)&any, sizeof(any), true)) return true;
  if (errno == EADDRINUSE || errno == EACCES) return false;
  struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  return add_socket(listener, (struct sockaddr *)&any4, sizeof(any4), false);
}

/* A name with two lines in /etc/hosts has the same address twice. */
static bool comes_before(const struct addrinfo *found, const struct addrinfo *address) {
  for (const struct addrinfo *at = found; at != address; at = at->ai_next) {
    if (at->ai_addrlen == address->ai_addrlen && memcmp(at->ai_addr, address->ai_addr, at->ai_addrlen) == 0)
      return true;
  }
  return false;
}

/* An address that the machine doesn't have (a name stands for IPv4 and IPv6, and one of them is off) is passed over if
 * there is another one. */
static bool add_addresses(struct listener *listener, const struct addrinfo *found) {
  int error = 0;
  for (const struct addrinfo *at = found; at; at = at->ai_next) {
    if (comes_before(found, at) || add_socket(listener, at->ai_addr, at->ai_addrlen, false)) continue;
    error = errno;
    if (error != EADDRNOTAVAIL && error != EAFNOSUPPORT) return false;
  }
  errno = error;
  return listener->socket_count > 0;
}

static struct status bind_address(struct listener *listener, struct arena *arena) {
  const char *address = listener->options.address;
  const char *colon = strrchr(address, ':');
  bool bracketed = *address == '[' && colon[-1] == ']';
  const char *host = arena_memdup(arena, address + bracketed, (size_t)(colon - address) - 2 * (size_t)bracketed);
  bool done;
  if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) {
    done = add_all_addresses(listener, atoi(colon + 1));
  } else {
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    int failure = getaddrinfo(host, colon + 1, &wanted, &found);
    if (failure != 0) return unavailable(arena, address, gai_strerror(failure));
    done = add_addresses(listener, found);
    int error = errno;
    freeaddrinfo(found);
    errno = error;
  }
  return done ? status_ok() : unavailable(arena, address, cause_of(errno));
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

static bool is_open(const struct connection *connection) {
  struct stat now;
  return fstat(connection->descriptor, &now) == 0 && S_ISSOCK(now.st_mode) && now.st_ino == connection->inode;
}

/* Forgets those that have ended. */
static void recount(struct listener *listener) {
  int64_t now_us = clock_monotonic_us();
  if (now_us - listener->counted_us < RECOUNT_US) return;
  listener->counted_us = now_us;
  size_t kept = 0;
  for (size_t i = 0; i < listener->count; i++) {
    if (is_open(&listener->connections[i])) listener->connections[kept++] = listener->connections[i];
  }
  listener->count = kept;
}

static struct in6_addr client_of(const struct sockaddr_storage *address) {
  struct in6_addr client = IN6ADDR_ANY_INIT;
  if (address->ss_family == AF_INET) {
    client.s6_addr[10] = client.s6_addr[11] = 0xff;
    memcpy(client.s6_addr + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
  } else {
    client = ((const struct sockaddr_in6 *)address)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&client)) memset(client.s6_addr + 8, 0, 8);
  }
  return client;
}

static size_t connections_of(const struct listener *listener, const struct in6_addr *client) {
  size_t count = 0;
  for (size_t i = 0; i < listener->count; i++) {
    if (IN6_ARE_ADDR_EQUAL(&listener->connections[i].client, client)) count++;
  }
  return count;
}

/* ---- alarms ----------------------------------------------------------------------------------------------------- */

static void look_for_end(uv_timer_t *timer);

/* Returns true if it is the first of its kind for a while. */
static bool raise_alarm(struct listener *listener, struct alarm *alarm) {
  bool first = !alarm->raised;
  alarm->raised = true;
  alarm->last_us = clock_monotonic_us();
  if (!uv_is_active((uv_handle_t *)&listener->timer)) uv_timer_start(&listener->timer, look_for_end, LOOK_MS, LOOK_MS);
  return first;
}

static void tell_full(struct listener *listener) {
  if (!raise_alarm(listener, &listener->full)) return;
  snprintf(listener->full.text, TEXT_BYTES, "new connections are refused: there are %zu, as many as there may be",
           listener->options.connections);
  log_event(LOG_WARN, "new connections are refused", "address", listener->options.address, "connections",
            log_number((int64_t)listener->options.connections), NULL);
}

static void tell_crowded(struct listener *listener, const struct in6_addr *client) {
  if (!raise_alarm(listener, &listener->crowded)) return;
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, client, text, sizeof(text));
  log_event(LOG_WARN, "new connections of one client are refused", "address", listener->options.address, "client", text,
            "connections", log_number((int64_t)listener->options.connections_per_address), NULL);
}

static void tell_starved(struct listener *listener, const char *cause) {
  if (!raise_alarm(listener, &listener->starved)) return;
  snprintf(listener->starved.text, TEXT_BYTES, "new connections can't be taken: %s", cause);
  log_event(LOG_ERROR, "new connections can't be taken", "address", listener->options.address, "error", cause, NULL);
}

static void clear_if_over(struct listener *listener, struct alarm *alarm, const char *what) {
  if (!alarm->raised || clock_monotonic_us() - alarm->last_us < QUIET_US) return;
  alarm->raised = false;
  log_event(LOG_INFO, what, "address", listener->options.address, NULL);
}

const char *listener_refusal(const struct listener *listener) {
  if (listener->starved.raised) return listener->starved.text;
  return listener->full.raised ? listener->full.text : "";
}

/* ---- taking ----------------------------------------------------------------------------------------------------- */

/* A reset, so that it leaves no state in the kernel and the client knows at once. */
static void refuse(int descriptor) {
  const struct linger now = {.l_onoff = 1};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(descriptor);
}

static bool has_place(struct listener *listener, const struct in6_addr *client) {
  const struct listener_options *options = &listener->options;
  if (listener->count >= options->connections) recount(listener);
  if (listener->count >= options->connections) {
    tell_full(listener);
    return false;
  }
  if (connections_of(listener, client) < options->connections_per_address) return true;
  recount(listener);
  if (connections_of(listener, client) < options->connections_per_address) return true;
  tell_crowded(listener, client);
  return false;
}

static void take(struct listener *listener, int descriptor, const struct sockaddr_storage *address) {
  struct stat stat;
  const struct in6_addr client = client_of(address);
  if (!has_place(listener, &client) || fstat(descriptor, &stat) != 0) {
    refuse(descriptor);
    return;
  }
  listener->connections[listener->count++] =
      (struct connection){.descriptor = descriptor, .inode = stat.st_ino, .client = client};
  listener->options.take(listener->options.user, descriptor);
}

/* Returns whether this is what accept says of a connection that has ended before it was taken (accept(2)). */
static bool is_of_the_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

static void on_connections(uv_poll_t *poll, int status, int events) {
  struct listener *listener = poll->data;
  int socket = listener->descriptors[poll - listener->polls];
  (void)status, (void)events;
  for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    int descriptor = accept4(socket, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      take(listener, descriptor, &address);
    } else if (errno == EAGAIN) {
      return;
    } else if (!is_of_the_connection(errno)) {
      tell_starved(listener, strerror(errno));
      uv_poll_stop(poll); /* it would be called again and again; the timer starts it */
      return;
    }
  }
}

static void start_polls(struct listener *listener) {
  for (int i = 0; i < listener->socket_count; i++) uv_poll_start(&listener->polls[i], UV_READABLE, on_connections);
}

static void look_for_end(uv_timer_t *timer) {
  struct listener *listener = timer->data;
  if (listener->starved.raised) start_polls(listener);
  recount(listener);
  if (listener->count < listener->options.connections) {
    clear_if_over(listener, &listener->full, "new connections are taken again");
  }
  clear_if_over(listener, &listener->crowded, "new connections of one client are no longer refused");
  clear_if_over(listener, &listener->starved, "new connections can be taken again");
  if (!listener->full.raised && !listener->crowded.raised && !listener->starved.raised) uv_timer_stop(timer);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void set_up_handles(struct listener *listener, struct loop *loop) {
  for (int i = 0; i < listener->socket_count; i++) {
    uv_poll_init(loop_uv(loop), &listener->polls[i], listener->descriptors[i]);
    listener->polls[i].data = listener;
  }
  uv_timer_init(loop_uv(loop), &listener->timer);
  listener->timer.data = listener;
  listener->closing = listener->socket_count + 1;
}

static void listener_free(struct listener *listener) {
  for (int i = 0; i < listener->socket_count; i++) close(listener->descriptors[i]);
  free(listener->connections);
  free(listener);
}

struct status listener_open(struct loop *loop, struct arena *arena, const struct listener_options *options,
                            struct listener **ret_listener) {
  struct listener *listener = memory_calloc(1, sizeof(*listener));
  listener->options = *options;
  listener->options.address = arena_strdup(arena, options->address);
  struct status status = bind_address(listener, arena);
  if (!status_is_ok(status)) {
    listener_free(listener);
    return status;
  }
  listener->connections = memory_calloc(options->connections, sizeof(listener->connections[0]));
  set_up_handles(listener, loop);
  *ret_listener = listener;
  return status;
}

int listener_port(const struct listener *listener) {
  return listener->port;
}

void listener_start(struct listener *listener) {
  start_polls(listener);
}

static void handle_closed(uv_handle_t *handle) {
  struct listener *listener = handle->data;
  if (--listener->closing == 0) listener_free(listener);
}

void listener_close(struct listener *listener) {
  if (!listener) return;
  for (int i = 0; i < listener->socket_count; i++) uv_close((uv_handle_t *)&listener->polls[i], handle_closed);
  uv_close((uv_handle_t *)&listener->timer, handle_closed);
}
