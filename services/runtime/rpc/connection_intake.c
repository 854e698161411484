/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/connection_intake.h"

#include <grpc/byte_buffer.h>
#include <grpc/grpc_security.h>

#define ADDRESS "external:intake"

/* grpc_core::TcpServerFdHandler (src/core/lib/iomgr/tcp_server.h): a C++ object with a virtual destructor, which takes
 * two places in the table, and one virtual method. */
struct connection_handler {
  const struct {
    void (*destructors[2])(struct connection_handler *handler);
    void (*handle)(struct connection_handler *handler, int listener, int descriptor, grpc_byte_buffer *read_already);
  } * methods;
};

static void *same(void *pointer) {
  return pointer;
}

static void keep(void *pointer) {
  (void)pointer;
}

static int compare(void *one, void *other) {
  return (one > other) - (one < other);
}

grpc_arg connection_intake_argument(struct connection_intake *intake) {
  static const grpc_arg_pointer_vtable by_reference = {.copy = same, .destroy = keep, .cmp = compare};
  grpc_arg argument = {.type = GRPC_ARG_POINTER, .key = (char *)ADDRESS};
  argument.value.pointer.p = &intake->handler;
  argument.value.pointer.vtable = &by_reference;
  return argument;
}

bool connection_intake_open(struct connection_intake *intake, grpc_server *server,
                            grpc_server_credentials *credentials) {
  grpc_server_add_http2_port(server, ADDRESS, credentials);
  return intake->handler != NULL;
}

void connection_intake_give(struct connection_intake *intake, int descriptor) {
  intake->handler->methods->handle(intake->handler, -1, descriptor, NULL);
}
