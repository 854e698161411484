/* SPDX-License-Identifier: Apache-2.0 */
/* Streaming calls: each is a coroutine; every completion wakes it. They may be idle for as long as they like, and so
 * have bounds of their own: for the server, for a client's address, for a connection. */
#include <grpc/support/alloc.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/label.h"
#include "rpc/rpc_wire.h"
#include "rpc/server_call.h"

#define STREAM_OF(arrival, member) ((struct rpc_stream *)((char *)(arrival)-offsetof(struct rpc_stream, member)))

enum {
  STREAMS_MAX = 1000,
  STREAMS_PER_ADDRESS = 500,
  STREAMS_PER_CONNECTION = 16,
  TOLD_US = 60 * 1000 * 1000, /* one line a minute says that they are refused */
};

/* Lives in the call's arena; loop only. */
struct rpc_stream {
  struct server_call *call;
  const char *peer;            /* the connection: gRPC's name of its other end, "ipv4:127.0.0.1:40000" */
  struct coroutine *coroutine; /* NULL until it runs */
  struct rpc_arrival read, written;
  grpc_byte_buffer *incoming;
  grpc_byte_buffer *outgoing;
  bool reading, writing; /* a batch of that kind has not completed */
  bool headers_sent;
  bool answered, closed;
  struct arena *arena;         /* of the message that was read last */
  struct condition *condition; /* that the coroutine waits for in rpc_stream_wait */
  const void *message;         /* arguments and results of what runs on the loop's stack */
  struct status status;
  struct rpc_stream *next, **link; /* in rpc_server.streams */
};

static bool stream_over(const struct rpc_stream *stream) {
  return rpc_call_cancelled(&stream->call->call);
}

static void stream_wake(struct rpc_stream *stream) {
  if (stream->coroutine) coroutine_wake(stream->coroutine);
}

/* Ends all waits of a stream that is over. */
static void stream_interrupt(struct rpc_stream *stream) {
  if (stream->condition) condition_signal_all(stream->condition);
  stream_wake(stream);
}

static void stream_link(struct rpc_stream *stream) {
  struct rpc_stream **first = &stream->call->method->server->streams;
  stream->call->method->server->stream_count++;
  stream->next = *first;
  stream->link = first;
  if (*first) (*first)->link = &stream->next;
  *first = stream;
}

static void stream_unlink(struct rpc_stream *stream) {
  stream->call->method->server->stream_count--;
  *stream->link = stream->next;
  if (stream->next) stream->next->link = stream->link;
}

void stream_calls_end(struct rpc_server *server) {
  for (struct rpc_stream *stream = server->streams; stream; stream = stream->next) stream_interrupt(stream);
}

static void stream_read_done(struct rpc_arrival *arrival) {
  struct rpc_stream *stream = STREAM_OF(arrival, read);
  stream->reading = false;
  stream_wake(stream);
}

static void stream_written(struct rpc_arrival *arrival) {
  struct rpc_stream *stream = STREAM_OF(arrival, written);
  stream->writing = false;
  stream_wake(stream);
}

static void stream_answered(struct rpc_arrival *arrival) {
  struct rpc_stream *stream = SERVER_CALL_OF(arrival, answered)->stream;
  stream->answered = true;
  stream_wake(stream);
}

static void stream_closed(struct rpc_arrival *arrival) {
  struct server_call *call = SERVER_CALL_OF(arrival, closed);
  call->stream->closed = true;
  if (call->cancelled) call->gone = true;
  stream_interrupt(call->stream);
}

struct status rpc_stream_end(struct rpc_stream *stream) {
  struct arena *arena = stream->call->call.context.arena;
  if (stream->call->gone) {
    return status_error(arena, STATUS_CANCELLED, reason_cancelled, "The caller has gone away.");
  }
  return status_error(arena, STATUS_UNAVAILABLE, reason_shutting_down, "The server is shutting down.");
}

static void start_read(void *argument) {
  struct rpc_stream *stream = argument;
  grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
  op.data.recv_message.recv_message = &stream->incoming;
  stream->reading = true;
  server_call_start_batch(stream->call, &op, 1, &stream->read);
}

static void decode(void *argument) {
  struct rpc_stream *stream = argument;
  arena_reset(stream->arena);
  stream->status = rpc_wire_unpack_checked(stream->arena, stream->call->method->signature->input, stream->incoming,
                                           &stream->message);
  grpc_byte_buffer_destroy(stream->incoming);
  stream->incoming = NULL;
}

coroutine_fn struct status rpc_stream_read(struct rpc_stream *stream, const void **ret_message) {
  if (!stream->reading) coroutine_on_loop_stack(start_read, stream);
  while (stream->reading && !stream_over(stream)) coroutine_yield();
  if (stream->reading) return rpc_stream_end(stream);
  if (!stream->incoming && stream->call->gone) return rpc_stream_end(stream);
  if (!stream->incoming) {
    *ret_message = NULL;
    return status_ok();
  }
  coroutine_on_loop_stack(decode, stream);
  if (status_is_ok(stream->status)) *ret_message = stream->message;
  return status_copy(stream->status, stream->call->call.context.arena);
}

static void start_write(void *argument) {
  struct rpc_stream *stream = argument;
  grpc_op ops[2] = {{.op = GRPC_OP_SEND_MESSAGE}, {.op = GRPC_OP_SEND_INITIAL_METADATA}};
  stream->outgoing = rpc_wire_pack(stream->message);
  ops[0].data.send_message.send_message = stream->outgoing;
  size_t count = stream->headers_sent ? 1 : 2;
  stream->headers_sent = true;
  stream->writing = true;
  server_call_start_batch(stream->call, ops, count, &stream->written);
}

static void end_write(void *argument) {
  struct rpc_stream *stream = argument;
  grpc_byte_buffer_destroy(stream->outgoing);
}

static void cut(void *argument) {
  struct rpc_stream *stream = argument;
  grpc_call_cancel_with_status(stream->call->grpc, (grpc_status_code)stream->status.code, stream->status.message, NULL);
}

coroutine_fn struct status rpc_stream_write_until(struct rpc_stream *stream, const void *message, int64_t deadline_us,
                                                  struct status late) {
  if (stream->call->gone) return rpc_stream_end(stream);
  stream->message = message;
  coroutine_on_loop_stack(start_write, stream);
  while (stream->writing && clock_monotonic_us() < deadline_us) coroutine_yield_until(deadline_us);
  bool is_late = stream->writing;
  if (is_late) {
    stream->status = late;
    coroutine_on_loop_stack(cut, stream);
    while (stream->writing) coroutine_yield();
  }
  coroutine_on_loop_stack(end_write, stream);
  if (is_late) return late;
  if (stream->written.ok) return status_ok();
  return status_error(stream->call->call.context.arena, STATUS_CANCELLED, reason_cancelled,
                      "The caller has gone away.");
}

coroutine_fn struct status rpc_stream_write(struct rpc_stream *stream, const void *message) {
  return rpc_stream_write_until(stream, message, DEADLINE_NEVER, status_ok());
}

coroutine_fn bool rpc_stream_wait(struct rpc_stream *stream, struct condition *condition, int64_t deadline_us) {
  if (stream_over(stream)) return true;
  stream->condition = condition;
  condition_wait(condition, deadline_us);
  stream->condition = NULL;
  return stream_over(stream);
}

static void stream_answer(void *argument) {
  struct rpc_stream *stream = argument;
  server_call_answer(stream->call, stream->headers_sent);
}

static void stream_release(void *argument) {
  struct rpc_stream *stream = argument;
  struct server_call *call = stream->call;
  struct arena *arena = call->call.context.arena;
  if (stream->incoming) grpc_byte_buffer_destroy(stream->incoming);
  arena_free(stream->arena);
  server_call_release(call);
  arena_free(arena);
}

/* Ends when gRPC has nothing left to say about the call: its completions need the stream. */
static coroutine_fn void stream_run(void *argument) {
  struct rpc_stream *stream = argument;
  struct rpc_server *server = stream->call->method->server;
  stream->coroutine = coroutine_self();
  server_call_label(stream->call);
  stream->call->status = stream->call->method->method->stream_handler(&stream->call->call, stream);
  coroutine_on_loop_stack(stream_answer, stream);
  while (!stream->answered || !stream->closed || stream->reading) coroutine_yield();
  stream_unlink(stream);
  label_set(NULL); /* its texts end with the call */
  coroutine_on_loop_stack(stream_release, stream);
  server_call_ended(server);
}

/* Returns whether both are the same up to the port. */
static bool same_address(const char *one, const char *other) {
  const char *end = strrchr(one, ':'), *other_end = strrchr(other, ':');
  if (!end || !other_end || end - one != other_end - other) return false;
  return memcmp(one, other, (size_t)(end - one)) == 0;
}

static bool has_place(const struct rpc_server *server, const char *peer) {
  size_t of_connection = 0, of_address = 0;
  for (const struct rpc_stream *stream = server->streams; stream; stream = stream->next) {
    if (strcmp(stream->peer, peer) == 0) of_connection++;
    if (same_address(stream->peer, peer)) of_address++;
  }
  return server->stream_count < STREAMS_MAX && of_address < STREAMS_PER_ADDRESS &&
         of_connection < STREAMS_PER_CONNECTION;
}

static void stream_refuse(struct server_call *call, const char *peer) {
  struct rpc_server *server = call->method->server;
  int64_t now_us = clock_monotonic_us();
  if (server->streams_refused_us == 0 || now_us - server->streams_refused_us > TOLD_US) {
    log_event(LOG_WARN, "streams are refused: there are too many", "client", peer, "streams",
              log_number((int64_t)server->stream_count), NULL);
    server->streams_refused_us = now_us;
  }
  server_call_refuse(call, &server->crowded);
}

static struct rpc_stream *stream_new(struct server_call *call, const char *peer) {
  struct arena *arena = call->call.context.arena;
  struct rpc_stream *stream = arena_calloc(arena, 1, sizeof(*stream));
  stream->call = call;
  stream->peer = arena_strdup(arena, peer);
  stream->arena = arena_new();
  stream->read.run = stream_read_done;
  stream->written.run = stream_written;
  return stream;
}

static void stream_start(struct server_call *call, const char *peer) {
  struct rpc_server *server = call->method->server;
  server->calls++;
  server_call_begin(call, DEADLINE_NEVER);
  call->stream = stream_new(call, peer);
  if (loop_spawn(server->loop, stream_run, call->stream)) {
    stream_link(call->stream);
    server_call_watch_close(call);
    return;
  }
  arena_free(call->stream->arena);
  arena_free(call->call.context.arena);
  server_call_refuse_overloaded(call);
  server_call_ended(server);
}

static void stream_arrived(struct rpc_arrival *arrival) {
  struct server_call *call = SERVER_CALL_OF(arrival, arrival);
  if (!arrival->ok) {
    server_call_release(call);
    return;
  }
  server_call_arrived(call);
  char *peer = grpc_call_get_peer(call->grpc);
  if (has_place(call->method->server, peer)) {
    stream_start(call, peer);
  } else {
    stream_refuse(call, peer);
  }
  gpr_free(peer);
}

void stream_call_set_up(struct server_call *call) {
  call->arrival.run = stream_arrived;
  call->answered.run = stream_answered;
  call->closed.run = stream_closed;
}
