/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_client.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "loop/coroutine.h"
#include "rpc/call_metrics.h"
#include "rpc/call_span.h"
#include "rpc/client_call.h"
#include "rpc/rpc_runtime.h"

enum { METHODS_MAX = 100 }; /* of a channel that are counted by name */

/* Calls of one method, as they are counted. */
struct counted_method {
  const char *service, *name;
  struct call_metrics metrics;
  struct counted_method *next;
};

struct rpc_channel {
  struct client_channel channel;
  struct rpc_runtime *runtime;
  struct arena *arena;
  struct counted_method *methods;
  size_t method_count;
};

/* A call, on the stack of the coroutine that waits for it. */
struct waiting_call {
  struct client_call call;
  struct rpc_arrival arrival;
  grpc_completion_queue *queue;
  struct coroutine *coroutine;
  bool over;
};

/* ---- counting --------------------------------------------------------------------------------------------------- */

/* A contract that was learnt from a peer may be gone later, so names are compared, and copied. */
static bool is_counted_as(const struct counted_method *counted, const struct client_call *call) {
  return strcmp(counted->name, call->method->name) == 0 && strcmp(counted->service, call->service->name) == 0;
}

static struct counted_method *counted_new(struct rpc_channel *channel, const struct client_call *call) {
  struct arena *arena = channel->arena;
  bool is_named = channel->method_count < METHODS_MAX;
  struct counted_method *counted = arena_calloc(arena, 1, sizeof *counted);
  counted->service = is_named ? arena_strdup(arena, call->service->name) : "other";
  counted->name = is_named ? arena_strdup(arena, call->method->name) : "other";
  counted->metrics =
      call_metrics_of(CALL_OF_CLIENT, call->streams ? "server_stream" : "unary", counted->service, counted->name);
  counted->next = channel->methods;
  channel->methods = counted;
  channel->method_count++;
  return counted;
}

/* Returns where the call is counted, which has a method. */
static const struct call_metrics *metrics_of(struct rpc_channel *channel, const struct client_call *call) {
  struct counted_method *counted = channel->methods;
  bool is_full = channel->method_count > METHODS_MAX; /* then the first one counts what has no name of its own */
  while (counted && !is_counted_as(counted, call)) counted = counted->next;
  if (counted) return &counted->metrics;
  return is_full ? &channel->methods->metrics : &counted_new(channel, call)->metrics;
}

static const struct call_metrics *count_start(struct rpc_channel *channel, const struct client_call *call) {
  const struct call_metrics *metrics = metrics_of(channel, call);
  (*metrics->started)++;
  return metrics;
}

static void count_end(const struct call_metrics *metrics, const struct client_call *call, int64_t began_us) {
  call_metrics_end(metrics, call->status.code, clock_monotonic_us() - began_us);
}

/* The peer's span is a child of this one. */
static struct span *begin_span(struct client_call *call) {
  const char *traceparent = call->context->traceparent;
  struct span *span =
      call_span_of_client(call->service, call->method->name, call->channel->peer, call->context->arena, &traceparent);
  if (span) call->traceparent = traceparent;
  return span;
}

static void end_span(struct span *span, const struct client_call *call) {
  call_span_end(span, call->status.code, call->status.message);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

struct status rpc_channel_open(struct loop *loop, struct arena *arena, const char *target,
                               const struct rpc_channel_options *options, struct rpc_channel **ret_channel) {
  struct rpc_channel *channel = arena_calloc(arena, 1, sizeof(*channel));
  channel->arena = arena;
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
  const struct call_metrics *metrics = count_start(channel, &waiting.call);
  int64_t began_us = clock_monotonic_us();
  struct span *span = begin_span(&waiting.call);
  coroutine_on_loop_stack(start_call, &waiting);
  while (!waiting.over) coroutine_yield();
  end_span(span, &waiting.call);
  count_end(metrics, &waiting.call, began_us);
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
  const struct call_metrics *metrics;
  struct span *span;
  int64_t began_us;
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
  end_span(stream->span, &stream->call);
  count_end(stream->metrics, &stream->call, stream->began_us);
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
  bool is_known = client_call_resolve(&stream->call, method);
  if (is_known) {
    stream->began_us = clock_monotonic_us();
    stream->metrics = count_start(channel, &stream->call);
    stream->span = begin_span(&stream->call);
    coroutine_on_loop_stack(start_stream, stream);
  }
  if (stream->sent.under_way) {
    *ret_stream = stream;
    return status_ok();
  }
  if (is_known) end_span(stream->span, &stream->call);
  if (is_known) count_end(stream->metrics, &stream->call, stream->began_us);
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
