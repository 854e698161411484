/* SPDX-License-Identifier: Apache-2.0 */
#include "base/brand.h"

const char *brand_variable(const struct brand *brand, struct arena *arena, const char *name) {
  return arena_printf(arena, "%s%s", brand->environment_prefix, name);
}
