/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_blocking_client.h"

#include <grpc/support/time.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "rpc/client_call.h"
#include "rpc/rpc_runtime.h"
#include "rpc/rpc_wire.h"

/* gRPC lets at most six threads pluck from one queue: each call takes a queue of its own for its time. */
struct resting_queue {
  grpc_completion_queue *grpc;
  struct resting_queue *next;
};

struct rpc_blocking_stream {
  struct rpc_blocking_channel *channel;
  struct client_call call;
  struct context context;
  struct resting_queue *queue; /* of its own while it lasts */
  bool reading;                /* a message has been asked for */
  bool ended;                  /* then `call.status` is what it has ended with */
};

struct rpc_blocking_channel {
  struct client_channel channel;
  pthread_mutex_t mutex;
  struct resting_queue *queues;
};

struct status rpc_blocking_channel_open(struct arena *arena, const char *target,
                                        const struct rpc_channel_options *options,
                                        struct rpc_blocking_channel **ret_channel) {
  struct rpc_blocking_channel *channel = memory_calloc(1, sizeof(*channel));
  rpc_library_acquire();
  struct status status = client_channel_open(arena, target, options, &channel->channel);
  if (!status_is_ok(status)) {
    rpc_library_release();
    free(channel);
    return status;
  }
  pthread_mutex_init(&channel->mutex, NULL);
  *ret_channel = channel;
  return status;
}

/* No call uses the queue: the end is all that comes out of it. */
static void queue_free(grpc_completion_queue *queue) {
  grpc_completion_queue_shutdown(queue);
  grpc_completion_queue_pluck(queue, NULL, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
  grpc_completion_queue_destroy(queue);
}

void rpc_blocking_channel_close(struct rpc_blocking_channel *channel) {
  if (!channel) return;
  client_channel_close(&channel->channel);
  while (channel->queues) {
    struct resting_queue *queue = channel->queues;
    channel->queues = queue->next;
    queue_free(queue->grpc);
    free(queue);
  }
  pthread_mutex_destroy(&channel->mutex);
  free(channel);
  rpc_library_release();
}

static struct resting_queue *queue_take(struct rpc_blocking_channel *channel) {
  pthread_mutex_lock(&channel->mutex);
  struct resting_queue *queue = channel->queues;
  if (queue) channel->queues = queue->next;
  pthread_mutex_unlock(&channel->mutex);
  if (queue) return queue;
  queue = memory_alloc(sizeof(*queue));
  queue->grpc = grpc_completion_queue_create_for_pluck(NULL);
  return queue;
}

static void queue_give(struct rpc_blocking_channel *channel, struct resting_queue *queue) {
  pthread_mutex_lock(&channel->mutex);
  queue->next = channel->queues;
  channel->queues = queue;
  pthread_mutex_unlock(&channel->mutex);
}

void rpc_blocking_channel_rest(struct rpc_blocking_channel *channel, int64_t duration_ms) {
  grpc_channel *grpc;
  struct channel_hold *hold = client_channel_take(&channel->channel, &grpc);
  gpr_timespec now = gpr_now(GPR_CLOCK_MONOTONIC);
  gpr_timespec end = gpr_time_add(now, gpr_time_from_millis(duration_ms, GPR_TIMESPAN));
  struct resting_queue *queue = queue_take(channel);
  while (gpr_time_cmp(gpr_now(GPR_CLOCK_MONOTONIC), end) < 0) {
    grpc_connectivity_state state = grpc_channel_check_connectivity_state(grpc, 1);
    grpc_channel_watch_connectivity_state(grpc, state, end, queue->grpc, &end);
    grpc_completion_queue_pluck(queue->grpc, &end, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
  }
  queue_give(channel, queue);
  client_channel_give(&channel->channel, hold);
}

struct rpc_reply rpc_blocking_call(struct rpc_blocking_channel *channel, struct context *context,
                                   const ProtobufCServiceDescriptor *service, const char *method, const void *request) {
  struct client_call call = {.channel = &channel->channel,
                             .context = context,
                             .service = service,
                             .request = request,
                             .wait_for_ready = channel->channel.options.wait_for_ready};
  if (!client_call_resolve(&call, method)) return client_call_reply(&call);
  struct resting_queue *queue = queue_take(channel);
  if (client_call_start(&call, queue->grpc, &call)) {
    grpc_completion_queue_pluck(queue->grpc, &call, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    client_call_finish(&call);
  }
  queue_give(channel, queue);
  return client_call_reply(&call);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

struct status rpc_blocking_stream_open(struct rpc_blocking_channel *channel, struct context *context,
                                       const ProtobufCServiceDescriptor *service, const char *method,
                                       const void *request, struct rpc_blocking_stream **ret_stream) {
  struct rpc_blocking_stream *stream = memory_calloc(1, sizeof(*stream));
  stream->channel = channel;
  stream->context = *context;
  stream->call = (struct client_call){.channel = &channel->channel,
                                      .context = &stream->context,
                                      .service = service,
                                      .request = request,
                                      .wait_for_ready = channel->channel.options.wait_for_ready,
                                      .streams = true};
  stream->queue = queue_take(channel);
  bool started = client_call_resolve(&stream->call, method) &&
                 client_call_start(&stream->call, stream->queue->grpc, &stream->call.sent);
  if (started) {
    *ret_stream = stream;
    return status_ok();
  }
  struct status status = stream->call.status;
  queue_give(channel, stream->queue);
  free(stream);
  return status;
}

/* Whether the tag has come by then. */
static bool await(struct rpc_blocking_stream *stream, void *tag, int64_t deadline_us) {
  return grpc_completion_queue_pluck(stream->queue->grpc, tag, rpc_wire_time(deadline_us), NULL).type ==
         GRPC_OP_COMPLETE;
}

/* What was sent has left, one way or the other, by the time that the status is there. */
static void end(struct rpc_blocking_stream *stream) {
  client_call_await_status(&stream->call, &stream->call.code);
  await(stream, &stream->call.code, DEADLINE_NEVER);
  await(stream, &stream->call.sent, DEADLINE_NEVER);
  client_call_finish(&stream->call);
  stream->ended = true;
}

struct status rpc_blocking_stream_read(struct rpc_blocking_stream *stream, struct arena *arena, int64_t deadline_us,
                                       const void **ret_message, bool *ret_ended) {
  *ret_message = NULL;
  *ret_ended = stream->ended;
  if (stream->ended) return stream->call.status;
  if (!stream->reading) client_call_read(&stream->call, &stream->call.received);
  stream->reading = !await(stream, &stream->call.received, deadline_us);
  if (stream->reading) return status_ok();
  if (stream->call.received) {
    *ret_message = client_call_take(&stream->call, arena);
    if (*ret_message) return status_ok();
    return status_error(arena, STATUS_INTERNAL, reason_reply_invalid, "%s sent what is no %s.",
                        stream->channel->channel.peer, stream->call.method->output->name);
  }
  end(stream);
  *ret_ended = true;
  return stream->call.status;
}

void rpc_blocking_stream_close(struct rpc_blocking_stream *stream) {
  if (!stream) return;
  if (!stream->ended) {
    grpc_call_cancel(stream->call.grpc, NULL);
    if (stream->reading) await(stream, &stream->call.received, DEADLINE_NEVER);
    end(stream);
  }
  queue_give(stream->channel, stream->queue);
  free(stream);
}
