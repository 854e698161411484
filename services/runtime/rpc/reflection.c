/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/reflection.h"

#include <grpc/reflection/v1/reflection.pb-c.h>
#include <grpc/reflection/v1alpha/reflection.pb-c.h>
#include <string.h>

typedef Grpc__Reflection__V1__ServerReflectionRequest request_v1;
typedef Grpc__Reflection__V1alpha__ServerReflectionRequest request_v1alpha;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

#define ASKS(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ASKS_ALPHA(name) GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWERS(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

struct reflection {
  struct descriptor_index *index;
  const char *const *names;
};

/* One stream: the files that it has been sent are not sent again. */
struct session {
  const struct reflection *reflection;
  struct arena *arena; /* of the current answer */
  bool *sent;          /* by file */
};

static const char *const *copy_list(struct arena *arena, const char *const *names) {
  size_t count = 0;
  while (names[count]) count++;
  const char **copy = arena_calloc(arena, count + 1, sizeof *copy);
  memcpy(copy, names, count * sizeof *copy);
  return copy;
}

static struct status check_names(struct arena *arena, const struct reflection *reflection) {
  for (const char *const *name = reflection->names; *name; name++) {
    if (descriptor_index_symbol(reflection->index, *name) >= 0) continue;
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_service_unknown, "No descriptor set has the service %s.",
                        *name);
  }
  return status_ok();
}

struct status reflection_new(struct arena *arena, const struct descriptor_set *sets, size_t set_count,
                             const char *const *names, struct reflection **ret_reflection) {
  struct reflection *reflection = arena_calloc(arena, 1, sizeof(*reflection));
  reflection->names = copy_list(arena, names);
  struct status status = descriptor_index_new(arena, sets, set_count, &reflection->index);
  if (status_is_ok(status)) status = check_names(arena, reflection);
  if (status_is_ok(status)) *ret_reflection = reflection;
  return status;
}

const struct descriptor_index *reflection_index(const struct reflection *reflection) {
  return reflection->index;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void answer_error(struct session *session, response *reply, enum status_code code, const char *text) {
  Grpc__Reflection__V1__ErrorResponse *error = arena_alloc(session->arena, sizeof(*error));
  grpc__reflection__v1__error_response__init(error);
  error->error_code = (int32_t)code;
  error->error_message = arena_strdup(session->arena, text);
  reply->message_response_case = ANSWERS(ERROR_RESPONSE);
  reply->error_response = error;
}

static void answer_not_found(struct session *session, response *reply, const char *what, const char *name) {
  answer_error(session, reply, STATUS_NOT_FOUND, arena_printf(session->arena, "%s not found: %s", what, name));
}

/* Adds the file's bytes, then those of its imports and theirs, each once per stream. */
static void add_files(struct session *session, Grpc__Reflection__V1__FileDescriptorResponse *files, int file) {
  const struct descriptor_index *index = session->reflection->index;
  const int *imports;
  if (file < 0 || session->sent[file]) return;
  session->sent[file] = true;
  files->file_descriptor_proto[files->n_file_descriptor_proto++] = descriptor_index_bytes(index, file);
  size_t count = descriptor_index_imports(index, file, &imports);
  for (size_t i = 0; i < count; i++) add_files(session, files, imports[i]);
}

static void answer_file(struct session *session, response *reply, int file, const char *what, const char *name) {
  if (file < 0) {
    answer_not_found(session, reply, what, name);
    return;
  }
  const struct descriptor_index *index = session->reflection->index;
  Grpc__Reflection__V1__FileDescriptorResponse *files = arena_alloc(session->arena, sizeof(*files));
  grpc__reflection__v1__file_descriptor_response__init(files);
  files->file_descriptor_proto =
      arena_calloc(session->arena, (size_t)descriptor_index_files(index), sizeof(files->file_descriptor_proto[0]));
  session->sent[file] = false; /* what is asked for is sent, even again */
  add_files(session, files, file);
  reply->message_response_case = ANSWERS(FILE_DESCRIPTOR_RESPONSE);
  reply->file_descriptor_response = files;
}

static void answer_services(struct session *session, response *reply) {
  const char *const *names = session->reflection->names;
  size_t count = 0;
  while (names[count]) count++;
  Grpc__Reflection__V1__ListServiceResponse *list = arena_alloc(session->arena, sizeof(*list));
  grpc__reflection__v1__list_service_response__init(list);
  list->service = arena_calloc(session->arena, count, sizeof(list->service[0]));
  for (size_t i = 0; i < count; i++) {
    list->service[i] = arena_alloc(session->arena, sizeof(*list->service[i]));
    grpc__reflection__v1__service_response__init(list->service[i]);
    list->service[i]->name = arena_strdup(session->arena, names[i]);
  }
  list->n_service = count;
  reply->message_response_case = ANSWERS(LIST_SERVICES_RESPONSE);
  reply->list_services_response = list;
}

/* Extensions of proto2 are not looked up. */
static void answer_extension(struct session *session, response *reply, const char *type) {
  answer_not_found(session, reply, "Extension of", type);
}

static void answer(struct session *session, request_v1 *request, response *reply) {
  const struct descriptor_index *index = session->reflection->index;
  switch (request->message_request_case) {
    case ASKS(FILE_BY_FILENAME):
      answer_file(session, reply, descriptor_index_file(index, request->file_by_filename), "File",
                  request->file_by_filename);
      break;
    case ASKS(FILE_CONTAINING_SYMBOL):
      answer_file(session, reply, descriptor_index_symbol(index, request->file_containing_symbol), "Symbol",
                  request->file_containing_symbol);
      break;
    case ASKS(FILE_CONTAINING_EXTENSION):
      answer_extension(session, reply, request->file_containing_extension->containing_type);
      break;
    case ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE):
      answer_extension(session, reply, request->all_extension_numbers_of_type);
      break;
    case ASKS(LIST_SERVICES):
      answer_services(session, reply);
      break;
    default:
      answer_error(session, reply, STATUS_INVALID_ARGUMENT, "The request asks nothing.");
      break;
  }
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

/* v1alpha's messages are v1's under another name, the same on the wire: a question is read as v1's, and answered so. */
static request_v1 *request_of_alpha(struct arena *arena, const request_v1alpha *asked) {
  request_v1 *request = arena_alloc(arena, sizeof(*request));
  grpc__reflection__v1__server_reflection_request__init(request);
  request->host = asked->host;
  request->message_request_case =
      (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)asked->message_request_case;
  switch (asked->message_request_case) {
    case ASKS_ALPHA(FILE_CONTAINING_EXTENSION):
      request->file_containing_extension = arena_alloc(arena, sizeof(*request->file_containing_extension));
      grpc__reflection__v1__extension_request__init(request->file_containing_extension);
      request->file_containing_extension->containing_type = asked->file_containing_extension->containing_type;
      request->file_containing_extension->extension_number = asked->file_containing_extension->extension_number;
      break;
    default: /* all others are texts at the same place */
      request->file_by_filename = asked->file_by_filename;
      break;
  }
  return request;
}

static request_v1 *request_of(struct arena *arena, const void *message) {
  const ProtobufCMessage *asked = message;
  if (asked->descriptor == &grpc__reflection__v1alpha__server_reflection_request__descriptor) {
    return request_of_alpha(arena, message);
  }
  return (request_v1 *)message;
}

static coroutine_fn struct status serve(struct rpc_stream *stream, struct session *session) {
  while (true) {
    const void *message;
    struct status status = rpc_stream_read(stream, &message);
    if (!status_is_ok(status) || !message) return status;
    arena_reset(session->arena);
    request_v1 *request = request_of(session->arena, message);
    response reply = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    reply.valid_host = request->host;
    reply.original_request = request;
    answer(session, request, &reply);
    status = rpc_stream_write(stream, &reply);
    if (!status_is_ok(status)) return status;
  }
}

static coroutine_fn struct status reflect(struct rpc_call *call, struct rpc_stream *stream) {
  const struct reflection *reflection = call->service;
  size_t files = (size_t)descriptor_index_files(reflection->index);
  struct session session = {
      .reflection = reflection,
      .arena = arena_new(),
      .sent = arena_calloc(call->context.arena, files, sizeof(bool)),
  };
  struct status status = serve(stream, &session);
  arena_free(session.arena);
  return status;
}

/* Of both versions. */
static const struct rpc_method methods[] = {
    {.name = "ServerReflectionInfo", .stream_handler = reflect, .is_bidi = true}};

void reflection_services(struct reflection *reflection, struct rpc_service ret_services[2]) {
  ret_services[0] = (struct rpc_service){
      .descriptor = &grpc__reflection__v1__server_reflection__descriptor,
      .methods = ROWS(methods),
      .user = reflection,
      .exempt = true,
  };
  ret_services[1] = (struct rpc_service){
      .descriptor = &grpc__reflection__v1alpha__server_reflection__descriptor,
      .methods = ROWS(methods),
      .user = reflection,
      .exempt = true,
  };
}
