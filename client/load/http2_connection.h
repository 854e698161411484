/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to a gRPC server for many unary calls at once, by nghttp2 on a non-blocking socket: gRPC over HTTP/2
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md) without what a load generator must not spend: a
 * coroutine, an arena and an unpacked message for each call. The caller polls. One thread.
 *
 * A connection lives once: it is made, serves, and ends, or leaves (the server sends no more calls its way, GOAWAY) and
 * ends with its last call. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"

#define CALL_PREFIX_BYTES 5 /* gRPC's, before a message: not compressed, its size */
#define CALL_POSITION_MAX 128

struct http2_connection;

/* Bytes that keep their room from call to call. */
struct call_bytes {
  char *bytes; /* with a NUL behind them; NULL if there were never any */
  size_t size, capacity;
};

struct call {
  /* Set by whoever calls; must stay as it is until the call is done. */
  const char *path; /* "/ordershop.v1.OrderService/CreateOrder" */
  const uint8_t *request;
  size_t request_size; /* with the prefix */
  const char *after;   /* position that the answer must have seen, or NULL */
  bool keeps_reply;    /* reply and position are wanted */

  /* What came. */
  int code; /* grpc-status; -1 if the server said none */
  int http_status;
  uint32_t stream_error; /* HTTP/2's code, where there is no grpc-status */
  bool answered;         /* a message came */
  struct call_bytes reply, message, details;
  char position[CALL_POSITION_MAX];

  /* The connection's. */
  struct http2_connection *connection; /* NULL unless it is under way */
  struct call *next, *previous;        /* of those that are under way there */
  int32_t stream;
  size_t sent;
  char timeout[16];
};

struct http2_options {
  const struct sockaddr *address;
  socklen_t address_size;
  const char *authority; /* "host:port" */
  const char *host;      /* that a certificate must be for */
  SSL_CTX *tls;          /* NULL means plain text */
  /* Told of each call that has ended, as it ends. It may make the next call, but not end the connection. */
  void (*done)(void *argument, struct call *call);
  void *argument;
};

/* Begins to connect. What `options` point to must live as long as the connection. */
struct http2_connection *http2_connection_open(const struct http2_options *options);

/* Ends it: calls that are under way are done, with code -1. */
void http2_connection_close(struct http2_connection *connection);

/* Begins a call; it is sent by the next http2_connection_flush, or as soon as there is a connection. Returns false if
 * the connection takes no more. */
bool http2_connection_call(struct http2_connection *connection, struct call *call, int64_t timeout_us);

/* Gives a call up; it isn't told of. */
void http2_connection_cancel(struct call *call);

/* Sends what is waiting, as far as the socket takes it. */
void http2_connection_flush(struct http2_connection *connection);

/* What to poll for. */
int http2_connection_fd(const struct http2_connection *connection);
short http2_connection_events(const struct http2_connection *connection);

/* Reads and writes after poll said so. */
void http2_connection_step(struct http2_connection *connection);

/* Whether it takes calls; whether it has ever served; and, once it has ended, why, as a clause (NULL before). */
bool http2_connection_is_open(const struct http2_connection *connection);
bool http2_connection_was_ready(const struct http2_connection *connection);
const char *http2_connection_end(const struct http2_connection *connection);

/* Frees what the call keeps. */
void call_clear(struct call *call);
