/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_place.h"

#include <ctype.h>
#include <string.h>

#include "redis/redis_slot.h"
#include "redis/redis_url.h"

/* ---- settings --------------------------------------------------------------------------------------------------- */

static const char *variable_of(struct arena *arena, const char *prefix, const char *owner, const char *what) {
  char *name = arena_printf(arena, "%s%s_%s", prefix, owner, what);
  for (char *at = name; *at; at++) *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
  return name;
}

void redis_place_settings(struct arena *arena, const char *prefix, const char *owner,
                          const struct redis_place_helps *helps, struct redis_place *place,
                          struct setting settings[REDIS_PLACE_SETTINGS]) {
  *place = (struct redis_place){.owner = owner,
                                .url_variable = variable_of(arena, prefix, owner, "REDIS_URL"),
                                .password_variable = variable_of(arena, prefix, owner, "REDIS_PASSWORD_FILE"),
                                .prefix_variable = variable_of(arena, prefix, owner, "KEY_PREFIX")};
  settings[0] = (struct setting){.variable = place->url_variable,
                                 .kind = SETTING_TEXT,
                                 .target = &place->url,
                                 .help = helps->url,
                                 .check = redis_url_check};
  settings[1] = (struct setting){.variable = place->password_variable,
                                 .kind = SETTING_SECRET,
                                 .target = &place->password,
                                 .help = helps->password};
  settings[2] = (struct setting){.variable = place->prefix_variable,
                                 .kind = SETTING_TEXT,
                                 .target = &place->key_prefix,
                                 .help = helps->key_prefix,
                                 .check = config_check_word};
}

/* ---- what lies where -------------------------------------------------------------------------------------------- */

/* A cluster needs a prefix with a hash tag. */
static struct status check_prefix(struct arena *arena, const char *prefix, const struct redis_place *place) {
  struct redis_url url;
  struct status status = redis_url_parse(arena, place->url, &url);
  const char *mistake = status_is_ok(status) ? redis_prefix_mistake(&url, place->key_prefix) : NULL;
  if (!mistake) return status;
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid, "%s%s: %s (%s%s is a cluster's)",
                      prefix, place->prefix_variable, mistake, prefix, place->url_variable);
}

struct status redis_place_settle(struct arena *arena, const char *prefix, const struct redis_place *common,
                                 struct redis_place *place) {
  if (place->password && !place->url) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid, "%s%s: needs %s%s, too", prefix,
                        place->password_variable, prefix, place->url_variable);
  }
  place->log = place->url || place->key_prefix ? place->owner : "";
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
  return check_prefix(arena, prefix, place);
}

bool redis_place_is_one(struct arena *arena, const struct redis_place *place, const struct redis_place *other) {
  struct redis_url url, its;
  if (strcmp(place->key_prefix, other->key_prefix) != 0) return false;
  return status_is_ok(redis_url_parse(arena, place->url, &url)) &&
         status_is_ok(redis_url_parse(arena, other->url, &its)) && redis_url_equals(&url, &its);
}

struct status redis_place_check_apart(struct arena *arena, const char *prefix, const struct redis_place *place,
                                      const struct redis_place *other) {
  if (strcmp(place->prefix_variable, other->prefix_variable) == 0 || strcmp(place->log, other->log) == 0 ||
      !redis_place_is_one(arena, place, other)) {
    return status_ok();
  }
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                      "%s%s: must be another one than %s%s in the same Redis, since what has a prefix of its own has a "
                      "log of its own there",
                      prefix, place->prefix_variable, prefix, other->prefix_variable);
}

bool redis_place_has_tls(struct arena *arena, const struct redis_place *place) {
  struct redis_url url;
  return status_is_ok(redis_url_parse(arena, place->url, &url)) && url.tls; /* one that is none was refused before */
}
