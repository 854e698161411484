/* SPDX-License-Identifier: Apache-2.0 */
#include "client/target.h"

#include <stdbool.h>
#include <string.h>

static const char *without_scheme(const char *target) {
  static const char *const schemes[] = {"dns:", "ipv4:", "ipv6:"};
  for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
    if (strncmp(target, schemes[i], strlen(schemes[i])) == 0) target += strlen(schemes[i]);
  }
  return target + strspn(target, "/");
}

/* "host:port" or "[address]:port", which it writes into. */
static bool split(char *text, struct target_host *ret_host) {
  char *colon = strrchr(text, ':');
  if (!colon || colon == text || strchr(text, '/')) return false;
  if (colon[1] == '\0' || colon[1 + strspn(colon + 1, "0123456789")] != '\0') return false;
  *colon = '\0';
  bool bracketed = text[0] == '[' && colon[-1] == ']';
  if (bracketed) colon[-1] = '\0';
  *ret_host = (struct target_host){.host = bracketed ? text + 1 : text, .port = colon + 1};
  return true;
}

size_t target_hosts(struct arena *arena, const char *target, const struct target_host **ret_hosts) {
  const char *list = without_scheme(target);
  size_t most = 1, count = 0;
  for (const char *at = list; (at = strchr(at, ',')); at++) most++;
  struct target_host *hosts = arena_calloc(arena, most, sizeof(*hosts));
  for (const char *at = list; count < most; count++) {
    size_t length = strcspn(at, ",");
    if (!split(arena_memdup(arena, at, length), &hosts[count])) return 0;
    at += length + 1;
  }
  *ret_hosts = hosts;
  return count;
}
