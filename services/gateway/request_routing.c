/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a request. */
#include <string.h>

#include "answer.h"
#include "connect_call.h"
#include "console.h"
#include "event_stream.h"
#include "gatekeeper.h"
#include "gateway.h"
#include "per_service_call.h"
#include "request_span.h"
#include "resource_call.h"
#include "shop_status.h"
#include "v1_dialect.h"

/* ---- probes ----------------------------------------------------------------------------------------------------- */

/* /healthz: the process lives. /readyz: it takes requests, too. Probes call by an address, so Host is not looked at. */
static bool answer_probe(const struct gateway *gateway, struct http_request *request) {
  bool is_health = strcmp(request->path, "/healthz") == 0, is_ready = strcmp(request->path, "/readyz") == 0;
  if (!is_health && !is_ready) return false;
  if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
    http_answer_header(request, "Allow", "GET, HEAD");
    answer_error(request, 405, "Probes are asked by GET.");
  } else if (is_ready && gateway->stopping) {
    answer_error(request, 503, "The gateway is stopping.");
  } else {
    answer_json(request, 200, json_pack("{s:s}", "status", "SERVING"));
  }
  return true;
}

void gateway_admit(struct http_request *request) {
  const struct gateway *gateway = request->user;
  if (!answer_probe(gateway, request)) gatekeeper_admit(gateway, request);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

struct search {
  const struct contract *contract;
  struct http_request *request;
  struct request_path path;
  struct found_route found;
  struct status status;
};

static void find_route(void *argument) {
  struct search *search = argument;
  struct arena *arena = search->request->arena;
  search->status = request_path_read(arena, search->request->path, &search->path);
  if (!status_is_ok(search->status)) {
    answer_status(search->request, search->status);
    return;
  }
  search->found = contract_find(search->contract, arena, search->request->method, &search->path);
}

/* What the gateway has to tell of itself and the shop. The answer outlives the offer. */
static coroutine_fn bool answer_document(const struct gateway *gateway, const struct offer *offer,
                                         struct http_request *request) {
  if (console_is_path(request->path)) {
    console_answer(request);
    return true;
  }
  if (strcmp(request->path, "/status") == 0) {
    shop_status_answer(gateway, request);
    return true;
  }
  if (strcmp(request->path, "/openapi.json") != 0) return false;
  if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0) {
    const char *document = arena_strdup(request->arena, offer->openapi);
    http_answer(request, 200, "application/json", document, strlen(document));
  } else {
    http_answer_header(request, "Allow", "GET, HEAD");
    answer_error(request, 405, "The document is had by GET.");
  }
  return true;
}

/* The dialect's paths are its own, whatever contracts from outside the tree have. */
static coroutine_fn void call(struct gateway *gateway, const struct offer *offer, struct http_request *request) {
  const struct api_method *method = contract_method(offer->contract, request->path);
  if (method || connect_is_path(request->path)) {
    connect_call(gateway, request, method);
    return;
  }
  if (per_service_is_path(request->path)) {
    per_service_call(gateway, offer->contract, request);
    return;
  }
  struct search search = {.contract = offer->contract, .request = request};
  coroutine_on_loop_stack(find_route, &search);
  if (!status_is_ok(search.status)) return;
  if (v1_is_path(&search.path)) {
    v1_handle(gateway, offer->contract, request, &search.path);
  } else {
    resource_call(gateway, request, &search.found);
  }
}

static coroutine_fn void handle(struct gateway *gateway, struct http_request *request) {
  struct offer *offer = offer_hold(gateway->offer);
  if (!answer_document(gateway, offer, request)) call(gateway, offer, request);
  offer_release(offer);
}

coroutine_fn void gateway_handle(struct http_request *request) {
  struct gateway *gateway = request->user;
  if (strcmp(request->path, EVENT_STREAM_PATH) == 0) {
    event_stream(gateway, request);
    return;
  }
  struct span *span = request_span_begin(request);
  handle(gateway, request);
  request_span_end(span, request);
}
