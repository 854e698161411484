/* SPDX-License-Identifier: Apache-2.0 */
/* Event place: where the events of one service lie. It is the shop's Redis and prefix, unless the service has a Redis
 * of its own, <BRAND>_<NAME>_REDIS_URL, or a prefix of its own, <BRAND>_<NAME>_KEY_PREFIX, or both. The rules are those
 * of services (service/redis_places.h), so that both take the same settings. Used at start, by one thread. */
#pragma once

#include "base/arena.h"
#include "base/config.h"
#include "base/status.h"

struct event_place {
  const char *url, *password, *key_prefix;                        /* NULL until it is settled, where it is not set */
  const char *url_variable, *password_variable, *prefix_variable; /* that had them */
  bool is_own; /* settled: the service has a Redis or a prefix of its own */
};

enum { EVENT_PLACE_SETTINGS = 3 };

/* Fills the settings that say where the events of `service` lie; their targets are in `place`. */
void event_place_settings(struct arena *arena, const char *service, struct event_place *place,
                          struct setting settings[EVENT_PLACE_SETTINGS]);

/* Gives each place what it has none of its own of from `common`, once the settings were read. Errors: INVALID_ARGUMENT
 * (CONFIGURATION_INVALID), which names the variable. */
struct status event_places_settle(struct arena *arena, const struct event_place *common, struct event_place *places,
                                  size_t count);
