#include "mail_text.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

enum {
  LINE_MOST = 78,         /* RFC 5322, 2.1.1: should */
  PLAIN_MOST = 900,       /* so that a line without a blank stays below 998: must */
  ENCODED_LINE_MOST = 76, /* RFC 2045, 6.7 (5) and RFC 2047, 2 */
  WORD_BYTES_MOST = 45,   /* 60 characters of base64 and 12 of =?utf-8?B??= stay below an encoded-word's 75 */
};

struct mail_text mail_text_of(struct arena *arena, size_t room) {
  return (struct mail_text){.arena = arena, .bytes = arena_alloc(arena, room), .room = room};
}

static void make_room(struct mail_text *text, size_t size) {
  if (text->size + size <= text->room) return;
  size_t room = 2 * (text->size + size);
  char *bytes = arena_alloc(text->arena, room);
  memcpy(bytes, text->bytes, text->size);
  text->bytes = bytes;
  text->room = room;
}

void mail_text_add(struct mail_text *text, const void *bytes, size_t size) {
  make_room(text, size);
  memcpy(text->bytes + text->size, bytes, size);
  text->size += size;
}

void mail_text_add_string(struct mail_text *text, const char *string) {
  mail_text_add(text, string, strlen(string));
}

/* ---- header fields ---------------------------------------------------------------------------------------------- */

/* A copy in which every control character is a blank and what is no UTF-8 a question mark. */
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

bool mail_text_is_plain(const char *value) {
  for (const char *at = value; *at; at++) {
    if ((unsigned char)*at > 126 || (unsigned char)*at < ' ') return false;
  }
  /* "=?" would be read as the start of an encoded-word */
  return strlen(value) <= PLAIN_MOST && !strstr(value, "=?");
}

/* Words of ASCII; a line break goes before a blank that is followed by something. */
static void add_words(struct mail_text *text, size_t column, const char *value) {
  while (*value) {
    size_t blanks = strspn(value, " "), length = blanks + strcspn(value + blanks, " ");
    if (blanks && length > blanks && column + length > LINE_MOST) {
      mail_text_add(text, "\n", 1);
      column = 0;
    }
    mail_text_add(text, value, length);
    column += length;
    value += length;
  }
}

static void add_base64(struct mail_text *text, const unsigned char *bytes, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    uint32_t group = (uint32_t)bytes[i] << 16;
    if (i + 1 < size) group |= (uint32_t)bytes[i + 1] << 8;
    if (i + 2 < size) group |= bytes[i + 2];
    char quad[4] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63], digits[group & 63]};
    if (i + 1 >= size) quad[2] = '=';
    if (i + 2 >= size) quad[3] = '=';
    mail_text_add(text, quad, sizeof quad);
  }
}

static void add_encoded_words(struct mail_text *text, size_t column, const char *value) {
  /* 45 bytes leave no room behind a field's name: the first word is shorter */
  size_t most = (ENCODED_LINE_MOST - 12 - column) / 4 * 3;
  if (most > WORD_BYTES_MOST) most = WORD_BYTES_MOST;
  while (*value) {
    size_t size = utf8_cut(value, most); /* characters are not divided (RFC 2047, 5) */
    mail_text_add_string(text, "=?utf-8?B?");
    add_base64(text, (const unsigned char *)value, size);
    mail_text_add_string(text, "?=");
    value += size;
    if (*value) mail_text_add_string(text, "\n ");
    most = WORD_BYTES_MOST;
  }
}

void mail_text_add_header(struct mail_text *text, const char *name, const char *value) {
  size_t column = strlen(name) + 2;
  char *clean = without_controls(text->arena, value);
  mail_text_add_string(text, name);
  mail_text_add_string(text, ": ");
  if (mail_text_is_plain(clean)) {
    add_words(text, column, clean);
  } else {
    add_encoded_words(text, column, clean);
  }
  mail_text_add(text, "\n", 1);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

/* Must the byte at `at` be written as =XX? Blanks only where a line ends, for they get lost there. */
static bool needs_quoting(const char *at, const char *end) {
  unsigned char byte = (unsigned char)*at;
  if (byte == '=' || byte > 126) return true;
  if (byte != ' ' && byte != '\t') return byte < ' ';
  return at + 1 == end || at[1] == '\n';
}

void mail_text_add_quoted_printable(struct mail_text *text, const char *bytes, size_t size) {
  static const char digits[] = "0123456789ABCDEF";
  size_t column = 0;
  for (const char *at = bytes, *end = bytes + size; at < end; at++) {
    if (*at == '\n') {
      mail_text_add(text, "\n", 1);
      column = 0;
      continue;
    }
    unsigned char byte = (unsigned char)*at;
    char quoted[3] = {'=', digits[byte >> 4], digits[byte & 15]};
    bool quote = needs_quoting(at, end);
    size_t length = quote ? 3 : 1;
    if (column + length >= ENCODED_LINE_MOST) {
      mail_text_add(text, "=\n", 2);
      column = 0;
    }
    mail_text_add(text, quote ? quoted : at, length);
    column += length;
  }
}
