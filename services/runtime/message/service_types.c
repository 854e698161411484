/* SPDX-License-Identifier: Apache-2.0 */
#include "message/service_types.h"

#include <stdlib.h>
#include <string.h>

enum { METHODS_MAX = 1000 };

static struct status invalid(struct message_types *types, const char *name, const char *what) {
  return status_error(message_types_arena(types), STATUS_INVALID_ARGUMENT, reason_descriptor_set_invalid,
                      "The descriptor set's %s %s.", name, what);
}

static struct status make_type(struct message_types *types, const char *name,
                               const ProtobufCMessageDescriptor **ret_descriptor) {
  if (!name || *name != '.') return invalid(types, "methods", "have none of its messages");
  return message_types_make(types, name + 1, ret_descriptor);
}

static struct status make_method(struct message_types *types, const Google__Protobuf__MethodDescriptorProto *proto,
                                 ProtobufCMethodDescriptor *method) {
  if (!proto->name || !*proto->name) return invalid(types, "methods", "have no names");
  method->name = proto->name;
  struct status status = make_type(types, proto->input_type, &method->input);
  return status_is_ok(status) ? make_type(types, proto->output_type, &method->output) : status;
}

static int compare_names(const void *left, const void *right, void *methods) {
  const ProtobufCMethodDescriptor *of = methods;
  return strcmp(of[*(const unsigned *)left].name, of[*(const unsigned *)right].name);
}

static struct status make_service(struct message_types *types, const char *package,
                                  const Google__Protobuf__ServiceDescriptorProto *proto,
                                  const ProtobufCServiceDescriptor **ret_descriptor) {
  struct arena *arena = message_types_arena(types);
  size_t count = proto->n_method;
  if (!proto->name || count > METHODS_MAX) return invalid(types, "services", "have no names, or too many methods");
  ProtobufCMethodDescriptor *methods = arena_calloc(arena, count, sizeof *methods);
  unsigned *by_name = arena_calloc(arena, count, sizeof *by_name);
  for (size_t i = 0; i < count; i++) {
    struct status status = make_method(types, proto->method[i], &methods[i]);
    if (!status_is_ok(status)) return status;
    by_name[i] = (unsigned)i;
  }
  if (count > 0) qsort_r(by_name, count, sizeof *by_name, compare_names, methods);
  ProtobufCServiceDescriptor *made = arena_calloc(arena, 1, sizeof *made);
  *made = (ProtobufCServiceDescriptor){
      .magic = PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC,
      .name = *package ? arena_printf(arena, "%s.%s", package, proto->name) : proto->name,
      .short_name = proto->name,
      .c_name = proto->name,
      .package = package,
      .n_methods = (unsigned)count,
      .methods = methods,
      .method_indices_by_name = by_name,
  };
  *ret_descriptor = made;
  return status_ok();
}

struct status service_types_at(struct message_types *types, size_t index, struct service_type *ret_service) {
  const Google__Protobuf__FileDescriptorSet *files = message_types_files(types);
  *ret_service = (struct service_type){0};
  for (size_t i = 0; i < files->n_file; i++) {
    const Google__Protobuf__FileDescriptorProto *file = files->file[i];
    if (index >= file->n_service) {
      index -= file->n_service;
      continue;
    }
    *ret_service = (struct service_type){.proto = file->service[index], .file = file, .index = index};
    return make_service(types, file->package ? file->package : "", ret_service->proto, &ret_service->descriptor);
  }
  return status_ok();
}
