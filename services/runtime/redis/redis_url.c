/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PORT = 6379, DEFAULT_SENTINEL_PORT = 26379, MAX_PORT = 65535, MAX_DATABASE = 65535 };

#define EITHER " without a password (IPv6 addresses in brackets; rediss for TLS)"

static const char *const allowed[] = {
    [REDIS_SINGLE] =
        "a URL redis://[user@]host[:port][/database], redis+sentinel://host:port,.../NAME or "
        "redis+cluster://host:port,..." EITHER,
    [REDIS_SENTINEL] =
        "a URL redis+sentinel://[user@]host[:port],.../NAME[/database], with at most 16 sentinels, each "
        "once, and the name by which they know the master," EITHER,
    [REDIS_CLUSTER] =
        "a URL redis+cluster://[user@]host[:port],..., with at most 16 nodes, each once, and no "
        "database," EITHER,
};

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
  static const char *const arrangements[] = {
      [REDIS_SINGLE] = "://", [REDIS_SENTINEL] = "+sentinel://", [REDIS_CLUSTER] = "+cluster://"};
  if (strncmp(text, "redis", 5) != 0) return NULL;
  text += 5;
  url->tls = *text == 's';
  text += url->tls;
  for (int i = 0; i < 3; i++) {
    size_t size = strlen(arrangements[i]);
    if (strncmp(text, arrangements[i], size) != 0) continue;
    url->arrangement = (enum redis_arrangement)i;
    return text + size;
  }
  return NULL;
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

/* Cuts off what stands behind the first `/`; returns NULL if there is none. */
static char *cut_at_slash(char *text) {
  char *slash = strchr(text, '/');
  if (!slash) return NULL;
  *slash = '\0';
  return slash + 1;
}

static bool parse_database(const char *text, struct redis_url *url) {
  if (!text || *text == '\0') return true;
  url->database = parse_number(text, MAX_DATABASE);
  return url->database >= 0;
}

/* What stands behind the addresses: the database, NAME or NAME/database, or nothing. */
static bool parse_path(char *text, struct redis_url *url) {
  if (url->arrangement == REDIS_CLUSTER) return !text || *text == '\0';
  if (url->arrangement == REDIS_SINGLE) return parse_database(text, url);
  if (!text) return false;
  const char *database = cut_at_slash(text);
  url->master_name = text;
  return is_made_of(text, "-._") && parse_database(database, url);
}

static bool parse_port(char *text, struct redis_address *address) {
  if (*text == '\0') return true;
  address->port = *text == ':' ? parse_number(text + 1, MAX_PORT) : -1;
  *text = '\0';
  return address->port > 0;
}

/* host, host:port, [address] or [address]:port. */
static bool parse_address(char *text, struct redis_address *address) {
  bool bracket = text[0] == '[';
  if (bracket) text++;
  char *end = text + strcspn(text, bracket ? "]" : ":");
  if (bracket && *end != ']') return false;
  if (bracket) *end++ = '\0';
  if (!parse_port(end, address)) return false;
  address->host = text;
  return bracket ? is_made_of(text, ":.%") && strchr(text, ':') : is_made_of(text, "-._");
}

/* A place that is listed twice would have two voices. */
static bool is_listed(const struct redis_url *url, const struct redis_address *address) {
  for (size_t i = 0; i < url->address_count; i++) {
    const struct redis_address *other = &url->addresses[i];
    if (other->port == address->port && strcmp(other->host, address->host) == 0) return true;
  }
  return false;
}

static bool parse_addresses(char *text, struct redis_url *url) {
  size_t most = url->arrangement == REDIS_SINGLE ? 1 : REDIS_URL_ADDRESSES;
  for (char *next = text; next; text = next) {
    struct redis_address address = {.port = url->arrangement == REDIS_SENTINEL ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT};
    next = strchr(text, ',');
    if (next) *next++ = '\0';
    if (url->address_count == most || !parse_address(text, &address) || is_listed(url, &address)) return false;
    url->addresses[url->address_count++] = address;
  }
  return true;
}

static bool parse(char *text, struct redis_url *url) {
  *url = (struct redis_url){0};
  char *rest = parse_scheme(text, url);
  if (!rest) return false;
  rest = parse_user(rest, url);
  if (!rest) return false;
  char *path = cut_at_slash(rest);
  return parse_path(path, url) && parse_addresses(rest, url);
}

struct status redis_url_parse(struct arena *arena, const char *text, struct redis_url *ret_url) {
  struct redis_url url = {0};
  /* The text itself is not repeated: it may hold a password. */
  if (!text || !parse(arena_strdup(arena, text), &url)) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_redis_url_invalid, "the Redis URL must be %s",
                        allowed[url.arrangement]);
  }
  *ret_url = url;
  return status_ok();
}

const char *redis_url_check(const char *value) {
  struct arena *arena = arena_new();
  struct redis_url url = {0};
  bool valid = value && parse(arena_strdup(arena, value), &url);
  arena_free(arena);
  return valid ? NULL : allowed[url.arrangement];
}

const char *redis_address_text(struct arena *arena, const char *host, int port) {
  return arena_printf(arena, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

const struct redis_url *redis_url_copy(struct arena *arena, const struct redis_url *url) {
  struct redis_url *copy = arena_alloc(arena, sizeof *copy);
  *copy = *url;
  copy->user = arena_strdup(arena, url->user);
  copy->master_name = arena_strdup(arena, url->master_name);
  for (size_t i = 0; i < url->address_count; i++) copy->addresses[i].host = arena_strdup(arena, url->addresses[i].host);
  return copy;
}

bool redis_url_equals(const struct redis_url *url, const struct redis_url *other) {
  if (url->arrangement != other->arrangement || url->address_count != other->address_count) return false;
  if (url->database != other->database || url->tls != other->tls) return false;
  if (!redis_texts_equal(url->user, other->user) || !redis_texts_equal(url->master_name, other->master_name))
    return false;
  for (size_t i = 0; i < url->address_count; i++) {
    const struct redis_address *address = &url->addresses[i], *its = &other->addresses[i];
    if (address->port != its->port || strcmp(address->host, its->host) != 0) return false;
  }
  return true;
}

const char *redis_url_places(const struct redis_url *url, struct arena *arena) {
  const char *text = "";
  for (size_t i = 0; i < url->address_count; i++) {
    const struct redis_address *address = &url->addresses[i];
    text =
        arena_printf(arena, "%s%s%s", text, i > 0 ? "," : "", redis_address_text(arena, address->host, address->port));
  }
  return text;
}
