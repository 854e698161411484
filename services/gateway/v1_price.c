/* SPDX-License-Identifier: Apache-2.0 */
#include "v1_price.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { EXPONENT_MAX = 1000 };

static const int64_t cents_max = INT64_C(1000000000000000); /* the service has the limit of a price */

/* The parts of a number in JSON's grammar. */
struct decimal {
  bool negative;
  const char *whole, *fraction; /* digits */
  int whole_count, fraction_count;
  int exponent;
};

static const char *skip_digits(const char *at, const char **ret_digits, int *ret_count) {
  *ret_digits = at;
  while (isdigit((unsigned char)*at)) at++;
  *ret_count = (int)(at - *ret_digits);
  return at;
}

static bool read_decimal(const char *at, struct decimal *decimal) {
  *decimal = (struct decimal){.negative = *at == '-', .whole = "", .fraction = ""};
  if (*at == '-') at++;
  at = skip_digits(at, &decimal->whole, &decimal->whole_count);
  if (decimal->whole_count == 0 || (decimal->whole_count > 1 && *decimal->whole == '0')) return false;
  if (*at == '.') {
    at = skip_digits(at + 1, &decimal->fraction, &decimal->fraction_count);
    if (decimal->fraction_count == 0) return false;
  }
  if (*at == 'e' || *at == 'E') {
    char *end;
    const char *digits = at + 1 + (at[1] == '+' || at[1] == '-');
    if (!isdigit((unsigned char)*digits) || strlen(digits) > 4) return false;
    decimal->exponent = (int)strtol(at + 1, &end, 10);
    at = end;
  }
  return !*at && abs(decimal->exponent) <= EXPONENT_MAX;
}

static char digit_at(const struct decimal *decimal, int place) {
  if (place < decimal->whole_count) return decimal->whole[place];
  place -= decimal->whole_count;
  return place < decimal->fraction_count ? decimal->fraction[place] : '0';
}

bool v1_price_read(const char *text, int64_t *ret_cents) {
  struct decimal decimal;
  if (!read_decimal(text, &decimal)) return false;
  int digits = decimal.whole_count + decimal.fraction_count;
  int of_cents = decimal.whole_count + decimal.exponent + 2; /* digits that come before the end of the cents */
  int64_t cents = 0;
  for (int i = 0; i < digits || i < of_cents; i++) {
    int digit = digit_at(&decimal, i) - '0';
    if (i >= of_cents) {
      if (digit != 0) return false;
      continue;
    }
    if (cents == 0 && digit == 0) continue;
    cents = 10 * cents + digit;
    if (cents > cents_max) return false;
  }
  *ret_cents = decimal.negative ? -cents : cents;
  return true;
}

const char *v1_price_text(struct arena *arena, int64_t cents) {
  const char *sign = cents < 0 ? "-" : "";
  uint64_t size = cents < 0 ? -(uint64_t)cents : (uint64_t)cents;
  if (size % 100 == 0) return arena_printf(arena, "%s%" PRIu64, sign, size / 100);
  if (size % 10 == 0) return arena_printf(arena, "%s%" PRIu64 ".%d", sign, size / 100, (int)(size % 100 / 10));
  return arena_printf(arena, "%s%" PRIu64 ".%02d", sign, size / 100, (int)(size % 100));
}

/* The end of the string that begins at `at`, behind its quote. */
static size_t string_end(const char *body, size_t size, size_t at) {
  for (at++; at < size && body[at] != '"'; at++) {
    if (body[at] == '\\') at++;
  }
  return at < size ? at + 1 : size;
}

static size_t skip_blanks(const char *body, size_t size, size_t at) {
  while (at < size && strchr(" \t\r\n", body[at]) && body[at]) at++;
  return at;
}

const char *v1_price_quote(struct arena *arena, const char *body, size_t size, size_t *ret_size) {
  static const char name[] = "\"price\"";
  char *made = arena_alloc(arena, 2 * size + 1), *out = made;
  for (size_t at = 0; at < size;) {
    size_t end = body[at] == '"' ? string_end(body, size, at) : at + 1;
    out = mempcpy(out, body + at, end - at);
    bool is_price = end - at == strlen(name) && memcmp(body + at, name, strlen(name)) == 0;
    at = end;
    if (!is_price) continue;
    size_t colon = skip_blanks(body, size, at);
    size_t value = colon < size && body[colon] == ':' ? skip_blanks(body, size, colon + 1) : size;
    size_t rest = value;
    while (rest < size && body[rest] && strchr("0123456789+-.eE", body[rest])) rest++;
    if (rest == value) continue;
    out = mempcpy(out, body + at, value - at);
    *out++ = '"';
    out = mempcpy(out, body + value, rest - value);
    *out++ = '"';
    at = rest;
  }
  *out = '\0';
  *ret_size = (size_t)(out - made);
  return made;
}
