/* SPDX-License-Identifier: Apache-2.0 */
/* Order peers: the services that the order service asks; service->user. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "service/service.h"

struct order_peers {
  ProtobufCService *customers;
  ProtobufCService *products;
  ProtobufCService *stock;
};

static inline const struct order_peers *order_peers_of(const struct rpc_call *call) {
  return service_of(call)->user;
}
