/* SPDX-License-Identifier: Apache-2.0 */
/* Redis URL: where Redis is, in one of three arrangements.
 *
 *   redis://[user@]host[:port][/database]                         one server, as registered with IANA
 *   redis+sentinel://[user@]host[:port],.../NAME[/database]       the master that sentinels know by that name
 *   redis+cluster://[user@]host[:port],...                        the master of our keys in a cluster
 *
 * The user is Redis' own in all of them. With `rediss` in place of `redis` it is TLS. IPv6 hosts stand in brackets. A
 * password in the URL is refused: secrets come from files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/status.h"

enum { REDIS_URL_ADDRESSES = 16 };

enum redis_arrangement { REDIS_SINGLE, REDIS_SENTINEL, REDIS_CLUSTER };

struct redis_address {
  const char *host;
  int port; /* if not given: 6379, and 26379 of a sentinel */
};

struct redis_url {
  enum redis_arrangement arrangement;
  const char *user; /* NULL means default user */
  /* The server's, the sentinels', or those of some nodes of the cluster, each once. */
  struct redis_address addresses[REDIS_URL_ADDRESSES];
  size_t address_count;    /* 1 of a single server */
  const char *master_name; /* by which the sentinels know it; else NULL */
  int database;            /* 0 if not given */
  bool tls;
};

/* Errors: INVALID_ARGUMENT with what is allowed. */
struct status redis_url_parse(struct arena *arena, const char *text, struct redis_url *ret_url);

/* For config.h's setting.check: returns what is allowed if `value` is not such a URL, else NULL. */
const char *redis_url_check(const char *value);

/* Returns whether both are the same text, or both NULL. */
static inline bool redis_texts_equal(const char *text, const char *other) {
  return text && other ? strcmp(text, other) == 0 : text == other;
}

/* Returns a copy with all its texts, in `arena`. */
const struct redis_url *redis_url_copy(struct arena *arena, const struct redis_url *url);

/* Returns whether both say the same, with the addresses in the same order. */
bool redis_url_equals(const struct redis_url *url, const struct redis_url *other);

/* Returns "host:port", or several separated by commas. */
const char *redis_url_places(const struct redis_url *url, struct arena *arena);

/* Returns "host:port", IPv6 hosts in brackets. */
const char *redis_address_text(struct arena *arena, const char *host, int port);
