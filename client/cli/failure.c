#include "client/cli/failure.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/command.h"
#include "client/cli/terminal_text.h"

/* ---- plain ------------------------------------------------------------------------------------------------------ */

static void print_details(struct arena *arena, const char *message, const struct error_details *details) {
  for (const struct field_violation *at = details->violations; at; at = at->next) {
    fprintf(stderr, "  %s: %s\n", terminal_line(arena, at->field), terminal_line(arena, at->description));
  }
  for (const struct precondition_violation *at = details->preconditions; at; at = at->next) {
    if (strcmp(at->description, message) == 0) continue; /* said already */
    fprintf(stderr, "  %s: %s\n", terminal_line(arena, at->subject), terminal_line(arena, at->description));
  }
  for (const struct error_metadata *at = details->metadata; at; at = at->next) {
    fprintf(stderr, "  %s: %s\n", terminal_line(arena, at->key), terminal_line(arena, at->value));
  }
}

static void print_plain(struct status status) {
  struct arena *arena = arena_new();
  const char *reason = status_reason(status);
  fprintf(stderr, "ordershop: %s (%s%s%s)\n", terminal_line(arena, status.message), status_code_name(status.code),
          *reason ? " " : "", terminal_line(arena, reason));
  if (status.details) print_details(arena, status.message, status.details);
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

static void print_json(struct status status, const char *request_id) {
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
  if (request_id) json_object_set_new(error, "requestId", json_string(request_id));
  json_t *whole = json_pack("{s:o}", "error", error);
  json_dumpf(whole, stderr, 0);
  fputc('\n', stderr);
  json_decref(whole);
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

int failure_of_usage(bool json, struct status status) {
  if (json) {
    print_json(status, NULL);
  } else {
    fprintf(stderr, "ordershop: %s\n", status.message);
  }
  return EXIT_USAGE;
}

int failure_of_call(bool json, struct status status, const char *request_id) {
  bool unavailable = status.code == STATUS_UNAVAILABLE || status.code == STATUS_DEADLINE_EXCEEDED;
  const char *repeat_with = unavailable ? request_id : NULL;
  if (json) {
    print_json(status, repeat_with);
  } else {
    print_plain(status);
    if (repeat_with)
      fprintf(stderr, "  it may have been carried out; to repeat it safely: --request-id %s\n", repeat_with);
  }
  return unavailable ? EXIT_UNAVAILABLE : EXIT_REFUSED;
}
