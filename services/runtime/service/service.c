/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service.h"

#include <runtime_descriptor_set.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor_limit.h"
#include "base/log.h"
#include "base/standard_descriptors.h"
#include "base/systemd_notify.h"
#include "base/version.h"
#include "http/metrics_server.h"
#include "loop/coroutine.h"
#include "loop/crash.h"
#include "loop/signal_watch.h"
#include "rpc/health.h"
#include "rpc/reflection.h"
#include "rpc/span_exporter.h"
#include "service/caller_gate.h"
#include "service/dead_letter_service.h"
#include "service/definition_check.h"
#include "service/event_channel.h"
#include "service/event_types.h"
#include "service/health_check.h"
#include "service/log_service.h"
#include "service/memory_watch.h"
#include "service/position_gate.h"
#include "service/readiness.h"
#include "service/replica_gate.h"
#include "service/service_settings.h"
#include "service/service_status.h"
#include "service/view_service.h"
#include "store/positions.h"
#include "store/rights.h"

enum {
  DESCRIPTORS_MIN = 48,
  ADDED_SERVICES = 7,
  READINESS_INTERVAL_US = 20 * 1000, /* while it is not ready: calls wait for it */
  READY_INTERVAL_US = 100 * 1000,    /* while it is: each look wakes an idle process */
  RIGHTS_INTERVAL_US = 1000 * 1000,
  RECORD_DEADLINE_US = 5 * 1000 * 1000
};

/* The service and what only its life cycle needs. */
struct life {
  struct service service;
  struct service_settings settings;
  struct rpc_service rpc_services[SERVICE_CONTRACTS + ADDED_SERVICES]; /* the definition's, and what is added */
  size_t rpc_service_count;
  const char *names[SERVICE_CONTRACTS + 1]; /* of the definition's; ends with NULL */
  struct health *health;
  void *status;                      /* of service_status.h */
  struct rpc_channel *event_channel; /* to the event service; NULL if none is named */
  struct archived_events archived;
  struct rpc_server *server;
  struct rpc_server *health_server;      /* NULL if there is none */
  struct metrics_server *metrics_server; /* likewise */
  struct span_exporter *span_exporter;   /* likewise */
  struct signal_watch *terminate, *interrupt;
  struct condition change;
  struct memory_watch memory;
  size_t connections;         /* that there may be at once */
  size_t health_connections;  /* of the listener for probes */
  size_t metrics_connections; /* of that for metrics */
  bool told_elsewhere;        /* why it is not ready has been logged by the part that noticed it */
  bool stopping;
};

static void on_signal(void *argument, int number) {
  struct life *life = argument;
  log_event(LOG_INFO, "stopping", "signal", number == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
  life->stopping = true;
  condition_signal_all(&life->change);
}

static void watch_signals(struct life *life) {
  signal(SIGPIPE, SIG_IGN);
  life->terminate = signal_watch_open(life->service.loop, SIGTERM, on_signal, life);
  life->interrupt = signal_watch_open(life->service.loop, SIGINT, on_signal, life);
}

static void unwatch_signals(struct life *life) {
  signal_watch_close(life->terminate);
  signal_watch_close(life->interrupt);
}

/* Where another service's streams lie, which this one follows: it only reads there. */
static struct status open_owner(struct life *life, const struct redis_place *place) {
  const struct service_settings *settings = &life->settings;
  struct service *service = &life->service;
  struct log_owner *owner = &service->owners[service->owner_count++];
  owner->name = place->owner;
  for (size_t i = 0; i + 1 < service->owner_count; i++) {
    if (strcmp(service->owners[i].store->log, place->log) != 0) continue;
    owner->store = service->owners[i].store;
    return status_ok();
  }
  const struct event_store_options options = {.brand = service->definition->brand,
                                              .service = service->definition->name,
                                              .log = place->log,
                                              .redis_url = place->url,
                                              .redis_password = place->password,
                                              .sentinel_user = settings->sentinel_user,
                                              .sentinel_password = settings->sentinel_password,
                                              .redis_tls = place->tls,
                                              .key_prefix = place->key_prefix,
                                              .subscribes = true,
                                              .reads_only = true};
  return event_store_open(service->loop, service->arena, &options, &owner->store);
}

static struct status open_stores(struct life *life) {
  const struct service_settings *settings = &life->settings;
  const struct redis_places *places = &settings->redis;
  const struct event_store_options options = {
      .brand = life->service.definition->brand,
      .service = life->service.definition->name,
      .log = places->own.log,
      .redis_url = places->own.url,
      .redis_password = places->own.password,
      .sentinel_user = settings->sentinel_user,
      .sentinel_password = settings->sentinel_password,
      .redis_tls = places->own.tls,
      .key_prefix = places->own.key_prefix,
      .request_seconds = settings->request_hours * 3600,
      .subscribes = life->service.definition->subscriptions.count > 0 || life->service.definition->reads_only,
      .replicas = settings->redis_replicas,
      .replicas_missing = (enum replicas_missing)settings->redis_replicas_missing,
      .reads_only = life->service.definition->reads_only,
  };
  struct status status = event_store_open(life->service.loop, life->service.arena, &options, &life->service.store);
  for (size_t i = 0; status_is_ok(status) && i < places->owner_count; i++) {
    status = open_owner(life, &places->owners[i]);
  }
  return status;
}

/* Each once. */
static coroutine_fn void close_stores(const struct service *service) {
  event_store_close(service->store);
  for (size_t i = 0; i < service->owner_count; i++) {
    bool is_closed = false;
    for (size_t j = 0; j < i; j++) is_closed = is_closed || service->owners[j].store == service->owners[i].store;
    if (!is_closed) event_store_close(service->owners[i].store);
  }
}

struct event_store *service_store_of(const struct service *service, const char *owner) {
  for (size_t i = 0; i < service->owner_count; i++) {
    if (strcmp(service->owners[i].name, owner) == 0) return service->owners[i].store;
  }
  return service->store;
}

static struct status open_peers(struct life *life) {
  struct service *service = &life->service;
  for (int i = 0; i < SERVICE_PEERS && service->definition->peers[i].name; i++) {
    const struct service_peer *peer = &service->definition->peers[i];
    const struct rpc_channel_options options = {
        .brand = peer->brand ? peer->brand : service->definition->brand, .peer = peer->name, .tls = life->settings.tls};
    struct status status =
        rpc_channel_open(service->loop, service->arena, life->settings.peer_addresses[i], &options, &service->peers[i]);
    if (!status_is_ok(status)) return status;
  }
  return status_ok();
}

/* To the event service, for rebuilds of views. */
static struct status open_event_channel(struct life *life) {
  struct service *service = &life->service;
  const struct brand *brand = service->definition->brand;
  struct status status = status_ok();
  if (life->settings.event_address) {
    const struct rpc_channel_options options = {.brand = brand, .peer = "event", .tls = life->settings.tls};
    status =
        rpc_channel_open(service->loop, service->arena, life->settings.event_address, &options, &life->event_channel);
  }
  life->archived = event_channel_events(life->event_channel, brand_variable(brand, service->arena, "EVENT_ADDRESS"));
  return status;
}

static struct status open_reflection(struct life *life, const char *const *listed, struct reflection **ret_reflection) {
  const struct service_definition *definition = life->service.definition;
  const struct descriptor_set sets[2] = {{runtime_descriptor_set, &runtime_descriptor_set_size},
                                         definition->descriptor_set};
  return reflection_new(life->service.arena, sets, definition->descriptor_set.bytes ? 2 : 1, listed, ret_reflection);
}

/* The definition's version, or the runtime's. */
static const char *version_of(const struct service_definition *definition) {
  return definition->version ? definition->version : runtime_version;
}

/* The definition's services, then health, status, log, dead letters, views and reflection, which tell of them. */
static struct status list_services(struct life *life) {
  struct service *service = &life->service;
  const struct service_definition *definition = service->definition;
  size_t own = 0;
  for (; own < SERVICE_CONTRACTS && definition->services[own].descriptor; own++) {
    life->rpc_services[own] = definition->services[own];
    life->rpc_services[own].user = service;
    life->rpc_services[own].begun_elsewhere = is_internal(definition->services[own].descriptor);
    life->names[own] = definition->services[own].descriptor->name;
  }
  life->health = health_new(service->arena, life->names);
  life->rpc_service_count = own;
  life->rpc_services[life->rpc_service_count++] = health_service(life->health);
  life->rpc_services[life->rpc_service_count++] =
      service_status_service(service->arena, service, version_of(service->definition), life->health);
  life->status = life->rpc_services[life->rpc_service_count - 1].user;
  if (!definition->reads_only) life->rpc_services[life->rpc_service_count++] = log_service(service);
  if (definition->subscriptions.count > 0) {
    life->rpc_services[life->rpc_service_count++] = dead_letter_service(service);
    if (definition->views[0]) life->rpc_services[life->rpc_service_count++] = view_service(service);
  }

  const char *listed[SERVICE_CONTRACTS + ADDED_SERVICES + 1] = {0};
  size_t count = 0;
  for (; count < life->rpc_service_count; count++) listed[count] = life->rpc_services[count].descriptor->name;
  listed[count++] = "grpc.reflection.v1.ServerReflection";
  listed[count++] = "grpc.reflection.v1alpha.ServerReflection";
  struct reflection *reflection;
  struct status status = open_reflection(life, listed, &reflection);
  if (status_is_ok(status)) {
    status = event_types_new(service, reflection_index(reflection), life->settings.accept_descriptors,
                             &service->event_types);
  }
  if (!status_is_ok(status)) return status;
  service->store->before_commit = event_types_record;
  service->store->before_commit_argument = service->event_types;
  reflection_services(reflection, life->rpc_services + life->rpc_service_count);
  life->rpc_service_count += 2;
  return status_ok();
}

static coroutine_fn struct status admit(struct rpc_call *call, void *argument) {
  struct life *life = argument;
  const struct gate_callers callers = {.internal = life->settings.internal_callers,
                                       .operators = life->settings.operators};
  struct status status = caller_gate(call, life->service.definition->brand, &callers);
  if (status_is_ok(status)) status = position_gate(call, &life->service);
  return status_is_ok(status) ? replica_gate_enter(call, &life->service) : status;
}

static coroutine_fn struct status dismiss(struct rpc_call *call, struct status status, void *argument) {
  struct life *life = argument;
  return replica_gate_leave(call, &life->service, status);
}

static coroutine_fn struct status retry(struct rpc_call *call, struct status refusal, void *argument, bool *ret_again) {
  struct life *life = argument;
  return position_retry(call, refusal, &life->service, ret_again);
}

/* Of the descriptors that the process may have, connections get half, or all but a reserve: Redis, peers, mails' files
 * and the mail server need some. Probes, and who reads metrics, have a few that nothing else can take. */
static struct status share_descriptors(struct life *life) {
  enum { RESERVE = 128, FOR_PROBES = 32 };
  const struct service_settings *settings = &life->settings;
  size_t limit = descriptor_limit_raise();
  size_t all = limit / 2 > RESERVE ? limit - RESERVE : limit / 2;
  bool probed = settings->health_listen;
  life->health_connections = !probed ? 0 : all / 4 < FOR_PROBES ? all / 4 : FOR_PROBES;
  if (settings->metrics_listen)
    life->metrics_connections = all / 4 < METRICS_CONNECTIONS ? all / 4 : METRICS_CONNECTIONS;
  size_t left = all - life->health_connections - life->metrics_connections;
  life->connections = left < (size_t)settings->connections ? left : (size_t)settings->connections;
  if (limit >= DESCRIPTORS_MIN) return status_ok();
  return status_error(life->service.arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                      "the limit of open descriptors (ulimit -n) is %zu: at least %d are needed", limit,
                      DESCRIPTORS_MIN);
}

/* Says why there is no listener, with the setting that says where it should be. */
static struct status named(const struct life *life, const char *variable, struct status status) {
  struct arena *arena = life->service.arena;
  const char *name = brand_variable(life->service.definition->brand, arena, variable);
  if (!status_is_ok(status)) status.message = arena_printf(arena, "%s: %s", name, status.message);
  return status;
}

/* Plain text and health alone, for probes that speak no TLS. */
static struct status open_health_server(struct life *life) {
  const struct service_settings *settings = &life->settings;
  if (!settings->health_listen) return status_ok();
  struct arena *arena = life->service.arena;
  struct rpc_service *service = arena_alloc(arena, sizeof *service);
  *service = health_service(life->health);
  const struct rpc_server_options options = {.brand = life->service.definition->brand,
                                             .listen = settings->health_listen,
                                             .connections = life->health_connections};
  struct status status = rpc_server_open(life->service.loop, arena, &options, service, 1, &life->health_server);
  return named(life, "HEALTH_LISTEN", status);
}

/* "coupon-note"; a definition that is wrong may lack a name. */
static const char *program_name(struct arena *arena, const struct service_definition *definition) {
  const char *brand = definition->brand && definition->brand->name ? definition->brand->name : "";
  return arena_printf(arena, "%s-%s", brand, definition->name ? definition->name : "");
}

static struct status open_metrics_server(struct life *life) {
  if (!life->settings.metrics_listen) return status_ok();
  struct arena *arena = life->service.arena;
  const struct service_definition *definition = life->service.definition;
  const struct metrics_server_options options = {.listen = life->settings.metrics_listen,
                                                 .brand = definition->brand->name,
                                                 .program = program_name(arena, definition),
                                                 .version = version_of(definition),
                                                 .connections = life->metrics_connections,
                                                 .prepare = service_status_measure,
                                                 .argument = life->status};
  struct status status = metrics_server_open(life->service.loop, arena, &options, &life->metrics_server);
  return named(life, "METRICS_LISTEN", status);
}

static struct status start_span_exporter(struct life *life) {
  const struct span_settings *spans = &life->settings.spans;
  if (!spans->endpoint) return status_ok();
  const struct service_definition *definition = life->service.definition;
  const struct span_exporter_options options = {.brand = definition->brand,
                                                .service = definition->name,
                                                .version = version_of(definition),
                                                .endpoint = spans->endpoint,
                                                .ratio = spans->ratio,
                                                .tls = life->settings.tls};
  return span_exporter_start(life->service.loop, life->service.arena, &options, &life->span_exporter);
}

static struct status open_server(struct life *life) {
  struct status status = list_services(life);
  if (status_is_ok(status)) status = share_descriptors(life);
  if (!status_is_ok(status)) return status;
  const struct rpc_server_options options = {
      .brand = life->service.definition->brand,
      .listen = life->settings.listen,
      .tls = life->settings.tls,
      .clients = (enum rpc_clients)life->settings.tls_clients,
      .log_calls_over_ms = life->settings.log_calls_over_ms,
      .connection_ms = life->settings.connection_minutes * 60 * 1000,
      .connections = life->connections,
      .connections_per_address = (size_t)life->settings.connections_per_address,
      .before = admit,
      .retry = retry,
      .after = dismiss,
      .argument = life,
  };
  status = rpc_server_open(life->service.loop, life->service.arena, &options, life->rpc_services,
                           life->rpc_service_count, &life->server);
  status = named(life, "LISTEN", status);
  if (status_is_ok(status)) status = open_health_server(life);
  if (status_is_ok(status)) status = open_metrics_server(life);
  return status_is_ok(status) ? start_span_exporter(life) : status;
}

/* Returns -1 if there is none of that name. */
static int peer_index(const struct service_definition *definition, const char *name) {
  for (int i = 0; i < SERVICE_PEERS && definition->peers[i].name; i++) {
    if (strcmp(definition->peers[i].name, name) == 0) return i;
  }
  return -1;
}

static void start_consumer(struct life *life) {
  struct service *service = &life->service;
  const struct service_definition *definition = service->definition;
  if (definition->subscriptions.count == 0) return;
  const struct consumer_options options = {
      .store = service->store,
      .subscriptions = definition->subscriptions.rows,
      .subscription_count = definition->subscriptions.count,
      .views = definition->views,
      .user = service,
      .outbox = definition->outbox,
      .outbox_channel = definition->outbox ? service->peers[peer_index(definition, definition->outbox_peer)] : NULL,
      .archived = &life->archived,
      .owners = service->owners,
      .owner_count = service->owner_count,
      .housekeep = definition->housekeep,
      .housekeep_owner = definition->housekeep_owner,
      .events_may_wait_ms = definition->events_may_wait_ms,
  };
  service->consumer = consumer_start(service->loop, service->arena, &options);
}

/* Returns whether another part logs why it is not ready, with one line when it begins and one when it ends: the
 * connection logs an outage of Redis, the listener that it can't take connections. */
static bool is_told_elsewhere(const struct life *life) {
  const char *reason = readiness_reason(&life->service);
  return *reason && (readiness_is_outage(&life->service) || reason == life->service.refusing);
}

static void tell_readiness(struct life *life, bool ready) {
  health_set_ready(life->health, ready);
  const char *reason = readiness_reason(&life->service);
  bool is_told = is_told_elsewhere(life);
  if (ready && !life->told_elsewhere) log_event(LOG_INFO, "serving", "listen", life->settings.listen, NULL);
  if (!ready && !is_told) log_event(LOG_WARN, "not serving", "reason", reason, NULL);
  life->told_elsewhere = is_told;
}

/* One line for the terminal; the log may be machine-read. Nothing has been changed: what was opened ends with the
 * process. */
static _Noreturn void fail(struct arena *arena, const struct service_definition *definition, struct status status) {
  log_stop();
  fprintf(stderr, "%s: %s\n", program_name(arena, definition), status.message);
  bool misused = status_is(status, reason_usage); /* the same status in all programs of the shop */
  _exit(misused ? 2 : EXIT_FAILURE);
}

/* One whose descriptors break stored events ends, before it has changed anything. */
static coroutine_fn void record_event_types(struct life *life) {
  struct service *service = &life->service;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + RECORD_DEADLINE_US};
  struct status status = event_types_record(service->event_types, &context);
  const char *broken = event_types_broken(service->event_types);
  if (broken) {
    systemd_notify("STOPPING=1");
    fail(service->arena, service->definition, status_with_message(status, service->arena, "%s", broken));
  }
  arena_free(context.arena);
}

static coroutine_fn void serve_until_stopped(struct life *life) {
  uint64_t checked = 0;
  int64_t checked_us = 0;
  bool told = false;
  while (!life->stopping) {
    uint64_t generation = redis_generation(life->service.store->commands);
    bool denied = *rights_denied(life->service.store) && clock_monotonic_us() - checked_us >= RIGHTS_INTERVAL_US;
    if (redis_is_ready(life->service.store->commands) && (generation != checked || denied)) {
      rights_check(life->service.store);
      checked = generation;
      checked_us = clock_monotonic_us();
    }
    if (redis_is_ready(life->service.store->commands) && event_types_are_due(life->service.event_types)) {
      record_event_types(life);
    }
    life->service.refusing = rpc_server_refusal(life->server);
    bool ready = !*readiness_reason(&life->service);
    bool has_another_reason = !ready && life->told_elsewhere && !is_told_elsewhere(life);
    if (ready != told || has_another_reason) tell_readiness(life, ready);
    told = ready;
    if (life->settings.tls) tls_files_version(life->settings.tls); /* for the log: calls may be rare */
    memory_watch_look(&life->memory, life->service.loop);
    condition_wait(&life->change, clock_monotonic_us() + (ready ? READY_INTERVAL_US : READINESS_INTERVAL_US));
  }
}

/* Calls that do not end within the grace time still use everything: the process ends around them, without taking
 * anything down. What they have begun in Redis is whole or not there. */
static _Noreturn void abandon_calls(const struct life *life) {
  log_event(LOG_WARN, "stopped before all calls ended", "calls", log_number((int64_t)rpc_server_calls(life->server)),
            NULL);
  log_stop();
  _exit(EXIT_SUCCESS);
}

/* The main coroutine. */
static coroutine_fn void run(void *argument) {
  struct life *life = argument;
  struct service *service = &life->service;
  rpc_server_start(life->server);
  if (life->health_server) rpc_server_start(life->health_server);
  metrics_server_start(life->metrics_server);
  start_consumer(life);
  systemd_notify("READY=1"); /* it has started; health says whether it is ready for calls */
  serve_until_stopped(life);

  systemd_notify("STOPPING=1");
  health_set_ready(life->health, false);
  if (service->definition->stopping) service->definition->stopping(service);
  service->refusing = ""; /* the text is the listener's, which ends now */
  rpc_server_drain(life->server, life->settings.grace_seconds * 1000);
  if (life->health_server) rpc_server_drain(life->health_server, 0);
  metrics_server_close(life->metrics_server);
  if (service->consumer) consumer_stop(service->consumer);
  if (rpc_server_calls(life->server) > 0) abandon_calls(life);
  rpc_server_free(life->server);
  rpc_server_free(life->health_server);
  for (int i = 0; i < SERVICE_PEERS && service->peers[i]; i++) rpc_channel_close(service->peers[i]);
  if (life->event_channel) rpc_channel_close(life->event_channel);
  if (service->definition->stop) service->definition->stop(service);
  close_stores(service);
  span_exporter_stop(life->span_exporter);
  unwatch_signals(life);
  loop_stop(service->loop);
}

static struct status open_all(struct life *life) {
  struct service *service = &life->service;
  struct status status = open_stores(life);
  if (status_is_ok(status)) status = open_peers(life);
  if (status_is_ok(status)) status = open_event_channel(life);
  if (status_is_ok(status) && service->definition->start) status = service->definition->start(service);
  if (status_is_ok(status)) status = open_server(life);
  return status;
}

int service_main(const struct service_definition *definition, int argc, char **argv) {
  memory_watch_begin();
  standard_descriptors_open();
  struct arena *arena = arena_new();
  struct life *life = arena_calloc(arena, 1, sizeof *life);
  life->service.definition = definition;
  life->service.refusing = "";
  life->service.arena = arena;
  struct status status = definition_check(arena, definition);
  if (!status_is_ok(status)) fail(arena, definition, status);
  enum config_outcome outcome;
  int check_only = argc > 1 && strcmp(argv[1], "--check-health") == 0;
  status = service_settings_read(definition, arena, argc - check_only, argv + check_only, &life->settings, &outcome);
  if (!status_is_ok(status)) fail(arena, definition, status);
  if (outcome != CONFIG_RUN) {
    if (outcome == CONFIG_VERSION) printf("%s %s\n", program_name(arena, definition), version_of(definition));
    arena_free(arena);
    return EXIT_SUCCESS;
  }
  if (check_only) {
    status = health_check(arena, definition, &life->settings);
    if (!status_is_ok(status)) fail(arena, definition, status);
    arena_free(arena);
    return EXIT_SUCCESS;
  }

  log_start(definition->name, (enum log_level)life->settings.log_level, (enum log_format)life->settings.log_format);
  crash_watch();
  life->service.loop = loop_new(NULL);
  watch_signals(life);
  status = open_all(life);
  if (!status_is_ok(status)) fail(arena, definition, status);
  loop_spawn(life->service.loop, run, life);
  loop_run(life->service.loop);
  loop_free(life->service.loop);
  tls_files_close(life->settings.tls);
  redis_places_close(&life->settings.redis);
  log_event(LOG_INFO, "stopped", NULL);
  log_stop();
  arena_free(arena);
  return EXIT_SUCCESS;
}

/* A status of these codes may have been made on the way. */
static bool is_answer(struct status status) {
  return status.code != STATUS_UNAVAILABLE && status.code != STATUS_DEADLINE_EXCEEDED &&
         status.code != STATUS_CANCELLED;
}

/* What is done because of a peer's answer is later than what that tells of other logs. */
static void hear(const struct service *service, const struct context *context, const char *position) {
  struct positions told;
  if (!positions_parse(position, &told)) return;
  int64_t log_time = positions_latest_besides(&told, service->store->log);
  if (log_time > *context->heard) *context->heard = log_time;
}

coroutine_fn struct rpc_reply service_call(struct service *service, size_t method, struct context *context,
                                           const void *request) {
  const struct service_definition *definition = service->definition;
  if (method >= definition->calls.count) {
    log_event(LOG_ERROR, "a call that is no row of the definition's calls", "method", log_number((int64_t)method),
              NULL);
    return (struct rpc_reply){.status = status_error(context->arena, STATUS_INTERNAL, reason_call_invalid,
                                                     "the definition's calls have no row %zu", method)};
  }
  const struct peer_method *called = &definition->calls.rows[method];
  int peer = peer_index(definition, called->peer);
  struct rpc_reply reply =
      rpc_client_call(service->peers[peer], context, definition->peers[peer].service, called->name, request);
  if (is_answer(reply.status)) service->peers_answered_us[peer] = clock_monotonic_us();
  if (reply.position && context->heard) hear(service, context, reply.position);
  return reply;
}

struct status service_peer_too_slow(const struct service *service, size_t method, struct arena *arena, int64_t since_us,
                                    const char *purpose) {
  enum { RETRY_MS = 200 };
  const char *peer = service->definition->calls.rows[method].peer;
  if (service->peers_answered_us[peer_index(service->definition, peer)] < since_us) {
    return status_error(arena, STATUS_UNAVAILABLE, reason_peer_unreachable,
                        "%s does not answer soon enough to %s within the deadline", peer, purpose);
  }
  struct status status =
      status_error(arena, STATUS_RESOURCE_EXHAUSTED, reason_overloaded,
                   "%s has too much to do to answer soon enough to %s within the deadline", peer, purpose);
  return status_with_retry(status, arena, RETRY_MS);
}
