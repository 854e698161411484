/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/session.h"

#include <ctype.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "own_services.h"
#include "shop_brand.h"

/* ---- services of the user's own --------------------------------------------------------------------------------- */

static void add_own_services(struct arena *arena, struct ordershop_client_options *options) {
  size_t count;
  const struct own_service *services = own_services(arena, &count);
  struct ordershop_own_service *own = arena_calloc(arena, count + 1, sizeof(*own));
  for (size_t i = 0; i < count; i++) {
    own[i] = (struct ordershop_own_service){.name = services[i].name, .address = services[i].address};
  }
  options->own_services = own;
  options->own_service_count = count;
}

struct status session_find_service(struct session *session, const char *name, enum ordershop_service *ret_service) {
  if (ordershop_client_service_find(session->client, name, ret_service)) return status_ok();
  char *variable = arena_printf(session->arena, "ORDERSHOP_%s_ADDRESS", name);
  for (char *at = variable; *at; at++) *at = (char)toupper((unsigned char)*at);
  return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                      "%s: there is no service \"%s\"; one of your own is called where %s says",
                      session->invocation->noun->name, name, variable);
}

/* ---- where the shop is ---- */

/* The flags that config_read knows, as an argv of their own. */
static char **setting_arguments(struct arena *arena, const struct invocation *invocation, int *ret_count) {
  char **arguments = arena_calloc(arena, invocation->given_count + 2, sizeof(*arguments));
  int count = 0;
  arguments[count++] = arena_strdup(arena, "ordershop");
  for (size_t i = 0; i < invocation->given_count; i++) {
    const struct given_flag *given = &invocation->given[i];
    if (given->flag->kind != FLAG_SETTING) continue;
    arguments[count++] = arena_printf(arena, "--%s=%s", given->flag->name, given->value);
  }
  *ret_count = count;
  return arguments;
}

#define ADDRESS(NAME, name, distance) \
  { .variable = "ORDERSHOP_" #NAME "_ADDRESS", .target = &addresses[ORDERSHOP_##NAME] }

static struct status read_settings(struct arena *arena, const struct invocation *invocation,
                                   struct ordershop_client_options *options) {
  int64_t port_base;
  const char **addresses = options->addresses;
  const struct setting settings[] = {
      {.variable = "ORDERSHOP_HOST", .target = &options->host, .fallback = "127.0.0.1"},
      {.variable = "ORDERSHOP_PORT_BASE",
       .kind = SETTING_INTEGER,
       .target = &port_base,
       .fallback = "50050",
       .min = 1,
       .max = 65535 - ORDERSHOP_DISTANCE_MAX},
      ORDERSHOP_SERVICES(ADDRESS),
      {.variable = "ORDERSHOP_TLS_CA_FILE", .target = &options->tls_ca_file},
      {.variable = "ORDERSHOP_TLS_CERTIFICATE_FILE", .target = &options->tls_certificate_file},
      {.variable = "ORDERSHOP_TLS_KEY_FILE", .target = &options->tls_key_file},
      {.variable = "ORDERSHOP_USE_PROXY", .kind = SETTING_BOOLEAN, .target = &options->use_proxy, .fallback = "no"},
  };
  int count;
  char **arguments = setting_arguments(arena, invocation, &count);
  enum config_outcome outcome;
  struct status status = config_read(arena, shop_brand.environment_prefix, "ordershop", "", settings,
                                     sizeof(settings) / sizeof(settings[0]), count, arguments, &outcome);
  if (status_is_ok(status)) options->port_base = (int)port_base;
  return status;
}

struct status session_open(struct arena *arena, const struct invocation *invocation, struct session *ret_session) {
  struct session session = {.arena = arena, .invocation = invocation};
  add_own_services(arena, &session.options);
  struct status status = read_settings(arena, invocation, &session.options);
  if (!status_is_ok(status)) return status;
  session.options.deadline_ms = invocation->timeout_ms;
  status = ordershop_client_open(arena, &session.options, &session.client);
  if (status_is_ok(status)) *ret_session = session;
  return status;
}

char *session_operator_name(const struct session *session) {
  const char *by = invocation_value(session->invocation, "by");
  const struct passwd *user = by ? NULL : getpwuid(geteuid());
  if (by) return arena_strdup(session->arena, by);
  return user ? arena_strdup(session->arena, user->pw_name) : arena_printf(session->arena, "uid %u", geteuid());
}

void session_close(struct session *session) {
  ordershop_client_close(session->client);
}
