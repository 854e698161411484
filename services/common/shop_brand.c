/* SPDX-License-Identifier: Apache-2.0 */
#include "shop_brand.h"

#include "shop_reasons.h"

const struct brand shop_brand = {
    .name = "ordershop",
    .environment_prefix = "ORDERSHOP_",
    .error_domain = "ordershop",
    .reasons = shop_reasons,
    .after_metadata = "ordershop-after",
    .position_metadata = "ordershop-position",
    .clock_key = "ordershop_clock",
    .identity_prefix = "spiffe://ordershop/",
};
