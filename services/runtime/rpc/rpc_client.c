/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_client.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"
#include "loop/coroutine.h"
#include "rpc/client_call.h"
#include "rpc/rpc_runtime.h"

struct rpc_channel {
  struct client_channel channel;
  struct rpc_runtime *runtime;
};

/* A call, on the stack of the coroutine that waits for it. */
struct waiting_call {
  struct client_call call;
  struct rpc_arrival arrival;
  grpc_completion_queue *queue;
  struct coroutine *coroutine;
  bool over;
};

struct status rpc_channel_open(struct loop *loop, struct arena *arena, const char *target,
                               const struct rpc_channel_options *options, struct rpc_channel **ret_channel) {
  struct rpc_channel *channel = arena_calloc(arena, 1, sizeof(*channel));
  channel->runtime = rpc_runtime_acquire(loop);
  struct status status = client_channel_open(arena, target, options, &channel->channel);
  if (!status_is_ok(status)) {
    rpc_runtime_release(channel->runtime);
    return status;
  }
  *ret_channel = channel;
  return status;
}

static void close_channel(void *argument) {
  struct rpc_channel *channel = argument;
  client_channel_close(&channel->channel);
  rpc_runtime_release(channel->runtime);
}

void rpc_channel_close(struct rpc_channel *channel) {
  if (channel) coroutine_on_loop_stack(close_channel, channel);
}

static void call_over(struct rpc_arrival *arrival) {
  struct waiting_call *waiting = (struct waiting_call *)((char *)arrival - offsetof(struct waiting_call, arrival));
  client_call_finish(&waiting->call);
  waiting->over = true;
  coroutine_wake(waiting->coroutine);
}

static void start_call(void *argument) {
  struct waiting_call *waiting = argument;
  waiting->over = !client_call_start(&waiting->call, waiting->queue, &waiting->arrival);
}

coroutine_fn struct rpc_reply rpc_client_call(struct rpc_channel *channel, struct context *context,
                                              const ProtobufCServiceDescriptor *service, const char *method,
                                              const void *request) {
  struct waiting_call waiting = {
      .call = {.channel = &channel->channel, .context = context, .service = service, .request = request},
      .arrival.run = call_over,
      .queue = rpc_runtime_queue(channel->runtime),
      .coroutine = coroutine_self(),
  };
  if (!client_call_resolve(&waiting.call, method)) return client_call_reply(&waiting.call);
  coroutine_on_loop_stack(start_call, &waiting);
  while (!waiting.over) coroutine_yield();
  return client_call_reply(&waiting.call);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

/* What gRPC has been asked for, and whether it has come. */
struct pending {
  struct rpc_arrival arrival; /* first: gRPC's tag */
  struct rpc_client_stream *stream;
  bool under_way;
};

struct rpc_client_stream {
  struct client_call call;
  struct context context;
  struct coroutine *coroutine;
  struct pending sent, received, status;
  bool reading, ended;
  struct arena *arena; /* of the message that is being decoded */
  const void *message;
};

static void arrive(struct rpc_arrival *arrival) {
  struct pending *pending = (struct pending *)arrival;
  pending->under_way = false;
  coroutine_wake(pending->stream->coroutine);
}

static void *begin(struct pending *pending, struct rpc_client_stream *stream) {
  *pending = (struct pending){.arrival.run = arrive, .stream = stream, .under_way = true};
  return &pending->arrival;
}

static void start_stream(void *argument) {
  struct rpc_client_stream *stream = argument;
  struct rpc_channel *channel = (struct rpc_channel *)stream->call.channel; /* its first member */
  stream->sent.under_way =
      client_call_start(&stream->call, rpc_runtime_queue(channel->runtime), begin(&stream->sent, stream));
}

static void start_reading(void *argument) {
  struct rpc_client_stream *stream = argument;
  client_call_read(&stream->call, begin(&stream->received, stream));
}

static void take_message(void *argument) {
  struct rpc_client_stream *stream = argument;
  stream->message = client_call_take(&stream->call, stream->arena);
}

static void await_status(void *argument) {
  struct rpc_client_stream *stream = argument;
  client_call_await_status(&stream->call, begin(&stream->status, stream));
}

static void cancel(void *argument) {
  grpc_call_cancel(((struct rpc_client_stream *)argument)->call.grpc, NULL);
}

static void finish(void *argument) {
  client_call_finish(&((struct rpc_client_stream *)argument)->call);
}

/* All that gRPC has been asked for has come by the time that the status is there, or comes at once. */
static coroutine_fn void end_stream(struct rpc_client_stream *stream) {
  coroutine_on_loop_stack(await_status, stream);
  while (stream->sent.under_way || stream->received.under_way || stream->status.under_way) coroutine_yield();
  coroutine_on_loop_stack(finish, stream);
  stream->ended = true;
}

struct status rpc_client_stream_open(struct rpc_channel *channel, struct context *context,
                                     const ProtobufCServiceDescriptor *service, const char *method, const void *request,
                                     struct rpc_client_stream **ret_stream) {
  struct rpc_client_stream *stream = memory_calloc(1, sizeof(*stream));
  stream->context = *context;
  stream->coroutine = coroutine_self();
  stream->call = (struct client_call){.channel = &channel->channel,
                                      .context = &stream->context,
                                      .service = service,
                                      .request = request,
                                      .streams = true};
  if (client_call_resolve(&stream->call, method)) coroutine_on_loop_stack(start_stream, stream);
  if (stream->sent.under_way) {
    *ret_stream = stream;
    return status_ok();
  }
  struct status status = stream->call.status;
  free(stream);
  return status;
}

coroutine_fn struct status rpc_client_stream_read(struct rpc_client_stream *stream, struct arena *arena,
                                                  int64_t deadline_us, const void **ret_message, bool *ret_ended) {
  *ret_message = NULL;
  *ret_ended = stream->ended;
  if (stream->ended) return stream->call.status;
  if (!stream->reading) coroutine_on_loop_stack(start_reading, stream);
  stream->reading = true;
  if (stream->received.under_way) coroutine_yield_until(deadline_us);
  if (stream->received.under_way) return status_ok();
  stream->reading = false;
  if (!stream->call.received) {
    end_stream(stream);
    *ret_ended = true;
    return stream->call.status;
  }
  stream->arena = arena;
  coroutine_on_loop_stack(take_message, stream);
  *ret_message = stream->message;
  if (stream->message) return status_ok();
  return status_error(arena, STATUS_INTERNAL, reason_reply_invalid, "%s sent what is no %s.",
                      stream->call.channel->peer, stream->call.method->output->name);
}

coroutine_fn void rpc_client_stream_close(struct rpc_client_stream *stream) {
  if (!stream) return;
  if (!stream->ended) {
    coroutine_on_loop_stack(cancel, stream);
    end_stream(stream);
  }
  free(stream);
}
