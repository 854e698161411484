/* SPDX-License-Identifier: Apache-2.0 */
/* The settings that all services have, read from environment and flags (config.h). */
#pragma once

#include "rpc/span_settings.h"
#include "service/redis_places.h"
#include "service/service.h"

struct service_settings {
  const char *listen;
  struct redis_places redis;
  const char *sentinel_user, *sentinel_password; /* the password is read from its file; NULL if there is none */
  int64_t redis_replicas;
  int redis_replicas_missing;     /* enum replicas_missing */
  const char *accept_descriptors; /* a version's name; "" means none */
  int log_level;
  int log_format;
  int64_t log_calls_over_ms;
  int64_t request_hours;
  int64_t grace_seconds;
  const char *peer_addresses[SERVICE_PEERS];
  const char *event_address;  /* of the event service; NULL means none, as for a service without views */
  struct tls_files *tls;      /* NULL means plain text */
  int tls_clients;            /* enum rpc_clients */
  const char *health_listen;  /* NULL means none */
  const char *metrics_listen; /* likewise */
  struct span_settings spans;
  const char *internal_callers; /* NULL means everybody */
  const char *operators;        /* likewise */
  int64_t connection_minutes;
  int64_t connections;             /* at once */
  int64_t connections_per_address; /* likewise, of one client's; 0 means half of them */
};

/* Fills `ret_settings` and the targets of the definition's own settings. Errors: INVALID_ARGUMENT for the terminal. */
struct status service_settings_read(const struct service_definition *definition, struct arena *arena, int argc,
                                    char **argv, struct service_settings *ret_settings,
                                    enum config_outcome *ret_outcome);
