/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "base/utf8.h"
#include "base/violations.h"
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

static const char ID[] = "6f1c2a34-0000-4000-8000-00000000abcd";

static Ordershop__V1__Mail mail_of(const char *to, const char *subject, const char *body) {
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  mail.id = (char *)ID;
  mail.to = (char *)to;
  mail.subject = (char *)subject;
  mail.body = (char *)body;
  mail.create_time = timestamp_new(arena, INT64_C(1548699678802091));
  return mail;
}

static const char *compose(const char *from, const Ordershop__V1__Mail *mail, enum mail_form form) {
  const struct mail_sender sender = {.name = from, .address = "shop@localhost"};
  struct mail_message message = mail_message_compose(arena, mail, &sender, form);
  return arena_memdup(arena, message.bytes, message.size);
}

static const char *compose_subject(const char *subject) {
  Ordershop__V1__Mail mail = mail_of("ada@example.com", subject, "Hello\n");
  return compose("OrderShop", &mail, MAIL_FORM_FILE);
}

static const char *compose_body(const char *body, enum mail_form form) {
  Ordershop__V1__Mail mail = mail_of("ada@example.com", "Hello", body);
  return compose("OrderShop", &mail, form);
}

static const char *repeat(const char *unit, size_t count) {
  size_t size = strlen(unit);
  char *text = arena_alloc(arena, size * count + 1);
  for (size_t i = 0; i < count; i++) memcpy(text + i * size, unit, size);
  text[size * count] = '\0';
  return text;
}

/* ---- a reader of mails, as far as these tests need one ---------------------------------------------------------- */

/* The body, decoded by nobody. */
static const char *body_of(const char *message) {
  const char *lf = strstr(message, "\n\n"), *crlf = strstr(message, "\r\n\r\n");
  return crlf ? crlf + 4 : lf ? lf + 2 : "";
}

static size_t longest_line(const char *message) {
  size_t longest = 0;
  for (const char *at = message; *at;) {
    size_t length = strcspn(at, "\r\n");
    if (length > longest) longest = length;
    at += length;
    while (*at == '\r' || *at == '\n') at++;
  }
  return longest;
}

/* Header fields, one a line, unfolded (RFC 5322, 2.2.3). */
static char *headers_of(const char *message) {
  size_t size = (size_t)(body_of(message) - message);
  char *headers = arena_memdup(arena, message, size), *to = headers;
  for (const char *at = headers; *at; at++) {
    if (*at == '\r') continue;
    bool folded = *at == '\n' && (at[1] == ' ' || at[1] == '\t');
    if (!folded) *to++ = *at;
  }
  *to = '\0';
  return headers;
}

/* The unfolded value of a header field; counts how many there are of that name. */
static const char *header_of(const char *message, const char *name, int *ret_count) {
  const char *value = NULL;
  char *rest;
  *ret_count = 0;
  for (char *line = strtok_r(headers_of(message), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':') continue;
    value = line + length + 2;
    (*ret_count)++;
  }
  return value ? value : "";
}

static const char *value_of(const char *message, const char *name) {
  int count;
  const char *value = header_of(message, name, &count);
  CU_ASSERT_EQUAL(count, 1);
  return value;
}

static int digit_of(char c) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *at = strchr(digits, c);
  return at && c ? (int)(at - digits) : -1;
}

static char *base64_decoded(const char *text, size_t size, char *to) {
  unsigned bits = 0, held = 0;
  for (size_t i = 0; i < size && digit_of(text[i]) >= 0; i++) {
    bits = bits << 6 | (unsigned)digit_of(text[i]);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    *to++ = (char)(bits >> held);
  }
  return to;
}

/* RFC 2047: encoded-words decoded, the blanks between two of them gone. */
static const char *words_decoded(const char *value) {
  static const char start[] = "=?UTF-8?B?";
  char *result = arena_alloc(arena, strlen(value) + 1), *to = result;
  while (*value) {
    if (strncasecmp(value, start, strlen(start)) != 0) {
      *to++ = *value++;
      continue;
    }
    const char *end = strstr(value, "?=");
    CU_ASSERT_FATAL(end && end + 2 - value <= 75);
    const char *word = value + strlen(start), *begin = to;
    to = base64_decoded(word, (size_t)(end - word), to);
    CU_ASSERT(utf8_length(begin, (size_t)(to - begin)) >= 0); /* characters are not divided (RFC 2047, 5) */
    value = end + 2;
    const char *next = value + strspn(value, " \t");
    if (strncasecmp(next, start, strlen(start)) == 0) value = next;
  }
  *to = '\0';
  return result;
}

/* RFC 2045, 6.7; lines come out ending in LF. */
static const char *quoted_decoded(const char *body) {
  char *result = arena_alloc(arena, strlen(body) + 1), *to = result;
  while (*body) {
    if (*body == '\r') {
      body++;
    } else if (*body != '=') {
      *to++ = *body++;
    } else if (body[1] == '\r' || body[1] == '\n') {
      body += body[1] == '\r' ? 3 : 2;
    } else {
      char digits[3] = {body[1], body[2], '\0'};
      *to++ = (char)strtol(digits, NULL, 16);
      body += 3;
    }
  }
  *to = '\0';
  return result;
}

/* The body as it was given, whatever its encoding. */
static const char *body_decoded(const char *message) {
  bool quoted = strcmp(value_of(message, "Content-Transfer-Encoding"), "quoted-printable") == 0;
  return quoted ? quoted_decoded(body_of(message)) : body_of(message);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_whole(void) {
  const char *message = compose_body("Dear Ada,\nthank you.", MAIL_FORM_FILE);
  CU_ASSERT_STRING_EQUAL(message,
                         "From: OrderShop <shop@localhost>\n"
                         "To: ada@example.com\n"
                         "Subject: Hello\n"
                         "Date: Mon, 28 Jan 2019 18:21:18 +0000\n"
                         "Message-ID: <6f1c2a34-0000-4000-8000-00000000abcd@ordershop>\n"
                         "Auto-Submitted: auto-generated\n"
                         "X-Auto-Response-Suppress: OOF, AutoReply\n"
                         "MIME-Version: 1.0\n"
                         "Content-Type: text/plain; charset=utf-8\n"
                         "Content-Transfer-Encoding: 7bit\n"
                         "\n"
                         "Dear Ada,\nthank you.\n");
}

static void test_traceparent(void) {
  static const char traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  Ordershop__V1__Mail mail = mail_of("ada@example.com", "Hello", "");
  mail.traceparent = (char *)traceparent;
  CU_ASSERT_STRING_EQUAL(value_of(compose("OrderShop", &mail, MAIL_FORM_FILE), "Traceparent"), traceparent);
  mail.traceparent = (char *)"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nX: y";
  CU_ASSERT_PTR_NULL(strstr(compose("OrderShop", &mail, MAIL_FORM_FILE), "Traceparent"));
}

static void test_same_bytes(void) {
  const char *first = compose_body("Grüße\n", MAIL_FORM_SMTP);
  CU_ASSERT_STRING_EQUAL(first, compose_body("Grüße\n", MAIL_FORM_SMTP));
}

static void test_subject_words(void) {
  static const char *const subjects[] = {"Grüße aus Köln", "=?utf-8?B?SGVsbG8=?=",
                                         "日本語の件名です。とても長いので、いくつかの語に分けられます。終わり。",
                                         "mixed ascii and ünicode, with blanks  in   a row", "\xF0\x9F\x98\x80 emoji"};
  for (size_t i = 0; i < SUITE_SIZE(subjects); i++) {
    const char *message = compose_subject(subjects[i]);
    CU_ASSERT_STRING_EQUAL(words_decoded(value_of(message, "Subject")), subjects[i]);
    CU_ASSERT_PTR_NOT_NULL(strcasestr(value_of(message, "Subject"), "=?utf-8?B?"));
    CU_ASSERT(longest_line(message) <= 78);
  }
}

static void test_subject_longest(void) {
  static const char *const units[] = {"a", "ä", "日", "\xF0\x9F\x98\x80"};
  for (size_t i = 0; i < SUITE_SIZE(units); i++) {
    const char *subject = repeat(units[i], 256);
    CU_ASSERT_STRING_EQUAL(words_decoded(value_of(compose_subject(subject), "Subject")), subject);
  }
}

static void test_subject_folded(void) {
  const char *subject = arena_printf(arena, "%send", repeat("0123456789 ", 20));
  const char *message = compose_subject(subject);
  CU_ASSERT_STRING_EQUAL(value_of(message, "Subject"), subject);
  CU_ASSERT(longest_line(message) <= 78);
  CU_ASSERT_PTR_NULL(strstr(message, "\n \n"));
}

/* GMime is not asked for these; a mail that an earlier version has sent must have the same bytes when it is sent again.
 */
static void test_short_fields_as_gmime_writes_them(void) {
  Ordershop__V1__Mail mail = mail_of("ada@example.com", "Hello", "Hello\n");
  CU_ASSERT_PTR_NOT_NULL(strstr(compose_subject("Grüße"), "\nSubject: =?UTF-8?B?R3LDvMOfZQ==?=\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(compose_subject("  Hello  there "), "\nSubject: Hello  there\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(compose("Order Shop ", &mail, MAIL_FORM_FILE), "From: Order Shop <shop@localhost>\n"));
  CU_ASSERT_PTR_NOT_NULL(
      strstr(compose("Shop, Inc.", &mail, MAIL_FORM_FILE), "From: \"Shop, Inc.\" <shop@localhost>\n"));
}

static void test_subject_blanks_at_end(void) {
  for (size_t blanks = 1; blanks <= 100; blanks++) {
    const char *subject = arena_printf(arena, "%send", repeat("0123456789 ", 6));
    const char *message = compose_subject(arena_printf(arena, "%s%s", subject, repeat(" ", blanks)));
    CU_ASSERT_STRING_EQUAL(value_of(message, "Subject"), subject);
    CU_ASSERT(longest_line(message) <= 78);
  }
}

static void test_word_too_long(void) {
  const char *subject = repeat("x", 5000);
  const char *message = compose_subject(subject);
  CU_ASSERT_STRING_EQUAL(words_decoded(value_of(message, "Subject")), subject);
  CU_ASSERT(longest_line(message) <= 78);
}

/* Whatever a value holds, the message has the ten header fields that it always has, each once. */
static void check_only_own_headers(const char *message) {
  static const char *const names[] = {"From",
                                      "To",
                                      "Subject",
                                      "Date",
                                      "Message-ID",
                                      "Auto-Submitted",
                                      "X-Auto-Response-Suppress",
                                      "MIME-Version",
                                      "Content-Type",
                                      "Content-Transfer-Encoding"};
  size_t lines = 0;
  for (const char *at = headers_of(message); *at; at++) lines += *at == '\n';
  CU_ASSERT_EQUAL(lines, SUITE_SIZE(names) + 1);
  for (size_t i = 0; i < SUITE_SIZE(names); i++) {
    CU_ASSERT_PTR_NULL(strpbrk(value_of(message, names[i]), "\r\n\x0B\x0C\x1F\x7F"));
  }
  /* An address or an id has no encoded-words (RFC 2047, 5). */
  CU_ASSERT_PTR_NULL(strpbrk(words_decoded(value_of(message, "From")), "\r\n\x0B\x0C\x1F\x7F"));
  CU_ASSERT_PTR_NULL(strpbrk(words_decoded(value_of(message, "Subject")), "\r\n\x0B\x0C\x1F\x7F"));
}

static void test_injection(void) {
  static const char *const attacks[] = {"a\r\nBcc: x@example.com",
                                        "a\nBcc: x@example.com",
                                        "a\rBcc: x@example.com",
                                        "a\r\n\r\nbody",
                                        "\r\nBcc: x",
                                        "a\n Bcc: x",
                                        "a\xE2\x80\xA8"
                                        "Bcc: x",
                                        "\xC2\x85"
                                        "Bcc: x",
                                        "a\x0B\x0C\x1F\x7F",
                                        "\n",
                                        "ü\r\nBcc: x@example.com",
                                        "a\x80\xFF\nBcc: x",
                                        "=?utf-8?B?DQpCY2M6IHg=?=",
                                        "\"\r\n\"Bcc: x <y@z>"};
  for (size_t i = 0; i < SUITE_SIZE(attacks); i++) {
    for (int form = MAIL_FORM_FILE; form <= MAIL_FORM_SMTP; form++) {
      Ordershop__V1__Mail in_subject = mail_of("ada@example.com", attacks[i], "body\n");
      Ordershop__V1__Mail in_address = mail_of(attacks[i], "subject", "body\n");
      Ordershop__V1__Mail in_id = mail_of("ada@example.com", "subject", "body\n");
      in_id.id = (char *)attacks[i];
      check_only_own_headers(compose("OrderShop", &in_subject, (enum mail_form)form));
      check_only_own_headers(compose("OrderShop", &in_address, (enum mail_form)form));
      check_only_own_headers(compose("OrderShop", &in_id, (enum mail_form)form));
      check_only_own_headers(compose(attacks[i], &in_subject, (enum mail_form)form));
    }
  }
}

static void test_sender_names(void) {
  Ordershop__V1__Mail mail = mail_of("ada@example.com", "Hello", "Hello\n");
  CU_ASSERT_STRING_EQUAL(value_of(compose("", &mail, MAIL_FORM_FILE), "From"), "shop@localhost");
  CU_ASSERT_STRING_EQUAL(value_of(compose("Shop, \"the\" best", &mail, MAIL_FORM_FILE), "From"),
                         "\"Shop, \\\"the\\\" best\" <shop@localhost>");
  static const char *const encoded[] = {"Müllers Lädchen", "=?utf-8?B?SGVsbG8=?=",
                                        "日本語の店です。とても長いので、いくつかの語に分けられます。終わり。"};
  for (size_t i = 0; i < SUITE_SIZE(encoded); i++) {
    const char *message = compose(encoded[i], &mail, MAIL_FORM_FILE);
    const char *from = words_decoded(value_of(message, "From"));
    CU_ASSERT(strncmp(from, encoded[i], strlen(encoded[i])) == 0);
    CU_ASSERT_STRING_EQUAL(from + strlen(encoded[i]) + 1, "<shop@localhost>");
    CU_ASSERT(longest_line(message) <= 78);
  }
}

static void test_sender_parse(void) {
  const struct mail_sender *sender = mail_sender_parse(arena, "Order Shop <shop@example.com>");
  CU_ASSERT_FATAL(sender != NULL);
  CU_ASSERT_STRING_EQUAL(sender->name, "Order Shop");
  CU_ASSERT_STRING_EQUAL(sender->address, "shop@example.com");
  sender = mail_sender_parse(arena, "\"Shop, \\\"the\\\" best\" <shop@example.com>");
  CU_ASSERT_FATAL(sender != NULL);
  CU_ASSERT_STRING_EQUAL(sender->name, "Shop, \"the\" best");
  sender = mail_sender_parse(arena, "shop@example.com");
  CU_ASSERT_FATAL(sender != NULL);
  CU_ASSERT_STRING_EQUAL(sender->name, "");
  CU_ASSERT_STRING_EQUAL(sender->address, "shop@example.com");
  static const char *const wrong[] = {"",         "Order Shop",  "Order Shop <>", "Shop <a@b", "Shop <a@b> x",
                                      "a@b\r\nc", "Shop <a b@c>"};
  for (size_t i = 0; i < SUITE_SIZE(wrong); i++) CU_ASSERT_PTR_NULL(mail_sender_parse(arena, wrong[i]));
}

static void test_body_utf8(void) {
  const char *body = "Grüße: EUR 12.34 = viel \n\tTab \t\nEnde";
  const char *file = compose_body(body, MAIL_FORM_FILE), *smtp = compose_body(body, MAIL_FORM_SMTP);
  CU_ASSERT_STRING_EQUAL(value_of(file, "Content-Transfer-Encoding"), "8bit");
  CU_ASSERT_STRING_EQUAL(body_of(file), arena_printf(arena, "%s\n", body));
  CU_ASSERT_STRING_EQUAL(value_of(smtp, "Content-Transfer-Encoding"), "quoted-printable");
  CU_ASSERT_STRING_EQUAL(quoted_decoded(body_of(smtp)), arena_printf(arena, "%s\n", body));
  for (const char *at = smtp; *at; at++) CU_ASSERT((unsigned char)*at < 128);
}

static void test_body_long_lines(void) {
  static const size_t lengths[] = {75, 76, 77, 998, 999, 100000};
  static const char *const units[] = {"a", "ü", "=", " "};
  for (size_t i = 0; i < SUITE_SIZE(lengths) * SUITE_SIZE(units); i++) {
    const char *line = repeat(units[i % SUITE_SIZE(units)], lengths[i / SUITE_SIZE(units)]);
    for (int form = MAIL_FORM_FILE; form <= MAIL_FORM_SMTP; form++) {
      const char *message = compose_body(arena_printf(arena, "%s\n%s\n", line, line), (enum mail_form)form);
      CU_ASSERT(longest_line(message) <= 998);
      bool quoted = strstr(message, "quoted-printable");
      CU_ASSERT(!quoted || longest_line(body_of(message)) <= 76);
      const char *body = body_decoded(message);
      CU_ASSERT(strncmp(body, line, strlen(line)) == 0);
      if (quoted) CU_ASSERT_STRING_EQUAL(body, arena_printf(arena, "%s\n%s\n", line, line));
    }
  }
}

static void test_body_mostly_beyond_ascii(void) {
  const char *body = "日本語の本文です。\n終わり。\n", *message = compose_body(body, MAIL_FORM_SMTP);
  CU_ASSERT_STRING_EQUAL(value_of(message, "Content-Transfer-Encoding"), "quoted-printable");
  CU_ASSERT_STRING_EQUAL(body_decoded(message), body);
}

static void test_body_controls(void) {
  const char *body =
      "a\rb\x01"
      "c\x7F\n";
  for (int form = MAIL_FORM_FILE; form <= MAIL_FORM_SMTP; form++) {
    const char *message = compose_body(body, (enum mail_form)form);
    CU_ASSERT_STRING_EQUAL(value_of(message, "Content-Transfer-Encoding"), "quoted-printable");
    CU_ASSERT_STRING_EQUAL(quoted_decoded(body_of(message)), body);
  }
}

static void test_crlf(void) {
  const char *message = compose_body("one\n\n.\n..\ntwo", MAIL_FORM_SMTP);
  for (const char *at = message; *at; at++) {
    if (*at == '\n') CU_ASSERT(at > message && at[-1] == '\r');
    if (*at == '\r') CU_ASSERT(at[1] == '\n');
  }
  CU_ASSERT_STRING_EQUAL(body_of(message), "one\r\n\r\n.\r\n..\r\ntwo\r\n");
}

static void test_empty_body(void) {
  CU_ASSERT_STRING_EQUAL(body_of(compose_body("", MAIL_FORM_SMTP)), "\r\n");
}

static void test_addresses(void) {
  CU_ASSERT(mail_address_is_safe("ada.lovelace+shop@example.com"));
  static const char *const unsafe[] = {
      "a@b>\r\nRCPT TO:<c@d", "a@b c", "<a@b>", "a@b,c@d", "\"a b\"@c", "ä@b", "a", ""};
  for (size_t i = 0; i < SUITE_SIZE(unsafe); i++) CU_ASSERT_FALSE(mail_address_is_safe(unsafe[i]));
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a mail becomes a message of RFC 5322 with a Message-ID of its id", test_whole},
      {"what it is sent for is in the header, if it is traced", test_traceparent},
      {"the same mail always becomes the same bytes", test_same_bytes},
      {"a subject beyond ASCII is encoded in words that are not too long", test_subject_words},
      {"the longest subjects of any script survive", test_subject_longest},
      {"a long subject is folded at blanks", test_subject_folded},
      {"short header fields have the bytes that GMime gives them", test_short_fields_as_gmime_writes_them},
      {"blanks at the end of a subject make no line of their own", test_subject_blanks_at_end},
      {"a word that is too long for a line is encoded", test_word_too_long},
      {"line breaks and controls in any value add no header field and end none", test_injection},
      {"the sender's name is quoted or encoded where it must be", test_sender_names},
      {"a sender is an address with or without a name", test_sender_parse},
      {"UTF-8 goes into files as it is and to servers in 7 bit", test_body_utf8},
      {"lines longer than RFC 5322 allows are divided and come together again", test_body_long_lines},
      {"a text that is mostly beyond ASCII keeps its line breaks", test_body_mostly_beyond_ascii},
      {"control characters of a body are encoded", test_body_controls},
      {"to servers every line ends in CRLF", test_crlf},
      {"an empty body is an empty line", test_empty_body},
      {"addresses with syntax of SMTP are not safe", test_addresses},
  };
  return suite_main("mail message", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
