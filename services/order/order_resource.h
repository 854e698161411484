/* SPDX-License-Identifier: Apache-2.0 */
/* Order resource: says where an order is kept and what its fields may be. */
#pragma once

#include "service/entity_command.h"

extern const struct resource orders;

/* The sorted set of orders without a billing, by log time of creation. */
const char *order_unbilled_key(const struct event_store *store, struct arena *arena);
