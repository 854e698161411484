/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/event_tail.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "shop_brand.h"
#include "store/log_time.h"
#include "store/stream_reader.h"

enum { BLOCK_MS = 1000, AWAY_US = 1000000, CALL_US = 5000000 };

struct event_tail {
  const struct event_tail_options *options;
  struct arena *arena; /* of names and of the result */
  struct loop *loop;
  struct redis *redis;
  struct status result;

  char begin[ENTRY_ID_SIZE]; /* id of the entry behind which reading begins */
  struct stream_reader *reader;
  const char **streams; /* names of the reader's streams, by their numbers */
  size_t stream_count, stream_capacity;
  bool ended; /* `show_event` wants no more */
};

/* ---- the beginning ---------------------------------------------------------------------------------------------- */

/* Cured by the operator, not by waiting. */
static bool is_refused(struct status status) {
  return status_is(status, reason_redis_noperm) || status_is(status, reason_redis_noauth) ||
         status_is(status, reason_redis_wrongpass);
}

/* What Redis itself has said of this user, else that it is away. */
static struct status unreachable(struct event_tail *tail) {
  struct status said = redis_error_status(tail->arena, redis_reason(tail->redis));
  if (is_refused(said)) return said;
  return status_error(tail->arena, STATUS_UNAVAILABLE, reason_redis_unreachable, "%s", redis_reason(tail->redis));
}

static coroutine_fn struct status connect_first(struct event_tail *tail) {
  int64_t deadline_us = clock_monotonic_us() + tail->options->connect_ms * 1000;
  if (status_is_ok(redis_wait_ready(tail->redis, deadline_us))) return status_ok();
  return unreachable(tail);
}

/* The log's clock is "<last id> <epoch>". Without one nothing has happened yet, and Redis' time is before all of it. */
static coroutine_fn struct status find_beginning(struct event_tail *tail) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US};
  struct arena *arena = context.arena;
  const char *key = redis_key(tail->redis, arena, "%s", shop_brand.clock_key);
  struct redis_arguments get = redis_command_of(arena, "GET", key, NULL), time = redis_command_of(arena, "TIME", NULL);
  const struct redis_reply *clock, *now;
  struct status status = redis_command(tail->redis, &context, &get, &clock);
  if (status_is_ok(status)) status = redis_command(tail->redis, &context, &time, &now);
  if (status_is_ok(status)) {
    int64_t now_ms =
        redis_reply_number(redis_reply_at(now, 0), 0) * 1000 + redis_reply_number(redis_reply_at(now, 1), 0) / 1000;
    const char *last = redis_reply_text(clock);
    const char *end =
        last ? arena_memdup(arena, last, strcspn(last, " ")) : arena_printf(arena, "%lld-0", (long long)now_ms);
    const struct event_from *from = &tail->options->from;
    snprintf(tail->begin, sizeof(tail->begin), "%s", event_from_entry(arena, from, end, now_ms));
  }
  status = status_copy(status, tail->arena);
  arena_free(arena);
  return status;
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

static void add_stream(struct event_tail *tail, const char *name) {
  if (tail->stream_count == tail->stream_capacity) {
    size_t capacity = tail->stream_capacity ? 2 * tail->stream_capacity : 32;
    const char **streams = arena_calloc(tail->arena, capacity, sizeof(*streams));
    if (tail->streams) memcpy(streams, tail->streams, tail->stream_count * sizeof(*streams));
    tail->streams = streams;
    tail->stream_capacity = capacity;
  }
  tail->streams[tail->stream_count++] = arena_strdup(tail->arena, name);
  stream_reader_add(tail->reader, redis_key(tail->redis, tail->arena, "events:%s", name), tail->begin);
}

static void name_streams(struct event_tail *tail) {
  const struct event_tail_options *options = tail->options;
  for (size_t i = 0; i < options->stream_count; i++) add_stream(tail, options->streams[i]);
}

/* ---- the course ------------------------------------------------------------------------------------------------- */

/* Says once that Redis is away, and once that it is back. */
static coroutine_fn void wait_for_redis(struct event_tail *tail, const char *reason) {
  const struct event_tail_options *options = tail->options;
  options->tell(options->argument, arena_printf(tail->arena, "Redis is away (%s); waiting until it is back", reason));
  coroutine_sleep(AWAY_US / 10, DEADLINE_NEVER);
  while (!status_is_ok(redis_wait_ready(tail->redis, clock_monotonic_us() + AWAY_US))) continue;
  options->tell(options->argument, "Redis is back");
}

static void show_what_is_in_order(struct event_tail *tail) {
  const struct event_tail_options *options = tail->options;
  struct read_entry next;
  while (!tail->ended && stream_reader_next(tail->reader, &next)) {
    tail->ended = !options->show_event(options->argument, tail->streams[next.stream], next.entry);
    read_entry_release(&next);
  }
}

/* Until everything that is there has been shown. */
static coroutine_fn struct status catch_up(struct event_tail *tail) {
  bool more = true;
  while (more && !tail->ended) {
    struct context context = {.arena = tail->arena, .deadline_us = clock_monotonic_us() + CALL_US};
    struct status status = stream_reader_read(tail->reader, tail->redis, &context, &more);
    if (!status_is_ok(status)) return status;
    show_what_is_in_order(tail);
    more = more || stream_reader_held(tail->reader) > 0;
  }
  if (!tail->options->flush(tail->options->argument)) tail->ended = true;
  return status_ok();
}

static coroutine_fn struct status wait_for_more(struct event_tail *tail) {
  struct context context = {.arena = tail->arena, .deadline_us = clock_monotonic_us() + BLOCK_MS * 1000 + CALL_US};
  return stream_reader_wait(tail->reader, tail->redis, &context, BLOCK_MS);
}

static coroutine_fn struct status poll_once(struct event_tail *tail) {
  struct status status = catch_up(tail);
  if (!status_is_ok(status) || tail->ended) return status;
  return wait_for_more(tail);
}

static coroutine_fn struct status follow(struct event_tail *tail) {
  struct status status = connect_first(tail);
  if (status_is_ok(status)) status = find_beginning(tail);
  if (!status_is_ok(status)) return status;
  name_streams(tail);
  while (!tail->ended) {
    status = poll_once(tail);
    if (status_is_ok(status)) continue;
    if (is_refused(status) || !status_is_transient(status)) break;
    if (!tail->options->flush(tail->options->argument)) break;
    wait_for_redis(tail, status.message);
  }
  return tail->ended ? status_ok() : status;
}

static coroutine_fn void run(void *argument) {
  struct event_tail *tail = argument;
  tail->result = follow(tail);
  redis_close(tail->redis);
  loop_stop(tail->loop);
}

struct status event_tail(struct arena *arena, const struct event_tail_options *options) {
  static const struct loop_options loop_options = {.unwatched = true};
  struct event_tail tail = {
      .options = options, .arena = arena, .loop = loop_new(&loop_options), .reader = stream_reader_new()};
  const struct redis_options redis_options = {.url = options->redis_url,
                                              .password = options->redis_password,
                                              .sentinel_user = options->sentinel_user,
                                              .sentinel_password = options->sentinel_password,
                                              .tls = options->redis_tls,
                                              .key_prefix = options->key_prefix,
                                              .purpose = "events",
                                              .client_name = "ordershop-events",
                                              .quiet = true};
  tail.result = redis_open(tail.loop, arena, &redis_options, &tail.redis);
  if (status_is_ok(tail.result)) {
    loop_spawn(tail.loop, run, &tail);
    loop_run(tail.loop);
  }
  stream_reader_free(tail.reader);
  loop_free(tail.loop);
  return tail.result;
}
