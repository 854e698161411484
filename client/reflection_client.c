/* SPDX-License-Identifier: Apache-2.0 */
#include "client/reflection_client.h"

#include <google/protobuf/descriptor.pb-c.h>
#include <grpc/reflection/v1/reflection.pb-c.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/message_check.h"
#include "client/client.h"
#include "client/client_reasons.h"
#include "rpc/rpc_blocking_client.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest question;
typedef Grpc__Reflection__V1__ServerReflectionResponse answer;

#define ASKS(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWERS(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

enum { QUESTIONS_MAX = 100, FILES_MAX = 1000, UNPACKED_MAX = 64 * 1024 * 1024 };

/* What one service has answered so far. */
struct inquiry {
  struct ordershop_client *client;
  enum ordershop_service service;
  struct context context;
  int questions;
  /* All files, packed: their field has the number that FileDescriptorSet.file has, so that it is one when packed. */
  Grpc__Reflection__V1__FileDescriptorResponse files;
  const Google__Protobuf__FileDescriptorProto **unpacked; /* the same files */
  size_t size, size_max, room;
};

static struct status too_much(const struct inquiry *inquiry) {
  return status_error(inquiry->context.arena, STATUS_RESOURCE_EXHAUSTED, reason_reflection_too_large,
                      "What %s says of its types is more than %d answers, %d files or %zu bytes.",
                      inquiry->client->peers[inquiry->service].name, QUESTIONS_MAX, FILES_MAX, inquiry->size_max);
}

static struct status unfit(const struct inquiry *inquiry) {
  return status_error(inquiry->context.arena, STATUS_INTERNAL, reason_reply_invalid,
                      "What %s says of its types is no answer to what it was asked.",
                      inquiry->client->peers[inquiry->service].name);
}

/* A stream with one question. Returns NULL if it has no answer; *ret_status says why. */
static const answer *ask(struct inquiry *inquiry, const question *asked, struct status *ret_status) {
  if (inquiry->questions++ == QUESTIONS_MAX) {
    *ret_status = too_much(inquiry);
    return NULL;
  }
  struct rpc_reply reply =
      rpc_blocking_call(inquiry->client->peers[inquiry->service].channel, &inquiry->context,
                        &grpc__reflection__v1__server_reflection__descriptor, "ServerReflectionInfo", asked);
  *ret_status = reply.status;
  return status_is_ok(reply.status) ? reply.message : NULL;
}

static bool is_known(const struct inquiry *inquiry, const char *name) {
  for (size_t i = 0; i < inquiry->files.n_file_descriptor_proto; i++) {
    if (strcmp(inquiry->unpacked[i]->name, name) == 0) return true;
  }
  return false;
}

static void make_room(struct inquiry *inquiry) {
  size_t count = inquiry->files.n_file_descriptor_proto, room = inquiry->room ? 2 * inquiry->room : 32;
  if (count < inquiry->room) return;
  ProtobufCBinaryData *files = arena_calloc(inquiry->context.arena, room, sizeof(*files));
  const Google__Protobuf__FileDescriptorProto **unpacked =
      arena_calloc(inquiry->context.arena, room, sizeof(*unpacked));
  for (size_t i = 0; i < count; i++) {
    files[i] = inquiry->files.file_descriptor_proto[i];
    unpacked[i] = inquiry->unpacked[i];
  }
  inquiry->files.file_descriptor_proto = files;
  inquiry->unpacked = unpacked;
  inquiry->room = room;
}

static struct status add_file(struct inquiry *inquiry, ProtobufCBinaryData bytes) {
  const ProtobufCMessageDescriptor *descriptor = &google__protobuf__file_descriptor_proto__descriptor;
  if (bytes.len > inquiry->size_max - inquiry->size) return too_much(inquiry);
  if (!message_fits(descriptor, bytes.data, bytes.len, UNPACKED_MAX)) return unfit(inquiry);
  const Google__Protobuf__FileDescriptorProto *file =
      message_unpack(inquiry->context.arena, descriptor, bytes.data, bytes.len);
  if (!file || !file->name) return unfit(inquiry);
  if (is_known(inquiry, file->name)) return status_ok();
  if (inquiry->files.n_file_descriptor_proto == FILES_MAX) return too_much(inquiry);
  make_room(inquiry);
  inquiry->unpacked[inquiry->files.n_file_descriptor_proto] = file;
  inquiry->files.file_descriptor_proto[inquiry->files.n_file_descriptor_proto++] = bytes;
  inquiry->size += bytes.len;
  return status_ok();
}

/* A file that the service does not have is left out: what needs it is missed when it is used. */
static struct status ask_for_files(struct inquiry *inquiry, const question *asked) {
  struct status status;
  const answer *answered = ask(inquiry, asked, &status);
  if (!answered || answered->message_response_case != ANSWERS(FILE_DESCRIPTOR_RESPONSE)) return status;
  const Grpc__Reflection__V1__FileDescriptorResponse *files = answered->file_descriptor_response;
  for (size_t i = 0; i < files->n_file_descriptor_proto && status_is_ok(status); i++) {
    status = add_file(inquiry, files->file_descriptor_proto[i]);
  }
  return status;
}

static struct status ask_for_services(struct inquiry *inquiry) {
  question list = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  list.message_request_case = ASKS(LIST_SERVICES);
  list.list_services = arena_strdup(inquiry->context.arena, "");
  struct status status;
  const answer *answered = ask(inquiry, &list, &status);
  if (!answered) return status;
  if (answered->message_response_case != ANSWERS(LIST_SERVICES_RESPONSE)) return unfit(inquiry);
  const Grpc__Reflection__V1__ListServiceResponse *services = answered->list_services_response;
  for (size_t i = 0; i < services->n_service && status_is_ok(status); i++) {
    question symbol = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    symbol.message_request_case = ASKS(FILE_CONTAINING_SYMBOL);
    symbol.file_containing_symbol = services->service[i]->name;
    status = ask_for_files(inquiry, &symbol);
  }
  return status;
}

/* Servers other than those of this library may send imports only when they are asked for. */
static struct status ask_for_imports(struct inquiry *inquiry) {
  struct status status = status_ok();
  for (size_t i = 0; i < inquiry->files.n_file_descriptor_proto; i++) {
    const Google__Protobuf__FileDescriptorProto *file = inquiry->unpacked[i];
    for (size_t k = 0; k < file->n_dependency && status_is_ok(status); k++) {
      if (is_known(inquiry, file->dependency[k])) continue;
      question import = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
      import.message_request_case = ASKS(FILE_BY_FILENAME);
      import.file_by_filename = file->dependency[k];
      status = ask_for_files(inquiry, &import);
    }
  }
  return status;
}

struct status ordershop_get_descriptor_set(struct ordershop_client *client, const struct context *context,
                                           enum ordershop_service service, size_t size_max, const void **ret_set,
                                           size_t *ret_size) {
  struct inquiry inquiry = {.client = client,
                            .service = service,
                            .context = *context,
                            .files = GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT,
                            .size_max = size_max};
  if (!context->deadline_us) inquiry.context.deadline_us = clock_monotonic_us() + client->deadline_ms * 1000;
  struct status status = ask_for_services(&inquiry);
  if (status_is_ok(status)) status = ask_for_imports(&inquiry);
  if (!status_is_ok(status)) return client_explain(client, service, context->arena, status);
  *ret_set = message_pack(context->arena, &inquiry.files, ret_size);
  return *ret_size > size_max ? too_much(&inquiry) : status;
}
