/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/sampler.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t ALL = UINT64_C(1) << 63;

const char *sampler_check_ratio(const char *value) {
  static const char allowed[] = "a number from 0 to 1, as in 0.01";
  static const char digits[] = "0123456789";
  size_t whole = strspn(value, digits), length = whole;
  if (value[whole] == '.') length += 1 + strspn(value + whole + 1, digits);
  bool is_number = whole > 0 && value[length] == '\0' && value[length - 1] != '.';
  return is_number && strtod(value, NULL) <= 1 ? NULL : allowed;
}

struct sampler sampler_of(const char *ratio) {
  return (struct sampler){.below = (uint64_t)(strtod(ratio, NULL) * (double)ALL)};
}

bool sampler_takes(const struct sampler *sampler, const struct trace_ids *ids) {
  uint64_t number = 0;
  for (size_t i = 8; i < sizeof ids->trace; i++) number = number << 8 | ids->trace[i];
  return number >> 1 < sampler->below;
}
