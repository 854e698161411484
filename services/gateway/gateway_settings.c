/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "shop_brand.h"
#include "shop_services.h"

static const char purpose[] =
    "offers the shop over HTTP and JSON\n\nWith --check-health as the first argument: only asks the one that runs with "
    "the same settings\nwhether it is ready, and exits with 0 if so, else says why not and exits with 1.";

/* The texts of settings, before they are taken apart. */
struct texts {
  const char *listen, *hosts, *origins;
  int64_t port;
  struct tls_texts identity, server;
};

static const char *check_hosts(const char *value) {
  return value[strcspn(value, " /@:")] ? "names or IPv4 addresses without ports, separated by commas" : NULL;
}

static const char *check_origins(const char *value) {
  const char *allowed = "origins as in https://shop.example:8443, separated by commas alone";
  for (const char *at = value;;) {
    size_t size = strcspn(at, ",");
    size_t scheme = strncmp(at, "https://", 8) == 0 ? 8 : strncmp(at, "http://", 7) == 0 ? 7 : 0;
    if (scheme == 0 || size <= scheme || memchr(at + scheme, '/', size - scheme) || memchr(at, ' ', size))
      return allowed;
    if (!at[size]) return NULL;
    at += size + 1;
  }
}

/* "a,b" */
static const char **split(struct arena *arena, const char *text) {
  size_t count = 1, place = 0;
  for (const char *c = text ? text : ""; *c; c++) count += *c == ',';
  const char **parts = arena_calloc(arena, count + 1, sizeof *parts);
  for (const char *at = text; at && *at;) {
    size_t size = strcspn(at, ",");
    if (size > 0) parts[place++] = arena_memdup(arena, at, size);
    at += size + (at[size] == ',');
  }
  return parts;
}

static const char *address_variable(struct arena *arena, const char *name) {
  char *variable = arena_printf(arena, "ORDERSHOP_%s_ADDRESS", name);
  for (char *c = variable; *c; c++) *c = (char)toupper((unsigned char)*c);
  return variable;
}

static size_t add_peers(struct arena *arena, struct setting *settings, struct gateway_settings *values) {
  static const struct {
    const char *name;
    int port;
  } services[] = {SHOP_SERVICES};
  enum { COUNT = sizeof services / sizeof *services };
  values->peers = arena_calloc(arena, COUNT, sizeof *values->peers);
  values->peer_count = COUNT;
  for (size_t i = 0; i < COUNT; i++) {
    values->peers[i].name = services[i].name;
    settings[i] = (struct setting){.variable = address_variable(arena, services[i].name),
                                   .kind = SETTING_TEXT,
                                   .target = &values->peers[i].address,
                                   .fallback = arena_printf(arena, "dns:///localhost:%d", services[i].port),
                                   .help = arena_printf(arena, "where the %s service is", services[i].name)};
  }
  return COUNT;
}

/* Where it serves, whom, and for how long. */
static size_t add_serving(struct setting *settings, struct gateway_settings *values, struct texts *texts) {
  const struct setting own[] = {
      {.variable = "ORDERSHOP_GATEWAY_PORT",
       .kind = SETTING_INTEGER,
       .target = &texts->port,
       .fallback = "5000",
       .help = "port to serve on, at 127.0.0.1 and ::1",
       .min = 0,
       .max = 65535},
      {.variable = "ORDERSHOP_LISTEN",
       .kind = SETTING_TEXT,
       .target = &texts->listen,
       .help = "address and port to serve on instead, e.g. [::]:5000",
       .check = config_check_listen},
      {.variable = "ORDERSHOP_GATEWAY_HOSTS",
       .kind = SETTING_TEXT,
       .target = &texts->hosts,
       .help = "names by which clients may call it, beside localhost, separated by commas",
       .check = check_hosts},
      {.variable = "ORDERSHOP_GATEWAY_CORS_ORIGINS",
       .kind = SETTING_TEXT,
       .target = &texts->origins,
       .help = "origins whose pages may call it (CORS), separated by commas",
       .check = check_origins},
      {.variable = "ORDERSHOP_GATEWAY_WRITE_TOKEN_FILE",
       .kind = SETTING_SECRET,
       .target = &values->write_token,
       .help = "file whose first line is the bearer token that all but reading needs"},
      {.variable = "ORDERSHOP_GATEWAY_READ_TOKEN_FILE",
       .kind = SETTING_SECRET,
       .target = &values->read_token,
       .help = "likewise, of reading; the other token is good for reading, too"},
      {.variable = "ORDERSHOP_GATEWAY_TLS_CERTIFICATE_FILE",
       .kind = SETTING_TEXT,
       .target = &texts->server.certificate,
       .help = "PEM file of the certificate to serve HTTPS with; with its key"},
      {.variable = "ORDERSHOP_GATEWAY_TLS_KEY_FILE",
       .kind = SETTING_TEXT,
       .target = &texts->server.key,
       .help = "PEM file of that certificate's key"},
      {.variable = "ORDERSHOP_GATEWAY_DEADLINE_MS",
       .kind = SETTING_INTEGER,
       .target = &values->deadline_ms,
       .fallback = "10000",
       .unit = "ms",
       .help = "how long a request may take that doesn't say it (Connect-Timeout-Ms)",
       .min = 1,
       .max = 3600000},
      {.variable = "ORDERSHOP_GATEWAY_DEADLINE_MAX_MS",
       .kind = SETTING_INTEGER,
       .target = &values->deadline_max_ms,
       .fallback = "60000",
       .unit = "ms",
       .help = "the most that one may ask for",
       .min = 1,
       .max = 3600000},
  };
  memcpy(settings, own, sizeof own);
  return sizeof own / sizeof *own;
}

/* What it has in common with the services. */
static size_t add_common(struct setting *settings, struct gateway_settings *values, struct texts *texts) {
  const struct setting own[] = {
      {.variable = "ORDERSHOP_TLS_CERTIFICATE_FILE",
       .kind = SETTING_TEXT,
       .target = &texts->identity.certificate,
       .help = "PEM file of the gateway's certificate as a client of the services; with its key"},
      {.variable = "ORDERSHOP_TLS_KEY_FILE",
       .kind = SETTING_TEXT,
       .target = &texts->identity.key,
       .help = "PEM file of that certificate's key"},
      {.variable = "ORDERSHOP_TLS_CA_FILE",
       .kind = SETTING_TEXT,
       .target = &texts->identity.ca,
       .help = "PEM file of the CA: services must show a certificate of it"},
      {.variable = "ORDERSHOP_METRICS_LISTEN",
       .kind = SETTING_TEXT,
       .target = &values->metrics_listen,
       .help = "further address and port, plain text, that serves metrics for Prometheus, at /metrics",
       .check = config_check_listen},
      {.variable = "ORDERSHOP_CONNECTIONS",
       .kind = SETTING_INTEGER,
       .target = &values->connections,
       .fallback = "1000",
       .help = "connections at once; fewer where the process may not have so many descriptors",
       .min = 1,
       .max = 100000},
      {.variable = "ORDERSHOP_CONNECTIONS_PER_ADDRESS",
       .kind = SETTING_INTEGER,
       .target = &values->connections_per_address,
       .fallback = "0",
       .help = "of these, from one client's address; 0: half of them",
       .min = 0,
       .max = 100000},
      {.variable = "ORDERSHOP_GATEWAY_EVENT_STREAMS",
       .kind = SETTING_INTEGER,
       .target = &values->event_streams,
       .fallback = "200",
       .help = "streams of events at once; they are among the connections",
       .min = 1,
       .max = 400},
      {.variable = "ORDERSHOP_GATEWAY_EVENT_STREAMS_PER_ADDRESS",
       .kind = SETTING_INTEGER,
       .target = &values->event_streams_per_address,
       .fallback = "0",
       .help = "of these, to one client's address; 0: half of them",
       .min = 0,
       .max = 400},
      {.variable = "ORDERSHOP_GRACE_SECONDS",
       .kind = SETTING_INTEGER,
       .target = &values->grace_seconds,
       .fallback = "10",
       .unit = "seconds",
       .help = "how long requests in flight may take after SIGTERM",
       .min = 0,
       .max = 600},
      {.variable = "ORDERSHOP_LOG_LEVEL",
       .kind = SETTING_CHOICE,
       .target = &values->log_level,
       .fallback = "info",
       .help = "what to log at least",
       .choices = log_level_names},
      {.variable = "ORDERSHOP_LOG_FORMAT",
       .kind = SETTING_CHOICE,
       .target = &values->log_format,
       .fallback = "logfmt",
       .help = "how to log",
       .choices = log_format_names},
  };
  memcpy(settings, own, sizeof own);
  return sizeof own / sizeof *own;
}

/* Where its spans go. */
static size_t add_spans(struct arena *arena, struct setting *settings, struct gateway_settings *values) {
  span_settings_rows(&values->spans, settings);
  for (size_t i = 0; i < SPAN_SETTINGS; i++) {
    settings[i].variable = brand_variable(&shop_brand, arena, settings[i].variable);
  }
  return SPAN_SETTINGS;
}

static struct status open_identities(struct arena *arena, const struct texts *texts, struct gateway_settings *values) {
  struct status status = tls_files_open(arena, "ORDERSHOP_", &texts->identity, true, &values->tls);
  struct tls_files *server = NULL;
  if (status_is_ok(status)) status = tls_files_open(arena, "ORDERSHOP_GATEWAY_", &texts->server, true, &server);
  if (!status_is_ok(status) || !server) return status;
  struct tls_texts pem = {0};
  tls_files_read(server, arena, &pem);
  values->certificate = pem.certificate;
  values->key = pem.key;
  tls_files_close(server);
  return status;
}

struct status gateway_settings_read(struct arena *arena, int argc, char **argv, struct gateway_settings *ret_settings,
                                    enum config_outcome *ret_outcome) {
  enum { SETTINGS_MAX = 256 };
  struct setting *settings = arena_calloc(arena, SETTINGS_MAX, sizeof *settings);
  struct texts texts = {0};
  size_t count = add_serving(settings, ret_settings, &texts);
  count += add_common(settings + count, ret_settings, &texts);
  count += add_spans(arena, settings + count, ret_settings);
  count += add_peers(arena, settings + count, ret_settings);
  struct status status = config_read(arena, shop_brand.environment_prefix, "ordershop-gateway", purpose, settings,
                                     count, argc, argv, ret_outcome);
  if (!status_is_ok(status) || *ret_outcome != CONFIG_RUN) return status;
  config_warn_of_unknown(shop_brand.environment_prefix, settings, count, shop_brand.known_variables);
  ret_settings->listen = texts.listen ? texts.listen : arena_printf(arena, "localhost:%lld", (long long)texts.port);
  ret_settings->own_services = own_services(arena, &ret_settings->own_service_count);
  ret_settings->hosts = split(arena, texts.hosts);
  ret_settings->origins = split(arena, texts.origins);
  status = open_identities(arena, &texts, ret_settings);
  if (!status_is_ok(status)) return status;
  return span_settings_check(&ret_settings->spans, arena, shop_brand.environment_prefix, ret_settings->tls);
}
