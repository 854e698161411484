/* Unary calls, and calls of methods that nobody knows. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/label.h"
#include "rpc/rpc_wire.h"
#include "rpc/server_call.h"

/* One of the call's batches has completed; the last one ends its life. */
static void batch_completed(struct server_call *call) {
  if (call->cancelled) call->gone = true;
  if (--call->pending == 0) server_call_release(call);
}

static void unary_answered(struct rpc_arrival *arrival) {
  batch_completed(SERVER_CALL_OF(arrival, answered));
}

static void unary_closed(struct rpc_arrival *arrival) {
  batch_completed(SERVER_CALL_OF(arrival, closed));
}

static void unary_finish(void *argument) {
  struct server_call *call = argument;
  struct rpc_server *server = call->method->server;
  struct arena *arena = call->call.context.arena;
  server_call_answer(call, false);
  arena_free(arena);
  server_call_ended(server);
}

static struct status unary_handle(struct server_call *call) {
  const struct server_method *method = call->method;
  const struct rpc_server_options *options = &method->server->options;
  struct status status = status_ok();
  if (options->before && !method->service->exempt) status = options->before(&call->call, options->before_argument);
  if (!status_is_ok(status)) return status;
  status = method->method->handler(&call->call, call->input, &call->output);
  if (!status_is_ok(status) || call->output) return status;
  log_event(LOG_ERROR, "a handler says OK without a reply", "method", method->method->name, NULL);
  return status_error(call->call.context.arena, STATUS_INTERNAL, "NO_REPLY", "%s made no reply.", method->method->name);
}

static void unary_run(void *argument) {
  struct server_call *call = argument;
  label_set(&(struct label){.kind = "method", .name = call->method->method->name});
  call->status = unary_handle(call);
  coroutine_on_loop_stack(unary_finish, call);
}

static struct status unary_decode(struct server_call *call) {
  struct arena *arena = call->call.context.arena;
  if (!call->request)
    return status_error(arena, STATUS_INVALID_ARGUMENT, "REQUEST_MISSING", "The call has no request.");
  struct status status = rpc_wire_unpack_checked(arena, call->method->method->input, call->request, &call->input);
  grpc_byte_buffer_destroy(call->request);
  call->request = NULL;
  return status;
}

/* Decoding happens here, on the loop's own stack: messages nest, and a coroutine's stack is small. */
static void unary_start(struct server_call *call) {
  struct rpc_server *server = call->method->server;
  call->pending = 1;
  server_call_begin(call, clock_monotonic_us() + server->options.max_deadline_ms * 1000);
  call->status = unary_decode(call);
  if (!status_is_ok(call->status)) {
    unary_finish(call);
    return;
  }
  if (loop_spawn(server->loop, unary_run, call)) return;
  arena_free(call->call.context.arena);
  server_call_refuse(call, &server->overloaded);
  server_call_ended(server);
}

static void unary_arrived(struct rpc_arrival *arrival) {
  struct server_call *call = SERVER_CALL_OF(arrival, arrival);
  if (!arrival->ok) {
    server_call_release(call);
    return;
  }
  server_call_request(call->method);
  if (server_call_admit(call->method)) {
    unary_start(call);
  } else {
    server_call_refuse(call, &call->method->server->overloaded);
  }
}

void unary_call_set_up(struct server_call *call) {
  call->arrival.run = unary_arrived;
  call->answered.run = unary_answered;
  call->closed.run = unary_closed;
}

static void unknown_answer(struct server_call *call) {
  char text[256];
  const grpc_slice *path = &call->details.method;
  int length = snprintf(text, sizeof(text), "unknown method %.*s", (int)GRPC_SLICE_LENGTH(*path),
                        (const char *)GRPC_SLICE_START_PTR(*path));
  struct fixed_answer answer = call->method->server->unimplemented;
  answer.message = grpc_slice_from_copied_buffer(text, length < (int)sizeof(text) ? (size_t)length : sizeof(text) - 1);
  server_call_refuse(call, &answer);
  grpc_slice_unref(answer.message);
}

static void unknown_arrived(struct rpc_arrival *arrival) {
  struct server_call *call = SERVER_CALL_OF(arrival, arrival);
  if (!arrival->ok) {
    server_call_release(call);
    return;
  }
  server_call_request(call->method);
  unknown_answer(call);
}

void unknown_call_set_up(struct server_call *call) {
  call->arrival.run = unknown_arrived;
}
