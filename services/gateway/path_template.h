/* SPDX-License-Identifier: Apache-2.0 */
/* Path templates of google.api.http, such as "/v1/customers/{customer.id}" or "/v1/orders:listUnbilled"
 * (https://github.com/googleapis/googleapis/blob/master/google/api/http.proto). Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

struct template_segment {
  enum { SEGMENT_LITERAL, SEGMENT_ONE, SEGMENT_MANY } kind; /* text, "*", "**" */
  const char *text;                                         /* of a literal */
};

/* {field=...}: which segments it stands for. */
struct template_variable {
  const char *field; /* "customer.id" */
  size_t first, count;
};

struct path_template {
  const char *text;
  struct template_segment *segments;
  size_t segment_count;
  struct template_variable *variables;
  size_t variable_count;
  const char *verb; /* behind the last ":"; NULL if there is none */
};

/* Errors: INVALID_ARGUMENT (DEFINITION_INVALID). */
struct status path_template_parse(struct arena *arena, const char *text, struct path_template *ret_template);

/* The path of a request, taken apart. */
struct request_path {
  const char **raw, **decoded; /* of each segment */
  size_t count;
};

/* Errors: INVALID_ARGUMENT, for a path with a NUL, with "%" that is not followed by two digits, or not in UTF-8. */
struct status request_path_read(struct arena *arena, const char *path, struct request_path *ret_path);

/* Returns whether the path is one of the template's. `ret_values` has a value for each variable then; in that of more
 * than one segment, "%2F" stays as it is. */
bool path_template_match(const struct path_template *template, struct arena *arena, const struct request_path *path,
                         const char ***ret_values);

/* Orders templates: those that match fewer paths come first. 0 means that both match the same paths. */
int path_template_compare(const struct path_template *left, const struct path_template *right);

/* Decodes "%20" in `size` bytes of a text; with `form`, "+" is a blank. `kept` is a character that stays encoded, or 0.
 * Returns NULL for a NUL, a "%" without two digits, and what is no UTF-8. */
const char *percent_decode(struct arena *arena, const char *text, size_t size, bool form, char kept);
