/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service_settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "redis/redis_url.h"

static const char *const tls_clients[] = {[RPC_CLIENTS_CERTIFIED] = "certified", [RPC_CLIENTS_ANY] = "any", NULL};
static const char *const replicas_missing[] = {[REPLICAS_REFUSE] = "refuse", [REPLICAS_WARN] = "warn", NULL};

/* A list that is written with blanks would quietly let nobody in. */
static const char *check_callers(const char *value) {
  const char *allowed = "names of services separated by commas alone, as in order,returns";
  size_t length;
  for (const char *name = value;; name += length + 1) {
    length = strcspn(name, ",");
    if (length == 0 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-/") < length) return allowed;
    if (!name[length]) return NULL;
  }
}

struct setting_list {
  struct arena *arena;
  struct setting *settings;
  size_t count, capacity;
};

static void add_setting(struct setting_list *list, struct setting setting) {
  if (list->count == list->capacity) {
    list->capacity = list->capacity ? 2 * list->capacity : 32;
    struct setting *settings = arena_calloc(list->arena, list->capacity, sizeof *settings);
    if (list->count > 0) memcpy(settings, list->settings, list->count * sizeof *settings);
    list->settings = settings;
  }
  list->settings[list->count++] = setting;
}

/* A setting of the service's own could otherwise take the place of a common one, without a word. */
static struct status check_unique(const struct setting_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    for (size_t j = 0; j < i; j++) {
      if (strcmp(list->settings[i].variable, list->settings[j].variable) != 0) continue;
      return status_error(list->arena, STATUS_INVALID_ARGUMENT, reason_definition_invalid,
                          "the service's definition has a setting %s, which there is already",
                          list->settings[i].variable);
    }
  }
  return status_ok();
}

/* Makes a setting that all services have: its row has the variable without the brand's prefix. */
static void add_common_setting(struct setting_list *list, const struct brand *brand, struct setting setting) {
  setting.variable = brand_variable(brand, list->arena, setting.variable);
  add_setting(list, setting);
}

/* The name of a variable about one service, without the brand's prefix, such as MAIL_ADDRESS. */
static const char *service_variable(struct arena *arena, const char *service, const char *what) {
  char *variable = arena_printf(arena, "%s_%s", service, what);
  for (char *c = variable; *c; c++) *c = (char)toupper((unsigned char)*c);
  return variable;
}

static void add_peers(struct setting_list *list, const struct service_definition *definition, struct arena *arena,
                      struct service_settings *settings) {
  for (int i = 0; i < SERVICE_PEERS && definition->peers[i].name; i++) {
    const struct service_peer *peer = &definition->peers[i];
    add_common_setting(list, definition->brand,
                       (struct setting){.variable = service_variable(arena, peer->name, "ADDRESS"),
                                        .kind = SETTING_TEXT,
                                        .target = &settings->peer_addresses[i],
                                        .fallback = arena_printf(arena, "dns:///localhost:%d", peer->port),
                                        .help = arena_printf(arena, "where the %s service is", peer->name)});
  }
}

/* No service needs the event service but for this. */
static void add_event_service(struct setting_list *list, const struct service_definition *definition,
                              struct service_settings *settings) {
  const struct setting address = {
      .variable = "EVENT_ADDRESS",
      .kind = SETTING_TEXT,
      .target = &settings->event_address,
      .help = "where the event service is, which a view's rebuild asks for what is archived"};
  if (definition->views[0]) add_common_setting(list, definition->brand, address);
}

static void add_rows(struct setting_list *list, const struct brand *brand, const struct setting *rows, size_t count) {
  for (size_t i = 0; i < count; i++) add_common_setting(list, brand, rows[i]);
}

static void add_store(struct setting_list *list, const struct service_definition *definition,
                      struct service_settings *settings, struct redis_place *redis) {
  const struct setting rows[] = {
      {.variable = "REDIS_URL",
       .kind = SETTING_TEXT,
       .target = &redis->url,
       .fallback = "redis://127.0.0.1:6380/0",
       .help = "the Redis of this service, and of those that it follows",
       .check = redis_url_check},
      {.variable = "REDIS_PASSWORD_FILE",
       .kind = SETTING_SECRET,
       .target = &redis->password,
       .help = "file whose first line is the password for Redis"},
      {.variable = "REDIS_SENTINEL_USER",
       .kind = SETTING_TEXT,
       .target = &settings->sentinel_user,
       .help = "user of the sentinels, which have users of their own",
       .check = config_check_word},
      {.variable = "REDIS_SENTINEL_PASSWORD_FILE",
       .kind = SETTING_SECRET,
       .target = &settings->sentinel_password,
       .help = "file whose first line is the password for the sentinels"},
      {.variable = "REDIS_REPLICAS",
       .kind = SETTING_INTEGER,
       .target = &settings->redis_replicas,
       .fallback = "0",
       .help = "replicas of Redis that must have what a command has changed before it is answered",
       .min = 0,
       .max = 16},
      {.variable = "REDIS_REPLICAS_MISSING",
       .kind = SETTING_CHOICE,
       .target = &settings->redis_replicas_missing,
       .fallback = "refuse",
       .help = "where there are fewer: refuse commands, or answer them and warn",
       .choices = replicas_missing},
      {.variable = "KEY_PREFIX",
       .kind = SETTING_TEXT,
       .target = &redis->key_prefix,
       .fallback = "",
       .help = "put before every key in Redis, e.g. {shop1}:",
       .check = config_check_word},
      {.variable = "ACCEPT_DESCRIPTORS",
       .kind = SETTING_TEXT,
       .target = &settings->accept_descriptors,
       .fallback = "",
       .help = "the version that may start although stored events break by its descriptors, as it names itself then",
       .check = config_check_word},
  };
  add_rows(list, definition->brand, rows, sizeof rows / sizeof *rows);
}

static void add_common(struct setting_list *list, const struct service_definition *definition, struct arena *arena,
                       struct service_settings *settings) {
  const struct setting rows[] = {
      {.variable = "LISTEN",
       .kind = SETTING_TEXT,
       .target = &settings->listen,
       .fallback = arena_printf(arena, "127.0.0.1:%d", definition->port),
       .help = "address and port to serve on",
       .check = config_check_listen},
      {.variable = "LOG_LEVEL",
       .kind = SETTING_CHOICE,
       .target = &settings->log_level,
       .fallback = "info",
       .help = "what to log at least",
       .choices = log_level_names},
      {.variable = "LOG_FORMAT",
       .kind = SETTING_CHOICE,
       .target = &settings->log_format,
       .fallback = "logfmt",
       .help = "how to log",
       .choices = log_format_names},
      {.variable = "LOG_CALLS_OVER_MS",
       .kind = SETTING_INTEGER,
       .target = &settings->log_calls_over_ms,
       .fallback = "0",
       .unit = "ms",
       .help = "a call that takes longer gets a line in the log at level info; 0: none does",
       .min = 0,
       .max = 60 * 60 * 1000},
      {.variable = "REQUEST_HOURS",
       .kind = SETTING_INTEGER,
       .target = &settings->request_hours,
       .fallback = "26",
       .unit = "hours",
       .help = "how long request ids are remembered",
       .min = 1,
       .max = 24 * 365},
      {.variable = "GRACE_SECONDS",
       .kind = SETTING_INTEGER,
       .target = &settings->grace_seconds,
       .fallback = "10",
       .unit = "seconds",
       .help = "how long calls in flight may take after SIGTERM",
       .min = 0,
       .max = 600},
  };
  add_rows(list, definition->brand, rows, sizeof rows / sizeof *rows);
}

/* Where its Redis is, and those of the services that it follows, if not with all others. */
static void add_redis_places(struct setting_list *list, const struct service_definition *definition,
                             struct redis_places *places) {
  struct setting rows[REDIS_PLACES_ROWS];
  size_t count = redis_places_settings(definition, list->arena, places, rows);
  add_rows(list, definition->brand, rows, count);
}

/* Whom the service believes, by their certificates. */
static void add_callers(struct setting_list *list, const struct service_definition *definition,
                        struct service_settings *settings) {
  const struct setting internal = {
      .variable = "INTERNAL_CALLERS",
      .kind = SETTING_TEXT,
      .target = &settings->internal_callers,
      .fallback = definition->internal_callers,
      .help = "with a CA: services whose certificates may call the internal methods, separated by commas",
      .check = check_callers};
  const struct setting operators = {
      .variable = "OPERATORS",
      .kind = SETTING_TEXT,
      .target = &settings->operators,
      .fallback = "client/operator",
      .help = "with a CA: whose certificates may call what is for operators, separated by commas",
      .check = check_callers};
  if (definition->internal_callers) add_common_setting(list, definition->brand, internal);
  add_common_setting(list, definition->brand, operators);
}

/* The settings that say whom connections are with, and how long they last. */
static void add_connections(struct setting_list *list, const struct service_definition *definition,
                            struct service_settings *settings, struct tls_texts *paths) {
  const struct setting own[] = {
      {.variable = "TLS_CERTIFICATE_FILE",
       .kind = SETTING_TEXT,
       .target = &paths->certificate,
       .help = "PEM file of this service's certificate; with its key: TLS, else plain text"},
      {.variable = "TLS_KEY_FILE",
       .kind = SETTING_TEXT,
       .target = &paths->key,
       .help = "PEM file of the certificate's key"},
      {.variable = "TLS_CA_FILE",
       .kind = SETTING_TEXT,
       .target = &paths->ca,
       .help = "PEM file of the CA: peers and callers must show a certificate of it"},
      {.variable = "TLS_CLIENTS",
       .kind = SETTING_CHOICE,
       .target = &settings->tls_clients,
       .fallback = "certified",
       .help = "with a CA: whether callers need a certificate",
       .choices = tls_clients},
      {.variable = "HEALTH_LISTEN",
       .kind = SETTING_TEXT,
       .target = &settings->health_listen,
       .help = "further address and port, plain text, that serves grpc.health.v1.Health alone, for probes",
       .check = config_check_listen},
      {.variable = "METRICS_LISTEN",
       .kind = SETTING_TEXT,
       .target = &settings->metrics_listen,
       .help = "further address and port, plain text, that serves metrics for Prometheus, at /metrics",
       .check = config_check_listen},
      {.variable = "CONNECTION_MINUTES",
       .kind = SETTING_INTEGER,
       .target = &settings->connection_minutes,
       .fallback = "5",
       .unit = "minutes",
       .help = "age at which a connection ends, so that clients look for new replicas; 0: never",
       .min = 0,
       .max = 24 * 60},
      {.variable = "CONNECTIONS",
       .kind = SETTING_INTEGER,
       .target = &settings->connections,
       .fallback = "1000",
       .help = "connections at once; fewer where the process may not have so many descriptors",
       .min = 1,
       .max = 1000000},
      {.variable = "CONNECTIONS_PER_ADDRESS",
       .kind = SETTING_INTEGER,
       .target = &settings->connections_per_address,
       .fallback = "0",
       .help = "of these, from one client's address; 0: half of them",
       .min = 0,
       .max = 1000000},
  };
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) add_common_setting(list, definition->brand, own[i]);
}

/* Where its spans go. */
static void add_spans(struct setting_list *list, const struct service_definition *definition,
                      struct service_settings *settings) {
  struct setting rows[SPAN_SETTINGS];
  span_settings_rows(&settings->spans, rows);
  for (size_t i = 0; i < SPAN_SETTINGS; i++) add_common_setting(list, definition->brand, rows[i]);
}

/* Who the service is to Redis, and whom it believes to be that. */
static void add_redis_tls(struct setting_list *list, const struct service_definition *definition,
                          struct tls_texts *paths) {
  const struct setting own[] = {
      {.variable = "REDIS_TLS_CA_FILE",
       .kind = SETTING_TEXT,
       .target = &paths->ca,
       .help = "with TLS to Redis: PEM file of the CAs that Redis' certificate may be of; without it, the system's"},
      {.variable = "REDIS_TLS_CERTIFICATE_FILE",
       .kind = SETTING_TEXT,
       .target = &paths->certificate,
       .help = "with TLS to Redis: PEM file of the certificate that Redis is shown"},
      {.variable = "REDIS_TLS_KEY_FILE",
       .kind = SETTING_TEXT,
       .target = &paths->key,
       .help = "PEM file of that certificate's key"},
  };
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) add_common_setting(list, definition->brand, own[i]);
}

static struct status open_identity(struct arena *arena, const char *prefix, const struct tls_texts *paths,
                                   struct service_settings *settings) {
  if (paths->ca && !paths->certificate) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                        "%sTLS_CA_FILE: needs %sTLS_CERTIFICATE_FILE and %sTLS_KEY_FILE, too", prefix, prefix, prefix);
  }
  struct status status = tls_files_open(arena, prefix, paths, true, &settings->tls);
  if (!tls_files_have_ca(settings->tls)) settings->internal_callers = settings->operators = NULL;
  return status;
}

struct status service_settings_read(const struct service_definition *definition, struct arena *arena, int argc,
                                    char **argv, struct service_settings *ret_settings,
                                    enum config_outcome *ret_outcome) {
  struct setting_list list = {.arena = arena};
  struct tls_texts tls_paths = {0}, redis_tls_paths = {0};
  struct redis_place common = {.url_variable = "REDIS_URL", .prefix_variable = "KEY_PREFIX"};
  add_common(&list, definition, arena, ret_settings);
  add_store(&list, definition, ret_settings, &common);
  add_redis_places(&list, definition, &ret_settings->redis);
  add_redis_tls(&list, definition, &redis_tls_paths);
  add_connections(&list, definition, ret_settings, &tls_paths);
  add_spans(&list, definition, ret_settings);
  add_callers(&list, definition, ret_settings);
  add_peers(&list, definition, arena, ret_settings);
  add_event_service(&list, definition, ret_settings);
  for (size_t i = 0; i < definition->settings.count; i++) add_setting(&list, definition->settings.rows[i]);

  struct status status = check_unique(&list);
  if (!status_is_ok(status)) return status;
  const char *program = arena_printf(arena, "%s-%s", definition->brand->name, definition->name);
  const char *prefix = definition->brand->environment_prefix;
  const char *purpose =
      arena_printf(arena,
                   "%s\n\nWith --check-health as the first argument: only asks the one that runs with the same "
                   "settings\nwhether it is ready, and exits with 0 if so, else says why not and exits with 1.",
                   definition->purpose);
  status = config_read(arena, prefix, program, purpose, list.settings, list.count, argc, argv, ret_outcome);
  if (!status_is_ok(status) || *ret_outcome != CONFIG_RUN) return status;
  status = open_identity(arena, prefix, &tls_paths, ret_settings);
  if (status_is_ok(status)) {
    status = redis_places_settle(definition, arena, &common, &redis_tls_paths, &ret_settings->redis);
  }
  if (status_is_ok(status)) status = span_settings_check(&ret_settings->spans, arena, prefix, ret_settings->tls);
  if (!status_is_ok(status)) return status;
  config_warn_of_unknown(prefix, list.settings, list.count, definition->brand->known_variables);
  return status_ok();
}
