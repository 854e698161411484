/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway: the shop over HTTP and JSON, for browsers, curl and clients in any language. It has no state and no Redis:
 * each request becomes one call of a service, by descriptors. */
#pragma once

#include "gateway_settings.h"
#include "http/http_server.h"
#include "http/metrics_server.h"
#include "loop/loop.h"
#include "offer.h"
#include "store/positions.h"

struct gateway {
  struct gateway_settings settings;
  struct arena *arena; /* lives as long as the process */
  struct loop *loop;
  struct offer *offer; /* the present one: a request holds it for as long as it needs it */
  struct own_contracts *own_contracts;
  struct http_server *server;
  struct metrics_server *metrics_server; /* NULL if there is none */
  struct span_exporter *span_exporter;   /* likewise */
  struct rpc_channel **channels;         /* of settings.peers, in their order */
  struct event_streams *event_streams;
  struct positions positions; /* behind all commands that went through here */
  bool stopping;
};

/* Runs the gateway until it is told to stop. Returns the exit status for main, as service_main does. */
int gateway_main(int argc, char **argv);

/* What becomes of a request: the functions of http_server_options. */
void gateway_admit(struct http_request *request);
coroutine_fn void gateway_handle(struct http_request *request);
