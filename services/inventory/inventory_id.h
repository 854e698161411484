/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"

/* The id of a product's inventory; `product_id` in canonical form. */
const char *inventory_id(struct arena *arena, const char *product_id);
