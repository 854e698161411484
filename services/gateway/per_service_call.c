/* SPDX-License-Identifier: Apache-2.0 */
#include "per_service_call.h"

#include <string.h>

#include "answer.h"
#include "connect_call.h"
#include "own_contract.h"

static const char prefix[] = "/services/";

bool per_service_is_path(const char *path) {
  return strncmp(path, prefix, sizeof prefix - 1) == 0;
}

/* "/ordershop.v1.StatusService/GetServiceStatus" of a path; NULL if there is nothing behind the service's name. */
static const char *method_path(const char *path) {
  return per_service_is_path(path) ? strchr(path + sizeof prefix - 1, '/') : NULL;
}

const struct api_method *per_service_method(const struct contract *contract, const char *path) {
  const char *rest = method_path(path);
  return rest ? contract_every_servers_method(contract, rest) : NULL;
}

static bool is_name(const char *name, const char *text, size_t size) {
  return strlen(name) == size && memcmp(name, text, size) == 0;
}

/* Returns how the service of that name is reached, or NULL if there is none. */
static struct rpc_channel *find_channel(const struct gateway *gateway, const char *name, size_t size,
                                        bool *ret_is_own) {
  const struct gateway_settings *settings = &gateway->settings;
  *ret_is_own = false;
  for (size_t i = 0; i < settings->peer_count; i++) {
    if (is_name(settings->peers[i].name, name, size)) return gateway->channels[i];
  }
  *ret_is_own = true;
  const struct own_contract *own;
  for (size_t i = 0; (own = own_contract_at(gateway->own_contracts, i)); i++) {
    if (is_name(own->name, name, size)) return own->channel;
  }
  return NULL;
}

coroutine_fn void per_service_call(struct gateway *gateway, const struct contract *contract,
                                   struct http_request *request) {
  const char *name = request->path + sizeof prefix - 1;
  int size = (int)strcspn(name, "/");
  const struct api_method *known = per_service_method(contract, request->path);
  struct api_method method = known ? *known : (struct api_method){0};
  method.channel = find_channel(gateway, name, (size_t)size, &method.is_own);
  if (method.channel) {
    connect_call(gateway, request, known ? &method : NULL);
  } else {
    answer_error(request, 404, arena_printf(request->arena, "There is no service %.*s.", size, name));
  }
}
