/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/order_mails.h"

#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/key_table.h"
#include "base/memory.h"
#include "client/cli/events/event_redis.h"
#include "client/cli/events/event_tail.h"
#include "store/event.h"

enum { ID_SIZE = 37, CONNECT_MS = 2000, LOOK_MS = 5 };

struct followed_order {
  int64_t acknowledged_us; /* 0: not yet, or not by us */
  int64_t mailed_us;       /* of the last mail so far */
  int64_t log_time, mail_log_time;
  int mails;
  struct followed_order *next; /* acknowledged before */
};

struct order_mails {
  struct arena *arena, *scratch; /* scratch: of the reading thread */
  struct event_tail_options tail;
  pthread_t thread;
  struct status status; /* why the reading ended; once `ended` is set */
  atomic_bool begun, ended, closing;

  pthread_mutex_t mutex; /* for all below */
  struct arena *orders_arena;
  struct key_table *orders; /* struct followed_order by the order's id */
  struct key_table *causes; /* the same by the id of the order's event */
  struct followed_order *acknowledged;
  uint64_t acknowledged_count, complete;
};

/* ---- following -------------------------------------------------------------------------------------------------- */

static void forget_all(struct order_mails *mails) {
  if (mails->orders_arena) arena_free(mails->orders_arena);
  mails->orders_arena = arena_new();
  mails->orders = key_table_new(mails->orders_arena);
  mails->causes = key_table_new(mails->orders_arena);
  mails->acknowledged = NULL;
  mails->acknowledged_count = mails->complete = 0;
}

static struct followed_order *order_of(struct order_mails *mails, const char *id) {
  void **place = key_table_at(mails->orders, id);
  if (!*place) *place = arena_calloc(mails->orders_arena, 1, sizeof(struct followed_order));
  return *place;
}

static void count_if_complete(struct order_mails *mails, const struct followed_order *order, bool was_complete) {
  bool is_complete = order->acknowledged_us > 0 && order->mails >= ORDER_MAILS;
  if (is_complete && !was_complete) mails->complete++;
}

void order_mails_acknowledge(struct order_mails *mails, const char *id) {
  char text[ID_SIZE] = "";
  memcpy(text, id, ID_SIZE - 1);
  int64_t now_us = clock_monotonic_us();
  pthread_mutex_lock(&mails->mutex);
  struct followed_order *order = order_of(mails, text);
  if (order->acknowledged_us == 0) {
    order->acknowledged_us = now_us;
    order->next = mails->acknowledged;
    mails->acknowledged = order;
    mails->acknowledged_count++;
    count_if_complete(mails, order, false);
  }
  pthread_mutex_unlock(&mails->mutex);
}

static void follow_order(struct order_mails *mails, const struct event *event) {
  struct followed_order *order = order_of(mails, ((const Ordershop__V1__Order *)event->entity)->id);
  order->log_time = event->log_time;
  *key_table_at(mails->causes, event->event_id) = order;
}

static void follow_mail(struct order_mails *mails, const struct event *event, int64_t now_us) {
  struct followed_order *order = key_table_find(mails->causes, ((const Ordershop__V1__Mail *)event->entity)->cause);
  if (!order) return; /* of something else than an order, or of one that is forgotten */
  bool was_complete = order->acknowledged_us > 0 && order->mails >= ORDER_MAILS;
  order->mails++;
  order->mailed_us = now_us;
  order->mail_log_time = event->log_time;
  count_if_complete(mails, order, was_complete);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool see_event(void *argument, const char *stream, const struct redis_reply *entry) {
  struct order_mails *mails = argument;
  bool is_order = strcmp(stream, "order_created") == 0;
  int64_t now_us = clock_monotonic_us();
  struct event event;
  arena_reset(mails->scratch);
  struct status status =
      event_decode(mails->scratch, stream,
                   is_order ? &ordershop__v1__order__descriptor : &ordershop__v1__mail__descriptor, entry, &event);
  if (!status_is_ok(status)) return !mails->closing;
  pthread_mutex_lock(&mails->mutex);
  if (is_order) follow_order(mails, &event);
  if (!is_order) follow_mail(mails, &event, now_us);
  pthread_mutex_unlock(&mails->mutex);
  return !mails->closing;
}

static bool see_the_end(void *argument) {
  struct order_mails *mails = argument;
  mails->begun = true;
  return !mails->closing;
}

static void tell(void *argument, const char *sentence) {
  (void)argument;
  fprintf(stderr, "ordershop: %s\n", sentence);
}

static void *read_events(void *argument) {
  struct order_mails *mails = argument;
  mails->status = event_tail(mails->arena, &mails->tail);
  mails->ended = true;
  return NULL;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static void rest(void) {
  nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
}

struct status order_mails_open(struct arena *arena, const struct invocation *invocation,
                               struct order_mails **ret_mails) {
  static const char *const streams[] = {"order_created", "mail_created"};
  struct order_mails *mails = arena_calloc(arena, 1, sizeof(*mails));
  mails->arena = arena_new();
  mails->tail = (struct event_tail_options){.streams = streams,
                                            .stream_count = 2,
                                            .from.kind = EVENT_FROM_NOW,
                                            .connect_ms = CONNECT_MS,
                                            .show_event = see_event,
                                            .flush = see_the_end,
                                            .tell = tell,
                                            .argument = mails};
  struct status status = event_redis_read(mails->arena, invocation, &mails->tail);
  if (!status_is_ok(status)) {
    status = status_copy(status, arena);
    arena_free(mails->arena);
    return status;
  }
  mails->scratch = arena_new();
  pthread_mutex_init(&mails->mutex, NULL);
  forget_all(mails);
  if (pthread_create(&mails->thread, NULL, read_events, mails) != 0) memory_exhausted(0);
  while (!mails->begun && !mails->ended) rest();
  if (mails->ended) {
    status = status_copy(event_redis_explain(mails->arena, &mails->tail, mails->status), arena);
    order_mails_close(mails);
    return status;
  }
  *ret_mails = mails;
  return status_ok();
}

void order_mails_close(struct order_mails *mails) {
  mails->closing = true; /* seen within a second */
  pthread_join(mails->thread, NULL);
  pthread_mutex_destroy(&mails->mutex);
  tls_client_close(mails->tail.redis_tls);
  arena_free(mails->orders_arena);
  arena_free(mails->scratch);
  arena_free(mails->arena);
}

/* Returns how many of the orders lack mails. */
static uint64_t count_incomplete(struct order_mails *mails) {
  pthread_mutex_lock(&mails->mutex);
  uint64_t count = mails->acknowledged_count - mails->complete;
  pthread_mutex_unlock(&mails->mutex);
  return count;
}

static void await_mails(struct order_mails *mails, int64_t patience_ms) {
  uint64_t before = UINT64_MAX;
  int64_t give_up_us = 0;
  for (uint64_t left; (left = count_incomplete(mails)) > 0 && !mails->ended; rest()) {
    int64_t now_us = clock_monotonic_us();
    if (left != before) give_up_us = now_us + patience_ms * 1000;
    if (now_us >= give_up_us) return;
    before = left;
  }
}

uint64_t order_mails_collect(struct order_mails *mails, int64_t patience_ms, struct histogram *seen,
                             struct histogram *by_log_time) {
  await_mails(mails, patience_ms);
  uint64_t incomplete = count_incomplete(mails);
  pthread_mutex_lock(&mails->mutex);
  for (const struct followed_order *order = mails->acknowledged; order; order = order->next) {
    if (order->mails < ORDER_MAILS) continue;
    histogram_add(seen, order->mailed_us - order->acknowledged_us);
    histogram_add(by_log_time, order->mail_log_time - order->log_time);
  }
  forget_all(mails);
  pthread_mutex_unlock(&mails->mutex);
  return incomplete;
}
