/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/bulk.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/uuid.h"
#include "client/cli/line/bulk_block.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/interrupt.h"
#include "client/cli/line/line_reader.h"
#include "client/cli/line/request_build.h"
#include "client/cli/output/output.h"
#include "client/client_reasons.h"

static struct status refuse(struct arena *arena, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_line_invalid, "%s", what);
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static bool is_blank(const struct line *line) {
  for (size_t i = 0; i < line->size; i++) {
    if (!strchr(" \t\r", line->text[i])) return false;
  }
  return true;
}

static struct status read_object(struct arena *arena, const struct line *line, json_t **ret_object) {
  json_error_t error = {.line = 0};
  json_t *json = json_loadb(line->text, line->size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  if (!json) return refuse(arena, arena_printf(arena, "is not JSON: %s, at column %d", error.text, error.column));
  if (json_is_object(json)) {
    *ret_object = json;
    return status_ok();
  }
  bool is_list = json_is_array(json);
  json_decref(json);
  return refuse(arena, is_list ? "is a list; what is wanted is an object a line (jq -c '.[]' makes them of a list)"
                               : "is not an object of JSON");
}

static struct status request_of_line(struct bulk *bulk, const struct line *line, ProtobufCMessage **ret_request) {
  if (!line->text) return refuse(bulk->arena, arena_printf(bulk->arena, "is longer than %d bytes", LINE_LENGTH_MAX));
  json_t *object = NULL;
  struct status status = read_object(bulk->arena, line, &object);
  if (!status_is_ok(status)) return status;
  status = request_of_json(bulk->arena, bulk->session->invocation, object, ret_request);
  json_decref(object);
  return status;
}

static void take_line(struct bulk *bulk, const struct line *line) {
  if (line->text && is_blank(line)) return;
  ProtobufCMessage *request = NULL;
  struct status status = request_of_line(bulk, line, &request);
  if (status_is_ok(status)) bulk_block_add(bulk, line->number, request);
  if (!status_is_ok(status)) bulk_refuse(bulk, line->number, status);
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

/* "3 customers created" */
static const char *told(struct arena *arena, const struct bulk *bulk) {
  const struct invocation *invocation = bulk->session->invocation;
  const struct noun *noun = invocation->noun;
  size_t done = bulk->done, unseen = bulk->unseen;
  const char *text =
      arena_printf(arena, "%zu %s %s", done, done == 1 ? noun->name : noun->plural, invocation->verb->done);
  return unseen > 0 ? arena_printf(arena, "%s, the last %zu not in the output", text, unseen) : text;
}

static void show_progress(struct bulk *bulk, const struct line_reader *reader) {
  size_t refused = bulk->refused;
  const char *text = told(bulk->arena, bulk);
  if (refused > 0) text = arena_printf(bulk->arena, "%s, %zu refused", text, refused);
  progress_bar_show(&bulk->progress, line_reader_done(reader), line_reader_total(reader), text);
}

/* Of one that is ended before its lines are, by a signal or an output that takes no more. */
static void say_farewell(const void *argument) {
  const struct bulk *bulk = argument;
  struct arena *arena = arena_new();
  size_t refused = bulk->refused;
  dprintf(STDERR_FILENO,
          "%sordershop: ended at line %zu: %s, %zu refused; the same command with --request-id %s goes on and does "
          "nothing twice\n",
          isatty(STDERR_FILENO) ? "\r\x1b[K" : "", (size_t)bulk->lines, told(arena, bulk), refused, bulk->seed);
  arena_free(arena);
}

static int end(struct bulk *bulk, struct status reading) {
  const struct session *session = bulk->session;
  bool json = session->invocation->json;
  size_t refused = bulk->refused;
  progress_bar_hide(&bulk->progress);
  bool failed = !status_is_ok(reading) || !status_is_ok(bulk->stop);
  if (output_error() != 0) say_farewell(bulk);
  bool tells = !json && !session->invocation->quiet && (bulk->done > 0 || !failed);
  if (tells) puts(told(session->arena, bulk));
  fflush(stdout);
  if (refused > 0 && !json) {
    fprintf(stderr, "ordershop: %zu line%s refused; put %s, mended, into a file of %s own\n", refused,
            refused == 1 ? " was" : "s were", refused == 1 ? "it" : "them", refused == 1 ? "its" : "their");
  }
  if (!status_is_ok(reading)) return failure_of_usage(json, reading);
  if (status_is_ok(bulk->stop)) return refused > 0 ? EXIT_REFUSED : EXIT_DONE;
  return failure_of_stop(session, bulk->stop, bulk->seed);
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static struct status run(struct bulk *bulk, struct line_reader *reader) {
  struct line line;
  while (status_is_ok(bulk->stop) && !ferror(stdout) && line_reader_next(reader, &line)) {
    bulk->lines = line.number;
    take_line(bulk, &line);
    if (line.number % BLOCK_LINES == 0) bulk_block_send(bulk, line.number);
    show_progress(bulk, reader);
  }
  if (!ferror(stdout)) bulk_block_send(bulk, bulk->lines);
  return line_reader_status(bulk->session->arena, reader);
}

static struct status read_seed(const struct session *session, const char **ret_seed) {
  const char *given = invocation_value(session->invocation, "request-id");
  if (given && !uuid_is_valid(given)) {
    return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage, "--request-id: \"%s\" is not a UUID",
                        given);
  }
  *ret_seed = given ? given : uuid_random(session->arena);
  return status_ok();
}

int bulk_run(struct session *session) {
  const struct invocation *invocation = session->invocation;
  struct line_reader *reader;
  const char *seed = NULL;
  struct status status = read_seed(session, &seed);
  if (status_is_ok(status)) status = line_reader_open(session->arena, invocation->from, &reader);
  if (!status_is_ok(status)) return failure_of_usage(invocation->json, status);
  struct bulk bulk = {.session = session, .seed = seed, .arena = arena_new()};
  if (invocation->verb->batch) {
    bulk.batch = protobuf_c_service_descriptor_get_method_by_name(
        ordershop_service_descriptor(invocation->noun->service), invocation->verb->batch);
  }
  interrupt_keep_pipes();
  interrupt_set_farewell(say_farewell, &bulk);
  status = run(&bulk, reader);
  interrupt_set_farewell(NULL, NULL);
  line_reader_close(reader);
  int exit_status = end(&bulk, status);
  arena_free(bulk.arena);
  return exit_status;
}
