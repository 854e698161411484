/* SPDX-License-Identifier: Apache-2.0 */
/* The brand of the service and its client: they have nothing of OrderShop's names. */
#pragma once

#include "base/brand.h"

static const struct brand notebook_brand = {
    .name = "notebook",
    .environment_prefix = "NOTEBOOK_",
    .error_domain = "notebook.example.com",
    .after_metadata = "notebook-after",
    .position_metadata = "notebook-position",
    .clock_key = "notebook_clock",
    .identity_prefix = "spiffe://notebook/",
};
