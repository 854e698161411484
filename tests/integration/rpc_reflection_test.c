/* SPDX-License-Identifier: Apache-2.0 */
/* Server reflection, v1 and v1alpha, over a real connection. */
#include <google/protobuf/descriptor.pb-c.h>
#include <grpc/reflection/v1/reflection.pb-c.h>
#include <string.h>

#include "echo_call.h"
#include "echo_server.h"
#include "suite.h"

enum { PATIENCE_MS = 60000 };

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

#define ASKS(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWERS(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name
#define V1 "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define V1ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

static struct echo_server *server;
static struct arena *arena;

static int set_up(void) {
  arena = arena_new();
  server = echo_server_start(NULL, NULL);
  return server ? 0 : 1;
}

static int tear_down(void) {
  echo_server_stop(server);
  arena_free(arena);
  return 0;
}

static struct echo_call *open_stream(const char *path) {
  return echo_call_open(server->port, path, PATIENCE_MS, NULL, NULL);
}

/* v1's messages are v1alpha's on the wire. */
static const response *ask_for(struct echo_call *call, const request *question) {
  ProtobufCMessage *message = NULL;
  CU_ASSERT(echo_call_send(call, question));
  CU_ASSERT_EQUAL_FATAL(echo_call_receive(call, PATIENCE_MS, arena,
                                          &grpc__reflection__v1__server_reflection_response__descriptor, &message),
                        ECHO_MESSAGE);
  CU_ASSERT_PTR_NOT_NULL_FATAL(message);
  return (const response *)message;
}

static const response *ask(struct echo_call *call, int kind, const char *text) {
  request question = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  question.message_request_case = (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)kind;
  question.file_by_filename = (char *)text; /* all but one kind are texts at the same place */
  return ask_for(call, &question);
}

/* The answer's files; `*ret_name` is the first one's name. */
static size_t files_of(const response *answer, const char **ret_name) {
  CU_ASSERT_EQUAL_FATAL(answer->message_response_case, ANSWERS(FILE_DESCRIPTOR_RESPONSE));
  const Grpc__Reflection__V1__FileDescriptorResponse *files = answer->file_descriptor_response;
  CU_ASSERT_FATAL(files->n_file_descriptor_proto > 0);
  ProtobufCBinaryData first = files->file_descriptor_proto[0];
  const Google__Protobuf__FileDescriptorProto *file =
      google__protobuf__file_descriptor_proto__unpack(arena_allocator(arena), first.len, first.data);
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  *ret_name = file->name;
  return files->n_file_descriptor_proto;
}

static void check_symbol(struct echo_call *call, const char *symbol, const char *file) {
  const char *name;
  files_of(ask(call, ASKS(FILE_CONTAINING_SYMBOL), symbol), &name);
  CU_ASSERT_STRING_EQUAL(name, file);
}

static void check_not_found(const response *answer) {
  CU_ASSERT_EQUAL_FATAL(answer->message_response_case, ANSWERS(ERROR_RESPONSE));
  CU_ASSERT_EQUAL(answer->error_response->error_code, STATUS_NOT_FOUND);
}

static void list(const char *path) {
  struct echo_call *call = open_stream(path);
  const response *answer = ask(call, ASKS(LIST_SERVICES), "*");
  CU_ASSERT_EQUAL_FATAL(answer->message_response_case, ANSWERS(LIST_SERVICES_RESPONSE));
  CU_ASSERT_EQUAL_FATAL(answer->list_services_response->n_service, 4);
  CU_ASSERT_STRING_EQUAL(answer->list_services_response->service[0]->name, "ordershop.v1.CustomerService");
  CU_ASSERT_STRING_EQUAL(answer->original_request->list_services, "*");
  echo_call_send_end(call);
  CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_OK);
  echo_call_free(call);
}

static void test_list(void) {
  list(V1);
}

static void test_list_alpha(void) {
  list(V1ALPHA);
}

static void test_symbols(void) {
  static const char *const customer = "ordershop/v1/customer.proto", *const health = "grpc/health/v1/health.proto";
  struct echo_call *call = open_stream(V1);
  check_symbol(call, "ordershop.v1.CustomerService", customer);
  check_symbol(call, "ordershop.v1.CustomerService.GetCustomer", customer);
  check_symbol(call, "ordershop.v1.Customer", customer);
  check_symbol(call, "ordershop.v1.Customer.email", customer);
  check_symbol(call, "grpc.health.v1.HealthCheckResponse.ServingStatus", health);
  check_symbol(call, "grpc.health.v1.HealthCheckResponse.SERVING", health);
  check_symbol(call, "google.rpc.ErrorInfo.MetadataEntry", "google/rpc/error_details.proto");
  check_symbol(call, "grpc.reflection.v1.ServerReflectionRequest.message_request",
               "grpc/reflection/v1/reflection.proto");
  check_symbol(call, "google.rpc.ErrorInfo.MetadataEntry.key", "google/rpc/error_details.proto");
  check_not_found(ask(call, ASKS(FILE_CONTAINING_SYMBOL), "ordershop.v1.Customer.nothing"));
  check_not_found(ask(call, ASKS(FILE_CONTAINING_SYMBOL),
                      arena_printf(arena, "ordershop.v1.Customer.%0200d", 0))); /* longer than all symbols */
  check_not_found(ask(call, ASKS(FILE_CONTAINING_SYMBOL), "ordershop.v1.Customer.email.more"));
  check_not_found(ask(call, ASKS(FILE_CONTAINING_SYMBOL), "ordershop.v1.CustomerService.GetOrder"));
  check_not_found(ask(call, ASKS(FILE_CONTAINING_SYMBOL), "ordershop.v1"));
  check_not_found(ask(call, ASKS(FILE_CONTAINING_SYMBOL), ".ordershop.v1.Customer"));
  check_not_found(ask(call, ASKS(FILE_CONTAINING_SYMBOL), ""));
  echo_call_free(call);
}

static void test_files(void) {
  const char *name;
  struct echo_call *call = open_stream(V1ALPHA);
  size_t count = files_of(ask(call, ASKS(FILE_BY_FILENAME), "ordershop/v1/customer.proto"), &name);
  CU_ASSERT_STRING_EQUAL(name, "ordershop/v1/customer.proto");
  CU_ASSERT(count >= 4); /* itself, empty, field_mask, timestamp */
  CU_ASSERT_EQUAL(files_of(ask(call, ASKS(FILE_BY_FILENAME), "ordershop/v1/product.proto"), &name), 1);
  CU_ASSERT_EQUAL(files_of(ask(call, ASKS(FILE_BY_FILENAME), "google/protobuf/timestamp.proto"), &name), 1);
  CU_ASSERT_STRING_EQUAL(name, "google/protobuf/timestamp.proto");
  check_not_found(ask(call, ASKS(FILE_BY_FILENAME), "no/such.proto"));
  echo_call_free(call);
}

static void test_extensions(void) {
  struct echo_call *call = open_stream(V1);
  Grpc__Reflection__V1__ExtensionRequest extension = GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
  request question = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  question.message_request_case = ASKS(FILE_CONTAINING_EXTENSION);
  question.file_containing_extension = &extension;
  extension.containing_type = (char *)"ordershop.v1.Customer";
  extension.extension_number = 100;
  check_not_found(ask_for(call, &question));
  check_not_found(ask(call, ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE), "ordershop.v1.Customer"));
  request nothing = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  CU_ASSERT_EQUAL(ask_for(call, &nothing)->error_response->error_code, STATUS_INVALID_ARGUMENT);
  echo_call_free(call);
  call = open_stream(V1ALPHA);
  check_not_found(ask_for(call, &question));
  echo_call_free(call);
}

static void test_garbage(void) {
  struct echo_call *call = open_stream(V1);
  CU_ASSERT(echo_call_send_bytes(call, "\x1A\x7Fx", 3));
  CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_INVALID_ARGUMENT);
  echo_call_free(call);
}

static const struct test tests[] = {
    {"v1 lists the services and ends when the client does", test_list},
    {"v1alpha answers the same", test_list_alpha},
    {"symbols of every kind are found in their files, others are NOT_FOUND", test_symbols},
    {"a file comes with its imports, and each import once per stream", test_files},
    {"extensions are NOT_FOUND, and no question is INVALID_ARGUMENT", test_extensions},
    {"bytes that are no message end the stream with INVALID_ARGUMENT", test_garbage},
};

int main(int argc, char **argv) {
  return suite_main("rpc reflection", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
