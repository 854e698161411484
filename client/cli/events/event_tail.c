/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/event_tail.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/cli/events/event_tail_parts.h"

enum { BLOCK_MS = 1000, AWAY_US = 1000000 };

/* ---- the beginning ---------------------------------------------------------------------------------------------- */

static struct status connect_first(struct event_tail *tail) {
  int64_t deadline_us = clock_monotonic_us() + tail->options->connect_ms * 1000;
  if (status_is_ok(redis_wait_ready(tail->redis, deadline_us))) return status_ok();
  return status_error(tail->arena, STATUS_UNAVAILABLE, "REDIS_UNREACHABLE", "%s", redis_reason(tail->redis));
}

/* The log's clock is "<last id> <epoch>". Without one nothing has happened yet, and Redis' time is before all of it. */
static struct status find_beginning(struct event_tail *tail) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + TAIL_CALL_US};
  struct arena *arena = context.arena;
  const char *key = redis_key(tail->redis, arena, "ordershop_clock");
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

/* ---- the course ------------------------------------------------------------------------------------------------- */

/* Cured by the operator, not by waiting. */
static bool is_refused(struct status status) {
  static const char *const reasons[] = {"REDIS_NOPERM", "REDIS_NOAUTH", "REDIS_WRONGPASS"};
  for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
    if (strcmp(status_reason(status), reasons[i]) == 0) return true;
  }
  return false;
}

/* Says once that Redis is away, and once that it is back. */
static void wait_for_redis(struct event_tail *tail, const char *reason) {
  const struct event_tail_options *options = tail->options;
  options->tell(options->argument, arena_printf(tail->arena, "Redis is away (%s); waiting until it is back", reason));
  coroutine_sleep(AWAY_US / 10, DEADLINE_NEVER);
  while (!status_is_ok(redis_wait_ready(tail->redis, clock_monotonic_us() + AWAY_US))) continue;
  options->tell(options->argument, "Redis is back");
}

/* Until everything that is there has been shown. */
static struct status catch_up(struct event_tail *tail) {
  bool more = true;
  while (more && !tail->ended) {
    struct status status = tail_read(tail, &more);
    if (!status_is_ok(status)) return status;
  }
  if (!tail->options->flush(tail->options->argument)) tail->ended = true;
  return status_ok();
}

static struct status take_turn(struct event_tail *tail) {
  bool searching = tail->scanned_us == 0 && tail->options->stream_count == 0;
  struct status status = status_ok();
  if (tail_scan_is_due(tail)) status = tail_scan_step(tail);
  if (status_is_ok(status) && (!searching || tail->scanned_us)) status = catch_up(tail);
  if (!status_is_ok(status) || tail->ended || tail_scan_is_due(tail)) return status;
  if (!tail->options->follow) {
    tail->ended = true;
    return status_ok();
  }
  return tail_block(tail, BLOCK_MS);
}

static struct status follow(struct event_tail *tail) {
  struct status status = connect_first(tail);
  if (status_is_ok(status)) status = find_beginning(tail);
  if (!status_is_ok(status)) return status;
  tail_name_streams(tail);
  while (!tail->ended) {
    status = take_turn(tail);
    if (status_is_ok(status)) continue;
    if (is_refused(status) || !status_is_transient(status)) break;
    if (!tail->options->flush(tail->options->argument)) break;
    wait_for_redis(tail, status.message);
  }
  tail_read_end(tail);
  return tail->ended ? status_ok() : status;
}

static void run(void *argument) {
  struct event_tail *tail = argument;
  tail->result = follow(tail);
  redis_close(tail->redis);
  loop_stop(tail->loop);
}

struct status event_tail(struct arena *arena, const struct event_tail_options *options) {
  static const struct loop_options loop_options = {.unwatched = true};
  struct event_tail tail = {.options = options, .arena = arena, .loop = loop_new(&loop_options)};
  const struct redis_options redis_options = {.url = options->redis_url,
                                              .password = options->redis_password,
                                              .key_prefix = options->key_prefix,
                                              .purpose = "events",
                                              .client_name = "ordershop-events",
                                              .quiet = true};
  tail.result = redis_open(tail.loop, arena, &redis_options, &tail.redis);
  if (status_is_ok(tail.result)) {
    loop_spawn(tail.loop, run, &tail);
    loop_run(tail.loop);
  }
  loop_free(tail.loop);
  return tail.result;
}
