/* SPDX-License-Identifier: Apache-2.0 */
/* Unary calls, and calls of unknown methods. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/label.h"
#include "rpc/rpc_wire.h"
#include "rpc/server_call.h"

static void unary_answered(struct rpc_arrival *arrival) {
  server_call_completed(SERVER_CALL_OF(arrival, answered));
}

/* ---- the line --------------------------------------------------------------------------------------------------- */

enum { LINE_BYTES_MAX = 16 * 1024 * 1024 };

static size_t request_bytes(const struct server_call *call) {
  return call->request ? grpc_byte_buffer_length(call->request) : 0;
}

/* Returns false if requests that wait take too much memory already. */
static bool line_enter(struct server_call *call) {
  struct rpc_server *server = call->method->server;
  if (server->line_bytes + request_bytes(call) > LINE_BYTES_MAX) return false;
  server->line_bytes += request_bytes(call);
  (*server->calls_waiting)++;
  server_call_watch_close(call);
  return true;
}

static void line_leave(struct server_call *call) {
  call->method->server->line_bytes -= request_bytes(call);
  (*call->method->server->calls_waiting)--;
}

/* The caller of a call in line may have gone: then nobody needs its answer. */
static void unary_closed(struct rpc_arrival *arrival) {
  struct server_call *call = SERVER_CALL_OF(arrival, closed);
  if (call->admission.link) {
    admission_leave(call->method->admission, &call->admission);
    line_leave(call);
    server_call_count_end(call, STATUS_CANCELLED);
    server_call_ended(call->method->server);
    call->pending--;
  }
  server_call_completed(call);
}

/* ---- working on it ---------------------------------------------------------------------------------------------- */

static void unary_ended(struct server_call *call) {
  struct admission *admission = call->method->admission;
  arena_free(call->call.context.arena);
  if (admission) admission_end(admission, &call->admission, clock_monotonic_us());
  server_call_ended(call->method->server);
}

static void unary_answer(void *call) {
  server_call_answer(call, false);
}

static void start_next(const struct server_method *method);

static void unary_finish(void *argument) {
  struct server_call *call = argument;
  unary_ended(call);
  start_next(call->method);
}

static struct status mistyped(struct server_call *call, const char *reason, const char *message) {
  const char *name = call->method->method->name;
  log_event(LOG_ERROR, message, "method", name, NULL);
  return status_error(call->call.context.arena, STATUS_INTERNAL, reason, "%s: %s.", name, message);
}

static coroutine_fn struct status run_handler(struct server_call *call) {
  struct status status = call->method->method->handler(&call->call, call->input, &call->output);
  if (!status_is_ok(status) || call->packed_output) return status;
  if (!call->output) return mistyped(call, reason_no_reply, "a handler says OK without a reply");
  if (((const ProtobufCMessage *)call->output)->descriptor == call->method->signature->output) return status;
  return mistyped(call, reason_reply_mistyped, "a handler's reply is of another type than the method's");
}

/* A second time, if what the service says to the first refusal is so. */
static coroutine_fn struct status run_handler_twice(struct server_call *call) {
  const struct rpc_server_options *options = &call->method->server->options;
  struct status status = run_handler(call);
  if (status_is_ok(status) || !options->retry) return status;
  bool again = false;
  status = options->retry(&call->call, status, options->argument, &again);
  if (!again) return status;
  call->trailers = NULL;
  call->output = NULL;
  call->packed_output = NULL;
  return run_handler(call);
}

static coroutine_fn struct status unary_handle(struct server_call *call) {
  const struct rpc_server_options *options = &call->method->server->options;
  if (call->method->service->exempt) return run_handler(call);
  struct status status = options->before ? options->before(&call->call, options->argument) : status_ok();
  if (!status_is_ok(status)) return status;
  status = run_handler_twice(call);
  return options->after ? options->after(&call->call, status, options->argument) : status;
}

void rpc_call_answer_packed(struct rpc_call *call, const void *bytes, size_t size) {
  struct server_call *own = (struct server_call *)call;
  own->packed_output = bytes;
  own->packed_size = size;
}

static coroutine_fn void unary_run(void *argument) {
  struct server_call *call = argument;
  server_call_label(call);
  call->status = unary_handle(call);
  coroutine_on_loop_stack(unary_answer, call);
  label_set(NULL); /* its texts end with the call, and those that start next are other calls */
  coroutine_on_loop_stack(unary_finish, call);
}

static struct status unary_decode(struct server_call *call) {
  struct arena *arena = call->call.context.arena;
  if (!call->request)
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_request_missing, "The call has no request.");
  struct status status = rpc_wire_unpack_checked(arena, call->method->signature->input, call->request, &call->input);
  grpc_byte_buffer_destroy(call->request);
  call->request = NULL;
  return status;
}

/* Decoding happens here, on the loop's own stack: messages nest, and a coroutine's stack is small. */
static void unary_start(struct server_call *call) {
  struct rpc_server *server = call->method->server;
  server_call_begin(call, call->admission.deadline_us);
  call->status = unary_decode(call);
  if (!status_is_ok(call->status)) {
    unary_answer(call);
    unary_ended(call);
    return;
  }
  if (loop_spawn(server->loop, unary_run, call)) return;
  server_call_refuse_overloaded(call);
  unary_ended(call);
}

/* ---- its turn --------------------------------------------------------------------------------------------------- */

static void unary_refuse(struct server_call *call) {
  server_call_refuse_overloaded(call);
  server_call_ended(call->method->server);
}

/* Starts those in line that there is room for. */
static void start_next(const struct server_method *method) {
  struct admission_entry *entry;
  bool work;
  while (method->admission && (entry = admission_next(method->admission, clock_monotonic_us(), &work))) {
    struct server_call *call = SERVER_CALL_OF(entry, admission);
    line_leave(call);
    if (work) {
      unary_start(call);
    } else {
      unary_refuse(call);
    }
  }
}

static void admit(struct server_call *call) {
  struct rpc_server *server = call->method->server;
  int64_t now_us = clock_monotonic_us();
  int64_t deadline_us = now_us + server->options.max_deadline_ms * 1000;
  int64_t given_us = rpc_wire_time_us(call->deadline);
  if (given_us < deadline_us) deadline_us = given_us;
  server_overload_look(server, now_us);
  if (!call->method->admission) {
    call->admission.deadline_us = deadline_us;
    unary_start(call);
    return;
  }
  switch (admission_arrive(call->method->admission, &call->admission, deadline_us, now_us)) {
    case ADMISSION_WORK:
      unary_start(call);
      return;
    case ADMISSION_WAIT:
      if (line_enter(call)) return;
      admission_leave(call->method->admission, &call->admission);
      unary_refuse(call);
      return;
    case ADMISSION_REFUSE:
      unary_refuse(call);
      return;
  }
}

static void unary_arrived(struct rpc_arrival *arrival) {
  struct server_call *call = SERVER_CALL_OF(arrival, arrival);
  if (!arrival->ok) {
    server_call_release(call);
    return;
  }
  server_call_arrived(call);
  if (server_call_admit(call->method)) {
    admit(call);
  } else {
    server_call_refuse_overloaded(call);
  }
}

static void rested(void *argument) {
  start_next(argument);
}

void rpc_call_rest(struct rpc_call *call) {
  struct server_call *own = (struct server_call *)call;
  if (own->stream || !own->method->admission) return;
  admission_rest(own->method->admission, &own->admission, clock_monotonic_us());
  label_set(NULL); /* those that start now are other calls */
  coroutine_on_loop_stack(rested, (void *)own->method);
  server_call_label(own);
}

void rpc_call_resume(struct rpc_call *call) {
  struct server_call *own = (struct server_call *)call;
  if (own->stream || !own->method->admission) return;
  admission_resume(own->method->admission, &own->admission, clock_monotonic_us());
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
  server_call_arrived(call);
  unknown_answer(call);
}

void unknown_call_set_up(struct server_call *call) {
  call->arrival.run = unknown_arrived;
}
