/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "consumer/consumer_parts.h"

enum { LEASE_MS = 3000, READY_POLL_US = 20000 };

/* ---- the lease's keeper ----------------------------------------------------------------------------------------- */

/* Takes or renews the lease; without an answer it counts as held until it may have run out. */
static void renew_lease(struct consumer *consumer) {
  struct lease *lease = &consumer->lease;
  int64_t sent_us = clock_monotonic_us(), epoch = lease->epoch;
  struct context context = {.arena = arena_new(), .deadline_us = sent_us + lease->lease_ms * 1000 / 2};
  struct status status = lease_acquire(lease, &context);
  if (status_is_ok(status) && lease->epoch) consumer->lease_until_us = sent_us + lease->lease_ms * 1000;
  /* That it has halted before counts no more: whether events are handled is the other replica's to say. */
  if (status_is_ok(status) && !lease->epoch) consumer->state = CONSUMER_STANDBY;
  if (status_is_ok(status) && lease->epoch && lease->epoch != epoch) {
    log_event(LOG_INFO, "this replica handles the events", "epoch", log_number(lease->epoch), NULL);
  }
  arena_free(context.arena);
}

static void keep_lease(void *argument) {
  struct consumer *consumer = argument;
  struct lease *lease = &consumer->lease;
  while (consumer->running > 1) {
    int64_t pause_us = READY_POLL_US;
    if (event_store_is_ready(consumer->store) && !consumer->stopping) {
      renew_lease(consumer);
      pause_us = lease->lease_ms * 1000 / 3;
    }
    if (lease->epoch && clock_monotonic_us() >= consumer->lease_until_us) lease->epoch = 0;
    condition_signal_all(&consumer->lease_changed);
    if (consumer->running > 1) condition_wait(&consumer->keeper_wake, clock_monotonic_us() + pause_us);
  }
  if (lease->epoch && redis_is_ready(consumer->store->commands)) {
    struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US};
    (void)lease_release(lease, &context);
    arena_free(context.arena);
  }
  lease->epoch = 0;
  consumer->running--;
  condition_signal_all(&consumer->ended);
}

static void deliver_outbox(void *argument) {
  struct consumer *consumer = argument;
  outbox_run(consumer->outbox);
  consumer->running--;
  condition_signal_all(&consumer->ended);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void name_keys(struct consumer *consumer, struct arena *arena) {
  struct event_store *store = consumer->store;
  consumer->epoch_key = lease_epoch_key(store, arena);
  consumer->position_key = position_key(store, arena);
  consumer->attempts_key = redis_key(store->commands, arena, "%s_alone", store->service);
  const struct subscribed_stream *subscribed = subscription_streams(
      arena, consumer->options.subscriptions, consumer->options.subscription_count, &consumer->stream_count);
  consumer->streams = arena_calloc(arena, consumer->stream_count, sizeof *consumer->streams);
  for (size_t i = 0; i < consumer->stream_count; i++) {
    consumer->streams[i].subscribed = &subscribed[i];
    consumer->streams[i].key = event_stream_key(store, arena, subscribed[i].name);
  }
}

static void make_outbox(struct consumer *consumer, struct arena *arena) {
  struct outbox_options options = {.store = consumer->store,
                                   .lease = &consumer->lease,
                                   .route = consumer->options.outbox,
                                   .channel = consumer->options.outbox_channel};
  if (options.route) consumer->outbox = outbox_new(arena, &options);
}

struct consumer *consumer_start(struct loop *loop, struct arena *arena, const struct consumer_options *options) {
  struct consumer *consumer = arena_calloc(arena, 1, sizeof *consumer);
  consumer->loop = loop;
  consumer->options = *options;
  consumer->store = options->store;
  consumer->lease = (struct lease){.store = options->store,
                                   .holder = uuid_random(arena),
                                   .lease_ms = options->lease_ms ? options->lease_ms : LEASE_MS};
  consumer->parking = parking_new(consumer->store);
  name_keys(consumer, arena);
  make_outbox(consumer, arena);
  consumer->running = consumer->outbox ? 3 : 2;
  loop_spawn(loop, keep_lease, consumer);
  loop_spawn(loop, consumer_run, consumer);
  if (consumer->outbox) loop_spawn(loop, deliver_outbox, consumer);
  return consumer;
}

void consumer_stop(struct consumer *consumer) {
  consumer->stopping = true;
  outbox_stop(consumer->outbox);
  while (consumer->running > 0) {
    condition_signal_all(&consumer->keeper_wake);
    condition_signal_all(&consumer->lease_changed);
    condition_signal_all(&consumer->wake);
    if (consumer->blocked) consumer_poke(consumer);
    if (consumer->running > 0) condition_wait(&consumer->ended, clock_monotonic_us() + POKE_US);
  }
  parking_free(consumer->parking);
  consumer->parking = NULL;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

bool consumer_is_ready(const struct consumer *consumer) {
  return !*consumer_reason(consumer);
}

const char *consumer_reason(const struct consumer *consumer) {
  if (!event_store_is_ready(consumer->store)) return event_store_reason(consumer->store);
  switch (consumer->state) {
    case CONSUMER_STARTING:
      return "the consumer is starting";
    case CONSUMER_HALTED:
      return consumer->halt_reason;
    default:
      return "";
  }
}

const char *consumer_epoch_key(const struct event_store *store, struct arena *arena) {
  return lease_epoch_key(store, arena);
}

int64_t consumer_epoch(const struct consumer *consumer) {
  return consumer->lease.epoch;
}

const char *consumer_position_key(const struct event_store *store, struct arena *arena) {
  return position_key(store, arena);
}

struct consumer_figures consumer_figures(const struct consumer *consumer) {
  struct consumer_figures figures = consumer->figures;
  figures.position = consumer->position;
  return figures;
}
