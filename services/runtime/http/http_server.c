/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/microhttpd.h"
#include "loop/listener.h"
#include "loop/readable_watch.h"

enum {
  RUNS_PER_TURN = 64,
  TICK_US = 250 * 1000,          /* how exactly the limits of time are kept */
  DISCARDED_BYTES = 1024 * 1024, /* of a body that is too large are read all the same, so that the client reads why */
  /* Beyond answer_ms, since the kernel can't tell one who takes nothing for a while from one who has gone. */
  UNACKNOWLEDGED_MS = 15 * 1000,
  HEADERS_MAX = 100,
  CODE_FAILED = 500,
  WAITING_BYTES = 64 * 1024, /* of a stream, after which its handler waits for the peer */
  BLOCK_BYTES = 16 * 1024,   /* that libmicrohttpd takes of a stream at once */
};

static const struct microhttpd *microhttpd; /* from the first http_server_open on */

/* What a connection is doing, which says how long it may take. */
enum phase { PHASE_NEW, PHASE_IDLE, PHASE_ARRIVING, PHASE_HANDLED, PHASE_STREAMING, PHASE_ANSWERING };

struct exchange;

struct peer {
  struct http_server *server;
  int descriptor;
  enum phase phase;
  int64_t since_us;
  struct exchange *exchange; /* NULL between two */
  struct peer *next, **link;
};

struct header {
  const char *name, *value;
  struct header *next;
};

/* What a stream has still to send. libmicrohttpd takes it when the peer has room; meanwhile, and while there is
 * nothing, the connection is suspended, and so does not notice that its peer leaves. */
struct outflow {
  bool is_open;   /* it is a stream */
  bool suspended; /* libmicrohttpd waits to be told that there is more */
  bool over;      /* no more will follow */
  bool gone;      /* nobody takes it */
  char *bytes;
  size_t size, room;
  int64_t taken_us; /* when the peer last took something */
};

/* A request and its answer. */
struct exchange {
  struct http_request request; /* first: users have a pointer to it */
  struct http_server *server;
  struct MHD_Connection *connection;
  struct peer *peer;
  struct header *headers, *answer_headers;
  char *body;
  size_t body_room;
  bool begun, has_body, too_large, handled;
  struct coroutine *handler; /* while it runs */
  bool completed;            /* libmicrohttpd knows it no more; its handler ends it */
  struct outflow outflow;
  /* the answer; code 0: there is none yet */
  int code;
  const void *bytes;
  size_t size;
  bool last;
};

struct http_server {
  struct http_server_options options;
  struct loop *loop;
  struct listener *listener;
  struct MHD_Daemon *daemon;
  struct readable_watch *watch;
  struct condition change;
  struct peer *peers;
  size_t requests; /* being handled */
  size_t streams;  /* of them, those whose answers go on */
  size_t body_bytes;
  bool behind; /* libmicrohttpd has more to do than fitted into the turn */
  bool draining, closing, ticks;
};

/* ---- phases of a connection ------------------------------------------------------------------------------------- */

static void enter(struct peer *peer, enum phase phase) {
  peer->phase = phase;
  peer->since_us = clock_monotonic_us();
}

static int64_t limit_us(const struct peer *peer) {
  const struct http_server_options *options = &peer->server->options;
  switch (peer->phase) {
    case PHASE_NEW:
    case PHASE_ARRIVING:
      return options->arrival_ms * 1000;
    case PHASE_IDLE:
      return peer->server->draining ? 0 : options->idle_ms * 1000;
    case PHASE_ANSWERING:
      return options->answer_ms * 1000;
    case PHASE_HANDLED:
    case PHASE_STREAMING:
      break; /* whoever handles it has a deadline */
  }
  return INT64_MAX;
}

/* libmicrohttpd then finds the connection ended by its peer. */
static void end_what_is_late(struct http_server *server) {
  int64_t now_us = clock_monotonic_us();
  for (struct peer *peer = server->peers; peer; peer = peer->next) {
    if (now_us - peer->since_us >= limit_us(peer)) shutdown(peer->descriptor, SHUT_RDWR);
  }
}

static void peer_begins(struct http_server *server, struct MHD_Connection *connection, void **ret_peer) {
  struct peer *peer = memory_calloc(1, sizeof *peer);
  peer->server = server;
  peer->descriptor = microhttpd->get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  enter(peer, PHASE_NEW);
  peer->next = server->peers;
  peer->link = &server->peers;
  if (peer->next) peer->next->link = &peer->next;
  server->peers = peer;
  *ret_peer = peer;
}

static void peer_ends(struct peer *peer) {
  *peer->link = peer->next;
  if (peer->next) peer->next->link = peer->link;
  condition_signal_all(&peer->server->change);
  free(peer);
}

static void on_connection(void *argument, struct MHD_Connection *connection, void **peer,
                          enum MHD_ConnectionNotificationCode code) {
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    peer_begins(argument, connection, peer);
  } else if (*peer) {
    peer_ends(*peer);
    *peer = NULL;
  }
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

const char *http_request_header(const struct http_request *request, const char *name) {
  const struct exchange *exchange = (const struct exchange *)request;
  const char *value = NULL;
  for (const struct header *header = exchange->headers; header; header = header->next) {
    if (strcasecmp(header->name, name) != 0) continue;
    value = value ? arena_printf(request->arena, "%s, %s", value, header->value) : header->value;
  }
  return value;
}

static const char *address_of(struct arena *arena, struct MHD_Connection *connection) {
  const struct sockaddr *address =
      microhttpd->get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
  char *text = arena_calloc(arena, INET6_ADDRSTRLEN, 1);
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, INET6_ADDRSTRLEN);
  } else if (address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, INET6_ADDRSTRLEN);
  }
  return text;
}

/* The first that is called for a request, with its target as it was sent. */
static void *on_target(void *argument, const char *target, struct MHD_Connection *connection) {
  struct http_server *server = argument;
  struct arena *arena = arena_new();
  struct exchange *exchange = arena_calloc(arena, 1, sizeof *exchange);
  size_t path = strcspn(target, "?");
  exchange->request = (struct http_request){.arena = arena,
                                            .path = arena_memdup(arena, target, path),
                                            .query = target[path] ? arena_strdup(arena, target + path + 1) : "",
                                            .body = "",
                                            .address = address_of(arena, connection),
                                            .user = server->options.user};
  exchange->server = server;
  exchange->connection = connection;
  exchange->peer = microhttpd->get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  exchange->peer->exchange = exchange;
  enter(exchange->peer, PHASE_ARRIVING);
  return exchange;
}

static void exchange_free(struct exchange *exchange) {
  free(exchange->body);
  free(exchange->outflow.bytes);
  arena_free(exchange->request.arena);
}

/* Its handler is to end. */
static void nobody_takes_it(struct exchange *exchange) {
  exchange->outflow.gone = true;
  coroutine_wake(exchange->handler);
}

static void on_completed(void *argument, struct MHD_Connection *connection, void **at,
                         enum MHD_RequestTerminationCode code) {
  struct http_server *server = argument;
  struct exchange *exchange = *at;
  (void)connection, (void)code;
  if (!exchange) return;
  *at = NULL;
  server->body_bytes -= exchange->body_room;
  enter(exchange->peer, PHASE_IDLE);
  exchange->peer->exchange = NULL;
  exchange->completed = true;
  if (exchange->handler) {
    nobody_takes_it(exchange);
  } else {
    exchange_free(exchange);
  }
}

struct collecting {
  struct exchange *exchange;
  struct header **end;
  size_t count;
  bool misnamed;
};

/* RFC 9110, 5.6.2 */
static bool is_token(const char *name, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (!isalnum((unsigned char)name[i]) && !memchr("!#$%&'*+-.^_`|~", name[i], 15)) return false;
  }
  return size > 0;
}

static enum MHD_Result collect_header(void *argument, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                      const char *value, size_t value_size) {
  struct collecting *collecting = argument;
  struct arena *arena = collecting->exchange->request.arena;
  (void)kind;
  if (!is_token(name, name_size)) collecting->misnamed = true;
  struct header *header = arena_calloc(arena, 1, sizeof *header);
  header->name = arena_memdup(arena, name, name_size);
  header->value = value ? arena_memdup(arena, value, value_size) : "";
  *collecting->end = header;
  collecting->end = &header->next;
  collecting->count++;
  return MHD_YES;
}

static size_t header_count(const struct exchange *exchange, const char *name) {
  size_t count = 0;
  for (const struct header *header = exchange->headers; header; header = header->next) {
    if (strcasecmp(header->name, name) == 0) count++;
  }
  return count;
}

static bool is_number(const char *text) {
  size_t digits = strspn(text, "0123456789");
  return digits > 0 && digits < 19 && !text[digits];
}

/* RFC 9112, 6.3: where a request ends must be beyond doubt, or another server on the way may see two of them. Returns
 * what is wrong, or NULL. */
static const char *framing_mistake(const struct exchange *exchange) {
  size_t lengths = header_count(exchange, "Content-Length"), codings = header_count(exchange, "Transfer-Encoding");
  if (lengths > 1) return "there is more than one Content-Length";
  if (codings > 1) return "there is more than one Transfer-Encoding";
  if (lengths && codings) return "there are both Content-Length and Transfer-Encoding";
  if (lengths && !is_number(http_request_header(&exchange->request, "Content-Length"))) {
    return "Content-Length is no number";
  }
  if (codings && strcasecmp(http_request_header(&exchange->request, "Transfer-Encoding"), "chunked") != 0) {
    return "Transfer-Encoding is not chunked";
  }
  if (header_count(exchange, "Host") != 1) return "there must be one Host";
  if (*exchange->request.path != '/') return "the target must be a path that begins with /";
  return NULL;
}

static void refuse(struct exchange *exchange, int code, const char *message) {
  exchange->server->options.refuse(&exchange->request, code, message);
}

/* Looks at what has come before the body. What it refuses is answered at once. */
static void begin(struct exchange *exchange) {
  struct collecting collecting = {.exchange = exchange, .end = &exchange->headers};
  microhttpd->get_connection_values_n(exchange->connection, MHD_HEADER_KIND, collect_header, &collecting);
  exchange->has_body = http_request_header(&exchange->request, "Transfer-Encoding") != NULL;
  const char *mistake = framing_mistake(exchange);
  if (collecting.misnamed) mistake = "a header has a name that is none";
  if (collecting.count > HEADERS_MAX) mistake = "there are more than 100 headers";
  if (mistake) {
    refuse(exchange, MHD_HTTP_BAD_REQUEST, mistake);
    exchange->last = true;
    return;
  }
  const char *length = http_request_header(&exchange->request, "Content-Length");
  long long size = length ? atoll(length) : 0;
  if (size > 0) exchange->has_body = true;
  if (size > (long long)exchange->server->options.body_bytes + DISCARDED_BYTES) {
    refuse(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
  } else if (exchange->server->options.admit) {
    exchange->server->options.admit(&exchange->request);
  }
  /* the body of what is refused isn't read, so nothing can follow */
  if (exchange->code && exchange->has_body) exchange->last = true;
}

static bool make_room(struct exchange *exchange, size_t size) {
  struct http_server *server = exchange->server;
  size_t needed = exchange->request.body_size + size + 1, room = exchange->body_room ? exchange->body_room : 1024;
  if (needed <= exchange->body_room) return true;
  while (room < needed) room *= 2;
  if (server->body_bytes + room - exchange->body_room > server->options.all_body_bytes) return false;
  exchange->body = memory_realloc(exchange->body, room);
  server->body_bytes += room - exchange->body_room;
  exchange->body_room = room;
  return true;
}

/* Returns false if the connection is to be closed: too much has come, and an answer can't be given before its end. */
static bool take_body(struct exchange *exchange, const char *bytes, size_t size) {
  struct http_request *request = &exchange->request;
  size_t most = exchange->server->options.body_bytes;
  if (request->body_size + size > most) exchange->too_large = true;
  if (exchange->too_large) {
    request->body_size += size;
    return request->body_size <= most + DISCARDED_BYTES;
  }
  if (!make_room(exchange, size)) return false;
  memcpy(exchange->body + request->body_size, bytes, size);
  request->body_size += size;
  exchange->body[request->body_size] = '\0';
  request->body = exchange->body;
  return true;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

void http_answer_header(struct http_request *request, const char *name, const char *value) {
  struct exchange *exchange = (struct exchange *)request;
  for (const char *c = value; *c; c++) {
    if ((unsigned char)*c < ' ' || *c == 0x7f) return;
  }
  struct header *header = arena_calloc(request->arena, 1, sizeof *header);
  *header = (struct header){.name = name, .value = arena_strdup(request->arena, value)};
  struct header **end = &exchange->answer_headers;
  while (*end) end = &(*end)->next;
  *end = header;
}

int http_answer_code(const struct http_request *request) {
  return ((const struct exchange *)request)->code;
}

void http_answer(struct http_request *request, int code, const char *content_type, const void *bytes, size_t size) {
  struct exchange *exchange = (struct exchange *)request;
  exchange->code = code;
  exchange->bytes = bytes;
  exchange->size = size;
  if (content_type) http_answer_header(request, "Content-Type", content_type);
}

void http_answer_last(struct http_request *request) {
  ((struct exchange *)request)->last = true;
}

/* Gives libmicrohttpd what waits. */
static ssize_t give_outflow(void *argument, uint64_t place, char *bytes, size_t room) {
  struct exchange *exchange = argument;
  struct outflow *outflow = &exchange->outflow;
  (void)place;
  if (outflow->gone) return MHD_CONTENT_READER_END_WITH_ERROR;
  if (outflow->size == 0) {
    if (outflow->over) return MHD_CONTENT_READER_END_OF_STREAM;
    outflow->suspended = true;
    microhttpd->suspend_connection(exchange->connection);
    return 0;
  }
  size_t size = outflow->size < room ? outflow->size : room;
  memcpy(bytes, outflow->bytes, size);
  memmove(outflow->bytes, outflow->bytes + size, outflow->size - size);
  outflow->size -= size;
  outflow->taken_us = clock_monotonic_us();
  if (exchange->handler) coroutine_wake(exchange->handler);
  return (ssize_t)size;
}

static struct MHD_Response *response_of(struct exchange *exchange) {
  if (exchange->outflow.is_open) {
    return microhttpd->create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, give_outflow, exchange, NULL);
  }
  return microhttpd->create_response_from_buffer(exchange->size, (void *)exchange->bytes, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_answer(struct exchange *exchange) {
  struct MHD_Response *response = response_of(exchange);
  if (!response) return MHD_NO;
  for (const struct header *header = exchange->answer_headers; header; header = header->next) {
    microhttpd->add_response_header(response, header->name, header->value);
  }
  if (exchange->last || exchange->server->draining) microhttpd->add_response_header(response, "Connection", "close");
  enter(exchange->peer, exchange->outflow.is_open && !exchange->outflow.over ? PHASE_STREAMING : PHASE_ANSWERING);
  enum MHD_Result result = microhttpd->queue_response(exchange->connection, (unsigned)exchange->code, response);
  microhttpd->destroy_response(response);
  return result;
}

/* ---- handling --------------------------------------------------------------------------------------------------- */

static void serve(void *argument);

static void resume(void *argument) {
  struct exchange *exchange = argument;
  struct http_server *server = exchange->server;
  microhttpd->resume_connection(exchange->connection);
  serve(server);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

void http_stream_begin(struct http_request *request, int code, const char *content_type) {
  struct exchange *exchange = (struct exchange *)request;
  exchange->code = code;
  exchange->outflow.is_open = true;
  exchange->outflow.taken_us = clock_monotonic_us();
  exchange->server->streams++;
  http_answer_header(request, "Content-Type", content_type);
  coroutine_on_loop_stack(resume, exchange);
}

bool http_stream_is_wanted(const struct http_request *request) {
  const struct exchange *exchange = (const struct exchange *)request;
  return !exchange->outflow.gone && !exchange->server->draining;
}

/* Has libmicrohttpd go on, if it waits. */
static void go_on(struct exchange *exchange) {
  if (!exchange->outflow.suspended) return;
  exchange->outflow.suspended = false;
  coroutine_on_loop_stack(resume, exchange);
}

void http_stream_write_last(struct http_request *request, const void *bytes, size_t size) {
  struct exchange *exchange = (struct exchange *)request;
  struct outflow *outflow = &exchange->outflow;
  if (outflow->gone || size == 0) return;
  if (outflow->size == 0) outflow->taken_us = clock_monotonic_us();
  if (outflow->size + size > outflow->room) {
    outflow->room = 2 * (outflow->size + size);
    outflow->bytes = memory_realloc(outflow->bytes, outflow->room);
  }
  memcpy(outflow->bytes + outflow->size, bytes, size);
  outflow->size += size;
  go_on(exchange);
}

coroutine_fn bool http_stream_write(struct http_request *request, const void *bytes, size_t size) {
  const struct exchange *exchange = (const struct exchange *)request;
  const struct outflow *outflow = &exchange->outflow;
  http_stream_write_last(request, bytes, size);
  while (http_stream_is_wanted(request) && outflow->size > WAITING_BYTES) {
    int64_t until_us = outflow->taken_us + exchange->server->options.answer_ms * 1000;
    if (!coroutine_yield_until(until_us) && clock_monotonic_us() >= until_us) return false;
  }
  return http_stream_is_wanted(request);
}

/* The handler has ended; what it has left is sent. */
static void stream_end(struct exchange *exchange) {
  exchange->server->streams--;
  exchange->outflow.over = true;
  if (exchange->completed) {
    exchange_free(exchange);
    return;
  }
  enter(exchange->peer, PHASE_ANSWERING);
  go_on(exchange);
}

/* Whether the other side has closed its half. */
static bool has_left(const struct peer *peer) {
  struct pollfd look = {.fd = peer->descriptor, .events = POLLRDHUP};
  return poll(&look, 1, 0) > 0;
}

static void look_for_those_who_left(struct http_server *server) {
  for (struct peer *peer = server->peers; peer; peer = peer->next) {
    bool streams = peer->phase == PHASE_STREAMING && peer->exchange->handler && !peer->exchange->outflow.gone;
    if (streams && (server->draining || has_left(peer))) {
      peer->exchange->outflow.gone = !server->draining;
      coroutine_wake(peer->exchange->handler);
    }
  }
}

static coroutine_fn void handle(void *argument) {
  struct exchange *exchange = argument;
  struct http_server *server = exchange->server;
  exchange->handler = coroutine_self();
  server->options.handle_request(&exchange->request);
  if (!exchange->code) refuse(exchange, CODE_FAILED, "there is no answer");
  exchange->handler = NULL;
  server->requests--;
  condition_signal_all(&server->change);
  if (exchange->outflow.is_open) {
    stream_end(exchange);
  } else {
    coroutine_on_loop_stack(resume, exchange);
  }
}

/* The whole request is there. */
static enum MHD_Result start_handling(struct exchange *exchange) {
  struct http_server *server = exchange->server;
  exchange->handled = true;
  if (exchange->too_large) {
    refuse(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
  } else if (server->requests - server->streams >= server->options.requests ||
             !loop_spawn(server->loop, handle, exchange)) {
    refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests are being handled");
  }
  if (exchange->code) return send_answer(exchange);
  server->requests++;
  enter(exchange->peer, PHASE_HANDLED);
  microhttpd->suspend_connection(exchange->connection);
  return MHD_YES;
}

static enum MHD_Result on_request(void *argument, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *bytes, size_t *size, void **at) {
  struct exchange *exchange = *at;
  (void)argument, (void)connection, (void)path, (void)version;
  if (!exchange) return MHD_NO;
  if (!exchange->begun) {
    exchange->begun = true;
    exchange->request.method = arena_strdup(exchange->request.arena, method);
    begin(exchange);
    return exchange->code ? send_answer(exchange) : MHD_YES;
  }
  if (*size > 0) {
    bool taken = take_body(exchange, bytes, *size);
    *size = 0;
    return taken ? MHD_YES : MHD_NO;
  }
  return exchange->handled ? send_answer(exchange) : start_handling(exchange);
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

/* Lets libmicrohttpd do what there is to do. */
static void serve(void *argument) {
  struct http_server *server = argument;
  for (int i = 0; i < RUNS_PER_TURN; i++) {
    MHD_UNSIGNED_LONG_LONG wait_ms;
    microhttpd->run(server->daemon);
    if (microhttpd->get_timeout(server->daemon, &wait_ms) != MHD_YES || wait_ms > 0) return;
  }
  server->behind = true;
  condition_signal_all(&server->change);
}

static void tick(void *argument) {
  struct http_server *server = argument;
  server->behind = false;
  end_what_is_late(server);
  look_for_those_who_left(server);
  serve(server);
}

/* Keeps the limits of time while there are connections. */
static coroutine_fn void run_ticks(void *argument) {
  struct http_server *server = argument;
  while (!server->closing) {
    bool busy = server->peers != NULL;
    if (!server->behind) condition_wait(&server->change, busy ? clock_monotonic_us() + TICK_US : DEADLINE_NEVER);
    if (!server->closing) coroutine_on_loop_stack(tick, server);
  }
  server->ticks = false;
  condition_signal_all(&server->change);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void take_connection(void *argument, int descriptor) {
  struct http_server *server = argument;
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  getpeername(descriptor, (struct sockaddr *)&address, &size);
  microhttpd->add_connection(server->daemon, descriptor, (struct sockaddr *)&address, size);
  condition_signal_all(&server->change);
  serve(server);
}

/* Paths and queries are decoded by those who know their parts. */
static size_t keep_encoded(void *argument, struct MHD_Connection *connection, char *text) {
  (void)argument, (void)connection;
  return strlen(text);
}

static void log_complaint(void *argument, const char *format, va_list values) {
  struct arena *arena = arena_new();
  (void)argument;
  log_event(LOG_DEBUG, "HTTP", "text", arena_vprintf(arena, format, values), NULL);
  arena_free(arena);
}

#if MHD_VERSION >= 0x00097706
#define STRICTNESS MHD_OPTION_CLIENT_DISCIPLINE_LVL
#else
#define STRICTNESS MHD_OPTION_STRICT_FOR_CLIENT
#endif

static struct MHD_Daemon *start_daemon(struct http_server *server) {
  const struct http_server_options *options = &server->options;
  const struct MHD_OptionItem items[] = {
      {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_complaint, server}, /* first: it is told of the others' mistakes */
      {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)options->connections + 1, NULL},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)options->header_bytes, NULL},
      {STRICTNESS, 1, NULL},
      {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, server},
      {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_encoded, server},
      {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, server},
      {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, server},
      {MHD_OPTION_END, 0, NULL},
  };
  const struct MHD_OptionItem tls[] = {
      {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->certificate},
      {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->key},
      {MHD_OPTION_END, 0, NULL},
  };
  unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  bool has_tls = options->certificate != NULL;
  return microhttpd->start_daemon(has_tls ? flags | MHD_USE_TLS : flags, 0, NULL, NULL, on_request, server,
                                  MHD_OPTION_ARRAY, items, MHD_OPTION_ARRAY, has_tls ? tls : &tls[2], MHD_OPTION_END);
}

struct status http_server_open(struct loop *loop, struct arena *arena, const struct http_server_options *options,
                               struct http_server **ret_server) {
  struct status loaded = microhttpd_load(arena, &microhttpd);
  if (!status_is_ok(loaded)) return loaded;
  struct http_server *server = memory_calloc(1, sizeof *server);
  server->options = *options;
  server->loop = loop;
  server->daemon = start_daemon(server);
  if (!server->daemon) {
    free(server);
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_certificate_unfit, "the HTTP server can't start: %s",
                        options->certificate ? "certificate and key are unfit" : "no memory or descriptors");
  }
  const struct listener_options listening = {.address = options->listen,
                                             .connections = options->connections,
                                             .connections_per_address = options->connections_per_address,
                                             .unacknowledged_ms = (int)options->answer_ms + UNACKNOWLEDGED_MS,
                                             .take = take_connection,
                                             .user = server};
  struct status status = listener_open(loop, arena, &listening, &server->listener);
  if (!status_is_ok(status)) {
    microhttpd->stop_daemon(server->daemon);
    free(server);
    return status;
  }
  int descriptor = microhttpd->get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  server->watch = readable_watch_open(loop, descriptor, serve, server);
  *ret_server = server;
  return status;
}

int http_server_port(const struct http_server *server) {
  return listener_port(server->listener);
}

static void start_listening(void *argument) {
  listener_start(((struct http_server *)argument)->listener);
}

void http_server_start(struct http_server *server) {
  server->ticks = true;
  loop_spawn(server->loop, run_ticks, server);
  coroutine_on_loop_stack(start_listening, server);
}

size_t http_server_requests(const struct http_server *server) {
  return server->requests;
}

static void stop_listening(void *argument) {
  struct http_server *server = argument;
  listener_close(server->listener);
  server->listener = NULL;
}

coroutine_fn void http_server_drain(struct http_server *server, int64_t grace_ms) {
  int64_t end_us = clock_monotonic_us() + grace_ms * 1000;
  server->draining = true;
  coroutine_on_loop_stack(stop_listening, server);
  coroutine_on_loop_stack(tick, server);
  while (server->peers && condition_wait(&server->change, end_us)) continue;
}

static void stop_serving(void *argument) {
  struct http_server *server = argument;
  listener_close(server->listener);
  readable_watch_close(server->watch);
  microhttpd->stop_daemon(server->daemon);
}

coroutine_fn void http_server_free(struct http_server *server) {
  if (!server) return;
  server->closing = true;
  condition_signal_all(&server->change);
  while (server->ticks) condition_wait(&server->change, DEADLINE_NEVER);
  coroutine_on_loop_stack(stop_serving, server);
  free(server);
}
