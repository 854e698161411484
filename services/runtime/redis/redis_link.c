/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/clock.h"
#include "base/memory.h"
#include "loop/coroutine.h"

enum {
  READ_BYTES = 64 * 1024,
  /* What is encrypted before the socket must have taken it: more than most turns have to say, in one write, and little
   * memory beside that of a big command. */
  ENCRYPTED_BYTES = 256 * 1024,
};

enum stage { CONNECTING, SHAKING_HANDS, OPEN, LOST, CLOSED };

struct redis_link {
  uv_tcp_t tcp; /* first: freed with the link */
  uv_connect_t connect;
  uv_write_t write;
  struct tls_session *tls; /* NULL: plain text */
  struct redis_link_events events;
  enum stage stage;
  struct redis_buffer output; /* to be said */
  size_t encrypted;           /* of these bytes */
  struct redis_buffer wire;   /* being written */
  bool writing;               /* libuv waits for the socket to take the rest of `wire` */
  int64_t last_read_us;
  char *input; /* READ_BYTES: what has come, or what TLS has made of that */
};

/* ---- the end ---------------------------------------------------------------------------------------------------- */

static void on_tcp_closed(uv_handle_t *handle) {
  struct redis_link *link = (struct redis_link *)handle;
  tls_session_free(link->tls);
  redis_buffer_free(&link->output);
  redis_buffer_free(&link->wire);
  free(link->input);
  free(link);
}

static void lose(struct redis_link *link, const char *reason) {
  if (link->stage >= LOST) return;
  link->stage = LOST;
  uv_read_stop((uv_stream_t *)&link->tcp);
  link->events.lost(link->events.owner, reason);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void on_written(uv_write_t *write, int error);

/* Encrypts what is to be said next, and takes that and what TLS has to say itself. */
static void fill_wire_by_tls(struct redis_link *link) {
  size_t left = link->output.size - link->encrypted, size = left < ENCRYPTED_BYTES ? left : ENCRYPTED_BYTES;
  if (link->stage == OPEN && size > 0 &&
      tls_session_write(link->tls, link->output.bytes + link->encrypted, size) == TLS_DONE) {
    link->encrypted += size;
  }
  if (link->encrypted == link->output.size) {
    redis_buffer_empty(&link->output);
    link->encrypted = 0;
  }
  size_t pending = tls_session_pending(link->tls);
  if (pending > 0) tls_session_take(link->tls, redis_buffer_extend(&link->wire, pending), pending);
}

static void fill_wire_plainly(struct redis_link *link) {
  struct redis_buffer written = link->wire;
  if (link->stage != OPEN) return;
  link->wire = link->output;
  link->output = written;
}

/* Returns false if there is nothing to write. */
static bool fill_wire(struct redis_link *link) {
  redis_buffer_empty(&link->wire);
  if (link->tls) {
    fill_wire_by_tls(link);
  } else {
    fill_wire_plainly(link);
  }
  return link->wire.size > 0;
}

/* What a server that has gone said before is still to be read: an answer, or why it went. */
static void fail_to_write(struct redis_link *link, int error) {
  if (error != UV_EPIPE && error != UV_ECONNRESET) lose(link, strerror(-error));
}

/* Writes what the socket takes, and leaves the rest to libuv. */
static void write_wire(struct redis_link *link) {
  uv_stream_t *stream = (uv_stream_t *)&link->tcp;
  uv_buf_t bytes = uv_buf_init(link->wire.bytes, (unsigned)link->wire.size);
  int written = uv_try_write(stream, &bytes, 1);
  if (written == UV_EAGAIN) written = 0;
  if (written < 0) {
    fail_to_write(link, written);
    return;
  }
  if ((size_t)written == link->wire.size) return;
  bytes = uv_buf_init(link->wire.bytes + written, (unsigned)link->wire.size - (unsigned)written);
  link->writing = uv_write(&link->write, stream, &bytes, 1, on_written) == 0;
}

/* What TLS itself has to say is written even when nothing else is: in the handshake, and at the end, an alert. */
static void write_all(struct redis_link *link) {
  if (link->stage == CONNECTING || link->stage == CLOSED) return;
  while (!link->writing && fill_wire(link)) write_wire(link);
  if (link->stage == OPEN && link->tls && *tls_session_failure(link->tls)) lose(link, tls_session_failure(link->tls));
}

static void on_written(uv_write_t *write, int error) {
  struct redis_link *link = write->data;
  link->writing = false;
  if (link->stage == CLOSED) return;
  if (error) {
    fail_to_write(link, error);
  } else {
    write_all(link);
  }
}

struct redis_buffer *redis_link_output(struct redis_link *link) {
  return &link->output;
}

void redis_link_flush(struct redis_link *link) {
  write_all(link);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void become_open(struct redis_link *link) {
  link->stage = OPEN;
  link->events.opened(link->events.owner);
  write_all(link);
}

static void fail(struct redis_link *link) {
  write_all(link);
  lose(link, tls_session_failure(link->tls));
}

static void shake_hands(struct redis_link *link) {
  enum tls_progress made = tls_session_shake_hands(link->tls);
  if (made == TLS_FAILED || made == TLS_ENDED) {
    fail(link);
  } else if (made == TLS_DONE) {
    become_open(link);
  } else {
    write_all(link);
  }
}

static void decrypt(struct redis_link *link) {
  enum tls_progress made = TLS_DONE;
  while (link->stage == OPEN && made == TLS_DONE) {
    size_t size;
    made = tls_session_read(link->tls, link->input, READ_BYTES, &size);
    if (made == TLS_DONE) link->events.received(link->events.owner, link->input, size);
  }
  if (made == TLS_FAILED) fail(link);
  if (made == TLS_ENDED) lose(link, "Server closed the connection");
}

static void receive_by_tls(struct redis_link *link, const char *bytes, size_t size) {
  tls_session_receive(link->tls, bytes, size);
  if (link->stage == SHAKING_HANDS) shake_hands(link);
  if (link->stage == OPEN) decrypt(link);
}

/* A server that speaks TLS mostly hangs up on one that doesn't, without a word. */
static void reason_of_end(const struct redis_link *link, int error, char *ret_reason, size_t size) {
  const char *what = error == UV_EOF ? "Server closed the connection" : strerror(-error), *when = "";
  if (link->stage == SHAKING_HANDS) when = ", in the TLS handshake";
  if (!link->tls && link->last_read_us == 0) {
    when = ", without a word: does it speak TLS there? Then the Redis URL begins with rediss";
  }
  snprintf(ret_reason, size, "%s%s", what, when);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
  struct redis_link *link = (struct redis_link *)stream;
  if (size < 0) {
    char reason[160];
    reason_of_end(link, (int)size, reason, sizeof reason);
    lose(link, reason);
  } else if (size > 0) {
    link->last_read_us = clock_monotonic_us();
    if (link->tls) {
      receive_by_tls(link, buffer->base, (size_t)size);
    } else {
      link->events.received(link->events.owner, buffer->base, (size_t)size);
    }
  }
}

static void on_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buffer) {
  struct redis_link *link = (struct redis_link *)handle;
  (void)wanted;
  *ret_buffer = uv_buf_init(link->input, READ_BYTES);
}

/* ---- the beginning ---------------------------------------------------------------------------------------------- */

static void keep_alive(const struct redis_link *link) {
  int descriptor, on = 1;
  if (uv_fileno((const uv_handle_t *)&link->tcp, &descriptor) != 0) return;
  setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static void on_connect(uv_connect_t *connect, int error) {
  struct redis_link *link = connect->data;
  if (link->stage == CLOSED) return;
  if (error) {
    lose(link, strerror(-error));
    return;
  }
  uv_tcp_nodelay(&link->tcp, 1);
  keep_alive(link);
  uv_read_start((uv_stream_t *)&link->tcp, on_buffer, on_read);
  if (link->tls) {
    link->stage = SHAKING_HANDS;
    shake_hands(link);
  } else {
    become_open(link);
  }
}

static int connect_to(struct redis_link *link, const char *address, int port) {
  struct sockaddr_storage place;
  int error = strchr(address, ':') ? uv_ip6_addr(address, port, (struct sockaddr_in6 *)&place)
                                   : uv_ip4_addr(address, port, (struct sockaddr_in *)&place);
  if (error) return error;
  return uv_tcp_connect(&link->connect, &link->tcp, (const struct sockaddr *)&place, on_connect);
}

struct redis_link *redis_link_open(struct loop *loop, const char *address, int port, struct tls_session *tls,
                                   const struct redis_link_events *events, char *ret_reason, size_t size) {
  struct redis_link *link = memory_calloc(1, sizeof *link);
  link->tls = tls;
  link->events = *events;
  link->input = memory_alloc(READ_BYTES);
  link->connect.data = link->write.data = link;
  uv_tcp_init(loop_uv(loop), &link->tcp);
  int error = connect_to(link, address, port);
  if (!error) return link;
  snprintf(ret_reason, size, "%s", uv_strerror(error));
  redis_link_close(link);
  return NULL;
}

static void say_goodbye(void *argument) {
  struct redis_link *link = argument;
  tls_session_end(link->tls);
  write_all(link);
}

void redis_link_close(struct redis_link *link) {
  bool is_open = link->stage == OPEN;
  link->stage = LOST; /* what has not been said yet will not be */
  if (link->tls && is_open) coroutine_on_loop_stack(say_goodbye, link);
  link->stage = CLOSED;
  uv_close((uv_handle_t *)&link->tcp, on_tcp_closed);
}

/* Redis without TLS waits for the end of a line, and there is none in the bytes of a handshake. */
const char *redis_link_delay(const struct redis_link *link) {
  if (link->stage == CONNECTING) return "the server took too long to accept the connection";
  if (link->stage != SHAKING_HANDS) return "the server took too long to answer";
  if (link->last_read_us > 0) return "the server took too long to answer in the TLS handshake";
  return "the server took too long to answer the TLS handshake: does it speak TLS there?";
}

const char *redis_link_tls_failure(const struct redis_link *link) {
  return link->tls ? tls_session_failure(link->tls) : "";
}

int64_t redis_link_last_read_us(const struct redis_link *link) {
  return link->last_read_us;
}
