/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/reflection_inquiry.h"

#include <google/protobuf/descriptor.pb-c.h>
#include <grpc/reflection/v1/reflection.pb-c.h>
#include <grpc/reflection/v1alpha/reflection.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/message_check.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest question;
typedef Grpc__Reflection__V1__ServerReflectionResponse answer;

#define ASKS(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWERS(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

enum { QUESTIONS_MAX = 100, FILES_MAX = 1000, UNPACKED_MAX = 64 * 1024 * 1024 };

struct reflection_inquiry {
  struct arena *arena;
  const char *peer;
  struct status status;
  bool alpha; /* it is asked by grpc.reflection.v1alpha */
  /* The first question is for the services; then come those for their files, then for what these import. */
  const question *asked[QUESTIONS_MAX];
  size_t asked_count, answered_count;
  const char **services;
  /* All files, packed: their field has the number that FileDescriptorSet.file has, so that it is one when packed. */
  Grpc__Reflection__V1__FileDescriptorResponse files;
  const char **names; /* of the same files */
  size_t size, size_max;
};

const char reflection_method[] = "ServerReflectionInfo";

static void too_much(struct reflection_inquiry *inquiry) {
  inquiry->status = status_error(inquiry->arena, STATUS_RESOURCE_EXHAUSTED, reason_reflection_too_large,
                                 "What %s says of its types is more than %d answers, %d files or %zu bytes.",
                                 inquiry->peer, QUESTIONS_MAX, FILES_MAX, inquiry->size_max);
}

static void unfit(struct reflection_inquiry *inquiry) {
  inquiry->status = status_error(inquiry->arena, STATUS_INTERNAL, reason_reply_invalid,
                                 "What %s says of its types is no answer to what it was asked.", inquiry->peer);
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

static void ask(struct reflection_inquiry *inquiry, int kind, const char *text) {
  if (inquiry->asked_count == QUESTIONS_MAX) {
    too_much(inquiry);
    return;
  }
  question *made = arena_alloc(inquiry->arena, sizeof *made);
  grpc__reflection__v1__server_reflection_request__init(made);
  made->message_request_case = (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)kind;
  made->file_by_filename =
      arena_strdup(inquiry->arena, text); /* the others that are asked are texts at that place, too */
  inquiry->asked[inquiry->asked_count++] = made;
}

struct reflection_inquiry *reflection_inquiry_new(struct arena *arena, const char *peer, size_t size_max) {
  struct reflection_inquiry *inquiry = arena_calloc(arena, 1, sizeof *inquiry);
  inquiry->arena = arena;
  inquiry->peer = peer;
  inquiry->size_max = size_max;
  inquiry->services = arena_calloc(arena, 1, sizeof *inquiry->services);
  grpc__reflection__v1__file_descriptor_response__init(&inquiry->files);
  inquiry->files.file_descriptor_proto = arena_calloc(arena, FILES_MAX, sizeof(ProtobufCBinaryData));
  inquiry->names = arena_calloc(arena, FILES_MAX, sizeof *inquiry->names);
  ask(inquiry, ASKS(LIST_SERVICES), "");
  return inquiry;
}

/* v1alpha's messages are v1's under another name, the same on the wire. */
static const void *as(struct arena *arena, const void *message, const ProtobufCMessageDescriptor *descriptor) {
  size_t size;
  const void *bytes = message_pack(arena, message, &size);
  return message_unpack(arena, descriptor, bytes, size);
}

static bool has_file(const struct reflection_inquiry *inquiry, const char *name) {
  for (size_t i = 0; i < inquiry->files.n_file_descriptor_proto; i++) {
    if (strcmp(inquiry->names[i], name) == 0) return true;
  }
  return false;
}

static bool is_answered(const struct reflection_inquiry *inquiry, const question *asked) {
  return asked->message_request_case == ASKS(FILE_BY_FILENAME) && has_file(inquiry, asked->file_by_filename);
}

const void *reflection_inquiry_next(struct reflection_inquiry *inquiry,
                                    const ProtobufCServiceDescriptor **ret_service) {
  while (inquiry->answered_count < inquiry->asked_count &&
         is_answered(inquiry, inquiry->asked[inquiry->answered_count])) {
    inquiry->answered_count++;
  }
  if (!status_is_ok(inquiry->status) || inquiry->answered_count == inquiry->asked_count) return NULL;
  const question *asked = inquiry->asked[inquiry->answered_count];
  *ret_service = inquiry->alpha ? &grpc__reflection__v1alpha__server_reflection__descriptor
                                : &grpc__reflection__v1__server_reflection__descriptor;
  return inquiry->alpha ? as(inquiry->arena, asked, &grpc__reflection__v1alpha__server_reflection_request__descriptor)
                        : asked;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static bool is_asked(const struct reflection_inquiry *inquiry, const char *file) {
  for (size_t i = 0; i < inquiry->asked_count; i++) {
    const question *asked = inquiry->asked[i];
    if (asked->message_request_case == ASKS(FILE_BY_FILENAME) && strcmp(asked->file_by_filename, file) == 0) {
      return true;
    }
  }
  return false;
}

/* Servers other than those of this library may send imports only when they are asked for. */
static void ask_for_imports(struct reflection_inquiry *inquiry, const Google__Protobuf__FileDescriptorProto *file) {
  for (size_t i = 0; i < file->n_dependency && status_is_ok(inquiry->status); i++) {
    const char *import = file->dependency[i];
    if (!has_file(inquiry, import) && !is_asked(inquiry, import)) ask(inquiry, ASKS(FILE_BY_FILENAME), import);
  }
}

static const Google__Protobuf__FileDescriptorProto *unpack_file(const struct reflection_inquiry *inquiry,
                                                                ProtobufCBinaryData bytes) {
  const ProtobufCMessageDescriptor *descriptor = &google__protobuf__file_descriptor_proto__descriptor;
  if (!message_fits(descriptor, bytes.data, bytes.len, UNPACKED_MAX)) return NULL;
  return message_unpack(inquiry->arena, descriptor, bytes.data, bytes.len);
}

static const Google__Protobuf__FileDescriptorProto *add_file(struct reflection_inquiry *inquiry,
                                                             ProtobufCBinaryData bytes) {
  size_t count = inquiry->files.n_file_descriptor_proto;
  if (bytes.len > inquiry->size_max - inquiry->size || count == FILES_MAX) {
    too_much(inquiry);
    return NULL;
  }
  const Google__Protobuf__FileDescriptorProto *file = unpack_file(inquiry, bytes);
  if (!file || !file->name) {
    unfit(inquiry);
    return NULL;
  }
  if (has_file(inquiry, file->name)) return file;
  inquiry->names[count] = file->name;
  inquiry->files.file_descriptor_proto[count] = bytes;
  inquiry->files.n_file_descriptor_proto++;
  inquiry->size += bytes.len;
  return file;
}

static void take_files(struct reflection_inquiry *inquiry, const Grpc__Reflection__V1__FileDescriptorResponse *files) {
  size_t count = files->n_file_descriptor_proto;
  const Google__Protobuf__FileDescriptorProto **taken = arena_calloc(inquiry->arena, count + 1, sizeof *taken);
  for (size_t i = 0; i < count && status_is_ok(inquiry->status); i++) {
    taken[i] = add_file(inquiry, files->file_descriptor_proto[i]);
  }
  for (size_t i = 0; i < count && status_is_ok(inquiry->status); i++) ask_for_imports(inquiry, taken[i]);
}

static int compare_names(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* They are sorted, so that the same services always make the same set. */
static void take_services(struct reflection_inquiry *inquiry,
                          const Grpc__Reflection__V1__ListServiceResponse *services) {
  size_t count = services->n_service;
  inquiry->services = arena_calloc(inquiry->arena, count + 1, sizeof *inquiry->services);
  for (size_t i = 0; i < count; i++) inquiry->services[i] = services->service[i]->name;
  qsort(inquiry->services, count, sizeof *inquiry->services, compare_names);
  for (size_t i = 0; i < count && status_is_ok(inquiry->status); i++) {
    ask(inquiry, ASKS(FILE_CONTAINING_SYMBOL), inquiry->services[i]);
  }
}

void reflection_inquiry_take(struct reflection_inquiry *inquiry, struct rpc_reply reply) {
  if (reply.status.code == STATUS_UNIMPLEMENTED && !inquiry->alpha && inquiry->answered_count == 0) {
    inquiry->alpha = true;
    return;
  }
  inquiry->status = reply.status;
  if (!status_is_ok(reply.status)) return;
  const answer *answered = reply.message;
  if (inquiry->alpha) {
    answered = as(inquiry->arena, reply.message, &grpc__reflection__v1__server_reflection_response__descriptor);
  }
  bool is_first = inquiry->answered_count++ == 0;
  if (is_first && answered->message_response_case != ANSWERS(LIST_SERVICES_RESPONSE)) {
    unfit(inquiry);
  } else if (is_first) {
    take_services(inquiry, answered->list_services_response);
  } else if (answered->message_response_case == ANSWERS(FILE_DESCRIPTOR_RESPONSE)) {
    take_files(inquiry, answered->file_descriptor_response);
  } /* else it does not have the file: what needs it is missed when it is used */
}

struct status reflection_inquiry_result(struct reflection_inquiry *inquiry, const void **ret_set, size_t *ret_size) {
  if (!status_is_ok(inquiry->status)) return inquiry->status;
  *ret_set = message_pack(inquiry->arena, &inquiry->files, ret_size);
  if (*ret_size > inquiry->size_max) too_much(inquiry);
  return inquiry->status;
}

const char *const *reflection_inquiry_services(const struct reflection_inquiry *inquiry) {
  return inquiry->services;
}
