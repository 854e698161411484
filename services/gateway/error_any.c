/* SPDX-License-Identifier: Apache-2.0 */
#include "error_any.h"

#include <google/rpc/error_details.pb-c.h>
#include <string.h>

#include "base/message.h"
#include "rpc/error_details.h"
#include "shop_brand.h"

const Google__Rpc__Status *error_of_status(struct arena *arena, struct status status) {
  static const Google__Rpc__Status none = GOOGLE__RPC__STATUS__INIT;
  const void *bytes;
  size_t size = error_details_pack(arena, shop_brand.error_domain, status, &bytes);
  const Google__Rpc__Status *error = message_unpack(arena, &google__rpc__status__descriptor, bytes, size);
  return error ? error : &none;
}

const char *error_any_type(const Google__Protobuf__Any *detail) {
  const char *slash = strrchr(detail->type_url, '/');
  return slash ? slash + 1 : detail->type_url;
}

const ProtobufCMessage *error_any_unpack(struct arena *arena, const Google__Protobuf__Any *detail) {
  static const ProtobufCMessageDescriptor *const types[] = {
      &google__rpc__error_info__descriptor, &google__rpc__bad_request__descriptor,
      &google__rpc__resource_info__descriptor, &google__rpc__precondition_failure__descriptor,
      &google__rpc__retry_info__descriptor};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(types[i]->name, error_any_type(detail)) != 0) continue;
    return message_unpack(arena, types[i], detail->value.data, detail->value.len);
  }
  return NULL;
}
