/* SPDX-License-Identifier: Apache-2.0 */
/* Redis places: where a service's own keys lie, and where the streams of other services that it follows. All lie in
 * <BRAND>_REDIS_URL behind <BRAND>_KEY_PREFIX, but those of a service that has a Redis of its own,
 * <BRAND>_<NAME>_REDIS_URL, or a prefix of its own, <BRAND>_<NAME>_KEY_PREFIX, or both: all services that follow it
 * must be told, too. Such a place has a log of its own. Part of service_settings.h. */
#pragma once

#include "service/service.h"
#include "tls/tls_files.h"

/* A Redis, and what all keys begin with there. */
struct redis_place {
  const char *owner;           /* the service whose it is */
  const char *url;             /* NULL until it is settled, where the variable is not set */
  const char *url_variable;    /* that had it, without the brand's prefix */
  const char *password;        /* read from its file; NULL if there is none */
  const char *key_prefix;      /* as `url` */
  const char *prefix_variable; /* that had it, without the brand's prefix */
  const char *log;             /* name of the log there (store/positions.h) */
  struct tls_client *tls;      /* NULL: it is spoken to in plain text */
};

struct redis_places {
  struct redis_place own;
  struct redis_place owners[SERVICE_OWNERS]; /* settled: only those that don't lie in the service's own */
  size_t owner_count;
};

enum { REDIS_PLACES_ROWS = 3 * (SERVICE_OWNERS + 1) };

/* Fills the settings that say where they are, without the brand's prefix; their targets are in `places`. Returns how
 * many there are. */
size_t redis_places_settings(const struct service_definition *definition, struct arena *arena,
                             struct redis_places *places, struct setting rows[REDIS_PLACES_ROWS]);

/* Decides, once the settings were read, what lies where; `common` is the place of all services that have none of their
 * own. `paths` are of the files for TLS. Errors: INVALID_ARGUMENT (CONFIGURATION_INVALID, CERTIFICATE_UNFIT) for the
 * terminal, which name the variable. */
struct status redis_places_settle(const struct service_definition *definition, struct arena *arena,
                                  const struct redis_place *common, const struct tls_texts *paths,
                                  struct redis_places *places);

void redis_places_close(struct redis_places *places);
