/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/clock.h"
#include "base/memory.h"
#include "redis/redis_protocol.h"

struct redis_socket {
  uv_poll_t poll;             /* first: freed with the socket */
  redisAsyncContext *hiredis; /* NULL when it is gone and `closed` has been told */
  struct redis_socket_events events;
  int64_t last_read_us;
  int polled;       /* what libuv reports at present */
  bool connected;   /* before that, hiredis takes "writable" for "connected" */
  bool wants_write; /* hiredis holds bytes to write */
  bool writing;     /* inside redisAsyncHandleWrite */
  bool blocked;     /* the socket took no more */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void update_poll(struct redis_socket *socket) {
  int wanted = UV_WRITABLE;
  if (socket->connected) wanted = UV_READABLE | (socket->blocked ? UV_WRITABLE : 0);
  if (wanted == socket->polled) return;
  socket->polled = wanted;
  uv_poll_start(&socket->poll, wanted, on_poll);
}

/* Writes until all is written or the socket takes no more, which hiredis tells by add_write from within. The socket may
 * be gone afterwards, its memory not yet. */
static void write_queued(struct redis_socket *socket) {
  socket->writing = true;
  redisAsyncHandleWrite(socket->hiredis);
  socket->writing = false;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct redis_socket *socket = (struct redis_socket *)poll;
  if (status < 0) {
    /* The socket has an error and libuv has stopped polling; hiredis finds out which error by using the socket. */
    socket->polled = 0;
    events = UV_READABLE;
  }
  if (!socket->connected) {
    write_queued(socket);
  } else {
    if (events & UV_READABLE) {
      socket->last_read_us = clock_monotonic_us();
      redisAsyncHandleRead(socket->hiredis);
    }
    if (socket->hiredis && (events & UV_WRITABLE)) write_queued(socket);
  }
  if (socket->hiredis) update_poll(socket);
}

/* hiredis' hooks. Reading is always on, so addRead and delRead have nothing to do. */
static void add_write(void *data) {
  struct redis_socket *socket = data;
  socket->wants_write = true;
  if (!socket->writing || !socket->connected) return;
  socket->blocked = true;
  update_poll(socket);
}

static void del_write(void *data) {
  struct redis_socket *socket = data;
  socket->wants_write = false;
  socket->blocked = false;
  update_poll(socket);
}

static void on_poll_closed(uv_handle_t *handle) {
  free(handle);
}

/* hiredis calls this exactly once, whatever ended the connection. */
static void on_cleanup(void *data) {
  struct redis_socket *socket = data;
  char reason[128];
  snprintf(reason, sizeof reason, "%s", socket->hiredis->err ? socket->hiredis->errstr : "");
  socket->hiredis = NULL;
  uv_close((uv_handle_t *)&socket->poll, on_poll_closed);
  socket->events.closed(socket->events.owner, reason);
}

static void on_connect(const redisAsyncContext *hiredis, int status) {
  struct redis_socket *socket = hiredis->ev.data;
  if (status != REDIS_OK) return;
  int on = 1;
  setsockopt(hiredis->c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(hiredis->c.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  socket->connected = true;
  socket->events.connected(socket->events.owner);
}

static void attach(struct redis_socket *socket, redisAsyncContext *hiredis) {
  socket->hiredis = hiredis;
  hiredis->ev.data = socket;
  hiredis->ev.addWrite = add_write;
  hiredis->ev.delWrite = del_write;
  hiredis->ev.cleanup = on_cleanup;
  redisAsyncSetConnectCallback(hiredis, on_connect);
  update_poll(socket);
}

struct redis_socket *redis_socket_open(struct loop *loop, const char *address, int port,
                                       const struct redis_socket_events *events, char *ret_reason, size_t size) {
  redisAsyncContext *hiredis = redisAsyncConnect(address, port);
  if (!hiredis || hiredis->err) {
    snprintf(ret_reason, size, "%s", hiredis ? hiredis->errstr : strerror(ENOMEM));
    if (hiredis) redisAsyncFree(hiredis);
    return NULL;
  }
  struct redis_socket *socket = memory_calloc(1, sizeof *socket);
  socket->events = *events;
  int error = uv_poll_init(loop_uv(loop), &socket->poll, hiredis->c.fd);
  if (error) {
    snprintf(ret_reason, size, "%s", uv_strerror(error));
    redisAsyncFree(hiredis);
    free(socket);
    return NULL;
  }
  attach(socket, hiredis);
  return socket;
}

bool redis_socket_send(struct redis_socket *socket, const char *bytes, size_t size, redisCallbackFn *answered,
                       void *data) {
  if (!socket->hiredis) return false;
  return redisAsyncFormattedCommand(socket->hiredis, answered, data, bytes, size) == REDIS_OK;
}

void redis_socket_send_command(struct redis_socket *socket, const struct redis_arguments *arguments,
                               redisCallbackFn *answered, void *data) {
  struct redis_buffer buffer = {0};
  redis_protocol_format(&buffer, arguments);
  (void)redis_socket_send(socket, buffer.bytes, buffer.size, answered, data);
  redis_buffer_free(&buffer);
}

void redis_socket_flush(struct redis_socket *socket) {
  if (!socket->hiredis || !socket->connected || !socket->wants_write || socket->blocked) return;
  write_queued(socket);
}

void redis_socket_close(struct redis_socket *socket) {
  if (socket->hiredis) redisAsyncFree(socket->hiredis);
}

int64_t redis_socket_last_read_us(const struct redis_socket *socket) {
  return socket->last_read_us;
}
