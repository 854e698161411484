/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/bulk_block.h"

#include <google/protobuf/field_mask.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/uuid.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/request_build.h"
#include "client/cli/output/show.h"

void bulk_refuse(struct bulk *bulk, size_t line, struct status status) {
  bulk->refused++;
  progress_bar_hide(&bulk->progress);
  fflush(stdout);
  failure_of_line(bulk->session, status, line);
}

/* What every further line would meet. */
static bool ends_all(struct status status) {
  return failure_exit_status(status) == EXIT_UNAVAILABLE || status.code == STATUS_CANCELLED ||
         status.code == STATUS_PERMISSION_DENIED || status.code == STATUS_UNAUTHENTICATED ||
         status.code == STATUS_UNIMPLEMENTED;
}

static void stop(struct bulk *bulk, struct status status) {
  bulk->stop = status_copy(status, bulk->session->arena);
}

static const char *derived_id(const struct bulk *bulk, const char *what, size_t number) {
  const struct invocation *invocation = bulk->session->invocation;
  const char *text = arena_printf(bulk->arena, "%s %s %s %zu", bulk->seed, invocation->verb->method, what, number);
  return uuid_derive_text(bulk->arena, "bulk", text);
}

/* Line and count at once: whoever ends the program says how many there are, and means those in the output. */
static void show_done(struct bulk *bulk, const void *answer) {
  const struct invocation *invocation = bulk->session->invocation;
  bool shows = invocation->json || invocation->quiet;
  if (shows) progress_bar_hide(&bulk->progress);
  flockfile(stdout);
  if (invocation->quiet) show_id(answer);
  if (shows && !invocation->quiet) show_json_line(answer);
  if (shows && ferror(stdout)) bulk->unseen++;
  bulk->done++;
  funlockfile(stdout);
}

/* The same status with a message that names all violated fields as they stand in the line. `index` is the line's place
 * in a batch, or -1. Unchanged if no violation is about it. */
static struct status told_for_line(struct arena *arena, struct status status, long index) {
  const struct field_violation *at = status.details ? status.details->violations : NULL;
  const char *message = "";
  for (; at; at = at->next) {
    const char *bracket = strchr(at->field, '['), *dot = strchr(at->field, '.');
    if (index >= 0 && (!bracket || strtol(bracket + 1, NULL, 10) != index)) continue;
    message =
        arena_printf(arena, "%s%s%s %s", message, *message ? "; " : "", dot ? dot + 1 : at->field, at->description);
  }
  if (*message) status.message = message;
  return status;
}

/* ---- one by one ------------------------------------------------------------------------------------------------- */

static void send_one(struct bulk *bulk, const struct bulk_item *item) {
  struct session *session = bulk->session;
  const char **request_id = request_text(item->request, "request_id");
  if (request_id && !**request_id) *request_id = derived_id(bulk, "line", item->line);
  const struct context context = {.arena = bulk->arena};
  struct ordershop_answer answer = ordershop_call(session->client, &context, session->invocation->noun->service,
                                                  request_method(session->invocation)->name, item->request);
  if (status_is_ok(answer.status)) {
    show_done(bulk, answer.message);
  } else if (ends_all(answer.status)) {
    stop(bulk, answer.status);
  } else {
    bulk_refuse(bulk, item->line, told_for_line(bulk->arena, answer.status, -1));
  }
}

static void send_one_by_one(struct bulk *bulk) {
  for (size_t i = 0; i < bulk->count && status_is_ok(bulk->stop) && !ferror(stdout); i++)
    send_one(bulk, &bulk->items[i]);
  bulk->count = 0;
}

/* ---- batches ---------------------------------------------------------------------------------------------------- */

static ProtobufCMessage *batch_request(struct bulk *bulk, size_t block) {
  ProtobufCMessage *request = message_new(bulk->arena, bulk->batch->input);
  void **resources = arena_calloc(bulk->arena, bulk->count, sizeof(*resources));
  for (size_t i = 0; i < bulk->count; i++) resources[i] = bulk->items[i].resource;
  const ProtobufCFieldDescriptor *field =
      message_field_of_type(request->descriptor, bulk->items[0].resource->descriptor);
  message_set_repeated(request, field, resources, bulk->count);
  message_set_text(request, "request_id", derived_id(bulk, "block", block));
  return request;
}

/* Reports the lines that the violations name and takes them out of the block. Returns false if they name none. */
static bool take_out_refused(struct bulk *bulk, struct status status) {
  size_t kept = 0;
  for (size_t i = 0; i < bulk->count; i++) {
    struct status of_line = told_for_line(bulk->arena, status, (long)i);
    bool refused = of_line.message != status.message;
    if (refused) bulk_refuse(bulk, bulk->items[i].line, of_line);
    if (!refused) bulk->items[kept++] = bulk->items[i];
  }
  bool any = kept < bulk->count;
  bulk->count = kept;
  return any;
}

/* The block was carried out before, with other lines. */
static void refuse_changed(struct bulk *bulk, struct status status) {
  size_t last = bulk->items[bulk->count - 1].line;
  status.message = arena_printf(bulk->arena,
                                "this block of lines, to line %zu, was carried out with this --request-id before, and "
                                "has changed since; put what is new into a file of its own",
                                last);
  bulk_refuse(bulk, bulk->items[0].line, status);
  bulk->refused += bulk->count - 1;
  bulk->count = 0;
}

/* The answer's list has the order of the request. */
static void show_batch(struct bulk *bulk, const ProtobufCMessage *answer) {
  const ProtobufCFieldDescriptor *field =
      message_field_of_type(answer->descriptor, bulk->items[0].resource->descriptor);
  void *const *values = message_repeated_values(answer, field);
  size_t count = message_repeated_count(answer, field);
  for (size_t i = 0; i < count; i++) show_done(bulk, values[i]);
  bulk->count = 0;
}

/* Refused lines are taken out and the rest is sent again with the same id: it is free, since only successes are
 * remembered; and a later run whose lines were mended meets it and is refused, instead of doing the block again. */
static void send_batch(struct bulk *bulk, size_t block) {
  struct session *session = bulk->session;
  while (bulk->count > 0) {
    const struct context context = {.arena = bulk->arena};
    struct ordershop_answer answer = ordershop_call(session->client, &context, session->invocation->noun->service,
                                                    bulk->batch->name, batch_request(bulk, block));
    if (status_is_ok(answer.status)) {
      show_batch(bulk, answer.message);
    } else if (ends_all(answer.status)) {
      stop(bulk, answer.status);
      return;
    } else if (status_is(answer.status, reason_request_id_reused)) {
      refuse_changed(bulk, answer.status);
    } else if (!take_out_refused(bulk, answer.status)) {
      send_one_by_one(bulk);
      return;
    }
  }
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

/* The resource that the request for one carries; not the mask of an update. */
static ProtobufCMessage *carried(const ProtobufCMessage *request) {
  for (unsigned i = 0; i < request->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &request->descriptor->fields[i];
    bool is_resource = field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED &&
                       field->descriptor != &google__protobuf__field_mask__descriptor;
    if (is_resource) return *(ProtobufCMessage *const *)message_member(request, field);
  }
  return NULL;
}

void bulk_block_add(struct bulk *bulk, size_t line, ProtobufCMessage *request) {
  struct bulk_item *item = &bulk->items[bulk->count++];
  *item = (struct bulk_item){.line = line, .request = request, .resource = carried(request)};
  /* Mails take their ids from the caller, and one that exists is not sent again; other services ignore them. */
  if (bulk->batch && !*message_text(item->resource, "id")) {
    message_set_text(item->resource, "id", derived_id(bulk, "resource", line));
  }
  bulk->bytes += protobuf_c_message_get_packed_size(request);
  bulk->too_big = bulk->too_big || bulk->bytes > BLOCK_BYTES;
  if (!bulk->batch || bulk->too_big) send_one_by_one(bulk);
}

void bulk_block_send(struct bulk *bulk, size_t last_line) {
  if (status_is_ok(bulk->stop)) send_batch(bulk, (last_line + BLOCK_LINES - 1) / BLOCK_LINES);
  bulk->count = bulk->bytes = 0;
  bulk->too_big = false;
  arena_reset(bulk->arena);
}
