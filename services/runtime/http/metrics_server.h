/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics server: serves the process' metrics (base/metrics.h) at /metrics, for Prometheus, on a port of its own, in
 * plain text; whoever reaches the port may read them. Anything else is 404, or 405. It is small, so that nobody who
 * calls it takes much from the rest: METRICS_CONNECTIONS connections at once, half of them from one address, four
 * requests, each with 8 KiB of headers and no body; 5 seconds to send a request, 10 to take the answer, 30 between two
 * requests. Threads: the loop's. */
#pragma once

#include "http/http_server.h"

enum { METRICS_CONNECTIONS = 16 };

struct metrics_server;

struct metrics_server_options {
  const char *listen;  /* as http_server_options.listen */
  const char *brand;   /* its name: see metrics_render */
  const char *program; /* "coupon-note": for <brand>_build_info, with the version */
  const char *version;
  size_t connections; /* at once; 0 means METRICS_CONNECTIONS */
  /* Optional: called before each rendering; may yield, for as long as a second. */
  coroutine_fn void (*prepare)(void *argument);
  void *argument;
};

/* Binds the address and declares the process' own metrics. `options` is copied; what it points to must live as long as
 * the server. Errors: as those of http_server_open. */
struct status metrics_server_open(struct loop *loop, struct arena *arena, const struct metrics_server_options *options,
                                  struct metrics_server **ret_server);

/* Takes connections from now on. NULL is allowed here and below. */
void metrics_server_start(struct metrics_server *server);

/* Ends it; a request that is under way has a second. */
coroutine_fn void metrics_server_close(struct metrics_server *server);
