/* SPDX-License-Identifier: Apache-2.0 */
/* The order service: as a literal, for main.c, and what it calls of others, for its parts. */
#pragma once

#include "service/service.h"

enum order_call { GET_CUSTOMER, BATCH_GET_PRODUCTS, RESERVE_STOCK, BATCH_RESERVE_STOCK, RELEASE_STOCK, ORDER_CALLS };

extern const struct service_definition order_service;
