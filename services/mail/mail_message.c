#include "mail_message.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/field_rules.h"
#include "base/violations.h"
#include "mail_text.h"

enum {
  LINE_MOST = 998,    /* RFC 5322, 2.1.1: must */
  HEADER_ROOM = 1024, /* most headers are shorter */
};

/* ---- addresses -------------------------------------------------------------------------------------------------- */

bool mail_address_is_safe(const char *address) {
  struct arena *arena = arena_new();
  struct violations violations = violations_of(arena);
  check_email(&violations, "address", address);
  arena_free(arena);
  return violations.count == 0;
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
    *sender = (struct mail_sender){.name = arena_memdup(arena, text, name_size),
                                   .address = arena_memdup(arena, open + 1, (size_t)(text + length - open - 2))};
  }
  return mail_address_is_safe(sender->address) ? sender : NULL;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

/* Not strftime: its names follow the locale. */
static const char *date_text(struct arena *arena, int64_t unix_us) {
  static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  time_t seconds = (time_t)(unix_us / 1000000);
  struct tm time;
  gmtime_r(&seconds, &time);
  return arena_printf(arena, "%s, %d %s %04d %02d:%02d:%02d +0000", days[time.tm_wday], time.tm_mday,
                      months[time.tm_mon], time.tm_year + 1900, time.tm_hour, time.tm_min, time.tm_sec);
}

/* `name` as a quoted-string (RFC 5322, 3.2.4), unless it is made of words that need none. */
static const char *phrase(struct arena *arena, const char *name) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ ";
  if (name[strspn(name, plain)] == '\0') return name;
  char *quoted = arena_alloc(arena, 2 * strlen(name) + 3), *end = quoted;
  *end++ = '"';
  for (const char *at = name; *at; at++) {
    if (*at == '"' || *at == '\\') *end++ = '\\';
    *end++ = *at;
  }
  *end++ = '"';
  *end = '\0';
  return quoted;
}

static void add_sender(struct mail_text *text, const struct mail_sender *from) {
  if (mail_text_is_plain(from->name)) {
    const char *name = *from->name ? phrase(text->arena, from->name) : "";
    mail_text_add_header(text, "From", arena_printf(text->arena, "%s%s<%s>", name, *name ? " " : "", from->address));
    return;
  }
  /* encoded-words are not quoted, and only the name is encoded: the address follows in a folded line */
  mail_text_add_header(text, "From", from->name);
  mail_text_add_string(text, arena_printf(text->arena, " <%s>\n", from->address));
}

/* ---- body ------------------------------------------------------------------------------------------------------- */

struct body_traits {
  bool eight_bit; /* beyond ASCII */
  bool quoted;    /* control characters or long lines: neither 7bit nor 8bit (RFC 2045, 2.7, 2.8) */
};

static struct body_traits examine(const char *body) {
  struct body_traits traits = {0};
  size_t length = 0;
  for (const char *at = body; *at; at++) {
    unsigned char byte = (unsigned char)*at;
    length = byte == '\n' ? 0 : length + 1;
    if (byte > 126) traits.eight_bit = true;
    if (length > LINE_MOST || byte == 127 || (byte < ' ' && byte != '\n' && byte != '\t')) traits.quoted = true;
  }
  return traits;
}

static void add_body(struct mail_text *text, const char *body, enum mail_form form) {
  struct body_traits traits = examine(body);
  bool quoted = traits.quoted || (traits.eight_bit && form == MAIL_FORM_SMTP);
  const char *encoding = quoted ? "quoted-printable" : traits.eight_bit ? "8bit" : "7bit";
  mail_text_add_header(text, "Content-Transfer-Encoding", encoding);
  mail_text_add(text, "\n", 1);
  size_t size = strlen(body);
  if (quoted) {
    mail_text_add_quoted_printable(text, body, size);
  } else {
    mail_text_add(text, body, size);
  }
  if (size == 0 || body[size - 1] != '\n') mail_text_add(text, "\n", 1);
}

static struct mail_text with_crlf(const struct mail_text *text) {
  struct mail_text result = mail_text_of(text->arena, text->size + text->size / 16);
  const char *at = text->bytes, *end = at + text->size, *line_end;
  for (; (line_end = memchr(at, '\n', (size_t)(end - at))); at = line_end + 1) {
    mail_text_add(&result, at, (size_t)(line_end - at));
    mail_text_add(&result, "\r\n", 2);
  }
  return result;
}

/* No person has written it and none waits for an answer: no responder shall send one (RFC 3834, 5), nor an Exchange
 * server ([MS-OXCMAIL], 2.1.3.2.20), while non-delivery reports are welcome: so the envelope's sender isn't empty. No
 * Precedence, which RFC 3834 has as an old way of lists. */
static void add_automatic(struct mail_text *text) {
  mail_text_add_header(text, "Auto-Submitted", "auto-generated");
  mail_text_add_header(text, "X-Auto-Response-Suppress", "OOF, AutoReply");
}

struct mail_message mail_message_compose(struct arena *arena, const Ordershop__V1__Mail *mail,
                                         const struct mail_sender *from, enum mail_form form) {
  struct mail_text text = mail_text_of(arena, HEADER_ROOM + strlen(mail->body));
  add_sender(&text, from);
  mail_text_add_header(&text, "To", mail->to);
  mail_text_add_header(&text, "Subject", mail->subject);
  mail_text_add_header(&text, "Date", date_text(arena, timestamp_unix_us(mail->create_time)));
  mail_text_add_header(&text, "Message-ID", arena_printf(arena, "<%s@ordershop>", mail->id));
  add_automatic(&text);
  mail_text_add_header(&text, "MIME-Version", "1.0");
  mail_text_add_header(&text, "Content-Type", "text/plain; charset=utf-8");
  add_body(&text, mail->body, form);
  if (form == MAIL_FORM_SMTP) text = with_crlf(&text);
  return (struct mail_message){.bytes = text.bytes, .size = text.size};
}
