/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_dial.h"

#include <netdb.h>
#include <stdio.h>

static void forget_addresses(struct redis_dial *dial) {
  if (dial->addresses) uv_freeaddrinfo(dial->addresses);
  dial->addresses = dial->next_address = NULL;
}

static void on_resolved(uv_getaddrinfo_t *resolve, int error, struct addrinfo *addresses) {
  struct redis_dial *dial = resolve->data;
  dial->resolving = false;
  dial->addresses = dial->next_address = addresses;
  if (dial->ended) {
    forget_addresses(dial);
    error = UV_ECANCELED;
  }
  dial->resolved(dial->owner, error ? uv_strerror(error) : NULL);
}

const char *redis_dial_start(struct redis_dial *dial) {
  char port[8];
  snprintf(port, sizeof port, "%d", dial->port);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  dial->ended = false;
  dial->resolve.data = dial;
  int error = uv_getaddrinfo(loop_uv(dial->loop), &dial->resolve, on_resolved, dial->host, port, &hints);
  dial->resolving = error == 0;
  return error ? uv_strerror(error) : NULL;
}

static struct redis_socket *open_socket(const struct redis_dial *dial, const struct addrinfo *address,
                                        const struct redis_socket_events *events, char *ret_reason, size_t size) {
  char text[NI_MAXHOST];
  int error = getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
  if (error) {
    snprintf(ret_reason, size, "%s", gai_strerror(error));
    return NULL;
  }
  struct tls_session *tls = dial->tls ? tls_session_new(dial->tls, dial->host) : NULL;
  return redis_socket_open(dial->loop, text, dial->port, tls, events, ret_reason, size);
}

struct redis_socket *redis_dial_next(struct redis_dial *dial, const struct redis_socket_events *events,
                                     char *ret_reason, size_t size) {
  struct redis_socket *socket = NULL;
  while (!socket && dial->next_address) {
    const struct addrinfo *address = dial->next_address;
    dial->next_address = address->ai_next;
    socket = open_socket(dial, address, events, ret_reason, size);
  }
  return socket;
}

void redis_dial_end(struct redis_dial *dial) {
  dial->ended = true;
  forget_addresses(dial);
  if (dial->resolving) uv_cancel((uv_req_t *)&dial->resolve);
}

bool redis_dial_is_resolving(const struct redis_dial *dial) {
  return dial->resolving;
}
