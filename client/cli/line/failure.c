/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/failure.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/line/command.h"
#include "client/cli/output/advice.h"
#include "client/cli/output/terminal.h"
#include "client/cli/output/terminal_text.h"

/* ---- plain ------------------------------------------------------------------------------------------------------ */

/* A field's path, or with an invocation the argument that it came from. */
static const char *field_name(struct arena *arena, const struct invocation *invocation, const char *path) {
  return invocation ? advice_argument(arena, invocation, path) : terminal_line(arena, path);
}

/* An error that names the step which failed ends with what the peer has said. */
static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), end_size = strlen(end);
  return end_size <= size && strcmp(text + size - end_size, end) == 0;
}

static void print_details(struct arena *arena, const struct invocation *invocation, struct status status) {
  const struct error_details *details = status.details;
  for (const struct field_violation *at = details->violations; at; at = at->next) {
    fprintf(stderr, "  %s: %s\n", field_name(arena, invocation, at->field), terminal_line(arena, at->description));
  }
  for (const struct precondition_violation *at = details->preconditions; at; at = at->next) {
    if (ends_with(status.message, at->description)) continue; /* said already */
    fprintf(stderr, "  %s: %s\n", terminal_line(arena, at->subject), terminal_line(arena, at->description));
  }
  for (const struct error_metadata *at = details->metadata; at; at = at->next) {
    fprintf(stderr, "  %s: %s\n", terminal_line(arena, at->key), terminal_line(arena, at->value));
  }
}

static void print_head(struct arena *arena, const char *where, struct status status) {
  const char *reason = status_reason(status);
  const char *program = terminal_paint_message(arena, PAINT_BAD, "ordershop:");
  fprintf(stderr, "%s %s%s (%s%s%s)\n", program, where, terminal_line(arena, status.message),
          status_code_name(status.code), *reason ? " " : "", terminal_line(arena, reason));
}

static void print_plain(const struct invocation *invocation, struct status status) {
  struct arena *arena = arena_new();
  print_head(arena, "", status);
  if (status.details) print_details(arena, invocation, status);
  arena_free(arena);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static json_t *violations_json(const struct field_violation *violations) {
  json_t *list = json_array();
  for (const struct field_violation *at = violations; at; at = at->next) {
    json_array_append_new(list, json_pack("{s:s, s:s}", "field", at->field, "description", at->description));
  }
  return list;
}

static json_t *metadata_json(const struct error_metadata *metadata) {
  json_t *object = json_object();
  for (const struct error_metadata *at = metadata; at; at = at->next) {
    json_object_set_new(object, at->key, json_string(at->value));
  }
  return object;
}

static void print_json(struct status status, const char *request_id, size_t line) {
  static const struct error_details none;
  const struct error_details *details = status.details ? status.details : &none;
  json_t *error = json_pack("{s:s, s:s, s:s}", "code", status_code_name(status.code), "reason", status_reason(status),
                            "message", status.message);
  if (details->violations) json_object_set_new(error, "fieldViolations", violations_json(details->violations));
  if (details->metadata) json_object_set_new(error, "metadata", metadata_json(details->metadata));
  if (details->resource_type) {
    json_object_set_new(error, "resource",
                        json_pack("{s:s, s:s?}", "type", details->resource_type, "name", details->resource_name));
  }
  if (details->retry_delay_ms > 0) json_object_set_new(error, "retryDelayMs", json_integer(details->retry_delay_ms));
  if (request_id) json_object_set_new(error, "requestId", json_string(request_id));
  if (line > 0) json_object_set_new(error, "line", json_integer((json_int_t)line));
  json_t *whole = json_pack("{s:o}", "error", error);
  json_dumpf(whole, stderr, 0);
  fputc('\n', stderr);
  json_decref(whole);
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

int failure_exit_status(struct status status) {
  bool later = status.code == STATUS_UNAVAILABLE || status.code == STATUS_DEADLINE_EXCEEDED ||
               (status.code == STATUS_RESOURCE_EXHAUSTED && status.details && status.details->retry_delay_ms > 0);
  return later ? EXIT_UNAVAILABLE : EXIT_REFUSED;
}

int failure_of_usage(bool json, struct status status) {
  struct arena *arena = arena_new();
  if (json) print_json(status, NULL, 0);
  if (!json) {
    fprintf(stderr, "%s %s\n", terminal_paint_message(arena, PAINT_BAD, "ordershop:"),
            terminal_line(arena, status.message));
  }
  arena_free(arena);
  return EXIT_USAGE;
}

/* Whether the command may have been carried out although its answer is missing. */
static bool is_unknown(struct status status) {
  return status.code == STATUS_UNAVAILABLE || status.code == STATUS_DEADLINE_EXCEEDED;
}

static int say(const struct session *session, bool json, struct status status, const char *request_id) {
  const char *repeat_with = is_unknown(status) ? request_id : NULL;
  if (json) {
    print_json(status, repeat_with, 0);
    return failure_exit_status(status);
  }
  struct arena *arena = arena_new();
  print_plain(session ? session->invocation : NULL, status);
  const char *advice = session ? advice_after(arena, session, status) : NULL;
  if (advice) fprintf(stderr, "  %s\n", advice);
  if (repeat_with) {
    fprintf(stderr, "  it may have been carried out; to repeat it safely: --request-id %s\n", repeat_with);
  }
  arena_free(arena);
  return failure_exit_status(status);
}

int failure_of_call(bool json, struct status status, const char *request_id) {
  return say(NULL, json, status, request_id);
}

int failure_of_usage_or_call(const struct session *session, struct status status) {
  bool json = session->invocation->json;
  return status_is(status, reason_usage) ? failure_of_usage(json, status) : failure_of_call(json, status, NULL);
}

int failure_of_command(const struct session *session, struct status status, const char *request_id) {
  return say(session, session->invocation->json, status, request_id);
}

int failure_of_line(const struct session *session, struct status status, size_t line) {
  if (session->invocation->json) {
    print_json(status, NULL, line);
    return failure_exit_status(status);
  }
  struct arena *arena = arena_new();
  print_head(arena, arena_printf(arena, "line %zu: ", line), status);
  arena_free(arena);
  return failure_exit_status(status);
}

int failure_of_stop(const struct session *session, struct status status, const char *request_id) {
  if (session->invocation->json) {
    print_json(status, request_id, 0);
    return failure_exit_status(status);
  }
  failure_of_command(session, status, NULL);
  fprintf(stderr, "  the same command with --request-id %s goes on, and does nothing twice\n", request_id);
  return failure_exit_status(status);
}
