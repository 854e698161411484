#include "service/service_settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "redis/redis_url.h"

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};

/* host:port, with an IPv6 host in brackets. */
static const char *check_listen(const char *value) {
  const char *allowed = "an address and a port as in 127.0.0.1:50051 or [::]:50051";
  const char *colon = strrchr(value, ':');
  if (!colon || colon == value) return allowed;
  bool bracketed = *value == '[' && colon[-1] == ']';
  if (!bracketed && memchr(value, ':', (size_t)(colon - value))) return allowed;
  size_t digits = strspn(colon + 1, "0123456789");
  if (digits == 0 || digits > 5 || colon[1 + digits] || atoi(colon + 1) > 65535) return allowed;
  return NULL;
}

static const char *check_target(const char *value) {
  return *value ? NULL : "a gRPC name as in dns:///localhost:50053";
}

/* In a Redis Cluster all keys of a shop need one slot, hence `{shop1}:`; blanks and line breaks make keys unreadable.
 */
static const char *check_prefix(const char *value) {
  for (const char *c = value; *c; c++) {
    if (!isgraph((unsigned char)*c)) return "printable ASCII without spaces";
  }
  return strlen(value) <= 64 ? NULL : "at most 64 characters";
}

struct setting_list {
  struct setting *settings;
  size_t count;
};

static void add_setting(struct setting_list *list, struct setting setting) {
  list->settings[list->count++] = setting;
}

static const char *peer_variable(struct arena *arena, const char *peer) {
  char *variable = arena_printf(arena, "ORDERSHOP_%s_ADDRESS", peer);
  for (char *c = variable; *c; c++) *c = (char)toupper((unsigned char)*c);
  return variable;
}

static void add_peers(struct setting_list *list, const struct service_definition *definition, struct arena *arena,
                      struct service_settings *settings) {
  for (int i = 0; i < SERVICE_PEERS && definition->peers[i].name; i++) {
    const struct service_peer *peer = &definition->peers[i];
    add_setting(list, (struct setting){.variable = peer_variable(arena, peer->name),
                                       .kind = SETTING_TEXT,
                                       .target = &settings->peer_addresses[i],
                                       .fallback = arena_printf(arena, "dns:///localhost:%d", peer->port),
                                       .help = arena_printf(arena, "where the %s service is", peer->name),
                                       .check = check_target});
  }
}

static void add_common(struct setting_list *list, const struct service_definition *definition, struct arena *arena,
                       struct service_settings *settings, const char **password_file) {
  const struct setting common[] = {
      {.variable = "ORDERSHOP_LISTEN",
       .kind = SETTING_TEXT,
       .target = &settings->listen,
       .fallback = arena_printf(arena, "127.0.0.1:%d", definition->port),
       .help = "address and port to serve on",
       .check = check_listen},
      {.variable = "ORDERSHOP_REDIS_URL",
       .kind = SETTING_TEXT,
       .target = &settings->redis_url,
       .fallback = "redis://127.0.0.1:6380/0",
       .help = "the Redis of this service",
       .check = redis_url_check},
      {.variable = "ORDERSHOP_REDIS_PASSWORD_FILE",
       .kind = SETTING_TEXT,
       .target = password_file,
       .help = "file whose first line is the password for Redis"},
      {.variable = "ORDERSHOP_KEY_PREFIX",
       .kind = SETTING_TEXT,
       .target = &settings->key_prefix,
       .fallback = "",
       .help = "put before every key in Redis, e.g. {shop1}:",
       .check = check_prefix},
      {.variable = "ORDERSHOP_LOG_LEVEL",
       .kind = SETTING_CHOICE,
       .target = &settings->log_level,
       .fallback = "info",
       .help = "what to log at least",
       .choices = log_levels},
      {.variable = "ORDERSHOP_LOG_FORMAT",
       .kind = SETTING_CHOICE,
       .target = &settings->log_format,
       .fallback = "logfmt",
       .help = "how to log",
       .choices = log_formats},
      {.variable = "ORDERSHOP_REQUEST_HOURS",
       .kind = SETTING_INTEGER,
       .target = &settings->request_hours,
       .fallback = "26",
       .unit = "hours",
       .help = "how long request ids are remembered",
       .least = 1,
       .most = 24 * 365},
      {.variable = "ORDERSHOP_GRACE_SECONDS",
       .kind = SETTING_INTEGER,
       .target = &settings->grace_seconds,
       .fallback = "10",
       .unit = "seconds",
       .help = "how long calls in flight may take after SIGTERM",
       .least = 0,
       .most = 600},
  };
  for (size_t i = 0; i < sizeof common / sizeof *common; i++) add_setting(list, common[i]);
}

struct status service_settings_read(const struct service_definition *definition, struct arena *arena, int argc,
                                    char **argv, struct service_settings *ret_settings,
                                    enum config_outcome *ret_outcome) {
  enum { COMMON_SETTINGS = 16 };
  struct setting_list list = {0};
  const char *password_file = NULL;
  list.settings =
      arena_calloc(arena, COMMON_SETTINGS + SERVICE_PEERS + definition->setting_count, sizeof *list.settings);
  add_common(&list, definition, arena, ret_settings, &password_file);
  add_peers(&list, definition, arena, ret_settings);
  for (size_t i = 0; i < definition->setting_count; i++) add_setting(&list, definition->settings[i]);

  const char *program = arena_printf(arena, "ordershop-%s", definition->name);
  struct status status =
      config_read(arena, program, definition->purpose, list.settings, list.count, argc, argv, ret_outcome);
  if (!status_is_ok(status) || *ret_outcome != CONFIG_RUN) return status;
  if (password_file && *password_file) {
    status = config_read_secret(arena, password_file, &ret_settings->redis_password);
    if (!status_is_ok(status)) return status;
  }
  config_warn_of_unknown(list.settings, list.count, definition->known_variables);
  return status_ok();
}
