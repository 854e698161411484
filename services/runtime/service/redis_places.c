/* SPDX-License-Identifier: Apache-2.0 */
#include "service/redis_places.h"

#include <ctype.h>
#include <string.h>

#include "redis/redis_slot.h"
#include "redis/redis_tls.h"

/* ---- settings --------------------------------------------------------------------------------------------------- */

/* The name of a variable about one service, without the brand's prefix, such as MAIL_REDIS_URL. */
static const char *variable_of(struct arena *arena, const char *service, const char *what) {
  char *variable = arena_printf(arena, "%s_%s", service, what);
  for (char *c = variable; *c; c++) *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
  return variable;
}

static size_t add_rows(struct arena *arena, struct redis_place *place, const char *url_help, const char *password_help,
                       struct setting *rows) {
  place->url_variable = variable_of(arena, place->owner, "REDIS_URL");
  rows[0] = (struct setting){.variable = place->url_variable,
                             .kind = SETTING_TEXT,
                             .target = &place->url,
                             .help = url_help,
                             .check = redis_url_check};
  rows[1] = (struct setting){.variable = variable_of(arena, place->owner, "REDIS_PASSWORD_FILE"),
                             .kind = SETTING_SECRET,
                             .target = &place->password,
                             .help = password_help};
  return 2;
}

static bool is_listed(const struct redis_places *places, const char *owner) {
  for (size_t i = 0; i < places->owner_count; i++) {
    if (strcmp(places->owners[i].owner, owner) == 0) return true;
  }
  return false;
}

static size_t add_owner(struct arena *arena, struct redis_places *places, const char *owner, struct setting *rows) {
  if (is_listed(places, owner)) return 0;
  struct redis_place *place = &places->owners[places->owner_count++];
  place->owner = owner;
  return add_rows(arena, place, arena_printf(arena, "the Redis of the %s service, if that has one of its own", owner),
                  "file whose first line is the password for that Redis", rows);
}

static size_t add_logs_that_are_read(const struct service_definition *definition, struct arena *arena,
                                     struct redis_places *places, struct setting *rows) {
  size_t count = 0;
  const char *const *owner = definition->reads_logs_of;
  for (; owner && *owner; owner++) count += add_owner(arena, places, *owner, rows + count);
  return count;
}

size_t redis_places_settings(const struct service_definition *definition, struct arena *arena,
                             struct redis_places *places, struct setting rows[REDIS_PLACES_ROWS]) {
  if (definition->reads_only) return add_logs_that_are_read(definition, arena, places, rows);
  places->own.owner = definition->name;
  size_t count = add_rows(arena, &places->own, "a Redis of this service's own, used instead of the one of the shop",
                          "file whose first line is the password for that Redis", rows);
  for (size_t i = 0; i < definition->subscriptions.count; i++) {
    const char *owner = definition->subscriptions.rows[i].owner;
    if (owner) count += add_owner(arena, places, owner, rows + count);
  }
  return count;
}

/* ---- what lies where -------------------------------------------------------------------------------------------- */

static struct status check_password(const struct service_definition *definition, struct arena *arena,
                                    const struct redis_place *place) {
  if (place->url || !place->password) return status_ok();
  const char *common = brand_variable(definition->brand, arena, variable_of(arena, place->owner, "REDIS"));
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                      "%s_PASSWORD_FILE: needs %s_URL, too", common, common);
}

/* A place without a URL of its own is the common one. */
static void choose(struct redis_place *place, const struct redis_place *common) {
  const char *owner = place->owner;
  if (place->url) {
    place->log = owner;
    return;
  }
  *place = *common;
  place->owner = owner;
  place->log = "";
}

/* Takes out those that lie where the service's own keys do. */
static void leave_out_own(struct redis_places *places) {
  size_t count = 0;
  for (size_t i = 0; i < places->owner_count; i++) {
    if (strcmp(places->owners[i].log, places->own.log) != 0) places->owners[count++] = places->owners[i];
  }
  places->owner_count = count;
}

/* A URL that is none has been refused before. */
static bool has_tls(struct arena *arena, const struct redis_place *place) {
  struct redis_url url;
  return status_is_ok(redis_url_parse(arena, place->url, &url)) && url.tls;
}

static struct status check_prefix_of_url(struct arena *arena, const char *prefix, const struct redis_place *place,
                                         const char *key_prefix) {
  struct redis_url url;
  struct status status = redis_url_parse(arena, place->url, &url);
  const char *mistake = status_is_ok(status) ? redis_prefix_mistake(&url, key_prefix) : NULL;
  if (!mistake) return status;
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                      "%sKEY_PREFIX: %s (%s%s is a cluster's)", prefix, mistake, prefix, place->url_variable);
}

/* Files for TLS must be of use for one of them. */
static struct status open_tls(struct arena *arena, const char *prefix, const struct tls_texts *paths,
                              struct redis_places *places) {
  static const struct tls_texts none;
  bool is_used = has_tls(arena, &places->own);
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < places->owner_count; i++) {
    struct redis_place *place = &places->owners[i];
    if (!has_tls(arena, place)) continue;
    is_used = true;
    status = redis_tls_open(arena, place->url, place->url_variable, prefix, paths, true, &place->tls);
  }
  if (!status_is_ok(status)) return status;
  const struct tls_texts *of_own = has_tls(arena, &places->own) || !is_used ? paths : &none;
  return redis_tls_open(arena, places->own.url, places->own.url_variable, prefix, of_own, true, &places->own.tls);
}

struct status redis_places_settle(const struct service_definition *definition, struct arena *arena,
                                  const struct redis_place *common, const struct tls_texts *paths,
                                  const char *key_prefix, struct redis_places *places) {
  const char *prefix = definition->brand->environment_prefix;
  places->own.owner = definition->name;
  struct status status = check_password(definition, arena, &places->own);
  for (size_t i = 0; status_is_ok(status) && i < places->owner_count; i++) {
    status = check_password(definition, arena, &places->owners[i]);
  }
  if (!status_is_ok(status)) return status;
  choose(&places->own, common);
  for (size_t i = 0; i < places->owner_count; i++) choose(&places->owners[i], common);
  leave_out_own(places);
  status = check_prefix_of_url(arena, prefix, &places->own, key_prefix);
  for (size_t i = 0; status_is_ok(status) && i < places->owner_count; i++) {
    status = check_prefix_of_url(arena, prefix, &places->owners[i], key_prefix);
  }
  return status_is_ok(status) ? open_tls(arena, prefix, paths, places) : status;
}

void redis_places_close(struct redis_places *places) {
  tls_client_close(places->own.tls);
  for (size_t i = 0; i < places->owner_count; i++) tls_client_close(places->owners[i].tls);
}
