/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a unary call costs: a server of gRPC's C core alone, with one thread, one completion queue and no
 * work, which answers CustomerService's CreateCustomer with the bytes that it was asked with, and the health check with
 * nothing.
 *
 *   grpc_echo_benchmark ADDRESS     until it is killed; `ordershop load --mode customer` calls it */
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { WAITING_CALLS = 128 };

struct echo {
  grpc_server *server;
  grpc_completion_queue *queue;
};

struct call {
  struct echo *echo;
  void *method;
  bool echoes;
  grpc_call *grpc;
  grpc_metadata_array metadata;
  gpr_timespec deadline;
  grpc_byte_buffer *message;
  int cancelled;
  enum { EXPECTED, ANSWERED } stage;
};

static void expect(struct call *call) {
  grpc_metadata_array_init(&call->metadata);
  call->message = NULL;
  call->stage = EXPECTED;
  grpc_server_request_registered_call(call->echo->server, call->method, &call->grpc, &call->deadline, &call->metadata,
                                      &call->message, call->echo->queue, call->echo->queue, call);
}

static void say_nothing(struct call *call) {
  grpc_byte_buffer_destroy(call->message);
  call->message = grpc_raw_byte_buffer_create(NULL, 0);
}

static void answer(struct call *call) {
  if (!call->echoes) say_nothing(call);
  grpc_op ops[] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},
                   {.op = GRPC_OP_SEND_MESSAGE},
                   {.op = GRPC_OP_SEND_STATUS_FROM_SERVER},
                   {.op = GRPC_OP_RECV_CLOSE_ON_SERVER}};
  ops[1].data.send_message.send_message = call->message;
  ops[2].data.send_status_from_server.status = GRPC_STATUS_OK;
  ops[3].data.recv_close_on_server.cancelled = &call->cancelled;
  call->stage = ANSWERED;
  grpc_call_start_batch(call->grpc, ops, 4, call, NULL);
}

static void forget(struct call *call) {
  if (call->message) grpc_byte_buffer_destroy(call->message);
  grpc_metadata_array_destroy(&call->metadata);
  grpc_call_unref(call->grpc);
}

static void serve(struct echo *echo) {
  for (;;) {
    grpc_event event = grpc_completion_queue_next(echo->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    struct call *call = event.tag;
    if (event.type != GRPC_OP_COMPLETE) continue;
    if (call->stage == EXPECTED && event.success) {
      answer(call);
    } else {
      forget(call);
      expect(call);
    }
  }
}

int main(int argc, char **argv) {
  static const char *const paths[] = {"/ordershop.v1.CustomerService/CreateCustomer", "/grpc.health.v1.Health/Check"};
  static struct call calls[2][WAITING_CALLS];
  if (argc != 2) return 2;
  grpc_init();
  struct echo echo = {.server = grpc_server_create(NULL, NULL), .queue = grpc_completion_queue_create_for_next(NULL)};
  void *methods[2];
  for (int i = 0; i < 2; i++) {
    methods[i] = grpc_server_register_method(echo.server, paths[i], NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
  }
  grpc_server_register_completion_queue(echo.server, echo.queue, NULL);
  if (!grpc_server_add_http2_port(echo.server, argv[1], grpc_insecure_server_credentials_create())) return 1;
  grpc_server_start(echo.server);
  for (int i = 0; i < 2; i++) {
    for (int at = 0; at < WAITING_CALLS; at++) {
      calls[i][at] = (struct call){.echo = &echo, .method = methods[i], .echoes = i == 0};
      expect(&calls[i][at]);
    }
  }
  serve(&echo);
}
