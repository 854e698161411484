/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_message.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/email.h"
#include "base/timestamp.h"
#include "base/traceparent.h"
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
 * more than the 75 that a word may have, and takes "=?" for a word that is encoded already (GMime 3.2). Blanks at the
 * end go: folded before them, the value would have a line of nothing else. */
static const char *encoded(struct arena *arena, const char *value) {
  enum { FIRST_BYTES_MAX = 39, BYTES_MAX = 45 }; /* so that lines stay below 76, the first one with the field's name */
  const char *left = g_strchomp(without_controls(arena, value)), *words = "";
  if (is_plain(left)) return left;
  while (*left) {
    size_t size = utf8_cut(left, *words ? BYTES_MAX : FIRST_BYTES_MAX); /* characters are not divided (RFC 2047, 5) */
    char *base64 = g_base64_encode((const guchar *)left, size);
    words = arena_printf(arena, "%s%s=?UTF-8?B?%s?=", words, *words ? " " : "", base64);
    g_free(base64);
    left += size;
  }
  return words;
}

/* ---- fields of the header --------------------------------------------------------------------------------------- */

/* To be called before what needs it. Most mails to files need nothing of it, and their service none of its memory. */
static void begin_gmime(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, g_mime_init);
}

/* What GMime has allocated moves into the arena. */
static const char *moved(struct arena *arena, char *text) {
  const char *copy = arena_strdup(arena, text);
  g_free(text);
  return copy;
}

/* The field with its line's end, folded at blanks only, as GMime does with unstructured values: in structured ones it
 * also divides addresses, which is allowed but not understood by all. A short one, as most are, stays as it is. */
static const char *field(struct arena *arena, const char *name, const char *value) {
  enum { LENGTH_MAX = 76 };    /* of a line that GMime doesn't fold, with its end */
  value += strspn(value, " "); /* as GMime does when it folds */
  const char *line = arena_printf(arena, "%s: %s", name, value);
  if (strlen(line) < LENGTH_MAX) return arena_printf(arena, "%s\n", line);
  begin_gmime();
  return moved(arena, g_mime_utils_unstructured_header_fold(NULL, NULL, line));
}

/* Returns whether it is words of letters and digits, which are neither quoted nor encoded. */
static bool is_words(const char *name) {
  static const char letters[] = " ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return is_plain(name) && strspn(name, letters) == strlen(name);
}

static const char *mailbox(struct arena *arena, const struct mail_sender *sender) {
  if (!*sender->name) return sender->address;
  const char *name = encoded(arena, sender->name);
  if (!is_words(name)) {
    begin_gmime();
    name = moved(arena, g_mime_utils_header_encode_phrase(NULL, name, NULL));
  }
  return arena_printf(arena, "%s <%s>", name, sender->address);
}

/* No service sets a locale, so days and months are in English. GMime's function for dates is not used, since GLib's
 * dates and time zones would be in memory for it alone. */
static const char *date_of(struct arena *arena, int64_t unix_us) {
  enum { DATE_SIZE = 64 };
  time_t second = (time_t)(unix_us / 1000000);
  struct tm parts;
  gmtime_r(&second, &parts);
  char *text = arena_alloc(arena, DATE_SIZE);
  strftime(text, DATE_SIZE, "%a, %d %b %Y %H:%M:%S +0000", &parts);
  return text;
}

/* ---- the body --------------------------------------------------------------------------------------------------- */

/* What the filter makes of the text. The filter is freed. To be called after begin_gmime. */
static const char *filtered(struct arena *arena, GMimeFilter *filter, const char *text) {
  char *out;
  size_t size, before;
  g_mime_filter_complete(filter, (char *)text, strlen(text), 0, &out, &size, &before);
  const char *result = arena_memdup(arena, out, size);
  g_object_unref(filter);
  return result;
}

/* A CR that ends no line may not be sent (RFC 5321, 2.3.8), and other controls get lost on the way. */
static bool has_controls(const char *body) {
  for (const char *at = body; *at; at++) {
    if (*at == 127 || ((unsigned char)*at < ' ' && *at != '\n' && *at != '\t')) return true;
  }
  return false;
}

static bool has_long_line(const char *body) {
  enum { LINE_LENGTH_MAX = 998 }; /* RFC 5322, 2.1.1 */
  for (size_t length; *body; body += length + (body[length] == '\n')) {
    length = strcspn(body, "\n");
    if (length > LINE_LENGTH_MAX) return true;
  }
  return false;
}

/* The text stays as it is where the form allows its bytes and its lines are short enough (RFC 2045, 2.7 and 2.8). Never
 * base64, whose text would need its lines to end in CRLF before it is encoded (RFC 2045, 6.8). */
static GMimeContentEncoding encoding_of(const char *body, enum mail_form form) {
  bool ascii = is_ascii(body);
  if (has_controls(body) || has_long_line(body) || (!ascii && form == MAIL_FORM_SMTP)) {
    return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
  }
  return ascii ? GMIME_CONTENT_ENCODING_7BIT : GMIME_CONTENT_ENCODING_8BIT;
}

/* ---- the message ------------------------------------------------------------------------------------------------ */

/* No person has written it and none waits for an answer: no responder is to send one (RFC 3834, 5), nor an Exchange
 * server ([MS-OXCMAIL], 2.1.3.2.20), while non-delivery reports are welcome: so the envelope's sender isn't empty. No
 * Precedence, which RFC 3834 describes as an old custom of mailing lists. */
static const char automatic[] =
    "Auto-Submitted: auto-generated\n"
    "X-Auto-Response-Suppress: OOF, AutoReply\n";

/* With it, who reads the mail finds the trace that it is of. */
static const char *traceparent_field(struct arena *arena, const Ordershop__V1__Mail *mail) {
  return traceparent_is_valid(mail->traceparent) ? field(arena, "Traceparent", mail->traceparent) : "";
}

/* Lines end in LF. What RFCs have rules for that are easily broken is left to functions and filters of GMime; its
 * objects are not used, for to build, write and free a GMimeMessage takes ten times as long as all of this. */
static const char *message_of(struct arena *arena, const Ordershop__V1__Mail *mail, const struct mail_sender *from,
                              enum mail_form form) {
  size_t size = strlen(mail->body);
  bool ended = size > 0 && mail->body[size - 1] == '\n';
  const char *body = ended ? mail->body : arena_printf(arena, "%s\n", mail->body);
  GMimeContentEncoding encoding = encoding_of(body, form);
  if (encoding == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE) {
    begin_gmime();
    body = filtered(arena, g_mime_filter_basic_new(encoding, TRUE), body);
  }
  return arena_printf(arena,
                      "%s%s%s"
                      "Date: %s\n"
                      "Message-ID: <%s@ordershop>\n"
                      "%s%s"
                      "MIME-Version: 1.0\n"
                      "Content-Type: text/plain; charset=utf-8\n"
                      "Content-Transfer-Encoding: %s\n"
                      "\n"
                      "%s",
                      field(arena, "From", mailbox(arena, from)), field(arena, "To", without_controls(arena, mail->to)),
                      field(arena, "Subject", encoded(arena, mail->subject)),
                      date_of(arena, timestamp_unix_us(mail->create_time)), without_controls(arena, mail->id),
                      traceparent_field(arena, mail), automatic, g_mime_content_encoding_to_string(encoding), body);
}

struct mail_message mail_message_compose(struct arena *arena, const Ordershop__V1__Mail *mail,
                                         const struct mail_sender *from, enum mail_form form) {
  const char *text = message_of(arena, mail, from, form);
  if (form == MAIL_FORM_SMTP) {
    begin_gmime();
    text = filtered(arena, g_mime_filter_unix2dos_new(FALSE), text);
  }
  return (struct mail_message){.bytes = text, .size = strlen(text)};
}
