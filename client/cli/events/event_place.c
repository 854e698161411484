/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/event_place.h"

#include <ctype.h>
#include <string.h>

#include "redis/redis_slot.h"
#include "redis/redis_url.h"
#include "shop_brand.h"

static const char *variable_of(struct arena *arena, const char *service, const char *what) {
  char *name = arena_printf(arena, "%s_%s", service, what);
  for (char *at = name; *at; at++) *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
  return brand_variable(&shop_brand, arena, name);
}

void event_place_settings(struct arena *arena, const char *service, struct event_place *place,
                          struct setting settings[EVENT_PLACE_SETTINGS]) {
  place->url_variable = variable_of(arena, service, "REDIS_URL");
  place->password_variable = variable_of(arena, service, "REDIS_PASSWORD_FILE");
  place->prefix_variable = variable_of(arena, service, "KEY_PREFIX");
  settings[0] = (struct setting){.variable = place->url_variable, .target = &place->url, .check = redis_url_check};
  settings[1] =
      (struct setting){.variable = place->password_variable, .kind = SETTING_SECRET, .target = &place->password};
  settings[2] =
      (struct setting){.variable = place->prefix_variable, .target = &place->key_prefix, .check = config_check_word};
}

static struct status choose(struct arena *arena, const struct event_place *common, struct event_place *place) {
  if (place->password && !place->url) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid, "%s: needs %s, too",
                        place->password_variable, place->url_variable);
  }
  place->is_own = place->url || place->key_prefix;
  if (!place->url) {
    place->url = common->url;
    place->url_variable = common->url_variable;
    place->password = common->password;
    place->password_variable = common->password_variable;
  }
  if (!place->key_prefix) {
    place->key_prefix = common->key_prefix;
    place->prefix_variable = common->prefix_variable;
  }
  return status_ok();
}

/* A cluster needs a prefix with a hash tag. */
static struct status check_prefix(struct arena *arena, const struct event_place *place) {
  struct redis_url url;
  struct status status = redis_url_parse(arena, place->url, &url);
  const char *mistake = status_is_ok(status) ? redis_prefix_mistake(&url, place->key_prefix) : NULL;
  if (!mistake) return status;
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid, "%s: %s (%s is a cluster's)",
                      place->prefix_variable, mistake, place->url_variable);
}

/* A prefix of a service's own means a log of its own: it would be that of another one, under two names. */
static struct status check_prefix_is_own(struct arena *arena, const struct event_place *place,
                                         const struct event_place *other) {
  struct redis_url url, its;
  bool is_other = (!place->is_own && !other->is_own) || strcmp(place->prefix_variable, other->prefix_variable) == 0 ||
                  strcmp(place->key_prefix, other->key_prefix) != 0;
  if (is_other || !status_is_ok(redis_url_parse(arena, place->url, &url)) ||
      !status_is_ok(redis_url_parse(arena, other->url, &its)) || !redis_url_equals(&url, &its)) {
    return status_ok();
  }
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                      "%s: must be another one than %s in the same Redis, since what has a prefix of its own has a log "
                      "of its own there",
                      place->prefix_variable, other->prefix_variable);
}

struct status event_places_settle(struct arena *arena, const struct event_place *common, struct event_place *places,
                                  size_t count) {
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < count; i++) {
    status = choose(arena, common, &places[i]);
    if (status_is_ok(status)) status = check_prefix(arena, &places[i]);
    for (size_t j = 0; status_is_ok(status) && j < i; j++) {
      status = check_prefix_is_own(arena, &places[i], &places[j]);
    }
  }
  return status;
}
