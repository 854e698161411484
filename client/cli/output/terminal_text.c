/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/terminal_text.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"

/* U+061C, U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069: they reorder what stands around them. */
static bool turns_direction(uint32_t point) {
  return point == 0x061c || point == 0x200e || point == 0x200f || (point >= 0x202a && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

static const char *escape(struct arena *arena, uint32_t point) {
  if (point == '\n') return "\\n";
  if (point == '\t') return "\\t";
  return point < 0x100 ? arena_printf(arena, "\\x%02x", point) : arena_printf(arena, "\\u%04x", point);
}

static const char *make_safe(struct arena *arena, const char *text, const char *allowed) {
  size_t size = strlen(text);
  char *safe = arena_alloc(arena, 6 * size + 1); /* the longest escape: \u202e */
  char *out = safe;
  for (size_t i = 0; i < size;) {
    uint32_t point;
    size_t length = utf8_decode((const unsigned char *)text + i, size - i, &point);
    bool valid = length > 0;
    if (!valid) point = (unsigned char)text[i];
    bool shown =
        valid && !turns_direction(point) && (!utf8_is_control(point) || (point < 128 && strchr(allowed, (int)point)));
    out = shown ? mempcpy(out, text + i, length) : stpcpy(out, escape(arena, point));
    i += valid ? length : 1;
  }
  *out = '\0';
  return safe;
}

const char *terminal_line(struct arena *arena, const char *text) {
  return make_safe(arena, text, "");
}

const char *terminal_lines(struct arena *arena, const char *text) {
  return make_safe(arena, text, "\n\t");
}

/* Bytes of the character that the text begins with; *ret_columns is how many columns it takes. */
static size_t next_character(const char *text, size_t size, size_t *ret_columns) {
  uint32_t point;
  size_t length = utf8_decode((const unsigned char *)text, size, &point);
  int columns = length > 0 ? wcwidth((wchar_t)point) : -1;
  *ret_columns = columns >= 0 ? (size_t)columns : 1;
  return length > 0 ? length : 1;
}

size_t terminal_width(const char *line) {
  size_t size = strlen(line), width = 0, columns;
  for (size_t i = 0; i < size; width += columns) i += next_character(line + i, size - i, &columns);
  return width;
}

const char *terminal_cut(struct arena *arena, const char *line, size_t columns) {
  if (terminal_width(line) <= columns) return line;
  size_t size = strlen(line), width = 0, kept = 0;
  while (columns > 0 && kept < size) {
    size_t taken, length = next_character(line + kept, size - kept, &taken);
    if (width + taken > columns - 1) break;
    width += taken;
    kept += length;
  }
  return columns > 0 ? arena_printf(arena, "%.*s\xe2\x80\xa6", (int)kept, line) : "";
}
