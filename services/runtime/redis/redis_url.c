/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PORT = 6379, MAX_PORT = 65535, MAX_DATABASE = 65535 };

static const char allowed[] =
    "a URL redis://[user@]host[:port][/database] without a password (IPv6 addresses in brackets; rediss:// for TLS)";

/* Returns the database or port that is all of `text`, or -1 if it is not a number of at most `max`. */
static int parse_number(const char *text, int max) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 5 || text[digits] != '\0') return -1;
  int number = atoi(text);
  return number <= max ? number : -1;
}

static bool is_made_of(const char *text, const char *others) {
  for (const char *c = text; *c; c++) {
    if (!isalnum((unsigned char)*c) && !strchr(others, *c)) return false;
  }
  return *text != '\0';
}

/* Takes the scheme off. Returns NULL if it is another one. */
static char *parse_scheme(char *text, struct redis_url *url) {
  if (strncmp(text, "redis://", 8) == 0) return text + 8;
  if (strncmp(text, "rediss://", 9) != 0) return NULL;
  url->tls = true;
  return text + 9;
}

/* "user@" before the host. A colon in it would start a password. */
static char *parse_user(char *text, struct redis_url *url) {
  char *at = strrchr(text, '@');
  if (!at) return text;
  *at = '\0';
  if (!is_made_of(text, "-._~!$&'()*+,;=")) return NULL;
  url->user = text;
  return at + 1;
}

static bool parse_database(char *text, struct redis_url *url) {
  char *slash = strchr(text, '/');
  if (!slash) return true;
  *slash = '\0';
  if (slash[1] == '\0') return true;
  url->database = parse_number(slash + 1, MAX_DATABASE);
  return url->database >= 0;
}

static bool parse_port(char *text, struct redis_url *url) {
  if (*text == '\0') return true;
  url->port = *text == ':' ? parse_number(text + 1, MAX_PORT) : -1;
  *text = '\0';
  return url->port > 0;
}

/* host, host:port, [address] or [address]:port. */
static bool parse_host(char *text, struct redis_url *url) {
  bool bracket = text[0] == '[';
  if (bracket) text++;
  char *end = text + strcspn(text, bracket ? "]" : ":");
  if (bracket && *end != ']') return false;
  if (bracket) *end++ = '\0';
  if (!parse_port(end, url)) return false;
  url->host = text;
  return bracket ? is_made_of(text, ":.%") && strchr(text, ':') : is_made_of(text, "-._");
}

static bool parse(char *text, struct redis_url *url) {
  *url = (struct redis_url){.port = DEFAULT_PORT};
  char *rest = parse_scheme(text, url);
  if (!rest) return false;
  rest = parse_user(rest, url);
  return rest && parse_database(rest, url) && parse_host(rest, url);
}

struct status redis_url_parse(struct arena *arena, const char *text, struct redis_url *ret_url) {
  struct redis_url url;
  /* The text itself is not repeated: it may hold a password. */
  if (!text || !parse(arena_strdup(arena, text), &url)) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_redis_url_invalid, "the Redis URL must be %s", allowed);
  }
  *ret_url = url;
  return status_ok();
}

const char *redis_url_check(const char *value) {
  struct arena *arena = arena_new();
  struct redis_url url;
  bool valid = status_is_ok(redis_url_parse(arena, value, &url));
  arena_free(arena);
  return valid ? NULL : allowed;
}
