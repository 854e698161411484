/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_link.h"

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

struct redis_link {
  uv_poll_t poll;             /* first: freed with the link */
  redisAsyncContext *hiredis; /* NULL when it is gone and `closed` has been told */
  struct redis_link_events events;
  int64_t last_read_us;
  int polled;       /* what libuv reports at present */
  bool connected;   /* before that, hiredis takes "writable" for "connected" */
  bool wants_write; /* hiredis holds bytes to write */
  bool writing;     /* inside redisAsyncHandleWrite */
  bool blocked;     /* the socket took no more */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void update_poll(struct redis_link *link) {
  int wanted = UV_WRITABLE;
  if (link->connected) wanted = UV_READABLE | (link->blocked ? UV_WRITABLE : 0);
  if (wanted == link->polled) return;
  link->polled = wanted;
  uv_poll_start(&link->poll, wanted, on_poll);
}

/* Writes until all is written or the socket takes no more, which hiredis tells by add_write from within. The link may
 * be gone afterwards, its memory not yet. */
static void write_queued(struct redis_link *link) {
  link->writing = true;
  redisAsyncHandleWrite(link->hiredis);
  link->writing = false;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct redis_link *link = (struct redis_link *)poll;
  if (status < 0) {
    /* The socket has an error and libuv has stopped polling; hiredis finds out which error by using the socket. */
    link->polled = 0;
    events = UV_READABLE;
  }
  if (!link->connected) {
    write_queued(link);
  } else {
    if (events & UV_READABLE) {
      link->last_read_us = clock_monotonic_us();
      redisAsyncHandleRead(link->hiredis);
    }
    if (link->hiredis && (events & UV_WRITABLE)) write_queued(link);
  }
  if (link->hiredis) update_poll(link);
}

/* hiredis' hooks. Reading is always on, so addRead and delRead have nothing to do. */
static void add_write(void *data) {
  struct redis_link *link = data;
  link->wants_write = true;
  if (!link->writing || !link->connected) return;
  link->blocked = true;
  update_poll(link);
}

static void del_write(void *data) {
  struct redis_link *link = data;
  link->wants_write = false;
  link->blocked = false;
  update_poll(link);
}

static void on_poll_closed(uv_handle_t *handle) {
  free(handle);
}

/* hiredis calls this exactly once, whatever ended the connection. */
static void on_cleanup(void *data) {
  struct redis_link *link = data;
  char reason[128];
  snprintf(reason, sizeof reason, "%s", link->hiredis->err ? link->hiredis->errstr : "");
  link->hiredis = NULL;
  uv_close((uv_handle_t *)&link->poll, on_poll_closed);
  link->events.closed(link->events.owner, reason);
}

static void on_connect(const redisAsyncContext *hiredis, int status) {
  struct redis_link *link = hiredis->ev.data;
  if (status != REDIS_OK) return;
  int on = 1;
  setsockopt(hiredis->c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(hiredis->c.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  link->connected = true;
  link->events.connected(link->events.owner);
}

static void attach(struct redis_link *link, redisAsyncContext *hiredis) {
  link->hiredis = hiredis;
  hiredis->ev.data = link;
  hiredis->ev.addWrite = add_write;
  hiredis->ev.delWrite = del_write;
  hiredis->ev.cleanup = on_cleanup;
  redisAsyncSetConnectCallback(hiredis, on_connect);
  update_poll(link);
}

struct redis_link *redis_link_open(struct loop *loop, const char *address, int port,
                                   const struct redis_link_events *events, char *ret_reason, size_t size) {
  redisAsyncContext *hiredis = redisAsyncConnect(address, port);
  if (!hiredis || hiredis->err) {
    snprintf(ret_reason, size, "%s", hiredis ? hiredis->errstr : strerror(ENOMEM));
    if (hiredis) redisAsyncFree(hiredis);
    return NULL;
  }
  struct redis_link *link = memory_calloc(1, sizeof *link);
  link->events = *events;
  int error = uv_poll_init(loop_uv(loop), &link->poll, hiredis->c.fd);
  if (error) {
    snprintf(ret_reason, size, "%s", uv_strerror(error));
    redisAsyncFree(hiredis);
    free(link);
    return NULL;
  }
  attach(link, hiredis);
  return link;
}

bool redis_link_send(struct redis_link *link, const char *bytes, size_t size, redisCallbackFn *answered, void *data) {
  if (!link->hiredis) return false;
  return redisAsyncFormattedCommand(link->hiredis, answered, data, bytes, size) == REDIS_OK;
}

void redis_link_flush(struct redis_link *link) {
  if (!link->hiredis || !link->connected || !link->wants_write || link->blocked) return;
  write_queued(link);
}

void redis_link_close(struct redis_link *link) {
  if (link->hiredis) redisAsyncFree(link->hiredis);
}

int64_t redis_link_last_read_us(const struct redis_link *link) {
  return link->last_read_us;
}
