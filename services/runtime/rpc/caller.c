/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls, by his certificate. */
#include <grpc/grpc_security.h>
#include <string.h>

#include "rpc/server_call.h"

/* The property's text behind the prefix, or NULL. A NUL in it would hide what follows. */
static const char *rest_of(struct arena *arena, const grpc_auth_property *property, const char *prefix) {
  size_t skipped = strlen(prefix);
  if (property->value_length <= skipped || memcmp(property->value, prefix, skipped) != 0) return NULL;
  if (memchr(property->value, '\0', property->value_length)) return NULL;
  return arena_memdup(arena, property->value + skipped, property->value_length - skipped);
}

const char *rpc_call_identity(const struct rpc_call *call, const char *prefix) {
  const struct server_call *own = (const struct server_call *)call;
  grpc_auth_context *context = grpc_call_auth_context(own->grpc);
  if (!context) return NULL;
  grpc_auth_property_iterator at = grpc_auth_context_find_properties_by_name(context, GRPC_PEER_URI_PROPERTY_NAME);
  const grpc_auth_property *property;
  const char *identity = NULL;
  while (!identity && (property = grpc_auth_property_iterator_next(&at))) {
    identity = rest_of(call->context.arena, property, prefix);
  }
  grpc_auth_context_release(context);
  return identity;
}
