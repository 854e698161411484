/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/session.h"

#include <string.h>

#include "base/config.h"

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
       .least = 1,
       .most = 65535 - ORDERSHOP_SERVICE_COUNT},
      {.variable = "ORDERSHOP_CUSTOMER_ADDRESS", .target = &addresses[ORDERSHOP_CUSTOMER]},
      {.variable = "ORDERSHOP_PRODUCT_ADDRESS", .target = &addresses[ORDERSHOP_PRODUCT]},
      {.variable = "ORDERSHOP_INVENTORY_ADDRESS", .target = &addresses[ORDERSHOP_INVENTORY]},
      {.variable = "ORDERSHOP_ORDER_ADDRESS", .target = &addresses[ORDERSHOP_ORDER]},
      {.variable = "ORDERSHOP_BILLING_ADDRESS", .target = &addresses[ORDERSHOP_BILLING]},
      {.variable = "ORDERSHOP_CRM_ADDRESS", .target = &addresses[ORDERSHOP_CRM]},
      {.variable = "ORDERSHOP_MAIL_ADDRESS", .target = &addresses[ORDERSHOP_MAIL]},
      {.variable = "ORDERSHOP_TLS_CA_FILE", .target = &options->tls_ca_file},
      {.variable = "ORDERSHOP_TLS_CERTIFICATE_FILE", .target = &options->tls_certificate_file},
      {.variable = "ORDERSHOP_TLS_KEY_FILE", .target = &options->tls_key_file},
      {.variable = "ORDERSHOP_USE_PROXY", .kind = SETTING_BOOLEAN, .target = &options->use_proxy, .fallback = "no"},
  };
  int count;
  char **arguments = setting_arguments(arena, invocation, &count);
  enum config_outcome outcome;
  struct status status =
      config_read(arena, "ordershop", "", settings, sizeof(settings) / sizeof(settings[0]), count, arguments, &outcome);
  if (status_is_ok(status)) options->port_base = (int)port_base;
  return status;
}

struct status session_open(struct arena *arena, const struct invocation *invocation, struct session *ret_session) {
  struct session session = {.arena = arena, .invocation = invocation};
  struct status status = read_settings(arena, invocation, &session.options);
  if (!status_is_ok(status)) return status;
  session.options.deadline_ms = invocation->timeout_ms;
  status = ordershop_client_open(arena, &session.options, &session.client);
  if (status_is_ok(status)) *ret_session = session;
  return status;
}

void session_close(struct session *session) {
  ordershop_client_close(session->client);
}
