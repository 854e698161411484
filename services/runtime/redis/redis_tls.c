/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_tls.h"

#include "redis/redis_url.h"

static bool is_set(const char *path) {
  return path && *path;
}

/* Returns the end of the first variable's name that is set; NULL if none is. */
static const char *first_set(const struct tls_texts *paths) {
  if (is_set(paths->ca)) return "TLS_CA_FILE";
  if (is_set(paths->certificate)) return "TLS_CERTIFICATE_FILE";
  return is_set(paths->key) ? "TLS_KEY_FILE" : NULL;
}

struct status redis_tls_open(struct arena *arena, const char *url, const char *url_variable, const char *prefix,
                             const struct tls_texts *paths, bool logs, struct tls_client **ret_client) {
  struct redis_url parsed;
  struct status status = redis_url_parse(arena, url, &parsed);
  if (!status_is_ok(status)) return status;
  const char *own_prefix = arena_printf(arena, "%sREDIS_", prefix), *variable = first_set(paths);
  *ret_client = NULL;
  if (parsed.tls) return tls_client_open(arena, own_prefix, paths, logs, ret_client);
  if (!variable) return status_ok();
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                      "%s%s: is of no use with %s%s in plain text: it must begin with rediss", own_prefix, variable,
                      prefix, url_variable);
}
