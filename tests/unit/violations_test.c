/* SPDX-License-Identifier: Apache-2.0 */
#include "base/violations.h"
#include "base/email.h"
#include "base/field_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "suite.h"

static struct arena *arena;

static int set_up(void) {
  arena = arena_new();
  return 0;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

/* How many violations a check adds. */
static size_t name_violations(const char *value) {
  struct violations violations = violations_of(arena);
  check_name(&violations, "name", value);
  return violations.count;
}

static size_t email_violations(const char *value) {
  struct violations violations = violations_of(arena);
  check_email(&violations, "email", value);
  return violations.count;
}

static size_t text_violations(const char *value, size_t max, bool lines) {
  struct violations violations = violations_of(arena);
  check_text(&violations, "text", value, max, lines);
  return violations.count;
}

static const char *repeat(const char *unit, size_t count) {
  size_t size = strlen(unit);
  char *text = arena_calloc(arena, size * count + 1, 1);
  for (size_t i = 0; i < count; i++) memcpy(text + i * size, unit, size);
  return text;
}

static void expect_names(const char *const *values, size_t count, size_t violations) {
  for (size_t i = 0; i < count; i++) {
    size_t found = name_violations(values[i]);
    if (found != violations) printf("\n    name %zu \"%s\": %zu violations ", i, values[i], found);
    CU_ASSERT_EQUAL(found, violations);
  }
}

static void test_names_allowed(void) {
  static const char *const names[] = {
      "a",
      "Ada Lovelace",
      "a_b:c",
      "customer_entity:6f1c2a4e-0b1d-4c8e-9f00-123456789abc",
      "{shop1}:customer_ids",
      "; DROP TABLE customers --",
      "<script>alert('x')</script> & \"quotes\" \\",
      " padded ",
      "J\u00FCrgen \u00D1\u00E1\u00F1ez",
      "\u5F20\u4F1F",
      "\u0645\u062D\u0645\u062F",
      "\U0001F600",
      "\U0001F468\u200D\U0001F469\u200D\U0001F467", /* joined by U+200D */
      "zero\u200Bwidth",
      "\uFEFFbom",
      "\u2764\uFE0F", /* with a variation selector */
      "\U0010FFFF",
      "%s%n%d",
      "-",
  };
  expect_names(names, SUITE_SIZE(names), 0);
  CU_ASSERT_EQUAL(name_violations(repeat("x", 256)), 0);
  CU_ASSERT_EQUAL(name_violations(repeat("\U0001F600", 256)), 0);
}

static void test_names_blank(void) {
  static const char *const names[] = {
      "",       " ",          "      ",     "\u00A0",     "\u00A0 \u00A0",       "\u1680", "\u2000\u2001\u200A",
      "\u202F", "\u205F",     "\u3000 ",    "\u200B",     "\u200B \u200D\u2060", "\uFEFF", "\u00AD",
      "\u034F", "\u061C",     "\u115F",     "\u180E",     "\u200E\u202E",        "\u3164", "\uFE0F",
      "\uFFA0", "\U0001D173", "\U000E0041", "\U000E0100",
  };
  expect_names(names, SUITE_SIZE(names), 1);
  CU_ASSERT_EQUAL(name_violations(NULL), 1);
}

static void test_canonical_addresses(void) {
  CU_ASSERT_STRING_EQUAL(email_canonical(arena, "Ada.Lovelace@EXAMPLE.Com"), "Ada.Lovelace@example.com");
  CU_ASSERT_STRING_EQUAL(email_canonical(arena, "ada@example.com"), "ada@example.com");
  CU_ASSERT_STRING_EQUAL(email_canonical(arena, "No Address"), "No Address");
  CU_ASSERT_STRING_EQUAL(email_canonical(arena, ""), "");
}

static void test_names_control(void) {
  static const char *const names[] = {
      "a\nb",      "a\tb",      "\r",        "a\x01",           "a\x1B[31m", "\x7F",
      "a\xC2\x80", "a\xC2\x85", "a\xC2\x9F", "line\u2028break", "\u2029",    "tab only\t\t",
  };
  expect_names(names, SUITE_SIZE(names), 1);
}

static void test_names_not_utf8(void) {
  static const char *const names[] = {
      "\xC0\x80",                 /* NUL, overlong */
      "\xC1\xBF",                 /* overlong */
      "\xE0\x80\xAF",             /* '/', overlong */
      "\xE0\x9F\xBF",             /* overlong */
      "\xF0\x80\x80\xAF",         /* overlong */
      "\xF0\x8F\xBF\xBF",         /* overlong */
      "\xED\xA0\x80",             /* U+D800 */
      "\xED\xBF\xBF",             /* U+DFFF */
      "\xED\xA0\xBD\xED\xB8\x80", /* a surrogate pair */
      "\xF4\x90\x80\x80",         /* U+110000 */
      "\xF5\x80\x80\x80",
      "\xFF",
      "\xFE",
      "\x80",      /* continuation without a start */
      "a\xC3",     /* cut off */
      "a\xE2\x82", /* cut off */
      "a\xF0\x9F\x98",
      "\xC3\x28",  /* start without a continuation */
      "J\xFCrgen", /* Latin-1 */
  };
  expect_names(names, SUITE_SIZE(names), 1);
}

static void test_names_long(void) {
  CU_ASSERT_EQUAL(name_violations(repeat("x", 257)), 1);
  CU_ASSERT_EQUAL(name_violations(repeat("\u00FC", 257)), 1);
  CU_ASSERT_EQUAL(name_violations(repeat(" ", 257)), 2);
  CU_ASSERT_EQUAL(name_violations(repeat("\n", 257)), 2);
}

static void test_utf8_length(void) {
  CU_ASSERT_EQUAL(utf8_length("", 0), 0);
  CU_ASSERT_EQUAL(utf8_length("abc", 3), 3);
  CU_ASSERT_EQUAL(utf8_length("a\0c", 3), 3);
  CU_ASSERT_EQUAL(utf8_length("\u00FC\u20AC\U0001F600", 9), 3);
  CU_ASSERT_EQUAL(utf8_length("\u20AC", 2), -1);
  CU_ASSERT_EQUAL(utf8_length("\xED\x9F\xBF\xEE\x80\x80", 6), 2); /* around the surrogates */
}

static void test_utf8_cut(void) {
  CU_ASSERT_EQUAL(utf8_cut("", 0), 0);
  CU_ASSERT_EQUAL(utf8_cut("abc", 4), 3);
  CU_ASSERT_EQUAL(utf8_cut("abc", 3), 3);
  CU_ASSERT_EQUAL(utf8_cut("abc", 2), 2);
  CU_ASSERT_EQUAL(utf8_cut("abc", 0), 0);
  for (size_t max = 1; max < 5; max++) CU_ASSERT_EQUAL(utf8_cut("a\U0001F600b", max), 1);
  CU_ASSERT_EQUAL(utf8_cut("a\U0001F600b", 5), 5);
  CU_ASSERT_EQUAL(utf8_cut("\u20AC", 2), 0);
  CU_ASSERT_EQUAL(utf8_cut("\x80\x80\x80\x80\x80\x80", 5), 5); /* not UTF-8 */
}

/* The encoder of the test, against the decoder: every code point there is. */
static void test_utf8_every_point(void) {
  size_t wrong = 0;
  for (uint32_t point = 0; point <= 0x110FFF; point++) {
    unsigned char bytes[4];
    size_t size;
    if (point < 0x80) {
      bytes[0] = (unsigned char)point, size = 1;
    } else if (point < 0x800) {
      bytes[0] = (unsigned char)(0xC0 | point >> 6), size = 2;
    } else if (point < 0x10000) {
      bytes[0] = (unsigned char)(0xE0 | point >> 12), size = 3;
    } else {
      bytes[0] = (unsigned char)(0xF0 | point >> 18), size = 4;
    }
    for (size_t i = 1; i < size; i++) bytes[i] = (unsigned char)(0x80 | (point >> 6 * (size - 1 - i) & 0x3F));
    bool valid = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    wrong += utf8_length(bytes, size) != (valid ? 1 : -1);
    wrong += size > 1 && utf8_length(bytes, size - 1) != -1;
  }
  CU_ASSERT_EQUAL(wrong, 0);
}

static void test_single_violation(void) {
  struct status status = violation_status(arena, "PAGE_TOKEN_INVALID", "page_token", "is another method's");
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "PAGE_TOKEN_INVALID");
  CU_ASSERT_STRING_EQUAL(status.message, "page_token is another method's");
  CU_ASSERT_STRING_EQUAL(status.details->violations->field, "page_token");
  CU_ASSERT_STRING_EQUAL(status.details->violations->description, "is another method's");
  CU_ASSERT_PTR_NULL(status.details->violations->next);
}

static void test_emails_allowed(void) {
  static const char *const emails[] = {
      "a@b",
      "ada@example.com",
      "ADA@EXAMPLE.COM",
      "ada.lovelace+shop@mail.example.co.uk",
      "o'brien@example.com",
      "!#$%&'*+-/=?^_`{|}~@example.com",
      "x@1.2.3.4",
      "user@localhost",
      "user@xn--bcher-kva.example",
      "1@2",
      "a-b@c-d.e--f",
  };
  for (size_t i = 0; i < SUITE_SIZE(emails); i++) {
    size_t found = email_violations(emails[i]);
    if (found != 0) printf("\n    e-mail \"%s\" ", emails[i]);
    CU_ASSERT_EQUAL(found, 0);
  }
}

static void test_emails_refused(void) {
  static const char *const emails[] = {
      "",
      "@",
      "a",
      "a@",
      "@b",
      "a@@b",
      "a@b@c",
      "a b@c",
      " a@b",
      "a@b ",
      "a@b c",
      "a\t@b",
      "a@b\n",
      "a@b\r\nBcc: all@example.com",
      "\na@b",
      "\"a\"@b",
      "a\"@b",
      "<a@b>",
      "Ada <ada@example.com>",
      "a@b,c@d",
      "a;b@c",
      "a:b@c",
      "a(comment)@b",
      "a\\b@c",
      "a[b]@c",
      "a@[127.0.0.1]",
      ".a@b",
      "a.@b",
      "a..b@c",
      "a@.b",
      "a@b.",
      "a@b..c",
      "a@-b",
      "a@b-",
      "a@b.-c",
      "a@b_c",
      "a@b/c",
      "a@b:25",
      "mailto:a@b,c",
      "j\u00FCrgen@example.com",
      "a@b\u00FCcher.example",
      "a@b\x7F",
      "a\x01@b",
      "a\xFF@b",
      "a@\xE2\x80\xA8",
  };
  for (size_t i = 0; i < SUITE_SIZE(emails); i++) {
    size_t found = email_violations(emails[i]);
    if (found != 1) printf("\n    e-mail \"%s\" ", emails[i]);
    CU_ASSERT_EQUAL(found, 1);
  }
  CU_ASSERT_EQUAL(email_violations(NULL), 1);
}

static const char *join(const char *left, const char *right) {
  return arena_printf(arena, "%s%s", left, right);
}

static void test_emails_long(void) {
  const char *label = repeat("b", 63);
  CU_ASSERT_EQUAL(email_violations(join(repeat("a", 64), "@b")), 0);
  CU_ASSERT_EQUAL(email_violations(join(repeat("a", 65), "@b")), 1);
  CU_ASSERT_EQUAL(email_violations(join("a@", label)), 0);
  CU_ASSERT_EQUAL(email_violations(join("a@b", label)), 1);
  const char *max = arena_printf(arena, "%s@%s.%s.%s", repeat("a", 63), label, label, repeat("b", 62));
  CU_ASSERT_EQUAL(strlen(max), 254);
  CU_ASSERT_EQUAL(email_violations(max), 0);
  CU_ASSERT_EQUAL(email_violations(join("a", max)), 1);
}

static void test_texts(void) {
  CU_ASSERT_EQUAL(text_violations("", 10, false), 0);
  CU_ASSERT_EQUAL(text_violations(NULL, 10, false), 0);
  CU_ASSERT_EQUAL(text_violations("\u20AC\u20AC\u20AC", 3, false), 0);
  CU_ASSERT_EQUAL(text_violations("\u20AC\u20AC\u20AC\u20AC", 3, false), 1);
  CU_ASSERT_EQUAL(text_violations("one\ntwo\tthree", 100, true), 0);
  CU_ASSERT_EQUAL(text_violations("one\ntwo", 100, false), 1);
  CU_ASSERT_EQUAL(text_violations("one\ttwo", 100, false), 1);
  CU_ASSERT_EQUAL(text_violations("one\r\ntwo\r\n", 100, true), 0);
  CU_ASSERT_EQUAL(text_violations("one\r\ntwo", 100, false), 1);
  CU_ASSERT_EQUAL(text_violations("one\rtwo", 100, true), 1);
  CU_ASSERT_EQUAL(text_violations("one\r", 100, true), 1);
  CU_ASSERT_EQUAL(text_violations("bell\a", 100, true), 1);
  CU_ASSERT_EQUAL(text_violations("\xC0\x80", 100, true), 1);
}

static void test_ranges_and_uuids(void) {
  struct violations violations = violations_of(arena);
  check_range(&violations, "low", 0, 0, 10);
  check_range(&violations, "high", 10, 0, 10);
  check_uuid(&violations, "id", "6f1c2a4e-0b1d-4c8e-9f00-123456789abc");
  check_optional_uuid(&violations, "request_id", "");
  check_optional_uuid(&violations, "request_id", NULL);
  CU_ASSERT_EQUAL(violations.count, 0);
  CU_ASSERT(status_is_ok(violations_status(&violations)));
  check_range(&violations, "low", -1, 0, 10);
  check_range(&violations, "high", 11, 0, 10);
  check_range(&violations, "least", INT64_MIN, 0, INT64_MAX);
  check_uuid(&violations, "id", "");
  check_uuid(&violations, "id", NULL);
  check_optional_uuid(&violations, "request_id", "6f1c");
  CU_ASSERT_EQUAL(violations.count, 6);
}

static void test_all_are_answered(void) {
  struct violations violations = violations_of(arena);
  check_name(&violations, "customer.name", " ");
  check_email(&violations, "customer.email", "nobody");
  check_range(&violations, "customer.version", -1, 0, 100);
  struct status status = violations_status(&violations);
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "FIELD_INVALID");
  CU_ASSERT_STRING_EQUAL(status.message, "customer.name must not be blank; 2 more");
  const struct field_violation *violation = status.details->violations;
  CU_ASSERT_STRING_EQUAL(violation->field, "customer.name");
  CU_ASSERT_STRING_EQUAL(violation->next->field, "customer.email");
  CU_ASSERT_STRING_EQUAL(violation->next->next->description, "must be from 0 to 100, not -1");
  CU_ASSERT_PTR_NULL(violation->next->next->next);
}

static void test_bounded(void) {
  struct violations violations = violations_of(arena);
  for (int i = 0; i < 1000; i++) violation_add(&violations, "field", "is wrong %d", i);
  struct status status = violations_status(&violations);
  size_t kept = 0;
  for (const struct field_violation *at = status.details->violations; at; at = at->next) kept++;
  CU_ASSERT_EQUAL(kept, 100);
  CU_ASSERT_STRING_EQUAL(status.message, "field is wrong 0; 999 more");
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"names with separators, quotes, emojis and any script are allowed", test_names_allowed},
      {"names in which nothing shows are blank", test_names_blank},
      {"addresses are compared with their domains in lower case", test_canonical_addresses},
      {"names with control characters or line separators are refused", test_names_control},
      {"names that are not UTF-8 are refused", test_names_not_utf8},
      {"names have at most 256 code points, however many bytes", test_names_long},
      {"utf8_length counts code points, NUL included", test_utf8_length},
      {"a text is cut between characters", test_utf8_cut},
      {"every code point is decoded, every surrogate and cut sequence refused", test_utf8_every_point},
      {"a single violation keeps a reason of its own", test_single_violation},
      {"e-mail addresses of dot-strings and host names are allowed", test_emails_allowed},
      {"e-mail addresses that a mail program could misread are refused", test_emails_refused},
      {"e-mail addresses keep to RFC 5321's lengths", test_emails_long},
      {"texts may be empty; line feeds and tabs only where lines are allowed", test_texts},
      {"ranges include their ends; an optional UUID may be empty", test_ranges_and_uuids},
      {"all violations are answered at once, in order", test_all_are_answered},
      {"at most 100 violations are kept, all are counted", test_bounded},
  };
  return suite_main("violations", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
