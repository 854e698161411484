/* SPDX-License-Identifier: Apache-2.0 */
#include "money.h"

#include <ctype.h>
#include <inttypes.h>

const char *money_text(struct arena *arena, int64_t cents) {
  uint64_t size = cents < 0 ? 0 - (uint64_t)cents : (uint64_t)cents;
  return arena_printf(arena, "EUR %s%" PRIu64 ".%02" PRIu64, cents < 0 ? "-" : "", size / 100, size % 100);
}

static bool append_digit(int64_t *value, char digit) {
  return !__builtin_mul_overflow(*value, 10, value) && !__builtin_add_overflow(*value, digit - '0', value);
}

bool money_parse(const char *text, int64_t *ret_cents) {
  bool negative = *text == '-';
  if (negative) text++;
  if (!isdigit((unsigned char)*text)) return false;
  int64_t cents = 0;
  for (; isdigit((unsigned char)*text); text++) {
    if (!append_digit(&cents, *text)) return false;
  }
  int decimals = 0;
  if (*text == '.') {
    for (text++; isdigit((unsigned char)*text) && decimals < 2; text++, decimals++) {
      if (!append_digit(&cents, *text)) return false;
    }
    if (decimals == 0) return false;
  }
  if (*text != '\0') return false;
  for (; decimals < 2; decimals++) {
    if (!append_digit(&cents, '0')) return false;
  }
  *ret_cents = negative ? -cents : cents;
  return true;
}
