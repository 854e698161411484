/* SPDX-License-Identifier: Apache-2.0 */
#include "stock_precedence.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/transaction.h"

enum { LOOK_US = 20000, LOOK_AGAIN_US = 5000 };
static const char LIFE_MS[] = "1000"; /* of the key, if its process ends */

struct stock_precedence {
  struct event_store *store;
  const char *name; /* of this process */
  int64_t looked_us;
  bool gives_way; /* another process goes first */
  bool asks;      /* one of those that wait asks whether it still does */
  struct condition answered;
};

struct stock_precedence *stock_precedence_new(struct event_store *store, struct arena *arena) {
  struct stock_precedence *precedence = arena_calloc(arena, 1, sizeof *precedence);
  precedence->store = store;
  precedence->name = arena_printf(arena, "%08x%08x", arc4random(), arc4random());
  return precedence;
}

static const char *key_of(const struct stock_precedence *precedence, struct arena *arena) {
  return redis_key(precedence->store->commands, arena, "inventory_precedence");
}

static struct redis_pending *look(struct stock_precedence *precedence, struct context *context) {
  precedence->looked_us = clock_monotonic_us();
  struct redis_arguments get = redis_command_of(context->arena, "GET", key_of(precedence, context->arena), NULL);
  return redis_send(precedence->store->commands, context, &get);
}

struct redis_pending *stock_precedence_ask(struct stock_precedence *precedence, struct context *context, bool insists) {
  struct arena *arena = context->arena;
  if (!insists) return clock_monotonic_us() - precedence->looked_us >= LOOK_US ? look(precedence, context) : NULL;
  struct redis_arguments set =
      redis_command_of(arena, "SET", key_of(precedence, arena), precedence->name, "NX", "GET", "PX", LIFE_MS, NULL);
  return redis_send(precedence->store->commands, context, &set);
}

/* What can't be asked holds nobody up: either what is read fails likewise, or there is none. */
coroutine_fn void stock_precedence_hear(struct stock_precedence *precedence, struct redis_pending *pending) {
  if (!pending) return;
  const struct redis_reply *reply = NULL;
  struct status status = redis_receive(pending, &reply);
  const char *first = status_is_ok(status) ? redis_reply_text(reply) : NULL;
  precedence->gives_way = first && strcmp(first, precedence->name) != 0;
}

bool stock_precedence_gives_way(const struct stock_precedence *precedence) {
  return precedence->gives_way;
}

static coroutine_fn void ask_again(struct stock_precedence *precedence, struct context *context) {
  precedence->asks = true;
  coroutine_sleep(LOOK_AGAIN_US, context->deadline_us);
  stock_precedence_hear(precedence, look(precedence, context));
  precedence->asks = false;
  condition_signal_all(&precedence->answered);
}

coroutine_fn void stock_precedence_wait(struct stock_precedence *precedence, struct context *context) {
  while (precedence->gives_way && clock_monotonic_us() < context->deadline_us) {
    if (precedence->asks) {
      condition_wait(&precedence->answered, context->deadline_us);
    } else {
      ask_again(precedence, context);
    }
  }
}

coroutine_fn void stock_precedence_end(struct stock_precedence *precedence, struct context *context) {
  struct context own = *context;
  own.arena = arena_new();
  const char *key = key_of(precedence, own.arena);
  struct transaction transaction = transaction_of(precedence->store, own.arena);
  struct transaction_result result;
  transaction.frees = true;
  transaction_require_value(&transaction, key, precedence->name);
  transaction_delete(&transaction, key);
  (void)transaction_run(&transaction, &own, &result); /* if it is not done, the key expires */
  arena_free(own.arena);
}
