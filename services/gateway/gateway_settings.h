/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's settings, read from environment and flags (base/config.h). */
#pragma once

#include "base/arena.h"
#include "base/config.h"
#include "own_services.h"
#include "rpc/span_settings.h"
#include "tls/tls_files.h"

/* A service that the gateway calls. */
struct gateway_peer {
  const char *name;    /* "customer" */
  const char *address; /* ORDERSHOP_CUSTOMER_ADDRESS */
};

struct gateway_settings {
  const char *listen;         /* "localhost:5000" */
  const char *metrics_listen; /* NULL means none */
  struct span_settings spans;
  int log_level, log_format;
  int64_t grace_seconds;
  int64_t connections, connections_per_address;
  int64_t event_streams, event_streams_per_address;
  int64_t deadline_ms, deadline_max_ms;
  const char **hosts, **origins;        /* end with NULL */
  const char *write_token, *read_token; /* NULL if there is none */
  struct tls_files *tls;                /* as a client of the services; NULL: plain text */
  const char *certificate, *key;        /* PEM texts, as a server; NULL: plain text */
  struct gateway_peer *peers;           /* the shop's services */
  size_t peer_count;
  const struct own_service *own_services;
  size_t own_service_count;
};

/* Errors: INVALID_ARGUMENT for the terminal. */
struct status gateway_settings_read(struct arena *arena, int argc, char **argv, struct gateway_settings *ret_settings,
                                    enum config_outcome *ret_outcome);
