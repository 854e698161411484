/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_message.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/field_rules.h"
#include "base/timestamp.h"
#include "base/utf8.h"
#include "base/violations.h"

/* ---- addresses -------------------------------------------------------------------------------------------------- */

bool mail_address_is_safe(const char *address) {
  struct arena *arena = arena_new();
  struct violations violations = violations_of(arena);
  check_email(&violations, "address", address);
  arena_free(arena);
  return violations.count == 0;
}

static const char *without_quotes(char *name) {
  if (*name == '"') g_mime_utils_unquote_string(name);
  return name;
}

const struct mail_sender *mail_sender_parse(struct arena *arena, const char *text) {
  struct mail_sender *sender = arena_alloc(arena, sizeof *sender);
  const char *open = strrchr(text, '<');
  size_t length = strlen(text);
  if (!open) {
    *sender = (struct mail_sender){.name = "", .address = arena_strdup(arena, text)};
  } else {
    if (text[length - 1] != '>') return NULL;
    size_t name_size = (size_t)(open - text);
    while (name_size > 0 && text[name_size - 1] == ' ') name_size--;
    *sender = (struct mail_sender){.name = without_quotes(arena_memdup(arena, text, name_size)),
                                   .address = arena_memdup(arena, open + 1, (size_t)(text + length - open - 2))};
  }
  return mail_address_is_safe(sender->address) ? sender : NULL;
}

/* ---- values of header fields ------------------------------------------------------------------------------------ */

/* A copy in which every control character is a blank and what is not UTF-8 a question mark: whatever the value holds,
 * it stays the value of one field. The field rules refuse such values long before. */
static char *without_controls(struct arena *arena, const char *value) {
  char *copy = arena_strdup(arena, value);
  unsigned char *at = (unsigned char *)copy, *end = at + strlen(copy);
  while (at < end) {
    uint32_t point;
    size_t step = utf8_decode(at, (size_t)(end - at), &point);
    if (step == 0) {
      *at++ = '?';
      continue;
    }
    if (utf8_is_control(point)) memset(at, ' ', step);
    at += step;
  }
  return copy;
}

static bool is_ascii(const char *value) {
  for (const char *at = value; *at; at++) {
    if ((unsigned char)*at > 126) return false;
  }
  return true;
}

/* Returns whether a header field may hold it as it is: "=?" would be read as the beginning of an encoded-word, and a
 * word that is too long for a line can't be folded. */
static bool is_plain(const char *value) {
  enum { WORD_MAX = 60 };
  if (!is_ascii(value) || strstr(value, "=?")) return false;
  for (size_t length; *value; value += length + strspn(value + length, " ")) {
    length = strcspn(value, " ");
    if (length > WORD_MAX) return false;
  }
  return true;
}

/* The value of an unstructured field, or a person's name, as encoded-words (RFC 2047) where it needs them; GMime then
 * quotes and folds it. GMime's own encoder isn't used: it counts 39 characters a word, which may be 156 bytes and far
 * more than the 75 that a word may have, and takes "=?" for a word that is encoded already (GMime 3.2). */
static const char *encoded(struct arena *arena, const char *value) {
  enum { FIRST_BYTES_MAX = 39, BYTES_MAX = 45 }; /* so that lines stay below 76, the first one with the field's name */
  const char *left = without_controls(arena, value), *words = "";
  if (is_plain(left)) return left;
  while (*left) {
    size_t size = utf8_cut(left, *words ? BYTES_MAX : FIRST_BYTES_MAX); /* characters are not divided (RFC 2047, 5) */
    char *base64 = g_base64_encode((const guchar *)left, size);
    words = arena_printf(arena, "%s%s=?utf-8?B?%s?=", words, *words ? " " : "", base64);
    g_free(base64);
    left += size;
  }
  return words;
}

/* ---- the message ------------------------------------------------------------------------------------------------ */

static void add_address(InternetAddressList *list, const char *name, const char *address) {
  InternetAddress *mailbox = internet_address_mailbox_new(*name ? name : NULL, address);
  internet_address_list_add(list, mailbox);
  g_object_unref(mailbox);
}

static void set_header(GMimeMessage *message, const char *name, const char *value) {
  g_mime_object_set_header(GMIME_OBJECT(message), name, value, NULL);
}

/* No person has written it and none waits for an answer: no responder is to send one (RFC 3834, 5), nor an Exchange
 * server ([MS-OXCMAIL], 2.1.3.2.20), while non-delivery reports are welcome: so the envelope's sender isn't empty. No
 * Precedence, which RFC 3834 describes as an old custom of mailing lists. */
static void add_automatic(GMimeMessage *message) {
  set_header(message, "Auto-Submitted", "auto-generated");
  set_header(message, "X-Auto-Response-Suppress", "OOF, AutoReply");
}

static void set_date(GMimeMessage *message, int64_t unix_us) {
  GDateTime *date = g_date_time_new_from_unix_utc(unix_us / 1000000);
  g_mime_message_set_date(message, date);
  g_date_time_unref(date);
}

/* A CR that ends no line may not be sent (RFC 5321, 2.3.8), and other controls get lost on the way. */
static bool has_controls(const char *body) {
  for (const char *at = body; *at; at++) {
    if (*at == 127 || ((unsigned char)*at < ' ' && *at != '\n' && *at != '\t')) return true;
  }
  return false;
}

/* The text stays as it is where the form allows its bytes and its lines are short enough (RFC 2045, 2.7 and 2.8). Never
 * base64, whose text would need its lines to end in CRLF before it is encoded (RFC 2045, 6.8). */
static GMimeContentEncoding encoding_of(GMimePart *part, const char *body, enum mail_form form) {
  bool seven_bit = form == MAIL_FORM_SMTP;
  GMimeContentEncoding best = g_mime_part_get_best_content_encoding(
      part, seven_bit ? GMIME_ENCODING_CONSTRAINT_7BIT : GMIME_ENCODING_CONSTRAINT_8BIT);
  if (best != GMIME_CONTENT_ENCODING_DEFAULT || has_controls(body)) return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
  return is_ascii(body) ? GMIME_CONTENT_ENCODING_7BIT : GMIME_CONTENT_ENCODING_8BIT;
}

static void add_body(GMimeMessage *message, const char *body, enum mail_form form) {
  GMimeStream *bytes = g_mime_stream_mem_new_with_buffer(body, strlen(body));
  GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(bytes, GMIME_CONTENT_ENCODING_DEFAULT);
  GMimePart *part = g_mime_part_new_with_type("text", "plain");
  g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
  g_mime_part_set_content(part, content);
  g_mime_part_set_content_encoding(part, encoding_of(part, body, form));
  g_mime_message_set_mime_part(message, GMIME_OBJECT(part));
  g_object_unref(part);
  g_object_unref(content);
  g_object_unref(bytes);
}

static GMimeMessage *message_of(struct arena *arena, const Ordershop__V1__Mail *mail, const struct mail_sender *from,
                                enum mail_form form) {
  size_t size = strlen(mail->body);
  bool ended = size > 0 && mail->body[size - 1] == '\n';
  GMimeMessage *message = g_mime_message_new(FALSE);
  add_address(g_mime_message_get_from(message), encoded(arena, from->name), from->address);
  add_address(g_mime_message_get_to(message), "", without_controls(arena, mail->to));
  set_header(message, "Subject", encoded(arena, mail->subject));
  set_date(message, timestamp_unix_us(mail->create_time));
  set_header(message, "Message-ID", arena_printf(arena, "<%s@ordershop>", without_controls(arena, mail->id)));
  add_automatic(message);
  add_body(message, ended ? mail->body : arena_printf(arena, "%s\n", mail->body), form);
  return message;
}

static struct mail_message written(struct arena *arena, GMimeMessage *message, GMimeNewLineFormat newline) {
  GMimeFormatOptions *options = g_mime_format_options_new();
  g_mime_format_options_set_newline_format(options, newline);
  GByteArray *bytes = g_byte_array_new();
  GMimeStream *stream = g_mime_stream_mem_new_with_byte_array(bytes); /* owns the array */
  g_mime_object_write_to_stream(GMIME_OBJECT(message), options, stream);
  struct mail_message result = {.bytes = arena_memdup(arena, (char *)bytes->data, bytes->len), .size = bytes->len};
  g_object_unref(stream);
  g_mime_format_options_free(options);
  return result;
}

struct mail_message mail_message_compose(struct arena *arena, const Ordershop__V1__Mail *mail,
                                         const struct mail_sender *from, enum mail_form form) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, g_mime_init);
  GMimeMessage *message = message_of(arena, mail, from, form);
  bool crlf = form == MAIL_FORM_SMTP;
  struct mail_message result = written(arena, message, crlf ? GMIME_NEWLINE_FORMAT_DOS : GMIME_NEWLINE_FORMAT_UNIX);
  g_object_unref(message);
  return result;
}
