/* SPDX-License-Identifier: Apache-2.0 */
#include "service/redis_places.h"

#include <string.h>

#include "base/config.h"
#include "redis/redis_tls.h"

/* ---- settings --------------------------------------------------------------------------------------------------- */

static bool is_listed(const struct redis_places *places, const char *owner) {
  for (size_t i = 0; i < places->owner_count; i++) {
    if (strcmp(places->owners[i].owner, owner) == 0) return true;
  }
  return false;
}

static size_t add_owner(struct arena *arena, struct redis_places *places, const char *owner, struct setting *rows) {
  if (is_listed(places, owner)) return 0;
  const struct redis_place_helps helps = {
      .url = arena_printf(arena, "the Redis of the %s service, if that has one of its own", owner),
      .password = "file whose first line is the password for that Redis",
      .key_prefix =
          arena_printf(arena, "what the keys of the %s service begin with, if with anything of its own", owner)};
  redis_place_settings(arena, "", owner, &helps, &places->owners[places->owner_count++], rows);
  return REDIS_PLACE_SETTINGS;
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
  static const struct redis_place_helps helps = {
      .url = "a Redis of this service's own, used instead of the one of the shop",
      .password = "file whose first line is the password for that Redis",
      .key_prefix = "a prefix of this service's own, put before its keys instead of the shop's, e.g. {order}:"};
  redis_place_settings(arena, "", definition->name, &helps, &places->own, rows);
  size_t count = REDIS_PLACE_SETTINGS;
  for (size_t i = 0; i < definition->subscriptions.count; i++) {
    const char *owner = definition->subscriptions.rows[i].owner;
    if (owner) count += add_owner(arena, places, owner, rows + count);
  }
  return count;
}

/* ---- what lies where -------------------------------------------------------------------------------------------- */

/* Takes out those that lie where the service's own keys do. */
static void leave_out_own(struct redis_places *places) {
  size_t count = 0;
  for (size_t i = 0; i < places->owner_count; i++) {
    if (strcmp(places->owners[i].log, places->own.log) != 0) places->owners[count++] = places->owners[i];
  }
  places->owner_count = count;
}

static struct status check_apart(struct arena *arena, const char *prefix, const struct redis_places *places) {
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < places->owner_count; i++) {
    status = redis_place_check_apart(arena, prefix, &places->owners[i], &places->own);
    for (size_t j = 0; status_is_ok(status) && j < i; j++) {
      status = redis_place_check_apart(arena, prefix, &places->owners[i], &places->owners[j]);
    }
  }
  return status;
}

/* Files for TLS must be of use for one of them. */
static struct status open_tls(struct arena *arena, const char *prefix, const struct tls_texts *paths,
                              struct redis_places *places) {
  static const struct tls_texts none;
  bool is_used = redis_place_has_tls(arena, &places->own);
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < places->owner_count; i++) {
    struct redis_place *place = &places->owners[i];
    if (!redis_place_has_tls(arena, place)) continue;
    is_used = true;
    status = redis_tls_open(arena, place->url, place->url_variable, prefix, paths, true, &place->tls);
  }
  if (!status_is_ok(status)) return status;
  const struct tls_texts *of_own = redis_place_has_tls(arena, &places->own) || !is_used ? paths : &none;
  return redis_tls_open(arena, places->own.url, places->own.url_variable, prefix, of_own, true, &places->own.tls);
}

struct status redis_places_settle(const struct service_definition *definition, struct arena *arena,
                                  const struct redis_place *common, const struct tls_texts *paths,
                                  struct redis_places *places) {
  const char *prefix = definition->brand->environment_prefix;
  places->own.owner = definition->name;
  struct status status = redis_place_settle(arena, prefix, common, &places->own);
  for (size_t i = 0; status_is_ok(status) && i < places->owner_count; i++) {
    status = redis_place_settle(arena, prefix, common, &places->owners[i]);
  }
  if (!status_is_ok(status)) return status;
  leave_out_own(places);
  status = check_apart(arena, prefix, places);
  return status_is_ok(status) ? open_tls(arena, prefix, paths, places) : status;
}

void redis_places_close(struct redis_places *places) {
  tls_client_close(places->own.tls);
  for (size_t i = 0; i < places->owner_count; i++) tls_client_close(places->owners[i].tls);
}
