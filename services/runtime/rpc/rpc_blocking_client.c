/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_blocking_client.h"

#include <grpc/support/time.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "rpc/client_call.h"
#include "rpc/rpc_runtime.h"

/* gRPC lets at most six threads pluck from one queue: each call takes a queue of its own for its time. */
struct resting_queue {
  grpc_completion_queue *grpc;
  struct resting_queue *next;
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
