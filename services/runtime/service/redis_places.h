/* SPDX-License-Identifier: Apache-2.0 */
/* Redis places: where a service's own keys lie, and where the streams of other services that it follows
 * (redis/redis_place.h). Part of service_settings.h. */
#pragma once

#include "redis/redis_place.h"
#include "service/service.h"

struct redis_places {
  struct redis_place own;
  struct redis_place owners[SERVICE_OWNERS]; /* settled: only those that don't lie in the service's own */
  size_t owner_count;
};

enum { REDIS_PLACES_ROWS = REDIS_PLACE_SETTINGS * (SERVICE_OWNERS + 1) };

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
