/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp_name.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/field_rules.h"
#include "base/violations.h"

static bool is_literal(const char *name) {
  char address[INET6_ADDRSTRLEN];
  unsigned char bytes[sizeof(struct in6_addr)];
  size_t size = strlen(name);
  if (size < 3 || size - 2 >= sizeof address + strlen("IPv6:") || name[size - 1] != ']') return false;
  bool six = strncasecmp(name + 1, "IPv6:", 5) == 0;
  const char *begin = name + (six ? 6 : 1);
  size_t length = (size_t)(name + size - 1 - begin);
  if (length >= sizeof address) return false;
  memcpy(address, begin, length);
  address[length] = '\0';
  return inet_pton(six ? AF_INET6 : AF_INET, address, bytes) == 1;
}

bool smtp_name_is_valid(const char *name) {
  return name[0] == '[' ? is_literal(name) : domain_is_valid(name);
}

/* What the resolver takes for the whole name of `host`, /etc/hosts included; NULL: there is none at present. */
static const char *qualify(struct arena *arena, const char *host) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME}, *found;
  if (getaddrinfo(host, NULL, &hints, &found) != 0) return NULL;
  const char *name = found->ai_canonname ? arena_strdup(arena, found->ai_canonname) : "";
  freeaddrinfo(found);
  return strchr(name, '.') && domain_is_valid(name) ? name : NULL;
}

const char *smtp_name_of_machine(struct arena *arena, bool *ret_qualified) {
  char host[HOST_NAME_MAX + 1] = "";
  if (gethostname(host, sizeof host - 1) != 0 || !domain_is_valid(host)) strcpy(host, "localhost");
  *ret_qualified = true;
  if (strchr(host, '.')) return arena_strdup(arena, host);
  const char *name = qualify(arena, host);
  *ret_qualified = name != NULL;
  return name ? name : arena_strdup(arena, host);
}
