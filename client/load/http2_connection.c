/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/http2_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "tls/tls_identity.h"

enum {
  READ_BYTES = 64 * 1024,
  STREAM_WINDOW = 1 << 20, /* of answers that the server may send without being told that they were read */
  CONNECTION_WINDOW = 1 << 24,
};

enum stage { CONNECTING, SHAKING_HANDS, SERVING, LEAVING, ENDED };

struct http2_connection {
  struct http2_options options;
  enum stage stage;
  int fd;
  SSL *ssl;
  bool ssl_wants_write;
  nghttp2_session *session;
  struct call_bytes out; /* packed, not yet sent */
  size_t out_sent;
  struct call *calls; /* under way */
  bool was_ready;
  char end[256];
};

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

static void append(struct call_bytes *to, const void *bytes, size_t size) {
  if (to->size + size + 1 > to->capacity) {
    to->capacity = 2 * (to->size + size + 1);
    to->bytes = memory_realloc(to->bytes, to->capacity);
  }
  memcpy(to->bytes + to->size, bytes, size);
  to->size += size;
  to->bytes[to->size] = '\0';
}

void call_clear(struct call *call) {
  free(call->reply.bytes);
  free(call->message.bytes);
  free(call->details.bytes);
  call->reply = call->message = call->details = (struct call_bytes){.size = 0};
}

/* ---- calls under way -------------------------------------------------------------------------------------------- */

static void link_call(struct http2_connection *connection, struct call *call) {
  call->connection = connection;
  call->previous = NULL;
  call->next = connection->calls;
  if (call->next) call->next->previous = call;
  connection->calls = call;
}

static void unlink_call(struct call *call) {
  if (call->previous) call->previous->next = call->next;
  if (!call->previous) call->connection->calls = call->next;
  if (call->next) call->next->previous = call->previous;
  call->connection = NULL;
}

/* ---- what comes ------------------------------------------------------------------------------------------------- */

static bool is_named(const uint8_t *name, size_t size, const char *wanted) {
  return size == strlen(wanted) && memcmp(name, wanted, size) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags, void *argument) {
  (void)flags, (void)argument;
  struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (!call) return 0;
  if (is_named(name, name_size, "grpc-status")) call->code = atoi((const char *)value);
  if (is_named(name, name_size, ":status")) call->http_status = atoi((const char *)value);
  if (is_named(name, name_size, "grpc-message")) append(&call->message, value, value_size);
  if (is_named(name, name_size, "grpc-status-details-bin")) append(&call->details, value, value_size);
  if (call->keeps_reply && is_named(name, name_size, "ordershop-position") && value_size < CALL_POSITION_MAX) {
    memcpy(call->position, value, value_size);
    call->position[value_size] = '\0';
  }
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t size,
                   void *argument) {
  (void)flags, (void)argument;
  struct call *call = nghttp2_session_get_stream_user_data(session, stream);
  if (!call || size == 0) return 0;
  call->answered = true;
  if (call->keeps_reply) append(&call->reply, data, size);
  return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *argument) {
  struct http2_connection *connection = argument;
  struct call *call = nghttp2_session_get_stream_user_data(session, stream);
  if (!call) return 0;
  call->stream_error = error;
  unlink_call(call);
  connection->options.done(connection->options.argument, call);
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *argument) {
  (void)session;
  struct http2_connection *connection = argument;
  if (frame->hd.type == NGHTTP2_GOAWAY && connection->stage == SERVING) connection->stage = LEAVING;
  if (frame->hd.type == NGHTTP2_SETTINGS) connection->was_ready = true;
  return 0;
}

/* ---- what goes -------------------------------------------------------------------------------------------------- */

static ssize_t read_request(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
                            nghttp2_data_source *source, void *argument) {
  (void)session, (void)stream, (void)argument;
  struct call *call = source->ptr;
  size_t left = call->request_size - call->sent;
  size_t size = left < room ? left : room;
  memcpy(to, call->request + call->sent, size);
  call->sent += size;
  if (size == left) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)size;
}

/* A value that may change before it is sent, as that of a call given up, is copied. */
static nghttp2_nv header(const char *name, const char *value, bool value_stays) {
  return (nghttp2_nv){.name = (uint8_t *)name,
                      .value = (uint8_t *)value,
                      .namelen = strlen(name),
                      .valuelen = strlen(value),
                      .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | (value_stays ? NGHTTP2_NV_FLAG_NO_COPY_VALUE : 0)};
}

/* At most eight digits, rounded up: less than nothing is no time (gRPC's TimeoutValue). */
static void write_timeout(struct call *call, int64_t timeout_us) {
  int64_t ms = (timeout_us + 999) / 1000;
  snprintf(call->timeout, sizeof(call->timeout), "%dm", ms < 1 ? 1 : ms > 99999999 ? 99999999 : (int)ms);
}

bool http2_connection_call(struct http2_connection *connection, struct call *call, int64_t timeout_us) {
  if (!http2_connection_is_open(connection)) return false;
  write_timeout(call, timeout_us);
  call->code = -1;
  call->http_status = 0;
  call->answered = false;
  call->sent = call->reply.size = call->message.size = call->details.size = 0;
  call->position[0] = '\0';
  const nghttp2_nv headers[] = {
      header(":method", "POST", true),
      header(":scheme", connection->options.tls ? "https" : "http", true),
      header(":path", call->path, true),
      header(":authority", connection->options.authority, true),
      header("te", "trailers", true),
      header("content-type", "application/grpc", true),
      header("user-agent", "ordershop-load", true),
      header("grpc-timeout", call->timeout, false),
      header("ordershop-after", call->after ? call->after : "", false),
  };
  size_t count = sizeof(headers) / sizeof(headers[0]) - (call->after ? 0 : 1);
  const nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_request};
  call->stream = nghttp2_submit_request(connection->session, NULL, headers, count, &body, call);
  if (call->stream < 0) return false;
  link_call(connection, call);
  return true;
}

void http2_connection_cancel(struct call *call) {
  if (!call->connection) return;
  nghttp2_session *session = call->connection->session;
  nghttp2_session_set_stream_user_data(session, call->stream, NULL);
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
  unlink_call(call);
}

/* ---- the socket ------------------------------------------------------------------------------------------------- */

static void end(struct http2_connection *connection, const char *why) {
  if (connection->stage == ENDED) return;
  connection->stage = ENDED;
  snprintf(connection->end, sizeof(connection->end), "%s", why);
}

/* Of OpenSSL's: whether it only waits. */
static bool ssl_waits(struct http2_connection *connection, int result) {
  int error = SSL_get_error(connection->ssl, result);
  connection->ssl_wants_write = error == SSL_ERROR_WANT_WRITE;
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void end_by_ssl(struct http2_connection *connection) {
  unsigned long error = ERR_get_error();
  ERR_clear_error();
  end(connection, error ? ERR_reason_error_string(error) : "the connection was closed");
}

/* Return how much was read or written, or 0 if there is nothing to do now, or if that has ended the connection. */
static size_t read_some(struct http2_connection *connection, uint8_t *to, size_t room) {
  if (connection->ssl) {
    int size = SSL_read(connection->ssl, to, (int)room);
    if (size > 0) return (size_t)size;
    if (!ssl_waits(connection, size)) end_by_ssl(connection);
    return 0;
  }
  ssize_t size = recv(connection->fd, to, room, 0);
  if (size > 0) return (size_t)size;
  if (size == 0) end(connection, "the connection was closed");
  if (size < 0 && errno != EAGAIN && errno != EINTR) end(connection, strerror(errno));
  return 0;
}

static size_t write_some(struct http2_connection *connection, const char *bytes, size_t size) {
  if (connection->ssl) {
    int written = SSL_write(connection->ssl, bytes, (int)size);
    if (written > 0) return (size_t)written;
    if (!ssl_waits(connection, written)) end_by_ssl(connection);
    return 0;
  }
  ssize_t written = send(connection->fd, bytes, size, MSG_NOSIGNAL);
  if (written >= 0) return (size_t)written;
  if (errno != EAGAIN && errno != EINTR) end(connection, strerror(errno));
  return 0;
}

/* Frames of many calls go in one write. */
static void pack(struct http2_connection *connection) {
  const uint8_t *bytes;
  for (ssize_t size;
       connection->out.size < READ_BYTES && (size = nghttp2_session_mem_send(connection->session, &bytes));
       append(&connection->out, bytes, (size_t)size)) {
    if (size < 0) return end(connection, nghttp2_strerror((int)size));
  }
}

void http2_connection_flush(struct http2_connection *connection) {
  while (connection->stage == SERVING || connection->stage == LEAVING) {
    if (connection->out.size == 0) pack(connection);
    if (connection->out.size == 0) return;
    size_t written = write_some(connection, connection->out.bytes + connection->out_sent,
                                connection->out.size - connection->out_sent);
    if (written == 0) return;
    connection->out_sent += written;
    if (connection->out_sent == connection->out.size) connection->out.size = connection->out_sent = 0;
  }
}

static void read_all(struct http2_connection *connection) {
  static _Thread_local uint8_t buffer[READ_BYTES];
  for (size_t size = sizeof(buffer); size == sizeof(buffer) || connection->ssl;) {
    size = read_some(connection, buffer, sizeof(buffer));
    if (size == 0) return;
    ssize_t taken = nghttp2_session_mem_recv(connection->session, buffer, size);
    if (taken < 0) return end(connection, nghttp2_strerror((int)taken));
  }
}

static void check_connected(struct http2_connection *connection) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  struct pollfd ready = {.fd = connection->fd, .events = POLLOUT};
  if (error != 0) return end(connection, strerror(error));
  if (poll(&ready, 1, 0) == 1) connection->stage = connection->ssl ? SHAKING_HANDS : SERVING;
}

static void shake_hands(struct http2_connection *connection) {
  int result = SSL_connect(connection->ssl);
  if (result == 1) {
    connection->stage = SERVING;
  } else if (!ssl_waits(connection, result)) {
    end_by_ssl(connection);
  }
}

void http2_connection_step(struct http2_connection *connection) {
  if (connection->stage == CONNECTING) check_connected(connection);
  if (connection->stage == SHAKING_HANDS) shake_hands(connection);
  if (connection->stage == SERVING || connection->stage == LEAVING) read_all(connection);
  http2_connection_flush(connection);
  bool over = connection->stage == LEAVING && !nghttp2_session_want_read(connection->session) &&
              !nghttp2_session_want_write(connection->session);
  if (over) end(connection, "the server shuts down");
}

int http2_connection_fd(const struct http2_connection *connection) {
  return connection->fd;
}

short http2_connection_events(const struct http2_connection *connection) {
  if (connection->stage == CONNECTING) return POLLOUT;
  bool writes = connection->out.size > 0 || connection->ssl_wants_write;
  return (short)(POLLIN | (writes ? POLLOUT : 0));
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static nghttp2_session *session_new(struct http2_connection *connection) {
  nghttp2_session_callbacks *callbacks;
  nghttp2_session *session;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) memory_exhausted(sizeof(void *));
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  if (nghttp2_session_client_new(&session, callbacks, connection) != 0) memory_exhausted(sizeof(void *));
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
  return session;
}

static void begin_to_connect(struct http2_connection *connection) {
  const struct http2_options *options = &connection->options;
  int one = 1;
  connection->fd = socket(options->address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (connection->fd < 0) return end(connection, strerror(errno));
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  if (connect(connection->fd, options->address, options->address_size) != 0 && errno != EINPROGRESS) {
    return end(connection, strerror(errno));
  }
  if (!options->tls) return;
  connection->ssl = SSL_new(options->tls);
  SSL_set_mode(connection->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  tls_identity_expect(connection->ssl, options->host);
  SSL_set_fd(connection->ssl, connection->fd);
}

struct http2_connection *http2_connection_open(const struct http2_options *options) {
  struct http2_connection *connection = memory_calloc(1, sizeof(*connection));
  connection->options = *options;
  connection->session = session_new(connection);
  begin_to_connect(connection);
  return connection;
}

void http2_connection_close(struct http2_connection *connection) {
  end(connection, "the connection was closed");
  for (struct call *call; (call = connection->calls);) {
    unlink_call(call);
    call->stream_error = NGHTTP2_NO_ERROR;
    connection->options.done(connection->options.argument, call);
  }
  nghttp2_session_del(connection->session);
  SSL_free(connection->ssl);
  if (connection->fd >= 0) close(connection->fd);
  free(connection->out.bytes);
  free(connection);
}

bool http2_connection_is_open(const struct http2_connection *connection) {
  return connection->stage < LEAVING && nghttp2_session_check_request_allowed(connection->session);
}

bool http2_connection_was_ready(const struct http2_connection *connection) {
  return connection->was_ready;
}

const char *http2_connection_end(const struct http2_connection *connection) {
  return connection->stage == ENDED ? connection->end : NULL;
}
