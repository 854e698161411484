/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/event_redis.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/config.h"
#include "client/client_reasons.h"
#include "redis/redis_tls.h"
#include "redis/redis_url.h"
#include "shop_brand.h"

struct local_shop {
  const char *home; /* NULL means not set */
  int64_t redis_port;
};

/* config_read's line: those of its flags that were given. */
static char **setting_arguments(struct arena *arena, const struct invocation *invocation, int *ret_count) {
  static const char *const flags[] = {"redis-url",         "redis-password-file",        "key-prefix",
                                      "redis-tls-ca-file", "redis-tls-certificate-file", "redis-tls-key-file"};
  enum { FLAGS = sizeof(flags) / sizeof(*flags) };
  char **arguments = arena_calloc(arena, FLAGS + 2, sizeof(*arguments));
  arguments[(*ret_count)++] = arena_strdup(arena, "ordershop");
  for (size_t i = 0; i < FLAGS; i++) {
    const char *value = invocation_value(invocation, flags[i]);
    if (value) arguments[(*ret_count)++] = arena_printf(arena, "--%s=%s", flags[i], value);
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

struct status event_redis_read(struct arena *arena, const struct invocation *invocation,
                               struct event_tail_options *options) {
  struct local_shop local;
  struct tls_texts tls_paths = {0};
  const struct setting settings[] = {
      {.variable = "ORDERSHOP_REDIS_URL", .target = &options->redis_url, .check = redis_url_check},
      {.variable = "ORDERSHOP_REDIS_PASSWORD_FILE", .kind = SETTING_SECRET, .target = &options->redis_password},
      {.variable = "ORDERSHOP_REDIS_SENTINEL_USER", .target = &options->sentinel_user},
      {.variable = "ORDERSHOP_REDIS_SENTINEL_PASSWORD_FILE",
       .kind = SETTING_SECRET,
       .target = &options->sentinel_password},
      {.variable = "ORDERSHOP_REDIS_TLS_CA_FILE", .target = &tls_paths.ca},
      {.variable = "ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE", .target = &tls_paths.certificate},
      {.variable = "ORDERSHOP_REDIS_TLS_KEY_FILE", .target = &tls_paths.key},
      {.variable = "ORDERSHOP_KEY_PREFIX", .target = &options->key_prefix, .fallback = ""},
      {.variable = "ORDERSHOP_HOME", .target = &local.home},
      {.variable = "ORDERSHOP_REDIS_PORT",
       .kind = SETTING_INTEGER,
       .target = &local.redis_port,
       .fallback = "6380",
       .min = 1,
       .max = 65535},
  };
  int count = 0;
  char **arguments = setting_arguments(arena, invocation, &count);
  enum config_outcome outcome;
  struct status status = config_read(arena, shop_brand.environment_prefix, "ordershop", "", settings,
                                     sizeof(settings) / sizeof(*settings), count, arguments, &outcome);
  if (!status_is_ok(status)) return status;
  bool is_local = !options->redis_url && !options->redis_password;
  const char *password_file = is_local ? local_password_file(arena, &local) : NULL;
  if (!options->redis_url) {
    const char *user = password_file ? "operator@" : "";
    options->redis_url = arena_printf(arena, "redis://%s127.0.0.1:%" PRId64 "/0", user, local.redis_port);
  }
  if (password_file) status = config_read_secret(arena, "ORDERSHOP_HOME", password_file, &options->redis_password);
  if (!status_is_ok(status)) return status;
  return redis_tls_open(arena, options->redis_url, "REDIS_URL", shop_brand.environment_prefix, &tls_paths, false,
                        &options->redis_tls);
}

struct status event_redis_explain(struct arena *arena, const struct event_tail_options *options, struct status status) {
  if (status_is(status, reason_redis_noperm)) {
    return status_with_message(status, arena,
                               "Redis does not let this user read the events: log in as one who may, as "
                               "--redis-url redis://operator@HOST:PORT/0 with --redis-password-file FILE (%s)",
                               status.message);
  }
  struct redis_url url;
  if (status.code != STATUS_UNAVAILABLE || !status_is_ok(redis_url_parse(arena, options->redis_url, &url)))
    return status;
  const char *places = redis_url_places(&url, arena);
  if (status_is(status, reason_redis_wrongpass) || status_is(status, reason_redis_noauth)) {
    return status_error(arena, STATUS_UNAUTHENTICATED, reason_redis_login_refused,
                        "Redis at %s refuses the login: log in as --redis-url redis://operator@HOST:PORT/0 with "
                        "--redis-password-file FILE (%s)",
                        places, status.message);
  }
  return status_with_message(
      status, arena,
      "Redis doesn't serve at %s (%s): start it (deploy/local/up.sh redis), or say where it is with "
      "--redis-url and who you are with --redis-password-file",
      places, status.message);
}
