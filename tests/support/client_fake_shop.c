/* SPDX-License-Identifier: Apache-2.0 */
#include "client_fake_shop.h"

#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/crm.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/event.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "loop/coroutine.h"
#include "rpc/health.h"
#include "rpc/rpc_server.h"
#include "shop_brand.h"

enum { GRACE_MS = 2000, LOOK_US = 5000, SERVICES = 8 };

struct fake_shop {
  pthread_t thread;
  pthread_mutex_t mutex; /* answers and calls */
  sem_t opened;
  struct loop *loop;
  struct arena *arena;
  struct rpc_server *server;
  struct health *health;
  char address[32];
  const struct fake_answer *answers;
  size_t answer_count;
  struct fake_call calls[FAKE_CALLS_MAX];
  size_t call_count;
};

static const ProtobufCServiceDescriptor *const descriptors[SERVICES] = {
    &ordershop__v1__customer_service__descriptor,  &ordershop__v1__product_service__descriptor,
    &ordershop__v1__inventory_service__descriptor, &ordershop__v1__order_service__descriptor,
    &ordershop__v1__billing_service__descriptor,   &ordershop__v1__crm_service__descriptor,
    &ordershop__v1__mail_service__descriptor,      &ordershop__v1__event_service__descriptor,
};

static void give_up(const char *what) {
  fprintf(stderr, "fake shop: %s\n", what);
  abort();
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static void note_text(char *to, size_t size, const char *text) {
  snprintf(to, size, "%s", text ? text : "");
}

static struct fake_call call_noted(const struct rpc_call *call, const ProtobufCMessage *request) {
  struct fake_call noted = {.left_ms = (call->context.deadline_us - clock_monotonic_us()) / 1000};
  note_text(noted.method, sizeof(noted.method), call->method->name);
  note_text(noted.after, sizeof(noted.after), call->context.after);
  if (protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "request_id")) {
    note_text(noted.request_id, sizeof(noted.request_id), message_text(request, "request_id"));
  }
  return noted;
}

static struct fake_answer note_and_choose(struct fake_shop *shop, const struct fake_call *call) {
  struct fake_answer answer = {.status.code = STATUS_OK};
  pthread_mutex_lock(&shop->mutex);
  if (shop->call_count == FAKE_CALLS_MAX) give_up("too many calls");
  if (shop->call_count < shop->answer_count) answer = shop->answers[shop->call_count];
  shop->calls[shop->call_count++] = *call;
  pthread_mutex_unlock(&shop->mutex);
  return answer;
}

/* Ends when the caller has gone: a handler that stays would keep the server from being freed. */
static void delay(struct rpc_call *call, int64_t ms) {
  int64_t until_us = clock_monotonic_us() + ms * 1000;
  if (call->context.deadline_us < until_us) until_us = call->context.deadline_us;
  while (clock_monotonic_us() < until_us && !rpc_call_cancelled(call)) coroutine_sleep(LOOK_US, until_us);
}

static struct status answer_call(struct rpc_call *call, const void *request, const void **ret_reply) {
  struct fake_call noted = call_noted(call, request);
  struct fake_answer answer = note_and_choose(call->service, &noted);
  delay(call, answer.delay_ms);
  if (answer.delay_ms > 0 && clock_monotonic_us() >= call->context.deadline_us) {
    return status_error(call->context.arena, STATUS_DEADLINE_EXCEEDED, "LATE", "the answer would come too late");
  }
  if (!status_is_ok(answer.status)) return answer.status;
  if (answer.position) rpc_call_tell_position(call, answer.position);
  const ProtobufCMessage *message = answer.message;
  bool fits = message && message->descriptor == call->signature->output;
  *ret_reply = fits ? answer.message : message_new(call->context.arena, call->signature->output);
  return status_ok();
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static struct rpc_service service_of(struct fake_shop *shop, const ProtobufCServiceDescriptor *descriptor) {
  struct rpc_method *methods = arena_calloc(shop->arena, descriptor->n_methods, sizeof(*methods));
  for (unsigned i = 0; i < descriptor->n_methods; i++) {
    methods[i] = (struct rpc_method){.name = descriptor->methods[i].name, .handler = answer_call};
  }
  return (struct rpc_service){.descriptor = descriptor, .methods = {methods, descriptor->n_methods}, .user = shop};
}

static void open_server(struct fake_shop *shop) {
  const char **names = arena_calloc(shop->arena, SERVICES + 1, sizeof(*names));
  struct rpc_service *services = arena_calloc(shop->arena, SERVICES + 1, sizeof(*services));
  for (size_t i = 0; i < SERVICES; i++) {
    names[i] = descriptors[i]->name;
    services[i] = service_of(shop, descriptors[i]);
  }
  shop->health = health_new(shop->arena, names);
  health_set_ready(shop->health, true);
  services[SERVICES] = health_service(shop->health);
  const struct rpc_server_options options = {.brand = &shop_brand, .listen = "127.0.0.1:0"};
  struct status status = rpc_server_open(shop->loop, shop->arena, &options, services, SERVICES + 1, &shop->server);
  if (!status_is_ok(status)) give_up(status.message);
  snprintf(shop->address, sizeof(shop->address), "127.0.0.1:%d", rpc_server_port(shop->server));
  rpc_server_start(shop->server);
}

static void *run_thread(void *argument) {
  struct fake_shop *shop = argument;
  shop->loop = loop_new(NULL);
  shop->arena = arena_new();
  open_server(shop);
  sem_post(&shop->opened);
  loop_run(shop->loop);
  rpc_server_free(shop->server);
  loop_free(shop->loop);
  arena_free(shop->arena);
  return NULL;
}

struct fake_shop *fake_shop_start(void) {
  struct fake_shop *shop = calloc(1, sizeof(*shop));
  if (!shop) give_up("no memory");
  pthread_mutex_init(&shop->mutex, NULL);
  sem_init(&shop->opened, 0, 0);
  if (pthread_create(&shop->thread, NULL, run_thread, shop) != 0) give_up("no thread");
  sem_wait(&shop->opened);
  return shop;
}

/* Something to do on the shop's loop. */
struct errand {
  struct loop_task task;
  struct fake_shop *shop;
  bool ready;
  sem_t done;
};

static void drain(void *argument) {
  struct fake_shop *shop = argument;
  rpc_server_drain(shop->server, GRACE_MS);
  loop_stop(shop->loop);
}

static void begin_drain(struct loop_task *task) {
  struct errand *errand = (struct errand *)task;
  loop_spawn(errand->shop->loop, drain, errand->shop);
  sem_post(&errand->done);
}

static void change_health(struct loop_task *task) {
  struct errand *errand = (struct errand *)task;
  health_set_ready(errand->shop->health, errand->ready);
  sem_post(&errand->done);
}

static void run_errand(struct errand *errand) {
  sem_init(&errand->done, 0, 0);
  loop_post(errand->shop->loop, &errand->task);
  sem_wait(&errand->done);
  sem_destroy(&errand->done);
}

void fake_shop_stop(struct fake_shop *shop) {
  run_errand(&(struct errand){.task.run = begin_drain, .shop = shop});
  pthread_join(shop->thread, NULL);
  sem_destroy(&shop->opened);
  pthread_mutex_destroy(&shop->mutex);
  free(shop);
}

void fake_shop_set_ready(struct fake_shop *shop, bool ready) {
  run_errand(&(struct errand){.task.run = change_health, .shop = shop, .ready = ready});
}

const char *fake_shop_address(const struct fake_shop *shop) {
  return shop->address;
}

void fake_shop_script(struct fake_shop *shop, const struct fake_answer *answers, size_t count) {
  pthread_mutex_lock(&shop->mutex);
  shop->answers = answers;
  shop->answer_count = count;
  shop->call_count = 0;
  pthread_mutex_unlock(&shop->mutex);
}

size_t fake_shop_count(struct fake_shop *shop) {
  pthread_mutex_lock(&shop->mutex);
  size_t count = shop->call_count;
  pthread_mutex_unlock(&shop->mutex);
  return count;
}

struct fake_call fake_shop_call(struct fake_shop *shop, size_t index) {
  pthread_mutex_lock(&shop->mutex);
  struct fake_call call = index < shop->call_count ? shop->calls[index] : (struct fake_call){.left_ms = 0};
  pthread_mutex_unlock(&shop->mutex);
  return call;
}
