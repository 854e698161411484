/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_health.h"

#include <curl/curl.h>
#include <string.h>

enum { TIMEOUT_MS = 3000, READY = 200 };

/* Where the listening address is reached from this machine. */
static const char *url_of(struct arena *arena, const struct gateway_settings *settings) {
  const char *listen = settings->listen, *port = strrchr(listen, ':');
  size_t size = (size_t)(port - listen);
  bool any4 = size == strlen("0.0.0.0") && strncmp(listen, "0.0.0.0", size) == 0;
  bool any6 = size == strlen("[::]") && strncmp(listen, "[::]", size) == 0;
  const char *host = any4 || any6 ? "localhost" : arena_memdup(arena, listen, size);
  return arena_printf(arena, "%s://%s%s/readyz", settings->certificate ? "https" : "http", host, port);
}

static size_t drop(char *bytes, size_t size, size_t count, void *user) {
  (void)bytes, (void)user;
  return size * count;
}

struct status gateway_health(struct arena *arena, const struct gateway_settings *settings) {
  const char *url = url_of(arena, settings);
  long code = 0;
  CURL *curl = curl_easy_init();
  if (!curl) return status_error(arena, STATUS_UNAVAILABLE, reason_not_serving, "libcurl can't be used");
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L); /* the certificate is for the names of clients */
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  CURLcode outcome = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  curl_easy_cleanup(curl);
  if (outcome == CURLE_OK && code == READY) return status_ok();
  return status_error(arena, STATUS_UNAVAILABLE, reason_not_serving, "%s: %s", url,
                      outcome == CURLE_OK ? "not ready" : curl_easy_strerror(outcome));
}
