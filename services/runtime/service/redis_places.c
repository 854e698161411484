/* SPDX-License-Identifier: Apache-2.0 */
#include "service/redis_places.h"

#include <ctype.h>
#include <string.h>

#include "base/config.h"
#include "redis/redis_slot.h"
#include "redis/redis_tls.h"

/* ---- settings --------------------------------------------------------------------------------------------------- */

/* The name of a variable about one service, without the brand's prefix, such as MAIL_REDIS_URL. */
static const char *variable_of(struct arena *arena, const char *service, const char *what) {
  char *variable = arena_printf(arena, "%s_%s", service, what);
  for (char *c = variable; *c; c++) *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
  return variable;
}

struct row_helps {
  const char *url, *password, *key_prefix;
};

static size_t add_rows(struct arena *arena, struct redis_place *place, const struct row_helps *helps,
                       struct setting *rows) {
  place->url_variable = variable_of(arena, place->owner, "REDIS_URL");
  rows[0] = (struct setting){.variable = place->url_variable,
                             .kind = SETTING_TEXT,
                             .target = &place->url,
                             .help = helps->url,
                             .check = redis_url_check};
  rows[1] = (struct setting){.variable = variable_of(arena, place->owner, "REDIS_PASSWORD_FILE"),
                             .kind = SETTING_SECRET,
                             .target = &place->password,
                             .help = helps->password};
  place->prefix_variable = variable_of(arena, place->owner, "KEY_PREFIX");
  rows[2] = (struct setting){.variable = place->prefix_variable,
                             .kind = SETTING_TEXT,
                             .target = &place->key_prefix,
                             .help = helps->key_prefix,
                             .check = config_check_word};
  return 3;
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
  const struct row_helps helps = {
      .url = arena_printf(arena, "the Redis of the %s service, if that has one of its own", owner),
      .password = "file whose first line is the password for that Redis",
      .key_prefix =
          arena_printf(arena, "what the keys of the %s service begin with, if with anything of its own", owner)};
  return add_rows(arena, place, &helps, rows);
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
  static const struct row_helps helps = {
      .url = "a Redis of this service's own, used instead of the one of the shop",
      .password = "file whose first line is the password for that Redis",
      .key_prefix = "a prefix of this service's own, put before its keys instead of the shop's, e.g. {order}:"};
  places->own.owner = definition->name;
  size_t count = add_rows(arena, &places->own, &helps, rows);
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

/* What a place has none of its own of is the common one's; without either it is the common place. */
static void choose(struct redis_place *place, const struct redis_place *common) {
  place->log = place->url || place->key_prefix ? place->owner : "";
  if (!place->url) {
    place->url = common->url;
    place->url_variable = common->url_variable;
    place->password = common->password;
  }
  if (!place->key_prefix) {
    place->key_prefix = common->key_prefix;
    place->prefix_variable = common->prefix_variable;
  }
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

static struct status check_prefix_of_url(struct arena *arena, const char *prefix, const struct redis_place *place) {
  struct redis_url url;
  struct status status = redis_url_parse(arena, place->url, &url);
  const char *mistake = status_is_ok(status) ? redis_prefix_mistake(&url, place->key_prefix) : NULL;
  if (!mistake) return status;
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid, "%s%s: %s (%s%s is a cluster's)",
                      prefix, place->prefix_variable, mistake, prefix, place->url_variable);
}

static bool are_one(struct arena *arena, const struct redis_place *place, const struct redis_place *other) {
  struct redis_url url, its;
  if (strcmp(place->key_prefix, other->key_prefix) != 0) return false;
  return status_is_ok(redis_url_parse(arena, place->url, &url)) &&
         status_is_ok(redis_url_parse(arena, other->url, &its)) && redis_url_equals(&url, &its);
}

/* A prefix of a service's own means a log of its own: it would be that of another one, under two names. */
static struct status check_prefix_is_own(struct arena *arena, const char *prefix, const struct redis_place *place,
                                         const struct redis_place *other) {
  if (strcmp(place->prefix_variable, other->prefix_variable) == 0 || strcmp(place->log, other->log) == 0 ||
      !are_one(arena, place, other)) {
    return status_ok();
  }
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                      "%s%s: must be another one than %s%s in the same Redis, since what has a prefix of its own has a "
                      "log of its own there",
                      prefix, place->prefix_variable, prefix, other->prefix_variable);
}

static struct status check_prefixes(struct arena *arena, const char *prefix, const struct redis_places *places) {
  struct status status = check_prefix_of_url(arena, prefix, &places->own);
  for (size_t i = 0; status_is_ok(status) && i < places->owner_count; i++) {
    status = check_prefix_of_url(arena, prefix, &places->owners[i]);
    if (status_is_ok(status)) status = check_prefix_is_own(arena, prefix, &places->owners[i], &places->own);
    for (size_t j = 0; status_is_ok(status) && j < i; j++) {
      status = check_prefix_is_own(arena, prefix, &places->owners[i], &places->owners[j]);
    }
  }
  return status;
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
                                  struct redis_places *places) {
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
  status = check_prefixes(arena, prefix, places);
  return status_is_ok(status) ? open_tls(arena, prefix, paths, places) : status;
}

void redis_places_close(struct redis_places *places) {
  tls_client_close(places->own.tls);
  for (size_t i = 0; i < places->owner_count; i++) tls_client_close(places->owners[i].tls);
}
