/* SPDX-License-Identifier: Apache-2.0 */
/* All verbs of all resources: build the request, call, show the answer. */
#include <google/protobuf/empty.pb-c.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "base/uuid.h"
#include "client/cli/commands/commands.h"
#include "client/cli/line/bulk.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/interrupt.h"
#include "client/cli/line/request_build.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"
#include "message/json_write.h"

enum { PAGE_MAX = 1000 }; /* what services give at most */

static struct ordershop_answer call(struct session *session, struct arena *arena, const char *method,
                                    const ProtobufCMessage *request) {
  const struct context context = {.arena = arena};
  return ordershop_call(session->client, &context, session->invocation->noun->service, method, request);
}

static int fail(struct session *session, struct status status, ProtobufCMessage *request) {
  const char **request_id = request_text(request, "request_id");
  return failure_of_command(session, status, request_id ? *request_id : NULL);
}

/* ---- one or some ------------------------------------------------------------------------------------------------ */

/* `several` come as JSON a line each, and for people with an empty line between them. */
static void show_one(struct session *session, const ProtobufCMessage *answer, const char *operand, bool several) {
  const struct invocation *invocation = session->invocation;
  if (invocation->quiet) {
    show_id(answer);
  } else if (invocation->json && several) {
    show_json_line(answer);
  } else if (invocation->json) {
    show_json(answer);
  } else if (answer->descriptor == &google__protobuf__empty__descriptor) {
    printf("%s %s is deleted\n", invocation->noun->name, terminal_line(session->arena, operand));
  } else {
    show_record(session->arena, answer, invocation->noun->view.record);
    if (several) putchar('\n');
  }
}

/* A request id that was given is for one command: of several, each derives its own from it. */
static void share_request_id(struct session *session, ProtobufCMessage *request, const char *operand) {
  const char **request_id = request_text(request, "request_id");
  if (!request_id || session->invocation->operand_count < 2) return;
  *request_id =
      uuid_derive_text(session->arena, "operand", arena_printf(session->arena, "%s %s", *request_id, operand));
}

/* By the thread of the signals. */
static void say_how_to_repeat(const void *request_id) {
  dprintf(STDERR_FILENO, "ordershop: it may have been carried out; to repeat it safely: --request-id %s\n",
          (const char *)request_id);
}

/* A call that changes something may be ended by Ctrl-C when nobody knows yet whether it was carried out. */
static struct ordershop_answer call_command(struct session *session, ProtobufCMessage *request) {
  const char **request_id = request_text(request, "request_id");
  if (request_id) interrupt_set_farewell(say_how_to_repeat, *request_id);
  struct ordershop_answer answer = call(session, session->arena, request_method(session->invocation)->name, request);
  if (request_id) interrupt_set_farewell(NULL, NULL);
  return answer;
}

static int call_one(struct session *session, const char *operand) {
  const struct invocation *invocation = session->invocation;
  ProtobufCMessage *request;
  struct status status = request_build(session->arena, invocation, operand, &request);
  if (!status_is_ok(status)) return failure_of_usage(invocation->json, status);
  share_request_id(session, request, operand);
  struct ordershop_answer answer = call_command(session, request);
  if (!status_is_ok(answer.status)) return fail(session, answer.status, request);
  show_one(session, answer.message, operand, invocation->operand_count > 1);
  return EXIT_DONE;
}

/* Those that the one request names (AIP-231): all of them, or a failure. */
static int call_batch_get(struct session *session) {
  const struct invocation *invocation = session->invocation;
  const ProtobufCServiceDescriptor *service = ordershop_service_descriptor(invocation->noun->service);
  const char *method = invocation->verb->batch;
  ProtobufCMessage *request =
      message_new(session->arena, protobuf_c_service_descriptor_get_method_by_name(service, method)->input);
  message_set_repeated(request, message_field(request->descriptor, "ids"), (void **)invocation->operands,
                       invocation->operand_count);
  struct ordershop_answer answer = call(session, session->arena, method, request);
  if (!status_is_ok(answer.status)) return fail(session, answer.status, request);
  const ProtobufCMessage *response = answer.message;
  void *const *values = message_repeated_values(response, &response->descriptor->fields[0]);
  size_t count = message_repeated_count(response, &response->descriptor->fields[0]);
  for (size_t i = 0; i < count; i++) show_one(session, values[i], NULL, true);
  return EXIT_DONE;
}

/* One that fails does not hold up the others. */
static int call_each(struct session *session) {
  const struct invocation *invocation = session->invocation;
  if (invocation->operand_count == 0) return call_one(session, NULL);
  if (invocation->operand_count > 1 && invocation->verb->batch) return call_batch_get(session);
  int worst = EXIT_DONE;
  for (size_t i = 0; i < invocation->operand_count && !ferror(stdout); i++) {
    int exit_status = call_one(session, invocation->operands[i]);
    if (exit_status > worst) worst = exit_status;
  }
  return worst;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

/* The list of a page, and where to go on. */
struct page {
  void *const *items;
  size_t count;
  const char *next_token;
};

static struct page page_of(const ProtobufCMessage *answer) {
  const ProtobufCFieldDescriptor *field = &answer->descriptor->fields[0]; /* AIP-158: the results come first */
  return (struct page){.items = message_repeated_values(answer, field),
                       .count = message_repeated_count(answer, field),
                       .next_token = message_text(answer, "next_page_token")};
}

static void say_that_more_follow(const struct session *session, struct arena *arena, const char *token) {
  fflush(stdout);
  if (session->invocation->json) {
    json_t *json = json_pack("{s:s}", "nextPageToken", token);
    json_dumpf(json, stderr, 0);
    fputc('\n', stderr);
    json_decref(json);
  } else {
    fprintf(stderr, "more follow: --page-token %s, or --all\n", terminal_line(arena, token));
  }
}

static void show_page(struct session *session, struct arena *arena, const struct page *page, size_t *widths) {
  const struct invocation *invocation = session->invocation;
  bool last = !*page->next_token;
  bool in_lines = invocation->json || invocation->quiet;
  void (*show_line)(const void *message) = invocation->quiet ? show_id : show_json_line;
  for (size_t i = 0; in_lines && i < page->count; i++) show_line(page->items[i]);
  if (!in_lines) {
    show_table(arena, (const void *const *)page->items, page->count, invocation->noun->view.columns, widths);
    if (last && widths[0] == 0) printf("no %s\n", invocation->noun->plural);
  }
  if (!last && !invocation->all) say_that_more_follow(session, arena, page->next_token);
}

/* Who wants all pages and did not say how large wants few. */
static void choose_page_size(const struct session *session, ProtobufCMessage *request) {
  const ProtobufCFieldDescriptor *field = message_field(request->descriptor, "page_size");
  int32_t *page_size = message_member(request, field);
  if (session->invocation->all && *page_size == 0) *page_size = PAGE_MAX;
}

/* Reads pages until the last, or one only without --all; they are shown as they come. */
static int call_pages(struct session *session) {
  const struct invocation *invocation = session->invocation;
  ProtobufCMessage *request;
  struct status status = request_build(session->arena, invocation, NULL, &request);
  if (!status_is_ok(status)) return failure_of_usage(invocation->json, status);
  size_t widths[COLUMNS_MAX] = {0};
  choose_page_size(session, request);
  for (bool more = true; more && !ferror(stdout);) {
    struct arena *arena = arena_new();
    struct ordershop_answer answer = call(session, arena, request_method(invocation)->name, request);
    status = status_copy(answer.status, session->arena);
    more = false;
    if (status_is_ok(status)) {
      struct page page = page_of(answer.message);
      show_page(session, arena, &page, widths);
      more = invocation->all && *page.next_token;
      *request_text(request, "page_token") = arena_strdup(session->arena, page.next_token);
    }
    arena_free(arena);
  }
  return status_is_ok(status) ? EXIT_DONE : fail(session, status, request);
}

int command_resource(struct session *session) {
  const struct invocation *invocation = session->invocation;
  if (invocation->from) return bulk_run(session);
  const ProtobufCMessageDescriptor *input = request_method(invocation)->input;
  bool is_list = protobuf_c_message_descriptor_get_field_by_name(input, "page_token");
  return is_list ? call_pages(session) : call_each(session);
}
