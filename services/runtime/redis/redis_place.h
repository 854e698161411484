/* SPDX-License-Identifier: Apache-2.0 */
/* Redis place: where what belongs to one service lies. It is the shop's Redis and prefix, unless the service has a
 * Redis of its own, <BRAND>_<NAME>_REDIS_URL, or a prefix of its own, <BRAND>_<NAME>_KEY_PREFIX, or both; such a place
 * has a log of its own. All who read there must be told the same. Used at start, by one thread.
 *
 * Services keep the names of variables without the brand's prefix, as their settings do, and the command line keeps
 * whole names: `prefix` is what is put before a name to make it whole, "" if it is whole already. Texts belong to the
 * arena. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/status.h"
#include "tls/tls_files.h"

struct redis_place {
  const char *owner;                            /* the service whose it is; NULL for that of all */
  const char *url, *password, *key_prefix;      /* NULL until it is settled, where it is not set */
  const char *url_variable, *password_variable; /* that had them */
  const char *prefix_variable;
  const char *log;        /* settled: name of the log there (store/positions.h), "" for that of all */
  struct tls_client *tls; /* NULL: it is spoken to in plain text */
};

/* What --help says of each setting. */
struct redis_place_helps {
  const char *url, *password, *key_prefix;
};

enum { REDIS_PLACE_SETTINGS = 3 };

/* Begins the place of `owner`, and fills the settings that say where it is, whose targets are in it: it must not
 * move until they were read. The names that are made begin with `prefix`. */
void redis_place_settings(struct arena *arena, const char *prefix, const char *owner,
                          const struct redis_place_helps *helps, struct redis_place *place,
                          struct setting settings[REDIS_PLACE_SETTINGS]);

/* Gives it what it has none of its own of from `common`, once the settings were read. Errors: INVALID_ARGUMENT
 * (CONFIGURATION_INVALID): a password without a URL, or a prefix that its cluster can't take. */
struct status redis_place_settle(struct arena *arena, const char *prefix, const struct redis_place *common,
                                 struct redis_place *place);

/* A prefix of a service's own means a log of its own: it would be that of another one, under two names. Errors:
 * INVALID_ARGUMENT (CONFIGURATION_INVALID) if two settled places have two logs in one. */
struct status redis_place_check_apart(struct arena *arena, const char *prefix, const struct redis_place *place,
                                      const struct redis_place *other);

/* Returns whether two places have the same keys: one prefix in one Redis. Only URL and prefix are looked at. */
bool redis_place_is_one(struct arena *arena, const struct redis_place *place, const struct redis_place *other);

/* Returns whether it is reached by TLS. */
bool redis_place_has_tls(struct arena *arena, const struct redis_place *place);
