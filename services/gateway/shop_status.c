/* SPDX-License-Identifier: Apache-2.0 */
#include "shop_status.h"

#include <ordershop/v1/status.pb-c.h>
#include <string.h>

#include "answer.h"
#include "base/clock.h"
#include "message/json_write.h"
#include "own_contract.h"

enum { DEADLINE_MS = 1000 }; /* one that is slower does badly, which is what is asked */

/* A service that is asked. */
struct inquiry {
  const char *name;
  struct rpc_channel *channel;
  struct context context;
  struct rpc_reply reply;
};

static coroutine_fn void ask(void *item) {
  struct inquiry *inquiry = item;
  Ordershop__V1__GetServiceStatusRequest request = ORDERSHOP__V1__GET_SERVICE_STATUS_REQUEST__INIT;
  inquiry->reply = rpc_client_call(inquiry->channel, &inquiry->context, &ordershop__v1__status_service__descriptor,
                                   "GetServiceStatus", &request);
}

struct writing {
  struct http_request *request;
  struct inquiry *inquiries;
  size_t count;
};

static json_t *inquiry_json(struct arena *arena, const struct inquiry *inquiry) {
  const struct status *status = &inquiry->reply.status;
  if (status_is_ok(*status)) {
    return json_pack("{s:s,s:o}", "name", inquiry->name, "status", json_of_message(inquiry->reply.message));
  }
  json_t *json = error_json(arena, http_code(status->code), *status);
  json_object_set_new(json, "name", json_string(inquiry->name));
  return json;
}

static void write_answer(void *argument) {
  const struct writing *writing = argument;
  json_t *list = json_array();
  for (size_t i = 0; i < writing->count; i++) {
    json_array_append_new(list, inquiry_json(writing->request->arena, &writing->inquiries[i]));
  }
  answer_json(writing->request, 200, json_pack("{s:o}", "services", list));
}

static bool has_status(const struct own_contract *own) {
  for (const char *const *name = own->set ? own->services : NULL; name && *name; name++) {
    if (strcmp(*name, ordershop__v1__status_service__descriptor.name) == 0) return true;
  }
  return !own->set; /* it has told nothing yet */
}

static void add(struct writing *writing, const char *name, struct rpc_channel *channel) {
  writing->inquiries[writing->count++] = (struct inquiry){
      .name = name,
      .channel = channel,
      .context = {.arena = writing->request->arena, .deadline_us = clock_monotonic_us() + DEADLINE_MS * 1000}};
}

static void add_all(const struct gateway *gateway, struct writing *writing) {
  const struct gateway_settings *settings = &gateway->settings;
  writing->inquiries = arena_calloc(writing->request->arena, settings->peer_count + settings->own_service_count,
                                    sizeof *writing->inquiries);
  for (size_t i = 0; i < settings->peer_count; i++) add(writing, settings->peers[i].name, gateway->channels[i]);
  const struct own_contract *own;
  for (size_t i = 0; (own = own_contract_at(gateway->own_contracts, i)); i++) {
    if (has_status(own)) add(writing, own->name, own->channel);
  }
}

coroutine_fn void shop_status_answer(const struct gateway *gateway, struct http_request *request) {
  if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
    http_answer_header(request, "Allow", "GET, HEAD");
    answer_error(request, 405, "The status is had by GET.");
    return;
  }
  struct writing writing = {.request = request};
  add_all(gateway, &writing);
  void **items = arena_calloc(request->arena, writing.count, sizeof *items);
  for (size_t i = 0; i < writing.count; i++) items[i] = &writing.inquiries[i];
  coroutine_for_each(ask, items, (int)writing.count, (int)writing.count);
  coroutine_on_loop_stack(write_answer, &writing);
}
