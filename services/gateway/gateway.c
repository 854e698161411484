/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "base/descriptor_limit.h"
#include "base/log.h"
#include "base/standard_descriptors.h"
#include "base/systemd_notify.h"
#include "base/version.h"
#include "event_stream.h"
#include "gateway_health.h"
#include "loop/crash.h"
#include "loop/signal_watch.h"
#include "own_contract.h"
#include "rpc/span_exporter.h"
#include "shop_brand.h"
#include "tls/tls_openssl.h"

enum {
  DESCRIPTORS_RESERVED = 64, /* for what is not a client's connection */
  REQUESTS_MAX = 500,
  HEADER_BYTES = 32 * 1024,
  BODY_BYTES = (1024 + 64) * 1024, /* a message of 1 MiB, and what JSON adds */
  ALL_BODY_BYTES = 64 * 1024 * 1024,
  ARRIVAL_MS = 10 * 1000,
  IDLE_MS = 60 * 1000,
  ANSWER_MS = 60 * 1000,
};

/* The gateway and what only its life cycle needs. */
struct life {
  struct gateway gateway;
  struct signal_watch *terminate, *interrupt;
  struct condition change;
};

static void on_signal(void *argument, int number) {
  struct life *life = argument;
  log_event(LOG_INFO, "stopping", "signal", number == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
  life->gateway.stopping = true;
  condition_signal_all(&life->change);
}

static struct status open_channels(struct gateway *gateway) {
  struct status status = status_ok();
  gateway->channels = arena_calloc(gateway->arena, gateway->settings.peer_count, sizeof *gateway->channels);
  for (size_t i = 0; i < gateway->settings.peer_count && status_is_ok(status); i++) {
    const struct gateway_peer *peer = &gateway->settings.peers[i];
    const struct rpc_channel_options options = {.brand = &shop_brand, .peer = peer->name, .tls = gateway->settings.tls};
    status = rpc_channel_open(gateway->loop, gateway->arena, peer->address, &options, &gateway->channels[i]);
  }
  return status;
}

static struct status open_server(struct gateway *gateway) {
  const struct gateway_settings *settings = &gateway->settings;
  size_t limit = descriptor_limit_raise(), wanted = (size_t)settings->connections;
  size_t most = limit > 2 * DESCRIPTORS_RESERVED ? limit - DESCRIPTORS_RESERVED : limit / 2;
  size_t connections = wanted < most ? wanted : most;
  size_t of_one = (size_t)settings->connections_per_address;
  if (of_one == 0) of_one = (connections + 1) / 2;
  const struct http_server_options options = {
      .listen = settings->listen,
      .connections = connections,
      .connections_per_address = of_one < connections ? of_one : connections,
      .requests = REQUESTS_MAX,
      .header_bytes = HEADER_BYTES,
      .body_bytes = BODY_BYTES,
      .all_body_bytes = ALL_BODY_BYTES,
      .arrival_ms = ARRIVAL_MS,
      .idle_ms = IDLE_MS,
      .answer_ms = ANSWER_MS,
      .certificate = settings->certificate,
      .key = settings->key,
      .admit = gateway_admit,
      .handle_request = gateway_handle,
      .refuse = answer_error,
      .user = gateway,
  };
  struct status status = http_server_open(gateway->loop, gateway->arena, &options, &gateway->server);
  if (status_is(status, reason_address_unavailable)) {
    status.message = arena_printf(gateway->arena, "ORDERSHOP_GATEWAY_PORT or ORDERSHOP_LISTEN: %s", status.message);
  }
  return status;
}

static struct status open_metrics_server(struct gateway *gateway) {
  if (!gateway->settings.metrics_listen) return status_ok();
  const struct metrics_server_options options = {.listen = gateway->settings.metrics_listen,
                                                 .brand = shop_brand.name,
                                                 .program = "ordershop-gateway",
                                                 .version = runtime_version};
  struct status status = metrics_server_open(gateway->loop, gateway->arena, &options, &gateway->metrics_server);
  if (!status_is_ok(status)) {
    status.message = arena_printf(gateway->arena, "ORDERSHOP_METRICS_LISTEN: %s", status.message);
  }
  return status;
}

static struct status start_span_exporter(struct gateway *gateway) {
  const struct gateway_settings *settings = &gateway->settings;
  if (!settings->spans.endpoint) return status_ok();
  const struct span_exporter_options options = {.brand = &shop_brand,
                                                .service = "gateway",
                                                .version = runtime_version,
                                                .endpoint = settings->spans.endpoint,
                                                .ratio = settings->spans.ratio,
                                                .tls = settings->tls};
  return span_exporter_start(gateway->loop, gateway->arena, &options, &gateway->span_exporter);
}

/* Requests that don't end within the grace time still use everything: the process ends around them. */
static _Noreturn void abandon_requests(const struct gateway *gateway) {
  log_event(LOG_WARN, "stopped before all requests ended", "requests",
            log_number((int64_t)http_server_requests(gateway->server)), NULL);
  log_stop();
  _exit(EXIT_SUCCESS);
}

/* The main coroutine. */
static coroutine_fn void run(void *argument) {
  struct life *life = argument;
  struct gateway *gateway = &life->gateway;
  http_server_start(gateway->server);
  metrics_server_start(gateway->metrics_server);
  own_contracts_start(gateway->own_contracts);
  log_event(LOG_INFO, "serving", "listen", gateway->settings.listen, "scheme",
            gateway->settings.certificate ? "https" : "http", NULL);
  systemd_notify("READY=1");
  while (!gateway->stopping) condition_wait(&life->change, DEADLINE_NEVER);
  systemd_notify("STOPPING=1");
  http_server_drain(gateway->server, gateway->settings.grace_seconds * 1000);
  metrics_server_close(gateway->metrics_server);
  if (http_server_requests(gateway->server) > 0) abandon_requests(gateway);
  http_server_free(gateway->server);
  event_streams_close(gateway->event_streams);
  own_contracts_close(gateway->own_contracts);
  offer_release(gateway->offer);
  for (size_t i = 0; i < gateway->settings.peer_count; i++) rpc_channel_close(gateway->channels[i]);
  span_exporter_stop(gateway->span_exporter);
  signal_watch_close(life->terminate);
  signal_watch_close(life->interrupt);
  loop_stop(gateway->loop);
}

/* One line for the terminal; the log may be machine-read. */
static _Noreturn void fail(struct status status) {
  log_stop();
  fprintf(stderr, "ordershop-gateway: %s\n", status.message);
  _exit(status_is(status, reason_usage) ? 2 : EXIT_FAILURE);
}

static void watch_signals(struct life *life) {
  signal(SIGPIPE, SIG_IGN);
  life->terminate = signal_watch_open(life->gateway.loop, SIGTERM, on_signal, life);
  life->interrupt = signal_watch_open(life->gateway.loop, SIGINT, on_signal, life);
}

static void serve(struct life *life) {
  struct gateway *gateway = &life->gateway;
  log_start("gateway", (enum log_level)gateway->settings.log_level, (enum log_format)gateway->settings.log_format);
  crash_watch();
  gateway->loop = loop_new(NULL);
  watch_signals(life);
  struct status status = open_channels(gateway);
  if (status_is_ok(status)) status = own_contracts_open(gateway);
  if (status_is_ok(status)) status = offer_make(gateway, &gateway->offer);
  gateway->event_streams = event_streams_new(gateway);
  if (status_is_ok(status)) status = open_server(gateway);
  if (status_is_ok(status)) status = open_metrics_server(gateway);
  if (status_is_ok(status)) status = start_span_exporter(gateway);
  if (!status_is_ok(status)) fail(status);
  loop_spawn(gateway->loop, run, life);
  loop_run(gateway->loop);
  loop_free(gateway->loop);
  tls_files_close(gateway->settings.tls);
  log_event(LOG_INFO, "stopped", NULL);
  log_stop();
}

int gateway_main(int argc, char **argv) {
  standard_descriptors_open();
  struct arena *arena = arena_new();
  struct life *life = arena_calloc(arena, 1, sizeof *life);
  life->gateway.arena = arena;
  enum config_outcome outcome;
  int check_only = argc > 1 && strcmp(argv[1], "--check-health") == 0;
  struct status status =
      gateway_settings_read(arena, argc - check_only, argv + check_only, &life->gateway.settings, &outcome);
  if (!status_is_ok(status)) fail(status);
  if (outcome == CONFIG_VERSION) printf("ordershop-gateway %s\n", runtime_version);
  if (outcome == CONFIG_RUN && check_only) {
    status = gateway_health(arena, &life->gateway.settings);
    if (!status_is_ok(status)) fail(status);
  }
  if (outcome == CONFIG_RUN && !check_only) serve(life);
  arena_free(arena);
  return EXIT_SUCCESS;
}
