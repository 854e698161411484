/* SPDX-License-Identifier: Apache-2.0 */
/* Service: the life of one executable, from a literal of configuration.
 *
 *   static const struct service_definition customer = {.name = "customer", .port = 50051, .services = ..., ...};
 *   int main(int argc, char **argv) { return service_main(&customer, argc, argv); }
 *
 * service_main reads the configuration, opens Redis and the peers, serves the RPCs with health and reflection, runs the
 * consumer, and ends gracefully on SIGTERM or SIGINT: health NOT_SERVING, calls in flight finish, consumers stop, exit
 * status 0. A definition with mistakes (definition_check.h) ends it at once, with a line for each and status 1; so does
 * one whose descriptors would break stored events (event_types.h), as soon as Redis is there. It is ready (health)
 * while Redis is reachable and the consumer runs or stands by. */
#pragma once

#include <stddef.h>

#include "base/brand.h"
#include "base/config.h"
#include "base/rows.h"
#include "base/status.h"
#include "consumer/consumer.h"
#include "consumer/progress.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "rpc/descriptor_index.h"
#include "rpc/rpc_client.h"
#include "rpc/rpc_server.h"
#include "store/event_store.h"

/* How many a definition may have. Each array has a place more, which stays empty: what stands there is one too many. */
#define SERVICE_CONTRACTS 4
#define SERVICE_VIEWS 8
#define SERVICE_PEERS 4
#define SERVICE_OWNERS 16 /* other services whose streams it follows */

/* Flags of an rpc_method. The first two are about calls with `<brand>-after`.
 *
 * METHOD_READS_VIEWS: it reads the service's views. A call waits until they have seen that position.
 *
 * METHOD_RETRIED_WHEN_CAUGHT_UP: events that the service has not handled yet could turn a refusal into a success, but
 * never a success into a refusal. A call does not wait; but if its handler refuses with FAILED_PRECONDITION, it waits
 * until the service has handled everything up to that position, and the handler runs once more: it must be safe to do
 * twice what the handler does before it refuses.
 *
 * METHOD_FOR_OPERATORS: it changes how the service is run. With mutual TLS only the identities in <BRAND>_OPERATORS may
 * call it; others get PERMISSION_DENIED (CALLER_NOT_ALLOWED).
 *
 * METHOD_ONLY_READS: it changes nothing, so its answer waits for no replica of Redis (replica_gate.h). The handlers of
 * entity_query.h need not say so. */
#define METHOD_READS_VIEWS 1u
#define METHOD_RETRIED_WHEN_CAUGHT_UP 2u
#define METHOD_FOR_OPERATORS 4u
#define METHOD_ONLY_READS 8u

struct service;

/* Another service that this one calls: <BRAND>_<NAME>_ADDRESS, by default dns:///localhost:<port>. A service with views
 * has none of the name `event`, since their rebuilds ask the event service, where <BRAND>_EVENT_ADDRESS names it. */
struct service_peer {
  const char *name; /* NULL ends the list */
  int port;
  const ProtobufCServiceDescriptor *service; /* whose methods are called; NULL means only the outbox leads there */
  const struct brand *brand;                 /* the peer's; NULL means that of the service which calls */
};

/* A method that this service calls of another one. */
struct peer_method {
  const char *peer; /* name of a peer that has its service */
  const char *name; /* "RedeemCoupon" */
};

struct service_definition {
  const struct brand *brand;
  const char *name;    /* "note": executable <brand>-note, prefix of its own keys */
  const char *purpose; /* one line for --help */
  const char *version; /* for --version and the status; NULL means that of the runtime's tree */
  int port;            /* default of <BRAND>_LISTEN */
  /* The gRPC services; their `user` is set to the struct service. */
  struct rpc_service services[SERVICE_CONTRACTS + 1];
  /* For reflection: those services and all that they import, with or without comments (protoc --include_imports
   * --include_source_info --descriptor_set_out). The runtime adds what it serves itself. */
  struct descriptor_set descriptor_set;
  const struct view *views[SERVICE_VIEWS + 1]; /* all that handlers put records into: they can be rebuilt */
  struct {
    const struct subscription *rows; /* each stream once */
    size_t count;                    /* 0 means that the service has no consumer */
  } subscriptions;
  int64_t events_may_wait_ms; /* see consumer_options; 0 means that they are handled as quickly as they can be */
  struct service_peer peers[SERVICE_PEERS + 1];
  struct {
    const struct peer_method *rows; /* what service_call may call */
    size_t count;
  } calls;
  const struct outbox_route *outbox; /* NULL if there is none */
  const char *outbox_peer;           /* name of a peer */
  bool reads_only; /* it writes to Redis no more than followers of other logs: it has no resources and no consumer */
  const char *const *reads_logs_of; /* with it: services whose Redises it reads, at most SERVICE_OWNERS, NULL behind the
                                       last; NULL if there are none */
  const char *internal_callers;     /* who calls its internal services, separated by commas; NULL if there is none */
  struct {
    const struct setting *rows; /* the service's own, beside those of all services */
    size_t count;
  } settings;
  /* Optional: called after configuration and connections are made, before anything is served. Sets service->user. */
  struct status (*start)(struct service *service);
  /* Optional: see consumer_options.housekeep; `user` is the struct service. */
  coroutine_fn struct status (*housekeep)(void *service, struct context *context, int64_t position, const char *epoch,
                                          bool *ret_tick);
  const char *housekeep_owner; /* see consumer_options; NULL means the service itself */
  /* Optional: why the service is not ready, for its own reasons; "" if it is. Valid until the next call. */
  const char *(*reason)(const struct service *service);
  /* Optional: called as soon as the service is to end, while calls and the consumer still run: it makes what may take
   * long give up, so that they can end. Does not yield. */
  void (*stopping)(struct service *service);
  /* Optional: called after everything has been stopped. */
  coroutine_fn void (*stop)(struct service *service);
};

struct service {
  const struct service_definition *definition;
  struct loop *loop;
  struct arena *arena; /* lives as long as the process */
  struct event_store *store;
  struct log_owner owners[SERVICE_OWNERS]; /* those whose streams lie in other Redises than its own (progress.h) */
  size_t owner_count;
  struct consumer *consumer;       /* NULL without subscriptions */
  struct event_types *event_types; /* with which it writes its events (event_types.h); NULL if it writes none */
  struct rpc_channel *peers[SERVICE_PEERS];
  int64_t peers_answered_us[SERVICE_PEERS]; /* when service_call last had an answer of each; 0 means never */
  const char *refusing;                     /* why no new connections are taken; "" if they are */
  void *user; /* the service's own; also for handlers of events: work_user is the struct service */
};

/* Runs the service until it is told to stop. Returns the exit status for main, EXIT_SUCCESS, also for --help, --version
 * and --check-health. A service that cannot start ends the process: with 1, or with 2 if an argument is wrong. */
int service_main(const struct service_definition *definition, int argc, char **argv);

/* Calls a method of a peer, as rpc_client_call does. Which one, `method` says: the index of its row in the definition's
 * calls, for which the service has an enum.
 *
 *   enum { REDEEM_COUPON, CALLS };
 *   static const struct peer_method calls[CALLS] = {[REDEEM_COUPON] = {.peer = "coupon", .name = "RedeemCoupon"}};
 *   ...
 *   struct rpc_reply reply = service_call(service, REDEEM_COUPON, &context, &request);
 *
 * So a method that does not exist does not compile, or stops the service at its start. A request of another type than
 * the method's is INTERNAL (CALL_INVALID). A handler says by status_with_step which of its steps has failed. */
coroutine_fn struct rpc_reply service_call(struct service *service, size_t method, struct context *context,
                                           const void *request);

/* What a handler answers whose peer has not answered within the part of the call's time that it was given, of which
 * nothing is left for `purpose` ("record the order"); to be asked at once. UNAVAILABLE (PEER_UNREACHABLE) if the peer
 * has answered nobody since `since_us` (clock_monotonic_us), when it was asked; RESOURCE_EXHAUSTED (OVERLOADED) with a
 * RetryInfo if it has, since then it has too much to do. `method` is the row that service_call was given. */
struct status service_peer_too_slow(const struct service *service, size_t method, struct arena *arena, int64_t since_us,
                                    const char *purpose);

/* Where the streams of another service lie that this one follows: a store that only reads, or the service's own. */
struct event_store *service_store_of(const struct service *service, const char *owner);

/* The service of a call. */
static inline struct service *service_of(const struct rpc_call *call) {
  return call->service;
}
