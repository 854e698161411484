/* SPDX-License-Identifier: Apache-2.0 */
#include "store/replica_barrier.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis/redis_denial.h"
#include "redis/redis_function.h"
#include "redis/redis_reply.h"
#include "store/known_log.h"
#include "store/store_connections.h"

enum {
  WAIT_MS = 1000,
  DISKS_MS = 3000, /* a replica that syncs once a second (appendfsync everysec) tells up to two seconds later */
  INTERVAL_US = 1000 * 1000,
  CALL_US = 10 * 1000 * 1000, /* far more than all this: a connection counts as dead before */
};

struct replica_barrier {
  struct event_store *store;
  struct redis *redis;
  struct replica_barrier_options options;
  struct condition wanted_more, one_ended;
  uint64_t wanted, begun, ended; /* barriers, counted; at most one has begun and not ended */
  int64_t due_us;                /* of the next that nobody has asked for */
  bool stopping, has_stopped;

  uint64_t looked_at; /* redis_generation of the connection that `tells_disks` is of; 0 means none */
  bool tells_disks;

  /* Of the last one. */
  uint64_t era;
  struct arena *arena; /* of its status; NULL before the first */
  struct status status;
  char missing[160]; /* that there are too few replicas; "" means that there are enough, as far as is known */
};

/* ---- one barrier ------------------------------------------------------------------------------------------------ */

/* Once for each connection: the server may be another. */
static coroutine_fn struct status look_for_disks(struct replica_barrier *barrier, struct context *context) {
  uint64_t generation = redis_generation(barrier->redis);
  if (barrier->looked_at == generation) return status_ok();
  const struct redis_reply *reply;
  struct status status =
      redis_function_call(barrier->redis, context, barrier->store->library, "replicas_tell_disks", NULL, NULL, &reply);
  if (!status_is_ok(status)) return status;
  barrier->tells_disks = redis_reply_number(reply, 0) == 1;
  barrier->looked_at = generation;
  return status_ok();
}

static struct redis_pending *send_mark(struct replica_barrier *barrier, struct context *context) {
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  redis_add_text(&keys, redis_key(barrier->redis, context->arena, "%s_barrier", barrier->store->service));
  struct redis_arguments mark =
      redis_function_command(context->arena, barrier->store->library, "replicas_mark", &keys, NULL);
  return redis_send(barrier->redis, context, &mark);
}

static struct redis_pending *send_wait(struct replica_barrier *barrier, struct context *context) {
  struct redis_arguments wait = redis_arguments_of(context->arena, "WAIT");
  redis_add_number(&wait, barrier->options.replicas);
  redis_add_number(&wait, WAIT_MS);
  return redis_send(barrier->redis, context, &wait);
}

/* Its own disk doesn't matter: its answers come after its own sync, as configured. */
static struct redis_pending *send_wait_for_disks(struct replica_barrier *barrier, struct context *context) {
  struct redis_arguments wait = redis_arguments_of(context->arena, "WAITAOF");
  redis_add_number(&wait, 0);
  redis_add_number(&wait, barrier->options.replicas);
  redis_add_number(&wait, DISKS_MS);
  return redis_send(barrier->redis, context, &wait);
}

static struct redis_pending *send_info(struct replica_barrier *barrier, struct context *context) {
  struct redis_arguments info = redis_command_of(context->arena, "INFO", "server", "replication", NULL);
  return redis_send(barrier->redis, context, &info);
}

static void note_missing(struct replica_barrier *barrier, int64_t found, const char *where) {
  snprintf(barrier->missing, sizeof barrier->missing,
           "%" PRId64 " of %" PRId64 " replicas of Redis have what was written%s", found, barrier->options.replicas,
           where);
}

/* The log tells it once, and, where commands are refused, with the reason why the service is not ready. */
static void note_replicas(struct replica_barrier *barrier, int64_t found, const char *where) {
  bool were_missing = *barrier->missing, are_missing = found < barrier->options.replicas;
  if (are_missing) note_missing(barrier, found, where);
  if (!are_missing) barrier->missing[0] = '\0';
  if (were_missing == are_missing || !replica_barrier_lets_through(barrier)) return;
  if (are_missing) {
    log_event(LOG_WARN, "changes are answered that may be lost with redis' master", "reason", barrier->missing, NULL);
  } else {
    log_event(LOG_INFO, "replicas of redis have all changes again", NULL);
  }
}

static struct status missing(const struct replica_barrier *barrier, struct arena *arena) {
  return status_error(
      arena, STATUS_UNAVAILABLE, reason_replicas_missing,
      "%s: the change was made, and may be lost with Redis' master; the same request_id tells what became "
      "of it, once there are enough",
      barrier->missing);
}

static struct status another_server(struct arena *arena) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_redis_unreachable,
                      "what was changed may be in another Redis server than the present one");
}

/* What a WAIT has counted, and INFO behind it: only if the server still has the same data, it means something. */
static coroutine_fn struct status receive(struct replica_barrier *barrier, struct context *context,
                                          struct redis_pending *wait, struct redis_pending *info,
                                          const struct redis_reply **ret_counted) {
  const struct redis_reply *told = NULL;
  struct status status = redis_receive(wait, ret_counted), informed = redis_receive(info, &told);
  if (status_is_ok(status)) status = informed;
  if (!status_is_ok(status)) return status;
  const char *text = redis_reply_text(told);
  bool goes_on = redis_server_goes_on(barrier->store->server, text ? text : "");
  return goes_on ? status_ok() : another_server(context->arena);
}

static coroutine_fn struct status ask_memories(struct replica_barrier *barrier, struct context *context,
                                               int64_t *ret_found) {
  const struct redis_reply *counted = NULL;
  struct redis_pending *mark = send_mark(barrier, context), *wait = send_wait(barrier, context),
                       *info = send_info(barrier, context);
  struct status marked = redis_receive(mark, NULL), status = receive(barrier, context, wait, info, &counted);
  *ret_found = redis_reply_number(counted, 0);
  return status_is_ok(marked) ? status : marked;
}

/* A replica says what it has on its disk when it is asked, not when it has synced. So it is asked when it has the write
 * in its memory: then the sync is behind it. */
static coroutine_fn struct status ask_disks(struct replica_barrier *barrier, struct context *context,
                                            int64_t *ret_found) {
  const struct redis_reply *counted = NULL;
  struct redis_pending *wait = send_wait_for_disks(barrier, context), *info = send_info(barrier, context);
  struct status status = receive(barrier, context, wait, info, &counted);
  *ret_found = redis_reply_number(redis_reply_at(counted, 1), 0);
  return status;
}

static coroutine_fn struct status ask_once(struct replica_barrier *barrier, struct context *context) {
  int64_t found = 0;
  const char *where = "";
  struct status status = ask_memories(barrier, context, &found);
  if (status_is_ok(status) && barrier->tells_disks && found >= barrier->options.replicas) {
    where = " on their disks";
    status = ask_disks(barrier, context, &found);
  }
  if (!status_is_ok(status)) return status;
  note_replicas(barrier, found, where);
  return *barrier->missing && !replica_barrier_lets_through(barrier) ? missing(barrier, context->arena) : status_ok();
}

static coroutine_fn struct status ask(struct replica_barrier *barrier, struct context *context) {
  struct status status = look_for_disks(barrier, context);
  if (status_is_ok(status)) status = ask_once(barrier, context);
  if (!status_is(status, reason_redis_function_unknown)) return status;
  status = redis_library_load(barrier->redis, context, barrier->store->library);
  return status_is_ok(status) ? ask_once(barrier, context) : status;
}

/* ---- one after another ------------------------------------------------------------------------------------------ */

static void end(struct replica_barrier *barrier, struct arena *arena, struct status status) {
  arena_free(barrier->arena);
  barrier->arena = arena;
  barrier->status = status;
  barrier->ended = barrier->begun;
  condition_signal_all(&barrier->one_ended);
}

static coroutine_fn void carry_out(struct replica_barrier *barrier) {
  int64_t begin_us = clock_monotonic_us();
  struct context context = {.arena = arena_new(), .deadline_us = begin_us + CALL_US};
  barrier->begun++;
  barrier->era = context.redis_era = redis_server_era(barrier->store->server);
  known_log_asks_replicas(barrier->store->known);
  struct status status = ask(barrier, &context);
  bool same = barrier->era == redis_server_era(barrier->store->server);
  if (status_is_ok(status) && same && !*barrier->missing) known_log_is_on_replicas(barrier->store->known);
  bool found_few = *barrier->missing && (status_is_ok(status) || status_is(status, reason_replicas_missing));
  barrier->due_us = found_few ? begin_us : begin_us + INTERVAL_US; /* WAIT itself was the pause */
  end(barrier, context.arena, status);
}

/* The connection is closed. */
static void dismiss(struct replica_barrier *barrier) {
  struct arena *arena = arena_new();
  struct status status = status_error(arena, STATUS_UNAVAILABLE, reason_shutting_down, "the service is stopping");
  barrier->begun = barrier->wanted;
  end(barrier, arena, status);
}

static bool is_due(const struct replica_barrier *barrier) {
  return barrier->wanted > barrier->ended || clock_monotonic_us() >= barrier->due_us;
}

static coroutine_fn void run(void *argument) {
  struct replica_barrier *barrier = argument;
  while (!barrier->stopping) {
    if (!redis_is_ready(barrier->redis)) {
      if (barrier->wanted > barrier->ended) carry_out(barrier); /* they are told why not */
      (void)redis_wait_ready(barrier->redis, clock_monotonic_us() + INTERVAL_US);
    } else if (is_due(barrier)) {
      carry_out(barrier);
    } else {
      condition_wait(&barrier->wanted_more, barrier->due_us);
    }
  }
  dismiss(barrier);
  barrier->has_stopped = true;
  condition_signal_all(&barrier->one_ended);
}

/* ---- what others see -------------------------------------------------------------------------------------------- */

struct status replica_barrier_start(struct loop *loop, struct arena *arena, struct event_store *store,
                                    const struct redis_options *connection,
                                    const struct replica_barrier_options *options,
                                    struct replica_barrier **ret_barrier) {
  struct replica_barrier *barrier = arena_calloc(arena, 1, sizeof *barrier);
  struct redis_options own = *connection;
  own.purpose = "replicas";
  barrier->store = store;
  barrier->options = *options;
  struct status status = redis_open(loop, arena, &own, &barrier->redis);
  if (!status_is_ok(status)) return status;
  loop_spawn(loop, run, barrier);
  *ret_barrier = barrier;
  return status_ok();
}

coroutine_fn void replica_barrier_stop(struct replica_barrier *barrier) {
  if (!barrier) return;
  barrier->stopping = true;
  redis_close(barrier->redis);
  condition_signal_all(&barrier->wanted_more);
  while (!barrier->has_stopped) condition_wait(&barrier->one_ended, DEADLINE_NEVER);
  arena_free(barrier->arena);
}

bool replica_barrier_lets_through(const struct replica_barrier *barrier) {
  return !barrier || barrier->options.missing == REPLICAS_WARN;
}

const char *replica_barrier_reason(const struct replica_barrier *barrier) {
  return replica_barrier_lets_through(barrier) ? "" : barrier->missing;
}

const char *replica_barrier_warning(const struct replica_barrier *barrier) {
  return barrier && replica_barrier_lets_through(barrier) ? barrier->missing : "";
}

const char *replica_barrier_denial(const struct replica_barrier *barrier) {
  return barrier ? redis_denial(barrier->redis) : "";
}

struct status replica_barrier_admit(struct replica_barrier *barrier, struct context *context) {
  if (!barrier) return status_ok();
  if (*replica_barrier_reason(barrier)) {
    return status_error(context->arena, STATUS_UNAVAILABLE, reason_replicas_missing, "%s; nothing was done",
                        barrier->missing);
  }
  return redis_may_ask(barrier->redis, context);
}

static struct status late(struct arena *arena) {
  return status_error(arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                      "replicas of Redis have not had what was written within the deadline");
}

coroutine_fn struct status replica_barrier_pass(struct replica_barrier *barrier, struct context *context) {
  if (!barrier || *replica_barrier_warning(barrier)) return status_ok();
  uint64_t own = barrier->begun + 1; /* one that is under way may have begun before what is to be waited for */
  if (barrier->wanted < own) barrier->wanted = own;
  condition_signal_all(&barrier->wanted_more);
  while (barrier->ended < own) {
    bool in_time = condition_wait(&barrier->one_ended, context->deadline_us);
    if (!in_time && barrier->ended < own) return late(context->arena);
  }
  if (!status_is_ok(barrier->status)) return status_copy(barrier->status, context->arena);
  bool same = barrier->era == redis_server_era(barrier->store->server) &&
              (context->redis_era == 0 || context->redis_era == barrier->era);
  return same ? status_ok() : another_server(context->arena);
}
