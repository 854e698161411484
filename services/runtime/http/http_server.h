/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 server on the loop, on libmicrohttpd: each request is a coroutine.
 *
 *   static coroutine_fn void greet(struct http_request *request) {
 *     http_answer(request, 200, "text/plain", "hello", 5);
 *   }
 *   const struct http_server_options options = {.listen = "localhost:8080", .handle_request = greet, .refuse = refuse,
 * ...};
 *
 * Everything that comes from outside has a limit: connections, also of one address (loop/listener.h), the bytes of
 * headers and of a body, the bytes of all bodies together, requests at once, the time that a request takes to arrive,
 * that a connection waits for the next one, and that an answer takes to be read. What can't be told apart safely
 * (RFC 9112: two lengths, a length beside chunks, another transfer coding than chunked, a blank before a header's
 * colon) is refused, and the connection closed. Of a header with a NUL, libmicrohttpd 0.9 hands on what comes before
 * that. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/loop.h"

struct http_server;

/* A request, whole or, for `admit`, without its body. All of it lives in its arena, until the answer has been sent. */
struct http_request {
  struct arena *arena;
  const char *method; /* "GET" */
  const char *path;   /* as it was sent, percent-encoded; begins with "/" */
  const char *query;  /* behind the "?", likewise; "" if there is none */
  const char *body;   /* `body_size` bytes and a NUL */
  size_t body_size;
  const char *address;     /* the peer's, without a port: "127.0.0.1", "::1" */
  void *user;              /* of the options */
  const char *traceparent; /* NULL, or what the handler has set: what its calls bear (base/traceparent.h) */
};

struct http_server_options {
  const char *listen;             /* "localhost:5000"; as listener_options.address */
  size_t connections;             /* at once */
  size_t connections_per_address; /* of them, of one address */
  size_t requests;                /* being handled at once; one more is refused with 503 */
  size_t header_bytes;            /* request line and headers; more are refused with 431 or 414 */
  size_t body_bytes;              /* of one request; more are refused with 413 */
  size_t all_body_bytes;          /* of all that are there at once; more are refused with 503 */
  int64_t arrival_ms;             /* for a request to arrive, from its first line on, or from the connection on */
  int64_t idle_ms;                /* that a connection may wait for a further request */
  int64_t answer_ms;              /* for a client to take an answer */
  const char *certificate, *key;  /* PEM texts: TLS; NULL: plain text */
  /* Optional: looks at a request before its body is read. If it answers, the request isn't handled. Loop's stack. */
  void (*admit)(struct http_request *request);
  /* Answers. What it leaves unanswered is answered with 500. */
  coroutine_fn void (*handle_request)(struct http_request *request);
  /* Answers in place of the server, so that all errors look alike. Must not yield; loop's stack. */
  void (*refuse)(struct http_request *request, int code, const char *message);
  void *user;
};

/* Binds the address; connections wait until http_server_start. `options` is copied; what it points to must live as long
 * as the server. Errors: UNAVAILABLE ADDRESS_UNAVAILABLE, LIBRARY_MISSING (http/microhttpd.h); INVALID_ARGUMENT
 * CERTIFICATE_UNFIT. */
struct status http_server_open(struct loop *loop, struct arena *arena, const struct http_server_options *options,
                               struct http_server **ret_server);

/* Returns the port that was bound. */
int http_server_port(const struct http_server *server);

/* Takes connections from now on. For coroutines. */
void http_server_start(struct http_server *server);

/* Takes no more connections; returns when the requests that are there have been answered and read, at the latest after
 * `grace_ms`. */
coroutine_fn void http_server_drain(struct http_server *server, int64_t grace_ms);

/* Returns how many requests are being handled. */
size_t http_server_requests(const struct http_server *server);

/* No request may be being handled. For coroutines. NULL is allowed. */
coroutine_fn void http_server_free(struct http_server *server);

/* Returns the value of a header, or NULL if there is none; several with the same name are joined by ", ". */
const char *http_request_header(const struct http_request *request, const char *name);

/* Adds a header to the answer. A value with a line break, or any other control character, is left out. */
void http_answer_header(struct http_request *request, const char *name, const char *value);

/* Answers. The bytes must live as long as the request. A second answer to the same request takes the place of the
 * first. */
void http_answer(struct http_request *request, int code, const char *content_type, const void *bytes, size_t size);

/* Returns the code of the answer, 0 if there is none yet. */
int http_answer_code(const struct http_request *request);

/* Closes the connection behind the answer. */
void http_answer_last(struct http_request *request);

/* An answer that goes on, as long as its handler wants:
 *
 *   http_stream_begin(request, 200, "text/event-stream");
 *   while (http_stream_is_wanted(request)) {
 *     ... wait for what there is to send; a wake may be for the end ...
 *     if (!http_stream_write(request, bytes, size)) break;
 *   }
 *
 * It ends with the handler. While it lasts, it doesn't count among requests.
 *
 * http_stream_begin takes the place of http_answer. */
void http_stream_begin(struct http_request *request, int code, const char *content_type);

/* Returns whether there is still somebody to send to: false if the peer has closed its connection, or only its sending
 * side, which is looked at every 250 ms, or if the server drains. The handler's coroutine is woken when it becomes so.
 */
bool http_stream_is_wanted(const struct http_request *request);

/* Copies the bytes, to be sent in order. Waits while more than 64 KiB wait to be taken by the peer. Returns false if
 * there is nobody to send to, or that takes longer than `answer_ms` of the options, or the peer has taken nothing for
 * that long: http_stream_is_wanted tells these apart. */
coroutine_fn bool http_stream_write(struct http_request *request, const void *bytes, size_t size);

/* Adds bytes without waiting, to be the last: those of a peer that reads too slowly. */
void http_stream_write_last(struct http_request *request, const void *bytes, size_t size);
