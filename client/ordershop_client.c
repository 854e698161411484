/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ordershop_client.h"

#include <grpc/health/v1/health.pb-c.h>
#include <string.h>

#include "client/client.h"
#include "rpc/rpc_blocking_client.h"
#include "shop_brand.h"

/* As generated: the contract of a service has its name. */
#define DESCRIPTOR(NAME, name, distance) ordershop__v1__##name##_service__descriptor
extern const ProtobufCServiceDescriptor ORDERSHOP_SERVICES(DESCRIPTOR);

#define ROW(NAME, name, distance) [ORDERSHOP_##NAME] = {#name, &DESCRIPTOR(NAME, name, distance), distance}

static const struct {
  const char *name;
  const ProtobufCServiceDescriptor *descriptor;
  int distance; /* of its port from the base */
} services[ORDERSHOP_SERVICE_COUNT] = {ORDERSHOP_SERVICES(ROW)};

const char *ordershop_service_name(enum ordershop_service service) {
  return services[service].name;
}

bool ordershop_service_find(const char *name, enum ordershop_service *ret_service) {
  for (enum ordershop_service service = 0; service < ORDERSHOP_SERVICE_COUNT; service++) {
    if (strcmp(services[service].name, name) != 0) continue;
    *ret_service = service;
    return true;
  }
  return false;
}

const ProtobufCServiceDescriptor *ordershop_service_descriptor(enum ordershop_service service) {
  return services[service].descriptor;
}

/* "host:port", an IPv6 address in brackets. */
static const char *address_of(struct arena *arena, const struct ordershop_client_options *options,
                              enum ordershop_service service) {
  if (options->addresses[service]) return arena_strdup(arena, options->addresses[service]);
  const char *host = options->host ? options->host : "127.0.0.1";
  int port = (options->port_base ? options->port_base : 50050) + services[service].distance;
  bool bare_ipv6 = strchr(host, ':') && host[0] != '[';
  return arena_printf(arena, bare_ipv6 ? "[%s]:%d" : "%s:%d", host, port);
}

static void name_peers(struct ordershop_client *client, const struct ordershop_client_options *options) {
  client->peer_count = ORDERSHOP_SERVICE_COUNT + options->own_service_count;
  client->peers = arena_calloc(client->arena, client->peer_count, sizeof(*client->peers));
  for (enum ordershop_service service = 0; service < ORDERSHOP_SERVICE_COUNT; service++) {
    client->peers[service].name = services[service].name;
    client->peers[service].address = address_of(client->arena, options, service);
  }
  for (size_t i = 0; i < options->own_service_count; i++) {
    struct peer *peer = &client->peers[ORDERSHOP_SERVICE_COUNT + i];
    peer->name = arena_strdup(client->arena, options->own_services[i].name);
    peer->address = arena_strdup(client->arena, options->own_services[i].address);
  }
}

static struct status connect_peer(struct ordershop_client *client, struct peer *peer, bool use_proxy) {
  struct rpc_channel_options options = {
      .brand = &shop_brand, .peer = peer->name, .tls = client->tls, .use_proxy = use_proxy};
  return rpc_blocking_channel_open(client->arena, peer->address, &options, &peer->channel);
}

static struct status open_identity(struct ordershop_client *client, const struct ordershop_client_options *options) {
  const struct tls_texts paths = {
      .certificate = options->tls_certificate_file, .key = options->tls_key_file, .ca = options->tls_ca_file};
  return tls_files_open(client->arena, shop_brand.environment_prefix, &paths, false, &client->tls);
}

static struct status connect_services(struct ordershop_client *client, const struct ordershop_client_options *options) {
  struct status status = open_identity(client, options);
  name_peers(client, options);
  for (size_t i = 0; i < client->peer_count && status_is_ok(status); i++) {
    status = connect_peer(client, &client->peers[i], options->use_proxy);
  }
  return status;
}

struct status ordershop_client_open(struct arena *arena, const struct ordershop_client_options *options,
                                    struct ordershop_client **ret_client) {
  static const struct ordershop_client_options defaults;
  if (!options) options = &defaults;
  struct arena *own = arena_new();
  struct ordershop_client *client = arena_calloc(own, 1, sizeof(*client));
  client->arena = own;
  client->deadline_ms = options->deadline_ms ? options->deadline_ms : 10000;
  client->retry.attempts = options->attempts ? options->attempts : 5;
  client->retry.first_backoff_ms = options->first_backoff_ms ? options->first_backoff_ms : 100;
  position_memory_init(&client->position);
  struct status status = connect_services(client, options);
  if (!status_is_ok(status)) {
    status = status_copy(status, arena);
    ordershop_client_close(client);
    return status;
  }
  *ret_client = client;
  return status;
}

void ordershop_client_close(struct ordershop_client *client) {
  if (!client) return;
  for (size_t i = 0; i < client->peer_count; i++) {
    if (client->peers[i].channel) rpc_blocking_channel_close(client->peers[i].channel);
  }
  tls_files_close(client->tls);
  position_memory_destroy(&client->position);
  arena_free(client->arena);
}

const char *ordershop_client_address(const struct ordershop_client *client, enum ordershop_service service) {
  return client->peers[service].address;
}

size_t ordershop_client_service_count(const struct ordershop_client *client) {
  return client->peer_count;
}

const char *ordershop_client_service_name(const struct ordershop_client *client, enum ordershop_service service) {
  return client->peers[service].name;
}

bool ordershop_client_service_find(const struct ordershop_client *client, const char *name,
                                   enum ordershop_service *ret_service) {
  for (size_t i = 0; i < client->peer_count; i++) {
    if (strcmp(client->peers[i].name, name) != 0) continue;
    *ret_service = (enum ordershop_service)i;
    return true;
  }
  return false;
}
