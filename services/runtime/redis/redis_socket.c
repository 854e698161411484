/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "redis/redis_link.h"
#include "redis/redis_protocol.h"

/* An answer that is due. */
struct due {
  redis_answered *answered;
  void *owner;
};

struct redis_socket {
  struct redis_link *link;
  redisReader *reader;
  struct redis_socket_events events;
  struct due *line; /* a ring of `places`, a power of 2; the oldest is at `first` */
  size_t places, first, due;
  bool answering; /* within `answered` */
  bool closing;
  char reason[256];
};

/* ---- the line of answers that are due --------------------------------------------------------------------------- */

static void lengthen(struct redis_socket *socket) {
  size_t places = socket->places ? 2 * socket->places : 64;
  struct due *line = memory_calloc(places, sizeof *line);
  for (size_t i = 0; i < socket->due; i++) line[i] = socket->line[(socket->first + i) % socket->places];
  free(socket->line);
  socket->line = line;
  socket->places = places;
  socket->first = 0;
}

static void push(struct redis_socket *socket, struct due due) {
  if (socket->due == socket->places) lengthen(socket);
  socket->line[(socket->first + socket->due++) % socket->places] = due;
}

static struct due pop(struct redis_socket *socket) {
  struct due due = socket->line[socket->first];
  socket->first = (socket->first + 1) % socket->places;
  socket->due--;
  return due;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* Whoever is told may look at the socket, but not send. */
static void finish(struct redis_socket *socket) {
  redis_link_close(socket->link);
  while (socket->due > 0) {
    struct due due = pop(socket);
    due.answered(due.owner, NULL);
  }
  socket->events.closed(socket->events.owner, socket->reason);
  redisReaderFree(socket->reader);
  free(socket->line);
  free(socket);
}

void redis_socket_close(struct redis_socket *socket) {
  if (socket->closing) return;
  socket->closing = true;
  if (!socket->answering) finish(socket);
}

static void fail(struct redis_socket *socket, const char *reason) {
  if (!socket->closing) snprintf(socket->reason, sizeof socket->reason, "%s", reason);
  redis_socket_close(socket);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

/* A server that takes no more clients says so unasked. */
static void hear_unasked(struct redis_socket *socket, const redisReply *reply) {
  fail(socket, reply->type == REDIS_REPLY_ERROR ? reply->str : "the server does not answer as Redis does");
}

static void hear(struct redis_socket *socket, redisReply *reply) {
  if (socket->due > 0) {
    struct due due = pop(socket);
    due.answered(due.owner, reply);
  } else {
    hear_unasked(socket, reply);
  }
  freeReplyObject(reply);
}

/* A record of TLS, an alert, begins with this kind (RFC 8446, 5.1); an answer of Redis never does. */
static const char *reason_of_nonsense(const struct redis_socket *socket, char first_byte) {
  return first_byte == 21 ? "the server speaks TLS there: the Redis URL must begin with rediss"
                          : socket->reader->errstr;
}

static void on_received(void *owner, const char *bytes, size_t size) {
  struct redis_socket *socket = owner;
  void *reply = NULL;
  socket->answering = true;
  int outcome = redisReaderFeed(socket->reader, bytes, size);
  while (outcome == REDIS_OK && !socket->closing) {
    outcome = redisReaderGetReply(socket->reader, &reply);
    if (outcome != REDIS_OK || !reply) break;
    hear(socket, reply);
  }
  if (outcome != REDIS_OK) fail(socket, reason_of_nonsense(socket, bytes[0]));
  socket->answering = false;
  if (socket->closing) finish(socket);
}

static void on_opened(void *owner) {
  struct redis_socket *socket = owner;
  socket->events.connected(socket->events.owner);
}

static void on_lost(void *owner, const char *reason) {
  fail(owner, reason);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct redis_socket *redis_socket_open(struct loop *loop, const char *address, int port, struct tls_session *tls,
                                       const struct redis_socket_events *events, char *ret_reason, size_t size) {
  struct redis_socket *socket = memory_calloc(1, sizeof *socket);
  const struct redis_link_events link_events = {
      .opened = on_opened, .received = on_received, .lost = on_lost, .owner = socket};
  socket->events = *events;
  socket->reader = redisReaderCreate();
  socket->link = redis_link_open(loop, address, port, tls, &link_events, ret_reason, size);
  if (socket->link) return socket;
  redisReaderFree(socket->reader);
  free(socket);
  return NULL;
}

bool redis_socket_send(struct redis_socket *socket, const struct redis_arguments *arguments, redis_answered *answered,
                       void *owner) {
  if (socket->closing) return false;
  push(socket, (struct due){answered, owner});
  redis_protocol_append(redis_link_output(socket->link), arguments);
  return true;
}

void redis_socket_flush(struct redis_socket *socket) {
  redis_link_flush(socket->link);
}

const char *redis_socket_reason(const struct redis_socket *socket) {
  return socket->reason;
}

const char *redis_socket_delay(const struct redis_socket *socket) {
  return redis_link_delay(socket->link);
}

const char *redis_socket_tls_failure(const struct redis_socket *socket) {
  return redis_link_tls_failure(socket->link);
}

int64_t redis_socket_last_read_us(const struct redis_socket *socket) {
  return redis_link_last_read_us(socket->link);
}
