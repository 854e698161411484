/* SPDX-License-Identifier: Apache-2.0 */
/* Shop: what the services of one shop agree on besides the contract: default ports, sums of money, the descriptor
 * set that tells clients of the contract. */
#pragma once

#include <descriptor_set.h>
#include <stddef.h>

#include "shop_brand.h"
#include "shop_services.h"

/* Money in euro cents. Sums stay below 2^53, so any JSON reader can carry them. */
#define SHOP_PRICE_MAX INT64_C(1000000000000)
#define SHOP_TOTAL_MAX INT64_C(1000000000000000)
