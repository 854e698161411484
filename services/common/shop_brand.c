/* SPDX-License-Identifier: Apache-2.0 */
#include "shop_brand.h"

#include <stddef.h>

#include "shop_reasons.h"

static const char *const variables[] = {
    "ORDERSHOP_*_ADDRESS",
    "ORDERSHOP_GATEWAY_*",
    "ORDERSHOP_HOME",
    "ORDERSHOP_HOST",
    "ORDERSHOP_PORT_BASE",
    "ORDERSHOP_REDIS_PORT",
    "ORDERSHOP_REDIS_USERS",
    "ORDERSHOP_TLS",
    "ORDERSHOP_USE_PROXY",
    "ORDERSHOP_SMTP_*",
    "ORDERSHOP_MAIL_FOLDER",
    "ORDERSHOP_*_REDIS_URL",
    "ORDERSHOP_*_REDIS_PASSWORD_FILE",
    "ORDERSHOP_*_KEY_PREFIX",
    "ORDERSHOP_MAIL_GIVE_UP_SECONDS",
    "ORDERSHOP_ARCHIVE_FOLDER",
    "ORDERSHOP_ACCEPT_LOST_ARCHIVE",
    "ORDERSHOP_EVENT_FOLDER",
    "ORDERSHOP_RESERVATION_SECONDS",
    "ORDERSHOP_CLAIM_SECONDS",
    "ORDERSHOP_BUILD",
    "ORDERSHOP_TEST_*",
    "ORDERSHOP_INTERNAL_CALLERS",
    "ORDERSHOP_BIN",
    "ORDERSHOP_SOURCE",
    "ORDERSHOP_REQUIRE_TOOLS",
    "ORDERSHOP_OPERATORS",
    NULL,
};

const struct brand shop_brand = {
    .name = "ordershop",
    .environment_prefix = "ORDERSHOP_",
    .known_variables = variables,
    .error_domain = "ordershop",
    .reasons = shop_reasons,
    .after_metadata = "ordershop-after",
    .position_metadata = "ordershop-position",
    .clock_key = "ordershop_clock",
    .identity_prefix = "spiffe://ordershop/",
};
