/* SPDX-License-Identifier: Apache-2.0 */
/* Redis commands under way: sending, the line of due answers, and the watchdog over it. */
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "redis/redis_denial.h"
#include "redis/redis_private.h"
#include "redis/redis_protocol.h"
#include "redis/redis_reply_copy.h"
#include "redis/redis_server_private.h"

enum {
  OVERLOAD_RETRY_MS = 100,
  SECOND_LOOK_MS = 10,
  UNBLOCK_US = 5000000,
  MAX_PENDING_BYTES = 64 * 1024 * 1024, /* of unanswered commands, unless a single one is bigger */
};

/* A command's fate, in its context's arena. */
struct redis_pending {
  struct context *context;
  const char *name;            /* of the command */
  struct redis_ticket *ticket; /* NULL means not sent, or answered */
  struct coroutine *waiter;    /* NULL means not waiting for this one */
  struct status status;        /* once answered */
  const struct redis_reply *reply;
  bool answered;
};

static struct redis_ticket *ticket_push(struct redis *redis) {
  struct redis_ticket *ticket = redis->spare;
  if (ticket) {
    redis->spare = ticket->next;
  } else {
    ticket = arena_alloc(redis->arena, sizeof *ticket);
  }
  ticket->next = NULL;
  if (redis->last) {
    redis->last->next = ticket;
  } else {
    redis->first = ticket;
  }
  redis->last = ticket;
  redis->pending++;
  (*redis->connection.metrics.pending)++;
  return ticket;
}

/* Takes the oldest off and returns whose it was. */
static struct redis_pending *ticket_pop(struct redis *redis) {
  struct redis_ticket *ticket = redis->first;
  redis->first = ticket->next;
  if (!redis->first) redis->last = NULL;
  redis->pending--;
  (*redis->connection.metrics.pending)--;
  redis->pending_bytes -= ticket->size;
  ticket->next = redis->spare;
  redis->spare = ticket;
  return ticket->pending;
}

struct status redis_refusal(struct redis *redis, struct arena *arena, const char *command, const char *error) {
  struct status status = redis_error_status(arena, error);
  (*redis->connection.metrics.error_replies)++;
  if (status_is(status, reason_redis_out_of_memory)) (*redis->connection.metrics.out_of_memory)++;
  if (status.code == STATUS_INTERNAL) {
    log_event(LOG_ERROR, "redis refuses a command", "command", command, "error", error, NULL);
  }
  if (status_is(status, reason_redis_noperm)) redis_denial_note(redis, command, error);
  return status;
}

static struct status broken(const struct redis *redis, struct arena *arena) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_redis_unreachable,
                      "the connection to Redis broke, the command may have been executed: %s",
                      redis->connection.reason);
}

static void answer(struct redis *redis, struct redis_pending *pending, const redisReply *reply) {
  if (!reply) {
    pending->status = broken(redis, pending->context->arena);
  } else if (reply->type == REDIS_REPLY_ERROR) {
    pending->status = redis_refusal(redis, pending->context->arena, pending->name, reply->str);
  } else {
    pending->reply = redis_reply_copy(pending->context->arena, reply);
  }
  pending->ticket = NULL;
  pending->answered = true;
  if (reply && reply->type == REDIS_REPLY_ERROR) redis_server_heard(redis, reply->str);
  if (pending->waiter) coroutine_wake(pending->waiter);
}

/* The time is that of the latest read, so that the clock is asked once for all answers that have come by it. */
static void measure(const struct redis *redis) {
  if (redis->first->extra_ms > 0) return;
  int64_t us = redis_socket_last_read_us(redis->connection.socket) - redis->first->sent_us;
  metric_observe(redis->connection.metrics.seconds, us > 0 ? us : 0);
}

/* Answers come in the order of the commands; they are NULL when the socket closes. */
static void on_answer(void *owner, const redisReply *reply) {
  struct redis *redis = owner;
  if (!reply) redis_connection_note(&redis->connection, redis_socket_reason(redis->connection.socket));
  if (reply) measure(redis);
  struct redis_pending *pending = ticket_pop(redis);
  if (pending) answer(redis, pending, reply);
}

/* When the link counts as dead, unless bytes come before. */
static int64_t silence_ends_us(const struct redis *redis) {
  int64_t since_us = redis_socket_last_read_us(redis->connection.socket);
  if (since_us < redis->first->sent_us) since_us = redis->first->sent_us;
  return since_us + (redis->reply_timeout_ms + redis->first->extra_ms) * 1000;
}

/* One timer for all commands: it is not moved with each of them but looks, when it fires, how long it still has. */
static void on_watchdog(uv_timer_t *timer) {
  struct redis *redis = timer->data;
  if (!redis->first || !redis->connection.socket) return;
  int64_t left_us = silence_ends_us(redis) - clock_monotonic_us();
  if (left_us > 0) {
    redis->suspected = false;
    uv_timer_start(timer, on_watchdog, (uint64_t)left_us / 1000 + 1, 0);
    return;
  }
  if (!redis->suspected) {
    /* This process itself may have stood still, with the answers waiting in the socket: read first. */
    redis->suspected = true;
    uv_timer_start(timer, on_watchdog, SECOND_LOOK_MS, 0);
    return;
  }
  redis->suspected = false;
  redis_connection_fail(&redis->connection, "the server does not answer");
}

static void watch(struct redis *redis) {
  if (uv_is_active((const uv_handle_t *)&redis->watchdog)) return;
  redis->suspected = false;
  uv_timer_start(&redis->watchdog, on_watchdog, (uint64_t)redis->reply_timeout_ms, 0);
}

static bool is_full(const struct redis *redis, size_t size) {
  if (redis->pending >= redis->max_pending) return true;
  return redis->pending > 0 && redis->pending_bytes + size > MAX_PENDING_BYTES;
}

/* A context stays in the era of its first command. */
static bool is_of_this_era(const struct redis *redis, struct context *context) {
  if (!redis->server) return true;
  uint64_t era = redis_server_era(redis->server);
  if (context->redis_era == 0) context->redis_era = era;
  return context->redis_era == era;
}

struct status redis_may_ask(const struct redis *redis, struct context *context) {
  if (redis->connection.state != REDIS_CONNECTION_READY) return redis_unreachable(redis, context->arena);
  if (!is_of_this_era(redis, context)) {
    return status_error(context->arena, STATUS_UNAVAILABLE, reason_redis_unreachable,
                        "what was read so far may be of another Redis server than the present one");
  }
  if (clock_monotonic_us() < context->deadline_us) return status_ok();
  return status_error(context->arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                      "the deadline was over before Redis was asked");
}

/* Returns OK, or why the command is not sent. */
static struct status may_send(const struct redis *redis, struct context *context, size_t size) {
  struct status asking = redis_may_ask(redis, context);
  if (!status_is_ok(asking) || !is_full(redis, size)) return asking;
  struct status status = status_error(context->arena, STATUS_RESOURCE_EXHAUSTED, reason_overloaded,
                                      "too many commands wait for Redis (%s)", redis->connection.purpose);
  return status_with_retry(status, context->arena, OVERLOAD_RETRY_MS);
}

static struct redis_pending *refused(struct redis_pending *pending, struct status status) {
  pending->status = status;
  pending->answered = true;
  return pending;
}

static struct redis_pending *send_command(struct redis *redis, struct context *context,
                                          const struct redis_arguments *arguments, int64_t extra_ms) {
  struct redis_pending *pending = arena_calloc(context->arena, 1, sizeof *pending);
  pending->context = context;
  pending->name = arguments->values[0];

  size_t size = redis_protocol_size(arguments);
  struct status status = may_send(redis, context, size);
  if (!status_is_ok(status)) return refused(pending, status);
  if (!redis_socket_send(redis->connection.socket, arguments, on_answer, redis)) {
    return refused(pending, redis_unreachable(redis, context->arena));
  }

  struct redis_ticket *ticket = ticket_push(redis);
  ticket->pending = pending;
  ticket->sent_us = clock_monotonic_us();
  ticket->extra_ms = extra_ms;
  ticket->size = size;
  redis->pending_bytes += size;
  redis->has_spoken = true;
  (*redis->connection.metrics.commands)++;
  pending->ticket = ticket;
  watch(redis);
  return pending;
}

struct redis_pending *redis_send(struct redis *redis, struct context *context,
                                 const struct redis_arguments *arguments) {
  return send_command(redis, context, arguments, 0);
}

bool redis_is_sent(const struct redis_pending *pending) {
  return pending->ticket != NULL;
}

/* The answer, when it comes, is dropped; its place in the line stays. */
static struct status give_up(struct redis_pending *pending) {
  pending->ticket->pending = NULL;
  pending->ticket = NULL;
  pending->answered = true;
  pending->status = status_error(pending->context->arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                                 "Redis has not answered within the deadline");
  return pending->status;
}

coroutine_fn struct status redis_receive(struct redis_pending *pending, const struct redis_reply **ret_reply) {
  while (!pending->answered) {
    pending->waiter = coroutine_self();
    bool in_time = coroutine_yield_until(pending->context->deadline_us);
    pending->waiter = NULL;
    if (!in_time && !pending->answered) return give_up(pending);
  }
  if (status_is_ok(pending->status) && ret_reply) *ret_reply = pending->reply;
  return pending->status;
}

coroutine_fn struct status redis_command(struct redis *redis, struct context *context,
                                         const struct redis_arguments *arguments,
                                         const struct redis_reply **ret_reply) {
  return redis_receive(send_command(redis, context, arguments, 0), ret_reply);
}

coroutine_fn struct status redis_command_blocking(struct redis *redis, struct context *context,
                                                  const struct redis_arguments *arguments, int64_t extra_ms,
                                                  const struct redis_reply **ret_reply) {
  return redis_receive(send_command(redis, context, arguments, extra_ms), ret_reply);
}

coroutine_fn void redis_unblock(struct redis *redis, int64_t client) {
  if (!redis_is_ready(redis)) return;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + UNBLOCK_US};
  struct redis_arguments command = redis_command_of(context.arena, "CLIENT", "UNBLOCK", NULL);
  redis_add_number(&command, client);
  (void)redis_command(redis, &context, &command, NULL);
  arena_free(context.arena);
}
