/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/event_redis.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "client/client_reasons.h"
#include "redis/redis_place.h"
#include "redis/redis_tls.h"
#include "redis/redis_url.h"
#include "shop_brand.h"

struct local_shop {
  const char *home; /* NULL means not set */
  int64_t redis_port;
};

/* What is read of all settings. */
struct redis_settings {
  struct redis_place common, *places; /* of each service */
  const char *sentinel_user, *sentinel_password;
  struct tls_texts tls_paths;
  struct local_shop local;
};

/* The name of the flag for a variable: redis-url for ORDERSHOP_REDIS_URL. */
static const char *flag_of(struct arena *arena, const char *variable) {
  char *flag = arena_strdup(arena, variable + strlen(shop_brand.environment_prefix));
  for (char *at = flag; *at; at++) *at = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
  return flag;
}

/* config_read's line: those of the settings' flags that were given. */
static char **setting_arguments(struct arena *arena, const struct invocation *invocation,
                                const struct setting *settings, size_t setting_count, int *ret_count) {
  char **arguments = arena_calloc(arena, setting_count + 2, sizeof(*arguments));
  arguments[(*ret_count)++] = arena_strdup(arena, "ordershop");
  for (size_t i = 0; i < setting_count; i++) {
    const char *flag = flag_of(arena, settings[i].variable), *value = invocation_value(invocation, flag);
    if (value) arguments[(*ret_count)++] = arena_printf(arena, "--%s=%s", flag, value);
  }
  return arguments;
}

/* Where deploy/local keeps the operator's password; NULL if there is none that we may read. */
static const char *local_password_file(struct arena *arena, const struct local_shop *local) {
  const char *user_home = getenv("HOME");
  if (!local->home && !(user_home && *user_home)) return NULL;
  const char *home = local->home ? local->home : arena_printf(arena, "%s/.local/state/ordershop", user_home);
  const char *file = arena_printf(arena, "%s/redis/users/operator.password", home);
  return access(file, R_OK) == 0 ? file : NULL;
}

static struct status read_settings(struct arena *arena, const struct invocation *invocation,
                                   const char *const *services, size_t count, struct redis_settings *read) {
  struct redis_place *common = &read->common;
  const struct setting of_all[] = {
      {.variable = common->url_variable, .target = &common->url, .check = redis_url_check},
      {.variable = common->password_variable, .kind = SETTING_SECRET, .target = &common->password},
      {.variable = "ORDERSHOP_REDIS_SENTINEL_USER", .target = &read->sentinel_user},
      {.variable = "ORDERSHOP_REDIS_SENTINEL_PASSWORD_FILE",
       .kind = SETTING_SECRET,
       .target = &read->sentinel_password},
      {.variable = "ORDERSHOP_REDIS_TLS_CA_FILE", .target = &read->tls_paths.ca},
      {.variable = "ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE", .target = &read->tls_paths.certificate},
      {.variable = "ORDERSHOP_REDIS_TLS_KEY_FILE", .target = &read->tls_paths.key},
      {.variable = common->prefix_variable, .target = &common->key_prefix, .fallback = ""},
      {.variable = "ORDERSHOP_HOME", .target = &read->local.home},
      {.variable = "ORDERSHOP_REDIS_PORT",
       .kind = SETTING_INTEGER,
       .target = &read->local.redis_port,
       .fallback = "6380",
       .min = 1,
       .max = 65535},
  };
  static const struct redis_place_helps no_helps; /* the client's own flags say what they are */
  size_t total = sizeof(of_all) / sizeof(*of_all);
  struct setting *settings = arena_calloc(arena, total + count * REDIS_PLACE_SETTINGS, sizeof(*settings));
  memcpy(settings, of_all, sizeof(of_all));
  for (size_t i = 0; i < count; i++, total += REDIS_PLACE_SETTINGS) {
    redis_place_settings(arena, shop_brand.environment_prefix, services[i], &no_helps, &read->places[i],
                         settings + total);
  }
  int argument_count = 0;
  char **arguments = setting_arguments(arena, invocation, settings, total, &argument_count);
  enum config_outcome outcome;
  return config_read(arena, shop_brand.environment_prefix, "ordershop", "", settings, total, argument_count, arguments,
                     &outcome);
}

/* With neither URL nor password it is the Redis of deploy/local. */
static struct status complete_common(struct arena *arena, const struct local_shop *local, struct redis_place *common) {
  bool is_local = !common->url && !common->password;
  const char *password_file = is_local ? local_password_file(arena, local) : NULL;
  if (!common->url) {
    const char *user = password_file ? "operator@" : "";
    common->url = arena_printf(arena, "redis://%s127.0.0.1:%" PRId64 "/0", user, local->redis_port);
  }
  return password_file ? config_read_secret(arena, "ORDERSHOP_HOME", password_file, &common->password) : status_ok();
}

static struct status settle(struct arena *arena, const struct redis_place *common, struct redis_place *places,
                            size_t count) {
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < count; i++) {
    status = redis_place_settle(arena, "", common, &places[i]);
    for (size_t j = 0; status_is_ok(status) && j < i; j++) {
      status = redis_place_check_apart(arena, "", &places[i], &places[j]);
    }
  }
  return status;
}

/* Files for TLS must be of use for one of the places. */
static struct status open_tls(struct arena *arena, const struct redis_settings *read, size_t count,
                              struct event_tail_options *options) {
  static const struct tls_texts none;
  bool is_used = false;
  for (size_t i = 0; i < count; i++) is_used = is_used || redis_place_has_tls(arena, &read->places[i]);
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < count; i++) {
    const struct redis_place *place = &read->places[i];
    const char *variable = place->url_variable + strlen(shop_brand.environment_prefix);
    const struct tls_texts *paths = redis_place_has_tls(arena, place) || !is_used ? &read->tls_paths : &none;
    status =
        redis_tls_open(arena, place->url, variable, shop_brand.environment_prefix, paths, false, &options[i].redis_tls);
  }
  return status;
}

struct status event_redis_read(struct arena *arena, const struct invocation *invocation, const char *const *services,
                               size_t count, struct event_tail_options *options) {
  struct redis_settings read = {.common = {.url_variable = "ORDERSHOP_REDIS_URL",
                                           .password_variable = "ORDERSHOP_REDIS_PASSWORD_FILE",
                                           .prefix_variable = "ORDERSHOP_KEY_PREFIX"},
                                .places = arena_calloc(arena, count, sizeof(*read.places))};
  struct status status = read_settings(arena, invocation, services, count, &read);
  if (status_is_ok(status)) status = complete_common(arena, &read.local, &read.common);
  if (status_is_ok(status)) status = settle(arena, &read.common, read.places, count);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < count; i++) {
    const struct redis_place *place = &read.places[i];
    options[i].redis_url = place->url;
    options[i].redis_password = place->password;
    options[i].sentinel_user = read.sentinel_user;
    options[i].sentinel_password = read.sentinel_password;
    options[i].key_prefix = place->key_prefix;
    options[i].url_flag = flag_of(arena, place->url_variable);
    options[i].password_flag = flag_of(arena, place->password_variable);
  }
  return open_tls(arena, &read, count, options);
}

bool event_redis_is_one(struct arena *arena, const struct event_tail_options *options,
                        const struct event_tail_options *other) {
  const struct redis_place place = {.url = options->redis_url, .key_prefix = options->key_prefix};
  const struct redis_place its = {.url = other->redis_url, .key_prefix = other->key_prefix};
  return redis_place_is_one(arena, &place, &its);
}

struct status event_redis_explain(struct arena *arena, const struct event_tail_options *options, struct status status) {
  if (status_is(status, reason_redis_noperm)) {
    return status_with_message(status, arena,
                               "Redis does not let this user read the events: log in as one who may, as "
                               "--%s redis://operator@HOST:PORT/0 with --%s FILE (%s)",
                               options->url_flag, options->password_flag, status.message);
  }
  struct redis_url url;
  if (status.code != STATUS_UNAVAILABLE || !status_is_ok(redis_url_parse(arena, options->redis_url, &url)))
    return status;
  const char *places = redis_url_places(&url, arena);
  if (status_is(status, reason_redis_wrongpass) || status_is(status, reason_redis_noauth)) {
    return status_error(
        arena, STATUS_UNAUTHENTICATED, reason_redis_login_refused,
        "Redis at %s refuses the login: log in as --%s redis://operator@HOST:PORT/0 with --%s FILE (%s)", places,
        options->url_flag, options->password_flag, status.message);
  }
  return status_with_message(
      status, arena,
      "Redis doesn't serve at %s (%s): start it (deploy/local/up.sh redis), or say where it is with "
      "--%s and who you are with --%s",
      places, status.message, options->url_flag, options->password_flag);
}
