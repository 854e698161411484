/* SPDX-License-Identifier: Apache-2.0 */
#include "base/brand.h"

#include "base/reason.h"

const char *brand_variable(const struct brand *brand, struct arena *arena, const char *name) {
  return arena_printf(arena, "%s%s", brand->environment_prefix, name);
}

struct status brand_require(const struct brand *brand, struct arena *arena, const char *options) {
  if (brand) return status_ok();
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_definition_invalid, "%s.brand is missing.", options);
}
