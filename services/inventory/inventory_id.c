/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory_id.h"

#include "base/uuid.h"

const char *inventory_id(struct arena *arena, const char *product_id) {
  return uuid_derive_text(arena, "inventory", product_id);
}
