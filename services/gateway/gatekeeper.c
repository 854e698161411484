/* SPDX-License-Identifier: Apache-2.0 */
#include "gatekeeper.h"

#include <openssl/crypto.h>
#include <string.h>

#include "answer.h"
#include "console.h"
#include "per_service_call.h"

/* ---- names ------------------------------------------------------------------------------------------------------ */

static bool is_in(const char *const *list, const char *text) {
  for (; *list; list++) {
    if (strcasecmp(*list, text) == 0) return true;
  }
  return false;
}

/* "localhost:5000", "[::1]:5000" without the port. */
static const char *host_of(struct arena *arena, const char *header) {
  size_t size = *header == '[' ? strcspn(header, "]") + 1 : strcspn(header, ":");
  if (size > strlen(header)) return "";
  const char *rest = header + size;
  bool has_port = *rest == ':' && !rest[1 + strspn(rest + 1, "0123456789")];
  return !*rest || has_port ? arena_memdup(arena, header, size) : "";
}

static bool is_own_name(const struct gateway *gateway, const struct http_request *request) {
  static const char *const local[] = {"localhost", "127.0.0.1", "[::1]", NULL};
  const char *host = host_of(request->arena, http_request_header(request, "Host"));
  return is_in(local, host) || is_in(gateway->settings.hosts, host);
}

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

static bool is_read(const struct gateway *gateway, const struct http_request *request) {
  if (strcmp(request->method, "POST") != 0) {
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0 ||
           strcmp(request->method, "OPTIONS") == 0;
  }
  const struct contract *contract = gateway->offer->contract;
  const struct api_method *method = contract_method(contract, request->path);
  if (!method) method = per_service_method(contract, request->path);
  return method && method->reads;
}

static bool is_token(const char *given, const char *token) {
  size_t size = token ? strlen(token) : 0;
  return token && strlen(given) == size && CRYPTO_memcmp(given, token, size) == 0;
}

static bool has_token(const struct gateway *gateway, const struct http_request *request) {
  const struct gateway_settings *settings = &gateway->settings;
  bool read = is_read(gateway, request);
  const char *needed = read || !settings->write_token ? settings->read_token : settings->write_token;
  if (!needed) return true;
  const char *header = http_request_header(request, "Authorization");
  if (!header || strncasecmp(header, "Bearer ", strlen("Bearer ")) != 0) return false;
  const char *given = header + strlen("Bearer ");
  return is_token(given, needed) || (read && is_token(given, settings->write_token));
}

/* ---- pages of others -------------------------------------------------------------------------------------------- */

/* Returns true if the request was the question before the call, and is answered. */
static bool answer_origin(const struct gateway *gateway, struct http_request *request) {
  const char *origin = http_request_header(request, "Origin");
  if (gateway->settings.origins[0]) http_answer_header(request, "Vary", "Origin");
  if (!origin || !is_in(gateway->settings.origins, origin)) return false;
  http_answer_header(request, "Access-Control-Allow-Origin", origin);
  http_answer_header(request, "Access-Control-Expose-Headers",
                     "ETag, Retry-After, ordershop-position, trailer-ordershop-position");
  const char *method = http_request_header(request, "Access-Control-Request-Method");
  if (!method || strcmp(request->method, "OPTIONS") != 0) return false;
  http_answer_header(request, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
  http_answer_header(request, "Access-Control-Allow-Headers",
                     "Authorization, Content-Type, Connect-Protocol-Version, Connect-Timeout-Ms, Idempotency-Key, "
                     "If-Match, Last-Event-ID, ordershop-after, traceparent");
  http_answer_header(request, "Access-Control-Max-Age", "7200");
  http_answer(request, 204, NULL, "", 0);
  return true;
}

void gatekeeper_admit(const struct gateway *gateway, struct http_request *request) {
  http_answer_header(request, "X-Content-Type-Options", "nosniff");
  bool is_console = console_is_path(request->path);
  http_answer_header(request, "Cache-Control", is_console ? "no-cache" : "no-store");
  if (!is_own_name(gateway, request)) {
    answer_error(request, 421, "The gateway is not known by the name in Host: set ORDERSHOP_GATEWAY_HOSTS.");
    return;
  }
  if (is_console) return;
  if (answer_origin(gateway, request) || has_token(gateway, request)) return;
  http_answer_header(request, "WWW-Authenticate", "Bearer");
  answer_error(request, 401, "A bearer token is needed: Authorization: Bearer ...");
}
