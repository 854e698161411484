/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_client.h"

#include <stddef.h>

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
