/* SPDX-License-Identifier: Apache-2.0 */
/* What a process knows of the log, compared with what there is, while it goes on learning. Against a real Redis. */
#include "store/known_log.h"

#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "private_redis.h"
#include "shop_brand.h"
#include "store/event_store.h"
#include "store/log_clock.h"
#include "store/log_loss.h"
#include "store/log_time.h"
#include "suite.h"

static struct private_redis *server;

static int start_server(void) {
  server = private_redis_start(NULL);
  return 0;
}

static int stop_server(void) {
  private_redis_free(server);
  return 0;
}

static struct event_store *open_store(struct context *context) {
  const struct event_store_options options = {.brand = &shop_brand,
                                              .service = "tester",
                                              .redis_url = private_redis_url(server),
                                              .key_prefix = "",
                                              .request_seconds = 100};
  struct event_store *store;
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &options, &store)));
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(store->commands, context->deadline_us)));
  return store;
}

/* A look at the log, while another connection tells a later end of it. */
struct scene {
  struct event_store *store;
  struct context *context;
  struct position later;
  bool is_told, is_over;
  const char *loss; /* as the look has found it */
};

static coroutine_fn void look(void *argument) {
  struct scene *scene = argument;
  CU_ASSERT_TRUE(status_is_ok(known_log_look(scene->store->known, scene->context)));
  CU_ASSERT_TRUE(scene->is_told);
  scene->loss = arena_strdup(scene->context->arena, event_store_loss(scene->store));
  scene->is_over = true;
}

static coroutine_fn void tell_later(void *argument) {
  struct scene *scene = argument;
  clock_saw(scene->store, &scene->later);
  scene->is_told = true;
}

static coroutine_fn void look_while_told(struct context *context) {
  struct event_store *store = open_store(context);
  struct scene scene = {.store = store, .context = context};
  CU_ASSERT_FATAL(status_is_ok(clock_tick(store, context, &scene.later)));
  scene.later.log_time += 1000;
  loop_spawn(coroutine_loop(), look, &scene); /* it asks Redis, and waits; then the other one runs */
  loop_spawn(coroutine_loop(), tell_later, &scene);
  while (!scene.is_over) coroutine_sleep(1000, DEADLINE_NEVER);
  CU_ASSERT_STRING_EQUAL(scene.loss, "");
  event_store_close(store);
}

static void test_told_meanwhile(void) {
  in_coroutine(look_while_told);
}

static coroutine_fn void tell_later_and_later(void *argument) {
  struct scene *scene = argument;
  while (!scene->is_over) {
    scene->later.log_time += 1000;
    tell_later(scene);
    coroutine_sleep(0, DEADLINE_NEVER);
  }
}

static coroutine_fn void lose_end_while_told(struct context *context) {
  struct event_store *store = open_store(context);
  struct scene scene = {.store = store, .context = context};
  CU_ASSERT_FATAL(status_is_ok(clock_tick(store, context, &scene.later)));
  const char *earlier = log_time_text(context->arena, scene.later.log_time - 5000);
  private_redis_command(server, "SET ordershop_clock %s",
                        arena_printf(context->arena, "%s %s", earlier, scene.later.epoch));
  loop_spawn(coroutine_loop(), look, &scene);
  loop_spawn(coroutine_loop(), tell_later_and_later, &scene);
  while (!scene.is_over) coroutine_sleep(1000, DEADLINE_NEVER);
  const struct log_loss *lost = known_log_lost(store->known);
  CU_ASSERT_PTR_NOT_NULL_FATAL(lost);
  private_redis_command(server, "HSET tester_position %s %s", lost->field, lost->value);
  CU_ASSERT_TRUE(status_is_ok(known_log_look(store->known, context)));
  CU_ASSERT_STRING_EQUAL(event_store_loss(store), "");
  event_store_close(store);
}

static void test_loss_told_meanwhile(void) {
  in_coroutine(lose_end_while_told);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a log that goes on while it is looked at is not taken for one that has lost its end", test_told_meanwhile},
      {"a loss is accepted by what it said, also where the log was told to go further while it was found",
       test_loss_told_meanwhile},
  };
  return suite_main("known log", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
