/* SPDX-License-Identifier: Apache-2.0 */
#include "body_json.h"

#include <string.h>

static const char *skip_blanks(const char *text) {
  return text + strspn(text, " \t");
}

bool body_is(const struct http_request *request, const char *type) {
  const char *header = http_request_header(request, "Content-Type");
  size_t size = strlen(type);
  if (!header || strncasecmp(header, type, size) != 0) return false;
  const char *rest = skip_blanks(header + size);
  if (!*rest) return true;
  if (*rest != ';') return false;
  rest = skip_blanks(rest + 1);
  if (strncasecmp(rest, "charset=", strlen("charset=")) != 0) return false;
  rest += strlen("charset=");
  return strcasecmp(rest, "utf-8") == 0 || strcasecmp(rest, "\"utf-8\"") == 0;
}

struct status body_json(const struct http_request *request, json_t **ret_json) {
  json_error_t error;
  json_t *json = json_loadb(request->body, request->body_size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  if (!json) {
    return status_error(request->arena, STATUS_INVALID_ARGUMENT, reason_json_invalid,
                        "the body is not JSON: line %d, column %d: %s", error.line, error.column, error.text);
  }
  *ret_json = json;
  return status_ok();
}
