/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/service_table.h"

#include <string.h>

static struct status fault(struct arena *arena, const struct rpc_service *service, const char *method,
                           const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_service_table_invalid, "The method table of %s: %s %s.",
                      service->descriptor->name, method, what);
}

static struct status check_method(struct arena *arena, const struct rpc_service *service,
                                  const struct rpc_method *method) {
  const ProtobufCMethodDescriptor *descriptor =
      protobuf_c_service_descriptor_get_method_by_name(service->descriptor, method->name);
  if (!descriptor) return fault(arena, service, method->name, "is no method of the service");
  if (!method->handler == !method->stream_handler) {
    return fault(arena, service, method->name, "needs either a handler or a stream handler");
  }
  return status_ok();
}

static size_t count_of(const struct rpc_service *service, const char *name) {
  size_t count = 0;
  for (size_t i = 0; i < service->methods.count; i++) count += strcmp(service->methods.rows[i].name, name) == 0;
  return count;
}

struct status service_table_check(struct arena *arena, const struct rpc_service *service) {
  for (size_t i = 0; i < service->methods.count; i++) {
    if (!service->methods.rows[i].name)
      return fault(arena, service, arena_printf(arena, "methods[%zu]", i), "has no name");
  }
  for (size_t i = 0; i < service->methods.count; i++) {
    struct status status = check_method(arena, service, &service->methods.rows[i]);
    if (!status_is_ok(status)) return status;
  }
  for (unsigned i = 0; i < service->descriptor->n_methods; i++) {
    const char *name = service->descriptor->methods[i].name;
    size_t count = count_of(service, name);
    if (count != 1) return fault(arena, service, name, count == 0 ? "is missing" : "comes twice");
  }
  return status_ok();
}
