/* SPDX-License-Identifier: Apache-2.0 */
#include "own_contract.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "message/message_types.h"
#include "offer.h"
#include "rpc/reflection_inquiry.h"
#include "shop_brand.h"

enum {
  ASK_US = 2 * 1000 * 1000,   /* for a question */
  FIRST_US = 500 * 1000,      /* between the first two tries of a service that doesn't tell; then twice as long */
  AGAIN_US = 2 * 1000 * 1000, /* between two tries at most, and of one that has told its contract */
};

struct own_contracts {
  struct gateway *gateway;
  struct own_contract *items;
  size_t count;
  size_t asking; /* coroutines */
  struct condition change;
  bool closing;
};

/* A try. */
struct inquiry {
  struct own_contract *own;
  struct arena *arena;
  struct reflection_inquiry *reflection;
  const ProtobufCServiceDescriptor *service;
  const void *question;
  struct rpc_reply reply;
  struct status status;
};

struct status own_contracts_open(struct gateway *gateway) {
  const struct gateway_settings *settings = &gateway->settings;
  struct own_contracts *contracts = arena_calloc(gateway->arena, 1, sizeof *contracts);
  contracts->gateway = gateway;
  contracts->items = arena_calloc(gateway->arena, settings->own_service_count, sizeof *contracts->items);
  gateway->own_contracts = contracts;
  for (size_t i = 0; i < settings->own_service_count; i++) {
    const struct own_service *service = &settings->own_services[i];
    struct own_contract *own = &contracts->items[i];
    const struct rpc_channel_options options = {.brand = &shop_brand, .peer = service->name, .tls = settings->tls};
    struct status status = rpc_channel_open(gateway->loop, gateway->arena, service->address, &options, &own->channel);
    if (!status_is_ok(status)) return status;
    own->all = contracts;
    own->name = service->name;
    contracts->count++;
  }
  return status_ok();
}

struct own_contract *own_contract_at(struct own_contracts *contracts, size_t index) {
  return index < contracts->count ? &contracts->items[index] : NULL;
}

/* ---- a try; what needs a deep stack runs on the loop's ---------------------------------------------------------- */

static void find_question(void *argument) {
  struct inquiry *inquiry = argument;
  inquiry->question = reflection_inquiry_next(inquiry->reflection, &inquiry->service);
}

static void take_answer(void *argument) {
  struct inquiry *inquiry = argument;
  reflection_inquiry_take(inquiry->reflection, inquiry->reply);
}

static bool is_known(const struct own_contract *own, const void *set, size_t size, const char *const *services) {
  if (!own->set || own->size != size || memcmp(own->set, set, size) != 0) return false;
  size_t i = 0;
  while (services[i] && own->services[i] && strcmp(services[i], own->services[i]) == 0) i++;
  return !services[i] && !own->services[i];
}

/* The contract's arena is that of the try then. */
static void keep(struct inquiry *inquiry, const void *set, size_t size, const char *const *services) {
  struct own_contract *own = inquiry->own;
  if (own->arena) arena_free(own->arena);
  own->arena = inquiry->arena;
  own->set = set;
  own->size = size;
  own->services = services;
  own->unfit_told = false;
  inquiry->arena = NULL;
}

static void make_offer(struct gateway *gateway) {
  struct offer *offer;
  struct status status = offer_make(gateway, &offer);
  if (!status_is_ok(status)) return; /* it is the shop's own contract, which was good at the start */
  offer_release(gateway->offer);
  gateway->offer = offer;
}

static void take_contract(void *argument) {
  struct inquiry *inquiry = argument;
  struct own_contract *own = inquiry->own;
  const void *set;
  size_t size;
  inquiry->status = reflection_inquiry_result(inquiry->reflection, &set, &size);
  if (!status_is_ok(inquiry->status)) return;
  const char *const *services = reflection_inquiry_services(inquiry->reflection);
  bool is_new = !is_known(own, set, size, services);
  if (is_new) {
    keep(inquiry, set, size, services);
    make_offer(own->all->gateway);
  }
  if ((is_new || own->silent) && !own->unfit) {
    log_event(LOG_INFO, "a service's contract is offered", "service", own->name, NULL);
  }
}

static coroutine_fn void ask(struct inquiry *inquiry) {
  struct own_contract *own = inquiry->own;
  inquiry->reflection = reflection_inquiry_new(inquiry->arena, own->name, MESSAGE_TYPES_SET_MAX);
  coroutine_on_loop_stack(find_question, inquiry);
  while (inquiry->question && !own->all->closing) {
    struct context context = {.arena = inquiry->arena, .deadline_us = clock_monotonic_us() + ASK_US};
    inquiry->reply = rpc_client_call(own->channel, &context, inquiry->service, reflection_method, inquiry->question);
    coroutine_on_loop_stack(take_answer, inquiry);
    coroutine_on_loop_stack(find_question, inquiry);
  }
  if (!inquiry->question) coroutine_on_loop_stack(take_contract, inquiry); /* else the gateway stops */
}

/* ---- a service -------------------------------------------------------------------------------------------------- */

static coroutine_fn void follow_once(struct own_contract *own) {
  struct inquiry inquiry = {.own = own, .arena = arena_new()};
  ask(&inquiry);
  bool is_silent = !status_is_ok(inquiry.status);
  if (is_silent && !own->silent) {
    log_event(LOG_WARN, "a service can't be asked for its contract", "service", own->name, "reason",
              inquiry.status.message, NULL);
  }
  own->silent = is_silent;
  if (inquiry.arena) arena_free(inquiry.arena);
}

static coroutine_fn void follow(void *argument) {
  struct own_contract *own = argument;
  struct own_contracts *contracts = own->all;
  int64_t pause_us = FIRST_US;
  while (!contracts->closing) {
    follow_once(own);
    condition_wait(&contracts->change, clock_monotonic_us() + (own->silent ? pause_us : AGAIN_US));
    pause_us = 2 * pause_us < AGAIN_US ? 2 * pause_us : AGAIN_US;
  }
  contracts->asking--;
  condition_signal_all(&contracts->change);
}

void own_contracts_start(struct own_contracts *contracts) {
  for (size_t i = 0; i < contracts->count; i++) {
    if (loop_spawn(contracts->gateway->loop, follow, &contracts->items[i])) contracts->asking++;
  }
}

coroutine_fn void own_contracts_close(struct own_contracts *contracts) {
  contracts->closing = true;
  condition_signal_all(&contracts->change);
  while (contracts->asking > 0) condition_wait(&contracts->change, DEADLINE_NEVER);
  for (size_t i = 0; i < contracts->count; i++) {
    rpc_channel_close(contracts->items[i].channel);
    if (contracts->items[i].arena) arena_free(contracts->items[i].arena);
  }
}
