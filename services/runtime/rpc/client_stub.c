/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/client_stub.h"

#include <stdlib.h>

#include "base/log.h"

struct client_stub {
  ProtobufCService service; /* first: stubs hold a pointer to it */
  client_stub_call *make_call;
  void *channel;
};

void rpc_reply_closure(const ProtobufCMessage *message, void *closure_data) {
  struct rpc_reply *reply = closure_data;
  reply->message = message;
}

static void invoke(ProtobufCService *service, unsigned method_index, const ProtobufCMessage *input,
                   ProtobufCClosure closure, void *closure_data) {
  if (closure != rpc_reply_closure) {
    log_event(LOG_ERROR, "a stub is called without rpc_reply_closure", "service", service->descriptor->name, NULL);
    abort();
  }
  struct client_stub *stub = (struct client_stub *)service;
  struct rpc_reply *reply = closure_data;
  struct client_call call = {
      .context = reply->context,
      .service = service->descriptor,
      .method = &service->descriptor->methods[method_index],
      .request = input,
  };
  stub->make_call(stub->channel, &call);
  reply->status = call.status;
  reply->position = call.position;
  closure(call.reply, closure_data);
}

/* The arena frees it. */
static void destroy(ProtobufCService *service) {
  (void)service;
}

ProtobufCService *client_stub_new(struct arena *arena, const ProtobufCServiceDescriptor *descriptor,
                                  client_stub_call *make_call, void *channel) {
  struct client_stub *stub = arena_alloc(arena, sizeof(*stub));
  *stub = (struct client_stub){
      .service = {.descriptor = descriptor, .invoke = invoke, .destroy = destroy},
      .make_call = make_call,
      .channel = channel,
  };
  return &stub->service;
}
