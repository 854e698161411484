/* SPDX-License-Identifier: Apache-2.0 */
/* Shop: what the services of one shop agree on besides the contract: default ports, known variables, the descriptor set
 * that tells clients of the contract. */
#pragma once

#include <descriptor_set.h>
#include <stddef.h>

#include "shop_brand.h"
#include "shop_ports.h"

/* Money in euro cents. Sums stay below 2^53, so any JSON reader can carry them. */
#define SHOP_PRICE_MAX INT64_C(1000000000000)
#define SHOP_TOTAL_MAX INT64_C(1000000000000000)

/* Variables that some program of the shop reads (shell patterns): a service warns of any other ORDERSHOP_ variable. */
static const char *const shop_variables[] = {
    "ORDERSHOP_*_ADDRESS",
    "ORDERSHOP_HOME",
    "ORDERSHOP_HOST",
    "ORDERSHOP_PORT_BASE",
    "ORDERSHOP_REDIS_PORT",
    "ORDERSHOP_REDIS_USERS",
    "ORDERSHOP_TLS",
    "ORDERSHOP_USE_PROXY",
    "ORDERSHOP_SMTP_*",
    "ORDERSHOP_MAIL_FOLDER",
    "ORDERSHOP_MAIL_GIVE_UP_SECONDS",
    "ORDERSHOP_RESERVATION_SECONDS",
    "ORDERSHOP_CLAIM_SECONDS",
    "ORDERSHOP_BUILD",
    "ORDERSHOP_TEST_*",
    "ORDERSHOP_INTERNAL_CALLERS",
    "ORDERSHOP_BIN",
    "ORDERSHOP_SOURCE",
    "ORDERSHOP_REQUIRE_TOOLS",
    NULL,
};
