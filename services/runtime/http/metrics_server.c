/* SPDX-License-Identifier: Apache-2.0 */
#include "http/metrics_server.h"

#include <string.h>

#include "base/metrics.h"
#include "base/process_metrics.h"
#include "loop/loop_metrics.h"

enum {
  REQUESTS_MAX = 4,
  HEADER_BYTES = 8 * 1024,
  BODY_BYTES = 1,
  ARRIVAL_MS = 5 * 1000,
  IDLE_MS = 30 * 1000,
  ANSWER_MS = 10 * 1000,
  GRACE_MS = 1000,
};

struct metrics_server {
  struct metrics_server_options options;
  struct http_server *http;
};

static void refuse(struct http_request *request, int code, const char *message) {
  const char *text = arena_printf(request->arena, "%s\n", message);
  http_answer(request, code, "text/plain; charset=utf-8", text, strlen(text));
}

static void admit(struct http_request *request) {
  if (strcmp(request->path, "/metrics") != 0) {
    refuse(request, 404, "Metrics are at /metrics.");
  } else if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
    http_answer_header(request, "Allow", "GET, HEAD");
    refuse(request, 405, "Metrics can only be read.");
  }
}

static coroutine_fn void tell(struct http_request *request) {
  const struct metrics_server *server = request->user;
  if (server->options.prepare) server->options.prepare(server->options.argument);
  size_t size;
  const char *text = metrics_render(request->arena, server->options.brand, &size);
  http_answer(request, 200, METRICS_CONTENT_TYPE, text, size);
}

struct status metrics_server_open(struct loop *loop, struct arena *arena, const struct metrics_server_options *options,
                                  struct metrics_server **ret_server) {
  struct metrics_server *server = arena_calloc(arena, 1, sizeof *server);
  size_t connections = options->connections > 0 ? options->connections : METRICS_CONNECTIONS;
  server->options = *options;
  const struct http_server_options http = {
      .listen = options->listen,
      .connections = connections,
      .connections_per_address = (connections + 1) / 2,
      .requests = REQUESTS_MAX,
      .header_bytes = HEADER_BYTES,
      .body_bytes = BODY_BYTES,
      .all_body_bytes = REQUESTS_MAX * BODY_BYTES,
      .arrival_ms = ARRIVAL_MS,
      .idle_ms = IDLE_MS,
      .answer_ms = ANSWER_MS,
      .admit = admit,
      .handle_request = tell,
      .refuse = refuse,
      .user = server,
  };
  struct status status = http_server_open(loop, arena, &http, &server->http);
  if (!status_is_ok(status)) return status;
  process_metrics_declare(options->program, options->version);
  loop_metrics_declare(loop);
  *ret_server = server;
  return status;
}

void metrics_server_start(struct metrics_server *server) {
  if (server) http_server_start(server->http);
}

coroutine_fn void metrics_server_close(struct metrics_server *server) {
  if (!server) return;
  http_server_drain(server->http, GRACE_MS);
  if (http_server_requests(server->http) == 0) http_server_free(server->http);
}
