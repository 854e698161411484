/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_line.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

enum {
  ESCAPE_MAX = 8,                   /* bytes that one code point may become: \u001b */
  TAIL = 8,                         /* bytes kept for `..."}` and the line feed */
  VALUE_END = LOG_LINE_MAX - TAIL,  /* values grow up to here */
  FIELD_MAX = VALUE_END - 2 * TAIL, /* a field starts only if its key ends before this */
};

static void put(struct log_line *line, const char *bytes, size_t size) {
  if (size > sizeof(line->bytes) - line->size) return;
  memcpy(line->bytes + line->size, bytes, size);
  line->size += size;
}

static void put_text(struct log_line *line, const char *text) {
  put(line, text, strlen(text));
}

static void put_control(struct log_line *line, uint32_t point) {
  static const char short_forms[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
  static const char digits[] = "0123456789abcdef";
  if (point < sizeof(short_forms) && short_forms[point]) {
    put(line, (char[]){'\\', short_forms[point]}, 2);
  } else {
    put_text(line, "\\u");
    for (int shift = 12; shift >= 0; shift -= 4) put(line, &digits[point >> shift & 15], 1);
  }
}

/* Control characters, quotes and backslashes as in JSON; bytes that are not UTF-8 as U+FFFD. */
static void put_escaped(struct log_line *line, const char *value) {
  const unsigned char *at = (const unsigned char *)value, *end = at + strlen(value);
  while (at < end) {
    if (line->size > VALUE_END - ESCAPE_MAX) {
      put_text(line, "...");
      return;
    }
    uint32_t point;
    size_t step = utf8_decode(at, (size_t)(end - at), &point);
    if (step == 0) {
      put_text(line, "\xEF\xBF\xBD");
      step = 1;
    } else if (utf8_is_control(point)) {
      put_control(line, point);
    } else if (point == '"' || point == '\\') {
      char escape[] = {'\\', (char)point};
      put(line, escape, sizeof(escape));
    } else {
      put(line, (const char *)at, step);
    }
    at += step;
  }
}

/* logfmt leaves plain words without quotes. */
static bool is_plain(const char *value) {
  for (; *value; value++) {
    unsigned char c = (unsigned char)*value;
    if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

void log_line_begin(struct log_line *line, enum log_format format) {
  line->format = format;
  line->size = 0;
  if (format == LOG_JSON) put_text(line, "{");
}

static void add_json(struct log_line *line, const char *key, const char *value) {
  put_text(line, line->size > 1 ? ",\"" : "\"");
  put_escaped(line, key);
  put_text(line, "\":\"");
  put_escaped(line, value);
  put_text(line, "\"");
}

static void add_logfmt(struct log_line *line, const char *key, const char *value) {
  if (line->size > 0) put_text(line, " ");
  put_text(line, key);
  put_text(line, "=");
  bool plain = is_plain(value);
  if (!plain) put_text(line, "\"");
  put_escaped(line, value);
  if (!plain) put_text(line, "\"");
}

void log_line_add(struct log_line *line, const char *key, const char *value) {
  if (line->size + strlen(key) > FIELD_MAX) return;
  if (!value) value = "";
  if (line->format == LOG_JSON) {
    add_json(line, key, value);
  } else {
    add_logfmt(line, key, value);
  }
}

void log_line_end(struct log_line *line) {
  put_text(line, line->format == LOG_JSON ? "}\n" : "\n");
}
