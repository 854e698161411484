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
#include "client/ordershop_client.h"
#include "store/event.h"

enum { ID_SIZE = 37, CONNECT_MS = 2000, LOOK_MS = 5 };

/* The mails that one event led to so far. Where mails lie in a Redis of their own they may be read before it. */
struct caused_mails {
  int64_t mailed_us, log_time; /* of the last */
  int count;
  struct followed_order *order; /* NULL: the event is not read yet, or not an order's */
};

struct followed_order {
  int64_t acknowledged_us;     /* 0: not yet, or not by us */
  int64_t log_time;            /* of its event */
  struct caused_mails *mails;  /* NULL: its event is not read yet */
  struct followed_order *next; /* acknowledged before */
};

/* What is followed, and whose it is. */
struct followed_stream {
  const char *name;
  enum ordershop_service owner;
  const ProtobufCMessageDescriptor *descriptor;
  void (*follow)(struct order_mails *mails, const struct event *event);
};

enum { STREAMS = 2 };

/* Reads what lies in one place, in a thread of its own. */
struct place_reader {
  struct order_mails *mails;
  struct arena *arena, *scratch; /* of the thread */
  const char *streams[STREAMS];
  struct event_tail_options tail;
  pthread_t thread;
  struct status status; /* why the reading ended; once `ended` is set */
  atomic_bool begun, ended;
};

struct order_mails {
  struct arena *arena;
  struct place_reader readers[STREAMS];
  size_t reader_count; /* 1 if all streams lie in one place */
  atomic_bool closing;

  pthread_mutex_t mutex; /* for all below */
  struct arena *orders_arena;
  struct key_table *orders; /* struct followed_order by the order's id */
  struct key_table *causes; /* struct caused_mails by the event's id */
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

static struct caused_mails *mails_of(struct order_mails *mails, const char *cause) {
  void **place = key_table_at(mails->causes, cause);
  if (!*place) *place = arena_calloc(mails->orders_arena, 1, sizeof(struct caused_mails));
  return *place;
}

static bool is_complete(const struct followed_order *order) {
  return order && order->acknowledged_us > 0 && order->mails && order->mails->count >= ORDER_MAILS;
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
    if (is_complete(order)) mails->complete++;
  }
  pthread_mutex_unlock(&mails->mutex);
}

static void follow_order(struct order_mails *mails, const struct event *event) {
  struct followed_order *order = order_of(mails, ((const Ordershop__V1__Order *)event->entity)->id);
  bool was_complete = is_complete(order);
  order->log_time = event->log_time;
  order->mails = mails_of(mails, event->event_id);
  order->mails->order = order;
  if (is_complete(order) && !was_complete) mails->complete++;
}

static void follow_mail(struct order_mails *mails, const struct event *event) {
  struct caused_mails *caused = mails_of(mails, ((const Ordershop__V1__Mail *)event->entity)->cause);
  bool was_complete = is_complete(caused->order);
  caused->count++;
  caused->mailed_us = clock_monotonic_us();
  caused->log_time = event->log_time;
  if (is_complete(caused->order) && !was_complete) mails->complete++;
}

static const struct followed_stream followed[STREAMS] = {
    {"order_created", ORDERSHOP_ORDER, &ordershop__v1__order__descriptor, follow_order},
    {"mail_created", ORDERSHOP_MAIL, &ordershop__v1__mail__descriptor, follow_mail},
};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static const struct followed_stream *find_stream(const char *name) {
  const struct followed_stream *stream = followed;
  while (strcmp(stream->name, name) != 0) stream++;
  return stream;
}

static bool see_event(void *argument, const char *name, const struct redis_reply *entry) {
  struct place_reader *reader = argument;
  struct order_mails *mails = reader->mails;
  const struct followed_stream *stream = find_stream(name);
  struct event event;
  arena_reset(reader->scratch);
  struct status status = event_decode(reader->scratch, name, stream->descriptor, entry, &event);
  if (!status_is_ok(status)) return !mails->closing;
  pthread_mutex_lock(&mails->mutex);
  stream->follow(mails, &event);
  pthread_mutex_unlock(&mails->mutex);
  return !mails->closing;
}

static bool see_the_end(void *argument) {
  struct place_reader *reader = argument;
  reader->begun = true;
  return !reader->mails->closing;
}

static void tell(void *argument, const char *sentence) {
  (void)argument;
  fprintf(stderr, "ordershop: %s\n", sentence);
}

static void *read_events(void *argument) {
  struct place_reader *reader = argument;
  reader->status = event_tail(reader->arena, &reader->tail);
  reader->ended = true;
  return NULL;
}

/* ---- readers ---------------------------------------------------------------------------------------------------- */

static void rest(void) {
  nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
}

/* Takes over places[i], of stream i: it is read along with an earlier stream that lies there, too. */
static void add_stream(struct order_mails *mails, const struct event_tail_options *places, size_t i) {
  struct place_reader *reader = mails->readers;
  struct place_reader *end = mails->readers + mails->reader_count;
  while (reader < end && !event_redis_is_one(mails->arena, &reader->tail, &places[i])) reader++;
  if (reader == end) {
    mails->reader_count++;
    *reader = (struct place_reader){.mails = mails, .arena = arena_new(), .scratch = arena_new(), .tail = places[i]};
    reader->tail.streams = reader->streams;
    reader->tail.from.kind = EVENT_FROM_NOW;
    reader->tail.connect_ms = CONNECT_MS;
    reader->tail.show_event = see_event;
    reader->tail.flush = see_the_end;
    reader->tail.tell = tell;
    reader->tail.argument = reader;
  } else {
    tls_client_close(places[i].redis_tls);
  }
  reader->streams[reader->tail.stream_count++] = followed[i].name;
}

static struct status find_places(struct order_mails *mails, const struct invocation *invocation) {
  const char *owners[STREAMS];
  struct event_tail_options places[STREAMS] = {0};
  for (size_t i = 0; i < STREAMS; i++) owners[i] = ordershop_service_name(followed[i].owner);
  struct status status = event_redis_read(mails->arena, invocation, owners, STREAMS, places);
  for (size_t i = 0; i < STREAMS; i++) {
    if (status_is_ok(status)) add_stream(mails, places, i);
    if (!status_is_ok(status)) tls_client_close(places[i].redis_tls);
  }
  return status;
}

/* Returns the first reader that has ended; NULL if all read. */
static struct place_reader *find_ended(struct order_mails *mails) {
  for (size_t i = 0; i < mails->reader_count; i++) {
    if (mails->readers[i].ended) return &mails->readers[i];
  }
  return NULL;
}

static bool have_all_begun(const struct order_mails *mails) {
  for (size_t i = 0; i < mails->reader_count; i++) {
    if (!mails->readers[i].begun) return false;
  }
  return true;
}

static struct status start_readers(struct arena *arena, struct order_mails *mails) {
  for (size_t i = 0; i < mails->reader_count; i++) {
    struct place_reader *reader = &mails->readers[i];
    if (pthread_create(&reader->thread, NULL, read_events, reader) != 0) memory_exhausted(0);
  }
  while (!have_all_begun(mails) && !find_ended(mails)) rest();
  const struct place_reader *ended = find_ended(mails);
  return ended ? status_copy(event_redis_explain(mails->arena, &ended->tail, ended->status), arena) : status_ok();
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

struct status order_mails_open(struct arena *arena, const struct invocation *invocation,
                               struct order_mails **ret_mails) {
  struct order_mails *mails = arena_calloc(arena, 1, sizeof(*mails));
  mails->arena = arena_new();
  struct status status = find_places(mails, invocation);
  if (!status_is_ok(status)) {
    status = status_copy(status, arena);
    arena_free(mails->arena);
    return status;
  }
  pthread_mutex_init(&mails->mutex, NULL);
  forget_all(mails);
  status = start_readers(arena, mails);
  if (status_is_ok(status)) *ret_mails = mails;
  if (!status_is_ok(status)) order_mails_close(mails);
  return status;
}

static void close_reader(struct place_reader *reader) {
  pthread_join(reader->thread, NULL);
  tls_client_close(reader->tail.redis_tls);
  arena_free(reader->scratch);
  arena_free(reader->arena);
}

void order_mails_close(struct order_mails *mails) {
  mails->closing = true; /* seen within a second */
  for (size_t i = 0; i < mails->reader_count; i++) close_reader(&mails->readers[i]);
  pthread_mutex_destroy(&mails->mutex);
  arena_free(mails->orders_arena);
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
  for (uint64_t left; (left = count_incomplete(mails)) > 0 && !find_ended(mails); rest()) {
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
  bool is_one_log = mails->reader_count == 1;
  pthread_mutex_lock(&mails->mutex);
  for (const struct followed_order *order = mails->acknowledged; order; order = order->next) {
    if (!is_complete(order)) continue;
    histogram_add(seen, order->mails->mailed_us - order->acknowledged_us);
    if (is_one_log) histogram_add(by_log_time, order->mails->log_time - order->log_time);
  }
  forget_all(mails);
  pthread_mutex_unlock(&mails->mutex);
  return incomplete;
}
