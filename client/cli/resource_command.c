/* All verbs of all resources: build the request, call, show the answer. */
#include <google/protobuf/empty.pb-c.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "client/cli/commands.h"
#include "client/cli/failure.h"
#include "client/cli/request_build.h"
#include "client/cli/show.h"
#include "client/cli/terminal_text.h"
#include "client/json.h"

enum { PAGE_MOST = 1000 }; /* what services give at most */

static struct ordershop_answer call(struct session *session, struct arena *arena, const ProtobufCMessage *request) {
  const struct context context = {.arena = arena};
  return ordershop_call(session->client, &context, session->invocation->noun->service,
                        request_method(session->invocation)->name, request);
}

static int fail(struct session *session, struct status status, ProtobufCMessage *request) {
  const char **request_id = request_text(request, "request_id");
  return failure_of_call(session->invocation->json, status, request_id ? *request_id : NULL);
}

/* ---- one answer ------------------------------------------------------------------------------------------------- */

static void show_one(struct session *session, const ProtobufCMessage *answer) {
  const struct invocation *invocation = session->invocation;
  if (invocation->json) {
    show_json(answer);
  } else if (answer->descriptor == &google__protobuf__empty__descriptor) {
    printf("%s %s is deleted\n", invocation->noun->name, terminal_line(session->arena, invocation->operands[0]));
  } else {
    show_record(session->arena, answer, invocation->noun->view.record);
  }
}

static int call_once(struct session *session, ProtobufCMessage *request) {
  struct ordershop_answer answer = call(session, session->arena, request);
  if (!status_is_ok(answer.status)) return fail(session, answer.status, request);
  show_one(session, answer.message);
  return EXIT_DONE;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

/* The list of a page, and where to go on. */
struct page {
  const ProtobufCFieldDescriptor *field;
  const void *const *items;
  size_t count;
  const char *next_token;
};

static struct page page_of(const ProtobufCMessage *answer) {
  const ProtobufCFieldDescriptor *field = &answer->descriptor->fields[0]; /* AIP-158: the results come first */
  return (struct page){.field = field,
                       .items = *(const void *const *const *)message_member(answer, field),
                       .count = *(const size_t *)(const void *)((const char *)answer + field->quantifier_offset),
                       .next_token = message_text(answer, "next_page_token")};
}

static void show_page(struct session *session, struct arena *arena, const struct page *page, size_t *widths) {
  const struct noun *noun = session->invocation->noun;
  bool last = !*page->next_token;
  show_table(arena, page->items, page->count, noun->view.columns, widths);
  if (last && widths[0] == 0) printf("no %s\n", noun->plural);
  if (last || session->invocation->all) return;
  fflush(stdout);
  fprintf(stderr, "more follow: --page-token %s, or --all\n", terminal_line(arena, page->next_token));
}

/* Adds the items of `answer` to the JSON of the answers before. */
static json_t *merge_json(json_t *whole, const ProtobufCMessage *answer) {
  json_t *json = json_of_message(answer);
  if (!whole) return json;
  const char *key;
  json_t *value;
  json_object_foreach(json, key, value) {
    if (json_is_array(value)) json_array_extend(json_object_get(whole, key), value);
    if (!json_is_array(value)) json_object_set(whole, key, value);
  }
  json_decref(json);
  return whole;
}

static void show_whole_json(json_t *whole) {
  json_dumpf(whole, stdout, JSON_INDENT(2));
  putchar('\n');
}

/* Who wants all pages and did not say how large wants few. */
static void choose_page_size(const struct session *session, ProtobufCMessage *request) {
  const ProtobufCFieldDescriptor *field = message_field(request->descriptor, "page_size");
  int32_t *page_size = message_member(request, field);
  if (session->invocation->all && *page_size == 0) *page_size = PAGE_MOST;
}

/* Reads pages until the last, or one only without --all. Plain pages are shown as they come. */
static int call_pages(struct session *session, ProtobufCMessage *request) {
  const struct invocation *invocation = session->invocation;
  size_t widths[COLUMNS_MOST] = {0};
  json_t *whole = NULL;
  struct status status = status_ok();
  choose_page_size(session, request);
  for (bool more = true; more;) {
    struct arena *arena = arena_new();
    struct ordershop_answer answer = call(session, arena, request);
    status = status_copy(answer.status, session->arena);
    more = false;
    if (status_is_ok(answer.status)) {
      struct page page = page_of(answer.message);
      if (invocation->json) whole = merge_json(whole, answer.message);
      if (!invocation->json) show_page(session, arena, &page, widths);
      more = invocation->all && *page.next_token;
      *request_text(request, "page_token") = arena_strdup(session->arena, page.next_token);
    }
    arena_free(arena);
  }
  if (whole && status_is_ok(status)) show_whole_json(whole);
  json_decref(whole);
  return status_is_ok(status) ? EXIT_DONE : fail(session, status, request);
}

int command_resource(struct session *session) {
  ProtobufCMessage *request;
  struct status status = request_build(session->arena, session->invocation, &request);
  if (!status_is_ok(status)) return failure_of_usage(session->invocation->json, status);
  bool is_list = request_text(request, "page_token") != NULL;
  return is_list ? call_pages(session, request) : call_once(session, request);
}
